//! Arguments of `tls`.

use clap::{Args as ClapArgs, Subcommand};

/// `tls`
#[derive(Debug, ClapArgs)]
pub(crate) struct Tls {
    #[command(subcommand)]
    pub(crate) action: Option<TlsAction>,
}

/// What `tls` does beside showing certificates.
#[derive(Debug, Subcommand)]
pub(crate) enum TlsAction {
    /// Print the certificate of a private authority, for those who are to trust it; made if there is none
    Ca(Ca),
    /// Issue a certificate by that authority; a running station shows it within seconds
    Issue(Issue),
}

/// `tls ca`
#[derive(Debug, ClapArgs)]
pub(crate) struct Ca {
    /// What it calls itself, if it is made now [default: drawn from common names]
    #[arg(long, value_name = "NAME")]
    pub(crate) organization: Option<String>,
}

/// `tls issue`
#[derive(Debug, ClapArgs)]
pub(crate) struct Issue {
    /// Host names, the first also as its common name: `www.example.org`, `*.example.org`
    #[arg(required = true, value_name = "HOST")]
    pub(crate) hosts: Vec<String>,
    /// Valid for so many days
    #[arg(long, default_value_t = 397, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub(crate) days: u32,
}
