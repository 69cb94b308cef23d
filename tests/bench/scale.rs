//! Whether ten million canaries slow a station down: requests that hit and that miss, beside one
//! thousand, and what memory it takes. As many different canaries are used of the many as of the few:
//! each that is used has its incident and its rows in the index, which is another cost.

use crate::Plan;
use crate::client::{Load, Tally, turn};
use crate::data::{Data, FULL, scratch};
use crate::figures::{Bar, bar, load, median, spread};
use crate::mint;
use crate::server::Syncs;

const CONNECTIONS: usize = 256;

/// Canaries minted in the smaller directory, and used of either.
const USED: usize = 1000;

pub(crate) fn run(plan: &Plan) {
    let directory = scratch();
    let path = directory.path().join("few");
    std::fs::create_dir(&path).unwrap();
    let (few, _) = Data::mint(plan, &path, USED as u64);
    let count = if plan.quick { 1_000_000 } else { 10_000_000 };
    let (many, minted) = Data::kept(plan, count);
    if let Some(minted) = minted {
        mint::print(count, &minted);
    }
    let servers = [
        few.listen(plan, Syncs::Real, FULL),
        many.listen(plan, Syncs::Real, FULL),
    ];
    for server in &servers {
        server.settle();
    }
    let idle = servers[1].resident();
    println!("resident with {count} canaries, idle: {idle:.0} MB");
    let mut hits = many.hits();
    let spread_wide = hits.split_off(USED.min(hits.len()));
    let mut misses = many.misses();
    misses.truncate(USED);
    let kinds = [
        ("hit", [few.hits(), hits], Some(0.9)),
        ("miss", [few.misses(), misses], Some(0.9)),
        (
            "hit, nearly every one another",
            [few.hits(), spread_wide],
            None,
        ),
    ];
    for (name, requests, least) in &kinds {
        let mut tallies: [Vec<Tally>; 2] = Default::default();
        let mut peak: f64 = 0.0;
        for _ in 0..plan.rounds {
            for (place, server) in servers.iter().enumerate() {
                let requests = &requests[place];
                let load = Load {
                    requests,
                    connections: CONNECTIONS,
                    rate: None,
                    addresses: 0,
                };
                tallies[place].push(turn(server, &load, plan.seconds));
                peak = peak.max(servers[1].resident());
                server.settle();
            }
        }
        println!("{name}, {CONNECTIONS} connections   (load {})", load());
        for (count, tallies) in [USED as u64, count].iter().zip(&tallies) {
            let rates: Vec<f64> = tallies.iter().map(Tally::rate).collect();
            let costs: Vec<f64> = tallies.iter().map(Tally::cost).collect();
            let (rate, cost) = (median(&rates), median(&costs));
            println!(
                "  {count:>9} canaries {rate:>8.0} requests/s  {cost:>6.1} us of processor each"
            );
        }
        let [few, many] = &tallies;
        let ratios: Vec<f64> = many
            .iter()
            .zip(few)
            .map(|(many, few)| many.rate() / few.rate())
            .collect();
        println!("  ratio {}", spread(&ratios));
        if let Some(least) = least {
            bar(
                &format!("{count} canaries / {USED}, {name}"),
                median(&ratios),
                &Bar::AtLeast(*least),
                "",
            );
        }
        bar(
            "resident memory under load",
            peak,
            &Bar::Below(150.0),
            " MB",
        );
    }
}
