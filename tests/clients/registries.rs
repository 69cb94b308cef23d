//! Programs that fetch and publish packages and images: npm, pip, twine, and the steps of a docker client.

use std::fs;

use lapwing_core::bounded;
use lapwing_tests::{Ran, venv};
use serde_json::json;

use crate::stage::{Stage, keys};

#[test]
fn a_registry_gives_a_token_for_the_login_and_takes_it() {
    let kinds = [
        "docker-config",
        "dockerhub",
        "rubygems",
        "cargo",
        "terraform-cloud",
        "jenkins",
    ];
    let mut stage = Stage::new(67, &kinds);
    let names = ["docker", "hub", "gems", "cargo", "terraform", "jenkins"];
    let minted: Vec<_> = names
        .iter()
        .zip(kinds)
        .map(|(name, kind)| stage.mint(name, kind))
        .collect();
    let told: serde_json::Map<_, _> = names
        .iter()
        .zip(&minted)
        .map(|(name, minted)| ((*name).to_owned(), keys(minted)))
        .collect();
    let said = stage.python("cloud_registry.py", &told.into());
    assert_eq!(
        said,
        json!({
            "challenge": { "status": 401, "bearer": true, "code": "UNAUTHORIZED" },
            "entry": true,
            "ping": "{}",
            "catalog": { "names": 2, "same": true, "latest": true },
            "manifest": { "status": 404, "code": "MANIFEST_UNKNOWN" },
            "push": 403,
            "wrong": { "error": "HTTPError", "status": 401 },
            "hub login": { "status": 200, "said": ["token"] },
            "hub token": { "status": 200, "said": ["access_token"] },
            "hub wrong": { "status": 401, "said": ["errinfo", "message"] },
            "gems": { "status": 200, "said": "[]" },
            "cargo": 200,
            "terraform": 200,
            "jenkins": minted[5].field("username"),
        })
    );
    // Each step of the docker client is a trip for a token, and one with it.
    let outcomes: Vec<String> = stage
        .trips(16)
        .iter()
        .map(|trip| {
            let decoy = &trip["decoy"];
            format!(
                "{} {}",
                decoy["kind"].as_str().unwrap_or_default(),
                decoy["status"]
            )
        })
        .collect();
    let expected = [
        "docker-config 200",
        "docker-config 200",
        "docker-config 200",
        "docker-config 200",
        "docker-config 200",
        "docker-config 200",
        "docker-config 200",
        "docker-config 404",
        "docker-config 200",
        "docker-config 403",
        "dockerhub 200",
        "dockerhub 200",
        "rubygems 200",
        "cargo 200",
        "terraform-cloud 200",
        "jenkins 200",
    ];
    assert_eq!(outcomes, expected);
}

#[test]
fn docker_logs_in() {
    let mut stage = Stage::new(71, &["docker-config"]);
    let (good, wrong) = (stage.mint("good", "docker-config"), "x".repeat(24));
    let registry = stage.address("docker-config").to_string();
    let login = |password: &str, settings: &str| {
        let settings = stage.home.path().join(settings);
        let settings = settings.to_str().expect("a text");
        // No daemon is there: docker logs in by itself.
        let client = ["--config", settings, "--host", "tcp://127.0.0.1:1"];
        let user = ["login", "--username", good.field("username")];
        let with = ["--password", password, &registry];
        stage.run("docker", &[&client[..], &user, &with].concat())
    };
    let Ran {
        code,
        stdout,
        stderr,
    } = login(good.field("password"), "in");
    assert!(code == 0 && stdout.contains("Login Succeeded"), "{stderr}");
    let Ran { code, stderr, .. } = login(&wrong, "out");
    assert!(code == 1 && stderr.contains("unauthorized"), "{stderr}");
    // What docker keeps is what the canary carries.
    let kept = stage.home.path().join("in/config.json");
    let kept = bounded::read_text(&kept, 1 << 16).expect("settings are kept");
    assert!(kept.contains(good.field("auth")), "{kept}");
    // The wrong password is nobody's: two trips in all.
    stage.assert_trips(&[
        r#"good basic:password http/1.1 docker-config [GET /token] accepted 200 {"registry.client":["docker"]}"#,
        "good bearer:registry_token http/1.1 docker-config [GET /v2/] accepted 200",
    ]);
}

