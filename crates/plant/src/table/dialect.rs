//! How an engine writes names and values in SQL.

use super::Value;

/// An engine's way of writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Postgres,
    Mariadb,
    Sqlite,
}

impl Dialect {
    /// A name.
    pub(crate) fn quote(self, name: &str) -> String {
        match self {
            Self::Mariadb => format!("`{}`", name.replace('`', "``")),
            Self::Postgres | Self::Sqlite => format!("\"{}\"", name.replace('"', "\"\"")),
        }
    }

    /// The name of a table; in PostgreSQL its schema may stand before it.
    pub(crate) fn quote_table(self, name: &str) -> String {
        match name.split_once('.') {
            Some((schema, table)) if self == Self::Postgres => {
                format!("{}.{}", self.quote(schema), self.quote(table))
            }
            _ => self.quote(name),
        }
    }

    /// A value.
    pub(crate) fn literal(self, value: &Value) -> String {
        match value {
            Value::Null => "NULL".to_owned(),
            Value::Integer(number) => number.to_string(),
            Value::Real(number) => format!("{number:?}"),
            Value::Text(text) => self.text(text),
            Value::Blob(bytes) => {
                let hex = hex(bytes);
                match self {
                    Self::Postgres => format!("'\\x{hex}'"),
                    Self::Mariadb | Self::Sqlite => format!("x'{hex}'"),
                }
            }
        }
    }

    fn text(self, text: &str) -> String {
        let plain = !text.contains(['\\', '\0']);
        match self {
            // What a backslash means depends on a setting of whoever runs it.
            Self::Postgres if !plain => {
                let text = text.replace('\\', "\\\\").replace('\'', "''");
                format!("E'{text}'")
            }
            Self::Mariadb if !plain => {
                format!("CONVERT(x'{}' USING utf8mb4)", hex(text.as_bytes()))
            }
            Self::Sqlite if text.contains('\0') => {
                format!("CAST(x'{}' AS TEXT)", hex(text.as_bytes()))
            }
            _ => format!("'{}'", text.replace('\'', "''")),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_written_as_each_engine_reads_them() {
        let text = |text: &str| Value::Text(text.to_owned());
        for (dialect, name, value) in [
            (Dialect::Postgres, "\"crm\".\"a\"\"b\"", "E'o''b\\\\n'"),
            (
                Dialect::Mariadb,
                "`crm.a\"b`",
                "CONVERT(x'6f27625c6e' USING utf8mb4)",
            ),
            (Dialect::Sqlite, "\"crm.a\"\"b\"", "'o''b\\n'"),
        ] {
            assert_eq!(dialect.quote_table("crm.a\"b"), name);
            assert_eq!(dialect.literal(&text("o'b\\n")), value);
            assert_eq!(dialect.literal(&Value::Integer(-7)), "-7");
        }
        let blob = Value::Blob(vec![0, 255]);
        assert_eq!(Dialect::Postgres.literal(&blob), "'\\x00ff'");
        assert_eq!(Dialect::Sqlite.literal(&blob), "x'00ff'");
        assert_eq!(Dialect::Sqlite.literal(&Value::Real(2.0)), "2.0");
    }
}
