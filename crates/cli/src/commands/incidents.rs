//! `lapwing incidents` and `incident`: what wants somebody, and what was decided about it.

mod timeline;

use lapwing_core::{
    ActorId, CanaryId, Clock as _, Decision, Handled, Handlings, Hands, Hold, HoldOn, Incident,
    IncidentId, IncidentState, Ruling, SystemClock, Untold, Verb, holds,
};
use lapwing_store::IncidentFilter;
use serde_json::{Value, json};

use super::trips::{Desk, parse_actor};
use crate::args::{self, Global, State};
use crate::context::{parse_since, resolve};
use crate::failure::{Advice, Exit};
use crate::operator::{said, who};
use crate::output;
use timeline::{Line, timeline};

/// Incidents asked for at once.
const PAGE: usize = 256;

/// What stands for nobody in `--assigned`.
const NOBODY: &str = "nobody";

pub(crate) fn list(global: &Global, args: &args::Incidents) -> anyhow::Result<Exit> {
    let desk = Desk::open(global)?;
    let decisions = desk.ledger.decisions()?;
    let handlings = Handlings::of(&decisions);
    let mut incidents = Wanted::of(&desk, args)?.find(&desk, &handlings)?;
    for handled in &mut incidents {
        handled.incident.actor = desk.hands()?.of(handled.incident.actor, None);
    }
    if desk.context.json {
        output::json(&incidents)?;
        return Ok(Exit::Fine);
    }
    let mut table = output::table(&[
        "incident", "state", "verdict", "bait", "uses", "first", "last", "actor", "assigned",
    ]);
    for handled in &incidents {
        let Handled { incident, handling } = handled;
        table.add_row([
            incident.id.to_string(),
            state(incident),
            incident.verdict.word().to_owned(),
            desk.title(incident.canary)?,
            incident.count.to_string(),
            incident.first.to_seconds_string(),
            incident.last.to_seconds_string(),
            incident.actor.to_string(),
            handling.assigned.clone().unwrap_or_default(),
        ]);
    }
    output::print_table(&table)?;
    if incidents.is_empty() {
        output::say("no incidents");
    }
    Ok(Exit::Fine)
}

/// Which incidents are listed.
struct Wanted<'a> {
    states: Vec<IncidentState>,
    canary: Option<CanaryId>,
    actor: Option<ActorId>,
    assigned: Option<&'a str>,
    since: Option<lapwing_core::Timestamp>,
    limit: usize,
}

impl<'a> Wanted<'a> {
    fn of(desk: &Desk, args: &'a args::Incidents) -> anyhow::Result<Self> {
        let args::Incidents {
            list,
            state: states,
            canary,
            actor,
            assigned,
            since,
        } = args;
        let state = |state: &State| match state {
            State::Open => IncidentState::Open,
            State::Acknowledged => IncidentState::Acknowledged,
            State::Closed => IncidentState::Closed,
        };
        Ok(Self {
            states: states.iter().map(state).collect(),
            canary: canary
                .as_deref()
                .map(|text| resolve(&desk.ledger, text))
                .transpose()?,
            actor: actor.as_deref().map(parse_actor).transpose()?,
            assigned: assigned.as_deref(),
            since: since.as_deref().map(parse_since).transpose()?,
            limit: list.limit,
        })
    }

