//! What lies on disk: who may read it, what it tells, and what happens if it is wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use lapwing_core::{CanaryId, Decision, Keyring, MasterKey, Verb, bounded};
use lapwing_store::{Index, Intent, Ledger, StoreError};

use crate::ledger::{delivery, placement};
use crate::{Home, at, canary};

fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, bounded::read_file(&path, 1 << 30).unwrap())
        })
        .collect()
}

#[test]
fn nothing_on_disk_tells_what_is_bait() {
    const MARK: &str = "Zaunkoenig";
    let home = Home::new();
    let ledger = home.ledger();
    let (one, handles) = canary(MARK);
    let mut many = (0..5).map(|number| canary(&format!("{MARK}{number}")));
    ledger
        .add_many::<StoreError>(&mut || Ok(many.next()), &mut |_| ())
        .unwrap();
    let mut place = placement(one.id, MARK);
    ledger
        .intend(&[Intent {
            canary: &one,
            handles,
            placement: &place,
        }])
        .unwrap();
    place.planted = Some(at(1));
    ledger.place_update(&place).unwrap();
    let mut message = delivery("i00000001-1/opened/1@mail", 1);
    message.message = serde_json::json!({ "place": MARK });
    message.error = format!("refused {MARK}");
    ledger.enqueue(std::slice::from_ref(&message)).unwrap();
    ledger.update_delivery(&message).unwrap();
    ledger
        .bind(&format!("{MARK}.example"), &format!("kind-{MARK}"))
        .unwrap();
    ledger
        .decide(&Decision {
            time: at(1),
            verb: Verb::Drill {
                canary: one.id,
                nonce: MARK.to_owned(),
                until: at(2),
            },
        })
        .unwrap();
    let look = |when: &str| {
        for (name, bytes) in files(home.path()) {
            let found = bytes
                .windows(MARK.len())
                .any(|window| window == MARK.as_bytes());
            assert!(!found, "{name} holds a bait value {when}");
        }
    };
    assert!(
        files(home.path())
            .iter()
            .any(|(name, bytes)| name == "ledger.db-wal" && !bytes.is_empty())
    );
    look("while open");
    drop(ledger);
    look("when closed");
    // The marks are there, only sealed: the look itself can fail.
    assert_eq!(
        home.ledger().canaries(None, 1).unwrap()[0].memo,
        format!("memo-{MARK}")
    );
}

