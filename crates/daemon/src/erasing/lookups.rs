//! What was looked up outward about addresses, and the list of it, as far as an erasure takes it.
//!
//! By age an answer goes unless a record of a use from its address still has parts: who reads those wants to know
//! whose network that was then. Lines of the list go by their age alone. On request all goes that is about the
//! address. Nothing goes of an address from which a use under a hold came.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::path::PathBuf;

use lapwing_core::{CanaryId, Clock as _, Cover, HoldId, SystemClock, TripId, What};
use lapwing_journal::{Survey, Surveyed};
use serde::{Deserialize, Serialize};

use super::covered::{self, Covered};
use super::{Ground, choose};
use crate::DaemonError;
use crate::outward::snapshots::{self, Kept};
use crate::outward::{Asked, Outward};

/// What an erasure comes to of look-ups about addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lookups {
    /// Answers that go.
    pub snapshots: u64,
    /// Lines of the list that go.
    pub lines: u64,
    /// Old answers that stay because a record of a use from their address has parts.
    pub referred: u64,
    /// Answers and lines that stay because of a hold, by hold.
    pub held: BTreeMap<HoldId, u64>,
    /// Those that stay because it is not concluded yet whether a use from their address is under a hold.
    pub waiting: u64,
}

impl Lookups {
    /// Whether nothing goes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.snapshots == 0 && self.lines == 0
    }

    /// How many stay because of holds.
    #[must_use]
    pub fn held_count(&self) -> u64 {
        self.held.values().sum()
    }

    /// Whether something stays for that, which is counted.
    fn stays(&mut self, stay: Option<Stay>) -> bool {
        match stay {
            None => return false,
            Some(Stay::Referred) => self.referred += 1,
            Some(Stay::Waiting) => self.waiting += 1,
            Some(Stay::Held(hold)) => *self.held.entry(hold).or_default() += 1,
        }
        true
    }
}

/// Why what was looked up about an address stays, the stronger reason later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stay {
    /// A record from there has parts. Lines of the list do not stay for that.
    Referred,
    /// It may be under a hold.
    Waiting,
    /// It is.
    Held(HoldId),
}

/// What goes.
pub(super) struct Chosen {
    snapshots: Vec<PathBuf>,
    lines: HashSet<usize>,
}

impl Ground {
    /// What would go, after the parts that go with it are gone, or would be.
    pub(super) fn lookups(&self, what: &What) -> Result<(Lookups, Chosen), DaemonError> {
        let unread = |source| failed(&self.root, "cannot read what was looked up", source);
        let of_kept = |kept: &Kept| match what {
            What::Older(ages) => ages.lookups.is_some_and(|before| kept.taken < before),
            What::Trip { .. } => false,
            What::Address { address, .. } => kept.address == *address,
        };
        let of_line = |asked: &Asked| match what {
            What::Older(ages) => ages.lookups.is_some_and(|before| asked.time < before),
            What::Trip { .. } => false,
            What::Address { address, .. } => asked.about == Some(*address),
        };
        let mut kept = snapshots::all(&self.root).map_err(unread)?;
        kept.retain(of_kept);
        let list = Outward::of(&self.root).list().map_err(unread)?;
        let lines = list.asked.into_iter().enumerate();
        let lines: Vec<(usize, Asked)> = lines.filter(|(_, asked)| of_line(asked)).collect();
        let about = lines.iter().filter_map(|(_, asked)| asked.about);
        let about = { kept.iter() }.map(|kept| kept.address).chain(about);
        let about: HashSet<IpAddr> = about.collect();
        let stays = self.stays(what, &about)?;

        let mut found = Lookups::default();
        let everything = (!kept.is_empty() || !lines.is_empty())
            .then(|| Covered::read(&self.ledger, &self.index))
            .transpose()?
            .and_then(|covered| covered.everything())
            .map(Stay::Held);
        let stay = |address: IpAddr| everything.or_else(|| stays.get(&address).copied());
        kept.retain(|kept| !found.stays(stay(kept.address)));
        let mut chosen = Chosen {
            snapshots: kept.into_iter().map(|kept| kept.path).collect(),
            lines: HashSet::new(),
        };
        for (at, asked) in lines {
            let stay = asked.about.map_or(everything, stay);
            if !found.stays(stay.filter(|stay| *stay != Stay::Referred)) {
                chosen.lines.insert(at);
            }
        }
        found.snapshots = chosen.snapshots.len() as u64;
        found.lines = chosen.lines.len() as u64;
        Ok((found, chosen))
    }

    /// Erases it. `begin` is called before anything goes.
    pub(super) fn erase_lookups(
        &self,
        what: &What,
        begin: &mut dyn FnMut() -> Result<(), DaemonError>,
    ) -> Result<Lookups, DaemonError> {
        let (found, chosen) = self.lookups(what)?;
        if found.is_empty() {
            return Ok(found);
        }
        begin()?;
        let left = |source| failed(&self.root, "cannot erase what was looked up", source);
        snapshots::remove(&self.root, &chosen.snapshots).map_err(left)?;
        // Lines are only ever added behind those that were read.
        let goes = |at: usize| chosen.lines.contains(&at);
        Outward::of(&self.root)
            .remove(&goes, SystemClock.now())
            .map_err(left)?;
        Ok(found)
    }

    /// Of which of these addresses something stays, and why.
    fn stays(
        &self,
        what: &What,
        addresses: &HashSet<IpAddr>,
    ) -> Result<HashMap<IpAddr, Stay>, DaemonError> {
        let mut stays = HashMap::new();
        if addresses.is_empty() {
            return Ok(stays);
        }
        let covered = Covered::read(&self.ledger, &self.index)?;
        for segment in Survey::segments(&self.journal)? {
            let mut survey = Survey::open(&self.journal, segment)?;
            while let Some(record) = survey.next()? {
                let source = choose::source(&record).filter(|source| addresses.contains(source));
                if let Some(source) = source
                    && let Some(stay) = self.stay(&survey, record, what, &covered)?
                {
                    let known = stays.entry(source).or_insert(stay);
                    *known = stay.max(*known);
                }
            }
        }
        Ok(stays)
    }

    /// Why a record that is about an address keeps what was looked up about that.
    fn stay(
        &self,
        survey: &Survey,
        record: Surveyed,
        what: &What,
        covered: &Covered,
    ) -> Result<Option<Stay>, DaemonError> {
        let Ok(canary) = CanaryId::deserialize(&record.body["canary"]) else {
            return Ok(None);
        };
        let trip = TripId {
            station: self.station,
            sequence: record.sequence,
        };
        match covered.cover(trip, canary, || covered::row(&self.index, trip))? {
            Cover::Held(hold) => return Ok(Some(Stay::Held(hold))),
            Cover::Unknown => return Ok(Some(Stay::Waiting)),
            Cover::Free => {}
        }
        if !matches!(what, What::Older(_)) {
            return Ok(None);
        }
        let standing = record.parts.len();
        let wanted = choose::wanted(what, &record);
        let going = choose::choose(survey, record, &wanted, &self.keys)?.len();
        Ok((going < standing).then_some(Stay::Referred))
    }
}

fn failed(root: &std::path::Path, what: &str, source: std::io::Error) -> DaemonError {
    DaemonError::Directory {
        path: root.to_owned(),
        what: format!("{what}: {source}"),
        source: Some(source),
    }
}
