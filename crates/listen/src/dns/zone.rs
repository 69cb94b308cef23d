//! What a station is the authority for: the operator's zones, the hosts that bait carries, and the names below
//! those of them that bait puts a label of its own in front of.
//!
//! A name is answered by what stands in the zone, never by whether a canary of that name exists: below such a
//! host every name is answered alike (a wildcard, RFC 4592), and beside it no other name is.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use lapwing_core::Timestamp;

use super::answer::{Answer, Code, Data, Record, Soa};
use super::query::code;
use crate::system::System;

/// What the operator says of the zones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoneSettings {
    /// The zones, each the name that is delegated to this station.
    pub zones: Vec<String>,
    /// Public addresses of the station: what its hosts lead to.
    pub addresses: Vec<IpAddr>,
    /// Names of the name servers, as the delegation has them; empty: `ns1` and `ns2` of each zone.
    pub name_servers: Vec<String>,
    /// Hosts of the public addresses, where those are no wildcards; and the names wildcards stand below.
    pub hosts: Vec<String>,
    /// The domain that receives mail.
    pub mail_domain: String,
    /// Who takes it; empty: `mail` of its zone.
    pub mail_host: String,
    /// Who may issue certificates (CAA); empty: the zones do not say.
    pub issuers: Vec<String>,
    /// Mailbox of who answers for the zones; empty: `hostmaster` of each zone.
    pub contact: String,
}

/// The zones of a station.
#[derive(Clone, Debug, Default)]
pub struct Zones {
    apexes: HashMap<String, Arc<Apex>>,
    /// What stands in them, by name.
    nodes: HashMap<String, Vec<Record>>,
    /// Names that exist only because others stand below them.
    between: BTreeSet<String>,
    addresses: Vec<IpAddr>,
    ttl: u32,
    challenges: AcmeTexts,
}

/// The head of a zone.
#[derive(Debug)]
struct Apex {
    soa: Record,
}

/// Texts that come and go in the zones: a certificate authority looks for them (RFC 8555 section 8.4).
#[derive(Clone, Debug, Default)]
pub struct AcmeTexts(Arc<RwLock<BTreeMap<String, Vec<String>>>>);

impl AcmeTexts {
    /// Puts a text at `_acme-challenge` of `host`, beside those there are. It is answered at once.
    pub fn put(&self, host: &str, text: &str) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.entry(Self::name(host))
            .or_default()
            .push(text.to_owned());
    }

    /// Takes it away.
    pub fn remove(&self, host: &str, text: &str) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let name = Self::name(host);
        if let Some(texts) = all.get_mut(&name) {
            texts.retain(|known| known != text);
            if texts.is_empty() {
                all.remove(&name);
            }
        }
    }

    /// A wildcard is proved where its domain is.
    fn name(host: &str) -> String {
        let host = host.trim_start_matches("*.").trim_end_matches('.');
        format!("_acme-challenge.{}", host.to_ascii_lowercase())
    }

    fn texts(&self, name: &str) -> Vec<String> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.get(name).cloned().unwrap_or_default()
    }
}

/// What bait makes of a host name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// No bait carries it.
    No,
    /// Bait carries it.
    Host,
    /// Bait carries it with a label of its own in front.
    Parent,
}

impl Zones {
    /// The zones as the operator wants them, begun at `now`.
    #[must_use]
    pub fn new(settings: &ZoneSettings, system: &System, now: Timestamp) -> Self {
        let mut zones = Self {
            addresses: settings.addresses.clone(),
            // What the large hosts of zones offer; the same for all of a station's.
            ttl: [300, 600, 1800, 3600][index(system, "dns ttl", 4)],
            ..Self::default()
        };
        for apex in &settings.zones {
            zones.add(apex, settings, system, now);
        }
        for host in &settings.hosts {
            if zones.apex_of(host).is_some() && !zones.nodes.contains_key(host) {
                zones.host(host);
            }
        }
        let mail = &settings.mail_domain;
        if let Some(apex) = zones.apex_of(mail).map(|(name, _)| name.to_owned()) {
            zones.mail(mail, &apex, settings);
        }
        for name in zones.nodes.keys() {
            let above = ancestors(name).skip(1);
            let above = above.take_while(|name| !zones.apexes.contains_key(*name));
            zones.between.extend(above.map(str::to_owned));
        }
        zones
    }

