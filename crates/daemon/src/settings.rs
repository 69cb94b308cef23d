//! Every setting of a station, with its default. Where a value comes from (file, environment,
//! flag) is the CLI's business; what it means is said here once.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;
use lapwing_listen::Door;
use serde::{Deserialize, Serialize};

use crate::confine::Sandbox;

/// The settings of a station: the shape of `lapwing.toml`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Public base URLs that bait carries. `https://*.example.org` gives each kind a host of its
    /// own; without the star each kind needs an address of its own.
    pub addresses: Vec<String>,
    /// Domain of e-mail addresses in decoy records: one of the operator's own.
    pub mail_domain: String,
    /// Where the people of decoy records live, `es_MX`; empty: `en_US`.
    pub locale: String,
    /// Telephone numbers of the operator's own, for decoy records; `reserved` stands for numbers
    /// kept for fiction, which a reader may know. Empty: records show none.
    pub phones: Vec<String>,
    /// Who runs this, for the head of reports.
    pub operator: String,
    /// Mail address at which the operator answers questions about a report; reports to networks (XARF)
    /// need one.
    pub contact: String,
    /// File with the master key (64 hex digits), outside the data directory.
    pub key_file: Option<PathBuf>,
    /// Everything is an exercise and is marked so.
    pub exercise: bool,
    /// What intruders reach.
    pub listen: Listen,
    /// What the station answers over DNS.
    pub dns: Dns,
    /// Certificates for what intruders reach.
    pub tls: Tls,
    /// What the operator's own applications and other hosts reach.
    pub desk: Desk,
    /// Other hosts on which bait is planted.
    pub hosts: Hosts,
    /// When trips become summaries.
    pub quota: Quota,
    /// The evidence log.
    pub journal: Journal,
    /// Geography.
    pub geo: Geo,
    /// What is asked of others about an address.
    pub lookup: Lookup,
    /// The operator's own networks.
    pub own: Own,
    /// Folding trips into incidents.
    pub fold: Fold,
    /// Alerts.
    pub alert: Alert,
    /// How long what trips hold is kept.
    pub retention: Retention,
    /// Reports.
    pub report: Report,
}

/// Reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Report {
    /// The language of their fixed texts where `--language` does not say: `en` or `es`.
    pub language: String,
    /// Nothing is published before the newest use is so many hours old: whoever it was may be at it still.
    pub embargo_hours: u32,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            language: "en".to_owned(),
            embargo_hours: 72,
        }
    }
}

/// What intruders reach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// Addresses to serve HTTP/1.1 and cleartext HTTP/2 on.
    pub http: Vec<SocketAddr>,
    /// Other protocols (`lapwing protocols`), and addresses to listen for each at: `["0.0.0.0:5432"]`, or
    /// `tls://0.0.0.0:465` where TLS comes before anything else.
    pub protocols: BTreeMap<String, Vec<Door>>,
    /// Whom the station runs as once its ports are bound, if it is started as root: a user's name, or `UID:GID`. The
    /// data directory has to be that user's. Empty: whoever started it.
    pub user: String,
    /// Whether the station locks itself in as far as the kernel can: it writes nothing but its data directory,
    /// binds no other port, runs no program.
    pub sandbox: Sandbox,
    /// What the station's servers call their host; empty: the domain of the first public address.
    pub hostname: String,
    /// Networks whose PROXY protocol header is believed.
    pub proxies: Vec<IpNet>,
    /// Networks of reverse proxies whose header (`forwarding_header`) names the client. It is read from the
    /// right: the first address that is not in these networks is the client.
    pub forwarders: Vec<IpNet>,
    /// The one header that those proxies set: `x-forwarded-for`, `forwarded`, `x-real-ip`, ...
    pub forwarding_header: String,
    /// Connections at once, in all.
    pub connections: usize,
    /// Connections at once from one address (a configured proxy is not counted).
    pub connections_per_address: usize,
    /// Longest request head, in bytes.
    pub header_bytes: usize,
    /// Longest request body that is read, in bytes.
    pub body_bytes: usize,
    /// How much of a request is kept as sent, in bytes.
    pub raw_bytes: usize,
    /// How long a request head may take, in seconds.
    pub header_seconds: u64,
    /// How long a request body may take, in seconds.
    pub body_seconds: u64,
    /// How long a connection may be idle, in seconds.
    pub idle_seconds: u64,
    /// How long requests under way may take to finish on stop, in seconds.
    pub drain_seconds: u64,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            http: vec![SocketAddr::from(([0, 0, 0, 0], 8080))],
            protocols: BTreeMap::new(),
            user: String::new(),
            sandbox: Sandbox::On,
            hostname: String::new(),
            proxies: Vec::new(),
            forwarders: Vec::new(),
            forwarding_header: "x-forwarded-for".to_owned(),
            connections: 4096,
            connections_per_address: 512,
            header_bytes: 64 << 10,
            body_bytes: 1 << 20,
            raw_bytes: 64 << 10,
            header_seconds: 10,
            body_seconds: 20,
            idle_seconds: 60,
            drain_seconds: 10,
        }
    }
}

