//! The rules against texts that break them, and against what planting makes.

use std::io::Write as _;
use std::sync::LazyLock;

use flate2::Compression;
use flate2::write::{DeflateEncoder, ZlibEncoder};
use lapwing_catalog::Catalog;

use super::{Auditor, Subject};

fn subject<'a>(name: &'a str, bytes: &'a [u8]) -> Subject<'a> {
    Subject {
        name,
        bytes,
        planted: &[],
        whole: true,
        modified: None,
        neighbours: &[],
    }
}

/// Rules that speak up, with their lines.
fn said(subject: &Subject<'_>) -> Vec<(usize, String)> {
    static CATALOG: LazyLock<Catalog> =
        LazyLock::new(|| Catalog::builtin().expect("built-in kinds"));
    let remarks = Auditor::new(&CATALOG).audit(subject);
    for remark in &remarks {
        assert!(
            !remark.source.is_empty() && !remark.advice.is_empty(),
            "{remark:?}"
        );
        for value in subject.planted {
            assert!(!remark.what.contains(value.as_str()), "{remark:?}");
        }
    }
    remarks
        .into_iter()
        .map(|remark| (remark.line, remark.rule))
        .collect()
}

#[test]
fn each_rule_speaks_up() {
    let check = |text: &str, expect: &[(usize, &str)]| {
        let text = format!("PORT=8080\nHOST=db1\nLOG=info\n{text}\nMODE=fast\nSIZE=12\n");
        let found = said(&subject("/srv/app/.env", text.as_bytes()));
        let found: Vec<_> = found
            .iter()
            .map(|(line, rule)| (*line, rule.as_str()))
            .collect();
        assert_eq!(found, expect, "{text}");
    };
    check("GATEWAY_KEY=q7Zr0xW2mKp9sVb4Tn6c", &[]);
    check("# made by CanaryTokens", &[(4, "vendor-word")]);
    check(
        "A=http://tracker.acme-corp.net/x/contact.php",
        &[(0, "contact-page")],
    );
    check("URL=https://api.example.com/v1", &[(4, "reserved-host")]);
    check(
        "HOST_IP=http://203.0.113.9/",
        &[(4, "address"), (4, "reserved-host")],
    );
    check("OWNER=John Doe", &[(4, "reserved-person")]);
    check("ALERT_BAIT_KEY=1", &[(4, "telling-name")]);
    check("KEY=xyzEXAMPLEq7Zr0xW2mKp9s", &[(4, "sample-word")]);
    check("KEY=ab1ab1ab1ab1ab1ab1ab1ab1", &[(4, "entropy-hex")]);
    check(
        "KEY=q7Zr0xW2mKp9sVb4Tn6cYhkkkkkkkkkk3dJ8fLgA",
        &[(4, "run")],
    );
    check(
        "U=https://files.acme-corp.net/q7zr0xw2mkp9svb4tn6cyh3dj",
        &[(4, "segment")],
    );
}

#[test]
fn a_wrong_checksum_and_an_impossible_account_are_told() {
    let key = format!("TOKEN=ghp_{}000000", "q7Zr0xW2mKp9sVb4Tn6cYh3dJ8fLgA");
    let found = said(&subject(
        "/srv/.env",
        format!("A=1\nB=2\n{key}\n").as_bytes(),
    ));
    assert!(found.contains(&(3, "checksum".to_owned())), "{found:?}");
}

#[test]
fn dates_and_times_are_held_against_the_format_and_the_neighbours() {
    let key = format!("T=ghp_{}", "q7Zr0xW2mKp9sVb4Tn6cYh3dJ8fLgA1b2c3d");
    let text = format!("A=1\n# since 2019-03-02\n{key}\n");
    let found = said(&subject("/srv/.env", text.as_bytes()));
    assert!(
        found.contains(&(3, "older-than-format".to_owned())),
        "{found:?}"
    );
    let text = format!("A=1\n# since 2022-03-02\n{key}\n");
    let found = said(&subject("/srv/.env", text.as_bytes()));
    assert!(
        !found.iter().any(|(_, rule)| rule == "older-than-format"),
        "{found:?}"
    );
    let year = 365 * 86_400;
    let with = |modified, neighbours: &[i64]| {
        said(&Subject {
            modified: Some(modified),
            neighbours,
            ..subject("/srv/a.txt", b"a\nb\n")
        })
    };
    let times = [(0, "times".to_owned())];
    assert_eq!(with(50 * year, &[48 * year, 49 * year]), times);
    assert_eq!(with(50 * year, &[50 * year; 3]), times);
    assert_eq!(with(50 * year, &[49 * year, 50 * year, 51 * year]), []);
}

