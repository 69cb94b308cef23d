//! What `plan`, `apply` and `drift` print.

use std::collections::BTreeMap;

use anstyle::AnsiColor;
use lapwing_plant::{Condition, Diff};
use serde_json::{Value, json};

use super::file::Declaration;
use super::survey::{Row, Step, Survey};
use crate::commands::plant::Edit;
use crate::context::Context;
use crate::failure::{Exit, tell};
use crate::output::{self, colour};
use crate::planting::Planter;

/// Prints what would be done, with the edit of each step. Says whether one of them cannot be done.
pub(super) fn plan(
    context: &Context,
    planter: &Planter<'_>,
    survey: &Survey<'_>,
    show: bool,
) -> anyhow::Result<bool> {
    let mut failed = false;
    let mut rows = Vec::new();
    for row in &survey.rows {
        let edit = edit(planter, survey, row, show).transpose();
        failed |= edit.is_err();
        if context.json {
            let mut value = as_json(survey, row);
            match edit {
                Ok(Some((edit, notes))) => {
                    value["diff"] = edit.text().into();
                    value["notes"] = notes.into();
                }
                Ok(None) => {}
                Err(error) => value["error"] = error.to_string().into(),
            }
            rows.push(value);
            continue;
        }
        print_row(survey, row)?;
        match edit {
            Ok(Some((edit, notes))) => {
                edit.print()?;
                for note in notes {
                    output::say(&format!("note: {note}"));
                }
            }
            Ok(None) => {}
            Err(error) => tell(&error),
        }
    }
    let counts = counts(survey);
    if context.json {
        let Declaration { name, file, .. } = survey.declaration;
        output::json(&json!({"deception": name, "file": file, "counts": counts, "bait": rows}))?;
    } else {
        output::say(&sentence(&survey.declaration.name, &counts));
    }
    Ok(failed)
}

/// The edit that a step is, and what is to be known of it.
fn edit(
    planter: &Planter<'_>,
    survey: &Survey<'_>,
    row: &Row,
    show: bool,
) -> Option<anyhow::Result<(Edit, Vec<String>)>> {
    if row.plants() {
        return Some(planter.preview(&row.order(survey, show)));
    }
    let placement = row
        .placement
        .as_ref()
        .filter(|_| row.step == Step::Uproot)?;
    let sites = planter.sites();
    if let Ok(Condition::Missing) = sites.check(placement) {
        let note = "nothing of it stands there any more".to_owned();
        return Some(Ok((Edit::Here(Diff::default()), vec![note])));
    }
    let edit = sites.rehearse_uproot(placement);
    Some(edit.map(|edit| (edit, Vec::new())))
}

fn print_row(survey: &Survey<'_>, row: &Row) -> std::io::Result<()> {
    let style = colour(match row.step {
        Step::Create | Step::Replant(_) => AnsiColor::Green,
        Step::Rotate(_) | Step::Redeclare(_) | Step::Describe | Step::Settle => AnsiColor::Yellow,
        Step::Uproot | Step::Drifted(_) | Step::Refused(_) => AnsiColor::Red,
        Step::Keep => AnsiColor::BrightBlack,
    });
    let (kind, target) = row.place(survey);
    let kind = if kind.is_empty() {
        String::new()
    } else {
        format!(" ({kind})")
    };
    let why = row.step.why();
    let why = if why.is_empty() {
        why
    } else {
        format!(": {why}")
    };
    output::line(&format!(
        "{style}{} {} {}{style:#}{kind} in {target}{why}",
        row.step.mark(),
        row.step.word(),
        row.bait
    ))
}

fn as_json(survey: &Survey<'_>, row: &Row) -> Value {
    let (kind, target) = row.place(survey);
    json!({
        "bait": row.bait, "step": row.step.word(), "why": row.step.why(), "kind": kind,
        "target": target, "canary": row.placement.as_ref().map(|placement| placement.canary),
    })
}

fn counts(survey: &Survey<'_>) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for row in &survey.rows {
        *counts.entry(row.step.word()).or_insert(0) += 1;
    }
    counts
}

fn sentence(name: &str, counts: &BTreeMap<&'static str, usize>) -> String {
    let parts: Vec<String> = counts
        .iter()
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    if parts.is_empty() {
        return format!("{name}: nothing is declared, and nothing stands");
    }
    format!("{name}: {}", parts.join(", "))
}

/// Prints what `apply` has done.
pub(super) fn applied(
    context: &Context,
    declaration: &Declaration,
    survey: &Survey<'_>,
    outcomes: &[Value],
    failed: usize,
) -> anyhow::Result<()> {
    if context.json {
        let rows = survey.rows.iter().zip(outcomes).map(|(row, outcome)| {
            let mut value = as_json(survey, row);
            match outcome.get("error") {
                Some(error) => value["error"] = error.clone(),
                None => value["placement"] = outcome.clone(),
            }
            value
        });
        let rows: Vec<Value> = rows.collect();
        return output::json(&json!({
            "deception": declaration.name, "file": declaration.file, "counts": counts(survey),
            "failed": failed, "bait": rows,
        }));
    }
    for (row, outcome) in survey.rows.iter().zip(outcomes) {
        if row.step != Step::Keep && outcome.get("error").is_none() {
            print_row(survey, row)?;
        }
    }
    let mut said = sentence(&declaration.name, &counts(survey));
    if failed > 0 {
        said.push_str(&format!("; {failed} of them could not be done"));
    }
    output::say(&said);
    Ok(())
}

/// Prints what differs. A rotation that is due is no difference.
pub(super) fn drift(context: &Context, survey: &Survey<'_>) -> anyhow::Result<Exit> {
    let mut rows = Vec::new();
    let mut table = output::table(&["differs", "bait", "place", ""]);
    for row in &survey.rows {
        let Some(word) = difference(row) else {
            continue;
        };
        let (kind, target) = row.place(survey);
        let why = row.step.why();
        table.add_row([word, &row.bait, target, &why]);
        rows.push(json!({
            "bait": row.bait, "difference": word, "why": why, "kind": kind, "target": target,
            "canary": row.placement.as_ref().map(|placement| placement.canary),
        }));
    }
    if context.json {
        output::json(&rows)?;
    } else if rows.is_empty() {
        output::say(&format!(
            "{}: all {} stand as declared",
            survey.declaration.name,
            survey.rows.len()
        ));
    } else {
        output::print_table(&table)?;
    }
    Ok(if rows.is_empty() {
        Exit::Fine
    } else {
        Exit::Drift
    })
}

fn difference(row: &Row) -> Option<&'static str> {
    Some(match &row.step {
        Step::Keep | Step::Rotate(_) => return None,
        Step::Create => "not planted",
        Step::Redeclare(_) | Step::Describe => "declared otherwise",
        Step::Replant(condition) => condition.word(),
        Step::Drifted(_) => "changed",
        Step::Settle => "half-planted",
        Step::Uproot => "not declared",
        Step::Refused(_) => "unreadable",
    })
}
