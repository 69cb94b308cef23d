//! Figures in the text format of Prometheus (version 0.0.4), which every collector reads.
//!
//! Names and labels are the caller's own words; nothing that a stranger sent may become one.

use std::fmt::Write as _;

/// `Content-Type` of what [`text`] writes.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Figures of one name.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// With the unit, and `_total` where it counts: `lapwing_trips_total`.
    pub name: &'static str,
    /// What it is, one line.
    pub help: &'static str,
    /// What sort of figure it is.
    pub kind: Kind,
    /// The figures.
    pub samples: Vec<Sample>,
}

/// A sort of figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, until the process ends.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How many were at most so large, for several bounds.
    Histogram,
}

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// What is put behind the family's name: `_bucket`, `_sum`, `_count`, or nothing.
    pub suffix: &'static str,
    /// Names and values, in order.
    pub labels: Vec<(&'static str, String)>,
    /// The figure.
    pub value: f64,
}

impl Family {
    /// Of figures that have labels.
    #[must_use]
    pub fn new(name: &'static str, help: &'static str, kind: Kind) -> Self {
        let samples = Vec::new();
        Self {
            name,
            help,
            kind,
            samples,
        }
    }

    /// With one figure more.
    #[must_use]
    pub fn with(mut self, labels: &[(&'static str, &str)], value: f64) -> Self {
        self.samples.push(sample("", labels, value));
        self
    }

    /// Of one counter.
    #[must_use]
    pub fn counter(name: &'static str, help: &'static str, value: u64) -> Self {
        Self::new(name, help, Kind::Counter).with(&[], value as f64)
    }

    /// Of one gauge.
    #[must_use]
    pub fn gauge(name: &'static str, help: &'static str, value: f64) -> Self {
        Self::new(name, help, Kind::Gauge).with(&[], value)
    }

    /// Of one histogram: its bounds, how many were at most so large (not larger than the bound before), how many
    /// were larger than all, and the sum of all.
    #[must_use]
    pub fn histogram(
        name: &'static str,
        help: &'static str,
        buckets: &[(f64, u64)],
        beyond: u64,
        sum: f64,
    ) -> Self {
        let mut family = Self::new(name, help, Kind::Histogram);
        let mut count = 0;
        for (bound, more) in buckets {
            count += more;
            let label = [("le", bound.to_string())];
            let labels = label
                .each_ref()
                .map(|(name, value)| (*name, value.as_str()));
            family
                .samples
                .push(sample("_bucket", &labels, count as f64));
        }
        count += beyond;
        family
            .samples
            .push(sample("_bucket", &[("le", "+Inf")], count as f64));
        family.samples.push(sample("_sum", &[], sum));
        family.samples.push(sample("_count", &[], count as f64));
        family
    }
}

fn sample(suffix: &'static str, labels: &[(&'static str, &str)], value: f64) -> Sample {
    let labels = labels
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()));
    Sample {
        suffix,
        labels: labels.collect(),
        value,
    }
}

/// The text.
pub(crate) fn text(families: &[Family]) -> String {
    let mut out = String::new();
    for Family {
        name,
        help,
        kind,
        samples,
    } in families
    {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for Sample {
            suffix,
            labels,
            value,
        } in samples
        {
            let _ = write!(out, "{name}{suffix}");
            for (number, (label, value)) in labels.iter().enumerate() {
                let open = if number == 0 { '{' } else { ',' };
                let value = value
                    .replace('\\', "\\\\")
                    .replace('"', "\\\"")
                    .replace('\n', "\\n");
                let _ = write!(out, "{open}{label}=\"{value}\"");
            }
            let close = if labels.is_empty() { "" } else { "}" };
            let _ = writeln!(out, "{close} {value}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_as_the_format_says() {
        let families = [
            Family::counter("a_total", "Of a\\b.", 3),
            Family::new("b_bytes", "Two\nlines.", Kind::Gauge)
                .with(&[("name", "q\"uo\\te\n"), ("other", "")], 0.5)
                .with(&[], -2.0),
            Family::histogram("c_seconds", "How long.", &[(0.001, 2), (0.5, 1)], 1, 7.25),
        ];
        let expected = "# HELP a_total Of a\\\\b.\n# TYPE a_total counter\na_total 3\n\
             # HELP b_bytes Two\\nlines.\n# TYPE b_bytes gauge\nb_bytes{name=\"q\\\"uo\\\\te\\n\",other=\"\"} 0.5\n\
             b_bytes -2\n\
             # HELP c_seconds How long.\n# TYPE c_seconds histogram\nc_seconds_bucket{le=\"0.001\"} 2\n\
             c_seconds_bucket{le=\"0.5\"} 3\nc_seconds_bucket{le=\"+Inf\"} 4\nc_seconds_sum 7.25\nc_seconds_count 4\n";
        assert_eq!(text(&families), expected);
    }
}
