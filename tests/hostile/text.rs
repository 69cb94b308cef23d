//! Text that peers choose, where operators read it: terminals, spreadsheets, pages, mails.

use std::fs::File;
use std::io::Read as _;
use std::process::Stdio;
use std::time::Duration;

use lapwing_core::bounded;
use lapwing_tests::{
    Answer, Beacon, MailCatcher, Minted, Station, WebhookCatcher, exchange, trips, within,
};

use crate::{clean, home};

/// Clears the screen, sets a title, rings; with one byte instead of two (C1); turns text around.
const ESCAPES: &str =
    "\x1b[2J\x1b]0;owned\x07\x1b[31m\u{9b}31m\x08\x0b\x0c\x7f\u{202e}\u{2066}evil";
/// The same for a URL or form.
const ENCODED: &str = "%1b%5b2J%1b%5d0;owned%07%c2%9b31m%08%0b%0c%7f%e2%80%aeevil%00%0d%0a%ff%fe";
/// The same in JSON.
const IN_JSON: &str =
    r"\u001b[2J\u001b]0;owned\u0007\u009b31m\b\u000b\f\u007f\u202eevil\u0000\r\n\t";

/// A gateway login: most of what is done with it is captured and shown.
struct Gateway {
    host: String,
    username: String,
    password: String,
}

impl Gateway {
    fn of(minted: &Minted) -> Self {
        let host = minted
            .field("beacon.url")
            .strip_prefix("http://")
            .expect("an http URL");
        Self {
            host: host.trim_end_matches('/').to_owned(),
            username: minted.field("username").to_owned(),
            password: minted.field("password").to_owned(),
        }
    }

    /// Queues a text whose words, sender, receiver and callback are all `payload` (URL encoded).
    fn send(&self, station: &Station, payload: &str, headers: &[u8]) -> Answer {
        let Self {
            host,
            username,
            password,
        } = self;
        let login = format!("username={username}&password={password}");
        let form =
            format!("{login}&to={payload}&from={payload}&content={payload}&dlr-url={payload}");
        let length = form.len();
        let head = format!(
            "POST /send?{payload}={payload} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n"
        );
        exchange(
            station.address(),
            &[head.as_bytes(), headers, b"\r\n\r\n", form.as_bytes()].concat(),
        )
    }
}

/// Requests with escapes in everything a peer can fill.
fn escape_everywhere(station: &Station, beacon: &Beacon, gateway: &Gateway) {
    let Beacon {
        host,
        target,
        segment,
        ..
    } = beacon;
    let Gateway {
        username, password, ..
    } = gateway;
    let raw = ESCAPES;
    let requests: Vec<Vec<u8>> = vec![
        format!("G{raw}T {target} HTTP/1.1\r\nHost: {host}\r\n\r\n").into(),
        format!("GET {target}?{raw}={raw} HTTP/1.1\r\nHost: {host}\r\n\r\n").into(),
        format!("GET {target}?{ENCODED}={ENCODED} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").into(),
        format!("GET {target} HTTP/1.1\r\nHost: {host}{raw}\r\n\r\n").into(),
        format!("GET {target} HTTP/1.1{raw}\r\nHost: {host}\r\n\r\n").into(),
        format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nX-{raw}: {raw}\r\n\r\n").into(),
        format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {raw}\r\nReferer: {raw}\r\n\r\n").into(),
        format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nCookie: a={raw}; {segment}={raw}\r\n\r\n").into(),
        format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For: {raw}\r\nVia: {raw}\r\n\r\n").into(),
        format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic {raw}\r\n\r\n").into(),
        // These pass as header values: bytes above 127 and a tab.
        [
            format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nUser-Agent: ").into_bytes(),
            b"\x9b31m\xff\xc2\x9b31m\xe2\x80\xae\tevil\r\nX-Forwarded-For: \xc2\x9b\xe2\x80\xae\r\n\r\n".to_vec(),
        ]
        .concat(),
        format!(
            "POST {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{{\"{IN_JSON}\": \"{segment}\", \"x\": \"{IN_JSON}\"}}",
            IN_JSON.len() * 2 + segment.len() + 18,
        )
        .into(),
        format!("GET /send?username={username}&password={password}&to={raw} HTTP/1.1\r\nHost: {host}\r\n\r\n").into(),
    ];
    for request in &requests {
        exchange(station.address(), request);
    }
    let answer = gateway.send(station, ENCODED, b"User-Agent: curl/8.5.0\xc2\x9b31m");
    assert_eq!(answer.status, 200, "the decoy queues it: {}", answer.text());
}