/// What the station answers over DNS, where `listen.protocols.dns` has it listen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dns {
    /// The zones it is the authority for; empty: those of `addresses` (`https://*.bait.example.org` gives
    /// `bait.example.org`) and of `mail_domain`.
    pub zones: Vec<String>,
    /// Public IPv4 and IPv6 addresses of this host, which names of the zones lead to; empty: those it
    /// listens for DNS at.
    pub addresses: Vec<IpAddr>,
    /// Names of its name servers as the zones are delegated to; empty: `ns1` and `ns2` of each zone.
    pub name_servers: Vec<String>,
    /// The host that takes the mail of `mail_domain`; empty: `mail` of its zone.
    pub mail_host: String,
    /// Mailbox of whoever answers for the zones; empty: `hostmaster` of each zone.
    pub contact: String,
    /// Certificate authorities that may issue for the zones (CAA); empty: the zones do not say.
    pub issuers: Vec<String>,
}

/// Certificates for what intruders reach. Without any TLS is not spoken. Beside those named here the station
/// shows what `lapwing tls issue` made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// Files in PEM, in the order of their precedence: `{ certificate = "/etc/ssl/site.pem", key =
    /// "/etc/ssl/site.key" }`. A client gets the one that has the name it asks for, else the first.
    pub certificates: Vec<CertificateFiles>,
    /// Certificates from a public authority.
    pub acme: Acme,
}

/// Certificates from a public authority (ACME). To name a host here is to agree to the authority's terms. What
/// it issues stands in public logs: name no host whose name gives bait away.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Acme {
    /// Host names, each of which gets a certificate of its own; none: nobody is asked.
    pub hosts: Vec<String>,
    /// The authority's directory.
    pub directory: String,
    /// Mail addresses that the authority may write to.
    pub contacts: Vec<String>,
    /// How it checks that a host is ours: `http-01` (port 80 leads to the HTTP listener), `tls-alpn-01` (port
    /// 443 does), or `dns-01` (the DNS listener is the domain's name server; the only one for `*.example.org`).
    pub challenge: AcmeChallenge,
    /// File in PEM with who else may vouch for the directory's own host; empty: only the public ones.
    pub roots: PathBuf,
    /// A certificate is renewed so many days before it ends.
    pub renew_days: u32,
}

impl Default for Acme {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            directory: "https://acme-v02.api.letsencrypt.org/directory".to_owned(),
            contacts: Vec::new(),
            challenge: AcmeChallenge::Http01,
            roots: PathBuf::new(),
            renew_days: 30,
        }
    }
}

/// How an authority checks that a host is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AcmeChallenge {
    /// A file over HTTP.
    #[serde(rename = "http-01")]
    Http01,
    /// A certificate inside TLS.
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
    /// A record in DNS.
    #[serde(rename = "dns-01")]
    Dns01,
}

/// Files of a certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateFiles {
    /// The chain, the host's own certificate first.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// What the operator's own applications and other hosts reach. It speaks plain HTTP: past this host, a
/// reverse proxy has to end TLS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Desk {
    /// Addresses to serve it on, never those that intruders reach; empty: there is none.
    pub listen: Vec<SocketAddr>,
    /// The URL under which other hosts reach it, `https://desk.example.org`; empty: they do not.
    pub url: String,
    /// So many canaries may be minted there in an hour under one credential.
    pub mints_per_hour: u32,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            url: String::new(),
            mints_per_hour: 60,
        }
    }
}

/// Other hosts on which bait is planted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hosts {
    /// The system's ssh, and what it is to be given before the host: `["ssh", "-F", "/etc/lapwing/ssh"]`.
    pub ssh: Vec<String>,
    /// The program that is sent there, for hosts of another architecture than this one's; empty: this
    /// program.
    pub binary: PathBuf,
}

impl Default for Hosts {
    fn default() -> Self {
        Self {
            ssh: vec!["ssh".to_owned()],
            binary: PathBuf::new(),
        }
    }
}

/// When trips of one canary from one address become summaries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    /// So many are recorded in full, ...
    pub trips: u32,
    /// ... in so many seconds.
    pub seconds: u32,
}

impl Default for Quota {
    fn default() -> Self {
        Self {
            trips: 200,
            seconds: 3600,
        }
    }
}

/// The evidence log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Journal {
    /// Size at which a new segment file is begun, in bytes.
    pub segment_bytes: u64,
    /// A checkpoint is signed every so many records, ...
    pub checkpoint_records: u64,
    /// ... or seconds, whichever comes first.
    pub checkpoint_seconds: u64,
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            checkpoint_records: 10_000,
            checkpoint_seconds: 2,
        }
    }
}

