//! A table as `mysqldump` and `mariadb-dump` write it: one statement for many rows, up to a megabyte.

use std::fmt::Write as _;

use super::{Cell, Column, DAY, Sort, Table};
use crate::dice::Dice;

/// Longest statement, as the programs' buffer has it.
const LONGEST: usize = 1_046_528;

/// A version as the program and as the server say it.
const MYSQL: &[(&str, &str)] = &[
    ("8.0.36", "8.0.36-0ubuntu0.22.04.1"),
    ("8.0.39", "8.0.39-0ubuntu0.22.04.1"),
    ("8.0.40", "8.0.40-0ubuntu0.22.04.1"),
    ("8.0.41", "8.0.41-0ubuntu0.22.04.1"),
    ("8.0.42", "8.0.42-0ubuntu0.22.04.1"),
    ("8.0.43", "8.0.43-0ubuntu0.22.04.1"),
    ("8.0.40", "8.0.40"),
    ("8.4.3", "8.4.3"),
    ("8.4.5", "8.4.5"),
];
/// The same of MariaDB, and whether the script begins with the line on the sandbox.
const MARIADB: &[(&str, &str, bool)] = &[
    ("10.11.6-MariaDB", "10.11.6-MariaDB-0+deb12u1", false),
    ("10.11.11-MariaDB", "10.11.11-MariaDB-0+deb12u1", true),
    ("10.11.14-MariaDB", "10.11.14-MariaDB-0+deb12u2", true),
    ("10.11.19-MariaDB", "10.11.19-MariaDB-0+deb12u1", true),
    ("10.6.22-MariaDB", "10.6.22-MariaDB-0ubuntu0.22.04.1", true),
];
const DATABASES: &[&str] = &[
    "app",
    "app_production",
    "backend",
    "billing",
    "core",
    "crm",
    "erp",
    "intranet",
    "laravel",
    "main",
    "members",
    "platform",
    "portal",
    "prod",
    "service",
    "shop",
    "site",
    "web",
    "webapp",
    "wp",
];
const HOSTS: &[&str] = &["localhost", "localhost", "127.0.0.1", "db", "mysql"];

/// What one run of the program was like.
#[derive(Debug)]
pub(super) struct Program {
    client: &'static str,
    server: &'static str,
    mariadb: bool,
    sandbox: bool,
    host: &'static str,
    database: &'static str,
    unsigned: bool,
    wide_key: bool,
    zoned: bool,
    indexed: bool,
    /// Length of the statement under way.
    statement: usize,
}

impl Program {
    pub(super) fn draw(dice: &mut Dice<'_>) -> Self {
        let mariadb = dice.below(2) == 0;
        let (client, server, sandbox) = if mariadb {
            MARIADB[dice.below(MARIADB.len())]
        } else {
            let (client, server) = MYSQL[dice.below(MYSQL.len())];
            (client, server, false)
        };
        Self {
            client,
            server,
            mariadb,
            sandbox,
            host: HOSTS[dice.below(HOSTS.len())],
            database: DATABASES[dice.below(DATABASES.len())],
            unsigned: dice.below(2) == 0,
            wide_key: dice.below(2) == 0,
            zoned: dice.below(2) == 0,
            indexed: dice.below(2) == 0,
            statement: 0,
        }
    }

    pub(super) fn head(&mut self, table: &Table) -> String {
        let (name, charset, names) = if self.mariadb {
            (
                "MariaDB dump 10.19",
                if self.sandbox { "utf8mb4" } else { "utf8" },
                40101,
            )
        } else {
            ("MySQL dump 10.13", "utf8mb4", 50503)
        };
        let system = if self.mariadb {
            "debian-linux-gnu"
        } else {
            "Linux"
        };
        let mut out = String::new();
        if self.sandbox {
            out.push_str("/*M!999999\\- enable the sandbox mode */ \n");
        }
        let _ = write!(
            out,
            "-- {name}  Distrib {}, for {system} (x86_64)\n--\n-- Host: {}    Database: {}\n-- ------------------------------------------------------\n-- Server version\t{}\n\n",
            self.client, self.host, self.database, self.server
        );
        out.push_str("/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;\n/*!40101 SET @OLD_CHARACTER_SET_RESULTS=@@CHARACTER_SET_RESULTS */;\n/*!40101 SET @OLD_COLLATION_CONNECTION=@@COLLATION_CONNECTION */;\n");
        let _ = writeln!(out, "/*!{names} SET NAMES utf8mb4 */;");
        out.push_str("/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;\n/*!40103 SET TIME_ZONE='+00:00' */;\n/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;\n/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;\n/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;\n/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;\n\n");
        let quoted = quote(&table.name);
        let _ = write!(
            out,
            "--\n-- Table structure for table {quoted}\n--\n\nDROP TABLE IF EXISTS {quoted};\n/*!40101 SET @saved_cs_client     = @@character_set_client */;\n/*!{names} SET character_set_client = {charset} */;\n"
        );
        self.schema(table, &mut out);
        let _ = write!(
            out,
            "/*!40101 SET character_set_client = @saved_cs_client */;\n\n--\n-- Dumping data for table {quoted}\n--\n\nLOCK TABLES {quoted} WRITE;\n/*!40000 ALTER TABLE {quoted} DISABLE KEYS */;\n"
        );
        out
    }

