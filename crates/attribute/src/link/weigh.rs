//! How likely two sessions are one hand.
//!
//! Each likeness weighs log2(m/u): m, how often sessions of one hand are alike in it; u, how often those of two are.
//! u comes from one's own log, blended with a background as long as that log is short. Likenesses of one group have
//! one cause, so the strongest counts. The method is Fellegi and Sunter's (A Theory for Record Linkage, 1969).

use lapwing_core::phrase::link as say;
use lapwing_core::{Confidence, Edge, Evidence, Grade, Group, Session};

use super::network::{self, Sort};
use super::notes::{Had, Notes};
use super::signals::{
    self, ADDRESS, BLOCK, CANARY, FAMILY, FINGERPRINT, PACE, SERVICE, SYN, SYSTEM, Signal,
};

/// The odds that any two sessions are one hand before anything is known of them, in hundredths of a bit: 1 to 32.
pub(super) const PRIOR: i32 = -500;
/// A group that weighs so much supports a link.
const SUPPORT: i32 = 200;
/// The most that the odds come to with one group that supports them: "likely". Nothing but the client's word
/// is held to it, too.
pub(super) const LIKELY: i32 = 190;
/// The most where that is not enough (see `is_enough`).
const EVEN: i32 = 0;
/// What weighs less is no sort of evidence by itself.
const ENOUGH: i32 = 50;
/// The most with two: "very likely".
const VERY_LIKELY: i32 = 420;
/// How many hands one's own log must know before it outweighs the background.
const BLEND: f64 = 10.0;
/// What many people use as it comes is shared by so many at least.
const STOCK: f64 = 0.15;
/// And whatever its version, by so many.
const ANY_VERSION: f64 = 0.3;
/// From so many hands within an hour on, following soon after another says nothing.
const BUSY: usize = 4;

/// What was weighed.
#[derive(Clone, Debug)]
pub(super) struct Weighed {
    /// The odds in hundredths of a bit, before caps.
    pub(super) raw: i32,
    /// And with them.
    pub(super) centibits: i32,
    /// How many groups support it.
    pub(super) supports: usize,
    items: Vec<Item>,
}

/// One likeness or difference.
#[derive(Clone, Copy, Debug)]
struct Item {
    signal: &'static Signal,
    centibits: i32,
    /// Which trait of the later session the earlier one has, too; `None` if they differ.
    shared: Option<usize>,
    /// Why it cannot support a link, however much it weighs; empty if it can.
    doubt: &'static str,
}

/// The scales, with a session on them that earlier ones are weighed against: how common its values are was read once.
pub(super) struct Scales<'a> {
    later: &'a Session,
    common: Vec<Common>,
    /// Whether so many hands use its canary just then that following soon says nothing.
    busy: bool,
}

/// How common a value is in one's own log.
struct Common {
    signal: Option<&'static Signal>,
    hands: u32,
    pairs: u32,
    stock: bool,
}

impl<'a> Scales<'a> {
    pub(super) fn new(notes: &Notes<'_>, later: &'a Session) -> Self {
        let mut busy = false;
        let common = later.traits.iter().map(|(name, value)| {
            let known = notes.value(name, value);
            if name == CANARY {
                let near = |had: &&Had| later.first.seconds_since(had.2).abs() <= 3600;
                busy = known.recent.iter().filter(near).count() >= BUSY;
            }
            Common {
                signal: signals::find(name),
                hands: known.hands,
                pairs: notes.pairs(name),
                stock: known.stock,
            }
        });
        Self {
            later,
            common: common.collect(),
            busy,
        }
    }

