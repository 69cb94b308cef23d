//! The sections on what is concluded, the trips it rests on, and what holds them together.

use super::{Block, Outline, Span, code, codes, plain};
use crate::findings::{TripFinding, clock};
use crate::words::fill;

/// Trips that are listed, newest first.
const TRIPS: usize = 100;

impl Outline<'_> {
    pub(super) fn actors(&mut self) {
        let words = self.words;
        self.section(words.actors);
        self.paragraph(words.actor_note);
        for one in &self.all.actors {
            self.heading(vec![plain(format!("{} ", one.name)), code(&one.id)]);
            let uses = words.count(one.uses, words.uses_count);
            let text = fill(
                words.actor_seen,
                &[
                    ("uses", &uses),
                    ("from", &clock(&one.first)),
                    ("until", &clock(&one.last)),
                    ("confidence", &words.level(one.confidence)),
                ],
            );
            let mut line = vec![plain(text)];
            if !one.basis.is_empty() {
                line.extend([plain(" "), plain(&one.basis)]);
            }
            self.blocks.push(Block::Paragraph(line));
            if let Some(likelihood) = one.likelihood {
                self.fact(words.likelihood, vec![plain(words.level(likelihood))]);
            }
            if one.bridges > 0 {
                self.point(vec![plain(words.count(one.bridges, words.bridges))]);
            }
            self.fact(words.sources, codes(words, &one.sources, 16));
            if !one.tools.is_empty() {
                let tools: Vec<&str> = one.tools.iter().take(8).map(String::as_str).collect();
                self.fact(words.made_with, vec![plain(tools.join("; "))]);
            }
            if !one.handshakes.is_empty() {
                self.fact(words.handshakes, codes(words, &one.handshakes, 8));
            }
            if !one.programs.is_empty() {
                self.fact(words.calls_itself, codes(words, &one.programs, 8));
            }
            for link in one.evidence.iter().take(10) {
                let links = words.count(link.trips, words.links_count);
                let text = format!(
                    "{} ({:?}, {}, {:+.1} bits): {links}",
                    link.detail, link.grade, link.grade_meaning, link.bits
                );
                self.point(vec![plain(text)]);
            }
            self.grounds(&one.alternatives, &one.would_change);
            for text in &one.decisions {
                self.fact(words.decided, vec![plain(text)]);
            }
        }
    }

    /// What else it could be, and what would change it.
    fn grounds(&mut self, alternatives: &[String], would_change: &[String]) {
        let words = self.words;
        for (name, texts) in [
            (words.alternative, alternatives),
            (words.would_change, would_change),
        ] {
            for text in texts {
                self.fact(name, vec![plain(text)]);
            }
        }
    }

    pub(super) fn verdicts(&mut self) {
        let words = self.words;
        self.section(words.verdicts);
        let mut rows = Vec::new();
        for one in &self.all.verdicts {
            let reasons: Vec<String> = { one.reasons.iter() }
                .take(8)
                .map(|reason| format!("{} ({})", reason.text, words.number(reason.count)))
                .collect();
            rows.push(vec![
                vec![plain(words.verdict(one.verdict))],
                vec![plain(one.meaning)],
                vec![plain(words.number(one.uses))],
                vec![plain(reasons.join("; "))],
            ]);
        }
        let head = [words.verdict, words.meaning, words.uses, words.reasons];
        self.table(&head, rows);
    }

    pub(super) fn confidence(&mut self) {
        let words = self.words;
        self.section(words.how_sure);
        for one in &self.all.confidence {
            self.heading(vec![plain(one.claim)]);
            self.paragraph(&one.answer);
            if !one.likelihood.is_empty() {
                self.fact(words.likelihood, vec![plain(words.level(one.likelihood))]);
            }
            let basis = format!("{}. {}", words.level(one.confidence), one.basis);
            self.fact(words.confidence, vec![plain(basis)]);
            self.grounds(&one.alternatives, &one.would_change);
        }
    }

    pub(super) fn incidents(&mut self) {
        let words = self.words;
        if self.all.incidents.is_empty() {
            return;
        }
        self.section(words.incidents);
        let row = |one: &crate::findings::IncidentFinding| {
            vec![
                vec![code(&one.id)],
                vec![plain(&one.canary)],
                vec![plain(&one.actor)],
                vec![plain(words.verdict(one.verdict))],
                vec![plain(clock(&one.first))],
                vec![plain(clock(&one.last))],
                vec![plain(one.standing(words))],
                vec![plain(words.number(one.uses))],
            ]
        };
        let rows = self.all.incidents.iter().map(row).collect();
        let head = [
            words.incident,
            words.bait,
            words.actor,
            words.verdict,
            words.first_utc,
            words.last,
            words.state,
            words.uses,
        ];
        self.table(&head, rows);
    }

    pub(super) fn trips(&mut self) {
        let (all, words) = (self.all, self.words);
        self.section(words.trips);
        let counts: [(&str, &dyn std::fmt::Display); 2] = [
            ("shown", &words.number(TRIPS as u64)),
            ("all", &words.number(all.totals.trips)),
        ];
        let shown = if all.trips.len() > TRIPS {
            words.newest_of
        } else {
            words.all_trips
        };
        self.paragraph(format!("{} {}", fill(shown, &counts), all.caution));
        let row = |one: &TripFinding| {
            let mut call = vec![code(&one.call)];
            if let Some(erased) = &one.erased {
                call.push(plain(format!("; {}", erased.words(words))));
            }
            let mut source = vec![code(&one.source)];
            if let Some(full) = &one.full {
                let port = fill(words.port, &[("port", &full.source_port)]);
                source.push(plain(format!(" {port}")));
            }
            if one.resolver {
                source.push(plain(format!(" ({})", words.resolver)));
            }
            vec![
                vec![code(&one.id)],
                vec![plain(clock(&one.time))],
                vec![plain(&one.title)],
                call,
                source,
                one.country_name.iter().map(plain_of).collect(),
                vec![plain(words.verdict(one.verdict))],
                vec![plain(words.number(one.uses))],
            ]
        };
        let rows = all.trips.iter().rev().take(TRIPS).map(row).collect();
        let head = [
            words.trip,
            words.time_utc,
            words.bait,
            words.call,
            words.from_word,
            words.country,
            words.verdict,
            words.uses,
        ];
        self.table(&head, rows);
    }

    pub(super) fn integrity(&mut self) {
        let (all, words) = (self.all, self.words);
        self.section(words.integrity);
        let one = &all.integrity;
        self.paragraph(&one.statement);
        self.paragraph(one.limits);
        self.fact(words.to_verify, vec![code(one.how_to_verify)]);
        self.fact(words.public_key, vec![code(&one.public_key)]);
        let rules: Vec<String> = one.rules.iter().map(u32::to_string).collect();
        for (name, list) in [
            (words.rules, rules.join(", ")),
            (words.data, one.data.join("; ")),
        ] {
            let is_none = list.is_empty();
            let list = if is_none { words.none.to_owned() } else { list };
            self.fact(name, vec![plain(list)]);
        }
        if !one.checkpoint.is_empty() {
            self.point(vec![plain(format!("{}:", words.checkpoint))]);
            self.blocks.push(Block::Verbatim(one.checkpoint.clone()));
        }
        for text in &all.attribution {
            self.point(vec![plain(text)]);
        }
    }
}

fn plain_of(text: &String) -> Span {
    plain(text)
}
