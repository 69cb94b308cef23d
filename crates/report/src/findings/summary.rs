//! The first page, for a reader who is no technician: which copy got out and when, what was laid out
//! and taken, what was done with it, what is known, what is not, and what else could explain it.

use std::collections::BTreeMap;

use lapwing_core::Verdict;

use super::Findings;
use crate::words::{Words, fill, lapse};

/// Names that a sentence lists; the rest is counted.
const NAMES: usize = 6;

/// A question of the first page and the answer to it.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) question: &'static str,
    /// A paragraph each.
    pub(crate) sentences: Vec<String>,
    /// Whether they are points of a list.
    pub(crate) points: bool,
}

/// Writes the page. The copy that leaked comes first: it is the one thing the evidence shows for certain.
pub(super) fn derive(findings: &Findings) -> Vec<Section> {
    let words = findings.words;
    let mut out = Vec::new();
    let mut add = |question, points, sentences: Vec<String>| {
        if !sentences.is_empty() {
            out.push(Section {
                question,
                sentences,
                points,
            });
        }
    };
    add(words.q_leak, false, leak(findings));
    add(words.q_bait, false, bait(findings));
    add(words.q_done, false, done(findings));
    add(words.q_known, true, known(findings));
    add(words.q_not_known, true, not_known(findings));
    add(words.q_else, true, explanations(findings));
    out
}

/// Whether there is any use that was no drill.
fn used(findings: &Findings) -> bool {
    findings.totals.uses > findings.totals.drills
}

fn leak(findings: &Findings) -> Vec<String> {
    let words = findings.words;
    let Some(first) = findings.leaks.first() else {
        return vec![nothing(findings)];
    };
    let names: [(&str, &dyn std::fmt::Display); 2] =
        [("title", &first.title), ("kind", &first.kind_name)];
    let mut text = fill(words.first_used, &names);
    text.push(' ');
    text.push_str(&first.statement);
    let mut out = vec![text];
    if let Some(verdict) = first.first_verdict.filter(|it| *it != Verdict::Intruder) {
        let verdict = words.meaning(verdict);
        out.push(fill(words.first_use_judged, &[("verdict", &verdict)]));
    }
    let more = findings.leaks.len() as u64 - 1;
    if more > 0 {
        out.push(words.count(more, words.others_followed));
    }
    out
}

fn nothing(findings: &Findings) -> String {
    let words = findings.words;
    if findings.totals.drills > 0 {
        return words.count(findings.totals.drills, words.only_drills);
    }
    let say = |time: &Option<String>| {
        time.as_deref()
            .map_or_else(String::new, |it| words.said(it))
    };
    let (from, until) = (say(&findings.range.from), say(&findings.range.until));
    let period = match (from.is_empty(), until.is_empty()) {
        (false, false) => words.period_between,
        (false, true) => words.period_since,
        (true, false) => words.period_until,
        (true, true) => "",
    };
    let period = fill(period, &[("from", &from), ("until", &until)]);
    fill(words.no_use, &[("period", &period)])
}

fn bait(findings: &Findings) -> Vec<String> {
    let words = findings.words;
    let mut out = Vec::new();
    if findings.exercise {
        out.push(words.exercise_sentence.to_owned());
    }
    let kinds = kinds(findings, words);
    let mut text = match findings.totals.canaries {
        0 => words.none_placed.to_owned(),
        some => words.count(some, words.stood_watch),
    };
    if !kinds.is_empty() {
        text.push_str(&format!(": {}", words.list(&kinds, NAMES)));
    }
    text.push_str(". ");
    text.push_str(words.bait_is);
    out.push(text);
    let taken = findings.canaries.iter().filter(|one| one.uses > one.drills);
    let taken: Vec<String> = taken.map(|one| words.quoted(&one.title)).collect();
    if !taken.is_empty() {
        let list = words.list(&taken, NAMES);
        let text = words.count(taken.len() as u64, words.taken);
        out.push(fill(&text, &[("list", &list)]));
    }
    out
}

/// `3 Twilio account`: how many of each kind, most first.
fn kinds(findings: &Findings, words: &Words) -> Vec<String> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for one in &findings.canaries {
        *counts.entry(&one.kind_name).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let each = |(kind, count): (&str, u64)| match count {
        1 => kind.to_owned(),
        more => format!("{} × {kind}", words.number(more)),
    };
    counts.into_iter().map(each).collect()
}

fn done(findings: &Findings) -> Vec<String> {
    let mut out = Vec::new();
    if used(findings) {
        out.push(touched(findings));
        out.extend(order(findings));
        out.extend(texts(findings));
    }
    out
}

