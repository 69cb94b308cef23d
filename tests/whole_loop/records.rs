//! Decoy records: localised rows, dumps that the databases themselves load and write out again alike,
//! and the trips that a stolen row leads to.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use lapwing_tests::{Home, Minted, Ran, finish, get, trips};
use serde_json::Value;

use crate::bait::{CURL, home};
use crate::servers::Server;

const RECORDS: [&str; 8] = [
    "api-client",
    "customer",
    "employee",
    "oauth-client",
    "payment",
    "person",
    "session",
    "webhook",
];

/// Kinds that look other in other countries, and some countries.
const LOCAL: [(&str, &str); 6] = [
    ("person", "es_MX"),
    ("person", "ru_RU"),
    ("customer", "it_IT"),
    ("customer", "ru_RU"),
    ("employee", "tr_TR"),
    ("payment", "fr_FR"),
];

fn dump(home: &Home, kind: &str, dialect: &str, more: &[&str]) -> String {
    let args = [
        "mint",
        kind,
        "--count",
        "40",
        "--out",
        "sql",
        "--dialect",
        dialect,
    ];
    home.ok(&[&args, more].concat())
}

/// Every kind of record, and some in other languages.
fn every() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    let plain = RECORDS.iter().map(|kind| (*kind, Vec::new()));
    plain.chain(
        LOCAL
            .iter()
            .map(|(kind, locale)| (*kind, vec!["--locale", *locale])),
    )
}

fn sqlite(file: &Path, sql: &str) -> String {
    let Ran {
        code,
        stdout,
        stderr,
    } = finish(Command::new("sqlite3").arg("-bail").arg(file).arg(sql));
    assert!(code == 0 && stderr.is_empty(), "{sql}: {stderr}");
    stdout.trim().to_owned()
}

/// The lines from one that begins so up to one that is so, without either.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> Vec<&'a str> {
    let lines = text.lines().skip_while(|line| !line.starts_with(begin));
    let lines: Vec<&str> = lines.skip(1).take_while(|line| *line != end).collect();
    assert!(
        !lines.is_empty(),
        "nothing between {begin} and {end}:\n{text}"
    );
    lines
}

/// The name after `CREATE TABLE `.
fn table(text: &str) -> String {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("CREATE TABLE "))
        .expect("a table is made");
    let name = line.split([' ', '(']).next().expect("a name");
    name.trim_start_matches("public.")
        .trim_matches(['`', '"'])
        .to_owned()
}

#[test]
fn sqlite_loads_every_dump_and_writes_it_out_alike() {
    let home = home();
    for (kind, more) in every() {
        let text = dump(&home, kind, "sqlite", &more);
        let (script, file) = (home.path().join("in.sql"), home.path().join("in.db"));
        std::fs::write(&script, &text).unwrap();
        let _ = std::fs::remove_file(&file);
        sqlite(&file, &format!(".read {}", script.display()));
        let name = table(&text);
        let count = sqlite(&file, &format!("SELECT count(*) FROM \"{name}\""));
        assert_eq!(count, "40", "{kind} {more:?}");
        assert_eq!(sqlite(&file, "PRAGMA integrity_check"), "ok");
        let inserts = |text: &str| -> Vec<String> {
            let rows = text.lines().filter(|line| line.starts_with("INSERT INTO"));
            rows.map(str::to_owned).collect()
        };
        let again = sqlite(&file, ".dump");
        assert_eq!(inserts(&text), inserts(&again), "{kind} {more:?}");
        assert!(text.contains("CREATE") && text.lines().next() == again.lines().next());
    }
}

