//! SQLite rows, `sqlite:PATH?table=NAME`: the schema is read first, values are shaped like the
//! neighbours', the insertion is rehearsed in a savepoint that is rolled back, then done in one
//! transaction. Uprooting goes by the primary key and deletes only what is still as planted.

mod row;
mod schema;

use std::path::{Path, PathBuf};
use std::time::Duration;

use lapwing_core::{Placement, PlacementState};
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use serde::{Deserialize, Serialize};

use self::row::Row;
use self::schema::{Event, Table};
use super::sealed::Planting;
use super::{Target, with_table};
use crate::bait::Wish;
use crate::diff::{Diff, Sign};
use crate::error::{PlantError, Problem};
use crate::table::learn::Learned;
use crate::table::likely::Likely;
use crate::table::{Cell, Value, planning};
use crate::text::shapeless;
use crate::{Condition, Listed, Options, Plan, Run, Work, disk};

/// The target.
pub(crate) struct Sqlite;

const SCHEME: &str = "sqlite:";
/// How long another program may hold the database.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a row is drawn again when it is unlikely or the table refuses it.
const DRAWS: usize = 24;

/// A target in its parts.
#[derive(Clone, Debug)]
struct Address {
    path: PathBuf,
    table: String,
}

impl Address {
    fn parse(target: &str) -> Result<Self, PlantError> {
        let bad = |what: &str| {
            PlantError::Target(Problem::new(target, what).hint("write sqlite:PATH?table=NAME"))
        };
        let body = target.strip_prefix(SCHEME).unwrap_or(target);
        let body = body.strip_prefix("//").unwrap_or(body);
        let (path, query) = body.rsplit_once('?').ok_or_else(|| bad("names no table"))?;
        let table = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("table="))
            .filter(|table| !table.is_empty())
            .ok_or_else(|| bad("names no table"))?;
        if path.is_empty() {
            return Err(bad("names no database"));
        }
        Ok(Self {
            path: path.into(),
            table: table.to_owned(),
        })
    }

    fn place(&self) -> String {
        format!("{SCHEME}{}?table={}", self.path.display(), self.table)
    }

    fn problem(&self, what: impl Into<String>) -> Box<Problem> {
        Problem::new(self.place(), what)
    }

    fn database(&self, doing: &'static str) -> impl Fn(rusqlite::Error) -> PlantError + use<> {
        let place = self.place();
        move |source| PlantError::Database {
            place: place.clone(),
            doing,
            source: Box::new(source),
        }
    }

    /// Opens the database, which must exist.
    fn open(&self, flags: OpenFlags) -> Result<Connection, PlantError> {
        let failed = self.database("open the database");
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let connection = Connection::open_with_flags(&self.path, flags).map_err(&failed)?;
        connection.busy_timeout(PATIENCE).map_err(&failed)?;
        connection
            .execute_batch("PRAGMA trusted_schema = OFF; PRAGMA foreign_keys = ON;")
            .map_err(&failed)?;
        Ok(connection)
    }

    fn open_to_write(&self) -> Result<Connection, PlantError> {
        disk::database(&self.path)?;
        self.open(OpenFlags::SQLITE_OPEN_READ_WRITE)
    }
}

impl Target for Sqlite {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn summary(&self) -> &'static str {
        "a row in a table of a SQLite database"
    }

    fn example(&self) -> &'static str {
        "sqlite:/srv/app/app.db?table=users"
    }
}

impl Planting for Sqlite {
    fn claims(&self, target: &str, head: Option<&[u8]>) -> bool {
        match head {
            None => target.starts_with(SCHEME),
            Some(head) => head.starts_with(b"SQLite format 3\0"),
        }
    }

    fn canonical(&self, target: &str) -> Option<Result<String, PlantError>> {
        if !target.starts_with(SCHEME) {
            return None;
        }
        Some(Address::parse(target).and_then(|mut address| {
            address.path = disk::resolve(&address.path)?;
            let place = address.place();
            address.path.to_str().map(|_| place.clone()).ok_or_else(|| {
                PlantError::Target(Problem::new(place, "has a name that is not UTF-8"))
            })
        }))
    }

    fn plan(&self, target: &str, wish: &Wish, options: &Options) -> Result<Plan, PlantError> {
        let address = Address::parse(target)?;
        if wish.row.is_empty() {
            return Err(shapeless(wish, self.name(), Path::new(target)));
        }
        let mut connection = address.open_to_write()?;
        let table = Table::read(&connection, &address)?;
        refuse_triggers(&address, &table, Event::Insert, options)?;
        planning::require_column(&table, wish, &address.place())?;
        let Row { cells, drawn } = rehearse(&mut connection, &address, &table, wish, options)?;
        let diff = show(&address, &cells);
        let detail = Detail {
            table: table.name.clone(),
            key: None,
            cells: cells.clone(),
        };
        let detail = serde_json::to_value(detail).expect("strings and numbers");
        let placement = wish.intend(target, self.name(), detail);
        Ok(Plan {
            placement,
            diff,
            notes: drawn.notes,
            refined: drawn.refined,
            files: Vec::new(),
            work: Box::new(Insertion { address, cells }),
        })
    }

