//! `report` as clap reads it.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

/// `report`
#[derive(Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Report {
    #[command(subcommand)]
    pub(crate) action: Option<ReportAction>,
    /// Not before this time
    #[arg(long)]
    pub(crate) since: Option<String>,
    /// Only this actor
    #[arg(long)]
    pub(crate) actor: Option<String>,
    /// Only this canary
    #[arg(long)]
    pub(crate) canary: Option<String>,
    /// For people: html, md, pdf, letter (a mail to each network), svg and dot (the route). For programs:
    /// json, ndjson, csv, stix, misp, xarf (a report to each network), ocsf, ecs, cef, ioc and ioc-plain
    #[arg(long, default_value = "html")]
    pub(crate) format: String,
    /// How much it shows [default: publish]
    #[arg(long, value_enum, conflicts_with = "full")]
    pub(crate) profile: Option<ReportProfile>,
    /// The same as --profile authorities
    #[arg(long)]
    pub(crate) full: bool,
    /// The language of its fixed texts: en or es [default: setting report.language, en]
    #[arg(long, value_name = "CODE")]
    pub(crate) language: Option<String>,
    /// Go through a checklist, and record that the report is published under an id that a correction can name
    #[arg(long)]
    pub(crate) publish: bool,
    /// With --publish: the words that it asks for, for scripts
    #[arg(long, value_name = "WORDS", requires = "publish")]
    pub(crate) confirm: Option<String>,
    /// With --publish: before the newest use is as old as the setting report.embargo_hours wants it
    #[arg(long, requires = "publish")]
    pub(crate) danger_embargo: bool,
    /// Write to this file; letters also into a directory, one file each [default: stdout, or a file at a
    /// terminal where the format is no text]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// How much a report shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportProfile {
    /// Fit to publish: third parties, texts, ports and full addresses are masked.
    Publish,
    /// Everything, for authorities and network operators.
    Authorities,
}

/// What to do with published reports.
#[derive(Debug, Subcommand)]
pub(crate) enum ReportAction {
    /// List the reports that were published, and what became of them
    List,
    /// Withdraw a published report, and write the correction to be published in its place
    Withdraw {
        /// Its id, printed in it
        id: String,
        /// Why, as the correction says it
        #[arg(long)]
        reason: String,
        /// Write the correction to this file [default: stdout, or a file at a terminal where it is no text]
        #[arg(long, short, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}
