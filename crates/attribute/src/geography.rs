//! Where the network of an address is said to be.
//!
//! Layers, the first that covers an address answers: made-up facts of an exercise; special ranges,
//! which have no place; then the operator's files, the last one added first, and the embedded data,
//! put together so that a place never mixes two sources that disagree about the country. How far sources agree is
//! kept, and a network whose users need not be near its machines has no place.

mod announced;
mod answer;
mod compare;
mod embedded;
mod file;
mod location;
mod usage;

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ipnet::{IpNet, Ipv6Net};
use lapwing_core::{Listed, NetworkClass, NetworkFacts, Timestamp, TorExit, WasExit, bounded};
use maxminddb::MaxMindDbError;
use serde::Serialize;

use crate::exits::{Exits, ExitsError};
use crate::lists::{ListSource, Lists, ListsError};
use crate::special::{is_special, plain, special};
pub use announced::Announced;
use answer::{Answer, settle, together};
pub use compare::{Comparison, Coverage, Pair, compare};
use embedded::Embedded;
use file::FileDatabase;
use location::LocationFile;
pub use location::verify_location;

/// What a list of exits is called where it says what a network is used for.
const EXIT_LIST: &str = "Tor exit list";
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
    /// When it was made, in seconds since 1970.
    #[serde(skip)]
    pub built: i64,
    /// The licence as far as it is known, else empty.
    pub licence: String,
    /// The text that has to be shown with its results, as far as it is known, else empty.
    pub attribution: String,
    /// Nodes of its search tree: a measure of how finely it cuts.
    pub records: u64,
    /// Which fields of `NetworkFacts` it gives: `country`, `city`, `coordinates`, `radius_km`,
    /// `asn`, `as_name`, `classes` (what it is used for), `line`.
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
    /// A `location.db` that is none, is damaged, or is not signed by who should have.
    #[error("{} cannot be used as a location.db: {what}", path.display())]
    Location {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Lists of networks.
    #[error(transparent)]
    Lists(#[from] ListsError),
    /// Lists of exits of the Tor network.
    #[error(transparent)]
    Exits(#[from] ExitsError),
    /// An exercise names a network that real hosts may have.
    #[error("an exercise may only place documentation or private addresses, not {0}")]
    RealNetwork(IpNet),
}

/// A file of the operator's.
enum Database {
    Maxmind(FileDatabase),
    Location(Box<LocationFile>),
}

impl Database {
    fn open(path: &Path) -> Result<Vec<u8>, GeographyError> {
        let read = bounded::read_file(path, file::MAX_BYTES);
        let mut bytes = read.map_err(|source| GeographyError::Read {
            path: path.to_owned(),
            source,
        })?;
        // Reading leaves room for as much again.
        bytes.shrink_to_fit();
        Ok(bytes)
    }

    fn read(bytes: Vec<u8>, path: &Path) -> Result<(Self, Source), GeographyError> {
        if bytes.starts_with(location::MAGIC) {
            let (file, source) = location::from_bytes(bytes, path)?;
            return Ok((Self::Location(Box::new(file)), source));
        }
        let (file, source) = file::from_bytes(bytes, path)?;
        Ok((Self::Maxmind(file), source))
    }

    fn lookup(&self, address: IpAddr) -> Option<Answer> {
        match self {
            Self::Maxmind(file) => file.lookup(address),
            Self::Location(file) => file.lookup(address),
        }
    }

    /// Hands over the public IPv6 networks it holds.
    fn networks(&self, each: &mut dyn FnMut(Ipv6Net)) {
        match self {
            Self::Maxmind(file) => file.networks(each),
            Self::Location(file) => file.networks(each),
        }
    }
}

/// All that is known of networks. Answers many threads at once.
pub struct Geography {
    embedded: Embedded,
    /// In the order added.
    files: Vec<Database>,
    exercise: Vec<(IpNet, NetworkFacts)>,
    lists: Lists,
    exits: Vec<Exits>,
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
            exits: Vec::new(),
            sources,
        })
    }

    /// With nothing but a file: what it says on its own.
    ///
    /// # Errors
    /// As [`Geography::add_file`].
    pub fn only(path: &Path) -> Result<(Self, Source), GeographyError> {
        let mut geography = Self::embedded()?;
        let source = geography.add_file(path)?;
        for embedded in &mut geography.sources {
            if embedded.file.is_none() {
                embedded.fields.clear();
            }
        }
        Ok((geography, source))
    }

    /// Adds an operator's file: an `.mmdb` (MaxMind's City, Country, ASN and Anonymous IP layouts, and the flat one
    /// of ip-location-db) or IPFire's `location.db`. It wins over those added before and over the embedded data. The
    /// file is held in memory whole, so it may be replaced on disk; at most 1 GiB.
    ///
    /// # Errors
    /// It cannot be read, is damaged, or no known field is found in it: what was found is said.
    pub fn add_file(&mut self, path: &Path) -> Result<Source, GeographyError> {
        let bytes = Database::open(path)?;
        self.add_read(bytes, path)
    }

    /// As [`Geography::add_file`], with what was read from a file; given up again by [`Geography::drop_files`].
    ///
    /// # Errors
    /// It is damaged, or no known field is found in it.
    pub fn add_read(&mut self, bytes: Vec<u8>, path: &Path) -> Result<Source, GeographyError> {
        let (file, source) = Database::read(bytes, path)?;
        self.files.push(file);
        self.sources.push(source.clone());
        Ok(source)
    }

    /// Gives up all files that were added.
    pub fn drop_files(&mut self) {
        self.files.clear();
        self.sources.retain(|source| source.file.is_none());
    }

    /// Uses these lists of networks instead of the embedded ones.
    pub fn set_lists(&mut self, lists: Lists) {
        self.lists = lists;
    }

    /// Adds lists of exits of the Tor network.
    pub fn add_exits(&mut self, exits: Exits) {
        self.exits.push(exits);
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
        let answers = self.each(address).into_iter().zip(&self.sources);
        let first_file = self.sources.len() - self.files.len();
        let mut answers: Vec<(Answer, &Source)> = answers.collect();
        // The last file goes first, then the one before it; the embedded data as it comes.
        answers.rotate_left(first_file);
        answers[..self.files.len()].reverse();
        let mut facts = together(answers);
        let flagged = std::mem::take(&mut facts.lists);
        facts.lists = self.lists.lookup(address);
        if !facts.lists.is_empty() {
            let ListSource { name, date, .. } = self.lists.source();
            facts.sources.push(format!("{name} {date}"));
        }
        for flag in flagged {
            if !facts.is_listed(flag.class) {
                facts.lists.push(flag);
            }
        }
        settle(&mut facts);
        facts
    }

    /// What is known of the network an address belonged to at a time: as [`Geography::lookup`], and whether it was an
    /// exit of the Tor network then.
    #[must_use]
    pub fn lookup_at(&self, address: IpAddr, time: Timestamp) -> NetworkFacts {
        let mut facts = self.lookup(address);
        self.add_time(&mut facts, address, time);
        facts
    }

    /// Adds to what [`Geography::lookup`] said of an address what depends on the time.
    pub fn add_time(&self, facts: &mut NetworkFacts, address: IpAddr, time: Timestamp) {
        if facts.special.is_some() || facts.exercise {
            return;
        }
        let exits = self.exits.iter().map(|exits| exits.at(address, time));
        let Some(exit) = exits.min_by_key(|exit| match exit.was {
            WasExit::Yes => 0,
            WasExit::No => 1,
            WasExit::Unknown => 2,
        }) else {
            return;
        };
        let TorExit { was, list } = exit;
        facts.tor_exit = Some(exit);
        if was != WasExit::Yes {
            return;
        }
        if !facts.is_listed(NetworkClass::Tor) {
            let (class, name) = (NetworkClass::Tor, EXIT_LIST.to_owned());
            facts.lists.insert(0, Listed { class, name });
        }
        let day = list.map(|list| list.to_seconds_string());
        facts
            .sources
            .push(format!("{EXIT_LIST} {}", day.unwrap_or_default()));
        settle(facts);
    }

    /// What each of the sources says, in their order, without putting it together.
    fn each(&self, address: IpAddr) -> Vec<Answer> {
        let embedded = self.embedded.lookup(address);
        let first_file = self.sources.len() - self.files.len();
        let builtin = self.sources[..first_file].iter();
        let builtin = builtin.map(|source| embedded.only(&source.fields));
        let files = self.files.iter();
        builtin
            .chain(files.map(|file| file.lookup(address).unwrap_or_default()))
            .collect()
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

#[cfg(test)]
mod tests;
