//! What is erased is as if nobody had said it.

use std::collections::HashMap;
use std::convert::Infallible;

use lapwing_core::{Claimed, Claims};

use super::*;
use crate::link::{Linker as _, Memory, SESSIONS, Seen, Signals};
use crate::lookup::{NAMED, named};
use crate::samples::Sample;

/// Notes as the caller keeps them.
#[derive(Default)]
struct Kept {
    notes: BTreeMap<String, String>,
    sessions: HashMap<TripId, TripId>,
    hands: Hands,
}

impl Signals for Kept {
    fn get(&self, _: &str, _: &str) -> Option<Seen> {
        None
    }
}

impl Memory for Kept {
    fn note(&self, name: &str) -> Option<String> {
        self.notes.get(name).cloned()
    }

    fn hands(&self) -> &Hands {
        &self.hands
    }
}

fn linker() -> Scored {
    Scored::new(|said| format!("<{said}>"))
}

impl Kept {
    fn of(samples: &[Sample]) -> Self {
        let mut kept = Self::default();
        for sample in samples {
            let linked = linker().link(&sample.facts(), &kept);
            kept.notes.extend(linked.notes);
            kept.sessions.insert(sample.trip.id, linked.session);
            for (one, other) in linked.joins {
                kept.hands.join(one, other);
            }
        }
        kept
    }

    /// Takes out what the trip of this number said, where the others of `samples` keep what they did.
    fn erase(&mut self, samples: &mut [Sample], number: usize) {
        samples[number].trip.claims = None;
        let session = self.sessions[&samples[number].trip.id];
        let note = self.note(&session_name(session)).unwrap();
        let traits = serde_json::from_str::<Session>(&note).unwrap().traits;
        let mut gone: BTreeSet<Pair> = traits.into_iter().filter(|(it, _)| is_said(it)).collect();
        for sample in samples.iter() {
            if self.sessions[&sample.trip.id] == session {
                for pair in linker().said(&sample.trip) {
                    gone.remove(&pair);
                }
            }
        }
        let mut forgetting = Forgetting::new();
        forgetting.take_out(session, gone, &samples[number].trip);
        for (_, note) in self.notes.range(SESSIONS.to_owned()..) {
            forgetting.see(note);
        }
        let note = |name: &str| Ok::<_, Infallible>(self.note(name));
        let changed = forgetting.notes(&self.hands, note).unwrap();
        for (name, note) in changed {
            match note {
                Some(note) => self.notes.insert(name, note),
                None => self.notes.remove(&name),
            };
        }
    }

    fn holds(&self, text: &str) -> bool {
        { self.notes.iter() }.any(|(name, note)| name.contains(text) || note.contains(text))
    }
}

fn sent(sample: Sample, value: &str) -> Sample {
    let mut sample = sample;
    let claims = sample.trip.claims.get_or_insert_default();
    let value = Claimed::new(vec![value.to_owned()]);
    claims.captured.insert("sms.body".to_owned(), value);
    sample
}

const LONG: &str = "a text that nobody else would send, with 123456 in it";

#[test]
fn what_one_trip_said_goes_and_what_others_said_too_stays() {
    let one = |number, address| Sample::new(number).agent("mine/1.0").from(address);
    let mut samples = [
        sent(one(1, "192.0.2.1"), LONG),
        one(40_000, "198.51.100.2"),
        one(90_000, "203.0.113.3"),
    ];
    let mut kept = Kept::of(&samples);
    assert!(kept.holds("123456") && kept.holds("mine/1.0"));
    kept.erase(&mut samples, 0);
    assert!(!kept.holds("123456"), "{:?}", kept.notes);
    assert!(kept.holds("mine/1.0"), "others say it");
    kept.erase(&mut samples, 1);
    kept.erase(&mut samples, 2);
    assert!(!kept.holds("mine/"), "{:?}", kept.notes);
    let pairs = |kept: &Kept| kept.note("n/agent").unwrap();
    assert_eq!(pairs(&kept), "0");
}

#[test]
fn another_trip_of_the_session_keeps_it() {
    let one = |number| sent(Sample::new(number).agent("mine/1.0"), LONG);
    let mut samples = [
        one(1),
        one(2),
        sent(Sample::new(3), "another text, of 654321"),
    ];
    let mut kept = Kept::of(&samples);
    assert_eq!(kept.sessions.values().collect::<BTreeSet<_>>().len(), 1);
    kept.erase(&mut samples, 0);
    assert!(kept.holds("123456") && kept.holds("654321"));
    kept.erase(&mut samples, 2);
    assert!(kept.holds("123456") && !kept.holds("654321"));
    kept.erase(&mut samples, 1);
    assert!(!kept.holds("123456") && !kept.holds("mine"));
}

#[test]
fn a_value_is_noted_with_whoever_still_has_it() {
    // The newest of each hand stands in the note: if that goes, the one before takes its place.
    let one = |number, print: &str| sent(Sample::new(number), LONG).print(print);
    let mut samples = [one(1, "a"), one(40_000, "a"), one(90_000, "b")];
    let mut kept = Kept::of(&samples);
    let noted = |kept: &Kept| -> Vec<TripId> {
        let name = { kept.notes.keys() }.find(|name| name.starts_with("v/payload/"));
        let Some(name) = name else { return vec![] };
        let value: Value = serde_json::from_str(&kept.notes[name]).unwrap();
        value.recent.iter().map(|had| had.0).collect()
    };
    let newest = *noted(&kept).last().unwrap();
    let at = samples.iter().position(|it| it.trip.id == newest).unwrap();
    kept.erase(&mut samples, at);
    let left = noted(&kept);
    assert!(!left.is_empty() && !left.contains(&newest), "{left:?}");
    for at in 0..3 {
        kept.erase(&mut samples, at);
    }
    assert_eq!(noted(&kept), []);
}

#[test]
fn of_what_is_said_every_signal_is_known() {
    let mut sample = sent(Sample::new(1).agent("mine/1.0"), LONG).print("a");
    let claims = sample.trip.claims.get_or_insert_default();
    let pair = |name: &str| (name.to_owned(), Claimed::new("x".to_owned()));
    claims.headers = vec![pair("Accept-Language"), pair("workstation")];
    claims.forwarding = vec![pair("X-Forwarded-For")];
    let value = Claimed::new(vec!["short".to_owned()]);
    claims.captured.insert("sql".to_owned(), value.clone());
    claims.captured.insert("login.key".to_owned(), value);
    let all: BTreeSet<Pair> = { signals::traits(&sample.facts(), &*linker().digest) }
        .into_iter()
        .collect();
    let said: BTreeSet<Pair> = linker().said(&sample.trip).into_iter().collect();
    sample.trip.claims = None;
    let observed: BTreeSet<Pair> = { signals::traits(&sample.facts(), &*linker().digest) }
        .into_iter()
        .collect();
    assert_eq!(&all - &observed, said);
    let names: BTreeSet<&str> = said.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, SAID.iter().copied().collect());
}

#[test]
fn a_name_is_known_by_what_it_carries_until_that_is_erased() {
    let mut sample = Sample::new(1).looked_up("192.0.2.53", 0);
    let data = Claimed::new(vec!["secret".to_owned()]);
    sample.trip.claims = Some(Claims {
        captured: [("dns.data".to_owned(), data)].into(),
        ..Claims::default()
    });
    let with = named(&sample.trip);
    sample.trip.claims = None;
    let without = named(&sample.trip);
    assert_eq!(with.len(), NAMED.len());
    assert!(with.iter().zip(&without).all(|(one, other)| one != other));
    assert_eq!(named(&Sample::new(1).trip), []);
}
