//! Whether a file that was fetched may take the place of the one in use: it reads as what it should be, knows what
//! everybody knows and what the operator expects, is no older, and has not lost half of itself.

use std::net::IpAddr;
use std::path::Path;

use lapwing_attribute::{Geography, GeographyError, Source, verify_location};
use lapwing_core::bounded;

use super::kept::Kept;
use crate::settings::{GeoKind, GeoSource};

/// What everybody knows: networks that have belonged to the same organisations in the same country for decades, and
/// are announced from there. Address, country, AS number.
const ANCHORS: &[(&str, &str, u32)] = &[
    ("193.0.6.139", "NL", 3333),   // RIPE NCC
    ("128.30.52.100", "US", 3),    // MIT
    ("130.88.101.49", "GB", 786),  // University of Manchester
    ("133.11.0.1", "JP", 2501),    // University of Tokyo
    ("129.132.19.216", "CH", 559), // ETH Zürich
    ("138.25.0.1", "AU", 7575),    // University of Technology Sydney
    ("2001:67c:2e8:22::c100:68b", "NL", 3333),
    ("2001:620:0:ff::5c", "CH", 559),
];

/// Why it may not.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// It is no such file, or is damaged.
    #[error("what was fetched is refused: {0}")]
    Format(#[from] GeographyError),
    /// It is a file of another kind.
    #[error("what was fetched is {is}, and the source's kind is {kind:?}: correct `kind` or `url`")]
    Kind {
        /// What it is.
        is: String,
        /// What it should be.
        kind: GeoKind,
    },
    /// Most of what everybody knows is otherwise in it.
    #[error(
        "what was fetched is refused: of {known} addresses whose place everybody knows, it has {right} right"
    )]
    Anchors {
        /// Of how many it says something.
        known: usize,
        /// In how many it is right.
        right: usize,
    },
    /// It does not say what the operator expects.
    #[error("what was fetched is refused: {0}")]
    Expected(String),
    /// It is older than the one in use.
    #[error(
        "what was fetched is of {new}, and the one in use of {old}: --force takes it all the same"
    )]
    Older {
        /// Its day.
        new: String,
        /// The other's.
        old: String,
    },
    /// It has lost more than half.
    #[error(
        "what was fetched has {new} {what}, and the one in use {old}: it may be cut; --force takes it all the same"
    )]
    Shrunken {
        /// What was counted.
        what: &'static str,
        /// Of the new one.
        new: u64,
        /// Of the old one.
        old: u64,
    },
    /// The key that it should be signed by.
    #[error("cannot read the key {path}: {source}")]
    Key {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

/// Looks at a database; says what it is.
pub(super) fn judge(
    new: &Path,
    kept: &Kept,
    source: &GeoSource,
    force: bool,
) -> Result<Source, Refused> {
    if source.kind == GeoKind::Location && !source.signing_key.as_os_str().is_empty() {
        let path = &source.signing_key;
        let key = bounded::read_text(path, 1 << 16).map_err(|source| Refused::Key {
            path: path.display().to_string(),
            source,
        })?;
        verify_location(new, &key)?;
    }
    let (geography, is) = Geography::only(new)?;
    let is_location = is.kind == "IPFire location";
    if is_location != (source.kind == GeoKind::Location) {
        return Err(Refused::Kind {
            is: is.kind,
            kind: source.kind,
        });
    }
    anchors(&geography)?;
    expected(&geography, &source.expect)?;
    if !force && kept.exists() {
        // One in use that is damaged is no measure.
        if let Ok((_, old)) = Geography::only(&kept.path) {
            compare(&is, &old)?;
        }
    }
    Ok(is)
}

fn anchors(geography: &Geography) -> Result<(), Refused> {
    let (mut known, mut right) = (0, 0);
    for (address, country, asn) in ANCHORS {
        let Ok(address) = address.parse() else {
            continue;
        };
        let facts = geography.lookup(address);
        let says = facts.country.is_some() || facts.asn.is_some();
        let country = facts.country.is_none_or(|said| said == *country);
        let asn = facts.asn.is_none_or(|said| said == *asn);
        known += usize::from(says);
        right += usize::from(says && country && asn);
    }
    // A network may have moved; half of them have not.
    if right * 2 < known {
        return Err(Refused::Anchors { known, right });
    }
    Ok(())
}

/// `193.0.6.139=NL`, `193.0.6.139=AS3333`
fn expected(geography: &Geography, expect: &[String]) -> Result<(), Refused> {
    for line in expect {
        let bad = || {
            Refused::Expected(format!(
                "its setting `expect` has {line:?}; write \"193.0.6.139=NL\" or \"193.0.6.139=AS3333\""
            ))
        };
        let (address, wanted) = line.split_once('=').ok_or_else(bad)?;
        let address: IpAddr = address.trim().parse().map_err(|_| bad())?;
        let facts = geography.lookup(address);
        let wanted = wanted.trim();
        let country = facts.country.clone().unwrap_or_default();
        let system = facts.asn.map(|asn| format!("AS{asn}")).unwrap_or_default();
        if wanted != country && wanted != system {
            let says = [country, system].join(" ");
            let says = Some(says.trim()).filter(|says| !says.is_empty());
            return Err(Refused::Expected(format!(
                "of {address} it says {}, and {wanted} is expected",
                says.unwrap_or("nothing")
            )));
        }
    }
    Ok(())
}

fn compare(new: &Source, old: &Source) -> Result<(), Refused> {
    if new.built < old.built {
        return Err(Refused::Older {
            new: new.date.clone(),
            old: old.date.clone(),
        });
    }
    shrunken("records", new.records, old.records)
}

/// Refuses less than half.
pub(super) fn shrunken(what: &'static str, new: u64, old: u64) -> Result<(), Refused> {
    if new.saturating_mul(2) < old {
        return Err(Refused::Shrunken { what, new, old });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_everybody_knows_is_so() {
        let geography = Geography::embedded().unwrap();
        for (address, country, asn) in ANCHORS {
            let facts = geography.lookup(address.parse().unwrap());
            let says = (facts.country.as_deref(), facts.asn);
            assert_eq!(says, (Some(*country), Some(*asn)), "{address}");
        }
        anchors(&geography).unwrap();
    }
}
