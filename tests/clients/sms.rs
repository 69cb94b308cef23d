//! SMS gateways by their own packages: the keys are taken, a text is queued and found again, whom it was
//! for is recorded, and wrong, retired and strange keys are refused as the vendor does.

use serde_json::json;

use crate::flow::{BODY, FROM, OTHER, TO, flow};

#[test]
fn telnyx() {
    let said = json!({
        "stranger": { "error": "AuthenticationError", "status": 401 },
        "balance": { "funds": true, "currency": "USD" },
        "profiles": [true],
        "numbers": [],
        "text": { "found again": [true, true, "queued"], "to": [[TO, "queued"]], "from": FROM, "text": BODY, "in order": true },
        "nothing to send": { "error": "UnprocessableEntityError", "status": 422 },
        "retired": { "error": "AuthenticationError", "status": 401 },
    });
    let trips = [
        "good bearer:api_key http/1.1 telnyx-v2 [GET /v2/balance] accepted 200",
        "good bearer:api_key http/1.1 telnyx-v2 [GET /v2/messaging_profiles] accepted 200",
        "good bearer:api_key http/1.1 telnyx-v2 [GET /v2/phone_numbers] accepted 200",
        r#"good bearer:api_key http/1.1 telnyx-v2 [POST /v2/messages] accepted 200 {"sms.body":["<BODY>"],"sms.callback":["<CALLBACK>"],"sms.from":["<FROM>"],"sms.to":["<TO>"]}"#,
        "good bearer:api_key http/1.1 telnyx-v2 [GET /v2/messages/{id}] accepted 200",
        r#"good bearer:api_key http/1.1 telnyx-v2 [POST /v2/messages] accepted 422 {"sms.body":["x"],"sms.to":["<TO>"]}"#,
        "retired bearer:api_key http/1.1 telnyx-v2 [GET /v2/balance] revoked 401",
    ];
    flow(91, "telnyx-v2", "sms_telnyx.py", &said, &trips);
}

#[test]
fn plivo() {
    let said = json!({
        "stranger": { "error": "AuthenticationError" },
        "account": { "same": true, "mode": "prepaid", "funds": true },
        "numbers": 0,
        "price": "DE",
        "text": { "says": "message(s) queued", "ids": [36, 36], "found again": ["queued", FROM, null] },
        "messages": 2,
        "wrong token": { "error": "AuthenticationError" },
        "retired": { "error": "AuthenticationError" },
    });
    let trips = [
        "good basic:auth_id+basic:auth_token http/1.1 plivo-auth [GET /v1/Account/{auth_id}/] accepted 200",
        "good basic:auth_id+basic:auth_token http/1.1 plivo-auth [GET /v1/Account/{auth_id}/Number/] accepted 200",
        "good basic:auth_id+basic:auth_token http/1.1 plivo-auth [GET /v1/Account/{auth_id}/Pricing/] accepted 200",
        r#"good basic:auth_id+basic:auth_token http/1.1 plivo-auth [POST /v1/Account/{auth_id}/Message/] accepted 202 {"sms.body":["<BODY>"],"sms.callback":["<CALLBACK>"],"sms.from":["<FROM>"],"sms.to":["+15005550006<+15005550009"]}"#,
        "good basic:auth_id+basic:auth_token http/1.1 plivo-auth [GET /v1/Account/{auth_id}/Message/{id}/] accepted 200",
        "good basic:auth_id+basic:auth_token http/1.1 plivo-auth [GET /v1/Account/{auth_id}/Message/] accepted 200",
        "good basic:auth_id http/1.1 plivo-auth [GET /v1/Account/{auth_id}/] refused 401",
        "retired basic:auth_id+basic:auth_token http/1.1 plivo-auth [GET /v1/Account/{auth_id}/] revoked 401",
    ];
    flow(92, "plivo-auth", "sms_plivo.py", &said, &trips);
}

