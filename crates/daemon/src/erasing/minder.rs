//! Who sees to it that what is to be erased is: the station once a day by its ages, and at once what a command
//! asks for; or the command itself where no station runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lapwing_core::{
    Ages, Clock as _, Decision, Erase, EraseId, Erased, SystemClock, Timestamp, Verb, What,
    pending, text,
};
use lapwing_journal::{Journal, JournalError};
use lapwing_store::Ledger;
use tokio::runtime::Handle;

use super::{Account, Before, Ended, Going, Ground, Lookups, Outcome, Progress};
use crate::DaemonError;
use crate::settings::Retention;

/// How often it is looked whether somebody asked for something.
const LOOK: Duration = Duration::from_millis(100);
/// How often the station looks for what is too old, in seconds.
const DAILY: i64 = 86_400;
/// How often it is looked whether a day is over.
const LOOK_AT_AGES: Duration = Duration::from_secs(20);
/// Pause after a failure.
const FAILED: Duration = Duration::from_secs(30);
/// How often the account is written while something is erased.
const TOLD: Duration = Duration::from_millis(500);
/// By how much it steps back where processors are scarce.
const NICENESS: i32 = 15;

/// Who asks for what is erased by the ages of the settings.
const BY: &str = "retention";

/// From when on records keep everything, by the ages of the settings; `None`: nothing is erased by age.
#[must_use]
pub fn retention_of(settings: &Retention, now: Timestamp) -> Option<Ages> {
    let Retention {
        raw_days,
        claims_days,
        captures_days,
        lookups_days,
    } = *settings;
    let before = |days: u32| (days > 0).then(|| now.plus_seconds(-i64::from(days) * 86_400));
    let ages = Ages {
        raw: before(raw_days),
        claims: before(claims_days),
        captures: before(captures_days),
        lookups: before(lookups_days),
    };
    (!ages.is_empty()).then_some(ages)
}

/// Says at the start what the settings come to.
fn say_settings(settings: &Retention) {
    if *settings != Retention::default() {
        tracing::info!(
            "retention: {}; what is older is erased once a day, unless it is under a hold",
            settings.words()
        );
    }
}

/// The station's own.
pub(crate) struct Minder {
    ground: Ground,
    journal: Journal,
    runtime: Handle,
    ledger: Arc<Ledger>,
    retention: Retention,
    root: PathBuf,
}

impl Minder {
    /// For the station whose journal that is. Must be called inside a tokio runtime.
    pub(crate) fn new(ground: Ground, journal: Journal, retention: Retention) -> Self {
        Self {
            journal,
            runtime: Handle::current(),
            ledger: Arc::clone(&ground.ledger),
            retention,
            root: ground.root.clone(),
            ground,
        }
    }

    /// Minds it until `going` says no.
    pub(crate) fn run(self, going: Going<'_>) {
        let _ = rustix::process::nice(NICENESS);
        say_settings(&self.retention);
        self.clear();
        let mut generation = None;
        let (mut not_before, mut look_at_ages) = (Instant::now(), Instant::now());
        while going() {
            std::thread::sleep(LOOK);
            if Instant::now() < not_before {
                continue;
            }
            let now = self.ledger.generation();
            let mut done = Ok(());
            if generation != Some(now) {
                done = self.asked(going);
            }
            if done.is_ok() && look_at_ages <= Instant::now() {
                look_at_ages = Instant::now() + LOOK_AT_AGES;
                done = self.daily(going);
            }
            match done {
                Ok(()) => generation = Some(now),
                Err(error) => {
                    tracing::error!(%error, "cannot erase; trying again");
                    not_before = Instant::now() + FAILED;
                    look_at_ages = not_before;
                }
            }
        }
    }

    /// What a station that died was about is not under way.
    fn clear(&self) {
        let mut account = Account::read(&self.root);
        account.now = None;
        account.ages = Some(self.retention.clone());
        account.write(&self.root);
    }

    /// Carries out what was asked for and is not done.
    fn asked(&self, going: Going<'_>) -> Result<(), DaemonError> {
        for erase in pending(&self.ledger.decisions()?) {
            let journal = (&self.journal, &self.runtime);
            let ended = carry_out(&self.ground, &erase, journal, &mut |_| {}, going)?;
            let Some(outcome) = ended else {
                return Ok(());
            };
            say(&erase.by, &outcome);
        }
        Ok(())
    }

