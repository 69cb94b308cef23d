//! Rows in database servers, in sample databases that many know: planted with every constraint of theirs
//! holding, found again, and taken out so that a dump is what it was.

use lapwing_tests::{Home, Ran};
use serde_json::Value;

use crate::bait::home;
use crate::servers::Server;

const PAGILA: &str = include_str!("schemas/pagila.sql");
const SAKILA: &str = include_str!("schemas/sakila.sql");
const CHINOOK: &str = include_str!("schemas/chinook.sql");

/// Plants so many people, looks at them, and takes them out again.
fn round(home: &Home, server: &Server, table: &str, count: usize) {
    let before = server.lasting_dump();
    let target = server.target(table);
    for _ in 0..count {
        home.ok(&["plant", "person", &target, "--yes"]);
    }
    assert_ne!(server.lasting_dump(), before);
    let checked = home.json(&["check"]);
    for placement in checked.as_array().unwrap() {
        assert_eq!(placement["condition"], "unchanged", "{placement}");
    }
    home.ok(&["uproot", &target, "--yes"]);
    assert!(
        server.lasting_dump() == before,
        "{table}: the dump is what it was"
    );
}

#[test]
fn rows_come_and_go_in_pagila() {
    let (home, server) = (home(), Server::postgresql());
    server.load(PAGILA);
    let shown = home.ok(&["plant", "person", &server.target("customer"), "--dry-run"]);
    assert!(
        shown.contains("@@ public.address @@"),
        "its own address: {shown}"
    );
    assert!(shown.contains("store_id"), "{shown}");
    let tables =
        "SELECT (SELECT count(*) FROM customer), (SELECT last_value FROM customer_customer_id_seq)";
    assert_eq!(
        server.ask("app", tables),
        "300|300",
        "a rehearsal leaves nothing"
    );
    home.ok(&["plant", "person", &server.target("customer"), "--yes"]);
    let row = server.ask("app", "SELECT first_name, last_name, email, create_date, active FROM customer WHERE customer_id = 301");
    let fields: Vec<&str> = row.split('|').collect();
    let (local, domain) = fields[2].split_once('@').unwrap();
    assert_eq!(local, format!("{}.{}", fields[0], fields[1]), "{row}");
    assert!(
        local.chars().all(|c| !c.is_lowercase()) && domain.ends_with("example.org"),
        "{row}"
    );
    assert_eq!(fields[3], "2022-02-14");
    home.ok(&["uproot", &server.target("customer"), "--yes"]);
    round(&home, &server, "customer", 4);
}

#[test]
fn rows_come_and_go_in_sakila() {
    let (home, server) = (home(), Server::mariadb());
    server.load(SAKILA);
    let before = server.lasting_dump();
    home.ok(&["plant", "person", &server.target("customer"), "--dry-run"]);
    assert!(
        server.lasting_dump() == before,
        "a rehearsal leaves nothing"
    );
    round(&home, &server, "customer", 4);
    for (kind, table, part) in [
        ("person", "film_text", "MyISAM"),
        ("person", "film", "ins_film"),
    ] {
        let ran = home.run(&["plant", kind, &server.target(table), "--yes"]);
        assert!(ran.code == 1 && ran.stderr.contains(part), "{}", ran.stderr);
    }
}

#[test]
fn rows_come_and_go_in_chinook() {
    let (home, server) = (home(), Server::postgresql());
    server.load(CHINOOK);
    round(&home, &server, "Customer", 4);
}

#[test]
fn what_could_do_harm_is_refused_and_named() {
    let (home, server) = (home(), Server::postgresql());
    server.load(PAGILA);
    server.load(
        "CREATE TABLE outbox (body text);
         CREATE FUNCTION welcome() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN INSERT INTO outbox VALUES (NEW.email); RETURN NEW; END $$;
         CREATE TRIGGER welcome AFTER INSERT ON customer FOR EACH ROW EXECUTE FUNCTION welcome();
         CREATE ROLE app LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO app; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app;
         ALTER TABLE staff ENABLE ROW LEVEL SECURITY;",
    );
    let target = server.target("customer");
    let Ran { code, stderr, .. } = home.run(&["plant", "person", &target, "--yes"]);
    assert!(code == 1 && stderr.contains("trigger welcome"), "{stderr}");
    assert!(stderr.contains("--danger-trigger welcome"), "{stderr}");
    assert_eq!(server.ask("app", "SELECT count(*) FROM customer"), "300");
    home.ok(&[
        "plant",
        "person",
        &target,
        "--danger-trigger",
        "welcome",
        "--yes",
    ]);
    assert_eq!(server.ask("app", "SELECT count(*) FROM outbox"), "1");
    for (table, part) in [
        ("customer_list", "no table"),
        ("nowhere", "is not a table"),
        ("film", "no column"),
    ] {
        let ran = home.run(&["plant", "person", &server.target(table), "--yes"]);
        assert!(ran.code == 1 && ran.stderr.contains(part), "{}", ran.stderr);
        assert!(ran.stderr.contains("hint:"), "{}", ran.stderr);
    }
    let secured = server.target("staff").replace("postgres@", "app@");
    let ran = home.run(&["plant", "person", &secured, "--yes"]);
    assert!(ran.stderr.contains("row security"), "{}", ran.stderr);
    let far = "postgres://app@db.example.net/shop?table=users";
    let ran = home.run(&["plant", "person", far, "--yes"]);
    assert!(ran.stderr.contains("ssh -L"), "{}", ran.stderr);
}

#[test]
fn changed_and_used_rows_stay_without_force() {
    let (home, server) = (home(), Server::postgresql());
    server.load(PAGILA);
    let target = server.target("customer");
    home.ok(&["plant", "person", &target, "--yes"]);
    let word = || {
        let printed = home.run(&["check", "--json"]).stdout;
        let rows: Value = serde_json::from_str(&printed).unwrap();
        rows[0]["condition"].as_str().unwrap().to_owned()
    };
    server.ask(
        "app",
        "UPDATE customer SET active = 0 WHERE customer_id = 301",
    );
    assert_eq!(word(), "present");
    assert_eq!(home.run(&["uproot", &target, "--yes"]).code, 1);
    server.ask(
        "app",
        "UPDATE customer SET email = 'x@x.example' WHERE customer_id = 301",
    );
    assert_eq!(word(), "changed");
    server.ask("app", "INSERT INTO payment (customer_id, staff_id, amount, payment_date) VALUES (301, 1, 1, '2022-01-07')");
    let ran = home.run(&["uproot", &target, "--force", "--yes"]);
    assert!(
        ran.code == 1 && ran.stderr.contains("payment refer"),
        "{}",
        ran.stderr
    );
    server.ask("app", "DELETE FROM payment WHERE customer_id = 301");
    home.ok(&["uproot", &target, "--force", "--yes"]);
    let left = server.ask(
        "app",
        "SELECT (SELECT count(*) FROM customer), (SELECT count(*) FROM address)",
    );
    assert_eq!(left, "300|320");
}

#[test]
fn a_password_is_used_and_forgotten() {
    let (home, server) = (home(), Server::postgresql());
    server.load(CHINOOK);
    let target = server.target("Customer");
    let typed = target.replace("postgres@", "postgres:Hidden-7781@");
    home.ok(&["plant", "person", &typed, "--yes"]);
    let places = home.ok(&["places", "--json"]);
    assert!(
        places.contains("public.Customer") && !places.contains("Hidden-7781"),
        "{places}"
    );
    home.ok(&["uproot", &typed, "--yes"]);
}
