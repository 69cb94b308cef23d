//! Clients of clouds, code hosts and registries: boto3 in the bucket, Azure's and Google's packages,
//! python-gitlab, Hugging Face's, npm, pip, twine, git, and the protocol of container registries.

use lapwing_tests::{Minted, Ran};
use serde_json::{Value, json};

use crate::stage::{Stage, keys};

/// The canaries that a script of one kind is told of.
fn three(stage: &mut Stage, kind: &str) -> (Minted, Value) {
    let good = stage.mint("good", kind);
    let retired = stage.retired(kind);
    let stranger = stage.stranger(kind);
    let told =
        json!({ "good": keys(&good), "retired": keys(&retired), "stranger": keys(&stranger) });
    (good, told)
}

/// Compares the trips with lines in which words stand for what was drawn.
fn assert_lines(stage: &Stage, lines: &[&str], words: &[(&str, &str)]) {
    let placed: Vec<String> = lines
        .iter()
        .map(|line| {
            words
                .iter()
                .fold((*line).to_owned(), |line, (word, value)| {
                    line.replace(word, value)
                })
        })
        .collect();
    stage.assert_trips(&placed.iter().map(String::as_str).collect::<Vec<_>>());
}

fn denied(user: &str, status: u16, code: &str, action: &str, resource: &str) -> Value {
    let message = format!(
        "User: {user} is not authorized to perform: {action}{resource} because no identity-based policy allows the {action} action"
    );
    json!({ "error": "ClientError", "status": status, "code": code, "message": message })
}

/// What boto3 says of the bucket that the keys are for, and of the services they may use.
fn assert_bucket(said: &Value, good: &Minted, user: &str) {
    let bucket = good.field("bucket");
    let list = |configuration: bool, dumps: bool, folders: &[&str], last: &Value| json!({ "configuration": configuration, "dumps": dumps, "folders": folders, "counts": true, "whole": true, "last": last });
    let dump = &said["old list"]["last"];
    assert!(dump.as_str().is_some_and(|key| key.starts_with("dumps/")));
    let mut put = denied(
        user,
        403,
        "AccessDenied",
        "s3:PutObject",
        &format!(" on resource: \"arn:aws:s3:::{bucket}/loot\""),
    );
    let mut acl = denied(
        user,
        403,
        "AccessDenied",
        "s3:GetBucketAcl",
        &format!(" on resource: \"arn:aws:s3:::{bucket}\""),
    );
    let mut models = denied(
        user,
        403,
        "AccessDeniedException",
        "bedrock:ListFoundationModels",
        "",
    );
    // Some errors have classes of their own.
    put["error"] = json!("AccessDenied");
    acl["error"] = json!("AccessDenied");
    models["error"] = json!("AccessDeniedException");
    let host = good.field("beacon.url");
    let host = host
        .trim_start_matches("http://")
        .split(':')
        .next()
        .unwrap_or_default();
    let identity = said["identities"][0].as_str().expect("an identity");
    assert!(identity.ends_with(&format!(".{host}")), "{identity}");
    let expected = json!({
        "identity": user,
        "buckets": [bucket, format!("{bucket}-restore")],
        "location": good.field("region"),
        "head": good.field("region"),
        "new list": list(true, true, &[], dump),
        "old list": list(true, true, &[], dump),
        "folders": list(true, false, &["dumps/"], &json!("backup.conf")),
        "one folder": list(false, true, &[], dump),
        "nothing": list(false, false, &[], &Value::Null),
        "configuration": { "size": true, "bucket": true },
        "dump": { "error": "InvalidObjectState", "status": 403, "code": "InvalidObjectState", "message": "The operation is not valid for the object's storage class" },
        "none": { "error": "NoSuchKey", "status": 404, "code": "NoSuchKey", "message": "The specified key does not exist." },
        "put": put,
        "acl": acl,
        "quota": 50000.0,
        "statistics": 4,
        "identities": [identity],
        "account": true,
        "mail": 60,
        "sandbox": false,
        "attributes": "Transactional",
        "text": 36,
        "bad number": { "error": "InvalidParameterException", "status": 400, "code": "InvalidParameter", "message": "Invalid parameter: PhoneNumber Reason: 1 is not valid to publish to" },
        "alarms": denied(user, 400, "AccessDeniedException", "cloudwatch:DescribeAlarms", ""),
        "functions": denied(user, 403, "AccessDeniedException", "lambda:ListFunctions", ""),
        "models": models,
    });
    for (name, expected) in expected.as_object().expect("an object") {
        assert_eq!(&said[name], expected, "{name}");
    }
    assert_eq!(
        said.as_object().map(|said| said.len()),
        expected.as_object().map(|all| all.len())
    );
}

