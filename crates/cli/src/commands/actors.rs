//! `lapwing actors` and `actor`: which trips are judged to be one hand, on what that rests, and what the operator
//! decides of it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use anstyle::AnsiColor;
use ipnet::IpNet;
use lapwing_attribute::{actor_name, case_of, newest_session};
use lapwing_core::phrase::link as phrase;
use lapwing_core::{
    Actor, ActorId, Case, Clock as _, Decision, Edge, Hands, Session, SystemClock, Timestamp,
    TripId, Verb,
};
use lapwing_store::{ActorFilter, TripFilter};
use serde_json::json;

use super::trips::{Desk, parse_actor, parse_trip};
use crate::args::{self, ActorDecision, Global, List};
use crate::failure::{Advice, Exit};
use crate::operator::who;
use crate::output::{self, colour};

/// Sessions of one actor that are looked at, the newest.
const SESSIONS: usize = 5_000;
/// Programs listed with an actor at most.
const PROGRAMS: usize = 64;
/// Links that are shown, the weakest.
const SHOWN: usize = 5;
/// Bits that the widest bar stands for, and its width.
const WIDEST: i32 = 1_200;
const WIDTH: i32 = 24;

pub(crate) fn list(global: &Global, args: &List) -> anyhow::Result<Exit> {
    let desk = Desk::open(global)?;
    let filter = ActorFilter {
        limit: args.limit,
        ..ActorFilter::default()
    };
    let actors = desk.index.actors_as(&filter, desk.hands()?)?.rows;
    let actors: Vec<Actor> = { actors.into_iter() }
        .map(|actor| with_programs(&desk, actor))
        .collect::<anyhow::Result<_>>()?;
    if desk.context.json {
        output::json(&actors)?;
        return Ok(Exit::Fine);
    }
    let mut table = output::table(&[
        "actor",
        "uses",
        "first",
        "last",
        "one hand?",
        "addresses",
        "bait touched",
    ]);
    for actor in &actors {
        let case = case(&desk, actor.id)?;
        table.add_row([
            actor.id.to_string(),
            actor.count.to_string(),
            actor.first.to_seconds_string(),
            actor.last.to_seconds_string(),
            stated(&case),
            addresses(actor),
            titles(&desk, actor)?,
        ]);
    }
    output::print_table(&table)?;
    output::say(
        "an actor is trips judged to be one hand, never a person; lapwing actor ID says why",
    );
    Ok(Exit::Fine)
}

pub(crate) fn actor(global: &Global, args: &args::Actor) -> anyhow::Result<Exit> {
    let args::Actor { id, all, decision } = args;
    let desk = Desk::open(global)?;
    match (id, decision) {
        (_, Some(decision)) => decide(&desk, decision),
        (Some(id), None) => show(&desk, parse_actor(id)?, *all),
        (None, None) => Err(Advice::error(
            "no actor was named".to_owned(),
            "`lapwing actors` lists them",
        )),
    }
}

/// What an actor rests on, the operator's decisions included.
pub(crate) fn case(desk: &Desk, actor: ActorId) -> anyhow::Result<Case> {
    let hands = desk.hands()?;
    let actor = hands.of(actor, None);
    let (sessions, left_out) = sessions(desk, hands, actor)?;
    let mut case = case_of(actor, &sessions, hands, left_out);
    case.decisions = decisions(desk, hands, actor)?;
    Ok(case)
}

/// The actor with this name as it is now, by whatever name it went before.
pub(crate) fn as_it_is(desk: &Desk, id: ActorId) -> anyhow::Result<Option<Actor>> {
    let found = desk.index.actor_as(id, desk.hands()?)?;
    found.map(|actor| with_programs(desk, actor)).transpose()
}

/// Adds its programs to an actor that sessions were moved out of or into: it is put together from its trips, whose
/// rows do not hold them.
fn with_programs(desk: &Desk, mut actor: Actor) -> anyhow::Result<Actor> {
    let hands = desk.hands()?;
    if !hands.touches(actor.id) {
        return Ok(actor);
    }
    for session in sessions(desk, hands, actor.id)?.0 {
        for print in lapwing_attribute::fingerprints(&session) {
            if actor.fingerprints.len() < PROGRAMS && !actor.fingerprints.contains(print) {
                actor.fingerprints.push(print.clone());
            }
        }
    }
    Ok(actor)
}

