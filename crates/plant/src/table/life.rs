//! The life of a row in a database server: drawn and rehearsed in a transaction that is rolled back,
//! planted in another, found again by its key, taken out if it is still ours. A row that needs a row
//! of its own in another table gets one: parents go in first and come out last.
//!
//! A placement remembers keys, the canary's own values, and digests of the rest: of the owner's data
//! it holds nothing.

mod standing;

use lapwing_core::Placement;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use self::standing::{Standing, standing};
use super::address::Address;
use super::draw::{self, Drawn};
use super::learn::{Learned, Role};
use super::likely::Likely;
use super::session::{self, Counter, Described, Session};
use super::triggers::Event;
use super::{Cell, Foreign, Value, planning};
use crate::bait::Wish;
use crate::diff::{Diff, Sign};
use crate::error::{PlantError, Problem};
use crate::{Condition, Options, Plan, Run, Work};

/// How many neighbours are looked at.
const NEIGHBOURS: usize = 3_000;
/// How often a row is drawn again when it is unlikely or the table refuses it.
const DRAWS: usize = 24;
/// How many tables up a row may need rows of its own.
const DEPTH: usize = 2;

/// Opens a connection for an address.
pub(crate) type Open = fn(&Address) -> Result<Box<dyn Session>, PlantError>;

/// A row to be inserted.
#[derive(Clone)]
struct Row {
    described: std::rc::Rc<Described>,
    cells: Vec<Cell>,
    /// Which cells hold what is the owner's: references, values taken over.
    taken: Vec<bool>,
    links: Vec<Link>,
}

/// A column that takes the key of another row of ours.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Link {
    column: String,
    /// Which of our rows, and which of its columns.
    row: usize,
    to: String,
}

/// What a placement remembers of a column.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    column: String,
    /// The canary's own value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    canary: Option<Value>,
    /// Of whatever stands there.
    digest: String,
}

/// What a placement remembers of a row.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Remembered {
    table: String,
    /// Columns and values that name the row; empty until it is inserted, or if it has no key.
    key: Vec<Cell>,
    kept: Vec<Kept>,
    links: Vec<Link>,
    /// How far the engine had counted before, and after.
    #[serde(default)]
    counted: Vec<(Counter, Counter)>,
}

/// What a placement remembers: its rows, parents first.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Detail {
    rows: Vec<Remembered>,
}

impl Detail {
    fn of(placement: &Placement) -> Result<Self, PlantError> {
        serde_json::from_value(placement.detail.clone()).map_err(|error| {
            let what = format!("the record of this placement cannot be read: {error}");
            let problem = Problem::new(&placement.target, what);
            PlantError::Record(problem.hint("restore the ledger from a backup"))
        })
    }

    fn write(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("strings and numbers")
    }
}

fn digest(placement: &Placement, column: &str, value: &Value) -> String {
    let mut hash = Sha256::new();
    for part in [&placement.id.to_string(), column, &value.printed_whole()] {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

/// Works out a row, rehearses it, and rolls back.
pub(crate) fn plan(
    address: Address,
    open: Open,
    kind: &str,
    wish: &Wish,
    options: &Options,
) -> Result<Plan, PlantError> {
    let mut session = open(&address)?;
    let failed = address.failed("rehearse the insertion");
    let described = described(session.as_mut(), &address)?;
    writable(
        &address,
        &described,
        Event::Insert,
        &options.danger_triggers,
    )?;
    planning::require_column(&described.table, wish, &address.place())?;
    session.run("BEGIN", &[]).map_err(&failed)?;
    let rehearsed = rehearse(session.as_mut(), &address, described, wish, options);
    session.run("ROLLBACK", &[]).map_err(&failed)?;
    let Rehearsed { rows, drawn, stood } = rehearsed?;
    let mut diff = Diff::default();
    diff.file(&address.place(), &address.place());
    for row in &rows {
        show(&mut diff, row, options.show);
    }
    let mut placement = wish.intend(&address.place(), kind, serde_json::Value::Null);
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
        work: Box::new(Insertion {
            address,
            open,
            rows,
        }),
    })
}

