//! Numbers of a row: amounts, counts, money. They lie between those of the template and of the row most
//! like it, all at the same point of the way, so that what goes together still does. Numbers that many
//! have (nought, what a plan includes) are taken over.

use std::collections::BTreeMap;

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;

use crate::table::Value;
use crate::table::learn::{Learned, Role};

/// How many of the rows most alike are chosen from, and how many more are known.
const NEAREST: usize = 5;
const NEAR: usize = 12;
/// A number that more rows have is taken over as it is.
const FEW: usize = 4;
/// Fewer numbers than this may be round by chance.
const TELLING: usize = 8;
/// What another category costs, and what another frequent number or NULL does: more than any distance.
const OTHER: f64 = 5.0;
const UNLIKE: f64 = 100.0;

/// Where a row's numbers lie.
pub(super) struct Amounts<'a> {
    learned: &'a Learned<'a>,
    other: Option<&'a Vec<Value>>,
    /// The rows most alike, the nearest first.
    near: Vec<&'a Vec<Value>>,
    /// How far from the template to the other row, from 0 to 1.
    way: f64,
}

impl<'a> Amounts<'a> {
    /// Those of the columns that hang together with one.
    pub(super) fn of(learned: &'a Learned<'a>, template: Option<&[Value]>, with: &[usize]) -> Self {
        let mut random = rand::rng();
        let columns = |role: Role| {
            let all = with.iter().copied();
            all.filter(|at| learned.columns[*at].role == role)
                .collect::<Vec<usize>>()
        };
        let (numbers, categories) = (columns(Role::Number), columns(Role::Category));
        let mut nearest: Vec<(f64, &Vec<Value>)> = Vec::new();
        if let Some(own) = template.filter(|_| !numbers.is_empty()) {
            let same = |row: &&Vec<Value>| numbers.iter().all(|at| row[*at] == own[*at]);
            let others = learned.rows.iter();
            nearest = others
                .filter(|row| !same(row))
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
            nearest.truncate(NEAR);
        }
        let near: Vec<&Vec<Value>> = nearest.into_iter().map(|(_, row)| row).collect();
        let nearest = near.get(..NEAREST).unwrap_or(&near);
        Self {
            learned,
            other: nearest.choose(&mut random).copied(),
            near,
            way: random.random_range(0.0..1.0),
        }
    }

    /// The number of a column, written as the template's.
    pub(super) fn write(&self, at: usize, template: &Value) -> Value {
        let other = self.other.map(|row| &row[at]);
        let (Some(from), Some(to)) = (template.number(), other.and_then(Value::number)) else {
            return template.clone();
        };
        // What several have is a price or a plan's allowance; what one has was nobody's before, and what few
        // have one fewer had.
        let count = self.count(at, template);
        if (2..=FEW).contains(&count) {
            let mut near = self.near.iter().map(|row| &row[at]);
            let rarer = near.find(|value| self.count(at, value) == count - 1);
            return rarer.unwrap_or(template).clone();
        }
        if count > FEW || from.to_bits() == to.to_bits() {
            return template.clone();
        }
        let between = (to - from).mul_add(self.way, from);
        let between = self.as_round(at, from, between);
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

    /// A number as round as the template's, where numbers are round more often than by chance.
    fn as_round(&self, at: usize, template: f64, number: f64) -> f64 {
        let whole = |value: &&Value| value.number().filter(|number| number.fract() == 0.0);
        let of_nought = |value: &&&Value| value.number() != Some(0.0);
        let values = self.learned.values(at);
        let values: Vec<&Value> = values.iter().filter(of_nought).copied().collect();
        let numbers: Vec<f64> = values.iter().filter_map(whole).collect();
        if numbers.len() < TELLING || numbers.len() < values.len() {
            return number;
        }
        let count = |step: f64| {
            let fits = numbers.iter().filter(|number| **number % step == 0.0);
            f64::from(u32::try_from(fits.count()).unwrap_or(u32::MAX))
        };
        let all = count(1.0);
        let steps = [1000.0, 500.0, 100.0, 50.0, 25.0, 20.0, 10.0, 5.0, 2.0];
        let meant = |step: &f64| template % step == 0.0 && count(*step) > 1.5 * all / step;
        let step = steps.into_iter().find(meant);
        step.map_or(number, |step| (number / step).round() * step)
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
