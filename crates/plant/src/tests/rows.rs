//! Rows in tables of many makes.

use rusqlite::Connection;

use super::*;
use crate::{Condition, check, uproot};

struct Base {
    bench: Bench,
}

impl Base {
    fn with(sql: &str) -> Self {
        let bench = Bench::with("a.db", b"");
        std::fs::remove_file(&bench.file).expect("removed");
        let base = Self { bench };
        base.open().execute_batch(sql).expect("made");
        base
    }

    fn open(&self) -> Connection {
        Connection::open(&self.bench.file).expect("opened")
    }

    fn target(&self, table: &str) -> String {
        format!("sqlite:{}?table={table}", self.bench.target())
    }

    fn plant(&self, table: &str) -> Result<Placement, PlantError> {
        self.plant_with(table, &Options::default())
    }

    fn plant_with(&self, table: &str, options: &Options) -> Result<Placement, PlantError> {
        plan_wish(&self.target(table), &wish(), options)?.apply(NOW)
    }

    fn dump(&self, table: &str) -> Vec<String> {
        let connection = self.open();
        let mut statement = connection
            .prepare(&format!("SELECT * FROM {table}"))
            .expect("prepared");
        let count = statement.column_count();
        let rows = statement.query_map([], |row| {
            let cell = |at| {
                row.get::<_, rusqlite::types::Value>(at)
                    .map(|value| format!("{value:?}"))
            };
            (0..count).map(cell).collect::<rusqlite::Result<Vec<_>>>()
        });
        let mut rows: Vec<String> = rows
            .expect("queried")
            .map(|row| row.expect("read").join("|"))
            .collect();
        rows.sort();
        rows
    }

    /// Plants, checks, uproots; gives the planted row's columns.
    fn round(&self, table: &str) -> BTreeMap<String, String> {
        let before = self.dump(table);
        let placement = self
            .plant(table)
            .unwrap_or_else(|error| panic!("{table}: {error} {:?}", error.hint()));
        assert_eq!(check(&placement).expect("checked"), Condition::Present);
        let row = self.row(table);
        uproot(&placement, false, NOW).unwrap_or_else(|error| panic!("{table}: {error}"));
        assert_eq!(self.dump(table), before);
        assert_eq!(check(&placement).expect("checked"), Condition::Missing);
        row
    }

    fn row(&self, table: &str) -> BTreeMap<String, String> {
        let connection = self.open();
        let sql = format!("SELECT * FROM {table} WHERE email = 'mara.lindqvist@ops.example'");
        let mut statement = connection.prepare(&sql).expect("prepared");
        let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
        statement
            .query_row([], |row| {
                let cell = |(at, name): (usize, &String)| {
                    Ok((
                        name.clone(),
                        match row.get(at)? {
                            rusqlite::types::Value::Null => "NULL".to_owned(),
                            rusqlite::types::Value::Integer(number) => number.to_string(),
                            rusqlite::types::Value::Real(number) => number.to_string(),
                            rusqlite::types::Value::Text(text) => text,
                            rusqlite::types::Value::Blob(bytes) => format!("blob {}", bytes.len()),
                        },
                    ))
                };
                names.iter().enumerate().map(cell).collect()
            })
            .expect("one row")
    }
}

const USERS: &str = "
CREATE TABLE plans (id INTEGER PRIMARY KEY, name TEXT);
INSERT INTO plans VALUES (1, 'free'), (2, 'pro');
CREATE TABLE users (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  email TEXT NOT NULL UNIQUE,
  full_name TEXT NOT NULL,
  phone TEXT NOT NULL,
  password_hash TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('member', 'admin')),
  active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
  plan_id INTEGER NOT NULL REFERENCES plans (id),
  referrer TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL CHECK (updated_at >= created_at),
  email_lower TEXT GENERATED ALWAYS AS (lower(email)) VIRTUAL
);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
INSERT INTO users (email, full_name, phone, password_hash, role, active, plan_id, referrer, created_at, updated_at)
SELECT 'user' || i || '@rookery.example', 'First' || i || ' Last' || i, '+1415555' || printf('%04d', i),
  '$2b$12$' || substr(hex(randomblob(40)), 1, 53), CASE i % 20 WHEN 0 THEN 'admin' ELSE 'member' END, i % 7 <> 0,
  1 + i % 2, CASE i % 5 WHEN 0 THEN 'ad' END,
  strftime('%Y-%m-%d %H:%M:%S', 1760000000 + i * 5000, 'unixepoch'), strftime('%Y-%m-%d %H:%M:%S', 1760000000 + i * 5000 + 70, 'unixepoch')
