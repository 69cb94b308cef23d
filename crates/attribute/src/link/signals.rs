//! What sessions are compared by: each signal with its group, and how far it can be trusted.
//!
//! What the peer says is kept as keyed digests only: enough to tell equal from different, useless to whoever reads
//! the index, and gone with the journal's own copy as far as anybody can read it.

use std::collections::BTreeSet;

use lapwing_core::phrase::{Phrase, link as say};
use lapwing_core::{Claims, Grade, Group, NetworkClass};

use super::network;
use crate::facts::TripFacts;
use crate::{systems, tools};

/// One way in which sessions can be alike.
#[derive(Debug)]
pub(super) struct Signal {
    pub(super) name: &'static str,
    pub(super) group: Group,
    pub(super) grade: Grade,
    /// Of two sessions of one hand that both have it: how many are equal in it.
    pub(super) agree: f64,
    /// How many hands share any one value, as long as one's own log does not tell.
    pub(super) common: f64,
    /// The most that it can weigh, in bits.
    pub(super) most: f64,
    /// Whether differing in it speaks against one hand.
    pub(super) against: bool,
    /// Whether sessions are looked up by it. Of those equal only in other signals nobody would say that they are one.
    pub(super) found_by: bool,
    /// What is said of it where it is equal.
    pub(super) words: Phrase,
}

const fn signal(name: &'static str, group: Group, grade: Grade, words: Phrase) -> Signal {
    Signal {
        name,
        group,
        grade,
        agree: 0.6,
        common: 0.05,
        most: 6.0,
        against: false,
        found_by: true,
        words,
    }
}

pub(super) const ADDRESS: &str = "address";
pub(super) const BLOCK: &str = "block";
pub(super) const SYSTEM: &str = "system";
pub(super) const SERVICE: &str = "service";
pub(super) const FINGERPRINT: &str = "fingerprint";
pub(super) const FAMILY: &str = "family";
pub(super) const SYN: &str = "syn";
pub(super) const KEY: &str = "key";
pub(super) const CANARY: &str = "canary";
pub(super) const PLACE: &str = "place";

