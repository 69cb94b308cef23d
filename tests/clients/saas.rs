//! Clients of the vendors whose keys lie in applications: models, payments, chat, errors, secrets, clusters
//! and storage. Each takes the answers for its vendor's, and each call is a trip.

use serde_json::{Value, json};

use crate::stage::{Stage, keys};

const TEXT: &str = "Gr\u{fc}\u{df}e \"x\" <b> \u{1f600}";

/// The trips so far without the claims of each, with how often each line came in a row.
fn told(stage: &Stage, n: usize) -> Vec<String> {
    let trips = stage.trips(n);
    let mut lines: Vec<(String, usize)> = Vec::new();
    for trip in &trips {
        let decoy = &trip["decoy"];
        let line = format!(
            "{} [{}] {} {}",
            decoy["kind"].as_str().unwrap_or_default(),
            decoy["rule"].as_str().unwrap_or_default(),
            decoy["outcome"].as_str().unwrap_or_default(),
            decoy["status"]
        );
        match lines.last_mut() {
            Some((last, count)) if *last == line => *count += 1,
            _ => lines.push((line, 1)),
        }
    }
    lines
        .into_iter()
        .map(|(line, count)| match count {
            1 => line,
            _ => format!("{line} x{count}"),
        })
        .collect()
}

/// All values captured under a name, in the order of the trips.
fn captured(stage: &Stage, n: usize, name: &str) -> Vec<Value> {
    let trips = stage.trips(n);
    let lists = trips
        .iter()
        .filter_map(|trip| trip["claims"]["captured"][name].as_array());
    lists.flatten().cloned().collect()
}

#[test]
fn anthropics_package_is_answered_whole_and_in_a_stream() {
    let mut stage = Stage::new(40, &["anthropic"]);
    let good = stage.mint("good", "anthropic");
    let retired = stage.retired("anthropic");
    let stranger = stage.stranger("anthropic");
    let said = stage.python(
        "saas_anthropic.py",
        &json!({ "good": keys(&good), "retired": keys(&retired), "stranger": keys(&stranger), "prompt": TEXT }),
    );
    let failed = |error: &str, status: u16, kind: &str| json!({ "error": error, "status": status, "type": kind, "request id": true });
    let refused = failed("AuthenticationError", 401, "authentication_error");
    let message = json!({
        "text": true, "model": "claude-sonnet-4-5-20250929", "stop": "end_turn", "id": true, "tokens": true,
    });
    let mut streamed = message.clone();
    streamed["pieces"] = json!(true);
    assert_eq!(said["models"].as_array().map(Vec::len), Some(5));
    let mut said = said;
    said["models"].take();
    assert_eq!(
        said,
        json!({
            "stranger": refused, "models": null, "message": message, "stream": streamed, "count": true,
            "no model": failed("BadRequestError", 400, "invalid_request_error"),
            "nothing there": failed("NotFoundError", 404, "not_found_error"), "bearer": "model", "retired": refused,
        })
    );
    assert_eq!(
        told(&stage, 8),
        [
            "anthropic [GET /v1/models] accepted 200",
            "anthropic [POST /v1/messages] accepted 200 x2",
            "anthropic [POST /v1/messages/count_tokens] accepted 200",
            "anthropic [POST /v1/messages] accepted 400",
            "anthropic [] accepted 404",
            "anthropic [GET /v1/models] accepted 200",
            "anthropic [GET /v1/models] revoked 401",
        ]
    );
    let asked = captured(&stage, 8, "llm.messages");
    assert_eq!(asked.len(), 4);
    assert!(
        asked[0]
            .as_str()
            .is_some_and(|text| text.contains("Gr\u{fc}\u{df}e")),
        "{asked:?}"
    );
}