#[test]
fn vonage() {
    let said = json!({
        "stranger": { "error": "AuthenticationError", "status": 401, "says": false },
        "stranger's text": { "error": "SmsError", "status": null, "says": true },
        "balance": { "funds": true, "reload": false },
        "text": { "count": "1", "to": TO, "id": true, "status": "0", "price": true, "left": true },
        "numbers": [],
        "price": { "country": "DE", "currency": "EUR", "priced": true },
        "wrong secret": { "error": "SmsError", "status": null, "says": true },
        "retired": { "error": "AuthenticationError", "status": 401, "says": false },
    });
    let trips = [
        "good basic:api_key+basic:api_secret http/1.1 vonage-api-key [GET|POST /account/get-balance] accepted 200",
        r#"good basic:api_key+basic:api_secret http/1.1 vonage-api-key [GET|POST /sms/json] accepted 200 {"sms.body":["<BODY>"],"sms.callback":["<CALLBACK>"],"sms.from":["<FROM>"],"sms.to":["<TO>"]}"#,
        "good basic:api_key+basic:api_secret http/1.1 vonage-api-key [GET /account/numbers] accepted 200",
        "good basic:api_key+basic:api_secret http/1.1 vonage-api-key [GET /account/get-pricing/outbound/sms] accepted 200",
        r#"good basic:api_key http/1.1 vonage-api-key [GET|POST /sms/json] refused 200 {"sms.body":["<BODY>"],"sms.from":["<FROM>"],"sms.to":["<TO>"]}"#,
        "retired basic:api_key+basic:api_secret http/1.1 vonage-api-key [GET|POST /account/get-balance] revoked 401",
    ];
    flow(93, "vonage-api-key", "sms_vonage.py", &said, &trips);
}

#[test]
fn messagebird() {
    let said = json!({
        "stranger": { "error": "ErrorException", "codes": [2] },
        "balance": { "payment": "prepaid", "type": "euros", "funds": true },
        "numbers": 0,
        "text": { "found again": [true, true, FROM], "from": FROM, "body": BODY, "count": 2, "status": ["sent", "sent"], "timed": true },
        "messages": 1,
        "no sender": { "error": "ErrorException", "codes": [9] },
        "retired": { "error": "ErrorException", "codes": [2] },
    });
    let trips = [
        "good bearer:access_key http/1.1 messagebird [GET /balance] accepted 200",
        "good bearer:access_key http/1.1 messagebird [GET /phone-numbers] accepted 200",
        r#"good bearer:access_key http/1.1 messagebird [POST /messages] accepted 201 {"sms.body":["<BODY>"],"sms.callback":["<CALLBACK>"],"sms.from":["<FROM>"],"sms.to":["+15005550006,+15005550009"]}"#,
        "good bearer:access_key http/1.1 messagebird [GET /messages/{id}] accepted 200",
        "good bearer:access_key http/1.1 messagebird [GET /messages] accepted 200",
        r#"good bearer:access_key http/1.1 messagebird [POST /messages] accepted 422 {"sms.body":["x"],"sms.to":["<TO>"]}"#,
        "retired bearer:access_key http/1.1 messagebird [GET /balance] revoked 401",
    ];
    flow(94, "messagebird", "sms_messagebird.py", &said, &trips);
}

#[test]
fn infobip() {
    let said = json!({
        "stranger": { "error": "UnauthorizedException", "status": 401 },
        "text": { "bulk": true, "to": [TO, OTHER], "status": ["PENDING_ACCEPTED", "PENDING_ACCEPTED"], "ids": 2 },
        "logs": [[TO, "PENDING"], [OTHER, "PENDING"]],
        "reports": [[TO, "PENDING"], [OTHER, "PENDING"]],
        "retired": { "error": "UnauthorizedException", "status": 401 },
    });
    let trips = [
        r#"good bearer:api_key http/1.1 infobip [POST /sms/3/messages] accepted 200 {"sms.body":["<BODY>"],"sms.callback":["<CALLBACK>"],"sms.from":["<FROM>"],"sms.to":["<TO>","<OTHER>"]}"#,
        "good bearer:api_key http/1.1 infobip [GET /sms/3/logs] accepted 200",
        "good bearer:api_key http/1.1 infobip [GET /sms/3/reports] accepted 200",
        r#"retired bearer:api_key http/1.1 infobip [POST /sms/3/messages] revoked 401 {"sms.body":["<BODY>"],"sms.callback":["<CALLBACK>"],"sms.from":["<FROM>"],"sms.to":["<TO>","<OTHER>"]}"#,
    ];
    flow(95, "infobip", "sms_infobip.py", &said, &trips);
}

