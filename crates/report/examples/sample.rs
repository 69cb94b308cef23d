//! Renders a made-up report in every language, format and profile:
//! `cargo run -p lapwing-report --example sample -- DIRECTORY [trips]`.
//!
//! All addresses are from documentation ranges, all numbers from the 555-01xx block, and the report
//! is marked as an exercise.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use lapwing_core::phrase::{Phrase, verdict};
use lapwing_core::{
    Actor, ActorId, CanaryId, Carrier, Case, Claimed, Claims, Conclusion, Confidence, DecoyOutcome,
    DecoyRecord, Edge, Evidence, Grade, Group, Incident, IncidentId, IncidentState, Judgement,
    MatchedField, NetworkFacts, Observed, StationId, Timestamp, Trip, TripId, Untold, Verdict,
};
use lapwing_report::{
    FORMATS, Integrity, Language, Profile, Report, ReportCanary, ReportError, ReportTrip,
};

const STATION: StationId = StationId::new(0x0a1b_2c3d);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let directory = PathBuf::from(arguments.next().ok_or("usage: sample DIRECTORY [trips]")?);
    let trips = arguments
        .next()
        .and_then(|text| text.to_str()?.parse().ok());
    for language in Language::ALL {
        write(
            &directory.join(language.code()),
            trips.unwrap_or(34),
            *language,
        )?;
    }
    Ok(())
}