#[test]
fn files_are_private() {
    let home = Home::new();
    let wide = home.path().join("index.db");
    fs::write(&wide, b"").unwrap();
    fs::set_permissions(&wide, fs::Permissions::from_mode(0o644)).unwrap();
    let (ledger, index) = (home.ledger(), home.index());
    ledger.add(&canary("one").0, &[]).unwrap();
    index.wipe().unwrap();
    ledger.backup(&home.path().join("backup.db")).unwrap();
    let mut names = Vec::new();
    for entry in fs::read_dir(home.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    let expected = [
        "backup.db",
        "generation",
        "index.db",
        "index.db-shm",
        "index.db-wal",
        "ledger.db",
        "ledger.db-shm",
        "ledger.db-wal",
    ];
    assert_eq!(names, expected);
}

#[test]
fn another_key_is_refused_at_once() {
    let home = Home::new();
    home.ledger();
    for keys in [
        Keyring::new(&MasterKey::generate(), 1),
        Keyring::new(&MasterKey::generate(), 2),
    ] {
        let error = Ledger::open(home.path(), keys).unwrap_err();
        assert!(matches!(error, StoreError::WrongKey { .. }), "{error}");
        let says = error.to_string();
        assert!(
            says.contains("key does not match") && says.contains("ledger.db"),
            "{says}"
        );
    }
    home.ledger();
}

/// Changes a database behind the store's back.
fn meddle(path: &Path, sql: &str) {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.execute_batch(sql).unwrap();
}

#[test]
fn a_newer_or_altered_schema_is_refused() {
    let home = Home::new();
    home.ledger();
    home.index();
    for file in ["ledger.db", "index.db"] {
        let store = &file[..file.len() - 3];
        let add = format!("INSERT INTO lapwing_schema VALUES (99, '{store}', 'x', 0)");
        meddle(&home.path().join(file), &add);
    }
    let ledger = Ledger::open(home.path(), home.keys.clone()).unwrap_err();
    let index = Index::open(home.path()).unwrap_err();
    for error in [ledger, index] {
        assert!(
            matches!(error, StoreError::Newer { found: 99, .. }),
            "{error}"
        );
        assert!(error.to_string().contains("newer lapwing"), "{error}");
    }
    let path = home.path().join("ledger.db");
    meddle(
        &path,
        "DELETE FROM lapwing_schema WHERE version = 99; UPDATE lapwing_schema SET checksum = 'x'",
    );
    let error = Ledger::open(home.path(), home.keys.clone()).unwrap_err();
    assert!(
        matches!(error, StoreError::Altered { version: 1, .. }),
        "{error}"
    );
}

#[test]
fn foreign_files_are_left_alone() {
    let home = Home::new();
    let path = home.path().join("ledger.db");
    meddle(&path, "CREATE TABLE theirs (a)");
    let error = Ledger::open(home.path(), home.keys.clone()).unwrap_err();
    assert!(matches!(error, StoreError::NotOurs { .. }), "{error}");
    assert!(
        error.to_string().contains("not a lapwing ledger"),
        "{error}"
    );
    fs::remove_file(&path).unwrap();
    // The index under the ledger's name is no ledger either.
    home.index();
    fs::rename(home.path().join("index.db"), &path).unwrap();
    let error = Ledger::open(home.path(), home.keys.clone()).unwrap_err();
    assert!(matches!(error, StoreError::NotOurs { .. }), "{error}");
}

#[test]
fn damage_is_named_with_its_remedy() {
    let home = Home::new();
    for file in ["ledger.db", "index.db"] {
        fs::write(home.path().join(file), "no database ".repeat(1000)).unwrap();
    }
    let ledger = Ledger::open(home.path(), home.keys.clone()).unwrap_err();
    assert!(matches!(ledger, StoreError::Damaged { .. }), "{ledger}");
    assert!(ledger.to_string().contains("lapwing restore"), "{ledger}");
    let index = Index::open(home.path()).unwrap_err();
    assert!(matches!(index, StoreError::Damaged { .. }), "{index}");
    assert!(index.to_string().contains("lapwing reindex"), "{index}");
    Index::destroy(home.path()).unwrap();
    home.index();
    let nowhere = Ledger::open(&home.path().join("nowhere"), home.keys.clone()).unwrap_err();
    assert!(
        nowhere.to_string().contains("nowhere/ledger.db"),
        "{nowhere}"
    );
}

#[test]
fn a_swapped_row_does_not_open() {
    let home = Home::new();
    let ledger = home.ledger();
    let ids: Vec<CanaryId> = ["one", "two"]
        .map(|mark| {
            let (one, handles) = canary(mark);
            ledger.add(&one, &handles).unwrap();
            one.id
        })
        .to_vec();
    meddle(
        &home.path().join("ledger.db"),
        "UPDATE canaries SET sealed = (SELECT sealed FROM canaries WHERE serial = 1) WHERE serial = 2",
    );
    assert!(ledger.canary(ids[0]).is_ok());
    let error = ledger.canary(ids[1]).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
}

/// What a crash leaves: the files as they are at some moment, without a close.
#[test]
fn what_was_acknowledged_survives_a_crash() {
    let home = Home::new();
    let ledger = home.ledger();
    for number in 0..40 {
        let (one, handles) = canary(&number.to_string());
        ledger.add(&one, &handles).unwrap();
        if number % 13 != 0 {
            continue;
        }
        let after = tempfile::tempdir().unwrap();
        for name in ["ledger.db", "ledger.db-wal", "generation"] {
            fs::copy(home.path().join(name), after.path().join(name)).unwrap();
        }
        let restarted = Ledger::open(after.path(), home.keys.clone()).unwrap();
        assert_eq!(restarted.canary_count().unwrap(), number + 1);
        assert_eq!(
            restarted.find(&home.digest(&handles[0].1)).unwrap()[0].canary,
            one
        );
    }
    // A generation file that is cut short does not stop anything.
    drop(ledger);
    fs::write(home.path().join("generation"), b"abc").unwrap();
    let ledger = home.ledger();
    let before = ledger.generation();
    ledger.bind("a.example", "url").unwrap();
    assert_ne!(ledger.generation(), before);
}
