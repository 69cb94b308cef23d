//! Whether ten million canaries slow a station down: requests that hit and that miss, beside one
//! thousand, and what memory it takes.

use crate::Plan;
use crate::client::{Load, Tally, turn};
use crate::data::{Data, FULL, scratch};
use crate::figures::{Bar, bar, load, median, spread};
use crate::mint;
use crate::server::Syncs;

const CONNECTIONS: usize = 256;

pub(crate) fn run(plan: &Plan) {
    let directory = scratch();
    let path = directory.path().join("few");
    std::fs::create_dir(&path).unwrap();
    let (few, _) = Data::mint(plan, &path, 1000);
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
    let kinds = [
        ("hit", [few.hits(), many.hits()], 0.9),
        ("miss", [few.misses(), many.misses()], 0.9),
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
        for (count, tallies) in [1000, count].iter().zip(&tallies) {
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
        bar(
            &format!("{count} canaries / 1000, {name}"),
            median(&ratios),
            &Bar::AtLeast(*least),
            "",
        );
        bar(
            "resident memory under load",
            peak,
            &Bar::Below(150.0),
            " MB",
        );
    }
}