    /// Weighs an earlier session against it.
    pub(super) fn weigh(&self, earlier: &Session) -> Weighed {
        let pair = Pair::new(self.later, earlier);
        let mut items = Vec::with_capacity(8);
        let mut begin = 0;
        while let Some((name, _)) = self.later.traits.get(begin) {
            let rest = &self.later.traits[begin..];
            let end = begin + rest.iter().take_while(|one| one.0 == *name).count();
            if let Some(signal) = self.common[begin].signal {
                items.extend(self.compare(signal, begin..end, &pair));
            }
            begin = end;
        }
        let mut items = strongest(without_library(items, &pair));
        items.extend(self.pace(&pair, &items));
        items.sort_by_key(|one| std::cmp::Reverse(one.centibits.abs()));
        let raw = PRIOR + items.iter().map(|one| one.centibits).sum::<i32>();
        let (supports, said) = supports(&items);
        let most = match supports {
            _ if !is_enough(&items) => EVEN,
            0 | 1 => LIKELY,
            _ if said || is_other_person(&items) => LIKELY,
            2 if is_other_program(&items) || is_kit(&items) => LIKELY,
            2 => VERY_LIKELY,
            _ => i32::MAX,
        };
        Weighed {
            raw,
            centibits: raw.min(most),
            supports,
            items,
        }
    }

    /// Compares a stretch of the later session's traits, all of one signal.
    fn compare(
        &self,
        signal: &'static Signal,
        ours: std::ops::Range<usize>,
        pair: &Pair<'_>,
    ) -> Option<Item> {
        let theirs = of_signal(pair.earlier, signal.name);
        if theirs.is_empty() {
            return None;
        }
        let heaviest = { ours }
            .filter(|place| theirs.contains(&pair.later.traits[*place]))
            .map(|place| (self.alike(signal, place, pair), place))
            .max_by(|one, other| one.0.total_cmp(&other.0));
        if let Some((bits, place)) = heaviest {
            // A version that nobody had may be less likely than chance: that speaks against.
            return Some(Item {
                signal,
                centibits: centibits(bits.clamp(-4.0, signal.most)),
                shared: Some(place),
                doubt: self.doubt(signal, place, pair),
            });
        }
        let silent = !signal.against || signal.group == Group::Network && pair.hops();
        let bits = (1.0 - signal.agree).log2() - (1.0 - signal.common).log2();
        (!silent).then(|| Item {
            signal,
            centibits: centibits(bits.max(-4.0)),
            shared: None,
            doubt: "",
        })
    }

    /// The weight of an equal value, in bits.
    fn alike(&self, signal: &Signal, place: usize, pair: &Pair<'_>) -> f64 {
        let mut common = signal.common;
        let mut agree = signal.agree;
        if signal.group == Group::Network && signal.name != SERVICE {
            if signal.name == ADDRESS {
                common = pair.sort.shared;
            } else if signal.name == BLOCK {
                common = common.max(pair.sort.shared);
            }
            let kept = f64::exp2(-pair.seconds / pair.sort.half_life);
            let by_chance = self.chance(signal, place, common);
            agree = agree * kept + by_chance * (1.0 - agree * kept);
            return (agree / by_chance).log2();
        }
        (agree / self.chance(signal, place, common)).log2()
    }

    /// How likely another hand is to have a value: its share of the hands in one's own log, one of them left out,
    /// blended with the background.
    fn chance(&self, signal: &Signal, place: usize, common: f64) -> f64 {
        let known = &self.common[place];
        let common = if known.stock && signal.group == Group::Program {
            let any_version = signal.name == FAMILY || !signal.found_by;
            common.max(if any_version { ANY_VERSION } else { STOCK })
        } else {
            common
        };
        let others = f64::from(known.hands.saturating_sub(1));
        let all = f64::from(known.pairs.saturating_sub(1));
        ((others + BLEND * common) / (all + BLEND)).clamp(1e-6, 0.99)
    }

