//! `lapwing recommend`: what it proposes applies as printed, comes out again byte for byte, and until then
//! nothing is written.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lapwing_core::bounded;
use lapwing_tests::{Home, Ran, binary, finish, repository};
use serde_json::Value;

use crate::bait::home;
use crate::servers::Server;

const PAGILA: &str = include_str!("schemas/pagila.sql");

/// Every file below a directory; of a database what its own program says.
fn contents(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let (path, sort) = entry.map(|e| (e.path(), e.file_type().unwrap())).unwrap();
            if sort.is_dir() {
                open.push(path);
            } else if sort.is_file() {
                let bytes = bounded::read_file(&path, 1 << 26).unwrap();
                let bytes = if bytes.starts_with(b"SQLite format 3") {
                    let ran = finish(Command::new("sqlite3").arg(&path).arg(".dump"));
                    // A number that was given out stays counted.
                    let counted = |line: &&str| !line.contains("sqlite_sequence");
                    let rows: Vec<&str> = ran.stdout.lines().filter(counted).collect();
                    rows.join("\n").into_bytes()
                } else {
                    bytes
                };
                found.insert(path, bytes);
            }
        }
    }
    found
}

fn write(root: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn database(path: &Path, script: &str) {
    // A script may begin with a comment, which must not be taken for an option.
    let script = format!(";{script}");
    let Ran { code, stderr, .. } = finish(Command::new("sqlite3").arg(path).arg(script));
    assert_eq!(code, 0, "{stderr}");
}

/// What is proposed: kind and target by proposal.
fn proposed(home: &Home, target: &str) -> Vec<Value> {
    let said = home.json(&["recommend", target]);
    assert_eq!(home.json(&["canaries"]).as_array().unwrap().len(), 0);
    let proposals = said["proposals"].as_array().unwrap().clone();
    assert!(!proposals.is_empty(), "{said}");
    for proposal in &proposals {
        let attack = proposal["attack"].as_array().unwrap();
        assert!(
            !attack.is_empty() && attack[0].as_str().unwrap().starts_with('T'),
            "{proposal}"
        );
        assert!(
            proposal["diff"].as_str().unwrap().contains("\n+"),
            "{proposal}"
        );
        assert!(!proposal["reason"].as_str().unwrap().is_empty());
    }
    let text = home.ok(&["recommend", target]);
    for proposal in &proposals {
        let command = proposal["command"].as_str().unwrap();
        assert!(text.contains(command), "{command}: {text}");
    }
    assert!(
        !text.contains("hunter2"),
        "the owner's secrets are masked: {text}"
    );
    proposals
}

/// Runs the commands as printed, looks, and takes everything out again.
fn round(home: &Home, proposals: &[Value]) {
    for proposal in proposals {
        let mut shell = Command::new("sh");
        home.scrub(&mut shell);
        let line = proposal["command"].as_str().unwrap();
        let ran = finish(shell.env("LAPWING", binary()).args([
            "-c",
            &format!("lapwing() {{ \"$LAPWING\" \"$@\" --yes; }}; {line}"),
        ]));
        assert_eq!(ran.code, 0, "{line}: {}", ran.stderr);
    }
    let checked = home.json(&["check"]);
    let checked = checked.as_array().unwrap();
    assert_eq!(checked.len(), proposals.len());
    for placement in checked {
        let word = placement["condition"].as_str().unwrap();
        assert!(["unchanged", "present"].contains(&word), "{placement}");
    }
    for proposal in proposals.iter().rev() {
        home.ok(&["uproot", proposal["target"].as_str().unwrap(), "--yes"]);
    }
}

/// A tree: nothing changes by asking, and everything is as it was after planting and uprooting.
fn tree(home: &Home, root: &Path) -> Vec<Value> {
    let before = contents(root);
    let proposals = proposed(home, root.to_str().unwrap());
    assert!(contents(root) == before, "asking changes nothing");
    round(home, &proposals);
    assert!(contents(root) == before, "all is as it was");
    proposals
}

fn kinds_at<'a>(proposals: &'a [Value], ending: &str) -> Vec<&'a str> {
    let here = |proposal: &&Value| proposal["target"].as_str().unwrap().ends_with(ending);
    let kinds = proposals.iter().filter(here);
    kinds
        .map(|proposal| proposal["kind"].as_str().unwrap())
        .collect()
}

