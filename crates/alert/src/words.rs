//! The sentences of a message.

use std::fmt::Write as _;

use lapwing_core::{DecoyOutcome, Occasion, Timestamp, Verdict};

use crate::message::Message;
use crate::parts::{BaitPart, IncidentPart, NetworkPart, TripPart};

/// What an address does not say. Fixed; in every message with an address.
pub(crate) const CAUTION: &str = "An IP address describes a network endpoint and is not a person. \
     It may be a proxy, a shared line or somebody else's compromised machine, and its place may be \
     wrong.";

/// What marks a demonstration.
pub(crate) const EXERCISE: &str =
    "EXERCISE: a demonstration with made-up addresses; nothing of this happened.";

/// Subject of a message about an incident: our words and the operator's, one line.
pub(crate) fn subject(occasion: Occasion, part: &IncidentPart, exercise: bool) -> String {
    let what = match (occasion, part.verdict) {
        (Occasion::Drill, _) | (_, Verdict::Drill) => "Drill arrived".to_owned(),
        (Occasion::Continued, verdict) => {
            format!("Bait used {} times{}", number(part.uses), probably(verdict))
        }
        (_, verdict) => format!("Bait used{}", probably(verdict)),
    };
    let mark = if exercise { "[exercise] " } else { "" };
    let bait = &part.bait;
    let place = match &bait.place {
        Some(place) => format!(" in {}", tail(place, 80)),
        None if bait.memo.is_empty() => String::new(),
        None => format!(" \"{}\"", head(&bait.memo, 80)),
    };
    format!("{mark}{what}: {}{place}", bait.kind_name)
}

fn probably(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Intruder | Verdict::Drill => "",
        Verdict::Own => " from your own network",
        Verdict::Automated => " (probably automated)",
        Verdict::Preview => " (probably a link preview)",
        Verdict::Echo => " (probably an echo)",
    }
}

/// What a message is about: a drill, also where it is folded into a graver incident.
fn verdict(occasion: Occasion, part: &IncidentPart) -> Verdict {
    match occasion {
        Occasion::Drill => Verdict::Drill,
        _ => part.verdict,
    }
}

/// What happened, in a sentence.
pub(crate) fn sentence(occasion: Occasion, part: &IncidentPart) -> String {
    let bait = bait(&part.bait);
    let did = match verdict(occasion, part) {
        Verdict::Intruder => "was used",
        Verdict::Own => "was used by one of your own addresses,",
        Verdict::Automated => "was touched, probably by a program that follows what it finds,",
        Verdict::Preview => "was touched, probably by a link preview or mail gateway,",
        Verdict::Echo => "was seen again, probably by a resolver or security vendor repeating it,",
        Verdict::Drill => "was used in the drill you announced,",
    };
    let again = if occasion == Occasion::Continued {
        format!(
            " again ({} uses since {}), lastly",
            number(part.uses),
            seconds(&part.first)
        )
    } else {
        String::new()
    };
    if part.trip.resolver {
        return format!(
            "{bait} {did}{again} at {}: its name was looked up by {}, a resolver that asked on behalf of \
             somebody who is not seen.",
            seconds(&part.trip.time),
            origin(&part.network),
        );
    }
    format!(
        "{bait} {did}{again} from {} at {}: {}.",
        origin(&part.network),
        seconds(&part.trip.time),
        request(&part.trip)
    )
}

fn bait(bait: &BaitPart) -> String {
    let place = bait.place.as_ref().map_or_else(
        || "Bait with no recorded place".to_owned(),
        |place| format!("Bait in {place}"),
    );
    format!("{place} ({})", bait.kind_name)
}

/// `198.51.100.7 (AS64500 Example, NL)`.
fn origin(network: &NetworkPart) -> String {
    match describe(network) {
        about if about.is_empty() => network.address.to_string(),
        about => format!("{} ({about})", network.address),
    }
}

fn describe(network: &NetworkPart) -> String {
    let mut parts: Vec<String> = Vec::new();
    match (network.asn, &network.as_name) {
        (Some(asn), Some(name)) => parts.push(format!("AS{asn} {name}")),
        (Some(asn), None) => parts.push(format!("AS{asn}")),
        (None, Some(name)) => parts.push(name.clone()),
        (None, None) => {}
    }
    parts.extend(network.city.clone());
    parts.extend(network.country.clone());
    if let Some(radius) = network.radius_km {
        parts.push(format!("give or take {radius} km"));
    }
    parts.extend(
        network
            .listed
            .iter()
            .map(|listed| format!("listed as {listed}")),
    );
    if let Some(special) = &network.special {
        parts.push(format!("{special} address"));
    }
    if network.exercise {
        parts.push("made up for an exercise".to_owned());
    }
    parts.join(", ")
}