#[test]
fn no_output_holds_a_control_character() {
    let home = home();
    let (mails, hooks) = (MailCatcher::start(), WebhookCatcher::start());
    let beacon = Beacon::of(&home.mint("url", &[]));
    let gateway = Gateway::of(&home.mint("jasmin-http", &[]));
    let channels = [mails.channel("mail"), hooks.channel("hook")].concat();
    home.settings(&format!(
        "addresses = [\"http://*.example.org\"]\n{channels}"
    ));
    let station = home.listen(&[]);
    let printed = home.path().join("watched");
    let mut watch = home.command(&["watch"]);
    let watch = watch
        .stdin(Stdio::null())
        .stdout(File::create(&printed).expect("a file"))
        .stderr(Stdio::piped());
    let mut watch = watch.spawn().expect("watch starts");
    // It says when it waits.
    let mut first = [0; 8];
    watch
        .stderr
        .as_mut()
        .expect("piped")
        .read_exact(&mut first)
        .expect("its first words");
    escape_everywhere(&station, &beacon, &gateway);
    let rows = trips(&home, 14);
    let watched = within(Duration::from_secs(30), "watch prints them", || {
        let printed = bounded::read_text(&printed, 1 << 20).expect("text");
        (printed.lines().count() >= rows.len()).then_some(printed)
    });
    watch.kill().expect("watch runs until it is ended");
    watch.wait().expect("watch has ended");
    clean("watch", &watched);
    for row in &rows {
        let id = row["trip"]["id"].as_str().expect("an id");
        clean(id, &home.ok(&["trip", id]));
        clean(id, &home.ok(&["trip", id, "--json"]));
    }
    let shown = home.ok(&["trip", rows[0]["trip"]["id"].as_str().expect("an id")]);
    assert!(
        shown.contains("%1b%5b2J"),
        "what was sent can still be read: {shown}"
    );
    for command in ["trips", "incidents", "actors", "canaries", "places"] {
        clean(command, &home.ok(&[command]));
        clean(command, &home.ok(&[command, "--json"]));
    }
    for format in ["html", "md", "json", "csv", "svg", "dot"] {
        for full in [&["--full"][..], &[]] {
            let report = home.ok(&[&["report", "--format", format], full].concat());
            // RFC 4180 ends lines with CR and LF.
            clean(
                format,
                &if format == "csv" {
                    report.replace("\r\n", "\n")
                } else {
                    report
                },
            );
        }
    }
    within(Duration::from_secs(30), "an alert of each canary", || {
        (mails.mails().len() >= 2 && hooks.hooks().len() >= 2).then_some(())
    });
    mails
        .mails()
        .iter()
        .for_each(|mail| clean("mail", &mail.raw));
    for hook in hooks.hooks() {
        assert!(hook.signed);
        clean_values("webhook", &hook.body);
    }
    clean("the station's log", &station.stop().stderr);
}

/// As [`clean`], for every text in a JSON value once it is decoded.
fn clean_values(what: &str, value: &serde_json::Value) {
    match value {
        serde_json::Value::String(text) => clean(what, text),
        serde_json::Value::Array(all) => all.iter().for_each(|value| clean_values(what, value)),
        serde_json::Value::Object(all) => all.iter().for_each(|(key, value)| {
            clean(what, key);
            clean_values(what, value);
        }),
        _ => {}
    }
}

/// Formulas, and what breaks out of quotes, cells, attributes, elements and Markdown.
const PAYLOADS: &[&str] = &[
    "=HYPERLINK(\"http://evil.example/\",\"x\")",
    "=cmd|'/c calc'!A1",
    "+1+cmd|'/c calc'!A1",
    "-2+3+cmd|'/c calc'!A1",
    "@SUM(1+1)*cmd|'/c calc'!A1",
    "\t=1+1",
    "\r=1+1",
    "\"\r\n=1+1,\"",
    ";=1+1",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</style></title></textarea><svg onload=alert(1)>",
    "]]><svg onload=alert(1)>",
    "--><svg onload=alert(1)>",
    "javascript:alert(1)",
    "[x](javascript:alert(1))",
    "![x](http://evil.example/x.png)",
    "| a | b |\n|---|---|",
    "```\n<script>alert(1)</script>\n```",
    "`<img src=x onerror=alert(1)>`",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "%s%n%x",
    "@everyone",
    "http://evil.example/",
];

#[test]
fn reports_compute_and_run_nothing_of_a_peer() {
    let home = home();
    let gateway = Gateway::of(&home.mint("jasmin-http", &[]));
    let station = home.listen(&[]);
    for payload in PAYLOADS {
        let encoded: String = payload.bytes().map(|byte| format!("%{byte:02x}")).collect();
        // What cannot stand in a header is sent in the form alone.
        let plain = if payload.contains(['\r', '\n']) {
            "x"
        } else {
            payload
        };
        let headers =
            format!("User-Agent: {plain}\r\nReferer: {plain}\r\nX-Forwarded-For: {plain}");
        assert_eq!(
            gateway.send(&station, &encoded, headers.as_bytes()).status,
            200,
            "{payload}"
        );
    }
    trips(&home, PAYLOADS.len());
    for full in [&["--full"][..], &[]] {
        let report = |format| home.ok(&[&["report", "--format", format], full].concat());
        assert_no_formula(&report("csv"));
        assert_inert_page(&report("html"));
        assert_inert_markdown(&report("md"));
        let json: serde_json::Value = serde_json::from_str(&report("json")).expect("JSON");
        assert_eq!(
            json["trips"].as_array().expect("trips").len(),
            PAYLOADS.len()
        );
    }
    let full = home.ok(&["report", "--format", "html", "--full"]);
    assert!(
        full.contains("&lt;script&gt;") || full.contains("&#60;script"),
        "it is shown, escaped"
    );
    station.stop();
}