/// The newest sessions of an actor as it is now, and whether there are more.
fn sessions(desk: &Desk, hands: &Hands, actor: ActorId) -> anyhow::Result<(Vec<Session>, bool)> {
    let mut parts: BTreeSet<ActorId> = hands.parts(actor).into_iter().collect();
    for other in hands.apart_from(actor) {
        parts.extend(hands.parts(other));
    }
    let mut found = Vec::new();
    let mut left_out = false;
    for part in parts {
        let note = desk.index.note(&actor_name(part))?;
        let mut next = note.as_deref().and_then(newest_session);
        while let Some(id) = next {
            if found.len() >= SESSIONS {
                left_out = true;
                break;
            }
            let Some(session) = session(desk, id)? else {
                break;
            };
            next = session.before;
            if hands.of(session.actor, Some(session.id)) == actor {
                found.push(session);
            }
        }
    }
    found.sort_by_key(|session| (session.first, session.id));
    Ok((found, left_out))
}

fn session(desk: &Desk, id: TripId) -> anyhow::Result<Option<Session>> {
    Ok(lapwing_attribute::session(id, |name| {
        desk.index.note(name)
    })?)
}

/// What was decided of an actor, in words.
fn decisions(
    desk: &Desk,
    hands: &Hands,
    actor: ActorId,
) -> anyhow::Result<Vec<(Timestamp, String)>> {
    let mut said = Vec::new();
    for decision in desk.ledger.decisions()? {
        let words = match &decision.verb {
            Verb::Merge { actors, reason, by } => {
                let ours = actors.iter().any(|one| hands.of(*one, None) == actor);
                let names: Vec<String> = actors.iter().map(ToString::to_string).collect();
                ours.then(|| {
                    let names = names.join(", ");
                    phrase::MERGED.with(&[("by", by), ("actors", &names), ("reason", reason)])
                })
            }
            Verb::Split {
                actor: from,
                sessions,
                reason,
                by,
            } => {
                let of = |id: &TripId| hands.of(*from, Some(*id)) == actor;
                let ours = hands.of(*from, None) == actor || sessions.iter().any(of);
                let count = i64::try_from(sessions.len()).unwrap_or(i64::MAX);
                ours.then(|| {
                    phrase::SPLIT.count(count, &[("by", by), ("actor", from), ("reason", reason)])
                })
            }
            _ => None,
        };
        said.extend(words.map(|words| (decision.time, words)));
    }
    Ok(said)
}

fn decide(desk: &Desk, decision: &ActorDecision) -> anyhow::Result<Exit> {
    let (verb, shown) = match decision {
        ActorDecision::Merge { ids, reason, by } => {
            let mut actors = Vec::new();
            for id in ids {
                actors.push(known(desk, id)?.id);
            }
            if actors.windows(2).all(|pair| pair[0] == pair[1]) {
                return Err(Advice::error(
                    "they are one actor already".to_owned(),
                    "nothing was changed",
                ));
            }
            let shown = actors.iter().copied().min();
            let reason = reason.clone();
            let by = who(by)?;
            (Verb::Merge { actors, reason, by }, shown)
        }
        ActorDecision::Split {
            id,
            trip,
            address,
            reason,
            by,
        } => {
            let actor = known(desk, id)?.id;
            let sessions = chosen(desk, actor, trip, address)?;
            let shown = sessions.iter().find(|one| **one != actor.0);
            let shown = shown.map(|one| ActorId(*one));
            let reason = reason.clone();
            let by = who(by)?;
            let verb = Verb::Split {
                actor,
                sessions,
                reason,
                by,
            };
            (verb, shown)
        }
    };
    desk.ledger.decide(&Decision {
        time: SystemClock.now(),
        verb,
    })?;
    if let Some(shown) = shown {
        output::line(&shown.to_string())?;
        output::say(&format!("decided; lapwing actor {shown} shows it"));
    }
    Ok(Exit::Fine)
}

