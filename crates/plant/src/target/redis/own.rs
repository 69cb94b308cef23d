//! A key of our own for a credential: named by its role in the neighbours' style, and holding what it
//! holds as the neighbour does that it stands beside.

use std::collections::BTreeMap;

use super::form::{Form, Style};
use super::group::{self, Pattern, is_id};
use super::neighbours::most;
use super::server::{Found, Names, Server};
use crate::bait::Wish;
use crate::error::PlantError;
use crate::names::{self, Case};

/// Words of keys that hold settings and credentials.
const HOLDS: [&str; 27] = [
    "config",
    "configs",
    "configuration",
    "cfg",
    "conf",
    "settings",
    "setting",
    "options",
    "env",
    "credentials",
    "credential",
    "creds",
    "secrets",
    "secret",
    "integrations",
    "integration",
    "gateways",
    "gateway",
    "providers",
    "provider",
    "apikeys",
    "apikey",
    "api",
    "oauth",
    "services",
    "service",
    "vendor",
];
/// Words of fields that hold credentials.
const SECRETS: [&str; 8] = [
    "key", "secret", "token", "password", "pass", "url", "uri", "dsn",
];
/// How many keys are read to choose one to stand beside.
const READ: usize = 200;

/// How a key of our own is named and written.
pub(super) struct Manner {
    head: String,
    tail: String,
    /// What stands between words of different sorts, where the name is not one part.
    between: Option<char>,
    case: Case,
    form: Form,
    fields: Case,
    style: Style,
}

/// A name and what it holds.
pub(super) struct Own {
    pub key: String,
    pub form: Form,
    pub fields: Vec<(String, String)>,
    /// The whole of a string; empty for a hash.
    pub text: String,
}

impl Manner {
    /// The manner of a group the operator names, of the keys beside the name given, of keys that hold
    /// settings, or of all.
    pub(super) fn of(
        server: &mut Server,
        names: &Names,
        like: Option<&Pattern>,
        name: Option<&str>,
    ) -> Result<Self, PlantError> {
        let separator = usual_separator(&names.keys);
        let beside = name.and_then(|name| {
            let (head, _) = name.rsplit_once(separator)?;
            Pattern::parse(&format!("{}{separator}*", head.replace('*', "")))
        });
        let named = like.is_some();
        if let Some(pattern) = like.or(beside.as_ref()) {
            let members = names.keys.iter().map(String::as_str);
            let members: Vec<&str> = members.filter(|key| pattern.parts(key).is_some()).collect();
            let found = server.read(&members[..members.len().min(READ)])?.found;
            let text = pattern.text();
            let (head, tail) = text.rsplit_once('*').unwrap_or((&text, ""));
            let last = |key: &&str| Some(pattern.parts(key)?.pop()?.to_owned());
            let lasts: Vec<String> = members.iter().filter_map(last).collect();
            let shape = (head.replace('*', ""), tail.to_owned(), None);
            if named || !found.is_empty() {
                return Ok(Self::like(shape, &lasts, &found));
            }
        }
        let holding: Vec<&str> = names
            .keys
            .iter()
            .map(String::as_str)
            .filter(|key| holds_settings(key, separator))
            .take(READ)
            .collect();
        let found = server.read(&holding)?.found;
        let best = found.iter().max_by_key(|found| credentials(found));
        let Some(best) = best.filter(|_| !found.is_empty()) else {
            return Self::of_all(server, names, separator);
        };
        let (head, tail) = around(&best.key, separator, &names.keys);
        let beside = |key: &&str| key.starts_with(&head) && key.ends_with(&tail);
        let inner = |key: &str| {
            let inner = key.get(head.len()..key.len().checked_sub(tail.len())?)?;
            (!inner.contains(separator)).then(|| inner.to_owned())
        };
        let keys = names.keys.iter().map(String::as_str).filter(beside);
        let lasts: Vec<String> = keys.filter_map(inner).collect();
        let near: Vec<Found> = found
            .iter()
            .filter(|found| inner(&found.key).is_some() && beside(&found.key.as_str()))
            .cloned()
            .collect();
        Ok(Self::like((head, tail, None), &lasts, &near))
    }

