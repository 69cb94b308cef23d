//! What the owner's own jobs need to leave our rows out: the predicate over a table's key, and a view of
//! the table without them, as the engine writes them. Nothing is asked of the database.

use std::collections::BTreeMap;

use super::Value;
use super::dialect::Dialect;

/// A table and how to leave what is planted in it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusion {
    /// The database, as targets name it without a table.
    pub database: String,
    /// The table as the engine lists it.
    pub table: String,
    /// How many rows are left out.
    pub rows: usize,
    /// True for every row that is not ours: `"id" NOT IN (301, 302)`; of keys in words,
    /// `key not in ["user:301"]`.
    pub predicate: String,
    /// A statement that makes a view of the rows for which it is true, where there are views.
    pub view: Option<String>,
}

/// Rows of ours in one table: for each the columns and values that name it.
#[derive(Debug, Default)]
pub(crate) struct Ours {
    /// By the columns of the key, in their order.
    keyed: BTreeMap<Vec<String>, Vec<Vec<Value>>>,
    /// Rows without a key: the canary's own values.
    loose: Vec<Vec<(String, Value)>>,
    /// The whole table is ours, so there is nothing that a job would ask of it.
    pub wholly: bool,
    count: usize,
}

impl Ours {
    /// Adds a row.
    pub(crate) fn add(&mut self, key: Vec<(String, Value)>, canary: Vec<(String, Value)>) {
        let named = !key.is_empty() && key.iter().all(|(_, value)| *value != Value::Null);
        if named {
            let (columns, values) = key.into_iter().unzip();
            self.keyed.entry(columns).or_default().push(values);
        } else if canary.is_empty() {
            return;
        } else {
            self.loose.push(canary);
        }
        self.count += 1;
    }

    /// The predicate and the view.
    pub(crate) fn exclusion(
        self,
        dialect: Dialect,
        database: &str,
        table: &str,
    ) -> Option<Exclusion> {
        if self.count == 0 || self.wholly {
            return None;
        }
        let keyed = self
            .keyed
            .iter()
            .map(|(columns, rows)| keyed(dialect, columns, rows));
        let loose = self.loose.iter().map(|cells| loose(dialect, cells));
        let predicate = keyed.chain(loose).collect::<Vec<_>>().join(" AND ");
        let view = format!(
            "CREATE VIEW {} AS SELECT * FROM {} WHERE {predicate};",
            dialect.quote_table(&format!("{table}_reporting")),
            dialect.quote_table(table)
        );
        Some(Exclusion {
            database: database.to_owned(),
            table: table.to_owned(),
            rows: self.count,
            predicate,
            view: Some(view),
        })
    }
}

/// `"id" NOT IN (1, 2)`, or the same with columns and values in brackets.
fn keyed(dialect: Dialect, columns: &[String], rows: &[Vec<Value>]) -> String {
    let names: Vec<String> = columns.iter().map(|name| dialect.quote(name)).collect();
    let written = |row: &Vec<Value>| {
        let values: Vec<String> = row.iter().map(|value| dialect.literal(value)).collect();
        values.join(", ")
    };
    let rows: Vec<String> = rows.iter().map(written).collect();
    if names.len() == 1 {
        return format!("{} NOT IN ({})", names[0], rows.join(", "));
    }
    let rows: Vec<String> = rows.iter().map(|row| format!("({row})")).collect();
    // SQLite takes rows of values only as a table of them.
    let values = if dialect == Dialect::Sqlite {
        "VALUES "
    } else {
        ""
    };
    format!(
        "({}) NOT IN ({values}{})",
        names.join(", "),
        rows.join(", ")
    )
}

/// NULL being different from our values.
fn loose(dialect: Dialect, cells: &[(String, Value)]) -> String {
    let same = match dialect {
        Dialect::Postgres => "IS NOT DISTINCT FROM",
        Dialect::Mariadb => "<=>",
        Dialect::Sqlite => "IS",
    };
    let cells: Vec<String> = cells
        .iter()
        .map(|(name, value)| format!("{} {same} {}", dialect.quote(name), dialect.literal(value)))
        .collect();
    format!("NOT ({})", cells.join(" AND "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_one_column_of_many_and_of_none() {
        let cell = |name: &str, value: Value| (name.to_owned(), value);
        let mut ours = Ours::default();
        for id in [1, 2] {
            let (id, region) = (Value::Integer(id), Value::Text("eu".into()));
            ours.add(vec![cell("id", id), cell("region", region)], Vec::new());
        }
        let mail = cell("email", Value::Text("o'b@x.example".into()));
        ours.add(Vec::new(), vec![mail]);
        let made = ours
            .exclusion(Dialect::Sqlite, "sqlite:/srv/a.db", "people")
            .expect("rows");
        assert_eq!(
            made.predicate,
            "(\"id\", \"region\") NOT IN (VALUES (1, 'eu'), (2, 'eu')) AND NOT (\"email\" IS 'o''b@x.example')"
        );
        assert_eq!(made.rows, 3);
        assert!(
            made.view.expect("SQL has views").starts_with(
                "CREATE VIEW \"people_reporting\" AS SELECT * FROM \"people\" WHERE ("
            )
        );
        assert!(
            Ours::default()
                .exclusion(Dialect::Sqlite, "", "a")
                .is_none()
        );
    }
}
