//! Finds the decoy that answers a request, judges the credential it shows, and makes the answer.
//!
//! API kinds accept what was minted, refuse the rest as the vendor does, and give retired bait the
//! vendor's "revoked". Beacons and records answer by the path's shape alone, so that nothing tells
//! whether an address was ours.

use std::borrow::Cow;
use std::collections::BTreeMap;

use lapwing_core::{Canary, Carrier, DecoyOutcome, Timestamp};
use minijinja::{Environment, Value};

use crate::decoy::{DEFAULT_STYLE, Decoy, Failures, Reply, Rule, Text};
use crate::kind::Kind;
use crate::render::{LARGEST_BODY, Made, render};
use crate::request::Request;
use crate::route;
use crate::schema::{ApiTable, Auth};
use crate::sigv4::{self, Fault, Signed};

/// Longest text of the peer that is put into an answer, in bytes.
const LONGEST_ECHO: usize = 2048;
/// Most values captured under one name.
const MOST_CAPTURED: usize = 100;
/// Longest captured value, in bytes.
const LONGEST_CAPTURED: usize = 4096;
/// Longest header value sent, in bytes.
const LONGEST_HEADER: usize = 4096;
/// How many path segments an address prefix may have.
const LONGEST_PREFIX: usize = 2;

/// A request and what is known of it.
pub struct Asked<'a> {
    /// The request.
    pub request: &'a Request,
    /// Kinds bound to the host that was asked.
    pub kinds: &'a [String],
    /// Canaries whose handles it holds.
    pub matched: &'a [Matched<'a>],
    /// The time now.
    pub now: Timestamp,
    /// The station's secret for made-up ids that stay the same.
    pub seed: &'a [u8; 32],
}

/// A handle that was found.
pub struct Matched<'a> {
    /// The canary it belongs to.
    pub canary: &'a Canary,
    /// Which field it is.
    pub field: String,
    /// Where it was found.
    pub carrier: Carrier,
}

/// What to send back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The kind that answers.
    pub kind: String,
    /// The rule, `POST /2010-04-01/...`; empty where none fits and the vendor's general answer goes out.
    pub rule: String,
    /// What became of the credential.
    pub outcome: DecoyOutcome,
    /// HTTP status.
    pub status: u16,
    /// Headers in order. Date, length and framing are the listener's.
    pub headers: Vec<(String, String)>,
    /// The body, at most 64 KiB.
    pub body: Vec<u8>,
    /// What the kind asks to be captured: name and values, all of them the peer's words.
    pub captured: BTreeMap<String, Vec<String>>,
}

