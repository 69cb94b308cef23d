//! `geo update`: fetched, unpacked, judged, in place at once; what fails changes nothing; the old one comes back.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use lapwing_core::bounded;
use lapwing_tests::{Home, Ran, finish};
use serde_json::{Value, json};

use crate::publisher::{File, Publisher, berlin, mmdb, tar_gz, xz};

/// 2026-11-01, in days since 1970.
const DAY: u64 = 20_758;
const KEY: &str = "4711:s3cret-key";

/// A home with one source at a publisher.
fn home_with(publisher: &Publisher, more: &str) -> Home {
    let home = Home::new();
    let roots = home.path().join("roots.pem");
    let mut roots_line = String::new();
    if let Some(pem) = &publisher.certificate {
        fs::write(&roots, pem).unwrap();
        roots_line = format!("roots = {:?}\n", roots.display().to_string());
    }
    fs::write(home.path().join("key"), "s3cret-key\n").unwrap();
    home.settings(&format!(
        "[[geo.sources]]\nname = \"city\"\nkind = \"mmdb\"\n{roots_line}{more}\n"
    ));
    home
}

fn filled(networks: u32) -> Vec<(String, Value)> {
    let mut records = vec![(
        "193.0.6.0/23".to_owned(),
        json!({"country": {"iso_code": "NL"}}),
    )];
    records.extend(
        (0..networks).map(|at| (format!("193.{}.{}.0/25", 32 + at / 250, at % 250), berlin())),
    );
    records
}

fn database(day: u64, networks: u32) -> Vec<u8> {
    let records = filled(networks);
    let records: Vec<_> = records
        .iter()
        .map(|(network, record)| (network.as_str(), record.clone()))
        .collect();
    mmdb(day, &records)
}

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn refused(home: &Home, args: &[&str], said: &str) -> Ran {
    let before = files(home);
    let ran = home.run(&[&["geo", "update"], args].concat());
    assert_eq!(ran.code, 1, "{} {}", ran.stdout, ran.stderr);
    assert!(
        ran.stderr.contains(said),
        "{said:?} is not in: {}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("s3cret-key"), "{}", ran.stderr);
    assert_eq!(files(home), before, "nothing changes, nothing is left");
    ran
}

/// What is in the directory of geography, with its content.
fn files(home: &Home) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(home.data().join("geo")) else {
        return Vec::new();
    };
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let bytes = bounded::read_file(&entry.path(), 1 << 30).unwrap();
            (entry.file_name().into_string().unwrap(), bytes)
        })
        .collect();
    files.sort();
    files
}

#[test]
fn a_source_is_fetched_judged_used_and_brought_back() {
    let publisher = Publisher::secure();
    let url = publisher.url("/download?suffix=tar.gz");
    let key = "user = \"4711\"\nkey_file = \"key\"\nexpect = [\"193.0.6.139=NL\"]";
    let home = home_with(&publisher, &format!("url = {url:?}\n{key}"));
    assert!(home.run(&["geo"]).stderr.contains("not fetched yet: city"));
    assert!(publisher.asked().is_empty(), "nothing is fetched unasked");
    refused(&home, &[], "there is no such file");
    let packed = tar_gz(home.path(), "GeoLite2-City.mmdb", &database(DAY, 40));
    let mut file = File::of(packed.clone());
    file.login = Some("4711:other");
    publisher.publish("/download", file.clone());
    refused(&home, &[], "wants `user` and `key_file`");
    file.login = Some(KEY);
    file.headers = vec![("etag", "\"one\"".to_owned())];
    publisher.publish("/download", file.clone());
    let done = home.json(&["geo", "update", "city"]);
    assert_eq!(done[0]["new"], true, "{done}");
    assert_eq!(done[0]["date"], "2026-11-01");
    // The sum, by a program of others.
    fs::write(home.path().join("packed"), &packed).unwrap();
    let summed = finish(Command::new("sha256sum").arg(home.path().join("packed")));
    assert_eq!(
        done[0]["sha256"].as_str().unwrap(),
        summed.stdout.split(' ').next().unwrap()
    );
    let path = home.data().join("geo/city.mmdb");
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    let facts = home.json(&["geo", "193.32.3.1"]);
    assert_eq!(
        (&facts["city"], &facts["radius_km"]),
        (&json!("Berlin"), &json!(200)),
        "{facts}"
    );
    assert!(home.ok(&["geo"]).contains("GeoLite2-City (city.mmdb)"));
    assert!(home.ok(&["geo"]).contains("GeoLite EULA"));
    // The same again: not even fetched.
    let again = home.json(&["geo", "update"]);
    assert_eq!(again[0]["new"], false, "{again}");
    assert!(
        publisher
            .asked()
            .last()
            .unwrap()
            .to_lowercase()
            .contains("if-none-match: \"one\"")
    );
    // A newer one, and back.
    let newer = tar_gz(home.path(), "GeoLite2-City.mmdb", &database(DAY + 7, 50));
    file.body = newer;
    file.headers = vec![("etag", "\"two\"".to_owned())];
    publisher.publish("/download", file);
    let shown = home.ok(&["geo", "update"]);
    assert!(
        shown.contains("of 2026-11-08, before 2026-11-01"),
        "{shown}"
    );
    assert_eq!(home.json(&["geo"])[2]["date"], "2026-11-08");
    let shown = home.ok(&["geo", "restore", "city"]);
    assert!(shown.contains("of 2026-11-01 again"), "{shown}");
    assert_eq!(home.json(&["geo"])[2]["date"], "2026-11-01");
    // All that was asked is on the list, without what it was asked by.
    let listed = home.json(&["network"]);
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), publisher.asked().len());
    assert!(
        listed
            .iter()
            .all(|it| it["purpose"] == "geo update city"
                && !it["to"].as_str().unwrap().contains('?'))
    );
    assert_eq!(mode(&home.data().join("outward.jsonl")), 0o600);
}

