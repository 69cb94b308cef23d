//! An operator's `.mmdb` file, in MaxMind's nested layout or the flat one of ip-location-db.
//!
//! Records are decoded without a fixed shape and searched for the fields of both layouts: a decoder
//! that expects one layout reads the other as a record without fields, and says nothing. A file in
//! whose first records no known field is found is refused.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;

use ipnet::Ipv6Net;
use lapwing_core::text::escape_short;
use lapwing_core::time::Timestamp;
use maxminddb::{LookupResult, MaxMindDbError, Reader, WithinOptions};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::announced::{MOST, PUBLIC};
use super::answer::Answer;
use super::{GeographyError, Source, usage};

/// Largest file that is taken, in bytes.
pub(super) const MAX_BYTES: u64 = 1 << 30;
/// How many records are looked at in each part of a file to learn what it holds.
const SAMPLE: usize = 100;
/// How many branches of a tree are walked to find them, full or empty.
const MAX_BRANCHES: usize = 20_000;
/// Longest text taken from a file, in characters.
pub(super) const MAX_TEXT: usize = 80;
/// How deep known fields lie at most (`city`, `names`, `en`).
const MAX_DEPTH: u8 = 3;

/// Where public IPv6 addresses are handed out. Not all of 2000::/3: many files repeat the IPv4 tree
/// below 2001::/32 (Teredo) and 2002::/16 (6to4).
const V6_PARTS: &[&str] = &["2001:200::/23", "2400::/6", "2800::/5"];

pub(super) struct FileDatabase(Reader<Vec<u8>>);

type Found<'a> = LookupResult<'a, Vec<u8>>;

/// Looks at a file's first records.
pub(super) fn from_bytes(
    bytes: Vec<u8>,
    path: &Path,
) -> Result<(FileDatabase, Source), GeographyError> {
    let wrong = |source| GeographyError::Format {
        path: path.to_owned(),
        source,
    };
    let file = FileDatabase(Reader::from_source(bytes).map_err(wrong)?);
    let sample = file.sample().map_err(wrong)?;
    let metadata = file.0.metadata();
    let kind = escape_short(metadata.database_type.as_bytes(), MAX_TEXT);
    if sample.fields.is_empty() {
        return Err(GeographyError::NothingKnown {
            path: path.to_owned(),
            kind,
            found: sample.found(),
        });
    }
    let name = match path.file_name() {
        Some(name) => format!(
            "{kind} ({})",
            escape_short(name.as_encoded_bytes(), MAX_TEXT)
        ),
        None => kind.clone(),
    };
    let source = Source {
        name,
        file: Some(path.to_owned()),
        kind,
        date: day(metadata.build_epoch),
        built: i64::try_from(metadata.build_epoch).unwrap_or_default(),
        licence: terms(&metadata.database_type).0.to_owned(),
        attribution: terms(&metadata.database_type).1.to_owned(),
        records: u64::from(metadata.node_count),
        fields: sample.fields.into_iter().map(str::to_owned).collect(),
        families: file.families().map_err(wrong)?,
    };
    Ok((file, source))
}

/// Licence and attribution of databases whose publishers ask for it, by what their files call themselves.
fn terms(kind: &str) -> (&'static str, &'static str) {
    if kind.starts_with("DBIP-") && kind.contains("Lite") {
        ("CC BY 4.0", "IP Geolocation by DB-IP, https://db-ip.com")
    } else if kind.starts_with("GeoLite2") {
        (
            "GeoLite EULA",
            "This product includes GeoLite Data created by MaxMind, available from https://www.maxmind.com",
        )
    } else {
        ("", "")
    }
}

impl FileDatabase {
    /// What it says of an address; `None` if nothing, or if the record is damaged.
    pub(super) fn lookup(&self, address: IpAddr) -> Option<Answer> {
        if address.is_ipv6() && self.0.metadata().ip_version == 4 {
            return None;
        }
        let found = self.0.lookup(address).ok()?;
        Some(answer(&found.decode::<Node>().ok()??))
    }

    /// Hands over the public IPv6 networks that have a record. What is damaged is passed over.
    pub(super) fn networks(&self, each: &mut dyn FnMut(Ipv6Net)) {
        if self.0.metadata().ip_version == 6 {
            networks(&self.0, each);
        }
    }

