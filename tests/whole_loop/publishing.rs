//! What people read of a report, shown to programs others wrote (qpdf, Poppler, Graphviz, Chromium,
//! Python's mail), and how a report is published and withdrawn.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lapwing_tests::{Home, Minted, Ran, exchange, finish, trips};
use serde_json::Value;

use crate::bait::{basic, bytes_of, home_with, host, open};

/// An address that no registry keeps for examples: uses from one of those concern no network.
const SOURCE: &str = "192.33.4.12";
/// Not in the fonts, and dangerous to a graph, a page and a terminal.
const TITLE: &str = "relay \"]; x [label=\"鍵 <b>&amp; \\N";

/// A gateway's canary in a file and a link, both used through a proxy that names the peer.
fn used() -> (Home, Minted) {
    let home = home_with("operator = \"Example service\"\ncontact = \"abuse@service.example\"\n");
    let twilio = home.mint("twilio", &["--memo", TITLE]);
    let link = home.mint("url", &["--memo", "wiki"]);
    let station = home.listen(&["--proxy", "127.0.0.1/32"]);
    let sid = twilio.field("account_sid");
    let login = basic(sid, twilio.field("auth_token"));
    for port in [40_312, 40_313] {
        let request = format!(
            "PROXY TCP4 {SOURCE} 127.0.0.1 {port} 80\r\nGET /2010-04-01/Accounts/{sid}.json HTTP/1.1\r\n\
             Host: {}\r\nUser-Agent: curl/8.5.0\r\nAuthorization: {login}\r\nConnection: close\r\n\r\n",
            host(&twilio)
        );
        exchange(station.address(), request.as_bytes());
    }
    open(station.address(), &link);
    trips(&home, 3);
    station.stop();
    (home, twilio)
}

/// Runs a program that has to be content.
fn judge(program: &str, args: &[&str]) -> Ran {
    let ran = finish(Command::new(program).args(args));
    assert_eq!(
        ran.code, 0,
        "{program} {args:?}: {} {}",
        ran.stdout, ran.stderr
    );
    ran
}

/// Writes a report to a file of its own.
fn written(home: &Home, format: &str, more: &[&str]) -> PathBuf {
    let file = home.path().join(format!("written.{format}"));
    let out = file.to_str().unwrap();
    home.ok(&[&["report", "--format", format, "-o", out], more].concat());
    file
}

fn path(file: &Path) -> &str {
    file.to_str().unwrap()
}

#[test]
fn the_pdf_is_sound_and_its_text_can_be_read() {
    let (home, _) = used();
    for (more, words) in [
        (
            &[][..],
            [
                "Which copy got out, and between when",
                "What else could explain it",
            ],
        ),
        (
            &["--full"],
            ["Which copy got out, and between when", SOURCE],
        ),
        (
            &["--language", "es"],
            ["Qué copia salió, y entre qué momentos", "Qué no se sabe"],
        ),
    ] {
        let file = written(&home, "pdf", more);
        let checked = judge("qpdf", &["--check", path(&file)]);
        assert!(!checked.stdout.contains("WARNING"), "{}", checked.stdout);
        let text = judge("pdftotext", &["-layout", path(&file), "-"]).stdout;
        for word in words {
            assert!(text.contains(word), "{more:?}: {word} is not in\n{text}");
        }
        assert!(
            text.contains("\\u{9375}"),
            "what the fonts lack is escaped:\n{text}"
        );
        let pages = text.matches('\u{c}').count();
        let squeezed = text.replace(' ', "");
        for page in 1..=pages {
            let number = format!("{page}/{pages}");
            assert!(
                pages >= 2 && squeezed.contains(&number),
                "{number}:\n{text}"
            );
        }
        // The first page is for everybody: what was touched comes behind it.
        let first = text.split('\u{c}').next().unwrap();
        assert!(
            first.contains(words[0]) && !first.contains("SHA-256"),
            "{first}"
        );
        drawings(&home, &file);
        let information = judge("pdfinfo", &[path(&file)]).stdout;
        assert!(information.contains("JavaScript:      no"), "{information}");
        assert!(information.contains("A4"), "{information}");
    }
}

