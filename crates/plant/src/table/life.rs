//! The life of a row in a database: drawn and rehearsed in a transaction that is rolled back, planted in
//! another, found again by its key, taken out if it is still ours. A row that needs a row of its own in
//! another table gets one: parents go in first and come out last.

mod insert;
mod record;
mod standing;

use std::collections::{BTreeMap, BTreeSet};

use lapwing_core::Placement;

use self::insert::{Inserted, Numbers, Rehearsed, Row, insert, rehearse};
use self::record::{Detail, Remembered, kept};
use self::standing::{Standing, standing};
use super::address::Said;
use super::exclude::Ours;
use super::session::{self, Access, Described, Session};
use super::triggers::Event;
use super::{Cell, Value, planning};
use crate::bait::Wish;
use crate::diff::{Diff, Sign};
use crate::error::{PlantError, Problem};
use crate::{Condition, Listed, Options, Plan, Run, Work};

/// A table of whatever engine, and how to get to it.
pub(crate) struct Site {
    /// As it is recorded and shown.
    pub place: String,
    /// The table's name.
    pub table: String,
    /// Opens a connection.
    pub open: Box<dyn Fn(Access) -> Result<Box<dyn Session>, PlantError>>,
}

impl Site {
    fn open(&self, access: Access) -> Result<Box<dyn Session>, PlantError> {
        (self.open)(access)
    }

    fn problem(&self, what: impl Into<String>) -> Box<Problem> {
        Problem::new(&self.place, what)
    }

    /// An error of the database's.
    fn failed(&self, doing: &'static str) -> impl Fn(Said) -> PlantError + use<> {
        let place = self.place.clone();
        move |said| PlantError::Database {
            place: place.clone(),
            doing,
            source: Box::new(said),
        }
    }
}

/// Works out a row, rehearses it, and rolls back.
pub(crate) fn plan(
    site: Site,
    kind: &str,
    wish: &Wish,
    options: &Options,
) -> Result<Plan, PlantError> {
    let mut session = site.open(Access::Write)?;
    let failed = site.failed("rehearse the insertion");
    let described = described(session.as_mut(), &site)?;
    writable(&site, &described, Event::Insert, &Allowed::by(options))?;
    planning::require_column(&described.table, wish, &site.place)?;
    session.begin().map_err(&failed)?;
    let rehearsed = rehearse(session.as_mut(), &site, described, wish, options);
    session.run("ROLLBACK", &[]).map_err(&failed)?;
    let Rehearsed { rows, drawn, stood } = rehearsed?;
    let mut diff = Diff::default();
    diff.file(&site.place, &site.place);
    for row in &rows {
        show(&mut diff, row, options.show);
    }
    let mut placement = wish.intend(&site.place, kind, serde_json::Value::Null);
    let detail = Detail {
        rows: rows
            .iter()
            .zip(&stood)
            .map(|(row, stood)| remember(row, stood, &placement))
            .collect(),
    };
    placement.detail = detail.write();
    let mut notes = drawn.notes;
    for row in &rows {
        notes.extend(row.described.notes.iter().cloned());
    }
    if let Some((score, threshold)) = drawn.score {
        notes.push(format!(
            "the row is as likely as its neighbours: {score:.1}, and 99 in 100 of them reach {threshold:.1}"
        ));
    }
    Ok(Plan {
        placement,
        diff,
        notes,
        refined: drawn.refined,
        files: Vec::new(),
        work: Box::new(Insertion { site, rows }),
    })
}

/// The tables of a database; `target` writes the address of one.
pub(crate) fn listed(
    site: &Site,
    target: impl Fn(&str) -> String,
) -> Result<Vec<Listed>, PlantError> {
    let failed = site.failed("list the tables");
    let mut session = site.open(Access::Read)?;
    let mut listed = Vec::new();
    for name in session.tables().map_err(&failed)? {
        let Some(described) = session.describe(&name).map_err(&failed)? else {
            continue;
        };
        let columns = described.table.columns.into_iter();
        listed.push(Listed {
            target: target(&name),
            columns: columns.map(|column| column.name).collect(),
            name,
        });
    }
    Ok(listed)
}