fn request(trip: &TripPart) -> String {
    if let Some(observer) = &trip.observer {
        return format!("shown to your application \"{observer}\", which asked what it is");
    }
    let what = match (&trip.rule, &trip.method) {
        (rule, _) if !rule.is_empty() && !rule.starts_with('*') => rule.clone(),
        (_, Some(method)) => format!("a {method} request"),
        (_, None) => "a request".to_owned(),
    };
    let outcome = match trip.outcome {
        DecoyOutcome::Accepted => "which the decoy accepted",
        DecoyOutcome::Refused => "which the decoy refused",
        DecoyOutcome::Revoked => "which the decoy refused as revoked",
        DecoyOutcome::BadSignature => "whose signature does not verify",
        DecoyOutcome::Unknown => "which the decoy did not know",
        DecoyOutcome::Persona => "answered by the default site",
        DecoyOutcome::Told => "which was told to your application",
    };
    format!("{what}, {outcome}")
}

/// What to do about an incident; `checkpoint` says whether the message carries one.
pub(crate) fn incident_next(
    occasion: Occasion,
    part: &IncidentPart,
    checkpoint: bool,
) -> Vec<String> {
    let verdict = verdict(occasion, part);
    let mut next = vec![
        format!(
            "See everything recorded, the raw request included: lapwing trip {}",
            part.trip.id
        ),
        format!(
            "Write a report: lapwing report --canary {}",
            part.bait.canary
        ),
    ];
    match (verdict, &part.bait.place) {
        (Verdict::Intruder, Some(place)) => next.push(format!(
            "Assume that whoever has this bait has read all that lies around {place}: \
             replace the real secrets there."
        )),
        (Verdict::Intruder, None) => {
            next.push("Find out where this bait was kept, and what lies beside it.".to_owned());
        }
        (Verdict::Own, _) => next.push(
            "Unless you know who did it, treat the host at that address as compromised.".to_owned(),
        ),
        _ => {}
    }
    if verdict == Verdict::Drill {
        next.push("Nothing else: the bait works, and alerts reach you here.".to_owned());
    } else {
        next.push("Do not contact or probe the address.".to_owned());
    }
    if checkpoint {
        next.push("Keep this message: the checkpoint below shows a rewritten journal.".to_owned());
    }
    next
}

/// Subject of a message that stands for several drills.
pub(crate) fn folded_subject(parts: &[&IncidentPart], exercise: bool) -> String {
    let mark = if exercise { "[exercise] " } else { "" };
    format!("{mark}Drills arrived: {}", number(parts.len() as u64))
}

/// What happened, for several drills.
pub(crate) fn folded_sentence(parts: &[&IncidentPart]) -> String {
    format!(
        "Bait was used {} times in the drill you announced. Each use was recorded by itself; this \
         message is the alert of all of them.",
        number(parts.len() as u64)
    )
}

/// How many drills of which kind.
pub(crate) fn folded_kinds(parts: &[&IncidentPart]) -> String {
    let mut kinds = std::collections::BTreeMap::<&str, u64>::new();
    for part in parts {
        *kinds.entry(&part.bait.kind_name).or_default() += 1;
    }
    let kinds: Vec<String> = kinds
        .into_iter()
        .map(|(kind, count)| format!("{kind} {}", number(count)))
        .collect();
    format!("By kind: {}.", kinds.join(", "))
}

/// What to do about several drills.
pub(crate) fn folded_next(checkpoint: bool) -> Vec<String> {
    let mut next = vec![
        "Compare with what `lapwing drill` says: it names every canary whose alert did not arrive."
            .to_owned(),
        "See any one of them: lapwing trip TRIP".to_owned(),
    ];
    if checkpoint {
        next.push("Keep this message: the checkpoint below shows a rewritten journal.".to_owned());
    }
    next
}

