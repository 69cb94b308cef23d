//! HTTP/2: frames as sent, refusals, and a client others wrote.

use super::*;
use crate::web::frames::PREFACE;

fn frame(kind: u8, flags: u8, id: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut out = length[1..].to_vec();
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(payload);
    out
}

/// Literal fields without indexing.
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        for text in [name, value] {
            assert!(text.len() < 127);
            out.push(u8::try_from(text.len()).unwrap());
            out.extend_from_slice(text.as_bytes());
        }
    }
    out
}

fn opening() -> Vec<u8> {
    let settings = frame(4, 0, 0, &[0, 3, 0, 0, 0, 100]);
    let window = frame(8, 0, 0, &[0, 1, 0, 0]);
    [PREFACE, &settings, &window].concat()
}

fn post(path: &str) -> Vec<u8> {
    block(&[
        (":method", "POST"),
        (":path", path),
        (":authority", "Bait.Example"),
        (":scheme", "http"),
        ("user-agent", "t/2"),
        ("x-b", "1"),
        ("x-a", "2"),
        ("x-b", "3"),
    ])
}

#[tokio::test]
async fn a_request_is_its_streams_frames() {
    let running = start(Limits::default(), &[]);
    let mut stream = running.connect().await;
    let path = format!("/{HANDLE}");
    let fields = post(&path);
    let (first, second) = fields.split_at(20);
    let one = [
        frame(1, 0, 1, first),
        frame(9, 4, 1, second),
        frame(0, 0, 1, b"abc"),
    ];
    let other = frame(1, 5, 3, &post("/other"));
    let end = frame(0, 1, 1, b"def");
    for part in [&opening(), &one.concat(), &other, &end] {
        stream.write_all(part).await.unwrap();
        sleep(Duration::from_millis(10)).await;
    }
    let seen = running.recorded(1).await.swap_remove(0);
    let expect = [opening(), one.concat(), end].concat();
    assert_eq!(
        seen.raw.escape_ascii().to_string(),
        expect.escape_ascii().to_string()
    );
    assert_eq!(seen.observed.size, expect.len() as u64);
    assert_eq!(seen.observed.protocol, "http/2");
    assert_eq!(seen.claims.host.open("test"), "Bait.Example");
    let names: Vec<_> = seen
        .claims
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["user-agent", "x-b", "x-a", "x-b"]);
    assert_eq!(seen.observed.fingerprint.len(), 32);
    // Later requests on the same connection carry its beginning too.
    for (count, id) in [5, 7].into_iter().enumerate() {
        let again = frame(1, 5, id, &fields);
        stream.write_all(&again).await.unwrap();
        let later = running.recorded(count + 2).await.swap_remove(count + 1);
        assert_eq!(later.raw, [opening(), again].concat());
        assert_eq!(later.observed.fingerprint, seen.observed.fingerprint);
    }
}

#[tokio::test]
async fn what_hyper_resets_is_searched() {
    let running = start(Limits::default(), &[]);
    let bad = block(&[
        (":method", "GET"),
        (":path", "/"),
        (":scheme", "http"),
        ("X-Upper", HANDLE),
    ]);
    let mut stream = running.connect().await;
    let sent = [opening(), frame(1, 5, 1, &bad)].concat();
    stream.write_all(&sent).await.unwrap();
    let seen = running.recorded(1).await.swap_remove(0);
    assert_eq!(seen.raw, sent);
    // A header block that never ends.
    let mut stream = running.connect().await;
    let sent = [opening(), frame(1, 1, 1, &post(&format!("/{HANDLE}")))].concat();
    stream.write_all(&sent).await.unwrap();
    drop(stream);
    running.recorded(2).await;
}

#[tokio::test]
async fn a_reset_does_not_undo_the_record() {
    let running = start(Limits::default(), &[]);
    running.kept.delay.store(200, Ordering::Relaxed);
    let mut stream = running.connect().await;
    let sent = [opening(), frame(1, 5, 1, &post(&format!("/{HANDLE}")))].concat();
    stream.write_all(&sent).await.unwrap();
    sleep(Duration::from_millis(50)).await;
    stream
        .write_all(&frame(3, 0, 1, &[0, 0, 0, 8]))
        .await
        .unwrap();
    drop(stream);
    running.recorded(1).await;
}

#[tokio::test]
async fn slow_and_idle_connections_are_left() {
    let limits = Limits {
        header_deadline: Duration::from_millis(200),
        body_deadline: Duration::from_millis(300),
        idle: Duration::from_millis(300),
        drain: Duration::from_millis(300),
        ..Limits::default()
    };
    let running = start(limits, &[]);
    let open = frame(1, 0, 1, &post("/a"));
    let body = frame(1, 4, 1, &post(&format!("/{HANDLE}")));
    for bytes in [Vec::new(), open, body] {
        let sent = [opening(), bytes].concat();
        timeout(PATIENCE, running.talk(&sent)).await.expect("left");
    }
    assert_eq!(running.recorded(1).await[0].decoy.status, 408);
}

#[tokio::test]
async fn curl_speaks_both_versions() {
    let running = start(Limits::default(), &[]);
    for (option, protocol) in [
        ("--http2-prior-knowledge", "http/2"),
        ("--http1.1", "http/1.1"),
    ] {
        let url = format!("http://{}/x", running.address);
        let task = tokio::task::spawn_blocking(move || {
            // One program each: curl 7.88 cannot use a connection of prior knowledge twice.
            let curl = || {
                std::process::Command::new("curl")
                    .args(["-sSi", option, "-m", "10", "-d", &format!("a={HANDLE}")])
                    .args(["-H", "X-CaSe: 1", &url])
                    .output()
            };
            curl().and_then(|_| curl())
        });
        let Ok(output) = task.await.unwrap() else {
            return; // not installed: the frames above stand for it
        };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(!text.to_lowercase().contains("lapwing"));
        assert!(text.contains(" 404"), "{text}");
        let seen = running.sightings();
        let newest = seen.last().unwrap();
        assert_eq!(newest.observed.protocol, protocol);
        let before = &seen[seen.len() - 2];
        assert_eq!(newest.observed.fingerprint, before.observed.fingerprint);
    }
    assert_eq!(running.sightings().len(), 4);
}