/// The sessions named by their trips or addresses.
fn chosen(
    desk: &Desk,
    actor: ActorId,
    trips: &[String],
    addresses: &[IpNet],
) -> anyhow::Result<Vec<TripId>> {
    let filter = TripFilter {
        actor: Some(actor),
        limit: usize::MAX,
        ..TripFilter::default()
    };
    let rows = desk.index.trips_as(&filter, desk.hands()?)?.rows;
    let mut sessions = BTreeSet::new();
    for text in trips {
        let id = parse_trip(desk, text)?;
        let row = rows.iter().find(|row| row.id() == id);
        let session = row.and_then(|row| row.conclusion.session).ok_or_else(|| {
            Advice::error(
                format!("trip {id} is none of {actor}"),
                format!("lapwing trips --actor {actor} lists them"),
            )
        })?;
        sessions.insert(session);
    }
    let within = |ip: IpAddr| addresses.iter().any(|network| network.contains(&ip));
    let from = rows.iter().filter(|row| within(row.source.ip()));
    sessions.extend(from.filter_map(|row| row.conclusion.session));
    let all: BTreeSet<TripId> = { rows.iter() }
        .filter_map(|row| row.conclusion.session)
        .collect();
    let nothing = sessions.is_empty();
    if nothing || sessions == all || sessions.iter().eq([&actor.0]) {
        let what = if nothing {
            "no session was chosen"
        } else if sessions == all {
            "that is all of it: nothing would be left"
        } else {
            "the actor goes by this session"
        };
        return Err(Advice::error(
            what.to_owned(),
            format!(
                "lapwing trips --actor {actor} lists its trips; name those that are another hand"
            ),
        ));
    }
    Ok(sessions.into_iter().collect())
}

/// The actor of this name, as it is now.
fn known(desk: &Desk, id: &str) -> anyhow::Result<Actor> {
    let id = parse_actor(id)?;
    let actor = as_it_is(desk, id)?;
    actor.ok_or_else(|| Advice::error(format!("no actor {id}"), "`lapwing actors` lists them"))
}

fn show(desk: &Desk, id: ActorId, all: bool) -> anyhow::Result<Exit> {
    let actor = known(desk, &id.to_string())?;
    let case = case(desk, actor.id)?;
    if desk.context.json {
        output::json(&json!({ "actor": actor, "case": case }))?;
        return Ok(Exit::Fine);
    }
    output::line(&format!("actor {}", actor.id))?;
    if id != actor.id {
        output::line(&format!("  {id} turned out to be the same"))?;
    }
    output::line(&format!(
        "  {} in {}{}, {} to {}",
        plural(actor.count, "use"),
        if case.left_out { "more than " } else { "" },
        plural(case.sessions, "session"),
        actor.first.to_seconds_string(),
        actor.last.to_seconds_string()
    ))?;
    output::line(&format!("  from {}", addresses(&actor)))?;
    output::line(&format!("  with {}", titles(desk, &actor)?))?;
    for (time, words) in &case.decisions {
        let words = lapwing_core::text::escape(words.as_bytes());
        output::line(&format!("  decided {}: {words}", time.to_seconds_string()))?;
    }
    links(&case, all)?;
    bullets("What else could explain it", &case.alternatives)?;
    bullets("What would change this", &case.would_change)?;
    rivals(&case)?;
    output::say("an actor is trips judged to be one hand, never a person");
    Ok(Exit::Fine)
}

fn links(case: &Case, all: bool) -> anyhow::Result<()> {
    if case.sessions == 0 {
        output::line("\nIt was linked by an earlier version: lapwing reindex weighs it anew.")?;
        return Ok(());
    }
    let Some(likelihood) = case.likelihood else {
        output::line(if case.sessions > 1 {
            "\nNo evidence links its sessions: they are one by your decision alone."
        } else {
            "\nOne session: nothing was linked, and nothing is claimed."
        })?;
        return Ok(());
    };
    output::line(&format!(
        "\nThat all of it is one hand is {likelihood}: as likely as the weakest link that holds it together."
    ))?;
    output::line(&format!(
        "Confidence in that is {}: by how many independent sorts of evidence each link has.",
        case.confidence.word()
    ))?;
    let shown = if all { usize::MAX } else { SHOWN };
    for (from, edge) in case.links.iter().take(shown) {
        let alone = case
            .bridges
            .iter()
            .any(|one| one.from == *from && one.to == edge.to);
        output::line(&format!(
            "\n  session {from} with {}: {}{}",
            edge.to,
            edge.likelihood(),
            if alone {
                ", and without this link it falls into two"
            } else {
                ""
            }
        ))?;
        waterfall(case, edge)?;
    }
    let more = case.links.len().saturating_sub(shown);
    if more > 0 {
        output::line(&format!("\n  and {more} stronger links (--all shows them)"))?;
    }
    Ok(())
}

