//! Plain lists of indicators: the sources from which someone who has the bait used it, one a line,
//! comments behind `#`. The defanged list is for mail and tickets, where a live address would be
//! linked or filtered; the plain one is for programs.
//!
//! Nothing but addresses: a JA4 is shared by everyone who uses the same program. An exercise gives no
//! entries, for its addresses are made up.

use std::fmt::Write as _;

use crate::findings::{Findings, IndicatorFinding};
use crate::{Format, Profile, Report, ReportError};

/// The list for people.
pub(crate) const DEFANGED: Format = Format {
    name: "ioc",
    summary: "source addresses with times and networks, taken apart (203[.]0[.]113[.]7), for mail and tickets",
    extension: "ioc.txt",
    render: |report, profile| render(report, profile, defanged),
};

/// The list for programs.
pub(crate) const PLAIN: Format = Format {
    name: "ioc-plain",
    summary: "source addresses alone, one a line, for programs that search logs",
    extension: "ioc-plain.txt",
    render: |report, profile| render(report, profile, |one| one.source.clone()),
};

fn render(
    report: &Report,
    profile: Profile,
    entry: fn(&IndicatorFinding) -> String,
) -> Result<Vec<u8>, ReportError> {
    let findings = Findings::for_programs(report, profile);
    let mut out = head(&findings);
    for one in findings.indicators.iter().filter(|one| !one.exercise) {
        out.push_str(&entry(one));
        out.push('\n');
    }
    Ok(out.into_bytes())
}

fn head(findings: &Findings) -> String {
    let mut out = String::new();
    let mut say = |text: &str| {
        // The model's texts are printable on one line.
        let _ = writeln!(out, "# {text}");
    };
    say(&format!("{}, made {}", findings.tlp, findings.generated));
    if !findings.operator.is_empty() {
        say(&format!("reported by {}", findings.operator));
    }
    say(
        "sources from which bait was used: made-up credentials and records that nobody has a reason to use",
    );
    say(findings.caution);
    if findings.full() {
        say(
            "Addresses change hands and are shared: look at times and ports before anything is blocked.",
        );
    } else {
        say(
            "Whole networks, for comparison: most addresses in them have nothing to do with it. Not for blocking.",
        );
    }
    let staged = findings.indicators.iter().filter(|one| one.exercise);
    match staged.map(|one| one.uses).sum::<u64>() {
        0 => {}
        uses => say(&format!(
            "EXERCISE: addresses are made up and not listed (uses: {uses})"
        )),
    }
    for one in &findings.withheld {
        say(&format!("not listed: {} (uses: {})", one.text, one.count));
    }
    out
}

fn defanged(one: &IndicatorFinding) -> String {
    let source = one.source.replace('.', "[.]").replace(':', "[:]");
    let mut line = format!("{source}\t{} .. {}\t{} uses", one.first, one.last, one.uses);
    if let Some(asn) = one.asn {
        let _ = write!(line, "\tAS{asn}");
        if let Some(name) = &one.as_name {
            let _ = write!(line, " {name}");
        }
    }
    if let Some(country) = &one.country {
        let _ = write!(line, "\t{country}");
    }
    if !one.listed.is_empty() {
        let _ = write!(line, "\tshared: {}", one.listed.join(", "));
    }
    line
}