#[test]
fn stripes_package_finds_its_account_and_the_customer_it_made() {
    let mut stage = Stage::new(41, &["stripe-live", "stripe-restricted"]);
    let good = stage.mint("good", "stripe-live");
    let restricted = stage.mint("restricted", "stripe-restricted");
    let retired = stage.retired("stripe-live");
    let stranger = stage.stranger("stripe-live");
    let said = stage.python(
        "saas_stripe.py",
        &json!({
            "good": keys(&good), "retired": keys(&retired), "stranger": keys(&stranger),
            "restricted": keys(&restricted), "email": "ada@example.org", "name": TEXT,
        }),
    );
    let failed = |error: &str, status: u16, code: Value| json!({ "error": error, "status": status, "code": code, "request id": true });
    assert_eq!(
        said,
        json!({
            "stranger": failed("AuthenticationError", 401, json!(null)),
            "account": {
                "id": format!("acct_{}", good.field("account")), "charges": true, "type": "standard", "country": 2,
            },
            "balance": { "live": true, "funds": true, "currency": "eur" },
            "charges": [],
            "customer": { "id": true, "email": "ada@example.org", "same": true, "listed": true },
            "no customer": failed("InvalidRequestError", 404, json!("resource_missing")),
            "payment": failed("CardError", 402, json!("card_declined")),
            "retired": failed("AuthenticationError", 401, json!(null)),
            "restricted": true,
            "beyond": failed("PermissionError", 403, json!(null)),
        })
    );
    assert_eq!(told(&stage, 11).len(), 11);
    assert_eq!(captured(&stage, 11, "payment.amount"), ["4200"]);
    assert_eq!(captured(&stage, 11, "payment.email"), ["ada@example.org"]);
}

#[test]
fn slacks_package_speaks_and_reads_what_it_said() {
    let mut stage = Stage::new(42, &["slack-bot", "slack-user", "slack-webhook"]);
    let bot = stage.mint("bot", "slack-bot");
    let user = stage.mint("user", "slack-user");
    let hook = stage.mint("hook", "slack-webhook");
    let retired = stage.retired("slack-bot");
    let stranger = stage.stranger("slack-bot");
    let strange_hook = stage.stranger("slack-webhook");
    let said = stage.python(
        "saas_slack.py",
        &json!({
            "bot": keys(&bot), "user": keys(&user), "hook": keys(&hook), "retired": keys(&retired),
            "stranger": keys(&stranger), "strange hook": keys(&strange_hook), "text": TEXT,
        }),
    );
    let failed = |word: &str| json!({ "error": "SlackApiError", "said": word });
    let me = |of: &lapwing_tests::Minted, bot: bool| {
        json!({
            "ok": true, "team_id": of.field("team_id"), "user_id": of.field("user_id"),
            "is_enterprise_install": false, "bot": bot,
        })
    };
    assert_eq!(
        said,
        json!({
            "stranger": failed("invalid_auth"), "bot": me(&bot, true), "user": me(&user, false),
            "channels": [bot.field("channel")],
            "said": { "ok": true, "text": TEXT, "channel": bot.field("channel"), "same": true },
            "history": [TEXT], "beyond": failed("missing_scope"), "hook": [200, "ok"],
            "strange hook": [404, "no_service"], "retired": failed("account_inactive"),
        })
    );
    assert_eq!(told(&stage, 8).len(), 8);
    assert_eq!(captured(&stage, 8, "chat.text"), [TEXT, TEXT]);
}

#[test]
fn telegrams_bots_are_known_by_their_number() {
    let mut stage = Stage::new(43, &["telegram"]);
    let good = stage.mint("good", "telegram");
    let retired = stage.retired("telegram");
    let stranger = stage.stranger("telegram");
    let said = stage.python(
        "saas_telegram.py",
        &json!({ "good": keys(&good), "retired": keys(&retired), "stranger": keys(&stranger), "chat": 4711, "text": TEXT }),
    );
    assert_eq!(said["stranger"]["error"], "InvalidToken");
    assert_eq!(said["retired"]["error"], "InvalidToken");
    assert_eq!(
        said["me"],
        json!({ "id": good.field("bot_id"), "bot": true, "name": good.field("username") })
    );
    assert_eq!(said["updates"], json!([]));
    assert_eq!(
        said["send"],
        json!({ "error": "BadRequest", "said": "Chat not found" })
    );
    let n = told_until_revoked(&stage);
    assert_eq!(captured(&stage, n, "chat.to"), ["4711"]);
    assert_eq!(captured(&stage, n, "chat.text"), [TEXT]);
}

