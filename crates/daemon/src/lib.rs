//! The running station: wires the life of a trip, step by step.
//!
//! `accept -> observe -> match -> record -> answer` happens in crate `listen`, which calls back into
//! [`recognise`] and [`sink`]; `enrich -> fold -> alert -> link` is the [`indexer`]'s work on what
//! the journal holds; `ahead` announces first uses when that lags. `examiner` answers at the desk,
//! and [`mint`] makes bait there; `monitor` says there how the station is. [`station`] starts and stops them,
//! once [`doors`] has bound the ports and [`confine`] has given up what it takes to do that.
//! Nothing here knows a terminal.

mod ahead;
pub mod announcer;
mod assess;
pub mod confine;
mod decided;
mod descriptors;
pub mod directory;
pub mod doors;
pub mod drills;
pub mod erasing;
mod examiner;
pub mod geography;
mod growing;
mod guard;
mod hands;
pub mod health;
mod hosts;
pub mod indexer;
mod lookup;
pub mod mark;
pub mod mint;
mod monitor;
mod outbox;
pub mod outward;
pub mod persona;
mod places;
pub mod recognise;
pub mod record;
pub mod settings;
mod shelf;
pub mod sink;
mod source;
pub mod station;
pub mod supervisor;
mod tide;
pub mod tls;
mod verdicts;
mod zones;

pub use directory::{Directory, Key, KeySource};
pub use doors::{Doors, Passed};
pub use health::Health;
pub use settings::Settings;
pub use station::Station;
pub use supervisor::Supervisor;

use std::path::PathBuf;

/// What can go wrong in setting up or running a station.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DaemonError {
    /// A file or directory of the data directory cannot be used.
    #[error("{}: {what}", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// What is wrong, and what to do.
        what: String,
        /// The system's reason.
        #[source]
        source: Option<std::io::Error>,
    },
    /// A setting cannot be used.
    #[error("setting {key}: {what}")]
    Setting {
        /// Its dotted name.
        key: String,
        /// What is wrong, and what to do.
        what: String,
    },
    /// A socket that systemd passes and that cannot be used.
    #[error("the passed socket {name:?}: {what}")]
    Passed {
        /// What its unit calls it.
        name: String,
        /// What is wrong, and what to do.
        what: String,
    },
    /// The system gives no thread.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// A certificate that cannot be made.
    #[error("cannot make a certificate")]
    Certificate(#[source] rcgen::Error),
    /// The catalogue.
    #[error(transparent)]
    Catalog(#[from] lapwing_catalog::CatalogError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] lapwing_journal::JournalError),
    /// Ledger or index.
    #[error(transparent)]
    Store(#[from] lapwing_store::StoreError),
    /// A listener that ended by itself.
    #[error("a listener failed: {0}; the log says more")]
    Listener(tokio::task::JoinError),
    /// A listener.
    #[error(transparent)]
    Listen(#[from] lapwing_listen::ListenError),
    /// The desk.
    #[error(transparent)]
    Console(#[from] lapwing_console::ConsoleError),
    /// Geography.
    #[error(transparent)]
    Geography(#[from] lapwing_attribute::GeographyError),
    /// Names of crawlers.
    #[error(transparent)]
    Crawlers(#[from] lapwing_attribute::crawlers::CrawlersError),
    /// An alert channel.
    #[error(transparent)]
    Alert(#[from] lapwing_alert::AlertError),
}
