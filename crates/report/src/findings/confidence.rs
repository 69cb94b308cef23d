//! Claims, kept apart, each with its own likelihood, confidence, alternatives and what would change
//! it. Likelihood and confidence are never mixed in one sentence (ICD 203).

use std::fmt::Display;

use lapwing_core::Verdict;
use serde::Serialize;

use super::Findings;
use crate::words::{Words, fill};

/// One claim.
#[derive(Debug, Serialize)]
pub(crate) struct ClaimFinding {
    pub(crate) claim: &'static str,
    pub(crate) answer: String,
    /// How likely it is, in the English words of ICD 203; empty where nothing is claimed.
    pub(crate) likelihood: &'static str,
    /// How well founded that is: `high`, `moderate`, `low`, `none`.
    pub(crate) confidence: &'static str,
    pub(crate) basis: &'static str,
    pub(crate) alternatives: Vec<String>,
    pub(crate) would_change: Vec<String>,
}

/// Derives the claims from the findings so far.
pub(super) fn derive(findings: &Findings) -> Vec<ClaimFinding> {
    if findings.trips.is_empty() {
        return vec![who(findings.words)];
    }
    vec![
        place(findings),
        what(findings),
        hand(findings),
        network(findings),
        who(findings.words),
    ]
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

fn uses(findings: &Findings, verdict: Verdict) -> u64 {
    let found = findings.verdicts.iter().find(|one| one.verdict == verdict);
    found.map_or(0, |one| one.uses)
}

fn place(findings: &Findings) -> ClaimFinding {
    let (words, totals) = (findings.words, &findings.totals);
    let placed = findings
        .canaries
        .iter()
        .filter(|one| one.uses > one.drills && one.place.is_some());
    let placed = words.number(placed.count() as u64);
    let pieces = words.count(totals.canaries, words.pieces);
    ClaimFinding {
        claim: words.claim_place,
        answer: fill(
            &words.count(totals.canaries_used, words.claim_place_answer),
            &[("pieces", &pieces), ("placed", &placed)],
        ),
        likelihood: "almost certain",
        confidence: "high",
        basis: words.claim_place_basis,
        alternatives: texts(&[words.else_second_hand, words.else_copy, words.else_own]),
        would_change: texts(&[words.claim_place_handed, words.claim_place_logs]),
    }
}

fn what(findings: &Findings) -> ClaimFinding {
    let words = findings.words;
    let mut alternatives = texts(&[words.else_scanner, words.claim_what_preview]);
    for (verdict, text) in [
        (Verdict::Own, words.claim_what_own),
        (Verdict::Drill, words.claim_what_drills),
    ] {
        let uses = uses(findings, verdict);
        alternatives.extend((uses > 0).then(|| words.count(uses, text)));
    }
    let judged = findings.verdicts.iter().map(|one| {
        let values: [(&str, &dyn Display); 2] = [
            ("n", &words.number(one.uses)),
            ("verdict", &words.verdict(one.verdict)),
        ];
        fill(words.claim_what_count, &values)
    });
    let judged: Vec<String> = judged.collect();
    ClaimFinding {
        claim: words.claim_what,
        answer: fill(words.claim_what_answer, &[("list", &judged.join(", "))]),
        likelihood: "likely",
        confidence: "moderate",
        basis: words.claim_what_basis,
        alternatives,
        would_change: texts(&[words.claim_what_change]),
    }
}

fn hand(findings: &Findings) -> ClaimFinding {
    let words = findings.words;
    let linked = findings
        .actors
        .iter()
        .filter(|actor| !actor.evidence.is_empty())
        .count();
    let best = |level: &str| {
        findings
            .actors
            .iter()
            .any(|actor| actor.confidence == level)
    };
    // The least of what is claimed: a list is as good as its worst line.
    let confidence = ["low", "moderate", "high"]
        .into_iter()
        .find(|level| best(level));
    let confidence = confidence.unwrap_or("none");
    let least = [
        "roughly even chance",
        "likely",
        "very likely",
        "almost certain",
    ];
    let stated = |words: &&&str| {
        let words = **words;
        findings
            .actors
            .iter()
            .any(|actor| actor.likelihood == Some(words))
    };
    let likelihood = least.iter().find(stated).copied().unwrap_or("");
    ClaimFinding {
        claim: words.claim_hand,
        answer: fill(
            &words.count(findings.totals.actors, words.claim_hand_answer),
            &[("linked", &words.number(linked as u64))],
        ),
        likelihood,
        confidence,
        basis: words.claim_hand_basis,
        alternatives: texts(&[words.else_shared, words.claim_hand_tool]),
        would_change: texts(&[words.claim_hand_logs, words.claim_hand_trips]),
    }
}

fn network(findings: &Findings) -> ClaimFinding {
    let words = findings.words;
    let countries: Vec<&str> = findings
        .countries
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    let (likelihood, confidence, answer) = if countries.is_empty() {
        ("", "none", words.claim_network_none.to_owned())
    } else {
        let countries = countries.join(", ");
        let answer = fill(words.claim_network_answer, &[("countries", &countries)]);
        ("likely", "low", answer)
    };
    ClaimFinding {
        claim: words.claim_network,
        answer: format!("{answer} {}", words.caution),
        likelihood,
        confidence,
        basis: words.claim_network_basis,
        alternatives: texts(&[words.claim_network_exit, words.claim_network_wrong]),
        would_change: texts(&[words.claim_network_change]),
    }
}

fn who(words: &Words) -> ClaimFinding {
    ClaimFinding {
        claim: words.claim_who,
        answer: words.claim_who_answer.to_owned(),
        likelihood: "",
        confidence: "none",
        basis: words.claim_who_basis,
        alternatives: Vec::new(),
        would_change: texts(&[words.claim_who_change]),
    }
}
