//! `lapwing check`: is everything planted still there, still believable, and (if asked) still reached?
//!
//! By default nothing leaves this host. `--reach` asks the addresses that bait carries, and no others.

mod reach;

use anstyle::AnsiColor;
use lapwing_core::text::escape;
use lapwing_core::{Clock as _, Placement, Site, SystemClock};
use lapwing_plant::{Auditor, Condition, Remark};
use lapwing_store::Ledger;
use serde_json::json;

use self::reach::{Reached, Routes};
use super::audit::Planted;
use super::elsewhere::{self, Sites};
use super::plant::chosen;
use crate::args::{Check, Global};
use crate::context::Context;
use crate::failure::Exit;
use crate::output::{self, colour};
use crate::planting::stands;

pub(crate) fn run(global: &Global, args: &Check) -> anyhow::Result<Exit> {
    let Check {
        what,
        reach,
        via,
        accept,
    } = args;
    let context = Context::open(global)?;
    let (ledger, catalog) = (context.ledger()?, context.catalog()?);
    let placements = match what {
        Some(what) => chosen(&ledger, what)?,
        None => ledger.placements()?.into_iter().filter(stands).collect(),
    };
    let planted = Planted::read(&ledger, &catalog)?;
    let auditor = Auditor::new(&catalog);
    let mut rows = Vec::new();
    let away: Vec<(Site, Placement)> = placements
        .iter()
        .filter_map(|placement| Some((Site::of(&placement.target)?.0, placement.clone())))
        .collect();
    let sites = Sites::new(&context);
    let mut away = elsewhere::conditions(&sites, &ledger, &away)?.into_iter();
    for placement in placements {
        rows.push(match Site::of(&placement.target) {
            Some(_) => Row::elsewhere(placement, away.next().unwrap_or_default()),
            None => Row::of(placement, &planted, &auditor),
        });
    }
    if *accept {
        accept_all(&ledger, &mut rows)?;
    }
    if *reach {
        let routes = Routes::new(&context, &ledger, &catalog, *via)?;
        routes.ask(&ledger, &mut rows)?;
    }
    let now = SystemClock.now();
    // Of a host that reports by itself it is known what it saw then.
    let reports = |row: &&Row| matches!(Site::of(&row.placement.target), Some((Site::Host(_), _)));
    let seen = rows
        .iter()
        .filter(|row| row.stands() && !reports(row))
        .map(|row| Placement {
            checked: Some(now),
            ..row.placement.clone()
        });
    ledger.settle(&seen.collect::<Vec<_>>(), &[], now)?;
    print(&rows, *reach, context.json)?;
    Ok(if rows.iter().all(Row::is_well) {
        Exit::Fine
    } else {
        Exit::Drift
    })
}

/// One placement, looked at.
struct Row {
    placement: Placement,
    /// `unchanged`: as it was left; `present`: ours stands and the rest changed; `changed`, `missing`,
    /// `half-planted`, `unreadable`; `unknown`: its host has not reported.
    condition: String,
    /// Why it cannot be read, or when its host said so.
    detail: String,
    /// What gives it away now, and was not accepted.
    odd: Vec<Remark>,
    /// How its address fared; `None` if that was not asked or it carries none.
    reached: Option<Reached>,
}

impl Row {
    fn of(placement: Placement, planted: &Planted, auditor: &Auditor<'_>) -> Self {
        let (condition, detail) = match lapwing_plant::check(&placement) {
            Ok(condition) => (condition_word(condition).to_owned(), String::new()),
            Err(error) => ("unreadable".to_owned(), error.to_string()),
        };
        let mut odd = Vec::new();
        if matches!(condition.as_str(), "unchanged" | "present") {
            odd = planted.beside(auditor, &placement, condition == "unchanged");
            odd.retain(|remark| !placement.accepted.contains(&remark.rule));
        }
        Self {
            placement,
            condition,
            detail,
            odd,
            reached: None,
        }
    }

    /// Of one on another host, which cannot be seen beside its neighbours from here.
    fn elsewhere(placement: Placement, (condition, detail): (String, String)) -> Self {
        Self {
            placement,
            condition,
            detail,
            odd: Vec::new(),
            reached: None,
        }
    }

    /// Whether it is there as it was put.
    fn stands(&self) -> bool {
        matches!(self.condition.as_str(), "unchanged" | "present")
    }

    fn is_well(&self) -> bool {
        self.stands() && self.odd.is_empty() && !matches!(self.reached, Some(Reached::No { .. }))
    }

