//! Collections of a decoy database, and which of their documents a query wants.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::BTreeMap;

use regex_lite::{Regex, RegexBuilder};
use sha2::{Digest as _, Sha256};

use super::bson::{Bson, Document, get};
use crate::sql::{Table, Type, Value, micros};

/// Conditions of one query, in all.
const MOST_CONDITIONS: usize = 100;
/// What a regular expression counts among them.
const REGEX: usize = 25;
/// Longest regular expression, how many a command may have, and how often they are tried in it altogether.
const LONGEST_PATTERN: usize = 512;
const MOST_PATTERNS: usize = 32;
const MOST_MATCHES: usize = 10_000;
/// Microseconds from 1970 to 2000.
const EPOCH: i64 = 946_684_800_000_000;

/// A table's rows as documents: its key gives way to an `_id`.
pub(super) fn documents(table: &Table) -> Vec<Document> {
    let row = |(number, row): (usize, &Vec<Value>)| {
        let seed = format!("{} {number} {:?}", table.name, row.first());
        let digest: [u8; 32] = Sha256::digest(seed).into();
        let mut id = [0; 12];
        id.copy_from_slice(&digest[..12]);
        // An id begins with the seconds at which it was made, and ends with a number that counts up.
        let made = table
            .columns
            .iter()
            .zip(row)
            .find(|(column, _)| column.kind == Type::Moment);
        let seconds = made.map_or(0, |(_, value)| (micros(&value.show()) + EPOCH) / 1_000_000);
        id[..4].copy_from_slice(&u32::try_from(seconds).unwrap_or(0).to_be_bytes());
        let mut document = vec![("_id".to_owned(), Bson::Id(id))];
        let cells = table
            .columns
            .iter()
            .zip(row)
            .filter(|(column, value)| !column.key && !value.is_null());
        document
            .extend(cells.map(|(column, value)| (column.name.clone(), member(value, column.kind))));
        document
    };
    table.rows.iter().enumerate().map(row).collect()
}

fn member(value: &Value, kind: Type) -> Bson {
    match (value, kind) {
        (Value::Bool(truth), _) => Bson::Bool(*truth),
        (Value::Int(number), _) => i32::try_from(*number).map_or(Bson::Long(*number), Bson::Int),
        (value, Type::Amount) => Bson::Double(value.as_number().unwrap_or(0.0)),
        (value, Type::Moment | Type::Date) => Bson::Date((micros(&value.show()) + EPOCH) / 1000),
        (value, _) => Bson::Text(value.show()),
    }
}

/// The regular expressions of a command: each is compiled once, not for each document.
#[derive(Default)]
pub(super) struct Patterns {
    /// `None`: it is none.
    compiled: RefCell<BTreeMap<String, Option<Regex>>>,
    tried: Cell<usize>,
}

impl Patterns {
    fn matches(&self, own: &Bson, pattern: &str) -> bool {
        let (Some(text), true) = (own.as_text(), pattern.len() <= LONGEST_PATTERN) else {
            return false;
        };
        self.tried.set(self.tried.get() + 1);
        let mut compiled = self.compiled.borrow_mut();
        if !compiled.contains_key(pattern) {
            if compiled.len() >= MOST_PATTERNS {
                return false;
            }
            compiled.insert(pattern.to_owned(), compile(pattern));
        }
        let regex = compiled.get(pattern).and_then(Option::as_ref);
        self.tried.get() <= MOST_MATCHES && regex.is_some_and(|regex| regex.is_match(text))
    }
}

fn compile(pattern: &str) -> Option<Regex> {
    let mut builder = RegexBuilder::new(pattern);
    builder.size_limit(1 << 16).nest_limit(16).build().ok()
}

/// Whether a document fits a query. Time is bounded by the number of conditions.
pub(super) fn fits(document: &Document, filter: &Document, patterns: &Patterns) -> bool {
    let mut left = MOST_CONDITIONS;
    holds(document, filter, &mut left, patterns)
}

fn holds(document: &Document, filter: &Document, left: &mut usize, patterns: &Patterns) -> bool {
    filter.iter().all(|(name, wanted)| {
        let Some(less) = left.checked_sub(1) else {
            return false;
        };
        *left = less;
        let mut each = || {
            let list = wanted.as_array().unwrap_or_default().iter();
            list.map(|it| {
                it.as_document()
                    .is_some_and(|it| holds(document, it, left, patterns))
            })
            .collect::<Vec<_>>()
        };
        match name.as_str() {
            "$and" => each().into_iter().all(|truth| truth),
            "$or" => each().into_iter().any(|truth| truth),
            "$nor" => !each().into_iter().any(|truth| truth),
            "$comment" | "$expr" | "$where" => true,
            name => {
                let own = get(document, name).unwrap_or(&Bson::Null);
                if regexes(wanted) > 0 {
                    let Some(less) = left.checked_sub(REGEX * regexes(wanted)) else {
                        return false;
                    };
                    *left = less;
                }
                match wanted.as_document() {
                    Some(conditions)
                        if conditions
                            .first()
                            .is_some_and(|(sign, _)| sign.starts_with('$')) =>
                    {
                        conditions
                            .iter()
                            .all(|(sign, value)| condition(own, sign, value, patterns))
                    }
                    _ => condition(own, "$eq", wanted, patterns),
                }
            }
        }
    })
}