/// Geography.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Geo {
    /// Files asked before the embedded data, `.mmdb` or IPFire's `location.db`; the first that knows wins.
    pub files: Vec<PathBuf>,
    /// What `lapwing geo update` may fetch, each only when it is told to; asked behind `files`, the first that knows
    /// wins. Nothing is fetched that is not named here.
    pub sources: Vec<GeoSource>,
    /// Lists of networks that `lapwing lists update` made, instead of the embedded ones; empty: `lists.bin`
    /// in the data directory, if it is there.
    pub lists: PathBuf,
    /// Names of crawlers that `lapwing lists update` made, instead of the embedded ones; empty: `crawlers.tsv` in
    /// the data directory, if it is there.
    pub crawlers: PathBuf,
    /// Made-up places of documentation addresses, for an exercise: network, country, AS number and
    /// AS name, `198.51.100.0/24 NL 64500 Example Hosting`.
    pub exercise: Vec<String>,
    /// Where what was fetched is kept: `geo` in the data directory. Not a setting.
    #[serde(skip)]
    pub directory: PathBuf,
}

/// A source of geography that the operator names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GeoSource {
    /// What it is called here: small letters, digits and hyphens.
    pub name: String,
    /// What it gives.
    pub kind: GeoKind,
    /// Where it is fetched from, `https://`; `{year}` and `{month}` stand for those of today. May be packed by gzip
    /// or xz, and lie in a tar archive.
    pub url: String,
    /// In the stead of `url`, a file on this host.
    pub file: PathBuf,
    /// Who asks, where the publisher wants to know: an account's number.
    pub user: String,
    /// File with the key that goes with it (HTTP Basic).
    pub key_file: PathBuf,
    /// In the stead of `key_file`, the environment variable that has it.
    pub key_env: String,
    /// SHA-256 that what is fetched must have, in hexadecimal.
    pub sha256: String,
    /// Where the publisher has that sum: the first word there.
    pub sha256_url: String,
    /// File with the public key (PEM) that a `location.db` must be signed by.
    pub signing_key: PathBuf,
    /// What it must say, or is not taken: `193.0.6.139=NL`, `193.0.6.139=AS3333`.
    pub expect: Vec<String>,
    /// File in PEM with who else may vouch for the host, for a mirror of your own.
    pub roots: PathBuf,
    /// Whether the host may have a private address.
    pub allow_private: bool,
}

/// What a source of geography gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GeoKind {
    /// A MaxMind DB: DB-IP, GeoLite2 and others.
    #[default]
    Mmdb,
    /// IPFire's `location.db`.
    Location,
    /// Exits of the Tor network: each list is added to those before.
    TorExits,
}

/// What is asked of others about an address, when the operator says so and never otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lookup {
    /// The resolver for reverse DNS, `192.0.2.53:53`; none: the system's (`/etc/resolv.conf`).
    pub resolver: Vec<SocketAddr>,
    /// Where the list of registries' RDAP servers is (RFC 9224).
    pub rdap_bootstrap: String,
    /// File in PEM with who else may vouch for that host.
    pub roots: PathBuf,
}

impl Default for Lookup {
    fn default() -> Self {
        Self {
            resolver: Vec::new(),
            rdap_bootstrap: "https://data.iana.org/rdap/".to_owned(),
            roots: PathBuf::new(),
        }
    }
}

/// The operator's own networks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Own {
    /// Trips from here get the verdict `own`. They alert all the same.
    pub networks: Vec<IpNet>,
}

/// Folding trips into incidents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fold {
    /// An incident ends when nothing came for so many seconds.
    pub incident_seconds: i64,
}

impl Default for Fold {
    fn default() -> Self {
        Self {
            incident_seconds: 1800,
        }
    }
}

/// Alerts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Alert {
    /// Every so many seconds a sign of life goes to the channels that ask for it; 0 for never.
    pub heartbeat_seconds: u64,
    /// Pause before the second attempt, in seconds; it doubles with each further one.
    pub retry_seconds: u64,
    /// After so many attempts a delivery is a dead letter.
    pub attempts: u32,
    /// The channels, by name: `kind` and what that kind takes.
    pub channels: BTreeMap<String, serde_json::Value>,
}

impl Default for Alert {
    fn default() -> Self {
        Self {
            heartbeat_seconds: 86_400,
            retry_seconds: 5,
            attempts: 12,
            channels: BTreeMap::new(),
        }
    }
}

/// How long what trips hold is kept, in days; 0: for good. What is older is erased once a day, unless it is
/// under a hold. The record of the trip, with a digest of what was there, and what was concluded stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// The bytes as sent.
    pub raw_days: u32,
    /// All that the peer said: target, headers, program, and what decoys captured.
    pub claims_days: u32,
    /// What decoys captured: telephone numbers, message texts, mail addresses. The bytes as sent hold that
    /// too, and go with it.
    pub captures_days: u32,
    /// What was looked up outward about addresses, and the list of it.
    pub lookups_days: u32,
}

impl Retention {
    /// It in words: `raw 90 days, claims kept, captures 30 days`.
    #[must_use]
    pub fn words(&self) -> String {
        let Self {
            raw_days,
            claims_days,
            captures_days,
            lookups_days,
        } = *self;
        if *self == Self::default() {
            return "off, nothing is erased by age".to_owned();
        }
        let days = |days: u32| match days {
            0 => "kept".to_owned(),
            1 => "1 day".to_owned(),
            days => format!("{days} days"),
        };
        format!(
            "raw {}, claims {}, captures {}, look-ups {}",
            days(raw_days),
            days(claims_days),
            days(captures_days),
            days(lookups_days)
        )
    }
}
