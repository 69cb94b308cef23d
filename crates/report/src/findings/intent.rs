//! What the intruder tried to do: the calls made, and what the decoys captured.
//!
//! Captured telephone numbers, texts and addresses belong to third parties. Callbacks are named and
//! never fetched; nothing that was asked for was done.

use std::collections::{BTreeMap, BTreeSet};

use lapwing_core::DecoyOutcome;
use serde::Serialize;

use super::show::{self, Show};
use super::{Context, at, last_of, uses_of};
use crate::ReportTrip;
use crate::words::Words;

/// Values of one captured name that are listed; the rest is counted.
const VALUES: usize = 200;

/// What was tried.
#[derive(Debug, Serialize)]
pub(crate) struct Intent {
    pub(crate) messages: Option<MessageFinding>,
    pub(crate) calls: Vec<CallFinding>,
    pub(crate) captured: Vec<CapturedFinding>,
    pub(crate) callbacks: CallbackFinding,
}

/// Text messages that were asked of a decoy gateway. None was sent.
#[derive(Debug, Serialize)]
pub(crate) struct MessageFinding {
    /// Messages asked for, as far as requests were kept.
    pub(crate) messages: u64,
    /// Distinct numbers they were for.
    pub(crate) numbers: u64,
    /// Those numbers with how many messages each; masked ones that look alike are one line.
    pub(crate) number_list: Vec<super::Counted>,
    /// Senders that were asked for.
    pub(crate) senders: Vec<String>,
    pub(crate) texts: Vec<TextFinding>,
    /// Further uses of the same canaries whose content was not kept or was erased.
    pub(crate) uses_without_content: u64,
}

/// One text that was to be sent.
#[derive(Debug, Serialize)]
pub(crate) struct TextFinding {
    /// The text; in the masked profile the first letters of its first words.
    pub(crate) shown: String,
    pub(crate) characters: u64,
    pub(crate) words: u64,
    pub(crate) links: u64,
    /// First 16 hex digits of its SHA-256.
    pub(crate) digest: String,
    pub(crate) messages: u64,
    pub(crate) numbers: u64,
}

/// One sort of call, in order of first use.
#[derive(Debug, Serialize)]
pub(crate) struct CallFinding {
    pub(crate) kind: String,
    /// The kind in words, as far as the report knows it.
    #[serde(skip)]
    pub(crate) kind_name: String,
    /// The decoy's rule; `default site` where none answered.
    pub(crate) call: String,
    pub(crate) outcome: DecoyOutcome,
    pub(crate) outcome_meaning: &'static str,
    pub(crate) status: u16,
    pub(crate) trips: u64,
    pub(crate) uses: u64,
    pub(crate) first: String,
    pub(crate) last: String,
}

/// What else a decoy captured, by its name for it.
#[derive(Debug, Serialize)]
pub(crate) struct CapturedFinding {
    pub(crate) name: String,
    /// Distinct values.
    pub(crate) distinct: u64,
    /// The values and how often; empty in the masked profile.
    pub(crate) values: Vec<super::Counted>,
}

/// Addresses the intruder wanted called back.
#[derive(Debug, Serialize)]
pub(crate) struct CallbackFinding {
    pub(crate) distinct: u64,
    /// Taken apart; empty in the masked profile.
    pub(crate) addresses: Vec<String>,
    pub(crate) note: &'static str,
}

/// Derives what was tried.
pub(super) fn derive(context: &Context<'_>) -> Intent {
    let mut gathered = Gathered::default();
    for one in &context.trips {
        gathered.add(one);
    }
    Intent {
        messages: gathered.messages(context),
        calls: calls(context),
        captured: gathered.captured(context.show),
        callbacks: gathered.callbacks(context.show, context.words),
    }
}

/// The part a captured name plays.
enum Part {
    Number,
    Sender,
    Text,
    Callback,
    Other,
}

fn part(name: &str) -> Part {
    let last = name.rsplit('.').next().unwrap_or(name);
    match last {
        "to" | "recipient" | "recipients" => Part::Number,
        "from" | "sender" => Part::Sender,
        "body" | "text" | "content" if name.starts_with("sms.") => Part::Text,
        _ if last.contains("callback") || last.contains("webhook") || last.contains("dlr") => {
            Part::Callback
        }
        _ => Part::Other,
    }
}