#[test]
fn npm_takes_the_registry_for_its_own() {
    let mut stage = Stage::new(68, &["npm"]);
    let good = stage.mint("good", "npm");
    let settings = stage.home.path().join("npmrc");
    let text = format!(
        "registry={}\n{}\nfetch-retries=0\nupdate-notifier=false\n",
        good.field("beacon.url"),
        good.field("npmrc")
    );
    fs::write(&settings, text).expect("settings are written");
    let settings = settings.to_str().expect("a text").to_owned();
    let npm = |args: &[&str]| stage.run("npm", &[args, &["--userconfig", &settings]].concat());
    let Ran {
        code,
        stdout,
        stderr,
    } = npm(&["whoami"]);
    assert_eq!(
        (code, stdout.trim(), stderr.as_str()),
        (0, good.field("username"), "")
    );
    assert_eq!(npm(&["ping"]).code, 0);
    let Ran { code, stderr, .. } = npm(&["view", "@acme/core"]);
    assert!(
        code == 1 && stderr.contains("no such package available"),
        "{stderr}"
    );
    stage.assert_trips(&[
        "good bearer:token http/1.1 npm [GET /-/whoami] accepted 200",
        "good bearer:token http/1.1 npm [GET /-/ping] accepted 200",
        r#"good bearer:token http/1.1 npm [GET /{package}] accepted 404 {"package.name":["@acme/core"]}"#,
    ]);
}

#[test]
fn pip_finds_an_empty_index_and_twine_may_not_upload() {
    let mut stage = Stage::new(69, &["pip-index-basic", "pypi"]);
    let index = stage.mint("index", "pip-index-basic");
    let upload = stage.mint("upload", "pypi");
    let bin = |name: &str| {
        let path = venv().join("bin").join(name);
        path.to_str().expect("a text").to_owned()
    };
    let quiet = [
        "--disable-pip-version-check",
        "--no-input",
        "--no-cache-dir",
    ];
    let from = [
        "download",
        "acme-internal",
        "--index-url",
        index.field("beacon.url"),
    ];
    let Ran { code, stderr, .. } = stage.run(&bin("pip"), &[&from[..], &quiet].concat());
    let told = "ERROR: No matching distribution found for acme-internal";
    assert!(code == 1 && stderr.contains(told), "{stderr}");
    let wheel = wheel(&stage);
    let to = [
        "upload",
        "--non-interactive",
        "--disable-progress-bar",
        "--repository-url",
    ];
    let login = [
        "--username",
        "__token__",
        "--password",
        upload.field("token"),
    ];
    let wheel = [wheel.as_str()];
    let args = [&to[..], &[upload.field("beacon.url")], &login, &wheel].concat();
    let Ran {
        code,
        stdout,
        stderr,
    } = stage.run(&bin("twine"), &args);
    assert!(
        code == 1 && (stdout.clone() + &stderr).contains("403 Forbidden"),
        "{stdout}{stderr}"
    );
    let trips = stage.trips(2);
    assert_eq!(trips[0]["decoy"]["rule"], "GET /simple/{package}/");
    assert_eq!(trips[1]["decoy"]["rule"], "POST /legacy/");
    assert_eq!(
        trips[0]["claims"]["captured"],
        json!({ "package.name": ["acme-internal"] })
    );
}

/// A wheel with nothing in it but what twine looks at: its name and version. Gives its path.
fn wheel(stage: &Stage) -> String {
    let named = "acme-1.0.dist-info";
    let directory = stage.home.path().join(named);
    fs::create_dir(&directory).expect("a directory");
    let metadata = "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n";
    let tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
    for (file, text) in [("METADATA", metadata), ("WHEEL", tags), ("RECORD", "")] {
        fs::write(directory.join(file), text).expect("a file is written");
    }
    let name = "acme-1.0-py3-none-any.whl";
    let python = venv().join("bin/python");
    let python = python.to_str().expect("a text");
    let made = stage.run(python, &["-m", "zipfile", "-c", name, named]);
    assert!(made.code == 0, "{}", made.stderr);
    name.to_owned()
}
