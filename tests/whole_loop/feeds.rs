//! Reports for programs, before the validators that others wrote: STIX, MISP, XARF, OCSF, ECS, CEF, NDJSON and
//! lists, from reports full of hostile text and from a station that was used. `feeds.py` says by what each is judged.

#[path = "../../crates/report/tests/golden/mod.rs"]
mod golden;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use data_encoding::BASE64;
use lapwing_report::{FORMATS, Profile, Report};
use lapwing_tests::{Home, Minted, exchange, finish_within, repository, trips, venv};
use serde_json::Value;

use crate::bait::{basic, home_with, host};

/// The formats for programs.
const FEEDS: [&str; 10] = [
    "json",
    "ndjson",
    "stix",
    "misp",
    "xarf",
    "ocsf",
    "ecs",
    "cef",
    "ioc",
    "ioc-plain",
];
const PROFILES: [(Profile, &str); 2] = [(Profile::Masked, "masked"), (Profile::Full, "full")];
/// Loading what knows all of STIX and OCSF takes seconds, and several run at once.
const PATIENCE: Duration = Duration::from_secs(600);

fn extension(name: &str) -> &'static str {
    let format = FORMATS.iter().find(|format| format.name == name);
    format.expect("a format").extension
}

/// What a report comes to in every format for programs, as files.
fn write(directory: &Path, case: &str, report: &Report) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for (profile, word) in PROFILES {
        for format in FORMATS.iter().filter(|format| FEEDS.contains(&format.name)) {
            let Ok(bytes) = (format.render)(report, profile) else {
                assert_eq!((format.name, profile), ("xarf", Profile::Masked), "{case}");
                continue;
            };
            let file = directory.join(format!("{case}-{word}.{}", format.extension));
            fs::write(&file, bytes).unwrap();
            files.push(file);
        }
    }
    files
}

fn judge(arguments: &[&str], files: &[PathBuf]) {
    let mut python = Command::new(venv().join("bin/python"));
    python
        .arg(repository().join("tests/whole_loop/feeds.py"))
        .args(arguments)
        .args(files)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let ran = finish_within(PATIENCE, &mut python);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

/// The files with an ending, and the others.
fn parted(files: Vec<PathBuf>, ending: &str) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let ends = |file: &PathBuf| file.to_str().is_some_and(|name| name.ends_with(ending));
    files.into_iter().partition(ends)
}

/// What the compiler says of documents as values of the type that Elastic's own package gives the schema.
fn typed(directory: &Path, documents: &str) -> Result<(), String> {
    let installed = std::env::var_os("LAPWING_TEST_ECS")
        .map_or_else(|| repository().join("target/ecs-npm"), PathBuf::from);
    let compiler = installed.join("node_modules/typescript/bin/tsc");
    assert!(
        compiler.exists(),
        "{} is not there: tests/run installs it",
        compiler.display()
    );
    let modules = directory.join("node_modules");
    if !modules.exists() {
        std::os::unix::fs::symlink(installed.join("node_modules"), modules).unwrap();
    }
    let source = format!(
        "import type {{ Ecs }} from '@elastic/ecs';\nexport const all: Ecs[] = [\n{documents}];\n"
    );
    fs::write(directory.join("documents.ts"), source).unwrap();
    let mut node = Command::new("node");
    node.arg(compiler)
        .args([
            "--noEmit",
            "--strict",
            "--skipLibCheck",
            "--moduleResolution",
            "node",
        ])
        .args(["--module", "commonjs", "documents.ts"])
        .current_dir(directory);
    let ran = finish_within(PATIENCE, &mut node);
    if ran.code == 0 {
        Ok(())
    } else {
        Err(ran.stdout)
    }
}