/// The odds in bits, one piece of evidence after another.
fn waterfall(case: &Case, edge: &Edge) -> anyhow::Result<()> {
    let known = format!("before anything is known: 1 to {}", case.odds_against());
    bar(case.prior, "", "", &known)?;
    let mut sum = case.prior;
    for one in &edge.evidence {
        sum += one.centibits;
        let group = one.group.map_or("", |group| group.word());
        bar(
            one.centibits,
            group,
            &format!("{:?}", one.grade),
            &one.detail,
        )?;
    }
    let held = if sum > edge.centibits {
        format!(
            ", held to {} by how few sorts of evidence there are",
            bits(edge.centibits)
        )
    } else {
        String::new()
    };
    output::line(&format!("    {} in all{held}", bits(sum)))?;
    Ok(())
}

fn bar(centibits: i32, group: &str, grade: &str, detail: &str) -> anyhow::Result<()> {
    let width = (centibits.abs().min(WIDEST) * WIDTH + WIDEST / 2) / WIDEST;
    let (style, sign) = if centibits < 0 {
        (colour(AnsiColor::Red), "░")
    } else {
        (colour(AnsiColor::Green), "█")
    };
    let drawn = sign.repeat(usize::try_from(width).unwrap_or_default());
    let room = usize::try_from(WIDTH).unwrap_or_default();
    let pad = " ".repeat(room.saturating_sub(drawn.chars().count()));
    output::line(&format!(
        "    {} {style}{drawn}{style:#}{pad} {group:8} {grade:2} {detail}",
        bits(centibits)
    ))?;
    Ok(())
}

/// `+ 4.2`
fn bits(centibits: i32) -> String {
    format!("{:+6.1}", f64::from(centibits) / 100.0)
}

fn bullets(head: &str, sentences: &[String]) -> anyhow::Result<()> {
    if sentences.is_empty() {
        return Ok(());
    }
    output::line(&format!("\n{head}"))?;
    for sentence in sentences {
        output::line(&format!("  - {sentence}"))?;
    }
    Ok(())
}

fn rivals(case: &Case) -> anyhow::Result<()> {
    if case.rivals.is_empty() {
        return Ok(());
    }
    output::line("\nOther actors that it was held against and not linked to")?;
    for (from, edge) in &case.rivals {
        output::line(&format!(
            "  {}: {} (session {from} with {})",
            edge.actor,
            edge.likelihood(),
            edge.to
        ))?;
    }
    Ok(())
}

/// `very likely`; `one session` if nothing was linked.
fn stated(case: &Case) -> String {
    let decided = if case.decisions.is_empty() {
        ""
    } else {
        ", decided"
    };
    match case.likelihood {
        Some(likelihood) => format!("{likelihood}{decided}"),
        None if case.sessions == 0 => "not weighed".to_owned(),
        None if case.sessions > 1 => "decided".to_owned(),
        None => format!("one session{decided}"),
    }
}

fn plural(count: u64, word: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {word}{end}")
}

fn addresses(actor: &Actor) -> String {
    let addresses: Vec<String> = actor.addresses.iter().map(ToString::to_string).collect();
    addresses.join(", ")
}

fn titles(desk: &Desk, actor: &Actor) -> anyhow::Result<String> {
    let titles = { actor.canaries.iter() }
        .map(|id| desk.title(*id))
        .collect::<anyhow::Result<Vec<_>>>()?;
    Ok(titles.join(", "))
}
