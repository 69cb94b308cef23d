//! Values as they are drawn and as a placement remembers them.

use lapwing_core::text::escape_short;
use serde::{Deserialize, Serialize};

/// A value of any engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Value {
    Null,
    Integer(i64),
    /// Remembered by its bits, so that it reads back exactly.
    Real(#[serde(with = "bits")] f64),
    Text(String),
    Blob(Vec<u8>),
}

mod bits {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(number: &f64, to: S) -> Result<S::Ok, S::Error> {
        number.to_bits().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        u64::deserialize(from).map(f64::from_bits)
    }
}

impl Value {
    /// Its text, if it is one.
    pub(crate) const fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.as_str()),
            _ => None,
        }
    }

    /// As a number, where it is one or is written as one.
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "for comparing only")]
            Self::Integer(number) => Some(*number as f64),
            Self::Real(number) => Some(*number),
            Self::Text(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
            Self::Null | Self::Blob(_) => None,
        }
    }

    /// What tells it from others when values are counted.
    pub(crate) fn token(&self) -> String {
        match self {
            Self::Null => String::from("\0"),
            Self::Integer(number) => number.to_string(),
            Self::Real(number) => number.to_string(),
            Self::Text(text) => text.clone(),
            Self::Blob(bytes) => format!("{bytes:?}"),
        }
    }

    /// Whether a value read from the table is this one. Text that the column has made a number is
    /// the same value.
    pub(crate) fn alike(&self, read: &Self) -> bool {
        match (self, read) {
            (Self::Text(ours), Self::Integer(read)) => {
                let whole = ours.strip_suffix(".00").unwrap_or(ours);
                whole == read.to_string()
            }
            // Money: `12.50` becomes 12.5.
            (Self::Text(ours), Self::Real(read)) => {
                let digits = ours
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte == b'.');
                digits && ours.parse() == Ok(*read)
            }
            (Self::Real(ours), Self::Real(read)) => ours.to_bits() == read.to_bits(),
            (ours, read) => ours == read,
        }
    }

    /// All of it, written one way.
    pub(crate) fn printed_whole(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers")
    }

    /// As it is shown in a diff.
    pub(crate) fn printed(&self) -> String {
        match self {
            Self::Null => "NULL".to_owned(),
            Self::Integer(number) => number.to_string(),
            Self::Real(number) => number.to_string(),
            Self::Text(text) => format!("'{}'", escape_short(text.as_bytes(), 200)),
            Self::Blob(bytes) => format!("blob of {} bytes", bytes.len()),
        }
    }
}

/// A column of our row and its value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cell {
    pub column: String,
    pub value: Value,
    /// It is the canary's own, not filling.
    #[serde(default)]
    pub canary: bool,
}

impl Cell {
    pub(crate) fn new(column: &str, value: Value, canary: bool) -> Self {
        Self {
            column: column.to_owned(),
            value,
            canary,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_older_placements_remember_is_understood() {
        let stored = r#"[{"column":"a","value":{"text":"x"},"canary":true},
            {"column":"b","value":"null"},{"column":"c","value":{"real":4608308318706860032}},
            {"column":"d","value":{"integer":7}},{"column":"e","value":{"blob":[1]}}]"#;
        let cells: Vec<Cell> = serde_json::from_str(stored).expect("read");
        assert_eq!(cells[2].value, Value::Real(1.25));
        let again: Vec<Cell> =
            serde_json::from_str(&serde_json::to_string(&cells).expect("written")).expect("read");
        assert_eq!(again, cells);
    }
}
