//! How far the index is behind the journal, and how fast it catches up: empty, and with five million
//! trips in it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use lapwing_core::{Actor, Clock as _, Evidence, Grade, Incident, IncidentState, SystemClock};
use lapwing_core::{
    ActorId, CanaryId, Conclusion, IncidentId, Judgement, NetworkFacts, StationId, Timestamp,
    TripId, Verdict,
};
use lapwing_store::{Batch, Followed, Index, TripFilter, TripRow};

use crate::Plan;
use crate::client::{Client, Load};
use crate::data::{Data, FULL, scratch};
use crate::figures::{Bar, bar, load, median, quantile};
use crate::server::Syncs;

/// Sustained trips a second.
const RATE: f64 = 5000.0;
const CANARIES: u64 = 1000;
/// Whose trips fill the index beforehand.
const OTHER: StationId = StationId::new(1);
const CONNECTIONS: usize = 64;
/// Addresses that the connections announce, in turns: most trips continue an incident.
const ADDRESSES: usize = 8;
/// Believe the addresses that the load announces.
const PROXY: &[&str] = &["--proxy", "127.0.0.0/8"];

pub(crate) fn run(plan: &Plan) {
    let directory = scratch();
    let path = directory.path().join("data");
    std::fs::create_dir(&path).unwrap();
    let (data, _) = Data::mint(plan, &path, CANARIES);
    let (trips, backlog) = if plan.quick {
        (500_000, 40_000)
    } else {
        (5_000_000, 150_000)
    };
    let full = directory.path().join("full");
    std::fs::create_dir(&full).unwrap();
    let begun = Instant::now();
    prefill(&full, trips);
    println!(
        "an index of {trips} trips was made in {:.0} s",
        begun.elapsed().as_secs_f64()
    );

    for (name, filled) in [("empty", None), ("full", Some(&full))] {
        data.forget_trips();
        place_index(&data, filled.map(|full| full.as_path()));
        let lags = sustained(plan, &data);
        let worst = quantile(&lags, 1.0);
        println!(
            "{name} index, {RATE} trips/s: lag {:.3} s median, {:.3} s p99, {worst:.3} s at worst   (load {})",
            median(&lags),
            quantile(&lags, 0.99),
            load()
        );
        bar("lag at worst", worst, &Bar::Below(2.0), " s");
    }
    data.forget_trips();
    make_backlog(plan, &data, backlog);
    let (mut ratios, mut empty_rates, mut full_rates) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.rounds.min(5) {
        place_index(&data, None);
        let empty = drain(plan, &data);
        place_index(&data, Some(&full));
        let full = drain(plan, &data);
        ratios.push(full / empty);
        empty_rates.push(empty);
        full_rates.push(full);
    }
    println!(
        "drain of a backlog: empty index {:.0} trips/s, full {:.0} trips/s   (load {})",
        median(&empty_rates),
        median(&full_rates),
        load()
    );
    bar(
        "indexing, full / empty",
        median(&ratios),
        &Bar::AtLeast(0.75),
        "",
    );
}

/// Gives the station no index, or a copy of this one.
fn place_index(data: &Data, filled: Option<&Path>) {
    data.forget_index();
    if let Some(full) = filled {
        let copy = data.path.join("index.db");
        std::fs::copy(full.join("index.db"), &copy).unwrap();
        // Or the system writes it out while its use is measured.
        std::fs::File::open(&copy).unwrap().sync_all().unwrap();
    }
}

/// Lags in seconds, ten a second, while trips come at [`RATE`].
fn sustained(plan: &Plan, data: &Data) -> Vec<f64> {
    let server = data.listen(plan, Syncs::Real, &[FULL, PROXY].concat());
    let requests = data.hits();
    let load = Load {
        requests: &requests,
        connections: CONNECTIONS,
        rate: Some(RATE),
        addresses: ADDRESSES,
    };
    let mut client = Client::new(server.address, &load);
    client.run(2.0, || ());
    let index = Index::open(&data.path).unwrap();
    let (mut lags, mut due) = (Vec::new(), Instant::now());
    let (answered, begun) = (client.answered(), Instant::now());
    client.run(if plan.quick { 6.0 } else { 30.0 }, || {
        if Instant::now() >= due {
            due += Duration::from_millis(100);
            let newest = TripFilter {
                limit: 1,
                ..TripFilter::default()
            };
            let page = index.trips(&newest).unwrap();
            let now = SystemClock.now();
            let lag = page
                .rows
                .first()
                .map_or(1e9, |row| (now.micros() - row.time.micros()) as f64 / 1e6);
            lags.push(lag);
        }
    });
    let rate = (client.answered() - answered) as f64 / begun.elapsed().as_secs_f64();
    println!("  {rate:.0} trips/s came");
    client.finish();
    server.settle();
    lags
}

/// Fills the journal.
fn make_backlog(plan: &Plan, data: &Data, trips: u64) {
    let server = data.listen(plan, Syncs::Real, &[FULL, PROXY].concat());
    let requests = data.hits();
    let load = Load {
        requests: &requests,
        connections: 256,
        rate: None,
        addresses: ADDRESSES,
    };
    let mut client = Client::new(server.address, &load);
    while client.answered() < trips {
        client.run(0.5, || ());
    }
    client.finish();
}

