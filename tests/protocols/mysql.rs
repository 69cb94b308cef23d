//! MySQL and MariaDB, with Debian's client, PyMySQL and nmap.

use crate::stage::Stage;
use lapwing_tests::{Minted, Ran};

impl Stage {
    fn mariadb(&self, minted: &Minted, password: &str, statements: &str) -> Ran {
        let user = format!("-u{}", minted.field("username"));
        let password = format!("-p{password}");
        let port = self.port();
        self.run(
            "mariadb",
            &[
                "--no-defaults",
                "-h127.0.0.1",
                "-P",
                &port,
                &user,
                &password,
                "--force",
                "-t",
                "-e",
                statements,
                minted.field("database"),
            ],
        )
    }
}

#[test]
fn the_client_logs_in_and_looks_around() {
    let stage = Stage::new("mysql");
    let minted = stage.mint("mysql-uri");
    let ask = |statements: &str| {
        let ran = stage.mariadb(&minted, minted.field("password"), statements);
        assert!(!ran.stderr.contains("ERROR"), "{statements}: {ran:?}");
        ran.stdout
    };
    let out =
        ask("show databases; show tables; select user(), database(), @@version, connection_id()");
    assert!(out.contains("information_schema"), "{out}");
    assert!(
        out.contains(&format!("| Tables_in_{}", minted.field("database"))),
        "{out}"
    );
    assert!(
        out.contains(&format!("{}@localhost", minted.field("username"))),
        "{out}"
    );
    let lines =
        ask("select table_name from information_schema.tables where table_schema = database()");
    let names: Vec<&str> = lines
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(' ').next())
        .skip(1)
        .collect();
    assert_eq!(names.len(), 3, "{lines}");
    for table in names {
        let out = ask(&format!(
            "describe {table}; show create table {table}; show index from {table}; show full columns from {table}"
        ));
        assert!(out.contains("auto_increment"), "{out}");
        assert!(
            out.contains("CREATE TABLE `") && out.contains("PRIMARY KEY (`id`)"),
            "{out}"
        );
        let out = ask(&format!(
            "select count(*) as many from {table}; select * from {table}"
        ));
        let many: usize = out
            .lines()
            .nth(3)
            .unwrap()
            .trim_matches(['|', ' '])
            .parse()
            .unwrap();
        assert!(many > 8, "{out}");
        assert_eq!(out.lines().count(), 5 + 4 + many, "{out}");
        let out = ask(&format!(
            "insert into {table} (id) values (1), (2); update {table} set id = id where id < 0; delete from {table}"
        ));
        assert_eq!(out, "", "{out}");
    }
}

#[test]
fn what_a_client_asks_next_is_answered_or_refused_as_the_server_does() {
    let stage = Stage::new("mysql");
    let minted = stage.mint("mysql-uri");
    let ask = |statement: &str| stage.mariadb(&minted, minted.field("password"), statement);
    for more in [
        "show variables like 'version%'",
        "show status",
        "show grants",
        "show processlist",
        "show table status",
        "show engines",
        "show warnings",
        "show character set",
        "select now()",
        "status",
        "show create database x",
        "explain select 1",
        "set names utf8mb4",
        "begin; rollback",
        "select load_file('/etc/passwd')",
    ] {
        let ran = ask(more);
        assert!(!ran.stderr.contains("ERROR"), "{more}: {ran:?}");
    }
    for (statement, wrong) in [
        (
            "select * from nope",
            "ERROR 1146 (42S02) at line 1: Table '",
        ),
        (
            "selec 1",
            "ERROR 1064 (42000) at line 1: You have an error in your SQL syntax",
        ),
        (
            "use mysql",
            "ERROR 1044 (42000) at line 1: Access denied for user '",
        ),
        (
            "select * from mysql.user",
            "ERROR 1142 (42000) at line 1: SELECT command denied to user '",
        ),
    ] {
        let out = ask(statement);
        assert!(out.stderr.contains(wrong), "{wrong}: {out:?}");
    }
}

#[test]
fn a_file_of_the_client_is_never_asked_for() {
    let stage = Stage::new("mysql");
    let minted = stage.mint("mysql-uri");
    let statement = "load data local infile '/etc/hostname' into table customers";
    let user = format!("-u{}", minted.field("username"));
    let password = format!("-p{}", minted.field("password"));
    let port = stage.port();
    let ran = stage.run(
        "mariadb",
        &[
            "--no-defaults",
            "--local-infile=1",
            "-h127.0.0.1",
            "-P",
            &port,
            &user,
            &password,
            "-e",
            statement,
            minted.field("database"),
        ],
    );
    assert!(ran.stderr.contains("ERROR "), "{ran:?}");
    assert!(stage.lines(2).ends_with(&format!(
        "QUERY mysql-uri accepted sql.statement={statement}\n"
    )));
}

