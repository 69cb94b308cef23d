//! What a signed request to a REST service of AWS asks for, by method and path, and the prefix that IAM
//! gives a service's actions (Service Authorization Reference). Actions that nobody tries are left out.

use std::borrow::Cow;

/// Service as it is signed for, method, path with `*` for one segment, action.
const ACTIONS: &str = include_str!("../data/aws-rest.tsv");

fn actions() -> impl Iterator<Item = [&'static str; 4]> {
    let cells = |line: &'static str| line.split('\t').collect::<Vec<_>>().try_into().ok();
    ACTIONS.lines().filter_map(cells)
}

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
    let known = actions().find(|[of, by, pattern, _]| {
        let wanted = pattern.split('/');
        *of == service
            && *by == method
            && wanted.clone().count() == path.len()
            && wanted
                .zip(&path)
                .all(|(wanted, segment)| wanted == "*" || wanted == *segment)
    });
    known.map_or("", |[_, _, _, action]| action)
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
        let all: Vec<_> = actions().collect();
        assert_eq!(
            all.len(),
            ACTIONS.lines().count(),
            "a line of four cells each"
        );
        for (at, [service, method, pattern, _]) in all.iter().enumerate() {
            let again = all[at + 1..]
                .iter()
                .any(|[of, by, path, _]| (of, by, path) == (service, method, pattern));
            assert!(!again, "{service} {method} {pattern}");
        }
        assert!(PREFIXES.iter().all(|(signed, _)| !signed.is_empty()));
    }
}
