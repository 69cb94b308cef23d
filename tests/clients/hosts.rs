//! Which costume a host wears, and what is nobody's.

use lapwing_tests::Minted;

use crate::stage::Stage;

const KINDS: &[&str] = &[
    "twilio",
    "openai",
    "github-pat",
    "jasmin-http",
    "aws-access-key",
];

#[test]
fn a_host_answers_as_its_own_kind_whatever_key_it_is_shown() {
    let mut stage = Stage::new(7, KINDS);
    let twilio = stage.mint("twilio", "twilio");
    let openai = stage.mint("openai", "openai");
    let login = format!(
        "{}:{}",
        twilio.field("account_sid"),
        twilio.field("auth_token")
    );
    let url = |kind: &str, path: &str| format!("http://{}{path}", stage.address(kind));

    // Twilio's login at the host that is OpenAI: OpenAI's answer, and a trip all the same.
    let said = stage.curl(&[
        "--user",
        &login,
        &url("openai", "/2010-04-01/Accounts.json"),
    ]);
    assert!(
        said.contains("You didn't provide an API key.") && said.ends_with("\n1.1 401"),
        "{said}"
    );
    let bearer = |token: &str| format!("Authorization: Bearer {token}");
    let said = stage.curl(&[
        "--header",
        &bearer(twilio.field("auth_token")),
        &url("openai", "/v1/models"),
    ]);
    assert!(
        said.contains("invalid_api_key") && said.ends_with("\n1.1 401"),
        "{said}"
    );
    // OpenAI's key at the host that is Twilio.
    let said = stage.curl(&[
        "--header",
        &bearer(openai.field("api_key")),
        &url("twilio", "/v1/models"),
    ]);
    assert!(
        said.contains("\"code\":20003") && said.ends_with("\n1.1 401"),
        "{said}"
    );
    // Both at a host that is nobody's.
    let nowhere = ["--header", "Host: nowhere.example.org"];
    let site = stage.curl(&[&nowhere[..], &[&url("twilio", "/")]].concat());
    assert!(site.ends_with("\n1.1 404"), "{site}");
    for args in [
        ["--user", &login],
        ["--header", &bearer(openai.field("api_key"))],
    ] {
        let said = stage.curl(&[&nowhere[..], &args, &[&url("twilio", "/")]].concat());
        assert_eq!(said, site, "as to anybody");
    }
    stage.assert_trips(&[
        "twilio basic:account_sid+basic:auth_token http/1.1 openai [] unknown 401",
        "twilio bearer:auth_token http/1.1 openai [GET /v1/models] unknown 401",
        "openai bearer:api_key http/1.1 twilio [] unknown 401",
        "twilio basic:account_sid+basic:auth_token http/1.1  [] persona 404",
        "openai bearer:api_key http/1.1  [] persona 404",
    ]);
}

#[test]
fn a_changed_key_is_nobodys() {
    let mut stage = Stage::new(8, KINDS);
    let handles = [
        ("twilio", "account_sid"),
        ("twilio", "auth_token"),
        ("openai", "api_key"),
        ("github-pat", "token"),
        ("jasmin-http", "username"),
        ("jasmin-http", "password"),
        ("aws-access-key", "access_key_id"),
        ("aws-access-key", "secret_access_key"),
    ];
    let mut known: Vec<(&str, Minted)> = Vec::new();
    for kind in KINDS {
        known.push((kind, stage.mint("good", kind)));
    }
    let field = |kind: &str, name: &str| {
        let (_, minted) = known
            .iter()
            .find(|(known, _)| *known == kind)
            .expect("minted");
        minted.field(name).to_owned()
    };
    for (kind, name) in handles {
        for value in changed(&field(kind, name)) {
            show(&stage, kind, &value);
        }
    }
    // The control of the control: unchanged, each of these ways is a trip.
    let token = field("github-pat", "token");
    show(&stage, "github-pat", &token);
    stage.assert_trips(&[
        "good bearer:token http/1.1 github-pat [GET /api/v3/user] accepted 200",
        "good basic:token http/1.1 github-pat [GET /api/v3/user] accepted 200",
        "good query:token http/1.1 github-pat [GET /api/v3/user] refused 401",
        "good header:token http/1.1 github-pat [GET /api/v3/user] refused 401",
        "good cookie:token http/1.1 github-pat [GET /api/v3/user] refused 401",
        "good form:token http/1.1 github-pat [] refused 401",
        "good json:token http/1.1 github-pat [] refused 401",
        "good path:token http/1.1 github-pat [] refused 401",
    ]);
}

/// Values that are not the one they were made from.
fn changed(value: &str) -> Vec<String> {
    let last = if value.ends_with('0') { "1" } else { "0" };
    let first = if value.starts_with('x') { "y" } else { "x" };
    let swapped: String = value
        .chars()
        .map(|c| {
            if c.is_ascii_lowercase() {
                c.to_ascii_uppercase()
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect();
    vec![
        format!("{}{last}", &value[..value.len() - 1]),
        format!("{first}{}", &value[1..]),
        value[..value.len() - 1].to_owned(),
        value[1..].to_owned(),
        format!("{value}0"),
        format!("0{value}"),
        swapped,
        value.chars().rev().collect(),
    ]
}

/// Shows a value to the host of a kind in every place where one may stand, in one run of curl.
fn show(stage: &Stage, kind: &str, value: &str) {
    let url = format!("http://{}", stage.address(kind));
    let user = format!("{url}/api/v3/user");
    let (bearer, own) = (
        format!("Authorization: Bearer {value}"),
        format!("X-Api-Key: {value}"),
    );
    let (query, path) = (
        format!("{user}?key={}", escaped(value)),
        format!("{url}/hook/{}", escaped(value)),
    );
    let (login, cookie) = (format!("x:{value}"), format!("key={value}"));
    let (form, json) = (format!("key={value}"), format!("{{\"key\":\"{value}\"}}"));
    let typed = "Content-Type: application/json";
    let requests: [&[&str]; 8] = [
        &["--header", &bearer, &user],
        &["--user", &login, &user],
        &[&query],
        &["--header", &own, &user],
        &["--cookie", &cookie, &user],
        &["--data-urlencode", &form, &url],
        &["--header", typed, "--data", &json, &url],
        &[&path],
    ];
    stage.curl(&requests.join(&"--next"));
}

/// Percent-encoding of what an AWS secret may hold.
fn escaped(value: &str) -> String {
    value.replace('+', "%2B").replace('/', "%2F")
}
