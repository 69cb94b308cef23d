//! What a kind says of the table its records lie in, and the table that one dump makes of it.

use serde::Deserialize;

use super::Column;
use crate::dice::Dice;
use crate::kind::{Field, Kind};

/// `[dump]` of a kind.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hints {
    /// Names the table may have.
    #[serde(default)]
    pub(crate) tables: Vec<String>,
    /// How far back the records go, in days.
    #[serde(default = "days")]
    pub(crate) days: u32,
    /// Its columns, in order.
    #[serde(default)]
    pub(crate) columns: Vec<ColumnTable>,
}

impl Default for Hints {
    fn default() -> Self {
        Self {
            tables: Vec::new(),
            days: days(),
            columns: Vec::new(),
        }
    }
}

impl Hints {
    /// What is wrong with them, in words; `knows` tells declared fields.
    pub(crate) fn wrong(&self, knows: impl Fn(&str) -> bool) -> Option<String> {
        let plain = |name: &String| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        };
        if !self.tables.iter().all(plain) {
            return Some("tables have names of lower-case letters, digits and `_`".to_owned());
        }
        for column in &self.columns {
            if column.names.is_empty() || !column.names.iter().all(plain) {
                return Some(
                    "a column has one name or more, of lower-case letters, digits and `_`"
                        .to_owned(),
                );
            }
            match &column.field {
                Some(field) if !knows(field) => {
                    return Some(format!(
                        "[dump] names the field {field:?}, which is not declared"
                    ));
                }
                None if column.sort != Sort::Serial => {
                    return Some(format!(
                        "the column {} has no field; only a serial has none",
                        column.names[0]
                    ));
                }
                _ => {}
            }
        }
        None
    }
}

/// A column of such a table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ColumnTable {
    /// Names it may have.
    pub(crate) names: Vec<String>,
    /// The field that goes into it; none for a number that counts up.
    pub(crate) field: Option<String>,
    #[serde(rename = "type", default)]
    pub(crate) sort: Sort,
    #[serde(default)]
    pub(crate) unique: bool,
    /// Percent of rows in which nothing stands.
    #[serde(default)]
    pub(crate) empty: u8,
    /// Percent of dumps that have the column.
    #[serde(default = "always")]
    pub(crate) chance: u8,
    /// Columns of form 1 and of form 2 never stand in one table; 0: in every table.
    #[serde(default)]
    pub(crate) form: u8,
}

/// What a column holds: `serial`, `text` or `text:190`, `integer`, `amount`, `boolean`, `date`,
/// `timestamp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Sort {
    /// A number that counts up: the table's key.
    Serial,
    /// Text, of so many characters at most.
    Text(Option<u16>),
    /// A whole number.
    Integer,
    /// Money.
    Amount,
    /// `true` or `false`.
    Boolean,
    /// `2025-03-31`.
    Date,
    /// `2025-03-31 14:05:59`.
    Timestamp,
}

impl Default for Sort {
    fn default() -> Self {
        Self::Text(None)
    }
}

impl TryFrom<String> for Sort {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Ok(match text.split_once(':').unwrap_or((&text, "")) {
            ("serial", "") => Self::Serial,
            ("text", "") => Self::Text(None),
            ("text", most) => Self::Text(Some(
                most.parse()
                    .map_err(|_| format!("{most:?} is no number of characters"))?,
            )),
            ("integer", "") => Self::Integer,
            ("amount", "") => Self::Amount,
            ("boolean", "") => Self::Boolean,
            ("date", "") => Self::Date,
            ("timestamp", "") => Self::Timestamp,
            _ => {
                return Err(format!(
                    "{text:?} is no type of a column; there are serial, text, text:190, integer, amount, boolean, date and timestamp"
                ));
            }
        })
    }
}

/// The columns of one dump.
pub(super) fn columns(kind: &Kind, phones: bool, dice: &mut Dice<'_>) -> Vec<Column> {
    let hints = &kind.dump.columns;
    if hints.is_empty() {
        return plain(kind);
    }
    let forms = hints.iter().map(|column| column.form).max().unwrap_or(0);
    let form = 1 + dice.below(usize::from(forms.max(1)));
    let mut columns: Vec<Column> = Vec::new();
    for hint in hints {
        let stands = dice.below(100) < usize::from(hint.chance);
        let other_form = hint.form != 0 && usize::from(hint.form) != form;
        let phone = hint.field.as_deref() == Some("phone");
        if !stands || other_form || phone && !phones {
            continue;
        }
        let free: Vec<&String> = hint
            .names
            .iter()
            .filter(|name| columns.iter().all(|column| column.name != **name))
            .collect();
        let Some(name) = dice.pick(&free) else {
            continue;
        };
        columns.push(Column {
            name: (*name).clone(),
            field: hint.field.clone(),
            sort: hint.sort,
            unique: hint.unique,
            empty: usize::from(hint.empty),
        });
    }
    columns
}

/// For a kind that says nothing of a table: a number and all its fields.
fn plain(kind: &Kind) -> Vec<Column> {
    let mut columns = vec![Column {
        name: "id".to_owned(),
        field: None,
        sort: Sort::Serial,
        unique: true,
        empty: 0,
    }];
    let shown = |field: &&Field| field.name != "id" && !field.hidden;
    let fields = kind.fields.iter().filter(shown);
    columns.extend(fields.map(|field| Column {
        name: field.name.trim_start_matches("beacon.").replace('.', "_"),
        field: Some(field.name.clone()),
        sort: Sort::Text(None),
        unique: false,
        empty: 0,
    }));
    columns
}

fn days() -> u32 {
    900
}

fn always() -> u8 {
    100
}