/// All of them. The numbers are judgements, held against the simulated families in `examples/linking`; how often a
/// value is seen in one's own log soon outweighs `common`.
pub(super) const SIGNALS: &[Signal] = &[
    Signal {
        agree: 0.5,
        common: 0.0001,
        most: 9.0,
        ..signal(ADDRESS, Group::Network, Grade::A1, say::SAME_ADDRESS)
    },
    Signal {
        agree: 0.55,
        common: 0.003,
        most: 5.0,
        ..signal(BLOCK, Group::Network, Grade::B3, say::SAME_BLOCK)
    },
    Signal {
        agree: 0.65,
        common: 0.04,
        most: 1.5,
        against: true,
        found_by: false,
        ..signal(SYSTEM, Group::Network, Grade::B3, say::SAME_SYSTEM)
    },
    Signal {
        agree: 0.98,
        common: 0.03,
        most: 9.0,
        ..signal(SERVICE, Group::Network, Grade::B3, say::SAME_SERVICE)
    },
    Signal {
        agree: 0.95,
        common: 0.0001,
        most: 12.0,
        against: true,
        ..signal(KEY, Group::Identity, Grade::A1, say::SAME_KEY)
    },
    Signal {
        agree: 0.9,
        common: 0.01,
        against: true,
        ..signal("machine", Group::Identity, Grade::E4, say::SAME_MACHINE)
    },
    Signal {
        agree: 0.6,
        common: 0.01,
        most: 7.0,
        against: true,
        ..signal(FINGERPRINT, Group::Program, Grade::B3, say::SAME_HABITS)
    },
    Signal {
        agree: 0.7,
        against: true,
        ..signal("ja4", Group::Program, Grade::B3, say::SAME_HANDSHAKE)
    },
    Signal {
        agree: 0.7,
        common: 0.1,
        found_by: false,
        ..signal("h2", Group::Program, Grade::B3, say::SAME_BEGINNING)
    },
    Signal {
        agree: 0.7,
        common: 0.08,
        found_by: false,
        ..signal("h1", Group::Program, Grade::B3, say::SAME_FIELDS)
    },
    Signal {
        agree: 0.75,
        common: 0.1,
        against: true,
        ..signal("hassh", Group::Program, Grade::B3, say::SAME_SSH)
    },
    Signal {
        // Of the program's group, though it is the system's: who uses one program mostly does so on one system.
        agree: 0.8,
        common: 0.35,
        most: 3.0,
        found_by: false,
        ..signal(SYN, Group::Program, Grade::B3, say::SAME_SYN)
    },
    Signal {
        agree: 0.65,
        common: 0.01,
        most: 5.5,
        ..signal("agent", Group::Program, Grade::E4, say::SAME_NAME)
    },
    Signal {
        // Of those whose habits differ otherwise: a newer version, or another machine.
        agree: 0.2,
        common: 0.1,
        most: 3.0,
        found_by: false,
        ..signal(FAMILY, Group::Program, Grade::E4, say::SAME_FAMILY)
    },
    Signal {
        agree: 0.3,
        common: 0.02,
        ..signal("payload", Group::Payload, Grade::E4, say::SAME_PAYLOAD)
    },
    Signal {
        agree: 0.3,
        common: 0.2,
        most: 3.0,
        found_by: false,
        ..signal("call", Group::Payload, Grade::E4, say::SAME_CALL)
    },
    Signal {
        agree: 0.7,
        common: 0.03,
        most: 5.0,
        ..signal(CANARY, Group::Bait, Grade::A1, say::SAME_BAIT)
    },
    Signal {
        agree: 0.8,
        common: 0.04,
        most: 5.0,
        ..signal(PLACE, Group::Bait, Grade::A1, say::SAME_PLACE)
    },
    Signal {
        agree: 0.9,
        common: 0.3,
        most: 1.5,
        against: true,
        found_by: false,
        ..signal("language", Group::Locale, Grade::E4, say::SAME_LANGUAGES)
    },
    Signal {
        agree: 0.3,
        common: 0.01,
        most: 1.0,
        ..signal("forwarded", Group::Claim, Grade::E4, say::SAME_FORWARDED)
    },
];

/// One soon after the other.
pub(super) const PACE: Signal = signal("pace", Group::Pace, Grade::B3, say::NEIGHBOURS);

/// The signal of this name.
pub(super) fn find(name: &str) -> Option<&'static Signal> {
    SIGNALS.iter().find(|signal| signal.name == name)
}

/// Values taken of one signal at most.
const VALUES: usize = 8;
/// What clients of databases and mail say of the machine they run on, by the names that protocols have for it.
const MACHINE: &[&str] = &[
    "_os_user",
    "os_user",
    "os_sudouser",
    "workstation",
    "hostname",
    "client_id",
    "helo",
    "ehlo",
];
/// Captures that say nothing of their sender: bait itself, or what decoys made.
const NOT_SENT: &[&str] = &["login.", "dns.", "sms.id", "mail.size", "mail.recipients"];

/// Digests under a key what is only compared: 32 lower hex digits.
pub(super) type Digest = dyn Fn(&str) -> String + Send + Sync;

/// Signals and values of a trip, sorted.
pub(super) fn traits(facts: &TripFacts<'_>, digest: &Digest) -> Vec<(String, String)> {
    let observed = &facts.trip.observed;
    let mut found = BTreeSet::new();
    let mut add = |signal: &str, value: String| found.insert((signal.to_owned(), value));
    add(CANARY, facts.trip.canary.to_string());
    if let Some(place) = facts.place {
        add(PLACE, digest(place));
    }
    if observed.is_relayed() {
        return found.into_iter().collect();
    }
    if observed.knows_source() {
        let source = observed.source().ip();
        add(ADDRESS, network::address(source));
        add(BLOCK, network::block(source));
        if let Some(number) = facts.network.asn {
            add(SYSTEM, number.to_string());
        }
        if let Some(service) = service(facts) {
            add(SERVICE, service);
        }
    }
    // What an application asks with is the application's program.
    if observed.observer.is_none() {
        if !observed.fingerprint.is_empty() {
            add(FINGERPRINT, observed.fingerprint.clone());
        }
        for name in ["ja4", "h2", "h1", "hassh"] {
            if let Some(value) = observed.signals.get(name) {
                add(name, value.clone());
            }
        }
        if let Some(system) = { observed.signals.get(SYN) }.and_then(|it| systems::lasting(it)) {
            add(SYN, system);
        }
    }
    if let Some(claims) = &facts.trip.claims {
        let mut say = |signal: &str, value: &str| {
            add(signal, digest(&format!("{signal}\n{value}")));
        };
        said(facts, claims, &mut say);
    }
    found.into_iter().collect()
}

