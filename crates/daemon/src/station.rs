//! Starting, running and stopping a station.
//!
//! Read [`Station::prepare`] and [`Station::run`] for the whole: open everything behind the doors, which are
//! bound, catch up with what an earlier run left unindexed, listen, and on stop go down in the order in which a
//! trip comes in.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lapwing_alert::{CHANNELS, Channel, Dispatcher, Pace};
use lapwing_catalog::{Address, Catalog};
use lapwing_console::Desk;
use lapwing_core::{Clock, StationId, SystemClock, Timestamp};
use lapwing_journal::{Body, Entry, Journal};
use lapwing_listen::{Door, Forwarders, Gate, Limits, Listener, Persona, Tls};
use lapwing_store::Ledger;
use tokio::sync::{oneshot, watch};
use tokio::task::{AbortHandle, JoinSet};

use crate::ahead::{Ahead, Herald};
use crate::announcer::Announcer;
use crate::confine::Standing;
use crate::descriptors;
use crate::doors::{Bound, Doors};
use crate::erasing::{Ground, Minder};
use crate::examiner::Examiner;
use crate::guard::{Guard, Siren};
use crate::health::Health;
use crate::hosts::Hosts;
use crate::indexer::Indexer;
use crate::mark::{self, Mark};
use crate::mint::{self, DeskMinter};
use crate::monitor::{State, Watch, Watcher};
use crate::outbox::{LedgerOutbox, Sent};
use crate::recognise::LedgerRecogniser;
use crate::settings::Listen;
use crate::sink::Recorder;
use crate::tls::{Keeper, Reload};
use crate::{DaemonError, Directory, Settings};
use crate::{persona, zones};

/// A station ready to run: everything is open and bound, nothing is answered yet.
pub struct Station {
    settings: Settings,
    journal: Journal,
    recorder: Recorder,
    indexer: Indexer,
    ahead: Ahead,
    herald: Herald,
    dispatcher: Arc<Dispatcher>,
    clock: Arc<dyn Clock>,
    recogniser: Arc<LedgerRecogniser>,
    front: Arc<lapwing_listen::Station>,
    listeners: Vec<Listener>,
    desk: Arc<Desk>,
    desks: Vec<TcpListener>,
    hosts: Hosts,
    keeper: Keeper,
    minder: Minder,
    watcher: Watcher,
    station: StationId,
    root: PathBuf,
    mark: Mark,
    torn: u64,
}

