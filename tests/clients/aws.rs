//! boto3, the `aws` command line with a planted profile, and presigned addresses in curl.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use lapwing_tests::{Minted, Ran, venv};
use serde_json::{Map, Value, json};

use crate::stage::{Stage, keys};

/// Everything that canonical requests are got wrong over, as in the script.
const ODD: &str = "a b/ü+%20&=~!'()*;,:@$é漢/x";

#[test]
fn boto3_takes_the_answers_for_awss() {
    let mut stage = Stage::new(9, &["aws-access-key"]);
    let good = stage.mint("good", "aws-access-key");
    let retired = stage.retired("aws-access-key");
    let stranger = stage.stranger("aws-access-key");
    let file = stage.home.path().join("upload");
    fs::write(&file, "payload").expect("a file is written");
    let said = stage.python(
        "call_aws.py",
        &json!({
            "good": keys(&good), "retired": keys(&retired), "stranger": keys(&stranger), "file": file,
            "to": "+15005550006", "body": "Hällo & <b>",
        }),
    );
    let expected = expected(&good);
    for (name, expected) in expected.as_object().expect("an object") {
        assert_eq!(&said[name], expected, "{name}");
    }
    assert_eq!(
        said.as_object().map(|said| said.len()),
        expected.as_object().map(|all| all.len())
    );
    let placed = |line: &&str| {
        line.replace("REGION", good.field("region"))
            .replace("OTHER", retired.field("region"))
    };
    let lines: Vec<String> = TRIPS.iter().map(placed).collect();
    stage.assert_trips(&lines.iter().map(String::as_str).collect::<Vec<_>>());
}

fn arn(keys: &Minted) -> String {
    format!(
        "arn:aws:iam::{}:user/{}",
        keys.field("account"),
        keys.field("user_name")
    )
}

fn failed(status: u16, code: &str, message: &str) -> Value {
    json!({
        "error": "ClientError", "status": status, "code": code, "message": message, "request id": true,
    })
}

/// AWS's way to say no to one user.
struct Denial {
    user: String,
}

impl Denial {
    fn not(&self, action: &str) -> String {
        format!("User: {} is not authorized to perform: {action}", self.user)
    }

    fn query(&self, action: &str) -> Value {
        failed(
            403,
            "AccessDenied",
            &format!("{} {}", self.not(action), because(action)),
        )
    }

    fn json(&self, action: &str) -> Value {
        let message = format!("{} {}", self.not(action), because(action));
        failed(400, "AccessDeniedException", &message)
    }

    fn on(&self, action: &str, resource: &str) -> String {
        format!(
            "{} on resource: {resource} {}",
            self.not(action),
            because(action)
        )
    }

    fn s3(&self, action: &str, resource: &str) -> Value {
        let message = self.on(action, &format!("\"arn:aws:s3:::{resource}\""));
        failed(403, "AccessDenied", &message)
    }

    fn rest(&self, action: &str) -> Value {
        let message = format!("{} {}", self.not(action), because(action));
        failed(403, "AccessDeniedException", &message)
    }
}

fn because(action: &str) -> String {
    format!("because no identity-based policy allows the {action} action")
}