fn write(
    directory: &std::path::Path,
    trips: u64,
    language: Language,
) -> Result<(), Box<dyn std::error::Error>> {
    std::fs::create_dir_all(directory)?;
    let report = story(trips, language);
    for format in FORMATS {
        for (profile, name) in [(Profile::Masked, "masked"), (Profile::Full, "full")] {
            let file = directory.join(format!("{}-{name}.{}", format.name, format.extension));
            match (format.render)(&report, profile) {
                Ok(bytes) => std::fs::write(file, bytes)?,
                // Some say more than a masked report may.
                Err(_) if profile == Profile::Masked => {}
                // Nobody is written to about an exercise.
                Err(ReportError::LetterExercise) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time written here")
}

fn trip_id(sequence: u64) -> TripId {
    TripId {
        station: STATION,
        sequence,
    }
}

fn canary(number: u8) -> CanaryId {
    CanaryId::from_bytes([
        1, 0x9a, 0x2b, number, 5, 6, 0x7f, 8, 0x8a, 10, 11, 12, 13, 14, 15, number,
    ])
}

/// An intruder reads a config, orders texts, tries a cloud key, opens a record's link; later a
/// second hand floods the gateway.
fn story(trips: u64, language: Language) -> Report {
    let mut all = Vec::new();
    for number in 0..trips.max(1) {
        all.push(texting(number, trips));
    }
    all.push(cloud(trips + 1));
    all.push(record(trips + 2));
    all.push(flood(trips + 3));
    all.push(drill(trips + 4));
    Report {
        generated: at("2026-11-23T09:00:00Z"),
        station: STATION,
        range: (Some(at("2026-11-01")), None),
        exercise: true,
        operator: "Example relay collective".to_owned(),
        contact: "abuse@relay.example".to_owned(),
        canaries: canaries(),
        incidents: incidents(trips),
        handling: BTreeMap::new(),
        erased: BTreeMap::new(),
        actors: actors(trips),
        cases: vec![case()],
        trips: all,
        integrity: Integrity {
            verified: true,
            proven: None,
            records: trips + 60,
            checkpoint: "station-0a1b2c3d\n94\nYSBtYWRlLXVwIHJvb3QsIDMyIGJ5dGVzIGxvbmcgLi4=\n\n— station-0a1b2c3d bWFkZS11cCBzaWduYXR1cmUgb2YgYW4gZXhlcmNpc2UgcmVwb3J0LCBpdCB2ZXJpZmllcyB3aXRoIG5vIGtleSBhdCBhbGw=\n".to_owned(),
            public_key: "station-0a1b2c3d+00000000+exercise".to_owned(),
            message: String::new(),
        },
        sources: vec!["IP Geolocation by DB-IP (https://db-ip.com), CC BY 4.0.".to_owned()],
        language,
        correction: None,
    }
}

fn canaries() -> Vec<ReportCanary> {
    let make = |number, kind: &str, kind_name: &str, title: &str, place: &str, attack: &[&str]| {
        let spanish = match kind {
            "twilio" => "Cuenta de Twilio",
            "aws-access-key" => "Clave de acceso de AWS",
            "person" => "Registro de abonado",
            "openai" => "Clave de OpenAI",
            _ => "Token de GitHub",
        };
        ReportCanary {
            canary_id: canary(number),
            kind: kind.to_owned(),
            kind_name: kind_name.to_owned(),
            kind_names: [(Language::Es, spanish.to_owned())].into(),
            title: title.to_owned(),
            labels: BTreeMap::from([("host".to_owned(), "relay-1".to_owned())]),
            place: Some(place.to_owned()),
            planted: Some(at("2026-11-03T10:12:08Z")),
            last_checked: Some(at("2026-11-20T03:00:11Z")),
            uprooted: None,
            minted: at("2026-11-03T10:12:07Z"),
            retired: None,
            first_used: None,
            attack: attack.iter().map(|&id| id.to_owned()).collect(),
        }
    };
    vec![
        make(
            1,
            "twilio",
            "Twilio account",
            "Legacy SMS gateway key",
            "/srv/relay/.env",
            &["T1552.001", "T1078"],
        ),
        make(
            2,
            "aws-access-key",
            "AWS access key",
            "Backup bucket key",
            "/home/ops/.aws/credentials [backup]",
            &["T1552.001", "T1078.004"],
        ),
        make(
            3,
            "person",
            "Subscriber record",
            "Subscriber row 4711",
            "sqlite:/srv/relay/subscribers.db?table=subscribers (id 4711)",
            &["T1213"],
        ),
        make(
            4,
            "openai",
            "OpenAI key",
            "Moderation key",
            "/srv/relay/config.yaml: services.moderation",
            &["T1552.001"],
        ),
        make(
            5,
            "github-pat",
            "GitHub token",
            "Deploy token",
            "/srv/relay/deploy/.env",
            &["T1552.001"],
        ),
    ]
}

struct Use<'a> {
    sequence: u64,
    time: Timestamp,
    canary: u8,
    kind: &'a str,
    field: (&'a str, Carrier),
    source: &'a str,
    rule: &'a str,
    target: &'a str,
    agent: &'a str,
    host: &'a str,
    outcome: DecoyOutcome,
    verdict: (Verdict, Phrase),
    actor: u64,
    network: NetworkFacts,
    captured: BTreeMap<String, Claimed<Vec<String>>>,
}

impl Use<'_> {
    fn build(self) -> ReportTrip {
        let source: SocketAddr = self.source.parse().expect("an address written here");
        let raw = format!(
            "{} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {}\r\nAccept: */*\r\n\r\n",
            self.rule.split(' ').next().unwrap_or("GET"),
            self.target,
            self.host,
            self.agent
        );
        let first = self.sequence == self.actor;
        let evidence = Evidence {
            signal: if first { "first" } else { "address" }.to_owned(),
            detail: if first {
                "first trip".to_owned()
            } else {
                format!("same address {}", source.ip())
            },
            to: (!first).then(|| trip_id(1)),
            grade: Grade::A1,
            group: Some(lapwing_core::Group::Network),
            centibits: 850,
        };
        ReportTrip {
            tool: None,
            trip: Trip {
                id: trip_id(self.sequence),
                canary: canary(self.canary),
                kind: self.kind.to_owned(),
                fields: vec![MatchedField {
                    field: self.field.0.to_owned(),
                    carrier: self.field.1,
                }],
                observed: Observed {
                    time: self.time,
                    peer: "127.0.0.1:40112".parse().expect("an address"),
                    forwarded: Some(source),
                    observer: None,
                    local: "127.0.0.1:8080".parse().expect("an address"),
                    listener: "http".to_owned(),
                    protocol: "http/1.1".to_owned(),
                    size: raw.len() as u64,
                    truncated: false,
                    signals: [].into(),
                    fingerprint: format!("{:016x}{:016x}", self.actor * 77_777, self.agent.len()),
                },
                claims: Some(Claims {
                    method: Claimed::new(self.rule.split(' ').next().unwrap_or("GET").to_owned()),
                    target: Claimed::new(self.target.to_owned()),
                    host: Claimed::new(self.host.to_owned()),
                    agent: Claimed::new(self.agent.to_owned()),
                    captured: self.captured,
                    ..Claims::default()
                }),
                decoy: DecoyRecord {
                    kind: self.kind.to_owned(),
                    rule: self.rule.to_owned(),
                    outcome: self.outcome,
                    status: 200,
                },
                count: 1,
                times: Vec::new(),
            },
            conclusion: Conclusion {
                trip: trip_id(self.sequence),
                network: self.network,
                judgement: Judgement {
                    verdict: self.verdict.0,
                    reasons: vec![self.verdict.1.text()],
                    rules: 1,
                },
                incident: IncidentId(trip_id(self.actor)),
                actor: ActorId(trip_id(self.actor)),
                evidence: vec![evidence],
                session: Some(trip_id(self.actor)),
                mute: None,
            },
            raw: Some(raw.into_bytes()),
        }
    }
}

fn network(country: &str, asn: u32, name: &str) -> NetworkFacts {
    NetworkFacts {
        country: Some(country.to_owned()),
        asn: Some(asn),
        as_name: Some(name.to_owned()),
        sources: vec!["exercise overlay 2026-11-01".to_owned()],
        exercise: true,
        ..NetworkFacts::default()
    }
}

fn texting(number: u64, trips: u64) -> ReportTrip {
    let step = (6 * 3600 / trips.max(1)).max(1);
    let text = if number.is_multiple_of(5) {
        "Your subscription data was passed on. See https://update.example/notice"
    } else {
        "The alerts on this line have ended. Reply STOP to leave"
    };
    let to = format!("+1202555{:04}", 100 + number % 100);
    let captured = [
        ("sms.to", to.as_str()),
        ("sms.from", "+12025550100"),
        ("sms.body", text),
        ("sms.callback", "https://cb.example/x"),
    ];
    Use {
        sequence: number + 1,
        time: at("2026-11-20T22:41:13Z").plus_seconds(
            i64::try_from((number * number * step / trips.max(1)).min(40_000)).unwrap_or(0),
        ),
        canary: 1,
        kind: "twilio",
        field: ("auth_token", Carrier::Basic),
        source: if number % 7 == 3 {
            "203.0.113.90:50412"
        } else {
            "203.0.113.77:50412"
        },
        rule: "POST /2010-04-01/Accounts/{account_sid}/Messages.json",
        target: "/2010-04-01/Accounts/ACexample/Messages.json",
        agent: "python-requests/2.32.3",
        host: "gateway.bait.example",
        outcome: DecoyOutcome::Accepted,
        verdict: (Verdict::Intruder, verdict::VALUE_SENT),
        actor: 1,
        network: network("NL", 64_500, "Example Hosting B.V."),
        captured: captured
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Claimed::new(vec![value.to_owned()])))
            .collect(),
    }
    .build()
}