    fn doubt(&self, signal: &Signal, place: usize, pair: &Pair<'_>) -> &'static str {
        match signal.group {
            Group::Network => pair.sort.doubt,
            Group::Program if self.common[place].stock && signal.name == SYN => {
                say::STOCK_SYSTEM.en
            }
            Group::Program if self.common[place].stock => say::STOCK_PROGRAM.en,
            _ => "",
        }
    }

    /// How soon one follows the other with the same bait. Where many come, that is chance.
    fn pace(&self, pair: &Pair<'_>, items: &[Item]) -> Option<Item> {
        let bait = items.iter().find(|one| one.signal.group == Group::Bait)?;
        let centibits = match pair.seconds {
            ..300.0 => 150,
            ..3600.0 => 75,
            _ => return None,
        };
        (bait.centibits >= 100 && !self.busy).then_some(Item {
            signal: &PACE,
            centibits,
            shared: bait.shared,
            doubt: "",
        })
    }
}

/// What was weighed, in words.
pub(super) fn explain(weighed: &Weighed, later: &Session, earlier: &Session) -> Vec<Evidence> {
    let pair = Pair::new(later, earlier);
    weighed
        .items
        .iter()
        .map(|item| pair.evidence(item))
        .collect()
}

fn centibits(bits: f64) -> i32 {
    (bits * 100.0).round() as i32
}

/// Two sessions, and what their networks make of addresses.
struct Pair<'a> {
    later: &'a Session,
    earlier: &'a Session,
    seconds: f64,
    sort: Sort,
    other: Sort,
}

impl<'a> Pair<'a> {
    fn new(later: &'a Session, earlier: &'a Session) -> Self {
        let micros = later.first.micros().abs_diff(earlier.first.micros());
        let of = |session: &Session| {
            let address = of_signal(session, ADDRESS).first();
            network::sort(address.map_or("", |(_, value)| value), &session.classes)
        };
        Self {
            later,
            earlier,
            seconds: micros as f64 / 1e6,
            sort: of(later),
            other: of(earlier),
        }
    }

    fn hops(&self) -> bool {
        self.sort.hops || self.other.hops
    }

    /// `42 seconds after trip 0a1b2c3d-17`
    fn apart(&self) -> String {
        let seconds = self.later.first.seconds_since(self.earlier.first);
        let direction = if seconds < 0 { say::BEFORE } else { say::AFTER };
        let (count, unit) = match seconds.abs() {
            count @ ..600 => (count, say::SECONDS),
            count @ ..7_200 => (count / 60, say::MINUTES),
            count @ ..172_800 => (count / 3_600, say::HOURS),
            count => (count / 86_400, say::DAYS),
        };
        let lapse = unit.count(count, &[]);
        direction.with(&[("LAPSE", &lapse), ("trip", &self.earlier.id)])
    }

    fn evidence(&self, item: &Item) -> Evidence {
        let signal = item.signal;
        let words = signal.words.text();
        let (mut grade, mut detail) = (signal.grade, say::UNLIKE.with(&[("LIKENESS", &words)]));
        if let Some(place) = item.shared {
            let value = &self.later.traits[place].1;
            let shown = match signal.name {
                ADDRESS => say::THIS_ADDRESS.with(&[("address", value)]),
                BLOCK => say::THIS_BLOCK.with(&[("address", value)]),
                SYSTEM => say::THIS_SYSTEM.with(&[("number", value)]),
                _ => words,
            };
            detail = say::ALIKE.with(&[("LIKENESS", &shown), ("APART", &self.apart())]);
            if !item.doubt.is_empty() {
                grade = if grade == Grade::A1 { Grade::B3 } else { grade };
                detail = say::WEAK.with(&[("LIKENESS", &detail), ("DOUBT", &item.doubt)]);
            }
        }
        Evidence {
            signal: signal.name.to_owned(),
            detail,
            to: Some(self.earlier.id),
            grade,
            group: Some(signal.group),
            centibits: item.centibits,
        }
    }
}

/// The traits that a session has of a signal. They are sorted.
fn of_signal<'a>(session: &'a Session, signal: &str) -> &'a [(String, String)] {
    let begin = session
        .traits
        .partition_point(|(name, _)| name.as_str() < signal);
    let rest = &session.traits[begin..];
    &rest[..rest.partition_point(|(name, _)| name == signal)]
}

/// Programs that differ as a whole and are built on one library are alike in what that library does: that says nothing.
fn without_library(mut items: Vec<Item>, pair: &Pair<'_>) -> Vec<Item> {
    let differ = |signal| {
        let (ours, theirs) = (
            of_signal(pair.later, signal),
            of_signal(pair.earlier, signal),
        );
        ours.iter().zip(theirs).any(|(one, other)| one != other)
    };
    if differ(FINGERPRINT) || differ(FAMILY) {
        let other_name = differ(FAMILY);
        items.retain(|one| {
            let of_library =
                one.signal.group == Group::Program && (other_name || one.signal.name != FAMILY);
            !of_library || one.centibits < 0
        });
    }
    items
}

