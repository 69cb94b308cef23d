//! What is minted at the desk: one canary a request, so many an hour under one credential, and the same one
//! again if the request is repeated.
//!
//! Counts and keys are kept in memory for an hour, and no value is: what is told again is read from the
//! ledger. A restart forgets them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use lapwing_catalog::{Catalog, Kind};
use lapwing_console::{MINTED_BY, Minted, NotMinted, Wanted};
use lapwing_core::{Canary, CanaryId};
use lapwing_store::{Ledger, StoreError};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use super::{Fresh, MintError, Minter, handles};
use crate::Settings;

/// For how long a minting counts, and a key stands for it.
const HOUR: Duration = Duration::from_secs(3600);

const ASK: &str = "ask whoever runs the station: `lapwing kinds` lists the kinds, `lapwing kinds KIND` says \
                   what can be set of one";

/// Mints what is asked for at the desk.
pub(crate) struct DeskMinter {
    works: Arc<Works>,
    /// Held while something is minted: two at once could choose one address for two kinds, or mint twice
    /// under one key.
    lately: Arc<Mutex<Lately>>,
}

impl DeskMinter {
    pub(crate) fn new(settings: Settings, catalog: Arc<Catalog>, ledger: Arc<Ledger>) -> Self {
        let lately = Lately {
            limit: settings.desk.mints_per_hour,
            hours: HashMap::new(),
        };
        Self {
            works: Arc::new(Works {
                settings,
                catalog,
                ledger,
            }),
            lately: Arc::new(Mutex::new(lately)),
        }
    }
}

impl lapwing_console::Minter for DeskMinter {
    fn mint(&self, wanted: Wanted) -> BoxFuture<'static, Result<Minted, NotMinted>> {
        let (works, lately) = (Arc::clone(&self.works), Arc::clone(&self.lately));
        Box::pin(async move {
            // Waiting here keeps no thread, of which credentials and the ledger need some too.
            let mut lately = lately.lock_owned().await;
            let minted = tokio::task::spawn_blocking(move || works.mint(&mut lately, wanted)).await;
            minted.unwrap_or_else(|error| Err(NotMinted::Failed(error.to_string())))
        })
    }
}

struct Works {
    settings: Settings,
    catalog: Arc<Catalog>,
    ledger: Arc<Ledger>,
}

impl Works {
    fn mint(&self, lately: &mut Lately, wanted: Wanted) -> Result<Minted, NotMinted> {
        let request = digest(&wanted);
        if let Some(id) = lately.admit(&wanted, &request, Instant::now())? {
            return self.again(id);
        }
        let kind = self.catalog.require(&wanted.kind);
        let kind = kind.map_err(|error| refused(error.to_string()))?;
        if kind.artifact().is_some() {
            return Err(NotMinted::Refused {
                what: format!("{} is a file, and the desk gives values", kind.id),
                hint: "`lapwing mint` on the station writes it".to_owned(),
            });
        }
        let Wanted {
            credential,
            kind: _,
            memo,
            mut labels,
            set,
            key,
        } = wanted;
        labels.insert(MINTED_BY.to_owned(), credential.clone());
        let fresh = Fresh {
            memo,
            labels,
            set,
            ..Fresh::default()
        };
        let canary = self.add(kind, fresh).map_err(not_minted)?;
        lately.note(&credential, key, request, canary.id, Instant::now());
        tracing::info!(canary = %canary.id, kind = %kind.id, %credential, "minted at the desk");
        Ok(shown(kind, &canary))
    }

    fn add(&self, kind: &Kind, fresh: Fresh) -> Result<Canary, MintError> {
        let minter = Minter::new(&self.settings, &self.catalog, &self.ledger, kind, fresh)?;
        let canary = minter.one()?;
        minter.bind(&self.ledger)?;
        self.ledger.add(&canary, &handles(kind, &canary))?;
        Ok(canary)
    }

    /// What was minted for a request that has come before.
    fn again(&self, id: CanaryId) -> Result<Minted, NotMinted> {
        let failed = |error: StoreError| NotMinted::Failed(error.to_string());
        let canary = self.ledger.canary(id).map_err(failed)?;
        let canary = canary.ok_or_else(|| NotMinted::Failed(format!("canary {id} is gone")))?;
        let kind = self.catalog.require(&canary.kind);
        let kind = kind.map_err(|error| NotMinted::Failed(error.to_string()))?;
        Ok(shown(kind, &canary))
    }
}

fn shown(kind: &Kind, canary: &Canary) -> Minted {
    Minted {
        id: canary.id,
        fields: kind.shown(&canary.fields),
    }
}

