//! Follows the journal into the index: enrich, fold, alert, link. Exactly once, by sequence.
//!
//! One batch is one index transaction that holds its own position. Alerts are queued before it
//! commits, under keys derived from the trips: if the process dies in between, the same batch comes
//! again and queues nothing twice. Rebuilding the index runs the same code without an announcer.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lapwing_alert::{fold, goes_on};
use lapwing_attribute::Linked;
use lapwing_catalog::Catalog;
use lapwing_core::{
    Actor, ActorId, Conclusion, Delivery, Incident, Keyring, StationId, Timestamp, Trip,
};
use lapwing_journal::{Position, Reader};
use lapwing_store::{Batch, Index, Ledger, TripRow};

use crate::ahead::Ahead;
use crate::announcer::Announcer;
use crate::assess::{Assessed, Assessor, Known};
use crate::decided::Decided;
use crate::drills::NONCE;
use crate::growing::Growing;
use crate::hands::Joined;
use crate::places::Places;
use crate::record;
use crate::source::{BATCH, CAUGHT_UP, Source};
use crate::tide::Tide;
use crate::verdicts::Verdicts;
use crate::{DaemonError, Directory, Settings};

/// Pause when there is nothing, or nothing more, to index.
const IDLE: Duration = Duration::from_millis(15);
/// A flood comes in batches of more than `FLOOD` records. It touches the same rows again and again, and
/// each is read and written once a batch: a longer pause halves the work.
const FLOOD: usize = 100;
const FLOODED: Duration = Duration::from_millis(150);
/// Pause after a failure.
const FAILED: Duration = Duration::from_secs(1);
/// Addresses, programs and canaries listed with an actor at most.
const LISTED: usize = 64;

/// Brings what the journal holds into the index.
pub struct Indexer {
    journal: PathBuf,
    keys: Keyring,
    station: StationId,
    incident_seconds: i64,
    ledger: Arc<Ledger>,
    index: Arc<Index>,
    source: Source,
    /// Behind the record that was read last.
    end: Option<Position>,
    /// Nothing where the source sees to it.
    tree: Option<Growing>,
    assessor: Assessor,
    announcer: Option<Arc<Announcer>>,
    decided: Decided,
    joined: Joined,
    places: Places,
    ahead: Option<Ahead>,
    verdicts: Verdicts,
}

impl Indexer {
    /// Continues where the index stands. Without an announcer nothing is ever sent.
    ///
    /// # Errors
    /// Journal, index or geography cannot be opened.
    pub fn open(
        directory: &Directory,
        settings: &Settings,
        catalog: Arc<Catalog>,
        ledger: Arc<Ledger>,
        announcer: Option<Arc<Announcer>>,
    ) -> Result<Self, DaemonError> {
        let index = Index::open(directory.root())?;
        let last = position(&index, directory.station())?;
        let reader = open_reader(&directory.journal(), &directory.keyring(), last)?;
        let mut indexer = Self::new(
            directory,
            settings,
            catalog,
            ledger,
            index,
            Source::Following(Box::new(reader)),
        )?;
        let records = last.map_or(0, |last| last + 1);
        indexer.tree = Some(Growing::new(directory.journal(), directory.tree(), records));
        indexer.announcer = announcer;
        Ok(indexer)
    }

    /// Makes an index anew beside the one there is, which stays until [`Indexer::finish`]. Sends nothing. The journal's
    /// tree must be gone.
    ///
    /// # Errors
    /// As [`Indexer::open`].
    pub fn anew(
        directory: &Directory,
        settings: &Settings,
        catalog: Arc<Catalog>,
        ledger: Arc<Ledger>,
    ) -> Result<Self, DaemonError> {
        let index = Index::anew(directory.root())?;
        let reader = open_reader(&directory.journal(), &directory.keyring(), None)?;
        let tree = Growing::new(directory.journal(), directory.tree(), 0);
        Self::new(
            directory,
            settings,
            catalog,
            ledger,
            index,
            Source::ahead(reader, tree)?,
        )
    }

    /// Puts an index that was made anew in the place of the one there was.
    ///
    /// # Errors
    /// Files cannot be written.
    pub fn finish(self, directory: &Directory) -> Result<(), DaemonError> {
        drop(self);
        Ok(Index::put_in_place(directory.root())?)
    }

    fn new(
        directory: &Directory,
        settings: &Settings,
        catalog: Arc<Catalog>,
        ledger: Arc<Ledger>,
        index: Index,
        source: Source,
    ) -> Result<Self, DaemonError> {
        Ok(Self {
            source,
            end: None,
            tree: None,
            journal: directory.journal(),
            keys: directory.keyring(),
            station: directory.station(),
            incident_seconds: settings.fold.incident_seconds,
            ledger,
            index: Arc::new(index),
            assessor: Assessor::new(settings, catalog, directory.keyring())?,
            announcer: None,
            decided: Decided::default(),
            joined: Joined::default(),
            places: Places::default(),
            ahead: None,
            verdicts: Verdicts::default(),
        })
    }

