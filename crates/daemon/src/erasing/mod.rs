//! Erasing parts of what was recorded: by age, and one trip or address on request; and what was looked up about
//! addresses. Nothing under a hold goes.
//!
//! Whoever has the journal open does it: a running station, or else a command that opens it. Both take what
//! to erase from the ledger's decisions, so that whatever dies is taken up again by the next one, and is on
//! record with a reason before anything goes. A batch is the parts of one segment, at most `BATCH`; between
//! batches holds are read anew, under a lock ([`Still`]) that a command takes which sets one up.

mod account;
mod choose;
mod covered;
mod digests;
mod lookups;
mod minder;
mod quote;
mod still;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use lapwing_core::{Ages, Cover, HoldId, Keyring, StationId, TripId, What};
use lapwing_journal::{Journal, StandingPart, Survey, Surveyed};
use lapwing_store::{Index, Ledger};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

pub use account::{Account, Ended, Progress};
pub use lookups::Lookups;
pub(crate) use minder::Minder;
pub use minder::{carry_out, retention_of};
pub use still::Still;

use self::covered::Covered;
use crate::record::is_concluded_from;
use crate::{DaemonError, Directory};

/// Parts that go together at most. What is known of each is kept in memory, 100 bytes or so.
const BATCH: usize = 20_000;

/// What an erasure came to, or would.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Parts that are gone.
    pub parts: u64,
    /// Bytes of their lines.
    pub bytes: u64,
    /// Parts by their names.
    pub by_part: BTreeMap<String, u64>,
    /// Parts that stay because of a hold, by hold.
    pub held: BTreeMap<HoldId, u64>,
    /// Parts that stay because what they are evidence for is not concluded yet.
    pub waiting: u64,
    /// What goes, and stays, of look-ups about addresses.
    #[serde(default)]
    pub lookups: Lookups,
}

impl Outcome {
    /// Whether nothing goes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts == 0 && self.lookups.is_empty()
    }

    fn add(&mut self, part: &StandingPart) {
        self.parts += 1;
        self.bytes += part.bytes;
        *self.by_part.entry(part.name.clone()).or_default() += 1;
    }

    /// Parts that stay although they are old.
    fn stayed(&self) -> u64 {
        self.held_parts() + self.waiting
    }

    /// Parts that stay because of holds.
    #[must_use]
    pub fn held_parts(&self) -> u64 {
        self.held.values().sum()
    }
}

/// Where erasing looks.
pub struct Ground {
    root: PathBuf,
    journal: PathBuf,
    keys: Keyring,
    station: StationId,
    ledger: Arc<Ledger>,
    index: Arc<Index>,
    /// Closed segments of which all that can go by age is gone, with the classes that had an age.
    done: Mutex<HashMap<u64, Classes>>,
}

/// Tells how far it is.
pub type Tell<'a> = &'a mut dyn FnMut(&Progress);
/// Whether to go on.
pub type Going<'a> = &'a dyn Fn() -> bool;

impl Ground {
    /// Of a data directory.
    #[must_use]
    pub fn of(directory: &Directory, ledger: Arc<Ledger>, index: Arc<Index>) -> Self {
        Self {
            root: directory.root().to_owned(),
            journal: directory.journal(),
            keys: directory.keyring(),
            station: directory.station(),
            ledger,
            index,
            done: Mutex::default(),
        }
    }

    /// What would go.
    ///
    /// # Errors
    /// Journal, ledger or index cannot be read.
    pub fn look(&self, what: &What, tell: Tell<'_>) -> Result<Outcome, DaemonError> {
        let mut outcome = Outcome::default();
        let segments = self.segments(what)?;
        for (at, segment) in segments.iter().enumerate() {
            tell(&at_segment(at, segments.len(), &outcome));
            let mut resume = None;
            loop {
                let found = self.batch(*segment, what, resume, &mut outcome)?;
                found.parts.iter().for_each(|part| outcome.add(part));
                resume = found.more;
                if resume.is_none() {
                    break;
                }
            }
        }
        outcome.lookups = self.lookups(what)?.0;
        Ok(outcome)
    }

    /// Erases it, and what stands for it in the index; `None` if `going` said no before the end. `begin` is called before the first part goes,
    /// with what goes first. Blocks; `journal` is to be driven by another thread of the runtime.
    ///
    /// # Errors
    /// As [`Ground::look`], and what the journal fails with.
    pub(crate) fn erase(
        &self,
        what: &What,
        before: Before,
        journal: (&Journal, &Handle),
        begin: &mut dyn FnMut() -> Result<(), DaemonError>,
        tell: Tell<'_>,
        going: Going<'_>,
    ) -> Result<Option<Outcome>, DaemonError> {
        let mut outcome = Outcome::default();
        let mut sessions = BTreeSet::new();
        let segments = self.segments(what)?;
        let cause = cause(what);
        for (at, segment) in segments.iter().enumerate() {
            tell(&at_segment(at, segments.len(), &outcome));
            let mut resume = None;
            loop {
                let Some(_still) = Still::hold_while(&self.root, going)? else {
                    return Ok(None);
                };
                let found = self.batch(*segment, what, resume, &mut outcome)?;
                if !found.parts.is_empty() {
                    begin()?;
                    let parts = found.parts.clone();
                    let (journal, runtime) = journal;
                    runtime.block_on(journal.erase_parts(*segment, parts, cause))?;
                    found.parts.iter().for_each(|part| outcome.add(part));
                    tell(&at_segment(at, segments.len(), &outcome));
                }
                sessions.extend(found.sessions);
                if before == Before::Perhaps {
                    for trip in found.bare {
                        let row = covered::row(&self.index, trip)?;
                        sessions.extend(row.and_then(|row| row.conclusion.session));
                    }
                }
                resume = found.more;
                if resume.is_none() {
                    break;
                }
            }
        }
        self.forget_digests(&sessions)?;
        let Some(_still) = Still::hold_while(&self.root, going)? else {
            return Ok(None);
        };
        outcome.lookups = self.erase_lookups(what, begin)?;
        Ok(Some(outcome))
    }

