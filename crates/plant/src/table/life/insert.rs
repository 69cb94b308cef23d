//! Rows on their way into a table: drawn until they are likely and the tables take them, rehearsed in a
//! transaction that is rolled back, inserted parents first.

use std::rc::Rc;

use super::record::Link;
use super::{Allowed, Site, writable};
use crate::Options;
use crate::bait::Wish;
use crate::error::PlantError;
use crate::table::address::Said;
use crate::table::draw::{self, Drawn, Whose};
use crate::table::learn::{Learned, Role};
use crate::table::likely::Likely;
use crate::table::session::{self, Counter, Described, Session};
use crate::table::triggers::Event;
use crate::table::{Cell, Foreign, Table, Value, planning};

/// How many neighbours are looked at.
pub(super) const NEIGHBOURS: usize = 3_000;
/// How often a row is drawn again when it is unlikely or the table refuses it.
const DRAWS: usize = 24;
/// How many tables up a row may need rows of its own.
const DEPTH: usize = 2;

/// A row to be inserted.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) described: Rc<Described>,
    pub(super) cells: Vec<Cell>,
    /// Which cells hold what is the owner's: references, values taken over.
    pub(super) taken: Vec<bool>,
    pub(super) links: Vec<Link>,
}

/// Rows that the tables took in a rehearsal.
pub(super) struct Rehearsed {
    pub(super) rows: Vec<Row>,
    pub(super) drawn: Drawn,
    /// What they became.
    pub(super) stood: Vec<Inserted>,
}

/// Draws rows until one is likely and the tables take it.
pub(super) fn rehearse(
    session: &mut dyn Session,
    site: &Site,
    described: Described,
    wish: &Wish,
    options: &Options,
    rehearsal: Rehearsal,
) -> Result<Rehearsed, PlantError> {
    let failed = site.failed("look at the neighbours");
    let described = Rc::new(described);
    let name = site.like.as_ref().unwrap_or(&described.table.name);
    let neighbours = Table {
        name: name.clone(),
        ..described.table.clone()
    };
    let mut sample = session::sample(session, &neighbours, NEIGHBOURS).map_err(&failed)?;
    if site.like.is_some() && rehearsal == Rehearsal::Whole {
        // What stands in the table itself is the newest, and not to be had twice.
        let own = session::sample(session, &described.table, NEIGHBOURS).map_err(&failed)?;
        sample.splice(0..0, own);
        sample.truncate(NEIGHBOURS);
    }
    let learned = Learned::of(&described.table, &sample);
    let judge = Likely::of(&learned);
    let mut refusal = None;
    let mut whose = Whose::Minted;
    for _ in 0..DRAWS {
        let mut drawn = draw::draw(&learned, wish, options, whose)
            .map_err(|problem| PlantError::Refused(site.problem(problem.0).hint(problem.1)))?;
        if let Err(what) = planning::likely(&judge, wish, &mut drawn) {
            whose = Whose::Another;
            refusal.get_or_insert(PlantError::Refused(
                site.problem(what).hint(planning::UNLIKELY),
            ));
            continue;
        }
        let mut rows = Vec::new();
        add_row(
            session, site, &described, &learned, &drawn, options, &mut rows, DEPTH,
        )?;
        if rehearsal == Rehearsal::Drawn {
            let stood = rows.iter().map(Inserted::drawn).collect();
            return Ok(Rehearsed { rows, drawn, stood });
        }
        session.run("SAVEPOINT rehearsal", &[]).map_err(&failed)?;
        let result = insert(session, site, &mut rows.clone(), Numbers::Uncounted);
        let result = result.map(|stood| (take_out(session, site, &rows, &stood), stood));
        // A trigger may have ended the transaction: then its words say more than that.
        let back = session.run("ROLLBACK TO SAVEPOINT rehearsal", &[]);
        match result {
            Ok((Err(error), _)) => return Err(error),
            Err(error) if back.is_err() => return Err(error),
            Err(error) => refusal = Some(error),
            Ok((Ok(()), stood)) => {
                back.map_err(&failed)?;
                return Ok(Rehearsed { rows, drawn, stood });
            }
        }
    }
    Err(refusal.expect("at least one draw"))
}

/// Deletes rows as uprooting will, the parents last.
///
/// # Errors
/// One of them could never be taken out.
fn take_out(
    session: &mut dyn Session,
    site: &Site,
    rows: &[Row],
    stood: &[Inserted],
) -> Result<(), PlantError> {
    for (row, stood) in rows.iter().zip(stood).rev() {
        let table = &row.described.table;
        let stays = |why: String| {
            let what = format!(
                "the table {} would not let the row go again: {why}",
                table.name
            );
            let hint = "choose another table, or an account and a time at which rows can be deleted from it";
            PlantError::Refused(site.problem(what).hint(hint))
        };
        let key = if stood.key.is_empty() {
            &stood.named()
        } else {
            &stood.key
        };
        let count = session::delete(session, table, key).map_err(|said| stays(said.to_string()))?;
        if count != 1 {
            return Err(stays(format!("{count} rows were deleted instead of one")));
        }
    }
    Ok(())
}

