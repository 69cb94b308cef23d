//! Arguments of declared bait (`plan`, `apply`, `drift`, `destroy`) and of `rotate`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

/// Which file of declarations.
#[derive(Debug, ClapArgs)]
pub(crate) struct Declarations {
    /// The file of declarations
    #[arg(long, value_name = "FILE", default_value = "deception.yaml")]
    pub(crate) file: PathBuf,
}

/// `plan`
#[derive(Debug, ClapArgs)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) declarations: Declarations,
    /// Show the owner's values in the diffs
    #[arg(long)]
    pub(crate) show: bool,
}

/// `apply`
#[derive(Debug, ClapArgs)]
pub(crate) struct Apply {
    #[command(flatten)]
    pub(crate) declarations: Declarations,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// `drift`
#[derive(Debug, ClapArgs)]
pub(crate) struct Drift {
    #[command(flatten)]
    pub(crate) declarations: Declarations,
}

/// `destroy`
#[derive(Debug, ClapArgs)]
pub(crate) struct Destroy {
    #[command(flatten)]
    pub(crate) declarations: Declarations,
    /// Also what was changed since
    #[arg(long)]
    pub(crate) force: bool,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// `rotate`
#[derive(Debug, ClapArgs)]
pub(crate) struct Rotate {
    /// Only this canary or target
    #[arg(required_unless_present_any = ["older_than", "tripped"])]
    pub(crate) what: Option<String>,
    /// What was planted so long ago: `90d`, `36h`
    #[arg(long, value_name = "AGE")]
    pub(crate) older_than: Option<String>,
    /// What was used, other than by a drill; with --older-than either is enough
    #[arg(long)]
    pub(crate) tripped: bool,
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Show the owner's values in the diffs
    #[arg(long)]
    pub(crate) show: bool,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}
