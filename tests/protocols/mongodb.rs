//! MongoDB, with PyMongo.

use crate::stage::Stage;
use lapwing_tests::{Minted, Ran};

fn python(stage: &Stage, minted: &Minted, password: &str, mechanism: &str, script: &str) -> Ran {
    let head = format!(
        r#"
import sys, pymongo
port, user, password, database = sys.argv[1:]
client = pymongo.MongoClient("127.0.0.1", int(port), username=user, password=password, authMechanism={mechanism}, appname="probe", serverSelectionTimeoutMS=30000)
"#
    );
    let python = lapwing_tests::venv().join("bin/python");
    let port = stage.port();
    let script = head + script;
    let arguments = [
        "-c",
        script.as_str(),
        &port,
        minted.field("username"),
        password,
        minted.field("database"),
    ];
    stage.run(python.to_str().unwrap(), &arguments)
}

const READ: &str = r#"
assert client.list_database_names() == [database], client.list_database_names()
names = client[database].list_collection_names()
assert len(names) == 3, names
for name in names:
    collection = client[database][name]
    rows = list(collection.find())
    assert len(rows) > 8 and "_id" in rows[0], rows
    assert collection.count_documents({}) == len(rows)
    assert collection.estimated_document_count() == len(rows)
    assert list(collection.find({"_id": rows[3]["_id"]})) == [rows[3]]
    assert len(list(collection.find().sort("_id", -1).limit(2))) == 2
    assert list(collection.index_information()) == ["_id_"]
assert client[database][names[0]].insert_one({"a": 1}).inserted_id
assert client[database][names[0]].delete_many({}).deleted_count > 8
print(client.server_info()["version"])
try:
    client.admin.command("getCmdLineOpts")
except pymongo.errors.OperationFailure as error:
    assert error.code == 13, error
"#;

#[test]
fn pymongo_logs_in_and_reads() {
    for mechanism in ["'DEFAULT'", "'SCRAM-SHA-1'", "'SCRAM-SHA-256'"] {
        let stage = Stage::new("mongodb");
        let minted = stage.mint("mongodb-uri");
        let ran = python(&stage, &minted, minted.field("password"), mechanism, READ);
        assert!(
            ran.stdout.starts_with(['6', '7', '8']),
            "{mechanism}: {ran:?}"
        );
        let trips = stage.trips(20);
        let lines = stage.lines(20);
        assert!(
            lines.contains(&format!(
                "LOGIN mongodb-uri accepted login.user={}\n",
                minted.field("username")
            )),
            "{lines}"
        );
        assert!(
            lines.contains(
                "LISTDATABASES mongodb-uri accepted mongodb.command={\"listDatabases\":1"
            ),
            "{lines}"
        );
        for trip in trips {
            assert_eq!(trip["trip"]["canary"], minted.id.as_str(), "{trip}");
            let agent = trip["trip"]["claims"]["agent"].as_str().unwrap();
            assert!(agent.starts_with("probe (PyMongo"), "{agent}");
        }
    }
}

#[test]
fn wrong_retired_and_unknown_are_refused_alike() {
    let stage = Stage::new("mongodb");
    let minted = stage.mint("mongodb-uri");
    let script = r#"
try:
    client[database].list_collection_names()
except pymongo.errors.OperationFailure as error:
    print(error.code, error.details["codeName"], error.details["errmsg"])
"#;
    let refused = "18 AuthenticationFailed Authentication failed.\n";
    assert_eq!(
        python(&stage, &minted, "nope", "'DEFAULT'", script).stdout,
        refused
    );
    assert!(stage.lines(2).contains("LOGIN mongodb-uri refused"));
    stage.home.ok(&["retire", &minted.id]);
    assert_eq!(
        python(
            &stage,
            &minted,
            minted.field("password"),
            "'DEFAULT'",
            script
        )
        .stdout,
        refused
    );
    assert!(stage.lines(4).contains("LOGIN mongodb-uri revoked"));
    let other = script.replace(
        "client[",
        "pymongo.MongoClient('127.0.0.1', int(port), username='root', password='x')[",
    );
    assert_eq!(
        python(&stage, &minted, "x", "'DEFAULT'", &other).stdout,
        refused
    );
}

#[test]
fn nothing_is_told_without_a_login() {
    let stage = Stage::new("mongodb");
    let script = r#"
import sys, pymongo
client = pymongo.MongoClient("127.0.0.1", int(sys.argv[1]))
try:
    client.list_database_names()
except pymongo.errors.OperationFailure as error:
    print(error.code, error.details["codeName"])
"#;
    let python = lapwing_tests::venv().join("bin/python");
    let ran = stage.run(python.to_str().unwrap(), &["-c", script, &stage.port()]);
    assert_eq!(ran.stdout, "13 Unauthorized\n", "{ran:?}");
}

#[test]
fn a_browser_is_told_that_it_is_no_web_server() {
    let stage = Stage::new("mongodb");
    let ran = stage.run(
        "curl",
        &[
            "-s",
            "-m",
            "30",
            &format!("http://127.0.0.1:{}/", stage.port()),
        ],
    );
    assert!(
        ran.stdout
            .starts_with("It looks like you are trying to access MongoDB over HTTP"),
        "{ran:?}"
    );
}
