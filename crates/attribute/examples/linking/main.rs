//! Measures how well trips are linked into actors, against worlds whose truth is known.
//!
//! `cargo run --release -p lapwing-attribute --example linking [-- [--directory DIR] [--seed N] [--labels FILE] [FAMILY..]]`
//!
//! Prints, of each family of scenarios and of all of them, B-cubed and pairwise F1, the adjusted Rand index, how many of
//! those who came once were left alone, and how often a link that was stated to be very likely is false; the best of
//! the simple rules beside it. `--labels` writes (world, truth, answer) of every trip as JSON lines, for other programs
//! to judge, `--figures` what was measured of each family. `--count N` links one world of N trips and says how long that
//! took.

#![allow(clippy::print_stdout, reason = "a measurement, run by hand")]

mod baselines;
mod generate;
mod metrics;
mod scenario;
mod speed;
mod world;

use std::io::Write as _;
use std::path::PathBuf;

use metrics::{Score, Stated, f1};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut directory = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/linking"
    ));
    let (mut seed, mut labels, mut only, mut count) = (1_u64, None, Vec::new(), None);
    let mut figures = None;
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} wants a value"));
        match argument.as_str() {
            "--directory" => directory = value()?.into(),
            "--seed" => seed = value()?.parse()?,
            "--labels" => labels = Some(std::fs::File::create(value()?)?),
            "--figures" => figures = Some(std::fs::File::create(value()?)?),
            "--count" => count = Some(value()?.parse()?),
            family => only.push(family.to_owned()),
        }
    }
    let families = scenario::read(&directory)?;
    if let Some(count) = count {
        return speed::run(&families, count, seed);
    }
    let mut about = Vec::new();
    let mut all = Totals::default();
    let mut held = Totals::default();
    println!(
        "{:22} {:>6} {:>6} {:>13} {:>6} {:>6} {:>6} {:>11} {:>6}  best simple rule",
        "family", "trips", "B3 F1", "prec/recall", "pair", "ARI", "alone", "false>=VL", "Brier"
    );
    for (name, family) in &families {
        if !only.is_empty() && !only.contains(name) {
            continue;
        }
        let mut totals = Totals::default();
        for number in 0..family.worlds {
            let drawn = seed.wrapping_mul(1_000_003).wrapping_add(u64::from(number));
            let events = generate::world(family, drawn);
            let answer = world::link(&events);
            totals.take(&events, &answer);
            if let Some(file) = &mut labels {
                for (event, actor) in events.iter().zip(&answer.actors) {
                    writeln!(file, "[\"{name} {number}\",{},{actor}]", event.hand)?;
                }
            }
        }
        totals.print(&format!("{name}{}", if family.tuned { "" } else { " *" }));
        about.push(format!("{name}: {}", family.about));
        if let Some(file) = &mut figures {
            writeln!(file, "{}", totals.figures(name, family.tuned))?;
        }
        all.add(&totals);
        if !family.tuned {
            held.add(&totals);
        }
    }
    all.print("all");
    held.print("* held back");
    println!("\n{}", about.join("\n"));
    println!("\nstated              links   stated  true");
    for (words, count, stated, truth) in all.stated.bands() {
        println!("{words:18} {count:>6} {stated:>8.3} {truth:>6.3}");
    }
    Ok(())
}

#[derive(Default)]
struct Totals {
    trips: usize,
    score: Score,
    stated: Stated,
    simple: Vec<Score>,
}

impl Totals {
    fn take(&mut self, events: &[generate::Event], answer: &world::Answer) {
        let truth = |actors: &[usize]| -> Vec<(u32, usize)> {
            { events.iter() }
                .zip(actors)
                .map(|(event, actor)| (event.hand, *actor))
                .collect()
        };
        self.trips += events.len();
        let mut score = metrics::score(&truth(&answer.actors));
        score.singles(&answer.sessions);
        self.score.add(&score);
        self.stated.add(&answer.stated);
        self.simple
            .resize(baselines::BASELINES.len(), Score::default());
        for (sum, baseline) in self.simple.iter_mut().zip(&baselines::BASELINES) {
            sum.add(&metrics::score(&truth(&baselines::link(events, baseline))));
        }
    }

    fn add(&mut self, other: &Self) {
        self.trips += other.trips;
        self.score.add(&other.score);
        self.stated.add(&other.stated);
        self.simple
            .resize(baselines::BASELINES.len(), Score::default());
        for (sum, one) in self.simple.iter_mut().zip(&other.simple) {
            sum.add(one);
        }
    }

    fn figures(&self, name: &str, tuned: bool) -> serde_json::Value {
        let simple: Vec<(f64, f64)> = self.simple.iter().map(Score::bcubed).collect();
        let (false_merges, pairs) = self.stated.false_merges();
        serde_json::json!({
            "family": name,
            "tuned": tuned,
            "items": self.trips,
            "bcubed": self.score.bcubed(),
            "pairwise": self.score.pairwise(),
            "rand": self.score.rand(),
            "simple": simple,
            "false_merges": false_merges * pairs,
            "stated_pairs": pairs,
        })
    }

    fn print(&self, name: &str) {
        let bcubed = self.score.bcubed();
        let (rate, pairs) = self.stated.false_merges();
        let best = { self.simple.iter().zip(&baselines::BASELINES) }
            .map(|(score, baseline)| (f1(score.bcubed()), baseline.0))
            .max_by(|one, other| one.0.total_cmp(&other.0));
        let (best, rule) = best.unwrap_or_default();
        println!(
            "{name:22} {:>6} {:>6.3} {:>6.3}/{:.3} {:>6.3} {:>6.3} {:>6.3} {:>6.4}/{:<6} {:>6.3}  {rule} {best:.3}",
            self.trips,
            f1(bcubed),
            bcubed.0,
            bcubed.1,
            f1(self.score.pairwise()),
            self.score.rand(),
            self.score.singleton_recall(),
            rate,
            pairs,
            self.stated.brier(),
        );
    }
}