/// What a credential is worth.
#[derive(Clone, Copy, Debug)]
enum Standing<'a> {
    Accepted(&'a Canary),
    Revoked(&'a Canary),
    Refused(&'a Canary),
    BadSignature(&'a Canary, Fault),
    Unknown,
    Missing,
    /// No credential is wanted.
    Open(Option<&'a Canary>),
}

impl<'a> Standing<'a> {
    const fn canary(self) -> Option<&'a Canary> {
        match self {
            Self::Accepted(canary) | Self::Revoked(canary) | Self::Refused(canary) | Self::BadSignature(canary, _) => Some(canary),
            Self::Open(canary) => canary,
            Self::Unknown | Self::Missing => None,
        }
    }

    const fn outcome(self) -> DecoyOutcome {
        match self {
            Self::Accepted(_) | Self::Open(Some(_)) => DecoyOutcome::Accepted,
            Self::Revoked(_) => DecoyOutcome::Revoked,
            Self::Refused(_) => DecoyOutcome::Refused,
            Self::BadSignature(..) => DecoyOutcome::BadSignature,
            Self::Unknown | Self::Missing | Self::Open(None) => DecoyOutcome::Unknown,
        }
    }

    const fn is_let_in(self) -> bool {
        matches!(self, Self::Accepted(_) | Self::Open(_))
    }
}

/// One request before one kind.
struct Hearing<'a> {
    environment: &'a Environment<'static>,
    kind: &'a Kind,
    asked: &'a Asked<'a>,
    segments: &'a [Cow<'a, str>],
    signed: Option<Signed>,
}

/// The answer of the first kind that has one: APIs first, those with a canary in the request before
/// others; then beacons and records, in the order they are bound.
pub(crate) fn answer(environment: &Environment<'static>, kinds: &[&Kind], asked: &Asked<'_>) -> Option<Answer> {
    let segments = route::segments(asked.request.path());
    let matches = |kind: &Kind| asked.matched.iter().any(|matched| matched.canary.kind == kind.id);
    let mut order: Vec<&Kind> = kinds.to_vec();
    order.sort_by_key(|kind| (!kind.is_api(), kind.is_api() && !matches(kind)));
    order.into_iter().find_map(|kind| {
        let signed = match &kind.decoy.api {
            Some(api) if api.auth == Auth::Sigv4 => sigv4::parse(asked.request),
            _ => None,
        };
        let hearing = Hearing { environment, kind, asked, segments: &segments, signed };
        match &kind.decoy.api {
            Some(api) => Some(hearing.api(api)),
            None => hearing.beacon(),
        }
    })
}

impl<'a> Hearing<'a> {
    /// A beacon or record: by the path's shape alone.
    fn beacon(&self) -> Option<Answer> {
        let (rule, parameters) = self.kind.decoy.rules.iter().find_map(|rule| Some((rule, self.fits(rule, self.segments)?)))?;
        let standing = Standing::Open(self.asked.matched.first().map(|matched| matched.canary));
        Some(self.make(&rule.accepted, Some(rule), standing, &parameters))
    }

    fn api(&self, api: &'a ApiTable) -> Answer {
        let general = self.standing(api.auth, api);
        for skip in 0..=self.prefix(general) {
            for rule in &self.kind.decoy.rules {
                let Some(parameters) = self.segments.get(skip..).and_then(|rest| self.fits(rule, rest)) else {
                    continue;
                };
                let standing = if rule.auth == api.auth { general } else { self.standing(rule.auth, api) };
                if standing.is_let_in() && !self.names_own_fields(standing, &parameters) {
                    continue;
                }
                let decoy = &self.kind.decoy;
                let style = decoy.styles.get(&rule.style).map(|style| &style.failures);
                let reply = if standing.is_let_in() {
                    Some(&rule.accepted)
                } else {
                    failure(&rule.failures, standing).or_else(|| style.and_then(|style| failure(style, standing)))
                };
                let reply = reply.or_else(|| self.general(decoy, standing));
                return self.make_or_empty(reply, Some(rule), standing, &parameters);
            }
        }
        self.make_or_empty(self.general(&self.kind.decoy, general), None, general, &[])
    }

    /// The vendor's answer where no rule has one.
    fn general(&self, decoy: &'a Decoy, standing: Standing<'_>) -> Option<&'a Reply> {
        let style = decoy.styles.get(DEFAULT_STYLE)?;
        if standing.is_let_in() { style.not_found.as_ref() } else { failure(&style.failures, standing) }
    }

    fn make_or_empty(&self, reply: Option<&Reply>, rule: Option<&Rule>, standing: Standing<'_>, parameters: &[(&str, String)]) -> Answer {
        let nothing = Reply { status: 404, headers: Vec::new(), body: Text::Fixed(Vec::new()), tables: Vec::new() };
        self.make(reply.unwrap_or(&nothing), rule, standing, parameters)
    }

    /// How many leading segments may belong to the address the canary carries, not to the vendor's path.
    fn prefix(&self, standing: Standing<'_>) -> usize {
        let Some(canary) = standing.canary() else {
            return LONGEST_PREFIX;
        };
        let url = canary.fields.get("beacon.url").map_or("", String::as_str);
        let path = url.splitn(4, '/').nth(3).unwrap_or_default();
        let own = path.split('/').zip(self.segments).take_while(|(own, asked)| !own.is_empty() && *own == asked.as_ref()).count();
        own.min(LONGEST_PREFIX + 2)
    }

    /// Path parameters of a rule that fits but for the credential.
    fn fits<'r>(&self, rule: &'r Rule, segments: &[Cow<'_, str>]) -> Option<Vec<(&'r str, String)>> {
        let request = self.asked.request;
        let method = |known: &String| *known == request.method || (known == "GET" && request.method == "HEAD");
        if !rule.methods.is_empty() && !rule.methods.iter().any(method) {
            return None;
        }
        let parameters = rule.routes.iter().find_map(|route| route.matches(segments))?;
        let has = |value: Option<&str>, wanted: &str| match wanted.strip_suffix('*') {
            Some(start) => value.is_some_and(|value| value.starts_with(start)),
            None => value == Some(wanted),
        };
        let fits = rule.service.as_ref().is_none_or(|service| has(self.signed.as_ref().map(|signed| signed.service.as_str()), service))
            && rule.form.iter().all(|(name, wanted)| has(request.form_value(name), wanted))
            && rule.query.iter().all(|(name, wanted)| has(request.query_value(name), wanted))
            && rule.header.iter().all(|(name, wanted)| has(request.header(name), wanted))
            && rule.missing.iter().all(|source| self.values(source, &parameters).iter().all(String::is_empty))
            && !rule.except.iter().any(|route| route.matches(segments).is_some());
        fits.then_some(parameters)
    }

    /// Parameters named like a field have to hold the canary's own value.
    fn names_own_fields(&self, standing: Standing<'_>, parameters: &[(&str, String)]) -> bool {
        standing.canary().is_none_or(|canary| {
            parameters.iter().all(|(name, value)| self.kind.field(name).is_none() || canary.fields.get(*name) == Some(value))
        })
    }

    fn canaries(&self) -> impl Iterator<Item = &'a Canary> + use<'a> {
        let id = &self.kind.id;
        self.asked.matched.iter().map(|matched| matched.canary).filter(move |canary| canary.kind == *id)
    }

    fn standing(&self, auth: Auth, api: &ApiTable) -> Standing<'a> {
        let request = self.asked.request;
        let (user, password) = (api.user.as_deref().unwrap_or_default(), api.password.as_deref().unwrap_or_default());
        match auth {
            Auth::None => Standing::Open(self.canaries().next()),
            Auth::Basic => match request.basic() {
                Some((name, secret)) => self.pair(user, password, &name, &secret),
                None => Standing::Missing,
            },
            Auth::Query => {
                let value = |parameter: Option<&str>| parameter.and_then(|name| request.form_value(name).or_else(|| request.query_value(name)));
                match value(api.user_parameter.as_deref().or(Some(user))) {
                    Some(name) => self.pair(user, password, name, value(api.password_parameter.as_deref().or(Some(password))).unwrap_or_default()),
                    None => Standing::Missing,
                }
            }
            Auth::Bearer | Auth::Token => self.token(auth, password),
            Auth::Sigv4 => self.signature(user, password),
        }
    }

    fn pair(&self, user: &str, password: &str, name: &str, secret: &str) -> Standing<'a> {
        let known = self.canaries().find(|canary| canary.fields.get(user).is_some_and(|value| value == name));
        match known {
            Some(canary) if canary.fields.get(password).is_some_and(|value| value == secret) => admitted(canary),
            Some(canary) => Standing::Refused(canary),
            None => self.canaries().next().map_or(Standing::Unknown, Standing::Refused),
        }
    }

    fn token(&self, auth: Auth, password: &str) -> Standing<'a> {
        let request = self.asked.request;
        let basic = if auth == Auth::Token { request.basic() } else { None };
        let mut shown: Vec<&str> = match request.authorization() {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => vec![rest],
            Some((scheme, rest)) if auth == Auth::Token && scheme.eq_ignore_ascii_case("token") => vec![rest],
            _ => Vec::new(),
        };
        if let Some((user, secret)) = &basic {
            shown.extend([user.as_str(), secret.as_str()]);
        }
        if shown.is_empty() {
            return Standing::Missing;
        }
        let known = self.canaries().find(|canary| canary.fields.get(password).is_some_and(|value| shown.contains(&value.as_str())));
        match known {
            Some(canary) => admitted(canary),
            None => self.canaries().next().map_or(Standing::Unknown, Standing::Refused),
        }
    }

    fn signature(&self, user: &str, password: &str) -> Standing<'a> {
        let Some(signed) = &self.signed else {
            return Standing::Missing;
        };
        let known = self.canaries().find(|canary| canary.fields.get(user).is_some_and(|value| *value == signed.key_id));
        let Some(canary) = known else {
            return Standing::Unknown;
        };
        if canary.retired.is_some() {
            return Standing::Revoked(canary);
        }
        let secret = canary.fields.get(password).map_or("", String::as_str);
        match sigv4::verify(self.asked.request, signed, secret, self.asked.now) {
            Ok(()) => Standing::Accepted(canary),
            Err(fault) => Standing::BadSignature(canary, fault),
        }
    }

    /// All values of one source: `form.To`, `header.User-Agent`, `json.message.to`.
    fn values(&self, source: &str, parameters: &[(&str, String)]) -> Vec<String> {
        let request = self.asked.request;
        let (part, name) = source.split_once('.').unwrap_or((source, ""));
        let named = |pairs: &[(String, String)]| -> Vec<String> {
            pairs.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect()
        };
        match part {
            "form" => named(request.form()),
            "query" => named(request.query()),
            "param" => [named(request.form()), named(request.query())].concat(),
            "header" => request.header(name).map(str::to_owned).into_iter().collect(),
            "path" => parameters.iter().filter(|(known, _)| *known == name).map(|(_, value)| value.clone()).collect(),
            "auth" => request.basic().map(|(user, _)| user).into_iter().collect(),
            "aws" => self.aws().into_iter().filter(|(known, _)| *known == name).map(|(_, value)| value).collect(),
            "body" => vec![String::from_utf8_lossy(&request.body).into_owned()],
            "json" => json_values(request, name),
            _ => Vec::new(),
        }
    }

    /// What a signed request asks for: service, region and action, as its protocol says it.
    fn aws(&self) -> Vec<(&'static str, String)> {
        let Some(signed) = &self.signed else {
            return Vec::new();
        };
        let request = self.asked.request;
        let target = request.header("x-amz-target").and_then(|target| target.rsplit('.').next());
        let action = request.form_value("Action").or_else(|| request.query_value("Action")).or(target);
        let action = match action {
            Some(action) => action.to_owned(),
            None if signed.service == "s3" => s3_action(&request.method, self.segments).to_owned(),
            None => String::new(),
        };
        vec![
            ("service", signed.service.clone()),
            ("region", signed.region.clone()),
            ("action", action),
            ("key_id", signed.key_id.clone()),
            ("date", signed.amz_date.clone()),
            ("resource", self.segments.join("/")),
        ]
    }

    fn captured(&self, rule: Option<&Rule>, parameters: &[(&str, String)]) -> BTreeMap<String, Vec<String>> {
        let rules = rule.into_iter().flat_map(|rule| &rule.capture);
        rules
            .map(|(name, source)| {
                let values = self.values(source, parameters).into_iter().filter(|value| !value.is_empty());
                (name.clone(), values.take(MOST_CAPTURED).map(|value| cut(&value, LONGEST_CAPTURED).to_owned()).collect::<Vec<_>>())
            })
            .filter(|(_, values)| !values.is_empty())
            .collect()
    }

    fn make(&self, reply: &Reply, rule: Option<&Rule>, standing: Standing<'_>, parameters: &[(&str, String)]) -> Answer {
        let mut answer = Answer {
            kind: self.kind.id.clone(),
            rule: rule.map(|rule| rule.name.clone()).unwrap_or_default(),
            outcome: standing.outcome(),
            status: reply.status,
            headers: Vec::with_capacity(reply.headers.len()),
            body: Vec::new(),
            captured: self.captured(rule, parameters),
        };
        let templated = std::iter::once(&reply.body).chain(reply.headers.iter().map(|(_, text)| text)).any(|text| matches!(text, Text::Template(_)));
        let context = if templated { self.context(reply, standing, parameters) } else { Value::UNDEFINED };
        let text = |text: &Text, limit| match text {
            Text::Fixed(bytes) => Some(bytes.clone()),
            Text::Template(name) => render(self.environment, name, &context, limit).ok().map(String::into_bytes),
        };
        for (name, value) in &reply.headers {
            if let Some(value) = text(value, LONGEST_HEADER).and_then(|value| String::from_utf8(value).ok()) {
                answer.headers.push((name.clone(), value));
            }
        }
        match text(&reply.body, LARGEST_BODY) {
            Some(body) => answer.body = body,
            // Out of fuel or too large: what a vendor's front end says when its back end fails.
            None => answer.status = 502,
        }
        answer
    }

    fn context(&self, reply: &Reply, standing: Standing<'_>, parameters: &[(&str, String)]) -> Value {
        let request = self.asked.request;
        // Beacons never look at the canary: a made-up id would tell ours from others.
        let canary = standing.canary().filter(|_| self.kind.is_api());
        let subject = canary.map_or_else(|| request.path().to_owned(), |canary| canary.id.to_string());
        let minted = canary.map_or(self.asked.now, |canary| canary.minted);
        let made = Made { seed: *self.asked.seed, subject, now: self.asked.now, minted };
        let mut context: Vec<(&str, Value)> = made.functions();
        for table in &reply.tables {
            let value = match *table {
                "field" => canary.map(|canary| fields_value(canary)).unwrap_or_default(),
                "path" => strings(parameters.iter().map(|(name, value)| (*name, value.as_str()))),
                "form" => strings(first_of_each(request.form())),
                "query" => strings(first_of_each(request.query())),
                "json" => json_table(request),
                "auth" => {
                    let user = request.basic().map(|(user, _)| user).unwrap_or_default();
                    let token = request.authorization().map_or("", |(_, rest)| rest);
                    strings([("user", user.as_str()), ("token", token)].into_iter())
                }
                "aws" => {
                    let mut pairs = self.aws();
                    if let Standing::BadSignature(_, fault) = standing {
                        pairs.push(("fault", fault.word().to_owned()));
                    }
                    strings(pairs.iter().map(|(name, value)| (*name, value.as_str())))
                }
                _ => strings([("method", request.method.as_str()), ("path", request.path()), ("target", request.target.as_str()), ("host", request.header("host").unwrap_or(&request.host))].into_iter()),
            };
            context.push((table, value));
        }
        context.into_iter().collect()
    }
}

