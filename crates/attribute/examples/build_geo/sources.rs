//! Reads the two packages as sorted ranges of 128-bit addresses (IPv4 in `::/96`, as in the
//! database format), merges them, and checks a finished database against them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use lapwing_core::bounded;
use lapwing_core::time::Timestamp;
use maxminddb::Reader;
use serde::Deserialize;

use crate::Outcome;
use crate::tree::Segment;

/// Longest name of an autonomous system that is kept, in characters.
const NAME_CHARACTERS: usize = 60;
/// How many random addresses are compared, besides both ends of every source range.
const RANDOM_CHECKS: usize = 2_000;

/// An unpacked npm package.
pub(crate) struct Package {
    pub(crate) directory: PathBuf,
    /// `@ip-location-db/asn 2.3.2026061719`
    pub(crate) label: String,
    /// `2026-06-17`, from the last part of the version.
    pub(crate) date: String,
    /// The same as seconds since 1970.
    pub(crate) epoch: u64,
}

impl Package {
    pub(crate) fn open(directory: &Path) -> Outcome<Self> {
        #[derive(Deserialize)]
        struct Manifest {
            name: String,
            version: String,
        }
        let text = bounded::read_text(&directory.join("package.json"), 1 << 16)?;
        let manifest: Manifest = serde_json::from_str(&text)?;
        let stamp = manifest.version.rsplit('.').next().unwrap_or_default();
        let date = stamp
            .get(..8)
            .map(|day| format!("{}-{}-{}", &day[..4], &day[4..6], &day[6..]))
            .ok_or("the version does not end in a date")?;
        let epoch = Timestamp::parse(&date)
            .ok_or("the version does not end in a date")?
            .seconds();
        Ok(Self {
            directory: directory.to_owned(),
            label: format!("{} {}", manifest.name, manifest.version),
            date,
            epoch: u64::try_from(epoch)?,
        })
    }
}

/// A range of addresses, both ends included, and an index into a table of values.
struct Range {
    start: u128,
    end: u128,
    value: u32,
}

/// What both packages say.
pub(crate) struct Sources {
    countries: Vec<Range>,
    networks: Vec<Range>,
    /// Values of `countries`.
    pub(crate) codes: Vec<String>,
    /// Values of `networks`: number and name.
    pub(crate) systems: Vec<(u32, String)>,
}

impl Sources {
    pub(crate) fn read(country: &Package, asn: &Package) -> Outcome<Self> {
        let (countries, codes) = read_countries(&country.directory.join("dbip-country.mmdb"))?;
        let mut systems = Table::default();
        let mut networks = Vec::new();
        for file in ["asn-ipv4.csv", "asn-ipv6.csv"] {
            read_networks(&asn.directory.join(file), &mut networks, &mut systems)?;
        }
        let mut countries = countries;
        for ranges in [&mut countries, &mut networks] {
            part(ranges)?;
        }
        Ok(Self {
            countries,
            networks,
            codes,
            systems: systems.values,
        })
    }

    /// Both lists cut at each other's edges; neighbours that say the same are one segment.
    pub(crate) fn merged(&self) -> Vec<Segment> {
        let mut edges: Vec<u128> = [&self.countries, &self.networks]
            .into_iter()
            .flatten()
            .flat_map(|range| [range.start, range.end + 1])
            .collect();
        edges.sort_unstable();
        edges.dedup();
        let mut segments: Vec<Segment> = Vec::new();
        for pair in edges.windows(2) {
            let value = (
                find(&self.countries, pair[0]),
                find(&self.networks, pair[0]),
            );
            if value == (None, None) {
                continue;
            }
            match segments.last_mut() {
                Some(last) if last.value == value && last.end + 1 == pair[0] => {
                    last.end = pair[1] - 1;
                }
                _ => segments.push(Segment {
                    start: pair[0],
                    end: pair[1] - 1,
                    value,
                }),
            }
        }
        segments
    }

    /// Compares a finished database with the sources: both ends of every range, and random ones.
    /// Returns how many addresses were compared.
    pub(crate) fn check(&self, bytes: &[u8]) -> Outcome<usize> {
        let reader = Reader::from_source(bytes)?;
        reader.verify()?;
        let edges = [&self.countries, &self.networks]
            .into_iter()
            .flatten()
            .flat_map(|range| [range.start, range.end]);
        let mut checked = 0;
        for address in edges.chain(random_addresses()) {
            self.check_one(&reader, address)?;
            checked += 1;
        }
        Ok(checked)
    }

