//! What must be refused, and what must be kept.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::time::{Duration, SystemTime};

use lapwing_core::PlacementState;

use super::*;
use crate::{Condition, Sign, canonical_target, check, uproot};

fn refused(bench: &Bench, options: &Options) -> PlantError {
    let error = bench.plant(options).expect_err("refused");
    assert_eq!(bench.bytes(), bench.original);
    assert!(!error.place().is_empty());
    error
}

#[test]
fn links_are_refused() {
    let bench = Bench::with("a.env", b"A=1\n");
    let link = bench.directory.path().join("link.env");
    symlink(&bench.file, &link).expect("linked");
    let error = plan_wish(link.to_str().expect("UTF-8"), &wish(), &Options::default())
        .err()
        .expect("refused");
    assert!(matches!(error, PlantError::Refused(_)), "{error}");
    let hard = bench.directory.path().join("hard.env");
    std::fs::hard_link(&bench.file, &hard).expect("linked");
    assert!(matches!(
        refused(&bench, &Options::default()),
        PlantError::Refused(_)
    ));
}

#[test]
fn directories_behind_links_are_followed_only_where_nobody_else_could_lay_them() {
    let bench = Bench::with("a.env", b"A=1\n");
    let real = bench.directory.path().join("real");
    std::fs::create_dir(&real).expect("made");
    std::fs::write(real.join("b.env"), "A=1\n").expect("written");
    let open = bench.directory.path().join("open");
    std::fs::create_dir(&open).expect("made");
    symlink(&real, open.join("link")).expect("linked");
    let target = open.join("link/b.env");
    let target = target.to_str().expect("UTF-8");
    let resolved = real.canonicalize().expect("resolved").join("b.env");
    assert_eq!(canonical_target(target).ok().as_deref(), resolved.to_str());
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o1777)).expect("set");
    assert!(matches!(
        canonical_target(target),
        Err(PlantError::Refused(_))
    ));
    assert_eq!(
        canonical_target("sqlite:/tmp/../tmp/x.db?table=users")
            .ok()
            .as_deref(),
        Some("sqlite:/tmp/x.db?table=users")
    );
    for bad in ["/", "sqlite:/tmp/x.db", "sqlite:?table=a", "/tmp/"] {
        assert!(canonical_target(bad).is_err(), "{bad}");
    }
}

#[test]
fn mode_time_and_owner_are_kept() {
    let bench = Bench::with("a.env", b"A=1\n");
    std::fs::set_permissions(&bench.file, std::fs::Permissions::from_mode(0o640)).expect("set");
    let at =
        |days: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + days * 86_400);
    let set = |path: &Path, time| {
        let file = std::fs::File::options()
            .write(true)
            .open(path)
            .expect("opened");
        file.set_modified(time).expect("set");
    };
    let neighbour = bench.directory.path().join("other.txt");
    std::fs::write(&neighbour, "x").expect("written");
    set(&neighbour, at(9));
    set(&bench.file, at(3));
    let before = std::fs::metadata(&bench.file).expect("there");
    bench.plant(&Options::default()).expect("planted");
    let after = std::fs::metadata(&bench.file).expect("there");
    assert_eq!(
        (before.mode(), before.uid(), before.gid()),
        (after.mode(), after.uid(), after.gid())
    );
    let time = after.modified().expect("time");
    assert!(time >= at(3) && time <= at(9));
}

#[test]
fn names_that_exist_or_are_read_by_default_or_mentioned_are_not_taken() {
    let fixed = |role: &str| Options {
        role: Some(role.into()),
        ..Options::default()
    };
    let bench = Bench::with("a.env", b"TWILIO_LEGACY_URL=1\n");
    assert!(matches!(
        refused(&bench, &fixed("legacy")),
        PlantError::Exists(_)
    ));
    let placement = bench.plant(&Options::default()).expect("another role");
    assert!(
        !placement
            .detail
            .to_string()
            .contains("TWILIO_LEGACY_ACCOUNT_SID")
    );

    let bench = Bench::with("a.env", b"A=1\n");
    let code = bench.directory.path().join("src");
    std::fs::create_dir(&code).expect("made");
    std::fs::write(code.join("app.py"), "os.environ['TWILIO_BACKUP_URL']").expect("written");
    assert!(matches!(
        refused(&bench, &fixed("backup")),
        PlantError::Refused(_)
    ));
    let danger = Options {
        danger_default: true,
        ..fixed("backup")
    };
    bench.plant(&danger).expect("allowed");

    let bench = Bench::with("a.env", b"A=1\n");
    let mut wish = wish();
    wish.env = pairs(&[("TWILIO_ACCOUNT_SID", "account_sid")]);
    let error = plan_wish(bench.target(), &wish, &Options::default())
        .err()
        .expect("refused");
    assert!(matches!(error, PlantError::Refused(_)), "{error}");
    assert!(
        error
            .hint()
            .is_some_and(|hint| hint.contains("--danger-default"))
    );

    let bench = Bench::with("credentials.ini", b"[a]\nx=1\n");
    let default = Options {
        key: Some("default".into()),
        ..Options::default()
    };
    assert!(matches!(refused(&bench, &default), PlantError::Refused(_)));
}