fn described(session: &mut dyn Session, address: &Address) -> Result<Described, PlantError> {
    let failed = address.failed("read the schema");
    if let Some(described) = session.describe(&address.table).map_err(&failed)? {
        return Ok(described);
    }
    let names = session.tables().map_err(&failed)?;
    let hint = if names.is_empty() {
        "it has no tables that this account can see".to_owned()
    } else {
        format!("its tables: {}", names.join(", "))
    };
    Err(PlantError::Target(
        address.problem("is not a table of the database").hint(hint),
    ))
}

/// Refuses tables that must not be written to, and triggers nobody has allowed.
fn writable(
    address: &Address,
    described: &Described,
    event: Event,
    allowed: &std::collections::BTreeSet<String>,
) -> Result<(), PlantError> {
    if let Some((what, hint)) = &described.refusal {
        return Err(PlantError::Refused(
            address.problem(what.clone()).hint(hint),
        ));
    }
    for trigger in &described.triggers {
        if trigger.event != event || allowed.contains(&trigger.name) {
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
            return Err(PlantError::Refused(address.problem(what).hint(hint)));
        }
    }
    Ok(())
}

/// Rows that the tables took in a rehearsal.
struct Rehearsed {
    rows: Vec<Row>,
    drawn: Drawn,
    /// What they became.
    stood: Vec<Inserted>,
}

/// Draws rows until one is likely and the tables take it.
fn rehearse(
    session: &mut dyn Session,
    address: &Address,
    described: Described,
    wish: &Wish,
    options: &Options,
) -> Result<Rehearsed, PlantError> {
    let failed = address.failed("look at the neighbours");
    let described = std::rc::Rc::new(described);
    let sample = session::sample(session, &described.table, NEIGHBOURS).map_err(&failed)?;
    let learned = Learned::of(&described.table, &sample);
    let judge = Likely::of(&learned);
    let mut refusal = None;
    for _ in 0..DRAWS {
        let mut drawn = draw::draw(&learned, wish, options)
            .map_err(|problem| PlantError::Refused(address.problem(problem.0).hint(problem.1)))?;
        if let Err(what) = planning::likely(&judge, wish, &mut drawn) {
            refusal.get_or_insert(PlantError::Refused(
                address.problem(what).hint(planning::UNLIKELY),
            ));
            continue;
        }
        let mut rows = Vec::new();
        add_row(
            session, address, &described, &learned, &drawn, options, &mut rows, DEPTH,
        )?;
        session.run("SAVEPOINT rehearsal", &[]).map_err(&failed)?;
        let result = insert(session, address, &mut rows.clone(), Numbers::Uncounted);
        session
            .run("ROLLBACK TO SAVEPOINT rehearsal", &[])
            .map_err(&failed)?;
        match result {
            Ok(stood) => return Ok(Rehearsed { rows, drawn, stood }),
            Err(error) => refusal = Some(error),
        }
    }
    Err(refusal.expect("at least one draw"))
}

/// Adds a drawn row behind the rows that it needs for itself.
#[expect(
    clippy::too_many_arguments,
    reason = "it calls itself for parents with all of them"
)]
fn add_row(
    session: &mut dyn Session,
    address: &Address,
    described: &std::rc::Rc<Described>,
    learned: &Learned<'_>,
    drawn: &Drawn,
    options: &Options,
    rows: &mut Vec<Row>,
    depth: usize,
) -> Result<(), PlantError> {
    let table = &described.table;
    let mut links = Vec::new();
    for foreign in &table.foreign {
        if foreign.columns.len() == 1 && depth > 0 && owns_its_parent(learned, foreign, drawn) {
            links.extend(add_parent(session, address, foreign, options, rows, depth)?);
        }
    }
    let (mut cells, mut taken) = (Vec::new(), Vec::new());
    for (at, column) in table.columns.iter().enumerate() {
        let linked = links.iter().any(|link| link.column == column.name);
        if linked {
            continue;
        }
        if let Some(value) = &drawn.values[at] {
            cells.push(Cell::new(&column.name, value.clone(), drawn.canary[at]));
            let role = learned.columns[at].role;
            let shared = matches!(role, Role::Category | Role::Name(_) | Role::Time(_));
            let theirs = !shared && learned.columns[at].counts.contains_key(&value.token());
            taken.push(!drawn.canary[at] && theirs);
        }
    }
    rows.push(Row {
        described: described.clone(),
        cells,
        taken,
        links,
    });
    Ok(())
}

