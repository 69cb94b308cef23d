//! Minting, as the command line and the desk do it: which address, mail domain, locale and telephone
//! numbers a fresh canary gets, and the canary.

mod address;
mod desk;

use std::collections::{BTreeMap, BTreeSet};

use lapwing_catalog::{Address, Catalog, CatalogError, Kind, Locale, MintOrder, Scene};
use lapwing_core::{Canary, CanaryId, Clock as _, SystemClock, Timestamp};
use lapwing_store::{Ledger, StoreError};

use crate::Settings;

pub(crate) use desk::DeskMinter;

/// What describes a fresh canary.
#[derive(Clone, Default)]
pub struct Fresh {
    /// The operator's words on it.
    pub memo: String,
    /// The operator's labels.
    pub labels: BTreeMap<String, String>,
    /// Fields with fixed values; `phone` stands for the telephone numbers that records show.
    pub set: BTreeMap<String, String>,
    /// The one of the configured addresses that it is to carry.
    pub address: Option<String>,
    /// Where the people of records live, `es_MX`.
    pub locale: Option<String>,
}

/// What a canary has to agree with as a row of a table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// When the record was made; the rows come in that order.
    pub created: Timestamp,
    /// When the table was written out: nothing in it is later.
    pub written: Timestamp,
    /// What the rows have in common follows from it.
    pub style: u64,
}

/// Mints canaries of one kind as they were described.
pub struct Minter<'a> {
    kind: &'a Kind,
    memo: String,
    labels: BTreeMap<String, String>,
    set: BTreeMap<String, String>,
    address: Option<Address>,
    mail_domain: Option<String>,
    locale: Option<&'static Locale>,
    phones: Vec<String>,
    reserved: bool,
}

impl<'a> Minter<'a> {
    /// Chooses the address. Writes nothing.
    ///
    /// # Errors
    /// No address is set or free, or it is none of ours; an unknown locale; telephone numbers that no
    /// record can show; the ledger cannot be read.
    pub fn new(
        settings: &Settings,
        catalog: &Catalog,
        ledger: &Ledger,
        kind: &'a Kind,
        fresh: Fresh,
    ) -> Result<Self, MintError> {
        let Fresh {
            memo,
            labels,
            mut set,
            address,
            locale,
        } = fresh;
        let configured = &settings.addresses;
        let address = address::choose(kind, catalog, ledger, configured, address.as_deref())?;
        let mail_domain = mail_domain(settings, address.as_ref());
        let configured = Some(settings.locale.as_str()).filter(|set| !set.is_empty());
        let locale = locale.as_deref().or(configured);
        let locale = locale.filter(|_| kind.is_local()).map(Locale::named);
        let locale = locale.transpose()?;
        let phones = phones(settings, kind, &mut set);
        let scene = Scene {
            locale,
            phones: &phones,
            ..Scene::default()
        };
        scene.check()?;
        let reserved = scene.shows_reserved();
        Ok(Self {
            kind,
            memo,
            labels,
            set,
            address,
            mail_domain,
            locale,
            phones,
            reserved,
        })
    }

