//! SQL Server, with FreeTDS' tsql and pymssql.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::stage::Stage;
use lapwing_tests::Minted;

/// What `tsql` prints for these batches.
fn tsql(stage: &Stage, minted: &Minted, password: &str, batches: &[&str]) -> String {
    let (user, database) = (minted.field("username"), minted.field("database"));
    let mut command = Command::new("tsql");
    stage.home.scrub(&mut command);
    let port = stage.port();
    command.env("TDSVER", "7.4").args([
        "-H",
        "127.0.0.1",
        "-p",
        &port,
        "-U",
        user,
        "-P",
        password,
        "-D",
        database,
    ]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let text: String = batches
        .iter()
        .map(|batch| format!("{batch}\ngo\n"))
        .collect();
    let mut input = child.stdin.take().unwrap();
    input.write_all(format!("{text}exit\n").as_bytes()).unwrap();
    drop(input);
    let out = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned()
}

#[test]
fn tsql_logs_in_and_looks_around() {
    let stage = Stage::new("mssql");
    let minted = stage.mint("mssql-uri");
    let out = tsql(
        &stage,
        &minted,
        minted.field("password"),
        &[
            "select @@version",
            "select name from sys.databases",
            "select db_name(), suser_name(), host_name()",
            "select TABLE_NAME from INFORMATION_SCHEMA.TABLES",
            "exec xp_cmdshell 'id'",
            "select * from nope",
        ],
    );
    assert!(out.contains("Microsoft SQL Server 2022"), "{out}");
    assert!(
        out.contains("tempdb") && out.contains(minted.field("database")),
        "{out}"
    );
    assert!(out.contains(minted.field("username")), "{out}");
    assert!(
        out.contains("Msg 229 (severity 14, state 5)")
            && out.contains("Msg 208 (severity 16, state 1)"),
        "{out}"
    );
    let lines = stage.lines(7);
    let (user, database) = (minted.field("username"), minted.field("database"));
    assert!(
        lines.starts_with(&format!(
            "LOGIN mssql-uri accepted login.database={database} login.user={user}\n"
        )),
        "{lines}"
    );
    assert!(
        lines.ends_with(
            "BATCH mssql-uri accepted sql.statement=exec xp_cmdshell 'id'\n\n\
             BATCH mssql-uri accepted sql.statement=select * from nope\n\n"
        ),
        "{lines}"
    );
    for trip in stage.trips(7) {
        assert_eq!(trip["trip"]["canary"], minted.id.as_str(), "{trip}");
        assert_eq!(trip["trip"]["claims"]["agent"], "TSQL", "{trip}");
    }
}

#[test]
fn wrong_retired_and_unknown_are_refused_alike() {
    let stage = Stage::new("mssql");
    let minted = stage.mint("mssql-uri");
    let refused = |out: &str| {
        let expect = format!("Login failed for user '{}'.", minted.field("username"));
        assert!(
            out.contains("Msg 18456 (severity 14, state 1)") && out.contains(&expect),
            "{out}"
        );
    };
    refused(&tsql(&stage, &minted, "nope", &["select 1"]));
    assert!(stage.lines(1).contains("LOGIN mssql-uri refused"));
    stage.home.ok(&["retire", &minted.id]);
    refused(&tsql(
        &stage,
        &minted,
        minted.field("password"),
        &["select 1"],
    ));
    assert!(stage.lines(2).contains("LOGIN mssql-uri revoked"));
    let python = lapwing_tests::venv().join("bin/python");
    let script = r#"
import sys, pymssql
try:
    pymssql.connect(server="127.0.0.1", port=sys.argv[1], user="sa", password="nope")
except pymssql.OperationalError as error:
    print(error)
"#;
    let ran = stage.run(python.to_str().unwrap(), &["-c", script, &stage.port()]);
    assert!(
        ran.stdout.contains("Login failed for user 'sa'."),
        "{ran:?}"
    );
}

#[test]
fn pymssql_reads_rows() {
    let stage = Stage::new("mssql");
    let minted = stage.mint("mssql-uri");
    let script = r#"
import sys, datetime, decimal, pymssql
port, user, password, database = sys.argv[1:]
connection = pymssql.connect(server="127.0.0.1", port=port, user=user, password=password, database=database, appname="probe")
cursor = connection.cursor()
cursor.execute("SELECT name FROM sys.tables ORDER BY name")
tables = [row[0] for row in cursor.fetchall()]
assert len(tables) == 3, tables
kinds = set()
for table in tables:
    cursor.execute(f"SELECT COUNT(*) FROM [{table}]")
    count = cursor.fetchone()[0]
    cursor.execute(f"SELECT * FROM {table} ORDER BY id")
    rows = cursor.fetchall()
    assert len(rows) == count > 8, (len(rows), count)
    kinds |= {type(value) for row in rows for value in row}
    cursor.execute(f"SELECT TOP 2 * FROM dbo.{table} WHERE id = %d", (rows[3][0],))
    assert cursor.fetchall() == [rows[3]]
assert {int, str, datetime.datetime, decimal.Decimal} <= kinds, kinds
cursor.execute("UPDATE " + tables[0] + " SET id = id")
assert cursor.rowcount > 8, cursor.rowcount
print("read")
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
    assert_eq!(ran.stdout, "read\n", "{ran:?}");
}

/// A station with a certificate.
fn secure() -> Stage {
    Stage::prepared("mssql", |home| {
        drop(home.ok(&["tls", "issue", "db.bait.example"]))
    })
}

#[test]
fn logins_are_encrypted_and_more_if_the_client_wants_it() {
    let stage = secure();
    let minted = stage.mint("mssql-uri");
    let script = r#"
import sys, pymssql
port, user, password, database = sys.argv[1:]
for encryption in ["off", "request", "require"]:
    connection = pymssql.connect(server="127.0.0.1", port=port, user=user, password=password, database=database, encryption=encryption)
    cursor = connection.cursor()
    cursor.execute("SELECT TOP 1 name FROM sys.tables ORDER BY name")
    assert cursor.fetchone()[0]
    connection.close()
    print(encryption)
try:
    pymssql.connect(server="127.0.0.1", port=port, user=user, password="nope", encryption="require")
except pymssql.OperationalError as error:
    print("Login failed" in str(error))
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
    assert_eq!(ran.stdout, "off\nrequest\nrequire\nTrue\n", "{ran:?}");
    let lines = stage.told("LOGIN mssql-uri refused");
    assert_eq!(
        lines.matches("LOGIN mssql-uri accepted").count(),
        3,
        "{lines}"
    );
    assert_eq!(
        lines
            .matches("BATCH mssql-uri accepted sql.statement=SELECT TOP 1")
            .count(),
        3,
        "{lines}"
    );
    let prints = stage
        .trips(1)
        .iter()
        .filter(|trip| trip["trip"]["observed"]["signals"]["ja3"].is_string())
        .count();
    assert!(prints >= 4, "the handshake is on record: {prints}");
}

#[test]
fn tsql_insists_on_encryption() {
    let stage = secure();
    let minted = stage.mint("mssql-uri");
    let conf = "[global]\nencryption = required\n";
    std::fs::write(stage.home.path().join(".freetds.conf"), conf).unwrap();
    let batch = "select db_name()";
    let out = tsql(&stage, &minted, minted.field("password"), &[batch]);
    assert!(out.contains(minted.field("database")), "{out}");
    let lines = stage.lines(2);
    assert!(lines.starts_with("LOGIN mssql-uri accepted"), "{lines}");
}