FROM n;";

#[test]
fn a_row_among_users() {
    let base = Base::with(USERS);
    let row = base.round("users");
    assert_eq!(row["id"], "61");
    assert_eq!(row["full_name"], "Mara Lindqvist");
    assert_eq!(row["role"], "member");
    assert!(["NULL", "ad"].contains(&row["referrer"].as_str()));
    assert!(
        row["phone"].starts_with("+141555501") && row["phone"].len() == 12,
        "{}",
        row["phone"]
    );
    assert!(row["password_hash"].starts_with("$2b$12$") && row["password_hash"].len() == 60);
    assert!(
        row["created_at"].as_str() >= "2025-10-12 20:13:20",
        "{}",
        row["created_at"]
    );
    assert!(row["updated_at"] >= row["created_at"] && row["updated_at"].len() == 19);
    let plan = plan_wish(&base.target("users"), &wish(), &Options::default()).expect("planned");
    let notes = plan.notes().join("\n");
    assert!(notes.contains("reserved for fiction"), "{notes}");
    assert!(notes.contains("as likely as its neighbours"), "{notes}");
    assert_eq!(base.dump("users").len(), 60, "planning inserts nothing");
    assert!(
        plan.diff().to_string().contains("+email "),
        "{}",
        plan.diff()
    );
    assert!(
        plan.diff().to_string().contains(" = …"),
        "what is the owner's is masked: {}",
        plan.diff()
    );
}

#[test]
fn the_record_holds_keys_and_digests_and_the_count_goes_back() {
    let base = Base::with(USERS);
    let sequence = || base.dump("sqlite_sequence");
    let before = sequence();
    let placement = base.plant("users").expect("planted");
    let row = base.row("users");
    let record = placement.detail.to_string();
    assert!(record.contains("mara.lindqvist@ops.example"), "{record}");
    for column in ["password_hash", "created_at"] {
        assert!(!record.contains(&row[column]), "{column}: {record}");
    }
    assert_ne!(sequence(), before);
    uproot(&placement, false, NOW).expect("uprooted");
    assert_eq!(sequence(), before);
}

#[test]
fn rows_whose_records_are_older_are_found_and_leave() {
    let base = Base::with(USERS);
    let mut placement = base.plant("users").expect("planted");
    let row = base.row("users");
    let cell = |column: &str, value: serde_json::Value, canary: bool| serde_json::json!({"column": column, "value": value, "canary": canary});
    let text =
        |column: &str, canary| cell(column, serde_json::json!({"text": row[column]}), canary);
    placement.detail = serde_json::json!({
        "table": "users",
        "key": [cell("id", serde_json::json!({"integer": 61}), false)],
        "cells": [
            text("email", true), text("full_name", true), text("password_hash", false),
            cell("active", serde_json::json!({"integer": row["active"].parse::<i64>().expect("a number")}), false),
        ],
    });
    assert_eq!(check(&placement).expect("checked"), Condition::Present);
    let run = |sql: &str| base.open().execute_batch(sql).expect("done");
    run("UPDATE users SET password_hash = 'x' WHERE id = 61");
    assert_eq!(check(&placement).expect("checked"), Condition::Moved);
    uproot(&placement, true, NOW).expect("uprooted");
    assert_eq!(base.dump("users").len(), 60);
}

