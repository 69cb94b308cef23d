//! The first linker: what links, what does not, and how it says so.

use std::collections::HashMap;

use super::*;
use crate::Earlier;
use crate::samples::Sample;

const DAY: u64 = 24 * 60 * 60;

/// A memory as the caller keeps it.
#[derive(Default)]
struct Memory(HashMap<(String, String), Seen>);

impl Signals for Memory {
    fn get(&self, signal: &str, value: &str) -> Option<Seen> {
        self.0.get(&(signal.to_owned(), value.to_owned())).copied()
    }
}

impl Memory {
    fn trip(&mut self, sample: &Sample) -> Linked {
        let earlier = Earlier::of(&sample.trip, self);
        let facts = TripFacts {
            earlier,
            ..sample.facts()
        };
        let linked = SameAddressOrProgram::default().link(&facts, self);
        let seen = Seen {
            actor: linked.actor,
            trip: sample.trip.id,
            time: sample.trip.observed.time,
        };
        for signal in linked.learn.clone() {
            self.0.insert(signal, seen);
        }
        linked
    }
}

fn actor(sequence: u64) -> ActorId {
    ActorId(Sample::new(sequence).trip.id)
}

#[test]
fn the_first_trip_names_the_actor() {
    let linked = Memory::default().trip(&Sample::new(5));
    assert_eq!(linked.actor, actor(5));
    assert_eq!(linked.evidence[0].signal, "first");
    assert_eq!(linked.evidence[0].to, None);
    assert_eq!(
        linked.learn,
        [("address".to_owned(), "198.51.100.7".to_owned())]
    );
}

#[test]
fn the_same_address_links_and_says_so() {
    let mut memory = Memory::default();
    memory.trip(&Sample::new(5));
    let linked = memory.trip(&Sample::new(47));
    assert_eq!(linked.actor, actor(5));
    let evidence = &linked.evidence[0];
    assert_eq!(
        evidence.detail,
        "same address 198.51.100.7, 42 seconds after trip 00000001-5"
    );
    assert_eq!((evidence.grade, evidence.to), (Grade::A1, Some(actor(5).0)));
    // the newest trip is the one linked to, and carries the actor on
    let linked = memory.trip(&Sample::new(48));
    assert_eq!(linked.actor, actor(5));
    assert_eq!(
        linked.evidence[0].detail,
        "same address 198.51.100.7, 1 second after trip 00000001-47"
    );
    let other = memory.trip(&Sample::new(49).from("198.51.100.8"));
    assert_eq!(other.actor, actor(49));
}

#[test]
fn the_window_has_two_exact_edges() {
    for (later, expected) in [(DAY + 1, actor(1)), (DAY + 2, actor(DAY + 2))] {
        let mut memory = Memory::default();
        memory.trip(&Sample::new(1));
        assert_eq!(memory.trip(&Sample::new(later)).actor, expected);
    }
    let mut memory = Memory::default();
    memory.trip(&Sample::new(1));
    let mut late = Sample::new(DAY + 1);
    late.trip.observed.time = Timestamp::from_micros(late.trip.observed.time.micros() + 1);
    assert_eq!(memory.trip(&late).actor, actor(DAY + 1));
    // another station's journal may be ahead
    for (earlier, expected) in [(5, actor(DAY + 5)), (4, actor(4))] {
        let mut memory = Memory::default();
        memory.trip(&Sample::new(DAY + 5));
        let linked = memory.trip(&Sample::new(earlier));
        assert_eq!(linked.actor, expected);
        if earlier == 5 {
            assert!(
                linked.evidence[0]
                    .detail
                    .contains("86400 seconds before trip")
            );
        }
    }
    // the window is between neighbours: an actor may last longer
    let mut memory = Memory::default();
    for step in 0..4 {
        assert_eq!(memory.trip(&Sample::new(1 + step * DAY)).actor, actor(1));
    }
}

#[test]
fn ipv6_is_compared_by_its_64() {
    let mut memory = Memory::default();
    memory.trip(&Sample::new(1).from("2001:db8:1:2:aaaa::1"));
    let linked = memory.trip(&Sample::new(2).from("2001:db8:1:2:bbbb::9"));
    assert_eq!(linked.actor, actor(1));
    assert!(linked.evidence[0].detail.contains("2001:db8:1:2::/64"));
    let other = memory.trip(&Sample::new(3).from("2001:db8:1:3::1"));
    assert_eq!(other.actor, actor(3));
    // an IPv4-mapped address is that IPv4 address
    memory.trip(&Sample::new(4));
    let mapped = memory.trip(&Sample::new(5).from("::ffff:198.51.100.7"));
    assert_eq!(mapped.actor, actor(4));
}

#[test]
fn the_proxys_word_for_the_address_counts() {
    let mut memory = Memory::default();
    let mut behind = |sequence, client: &str| {
        let mut sample = Sample::new(sequence).from("127.0.0.1");
        sample.trip.observed.forwarded = Some(client.parse().unwrap());
        sample.network.special = None;
        memory.trip(&sample)
    };
    behind(1, "203.0.113.5:1");
    assert_eq!(behind(2, "203.0.113.6:1").actor, actor(2));
    let linked = behind(3, "203.0.113.5:2");
    assert_eq!(linked.actor, actor(1));
    assert!(linked.evidence[0].detail.contains("operator's own proxy"));
}

