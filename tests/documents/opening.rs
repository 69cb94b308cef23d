//! Minted files, opened by the programs they are for.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use lapwing_tests::finish_within;

use crate::desk::{Desk, Document};

#[test]
fn libreoffice_opens_office_documents_and_trips_them() {
    let desk = Desk::new();
    let documents: Vec<Document> = ["docx", "xlsx", "pptx"]
        .iter()
        .flat_map(|kind| [desk.mint(kind, &[]), desk.mint(kind, &[])])
        .collect();
    // Minting and reading with scripts loads nothing.
    let paths: Vec<_> = documents
        .iter()
        .map(|document| document.path.clone())
        .collect();
    desk.python("validate.py", &paths);
    assert!(desk.tripped().is_empty());
    desk.office(
        "pdf",
        &desk.directory("opened"),
        &paths,
        Duration::from_secs(150),
    );
    desk.assert_tripped(&documents.iter().collect::<Vec<_>>());
}

#[test]
fn chromium_trips_pages_drawings_and_links_of_pdfs() {
    let desk = Desk::new();
    let html = desk.mint("html", &[]);
    let svg = desk.mint("svg", &[]);
    for document in [&html, &svg] {
        desk.browser(&format!("file://{}", document.path.display()));
    }
    let pdf = desk.mint("pdf", &[]);
    let link = desk.python("validate.py", std::slice::from_ref(&pdf.path));
    let link = link
        .lines()
        .find_map(|line| line.strip_prefix("link "))
        .unwrap();
    assert_eq!(link, pdf.minted.field("beacon.url"));
    desk.assert_tripped(&[&html, &svg]);
    desk.browser(link);
    desk.assert_tripped(&[&html, &svg, &pdf]);
}

#[test]
fn a_cloned_page_trips_and_the_page_at_home_does_not() {
    let desk = Desk::new();
    let place = desk.directory("site");
    let page = |document: &Document| {
        let text = lapwing_core::bounded::read_text(&document.path, 1 << 20).unwrap();
        format!("<html><body><script>{text}</script></body></html>")
    };
    let at_home = desk.mint("cloned-site-js", &["--set", "site=127.0.0.1"]);
    let served = serve(page(&at_home));
    desk.browser(&served);
    assert!(desk.tripped().is_empty());
    let elsewhere = desk.mint("cloned-site-js", &["--set", "site=shop.example.net"]);
    let served = serve(page(&elsewhere));
    desk.browser(&served);
    desk.assert_tripped(&[&elsewhere]);
    let style = desk.mint("cloned-site-css", &[]);
    let text = lapwing_core::bounded::read_text(&style.path, 1 << 20).unwrap();
    let path = place.join("style.html");
    let body = "<header>.</header><footer>.</footer><main>.</main><nav>.</nav><aside>.</aside>";
    fs::write(
        &path,
        format!("<html><style>{text}</style><body>{body}</body></html>"),
    )
    .unwrap();
    desk.browser(&format!("file://{}", path.display()));
    desk.assert_tripped(&[&elsewhere, &style]);
}

/// Serves one page on loopback; gives its address.
fn serve(page: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close";
            let _ = write!(
                stream,
                "{head}\r\nContent-Length: {}\r\n\r\n{page}",
                page.len()
            );
        }
    });
    address
}

#[test]
fn git_trips_a_submodule() {
    let desk = Desk::new();
    let document = desk.mint("gitmodules", &[]);
    let repository = desk.directory("repository");
    let git = |args: &[&str]| {
        let mut git = Command::new("git");
        desk.home.scrub(&mut git);
        git.env("GIT_TERMINAL_PROMPT", "0")
            .current_dir(&repository)
            .args(args);
        finish_within(Duration::from_secs(60), &mut git)
    };
    assert_eq!(git(&["init", "-q"]).code, 0);
    fs::rename(&document.path, repository.join(".gitmodules")).unwrap();
    let path = git(&["config", "-f", ".gitmodules", "--get-regexp", "path"]).stdout;
    let path = path.split_whitespace().nth(1).unwrap();
    let commit = "1111111111111111111111111111111111111111";
    let entry = format!("160000,{commit},{path}");
    assert_eq!(
        git(&["update-index", "--add", "--cacheinfo", &entry]).code,
        0
    );
    assert_ne!(
        git(&["submodule", "update", "--init"]).code,
        0,
        "there is nothing to fetch"
    );
    desk.assert_tripped(&[&document]);
}

#[test]
fn a_file_is_as_old_as_it_says_and_never_replaces_another() {
    let desk = Desk::new();
    let document = desk.mint("docx", &[]);
    let changed = fs::metadata(&document.path).unwrap().modified().unwrap();
    let changed = changed.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let said = desk.python("validate.py", std::slice::from_ref(&document.path));
    let said = said
        .lines()
        .find_map(|line| line.strip_prefix("modified "))
        .unwrap();
    assert_eq!(said.parse::<u64>().unwrap(), changed);

    let kept = fs::metadata(&document.path).unwrap().len();
    let name = document.path.to_str().unwrap();
    let again = desk.home.run(&["mint", "docx", "--output", name]);
    assert_eq!(again.code, 1);
    assert!(
        again.stderr.contains("is there already"),
        "{}",
        again.stderr
    );
    assert_eq!(fs::metadata(&document.path).unwrap().len(), kept);
    let many = desk.directory("many");
    desk.home.ok(&[
        "mint",
        "xlsx",
        "--count",
        "25",
        "--output",
        many.to_str().unwrap(),
    ]);
    assert_eq!(fs::read_dir(&many).unwrap().count(), 25);
    let refused = desk.home.run(&["mint", "url", "--output", "x"]);
    assert_eq!(refused.code, 1, "a link is no file");
}

#[test]
fn a_slow_link_tells_what_the_browser_says_of_itself() {
    let desk = Desk::new();
    let minted = desk.home.mint("slow-redirect", &[]);
    desk.browser(minted.field("beacon.url"));
    let rows = lapwing_tests::trips(&desk.home, 2);
    let told = rows.iter().map(|row| &row["trip"]);
    let told: Vec<_> = told
        .filter(|trip| trip["claims"]["captured"]["browser.screen"].is_array())
        .collect();
    assert_eq!(told.len(), 1, "{rows:?}");
    assert_eq!(told[0]["canary"], minted.id);
    assert!(told[0]["claims"]["captured"]["browser.zone"].is_array());
}

#[test]
fn ssh_asks_the_proxy_of_an_entry() {
    let desk = Desk::new();
    let document = desk.mint("ssh-config", &[]);
    let text = lapwing_core::bounded::read_text(&document.path, 1 << 20).unwrap();
    let place = text.find("ProxyCommand").unwrap();
    let host = text[..place]
        .rsplit("Host ")
        .find_map(|entry| entry.lines().next());
    let mut ssh = Command::new("ssh");
    desk.home.scrub(&mut ssh);
    ssh.args(["-F", document.path.to_str().unwrap(), "-o", "BatchMode=yes"])
        .args(["-o", "ConnectTimeout=10", host.unwrap(), "true"]);
    let ran = finish_within(Duration::from_secs(60), &mut ssh);
    assert_ne!(ran.code, 0, "no proxy, no way in");
    desk.assert_tripped(&[&document]);
}
