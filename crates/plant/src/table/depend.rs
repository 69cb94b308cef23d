//! Which columns of a table hang together, and which hang on when a row came: a row drawn like its neighbours
//! keeps what hangs together and mixes the rest, or it would be a copy of one of them. Every pair of columns
//! is put to a test of independence (G) on a coarse reading of their values: which of the frequent ones, which
//! sixth of the numbers, how long a text, how it ends.

use std::collections::BTreeMap;

use super::Value;
use super::clock::Clock;
use super::draw::{in_order, lead};
use super::learn::{Learned, Role};
use super::people::Part;
use super::roles::is_place;

const DAY: i64 = 86_400;
/// Readings of a column tell so many values apart.
const CODES: usize = 8;
/// So many slices of equal size are made of numbers.
const SLICES: usize = 6;
/// A value that fewer rows have stands for itself nowhere.
const FEWEST: usize = 5;
/// What chance exceeds in one of a thousand tests, in standard deviations.
const BY_CHANCE: f64 = 3.1;
/// Fewer rows than this show no independence: they stay whole.
const ENOUGH: usize = 60;

/// Columns that hang together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    pub columns: Vec<usize>,
    /// Whether their values change with the time a row came at.
    pub drifts: bool,
}

/// All columns of a table: two of different groups do not hang together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    pub all: Vec<Group>,
    /// Pairs of columns that hang together by themselves, not through others.
    bound: Vec<(usize, usize)>,
}

/// A column as one of a few codes for each row.
type Reading = Vec<usize>;

impl Groups {
    pub(crate) fn of(learned: &Learned<'_>) -> Self {
        let count = learned.table.columns.len();
        if learned.rows.len() < ENOUGH {
            let columns = (0..count).collect();
            let drifts = false;
            return Self {
                all: vec![Group { columns, drifts }],
                bound: Vec::new(),
            };
        }
        let readings: Vec<Vec<Reading>> = (0..count).map(|at| readings(learned, at)).collect();
        let related = |one: &[Reading], other: &[Reading]| {
            let mut pairs = one.iter().flat_map(|a| other.iter().map(move |b| (a, b)));
            pairs.any(|(a, b)| hang_together(a, b))
        };
        let mut group: Vec<usize> = (0..count).collect();
        let mut bound = Vec::new();
        for one in 0..count {
            for other in one + 1..count {
                let related = related(&readings[one], &readings[other]);
                if related {
                    bound.push((one, other));
                }
                if related || belong(learned, one, other) {
                    let (to, from) = (group[one], group[other]);
                    group
                        .iter_mut()
                        .filter(|of| **of == from)
                        .for_each(|of| *of = to);
                }
            }
        }
        let began =
            lead(learned).filter(|(at, clock)| clock.seconds(&learned.rows[0][*at]).is_some());
        let mut drifting = vec![false; count];
        if let Some((lead, clock)) = began {
            let came = [came(learned, lead, clock)];
            for at in (0..count).filter(|at| *at != lead && related(&came, &readings[*at])) {
                drifting[at] = true;
            }
            // Where rows come in no order, a row of ours has its neighbour's time: what drifts goes with it.
            if !in_order(learned, lead, clock) {
                for at in (0..count).filter(|at| drifting[*at]) {
                    let (to, from) = (group[lead], group[at]);
                    group
                        .iter_mut()
                        .filter(|of| **of == from)
                        .for_each(|of| *of = to);
                }
                drifting = vec![false; count];
            }
        }
        let mut groups: BTreeMap<usize, Group> = BTreeMap::new();
        for (at, of) in group.into_iter().enumerate() {
            let group = groups.entry(of).or_default();
            group.columns.push(at);
            group.drifts |= drifting[at];
        }
        let all = groups.into_values().collect();
        Self { all, bound }
    }

    /// The columns that hang together with one, itself among them.
    pub(crate) fn with(&self, at: usize) -> &[usize] {
        let group = self.all.iter().find(|group| group.columns.contains(&at));
        group.map_or(&[], |group| &group.columns)
    }

    /// The columns that hang together with one by themselves.
    pub(crate) fn bound(&self, at: usize) -> impl Iterator<Item = usize> {
        let other = move |(one, other): &(usize, usize)| match (*one == at, *other == at) {
            (true, _) => Some(*other),
            (_, true) => Some(*one),
            _ => None,
        };
        self.bound.iter().filter_map(other)
    }
}

/// Whether two columns are one thing: somebody's names and logins, where somebody lives, when it was.
fn belong(learned: &Learned<'_>, one: usize, other: usize) -> bool {
    let kind = |at: usize| {
        let column = &learned.table.columns[at];
        match learned.columns[at].role {
            Role::Name(_) | Role::Mail | Role::Login => Some(0),
            Role::Time(_) => Some(1),
            Role::Reference => Some(2),
            _ if is_place(column) => Some(3),
            _ => None,
        }
    };
    kind(one).is_some() && kind(one) == kind(other)
}