fn cloud(sequence: u64) -> ReportTrip {
    Use {
        sequence,
        time: at("2026-11-21T01:02:44Z"),
        canary: 2,
        kind: "aws-access-key",
        field: ("access_key_id", Carrier::Sigv4),
        source: "203.0.113.77:51870",
        rule: "POST / GetCallerIdentity",
        target: "/",
        agent: "aws-cli/2.31.0 md/awscrt#0.27 ua/2.1 os/linux#6.12 lang/python#3.13",
        host: "sts.bait.example",
        outcome: DecoyOutcome::Accepted,
        verdict: (Verdict::Intruder, verdict::VALUE_SENT),
        actor: 1,
        network: network("NL", 64_500, "Example Hosting B.V."),
        captured: BTreeMap::from([(
            "aws.region".to_owned(),
            Claimed::new(vec!["eu-central-1".to_owned()]),
        )]),
    }
    .build()
}

fn record(sequence: u64) -> ReportTrip {
    Use {
        sequence,
        time: at("2026-11-21T03:35:02Z"),
        canary: 3,
        kind: "person",
        field: ("beacon.url", Carrier::Path),
        source: "[2001:db8:77:1::9]:42100",
        rule: "GET /{id}",
        target: "/n/7f3kq2m9",
        agent: "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        host: "notes.bait.example",
        outcome: DecoyOutcome::Accepted,
        verdict: (Verdict::Intruder, verdict::OPENED),
        actor: sequence,
        network: network("SG", 64_510, "Example Transit Pte"),
        captured: BTreeMap::new(),
    }
    .build()
}

