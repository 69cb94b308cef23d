//! Every fixed text that a person reads in a report, once per language (`words/en.rs`, `words/es.rs`).
//! A language that lacks a text, and a text that nothing uses, do not compile; a test compares
//! placeholders.
//!
//! A text may hold `{name}` placeholders, and two forms parted by `|`: for one, and for any other number.

use std::fmt::Display;

use lapwing_core::phrase::form;
use lapwing_core::{Carrier, DecoyOutcome, IncidentState, Verdict};

use crate::Language;
use crate::findings::NodeSort;

mod en;
mod es;
mod terms;

pub(crate) use lapwing_core::phrase::fill;

macro_rules! words {
    ($($name:ident)*) => {
        /// The texts of one language.
        #[derive(Debug)]
        pub(crate) struct Words {
            pub(crate) language: Language,
            $(pub(crate) $name: &'static str,)*
        }

        #[cfg(test)]
        impl Words {
            fn all(&self) -> Vec<(&'static str, &'static str)> {
                vec![$((stringify!($name), self.$name)),*]
            }
        }
    };
}

words! {
    accepted acknowledged actor actor_name actor_note actor_seen actors actors_not_shown addresses
    addresses_count after_and after_lapse all_trips almost_certain almost_no_chance alternative
    alternatives and announced another_program answer at_time automated automated_means
    back_and_forth bad_signature bait bait_is bait_used basis basis_linked basis_single
    between_times bits bridges by_habits call callbacks callbacks_named calls_caption calls_itself
    captured_full captured_masked caution characters checked checkpoint claim_hand claim_hand_answer
    claim_hand_basis claim_hand_logs claim_hand_tool claim_hand_trips claim_network
    claim_network_answer claim_network_basis claim_network_change claim_network_exit
    claim_network_none claim_network_wrong claim_place claim_place_answer claim_place_basis
    claim_place_handed claim_place_logs claim_what claim_what_answer claim_what_basis
    claim_what_change claim_what_count claim_what_drills claim_what_own claim_what_preview claim_who
    claim_who_answer claim_who_basis claim_who_change class_anycast class_cloud class_content
    class_crawler class_drop class_gateway class_mail class_preview class_proxy class_relay
    class_resolver class_satellite class_scanner class_tor class_vpn closed confidence correction_id
    correction_note country country_unknown cut_here cut_raw cut_text data date decided default_site
    different different_numbers different_texts digest_start drill drill_means drills_only echo
    echo_means else_copy else_own else_scanner else_second_hand else_shared episodes_caption
    erased_parts even evidence exercise exercise_banner exercise_footer exercise_sentence
    exercise_title figure_actors figure_addresses figure_pieces figure_texts figure_uses file
    fingerprint first_last first_use first_use_judged first_used first_utc flood flood_of footer
    format from_until from_utc from_word further_drills gateway grade grade_a1 grade_b3 grade_e4
    group_bait group_claim group_decision group_identity group_locale group_network group_pace
    group_payload group_program grouped handshakes held_automated held_drill held_echo held_observer
    held_own held_special high how_is_not_known how_sure in_basic in_bearer in_body in_certificate
    in_cookie in_country in_form in_header in_host in_json in_key in_mailbox in_message in_name
    in_password in_path in_query in_sigv4 in_user incident incidents incidents_caption integrity
    integrity_limits intruder intruder_means key kicker kind known_by_number last last_checked
    last_use later left_early left_out left_place left_unplaced letter_asked letter_bait
    letter_evidence letter_flood letter_keep letter_line letter_look letter_more letter_no_names
    letter_nobody_accused letter_not_said letter_observer letter_opening letter_proves letter_proxy
    letter_reference letter_resolver letter_seen letter_sender letter_silence letter_subject
    letter_to letter_uses likelihood likely links links_count links_trips listed_as low made made_by
    made_from made_with map_caption map_sources map_title masked_behind meaning messages
    messages_count moderate months more_in_json name network networks networks_caption never_fetched
    newest_of no_place no_use none none_placed none_shade not_a_code not_known not_on_map not_on_record not_used
    not_used_caption not_used_count not_verified nothing_noticed number_word numbers
    of_them_announced on_record_in_all once one_hand only_drills open opened_link origin
    origin_exercise origin_unknown others others_followed own own_means part_claims part_raw period
    period_between period_since period_until persona pieces place planted port precision presented
    preview preview_means profile_full profile_masked proven_statement public_key published
    published_by q_bait q_done q_else q_known q_leak q_not_known quotes range_benchmark
    range_documentation range_link_local range_loopback range_multicast range_private range_reserved
    range_shared range_tunnel raws raws_note reasons record records refused resolver resolver_for
    retired revoked route route_as_list route_caption route_note rows_not_drawn rules seen sender
    software some_of_all source sources special_no_place special_range state station steps_not_shown
    stood_watch taken text texts_full texts_masked texts_ordered texts_ordered_to the_beginning
    third_parties thousands time_utc timeline_caption timeline_shows times title_none title_used
    to_verify told too_small tool_says tool_unknown tor_exit touched_in_order trip trips twice
    unknown_credential unlikely until unverified_statement uprooted used uses uses_count
    uses_from_to values values_word verdict verdicts verified verified_statement verifier_said
    very_likely very_unlikely were_used what_else_is_not_known what_was_touched what_was_tried when
    where_is_not_known who_is_not_known withdrawn_note withdrawn_statement withdrawn_title
    withdrawn_which withdrawn_why within_km words would_change
}

impl Words {
    /// The texts of a language.
    pub(crate) fn of(language: Language) -> &'static Self {
        match language {
            Language::En => &en::WORDS,
            Language::Es => &es::WORDS,
        }
    }

    /// `5,212`; in Spanish `5212` and `52 120`, as its academies want it.
    pub(crate) fn number(&self, number: u64) -> String {
        let digits = number.to_string();
        if self.language == Language::Es && digits.len() < 5 {
            return digits;
        }
        let mut out = String::with_capacity(digits.len() + digits.len() / 3);
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                out.push_str(self.thousands);
            }
            out.push(digit);
        }
        out
    }

    /// `1 trip`, `5,212 trips`: the form for a number, which stands for `{n}`.
    pub(crate) fn count(&self, number: u64, text: &str) -> String {
        fill(form(number, text), &[("n", &self.number(number))])
    }

    /// The form of a text for a number, which it does not hold.
    pub(crate) fn form(&self, number: u64, text: &'static str) -> &'static str {
        form(number, text)
    }

    /// A time such as `2026-11-20T22:41:13Z` for a sentence: `20 November 2026, 22:41:13 UTC`.
    pub(crate) fn said(&self, iso: &str) -> String {
        let parts = (|| {
            let (date, clock) = iso.strip_suffix('Z')?.split_once('T')?;
            let mut date = date.splitn(3, '-');
            let (year, month, day) = (date.next()?, date.next()?, date.next()?);
            let month = month.parse::<usize>().ok()?.checked_sub(1)?;
            let month = self.months.split(' ').nth(month)?;
            let day = day.trim_start_matches('0');
            Some(fill(
                self.date,
                &[
                    ("day", &day),
                    ("month", &month),
                    ("year", &year),
                    ("clock", &clock),
                ],
            ))
        })();
        parts.unwrap_or_else(|| iso.to_owned())
    }

    /// `a, b and c`; past `most` the rest is counted.
    pub(crate) fn list(&self, texts: &[impl AsRef<str>], most: usize) -> String {
        let mut shown: Vec<&str> = texts.iter().take(most).map(AsRef::as_ref).collect();
        let more = texts.len() - shown.len();
        let rest = self.count(more as u64, self.others);
        if more > 0 {
            shown.push(&rest);
        }
        match shown.split_last() {
            Some((last, [])) => (*last).to_owned(),
            Some((last, before)) => format!("{} {} {last}", before.join(", "), self.and),
            None => String::new(),
        }
    }

    /// The word for a verdict.
    pub(crate) fn verdict(&self, verdict: Verdict) -> &'static str {
        match verdict {
            Verdict::Intruder => self.intruder,
            Verdict::Own => self.own,
            Verdict::Automated => self.automated,
            Verdict::Preview => self.preview,
            Verdict::Echo => self.echo,
            Verdict::Drill => self.drill,
        }
    }

    /// The same for a template.
    pub(crate) fn verdict_of(&self, verdict: &Verdict) -> &'static str {
        self.verdict(*verdict)
    }

    /// What a verdict means.
    pub(crate) fn meaning(&self, verdict: Verdict) -> &'static str {
        match verdict {
            Verdict::Intruder => self.intruder_means,
            Verdict::Own => self.own_means,
            Verdict::Automated => self.automated_means,
            Verdict::Preview => self.preview_means,
            Verdict::Echo => self.echo_means,
            Verdict::Drill => self.drill_means,
        }
    }

    /// Where in a request a value stood.
    pub(crate) fn carrier(&self, carrier: Carrier) -> &'static str {
        match carrier {
            Carrier::Host => self.in_host,
            Carrier::Path => self.in_path,
            Carrier::Query => self.in_query,
            Carrier::Header => self.in_header,
            Carrier::Basic => self.in_basic,
            Carrier::Bearer => self.in_bearer,
            Carrier::Sigv4 => self.in_sigv4,
            Carrier::Cookie => self.in_cookie,
            Carrier::Form => self.in_form,
            Carrier::Json => self.in_json,
            Carrier::Body => self.in_body,
            Carrier::User => self.in_user,
            Carrier::Password => self.in_password,
            Carrier::Key => self.in_key,
            Carrier::Certificate => self.in_certificate,
            Carrier::Name => self.in_name,
            Carrier::Mailbox => self.in_mailbox,
            Carrier::Message => self.in_message,
        }
    }

    /// What a decoy's answer was.
    pub(crate) fn outcome(&self, outcome: DecoyOutcome) -> &'static str {
        match outcome {
            DecoyOutcome::Accepted => self.accepted,
            DecoyOutcome::Refused => self.refused,
            DecoyOutcome::Revoked => self.revoked,
            DecoyOutcome::BadSignature => self.bad_signature,
            DecoyOutcome::Unknown => self.unknown_credential,
            DecoyOutcome::Persona => self.persona,
            DecoyOutcome::Told => self.told,
        }
    }

    /// The word for an incident's state.
    pub(crate) fn state(&self, state: IncidentState) -> &'static str {
        match state {
            IncidentState::Open => self.open,
            IncidentState::Acknowledged => self.acknowledged,
            IncidentState::Closed => self.closed,
        }
    }

    /// A level of likelihood or confidence; other texts as they are.
    pub(crate) fn level<'a>(&self, english: &'a str) -> &'a str {
        let levels = [
            ("high", self.high),
            ("moderate", self.moderate),
            ("low", self.low),
            ("none", self.none),
            ("almost certain", self.almost_certain),
            ("very likely", self.very_likely),
            ("likely", self.likely),
            ("roughly even chance", self.even),
            ("unlikely", self.unlikely),
            ("very unlikely", self.very_unlikely),
            ("almost no chance", self.almost_no_chance),
        ];
        let found = levels.iter().find(|(level, _)| *level == english);
        found.map_or(english, |(_, here)| here)
    }

    /// A name in the language's quotation marks.
    pub(crate) fn quoted(&self, text: &str) -> String {
        fill(self.quotes, &[("text", &text)])
    }

    /// What a canary is to whoever comes by.
    pub(crate) fn sort(&self, sort: NodeSort) -> &'static str {
        match sort {
            NodeSort::File => self.file,
            NodeSort::Key => self.key,
            NodeSort::Gateway => self.gateway,
            NodeSort::Record => self.record,
        }
    }

    /// When, and from whose records, something was made.
    pub(crate) fn said_by(&self, iso: &str, station: &str) -> String {
        let values: [(&str, &dyn Display); 2] = [("time", &self.said(iso)), ("station", &station)];
        fill(self.made_from, &values)
    }
}

