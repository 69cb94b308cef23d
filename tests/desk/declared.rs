//! Declared bait on another host: planned, applied, kept, rotated and taken out through one conversation a
//! host; what breaks off is finished by the next run.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use lapwing_tests::{Home, Ran, finish};
use serde_json::Value;

use crate::other::{Files, Sshd, done, program, text_of};
use crate::stage::home_with;

/// A home whose ssh is a program of ours in front of the genuine one: it counts conversations, and breaks
/// them off where a test says so.
struct Stage {
    home: Home,
    files: Files,
    sshd: Sshd,
    bin: PathBuf,
}

/// What is broken off.
enum Break {
    Nothing,
    /// The word to go ahead does not arrive.
    Word,
    /// It does, and all answers after so many are lost.
    Answer(usize),
}

impl Stage {
    fn new() -> Self {
        let files = Files::new();
        let sshd = Sshd::start(&files);
        let bin = files.path().join("ssh.sh");
        let home = home_with(&format!(
            "[hosts]\nssh = [\"{}\"]\nbinary = \"{}\"\n",
            bin.display(),
            program().display()
        ));
        let stage = Self {
            home,
            files,
            sshd,
            bin,
        };
        stage.breaks(&Break::Nothing);
        stage
    }

    fn breaks(&self, what: &Break) {
        let ssh = format!("ssh -F '{}' \"$@\"", self.sshd.client().display());
        let talk = match what {
            Break::Nothing => format!("exec {ssh}"),
            Break::Word => format!("sed -u '/^go$/Q' | {ssh}"),
            // The shell keeps no end of the conversation for itself.
            Break::Answer(after) => {
                format!("exec 3<&0; {ssh} <&3 3<&- | sed -u {after}q & exec <&- >&- 3<&-; wait")
            }
        };
        let script = format!(
            "#!/bin/sh\nfor last; do :; done\ncase $last in\n\
             *' agent;'*) echo >>'{}'; {talk} ;;\n*) exec {ssh} ;;\nesac\n",
            self.log().display()
        );
        fs::write(&self.bin, script).unwrap();
        fs::set_permissions(&self.bin, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn log(&self) -> PathBuf {
        self.files.path().join("conversations")
    }

    /// How many conversations there were since this was last asked.
    fn conversations(&self) -> usize {
        let count = if self.log().exists() {
            text_of(&self.log()).lines().count()
        } else {
            0
        };
        fs::write(self.log(), "").unwrap();
        count
    }

    fn declare(&self, bait: &str) {
        let text = format!("version: 1\nname: fleet\nbait:\n{bait}");
        fs::write(self.home.path().join("deception.yaml"), text).unwrap();
    }

    /// The steps that `plan` says, and how it ends.
    fn plan(&self) -> (Vec<(String, String)>, i32) {
        let ran = self.home.run(&["plan", "--json"]);
        let said: Value = serde_json::from_str(&ran.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", ran.stdout, ran.stderr));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let rows = said["bait"].as_array().unwrap().iter();
        let steps = rows.map(|row| (text(&row["bait"]), text(&row["step"])));
        (steps.collect(), ran.code)
    }

    fn apply(&self) -> Ran {
        self.home.run(&["apply", "--yes"])
    }

    fn states(&self) -> Vec<String> {
        let places = self.home.json(&["places"]);
        let places = places.as_array().unwrap().iter();
        places
            .map(|place| place["state"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn bait(name: &str, kind: &str, target: &str, more: &str) -> String {
    format!("  - {{name: {name}, kind: {kind}, target: '{target}'{more}}}\n")
}

/// The values of an env file under names that begin so.
fn values(file: &Path, begin: &str) -> Vec<String> {
    let text = text_of(file);
    let ours = text.lines().filter(|line| line.starts_with(begin));
    let values = ours.filter_map(|line| Some(line.split_once('=')?.1.to_owned()));
    values.collect()
}

/// Two files and a table there, a file here, and what is declared for them.
struct Fleet {
    app: PathBuf,
    shop: PathBuf,
    here: PathBuf,
    database: PathBuf,
    declared: Vec<String>,
}

impl Fleet {
    fn declare(stage: &Stage) -> Self {
        let files = &stage.files;
        let app = files.write("app.env", "A=1\n");
        let shop = files.write("shop.env", "B=1\n");
        let here = stage.home.path().join("here.env");
        fs::write(&here, "C=1\n").unwrap();
        let database = app.with_file_name("shop.db");
        done(Command::new("sqlite3").arg(&database).arg(
            "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, email TEXT);
             INSERT INTO users (name, email) VALUES ('Ada Stone', 'ada@example.com'),
             ('Jon Reed', 'jon@example.com'), ('Eva Lind', 'eva@example.com');",
        ));
        // As the operator writes it, which is not as the host does.
        symlink(app.parent().unwrap(), files.path().join("current")).unwrap();
        let linked = files.path().join("current/app.env");
        let there = |path: &Path| format!("ssh://other{}", path.display());
        let table = format!("ssh://other/sqlite:{}?table=users", database.display());
        let declared = vec![
            bait("sms", "twilio", &there(&linked), ""),
            bait("llm", "openai", &there(&app), ""),
            bait("hook", "twilio", &there(&shop), ""),
            bait("local", "twilio", "here.env", ""),
            bait("people", "person", &table, ", count: 2"),
        ];
        stage.declare(&declared.concat());
        Self {
            app,
            shop,
            here,
            database,
            declared,
        }
    }
}

#[test]
fn one_file_declares_what_stands_on_several_hosts() {
    let stage = Stage::new();
    let Stage { home, files, .. } = &stage;
    let fleet = Fleet::declare(&stage);
    let planned = home.run(&["plan"]);
    assert_eq!(planned.code, 7, "{}", planned.stderr);
    assert!(planned.stdout.contains("+TWILIO_"), "{}", planned.stdout);
    assert_eq!(stage.conversations(), 1, "one for the whole command");
    assert_eq!(text_of(&fleet.app), "A=1\n");
    assert!(home.json(&["canaries"]).as_array().unwrap().is_empty());

    let applied = stage.apply();
    assert_eq!(applied.code, 0, "{}", applied.stderr);
    assert_eq!(stage.conversations(), 1);
    assert!(files.is_clean(), "nothing stays there but the bait");
    let (steps, code) = stage.plan();
    assert_eq!((steps.len(), code), (6, 0), "{steps:?}");
    assert!(steps.iter().all(|(_, step)| step == "keep"), "{steps:?}");
    assert_eq!(home.run(&["drift"]).code, 0);
    for row in home.json(&["check"]).as_array().unwrap() {
        let condition = row["condition"].as_str().unwrap();
        // Two were planted in one file, and rows beside each other.
        assert!(["unchanged", "present"].contains(&condition), "{row}");
        let is_row = row["target"].as_str().unwrap().contains("table=");
        assert!(!is_row || condition == "unchanged", "{row}");
    }
    // What stands there is what is recognised here.
    for file in [&fleet.app, &fleet.shop, &fleet.here] {
        assert_eq!(home.run(&["scan", file.to_str().unwrap()]).code, 6);
    }
    let canaries = home.json(&["canaries"]);
    let away = |canary: &&Value| canary["labels"]["host"] == "other";
    assert_eq!(canaries.as_array().unwrap().iter().filter(away).count(), 5);

    stage.conversations();
    home.ok(&["destroy", "--yes"]);
    assert_eq!(stage.conversations(), 1);
    assert_eq!(text_of(&fleet.app), "A=1\n");
    assert_eq!(text_of(&fleet.shop), "B=1\n");
    let mut count = Command::new("sqlite3");
    let left = finish(count.arg(&fleet.database).arg("SELECT count(*) FROM users"));
    assert_eq!(left.stdout.trim(), "3");
    assert!(files.is_clean());
}

#[test]
fn what_differs_there_is_seen_and_put_right_or_left_to_the_operator() {
    let stage = Stage::new();
    let home = &stage.home;
    let fleet = Fleet::declare(&stage);
    assert_eq!(stage.apply().code, 0);
    // Somebody alters one and takes another out; a third is no longer declared.
    let was = text_of(&fleet.shop);
    let altered = was.replacen("TWILIO", "MILIO", 1);
    fs::write(&fleet.shop, &altered).unwrap();
    fs::write(&fleet.here, "C=1\n").unwrap();
    let declared = fleet.declared.iter().filter(|bait| !bait.contains("llm"));
    stage.declare(&declared.cloned().collect::<String>());
    let drift = home.run(&["drift", "--json"]);
    assert_eq!(drift.code, 3, "{}", drift.stderr);
    let rows: Value = serde_json::from_str(&drift.stdout).unwrap();
    let said = |bait: &str| {
        let mut rows = rows.as_array().unwrap().iter();
        let row = rows.find(|row| row["bait"] == bait).unwrap();
        row["difference"].as_str().unwrap().to_owned()
    };
    let words = ["hook", "local", "llm"].map(said);
    assert_eq!(words, ["changed", "missing", "not declared"]);
    stage.conversations();
    let applied = stage.apply();
    assert_eq!(
        applied.code, 8,
        "one needs the operator: {}",
        applied.stderr
    );
    assert_eq!(stage.conversations(), 1);
    assert_eq!(text_of(&fleet.shop), altered, "that may be evidence");
    assert!(!text_of(&fleet.app).contains("OPENAI"));
    assert_eq!(values(&fleet.here, "TWILIO_").len(), 3);
    fs::write(&fleet.shop, &was).unwrap();
    assert_eq!(stage.plan().1, 0);
}

#[test]
fn a_rotation_there_is_one_write_under_the_old_names() {
    let stage = Stage::new();
    let Stage { home, files, .. } = &stage;
    let app = files.write("app.env", "A=1\n");
    let target = format!("ssh://other{}", app.display());
    stage.declare(&bait("sms", "twilio", &target, ", rotation: after-trip"));
    assert_eq!(stage.apply().code, 0);
    let (text, before) = (text_of(&app), values(&app, "TWILIO_"));
    let names = |text: &str| -> Vec<String> {
        let names = text.lines().filter_map(|line| line.split_once('='));
        names.map(|(name, _)| name.to_owned()).collect()
    };
    stage.conversations();
    let dry = home.ok(&["rotate", &target, "--dry-run"]);
    assert!(dry.contains("\n+") && dry.contains("\n-"), "{dry}");
    assert_eq!(text_of(&app), text);
    let rotated = home.json(&["rotate", &target]);
    assert_eq!(stage.conversations(), 2, "one a command");
    assert_eq!(rotated[0]["new"]["target"], target.as_str());
    assert_eq!(names(&text_of(&app)), names(&text));
    let after = values(&app, "TWILIO_");
    assert!(
        before[0] != after[0] && before[1] != after[1],
        "{before:?} {after:?}"
    );
    let canaries = home.json(&["canaries"]);
    let retired = canaries.as_array().unwrap().iter();
    let retired: Vec<bool> = retired.map(|it| it["retired"].is_string()).collect();
    assert_eq!(retired, [true, false]);
    assert_eq!(stage.states(), ["uprooted", "planted"]);
    assert_eq!(stage.plan().1, 0, "it is still the declared one");
    // Both are recognised, the old one for ever.
    let both = home.path().join("log.txt");
    fs::write(
        &both,
        format!("{}\n{}\n", before.join(" "), after.join(" ")),
    )
    .unwrap();
    let scanned = home.run(&["scan", both.to_str().unwrap(), "--json"]);
    for canary in canaries.as_array().unwrap() {
        assert!(scanned.stdout.contains(canary["id"].as_str().unwrap()));
    }
    home.ok(&["destroy", "--yes"]);
    assert_eq!(text_of(&app), "A=1\n");
}

#[test]
fn what_broke_off_is_finished_by_the_next_run() {
    for written in [false, true] {
        let what = |answers: usize| {
            if written {
                Break::Answer(answers)
            } else {
                Break::Word
            }
        };
        let stage = Stage::new();
        let Stage { home, files, .. } = &stage;
        let app = files.write("app.env", "A=1\n");
        let target = format!("ssh://other{}", app.display());
        stage.declare(&bait("sms", "twilio", &target, ""));
        stage.breaks(&what(1));
        let broken = stage.apply();
        assert_eq!(broken.code, 8, "{}", broken.stderr);
        assert!(broken.stderr.contains("broke off"), "{}", broken.stderr);
        assert_eq!(
            stage.states(),
            ["intended"],
            "the record says what may stand there"
        );
        assert_eq!(text_of(&app) != "A=1\n", written);
        // Whatever was written is known.
        if written {
            assert_eq!(home.run(&["scan", app.to_str().unwrap()]).code, 6);
        }
        stage.breaks(&Break::Nothing);
        let (steps, code) = stage.plan();
        assert_eq!((steps[0].1.as_str(), code), ("settle", 7), "{steps:?}");
        let applied = stage.apply();
        assert_eq!(applied.code, 0, "{}", applied.stderr);
        assert!(applied.stderr.contains("resumed:"), "{}", applied.stderr);
        let states = stage.states();
        let expected: &[&str] = if written {
            &["planted"]
        } else {
            &["abandoned", "planted"]
        };
        assert_eq!(states, expected);
        assert_eq!(
            values(&app, "TWILIO_").len(),
            3,
            "planted once: {}",
            text_of(&app)
        );

        // A rotation that breaks off leaves one of both, never none and never two.
        let before = text_of(&app);
        // First it is asked how the target is written.
        stage.breaks(&what(2));
        assert_eq!(home.run(&["rotate", &target, "--yes"]).code, 8);
        assert_eq!(text_of(&app) != before, written);
        stage.breaks(&Break::Nothing);
        let applied = stage.apply();
        assert_eq!(applied.code, 0, "{}", applied.stderr);
        assert_eq!(values(&app, "TWILIO_").len(), 3, "{}", text_of(&app));
        let standing = stage
            .states()
            .into_iter()
            .filter(|state| state == "planted");
        assert_eq!(standing.count(), 1);
        assert_eq!(home.run(&["check"]).code, 0);
        home.ok(&["destroy", "--yes"]);
        assert_eq!(text_of(&app), "A=1\n");
    }
}

#[test]
fn a_host_that_is_away_is_tried_once_and_the_rest_goes_on() {
    let stage = Stage::new();
    let Stage { home, files, .. } = &stage;
    let app = files.write("app.env", "A=1\n");
    let target = format!("ssh://other{}", app.display());
    let away: Vec<String> = ["a", "b", "c"]
        .iter()
        .map(|name| bait(name, "twilio", &format!("ssh://nobody/srv/{name}.env"), ""))
        .collect();
    stage.declare(&[away.concat(), bait("sms", "twilio", &target, "")].concat());
    let applied = stage.apply();
    assert_eq!(applied.code, 8, "{}", applied.stderr);
    let refused = applied.stderr.matches("Connection refused").count();
    assert_eq!(refused, 1, "{}", applied.stderr);
    assert_eq!(stage.states(), ["planted"]);
    assert_eq!(home.json(&["canaries"]).as_array().unwrap().len(), 1);
    for wrong in [
        "host://web1/srv/.env",
        "ssh://web1",
        "ssh://-oProxyCommand=x/srv/.env",
    ] {
        stage.declare(&format!(
            "  - name: sms\n    kind: twilio\n    target: {wrong}\n"
        ));
        let ran = home.run(&["plan"]);
        assert_eq!(ran.code, 1, "{wrong}: {}", ran.stdout);
        assert!(ran.stderr.contains("deception.yaml:4"), "{}", ran.stderr);
        assert!(ran.stderr.contains("ssh://[user@]host"), "{}", ran.stderr);
    }
}
