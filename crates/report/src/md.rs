//! GitHub-flavoured Markdown, for issues, wikis and mail. Text that is not ours stands in code
//! spans; everything else has its punctuation escaped, so that no link, image, HTML or mention of
//! anybody can come out of it.

use std::fmt::Write as _;

use crate::findings::{Findings, clock, outcome_word, plural, thousands};
use crate::{Format, Profile, Report, ReportError, html};

/// The format.
pub(crate) const FORMAT: Format = Format {
    name: "md",
    summary: "Markdown, for issues and wikis",
    extension: "md",
    render,
};

/// Lines of a table that are shown; JSON and CSV hold all.
const LINES: usize = 100;

fn render(report: &Report, profile: Profile) -> Result<Vec<u8>, ReportError> {
    let findings = Findings::derive(report, profile);
    let mut out = Page {
        all: &findings,
        text: String::new(),
    };
    out.head();
    out.canaries();
    out.timeline();
    out.networks();
    out.intent();
    out.actors();
    out.verdicts();
    out.confidence();
    out.incidents();
    out.trips();
    out.integrity();
    Ok(out.text.into_bytes())
}

struct Page<'a> {
    all: &'a Findings,
    text: String,
}

impl Page<'_> {
    fn line(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    fn section(&mut self, title: &str) {
        let mark = if self.all.exercise { " (EXERCISE)" } else { "" };
        let _ = writeln!(self.text, "\n## {title}{mark}\n");
    }

    fn table(&mut self, head: &[&str], rows: Vec<Vec<String>>) {
        let all = rows.len();
        self.line(format!("| {} |", head.join(" | ")));
        self.line(format!("|{}", " --- |".repeat(head.len())));
        for row in rows.into_iter().take(LINES) {
            self.line(format!("| {} |", row.join(" | ")));
        }
        if all > LINES {
            let _ = writeln!(
                self.text,
                "\n{} more are in the JSON report.",
                thousands((all - LINES) as u64)
            );
        }
    }

    fn head(&mut self) {
        let all = self.all;
        self.line(format!("# {}\n", plain(&html::title(all))));
        if all.exercise {
            self.line("> **EXERCISE.** Staged; addresses, networks and places are made up.\n");
        }
        let until = all.range.until.as_deref().unwrap_or("now");
        let from = all.range.from.as_deref().unwrap_or("the beginning");
        self.line(format!("- Period: {} to {}", plain(from), plain(until)));
        self.line(format!(
            "- Made: {} by {}, station `{}`",
            plain(&all.generated),
            plain(all.software),
            all.station
        ));
        if !all.operator.is_empty() {
            self.line(format!("- Published by: {}", plain(&all.operator)));
        }
        self.line(if all.full() {
            "- Profile: full. Not for publication: it holds personal data of third parties."
        } else {
            "- Profile: masked. Third parties, texts and full addresses are left out."
        });
        self.section("Summary");
        for sentence in &all.summary {
            self.line(format!("{}\n", plain(sentence)));
        }
    }

    fn canaries(&mut self) {
        self.section("What was touched");
        let (used, unused): (Vec<_>, Vec<_>) =
            self.all.canaries.iter().partition(|one| one.uses > 0);
        for one in used {
            self.line(format!("### {}\n", plain(&one.title)));
            self.line(format!("{}\n", plain(&one.statement)));
            self.line(format!("- Kind: {}", plain(&one.kind_name)));
            if let Some(place) = &one.place {
                self.line(format!("- Place: {}", code(place)));
            }
            if let Some(planted) = &one.planted {
                self.line(format!("- Planted: {planted}"));
            }
            if let Some(first) = &one.first_use {
                self.line(format!("- First use: {first}"));
            }
            self.line(format!("- Used: {}", plural(one.uses, "time", "times")));
            self.line(format!("- Presented: {}", plain(&one.presented.join(", "))));
            if !one.attack.is_empty() {
                self.line(format!("- ATT&CK: {}", plain(&one.attack.join(", "))));
            }
            self.line("");
        }
        if !unused.is_empty() {
            self.line(format!(
                "Not used: {}.\n",
                plural(unused.len() as u64, "canary", "canaries")
            ));
            let row = |one: &&crate::findings::CanaryFinding| {
                vec![
                    plain(&one.title),
                    plain(&one.kind_name),
                    one.place.as_deref().map_or_else(String::new, cell),
                ]
            };
            let rows = unused.iter().map(row).collect();
            self.table(&["Canary", "Kind", "Place"], rows);
        }
    }

    fn timeline(&mut self) {
        self.section("Timeline");
        let row = |one: &crate::findings::Episode| {
            vec![
                clock(&one.first),
                if one.last == one.first {
                    String::new()
                } else {
                    clock(&one.last)
                },
                plain(&one.actor),
                plain(&one.title),
                cell(&one.call),
                one.verdict.word().to_owned(),
                thousands(one.uses),
            ]
        };
        let rows = self.all.timeline.iter().map(row).collect();
        self.table(
            &[
                "From (UTC)",
                "Until",
                "Actor",
                "Bait",
                "Call",
                "Verdict",
                "Uses",
            ],
            rows,
        );
    }

    fn networks(&mut self) {
        self.section("Networks");
        self.line(format!("**{}**\n", self.all.caution));
        let row = |one: &crate::findings::NetworkFinding| {
            let country = one
                .country_name
                .as_deref()
                .or(one.special.as_deref())
                .unwrap_or("not known");
            let city = one
                .city
                .as_deref()
                .map_or_else(String::new, |city| format!(", {city}"));
            let asn = one.asn.map_or_else(String::new, |asn| format!("AS{asn} "));
            vec![
                cell(&one.source),
                plain(&format!("{country}{city}")),
                plain(&one.precision),
                format!(
                    "{asn}{}{}",
                    one.as_name.as_deref().map_or_else(String::new, cell),
                    listed(&one.listed)
                ),
                plain(&one.data.join("; ")),
                thousands(one.uses),
            ]
        };
        let rows = self.all.networks.iter().map(row).collect();
        self.table(
            &["Source", "Country", "Precision", "Network", "Data", "Uses"],
            rows,
        );
    }

    fn intent(&mut self) {
        self.section("What was tried");
        if let Some(sms) = &self.all.intent.messages {
            self.line(format!(
                "Text messages ordered: {}, to {}. None was sent.\n",
                thousands(sms.messages),
                plural(sms.numbers, "number", "different numbers")
            ));
            let row = |one: &crate::findings::TextFinding| {
                vec![
                    cell(&one.shown),
                    one.characters.to_string(),
                    thousands(one.messages),
                    thousands(one.numbers),
                    format!("`{}`", one.digest),
                ]
            };
            self.table(
                &[
                    "Text",
                    "Characters",
                    "Messages",
                    "Numbers",
                    "SHA-256 (start)",
                ],
                sms.texts.iter().map(row).collect(),
            );
            self.line("");
            let rows = sms
                .number_list
                .iter()
                .map(|one| vec![cell(&one.text), thousands(one.count)])
                .collect();
            self.table(&["Number", "Messages"], rows);
            self.line("");
        }
        let row = |one: &crate::findings::CallFinding| {
            vec![
                clock(&one.first),
                plain(&one.kind),
                cell(&one.call),
                format!("{} ({})", outcome_word(one.outcome), one.status),
                thousands(one.uses),
            ]
        };
        let rows = self.all.intent.calls.iter().map(row).collect();
        self.table(&["First (UTC)", "Kind", "Call", "Outcome", "Uses"], rows);
        self.line("");
        for one in &self.all.intent.captured {
            let values: Vec<String> = one
                .values
                .iter()
                .take(20)
                .map(|value| code(&value.text))
                .collect();
            let shown = if values.is_empty() {
                "masked".to_owned()
            } else {
                values.join(", ")
            };
            self.line(format!(
                "- {}: {}: {shown}",
                plain(&one.name),
                plural(one.distinct, "value", "values")
            ));
        }
        let callbacks = &self.all.intent.callbacks;
        if callbacks.distinct > 0 {
            let shown: Vec<String> = callbacks.addresses.iter().map(|one| code(one)).collect();
            self.line(format!(
                "- Callback addresses: {}. {} {}",
                callbacks.distinct,
                callbacks.note,
                shown.join(", ")
            ));
        }
    }

    fn actors(&mut self) {
        self.section("Actors");
        self.line("An actor is a pattern of use, not a person.\n");
        for one in &self.all.actors {
            self.line(format!("### {} (`{}`)\n", plain(&one.name), one.id));
            self.line(format!(
                "{} from {} to {}. Confidence that this is one hand: {}. {}\n",
                plural(one.uses, "use", "uses"),
                one.first,
                one.last,
                one.confidence,
                plain(&one.basis)
            ));
            let sources: Vec<String> = one.sources.iter().take(16).map(|text| code(text)).collect();
            self.line(format!("- Sources: {}", sources.join(", ")));
            if !one.tools.is_empty() {
                let tools: Vec<String> = one.tools.iter().take(8).map(|text| plain(text)).collect();
                self.line(format!(
                    "- Made with, by handshake and habits: {}",
                    tools.join("; ")
                ));
            }
            if !one.handshakes.is_empty() {
                let prints = one.handshakes.iter().take(8);
                let prints: Vec<String> = prints.map(|text| code(text)).collect();
                self.line(format!("- TLS handshakes (JA4): {}", prints.join(", ")));
            }
            let programs: Vec<String> =
                one.programs.iter().take(8).map(|text| code(text)).collect();
            if !programs.is_empty() {
                self.line(format!("- Programs: {}", programs.join(", ")));
            }
            for link in one.evidence.iter().take(10) {
                self.line(format!(
                    "- {} ({:?}, {}): {}",
                    plain(&link.detail),
                    link.grade,
                    link.grade_meaning,
                    plural(link.trips, "trip", "trips")
                ));
            }
            self.line("");
        }
    }

    fn verdicts(&mut self) {
        self.section("Verdicts");
        let row = |one: &crate::findings::VerdictFinding| {
            let reasons: Vec<String> = one
                .reasons
                .iter()
                .take(5)
                .map(|reason| plain(&reason.text))
                .collect();
            vec![
                one.verdict.word().to_owned(),
                one.meaning.to_owned(),
                thousands(one.uses),
                reasons.join("; "),
            ]
        };
        let rows = self.all.verdicts.iter().map(row).collect();
        self.table(&["Verdict", "Meaning", "Uses", "Reasons"], rows);
    }

    fn confidence(&mut self) {
        self.section("Confidence and alternatives");
        for one in &self.all.confidence {
            self.line(format!("### {}\n", plain(one.claim)));
            self.line(format!("{}\n", plain(&one.answer)));
            if !one.likelihood.is_empty() {
                self.line(format!("- Likelihood: {}.", one.likelihood));
            }
            self.line(format!(
                "- Confidence: {}. {}",
                one.confidence,
                plain(&one.basis)
            ));
            for text in &one.alternatives {
                self.line(format!("- Alternative: {}", plain(text)));
            }
            for text in &one.would_change {
                self.line(format!("- Would change it: {}", plain(text)));
            }
            self.line("");
        }
    }

    fn incidents(&mut self) {
        self.section("Incidents");
        let row = |one: &crate::findings::IncidentFinding| {
            vec![
                format!("`{}`", one.id),
                plain(&one.canary),
                plain(&one.actor),
                one.verdict.word().to_owned(),
                clock(&one.first),
                clock(&one.last),
                thousands(one.uses),
            ]
        };
        let rows = self.all.incidents.iter().map(row).collect();
        self.table(
            &[
                "Incident",
                "Canary",
                "Actor",
                "Verdict",
                "First (UTC)",
                "Last",
                "Uses",
            ],
            rows,
        );
    }

    fn trips(&mut self) {
        self.section("Trips");
        let shown = self.all.trips.len().min(LINES) as u64;
        self.line(format!(
            "The newest {} of {}. {}\n",
            thousands(shown),
            thousands(self.all.totals.trips),
            self.all.caution
        ));
        let row = |one: &crate::findings::TripFinding| {
            let port = one
                .full
                .as_ref()
                .map_or_else(String::new, |full| format!(" port {}", full.source_port));
            vec![
                format!("`{}`", one.id),
                clock(&one.time),
                plain(&one.title),
                cell(&one.call),
                format!("{}{port}{}", cell(&one.source), resolver(one)),
                one.country_name.as_deref().map_or_else(String::new, plain),
                one.verdict.word().to_owned(),
                thousands(one.uses),
            ]
        };
        let rows: Vec<_> = self.all.trips.iter().rev().take(LINES).map(row).collect();
        self.table(
            &[
                "Trip",
                "Time (UTC)",
                "Bait",
                "Call",
                "From",
                "Country",
                "Verdict",
                "Uses",
            ],
            rows,
        );
    }

    fn integrity(&mut self) {
        self.section("Integrity");
        let one = &self.all.integrity;
        let all = self.all;
        self.line(format!(
            "{}\n\n{}\n",
            plain(&one.statement),
            plain(one.limits)
        ));
        self.line(format!("- Verify: `{}`", one.how_to_verify));
        self.line(format!("- Public key: {}", code(&one.public_key)));
        let rules: Vec<String> = one.rules.iter().map(u32::to_string).collect();
        self.line(format!("- Rules of verdicts: version {}", rules.join(", ")));
        self.line(format!("- Data: {}", plain(&one.data.join("; "))));
        self.line("- Checkpoint:\n");
        for line in one.checkpoint.lines() {
            self.line(format!("      {line}"));
        }
        self.line("");
        for text in &all.attribution {
            self.line(format!("- {}", plain(text)));
        }
    }
}

/// Our own or the operator's text: every mark of the syntax is escaped, and `@` cannot call anybody.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '@' => out.push_str("&#64;<!-- -->"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '#' | '|' | '~' | '!' | '$' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Text from outside, as a code span whose fence is longer than any run of backticks in it.
fn code(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let edge = if text.starts_with('`') || text.ends_with('`') || text.starts_with(' ') {
        " "
    } else {
        ""
    };
    format!("{fence}{edge}{text}{edge}{fence}")
}

/// As [`code`], in a table, where a pipe ends a cell even inside a code span.
fn cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}

/// What lists say of a network, behind its name.
fn listed(all: &[String]) -> String {
    if all.is_empty() {
        return String::new();
    }
    format!("; listed as {}", cell(&all.join(", ")))
}

/// What stands behind an address that is a resolver's.
fn resolver(one: &crate::findings::TripFinding) -> &'static str {
    if one.resolver { " (resolver)" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        assert_eq!(
            plain("[x](y) | <b> @bob"),
            "\\[x\\](y) \\| &lt;b&gt; &#64;<!-- -->bob"
        );
        assert_eq!(code("a``b"), "```a``b```");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(cell("a|b"), "`a\\|b`");
    }
}
