//! CEF, version 0: one line per trip, for log collectors.
//!
//! Keys are those of ArcSight's Common Event Format, revision 25. The header is fixed text, so that
//! nothing a peer says can end it; in the extension `\` and `=` are escaped, and the model's values
//! hold no line end. `src` and `c6a2` take whole addresses only, so the masked profile gives its
//! networks in `cs1`.

use std::fmt::Write as _;

use lapwing_core::Verdict;

use crate::findings::{Findings, TripFinding, outcome_word};
use crate::{Format, Profile, Report, ReportError};

/// The format.
pub(crate) const FORMAT: Format = Format {
    name: "cef",
    summary: "one line per trip in Common Event Format, for log collectors",
    extension: "cef",
    render,
};

/// Longest value of the keys used, in characters (`msg`, `request`).
const LONG: usize = 1_023;

fn render(report: &Report, profile: Profile) -> Result<Vec<u8>, ReportError> {
    let findings = Findings::for_programs(report, profile);
    let mut out = String::new();
    for trip in &findings.trips {
        let verdict = trip.verdict.word();
        let version = env!("CARGO_PKG_VERSION");
        let _ = write!(
            out,
            "CEF:0|lapwing|lapwing|{version}|trip:{verdict}|Bait used: {verdict}|{}|",
            severity(&findings, trip)
        );
        let fields = Fields::of(&findings, trip);
        out.push_str(&fields.0);
        out.push('\n');
    }
    Ok(out.into_bytes())
}

/// 0 to 10. What was staged or announced asks nobody to act.
fn severity(findings: &Findings, trip: &TripFinding) -> u8 {
    match trip.verdict {
        _ if findings.exercise => 0,
        Verdict::Intruder => 9,
        Verdict::Own => 7,
        Verdict::Automated => 4,
        Verdict::Preview | Verdict::Echo => 2,
        Verdict::Drill => 0,
    }
}

/// An extension as it grows: `key=value`, parted by blanks.
#[derive(Default)]
struct Fields(String);

impl Fields {
    fn of(findings: &Findings, trip: &TripFinding) -> Self {
        let mut fields = Self::default();
        fields.add("externalId", &trip.id);
        fields.add("rt", &trip.millis.0.to_string());
        fields.add("start", &trip.millis.0.to_string());
        fields.add("end", &trip.millis.1.to_string());
        fields.add("cnt", &trip.uses.to_string());
        fields.add("cat", trip.verdict.word());
        fields.add("act", outcome_word(trip.outcome));
        fields.add("proto", trip.transport);
        fields.add("app", &trip.protocol);
        fields.add("dvchost", &findings.station);
        fields.source(trip);
        fields.labelled("cs2", "canary", &trip.title);
        fields.labelled("cs3", "kind", &trip.kind);
        fields.labelled("cs4", "actor", &trip.actor_name);
        fields.labelled("cs5", "ja4", trip.ja4().unwrap_or_default());
        let mark = if findings.exercise { "EXERCISE" } else { "" };
        let mark = [findings.tlp, mark].join(" ");
        fields.labelled("cs6", "mark", mark.trim_end());
        let asn = trip.asn.map(|asn| asn.to_string());
        fields.labelled("cn1", "sourceASN", &asn.unwrap_or_default());
        fields.add(
            "requestClientApplication",
            trip.program.as_deref().unwrap_or_default(),
        );
        fields.add("reason", &trip.reasons.join("; "));
        fields.add("msg", &format!("{}. {}", trip.call, trip.caution));
        fields
    }

    /// Who asked, and in the full profile the other end and what was asked for.
    fn source(&mut self, trip: &TripFinding) {
        self.labelled("cs1", "sourceNetwork", &trip.source);
        let Some(full) = &trip.full else {
            return;
        };
        match trip.family {
            "ipv4" => self.add("src", &trip.source),
            _ => self.labelled("c6a2", "Source IPv6 Address", &trip.source),
        }
        if full.source_port != 0 {
            self.add("spt", &full.source_port.to_string());
        }
        match full.socket.ip().to_canonical() {
            std::net::IpAddr::V4(ip) => self.add("dst", &ip.to_string()),
            std::net::IpAddr::V6(ip) => {
                self.labelled("c6a3", "Destination IPv6 Address", &ip.to_string());
            }
        }
        self.add("dpt", &full.socket.port().to_string());
        self.add("requestMethod", full.method.as_deref().unwrap_or_default());
        self.add("request", full.target.as_deref().unwrap_or_default());
        self.add("dhost", full.host.as_deref().unwrap_or_default());
        let digest = full.raw_sha256.as_deref().unwrap_or_default();
        self.labelled("flexString1", "requestSha256", digest);
    }

    /// A custom key and what it means; neither if there is no value.
    fn labelled(&mut self, key: &str, label: &str, value: &str) {
        if !value.is_empty() {
            self.add(&format!("{key}Label"), label);
            self.add(key, value);
        }
    }

    fn add(&mut self, key: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        self.0.push_str(key);
        self.0.push('=');
        for character in cut(value).chars() {
            match character {
                '\\' | '=' => self.0.extend(['\\', character]),
                // The model has none; a line end here would be a second record.
                '\n' => self.0.push_str("\\n"),
                '\r' => self.0.push_str("\\r"),
                plain => self.0.push(plain),
            }
        }
    }
}

fn cut(value: &str) -> String {
    match value.char_indices().nth(LONG - 1) {
        Some((end, last)) if end + last.len_utf8() < value.len() => format!("{}…", &value[..end]),
        _ => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_end_themselves() {
        let mut fields = Fields::default();
        fields.add("msg", "a=b\\ c|d\nrt=0");
        fields.labelled("cs1", "x", "");
        assert_eq!(fields.0, "msg=a\\=b\\\\ c|d\\nrt\\=0");
        assert_eq!(cut(&"é".repeat(LONG)).chars().count(), LONG);
        assert_eq!(
            cut(&"é".repeat(LONG + 5)),
            format!("{}…", "é".repeat(LONG - 1))
        );
    }
}
