//! Made-up trips for tests, full of markers that must not come out again.

use std::collections::BTreeMap;

use lapwing_core::{
    ActorId, Canary, CanaryId, Carrier, Claimed, Claims, DecoyOutcome, DecoyRecord, Incident,
    Judgement, MatchedField, NetworkFacts, Observed, Occasion, StationId, Timestamp, Trip, TripId,
    Verdict,
};

use crate::{IncidentFacts, Message, fold};

/// 2026-11-23T02:39:00Z.
pub(crate) const TIME: Timestamp = Timestamp::from_micros(1_795_401_540_000_000);
pub(crate) const STATION: StationId = StationId::new(0x0a1b_2c3d);
/// Part of every value that must not be shown.
pub(crate) const MARKER: &str = "M4rk3rS3cr3t";
pub(crate) const CHECKPOINT: &str =
    "station-0a1b2c3d\n42\nqINS1GRFhWFOzDbgxkM2NGBA0cQ0zXpDgQg=\n\n— station-0a1b2c3d AAAA<b>\n";

pub(crate) fn trip(sequence: u64) -> Trip {
    let said = |text: &str| Claimed::new(format!("{text}{MARKER}"));
    Trip {
        id: TripId {
            station: STATION,
            sequence,
        },
        canary: CanaryId::from_bytes([7; 16]),
        kind: "twilio".to_owned(),
        fields: vec![MatchedField {
            field: "account_sid".to_owned(),
            carrier: Carrier::Basic,
        }],
        observed: Observed {
            time: TIME,
            peer: "198.51.100.7:4711".parse().unwrap(),
            forwarded: None,
            observer: None,
            local: "192.0.2.1:80".parse().unwrap(),
            listener: "http".to_owned(),
            protocol: "http/1.1".to_owned(),
            size: 321,
            truncated: false,
            signals: [].into(),
            fingerprint: String::new(),
        },
        claims: Some(Claims {
            method: Claimed::new("POST".to_owned()),
            target: said("/2010-04-01/Accounts/"),
            host: said("sms.example.org"),
            agent: Claimed::new(format!(
                "curl/8.5\r\nBcc: x@example.org <script>alert(1)</script> AC{MARKER}"
            )),
            forwarding: vec![("x-forwarded-for".to_owned(), said("10.0.0.1"))],
            headers: vec![("authorization".to_owned(), said("Basic "))],
            captured: BTreeMap::from([(
                "sms.body".to_owned(),
                Claimed::new(vec![format!("hello {MARKER}")]),
            )]),
        }),
        decoy: DecoyRecord {
            kind: "twilio".to_owned(),
            rule: "POST /2010-04-01/Accounts/{account_sid}/Messages.json".to_owned(),
            outcome: DecoyOutcome::Accepted,
            status: 201,
        },
        count: 1,
        times: Vec::new(),
    }
}

pub(crate) fn canary() -> Canary {
    Canary {
        id: CanaryId::from_bytes([7; 16]),
        kind: "twilio".to_owned(),
        memo: "old\r\ngateway <key>".to_owned(),
        labels: BTreeMap::from([("team".to_owned(), "sms".to_owned())]),
        fields: BTreeMap::from([
            ("account_sid".to_owned(), format!("AC{MARKER}")),
            ("auth_token".to_owned(), format!("tok{MARKER}")),
            (
                "beacon.url".to_owned(),
                "https://x7k2live9q.example.org/t/z9y8x7w6v5u4".to_owned(),
            ),
        ]),
        minted: TIME,
        retired: None,
    }
}

pub(crate) fn judgement(verdict: Verdict) -> Judgement {
    Judgement {
        verdict,
        reasons: vec!["the credential was minted for one place".to_owned()],
        rules: 1,
    }
}

pub(crate) fn network() -> NetworkFacts {
    NetworkFacts {
        country: Some("NL".to_owned()),
        asn: Some(64_500),
        as_name: Some("Example".to_owned()),
        sources: vec!["DB-IP country lite 2026-06-01".to_owned()],
        ..NetworkFacts::default()
    }
}

pub(crate) fn incident(verdict: Verdict) -> Incident {
    let trip = trip(17);
    fold(
        &trip,
        &judgement(verdict),
        ActorId(trip.id),
        None,
        false,
        1800,
    )
    .incident
}

/// A message on a trip, as the station makes them.
pub(crate) fn message_with(change: impl FnOnce(&mut Trip, &mut Canary, &mut Incident)) -> Message {
    message_as(
        Occasion::Opened,
        Verdict::Intruder,
        Some("/srv/sms/.env"),
        change,
    )
}

pub(crate) fn message_as(
    occasion: Occasion,
    verdict: Verdict,
    place: Option<&str>,
    change: impl FnOnce(&mut Trip, &mut Canary, &mut Incident),
) -> Message {
    let (mut trip, mut canary, mut incident) = (trip(17), canary(), incident(verdict));
    change(&mut trip, &mut canary, &mut incident);
    Message::incident(&IncidentFacts {
        occasion,
        incident: &incident,
        canary: &canary,
        kind_name: "Twilio account",
        place,
        trip: &trip,
        network: &network(),
        judgement: &judgement(verdict),
        station: STATION,
        checkpoint: CHECKPOINT,
        exercise: false,
    })
}

pub(crate) fn message() -> Message {
    message_with(|_, _, _| {})
}
