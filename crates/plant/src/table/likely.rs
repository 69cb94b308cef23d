//! How likely a row is among its neighbours: the sum, over columns, of the logarithm of how often
//! such a value occurs. A row of ours must be at least as likely as all but one in a
//! hundred of the neighbours are to each other; each neighbour is judged without itself. A stricter judge
//! would make ours too likely: rows that only resemble many are told apart by that.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::Value;
use super::learn::{Learned, Role};

/// Fewer neighbours than this teach too little to judge by.
const ENOUGH: usize = 20;
/// Columns of categories that are looked at in pairs.
const PAIRED: usize = 8;
/// What a value outside the neighbours' range costs.
const OUTSIDE: f64 = -6.0;

/// Values of a column of categories that is looked at in pairs, at most.
const VALUES: usize = 50;

/// How often values of two columns occur in one row.
struct Together {
    /// Places in the list of columns that are looked at in pairs.
    columns: (usize, usize),
    counts: Vec<usize>,
    /// How many of the counts are not nought.
    kinds: usize,
}

/// A judge of rows.
pub(crate) struct Likely<'a> {
    pub learned: &'a Learned<'a>,
    shapes: Vec<BTreeMap<String, usize>>,
    ranges: Vec<Option<(f64, f64)>>,
    /// Columns of categories that are looked at in pairs, and their values.
    coded: Vec<(usize, BTreeMap<String, usize>)>,
    pairs: Vec<Together>,
    /// The threshold last asked for, and the columns it leaves out.
    known: RefCell<Option<(Vec<bool>, f64)>>,
}

/// A score in its parts.
pub(crate) struct Score {
    pub total: f64,
    /// The column that cost most.
    pub worst: Option<usize>,
}

impl<'a> Likely<'a> {
    pub(crate) fn of(learned: &'a Learned<'a>) -> Self {
        let count = learned.table.columns.len();
        let mut judge = Self {
            learned,
            shapes: vec![BTreeMap::new(); count],
            ranges: vec![None; count],
            coded: Vec::new(),
            pairs: Vec::new(),
            known: RefCell::new(None),
        };
        for at in 0..count {
            judge.study(at);
        }
        judge.pair();
        judge
    }

    /// What all but one in a hundred neighbours reach, columns that are `firm` left out; `None` where there
    /// are too few neighbours.
    pub(crate) fn threshold(&self, firm: &[bool]) -> Option<f64> {
        if self.learned.rows.len() < ENOUGH {
            return None;
        }
        if let Some((_, threshold)) = self.known.borrow().as_ref().filter(|(of, _)| of == firm) {
            return Some(*threshold);
        }
        let score = |row: &Vec<Value>| self.score(row, firm, 1).total;
        let mut scores: Vec<f64> = self.learned.rows.iter().map(score).collect();
        scores.sort_by(f64::total_cmp);
        let threshold = scores[scores.len() / 100];
        *self.known.borrow_mut() = Some((firm.to_vec(), threshold));
        Some(threshold)
    }

    fn study(&mut self, at: usize) {
        let values = self.learned.values(at);
        for value in &values {
            *self.shapes[at].entry(shape(value)).or_default() += 1;
        }
        let numbers: Vec<f64> = values
            .iter()
            .filter_map(|value| self.axis(at, value))
            .collect();
        let least = numbers.iter().copied().reduce(f64::min);
        let most = numbers.iter().copied().reduce(f64::max);
        self.ranges[at] = least.zip(most);
    }

    /// A value's place on a line, where its column has one.
    fn axis(&self, at: usize, value: &Value) -> Option<f64> {
        match self.learned.columns[at].role {
            #[expect(clippy::cast_precision_loss, reason = "for comparing only")]
            Role::Time(clock) => clock.seconds(value).map(|seconds| seconds as f64),
            Role::Number => value.number(),
            _ => None,
        }
    }

    fn pair(&mut self) {
        let columns = self.learned.columns.iter().enumerate();
        let few = columns
            .filter(|(_, column)| column.role == Role::Category && column.counts.len() < VALUES);
        let coded = few.take(PAIRED).map(|(at, column)| {
            let tokens = column.counts.keys().cloned();
            (at, tokens.chain([Value::Null.token()]).zip(0..).collect())
        });
        self.coded = coded.collect();
        let codes: Vec<Vec<Option<usize>>> = self
            .learned
            .rows
            .iter()
            .map(|row| self.codes(row))
            .collect();
        for one in 0..self.coded.len() {
            for other in one + 1..self.coded.len() {
                let mut counts = vec![0; VALUES * VALUES];
                for row in &codes {
                    if let (Some(one), Some(other)) = (row[one], row[other]) {
                        counts[one * VALUES + other] += 1;
                    }
                }
                self.pairs.push(Together {
                    columns: (one, other),
                    kinds: counts.iter().filter(|count| **count > 0).count(),
                    counts,
                });
            }
        }
    }

