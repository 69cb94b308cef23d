//! curl as what people send texts with through a Jasmin gateway.

use crate::stage::Stage;

#[test]
fn a_gateway_takes_texts_and_logins_as_jasmin_does() {
    let mut stage = Stage::new(5, &["jasmin-http"]);
    let good = stage.mint("good", "jasmin-http");
    let retired = stage.retired("jasmin-http");
    let stranger = stage.stranger("jasmin-http");
    let url = format!("http://{}", stage.address("jasmin-http"));
    let pair = |name: &str, value: &str| format!("{name}={value}");
    let login = |minted: &lapwing_tests::Minted| {
        format!(
            "username={}&password={}",
            minted.field("username"),
            minted.field("password")
        )
    };
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

    let (user, password) = (
        pair("username", good.field("username")),
        pair("password", good.field("password")),
    );
    let texts = [
        vec![
            "--get",
            "--data-urlencode",
            &user,
            "--data-urlencode",
            &password,
        ],
        vec![
            "--data-urlencode",
            &user,
            "--data-urlencode",
            &password,
            "--data-urlencode",
            "from=Akte+1",
        ],
        vec![
            "--http2-prior-knowledge",
            "--data-urlencode",
            &user,
            "--data-urlencode",
            &password,
        ],
    ];
    let more = [
        "--data-urlencode",
        "to=15005550006",
        "--data-urlencode",
        "content=hä+&=% llo\n",
    ];
    let callback = ["--data-urlencode", "dlr-url=http://192.0.2.7/dlr?a=1&b"];
    for (args, version) in texts.iter().zip(["1.1", "1.1", "2"]) {
        let send = format!("{url}/send");
        let said = stage.curl(&[args.as_slice(), &more, &callback, &[&send]].concat());
        let id = said
            .strip_prefix("Success \"")
            .and_then(|rest| rest.strip_suffix(&format!("\"\n{version} 200")));
        assert_eq!(id.map(str::len), Some(36), "{said}");
    }
    let known = login(&good);
    let said = balance(&known);
    assert!(
        said.starts_with("{\"balance\": ") && said.ends_with("\"sms_count\": \"ND\"}\n1.1 200"),
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
    assert_eq!(
        balance(&format!("{user}&password=wrong")),
        failure(good.field("username"))
    );
    assert_eq!(
        balance(&login(&retired)),
        failure(retired.field("username"))
    );

    let captured = r#""sms.body":["hä+&=% llo\n"],"sms.callback":["http://192.0.2.7/dlr?a=1&b"]"#;
    let text = |carrier: &str, version: &str, more: &str| {
        format!(
            "good {carrier}:username+{carrier}:password http/{version} jasmin-http [GET|POST /send] accepted 200 \
             {{{captured},{more}\"sms.to\":[\"15005550006\"]}}"
        )
    };
    let balance =
        "good query:username+query:password http/1.1 jasmin-http [GET /balance] accepted 200";
    stage.assert_trips(&[
        &text("query", "1.1", ""),
        &text("form", "1.1", "\"sms.from\":[\"Akte+1\"],"),
        &text("form", "2", ""),
        balance,
        balance,
        r#"good query:username+query:password http/1.1 jasmin-http [GET /rate] accepted 200 {"sms.to":["15005550006"]}"#,
        r#"good query:username+query:password http/1.1 jasmin-http [GET|POST /send] accepted 400 {"sms.to":["15005550006"]}"#,
        "good query:username http/1.1 jasmin-http [GET /balance] refused 403",
        "retired query:username+query:password http/1.1 jasmin-http [GET /balance] revoked 403",
    ]);
}
