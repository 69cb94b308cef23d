//! Letters to the abuse desks of the networks that uses came from: addresses, ports and times as
//! observed, what bait proves and what it does not, and what is asked. A letter accuses nobody.
//!
//! Each is a mail message (RFC 5322) without sender or recipient: who answers for an address is for its
//! registry to say. As one file they are an mbox (RFC 4155).

use std::collections::BTreeMap;
use std::fmt::Display;

use data_encoding::BASE64;
use lapwing_core::{Timestamp, Verdict};

use crate::findings::{Findings, TripFinding, clock};
use crate::outline::{Block, Line, plain};
use crate::words::{Words, fill};
use crate::{Format, Profile, Report, ReportError, text};

/// The format.
pub(crate) const FORMAT: Format = Format {
    name: "letter",
    summary: "a mail to each network's abuse desk, as an mbox; needs the profile authorities",
    extension: "mbox",
    render,
};

/// Uses that one letter lists; the rest is counted.
const LISTED: usize = 200;

/// A letter to one network.
pub struct Letter {
    /// The network, fit for a file's name: `AS64500`, `203.0.113.0-24`.
    pub network: String,
    /// The message, its lines ended as mail wants it.
    pub message: Vec<u8>,
}

/// The letters of a report, one for each network an intruder's use came from, in order of the first.
///
/// # Errors
/// The profile leaves addresses out, the report is an exercise, or no use calls for a letter.
pub fn letters(report: &Report, profile: Profile) -> Result<Vec<Letter>, ReportError> {
    let letters = write(report, profile)?;
    let message = |text: String| text.replace('\n', "\r\n").into_bytes();
    Ok(letters
        .into_iter()
        .map(|(network, text)| Letter {
            network,
            message: message(text),
        })
        .collect())
}

fn render(report: &Report, profile: Profile) -> Result<Vec<u8>, ReportError> {
    let mut out = String::new();
    for (_, message) in write(report, profile)? {
        out.push_str(&format!("From - {}\n", asctime(report.generated)));
        for line in message.lines() {
            if line.trim_start_matches('>').starts_with("From ") {
                out.push('>');
            }
            out.push_str(line);
            out.push('\n');
        }
        out.push('\n');
    }
    Ok(out.into_bytes())
}

fn write(report: &Report, profile: Profile) -> Result<Vec<(String, String)>, ReportError> {
    if profile != Profile::Full {
        return Err(ReportError::LetterMasked);
    }
    if report.exercise {
        return Err(ReportError::LetterExercise);
    }
    let findings = Findings::derive(report, profile);
    let mut networks: Vec<(Network, Vec<&TripFinding>)> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for trip in findings.trips.iter().filter(|trip| concerns(trip)) {
        let network = Network::of(trip);
        let index = *known.entry(network.file.clone()).or_insert_with(|| {
            networks.push((network, Vec::new()));
            networks.len() - 1
        });
        networks[index].1.push(trip);
    }
    if networks.is_empty() {
        return Err(ReportError::LetterNobody);
    }
    let letter = |(network, trips): &(Network, Vec<&TripFinding>)| {
        let text = message(&findings, &report.contact, network, trips);
        (network.file.clone(), text)
    };
    Ok(networks.iter().map(letter).collect())
}

/// An intruder's use from a public address. Drills, the operator's own, crawlers and repetitions are
/// nothing to write to a stranger about.
fn concerns(trip: &TripFinding) -> bool {
    trip.verdict == Verdict::Intruder && trip.special.is_none() && trip.full.is_some()
}

/// Whom a letter is for.
struct Network {
    file: String,
    name: String,
}

