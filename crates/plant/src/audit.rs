//! Looks at planted bait, or any file, as those do who look for bait: published detectors, secret
//! scanners, people. The rules are data, `audit/rules.toml`, each with its source.
//!
//! Rule: nothing leaves the machine. No host is looked up, no key is tried; and no value is repeated in
//! what is said about it.

mod parts;
mod rules;
mod values;

use std::borrow::Cow;

use jiff::Timestamp;
use lapwing_catalog::Catalog;

use rules::{Rules, TextRule, Where};

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Its name: a path, or a target.
    pub name: &'a str,
    /// Its content; empty for a database.
    pub bytes: &'a [u8],
    /// The values planted in it that are keys or handles.
    pub planted: &'a [String],
    /// Whether all of it is looked at, or only the lines that hold planted values.
    pub whole: bool,
    /// When it was changed last, in seconds since 1970.
    pub modified: Option<i64>,
    /// When the files beside it were.
    pub neighbours: &'a [i64],
}

/// Something that gives bait away, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remark {
    /// The line, from 1; 0 for the whole.
    pub line: usize,
    /// The rule's name.
    pub rule: String,
    /// What was seen. Never a value; may hold names out of the file.
    pub what: String,
    /// Who looks for it.
    pub source: String,
    /// What to do.
    pub advice: String,
}

/// The rules, and the kinds whose formats are known.
#[derive(Debug)]
pub struct Auditor<'a> {
    rules: Rules,
    catalog: &'a Catalog,
}

impl<'a> Auditor<'a> {
    /// With the rules of this version.
    #[must_use]
    pub fn new(catalog: &'a Catalog) -> Self {
        Self {
            rules: Rules::builtin(),
            catalog,
        }
    }

    /// Everything that gives a subject away, by line.
    #[must_use]
    pub fn audit(&self, subject: &Subject<'_>) -> Vec<Remark> {
        let mut look = Look {
            auditor: self,
            subject,
            remarks: Vec::new(),
        };
        for part in parts::parts(subject.bytes) {
            look.part(&part);
        }
        for value in subject.planted {
            look.value(0, value);
        }
        look.name();
        look.alone();
        look.style(Neighbours::AnyStyle);
        look.late();
        look.same_second();
        let mut remarks = look.remarks;
        remarks.sort();
        remarks.dedup();
        remarks
    }

    /// What of a subject can turn while nobody touches the bait itself: what stands beside it, and when
    /// that was changed. By line.
    #[must_use]
    pub fn surroundings(&self, subject: &Subject<'_>) -> Vec<Remark> {
        let mut look = Look {
            auditor: self,
            subject,
            remarks: Vec::new(),
        };
        look.alone();
        look.style(Neighbours::OneStyle);
        look.late();
        look.remarks.sort();
        look.remarks.dedup();
        look.remarks
    }

    /// What is said of one value in several places.
    #[must_use]
    pub fn twice(&self, other: &str) -> Remark {
        let note = &self.rules.twice;
        Remark {
            line: 0,
            rule: "twice".to_owned(),
            what: format!("the same value is also in {other}"),
            source: note.source.clone(),
            advice: note.advice.clone(),
        }
    }
}

/// Beside which lines of the owner a style of its own counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Neighbours {
    AnyStyle,
    /// Where all of them are written alike: what is reported night after night must be plain to see.
    OneStyle,
}

/// One subject being looked at.
struct Look<'a> {
    auditor: &'a Auditor<'a>,
    subject: &'a Subject<'a>,
    remarks: Vec<Remark>,
}

