//! What a signed request to a REST service of AWS asks for, by method and path, and the prefix that IAM
//! gives a service's actions (Service Authorization Reference). Actions that nobody tries are left out.

use std::borrow::Cow;

/// Service as it is signed for, method, path with `*` for one segment, action.
const ACTIONS: &[(&str, &str, &str, &str)] = &[
    (
        "account",
        "POST",
        "getAccountInformation",
        "GetAccountInformation",
    ),
    (
        "account",
        "POST",
        "getContactInformation",
        "GetContactInformation",
    ),
    ("apigateway", "GET", "restapis", "GET"),
    ("apigateway", "GET", "apikeys", "GET"),
    ("backup", "GET", "backup-vaults", "ListBackupVaults"),
    (
        "batch",
        "POST",
        "v1/describecomputeenvironments",
        "DescribeComputeEnvironments",
    ),
    ("batch", "POST", "v1/submitjob", "SubmitJob"),
    (
        "bedrock",
        "GET",
        "foundation-models",
        "ListFoundationModels",
    ),
    (
        "bedrock",
        "GET",
        "foundation-model-availability/*",
        "GetFoundationModelAvailability",
    ),
    (
        "bedrock",
        "GET",
        "logging/modelinvocations",
        "GetModelInvocationLoggingConfiguration",
    ),
    ("bedrock", "POST", "model/*/converse", "InvokeModel"),
    (
        "bedrock",
        "POST",
        "model/*/converse-stream",
        "InvokeModelWithResponseStream",
    ),
    ("bedrock", "POST", "model/*/invoke", "InvokeModel"),
    (
        "bedrock",
        "POST",
        "model/*/invoke-with-response-stream",
        "InvokeModelWithResponseStream",
    ),
    (
        "cloudfront",
        "GET",
        "2020-05-31/distribution",
        "ListDistributions",
    ),
    ("eks", "GET", "clusters", "ListClusters"),
    ("eks", "GET", "clusters/*", "DescribeCluster"),
    (
        "elasticfilesystem",
        "GET",
        "2015-02-01/file-systems",
        "DescribeFileSystems",
    ),
    ("glacier", "GET", "*/vaults", "ListVaults"),
    ("guardduty", "GET", "detector", "ListDetectors"),
    ("lambda", "GET", "2015-03-31/functions", "ListFunctions"),
    ("lambda", "POST", "2015-03-31/functions", "CreateFunction"),
    ("lambda", "GET", "2015-03-31/functions/*", "GetFunction"),
    (
        "lambda",
        "DELETE",
        "2015-03-31/functions/*",
        "DeleteFunction",
    ),
    (
        "lambda",
        "PUT",
        "2015-03-31/functions/*/code",
        "UpdateFunctionCode",
    ),
    (
        "lambda",
        "GET",
        "2015-03-31/functions/*/configuration",
        "GetFunctionConfiguration",
    ),
    (
        "lambda",
        "POST",
        "2015-03-31/functions/*/invocations",
        "InvokeFunction",
    ),
    ("lambda", "GET", "2018-10-31/layers", "ListLayers"),
    ("mobiletargeting", "GET", "v1/apps", "GetApps"),
    ("route53", "GET", "2013-04-01/domain", "ListDomains"),
    ("route53", "GET", "2013-04-01/hostedzone", "ListHostedZones"),
    (
        "route53",
        "POST",
        "2013-04-01/hostedzone",
        "CreateHostedZone",
    ),
    (
        "route53",
        "GET",
        "2013-04-01/hostedzone/*/rrset",
        "ListResourceRecordSets",
    ),
    (
        "route53",
        "POST",
        "2013-04-01/hostedzone/*/rrset",
        "ChangeResourceRecordSets",
    ),
    ("ses", "GET", "v2/email/account", "GetAccount"),
    (
        "ses",
        "POST",
        "v2/email/account/details",
        "PutAccountDetails",
    ),
    ("ses", "GET", "v2/email/identities", "ListEmailIdentities"),
    ("ses", "POST", "v2/email/identities", "CreateEmailIdentity"),
    ("ses", "POST", "v2/email/outbound-emails", "SendEmail"),
    (
        "ses",
        "POST",
        "v2/email/outbound-bulk-emails",
        "SendBulkEmail",
    ),
    ("ses", "GET", "v2/email/templates", "ListEmailTemplates"),
    (
        "sms-voice",
        "POST",
        "v2/sms-voice/text-messages",
        "SendTextMessage",
    ),
];

/// Services whose actions have another prefix than the name they are signed for.
const PREFIXES: &[(&str, &str)] = &[
    ("email", "ses"),
    ("monitoring", "cloudwatch"),
    ("tagging", "tag"),
    ("api.pricing", "pricing"),
];

/// The action of a request to a REST service; empty if it is none that is known.
pub(crate) fn action(service: &str, method: &str, path: &[Cow<'_, str>]) -> &'static str {
    let path: Vec<&str> = path
        .iter()
        .map(AsRef::as_ref)
        .filter(|segment| !segment.is_empty())
        .collect();
    let known = ACTIONS.iter().find(|(of, by, pattern, _)| {
        let wanted = pattern.split('/');
        *of == service
            && *by == method
            && wanted.clone().count() == path.len()
            && wanted
                .zip(&path)
                .all(|(wanted, segment)| wanted == "*" || wanted == *segment)
    });
    known.map_or("", |(_, _, _, action)| action)
}

/// The prefix of a service's actions in policies and refusals.
pub(crate) fn prefix(service: &str) -> &str {
    let other = PREFIXES.iter().find(|(signed, _)| *signed == service);
    other.map_or(service, |(_, prefix)| prefix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::segments;

    #[test]
    fn names_the_action_of_a_rest_request() {
        let check = |service: &str, method: &str, path: &str, expect: &str| {
            assert_eq!(
                action(service, method, &segments(path)),
                expect,
                "{method} {path}"
            );
        };
        check("lambda", "GET", "/2015-03-31/functions/", "ListFunctions");
        check(
            "lambda",
            "GET",
            "/2015-03-31/functions/arn%3Aaws%3Alambda",
            "GetFunction",
        );
        check("lambda", "PATCH", "/2015-03-31/functions/f", "");
        check(
            "route53",
            "POST",
            "/2013-04-01/hostedzone/Z1/rrset/",
            "ChangeResourceRecordSets",
        );
        check("ses", "POST", "/v2/email/outbound-emails", "SendEmail");
        check("bedrock", "POST", "/model/a.b-v2:1/invoke", "InvokeModel");
        check("lambda", "GET", "/", "");
        check("s3", "GET", "/2015-03-31/functions/", "");
    }

    #[test]
    fn names_the_prefix_that_policies_use() {
        assert_eq!(prefix("monitoring"), "cloudwatch");
        assert_eq!(prefix("email"), "ses");
        assert_eq!(prefix("iam"), "iam");
    }

    #[test]
    fn lists_nothing_twice() {
        for (at, (service, method, pattern, _)) in ACTIONS.iter().enumerate() {
            let again = ACTIONS[at + 1..]
                .iter()
                .any(|(of, by, path, _)| (of, by, path) == (service, method, pattern));
            assert!(!again, "{service} {method} {pattern}");
        }
        assert!(PREFIXES.iter().all(|(signed, _)| !signed.is_empty()));
    }
}