#[test]
fn clicksend() {
    let said = json!({
        "stranger": { "error": "UnauthorizedException", "status": 401 },
        "account": { "user": true, "funds": true },
        "text": { "code": "SUCCESS", "queued": 2, "to": [TO, OTHER], "status": ["SUCCESS", "SUCCESS"] },
        "history": [[TO, "Sent"], [OTHER, "Sent"]],
        "wrong key": { "error": "UnauthorizedException", "status": 401 },
        "retired": { "error": "UnauthorizedException", "status": 401 },
    });
    let trips = [
        "good basic:username+basic:api_key http/1.1 clicksend [GET /v3/account] accepted 200",
        r#"good basic:username+basic:api_key http/1.1 clicksend [POST /v3/sms/send] accepted 200 {"sms.body":["<BODY>","<BODY>"],"sms.from":["<FROM>","<FROM>"],"sms.to":["<TO>","<OTHER>"]}"#,
        "good basic:username+basic:api_key http/1.1 clicksend [GET /v3/sms/history] accepted 200",
        "good basic:username http/1.1 clicksend [GET /v3/account] refused 401",
        "retired basic:username+basic:api_key http/1.1 clicksend [GET /v3/account] revoked 401",
    ];
    flow(96, "clicksend", "sms_clicksend.py", &said, &trips);
}

#[test]
fn sinch() {
    let said = json!({
        "stranger": { "error": "SmsException", "status": 401 },
        "text": { "found again": [true, true, [TO, OTHER]], "to": [TO, OTHER], "from": FROM, "body": BODY, "canceled": false },
        "batches": 1,
        "groups": [],
        "retired": { "error": "SmsException", "status": 401 },
    });
    let trips = [
        r#"good bearer:api_token+path:service_plan_id http/1.1 sinch [POST /xms/v1/{service_plan_id}/batches] accepted 201 {"sms.body":["<BODY>"],"sms.callback":["<CALLBACK>"],"sms.from":["<FROM>"],"sms.to":["<TO>","<OTHER>"]}"#,
        "good bearer:api_token+path:service_plan_id http/1.1 sinch [GET /xms/v1/{service_plan_id}/batches/{id}] accepted 200",
        "good bearer:api_token+path:service_plan_id http/1.1 sinch [GET /xms/v1/{service_plan_id}/batches] accepted 200",
        "good bearer:api_token+path:service_plan_id http/1.1 sinch [GET /xms/v1/{service_plan_id}/groups] accepted 200",
        r#"retired bearer:api_token+path:service_plan_id http/1.1 sinch [POST /xms/v1/{service_plan_id}/batches] revoked 401 {"sms.body":["<BODY>"],"sms.callback":["<CALLBACK>"],"sms.from":["<FROM>"],"sms.to":["<TO>","<OTHER>"]}"#,
    ];
    flow(97, "sinch", "sms_sinch.py", &said, &trips);
}

#[test]
fn africas_talking() {
    let said = json!({
        "stranger": { "error": "AfricasTalkingException", "says": "The supplied authentication is invalid" },
        "user": { "currency": "KES", "funds": true },
        "text": { "says": "Sent to 2/2", "to": [TO, OTHER], "status": [100, 100], "ids": 2 },
        "messages": { "SMSMessageData": { "Messages": [] } },
        "retired": { "error": "AfricasTalkingException", "says": "The supplied authentication is invalid" },
    });
    let trips = [
        "good query:username+header:api_key http/1.1 africastalking [GET /version1/user] accepted 200",
        r#"good form:username+header:api_key http/1.1 africastalking [POST /version1/messaging] accepted 201 {"sms.body":["<BODY>"],"sms.from":["<FROM>"],"sms.to":["+15005550006,+15005550009"]}"#,
        "good query:username+header:api_key http/1.1 africastalking [GET /version1/messaging] accepted 200",
        "retired query:username+header:api_key http/1.1 africastalking [GET /version1/user] revoked 401",
    ];
    flow(98, "africastalking", "sms_africastalking.py", &said, &trips);
}