    /// The newest of them. What the operator decided is not in the index, so a page is looked through for it.
    fn find(&self, desk: &Desk, handlings: &Handlings<'_>) -> anyhow::Result<Vec<Handled>> {
        let hands = desk.hands()?;
        let mut found = Vec::new();
        let mut before = None;
        while found.len() < self.limit {
            let page = desk.index.incidents(&IncidentFilter {
                since: self.since,
                canary: self.canary,
                // It may go by the name of an actor that turned out to be the same.
                actor: None,
                state: None,
                limit: PAGE,
                before: before.take(),
            })?;
            let laid = page.rows.into_iter().map(|it| handlings.lay_over(it));
            found.extend(laid.filter(|it| self.wants(it) && self.is_of(it.incident.actor, hands)));
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        found.truncate(self.limit);
        Ok(found)
    }

    fn is_of(&self, actor: ActorId, hands: &Hands) -> bool {
        self.actor
            .is_none_or(|wanted| hands.of(actor, None) == hands.of(wanted, None))
    }

    fn wants(&self, handled: &Handled) -> bool {
        let assigned = handled.handling.assigned.as_deref();
        let state = self.states.is_empty() || self.states.contains(&handled.incident.state);
        state
            && self.assigned.is_none_or(|wanted| match assigned {
                Some(name) => name == wanted,
                None => wanted == NOBODY,
            })
    }
}

/// Its state in words.
fn state(incident: &Incident) -> String {
    let state = json!(incident.state);
    let muted = if incident.untold == Untold::All {
        ", muted"
    } else {
        ""
    };
    format!("{}{muted}", state.as_str().unwrap_or_default())
}

const HINT: &str = "`lapwing incidents` lists them";

/// An incident's id as typed.
pub(crate) fn parse_incident(text: &str) -> anyhow::Result<IncidentId> {
    text.parse()
        .map_err(|error| Advice::error(format!("{error}"), HINT))
}

pub(crate) fn show(global: &Global, args: &args::Incident) -> anyhow::Result<Exit> {
    let id = parse_incident(&args.id)?;
    let desk = Desk::open(global)?;
    let verbs = verbs(id, args)?;
    if desk.index.incident(id)?.is_none() {
        return Err(Advice::error(format!("no incident {id}"), HINT));
    }
    for verb in verbs {
        let time = SystemClock.now();
        desk.ledger.decide(&Decision { time, verb })?;
    }
    // Read again: trips may have come meanwhile, and reopened it.
    let incident = desk.index.incident(id)?;
    let incident = incident.ok_or_else(|| Advice::error(format!("no incident {id}"), HINT))?;
    let decisions = desk.ledger.decisions()?;
    let handlings = Handlings::of(&decisions);
    let handled = handlings.lay_over(incident);
    let held = held(&handled.incident, &decisions);
    let lines = timeline(&desk, &handled.incident, handlings.about(id))?;
    if desk.context.json {
        let mut value = json!(handled);
        value["holds"] = json!(held);
        value["timeline"] = lines.iter().map(Line::as_json).collect::<Value>();
        output::json(&value)?;
        return Ok(Exit::Fine);
    }
    print(&desk, &handled, &held)?;
    output::line("")?;
    for line in &lines {
        let time = line.time.to_seconds_string();
        output::line(&format!("  {time}  {}", line.words))?;
    }
    Ok(Exit::Fine)
}

/// What the arguments decide, in this order: what somebody says, who looks after it, how it stands.
fn verbs(incident: IncidentId, args: &args::Incident) -> anyhow::Result<Vec<Verb>> {
    let args::Incident {
        id: _,
        note,
        assign,
        unassign,
        acknowledge,
        close,
        reopen,
        by,
    } = args;
    let by = who(by)?;
    let mut verbs = Vec::new();
    if let Some(text) = note {
        let (text, by) = (said("note", text)?, by.clone());
        verbs.push(Verb::Note { incident, text, by });
    }
    if *unassign || assign.is_some() {
        let to = assign.as_deref().map(|to| said("assign", to)).transpose()?;
        let by = by.clone();
        verbs.push(Verb::Assign { incident, to, by });
    }
    if let Some(reason) = close {
        let reason = said("close", reason)?;
        verbs.push(Verb::Close {
            incident,
            reason,
            by,
        });
    } else if let Some(reason) = reopen {
        let reason = said("reopen", reason)?;
        verbs.push(Verb::Reopen {
            incident,
            reason,
            by,
        });
    } else if *acknowledge {
        verbs.push(Verb::Acknowledge { incident, by });
    }
    Ok(verbs)
}

/// The holds that cover it as a whole, as far as its own facts tell.
fn held(incident: &Incident, decisions: &[Decision]) -> Vec<Hold> {
    let now = SystemClock.now();
    let covers = |hold: &Hold| match hold.on {
        HoldOn::All => true,
        HoldOn::Incident(id) => id == incident.id,
        HoldOn::Actor(id) => id == incident.actor,
        HoldOn::Canary(id) => id == incident.canary,
        HoldOn::Trip(_) => false,
    };
    let holds = holds(decisions).into_iter().map(|(_, hold)| hold);
    holds
        .filter(|hold| hold.until.is_none_or(|until| now < until) && covers(hold))
        .collect()
}

fn print(desk: &Desk, handled: &Handled, held: &[Hold]) -> anyhow::Result<()> {
    let Handled { incident, handling } = handled;
    output::line(&format!("incident {}  {}", incident.id, state(incident)))?;
    let (verdict, count) = (incident.verdict.word(), incident.count);
    let title = desk.title(incident.canary)?;
    let uses = if count == 1 { "use" } else { "uses" };
    output::line(&format!("  {verdict}, {count} {uses} of {title}"))?;
    let (first, last) = (
        incident.first.to_seconds_string(),
        incident.last.to_seconds_string(),
    );
    output::line(&format!(
        "  from {first} to {last}, actor {}",
        incident.actor
    ))?;
    match incident.untold {
        Untold::Nothing => {}
        Untold::All => output::line("  nobody was told: all of it came while muted")?,
        Untold::More => output::line("  how it went on while muted was not told")?,
    }
    match &handling.assigned {
        Some(name) => output::line(&format!("  looked after by {name}"))?,
        None => output::line("  nobody looks after it")?,
    }
    if let Some(ruling) = &handling.ruling {
        output::line(&format!("  {}", ruled(ruling)))?;
    }
    for hold in held {
        let Hold {
            hold, on, reason, ..
        } = hold;
        output::line(&format!("  under hold {hold} on {on}: {reason}"))?;
    }
    Ok(())
}

/// How it came to stand as it does.
fn ruled(ruling: &Ruling) -> String {
    let Ruling {
        state,
        time,
        by,
        reason,
        stands,
    } = ruling;
    let word = match state {
        IncidentState::Open => "reopened",
        IncidentState::Acknowledged => "acknowledged",
        IncidentState::Closed => "closed",
    };
    let mut words = format!("{word} {}", time.to_seconds_string());
    if !by.is_empty() {
        words.push_str(&format!(" by {by}"));
    }
    if let Some(reason) = reason {
        words.push_str(&format!(": {reason}"));
    }
    if !stands {
        words.push_str("; it went on since, and is open again");
    }
    words
}
