//! The client of the Model Context Protocol: an assistant that finds the entry of an `.mcp.json` connects,
//! reads the tools and calls them. Every call is a claim of a trip.

use lapwing_tests::{eventually, trips};
use serde_json::{Value, json};

use crate::stage::{Stage, keys};

#[test]
fn the_protocols_client_takes_the_server_for_genuine() {
    let mut stage = Stage::new(31, &["mcp-server"]);
    let good = stage.mint("good", "mcp-server");
    let retired = stage.retired("mcp-server");
    let stranger = stage.stranger("mcp-server");
    let said = stage.python(
        "agents_mcp.py",
        &json!({ "good": keys(&good), "retired": keys(&retired), "stranger": keys(&stranger) }),
    );
    assert_answers(&said, good.field("server"));
    // Five sessions of the good token, and two tries of the others.
    let trips = eventually("the last of them", || {
        let trips = trips(&stage.home, 30);
        let last = |row: &Value| row["trip"]["canary"] == retired.id.as_str();
        trips.iter().any(last).then_some(trips)
    });
    let trips: Vec<&Value> = trips.iter().rev().map(|row| &row["trip"]).collect();
    assert_calls(&trips);
    let outcomes = |canary: &str, outcome: &str| {
        let of = |trip: &&&Value| trip["canary"] == canary && trip["decoy"]["outcome"] == outcome;
        trips.iter().filter(of).count()
    };
    assert!(outcomes(&retired.id, "revoked") > 0);
    assert_eq!(outcomes(&retired.id, "accepted"), 0);
    assert!(
        outcomes(&good.id, "refused") > 0,
        "a wrong token at a known address"
    );
    let asked = &trips[0]["claims"]["captured"];
    assert_eq!(asked["mcp.method"], json!(["server/discover"]));
    let client = trips
        .iter()
        .find(|trip| !trip["claims"]["captured"]["mcp.client"].is_null());
    let client = client.expect("a handshake");
    assert_eq!(client["claims"]["captured"]["mcp.client"], json!(["mcp"]));
}

fn assert_answers(said: &Value, server: &str) {
    let refused = json!({"error": "MCPError", "message": "Server returned an error response"});
    let tools = [
        "search_customers",
        "get_customer",
        "run_report",
        "list_services",
        "read_service_config",
        "send_sms",
    ];
    assert_eq!(
        said["list"],
        json!({"server": server, "tools": tools, "others": 0})
    );
    assert_eq!(said["ping"], json!({}));
    assert_eq!(
        said["search"],
        json!([false, "0 matches for \"Ada \"the\" Lee\""])
    );
    assert_eq!(said["report"][0], true);
    assert_eq!(said["sms"][0], false);
    assert_eq!(
        said["unknown tool"],
        json!([true, "Unknown tool: drop_everything"])
    );
    for call in ["wrong token", "retired", "stranger"] {
        assert_eq!(said[call], refused, "{call}");
    }
}

fn assert_calls(trips: &[&Value]) {
    let calls: Vec<&Value> = trips
        .iter()
        .map(|trip| &trip["claims"]["captured"])
        .filter(|captured| !captured["mcp.tool"].is_null())
        .collect();
    let expected = [
        json!({
            "mcp.tool": ["search_customers"],
            "mcp.arguments": [r#"{"limit":5,"query":"Ada \"the\" Lee"}"#],
        }),
        json!({
            "mcp.tool": ["run_report"], "mcp.arguments": [r#"{"sql":"SELECT * FROM users"}"#],
            "sql.statement": ["SELECT * FROM users"],
        }),
        json!({
            "mcp.tool": ["send_sms"],
            "mcp.arguments": [
                r#"{"recipients":["+12025550142","+12025550143"],"sender":"Bank","text":"hello"}"#
            ],
            "sms.to": ["+12025550142", "+12025550143"], "sms.from": ["Bank"], "sms.body": ["hello"],
        }),
        json!({"mcp.tool": ["drop_everything"], "mcp.arguments": [r#"{"force":true}"#]}),
    ];
    assert_eq!(calls, expected.iter().collect::<Vec<_>>());
}