/// The numbers of one value: gateways take several, parted by `<`, commas or semicolons, or by blanks, which
/// may also stand inside a single one.
fn each_number(value: &str) -> Vec<&str> {
    /// Fewest digits of a whole number.
    const WHOLE: usize = 7;
    let whole = |part: &str| part.bytes().filter(u8::is_ascii_digit).count() >= WHOLE;
    let parts = value.split(['<', ',', ';', '\n']).map(str::trim);
    parts
        .filter(|part| !part.is_empty())
        .flat_map(|part| match part.split_whitespace() {
            words if words.clone().all(whole) => words.collect(),
            _ => vec![part],
        })
        .collect()
}

#[derive(Default)]
struct Text<'a> {
    messages: u64,
    numbers: BTreeSet<&'a str>,
}

#[derive(Default)]
struct Gathered<'a> {
    messages: u64,
    numbers: BTreeMap<&'a str, u64>,
    senders: BTreeSet<&'a str>,
    texts: BTreeMap<&'a str, Text<'a>>,
    callbacks: BTreeSet<&'a str>,
    other: BTreeMap<&'a str, BTreeMap<&'a str, u64>>,
    canaries: BTreeSet<lapwing_core::CanaryId>,
}

impl<'a> Gathered<'a> {
    fn add(&mut self, one: &'a ReportTrip) {
        let Some(claims) = &one.trip.claims else {
            return;
        };
        let uses = uses_of(one);
        let (mut numbers, mut texts): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
        for (name, values) in &claims.captured {
            for value in values.open("shown escaped, masked for publication") {
                match part(name) {
                    Part::Number => numbers.extend(each_number(value)),
                    Part::Text => texts.push(value),
                    Part::Sender => {
                        self.senders.insert(value);
                    }
                    Part::Callback => {
                        self.callbacks.insert(value);
                    }
                    Part::Other => {
                        *self
                            .other
                            .entry(name)
                            .or_default()
                            .entry(value)
                            .or_default() += uses;
                    }
                }
            }
        }
        if numbers.is_empty() && texts.is_empty() {
            return;
        }
        self.canaries.insert(one.trip.canary);
        let messages = uses * (numbers.len() as u64).max(1);
        self.messages += messages;
        for number in &numbers {
            *self.numbers.entry(number).or_default() += uses;
        }
        for text in texts {
            let entry = self.texts.entry(text).or_default();
            entry.messages += messages;
            entry.numbers.extend(&numbers);
        }
    }

    fn messages(&self, context: &Context<'_>) -> Option<MessageFinding> {
        if self.messages == 0 {
            return None;
        }
        let show = context.show;
        let mut texts: Vec<_> = self
            .texts
            .iter()
            .map(|(text, seen)| text_finding(show, text, seen))
            .collect();
        texts.sort_by(|a, b| {
            b.messages
                .cmp(&a.messages)
                .then_with(|| a.digest.cmp(&b.digest))
        });
        let unread = context
            .trips
            .iter()
            .filter(|one| one.trip.claims.is_none() && self.canaries.contains(&one.trip.canary));
        let senders: BTreeSet<String> = self
            .senders
            .iter()
            .map(|sender| show.party(sender))
            .collect();
        Some(MessageFinding {
            messages: self.messages,
            numbers: self.numbers.len() as u64,
            number_list: super::counted(
                self.numbers
                    .iter()
                    .map(|(number, count)| (show.party(number), *count)),
            ),
            senders: senders.into_iter().collect(),
            texts,
            uses_without_content: unread.map(|one| uses_of(one)).sum(),
        })
    }

    fn captured(&self, show: Show) -> Vec<CapturedFinding> {
        let finding = |(name, values): (&&str, &BTreeMap<&str, u64>)| {
            let shown = values
                .iter()
                .filter_map(|(value, count)| Some((show.peer(value, &[])?, *count)));
            let mut list = super::counted(shown);
            list.truncate(VALUES);
            CapturedFinding {
                name: show.own(name),
                distinct: values.len() as u64,
                values: list,
            }
        };
        self.other.iter().map(finding).collect()
    }

    fn callbacks(&self, show: Show, words: &'static Words) -> CallbackFinding {
        let shown = self
            .callbacks
            .iter()
            .filter_map(|value| show.peer(value, &[]));
        CallbackFinding {
            distinct: self.callbacks.len() as u64,
            addresses: shown.take(VALUES).collect(),
            note: words.never_fetched,
        }
    }
}

