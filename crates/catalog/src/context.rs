//! What templates of an answer are given: tables of the request's parts, of the canary's fields and of
//! what is remembered. Text of the peer is cut to a length, and its documents to a depth.

use std::collections::BTreeMap;

use lapwing_core::Canary;
use minijinja::Value;

use crate::answer::{Hearing, LONGEST_ECHO, LONGEST_NAME, Said, cut};
use crate::memory::fitting;
use crate::render::{LISTS, Made};
use crate::request::Request;
use crate::ways::Auth;

/// How deep an answer may look into a JSON body, and how many items and members of it.
const DEEPEST_JSON: usize = 6;
const MOST_ITEMS: usize = 50;
const MOST_MEMBERS: usize = 64;

impl Hearing<'_> {
    /// The values of a rendering: functions always, tables as far as its templates look at them.
    pub(crate) fn context(&self, tables: &[&'static str], said: &Said<'_>) -> Value {
        // Beacons never look at the canary: a made-up id would tell ours from others.
        let canary = said.standing.canary().filter(|_| self.kind.is_api());
        let made = self.made(canary);
        let mut context: Vec<(&str, Value)> = made.functions();
        if tables.contains(&"items") || tables.contains(&"count") {
            context.extend(self.remembered(canary));
        }
        for table in tables.iter().filter(|table| !LISTS.contains(table)) {
            context.push((table, self.table(table, canary, said)));
        }
        Value::from_pairs(context)
    }

    pub(crate) fn made(&self, canary: Option<&Canary>) -> Made {
        let path = || self.asked.request.path().to_owned();
        Made {
            seed: *self.asked.seed,
            once: self.once,
            subject: canary.map_or_else(path, |canary| canary.id.to_string()),
            host: self.asked.request.host.clone(),
            now: self.asked.now,
            minted: canary.map_or(self.asked.now, |canary| canary.minted),
        }
    }

    fn table(&self, table: &str, canary: Option<&Canary>, said: &Said<'_>) -> Value {
        let request = self.asked.request;
        match table {
            "field" => canary
                .map(|canary| fields_value(&canary.fields))
                .unwrap_or_default(),
            "path" => strings(
                (said.parameters.iter()).map(|(name, value)| (*name, value.as_str())),
                LONGEST_NAME,
            ),
            "form" => strings(first_of_each(request.form()), LONGEST_ECHO),
            "query" => strings(first_of_each(request.query()), LONGEST_ECHO),
            "json" => json_table(request),
            "auth" => self.auth_table(),
            "aws" => {
                let mut pairs = self.aws();
                if let Some(fault) = said.standing.fault() {
                    pairs.push(("fault", fault.word().to_owned()));
                }
                strings(
                    pairs.iter().map(|(name, value)| (*name, value.as_str())),
                    LONGEST_NAME,
                )
            }
            "item" => (said.items.first())
                .map(|item| item.value(self.asked.now))
                .unwrap_or_default(),
            "made" => fitting(&said.made)
                .map(|item| item.value(self.asked.now))
                .collect(),
            "each" => (said.each.as_ref())
                .map(|(index, value)| {
                    Value::from_pairs([
                        ("index", Value::from(*index)),
                        ("value", Value::from(value.as_str())),
                    ])
                })
                .unwrap_or_default(),
            "limit" => (said.quota)
                .map(crate::memory::Quota::value)
                .unwrap_or_default(),
            "dav" => (said.resource.as_ref())
                .zip(self.share(said.standing))
                .map(|(path, tree)| tree.value(path))
                .unwrap_or_default(),
            "request" => {
                let host = request.header("host").unwrap_or(&request.host);
                strings(
                    [
                        ("method", request.method.as_str()),
                        ("path", request.path()),
                        ("target", request.target.as_str()),
                        ("host", host),
                        ("origin", &format!("{}://{host}", request.scheme)),
                    ]
                    .into_iter(),
                    LONGEST_NAME,
                )
            }
            _ => Value::UNDEFINED,
        }
    }

    /// What was shown as a credential, whatever it is worth.
    fn auth_table(&self) -> Value {
        let request = self.asked.request;
        let ways = self.kind.decoy.api.iter().flat_map(|api| &api.ways);
        let (mut user, mut token) = (String::new(), String::new());
        let mut claims = Value::UNDEFINED;
        for way in ways {
            let first = |sources| self.shown(way, sources).into_iter().next();
            if user.is_empty() {
                user = first(&way.users).unwrap_or_default();
            }
            if token.is_empty() && way.by != Auth::Jwt {
                token = first(&way.passwords).unwrap_or_default();
            }
            if way.by == Auth::Jwt
                && claims.is_undefined()
                && let Some(shown) = self.jwt_shown(way)
            {
                claims = json_value(&shown.claims, DEEPEST_JSON);
            }
        }
        if let Some((name, _)) = request.basic() {
            user = name;
        }
        if token.is_empty() || request.basic().is_some() {
            token = request
                .authorization()
                .map_or(token, |(_, rest)| rest.to_owned());
        }
        let scheme = request
            .authorization()
            .map_or_else(String::new, |(scheme, _)| scheme.to_ascii_lowercase());
        Value::from_pairs([
            ("user", Value::from(cut(&user, LONGEST_NAME))),
            ("token", Value::from(cut(&token, LONGEST_NAME))),
            ("scheme", Value::from(cut(&scheme, LONGEST_NAME))),
            ("claims", claims),
        ])
    }

    /// `items` and `count` of the canary's own lists.
    fn remembered(&self, canary: Option<&Canary>) -> Vec<(&'static str, Value)> {
        let shown = canary.map(|canary| self.memory.shown(canary.id));
        let shown = shown.unwrap_or_default();
        let now = self.asked.now;
        let counts: BTreeMap<String, usize> = shown
            .iter()
            .map(|(name, (_, count))| (name.clone(), *count))
            .collect();
        let items = shown
            .into_iter()
            .map(|(name, (items, _))| (name, items.iter().map(|item| item.value(now)).collect()))
            .collect();
        listing(items, counts)
    }
}