#[test]
fn postgresql_loads_every_dump_and_writes_it_out_alike() {
    let home = home();
    let server = Server::postgresql();
    for (kind, more) in every() {
        let text = dump(&home, kind, "postgresql", &more);
        // What `pg_dump` 17 sets, older servers do not know.
        server.load(&text.replace("SET transaction_timeout = 0;\n", ""));
        let again = server.dump();
        let name = table(&text);
        let copy = format!("COPY public.{name} ");
        assert_eq!(between(&text, &copy, "\\.").len(), 40, "{kind} {more:?}");
        assert_eq!(
            between(&text, &copy, "\\."),
            between(&again, &copy, "\\."),
            "{kind} {more:?}"
        );
        let create = format!("CREATE TABLE public.{name} (");
        assert_eq!(
            between(&text, &create, ");"),
            between(&again, &create, ");")
        );
        // What stands between the versions and the end is the same but for the owner.
        let body = |text: &str| -> Vec<String> {
            let lines = text.lines().skip_while(|line| !line.starts_with("SET "));
            let lines = lines.take_while(|line| !line.starts_with("\\unrestrict"));
            let ours =
                |line: &&str| !line.contains("OWNER TO") && !line.contains("SET transaction");
            let lines = lines.filter(|line| ours(line) && !line.is_empty());
            lines
                .map(|line| line.replace("Owner: postgres", "Owner: -"))
                .collect()
        };
        assert_eq!(body(&text), body(&again), "{kind} {more:?}");
        server.ask("app", &format!("DROP TABLE public.\"{name}\""));
    }
}

#[test]
fn mariadb_loads_every_dump_and_writes_it_out_alike() {
    let home = home();
    let server = Server::mariadb();
    let mut ours = 0;
    for (kind, more) in every() {
        let text = dump(&home, kind, "mysql", &more);
        server.load(&text);
        let name = table(&text);
        let count = server.ask("app", &format!("SELECT count(*) FROM `{name}`"));
        assert_eq!(count, "40", "{kind} {more:?}");
        let again = server.dump();
        if text.contains("MariaDB dump") {
            ours += 1;
            let body = |text: &str| -> Vec<String> {
                let lines = text
                    .lines()
                    .skip_while(|line| !line.starts_with("/*!40101"));
                let lines = lines.filter(|line| {
                    !line.starts_with("-- Dump completed")
                        && !line.contains("character_set_client =")
                });
                lines.map(without_counter).collect()
            };
            assert_eq!(body(&text), body(&again), "{kind} {more:?}");
        }
        server.ask("app", &format!("DROP TABLE `{name}`"));
    }
    assert!(ours > 0, "some of the dumps are MariaDB's own");
}

/// A line without `AUTO_INCREMENT=7`: loading sets it anew.
fn without_counter(line: &str) -> String {
    match line.split_once(" AUTO_INCREMENT=") {
        Some((head, rest)) => {
            let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{head}{rest}")
        }
        None => line.to_owned(),
    }
}

#[test]
fn a_row_of_a_loaded_dump_trips_by_its_link_and_by_its_address() {
    let home = home();
    let text = dump(
        &home,
        "person",
        "sqlite",
        &["--locale", "pl_PL", "--memo", "list of members"],
    );
    let links: BTreeSet<&str> = text
        .split('\'')
        .filter(|value| value.starts_with("http://"))
        .collect();
    assert_eq!(links.len(), 40);
    let address = text
        .split('\'')
        .find(|value| value.contains('@') && value.ends_with(".example.org"))
        .expect("an e-mail address");
    let station = home.listen(&[]);
    let link = links.first().unwrap().strip_prefix("http://").unwrap();
    let (host, path) = link.split_once('/').unwrap();
    get(station.address(), host, &format!("/{path}"), &[CURL]);
    let query = format!("/search?q={address}");
    get(station.address(), host, &query, &[CURL]);
    for trip in trips(&home, 2) {
        let id = trip["trip"]["canary"].as_str().unwrap().to_owned();
        let canaries = home.json(&["canaries", "--limit", "1000"]);
        let canary = canaries
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["id"] == *id);
        assert_eq!(canary.unwrap()["memo"], "list of members");
    }
}