/// The package asks getMe whenever it starts: three times with the good token, once with the retired one.
fn told_until_revoked(stage: &Stage) -> usize {
    let lines = told(stage, 7);
    assert_eq!(
        lines.last().map(String::as_str),
        Some("telegram [GET|POST /{bot}/getMe] revoked 401")
    );
    7
}

#[test]
fn sentrys_package_delivers_its_events() {
    let mut stage = Stage::new(44, &["sentry-dsn"]);
    let good = stage.mint("good", "sentry-dsn");
    let stranger = stage.stranger("sentry-dsn");
    let said = stage.python(
        "saas_sentry.py",
        &json!({ "good": keys(&good), "stranger": keys(&stranger), "release": "api@1", "message": TEXT }),
    );
    assert_eq!(said["good"], json!({ "id": 32, "refused": 0 }));
    assert_ne!(said["stranger"]["refused"], 0, "{said}");
    assert_eq!(
        told(&stage, 1),
        ["sentry-dsn [POST /api/{project}/envelope/] accepted 200"]
    );
}

#[test]
fn hvac_reads_secrets_and_logs_in_with_a_role() {
    let mut stage = Stage::new(45, &["vault", "vault-approle"]);
    let good = stage.mint("good", "vault");
    let role = stage.mint("role", "vault-approle");
    let retired = stage.retired("vault");
    let stranger = stage.stranger("vault");
    let said = stage.python(
        "saas_vault.py",
        &json!({ "good": keys(&good), "role": keys(&role), "retired": keys(&retired), "stranger": keys(&stranger) }),
    );
    let denied = |said: &str| json!({ "error": "Forbidden", "said": [said] });
    let unknown = denied("2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n");
    assert_eq!(
        said,
        json!({
            "stranger": unknown,
            "health": { "initialized": true, "sealed": false, "standby": false },
            "in": true,
            "me": {
                "id": good.field("token"), "accessor": good.field("accessor"), "type": "service",
                "policies": ["ci-reader", "default"], "ttl": true,
            },
            "secrets": {
                "top": [format!("{}/", good.field("app")), "shared"], "under": ["config", "session"],
                "config": ["feature_flags", "log_level", "workers"],
            },
            "missing": { "error": "InvalidPath", "said": [] },
            "beyond": denied("1 error occurred:\n\t* permission denied\n\n"),
            "role": { "role": role.field("role"), "me": true, "accessor": role.field("accessor") },
            "wrong role": { "error": "InvalidRequest", "said": ["invalid role or secret ID"] },
            "retired": unknown,
        })
    );
    let lines = told(&stage, 12);
    assert_eq!(
        lines.last().map(String::as_str),
        Some("vault [GET /v1/auth/token/lookup-self] revoked 403"),
        "{lines:#?}"
    );
}

#[test]
fn the_kubernetes_client_goes_by_the_kubeconfig_as_it_was_minted() {
    let mut stage = Stage::new(46, &["kubeconfig"]);
    let good = stage.mint("good", "kubeconfig");
    let retired = stage.retired("kubeconfig");
    let stranger = stage.stranger("kubeconfig");
    let said = stage.python(
        "saas_kubernetes.py",
        &json!({ "good": keys(&good), "retired": keys(&retired), "stranger": keys(&stranger) }),
    );
    let space = good.field("namespace");
    let me = format!("system:serviceaccount:{space}:{}", good.field("account"));
    let unknown = json!({ "error": "UnauthorizedException", "status": 401, "kind": "Status", "reason": "Unauthorized", "message": "Unauthorized" });
    let forbidden = |place: &str| {
        json!({
            "error": "ForbiddenException", "status": 403, "kind": "Status", "reason": "Forbidden",
            "message": format!("secrets is forbidden: User \"{me}\" cannot list resource \"secrets\" in API group \"\" {place}"),
        })
    };
    assert_eq!(
        said,
        json!({
            "stranger": unknown,
            "version": ["1", "30"],
            "versions": ["v1"],
            "groups": ["apps", "authorization.k8s.io", "rbac.authorization.k8s.io"],
            "resources": true,
            "allowed": [true, false, false],
            "rules": {
                "incomplete": false,
                "resources": [
                    "configmaps", "deployments", "namespaces", "pods", "secrets", "selfsubjectaccessreviews",
                    "selfsubjectrulesreviews", "services",
                ],
            },
            "namespaces": [space, "default", "kube-system"],
            "pods": [[space, "Running"]],
            "secrets": [["Opaque", ["SESSION_KEY"]]],
            "all secrets": forbidden("at the cluster scope"),
            "elsewhere": forbidden("in the namespace \"kube-system\""),
            "retired": unknown,
        })
    );
    assert_eq!(captured(&stage, 14, "k8s.verb"), ["list", "delete", "list"]);
    assert_eq!(
        told(&stage, 14).last().map(String::as_str),
        Some("kubeconfig [GET /api/v1/namespaces] revoked 401")
    );
}

