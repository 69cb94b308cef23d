//! What the station does when what it stands on gives way: a full disk, one that fails, one that does not answer,
//! a clock that jumps, too few descriptors. It goes on answering, says loudly that it does not record, and
//! afterwards everything is on record, the gap included. docs/OPERATING.md has the table.

mod apart;
mod scene;

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use lapwing_tests::{Home, Station, finish, repository, within};

use apart::{Mounted, apart, must};
use scene::{PATIENCE, Scene, Which};

/// For the reader of a test's output, whether it is captured or not.
fn note(text: &str) {
    // Nothing is tested by it.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

#[test]
fn a_full_disk() {
    apart("a_full_disk", || {
        let (mut scene, _disk) = Scene::new(|home| Mounted::memory(&home.data(), "32m"));
        let station = scene.start();
        let at = station.address();
        for number in 0..3 {
            scene.use_beacon(at, Which::First, &format!("before-{number}"));
        }
        scene.told(&scene.first.id);
        let filler = scene.home.data().join("filler");
        fill(&filler);
        for number in 0..3 {
            scene.use_beacon(at, Which::First, &format!("during-{number}"));
        }
        scene.use_beacon(at, Which::Second, "during-second");
        assert_eq!(scene.log_in(&station), "+OK\r\n");
        scene.miss(at);
        scene.assert_loud(&station);
        scene.told(&scene.second.id);
        fs::remove_file(&filler).expect("room again");
        scene.assert_recovered();
        scene.use_beacon(at, Which::First, "after");
        assert_eq!(station.stop().code, 0);
        scene.assert_recorded();
        assert_eq!(scene.logins(), 1);
        // The first may still have fitted in.
        let late = |listener: &str| {
            let trips = scene.bodies("trip");
            let late = trips.iter().filter(|body| body["late"] == true);
            let of = late.filter(|body| body["observed"]["listener"] == listener);
            of.count() as u64
        };
        assert!(late("http") >= 3 && late("redis") == 1);
        assert_eq!(scene.gaps("http", "lost"), late("http"));
        assert_eq!(scene.gaps("redis", "lost"), 1);
        assert_eq!(scene.gaps("http", "unmatched"), 1);
    });
}

/// Takes all the room there is.
fn fill(path: &Path) {
    let mut file = fs::File::create(path).expect("a file");
    let mut block = vec![0; 64 << 10];
    while !block.is_empty() {
        if file.write_all(&block).is_err() {
            block.truncate(block.len() / 2);
        }
    }
}

#[test]
fn a_disk_that_does_not_answer() {
    apart("a_disk_that_does_not_answer", || {
        let mounted = |home: &Home| Mounted::ext4(&home.data(), &home.path().join("image"));
        let (mut scene, mut disk) = Scene::new(mounted);
        let station = scene.start();
        let at = station.address();
        for number in 0..3 {
            scene.use_beacon(at, Which::First, &format!("before-{number}"));
        }
        scene.told(&scene.first.id);
        disk.freeze();
        for number in 0..3 {
            scene.use_beacon(at, Which::First, &format!("during-{number}"));
        }
        // Never looked up before: nobody can say now whose it is.
        scene.use_beacon(at, Which::Second, "during-second");
        let said = scene.log_in(&station);
        assert!(
            said.starts_with("+OK") || said.starts_with("-WRONGPASS"),
            "{said}"
        );
        scene.miss(at);
        scene.assert_loud(&station);
        disk.thaw();
        scene.assert_recovered();
        scene.use_beacon(at, Which::First, "after");
        scene.told(&scene.second.id);
        assert_eq!(station.stop().code, 0);
        scene.assert_recorded();
        assert_eq!(scene.logins(), 1);
        assert!(scene.gaps("http", "early") >= 1);
    });
}

#[test]
fn a_disk_that_turns_read_only() {
    apart("a_disk_that_turns_read_only", || {
        let mounted = |home: &Home| Mounted::ext4(&home.data(), &home.path().join("image"));
        let (mut scene, disk) = Scene::new(mounted);
        let station = scene.start();
        let at = station.address();
        for number in 0..3 {
            scene.use_beacon(at, Which::First, &format!("before-{number}"));
        }
        scene.told(&scene.first.id);
        let acknowledged = scene.marks();
        assert_eq!(acknowledged.len(), 3);
        disk.break_down();
        for number in 0..3 {
            scene.use_beacon(at, Which::First, &format!("during-{number}"));
        }
        scene.use_beacon(at, Which::Second, "during-second");
        let said = scene.log_in(&station);
        assert!(
            said.starts_with("+OK") || said.starts_with("-WRONGPASS"),
            "{said}"
        );
        scene.miss(at);
        scene.assert_loud(&station);
        // Such a disk comes back only by being mounted anew: what was not recorded is told, and lost.
        let ended = station.stop();
        assert!(
            ended.stderr.contains("lost with this process"),
            "{}",
            ended.stderr
        );
        scene.told(&scene.first.id);
        disk.unmount();
        disk.mend();
        disk.mount();
        let station = scene.start();
        scene.use_beacon(station.address(), Which::First, "after");
        assert_eq!(station.stop().code, 0);
        scene.assert_verified();
        let mut expected = acknowledged;
        expected.insert(0, "after".to_owned());
        assert_eq!(scene.marks(), expected);
        let breaks = scene.bodies("break");
        assert_eq!(breaks.len(), 1);
        assert!(breaks[0]["alive"].as_i64().is_some(), "{breaks:?}");
    });
}

#[test]
fn a_clock_that_jumps() {
    let (mut scene, ()) = Scene::new(|_| ());
    let wrong = scene.home.path().join("wrong");
    let mut command = scene.command();
    command
        .env("LD_PRELOAD", shim())
        .env("CLOCK_SHIM_FILE", &wrong)
        // What stands in the process reads that file where the station itself may not.
        .env("LAPWING_LISTEN__SANDBOX", "off");
    let station = Station::start(&mut command);
    let at = station.address();
    scene.use_beacon(at, Which::First, "before");
    scene.told(&scene.first.id);
    let jumps = |count| {
        within(PATIENCE, "the jump is noticed", || {
            (scene.bodies("clock").len() == count).then_some(())
        });
    };
    // In one step, or the clock jumps back in between.
    let set = |seconds: &str| {
        let new = wrong.with_extension("new");
        fs::write(&new, seconds).expect("it can be written");
        fs::rename(&new, &wrong).expect("it can be renamed");
    };
    // A year ahead.
    set("31536000");
    jumps(1);
    // What is to be tried again is due in that year.
    scene.hooks.fail(true);
    scene.use_beacon(at, Which::Second, "ahead");
    within(PATIENCE, "a failed attempt", || {
        (scene.hooks.refused() > 0).then_some(())
    });
    // A day behind.
    set("-86400");
    let jumps = |count| {
        within(PATIENCE, "the jump is noticed", || {
            (scene.bodies("clock").len() == count).then_some(())
        });
    };
    jumps(2);
    scene.hooks.fail(false);
    scene.told(&scene.second.id);
    scene.use_beacon(at, Which::First, "behind");
    assert_eq!(scene.status().0, 0);
    let stderr = station.stderr();
    assert!(stderr.contains("the clock was set by"), "{stderr}");
    assert_eq!(station.stop().code, 0);
    scene.assert_recorded();
    let by: Vec<i64> = (scene.bodies("clock").iter())
        .map(|body| body["by"].as_i64().expect("a number") / 1_000_000)
        .collect();
    let near = |by: i64, wanted: i64| (by - wanted).abs() <= 5;
    assert!(
        near(by[0], 31_536_000) && near(by[1], -31_536_000 - 86_400),
        "{by:?}"
    );
}

/// The library that stands between the station and the clock (`tests/shim/sync.c`).
fn shim() -> std::path::PathBuf {
    let library =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("clock-{}.so", std::process::id()));
    let mut compiler = Command::new("cc");
    compiler
        .args(["-shared", "-fPIC", "-O2", "-o"])
        .arg(&library);
    let ran = finish(compiler.arg(repository().join("tests/shim/sync.c")));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    library
}

