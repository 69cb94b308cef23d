//! Declared bait: the example of the repository planned, applied, kept, changed and destroyed; drift,
//! partial failures, mistakes in the file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lapwing_tests::{Home, finish, repository};
use serde_json::Value;

use crate::bait::{bytes_of, files_below, home, text_of};

/// Runs a program that must succeed.
fn program(name: &str, arguments: &[&str], directory: &Path) -> String {
    let ran = finish(Command::new(name).args(arguments).current_dir(directory));
    assert_eq!(ran.code, 0, "{name} {arguments:?}: {}", ran.stderr);
    ran.stdout
}

/// A copy of the example, with its database, in a repository.
fn example(home: &Home) -> PathBuf {
    let app = home.path().join("app");
    fs::create_dir_all(app.join("config")).unwrap();
    for file in [
        ".env",
        "config/gateway.yaml",
        "schema.sql",
        "deception.yaml",
    ] {
        fs::copy(
            repository().join("examples/sms-gateway").join(file),
            app.join(file),
        )
        .unwrap();
    }
    program("sqlite3", &["gateway.db", ".read schema.sql"], &app);
    program("git", &["init", "-q"], &app);
    let origin = "https://me:geheim@git.example.org/team/sms.git";
    program("git", &["remote", "add", "origin", origin], &app);
    app
}

const FILE: [&str; 2] = ["--file", "app/deception.yaml"];

fn with_file<'a>(command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&[command], &FILE[..], more].concat()
}

/// What a declared command prints as JSON, and how it ends.
fn json(home: &Home, command: &str) -> (Value, i32) {
    let ran = home.run(&with_file(command, &["--json"]));
    let value = serde_json::from_str(&ran.stdout);
    (
        value.unwrap_or_else(|_| panic!("{command}: {}", ran.stderr)),
        ran.code,
    )
}

/// The step of each bait.
fn steps(planned: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let rows = planned["bait"].as_array().unwrap().iter();
    rows.map(|row| (text(&row["bait"]), text(&row["step"])))
        .collect()
}

fn counted(home: &Home, command: &str) -> BTreeMap<String, u64> {
    let (planned, _) = json(home, command);
    let counts = planned["counts"].as_object().unwrap().iter();
    counts
        .map(|(word, count)| (word.clone(), count.as_u64().unwrap()))
        .collect()
}

fn edit(file: &Path, from: &str, to: &str) {
    let text = text_of(file);
    assert!(text.contains(from), "{from} is in {}", file.display());
    fs::write(file, text.replacen(from, to, 1)).unwrap();
}

/// The content of everything but the database and git's own.
fn content(app: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = files_below(app).into_iter();
    let files =
        files.filter(|path| !path.ends_with("gateway.db") && !path.starts_with(app.join(".git")));
    files.map(|path| (path.clone(), bytes_of(&path))).collect()
}

fn dump(app: &Path) -> String {
    program("sqlite3", &["gateway.db", ".dump subscribers"], app)
}

#[test]
fn the_example_is_planned_applied_kept_and_destroyed() {
    let home = home();
    let app = example(&home);
    let (before, rows) = (content(&app), dump(&app));
    let planned = home.run(&with_file("plan", &[]));
    assert_eq!(planned.code, 7, "{}", planned.stderr);
    assert!(
        planned.stdout.contains("+TWILIO_LEGACY_"),
        "{}",
        planned.stdout
    );
    assert!(
        !planned.stdout.contains("change-me"),
        "the owner's values are masked"
    );
    assert_eq!(content(&app), before, "a plan writes nothing");
    assert!(home.json(&["canaries"]).as_array().unwrap().is_empty());

    home.ok(&with_file("apply", &["--yes"]));
    let planted = content(&app);
    assert_ne!(planted, before);
    assert_eq!(dump(&app).lines().count(), rows.lines().count() + 3);
    assert_eq!(home.run(&["check"]).code, 0);
    assert_eq!(home.run(&with_file("plan", &[])).code, 0);
    assert_eq!(home.run(&with_file("drift", &[])).code, 0);
    home.ok(&with_file("apply", &[]));
    assert_eq!(content(&app), planted, "applying again changes nothing");
    assert_eq!(counted(&home, "plan"), [("keep".to_owned(), 6)].into());

    for canary in home.json(&["canaries"]).as_array().unwrap() {
        let labels = &canary["labels"];
        assert_eq!(
            labels["repository"], "git.example.org/team/sms",
            "no credentials"
        );
        assert_eq!(
            (&labels["owner"], &labels["service"]),
            (&"on-call".into(), &"sms".into())
        );
        assert!(!labels["host"].as_str().unwrap().is_empty());
        let is_row = canary["kind"] == "person";
        assert_eq!(
            labels["table"],
            if is_row {
                "subscribers".into()
            } else {
                Value::Null
            }
        );
        assert!(
            labels["deception"]
                .as_str()
                .unwrap()
                .starts_with("sms-gateway/")
        );
    }

    home.ok(&with_file("destroy", &["--yes"]));
    assert_eq!(content(&app), before, "every byte is back");
    assert_eq!(dump(&app), rows);
    let canaries = home.json(&["canaries"]);
    let retired = canaries.as_array().unwrap().iter();
    assert!(retired.clone().all(|canary| canary["retired"].is_string()));
    assert_eq!(retired.count(), 6);
}

