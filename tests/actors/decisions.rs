//! What an actor rests on, and what the operator decides of it, through the command line.

use lapwing_tests::{Home, Minted, Station, WebhookCatcher, exchange, trips};
use serde_json::Value;

/// Addresses of no hand in particular: they are only said in PROXY headers.
const ONE: &str = "193.0.6.139";
const OTHER: &str = "192.33.4.12";
const SCRIPT: &str = "harvest-sms/7";

/// A station behind a proxy, and bait that four uses touched: three by one script, from two addresses, and one by curl.
struct Scene {
    home: Home,
    station: Station,
    bait: Vec<Minted>,
}

impl Scene {
    fn new() -> Self {
        Self::with("")
    }

    fn with(settings: &str) -> Self {
        let home = Home::new();
        home.settings(settings);
        home.ok(&["init", "--address", "http://*.example.org"]);
        let bait = (0..4).map(|_| home.mint("twilio", &[])).collect();
        let station = home.listen(&["--proxy", "127.0.0.1/32"]);
        Self {
            home,
            station,
            bait,
        }
    }

    fn touch(&self, bait: usize, from: &str, program: &str) {
        let canary = &self.bait[bait];
        let (url, sid) = (canary.field("beacon.url"), canary.field("account_sid"));
        let host = url.trim_start_matches("http://").split('/').next().unwrap();
        let said = format!(
            "PROXY TCP4 {from} 127.0.0.1 40312 80\r\nGET /2010-04-01/Accounts/{sid}.json HTTP/1.1\r\nHost: {host}\r\n\
             User-Agent: {program}\r\nX-Run: 1\r\nConnection: close\r\n\r\n"
        );
        exchange(self.station.address(), said.as_bytes());
    }

    fn play(&self) -> Vec<Value> {
        self.touch(0, ONE, SCRIPT);
        self.touch(1, ONE, SCRIPT);
        self.touch(1, OTHER, SCRIPT);
        self.touch(3, "198.41.0.4", "curl/8.5.0");
        let mut trips = trips(&self.home, 4);
        trips.sort_by_key(|trip| trip["trip"]["id"].as_str().map(sequence));
        trips
    }

    fn actors(&self) -> Vec<Value> {
        let actors = self.home.json(&["actors"]);
        actors.as_array().expect("a list").clone()
    }
}

fn sequence(id: &str) -> u64 {
    id.rsplit('-').next().unwrap().parse().unwrap()
}

fn actor(trip: &Value) -> String {
    trip["conclusion"]["actor"]
        .as_str()
        .expect("an actor")
        .to_owned()
}

#[test]
fn an_actor_says_what_it_rests_on() {
    let scene = Scene::new();
    let trips = scene.play();
    let one = actor(&trips[0]);
    assert_eq!(
        actor(&trips[1]),
        one,
        "one address, one script: {}",
        trips[1]
    );
    assert_eq!(
        actor(&trips[2]),
        one,
        "another address, the same script and bait"
    );
    assert_ne!(actor(&trips[3]), one);
    assert_eq!(scene.actors().len(), 2);
    let case = scene.home.json(&["actor", &one])["case"].clone();
    assert_eq!(case["sessions"], 3, "{case}");
    let likelihood = case["likelihood"].as_u64().expect("something was linked");
    assert!((550..=990).contains(&likelihood), "{case}");
    assert_eq!(case["prior"], -500);
    for link in case["links"].as_array().expect("links") {
        let edge = &link[1];
        let weights = edge["evidence"].as_array().expect("evidence").iter();
        let sum: i64 = weights
            .map(|one| one["centibits"].as_i64().unwrap_or(0))
            .sum();
        let stated = edge["centibits"].as_i64().unwrap();
        assert!(
            stated <= sum - 500,
            "what is stated is what is weighed, or held below it: {edge}"
        );
    }
    assert_eq!(case["bridges"].as_array().map(Vec::len), Some(2));
    let shown = scene.home.ok(&["actor", &one]);
    for said in [
        "before anything is known",
        &format!("same address {ONE}"),
        "What else could explain it",
        "What would change this",
        "falls into two",
    ] {
        assert!(shown.contains(said), "{said:?} is not in:\n{shown}");
    }
    let listed = scene.home.ok(&["actors"]);
    assert!(listed.contains("one session"), "{listed}");
    scene.station.stop();
}

#[test]
fn what_only_the_operator_joined_claims_no_evidence() {
    let scene = Scene::new();
    scene.touch(0, ONE, SCRIPT);
    scene.touch(3, "198.41.0.4", "curl/8.5.0");
    let trips = trips(&scene.home, 2);
    let (one, other) = (actor(&trips[0]), actor(&trips[1]));
    assert_ne!(one, other);
    let home = &scene.home;
    home.ok(&["actor", "merge", &one, &other, "--reason", "one invoice"]);
    let listed = home.ok(&["actors"]);
    assert!(
        !listed.contains("one session") && listed.contains("decided"),
        "{listed}"
    );
    let shown = home.ok(&["actor", &one]);
    assert!(shown.contains("by your decision alone"), "{shown}");
    let incident = home.json(&["incidents"])[0]["id"].clone();
    let shown = home.ok(&["incident", incident.as_str().expect("an id")]);
    assert!(shown.contains(", 1 use of "), "{shown}");
    scene.station.stop();
}