#[test]
fn no_row_of_theirs_is_replaced() {
    let base = Base::with(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE ON CONFLICT REPLACE);
         INSERT INTO users (email) VALUES ('mara.lindqvist@ops.example'), ('a@x.example');",
    );
    let before = base.dump("users");
    base.plant("users").expect_err("somebody has that address");
    assert_eq!(base.dump("users"), before);
}

#[test]
fn a_city_keeps_its_postcode() {
    let places = [
        ("Tucson", "85701"),
        ("Portland", "97205"),
        ("Denver", "80202"),
        ("Fremont", "94536"),
    ];
    let rows: Vec<String> = (places.iter().enumerate())
        .map(|(at, (city, code))| {
            format!("('user{at}@rookery.example', 'First{at} Last{at}', '{city}', '{code}')")
        })
        .collect();
    let base = Base::with(&format!(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, full_name TEXT, city TEXT, postcode TEXT);
         INSERT INTO users (email, full_name, city, postcode) VALUES {}",
        rows.join(", ")
    ));
    for _ in 0..8 {
        let row = base.round("users");
        let place = (row["city"].as_str(), row["postcode"].as_str());
        assert!(places.contains(&place), "{place:?}");
    }
}

#[test]
fn dates_in_layouts_of_their_own_are_days_that_there_are() {
    let base = Base::with(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL, born TEXT, joined TEXT, left_on TEXT,
           day TEXT, seen INTEGER, stamp TEXT, opens TEXT, renewed TEXT);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60), d AS (
           SELECT i, julianday('1961-06-08') + i * 211 AS born, julianday('2021-01-20 05:37:11') + i * 7.31 AS came FROM n)
         INSERT INTO users SELECT i, 'user' || i || '@rookery.example', strftime('%d.%m.%Y', born),
           ltrim(strftime('%d', came), '0') || '/' || ltrim(strftime('%m', came), '0') || strftime('/%Y', came),
           strftime('%m/%d/%Y', came + 30), strftime('%d Aug %Y', born), strftime('%Y%m%d', came),
           strftime('%Y%m%d%H%M%S', came), strftime('%H:%M', came), strftime('%Y/%m/%d', came) FROM d;",
    );
    for _ in 0..8 {
        let row = base.round("users");
        for (column, layout, from, to) in [
            ("born", "%d.%m.%Y", "1961-06-08", "1996-02-10"),
            ("joined", "%d/%m/%Y", "2021-01-20", "2022-05-01"),
            ("left_on", "%m/%d/%Y", "2021-01-20", "2022-06-01"),
            ("day", "%d %b %Y", "1961-06-08", "1996-12-31"),
            ("seen", "%Y%m%d", "2021-01-20", "2022-05-01"),
            ("renewed", "%Y/%m/%d", "2021-01-20", "2022-05-01"),
        ] {
            let date = jiff::civil::Date::strptime(layout, &row[column]);
            let date = date.unwrap_or_else(|error| panic!("{column}: {error}"));
            let date = date.to_string();
            assert!(
                from <= date.as_str() && date.as_str() <= to,
                "{column}: {date}"
            );
        }
        let padded = row["joined"].split('/').any(|part| part.starts_with('0'));
        assert!(!padded, "{}", row["joined"]);
        jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", &row["stamp"]).expect("a moment");
        assert_eq!(row["stamp"].len(), 14);
        jiff::civil::Time::strptime("%H:%M", &row["opens"]).expect("a time of day");
    }
}