    fn check(&self, placement: &Placement) -> Result<Condition, PlantError> {
        let address = Address::parse(&placement.target)?;
        let detail = Detail::of(placement)?;
        if !address.path.exists() {
            return Ok(Condition::Missing);
        }
        disk::database(&address.path)?;
        let connection = address.open(OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let Some(table) = Table::find(&connection, &address)? else {
            return Ok(Condition::Missing);
        };
        let condition = match standing(&connection, &address, &table, &detail)? {
            Standing::Absent => Condition::Missing,
            _ if placement.state == PlacementState::Intended => Condition::HalfPlanted,
            Standing::Same(_) => Condition::Present,
            Standing::Touched(_) => Condition::Moved,
            Standing::Altered(_) => Condition::Changed,
        };
        Ok(condition)
    }

    fn uproot(&self, placement: &Placement, force: bool, run: Run) -> Result<Diff, PlantError> {
        let address = Address::parse(&placement.target)?;
        let detail = Detail::of(placement)?;
        let mut connection = address.open_to_write()?;
        let failed = address.database("delete the row");
        let transaction = begin(&mut connection).map_err(&failed)?;
        let table = Table::read(&transaction, &address)?;
        let allowed = Options {
            danger_default: force,
            ..Options::default()
        };
        refuse_triggers(&address, &table, Event::Delete, &allowed)?;
        let key = match standing(&transaction, &address, &table, &detail)? {
            Standing::Absent => {
                return Err(PlantError::NotOurs(
                    address
                        .problem("nothing of this canary stands there any more")
                        .hint("`--force` gives the placement up"),
                ));
            }
            Standing::Touched(_) | Standing::Altered(_) if !force => {
                return Err(PlantError::NotOurs(
                    address
                        .problem("the row has been changed since it was planted")
                        .hint("look at it, then take it out with --force"),
                ));
            }
            Standing::Same(key) | Standing::Touched(key) | Standing::Altered(key) => key,
        };
        refuse_children(&transaction, &address, &table, &key)?;
        delete(&transaction, &address, &table, &key)?;
        match run {
            Run::Rehearse => transaction.rollback(),
            Run::Write => transaction.commit(),
        }
        .map_err(&failed)?;
        let mut diff = show(&address, &detail.cells);
        for line in &mut diff.lines {
            if line.sign == Sign::Added {
                line.sign = Sign::Removed;
            }
        }
        Ok(diff)
    }

    fn tables(&self, database: &str) -> Option<Result<Vec<Listed>, PlantError>> {
        Some(Self::listed(database))
    }
}

impl Sqlite {
    fn listed(database: &str) -> Result<Vec<Listed>, PlantError> {
        let address = Address::parse(&with_table(database, "none"))?;
        disk::database(&address.path)?;
        let failed = address.database("list the tables");
        let connection = address.open(OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut listed = Vec::new();
        for name in schema::tables(&connection).map_err(&failed)? {
            let (columns, _) = schema::columns(&connection, &name).map_err(&failed)?;
            listed.push(Listed {
                target: with_table(database, &name),
                columns: columns.into_iter().map(|column| column.name).collect(),
                name,
            });
        }
        Ok(listed)
    }
}

/// What a placement remembers of its row.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Detail {
    table: String,
    /// Columns and values that name the row; `None` until it is inserted.
    key: Option<Vec<Cell>>,
    cells: Vec<Cell>,
}

impl Detail {
    fn of(placement: &Placement) -> Result<Self, PlantError> {
        serde_json::from_value(placement.detail.clone()).map_err(|error| {
            PlantError::Record(
                Problem::new(
                    &placement.target,
                    format!("the record of this placement cannot be read: {error}"),
                )
                .hint("restore the ledger from a backup"),
            )
        })
    }
}

fn begin(connection: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

fn refuse_triggers(
    address: &Address,
    table: &Table,
    event: Event,
    options: &Options,
) -> Result<(), PlantError> {
    let refused = |(name, of): &&(String, Event)| {
        *of == event && !options.danger_default && !options.danger_triggers.contains(name)
    };
    let Some((name, _)) = table.triggers.iter().find(refused) else {
        return Ok(());
    };
    let (doing, flag) = match event {
        Event::Insert => ("insert", format!("--danger-trigger {name}")),
        Event::Delete => ("delete", "--force".to_owned()),
        Event::Update => ("update", "--force".to_owned()),
    };
    Err(PlantError::Refused(
        address
            .problem(format!("the trigger {name} would run on {doing}"))
            .hint(format!("read it; if it does no harm, allow it with {flag}")),
    ))
}

/// Draws rows until one is likely among its neighbours and the table takes it, in a transaction that
/// is rolled back.
fn rehearse(
    connection: &mut Connection,
    address: &Address,
    table: &Table,
    wish: &Wish,
    options: &Options,
) -> Result<Row, PlantError> {
    let failed = address.database("rehearse the insertion");
    let mut transaction = begin(connection).map_err(&failed)?;
    let sample = row::sample(&transaction, table).map_err(&failed)?;
    let learned = Learned::of(table, &sample);
    let judge = Likely::of(&learned);
    let mut refusal = None;
    for _ in 0..DRAWS {
        let mut row = row::draw(&transaction, address, table, &learned, wish, options)?;
        if let Err(what) = planning::likely(&judge, wish, &mut row.drawn) {
            refusal.get_or_insert(PlantError::Refused(
                address.problem(what).hint(planning::UNLIKELY),
            ));
            continue;
        }
        let savepoint = transaction.savepoint().map_err(&failed)?;
        let result = insert(&savepoint, address, table, &mut row.cells);
        savepoint.finish().map_err(&failed)?; // dropped without commit: rolled back
        match result {
            Ok(_) => {
                transaction.rollback().map_err(&failed)?;
                return Ok(row);
            }
            Err(error) => refusal = Some(error),
        }
    }
    transaction.rollback().map_err(&failed)?;
    Err(refusal.expect("at least one draw"))
}

/// Inserts, reads back, and says which row it is. Cells become what the table made of them.
fn insert(
    connection: &Connection,
    address: &Address,
    table: &Table,
    cells: &mut [Cell],
) -> Result<Vec<Cell>, PlantError> {
    let failed = |source| match source {
        rusqlite::Error::SqliteFailure(_, Some(why)) => PlantError::Refused(
            address
                .problem(format!("the table does not take the row: {why}"))
                .hint("set the values it wants when minting, or choose another table"),
        ),
        source => address.database("insert the row")(source),
    };
    let before = connection.total_changes();
    let columns: Vec<String> = cells
        .iter()
        .map(|cell| schema::quote(&cell.column))
        .collect();
    let marks: Vec<String> = (1..=cells.len()).map(|at| format!("?{at}")).collect();
    let name = schema::quote(&table.name);
    let sql = format!(
        "INSERT INTO {name} ({}) VALUES ({})",
        columns.join(", "),
        marks.join(", ")
    );
    let values = cells.iter().map(|cell| row::sql(&cell.value));
    connection
        .execute(&sql, rusqlite::params_from_iter(values))
        .map_err(failed)?;
    if table.triggers.is_empty() && connection.total_changes() != before + 1 {
        return Err(PlantError::Refused(
            address.problem("inserting one row changes others too"),
        ));
    }
    let rowid = connection.last_insert_rowid();
    let key = row::key_of(connection, table, cells, rowid).map_err(failed)?;
    let read = row::read(connection, table, &key, cells).map_err(failed)?;
    let read = read.ok_or_else(|| {
        PlantError::Refused(address.problem("the row cannot be read back after inserting it"))
    })?;
    let changed = cells
        .iter()
        .zip(&read)
        .any(|(ours, read)| ours.canary && !ours.value.alike(read));
    if changed {
        return Err(PlantError::Refused(
            address.problem("the table alters the values of the bait as they go in"),
        ));
    }
    for (cell, value) in cells.iter_mut().zip(read) {
        cell.value = value;
    }
    row::foreign_keys_hold(connection, table).map_err(failed)?;
    Ok(key)
}

struct Insertion {
    address: Address,
    cells: Vec<Cell>,
}

impl Work for Insertion {
    fn write(&self, placement: &mut Placement) -> Result<(), PlantError> {
        let address = &self.address;
        let failed = address.database("insert the row");
        let mut detail = Detail::of(placement)?;
        let mut connection = address.open_to_write()?;
        let transaction = begin(&mut connection).map_err(&failed)?;
        let table = Table::read(&transaction, address)?;
        let mut cells = self.cells.clone();
        let key = insert(&transaction, address, &table, &mut cells)?;
        transaction.commit().map_err(&failed)?;
        detail.key = Some(key);
        detail.cells = cells;
        placement.detail = serde_json::to_value(detail).expect("strings and numbers");
        Ok(())
    }
}

/// What has become of the row.
enum Standing {
    Absent,
    /// As planted.
    Same(Vec<Cell>),
    /// The canary's own values stand; something else was changed.
    Touched(Vec<Cell>),
    /// The canary's own values were changed.
    Altered(Vec<Cell>),
}

fn standing(
    connection: &Connection,
    address: &Address,
    table: &Table,
    detail: &Detail,
) -> Result<Standing, PlantError> {
    let failed = address.database("look for the row");
    let there = |cell: &Cell| table.column(&cell.column).is_some();
    let cells: Vec<Cell> = detail
        .cells
        .iter()
        .filter(|cell| there(cell))
        .cloned()
        .collect();
    let mut altered = None;
    let known = detail.key.clone().filter(|key| row::fits(table, key));
    let read = match &known {
        Some(key) => row::read(connection, table, key, &cells).map_err(&failed)?,
        None => None,
    };
    if let (Some(key), Some(read)) = (known, read) {
        let pairs = || cells.iter().zip(&read);
        let stands = pairs()
            .filter(|(cell, _)| cell.canary)
            .all(|(cell, read)| cell.value.alike(read));
        let whole = cells.len() == detail.cells.len();
        if stands && whole && pairs().all(|(cell, read)| cell.value.alike(read)) {
            return Ok(Standing::Same(key));
        }
        if stands {
            return Ok(Standing::Touched(key));
        }
        altered = Some(key);
    }
    // Rows without a key of their own are renumbered by VACUUM; and before the planting was
    // confirmed there is no key. The canary's values are unique, so they find it.
    if let Some(key) = row::find(connection, table, &cells).map_err(&failed)? {
        let read = row::read(connection, table, &key, &cells).map_err(&failed)?;
        let same = read.is_some_and(|read| cells.iter().zip(&read).all(|(c, r)| c.value.alike(r)));
        return Ok(if same {
            Standing::Same(key)
        } else {
            Standing::Touched(key)
        });
    }
    // A key that another row has come to bear is not ours: most of our values must be left.
    let ours_left = altered.filter(|key| {
        let read = row::read(connection, table, key, &cells).ok().flatten();
        read.is_some_and(|read| {
            let alike = cells
                .iter()
                .zip(&read)
                .filter(|(cell, read)| cell.value.alike(read));
            let (mut all, mut canary) = (0, 0);
            for (cell, _) in alike {
                all += 1;
                canary += usize::from(cell.canary);
            }
            canary > 0 || all * 4 >= cells.len() * 3
        })
    });
    Ok(ours_left.map_or(Standing::Absent, Standing::Altered))
}

fn refuse_children(
    connection: &Connection,
    address: &Address,
    table: &Table,
    key: &[Cell],
) -> Result<(), PlantError> {
    let failed = address.database("look for rows that refer to it");
    for child in schema::children(connection, table).map_err(&failed)? {
        let columns: Vec<Cell> = child
            .parent
            .iter()
            .map(|column| Cell::name_only(column))
            .collect();
        let Some(values) = row::read(connection, table, key, &columns).map_err(&failed)? else {
            continue;
        };
        if values.contains(&Value::Null) {
            continue;
        }
        let wheres: Vec<String> = child
            .columns
            .iter()
            .enumerate()
            .map(|(at, column)| format!("{} = ?{}", schema::quote(column), at + 1))
            .collect();
        let name = schema::quote(&child.table);
        let sql = format!("SELECT count(*) FROM {name} WHERE {}", wheres.join(" AND "));
        let count: i64 = connection
            .query_row(
                &sql,
                rusqlite::params_from_iter(values.iter().map(row::sql)),
                |row| row.get(0),
            )
            .map_err(&failed)?;
        if count > 0 {
            return Err(PlantError::Refused(
                address
                    .problem(format!("{count} rows of {} refer to the row", child.table))
                    .hint("somebody has made use of it; remove those rows first"),
            ));
        }
    }
    Ok(())
}

fn delete(
    connection: &Connection,
    address: &Address,
    table: &Table,
    key: &[Cell],
) -> Result<(), PlantError> {
    let failed = address.database("delete the row");
    let (wheres, values) = row::wheres(key);
    let name = schema::quote(&table.name);
    let sql = format!("DELETE FROM {name} WHERE {wheres}");
    let count = connection
        .execute(&sql, rusqlite::params_from_iter(values))
        .map_err(&failed)?;
    if count == 1 {
        return Ok(());
    }
    Err(PlantError::NotOurs(
        address.problem(format!("{count} rows would go instead of one")),
    ))
}

/// The row as lines, a column each. There is nothing of the owner's in it to mask.
fn show(address: &Address, cells: &[Cell]) -> Diff {
    let mut diff = Diff::default();
    let place = address.place();
    diff.file(&place, &place);
    diff.push(Sign::Header, format!("@@ {} @@", address.table));
    let width = cells
        .iter()
        .map(|cell| cell.column.len())
        .max()
        .unwrap_or_default();
    for cell in cells {
        diff.push(
            Sign::Added,
            format!("{:width$} = {}", cell.column, cell.value.printed()),
        );
    }
    diff
}
