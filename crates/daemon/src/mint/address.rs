//! Which of the operator's addresses a canary carries.
//!
//! A host that is a Twilio relay, an LLM gateway and a Vault at once is found from across the
//! internet, so a host answers as one API kind only. Under a wildcard address each API kind gets a
//! host of its own; beacons and records share hosts.

use lapwing_catalog::{Address, AddressUse, Catalog, Kind};
use lapwing_store::Ledger;
use rand::seq::IndexedRandom;

use super::MintError;

/// Chooses an address for `kind`; `None` if the kind carries none. Whoever mints with it binds its
/// host to the kind.
pub(super) fn choose(
    kind: &Kind,
    catalog: &Catalog,
    ledger: &Ledger,
    configured: &[String],
    wanted: Option<&str>,
) -> Result<Option<Address>, MintError> {
    let Some(wants) = &kind.address else {
        return Ok(None);
    };
    let configured = configured
        .iter()
        .map(|text| Address::parse(text))
        .collect::<Result<Vec<_>, _>>()?;
    if configured.is_empty() {
        return Err(MintError::NoAddress {
            kind: kind.id.clone(),
        });
    }
    let hosts = Hosts {
        kind,
        wants,
        catalog,
        bindings: ledger.bindings()?,
    };
    let address = match wanted {
        Some(wanted) => hosts.wanted(&Address::parse(wanted)?, &configured)?,
        None => hosts.choose(&configured)?,
    };
    Ok(Some(address))
}

struct Hosts<'a> {
    kind: &'a Kind,
    wants: &'a AddressUse,
    catalog: &'a Catalog,
    bindings: Vec<(String, String)>,
}

impl Hosts<'_> {
    fn wanted(&self, wanted: &Address, configured: &[Address]) -> Result<Address, MintError> {
        let ours = configured.iter().any(|address| {
            address == wanted || address.is_wildcard() && is_under(wanted.host(), address.host())
        });
        if !ours {
            return Err(MintError::ForeignAddress {
                address: wanted.to_string(),
            });
        }
        if wanted.is_wildcard() {
            return self.choose(std::slice::from_ref(wanted));
        }
        match self.other_costume(wanted.host()) {
            Some(other) if self.wants.exclusive => Err(MintError::Taken {
                host: wanted.host().to_owned(),
                other: other.to_owned(),
            }),
            _ => Ok(wanted.clone()),
        }
    }

    fn choose(&self, configured: &[Address]) -> Result<Address, MintError> {
        if let Some(known) = configured
            .iter()
            .find_map(|address| self.bound_before(address))
        {
            return Ok(known);
        }
        let free: Vec<&Address> = configured
            .iter()
            .filter(|address| address.is_wildcard() || self.other_costume(address.host()).is_none())
            .collect();
        let fallback = if self.wants.exclusive {
            None
        } else {
            configured.first()
        };
        let address = free
            .first()
            .copied()
            .or(fallback)
            .ok_or_else(|| self.none_left())?;
        if !address.is_wildcard() {
            return Ok(address.clone());
        }
        let label = self.label_under(address).ok_or_else(|| self.none_left())?;
        Ok(address.with_label(&label))
    }

    /// A label that no other API kind answers at: one of the kind's own, or, where others have taken
    /// them all, one of them with a number, as admins number their machines.
    fn label_under(&self, address: &Address) -> Option<String> {
        let free = |label: &String| {
            let host = address.with_label(label);
            self.other_costume(host.host()).is_none()
        };
        let mut rng = rand::rng();
        let labels = &self.wants.labels;
        let own: Vec<&String> = labels.iter().filter(|label| free(label)).collect();
        if let Some(label) = own.choose(&mut rng) {
            return Some((*label).clone());
        }
        (2..100).find_map(|number| {
            let label = labels.choose(&mut rng)?;
            let joint = ["", "-", "0"].choose(&mut rng)?;
            Some(format!("{label}{joint}{number}")).filter(free)
        })
    }

    /// The host this kind already has under `address`.
    fn bound_before(&self, address: &Address) -> Option<Address> {
        let mine = self
            .bindings
            .iter()
            .filter(|(_, kind)| *kind == self.kind.id);
        mine.map(|(host, _)| host).find_map(|host| {
            if !address.is_wildcard() {
                return (host == address.host()).then(|| address.clone());
            }
            is_under(host, address.host())
                .then(|| {
                    host.split('.')
                        .next()
                        .map(|label| address.with_label(label))
                })
                .flatten()
        })
    }

    /// Another API kind that answers at `host`.
    fn other_costume(&self, host: &str) -> Option<&str> {
        self.bindings
            .iter()
            .filter(|(bound, kind)| bound == host && *kind != self.kind.id)
            .map(|(_, kind)| kind.as_str())
            .find(|kind| {
                let address = self
                    .catalog
                    .kind(kind)
                    .and_then(|kind| kind.address.as_ref());
                address.is_some_and(|address| address.exclusive)
            })
    }

    fn none_left(&self) -> MintError {
        MintError::NoneFree {
            kind: self.kind.id.clone(),
        }
    }
}

/// Whether `host` is one label under the wildcard `*.zone`.
fn is_under(host: &str, wildcard: &str) -> bool {
    let zone = wildcard.trim_start_matches('*');
    host.strip_suffix(zone)
        .is_some_and(|label| !label.is_empty() && !label.contains('.'))
}