    /// Whether there are any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.apexes.is_empty()
    }

    /// The texts that come and go in them.
    #[must_use]
    pub fn challenges(&self) -> AcmeTexts {
        self.challenges.clone()
    }

    fn add(&mut self, apex: &str, settings: &ZoneSettings, system: &System, now: Timestamp) {
        let own = [format!("ns1.{apex}"), format!("ns2.{apex}")];
        let servers: &[String] = match &settings.name_servers[..] {
            [] => &own,
            named => named,
        };
        let contact = match settings.contact.split_once('@') {
            // A dot in the mailbox is escaped (RFC 1035 section 8): names here have none.
            Some((user, domain)) if !user.contains('.') => format!("{user}.{domain}"),
            _ => format!("hostmaster.{apex}"),
        };
        let timers = [
            (7200, 900, 1_209_600),
            (10_800, 3600, 604_800),
            (3600, 600, 604_800),
            (86_400, 7200, 2_419_200),
        ][index(system, "dns timers", 4)];
        let negative = [300, 1800, 3600][index(system, "dns negative", 3)];
        let soa = Soa {
            server: servers[0].clone(),
            contact,
            serial: serial(system, now),
            refresh: timers.0,
            retry: timers.1,
            expire: timers.2,
            minimum: negative,
        };
        let soa = self.record(apex, Data::Soa(Box::new(soa)));
        let mut records = vec![soa.clone()];
        records.extend((servers.iter()).map(|name| self.record(apex, Data::Ns(name.clone()))));
        records.extend(self.addressed(apex));
        records
            .extend((settings.issuers.iter()).map(|it| self.record(apex, Data::Caa(it.clone()))));
        self.nodes.insert(apex.to_owned(), records);
        self.apexes.insert(apex.to_owned(), Arc::new(Apex { soa }));
        for server in servers {
            if self.apex_of(server).is_some() && !self.nodes.contains_key(server) {
                self.host(server);
            }
        }
    }

    /// RFC 5321 section 5.1, RFC 7208.
    fn mail(&mut self, domain: &str, apex: &str, settings: &ZoneSettings) {
        let host = match settings.mail_host.as_str() {
            "" => format!("mail.{apex}"),
            named => named.to_owned(),
        };
        if self.apex_of(&host).is_some() && !self.nodes.contains_key(&host) {
            self.host(&host);
        }
        let records = [
            self.record(domain, Data::Mx(10, host)),
            self.record(domain, Data::Txt("v=spf1 mx -all".to_owned())),
        ];
        self.nodes
            .entry(domain.to_owned())
            .or_default()
            .extend(records);
    }

    fn host(&mut self, name: &str) {
        let records = self.addressed(name);
        self.nodes.insert(name.to_owned(), records);
    }

    fn addressed(&self, owner: &str) -> Vec<Record> {
        let addresses = self.addresses.iter();
        addresses
            .map(|address| self.record(owner, Data::Address(*address)))
            .collect()
    }

    fn record(&self, owner: &str, data: Data) -> Record {
        Record {
            owner: owner.to_owned(),
            class: code::IN,
            ttl: self.ttl,
            data,
        }
    }

    /// The zone a name is in.
    fn apex_of<'a>(&'a self, name: &'a str) -> Option<(&'a str, &'a Apex)> {
        ancestors(name).find_map(|name| Some((name, &**self.apexes.get(name)?)))
    }

    /// Answers a question of class IN that is no transfer. `bound`: what bait makes of a name.
    pub(super) fn answer(&self, name: &str, kind: u16, bound: impl Fn(&str) -> Bound) -> Answer {
        let Some((apex, head)) = self.apex_of(name) else {
            return Answer::of(Code::Refused);
        };
        let mut answer = Answer {
            authoritative: true,
            ..Answer::default()
        };
        match self.node(name, apex, bound) {
            None => answer.code = Code::NxDomain,
            Some(mut records) => {
                if kind != code::ANY {
                    records.retain(|record| record.data.kind() == kind);
                }
                answer.answers = records;
            }
        }
        if answer.answers.is_empty() {
            // How long that is kept is the lesser of two (RFC 2308 section 5).
            let mut soa = head.soa.clone();
            if let Data::Soa(data) = &soa.data {
                soa.ttl = soa.ttl.min(data.minimum);
            }
            answer.authority.push(soa);
        }
        if kind == code::NS {
            for record in &answer.answers {
                let Data::Ns(server) = &record.data else {
                    continue;
                };
                answer
                    .additional
                    .extend(self.nodes.get(server).into_iter().flatten().cloned());
            }
        }
        answer
    }

    /// What stands at a name; `None` if it does not exist.
    fn node(&self, name: &str, apex: &str, bound: impl Fn(&str) -> Bound) -> Option<Vec<Record>> {
        if let Some(records) = self.nodes.get(name) {
            return Some(records.clone());
        }
        let texts = self.challenges.texts(name);
        if !texts.is_empty() {
            let texts = texts.into_iter();
            return Some(
                texts
                    .map(|text| self.record(name, Data::Txt(text)))
                    .collect(),
            );
        }
        if bound(name) != Bound::No {
            return Some(self.addressed(name));
        }
        if self.between.contains(name) {
            return Some(Vec::new());
        }
        // The nearest name above that exists decides.
        for above in ancestors(name).skip(1) {
            match bound(above) {
                Bound::Parent => return Some(self.addressed(name)),
                Bound::Host => return None,
                Bound::No if above == apex || self.exists(above) => return None,
                Bound::No => {}
            }
        }
        None
    }

    fn exists(&self, name: &str) -> bool {
        self.nodes.contains_key(name) || self.between.contains(name)
    }
}