    /// The index it fills.
    pub(crate) fn index(&self) -> Arc<Index> {
        Arc::clone(&self.index)
    }

    /// What conclusions rest on, with its day in seconds since 1970: the lists of networks, and geography.
    pub(crate) fn dates(&self) -> Vec<(String, i64)> {
        self.assessor.dates()
    }

    /// Tells `ahead` from now on how far the index is, beginning with where it is.
    ///
    /// # Errors
    /// The index cannot be read.
    pub(crate) fn tell(&mut self, ahead: Ahead) -> Result<(), DaemonError> {
        if let Some(last) = position(&self.index, self.station)? {
            ahead.indexed(last);
        }
        self.ahead = Some(ahead);
        Ok(())
    }

    /// Indexes as records come, until `running` says no and nothing is left. `recorded` says how many
    /// records there are.
    pub fn follow(&mut self, running: &dyn Fn() -> bool, recorded: &dyn Fn() -> u64) {
        let mut tide = Tide::new(Instant::now(), recorded());
        let mut flooded = false;
        loop {
            // Asked first: what came before the answer is still indexed.
            let still = running();
            let begun = Instant::now();
            match self.step() {
                Ok(0) if !still => return,
                Ok(_) if !still => {}
                // A transaction for each handful of records would cost more than the records.
                Ok(few) if few < FLOOD => {
                    if few == 0
                        && let Some(tree) = &mut self.tree
                    {
                        tree.catch_up(self.end);
                    }
                    if few == 0 && std::mem::take(&mut flooded) {
                        self.rest();
                    }
                    std::thread::sleep(IDLE);
                }
                Ok(many) => {
                    flooded = true;
                    let rested = tide.rest(begun.elapsed(), running, recorded);
                    if !rested && many < BATCH {
                        std::thread::sleep(FLOODED);
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "cannot index; trying again");
                    if !still {
                        return;
                    }
                    std::thread::sleep(FAILED);
                    self.rewind();
                }
            }
        }
    }

    /// Indexes one batch and says how many records it had.
    ///
    /// # Errors
    /// Journal, ledger or index fail; the batch is then not in the index.
    pub fn step(&mut self) -> Result<usize, DaemonError> {
        let records = self.source.take()?;
        self.end = records.end;
        let Some(followed) = records.last else {
            return Ok(0);
        };
        if let Some(first) = records.erased {
            self.verdicts.know(&self.journal, &self.keys, first)?;
        }
        if self.decided.follow(&self.ledger)? || !self.joined.is_read() {
            self.joined = Joined::read(&self.index, &self.ledger)?;
            self.places = Places::default();
        }
        let mut alerts = Vec::new();
        let index = Arc::clone(&self.index);
        let batch = index.batch()?;
        for (at, trip) in &records.trips {
            alerts.extend(self.conclude(&batch, *at, trip, followed.sequence)?);
        }
        if !alerts.is_empty() {
            self.ledger.enqueue(&alerts)?;
        }
        batch.commit(followed)?;
        if let Some(ahead) = &self.ahead {
            ahead.indexed(followed.sequence);
        }
        if let (Some(announcer), false) = (&self.announcer, alerts.is_empty()) {
            (announcer.wake)();
        }
        if let Some(tree) = &mut self.tree {
            tree.grow(followed.sequence + 1, records.end, CAUGHT_UP);
        }
        Ok(records.count)
    }

    /// Gives back what is kept only for a flood.
    fn rest(&mut self) {
        self.places = Places::default();
        self.assessor.rest();
        self.index.shrink();
        self.ledger.shrink();
    }

    /// After a failed batch: read on from what the index really holds.
    fn rewind(&mut self) {
        self.joined = Joined::default();
        let reader = position(&self.index, self.station)
            .and_then(|after| open_reader(&self.journal, &self.keys, after));
        match reader {
            Ok(reader) => self.source = Source::Following(Box::new(reader)),
            Err(error) => tracing::error!(%error, "cannot read the journal again"),
        }
    }

