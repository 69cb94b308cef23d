//! AMQP, with pika.

use lapwing_tests::{repository, venv};
use serde_json::{Value, json};

use crate::stage::Stage;

fn client(stage: &Stage, user: &str, password: &str) -> Value {
    let script = repository().join("tests/protocols/amqp.py");
    let python = venv().join("bin/python");
    let arguments = [script.to_str().unwrap(), &stage.port(), user, password];
    let ran = stage.run(python.to_str().unwrap(), &arguments);
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

#[test]
fn what_is_published_is_kept_and_goes_nowhere() {
    let stage = Stage::new("amqp");
    let minted = stage.mint("amqp-uri");
    let (user, password) = (minted.field("username"), minted.field("password"));
    let said = client(&stage, user, password);
    assert_eq!(said, json!({"queue": "sms.out", "own": true, "got": null}));
    let lines = stage.lines(10);
    assert!(
        lines.starts_with(&format!("LOGIN amqp-uri accepted login.user={user}\n")),
        "{lines}"
    );
    let published = "PUBLISH amqp-uri accepted amqp.body={\"to\": \"15550100\"} amqp.exchange= amqp.key=sms.out\n";
    assert!(lines.contains(published), "{lines}");
    let first = &stage.trips(1)[0]["trip"]["claims"];
    assert!(
        first["agent"]
            .as_str()
            .unwrap()
            .starts_with("Pika Python Client Library "),
        "{first}"
    );
    assert!(first["headers"].to_string().contains("worker-3"), "{first}");
}

#[test]
fn a_wrong_login_hears_what_the_broker_says() {
    let stage = Stage::new("amqp");
    let minted = stage.mint("amqp-uri");
    let said = client(&stage, "guest", minted.field("password"));
    let words = said["refused"].as_str().unwrap();
    assert!(
        words.contains("ACCESS_REFUSED - Login was refused"),
        "{said}"
    );
    assert!(
        stage
            .lines(1)
            .starts_with("LOGIN amqp-uri refused login.user=guest\n")
    );
}