fn text_finding(show: Show, text: &str, seen: &Text<'_>) -> TextFinding {
    let lower = text.to_ascii_lowercase();
    TextFinding {
        shown: show
            .peer(text, &[])
            .unwrap_or_else(|| initials(text, show.words)),
        characters: text.chars().count() as u64,
        words: text.split_whitespace().count() as u64,
        links: (lower.matches("http://").count() + lower.matches("https://").count()) as u64,
        digest: show::short_digest(text.as_bytes()),
        messages: seen.messages,
        numbers: seen.numbers.len() as u64,
    }
}

/// The first letters of the first words: enough to compare with a text one holds, too little to
/// read one. `Your data was sent` comes out as `Y… d… w… s…`.
fn initials(text: &str, words: &Words) -> String {
    let initial = |word: &str| match word.chars().next() {
        Some(first) if first.is_alphabetic() => format!("{first}…"),
        _ => "…".to_owned(),
    };
    let mut shown: Vec<String> = text.split_whitespace().take(8).map(initial).collect();
    if text.split_whitespace().nth(8).is_some() {
        shown.push(words.cut_text.to_owned());
    }
    lapwing_core::text::escape(shown.join(" ").as_bytes())
}

fn calls(context: &Context<'_>) -> Vec<CallFinding> {
    let mut order: BTreeMap<(String, String, &str, u16), usize> = BTreeMap::new();
    let mut out: Vec<(CallFinding, lapwing_core::Timestamp)> = Vec::new();
    for one in &context.trips {
        let decoy = &one.trip.decoy;
        let kind = if decoy.kind.is_empty() {
            &one.trip.kind
        } else {
            &decoy.kind
        };
        let key = (
            kind.clone(),
            decoy.rule.clone(),
            outcome_word(decoy.outcome),
            decoy.status,
        );
        let index = *order.entry(key).or_insert_with(|| {
            out.push((call(context, one, kind), one.trip.observed.time));
            out.len() - 1
        });
        let (finding, last) = &mut out[index];
        finding.trips += 1;
        finding.uses += uses_of(one);
        *last = last_of(one).max(*last);
        finding.last = at(*last);
    }
    out.into_iter().map(|(finding, _)| finding).collect()
}

fn call(context: &Context<'_>, one: &ReportTrip, kind: &str) -> CallFinding {
    let decoy = &one.trip.decoy;
    CallFinding {
        kind: context.show.own(kind),
        kind_name: context.kind_name(kind),
        call: call_name(context, &decoy.rule),
        outcome: decoy.outcome,
        outcome_meaning: context.words.outcome(decoy.outcome),
        status: decoy.status,
        trips: 0,
        uses: 0,
        first: at(one.trip.observed.time),
        last: String::new(),
    }
}

/// The decoy's rule in words fit to print.
pub(super) fn call_name(context: &Context<'_>, rule: &str) -> String {
    if rule.is_empty() {
        context.words.default_site.to_owned()
    } else if rule.starts_with('*') {
        context.words.opened_link.to_owned()
    } else {
        context.show.own(rule)
    }
}

/// The word for an outcome, as JSON has it.
pub(crate) fn outcome_word(outcome: DecoyOutcome) -> &'static str {
    match outcome {
        DecoyOutcome::Accepted => "accepted",
        DecoyOutcome::Refused => "refused",
        DecoyOutcome::Revoked => "revoked",
        DecoyOutcome::BadSignature => "bad-signature",
        DecoyOutcome::Unknown => "unknown",
        DecoyOutcome::Persona => "persona",
        DecoyOutcome::Told => "told",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_one_value_are_counted_one_by_one() {
        for (value, numbers) in [
            ("+15550100<+15550101", &["+15550100", "+15550101"][..]),
            (
                "15550100,15550101; 15550102",
                &["15550100", "15550101", "15550102"],
            ),
            ("15550100 15550101", &["15550100", "15550101"]),
            ("+1 555 010 0123", &["+1 555 010 0123"]),
            ("Alerts", &["Alerts"]),
            (" , ", &[]),
        ] {
            assert_eq!(each_number(value), numbers, "{value}");
        }
    }
}
