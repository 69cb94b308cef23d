//! Geography that a running station takes up when its files change: looked at every so often, read again as a whole,
//! and used only if all of it reads. Until then, and if it does not, the old one stays.

use std::cell::{Cell, Ref, RefCell};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use lapwing_attribute::Geography;

use super::geography;
use super::kept::Kept;
use crate::DaemonError;
use crate::settings::Geo;

/// How often files are looked at.
const EVERY: Duration = Duration::from_secs(10);

/// What tells a file from the one before it.
type Stamp = Vec<(PathBuf, Option<(SystemTime, u64)>)>;

/// Geography as the settings ask for it, at any time.
pub(crate) struct Renewing {
    settings: Geo,
    geography: RefCell<Geography>,
    stamp: RefCell<Stamp>,
    looked: Cell<Instant>,
}

impl Renewing {
    /// # Errors
    /// As [`geography`].
    pub(crate) fn new(settings: &Geo) -> Result<Self, DaemonError> {
        let stamp = stamp(settings);
        Ok(Self {
            settings: settings.clone(),
            geography: RefCell::new(geography(settings)?),
            stamp: RefCell::new(stamp),
            looked: Cell::new(Instant::now()),
        })
    }

    /// What is in use.
    pub(crate) fn current(&self) -> Ref<'_, Geography> {
        self.geography.borrow()
    }

    /// Takes up what has changed, if it is time to look; says whether it did.
    pub(crate) fn renew(&self) -> bool {
        if self.looked.get().elapsed() < EVERY {
            return false;
        }
        self.looked.set(Instant::now());
        self.look()
    }

    fn look(&self) -> bool {
        let now = stamp(&self.settings);
        if *self.stamp.borrow() == now {
            return false;
        }
        // Whether it reads or not: it is tried again when it has changed again.
        self.stamp.replace(now);
        match geography(&self.settings) {
            Ok(new) => {
                self.geography.replace(new);
                tracing::info!("geography has changed, and is in use as it is now");
                true
            }
            Err(error) => {
                tracing::error!(%error, "geography has changed and cannot be used: the old one stays");
                false
            }
        }
    }
}

/// Every file that may be asked, with when it was written and how long it is.
fn stamp(settings: &Geo) -> Stamp {
    let fetched = settings.sources.iter();
    let fetched = fetched.map(|source| Kept::of(&settings.directory, source).path);
    let files = settings
        .files
        .iter()
        .cloned()
        .chain([settings.lists.clone()]);
    let seen = |path: PathBuf| {
        let seen = std::fs::metadata(&path)
            .and_then(|it| Ok((it.modified()?, it.len())))
            .ok();
        (path, seen)
    };
    files.chain(fetched).map(seen).collect()
}

#[cfg(test)]
mod tests {
    use lapwing_core::{Timestamp, WasExit};

    use super::*;
    use crate::settings::{GeoKind, GeoSource};

    #[test]
    fn what_changes_is_taken_up_and_what_does_not_read_is_not() {
        let home = tempfile::tempdir().unwrap();
        let source = GeoSource {
            name: "tor".to_owned(),
            kind: GeoKind::TorExits,
            ..GeoSource::default()
        };
        let settings = Geo {
            sources: vec![source],
            directory: home.path().to_owned(),
            ..Geo::default()
        };
        let renewing = Renewing::new(&settings).unwrap();
        let was = || {
            let at = Timestamp::parse("2026-11-28T12:00:00Z").unwrap();
            let facts = renewing
                .current()
                .lookup_at("193.0.6.1".parse().unwrap(), at);
            facts.tor_exit.map(|exit| exit.was)
        };
        assert_eq!(was(), None);
        assert!(!renewing.look());
        let path = home.path().join("tor.exits");
        std::fs::write(&path, "lapwing-exits 1\n= 2026-11-28\n+ 193.0.6.1\n").unwrap();
        assert!(renewing.look());
        assert_eq!(was(), Some(WasExit::Yes));
        std::fs::write(&path, "junk").unwrap();
        assert!(!renewing.look());
        assert_eq!(was(), Some(WasExit::Yes), "the old one stays");
        assert!(!renewing.renew(), "it was looked at just now");
    }
}
