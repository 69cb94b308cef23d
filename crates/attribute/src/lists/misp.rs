//! Reads MISP's warning lists, a directory as they are published in (`lists/NAME/list.json`).
//! (<https://github.com/MISP/misp-warninglists>, CC0 1.0.)

use std::path::Path;

use ipnet::IpNet;
use lapwing_core::{NetworkClass, bounded};
use serde::Deserialize;

use super::build::NewList;
use super::{ListSource, ListsError};

/// Largest list that is read, in bytes.
const LARGEST: u64 = 32 << 20;

/// The lists that are used: name there, what they are, whose.
const USED: &[(&str, NetworkClass, &str)] = {
    use NetworkClass::{
        Cloud, Content, Crawler, Gateway, Mail, Preview, Relay, Resolver, Scanner, Vpn,
    };
    &[
        (
            "alphastrike-research-nt-scanning",
            Scanner,
            "Alpha Strike Labs",
        ),
        ("alphastrike-scanning", Scanner, "Alpha Strike Labs"),
        ("bufferover-nt-scanning", Scanner, "Bufferover"),
        ("censys-scanning", Scanner, "Censys"),
        ("circl-security-scanning", Scanner, "CIRCL"),
        ("circl-ssh-scanning", Scanner, "CIRCL"),
        (
            "coalition-signals-intelligence-nt-scanning",
            Scanner,
            "Coalition",
        ),
        ("cybergreen-nt-scanning", Scanner, "CyberGreen"),
        ("cyberresilience-nt-scanning", Scanner, "Cyber Resilience"),
        ("cypex-nt-scanning", Scanner, "Cypex"),
        ("f6-nt-scanning", Scanner, "F6"),
        ("internet-census-nt-scanning", Scanner, "Internet Census"),
        (
            "internetcleanup-scanner",
            Scanner,
            "Internet Cleanup Foundation",
        ),
        ("intrinsec-nt-scanning", Scanner, "Intrinsec"),
        ("ipinfo-nt-scanning", Scanner, "IPinfo"),
        ("ipip-nt-scanning", Scanner, "IPIP"),
        ("modat-nt-scanning", Scanner, "Modat"),
        ("modat-scanner", Scanner, "Modat"),
        ("netsecscan-nt-scanning", Scanner, "NetSecScan"),
        ("netsecscan-scanning", Scanner, "NetSecScan"),
        ("onyphe-nt-scanning", Scanner, "Onyphe"),
        ("onyphe-scanner", Scanner, "Onyphe"),
        (
            "palo-alto-networks-cortex-xpanse",
            Scanner,
            "Palo Alto Cortex Xpanse",
        ),
        ("probethenet-nt-scanning", Scanner, "Probe the Net"),
        ("rapid7-nt-scanning", Scanner, "Rapid7"),
        (
            "research-scanner-nt-scanning",
            Scanner,
            "a research scanner",
        ),
        ("shadowforce-nt-scanning", Scanner, "Shadowforce"),
        ("shadowforce-scanning", Scanner, "Shadowforce"),
        ("shadowserver", Scanner, "Shadowserver"),
        ("shadowserver-nt-scanning", Scanner, "Shadowserver"),
        ("shodan-nt-scanning", Scanner, "Shodan"),
        ("shodan-scanning", Scanner, "Shodan"),
        ("skipa-nt-scanning", Scanner, "Skipa"),
        ("stretchoid-nt-scanning", Scanner, "Stretchoid"),
        ("tenable-cloud-ipv4", Scanner, "Tenable"),
        ("tenable-cloud-ipv6", Scanner, "Tenable"),
        (
            "umich-cse-connection-attempts",
            Scanner,
            "University of Michigan",
        ),
        ("googlebot", Crawler, "Googlebot"),
        ("openai-gptbot", Crawler, "OpenAI GPTBot"),
        ("telegram-ips", Preview, "Telegram"),
        ("google-gmail-sending-ips", Mail, "Gmail"),
        ("microsoft-office365-cn", Mail, "Microsoft 365 in China"),
        ("microsoft-office365-ip", Mail, "Microsoft 365"),
        ("zscaler", Gateway, "Zscaler"),
        ("amazon-aws", Cloud, "Amazon Web Services"),
        ("github", Cloud, "GitHub"),
        ("google-gcp", Cloud, "Google Cloud"),
        ("microsoft-azure", Cloud, "Microsoft Azure"),
        ("microsoft-azure-china", Cloud, "Microsoft Azure in China"),
        (
            "microsoft-azure-germany",
            Cloud,
            "Microsoft Azure in Germany",
        ),
        (
            "microsoft-azure-us-gov",
            Cloud,
            "Microsoft Azure for the US government",
        ),
        ("oracle-oci", Cloud, "Oracle Cloud"),
        ("ovh-cluster", Cloud, "OVH"),
        ("akamai", Content, "Akamai"),
        ("bunny-net", Content, "bunny.net"),
        ("cloudflare", Content, "Cloudflare"),
        ("fastly", Content, "Fastly"),
        ("stackpath", Content, "StackPath"),
        ("icloud-private-relay", Relay, "iCloud Private Relay"),
        ("vpn-ipv4", Vpn, "a commercial VPN"),
        ("vpn-ipv6", Vpn, "a commercial VPN"),
        ("public-dns-v4", Resolver, "a public resolver"),
        ("public-dns-v6", Resolver, "a public resolver"),
    ]
};