impl Station {
    /// Opens everything behind doors that are bound; `standing` says what was given up. Must be called inside a
    /// tokio runtime.
    ///
    /// # Errors
    /// A setting that cannot be used, a damaged journal, ...
    pub async fn prepare(
        directory: &Directory,
        settings: Settings,
        doors: Doors,
        standing: Standing,
    ) -> Result<Self, DaemonError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let catalog = Arc::new(catalog(directory)?);
        let ledger = directory.ledger()?;
        let (journal, recovery) = open_journal(directory, &settings, Arc::clone(&clock))?;
        if let Some(alive) = mark::left_behind(directory.root()) {
            note_break(&journal, alive, directory.root()).await;
        }
        let (dispatcher, sent) = dispatcher(directory, &settings, &ledger, &journal)?;
        let announcer = announcer(
            directory,
            &settings,
            &catalog,
            &ledger,
            &journal,
            &dispatcher,
        );
        let recorded = journal.next_sequence();
        let (indexer, ahead, herald) = indexing(directory, &settings, announcer, recorded)?;
        let recorder = Recorder::new(
            journal.clone(),
            ahead.clone(),
            directory.keyring().epoch(),
            settings.quota.clone(),
        );
        let recogniser = Arc::new(LedgerRecogniser::new(
            Arc::clone(&ledger),
            directory.keyring(),
        )?);
        let sink = Arc::new(recorder.clone());
        let asked = Arc::clone(&recogniser);
        let front = Arc::new(front(directory, &ledger, &settings, catalog, asked, sink)?);
        let listeners = listeners(doors.trap)?;
        let examiner = Examiner::new(Arc::clone(&recogniser), recorder.clone());
        let keeper = Keeper::new(directory.root(), &settings, Arc::clone(&front))?;
        let watcher = Watcher(Arc::new(Watch {
            root: directory.root().to_owned(),
            journal: journal.clone(),
            recorder: recorder.clone(),
            ahead: ahead.clone(),
            ledger: Arc::clone(&ledger),
            front: Arc::clone(&front),
            sent,
            ends: keeper.ends(),
            dates: indexer.dates(),
            standing,
            state: State::default(),
        }));
        let desk = desk(&settings, &front.catalog, examiner, &watcher);
        let hosts = hosts(&settings, &desk, &journal, &dispatcher, directory.station());
        let ground = Ground::of(directory, ledger, indexer.index());
        let minder = Minder::new(ground, journal.clone(), settings.retention.clone());
        // Last: a start that fails is no station that did not end in order.
        let mark = Mark::set(directory.root(), clock.now());
        Ok(Self {
            settings,
            journal,
            recorder,
            indexer,
            ahead,
            herald,
            dispatcher,
            clock,
            recogniser,
            front,
            listeners,
            desk,
            desks: doors.desk,
            hosts,
            keeper,
            minder,
            watcher,
            station: directory.station(),
            root: directory.root().to_owned(),
            mark,
            torn: recovery.torn_bytes,
        })
    }

    /// How it is, from now on.
    #[must_use]
    pub fn health(&self) -> Health {
        let gate = Arc::clone(&self.front.gate);
        Health::new(self.journal.clone(), self.recorder.clone(), gate)
    }

    /// Where it listens and for which protocol, with the ports the system chose.
    ///
    /// # Errors
    /// The system does not say.
    pub fn doors(&self) -> std::io::Result<Vec<(&'static str, Door)>> {
        let door = |listener: &Listener| Ok((listener.protocol().name, listener.door()?));
        self.listeners.iter().map(door).collect()
    }

    /// Where the desk is, with the ports the system chose; empty if there is none.
    ///
    /// # Errors
    /// The system does not say.
    pub fn desks(&self) -> std::io::Result<Vec<SocketAddr>> {
        self.desks.iter().map(TcpListener::local_addr).collect()
    }

    /// Bytes of an unfinished record, never answered for, cut from the journal at opening.
    #[must_use]
    pub fn torn(&self) -> u64 {
        self.torn
    }

    /// Whether it has a certificate to show.
    #[must_use]
    pub fn speaks_tls(&self) -> bool {
        self.front.tls.is_set()
    }

    /// What makes it read its certificates again at once.
    #[must_use]
    pub fn reload(&self) -> Reload {
        self.keeper.reload()
    }

    /// Runs until `stop` becomes true, then drains.
    ///
    /// # Errors
    /// A listener failed for good.
    pub async fn run(self, mut stop: watch::Receiver<bool>) -> Result<(), DaemonError> {
        let indexing = Arc::new(AtomicBool::new(true));
        let indexer = follow(self.indexer, self.journal.clone(), Arc::clone(&indexing))?;
        let herald = thread("herald", move || self.herald.run())?;
        let (minder, erasing) = (self.minder, Arc::new(AtomicBool::new(true)));
        let going = Arc::clone(&erasing);
        let eraser = thread("eraser", move || {
            minder.run(&|| going.load(Ordering::Acquire))
        })?;
        let (stop_alerts, alerts_stopped) = watch::channel(false);
        let dispatcher = Arc::clone(&self.dispatcher);
        let alerts = tokio::spawn(async move { dispatcher.run(alerts_stopped).await });
        let siren = Siren {
            dispatcher: self.dispatcher,
            clock: self.clock,
            channels: self.settings.alert.channels.keys().cloned().collect(),
            station: self.station,
            journal: self.journal.clone(),
        };
        let guard = Guard {
            recorder: self.recorder.clone(),
            recogniser: Arc::clone(&self.recogniser),
            gate: Arc::clone(&self.front.gate),
            siren: siren.clone(),
            mark: self.mark,
        };
        let minders = [
            tokio::spawn(guard.stand()).abort_handle(),
            tokio::spawn(self.keeper.obtainer().stand(siren.clone())).abort_handle(),
            tokio::spawn(self.keeper.stand(siren)).abort_handle(),
            tokio::spawn(look_again(Arc::clone(&self.recogniser))).abort_handle(),
            tokio::spawn(self.hosts.watch()).abort_handle(),
            tokio::spawn(self.watcher.clone().stand()).abort_handle(),
        ];
        let (halt, halted) = watch::channel(false);
        let mut asking = JoinSet::new();
        for desk in self.desks {
            let (of, halted) = (Arc::clone(&self.desk), halted.clone());
            asking.spawn(lapwing_console::serve(desk, of, halted));
        }
        let mut serving = JoinSet::new();
        for listener in self.listeners {
            serving.spawn(listener.serve(Arc::clone(&self.front), halted.clone()));
        }
        self.watcher.serving(true);
        // A listener that fails takes the station down: half a station would look healthy.
        let mut ended = tokio::select! {
            () = stopped(&mut stop) => None,
            ended = serving.join_next() => ended,
        };
        self.watcher.serving(false);
        let _ = halt.send(true);
        let mut outcome = Ok(());
        loop {
            if let Some(Err(error)) = ended {
                outcome = Err(DaemonError::Listener(error));
            }
            ended = serving.join_next().await;
            if ended.is_none() {
                break;
            }
        }
        while asking.join_next().await.is_some() {}
        // What it is about is finished, or left whole: it needs the journal for that.
        erasing.store(false, Ordering::Release);
        if tokio::time::timeout(FINISHING, eraser).await.is_err() {
            tracing::error!("erasing does not end: the disk does not answer");
        }
        self.recorder.catch_up(&self.recogniser).await;
        minders.iter().for_each(AbortHandle::abort);
        close(&self.journal, &self.recorder, &self.root).await;
        // The indexer finishes what the journal holds before it ends.
        indexing.store(false, Ordering::Release);
        let _ = indexer.await;
        self.ahead.close();
        let _ = herald.await;
        let _ = stop_alerts.send(true);
        let _ = alerts.await;
        outcome
    }
}

