//! Mail providers by their own packages: the keys are taken, a message is queued, whom it was for is
//! recorded, and wrong, retired and strange keys are refused as the vendor does.

use serde_json::json;

use crate::flow::{MAIL, OTHER_MAIL, SUBJECT, flow};

#[test]
fn sendgrid() {
    let said = json!({
        "stranger": { "error": "UnauthorizedError", "status": 401 },
        "scopes": { "status": 200, "may send": true },
        "mail": { "status": 202, "id": 22, "body": "" },
        "retired": { "error": "UnauthorizedError", "status": 401 },
    });
    let trips = [
        "good bearer:api_key http/1.1 sendgrid [GET /v3/scopes] accepted 200",
        r#"good bearer:api_key http/1.1 sendgrid [POST /v3/mail/send] accepted 202 {"mail.body":["<BODY>"],"mail.from":["<SENDER>"],"mail.subject":["<SUBJECT>"],"mail.to":["<MAIL>","<OTHER_MAIL>"]}"#,
        "retired bearer:api_key http/1.1 sendgrid [GET /v3/scopes] revoked 401",
    ];
    flow(111, "sendgrid", "mail_sendgrid.py", &said, &trips);
}

#[test]
fn resend() {
    let said = json!({
        "stranger": { "error": "ValidationError", "code": 400 },
        "domains": ["verified"],
        "mail": 36,
        "retired": { "error": "ValidationError", "code": 400 },
    });
    let trips = [
        "good bearer:api_key http/1.1 resend [GET /domains] accepted 200",
        r#"good bearer:api_key http/1.1 resend [POST /emails] accepted 200 {"mail.body":["<BODY>"],"mail.from":["<SENDER>"],"mail.subject":["<SUBJECT>"],"mail.to":["<MAIL>","<OTHER_MAIL>"]}"#,
        "retired bearer:api_key http/1.1 resend [GET /domains] revoked 400",
    ];
    flow(112, "resend", "mail_resend.py", &said, &trips);
}

#[test]
fn mandrill() {
    let said = json!({
        "stranger": { "error": "ApiClientError", "status": 500, "says": { "status": "error", "code": -1, "name": "Invalid_Key", "message": "Invalid API key" } },
        "ping": { "PING": "PONG!" },
        "mail": [[MAIL, "queued", 32], [OTHER_MAIL, "queued", 32]],
        "retired": { "error": "ApiClientError", "status": 500, "says": { "status": "error", "code": -1, "name": "Invalid_Key", "message": "Invalid API key" } },
    });
    let trips = [
        "good json:api_key http/1.1 mandrill [* /api/{version}/users/ping2] accepted 200",
        r#"good json:api_key http/1.1 mandrill [POST /api/{version}/messages/send] accepted 200 {"mail.body":["<BODY>"],"mail.from":["<SENDER>"],"mail.subject":["<SUBJECT>"],"mail.to":["<MAIL>","<OTHER_MAIL>"]}"#,
        "retired json:api_key http/1.1 mandrill [* /api/{version}/users/ping2] revoked 500",
    ];
    flow(113, "mandrill", "mail_mandrill.py", &said, &trips);
}

#[test]
fn mailchimp() {
    let said = json!({
        "stranger": { "error": "ApiClientError", "status": 401 },
        "ping": { "health_status": "Everything's Chimpy!" },
        "root": { "role": "owner", "same": true },
        "campaign": { "status": "save", "subject": SUBJECT },
        "retired": { "error": "ApiClientError", "status": 401 },
    });
    let trips = [
        "good basic:api_key http/1.1 mailchimp [GET /3.0/ping] accepted 200",
        "good basic:api_key http/1.1 mailchimp [GET /3.0/] accepted 200",
        "good basic:api_key http/1.1 mailchimp [GET /3.0/lists] accepted 200",
        r#"good basic:api_key http/1.1 mailchimp [POST /3.0/campaigns] accepted 200 {"mail.from":["<SENDER>"],"mail.from.name":["Desk"],"mail.subject":["<SUBJECT>"]}"#,
        r#"good basic:api_key http/1.1 mailchimp [POST /3.0/campaigns/{campaign}/actions/{action}] accepted 204 {"mail.to":["<MAIL>"]}"#,
        "retired basic:api_key http/1.1 mailchimp [GET /3.0/ping] revoked 401",
    ];
    flow(114, "mailchimp", "mail_mailchimp.py", &said, &trips);
}

