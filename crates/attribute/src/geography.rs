//! Where the network of an address is said to be.
//!
//! Layers, the first that covers an address answers: made-up facts of an exercise; special ranges,
//! which have no place; then the operator's files, the last one added first, and the embedded data,
//! put together so that a place never mixes two sources that disagree about the country.

mod embedded;
mod file;

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use lapwing_core::NetworkFacts;
use maxminddb::MaxMindDbError;
use serde::Serialize;

use crate::lists::{ListSource, Lists, ListsError};
use crate::special::{is_special, plain, special};
use embedded::Embedded;
use file::FileDatabase;

/// How far off a city may be where its source does not say, in kilometres.
const CITY_RADIUS_KM: u32 = 50;
/// What answers of an exercise name as their source.
const EXERCISE_SOURCE: &str = "made-up data of an exercise";

/// One database that places come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    /// `DB-IP IP to Country Lite`, or what a file calls itself.
    pub name: String,
    /// The file; `None` for data that is part of the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// The database type in its header, `GeoLite2-City`.
    pub kind: String,
    /// The day the data is of, `2026-06-01`.
    pub date: String,
    /// The licence as far as it is known; empty for the operator's files.
    pub licence: String,
    /// The text that has to be shown with its results; empty for the operator's files.
    pub attribution: String,
    /// Nodes of its search tree: a measure of how finely it cuts.
    pub records: u64,
    /// Which fields of `NetworkFacts` it gives: `country`, `city`, `coordinates`, `radius_km`,
    /// `asn`, `as_name`.
    pub fields: Vec<String>,
    /// Which addresses it covers: `IPv4`, `IPv6`.
    pub families: Vec<String>,
}

impl Source {
    /// How answers name it: name and date.
    fn label(&self) -> String {
        format!("{} {}", self.name, self.date)
    }
}

/// Why geography data cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GeographyError {
    /// The embedded data is damaged: the program was built from a broken tree.
    #[error("the embedded geography data is damaged: {0}")]
    Embedded(String),
    /// A file cannot be read, or is larger than 1 GiB.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not a MaxMind DB, or is damaged.
    #[error("{path} is not a usable MaxMind DB (.mmdb): {source}", path = path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: MaxMindDbError,
    },
    /// A file reads well, but holds nothing that this program knows how to use.
    #[error(
        "{path} (type {kind:?}) gives neither a country, a city, nor an AS number in a layout known \
         here; found {found}",
        path = path.display()
    )]
    NothingKnown {
        /// Which file.
        path: PathBuf,
        /// The database type in its header.
        kind: String,
        /// Names of the fields in its first records.
        found: String,
    },
    /// Lists of networks.
    #[error(transparent)]
    Lists(#[from] ListsError),
    /// An exercise names a network that real hosts may have.
    #[error("an exercise may only place documentation or private addresses, not {0}")]
    RealNetwork(IpNet),
}

/// All that is known of networks. Answers many threads at once.
pub struct Geography {
    embedded: Embedded,
    /// In the order added.
    files: Vec<FileDatabase>,
    exercise: Vec<(IpNet, NetworkFacts)>,
    lists: Lists,
    /// The embedded ones, then one for each of `files`.
    sources: Vec<Source>,
}

impl Geography {
    /// With the data that is part of the program: country, AS number and name, and published lists.
    ///
    /// # Errors
    /// Only if the program was built from damaged data.
    pub fn embedded() -> Result<Self, GeographyError> {
        let (embedded, sources) = embedded::open()?;
        Ok(Self {
            embedded,
            files: Vec::new(),
            exercise: Vec::new(),
            lists: Lists::embedded()?,
            sources,
        })
    }

    /// Adds an operator's `.mmdb` file (MaxMind's City, Country and ASN layouts, and the flat one of
    /// ip-location-db). It wins over those added before and over the embedded data. The file is held
    /// in memory whole, so it may be replaced on disk; at most 1 GiB.
    ///
    /// # Errors
    /// It cannot be read, is damaged, or no known field is found in it: what was found is said.
    pub fn add_file(&mut self, path: &Path) -> Result<Source, GeographyError> {
        let (file, source) = file::open(path)?;
        self.files.push(file);
        self.sources.push(source.clone());
        Ok(source)
    }

    /// Uses these lists of networks instead of the embedded ones.
    pub fn set_lists(&mut self, lists: Lists) {
        self.lists = lists;
    }

    /// The lists of networks in use.
    #[must_use]
    pub fn lists(&self) -> &Lists {
        &self.lists
    }

    /// Adds made-up facts for a demonstration or exercise; the most specific network counts. Answers
    /// from them say `exercise`.
    ///
    /// # Errors
    /// A network is not wholly inside a special range (documentation, private, ...): made-up facts
    /// about networks that exist are never given. Nothing is added then.
    pub fn add_exercise(
        &mut self,
        networks: Vec<(IpNet, NetworkFacts)>,
    ) -> Result<(), GeographyError> {
        if let Some((network, _)) = networks.iter().find(|(network, _)| !is_special(network)) {
            return Err(GeographyError::RealNetwork(*network));
        }
        self.exercise.extend(networks);
        Ok(())
    }