    /// Draws every conclusion from one trip; returns the alerts it is worth. `last` is the batch's
    /// last record: one checkpoint serves all alerts of the batch.
    fn conclude(
        &mut self,
        batch: &Batch<'_>,
        at: Position,
        trip: &Trip,
        last: u64,
    ) -> Result<Vec<Delivery>, DaemonError> {
        let nonce = self
            .decided
            .drills
            .nonce(trip, |nonce| batch.signal(NONCE, nonce))?;
        let place = self.places.of(&self.ledger, trip.canary)?;
        let known = Known {
            signal: &|signal, value| batch.signal(signal, value),
            note: &|name| batch.note(name),
            hands: self.joined.at(trip.observed.time),
        };
        let Assessed {
            network,
            mut judgement,
            linked,
        } = (self.assessor).assess(trip, nonce.is_some(), place, &known);
        self.verdicts.lay_over(trip.id.sequence, &mut judgement);
        let actor = linked.actor;
        let time = trip.observed.time;
        remember(batch, &linked, time);
        for (one, other) in &linked.joins {
            self.joined.join(*one, *other);
        }
        if let Some(nonce) = nonce {
            let trip = trip.id;
            batch.learn(NONCE, &nonce, lapwing_store::Seen { actor, trip, time });
        }
        let mute = self.decided.mute(trip, judgement.verdict);
        let open = self.open_incident(batch, trip, actor)?;
        let mut folded = fold(
            trip,
            &judgement,
            open.as_ref().map_or(actor, |open| open.actor),
            open.as_ref(),
            mute.is_some(),
            self.incident_seconds,
        );
        batch.put_incident(&folded.incident)?;
        let known = batch.actor(actor)?;
        // Of a look-up only a resolver was seen: the first address of whoever it was is news.
        let nobody = known
            .as_ref()
            .is_some_and(|actor| actor.addresses.is_empty());
        if nobody && mute.is_none() && trip.observed.knows_source() && !folded.opened {
            folded.announce.get_or_insert(folded.incident.count);
        }
        batch.put_actor(&with_trip(known, actor, trip));
        let alerts = match &self.announcer {
            Some(announcer) => announcer.alerts(trip, &folded, &network, &judgement, last)?,
            None => Vec::new(),
        };
        batch.add_trip(&TripRow {
            canary: trip.canary,
            time,
            source: trip.observed.source(),
            count: trip.count,
            segment: at.segment,
            offset: at.offset,
            conclusion: Conclusion {
                trip: trip.id,
                network,
                judgement,
                incident: folded.incident.id,
                actor,
                evidence: linked.evidence,
                session: Some(linked.session),
                mute,
            },
        })?;
        Ok(alerts)
    }
}

impl Indexer {
    /// The incident of this canary and hand that goes on with a trip. It may have been opened for an actor that has
    /// turned out to be the same since.
    fn open_incident(
        &mut self,
        batch: &Batch<'_>,
        trip: &Trip,
        actor: ActorId,
    ) -> Result<Option<Incident>, DaemonError> {
        let window = self.incident_seconds;
        let goes_on = |incident: &Incident| goes_on(incident, trip, window);
        let newest = batch.newest_incident(trip.canary, actor)?.filter(goes_on);
        if newest.is_some() {
            return Ok(newest);
        }
        let mut found: Option<Incident> = None;
        for part in self.joined.at(trip.observed.time).parts(actor) {
            let open = batch.newest_incident(trip.canary, part)?.filter(goes_on);
            let is_newer = |open: &Incident| found.as_ref().is_none_or(|it| it.last < open.last);
            found = open.filter(is_newer).or(found);
        }
        Ok(found)
    }
}

/// Stores what the linker wants remembered.
fn remember(batch: &Batch<'_>, linked: &Linked, time: Timestamp) {
    let seen = lapwing_store::Seen {
        actor: linked.actor,
        trip: linked.session,
        time,
    };
    for (signal, value) in &linked.learn {
        batch.learn(signal, value, seen);
    }
    for (name, note) in &linked.notes {
        batch.put_note(name, note);
    }
    for (one, other) in &linked.joins {
        batch.put_join(*one, *other);
    }
}

/// Conclusions are drawn from what was observed and claimed; raw bytes stay sealed.
fn open_reader(journal: &Path, keys: &Keyring, after: Option<u64>) -> Result<Reader, DaemonError> {
    Ok(Reader::open(journal, keys, after)?.opening(&record::CONCLUDED_FROM))
}

/// The last record of `station` that is in the index.
fn position(index: &Index, station: StationId) -> Result<Option<u64>, DaemonError> {
    Ok(index.position(station)?.map(|followed| followed.sequence))
}

/// The actor with one more trip.
fn with_trip(known: Option<Actor>, id: ActorId, trip: &Trip) -> Actor {
    let time = trip.observed.time;
    let last = trip.times.last().copied().unwrap_or(time);
    let mut actor = known.unwrap_or_else(|| Actor {
        id,
        first: time,
        last,
        count: 0,
        addresses: Vec::new(),
        fingerprints: Vec::new(),
        canaries: Vec::new(),
        latest: trip.id,
    });
    actor.first = actor.first.min(time);
    actor.last = actor.last.max(last);
    actor.count = actor.count.saturating_add(trip.count);
    actor.latest = trip.id;
    if trip.observed.knows_source() {
        note(&mut actor.addresses, trip.observed.source().ip());
    }
    note(&mut actor.canaries, trip.canary);
    if !trip.observed.fingerprint.is_empty() {
        note(&mut actor.fingerprints, trip.observed.fingerprint.clone());
    }
    actor
}

fn note<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if list.len() < LISTED && !list.contains(&item) {
        list.push(item);
    }
}
