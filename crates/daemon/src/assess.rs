//! What is concluded from a trip and what is known of earlier ones: network, verdict, actor.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use lapwing_attribute::{
    Earlier, Geography, Linked, Linker, Rules, SameAddressOrProgram, Seen, Signals, TripFacts,
    judge,
};
use lapwing_catalog::Catalog;
use lapwing_core::{Judgement, NetworkFacts, Timestamp, Trip};
use lapwing_store::StoreError;

use crate::geography::{crawlers, geography};
use crate::{DaemonError, Settings};

/// Addresses whose network is remembered.
const NETWORKS: usize = 4096;

/// Draws conclusions, by the data and rules of the settings.
pub(crate) struct Assessor {
    catalog: Arc<Catalog>,
    geography: Geography,
    rules: Rules,
    linker: Box<dyn Linker>,
    networks: RefCell<HashMap<IpAddr, NetworkFacts>>,
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
    pub(crate) fn new(settings: &Settings, catalog: Arc<Catalog>) -> Result<Self, DaemonError> {
        Ok(Self {
            catalog,
            geography: geography(&settings.geo)?,
            rules: Rules {
                own: settings.own.networks.clone(),
                crawlers: crawlers(&settings.geo)?,
            },
            linker: Box::new(SameAddressOrProgram {
                window_seconds: settings.fold.actor_seconds,
            }),
            networks: RefCell::default(),
        })
    }

    /// The sources it concludes from, with the day of each in seconds since 1970.
    pub(crate) fn dates(&self) -> Vec<(String, i64)> {
        let lists = self.geography.lists().source();
        let lists = ("lists".to_owned(), lists.date.as_str());
        let files = self.geography.sources().iter();
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

    /// Concludes from one trip; `known` looks up where a signal was seen last.
    pub(crate) fn assess(
        &self,
        trip: &Trip,
        drill: bool,
        known: impl Fn(&str, &str) -> Result<Option<lapwing_store::Seen>, StoreError>,
    ) -> Assessed {
        let network = self.network(trip.observed.source().ip());
        let class = self
            .catalog
            .kind(&trip.kind)
            .map_or("credential", |kind| kind.class.as_str());
        let known = Known(known);
        let facts = TripFacts {
            earlier: Earlier::of(trip, &known),
            trip,
            network: &network,
            canary_class: class,
            drill,
        };
        let judgement = judge(&facts, &self.rules);
        let linked = self.linker.link(&facts, &known);
        Assessed {
            network,
            judgement,
            linked,
        }
    }

    /// What is known of an address. In a flood the same few come again and again.
    fn network(&self, address: IpAddr) -> NetworkFacts {
        let mut known = self.networks.borrow_mut();
        if known.len() >= NETWORKS {
            known.clear();
        }
        let facts = known.entry(address);
        facts
            .or_insert_with(|| self.geography.lookup(address))
            .clone()
    }
}

/// Signals as the linker asks for them.
struct Known<F>(F);

impl<F> Signals for Known<F>
where
    F: Fn(&str, &str) -> Result<Option<lapwing_store::Seen>, StoreError>,
{
    fn get(&self, signal: &str, value: &str) -> Option<Seen> {
        let seen = (self.0)(signal, value).unwrap_or_else(|error| {
            tracing::error!(%error, "cannot look up a signal");
            None
        });
        seen.map(|seen| Seen {
            actor: seen.actor,
            trip: seen.trip,
            time: seen.time,
        })
    }
}