    /// What is known of the network an address belongs to. Never fails: what is not known is left
    /// out, and a damaged record counts as not known.
    #[must_use]
    pub fn lookup(&self, address: IpAddr) -> NetworkFacts {
        let address = plain(address);
        if let Some(facts) = self.exercise_facts(address) {
            return facts;
        }
        if let Some(word) = special(address) {
            return NetworkFacts {
                special: Some(word.to_owned()),
                ..NetworkFacts::default()
            };
        }
        let mut facts = NetworkFacts::default();
        let first_file = self.sources.len() - self.files.len();
        for (file, source) in self.files.iter().zip(&self.sources[first_file..]).rev() {
            if let Some(found) = file.lookup(address) {
                fill(&mut facts, found, source);
            }
        }
        let embedded = self.embedded.lookup(address);
        for source in &self.sources[..first_file] {
            fill(&mut facts, embedded.only(&source.fields), source);
        }
        settle(&mut facts);
        facts.lists = self.lists.lookup(address);
        if !facts.lists.is_empty() {
            let ListSource { name, date, .. } = self.lists.source();
            facts.sources.push(format!("{name} {date}"));
        }
        facts
    }

    /// Every database in use: the embedded ones, then the operator's in the order added.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    fn exercise_facts(&self, address: IpAddr) -> Option<NetworkFacts> {
        let (_, facts) = self
            .exercise
            .iter()
            .filter(|(network, _)| network.contains(&address))
            .max_by_key(|(network, _)| network.prefix_len())?;
        let mut facts = facts.clone();
        facts.exercise = true;
        if facts.sources.is_empty() {
            facts.sources.push(EXERCISE_SOURCE.to_owned());
        }
        Some(facts)
    }
}

impl std::fmt::Debug for Geography {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Geography")
            .field("sources", &self.sources)
            .field("exercise", &self.exercise)
            .finish_non_exhaustive()
    }
}

/// What one database says of one address.
#[derive(Clone, Debug, Default, PartialEq)]
struct Answer {
    country: Option<String>,
    city: Option<String>,
    coordinates: Option<(i64, i64)>,
    radius_km: Option<u32>,
    asn: Option<u32>,
    as_name: Option<String>,
}

impl Answer {
    /// Without the fields that `fields` does not name.
    fn only(&self, fields: &[String]) -> Self {
        let has = |name: &str| fields.iter().any(|field| field == name);
        let Self {
            country,
            city,
            coordinates,
            radius_km,
            asn,
            as_name,
        } = self.clone();
        Self {
            country: country.filter(|_| has("country")),
            city: city.filter(|_| has("city")),
            coordinates: coordinates.filter(|_| has("coordinates")),
            radius_km: radius_km.filter(|_| has("radius_km")),
            asn: asn.filter(|_| has("asn")),
            as_name: as_name.filter(|_| has("as_name")),
        }
    }

    /// The names of the fields that it has.
    fn fields(&self) -> Vec<&'static str> {
        [
            ("country", self.country.is_some()),
            ("city", self.city.is_some()),
            ("coordinates", self.coordinates.is_some()),
            ("radius_km", self.radius_km.is_some()),
            ("asn", self.asn.is_some()),
            ("as_name", self.as_name.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, is)| is.then_some(name))
        .collect()
    }
}

/// Fills what `facts` lacks. A city belongs to its country and a name to its number: neither is
/// taken from a source that says otherwise about them.
fn fill(facts: &mut NetworkFacts, answer: Answer, source: &Source) {
    let mut used = false;
    let mut take = |is: bool| {
        used |= is;
        is
    };
    let same_country =
        facts.country.is_none() || answer.country.is_none() || facts.country == answer.country;
    if take(facts.country.is_none() && answer.country.is_some()) {
        facts.country = answer.country;
    }
    if take(same_country && facts.city.is_none() && answer.city.is_some()) {
        facts.city = answer.city;
        facts.coordinates = answer.coordinates;
        facts.radius_km = answer.radius_km;
    }
    let same_system = facts.asn.is_none() || answer.asn.is_none() || facts.asn == answer.asn;
    if take(facts.asn.is_none() && answer.asn.is_some()) {
        facts.asn = answer.asn;
    }
    if take(same_system && facts.as_name.is_none() && answer.as_name.is_some()) {
        facts.as_name = answer.as_name;
    }
    if used {
        facts.sources.push(source.label());
    }
}

/// A radius for a city that came without one.
fn settle(facts: &mut NetworkFacts) {
    if facts.city.is_some() && facts.radius_km.is_none() {
        facts.radius_km = Some(CITY_RADIUS_KM);
    }
}

#[cfg(test)]
mod tests;
