//! Plant, check and uproot over the corpus.

use super::*;
use crate::{Condition, check, uproot};

/// Files nothing may be planted in, without further options, by the beginning of their names.
const REFUSED: &[&str] = &[
    "json/array.json",
    "json/broken.json",
    "yaml/broken.yml",
    "yaml/duplicates.yml",
    "yaml/sequence-top.yml",
    "yaml/k8s.yaml",
    "yaml/workflow.yml",
    "csv/not-logins",
    "csv/unclosed",
    "dockerfile/no-stage",
    // A time whose command is not there yet.
    "history/time-at-end",
    "markup-comment/open-fence",
    "php/no-constants",
    "toml/duplicates",
    "xml/broken",
    "xml/empty-element",
];

fn refused(full: &str) -> bool {
    REFUSED.iter().any(|start| full.starts_with(start))
}

#[test]
fn plant_then_uproot_is_the_identity() {
    let mut planted = 0;
    for (sort, name, bytes) in corpus() {
        let bench = Bench::with(name, bytes);
        let full = format!("{sort}/{name}");
        let before = std::fs::metadata(&bench.file)
            .and_then(|m| m.modified())
            .expect("time");
        match bench.plant(&plain(sort)) {
            Err(error) => {
                assert!(refused(&full), "{full}: {error}");
                assert_eq!(&bench.bytes(), bytes, "{full}");
            }
            Ok(placement) => {
                assert!(!refused(&full), "{full} was planted in");
                assert_eq!(&placement.target_kind, sort, "{full}");
                assert_ne!(&bench.bytes(), bytes, "{full}");
                assert_eq!(
                    check(&placement).expect("checked"),
                    Condition::Present,
                    "{full}"
                );
                uproot(&placement, false, NOW).unwrap_or_else(|error| panic!("{full}: {error}"));
                assert_eq!(&bench.bytes(), bytes, "{full}");
                let after = std::fs::metadata(&bench.file)
                    .and_then(|m| m.modified())
                    .expect("time");
                assert_eq!(before, after, "{full}");
                assert_eq!(
                    check(&placement).expect("checked"),
                    Condition::Missing,
                    "{full}"
                );
                planted += 1;
            }
        }
        assert_eq!(bench.files(), 1, "{full} left something behind");
    }
    assert!(planted > 330, "{planted}");
}

fn planted(name: &str, text: &str, options: &Options) -> String {
    let bench = Bench::with(name, text.as_bytes());
    let options = Options {
        role: Some("legacy".into()),
        ..options.clone()
    };
    bench
        .plant(&options)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    String::from_utf8(bench.bytes()).expect("UTF-8")
}

#[test]
fn variables_stand_beside_their_relatives_in_their_style() {
    let options = Options::default();
    assert_eq!(
        planted(".env", "export TWILIO_SID='x'\nexport A='b'\n", &options),
        "export TWILIO_SID='x'\n\
         export TWILIO_LEGACY_ACCOUNT_SID='ACnotreal7f3a91'\n\
         export TWILIO_LEGACY_AUTH_TOKEN='9e4b0c'\n\
         export TWILIO_LEGACY_URL='https://relay.example.net/v1?tenant=a&mode=b'\n\
         export A='b'\n"
    );
    assert_eq!(
        planted(".env", "A=1\r\n\r\nB=2", &options),
        "A=1\r\n\r\nB=2\r\n\r\n\
         TWILIO_LEGACY_ACCOUNT_SID=ACnotreal7f3a91\r\n\
         TWILIO_LEGACY_AUTH_TOKEN=9e4b0c\r\n\
         TWILIO_LEGACY_URL=\"https://relay.example.net/v1?tenant=a&mode=b\""
    );
}

#[test]
fn json_takes_the_layout_it_finds() {
    let options = Options::default();
    assert_eq!(
        planted(
            "a.json",
            "{\n    \"logLevel\": 1,\n    \"z\": 2\n}\n",
            &options
        ),
        "{\n    \"logLevel\": 1,\n    \"smsLegacy\": {\n        \"accountSid\": \"ACnotreal7f3a91\",\n        \
         \"authToken\": \"9e4b0c\",\n        \"baseUrl\": \"https://relay.example.net/v1?tenant=a&mode=b\"\n    },\n    \
         \"z\": 2\n}\n"
    );
    assert_eq!(
        planted("a.json", "{\"a\":1}", &options),
        "{\"sms_legacy\":{\"account_sid\":\"ACnotreal7f3a91\",\"auth_token\":\"9e4b0c\",\
         \"base_url\":\"https://relay.example.net/v1?tenant=a&mode=b\"},\"a\":1}"
    );
}

#[test]
fn yaml_takes_the_layout_it_finds() {
    let options = Options::default();
    assert_eq!(
        planted("a.yml", "a-b: 'x'\n\nc:\n    d-e: 'y'\n", &options),
        "a-b: 'x'\n\nc:\n    d-e: 'y'\n\nsms-legacy:\n    account-sid: 'ACnotreal7f3a91'\n    \
         auth-token: '9e4b0c'\n    base-url: 'https://relay.example.net/v1?tenant=a&mode=b'\n"
    );
    let keyed = Options {
        key: Some("services".into()),
        ..Options::default()
    };
    assert_eq!(
        planted(
            "a.yml",
            "services:\n  sms_main:\n    x: 1\n  other:\n    x: 2\nlast: 1\n",
            &keyed
        ),
        "services:\n  sms_main:\n    x: 1\n  sms_legacy:\n    account_sid: ACnotreal7f3a91\n    \
         auth_token: '9e4b0c'\n    base_url: https://relay.example.net/v1?tenant=a&mode=b\n  other:\n    x: 2\nlast: 1\n"
    );
    let workflow = Options {
        key: Some("env".into()),
        ..Options::default()
    };
    let text = planted(
        "ci.yml",
        "on: push\nenv:\n  RUST_LOG: info\n  B_C: x\njobs: {}\n",
        &workflow,
    );
    assert!(
        text.contains("\n  B_C: x\n  TWILIO_LEGACY_ACCOUNT_SID: ACnotreal7f3a91\n"),
        "{text}"
    );
    let compose = planted(
        "docker-compose.yml",
        "services:\n  a:\n    image: b\n",
        &options,
    );
    assert!(compose.contains("\nx-sms-legacy:\n"), "{compose}");
}

