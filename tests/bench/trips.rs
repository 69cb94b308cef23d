//! Durable trips a second, against bare axum and against a bare server that appends as many bytes.

use crate::Plan;
use crate::bare;
use crate::client::{Load, Tally, ask, turn};
use crate::data::{Data, FULL, scratch};
use crate::figures::{Bar, bar, load, median, spread};
use crate::server::{Server, Syncs};

/// Canaries that are used.
const CANARIES: u64 = 1000;

pub(crate) fn run(plan: &Plan) {
    let directory = scratch();
    let path = directory.path().join("full");
    std::fs::create_dir(&path).unwrap();
    let (full, _) = Data::mint(plan, &path, CANARIES);
    let path = directory.path().join("quota");
    std::fs::create_dir(&path).unwrap();
    let (quota, _) = Data::mint(plan, &path, CANARIES);
    let (answer, bytes) = calibrate(plan, &full);
    println!("a trip is {bytes} bytes of journal, its answer's body {answer} bytes");
    for (sync, name, least) in [
        (Syncs::FourMilliseconds, "syncs of 4 ms", 0.85),
        (Syncs::Real, "syncs of this disk", 0.6),
    ] {
        let file = directory.path().join("appended");
        let servers = Servers {
            axum: bare::axum(answer),
            append: bare::append(answer, bytes, &file, sync),
            full: full.listen(plan, sync, FULL),
            quota: quota.listen(plan, sync, &[]),
        };
        for connections in [64, 256] {
            println!("\n{connections} connections, {name}   (load {})", load());
            let requests = [full.hits(), quota.hits()];
            let ratio = compare(plan, &servers, &requests, connections);
            if connections == 256 {
                bar(
                    "lapwing / bare appending server",
                    ratio,
                    &Bar::AtLeast(least),
                    "",
                );
            }
        }
    }
}

/// Bytes of an answer's body, and of the journal for each trip.
fn calibrate(plan: &Plan, data: &Data) -> (usize, usize) {
    let server = data.listen(plan, Syncs::Real, FULL);
    let requests = data.hits();
    let answer = ask(server.address, &requests[0]);
    let head = answer
        .windows(4)
        .position(|end| end == b"\r\n\r\n")
        .unwrap()
        + 4;
    let before = data.journal_bytes();
    let load = Load {
        requests: &requests,
        connections: 16,
        rate: None,
        addresses: 0,
    };
    let mut client = crate::client::Client::new(server.address, &load);
    client.run(0.5, || ());
    client.finish();
    let written = data.journal_bytes() - before;
    server.settle();
    (
        answer.len() - head,
        usize::try_from(written / client.answered()).unwrap(),
    )
}

struct Servers {
    axum: Server,
    append: Server,
    full: Server,
    quota: Server,
}

/// Turns of each; gives the median of lapwing to the appending server.
fn compare(
    plan: &Plan,
    servers: &Servers,
    requests: &[Vec<Vec<u8>>; 2],
    connections: usize,
) -> f64 {
    let mut tallies: [Vec<Tally>; 4] = Default::default();
    let mut settled = Vec::new();
    let Servers {
        axum,
        append,
        full,
        quota,
    } = servers;
    for _ in 0..plan.rounds {
        for (place, server) in [axum, append, full, quota].into_iter().enumerate() {
            let requests = &requests[usize::from(place == 3)];
            let load = Load {
                requests,
                connections,
                rate: None,
                addresses: 0,
            };
            let before = server.cpu();
            let tally = turn(server, &load, plan.seconds);
            tallies[place].push(tally);
            server.settle();
            if place == 2 {
                settled.push((server.cpu() - before) / tally.cpu - 1.0);
            }
        }
    }
    let names = [
        "bare axum",
        "bare appending server",
        "lapwing",
        "lapwing, default quota",
    ];
    for (name, tallies) in names.into_iter().zip(&tallies) {
        let rates: Vec<f64> = tallies.iter().map(Tally::rate).collect();
        let costs: Vec<f64> = tallies.iter().map(Tally::cost).collect();
        let (rate, cost) = (median(&rates), median(&costs));
        println!("  {name:24} {rate:>8.0} requests/s  {cost:>6.1} us of processor each");
    }
    let [axum, append, full, quota] = &tallies;
    println!("  lapwing / axum           {}", spread(&ratios(full, axum)));
    println!(
        "  lapwing / appending      {}",
        spread(&ratios(full, append))
    );
    println!(
        "  default quota / append.  {}",
        spread(&ratios(quota, append))
    );
    println!(
        "  work left for later      {:.2} of the turn's processor time",
        median(&settled)
    );
    median(&ratios(full, append))
}

fn ratios(one: &[Tally], other: &[Tally]) -> Vec<f64> {
    one.iter()
        .zip(other)
        .map(|(one, other)| one.rate() / other.rate())
        .collect()
}