fn said(facts: &TripFacts<'_>, claims: &Claims, say: &mut dyn FnMut(&str, &str)) {
    let why = "digested, to be compared with itself";
    if let Some(agent) = facts.agent() {
        say("agent", agent);
        say(FAMILY, &family(agent));
    }
    for (name, value) in &claims.headers {
        let value = value.open(why);
        if name.eq_ignore_ascii_case("accept-language") {
            say("language", &value.to_ascii_lowercase());
        } else if MACHINE.iter().any(|known| name.eq_ignore_ascii_case(known)) {
            say(
                "machine",
                &format!("{}\n{value}", name.to_ascii_lowercase()),
            );
        }
    }
    for (name, value) in claims.forwarding.iter().take(VALUES) {
        let is_chain = ["x-forwarded-for", "forwarded", "x-real-ip", "client-ip"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known));
        if is_chain {
            say("forwarded", value.open(why).trim());
        }
    }
    for (name, values) in &claims.captured {
        let key = name == "login.key" || name.ends_with(".key") && name.starts_with("wireguard");
        if !key && NOT_SENT.iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        for value in values.open(why).iter().take(VALUES) {
            let signal = match (key, is_common(value)) {
                (true, _) => KEY,
                (false, true) => "call",
                (false, false) => "payload",
            };
            say(signal, &format!("{name}\n{value}"));
        }
    }
}

/// Whether a text is one that many send, as `SELECT version()`: short, and without a number of its own.
fn is_common(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    text.len() < 40 && digits < 6 && !text.contains('@')
}

/// A program's name without what changes from version to version.
fn family(agent: &str) -> String {
    let bytes = agent.chars().take(512);
    let mut out = String::new();
    for c in bytes {
        let c = if c.is_ascii_digit() { '0' } else { c };
        let goes_on = out.ends_with('0') && matches!(c, '0' | '.');
        if !goes_on {
            out.push(c);
        }
    }
    out
}

/// Whose network it is, if that is a service which does the asking itself.
fn service(facts: &TripFacts<'_>) -> Option<String> {
    let mut lists = facts.network.lists.iter();
    let listed = lists.find(|listed| {
        matches!(
            listed.class,
            NetworkClass::Scanner | NetworkClass::Crawler | NetworkClass::Preview
        )
    })?;
    Some(format!("{} {}", listed.class.word(), listed.name))
}

/// Which values of a trip many people have, because they use a program as it comes: being alike in them says little.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stock {
    /// What the program calls itself, and its habits as a whole.
    named: bool,
    /// How it speaks TLS and HTTP, which is a library's.
    spoken: bool,
    /// How it begins a connection, which is a system's.
    begun: bool,
}

impl Stock {
    pub(super) fn of(facts: &TripFacts<'_>) -> Self {
        Self {
            named: facts.program().is_some(),
            spoken: tools::is_known(facts.trip),
            begun: systems::seen(facts.trip).is_some(),
        }
    }

    pub(super) fn has(self, signal: &str) -> bool {
        match signal {
            // Whoever calls itself curl and speaks as no curl known here is a curl that is not known here.
            "ja4" | "h2" | "h1" => self.spoken || self.named,
            SYN => self.begun,
            _ => self.named,
        }
    }
}
