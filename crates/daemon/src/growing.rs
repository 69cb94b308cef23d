//! The journal's tree as the indexer keeps it. At its first use it is looked through on a thread of its own, for a power
//! cut may have left anything in it; if it is damaged it is made anew, a piece at a time, while nothing waits to be
//! indexed. Without it all stays right, and reports take longer.

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use lapwing_journal::{Mended, Position, Tree, mend};

/// Records taken at once while nothing else is to be done: a tenth of a second at most.
const IDLY: u64 = 10_000;

/// A tree that grows.
pub(crate) struct Growing {
    journal: PathBuf,
    path: PathBuf,
    state: State,
    /// How many records are indexed.
    records: u64,
}

enum State {
    /// Nobody knows whether it is as it was written.
    Unknown,
    /// That is being looked at.
    Looking(JoinHandle<()>),
    /// It is, and is not open.
    Closed,
    Open(Tree),
}

impl Growing {
    /// The tree of this journal in the file `path`, of which so many records are indexed.
    pub(crate) const fn new(journal: PathBuf, path: PathBuf, records: u64) -> Self {
        Self {
            journal,
            path,
            state: State::Unknown,
            records,
        }
    }

    /// Takes records in up to this many, at most `most` of them. `end` is where the journal was read to.
    pub(crate) fn grow(&mut self, records: u64, end: Option<Position>, most: u64) {
        self.records = self.records.max(records);
        if matches!(self.state, State::Unknown) {
            self.look();
        }
        let Some(end) = end else {
            return;
        };
        let opened = match std::mem::replace(&mut self.state, State::Closed) {
            State::Looking(looking) if !looking.is_finished() => {
                self.state = State::Looking(looking);
                return;
            }
            State::Open(tree) => Ok(tree),
            State::Unknown | State::Looking(_) | State::Closed => {
                Tree::open(&self.journal, &self.path)
            }
        };
        let grown = opened.and_then(|mut tree| {
            tree.follow(self.records.min(tree.records() + most), end)?;
            Ok(tree)
        });
        match grown {
            Ok(tree) => self.state = State::Open(tree),
            Err(error) => tracing::debug!(%error, "the journal's tree is behind"),
        }
    }

    /// Takes in what it lacks, if something: to be called while there is time.
    pub(crate) fn catch_up(&mut self, end: Option<Position>) {
        let behind = match &self.state {
            State::Open(tree) => tree.records() < self.records,
            State::Looking(looking) => looking.is_finished(),
            State::Unknown | State::Closed => true,
        };
        if behind {
            self.grow(self.records, end, IDLY);
        }
    }

    /// Looks through the file beside all else, if there is one. Where no thread can be had it is done at once.
    fn look(&mut self) {
        self.state = State::Closed;
        if !self.path.exists() {
            return;
        }
        let (journal, path) = (self.journal.clone(), self.path.clone());
        let looking = std::thread::Builder::new().name("tree".to_owned());
        match looking.spawn(move || mended(&journal, &path)) {
            Ok(looking) => self.state = State::Looking(looking),
            Err(_) => mended(&self.journal, &self.path),
        }
    }
}

fn mended(journal: &Path, path: &Path) {
    match mend(journal, path) {
        Ok(Mended::Whole(_) | Mended::Missing) => {}
        Ok(Mended::Removed) => tracing::warn!(
            "the journal's tree ({}) was damaged, by a power cut perhaps: it is made anew. Until then large reports take longer",
            path.display()
        ),
        Err(error) => tracing::warn!(%error, "cannot look through the journal's tree"),
    }
}
