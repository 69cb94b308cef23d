//! Validators judge our keys live and spoilt ones dead. They run in a network namespace where every name
//! leads to the station; `vendors.tsv` says which kind answers for which vendor. No packet leaves it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use lapwing_tests::{Home, binary, finish_within, repository};
use serde_json::{Value, json};

use crate::samples;
use crate::scanners::packaged;

/// Kinds that at least one validator has to take for live.
const LIVE: usize = 20;

/// Kind and the vendor's hosts.
fn vendors() -> Vec<(String, Vec<String>)> {
    let path = repository().join("tests/realism/vendors.tsv");
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (kind, hosts) = line.split_once('\t').unwrap();
            (
                kind.to_owned(),
                hosts.split(',').map(str::to_owned).collect(),
            )
        })
        .collect()
}

/// Two thirds into each long value, another character of the same sort: the shape stays, the value is
/// nobody's.
fn spoil(lines: &str) -> String {
    let spoilt = |line: &str| {
        let (name, value) = line.split_once('=')?;
        let next = |byte: u8| match byte {
            b'0'..=b'8' | b'a'..=b'e' | b'A'..=b'E' | b'g'..=b'y' | b'G'..=b'Y' => Some(byte + 1),
            b'9' => Some(b'0'),
            b'f' => Some(b'a'),
            b'F' => Some(b'A'),
            _ => None,
        };
        let from = value.len() * 2 / 3;
        let rest = value.bytes().enumerate().skip(from);
        let (at, new) = rest
            .filter_map(|(at, byte)| Some((at, next(byte)?)))
            .next()?;
        if value.len() < 16 || value.contains("://") {
            return None;
        }
        let mut value = value.to_owned();
        value.replace_range(at..=at, &char::from(new).to_string());
        Some(format!("{name}={value}"))
    };
    let lines = lines.lines();
    let spoilt = lines.map(|line| spoilt(line).unwrap_or_else(|| line.to_owned()) + "\n");
    spoilt.collect()
}

/// Host of the address among the lines.
fn host(lines: &str) -> Option<String> {
    let end = lines.find(samples::DOMAIN)? + samples::DOMAIN.len();
    let start = lines[..end].rfind(['/', '@']).map_or(0, |at| at + 1);
    Some(lines[start..end].to_owned())
}

/// Files that a report calls live.
fn live(report: &Value, path: &str, says: &dyn Fn(&Value) -> bool) -> BTreeSet<String> {
    let findings = report["findings"].as_array().into_iter().flatten();
    findings
        .filter(|found| says(found))
        .filter_map(|found| {
            let file = found.pointer(path)?.as_str()?;
            let parts: Vec<&str> = file.rsplit('/').take(3).collect();
            Some(format!("{}/{}", parts[2], parts[1]))
        })
        .collect()
}

#[test]
fn validators_take_ours_for_live_and_spoilt_ones_for_dead() {
    let home = samples::home();
    let directory = home.path().join("live");
    let projects = directory.join("projects");
    std::fs::create_dir_all(&projects).unwrap();
    let judged = plant(&home, &projects);
    let mut hosts: BTreeMap<String, String> = BTreeMap::new();
    for (_, ours, vendor) in &judged {
        for name in vendor {
            hosts.entry(name.clone()).or_insert_with(|| ours.clone());
        }
    }
    judge(&home, &directory, &hosts);
    let report = |name: &str| directory.join(format!("{name}.json"));
    let read = |name: &str| -> Value {
        serde_json::from_slice(&std::fs::read(report(name)).unwrap()).unwrap()
    };
    let active = |found: &Value| found["finding"]["validation"]["status"] == "Active Credential";
    let valid = |found: &Value| found["analysis"]["status"] == "valid";
    let mut said: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, path, says) in [
        (
            "scanners-1",
            "/finding/path",
            &active as &dyn Fn(&Value) -> bool,
        ),
        ("scanners", "/finding/path", &active),
        ("betterleaks", "/location/path", &valid),
    ] {
        for file in live(&read(name), path, says) {
            said.entry(file).or_default().push(name);
        }
    }
    let ours: Vec<&String> = said
        .keys()
        .filter(|file| file.starts_with("good/"))
        .collect();
    println!("live: {} kinds of {}", ours.len(), judged.len());
    for (file, by) in &said {
        println!("  {file}: {}", by.join(", "));
    }
    let dead: Vec<&String> = said
        .keys()
        .filter(|file| file.starts_with("spoilt/"))
        .collect();
    assert!(dead.is_empty(), "spoilt, and yet live: {dead:?}");
    assert!(
        ours.len() >= LIVE,
        "{} kinds are live; {LIVE} have to be",
        ours.len()
    );
}

/// Runs the validators over the projects, each of them writing its report into `directory`.
fn judge(home: &Home, directory: &Path, hosts: &BTreeMap<String, String>) {
    let projects = directory.join("projects");
    let report = |name: &str| directory.join(format!("{name}.json"));
    let kingfisher = |environment: &str| {
        let options = "--allow-internal-ips --no-update-check --no-dedup --tls-mode off -f json -o";
        let mut command = vec![
            packaged(environment, "kingfisher/bin/kingfisher")
                .display()
                .to_string(),
        ];
        command.extend(["scan".to_owned(), projects.display().to_string()]);
        command.extend(options.split(' ').map(str::to_owned));
        command.push(report(environment).display().to_string());
        json!({"name": environment, "command": command, "status": [0, 200, 205]})
    };
    let betterleaks = json!({
        "name": "betterleaks",
        "command": [packaged("scanners", "betterleaks/bin/betterleaks"), "fs", projects, "--validate",
            "--no-banner", "--exit-code", "0", "-o", report("betterleaks")],
        "status": [0],
    });
    let plan = json!({
        "station": [binary(), "listen", "--json", "--http", "127.0.0.1:0", "--data-dir", home.data()],
        "scans": [kingfisher("scanners-1"), kingfisher("scanners"), betterleaks],
        "hosts": hosts,
    });
    std::fs::write(directory.join("live.json"), plan.to_string()).unwrap();
    let ran = finish_within(
        Duration::from_secs(900),
        Command::new("sh")
            .env_clear()
            .env("HOME", home.path())
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .arg(repository().join("tests/realism/live.sh"))
            .arg(packaged("scanners", "../../../bin/python"))
            .arg(directory),
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

/// Writes a good and a spoilt file for each kind; gives kind, our host and the vendor's.
fn plant(home: &Home, projects: &Path) -> Vec<(String, String, Vec<String>)> {
    let mut judged = Vec::new();
    let mut taken = BTreeSet::new();
    for (kind, vendor) in vendors() {
        // A vendor's host leads to one kind's.
        if vendor.iter().any(|host| !taken.insert(host.clone())) {
            continue;
        }
        let lines = samples::mint(home, &kind, 1).pop().unwrap();
        let Some(ours) = host(&lines) else {
            continue;
        };
        samples::write(projects, &format!("good/{kind}"), &lines);
        samples::write(projects, &format!("spoilt/{kind}"), &spoil(&lines));
        judged.push((kind, ours, vendor));
    }
    judged
}
