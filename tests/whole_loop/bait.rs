//! A station with bait, and requests as an intruder sends them.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use data_encoding::BASE64;
use lapwing_core::bounded;
use lapwing_tests::{Answer, Home, Minted, get, post};

/// Every kind that is built in.
pub(crate) const KINDS: [&str; 10] = [
    "api-client",
    "aws-access-key",
    "github-pat",
    "image",
    "jasmin-http",
    "openai",
    "person",
    "redirect",
    "twilio",
    "url",
];

/// A home whose bait carries addresses below `example.org`.
pub(crate) fn home() -> Home {
    home_with("")
}

/// As [`home`], with more settings.
pub(crate) fn home_with(settings: &str) -> Home {
    let home = Home::new();
    home.settings(settings);
    home.ok(&["init", "--address", "http://*.example.org"]);
    home
}

/// The host that a canary's address names.
pub(crate) fn host(canary: &Minted) -> String {
    split(canary).0
}

/// Host and target of a canary's address.
fn split(canary: &Minted) -> (String, String) {
    let url = canary
        .field("beacon.url")
        .strip_prefix("http://")
        .expect("an http: address");
    let (host, target) = url.split_once('/').unwrap_or((url, ""));
    (host.to_owned(), format!("/{target}"))
}

pub(crate) fn basic(user: &str, password: &str) -> String {
    format!(
        "Basic {}",
        BASE64.encode(format!("{user}:{password}").as_bytes())
    )
}

pub(crate) const CURL: (&str, &str) = ("User-Agent", "curl/8.5.0");
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

/// Opens the address of a beacon or record.
pub(crate) fn open(station: SocketAddr, canary: &Minted) -> Answer {
    let (host, target) = split(canary);
    get(station, &host, &target, &[CURL])
}

/// Asks the Twilio relay for the account.
pub(crate) fn account(station: SocketAddr, canary: &Minted) -> Answer {
    let sid = canary.field("account_sid");
    let login = basic(sid, canary.field("auth_token"));
    let target = format!("/2010-04-01/Accounts/{sid}.json");
    get(
        station,
        &host(canary),
        &target,
        &[CURL, ("Authorization", &login)],
    )
}

/// Queues a text at the Twilio relay; `form` is the encoded body.
pub(crate) fn send_text(station: SocketAddr, canary: &Minted, form: &str) -> Answer {
    let sid = canary.field("account_sid");
    let login = basic(sid, canary.field("auth_token"));
    let target = format!("/2010-04-01/Accounts/{sid}/Messages.json");
    let headers = [CURL, FORM, ("Authorization", &login)];
    post(station, &host(canary), &target, &headers, form.as_bytes())
}

/// Uses any canary as its kind is used, believably enough to be recognised.
pub(crate) fn touch(station: SocketAddr, kind: &str, canary: &Minted) -> Answer {
    let bearer = |field: &str| format!("Bearer {}", canary.field(field));
    match kind {
        "twilio" => account(station, canary),
        "jasmin-http" => {
            let (user, password) = (canary.field("username"), canary.field("password"));
            let target = format!("/balance?username={user}&password={password}");
            get(station, &host(canary), &target, &[CURL])
        }
        "openai" => {
            let target = "/v1/models";
            get(
                station,
                &host(canary),
                target,
                &[("Authorization", &bearer("api_key")), CURL],
            )
        }
        "github-pat" => get(
            station,
            &host(canary),
            "/user",
            &[("Authorization", &bearer("token")), CURL],
        ),
        "aws-access-key" => {
            let key = canary.field("access_key_id");
            let header = format!(
                "AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/sts/aws4_request, \
                 SignedHeaders=host;x-amz-date, Signature={}",
                "0".repeat(64)
            );
            let headers = [
                ("Authorization", header.as_str()),
                ("X-Amz-Date", "20260101T000000Z"),
            ];
            post(
                station,
                &host(canary),
                "/",
                &headers,
                b"Action=GetCallerIdentity",
            )
        }
        _ => open(station, canary),
    }
}

pub(crate) fn text_of(path: &Path) -> String {
    bounded::read_text(path, bounded::MAX_FILE).expect("a text file")
}

pub(crate) fn bytes_of(path: &Path) -> Vec<u8> {
    bounded::read_file(path, bounded::MAX_FILE).expect("a file")
}

/// Every file below a directory.
pub(crate) fn files_below(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

pub(crate) fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}
