//! Tables, views and logins of ours in databases: made like the neighbours, told of by the server's log where
//! that can be, and gone afterwards so that a dump is what it was.

use std::fs;
use std::path::Path;
use std::process::Command;

use lapwing_core::bounded::read_file;
use lapwing_tests::{Home, finish};

use crate::bait::home;
use crate::servers::Server;

const PAGILA: &str = include_str!("schemas/pagila.sql");
const SAKILA: &str = include_str!("schemas/sakila.sql");

/// A target with other parameters than `table=NAME`.
fn target(server: &Server, parameters: &str) -> String {
    server.target("").replace("table=", parameters)
}

fn conditions(home: &Home) -> Vec<String> {
    let printed = home.run(&["check", "--json"]).stdout;
    let rows: serde_json::Value = serde_json::from_str(&printed).unwrap();
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row["condition"].as_str().unwrap().to_owned())
        .collect()
}

/// Runs a command that must be refused; says why.
fn refused(home: &Home, args: &[&str]) -> String {
    let ran = home.run(args);
    assert!(
        ran.code == 1 && ran.stderr.contains("hint:"),
        "{args:?}: {}",
        ran.stderr
    );
    ran.stderr
}

/// A table of ours like the sample database's customers: planted, guarded, uprooted.
fn table(home: &Home, server: &Server) {
    let before = server.lasting_dump();
    let made = target(server, "new-table=customer_archive&like=customer");
    let diff = home.ok(&["plant", "person", &made, "--dry-run"]);
    assert!(diff.contains("+CREATE TABLE"), "{diff}");
    assert!(
        server.lasting_dump() == before,
        "a rehearsal leaves nothing"
    );
    home.ok(&["plant", "person", &made, "--count", "5", "--yes"]);
    let numbers = "SELECT customer_id FROM customer_archive ORDER BY customer_id";
    let found = server.ask("app", numbers).replace('\n', " ");
    assert_eq!(found, "1 2 3 4 5", "numbers of its own");
    let mail = "SELECT count(*) FROM customer_archive WHERE lower(email) LIKE '%@%example.org'";
    assert_eq!(server.ask("app", mail), "5");
    assert_eq!(conditions(home), vec!["unchanged"; 5]);
    assert_eq!(
        home.json(&["exclude"]),
        serde_json::json!([]),
        "no job reads it"
    );
    let again = refused(home, &["plant", "person", &made, "--yes"]);
    assert!(again.contains("exists already"), "{again}");

    server.ask(
        "app",
        "INSERT INTO customer_archive SELECT * FROM customer WHERE customer_id = 77",
    );
    let kept = refused(home, &["uproot", &made, "--yes"]);
    assert!(kept.contains("1 other rows"), "{kept}");
    assert_eq!(
        server.ask(
            "app",
            "SELECT count(*) FROM customer_archive WHERE customer_id = 77"
        ),
        "1"
    );
    server.ask("app", "DELETE FROM customer_archive WHERE customer_id = 77");
    home.ok(&["uproot", &made, "--yes"]);
    assert!(server.lasting_dump() == before, "the dump is what it was");
}

#[test]
fn a_table_in_postgresql() {
    let (home, server) = (home(), Server::postgresql());
    server.load(PAGILA);
    server.load(
        "CREATE ROLE shop; CREATE ROLE app LOGIN; GRANT SELECT ON customer TO app;
         COMMENT ON TABLE customer IS 'People''s accounts'; ALTER TABLE customer OWNER TO shop;",
    );
    let made = target(&server, "new-table=customer_archive&like=customer");
    let by_app = made.replace("postgres@", "app@");
    let why = refused(&home, &["plant", "person", &by_app, "--yes"]);
    assert!(why.contains("owned by shop"), "{why}");
    let unlike = target(&server, "new-table=customer_archive");
    let why = refused(&home, &["plant", "person", &unlike, "--yes"]);
    assert!(
        why.contains("like=TABLE") && why.contains("public.customer"),
        "{why}"
    );

    home.ok(&["plant", "person", &made, "--yes"]);
    let about = server.ask(
        "app",
        "SELECT tableowner, obj_description('customer_archive'::regclass), has_table_privilege('app', 'customer_archive', 'SELECT'),
           has_table_privilege('app', 'customer_archive', 'DELETE'),
           (SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND 'customer_archive'::regclass IN (conrelid, confrelid)),
           (SELECT count(*) FROM pg_trigger WHERE tgrelid = 'customer_archive'::regclass)
         FROM pg_tables WHERE tablename = 'customer_archive'",
    );
    assert_eq!(about, "shop|People's accounts|t|f|0|0");
    let columns = |table: &str| {
        server.ask("app", &format!("SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0"))
    };
    assert_eq!(columns("customer_archive"), columns("customer"));
    home.ok(&["uproot", &made, "--yes"]);
    table(&home, &server);
}

