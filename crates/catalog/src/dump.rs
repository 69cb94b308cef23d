//! Dumps of a table of records, as the database's own program writes them: `pg_dump`, `mysqldump` (or
//! `mariadb-dump`) and SQLite's `.dump`. A row at a time, so that a million take no memory.
//!
//! Version, table, columns, the age of the oldest row and the gaps between numbers differ from dump to
//! dump; numbers and times of creation rise together, and all lie before the moment of the dump.

mod hints;
mod mysql;
mod postgresql;
mod sqlite;

use std::collections::BTreeMap;

use lapwing_core::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng as _};

use crate::dice::Dice;
use crate::kind::Kind;
pub(crate) use hints::Hints;
pub use hints::Sort;

const DAY: i64 = 86_400;
/// Rows past which a column is not said to be unique: with so many, two may share a name and a number.
const UNIQUE_ROWS: u64 = 1_000;

/// Whose program wrote the dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `pg_dump`.
    Postgresql,
    /// `mysqldump` or `mariadb-dump`.
    Mysql,
    /// `.dump` of SQLite's shell.
    Sqlite,
}

/// What a dump is to be.
#[derive(Clone, Debug)]
pub struct DumpOrder {
    /// Whose program wrote it.
    pub dialect: Dialect,
    /// The table's name; none: one that such records have.
    pub table: Option<String>,
    /// How many rows it will have.
    pub count: u64,
    /// Whether records show telephone numbers.
    pub phones: bool,
    /// The time now: the dump was taken the night before.
    pub now: Timestamp,
}

/// A dump under way: its head, a row for each canary, its end.
#[derive(Debug)]
pub struct Dump {
    rng: StdRng,
    program: Program,
    table: Table,
    count: u64,
    taken: i64,
    first: i64,
    /// How fast the table grew: below 1, more in the beginning.
    growth: f64,
    minted: u64,
    number: u64,
    /// Numbers that may still be left out.
    spare: u64,
}

/// The table as every dialect writes it.
#[derive(Debug)]
struct Table {
    name: String,
    columns: Vec<Column>,
    /// The number the next row would have had.
    next: u64,
    /// Whether the canary's own values are said to be unique.
    unique: bool,
}

impl Table {
    /// The column that counts up.
    fn key(&self) -> Option<&str> {
        let serial = |column: &&Column| column.sort == Sort::Serial;
        self.columns
            .iter()
            .find(serial)
            .map(|column| column.name.as_str())
    }

    /// Columns in which no value stands twice.
    fn unique_columns(&self) -> impl Iterator<Item = &Column> {
        let said = |column: &&Column| self.unique && column.unique && column.sort != Sort::Serial;
        self.columns.iter().filter(said)
    }
}

#[derive(Debug)]
struct Column {
    name: String,
    field: Option<String>,
    sort: Sort,
    unique: bool,
    /// Percent of rows in which nothing stands.
    empty: usize,
}

/// A value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Cell {
    Null,
    /// Written without quotes everywhere.
    Number(String),
    Truth(bool),
    Moment(String),
    Text(String),
}

#[derive(Debug)]
enum Program {
    Postgresql(postgresql::Program),
    Mysql(mysql::Program),
    Sqlite(sqlite::Program),
}

impl Dump {
    /// Begins a dump of records of `kind`.
    pub fn new(kind: &Kind, order: DumpOrder, rng: &mut dyn Rng) -> Self {
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        let mut rng = StdRng::from_seed(seed);
        let mut dice = Dice::new(&mut rng);
        let taken = last_night(order.now.seconds(), &mut dice);
        let days = i64::from(kind.dump.days.max(1));
        let age = days * DAY * dice.between(50, 100) as i64 / 100;
        let start = match dice.below(3) {
            0 => 1,
            _ => dice.between(1, 40_000) as u64,
        };
        let spare = order.count / 5 + dice.between(2, 30) as u64;
        let growth = dice.between(60, 105) as f64 / 100.0;
        let name = order
            .table
            .or_else(|| dice.pick(&kind.dump.tables).cloned())
            .unwrap_or_else(|| kind.id.replace('-', "_"));
        let table = Table {
            columns: hints::columns(kind, order.phones, &mut dice),
            name,
            next: start + order.count + spare,
            unique: order.count <= UNIQUE_ROWS,
        };
        let program = match order.dialect {
            Dialect::Postgresql => Program::Postgresql(postgresql::Program::draw(&mut dice)),
            Dialect::Mysql => Program::Mysql(mysql::Program::draw(&mut dice)),
            Dialect::Sqlite => Program::Sqlite(sqlite::Program::draw(&mut dice)),
        };
        Self {
            rng,
            program,
            table,
            count: order.count.max(1),
            taken,
            first: taken - age,
            growth,
            minted: 0,
            number: start,
            spare,
        }
    }

