//! Claims, kept apart, each with its own likelihood, confidence, alternatives and what would change
//! it. Likelihood and confidence are never mixed in one sentence (ICD 203).

use lapwing_core::Verdict;
use serde::Serialize;

use super::{CAUTION, Findings};

/// One claim.
#[derive(Debug, Serialize)]
pub(crate) struct ClaimFinding {
    pub(crate) claim: &'static str,
    pub(crate) answer: String,
    /// How likely it is, in words; empty where nothing is claimed.
    pub(crate) likelihood: &'static str,
    /// How well founded that is: `high`, `moderate`, `low`, `none`.
    pub(crate) confidence: &'static str,
    pub(crate) basis: String,
    pub(crate) alternatives: Vec<String>,
    pub(crate) would_change: Vec<String>,
}

/// Derives the claims from the findings so far.
pub(super) fn derive(findings: &Findings) -> Vec<ClaimFinding> {
    if findings.trips.is_empty() {
        return vec![who()];
    }
    vec![
        place(findings),
        what(findings),
        hand(findings),
        network(findings),
        who(),
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
    let placed = findings
        .canaries
        .iter()
        .filter(|one| one.uses > one.drills && one.place.is_some());
    ClaimFinding {
        claim: "Which canary was used, and from which place its values came",
        answer: format!(
            "{} of {} used; {} of them stood in one recorded place.",
            findings.totals.canaries_used,
            super::plural(findings.totals.canaries, "canary was", "canaries were"),
            placed.count()
        ),
        likelihood: "almost certain",
        confidence: "high",
        basis: "Each canary's values are drawn at random for one place and are recognised only when they are presented whole. Guessing one is not practical.".to_owned(),
        alternatives: texts(&[
            "A second-hand copy: the values were passed on, sold or published, and whoever used them never saw the place.",
            "A legitimate copy of the place (backup, image, repository, a colleague's machine) was read instead of the original.",
            "The operator or somebody trusted used the values and did not announce it.",
        ]),
        would_change: texts(&[
            "A record that the values were handed to anybody else, or stood anywhere else.",
            "Access logs of the place and of its backups for the window given above.",
        ]),
    }
}

fn what(findings: &Findings) -> ClaimFinding {
    let mut alternatives = texts(&[
        "A researcher or scanner that found the values in a public leak and tried them.",
        "A link preview, mail gateway or security product that followed an address it came across.",
    ]);
    let own = uses(findings, Verdict::Own);
    if own > 0 {
        alternatives.push(format!("{} came from the operator's own addresses: a tester of our own, or one of our hosts in other hands.", super::plural(own, "use", "uses")));
    }
    let drills = uses(findings, Verdict::Drill);
    if drills > 0 {
        alternatives.push(format!(
            "{} announced as drills; none of them counts as a leak.",
            super::plural(drills, "use was", "uses were")
        ));
    }
    let judged: Vec<String> = findings
        .verdicts
        .iter()
        .map(|one| format!("{} {}", super::thousands(one.uses), one.verdict.word()))
        .collect();
    ClaimFinding {
        claim: "What the uses were",
        answer: format!("Uses by verdict: {}.", judged.join(", ")),
        likelihood: "likely",
        confidence: "moderate",
        basis: "Written rules, each verdict with its reasons; see the verdicts above.".to_owned(),
        alternatives,
        would_change: texts(&[
            "An admission by an operator of a scanner, or a record of an unannounced test.",
        ]),
    }
}

fn hand(findings: &Findings) -> ClaimFinding {
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
        claim: "Which uses were one hand",
        answer: format!(
            "{} told apart; for {linked} of them more than one trip is linked. The evidence is listed with each.",
            super::plural(findings.totals.actors, "actor was", "actors were")
        ),
        likelihood,
        confidence,
        basis: "Sessions are weighed against each other by what they have in common and how rare that is; what has one cause counts once, and what differs counts against. The likelihood is that of the least likely actor. The same hand may appear as several actors.".to_owned(),
        alternatives: texts(&[
            "A shared exit: a VPN, proxy, Tor relay, mobile carrier or company network puts several people behind one address.",
            "A shared tool: the same program with the same settings in different hands.",
        ]),
        would_change: texts(&[
            "Logs of the network operator for address, port and time.",
            "Further trips that agree or disagree in other signals.",
        ]),
    }
}

fn network(findings: &Findings) -> ClaimFinding {
    let countries: Vec<&str> = findings
        .countries
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    let answer = if countries.is_empty() {
        "No source address has a known country.".to_owned()
    } else {
        format!(
            "Networks registered or announced in: {}.",
            countries.join(", ")
        )
    };
    ClaimFinding {
        claim: "Where the network endpoints are",
        answer: format!("{answer} {CAUTION}"),
        likelihood: if countries.is_empty() { "" } else { "likely" },
        confidence: if countries.is_empty() { "none" } else { "low" },
        basis: "Public databases, named with their dates. They agree with each other on nine addresses out of ten, and err more on mobile networks, relays and outside Europe and North America.".to_owned(),
        alternatives: texts(&[
            "The endpoint is an exit, relay or rented server, and whoever used it is elsewhere.",
            "The databases are out of date or wrong for this network.",
        ]),
        would_change: texts(&["The network operator's own records."]),
    }
}

fn who() -> ClaimFinding {
    ClaimFinding {
        claim: "Who it was",
        answer: "Not asserted. Nothing in this report identifies a person or an organisation.".to_owned(),
        likelihood: "",
        confidence: "none",
        basis: "Bait shows that values were used, when, and through which network endpoint. It does not show whose hands were on the keyboard.".to_owned(),
        alternatives: Vec::new(),
        would_change: texts(&["An investigation with legal powers over the networks named here."]),
    }
}