#[test]
fn what_is_declared_otherwise_is_made_so_and_nothing_else() {
    let home = home();
    let app = example(&home);
    let before = content(&app);
    home.ok(&with_file("apply", &[]));
    let file = app.join("deception.yaml");
    // One gets other words, one another role, one goes.
    edit(
        &file,
        "memo: Gateway that would send for free",
        "memo: Sends for free",
    );
    edit(&file, "role: legacy", "role: standby");
    edit(
        &file,
        "  - name: object-storage\n    kind: aws-access-key\n    target: .env\n    memo: Backups of the subscriber database\n",
        "",
    );
    let (planned, code) = json(&home, "plan");
    assert_eq!(code, 7);
    let steps = steps(&planned);
    let step = |bait: &str| steps[bait].as_str();
    assert_eq!(step("second-gateway"), "describe");
    assert_eq!(step("old-provider"), "rotate");
    assert_eq!(step("object-storage"), "uproot");
    assert_eq!(step("subscribers#3"), "keep");
    assert_eq!(home.run(&with_file("drift", &[])).code, 3);
    let untouched = bytes_of(&app.join("config/gateway.yaml"));
    home.ok(&with_file("apply", &[]));
    assert_eq!(home.run(&with_file("plan", &[])).code, 0);
    let env = text_of(&app.join(".env"));
    assert!(
        env.contains("TWILIO_STANDBY_") && !env.contains("TWILIO_LEGACY_"),
        "{env}"
    );
    assert!(!env.contains("AWS_"), "{env}");
    assert_eq!(bytes_of(&app.join("config/gateway.yaml")), untouched);
    let canaries = home.json(&["canaries"]).to_string();
    assert!(canaries.contains("Sends for free"), "{canaries}");

    // Another name for what stands; then the file moves. What it planted stays bound to it.
    edit(&file, "name: old-provider", "name: provider-before");
    assert_eq!(
        counted(&home, "plan"),
        [("describe".to_owned(), 1), ("keep".to_owned(), 4)].into()
    );
    let env = bytes_of(&app.join(".env"));
    home.ok(&with_file("apply", &[]));
    assert_eq!(bytes_of(&app.join(".env")), env);
    fs::create_dir(home.path().join("app/ops")).unwrap();
    let moved = app.join("ops/deception.yaml");
    fs::rename(&file, &moved).unwrap();
    edit(&moved, "target: .env", "target: ../.env");
    edit(&moved, "target: config", "target: ../config");
    edit(&moved, "sqlite:gateway", "sqlite:../gateway");
    let moved = ["--file", "app/ops/deception.yaml"];
    assert_eq!(home.run(&["plan", moved[0], moved[1]]).code, 0);
    home.ok(&["apply", moved[0], moved[1]]);
    home.ok(&["destroy", moved[0], moved[1]]);
    fs::remove_dir_all(app.join("ops")).unwrap();
    let mut expected = before;
    expected.remove(&file);
    assert_eq!(content(&app), expected);
}