/// How many regular expressions a condition has.
fn regexes(wanted: &Bson) -> usize {
    let inner = wanted.as_document().map(Vec::as_slice).unwrap_or_default();
    let within = inner
        .iter()
        .map(|(sign, value)| usize::from(sign == "$regex") + regexes(value));
    usize::from(matches!(wanted, Bson::Regex(_))) + within.sum::<usize>()
}

fn condition(own: &Bson, sign: &str, wanted: &Bson, patterns: &Patterns) -> bool {
    let order = order(own, wanted);
    let among = || {
        wanted.as_array().is_some_and(|list| {
            list.iter()
                .any(|one| own == one || self::order(own, one) == Some(Ordering::Equal))
        })
    };
    match sign {
        "$eq" => match wanted {
            Bson::Regex(pattern) => patterns.matches(own, pattern),
            wanted => own == wanted || order == Some(Ordering::Equal),
        },
        "$ne" => own != wanted && order != Some(Ordering::Equal),
        "$gt" => order == Some(Ordering::Greater),
        "$gte" => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        "$lt" => order == Some(Ordering::Less),
        "$lte" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        "$in" => among(),
        "$nin" => !among(),
        "$exists" => (*own != Bson::Null) == wanted.truth(),
        "$regex" => match wanted {
            Bson::Regex(pattern) | Bson::Text(pattern) => patterns.matches(own, pattern),
            _ => false,
        },
        "$not" => match wanted.as_document() {
            Some(inner) => !inner
                .iter()
                .all(|(sign, value)| sign != "$not" && condition(own, sign, value, patterns)),
            None => !condition(own, "$eq", wanted, patterns),
        },
        _ => true,
    }
}

/// The order of two values of a sort.
pub(super) fn order(one: &Bson, two: &Bson) -> Option<Ordering> {
    match (one, two) {
        (Bson::Text(one), Bson::Text(two)) => Some(one.cmp(two)),
        (Bson::Date(one), Bson::Date(two)) => Some(one.cmp(two)),
        (Bson::Id(one), Bson::Id(two)) => Some(one.cmp(two)),
        (Bson::Bool(one), Bson::Bool(two)) => Some(one.cmp(two)),
        (one, two) => one.as_number()?.partial_cmp(&two.as_number()?),
    }
}

/// Puts documents in an order, `{name: 1, other: -1}`.
pub(super) fn sort(documents: &mut [Document], by: &Document) {
    documents.sort_by(|one, two| {
        let orders = by.iter().take(8).map(|(name, direction)| {
            let (one, two) = (
                get(one, name).unwrap_or(&Bson::Null),
                get(two, name).unwrap_or(&Bson::Null),
            );
            let missing = (*one != Bson::Null).cmp(&(*two != Bson::Null));
            let order = order(one, two).unwrap_or(missing);
            if direction.as_number().is_some_and(|number| number < 0.0) {
                order.reverse()
            } else {
                order
            }
        });
        orders.fold(Ordering::Equal, Ordering::then)
    });
}

/// Keeps the members that a projection wants: `{name: 1}`, or all but `{name: 0}`.
pub(super) fn project(document: &mut Document, projection: &Document) {
    let wants = |name: &str| get(projection, name).map(Bson::truth);
    let some = projection
        .iter()
        .any(|(name, wanted)| name != "_id" && wanted.truth());
    document.retain(|(name, _)| match wants(name) {
        Some(wanted) => wanted,
        None => !some || name == "_id",
    });
}

#[cfg(test)]
mod tests {
    use super::super::bson::document;
    use super::*;

    #[test]
    fn queries_choose() {
        let one = document([("a", Bson::Int(5)), ("b", Bson::text("xyz"))]);
        let is = |name: &str, sign: &str, value: Bson| {
            document([(name, Bson::Document(document([(sign, value)])))])
        };
        for (filter, expect) in [
            (Document::new(), true),
            (document([("a", Bson::Long(5))]), true),
            (document([("a", Bson::Int(6))]), false),
            (is("a", "$gt", Bson::Double(4.5)), true),
            (
                is("a", "$in", Bson::Array(vec![Bson::Int(1), Bson::Int(5)])),
                true,
            ),
            (is("b", "$regex", Bson::text("^xy")), true),
            (is("c", "$exists", Bson::Bool(true)), false),
            (is("a", "$ne", Bson::Int(5)), false),
            (
                document([(
                    "$or",
                    Bson::Array(vec![Bson::Document(document([("a", Bson::Int(5))]))]),
                )]),
                true,
            ),
        ] {
            assert_eq!(
                fits(&one, &filter, &Patterns::default()),
                expect,
                "{filter:?}"
            );
        }
    }

    #[test]
    fn long_and_many_expressions_match_nothing() {
        let (patterns, own) = (Patterns::default(), Bson::text("xyz"));
        assert!(patterns.matches(&own, "^x"));
        let long = format!("^x|{}", "a".repeat(LONGEST_PATTERN));
        assert!(!patterns.matches(&own, &long));
        for number in 0..MOST_PATTERNS {
            let known = patterns.matches(&own, &format!("x|{number}"));
            assert_eq!(known, number < MOST_PATTERNS - 1);
        }
        assert!(patterns.matches(&own, "^x"));
        assert!(!patterns.matches(&own, "("));
    }
}