#[test]
fn rows_are_of_the_country_asked_for() {
    let home = home();
    let printed = home.ok(&[
        "mint", "person", "--count", "20", "--locale", "ru_RU", "--out", "json",
    ]);
    for line in printed.lines() {
        let person = Minted::parse(line);
        let cyrillic = |text: &str| text.chars().any(|c| ('а'..='я').contains(&c));
        assert!(cyrillic(person.field("name")) && cyrillic(person.field("city")));
        assert!(person.field("email").is_ascii() && !person.fields.contains_key("phone"));
    }
    home.settings(
        "locale = \"de_DE\"\nphones = [\"030 23125999\"]\naddresses = [\"http://*.example.org\"]",
    );
    let person = home.mint("person", &[]);
    assert_eq!(person.field("phone"), "030 23125999");
    assert!(["DE", "Deutschland"].contains(&person.field("country")));
    let person = home.mint("person", &["--locale", "en_GB", "--set", "phone=reserved"]);
    assert!(
        person.field("phone").starts_with('0'),
        "{:?}",
        person.fields
    );
    for (args, part) in [
        (&["mint", "person", "--locale", "xx"][..], "es_MX"),
        (
            &["mint", "twilio", "--locale", "es_MX"],
            "differs by country",
        ),
        (
            &[
                "mint",
                "person",
                "--locale",
                "es_MX",
                "--set",
                "phone=reserved",
            ],
            "México",
        ),
        (
            &["mint", "person", "--set", "phone=+15035550100"],
            "formula",
        ),
        (&["mint", "person", "--dialect", "mysql"], "--out sql"),
        (
            &["mint", "person", "--table", "users", "--out", "env"],
            "rows of a table",
        ),
    ] {
        let ran = home.run(args);
        assert_eq!(ran.code, 1, "{args:?}");
        assert_eq!(ran.stdout, "", "{args:?}: nothing is minted");
        assert!(ran.stderr.contains(part), "{args:?}: {}", ran.stderr);
    }
}

#[test]
fn rows_of_a_table_carry_none_of_our_ids() {
    let home = home();
    let args = [
        "mint", "customer", "--count", "30", "--table", "kunden", "--locale", "de_DE",
    ];
    let csv = home.ok(&[&args[..], &["--out", "csv"]].concat());
    let json = home.ok(&[&args[..], &["--out", "json"]].concat());
    let sql = home.ok(&[&args[..], &["--out", "sql"]].concat());
    assert!(sql.contains("CREATE TABLE public.kunden ("), "{sql}");
    let head: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    assert_eq!(head[0], "id");
    assert_eq!((csv.lines().count(), json.lines().count()), (31, 30));
    let numbers: Vec<u64> = csv
        .lines()
        .skip(1)
        .map(|line| line.split(',').next().unwrap().parse().unwrap())
        .collect();
    assert!(numbers.is_sorted());
    let row: Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert!(row["id"].as_str().unwrap().parse::<u64>().is_ok(), "{row}");
    for canary in home
        .json(&["canaries", "--limit", "1000"])
        .as_array()
        .unwrap()
    {
        let id = canary["id"].as_str().unwrap();
        assert!(!csv.contains(id) && !json.contains(id) && !sql.contains(id));
    }
}

#[test]
fn every_record_can_be_planted_among_others_of_its_kind() {
    let home = home();
    for kind in RECORDS {
        let text = dump(&home, kind, "sqlite", &[]);
        let (script, file) = (home.path().join("p.sql"), home.path().join("p.db"));
        std::fs::write(&script, &text).unwrap();
        let _ = std::fs::remove_file(&file);
        sqlite(&file, &format!(".read {}", script.display()));
        let target = format!("sqlite:{}?table={}", file.display(), table(&text));
        home.ok(&["plant", kind, &target, "--yes"]);
        let count = format!("SELECT count(*) FROM \"{}\"", table(&text));
        assert_eq!(sqlite(&file, &count), "41", "{kind}");
        home.ok(&["uproot", &target, "--yes"]);
        assert_eq!(sqlite(&file, &count), "40", "{kind}");
    }
}