#[test]
fn what_is_not_what_it_should_be_changes_nothing() {
    let publisher = Publisher::plain();
    let home = home_with(&publisher, &format!("url = {:?}", publisher.url("/x.mmdb")));
    let publish = |bytes: Vec<u8>| publisher.publish("/x.mmdb", File::of(bytes));
    publish(database(DAY, 3000));
    home.ok(&["geo", "update"]);
    publish(b"<html>come back later</html>".to_vec());
    refused(&home, &[], "not a usable MaxMind DB");
    let whole = database(DAY + 1, 3000);
    publish(whole[..whole.len() / 2].to_vec());
    refused(&home, &[], "refused");
    publish(database(DAY - 1, 3000));
    refused(
        &home,
        &[],
        "is of 2026-10-31, and the one in use of 2026-11-01",
    );
    publish(database(DAY + 1, 20));
    refused(&home, &[], "it may be cut; --force");
    let lie = json!({"country": {"iso_code": "KP"}});
    publish(mmdb(
        DAY + 1,
        &[("128.0.0.0/2", lie.clone()), ("192.0.0.0/3", lie)],
    ));
    refused(&home, &["--force"], "whose place everybody knows");
    // Forced, a smaller one is taken all the same.
    publish(xz(&database(DAY + 1, 20)));
    home.ok(&["geo", "update", "--force"]);
    assert_eq!(home.json(&["geo"])[2]["date"], "2026-11-02");
}

#[test]
fn a_sum_or_a_word_that_is_not_so_changes_nothing() {
    let publisher = Publisher::plain();
    let (url, sum) = (publisher.url("/x.mmdb"), publisher.url("/x.sha256"));
    let home = home_with(&publisher, &format!("url = {url:?}\nsha256_url = {sum:?}"));
    let bytes = database(DAY, 10);
    publisher.publish("/x.mmdb", File::of(bytes.clone()));
    publisher.publish("/x.sha256", File::of("<html>"));
    refused(&home, &[], "does not begin with a SHA-256");
    publisher.publish(
        "/x.sha256",
        File::of(format!("{}  x.mmdb\n", "0".repeat(64))),
    );
    refused(&home, &[], "is said of it");
    fs::write(home.path().join("x.mmdb"), &bytes).unwrap();
    let mut summing = Command::new("sha256sum");
    let summed = finish(summing.arg("x.mmdb").current_dir(home.path()));
    publisher.publish("/x.sha256", File::of(summed.stdout));
    home.ok(&["geo", "update"]);
    let expecting = home_with(
        &publisher,
        &format!("url = {url:?}\nexpect = [\"193.0.6.139=DE\"]"),
    );
    refused(
        &expecting,
        &[],
        "of 193.0.6.139 it says NL, and DE is expected",
    );
    let other = home_with(&publisher, &format!("url = {url:?}"));
    other.settings(&format!(
        "[[geo.sources]]\nname = \"x\"\nkind = \"location\"\nurl = {url:?}\n"
    ));
    refused(&other, &[], "the source's kind is Location");
}