    fn sample(&self) -> Result<Sample, MaxMindDbError> {
        let mut sample = Sample::default();
        // spread over the tree: the first networks alone may all be of one sparse kind
        let mut starts = vec!["0.0.0.0/0", "64.0.0.0/2", "128.0.0.0/2"];
        if self.0.metadata().ip_version == 6 {
            starts.extend(V6_PARTS);
        }
        for start in starts {
            let mut left = SAMPLE;
            for found in self.branches(start)? {
                if let Some(record) = found?.decode::<Node>()? {
                    sample.add(&record);
                    left -= 1;
                }
                if left == 0 {
                    break;
                }
            }
        }
        Ok(sample)
    }

    /// Which of the two families hold anything: some publishers split them into two files.
    fn families(&self) -> Result<Vec<String>, MaxMindDbError> {
        let mut families = Vec::new();
        for (name, networks) in [("IPv4", &["0.0.0.0/0"][..]), ("IPv6", V6_PARTS)] {
            if name == "IPv6" && self.0.metadata().ip_version == 4 {
                continue;
            }
            for network in networks {
                let mut branches = self.branches(network)?;
                let first = branches.find(|found| !matches!(found, Ok(found) if !found.has_data()));
                if first.transpose()?.is_some() {
                    families.push(name.to_owned());
                    break;
                }
            }
        }
        Ok(families)
    }

    /// The first branches of the tree within a network, empty ones too, so many at most: a damaged
    /// tree can have more empty branches than anyone could walk.
    fn branches(
        &self,
        network: &str,
    ) -> Result<impl Iterator<Item = Result<Found<'_>, MaxMindDbError>>, MaxMindDbError> {
        let network = network.parse().map_err(MaxMindDbError::InvalidNetwork)?;
        let options = WithinOptions::default()
            .include_networks_without_data()
            .include_aliased_networks();
        Ok(self.0.within(network, options)?.take(MAX_BRANCHES))
    }
}

/// The public IPv6 networks in a tree that have a record.
pub(super) fn networks<S: AsRef<[u8]>>(reader: &Reader<S>, each: &mut dyn FnMut(Ipv6Net)) {
    let mut left = MOST;
    for part in PUBLIC.iter().filter_map(|text| text.parse().ok()) {
        let Ok(branches) = reader.within(part, WithinOptions::default()) else {
            continue;
        };
        for found in branches.take(left) {
            left -= 1;
            if let Ok(network) = found.and_then(|found| found.network())
                && let IpAddr::V6(address) = network.ip()
                && let Ok(network) = Ipv6Net::new(address, network.prefix())
            {
                each(network);
            }
        }
    }
}

/// What the first records hold.
#[derive(Default)]
struct Sample {
    records: usize,
    /// Known fields.
    fields: BTreeSet<&'static str>,
    /// Names of all fields at the top.
    names: BTreeSet<String>,
}

impl Sample {
    fn add(&mut self, record: &Node) {
        self.records += 1;
        self.fields.extend(answer(record).fields());
        if usage::is_told(record) {
            self.fields.insert("classes");
        }
        if let Node::Map(entries) = record {
            for (name, _) in entries.iter().take(12) {
                if self.names.len() < 12 {
                    self.names.insert(name.clone());
                }
            }
        }
    }

    fn found(&self) -> String {
        match (self.records, self.names.is_empty()) {
            (0, _) => "no records".to_owned(),
            (_, true) => "records without named fields".to_owned(),
            _ => {
                let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
                format!("the fields {}", names.join(", "))
            }
        }
    }
}

