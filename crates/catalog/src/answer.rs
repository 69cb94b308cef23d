//! Finds the decoy that answers a request, judges the credential it shows, and makes the answer.
//!
//! API kinds accept what was minted, refuse the rest as the vendor does, and give retired bait the
//! vendor's "revoked". Beacons and records answer by the path's shape alone, so that nothing tells
//! whether an address was ours.

use std::borrow::Cow;
use std::collections::BTreeMap;

use lapwing_core::{Canary, Carrier, DecoyOutcome, Timestamp};
use minijinja::{Environment, Value};

use crate::credential::Standing;
use crate::decoy::{DEFAULT_STYLE, Decoy, Failures, Reply, Rule, Text};
use crate::kind::Kind;
use crate::render::{LARGEST_BODY, Made, render};
use crate::request::Request;
use crate::route;
use crate::schema::{ApiTable, Auth};
use crate::sigv4::{self, Signed};

/// Longest text of the peer that is put into an answer, in bytes.
pub(crate) const LONGEST_ECHO: usize = 2048;
/// Longest name of the peer (host, path, action, token) that is put into an answer, in bytes.
pub(crate) const LONGEST_NAME: usize = 256;
/// Longest header value sent, in bytes.
pub(crate) const LONGEST_HEADER: usize = 4096;
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

/// One request before one kind.
pub(crate) struct Hearing<'a> {
    environment: &'a Environment<'static>,
    pub(crate) kind: &'a Kind,
    pub(crate) asked: &'a Asked<'a>,
    pub(crate) segments: &'a [Cow<'a, str>],
    pub(crate) signed: Option<Signed>,
    /// Drawn once, for what headers and body of the answer say alike.
    once: [u8; 16],
}

/// The answer of the first kind that has one: APIs first, those with a canary in the request before
/// others; then beacons and records, in the order they are bound.
pub(crate) fn answer(
    environment: &Environment<'static>,
    kinds: &[&Kind],
    asked: &Asked<'_>,
) -> Option<Answer> {
    let segments = route::segments(asked.request.path());
    let matches = |kind: &Kind| {
        asked
            .matched
            .iter()
            .any(|matched| matched.canary.kind == kind.id)
    };
    let mut order: Vec<&Kind> = kinds.to_vec();
    order.sort_by_key(|kind| (!kind.is_api(), kind.is_api() && !matches(kind)));
    order.into_iter().find_map(|kind| {
        let signed = match &kind.decoy.api {
            Some(api) if api.auth == Auth::Sigv4 => sigv4::parse(asked.request),
            _ => None,
        };
        let hearing = Hearing {
            environment,
            kind,
            asked,
            segments: &segments,
            signed,
            once: rand::random(),
        };
        match &kind.decoy.api {
            Some(api) => Some(hearing.api(api)),
            None => hearing.beacon(),
        }
    })
}

impl<'a> Hearing<'a> {
    /// A beacon or record: by the path's shape alone.
    fn beacon(&self) -> Option<Answer> {
        let (rule, parameters) = self
            .kind
            .decoy
            .rules
            .iter()
            .find_map(|rule| Some((rule, self.fits(rule, self.segments)?)))?;
        let standing = Standing::Open(self.asked.matched.first().map(|matched| matched.canary));
        Some(self.make(&rule.accepted, Some(rule), standing, &parameters))
    }

