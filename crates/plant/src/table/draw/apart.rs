//! What keeps a row apart from its neighbours: a running number is continued, and what must be unique,
//! alone or together with other columns, is nobody's yet.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;

use super::{TRIES, text_like};
use crate::table::fill::shaped;
use crate::table::learn::{Learned, Role};
use crate::table::{Column, Value};

/// How often another value is tried where a key of several columns is taken.
const OTHERS: usize = 64;
/// Fewer numbers than this follow each other by chance.
const RUNNING: usize = 3;

/// The number behind others that follow each other in steps, most of which are there; `None` where they
/// do not.
pub(super) fn next_number(numbers: impl IntoIterator<Item = i64>) -> Option<i64> {
    let numbers: BTreeSet<i64> = numbers.into_iter().collect();
    let (least, most) = (*numbers.first()?, *numbers.last()?);
    let count = i64::try_from(numbers.len()).ok()?;
    let sorted: Vec<i64> = numbers.into_iter().collect();
    let gaps = sorted.windows(2).map(|pair| pair[1].checked_sub(pair[0]));
    let gaps: Vec<i64> = gaps.collect::<Option<_>>()?;
    let step = gaps.iter().copied().fold(0, divisor);
    if sorted.len() < RUNNING || most.checked_sub(least)? / step >= count.checked_mul(4)? {
        return None;
    }
    let next = gaps.iter().filter(|gap| **gap == step).count() * 2 >= gaps.len();
    let gap = if next {
        step
    } else {
        *gaps.choose(&mut rand::rng())?
    };
    most.checked_add(gap)
}

const fn divisor(one: i64, other: i64) -> i64 {
    if other == 0 {
        one
    } else {
        divisor(other, one % other)
    }
}

/// A text and the figures that end it.
fn split(text: &str) -> Option<(&str, &str)> {
    let head = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let figures = &text[head.len()..];
    (1..=15).contains(&figures.len()).then_some((head, figures))
}

/// The text behind others that a running number ends, the newest first; `None` where none does. What stands
/// before it is the template's, its figures (a year) the newest's.
pub(super) fn next_text(template: &str, texts: &[&str]) -> Option<String> {
    let split: Vec<(&str, &str)> = texts
        .iter()
        .map(|text| split(text))
        .collect::<Option<_>>()?;
    let masked = |head: &str| head.replace(|c: char| c.is_ascii_digit(), "0");
    let own = self::split(template)?.0;
    let alike = |(head, _): &&(&str, &str)| masked(head) == masked(own);
    let head = split.iter().find(alike)?.0;
    let number = |(_, figures): &(&str, &str)| figures.parse::<i64>().ok();
    let mut runs: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for pair in &split {
        runs.entry(pair.0).or_default().push(number(pair)?);
    }
    let all: Vec<i64> = runs.values().flatten().copied().collect();
    // One count for all of them, if the newest has come furthest; else each has its own.
    let last = split.first().and_then(number);
    let each = all.iter().collect::<BTreeSet<_>>().len() == all.len();
    let shared = each && last == all.iter().max().copied();
    let next = next_number(all).filter(|_| shared).or_else(|| {
        let own = runs.get(head)?;
        if own.len() >= RUNNING {
            return next_number(own.iter().copied());
        }
        // A run that has just begun goes on as the longest does.
        let longest = runs.values().max_by_key(|run| run.len())?;
        next_number(longest.iter().copied())?;
        own.iter().max()?.checked_add(1)
    })?;
    let padded = split
        .iter()
        .any(|(_, figures)| figures.len() > 1 && figures.starts_with('0'));
    let width = split.first().map_or(0, |(_, figures)| figures.len());
    let width = if padded { width } else { 0 };
    Some(format!("{head}{next:0width$}"))
}

/// A fresh text of a role that has no meaning beyond its shape, which no row has where it must be unique.
pub(super) fn fresh_text(
    learned: &Learned<'_>,
    at: usize,
    template: &str,
    texts: &[&str],
) -> String {
    let (column, learnt): (&Column, _) = (&learned.table.columns[at], &learned.columns[at]);
    let each = column.unique || learnt.counts.len() == learnt.filled;
    let runs = matches!(learnt.role, Role::Code | Role::Word | Role::Words) && each;
    if let Some(next) = next_text(template, texts).filter(|_| runs) {
        return next;
    }
    let open = |text: &String| !column.unique || !learnt.counts.contains_key(text);
    let alike = std::iter::repeat_with(|| text_like(learnt.role, column, template, texts));
    // What neighbours begin with may be used up: less and less of it is kept.
    let shorter = (0..template.len()).rev().map(|keep| shaped(template, keep));
    let mut tries = alike.take(TRIES).chain(shorter);
    let fresh = tries.find(open);
    fresh.unwrap_or_else(|| text_like(learnt.role, column, template, texts))
}

/// Gives a row values of its own where columns must be unique together.
pub(super) fn keep_apart(learned: &Learned<'_>, values: &mut [Option<Value>], canary: &[bool]) {
    for names in &learned.table.keys {
        let Some(key) = places(learned, names) else {
            continue;
        };
        let known = |at: &usize| {
            values[*at]
                .as_ref()
                .is_some_and(|value| *value != Value::Null)
        };
        if !key.iter().all(known) {
            continue;
        }
        let free: Vec<usize> = key.iter().copied().filter(|at| !canary[*at]).collect();
        if let Some(at) = telling(learned, &free)
            && let Some(next) = numbered(learned, values, &key, at)
        {
            values[at] = Some(next);
        }
        for _ in 0..OTHERS {
            let taken = learned.rows.iter().any(|row| agree(row, values, &key));
            let mut random = rand::rng();
            let (Some(at), Some(row), true) = (
                free.choose(&mut random),
                learned.rows.choose(&mut random),
                taken,
            ) else {
                break;
            };
            if row[*at] != Value::Null {
                values[*at] = Some(row[*at].clone());
            }
        }
    }
}