fn assert_no_formula(csv: &str) {
    let rows = cells(csv);
    assert_eq!(
        rows.len(),
        PAYLOADS.len() + 1,
        "a row for each trip, and the head"
    );
    for cell in rows.iter().flatten() {
        let first = cell.chars().next().unwrap_or(' ');
        assert!(
            !"=+-@\t\r\n＝＋－＠".contains(first),
            "a spreadsheet computes {cell:?}"
        );
    }
    for row in &rows {
        assert_eq!(row.len(), rows[0].len(), "a cell broke out: {row:?}");
    }
}

/// RFC 4180.
fn cells(csv: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut characters = csv.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell).trim_end_matches('\r').to_owned());
                rows.push(std::mem::take(&mut row));
            }
            other => cell.push(other),
        }
    }
    assert!(!quoted && cell.is_empty(), "the last line is whole");
    rows
}

/// Every tag of the page is one of ours, runs nothing and loads nothing.
fn assert_inert_page(html: &str) {
    let forbidden = [
        "script", "img", "iframe", "object", "embed", "base", "form", "input", "link", "textarea",
    ];
    let mut seen = 0;
    for (at, _) in html.match_indices('<') {
        let rest = &html[at + 1..];
        let name: String = rest
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        if name.is_empty() {
            continue;
        }
        seen += 1;
        assert!(
            !forbidden.contains(&name.to_ascii_lowercase().as_str()),
            "{:?}",
            start(rest)
        );
        for (key, value) in attributes(&rest[name.len()..]) {
            assert!(
                !key.to_ascii_lowercase().starts_with("on"),
                "{:?}",
                start(rest)
            );
            if ["href", "src", "xlink:href", "action", "style"].contains(&key.as_str()) {
                let outside = value.contains("evil.example") || value.contains("javascript:");
                assert!(!outside, "{:?}", start(rest));
            }
        }
    }
    assert!(seen > 100, "this is no page");
}

fn start(text: &str) -> String {
    text.chars().take(120).collect()
}

/// The attributes of a tag up to its end, values without their quotes.
fn attributes(mut rest: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        let end = rest.find(|c: char| c.is_ascii_whitespace() || "=>/".contains(c));
        let (Some(end), false) = (end, rest.starts_with('>')) else {
            return found;
        };
        let key = rest[..end].to_owned();
        rest = &rest[end..];
        let Some(value) = rest.strip_prefix('=') else {
            found.push((key, String::new()));
            continue;
        };
        let quote = value.chars().next().filter(|c| "\"'".contains(*c));
        let (value, after) = match quote {
            Some(quote) => value[1..].split_once(quote).unwrap_or((&value[1..], "")),
            None => value.split_at(value.find([' ', '>']).unwrap_or(value.len())),
        };
        found.push((key, value.to_owned()));
        rest = after;
    }
}

/// Outside of code, nothing of the peer is markup; code spans and blocks show it as it is.
fn assert_inert_markdown(markdown: &str) {
    let mut fence: Option<String> = None;
    for line in markdown.lines() {
        let ticks: String = line.chars().take_while(|c| *c == '`').collect();
        match &fence {
            Some(open) if ticks.len() >= open.len() && line.trim_end() == ticks => fence = None,
            None if ticks.len() >= 3 => fence = Some(ticks),
            None => {
                let prose = without_spans(line);
                for bad in ["<script", "<img", "<svg", "](javascript", "![x]", "[x]("] {
                    assert!(!prose.contains(bad), "{bad} in {line}");
                }
            }
            Some(_) => {}
        }
    }
    assert!(fence.is_none(), "a block of code does not end");
}

/// A line without its code spans (CommonMark, 6.1) and without what a backslash makes plain (2.4).
fn without_spans(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let ticks = rest.chars().take_while(|c| *c == '`').count();
        let escaped = rest[first.len_utf8()..]
            .chars()
            .next()
            .filter(char::is_ascii_punctuation);
        if ticks > 0 {
            rest = &rest[ticks..];
            rest = span_end(rest, ticks).map_or(rest, |end| &rest[end..]);
        } else if let ('\\', Some(_)) = (first, escaped) {
            rest = &rest[2..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

/// Where a code span ends that began with so many backticks; none if it never does.
fn span_end(text: &str, ticks: usize) -> Option<usize> {
    let mut from = 0;
    while let Some(next) = text[from..].find('`') {
        let run = text[from + next..]
            .chars()
            .take_while(|c| *c == '`')
            .count();
        from += next + run;
        if run == ticks {
            return Some(from);
        }
    }
    None
}