#[test]
fn mail_is_known_by_its_name_and_by_its_values() {
    for column in [
        "user_email",
        "e_mail",
        "E-Mail",
        "eMail",
        "E-Mail-Adresse",
        "correo",
        "kontakt",
    ] {
        let base = Base::with(&format!(
            "CREATE TABLE users (id INTEGER PRIMARY KEY, has_email TEXT, \"{column}\" TEXT, note TEXT);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30)
             INSERT INTO users SELECT i, 'yes', 'user' || i || '@rookery.example', 'a' FROM n;"
        ));
        let before = base.dump("users");
        let placement = base
            .plant("users")
            .unwrap_or_else(|error| panic!("{column}: {error}"));
        let own = base
            .dump("users")
            .into_iter()
            .filter(|row| !before.contains(row));
        let own: Vec<String> = own.collect();
        let [row] = own.as_slice() else {
            panic!("{column}: {own:?}")
        };
        assert!(
            row.ends_with("|Text(\"yes\")|Text(\"mara.lindqvist@ops.example\")|Text(\"a\")"),
            "{column}: {row}"
        );
        uproot(&placement, false, NOW).expect("uprooted");
        assert_eq!(base.dump("users"), before);
    }
    let base = Base::with(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, user_email TEXT, email_sent TEXT);",
    );
    base.plant("users").expect("the name alone tells");
    let base =
        Base::with("CREATE TABLE users (id INTEGER PRIMARY KEY, email_sent TEXT, has_email TEXT);");
    base.plant("users").expect_err("no address");
}

#[test]
fn running_numbers_are_continued() {
    let base = Base::with(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL, invoice TEXT UNIQUE, number INTEGER UNIQUE, coupon TEXT UNIQUE);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120)
         INSERT INTO users SELECT i, 'user' || i || '@rookery.example', printf('INV-2024-%05d', i), 5000 + i * 2,
           char(65 + i / 26, 65 + i % 26) FROM n;",
    );
    for _ in 0..6 {
        let row = base.round("users");
        assert_eq!(
            (row["invoice"].as_str(), row["number"].as_str()),
            ("INV-2024-00121", "5242")
        );
    }
    for (at, place) in ["new-table=copy&like=users", "table=copy&like=users"]
        .iter()
        .enumerate()
    {
        let target = format!("sqlite:{}?{place}", base.bench.target());
        let plan = plan_wish(&target, &wish(), &Options::default()).expect("planned");
        plan.apply(NOW).expect("planted");
        let next = format!("INV-2024-0012{}", at + 1);
        assert!(
            base.dump("copy").iter().any(|row| row.contains(&next)),
            "{next}"
        );
    }
}

#[test]
fn keys_of_several_columns_are_nobodys() {
    let base = Base::with(
        "CREATE TABLE users (tenant_id INTEGER, user_no INTEGER, email TEXT NOT NULL, PRIMARY KEY (tenant_id, user_no));
         CREATE TABLE grants (email TEXT, area TEXT, level TEXT, UNIQUE (area, level));
         WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 119)
         INSERT INTO users SELECT 1 + i % 5, 1 + i / 5, 'user' || i || '@rookery.example' FROM n;
         WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 35)
         INSERT INTO grants SELECT 'user' || i || '@rookery.example', 'area' || char(97 + i / 6), 'level' || char(97 + i % 6) FROM n
           WHERE i <> 20;",
    );
    for _ in 0..6 {
        assert_eq!(base.round("users")["user_no"], "25");
    }
    let row = base.round("grants");
    assert_eq!(
        (row["area"].as_str(), row["level"].as_str()),
        ("aread", "levelc")
    );
}

#[test]
fn what_is_there_already_says_what_next() {
    let base = Base::with(USERS);
    base.plant("users").expect("planted");
    let error = base.plant("users").expect_err("the address is there");
    let hint = error.hint().expect("a hint").to_owned();
    assert!(
        hint.contains("email") && hint.contains("another canary"),
        "{hint}"
    );
    let base = Base::with(
        "CREATE TABLE users (email TEXT NOT NULL); CREATE UNIQUE INDEX one ON users (length(email) > 0);
         INSERT INTO users VALUES ('a@x.example');",
    );
    let error = base.plant("users").expect_err("there may be one");
    let hint = error.hint().expect("a hint").to_owned();
    assert!(hint.contains("new-table=NAME&like=users"), "{hint}");
}

/// Free to take the neighbours' form, as what is minted without values of the operator's.
fn free_wish() -> Wish {
    Wish {
        free: BTreeSet::from(["email".to_owned(), "name".to_owned()]),
        ..wish()
    }
}