    /// The segments that may hold something of it.
    fn segments(&self, what: &What) -> Result<Vec<u64>, DaemonError> {
        let all = Survey::segments(&self.journal)?;
        match what {
            What::Trip { trip, .. } => {
                let after = all.partition_point(|first| *first <= trip.sequence);
                Ok(after.checked_sub(1).map(|at| all[at]).into_iter().collect())
            }
            What::Address { .. } => Ok(all),
            What::Older(ages) if ages.newest().is_none() => Ok(Vec::new()),
            What::Older(ages) => {
                let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
                let is_done = |segment: &u64| done.get(segment) == Some(&classes(ages));
                Ok(all.into_iter().filter(|it| !is_done(it)).collect())
            }
        }
    }

    /// The next parts of a segment that go, from record `resume` on. What stays is counted in `outcome`.
    fn batch(
        &self,
        segment: u64,
        what: &What,
        resume: Option<u64>,
        outcome: &mut Outcome,
    ) -> Result<Found, DaemonError> {
        let covered = Covered::read(&self.ledger, &self.index)?;
        let closed = Survey::segments(&self.journal)?.last() != Some(&segment);
        let stayed = outcome.stayed();
        let mut survey = Survey::open(&self.journal, segment)?;
        let mut found = Found::default();
        let mut all_old = true;
        while let Some(record) = survey.next()? {
            if let What::Older(ages) = what {
                all_old &= ages.oldest().is_some_and(|oldest| record.time < oldest);
                let young = ages.newest().is_none_or(|newest| record.time >= newest);
                // Records come in the order of their times, but for a clock that was set.
                if young && record.sequence == segment {
                    return Ok(found);
                }
                if young {
                    continue;
                }
            }
            if resume.is_some_and(|resume| record.sequence < resume) {
                continue;
            }
            if found.parts.len() >= BATCH {
                found.more = Some(record.sequence);
                return Ok(found);
            }
            let sequence = record.sequence;
            self.of_record(&survey, record, what, &covered, &mut found, outcome)?;
            if matches!(what, What::Trip { trip, .. } if trip.sequence == sequence) {
                break;
            }
        }
        let nothing = resume.is_none() && found.parts.is_empty() && outcome.stayed() == stayed;
        if let What::Older(ages) = what
            && closed
            && all_old
            && nothing
        {
            let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
            done.insert(segment, classes(ages));
        }
        Ok(found)
    }

    fn of_record(
        &self,
        survey: &Survey,
        record: Surveyed,
        what: &What,
        covered: &Covered,
        found: &mut Found,
        outcome: &mut Outcome,
    ) -> Result<(), DaemonError> {
        let wanted = choose::wanted(what, &record);
        let Some(canary) = choose::canary(&record).filter(|_| !wanted.is_empty()) else {
            return Ok(());
        };
        let trip = TripId {
            station: self.station,
            sequence: record.sequence,
        };
        let row = || covered::row(&self.index, trip);
        if record.erased.iter().any(|part| is_concluded_from(part)) {
            found.bare.push(trip);
        }
        let mut parts = choose::choose(survey, record, &wanted, &self.keys)?;
        if parts.is_empty() {
            return Ok(());
        }
        let count = parts.len() as u64;
        match covered.cover(trip, canary, row)? {
            Cover::Held(hold) => *outcome.held.entry(hold).or_default() += count,
            Cover::Unknown => outcome.waiting += count,
            Cover::Free => {
                if parts.iter().any(|part| is_concluded_from(&part.name)) {
                    // What was concluded is kept, or an index that is built again would conclude otherwise.
                    let Some(row) = row()? else {
                        outcome.waiting += count;
                        return Ok(());
                    };
                    found.sessions.extend(row.conclusion.session);
                    let verdict = row.conclusion.judgement.verdict.word();
                    for part in parts
                        .iter_mut()
                        .filter(|part| is_concluded_from(&part.name))
                    {
                        part.note = Some(verdict.to_owned());
                    }
                }
                found.parts.extend(parts);
            }
        }
        Ok(())
    }
}

/// Whether raw bytes, claims and captures have an age.
type Classes = [bool; 3];

fn classes(ages: &Ages) -> Classes {
    [ages.raw, ages.claims, ages.captures].map(|age| age.is_some())
}

/// Whether the same may have been erased before by one that died: what stands for it in the index is then looked for
/// of all of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    /// It may.
    Perhaps,
    /// It was not.
    Never,
}

/// Parts of one segment that go, and the record at which to go on.
#[derive(Default)]
struct Found {
    parts: Vec<StandingPart>,
    /// The sessions whose trips lose what is concluded from, and trips that lost it before.
    sessions: BTreeSet<TripId>,
    bare: Vec<TripId>,
    more: Option<u64>,
}

fn at_segment(at: usize, segments: usize, outcome: &Outcome) -> Progress {
    Progress {
        erase: None,
        segment: at as u64,
        segments: segments as u64,
        parts: outcome.parts,
    }
}

/// The word for it in the record of the erasure.
const fn cause(what: &What) -> &'static str {
    match what {
        What::Older(_) => "retention",
        What::Trip { .. } | What::Address { .. } => "redaction",
    }
}