#[test]
fn the_example_gets_another_gateway_and_rows_in_its_database() {
    let home = home();
    let root = home.path().join("project");
    let example = repository().join("examples/sms-gateway");
    for (path, bytes) in contents(&example) {
        let to = root.join(path.strip_prefix(&example).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::write(to, bytes).unwrap();
    }
    let script =
        String::from_utf8(contents(&example)[&example.join("schema.sql")].clone()).unwrap();
    database(&root.join("subscribers.db"), &script);
    let proposals = tree(&home, &root);
    assert_eq!(
        kinds_at(&proposals, "project/.env"),
        ["vonage-api-key"],
        "{proposals:?}"
    );
    assert_eq!(kinds_at(&proposals, "table=subscribers"), ["person"]);
    assert_eq!(kinds_at(&proposals, "gateway.yaml").len(), 1);
}

#[test]
fn a_home_gets_what_its_programs_keep_there() {
    let home = home();
    let root = home.path().join("user");
    write(
        &root,
        &[
            (
                ".aws/credentials",
                "[default]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = hunter2\n",
            ),
            (".aws/config", "[default]\nregion = eu-central-1\n"),
            (".bash_history", "ls\ncd /srv\nmysql -phunter2\nexit\n"),
            (
                ".npmrc",
                "audit=false\n//registry.example.net/:_authToken=hunter2\n",
            ),
            (
                ".netrc",
                "machine a.example.net\n  login a\n  password hunter2\n",
            ),
            (".git-credentials", "https://shop:hunter2@git.example.net\n"),
            (
                ".ssh/config",
                "Host build\n    HostName build.example.net\n    User ci\n",
            ),
            (
                ".docker/config.json",
                "{\n\t\"auths\": {\n\t\t\"hub.example.net\": {\n\t\t\t\"auth\": \"aHVudGVyMg==\"\n\t\t}\n\t}\n}\n",
            ),
            ("notes.txt", "hunter2\n"),
        ],
    );
    let outside = home.path().join("outside");
    write(&outside, &[(".env", "A=hunter2\n")]);
    std::os::unix::fs::symlink(&outside, root.join("linked")).unwrap();
    std::os::unix::fs::symlink(outside.join(".env"), root.join(".env")).unwrap();
    let proposals = tree(&home, &root);
    assert_eq!(kinds_at(&proposals, ".aws/credentials"), ["aws-access-key"]);
    assert_eq!(kinds_at(&proposals, ".npmrc"), ["npmrc-private"]);
    assert_eq!(
        kinds_at(&proposals, ".docker/config.json"),
        ["docker-config"]
    );
    assert!(proposals.len() >= 5, "{proposals:?}");
    assert!(
        kinds_at(&proposals, ".env").is_empty(),
        "no link is followed"
    );
    let few = home.json(&["recommend", root.to_str().unwrap(), "--most", "2"]);
    assert_eq!(few["proposals"].as_array().unwrap().len(), 2);
}

#[test]
fn projects_get_what_fits_them() {
    let home = home();
    let node = home.path().join("node");
    write(
        &node,
        &[
            (
                "package.json",
                "{\"name\": \"shop\", \"dependencies\": {\"twilio\": \"^5.0.0\"}}\n",
            ),
            (".gitignore", ".env\nnode_modules\n"),
            (
                ".env",
                "NODE_ENV=production\nTWILIO_ACCOUNT_SID=hunter2\nTWILIO_AUTH_TOKEN=hunter2\n",
            ),
            ("node_modules/dotenv/.env", "A=b\n"),
            (
                "docker-compose.yml",
                "services:\n  web:\n    image: shop\n    environment:\n      PORT: \"3000\"\n",
            ),
        ],
    );
    let proposals = tree(&home, &node);
    let kinds = kinds_at(&proposals, "node/.env");
    assert!(
        kinds == ["vonage-api-key"],
        "another gateway than the one in use: {kinds:?}"
    );
    assert!(kinds_at(&proposals, "dotenv/.env").is_empty());
    let django = home.path().join("django");
    write(
        &django,
        &[
            ("manage.py", "import sys\n"),
            (
                "shop/settings.py",
                "DEBUG = False\nSECRET_KEY = 'hunter2'\nDATABASES = {}\nEMAIL_HOST = 'mail.example.net'\n",
            ),
            (
                ".env",
                "DJANGO_SETTINGS_MODULE=shop.settings\nREDIS_URL=redis://:hunter2@cache/0\n",
            ),
        ],
    );
    let home = crate::bait::home();
    let proposals = tree(&home, &django);
    assert_eq!(kinds_at(&proposals, ".env"), ["redis-uri"]);
    assert_eq!(kinds_at(&proposals, "settings.py").len(), 1);
}

#[test]
fn a_database_gets_a_row_in_each_table_that_intruders_dump() {
    let (home, server) = (home(), Server::postgresql());
    server.load(PAGILA);
    let before = server.lasting_dump();
    let target = server.target("customer");
    let whole = target.replace("&table=customer", "");
    let proposals = proposed(&home, &whole);
    assert!(server.lasting_dump() == before, "asking changes nothing");
    assert_eq!(
        kinds_at(&proposals, "table=public.customer"),
        ["customer"],
        "{proposals:?}"
    );
    round(&home, &proposals);
    assert!(server.lasting_dump() == before, "the dump is what it was");
}

#[test]
fn without_an_address_it_says_how_to_set_one() {
    let home = Home::new();
    home.ok(&["mint", "django-secret"]);
    let root = home.path().join("app");
    write(&root, &[(".env", "A=b\n")]);
    let Ran {
        code,
        stdout,
        stderr,
    } = home.run(&["recommend", root.to_str().unwrap()]);
    assert_eq!((code, stdout.as_str()), (0, ""), "{stderr}");
    assert!(stderr.contains("lapwing init --address"), "{stderr}");
    let nowhere = home.run(&["recommend", "nowhere"]);
    assert!(
        nowhere.code == 1 && nowhere.stderr.contains("hint:"),
        "{}",
        nowhere.stderr
    );
    let host = home.path().join("host");
    write(
        &host,
        &[
            (".env", "A=b\n"),
            ("b/.env", "C=d\n"),
            ("c/settings.py", "D = 'e'\n"),
        ],
    );
    let fixed = Home::new();
    fixed.ok(&["init", "--address", "http://one.example.org"]);
    round(&fixed, &proposed(&fixed, host.to_str().unwrap()));
}
