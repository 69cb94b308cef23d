//! Caps, deadlines and the end of a station.

use super::*;
use std::time::Instant;

fn quick() -> Limits {
    Limits {
        header_bytes: 1024,
        body_bytes: 2048,
        raw_bytes: 512,
        header_deadline: Duration::from_millis(200),
        body_deadline: Duration::from_millis(400),
        body_progress: Duration::from_millis(200),
        idle: Duration::from_millis(300),
        ..Limits::default()
    }
}

#[tokio::test]
async fn slow_peers_are_left() {
    let running = start(quick(), &[]);
    let partial = format!("GET /{HANDLE} HTTP/1.1\r\nHost");
    let body = format!("POST /{HANDLE} HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc");
    for bytes in ["", "PRI * HT", &partial, &body] {
        let began = Instant::now();
        running.talk(bytes.as_bytes()).await;
        let took = began.elapsed();
        // By default the shortest of these deadlines is 2.5 s.
        assert!(took < Duration::from_millis(2400), "{bytes}: {took:?}");
        assert!(took >= Duration::from_millis(150), "{bytes}: {took:?}");
    }
    let seen = running.recorded(2).await;
    assert_eq!(seen[0].raw, partial.as_bytes());
    assert_eq!(seen[1].raw, body.as_bytes());
    assert_eq!(seen[1].decoy.status, 408);
}

#[tokio::test]
async fn a_trickle_does_not_outlast_the_deadline() {
    let running = start(quick(), &[]);
    for head in [
        "GET / HTTP/1.1\r\nX: ",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 999\r\n\r\n",
    ] {
        let mut stream = running.connect().await;
        stream.write_all(head.as_bytes()).await.unwrap();
        let began = Instant::now();
        while stream.write_all(b"a").await.is_ok() {
            assert!(began.elapsed() < PATIENCE, "{head}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn too_much_is_refused_and_searched() {
    let running = start(quick(), &[]);
    let long = "x".repeat(4000);
    let cases = [
        (
            format!("GET /{HANDLE}?{long} HTTP/1.1\r\nHost: h\r\n\r\n"),
            &["414", "431"][..],
        ),
        (
            format!("GET /{HANDLE} HTTP/1.1\r\nHost: h\r\nX: {long}\r\n\r\n"),
            &["400", "431"],
        ),
        (
            format!(
                "GET /{HANDLE} HTTP/1.1\r\nHost: h\r\n{}\r\n",
                "a: b\r\n".repeat(120)
            ),
            &["400", "431"],
        ),
        (
            format!("POST /{HANDLE} HTTP/1.1\r\nHost: h\r\nContent-Length: 4000\r\n\r\n{long}"),
            &["413"],
        ),
        (
            format!(
                "POST /{HANDLE} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfa0\r\n{long}\r\n0\r\n\r\n"
            ),
            &["413"],
        ),
        (
            format!(
                "POST /{HANDLE} HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4000\r\n\r\n"
            ),
            &["413"],
        ),
    ];
    for (count, (request, expect)) in cases.into_iter().enumerate() {
        let answer = running.talk(request.as_bytes()).await;
        assert!(expect.contains(&status(&answer)), "{answer}\n{request}");
        let seen = running.sightings();
        assert_eq!(seen.len(), count + 1, "{request}");
        assert!(request.as_bytes().starts_with(&seen[count].raw));
        assert!(seen[count].raw.len() <= 512);
        let whole = seen[count].observed.size == seen[count].raw.len() as u64;
        assert_eq!(seen[count].observed.truncated, !whole);
    }
}

#[tokio::test]
async fn a_newcomer_takes_the_place_of_the_longest_silent_of_its_address() {
    let limits = Limits {
        connections_per_address: 2,
        ..Limits::default()
    };
    let running = start(limits, &[]);
    let request = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    let mut idle = running.connect().await;
    let mut speaks = running.connect().await;
    speaks.write_all(request).await.unwrap();
    read_answer(&mut speaks).await;
    let mut comes = running.connect().await;
    comes.write_all(request).await.unwrap();
    read_answer(&mut comes).await;
    assert_eq!(read_all(&mut idle).await, "");
    // The one that has spoken keeps its place.
    speaks.write_all(request).await.unwrap();
    read_answer(&mut speaks).await;
}

#[tokio::test]
async fn whoever_is_in_the_middle_of_something_leaves_it_on_record() {
    let limits = Limits {
        connections: 2,
        ..Limits::default()
    };
    let running = start(limits, &[]);
    let head = format!("GET /{HANDLE} HTTP/1.1\r\nHost");
    let body = format!("POST /{HANDLE} HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc");
    for begun in [&head, &body] {
        let mut stream = running.connect().await;
        stream.write_all(begun.as_bytes()).await.unwrap();
        sleep(Duration::from_millis(50)).await;
    }
    let newcomers = [running.connect().await, running.connect().await];
    let seen = running.recorded(2).await;
    assert_eq!(seen[0].raw, head.as_bytes());
    assert_eq!(seen[1].raw, body.as_bytes());
    drop(newcomers);
}

#[tokio::test]
async fn stopping_finishes_what_is_in_flight() {
    let running = start(Limits::default(), &[]);
    let mut idle = running.connect().await;
    let mut kept = running.connect().await;
    kept.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        .await
        .unwrap();
    read_answer(&mut kept).await;
    running.kept.delay.store(200, Ordering::Relaxed);
    let mut busy = running.connect().await;
    let request = format!("GET /{HANDLE} HTTP/1.1\r\nHost: h\r\n\r\n");
    busy.write_all(request.as_bytes()).await.unwrap();
    sleep(Duration::from_millis(50)).await;
    running.stop.send(true).unwrap();
    let answer = read_all(&mut busy).await;
    assert_eq!(status(&answer), "404");
    assert!(answer.contains("Connection: close"), "{answer}");
    assert_eq!(read_all(&mut idle).await, "");
    assert_eq!(read_all(&mut kept).await, "");
    timeout(PATIENCE, running.task)
        .await
        .expect("drained")
        .unwrap();
    assert!(TcpStream::connect(running.address).await.is_err());
}

#[tokio::test]
async fn a_taken_port_is_named_with_what_to_do() {
    let running = start(Limits::default(), &[]);
    let door = running.address.into();
    let error = Listener::bind(protocol("http").unwrap(), door);
    let error = error.unwrap_err().to_string();
    assert!(error.contains(&running.address.to_string()), "{error}");
    assert!(error.contains("choose another one"), "{error}");
}

#[tokio::test]
async fn a_peer_that_reads_nothing_is_left() {
    let limits = Limits {
        write_deadline: Duration::from_millis(300),
        ..Limits::default()
    };
    let running = start(limits, &[]);
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(running.address).await.unwrap();
    let many = "GET / HTTP/1.1\r\nHost: h\r\n\r\n".repeat(200);
    let flood = async { while stream.write_all(many.as_bytes()).await.is_ok() {} };
    // One answer a tick takes its time to fill the system's buffers.
    timeout(15 * PATIENCE, flood).await.expect("left");
}

#[tokio::test]
async fn an_old_connection_takes_no_further_request() {
    let limits = Limits {
        lifetime: Duration::from_millis(200),
        ..Limits::default()
    };
    let running = start(limits, &[]);
    let mut stream = running.connect().await;
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        .await
        .unwrap();
    read_answer(&mut stream).await;
    assert_eq!(read_all(&mut stream).await, "");
}
