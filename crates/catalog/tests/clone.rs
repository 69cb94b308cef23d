//! A decoy repository, judged by `git` itself: cloned over HTTP in both protocols, whole and shallow,
//! fetched again, and checked object by object.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use lapwing_catalog::{Asked, Catalog, Matched, Request};
use lapwing_core::{Canary, CanaryId, Carrier, Timestamp};

const KIND: &str = r##"
id = "sample"
name = "Sample"
summary = "Sample"
trigger = "endpoint"
fires = "Someone clones."
blind_spots = ["None."]
lives = [".git-credentials"]
[address]
labels = ["git"]
[[field]]
name = "token"
format = "{base62:40}"
handle = true
secret = true
[[field]]
name = "beacon.url"
format = "{url}"
[api]
auth = "basic"
password = "token"
[style.default]
content_type = "text/plain"
unknown = { status = 401, headers = { WWW-Authenticate = 'Basic realm="git"' }, body = "no" }
not_found = { status = 404, body = "not found" }
[git]
branch = "trunk"
author = "Sam Doe <sam@example.org>"
message = "First"
files = { "README.md" = "# tools\n", "bin/run.sh" = "#!/bin/sh\necho {{ stable('a', 8) }}\n", "deep/er/file.txt" = "text\n" }
[[git.commit]]
message = "Second"
days = 40
files = { "README.md" = "# more tools\n", "config.env" = "TOKEN={{ field.token }}\n" }
[[git.commit]]
message = "Drop what is not used"
days = 12
files = { "deep/er/file.txt" = "" }
[[decoy]]
match = { method = "GET", path = "/{owner}/{repo}/info/refs", query = { service = "git-upload-pack" } }
artifact = "git-refs"
status = 200
[[decoy]]
match = { method = "POST", path = "/{owner}/{repo}/git-upload-pack" }
artifact = "git-pack"
status = 200
"##;

const TOKEN: &str = "t0K3nt0K3nt0K3nt0K3nt0K3nt0K3nt0K3nt0K3n";

/// Serves the kind on a free port, one request a connection, until the test ends.
fn serve() -> u16 {
    let dir = tempfile::tempdir().expect("a directory");
    let class = dir.path().join("credential");
    std::fs::create_dir(&class).expect("made");
    std::fs::write(class.join("sample.toml"), KIND).expect("written");
    let catalog = Catalog::load(Some(dir.path())).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(lapwing_catalog::check(dir.path()).expect("loads"), []);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let canary = Canary {
        id: CanaryId::fresh(),
        kind: "sample".to_owned(),
        memo: String::new(),
        labels: BTreeMap::new(),
        fields: BTreeMap::from([("token".to_owned(), TOKEN.to_owned())]),
        minted: Timestamp::parse("2026-05-01").expect("a date"),
        retired: None,
    };
    let served = Arc::new((catalog, canary));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let served = Arc::clone(&served);
            std::thread::spawn(move || answer(stream, &served.0, &served.1));
        }
    });
    port
}

fn answer(mut stream: TcpStream, catalog: &Catalog, canary: &Canary) {
    let second = Duration::from_secs(10);
    stream.set_read_timeout(Some(second)).expect("set");
    let request = read(&mut stream);
    let found = request
        .candidates()
        .iter()
        .any(|candidate| *candidate.value == *TOKEN.as_bytes());
    let matched = Matched {
        canary,
        field: "token".to_owned(),
        carrier: Carrier::Basic,
    };
    let answer = catalog
        .answer(&Asked {
            request: &request,
            kinds: std::slice::from_ref(&canary.kind),
            matched: if found {
                std::slice::from_ref(&matched)
            } else {
                &[]
            },
            now: Timestamp::parse("2026-06-01").expect("a date"),
            seed: &[9; 32],
        })
        .expect("answers");
    let mut head = format!(
        "HTTP/1.1 {} X\r\nConnection: close\r\nContent-Length: {}\r\n",
        answer.status,
        answer.body.len()
    );
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream
        .write_all(format!("{head}\r\n").as_bytes())
        .expect("sent");
    stream.write_all(&answer.body).expect("sent");
}