    /// Once a day what is too old.
    fn daily(&self, going: Going<'_>) -> Result<(), DaemonError> {
        let now = SystemClock.now();
        let Some(ages) = retention_of(&self.retention, now) else {
            return Ok(());
        };
        let last = Account::read(&self.root).retention;
        // One from the future was left by a clock that was set back.
        let due = last.is_none_or(|last| !(0..DAILY).contains(&now.seconds_since(last.time)));
        if !due {
            return Ok(());
        }
        let erase = Erase {
            erase: EraseId::new(rand::random()),
            what: What::Older(ages),
            reason: "the ages in the settings".to_owned(),
            by: BY.to_owned(),
        };
        let journal = (&self.journal, &self.runtime);
        let mut asked = false;
        let mut begin = || {
            if !std::mem::replace(&mut asked, true) {
                decide(&self.ledger, Verb::Erase(erase.clone()))?;
            }
            Ok(())
        };
        let mut teller = Teller::new(&self.root, None);
        let what = &erase.what;
        let tell = &mut |progress: &Progress| teller.tell(progress);
        let ended = self
            .ground
            .erase(what, Before::Never, journal, &mut begin, tell, going)?;
        let Some(outcome) = ended else {
            return Ok(());
        };
        if asked {
            decide(&self.ledger, Verb::Erased(erased(erase.erase, &outcome)))?;
        }
        say(BY, &outcome);
        teller.ended(outcome);
        Ok(())
    }
}

fn say(by: &str, outcome: &Outcome) {
    let Outcome {
        parts,
        bytes,
        waiting,
        lookups,
        ..
    } = outcome;
    let held = outcome.held_parts();
    // Who asked is the operator's word.
    let by = text::escape_short(by.as_bytes(), 80);
    tracing::info!(
        "{by}: erased {parts} parts, {bytes} bytes; {held} stay under holds, {waiting} until they are indexed"
    );
    let Lookups {
        snapshots, lines, ..
    } = lookups;
    if snapshots + lines > 0 {
        tracing::info!(
            "{by}: erased {snapshots} answers to look-ups about addresses, and {lines} lines of the list of them"
        );
    }
}

/// Carries out an erasure that was asked for, and says so in the ledger; `None` if `going` said no before the
/// end. What can never be done is said there as well, and does not come again.
///
/// # Errors
/// Journal, ledger or index fail: to be tried again.
pub fn carry_out(
    ground: &Ground,
    erase: &Erase,
    journal: (&Journal, &Handle),
    tell: &mut dyn FnMut(&Progress),
    going: Going<'_>,
) -> Result<Option<Outcome>, DaemonError> {
    let mut teller = Teller::new(&ground.root, Some(erase.erase));
    let mut both = |progress: &Progress| {
        teller.tell(progress);
        tell(progress);
    };
    let begin = &mut || Ok(());
    let ended = ground.erase(
        &erase.what,
        Before::Perhaps,
        journal,
        begin,
        &mut both,
        going,
    );
    let (outcome, failed) = match ended {
        Ok(None) => return Ok(None),
        Ok(Some(outcome)) => (outcome, None),
        // Never to be had again; what fails for now comes as another error.
        Err(DaemonError::Journal(
            error @ (JournalError::Broken(_) | JournalError::NoRecord(_)),
        )) => (Outcome::default(), Some(error.to_string())),
        Err(error) => return Err(error),
    };
    let mut done = erased(erase.erase, &outcome);
    done.failed.clone_from(&failed);
    decide(&ground.ledger, Verb::Erased(done))?;
    teller.ended(outcome.clone());
    if let Some(failed) = failed {
        tracing::error!("erasure {} came to nothing: {failed}", erase.erase);
    }
    Ok(Some(outcome))
}

fn erased(erase: EraseId, outcome: &Outcome) -> Erased {
    Erased {
        erase,
        parts: outcome.parts,
        bytes: outcome.bytes,
        held: outcome.held_parts() + outcome.lookups.held_count(),
        snapshots: outcome.lookups.snapshots,
        lines: outcome.lookups.lines,
        failed: None,
    }
}

fn decide(ledger: &Ledger, verb: Verb) -> Result<(), DaemonError> {
    let time = SystemClock.now();
    Ok(ledger.decide(&Decision { time, verb })?)
}

/// Keeps the account.
struct Teller {
    root: PathBuf,
    erase: Option<EraseId>,
    told: Option<Instant>,
}

impl Teller {
    fn new(root: &Path, erase: Option<EraseId>) -> Self {
        Self {
            root: root.to_owned(),
            erase,
            told: None,
        }
    }

    fn tell(&mut self, progress: &Progress) {
        if self.told.is_some_and(|told| told.elapsed() < TOLD) {
            return;
        }
        self.told = Some(Instant::now());
        let mut account = Account::read(&self.root);
        account.now = Some(Progress {
            erase: self.erase,
            ..*progress
        });
        account.write(&self.root);
    }

    fn ended(&self, outcome: Outcome) {
        let mut account = Account::read(&self.root);
        account.now = None;
        let ended = Ended {
            time: SystemClock.now(),
            outcome,
        };
        match self.erase {
            None => account.retention = Some(ended),
            Some(_) => account.asked = Some(ended),
        }
        account.write(&self.root);
    }
}