#[test]
fn mailjet() {
    let said = json!({
        "stranger": { "error": "MailjetAuthError", "says": "Authentication or Authorization failed" },
        "senders": { "status": 200, "count": 1 },
        "mail": { "status": 200, "said": "success", "to": [MAIL, OTHER_MAIL] },
        "wrong secret": { "error": "MailjetAuthError", "says": "Authentication or Authorization failed" },
        "retired": { "error": "MailjetAuthError", "says": "Authentication or Authorization failed" },
    });
    let trips = [
        "good basic:api_key+basic:secret_key http/1.1 mailjet [GET /v3/REST/sender] accepted 200",
        r#"good basic:api_key+basic:secret_key http/1.1 mailjet [POST /v3.1/send] accepted 200 {"mail.body":["<BODY>"],"mail.from":["<SENDER>"],"mail.subject":["<SUBJECT>"],"mail.to":["<MAIL>","<OTHER_MAIL>"]}"#,
        "good basic:api_key http/1.1 mailjet [GET /v3/REST/sender] refused 401",
        "retired basic:api_key+basic:secret_key http/1.1 mailjet [GET /v3/REST/sender] revoked 401",
    ];
    flow(115, "mailjet", "mail_mailjet.py", &said, &trips);
}

#[test]
fn brevo() {
    let said = json!({
        "stranger": { "error": "ApiException", "status": 401 },
        "account": ["subscription", "sms"],
        "mail": true,
        "text": 1,
        "retired": { "error": "ApiException", "status": 401 },
    });
    let trips = [
        "good header:api_key http/1.1 brevo [GET /v3/account] accepted 200",
        r#"good header:api_key http/1.1 brevo [POST /v3/smtp/email] accepted 201 {"mail.body":["<BODY>"],"mail.from":["<SENDER>"],"mail.subject":["<SUBJECT>"],"mail.to":["<MAIL>","<OTHER_MAIL>"]}"#,
        r#"good header:api_key http/1.1 brevo [POST /v3/transactionalSMS/sms] accepted 201 {"sms.body":["<BODY>"],"sms.callback":["<CALLBACK>"],"sms.from":["Desk"],"sms.to":["<TO>"]}"#,
        "retired header:api_key http/1.1 brevo [GET /v3/account] revoked 401",
    ];
    flow(116, "brevo", "mail_brevo.py", &said, &trips);
}

#[test]
fn postmark() {
    let said = json!({
        "stranger": { "error": "ClientError", "code": 10 },
        "server": { "same": true, "type": "Live" },
        "mail": { "to": MAIL, "code": 0, "id": 36 },
        "retired": { "error": "ClientError", "code": 10 },
    });
    let trips = [
        "good header:server_token http/1.1 postmark [GET /server] accepted 200",
        r#"good header:server_token http/1.1 postmark [POST /email] accepted 200 {"mail.body":["<BODY>"],"mail.from":["<SENDER>"],"mail.subject":["<SUBJECT>"],"mail.to":["<MAIL>"]}"#,
        "retired header:server_token http/1.1 postmark [GET /server] revoked 401",
    ];
    flow(117, "postmark", "mail_postmark.py", &said, &trips);
}

#[test]
fn sparkpost() {
    let said = json!({
        "stranger": { "error": "SparkPostAPIException", "status": 401 },
        "mail": 2,
        "retired": { "error": "SparkPostAPIException", "status": 401 },
    });
    let trips = [
        r#"good header:api_key http/1.1 sparkpost [POST /api/v1/transmissions] accepted 200 {"mail.body":["<BODY>"],"mail.from":["<SENDER>"],"mail.subject":["<SUBJECT>"],"mail.to":["<MAIL>","<OTHER_MAIL>"]}"#,
        r#"retired header:api_key http/1.1 sparkpost [POST /api/v1/transmissions] revoked 401 {"mail.body":["<BODY>"],"mail.from":["<SENDER>"],"mail.subject":["<SUBJECT>"],"mail.to":["<MAIL>","<OTHER_MAIL>"]}"#,
    ];
    flow(118, "sparkpost", "mail_sparkpost.py", &said, &trips);
}
