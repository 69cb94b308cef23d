//! HTTP/1: bytes as sent, refusals, order.

use super::*;
use lapwing_core::{Carrier, DecoyOutcome};

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: Bait.Example:80\r\nuSer-agent: t/1\r\n\r\n")
}

#[tokio::test]
async fn raw_bytes_are_those_sent_on_a_kept_connection() {
    let running = start(Limits::default(), &[]);
    let chunked = format!(
        "POST /a HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 203.0.113.9\r\nTransfer-Encoding: chunked\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n4;x=y\r\na=b&\r\n{:x}\r\nkey={HANDLE}\r\n0\r\nT: u\r\n\r\n",
        4 + HANDLE.len()
    );
    let sized = format!(
        "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\nkey={HANDLE}",
        4 + HANDLE.len()
    );
    let requests = [get(&format!("/{HANDLE}?x")), chunked, get("/none"), sized];
    let mut stream = running.connect().await;
    for request in &requests {
        stream.write_all(request.as_bytes()).await.unwrap();
        read_answer(&mut stream).await;
    }
    let seen = running.sightings();
    assert_eq!(running.kept.unmatched.load(Ordering::Relaxed), 1);
    let sent = [&requests[0], &requests[1], &requests[3]];
    for (sighting, sent) in seen.iter().zip(sent) {
        assert_eq!(&String::from_utf8_lossy(&sighting.raw), sent);
        assert_eq!(sighting.observed.size, sent.len() as u64);
        assert!(!sighting.observed.truncated);
    }
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[0].fields[0].carrier, Carrier::Path);
    assert_eq!(seen[1].fields[0].carrier, Carrier::Form);
    assert_eq!(seen[0].observed.protocol, "http/1.1");
    assert_eq!(seen[0].claims.host.open("test"), "Bait.Example:80");
    assert_eq!(seen[0].claims.agent.open("test"), "t/1");
    assert_eq!(seen[0].claims.headers[1].0, "uSer-agent");
    assert_eq!(seen[1].claims.forwarding[0].0, "X-Forwarded-For");
    assert_eq!(seen[1].observed.forwarded, None);
    assert_eq!(seen[0].decoy.outcome, DecoyOutcome::Persona);
}

#[tokio::test]
async fn pipelined_requests_are_cut_apart() {
    let running = start(Limits::default(), &[]);
    let mut requests: Vec<String> = (0..5).map(|at| get(&format!("/{HANDLE}/{at}"))).collect();
    requests[2] = format!("POST /{HANDLE} HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nGET ");
    requests[4] = requests[4].replace("Host", "Connection: close\r\nHost");
    let answers = running.talk(requests.concat().as_bytes()).await;
    assert_eq!(answers.matches("HTTP/1.1 ").count(), 5, "{answers}");
    let seen = running.sightings();
    let raw: Vec<_> = seen
        .iter()
        .map(|it| String::from_utf8_lossy(&it.raw))
        .collect();
    assert_eq!(raw, requests);
}