impl Network {
    /// By its number; where that is not known, by what is routed as one.
    fn of(trip: &TripFinding) -> Self {
        if let Some(asn) = trip.asn {
            let name = trip.as_name.as_deref().unwrap_or_default();
            let name: String = name.chars().take(60).collect();
            return Self {
                file: format!("AS{asn}"),
                name: match name.as_str() {
                    "" => format!("AS{asn}"),
                    name => format!("AS{asn} ({name})"),
                },
            };
        }
        let masked = match trip.source.parse() {
            Ok(std::net::IpAddr::V4(v4)) => {
                let [a, b, c, _] = v4.octets();
                format!("{a}.{b}.{c}.0/24")
            }
            Ok(std::net::IpAddr::V6(v6)) => {
                let [a, b, c, ..] = v6.segments();
                format!("{}/48", std::net::Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
            }
            Err(_) => trip.source.clone(),
        };
        Self {
            file: masked.replace('/', "-").replace(':', "_"),
            name: masked,
        }
    }
}

fn message(all: &Findings, contact: &str, network: &Network, trips: &[&TripFinding]) -> String {
    let words = all.words;
    let (first, last) = (&trips[0].time, trips.iter().map(|trip| &trip.last).max());
    let last = last.unwrap_or(first);
    let values: [(&str, &dyn Display); 3] = [
        ("network", &network.name),
        ("from", &clock(first)),
        ("until", &clock(last)),
    ];
    let mut out = header("Subject", &fill(words.letter_subject, &values));
    out.push_str("X-Unsent: 1\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n");
    out.push_str(&format!(
        "Content-Language: {}\nContent-Transfer-Encoding: 8bit\n\n",
        words.language.code()
    ));
    let mut blocks = vec![
        paragraph(fill(words.letter_to, &values)),
        paragraph(words.letter_opening),
    ];
    blocks.extend(seen(words, trips));
    blocks.extend(rest(all, contact, trips));
    out.push_str(&text::write(&blocks));
    out
}

fn paragraph(text: impl Into<String>) -> Block {
    Block::Paragraph(vec![plain(text)])
}

fn heading(text: &str) -> Block {
    Block::Heading(2, vec![plain(text)])
}

/// What was seen from the network.
fn seen(words: &Words, trips: &[&TripFinding]) -> Vec<Block> {
    let uses = trips.iter().map(|trip| trip.uses).sum();
    let mut out = vec![
        heading(words.letter_seen),
        paragraph(words.count(uses, words.letter_uses)),
    ];
    out.extend(
        trips
            .iter()
            .take(LISTED)
            .map(|trip| Block::Point(line(words, trip))),
    );
    let more = trips.len().saturating_sub(LISTED) as u64;
    if more > 0 {
        out.push(paragraph(words.count(more, words.letter_more)));
    }
    out
}

/// One use: when, from where, to where, what.
fn line(words: &Words, trip: &TripFinding) -> Line {
    let Some(full) = &trip.full else {
        return Vec::new();
    };
    let values: [(&str, &dyn Display); 6] = [
        ("time", &full.time_precise),
        ("source", &trip.source),
        ("port", &full.source_port),
        ("destination", &full.local),
        ("protocol", &trip.protocol),
        ("call", &trip.call),
    ];
    let mut text = fill(words.letter_line, &values);
    if trip.uses > 1 {
        let more = words.count(trip.uses, words.letter_flood);
        text.push_str(&format!(
            "; {}",
            fill(&more, &[("until", &clock(&trip.last))])
        ));
    }
    if full.proxy.is_some() {
        text.push_str(&format!("; {}", words.letter_proxy));
    }
    if trip.observer.is_some() {
        text.push_str(&format!("; {}", words.letter_observer));
    }
    if trip.resolver {
        text.push_str(&format!("; {}", words.letter_resolver));
    }
    vec![plain(text)]
}

/// What it proves, what is asked, what is not said, who asks.
fn rest(all: &Findings, contact: &str, trips: &[&TripFinding]) -> Vec<Block> {
    let words = all.words;
    let points = |texts: &[&str]| -> Vec<Block> {
        texts
            .iter()
            .map(|text| Block::Point(vec![plain(*text)]))
            .collect()
    };
    let mut out = vec![heading(words.letter_proves), paragraph(words.letter_bait)];
    out.push(heading(words.letter_asked));
    out.extend(points(&[
        words.letter_keep,
        words.letter_silence,
        words.letter_no_names,
        words.letter_look,
    ]));
    out.push(heading(words.letter_not_said));
    out.push(paragraph(words.letter_nobody_accused));
    out.push(paragraph(words.caution));
    out.push(paragraph(words.letter_evidence));
    let reference = fill(words.letter_reference, &[("trip", &trips[0].id)]);
    out.push(paragraph(reference));
    let sender: Vec<String> = [
        all.operator.clone(),
        lapwing_core::text::escape(contact.as_bytes()),
    ]
    .into_iter()
    .filter(|text| !text.is_empty())
    .collect();
    out.push(paragraph(if sender.is_empty() {
        words.letter_sender.to_owned()
    } else {
        sender.join(", ")
    }));
    out
}

/// A header field; what is not ASCII as encoded words (RFC 2047).
fn header(name: &str, text: &str) -> String {
    if text.is_ascii() {
        return format!("{name}: {text}\n");
    }
    /// An encoded word has 75 octets at most, 45 of text.
    const PIECE: usize = 42;
    let mut pieces: Vec<String> = vec![String::new()];
    for c in text.chars() {
        let full = pieces
            .last()
            .is_none_or(|piece| piece.len() + c.len_utf8() > PIECE);
        if full {
            pieces.push(String::new());
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push(c);
        }
    }
    let words: Vec<String> = pieces
        .iter()
        .map(|piece| format!("=?utf-8?B?{}?=", BASE64.encode(piece.as_bytes())))
        .collect();
    format!("{name}: {}\n", words.join("\n "))
}

/// `Sat Nov 21 09:00:00 2026`, as an mbox has it.
fn asctime(time: Timestamp) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let day = time.micros().div_euclid(86_400_000_000).rem_euclid(7);
    let text = time.to_seconds_string();
    let number = |range| {
        text.get(range)
            .and_then(|it: &str| it.parse::<usize>().ok())
    };
    let month = number(5..7).and_then(|month| MONTHS.get(month.checked_sub(1)?));
    format!(
        "{} {} {:>2} {} {}",
        DAYS[usize::try_from(day).unwrap_or_default()],
        month.unwrap_or(&"Jan"),
        number(8..10).unwrap_or(1),
        text.get(11..19).unwrap_or("00:00:00"),
        text.get(..4).unwrap_or("1970"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_times() {
        assert_eq!(header("Subject", "plain"), "Subject: plain\n");
        let long = header("Subject", &"ñandú ".repeat(20));
        assert!(long.is_ascii());
        assert!(long.lines().all(|line| line.len() <= 85), "{long}");
        assert!(
            long.lines()
                .skip(1)
                .all(|line| line.starts_with(" =?utf-8?B?"))
        );
        let time = Timestamp::parse("2026-11-21T09:00:00Z").expect("a time");
        assert_eq!(asctime(time), "Sat Nov 21 09:00:00 2026");
    }
}
