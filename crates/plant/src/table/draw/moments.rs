//! When a row came into being, and what follows from that. Rows that are counted up and dated in order
//! go behind the newest, after a gap like the neighbours' at that time of day; others between the
//! neighbours, weeks away from the template. Hours of the day and days of the week stay the neighbours'.

use std::collections::BTreeSet;

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;

use jiff::Timestamp;

use crate::names;
use crate::table::Value;
use crate::table::clock::Clock;
use crate::table::learn::{Learned, Role};

const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;
const WEEK: i64 = 7 * DAY;
const HALF: i64 = HOUR / 2;
/// From here on a gap is one over hours in which less is going on.
const LONG: i64 = 2 * HOUR;
/// How often a gap is drawn again.
const TRIES: usize = 8;
/// How many gaps make a pace.
const PACE: usize = 4;
/// How many hours' difference another day of the week makes, and a weekend.
const OTHER_DAY: f64 = 1.0;
const WEEKEND: f64 = 6.0;
/// How many a pace three times as fast makes if it lasted for ever.
const LASTING: f64 = 8.0;
/// Fewer times than this may have a step in common by chance.
const TELLING: usize = 8;

/// Moments of one row: a shift for each column that has one.
pub(super) struct Moments {
    /// Column and the seconds it is moved by.
    shifts: Vec<(usize, i64)>,
    /// What was written for which template, moved by how much: equal moments stay equal to the last figure.
    written: Vec<(Value, i64, Value)>,
}

impl Moments {
    /// Decides for every time column how far the template's is moved.
    pub(super) fn of(learned: &Learned<'_>, template: Option<&Vec<Value>>) -> Self {
        let mut shifts = Vec::new();
        let written = Vec::new();
        let Some(template) = template else {
            return Self { shifts, written };
        };
        let now = Timestamp::now().as_second();
        let lead = lead(learned);
        let (nearby, mut random) = (HOUR / 3, rand::rng());
        let later = random.random_range(-nearby..=nearby);
        let mut aim = None;
        if let Some((at, clock)) = lead
            && let Some(own) = clock.seconds(&template[at])
        {
            let times: Vec<i64> = times(learned, at, clock);
            let to = if in_order(learned, at, clock) {
                behind(&times, now)
            } else {
                own + weeks_away(own, &times)
            };
            let to = on_grain(to, &times);
            shifts.push((at, to - own));
            aim = Some((at, clock, own, to));
        }
        for (at, column) in learned.columns.iter().enumerate() {
            let Role::Time(clock) = column.role else {
                continue;
            };
            let Some(own) = clock.seconds(&template[at]) else {
                continue;
            };
            match aim {
                _ if !clock.is_dated() => {
                    shifts.push((at, hour_near(own + later, &times(learned, at, clock)) - own))
                }
                Some((first, _, _, _)) if first == at => {}
                Some((first, leading, from, to)) => {
                    let pairs = pairs(learned, (first, leading), (at, clock));
                    let moved = if own == from {
                        to
                    } else {
                        let moved = follow(own, (from, to), &pairs, now);
                        on_grain(moved, &times(learned, at, clock))
                    };
                    shifts.push((at, moved - own));
                }
                None => {
                    let times = times(learned, at, clock);
                    let moved = on_grain(own + weeks_away(own, &times), &times);
                    shifts.push((at, moved - own));
                }
            }
        }
        Self { shifts, written }
    }

    /// A column's moment.
    pub(super) fn write(&mut self, at: usize, clock: Clock, template: &Value) -> Value {
        let shift = self.shifts.iter().find(|(column, _)| *column == at);
        let shift = shift.map_or(0, |(_, seconds)| *seconds);
        let same = |(of, by, _): &&(Value, i64, Value)| of == template && *by == shift;
        if let Some((_, _, written)) = self.written.iter().find(same) {
            return written.clone();
        }
        let written = clock.write(template, shift);
        self.written
            .push((template.clone(), shift, written.clone()));
        written
    }
}

/// The column that says when a row came into being.
pub(crate) fn lead(learned: &Learned<'_>) -> Option<(usize, Clock)> {
    let clocks: Vec<(usize, Clock)> = learned
        .columns
        .iter()
        .enumerate()
        .filter_map(|(at, column)| match column.role {
            Role::Time(clock) if clock.is_dated() => Some((at, clock)),
            _ => None,
        })
        .collect();
    let named = |words: &'static [&'static str]| {
        move |(at, _): &&(usize, Clock)| {
            let name = names::snake(&learned.table.columns[*at].name);
            words.iter().any(|word| name.contains(word))
        }
    };
    let created = clocks
        .iter()
        .find(|(at, _)| is_beginning(&learned.table.columns[*at].name));
    let born = named(&["birth", "born", "dob"]);
    created
        .or_else(|| clocks.iter().find(|clock| !born(clock)))
        .copied()
}