/// Rule, status, action, service, and what else is captured.
const AWS_TRIPS: &[(&str, u16, &str, &str, &str)] = &[
    ("POST /", 200, "GetCallerIdentity", "sts", ""),
    ("GET /", 200, "ListAllMyBuckets", "s3", ""),
    ("GET /{bucket}", 200, "GetBucketLocation", "s3", ""),
    ("GET /{bucket}", 200, "ListBucket", "s3", ""),
    ("GET /{bucket}", 200, "ListBucket", "s3", ""),
    ("GET /{bucket}", 200, "ListBucket", "s3", ""),
    ("GET /{bucket}", 200, "ListBucket", "s3", ""),
    (
        "GET /{bucket}",
        200,
        "ListBucket",
        "s3",
        r#","s3.prefix":["dumps/"]"#,
    ),
    (
        "GET /{bucket}",
        200,
        "ListBucket",
        "s3",
        r#","s3.prefix":["secret/"]"#,
    ),
    ("GET /{bucket}", 200, "ListBucket", "s3", ""),
    (
        "GET /{bucket}/backup.conf",
        200,
        "GetObject",
        "s3",
        r#","s3.key":["BUCKET/backup.conf"]"#,
    ),
    (
        "GET /{bucket}",
        200,
        "ListBucket",
        "s3",
        r#","s3.prefix":["dumps/"]"#,
    ),
    (
        "GET /{bucket}/dumps/{dump}.sql.gz",
        403,
        "GetObject",
        "s3",
        r#","s3.key":["BUCKET/DUMP"]"#,
    ),
    (
        "GET /{bucket}/**",
        404,
        "GetObject",
        "s3",
        r#","s3.key":["BUCKET/none"]"#,
    ),
    ("* /**", 403, "PutObject", "s3", ""),
    ("* /{bucket}", 403, "GetBucketAcl", "s3", ""),
    ("POST /", 200, "GetSendQuota", "ses", ""),
    ("POST /", 200, "GetSendStatistics", "ses", ""),
    ("POST /", 200, "ListIdentities", "ses", ""),
    ("GET /v2/email/account", 200, "GetAccount", "ses", ""),
    (
        "POST /v2/email/outbound-emails",
        200,
        "SendEmail",
        "ses",
        r#","mail.body":["Hällo"],"mail.from":["a@example.org"],"mail.subject":["s"],"mail.to":["b@example.org"]"#,
    ),
    ("POST /", 200, "GetSMSSandboxAccountStatus", "sns", ""),
    ("POST /", 200, "GetSMSAttributes", "sns", ""),
    (
        "POST /",
        200,
        "Publish",
        "sns",
        r#","sms.body":["Hällo"],"sms.to":["+15005550006"]"#,
    ),
    (
        "POST /",
        400,
        "Publish",
        "sns",
        r#","sms.body":["Hällo"],"sms.to":["1"]"#,
    ),
    ("* /**", 400, "DescribeAlarms", "monitoring", ""),
    ("* /**", 403, "ListFunctions", "lambda", ""),
    ("* /**", 403, "ListFoundationModels", "bedrock", ""),
];

