//! The life of a row in a database: drawn and rehearsed in a transaction that is rolled back, planted in
//! another, found again by its key, taken out if it is still ours. A row that needs a row of its own in
//! another table gets one: parents go in first and come out last.

pub(crate) mod decoy;
mod insert;
pub(crate) mod record;
mod standing;

use std::collections::{BTreeMap, BTreeSet};

use lapwing_core::Placement;

use self::insert::{Inserted, Numbers, Rehearsal, Rehearsed, Row, insert, rehearse};
use self::record::{Detail, Remembered, kept};
use self::standing::{Standing, standing};
use super::address::{Object, Said};
use super::exclude::Ours;
use super::making::Making;
use super::session::{self, Access, Described, Session};
use super::triggers::{Event, Trigger};
use super::{Cell, Value, planning};
use crate::bait::Wish;
use crate::diff::{Diff, Sign};
use crate::error::{PlantError, Problem};
use crate::{Condition, Listed, Options, Plan, Run, Work};

/// Opens a connection.
pub(crate) type Open = dyn Fn(Access) -> Result<Box<dyn Session>, PlantError>;

/// A table of whatever engine, and how to get to it.
pub(crate) struct Site {
    /// As it is recorded and shown.
    pub place: String,
    /// What is planted there.
    pub object: Object,
    /// Its name: the table's, for a row.
    pub table: String,
    /// The table to take after, where that is another one.
    pub like: Option<String>,
    /// Opens a connection.
    pub open: Box<Open>,
}

impl Site {
    fn open(&self, access: Access) -> Result<Box<dyn Session>, PlantError> {
        (self.open)(access)
    }