/// What is said of lists from there that are of this day, `2026-08-20`.
#[must_use]
pub fn source_of_misp(date: &str) -> ListSource {
    ListSource {
        name: "MISP warning lists".to_owned(),
        date: date.to_owned(),
        licence: "CC0 1.0".to_owned(),
        url: "https://github.com/MISP/misp-warninglists".to_owned(),
    }
}

#[derive(Deserialize)]
struct Published {
    list: Vec<String>,
    /// Most are the day: 20260811.
    #[serde(default)]
    version: u64,
}

/// Reads those of the lists in a directory that are used, and the newest day that one of them is of,
/// `2026-08-11`. One that is missing is left out; lines that are no network are passed over.
///
/// # Errors
/// A list cannot be read, or none is there.
pub fn read_misp(directory: &Path) -> Result<(Vec<NewList>, String), ListsError> {
    let (mut lists, mut newest) = (Vec::new(), 0);
    for (origin, class, name) in USED {
        let path = directory.join("lists").join(origin).join("list.json");
        let bytes = match bounded::read_file(&path, LARGEST) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(source) => return Err(ListsError::File { path, source }),
        };
        let (networks, version) = read_list(&bytes).map_err(|error| {
            let what = format!("no warning list: {error}");
            ListsError::Format { path, what }
        })?;
        if is_day(version) {
            newest = newest.max(version);
        }
        lists.push(NewList {
            class: *class,
            name: (*name).to_owned(),
            origin: (*origin).to_owned(),
            networks,
        });
    }
    if lists.is_empty() {
        return Err(ListsError::Format {
            path: directory.to_owned(),
            what: "no warning lists are there: name a directory that has `lists/NAME/list.json`, as the \
                   repository MISP/misp-warninglists"
                .to_owned(),
        });
    }
    let (year, month, day) = (newest / 10_000, newest / 100 % 100, newest % 100);
    Ok((lists, format!("{year:04}-{month:02}-{day:02}")))
}

/// Reads one list: its networks, and its version. Lines that are no network are passed over.
///
/// # Errors
/// It is no list.
pub fn read_list(bytes: &[u8]) -> Result<(Vec<IpNet>, u64), serde_json::Error> {
    let Published { list, version } = serde_json::from_slice(bytes)?;
    let networks = list.iter().filter_map(|line| network(line)).collect();
    Ok((networks, version))
}

fn is_day(version: u64) -> bool {
    let (year, month, day) = (version / 10_000, version / 100 % 100, version % 100);
    (2000..2100).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day)
}

/// `192.0.2.0/24`, or an address alone.
fn network(line: &str) -> Option<IpNet> {
    let line = line.trim();
    let address = || Some(IpNet::from(line.parse::<std::net::IpAddr>().ok()?));
    line.parse().ok().or_else(address)
}