/// Whether each neighbour refers to a row of its own.
fn owns_its_parent(learned: &Learned<'_>, foreign: &Foreign, drawn: &Drawn) -> bool {
    let at = learned
        .table
        .columns
        .iter()
        .position(|column| column.name == foreign.columns[0]);
    let Some(at) = at else { return false };
    let column = &learned.columns[at];
    let empty = drawn.values[at]
        .as_ref()
        .is_none_or(|value| *value == Value::Null);
    let own_table = foreign.table == learned.table.name;
    let each = column.filled >= 20 && column.counts.len() * 20 >= column.filled * 19;
    !empty && !own_table && (learned.table.columns[at].unique || each)
}

/// A parent of ours, if its table takes one; else the neighbour's is shared.
fn add_parent(
    session: &mut dyn Session,
    address: &Address,
    foreign: &Foreign,
    options: &Options,
    rows: &mut Vec<Row>,
    depth: usize,
) -> Result<Option<Link>, PlantError> {
    let failed = address.failed("look at the parent's neighbours");
    let Some(described) = session.describe(&foreign.table).map_err(&failed)? else {
        return Ok(None);
    };
    if writable(address, &described, Event::Insert, &options.danger_triggers).is_err() {
        return Ok(None);
    }
    let described = std::rc::Rc::new(described);
    let sample = session::sample(session, &described.table, NEIGHBOURS).map_err(&failed)?;
    let learned = Learned::of(&described.table, &sample);
    let nothing = Wish::nothing();
    let Ok(drawn) = draw::draw(&learned, &nothing, options) else {
        return Ok(None);
    };
    let to = foreign.to.first().or(described.table.primary.first());
    let Some(to) = to.cloned() else {
        return Ok(None);
    };
    add_row(
        session,
        address,
        &described,
        &learned,
        &drawn,
        options,
        rows,
        depth - 1,
    )?;
    Ok(Some(Link {
        column: foreign.columns[0].clone(),
        row: rows.len() - 1,
        to,
    }))
}

/// Where counted columns get their numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Numbers {
    /// From the engine, as every row does.
    Counted,
    /// From outside its count, so that a rehearsal leaves it as it was.
    Uncounted,
}

/// A row that was inserted: its key and its columns as the table has them.
struct Inserted {
    key: Vec<Cell>,
    cells: Vec<Cell>,
    counted: Vec<(Counter, Counter)>,
}

