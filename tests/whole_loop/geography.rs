//! Geography: embedded data for any address, files of one's own, and errors that say what is wrong.

use std::fs;
use std::path::PathBuf;

use ipnet::IpNet;
use lapwing_tests::{Home, exchange, trips};
use mmdb_writer::{IpVersion, Writer};
use serde_json::Value;

use crate::bait::{home_with, host};

#[test]
fn public_addresses_have_a_country_and_a_network() {
    let home = Home::new();
    for (address, asn, name) in [
        ("8.8.8.8", 15169, "Google"),
        ("2001:4860:4860::8888", 15169, "Google"),
        ("1.1.1.1", 13335, "Cloudflare"),
        ("9.9.9.9", 19281, "Quad9"),
    ] {
        let facts = home.json(&["geo", address]);
        assert_eq!(facts["asn"], asn, "{address}: {facts}");
        assert!(
            facts["as_name"].as_str().unwrap().contains(name),
            "{address}: {facts}"
        );
        assert_eq!(
            facts["country"].as_str().unwrap().len(),
            2,
            "{address}: {facts}"
        );
        let sources = facts["sources"].as_array().unwrap();
        let dated = |source: &Value| source.as_str().unwrap().contains(" 20");
        assert!(
            sources.len() >= 2 && sources.iter().all(dated),
            "{address}: {facts}"
        );
        let shown = home.ok(&["geo", address]);
        assert!(shown.contains(name) && shown.contains("source"), "{shown}");
    }
    let resolver = home.ok(&["geo", "8.8.8.8"]);
    assert!(
        resolver.contains("listed as resolver (a public resolver)"),
        "{resolver}"
    );
    for (address, word) in [
        ("127.0.0.1", "loopback"),
        ("10.1.2.3", "private"),
        ("198.51.100.7", "documentation"),
        ("2001:db8::1", "documentation"),
        ("::1", "loopback"),
        ("::ffff:192.168.0.1", "private"),
    ] {
        let facts = home.json(&["geo", address]);
        assert_eq!(facts["special"], word, "{address}: {facts}");
        assert_eq!(
            (&facts["country"], &facts["asn"]),
            (&Value::Null, &Value::Null),
            "{address}"
        );
    }
}

#[test]
fn sources_come_with_licence_and_date() {
    let home = Home::new();
    let sources = home.json(&["geo"]);
    for source in sources.as_array().unwrap() {
        assert_eq!(source["licence"], "CC BY 4.0", "{source}");
        assert!(
            source["date"].as_str().unwrap().starts_with("20"),
            "{source}"
        );
        assert!(
            source["attribution"].as_str().unwrap().contains("DB-IP"),
            "{source}"
        );
    }
    assert_eq!(sources.as_array().unwrap().len(), 2);
    let table = home.ok(&["geo"]);
    assert!(
        table.contains("embedded") && table.contains("CC BY 4.0"),
        "{table}"
    );
}

/// A database in the flat layout of ip-location-db: the country code stands at the top.
fn flat(home: &Home, name: &str, key: &str) -> PathBuf {
    let mut writer = Writer::builder("ipv4-country")
        .ip_version(IpVersion::V4)
        .build();
    let network: IpNet = "8.8.4.0/24".parse().unwrap();
    writer
        .insert(network, &serde_json::json!({ key: "NL" }))
        .unwrap();
    let path = home.path().join(name);
    fs::write(&path, writer.to_bytes().unwrap()).unwrap();
    path
}

#[test]
fn a_file_of_ones_own_is_asked_first_or_refused_loudly() {
    let home = Home::new();
    let geo = |file: &str, address: &str| home.run(&["geo", address, "--geo-db", file, "--json"]);
    let good = flat(&home, "country.mmdb", "country_code");
    let ran = geo(good.to_str().unwrap(), "8.8.4.4");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let facts: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&facts["country"], &facts["asn"]),
        (&"NL".into(), &15169.into()),
        "{facts}"
    );
    let ran = geo(good.to_str().unwrap(), "8.8.8.8");
    let facts: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        facts["asn"], 15169,
        "what it does not know, the embedded data does: {facts}"
    );
    let sources = home.ok(&["geo", "--geo-db", good.to_str().unwrap()]);
    assert!(sources.contains("country.mmdb"), "{sources}");
    // A layout that nobody reads must not be taken for data that says nothing.
    let strange = flat(&home, "strange.mmdb", "colour");
    let ran = geo(strange.to_str().unwrap(), "8.8.8.8");
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    assert!(ran.stderr.contains("strange.mmdb"), "{}", ran.stderr);
    fs::write(home.path().join("junk.mmdb"), "no database").unwrap();
    for file in ["junk.mmdb", "none.mmdb"] {
        let ran = geo(file, "8.8.8.8");
        assert_eq!(ran.code, 1, "{file}");
        assert!(ran.stderr.contains(file), "{file}: {}", ran.stderr);
        let ran = home.run(&["listen", "--http", "127.0.0.1:0", "--geo-db", file]);
        assert_eq!(
            ran.code, 1,
            "a station does not start without the data it is to use"
        );
    }
}

#[test]
fn addresses_said_by_a_configured_proxy_are_placed_and_others_are_not_believed() {
    let settings = "[geo]\nexercise = [\"198.51.100.0/24 NL 64500 Example Hosting\"]\n";
    let home = home_with(settings);
    let canary = home.mint("twilio", &[]);
    let request = format!(
        "GET /2010-04-01/Accounts/{}.json HTTP/1.1\r\nHost: {}\r\nX-Forwarded-For: 203.0.113.9\r\n\
         Connection: close\r\n\r\n",
        canary.field("account_sid"),
        host(&canary)
    );
    let said = format!("PROXY TCP4 198.51.100.23 127.0.0.1 40312 80\r\n{request}");
    let station = home.listen(&["--proxy", "127.0.0.1/32"]);
    assert!(exchange(station.address(), said.as_bytes()).status > 0);
    let proxied = trips(&home, 1).remove(0);
    station.stop();
    let network = &proxied["conclusion"]["network"];
    assert_eq!(
        (&network["country"], &network["asn"]),
        (&"NL".into(), &64500.into()),
        "{proxied}"
    );
    assert_eq!(network["exercise"], true, "made up, and marked so");
    let observed = &proxied["trip"]["observed"];
    assert_eq!(observed["forwarded"], "198.51.100.23:40312");
    assert!(
        observed["peer"].as_str().unwrap().starts_with("127.0.0.1:"),
        "both are kept"
    );

    let station = home.listen(&[]);
    exchange(station.address(), request.as_bytes());
    let direct = trips(&home, 2).remove(0);
    assert_eq!(direct["trip"]["observed"]["forwarded"], Value::Null);
    assert_eq!(
        direct["conclusion"]["network"]["special"], "loopback",
        "a header is only a claim"
    );
    exchange(station.address(), said.as_bytes());
    station.stop();
    for trip in trips(&home, 2) {
        let forwarded = &trip["trip"]["observed"]["forwarded"];
        assert!(*forwarded == Value::Null || trip == proxied, "{trip}");
    }
}
