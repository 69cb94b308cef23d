//! Finds the decoy that answers a request, judges the credential it shows, and makes the answer.
//!
//! API kinds accept what was minted, refuse the rest as the vendor does, and give retired bait the
//! vendor's "revoked". Beacons and records answer by the path's shape alone, so that nothing tells
//! whether an address was ours.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use lapwing_core::{Canary, Carrier, DecoyOutcome, Timestamp};
use minijinja::Value;

use crate::credential::{Fault, Standing};
use crate::dav::{self, DavPart, Tree};
use crate::decoy::{Api, DEFAULT_STYLE, Decoy, Failures, Reply, Rule, Text};
use crate::kind::Kind;
use crate::memory::{Item, Memory, Quota};
use crate::render::{LARGEST_BODY, once_text, render};
use crate::request::Request;
use crate::route;
use crate::sigv2;
use crate::sigv4::{self, Signed};
use crate::smart::{Files, GitPart};
use crate::templates::Templates;

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
    pub(crate) environment: &'a Templates,
    pub(crate) kind: &'a Kind,
    pub(crate) asked: &'a Asked<'a>,
    pub(crate) segments: &'a [Cow<'a, str>],
    pub(crate) signed: Option<Signed>,
    pub(crate) memory: &'a Memory,
    /// Drawn once, for what headers and body of the answer say alike.
    pub(crate) once: [u8; 16],
    /// The share of the canary that is let in.
    pub(crate) tree: OnceCell<Option<Tree>>,
}

/// What an answer is made of besides its words.
pub(crate) struct Said<'a> {
    rule: Option<&'a Rule>,
    pub(crate) standing: Standing<'a>,
    pub(crate) parameters: Vec<(&'a str, String)>,
    /// The items the request named or made.
    pub(crate) items: Vec<Arc<Item>>,
    /// The items the rule made last, in the order of the request.
    pub(crate) made: Vec<Arc<Item>>,
    /// What an item is being made for: which it is, and what.
    pub(crate) each: Option<(usize, String)>,
    pub(crate) quota: Option<Quota>,
    /// What the path is in the share, if the rule asks for it.
    pub(crate) resource: Option<String>,
}