fn read(stream: &mut TcpStream) -> Request {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    let mut more = |bytes: &mut Vec<u8>| {
        let count = stream.read(&mut part).expect("read");
        assert_ne!(count, 0, "the client hung up");
        bytes.extend_from_slice(&part[..count]);
    };
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        more(&mut bytes);
    };
    let head = String::from_utf8(bytes[..end].to_vec()).expect("ASCII");
    let mut lines = head.lines();
    let mut words = lines.next().expect("a request line").split(' ');
    let (method, target) = (words.next().expect("method"), words.next().expect("target"));
    let headers: Vec<(String, Vec<u8>)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
        .collect();
    let length = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| std::str::from_utf8(value).ok()?.parse::<usize>().ok())
        .unwrap_or(0);
    while bytes.len() < end + length {
        more(&mut bytes);
    }
    Request::new(
        method.to_owned(),
        target.to_owned(),
        "127.0.0.1".to_owned(),
        headers,
        bytes[end..end + length].to_vec(),
    )
}

fn git(home: &Path, arguments: &[&str]) -> Output {
    Command::new("timeout")
        .arg("60")
        .arg("git")
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("GIT_TERMINAL_PROMPT", "0")
        .current_dir(home)
        .stdin(Stdio::null())
        .output()
        .expect("git is installed")
}

fn done(output: &Output) -> String {
    let (out, err) = (&output.stdout, String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{err}");
    String::from_utf8_lossy(out).into_owned()
}

#[test]
fn git_clones_it() {
    let port = serve();
    let home = tempfile::tempdir().expect("a directory");
    let home = home.path();
    let url = format!("http://ci:{TOKEN}@127.0.0.1:{port}/ops/tools.git");
    for version in ["0", "2"] {
        let protocol = format!("protocol.version={version}");
        let into = format!("whole{version}");
        done(&git(home, &["-c", &protocol, "clone", &url, &into]));
        let tree = home.join(&into);
        let file = |name: &str| {
            lapwing_core::bounded::read_text(&tree.join(name), 1 << 20).unwrap_or_default()
        };
        assert_eq!(file("README.md"), "# more tools\n");
        assert_eq!(file("config.env"), format!("TOKEN={TOKEN}\n"));
        assert!(file("bin/run.sh").starts_with("#!/bin/sh\necho "));
        assert!(!tree.join("deep").exists(), "removed by the last commit");
        done(&git(&tree, &["fsck", "--strict", "--full"]));
        let log = done(&git(&tree, &["log", "--format=%s"]));
        assert_eq!(log, "Drop what is not used\nSecond\nFirst\n");
        let branch = done(&git(&tree, &["branch", "--show-current"]));
        assert_eq!(branch, "trunk\n");
        done(&git(&tree, &["-c", &protocol, "fetch", "--all"]));
        let old = done(&git(&tree, &["show", "HEAD~2:deep/er/file.txt"]));
        assert_eq!(old, "text\n");

        let shallow = format!("shallow{version}");
        done(&git(
            home,
            &["-c", &protocol, "clone", "--depth", "1", &url, &shallow],
        ));
        let tree = home.join(&shallow);
        assert_eq!(done(&git(&tree, &["rev-list", "--count", "HEAD"])), "1\n");
        done(&git(&tree, &["fsck", "--strict"]));
        let refs = done(&git(home, &["-c", &protocol, "ls-remote", &url]));
        assert_eq!(refs.lines().count(), 2, "{refs}");
        assert!(refs.contains("\trefs/heads/trunk"), "{refs}");
    }
    let heads: Vec<String> = ["whole0", "whole2"]
        .iter()
        .map(|tree| done(&git(&home.join(tree), &["rev-parse", "HEAD"])))
        .collect();
    assert_eq!(heads[0], heads[1], "the same repository each time");
}

#[test]
fn strangers_get_nothing_and_nobody_pushes() {
    let port = serve();
    let home = tempfile::tempdir().expect("a directory");
    let home = home.path();
    let url = format!("http://ci:wrong@127.0.0.1:{port}/ops/tools.git");
    let refused = git(home, &["clone", &url, "a"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success());
    assert!(said.contains("Authentication failed"), "{said}");
    let url = format!("http://ci:{TOKEN}@127.0.0.1:{port}/ops/tools.git");
    done(&git(home, &["clone", &url, "b"]));
    let pushed = git(&home.join("b"), &["push", "origin", "HEAD:other"]);
    assert!(!pushed.status.success());
}
