//! PostgreSQL, with psql, psycopg and nmap.

use crate::stage::Stage;
use lapwing_tests::{Minted, Ran};

impl Stage {
    fn psql(&self, minted: &Minted, password: &str, commands: &[&str]) -> Ran {
        let about = format!(
            "host=127.0.0.1 port={} user={} dbname={} password={password} connect_timeout=30",
            self.port(),
            minted.field("username"),
            minted.field("database"),
        );
        let commands = commands.iter().flat_map(|command| ["-c", command]);
        let all: Vec<&str> = ["-X", "-P", "pager=off", &about]
            .into_iter()
            .chain(commands)
            .collect();
        self.run("psql", &all)
    }
}

#[test]
fn psql_logs_in_and_looks_around() {
    let stage = Stage::new("postgres");
    let minted = stage.mint("postgres-uri");
    let (user, database) = (minted.field("username"), minted.field("database"));
    let psql = |commands: &[&str]| {
        let ran = stage.psql(&minted, minted.field("password"), commands);
        assert!(!ran.stderr.contains("ERROR"), "{ran:?}");
        ran.stdout
    };

    let out = psql(&[
        "\\l",
        "\\conninfo",
        "select current_user, current_database()",
        "show server_version",
    ]);
    assert!(out.contains("List of databases"), "{out}");
    assert!(
        out.contains(&format!(" {database} ")) && out.contains("template0"),
        "{out}"
    );
    assert!(out.contains(&format!(" {user} ")), "{out}");

    let tables = psql(&["\\pset format unaligned", "\\t", "\\dt"]);
    let names: Vec<&str> = tables
        .lines()
        .filter_map(|line| line.strip_prefix("public|")?.split('|').next())
        .collect();
    assert_eq!(names.len(), 3, "{tables}");
    for table in &names {
        let out = psql(&[&format!("\\d {table}"), &format!("\\d+ {table}")]);
        assert!(out.contains(&format!("Table \"public.{table}\"")), "{out}");
        assert!(out.contains("not null | nextval('"), "{out}");
        assert!(out.contains("PRIMARY KEY, btree (id)"), "{out}");
        assert!(out.contains("timestamp without time zone"), "{out}");
        let rows = psql(&[
            "\\pset format unaligned",
            "\\t",
            &format!("select count(*) from {table}"),
        ]);
        let count: usize = rows.lines().last().unwrap().parse().unwrap();
        assert!(count > 8, "{rows}");
        let all = psql(&[
            "\\pset format unaligned",
            "\\t",
            &format!("select * from {table}"),
        ]);
        assert_eq!(all.lines().count(), count + 2, "{all}");
        assert_eq!(
            all,
            psql(&[
                "\\pset format unaligned",
                "\\t",
                &format!("select * from {table}")
            ])
        );
    }
    for more in [
        "\\dn", "\\du", "\\di", "\\dv", "\\df", "\\l+", "\\dt+", "\\d", "\\dx", "\\dp", "\\ds",
        "\\db",
    ] {
        let ran = stage.psql(&minted, minted.field("password"), &[more]);
        assert!(!ran.stderr.contains("ERROR"), "{more}: {ran:?}");
    }
}

#[test]
fn what_changes_something_is_answered_and_not_done() {
    let stage = Stage::new("postgres");
    let minted = stage.mint("postgres-uri");
    let tables = stage.psql(
        &minted,
        minted.field("password"),
        &["\\pset format unaligned", "\\t", "\\dt"],
    );
    let names: Vec<&str> = (tables.stdout.lines())
        .filter_map(|line| line.strip_prefix("public|")?.split('|').next())
        .collect();
    let out = stage.psql(
        &minted,
        minted.field("password"),
        &[
            "begin",
            &format!("delete from {}", names[0]),
            "select * from nope",
            "select 1",
            "rollback",
            &format!("insert into {} values (1), (2)", names[1]),
            "copy (select 1) to program 'id'",
        ],
    );
    assert!(
        out.stdout.contains("DELETE ") && out.stdout.contains("INSERT 0 2\n"),
        "{out:?}"
    );
    assert!(out.stdout.contains("ROLLBACK\n"), "{out:?}");
    for wrong in [
        "ERROR:  relation \"nope\" does not exist\nLINE 1: select * from nope\n                      ^",
        "ERROR:  current transaction is aborted, commands ignored until end of transaction block",
        "ERROR:  must be superuser or have privileges of the pg_execute_server_program role",
    ] {
        assert!(out.stderr.contains(wrong), "{out:?}");
    }
}