#[test]
fn what_is_gone_is_planted_anew_and_what_was_altered_is_left_to_the_operator() {
    let home = home();
    let app = example(&home);
    home.ok(&with_file("apply", &[]));
    let (env, gateway) = (app.join(".env"), app.join("config/gateway.yaml"));
    let original = text_of(&repository().join("examples/sms-gateway/config/gateway.yaml"));
    fs::write(&gateway, &original).unwrap();
    edit(
        &env,
        "TWILIO_LEGACY_AUTH_TOKEN=",
        "TWILIO_LEGACY_AUTH_TOKEN=x",
    );
    let altered = text_of(&env);
    let (drifted, code) = json(&home, "drift");
    assert_eq!(code, 3);
    let words: Vec<&str> = drifted
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["difference"].as_str().unwrap())
        .collect();
    assert!(
        words.contains(&"missing") && words.contains(&"changed"),
        "{drifted}"
    );
    assert_eq!(
        home.run(&with_file("plan", &[])).code,
        8,
        "one needs the operator"
    );
    let applied = home.run(&with_file("apply", &[]));
    assert_eq!(applied.code, 8, "{}", applied.stderr);
    assert!(applied.stderr.contains("--force"), "{}", applied.stderr);
    assert_ne!(
        text_of(&gateway),
        original,
        "what was gone is planted again"
    );
    assert_eq!(text_of(&env), altered, "what was altered is left");
    let id = drifted
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["difference"] == "changed");
    home.ok(&["uproot", id.unwrap()["canary"].as_str().unwrap(), "--force"]);
    home.ok(&with_file("apply", &[]));
    assert_eq!(home.run(&with_file("drift", &[])).code, 0);
}