/// Starts the thread that indexes until `indexing` says no.
fn follow(
    mut indexer: Indexer,
    journal: Journal,
    indexing: Arc<AtomicBool>,
) -> Result<oneshot::Receiver<()>, DaemonError> {
    thread("indexer", move || {
        // Recording comes first: in a flood the index may lag, a trip may not.
        let _ = rustix::process::nice(INDEXER_NICENESS);
        indexer.follow(&|| indexing.load(Ordering::Acquire), &|| {
            journal.next_sequence()
        });
    })
}

/// Closes the journal, and says whether all is in it.
async fn close(journal: &Journal, recorder: &Recorder, root: &Path) {
    let waiting = recorder.unrecorded().waiting;
    if waiting > 0 {
        tracing::error!(
            waiting,
            "these were never recorded, and are lost with this process"
        );
    }
    let all = waiting == 0 && journal.healthy();
    journal.close().await;
    if all {
        mark::ended(root);
    }
}

/// Says in the evidence that the station before did not end in order: nothing is known of the time from when
/// it was last seen alive with all on record.
async fn note_break(journal: &Journal, alive: Timestamp, root: &Path) {
    let entry = Entry {
        body: Body::from(serde_json::json!({"type": "break", "alive": alive.micros()})),
        parts: Vec::new(),
        via: "station".to_owned(),
    };
    match journal.append(entry).await {
        Ok(_) => mark::ended(root),
        Err(error) => {
            tracing::error!(%error, "cannot record that the station before did not end in order");
        }
    }
    tracing::warn!("the station before did not end in order; it was last seen alive at {alive}");
}

/// What takes alerts to their channels, and the count of what became of them.
fn dispatcher(
    directory: &Directory,
    settings: &Settings,
    ledger: &Arc<Ledger>,
    journal: &Journal,
) -> Result<(Arc<Dispatcher>, Arc<Sent>), DaemonError> {
    let channels = channels(settings)?;
    let names: Vec<_> = channels.iter().map(|it| it.name().to_owned()).collect();
    let sent = Arc::new(Sent::of(&names));
    let outbox = Arc::new(LedgerOutbox {
        ledger: Arc::clone(ledger),
        sent: Arc::clone(&sent),
    });
    let signer = journal.clone();
    let dispatcher = Dispatcher::new(channels, outbox, Arc::new(SystemClock), pace(settings))
        .signed(directory.station(), move || signer.checkpoint());
    Ok((Arc::new(dispatcher), sent))
}

/// What makes alerts of trips.
fn announcer(
    directory: &Directory,
    settings: &Settings,
    catalog: &Arc<Catalog>,
    ledger: &Arc<Ledger>,
    journal: &Journal,
    dispatcher: &Arc<Dispatcher>,
) -> Announcer {
    let (journal, waking) = (journal.clone(), Arc::clone(dispatcher));
    Announcer {
        channels: dispatcher.channels().map(str::to_owned).collect(),
        checkpoint: Box::new(move |record| journal.checkpoint_over(record, SIGNING)),
        wake: Box::new(move || waking.wake()),
        clock: Arc::new(SystemClock),
        catalog: Arc::clone(catalog),
        ledger: Arc::clone(ledger),
        station: directory.station(),
        exercise: settings.exercise,
    }
}

