//! Plant, check and uproot over the corpus.

use lapwing_catalog::Catalog;

use super::*;
use crate::{Auditor, Condition, Subject, check, uproot};

/// Files nothing may be planted in, without further options, by the beginning of their names.
const REFUSED: &[&str] = &[
    "json/array.json",
    "json/broken.json",
    "yaml/broken.yml",
    "yaml/duplicates.yml",
    "yaml/sequence-top.yml",
    "yaml/k8s.yaml",
    "yaml/workflow.yml",
    "kubeconfig/broken",
    "kubeconfig/duplicate-lists",
    "kubeconfig/empty-lists",
    "kubeconfig/no-users",
    "kubeconfig/null-lists",
    "csv/not-logins",
    "csv/unclosed",
    "dockerfile/no-stage",
    // A time whose command is not there yet.
    "history/time-at-end",
    "markup-comment/open-fence",
    "php/no-constants",
    "systemd/empty",
    "systemd/no-service",
    "terraform/open-brace",
    "terraform/open-heredoc",
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
    let variables = Options {
        key: Some("services.a.environment".into()),
        ..Options::default()
    };
    for (before, line) in [
        (
            "services:\n  a:\n    environment:\n      - A_B=c\n",
            "\n      - ",
        ),
        (
            "services:\n  a:\n    environment:\n    - \"A_B=c\"\n    image: b",
            "\n    - \"",
        ),
    ] {
        let compose = planted("compose.yml", before, &variables);
        let ours = format!("{line}TWILIO_LEGACY_ACCOUNT_SID=ACnotreal7f3a91");
        assert!(compose.contains(&ours), "{compose}");
    }
    let compose = planted(
        "docker-compose.yml",
        "services:\n  a:\n    image: b\n",
        &options,
    );
    assert!(compose.contains("\nx-sms-legacy:\n"), "{compose}");
}

#[test]
fn a_kubeconfig_takes_three_entries_that_refer_to_one_another() {
    let text = |name: &str| String::from_utf8(find("kubeconfig", name)).expect("UTF-8");
    let (before, options) = (text("kubectl"), Options::default());
    let after = planted("config", &before, &plain("kubeconfig"));
    // Each in the order of names that its list has.
    let expect = before
        .replace(
            "clusters:\n",
            "clusters:\n- cluster:\n    server: https://relay.example.net:6443\n  name: edge-legacy\n",
        )
        .replace(
            "current-context:",
            "- context:\n    cluster: edge-legacy\n    namespace: jobs\n    user: deployer-legacy\n  \
             name: deployer-legacy@edge-legacy\ncurrent-context:",
        )
        + "- name: deployer-legacy\n  user:\n    token: '9e4b0c'\n";
    assert_eq!(after, expect);
    let by_hand = planted("kubeconfig.yml", &text("by-hand"), &options);
    assert!(
        by_hand.contains(
            "\n  - name: edge-legacy\n    cluster:\n      server: https://relay.example.net:6443\n"
        ),
        "{by_hand}"
    );
}

fn find(sort: &str, name: &str) -> Vec<u8> {
    let file = corpus()
        .iter()
        .find(|file| file.0 == sort && file.1 == name);
    file.expect("in the corpus").2.clone()
}

/// What an older version recorded has one run a file, without a list of further ones.
#[test]
fn an_older_record_is_still_understood() {
    let bench = Bench::with(".env", b"A=1\n");
    let mut placement = bench.plant(&Options::default()).expect("planted");
    let file = placement.detail["files"][0]
        .as_object_mut()
        .expect("a file");
    let keys = |file: &serde_json::Map<String, serde_json::Value>| {
        let mut keys: Vec<String> = file.keys().cloned().collect();
        keys.sort();
        keys
    };
    assert_eq!(
        keys(file),
        [
            "after", "before", "created", "mode", "modified", "offset", "ours", "path", "text"
        ]
    );
    file.remove("created");
    file.remove("mode");
    file.remove("modified");
    assert_eq!(check(&placement).expect("checked"), Condition::Present);
    uproot(&placement, false, NOW).expect("uprooted");
    assert_eq!(bench.bytes(), b"A=1\n");
}

