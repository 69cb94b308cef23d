//! Planting through the command line: every target, dry runs, conditions, uprooting, and crashes
//! between intent and confirmation.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use lapwing_tests::{Home, Ran, binary, finish};
use serde_json::Value;

use crate::bait::{bytes_of, home, text_of};
use crate::formats::MORE;

pub(crate) struct Target {
    pub(crate) kind: &'static str,
    pub(crate) file: &'static str,
    pub(crate) content: &'static str,
    /// A foreign addition, to the end of the file.
    pub(crate) foreign: &'static str,
}

pub(crate) const TARGETS: [Target; 5] = [
    Target {
        kind: "twilio",
        file: "app/.env",
        content: "APP=shop\n# comment\nexport DB_PASSWORD='hunter2'\r\n",
        foreign: "NEW=1\n",
    },
    Target {
        kind: "jasmin-http",
        file: "app/app.ini",
        content: "; top\n[main]\nname = shop\ntoken=hunter2\n",
        foreign: "[other]\nname = 1\n",
    },
    Target {
        kind: "openai",
        file: "app/settings.json",
        content: "{\n\t\"name\": \"shop\",\n\t\"token\": \"hunter2\",\n\t\"list\": [1, 2.50]\n}\n",
        foreign: " \n",
    },
    Target {
        kind: "github-pat",
        file: "app/settings.jsonc",
        content: "{\n  // comment\n  \"token\": \"hunter2\", /* b */\n}\n",
        foreign: "// end\n",
    },
    Target {
        kind: "twilio",
        file: "app/app.yaml",
        content: "# top\nname: shop\ntoken: \"hunter2\" # secret\nlist: [1, two]\n",
        foreign: "more: 1\n",
    },
];

pub(crate) fn write(home: &Home, file: &str, content: &str) -> PathBuf {
    let path = home.path().join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    path
}

fn append(path: &Path, text: &str) {
    OpenOptions::new()
        .append(true)
        .open(path)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
}

/// The condition `check` gives for one target, and its exit code.
fn condition(home: &Home, target: &str) -> (String, i32) {
    let Ran {
        code,
        stdout,
        stderr,
    } = home.run(&["check", target, "--json"]);
    let rows: Value =
        serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("check {target}: {stderr}"));
    assert_eq!(rows.as_array().unwrap().len(), 1, "{stdout}");
    (rows[0]["condition"].as_str().unwrap().to_owned(), code)
}

fn states(home: &Home) -> Vec<String> {
    let places = home.json(&["places"]);
    let state = |place: &Value| place["state"].as_str().unwrap().to_owned();
    places.as_array().unwrap().iter().map(state).collect()
}

#[test]
fn plant_check_and_uproot_in_every_kind_of_file() {
    for Target {
        kind,
        file,
        content,
        foreign,
    } in TARGETS.into_iter().chain(MORE)
    {
        let home = home();
        let path = write(&home, file, content);
        let before = home.json(&["canaries"]).as_array().unwrap().len();

        let dry = home.ok(&["plant", kind, file, "--dry-run"]);
        assert!(dry.contains("\n+"), "{file}: a diff\n{dry}");
        assert!(
            !dry.contains("hunter2") && !dry.contains("shop"),
            "{file}: masked\n{dry}"
        );
        assert_eq!(text_of(&path), content, "{file}: a dry run writes nothing");
        assert_eq!(
            home.json(&["canaries"]).as_array().unwrap().len(),
            before,
            "{file}"
        );
        assert!(states(&home).is_empty(), "{file}");
        let shown = home.ok(&["plant", kind, file, "--dry-run", "--show"]);
        assert!(shown.contains("hunter2"), "{file}: --show shows\n{shown}");

        home.ok(&["plant", kind, file]);
        let planted = text_of(&path);
        assert!(
            planted.len() > content.len() && planted.contains("example.org"),
            "{file}"
        );
        assert_eq!(
            condition(&home, file),
            ("unchanged".to_owned(), 0),
            "{file}"
        );
        assert_eq!(states(&home), ["planted"], "{file}");
        append(&path, foreign);
        assert_eq!(condition(&home, file), ("present".to_owned(), 0), "{file}");
        home.ok(&["uproot", file]);
        assert_eq!(
            text_of(&path),
            format!("{content}{foreign}"),
            "{file}: exactly ours left"
        );
        assert_eq!(states(&home), ["uprooted"], "{file}");
        assert_eq!(
            home.run(&["check", file]).code,
            1,
            "{file}: nothing stands there"
        );
        assert_eq!(
            home.run(&["check"]).code,
            0,
            "{file}: and nothing is missed"
        );
    }
}

