//! Arguments of what has to do with applications and other hosts.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

use super::Fresh;

/// What a credential is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum May {
    /// Ask whether a value is bait.
    Check,
    /// Report what was planted on one host.
    Plant,
    /// Have fresh bait minted.
    Mint,
    /// Ask how the station is: /metrics, and the details of /readyz.
    Monitor,
}

impl From<May> for lapwing_core::May {
    fn from(may: May) -> Self {
        match may {
            May::Check => Self::Check,
            May::Plant => Self::Plant,
            May::Mint => Self::Mint,
            May::Monitor => Self::Monitor,
        }
    }
}

/// `credential`
#[derive(Debug, Subcommand)]
pub(crate) enum Credential {
    /// Make one; its secret is printed once, and kept nowhere
    Add {
        /// A name for it: trips that an application reports carry it, and so do canaries minted for it
        name: String,
        /// What it is for
        #[arg(long, value_enum)]
        may: May,
        /// The host whose placements it may report (with --may plant)
        #[arg(long, value_name = "NAME", required_if_eq("may", "plant"))]
        host: Option<String>,
        /// A kind it may have minted (repeatable, with --may mint) [default: any]
        #[arg(long, value_name = "KIND")]
        kind: Vec<String>,
    },
    /// List them, without their secrets
    List,
    /// Make one useless
    Revoke {
        /// Its name
        name: String,
    },
}

/// `filter`
#[derive(Debug, ClapArgs)]
pub(crate) struct Filter {
    /// The file to write, or to write again
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Its key; made if it is not there [default: the file's name with .key behind it]
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
}

/// `bundle`
#[derive(Debug, ClapArgs)]
pub(crate) struct Bundle {
    /// A kind, and where it goes on the other host: `twilio:/srv/app/.env`
    #[arg(required = true, value_name = "KIND:TARGET")]
    pub(crate) what: Vec<String>,
    /// Your name for the host; its places are written host://NAME/path
    #[arg(long, value_name = "NAME")]
    pub(crate) host: String,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) fresh: Fresh,
    /// The role in planted names (`legacy`, `backup`, ...)
    #[arg(long)]
    pub(crate) role: Option<String>,
    /// It stays there, and a timer of the host runs it with `check` so often (15m, 6h, 1d); if reports stay
    /// away twice as long, that is alerted
    #[arg(long, value_name = "TIME")]
    pub(crate) every: Option<String>,
    /// It stays there, and can be run with `check` and `uproot`
    #[arg(long)]
    pub(crate) keep: bool,
    /// Where it reports to [default: setting desk.url; without one it prints a line to copy back]
    #[arg(long, value_name = "URL")]
    pub(crate) report: Option<String>,
    /// The program it carries, for a host of another architecture [default: setting hosts.binary, else this
    /// program]
    #[arg(long, value_name = "FILE")]
    pub(crate) binary: Option<PathBuf>,
}

/// `placements`
#[derive(Debug, Subcommand)]
pub(crate) enum Placements {
    /// Take in the line that a bundle printed
    Import {
        /// The line [default: read from standard input]
        line: Option<String>,
    },
}

/// `hosts`
#[derive(Debug, ClapArgs)]
pub(crate) struct Hosts {
    /// Wait for this one no longer
    #[arg(long, value_name = "NAME")]
    pub(crate) forget: Option<String>,
}

/// What a bundle is run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Action {
    /// Plant what it carries.
    Plant,
    /// Look whether it still stands.
    Check,
    /// Take it out.
    Uproot,
}

/// `agent`
#[derive(Debug, ClapArgs)]
pub(crate) struct Agent {
    /// The bundle that started it
    #[arg(long)]
    pub(crate) bundle: Option<PathBuf>,
    /// What the bundle was run for
    #[arg(value_enum, default_value_t = Action::Plant)]
    pub(crate) action: Action,
}
