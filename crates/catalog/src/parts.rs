//! Parts of a request by name (`form.To`, `json.model`, `aws.action`): what rules ask for, and what is
//! captured. All of it is the peer's word, bounded in number and length.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use crate::answer::{Hearing, cut};
use crate::aws_rest;
use crate::decoy::Rule;
use crate::request::Request;
use crate::sigv4;

/// Most values captured under one name.
const MOST_CAPTURED: usize = 100;
/// Longest captured value, in bytes.
const LONGEST_CAPTURED: usize = 4096;
impl Hearing<'_> {
    /// All values of one source: `form.To`, `header.User-Agent`, `json.message.to`.
    pub(crate) fn values(&self, source: &str, parameters: &[(&str, String)]) -> Vec<String> {
        let request = self.asked.request;
        let (part, name) = source.split_once('.').unwrap_or((source, ""));
        let named = |pairs: &[(String, String)]| -> Vec<String> {
            pairs
                .iter()
                .filter(|(known, _)| is_named(known, name))
                .map(|(_, value)| value.clone())
                .collect()
        };
        match part {
            "form" => named(request.form()),
            "query" => named(request.query()),
            "param" => [named(request.form()), named(request.query())].concat(),
            "header" => request
                .header(name)
                .map(str::to_owned)
                .into_iter()
                .collect(),
            "path" => parameters
                .iter()
                .filter(|(known, _)| *known == name)
                .map(|(_, value)| value.clone())
                .collect(),
            "auth" => self.shown_as(name),
            "cookie" => cookies(request, name),
            "aws" => self
                .aws()
                .into_iter()
                .filter(|(known, _)| *known == name)
                .map(|(_, value)| value)
                .collect(),
            "body" => vec![String::from_utf8_lossy(request.plain_body()).into_owned()],
            "json" => json_values(request, name),
            "xml" => (request.xml().iter())
                .flat_map(|document| &document.elements)
                .filter(|element| element.name == name)
                .map(|element| element.text.trim().to_owned())
                .collect(),
            _ => Vec::new(),
        }
    }

    /// What was shown as a credential: `user`, `password`, `token`, or `claims.sub` of a web token.
    fn shown_as(&self, name: &str) -> Vec<String> {
        let request = self.asked.request;
        let basic = request.basic();
        let bearer = request.authorization().map(|(_, rest)| rest.to_owned());
        let one = match name.split_once('.') {
            Some(("claims", member)) => {
                let api = self.kind.decoy.api.iter();
                let token = api
                    .flat_map(|api| &api.ways)
                    .find_map(|way| self.jwt_shown(way));
                return token.map_or_else(Vec::new, |token| members_of(&token.claims, member));
            }
            _ if name == "password" => basic.map(|(_, password)| password),
            _ if name == "token" => bearer,
            _ => basic.map(|(user, _)| user),
        };
        one.into_iter().collect()
    }

    /// What a signed request asks for: service, region and action, as its protocol says it.
    pub(crate) fn aws(&self) -> Vec<(&'static str, String)> {
        let Some(signed) = &self.signed else {
            return Vec::new();
        };
        let request = self.asked.request;
        let target = request
            .header("x-amz-target")
            .and_then(|target| target.rsplit('.').next());
        let action = request
            .form_value("Action")
            .or_else(|| request.query_value("Action"))
            .or(target);
        let action = match action {
            Some(action) => action.to_owned(),
            None if signed.service == "s3" => s3_action(request, self.segments).to_owned(),
            None => aws_rest::action(&signed.service, &request.method, self.segments).to_owned(),
        };
        vec![
            ("prefix", aws_rest::prefix(&signed.service).to_owned()),
            ("version", signed.version.to_string()),
            ("service", signed.service.clone()),
            ("region", signed.region.clone()),
            ("action", action),
            (
                "token",
                sigv4::session(request).unwrap_or_default().to_owned(),
            ),
            ("key_id", signed.key_id.clone()),
            ("date", signed.amz_date.clone()),
            ("resource", self.segments.join("/")),
        ]
    }

    pub(crate) fn captured(
        &self,
        rule: Option<&Rule>,
        parameters: &[(&str, String)],
    ) -> BTreeMap<String, Vec<String>> {
        let rules = rule.into_iter().flat_map(|rule| &rule.capture);
        rules
            .map(|(name, source)| {
                let values = self
                    .values(source, parameters)
                    .into_iter()
                    .filter(|value| !value.is_empty());
                (
                    name.clone(),
                    values
                        .take(MOST_CAPTURED)
                        .map(|value| cut(&value, LONGEST_CAPTURED).to_owned())
                        .collect::<Vec<_>>(),
                )
            })
            .filter(|(_, values)| !values.is_empty())
            .collect()
    }
}