#[test]
fn what_was_changed_or_is_gone_is_noticed() {
    for Target {
        kind,
        file,
        content,
        ..
    } in TARGETS
    {
        let home = home();
        let path = write(&home, file, content);
        let placed = home.json(&["plant", kind, file]);
        let canary = placed["canary"].as_str().unwrap();
        let planted = text_of(&path);
        // The address is in every one of them.
        let changed = planted.replacen(".example.org", ".example.net", 1);
        assert_ne!(changed, planted);
        fs::write(&path, &changed).unwrap();
        assert_eq!(condition(&home, file), ("changed".to_owned(), 3), "{file}");
        assert_eq!(home.run(&["check"]).code, 3, "{file}");
        let refused = home.run(&["uproot", canary]);
        assert_eq!(refused.code, 1, "{file}");
        assert!(
            refused.stderr.contains("--force"),
            "{file}: {}",
            refused.stderr
        );
        assert_eq!(text_of(&path), changed, "{file}: a refusal writes nothing");
        home.ok(&["uproot", canary, "--force"]);
        // A blank line of ours may stay where something of ours was changed.
        assert_eq!(text_of(&path).trim_end(), content.trim_end(), "{file}");

        fs::write(&path, content).unwrap();
        home.ok(&["plant", kind, file]);
        fs::write(&path, content).unwrap();
        assert_eq!(condition(&home, file), ("missing".to_owned(), 3), "{file}");
        assert_eq!(
            home.run(&["uproot", file]).code,
            1,
            "{file}: there is nothing to take out"
        );
        assert_eq!(text_of(&path), content, "{file}");
        fs::remove_file(&path).unwrap();
        assert_eq!(condition(&home, file), ("missing".to_owned(), 3), "{file}");
    }
}

#[test]
fn what_is_gone_can_be_given_up() {
    let home = home();
    let path = write(&home, "app/.env", "A=1\n");
    home.ok(&["plant", "twilio", "app/.env"]);
    fs::remove_file(&path).unwrap();
    assert_eq!(home.run(&["check"]).code, 3);
    home.ok(&["uproot", "app/.env", "--force"]);
    assert_eq!(states(&home), ["abandoned"]);
    assert_eq!(home.run(&["check"]).code, 0, "it is not missed for ever");
    assert!(!path.exists());
}

fn sql(database: &Path, statement: &str) -> String {
    let ran = finish(Command::new("sqlite3").arg(database).arg(statement));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.stdout
}

const SCHEMA: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, \
    email TEXT UNIQUE NOT NULL, profile_url TEXT, created_at TEXT NOT NULL); \
    INSERT INTO users (name, email, profile_url, created_at) VALUES \
    ('Ann Bee', 'ann@shop.example', 'https://shop.example/a', '2026-01-02 03:04:05'), \
    ('Cy Dee', 'cy@shop.example', 'https://shop.example/c', '2026-02-03 04:05:06');";

#[test]
fn rows_are_planted_checked_and_taken_out() {
    let home = home();
    let database = home.path().join("shop.db");
    sql(&database, SCHEMA);
    let dump = sql(&database, ".dump");
    let target = "sqlite:shop.db?table=users";
    home.ok(&["plant", "person", target, "--dry-run"]);
    assert_eq!(sql(&database, ".dump"), dump, "a dry run writes nothing");
    home.ok(&["plant", "person", target]);
    let row = sql(&database, "SELECT * FROM users WHERE id = 3");
    assert!(
        row.starts_with("3|") && row.contains("example.org"),
        "{row}"
    );
    assert_eq!(condition(&home, target), ("unchanged".to_owned(), 0));
    sql(
        &database,
        "INSERT INTO users VALUES (9, 'Eve', 'eve@shop.example', NULL, 'now')",
    );
    assert_eq!(condition(&home, target).1, 0, "other rows are the owner's");
    sql(
        &database,
        "UPDATE users SET profile_url = 'https://elsewhere.example' WHERE id = 3",
    );
    assert_eq!(condition(&home, target), ("changed".to_owned(), 3));
    let refused = home.run(&["uproot", target]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("--force"), "{}", refused.stderr);
    home.ok(&["uproot", target, "--force"]);
    sql(&database, "DELETE FROM users WHERE id = 9");
    assert_eq!(sql(&database, ".dump"), dump, "exactly our row left");

    home.ok(&["plant", "person", target]);
    sql(&database, "DELETE FROM users WHERE id = 3");
    assert_eq!(condition(&home, target), ("missing".to_owned(), 3));
}

