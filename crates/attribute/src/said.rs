//! What rules say is said by templates (`lapwing_core::phrase`), so that a report can say it in another language: a
//! sentence without one fails here.

use std::collections::BTreeMap;

use lapwing_core::phrase::{Phrase, link, network, tool, translate};
use lapwing_core::{Carrier, Claims, DecoyOutcome, Language, Listed, NetworkClass, Timestamp};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::link::Seen;
use crate::samples::Sample;
use crate::verdict::{Rules, judge};
use crate::{Earlier, special, tools};

/// That a text is a phrase, and how it reads in Spanish.
pub(crate) fn spanish(text: &str) -> String {
    assert_eq!(
        translate(text, Language::En).as_deref(),
        Some(text),
        "no template makes it"
    );
    translate(text, Language::Es).expect("it was read")
}

/// The lines of a table that comes with the code, by columns.
fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    let kept = |line: &&str| !line.is_empty() && !line.starts_with('#');
    table
        .lines()
        .filter(kept)
        .map(|line| line.split('\t').collect())
}

const CLASSES: [&str; 4] = ["beacon", "record", "credential", "document"];
const OUTCOMES: [DecoyOutcome; 7] = [
    DecoyOutcome::Accepted,
    DecoyOutcome::Refused,
    DecoyOutcome::Revoked,
    DecoyOutcome::BadSignature,
    DecoyOutcome::Unknown,
    DecoyOutcome::Persona,
    DecoyOutcome::Told,
];
const CARRIERS: [Carrier; 6] = [
    Carrier::Host,
    Carrier::Path,
    Carrier::Basic,
    Carrier::Json,
    Carrier::Name,
    Carrier::Mailbox,
];

/// Trips of every sort that the rules tell apart.
fn samples() -> Vec<Sample> {
    let mut out = Vec::new();
    let mut add = |change: &dyn Fn(Sample) -> Sample| {
        for class in CLASSES {
            for carrier in CARRIERS {
                let mut sample = change(Sample::new(900_000).carried(carrier));
                sample.class = class;
                out.push(sample);
            }
        }
    };
    let programs = rows(include_str!("../data/programs.tsv"));
    for row in programs {
        for asn in [
            None,
            Some(64_500),
            row[3].split(',').find_map(|one| one.parse().ok()),
        ] {
            add(&|mut sample: Sample| {
                sample.network.asn = asn;
                sample.agent(row[1])
            });
        }
    }
    for outcome in OUTCOMES {
        for agent in [
            "",
            "never heard of",
            "curl/8.5.0",
            "Slackbot-LinkExpanding 1.0",
        ] {
            add(&|mut sample: Sample| {
                sample.trip.decoy.outcome = outcome;
                sample.agent(agent)
            });
        }
    }
    for class in NetworkClass::ALL {
        for name in ["Example", "a public resolver"] {
            add(&|mut sample: Sample| {
                let name = name.to_owned();
                sample.network.lists = vec![Listed { class, name }];
                sample
            });
        }
    }
    for address in [
        "127.0.0.1",
        "10.0.0.7",
        "169.254.0.1",
        "100.64.0.9",
        "192.0.2.9",
    ] {
        add(&|sample: Sample| sample.from(address));
    }
    add(&|mut sample: Sample| {
        sample.drill = true;
        sample
    });
    add(&|mut sample: Sample| {
        sample.trip.claims = None;
        sample
    });
    add(&|mut sample: Sample| {
        sample.trip.observed.observer = Some("app".to_owned());
        sample
    });
    out.extend(looked_up());
    out
}

/// Look-ups: the first, repeated ones, and such that tell more.
fn looked_up() -> Vec<Sample> {
    let sample = || Sample::new(900_000).looked_up("203.0.113.53", 0);
    let mut telling = sample();
    let claims = telling.trip.claims.get_or_insert_with(Claims::default);
    for name in ["dns.client_subnet", "dns.data"] {
        let value = lapwing_core::Claimed::new(vec!["x".to_owned()]);
        claims.captured.insert(name.to_owned(), value);
    }
    let echo = |hours: i64| {
        let mut sample = sample();
        let now = sample.trip.observed.time;
        let seen = Seen {
            actor: lapwing_core::ActorId(sample.trip.id),
            trip: sample.trip.id,
            time: now.plus_seconds(-3_600 * hours),
        };
        sample.earlier = Earlier {
            name: Some(seen),
            ..Earlier::default()
        };
        sample
    };
    vec![sample(), telling, echo(1), echo(5), echo(47), echo(100)]
}

#[test]
fn every_reason_of_a_verdict_has_its_template() {
    let own = ["198.51.100.0/24", "203.0.113.0/24"].map(|net| net.parse().unwrap());
    let rules = [
        Rules::default(),
        Rules {
            own: own.to_vec(),
            ..Rules::default()
        },
    ];
    let mut said = BTreeMap::new();
    for sample in samples() {
        for rules in &rules {
            for reason in judge(&sample.facts(), rules).reasons {
                said.entry(reason).or_insert(());
            }
        }
    }
    for reason in said.keys() {
        assert_ne!(&spanish(reason), reason);
    }
    let used = |phrase: &Phrase| {
        let start = phrase.en.split('{').next().unwrap();
        said.keys().any(|reason| reason.starts_with(start))
    };
    let verdicts =
        Phrase::all().take_while(|phrase| *phrase != lapwing_core::phrase::program::PREVIEW);
    let unused: Vec<_> = verdicts
        .filter(|phrase| phrase.en.ends_with('.') && !used(phrase))
        .collect();
    assert!(unused.is_empty(), "no sample comes by {unused:#?}");
}

