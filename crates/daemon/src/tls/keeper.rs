//! Watches the files of certificates, and shows what they hold without a restart. A file that cannot be used
//! changes nothing that is shown; that is said by every means.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lapwing_core::{Clock as _, SystemClock};
use lapwing_listen::{Certificate, Station};
use tokio::sync::{Notify, watch};

use super::{Obtainer, Source, acme, sources};
use crate::guard::Siren;
use crate::{DaemonError, Settings};

/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// A certificate that ends sooner than this, in seconds, should have been renewed.
const SOON: i64 = 10 * 86_400;

/// What tells that a file is another: time of change, size, inode.
type Stamp = Vec<Option<(i64, i64, u64, u64)>>;

/// Keeps the certificates.
pub(crate) struct Keeper {
    root: PathBuf,
    settings: Settings,
    front: Arc<Station>,
    reload: Arc<Notify>,
    /// What is shown, by the file of the chain.
    shown: BTreeMap<PathBuf, Certificate>,
    /// How the files were when they were last read.
    read: BTreeMap<PathBuf, Stamp>,
    /// How they were when they were last looked at.
    seen: BTreeMap<PathBuf, Stamp>,
    /// Which were said to end soon, and when they do.
    warned: BTreeMap<PathBuf, i64>,
    complaints: Vec<String>,
    ends: Ends,
    /// How often the files were read again because somebody asked.
    asked: watch::Sender<u64>,
}

/// Has the files of certificates read again.
#[derive(Clone, Debug)]
pub struct Reload {
    ask: Arc<Notify>,
    asked: watch::Receiver<u64>,
}

impl Reload {
    /// Resolves when they were read, or there is nobody to do it any more.
    pub async fn now(&mut self) {
        self.asked.mark_unchanged();
        self.ask.notify_one();
        let _ = self.asked.changed().await;
    }
}

/// When the certificates that are shown end. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ends(Arc<Mutex<Vec<End>>>);

/// When one does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// The file of the chain.
    pub(crate) file: String,
    /// Its first name.
    pub(crate) name: String,
    /// In seconds since 1970.
    pub(crate) end: i64,
}

impl Ends {
    pub(crate) fn all(&self) -> Vec<End> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set(&self, shown: &BTreeMap<PathBuf, Certificate>) {
        let ends = shown.iter().map(|(path, certificate)| End {
            file: path.display().to_string(),
            name: certificate.names.first().cloned().unwrap_or_default(),
            end: certificate.not_after,
        });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = ends.collect();
    }
}

/// When a changed file is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// When it has stayed the same for a while: chain and key are seldom written at the same moment.
    Settled,
    AtOnce,
}

impl Keeper {
    /// Shows what there is now.
    ///
    /// # Errors
    /// A setting that cannot be used. A file that cannot be is none: the station listens without it.
    pub(crate) fn new(
        root: &Path,
        settings: &Settings,
        front: Arc<Station>,
    ) -> Result<Self, DaemonError> {
        acme::check(settings, &front)?;
        let mut keeper = Self {
            root: root.to_owned(),
            settings: settings.clone(),
            front,
            reload: Arc::default(),
            shown: BTreeMap::new(),
            read: BTreeMap::new(),
            seen: BTreeMap::new(),
            warned: BTreeMap::new(),
            complaints: Vec::new(),
            ends: Ends::default(),
            asked: watch::Sender::new(0),
        };
        keeper.look(Patience::AtOnce);
        Ok(keeper)
    }

    /// What gets certificates from a public authority.
    pub(crate) fn obtainer(&self) -> Obtainer {
        Obtainer {
            root: self.root.clone(),
            settings: self.settings.tls.acme.clone(),
            front: Arc::clone(&self.front),
            reload: Arc::clone(&self.reload),
        }
    }

    /// What makes it read the files again at once.
    pub(crate) fn reload(&self) -> Reload {
        Reload {
            ask: Arc::clone(&self.reload),
            asked: self.asked.subscribe(),
        }
    }

    /// When what it shows ends.
    pub(crate) fn ends(&self) -> Ends {
        self.ends.clone()
    }

    /// Keeps them until it is dropped.
    pub(crate) async fn stand(mut self, siren: Siren) {
        loop {
            for complaint in std::mem::take(&mut self.complaints) {
                let next = ["`lapwing tls` shows every certificate and what is wrong with it."];
                siren.sound(&complaint, &next).await;
            }
            let reload = Arc::clone(&self.reload);
            let patience = tokio::select! {
                () = tokio::time::sleep(LOOK) => Patience::Settled,
                () = reload.notified() => Patience::AtOnce,
            };
            let looking = tokio::task::spawn_blocking(move || {
                self.look(patience);
                self
            });
            match looking.await {
                Ok(keeper) => {
                    self = keeper;
                    if patience == Patience::AtOnce {
                        self.asked.send_modify(|times| *times += 1);
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "certificates are not looked after any more");
                    return;
                }
            }
        }
    }

    fn look(&mut self, patience: Patience) {
        let sources = sources(&self.root, &self.settings);
        let mut changed = false;
        for source in &sources {
            let path = &source.certificate;
            let stamp = stamp(source);
            let settled = self.seen.insert(path.clone(), stamp.clone()) == Some(stamp.clone());
            if patience == Patience::Settled && (self.read.get(path) == Some(&stamp) || !settled) {
                continue;
            }
            self.read.insert(path.clone(), stamp);
            match source.load() {
                Ok(certificate) => {
                    tracing::info!(file = %path.display(), names = ?certificate.names, "shows a certificate");
                    self.shown.insert(path.clone(), certificate);
                    changed = true;
                }
                Err(error) => {
                    let kept = if self.shown.contains_key(path) {
                        "The one from before is still shown."
                    } else {
                        "It is not shown."
                    };
                    let complaint = format!("A certificate cannot be used: {error}. {kept}");
                    self.complaints.push(complaint);
                }
            }
        }
        let listed = |path: &PathBuf| sources.iter().any(|source| source.certificate == *path);
        let before = self.shown.len();
        self.shown.retain(|path, _| listed(path));
        self.read.retain(|path, _| listed(path));
        if changed || self.shown.len() != before {
            let certificates = sources.iter();
            let certificates: Vec<Certificate> = certificates
                .filter_map(|source| self.shown.get(&source.certificate).cloned())
                .collect();
            self.front.tls.show(&certificates);
            self.ends.set(&self.shown);
        }
        self.warn();
    }

    /// Complains of certificates that end soon, once of each.
    fn warn(&mut self) {
        let soon = SystemClock.now().seconds() + SOON;
        for (path, certificate) in &self.shown {
            let end = certificate.not_after;
            if end < soon && self.warned.insert(path.clone(), end) != Some(end) {
                let end = lapwing_core::Timestamp::from_micros(end.saturating_mul(1_000_000));
                self.complaints.push(format!(
                    "The certificate in {} ends on {}, or has ended.",
                    path.display(),
                    end.to_seconds_string()
                ));
            }
        }
    }
}

fn stamp(source: &Source) -> Stamp {
    [&source.certificate, &source.key]
        .map(|path| {
            let found = fs::metadata(path).ok()?;
            Some((found.mtime(), found.mtime_nsec(), found.size(), found.ino()))
        })
        .to_vec()
}
