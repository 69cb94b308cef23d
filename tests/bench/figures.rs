//! Medians, and how figures are printed.

use std::fs;

/// The middle one.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// The share `part` of the way up.
pub(crate) fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in a list"
    )]
    let place = ((sorted.len() - 1) as f64 * part).round() as usize;
    sorted[place]
}

/// `0.91 (0.88-0.93)`: median and range.
pub(crate) fn spread(values: &[f64]) -> String {
    let (low, high) = (quantile(values, 0.0), quantile(values, 1.0));
    format!("{:.2} ({low:.2}-{high:.2})", median(values))
}

/// Prints a figure with the bar it is held to.
pub(crate) fn bar(what: &str, value: f64, bar: &Bar, unit: &str) {
    let (sign, limit, met) = match *bar {
        Bar::AtLeast(limit) => (">=", limit, value >= limit),
        Bar::Below(limit) => ("<", limit, value < limit),
    };
    let verdict = if met { "met" } else { "MISSED" };
    println!("  bar: {what}: {value:.2}{unit} {sign} {limit}{unit}: {verdict}");
}

/// What is asked for.
pub(crate) enum Bar {
    AtLeast(f64),
    Below(f64),
}

/// The machine, in one line.
pub(crate) fn machine() {
    let cpus = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or_default();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .nth(1);
    let memory: f64 = memory.and_then(|kib| kib.parse().ok()).unwrap_or_default();
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    println!(
        "{cpus} processors ({}), {:.0} GiB, Linux {}",
        model.trim_start_matches([' ', '\t', ':']),
        memory / f64::from(1 << 20),
        release.trim()
    );
}

/// Load averages of the machine.
pub(crate) fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace()
        .take(3)
        .collect::<Vec<_>>()
        .join(" ")
}