/// Adds a drawn row behind the rows that it needs for itself.
#[expect(
    clippy::too_many_arguments,
    reason = "it calls itself for parents with all of them"
)]
fn add_row(
    session: &mut dyn Session,
    site: &Site,
    described: &Rc<Described>,
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
            links.extend(add_parent(session, site, foreign, options, rows, depth)?);
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
    site: &Site,
    foreign: &Foreign,
    options: &Options,
    rows: &mut Vec<Row>,
    depth: usize,
) -> Result<Option<Link>, PlantError> {
    let failed = site.failed("look at the parent's neighbours");
    let Some(described) = session.describe(&foreign.table).map_err(&failed)? else {
        return Ok(None);
    };
    let refused = |event| writable(site, &described, event, &Allowed::by(options)).is_err();
    if refused(Event::Insert) || refused(Event::Delete) {
        return Ok(None);
    }
    let described = Rc::new(described);
    let sample = session::sample(session, &described.table, NEIGHBOURS).map_err(&failed)?;
    let learned = Learned::of(&described.table, &sample);
    let nothing = Wish::nothing();
    let Ok(drawn) = draw::draw(&learned, &nothing, options, Whose::Minted) else {
        return Ok(None);
    };
    let to = foreign.to.first().or(described.table.primary.first());
    let Some(to) = to.cloned() else {
        return Ok(None);
    };
    add_row(
        session,
        site,
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
pub(super) enum Numbers {
    /// From the engine, as every row does.
    Counted,
    /// From outside its count, so that a rehearsal leaves it as it was; where there is none left, an
    /// engine may count on all the same.
    Uncounted,
}

/// A row that was inserted: its key and its columns as the table has them.
pub(super) struct Inserted {
    pub(super) key: Vec<Cell>,
    pub(super) cells: Vec<Cell>,
    pub(super) counted: Vec<(Counter, Counter)>,
}

impl Inserted {
    /// The canary's own values.
    fn named(&self) -> Vec<Cell> {
        let cells = self.cells.iter();
        cells.filter(|cell| cell.canary).cloned().collect()
    }

    /// A row as it was drawn.
    fn drawn(row: &Row) -> Self {
        Self {
            key: Vec::new(),
            cells: row.cells.clone(),
            counted: Vec::new(),
        }
    }
}

/// How far a rehearsal goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rehearsal {
    /// Into the table.
    Whole,
    /// Nowhere: there is no table yet, and making one could not be taken back.
    Drawn,
}

/// What to do where a table does not take what the canary is.
const OTHERWISE: &str = "choose another table, or a canary whose values it takes";

/// What to do about a row that a table does not take: a value that is there already may be the canary's.
fn way_out(row: &Row, said: &Said) -> String {
    let said = said.0.to_lowercase();
    if !said.contains("unique") && !said.contains("duplicate") {
        return OTHERWISE.to_owned();
    }
    let name = &row.described.table.name;
    let named = |cell: &&Cell| cell.canary && said.contains(&cell.column.to_lowercase());
    if let Some(cell) = row.cells.iter().find(named) {
        return format!(
            "{name} has the canary's {} already: plant another canary",
            cell.column
        );
    }
    format!(
        "no value that is free was found in {DRAWS} tries; choose another table, or a new one shaped like \
         it: new-table=NAME&like={name} in place of table={name}"
    )
}

/// Inserts rows, parents first, and reads them back.
pub(super) fn insert(
    session: &mut dyn Session,
    site: &Site,
    rows: &mut [Row],
    numbers: Numbers,
) -> Result<Vec<Inserted>, PlantError> {
    let failed = site.failed("insert the row");
    let mut done: Vec<Inserted> = Vec::new();
    for row in rows {
        let table = &row.described.table;
        let refused = |what: String| PlantError::Refused(site.problem(what).hint(OTHERWISE));
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
        let before = session.counters(table).map_err(&failed)?;
        if numbers == Numbers::Uncounted {
            for column in table.columns.iter().filter(|column| column.counted) {
                let number = session.uncounted(table, column).map_err(&failed)?;
                row.cells
                    .push(Cell::new(&column.name, Value::Integer(number), false));
            }
        }
        let key = session.insert(table, &row.cells).map_err(|said| {
            let what = format!("the table {} does not take the row: {said}", table.name);
            PlantError::Refused(site.problem(what).hint(way_out(row, &said)))
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