/// `2 h 21 min`, `45 s`, `3 d 4 h`: the two greatest units, which read alike in all languages here.
pub(crate) fn lapse(seconds: u64) -> String {
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    let (first, second) = match (days, hours, minutes) {
        (0, 0, 0) if rest == 0 => return "<1 s".to_owned(),
        (0, 0, 0) => return format!("{rest} s"),
        (0, 0, _) => (format!("{minutes} min"), (rest, "s")),
        (0, ..) => (format!("{hours} h"), (minutes, "min")),
        _ => (format!("{days} d"), (hours, "h")),
    };
    match second {
        (0, _) => first,
        (number, unit) => format!("{first} {number} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn placeholders(text: &str) -> BTreeSet<&str> {
        let parts = text.split('{').skip(1);
        parts.filter_map(|part| part.split('}').next()).collect()
    }

    #[test]
    fn languages_hold_the_same() {
        let english = Words::of(Language::En).all();
        for language in Language::ALL {
            for ((name, text), (_, model)) in Words::of(*language).all().iter().zip(&english) {
                assert!(!text.is_empty(), "{language:?} {name} is empty");
                assert_eq!(
                    placeholders(text),
                    placeholders(model),
                    "{language:?} {name}"
                );
                assert_eq!(
                    text.matches('|').count(),
                    model.matches('|').count(),
                    "{language:?} {name}: one form, or two"
                );
                assert_eq!(
                    text.matches('{').count(),
                    text.matches('}').count(),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn spanish_is_not_english() {
        let (english, spanish) = (Words::of(Language::En).all(), Words::of(Language::Es).all());
        let same = english.iter().zip(&spanish).filter(|(en, es)| {
            // Words that are the same in both, and what has no letters.
            en.1 == es.1 && en.1.split_whitespace().count() > 2 && en.1 != "{day} {month} {year}"
        });
        let same: Vec<_> = same.map(|(en, _)| en.0).collect();
        assert!(same.is_empty(), "not translated: {same:?}");
    }

    #[test]
    fn counts_and_times() {
        let (en, es) = (Words::of(Language::En), Words::of(Language::Es));
        assert_eq!(en.count(1, "{n} use|{n} uses"), "1 use");
        assert_eq!(en.count(5212, "{n} use|{n} uses"), "5,212 uses");
        assert_eq!(es.number(5212), "5212");
        assert_eq!(es.number(52_120), "52\u{a0}120");
        assert_eq!(
            en.said("2026-11-03T22:41:13Z"),
            "3 November 2026, 22:41:13 UTC"
        );
        assert_eq!(
            es.said("2026-11-03T22:41:13Z"),
            "3 de noviembre de 2026 a las 22:41:13 UTC"
        );
        assert_eq!(en.said("-5"), "-5");
        for (seconds, text) in [
            (0, "<1 s"),
            (59, "59 s"),
            (60, "1 min"),
            (8_460, "2 h 21 min"),
            (86_400, "1 d"),
            (97_261, "1 d 3 h"),
        ] {
            assert_eq!(lapse(seconds), text);
        }
    }

    #[test]
    fn a_value_is_no_placeholder() {
        assert_eq!(fill("{a} {b}", &[("a", &"{b}"), ("b", &1)]), "{b} 1");
        assert_eq!(en_list(&["a", "b", "c"], 2), "a, b and 1 other");
        assert_eq!(en_list(&["a"], 2), "a");
    }

    fn en_list(texts: &[&str], most: usize) -> String {
        Words::of(Language::En).list(texts, most)
    }
}