#[test]
fn logins_are_made_of_the_address_where_no_column_has_names() {
    for (login, local) in [
        ("substr(g, 1, 1) || f || i", "g || '.' || f || i"),
        ("f || substr(g, 1, 1)", "g || '_' || f"),
        ("g || f || i", "g || f || i"),
        ("g || f", "g || f || i"),
    ] {
        let base = Base::with(&format!(
            "CREATE TABLE users (id INTEGER PRIMARY KEY, username TEXT NOT NULL UNIQUE, email TEXT NOT NULL UNIQUE, password_hash TEXT);
             WITH g(a, g) AS (VALUES (0, 'frank'), (1, 'grace'), (2, 'henry'), (3, 'irene'), (4, 'julia'), (5, 'kevin')),
             f(b, f) AS (VALUES (0, 'thomas'), (1, 'wilson'), (2, 'miller'), (3, 'taylor'), (4, 'parker'), (5, 'bennet'))
             INSERT INTO users SELECT NULL, {login}, {local} || '@rookery.example', hex(randomblob(16))
               FROM (SELECT g, f, 10 + a * 6 + b AS i FROM g, f WHERE (a + b) % 2 = 0 ORDER BY i);"
        ));
        for _ in 0..6 {
            let before = base.dump("users");
            let plan = plan_wish(&base.target("users"), &free_wish(), &Options::default());
            let placement = plan.expect("planned").apply(NOW).expect("planted");
            let connection = base.open();
            let sql = "SELECT username, email FROM users WHERE email LIKE '%@ops.example'";
            let (username, email): (String, String) = connection
                .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
                .expect("one row");
            uproot(&placement, false, NOW).expect("uprooted");
            assert_eq!(base.dump("users"), before);
            let bare = |text: &str| {
                text.trim_end_matches(|c: char| c.is_ascii_digit())
                    .to_owned()
            };
            let own = email.split_once('@').expect("an address").0;
            let expected = match bare(own).split_once(['.', '_']) {
                Some((given, family)) if login.starts_with("substr") => {
                    format!("{}{family}{}", &given[..1], &own[bare(own).len()..])
                }
                Some((given, family)) => format!("{family}{}", &given[..1]),
                // All that have no figures are taken.
                None => own.to_owned(),
            };
            assert_eq!(username, expected, "{email}");
        }
    }
}

#[test]
fn strict_without_rowid_and_uuid_keys() {
    let base = Base::with(
        "CREATE TABLE clients (
           id TEXT PRIMARY KEY NOT NULL, email TEXT NOT NULL, api_key TEXT NOT NULL UNIQUE, secret BLOB NOT NULL,
           quota INTEGER NOT NULL, rate REAL NOT NULL, created INTEGER NOT NULL) STRICT, WITHOUT ROWID;
         INSERT INTO clients VALUES
          ('8f14e45f-ceea-467f-a8f3-1f4c2b6a9d01', 'a@x.example', 'cl_live_8d2kQ0', x'00112233445566778899aabbccddeeff', 10, 0.5, 1760000000123),
          ('c9f0f895-fb98-4b91-9f32-5a1d2e3c4b5a', 'b@x.example', 'cl_live_9s1Lz4', x'0f112233445566778899aabbccddeeff', 10, 0.5, 1760000900456),
          ('45c48cce-2e2d-4fbd-a1b2-c3d4e5f60718', 'c@x.example', 'cl_live_1m3Rt7', x'ff112233445566778899aabbccddeeff', 20, 0.5, 1760009000789);",
    );
    let row = base.round("clients");
    assert_eq!(
        uuid::Uuid::parse_str(&row["id"])
            .expect("a UUID")
            .get_version_num(),
        4
    );
    assert!(
        row["api_key"].starts_with("cl_live_") && row["api_key"].len() == 14,
        "{}",
        row["api_key"]
    );
    assert_eq!(row["secret"], "blob 16");
    let created: i64 = row["created"].parse().expect("a number");
    assert!(
        (1_760_000_000_000..=1_760_009_001_000).contains(&created),
        "{created}"
    );
}

