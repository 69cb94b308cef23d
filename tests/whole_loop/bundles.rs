//! Evidence bundles, as whoever is given one checks them: with OpenSSH, OpenSSL and Python's standard library,
//! in an empty environment and without lapwing.

mod damage;
mod others;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use data_encoding::HEXLOWER;
use lapwing_tests::{Home, Minted, Ran, finish, trips};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::bait::{bytes_of, files_below, home, open, send_text, text_of};

/// What a bundle may be checked with, each under its name in a directory of its own.
const TOOLS: [&str; 4] = ["python3", "ssh-keygen", "openssl", "sha256sum"];

/// A home with a stopped station that saw twelve trips of two canaries.
fn seen(home: &Home) -> (Minted, Minted) {
    let (twilio, link) = (
        home.mint("twilio", &["--memo", "relay"]),
        home.mint("url", &[]),
    );
    let station = home.listen(&[]);
    for round in 0..6 {
        open(station.address(), &link);
        let form = format!("To=%2B1202555011{round}&From=%2B1&Body=x");
        send_text(station.address(), &twilio, &form);
    }
    trips(home, 12);
    assert_eq!(station.stop().code, 0);
    (twilio, link)
}

fn export(home: &Home, out: &str, more: &[&str]) -> Value {
    let first = ["evidence", "export", "--out", out, "--by", "anna"];
    home.json(&[&first[..], more].concat())
}

/// A directory with the tools and nothing else.
fn tools(home: &Home) -> PathBuf {
    let directory = home.path().join("tools");
    fs::create_dir(&directory).unwrap();
    let real = "import os, sys; print(os.path.realpath(sys.executable))";
    let python = finish(Command::new("python3").args(["-c", real])).stdout;
    symlink(python.trim(), directory.join("python3")).unwrap();
    for tool in &TOOLS[1..] {
        let found = finish(Command::new("sh").args(["-c", &format!("command -v {tool}")]));
        symlink(found.stdout.trim(), directory.join(tool)).unwrap();
    }
    directory
}

/// A program of those, in a bundle, in an empty environment.
fn run(tools: &Path, bundle: &Path, command: &[&str]) -> Ran {
    let mut program = Command::new(tools.join(command[0]));
    program
        .args(&command[1..])
        .env_clear()
        .env("PATH", tools)
        .current_dir(bundle);
    finish(&mut program)
}

/// Runs a line of a shell there, for what takes a file on its input.
fn sh(tools: &Path, bundle: &Path, line: &str) -> Ran {
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", line])
        .env_clear()
        .env("PATH", tools)
        .current_dir(bundle);
    finish(&mut shell)
}

fn text<'a>(said: &'a Value, name: &str) -> &'a str {
    said[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name}: {said}"))
}

fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// The script from elsewhere.
fn second_copy(home: &Home) -> String {
    let path = home.path().join("verify-from-elsewhere.py");
    fs::write(&path, home.ok(&["evidence", "script"])).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_bundle_verifies_where_there_is_no_lapwing() {
    let home = home();
    seen(&home);
    let said = export(&home, "bundle", &["--all"]);
    let (tools, bundle) = (tools(&home), home.path().join("bundle"));
    let fingerprint = text(&said, "fingerprint");
    let ran = run(&tools, &bundle, &["python3", "verify.py", fingerprint]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let nobody = "timestamp: none in this bundle\nwitness: none in this bundle\nverified";
    assert!(ran.stdout.starts_with(nobody), "{}", ran.stdout);
    let checked = home.ok(&["evidence", "check", "bundle"]);
    assert!(checked.starts_with(nobody), "{checked}");
    let manifest = text(&said, "manifest");
    let command = ["python3", "verify.py", fingerprint, "--manifest", manifest];
    assert_eq!(run(&tools, &bundle, &command).code, 0);
    let script = text_of(&bundle.join("verify.py"));
    assert!(
        script.lines().count() <= 80,
        "{} lines",
        script.lines().count()
    );
    assert!(script.lines().all(|line| line.len() <= 110));
    assert_eq!(sha256(script.as_bytes()), text(&said, "script"));

    // The same by hand, as VERIFY.md says.
    let page = text_of(&bundle.join("VERIFY.md"));
    let blocks = page
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    let mut by_hand = 0;
    for line in blocks
        .flat_map(str::lines)
        .filter(|line| !line.starts_with("python3"))
    {
        let ran = sh(&tools, &bundle, line);
        assert_eq!(ran.code, 0, "{line}: {}{}", ran.stdout, ran.stderr);
        if line.starts_with("ssh-keygen") {
            assert!(ran.stdout.contains(fingerprint), "{line}: {}", ran.stdout);
        }
        by_hand += 1;
    }
    assert_eq!(by_hand, 4);
    // A script that was changed may say anything of itself; others see it.
    let changed = script.replacen("problems else 0", "problems or 0", 1);
    assert_ne!(changed, script);
    fs::write(bundle.join("verify.py"), changed).unwrap();
    let ran = run(&tools, &bundle, &["sha256sum", "-c", "SHA256SUMS"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("verify.py: FAILED"), "{}", ran.stdout);
    let elsewhere = ["python3", &second_copy(&home), fingerprint, "."];
    let ran = run(&tools, &bundle, &elsewhere);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stdout.contains("BROKEN: verify.py: changed"),
        "{}",
        ran.stdout
    );
    fs::write(bundle.join("verify.py"), &script).unwrap();
    let checked = home.json(&["evidence", "check", "bundle"]);
    assert_eq!(checked["verified"], true, "{checked}");
    assert_eq!(checked["records"], said["records"]);
    assert!(files_below(&bundle).iter().all(|path| path.is_file()));
}

#[test]
fn it_can_be_made_while_the_station_runs() {
    let home = home();
    let link = home.mint("url", &[]);
    let station = home.listen(&[]);
    for round in 1..4 {
        open(station.address(), &link);
        let listed = trips(&home, round);
        let out = format!("bundle-{round}");
        let said = export(&home, &out, &["--trip", text(&listed[0]["trip"], "id")]);
        assert_eq!(said["records"], 1, "{said}");
        home.ok(&["evidence", "check", &out]);
    }
    assert_eq!(station.stop().code, 0);
    home.ok(&["evidence", "verify"]);
}

#[test]
fn its_records_are_the_log_s_lines_and_its_parts_can_be_recomputed() {
    let home = home();
    seen(&home);
    let said = export(&home, "bundle", &["--all"]);
    let bundle = home.path().join("bundle");
    let mut log = String::new();
    for segment in files_below(&home.data().join("journal")) {
        if segment.extension().is_some_and(|end| end == "jsonl") {
            log.push_str(&text_of(&segment));
        }
    }
    let records = log.lines().filter(|line| line.starts_with("{\"body\":"));
    let records: String = records.map(|line| format!("{line}\n")).collect();
    assert_eq!(text_of(&bundle.join("records.jsonl")), records);
    let mut parts = 0;
    for line in records.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        for (name, part) in record["parts"].as_object().unwrap() {
            let path = format!("parts/{:020}.{name}", record["sequence"].as_u64().unwrap());
            let bytes = bytes_of(&bundle.join(&path));
            assert_eq!(sha256(&bytes), part["digest"], "{path}");
            if name == "raw" {
                let request = String::from_utf8_lossy(&bytes[16..]).into_owned();
                assert!(request.contains(" HTTP/1.1\r\n"), "{request}");
            }
            parts += 1;
        }
    }
    assert_eq!(said["parts"], parts);
    let about: Value = serde_json::from_str(&text_of(&bundle.join("about.json"))).unwrap();
    let settings = home.ok(&["config", "--json"]);
    assert_eq!(
        about["settings_sha256"],
        sha256(settings.as_bytes()),
        "as anybody can recompute"
    );
    assert_eq!(about["executable_sha256"].as_str().unwrap().len(), 64);
    let form = text_of(&bundle.join("certification.md"));
    for known in [
        "902(13)",
        "902(14)",
        "not legal advice",
        text(&said, "fingerprint"),
    ] {
        assert!(form.contains(known), "{known}");
    }
    for fact in ["executable_sha256", "settings_sha256"] {
        assert!(form.contains(about[fact].as_str().unwrap()), "{fact}");
    }
}

#[test]
fn an_erased_part_is_named_and_the_record_of_its_erasure_comes_along() {
    let home = home();
    seen(&home);
    let listed = home.json(&["trips"]);
    let id = text(&listed[0]["trip"], "id");
    let before = export(&home, "before", &["--trip", id]);
    assert_eq!(
        (&before["records"], &before["erased"]),
        (&1.into(), &0.into())
    );
    home.ok(&[
        "redact",
        id,
        "--part",
        "raw",
        "--reason",
        "asked for",
        "--yes",
    ]);
    // An older checkpoint is not over the erasure: named all the same.
    fs::copy(
        home.path().join("before/checkpoint"),
        home.path().join("old"),
    )
    .unwrap();
    let tools = tools(&home);
    for (out, more, records) in [
        ("after", &[][..], 2),
        ("older", &["--checkpoint", "old"], 1),
    ] {
        let said = export(&home, out, &[&["--trip", id], more].concat());
        assert_eq!(
            (&said["records"], &said["erased"]),
            (&records.into(), &1.into()),
            "{said}"
        );
        let bundle = home.path().join(out);
        assert!(!names(&bundle).iter().any(|name| name.ends_with(".raw")));
        let command = ["python3", "verify.py", text(&said, "fingerprint")];
        let ran = run(&tools, &bundle, &command);
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        assert!(
            ran.stdout.contains("part raw is not here: erased"),
            "{}",
            ran.stdout
        );
        let ours = home.ok(&["evidence", "check", out]);
        assert!(ours.contains("part raw is not here: erased"), "{ours}");
        let index = text_of(&bundle.join("index.tsv"));
        assert!(index.contains("raw=erased"), "{index}");
        assert_eq!(index.contains("\terasure\t"), records == 2, "{index}");
    }
    // What was given out before still verifies.
    home.ok(&["evidence", "check", "before"]);
}

/// The names of all files of a bundle.
fn names(bundle: &Path) -> Vec<String> {
    let relative = |path: &PathBuf| {
        path.strip_prefix(bundle)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    };
    files_below(bundle).iter().map(relative).collect()
}

#[test]
fn a_bundle_of_another_station_does_not_pass_for_ours() {
    let (ours, other) = (home(), home());
    seen(&ours);
    seen(&other);
    let said = export(&ours, "bundle", &["--all"]);
    let foreign = export(&other, "foreign", &["--all"]);
    let tools = tools(&ours);
    let bundle = other.path().join("foreign");
    let theirs = ["python3", "verify.py", text(&foreign, "fingerprint")];
    assert_eq!(run(&tools, &bundle, &theirs).code, 0);
    let ran = run(
        &tools,
        &bundle,
        &["python3", "verify.py", text(&said, "fingerprint")],
    );
    assert_eq!(ran.code, 1);
    assert!(
        ran.stdout.contains("BROKEN: allowed_signers: "),
        "{}",
        ran.stdout
    );
    let path = bundle.to_str().unwrap();
    assert_eq!(ours.run(&["evidence", "check", path]).code, 4);
    ours.ok(&[
        "evidence",
        "check",
        path,
        "--fingerprint",
        text(&foreign, "fingerprint"),
    ]);
    let third = Home::new();
    assert_eq!(
        third.run(&["evidence", "check", path]).code,
        1,
        "nobody said whose it must be"
    );
    let not_one = third.run(&["evidence", "check", ".", "--fingerprint", "SHA256:x"]);
    assert_eq!(not_one.code, 1, "{}", not_one.stdout);
}

#[test]
fn what_is_chosen_is_in_it_and_each_export_is_in_the_next_one_s_custody_log() {
    let home = home();
    let (twilio, link) = seen(&home);
    let listed = home.json(&["trips"]);
    let row = &listed[0];
    let first = text(&row["trip"], "id");
    let incident = home.json(&["incidents"])[0].clone();
    let of = |said: &Value| said["records"].as_u64().unwrap();
    assert_eq!(of(&export(&home, "a", &["--trip", first])), 1);
    let canary = export(
        &home,
        "b.tar",
        &["--canary", &twilio.id, "--to", "the court"],
    );
    assert_eq!(of(&canary), 6);
    let of_incident = export(&home, "c", &["--incident", text(&incident, "id")]);
    assert_eq!(of(&of_incident), incident["count"].as_u64().unwrap());
    assert_eq!(
        of(&export(
            &home,
            "d",
            &["--actor", text(&row["conclusion"], "actor")]
        )),
        12
    );
    assert!(of(&export(&home, "e", &["--since", "1h"])) >= 12);
    let nothing = home.run(&[
        "evidence", "export", "--out", "f", "--canary", &link.id, "--until", "2d",
    ]);
    assert_eq!(nothing.code, 1, "{}", nothing.stderr);
    assert!(
        nothing.stderr.contains("no record was chosen"),
        "{}",
        nothing.stderr
    );
    assert!(!home.path().join("f").exists());
    for wrong in [
        &["--out", "a", "--all"][..],
        &["--out", "g"],
        &["--out", "g", "--trip", "4711"],
    ] {
        let ran = home.run(&[&["evidence", "export"], wrong].concat());
        assert_ne!(ran.code, 0, "{wrong:?}");
    }
    let bare = export(&home, "h", &["--all", "--without-raw"]);
    assert_eq!(bare["withheld"], 12);
    assert!(
        !names(&home.path().join("h"))
            .iter()
            .any(|name| name.ends_with(".raw"))
    );
    home.ok(&["evidence", "check", "h"]);

    let custody = text_of(&home.path().join("h/custody.md"));
    assert!(custody.contains(text(&canary, "manifest")), "{custody}");
    assert!(
        custody.contains("the court") && custody.contains("anna"),
        "{custody}"
    );
    assert!(
        custody.contains("This is bundle 6 of station-"),
        "{custody}"
    );
}

#[test]
fn a_tar_file_is_unpacked_into_one_directory_that_verifies() {
    let home = home();
    let (twilio, _) = seen(&home);
    let said = export(&home, "b.tar", &["--canary", &twilio.id]);
    let archive = home.path().join("b.tar");
    assert_eq!(sha256(&bytes_of(&archive)), text(&said, "archive"));
    home.ok(&["evidence", "check", "b.tar"]);
    let ran = finish(
        Command::new("tar")
            .arg("xf")
            .arg(&archive)
            .current_dir(home.path()),
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let unpacked = fs::read_dir(home.path())
        .unwrap()
        .flatten()
        .map(|entry| entry.path());
    let unpacked: Vec<PathBuf> = unpacked
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("evidence-")
        })
        .collect();
    let [unpacked] = &unpacked[..] else {
        panic!("one directory: {unpacked:?}")
    };
    let tools = tools(&home);
    let command = ["python3", "verify.py", text(&said, "fingerprint")];
    assert_eq!(run(&tools, unpacked, &command).code, 0);
}