    /// What is wrong with it and what to do, a pair for each.
    fn troubles(&self) -> Vec<(String, String)> {
        let mut troubles = Vec::new();
        let standing = match self.condition.as_str() {
            "changed" => Some((
                "what was planted has been altered",
                "see what is there; `lapwing uproot --force` takes it out, `lapwing plant` puts it in anew",
            )),
            "missing" => Some((
                "nothing of it stands there any more",
                "if that is meant: `lapwing uproot --force`; if not, plant again, and ask who took it out",
            )),
            "half-planted" => Some((
                "planting was interrupted",
                "`lapwing uproot` takes out what is there; then plant again",
            )),
            "unreadable" => Some((
                self.detail.as_str(),
                "run it as a user who may read the place, and while its database or host can be reached",
            )),
            "unknown" => Some((
                self.detail.as_str(),
                "run its bundle there, or take in what it printed with `lapwing placements import`",
            )),
            _ => None,
        };
        troubles.extend(standing.map(|(what, next)| (what.to_owned(), next.to_owned())));
        for remark in &self.odd {
            let what = format!("{}: {}", remark.rule, remark.what);
            let next = format!("{} If it is meant: check --accept", remark.advice);
            troubles.push((what, next));
        }
        match &self.reached {
            Some(Reached::No { what, next }) => troubles.push((what.clone(), (*next).to_owned())),
            Some(Reached::Unknown { what }) => troubles.push((
                what.clone(),
                "no fault of the bait; ask again from a host with a network".to_owned(),
            )),
            Some(Reached::Yes { .. }) | None => {}
        }
        troubles
    }
}

/// `unchanged`: nothing changed at all; `present`: ours stands and the rest changed.
pub(crate) const fn condition_word(condition: Condition) -> &'static str {
    match condition {
        Condition::Present => "unchanged",
        Condition::Moved => "present",
        condition => condition.word(),
    }
}

/// What [`condition_word`] says, read back.
pub(crate) fn condition_of(word: &str) -> Option<Condition> {
    use Condition::{Changed, HalfPlanted, Missing, Moved, Present};
    let all = [Present, Moved, Changed, Missing, HalfPlanted];
    all.into_iter().find(|one| condition_word(*one) == word)
}

/// Takes all that is odd now for what the operator wants.
fn accept_all(ledger: &Ledger, rows: &mut [Row]) -> anyhow::Result<()> {
    let mut count = 0;
    for row in rows.iter_mut().filter(|row| !row.odd.is_empty()) {
        let rules = row.odd.drain(..).map(|remark| remark.rule);
        row.placement.accepted.extend(rules);
        row.placement.accepted.sort();
        row.placement.accepted.dedup();
        ledger.place_update(&row.placement)?;
        count += 1;
    }
    output::say(&format!(
        "accepted what is odd about {count} placements; it is not reported again"
    ));
    Ok(())
}

fn print(rows: &[Row], asked: bool, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        return output::json(&rows.iter().map(as_value).collect::<Vec<_>>());
    }
    let mut head = vec!["condition", "beside"];
    head.extend(asked.then_some("reached"));
    head.extend(["canary", "place"]);
    let mut table = output::table(&head);
    for row in rows {
        let away = Site::of(&row.placement.target).is_some();
        let beside = match (row.stands() && !away, row.odd.is_empty()) {
            (false, _) => "-",
            (true, true) => "fits",
            (true, false) => "odd",
        };
        let mut cells = vec![row.condition.clone(), beside.to_owned()];
        cells.extend(asked.then(|| reached_word(row).to_owned()));
        cells.extend([
            row.placement.canary.to_string(),
            row.placement.target.clone(),
        ]);
        table.add_row(cells);
    }
    output::print_table(&table)?;
    let yellow = colour(AnsiColor::Yellow);
    for row in rows {
        for (what, next) in row.troubles() {
            let place = escape(row.placement.target.as_bytes());
            let what = escape(what.as_bytes());
            output::line(&format!("{yellow}{place}{yellow:#}: {what}"))?;
            output::line(&format!("  what to do: {next}"))?;
        }
    }
    if rows.is_empty() {
        output::say("nothing is planted");
    } else {
        let well = rows.iter().filter(|row| row.is_well()).count();
        output::say(&format!(
            "{} placements, {well} as they should be",
            rows.len()
        ));
    }
    Ok(())
}

fn reached_word(row: &Row) -> &'static str {
    row.reached.as_ref().map_or("-", Reached::word)
}

fn as_value(row: &Row) -> serde_json::Value {
    let odd: Vec<_> = row
        .odd
        .iter()
        .map(|remark| {
            json!({"rule": remark.rule, "line": (remark.line > 0).then_some(remark.line),
                             "what": remark.what, "advice": remark.advice})
        })
        .collect();
    let mut value = json!({
        "canary": row.placement.canary, "target": row.placement.target, "condition": row.condition,
        "detail": row.detail, "odd": odd, "accepted": row.placement.accepted, "well": row.is_well(),
    });
    if let Some(reached) = &row.reached {
        value["reached"] = json!({
            "result": reached.word(), "what": reached.what(), "milliseconds": reached.milliseconds(),
        });
    }
    value
}
