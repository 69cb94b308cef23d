//! How far the index is behind the journal, and how fast it catches up: empty, and with five million
//! trips in it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use lapwing_core::{
    ActorId, CanaryId, Conclusion, IncidentId, Judgement, NetworkFacts, StationId, Timestamp, TripId,
    Verdict,
};
use lapwing_core::{Actor, Clock as _, Evidence, Grade, Incident, IncidentState, SystemClock};
use lapwing_store::{Batch, Followed, Index, Seen, TripFilter, TripRow};

use crate::Plan;
use crate::client::{Client, Load};
use crate::data::{Data, FULL, scratch};
use crate::figures::{Bar, bar, load, median, quantile};
use crate::server::Syncs;

/// Sustained trips a second.
const RATE: f64 = 5000.0;
const CANARIES: u64 = 1000;
/// Connections, each with an address of its own.
const CONNECTIONS: usize = 64;
/// Believe the addresses that the load announces.
const PROXY: &[&str] = &["--proxy", "127.0.0.0/8"];

pub(crate) fn run(plan: &Plan) {
    let directory = scratch();
    let path = directory.path().join("data");
    std::fs::create_dir(&path).unwrap();
    let (data, _) = Data::mint(plan, &path, CANARIES);
    let (trips, backlog) = if plan.quick { (500_000, 40_000) } else { (5_000_000, 150_000) };
    let full = directory.path().join("full");
    std::fs::create_dir(&full).unwrap();
    let begun = Instant::now();
    prefill(&full, trips);
    println!("an index of {trips} trips was made in {:.0} s", begun.elapsed().as_secs_f64());

    for (name, filled) in [("empty", None), ("full", Some(&full))] {
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
    bar("indexing, full / empty", median(&ratios), &Bar::AtLeast(0.75), "");
}

/// Gives the station no index, or a copy of this one.
fn place_index(data: &Data, filled: Option<&Path>) {
    data.forget_index();
    if let Some(full) = filled {
        std::fs::copy(full.join("index.db"), data.path.join("index.db")).unwrap();
    }
}

/// Lags in seconds, ten a second, while trips come at [`RATE`].
fn sustained(plan: &Plan, data: &Data) -> Vec<f64> {
    let server = data.listen(plan, Syncs::Real, &[FULL, PROXY].concat());
    let requests = data.hits();
    let load =
        Load { requests: &requests, connections: CONNECTIONS, rate: Some(RATE), proxied: true };
    let mut client = Client::new(server.address, &load);
    client.run(2.0, || ());
    let index = Index::open(&data.path).unwrap();
    let (mut lags, mut due) = (Vec::new(), Instant::now());
    let (answered, begun) = (client.answered(), Instant::now());
    client.run(if plan.quick { 6.0 } else { 30.0 }, || {
        if Instant::now() >= due {
            due += Duration::from_millis(100);
            let newest = TripFilter { limit: 1, ..TripFilter::default() };
            let page = index.trips(&newest).unwrap();
            let now = SystemClock.now();
            let lag = page.rows.first().map_or(1e9, |row| now.micros_since(row.time));
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
    let load = Load { requests: &requests, connections: 256, rate: None, proxied: true };
    let mut client = Client::new(server.address, &load);
    while client.answered() < trips {
        client.run(0.5, || ());
    }
    client.finish();
}

/// Trips a second that a station brings into the index from its start on.
fn drain(plan: &Plan, data: &Data) -> f64 {
    let index = Index::open(&data.path).unwrap();
    let indexed = || index.positions().unwrap().iter().map(|it| it.sequence).max().unwrap_or(0);
    let server = data.listen(plan, Syncs::Real, &[FULL, PROXY].concat());
    let begun = Instant::now();
    let (mut count, mut at) = (0, begun);
    let _ = indexed;
    loop {
        std::thread::sleep(Duration::from_millis(20));
        let now = station_position(&index);
        if now > count {
            (count, at) = (now, Instant::now());
        } else if count > 0 && at.elapsed() > Duration::from_secs(1) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(600), "a backlog is never indexed");
    }
    server.settle();
    count as f64 / (at - begun).as_secs_f64()
}
