//! Bait that no placement knows of: copies, lost records, lost ledgers.

use std::fs;

use data_encoding::BASE64;
use lapwing_tests::Home;
use serde_json::Value;

use crate::bait::{home, text_of};
use crate::planting::write;

const SETTINGS: &str = "APP_ENV=production\nLOG_LEVEL=info\n";

fn orphans(home: &Home, args: &[&str]) -> (Vec<Value>, i32, String) {
    let ran = home.run(&[&["orphans", "--json"], args].concat());
    let found: Value = serde_json::from_str(&ran.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}\n{}", ran.stdout, ran.stderr));
    (found.as_array().unwrap().clone(), ran.code, ran.stderr)
}

#[test]
fn copies_lost_records_and_what_was_uprooted_are_found_and_what_stands_is_not() {
    let home = home();
    let planted = write(&home, "tree/app/.env", SETTINGS);
    let path = planted.to_str().unwrap();
    home.ok(&["plant", "twilio", path, "--yes"]);
    let tree = home.path().join("tree");
    let tree = tree.to_str().unwrap();
    assert_eq!(orphans(&home, &[tree]).1, 0, "what stands where it should");
    // A copy, packed into another form.
    let copy = write(
        &home,
        "tree/backup/dump.txt",
        &format!("x: {}\n", BASE64.encode(text_of(&planted).as_bytes())),
    );
    // A canary that somebody put there by hand.
    let minted = home.mint("url", &["--memo", "wiki page"]);
    let page = format!("see {}\n", minted.field("beacon.url"));
    write(&home, "tree/wiki.md", &page);
    // One that was uprooted and came back.
    let second = write(&home, "tree/b/.env", SETTINGS);
    home.ok(&["plant", "openai", second.to_str().unwrap(), "--yes"]);
    let with = text_of(&second);
    home.ok(&["uproot", second.to_str().unwrap(), "--yes"]);
    fs::write(&second, with).unwrap();
    let (found, code, _) = orphans(&home, &[tree]);
    assert_eq!(code, 6);
    let said = |file: &str| {
        let found = found
            .iter()
            .find(|it| it["file"].as_str().unwrap().ends_with(file));
        let found = found.unwrap_or_else(|| panic!("{file}: {found:?}"));
        assert!(!found["next"].as_str().unwrap().is_empty());
        found["what"].as_str().unwrap().to_owned()
    };
    assert!(
        said("dump.txt").contains(path),
        "a copy of what stands there"
    );
    assert!(said("wiki.md").contains("no placement"));
    assert!(said("b/.env").contains("uprooted"));
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(copy.exists());
    let words = home.run(&["orphans", tree]);
    assert_eq!(words.code, 6);
    assert!(words.stdout.contains("wiki page") && words.stdout.contains("what to do:"));
    assert!(
        !words.stdout.contains(minted.field("beacon.segment")),
        "no value"
    );
}

#[test]
fn an_older_ledger_leaves_addresses_and_no_ledger_leaves_only_those() {
    let home = home();
    let old = write(&home, "tree/old/.env", SETTINGS);
    home.ok(&["plant", "twilio", old.to_str().unwrap(), "--yes"]);
    let backup = home.path().join("old.backup");
    home.ok(&["backup", backup.to_str().unwrap()]);
    let new = write(&home, "tree/new/.env", SETTINGS);
    home.ok(&["plant", "twilio", new.to_str().unwrap(), "--yes"]);
    let tree = home.path().join("tree");
    let tree = tree.to_str().unwrap();
    assert_eq!(orphans(&home, &[tree]).1, 0);
    fs::remove_dir_all(home.data()).unwrap();
    home.ok(&["restore", backup.to_str().unwrap()]);
    let (found, code, _) = orphans(&home, &[tree]);
    assert_eq!((code, found.len()), (6, 1), "{found:?}");
    assert!(found[0]["file"].as_str().unwrap().ends_with("new/.env"));
    assert!(found[0]["canary"].is_null());
    assert!(found[0]["next"].as_str().unwrap().contains("newer backup"));
    // Only the key and the settings are left.
    for file in fs::read_dir(home.data()).unwrap() {
        let path = file.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("ledger")
        {
            fs::remove_file(path).unwrap();
        }
    }
    let (found, code, said) = orphans(&home, &[tree]);
    assert_eq!(code, 6);
    assert_eq!(found.len(), 2, "both files name the address: {found:?}");
    assert!(found.iter().all(|it| it["canary"].is_null()));
    assert!(said.contains("no mark of their own"), "{said}");
    // Not even the settings.
    fs::remove_file(home.data().join("lapwing.toml")).unwrap();
    let ran = home.run(&["orphans", tree]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("hint:") && ran.stderr.contains("--address"));
    let named = ["--address", "http://*.example.org", tree];
    assert_eq!(orphans(&home, &named).0.len(), 2);
}
