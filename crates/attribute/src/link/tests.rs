//! What links, what does not, and how it says so.

use std::collections::HashMap;

use lapwing_core::{
    CanaryId, Case, Claimed, Decision, Hands, Likelihood, Listed, NetworkClass, Verb,
};

use super::*;
use crate::Earlier;
use crate::said::spanish;
use crate::samples::Sample;

const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;

/// A memory as the caller keeps it.
#[derive(Default)]
struct Kept {
    signals: HashMap<(String, String), Seen>,
    notes: HashMap<String, String>,
    hands: Hands,
    sessions: Vec<(TripId, ActorId)>,
}

impl Signals for Kept {
    fn get(&self, signal: &str, value: &str) -> Option<Seen> {
        self.signals
            .get(&(signal.to_owned(), value.to_owned()))
            .copied()
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

impl Kept {
    fn trip(&mut self, sample: &Sample) -> Linked {
        let linker = Scored::new(|said| format!("<{said}>"));
        let earlier = Earlier::of(&sample.trip, self);
        let facts = TripFacts {
            earlier,
            ..sample.facts()
        };
        let linked = linker.link(&facts, self);
        assert_eq!(linked, linker.link(&facts, self), "the same again");
        let seen = Seen {
            actor: linked.actor,
            trip: linked.session,
            time: sample.trip.observed.time,
        };
        for signal in linked.learn.clone() {
            self.signals.insert(signal, seen);
        }
        self.notes.extend(linked.notes.clone());
        for (one, other) in &linked.joins {
            self.hands.join(*one, *other);
        }
        self.sessions.push((linked.session, linked.actor));
        for one in &linked.evidence {
            spanish(&one.detail);
        }
        linked
    }

    /// Whose a trip's session is now.
    fn whose(&self, linked: &Linked) -> ActorId {
        self.hands.of(linked.actor, Some(linked.session))
    }

    fn case(&self, actor: ActorId) -> Case {
        let mut sessions = Vec::new();
        for (id, of) in &self.sessions {
            let note = |name: &str| Ok::<_, std::convert::Infallible>(self.note(name));
            let known = sessions
                .iter()
                .any(|one: &lapwing_core::Session| one.id == *id);
            if !known && self.hands.of(*of, Some(*id)) == actor {
                sessions.extend(session(*id, note).unwrap());
            }
        }
        let case = case_of(actor, &sessions, &self.hands, false);
        for text in case.alternatives.iter().chain(&case.would_change) {
            spanish(text);
        }
        let edges = case.links.iter().chain(&case.rivals);
        for one in edges.flat_map(|(_, edge)| &edge.evidence) {
            spanish(&one.detail);
        }
        case
    }
}

fn actor(sequence: u64) -> ActorId {
    ActorId(Sample::new(sequence).trip.id)
}

impl Sample {
    /// With another canary.
    fn bait(mut self, number: u8) -> Self {
        self.trip.canary = CanaryId::from_bytes([number; 16]);
        self
    }

    fn stands(mut self, place: &'static str) -> Self {
        self.place = Some(place);
        self
    }

    fn listed(mut self, class: NetworkClass) -> Self {
        let name = "a list".to_owned();
        self.network.lists = vec![Listed { class, name }];
        self
    }

    fn system(mut self, number: u32) -> Self {
        self.network.asn = Some(number);
        self
    }

    fn says(mut self, name: &str, value: &str) -> Self {
        let claims = self.trip.claims.get_or_insert_default();
        let value = Claimed::new(value.to_owned());
        claims.headers.push((name.to_owned(), value));
        self
    }

    fn sends(mut self, name: &str, value: &str) -> Self {
        let claims = self.trip.claims.get_or_insert_default();
        let value = Claimed::new(vec![value.to_owned()]);
        claims.captured.insert(name.to_owned(), value);
        self
    }
}

#[test]
fn the_first_trip_names_the_actor_and_claims_nothing() {
    let mut kept = Kept::default();
    let linked = kept.trip(&Sample::new(5));
    assert_eq!(linked.actor, actor(5));
    assert_eq!(linked.session, actor(5).0);
    assert_eq!(linked.evidence[0].signal, "first");
    assert_eq!(linked.evidence[0].to, None);
    let case = kept.case(actor(5));
    assert_eq!((case.sessions, case.likelihood), (1, None));
    assert!(case.links.is_empty() && case.bridges.is_empty());
}

#[test]
fn trips_of_one_go_are_one_session() {
    let mut kept = Kept::default();
    kept.trip(&Sample::new(5));
    let again = kept.trip(&Sample::new(47));
    assert_eq!((again.actor, again.session), (actor(5), actor(5).0));
    assert_eq!(
        again.evidence[0].detail,
        "same bait, network and program within the same stretch of time, 42 seconds after trip 00000001-5"
    );
    let later = kept.trip(&Sample::new(47 + 31 * MINUTE));
    assert_eq!(later.actor, actor(5), "the address links it");
    assert_eq!(later.session, actor(47 + 31 * MINUTE).0);
    let detail = &later.evidence[0].detail;
    assert!(
        detail.starts_with("same address 198.51.100.7, 31 minutes after trip 00000001-5"),
        "{detail}"
    );
}

#[test]
fn no_sort_of_evidence_alone_is_more_than_likely() {
    // nothing in common but an address, a key, a script, or what was sent
    let pairs: [(Sample, Sample); 4] = [
        (Sample::new(1).bait(1), Sample::new(90).bait(2)),
        (
            Sample::new(1).bait(1).sends("login.key", "SHA256:aa"),
            Sample::new(90)
                .bait(2)
                .from("203.0.113.9")
                .sends("login.key", "SHA256:aa"),
        ),
        (
            Sample::new(1).bait(1).print("aa").agent("own-script/1"),
            Sample::new(90)
                .bait(2)
                .from("203.0.113.9")
                .print("aa")
                .agent("own-script/1"),
        ),
        (
            Sample::new(1).bait(1).sends("sms.to", "+15550100"),
            Sample::new(90)
                .bait(2)
                .from("203.0.113.9")
                .sends("sms.to", "+15550100"),
        ),
    ];
    for (one, other) in pairs {
        let mut kept = Kept::default();
        kept.trip(&one);
        kept.trip(&other);
        for (id, _) in kept.sessions.clone() {
            let note = |name: &str| Ok::<_, std::convert::Infallible>(kept.note(name));
            for edge in session(id, note).unwrap().unwrap().edges {
                assert!(edge.likelihood().per_mille() < 800, "{edge:?}");
            }
        }
    }
}

#[test]
fn two_sorts_of_evidence_are_very_likely_one_hand() {
    let mut kept = Kept::default();
    kept.trip(&Sample::new(1).bait(1).print("aa").agent("own-script/1"));
    let linked = kept.trip(&Sample::new(4000).bait(2).print("aa").agent("own-script/1"));
    assert_eq!(linked.actor, actor(1));
    let case = kept.case(actor(1));
    assert_eq!(case.likelihood.map(Likelihood::words), Some("very likely"));
    assert_eq!(case.confidence, lapwing_core::Confidence::Moderate);
    let sum: i32 = case.links[0]
        .1
        .evidence
        .iter()
        .map(|one| one.centibits)
        .sum();
    assert!(
        case.prior + sum >= case.links[0].1.centibits,
        "what is shown adds up"
    );
}

#[test]
fn what_the_client_says_alone_stays_low() {
    let mut kept = Kept::default();
    let said = |number: u64, address: &str| {
        Sample::new(number)
            .bait(number as u8)
            .from(address)
            .says("workstation", "WS-7")
            .sends("sms.to", "+15550100")
    };
    kept.trip(&said(1, "203.0.113.9"));
    kept.trip(&said(2, "198.51.100.7"));
    let case = kept.case(actor(1));
    assert_eq!(case.confidence, lapwing_core::Confidence::Low);
    assert!(case.likelihood.unwrap().per_mille() < 800);
}

#[test]
fn a_shared_exit_links_nobody_by_itself() {
    for class in [
        NetworkClass::Vpn,
        NetworkClass::Relay,
        NetworkClass::Gateway,
    ] {
        let mut kept = Kept::default();
        kept.trip(&Sample::new(1).bait(1).listed(class));
        let other = kept.trip(&Sample::new(2).bait(2).listed(class));
        assert_eq!(other.actor, actor(2), "{class:?}");
    }
    // and what a carrier translates
    let mut kept = Kept::default();
    kept.trip(&Sample::new(1).bait(1).from("100.64.3.4"));
    assert_eq!(
        kept.trip(&Sample::new(2).bait(2).from("100.64.3.4")).actor,
        actor(2)
    );
}

#[test]
fn an_address_is_worth_less_as_time_passes() {
    for (later, same) in [(DAY, true), (40 * DAY, false)] {
        let mut kept = Kept::default();
        kept.trip(&Sample::new(1).bait(1));
        let linked = kept.trip(&Sample::new(1 + later).bait(2));
        assert_eq!(linked.actor == actor(1), same, "after {later} s");
    }
    // a script's habits are not
    let mut kept = Kept::default();
    let script = |at: u64, address: &str| {
        Sample::new(at)
            .bait(1)
            .from(address)
            .print("aa")
            .agent("own-script/1")
    };
    kept.trip(&script(1, "198.51.100.7"));
    let linked = kept.trip(&script(200 * DAY, "203.0.113.9"));
    assert_eq!(linked.actor, actor(1));
}

#[test]
fn programs_as_they_come_say_little_and_rare_ones_much() {
    let curl = |at: u64, address: &str, bait: u8| {
        let sample = Sample::new(at).bait(bait).from(address);
        sample.print("cc").agent("curl/8.5.0")
    };
    let mut kept = Kept::default();
    kept.trip(&curl(1, "198.51.100.7", 1));
    assert_eq!(kept.trip(&curl(2, "203.0.113.9", 2)).actor, actor(2));
    // nor does a script alone that nobody else has: it may have been passed on
    let script = |at: u64, address: &str, bait: u8| {
        let sample = Sample::new(at).bait(bait).from(address);
        sample.print("aa").agent("own-script/1")
    };
    let mut kept = Kept::default();
    kept.trip(&script(1, "198.51.100.7", 1));
    assert_eq!(kept.trip(&script(2, "203.0.113.9", 2)).actor, actor(2));
    // with bait from one place it does
    let with_bait = |at, address, bait| script(at, address, bait).stands("/srv/.env");
    let mut kept = Kept::default();
    kept.trip(&with_bait(1, "198.51.100.7", 1));
    assert_eq!(kept.trip(&with_bait(2, "203.0.113.9", 2)).actor, actor(1));
    // but not if many in one's own log have both
    let mut kept = Kept::default();
    kept.trip(&with_bait(1, "198.51.100.7", 1));
    for (name, note) in &mut kept.notes {
        if name.starts_with("v/") {
            *note = note.replace("\"hands\":1", "\"hands\":50");
        } else if name.starts_with("n/") {
            *note = "60".to_owned();
        }
    }
    assert_eq!(kept.trip(&with_bait(2, "203.0.113.9", 2)).actor, actor(2));
}

#[test]
fn a_system_that_many_use_ties_nobody() {
    let from = |at: u64, address: &str, packet: &str| {
        let mut sample = Sample::new(at).bait(1).stands("/srv/.env").from(address);
        let signals = [("syn".to_owned(), packet.to_owned())];
        sample.trip.observed.signals = signals.into();
        sample
    };
    for packet in [
        "4:55+9:0:1460:64240,7:mss,sok,ts,nop,ws:df,id+:0",
        "4:252+3:0:1460:1024,0:mss::0",
    ] {
        let mut kept = Kept::default();
        kept.trip(&from(1, "198.51.100.7", packet));
        let other = kept.trip(&from(4000, "203.0.113.9", packet));
        assert_eq!(other.actor, actor(4000), "{packet}");
    }
    // Beside what does tie, it is said, whatever the way from there was.
    let script = |at, address, packet| from(at, address, packet).says("workstation", "WS-7");
    let mut kept = Kept::default();
    let [near, far] = [
        "4:61+3:0:1460:1024,0:mss::0",
        "4:45+19:0:1460:1024,0:mss::0",
    ];
    kept.trip(&script(1, "198.51.100.7", near));
    kept.trip(&script(4000, "203.0.113.9", far));
    let case = kept.case(actor(1));
    let evidence = &case.links[0].1.evidence;
    assert!(
        evidence
            .iter()
            .any(|one| one.signal == "syn" && one.centibits > 0),
        "{evidence:?}"
    );
}

#[test]
fn two_keys_are_two_actors_and_who_shows_none_may_be_either() {
    let script = |at: u64, address: &str| {
        let sample = Sample::new(at).bait(1).from(address).print("aa");
        let sample = sample.agent("own-script/1");
        sample.sends("sms.to", "+15550100")
    };
    let with = |at, address, key: &str| script(at, address).sends("login.key", key);
    let mut kept = Kept::default();
    kept.trip(&with(1, "198.51.100.7", "SHA256:aa"));
    let other = kept.trip(&with(4000, "203.0.113.9", "SHA256:bb"));
    assert_eq!(other.actor, actor(4000), "another key");
    let same = kept.trip(&with(8000, "2001:db8:7::1", "SHA256:bb"));
    assert_eq!(same.actor, actor(4000), "the same key");
    let neither = kept.trip(&script(12_000, "192.0.2.99"));
    let note = |name: &str| Ok::<_, std::convert::Infallible>(kept.note(name));
    let found = session(neither.session, note).unwrap().unwrap();
    let best = &found.edges[0];
    assert!(best.likelihood().per_mille() < 800, "{best:?}");
    let rivals = best.evidence.iter().find(|one| one.signal == "rivals");
    assert!(rivals.is_some_and(|one| one.centibits < 0), "{best:?}");
    assert!(kept.hands.of(actor(1), None) != kept.hands.of(actor(4000), None));
}

#[test]
fn another_program_at_the_same_line_is_likely_at_most() {
    let at_home = |at: u64, print: &str, agent: &str| {
        Sample::new(at)
            .bait(1)
            .stands("/srv/.env")
            .print(print)
            .agent(agent)
    };
    for (print, agent, words) in [
        ("aa", "own-script/1", "very likely"),
        ("bb", "another/2", "likely"),
    ] {
        let mut kept = Kept::default();
        kept.trip(&at_home(1, "aa", "own-script/1"));
        let linked = kept.trip(&at_home(4000, print, agent));
        assert_eq!(linked.actor, actor(1));
        let stated = kept.case(actor(1)).likelihood.map(Likelihood::words);
        assert!(
            stated
                .is_some_and(|stated| stated == words
                    || words == "very likely" && stated == "almost certain"),
            "{stated:?}"
        );
    }
}

#[test]
fn a_script_and_its_bait_may_be_passed_on_together() {
    let script = |at: u64, address: &str| {
        let sample = Sample::new(at).bait(1).stands("/srv/.env").from(address);
        sample.print("aa").agent("own-script/1")
    };
    let stated = |second: Sample| {
        let mut kept = Kept::default();
        kept.trip(&script(1, "198.51.100.7").sends("sms.to", "+15550100"));
        assert_eq!(kept.trip(&second).actor, actor(1));
        kept.case(actor(1)).likelihood.map(Likelihood::words)
    };
    assert_eq!(stated(script(4000, "203.0.113.9")), Some("likely"));
    let more = script(4000, "203.0.113.9").sends("sms.to", "+15550100");
    assert_eq!(stated(more), Some("almost certain"));
}

#[test]
fn what_differs_counts_against() {
    let with = |at: u64, key: &str| Sample::new(at).bait(at as u8).sends("login.key", key);
    let mut kept = Kept::default();
    kept.trip(&with(1, "SHA256:aa"));
    let other = kept.trip(&with(2, "SHA256:bb"));
    let note = |name: &str| Ok::<_, std::convert::Infallible>(kept.note(name));
    let found = session(other.session, note).unwrap().unwrap();
    let against = found.edges[0]
        .evidence
        .iter()
        .find(|one| one.signal == "key");
    let against = against.expect("another key is weighed");
    assert!(against.centibits < -200);
    assert_eq!(against.detail, "not the same public key offered");
}

#[test]
fn a_session_that_ties_two_actors_joins_them() {
    let mut kept = Kept::default();
    let script = |at: u64, bait: u8, address: &str| {
        let sample = Sample::new(at)
            .bait(bait)
            .from(address)
            .system(u32::from(bait));
        let sample = sample.listed(NetworkClass::Cloud).stands("/srv/.env");
        sample.print("aa").agent("own-script/1")
    };
    let first = kept.trip(&script(1, 1, "198.51.100.7"));
    let second = kept.trip(
        &Sample::new(9000)
            .bait(2)
            .from("203.0.113.9")
            .listed(NetworkClass::Cloud)
            .sends("login.key", "SHA256:aa"),
    );
    assert_ne!(first.actor, second.actor);
    let both = script(10_000, 2, "203.0.113.9").sends("login.key", "SHA256:aa");
    let tie = kept.trip(&both);
    assert_eq!(kept.whose(&first), kept.whose(&tie));
    assert_eq!(kept.whose(&second), kept.whose(&tie), "{:?}", tie.joins);
    assert_eq!(kept.whose(&tie), actor(1), "the older one's name stays");
    let case = kept.case(actor(1));
    assert_eq!((case.sessions, case.links.len()), (3, 2));
    assert_eq!(case.bridges.len(), 2, "each link holds it together alone");
}

#[test]
fn what_the_operator_took_apart_stays_apart() {
    let mut kept = Kept::default();
    let script = |at: u64| Sample::new(at).bait(1).print("aa").agent("own-script/1");
    kept.trip(&script(1));
    let second = kept.trip(&script(4000));
    assert_eq!(second.actor, actor(1));
    let split = Decision {
        time: Sample::new(4001).trip.observed.time,
        verb: Verb::Split {
            actor: actor(1),
            sessions: vec![second.session],
            reason: "a colleague's test".to_owned(),
            by: "admin".to_owned(),
        },
    };
    kept.hands = Hands::new([], &[split], None);
    assert_eq!(kept.whose(&second), actor(4000));
    let third = kept.trip(&script(8000));
    assert!(third.joins.is_empty());
    assert_ne!(
        kept.hands.of(actor(1), None),
        kept.whose(&second),
        "never joined again"
    );
}

#[test]
fn places_tie_the_bait_that_stood_there() {
    let at = |at: u64, bait: u8, place, address: &str| {
        let sample = Sample::new(at).bait(bait).stands(place).from(address);
        sample.print("aa").agent("own-script/1")
    };
    let mut kept = Kept::default();
    kept.trip(&at(1, 1, "/srv/.env", "198.51.100.7"));
    let same = kept.trip(&at(60, 2, "/srv/.env", "203.0.113.9"));
    assert_eq!(same.actor, actor(1));
    let bait = same.evidence.iter().find(|one| one.signal == "place");
    assert!(bait.is_some_and(|one| one.centibits > 200));
}

#[test]
fn notes_hold_nothing_that_the_client_said() {
    let mut kept = Kept::default();
    let linker = Scored::new(|_| "digest".to_owned());
    let sample = Sample::new(1)
        .agent("secret-agent/1")
        .says("workstation", "secret-machine")
        .sends("sms.to", "+15550100");
    let linked = linker.link(&sample.facts(), &kept);
    kept.notes.extend(linked.notes);
    let all = format!("{:?}", kept.notes);
    for said in ["secret-agent", "secret-machine", "5550100"] {
        assert!(!all.contains(said), "{said}");
    }
}

#[test]
fn drills_and_echoes_stay_apart_and_teach_nothing() {
    let mut kept = Kept::default();
    kept.trip(&Sample::new(1));
    let mut drill = Sample::new(2);
    drill.drill = true;
    let drill = kept.trip(&drill);
    assert_eq!(drill.actor, actor(2));
    assert!(drill.learn.is_empty());
    let next = kept.trip(&Sample::new(3));
    assert_eq!(next.actor, actor(1), "the drill did not end the session");
}

#[test]
fn ipv6_is_compared_by_its_64() {
    let mut kept = Kept::default();
    kept.trip(&Sample::new(1).bait(1).from("2001:470:1:2:aaaa::1"));
    let linked = kept.trip(&Sample::new(2).bait(2).from("2001:470:1:2:bbbb::9"));
    assert_eq!(linked.actor, actor(1));
    assert!(linked.evidence[0].detail.contains("2001:470:1:2::/64"));
}

#[test]
fn a_look_up_and_the_use_that_follows_are_one() {
    let mut kept = Kept::default();
    let asked = kept.trip(&Sample::new(1).looked_up("192.0.2.53", 0));
    let used = kept.trip(&Sample::new(30));
    assert_eq!(used.actor, asked.actor);
    let evidence = used.evidence.iter().find(|one| one.signal == "lookup");
    let evidence = evidence.expect("the look-up counts");
    assert!(evidence.detail.starts_with("the bait was used whose name"));
    assert_eq!(evidence.to, Some(asked.session));
    // too late to be the same use, and by somebody else who has the bait
    let late = kept.trip(&Sample::new(2 * DAY).from("203.0.113.9"));
    assert_ne!(late.actor, asked.actor);
    // the resolver is nobody: what it asks for another canary is not the same hand
    let other = kept.trip(&Sample::new(3 * DAY).bait(8).looked_up("192.0.2.53", 0));
    assert_eq!(other.actor, actor(3 * DAY));
}
