//! The zones a station answers for over DNS, from the settings: what is not said follows from the public
//! addresses and the mail domain.

use std::net::IpAddr;

use lapwing_catalog::Address;
use lapwing_core::{Clock as _, SystemClock};
use lapwing_listen::{System, ZoneSettings, Zones};

use crate::settings::Dns;
use crate::{DaemonError, Settings, mint};

/// The zones; none where nothing listens for DNS.
///
/// # Errors
/// A name that is none; no zone or no public address where it listens for DNS.
pub(crate) fn zones(settings: &Settings, system: &System) -> Result<Zones, DaemonError> {
    let Some(doors) = settings.listen.protocols.get("dns") else {
        return Ok(Zones::default());
    };
    let Dns {
        zones,
        addresses,
        name_servers,
        mail_host,
        contact,
        issuers,
    } = &settings.dns;
    let hosts = hosts(settings)?;
    // Where bait has its mailboxes.
    let mail_domain = mint::mail_domain(settings, None).unwrap_or_default();
    let mail_domain = name("mail_domain", &mail_domain)?;
    let mut apexes = names("dns.zones", zones)?;
    if apexes.is_empty() {
        apexes.clone_from(&hosts);
        apexes.extend(Some(mail_domain.clone()).filter(|domain| !domain.is_empty()));
        apexes = outermost(&apexes);
    }
    if apexes.is_empty() {
        return Err(wrong(
            "dns.zones",
            "it listens for DNS and has no zone to answer for; set `addresses` to a domain of your own \
             (`https://*.bait.example.org`), or name the zones here",
        ));
    }
    let addresses = match &addresses[..] {
        [] => own(doors.iter().map(|door| door.address.ip()))?,
        named => named.to_vec(),
    };
    let settings = ZoneSettings {
        zones: apexes,
        addresses,
        name_servers: names("dns.name_servers", name_servers)?,
        hosts,
        mail_domain,
        mail_host: name("dns.mail_host", mail_host)?,
        issuers: names("dns.issuers", issuers)?,
        contact: contact.to_ascii_lowercase(),
    };
    Ok(Zones::new(&settings, system, SystemClock.now()))
}

/// The hosts of the public addresses; of a wildcard the name it stands below.
fn hosts(settings: &Settings) -> Result<Vec<String>, DaemonError> {
    let mut hosts = Vec::new();
    for address in &settings.addresses {
        let address = Address::parse(address)?;
        if !address.is_ip() {
            hosts.push(name("addresses", address.host().trim_start_matches("*."))?);
        }
    }
    Ok(hosts)
}

/// Names that are below none of the others.
fn outermost(names: &[String]) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for name in names {
        let below = |other: &String| other != name && name.ends_with(&format!(".{other}"));
        if !kept.contains(name) && !names.iter().any(below) {
            kept.push(name.clone());
        }
    }
    kept
}

/// The addresses that are listened at, as far as they say where the host is reached.
fn own(listened: impl Iterator<Item = IpAddr>) -> Result<Vec<IpAddr>, DaemonError> {
    let mut own = Vec::new();
    for address in listened {
        let private = match address {
            IpAddr::V4(v4) => v4.is_private() || v4.is_link_local() || v4.is_unspecified(),
            IpAddr::V6(v6) => {
                v6.is_unspecified() || v6.is_unique_local() || v6.is_unicast_link_local()
            }
        };
        if private {
            let what = format!(
                "{address}, where it listens for DNS, does not say under which address others reach this \
                 host; name its public addresses: [\"203.0.113.7\", \"2001:db8::7\"]"
            );
            return Err(wrong("dns.addresses", &what));
        }
        if !own.contains(&address) {
            own.push(address);
        }
    }
    Ok(own)
}

fn names(key: &str, texts: &[String]) -> Result<Vec<String>, DaemonError> {
    texts.iter().map(|text| name(key, text)).collect()
}

/// A domain name in lower case, without the dot at its end; nothing stays nothing.
fn name(key: &str, text: &str) -> Result<String, DaemonError> {
    let name = text.trim_end_matches('.').to_ascii_lowercase();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(plain);
    if name.is_empty() || name.len() <= 253 && name.split('.').all(label) {
        return Ok(name);
    }
    let what = format!("{text:?} is no domain name; write it like `bait.example.org`");
    Err(wrong(key, &what))
}

fn wrong(key: &str, what: &str) -> DaemonError {
    DaemonError::Setting {
        key: key.to_owned(),
        what: what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(edit: impl FnOnce(&mut Settings)) -> Result<Zones, String> {
        let mut settings = Settings::default();
        let doors = vec!["127.0.0.1:53".parse().unwrap()];
        settings.listen.protocols.insert("dns".to_owned(), doors);
        edit(&mut settings);
        zones(&settings, &System::from_seed(&[1; 32])).map_err(|error| error.to_string())
    }

    #[test]
    fn zones_follow_from_addresses_and_mail_domain() {
        let names = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let list = names(&["a.b.example", "b.example", "c.example", "b.example"]);
        assert_eq!(outermost(&list), names(&["b.example", "c.example"]));
        assert!(of(|settings| settings.addresses = names(&["https://*.bait.example"])).is_ok());
        assert!(of(|settings| settings.mail_domain = "bait.example".to_owned()).is_ok());
    }

    #[test]
    fn mistakes_are_named() {
        let error = of(|_| {}).unwrap_err();
        assert!(error.contains("dns.zones"), "{error}");
        let error = of(|settings| {
            settings.dns.zones = vec!["bait example".to_owned()];
        });
        assert!(error.unwrap_err().contains("is no domain name"));
        let error = of(|settings| {
            settings.dns.zones = vec!["bait.example".to_owned()];
            let doors = vec!["0.0.0.0:53".parse().unwrap()];
            settings.listen.protocols.insert("dns".to_owned(), doors);
        });
        assert!(error.unwrap_err().contains("dns.addresses"));
    }
}