impl Look<'_> {
    fn say(
        &mut self,
        line: usize,
        rule: &str,
        what: impl Into<String>,
        source: &str,
        advice: &str,
    ) {
        self.remarks.push(Remark {
            line,
            rule: rule.to_owned(),
            what: what.into(),
            source: source.to_owned(),
            advice: advice.to_owned(),
        });
    }

    /// A text of the subject: all of a plain file, a member of a document.
    fn part(&mut self, part: &parts::Part<'_>) {
        let text = String::from_utf8_lossy(&part.bytes);
        let lines = self.lines(&text);
        let all: String = lines
            .iter()
            .flat_map(|(_, line)| [line.as_ref(), "\n"])
            .collect();
        let rules = &self.auditor.rules;
        let inside = |line: usize| if part.name.is_empty() { line } else { 0 };
        let of = |what: String| match part.name.as_str() {
            "" => what,
            name => format!("{what} (in {name})"),
        };
        for rule in rules.text.iter().filter(|rule| rule.place == Where::Text) {
            if !rule.all.is_empty() && rule.finds(&all).is_some() {
                self.say(0, &rule.id, of(rule.said()), &rule.source, &rule.advice);
            }
        }
        for (number, line) in &lines {
            let number = inside(*number);
            for rule in rules.text.iter().filter(|rule| rule.place == Where::Text) {
                if rule.all.is_empty()
                    && let Some(found) = rule.finds(line)
                {
                    let what = of(format!("holds {found:?}"));
                    self.say(number, &rule.id, what, &rule.source, &rule.advice);
                }
            }
            self.reserved(number, line);
            self.addresses(number, line, part);
            if self.subject.whole {
                for value in values::keys(line) {
                    self.value(number, value);
                }
            }
            self.dates(number, line, &lines);
        }
    }

    /// The lines that are looked at, with their numbers.
    fn lines<'t>(&self, text: &'t str) -> Vec<(usize, Cow<'t, str>)> {
        let planted = &self.subject.planted;
        let ours = |line: &str| planted.iter().any(|value| line.contains(value.as_str()));
        (1..)
            .zip(text.lines())
            .filter(|(_, line)| self.subject.whole || ours(line))
            .map(|(number, line)| (number, Cow::Borrowed(line)))
            .collect()
    }

    fn reserved(&mut self, number: usize, line: &str) {
        let lower = line.to_lowercase();
        let hosts = values::hosts(&lower);
        for rule in &self.auditor.rules.reserved {
            let host = hosts.iter().find(|host| rule.holds_host(host));
            let word = rule.words.iter().find(|word| lower.contains(word.as_str()));
            if let Some(found) = host.copied().or(word.map(String::as_str)) {
                let what = format!("{found:?} is reserved for documentation");
                self.say(number, &rule.id, what, &rule.source, &rule.advice);
            }
        }
    }

    fn addresses(&mut self, number: usize, line: &str, part: &parts::Part<'_>) {
        let rules = &self.auditor.rules;
        let lower = line.to_lowercase();
        for host in values::hosts(&lower) {
            if host
                .parse::<std::net::Ipv4Addr>()
                .is_ok_and(|ip| !ip.is_loopback())
            {
                let note = &rules.address;
                let what = format!("names the address {host} instead of a host");
                self.say(number, "address", what, &note.source, &note.advice);
            }
            if part.document && !rules.remote.known.iter().any(|known| known == host) {
                let (note, what) = (&rules.remote, format!("{} names {host}", part.name));
                self.say(0, "remote", what, &note.source, &note.advice);
            }
        }
        if part.document && lower.contains(&rules.external.mark) {
            let (note, what) = (
                &rules.external,
                format!("{} has an external relationship", part.name),
            );
            self.say(0, "external", what, &note.source, &note.advice);
        }
        if values::segments(line).any(|segment| segment.len() == rules.segment.length) {
            let note = &rules.segment;
            let what = format!("a part of exactly {} small letters and digits", note.length);
            self.say(number, "segment", what, &note.source, &note.advice);
        }
    }

    fn value(&mut self, number: usize, value: &str) {
        let auditor = self.auditor;
        let rules = &auditor.rules;
        for rule in rules.text.iter().filter(|rule| rule.place == Where::Value) {
            if let Some(found) = rule.finds(value) {
                let what = format!("a value holds {found:?}");
                self.say(number, &rule.id, what, &rule.source, &rule.advice);
            }
        }
        for rule in rules.entropy.iter().filter(|rule| rule.is_for(value)) {
            let entropy = values::entropy(value.as_bytes());
            if entropy < rule.least {
                let what = format!(
                    "a value of {entropy:.2} bits a character, below {}",
                    rule.least
                );
                self.say(number, &rule.id, what, &rule.source, &rule.advice);
            }
        }
        if values::has_run(value) {
            let rule = rules.text.iter().find(|rule| rule.id == "sample-word");
            if let Some(TextRule { source, advice, .. }) = rule {
                self.say(
                    number,
                    "run",
                    "a value with one character ten times in a row",
                    source,
                    advice,
                );
            }
        }
        let judged = auditor.catalog.judge(value);
        if let Some(first) = judged.first()
            && judged.iter().all(|judgement| !judgement.right)
        {
            let what = format!(
                "has the shape of {} {} and a wrong checksum or account",
                first.kind, first.field
            );
            self.say(
                number,
                "checksum",
                what,
                &rules.checksum.source,
                &rules.checksum.advice,
            );
        }
    }

    /// Dates on the line of a key or next to it, and the file's own.
    fn dates(&mut self, number: usize, line: &str, lines: &[(usize, Cow<'_, str>)]) {
        let rules = &self.auditor.rules;
        for since in rules
            .since
            .iter()
            .filter(|since| values::begins_key(line, &since.prefix))
        {
            let note = &rules.dates;
            let near = lines.iter().filter(|(near, _)| near.abs_diff(number) <= 1);
            let older = near.flat_map(|(_, line)| values::dates(line));
            if let Some(date) = older.into_iter().find(|date| *date < since.date.as_str()) {
                let what = format!(
                    "{date} stands beside a key whose format came on {}",
                    since.date
                );
                self.say(
                    number,
                    "older-than-format",
                    what,
                    &note.source,
                    &note.advice,
                );
            }
            let changed = self.subject.modified.map(day);
            if let Some(changed) = changed.filter(|changed| *changed < since.date) {
                let what = format!(
                    "the file is of {changed}, its key's format of {}",
                    since.date
                );
                self.say(
                    number,
                    "older-than-format",
                    what,
                    &note.source,
                    &note.advice,
                );
            }
        }
    }

    fn name(&mut self) {
        let subject = self.subject;
        let file = subject.name.rsplit(['/', '\\']).next().unwrap_or_default();
        let text = String::from_utf8_lossy(subject.bytes);
        let lines = self.lines(&text);
        let mut names = vec![(0, file)];
        for (number, line) in &lines {
            if let Some((name, _)) = line
                .split_once(['=', ':'])
                .filter(|(name, _)| name.len() < 80)
            {
                names.push((*number, name.trim()));
            }
        }
        let rules = &self.auditor.rules;
        for rule in rules.text.iter().filter(|rule| rule.place == Where::Name) {
            for (number, name) in &names {
                if let Some(found) = rule.finds(name) {
                    let what = format!("a name holds {found:?}");
                    self.say(*number, &rule.id, what, &rule.source, &rule.advice);
                }
            }
        }
    }

    /// A key that stands alone in its file.
    fn alone(&mut self) {
        let text = String::from_utf8_lossy(self.subject.bytes);
        let planted = &self.subject.planted;
        let said = |line: &&str| {
            !line.trim().is_empty() && !line.trim_start().starts_with(['#', ';', '/'])
        };
        let is_key = |line: &&str| {
            planted.iter().any(|value| line.contains(value.as_str()))
                || self.subject.whole && values::keys(line).next().is_some()
        };
        let mut lines = text.lines().filter(said);
        // Whole files stand on one line: what counts are the settings on it.
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return;
        };
        let pieces = values::pieces(line);
        if !pieces.is_empty() && pieces.iter().all(is_key) {
            let note = &self.auditor.rules.alone;
            self.say(
                0,
                "alone",
                "a key is the only line of the file",
                &note.source,
                &note.advice,
            );
        }
    }

    /// Planted lines that are written in another style than the lines of the owner.
    fn style(&mut self, beside: Neighbours) {
        let text = String::from_utf8_lossy(self.subject.bytes);
        let planted = &self.subject.planted;
        let (mut ours, mut others) = (Vec::new(), Vec::new());
        for (number, line) in (1..).zip(text.lines()) {
            let Some(style) = values::style(line) else {
                continue;
            };
            if planted.iter().any(|value| line.contains(value.as_str())) {
                ours.push((number, style));
            } else {
                others.push(style);
            }
        }
        let language = values::Language::of(self.subject.name);
        for (number, style) in ours {
            let compared = others.iter().filter(|it| style.compares(it, language));
            let compared: Vec<&values::Style> = compared.collect();
            let mixed = compared.iter().any(|it| !it.equals(compared[0]));
            if compared.len() < 4 || beside == Neighbours::OneStyle && mixed {
                continue;
            }
            if !compared.iter().any(|it| style.follows(it)) {
                let note = &self.auditor.rules.neighbours;
                let what = format!(
                    "written {style}, as none of the {} other settings is",
                    compared.len()
                );
                self.say(number, "neighbours", what, &note.source, &note.advice);
            }
        }
    }

    /// A file that was changed long after all others beside it.
    fn late(&mut self) {
        let Some(modified) = self.subject.modified else {
            return;
        };
        let note = &self.auditor.rules.times;
        let neighbours = self.subject.neighbours;
        let Some(newest) = neighbours.iter().max() else {
            return;
        };
        let days = (modified - newest) / 86_400;
        if neighbours.len() >= 2 && days >= note.days {
            let what = format!("changed {days} days after every other file beside it");
            self.say(0, "times", what, &note.source, &note.advice);
        }
    }

    /// Files that came into being together, as a trap's do.
    fn same_second(&mut self) {
        let Some(modified) = self.subject.modified else {
            return;
        };
        let note = &self.auditor.rules.times;
        let neighbours = self.subject.neighbours;
        if neighbours.len() >= 3 && neighbours.iter().all(|time| *time == modified) {
            let what = "changed in the same second as every other file beside it";
            self.say(0, "times", what, &note.source, &note.advice);
        }
    }
}

/// `2026-11-23` of a time.
fn day(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .map_or_else(|_| String::new(), |at| at.strftime("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests;