/// Whether a column of this name says when its row came into being.
pub(crate) fn is_beginning(name: &str) -> bool {
    let name = names::snake(name);
    let words = [
        "creat", "regist", "join", "insert", "added", "signup", "signed",
    ];
    let whose = name.ends_with("_by") || name.ends_with("_id");
    !whose && words.iter().any(|word| name.contains(word))
}

fn times(learned: &Learned<'_>, at: usize, clock: Clock) -> Vec<i64> {
    let mut times: Vec<i64> = learned
        .values(at)
        .into_iter()
        .filter_map(|value| clock.seconds(value))
        .collect();
    times.sort_unstable();
    times
}

/// Whether the times of a sample, whose rows stand newest first, rise from row to row.
pub(crate) fn in_order(learned: &Learned<'_>, at: usize, clock: Clock) -> bool {
    let times: Vec<i64> = learned
        .rows
        .iter()
        .filter_map(|row| clock.seconds(&row[at]))
        .collect();
    let falling = times.windows(2).filter(|pair| pair[0] >= pair[1]).count();
    falling * 10 >= times.len().saturating_sub(1) * 9
}

/// A gap between two rows, and what was known when it began.
struct Gap {
    from: i64,
    to: i64,
    /// The mean logarithm of the gaps just before.
    pace: f64,
}

impl Gap {
    /// The gap that begins with the last of these times, open yet.
    fn open(times: &[i64]) -> Option<Self> {
        let last = *times.last()?;
        let before = times.windows(2).rev().take(PACE);
        let logs: Vec<f64> = before.map(|pair| logarithm(pair[1] - pair[0])).collect();
        Some(Self {
            from: last,
            to: last,
            pace: mean(&logs),
        })
    }

    /// How unlike two beginnings are, in hours; `pace` says what the pace tells.
    fn unlike(&self, other: &Self, pace: f64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "times of day")]
        let hours = (self.from - other.from).rem_euclid(DAY) as f64 / HOUR as f64;
        let days = match (weekday(self.from), weekday(other.from)) {
            (one, other) if one == other => 0.0,
            (one, other) if (one > 4) == (other > 4) => OTHER_DAY,
            _ => WEEKEND,
        };
        let paces = (self.pace - other.pace).abs();
        paces.mul_add(pace, hours.min(24.0 - hours) + days)
    }

    /// Where such a gap leads from a moment: a long one to the time of day it led to, as nights end.
    fn after(&self, last: i64) -> i64 {
        let seconds = self.to - self.from;
        if seconds < LONG {
            return last + seconds;
        }
        let later = (self.to - last - seconds + DAY / 2).rem_euclid(DAY) - DAY / 2;
        let to = last + seconds + later;
        if to > last { to } else { last + seconds }
    }
}

/// From Monday, 0; 1970 began on a Thursday.
const fn weekday(time: i64) -> i64 {
    (time.div_euclid(DAY) + 3).rem_euclid(7)
}

fn logarithm(seconds: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a gap between two rows")]
    let seconds = seconds.max(0) as f64;
    seconds.ln_1p()
}

fn mean(numbers: &[f64]) -> f64 {
    let count = f64::from(u32::try_from(numbers.len()).unwrap_or(u32::MAX));
    numbers.iter().sum::<f64>() / count.max(1.0)
}

/// A moment behind the newest, after a gap that began at a like time of day and at a like pace.
fn behind(times: &[i64], now: i64) -> i64 {
    let mut random = rand::rng();
    let last = times.last().copied().unwrap_or(now);
    let ends = PACE + 1..times.len();
    let gaps = ends.filter_map(|end| {
        let to = times[end];
        Some(Gap {
            to,
            ..Gap::open(&times[..end])?
        })
    });
    let mut gaps: Vec<Gap> = gaps.collect();
    let known: Vec<(f64, f64)> = gaps
        .iter()
        .map(|gap| (gap.pace, logarithm(gap.to - gap.from)))
        .collect();
    // Where a pace lasts, it tells more than the hour.
    let pace = correlation(&known).max(0.0) * LASTING;
    if let Some(open) = Gap::open(times) {
        gaps.sort_by(|one, other| open.unlike(one, pace).total_cmp(&open.unlike(other, pace)));
    }
    gaps.truncate((gaps.len() / 16).max(8));
    // Not at an hour at which nobody ever comes.
    let hours = |time: i64| (time.rem_euclid(DAY) / HALF, weekday(time) > 4);
    let usual: BTreeSet<(i64, bool)> = times.iter().map(|time| hours(*time)).collect();
    let mut to = last + HOUR;
    for _ in 0..TRIES {
        let Some(gap) = gaps.choose(&mut random) else {
            break;
        };
        let reach = ((gap.to - gap.from) / 8).min(10 * 60);
        to = (gap.after(last) + random.random_range(-reach..=reach)).max(last);
        if usual.contains(&hours(to)) {
            break;
        }
    }
    if to <= now || last >= now {
        to
    } else {
        random.random_range(last..=now)
    }
}

