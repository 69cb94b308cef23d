//! What the operator decides about incidents and trips.

use std::net::IpAddr;

use clap::Args as ClapArgs;
use ipnet::IpNet;

/// `incident`
#[derive(Debug, ClapArgs)]
pub(crate) struct Incident {
    /// Its id
    pub(crate) id: String,
    /// Somebody has seen it
    #[arg(long, conflicts_with = "close")]
    pub(crate) acknowledge: bool,
    /// It is done with, for this reason; it opens again if more trips come
    #[arg(long, value_name = "REASON")]
    pub(crate) close: Option<String>,
}

/// `mute`
#[derive(Debug, ClapArgs)]
pub(crate) struct Mute {
    /// Only trips from this network or address (`203.0.113.0/24`, `2001:db8::7`)
    #[arg(long, value_parser = network, required_unless_present = "canary")]
    pub(crate) network: Option<IpNet>,
    /// Only trips of this canary
    #[arg(long)]
    pub(crate) canary: Option<String>,
    /// Only trips judged so (`automated`, `preview`, `echo`, `own`, `intruder`)
    #[arg(long)]
    pub(crate) verdict: Option<String>,
    /// Who answers for it
    #[arg(long)]
    pub(crate) owner: String,
    /// Why
    #[arg(long)]
    pub(crate) reason: String,
    /// When it ends, within a year (`7d`, `12h`, `2026-12-31`, `2026-12-31T08:00:00Z`)
    #[arg(long)]
    pub(crate) until: String,
}

/// `mutes`
#[derive(Debug, ClapArgs)]
pub(crate) struct Mutes {
    /// Those that have ended, too
    #[arg(long)]
    pub(crate) all: bool,
}

/// A network, or an address alone.
fn network(text: &str) -> Result<IpNet, String> {
    let alone = || text.parse::<IpAddr>().map(IpNet::from);
    let network: IpNet = text.parse().or_else(|_| alone()).map_err(|_| {
        "it is no network: write 203.0.113.0/24, 2001:db8::/32 or an address".to_owned()
    })?;
    Ok(network.trunc())
}