/// Whether a parameter has this name, in which `*` stands for a number: `Entry.*.Id`.
fn is_named(known: &str, name: &str) -> bool {
    let Some((start, end)) = name.split_once('*') else {
        return known == name;
    };
    known
        .strip_prefix(start)
        .and_then(|rest| rest.strip_suffix(end))
        .is_some_and(|between| {
            !between.is_empty() && between.bytes().all(|byte| byte.is_ascii_digit())
        })
}

/// Operations named by a bare query parameter: parameter, method, IAM action.
const S3_SUBRESOURCES: &[(&str, &str, &str)] = &[
    ("acl", "GET", "GetBucketAcl"),
    ("acl", "PUT", "PutBucketAcl"),
    ("cors", "GET", "GetBucketCORS"),
    ("delete", "POST", "DeleteObject"),
    ("encryption", "GET", "GetEncryptionConfiguration"),
    ("lifecycle", "GET", "GetLifecycleConfiguration"),
    ("location", "GET", "GetBucketLocation"),
    ("logging", "GET", "GetBucketLogging"),
    ("policy", "DELETE", "DeleteBucketPolicy"),
    ("policy", "GET", "GetBucketPolicy"),
    ("policy", "PUT", "PutBucketPolicy"),
    ("publicAccessBlock", "GET", "GetBucketPublicAccessBlock"),
    ("tagging", "GET", "GetBucketTagging"),
    ("uploads", "GET", "ListBucketMultipartUploads"),
    ("versioning", "GET", "GetBucketVersioning"),
    ("versions", "GET", "ListBucketVersions"),
    ("website", "GET", "GetBucketWebsite"),
];

/// What an S3 request does, by query, method and depth of its path (path-style addresses).
fn s3_action(request: &Request, segments: &[Cow<'_, str>]) -> &'static str {
    let method = request.method.as_str();
    let named = S3_SUBRESOURCES.iter().find(|(parameter, of, _)| {
        *of == method && request.query().iter().any(|(name, _)| name == parameter)
    });
    if let Some((_, _, action)) = named {
        return action;
    }
    let depth = segments
        .iter()
        .filter(|segment| !segment.is_empty())
        .count();
    match (method, depth) {
        ("GET" | "HEAD", 0) => "ListAllMyBuckets",
        ("GET" | "HEAD", 1) => "ListBucket",
        ("GET" | "HEAD", _) => "GetObject",
        ("PUT", 1) => "CreateBucket",
        ("DELETE", 1) => "DeleteBucket",
        ("DELETE", _) => "DeleteObject",
        _ => "PutObject",
    }
}

/// A member of a JSON body by its dotted name; `*` stands for every item of a list.
fn json_values(request: &Request, name: &str) -> Vec<String> {
    request
        .json()
        .map_or_else(Vec::new, |json| members_of(json, name))
}

/// The values of one cookie.
fn cookies(request: &Request, name: &str) -> Vec<String> {
    let pairs = request.header("cookie").unwrap_or_default().split(';');
    pairs
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(known, _)| *known == name)
        .map(|(_, value)| value.trim_matches('"').to_owned())
        .collect()
}

fn members_of(json: &Value, name: &str) -> Vec<String> {
    let mut found: Vec<&Value> = vec![json];
    for step in name.split('.') {
        found = found
            .into_iter()
            .flat_map(|value| members(value, step))
            .take(MOST_CAPTURED)
            .collect();
    }
    found
        .into_iter()
        .flat_map(|value| match value {
            Value::Array(items) => items.iter().collect(),
            value => vec![value],
        })
        .filter(|value| !value.is_null())
        .take(MOST_CAPTURED)
        .map(|value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        })
        .collect()
}

fn members<'v>(value: &'v Value, step: &str) -> Vec<&'v Value> {
    match value {
        Value::Array(items) if step == "*" => items.iter().take(MOST_CAPTURED).collect(),
        Value::Array(items) => step
            .parse::<usize>()
            .ok()
            .and_then(|at| items.get(at))
            .into_iter()
            .collect(),
        Value::Object(members) => members.get(step).into_iter().collect(),
        _ => Vec::new(),
    }
}