#[test]
fn tables_without_a_key_survive_vacuum() {
    let base = Base::with(
        "CREATE TABLE contacts (Email TEXT, displayName TEXT, city TEXT);
         INSERT INTO contacts VALUES ('a@x.example', 'A B', 'Oslo'), ('b@x.example', 'C D', 'Oslo'), ('c@x.example', 'E F', 'Bonn');",
    );
    let placement = base.plant("contacts").expect("planted");
    base.open()
        .execute_batch("DELETE FROM contacts WHERE Email = 'c@x.example'; VACUUM;")
        .expect("done");
    assert_eq!(check(&placement).expect("checked"), Condition::Present);
    uproot(&placement, false, NOW).expect("uprooted");
    assert_eq!(base.dump("contacts").len(), 2);
}

#[test]
fn triggers_are_refused_and_named() {
    let base = Base::with(&format!(
        "{USERS} CREATE TABLE outbox (body TEXT);
         CREATE TRIGGER greet AFTER INSERT ON users BEGIN INSERT INTO outbox VALUES ('hello'); END;"
    ));
    let error = base.plant("users").expect_err("refused");
    assert!(error.to_string().contains("greet"), "{error}");
    assert!(base.dump("outbox").is_empty());
    let danger = Options {
        danger_default: true,
        ..Options::default()
    };
    let placement = base.plant_with("users", &danger).expect("allowed");
    assert_eq!(base.dump("outbox").len(), 1);
    uproot(&placement, false, NOW).expect("uprooted");
}

#[test]
fn rows_that_could_not_leave_again_are_not_planted() {
    for action in [
        "ABORT, 'never'",
        "FAIL, 'never'",
        "ROLLBACK, 'never'",
        "IGNORE",
    ] {
        let base = Base::with(&format!(
            "{USERS} CREATE TRIGGER stay BEFORE DELETE ON users BEGIN SELECT RAISE({action}); END;"
        ));
        let error = base.plant("users").expect_err(action).to_string();
        let said = if action == "IGNORE" {
            "0 rows"
        } else {
            "never"
        };
        assert!(
            error.contains("would not let the row go again") && error.contains(said),
            "{error}"
        );
        assert_eq!(base.dump("users").len(), 60);
    }
}

#[test]
fn delete_triggers_are_named_when_planting() {
    let base = Base::with(&format!(
        "{USERS} CREATE TABLE audit (body TEXT);
         CREATE TRIGGER farewell AFTER DELETE ON users BEGIN INSERT INTO audit VALUES (OLD.email); END;
         CREATE TRIGGER greet AFTER INSERT ON users BEGIN INSERT INTO audit VALUES (NEW.email); END;"
    ));
    let mut options = Options {
        danger_triggers: BTreeSet::from(["greet".to_owned()]),
        ..Options::default()
    };
    let error = base.plant_with("users", &options).expect_err("not allowed");
    let hint = error.hint().expect("a hint");
    assert!(
        error.to_string().contains("farewell") && hint.contains("--danger-trigger farewell"),
        "{error} {hint}"
    );
    options.danger_triggers.insert("farewell".to_owned());
    let plan = plan_wish(&base.target("users"), &wish(), &options).expect("allowed");
    let notes = plan.notes().join("\n");
    assert!(
        notes.contains("greet does elsewhere") && notes.contains("farewell runs when"),
        "{notes}"
    );
    assert!(base.dump("audit").is_empty(), "a rehearsal leaves nothing");
    let placement = plan.apply(NOW).expect("planted");
    uproot(&placement, false, NOW).expect_err("it runs with force only");
    uproot(&placement, true, NOW).expect("uprooted");
    assert_eq!(base.dump("audit").len(), 2);
}

