//! A table as `pg_dump` writes it: schema, `COPY` of the rows, where the sequence stands, constraints.

use std::fmt::Write as _;

use super::{Cell, Sort, Table};
use crate::dice::Dice;
use crate::format::BASE62;

/// A version, the package it came in, and whether its `pg_dump` brackets the script with `\restrict`
/// (minor releases from August 2025 on).
const VERSIONS: &[(&str, &str, bool)] = &[
    ("14.13", "Ubuntu 14.13-0ubuntu0.22.04.1", false),
    ("14.15", "Ubuntu 14.15-0ubuntu0.22.04.1", false),
    ("14.18", "Ubuntu 14.18-0ubuntu0.22.04.1", false),
    ("14.19", "Ubuntu 14.19-0ubuntu0.22.04.1", true),
    ("15.8", "Debian 15.8-0+deb12u1", false),
    ("15.10", "Debian 15.10-0+deb12u1", false),
    ("15.12", "Debian 15.12-0+deb12u2", false),
    ("15.13", "Debian 15.13-0+deb12u1", false),
    ("15.14", "Debian 15.14-0+deb12u1", true),
    ("15.18", "Debian 15.18-0+deb12u1", true),
    ("16.4", "Debian 16.4-1.pgdg120+1", false),
    ("16.6", "Ubuntu 16.6-0ubuntu0.24.04.1", false),
    ("16.9", "Ubuntu 16.9-0ubuntu0.24.04.1", false),
    ("16.10", "Ubuntu 16.10-0ubuntu0.24.04.1", true),
    ("17.2", "Debian 17.2-1.pgdg120+1", false),
    ("17.5", "Debian 17.5-1.pgdg120+1", false),
];

/// What one run of the program was like.
#[derive(Debug)]
pub(super) struct Program {
    version: &'static str,
    package: &'static str,
    /// The word of `\restrict`.
    word: Option<String>,
    /// With owners, or run with `--no-owner`.
    owner: Option<&'static str>,
    zoned: bool,
    /// Microseconds, drawn anew for each row.
    fine: bool,
    wide_key: bool,
    step: u64,
}

impl Program {
    pub(super) fn draw(dice: &mut Dice<'_>) -> Self {
        let (version, package, restrict) = VERSIONS[dice.below(VERSIONS.len())];
        let old = version.starts_with("14") || version.starts_with("15");
        let word = || {
            (0..63)
                .map(|_| char::from(BASE62[dice.below(62)]))
                .collect()
        };
        let word = restrict.then(word);
        Self {
            version,
            package,
            word,
            owner: (old && dice.below(2) == 0).then_some("postgres"),
            zoned: dice.below(2) == 0,
            fine: dice.below(3) > 0,
            wide_key: dice.below(2) == 0,
            step: dice.between(1, 999_999) as u64,
        }
    }

    fn title(&self, name: &str, what: &str) -> String {
        let owner = self.owner.unwrap_or("-");
        format!("--\n-- {name}; Type: {what}; Schema: public; Owner: {owner}\n--\n\n")
    }

    fn owned(&self, name: &str) -> String {
        match self.owner {
            Some(owner) => format!("\n\nALTER TABLE public.{name} OWNER TO {owner};\n\n"),
            None => "\n\n".to_owned(),
        }
    }

    pub(super) fn head(&mut self, table: &Table, _: &mut Dice<'_>) -> String {
        let Self {
            version, package, ..
        } = self;
        let mut out = String::from("--\n-- PostgreSQL database dump\n--\n\n");
        if let Some(word) = &self.word {
            let _ = write!(out, "\\restrict {word}\n\n");
        }
        let _ = write!(
            out,
            "-- Dumped from database version {version} ({package})\n-- Dumped by pg_dump version {version} ({package})\n\n"
        );
        out.push_str("SET statement_timeout = 0;\nSET lock_timeout = 0;\nSET idle_in_transaction_session_timeout = 0;\n");
        if version.starts_with("17") {
            out.push_str("SET transaction_timeout = 0;\n");
        }
        out.push_str(
            "SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\nSELECT pg_catalog.set_config('search_path', '', false);\nSET check_function_bodies = false;\nSET xmloption = content;\nSET client_min_messages = warning;\nSET row_security = off;\n\nSET default_tablespace = '';\n\nSET default_table_access_method = heap;\n\n",
        );
        self.schema(table, &mut out);
        let names: Vec<String> = table.columns.iter().map(|c| quote(&c.name)).collect();
        let name = &table.name;
        out.push_str(&self.title(&format!("Data for Name: {name}"), "TABLE DATA"));
        let _ = writeln!(
            out,
            "COPY public.{} ({}) FROM stdin;",
            quote(name),
            names.join(", ")
        );
        out
    }

