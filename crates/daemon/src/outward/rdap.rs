//! What the registry has on the network of an address (RDAP: RFC 7480, 9082, 9083), asked of the server that the
//! registries' own list names (RFC 9224). Organisations and abuse mailboxes are kept; names of people are not.

use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use ipnet::IpNet;
use lapwing_core::text::escape_short;
use lapwing_core::{Clock as _, Found, Registration, Snapshot, SystemClock, bounded};
use reqwest::Url;
use serde::Deserialize;
use serde_json::Value;

use super::Outward;
use super::client::{Client, Errand, FetchError, Known, is_local};
use crate::directory::replace_private;

/// Largest list or record that is read, in bytes.
const LARGEST: u64 = 4 << 20;
/// How long a list of servers is good for.
const GOOD: Duration = Duration::from_secs(7 * 86_400);
/// Entities within entities that are looked into.
const DEEPEST: u8 = 3;
/// Organisations and mailboxes that are kept.
const MOST: usize = 8;
/// Longest text that is kept, in characters.
const LONGEST: usize = 200;

/// Why a registry gave nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RdapError {
    /// The list or the record could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The setting is no URL.
    #[error("lookup.rdap_bootstrap is no URL: {0:?}; write https://data.iana.org/rdap/")]
    Setting(String),
    /// The list of servers is none.
    #[error("the list of RDAP servers at {0} cannot be read: it is no list as RFC 9224 has it")]
    List(String),
    /// The list names none for this address.
    #[error("no registry answers for {0}: the list of RDAP servers has no network with it")]
    Nobody(IpAddr),
    /// The record is none.
    #[error("{0} answered with no record of a network (RFC 9083)")]
    Record(String),
}

/// Where the list is, what vouches for it, and where it is kept.
pub struct Registries<'a> {
    /// `https://data.iana.org/rdap/`.
    pub bootstrap: &'a str,
    /// Certificates beside the public ones; may be empty.
    pub roots: &'a Path,
    /// A directory of the data directory.
    pub kept: &'a Path,
}

/// Asks the registry about the network of an address.
///
/// # Errors
/// List or record cannot be had, or are none.
pub async fn ask(
    address: IpAddr,
    registries: &Registries<'_>,
    outward: &Outward,
) -> Result<Snapshot, RdapError> {
    let address = address.to_canonical();
    let errand = Errand {
        outward: outward.clone(),
        purpose: "rdap".to_owned(),
        about: Some(address),
    };
    let bootstrap: Url = registries
        .bootstrap
        .parse()
        .map_err(|_| RdapError::Setting(registries.bootstrap.to_owned()))?;
    let list = servers(address, &bootstrap, registries, errand.clone()).await?;
    let server = server(&list, address)
        .ok_or_else(|| RdapError::List(bootstrap.to_string()))?
        .ok_or(RdapError::Nobody(address))?;
    let url = server
        .join(&format!("ip/{address}"))
        .map_err(|_| RdapError::List(bootstrap.to_string()))?;
    // A server on this host is asked only where the operator's own list is there too.
    if is_local(&url) && !is_local(&bootstrap) {
        return Err(RdapError::List(bootstrap.to_string()));
    }
    let client = Client::new(&url, registries.roots, false, errand)?;
    let record = fetch(&client, &url, "application/rdap+json").await?;
    let record = registration(&record).ok_or_else(|| RdapError::Record(url.to_string()))?;
    Ok(Snapshot {
        address,
        taken: SystemClock.now(),
        asked: vec![url.to_string()],
        found: Found::Rdap(Box::new(record)),
    })
}

/// The list of servers of a family: as kept, or fetched again.
async fn servers(
    address: IpAddr,
    bootstrap: &Url,
    registries: &Registries<'_>,
    errand: Errand,
) -> Result<Vec<u8>, RdapError> {
    let name = if address.is_ipv4() {
        "ipv4.json"
    } else {
        "ipv6.json"
    };
    let kept = registries.kept.join(format!("rdap-servers-{name}"));
    let wrong = || RdapError::Setting(registries.bootstrap.to_owned());
    let url = bootstrap.join(name).map_err(|_| wrong())?;
    let written = std::fs::metadata(&kept).and_then(|it| it.modified());
    let is_good = written.is_ok_and(|at| {
        SystemTime::now()
            .duration_since(at)
            .is_ok_and(|age| age < GOOD)
    });
    // A list from elsewhere is no stand-in for the operator's.
    let source = kept.with_extension("source");
    let is_ours = bounded::read_text(&source, LARGEST).is_ok_and(|from| from == url.as_str());
    if is_good
        && is_ours
        && let Ok(list) = bounded::read_file(&kept, LARGEST)
    {
        return Ok(list);
    }
    let client = Client::new(&url, registries.roots, false, errand)?;
    let list = fetch(&client, &url, "application/json").await?;
    if server(&list, address).is_none() {
        return Err(RdapError::List(url.to_string()));
    }
    let write = replace_private(&kept, &list)
        .and_then(|()| replace_private(&source, url.as_str().as_bytes()));
    write.map_err(FetchError::Write)?;
    Ok(list)
}