fn described(session: &mut dyn Session, site: &Site) -> Result<Described, PlantError> {
    let failed = site.failed("read the schema");
    if let Some(described) = session.describe(&site.table).map_err(&failed)? {
        return Ok(described);
    }
    let names = session.tables().map_err(&failed)?;
    let hint = if names.is_empty() {
        "it has no tables that this account can see".to_owned()
    } else {
        format!("its tables: {}", names.join(", "))
    };
    Err(PlantError::Target(
        site.problem("is not a table of the database").hint(hint),
    ))
}

/// Triggers that the operator lets run.
enum Allowed<'a> {
    All,
    Named(&'a BTreeSet<String>),
}

impl<'a> Allowed<'a> {
    const fn by(options: &'a Options) -> Self {
        if options.danger_default {
            Self::All
        } else {
            Self::Named(&options.danger_triggers)
        }
    }

    fn includes(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.contains(name),
        }
    }
}

/// Refuses tables that must not be written to, and triggers nobody has allowed.
fn writable(
    site: &Site,
    described: &Described,
    event: Event,
    allowed: &Allowed<'_>,
) -> Result<(), PlantError> {
    if let Some((what, hint)) = &described.refusal {
        return Err(PlantError::Refused(site.problem(what.clone()).hint(hint)));
    }
    for trigger in &described.triggers {
        if trigger.event != event || allowed.includes(&trigger.name) {
            continue;
        }
        if let Some(why) = trigger.danger() {
            let (doing, flag) = match event {
                Event::Insert => ("insert", format!("--danger-trigger {}", trigger.name)),
                Event::Delete => ("delete", "--force".to_owned()),
            };
            let table = &described.table.name;
            let what = format!(
                "the trigger {} of {table} would run on {doing}, and {why}",
                trigger.name
            );
            let hint = format!("read it; if it does no harm, allow it with {flag}");
            return Err(PlantError::Refused(site.problem(what).hint(hint)));
        }
    }
    Ok(())
}

/// What is remembered of a row before it is planted: of the columns that are known by then, what the
/// table made of them in the rehearsal.
fn remember(row: &Row, stood: &Inserted, placement: &Placement) -> Remembered {
    let known = |cell: &&Cell| row.cells.iter().any(|ours| ours.column == cell.column);
    let cells: Vec<Cell> = stood.cells.iter().filter(known).cloned().collect();
    Remembered {
        table: row.described.table.name.clone(),
        key: Vec::new(),
        kept: kept(&cells, placement),
        links: row.links.clone(),
        counted: Vec::new(),
    }
}

struct Insertion {
    site: Site,
    rows: Vec<Row>,
}

impl Work for Insertion {
    fn write(&self, placement: &mut Placement) -> Result<(), PlantError> {
        let site = &self.site;
        let failed = site.failed("insert the row");
        let mut detail = Detail::of(placement)?;
        let mut session = site.open(Access::Write)?;
        session.begin().map_err(&failed)?;
        let mut rows = self.rows.clone();
        let inserted = insert(session.as_mut(), site, &mut rows, Numbers::Counted)?;
        session.run("COMMIT", &[]).map_err(&failed)?;
        for (row, inserted) in detail.rows.iter_mut().zip(inserted) {
            row.key = inserted.key;
            row.kept = kept(&inserted.cells, placement);
            row.counted = inserted.counted;
        }
        placement.detail = detail.write();
        Ok(())
    }
}

/// Says what stands.
pub(crate) fn check(site: &Site, placement: &Placement) -> Result<Condition, PlantError> {
    let detail = Detail::of(placement)?;
    let mut session = site.open(Access::Read)?;
    let found = standing(session.as_mut(), site, placement, &detail)?;
    Ok(standing::condition(&found, placement.state))
}

/// Adds what names the rows of a placement to those of their tables.
pub(crate) fn name_rows(
    placement: &Placement,
    tables: &mut BTreeMap<String, Ours>,
) -> Result<(), PlantError> {
    for (table, (key, canary)) in Detail::of(placement)?.naming() {
        let ours = tables.entry(table.to_owned()).or_default();
        ours.add(key, canary);
    }
    Ok(())
}

