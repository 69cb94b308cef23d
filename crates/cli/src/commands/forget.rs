//! What `purge` and `redact` share: look what would go, ask, and see to it that it goes. Where a station runs
//! it does that, for it alone writes the journal; else the command does.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use lapwing_core::{
    Clock as _, Decision, Erase, EraseId, Erased, HoldId, Holds, SystemClock, TripId, Verb, What,
    pending, why_erased,
};
use lapwing_daemon::erasing::{Account, Ground, Lookups, Outcome, Progress, carry_out};
use lapwing_daemon::indexer::Indexer;
use lapwing_daemon::record;
use lapwing_daemon::station::open_journal;
use lapwing_journal::{Journal, JournalError, Reader, Record};
use lapwing_store::{Index, Ledger};
use serde_json::{Value, json};

use super::plant::confirm;
use crate::args::Global;
use crate::context::Context;
use crate::failure::{Advice, Exit};
use crate::output;

/// How often it is looked whether the station is done.
const LOOK: Duration = Duration::from_millis(150);

/// What a command erases with.
pub(super) struct Forgetting {
    pub(super) context: Context,
    pub(super) ledger: Arc<Ledger>,
    ground: Ground,
}

impl Forgetting {
    pub(super) fn open(global: &Global) -> anyhow::Result<Self> {
        let context = Context::open(global)?;
        let (index, ledger) = (Arc::new(context.index()?), context.ledger()?);
        let ground = Ground::of(&context.directory, Arc::clone(&ledger), index);
        Ok(Self {
            context,
            ledger,
            ground,
        })
    }

    /// What would go.
    pub(super) fn look(&self, what: &What) -> anyhow::Result<Outcome> {
        let bar = output::progress(0, "looking through the evidence log");
        let outcome = self.ground.look(what, &mut |progress| show(&bar, progress));
        bar.finish_and_clear();
        Ok(outcome?)
    }

    /// Says what would go, and what stays and why.
    pub(super) fn say(&self, outcome: &Outcome) -> anyhow::Result<()> {
        let names: Vec<String> = sorts(outcome)
            .into_iter()
            .map(|(sort, count)| format!("{count} {sort}"))
            .collect();
        let names = match names.as_slice() {
            [] => String::new(),
            names => format!(" ({})", names.join(", ")),
        };
        let Outcome { parts, bytes, .. } = outcome;
        output::line(&format!("{parts} parts{names}, {bytes} bytes"))?;
        let holds = Holds::at(&self.ledger.decisions()?, SystemClock.now());
        let why = |id| {
            holds.get(id).map_or_else(String::new, |hold| {
                format!(" on {}, by {}: {}", hold.on, hold.by, hold.reason)
            })
        };
        for (id, count) in &outcome.held {
            output::line(&format!("{count} parts stay: hold {id}{}", why(*id)))?;
        }
        if outcome.waiting > 0 {
            output::line(&format!(
                "{} parts stay: their trips are not indexed yet, so it is not known what they are evidence for; a \
                 running station indexes them",
                outcome.waiting
            ))?;
        }
        say_lookups(&outcome.lookups, &why)
    }

    /// Asks, and erases; `None` if there is nothing, or nothing is to be erased. `of` says whose it is, in the question.
    pub(super) fn if_wanted(
        &self,
        erase: &Erase,
        looked: &Outcome,
        (dry_run, yes): (bool, bool),
        of: &str,
    ) -> anyhow::Result<Option<Erased>> {
        if dry_run || looked.is_empty() {
            if self.context.json {
                output::json(&as_json(None, looked, None))?;
            } else {
                output::say("nothing was erased");
            }
            return Ok(None);
        }
        if !self.may(yes, &format!("Erase {}{of} for good?", amount(looked)))? {
            output::say("nothing was erased");
            return Ok(None);
        }
        self.erase(erase).map(Some)
    }

    /// Asks, where somebody can be asked.
    pub(super) fn may(&self, yes: bool, question: &str) -> anyhow::Result<bool> {
        if yes {
            return Ok(true);
        }
        if self.context.json || !output::can_ask() {
            return Err(Advice::error(
                "nobody can be asked, and what is erased does not come back",
                "look with --dry-run, then say --yes",
            ));
        }
        confirm(question)
    }

    /// Puts it into the ledger, and waits until it is done.
    pub(super) fn erase(&self, erase: &Erase) -> anyhow::Result<Erased> {
        self.ledger.decide(&Decision {
            time: SystemClock.now(),
            verb: Verb::Erase(erase.clone()),
        })?;
        let bar = output::progress(0, "erasing");
        let done = self.see_to_it(erase.erase, &bar);
        bar.finish_and_clear();
        let done = done?;
        match &done.failed {
            Some(failed) => Err(Advice::error(
                format!("nothing was erased: {failed}"),
                "look at the log: lapwing evidence verify",
            )),
            None => Ok(done),
        }
    }