#[test]
fn the_kubernetes_client_is_known_by_the_path_when_it_has_a_certificate() {
    let mut stage = Stage::new(70, &["kubeconfig-cert"]);
    let good = stage.mint("good", "kubeconfig-cert");
    let retired = stage.retired("kubeconfig-cert");
    let stranger = stage.stranger("kubeconfig-cert");
    let said = stage.python(
        "saas_kubernetes_cert.py",
        &json!({ "good": keys(&good), "retired": keys(&retired), "stranger": keys(&stranger) }),
    );
    let me = good.field("user");
    let forbidden = |message: &str| {
        json!({
            "error": "ForbiddenException", "status": 403, "kind": "Status", "reason": "Forbidden",
            "message": message,
        })
    };
    assert_eq!(
        said,
        json!({
            "stranger": { "error": "NotFoundException", "status": 404, "said": "404 page not found\n" },
            "files": [true, true],
            "version": "30",
            "groups": ["apps", "authorization.k8s.io", "rbac.authorization.k8s.io"],
            "resources": true,
            "me": [me, [good.field("organization"), "system:authenticated"]],
            "allowed": false,
            "pods": forbidden(&format!(
                "pods is forbidden: User \"{me}\" cannot list resource \"pods\" in API group \"\" in the namespace \"payments\""
            )),
            "secret": forbidden(&format!(
                "secrets \"db\" is forbidden: User \"{me}\" cannot get resource \"secrets\" in API group \"\" in the namespace \"payments\""
            )),
            "deployments": forbidden(&format!(
                "deployments is forbidden: User \"{me}\" cannot list resource \"deployments\" in API group \"apps\" at the cluster scope"
            )),
            "retired": {
                "error": "UnauthorizedException", "status": 401, "kind": "Status", "reason": "Unauthorized",
                "message": "Unauthorized",
            },
        })
    );
    assert_eq!(captured(&stage, 9, "k8s.name"), ["db"]);
}

#[test]
fn boto3_lists_the_bucket_and_may_read_no_dump() {
    let mut stage = Stage::new(47, &["s3-compatible"]);
    let good = stage.mint("good", "s3-compatible");
    let retired = stage.retired("s3-compatible");
    let stranger = stage.stranger("s3-compatible");
    let said = stage.python(
        "saas_s3.py",
        &json!({ "good": keys(&good), "retired": keys(&retired), "stranger": keys(&stranger) }),
    );
    let failed = |error: &str, code: &str, status: u16| json!({ "error": error, "code": code, "status": status });
    assert_eq!(
        said,
        json!({
            "stranger": failed("ClientError", "InvalidAccessKeyId", 403),
            "forged": failed("ClientError", "SignatureDoesNotMatch", 403),
            "buckets": [good.field("bucket")],
            "head": 200,
            "objects": { "count": true, "sizes": true, "folders": ["archive/", "dumps/"], "dumps": [true, true], "same": true },
            "note": { "size": true, "tag": true },
            "dump": failed("AccessDenied", "AccessDenied", 403),
            "write": failed("AccessDenied", "AccessDenied", 403),
            "other": failed("NoSuchBucket", "NoSuchBucket", 404),
            "retired": failed("ClientError", "InvalidAccessKeyId", 403),
        })
    );
    let lines = told(&stage, 14);
    assert_eq!(lines[0], "s3-compatible [GET /] bad-signature 403");
    assert_eq!(captured(&stage, 14, "s3.bucket"), ["none-of-ours"]);
}
