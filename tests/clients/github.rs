//! PyGithub, git and wget.

use lapwing_tests::Ran;
use serde_json::json;

use crate::stage::{Stage, keys};

#[test]
fn pygithub_takes_the_answers_for_githubs() {
    let mut stage = Stage::new(3, &["github-pat"]);
    let good = stage.mint("good", "github-pat");
    let retired = stage.retired("github-pat");
    let stranger = stage.stranger("github-pat");
    let said = stage.python(
        "call_github.py",
        &json!({ "good": keys(&good), "retired": keys(&retired), "stranger": keys(&stranger) }),
    );
    let refused =
        json!({ "error": "BadCredentialsException", "status": 401, "message": "Bad credentials" });
    let id: u64 = good.field("user_id").parse().expect("a number");
    assert_eq!(
        said,
        json!({
            "stranger": refused,
            "user": {
                "login": good.field("login"), "id": id, "type": "User", "in order": true,
                "scopes": ["repo", "workflow"],
            },
            "repositories": [{ "private": true, "full": true, "push": true, "in order": true }],
            "organisations": [],
            "rate": { "limit": 5000, "adds up": true, "within an hour": true, "headers": true, "reset": true },
            "repository": { "error": "UnknownObjectException", "status": 404, "message": "Not Found" },
            "login": good.field("login"),
            "retired": refused,
        })
    );
    stage.assert_trips(&[
        "good bearer:token http/1.1 github-pat [GET /api/v3/user] accepted 200",
        "good bearer:token http/1.1 github-pat [GET /api/v3/user/repos] accepted 200",
        "good bearer:token http/1.1 github-pat [GET /api/v3/user/orgs] accepted 200",
        "good bearer:token http/1.1 github-pat [GET /api/v3/rate_limit] accepted 200",
        r#"good bearer:token http/1.1 github-pat [* /api/v3/repos/{group}/{name}/**] accepted 404 {"git.owner":["platform"],"git.repository":["secrets"]}"#,
        "good basic:token http/1.1 github-pat [GET /api/v3/user] accepted 200",
        "retired bearer:token http/1.1 github-pat [GET /api/v3/user] revoked 401",
    ]);
}

#[test]
fn git_is_asked_for_a_login_and_told_that_there_is_no_repository() {
    let mut stage = Stage::new(4, &["github-pat"]);
    let good = stage.mint("good", "github-pat");
    let stranger = stage.stranger("github-pat");
    let address = stage.address("github-pat");
    let clone = |token: &str| {
        let url = format!("http://ci:{token}@{address}/platform/secrets.git");
        let Ran { code, stderr, .. } = stage.run(
            "git",
            &["-c", "credential.helper=", "clone", "--quiet", &url, "copy"],
        );
        assert_eq!(code, 128, "{stderr}");
        stderr
    };
    let told = clone(stranger.field("token"));
    assert!(
        told.starts_with("remote: Invalid username or password.\nfatal: Authentication failed"),
        "{told}"
    );
    let told = clone(good.field("token"));
    assert!(
        told.starts_with("remote: Repository not found.\nfatal: repository"),
        "{told}"
    );
    let header = format!("--header=Authorization: token {}", good.field("token"));
    let url = format!("http://{address}/api/v3/user/orgs");
    let Ran {
        code,
        stdout,
        stderr,
    } = stage.run("wget", &["--quiet", "--output-document=-", &header, &url]);
    assert_eq!((code, stdout.as_str()), (0, "[]"), "{stderr}");
    stage.assert_trips(&[
        r#"good basic:token http/1.1 github-pat [GET|POST /{group}/{name}/info/refs] accepted 404 {"git.owner":["platform"],"git.repository":["secrets.git"]}"#,
        "good bearer:token http/1.1 github-pat [GET /api/v3/user/orgs] accepted 200",
    ]);
}