    fn schema(&self, table: &Table, out: &mut String) {
        let quoted = quote(&table.name);
        out.push_str(&self.title(&format!("Name: {}", table.name), "TABLE"));
        let columns: Vec<String> = table
            .columns
            .iter()
            .map(|column| {
                let may_be_empty = column.field.is_some() && !column.unique;
                let not_null = if may_be_empty { "" } else { " NOT NULL" };
                format!(
                    "    {} {}{not_null}",
                    quote(&column.name),
                    self.sort(column.sort)
                )
            })
            .collect();
        let _ = write!(
            out,
            "CREATE TABLE public.{quoted} (\n{}\n);\n{}",
            columns.join(",\n"),
            self.owned(&quoted)
        );
        let Some(key) = table.key() else { return };
        let (key, sequence) = (quote(key), quote(&format!("{}_{key}_seq", table.name)));
        let bare = sequence.trim_matches('"');
        out.push_str(&self.title(&format!("Name: {bare}"), "SEQUENCE"));
        let narrow = if self.wide_key {
            ""
        } else {
            "    AS integer\n"
        };
        let _ = write!(
            out,
            "CREATE SEQUENCE public.{sequence}\n{narrow}    START WITH 1\n    INCREMENT BY 1\n    NO MINVALUE\n    NO MAXVALUE\n    CACHE 1;\n{}",
            self.owned(&sequence)
        );
        out.push_str(&self.title(&format!("Name: {bare}"), "SEQUENCE OWNED BY"));
        let _ = write!(
            out,
            "ALTER SEQUENCE public.{sequence} OWNED BY public.{quoted}.{key};\n\n\n"
        );
        let of = format!("Name: {} {}", table.name, key.trim_matches('"'));
        out.push_str(&self.title(&of, "DEFAULT"));
        let _ = write!(
            out,
            "ALTER TABLE ONLY public.{quoted} ALTER COLUMN {key} SET DEFAULT nextval('public.{sequence}'::regclass);\n\n\n"
        );
    }

    fn sort(&self, sort: Sort) -> String {
        match sort {
            Sort::Serial if self.wide_key => "bigint".to_owned(),
            Sort::Serial | Sort::Integer => "integer".to_owned(),
            Sort::Text(Some(most)) => format!("character varying({most})"),
            Sort::Text(None) => "text".to_owned(),
            Sort::Amount => "numeric(12,2)".to_owned(),
            Sort::Boolean => "boolean".to_owned(),
            Sort::Date => "date".to_owned(),
            Sort::Timestamp if self.zoned => "timestamp with time zone".to_owned(),
            Sort::Timestamp => "timestamp without time zone".to_owned(),
        }
    }

    pub(super) fn row(&mut self, _: &Table, cells: &[Cell]) -> String {
        // One fraction a row: times of one second keep their order.
        self.step = (self.step * 48_271 + 11) % 999_983;
        let fraction = format!(".{:06}", self.step);
        let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
        let mut out = String::with_capacity(256);
        for (at, cell) in cells.iter().enumerate() {
            if at > 0 {
                out.push('\t');
            }
            match cell {
                Cell::Null => out.push_str("\\N"),
                Cell::Number(number) => out.push_str(number),
                Cell::Truth(truth) => out.push(if *truth { 't' } else { 'f' }),
                Cell::Moment(moment) => {
                    out.push_str(moment);
                    out.push_str(if self.fine { fraction } else { "" });
                    out.push_str(if self.zoned { "+00" } else { "" });
                }
                Cell::Text(text) => escape(text, &mut out),
            }
        }
        out.push('\n');
        out
    }

    pub(super) fn tail(&self, table: &Table, last: u64) -> String {
        let quoted = quote(&table.name);
        let mut out = String::from("\\.\n\n\n");
        let mut constraints: Vec<(String, String)> = Vec::new();
        if let Some(key) = table.key() {
            let sequence = format!("{}_{key}_seq", table.name);
            out.push_str(&self.title(&format!("Name: {sequence}"), "SEQUENCE SET"));
            let _ = write!(
                out,
                "SELECT pg_catalog.setval('public.{}', {last}, true);\n\n\n",
                quote(&sequence)
            );
            constraints.push((
                format!("{}_pkey", table.name),
                format!("PRIMARY KEY ({})", quote(key)),
            ));
        }
        for column in table.unique_columns() {
            constraints.push((
                format!("{}_{}_key", table.name, column.name),
                format!("UNIQUE ({})", quote(&column.name)),
            ));
        }
        constraints.sort();
        for (name, what) in constraints {
            let of = format!("Name: {} {name}", table.name);
            out.push_str(&self.title(&of, "CONSTRAINT"));
            let _ = write!(
                out,
                "ALTER TABLE ONLY public.{quoted}\n    ADD CONSTRAINT {} {what};\n\n\n",
                quote(&name)
            );
        }
        out.push_str("--\n-- PostgreSQL database dump complete\n--\n\n");
        if let Some(word) = &self.word {
            let _ = write!(out, "\\unrestrict {word}\n\n");
        }
        out
    }
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c => out.push(c),
        }
    }
}

/// Names that need quotes: words of SQL that are not free, and what is no plain name.
fn quote(name: &str) -> String {
    const WORDS: [&str; 16] = [
        "check",
        "default",
        "desc",
        "end",
        "from",
        "grant",
        "group",
        "limit",
        "order",
        "position",
        "references",
        "table",
        "time",
        "user",
        "values",
        "when",
    ];
    let plain = name
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && !name.starts_with(|first: char| first.is_ascii_digit());
    if plain && !WORDS.contains(&name) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}