    fn check_one(&self, reader: &Reader<&[u8]>, address: u128) -> Outcome<()> {
        #[derive(Default, Deserialize, PartialEq, Debug)]
        struct Answer {
            country_code: Option<String>,
            autonomous_system_number: Option<u32>,
            autonomous_system_organization: Option<String>,
        }
        let system = find(&self.networks, address).map(|index| &self.systems[index as usize]);
        let expected = Answer {
            country_code: find(&self.countries, address)
                .map(|index| self.codes[index as usize].clone()),
            autonomous_system_number: system.map(|system| system.0),
            autonomous_system_organization: system
                .map(|system| system.1.clone())
                .filter(|name| !name.is_empty()),
        };
        let ip = to_ip(address);
        let found: Answer = reader.lookup(ip)?.decode()?.unwrap_or_default();
        if found == expected {
            Ok(())
        } else {
            Err(format!("{ip}: wrote {found:?}, sources say {expected:?}").into())
        }
    }
}

/// Cuts a range where the next one begins: the packages hold a few that overlap by mistake. One
/// inside another would lose the rest of the outer one and is refused.
fn part(ranges: &mut [Range]) -> Outcome<()> {
    for index in 1..ranges.len() {
        let (start, end) = (ranges[index].start, ranges[index].end);
        let before = &mut ranges[index - 1];
        if before.end >= end || before.start == start {
            return Err(format!("{} lies inside the range before it", to_ip(start)).into());
        }
        before.end = before.end.min(start - 1);
    }
    Ok(())
}

#[derive(Default)]
struct Table<T> {
    values: Vec<T>,
    index: HashMap<T, u32>,
}

impl<T: Clone + Eq + std::hash::Hash> Table<T> {
    fn number(&mut self, value: T) -> u32 {
        *self.index.entry(value).or_insert_with_key(|value| {
            self.values.push(value.clone());
            u32::try_from(self.values.len() - 1).expect("fewer values than addresses")
        })
    }
}

fn read_countries(path: &Path) -> Outcome<(Vec<Range>, Vec<String>)> {
    #[derive(Deserialize)]
    struct Record {
        country_code: String,
    }
    let reader = Reader::from_source(bounded::read_file(path, 1 << 28)?)?;
    let (mut ranges, mut codes) = (Vec::new(), Table::default());
    for found in reader.networks(Default::default())? {
        let found = found?;
        let Some(record) = found.decode::<Record>()? else {
            continue;
        };
        if record.country_code.len() != 2 || record.country_code == "ZZ" {
            continue;
        }
        let network = found.network()?;
        let (start, host_bits) = match network.network() {
            IpAddr::V4(ip) => (u128::from(ip.to_bits()), 32 - network.prefix()),
            IpAddr::V6(ip) => (ip.to_bits(), 128 - network.prefix()),
        };
        ranges.push(Range {
            start,
            end: start | ((1_u128 << host_bits) - 1),
            value: codes.number(record.country_code),
        });
    }
    ranges.sort_unstable_by_key(|range| range.start);
    Ok((ranges, codes.values))
}

fn read_networks(
    path: &Path,
    ranges: &mut Vec<Range>,
    systems: &mut Table<(u32, String)>,
) -> Outcome<()> {
    let bytes = bounded::read_file(path, 1 << 28)?;
    let mut lines = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(&bytes[..]);
    let mut record = csv::StringRecord::new();
    while lines.read_record(&mut record)? {
        let field = |index: usize| record.get(index).ok_or("a line has too few fields");
        let number: u32 = field(2)?.parse()?;
        if number == 0 {
            continue;
        }
        let name = field(3)?.trim();
        let name: String = name.chars().filter(|c| !c.is_control()).collect();
        let name: String = name.chars().take(NAME_CHARACTERS).collect();
        ranges.push(Range {
            start: to_bits(field(0)?.parse()?),
            end: to_bits(field(1)?.parse()?),
            value: systems.number((number, name.trim_end().to_owned())),
        });
    }
    ranges.sort_unstable_by_key(|range| range.start);
    Ok(())
}

fn find(ranges: &[Range], address: u128) -> Option<u32> {
    let after = ranges.partition_point(|range| range.start <= address);
    let range = &ranges[after.checked_sub(1)?];
    (address <= range.end).then_some(range.value)
}

fn to_bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

fn to_ip(address: u128) -> IpAddr {
    match u32::try_from(address) {
        Ok(bits) => Ipv4Addr::from_bits(bits).into(),
        Err(_) => Ipv6Addr::from_bits(address).into(),
    }
}

/// The same addresses every time (splitmix64): half IPv4, half in 2000::/3.
fn random_addresses() -> impl Iterator<Item = u128> {
    let mut state = 0_u64;
    let mut next = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    (0..RANDOM_CHECKS).map(move |round| {
        let bits = u128::from(next());
        if round % 2 == 0 {
            bits >> 32
        } else {
            (0b001 << 125) | (bits << 61) | u128::from(next() >> 3)
        }
    })
}