/// Searches a record for the fields of all known layouts.
fn answer(record: &Node) -> Answer {
    let text = |paths: &[&[&str]]| paths.iter().find_map(|path| record.at(path)?.text());
    let number = |paths: &[&[&str]]| paths.iter().find_map(|path| record.at(path)?.number());
    let country = text(&[
        &["country", "iso_code"],
        &["country_code"],
        &["country"],
        &["countryCode"],
    ])
    .map(|code| code.to_ascii_uppercase())
    .filter(|code| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase()))
    .filter(|code| code != "ZZ" && code != "XX");
    let latitude = number(&[&["location", "latitude"], &["latitude"], &["lat"]]);
    let longitude = number(&[&["location", "longitude"], &["longitude"], &["lng"]]);
    let radius = number(&[&["location", "accuracy_radius"], &["accuracy_radius"]]);
    let asn = number(&[
        &["autonomous_system_number"],
        &["traits", "autonomous_system_number"],
        &["asn"],
        &["as_number"],
    ]);
    Answer {
        country,
        city: text(&[&["city", "names", "en"], &["city"], &["city_name"]]),
        coordinates: latitude.zip(longitude).and_then(millionths),
        radius_km: radius
            .filter(|km| (1.0..=20_000.0).contains(km))
            .map(|km| km as u32),
        asn: asn
            .filter(|asn| (1.0..=f64::from(u32::MAX)).contains(asn))
            .map(|asn| asn as u32),
        as_name: text(&[
            &["autonomous_system_organization"],
            &["traits", "autonomous_system_organization"],
            &["as_name"],
            &["as_organization"],
            &["org"],
        ]),
        classes: usage::classes(record),
        line: usage::line(record),
    }
}

fn millionths((latitude, longitude): (f64, f64)) -> Option<(i64, i64)> {
    let is_on_earth = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
    let is_null_island = latitude == 0.0 && longitude == 0.0;
    (is_on_earth && !is_null_island).then_some((
        (latitude * 1e6).round() as i64,
        (longitude * 1e6).round() as i64,
    ))
}

/// The day of a build time in seconds since 1970.
pub(super) fn day(epoch: u64) -> String {
    i64::try_from(epoch)
        .ok()
        .and_then(|seconds| seconds.checked_mul(1_000_000))
        .map(|micros| Timestamp::from_micros(micros).to_seconds_string())
        .and_then(|text| text.split_once('T').map(|(day, _)| day.to_owned()))
        .unwrap_or_else(|| "of unknown date".to_owned())
}

/// As much of a record as known fields need.
#[derive(Debug)]
pub(super) enum Node {
    Text(String),
    Number(f64),
    Flag(bool),
    Map(Vec<(String, Node)>),
    Other,
}

impl Node {
    pub(super) fn at(&self, path: &[&str]) -> Option<&Self> {
        let Some((first, rest)) = path.split_first() else {
            return Some(self);
        };
        let Self::Map(entries) = self else {
            return None;
        };
        let (_, inner) = entries.iter().find(|(name, _)| name == first)?;
        inner.at(rest)
    }

    /// A text that is not empty.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) if !text.is_empty() => Some(text.clone()),
            _ => None,
        }
    }

    /// Whether it is a flag that is set, also one written as a number.
    pub(super) fn is_true(&self) -> bool {
        matches!(self, Self::Flag(true)) || self.number() == Some(1.0)
    }

    /// A number, also one written as text: `52.5`, `AS64496`.
    fn number(&self) -> Option<f64> {
        let number = match self {
            Self::Number(number) => *number,
            Self::Text(text) => text.strip_prefix("AS").unwrap_or(text).parse().ok()?,
            _ => return None,
        };
        number.is_finite().then_some(number)
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor(MAX_DEPTH))
    }
}

/// Decodes a record down to so many levels of maps; what lies deeper is skipped.
#[derive(Clone, Copy)]
struct NodeVisitor(u8);

impl<'de> serde::de::DeserializeSeed<'de> for NodeVisitor {
    type Value = Node;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let Some(deeper) = self.0.checked_sub(1) else {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(Node::Other);
        };
        let mut entries = Vec::new();
        while let Some(name) = map.next_key::<&str>()? {
            let name = escape_short(name.as_bytes(), MAX_TEXT);
            entries.push((name, map.next_value_seed(NodeVisitor(deeper))?));
        }
        Ok(Node::Map(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Node::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(escape_short(text.trim().as_bytes(), MAX_TEXT)))
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Node, E> {
        Ok(Node::Flag(flag))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
        Ok(Node::Number(number))
    }

    fn visit_f32<E>(self, number: f32) -> Result<Node, E> {
        Ok(Node::Number(number.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Number(number as f64))
    }

    fn visit_i32<E>(self, number: i32) -> Result<Node, E> {
        Ok(Node::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(Node::Number(number as f64))
    }

    fn visit_u128<E>(self, _: u128) -> Result<Node, E> {
        Ok(Node::Other)
    }
}