/// The answer of the first kind that has one: APIs first, those with a canary in the request before
/// others; then beacons and records, in the order they are bound.
pub(crate) fn answer(
    environment: &Templates,
    memory: &Memory,
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
            Some(api) if api.signs => {
                sigv4::parse(asked.request).or_else(|| sigv2::parse(asked.request))
            }
            _ => None,
        };
        let hearing = Hearing {
            environment,
            kind,
            asked,
            segments: &segments,
            signed,
            memory,
            once: rand::random(),
            tree: OnceCell::new(),
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
        let said = Said {
            rule: Some(rule),
            standing,
            parameters,
            items: Vec::new(),
            made: Vec::new(),
            each: None,
            quota: None,
            resource: None,
        };
        Some(self.make(&rule.accepted, &said))
    }

    fn api(&self, api: &'a Api) -> Answer {
        let general = self.standing(&api.ways);
        for skip in 0..=self.prefix(general) {
            for rule in &self.kind.decoy.rules {
                let rest = self.segments.get(skip..).unwrap_or_default();
                let Some(parameters) = self.fits(rule, rest) else {
                    continue;
                };
                let standing = match &rule.ways {
                    None => general,
                    Some(ways) => self.standing(ways),
                };
                let (mut items, mut resource) = (Vec::new(), None);
                if standing.is_let_in() {
                    let Some(known) = self.known(rule, standing, &parameters) else {
                        continue;
                    };
                    if !self.names_own_fields(standing, &parameters) {
                        continue;
                    }
                    let Some(found) = self.resource(rule, standing, rest) else {
                        continue;
                    };
                    items.extend(known);
                    resource = found;
                }
                return self.by_rule(Said {
                    rule: Some(rule),
                    standing,
                    parameters,
                    items,
                    made: Vec::new(),
                    each: None,
                    quota: None,
                    resource,
                });
            }
        }
        let reply = self.general(&self.kind.decoy, general);
        self.make_or_empty(
            reply,
            &Said {
                rule: None,
                standing: general,
                parameters: Vec::new(),
                items: Vec::new(),
                made: Vec::new(),
                each: None,
                quota: self.quota(DEFAULT_STYLE, general),
                resource: None,
            },
        )
    }

    /// The answer of the rule that fits.
    fn by_rule(&self, mut said: Said<'_>) -> Answer {
        let decoy = &self.kind.decoy;
        let (standing, Some(rule)) = (said.standing, said.rule) else {
            return self.make_or_empty(None, &said);
        };
        let style = decoy.styles.get(&rule.style);
        said.quota = self.quota(&rule.style, standing);
        let limited = (said.quota.filter(|quota| quota.exceeded()))
            .and_then(|_| (rule.limited.as_deref()).or_else(|| style?.limited.as_deref()));
        if limited.is_some() {
            return self.make_or_empty(limited, &said);
        }
        let reply = if standing.is_let_in() {
            self.keep(rule, &mut said);
            Some(&rule.accepted)
        } else {
            failure(&rule.failures, standing)
                .or_else(|| style.and_then(|style| failure(&style.failures, standing)))
        };
        let reply = reply.or_else(|| self.general(decoy, standing));
        self.make_or_empty(reply, &said)
    }

    /// The vendor's answer where no rule has one.
    fn general(&self, decoy: &'a Decoy, standing: Standing<'_>) -> Option<&'a Reply> {
        let style = decoy.styles.get(DEFAULT_STYLE)?;
        if standing.is_let_in() {
            style.not_found.as_deref()
        } else {
            failure(&style.failures, standing)
        }
    }

    fn make_or_empty(&self, reply: Option<&Reply>, said: &Said<'_>) -> Answer {
        let nothing = Reply {
            status: 404,
            headers: Vec::new(),
            body: Text::Fixed(Vec::new()),
            tables: Vec::new(),
        };
        self.make(reply.unwrap_or(&nothing), said)
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

    /// Parameters named like a field have to hold the canary's own value.
    fn names_own_fields(&self, standing: Standing<'_>, parameters: &[(&str, String)]) -> bool {
        standing.canary().is_none_or(|canary| {
            parameters.iter().all(|(name, value)| {
                self.kind.field(name).is_none() || canary.fields.get(*name) == Some(value)
            })
        })
    }

    fn make(&self, reply: &Reply, said: &Said<'_>) -> Answer {
        let unknown = said.standing.outcome() == DecoyOutcome::Unknown;
        let ours = || self.canaries().next().is_some();
        let mut answer = Answer {
            kind: self.kind.id.clone(),
            rule: said.rule.map(|rule| rule.name.clone()).unwrap_or_default(),
            // One of ours shown where the vendor does not look for it.
            outcome: if unknown && self.kind.is_api() && ours() {
                DecoyOutcome::Refused
            } else {
                said.standing.outcome()
            },
            status: reply.status,
            headers: Vec::with_capacity(reply.headers.len()),
            body: Vec::new(),
            captured: self.captured(said.rule, &said.parameters),
        };
        let templated = std::iter::once(&reply.body)
            .chain(reply.headers.iter().map(|(_, text)| text))
            .any(|text| matches!(text, Text::Template(_)));
        let context = if templated {
            self.context(&reply.tables, said)
        } else {
            Value::UNDEFINED
        };
        for (name, value) in &reply.headers {
            let value = self.text(value, &context, LONGEST_HEADER);
            if let Some(value) = value.and_then(|value| String::from_utf8(value).ok()) {
                answer.headers.push((name.clone(), value));
            }
        }
        let body = match &reply.body {
            Text::Git(part) => self.git(*part, said.standing),
            Text::Dav(part) => self.dav(*part, said),
            text => self.text(text, &context, LARGEST_BODY),
        };
        match body {
            Some(body) => answer.body = body,
            // Out of fuel or too large: what a vendor's front end says when its back end fails.
            None => answer.status = 502,
        }
        answer
    }

    /// A text as it is sent; `None` if it cannot be made within its limit.
    pub(crate) fn text(&self, text: &Text, context: &Value, limit: usize) -> Option<Vec<u8>> {
        match text {
            Text::Fixed(bytes) => Some(bytes.clone()),
            Text::Template(name) => render(self.environment, name, context, limit)
                .ok()
                .map(String::into_bytes),
            Text::Git(_) | Text::Dav(_) => None,
        }
    }

    fn dav(&self, part: DavPart, said: &Said<'_>) -> Option<Vec<u8>> {
        let tree = self.share(said.standing)?;
        let path = said.resource.as_deref()?;
        match part {
            DavPart::Properties => tree.properties(path, self.asked.request),
            DavPart::Content => tree.content(path),
            DavPart::Lock => dav::lock(self.asked.request, &once_text(&self.once, "uuid").ok()?),
        }
    }

    fn git(&self, part: GitPart, standing: Standing<'_>) -> Option<Vec<u8>> {
        let repository = self.kind.decoy.git.as_ref()?;
        let canary = standing.canary();
        let files = Files {
            environment: self.environment,
            fields: canary.map(|canary| &canary.fields),
            made: self.made(canary),
        };
        repository.serve(part, self.asked.request, &files)
    }
}

fn failure<'a>(failures: &'a Failures, standing: Standing<'_>) -> Option<&'a Reply> {
    let Failures {
        unknown,
        missing,
        refused,
        revoked,
        bad_signature,
        bad_token,
    } = failures;
    let unknown = unknown.as_deref();
    let refused = refused.as_deref().or(unknown);
    match standing {
        Standing::Missing => missing.as_deref().or(unknown),
        Standing::Refused(_) => refused,
        Standing::Revoked(_) => revoked.as_deref().or(unknown),
        Standing::BadSignature(_, Fault::Token) => bad_token.as_deref().or(unknown),
        Standing::BadSignature(..) => bad_signature.as_deref().or(refused),
        Standing::Unknown | Standing::Accepted(_) | Standing::Open(_) => unknown,
    }
}

/// The first bytes of a text, cut between characters.
pub(crate) fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}