/// What the listeners are given.
fn front(
    directory: &Directory,
    ledger: &Ledger,
    settings: &Settings,
    catalog: Arc<Catalog>,
    recogniser: Arc<LedgerRecogniser>,
    sink: Arc<Recorder>,
) -> Result<lapwing_listen::Station, DaemonError> {
    let (seed, system) = (
        directory.persona_seed(),
        persona::system(directory, ledger)?,
    );
    let mut limits = limits(&settings.listen);
    let most = descriptors::raise();
    if limits.connections > most {
        tracing::warn!(
            "at most {most} connections at once, not {} (listen.connections): the limit on open files is too low \
             for more (LimitNOFILE= of the unit, `ulimit -Hn`)",
            limits.connections
        );
        limits.connections = most;
    }
    Ok(lapwing_listen::Station {
        catalog,
        recogniser,
        sink,
        clock: Arc::new(SystemClock),
        seed,
        gate: Gate::of(&limits),
        limits,
        proxies: settings.listen.proxies.clone(),
        forwarders: Forwarders {
            networks: settings.listen.forwarders.clone(),
            header: settings.listen.forwarding_header.to_ascii_lowercase(),
        },
        persona: Persona::of(&system),
        hostname: hostname(settings)?,
        mail_domain: mint::mail_domain(settings, None).unwrap_or_default(),
        zones: zones::zones(settings, &system)?,
        system,
        tls: Tls::default(),
    })
}

/// Listens at the doors that intruders reach.
fn listeners(doors: Vec<Bound>) -> Result<Vec<Listener>, DaemonError> {
    let listening = doors.into_iter().map(|bound| {
        let Bound {
            protocol,
            door,
            sockets,
        } = bound;
        Ok(Listener::new(protocol, door, sockets)?)
    });
    listening.collect()
}

/// What the station calls itself where servers greet.
fn hostname(settings: &Settings) -> Result<String, DaemonError> {
    if !settings.listen.hostname.is_empty() {
        return Ok(settings.listen.hostname.clone());
    }
    let addresses = settings.addresses.iter();
    let addresses = addresses.map(|address| Address::parse(address));
    let addresses = addresses.collect::<Result<Vec<_>, _>>()?;
    let named = addresses.iter().find(|address| !address.is_ip());
    Ok(named.map_or_else(
        || "localhost.localdomain".to_owned(),
        |address| address.host().trim_start_matches("*.").to_owned(),
    ))
}

/// What is served at the desk.
fn desk(
    settings: &Settings,
    catalog: &Arc<Catalog>,
    examiner: Examiner,
    watcher: &Watcher,
) -> Arc<Desk> {
    let ledger = Arc::clone(&watcher.0.ledger);
    let minter = DeskMinter::new(settings.clone(), Arc::clone(catalog), Arc::clone(&ledger));
    Arc::new(Desk {
        ledger,
        examiner: Arc::new(examiner),
        minter: Arc::new(minter),
        monitor: Arc::new(watcher.clone()),
        clock: Arc::new(SystemClock),
    })
}

/// Who waits for the reports of other hosts.
fn hosts(
    settings: &Settings,
    desk: &Desk,
    journal: &Journal,
    dispatcher: &Arc<Dispatcher>,
    station: StationId,
) -> Hosts {
    let dispatcher = Arc::clone(dispatcher);
    Hosts {
        ledger: Arc::clone(&desk.ledger),
        clock: Arc::clone(&desk.clock),
        channels: settings.alert.channels.keys().cloned().collect(),
        station,
        journal: journal.clone(),
        wake: Box::new(move || dispatcher.wake()),
    }
}

/// What draws conclusions from the journal, of which `recorded` records are there already, and what goes
/// ahead of it.
fn indexing(
    directory: &Directory,
    settings: &Settings,
    announcer: Announcer,
    recorded: u64,
) -> Result<(Indexer, Ahead, Herald), DaemonError> {
    let announcer = Arc::new(announcer);
    let catalog = || Arc::clone(&announcer.catalog);
    let ledger = Arc::clone(&announcer.ledger);
    let told = Some(Arc::clone(&announcer));
    // Of a `reindex` that was killed.
    lapwing_store::Index::remove_unfinished(directory.root())?;
    let mut indexer = Indexer::open(directory, settings, catalog(), ledger, told)?;
    let ahead = Ahead::new(recorded);
    indexer.tell(ahead.clone())?;
    let index = indexer.index();
    let of = Arc::clone(&announcer);
    let keys = directory.keyring();
    let herald = Herald::new(ahead.clone(), index, settings, catalog(), of, keys)?;
    Ok((indexer, ahead, herald))
}

/// Starts a thread of its own: a runtime that is torn down must not wait for it. What is returned
/// resolves when it ends.
fn thread(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> Result<oneshot::Receiver<()>, DaemonError> {
    let (done, ended) = oneshot::channel();
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            work();
            let _ = done.send(());
        })
        .map_err(DaemonError::Thread)?;
    Ok(ended)
}