/// What each call came to: AWS's codes, and messages that all name the user whom the key belongs to.
fn expected(good: &Minted) -> Value {
    let mut all = refusals();
    all.append(&mut answers(good));
    all.append(&mut presigned());
    Value::Object(all)
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

fn answers(good: &Minted) -> Map<String, Value> {
    let account = account_in(good.field("access_key_id"));
    assert_eq!(account, good.field("account"), "as everybody can decode it");
    let no = Denial { user: arn(good) };
    let odd = format!("backups/{ODD}");
    let instances = "ec2:DescribeInstances";
    let instances = format!(
        "You are not authorized to perform this operation. {} {}",
        no.not(instances),
        because(instances)
    );
    let model = format!(
        "arn:aws:bedrock:{}::foundation-model/anthropic.claude-v2:1",
        good.field("region")
    );
    object(json!({
        "identity": { "UserId": good.field("user_id"), "Account": account, "Arn": no.user },
        "buckets": { "count": 2, "named": [true, true] },
        "list": no.s3("s3:ListBucket", "backups"),
        "get": no.s3("s3:GetObject", &odd),
        "dots": no.s3("s3:GetObject", "backups/a//b/../c/./d"),
        "put": no.s3("s3:PutObject", &odd),
        "upload": no.s3("s3:PutObject", "backups/k"),
        "head": failed(403, "403", "Forbidden"),
        "users": no.query("iam:ListUsers"),
        "create": no.query("iam:CreateUser"),
        "quota": 50000.0,
        "mail": ["MessageId"],
        "publish": ["MessageId"],
        "instances": failed(403, "UnauthorizedOperation", &instances),
        "tables": no.json("dynamodb:ListTables"),
        "secrets": no.json("secretsmanager:ListSecrets"),
        "zones": no.query("route53:ListHostedZones"),
        "function": no.rest("lambda:GetFunction"),
        "model": failed(403, "AccessDeniedException", &no.on("bedrock:InvokeModel", &model)),
    }))
}

fn refusals() -> Map<String, Value> {
    let unknown = "The security token included in the request is invalid.";
    let unknown = failed(403, "InvalidClientTokenId", unknown);
    let lacks = "The AWS Access Key Id you provided does not exist in our records.";
    let wrong =
        "The request signature we calculated does not match the signature you provided. Check your";
    let short = format!("{wrong} key and signing method.");
    let long = format!(
        "{wrong} AWS Secret Access Key and signing method. Consult the service documentation for details."
    );
    object(json!({
        "stranger sts": unknown,
        "stranger s3": failed(403, "InvalidAccessKeyId", lacks),
        "wrong sts": failed(403, "SignatureDoesNotMatch", &long),
        "wrong s3": failed(403, "SignatureDoesNotMatch", &short),
        "wrong json": failed(400, "InvalidSignatureException", &long),
        "retired": unknown,
    }))
}

fn presigned() -> Map<String, Value> {
    let fetched = |status: u16, code: &str| json!({ "status": status, "code": code });
    object(json!({
        "presigned get": fetched(403, "AccessDenied"),
        "presigned put": fetched(403, "AccessDenied"),
        "presigned buckets": fetched(200, ""),
        "presigned sts": fetched(200, ""),
        "presigned post": fetched(200, ""),
        "presigned iam": fetched(403, "AccessDenied"),
        "tampered": fetched(403, "SignatureDoesNotMatch"),
        "lapsed": fetched(403, "AccessDenied"),
    }))
}

/// The account in a key id, as published decoders find it: 40 of the first 48 bits behind the prefix.
fn account_in(key_id: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits = key_id[4..14].chars().fold(0_u64, |bits, c| {
        bits << 5 | ALPHABET.find(c).expect("base 32") as u64
    });
    // Ten characters are 50 bits; one marks the generation, nine are behind the account.
    format!("{:012}", bits >> 9 & 0xff_ffff_ffff)
}

const TRIPS: &[&str] = &[
    r#"good sigv4:access_key_id http/1.1 aws-access-key [POST /] accepted 200 {"aws.action":["GetCallerIdentity"],"aws.region":["REGION"],"aws.service":["sts"]}"#,
    r#"good sigv4:access_key_id http/1.1 aws-access-key [GET /] accepted 200 {"aws.action":["ListAllMyBuckets"],"aws.region":["REGION"],"aws.service":["s3"]}"#,
    r#"good sigv4:access_key_id http/1.1 aws-access-key [* /**] accepted 403 {"aws.action":["ListBucket"],"aws.region":["REGION"],"aws.service":["s3"]}"#,
    r#"good sigv4:access_key_id http/1.1 aws-access-key [* /**] accepted 403 {"aws.action":["GetObject"],"aws.region":["REGION"],"aws.service":["s3"]}"#,
    r#"good sigv4:access_key_id http/1.1 aws-access-key [* /**] accepted 403 {"aws.action":["GetObject"],"aws.region":["REGION"],"aws.service":["s3"]}"#,
    r#"good sigv4:access_key_id http/1.1 aws-access-key [* /**] accepted 403 {"aws.action":["PutObject"],"aws.region":["REGION"],"aws.service":["s3"]}"#,
    r#"good sigv4:access_key_id http/1.1 aws-access-key [* /**] accepted 403 {"aws.action":["PutObject"],"aws.region":["REGION"],"aws.service":["s3"]}"#,
    r#"good sigv4:access_key_id http/1.1 aws-access-key [* /**] accepted 403 {"aws.action":["GetObject"],"aws.region":["REGION"],"aws.service":["s3"]}"#,
    r#"good sigv4:access_key_id http/1.1 aws-access-key [POST /] accepted 403 {"aws.action":["ListUsers"],"aws.region":["REGION"],"aws.service":["iam"]}"#,
    r#"good sigv4:access_key_id http/1.1 aws-access-key [POST /] accepted 403 {"aws.action":["CreateUser"],"aws.region":["REGION"],"aws.service":["iam"]}"#,
    r#"good sigv4:access_key_id http/1.1 aws-access-key [POST /] accepted 200 {"aws.action":["GetSendQuota"],"aws.region":["REGION"],"aws.service":["ses"]}"#,
    r#"good sigv4:access_key_id http/1.1 aws-access-key [POST /] accepted 200 {"aws.action":["SendEmail"],"aws.region":["REGION"],"aws.service":["ses"],"mail.body":["~*'()\n"],"mail.cc":["d@example.org"],"mail.from":["a@example.org"],"mail.subject":["ü & + %"],"mail.to":["b@example.org","c@example.org"]}"#,
    r#"good sigv4:access_key_id http/1.1 aws-access-key [POST /] accepted 200 {"aws.action":["Publish"],"aws.region":["REGION"],"aws.service":["sns"],"sms.body":["Hällo & <b>"],"sms.to":["+15005550006"]}"#,
    r#"good sigv4:access_key_id http/1.1 aws-access-key [* /] accepted 403 {"aws.action":["DescribeInstances"],"aws.region":["REGION"],"aws.service":["ec2"]}"#,
    r#"good sigv4:access_key_id http/1.1 aws-access-key [* /**] accepted 400 {"aws.action":["ListTables"],"aws.region":["REGION"],"aws.service":["dynamodb"]}"#,
    r#"good sigv4:access_key_id http/1.1 aws-access-key [* /**] accepted 400 {"aws.action":["ListSecrets"],"aws.region":["REGION"],"aws.service":["secretsmanager"]}"#,
    r#"good sigv4:access_key_id http/1.1 aws-access-key [* /**] accepted 403 {"aws.action":["ListHostedZones"],"aws.region":["REGION"],"aws.service":["route53"]}"#,
    r#"good sigv4:access_key_id http/1.1 aws-access-key [* /**] accepted 403 {"aws.action":["GetFunction"],"aws.region":["REGION"],"aws.service":["lambda"]}"#,
    r#"good sigv4:access_key_id http/1.1 aws-access-key [* /model/{model}/{call}] accepted 403 {"aws.action":["InvokeModel"],"aws.region":["REGION"],"aws.service":["bedrock"],"llm.model":["anthropic.claude-v2:1"]}"#,
    r#"good sigv4:access_key_id http/1.1 aws-access-key [POST /] bad-signature 403 {"aws.action":["GetCallerIdentity"],"aws.region":["REGION"],"aws.service":["sts"]}"#,
    r#"good sigv4:access_key_id http/1.1 aws-access-key [GET /] bad-signature 403 {"aws.action":["ListAllMyBuckets"],"aws.region":["REGION"],"aws.service":["s3"]}"#,
    r#"good sigv4:access_key_id http/1.1 aws-access-key [* /**] bad-signature 400 {"aws.action":["ListTables"],"aws.region":["REGION"],"aws.service":["dynamodb"]}"#,
    r#"good sigv4:access_key_id http/1.1 aws-access-key [* /**] accepted 403 {"aws.action":["GetObject"],"aws.region":["REGION"],"aws.service":["s3"]}"#,
    r#"good sigv4:access_key_id http/1.1 aws-access-key [* /**] accepted 403 {"aws.action":["PutObject"],"aws.region":["REGION"],"aws.service":["s3"]}"#,
    r#"good sigv4:access_key_id http/1.1 aws-access-key [GET /] accepted 200 {"aws.action":["ListAllMyBuckets"],"aws.region":["REGION"],"aws.service":["s3"]}"#,
    r#"good sigv4:access_key_id http/1.1 aws-access-key [GET|POST /] accepted 200 {"aws.action":["GetCallerIdentity"],"aws.region":["REGION"],"aws.service":["sts"]}"#,
    r#"good sigv4:access_key_id http/1.1 aws-access-key [GET|POST /] accepted 200 {"aws.action":["GetCallerIdentity"],"aws.region":["REGION"],"aws.service":["sts"]}"#,
    r#"good sigv4:access_key_id http/1.1 aws-access-key [GET|POST /] accepted 403 {"aws.action":["ListUsers"],"aws.region":["REGION"],"aws.service":["iam"]}"#,
    r#"good sigv4:access_key_id http/1.1 aws-access-key [GET /{bucket}/**] bad-signature 403 {"aws.action":["GetObject"],"aws.region":["REGION"],"aws.service":["s3"],"s3.key":["backups/l"]}"#,
    r#"good sigv4:access_key_id http/1.1 aws-access-key [GET /] bad-signature 403 {"aws.action":["ListAllMyBuckets"],"aws.region":["REGION"],"aws.service":["s3"]}"#,
    r#"retired sigv4:access_key_id http/1.1 aws-access-key [POST /] revoked 403 {"aws.action":["GetCallerIdentity"],"aws.region":["OTHER"],"aws.service":["sts"]}"#,
];

#[test]
fn the_command_line_finds_its_way_by_the_planted_profile() {
    let mut stage = Stage::new(10, &["aws-access-key"]);
    let (target, canary) = plant_profile(&mut stage);
    let aws = |args: &[&str]| {
        let profile = ["--profile", "archive"];
        let program = venv().join("bin/aws");
        stage.run(
            program.to_str().expect("a text"),
            &[&profile[..], args].concat(),
        )
    };
    let Ran {
        code,
        stdout,
        stderr,
    } = aws(&["sts", "get-caller-identity", "--output", "json"]);
    assert!(code == 0 && stderr.is_empty(), "{stderr}");
    let said: Value = serde_json::from_str(&stdout).expect("JSON");
    let arn = said["Arn"].as_str().expect("an ARN").to_owned();
    let account = said["Account"].as_str().expect("an account").to_owned();
    assert!(
        arn.starts_with(&format!("arn:aws:iam::{account}:user/")),
        "{arn}"
    );
    let Ran {
        code,
        stdout,
        stderr,
    } = aws(&["s3", "ls"]);
    assert!(code == 0 && stderr.is_empty(), "{stderr}");
    assert_eq!(
        stdout
            .lines()
            .filter(|line| line.contains(&account))
            .count(),
        2,
        "{stdout}"
    );
    for (args, called) in [
        (&["s3", "ls", "s3://backups/"][..], "ListObjectsV2"),
        (&["iam", "list-users"], "ListUsers"),
        (&["s3", "cp", &target, "s3://backups/loot"], "PutObject"),
    ] {
        let Ran { code, stderr, .. } = aws(args);
        let told = format!(
            "An error occurred (AccessDenied) when calling the {called} operation: User: {arn} is not authorized"
        );
        assert!(code != 0 && stderr.contains(&told), "{stderr}");
    }
    let script = stage.python("call_profile.py", &json!({ "profile": "archive" }));
    assert_eq!(script, json!({ "identity": arn }));
    assert_profile_trips(&stage, &canary);
}

/// Plants a profile beside one of the owner's; gives the file and the canary.
fn plant_profile(stage: &mut Stage) -> (String, String) {
    let directory = stage.home.path().join(".aws");
    fs::create_dir(&directory).expect("a directory");
    for name in ["credentials", "config"] {
        let file = directory.join(name);
        fs::write(&file, "# our own\n[default]\nregion=us-east-1\n").expect("a file is written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("a mode is set");
    }
    let target = directory
        .join("credentials")
        .to_str()
        .expect("a text")
        .to_owned();
    stage.home.ok(&[
        "plant",
        "aws-access-key",
        &target,
        "--role",
        "archive",
        "--yes",
    ]);
    let canary = stage.home.json(&["canaries"])[0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    stage.call(&canary, "planted");
    (target, canary)
}

fn assert_profile_trips(stage: &Stage, canary: &str) {
    let trips = stage.trips(6);
    let asked = trips
        .iter()
        .map(|trip| &trip["claims"]["captured"]["aws.action"][0]);
    let expected = json!([
        "GetCallerIdentity",
        "ListAllMyBuckets",
        "ListBucket",
        "ListUsers",
        "PutObject",
        "GetCallerIdentity",
    ]);
    assert_eq!(json!(asked.collect::<Vec<_>>()), expected);
    for trip in &trips {
        assert_eq!(
            (&trip["canary"], &trip["decoy"]["outcome"]),
            (&json!(canary), &json!("accepted"))
        );
    }
    let agents = trips
        .iter()
        .filter_map(|trip| trip["claims"]["agent"].as_str());
    assert_eq!(
        agents.filter(|agent| agent.starts_with("aws-cli/")).count(),
        5
    );
}
