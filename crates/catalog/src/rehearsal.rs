//! What the battery tries of answers with a state: what rules keep, lists at their fullest, repositories.

use std::collections::BTreeMap;

use lapwing_core::Timestamp;
use minijinja::Value;

use crate::answer::cut;
use crate::battery::failing;
use crate::catalog::Catalog;
use crate::context::listing;
use crate::decoy::Keep;
use crate::fitting::LONGEST_RENDERED;
use crate::kind::Kind;
use crate::memory::{LARGEST_SHOWN, MOST_SHOWN};
use crate::render::{LARGEST_BODY, Made};
use crate::request::Request;
use crate::smart::{Files, GitPart};

/// `items`, `count` and `made` with as many and as long items as an answer may ever show.
pub(crate) fn lists(kind: &Kind, value: &str) -> Vec<(&'static str, Value)> {
    let remembered = kind.decoy.rules.iter().flat_map(|rule| &rule.remember);
    let mut items: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut counts = BTreeMap::new();
    let mut made = Value::UNDEFINED;
    for remember in remembered {
        let share = LARGEST_SHOWN / MOST_SHOWN / 6 / (remember.keep.len() + 1);
        let kept = remember.keep.iter().map(|(name, keep)| {
            let value = match keep {
                Keep::Text(_) => Value::from(cut(value, share)),
                Keep::Number(number) => Value::from(*number),
                Keep::Truth(truth) => Value::from(*truth),
            };
            (name.clone(), value)
        });
        let own = [
            ("id".to_owned(), Value::from(cut(value, share))),
            ("time".to_owned(), Value::from(1_780_000_000)),
            ("age".to_owned(), Value::from(60)),
        ];
        let item = Value::from_pairs(kept.chain(own));
        if remember.each.is_some() {
            made = Value::from(vec![item.clone(); MOST_SHOWN]);
        }
        counts.insert(remember.list.clone(), MOST_SHOWN);
        items.insert(remember.list.clone(), vec![item; MOST_SHOWN]);
    }
    let mut names = listing(items, counts);
    names.push(("made", made));
    names
}

/// Tries what the rules keep, and the repository.
pub(crate) fn state(
    catalog: &Catalog,
    kind: &Kind,
    fields: &BTreeMap<String, String>,
    mut found: impl FnMut(String),
) {
    for remember in kind.decoy.rules.iter().flat_map(|rule| &rule.remember) {
        for text in remember.texts() {
            if let Some(what) = failing(catalog, text, LONGEST_RENDERED, fields) {
                found(what);
            }
        }
    }
    for what in [
        repository(catalog, kind, fields),
        share(catalog, kind, fields),
    ] {
        what.into_iter().for_each(&mut found);
    }
}

fn files<'a>(catalog: &'a Catalog, fields: &'a BTreeMap<String, String>) -> Files<'a> {
    Files {
        environment: catalog.environment(),
        fields: Some(fields),
        made: Made {
            once: [0; 16],
            seed: [0; 32],
            subject: "sample".to_owned(),
            host: String::new(),
            now: Timestamp::from_micros(0),
            minted: Timestamp::from_micros(1_780_000_000_000_000),
        },
    }
}

/// What is wrong with the share of a kind.
fn share(catalog: &Catalog, kind: &Kind, fields: &BTreeMap<String, String>) -> Option<String> {
    let share = kind.decoy.dav.as_ref()?;
    let request = Request::new(
        "PROPFIND".to_owned(),
        "/".to_owned(),
        String::new(),
        vec![("Depth".to_owned(), b"1".to_vec())],
        Vec::new(),
    );
    let ask = || {
        share
            .tree(&files(catalog, fields))?
            .properties("", &request)
    };
    let Some(properties) = ask() else {
        return Some("a template of [dav] fails, or it makes no files".to_owned());
    };
    (ask() != Some(properties))
        .then(|| "[dav] is another share at each request: use `stable` only".to_owned())
}

/// What is wrong with the repository of a kind.
fn repository(catalog: &Catalog, kind: &Kind, fields: &BTreeMap<String, String>) -> Option<String> {
    let repository = kind.decoy.git.as_ref()?;
    let files = files(catalog, fields);
    let ask = |part, body: String| {
        let body = body.into_bytes();
        let request = Request::new(
            "POST".to_owned(),
            "/".to_owned(),
            String::new(),
            Vec::new(),
            body,
        );
        repository.serve(part, &request, &files)
    };
    let refs = ask(GitPart::Refs, String::new());
    if refs.is_none() {
        return Some("a template of [git] fails".to_owned());
    }
    if refs != ask(GitPart::Refs, String::new()) {
        return Some("[git] is another repository at each request: use `stable` only".to_owned());
    }
    let refs = String::from_utf8(refs?).ok()?;
    // Behind the service line, its flush, and the length of the next.
    let (_, rest) = refs.split_once("0000")?;
    let head = rest.get(4..44)?;
    let want = format!("0032want {head}\n00000009done\n");
    let pack = ask(GitPart::Pack, want)?;
    (pack.len() > LARGEST_BODY).then(|| format!("[git] makes a pack of {} bytes", pack.len()))
}