    fn like(shape: (String, String, Option<char>), lasts: &[String], found: &[Found]) -> Self {
        let (head, tail, between) = shape;
        let fields = found.iter().flat_map(|found| &found.fields);
        let fields = fields.map(|leaf| leaf.path.rsplit('.').next().unwrap_or_default());
        let case = Case::most(lasts.iter().map(String::as_str));
        Self {
            head,
            tail,
            between,
            case: case.unwrap_or(Case::Snake),
            form: most(found).unwrap_or(Form::Hash),
            fields: Case::most(fields)
                .filter(|case| *case != Case::Screaming)
                .unwrap_or(Case::Snake),
            style: Style::of(found.iter().map(|found| found.text.as_str())),
        }
    }

    /// As keys are in general: in the namespace that most share.
    fn of_all(server: &mut Server, names: &Names, separator: char) -> Result<Self, PlantError> {
        let some: Vec<&str> = names.keys.iter().map(String::as_str).take(READ).collect();
        let found = server.read(&some)?.found;
        let parts = some.iter().flat_map(|key| key.split(separator));
        let words: Vec<String> = parts
            .filter(|part| !is_id(part))
            .map(str::to_owned)
            .collect();
        let head = namespace(&names.keys, separator)
            .map_or_else(String::new, |space| format!("{space}{separator}"));
        Ok(Self::like(
            (head, String::new(), Some(separator)),
            &words,
            &found,
        ))
    }

    /// A key under a name that the operator has chosen, or by a role.
    pub(super) fn own(&self, wish: &Wish, role: &str, name: Option<&str>) -> Own {
        let key = name.map_or_else(|| self.name(wish, role), str::to_owned);
        let values = self.values(wish, role);
        let form = match self.form {
            Form::Plain if values.len() == 1 => Form::Plain,
            // Several values are no plain text.
            Form::Plain => Form::Hash,
            form => form,
        };
        let text = match form {
            Form::Hash => String::new(),
            Form::Json => self.style.object(&values),
            Form::Plain => values[0].1.clone(),
        };
        let fields = match form {
            Form::Plain => vec![(String::new(), text.clone())],
            _ => values,
        };
        Own {
            key,
            form,
            fields,
            text,
        }
    }

    fn name(&self, wish: &Wish, role: &str) -> String {
        let vendor = wish.kind.split('-').next().unwrap_or_default();
        let template = wish
            .tree
            .as_ref()
            .map_or_else(|| format!("{vendor}_{{role}}"), |(key, _)| key.clone());
        let named = match (self.between, template.split_once("_{role}")) {
            (Some(between), Some((vendor, ""))) => {
                format!(
                    "{}{between}{}",
                    self.case.write(vendor),
                    self.case.write(role)
                )
            }
            _ => self.case.write(&names::fill(&template, role)),
        };
        format!("{}{named}{}", self.head, self.tail)
    }

    /// Names of fields and the canary's values.
    fn values(&self, wish: &Wish, role: &str) -> Vec<(String, String)> {
        let tree = wish.tree.as_ref().map(|(_, values)| values.clone());
        let pairs = tree.unwrap_or_else(|| bare(&wish.env));
        pairs
            .iter()
            .filter_map(|(name, field)| {
                let name = self.fields.write(&names::fill(name, role));
                Some((name, wish.fields.get(field)?.clone()))
            })
            .collect()
    }
}

/// Names of variables without role and without the word that all begin with.
fn bare(env: &[(String, String)]) -> Vec<(String, String)> {
    let lower = |name: &str| name.replace("{ROLE}", "").replace("__", "_").to_lowercase();
    let named: Vec<(String, String)> = env
        .iter()
        .map(|(name, field)| (lower(name).trim_matches('_').to_owned(), field.clone()))
        .collect();
    let first = |name: &str| name.split_once('_').map(|(first, _)| format!("{first}_"));
    let shared = named.first().and_then(|(name, _)| first(name));
    let shared = shared.filter(|word| named.iter().all(|(name, _)| name.starts_with(word)));
    let cut = |name: String| match &shared {
        Some(word) => name[word.len()..].to_owned(),
        None => name,
    };
    named
        .into_iter()
        .map(|(name, field)| (cut(name), field))
        .collect()
}