    /// Which value a row has in each column that is looked at in pairs.
    fn codes(&self, row: &[Value]) -> Vec<Option<usize>> {
        let code =
            |(at, codes): &(usize, BTreeMap<String, usize>)| codes.get(&row[*at].token()).copied();
        self.coded.iter().map(code).collect()
    }

    /// Judges a row. Columns that are `firm` are what the operator wants or what only the canary can
    /// hold, and do not count. `own` is how often the row itself is among the neighbours.
    pub(crate) fn score(&self, row: &[Value], firm: &[bool], own: usize) -> Score {
        let mut score = Score {
            total: 0.0,
            worst: None,
        };
        let mut least = -1.0;
        for at in 0..row.len() {
            if firm[at] {
                continue;
            }
            let part = self.column(at, &row[at], own);
            score.total += part;
            if part < least {
                (least, score.worst) = (part, Some(at));
            }
        }
        let codes = self.codes(row);
        for pair in &self.pairs {
            let (one, other) = pair.columns;
            if firm[self.coded[one].0] || firm[self.coded[other].0] {
                continue;
            }
            let together = match (codes[one], codes[other]) {
                (Some(one), Some(other)) => pair.counts[one * VALUES + other],
                _ => 0,
            };
            score.total += chance(together, own, self.learned.rows.len(), pair.kinds);
        }
        score
    }

    fn column(&self, at: usize, value: &Value, own: usize) -> f64 {
        let column = &self.learned.columns[at];
        let rows = self.learned.rows.len();
        // Reserved numbers are unlike any by rule; the operator is told.
        let by_rule = matches!(column.role, Role::Phone | Role::Internet);
        if by_rule || matches!(column.role, Role::Counted | Role::Reference | Role::Empty) {
            return 0.0;
        }
        if *value == Value::Null {
            return chance(rows - column.filled, own, rows, 2);
        }
        let there = chance(column.filled, own, rows, 2);
        let seen = match column.role {
            Role::Category => column.counts.get(&value.token()).copied(),
            _ => self.shapes[at].get(&shape(value)).copied(),
        };
        let kinds = match column.role {
            Role::Category => column.counts.len(),
            _ => self.shapes[at].len(),
        };
        let outside = match (self.axis(at, value), self.ranges[at]) {
            (Some(number), Some((least, most))) => {
                // What comes behind the newest is no surprise.
                let margin = (most - least) * 0.05 + 1.0;
                let timely = matches!(column.role, Role::Time(_));
                number < least - margin || (number > most + margin && !timely)
            }
            _ => false,
        };
        let range = if outside { OUTSIDE } else { 0.0 };
        there + range + chance(seen.unwrap_or(0), own, column.filled, kinds)
    }
}

/// The logarithm of a smoothed share, the judged row itself left out.
fn chance(seen: usize, own: usize, of: usize, kinds: usize) -> f64 {
    let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let seen = number(seen.saturating_sub(own)) + 0.5;
    let all = number(of.saturating_sub(own)) + 0.5 * number(kinds.max(1) + 1);
    (seen / all).ln()
}

/// The build of a value: runs of letters by case, of digits by their number, other characters as they
/// are. Of an e-mail address only what stands before the @: the domain is ours by design.
fn shape(value: &Value) -> String {
    let Some(text) = value.text() else {
        return match value {
            Value::Integer(number) => format!("n{}", number.to_string().len()),
            Value::Real(number) => format!("r{}", number.to_string().len()),
            Value::Blob(bytes) => format!("b{}", bytes.len()),
            _ => String::new(),
        };
    };
    let text = match text.split_once('@') {
        Some((local, domain)) if domain.contains('.') => local,
        _ => text,
    };
    let mut out = String::new();
    let mut last = '\0';
    for c in text.chars().take(64) {
        let class = match c {
            c if c.is_ascii_digit() => '0',
            c if !c.is_ascii() && c.is_alphabetic() => 'é',
            c if c.is_uppercase() => 'A',
            c if c.is_lowercase() => 'a',
            c => c,
        };
        if class != last || class == '0' {
            out.push(class);
        }
        last = class;
    }
    // Keys mix their classes at random: there the length is what is alike.
    if out.len() > 16 {
        return format!("l{}", text.chars().count());
    }
    out
}

/// How a refusal puts it.
pub(crate) fn refusal(learned: &Learned<'_>, score: &Score, threshold: f64) -> String {
    let least = score.worst.map_or_else(String::new, |at| {
        let column = &learned.table.columns[at].name;
        format!("; the column {column} tells most")
    });
    format!(
        "the likeliest row that could be drawn scores {:.1}, and 99 in 100 of the {} rows looked at \
         reach {threshold:.1}{least}",
        score.total,
        learned.rows.len()
    )
}
