//! Follows the journal into the index: enrich, fold, alert, link. Exactly once, by sequence.
//!
//! One batch is one index transaction that holds its own position. Alerts are queued before it
//! commits, under keys derived from the trips: if the process dies in between, the same batch comes
//! again and queues nothing twice. Rebuilding the index runs the same code without an announcer.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lapwing_alert::{Folded, IncidentFacts, Message, delivery, fold};
use lapwing_attribute::{
    Geography, Linker, Rules, SameAddressOrProgram, Seen, Signals, TripFacts, judge,
};
use lapwing_catalog::Catalog;
use lapwing_core::{
    Actor, ActorId, CanaryId, Clock, Conclusion, Delivery, Incident, Judgement, Keyring,
    NetworkFacts, Occasion, PlacementState, StationId, Timestamp, Trip, Verb, Verdict,
};
use lapwing_journal::{Position, Reader};
use lapwing_store::{Batch, Followed, Index, Ledger, TripRow};

use crate::geography::geography;
use crate::record;
use crate::{DaemonError, Directory, Settings};

/// Records indexed in one transaction at most.
const BATCH: usize = 2_000;
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
/// Addresses whose network is remembered.
const NETWORKS: usize = 4096;
/// Signal under which a drill's nonce is remembered: it holds once.
const NONCE: &str = "nonce";

/// Where alerts go from the indexer.
pub struct Announcer {
    /// Names of the configured channels.
    pub channels: Vec<String>,
    /// The newest signed checkpoint, over this record if that can be had soon.
    pub checkpoint: Box<dyn Fn(u64) -> String + Send>,
    /// Called after alerts were queued.
    pub wake: Box<dyn Fn() + Send>,
    /// For when they were queued.
    pub clock: Arc<dyn Clock>,
}

/// Brings what the journal holds into the index.
pub struct Indexer {
    journal: PathBuf,
    keys: Keyring,
    station: StationId,
    exercise: bool,
    incident_seconds: i64,
    catalog: Arc<Catalog>,
    ledger: Arc<Ledger>,
    index: Index,
    reader: Reader,
    geography: Geography,
    networks: RefCell<HashMap<IpAddr, NetworkFacts>>,
    rules: Rules,
    linker: Box<dyn Linker>,
    announcer: Option<Announcer>,
    decided: Option<u64>,
    drills: HashMap<CanaryId, Vec<Announced>>,
}

