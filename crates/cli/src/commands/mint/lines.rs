//! How minted values are printed: with our ids for the operator, or as rows of a table, as the table's
//! own export or dump would have them.

use std::io::Write as _;

use lapwing_catalog::{Dialect, Dump, DumpOrder, Kind};
use lapwing_core::{Canary, Clock as _, SystemClock};
use lapwing_daemon::mint::Row;
use serde_json::{Map, Value, json};

use crate::args::{self, Mint, Out};
use crate::failure::Advice;

/// Writes a canary's values as the operator asked for them.
pub(super) struct Lines<'a> {
    kind: &'a Kind,
    format: Out,
    many: bool,
    /// The columns, once the head of the table is written.
    columns: Vec<String>,
    /// The table, if it is rows of one that are written.
    dump: Option<Dump>,
    begun: bool,
    style: u64,
}

impl<'a> Lines<'a> {
    /// `phones`: whether records show telephone numbers.
    pub(super) fn new(
        kind: &'a Kind,
        format: Out,
        args: &Mint,
        phones: bool,
    ) -> anyhow::Result<Self> {
        let (table, dialect) = (args.table.clone(), args.dialect);
        if dialect.is_some() && format != Out::Sql {
            return Err(Advice::error(
                "--dialect is for --out sql",
                "leave it out, or add --out sql",
            ));
        }
        if table.is_some() && format == Out::Env {
            return Err(Advice::error(
                "variables are no rows of a table",
                "add --out csv, --out json or --out sql",
            ));
        }
        let dialect = match dialect.unwrap_or_default() {
            args::Dialect::Postgresql => Dialect::Postgresql,
            args::Dialect::Mysql => Dialect::Mysql,
            args::Dialect::Sqlite => Dialect::Sqlite,
        };
        let tabular = format == Out::Sql || table.is_some();
        let order = DumpOrder {
            dialect,
            table,
            count: args.count,
            phones,
            now: SystemClock.now(),
        };
        Ok(Self {
            kind,
            format,
            many: args.count > 1,
            columns: Vec::new(),
            dump: tabular.then(|| Dump::new(kind, order, &mut rand::rng())),
            begun: false,
            style: rand::random(),
        })
    }

    /// What the next canary has to be as a row, if it is rows that are written.
    pub(super) fn next(&mut self) -> Option<Row> {
        let dump = self.dump.as_mut()?;
        Some(Row {
            created: dump.next_created(),
            written: dump.taken(),
            style: self.style,
        })
    }

    /// A canary, and before the first one what stands at the head.
    pub(super) fn of(&mut self, canary: &Canary) -> anyhow::Result<Box<[u8]>> {
        let mut out = Vec::with_capacity(256);
        match (self.format, self.dump.is_some()) {
            (Out::Sql, _) => self.sql(canary, &mut out),
            (Out::Json, true) => self.table_json(canary, &mut out)?,
            (Out::Json, false) => {
                let line = json!({
                    "id": canary.id, "kind": canary.kind, "memo": canary.memo,
                    "labels": canary.labels, "minted": canary.minted.to_string(),
                    "fields": self.kind.shown(&canary.fields),
                });
                writeln!(out, "{line}")?;
            }
            (Out::Csv, true) => self.table_csv(canary, &mut out)?,
            (Out::Csv, false) => self.row(canary, &mut out)?,
            (Out::Env, _) => self.env(canary, &mut out)?,
        }
        self.begun = true;
        Ok(out.into())
    }

    /// What stands after the last canary.
    pub(super) fn end(&mut self) -> String {
        match &mut self.dump {
            Some(dump) if self.format == Out::Sql && self.begun => dump.tail(),
            _ => String::new(),
        }
    }

    fn sql(&mut self, canary: &Canary, out: &mut Vec<u8>) {
        if let Some(dump) = &mut self.dump {
            if !self.begun {
                out.extend(dump.head().into_bytes());
            }
            out.extend(dump.row(&canary.fields).into_bytes());
        }
    }

    fn table_json(&mut self, canary: &Canary, out: &mut Vec<u8>) -> anyhow::Result<()> {
        if let Some(dump) = &mut self.dump {
            let cells = dump.cells(&canary.fields);
            let names = dump.columns().map(str::to_owned);
            let row: Map<String, Value> = names
                .zip(
                    cells
                        .into_iter()
                        .map(|cell| cell.map_or(Value::Null, Value::String)),
                )
                .collect();
            writeln!(out, "{}", Value::Object(row))?;
        }
        Ok(())
    }

    fn table_csv(&mut self, canary: &Canary, out: &mut Vec<u8>) -> anyhow::Result<()> {
        if let Some(dump) = &mut self.dump {
            let mut csv = csv::WriterBuilder::new()
                .buffer_capacity(256)
                .from_writer(out);
            if !self.begun {
                csv.write_record(dump.columns())?;
            }
            let cells = dump.cells(&canary.fields);
            csv.write_record(cells.iter().map(|cell| cell.as_deref().unwrap_or_default()))?;
            csv.flush()?;
        }
        Ok(())
    }

    fn row(&mut self, canary: &Canary, out: &mut Vec<u8>) -> anyhow::Result<()> {
        let mut csv = csv::WriterBuilder::new()
            .buffer_capacity(256)
            .from_writer(out);
        if self.columns.is_empty() {
            self.columns = self.kind.shown(&canary.fields).into_keys().collect();
            csv.write_field("id")?;
            csv.write_record(&self.columns)?;
        }
        let value = |name: &String| canary.fields.get(name).map_or("", String::as_str);
        csv.write_field(canary.id.to_string())?;
        csv.write_record(self.columns.iter().map(value))?;
        csv.flush()?;
        Ok(())
    }

    fn env(&self, canary: &Canary, out: &mut Vec<u8>) -> anyhow::Result<()> {
        writeln!(out, "# {} {}", canary.kind, canary.id)?;
        let plant = &self.kind.plant;
        let role = plant
            .roles
            .first()
            .map_or("legacy", String::as_str)
            .to_uppercase();
        if plant.env.is_empty() {
            for (name, value) in &self.kind.shown(&canary.fields) {
                let name = name.to_uppercase().replace('.', "_");
                writeln!(out, "{name}={}", quoted(value))?;
            }
        }
        for (name, field) in &plant.env {
            if let Some(value) = canary.fields.get(field) {
                let name = name.replace("{ROLE}", &role);
                writeln!(out, "{name}={}", quoted(value))?;
            }
        }
        if self.many {
            writeln!(out)?;
        }
        Ok(())
    }
}

/// A value for a shell's file: in quotes if it holds quotes, spaces, backslashes or line ends.
fn quoted(value: &str) -> String {
    if value.contains(['\n', ' ', '\\', '"', '\'']) {
        format!("'{}'", value.replace('\'', "'\\''"))
    } else {
        value.to_owned()
    }
}