/// How long an alert waits for a checkpoint over its trip.
const SIGNING: Duration = Duration::from_millis(250);

/// How long a segment that is being rewritten is waited for at the end.
const FINISHING: Duration = Duration::from_secs(60);

/// By how much the indexer's thread steps back where processors are scarce.
const INDEXER_NICENESS: i32 = 10;

/// How often the ledger is read for changes that nobody announced.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

async fn look_again(recogniser: Arc<LedgerRecogniser>) {
    loop {
        tokio::time::sleep(LOOK_AGAIN).await;
        let recogniser = Arc::clone(&recogniser);
        let looked = tokio::task::spawn_blocking(move || recogniser.look_again()).await;
        if let Ok(Err(error)) = looked {
            tracing::error!(%error, "cannot look for new canaries");
        }
    }
}

/// Built-in kinds and the operator's own. A mistake in one of the latter must not keep the station
/// from listening: it then runs without them, and says so.
fn catalog(directory: &Directory) -> Result<Catalog, DaemonError> {
    Ok(match Catalog::load(Some(&directory.canaries())) {
        Ok(catalog) => catalog,
        Err(error) => {
            tracing::error!("running without your own kinds, one of which is wrong: {error}");
            Catalog::builtin()?
        }
    })
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the other end is gone: as good as a stop.
    drop(stop.wait_for(|stop| *stop).await);
}

/// Opens the journal for writing, as a station does or a command where none runs.
///
/// # Errors
/// Another process has it, or it is damaged.
pub fn open_journal(
    directory: &Directory,
    settings: &Settings,
    clock: Arc<dyn Clock>,
) -> Result<(Journal, lapwing_journal::Recovery), DaemonError> {
    let crate::settings::Journal {
        segment_bytes,
        checkpoint_records,
        checkpoint_seconds,
    } = settings.journal;
    let settings = lapwing_journal::Settings {
        directory: directory.journal(),
        station: directory.station(),
        origin: format!("station-{}", directory.station()),
        segment_bytes,
        checkpoint_records,
        checkpoint_seconds,
    };
    let seed = lapwing_journal::SigningSeed::new(directory.signing_seed());
    Ok(Journal::open(settings, seed, directory.keyring(), clock)?)
}

/// The configured channels, built.
///
/// # Errors
/// An unknown kind, or what that kind says of its settings.
pub fn channels(settings: &Settings) -> Result<Vec<Box<dyn Channel>>, DaemonError> {
    settings
        .alert
        .channels
        .iter()
        .map(|(name, config)| {
            let mut config = config.clone();
            let wanted = config
                .as_object_mut()
                .and_then(|config| config.remove("kind"));
            let wanted = wanted
                .as_ref()
                .and_then(serde_json::Value::as_str)
                .unwrap_or_default();
            let kind = CHANNELS
                .iter()
                .find(|kind| kind.name == wanted)
                .ok_or_else(|| {
                    let known: Vec<&str> = CHANNELS.iter().map(|kind| kind.name).collect();
                    DaemonError::Setting {
                        key: format!("alert.channels.{name}.kind"),
                        what: format!(
                            "{wanted:?} is no kind of channel; there are {}",
                            known.join(", ")
                        ),
                    }
                })?;
            Ok((kind.build)(name, &config)?)
        })
        .collect()
}

/// How fast and how often alerts are tried.
#[must_use]
pub fn pace(settings: &Settings) -> Pace {
    let crate::settings::Alert {
        heartbeat_seconds,
        retry_seconds,
        attempts,
        channels: _,
    } = settings.alert;
    Pace {
        heartbeat_seconds,
        retry_seconds,
        attempts,
        ..Pace::default()
    }
}

fn limits(settings: &Listen) -> Limits {
    let Listen {
        http: _,
        protocols: _,
        user: _,
        sandbox: _,
        hostname: _,
        proxies: _,
        forwarders: _,
        forwarding_header: _,
        connections,
        connections_per_address,
        header_bytes,
        body_bytes,
        raw_bytes,
        header_seconds,
        body_seconds,
        idle_seconds,
        drain_seconds,
    } = *settings;
    Limits {
        connections,
        connections_per_address,
        header_bytes,
        body_bytes,
        raw_bytes,
        header_deadline: Duration::from_secs(header_seconds),
        body_deadline: Duration::from_secs(body_seconds),
        idle: Duration::from_secs(idle_seconds),
        drain: Duration::from_secs(drain_seconds),
        ..Limits::default()
    }
}