#[test]
fn what_cannot_be_done_is_told_and_the_rest_goes_on() {
    let home = home();
    fs::write(home.path().join("a.env"), "A=1\n").unwrap();
    let bait: String = ["a.env", "later.env", "none/c.env"]
        .iter()
        .enumerate()
        .map(|(at, target)| format!("  - {{name: b{at}, kind: twilio, target: {target}}}\n"))
        .collect();
    fs::write(
        home.path().join("deception.yaml"),
        format!("version: 1\nname: some\nbait:\n{bait}"),
    )
    .unwrap();
    let planned = home.run(&["plan"]);
    assert_eq!(planned.code, 8, "{}", planned.stdout);
    let applied = home.run(&["apply"]);
    assert_eq!(applied.code, 8, "{}", applied.stderr);
    assert!(applied.stderr.contains("later.env") && applied.stderr.contains("none"));
    let states = |home: &Home| {
        let places = home.json(&["places"]);
        let rows = places.as_array().unwrap().iter();
        rows.map(|row| row["state"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(states(&home), ["planted"], "the record says what was done");
    fs::write(home.path().join("later.env"), "B=1\n").unwrap();
    fs::create_dir(home.path().join("none")).unwrap();
    fs::write(home.path().join("none/c.env"), "C=1\n").unwrap();
    home.ok(&["apply"]);
    assert_eq!(states(&home), ["planted"; 3]);
    home.ok(&["destroy"]);
    for (file, text) in [
        ("a.env", "A=1\n"),
        ("later.env", "B=1\n"),
        ("none/c.env", "C=1\n"),
    ] {
        assert_eq!(text_of(&home.path().join(file)), text);
    }
}

#[test]
fn mistakes_in_the_file_name_their_line() {
    let home = home();
    let file = home.path().join("deception.yaml");
    let missing = home.run(&["plan"]);
    assert_eq!(missing.code, 1);
    assert!(missing.stderr.contains("--file"), "{}", missing.stderr);
    for (bait, line, words) in [
        (
            "  - {name: a, kind: twilio, target: .env, colour: red}\n",
            4,
            "danger-triggers",
        ),
        (
            "  - name: a\n    kind: no-such-kind\n    target: .env\n",
            4,
            "lapwing kinds",
        ),
        ("  - name: a\n    kind: twilio\n", 4, "target"),
        (
            "  - name: a\n    kind: twilio\n    target: .env\n    count: 2\n",
            4,
            "tables",
        ),
    ] {
        fs::write(&file, format!("version: 1\nname: x\nbait:\n{bait}")).unwrap();
        for command in ["plan", "apply"] {
            let ran = home.run(&[command]);
            assert_eq!(ran.code, 1, "{bait}");
            let place = format!("deception.yaml:{line}");
            assert!(ran.stderr.contains(words), "{bait}: {}", ran.stderr);
            assert!(ran.stderr.contains(&place), "{bait}: {}", ran.stderr);
        }
    }
    assert!(home.json(&["places"]).as_array().unwrap().is_empty());
}

#[test]
fn one_value_stands_in_one_place_and_one_name_in_one_file() {
    let home = home();
    for name in ["a.env", "b.env"] {
        fs::write(home.path().join(name), "A=1\n").unwrap();
    }
    // A kind of the operator's own, whose handle can be fixed.
    let own = home.data().join("canaries/credential");
    fs::create_dir(&own).unwrap();
    fs::write(own.join("door.toml"), DOOR).unwrap();
    let declare = |name: &str, target: &str| {
        format!(
            "version: 1\nname: {name}\nbait:\n  - name: x\n    kind: door\n    target: {target}\n    \
             set: {{code: dr_Xk29dLq0PzT7vB4nWm8Rc3Yh}}\n"
        )
    };
    fs::write(home.path().join("one.yaml"), declare("one", "a.env")).unwrap();
    fs::write(home.path().join("two.yaml"), declare("two", "b.env")).unwrap();
    home.ok(&["apply", "--file", "one.yaml"]);
    let twice = home.run(&["apply", "--file", "two.yaml"]);
    assert_eq!(twice.code, 8, "{}", twice.stderr);
    assert!(
        twice.stderr.contains("one canary, one place"),
        "{}",
        twice.stderr
    );
    assert_eq!(text_of(&home.path().join("b.env")), "A=1\n");

    fs::write(home.path().join("two.yaml"), declare("one", "b.env")).unwrap();
    for command in ["plan", "apply", "drift", "destroy"] {
        let refused = home.run(&[command, "--file", "two.yaml"]);
        assert_eq!(refused.code, 1, "{command}: {}", refused.stderr);
        assert!(
            refused.stderr.contains("both call themselves one"),
            "{}",
            refused.stderr
        );
    }
    assert_eq!(home.run(&["check"]).code, 0);
}

const DOOR: &str = r#"
id = "door"
name = "Door code"
summary = "Code of the back door"
trigger = "local"
fires = "Somebody shows the code."
blind_spots = ["Reading it."]
lives = [".env"]

[[field]]
name = "code"
format = "dr_{base62:24}"
handle = true
settable = true

[plant]
roles = ["legacy", "old"]
env = { "DOOR_{ROLE}_CODE" = "code" }

[[example]]
field = "code"
value = "dr_Xk29dLq0PzT7vB4nWm8Rc3Yh"
[[counter_example]]
field = "code"
value = "dr_short"
"#;

/// A fleet: a thousand baits over many files and the rows of a table.
#[test]
fn a_thousand_baits_are_applied_checked_and_taken_out() {
    let home = home();
    let mut bait = String::new();
    let mut before = BTreeMap::new();
    for service in 0..195 {
        let directory = home.path().join(format!("srv/app{service:03}"));
        fs::create_dir_all(&directory).unwrap();
        for (file, text) in [(".env", "A=1\n"), ("app.ini", "[main]\nname = app\n")] {
            fs::write(directory.join(file), text).unwrap();
            before.insert(directory.join(file), text.as_bytes().to_vec());
        }
        for (at, (kind, file)) in [
            ("twilio", ".env"),
            ("aws-access-key", ".env"),
            ("openai", ".env"),
            ("github-pat", ".env"),
            ("jasmin-http", "app.ini"),
        ]
        .into_iter()
        .enumerate()
        {
            bait.push_str(&format!(
                "  - {{name: s{service}-{at}, kind: {kind}, target: srv/app{service:03}/{file}}}\n"
            ));
        }
    }
    bait.push_str(
        "  - {name: users, kind: person, target: 'sqlite:shop.db?table=users', count: 25}\n",
    );
    let schema = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, \
        email TEXT UNIQUE NOT NULL, profile_url TEXT); INSERT INTO users (name, email) VALUES \
        ('Ann Bee', 'ann@shop.example'), ('Cy Dee', 'cy@shop.example');";
    program("sqlite3", &["shop.db", schema], home.path());
    fs::write(
        home.path().join("deception.yaml"),
        format!("version: 1\nname: fleet\nbait:\n{bait}"),
    )
    .unwrap();
    home.ok(&["apply"]);
    let checked = home.json(&["check"]);
    assert_eq!(checked.as_array().unwrap().len(), 1000);
    assert_eq!(home.run(&["plan"]).code, 0);
    let count = program(
        "sqlite3",
        &["shop.db", "SELECT count(*) FROM users"],
        home.path(),
    );
    assert_eq!(count.trim(), "27");
    home.ok(&["destroy"]);
    for (file, bytes) in before {
        assert_eq!(bytes_of(&file), bytes, "{}", file.display());
    }
    let count = program(
        "sqlite3",
        &["shop.db", "SELECT count(*) FROM users"],
        home.path(),
    );
    assert_eq!(count.trim(), "2");
}