fn admitted(canary: &Canary) -> Standing<'_> {
    if canary.retired.is_some() { Standing::Revoked(canary) } else { Standing::Accepted(canary) }
}

fn failure<'a>(failures: &'a Failures, standing: Standing<'_>) -> Option<&'a Reply> {
    let Failures { unknown, missing, refused, revoked, bad_signature } = failures;
    let unknown = unknown.as_ref();
    let refused = refused.as_ref().or(unknown);
    match standing {
        Standing::Missing => missing.as_ref().or(unknown),
        Standing::Refused(_) => refused,
        Standing::Revoked(_) => revoked.as_ref().or(unknown),
        Standing::BadSignature(..) => bad_signature.as_ref().or(refused),
        Standing::Unknown | Standing::Accepted(_) | Standing::Open(_) => unknown,
    }
}

/// What an S3 request does, by method and depth of its path (path-style addresses).
fn s3_action(method: &str, segments: &[Cow<'_, str>]) -> &'static str {
    let depth = segments.iter().filter(|segment| !segment.is_empty()).count();
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

fn json_values(request: &Request, name: &str) -> Vec<String> {
    let pointer = format!("/{}", name.replace('.', "/"));
    match request.json().and_then(|json| json.pointer(&pointer)) {
        Some(serde_json::Value::String(text)) => vec![text.clone()],
        Some(serde_json::Value::Array(items)) => items.iter().take(MOST_CAPTURED).map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect(),
        Some(serde_json::Value::Null) | None => Vec::new(),
        Some(other) => vec![other.to_string()],
    }
}

fn json_table(request: &Request) -> Value {
    let members = request.json().and_then(serde_json::Value::as_object);
    members
        .into_iter()
        .flatten()
        .take(64)
        .filter_map(|(name, value)| {
            let value = match value {
                serde_json::Value::String(text) => Value::from(cut(text, LONGEST_ECHO)),
                serde_json::Value::Bool(flag) => Value::from(*flag),
                serde_json::Value::Number(number) => number.as_i64().map(Value::from)?,
                _ => return None,
            };
            Some((cut(name, 64).to_owned(), value))
        })
        .collect()
}

fn first_of_each(pairs: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    // Collected backwards, so that the first of a name wins.
    pairs.iter().take(64).rev().map(|(name, value)| (name.as_str(), value.as_str()))
}

fn strings<'s>(pairs: impl Iterator<Item = (&'s str, &'s str)>) -> Value {
    pairs.map(|(name, value)| (cut(name, 64).to_owned(), Value::from(cut(value, LONGEST_ECHO)))).collect()
}

/// Fields by name; `beacon.url` is reached as `field.beacon.url`.
fn fields_value(canary: &Canary) -> Value {
    let mut nested: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
    let mut flat: BTreeMap<String, Value> = BTreeMap::new();
    for (name, value) in &canary.fields {
        match name.split_once('.') {
            Some((outer, inner)) => {
                nested.entry(outer.to_owned()).or_default().insert(inner.to_owned(), Value::from(value.as_str()));
            }
            None => {
                flat.insert(name.clone(), Value::from(value.as_str()));
            }
        }
    }
    flat.extend(nested.into_iter().map(|(name, inner)| (name, inner.into_iter().collect::<Value>())));
    flat.into_iter().collect()
}

/// The first bytes of a text, cut between characters.
fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}