/// The facts of a message as label and value, in the order they are shown.
pub(crate) fn rows(message: &Message) -> Vec<(&'static str, String)> {
    let mut rows: Vec<(&'static str, String)> = Vec::new();
    if let Some(part) = &message.incident {
        let verdict = match part.reasons.as_slice() {
            [] => part.verdict.word().to_owned(),
            reasons => format!("{}: {}", part.verdict.word(), reasons.join("; ")),
        };
        rows.push(("What it is", verdict));
        rows.push(("When (UTC)", part.trip.time.clone()));
        rows.extend(origin_rows(&part.network, &part.trip));
        rows.extend(trip_rows(&part.trip));
        rows.push(("Bait", bait_row(&part.bait)));
        let place = part.bait.place.clone();
        rows.push(("Place", place.unwrap_or_else(|| "none recorded".to_owned())));
        rows.push(("Uses", uses(part)));
        rows.push(("Incident", part.id.to_string()));
        rows.push(("Actor", part.actor.to_string()));
    } else {
        rows.push(("When (UTC)", message.timestamp.clone()));
    }
    if !message.trips.is_empty() {
        let trips: Vec<String> = message.trips.iter().map(ToString::to_string).collect();
        rows.push(("Trips", trips.join(", ")));
    }
    rows.push(("Station", message.station.to_string()));
    rows
}

fn origin_rows(network: &NetworkPart, trip: &TripPart) -> Vec<(&'static str, String)> {
    let label = if trip.resolver { "Resolver" } else { "From" };
    let mut rows = vec![(label, origin(network))];
    match (trip.observer.as_deref(), network.via) {
        (Some(observer), Some(via)) => {
            rows.push((
                "By the word of",
                format!("{via} (your application \"{observer}\")"),
            ));
        }
        (Some(observer), None) => rows.push((
            "Reported by",
            format!("your application \"{observer}\", which did not say from where"),
        )),
        (None, Some(via)) => rows.push(("Passed on by", format!("{via} (your proxy)"))),
        (None, None) => {}
    }
    if !network.sources.is_empty() {
        rows.push(("According to", network.sources.join("; ")));
    }
    rows
}

fn trip_rows(trip: &TripPart) -> Vec<(&'static str, String)> {
    let method = trip.method.as_deref().unwrap_or("a request");
    let mut rows = vec![(
        "Request",
        format!("{method} over {}, answered {}", trip.protocol, trip.status),
    )];
    if !trip.found.is_empty() {
        rows.push(("Found", trip.found.join(", ")));
    }
    if let Some(agent) = &trip.agent {
        rows.push(("Calls itself", agent.clone()));
    }
    rows
}

fn bait_row(bait: &BaitPart) -> String {
    let memo = match bait.memo.as_str() {
        "" => String::new(),
        memo => format!(" \"{memo}\""),
    };
    let labels: String = bait
        .labels
        .iter()
        .fold(String::new(), |mut out, (key, value)| {
            let _ = write!(out, ", {key}={value}");
            out
        });
    format!("{}{memo}, canary {}{labels}", bait.kind_name, bait.canary)
}

fn uses(part: &IncidentPart) -> String {
    if part.uses == 1 {
        return "1".to_owned();
    }
    format!(
        "{}, from {} to {}",
        number(part.uses),
        part.first,
        part.last
    )
}

/// The whole message as plain text.
pub(crate) fn plain(message: &Message) -> String {
    let mut out = String::new();
    if message.exercise {
        let _ = writeln!(out, "{EXERCISE}\n");
    }
    let _ = writeln!(out, "{}\n", message.text);
    for note in &message.notes {
        let _ = writeln!(out, "{note}\n");
    }
    for (label, value) in rows(message) {
        let _ = writeln!(out, "{label:<13} {value}");
    }
    if !message.caution.is_empty() {
        let _ = writeln!(out, "\n{}", message.caution);
    }
    if !message.next.is_empty() {
        out.push_str("\nWhat to do\n");
        for line in &message.next {
            let _ = writeln!(out, "- {line}");
        }
    }
    if !message.checkpoint.is_empty() {
        let _ = writeln!(
            out,
            "\nNewest checkpoint of the journal\n{}",
            message.checkpoint.trim_end()
        );
    }
    out
}

/// `12,345`.
fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `24 hours`, `90 seconds`.
pub(crate) fn duration(seconds: u64) -> String {
    for (unit, name) in [(86_400, "day"), (3600, "hour"), (60, "minute")] {
        if seconds >= unit && seconds.is_multiple_of(unit) {
            return plural(seconds / unit, name);
        }
    }
    plural(seconds, "second")
}

fn plural(count: u64, name: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {name}{s}")
}

/// A time without its fraction, for sentences.
fn seconds(time: &str) -> String {
    Timestamp::parse(time).map_or_else(|| time.to_owned(), Timestamp::to_seconds_string)
}

fn head(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The end of a path is what tells it from others.
fn tail(text: &str, limit: usize) -> String {
    match text.char_indices().rev().nth(limit) {
        Some((start, c)) => format!("…{}", &text[start + c.len_utf8()..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_times_and_cuts() {
        for (count, expected) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(number(count), expected);
        }
        for (seconds, expected) in [
            (86_400, "1 day"),
            (7200, "2 hours"),
            (90, "90 seconds"),
            (1, "1 second"),
        ] {
            assert_eq!(duration(seconds), expected);
        }
        assert_eq!(head("äöü", 2), "äö…");
        assert_eq!(tail("äöü", 2), "…öü");
        assert_eq!(tail("äöü", 3), "äöü");
    }
}
