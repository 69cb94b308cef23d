//! The data that is part of the program: `data/networks.mmdb`, made by `data/build.sh`. It stays in
//! the program's file and is read where it lies, so only the pages that are touched take memory.

use std::net::IpAddr;

use ipnet::Ipv6Net;
use maxminddb::Reader;
use serde::Deserialize;

use super::answer::Answer;
use super::file::networks;
use super::{GeographyError, Source};

static NETWORKS: &[u8] = include_bytes!("../../data/networks.mmdb");
static SOURCES: &str = include_str!("../../data/networks.json");

pub(super) struct Embedded(Reader<&'static [u8]>);

/// A record as `examples/build_geo` writes it.
#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    country_code: Option<&'a str>,
    autonomous_system_number: Option<u32>,
    #[serde(borrow)]
    autonomous_system_organization: Option<&'a str>,
}

/// One entry of `networks.json`.
#[derive(Deserialize)]
struct Provenance {
    name: String,
    fields: Vec<String>,
    date: String,
    licence: String,
    attribution: String,
}

pub(super) fn open() -> Result<(Embedded, Vec<Source>), GeographyError> {
    let reader = Reader::from_source(NETWORKS)
        .map_err(|error| GeographyError::Embedded(error.to_string()))?;
    let provenance: Vec<Provenance> = serde_json::from_str(SOURCES)
        .map_err(|error| GeographyError::Embedded(error.to_string()))?;
    let metadata = reader.metadata();
    let sources = provenance
        .into_iter()
        .map(|entry| Source {
            name: entry.name,
            file: None,
            kind: metadata.database_type.clone(),
            date: entry.date,
            built: i64::try_from(metadata.build_epoch).unwrap_or_default(),
            licence: entry.licence,
            attribution: entry.attribution,
            records: u64::from(metadata.node_count),
            fields: entry.fields,
            families: vec!["IPv4".to_owned(), "IPv6".to_owned()],
        })
        .collect();
    Ok((Embedded(reader), sources))
}

impl Embedded {
    /// Hands over the public IPv6 networks it holds.
    pub(super) fn networks(&self, each: &mut dyn FnMut(Ipv6Net)) {
        networks(&self.0, each);
    }

    pub(super) fn lookup(&self, address: IpAddr) -> Answer {
        let found = self.0.lookup(address).and_then(|found| found.decode());
        let Ok(Some(Record {
            country_code,
            autonomous_system_number,
            autonomous_system_organization,
        })) = found
        else {
            return Answer::default();
        };
        Answer {
            country: country_code.map(str::to_owned),
            asn: autonomous_system_number,
            as_name: autonomous_system_organization.map(str::to_owned),
            ..Answer::default()
        }
    }
}