    fn schema(&self, table: &Table, out: &mut String) {
        let mut lines: Vec<String> = table.columns.iter().map(|c| self.column(c)).collect();
        if let Some(key) = table.key() {
            lines.push(format!("  PRIMARY KEY ({})", quote(key)));
        }
        for column in table.unique_columns() {
            let name = quote(&format!("{}_{}_unique", table.name, column.name));
            lines.push(format!("  UNIQUE KEY {name} ({})", quote(&column.name)));
        }
        let moment = |column: &&Column| column.sort == Sort::Timestamp;
        if let Some(column) = table.columns.iter().find(moment).filter(|_| self.indexed) {
            let name = quote(&format!("idx_{}", column.name));
            lines.push(format!("  KEY {name} ({})", quote(&column.name)));
        }
        let _ = writeln!(
            out,
            "CREATE TABLE {} (\n{}\n) ENGINE=InnoDB AUTO_INCREMENT={} DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;",
            quote(&table.name),
            lines.join(",\n"),
            table.next
        );
    }

    fn column(&self, column: &Column) -> String {
        let integer = |plain: &str, width: usize| match self.mariadb {
            true => format!("{plain}({width})"),
            false => plain.to_owned(),
        };
        // MySQL says the collation of a column that has not the character set's default one.
        let collate = if self.mariadb {
            ""
        } else {
            " COLLATE utf8mb4_unicode_ci"
        };
        let (unsigned, narrower) = if self.unsigned {
            (" unsigned", 1)
        } else {
            ("", 0)
        };
        let sort = match column.sort {
            Sort::Serial if self.wide_key => format!("{}{unsigned}", integer("bigint", 20)),
            Sort::Serial => format!("{}{unsigned}", integer("int", 11 - narrower)),
            Sort::Integer => integer("int", 11),
            Sort::Text(Some(most)) => format!("varchar({most}){collate}"),
            Sort::Text(None) => format!("text{collate}"),
            Sort::Amount => "decimal(12,2)".to_owned(),
            Sort::Boolean => "tinyint(1)".to_owned(),
            Sort::Date => "date".to_owned(),
            Sort::Timestamp if self.zoned => "timestamp NULL".to_owned(),
            Sort::Timestamp => "datetime".to_owned(),
        };
        let rest = match column {
            Column { field: None, .. } => " NOT NULL AUTO_INCREMENT",
            Column { unique: true, .. } => " NOT NULL",
            // MySQL keeps quiet about the default of a text.
            _ if column.sort == Sort::Text(None) && !self.mariadb => "",
            _ => " DEFAULT NULL",
        };
        format!("  {} {sort}{rest}", quote(&column.name))
    }

    pub(super) fn row(&mut self, table: &Table, cells: &[Cell]) -> String {
        let mut row = String::with_capacity(256);
        row.push('(');
        for (at, cell) in cells.iter().enumerate() {
            if at > 0 {
                row.push(',');
            }
            match cell {
                Cell::Null => row.push_str("NULL"),
                Cell::Number(number) => row.push_str(number),
                Cell::Truth(truth) => row.push(if *truth { '1' } else { '0' }),
                Cell::Moment(text) | Cell::Text(text) => escape(text, &mut row),
            }
        }
        row.push(')');
        let line = if self.mariadb { "\n" } else { " " };
        let between = if self.mariadb { ",\n" } else { "," };
        let begins = self.statement == 0 || self.statement + row.len() + 2 > LONGEST;
        if begins {
            let end = if self.statement > 0 { ";\n" } else { "" };
            let begin = format!("INSERT INTO {} VALUES{line}", quote(&table.name));
            self.statement = begin.len() + row.len();
            format!("{end}{begin}{row}")
        } else {
            self.statement += row.len() + between.len();
            format!("{between}{row}")
        }
    }

    pub(super) fn tail(&self, table: &Table, taken: i64, dice: &mut Dice<'_>) -> String {
        let quoted = quote(&table.name);
        let end = if self.statement > 0 { ";\n" } else { "" };
        let mut out = format!(
            "{end}/*!40000 ALTER TABLE {quoted} ENABLE KEYS */;\nUNLOCK TABLES;\n/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;\n\n/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;\n/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;\n/*!40014 SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS */;\n/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;\n/*!40101 SET CHARACTER_SET_RESULTS=@OLD_CHARACTER_SET_RESULTS */;\n/*!40101 SET COLLATION_CONNECTION=@OLD_COLLATION_CONNECTION */;\n/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;\n\n"
        );
        let done = taken + dice.below(4) as i64;
        let hour = done.rem_euclid(DAY) / 3600;
        if let Ok(at) = jiff::Timestamp::from_second(done) {
            let _ = writeln!(
                out,
                "-- Dump completed on {} {hour:>2}:{}",
                at.strftime("%Y-%m-%d"),
                at.strftime("%M:%S")
            );
        }
        out
    }
}

fn escape(text: &str, out: &mut String) {
    out.push('\'');
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\0' => out.push_str("\\0"),
            c => out.push(c),
        }
    }
    out.push('\'');
}

fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}