/// What separates the parts of most keys.
fn usual_separator(keys: &[String]) -> char {
    let mut counts: BTreeMap<char, usize> = BTreeMap::new();
    for separator in keys.iter().filter_map(|key| group::separator(key)) {
        *counts.entry(separator).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map_or(':', |(separator, _)| separator)
}

fn holds_settings(key: &str, separator: char) -> bool {
    let mut parts = key.split(separator).flat_map(|part| {
        let name = names::snake(part);
        let words: Vec<String> = name.split('_').map(str::to_owned).collect();
        words
    });
    let last = key.rsplit(separator).next().unwrap_or_default();
    !is_id(last) && parts.any(|word| HOLDS.contains(&word.as_str()))
}

/// How many fields of a key are of the sort that ours are.
fn credentials(found: &Found) -> usize {
    let secret = |path: &str| {
        let name = names::snake(path);
        name.split(['_', '.']).any(|word| SECRETS.contains(&word))
    };
    let fields = found.fields.iter().filter(|leaf| secret(&leaf.path));
    fields.count()
}

/// What stands before and behind a key's own name: `integration:` of `integration:mailer`, and
/// `:settings` too of `mailer:settings`, where others end so.
fn around(key: &str, separator: char, keys: &[String]) -> (String, String) {
    let Some((head, last)) = key.rsplit_once(separator) else {
        return (String::new(), String::new());
    };
    let tail = format!("{separator}{last}");
    let alike = keys.iter().filter(|key| key.ends_with(&tail)).count();
    if alike > 1 && HOLDS.contains(&names::snake(last).as_str()) {
        let before = head.rsplit_once(separator);
        let before = before.map_or_else(String::new, |(before, _)| format!("{before}{separator}"));
        return (before, tail);
    }
    (format!("{head}{separator}"), String::new())
}

/// The first part, if most keys share it and it says nothing of one of them: words follow, not numbers.
fn namespace(keys: &[String], separator: char) -> Option<String> {
    let mut counts: BTreeMap<&str, (usize, BTreeMap<&str, usize>)> = BTreeMap::new();
    for (first, rest) in keys.iter().filter_map(|key| key.split_once(separator)) {
        let second = rest.split(separator).next().unwrap_or_default();
        let (count, seconds) = counts.entry(first).or_default();
        *count += 1;
        if !is_id(second) && rest.contains(separator) {
            *seconds.entry(second).or_default() += 1;
        }
    }
    let (first, (count, seconds)) = counts.into_iter().max_by_key(|(_, (count, _))| *count)?;
    let worded: usize = seconds.values().sum();
    let shared = count * 5 > keys.len() * 3 && worded * 5 > count * 3 && seconds.len() > 1;
    shared.then(|| first.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(keys: &[&str]) -> Vec<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    #[test]
    fn names_stand_where_others_do() {
        let beside = keys(&[
            "integration:mailer",
            "integration:maps",
            "a:settings",
            "b:settings",
        ]);
        assert_eq!(
            around("integration:mailer", ':', &beside),
            ("integration:".into(), String::new())
        );
        assert_eq!(
            around("a:settings", ':', &beside),
            (String::new(), ":settings".into())
        );
        assert!(holds_settings("app.apiKeys.mailer", '.'));
        assert!(!holds_settings("api_key:00a1b2c3d4e5f6a7", ':'));
        let spaced = keys(&["shop:user:1", "shop:user:2", "shop:cart:1", "shop:order:9"]);
        assert_eq!(namespace(&spaced, ':').as_deref(), Some("shop"));
        assert_eq!(namespace(&keys(&["user:1", "user:2", "user:3"]), ':'), None);
    }

    #[test]
    fn variables_become_fields() {
        let env = [
            ("TWILIO_{ROLE}_SID", "sid"),
            ("TWILIO_{ROLE}_AUTH_TOKEN", "token"),
        ];
        let env = env.map(|(name, field)| (name.to_owned(), field.to_owned()));
        let names: Vec<String> = bare(&env).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["sid", "auth_token"]);
        let one = [("REDIS_{ROLE}_URL".to_owned(), "uri".to_owned())];
        assert_eq!(bare(&one)[0].0, "url");
    }
}
