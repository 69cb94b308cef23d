//! What is concluded from a trip and what is known of earlier ones: network, verdict, actor.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use lapwing_attribute::{
    Earlier, Linked, Linker, Memory, Rules, Scored, Seen, Signals, TripFacts, judge,
};
use lapwing_catalog::Catalog;
use lapwing_core::{Hands, Judgement, Keyring, NetworkFacts, Timestamp, Trip};
use lapwing_store::StoreError;

use crate::geography::crawlers;
use crate::geography::renew::Renewing;
use crate::{DaemonError, Settings};

/// Addresses whose network is remembered.
const NETWORKS: usize = 4096;

/// Draws conclusions, by the data and rules of the settings.
pub(crate) struct Assessor {
    catalog: Arc<Catalog>,
    geography: Renewing,
    rules: Rules,
    linker: Box<dyn Linker>,
    networks: RefCell<HashMap<IpAddr, NetworkFacts>>,
}

/// What links trips; what peers said it keeps as digests under the station's key.
pub(crate) fn linker(keys: Keyring) -> Scored {
    Scored::new(move |said| HEXLOWER.encode(&keys.digest(format!("linked\n{said}").as_bytes()).0))
}

/// The conclusions.
pub(crate) struct Assessed {
    pub(crate) network: NetworkFacts,
    pub(crate) judgement: Judgement,
    pub(crate) linked: Linked,
}

impl Assessor {
    /// # Errors
    /// Geography that cannot be used.
    pub(crate) fn new(
        settings: &Settings,
        catalog: Arc<Catalog>,
        keys: Keyring,
    ) -> Result<Self, DaemonError> {
        Ok(Self {
            catalog,
            geography: Renewing::new(&settings.geo)?,
            rules: Rules {
                own: settings.own.networks.clone(),
                crawlers: crawlers(&settings.geo)?,
            },
            linker: Box::new(linker(keys)),
            networks: RefCell::default(),
        })
    }

    /// The sources it concludes from, with the day of each in seconds since 1970.
    pub(crate) fn dates(&self) -> Vec<(String, i64)> {
        let geography = self.geography.current();
        let lists = geography.lists().source();
        let lists = ("lists".to_owned(), lists.date.as_str());
        let files = geography.sources().iter();
        let files = files.map(|source| {
            let name = source.file.as_ref().map(|path| path.display().to_string());
            (
                name.unwrap_or_else(|| source.name.clone()),
                source.date.as_str(),
            )
        });
        let dated = std::iter::once(lists).chain(files);
        let dated =
            dated.filter_map(|(name, date)| Some((name, Timestamp::parse(date)?.seconds())));
        dated.collect::<BTreeMap<_, _>>().into_iter().collect()
    }

    /// Concludes from one trip; `place` is where its bait stands.
    pub(crate) fn assess(
        &self,
        trip: &Trip,
        drill: bool,
        place: Option<&str>,
        known: &Known<'_>,
    ) -> Assessed {
        let network = self.network(trip.observed.source().ip(), trip.observed.time);
        let class = self
            .catalog
            .kind(&trip.kind)
            .map_or("credential", |kind| kind.class.as_str());
        let facts = TripFacts {
            earlier: Earlier::of(trip, known),
            trip,
            network: &network,
            canary_class: class,
            drill,
            place,
        };
        let judgement = judge(&facts, &self.rules);
        let linked = self.linker.link(&facts, known);
        Assessed {
            network,
            judgement,
            linked,
        }
    }

    /// Gives back what is kept only because the same few come again and again in a flood.
    pub(crate) fn rest(&self) {
        self.networks.take();
        self.linker.rest();
    }

    /// What is known of an address at a time. In a flood the same few come again and again.
    fn network(&self, address: IpAddr, time: Timestamp) -> NetworkFacts {
        let mut known = self.networks.borrow_mut();
        if self.geography.renew() || known.len() >= NETWORKS {
            known.clear();
        }
        let geography = self.geography.current();
        let facts = known.entry(address);
        let mut facts = facts.or_insert_with(|| geography.lookup(address)).clone();
        geography.add_time(&mut facts, address, time);
        facts
    }
}

/// Where a signal was seen last, by its name and value.
type LookUp<'a> = dyn Fn(&str, &str) -> Result<Option<lapwing_store::Seen>, StoreError> + 'a;

/// What the linker asks of the index.
pub(crate) struct Known<'a> {
    pub(crate) signal: &'a LookUp<'a>,
    pub(crate) note: &'a dyn Fn(&str) -> Result<Option<String>, StoreError>,
    pub(crate) hands: &'a Hands,
}

impl Signals for Known<'_> {
    fn get(&self, signal: &str, value: &str) -> Option<Seen> {
        let seen = found(signal, (self.signal)(signal, value))?;
        Some(Seen {
            actor: seen.actor,
            trip: seen.trip,
            time: seen.time,
        })
    }
}

impl Memory for Known<'_> {
    fn note(&self, name: &str) -> Option<String> {
        found("a note", (self.note)(name))
    }

    fn hands(&self) -> &Hands {
        self.hands
    }
}

fn found<T>(what: &str, looked_up: Result<Option<T>, StoreError>) -> Option<T> {
    looked_up.unwrap_or_else(|error| {
        tracing::error!(%error, what, "cannot look up what is known of earlier trips");
        None
    })
}
