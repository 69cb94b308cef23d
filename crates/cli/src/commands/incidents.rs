//! `lapwing incidents` and `incident`: what wants somebody, and what was decided about it.

use lapwing_core::{
    Clock as _, Decision, Incident, IncidentId, IncidentState, SystemClock, Untold, Verb,
};
use lapwing_store::{IncidentFilter, TripFilter};
use serde_json::json;

use super::trips::Desk;
use crate::args::{self, Global, List};
use crate::failure::{Advice, Exit};
use crate::output;

pub(crate) fn list(global: &Global, args: &List) -> anyhow::Result<Exit> {
    let desk = Desk::open(global)?;
    let filter = IncidentFilter {
        limit: args.limit,
        ..IncidentFilter::default()
    };
    let decisions = desk.ledger.decisions()?;
    let incidents: Vec<Incident> = desk
        .index
        .incidents(&filter)?
        .rows
        .into_iter()
        .map(|incident| decided(incident, &decisions))
        .collect();
    if desk.context.json {
        output::json(&incidents)?;
        return Ok(Exit::Fine);
    }
    let mut table = output::table(&[
        "incident", "state", "verdict", "bait", "uses", "first", "last", "actor",
    ]);
    for incident in &incidents {
        table.add_row([
            incident.id.to_string(),
            state(incident),
            incident.verdict.word().to_owned(),
            desk.title(incident.canary)?,
            incident.count.to_string(),
            incident.first.to_seconds_string(),
            incident.last.to_seconds_string(),
            incident.actor.to_string(),
        ]);
    }
    output::print_table(&table)?;
    if incidents.is_empty() {
        output::say("no incidents");
    }
    Ok(Exit::Fine)
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

/// Lays the operator's decisions over an incident: they hold for what had come by then.
pub(crate) fn decided(mut incident: Incident, decisions: &[Decision]) -> Incident {
    for decision in decisions {
        let state = match &decision.verb {
            Verb::Acknowledge { incident: id } if *id == incident.id => IncidentState::Acknowledged,
            Verb::Close { incident: id, .. } if *id == incident.id => IncidentState::Closed,
            _ => continue,
        };
        incident.state = if incident.last <= decision.time {
            state
        } else {
            IncidentState::Open
        };
    }
    incident
}

pub(crate) fn show(global: &Global, args: &args::Incident) -> anyhow::Result<Exit> {
    let args::Incident {
        id,
        acknowledge,
        close,
    } = args;
    let hint = "`lapwing incidents` lists them";
    let id: IncidentId = id
        .parse()
        .map_err(|error| Advice::error(format!("{error}"), hint))?;
    let desk = Desk::open(global)?;
    let find = || -> anyhow::Result<Incident> {
        let incident = desk.index.incident(id)?;
        let incident = incident.ok_or_else(|| Advice::error(format!("no incident {id}"), hint))?;
        Ok(decided(incident, &desk.ledger.decisions()?))
    };
    find()?;
    let verb = match close {
        Some(reason) => Some(Verb::Close {
            incident: id,
            reason: reason.clone(),
        }),
        None => acknowledge.then_some(Verb::Acknowledge { incident: id }),
    };
    if let Some(verb) = verb {
        desk.ledger.decide(&Decision {
            time: SystemClock.now(),
            verb,
        })?;
    }
    let incident = find()?;
    if desk.context.json {
        output::json(&incident)?;
        return Ok(Exit::Fine);
    }
    output::line(&format!("incident {id}  {}", state(&incident)))?;
    let verdict = incident.verdict.word();
    output::line(&format!(
        "  {verdict}, {} uses of {}",
        incident.count,
        desk.title(incident.canary)?
    ))?;
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
    for decision in desk.ledger.decisions()? {
        let words = match &decision.verb {
            Verb::Acknowledge { incident } if *incident == id => "acknowledged".to_owned(),
            Verb::Close { incident, reason } if *incident == id => format!("closed: {reason}"),
            _ => continue,
        };
        output::line(&format!("  {} {words}", decision.time.to_seconds_string()))?;
    }
    let filter = TripFilter {
        incident: Some(id),
        limit: 20,
        ..TripFilter::default()
    };
    for row in desk.index.trips(&filter)?.rows {
        let time = row.time.to_seconds_string();
        output::line(&format!(
            "  trip {} {time} from {}",
            row.id(),
            row.source.ip()
        ))?;
    }
    Ok(Exit::Fine)
}