#[test]
fn every_reason_for_a_tool_has_its_template() {
    let agents = rows(include_str!("../data/clients.tsv"))
        .map(|row| row[2].split(',').next().unwrap().trim_start_matches('='));
    let agents: Vec<&str> = agents.chain(["", "never heard of"]).collect();
    for row in rows(include_str!("../data/prints.tsv")) {
        let parts: Vec<&str> = row[1].split('_').collect();
        let value = match (row[0], &parts[..]) {
            ("ja4", [ciphers]) => format!("t13d3113h2_{ciphers}_ffffffffffff"),
            ("ja4", [protocol, ciphers, rest]) => format!("t13d3112{protocol}_{ciphers}_{rest}"),
            _ => row[1].to_owned(),
        };
        for agent in &agents {
            let mut sample = Sample::new(1).agent(agent);
            sample.trip.observed.signals = [
                (row[0].to_owned(), value.clone()),
                (
                    "ja4".to_owned(),
                    "t13d0101h2_000000000001_000000000001".to_owned(),
                ),
                ("h1".to_owned(), "TE,Connection,Host,User-Agent".to_owned()),
            ]
            .into_iter()
            .rev()
            .collect();
            let tool = tools::tool(&sample.trip).expect("something is seen");
            for reason in &tool.reasons {
                assert_ne!(&spanish(reason), reason);
            }
        }
    }
}

#[test]
fn what_a_first_packet_tells_has_its_template() {
    for agent in ["a script for windows", "Chrome/140 (linux)"] {
        for row in rows(include_str!("../data/systems.tsv")) {
            let mut sample = Sample::new(1).agent(agent);
            let signature = format!("4:{}+0:0:1460:64240,7:{}:df,id+:0", row[1], row[2]);
            let signals = [("syn", signature.as_str()), ("h1", "TE,Host")];
            sample.trip.observed.signals = { signals.into_iter() }
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            let tool = tools::tool(&sample.trip).expect("something is seen");
            for reason in &tool.reasons {
                let spanish = spanish(reason);
                assert!(
                    !spanish.contains(" or ") && !spanish.contains("system"),
                    "{spanish}"
                );
            }
            if tool.contradicts {
                spanish(&tool.name.unwrap());
                spanish(&tool.claimed.unwrap());
            }
        }
    }
}

#[test]
fn names_that_are_words_have_their_template() {
    let is_words = |name: &str| {
        let mut words = name.split(' ');
        let article = words
            .next()
            .is_some_and(|word| ["a", "an", "the"].contains(&word));
        article
            || name.contains("'s ")
            || words.any(|word| ["of", "in", "for", "or"].contains(&word))
    };
    let programs = rows(include_str!("../data/programs.tsv")).map(|row| row[2].to_owned());
    let clients = rows(include_str!("../data/clients.tsv")).map(|row| row[1].to_owned());
    let lists = crate::Lists::embedded().expect("they are checked by a test");
    let lists = lists.lists().iter().map(|list| list.name.clone());
    let mut count = 0;
    for name in programs
        .chain(clients)
        .chain(lists)
        .filter(|name| is_words(name))
    {
        assert_ne!(spanish(&name), name);
        count += 1;
    }
    assert!(count > 20, "{count}");
    for class in NetworkClass::ALL {
        if let Some(why) = class.hides_place() {
            spanish(why);
        }
    }
    assert!(special("10.0.0.1".parse().unwrap()).is_some());
}

/// A value for a placeholder.
fn value(name: &str, number: i64, text: &str, which: Index) -> String {
    let likenesses: Vec<Phrase> = Phrase::all()
        .filter(|phrase| !phrase.en.contains('{') && phrase.en.starts_with("same "))
        .collect();
    let lapse = || {
        [link::SECONDS, link::MINUTES, link::HOURS, link::DAYS][which.index(4)].count(number, &[])
    };
    let trip = "0a1b2c3d-17";
    match name {
        "n" | "number" => number.to_string(),
        "address" => "2001:db8::/64".to_owned(),
        "trip" => trip.to_owned(),
        "names" => format!("curl, {text} or others"),
        "LAPSE" => lapse(),
        "APART" => link::AFTER.with(&[("LAPSE", &lapse()), ("trip", &trip)]),
        "LIKENESS" => likenesses[which.index(likenesses.len())].text(),
        "DOUBT" => [link::HIDDEN, link::INSIDE][which.index(2)].text(),
        "SOURCE" => tool::MEASURED.with(&[("versions", &text)]),
        "AGREE" => network::AGREE.count(number, &[("agree", &1)]),
        _ => text.to_owned(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn a_template_reads_what_it_writes(
        phrase in select(Phrase::all().collect::<Vec<_>>()),
        number in -3_i64..400,
        texts in proptest::collection::vec("[A-Za-z0-9¿ñ{}|.,;:()'/-][ -~é]{0,30}", 6),
        which in any::<Index>(),
    ) {
        let form = lapwing_core::phrase::form(number.unsigned_abs(), phrase.en);
        let names: Vec<&str> = form.split('{').skip(1).filter_map(|part| part.split('}').next()).collect();
        let values: Vec<String> = names
            .iter()
            .zip(&texts)
            .map(|(name, text)| value(name, number, text, which))
            .collect();
        let pairs: Vec<(&str, &dyn std::fmt::Display)> = names
            .iter()
            .zip(&values)
            .map(|(name, value)| (*name, value as &dyn std::fmt::Display))
            .collect();
        let text = lapwing_core::phrase::fill(form, &pairs);
        prop_assert_eq!(translate(&text, Language::En), Some(text.clone()));
        prop_assert!(translate(&text, Language::Es).is_some(), "{}", text);
    }
}

#[test]
fn a_time_is_no_phrase() {
    let time = Timestamp::from_micros(0).to_seconds_string();
    assert_eq!(translate(&time, Language::Es), None);
}