/// The functions `items(list)` and `count(list)`.
pub(crate) fn listing(
    items: BTreeMap<String, Vec<Value>>,
    counts: BTreeMap<String, usize>,
) -> Vec<(&'static str, Value)> {
    let items = move |list: String| Value::from(items.get(&list).cloned().unwrap_or_default());
    let count = move |list: String| counts.get(&list).copied().unwrap_or_default();
    vec![
        ("items", Value::from_function(items)),
        ("count", Value::from_function(count)),
    ]
}

/// Members of a JSON body that an answer may look at, lists and objects in it included, all bounded.
fn json_table(request: &Request) -> Value {
    request
        .json()
        .filter(|body| body.is_object() || body.is_array())
        .map_or_else(
            || Value::from_pairs(std::iter::empty::<(String, Value)>()),
            |body| json_value(body, DEEPEST_JSON),
        )
}

fn json_value(value: &serde_json::Value, depth: usize) -> Value {
    match value {
        serde_json::Value::String(text) => Value::from(cut(text, LONGEST_ECHO)),
        serde_json::Value::Bool(flag) => Value::from(*flag),
        serde_json::Value::Number(number) => number.as_i64().map_or_else(
            || number.as_f64().map(Value::from).unwrap_or_default(),
            Value::from,
        ),
        serde_json::Value::Array(items) if depth > 0 => {
            let items = items.iter().take(MOST_ITEMS);
            items.map(|item| json_value(item, depth - 1)).collect()
        }
        serde_json::Value::Object(members) if depth > 0 => {
            let members = members.iter().take(MOST_MEMBERS);
            Value::from_pairs(
                members
                    .map(|(name, value)| (cut(name, 64).to_owned(), json_value(value, depth - 1))),
            )
        }
        _ => Value::UNDEFINED,
    }
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
pub(crate) fn fields_value(fields: &BTreeMap<String, String>) -> Value {
    let mut nested: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
    let mut flat: BTreeMap<String, Value> = BTreeMap::new();
    for (name, value) in fields {
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