#[test]
fn a_program_links_across_addresses() {
    let mut memory = Memory::default();
    memory.trip(&Sample::new(1).print("aa11").agent("rare/1"));
    let linked = memory.trip(
        &Sample::new(2)
            .print("aa11")
            .agent("rare/1")
            .from("203.0.113.9"),
    );
    assert_eq!(linked.actor, actor(1));
    assert_eq!(linked.evidence[0].signal, "fingerprint");
    assert_eq!(linked.evidence[0].grade, Grade::B3);
    // no fingerprint is not a fingerprint in common
    let mut memory = Memory::default();
    memory.trip(&Sample::new(1));
    assert_eq!(
        memory.trip(&Sample::new(2).from("203.0.113.9")).actor,
        actor(2)
    );
}

#[test]
fn a_program_that_many_use_is_said_to_be_weak() {
    let mut memory = Memory::default();
    memory.trip(&Sample::new(1).print("aa11").agent("curl/8.5.0"));
    let linked = memory.trip(
        &Sample::new(2)
            .print("aa11")
            .agent("curl/8.5.0")
            .from("203.0.113.9"),
    );
    let evidence = &linked.evidence[0];
    assert_eq!(evidence.grade, Grade::E4);
    assert!(evidence.detail.contains("weak: it calls itself curl"));
}

#[test]
fn an_address_beats_a_program() {
    let mut memory = Memory::default();
    memory.trip(&Sample::new(1).print("aa11"));
    memory.trip(&Sample::new(2).print("bb22").from("203.0.113.9"));
    let linked = memory.trip(&Sample::new(3).print("bb22"));
    assert_eq!(linked.actor, actor(1));
    assert_eq!(
        linked.evidence.len(),
        1,
        "the other actor's program is no evidence for this one"
    );
    let linked = memory.trip(&Sample::new(4).print("bb22"));
    let signals: Vec<&str> = linked
        .evidence
        .iter()
        .map(|one| one.signal.as_str())
        .collect();
    assert_eq!(signals, ["address", "fingerprint"]);
}

#[test]
fn a_shared_address_is_said_to_be_weak() {
    for address in ["127.0.0.1", "10.0.0.9", "100.64.1.1"] {
        let mut memory = Memory::default();
        memory.trip(&Sample::new(1).from(address));
        let linked = memory.trip(&Sample::new(2).from(address));
        assert_eq!(linked.evidence[0].grade, Grade::B3);
        assert!(linked.evidence[0].detail.contains("weak"));
    }
}

#[test]
fn drills_and_intruders_never_meet() {
    let drill = |sequence| {
        let mut sample = Sample::new(sequence).print("aa11");
        sample.drill = true;
        sample
    };
    let mut memory = Memory::default();
    memory.trip(&Sample::new(1).print("aa11"));
    let first = memory.trip(&drill(2));
    assert_eq!(first.actor, actor(2));
    assert!(first.learn.is_empty());
    assert_eq!(memory.trip(&drill(3)).actor, actor(3));
    // and what came after the drill still links to what came before it
    let linked = memory.trip(&Sample::new(4).print("aa11"));
    assert_eq!(linked.actor, actor(1));
    assert!(linked.evidence.iter().all(|one| one.to == Some(actor(1).0)));
}

#[test]
fn a_negative_window_links_nothing() {
    let mut memory = Memory::default();
    memory.trip(&Sample::new(1));
    let never = SameAddressOrProgram { window_seconds: -1 };
    let sample = Sample::new(1);
    assert_eq!(never.link(&sample.facts(), &memory).actor, actor(1));
    assert_eq!(
        never.link(&sample.facts(), &memory).evidence[0].signal,
        "first"
    );
}

#[test]
fn a_look_up_and_what_follows_it_are_one_use() {
    let mut memory = Memory::default();
    let looked_up = memory.trip(&Sample::new(10).looked_up("192.0.2.53", 0));
    assert_eq!(looked_up.actor, actor(10));
    assert!(looked_up.learn.iter().all(|(signal, _)| signal != ADDRESS));
    // By another resolver of the same service, and the other type.
    let again = memory.trip(&Sample::new(11).looked_up("192.0.2.54", 0));
    assert_eq!(again.actor, actor(10));
    let used = memory.trip(&Sample::new(12));
    assert_eq!(used.actor, actor(10));
    assert_eq!(
        used.evidence[0].detail,
        "the bait was used whose name a resolver looked up, 1 second after trip 00000001-11"
    );
    // Too late to be the same use.
    let mut memory = Memory::default();
    memory.trip(&Sample::new(10).looked_up("192.0.2.53", 0));
    assert_eq!(memory.trip(&Sample::new(400)).actor, actor(400));
    // The resolver is nobody: what it asks for another canary is not the same hand.
    let mut other = Sample::new(401).looked_up("192.0.2.53", 0);
    other.trip.canary = lapwing_core::CanaryId::from_bytes([8; 16]);
    assert_eq!(memory.trip(&other).actor, actor(401));
}