#[tokio::test]
async fn a_request_may_come_in_any_pieces() {
    let running = start(Limits::default(), &[]);
    let request = format!(
        "\r\nPOST /{HANDLE} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    );
    let bytes = request.as_bytes();
    for cut in 1..bytes.len() {
        let mut stream = running.connect().await;
        stream.set_nodelay(true).unwrap();
        stream.write_all(&bytes[..cut]).await.unwrap();
        tokio::task::yield_now().await;
        stream.write_all(&bytes[cut..]).await.unwrap();
        assert_eq!(status(&read_answer(&mut stream).await), "404", "{cut}");
    }
    let seen = running.sightings();
    assert_eq!(seen.len(), bytes.len() - 1);
    assert!(seen.iter().all(|it| it.raw == bytes));
}

#[tokio::test]
async fn nothing_is_said_before_it_is_recorded() {
    let running = start(Limits::default(), &[]);
    running.kept.delay.store(300, Ordering::Relaxed);
    let bad = format!("GET /{HANDLE} HTTP/9.9\r\n\r\n");
    for request in [get(&format!("/{HANDLE}")), get("/"), bad] {
        let mut stream = running.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut byte = [0];
        let early = timeout(Duration::from_millis(150), stream.read(&mut byte)).await;
        assert!(early.is_err(), "answered early: {request}");
        let later = timeout(PATIENCE, stream.read(&mut byte)).await;
        assert_eq!(later.expect("answered").unwrap(), 1);
    }
    assert_eq!(running.sightings().len(), 2);
}

#[tokio::test]
async fn a_peer_that_leaves_is_recorded_all_the_same() {
    let running = start(Limits::default(), &[]);
    running.kept.delay.store(100, Ordering::Relaxed);
    let whole = get(&format!("/{HANDLE}"));
    let part = format!("GET /x HTTP/1.1\r\nHost: h\r\nX-Key: {HANDLE}\r\n");
    let body = format!("POST /{HANDLE} HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
    for (count, sent) in [&whole, &part, &body].into_iter().enumerate() {
        let mut stream = running.connect().await;
        stream.write_all(sent.as_bytes()).await.unwrap();
        drop(stream);
        let seen = running.recorded(count + 1).await;
        assert_eq!(&String::from_utf8_lossy(&seen[count].raw), sent);
    }
}

#[tokio::test]
async fn what_is_refused_is_searched_first() {
    let running = start(Limits::default(), &[]);
    let cases: [(String, &str); 11] = [
        (
            format!(
                "{} / HTTP/1.1\r\nHost: a\r\nX: {HANDLE}\r\n\r\n",
                "M".repeat(20_000)
            ),
            "400",
        ),
        (
            format!("GET /{HANDLE} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
            "400",
        ),
        (format!("GET /{HANDLE} HTTP/1.1\r\n\r\n"), "400"),
        (format!("GET /{HANDLE}\r\n"), "400"),
        (
            format!("GET /\u{7f} HTTP/1.1\r\nHost: a\r\nX: {HANDLE}\r\n\r\n"),
            "400",
        ),
        (
            format!("GET / HTTP/1.1\r\nHost: a\r\nbad name: {HANDLE}\r\n\r\n"),
            "400",
        ),
        (
            format!("GET / HTTP/1.1\r\nHost: a\r\nX: a\x01b\r\nY: {HANDLE}\r\n\r\n"),
            "400",
        ),
        (
            format!("POST /{HANDLE} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"),
            "501",
        ),
        (
            format!(
                "POST /{HANDLE} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
            ),
            "400",
        ),
        (
            format!(
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{HANDLE}\r\nx",
                HANDLE.len()
            ),
            "400",
        ),
        (
            format!("GET /<{{\\^> HTTP/1.1\r\nHost: a\r\nX: {HANDLE}\r\n\r\n"),
            "",
        ),
    ];
    for (count, (request, expect)) in cases.iter().enumerate() {
        let answer = running.talk(request.as_bytes()).await;
        if !expect.is_empty() {
            assert_eq!(status(&answer), *expect, "{request}");
            assert!(answer.contains("Connection: close"), "{answer}");
        }
        let seen = running.sightings();
        assert_eq!(seen.len(), count + 1, "{request}");
        assert_eq!(seen[count].decoy.status.to_string(), status(&answer));
        assert_eq!(&String::from_utf8_lossy(&seen[count].raw), request);
    }
}

#[tokio::test]
async fn invalid_utf8_and_control_characters_do_no_harm() {
    let running = start(Limits::default(), &[]);
    let mut request = format!("GET /{HANDLE}?a=%ff%00 HTTP/1.1\r\nHost: h\r\nX: ").into_bytes();
    request.extend_from_slice(b"\xff\xfe\x80\r\nConnection: close\r\n\r\n");
    let answer = running.talk(&request).await;
    assert_eq!(status(&answer), "404");
    assert_eq!(running.sightings()[0].raw, request);
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"\0\0\0\0\n",
        b"SSH-2.0-x\r\n",
    ] {
        assert_eq!(status(&running.talk(bytes).await), "400");
    }
}

#[tokio::test]
async fn unusual_methods_get_dull_answers() {
    let running = start(Limits::default(), &[]);
    for (request, expect) in [
        (
            "HEAD / HTTP/1.1\r\nHost: 192.0.2.1\r\nConnection: close\r\n\r\n",
            "200",
        ),
        (
            "GET / HTTP/1.1\r\nHost: nobody.here\r\nConnection: close\r\n\r\n",
            "404",
        ),
        ("GET / HTTP/1.0\r\n\r\n", "200"),
        (
            "TRACE / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
            "405",
        ),
        (
            "OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
            "405",
        ),
        (
            "CONNECT h:443 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
            "405",
        ),
        (
            "GET http://h/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
            "404",
        ),
        (
            "GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\nUpgrade: h2c\r\nConnection: Upgrade, close\r\n\r\n",
            "200",
        ),
    ] {
        let answer = running.talk(request.as_bytes()).await;
        assert_eq!(status(&answer), expect, "{request}");
        assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
        assert!(answer.contains("\r\nDate: ") && answer.contains("\r\nConnection: close\r\n"));
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        assert_eq!(body.is_empty(), request.starts_with("HEAD"), "{answer}");
    }
}

#[tokio::test]
async fn expect_continue_is_granted() {
    let running = start(Limits::default(), &[]);
    let mut stream = running.connect().await;
    let head = format!(
        "POST /{HANDLE} HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut line = [0; 25];
    stream.read_exact(&mut line).await.unwrap();
    assert_eq!(&line, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"abc").await.unwrap();
    assert_eq!(status(&read_answer(&mut stream).await), "404");
    assert_eq!(
        running.sightings()[0].raw,
        [head.as_bytes(), b"abc"].concat()
    );
}

#[tokio::test]
async fn the_proxy_header_counts_from_proxies_only() {
    let v1 = b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 80\r\n".to_vec();
    let mut v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c".to_vec();
    v2.extend_from_slice(&[203, 0, 113, 7, 192, 0, 2, 1, 0x12, 0x67, 0, 80]);
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00".to_vec();
    let request = get(&format!("/{HANDLE}")).replace("Host", "Connection: close\r\nHost");
    let client: SocketAddr = "203.0.113.7:4711".parse().unwrap();

    let running = start(Limits::default(), &["127.0.0.0/8"]);
    let cases = [
        (&v1, Some(client)),
        (&v2, Some(client)),
        (&local, None),
        (&Vec::new(), None),
    ];
    for (count, (header, expect)) in cases.into_iter().enumerate() {
        let sent = [header, request.as_bytes()].concat();
        assert_eq!(status(&running.talk(&sent).await), "404");
        let seen = running.sightings().swap_remove(count);
        assert_eq!(seen.observed.forwarded, expect);
        assert!(seen.observed.peer.ip().is_loopback());
        assert_eq!(seen.raw, request.as_bytes());
    }

    let running = start(Limits::default(), &["192.0.2.0/24"]);
    for (count, header) in [v1, v2].into_iter().enumerate() {
        let sent = [&header, request.as_bytes()].concat();
        assert_eq!(status(&running.talk(&sent).await), "400");
        let seen = running.recorded(count + 1).await.swap_remove(count);
        assert_eq!(seen.observed.forwarded, None);
        assert_eq!(seen.raw, sent);
    }
}

#[tokio::test]
async fn a_bound_host_answers_as_its_kind_in_its_case() {
    let running = start(Limits::default(), &[]);
    for (kind, request, expect) in [
        (
            "aws-access-key",
            "POST / HTTP/1.1",
            "\r\nx-amzn-RequestId: ",
        ),
        (
            "twilio",
            "GET /2010-04-01/Accounts.json HTTP/1.1",
            "HTTP/1.1 401 ",
        ),
        ("openai", "GET /v1/models HTTP/1.1", "HTTP/1.1 401 "),
        ("nothing", "GET / HTTP/1.1", "HTTP/1.1 200 OK"),
    ] {
        let request = format!(
            "{request}\r\nHost: {kind}.API.example:8080\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 43\r\nConnection: close\r\n\r\nAction=GetCallerIdentity&Version=2011-06-15"
        );
        let answer = running.talk(request.as_bytes()).await;
        assert!(answer.contains(expect), "{answer}");
        assert!(answer.contains("\r\nDate: "), "{answer}");
        assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
        assert_eq!(
            answer.contains("Apache/2.4.52 (Ubuntu)"),
            kind == "nothing",
            "{answer}"
        );
    }
}
