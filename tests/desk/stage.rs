//! A station with a desk, and requests to it.

use std::net::SocketAddr;

use lapwing_tests::{Answer, Home, Station, post};
use serde_json::Value;

/// A home whose station has a desk, with more settings.
pub(crate) fn home_with(settings: &str) -> Home {
    let home = Home::new();
    home.settings(&format!("[desk]\nlisten = [\"127.0.0.1:0\"]\n\n{settings}"));
    home.ok(&[
        "init",
        "--address",
        "http://*.example.org",
        "--mail-domain",
        "example.org",
    ]);
    home
}

/// A station that runs, and the secret of a credential named `shop` that may check.
pub(crate) fn asked(home: &Home) -> (Station, String) {
    let secret = credential(home, &["shop", "--may", "check"]);
    (home.listen(&[]), secret)
}

/// The secret of a fresh credential.
pub(crate) fn credential(home: &Home, args: &[&str]) -> String {
    let made = home.json(&[&["credential", "add"], args].concat());
    made["secret"].as_str().unwrap().to_owned()
}

/// Asks the desk.
pub(crate) fn ask(desk: SocketAddr, secret: &str, body: &Value) -> Answer {
    send(desk, "/v1/check", secret, body.to_string().as_bytes())
}

/// Posts anything to the desk.
pub(crate) fn send(desk: SocketAddr, path: &str, secret: &str, body: &[u8]) -> Answer {
    let bearer = format!("Bearer {secret}");
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
    ];
    post(desk, "desk", path, &headers, body)
}
