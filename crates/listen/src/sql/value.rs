//! Values, their types, and tables of them.

use std::cmp::Ordering;

/// A value of a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Bool,
    Int,
    Big,
    Double,
    /// Money: twelve digits, two of them behind the point.
    Amount,
    Text(Option<u16>),
    Moment,
    /// A moment with its offset.
    Zoned,
    Date,
    /// PostgreSQL's `oid`, `name`, `"char"` and `text[]`.
    Oid,
    Name,
    Char,
    Array,
    /// A literal that could be anything yet.
    Unknown,
}

/// A column of a table or an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Type,
    pub(crate) nullable: bool,
    /// Whether it is the table's key, which counts up.
    pub(crate) key: bool,
    /// Whether no value of it stands twice.
    pub(crate) unique: bool,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<Value>>,
    /// Whether columns that it does not have read as NULL: for the many of a system's own tables.
    pub(crate) lenient: bool,
}

impl Column {
    /// One that may be empty.
    pub(crate) fn new(name: &str, kind: Type) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            nullable: true,
            key: false,
            unique: false,
        }
    }
}

impl Table {
    /// A table of a database's own: its columns as `name:type`, where no type is text.
    pub(crate) fn system(name: &str, columns: &str, rows: Vec<Vec<Value>>) -> Self {
        let column = |text: &str| {
            let (name, kind) = text.split_once(':').unwrap_or((text, ""));
            let kind = match kind {
                "int" => Type::Int,
                "big" => Type::Big,
                "bool" => Type::Bool,
                "oid" => Type::Oid,
                "name" => Type::Name,
                "char" => Type::Char,
                "array" => Type::Array,
                "moment" => Type::Zoned,
                _ => Type::Text(None),
            };
            Column::new(name, kind)
        };
        Self {
            name: name.to_owned(),
            columns: columns.split_whitespace().map(column).collect(),
            rows,
            lenient: true,
        }
    }
}

impl Value {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn count(count: usize) -> Self {
        Self::Int(i64::try_from(count).unwrap_or(i64::MAX))
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether a condition holds; `None`: that is not known.
    pub(crate) fn truth(&self) -> Option<bool> {
        match self {
            Self::Null => None,
            Self::Bool(truth) => Some(*truth),
            Self::Int(number) => Some(*number != 0),
            Self::Float(number) => Some(*number != 0.0),
            Self::Text(text) => Some(match text.as_str() {
                "t" | "true" | "on" | "yes" => true,
                other => other.parse::<f64>().is_ok_and(|number| number != 0.0),
            }),
        }
    }

    pub(crate) fn as_number(&self) -> Option<f64> {
        match self {
            Self::Null => None,
            Self::Bool(truth) => Some(f64::from(u8::from(*truth))),
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
        }
    }

    pub(crate) fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            other => other.as_number().map(|number| number as i64),
        }
    }

    /// As text, truth as 0 or 1.
    pub(crate) fn show(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Bool(truth) => u8::from(*truth).to_string(),
            Self::Int(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }

    /// About how many bytes it has.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            _ => 8,
        }
    }

    /// Their order; `None`: one is nothing. Letters of both cases are alike if `fold`.
    pub(crate) fn compare(&self, other: &Self, fold: bool) -> Option<Ordering> {
        match (self, other) {
            (Self::Null, _) | (_, Self::Null) => None,
            (Self::Int(one), Self::Int(two)) => Some(one.cmp(two)),
            (Self::Text(one), Self::Text(two)) => Some(if fold {
                one.to_lowercase().cmp(&two.to_lowercase())
            } else {
                one.cmp(two)
            }),
            (Self::Bool(one), other) | (other, Self::Bool(one)) => {
                let order = Some(one.cmp(&other.truth()?));
                order.map(|order| {
                    if matches!(self, Self::Bool(_)) {
                        order
                    } else {
                        order.reverse()
                    }
                })
            }
            _ => match (self.as_number(), other.as_number()) {
                (Some(one), Some(two)) => one.partial_cmp(&two),
                _ => Some(self.show().cmp(&other.show())),
            },
        }
    }

    /// Where it comes in a sorted answer: nothing is last, or first.
    pub(crate) fn sorted(&self, other: &Self, nulls_first: bool) -> Ordering {
        match (self.is_null(), other.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) if nulls_first => Ordering::Less,
            (false, true) if nulls_first => Ordering::Greater,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            _ => self.ordered(other, false),
        }
    }

    /// A total order, which `compare` is not and sorting needs: numbers by what they are, then other texts.
    pub(crate) fn ordered(&self, other: &Self, fold: bool) -> Ordering {
        // Sums of money are text, and sort as numbers. `inf` and `nan` are words.
        let number = |value: &Self| value.as_number().filter(|number| number.is_finite());
        // Large integers that are the same number with a point are not yet the same.
        let exact = |value: &Self| match value {
            Self::Int(number) => (0, *number),
            _ => (1, 0),
        };
        match (number(self), number(other)) {
            (Some(one), Some(two)) => one
                .total_cmp(&two)
                .then_with(|| exact(self).cmp(&exact(other))),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) if fold => {
                let (one, two) = (self.show().to_lowercase(), other.show().to_lowercase());
                one.cmp(&two)
            }
            (None, None) => match (self, other) {
                (Self::Text(one), Self::Text(two)) => one.cmp(two),
                _ => self.show().cmp(&other.show()),
            },
        }
    }
}

/// Microseconds since 2000 of `2025-03-31 14:05:59`.
pub(crate) fn micros(text: &str) -> i64 {
    let mut numbers = text
        .split(|letter: char| !letter.is_ascii_digit())
        // Whatever a peer's text says, it does not overflow below.
        .map(|part| part.parse::<i64>().unwrap_or(0).min(999_999));
    let mut next = || numbers.next().unwrap_or(0);
    let (year, month, day) = (next().min(200_000), next(), next());
    let (hour, minute, second, fraction) = (next(), next(), next(), next());
    // Days from civil, H. Hinnant (http://howardhinnant.github.io/date_algorithms.html), from 2000-03-01.
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let days =
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * month + 2) / 5 + day - 1;
    let since = days - 730_425;
    ((since * 24 + hour) * 60 + minute) * 60_000_000 + second * 1_000_000 + fraction
}
