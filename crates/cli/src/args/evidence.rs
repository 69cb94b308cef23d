//! What is done with the evidence log.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::decisions::By;

/// `evidence`
#[derive(Debug, Subcommand)]
pub(crate) enum Evidence {
    /// Check every record, part and checkpoint (exit code 4: something does not verify)
    Verify {
        /// Check only against this checkpoint file too, kept elsewhere (an alert carries one)
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
    },
    /// Print the newest signed checkpoint
    Checkpoint(Newest),
    /// Put chosen records into a signed bundle that can be checked without lapwing. It is for
    /// authorities: nothing in it is masked
    Export(Export),
    /// Check a bundle (exit code 4: something in it does not verify)
    Check(CheckBundle),
    /// Print the script that checks bundles without lapwing
    Script,
}

/// `evidence checkpoint`
#[derive(Debug, ClapArgs)]
pub(crate) struct Newest {
    /// Not the newest, but this one: kept earlier, or cosigned by a witness
    #[arg(long, visible_alias = "cosigned", value_name = "FILE")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// Write the question for a time stamp authority (RFC 3161) here; nothing is sent. What is printed
    /// is what the stamp will be of: keep it for `export --checkpoint`
    #[arg(long, value_name = "FILE.tsq")]
    pub(crate) timestamp_request: Option<PathBuf>,
}

/// `evidence export`
#[derive(Debug, ClapArgs)]
#[command(group = clap::ArgGroup::new("which").required(true).multiple(true))]
pub(crate) struct Export {
    /// Write it here: a directory, or a tar file if it ends in .tar; must not exist yet
    #[arg(long, short, value_name = "DIR|FILE.tar")]
    pub(crate) out: PathBuf,
    /// This trip (repeatable)
    #[arg(long, group = "which", value_name = "ID")]
    pub(crate) trip: Vec<String>,
    /// Trips of this incident
    #[arg(long, group = "which", value_name = "ID", conflicts_with = "trip")]
    pub(crate) incident: Option<String>,
    /// Trips by this actor
    #[arg(long, group = "which", value_name = "ID", conflicts_with = "trip")]
    pub(crate) actor: Option<String>,
    /// Trips of this canary
    #[arg(long, group = "which", value_name = "ID", conflicts_with = "trip")]
    pub(crate) canary: Option<String>,
    /// Not before this time (`2026-11-23`, `2026-11-23T10:00:00Z`, `36h`, `7d`); with nothing else,
    /// records of every type
    #[arg(long, group = "which", conflicts_with = "trip")]
    pub(crate) since: Option<String>,
    /// Before this time
    #[arg(long, group = "which", conflicts_with = "trip")]
    pub(crate) until: Option<String>,
    /// The whole log, records of every type
    #[arg(long, group = "which", conflicts_with_all = ["trip", "incident", "actor", "canary", "since", "until"])]
    pub(crate) all: bool,
    /// Leave the bytes as sent out (parts raw and hello); their digests stay
    #[arg(long)]
    pub(crate) without_raw: bool,
    /// Prove under this checkpoint, not the newest: one that somebody else holds (an alert carries
    /// one), has stamped, or has cosigned; the signatures of witnesses in it are kept
    #[arg(long, visible_alias = "cosigned", value_name = "FILE")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// Put in this answer of a time stamp authority (RFC 3161), over the file named by --checkpoint
    #[arg(long, value_name = "FILE.tsr", requires = "checkpoint")]
    pub(crate) timestamp: Option<PathBuf>,
    /// Whom it is for, for the custody log
    #[arg(long, value_name = "WHOM")]
    pub(crate) to: Option<String>,
    #[command(flatten)]
    pub(crate) by: By,
}

/// `evidence check`
#[derive(Debug, ClapArgs)]
pub(crate) struct CheckBundle {
    /// A directory or a tar file
    pub(crate) bundle: PathBuf,
    /// Of the key of the station whose bundle it must be, as told by other means [default: of the station
    /// in the data directory]
    #[arg(long, value_name = "SHA256:...")]
    pub(crate) fingerprint: Option<String>,
    /// SHA-256 of its file SHA256SUMS, as told by other means
    #[arg(long, value_name = "SHA-256")]
    pub(crate) manifest: Option<String>,
    /// A time stamp authority must have stamped the checkpoint: its certificates in PEM, got from the authority
    #[arg(long, visible_alias = "tsa", value_name = "FILE.pem")]
    pub(crate) tsa_certificates: Option<PathBuf>,
    /// This witness must have cosigned the checkpoint (repeatable)
    #[arg(long, value_name = "NAME+ID+KEY")]
    pub(crate) witness: Vec<String>,
}