/// Of each group: what speaks for one hand most, else what speaks against it most.
fn strongest(items: Vec<Item>) -> Vec<Item> {
    let mut best: Vec<Item> = Vec::with_capacity(items.len());
    for item in items {
        let heavier = |known: &Item| match (item.centibits > 0, known.centibits > 0) {
            (true, true) => item.centibits > known.centibits,
            (false, false) => item.centibits < known.centibits,
            (ours, _) => ours,
        };
        let known = { best.iter_mut() }.find(|known| known.signal.group == item.signal.group);
        match known {
            Some(known) if heavier(known) => *known = item,
            Some(_) => {}
            None => best.push(item),
        }
    }
    best.retain(|item| item.centibits != 0);
    best
}

/// Whether two sorts of evidence speak for one hand, or one that may do so alone: an address that few share, or what
/// stands for a person. Everybody who has a bait shares it, and everybody who has a program; and anybody can say anything.
fn is_enough(items: &[Item]) -> bool {
    let mut sorts = 0;
    for item in items.iter().filter(|item| item.centibits >= ENOUGH) {
        match item.signal.group {
            Group::Network if item.doubt.is_empty() => return true,
            Group::Identity => return true,
            Group::Pace | Group::Claim => {}
            // Whoever has a system of the same make has it.
            _ if item.signal.name == SYN => {}
            _ => sorts += 1,
        }
    }
    sorts > 1
}

/// Whether what stands for a person differs.
fn is_other_person(items: &[Item]) -> bool {
    { items.iter() }.any(|one| one.signal.group == Group::Identity && one.centibits < 0)
}

/// Whether nothing but network and bait speak for one hand, and the program against it: a household shares both.
fn is_other_program(items: &[Item]) -> bool {
    let speaks = |one: &&Item| one.centibits >= ENOUGH && one.doubt.is_empty();
    let shared = [Group::Network, Group::Bait, Group::Pace];
    { items.iter().filter(speaks) }.all(|one| shared.contains(&one.signal.group)) && {
        items.iter()
    }
    .any(|one| one.signal.group == Group::Program && one.centibits < 0)
}

/// Whether nothing but a program and bait support it: whoever passes values on may pass on what uses them.
fn is_kit(items: &[Item]) -> bool {
    let kit = [Group::Program, Group::Bait];
    { items.iter().filter(|one| is_support(one)) }.all(|one| kit.contains(&one.signal.group))
}

/// How many groups support a link, and whether all of them are only said. How soon one follows another is no support
/// of its own, for it leans on the bait; nor is an address that many share, or a program as it comes.
fn supports(items: &[Item]) -> (usize, bool) {
    let supporting = items.iter().filter(|one| is_support(one));
    let (mut count, mut said) = (0, true);
    for one in supporting {
        count += 1;
        said &= one.signal.grade == Grade::E4 || one.signal.group.is_said();
    }
    (count, said)
}

fn is_support(item: &Item) -> bool {
    let leans = matches!(item.signal.group, Group::Pace | Group::Claim);
    item.centibits >= SUPPORT && !leans && item.doubt.is_empty()
}

/// How well a link is founded.
pub(crate) fn confidence(edge: &Edge) -> Confidence {
    let is_support = |one: &&Evidence| {
        let weak = one.detail.contains(network::WEAK);
        one.centibits >= SUPPORT && !matches!(one.group, Some(Group::Pace | Group::Claim)) && !weak
    };
    let supporting: Vec<_> = edge.evidence.iter().filter(is_support).collect();
    let seen = { supporting.iter() }
        .filter(|one| one.grade != Grade::E4 && !one.group.is_some_and(Group::is_said))
        .count();
    match (supporting.len(), seen) {
        (3.., 2..) => Confidence::High,
        (2.., 1..) => Confidence::Moderate,
        _ => Confidence::Low,
    }
}
