//! Numbers of a row: amounts, counts, money. They lie between those of the template and of the row most
//! like it, all at the same point of the way, so that what goes together still does. Numbers that many
//! have (nought, what a plan includes) are taken over.

use std::collections::BTreeMap;

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;

use crate::table::Value;
use crate::table::learn::{Learned, Role};

/// How many of the rows most alike are chosen from.
const NEAREST: usize = 5;
/// What another category costs, and what another frequent number or NULL does: more than any distance.
const OTHER: f64 = 5.0;
const UNLIKE: f64 = 100.0;

/// Where a row's numbers lie.
pub(super) struct Amounts<'a> {
    learned: &'a Learned<'a>,
    other: Option<&'a Vec<Value>>,
    /// How far from the template to the other row, from 0 to 1.
    way: f64,
}

impl<'a> Amounts<'a> {
    pub(super) fn of(learned: &'a Learned<'a>, template: Option<&'a Vec<Value>>) -> Self {
        let mut random = rand::rng();
        let numbers: Vec<usize> = columns(learned, Role::Number);
        let categories: Vec<usize> = columns(learned, Role::Category);
        let mut nearest: Vec<(f64, &Vec<Value>)> = Vec::new();
        if let Some(own) = template.filter(|_| !numbers.is_empty()) {
            let others = learned.rows.iter().filter(|row| !std::ptr::eq(*row, own));
            nearest = others
                .map(|row| {
                    let unlike = categories
                        .iter()
                        .filter(|at| row[**at] != own[**at])
                        .count();
                    let apart = numbers.iter().map(|at| apart(learned, *at, own, row));
                    let unlike = f64::from(u32::try_from(unlike).unwrap_or(u32::MAX));
                    (apart.sum::<f64>() + OTHER * unlike, row)
                })
                .collect();
            nearest.sort_by(|one, other| one.0.total_cmp(&other.0));
            nearest.truncate(NEAREST);
        }
        Self {
            learned,
            other: nearest.choose(&mut random).map(|(_, row)| *row),
            way: random.random_range(0.0..1.0),
        }
    }

    /// The number of a column, written as the template's.
    pub(super) fn write(&self, at: usize, template: &Value) -> Value {
        let other = self.other.map(|row| &row[at]);
        let (Some(from), Some(to)) = (template.number(), other.and_then(Value::number)) else {
            return template.clone();
        };
        // What several have is a price or a plan's allowance; what one has was nobody's before.
        if self.count(at, template) > 1 || from.to_bits() == to.to_bits() {
            return template.clone();
        }
        let between = (to - from).mul_add(self.way, from);
        let ends = [template, other.unwrap_or(template)].map(fraction);
        match template {
            #[expect(clippy::cast_possible_truncation, reason = "between two integers")]
            Value::Integer(_) => Value::Integer(between.round() as i64),
            Value::Text(_) => Value::Text(self.decimal(at, between, &ends)),
            Value::Real(_) => {
                let written = self.decimal(at, between, &ends);
                Value::Real(written.parse().unwrap_or(between))
            }
            other => other.clone(),
        }
    }

    fn count(&self, at: usize, value: &Value) -> usize {
        let counts = &self.learned.columns[at].counts;
        counts.get(&value.token()).copied().unwrap_or(0)
    }

    /// With decimals as others have: prices that end in 99 go on doing so.
    fn decimal(&self, at: usize, number: f64, ends: &[String; 2]) -> String {
        let decimals = ends[0].len().max(ends[1].len());
        let exact = format!("{number:.decimals$}");
        if !self.has_favourites(at, decimals) {
            return exact;
        }
        let whole = exact
            .split_once('.')
            .map_or(exact.as_str(), |(whole, _)| whole);
        match ends.choose(&mut rand::rng()) {
            Some(ending) if !ending.is_empty() => format!("{whole}.{ending}"),
            _ => whole.to_owned(),
        }
    }

    /// Whether two numbers that one row has each end alike more than twice as often as by chance.
    fn has_favourites(&self, at: usize, decimals: usize) -> bool {
        let mut endings: BTreeMap<String, u32> = BTreeMap::new();
        for value in self.learned.values(at) {
            if self.count(at, value) == 1 {
                *endings.entry(fraction(value)).or_default() += 1;
            }
        }
        let pairs = |of: u32| f64::from(of) * f64::from(of.saturating_sub(1));
        let alike: f64 = endings.values().map(|count| pairs(*count)).sum();
        let all = pairs(endings.values().sum());
        let chance = (0..decimals.min(9)).fold(1.0, |chance, _| chance / 10.0);
        all > 0.0 && alike / all > 2.0 * chance
    }
}

fn columns(learned: &Learned<'_>, role: Role) -> Vec<usize> {
    let all = learned.columns.iter().enumerate();
    all.filter(|(_, column)| column.role == role)
        .map(|(at, _)| at)
        .collect()
}

/// Whether so many have a number that it means something: three rows in a hundred.
fn is_frequent(learned: &Learned<'_>, at: usize, value: &Value) -> bool {
    let column = &learned.columns[at];
    let count = column.counts.get(&value.token()).copied().unwrap_or(0);
    count >= (column.filled * 3 / 100).max(3)
}

/// How far two rows are apart in a column; by orders of magnitude, as amounts are.
fn apart(learned: &Learned<'_>, at: usize, own: &[Value], row: &[Value]) -> f64 {
    let (one, other) = (&own[at], &row[at]);
    let frequent = is_frequent(learned, at, one) || is_frequent(learned, at, other);
    match (one.number(), other.number()) {
        (Some(from), Some(to)) if !frequent || one == other => {
            let order = |number: f64| number.signum() * number.abs().ln_1p();
            (order(from) - order(to)).abs()
        }
        (None, None) => 0.0,
        _ => UNLIKE,
    }
}

/// The figures behind the point.
fn fraction(value: &Value) -> String {
    let text = match value {
        Value::Text(text) => text.clone(),
        Value::Real(number) => number.to_string(),
        _ => String::new(),
    };
    text.split_once('.')
        .map_or_else(String::new, |(_, figures)| figures.to_owned())
}