/// One of three runs may be gone, or altered.
#[test]
fn runs_are_looked_for_one_by_one() {
    let before = find("kubeconfig", "kubectl");
    let bench = Bench::with("config", &before);
    let placement = bench.plant(&plain("kubeconfig")).expect("planted");
    let after = bench.bytes();
    let runs = placement.detail["files"][0]["more"]
        .as_array()
        .expect("runs");
    let cut = runs[0]["text"].as_str().expect("text");
    let text = String::from_utf8(after).expect("UTF-8");
    std::fs::write(&bench.file, text.replace(cut, "")).expect("written");
    assert_eq!(check(&placement).expect("checked"), Condition::HalfPlanted);
    std::fs::write(&bench.file, text.replace("'9e4b0c'", "other")).expect("written");
    assert_eq!(check(&placement).expect("checked"), Condition::Changed);
    assert!(uproot(&placement, false, NOW).is_err());
    uproot(&placement, true, NOW).expect("forced");
    assert_eq!(bench.bytes(), before);
    // kubectl writes the whole file anew, in its own order.
    let value: yaml_serde::Value = yaml_serde::from_str(&text).expect("YAML");
    std::fs::write(&bench.file, yaml_serde::to_string(&value).expect("YAML")).expect("written");
    assert_eq!(check(&placement).expect("checked"), Condition::Moved);
    uproot(&placement, false, NOW).expect("uprooted");
    let read = |bytes: &[u8]| yaml_serde::from_slice::<yaml_serde::Value>(bytes).expect("YAML");
    assert_eq!(read(&bench.bytes()), read(&before));
}