/// The moment nearest to one that keeps the steps of others: whole minutes, quarters of an hour, days.
fn on_grain(moment: i64, sorted: &[i64]) -> i64 {
    let [first, .., _] = sorted else {
        return moment;
    };
    if sorted.len() < TELLING {
        return moment;
    }
    let step = sorted
        .iter()
        .fold(0, |step, time| divisor(step, time - first));
    if step <= 1 {
        return moment;
    }
    let steps = (moment - first + step / 2).div_euclid(step);
    first + steps * step
}

/// A time of day within what the neighbours span.
fn hour_near(time: i64, sorted: &[i64]) -> i64 {
    match sorted {
        [first, .., last] => on_grain(time.clamp(*first, *last), sorted),
        _ => time.rem_euclid(DAY),
    }
}

/// The greatest common divisor.
const fn divisor(one: i64, other: i64) -> i64 {
    let (mut one, mut other) = (one, other);
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one.abs()
}

/// Seconds to another week, same day and about the same hour, within what the neighbours span.
fn weeks_away(own: i64, times: &[i64]) -> i64 {
    let (Some(first), Some(last)) = (times.first(), times.last()) else {
        return 0;
    };
    let mut random = rand::rng();
    let fits = |shift: &i64| (*first..=*last).contains(&(own + shift));
    for _ in 0..16 {
        let jitter = if own.rem_euclid(DAY) == 0 {
            0
        } else {
            random.random_range(-HOUR / 3..=HOUR / 3)
        };
        let shift = random.random_range(-4..=4) * WEEK + jitter;
        if fits(&shift) {
            return shift;
        }
    }
    0
}

/// Both moments of each row that has both.
fn pairs(
    learned: &Learned<'_>,
    (first, leading): (usize, Clock),
    (at, clock): (usize, Clock),
) -> Vec<(i64, i64)> {
    let both = |row: &Vec<Value>| Some((leading.seconds(&row[first])?, clock.seconds(&row[at])?));
    learned.rows.iter().filter_map(both).collect()
}

/// Where a moment goes when the one it hangs on goes from `from` to `to`: as far away as before where
/// neighbours keep a distance, whatever it is; as far along the time since where it only comes later; else nearby.
fn follow(own: i64, (from, to): (i64, i64), pairs: &[(i64, i64)], now: i64) -> i64 {
    let mut apart: Vec<i64> = pairs.iter().map(|(lead, time)| time - lead).collect();
    let mut times: Vec<i64> = pairs.iter().map(|(_, time)| *time).collect();
    apart.sort_unstable();
    times.sort_unstable();
    let latest = times.last().copied().unwrap_or(now);
    let later = apart.iter().filter(|apart| **apart >= 0).count();
    let kept = apart.len() >= 20 && related(pairs).abs() < 0.2;
    if kept || spread(&apart) * 2 <= spread(&times) {
        // Not to the second as far as the neighbour's, unless all are.
        let own_apart = own - from;
        let distinct = apart.windows(2).filter(|pair| pair[0] != pair[1]).count();
        let loose = distinct * 2 > apart.len() && own_apart.rem_euclid(DAY) != 0;
        let reach = if loose { own_apart.abs() / 25 } else { 0 };
        let jitter = rand::rng().random_range(-reach..=reach);
        return (own + (to - from) + jitter)
            .min(latest.max(now))
            .max(if later == apart.len() { to } else { i64::MIN });
    }
    if later * 100 < apart.len() * 99 {
        return own + weeks_away(own, &times);
    }
    let whole = (latest - from).max(1);
    let left = (latest - to).max(0);
    let exact = i128::from(own - from) * i128::from(left) / i128::from(whole);
    let moved = to + i64::try_from(exact).unwrap_or(0);
    let same_hour = moved - moved.rem_euclid(DAY) + own.rem_euclid(DAY);
    if (to..=latest.max(to)).contains(&same_hour) {
        same_hour
    } else {
        moved
    }
}

/// How the distance goes with the moment it is from: below nought where it shrinks towards today.
fn related(pairs: &[(i64, i64)]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "for comparing only")]
    let numbers: Vec<(f64, f64)> = pairs
        .iter()
        .map(|(lead, time)| (*lead as f64, (time - lead) as f64))
        .collect();
    correlation(&numbers)
}

/// How two numbers go together, from -1 to 1 (Pearson).
fn correlation(numbers: &[(f64, f64)]) -> f64 {
    let firsts: Vec<f64> = numbers.iter().map(|pair| pair.0).collect();
    let seconds: Vec<f64> = numbers.iter().map(|pair| pair.1).collect();
    let (one, other) = (mean(&firsts), mean(&seconds));
    let (mut both, mut first, mut second) = (0.0, 0.0, 0.0);
    for (a, b) in numbers {
        let (a, b) = (a - one, b - other);
        both += a * b;
        first += a * a;
        second += b * b;
    }
    let spread = (first * second).sqrt();
    if spread > 0.0 { both / spread } else { 0.0 }
}

/// The middle nine tenths of sorted numbers, from one end to the other.
fn spread(sorted: &[i64]) -> i64 {
    match sorted.len() {
        0 => 0,
        count => sorted[count - 1 - count / 20] - sorted[count / 20],
    }
}