/// Poppler draws the map with a shaded country, and the bars of the timeline.
fn drawings(home: &Home, file: &Path) {
    let pages = home.path().join("drawn");
    fs::create_dir_all(&pages).unwrap();
    let name = pages.join("page");
    let drawn = judge("pdftoppm", &["-r", "72", path(file), path(&name)]);
    assert_eq!(drawn.stderr, "");
    let (mut land, mut shaded, mut bars) = (0, 0, 0);
    for page in fs::read_dir(&pages).unwrap() {
        let image = bytes_of(&page.unwrap().path());
        // PPM: three lines of head, then three bytes a pixel.
        let pixels = image.splitn(4, |byte| *byte == b'\n').nth(3).unwrap();
        let near = |colour: [u8; 3]| {
            let pixels = pixels.chunks_exact(3);
            let alike = |pixel: &&[u8]| pixel.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 3);
            pixels.filter(alike).count()
        };
        // A page that has little of the land is no map: letters have any colour at their edges.
        let here = near([222, 217, 207]);
        if here > 2_000 {
            (land, shaded) = (land + here, shaded + near([138, 36, 23]));
        }
        bars += near([143, 36, 23]);
    }
    fs::remove_dir_all(&pages).unwrap();
    assert!(land > 15_000, "the map: {land} pixels of land");
    assert!(shaded > 5, "the map: {shaded} pixels of the country");
    assert!(bars > 50, "the timeline: {bars} pixels of bars");
}

#[test]
fn the_route_is_a_graph_and_a_drawing() {
    let (home, _) = used();
    let dot = written(&home, "dot", &[]);
    let drawn = judge("dot", &["-Tsvg", path(&dot)]);
    assert_eq!(drawn.stderr, "", "no warnings");
    let svg = written(&home, "svg", &[]);
    let program = "import sys, xml.etree.ElementTree as tree\n\
        for name in sys.argv[1:]:\n    \
            root = tree.parse(name).getroot()\n    \
            words = ' '.join(root.itertext())\n    \
            assert 'relay \"]; x [label=\"' in words and '<b>' in words and 'wiki' in words, words\n    \
            names = {element.tag.split('}')[-1] for element in root.iter()}\n    \
            assert not names & {'script', 'image', 'foreignObject', 'b'}, names\n";
    let graph = home.path().join("graph.svg");
    fs::write(&graph, drawn.stdout).unwrap();
    judge("python3", &["-c", program, path(&svg), path(&graph)]);
}

#[test]
fn a_browser_shows_the_page_as_it_is_meant() {
    let (home, _) = used();
    for more in [&[][..], &["--language", "es"]] {
        let page = written(&home, "html", more);
        let address = format!("file://{}", path(&page));
        let profile = home.path().join("browser");
        let shown = judge(
            "chromium",
            &[
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                &format!("--user-data-dir={}", path(&profile)),
                "--dump-dom",
                &address,
            ],
        )
        .stdout;
        assert!(
            shown.contains("<svg") && shown.contains("</footer>"),
            "{more:?}"
        );
        assert!(!shown.contains("<b>&amp;amp;"), "a title's markup is text");
    }
}

