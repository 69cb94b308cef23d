//! Started as root: ports below 1024 are bound, then the station is somebody else, for good. These tests have to be
//! root themselves; `tests/run` sees to that.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Command;

use lapwing_tests::{Beacon, Home, Station, finish, get, trips};

use crate::status::{common, threads};

/// A user that every Debian has and no program of it runs as.
const USER: &str = "games";

fn id(option: &str) -> String {
    let ran = finish(Command::new("id").args([option, USER]));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.stdout.trim().to_owned()
}

/// A home that others may pass through, with a data directory of root's.
fn home() -> Home {
    assert!(
        rustix::process::geteuid().is_root(),
        "this test has to be root: `tests/run` does that"
    );
    let home = Home::new();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o711)).unwrap();
    home.ok(&["init", "--address", "http://*.bait.example"]);
    home
}

/// A port that nobody may bind who is not root.
fn low_port() -> u16 {
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (700..1024).rev().find(free).unwrap()
}

#[test]
fn started_as_root_it_binds_and_becomes_the_user() {
    let home = home();
    let door = format!("127.0.0.1:{}", low_port());
    let arguments = ["listen", "--json", "--http", &door, "--user", USER];
    let canary = home.mint("url", &[]);
    // The data directory is root's: it says so, and what to do, and doing that is enough.
    let refused = home.run(&arguments);
    assert_eq!(refused.code, 1);
    let said = refused.stderr;
    assert!(said.contains("belongs to root"), "{said}");
    let command = said.split('`').nth(1).unwrap();
    assert!(command.starts_with("chown -R "), "{said}");
    let ran = finish(Command::new("sh").args(["-c", command]));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    // The key may stay where only root reads.
    let key = home.path().join("key");
    fs::rename(home.data().join("key"), &key).unwrap();
    let owned = std::os::unix::fs::chown(&key, Some(0), Some(0));
    owned.unwrap();
    home.settings(&format!("key_file = {:?}\n", key.display().to_string()));
    let settings = home.data().join("lapwing.toml");
    let uid: u32 = id("-u").parse().unwrap();
    std::os::unix::fs::chown(&settings, Some(uid), None).unwrap();

    let station = Station::start(&mut home.command(&arguments));
    let status = threads(station.pid());
    assert!(status.len() > 3, "a runtime, a journal, ...");
    let (uid, gid) = (id("-u"), id("-g"));
    let four = |id: &str| [id; 4].join(" ");
    assert_eq!(common(&status, "Uid"), four(&uid));
    assert_eq!(common(&status, "Gid"), four(&gid));
    let mut groups: Vec<String> = common(&status, "Groups")
        .split(' ')
        .map(str::to_owned)
        .collect();
    let mut wanted: Vec<String> = id("-G").split(' ').map(str::to_owned).collect();
    groups.sort();
    wanted.sort();
    assert_eq!(groups, wanted);
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(common(&status, set), "0".repeat(16), "{set}");
    }
    assert_eq!(common(&status, "NoNewPrivs"), "1");

    // The port stayed, and what comes there is written as that user.
    let beacon = Beacon::of(&canary);
    assert_eq!(station.address().to_string(), door);
    get(station.address(), &beacon.host, &beacon.target, &[]);
    assert_eq!(trips(&home, 1).len(), 1);
    let journal = fs::read_dir(home.data().join("journal")).unwrap();
    let owners: Vec<u32> = journal
        .map(|it| it.unwrap().metadata().unwrap().uid())
        .collect();
    assert!(owners.len() >= 3, "{owners:?}");
    assert!(
        owners.iter().all(|owner| owner.to_string() == uid),
        "{owners:?}"
    );
    let ended = station.stop();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(!ended.stderr.contains("runs as root"), "{}", ended.stderr);
}

#[test]
fn started_as_root_a_new_data_directory_is_made_for_the_user() {
    let home = home();
    let data = home.path().join("other/data");
    fs::create_dir(home.path().join("other")).unwrap();
    fs::set_permissions(home.path().join("other"), fs::Permissions::from_mode(0o711)).unwrap();
    let data_text = data.display().to_string();
    let arguments = [
        "--data-dir",
        &data_text,
        "listen",
        "--json",
        "--http",
        "127.0.0.1:0",
        "--user",
        USER,
    ];
    let station = Station::start(&mut home.command(&arguments));
    station.stop();
    let about = fs::metadata(&data).unwrap();
    assert_eq!(
        (about.uid().to_string(), about.mode() & 0o777),
        (id("-u"), 0o700)
    );
    // Where the user cannot pass, that is said.
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let said = home.run(&arguments).stderr;
    assert!(
        said.contains("does not get there") && said.contains("namei -l"),
        "{said}"
    );
}

#[test]
fn started_as_root_without_a_user_it_warns() {
    let home = home();
    let station = home.listen(&[]);
    let status = threads(station.pid());
    assert_eq!(common(&status, "NoNewPrivs"), "1");
    let said = station.stop().stderr;
    assert!(said.contains("warning: it runs as root"), "{said}");
    for step in ["useradd", "chown -R", "listen.user"] {
        assert!(said.contains(step), "{step}: {said}");
    }
}

#[test]
fn started_as_root_it_becomes_nobody_that_is_not_there_and_others_become_nobody_else() {
    let home = home();
    let door = ["listen", "--json", "--http", "127.0.0.1:0", "--user"];
    let said = home.run(&[&door[..], &["no-such-user"]].concat()).stderr;
    assert!(
        said.contains("no user \"no-such-user\"") && said.contains("useradd"),
        "{said}"
    );
    // Whoever may not pass through where the program lies starts a copy.
    let copy = home.path().join("program");
    fs::copy(lapwing_tests::binary(), &copy).unwrap();
    let mut other = Command::new("setpriv");
    home.scrub(&mut other);
    other.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]);
    other.arg(&copy).args(door).arg(USER);
    let data = home.path().join("of-nobody");
    let said = finish(other.env("LAPWING_DATA_DIR", data)).stderr;
    assert!(said.contains("cannot become games"), "{said}");
}