#[test]
fn every_statement_is_a_trip_with_the_program_that_sent_it() {
    let stage = Stage::new("mysql");
    let minted = stage.mint("mysql-uri");
    stage.mariadb(
        &minted,
        minted.field("password"),
        "select 1; select version()",
    );
    let (user, database) = (minted.field("username"), minted.field("database"));
    let lines = stage.lines(3);
    assert!(
        lines.contains(&format!(
            "LOGIN mysql-uri accepted login.database={database} login.user={user}\n"
        )),
        "{lines}"
    );
    assert!(
        lines.contains(
            "QUERY mysql-uri accepted sql.statement=select 1\nQUERY mysql-uri accepted sql.statement=select version()\n"
        ),
        "{lines}"
    );
    for trip in stage.trips(3) {
        assert_eq!(trip["trip"]["canary"], minted.id.as_str(), "{trip}");
        let agent = trip["trip"]["claims"]["agent"].as_str().unwrap();
        assert!(agent.starts_with("mysql (libmariadb "), "{agent}");
        let text = trip.to_string();
        for attribute in ["_os", "_pid", "_platform"] {
            assert!(text.contains(attribute), "{text}");
        }
    }
}

#[test]
fn wrong_retired_and_unknown_are_refused_alike() {
    let stage = Stage::new("mysql");
    let minted = stage.mint("mysql-uri");
    let refused = |ran: Ran, user: &str| {
        let expect = format!(
            "ERROR 1045 (28000): Access denied for user '{user}'@'localhost' (using password: YES)\n"
        );
        assert_eq!(ran.stderr, expect);
    };
    let user = minted.field("username");
    refused(stage.mariadb(&minted, "nope", "select 1"), user);
    assert!(stage.lines(1).contains("LOGIN mysql-uri refused"));
    let port = stage.port();
    refused(
        stage.run(
            "mariadb",
            &[
                "--no-defaults",
                "-h127.0.0.1",
                "-P",
                &port,
                "-uroot",
                "-pnope",
            ],
        ),
        "root",
    );
    stage.home.ok(&["retire", &minted.id]);
    refused(
        stage.mariadb(&minted, minted.field("password"), "select 1"),
        user,
    );
    assert!(stage.lines(2).contains("LOGIN mysql-uri revoked"));
}

#[test]
fn pymysql_reads() {
    let stage = Stage::new("mysql");
    let minted = stage.mint("planetscale");
    let script = r#"
import sys, pymysql
port, user, password, database = sys.argv[1:]
connection = pymysql.connect(host="127.0.0.1", port=int(port), user=user, password=password, database=database, program_name="probe")
with connection.cursor() as cursor:
    cursor.execute("SHOW TABLES")
    tables = [row[0] for row in cursor.fetchall()]
    assert len(tables) == 3, tables
    for table in tables:
        cursor.execute(f"SELECT * FROM `{table}` ORDER BY id LIMIT 3")
        rows = cursor.fetchall()
        assert len(rows) == 3 and isinstance(rows[0][0], int), rows
        cursor.execute(f"SELECT * FROM `{table}` WHERE id = %s", (rows[1][0],))
        assert cursor.fetchall() == (rows[1],)
    cursor.execute("INSERT INTO `%s` (id) VALUES (1)" % tables[0])
    assert cursor.rowcount == 1
    try:
        cursor.execute("SELECT nope FROM " + tables[0])
    except pymysql.err.OperationalError as error:
        assert error.args[0] == 1054, error
connection.ping(reconnect=False)
try:
    pymysql.connect(host="127.0.0.1", port=int(port), user=user, password="nope")
except (pymysql.err.OperationalError, RuntimeError) as error:
    print(error)
"#;
    let python = lapwing_tests::venv().join("bin/python");
    let port = stage.port();
    let arguments = [
        "-c",
        script,
        &port,
        minted.field("username"),
        minted.field("password"),
        minted.field("database"),
    ];
    let ran = stage.run(python.to_str().unwrap(), &arguments);
    assert!(
        ran.stdout.contains("Access denied") || ran.stdout.contains("cryptography"),
        "{ran:?}"
    );
    let lines = stage.lines(6);
    assert!(
        lines.contains("QUERY planetscale accepted sql.statement=SHOW TABLES\n"),
        "{lines}"
    );
}

#[test]
fn nmap_takes_it_for_its_version() {
    let stage = Stage::new("mysql");
    let ran = stage.run("nmap", &["-sV", "-Pn", "-p", &stage.port(), "127.0.0.1"]);
    let line = ran
        .stdout
        .lines()
        .find(|line| line.contains("/tcp"))
        .unwrap()
        .to_owned();
    assert!(
        line.contains("mysql ")
            && line.contains("MySQL ")
            && (line.contains("MariaDB") || line.contains("8.0.")),
        "{line}"
    );
}
