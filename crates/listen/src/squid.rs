//! An HTTP proxy: Squid, which asks for a login and, once it has one, reaches nothing. Where somebody wanted to
//! go is recorded; no tunnel is ever opened and no address connected to. (RFC 9110, 9.3.6 and 11.7; headers as
//! Squid writes them.)

use data_encoding::BASE64;
use lapwing_core::Carrier;

use crate::visit::{Act, Ended, Visit};
use crate::web::date;
use crate::web::head::{Head, lenient};

/// Longest head, as Squid's `request_header_max_size`.
const LONGEST: usize = 64 << 10;

/// Serves a connection: one request, as most clients of a proxy send before they know that it works.
pub(crate) async fn talk(visit: &mut Visit) -> Result<(), Ended> {
    loop {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") && !bytes.ends_with(b"\n\n") && bytes.len() < LONGEST {
            bytes.extend(visit.line(LONGEST).await?);
        }
        let (head, _) = lenient(&bytes);
        let whole = bytes.len() < LONGEST && !head.target.is_empty();
        let (user, password) = login(&head);
        let mut parts = vec![
            (Carrier::User, &user[..]),
            (Carrier::Password, &password[..]),
            (Carrier::Name, head.target.as_bytes()),
        ];
        parts.extend(
            head.headers
                .iter()
                .map(|(_, value)| (Carrier::Header, &value[..])),
        );
        let found = visit.recognise(&parts);
        let account = visit.account(&found);
        let mut act = act(&head);
        let mut opened = false;
        if !user.is_empty() {
            act.capture("login.user", String::from_utf8_lossy(&user));
        }
        if let Some(account) = account {
            let right = account.is_user(&user) && account.knows(&password);
            opened = right && account.opens(&password);
            let status = if opened { 503 } else { 407 };
            act.decoy = Some(account.decoy(right, &act.method, status));
        }
        act.capture("proxy.target", head.target.as_str());
        visit.notice(found, act).await;
        let answer = match (whole, opened) {
            (false, _) => answer(visit, "400 Bad Request", "ERR_INVALID_REQ 0", false),
            (true, true) => answer(
                visit,
                "503 Service Unavailable",
                "ERR_CONNECT_FAIL 101",
                false,
            ),
            (true, false) => answer(
                visit,
                "407 Proxy Authentication Required",
                "ERR_CACHE_ACCESS_DENIED 0",
                true,
            ),
        };
        visit.send(&answer).await?;
        // A client without a login may ask again with one.
        if !whole || opened || head.method != "CONNECT" && has_body(&head) {
            return Ok(());
        }
    }
}

fn act(head: &Head) -> Act {
    let header = |name: &str| {
        let found = head
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found
            .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
            .unwrap_or_default()
    };
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let about = head.headers.iter().map(|(name, value)| {
        let secret = name.eq_ignore_ascii_case("proxy-authorization");
        let value = if secret {
            "...".to_owned()
        } else {
            text(value)
        };
        (name.clone(), value)
    });
    Act {
        protocol: "http-proxy/1.1".to_owned(),
        method: if head.method == "CONNECT" {
            "CONNECT"
        } else {
            "FORWARD"
        }
        .to_owned(),
        target: head.target.clone(),
        host: header("host"),
        agent: header("user-agent"),
        about: about.collect(),
        traits: (head.headers.iter())
            .map(|(name, _)| format!("{name}\n"))
            .collect(),
        ..Act::default()
    }
}

fn has_body(head: &Head) -> bool {
    head.headers.iter().any(|(name, _)| {
        name.eq_ignore_ascii_case("content-length")
            || name.eq_ignore_ascii_case("transfer-encoding")
    })
}

/// User and password of `Proxy-Authorization: Basic`; empty without one.
fn login(head: &Head) -> (Vec<u8>, Vec<u8>) {
    let read = || {
        let is = |(name, _): &&(String, Vec<u8>)| name.eq_ignore_ascii_case("proxy-authorization");
        let (_, value) = head.headers.iter().find(is)?;
        let (scheme, rest) = value.split_at_checked(6)?;
        if !scheme.eq_ignore_ascii_case(b"basic ") {
            return None;
        }
        let plain = BASE64.decode(rest.trim_ascii()).ok()?;
        let colon = plain.iter().position(|byte| *byte == b':')?;
        Some((plain[..colon].to_vec(), plain[colon + 1..].to_vec()))
    };
    read().unwrap_or_default()
}

fn answer(visit: &Visit, status: &str, error: &str, asks: bool) -> Vec<u8> {
    let station = visit.station();
    let version = station.system.release.squid;
    let host = &station.hostname;
    let port = visit.place.local.port();
    let words = status.split_once(' ').map_or("", |(_, words)| words);
    let body =
        format!("<html><head><title>{words}</title></head><body><h1>{words}</h1></body></html>\n");
    let asks = if asks {
        "Proxy-Authenticate: Basic realm=\"proxy\"\r\n"
    } else {
        ""
    };
    let connection = if asks.is_empty() {
        "close"
    } else {
        "keep-alive"
    };
    format!(
        "HTTP/1.1 {status}\r\nServer: squid/{version}\r\nMime-Version: 1.0\r\nDate: {}\r\n\
         Content-Type: text/html;charset=utf-8\r\nContent-Length: {}\r\nX-Squid-Error: {error}\r\n\
         Vary: Accept-Language\r\nContent-Language: en\r\n{asks}X-Cache: MISS from {host}\r\n\
         X-Cache-Lookup: NONE from {host}:{port}\r\nVia: 1.1 {host} (squid/{version})\r\n\
         Connection: {connection}\r\n\r\n{body}",
        date::http(station.clock.now()),
        body.len(),
    )
    .into_bytes()
}