/// Takes the rows out, the parents last, and counts back what only we have counted.
pub(crate) fn uproot(
    site: &Site,
    placement: &Placement,
    force: bool,
    run: Run,
) -> Result<Diff, PlantError> {
    let failed = site.failed("delete the row");
    let detail = Detail::of(placement)?;
    let mut session = site.open(Access::Write)?;
    let session = session.as_mut();
    session.begin().map_err(&failed)?;
    let found = standing(session, site, placement, &detail)?;
    standing::require_ours(site, &found, force)?;
    let mut diff = Diff::default();
    diff.file(&site.place, &site.place);
    for (row, found) in detail.rows.iter().zip(&found).rev() {
        let key = match found {
            Standing::Absent => continue,
            Standing::Same(key) | Standing::Touched(key) | Standing::Altered(key) => key,
        };
        remove(session, site, row, key, force)?;
        diff.push(Sign::Header, format!("@@ {} @@", row.table));
        for cell in key {
            diff.push(
                Sign::Removed,
                format!("{} = {}", cell.column, cell.value.printed()),
            );
        }
        for kept in &row.kept {
            if let Some(value) = &kept.canary {
                diff.push(
                    Sign::Removed,
                    format!("{} = {}", kept.column, value.printed()),
                );
            }
        }
    }
    if run == Run::Rehearse {
        session.run("ROLLBACK", &[]).map_err(&failed)?;
        return Ok(diff);
    }
    session.run("COMMIT", &[]).map_err(&failed)?;
    for (before, after) in detail.rows.iter().flat_map(|row| &row.counted) {
        session.count_back_late(before, after).map_err(&failed)?;
    }
    Ok(diff)
}

fn remove(
    session: &mut dyn Session,
    site: &Site,
    row: &Remembered,
    key: &[Cell],
    force: bool,
) -> Result<(), PlantError> {
    let failed = site.failed("delete the row");
    let Some(described) = session.describe(&row.table).map_err(&failed)? else {
        return Ok(());
    };
    if !force {
        writable(
            site,
            &described,
            Event::Delete,
            &Allowed::Named(&BTreeSet::new()),
        )?;
    }
    let table = &described.table;
    for child in session.children(table).map_err(&failed)? {
        let names: Vec<&str> = child.parent.iter().map(String::as_str).collect();
        let mut read = session::read(session, table, key, &names).map_err(&failed)?;
        let Some(cells) = read.pop() else { continue };
        let values: Vec<Value> = cells.into_iter().map(|cell| cell.value).collect();
        if values.contains(&Value::Null) || values.len() != child.columns.len() {
            continue;
        }
        let count = session::referring(session, &child, &values).map_err(&failed)?;
        if count > 0 {
            let what = format!("{count} rows of {} refer to the row", child.table);
            let hint = "somebody has made use of it; remove those rows first";
            return Err(PlantError::Refused(site.problem(what).hint(hint)));
        }
    }
    let count = session::delete(session, table, key).map_err(&failed)?;
    if count != 1 {
        let what = format!("{count} rows of {} would go instead of one", row.table);
        return Err(PlantError::NotOurs(site.problem(what)));
    }
    for (before, after) in &row.counted {
        session.count_back(table, before, after).map_err(&failed)?;
    }
    Ok(())
}

/// A row as lines, a column each; what is the owner's is masked.
fn show(diff: &mut Diff, row: &Row, whole: bool) {
    diff.push(Sign::Header, format!("@@ {} @@", row.described.table.name));
    let names = row.cells.iter().map(|cell| cell.column.len());
    let width = names.max().unwrap_or_default();
    for (cell, taken) in row.cells.iter().zip(&row.taken) {
        let shown = if *taken && !whole {
            "…".to_owned()
        } else {
            cell.value.printed()
        };
        diff.push(Sign::Added, format!("{:width$} = {shown}", cell.column));
    }
    for link in &row.links {
        diff.push(
            Sign::Added,
            format!("{:width$} = {} of the row above", link.column, link.to),
        );
    }
}