    fn see_to_it(&self, id: EraseId, bar: &indicatif::ProgressBar) -> anyhow::Result<Erased> {
        let directory = &self.context.directory;
        let mut generation = None;
        loop {
            let now = self.ledger.generation();
            if generation != Some(now) {
                generation = Some(now);
                if let Some(done) = done(&self.ledger.decisions()?, id) {
                    return Ok(done);
                }
            }
            // A station that ends meanwhile leaves it to us.
            match open_journal(directory, self.context.settings(), Arc::new(SystemClock)) {
                Ok((journal, _)) => self.by_ourselves(journal, bar)?,
                Err(lapwing_daemon::DaemonError::Journal(JournalError::Locked(_))) => {
                    if let Some(progress) = Account::read(directory.root()).now {
                        show(bar, &progress);
                    }
                    std::thread::sleep(LOOK);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Carries out all that was asked for.
    fn by_ourselves(&self, journal: Journal, bar: &indicatif::ProgressBar) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        for erase in pending(&self.ledger.decisions()?) {
            let writer = (&journal, runtime.handle());
            let tell = &mut |progress: &Progress| show(bar, progress);
            carry_out(&self.ground, &erase, writer, tell, &|| true)?;
        }
        self.index_on()?;
        runtime.block_on(journal.close());
        Ok(())
    }

    /// Lets the index follow the records of the erasure, as long as nobody else writes. Trips that no station has
    /// indexed are left to one: alerts come of them.
    fn index_on(&self) -> anyhow::Result<()> {
        let directory = &self.context.directory;
        let position = Index::open(directory.root())?.position(directory.station())?;
        let after = position.map(|last| last.sequence);
        let mut reader =
            Reader::open(&directory.journal(), &directory.keyring(), after)?.opening(&[]);
        while let Some(record) = reader.next()? {
            if record::trip(&record).is_some() {
                return Ok(());
            }
        }
        let catalog = Arc::new(self.context.catalog()?);
        let ledger = Arc::clone(&self.ledger);
        let settings = self.context.settings();
        let mut indexer = Indexer::open(directory, settings, catalog, ledger, None)?;
        while indexer.step()? > 0 {}
        Ok(())
    }

    /// Says what was done.
    pub(super) fn report(
        &self,
        erase: &Erase,
        looked: &Outcome,
        done: &Erased,
    ) -> anyhow::Result<Exit> {
        if self.context.json {
            output::json(&as_json(Some(erase), looked, Some(done)))?;
            return Ok(Exit::Fine);
        }
        output::line(&format!(
            "erased {} parts, {} bytes; {} parts stay under holds",
            done.parts, done.bytes, done.held
        ))?;
        if done.snapshots + done.lines > 0 {
            output::line(&format!(
                "erased {} answers to look-ups about addresses, and {} lines of the list of what went outward",
                done.snapshots, done.lines
            ))?;
        }
        output::say(
            "the records, their digests and what was concluded stay: `lapwing evidence verify` passes and counts what \
             is erased",
        );
        output::say(
            "backups that are older still hold it, and blocks of the disk that are not used again yet: sealed under \
             the key",
        );
        Ok(Exit::Fine)
    }
}

/// Says what would go, and what stays, of look-ups about addresses.
fn say_lookups(lookups: &Lookups, why: &dyn Fn(HoldId) -> String) -> anyhow::Result<()> {
    let Lookups {
        snapshots,
        lines,
        referred,
        held,
        waiting,
    } = lookups;
    if !lookups.is_empty() {
        output::line(&format!(
            "{snapshots} answers to look-ups about addresses, {lines} lines of the list of what went outward"
        ))?;
    }
    if *referred > 0 {
        output::line(&format!(
            "{referred} answers stay: trips from their addresses are kept"
        ))?;
    }
    for (id, count) in held {
        output::line(&format!(
            "{count} answers and lines of the list stay: hold {id}{}",
            why(*id)
        ))?;
    }
    if *waiting > 0 {
        output::line(&format!(
            "{waiting} answers and lines of the list stay: trips from their addresses are not indexed yet"
        ))?;
    }
    Ok(())
}

/// How much would go, in words.
pub(super) fn amount(outcome: &Outcome) -> String {
    let Lookups {
        snapshots, lines, ..
    } = outcome.lookups;
    match snapshots + lines {
        0 => format!("{} parts", outcome.parts),
        more => format!("{} parts, and {more} answers and lines", outcome.parts),
    }
}

/// What the parts are, and how many of each.
fn sorts(outcome: &Outcome) -> BTreeMap<&str, u64> {
    let mut sorts = BTreeMap::new();
    for (part, count) in &outcome.by_part {
        *sorts.entry(sort(part)).or_default() += count;
    }
    sorts
}

/// What a part is called before people.
fn sort(part: &str) -> &str {
    if part.starts_with("captured_") {
        "captures"
    } else {
        part
    }
}

/// What would go, or went.
pub(super) fn as_json(erase: Option<&Erase>, looked: &Outcome, done: Option<&Erased>) -> Value {
    let mut value = json!({
        "parts": done.map_or(looked.parts, |done| done.parts),
        "bytes": done.map_or(looked.bytes, |done| done.bytes),
        "by_part": sorts(looked),
        "held": looked.held,
        "waiting": looked.waiting,
        "lookups": looked.lookups,
        "erased": done.is_some(),
    });
    if let Some(erase) = erase {
        value["erasure"] = json!(erase);
    }
    value
}

fn show(bar: &indicatif::ProgressBar, progress: &Progress) {
    bar.set_length(progress.segments);
    bar.set_position(progress.segment);
}

/// What came of an erasure.
fn done(decisions: &[Decision], id: EraseId) -> Option<Erased> {
    decisions.iter().find_map(|decision| match &decision.verb {
        Verb::Erased(done) if done.erase == id => Some(done.clone()),
        _ => None,
    })
}

/// Why parts of a record are gone, in words; `None` if all are there.
pub(crate) fn erased_words(
    decisions: &[Decision],
    record: &Record,
    source: IpAddr,
) -> Option<String> {
    if record.erased.is_empty() {
        return None;
    }
    let trip = TripId {
        station: record.station,
        sequence: record.sequence,
    };
    let mut sorts: Vec<&str> = record.erased.iter().map(|part| sort(part)).collect();
    sorts.dedup();
    let what = sorts.join(", ");
    Some(match why_erased(decisions, trip, record.time, source) {
        Some(why) => {
            let date = why.time.to_seconds_string();
            format!("{what} erased on {date} by {}: {}", why.by, why.reason)
        }
        None => format!("{what} erased; this ledger does not say why"),
    })
}
