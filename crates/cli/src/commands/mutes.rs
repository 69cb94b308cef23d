//! `lapwing mute`, `mutes` and `unmute`: what nobody is told of, and who answers for that.

use lapwing_core::{Clock as _, Decision, Mute, MuteId, SystemClock, Verb, Verdict, mutes, text};
use serde_json::json;

use super::trips::Desk;
use crate::args::{self, Global, One};
use crate::context::{parse_until, resolve};
use crate::failure::{Advice, Exit};
use crate::output;

/// No mute lasts longer: whoever wants it longer has to say so again.
const LONGEST: i64 = 366 * 86_400;

pub(crate) fn add(global: &Global, args: &args::Mute) -> anyhow::Result<Exit> {
    let args::Mute {
        network,
        canary,
        verdict,
        owner,
        reason,
        until,
    } = args;
    for (what, said) in [("owner", owner), ("reason", reason)] {
        if said.trim().is_empty() || said.chars().any(text::is_unprintable) {
            return Err(Advice::error(
                format!("--{what} {said:?} says nothing that can be shown"),
                "write a name, and a sentence",
            ));
        }
    }
    let now = SystemClock.now();
    let until = parse_until(until)?;
    if until <= now || until.seconds_since(now) > LONGEST {
        return Err(Advice::error(
            format!(
                "--until {}: not within the year to come",
                until.to_seconds_string()
            ),
            "write 7d, 12h or a date; it can be muted again later",
        ));
    }
    let desk = Desk::open(global)?;
    let mute = Mute {
        mute: MuteId::new(rand::random()),
        network: *network,
        canary: match canary {
            Some(text) => Some(resolve(&desk.ledger, text)?),
            None => None,
        },
        verdict: verdict.as_deref().map(parse_verdict).transpose()?,
        owner: owner.clone(),
        reason: reason.clone(),
        until,
    };
    desk.ledger.decide(&Decision {
        time: now,
        verb: Verb::Mute(mute.clone()),
    })?;
    if desk.context.json {
        output::json(&mute)?;
        return Ok(Exit::Fine);
    }
    output::line(&format!(
        "{}  {} until {}",
        mute.mute,
        covered(&desk, &mute)?,
        until.to_seconds_string()
    ))?;
    output::say("no alert is sent about these; they are recorded, shown and reported as ever");
    output::say(&format!("to end it before: lapwing unmute {}", mute.mute));
    Ok(Exit::Fine)
}

fn parse_verdict(word: &str) -> anyhow::Result<Verdict> {
    let mut known = Verdict::ALL.into_iter().filter(|it| *it != Verdict::Drill);
    known.find(|it| it.word() == word).ok_or_else(|| {
        Advice::error(
            format!("no verdict {word:?}"),
            "write automated, preview, echo, own or intruder",
        )
    })
}

/// The trips a mute covers, in words.
pub(crate) fn covered(desk: &Desk, mute: &Mute) -> anyhow::Result<String> {
    let mut words = match mute.verdict {
        Some(verdict) => format!("trips judged {}", verdict.word()),
        None => "all trips".to_owned(),
    };
    if let Some(network) = mute.network {
        words.push_str(&format!(" from {network}"));
    }
    if let Some(canary) = mute.canary {
        words.push_str(&format!(" of {}", desk.title(canary)?));
    }
    Ok(words)
}

pub(crate) fn list(global: &Global, args: &args::Mutes) -> anyhow::Result<Exit> {
    let desk = Desk::open(global)?;
    let now = SystemClock.now();
    let mut rows = mutes(&desk.ledger.decisions()?);
    rows.retain(|(_, mute)| args.all || now < mute.until);
    if desk.context.json {
        let rows = rows.iter().map(|(since, mute)| {
            let mut row = json!(mute);
            row["since"] = json!(since);
            row["ended"] = json!(mute.until <= now);
            row
        });
        output::json(&rows.collect::<Vec<_>>())?;
        return Ok(Exit::Fine);
    }
    let mut table = output::table(&["mute", "covers", "owner", "why", "since", "until"]);
    for (since, mute) in &rows {
        table.add_row([
            mute.mute.to_string(),
            covered(&desk, mute)?,
            mute.owner.clone(),
            mute.reason.clone(),
            since.to_seconds_string(),
            mute.until.to_seconds_string(),
        ]);
    }
    output::print_table(&table)?;
    if rows.is_empty() {
        output::say("nothing is muted");
    }
    Ok(Exit::Fine)
}

pub(crate) fn end(global: &Global, args: &One) -> anyhow::Result<Exit> {
    let hint = "`lapwing mutes` lists them";
    let id: MuteId = args
        .id
        .parse()
        .map_err(|error| Advice::error(format!("{error}"), hint))?;
    let desk = Desk::open(global)?;
    let now = SystemClock.now();
    let known = mutes(&desk.ledger.decisions()?);
    let Some((_, mute)) = known.iter().find(|(_, mute)| mute.mute == id) else {
        return Err(Advice::error(format!("no mute {id}"), hint));
    };
    let ended = mute.until <= now;
    if !ended {
        desk.ledger.decide(&Decision {
            time: now,
            verb: Verb::Unmute { mute: id },
        })?;
    }
    let until = if ended { mute.until } else { now };
    if desk.context.json {
        output::json(&json!({"mute": id, "until": until}))?;
        return Ok(Exit::Fine);
    }
    let word = if ended { "had ended" } else { "ends" };
    output::line(&format!("{id} {word} {}", until.to_seconds_string()))?;
    Ok(Exit::Fine)
}
