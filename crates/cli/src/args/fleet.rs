//! Arguments of what has to do with applications and other hosts.

use clap::{Subcommand, ValueEnum};

/// What a credential is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum May {
    /// Ask whether a value is bait.
    Check,
    /// Report what was planted on one host.
    Plant,
}

impl From<May> for lapwing_core::May {
    fn from(may: May) -> Self {
        match may {
            May::Check => Self::Check,
            May::Plant => Self::Plant,
        }
    }
}

/// `credential`
#[derive(Debug, Subcommand)]
pub(crate) enum Credential {
    /// Make one; its secret is printed once, and kept nowhere
    Add {
        /// A name for it: trips that an application reports carry it
        name: String,
        /// What it is for
        #[arg(long, value_enum)]
        may: May,
        /// The host whose placements it may report (with --may plant)
        #[arg(long, value_name = "NAME", required_if_eq("may", "plant"))]
        host: Option<String>,
    },
    /// List them, without their secrets
    List,
    /// Make one useless
    Revoke {
        /// Its name
        name: String,
    },
}
