//! Benchmarks: ratios from one run. `docs/BENCHMARKS.md` says what is compared and what it gave.
//!
//! `cargo bench -p lapwing-tests [-- [--quick] SECTION...]`; without a section all of them run.
//! Other load on the machine cannot be kept away, so what is compared runs in turns, the median of
//! the turns' ratios counts, and processor time per request stands beside every rate.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement, run by hand on files of its own"
)]

mod bare;
mod client;
mod data;
mod dns;
mod figures;
#[allow(dead_code, reason = "the example it belongs to reads all of it")]
#[path = "../../crates/attribute/examples/linking/generate.rs"]
mod generate;
mod lag;
mod linking;
mod mint;
mod scale;
#[allow(dead_code, reason = "the example it belongs to reads all of it")]
#[path = "../../crates/attribute/examples/linking/scenario.rs"]
mod scenario;
mod server;
mod siege;
mod start;
mod tls;
mod trips;

use std::path::PathBuf;

/// How long everything takes.
pub(crate) struct Plan {
    /// Turns of each comparison.
    pub(crate) rounds: usize,
    /// Seconds of one turn.
    pub(crate) seconds: f64,
    pub(crate) quick: bool,
    /// The release binary.
    pub(crate) binary: PathBuf,
}

type Section = (&'static str, fn(&Plan));

/// In the order in which they run.
const SECTIONS: &[Section] = &[
    ("trips", trips::run),
    ("dns", dns::run),
    ("lag", lag::run),
    ("scale", scale::run),
    ("mint", mint::run),
    ("start", start::run),
    ("tls", tls::run),
    ("siege", siege::run),
    ("linking", linking::run),
];

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|it| it != "--bench")
        .collect();
    if let [role, rest @ ..] = &arguments[..]
        && role == bare::ROLE
    {
        return bare::serve(rest);
    }
    if arguments.first().is_some_and(|role| role == dns::ROLE) {
        return dns::serve();
    }
    if let [role, rest @ ..] = &arguments[..]
        && role == tls::ROLE
    {
        return tls::serve(rest);
    }
    let quick = arguments.iter().any(|it| it == "--quick");
    let chosen: Vec<&String> = arguments.iter().filter(|it| *it != "--quick").collect();
    for name in &chosen {
        let names: Vec<&str> = SECTIONS.iter().map(|(name, _)| *name).collect();
        assert!(
            names.contains(&name.as_str()),
            "{name} is none of {}",
            names.join(", ")
        );
    }
    let (rounds, seconds) = if quick { (3, 1.0) } else { (5, 2.5) };
    let plan = Plan {
        rounds,
        seconds,
        quick,
        binary: server::build(),
    };
    figures::machine();
    for (name, run) in SECTIONS {
        if chosen.is_empty() || chosen.iter().any(|it| it == name) {
            println!("\n== {name}   (load {})", figures::load());
            run(&plan);
        }
    }
    println!("\nload at the end: {}", figures::load());
}
