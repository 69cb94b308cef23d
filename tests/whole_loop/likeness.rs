//! Planted rows among two thousand of a table in use, before a classifier that knows which they are
//! (`likeness.py` says what it looks at). Three populations that nothing in the product knows, in two engines.

use std::process::Command;
use std::time::Duration;

use lapwing_tests::{Home, Ran, binary, finish_within, repository, venv};
use serde_json::Value;

use crate::bait::home;
use crate::servers::Server;

/// Two hundred plantings with nine sign-ups each, and six trainings.
const PATIENCE: Duration = Duration::from_secs(2400);

/// What the judge makes of a planter's rows.
fn judged(home: &Home, population: &str, planter: &str, target: &str) -> Value {
    let mut command = Command::new(venv().join("bin/python"));
    home.scrub(&mut command);
    command
        .arg(repository().join("tests/whole_loop/likeness.py"))
        .args([population, planter, "1", target])
        .arg(binary())
        .env("OMP_NUM_THREADS", "1")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let Ran {
        code,
        stdout,
        stderr,
    } = finish_within(PATIENCE, &mut command);
    assert!(code == 0, "{population}, {planter}: {stderr}");
    let said: Value = serde_json::from_str(&stdout).unwrap();
    // Rows without an address are not judged, and of anybody's there may be some.
    assert!(said["planted"] == 200 || planter == "nobody", "{said}");
    assert_eq!(said["rows"], 2000, "{said}");
    said
}

fn auc(said: &Value) -> f64 {
    said["auc"].as_f64().unwrap()
}

/// Ours against a naive planter's, and against nobody's, each in a table of its own.
fn compare(population: &str, target: impl Fn() -> (Option<Server>, String)) {
    let home = home();
    let judged = |planter: &str| {
        let (_server, target) = target();
        judged(&home, population, planter, &target)
    };
    let (ours, naive, nobody) = (judged("lapwing"), judged("naive"), judged("nobody"));
    assert!(auc(&naive) >= 0.8, "the judge sees what is plain: {naive}");
    assert!(
        auc(&nobody) <= 0.6,
        "the judge sees nothing where nothing is: {nobody}"
    );
    // What is drawn differs from run to run, and the judge's own chance is 0.03 wide.
    let low = ours["low"].as_f64().unwrap();
    assert!(low <= 0.6, "more than 0.6 at 95 %: {ours}, {naive}");
}

#[test]
fn rows_of_a_shop_are_like_their_neighbours() {
    compare("shop", || {
        let server = Server::postgresql();
        let target = server.target("customers");
        (Some(server), target)
    });
}

#[test]
fn rows_of_a_clinic_are_like_their_neighbours() {
    compare("clinic", || {
        let server = Server::postgresql();
        let target = server.target("patients");
        (Some(server), target)
    });
}

#[test]
fn rows_of_a_gateway_are_like_their_neighbours() {
    let directory = tempfile::tempdir().unwrap();
    let tables = std::cell::Cell::new(0);
    compare("gateway", || {
        tables.set(tables.get() + 1);
        let file = directory.path().join(format!("{}.db", tables.get()));
        (None, format!("sqlite:{}?table=accounts", file.display()))
    });
}
