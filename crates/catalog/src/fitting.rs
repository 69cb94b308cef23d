//! Which rule a request fits: method, path, conditions on its parts, and what has to be remembered;
//! and what a rule remembers or forgets once it answers.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::Value;

use crate::answer::{Hearing, LONGEST_ECHO, LONGEST_NAME, Said, cut};
use crate::credential::Standing;
use crate::dav::Tree;
use crate::decoy::{Keep, Remember, Rule, Text};
use crate::memory::{Item, Kept, LONGEST_KEPT, MOST_SHOWN, Quota};
use crate::smart::Files;

/// Longest text a kept value is rendered to before it is cut, in bytes.
pub(crate) const LONGEST_RENDERED: usize = 8 * LONGEST_ECHO;

impl Hearing<'_> {
    /// Path parameters of a rule that fits but for the credential.
    pub(crate) fn fits<'r>(
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
        let has = |value: Option<&str>, wanted: &str| value.is_some_and(|it| is_one_of(it, wanted));
        let fits = rule.service.as_ref().is_none_or(|service| {
            has(
                self.signed.as_ref().map(|signed| signed.service.as_str()),
                service,
            )
        }) && rule
            .host
            .as_ref()
            .is_none_or(|wanted| on_host(&request.host, wanted))
            && rule.json.iter().all(|(name, wanted)| {
                let values = self.values(&format!("json.{name}"), &parameters);
                values.iter().any(|value| has(Some(value), wanted))
            })
            && rule
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
            && rule.xml.as_ref().is_none_or(|wanted| {
                let root = request
                    .xml()
                    .map(|document| document.elements[0].name.as_str());
                let root = root.or(request.body.is_empty().then_some(""));
                root.is_some_and(|root| wanted.iter().any(|wanted| wanted == root))
            })
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

    /// The item a rule asks for: `None` if it is not remembered, `Some(None)` if the rule asks for none.
    pub(crate) fn known(
        &self,
        rule: &Rule,
        standing: Standing<'_>,
        parameters: &[(&str, String)],
    ) -> Option<Option<Arc<Item>>> {
        let mut found = None;
        for (list, source) in &rule.known {
            let id = self.values(source, parameters).into_iter().next();
            let item = self.memory.known(standing.canary()?.id, list, &id?)?;
            found = found.or(Some(item));
        }
        Some(found)
    }

    /// The share of whoever is let in; `None` if the kind has none, or a template of it fails.
    pub(crate) fn share(&self, standing: Standing<'_>) -> Option<&Tree> {
        let canary = standing.canary()?;
        let share = self.kind.decoy.dav.as_ref()?;
        let files = Files {
            environment: self.environment,
            fields: Some(&canary.fields),
            made: self.made(Some(canary)),
        };
        self.tree.get_or_init(|| share.tree(&files)).as_ref()
    }

    /// What a rule asks for in the share: `None` if it is not there, `Some(None)` if the rule asks for nothing.
    pub(crate) fn resource(
        &self,
        rule: &Rule,
        standing: Standing<'_>,
        segments: &[Cow<'_, str>],
    ) -> Option<Option<String>> {
        let Some(wanted) = rule.dav else {
            return Some(None);
        };
        let below = segments.get(1..).unwrap_or_default();
        let found = self.share(standing)?.find(below, wanted)?;
        Some(Some(found.to_owned()))
    }

    /// Remembers and forgets what the rule says. Without a canary an item is made and not kept.
    pub(crate) fn keep(&self, rule: &Rule, said: &mut Said<'_>) {
        let canary = said.standing.canary();
        for (list, source) in &rule.forget {
            let id = self.values(source, &said.parameters).into_iter().next();
            if let (Some(canary), Some(id)) = (canary, id) {
                self.memory.forget(canary.id, list, &id);
            }
        }
        for (turn, remember) in rule.remember.iter().enumerate() {
            said.made = self.remember(remember, said);
            if turn == 0 {
                said.items.clone_from(&said.made);
            }
        }
    }

    fn remember(&self, remember: &Remember, said: &mut Said<'_>) -> Vec<Arc<Item>> {
        let made: Vec<Item> = match &remember.each {
            None => vec![self.item(remember, said)],
            Some((of, between)) => {
                let of = self.kept_text(of, &self.context(&remember.tables, said));
                let each = of.split(between.as_str()).filter(|one| !one.is_empty());
                each.take(MOST_SHOWN)
                    .enumerate()
                    .map(|(index, one)| {
                        said.each = Some((index, cut(one, LONGEST_ECHO).to_owned()));
                        self.item(remember, said)
                    })
                    .collect()
            }
        };
        let keep = |item| match said.standing.canary() {
            Some(canary) => self.memory.remember(canary.id, &remember.list, item),
            None => Arc::new(item),
        };
        // The first of a request comes first in the list, as in the request.
        let mut kept: Vec<_> = made.into_iter().rev().map(keep).collect();
        kept.reverse();
        kept
    }

    fn kept_text(&self, text: &Text, context: &Value) -> String {
        let bytes = self.text(text, context, LONGEST_RENDERED);
        String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
    }

    fn item(&self, remember: &Remember, said: &Said<'_>) -> Item {
        let context = self.context(&remember.tables, said);
        let text = |text, limit| cut(&self.kept_text(text, &context), limit).to_owned();
        let kept: BTreeMap<String, Kept> = (remember.keep.iter())
            .map(|(name, keep)| {
                let kept = match keep {
                    Keep::Text(template) => Kept::Text(text(template, LONGEST_KEPT)),
                    Keep::Number(number) => Kept::Number(*number),
                    Keep::Truth(truth) => Kept::Truth(*truth),
                };
                (name.clone(), kept)
            })
            .collect();
        Item {
            id: text(&remember.id, LONGEST_NAME),
            made: self.asked.now,
            kept,
        }
    }

    /// Counts the request, if the style has a limit: of callers that are let in by themselves, each for
    /// itself.
    pub(crate) fn quota(&self, style: &str, standing: Standing<'_>) -> Option<Quota> {
        let limit = self.kind.decoy.styles.get(style)?.limit?;
        let (requests, seconds) = (limit.requests, limit.seconds);
        let Some(canary) = standing.canary().filter(|_| standing.is_let_in()) else {
            return Some(Quota::fresh(requests, seconds, self.asked.now));
        };
        let what = format!("{}/{style}", self.kind.id);
        let counted = self
            .memory
            .count(canary.id, &what, requests, seconds, self.asked.now);
        Some(counted)
    }
}

/// Whether a host is one of `a|b*`: as a whole, or one of its labels.
fn on_host(host: &str, wanted: &str) -> bool {
    is_one_of(host, wanted) || host.split('.').any(|part| is_one_of(part, wanted))
}

/// Whether a value is one of `a|b*`.
fn is_one_of(value: &str, wanted: &str) -> bool {
    wanted.split('|').any(|one| match one.strip_suffix('*') {
        Some(start) => value.starts_with(start),
        None => value == one,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_named_by_a_label() {
        for (wanted, fits) in [
            ("api", true),
            ("up|api", true),
            ("ap*", true),
            ("api.example.org", true),
            ("pi", false),
            ("exam", false),
        ] {
            assert_eq!(on_host("api.example.org", wanted), fits, "{wanted}");
        }
    }
}
