//! `lapwing report --publish`, `list` and `withdraw`: what is published is checked, confirmed word for
//! word and recorded, under an id that its correction can name.

use std::path::Path;

use data_encoding::HEXLOWER;
use inquire::Text;
use lapwing_core::{
    Clock as _, Decision, Publication, Published, ReportId, SystemClock, Timestamp, Verb, Verdict,
    published, text,
};
use lapwing_report::{Format, Language, Profile, Report, Withdrawal, withdrawal};
use sha2::{Digest as _, Sha256};
use std::io::IsTerminal as _;

use super::{advised, destination, save};
use crate::args::Global;
use crate::commands::trips::Desk;
use crate::failure::{Advice, Exit};
use crate::output;

/// Formats in which the id of a publication is printed.
const FORMATS: [&str; 4] = ["html", "md", "pdf", "json"];

/// What is to be published.
pub(super) struct Wish<'a> {
    pub(super) format: &'a Format,
    /// What the report was narrowed to.
    pub(super) filter: Vec<String>,
    pub(super) confirm: Option<&'a str>,
    pub(super) danger_embargo: bool,
    pub(super) out: Option<&'a Path>,
}

/// Whether a report of this sort can be published at all; asked before anything is read.
pub(super) fn allowed(format: &Format, profile: Profile) -> anyhow::Result<()> {
    if profile != Profile::Masked {
        return Err(Advice::error(
            "the profile authorities is not for publication: it holds personal data of third parties",
            "publish with --profile publish, which masks them",
        ));
    }
    if !FORMATS.contains(&format.name) {
        return Err(Advice::error(
            format!("{} has no room for the id of a publication", format.name),
            format!("publish as {}", FORMATS.join(", ")),
        ));
    }
    Ok(())
}

/// Checks, asks, records, writes.
pub(super) fn publish(desk: &Desk, report: &mut Report, wish: &Wish<'_>) -> anyhow::Result<Exit> {
    check(desk, report, wish)?;
    let words = format!(
        "publish {} trips as {}",
        report.trips.len(),
        wish.format.name
    );
    confirm(&words, wish.confirm)?;
    let known = published(&desk.ledger.decisions()?);
    let id = loop {
        let id = ReportId::new(rand::random());
        if known.iter().all(|one| one.publication.report != id) {
            break id;
        }
    };
    report.correction = Some(id);
    let bytes = (wish.format.render)(report, Profile::Masked).map_err(advised)?;
    // Recorded before it is written: a file that nothing is known of could not be withdrawn.
    desk.ledger.decide(&Decision {
        time: SystemClock.now(),
        verb: Verb::Publish(Publication {
            report: id,
            digest: HEXLOWER.encode(&Sha256::digest(&bytes)),
            format: wish.format.name.to_owned(),
            language: report.language.code().to_owned(),
            filter: wish.filter.clone(),
            trips: report.trips.len() as u64,
        }),
    })?;
    let file = destination(
        wish.format.name,
        &format!("report-{id}"),
        wish.format.extension,
        wish.out,
    );
    save(&bytes, file, &format!("{} trips", report.trips.len()))?;
    output::say(&format!(
        "published as {id}; should it turn out wrong: lapwing report withdraw {id} --reason TEXT"
    ));
    Ok(Exit::Fine)
}

/// Shows the checklist. What a program can see must hold; the rest is for the operator to answer.
fn check(desk: &Desk, report: &Report, wish: &Wish<'_>) -> anyhow::Result<()> {
    let hours = desk.context.settings().report.embargo_hours;
    let newest = newest(report);
    let over =
        newest.is_none_or(|time| SystemClock.now().seconds_since(time) >= i64::from(hours) * 3600);
    let mark = |holds: bool| if holds { "[x]" } else { "[ ]" };
    let say = |mark: &str, what: &str| output::say(&format!("  {mark} {what}"));
    output::say("before this is published:");
    say(
        "[x]",
        "third parties, message texts, ports and full addresses are masked",
    );
    say(
        "[x]",
        "it says at every place that an address is not a person",
    );
    let verified = report.integrity.verified;
    say(mark(verified), "the journal was verified from end to end");
    let embargo = format!("the newest use is {hours} hours old (setting report.embargo_hours)");
    say(mark(over), &embargo);
    let standing = report
        .canaries
        .iter()
        .filter(|one| one.place.is_some() && one.uprooted.is_none() && one.retired.is_none());
    let standing = standing.count();
    if standing > 0 {
        let what = format!(
            "it names {standing} places where bait still stands: is that meant to be known?"
        );
        say("[?]", &what);
    }
    for question in [
        "has anybody asked you to wait: the police, a network's owner, those whose data it was?",
        "titles, labels and places are printed as you wrote them: is nothing among them that must stay inside?",
        "will what you say beside it go no further than what is in it?",
    ] {
        say("[?]", question);
    }
    if !verified {
        return Err(Advice::error(
            format!("the journal does not verify: {}", report.integrity.message),
            "`lapwing evidence verify` says what is wrong; nothing is published that cannot be shown",
        ));
    }
    if !over && !wish.danger_embargo {
        return Err(Advice::error(
            format!(
                "the newest use is less than {hours} hours old: whoever it was may be at it still"
            ),
            "wait, narrow the report, or publish all the same with --danger-embargo",
        ));
    }
    Ok(())
}

