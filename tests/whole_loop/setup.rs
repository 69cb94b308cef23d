//! Setting up: init, kinds, settings and where they come from, the master key, exit codes.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use lapwing_tests::{Home, Ran, Station, binary, eventually, finish};

use crate::bait::{KINDS, files_below, home, home_with, text_of};

#[test]
fn init_asks_for_the_address_at_a_terminal() {
    let home = Home::new();
    let shown = home.path().join("shown");
    let mut command = Command::new("script");
    home.scrub(&mut command);
    command
        .args(["-qefc", &format!("{} init", binary().display())])
        .arg(&shown);
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
    let mut child = spawned.expect("script of bsdutils; tests/run installs what tests need");
    let mut keys = child.stdin.take().unwrap();
    for (question, answer) in [
        (
            "Public address that bait will carry",
            "http://*.example.org\r",
        ),
        ("Domain of yours", "example.org\r"),
    ] {
        eventually(question, || {
            let shown = shown.exists().then(|| text_of(&shown))?;
            shown.contains(question).then_some(())
        });
        keys.write_all(answer.as_bytes()).unwrap();
        keys.flush().unwrap();
    }
    let status = child.wait().unwrap();
    assert!(status.success(), "{}", text_of(&shown));
    let settings = text_of(&home.data().join("lapwing.toml"));
    assert!(settings.contains("http://*.example.org"), "{settings}");
    assert!(
        settings.contains("mail_domain = \"example.org\""),
        "{settings}"
    );
}

#[test]
fn init_takes_flags_and_keeps_what_the_operator_wrote() {
    let home = Home::new();
    let ran = home.run(&["init"]);
    assert_eq!(ran.code, 1, "without a terminal it cannot ask");
    assert!(
        ran.stderr.contains("lapwing init --address"),
        "{}",
        ran.stderr
    );
    home.settings("# mine\n[quota]\ntrips = 7 # few\n");
    home.ok(&[
        "init",
        "--address",
        "https://*.example.org",
        "--operator",
        "Us",
    ]);
    home.ok(&[
        "init",
        "--address",
        "https://bait.example.net",
        "--mail-domain",
        "example.net",
    ]);
    let settings = text_of(&home.data().join("lapwing.toml"));
    assert!(
        settings.contains("# mine") && settings.contains("trips = 7 # few"),
        "{settings}"
    );
    let config = home.json(&["config"]);
    let value = |key: &str| {
        let settings = config["settings"].as_array().unwrap();
        settings
            .iter()
            .find(|setting| setting["key"] == key)
            .unwrap()["value"]
            .clone()
    };
    let both = ["https://*.example.org", "https://bait.example.net"];
    assert_eq!(value("addresses"), serde_json::json!(both));
    assert_eq!(value("operator"), "Us");
    assert_eq!(value("mail_domain"), "example.net");
    assert_eq!(value("quota.trips"), 7);
    let ran = home.run(&["init", "--address", "ftp://example.org"]);
    assert_eq!(ran.code, 1);
}