    /// The table to take after, which must be named.
    fn require_like(&self, session: &mut dyn Session) -> Result<String, PlantError> {
        if let Some(like) = &self.like {
            return Ok(like.clone());
        }
        let names = session.tables().map_err(self.failed("list the tables"))?;
        let hint = format!("add &like=TABLE; its tables: {}", names.join(", "));
        Err(PlantError::Target(
            self.problem("names no table to take after").hint(hint),
        ))
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
    let (mut described, making) = match site.object {
        Object::NewTable => new_table(session.as_mut(), &site)?,
        _ => (described(session.as_mut(), &site, &site.table)?, None),
    };
    for event in [Event::Insert, Event::Delete] {
        writable(&site, &described, event, &Allowed::by(options))?;
    }
    let of = site.like.as_ref().unwrap_or(&site.table);
    planning::find_mail(session.as_mut(), &mut described.table, of, wish)
        .map_err(site.failed("look at the rows"))?;
    planning::require_column(&described.table, wish, &site.place)?;
    session.begin().map_err(&failed)?;
    let made = making.as_ref().filter(|_| session.undoes_making());
    if let Some(made) = made {
        let mail = described.table.mail.take();
        described = make(session.as_mut(), &site, made)?;
        described.table.mail = mail;
    }
    let rehearsal = if made.is_some() == making.is_some() {
        Rehearsal::Whole
    } else {
        Rehearsal::Drawn
    };
    let rehearsed = rehearse(session.as_mut(), &site, described, wish, options, rehearsal);
    let back = session.run("ROLLBACK", &[]);
    let Rehearsed { rows, drawn, stood } = rehearsed?;
    back.map_err(&failed)?;
    for (before, after) in stood.iter().flat_map(|row| &row.counted) {
        if before != after {
            // A table in use may not let that be done: then a number is left out, as by any row that failed.
            let _ = session.count_back_late(before, after);
        }
    }
    let mut diff = Diff::default();
    diff.file(&site.place, &site.place);
    for statement in making.iter().flat_map(Making::shown) {
        for line in statement.lines() {
            diff.push(Sign::Added, line);
        }
    }
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
        made: making
            .as_ref()
            .map_or_else(Vec::new, |making| making.remove.clone()),
    };
    placement.detail = detail.write();
    let mut notes = drawn.notes;
    notes.extend(making.iter().flat_map(|making| making.notes.clone()));
    for row in &rows {
        notes.extend(row.described.notes.iter().cloned());
        notes.extend(row.described.triggers.iter().filter_map(allowed_note));
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
        work: Box::new(Insertion { site, rows, making }),
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

/// A table of ours: what it will be, and what makes it.
fn new_table(
    session: &mut dyn Session,
    site: &Site,
) -> Result<(Described, Option<Making>), PlantError> {
    let failed = site.failed("read the schema");
    let view = session.view_text(&site.table).map_err(&failed)?;
    if view.is_some() || session.describe(&site.table).map_err(&failed)?.is_some() {
        let problem = site.problem("exists already");
        return Err(PlantError::Exists(
            problem.hint("choose a name that no table or view has"),
        ));
    }
    let like = site.require_like(session)?;
    let mut described = described(session, site, &like)?;
    if let Some((what, hint)) = described.refusal {
        let what = format!("cannot be made like {like}: that {what}");
        return Err(PlantError::Refused(site.problem(what).hint(hint)));
    }
    let making = session
        .table_like(&site.table, &described)
        .map_err(|said| decoy::refused(site, &said))?;
    described.table.name.clone_from(&site.table);
    described.table.foreign.clear();
    described.triggers.clear();
    Ok((described, Some(making)))
}

/// Makes a table and reads what it has become.
fn make(session: &mut dyn Session, site: &Site, making: &Making) -> Result<Described, PlantError> {
    for sql in &making.create {
        session
            .run(sql, &[])
            .map_err(|said| decoy::refused(site, &said))?;
    }
    described(session, site, &site.table)
}

fn described(session: &mut dyn Session, site: &Site, table: &str) -> Result<Described, PlantError> {
    let failed = site.failed("read the schema");
    if let Some(described) = session.describe(table).map_err(&failed)? {
        return Ok(described);
    }
    let names = session.tables().map_err(&failed)?;
    let hint = if names.is_empty() {
        "it has no tables that this account can see".to_owned()
    } else {
        format!("its tables: {}", names.join(", "))
    };
    Err(PlantError::Target(
        site.problem(format!("{table} is not a table of the database"))
            .hint(hint),
    ))
}

/// Triggers that the operator lets run.
enum Allowed<'a> {
    All,
    /// At planting.
    Named(&'a BTreeSet<String>),
    /// At uprooting, where only force lets them run.
    Nothing,
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
            Self::Nothing => false,
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
            let doing = match event {
                Event::Insert => "insert",
                Event::Delete => "delete",
            };
            let flag = match allowed {
                Allowed::Nothing => "--force".to_owned(),
                _ => format!("--danger-trigger {}", trigger.name),
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

/// What the operator should know of a trigger that may run all the same.
fn allowed_note(trigger: &Trigger) -> Option<String> {
    trigger.danger()?;
    let name = &trigger.name;
    Some(match trigger.event {
        Event::Insert => format!(
            "what the trigger {name} does elsewhere as the row goes in is not undone when it is uprooted"
        ),
        Event::Delete => format!(
            "the trigger {name} runs when the row is uprooted, which takes --force for that reason"
        ),
    })
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
    making: Option<Making>,
}

impl Work for Insertion {
    fn write(&self, placement: &mut Placement) -> Result<(), PlantError> {
        let site = &self.site;
        let failed = site.failed("insert the row");
        let mut detail = Detail::of(placement)?;
        let mut session = site.open(Access::Write)?;
        session.begin().map_err(&failed)?;
        if let Some(making) = &self.making {
            make(session.as_mut(), site, making)?;
        }
        if !session.undoes_making() {
            session.begin().map_err(&failed)?;
        }
        let mut rows = self.rows.clone();
        let inserted = match insert(session.as_mut(), site, &mut rows, Numbers::Counted) {
            Ok(inserted) => inserted,
            Err(error) => {
                session.run("ROLLBACK", &[]).map_err(&failed)?;
                // What was made by itself is not rolled back, and nobody else can have used it yet.
                let stays = !session.undoes_making();
                let left = self.making.iter().filter(|_| stays);
                for sql in left.flat_map(|making| &making.remove) {
                    session.run(sql, &[]).map_err(&failed)?;
                }
                return Err(error);
            }
        };
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
    let condition = standing::condition(&found, placement.state);
    if condition == Condition::Missing && made_stands(session.as_mut(), site, &detail)? {
        return Ok(Condition::HalfPlanted);
    }
    Ok(condition)
}

/// Adds what names the rows of a placement to those of their tables.
pub(crate) fn name_rows(
    placement: &Placement,
    tables: &mut BTreeMap<String, Ours>,
) -> Result<(), PlantError> {
    let detail = Detail::of(placement)?;
    for (table, (key, canary)) in detail.naming() {
        let ours = tables.entry(table.to_owned()).or_default();
        ours.wholly |= !detail.made.is_empty();
        ours.add(key, canary);
    }
    Ok(())
}

/// Whether a table that was made for a placement is still there.
fn made_stands(
    session: &mut dyn Session,
    site: &Site,
    detail: &Detail,
) -> Result<bool, PlantError> {
    if detail.made.is_empty() {
        return Ok(false);
    }
    let found = session
        .describe(&site.table)
        .map_err(site.failed("look for the table"))?;
    Ok(found.is_some())
}

/// Refuses to remove a table of ours that holds what is not this placement's.
fn require_empty(session: &mut dyn Session, site: &Site) -> Result<(), PlantError> {
    let name = session.quote_table(&site.table);
    let sql = format!("SELECT CAST(count(*) AS char(20)) FROM {name}");
    let rows = session
        .rows(&sql, &[])
        .map_err(site.failed("count the rows"))?;
    let count = rows.first().and_then(|row| row.first()?.clone());
    let count = String::from_utf8(count.unwrap_or_default()).unwrap_or_default();
    if count.trim() == "0" {
        return Ok(());
    }
    let what = format!("{} other rows stand in the table", count.trim());
    let hint = "take out what else is planted there, and rows that are yours; then the table goes";
    Err(PlantError::NotOurs(site.problem(what).hint(hint)))
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
    let made = made_stands(session, site, &detail)?;
    if !made {
        standing::require_ours(site, &found, force)?;
    }
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
    if made {
        require_empty(session, site)?;
        for sql in &detail.made {
            diff.push(Sign::Removed, sql);
            if run == Run::Write || session.undoes_making() {
                session
                    .run(sql, &[])
                    .map_err(|said| decoy::in_use(site, &said))?;
            }
        }
    }
    if run == Run::Rehearse {
        session.run("ROLLBACK", &[]).map_err(&failed)?;
        return Ok(diff);
    }
    session.run("COMMIT", &[]).map_err(&failed)?;
    let counted = detail.rows.iter().filter(|_| detail.made.is_empty());
    for (before, after) in counted.flat_map(|row| &row.counted) {
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
        writable(site, &described, Event::Delete, &Allowed::Nothing)?;
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