/// When bait was last used otherwise than in a drill.
fn newest(report: &Report) -> Option<Timestamp> {
    let drill = |verdict| verdict == Verdict::Drill;
    let trips = report.trips.iter();
    trips
        .filter(|one| !drill(one.conclusion.judgement.verdict))
        .flat_map(|one| {
            one.trip
                .times
                .iter()
                .copied()
                .chain([one.trip.observed.time])
        })
        .max()
}

/// Asks for the words, or compares those that were given.
fn confirm(words: &str, given: Option<&str>) -> anyhow::Result<()> {
    let typed = match given {
        Some(given) => given.to_owned(),
        None if std::io::stdin().is_terminal() => {
            Text::new(&format!("type \"{words}\" to publish:")).prompt()?
        }
        None => {
            return Err(Advice::error(
                "nothing is published without confirmation",
                format!("read the list above, then add --confirm {words:?}"),
            ));
        }
    };
    if typed.trim() != words {
        return Err(Advice::error(
            format!("{:?} are not the words", text::escape(typed.as_bytes())),
            format!("they are {words:?}; nothing was published"),
        ));
    }
    Ok(())
}

/// Lists what was published.
pub(super) fn list(global: &Global) -> anyhow::Result<Exit> {
    let desk = Desk::open(global)?;
    let all = published(&desk.ledger.decisions()?);
    if desk.context.json {
        output::json(&all)?;
        return Ok(Exit::Fine);
    }
    let mut table = output::table(&[
        "report",
        "published",
        "format",
        "trips",
        "only",
        "sha256",
        "state",
    ]);
    for one in &all {
        let publication = &one.publication;
        table.add_row([
            publication.report.to_string(),
            one.time.to_seconds_string(),
            publication.format.clone(),
            publication.trips.to_string(),
            text::escape(publication.filter.join(" ").as_bytes()),
            publication.digest.chars().take(16).collect(),
            state(one),
        ]);
    }
    output::print_table(&table)?;
    if all.is_empty() {
        output::say("nothing was published");
    }
    Ok(Exit::Fine)
}

fn state(one: &Published) -> String {
    match &one.withdrawn {
        None => "stands".to_owned(),
        Some((time, reason)) => format!("withdrawn {}: {reason}", time.to_seconds_string()),
    }
}

/// Withdraws a report and writes its correction. One that was withdrawn before gets the same correction
/// again: the file may be lost, the decision is not.
pub(super) fn withdraw(
    global: &Global,
    id: &str,
    reason: &str,
    out: Option<&Path>,
) -> anyhow::Result<Exit> {
    let hint = "`lapwing report list` lists what was published";
    let id: ReportId = id
        .parse()
        .map_err(|error| Advice::error(format!("{error}"), hint))?;
    if reason.trim().is_empty() || reason.chars().any(text::is_unprintable) {
        return Err(Advice::error(
            format!("--reason {reason:?} says nothing that can be printed"),
            "write a sentence: whoever read the report will read it",
        ));
    }
    let desk = Desk::open(global)?;
    let find = || -> anyhow::Result<Option<Published>> {
        let all = published(&desk.ledger.decisions()?);
        let mut same = all.into_iter().filter(|one| one.publication.report == id);
        Ok(same.next())
    };
    let before =
        find()?.ok_or_else(|| Advice::error(format!("no report {id} was published"), hint))?;
    if before.withdrawn.is_none() {
        desk.ledger.decide(&Decision {
            time: SystemClock.now(),
            verb: Verb::Withdraw {
                report: id,
                reason: reason.to_owned(),
            },
        })?;
    }
    let Some(published) = find()? else {
        return Err(Advice::error(format!("no report {id} was published"), hint));
    };
    let Some((time, reason)) = &published.withdrawn else {
        return Err(Advice::error(
            format!("the ledger did not take the withdrawal of {id}"),
            "`lapwing status` says how the ledger is",
        ));
    };
    if before.withdrawn.is_some() {
        let time = time.to_seconds_string();
        output::say(&format!(
            "{id} was withdrawn {time}; this is its correction again"
        ));
    }
    let code = published.publication.language.as_str();
    let mut languages = Language::ALL.iter().copied();
    let (extension, bytes) = withdrawal(&Withdrawal {
        published: &published,
        time: *time,
        reason,
        operator: &desk.context.settings().operator,
        language: languages.find(|one| one.code() == code).unwrap_or_default(),
    })?;
    let file = destination(extension, &format!("correction-{id}"), extension, out);
    save(&bytes, file, &format!("the correction of {id}"))?;
    output::say("publish the correction wherever the report was published");
    Ok(Exit::Fine)
}