fn flood(sequence: u64) -> ReportTrip {
    let mut one = Use {
        sequence,
        time: at("2026-11-21T06:00:00Z"),
        canary: 1,
        kind: "twilio",
        field: ("account_sid", Carrier::Path),
        source: "198.51.100.23:33010",
        rule: "GET /2010-04-01/Accounts/{account_sid}.json",
        target: "/2010-04-01/Accounts/ACexample.json",
        agent: "Go-http-client/1.1",
        host: "gateway.bait.example",
        outcome: DecoyOutcome::Refused,
        verdict: (Verdict::Automated, verdict::ONLY_ITS_WORD),
        actor: sequence,
        network: network("BR", 64_499, "Exemplo Telecom"),
        captured: BTreeMap::new(),
    }
    .build();
    one.trip.count = 4_980;
    one.trip.times = vec![
        one.trip.observed.time,
        one.trip.observed.time.plus_seconds(5_400),
    ];
    one.trip.claims = None;
    one.raw = None;
    one
}

fn drill(sequence: u64) -> ReportTrip {
    let mut one = cloud(sequence);
    one.trip.canary = canary(5);
    one.trip.kind = "github-pat".to_owned();
    one.trip.observed.time = at("2026-11-20T18:00:00Z");
    one.trip.observed.forwarded = Some("192.0.2.10:40000".parse().expect("an address"));
    one.trip.decoy.rule = "GET /user".to_owned();
    one.conclusion.judgement = Judgement {
        verdict: Verdict::Drill,
        reasons: vec![verdict::DRILL_NONCE.text()],
        rules: 1,
    };
    one.conclusion.network = NetworkFacts {
        special: Some("documentation".to_owned()),
        ..NetworkFacts::default()
    };
    one.conclusion.actor = ActorId(trip_id(sequence));
    one.conclusion.evidence.clear();
    one
}

fn incidents(trips: u64) -> Vec<Incident> {
    let make = |sequence, canary_number, verdict, count, state| Incident {
        id: IncidentId(trip_id(sequence)),
        canary: canary(canary_number),
        actor: ActorId(trip_id(sequence)),
        verdict,
        first: at("2026-11-20T22:41:13Z"),
        last: at("2026-11-21T04:31:40Z"),
        count,
        latest: trip_id(sequence),
        state,
        untold: Untold::Nothing,
    };
    vec![
        make(1, 1, Verdict::Intruder, trips, IncidentState::Open),
        make(
            trips + 3,
            1,
            Verdict::Automated,
            4_980,
            IncidentState::Acknowledged,
        ),
    ]
}

fn actors(trips: u64) -> Vec<Actor> {
    let address: IpAddr = "203.0.113.77".parse().expect("an address");
    vec![Actor {
        id: ActorId(trip_id(1)),
        first: at("2026-11-20T22:41:13Z"),
        last: at("2026-11-21T04:31:40Z"),
        count: trips + 1,
        addresses: vec![address],
        fingerprints: Vec::new(),
        canaries: vec![canary(1), canary(2)],
        latest: trip_id(trips),
    }]
}

/// What the actor of two sessions rests on.
fn case() -> Case {
    let evidence = |signal: &str, group, grade, centibits, detail: &str| Evidence {
        signal: signal.to_owned(),
        detail: detail.to_owned(),
        to: Some(trip_id(1)),
        grade,
        group: Some(group),
        centibits,
    };
    let apart = "5 hours after trip 0a1b2c3d-1";
    let edge = Edge {
        to: trip_id(1),
        actor: ActorId(trip_id(1)),
        centibits: 412,
        evidence: vec![
            evidence(
                "address",
                Group::Network,
                Grade::A1,
                612,
                &format!("same address 203.0.113.77, {apart}"),
            ),
            evidence(
                "canary",
                Group::Bait,
                Grade::A1,
                410,
                &format!("same bait, {apart}"),
            ),
            evidence(
                "fingerprint",
                Group::Program,
                Grade::B3,
                -110,
                "not the same habits of the client program",
            ),
        ],
        taken: true,
    };
    Case {
        actor: ActorId(trip_id(1)),
        sessions: 2,
        left_out: false,
        likelihood: Some(edge.likelihood()),
        confidence: Confidence::Moderate,
        prior: -500,
        bridges: Vec::new(),
        rivals: Vec::new(),
        alternatives: vec!["Second-hand bait: the values were passed on, sold or published, and several hands use them.".to_owned()],
        would_change: vec!["The network operator's record of who had the address and port at these times.".to_owned()],
        links: vec![(trip_id(9), edge)],
        decisions: Vec::new(),
    }
}