/// Inserts rows, parents first, and reads them back.
fn insert(
    session: &mut dyn Session,
    address: &Address,
    rows: &mut [Row],
    numbers: Numbers,
) -> Result<Vec<Inserted>, PlantError> {
    let failed = address.failed("insert the row");
    let mut done: Vec<Inserted> = Vec::new();
    for row in rows {
        let table = &row.described.table;
        let refused = |what: String| {
            let hint = "set the values it wants when minting, or choose another table";
            PlantError::Refused(address.problem(what).hint(hint))
        };
        for link in &row.links {
            let parent = &done[link.row];
            let mut cells = parent.key.iter().chain(&parent.cells);
            let value = cells
                .find(|cell| cell.column == link.to)
                .map(|c| c.value.clone());
            let value =
                value.ok_or_else(|| refused(format!("{} cannot be referred to", link.to)))?;
            row.cells.push(Cell::new(&link.column, value, false));
        }
        let mut before = Vec::new();
        if numbers == Numbers::Counted {
            before = session.counters(table).map_err(&failed)?;
        } else {
            for column in table.columns.iter().filter(|column| column.counted) {
                let number = session.uncounted(table, column).map_err(&failed)?;
                row.cells
                    .push(Cell::new(&column.name, Value::Integer(number), false));
            }
        }
        let key = session.insert(table, &row.cells).map_err(|said| {
            refused(format!(
                "the table {} does not take the row: {said}",
                table.name
            ))
        })?;
        let after = if before.is_empty() {
            Vec::new()
        } else {
            session.counters(table).map_err(&failed)?
        };
        let by = if key.is_empty() {
            row.cells
                .iter()
                .filter(|cell| cell.canary)
                .cloned()
                .collect()
        } else {
            key.clone()
        };
        let names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
        let mut found = session::read(session, table, &by, &names).map_err(&failed)?;
        let (Some(mut cells), true) = (found.pop(), found.is_empty()) else {
            return Err(refused(
                "the row cannot be read back after inserting it".to_owned(),
            ));
        };
        for ours in row.cells.iter().filter(|cell| cell.canary) {
            let read = cells.iter_mut().find(|cell| cell.column == ours.column);
            match read {
                Some(read) if ours.value.alike(&read.value) => read.canary = true,
                _ => {
                    let what = "the table alters the values of the bait as they go in";
                    return Err(refused(what.to_owned()));
                }
            }
        }
        done.push(Inserted {
            key,
            cells,
            counted: before.into_iter().zip(after).collect(),
        });
    }
    Ok(done)
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

fn kept(cells: &[Cell], placement: &Placement) -> Vec<Kept> {
    let kept = cells.iter().map(|cell| Kept {
        column: cell.column.clone(),
        canary: cell.canary.then(|| cell.value.clone()),
        digest: digest(placement, &cell.column, &cell.value),
    });
    kept.collect()
}

struct Insertion {
    address: Address,
    open: Open,
    rows: Vec<Row>,
}

impl Work for Insertion {
    fn write(&self, placement: &mut Placement) -> Result<(), PlantError> {
        let address = &self.address;
        let failed = address.failed("insert the row");
        let mut detail = Detail::of(placement)?;
        let mut session = (self.open)(address)?;
        session.run("BEGIN", &[]).map_err(&failed)?;
        let mut rows = self.rows.clone();
        let inserted = insert(session.as_mut(), address, &mut rows, Numbers::Counted)?;
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
pub(crate) fn check(
    address: &Address,
    open: Open,
    placement: &Placement,
) -> Result<Condition, PlantError> {
    let detail = Detail::of(placement)?;
    let mut session = open(address)?;
    let found = standing(session.as_mut(), address, placement, &detail)?;
    Ok(standing::condition(&found, placement.state))
}

/// Takes the rows out, the parents last, and counts back what only we have counted.
pub(crate) fn uproot(
    address: &Address,
    open: Open,
    placement: &Placement,
    force: bool,
    run: Run,
) -> Result<Diff, PlantError> {
    let failed = address.failed("delete the row");
    let detail = Detail::of(placement)?;
    let mut session = open(address)?;
    let session = session.as_mut();
    session.run("BEGIN", &[]).map_err(&failed)?;
    let found = standing(session, address, placement, &detail)?;
    standing::require_ours(address, &found, force)?;
    let mut diff = Diff::default();
    diff.file(&address.place(), &address.place());
    for (row, found) in detail.rows.iter().zip(&found).rev() {
        let key = match found {
            Standing::Absent => continue,
            Standing::Same(key) | Standing::Touched(key) | Standing::Altered(key) => key,
        };
        remove(session, address, row, key, force)?;
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
    address: &Address,
    row: &Remembered,
    key: &[Cell],
    force: bool,
) -> Result<(), PlantError> {
    let failed = address.failed("delete the row");
    let Some(described) = session.describe(&row.table).map_err(&failed)? else {
        return Ok(());
    };
    if !force {
        writable(
            address,
            &described,
            Event::Delete,
            &std::collections::BTreeSet::new(),
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
            return Err(PlantError::Refused(address.problem(what).hint(hint)));
        }
    }
    let count = session::delete(session, table, key).map_err(&failed)?;
    if count != 1 {
        let what = format!("{count} rows of {} would go instead of one", row.table);
        return Err(PlantError::NotOurs(address.problem(what)));
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
