//! `lapwing purge`: erases what is older than its age.

use lapwing_core::{Ages, Clock as _, Erase, EraseId, SystemClock, What};
use lapwing_daemon::erasing::retention_of;

use super::forget::Forgetting;
use crate::args::{self, Class, Global};
use crate::context::parse_since;
use crate::failure::{Advice, Exit};
use crate::operator::{said, who};
use crate::output;

pub(crate) fn run(global: &Global, args: &args::Purge) -> anyhow::Result<Exit> {
    let reason = said("reason", &args.reason)?;
    let by = who(&args.by)?;
    let forgetting = Forgetting::open(global)?;
    let ages = ages(&forgetting, args)?;
    let erase = Erase {
        erase: EraseId::new(rand::random()),
        what: What::Older(ages),
        reason,
        by,
    };
    let looked = forgetting.look(&erase.what)?;
    let json = forgetting.context.json;
    if !json {
        for (class, before) in [
            ("raw", ages.raw),
            ("claims", ages.claims),
            ("captures", ages.captures),
            ("lookups", ages.lookups),
        ] {
            if let Some(before) = before {
                output::line(&format!(
                    "{class}: of before {}",
                    before.to_seconds_string()
                ))?;
            }
        }
        forgetting.say(&looked)?;
    }
    let sure = (args.dry_run, args.yes);
    let Some(done) = forgetting.if_wanted(&erase, &looked, sure, "")? else {
        return Ok(Exit::Fine);
    };
    forgetting.report(&erase, &looked, &done)
}

/// From when on each class is kept.
fn ages(forgetting: &Forgetting, args: &args::Purge) -> anyhow::Result<Ages> {
    let wanted = |class| args.class.is_empty() || args.class.contains(&class);
    let all = match &args.older_than {
        Some(age) => {
            let before = Some(parse_since(age)?);
            Ages {
                raw: before,
                claims: before,
                captures: before,
                lookups: before,
            }
        }
        None => {
            let retention = &forgetting.context.settings().retention;
            retention_of(retention, SystemClock.now()).unwrap_or_default()
        }
    };
    let ages = Ages {
        raw: all.raw.filter(|_| wanted(Class::Raw)),
        claims: all.claims.filter(|_| wanted(Class::Claims)),
        captures: all.captures.filter(|_| wanted(Class::Captures)),
        lookups: all.lookups.filter(|_| wanted(Class::Lookups)),
    };
    if ages.is_empty() {
        return Err(Advice::error(
            "no age is set, so nothing is too old",
            "say --older-than 90d, or set retention.raw_days and the like in lapwing.toml",
        ));
    }
    Ok(ages)
}