#[test]
fn textmagic() {
    let said = json!({
        "stranger": { "error": "TextmagicRestException", "status": 401 },
        "user": { "same": true, "status": "A", "funds": true },
        "text": { "type": "message", "same": true, "found again": ["q", true] },
        "messages": 2,
        "wrong key": { "error": "TextmagicRestException", "status": 401 },
        "retired": { "error": "TextmagicRestException", "status": 401 },
    });
    let trips = [
        "good header:username+header:api_key http/1.1 textmagic [GET /api/v2/user] accepted 200",
        r#"good header:username+header:api_key http/1.1 textmagic [POST /api/v2/messages] accepted 201 {"sms.body":["<BODY>"],"sms.from":["<FROM>"],"sms.to":["+15005550006,+15005550009"]}"#,
        "good header:username+header:api_key http/1.1 textmagic [GET /api/v2/messages/{id}] accepted 200",
        "good header:username+header:api_key http/1.1 textmagic [GET /api/v2/messages] accepted 200",
        "good header:username http/1.1 textmagic [GET /api/v2/user] refused 401",
        "retired header:username+header:api_key http/1.1 textmagic [GET /api/v2/user] revoked 401",
    ];
    flow(99, "textmagic", "sms_textmagic.py", &said, &trips);
}

#[test]
fn bandwidth() {
    let said = json!({
        "stranger": { "error": "UnauthorizedException", "status": 401 },
        "text": { "to": [TO, OTHER], "from": FROM, "text": BODY, "tag": "first", "direction": "out", "same": true },
        "messages": [[TO, "SENDING"], [OTHER, "SENDING"]],
        "wrong password": { "error": "UnauthorizedException", "status": 401 },
        "retired": { "error": "UnauthorizedException", "status": 401 },
    });
    let trips = [
        r#"good basic:username+basic:password+json:application_id http/1.1 bandwidth [POST /api/v2/users/{account_id}/messages] accepted 202 {"sms.body":["<BODY>"],"sms.from":["<FROM>"],"sms.service":["<application_id>"],"sms.tag":["first"],"sms.to":["<TO>","<OTHER>"]}"#,
        "good basic:username+basic:password http/1.1 bandwidth [GET /api/v2/users/{account_id}/messages] accepted 200",
        "good basic:username http/1.1 bandwidth [GET /api/v2/users/{account_id}/messages] refused 401",
        "retired basic:username+basic:password http/1.1 bandwidth [GET /api/v2/users/{account_id}/messages] revoked 401",
    ];
    flow(100, "bandwidth", "sms_bandwidth.py", &said, &trips);
}

#[test]
fn ringcentral() {
    let said = json!({
        "stranger": { "error": "ApiException", "status": 400 },
        "login": true,
        "extension": "Enabled",
        "numbers": 0,
        "text": { "to": [TO, OTHER], "subject": BODY, "status": "Queued", "direction": "Outbound" },
        "retired": { "error": "ApiException", "status": 400 },
    });
    let trips = [
        "good basic:client_id+basic:client_secret+form:jwt_assertion http/1.1 ringcentral [POST /restapi/oauth/token] accepted 200",
        "good bearer:access_token http/1.1 ringcentral [GET /restapi/v1.0/account/~] accepted 200",
        "good bearer:access_token http/1.1 ringcentral [GET /restapi/v1.0/account/~/phone-number] accepted 200",
        r#"good bearer:access_token http/1.1 ringcentral [POST /restapi/v1.0/account/~/extension/~/sms] accepted 200 {"sms.body":["<BODY>"],"sms.from":["<FROM>"],"sms.to":["<TO>","<OTHER>"]}"#,
        "retired basic:client_id+basic:client_secret+form:jwt_assertion http/1.1 ringcentral [POST /restapi/oauth/token] revoked 400",
    ];
    flow(101, "ringcentral", "sms_ringcentral.py", &said, &trips);
}

#[test]
fn signalwire() {
    let said = json!({
        "stranger": { "error": "TwilioRestException", "status": 401, "code": 20003 },
        "account": { "same": true, "status": "active" },
        "accounts": ["active"],
        "numbers": [],
        "text": { "found again": ["queued", true], "listed": [true], "status": "queued", "to": TO, "from": FROM, "body": BODY },
        "retired": { "error": "TwilioRestException", "status": 401, "code": 20003 },
    });
    let trips = [
        "good basic:project_id+basic:api_token http/1.1 signalwire [GET /api/laml/2010-04-01/Accounts/{project_id}.json] accepted 200",
        "good basic:project_id+basic:api_token http/1.1 signalwire [GET /api/laml/2010-04-01/Accounts] accepted 200",
        "good basic:project_id+basic:api_token http/1.1 signalwire [GET /api/laml/2010-04-01/Accounts/{project_id}/IncomingPhoneNumbers.json] accepted 200",
        r#"good basic:project_id+basic:api_token http/1.1 signalwire [POST /api/laml/2010-04-01/Accounts/{project_id}/Messages.json] accepted 201 {"sms.body":["<BODY>"],"sms.callback":["<CALLBACK>"],"sms.from":["<FROM>"],"sms.to":["<TO>"]}"#,
        "good basic:project_id+basic:api_token http/1.1 signalwire [GET /api/laml/2010-04-01/Accounts/{project_id}/Messages/{sid}.json] accepted 200",
        "good basic:project_id+basic:api_token http/1.1 signalwire [GET /api/laml/2010-04-01/Accounts/{project_id}/Messages.json] accepted 200",
        "retired basic:project_id+basic:api_token http/1.1 signalwire [GET /api/laml/2010-04-01/Accounts/{project_id}.json] revoked 401",
    ];
    flow(102, "signalwire", "sms_signalwire.py", &said, &trips);
}