fn touched(findings: &Findings) -> String {
    let (words, totals) = (findings.words, &findings.totals);
    let first = findings.leaks.first();
    let first = first.and_then(|one| {
        let all = findings.canaries.iter();
        let mut same = all.filter(|it| it.id == one.canary);
        same.next()?.first_use.clone()
    });
    let last = findings
        .canaries
        .iter()
        .filter_map(|one| one.last_use.clone())
        .max();
    let first = first.unwrap_or_else(|| "?".to_owned());
    let last = last.unwrap_or_else(|| "?".to_owned());
    let when = if first == last {
        fill(words.at_time, &[("time", &words.said(&first))])
    } else {
        let times: [(&str, &dyn std::fmt::Display); 2] =
            [("from", &words.said(&first)), ("until", &words.said(&last))];
        fill(words.between_times, &times)
    };
    let times = match totals.uses - totals.drills {
        1 => words.once.to_owned(),
        2 => words.twice.to_owned(),
        more => words.count(more, words.times),
    };
    let pieces = words.count(totals.canaries, words.pieces);
    let mut text = fill(
        &words.count(totals.canaries_used, words.were_used),
        &[("when", &when), ("pieces", &pieces), ("times", &times)],
    );
    if totals.drills > 0 {
        text.push(' ');
        text.push_str(&words.count(totals.drills, words.further_drills));
    }
    text
}

/// The way of the actor that touched most.
fn order(findings: &Findings) -> Option<String> {
    let words = findings.words;
    let actors = findings.route.actors.iter();
    let longest = actors.rev().max_by_key(|actor| actor.steps.len())?;
    if longest.steps.len() < 2 {
        return None;
    }
    let step = |step: &super::route::RouteStep| {
        let title = words.quoted(&findings.route.nodes[step.node].title);
        match step.after_seconds {
            Some(seconds) => fill(
                words.after_lapse,
                &[("lapse", &lapse(seconds)), ("title", &title)],
            ),
            None => title,
        }
    };
    let mut steps: Vec<String> = longest.steps.iter().take(NAMES).map(step).collect();
    let more = longest.steps.len() - steps.len();
    if more > 0 {
        steps.push(words.count(more as u64, words.others));
    }
    Some(fill(
        words.touched_in_order,
        &[("actor", &longest.name), ("steps", &steps.join(", "))],
    ))
}

fn texts(findings: &Findings) -> Option<String> {
    let words = findings.words;
    let sms = findings.intent.messages.as_ref()?;
    let numbers = words.count(sms.numbers, words.different_numbers);
    let texts = words.count(sms.texts.len() as u64, words.different_texts);
    let mut text = fill(
        &words.count(sms.messages, words.texts_ordered),
        &[("numbers", &numbers), ("texts", &texts)],
    );
    if sms.uses_without_content > 0 {
        text.push(' ');
        text.push_str(&words.count(sms.uses_without_content, words.known_by_number));
    }
    Some(text)
}

fn known(findings: &Findings) -> Vec<String> {
    let mut out = Vec::new();
    if used(findings) {
        out.push(origin(findings));
        let actors = findings.totals.actors;
        out.push(findings.words.count(actors, findings.words.grouped));
    }
    out.push(findings.integrity.statement.clone());
    out
}

fn origin(findings: &Findings) -> String {
    let words = findings.words;
    let names: Vec<&str> = findings
        .countries
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    let text = match (names.is_empty(), findings.exercise) {
        (true, _) => words.origin_unknown,
        (false, true) => words.origin_exercise,
        (false, false) => words.origin,
    };
    let text = fill(
        &words.count(findings.totals.addresses, text),
        &[("countries", &words.list(&names, NAMES))],
    );
    format!("{text} {}", words.caution)
}

fn not_known(findings: &Findings) -> Vec<String> {
    let words = findings.words;
    if !used(findings) {
        return vec![words.nothing_noticed.to_owned()];
    }
    [
        words.who_is_not_known,
        words.how_is_not_known,
        words.what_else_is_not_known,
        words.where_is_not_known,
    ]
    .map(str::to_owned)
    .to_vec()
}

fn explanations(findings: &Findings) -> Vec<String> {
    let words = findings.words;
    if !used(findings) {
        return Vec::new();
    }
    [
        words.else_second_hand,
        words.else_copy,
        words.else_own,
        words.else_scanner,
        words.else_shared,
    ]
    .map(str::to_owned)
    .to_vec()
}