/// The lines of files, as items of a list.
fn items(files: &[PathBuf]) -> String {
    let texts = files.iter().map(|file| crate::bait::bytes_of(file));
    let texts = texts.map(|bytes| String::from_utf8(bytes).unwrap());
    texts
        .flat_map(|text| {
            text.lines()
                .map(|line| format!("{line},\n"))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn feeds_of_hostile_reports_pass_the_validators_of_others() {
    let home = Home::new();
    let directory = home.path();
    let mut files = Vec::new();
    let cases = golden::all();
    for (case, report) in &cases {
        files.extend(write(directory, case, report));
    }
    let (ecs, others) = parted(files, ".ecs.ndjson");
    let count = cases.len();
    assert_eq!(
        (ecs.len(), others.len()),
        (2 * count, count * 2 * 9 - count)
    );
    judge(&[], &others);
    // Long texts make the compiler slow, and say nothing new of fields.
    let (_, ecs) = parted(ecs, "long-full.ecs.ndjson");
    typed(directory, &items(&ecs)).unwrap();
}

#[test]
fn the_validators_can_say_no() {
    let home = Home::new();
    let files = write(home.path(), "plain", &golden::plain());
    let spoilt = [
        ".stix.json",
        ".misp.json",
        ".xarf.ndjson",
        ".ocsf.ndjson",
        ".ndjson",
        ".json",
    ];
    let spoilt = spoilt.map(|end| home.path().join(format!("plain-full{end}")));
    judge(&["--spoil"], &spoilt);
    let (ecs, _) = parted(files, ".ecs.ndjson");
    let good = items(&ecs);
    for (what, wrong) in [
        ("\"kind\":\"alert\"", "\"colour\":\"alert\""),
        ("\"port\":50412", "\"port\":\"50412\""),
        ("\"version\":\"9.4.0\"", "\"version\":\"1.0.0\""),
    ] {
        assert!(good.contains(what), "{what}");
        let said = typed(home.path(), &good.replace(what, wrong));
        assert!(said.is_err(), "{wrong} passes");
    }
}

/// A use of the gateway that a proxy says came from there, with hostile text.
fn send(station: std::net::SocketAddr, source: &str, canary: &Minted) {
    let sid = canary.field("account_sid");
    let login = basic(sid, canary.field("auth_token"));
    let body =
        "To=%2B12025550142&From=x&Body=%3Cscript%3E%00%1b%5B31m%E2%80%AE%FF%7C%3D%5C%0D%0ACEF%3A0";
    let request = format!(
        "{source}\r\nPOST /2010-04-01/Accounts/{sid}/Messages.json HTTP/1.1\r\nHost: {}\r\n\
         User-Agent: =cmd|' /C x'!A0 <b>\u{202e}\r\nAuthorization: {login}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        host(canary),
        body.len()
    );
    assert!(exchange(station, request.as_bytes()).status > 0);
}

/// A station that two addresses of the root servers' used, one of documentation, and a drill.
fn used(settings: &str) -> Home {
    let head = "operator = \"Example | service = \\\\ <b>\"\ncontact = \"abuse@service.example\"\n";
    let home = home_with(&[head, settings].concat());
    let canary = home.mint("twilio", &["--memo", "old relay"]);
    let station = home.listen(&["--proxy", "127.0.0.1/32"]);
    for source in [
        "PROXY TCP4 192.33.4.12 127.0.0.1 40312 80",
        "PROXY TCP6 2001:500:2::c ::1 40313 80",
        "PROXY TCP4 203.0.113.9 127.0.0.1 40314 80",
    ] {
        send(station.address(), source, &canary);
    }
    home.ok(&["drill", &canary.id, "--via", &station.address().to_string()]);
    trips(&home, 4);
    station.stop();
    home
}

fn report(home: &Home, format: &str, more: &[&str]) -> String {
    home.ok(&[&["report", "--format", format], more].concat())
}

/// The addresses of a plain list.
fn entries(list: &str) -> Vec<&str> {
    list.lines().filter(|line| !line.starts_with('#')).collect()
}

#[test]
fn the_command_writes_every_feed() {
    let home = used("");
    let mut files = Vec::new();
    for format in FEEDS {
        for (word, more) in [("masked", &[][..]), ("full", &["--full"])] {
            let file = home
                .path()
                .join(format!("out-{word}.{}", extension(format)));
            let out = ["report", "--format", format, "-o", file.to_str().unwrap()];
            let ran = home.run(&[&out, more].concat());
            if (format, word) == ("xarf", "masked") {
                assert_ne!(ran.code, 0);
                assert!(
                    ran.stderr.contains("--profile authorities"),
                    "{}",
                    ran.stderr
                );
                continue;
            }
            assert_eq!(ran.code, 0, "{format}: {}", ran.stderr);
            files.push(file);
        }
    }
    let (ecs, others) = parted(files, ".ecs.ndjson");
    judge(&[], &others);
    typed(home.path(), &items(&ecs)).unwrap();
    let list = report(&home, "ioc-plain", &["--full"]);
    assert_eq!(entries(&list), ["192.33.4.12", "2001:500:2::c"]);
    assert!(list.contains("an announced drill (uses: 1)"), "{list}");
    assert!(
        list.contains("special range: documentation (uses: 1)"),
        "{list}"
    );
    let list = report(&home, "ioc-plain", &[]);
    assert_eq!(entries(&list), ["192.33.4.0/24", "2001:500:2::/48"]);
    for line in report(&home, "xarf", &["--full"]).lines() {
        let one: Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            (&one["type"], &one["reporter"]["domain"]),
            (&"login_attack".into(), &"service.example".into())
        );
        assert!(
            matches!(one["source_port"].as_u64(), Some(40_312 | 40_313)),
            "{one}"
        );
        let sent = &one["evidence"][1];
        assert_eq!(sent["content_type"], "message/http", "{one}");
        let sent = BASE64.decode(sent["payload"].as_str().unwrap().as_bytes());
        assert!(sent.unwrap().starts_with(b"POST /2010-04-01/"), "{one}");
    }
}

#[test]
fn an_exercise_is_no_indicator() {
    let home = used("exercise = true\n");
    for more in [&[][..], &["--full"]] {
        assert!(entries(&report(&home, "ioc-plain", more)).is_empty());
        let bundle = report(&home, "stix", more);
        assert!(
            !bundle.contains("\"indicator\"") || !bundle.contains("\"pattern\""),
            "{bundle}"
        );
        assert!(bundle.contains("\"exercise\""));
        assert!(!report(&home, "misp", more).contains("\"to_ids\": true"));
    }
    let abuse = report(&home, "xarf", &["--full"]);
    assert_eq!(abuse.lines().count(), 3);
    assert_eq!(abuse.matches("lifecycle:test").count(), 3);
}

#[test]
fn an_abuse_report_without_a_contact_says_what_is_missing() {
    let home = home_with("operator = \"Example\"\n");
    let ran = home.run(&["report", "--format", "xarf", "--full"]);
    assert_ne!(ran.code, 0);
    for words in ["contact", "lapwing.toml"] {
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
    }
}