#[test]
fn sns() {
    let said = json!({
        "stranger": { "error": "ClientError", "code": "InvalidClientTokenId" },
        "who": true,
        "attributes": "Transactional",
        "sandbox": false,
        "topics": 1,
        "numbers": [],
        "text": 36,
        "wrong secret": { "error": "ClientError", "code": "SignatureDoesNotMatch" },
        "retired": { "error": "ClientError", "code": "InvalidClientTokenId" },
    });
    let trips = [
        r#"good sigv4:access_key_id http/1.1 aws-sns-sms [GET|POST /] accepted 200 {"aws.action":["GetCallerIdentity"],"aws.region":["<region>"],"aws.service":["sts"]}"#,
        r#"good sigv4:access_key_id http/1.1 aws-sns-sms [POST /] accepted 200 {"aws.action":["GetSMSAttributes"],"aws.region":["<region>"],"aws.service":["sns"]}"#,
        r#"good sigv4:access_key_id http/1.1 aws-sns-sms [POST /] accepted 200 {"aws.action":["GetSMSSandboxAccountStatus"],"aws.region":["<region>"],"aws.service":["sns"]}"#,
        r#"good sigv4:access_key_id http/1.1 aws-sns-sms [POST /] accepted 200 {"aws.action":["ListTopics"],"aws.region":["<region>"],"aws.service":["sns"]}"#,
        r#"good sigv4:access_key_id http/1.1 aws-sns-sms [POST /] accepted 200 {"aws.action":["ListOriginationNumbers"],"aws.region":["<region>"],"aws.service":["sns"]}"#,
        r#"good sigv4:access_key_id http/1.1 aws-sns-sms [POST /] accepted 200 {"aws.action":["Publish"],"aws.region":["<region>"],"aws.service":["sns"],"sms.body":["<BODY>"],"sms.from":["Alerts"],"sms.to":["<TO>"]}"#,
        r#"good sigv4:access_key_id http/1.1 aws-sns-sms [POST /] bad-signature 403 {"aws.action":["ListTopics"],"aws.region":["<region>"],"aws.service":["sns"]}"#,
        r#"retired sigv4:access_key_id http/1.1 aws-sns-sms [POST /] revoked 403 {"aws.action":["ListTopics"],"aws.region":["<region>"],"aws.service":["sns"]}"#,
    ];
    flow(103, "aws-sns-sms", "sms_sns.py", &said, &trips);
}

#[test]
fn azure() {
    let said = json!({
        "stranger": { "error": "ClientAuthenticationError", "status": 401 },
        "text": [true, true],
        "forged": { "error": "ClientAuthenticationError", "status": 401 },
        "retired": { "error": "ClientAuthenticationError", "status": 401 },
    });
    let trips = [
        r#"good path:resource http/1.1 azure-communication [POST /{resource}/sms] accepted 202 {"sms.body":["<BODY>"],"sms.from":["<FROM>"],"sms.to":["<TO>","<OTHER>"]}"#,
        r#"good path:resource http/1.1 azure-communication [POST /{resource}/sms] bad-signature 401 {"sms.body":["<BODY>"],"sms.from":["<FROM>"],"sms.to":["<TO>","<OTHER>"]}"#,
        r#"retired path:resource http/1.1 azure-communication [POST /{resource}/sms] revoked 401 {"sms.body":["<BODY>"],"sms.from":["<FROM>"],"sms.to":["<TO>","<OTHER>"]}"#,
    ];
    flow(104, "azure-communication", "sms_azure.py", &said, &trips);
}