#[test]
fn exhausted_descriptors() {
    let (mut scene, ()) = Scene::new(|_| ());
    let lapwing = scene.command();
    let mut command = Command::new("prlimit");
    scene.home.scrub(&mut command);
    command
        .args(["--nofile=160:160", "--"])
        .arg(lapwing.get_program())
        .args(lapwing.get_args());
    let station = Station::start(&mut command);
    let at = station.address();
    within(PATIENCE, "it says how many there may be", || {
        let said = station.stderr();
        said.contains("at most 120 connections at once")
            .then_some(())
    });
    let idle: Vec<TcpStream> = (0..90)
        .map(|_| TcpStream::connect(at).expect("it listens"))
        .collect();
    scene.use_beacon(at, Which::First, "before");
    scene.told(&scene.first.id);
    let pid = station.pid().to_string();
    let open = || {
        fs::read_dir(format!("/proc/{pid}/fd"))
            .expect("it runs")
            .count()
    };
    within(PATIENCE, "all are accepted", || {
        (open() >= 90).then_some(())
    });
    // From now on no further file can be opened, and no connection accepted.
    must(
        "prlimit",
        &["--pid", &pid, &format!("--nofile={}:160", open() - 20)],
    );
    scene.use_beacon(at, Which::Second, "during");
    assert_eq!(scene.log_in(&station), "+OK\r\n");
    scene.told(&scene.second.id);
    let said = || {
        station
            .stderr()
            .contains("descriptors ran out")
            .then_some(())
    };
    within(PATIENCE, "it is said", said);
    drop(idle);
    scene.use_beacon(at, Which::First, "after");
    assert_eq!(station.stop().code, 0);
    scene.assert_recorded();
    assert_eq!(scene.logins(), 1);
}