#[test]
fn a_mapping_that_is_missing_comes_with_the_entry() {
    for (name, text, expect) in [
        (
            ".docker/config.json",
            "{\n\t\"credsStore\": \"pass\"\n}\n",
            "{\n\t\"auths\": {\n\t\t\"relay.example.net\": {\n\t\t\t\"auth\": \"QUNub3RyZWFsN2YzYTkxOjllNGIwYw==\"\n\t\t}\n\t},\n\t\"credsStore\": \"pass\"\n}\n",
        ),
        (
            ".docker/config.json",
            "{}",
            "{\n  \"auths\": {\n    \"relay.example.net\": {\n      \"auth\": \"QUNub3RyZWFsN2YzYTkxOjllNGIwYw==\"\n    }\n  }\n}",
        ),
        (
            ".mc/config.json",
            "{\"version\": \"10\"}",
            "{\"aliases\": {\"sms-legacy\": {\"url\": \"https://relay.example.net/v1?tenant=a&mode=b\", \"accessKey\": \"ACnotreal7f3a91\", \"secretKey\": \"9e4b0c\", \"api\": \"S3v4\", \"path\": \"auto\"}}, \"version\": \"10\"}",
        ),
        (
            ".gem/credentials",
            "---\n:rubygems_api_key: x\n",
            "---\n:rubygems_api_key: x\nhttps://relay.example.net/v1?tenant=a&mode=b: '9e4b0c'\n",
        ),
        (
            ".gitlab-ci.yml",
            "stages:\n  - test\n",
            "stages:\n  - test\nvariables:\n  TWILIO_LEGACY_ACCOUNT_SID: ACnotreal7f3a91\n  TWILIO_LEGACY_AUTH_TOKEN: '9e4b0c'\n  TWILIO_LEGACY_URL: https://relay.example.net/v1?tenant=a&mode=b\n",
        ),
        (
            "workflows/ci.yml",
            "on: push\njobs: {}\n",
            "on: push\njobs: {}\nenv:\n  TWILIO_LEGACY_ACCOUNT_SID: ACnotreal7f3a91\n  TWILIO_LEGACY_AUTH_TOKEN: '9e4b0c'\n  TWILIO_LEGACY_URL: https://relay.example.net/v1?tenant=a&mode=b\n",
        ),
    ] {
        assert_eq!(planted(name, text, &Options::default()), expect, "{name}");
    }
    // Once the owner has something in it, only our entry leaves.
    for (name, before, old, new, left) in [
        (
            ".docker/config.json",
            "{\n  \"a\": 1\n}\n",
            "  \"auths\": {\n",
            "  \"auths\": {\n    \"b.example\": {},\n",
            "{\n  \"auths\": {\n    \"b.example\": {}\n  },\n  \"a\": 1\n}\n",
        ),
        (
            ".gitlab-ci.yml",
            "stages:\n  - test\n",
            "variables:\n",
            "variables:\n  B: c\n",
            "stages:\n  - test\nvariables:\n  B: c\n",
        ),
    ] {
        let bench = Bench::with(name, before.as_bytes());
        let placement = bench.plant(&Options::default()).expect("planted");
        let text = String::from_utf8(bench.bytes()).expect("UTF-8");
        let now = text.replace(old, new);
        assert_ne!(now, text);
        std::fs::write(&bench.file, now).expect("written");
        assert_eq!(
            check(&placement).expect("checked"),
            Condition::Moved,
            "{name}"
        );
        uproot(&placement, false, NOW).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(
            String::from_utf8(bench.bytes()).expect("UTF-8"),
            left,
            "{name}"
        );
    }
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

/// Where only single values may stand, variables stand, whatever their neighbours look like.
#[test]
fn variables_are_single_values_where_programs_take_no_others() {
    for (name, key, text) in [
        (
            "workflows/ci.yml",
            None,
            "on: push\nenv:\n  npm_config_cache: /x\n  NODE_ENV: ci\njobs:\n  a:\n    runs-on: x\n",
        ),
        (
            ".gitlab-ci.yml",
            None,
            "variables:\n  DEPLOY_ENV:\n    value: staging\n  FOO_BAR: '1'\n",
        ),
        (
            "docker-compose.yml",
            Some("services.a.environment"),
            "services:\n  a:\n    image: b\n    environment:\n      discovery.type: single-node\n      ES_OPTS: x\n",
        ),
        (
            "docker-compose.yml",
            Some("services.a.environment"),
            "services:\n  a:\n    image: b\n    environment: {}\n",
        ),
        (
            "secret.yml",
            Some("stringData"),
            "apiVersion: v1\nkind: Secret\nstringData:\n  db-password: x\n",
        ),
    ] {
        let options = Options {
            key: key.map(str::to_owned),
            ..plain("yaml")
        };
        let text = planted(name, text, &options);
        assert!(text.contains("TWILIO_LEGACY_ACCOUNT_SID: "), "{text}");
        assert!(!text.contains("sms_"), "{text}");
    }
}

#[test]
fn files_that_take_no_unknown_keys_are_known() {
    for text in [
        "name: shop\nservices:\n  q:\n    image: redis\n",
        "x-logging: {}\nservices:\n  q:\n    image: redis\n",
    ] {
        for name in ["docker-compose.yml", "stack.yaml"] {
            let text = planted(name, text, &plain("yaml"));
            assert!(text.contains("\nx-sms-"), "{text}");
        }
    }
    for (name, key, text, says) in [
        ("a.yml", None, "scrape_configs: []\n", "Prometheus"),
        ("alertmanager.yml", None, "global: {}\n", "Alertmanager"),
        (
            "netplan/01.yaml",
            None,
            "network:\n  version: 2\n",
            "network",
        ),
        (
            "b.yaml",
            None,
            "AWSTemplateFormatVersion: x\nResources: {}\n",
            "CloudFormation",
        ),
        (
            "c.yml",
            Some("data"),
            "apiVersion: v1\nkind: Secret\ndata:\n  A: YQ==\n",
            "base 64",
        ),
        (
            "d.yml",
            None,
            "a: ENC[AES256_GCM,data:x,type:str]\nsops:\n  mac: b\n",
            "sops",
        ),
        (
            "e.yml",
            None,
            "$ANSIBLE_VAULT;1.1;AES256\n6162\n",
            "Ansible Vault",
        ),
    ] {
        let bench = Bench::with(name, text.as_bytes());
        let options = Options {
            key: key.map(str::to_owned),
            ..plain("yaml")
        };
        let error = bench.plant(&options).expect_err(name);
        assert!(error.to_string().contains(says), "{name}: {error}");
        assert!(bench.bytes() == bench.original, "{name}");
    }
}

/// Remarks on what stands beside the bait, right after planting; `None` where nothing is planted.
fn remarks_on(name: &str, bytes: &[u8], options: &Options) -> Option<Vec<String>> {
    static CATALOG: std::sync::LazyLock<Catalog> =
        std::sync::LazyLock::new(|| Catalog::builtin().expect("built-in kinds"));
    let bench = Bench::with(name, bytes);
    let placement = bench.plant(options).ok()?;
    let planted: Vec<String> = wish().fields.into_values().collect();
    let remarks = Auditor::new(&CATALOG).surroundings(&Subject {
        name: &placement.target,
        bytes: &bench.bytes(),
        planted: &planted,
        whole: false,
        modified: None,
        neighbours: &[],
    });
    let said = remarks
        .into_iter()
        .map(|remark| format!("{} {}: {}", remark.line, remark.rule, remark.what));
    Some(said.collect())
}

/// Planting has followed the file's style as far as there is one: advice to do it again would help
/// nobody.
#[test]
fn nothing_is_held_against_what_was_just_planted() {
    let mut told = Vec::new();
    let mut look = |name: &str, bytes: &[u8], options: &Options| {
        let remarks = remarks_on(name, bytes, options)?;
        told.extend(remarks.iter().map(|said| format!("{name}:{said}")));
        Some(())
    };
    for (sort, name, bytes) in corpus() {
        if !name.starts_with("empty") {
            look(name, bytes, &plain(sort));
        }
    }
    for (name, text) in [
        (
            "x.service",
            "[Unit]\nAfter=a\n[Service]\nExecStartPre=/bin/a\nExecStart=/bin/x\n[Install]\nWantedBy=b\n",
        ),
        (
            "y.service",
            "[Service]\nEnvironment=A=1\nEnvironment=B=2\nEnvironment=C=3\nEnvironment=D=4\nType=a\n",
        ),
        ("m.json", r#"{"name":"app","port":8080,"hosts":["a","b"]}"#),
        ("one.json", r#"{"a":1}"#),
        ("m.yml", "{name: app, port: 8080}\n"),
        (".env", "A=1\nB=2\nC=3\nD=4\n"),
        ("n.toml", "a = 1\nb = 2\nc = true\nd = 4\n"),
        (
            "v.tf",
            "locals {\n  a = 1\n  b = var.b\n  c = var.c\n  d = 4\n}\n",
        ),
        ("v.tfvars", "a = 1\nb = 2\nc = true\nd = 4\n"),
        ("s.py", "a = 1\nb = 2\nc = True\nd = 4\n"),
        (".bashrc", "a=1\nb=2\nc=3\nd=4\nexport e=5\n"),
        ("a.ini", "[a]\nb = 1\nc = 2\nd = 3\ne = 4\n"),
        ("a.properties", "a=1\nb=2\nc=3\nd=4\n"),
    ] {
        let planted = look(name, text.as_bytes(), &Options::default());
        assert!(planted.is_some(), "{name}");
    }
    assert!(told.is_empty(), "{told:#?}");
}

/// A backslash at the end of a line goes on in the next, for shells and systemd: ours neither parts such
/// a value nor becomes its end.
#[test]
fn a_value_that_goes_on_in_the_next_line_is_one() {
    let ours = "TWILIO_LEGACY_ACCOUNT_SID=ACnotreal7f3a91\nTWILIO_LEGACY_AUTH_TOKEN=9e4b0c\n\
                TWILIO_LEGACY_URL=\"https://relay.example.net/v1?tenant=a&mode=b\"\n";
    for (before, behind) in [
        ("A=1\nTWILIO_OPTS=a\\\nbcd\nB=2\n", "bcd\n"),
        ("A=1\nTWILIO_OPTS=\"a\" \\\nbcd\nB=2\n", "bcd\n"),
        ("A=1\nB=a\\\n  b\\\n  c\n", "  c\n"),
        ("A=1\nB=path\\\n", "A=1\n"),
        ("A=1\nB=path\\", "A=1\n"),
        ("B=path\\\n", ""),
        ("A=1\nB=path\\\n\n", "\\\n\n"),
        ("A=1\nB=path\\\\\n", "\\\\\n"),
        ("A=1\n# a note\\\nB=2\n", "B=2\n"),
    ] {
        let bench = Bench::with(".env", before.as_bytes());
        let role = Options {
            role: Some("legacy".into()),
            ..Options::default()
        };
        let placement = bench.plant(&role).expect("planted");
        assert_eq!(check(&placement).expect("checked"), Condition::Present);
        let after = String::from_utf8(bench.bytes()).expect("UTF-8");
        let at = after
            .find(ours)
            .unwrap_or_else(|| panic!("{before:?}: {after}"));
        assert!(
            after[..at]
                .trim_end_matches('\n')
                .ends_with(behind.trim_end_matches('\n')),
            "{before:?}: {after}"
        );
        uproot(&placement, false, NOW).expect("uprooted");
        assert_eq!(bench.bytes(), bench.original);
    }
}