fn assert_boto3(net: u8, kind: &'static str, carriers: &str, user: fn(&Minted) -> String) {
    let mut stage = Stage::new(net, &[kind]);
    let good = stage.mint("good", kind);
    let told = json!({ "good": keys(&good), "to": "+15005550006", "body": "Hällo" });
    let said = stage.python("cloud_aws.py", &told);
    assert_bucket(&said, &good, &user(&good));
    let dump = said["old list"]["last"].as_str().expect("a key");
    let lines: Vec<String> = AWS_TRIPS
        .iter()
        .map(|(rule, status, action, service, more)| {
            let captured = format!(r#"{{"aws.action":["{action}"],"aws.region":["REGION"],"aws.service":["{service}"]{more}}}"#);
            format!("good {carriers} http/1.1 {kind} [{rule}] accepted {status} {captured}")
        })
        .collect();
    let words = [
        ("REGION", good.field("region")),
        ("BUCKET", good.field("bucket")),
        ("DUMP", dump),
    ];
    assert_lines(
        &stage,
        &lines.iter().map(String::as_str).collect::<Vec<_>>(),
        &words,
    );
}

#[test]
fn boto3_finds_a_bucket_and_services_to_send_with() {
    assert_boto3(60, "aws-access-key", "sigv4:access_key_id", |good| {
        format!(
            "arn:aws:iam::{}:user/{}",
            good.field("account"),
            good.field("user_name")
        )
    });
}

#[test]
fn temporary_credentials_are_those_of_a_role() {
    assert_boto3(
        61,
        "aws-session",
        "sigv4:access_key_id+header:session_token",
        |good| {
            let session = good.field("session_name");
            format!(
                "arn:aws:sts::{}:assumed-role/{}/{session}",
                good.field("account"),
                good.field("role_name")
            )
        },
    );
}

#[test]
fn azures_package_reads_a_container_by_its_connection_string() {
    let mut stage = Stage::new(62, &["azure-storage"]);
    let (good, told) = three(&mut stage, "azure-storage");
    let said = stage.python("cloud_azure.py", &told);
    let refused = json!({ "error": "ClientAuthenticationError", "status": 403, "code": "StorageErrorCode.AUTHENTICATION_FAILED" });
    let last = said["blobs"]["last"].as_str().expect("a name").to_owned();
    let container = good.field("container");
    assert_eq!(
        said,
        json!({
            "stranger": refused,
            "containers": [container, "insights-logs-auditevent"],
            "account": "Standard_LRS",
            "blobs": { "count": 6, "first": "backup.conf", "size": true, "archived": ["Archive"], "last": last },
            "configuration": { "size": true, "names itself": true },
            "archived": { "error": "ResourceExistsError", "status": 409, "code": "BlobArchived" },
            "none": { "error": "ResourceNotFoundError", "status": 404, "code": "BlobNotFound" },
            "elsewhere": { "error": "ResourceNotFoundError", "status": 404, "code": "ContainerNotFound" },
            "upload": { "error": "HttpResponseError", "status": 403, "code": "AuthorizationPermissionMismatch" },
            "wrong": refused,
            "retired": refused,
        })
    );
    let blob = last
        .trim_start_matches("dumps/")
        .trim_end_matches(".sql.gz");
    let lines = [
        "good bearer:account_name http/1.1 azure-storage [GET /] accepted 200",
        "good bearer:account_name http/1.1 azure-storage [GET|HEAD /] accepted 200",
        r#"good bearer:account_name http/1.1 azure-storage [GET /{container}] accepted 200 {"azure.container":["CONTAINER"]}"#,
        r#"good bearer:account_name http/1.1 azure-storage [GET /{container}] accepted 200 {"azure.container":["CONTAINER"]}"#,
        r#"good bearer:account_name http/1.1 azure-storage [GET /{container}/backup.conf] accepted 206 {"azure.container":["CONTAINER"]}"#,
        r#"good bearer:account_name http/1.1 azure-storage [GET /{container}] accepted 200 {"azure.container":["CONTAINER"]}"#,
        r#"good bearer:account_name http/1.1 azure-storage [GET /{container}] accepted 200 {"azure.container":["CONTAINER"]}"#,
        r#"good bearer:account_name http/1.1 azure-storage [GET /{container}/dumps/{blob}.sql.gz] accepted 409 {"azure.blob":["BLOB"],"azure.container":["CONTAINER"]}"#,
        r#"good bearer:account_name http/1.1 azure-storage [GET|HEAD /{container}/**] accepted 404 {"azure.container":["CONTAINER"]}"#,
        "good bearer:account_name http/1.1 azure-storage [] accepted 404",
        r#"good bearer:account_name http/1.1 azure-storage [PUT|DELETE|POST /{anything}/**] accepted 403 {"azure.container":["CONTAINER"]}"#,
        "good bearer:account_name http/1.1 azure-storage [GET /] bad-signature 403",
        "retired bearer:account_name http/1.1 azure-storage [GET /] revoked 403",
    ];
    assert_lines(&stage, &lines, &[("CONTAINER", container), ("BLOB", blob)]);
}

#[test]
fn googles_package_gets_a_token_for_the_file() {
    let mut stage = Stage::new(63, &["gcp-service-account"]);
    let (_, told) = three(&mut stage, "gcp-service-account");
    let said = stage.python("cloud_google.py", &told);
    let refused = |message: &str| json!({ "error": "RefreshError", "message": format!("invalid_grant: {message}") });
    assert_eq!(
        said,
        json!({
            "stranger": refused("Invalid grant: account not found"),
            "token": { "token": true, "valid": true },
            "wrong key": refused("Invalid JWT Signature."),
            "retired": refused("Invalid grant: account not found"),
        })
    );
    let line = |who: &str, outcome: &str| {
        format!(
            r#"{who} form:private_key_id+form:client_email http/1.1 gcp-service-account [POST /token] {outcome} {{"oauth.scope":["https://www.googleapis.com/auth/devstorage.read_only"]}}"#
        )
    };
    stage.assert_trips(&[
        &line("good", "accepted 200"),
        &line("good", "bad-signature 400"),
        &line("retired", "revoked 400"),
    ]);
}

#[test]
fn python_gitlab_takes_the_answers_for_gitlabs() {
    let mut stage = Stage::new(64, &["gitlab-pat"]);
    let (good, told) = three(&mut stage, "gitlab-pat");
    let said = stage.python("cloud_gitlab.py", &told);
    let id: u64 = good.field("user_id").parse().expect("a number");
    let user = json!({ "name": good.field("username"), "id": id, "state": "active" });
    let refused = json!({ "error": "GitlabAuthenticationError", "status": 401, "message": "401 Unauthorized" });
    assert_eq!(
        said,
        json!({
            "stranger": refused,
            "user": user,
            "bearer": user,
            "token": { "active": true, "revoked": false, "user": id, "scopes": ["api", "read_repository", "write_repository"] },
            "version": "17",
            "projects": [{ "private": true, "host": true }],
            "groups": [],
            "project": { "error": "GitlabGetError", "status": 404, "message": "404 Project Not Found" },
            "variables": { "error": "GitlabListError", "status": 403, "message": "403 Forbidden" },
            "retired": { "error": "GitlabAuthenticationError", "status": 401, "message": "invalid_token" },
        })
    );
    stage.assert_trips(&[
        "good header:token http/1.1 gitlab-pat [GET /api/v4/user] accepted 200",
        "good bearer:token http/1.1 gitlab-pat [GET /api/v4/user] accepted 200",
        "good header:token http/1.1 gitlab-pat [GET /api/v4/personal_access_tokens/self] accepted 200",
        "good header:token http/1.1 gitlab-pat [GET /api/v4/version] accepted 200",
        "good header:token http/1.1 gitlab-pat [GET /api/v4/projects] accepted 200",
        "good header:token http/1.1 gitlab-pat [GET /api/v4/groups] accepted 200",
        r#"good header:token http/1.1 gitlab-pat [* /api/v4/projects/{project}/**] accepted 404 {"git.repository":["platform/secrets"]}"#,
        r#"good header:token http/1.1 gitlab-pat [* /api/v4/projects/{project}/variables] accepted 403 {"git.repository":["7"]}"#,
        "retired header:token http/1.1 gitlab-pat [GET /api/v4/user] revoked 401",
    ]);
}

#[test]
fn hugging_faces_package_takes_the_answers_for_the_hubs() {
    let mut stage = Stage::new(65, &["huggingface"]);
    let (good, told) = three(&mut stage, "huggingface");
    let said = stage.python("cloud_models.py", &told);
    let refused = json!({ "error": "HfHubHTTPError", "status": 401, "said": null });
    assert_eq!(
        said,
        json!({
            "stranger": refused,
            "user": { "name": good.field("username"), "type": "user", "role": "write" },
            "models": [],
            "model": { "error": "RepositoryNotFoundError", "status": 404, "said": "Repository not found" },
            "create": { "error": "HfHubHTTPError", "status": 403, "said": "You don't have the rights to create a repository under this namespace" },
            "retired": refused,
        })
    );
    stage.assert_trips(&[
        "good bearer:token http/1.1 huggingface [GET /api/whoami-v2] accepted 200",
        r#"good bearer:token http/1.1 huggingface [GET /api/models] accepted 200 {"model.query":["llama"]}"#,
        r#"good bearer:token http/1.1 huggingface [GET|HEAD /api/models/{owner}/{name}] accepted 404 {"model.name":["secret"],"model.owner":["acme"]}"#,
        r#"good bearer:token http/1.1 huggingface [POST /api/repos/create] accepted 403 {"model.name":["loot"]}"#,
        "retired bearer:token http/1.1 huggingface [GET /api/whoami-v2] revoked 401",
    ]);
}

#[test]
fn git_clones_the_repository_that_the_token_sees() {
    let mut stage = Stage::new(66, &["github-pat"]);
    let good = stage.mint("good", "github-pat");
    let (owner, repository) = (good.field("owner"), good.field("repository"));
    let address = stage.address("github-pat");
    let token = good.field("token");
    let url = format!("http://x:{token}@{address}/{owner}/{repository}.git");
    let git = |args: &[&str]| {
        let Ran {
            code,
            stdout,
            stderr,
        } = stage.run("git", &[&["-c", "credential.helper="], args].concat());
        assert!(code == 0 && stderr.is_empty(), "{args:?}: {stderr}");
        stdout
    };
    git(&["clone", "--quiet", &url, "copy"]);
    let authors = git(&["-C", "copy", "log", "--format=%an"]);
    assert_eq!(authors, format!("{0}\n{0}\n", good.field("login")));
    let files = git(&["-C", "copy", "ls-files"]);
    assert_eq!(files, "NOTES\nREADME.md\ndeploy.sh\n");
    git(&["-C", "copy", "fsck", "--strict", "--no-progress"]);
    let captured = format!(r#"{{"git.owner":["{owner}"],"git.repository":["{repository}"]}}"#);
    stage.assert_trips(&[
        &format!("good basic:token http/1.1 github-pat [GET /{{owner}}/{{repository}}.git/info/refs] accepted 200 {captured}"),
        &format!("good basic:token http/1.1 github-pat [POST /{{owner}}/{{repository}}.git/git-upload-pack] accepted 200 {captured}"),
        &format!("good basic:token http/1.1 github-pat [POST /{{owner}}/{{repository}}.git/git-upload-pack] accepted 200 {captured}"),
    ]);
}