#[test]
fn ini_files_keep_the_rules_of_their_programs() {
    let text = planted(".gitconfig", "[user]\n\tname = x\n", &Options::default());
    assert!(
        text.contains("\n\taws-access-key-id = ACnotreal7f3a91\n"),
        "{text}"
    );
    let text = planted(
        "php.ini",
        "[PHP]\nengine = On\nzone = Off\npath = \".:/usr\"\n",
        &Options::default(),
    );
    assert!(
        text.contains("\naws_access_key_id = ACnotreal7f3a91\n"),
        "{text}"
    );
    assert!(
        text.ends_with("endpoint_url = \"https://relay.example.net/v1?tenant=a&mode=b\"\n"),
        "{text}"
    );
}

#[test]
fn a_new_key_may_be_named() {
    let keyed = |key: &str| Options {
        key: Some(key.into()),
        ..Options::default()
    };
    let text = planted("a.json", "{\"svc\": {\"a\": 1}}", &keyed("svc.spare"));
    assert!(
        text.starts_with("{\"svc\": {\"spare\": {\"account_sid\""),
        "{text}"
    );
    let text = planted("a.yml", "svc:\n  a: 1\n", &keyed("svc.spare"));
    assert!(
        text.starts_with("svc:\n  a: 1\n  spare:\n    account_sid"),
        "{text}"
    );
    let text = planted("a.ini", "[a]\nx=1\n", &keyed("spare"));
    assert!(
        text.contains("\n[spare]\naws_access_key_id=ACnotreal7f3a91\n"),
        "{text}"
    );
    let text = planted("a.env", "x_y=1\n", &Options::default());
    assert!(text.contains("\ntwilio_legacy_account_sid="), "{text}");
}

#[test]
fn the_aws_pair_is_one_placement() {
    for existing in [Some("[default]\nregion = eu-west-1\n"), None] {
        let bench = Bench::with("unused", b"");
        let aws = bench.directory.path().join(".aws");
        std::fs::create_dir(&aws).expect("made");
        let (credentials, config) = (aws.join("credentials"), aws.join("config"));
        let old = b"[default]\naws_access_key_id = a\naws_secret_access_key = b\n";
        std::fs::write(&credentials, old).expect("written");
        if let Some(text) = existing {
            std::fs::write(&config, text).expect("written");
        }
        let target = credentials.to_str().expect("UTF-8");
        let options = Options {
            role: Some("backup".into()),
            ..Options::default()
        };
        let plan = plan_wish(target, &wish(), &options).expect("planned");
        assert_eq!(plan.notes().len(), usize::from(existing.is_none()));
        assert_eq!(read(&credentials), old);
        let placement = plan.apply(NOW).expect("applied");
        let text = |path| String::from_utf8(read(path)).expect("UTF-8");
        assert!(text(&credentials).ends_with(
            "\n\n[backup]\naws_access_key_id = ACnotreal7f3a91\naws_secret_access_key = 9e4b0c\n"
        ));
        assert!(text(&config).contains("[profile backup]\nregion = 0123\nendpoint_url = https://"));
        assert_eq!(check(&placement).expect("checked"), Condition::Present);
        if existing.is_some() {
            std::fs::write(&config, "[default]\nregion = eu-west-1\n").expect("written");
            assert_eq!(check(&placement).expect("checked"), Condition::HalfPlanted);
        }
        uproot(&placement, false, NOW).expect("uprooted");
        assert_eq!(read(&credentials), old);
        assert_eq!(config.exists(), existing.is_some());
    }
}

#[test]
fn a_megabyte_is_no_trouble() {
    use std::fmt::Write as _;
    let (mut env, mut ini, mut yaml, mut json) = (
        String::new(),
        String::new(),
        String::new(),
        String::from("{\n"),
    );
    for at in 0..12_000 {
        let _ = writeln!(
            env,
            "SETTING_NUMBER_{at}=\"some value that is of no interest, the {at}th of them, at some length\""
        );
        let _ = writeln!(
            ini,
            "[section{at}]\nkey = some value that is of no interest at all, the {at}th of them\n"
        );
        let _ = writeln!(
            json,
            "  \"settingNumber{at}\": \"some value that is of no interest, the {at}th of them, at length\","
        );
    }
    for at in 0..3_000 {
        let _ = writeln!(
            yaml,
            "setting_number_{at}:\n  value: some value, the {at}th\n  more: [1, 2]"
        );
    }
    json.push_str("  \"last\": null\n}\n");
    for (name, text) in [
        ("a.env", env),
        ("a.ini", ini),
        ("a.yml", yaml),
        ("a.json", json),
    ] {
        let bench = Bench::with(name, text.as_bytes());
        let placement = bench.plant(&Options::default()).expect("planted");
        assert_eq!(check(&placement).expect("checked"), Condition::Present);
        uproot(&placement, false, NOW).expect("uprooted");
        assert!(bench.bytes() == text.as_bytes(), "{name}");
    }
}
