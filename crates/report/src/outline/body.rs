//! The sections behind the first page.

use super::{Line, Outline, code, codes, plain, strong};
use crate::findings::{CanaryFinding, clock, outcome_word};
use crate::outline::Block;
use crate::route;
use crate::words::fill;

impl Outline<'_> {
    pub(super) fn body(&mut self) {
        let has_trips = !self.all.trips.is_empty();
        self.canaries();
        if has_trips {
            self.route();
            self.timeline();
            self.networks();
            self.messages();
            self.calls();
            self.actors();
            self.verdicts();
        } else {
            self.blocks
                .push(Block::Caution(self.all.caution.to_owned()));
        }
        self.confidence();
        if has_trips {
            self.incidents();
            self.trips();
        }
        self.integrity();
    }

    fn canaries(&mut self) {
        let words = self.words;
        self.section(words.what_was_touched);
        let (used, unused): (Vec<&CanaryFinding>, Vec<_>) =
            self.all.canaries.iter().partition(|one| one.uses > 0);
        if used.is_empty() {
            self.paragraph(format!("{}.", words.title_none));
        }
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
        self.route_figures();
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
        self.timeline_figure();
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
        self.map_figure();
        let row = |one: &crate::findings::NetworkFinding| {
            let mut precision = vec![plain(&one.precision)];
            for text in one.unplaced_because.iter().chain(&one.agreement) {
                precision.extend([plain("; "), plain(text)]);
            }
            let special = one.special.as_deref().map(|code| words.range(code));
            let country = one.country_name.as_deref().or(special);
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
                vec![plain(&one.kind_name)],
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
                line.push(plain(words.form(one.distinct, words.left_out)));
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
}