/// A drill the operator announced.
struct Announced {
    nonce: String,
    from: Timestamp,
    until: Timestamp,
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
        announcer: Option<Announcer>,
    ) -> Result<Self, DaemonError> {
        let index = Index::open(directory.root())?;
        let keys = directory.keyring();
        let journal = directory.journal();
        let reader = open_reader(&journal, &keys, position(&index, directory.station())?)?;
        Ok(Self {
            reader,
            journal,
            keys,
            station: directory.station(),
            exercise: settings.exercise,
            incident_seconds: settings.fold.incident_seconds,
            catalog,
            ledger,
            index,
            geography: geography(&settings.geo)?,
            networks: RefCell::default(),
            rules: Rules {
                own: settings.own.networks.clone(),
            },
            linker: Box::new(SameAddressOrProgram {
                window_seconds: settings.fold.actor_seconds,
            }),
            announcer,
            decided: None,
            drills: HashMap::new(),
        })
    }

    /// Indexes as records come, until `running` says no and nothing is left.
    pub fn follow(&mut self, running: &dyn Fn() -> bool) {
        loop {
            // Asked first: what came before the answer is still indexed.
            let running = running();
            match self.step() {
                Ok(0) if !running => return,
                Ok(all) if !running || all >= BATCH => {}
                // A transaction for each handful of records would cost more than the records.
                Ok(few) if few < FLOOD => std::thread::sleep(IDLE),
                Ok(_) => std::thread::sleep(FLOODED),
                Err(error) => {
                    tracing::error!(%error, "cannot index; trying again");
                    if !running {
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
        // Of a record no more is kept than what is concluded from: bodies and parts are large.
        let (mut count, mut last, mut trips) = (0, None, Vec::new());
        while count < BATCH {
            let Some(record) = self.reader.next()? else {
                break;
            };
            count += 1;
            let at = record.position;
            last = Some(Followed {
                station: record.station,
                sequence: record.sequence,
                segment: at.segment,
                offset: at.offset,
            });
            trips.extend(record::trip(&record).map(|trip| (at, trip)));
        }
        let Some(followed) = last else {
            return Ok(0);
        };
        self.follow_decisions()?;
        let mut alerts = Vec::new();
        let batch = self.index.batch()?;
        for (at, trip) in &trips {
            alerts.extend(self.conclude(&batch, *at, trip, followed.sequence)?);
        }
        if !alerts.is_empty() {
            self.ledger.enqueue(&alerts)?;
        }
        batch.commit(followed)?;
        if let (Some(announcer), false) = (&self.announcer, alerts.is_empty()) {
            (announcer.wake)();
        }
        Ok(count)
    }

    /// After a failed batch: read on from what the index really holds.
    fn rewind(&mut self) {
        let reader = position(&self.index, self.station)
            .and_then(|after| open_reader(&self.journal, &self.keys, after));
        match reader {
            Ok(reader) => self.reader = reader,
            Err(error) => tracing::error!(%error, "cannot read the journal again"),
        }
    }

    fn follow_decisions(&mut self) -> Result<(), DaemonError> {
        let generation = self.ledger.generation();
        if self.decided == Some(generation) {
            return Ok(());
        }
        self.drills.clear();
        for decision in self.ledger.decisions()? {
            match decision.verb {
                Verb::Drill {
                    canary,
                    nonce,
                    until,
                } => {
                    let drill = Announced {
                        nonce,
                        from: decision.time,
                        until,
                    };
                    self.drills.entry(canary).or_default().push(drill);
                }
                // States of incidents are laid over them when they are read.
                Verb::Acknowledge { .. } | Verb::Close { .. } => {}
            }
        }
        self.decided = Some(generation);
        Ok(())
    }

    /// Draws every conclusion from one trip; returns the alerts it is worth. `last` is the batch's
    /// last record: one checkpoint serves all alerts of the batch.
    fn conclude(
        &self,
        batch: &Batch<'_>,
        at: Position,
        trip: &Trip,
        last: u64,
    ) -> Result<Vec<Delivery>, DaemonError> {
        let network = self.network(trip.observed.source().ip());
        let nonce = self.announced_nonce(batch, trip)?;
        let class = self
            .catalog
            .kind(&trip.kind)
            .map_or("credential", |kind| kind.class.as_str());
        let facts = TripFacts {
            trip,
            network: &network,
            canary_class: class,
            drill: nonce.is_some(),
        };
        let judgement = judge(&facts, &self.rules);
        let linked = self.linker.link(&facts, &Known(batch));
        let actor = linked.actor;
        let time = trip.observed.time;
        let seen = lapwing_store::Seen {
            actor,
            trip: trip.id,
            time,
        };
        for (signal, value) in &linked.learn {
            batch.learn(signal, value, seen);
        }
        if let Some(nonce) = nonce {
            batch.learn(NONCE, &nonce, seen);
        }
        let open = batch.newest_incident(trip.canary, actor)?;
        let folded = fold(
            trip,
            &judgement,
            actor,
            open.as_ref(),
            self.incident_seconds,
        );
        batch.put_incident(&folded.incident)?;
        let known = batch.actor(actor)?;
        batch.put_actor(&with_trip(known, actor, trip));
        batch.add_trip(&TripRow {
            canary: trip.canary,
            time,
            source: trip.observed.source(),
            count: trip.count,
            segment: at.segment,
            offset: at.offset,
            conclusion: Conclusion {
                trip: trip.id,
                network: network.clone(),
                judgement: judgement.clone(),
                incident: folded.incident.id,
                actor,
                evidence: linked.evidence,
            },
        })?;
        self.alerts(trip, &folded, &network, &judgement, last)
    }

    /// What is known of an address. In a flood the same few come again and again.
    fn network(&self, address: IpAddr) -> NetworkFacts {
        let mut known = self.networks.borrow_mut();
        if known.len() >= NETWORKS {
            known.clear();
        }
        let facts = known.entry(address);
        facts
            .or_insert_with(|| self.geography.lookup(address))
            .clone()
    }

    /// The nonce of an announced drill that this trip carries, if it was not used before.
    fn announced_nonce(
        &self,
        batch: &Batch<'_>,
        trip: &Trip,
    ) -> Result<Option<String>, DaemonError> {
        let Some(drills) = self.drills.get(&trip.canary) else {
            return Ok(None);
        };
        let Some(claims) = &trip.claims else {
            return Ok(None);
        };
        let time = trip.observed.time;
        for drill in drills {
            let carried = claims.headers.iter().any(|(_, value)| {
                value.open("compared with the nonce the operator drew") == &drill.nonce
            });
            if carried && drill.from <= time && time <= drill.until {
                let used = batch.signal(NONCE, &drill.nonce)?;
                if used.is_none_or(|seen| seen.trip == trip.id) {
                    return Ok(Some(drill.nonce.clone()));
                }
            }
        }
        Ok(None)
    }

    fn alerts(
        &self,
        trip: &Trip,
        folded: &Folded,
        network: &NetworkFacts,
        judgement: &Judgement,
        last: u64,
    ) -> Result<Vec<Delivery>, DaemonError> {
        let Some(announcer) = &self.announcer else {
            return Ok(Vec::new());
        };
        if announcer.channels.is_empty() {
            return Ok(Vec::new());
        }
        let (occasion, number) = match (folded.opened, folded.announce) {
            (true, _) if judgement.verdict == Verdict::Drill => (Occasion::Drill, 1),
            (true, _) => (Occasion::Opened, 1),
            (false, Some(number)) => (Occasion::Continued, number),
            (false, None) => return Ok(Vec::new()),
        };
        let incident = &folded.incident;
        let Some(canary) = self.ledger.canary(trip.canary)? else {
            tracing::error!(canary = %trip.canary, "a trip names a canary the ledger does not have");
            return Ok(Vec::new());
        };
        let place = self.place(trip.canary)?;
        let message = Message::incident(&IncidentFacts {
            occasion,
            incident,
            canary: &canary,
            kind_name: self
                .catalog
                .kind(&canary.kind)
                .map_or(&canary.kind, |kind| &kind.name),
            place: place.as_deref(),
            trip,
            network,
            judgement,
            station: self.station,
            checkpoint: &(announcer.checkpoint)(last),
            exercise: self.exercise,
        });
        let now = announcer.clock.now();
        Ok(announcer
            .channels
            .iter()
            .map(|channel| {
                delivery(
                    &alert_stem(incident, occasion, number),
                    channel,
                    &message,
                    now,
                )
            })
            .collect())
    }

    /// Where a canary stands, or stood last.
    fn place(&self, canary: CanaryId) -> Result<Option<String>, DaemonError> {
        let placements = self.ledger.placements_of(canary)?;
        Ok(placements
            .into_iter()
            .rfind(|placement| placement.state != PlacementState::Abandoned)
            .map(|placement| placement.target))
    }
}

/// Conclusions are drawn from what was observed and claimed; raw bytes stay sealed.
fn open_reader(journal: &Path, keys: &Keyring, after: Option<u64>) -> Result<Reader, DaemonError> {
    Ok(Reader::open(journal, keys, after)?.opening(&[record::CLAIMS]))
}

/// The last record of `station` that is in the index.
fn position(index: &Index, station: StationId) -> Result<Option<u64>, DaemonError> {
    Ok(index.position(station)?.map(|followed| followed.sequence))
}

/// What an alert is queued under, before its channel: the same whenever the trip is indexed again.
fn alert_stem(incident: &Incident, occasion: Occasion, number: u64) -> String {
    format!("{}/{occasion}/{number}", incident.id)
}

/// The key of the delivery that tells `channel` of a drill's arrival.
#[must_use]
pub fn drill_key(incident: &Incident, channel: &str) -> String {
    format!("{}@{channel}", alert_stem(incident, Occasion::Drill, 1))
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
    note(&mut actor.addresses, trip.observed.source().ip());
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

/// The index's signals as the linker asks for them.
struct Known<'a, 'b>(&'a Batch<'b>);

impl Signals for Known<'_, '_> {
    fn get(&self, signal: &str, value: &str) -> Option<Seen> {
        let seen = self.0.signal(signal, value).unwrap_or_else(|error| {
            tracing::error!(%error, "cannot look up a signal");
            None
        });
        seen.map(|seen| Seen {
            actor: seen.actor,
            trip: seen.trip,
            time: seen.time,
        })
    }
}