#[test]
fn a_letter_is_a_mail_message() {
    let (home, twilio) = used();
    let refused = home.run(&["report", "--format", "letter"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("--profile authorities"),
        "{}",
        refused.stderr
    );
    let mbox = written(&home, "letter", &["--profile", "authorities"]);
    let directory = home.path().join("letters");
    fs::create_dir(&directory).unwrap();
    let out = [
        "report",
        "--format",
        "letter",
        "--profile",
        "authorities",
        "--language",
        "es",
        "-o",
    ];
    home.ok(&[&out[..], &[path(&directory)]].concat());
    let program = "import email, email.policy, mailbox, pathlib, sys\n\
        read = lambda data: email.message_from_bytes(data, policy=email.policy.default)\n\
        letters = [read(m.as_bytes()) for m in mailbox.mbox(sys.argv[1])]\n\
        drafts = [read(f.read_bytes()) for f in pathlib.Path(sys.argv[2]).iterdir()]\n\
        assert len(letters) == len(drafts) == 1, (letters, drafts)\n\
        for letter in letters + drafts:\n    \
            assert not letter.defects and letter['To'] is None and letter['From'] is None\n    \
            body = letter.get_content()\n    \
            assert '192.33.4.12' in body and '40312' in body and 'abuse@service.example' in body, body\n    \
            assert max(map(len, body.splitlines())) < 200\n    \
            assert sys.argv[3] not in body and sys.argv[4] not in body\n\
        assert 'We accuse nobody' in letters[0].get_content()\n\
        assert 'No acusamos a nadie' in drafts[0].get_content()\n\
        assert 'señuelo' in drafts[0]['Subject']\n";
    judge(
        "python3",
        &[
            "-c",
            program,
            path(&mbox),
            path(&directory),
            twilio.field("account_sid"),
            twilio.field("auth_token"),
        ],
    );
    // Drills and exercises concern nobody.
    let staged = home.run(&[
        "--setting",
        "exercise=true",
        "report",
        "--format",
        "letter",
        "--full",
    ]);
    assert_eq!(staged.code, 1);
    assert!(staged.stderr.contains("exercise"), "{}", staged.stderr);
}

/// A report may be published: what is refused, what is asked, what is kept.
#[test]
fn publishing_asks_and_remembers() {
    let (home, _) = used();
    let file = home.path().join("out.html");
    let publish = |more: &[&str]| {
        let base = ["report", "--publish", "-o", file.to_str().unwrap()];
        home.run(&[&base[..], more].concat())
    };
    let refused = |more: &[&str], word: &str| {
        let ran = publish(more);
        assert_eq!(ran.code, 1, "{more:?}");
        assert!(ran.stderr.contains(word), "{more:?}: {}", ran.stderr);
        assert!(!file.exists(), "{more:?}");
    };
    refused(&["--profile", "authorities"], "not for publication");
    refused(&["--full"], "not for publication");
    refused(&["--format", "csv"], "publish as html, md, pdf, json");
    refused(
        &["--confirm", "publish 3 trips as html"],
        "--danger-embargo",
    );
    refused(
        &["--danger-embargo"],
        "--confirm \"publish 3 trips as html\"",
    );
    refused(&["--danger-embargo", "--confirm", "yes"], "not the words");
    assert!(
        home.json(&["report", "list"])
            .as_array()
            .unwrap()
            .is_empty()
    );
    let done = publish(&["--danger-embargo", "--confirm", "publish 3 trips as html"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    for point in ["[x] the journal was verified", "[ ] the newest use", "[?]"] {
        assert!(done.stderr.contains(point), "{point}: {}", done.stderr);
    }
    let listed = home.json(&["report", "list"]);
    let id = listed[0]["report"].as_str().unwrap().to_owned();
    let page = crate::bait::bytes_of(&file);
    assert!(
        String::from_utf8_lossy(&page).contains(&id),
        "the id is printed"
    );
    let digest = judge("sha256sum", &[path(&file)]).stdout;
    assert!(
        digest.starts_with(listed[0]["digest"].as_str().unwrap()),
        "{digest}"
    );
    assert_eq!(listed[0]["withdrawn"], Value::Null);
    // What is not published has no id.
    assert!(!home.ok(&["report", "--format", "html"]).contains(&id));
    withdraws(&home, &id, listed[0]["digest"].as_str().unwrap());
}

fn withdraws(home: &Home, id: &str, digest: &str) {
    let unknown = home.run(&["report", "withdraw", "00000000", "--reason", "x"]);
    assert_eq!(unknown.code, 1);
    let empty = home.run(&["report", "withdraw", id, "--reason", " "]);
    assert!(empty.stderr.contains("--reason"), "{}", empty.stderr);
    let reason = "One address was <our> own.";
    let page = home.ok(&["report", "withdraw", id, "--reason", reason]);
    for part in [
        id,
        digest,
        "One address was &#60;our&#62; own.",
        "withdrawn",
    ] {
        assert!(page.contains(part), "{part} is not in\n{page}");
    }
    let again = home.run(&["report", "withdraw", id, "--reason", "another"]);
    assert_eq!(again.stdout, page, "the same correction again");
    let listed = home.ok(&["report", "list"]);
    assert!(listed.contains("withdrawn 20"), "{listed}");
    assert!(home.json(&["report", "list"])[0]["withdrawn"][1] == reason);
    // Decisions of this sort are kept, and say nothing of trips.
    home.ok(&["reindex"]);
    assert_eq!(trips(home, 3).len(), 3);
}

#[test]
fn a_damaged_log_is_not_published() {
    let (home, _) = used();
    let segment = home.data().join("journal/00000000000000000000.jsonl");
    let mut bytes = crate::bait::bytes_of(&segment);
    let place = bytes
        .windows(10)
        .position(|window| window == b"\"digest\":\"")
        .unwrap()
        + 10;
    bytes[place] = if bytes[place] == b'0' { b'1' } else { b'0' };
    fs::write(&segment, bytes).unwrap();
    let ran = home.run(&[
        "report",
        "--publish",
        "--danger-embargo",
        "--confirm",
        "publish 2 trips as html",
    ]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("does not verify"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
}

#[test]
fn the_language_is_a_setting_and_a_flag() {
    let (home, _) = used();
    let spanish = home.ok(&[
        "--setting",
        "report.language=es",
        "report",
        "--format",
        "md",
    ]);
    assert!(spanish.contains("## Qué copia salió"), "{spanish}");
    let english = home.ok(&[
        "--setting",
        "report.language=es",
        "report",
        "--format",
        "md",
        "--language",
        "en",
    ]);
    assert!(english.contains("## Which copy got out"), "{english}");
    let ran = home.run(&["report", "--language", "tlh"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("en or es"), "{}", ran.stderr);
}