/// Trips a second that a station brings into the index from its start on.
fn drain(plan: &Plan, data: &Data) -> f64 {
    let index = Index::open(&data.path).unwrap();
    let indexed = || {
        let positions = index.positions().unwrap();
        let ours = positions.iter().find(|followed| followed.station != OTHER);
        ours.map_or(0, |followed| followed.sequence)
    };
    let server = data.listen(plan, Syncs::Real, &[FULL, PROXY].concat());
    let begun = Instant::now();
    let (mut count, mut at) = (0, begun);
    loop {
        std::thread::sleep(Duration::from_millis(20));
        let now = indexed();
        if now > count {
            (count, at) = (now, Instant::now());
        } else if count > 0 && at.elapsed() > Duration::from_secs(1) {
            break;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(600),
            "a backlog is never indexed"
        );
    }
    server.settle();
    count as f64 / (at - begun).as_secs_f64()
}

/// Makes an index of another station's trips: 10,000 canaries, 2,000 addresses, each canary used from
/// two of them.
fn prefill(directory: &Path, trips: u64) {
    let index = Index::open(directory).unwrap();
    let canaries: Vec<CanaryId> = (0..10_000)
        .map(|_| CanaryId::from_bytes(rand::random()))
        .collect();
    let since = SystemClock.now().plus_seconds(-86_400);
    let mut sequence = 0;
    while sequence < trips {
        let batch = index.batch().unwrap();
        for _ in 0..5_000 {
            sequence += 1;
            let later =
                i64::try_from(sequence * 10_000).unwrap() * 8 / i64::try_from(trips).unwrap();
            let time = Timestamp::from_micros(since.micros() + later * 1_000_000);
            let place = rand::random_range(0..canaries.len());
            add(
                &batch,
                TripId {
                    station: OTHER,
                    sequence,
                },
                time,
                (place, canaries[place]),
            );
        }
        let offset = sequence * 2_300;
        batch
            .commit(Followed {
                station: OTHER,
                sequence,
                segment: 0,
                offset,
            })
            .unwrap();
    }
}

/// Adds a trip with all that an indexer concludes from it.
fn add(batch: &Batch<'_>, id: TripId, time: Timestamp, (place, canary): (usize, CanaryId)) {
    let host = u32::try_from((place * 7 + rand::random_range(0..2)) % 2_000).unwrap();
    let address = IpAddr::V4(Ipv4Addr::from_bits(0xc612_0000 + host));
    let value = address.to_string();
    let seen = batch.note(&format!("a/{value}")).unwrap();
    let actor_id = seen.map_or(ActorId(id), |text| ActorId(text.parse().unwrap()));
    if actor_id.0 == id {
        batch.put_note(&format!("a/{value}"), &id.to_string());
    }
    let mut actor = batch.actor(actor_id).unwrap().unwrap_or_else(|| Actor {
        id: actor_id,
        first: time,
        last: time,
        count: 0,
        addresses: vec![address],
        fingerprints: Vec::new(),
        canaries: Vec::new(),
        latest: id,
    });
    (actor.last, actor.count, actor.latest) = (time, actor.count + 1, id);
    batch.put_actor(&actor);
    let open = batch.newest_incident(canary, actor_id).unwrap();
    let open = open.filter(|open| time.seconds_since(open.last) < 1800);
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
        untold: Default::default(),
    });
    (incident.last, incident.count, incident.latest) = (time, incident.count + 1, id);
    batch.put_incident(&incident).unwrap();
    remember(batch, id, &value);
    let evidence = Evidence {
        signal: "address".to_owned(),
        detail: format!("the same address {address}"),
        to: Some(actor_id.0),
        grade: Grade::A1,
        group: None,
        centibits: 0,
    };
    let judgement = Judgement {
        verdict: Verdict::Intruder,
        reasons: vec!["A secret that stands in one place only was used.".to_owned()],
        rules: 1,
    };
    let conclusion = Conclusion {
        trip: id,
        network: NetworkFacts::default(),
        judgement,
        incident: incident.id,
        actor: actor_id,
        evidence: vec![evidence],
        mute: None,
        session: None,
    };
    let row = TripRow {
        canary,
        time,
        source: SocketAddr::new(address, 4711),
        count: 1,
        segment: 0,
        offset: id.sequence * 2_300,
        conclusion,
    };
    batch.add_trip(&row).unwrap();
}

/// What a linker remembers, of a tenth of the trips: the others go on with a session.
fn remember(batch: &Batch<'_>, id: TripId, value: &str) {
    if !id.sequence.is_multiple_of(10) {
        return;
    }
    let session = format!(
        "{{\"id\":\"{id}\",\"traits\":[{}]}}",
        "\"fingerprint\",".repeat(30)
    );
    batch.put_note(&format!("s/{id}"), &session);
    for signal in ["address", "block", "fingerprint", "ja4", "agent", "family"] {
        let had = format!(
            "{{\"hands\":3,\"recent\":[{}]}}",
            "[\"00000001-17\",0],".repeat(8)
        );
        batch.put_note(
            &format!("v/{signal}/{value}/{}", id.sequence % 50_000),
            &had,
        );
    }
}
