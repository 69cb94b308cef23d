//! Measures how fast trips go into the index, empty and full: `index_rate [TRIPS] [BATCH]`.
//!
//! Each trip does what a station's indexer does: looks two signals up, folds into the newest
//! incident of its canary and actor, touches the actor, and is added. 10,000 canaries, 2,000
//! addresses, each canary used from two of them. Then fills an empty index and the full one in turns.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement, run by hand"
)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

use lapwing_core::{
    Actor, ActorId, CanaryId, Conclusion, Evidence, Grade, Incident, IncidentId, IncidentState,
    Judgement, NetworkFacts, StationId, Timestamp, TripId, Untold, Verdict,
};
use lapwing_store::{Batch, Followed, Index, Seen, TripFilter, TripRow};

const STATION: StationId = StationId::new(1);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u64| {
        let text = arguments.next();
        text.map_or(default, |text| text.parse().unwrap())
    };
    let (trips, size) = (number(5_000_000), number(5_000));
    let canaries: Vec<CanaryId> = (0..10_000)
        .map(|_| CanaryId::from_bytes(rand::random()))
        .collect();
    let directory = tempfile::tempdir_in(".").unwrap();
    let index = Index::open(directory.path()).unwrap();
    let stretch = (trips / 20).max(size);
    let mut filled = 0;
    while filled < trips {
        let rate = fill(&index, &mut filled, stretch, size, &canaries);
        println!("{filled:>10} trips  {rate:>10.0} trips/s");
    }
    let file = directory.path().join("index.db");
    let bytes = std::fs::metadata(file).unwrap().len();
    println!("{} bytes a trip", bytes / filled);
    read(&index, canaries[7]);
    compare(&index, filled, size, &canaries);
}

/// Fills an empty index and the full one in turns, so that other load on the machine hits both.
fn compare(full: &Index, mut filled: u64, size: u64, canaries: &[CanaryId]) {
    let directory = tempfile::tempdir_in(".").unwrap();
    let empty = Index::open(directory.path()).unwrap();
    let (mut new, mut ratios) = (0, Vec::new());
    for round in 0..16 {
        let fresh = fill(&empty, &mut new, 3 * size, size, canaries);
        let rate = fill(full, &mut filled, 3 * size, size, canaries);
        println!("empty {fresh:>8.0}  full {rate:>8.0} trips/s");
        // The first rounds of the empty one still make every row anew.
        if round > 3 {
            ratios.push(rate / fresh);
        }
    }
    ratios.sort_by(f64::total_cmp);
    println!("full / empty, median: {:.2}", ratios[ratios.len() / 2]);
}

/// Adds `stretch` trips in batches of `size`; returns trips per second.
fn fill(index: &Index, sequence: &mut u64, stretch: u64, size: u64, canaries: &[CanaryId]) -> f64 {
    let begun = Instant::now();
    let goal = *sequence + stretch;
    while *sequence < goal {
        let batch = index.batch().unwrap();
        for _ in 0..size {
            *sequence += 1;
            take(&batch, *sequence, canaries);
        }
        let followed = Followed {
            station: STATION,
            sequence: *sequence,
            segment: 1,
            offset: *sequence * 700,
        };
        batch.commit(followed).unwrap();
    }
    stretch as f64 / begun.elapsed().as_secs_f64()
}

/// What a person waits for.
fn read(index: &Index, canary: CanaryId) {
    let filter = TripFilter {
        limit: 50,
        ..TripFilter::default()
    };
    let begun = Instant::now();
    let page = index.trips(&filter).unwrap();
    println!("newest {} in {:?}", page.rows.len(), begun.elapsed());
    let begun = Instant::now();
    let filter = TripFilter {
        canary: Some(canary),
        ..filter
    };
    let page = index.trips(&filter).unwrap();
    println!(
        "newest {} of a canary in {:?}",
        page.rows.len(),
        begun.elapsed()
    );
}

fn take(batch: &Batch<'_>, sequence: u64, canaries: &[CanaryId]) {
    let id = TripId {
        station: STATION,
        sequence,
    };
    let time =
        Timestamp::from_micros(1_795_000_000_000_000 + 200 * i64::try_from(sequence).unwrap());
    let place: u32 = rand::random_range(0..10_000);
    let canary = canaries[place as usize];
    let host = (place * 7 + rand::random_range(0..2)) % 2_000;
    let address = IpAddr::V4(Ipv4Addr::from_bits(0xc612_0000 + host));
    let (value, fingerprint) = (address.to_string(), format!("{:064x}", host % 50));
    let _ = batch.signal("fingerprint", &fingerprint).unwrap();
    let seen = batch.signal("address", &value).unwrap();
    let actor_id = seen.map_or(ActorId(id), |seen| seen.actor);
    let mut actor = batch.actor(actor_id).unwrap().unwrap_or_else(|| Actor {
        id: actor_id,
        first: time,
        last: time,
        count: 0,
        addresses: vec![address],
        fingerprints: vec![fingerprint.clone()],
        canaries: Vec::new(),
        latest: id,
    });
    (actor.last, actor.count, actor.latest) = (time, actor.count + 1, id);
    if actor.canaries.len() < 64 && !actor.canaries.contains(&canary) {
        actor.canaries.push(canary);
    }
    batch.put_actor(&actor);
    let open = batch.newest_incident(canary, actor_id).unwrap();
    let open = open.filter(|open| time.seconds_since(open.last) < 3600);
    let mut incident = open.unwrap_or(Incident {
        id: IncidentId(id),
        canary,
        actor: actor_id,
        verdict: Verdict::Intruder,
        first: time,
        last: time,
        count: 0,
        latest: id,
        state: IncidentState::Open,
        untold: Untold::Nothing,
    });
    (incident.last, incident.count, incident.latest) = (time, incident.count + 1, id);
    batch.put_incident(&incident).unwrap();
    let seen = Seen {
        actor: actor_id,
        trip: id,
        time,
    };
    batch.learn("address", &value, seen);
    batch.learn("fingerprint", &fingerprint, seen);
    batch
        .add_trip(&row(id, time, canary, address, incident.id, actor_id))
        .unwrap();
}

fn row(
    id: TripId,
    time: Timestamp,
    canary: CanaryId,
    address: IpAddr,
    incident: IncidentId,
    actor: ActorId,
) -> TripRow {
    TripRow {
        canary,
        time,
        source: SocketAddr::new(address, 4711),
        count: 1,
        segment: 1,
        offset: id.sequence * 700,
        conclusion: Conclusion {
            trip: id,
            network: NetworkFacts {
                special: Some("documentation".to_owned()),
                sources: vec![
                    "country lite 2026-06-01".to_owned(),
                    "asn 2026-06-01".to_owned(),
                ],
                ..NetworkFacts::default()
            },
            judgement: Judgement {
                verdict: Verdict::Intruder,
                reasons: vec!["A secret that stands in one place only was used.".to_owned()],
                rules: 1,
            },
            incident,
            actor,
            evidence: vec![Evidence {
                signal: "address".to_owned(),
                detail: format!("the same address {address}"),
                to: Some(actor.0),
                grade: Grade::A1,
                group: None,
                centibits: 0,
            }],
            mute: None,
            session: None,
        },
    }
}