#[test]
fn a_table_in_mariadb() {
    let (home, server) = (home(), Server::mariadb());
    server.load(SAKILA);
    table(&home, &server);
}

#[test]
fn reading_a_view_in_postgresql_leaves_a_line_in_its_log() {
    let (home, server) = (home(), Server::postgresql());
    server.load(PAGILA);
    server.load("CREATE ROLE app LOGIN; GRANT SELECT, UPDATE ON customer TO app;");
    let before = server.lasting_dump();
    let made = target(&server, "new-view=customer_vip&like=customer");
    home.ok(&["plant", "person", &made, "--yes"]);
    assert_eq!(conditions(&home), ["unchanged"]);
    let log = server.log();
    let scan = ["scan", log.to_str().unwrap()];
    assert_eq!(home.run(&scan).code, 0, "nobody has read it");
    let mail = server.ask_as("app", "SELECT email FROM customer_vip");
    assert!(mail.to_lowercase().ends_with("example.org"), "{mail}");
    let scanned = home.run(&scan);
    assert_eq!(scanned.code, 6, "{}", scanned.stderr);
    let canary = home.json(&["places"])[0]["canary"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(scanned.stdout.contains(&canary), "{}", scanned.stdout);
    let text = String::from_utf8(read_file(&log, 1 << 20).unwrap()).unwrap();
    let line = text.lines().find(|line| line.contains(&mail)).unwrap();
    assert!(
        line.contains("LOG:") && line.contains("customer_vip") && line.contains("app"),
        "{line}"
    );
    assert!(!text.to_lowercase().contains("lapwing"), "{text}");
    let rights = "SELECT has_table_privilege('app', 'customer_vip', 'SELECT'), has_table_privilege('app', 'customer_vip', 'UPDATE')";
    assert_eq!(server.ask("app", rights), "t|f");

    server.ask("app", "ALTER VIEW customer_vip RENAME COLUMN email TO mail");
    assert_eq!(conditions(&home), ["changed"]);
    let why = refused(&home, &["uproot", &made, "--yes"]);
    assert!(why.contains("--force"), "{why}");
    server.ask("app", "CREATE VIEW above AS SELECT * FROM customer_vip");
    let why = refused(&home, &["uproot", &made, "--force", "--yes"]);
    assert!(why.contains("depend"), "{why}");
    server.ask("app", "DROP VIEW above");
    home.ok(&["uproot", &made, "--force", "--yes"]);
    assert!(server.lasting_dump() == before, "the dump is what it was");
}

#[test]
fn a_view_in_mariadb() {
    let (home, server) = (home(), Server::mariadb());
    server.load(SAKILA);
    let before = server.lasting_dump();
    let made = target(&server, "new-view=customer_vip&like=customer");
    home.ok(&["plant", "person", &made, "--yes"]);
    let mail = server.ask("app", "SELECT email FROM customer_vip");
    assert!(mail.to_lowercase().ends_with("example.org"), "{mail}");
    assert_eq!(conditions(&home), ["unchanged"]);
    home.ok(&["uproot", &made, "--yes"]);
    assert!(server.lasting_dump() == before, "the dump is what it was");
}

/// Makes a login, and gives its password as the diff shows it.
fn login(home: &Home, server: &Server, kind: &str) -> (String, String) {
    let made = target(server, "new-role=report_legacy");
    let shown = home.ok(&["plant", kind, &made, "--yes"]);
    let line = shown
        .lines()
        .find(|line| line.starts_with("+CREATE"))
        .unwrap();
    let password = line.rsplit('\'').nth(1).unwrap().to_owned();
    assert!(password.len() >= 16, "{shown}");
    (made, password)
}

/// Whether a program can log in with it.
fn can_log_in(command: &mut Command) -> bool {
    finish(command).code == 0
}

#[test]
fn a_login_in_postgresql_may_nothing() {
    let (home, server) = (home(), Server::postgresql());
    server.load("CREATE TABLE secret (a int); CREATE ROLE app LOGIN; REVOKE CONNECT ON DATABASE app FROM PUBLIC; GRANT CONNECT ON DATABASE app TO app;");
    let (dump, before) = (server.lasting_dump(), server.accounts());
    let by_app = target(&server, "new-role=report_legacy").replace("postgres@", "app@");
    let why = refused(&home, &["plant", "postgres-uri", &by_app, "--yes"]);
    assert!(why.contains("may not make roles"), "{why}");
    let (made, password) = login(&home, &server, "postgres-uri");
    let socket = server.log().parent().unwrap().to_owned();
    let hba = socket.join("data/pg_hba.conf");
    let rules = String::from_utf8(read_file(&hba, 1 << 20).unwrap()).unwrap();
    fs::write(
        &hba,
        format!("local all report_legacy scram-sha-256\n{rules}"),
    )
    .unwrap();
    server.ask("app", "SELECT pg_reload_conf()");
    let psql = |password: &str, sql: &str| {
        let mut command = Command::new("psql");
        command.args([
            "-X",
            "-q",
            "-U",
            "report_legacy",
            "-d",
            "app",
            "-c",
            sql,
            "-h",
        ]);
        command.arg(&socket).env("PGPASSWORD", password);
        command
    };
    lapwing_tests::within(
        std::time::Duration::from_secs(30),
        "the rules are read",
        || (!can_log_in(&mut psql("wrong", "SELECT 1"))).then_some(()),
    );
    assert!(can_log_in(&mut psql(&password, "SELECT 1")));
    assert!(!can_log_in(&mut psql(&password, "SELECT * FROM secret")));
    let stolen = home.path().join("stolen.txt");
    fs::write(&stolen, format!("user=report_legacy pw={password}\n")).unwrap();
    assert_eq!(
        home.run(&["scan", "stolen.txt"]).code,
        6,
        "its password is known"
    );
    assert_eq!(conditions(&home), ["unchanged"]);
    server.ask("app", "ALTER ROLE report_legacy CREATEDB");
    assert_eq!(conditions(&home), ["changed"]);
    server.ask("app", "ALTER ROLE report_legacy NOCREATEDB");
    home.ok(&["uproot", &made, "--yes"]);
    assert!(
        server.lasting_dump() == dump && server.accounts() == before,
        "all is what it was"
    );
}

#[test]
fn a_login_in_mariadb_may_nothing() {
    let (home, server) = (home(), Server::mariadb());
    server.load(SAKILA);
    let (dump, before) = (server.lasting_dump(), server.accounts());
    let (made, password) = login(&home, &server, "mysql-uri");
    let mariadb = |password: &str, sql: &str| {
        let mut command = Command::new("mariadb");
        command.args(["--no-defaults", "-u", "report_legacy", "-e", sql, "-S"]);
        command.arg(server.log().with_file_name("socket"));
        command.arg(format!("-p{password}"));
        command
    };
    assert!(!can_log_in(&mut mariadb("wrong", "SELECT 1")));
    assert!(can_log_in(&mut mariadb(&password, "SELECT 1")));
    assert!(!can_log_in(&mut mariadb(
        &password,
        "SELECT * FROM app.customer"
    )));
    assert_eq!(conditions(&home), ["unchanged"]);
    home.ok(&["uproot", &made, "--yes"]);
    assert!(
        server.lasting_dump() == dump && server.accounts() == before,
        "all is what it was"
    );
    let unfit = refused(&home, &["plant", "person", &made, "--yes"]);
    assert!(unfit.contains("no password"), "{unfit}");
}

fn sqlite(file: &Path, sql: &str) -> String {
    let ran = finish(Command::new("sqlite3").arg("-bail").arg(file).arg(sql));
    assert_eq!(ran.code, 0, "{sql}: {}", ran.stderr);
    ran.stdout.trim().to_owned()
}

#[test]
fn a_table_and_a_view_in_sqlite() {
    let home = home();
    let file = home.path().join("shop.db");
    sqlite(
        &file,
        "CREATE TABLE plans (id INTEGER PRIMARY KEY);
         CREATE TABLE customers (id INTEGER PRIMARY KEY AUTOINCREMENT, email VARCHAR(120) NOT NULL UNIQUE, name TEXT NOT NULL DEFAULT 'it''s',
           plan_id INTEGER REFERENCES plans, \"order\" INTEGER NOT NULL DEFAULT 0, created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP);
         INSERT INTO customers (email, name) VALUES ('ann.bee@shop.example', 'Ann Bee'), ('cy.dee@shop.example', 'Cy Dee'), ('eve.fox@shop.example', 'Eve Fox');",
    );
    let before = sqlite(&file, ".dump");
    let place = |parameters: &str| format!("sqlite:{}?{parameters}", file.display());
    let made = place("new-table=customers_2023&like=customers");
    home.ok(&["plant", "person", &made, "--count", "3", "--yes"]);
    let view = place("new-view=contacts&like=customers");
    home.ok(&["plant", "person", &view, "--yes"]);
    let columns = |table: &str| {
        sqlite(
            &file,
            &format!(
                "SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_info('{table}')"
            ),
        )
    };
    assert_eq!(columns("customers_2023"), columns("customers"));
    assert_eq!(sqlite(&file, "SELECT count(*) FROM customers_2023"), "3");
    assert_eq!(sqlite(&file, "PRAGMA foreign_key_list(customers_2023)"), "");
    let mail = sqlite(&file, "SELECT email FROM contacts");
    assert!(mail.ends_with("example.org"), "{mail}");
    assert_eq!(conditions(&home), vec!["unchanged"; 4]);
    let why = refused(
        &home,
        &["plant", "postgres-uri", &place("new-role=app"), "--yes"],
    );
    assert!(why.contains("no logins"), "{why}");
    home.ok(&["uproot", &view, "--yes"]);
    home.ok(&["uproot", &made, "--yes"]);
    let after = sqlite(&file, ".dump");
    assert_eq!(after, before, "the dump is what it was");
}