#[test]
fn only_what_is_named_is_fetched_and_only_safely() {
    let publisher = Publisher::plain();
    let away = Publisher::secure();
    publisher.publish("/x.mmdb", File::of(database(DAY, 10)));
    for (more, said) in [
        (
            "url = \"http://publisher.example/x\"".to_owned(),
            "only https:// is fetched from",
        ),
        (
            "url = \"https://10.0.0.1/x\"".to_owned(),
            "no public address",
        ),
        (
            "url = \"https://user:word@127.0.0.1/x\"".to_owned(),
            "use `user` and `key_file`",
        ),
        (
            format!("url = {:?}", publisher.url("/x?license_key=abc")),
            "the URL holds a key",
        ),
        (
            format!("url = {:?}\nuser = \"4711\"", publisher.url("/x")),
            "go together",
        ),
        ("url = \"\"".to_owned(), "set either `url` or `file`"),
        // A certificate that nobody the operator named vouches for.
        (
            format!("url = {:?}", away.url("/x")),
            "could not be fetched from",
        ),
    ] {
        let home = Home::new();
        home.settings(&format!("[[geo.sources]]\nname = \"city\"\n{more}\n"));
        refused(&home, &[], said);
    }
    assert!(publisher.asked().is_empty() && away.asked().is_empty());
    // A redirect is under the same rules, and on the list.
    let mut moved = File::of("");
    moved.moved = Some("http://publisher.example/x".to_owned());
    publisher.publish("/away", moved.clone());
    moved.moved = Some(publisher.url("/x.mmdb"));
    publisher.publish("/here", moved);
    let home = home_with(&publisher, &format!("url = {:?}", publisher.url("/away")));
    refused(&home, &[], "only https:// is fetched from");
    let home = home_with(&publisher, &format!("url = {:?}", publisher.url("/here")));
    home.ok(&["geo", "update"]);
    assert_eq!(home.json(&["network"]).as_array().unwrap().len(), 2);
    let none = Home::new();
    let ran = none.run(&["geo", "update"]);
    assert!(
        ran.code == 1 && ran.stderr.contains("nothing is fetched"),
        "{}",
        ran.stderr
    );
    let ran = home.run(&["geo", "update", "other"]);
    assert!(
        ran.code == 1 && ran.stderr.contains("it has city"),
        "{}",
        ran.stderr
    );
}

#[test]
fn one_of_several_that_fails_holds_up_nobody() {
    let publisher = Publisher::plain();
    publisher.publish("/x.mmdb", File::of(database(DAY, 10)));
    let home = Home::new();
    fs::write(
        home.path().join("local.mmdb"),
        mmdb(DAY, &[("193.0.7.0/24", berlin())]),
    )
    .unwrap();
    let (good, bad) = (publisher.url("/x.mmdb"), publisher.url("/none"));
    home.settings(&format!(
        "[[geo.sources]]\nname = \"bad\"\nurl = {bad:?}\n[[geo.sources]]\nname = \"good\"\nurl = {good:?}\n\
         [[geo.sources]]\nname = \"local\"\nfile = \"local.mmdb\"\n"
    ));
    let ran = home.run(&["geo", "update"]);
    assert_eq!(ran.code, 8, "{}", ran.stderr);
    assert!(
        ran.stdout.contains("good: of") && ran.stdout.contains("local: of"),
        "{}",
        ran.stdout
    );
    assert!(ran.stderr.contains("bad: not updated"), "{}", ran.stderr);
    // The first that knows wins, and what the others say is not lost.
    let facts = home.json(&["geo", "193.0.7.1"]);
    assert_eq!(
        (&facts["country"], &facts["city"]),
        (&json!("NL"), &Value::Null),
        "{facts}"
    );
    assert_eq!(
        (&facts["agreement"]["agree"], &facts["agreement"]["of"]),
        (&json!(2), &json!(3)),
        "{facts}"
    );
    assert_eq!(facts["agreement"]["others"][0]["country"], "DE");
    let shown = home.ok(&["geo", "193.0.7.1"]);
    assert!(
        shown.contains("2 of 3 sources agree; others say DE (confidence moderate)"),
        "{shown}"
    );
    let made = home.json(&["geo", "check", "--addresses", "300"]);
    assert_eq!(made["addresses"], 300, "{made}");
    assert_eq!(made["sources"].as_array().unwrap().len(), 3);
    assert_eq!(made["pairs"].as_array().unwrap().len(), 3);
    let newer = &made["ipv6"];
    assert_eq!(newer["addresses"], 300, "{newer}");
    let networks = newer["drawn_by"]["networks"].as_u64().unwrap();
    assert!(networks > 10_000, "{newer}");
    assert!(
        !newer["drawn_by"]["databases"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    let shown = home.ok(&["geo", "check", "--addresses", "100", "--seed", "5"]);
    assert!(shown.contains("all that name a country agree"), "{shown}");
    assert!(
        shown.contains("IPv4: 100 addresses") && shown.contains("IPv6: 100 addresses"),
        "{shown}"
    );
}