/// The ways in which a column is read.
fn readings(learned: &Learned<'_>, at: usize) -> Vec<Reading> {
    let values = || learned.rows.iter().map(|row| &row[at]);
    match learned.columns[at].role {
        Role::Counted | Role::Empty => Vec::new(),
        Role::Time(clock) => {
            // Of the first moment the time of day, of others how long after.
            let first = lead(learned).filter(|(lead, _)| *lead != at && clock.is_dated());
            let apart = |row: &Vec<Value>| {
                let own = clock.seconds(&row[at])?;
                let Some((lead, clock)) = first else {
                    return Some(number(own.rem_euclid(DAY)));
                };
                Some(number(own - clock.seconds(&row[lead])?))
            };
            vec![sliced(&learned.rows.iter().map(apart).collect::<Vec<_>>())]
        }
        Role::Number if learned.columns[at].counts.len() > CODES => {
            vec![sliced(&values().map(Value::number).collect::<Vec<_>>())]
        }
        Role::Name(part) => {
            let name = |row: &Vec<Value>| {
                let person = learned.person(row).unwrap_or_default();
                if part == Part::Family {
                    person.family
                } else {
                    person.given
                }
            };
            let names: Vec<String> = learned
                .rows
                .iter()
                .map(|row| name(row).to_lowercase())
                .collect();
            let ends = names
                .iter()
                .map(|name| name.chars().last().map(String::from));
            vec![
                frequent(names.iter().map(|name| Some(name.clone()))),
                frequent(ends),
            ]
        }
        Role::Category | Role::Reference | Role::Verbatim | Role::Word | Role::Number => {
            vec![frequent(values().map(token))]
        }
        _ => {
            let length = |value: &Value| value.text().map(|text| number(text.len()));
            vec![sliced(&values().map(length).collect::<Vec<_>>())]
        }
    }
}

fn token(value: &Value) -> Option<String> {
    (*value != Value::Null).then(|| value.token())
}

/// When rows came, in slices.
fn came(learned: &Learned<'_>, lead: usize, clock: Clock) -> Reading {
    let moment = |row: &Vec<Value>| clock.seconds(&row[lead]).map(number);
    sliced(&learned.rows.iter().map(moment).collect::<Vec<_>>())
}

fn number<T: TryInto<i64>>(number: T) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "for comparing only")]
    number
        .try_into()
        .map_or(f64::MAX, |number: i64| number as f64)
}

/// Numbers by the slice they lie in; 0 is none.
fn sliced(numbers: &[Option<f64>]) -> Reading {
    let mut sorted: Vec<f64> = numbers.iter().flatten().copied().collect();
    sorted.sort_by(f64::total_cmp);
    let edges: Vec<f64> = (1..SLICES)
        .filter_map(|slice| sorted.get(sorted.len() * slice / SLICES))
        .copied()
        .collect();
    let slice = |number: f64| 1 + edges.iter().filter(|edge| number >= **edge).count();
    numbers
        .iter()
        .map(|number| number.map_or(0, slice))
        .collect()
}

/// Texts by which of the frequent ones they are; 0 is none, the last any other.
fn frequent(texts: impl Iterator<Item = Option<String>>) -> Reading {
    let texts: Vec<Option<String>> = texts.collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for text in texts.iter().flatten() {
        *counts.entry(text).or_default() += 1;
    }
    let mut most: Vec<(usize, &str)> = counts
        .into_iter()
        .map(|(text, count)| (count, text))
        .collect();
    most.sort_unstable_by(|one, other| other.cmp(one));
    most.retain(|(count, _)| *count >= FEWEST);
    most.truncate(CODES - 2);
    let code = |text: &String| {
        let place = most.iter().position(|(_, frequent)| frequent == text);
        place.map_or(CODES - 1, |place| place + 1)
    };
    texts
        .iter()
        .map(|text| text.as_ref().map_or(0, code))
        .collect()
}

/// Whether two readings go together more than chance has it: the G statistic, its cube root taken as normal
/// (Wilson and Hilferty 1931).
fn hang_together(one: &[usize], other: &[usize]) -> bool {
    let mut cells = [[0_u32; CODES]; CODES];
    for (a, b) in one.iter().zip(other) {
        cells[*a][*b] += 1;
    }
    let rows: Vec<u32> = cells.iter().map(|row| row.iter().sum()).collect();
    let columns: Vec<u32> = (0..CODES)
        .map(|at| cells.iter().map(|row| row[at]).sum())
        .collect();
    let all = f64::from(rows.iter().sum::<u32>());
    let mut statistic = 0.0;
    for (row, of_row) in cells.iter().zip(&rows) {
        for (cell, of_column) in row.iter().zip(&columns).filter(|(cell, _)| **cell > 0) {
            let expected = f64::from(*of_row) * f64::from(*of_column) / all;
            statistic += 2.0 * f64::from(*cell) * (f64::from(*cell) / expected).ln();
        }
    }
    let kinds = |sums: &[u32]| {
        sums.iter()
            .filter(|sum| **sum > 0)
            .count()
            .saturating_sub(1)
    };
    let freedom = number(kinds(&rows) * kinds(&columns));
    if freedom == 0.0 {
        return false;
    }
    let spread = 2.0 / (9.0 * freedom);
    ((statistic / freedom).cbrt() - (1.0 - spread)) / spread.sqrt() > BY_CHANCE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_together_is_told_from_what_does_not() {
        let one: Reading = (0..300).map(|row| row % 3).collect();
        let bound: Reading = (0..300).map(|row| usize::from(row % 3 == 1)).collect();
        let free: Reading = (0..300).map(|row| row / 3 % 4).collect();
        assert!(hang_together(&one, &bound));
        assert!(!hang_together(&one, &free));
        assert!(!hang_together(&one, &[1; 300]));
    }

    #[test]
    fn readings_tell_the_frequent_and_the_absent() {
        let texts = ["a", "a", "a", "a", "a", "b"];
        let read = frequent(
            texts
                .into_iter()
                .map(|text| Some(text.to_owned()))
                .chain([None]),
        );
        assert_eq!(read, [1, 1, 1, 1, 1, CODES - 1, 0]);
        let numbers: Vec<Option<f64>> = (0..12)
            .map(|at| Some(f64::from(at)))
            .chain([None])
            .collect();
        assert_eq!(sliced(&numbers), [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 0]);
    }
}
