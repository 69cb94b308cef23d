//! What a placement remembers of rows: keys, the canary's own values, digests of the rest. Of the
//! owner's data it holds nothing.

use lapwing_core::Placement;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::{PlantError, Problem};
use crate::table::session::Counter;
use crate::table::{Cell, Value};

/// A column that takes the key of another row of ours.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Link {
    pub(super) column: String,
    /// Which of our rows, and which of its columns.
    pub(super) row: usize,
    pub(super) to: String,
}

/// What a placement remembers of a column.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) column: String,
    /// The canary's own value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) canary: Option<Value>,
    /// Of whatever stands there.
    pub(crate) digest: String,
}

/// What a placement remembers of a row.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Remembered {
    pub(super) table: String,
    /// Columns and values that name the row; empty until it is inserted, or if it has no key.
    pub(super) key: Vec<Cell>,
    pub(super) kept: Vec<Kept>,
    pub(super) links: Vec<Link>,
    /// How far the engine had counted before, and after.
    #[serde(default)]
    pub(super) counted: Vec<(Counter, Counter)>,
}

/// What a placement remembers: its rows, parents first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Detail {
    pub(super) rows: Vec<Remembered>,
    /// What removes the table, if it was made for this placement.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) made: Vec<String>,
}

/// What placements in SQLite remembered once: the whole row.
#[derive(Deserialize)]
struct Whole {
    table: String,
    key: Option<Vec<Cell>>,
    cells: Vec<Cell>,
}

/// The columns that name a row, and those that hold the canary.
type Naming = (Vec<(String, Value)>, Vec<(String, Value)>);

impl Detail {
    pub(super) fn of(placement: &Placement) -> Result<Self, PlantError> {
        let whole = serde_json::from_value::<Whole>(placement.detail.clone());
        if let Ok(Whole { table, key, cells }) = whole {
            let row = Remembered {
                table,
                key: key.unwrap_or_default(),
                kept: kept(&cells, placement),
                links: Vec::new(),
                counted: Vec::new(),
            };
            let made = Vec::new();
            return Ok(Self {
                rows: vec![row],
                made,
            });
        }
        serde_json::from_value(placement.detail.clone()).map_err(|error| {
            let what = format!("the record of this placement cannot be read: {error}");
            let problem = Problem::new(&placement.target, what);
            PlantError::Record(problem.hint("restore the ledger from a backup"))
        })
    }

    /// The tables its rows stand in, and what names each row there.
    pub(super) fn naming(&self) -> impl Iterator<Item = (&str, Naming)> {
        self.rows.iter().map(|row| {
            let key = row.key.iter();
            let canary = row.kept.iter();
            let key = key.map(|cell| (cell.column.clone(), cell.value.clone()));
            let canary =
                canary.filter_map(|kept| Some((kept.column.clone(), kept.canary.clone()?)));
            (row.table.as_str(), (key.collect(), canary.collect()))
        })
    }

    pub(super) fn write(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("strings and numbers")
    }
}

/// The digest of a value, of use for this placement only.
pub(crate) fn digest(placement: &Placement, column: &str, value: &Value) -> String {
    let mut hash = Sha256::new();
    for part in [&placement.id.to_string(), column, &value.printed_whole()] {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

/// What is remembered of cells.
pub(crate) fn kept(cells: &[Cell], placement: &Placement) -> Vec<Kept> {
    let kept = cells.iter().map(|cell| Kept {
        column: cell.column.clone(),
        canary: cell.canary.then(|| cell.value.clone()),
        digest: digest(placement, &cell.column, &cell.value),
    });
    kept.collect()
}
