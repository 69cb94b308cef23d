//! SMPP, with smpplib.

use lapwing_tests::{repository, venv};
use serde_json::Value;

use crate::stage::Stage;

fn client(stage: &Stage, system: &str, password: &str, what: &str) -> Value {
    let script = repository().join("tests/protocols/smpp.py");
    let python = venv().join("bin/python");
    let port = stage.port();
    let arguments = [script.to_str().unwrap(), &port, system, password, what];
    let ran = stage.run(python.to_str().unwrap(), &arguments);
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

#[test]
fn a_stolen_bind_sends_nothing_and_tells_everything() {
    let stage = Stage::new("smpp");
    let minted = stage.mint("smpp-bind");
    let (system, password) = (minted.field("system_id"), minted.field("password"));
    let said = client(&stage, system, password, "texts");
    let ids = said["sent"].as_array().unwrap();
    assert_eq!(ids.len(), 2, "{said}");
    assert_ne!(ids[0], ids[1]);
    assert_eq!(
        stage.lines(4),
        format!(
            "BIND_TRANSCEIVER smpp-bind accepted login.user={system}\n\
             SUBMIT_SM smpp-bind accepted sms.body=Your code is {{1}} sms.from=BANK sms.to=15550101\n\
             SUBMIT_SM smpp-bind accepted sms.body=Привет sms.from=BANK sms.to=15550102\n\
             UNBIND smpp-bind accepted\n"
        )
    );
    let report = stage.home.ok(&["report", "--format", "md", "--full"]);
    assert!(report.contains("2 text messages"), "{report}");
}

/// Who tries logins hears the same of each.
#[test]
fn wrong_unknown_and_retired_binds_sound_alike() {
    let stage = Stage::new("smpp");
    let minted = stage.mint("smpp-bind");
    let retired = stage.mint("jasmin-http");
    stage.home.ok(&["retire", &retired.id]);
    let tries = [
        client(&stage, minted.field("system_id"), "wrongone", ""),
        client(&stage, "nobody", "wrongone", ""),
        client(
            &stage,
            retired.field("username"),
            retired.field("password"),
            "",
        ),
    ];
    for tried in &tries {
        assert_eq!(tried, &tries[0]);
        assert!(tried["refused"].is_number(), "{tried}");
    }
    let lines = stage.lines(2);
    assert!(lines.contains("smpp-bind refused"), "{lines}");
    assert!(lines.contains("jasmin-http revoked"), "{lines}");
}