fn agree(row: &[Value], values: &[Option<Value>], columns: &[usize]) -> bool {
    columns
        .iter()
        .all(|at| values[*at].as_ref() == Some(&row[*at]))
}

/// The column of a key that tells the rows apart which share the others.
fn telling(learned: &Learned<'_>, key: &[usize]) -> Option<usize> {
    let tells = |at: &&usize| {
        let role = learned.columns[**at].role;
        !matches!(
            role,
            Role::Reference | Role::Counted | Role::Time(_) | Role::Mail
        )
    };
    let columns = key.iter().filter(tells);
    columns
        .max_by_key(|at| learned.columns[**at].counts.len())
        .copied()
}

/// The numbers that a column has beside each of the other columns' values.
fn longest_run(learned: &Learned<'_>, key: &[usize], at: usize) -> Vec<i64> {
    let mut runs: BTreeMap<Vec<String>, Vec<i64>> = BTreeMap::new();
    for row in learned.rows {
        if let Value::Integer(number) = row[at] {
            let others = key.iter().filter(|other| **other != at);
            let shared = others.map(|other| row[*other].token()).collect();
            runs.entry(shared).or_default().push(number);
        }
    }
    runs.into_values().max_by_key(Vec::len).unwrap_or_default()
}

/// The columns of a key by their place in the table.
fn places(learned: &Learned<'_>, names: &[String]) -> Option<Vec<usize>> {
    let place = |name: &String| {
        let mut columns = learned.table.columns.iter();
        columns.position(|column| column.name == *name)
    };
    names.iter().map(place).collect()
}

/// The column of a key that counts the rows which share the others: `user_no` in `(tenant_id, user_no)`.
pub(crate) fn counting(learned: &Learned<'_>, names: &[String]) -> Option<usize> {
    let key = places(learned, names)?;
    let at = telling(learned, &key)?;
    next_number(longest_run(learned, &key, at)).map(|_| at)
}

/// The next number of the column that counts, or the next text that ends with one.
fn numbered(
    learned: &Learned<'_>,
    values: &[Option<Value>],
    key: &[usize],
    at: usize,
) -> Option<Value> {
    let others: Vec<usize> = key.iter().copied().filter(|other| *other != at).collect();
    let sharing = learned
        .rows
        .iter()
        .filter(|row| agree(row, values, &others));
    let sharing: Vec<&Value> = sharing.map(|row| &row[at]).collect();
    match values[at].as_ref()? {
        Value::Integer(_) => {
            let longest = longest_run(learned, key, at);
            next_number(longest.iter().copied())?;
            let own = sharing.iter().filter_map(|value| match value {
                Value::Integer(number) => Some(*number),
                _ => None,
            });
            let own: Vec<i64> = own.collect();
            // A run that has just begun goes on as others do.
            let begun = || match own.iter().max() {
                Some(most) => most.checked_add(1),
                None => longest.iter().min().copied(),
            };
            let next = next_number(own.iter().copied());
            Some(Value::Integer(next.or_else(begun)?))
        }
        Value::Text(text) => {
            let texts: Vec<&str> = sharing.into_iter().filter_map(Value::text).collect();
            Some(Value::Text(next_text(text, &texts)?))
        }
        _ => None,
    }
}

/// The next whole number behind the neighbours', which no row has.
pub(super) fn next_integer(values: &[&Value]) -> i64 {
    let numbers = values.iter().filter_map(|value| match value {
        Value::Integer(number) => Some(*number),
        _ => None,
    });
    next_number(numbers.clone()).unwrap_or_else(|| {
        let most = numbers.max().unwrap_or_default();
        most.saturating_add(rand::rng().random_range(1..=3))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_numbers_go_on() {
        for (texts, next) in [
            (
                &["INV-2024-00120", "INV-2024-00119", "INV-2024-00118"][..],
                "INV-2024-00121",
            ),
            (
                &[
                    "INV-2025-002",
                    "INV-2025-001",
                    "INV-2024-009",
                    "INV-2024-008",
                    "INV-2024-007",
                ],
                "INV-2025-003",
            ),
            (&["R100", "R99", "R98", "R96"], "R101"),
            (&["0030", "0020", "0010"], "0040"),
            (&["DE-0104", "DE-0103", "US-0102", "DE-0101"], "DE-0105"),
            (&["DE-4", "US-3", "US-2", "DE-3", "DE-2"], "DE-5"),
        ] {
            assert_eq!(
                next_text(texts[0], texts).as_deref(),
                Some(next),
                "{texts:?}"
            );
        }
        for texts in [
            &["k83d62", "a91c17", "q02f99"][..],
            &["A-83521", "A-12004", "A-55310"],
            &["A-1", "A-2"],
            &["12a", "13a", "14a"],
        ] {
            assert_eq!(next_text(texts[0], texts), None, "{texts:?}");
        }
    }
}
