//! Predicates and views that leave planted rows out, run by the databases' own programs.

use std::path::Path;
use std::process::Command;

use lapwing_tests::{Home, finish};
use serde_json::Value;

use crate::bait::home;
use crate::servers::Server;

/// Tables with a key that is counted, of two columns, of texts that need care, and with none.
const TABLES: [&str; 4] = ["people", "members", "clients", "contacts"];

const GIVEN: [&str; 10] = [
    "Ana", "Bruno", "Carla", "Diego", "Elena", "Fabio", "Greta", "Hugo", "Ines", "Jonas",
];
const FAMILY: [&str; 6] = ["Silva", "Moreau", "Keller", "Novak", "Larsen", "Rossi"];

/// The tables and sixty rows in each; the text keys hold a quote and a backslash.
fn script(counted: &str) -> String {
    let mut sql = format!(
        "CREATE TABLE people (id {counted}, email varchar(120) NOT NULL UNIQUE, full_name varchar(80) NOT NULL);
         CREATE TABLE members (region varchar(8) NOT NULL, number integer NOT NULL, email varchar(120) NOT NULL, full_name varchar(80) NOT NULL, PRIMARY KEY (region, number));
         CREATE TABLE clients (id varchar(40) PRIMARY KEY NOT NULL, email varchar(120) NOT NULL, full_name varchar(80) NOT NULL);
         CREATE TABLE contacts (email varchar(120), full_name varchar(80));\n"
    );
    let people = GIVEN
        .iter()
        .flat_map(|given| FAMILY.iter().map(move |family| (given, family)));
    for (at, (given, family)) in people.enumerate() {
        let mail = format!("{given}.{family}@rookery.example").to_lowercase();
        let person = format!("'{mail}', '{given} {family}'");
        let region = ["eu", "us"][at % 2];
        sql.push_str(&format!(
            "INSERT INTO people (email, full_name) VALUES ({person});
             INSERT INTO members VALUES ('{region}', {}, {person});
             INSERT INTO clients VALUES ('O''K\\{}', {person});
             INSERT INTO contacts VALUES ({person});\n",
            100 + at * 7,
            4000 + at * 37
        ));
    }
    sql
}

/// Plants two people in each table, makes the views, and looks into them with the engine's own program.
fn round(home: &Home, target: impl Fn(&str) -> String, ask: impl Fn(&str) -> String) {
    let rows = |relation: &str| {
        let mut rows: Vec<String> = ask(&format!("SELECT * FROM {relation}"))
            .lines()
            .map(str::to_owned)
            .collect();
        rows.sort();
        rows
    };
    let before: Vec<Vec<String>> = TABLES.iter().map(|table| rows(table)).collect();
    for table in TABLES {
        for _ in 0..2 {
            let said = home
                .run(&["plant", "person", &target(table), "--yes"])
                .stderr;
            assert!(said.contains("your own jobs leave it out by"), "{said}");
        }
    }
    let found = home.json(&["exclude"]);
    assert_eq!(found.as_array().unwrap().len(), TABLES.len(), "{found}");
    for (table, before) in TABLES.iter().zip(&before) {
        let of = home.json(&["exclude", &target(table)]);
        let one = &of[0];
        assert_eq!(one["rows"], 2, "{of}");
        ask(one["view"].as_str().unwrap());
        assert_eq!(rows(table).len(), 62);
        assert_eq!(&rows(&format!("{table}_reporting")), before, "{of}");
        let predicate = one["predicate"].as_str().unwrap();
        let count = ask(&format!("SELECT count(*) FROM {table} WHERE {predicate}"));
        assert_eq!(count, "60", "{predicate}");
        assert!(!of.to_string().to_lowercase().contains("lapwing"), "{of}");
    }
    let printed = home.ok(&["exclude", &target("people")]);
    assert!(
        printed.contains("CREATE VIEW") && printed.contains("2 rows"),
        "{printed}"
    );
    let database = target("people")
        .replace("?table=people", "")
        .replace("&table=people", "");
    let all: Value = home.json(&["exclude", &database]);
    assert_eq!(all, found, "a database's name stands for its tables");
}

#[test]
fn in_postgresql() {
    let (home, server) = (home(), Server::postgresql());
    server.load(&script("serial PRIMARY KEY"));
    round(
        &home,
        |table| server.target(table),
        |sql| server.ask("app", sql),
    );
}

#[test]
fn in_mariadb() {
    let (home, server) = (home(), Server::mariadb());
    let script = script("integer PRIMARY KEY AUTO_INCREMENT");
    server.load(&script.replace('\\', "\\\\"));
    round(
        &home,
        |table| server.target(table),
        |sql| server.ask("app", sql),
    );
}

fn sqlite(file: &Path, sql: &str) -> String {
    let ran = finish(Command::new("sqlite3").arg("-bail").arg(file).arg(sql));
    assert_eq!(ran.code, 0, "{sql}: {}", ran.stderr);
    ran.stdout.trim().to_owned()
}

#[test]
fn in_sqlite() {
    let home = home();
    let file = home.path().join("shop.db");
    sqlite(&file, &script("INTEGER PRIMARY KEY AUTOINCREMENT"));
    let before = sqlite(&file, ".dump");
    let target = |table: &str| format!("sqlite:{}?table={table}", file.display());
    round(&home, target, |sql| sqlite(&file, sql));
    for table in TABLES {
        sqlite(&file, &format!("DROP VIEW {table}_reporting"));
        home.ok(&["uproot", &target(table), "--yes"]);
    }
    assert_eq!(sqlite(&file, ".dump"), before, "the dump is what it was");
}

#[test]
fn nothing_planted_is_nothing_to_leave_out() {
    let home = home();
    assert_eq!(home.ok(&["exclude"]), "");
    let ran = home.run(&["exclude", "sqlite:nowhere.db?table=users"]);
    assert!(
        ran.code == 1 && ran.stderr.contains("hint:"),
        "{}",
        ran.stderr
    );
}
