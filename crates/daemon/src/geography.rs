//! Geography as the settings ask for it, and how it is brought up to date.

mod fetch;
pub mod judge;
pub mod kept;
pub(crate) mod renew;
mod unpack;
pub mod update;

use std::net::IpAddr;

use ipnet::IpNet;
use lapwing_attribute::{Crawlers, Exits, Geography, GeographyError, Lists};
use lapwing_core::NetworkFacts;
use lapwing_core::phrase::network as phrase;

use crate::DaemonError;
use crate::settings::{Geo, GeoKind};
use kept::Kept;

/// The embedded data, in front of it what was fetched of the operator's sources, in front of that the operator's
/// files, and made-up places for an exercise. Of files and sources the first that knows wins.
///
/// # Errors
/// A file that cannot be used, or an exercise line that cannot be read.
pub fn geography(settings: &Geo) -> Result<Geography, DaemonError> {
    let Geo {
        files,
        sources,
        lists,
        crawlers: _,
        exercise,
        directory,
    } = settings;
    let mut geography = Geography::embedded()?;
    if !lists.as_os_str().is_empty() {
        geography.set_lists(Lists::open(lists).map_err(GeographyError::from)?);
    }
    // Of what is added the last one wins.
    for source in sources.iter().rev() {
        let kept = Kept::of(directory, source);
        if !kept.exists() {
            continue;
        }
        let damaged = |error: GeographyError| DaemonError::Setting {
            key: "geo.sources".to_owned(),
            what: format!(
                "{error}; `lapwing geo restore {}` brings the one before back",
                source.name
            ),
        };
        match source.kind {
            GeoKind::Mmdb | GeoKind::Location => {
                geography.add_file(&kept.path).map_err(damaged)?;
            }
            GeoKind::TorExits => {
                let exits = Exits::open(&kept.path).map_err(GeographyError::from);
                geography.add_exits(exits.map_err(damaged)?);
            }
        }
    }
    for file in files.iter().rev() {
        geography.add_file(file)?;
    }
    let overlay = exercise
        .iter()
        .map(|line| parse(line))
        .collect::<Result<Vec<_>, _>>()?;
    if !overlay.is_empty() {
        geography.add_exercise(overlay)?;
    }
    Ok(geography)
}

/// The names of crawlers: embedded, or the operator's.
///
/// # Errors
/// A file that cannot be used.
pub fn crawlers(settings: &Geo) -> Result<Crawlers, DaemonError> {
    match &settings.crawlers {
        none if none.as_os_str().is_empty() => Ok(Crawlers::default()),
        file => Ok(Crawlers::open(file)?),
    }
}

/// `198.51.100.0/24 NL 64500 Example Hosting`
fn parse(line: &str) -> Result<(IpNet, NetworkFacts), DaemonError> {
    let bad = |what: &str| DaemonError::Setting {
        key: "geo.exercise".to_owned(),
        what: format!("{line:?}: {what}; write `198.51.100.0/24 NL 64500 Example Hosting`"),
    };
    let mut words = line.splitn(4, ' ');
    let network: IpNet = words
        .next()
        .and_then(|word| word.parse().ok())
        .ok_or_else(|| bad("no network at the start"))?;
    if !is_documentation(&network) {
        return Err(bad(
            "only documentation networks can be given a made-up place",
        ));
    }
    let country = words.next().ok_or_else(|| bad("no country"))?.to_owned();
    let asn = words
        .next()
        .and_then(|word| word.parse().ok())
        .ok_or_else(|| bad("no AS number"))?;
    let as_name = words.next().ok_or_else(|| bad("no AS name"))?.to_owned();
    let facts = NetworkFacts {
        country: Some(country),
        asn: Some(asn),
        as_name: Some(as_name),
        sources: vec![phrase::EXERCISE.text()],
        exercise: true,
        ..NetworkFacts::default()
    };
    Ok((network, facts))
}

fn is_documentation(network: &IpNet) -> bool {
    // RFC 5737, RFC 3849, RFC 9637.
    const NETWORKS: [&str; 5] = [
        "192.0.2.0/24",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "2001:db8::/32",
        "3fff::/20",
    ];
    NETWORKS
        .iter()
        .filter_map(|text| text.parse::<IpNet>().ok())
        .any(|reserved| reserved.contains(network))
}

/// Whether an address is set aside for documentation.
#[must_use]
pub fn is_documentation_address(address: IpAddr) -> bool {
    is_documentation(&IpNet::from(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_documentation_networks_are_made_up() {
        assert!(parse("198.51.100.0/24 NL 64500 Example Hosting").is_ok());
        assert!(parse("8.8.8.0/24 NL 64500 Example").is_err());
        assert!(parse("198.51.100.0/24 NL").is_err());
    }
}