#[test]
fn a_change_between_plan_and_apply_is_not_overwritten() {
    let bench = Bench::with("a.env", b"A=1\n");
    let plan = plan_wish(bench.target(), &wish(), &Options::default()).expect("planned");
    std::fs::write(&bench.file, "A=2\n").expect("written");
    assert!(matches!(plan.apply(NOW), Err(PlantError::Raced(_))));
    assert_eq!(bench.bytes(), b"A=2\n");
    assert_eq!(bench.files(), 1);
    let held = std::fs::File::open(&bench.file).expect("opened");
    held.lock().expect("locked");
    let plan = plan_wish(bench.target(), &wish(), &Options::default()).expect("planned");
    assert!(matches!(plan.apply(NOW), Err(PlantError::Raced(_))));
}

#[test]
fn an_interrupted_planting_shows() {
    let bench = Bench::with("a.yml", b"a: 1\n");
    let plan = plan_wish(bench.target(), &wish(), &Options::default()).expect("planned");
    let intended = plan.placement().clone();
    assert_eq!(intended.state, PlacementState::Intended);
    assert_eq!(check(&intended).expect("checked"), Condition::Missing);
    plan.apply(NOW).expect("applied");
    assert_eq!(check(&intended).expect("checked"), Condition::HalfPlanted);
    uproot(&intended, false, NOW).expect("uprooted");
    assert_eq!(bench.bytes(), bench.original);
    assert!(matches!(
        uproot(&intended, false, NOW),
        Err(PlantError::NotOurs(_))
    ));
    std::fs::remove_file(&bench.file).expect("removed");
    assert_eq!(check(&intended).expect("checked"), Condition::Missing);
}

#[test]
fn altered_bait_leaves_only_by_force() {
    for (name, old) in [
        ("a.env", "A=1\nZ=2\n"),
        ("a.ini", "[a]\nx=1\n"),
        ("a.json", "{\n  \"a\": 1,\n  \"z\": 2\n}\n"),
        ("a.yml", "a: 1\nz: 2\n"),
    ] {
        let bench = Bench::with(name, old.as_bytes());
        let placement = bench.plant(&Options::default()).expect("planted");
        let text = String::from_utf8(bench.bytes())
            .expect("UTF-8")
            .replace("9e4b0c", "rotated");
        std::fs::write(&bench.file, &text).expect("written");
        assert_eq!(
            check(&placement).expect("checked"),
            Condition::Changed,
            "{name}"
        );
        assert!(
            matches!(uproot(&placement, false, NOW), Err(PlantError::NotOurs(_))),
            "{name}"
        );
        assert_eq!(bench.bytes(), text.as_bytes());
        uproot(&placement, true, NOW).expect("forced");
        assert_eq!(
            String::from_utf8(bench.bytes()).expect("UTF-8").trim_end(),
            old.trim_end(),
            "{name}"
        );
    }
}

#[test]
fn reworded_bait_is_found_by_name() {
    for (name, old, from, to) in [
        ("a.env", "A=1\nZ=2\n", "=9e4b0c", "='9e4b0c'"),
        (
            "a.json",
            "{\n  \"a\": 1,\n  \"z\": 2\n}\n",
            ": \"9e4b0c\"",
            ":   \"9e4b0c\"",
        ),
        ("a.yml", "a: 1\nz: 2\n", "'9e4b0c'", "\"9e4b0c\" # same"),
        ("a.ini", "[a]\nx=1\n", "=9e4b0c", " = 9e4b0c"),
    ] {
        let bench = Bench::with(name, old.as_bytes());
        let placement = bench.plant(&Options::default()).expect("planted");
        let text = String::from_utf8(bench.bytes()).expect("UTF-8");
        assert!(text.contains(from), "{text}");
        std::fs::write(&bench.file, text.replace(from, to)).expect("written");
        assert_eq!(
            check(&placement).expect("checked"),
            Condition::Moved,
            "{name}"
        );
        uproot(&placement, false, NOW).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(
            String::from_utf8(bench.bytes()).expect("UTF-8").trim_end(),
            old.trim_end(),
            "{name}"
        );
    }
}

