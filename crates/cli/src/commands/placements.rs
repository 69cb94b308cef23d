//! `lapwing placements import`: takes in what a bundle printed on a host that does not reach the desk.

use lapwing_core::{Clock as _, May, SystemClock, bounded};
use serde_json::json;

use super::agent::line_of;
use crate::args::{Global, Placements};
use crate::context::Context;
use crate::failure::{Advice, Exit};
use crate::output;

/// Longest line that is read, in bytes.
const LONGEST: u64 = 16 << 20;

pub(crate) fn run(global: &Global, args: &Placements) -> anyhow::Result<Exit> {
    let Placements::Import { line } = args;
    let context = Context::open(global)?;
    let text = match line {
        Some(line) => line.clone(),
        None => {
            String::from_utf8_lossy(&bounded::read(std::io::stdin().lock(), LONGEST)?).into_owned()
        }
    };
    let hint = "copy the line whole that the bundle printed";
    let (secret, report) =
        line_of(&text).ok_or_else(|| Advice::error("this is no report of a bundle", hint))?;
    let ledger = context.ledger()?;
    let credential = ledger
        .credential(&secret)?
        .filter(|credential| credential.may == May::Plant)
        .ok_or_else(|| {
            Advice::error(
                "the report's credential is unknown, or is revoked",
                "a bundle's last report can be taken in once; `lapwing credential list`",
            )
        })?;
    let changed = lapwing_console::take(&ledger, &credential, &report, SystemClock.now())?;
    let host = credential.host.unwrap_or_default();
    if context.json {
        output::json(&json!({"host": host, "placements": changed}))?;
    } else {
        output::line(&format!("{host}: {changed} placements"))?;
    }
    Ok(Exit::Fine)
}
