//! Reverse proxies that name the client in a header.

use lapwing_tests::{Home, trips};
use serde_json::Value;

/// Where the trips of requests with these headers came from, in the order of the requests.
fn sources(settings: &[&str], requests: &[&[&str]]) -> Vec<Value> {
    let home = Home::new();
    home.ok(&["init", "--address", "http://*.bait.example"]);
    let settings = settings.iter().flat_map(|it| ["--setting", it]);
    let station = home.listen(&settings.collect::<Vec<_>>());
    let minted = home.mint("url", &[]);
    let path = minted
        .field("beacon.url")
        .splitn(4, '/')
        .last()
        .unwrap()
        .to_owned();
    let url = format!("http://{}/{path}", station.address());
    for headers in requests {
        let mut curl = std::process::Command::new("curl");
        home.scrub(&mut curl);
        curl.args(["-s", "-m", "30", "-o", "/dev/null", &url]);
        curl.args(headers.iter().flat_map(|header| ["-H", header]));
        assert!(curl.status().unwrap().success());
    }
    let mut trips = trips(&home, requests.len());
    trips.reverse();
    trips
        .iter()
        .map(|it| it["trip"]["observed"]["forwarded"].clone())
        .collect()
}

#[test]
fn a_configured_proxy_names_the_client() {
    let forged = "X-Forwarded-For: 198.51.100.1";
    let requests: &[&[&str]] = &[
        &["X-Forwarded-For: 198.51.100.1, 203.0.113.7"],
        &[forged, "X-Forwarded-For: 203.0.113.8:4711"],
        &["Forwarded: for=203.0.113.9"],
    ];
    let found = sources(&["listen.forwarders=127.0.0.0/8"], requests);
    assert_eq!(
        found,
        ["203.0.113.7:0", "203.0.113.8:4711"]
            .map(Value::from)
            .into_iter()
            .chain([Value::Null])
            .collect::<Vec<_>>()
    );
}

#[test]
fn nobody_else_does() {
    let found = sources(
        &["listen.forwarders=10.0.0.0/8"],
        &[&["X-Forwarded-For: 203.0.113.7"]],
    );
    assert_eq!(found, [Value::Null]);
}