    fn api(&self, api: &'a ApiTable) -> Answer {
        let general = self.standing(api.auth, api);
        for skip in 0..=self.prefix(general) {
            for rule in &self.kind.decoy.rules {
                let Some(parameters) = self
                    .segments
                    .get(skip..)
                    .and_then(|rest| self.fits(rule, rest))
                else {
                    continue;
                };
                let standing = if rule.auth == api.auth {
                    general
                } else {
                    self.standing(rule.auth, api)
                };
                if standing.is_let_in() && !self.names_own_fields(standing, &parameters) {
                    continue;
                }
                let decoy = &self.kind.decoy;
                let style = decoy.styles.get(&rule.style).map(|style| &style.failures);
                let reply = if standing.is_let_in() {
                    Some(&rule.accepted)
                } else {
                    failure(&rule.failures, standing)
                        .or_else(|| style.and_then(|style| failure(style, standing)))
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
        if standing.is_let_in() {
            style.not_found.as_ref()
        } else {
            failure(&style.failures, standing)
        }
    }

    fn make_or_empty(
        &self,
        reply: Option<&Reply>,
        rule: Option<&Rule>,
        standing: Standing<'_>,
        parameters: &[(&str, String)],
    ) -> Answer {
        let nothing = Reply {
            status: 404,
            headers: Vec::new(),
            body: Text::Fixed(Vec::new()),
            tables: Vec::new(),
        };
        self.make(reply.unwrap_or(&nothing), rule, standing, parameters)
    }

    /// How many leading segments may belong to the address the canary carries, not to the vendor's path.
    fn prefix(&self, standing: Standing<'_>) -> usize {
        let Some(canary) = standing.canary() else {
            return LONGEST_PREFIX;
        };
        let url = canary.fields.get("beacon.url").map_or("", String::as_str);
        let path = url.splitn(4, '/').nth(3).unwrap_or_default();
        let own = path
            .split('/')
            .zip(self.segments)
            .take_while(|(own, asked)| !own.is_empty() && *own == asked.as_ref())
            .count();
        own.min(LONGEST_PREFIX + 2)
    }

    /// Path parameters of a rule that fits but for the credential.
    fn fits<'r>(
        &self,
        rule: &'r Rule,
        segments: &[Cow<'_, str>],
    ) -> Option<Vec<(&'r str, String)>> {
        let request = self.asked.request;
        let method = |known: &String| {
            *known == request.method || (known == "GET" && request.method == "HEAD")
        };
        if !rule.methods.is_empty() && !rule.methods.iter().any(method) {
            return None;
        }
        let parameters = rule
            .routes
            .iter()
            .find_map(|route| route.matches(segments))?;
        let has = |value: Option<&str>, wanted: &str| match wanted.strip_suffix('*') {
            Some(start) => value.is_some_and(|value| value.starts_with(start)),
            None => value == Some(wanted),
        };
        let fits = rule.service.as_ref().is_none_or(|service| {
            has(
                self.signed.as_ref().map(|signed| signed.service.as_str()),
                service,
            )
        }) && rule
            .form
            .iter()
            .all(|(name, wanted)| has(request.form_value(name), wanted))
            && rule
                .query
                .iter()
                .all(|(name, wanted)| has(request.query_value(name), wanted))
            && rule
                .header
                .iter()
                .all(|(name, wanted)| has(request.header(name), wanted))
            && rule.missing.iter().all(|source| {
                self.values(source, &parameters)
                    .iter()
                    .all(String::is_empty)
            })
            && !rule
                .except
                .iter()
                .any(|route| route.matches(segments).is_some());
        fits.then_some(parameters)
    }

    /// Parameters named like a field have to hold the canary's own value.
    fn names_own_fields(&self, standing: Standing<'_>, parameters: &[(&str, String)]) -> bool {
        standing.canary().is_none_or(|canary| {
            parameters.iter().all(|(name, value)| {
                self.kind.field(name).is_none() || canary.fields.get(*name) == Some(value)
            })
        })
    }

    fn make(
        &self,
        reply: &Reply,
        rule: Option<&Rule>,
        standing: Standing<'_>,
        parameters: &[(&str, String)],
    ) -> Answer {
        let mut answer = Answer {
            kind: self.kind.id.clone(),
            rule: rule.map(|rule| rule.name.clone()).unwrap_or_default(),
            outcome: standing.outcome(),
            status: reply.status,
            headers: Vec::with_capacity(reply.headers.len()),
            body: Vec::new(),
            captured: self.captured(rule, parameters),
        };
        let templated = std::iter::once(&reply.body)
            .chain(reply.headers.iter().map(|(_, text)| text))
            .any(|text| matches!(text, Text::Template(_)));
        let context = if templated {
            self.context(reply, standing, parameters)
        } else {
            Value::UNDEFINED
        };
        let text = |text: &Text, limit| match text {
            Text::Fixed(bytes) => Some(bytes.clone()),
            Text::Template(name) => render(self.environment, name, &context, limit)
                .ok()
                .map(String::into_bytes),
        };
        for (name, value) in &reply.headers {
            if let Some(value) =
                text(value, LONGEST_HEADER).and_then(|value| String::from_utf8(value).ok())
            {
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

    fn context(
        &self,
        reply: &Reply,
        standing: Standing<'_>,
        parameters: &[(&str, String)],
    ) -> Value {
        let request = self.asked.request;
        // Beacons never look at the canary: a made-up id would tell ours from others.
        let canary = standing.canary().filter(|_| self.kind.is_api());
        let subject =
            canary.map_or_else(|| request.path().to_owned(), |canary| canary.id.to_string());
        let minted = canary.map_or(self.asked.now, |canary| canary.minted);
        let made = Made {
            seed: *self.asked.seed,
            once: self.once,
            subject,
            now: self.asked.now,
            minted,
        };
        let mut context: Vec<(&str, Value)> = made.functions();
        for table in &reply.tables {
            let value = match *table {
                "field" => canary.map(fields_value).unwrap_or_default(),
                "path" => strings(
                    parameters
                        .iter()
                        .map(|(name, value)| (*name, value.as_str())),
                    LONGEST_NAME,
                ),
                "form" => strings(first_of_each(request.form()), LONGEST_ECHO),
                "query" => strings(first_of_each(request.query()), LONGEST_ECHO),
                "json" => json_table(request),
                "auth" => {
                    let user = request.basic().map(|(user, _)| user).unwrap_or_default();
                    let token = request.authorization().map_or("", |(_, rest)| rest);
                    strings(
                        [("user", user.as_str()), ("token", token)].into_iter(),
                        LONGEST_NAME,
                    )
                }
                "aws" => {
                    let mut pairs = self.aws();
                    if let Standing::BadSignature(_, fault) = standing {
                        pairs.push(("fault", fault.word().to_owned()));
                    }
                    strings(
                        pairs.iter().map(|(name, value)| (*name, value.as_str())),
                        LONGEST_NAME,
                    )
                }
                _ => strings(
                    [
                        ("method", request.method.as_str()),
                        ("path", request.path()),
                        ("target", request.target.as_str()),
                        ("host", request.header("host").unwrap_or(&request.host)),
                    ]
                    .into_iter(),
                    LONGEST_NAME,
                ),
            };
            context.push((table, value));
        }
        Value::from_pairs(context)
    }
}

fn failure<'a>(failures: &'a Failures, standing: Standing<'_>) -> Option<&'a Reply> {
    let Failures {
        unknown,
        missing,
        refused,
        revoked,
        bad_signature,
    } = failures;
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

fn json_table(request: &Request) -> Value {
    let members = request.json().and_then(serde_json::Value::as_object);
    let pairs = members
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
        });
    Value::from_pairs(pairs)
}

fn first_of_each(pairs: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    // Collected backwards, so that the first of a name wins.
    pairs
        .iter()
        .take(64)
        .rev()
        .map(|(name, value)| (name.as_str(), value.as_str()))
}

fn strings<'s>(pairs: impl Iterator<Item = (&'s str, &'s str)>, limit: usize) -> Value {
    Value::from_pairs(
        pairs.map(|(name, value)| (cut(name, 64).to_owned(), Value::from(cut(value, limit)))),
    )
}

/// Fields by name; `beacon.url` is reached as `field.beacon.url`.
fn fields_value(canary: &Canary) -> Value {
    let mut nested: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
    let mut flat: BTreeMap<String, Value> = BTreeMap::new();
    for (name, value) in &canary.fields {
        match name.split_once('.') {
            Some((outer, inner)) => {
                nested
                    .entry(outer.to_owned())
                    .or_default()
                    .insert(inner.to_owned(), Value::from(value.as_str()));
            }
            None => {
                flat.insert(name.clone(), Value::from(value.as_str()));
            }
        }
    }
    flat.extend(
        nested
            .into_iter()
            .map(|(name, inner)| (name, Value::from_pairs(inner))),
    );
    Value::from_pairs(flat)
}

/// The first bytes of a text, cut between characters.
pub(crate) fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}