/// A name and all it ends with, the longest first.
fn ancestors(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| Some(name.split_once('.')?.1))
}

fn index(system: &System, what: &str, count: u64) -> usize {
    usize::try_from(system.number(what, 0, count)).unwrap_or_default()
}

/// A date and a number, as is usual (RFC 1912 section 2.2): of a day some weeks past at the time.
fn serial(system: &System, now: Timestamp) -> u32 {
    let past = i64::try_from(system.number("dns serial", 0, 40)).unwrap_or_default();
    let date = now.plus_seconds(-86_400 * past).to_seconds_string();
    let digits: String = date.chars().filter(char::is_ascii_digit).take(8).collect();
    let number = system.number("dns changes", 1, 4);
    digits.parse::<u32>().unwrap_or_default() * 100 + u32::try_from(number).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zones() -> Zones {
        let settings = ZoneSettings {
            zones: vec!["bait.example".to_owned()],
            addresses: vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()],
            hosts: vec!["a.between.bait.example".to_owned()],
            mail_domain: "bait.example".to_owned(),
            issuers: vec!["ca.example".to_owned()],
            ..ZoneSettings::default()
        };
        let now = Timestamp::parse("2026-03-04T05:06:07Z").unwrap();
        Zones::new(&settings, &System::from_seed(&[7; 32]), now)
    }

    fn bound(name: &str) -> Bound {
        match name {
            "docs.bait.example" => Bound::Host,
            "lab.bait.example" => Bound::Parent,
            _ => Bound::No,
        }
    }

    fn counts(name: &str, kind: u16) -> (Code, usize, usize, usize) {
        let answer = zones().answer(name, kind, bound);
        let [answers, authority, additional] =
            [answer.answers, answer.authority, answer.additional].map(|it| it.len());
        (answer.code, answers, authority, additional)
    }

    #[test]
    fn names_that_exist_and_names_that_do_not() {
        use Code::{NoError, NxDomain, Refused};
        for (name, kind, expect) in [
            ("bait.example", code::A, (NoError, 1, 0, 0)),
            ("bait.example", code::SOA, (NoError, 1, 0, 0)),
            ("bait.example", code::NS, (NoError, 2, 0, 4)),
            ("bait.example", code::MX, (NoError, 1, 0, 0)),
            ("bait.example", code::CAA, (NoError, 1, 0, 0)),
            ("bait.example", code::ANY, (NoError, 8, 0, 0)),
            ("mail.bait.example", code::AAAA, (NoError, 1, 0, 0)),
            ("ns2.bait.example", code::A, (NoError, 1, 0, 0)),
            ("docs.bait.example", code::A, (NoError, 1, 0, 0)),
            ("docs.bait.example", code::TXT, (NoError, 0, 1, 0)),
            ("x.docs.bait.example", code::A, (NxDomain, 0, 1, 0)),
            ("nothing.bait.example", code::A, (NxDomain, 0, 1, 0)),
            ("between.bait.example", code::A, (NoError, 0, 1, 0)),
            ("x.between.bait.example", code::A, (NxDomain, 0, 1, 0)),
            // Whatever stands below a host that bait puts labels in front of.
            ("lab.bait.example", code::A, (NoError, 1, 0, 0)),
            ("x.lab.bait.example", code::A, (NoError, 1, 0, 0)),
            ("a.b.c.lab.bait.example", code::AAAA, (NoError, 1, 0, 0)),
            ("x.lab.bait.example", code::TXT, (NoError, 0, 1, 0)),
            ("example", code::A, (Refused, 0, 0, 0)),
            ("bait.example.org", code::A, (Refused, 0, 0, 0)),
            ("notbait.example", code::A, (Refused, 0, 0, 0)),
            ("", code::NS, (Refused, 0, 0, 0)),
        ] {
            assert_eq!(counts(name, kind), expect, "{name} {kind}");
        }
    }

    #[test]
    fn challenges_come_and_go() {
        let zones = zones();
        let texts = |name: &str| zones.answer(name, code::TXT, bound).answers.len();
        let challenges = zones.challenges();
        challenges.put("*.Bait.example", "one");
        challenges.put("bait.example", "two");
        assert_eq!(texts("_acme-challenge.bait.example"), 2);
        challenges.remove("bait.example", "one");
        challenges.remove("bait.example", "two");
        assert_eq!(texts("_acme-challenge.bait.example"), 0);
    }

    #[test]
    fn serials_are_dates_of_the_past() {
        let serial = serial(
            &System::from_seed(&[9; 32]),
            Timestamp::parse("2026-03-04T05:06:07Z").unwrap(),
        );
        assert!(
            (2_026_010_000..=2_026_030_499).contains(&serial),
            "{serial}"
        );
    }
}