#[test]
fn the_data_directory_is_private() {
    let home = home();
    home.mint("url", &[]);
    home.listen(&[]).stop();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&home.data()), 0o700);
    assert_eq!(mode(&home.data().join("journal")), 0o700);
    for file in files_below(&home.data()) {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn kinds_are_listed_and_explained() {
    let home = Home::new();
    let listed = home.ok(&["kinds"]);
    let json = home.json(&["kinds"]);
    let ids: Vec<&str> = json
        .as_array()
        .unwrap()
        .iter()
        .map(|kind| kind["id"].as_str().unwrap())
        .collect();
    assert!(ids.len() >= 150, "{}", ids.len());
    assert!(KINDS.iter().all(|kind| ids.contains(kind)));
    for kind in KINDS {
        assert!(listed.contains(kind), "{kind}");
        let explained = home.ok(&["kinds", kind]);
        for section in [
            "How it fires",
            "What it will not notice",
            "Where it usually lives",
        ] {
            assert!(explained.contains(section), "{kind}: {explained}");
        }
        let explained = home.json(&["kinds", kind]);
        for list in ["blind_spots", "lives", "fields"] {
            assert!(
                !explained[list].as_array().unwrap().is_empty(),
                "{kind}: {list}"
            );
        }
    }
    let ran = home.run(&["kinds", "telepathy"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("lapwing kinds"), "{}", ran.stderr);
}

/// A kind of one's own: the built-in link under another name.
fn own_kind(directory: &Path, change: impl Fn(String) -> String) {
    let text = text_of(&lapwing_tests::repository().join("canaries/beacon/url.toml"));
    let text = text.replace("id = \"url\"", "id = \"wiki-link\"");
    fs::create_dir_all(directory.join("beacon")).unwrap();
    fs::write(directory.join("beacon/wiki-link.toml"), change(text)).unwrap();
}

#[test]
fn kinds_of_ones_own_are_checked_and_used() {
    let home = home();
    let drafts = home.path().join("drafts");
    own_kind(&drafts, |text| text);
    let directory = drafts.to_str().unwrap();
    home.ok(&["kinds", "--check", directory]);
    own_kind(&drafts, |text| {
        text.replacen("trigger =", "colour = \"red\"\ntrigger =", 1)
    });
    let ran = home.run(&["kinds", "--check", directory]);
    assert_eq!(ran.code, 1);
    let line = text_of(&drafts.join("beacon/wiki-link.toml"))
        .lines()
        .position(|line| line.starts_with("colour"))
        .unwrap()
        + 1;
    let named = format!("beacon/wiki-link.toml:{line}");
    assert!(
        ran.stderr.contains("colour") && ran.stderr.contains(&named),
        "{}",
        ran.stderr
    );
    // Readable, but its samples are taken for another kind's, and its example does not fit.
    own_kind(&drafts, |text| {
        text.replacen("\"{hex:32}\",", "\"AC{hex:32}\",", 1)
            .replace("value = \"00", "value = \"! ")
    });
    let ran = home.run(&["kinds", "--check", directory, "--json"]);
    assert_eq!(ran.code, 1);
    let findings: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let findings = findings.as_array().unwrap();
    assert!(
        findings
            .iter()
            .any(|finding| finding["kind"] == "wiki-link"),
        "{}",
        ran.stdout
    );
    assert!(
        findings.iter().all(|finding| finding["hint"] != ""),
        "{}",
        ran.stdout
    );

    own_kind(&home.data().join("canaries"), |text| text);
    assert!(home.ok(&["kinds"]).contains("wiki-link"));
    let canary = home.mint("wiki-link", &[]);
    let station = home.listen(&[]);
    assert_eq!(crate::bait::open(station.address(), &canary).status, 403);
    assert_eq!(
        lapwing_tests::trips(&home, 1)[0]["trip"]["kind"],
        "wiki-link"
    );
}

#[test]
fn config_says_where_each_value_comes_from_and_hides_secrets() {
    let secret = "whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";
    let home = home_with(&format!(
        "[quota]\ntrips = 7\nseconds = 60\n[alert.channels.hook]\nkind = \"webhook\"\n\
         url = \"https://alerts.example.org/\"\nsecret = \"{secret}\"\n\
         headers = {{ authorization = \"Bearer hunter2\" }}\n[alert.channels.mail]\n\
         kind = \"email\"\nhost = \"mail.example.org\"\nusername = \"me\"\n\
         password = \"correct-horse\"\nfrom = \"a@example.org\"\nto = [\"b@example.org\"]\n"
    ));
    let config = |args: &[&str], json: bool| -> Ran {
        let mut command = home.command(&[&["config"], args].concat());
        command
            .env("LAPWING_QUOTA__SECONDS", "61")
            .env("LAPWING_LISTEN__HTTP", "127.0.0.1:1");
        if json {
            command.arg("--json");
        }
        finish(&mut command)
    };
    let flags = ["--setting", "listen.http=127.0.0.1:2"];
    let ran = config(&flags, true);
    let parsed: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let row = |key: &str| {
        let settings = parsed["settings"].as_array().unwrap();
        let row = settings
            .iter()
            .find(|setting| setting["key"] == key)
            .expect("a setting");
        (
            row["value"].clone(),
            row["origin"].as_str().unwrap().to_owned(),
        )
    };
    let file = home.data().join("lapwing.toml").display().to_string();
    assert_eq!(row("quota.trips"), (7.into(), file));
    assert_eq!(
        row("quota.seconds"),
        (
            61.into(),
            "environment variable LAPWING_QUOTA__SECONDS".to_owned()
        )
    );
    let (value, origin) = row("listen.http");
    assert_eq!(
        value,
        serde_json::json!(["127.0.0.1:2"]),
        "a flag wins over the environment"
    );
    assert!(origin.contains("flag"), "{origin}");
    assert_eq!(row("fold.incident_seconds").1, "default");
    for shown in [ran.stdout, config(&flags, false).stdout] {
        assert!(shown.contains("(hidden)"), "{shown}");
        for hidden in [secret, "hunter2", "correct-horse"] {
            assert!(!shown.contains(hidden), "{hidden} is shown");
        }
    }
}

#[test]
fn settings_with_mistakes_are_refused_with_the_place() {
    let home = home_with("[quota]\ntrips = 7\n");
    let file = home.data().join("lapwing.toml");
    let text = text_of(&file).replace("trips", "tripz");
    home.settings(&text);
    let line = text
        .lines()
        .position(|line| line.contains("tripz"))
        .unwrap()
        + 1;
    for command in [&["config"][..], &["listen"], &["mint", "url"]] {
        let ran = home.run(command);
        assert_eq!(ran.code, 1, "{command:?}");
        let place = format!("lapwing.toml:{line}");
        assert!(
            ran.stderr.contains("tripz") && ran.stderr.contains(&place),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn the_key_comes_from_a_credential_a_file_or_the_data_directory() {
    let key = |byte: &str| format!("{}\n", byte.repeat(32));
    let home = Home::new();
    let file = home.path().join("elsewhere.key");
    let credentials = home.path().join("credentials");
    fs::create_dir(&credentials).unwrap();
    fs::write(&file, key("0a")).unwrap();
    fs::write(credentials.join("lapwing-key"), key("0b")).unwrap();
    let setting = format!("key_file={}", file.display());
    let says = |data: &str, credential: bool, args: &[&str]| {
        let run = |words: &[&str]| {
            let data = home.path().join(data);
            let words = [words, args, &["--data-dir", data.to_str().unwrap()]].concat();
            let mut command = home.command(&words);
            if credential {
                command.env("CREDENTIALS_DIRECTORY", &credentials);
            }
            let ran = finish(&mut command);
            assert_eq!(ran.code, 0, "{words:?}: {}", ran.stderr);
            ran.stdout
        };
        run(&["init", "--address", "http://*.example.org"]);
        run(&["mint", "url"]);
        let config = run(&["config", "--json"]);
        let config: serde_json::Value = serde_json::from_str(&config).unwrap();
        config["master_key"].as_str().unwrap().to_owned()
    };
    let setting = ["--setting", setting.as_str()];
    assert!(says("one", true, &setting).contains("systemd credential"));
    assert!(says("two", false, &setting).contains("elsewhere.key"));
    assert!(says("three", false, &[]).contains("(data directory)"));
    for (data, inside) in [("one", false), ("two", false), ("three", true)] {
        assert_eq!(
            home.path().join(data).join("key").exists(),
            inside,
            "{data}"
        );
    }
    // Without its key a data directory is of no use, and says so.
    let two = home.path().join("two");
    let ran = home.run(&["canaries", "--data-dir", two.to_str().unwrap()]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("key"), "{}", ran.stderr);
    let wrong = ["--setting", "key_file=/dev/null"];
    let words = [
        &["canaries", "--data-dir", two.to_str().unwrap()][..],
        &wrong,
    ]
    .concat();
    assert_eq!(home.run(&words).code, 1);
}

#[test]
fn a_listener_on_a_fresh_machine_sets_itself_up() {
    let home = Home::new();
    let fresh = |args: &[&str]| {
        let mut command = home.command(args);
        command.env_remove("LAPWING_DATA_DIR");
        command
    };
    let station = Station::start(&mut fresh(&["listen", "--json", "--http", "127.0.0.1:0"]));
    let data = home.path().join(".local/state/lapwing");
    assert!(data.join("station.json").exists() && data.join("key").exists());
    let answer = lapwing_tests::get(station.address(), "192.0.2.1", "/", &[]);
    assert_eq!(answer.status, 200, "the default site");
    let answer = lapwing_tests::get(station.address(), "example.org", "/", &[]);
    assert_eq!(answer.status, 404, "a name that is nobody's here");
    let ran = station.stop();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let ran = finish(&mut fresh(&["trips", "--json"]));
    assert_eq!((ran.code, ran.stdout.trim()), (0, "[]"));

    // Without --json it says what it did, to people.
    let other = Home::new();
    let mut command = other.command(&["listen", "--http", "127.0.0.1:0"]);
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.unwrap();
    eventually("a data directory", || {
        other
            .data()
            .join("journal/checkpoints")
            .exists()
            .then_some(())
    });
    std::thread::sleep(Duration::from_millis(500));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let _ = child.wait();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    for words in [
        "set up the data directory",
        "master key",
        "listening for http on 127.0.0.1:",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "",
        "stdout is data"
    );
}

#[test]
fn exit_codes_are_those_of_the_readme() {
    let readme = text_of(&lapwing_tests::repository().join("README.md"));
    for code in 0..=5 {
        assert!(
            readme.contains(&format!("| {code} |")),
            "README lists exit code {code}"
        );
    }
    let home = home();
    let missing = home.path().join("none");
    let cases: &[(i32, &[&str])] = &[
        (0, &["kinds"]),
        (0, &["help"]),
        (0, &["--version"]),
        (0, &["check"]),
        (1, &["kinds", "nothing"]),
        (1, &["trips", "--data-dir", missing.to_str().unwrap()]),
        (1, &["trip", "77"]),
        (1, &["retire", "00000000"]),
        (1, &["report", "--format", "stone"]),
        (1, &["report", "--since", "yesterday"]),
        (1, &["alert", "test"]),
        (2, &[]),
        (2, &["hatch"]),
        (2, &["mint"]),
        (2, &["geo", "nowhere"]),
        (2, &["mint", "url", "--out", "stone"]),
    ];
    for (code, args) in cases {
        let ran = home.run(args);
        assert_eq!(ran.code, *code, "lapwing {args:?}: {}", ran.stderr);
        if *code != 0 {
            assert_eq!(ran.stdout, "", "lapwing {args:?}: stdout is data");
            assert!(
                !ran.stderr.is_empty(),
                "lapwing {args:?} says what is wrong"
            );
        }
    }
}