    /// Makes the host of the address answer as this kind. Before anything is minted with it.
    ///
    /// # Errors
    /// As for any write to the ledger.
    pub fn bind(&self, ledger: &Ledger) -> Result<(), MintError> {
        if let Some(address) = &self.address {
            ledger.bind(address.host(), &self.kind.id)?;
        }
        Ok(())
    }

    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> &'a Kind {
        self.kind
    }

    /// Fields whose values are fixed.
    #[must_use]
    pub fn kept(&self) -> BTreeSet<String> {
        self.set.keys().cloned().collect()
    }

    /// Whether records show telephone numbers.
    #[must_use]
    pub fn shows_phones(&self) -> bool {
        !self.phones.is_empty()
    }

    /// Whether some of those are numbers kept for fiction, which a reader may know.
    #[must_use]
    pub const fn shows_reserved(&self) -> bool {
        self.reserved
    }

    /// One fresh canary, not stored yet.
    ///
    /// # Errors
    /// Fields that cannot be set, or to that; no mail domain is known.
    pub fn one(&self) -> Result<Canary, MintError> {
        self.one_at(None)
    }

    /// One as a row of a table, or one by itself.
    ///
    /// # Errors
    /// As [`Minter::one`].
    pub fn one_at(&self, row: Option<Row>) -> Result<Canary, MintError> {
        let now = SystemClock.now();
        let fields = self.kind.mint(&mut MintOrder {
            rng: &mut rand::rng(),
            address: self.address.as_ref(),
            mail_domain: self.mail_domain.as_deref(),
            set: &self.set,
            now: row.map_or(now, |row| row.written),
            scene: Scene {
                locale: self.locale,
                phones: &self.phones,
                created: row.map(|row| row.created),
                style: row.map(|row| row.style),
            },
        })?;
        Ok(Canary {
            id: CanaryId::fresh(),
            kind: self.kind.id.clone(),
            memo: self.memo.clone(),
            labels: self.labels.clone(),
            fields,
            minted: now,
            retired: None,
        })
    }
}

/// A canary's handles as the ledger takes them: field, value.
#[must_use]
pub fn handles(kind: &Kind, canary: &Canary) -> Vec<(String, String)> {
    kind.handles(&canary.fields)
        .into_iter()
        .map(|(field, value)| (field.to_owned(), value))
        .collect()
}

/// The operator's own mail domain, or the domain of the address bait carries.
#[must_use]
pub fn mail_domain(settings: &Settings, address: Option<&Address>) -> Option<String> {
    let set = &settings.mail_domain;
    if !set.is_empty() {
        return Some(set.clone());
    }
    let host = match address {
        Some(address) => address.host().to_owned(),
        None => Address::parse(settings.addresses.first()?)
            .ok()?
            .host()
            .to_owned(),
    };
    let is_name = host.parse::<std::net::IpAddr>().is_err() && host.contains('.');
    is_name.then(|| host.trim_start_matches("*.").to_owned())
}

/// Telephone numbers records may show: those that are fixed, else the setting.
fn phones(settings: &Settings, kind: &Kind, set: &mut BTreeMap<String, String>) -> Vec<String> {
    if !kind.shows_phone() {
        return Vec::new();
    }
    match set.remove("phone") {
        Some(text) => text.split(',').map(|one| one.trim().to_owned()).collect(),
        None => settings.phones.clone(),
    }
}

/// Why nothing is minted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MintError {
    /// The kind carries an address of the operator's, and none is set.
    #[error("{kind} carries an address of yours, and none is set")]
    NoAddress {
        /// The kind.
        kind: String,
    },
    /// The address that was asked for is none of the configured ones.
    #[error("{address} is none of the configured addresses")]
    ForeignAddress {
        /// What was asked for.
        address: String,
    },
    /// The host that was asked for answers as another API.
    #[error("{host} already answers as {other}")]
    Taken {
        /// The host.
        host: String,
        /// The other kind.
        other: String,
    },
    /// Every address answers as another API.
    #[error("no address is free for {kind}: each answers as another API already")]
    NoneFree {
        /// The kind.
        kind: String,
    },
    /// The catalogue.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The ledger.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl MintError {
    /// What to do about it, where the message does not say so.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoAddress { .. } => Some(
                "set the public address of this station once: \
                 lapwing init --address 'https://*.your-domain' (or --address https://host)",
            ),
            Self::ForeignAddress { .. } => {
                Some("`lapwing config` shows them; `lapwing init --address URL` adds one")
            }
            Self::Taken { .. } => Some("a host answers as one API only: name another address"),
            Self::NoneFree { .. } => Some(
                "add one: lapwing init --address https://another-host, or a wildcard \
                 --address 'https://*.your-domain'",
            ),
            Self::Catalog(_) | Self::Store(_) => None,
        }
    }
}
