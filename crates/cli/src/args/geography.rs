//! Arguments of `geo` and `network`.

use std::net::IpAddr;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

/// `geo`
#[derive(Debug, ClapArgs)]
#[command(subcommand_precedence_over_arg = true)]
pub(crate) struct Geo {
    /// An address
    pub(crate) ip: Option<IpAddr>,
    /// As it was then: whether it was an exit of the Tor network (`2026-11-23T10:00:00Z`, `36h`) [default: now]
    #[arg(long, value_name = "TIME", requires = "ip")]
    pub(crate) at: Option<String>,
    #[command(subcommand)]
    pub(crate) action: Option<GeoAction>,
}

/// What `geo` does beside showing what is known.
#[derive(Debug, Subcommand)]
pub(crate) enum GeoAction {
    /// Fetch what geo.sources names, all of it or some; nothing else is asked (exit code 8: some failed)
    Update {
        /// Only these, by name
        #[arg(value_name = "SOURCE")]
        sources: Vec<String>,
        /// Take also what is older than what is in use, or less than half of it
        #[arg(long)]
        force: bool,
    },
    /// Exchange the file of a source and the one before it
    Restore {
        /// The source, by name
        source: String,
    },
    /// Measure how far the sources at hand agree; asks nobody
    Check(Measure),
}

/// `geo check`
#[derive(Debug, ClapArgs)]
pub(crate) struct Measure {
    /// Over so many routed IPv4 addresses, drawn evenly, and addresses in as many announced IPv6 networks
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) addresses: u32,
    /// What they are drawn by: the same seed draws the same addresses
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Over the addresses that trips came from instead
    #[arg(long, conflicts_with_all = ["addresses", "seed"])]
    pub(crate) trips: bool,
}

/// `network`
#[derive(Debug, ClapArgs)]
pub(crate) struct Network {
    /// An address; without one, whatever went outward is listed
    pub(crate) ip: Option<IpAddr>,
    /// Ask others about it, now: its names, or the registry (repeatable). The owner of the address may see that
    /// somebody asked; the address itself is never connected to
    #[arg(long, value_enum, value_name = "WHOM", requires = "ip")]
    pub(crate) lookup: Vec<Ask>,
}

/// Whom to ask about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ask {
    /// Its names, of the resolver, and whether they lead back (reverse DNS).
    Rdns,
    /// The registry of its network, with the mailbox for abuse (RDAP).
    Rdap,
}
