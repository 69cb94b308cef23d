//! Whether two samples come from one distribution: the Kolmogorov-Smirnov test for two samples.

use std::time::Duration;

/// The largest distance of the two empirical distributions, and how likely one as large is if both
/// are of one distribution (Kolmogorov's limit, with Stephens' correction for finite samples).
pub(crate) fn kolmogorov_smirnov(one: &[Duration], other: &[Duration]) -> (f64, f64) {
    let mut all: Vec<(Duration, bool)> = one.iter().map(|time| (*time, true)).collect();
    all.extend(other.iter().map(|time| (*time, false)));
    all.sort_unstable();
    let (mut below, mut below_other, mut distance) = (0_u32, 0_u32, 0_f64);
    for (at, (time, first)) in all.iter().enumerate() {
        if *first {
            below += 1;
        } else {
            below_other += 1;
        }
        // Equal values count together.
        if all.get(at + 1).is_none_or(|next| next.0 != *time) {
            let share = f64::from(below) / count(one);
            let share_other = f64::from(below_other) / count(other);
            distance = distance.max((share - share_other).abs());
        }
    }
    let size = (count(one) * count(other) / (count(one) + count(other))).sqrt();
    let lambda = (size + 0.12 + 0.11 / size) * distance;
    (distance, likelihood(lambda))
}

fn count(sample: &[Duration]) -> f64 {
    f64::from(u32::try_from(sample.len()).expect("a small sample"))
}

fn likelihood(lambda: f64) -> f64 {
    if lambda < 0.2 {
        // There the series needs very many terms and gives 1.
        return 1.0;
    }
    let terms = (1..=100).map(f64::from).map(|k| {
        let sign = if k % 2.0 == 0.0 { -1.0 } else { 1.0 };
        sign * (-2.0 * k * k * lambda * lambda).exp()
    });
    (2.0 * terms.sum::<f64>()).clamp(0.0, 1.0)
}

/// The times at some shares of a sample, in microseconds.
pub(crate) fn quantiles(sample: &[Duration]) -> String {
    let mut sorted = sample.to_vec();
    sorted.sort_unstable();
    let shares = [5, 25, 50, 75, 95, 99];
    let times = shares.map(|share| sorted[sorted.len() * share / 100].as_micros().to_string());
    times.join(" ")
}

#[test]
fn knows_equal_from_different() {
    let sample = |from: u64, step: u64| -> Vec<Duration> {
        (0..2000)
            .map(|at| Duration::from_nanos(from + at * step))
            .collect()
    };
    let (distance, likely) = kolmogorov_smirnov(&sample(0, 10), &sample(5, 10));
    assert!(distance < 0.001 && likely > 0.99, "{distance} {likely}");
    // Known: D = 0.05 with 2000 each gives p = 0.0135.
    let (distance, likely) = kolmogorov_smirnov(&sample(0, 10), &sample(1000, 10));
    assert!(
        (distance - 0.05).abs() < 1e-9 && (likely - 0.0135).abs() < 0.001,
        "{distance} {likely}"
    );
    let (_, likely) = kolmogorov_smirnov(&sample(0, 10), &sample(2000, 10));
    assert!(likely < 1e-6, "{likely}");
}
