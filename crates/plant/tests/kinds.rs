//! Every kind of the catalogue goes into every sort of target it has a shape for, and out again.

use std::collections::BTreeMap;
use std::path::Path;

use lapwing_catalog::{Address, Catalog, Kind, MintOrder};
use lapwing_core::{Canary, CanaryId, Clock as _, SystemClock, Timestamp};
use lapwing_plant::{Bait, Condition, Options, Plan, PlantError, TARGETS, check, plan, uproot};

const TABLES: &str = "
CREATE TABLE accounts (
  id INTEGER PRIMARY KEY, name TEXT, email TEXT, username TEXT, password TEXT, account_sid TEXT, token TEXT,
  access_key_id TEXT, secret_access_key TEXT, api_key TEXT, url TEXT, avatar_url TEXT, client_id TEXT,
  created_at TEXT NOT NULL);
INSERT INTO accounts (name, created_at) VALUES ('one', '2026-02-01 10:00:00'), ('two', '2026-03-04 11:12:13');";

fn mint(kind: &Kind) -> Canary {
    let address = Address::parse("https://relay.rookery.example").expect("an address");
    let now: Timestamp = SystemClock.now();
    let fields = kind
        .mint(&mut MintOrder {
            rng: &mut rand::rng(),
            address: Some(&address),
            mail_domain: Some("rookery.example"),
            set: &BTreeMap::new(),
            now,
            scene: lapwing_catalog::Scene::default(),
        })
        .unwrap_or_else(|error| panic!("{}: {error}", kind.id));
    Canary {
        id: CanaryId::fresh(),
        kind: kind.id.clone(),
        memo: String::new(),
        labels: BTreeMap::new(),
        fields,
        minted: now,
        retired: None,
    }
}

/// A file of each sort: its name, and what is in it.
const FILES: &[(&str, &str, &str)] = &[
    ("env", ".env", "APP_ENV=production\nPORT=80\n"),
    (
        "ini",
        "app.ini",
        "[app]\nport = 80\n\n[log]\nlevel = info\n",
    ),
    (
        "json",
        "app.json",
        "{\n  \"port\": 80,\n  \"log\": true\n}\n",
    ),
    ("yaml", "app.yml", "port: 80\nlog: true\n"),
    (
        "kubeconfig",
        ".kube/config",
        "apiVersion: v1\nclusters:\n- cluster:\n    server: https://a.example\n  name: a\ncontexts:\n- context:\n    cluster: a\n    user: a\n  name: a\ncurrent-context: a\nkind: Config\nusers:\n- name: a\n  user:\n    token: b\n",
    ),
    ("toml", "app.toml", "port = 80\n\n[log]\nlevel = \"info\"\n"),
    (
        "xml",
        "web.config",
        "<configuration>\n  <appSettings>\n    <add key=\"a\" value=\"b\" />\n  </appSettings>\n</configuration>\n",
    ),
    (
        "history",
        ".bash_history",
        "#1790000000\nls\n#1790000900\nexit\n",
    ),
    (
        "csv",
        "export.csv",
        "name,url,username,password\na,https://a.example,b,c\n",
    ),
    ("shell", ".bashrc", "export A='b'\n"),
    ("properties", "app.properties", "server.port=80\n"),
    ("tfvars", "app.tfvars", "region = \"a\"\n"),
    (
        "terraform",
        "main.tf",
        "resource \"a\" \"b\" {\n  c = 1\n}\n",
    ),
    ("python", "settings.py", "DEBUG = False\nNAME = 'a'\n"),
    ("php", "wp-config.php", "<?php\ndefine( 'DB_NAME', 'a' );\n"),
    ("dockerfile", "Dockerfile", "FROM a\nENV A=b\nCMD c\n"),
    (
        "systemd",
        "app.service",
        "[Unit]\nDescription=a\n\n[Service]\nExecStart=/usr/bin/a\n",
    ),
    ("semicolon-comment", "pool.d/www.conf", "[www]\nuser = a\n"),
    (
        "netrc",
        ".netrc",
        "machine a.example\n  login b\n  password c\n",
    ),
    (
        "git-credentials",
        ".git-credentials",
        "https://a:b@c.example\n",
    ),
    ("pgpass", ".pgpass", "a.example:5432:b:c:d\n"),
    ("npmrc", ".npmrc", "audit=false\n"),
    (
        "ssh-config",
        ".ssh/config",
        "Host a\n    HostName a.example\n    User b\n",
    ),
    ("hash-comment", "robots.txt", "User-agent: *\n"),
    ("slash-comment", "app.js", "'use strict';\n"),
    (
        "markup-comment",
        "index.html",
        "<body>\n<p>a</p>\n</body>\n",
    ),
];

/// One file of each sort; the database too.
fn targets(directory: &Path) -> Vec<(&'static str, String)> {
    let database = directory.join("app.db");
    let connection = rusqlite::Connection::open(&database).expect("opened");
    connection.execute_batch(TABLES).expect("made");
    let mut targets = vec![(
        "sqlite",
        format!("sqlite:{}?table=accounts", database.display()),
    )];
    for (sort, name, text) in FILES {
        let path = directory.join(name);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        std::fs::write(&path, text).expect("written");
        targets.push((*sort, path.display().to_string()));
    }
    targets
}

