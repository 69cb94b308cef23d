//! Damage to bundles: a thousand flipped bits in every file, what is cut, removed, added or moved; the script and
//! the program say the same of it.

use std::fs;
use std::path::Path;
use std::process::Command;

use lapwing_tests::finish;

use super::{export, names, run, second_copy, seen, text, tools};
use crate::bait::{bytes_of, home, text_of};

const FLIPS: usize = 1000;

#[test]
fn any_changed_byte_is_found_and_named_by_the_script() {
    let home = home();
    seen(&home);
    let said = export(&home, "bundle", &["--all"]);
    let (tools, script) = (tools(&home), second_copy(&home));
    let fingerprint = text(&said, "fingerprint").to_owned();
    let threads: Vec<_> = (0..2)
        .map(|thread| {
            let bundle = home.path().join(format!("copy-{thread}"));
            copy(&home.path().join("bundle"), &bundle);
            let (tools, script, told) = (tools.clone(), script.clone(), fingerprint.clone());
            std::thread::spawn(move || flips(&tools, &bundle, &script, &told))
        })
        .collect();
    let found: usize = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .sum();
    assert_eq!(found, FLIPS);
}

/// Half of them; gives how many were found.
fn flips(tools: &Path, bundle: &Path, script: &str, fingerprint: &str) -> usize {
    let names = names(bundle);
    let directory = bundle.to_str().unwrap();
    let mut found = 0;
    for round in 0..FLIPS / 2 {
        let name = &names[round % names.len()];
        let path = bundle.join(name);
        let whole = bytes_of(&path);
        let mut damaged = whole.clone();
        let at = rand::random_range(0..whole.len());
        damaged[at] ^= 1 << rand::random_range(0..8);
        fs::write(&path, &damaged).unwrap();
        let ran = run(
            tools,
            Path::new("/"),
            &["python3", script, fingerprint, directory],
        );
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.code, 1, "{name}, byte {at}: {said}");
        assert!(!said.contains("Traceback"), "{name}, byte {at}: {said}");
        let file = format!("BROKEN: {}", name.trim_end_matches(".sig"));
        let named = said.lines().any(|line| line.starts_with(&file));
        assert!(named, "{name}, byte {at}: {said}");
        if name == "records.jsonl" {
            let line = whole[..at].iter().filter(|byte| **byte == b'\n').count();
            assert!(
                said.contains(&format!("BROKEN: record {line}: ")),
                "byte {at}: {said}"
            );
        }
        fs::write(&path, &whole).unwrap();
        found += 1;
    }
    let ran = run(
        tools,
        Path::new("/"),
        &["python3", script, fingerprint, directory],
    );
    assert_eq!(ran.code, 0, "whole again: {}", ran.stdout);
    found
}

fn copy(from: &Path, to: &Path) {
    let ran = finish(Command::new("cp").arg("-r").args([from, to]));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

/// What is said to be broken, each once and in order.
fn broken(said: &str) -> Vec<String> {
    let lines = said.lines().filter(|line| line.starts_with("BROKEN: "));
    let mut lines: Vec<String> = lines.map(str::to_owned).collect();
    lines.sort();
    lines.dedup();
    lines
}

#[test]
fn script_and_program_say_the_same_of_what_was_cut_removed_added_or_moved() {
    let home = home();
    seen(&home);
    let said = export(&home, "whole", &["--all"]);
    let listed = home.json(&["trips"]);
    export(&home, "other", &["--trip", text(&listed[0]["trip"], "id")]);
    let (tools, script) = (tools(&home), second_copy(&home));
    let (whole, bundle) = (home.path().join("whole"), home.path().join("bundle"));
    let at = |name: &str| bundle.join(name);
    let raw = |record: u32| format!("parts/{record:020}.raw");
    let cut = |name: &str| {
        let bytes = bytes_of(&at(name));
        fs::write(at(name), &bytes[..bytes.len() - 9]).unwrap();
    };
    let lines = |name: &str, change: &dyn Fn(&mut Vec<String>)| {
        let mut lines: Vec<String> = text_of(&at(name))
            .lines()
            .map(|line| format!("{line}\n"))
            .collect();
        change(&mut lines);
        fs::write(at(name), lines.concat()).unwrap();
    };
    let foreign =
        |name: &str| assert!(fs::copy(home.path().join("other").join(name), at(name)).is_ok());
    let damages: [(&str, &dyn Fn()); 14] = [
        ("records.jsonl", &|| cut("records.jsonl")),
        ("proofs.tsv", &|| cut("proofs.tsv")),
        ("SHA256SUMS", &|| cut("SHA256SUMS")),
        ("parts/", &|| cut(&raw(2))),
        ("parts/", &|| fs::remove_file(at(&raw(2))).unwrap()),
        ("verify.py", &|| fs::remove_file(at("verify.py")).unwrap()),
        ("note", &|| fs::write(at("note"), "seen by us").unwrap()),
        ("parts/", &|| {
            let (a, b) = (bytes_of(&at(&raw(1))), bytes_of(&at(&raw(2))));
            fs::write(at(&raw(1)), b).unwrap();
            fs::write(at(&raw(2)), a).unwrap();
        }),
        ("records.jsonl", &|| {
            lines("records.jsonl", &|lines| lines.swap(2, 3))
        }),
        ("record 4", &|| {
            lines("records.jsonl", &|lines| drop(lines.remove(4)))
        }),
        ("records.jsonl", &|| {
            lines("records.jsonl", &|lines| lines.push(lines[4].clone()))
        }),
        ("index.tsv", &|| {
            lines("index.tsv", &|lines| lines.swap(2, 3))
        }),
        ("SHA256SUMS", &|| foreign("SHA256SUMS.sig")),
        ("records.jsonl", &|| foreign("records.jsonl")),
    ];
    for (named, damage) in damages {
        copy(&whole, &bundle);
        damage();
        let told = text(&said, "fingerprint");
        let ran = run(
            &tools,
            &bundle,
            &["python3", &script, told, bundle.to_str().unwrap()],
        );
        assert_eq!(ran.code, 1, "{named}: {}{}", ran.stdout, ran.stderr);
        let ours = home.run(&["evidence", "check", "bundle"]);
        assert_eq!(ours.code, 4, "{named}: {}", ours.stdout);
        assert_eq!(broken(&ran.stdout), broken(&ours.stdout), "{named}");
        let line = format!("BROKEN: {named}");
        assert!(
            broken(&ran.stdout)
                .iter()
                .any(|said| said.starts_with(&line)),
            "{named}: {}",
            ran.stdout
        );
        fs::remove_dir_all(&bundle).unwrap();
    }
}