#[test]
fn each_place_gets_a_canary_of_its_own_and_can_be_named_either_way() {
    let home = home();
    write(&home, "a/.env", "A=1\n");
    write(&home, "b/.env", "A=1\n");
    let place = |file: &str| {
        let placed = home.json(&["plant", "twilio", file, "--memo", file]);
        placed["canary"].as_str().unwrap().to_owned()
    };
    let (first, second) = (place("a/.env"), place("b/.env"));
    assert_ne!(first, second);
    assert_ne!(
        text_of(&home.path().join("a/.env")),
        text_of(&home.path().join("b/.env"))
    );
    let places = home.ok(&["places"]);
    for file in ["a/.env", "b/.env"] {
        let absolute = fs::canonicalize(home.path().join(file)).unwrap();
        assert!(places.contains(absolute.to_str().unwrap()), "{places}");
    }
    assert_eq!(home.run(&["check", &first]).code, 0);
    home.ok(&["uproot", &first]);
    home.ok(&["uproot", "b/.env"]);
    assert_eq!(states(&home), ["uprooted", "uprooted"]);
}

#[test]
fn what_must_not_be_planted_is_refused_and_leaves_nothing() {
    let home = home();
    let file = write(&home, "app/.env", "A=1\n");
    std::os::unix::fs::symlink(&file, home.path().join("link.env")).unwrap();
    write(&home, "app/broken.json", "{\"a\": }");
    for (args, words) in [
        (&["plant", "twilio", "link.env"][..], "symlink"),
        (&["plant", "twilio", "none.env"], "does not exist"),
        (&["plant", "twilio", "app/broken.json"], "broken.json"),
        (&["plant", "qqqqqqqq", "app/.env"], "lapwing kinds"),
    ] {
        let ran = home.run(args);
        assert_eq!(ran.code, 1, "{args:?}");
        let said = ran
            .stderr
            .to_lowercase()
            .replace("symbolic link", "symlink");
        assert!(said.contains(words), "{args:?}: {}", ran.stderr);
    }
    assert_eq!(bytes_of(&file), b"A=1\n");
    assert!(states(&home).is_empty());
    assert!(home.json(&["canaries"]).as_array().unwrap().is_empty());
}

/// Plants, and is killed on entering the call that puts the new file in place.
fn plant_and_die(home: &Home, file: &str) -> PathBuf {
    let mut strace = Command::new("strace");
    home.scrub(&mut strace);
    strace.args([
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "trace=rename,renameat,renameat2",
    ]);
    strace.args(["-e", "inject=rename,renameat,renameat2:signal=SIGKILL"]);
    strace.arg(binary()).args(["plant", "twilio", file]);
    let ran = finish(&mut strace);
    assert_eq!(ran.code, 128 + 9, "it is killed: {}", ran.stderr);
    let directory = home.path().join(file).parent().unwrap().to_owned();
    let name = Path::new(file)
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let mut left = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    left.find(|path| {
        let other = path.file_name().unwrap().to_str().unwrap();
        other != name && other.contains(&name)
    })
    .expect("the new file lies beside the old one")
}

#[test]
fn a_crash_before_the_target_is_written_is_visible_and_can_be_given_up() {
    let home = home();
    let path = write(&home, "app/.env", "A=1\n");
    plant_and_die(&home, "app/.env");
    assert_eq!(text_of(&path), "A=1\n");
    assert_eq!(states(&home), ["intended"]);
    assert!(home.ok(&["places"]).contains("half-planted"));
    assert_eq!(condition(&home, "app/.env"), ("half-planted".to_owned(), 3));
    home.ok(&["uproot", "app/.env"]);
    assert_eq!(home.run(&["check"]).code, 0);
    assert_eq!(text_of(&path), "A=1\n");
    let directory = path.parent().unwrap();
    assert_eq!(
        fs::read_dir(directory).unwrap().count(),
        1,
        "the new file is gone too"
    );
}

#[test]
fn a_crash_before_the_confirmation_is_half_planted_and_can_be_uprooted() {
    let home = home();
    let path = write(&home, "app/.env", "A=1\n");
    // What the crash left is what it would have left one step later, but for the name.
    let new = plant_and_die(&home, "app/.env");
    fs::rename(new, &path).unwrap();
    assert_eq!(condition(&home, "app/.env"), ("half-planted".to_owned(), 3));
    // The bait stands in the file: it must be recognised.
    let bait = text_of(&path);
    let value = |name: &str| {
        let mut lines = bait.lines().filter_map(|line| line.split_once('='));
        lines
            .find(|(key, _)| key.ends_with(name))
            .unwrap()
            .1
            .to_owned()
    };
    let station = home.listen(&[]);
    let fields = [
        ("account_sid", value("ACCOUNT_SID")),
        ("auth_token", value("AUTH_TOKEN")),
        ("beacon.url", value("URL")),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value)).into();
    let canary = lapwing_tests::Minted {
        id: String::new(),
        fields,
    };
    assert_eq!(crate::bait::account(station.address(), &canary).status, 200);
    lapwing_tests::trips(&home, 1);
    home.ok(&["uproot", "app/.env"]);
    assert_eq!(text_of(&path), "A=1\n");
    assert_eq!(states(&home), ["uprooted"]);
}