async fn fetch(client: &Client, url: &Url, accept: &'static str) -> Result<Vec<u8>, RdapError> {
    let mut body = Vec::new();
    let answer = client.get(url, None, accept, &Known::default()).await?;
    if let Some(answer) = answer {
        let take = |chunk: &[u8]| {
            body.extend_from_slice(chunk);
            Ok(())
        };
        answer.read(LARGEST, take).await?;
    }
    Ok(body)
}

#[derive(Deserialize)]
struct Bootstrap {
    services: Vec<(Vec<String>, Vec<String>)>,
}

/// The server of the narrowest network that has an address; the outer `None` if it is no list.
fn server(list: &[u8], address: IpAddr) -> Option<Option<Url>> {
    let list: Bootstrap = serde_json::from_slice(list).ok()?;
    let mut best: Option<(u8, Url)> = None;
    for (networks, urls) in &list.services {
        let networks = networks
            .iter()
            .filter_map(|text| text.parse::<IpNet>().ok());
        let covering = networks.filter(|network| network.contains(&address));
        let Some(length) = covering.map(|network| network.prefix_len()).max() else {
            continue;
        };
        let mut urls: Vec<Url> = urls.iter().filter_map(|url| url.parse().ok()).collect();
        urls.sort_by_key(|url| url.scheme() != "https");
        let is_better = best.as_ref().is_none_or(|(best, _)| *best < length);
        if is_better && let Some(url) = urls.into_iter().next() {
            best = Some((length, url));
        }
    }
    Some(best.map(|(_, url)| url))
}

/// Reads a record; `None` if it is none of a network.
fn registration(record: &[u8]) -> Option<Registration> {
    let record: Value = serde_json::from_slice(record).ok()?;
    if record.get("objectClassName")?.as_str()? != "ip network" {
        return None;
    }
    let said = |name: &str| record.get(name).and_then(Value::as_str).map(shown);
    let address = |name: &str| record.get(name)?.as_str()?.parse::<IpAddr>().ok();
    let country = said("country").map(|code| code.to_ascii_uppercase());
    let mut made = Registration {
        handle: said("handle"),
        name: said("name"),
        range: address("startAddress").zip(address("endAddress")),
        country: country
            .filter(|code| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())),
        sort: said("type"),
        changed: events(&record, "last changed"),
        ..Registration::default()
    };
    entities(&record, DEEPEST, &mut made);
    Some(made)
}

fn shown(text: &str) -> String {
    escape_short(text.trim().as_bytes(), LONGEST)
}

fn events(record: &Value, action: &str) -> Option<String> {
    let mut events = record.get("events")?.as_array()?.iter();
    let event =
        events.find(|event| event.get("eventAction").and_then(Value::as_str) == Some(action))?;
    event.get("eventDate")?.as_str().map(shown)
}

/// Takes organisations and abuse mailboxes out of the entities of a record, and of those within them.
fn entities(of: &Value, depth: u8, made: &mut Registration) {
    let within = of.get("entities").and_then(Value::as_array);
    for entity in within.into_iter().flatten().take(64) {
        let roles: Vec<&str> = {
            entity
                .get("roles")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
        }
        .filter_map(Value::as_str)
        .collect();
        let card = Card::of(entity);
        if roles.contains(&"registrant") && card.is_organisation() {
            add(&mut made.organisations, card.text("fn"));
        }
        if roles.contains(&"abuse") {
            for mail in card.all("email") {
                add(&mut made.abuse, Some(mail).filter(|mail| is_mailbox(mail)));
            }
        }
        if let Some(depth) = depth.checked_sub(1) {
            entities(entity, depth, made);
        }
    }
}

fn add(to: &mut Vec<String>, text: Option<String>) {
    if let Some(text) = text.filter(|text| !text.is_empty() && !to.contains(text))
        && to.len() < MOST
    {
        to.push(text);
    }
}

/// A mailbox that can be written to as it stands: nothing in it that a mail header would take for more.
fn is_mailbox(text: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte))
    };
    text.split_once('@')
        .is_some_and(|(local, domain)| plain(local) && plain(domain))
}

/// A jCard (RFC 7095): `["vcard", [[name, parameters, type, value], ...]]`.
struct Card<'a>(&'a [Value]);

impl<'a> Card<'a> {
    fn of(entity: &'a Value) -> Self {
        let properties = entity
            .get("vcardArray")
            .and_then(|card| card.get(1)?.as_array());
        Self(properties.map_or(&[], Vec::as_slice))
    }

    /// The texts of a property.
    fn all(&self, name: &str) -> Vec<String> {
        let properties = self.0.iter().filter_map(Value::as_array);
        let named = properties.filter(|it| it.first().and_then(Value::as_str) == Some(name));
        named
            .filter_map(|it| it.get(3)?.as_str().map(shown))
            .collect()
    }

    fn text(&self, name: &str) -> Option<String> {
        self.all(name).into_iter().next()
    }

    /// Only what says that it is one: everything else may be a person.
    fn is_organisation(&self) -> bool {
        let kind = self.text("kind");
        kind.is_some_and(|kind| kind == "org" || kind == "group")
    }
}

#[cfg(test)]
mod tests;
