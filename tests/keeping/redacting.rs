//! Erasing a third party's data of one trip.

use lapwing_tests::{Home, Minted, WebhookCatcher, eventually, get, trips};
use serde_json::{Value, json};

use crate::scene::{NUMBER, TEXT, erased, home, host, ids, send_text, trip, verified};

/// A relay that a text was sent through twice, and nothing that runs.
fn texted(home: &Home) -> (Minted, Vec<String>) {
    let twilio = home.mint("twilio", &[]);
    let station = home.listen(&[]);
    for _ in 0..2 {
        assert_eq!(send_text(station.address(), &twilio).status, 201);
    }
    trips(home, 2);
    station.stop();
    let ids = ids(home, 2);
    (twilio, ids)
}

fn redact(home: &Home, id: &str, more: &[&str]) -> Value {
    let args = [
        "redact",
        id,
        "--reason",
        "asked for by the owner",
        "--yes",
        "--by",
        "ana",
    ];
    home.json(&[&args, more].concat())
}

#[test]
fn all_of_a_trip_goes_and_of_no_other() {
    let home = home("");
    let (_, trip_ids) = texted(&home);
    let checkpoint = home.path().join("checkpoint");
    std::fs::write(&checkpoint, home.ok(&["evidence", "checkpoint"])).unwrap();
    let before = trip(&home, &trip_ids[0]);
    assert!(before.to_string().contains(NUMBER) && before.to_string().contains(TEXT));
    let done = redact(&home, &trip_ids[0], &[]);
    assert_eq!(done["erased"], true, "{done}");
    let after = trip(&home, &trip_ids[0]);
    assert!(
        !after.to_string().contains(NUMBER) && !after.to_string().contains(TEXT),
        "{after}"
    );
    assert_eq!(after["conclusion"], before["conclusion"]);
    assert_eq!(after["trip"]["observed"], before["trip"]["observed"]);
    assert!(
        after["erased_because"]
            .as_str()
            .unwrap()
            .contains("asked for by the owner")
    );
    assert_eq!(trip(&home, &trip_ids[1])["erased"], json!([]));
    assert!(trip(&home, &trip_ids[1]).to_string().contains(NUMBER));
    assert_eq!(erased(&home, "redaction", "raw"), 1);
    // The log is the one that an old checkpoint is over.
    let kept = [
        "evidence",
        "verify",
        "--checkpoint",
        checkpoint.to_str().unwrap(),
    ];
    assert_eq!(home.run(&kept).code, 0);
    let again = redact(&home, &trip_ids[0], &[]);
    assert_eq!(again["parts"], 0, "{again}");
}

#[test]
fn one_capture_goes_and_the_rest_stays() {
    let home = home("");
    let (_, trip_ids) = texted(&home);
    let station = home.listen(&[]);
    let unknown = home.run(&[
        "redact",
        &trip_ids[0],
        "--reason",
        "x",
        "--yes",
        "--part",
        "captured:sms.two",
    ]);
    assert_eq!(unknown.code, 1);
    assert!(unknown.stderr.contains("sms.to"), "{}", unknown.stderr);
    redact(&home, &trip_ids[0], &["--part", "captured:sms.to"]);
    let after = trip(&home, &trip_ids[0]);
    assert!(!after.to_string().contains(NUMBER), "{after}");
    let claims = &after["trip"]["claims"];
    assert_eq!(claims["captured"]["sms.body"], json!([TEXT]));
    assert_eq!(claims["captured"]["sms.to"], Value::Null);
    assert_eq!(claims["agent"], "curl/8.5.0");
    assert_eq!(after["raw"], Value::Null, "the bytes as sent hold it, too");
    station.stop();
    verified(&home);
    // Nobody finds it in any file, even who has the key: the reports are made of all there is.
    let full = home.ok(&["report", "--full", "--format", "json"]);
    let report: Value = serde_json::from_str(&full).expect("JSON");
    let rows = report["trips"].as_array().unwrap().iter();
    let mut rows = rows.filter(|row| row["id"] == trip_ids[0].as_str());
    let row = rows.next().expect("the trip");
    assert!(!row.to_string().contains(NUMBER), "{row}");
    assert_eq!(row["erased"]["reason"], "asked for by the owner");
    let masked: Value =
        serde_json::from_str(&home.ok(&["report", "--format", "json"])).expect("JSON");
    let rows = masked["trips"].as_array().unwrap().iter();
    let mut rows = rows.filter(|row| row["id"] == trip_ids[0].as_str());
    let row = rows.next().expect("the trip");
    assert!(
        row["erased"]["time"].is_string() && row["erased"]["reason"].is_null(),
        "{row}"
    );
}

#[test]
fn claims_that_quote_a_capture_go_with_it() {
    let home = home("");
    let jasmin = home.mint("jasmin-http", &[]);
    let station = home.listen(&[]);
    let (user, password) = (jasmin.field("username"), jasmin.field("password"));
    let target = format!("/send?username={user}&password={password}&to=%2B1{NUMBER}&content=hi");
    get(
        station.address(),
        &host(&jasmin),
        &target,
        &[("User-Agent", "curl/8.5.0")],
    );
    let id = ids(&home, 1).remove(0);
    assert!(trip(&home, &id)["trip"]["claims"]["captured"]["sms.to"].is_array());
    redact(&home, &id, &["--part", "captured:sms.to"]);
    station.stop();
    let after = trip(&home, &id);
    assert!(!after.to_string().contains(NUMBER), "{after}");
    assert_eq!(
        erased(&home, "redaction", "claims"),
        1,
        "its target said the same"
    );
}

#[test]
fn who_asks_is_told_what_cannot_be_taken_back() {
    let hooks = WebhookCatcher::start();
    let home = home(&hooks.channel("hook"));
    let (first, second) = (home.mint("twilio", &[]), home.mint("openai", &[]));
    let station = home.listen(&[]);
    send_text(station.address(), &first);
    eventually("the alert is out", || {
        let deliveries = home.json(&["alert", "deliveries"]);
        let deliveries = deliveries.as_array().unwrap();
        (deliveries.iter().any(|one| one["state"] == "delivered")).then_some(())
    });
    // One request that shows two canaries is kept under two trips.
    let bearer = format!("Bearer {}", second.field("api_key"));
    let other = Minted::clone(&first);
    let target = format!("/2010-04-01/Accounts/{}.json", other.field("account_sid"));
    get(
        station.address(),
        &host(&first),
        &target,
        &[("Authorization", &bearer)],
    );
    let rows = ids(&home, 3);
    station.stop();
    let ran = home.run(&["redact", &rows[0], "--reason", "x", "--dry-run"]);
    assert!(
        ran.stderr.contains("hook") && ran.stderr.contains("cannot be taken back"),
        "{}",
        ran.stderr
    );
    let ran = home.run(&["redact", &rows[1], "--reason", "x", "--dry-run"]);
    assert!(
        ran.stderr
            .contains(&format!("trip {} keeps the same request", rows[2])),
        "{}",
        ran.stderr
    );
    assert_eq!(verified(&home)["parts_erased"], 0);
}
