//! What the operator decides about incidents and trips.

use std::net::IpAddr;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use ipnet::IpNet;

use super::List;

/// `incidents`
#[derive(Debug, ClapArgs)]
pub(crate) struct Incidents {
    #[command(flatten)]
    pub(crate) list: List,
    /// Only those that are so (repeatable)
    #[arg(long, value_enum)]
    pub(crate) state: Vec<State>,
    /// Only of this canary
    #[arg(long)]
    pub(crate) canary: Option<String>,
    /// Only by this actor
    #[arg(long)]
    pub(crate) actor: Option<String>,
    /// Only those this one looks after; `nobody`: those nobody does
    #[arg(long, value_name = "WHO")]
    pub(crate) assigned: Option<String>,
    /// Only with a use at or after this time (`2026-11-23`, `2026-11-23T10:00:00Z`, `36h`, `7d`)
    #[arg(long)]
    pub(crate) since: Option<String>,
}

/// How an incident stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum State {
    /// Nobody has seen it, or it went on since.
    Open,
    /// Somebody has seen it.
    Acknowledged,
    /// It is done with.
    Closed,
}

/// Who decides.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct By {
    /// Who says so [default: your login name, from $SUDO_USER, $LOGNAME or $USER]
    #[arg(long, value_name = "WHO")]
    pub(crate) by: Option<String>,
}

/// `incident`
#[derive(Debug, ClapArgs)]
pub(crate) struct Incident {
    /// Its id
    pub(crate) id: String,
    /// Write down what was found out or done
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    /// This one looks after it from now on
    #[arg(long, value_name = "WHO", conflicts_with = "unassign")]
    pub(crate) assign: Option<String>,
    /// Nobody looks after it any more
    #[arg(long)]
    pub(crate) unassign: bool,
    /// Somebody has seen it
    #[arg(long, conflicts_with_all = ["close", "reopen"])]
    pub(crate) acknowledge: bool,
    /// It is done with, for this reason; it opens again if more trips come
    #[arg(long, value_name = "REASON", conflicts_with = "reopen")]
    pub(crate) close: Option<String>,
    /// It wants somebody again, for this reason
    #[arg(long, value_name = "REASON")]
    pub(crate) reopen: Option<String>,
    #[command(flatten)]
    pub(crate) by: By,
}

/// `actor`
#[derive(Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub(crate) struct Actor {
    /// Its id
    pub(crate) id: Option<String>,
    /// Every link that holds it together, not only the weakest
    #[arg(long)]
    pub(crate) all: bool,
    #[command(subcommand)]
    pub(crate) decision: Option<ActorDecision>,
}

/// What the operator decides of actors.
#[derive(Debug, Subcommand)]
pub(crate) enum ActorDecision {
    /// These are one hand, whatever the evidence
    Merge {
        /// Their ids
        #[arg(required = true, num_args = 2..)]
        ids: Vec<String>,
        /// Why
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        by: By,
    },
    /// Some sessions are another hand than the rest, whatever the evidence
    Split {
        /// Out of which actor
        id: String,
        /// The sessions of these trips (repeatable)
        #[arg(long, required_unless_present = "address")]
        trip: Vec<String>,
        /// The sessions from this address or network (repeatable)
        #[arg(long, value_parser = network)]
        address: Vec<IpNet>,
        /// Why
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        by: By,
    },
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
