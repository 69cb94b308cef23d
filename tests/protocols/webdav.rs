//! WebDAV, with curl, rclone and cadaver.

use std::fs;

use lapwing_core::bounded;
use lapwing_tests::Minted;

use crate::stage::Stage;

const HERE: &str = "http://127.0.0.1:8123";

/// A station with a share, and who may read it.
fn site() -> (Stage, Minted) {
    let stage = Stage::apart("http", &[HERE], |_| (), &["--http", "127.0.0.1:8123"]);
    let minted = stage.mint("webdav");
    (stage, minted)
}

/// What curl says with the login: the status and, after a blank, the body.
fn curl(stage: &Stage, minted: &Minted, arguments: &[&str], path: &str) -> String {
    let login = format!("{}:{}", minted.field("username"), minted.field("password"));
    let url = format!("{}{path}", minted.field("beacon.url"));
    let first = [
        "curl",
        "-s",
        "-m",
        "20",
        "-w",
        "\n%{http_code}",
        "-u",
        &login,
    ];
    let said = stage.inside(&[], &[&first[..], arguments, &[&url]].concat());
    let (body, status) = said
        .stdout
        .rsplit_once('\n')
        .unwrap_or_else(|| panic!("{said:?}"));
    format!("{status} {body}")
}

#[test]
fn curl_is_answered_as_by_apache() {
    let (stage, minted) = site();
    let ask = |arguments: &[&str], path: &str| curl(&stage, &minted, arguments, path);
    let listed = ask(&["-X", "PROPFIND", "-H", "Depth: 1"], "");
    let start = "207 <?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:multistatus xmlns:D=\"DAV:\">\n\
                 <D:response xmlns:lp1=\"DAV:\" xmlns:lp2=\"http://apache.org/dav/props/\">\n<D:href>/";
    assert!(listed.starts_with(start), "{listed}");
    let place = minted
        .field("beacon.url")
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap();
    let href = format!("<D:href>/{place}/README.txt</D:href>");
    assert!(listed.contains(&href), "{listed}");
    assert_eq!(
        ask(&["-X", "PROPFIND", "-H", "Depth: 1"], ""),
        listed,
        "it stays as it is"
    );

    let asked = "<?xml version=\"1.0\"?><propfind xmlns=\"DAV:\" xmlns:x=\"urn:x\"><prop><getcontenttype/>\
                 <x:foo/><displayname/></prop></propfind>";
    let some = ask(
        &["-X", "PROPFIND", "-H", "Depth: 0", "--data", asked],
        "README.txt",
    );
    let expect = format!(
        "207 <?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <D:multistatus xmlns:D=\"DAV:\" xmlns:ns1=\"urn:x\" xmlns:ns0=\"DAV:\">\n\
         <D:response xmlns:g0=\"urn:x\" xmlns:g1=\"DAV:\">\n{href}\n\
         <D:propstat>\n<D:prop>\n<D:getcontenttype>text/plain</D:getcontenttype>\n</D:prop>\n\
         <D:status>HTTP/1.1 200 OK</D:status>\n</D:propstat>\n\
         <D:propstat>\n<D:prop>\n<g0:foo/>\n<g1:displayname/>\n</D:prop>\n\
         <D:status>HTTP/1.1 404 Not Found</D:status>\n</D:propstat>\n</D:response>\n</D:multistatus>\n"
    );
    assert_eq!(some, expect);
    for (arguments, path, status) in [
        (&["-X", "PROPFIND"][..], "", "403"),
        (
            &["-X", "PROPFIND", "-H", "Depth: 0", "--data", "<x"],
            "",
            "400",
        ),
        (&["-X", "PROPFIND", "-H", "Depth: 1"], "nope", "404"),
        (&["-X", "PROPFIND", "-H", "Depth: 1"], "README.txt/", "404"),
        (&["-T", "/etc/hostname"], "new.txt", "403"),
        (&["-X", "MKCOL"], "new", "403"),
        (
            &["-X", "MOVE", "-H", "Destination: http://127.0.0.1:8123/x"],
            "README.txt",
            "403",
        ),
        (&["-X", "DELETE"], "README.txt", "403"),
        (
            &["-X", "UNLOCK", "-H", "Lock-Token: <opaquelocktoken:x>"],
            "README.txt",
            "400",
        ),
        (&["-I"], "README.txt", "200"),
        (&["-r", "5-9"], "README.txt", "206 share"),
        (&["-X", "OPTIONS"], "", "200"),
    ] {
        let said = ask(arguments, path);
        assert!(said.starts_with(status), "{arguments:?} {path}: {said}");
    }
    let mut wrong = minted.clone();
    wrong
        .fields
        .insert("password".to_owned(), "not-it".to_owned());
    let said = curl(&stage, &wrong, &["-X", "PROPFIND"], "");
    assert!(said.starts_with("401 <!DOCTYPE HTML PUBLIC"), "{said}");
    let lines = stage.lines(14);
    assert!(lines.contains("PUT webdav accepted dav.body="), "{lines}");
    assert!(
        lines.contains("MOVE webdav accepted dav.destination=http://127.0.0.1:8123/x\n"),
        "{lines}"
    );
}

