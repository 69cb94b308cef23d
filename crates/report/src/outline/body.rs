//! The sections behind the first page.

use super::{Line, Outline, Span, code, codes, plain, strong};
use crate::findings::{CanaryFinding, TripFinding, clock, outcome_word};
use crate::outline::Block;
use crate::route;
use crate::words::fill;

/// Trips that are listed, newest first.
const TRIPS: usize = 100;

impl Outline<'_> {
    pub(super) fn body(&mut self) {
        self.canaries();
        self.route();
        self.timeline();
        self.networks();
        self.messages();
        self.calls();
        self.actors();
        self.verdicts();
        self.confidence();
        self.incidents();
        self.trips();
        self.integrity();
    }

    fn canaries(&mut self) {
        let words = self.words;
        self.section(words.what_was_touched);
        let (used, unused): (Vec<&CanaryFinding>, Vec<_>) =
            self.all.canaries.iter().partition(|one| one.uses > 0);
        for one in used {
            self.canary(one);
        }
        if unused.is_empty() {
            return;
        }
        self.paragraph(words.count(unused.len() as u64, words.not_used_count));
        let row = |one: &&CanaryFinding| {
            vec![
                vec![plain(&one.title)],
                vec![plain(&one.kind_name)],
                one.place.iter().map(code).collect(),
            ]
        };
        let rows = unused.iter().map(row).collect();
        self.table(&[words.bait, words.kind, words.place], rows);
    }

    fn canary(&mut self, one: &CanaryFinding) {
        let words = self.words;
        self.heading(vec![plain(&one.title)]);
        self.paragraph(&one.statement);
        self.fact(words.kind, vec![plain(&one.kind_name)]);
        if let Some(place) = &one.place {
            self.fact(words.place, vec![code(place)]);
        }
        for (name, time) in [
            (words.planted, &one.planted),
            (words.first_use, &one.first_use),
            (words.last_use, &one.last_use),
        ] {
            if let Some(time) = time {
                self.fact(name, vec![plain(format!("{} UTC", clock(time)))]);
            }
        }
        self.fact(words.used, vec![plain(words.count(one.uses, words.times))]);
        self.fact(words.presented, vec![plain(one.presented.join(", "))]);
        if !one.attack.is_empty() {
            self.fact("ATT&CK", vec![plain(one.attack.join(", "))]);
        }
    }

    fn route(&mut self) {
        let (all, words) = (self.all, self.words);
        if all.route.actors.is_empty() {
            return;
        }
        self.section(words.route);
        self.paragraph(words.route_note);
        for line in route::lines(all) {
            match line {
                route::Listed::Actor(name) => self.heading(vec![plain(name)]),
                route::Listed::Step(time, title, lapse, place) => {
                    let mut line = vec![plain(format!("{time}: ")), strong(title)];
                    line.extend(lapse.map(|lapse| plain(format!(", {lapse}"))));
                    if let Some(place) = place {
                        line.extend([plain(": "), code(place)]);
                    }
                    self.point(line);
                }
                route::Listed::Note(text) => self.paragraph(text),
            }
        }
    }

    fn timeline(&mut self) {
        let words = self.words;
        self.section(words.when);
        let row = |one: &crate::findings::Episode| {
            vec![
                vec![plain(clock(&one.first))],
                (one.last != one.first)
                    .then(|| plain(clock(&one.last)))
                    .into_iter()
                    .collect(),
                vec![plain(&one.actor)],
                vec![plain(&one.title)],
                vec![code(&one.call)],
                vec![plain(words.verdict(one.verdict))],
                vec![plain(words.number(one.uses))],
            ]
        };
        let rows = self.all.timeline.iter().map(row).collect();
        let head = [
            words.from_utc,
            words.until,
            words.actor,
            words.bait,
            words.call,
            words.verdict,
            words.uses,
        ];
        self.table(&head, rows);
    }

    fn networks(&mut self) {
        let words = self.words;
        self.section(words.networks);
        self.blocks
            .push(Block::Caution(self.all.caution.to_owned()));
        let row = |one: &crate::findings::NetworkFinding| {
            let mut precision = vec![plain(&one.precision)];
            for text in one.unplaced_because.iter().chain(&one.agreement) {
                precision.extend([plain("; "), self.english(text)]);
            }
            let country = one.country_name.as_deref().or(one.special.as_deref());
            let mut place = country.unwrap_or(words.not_known).to_owned();
            if let Some(city) = &one.city {
                place.push_str(&format!(", {city}"));
            }
            let mut network: Line = one
                .asn
                .iter()
                .map(|asn| plain(format!("AS{asn} ")))
                .collect();
            network.extend(one.as_name.iter().map(code));
            if !one.listed.is_empty() {
                network.push(plain(format!("; {} ", words.listed_as)));
                network.push(code(one.listed.join(", ")));
            }
            vec![
                vec![code(&one.source)],
                vec![plain(place)],
                precision,
                network,
                vec![plain(one.data.join("; "))],
                vec![plain(words.number(one.uses))],
            ]
        };
        let rows = self.all.networks.iter().map(row).collect();
        let head = [
            words.source,
            words.country,
            words.precision,
            words.network,
            words.data,
            words.uses,
        ];
        self.table(&head, rows);
    }

    fn messages(&mut self) {
        let words = self.words;
        self.section(words.what_was_tried);
        let Some(sms) = &self.all.intent.messages else {
            return;
        };
        let numbers = words.count(sms.numbers, words.different_numbers);
        let text = words.count(sms.messages, words.texts_ordered_to);
        self.paragraph(fill(&text, &[("numbers", &numbers)]));
        let row = |one: &crate::findings::TextFinding| {
            vec![
                vec![code(&one.shown)],
                vec![plain(words.number(one.characters))],
                vec![plain(words.number(one.messages))],
                vec![plain(words.number(one.numbers))],
                vec![code(&one.digest)],
            ]
        };
        let head = [
            words.text,
            words.characters,
            words.messages,
            words.numbers,
            words.digest_start,
        ];
        self.table(&head, sms.texts.iter().map(row).collect());
        let row = |one: &crate::findings::Counted| {
            vec![vec![code(&one.text)], vec![plain(words.number(one.count))]]
        };
        let rows = sms.number_list.iter().map(row).collect();
        self.table(&[words.number_word, words.messages], rows);
    }

    fn calls(&mut self) {
        let words = self.words;
        let row = |one: &crate::findings::CallFinding| {
            vec![
                vec![plain(clock(&one.first))],
                vec![plain(&one.kind)],
                vec![code(&one.call)],
                vec![
                    plain(format!("{} (", one.outcome_meaning)),
                    code(outcome_word(one.outcome)),
                    plain(format!(", {})", one.status)),
                ],
                vec![plain(words.number(one.uses))],
            ]
        };
        let rows = self.all.intent.calls.iter().map(row).collect();
        let head = [
            words.first_utc,
            words.kind,
            words.call,
            words.answer,
            words.uses,
        ];
        self.table(&head, rows);
        for one in &self.all.intent.captured {
            let values: Vec<String> = one.values.iter().map(|it| it.text.clone()).collect();
            let mut line = codes(words, &values, 20);
            if values.is_empty() {
                line.push(plain(words.left_out));
            }
            let count = words.count(one.distinct, words.values);
            self.fact(&format!("{}: {count}", one.name), line);
        }
        let callbacks = &self.all.intent.callbacks;
        if callbacks.distinct > 0 {
            let mut line = vec![plain(format!(
                "{}. {} ",
                words.number(callbacks.distinct),
                callbacks.note
            ))];
            line.extend(codes(words, &callbacks.addresses, 20));
            self.fact(words.callbacks, line);
        }
    }

    fn actors(&mut self) {
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
                line.extend([plain(" "), self.english(&one.basis)]);
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
                let tools = self.english(&tools.join("; "));
                self.fact(words.made_with, vec![tools]);
            }
            if !one.handshakes.is_empty() {
                self.fact(words.handshakes, codes(words, &one.handshakes, 8));
            }
            if !one.programs.is_empty() {
                self.fact(words.calls_itself, codes(words, &one.programs, 8));
            }
            for link in one.evidence.iter().take(10) {
                let detail = self.english(&link.detail);
                let grade = self.english(link.grade_meaning);
                let links = words.count(link.trips, words.links_count);
                let line = vec![
                    detail,
                    plain(format!(" ({:?}, ", link.grade)),
                    grade,
                    plain(format!(", {:+.1} bits): {links}", link.bits)),
                ];
                self.point(line);
            }
            self.grounds(&one.alternatives, &one.would_change);
            for text in &one.decisions {
                self.fact(words.decided, vec![plain(text)]);
            }
        }
    }

    /// What else it could be, and what would change it; other parts say it in English.
    fn grounds(&mut self, alternatives: &[String], would_change: &[String]) {
        let words = self.words;
        for (name, texts) in [
            (words.alternative, alternatives),
            (words.would_change, would_change),
        ] {
            for text in texts {
                let text = self.english(text);
                self.fact(name, vec![text]);
            }
        }
    }

    fn verdicts(&mut self) {
        let words = self.words;
        self.section(words.verdicts);
        let mut rows = Vec::new();
        for one in &self.all.verdicts {
            let mut reasons: Line = Vec::new();
            for reason in one.reasons.iter().take(5) {
                if !reasons.is_empty() {
                    reasons.push(plain("; "));
                }
                reasons.push(self.english(&reason.text));
            }
            rows.push(vec![
                vec![plain(words.verdict(one.verdict))],
                vec![plain(one.meaning)],
                vec![plain(words.number(one.uses))],
                reasons,
            ]);
        }
        let head = [words.verdict, words.meaning, words.uses, words.reasons];
        self.table(&head, rows);
    }

    fn confidence(&mut self) {
        let words = self.words;
        self.section(words.how_sure);
        for one in &self.all.confidence {
            let claim = self.english(one.claim);
            self.heading(vec![claim]);
            let answer = self.english(&one.answer);
            self.blocks.push(Block::Paragraph(vec![answer]));
            if !one.likelihood.is_empty() {
                self.fact(words.likelihood, vec![plain(words.level(one.likelihood))]);
            }
            let basis = self.english(&one.basis);
            let level = plain(format!("{}. ", words.level(one.confidence)));
            self.fact(words.confidence, vec![level, basis]);
            self.grounds(&one.alternatives, &one.would_change);
        }
    }

    fn incidents(&mut self) {
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

    fn trips(&mut self) {
        let (all, words) = (self.all, self.words);
        self.section(words.trips);
        let shown = words.number(all.trips.len().min(TRIPS) as u64);
        let counts: [(&str, &dyn std::fmt::Display); 2] =
            [("shown", &shown), ("all", &words.number(all.totals.trips))];
        self.paragraph(format!(
            "{} {}",
            fill(words.newest_of, &counts),
            all.caution
        ));
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

    fn integrity(&mut self) {
        let (all, words) = (self.all, self.words);
        self.section(words.integrity);
        let one = &all.integrity;
        self.paragraph(&one.statement);
        self.paragraph(one.limits);
        self.fact(words.to_verify, vec![code(one.how_to_verify)]);
        self.fact(words.public_key, vec![code(&one.public_key)]);
        let rules: Vec<String> = one.rules.iter().map(u32::to_string).collect();
        self.fact(words.rules, vec![plain(rules.join(", "))]);
        self.fact(words.data, vec![plain(one.data.join("; "))]);
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