#[test]
fn diffs_mask_what_is_the_owners() {
    for (sort, name, bytes) in corpus() {
        let bench = Bench::with(name, bytes);
        let Ok(plan) = plan_wish(bench.target(), &wish(), &Options::default()) else {
            continue;
        };
        let added = plan
            .diff()
            .lines
            .iter()
            .filter(|line| line.sign == Sign::Added)
            .count();
        assert!(added > 0, "{name}");
        for line in &plan.diff().lines {
            let secret = ["filler", "hunter", "p#ss", "bm90", "not-a-real"];
            let leaks = secret.iter().any(|word| line.text.contains(word));
            assert!(
                !leaks || line.sign == Sign::Header,
                "{sort}/{name}: {}",
                line.text
            );
        }
    }
    let bench = Bench::with("a.env", b"PASS=hunter2\n");
    let plan = plan_wish(
        bench.target(),
        &wish(),
        &Options {
            role: Some("old".into()),
            ..Options::default()
        },
    )
    .expect("planned");
    let shown = plan.diff().to_string();
    let body: Vec<&str> = shown.lines().skip(2).collect();
    assert_eq!(
        body,
        [
            "@@ -1,1 +1,4 @@",
            " PASS=…",
            "+TWILIO_OLD_ACCOUNT_SID=ACnotreal7f3a91",
            "+TWILIO_OLD_AUTH_TOKEN=9e4b0c",
            "+TWILIO_OLD_URL=\"https://relay.example.net/v1?tenant=a&mode=b\"",
        ]
    );
    let open = Options {
        show: true,
        ..Options::default()
    };
    let plan = plan_wish(bench.target(), &wish(), &open).expect("planned");
    assert!(plan.diff().to_string().contains(" PASS=hunter2\n"));
}

#[test]
fn errors_say_what_is_supported() {
    let bench = Bench::with("picture.png", b"\x89PNG\r\n\x1a\n\0\0");
    let error = refused(&bench, &Options::default());
    assert!(
        error.hint().is_some_and(|hint| hint.contains("sqlite:")),
        "{error}"
    );
    let bench = Bench::with("settings.conf", b"A=1\nB=2\n");
    assert_eq!(
        bench
            .plant(&Options::default())
            .expect("by content")
            .target_kind,
        "env"
    );
    let bench = Bench::with("a.json", b"{\"a\": 1,\n\"b\" 2}");
    assert!(
        refused(&bench, &Options::default())
            .place()
            .ends_with("a.json:2")
    );
    let bench = Bench::with("a.yml", b"\xff\xfea\0:\0");
    assert!(matches!(
        refused(&bench, &Options::default()),
        PlantError::Target(_)
    ));
    let bench = Bench::with("settings.rb", b"[a]\nb = 1\n");
    assert!(matches!(
        refused(&bench, &Options::default()),
        PlantError::Target(_)
    ));
    let bench = Bench::with("env.json", b"{\"a\": 1}");
    assert_eq!(
        bench
            .plant(&Options::default())
            .expect("by name")
            .target_kind,
        "json"
    );
    let mut wish = wish();
    wish.tree = None;
    let bench = Bench::with("a.yml", b"a: 1\n");
    let error = plan_wish(bench.target(), &wish, &Options::default())
        .err()
        .expect("refused");
    assert_eq!(
        error.hint(),
        Some(
            "it can be planted in: env, shell, tfvars, terraform, python, php, dockerfile, systemd, xml, ini, kubeconfig, sqlite, \
             postgres, mariadb, redis"
        )
    );
}

#[test]
fn a_role_that_no_name_can_hold_is_refused() {
    for (name, text) in [
        (".env", "A=1\n"),
        ("a.yml", "a: 1\n"),
        ("a.ini", "[a]\nb = 1\n"),
    ] {
        let bench = Bench::with(name, text.as_bytes());
        for role in ["", "a b", "a\nb", "a: b", "_"] {
            let options = Options {
                role: Some(role.to_owned()),
                ..Options::default()
            };
            let error = refused(&bench, &options);
            assert!(matches!(error, PlantError::Refused(_)), "{error}");
            assert!(error.hint().is_some_and(|hint| hint.contains("legacy")));
        }
        let options = Options {
            key: Some(String::new()),
            ..Options::default()
        };
        if name == ".env" {
            refused(&bench, &options);
        }
    }
}