#[test]
fn rclone_lists_and_reads_and_may_not_write() {
    let (stage, minted) = site();
    let config = ["type", "url", "vendor", "user", "pass"];
    let fields = ["type", "beacon.url", "vendor", "username", "obscured"];
    let lines = config
        .iter()
        .zip(fields)
        .map(|(name, field)| format!("{name} = {}\n", minted.field(field)));
    let config = format!("[old]\n{}", lines.collect::<String>());
    fs::write(stage.home.path().join("rclone.conf"), config).unwrap();
    let rclone = |arguments: &[&str]| {
        let first = [
            "rclone",
            "--config",
            "rclone.conf",
            "--retries",
            "1",
            "--low-level-retries",
            "1",
        ];
        stage.inside(&[], &[&first[..], arguments].concat())
    };
    let listed = rclone(&["lsf", "-R", "old:"]);
    assert_eq!(listed.code, 0, "{listed:?}");
    let files: Vec<&str> = listed
        .stdout
        .lines()
        .filter(|line| !line.ends_with('/'))
        .collect();
    assert!(files.contains(&"README.txt"), "{listed:?}");
    for file in &files {
        let size = rclone(&["size", "--json", &format!("old:{file}")]).stdout;
        let read = rclone(&["cat", &format!("old:{file}")]);
        assert!(
            size.contains(&format!("\"bytes\":{}", read.stdout.len())),
            "{file}: {size} {read:?}"
        );
    }
    let copied = rclone(&["copyto", "rclone.conf", "old:stolen.conf"]);
    assert!(
        copied.code != 0 && copied.stderr.contains("403 Forbidden"),
        "{copied:?}"
    );
    let lines = stage.lines(2 + files.len());
    assert!(lines.contains("PROPFIND webdav accepted"), "{lines}");
}

#[test]
fn cadaver_reads_and_locks() {
    let (stage, minted) = site();
    let netrc = format!(
        "machine 127.0.0.1\nlogin {}\npassword {}\n",
        minted.field("username"),
        minted.field("password")
    );
    fs::write(stage.home.path().join(".netrc"), netrc).unwrap();
    let commands = "set lockowner me@here\nls\nget README.txt got.txt\nput .netrc taken\nlock README.txt\nunlock README.txt\nquit\n";
    fs::write(stage.home.path().join("commands"), commands).unwrap();
    let said = stage.inside(
        &[],
        &[
            "sh",
            "-c",
            "cadaver \"$0\" < commands",
            minted.field("beacon.url"),
        ],
    );
    for expect in [
        "Listing collection",
        "README.txt",
        "Downloading `/",
        "403 Forbidden",
        "Locking `README.txt': succeeded.",
        "Unlocking `README.txt': succeeded.",
    ] {
        assert!(said.stdout.contains(expect), "{expect}: {said:?}");
    }
    let got = bounded::read_text(&stage.home.path().join("got.txt"), 4096).unwrap();
    assert!(got.starts_with("This share is read only"), "{got}");
    let lines = stage.told("UNLOCK webdav accepted");
    assert!(
        lines.contains("LOCK webdav accepted dav.owner=me@here"),
        "{lines}"
    );
}
