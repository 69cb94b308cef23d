//! curl as what people send texts with through a Jasmin gateway.

use lapwing_tests::Minted;

use crate::stage::Stage;

#[test]
fn a_gateway_takes_logins_as_jasmin_does() {
    let mut stage = Stage::new(5, &["jasmin-http"]);
    let good = stage.mint("good", "jasmin-http");
    let retired = stage.retired("jasmin-http");
    let stranger = stage.stranger("jasmin-http");
    let url = format!("http://{}", stage.address("jasmin-http"));
    let failure = |name: &str| format!("\"Authentication failure for username:{name}\"\n1.1 403");
    let balance = |login: &str| stage.curl(&[&format!("{url}/balance?{login}")]);

    assert_eq!(
        stage.curl(&[&format!("{url}/ping")]),
        "Jasmin/PONG\n1.1 200"
    );
    assert_eq!(
        balance(&login(&stranger)),
        failure(stranger.field("username"))
    );
    let known = login(&good);
    let said = balance(&known);
    assert!(said.starts_with("{\"balance\": "), "{said}");
    assert!(
        said.ends_with(", \"sms_count\": \"ND\"}\n1.1 200"),
        "{said}"
    );
    assert_eq!(balance(&known), said, "a balance stays");
    let said = stage.curl(&[&format!("{url}/rate?{known}&to=15005550006")]);
    assert!(
        said.starts_with("{\"unit_rate\": 0.0") && said.ends_with("\n1.1 200"),
        "{said}"
    );
    let said = stage.curl(&[&format!("{url}/send?{known}&to=15005550006")]);
    assert_eq!(
        said,
        "Error \"content or hex-content not present.\"\n1.1 400"
    );
    let wrong = format!("username={}&password=wrong", good.field("username"));
    assert_eq!(balance(&wrong), failure(good.field("username")));
    assert_eq!(
        balance(&login(&retired)),
        failure(retired.field("username"))
    );

    let balance =
        "good query:username+query:password http/1.1 jasmin-http [GET /balance] accepted 200";
    stage.assert_trips(&[
        balance,
        balance,
        r#"good query:username+query:password http/1.1 jasmin-http [GET /rate] accepted 200 {"sms.to":["15005550006"]}"#,
        r#"good query:username+query:password http/1.1 jasmin-http [GET|POST /send] accepted 400 {"sms.to":["15005550006"]}"#,
        "good query:username http/1.1 jasmin-http [GET /balance] refused 403",
        "retired query:username+query:password http/1.1 jasmin-http [GET /balance] revoked 403",
    ]);
}

fn login(minted: &Minted) -> String {
    format!(
        "username={}&password={}",
        minted.field("username"),
        minted.field("password")
    )
}

#[test]
fn texts_are_taken_and_kept_however_they_are_sent() {
    let mut stage = Stage::new(11, &["jasmin-http"]);
    let good = stage.mint("good", "jasmin-http");
    let send = format!("http://{}/send", stage.address("jasmin-http"));
    let values = [
        &format!("username={}", good.field("username")),
        &format!("password={}", good.field("password")),
        "to=15005550006",
        "content=hä+&=% llo\n",
        "dlr-url=http://192.0.2.7/dlr?a=1&b",
    ];
    let values: Vec<&str> = values
        .iter()
        .flat_map(|value| ["--data-urlencode", *value])
        .collect();
    for (args, version) in [
        (&["--get"][..], "1.1"),
        (&["--data-urlencode", "from=Akte+1"], "1.1"),
        (&["--http2-prior-knowledge"], "2"),
    ] {
        let said = stage.curl(&[args, &values, &[&send]].concat());
        let id = said.strip_prefix("Success \"");
        let id = id.and_then(|rest| rest.strip_suffix(&format!("\"\n{version} 200")));
        assert_eq!(id.map(str::len), Some(36), "{said}");
    }
    let text = |carrier: &str, version: &str, from: &str| {
        format!(
            "good {carrier}:username+{carrier}:password http/{version} jasmin-http [GET|POST /send] accepted 200 \
             {{\"sms.body\":[\"hä+&=% llo\\n\"],\"sms.callback\":[\"http://192.0.2.7/dlr?a=1&b\"],{from}\"sms.to\":[\"15005550006\"]}}"
        )
    };
    stage.assert_trips(&[
        &text("query", "1.1", ""),
        &text("form", "1.1", "\"sms.from\":[\"Akte+1\"],"),
        &text("form", "2", ""),
    ]);
}