#[test]
fn tables_that_cannot_hold_it_are_refused() {
    let base = Base::with(
        "CREATE TABLE numbers (id INTEGER PRIMARY KEY, amount INTEGER);
         CREATE VIEW people AS SELECT 1 AS email;
         CREATE TABLE taken (email TEXT UNIQUE); INSERT INTO taken VALUES ('mara.lindqvist@ops.example');
         CREATE TABLE picky (email TEXT CHECK (email LIKE '%@only.example')); INSERT INTO picky VALUES ('a@only.example');
         CREATE TABLE parents (id INTEGER PRIMARY KEY);
         CREATE TABLE orphans (email TEXT, parent INTEGER NOT NULL REFERENCES parents (id));
         CREATE TABLE second (email TEXT, contact_email TEXT NOT NULL); INSERT INTO second VALUES ('a@x.example', 'b@x.example');",
    );
    for table in [
        "numbers",
        "people",
        "taken",
        "picky",
        "orphans",
        "second",
        "absent",
        "sqlite_schema",
    ] {
        let before = read(&base.bench.file);
        let error = base.plant(table).expect_err(table);
        assert!(error.hint().is_some(), "{table}: {error}");
        assert!(read(&base.bench.file) == before, "{table}");
    }
    let domain = Options {
        mail_domain: Some("ops.example".into()),
        ..Options::default()
    };
    base.plant_with("second", &domain).expect("planted");
    let row = base.row("second");
    assert!(row["contact_email"].ends_with("@ops.example"));
}

#[test]
fn an_empty_table_takes_what_its_schema_tells() {
    let base = Base::with(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL, name TEXT NOT NULL,
           state TEXT NOT NULL CHECK (state IN ('new', 'old')), created_at TEXT NOT NULL, extra TEXT, n INT NOT NULL DEFAULT 3);",
    );
    let row = base.round("users");
    assert_eq!(
        (
            row["state"].as_str(),
            row["n"].as_str(),
            row["extra"].as_str()
        ),
        ("new", "3", "NULL")
    );
}

#[test]
fn changed_and_used_rows_stay_without_force() {
    let base = Base::with(&format!(
        "{USERS} CREATE TABLE messages (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users ON DELETE CASCADE);"
    ));
    let placement = base.plant("users").expect("planted");
    let run = |sql: &str| base.open().execute_batch(sql).expect("done");
    run("UPDATE users SET updated_at = '2030-01-01 00:00:00' WHERE id = 61");
    assert_eq!(check(&placement).expect("checked"), Condition::Moved);
    run("UPDATE users SET email = 'x@x.example' WHERE id = 61");
    assert_eq!(check(&placement).expect("checked"), Condition::Changed);
    assert!(matches!(
        uproot(&placement, false, NOW),
        Err(PlantError::NotOurs(_))
    ));
    run("INSERT INTO messages (user_id) VALUES (61)");
    assert!(matches!(
        uproot(&placement, true, NOW),
        Err(PlantError::Refused(_))
    ));
    assert_eq!(base.dump("users").len(), 61);
    run("DELETE FROM messages");
    uproot(&placement, true, NOW).expect("forced");
    assert_eq!(base.dump("users").len(), 60);
    assert_eq!(check(&placement).expect("checked"), Condition::Missing);
    assert!(matches!(
        uproot(&placement, true, NOW),
        Err(PlantError::NotOurs(_))
    ));
}

#[test]
fn an_interrupted_row_shows_and_leaves() {
    let base = Base::with(USERS);
    let plan = plan_wish(&base.target("users"), &wish(), &Options::default()).expect("planned");
    let intended = plan.placement().clone();
    assert_eq!(check(&intended).expect("checked"), Condition::Missing);
    plan.apply(NOW).expect("applied");
    assert_eq!(check(&intended).expect("checked"), Condition::HalfPlanted);
    uproot(&intended, false, NOW).expect("uprooted");
    assert_eq!(base.dump("users").len(), 60);
    std::fs::remove_file(&base.bench.file).expect("removed");
    assert_eq!(check(&intended).expect("checked"), Condition::Missing);
}

#[test]
fn what_is_no_database_is_left_alone() {
    let bench = Bench::with("a.db", b"not a database at all");
    let target = format!("sqlite:{}?table=users", bench.target());
    let error = plan_wish(&target, &wish(), &Options::default())
        .err()
        .expect("refused");
    assert!(matches!(error, PlantError::Target(_)), "{error}");
    assert_eq!(bench.files(), 1);
}
