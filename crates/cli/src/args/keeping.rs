//! What is kept, what is not, and for how long.

use clap::{Args as ClapArgs, ValueEnum};

use super::decisions::By;

/// `hold`
#[derive(Debug, ClapArgs)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true))]
pub(crate) struct Hold {
    /// The trips of this incident (repeatable)
    #[arg(long, group = "what", value_name = "ID")]
    pub(crate) incident: Vec<String>,
    /// The trips of this actor (repeatable)
    #[arg(long, group = "what", value_name = "ID")]
    pub(crate) actor: Vec<String>,
    /// The trips of this canary (repeatable)
    #[arg(long, group = "what", value_name = "ID")]
    pub(crate) canary: Vec<String>,
    /// This trip (repeatable)
    #[arg(long, group = "what", value_name = "ID")]
    pub(crate) trip: Vec<String>,
    /// Everything
    #[arg(long, group = "what")]
    pub(crate) all: bool,
    /// Why: who asks for it to be kept
    #[arg(long)]
    pub(crate) reason: String,
    /// When it lapses (`90d`, `2027-12-31`) [default: when it is ended by `unhold`]
    #[arg(long)]
    pub(crate) until: Option<String>,
    #[command(flatten)]
    pub(crate) by: By,
}

/// `holds`
#[derive(Debug, ClapArgs)]
pub(crate) struct Holds {
    /// Those that have ended, too
    #[arg(long)]
    pub(crate) all: bool,
}

/// `unhold`
#[derive(Debug, ClapArgs)]
pub(crate) struct Unhold {
    /// Its id
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) by: By,
}

/// What `purge` erases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Class {
    /// The bytes as sent.
    Raw,
    /// All that the peer said, what was captured included.
    Claims,
    /// What decoys captured, and the bytes as sent that hold it too.
    Captures,
    /// What was looked up outward about addresses, and the list of it.
    Lookups,
}

/// `purge`
#[derive(Debug, ClapArgs)]
pub(crate) struct Purge {
    /// Of trips recorded so long ago or before that day (`90d`, `2026-08-01`) [default: the ages in the
    /// settings, retention.*_days]
    #[arg(long, value_name = "AGE")]
    pub(crate) older_than: Option<String>,
    /// Only this (repeatable) [default: with --older-than all of them, else those that have an age]
    #[arg(long, value_enum)]
    pub(crate) class: Vec<Class>,
    /// Why; kept with the erasure and shown in reports
    #[arg(long, default_value = "purged by age")]
    pub(crate) reason: String,
    /// Show what would go, and erase nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) by: By,
}

/// `redact`
#[derive(Debug, ClapArgs)]
pub(crate) struct Redact {
    /// The trip's id; or an address: all trips from there, and what was looked up about it
    #[arg(value_name = "ID|ADDRESS")]
    pub(crate) id: String,
    /// Only this of trips: raw, claims, captures or captured:NAME, as `lapwing trip` names it (repeatable) [default:
    /// all of it]
    #[arg(long, value_name = "PART")]
    pub(crate) part: Vec<lapwing_core::Part>,
    /// Why; kept with the erasure and shown in full reports
    #[arg(long)]
    pub(crate) reason: String,
    /// Show what would go, and erase nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) by: By,
}