#[test]
fn every_statement_is_a_trip() {
    let stage = Stage::new("postgres");
    let minted = stage.mint("postgres-uri");
    let ran = stage.psql(
        &minted,
        minted.field("password"),
        &["select 1", "select version()"],
    );
    assert!(ran.stdout.contains("PostgreSQL 1"), "{ran:?}");
    let (user, database) = (minted.field("username"), minted.field("database"));
    assert_eq!(
        stage.lines(4),
        format!(
            "STARTUP   login.database={database} login.user={user}\n\
             LOGIN postgres-uri accepted login.database={database} login.user={user}\n\
             QUERY postgres-uri accepted sql.statement=select 1\n\
             QUERY postgres-uri accepted sql.statement=select version()\n"
        )
        .replace("STARTUP  ", "STARTUP  unknown")
    );
    let trips = stage.trips(4);
    for trip in &trips {
        assert_eq!(trip["trip"]["claims"]["agent"], "psql", "{trip}");
        assert_eq!(trip["trip"]["canary"], minted.id.as_str(), "{trip}");
    }
}

#[test]
fn wrong_retired_and_unknown_are_refused_alike() {
    let stage = Stage::new("postgres");
    let minted = stage.mint("postgres-uri");
    let refused = |ran: Ran, user: &str| {
        let expect = format!("FATAL:  password authentication failed for user \"{user}\"\n");
        assert!(ran.stderr.ends_with(&expect), "{ran:?}");
        ran.stderr.replace(user, "USER")
    };
    let user = minted.field("username");
    let wrong = refused(stage.psql(&minted, "nope", &["select 1"]), user);
    assert!(stage.lines(2).contains("LOGIN postgres-uri refused"));
    let about = format!(
        "host=127.0.0.1 port={} user=postgres dbname=postgres password=nope",
        stage.port()
    );
    assert_eq!(refused(stage.run("psql", &[&about]), "postgres"), wrong);
    stage.home.ok(&["retire", &minted.id]);
    assert_eq!(
        refused(
            stage.psql(&minted, minted.field("password"), &["select 1"]),
            user
        ),
        wrong
    );
    assert!(stage.lines(4).contains("LOGIN postgres-uri revoked"));
}

#[test]
fn a_database_that_is_not_there() {
    let stage = Stage::new("postgres");
    let minted = stage.mint("postgres-uri");
    let about = format!(
        "host=127.0.0.1 port={} user={} dbname=nope password={}",
        stage.port(),
        minted.field("username"),
        minted.field("password")
    );
    let ran = stage.run("psql", &[&about]);
    assert!(
        ran.stderr
            .ends_with("FATAL:  database \"nope\" does not exist\n"),
        "{ran:?}"
    );
}

#[test]
fn psycopg_prepares_and_reads() {
    let stage = Stage::new("postgres");
    let minted = stage.mint("postgres-uri");
    let script = r#"
import sys, psycopg
host, port, user, password, database = sys.argv[1:]
about = dict(host=host, port=port, user=user, password=password, dbname=database, application_name="probe")
with psycopg.connect(**about) as connection:
    cursor = connection.cursor()
    tables = cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = %s ORDER BY 1", ["public"]).fetchall()
    assert len(tables) == 3, tables
    for (table,) in tables:
        count = cursor.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        rows = cursor.execute(f"SELECT * FROM {table} ORDER BY id LIMIT 5").fetchall()
        assert len(rows) == 5 and isinstance(rows[0][0], int), rows
        one = connection.execute(f"SELECT * FROM {table} WHERE id = %s", [rows[2][0]], prepare=True).fetchall()
        assert one == [rows[2]], one
        binary = connection.cursor(binary=True).execute(f"SELECT * FROM {table} ORDER BY id LIMIT 5").fetchall()
        assert binary == rows, (binary, rows)
        assert count >= 9, count
    try:
        cursor.execute("SELECT nope FROM " + tables[0][0])
    except psycopg.errors.UndefinedColumn as error:
        assert error.diag.message_primary == 'column "nope" does not exist', error
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INERROR
    connection.rollback()
    cursor.execute("INSERT INTO " + tables[0][0] + " (id) VALUES (%s)", [1])
    assert cursor.rowcount == 1
    assert connection.info.parameter_status("server_encoding") == "UTF8"
    print(connection.info.server_version)
"#;
    let python = lapwing_tests::venv().join("bin/python");
    let port = stage.port();
    let ran = stage.run(
        python.to_str().unwrap(),
        &[
            "-c",
            script,
            "127.0.0.1",
            &port,
            minted.field("username"),
            minted.field("password"),
            minted.field("database"),
        ],
    );
    assert!(ran.stdout.starts_with('1'), "{ran:?}");
    let lines = stage.lines(12);
    assert!(
        lines.contains(
            "EXECUTE postgres-uri accepted sql.parameter=public sql.statement=SELECT table_name"
        ),
        "{lines}"
    );
}

#[test]
fn nmap_takes_it_for_postgresql() {
    let stage = Stage::new("postgres");
    let ran = stage.run("nmap", &["-sV", "-Pn", "-p", &stage.port(), "127.0.0.1"]);
    assert!(ran.stdout.contains("postgresql PostgreSQL DB"), "{ran:?}");
}