#[test]
fn every_kind_goes_in_and_out() {
    let catalog = Catalog::builtin().expect("the catalogue");
    let directory = tempfile::tempdir().expect("a directory");
    let targets = targets(directory.path());
    // Database servers have to be started: `tests/whole_loop/databases.rs` does.
    let servers = TARGETS.iter().filter(|sort| sort.example().contains("://"));
    assert_eq!(targets.len() + servers.count(), TARGETS.len());
    let mut planted = 0;
    for kind in catalog.kinds() {
        let canary = mint(kind);
        let bait = Bait {
            kind,
            canary: &canary,
        };
        for (sort, target) in &targets {
            let before = read(target);
            let plan = match plan(target, &bait, &Options::default()) {
                Ok(plan) => plan,
                Err(PlantError::Shape(_)) => continue,
                Err(error) => panic!("{} in {sort}: {error}", kind.id),
            };
            assert_eq!(plan.placement().target_kind, *sort);
            let placement = plan.apply(canary.minted).expect("applied");
            assert_eq!(check(&placement).expect("checked"), Condition::Present);
            uproot(&placement, false, canary.minted).expect("uprooted");
            if *sort != "sqlite" {
                assert_eq!(read(target), before, "{} in {sort}", kind.id);
            }
            planted += 1;
        }
    }
    assert!(planted >= 10 * catalog.kinds().count(), "{planted}");
}

/// Files whose programs want a form of their own take what the kind has for them.
#[test]
fn kinds_go_into_the_files_they_live_in() {
    let catalog = Catalog::builtin().expect("the catalogue");
    let pypirc =
        "[distutils]\nindex-servers =\n    pypi\n\n[pypi]\nusername = __token__\npassword = x\n";
    let url = "https://relay.rookery.example";
    for (id, name, before, expect) in [
        ("pypi", ".pypirc", pypirc, format!("]\nrepository = {url}")),
        (
            "pip-index-basic",
            ".pypirc",
            pypirc,
            format!("]\nrepository = {url}"),
        ),
        (
            "pip-index-basic",
            "pip/pip.conf",
            "[global]\ntimeout = 60\n",
            "]\nindex-url = https://".into(),
        ),
        (
            "pip-index-basic",
            "pip/pip.ini",
            "[global]\ntimeout = 60\n",
            "]\nindex-url = https://".into(),
        ),
        (
            "s3-compatible",
            "rclone.conf",
            "[b2]\ntype = b2\naccount = a\nkey = b\n",
            "]\ntype = s3\nprovider = Minio\naccess_key_id = ".into(),
        ),
        (
            "s3-compatible",
            "app.ini",
            "[a]\nb = c\n",
            "]\naccess_key_id = ".into(),
        ),
        (
            "s3-compatible",
            ".aws/credentials",
            "[a]\nb = c\n",
            "]\naws_access_key_id = ".into(),
        ),
    ] {
        let kind = catalog.kind(id).expect("a kind");
        let canary = mint(kind);
        let (_directory, target) = laid(name, before);
        let plan = planned(kind, &canary, &target);
        let plan = plan.unwrap_or_else(|error| panic!("{id} in {name}: {error}"));
        let placement = plan.apply(canary.minted).expect("applied");
        let after = read(&target).expect("read");
        assert!(after.contains(&expect), "{id} in {name}: {after}");
        assert_eq!(check(&placement).expect("checked"), Condition::Present);
        uproot(&placement, false, canary.minted).expect("uprooted");
        assert_eq!(read(&target).as_deref(), Some(before), "{id} in {name}");
    }
}

/// A form for the sort of file that does not fit this one is called so, and not offered once more.
#[test]
fn a_refusal_does_not_offer_what_it_refuses() {
    let catalog = Catalog::builtin().expect("the catalogue");
    for (id, name, before, offer) in [
        (
            "pypi",
            "setup.cfg",
            "[metadata]\nname = a\n",
            "ini (.pypirc)",
        ),
        (
            "twilio",
            ".mcp.json",
            "{\n  \"mcpServers\": {}\n}\n",
            "other files of the sort json",
        ),
    ] {
        let kind = catalog.kind(id).expect("a kind");
        let (_directory, target) = laid(name, before);
        let error = planned(kind, &mint(kind), &target);
        let Err(PlantError::Shape(problem)) = error.map(|_| ()) else {
            panic!("{id} in {name}");
        };
        assert!(problem.what.ends_with("but none for this one"), "{problem}");
        let mut offers = problem
            .hint
            .rsplit(": ")
            .next()
            .unwrap_or_default()
            .rsplit(", ");
        assert_eq!(offers.next(), Some(offer), "{}", problem.hint);
        let own = if id == "pypi" { "ini" } else { "json" };
        assert!(offers.all(|sort| sort != own), "{}", problem.hint);
    }
}

/// A file in a directory of its own, which has to outlive it, and its path.
fn laid(name: &str, text: &str) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join(name);
    std::fs::create_dir_all(path.parent().expect("a directory")).expect("made");
    std::fs::write(&path, text).expect("written");
    let target = path.to_str().expect("UTF-8").to_owned();
    (directory, target)
}

fn planned(kind: &Kind, canary: &Canary, target: &str) -> Result<Plan, PlantError> {
    plan(target, &Bait { kind, canary }, &Options::default())
}

fn read(target: &str) -> Option<String> {
    lapwing_core::bounded::read_text(Path::new(target), 1 << 20).ok()
}
