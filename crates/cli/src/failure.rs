//! Errors as the operator sees them (what, where, what next), and exit codes.

use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use lapwing_alert::AlertError;
use lapwing_daemon::DaemonError;
use lapwing_daemon::mint::MintError;
use lapwing_plant::{PlantError, Problem};

/// How a command ended. The table is part of the interface and of the README.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Fine,
    /// `check`, `drift`: something planted is not as it was, gives itself away, or is not reached;
    /// `status`: nothing is recorded.
    Drift,
    /// `evidence verify`, `evidence check`: a record does not verify.
    Broken,
    /// `drill`, `alert test`: an alert did not arrive.
    Undelivered,
    /// `scan`, `audit`, `orphans`: something was found.
    Found,
    /// `plan`: there is something to do.
    Pending,
    /// `apply`, `rotate`, `destroy`, `geo update`: some of it could not be done.
    Partial,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            // 1 is an error, 2 is wrong usage (clap's).
            Exit::Drift => 3,
            Exit::Broken => 4,
            Exit::Undelivered => 5,
            Exit::Found => 6,
            Exit::Pending => 7,
            Exit::Partial => 8,
        })
    }
}

/// An error with what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(crate) struct Advice {
    what: String,
    hint: String,
}

impl Advice {
    /// What is wrong, and what to do next.
    pub(crate) fn error(what: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
        Self {
            what: what.into(),
            hint: hint.into(),
        }
        .into()
    }
}

/// Prints an error and gives its exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    if is_broken_pipe(error) {
        return ExitCode::SUCCESS;
    }
    tell(error);
    ExitCode::FAILURE
}

/// Prints an error: what, where, why, what next.
pub(crate) fn tell(error: &anyhow::Error) {
    let red = Style::new().fg_color(Some(AnsiColor::Red.into())).bold();
    let cyan = Style::new().fg_color(Some(AnsiColor::Cyan.into()));
    let mut said = error.to_string();
    match problem(error) {
        Some(problem) => {
            anstream::eprintln!(
                "{red}error:{red:#} {}\n  --> {}",
                problem.what,
                problem.place
            );
        }
        None => anstream::eprintln!("{red}error:{red:#} {said}"),
    }
    for cause in error.chain().skip(1) {
        let text = cause.to_string();
        // Wrapping errors often repeat what they wrap.
        if !said.contains(&text) {
            anstream::eprintln!("  because: {text}");
            said = text;
        }
    }
    for hint in error.chain().filter_map(hint) {
        anstream::eprintln!("{cyan}hint:{cyan:#} {hint}");
    }
}

fn problem(error: &anyhow::Error) -> Option<&Problem> {
    error
        .chain()
        .find_map(|cause| cause.downcast_ref::<PlantError>()?.problem())
}

/// What to do next, where an error says that apart from what is wrong.
fn hint(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(advice) = error.downcast_ref::<Advice>() {
        return Some(advice.hint.clone());
    }
    if let Some(error) = error.downcast_ref::<MintError>() {
        return error.hint().map(str::to_owned);
    }
    if let Some(error) = error.downcast_ref::<PlantError>() {
        return error.hint().map(str::to_owned);
    }
    let alert = error.downcast_ref::<AlertError>().or_else(|| {
        match error.downcast_ref::<DaemonError>()? {
            DaemonError::Alert(error) => Some(error),
            _ => None,
        }
    })?;
    Some(alert.hint()).filter(|hint| !hint.is_empty())
}

/// The reader of our output went away (`lapwing trips | head`): not an error.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