#[test]
fn what_the_operator_decides_holds() {
    let scene = Scene::new();
    let trips_before = scene.play();
    let (one, curl) = (actor(&trips_before[0]), actor(&trips_before[3]));
    let home = &scene.home;
    let merged = home.ok(&[
        "actor",
        "merge",
        &one,
        &curl,
        "--reason",
        "the same mistyped account",
        "--by",
        "ana",
    ]);
    assert_eq!(merged.trim(), one, "the older one's name stays");
    assert_eq!(scene.actors().len(), 1);
    let of = |id: &str| {
        home.json(&["trips", "--actor", id])
            .as_array()
            .map(Vec::len)
    };
    assert_eq!((of(&one), of(&curl)), (Some(4), Some(4)), "by either name");
    let shown = home.ok(&["actor", &curl]);
    assert!(
        shown.contains("ana merged") && shown.contains("the same mistyped account"),
        "{shown}"
    );
    // Taken apart: the session from the other address.
    let split = home.ok(&[
        "actor",
        "split",
        &one,
        "--address",
        "192.33.4.0/24",
        "--reason",
        "our own test",
    ]);
    let new = split.trim().to_owned();
    assert_eq!((of(&one), of(&new)), (Some(3), Some(1)));
    for actor in scene.actors() {
        let programs = actor["fingerprints"].as_array().unwrap();
        assert!(!programs.is_empty(), "{actor}");
    }
    assert_eq!(scene.actors().len(), 2);
    // What comes later goes where the decision says, and nothing joins them again.
    scene.touch(1, OTHER, SCRIPT);
    scene.touch(2, OTHER, SCRIPT);
    trips(home, 6);
    let counts = (of(&one), of(&new));
    assert_eq!(counts, (Some(3), Some(3)));
    let before = scene.actors();
    let report = |scene: &Scene| scene.home.json(&["report", "--format", "json"])["actors"].clone();
    let reported = report(&scene);
    let decided = reported.to_string();
    assert!(decided.contains("our own test"), "{decided}");
    scene.station.stop();
    home.ok(&["reindex"]);
    let again = home.json(&["actors"]);
    assert_eq!(again, Value::from(before), "the index is derived again");
    assert_eq!((of(&one), of(&new)), counts);
}

#[test]
fn an_incident_goes_on_when_its_actor_turns_out_to_be_another() {
    let hooks = WebhookCatcher::start();
    let scene = Scene::with(&hooks.channel("hook"));
    let home = &scene.home;
    scene.touch(0, ONE, SCRIPT);
    scene.touch(3, "198.41.0.4", "curl/8.5.0");
    let touched = trips(home, 2);
    let (one, curl) = (actor(&touched[1]), actor(&touched[0]));
    assert_ne!(one, curl);
    let incidents = || home.json(&["incidents"]).as_array().unwrap().clone();
    let second = incidents()[0]["id"].as_str().unwrap().to_owned();
    let decide = ["incident", &second, "--assign", "ana", "--acknowledge"];
    home.ok(&[&decide[..], &["--note", "asked the host"]].concat());
    let merge = ["actor", "merge", &one, &curl, "--reason", "one account"];
    home.ok(&merge);
    // One hand now: what it does goes on with the incident that was opened for its other name.
    scene.touch(3, "198.41.0.4", "curl/8.5.0");
    scene.touch(3, ONE, SCRIPT);
    trips(home, 4);
    let after = incidents();
    assert_eq!(after.len(), 2, "{after:?}");
    assert_eq!(after[0]["id"], second.as_str());
    assert_eq!(
        (&after[0]["count"], &after[0]["notes"]),
        (&3.into(), &1.into())
    );
    assert_eq!(after[0]["assigned"], "ana");
    assert!(
        after.iter().all(|it| it["actor"] == one.as_str()),
        "{after:?}"
    );
    for name in [&one, &curl] {
        let of_it = home.json(&["incidents", "--actor", name]);
        assert_eq!(of_it.as_array().unwrap().len(), 2);
    }
    let sent = home.json(&["alert", "deliveries"]);
    assert_eq!(sent.as_array().unwrap().len(), 2, "no more alert: {sent}");
    scene.station.stop();
    home.ok(&["reindex"]);
    assert_eq!(incidents(), after, "the index is derived again");
}

#[test]
fn what_cannot_be_decided_is_said() {
    let scene = Scene::new();
    let trips = scene.play();
    let one = actor(&trips[0]);
    let other = trips[3]["trip"]["id"].as_str().unwrap();
    for (args, said) in [
        (vec!["actor", "a00000001-99"], "no actor a00000001-99"),
        (vec!["actor", "nonsense"], "an actor such as"),
        (
            vec!["actor", "merge", &one, &one, "--reason", "x"],
            "one actor already",
        ),
        (
            vec!["actor", "split", &one, "--trip", other, "--reason", "x"],
            "is none of",
        ),
        (
            vec![
                "actor",
                "split",
                &one,
                "--address",
                "10.0.0.0/8",
                "--reason",
                "x",
            ],
            "no session was chosen",
        ),
        (
            vec![
                "actor",
                "split",
                &one,
                "--address",
                "0.0.0.0/0",
                "--reason",
                "x",
            ],
            "nothing would be left",
        ),
    ] {
        let ran = scene.home.run(&args);
        assert_ne!(ran.code, 0, "{args:?}");
        assert!(ran.stderr.contains(said), "{args:?}: {}", ran.stderr);
    }
    assert_eq!(scene.actors().len(), 2, "nothing was changed");
    scene.station.stop();
}