#[test]
fn a_planted_line_is_held_against_the_lines_around_it() {
    let planted = ["q7Zr0xW2mKp9sVb4Tn6c".to_owned()];
    let with = |text: &str| {
        said(&Subject {
            planted: &planted,
            whole: false,
            ..subject("/srv/app/.env", text.as_bytes())
        })
    };
    let quoted = "A='1'\nB='2'\nC='example.com'\nD='4'\n";
    assert_eq!(with(&format!("{quoted}KEY='{}'\n", planted[0])), []);
    assert_eq!(
        with(&format!("{quoted}KEY={}\n", planted[0])),
        [(5, "neighbours".to_owned())]
    );
    assert_eq!(
        with(&format!("# a comment\nKEY={}\n", planted[0])),
        [(0, "alone".to_owned())]
    );
}

/// A file may stand on one line: settings are counted, not lines, and like is held against like.
#[test]
fn settings_are_held_against_settings_of_their_sort() {
    let planted = ["q7Zr0xW2mKp9sVb4Tn6c".to_owned()];
    let with = |name: &str, text: &str| {
        let text = text.replace('%', &planted[0]);
        said(&Subject {
            planted: &planted,
            whole: false,
            ..subject(name, text.as_bytes())
        })
    };
    let alone = [(0, "alone".to_owned())];
    assert_eq!(with("/srv/a.json", "{\"sms\":{\"key\":\"%\"}}\n"), alone);
    assert_eq!(with("/srv/a.json", "{\"a\":1,\"key\":\"%\"}"), []);
    assert_eq!(with("/srv/a.yml", "{a: 1, sms: {key: '%'}}\n"), []);
    assert_eq!(with("/srv/a.yml", "{a: it's, sms: {key: '%'}}\n"), []);
    assert_eq!(with("/srv/.env", "KEY=%,a\n"), alone);
    let unit = "[Service]\nUser=a\nGroup=a\nType=a\nExecStart=/bin/a\n";
    let ours = "Environment=\"KEY=%\"\n";
    assert_eq!(with("/srv/a.service", &format!("{unit}{ours}")), []);
    let bare = "Environment=A=1\nEnvironment=B=2\nEnvironment=C=3\nEnvironment=D=4\n";
    assert_eq!(
        with("/srv/a.service", &format!("{unit}{bare}{ours}")),
        [(10, "neighbours".to_owned())]
    );
    let texts = "A = 'a'\nB = 'b'\nC = 'c'\nD = 'd'\ne = 1\n";
    assert_eq!(
        with("/srv/a.py", &format!("{texts}KEY = \"%\"\n")),
        [(6, "neighbours".to_owned())]
    );
}

#[test]
fn documents_are_looked_into() {
    let text = br#"<Relationship Target="http://docs.acme-corp.net/a.png" TargetMode="External"/>"#;
    let mut packed = DeflateEncoder::new(Vec::new(), Compression::default());
    packed.write_all(text).expect("written");
    let found = said(&subject(
        "/srv/a.docx",
        &zip("word/_rels/a.rels", &packed.finish().expect("packed")),
    ));
    let rules: Vec<&str> = found.iter().map(|(_, rule)| rule.as_str()).collect();
    assert_eq!(rules, ["external", "remote"]);
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    packed
        .write_all(b"/URI (http://docs.acme-corp.net/a)")
        .expect("written");
    let mut pdf = b"%PDF-1.7\n1 0 obj <<>> stream\n".to_vec();
    pdf.extend(packed.finish().expect("packed"));
    pdf.extend(b"\nendstream endobj\n");
    assert_eq!(
        said(&subject("/srv/a.pdf", &pdf)),
        [(0, "remote".to_owned())]
    );
}

/// A ZIP of one member, deflated.
fn zip(name: &str, packed: &[u8]) -> Vec<u8> {
    let short = |number: usize| u16::try_from(number).expect("short").to_le_bytes();
    let long = |number: usize| u32::try_from(number).expect("long").to_le_bytes();
    let mut out = b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0".to_vec();
    out.extend(long(packed.len()));
    out.extend(long(0));
    out.extend(short(name.len()));
    out.extend(short(0));
    out.extend(name.as_bytes());
    out.extend(packed);
    out.extend(b"PK\x01\x02\x14\0\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0");
    out.extend(long(packed.len()));
    out.extend(long(0));
    out.extend(short(name.len()));
    out.extend([0; 16]);
    out.extend(name.as_bytes());
    out
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]
    #[test]
    fn any_bytes_are_looked_at(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..3000), head in 0usize..3) {
        let heads: [&[u8]; 3] = [b"", b"PK\x03\x04PK\x01\x02", b"%PDF-stream\n"];
        let bytes = [heads[head], &bytes].concat();
        said(&subject("/srv/x", &bytes));
    }
}