fn refused(what: String) -> NotMinted {
    NotMinted::Refused {
        what,
        hint: ASK.to_owned(),
    }
}

/// What the asker is told. What would tell of other bait goes to the log.
fn not_minted(error: MintError) -> NotMinted {
    match &error {
        MintError::NoAddress { .. } => NotMinted::Refused {
            what: error.to_string(),
            hint: error.hint().unwrap_or(ASK).to_owned(),
        },
        MintError::Catalog(error) => refused(error.to_string()),
        MintError::ForeignAddress { .. }
        | MintError::Taken { .. }
        | MintError::NoneFree { .. }
        | MintError::Store(_) => NotMinted::Failed(error.to_string()),
    }
}

/// What was asked for, so that a key holds for one request.
fn digest(wanted: &Wanted) -> [u8; 32] {
    let Wanted {
        credential: _,
        kind,
        memo,
        labels,
        set,
        key: _,
    } = wanted;
    let text = serde_json::to_vec(&(kind, memo, labels, set)).expect("texts are JSON");
    Sha256::digest(text).into()
}

/// What was minted within the hour.
struct Lately {
    limit: u32,
    /// By credential.
    hours: HashMap<String, Hour>,
}

#[derive(Default)]
struct Hour {
    minted: VecDeque<Past>,
    /// That it is over its limit was logged.
    told: bool,
}

struct Past {
    at: Instant,
    key: Option<String>,
    request: [u8; 32],
    canary: CanaryId,
}

impl Lately {
    /// The canary that was minted for this request before; none if one may be minted now.
    fn admit(
        &mut self,
        wanted: &Wanted,
        request: &[u8; 32],
        now: Instant,
    ) -> Result<Option<CanaryId>, NotMinted> {
        let hour = self.hours.entry(wanted.credential.clone()).or_default();
        let over = |past: &Past| now.duration_since(past.at) >= HOUR;
        while hour.minted.front().is_some_and(over) {
            hour.minted.pop_front();
        }
        let same = |past: &&Past| past.key.is_some() && past.key == wanted.key;
        if let Some(past) = hour.minted.iter().find(same) {
            return if past.request == *request {
                Ok(Some(past.canary))
            } else {
                Err(NotMinted::KeyReused)
            };
        }
        if hour.minted.len() < self.limit as usize {
            return Ok(None);
        }
        if !hour.told {
            let credential = &wanted.credential;
            tracing::warn!(%credential, "a credential has had all that may be minted in an hour");
            hour.told = true;
        }
        let oldest = hour.minted.front();
        let left = oldest.map_or(HOUR, |past| HOUR - now.duration_since(past.at));
        Err(NotMinted::TooMany {
            limit: self.limit,
            wait: left.as_secs() + 1,
        })
    }

    fn note(
        &mut self,
        credential: &str,
        key: Option<String>,
        request: [u8; 32],
        canary: CanaryId,
        now: Instant,
    ) {
        let hour = self.hours.entry(credential.to_owned()).or_default();
        hour.told = false;
        hour.minted.push_back(Past {
            at: now,
            key,
            request,
            canary,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_later_all_is_forgotten() {
        let mut lately = Lately {
            limit: 2,
            hours: HashMap::new(),
        };
        let wanted = |credential: &str, key: &str| Wanted {
            credential: credential.to_owned(),
            kind: "github-pat".to_owned(),
            memo: String::new(),
            labels: [].into(),
            set: [].into(),
            key: Some(key.to_owned()),
        };
        let begun = Instant::now();
        let (one, request) = (CanaryId::fresh(), digest(&wanted("ci", "a")));
        for (key, canary) in [("a", one), ("b", CanaryId::fresh())] {
            let admitted = lately.admit(&wanted("ci", key), &request, begun);
            assert!(matches!(admitted, Ok(None)));
            lately.note("ci", Some(key.to_owned()), request, canary, begun);
        }
        let later = begun + HOUR / 2;
        let full = lately.admit(&wanted("ci", "c"), &request, later);
        assert!(matches!(
            full,
            Err(NotMinted::TooMany {
                limit: 2,
                wait: 1801
            })
        ));
        let again = lately.admit(&wanted("ci", "a"), &request, later);
        assert!(matches!(again, Ok(Some(canary)) if canary == one));
        let other = lately.admit(&wanted("ci", "a"), &[0; 32], later);
        assert!(matches!(other, Err(NotMinted::KeyReused)));
        // Keys and counts are a credential's own.
        let elsewhere = lately.admit(&wanted("app", "a"), &request, later);
        assert!(matches!(elsewhere, Ok(None)));
        let after = lately.admit(&wanted("ci", "a"), &request, begun + HOUR);
        assert!(matches!(after, Ok(None)));
    }
}