    /// When the dump was taken: no record in it is later.
    #[must_use]
    pub fn taken(&self) -> Timestamp {
        Timestamp::from_micros(self.taken * 1_000_000)
    }

    /// When the next record was made; the records come in that order.
    pub fn next_created(&mut self) -> Timestamp {
        const FINE: usize = 1 << 20;
        let dice = &mut Dice::new(&mut self.rng);
        let within = dice.below(FINE) as f64 / FINE as f64;
        let share = ((self.minted as f64 + within) / self.count as f64).min(1.0);
        self.minted += 1;
        let span = (self.taken - self.first) as f64;
        let at = self.first + (span * share.powf(self.growth)) as i64;
        Timestamp::from_micros(at.min(self.taken) * 1_000_000)
    }

    /// What stands before the first row.
    pub fn head(&mut self) -> String {
        let dice = &mut Dice::new(&mut self.rng);
        match &mut self.program {
            Program::Postgresql(program) => program.head(&self.table, dice),
            Program::Mysql(program) => program.head(&self.table),
            Program::Sqlite(program) => program.head(&self.table),
        }
    }

    /// A record as a row, whatever separates it from the one before included.
    pub fn row(&mut self, fields: &BTreeMap<String, String>) -> String {
        let cells = self.draw(fields);
        match &mut self.program {
            Program::Postgresql(program) => program.row(&self.table, &cells),
            Program::Mysql(program) => program.row(&self.table, &cells),
            Program::Sqlite(program) => program.row(&self.table, &cells),
        }
    }

    /// What stands after the last row.
    pub fn tail(&mut self) -> String {
        let dice = &mut Dice::new(&mut self.rng);
        match &mut self.program {
            Program::Postgresql(program) => program.tail(&self.table, self.number - 1),
            Program::Mysql(program) => program.tail(&self.table, self.taken, dice),
            Program::Sqlite(program) => program.tail(&self.table, self.number - 1),
        }
    }

    /// The table's name.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table.name
    }

    /// Each column's name, what it holds, the field that goes into it, and whether no value stands twice.
    pub fn shape(&self) -> impl Iterator<Item = (&str, Sort, Option<&str>, bool)> {
        let columns = self.table.columns.iter();
        columns.map(|it| (it.name.as_str(), it.sort, it.field.as_deref(), it.unique))
    }

    /// The names of its columns.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.table.columns.iter().map(|column| column.name.as_str())
    }

    /// A record's values in the order of the columns; `None` where nothing stands.
    pub fn cells(&mut self, fields: &BTreeMap<String, String>) -> Vec<Option<String>> {
        let text = |cell| match cell {
            Cell::Null => None,
            Cell::Truth(truth) => Some(truth.to_string()),
            Cell::Number(text) | Cell::Moment(text) | Cell::Text(text) => Some(text),
        };
        self.draw(fields).into_iter().map(text).collect()
    }

    fn draw(&mut self, fields: &BTreeMap<String, String>) -> Vec<Cell> {
        let dice = &mut Dice::new(&mut self.rng);
        let number = self.number;
        let gap = match dice.below(16) {
            0 => (dice.between(1, 4) as u64).min(self.spare),
            _ => 0,
        };
        self.spare -= gap;
        self.number += 1 + gap;
        let cell = |column: &Column| {
            let Some(field) = &column.field else {
                return Cell::Number(number.to_string());
            };
            let Some(value) = fields.get(field).filter(|value| !value.is_empty()) else {
                return Cell::Null;
            };
            if dice.below(100) < column.empty {
                return Cell::Null;
            }
            match column.sort {
                Sort::Serial | Sort::Integer | Sort::Amount => Cell::Number(value.clone()),
                Sort::Boolean => Cell::Truth(value == "true"),
                Sort::Timestamp => Cell::Moment(value.clone()),
                Sort::Text(_) | Sort::Date => Cell::Text(value.clone()),
            }
        };
        let cells = self.table.columns.iter().map(cell).collect();
        if gap > 0 && self.minted == self.count {
            // The last number given is the last row's.
            self.number = number + 1;
        }
        cells
    }
}

/// A time between one and five of the night before.
fn last_night(now: i64, dice: &mut Dice<'_>) -> i64 {
    let midnight = now - now.rem_euclid(DAY);
    // Jobs start on a round minute; the program takes a moment.
    let minutes = dice.between(12, 59) as i64 * 5;
    let at = midnight + minutes * 60 + dice.between(1, 40) as i64;
    if at < now { at } else { at - DAY }
}
