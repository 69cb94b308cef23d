//! When a row came into being, and what follows from that. Rows that are counted up and dated in order
//! go behind the newest, after a gap like the neighbours' at that time of day; others between the
//! neighbours, weeks away from the template. Hours of the day and days of the week stay the neighbours'.

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

/// Moments of one row: a shift for each column that has one.
pub(super) struct Moments {
    /// Column and the seconds it is moved by.
    shifts: Vec<(usize, i64)>,
}

impl Moments {
    /// Decides for every time column how far the template's is moved.
    pub(super) fn of(learned: &Learned<'_>, template: Option<&Vec<Value>>) -> Self {
        let mut shifts = Vec::new();
        let Some(template) = template else {
            return Self { shifts };
        };
        let now = Timestamp::now().as_second();
        let lead = lead(learned);
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
                Some((first, _, _, _)) if first == at => {}
                Some((first, leading, from, to)) => {
                    let pairs = pairs(learned, (first, leading), (at, clock));
                    let moved = follow(own, (from, to), &pairs, now);
                    shifts.push((at, moved - own));
                }
                None => shifts.push((at, weeks_away(own, &times(learned, at, clock)))),
            }
        }
        Self { shifts }
    }

    /// A column's moment.
    pub(super) fn write(&self, at: usize, clock: Clock, template: &Value) -> Value {
        let shift = self.shifts.iter().find(|(column, _)| *column == at);
        clock.write(template, shift.map_or(0, |(_, seconds)| *seconds))
    }
}

/// The column that says when a row came into being.
fn lead(learned: &Learned<'_>) -> Option<(usize, Clock)> {
    let clocks: Vec<(usize, Clock)> = learned
        .columns
        .iter()
        .enumerate()
        .filter_map(|(at, column)| match column.role {
            Role::Time(clock) => Some((at, clock)),
            _ => None,
        })
        .collect();
    let named = |words: &'static [&'static str]| {
        move |(at, _): &&(usize, Clock)| {
            let name = names::snake(&learned.table.columns[*at].name);
            words.iter().any(|word| name.contains(word))
        }
    };
    let created = clocks.iter().find(named(&[
        "creat", "regist", "join", "insert", "added", "signup", "signed",
    ]));
    let born = named(&["birth", "born", "dob"]);
    created
        .or_else(|| clocks.iter().find(|clock| !born(clock)))
        .copied()
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

/// Whether rows are counted and their times rise with the count. Rows of a sample stand newest first.
fn in_order(learned: &Learned<'_>, at: usize, clock: Clock) -> bool {
    if !learned.table.columns.iter().any(|column| column.counted) {
        return false;
    }
    let times: Vec<i64> = learned
        .rows
        .iter()
        .filter_map(|row| clock.seconds(&row[at]))
        .collect();
    let falling = times.windows(2).filter(|pair| pair[0] >= pair[1]).count();
    falling * 10 >= times.len().saturating_sub(1) * 9
}

/// A moment behind the newest, after a gap that began at a like time of day.
fn behind(times: &[i64], now: i64) -> i64 {
    let mut random = rand::rng();
    let last = times.last().copied().unwrap_or(now);
    let hour = |time: i64| time.rem_euclid(DAY);
    // 1970 began on a Thursday.
    let weekend = |time: i64| (time.div_euclid(DAY) + 3).rem_euclid(7) > 4;
    let near = |from: i64| {
        let apart = (hour(from) - hour(last)).abs();
        apart.min(DAY - apart) <= HOUR && weekend(from) == weekend(last)
    };
    // Gap and the gap before it: busy hours follow busy hours.
    let gaps = |all: bool| -> Vec<(i64, i64)> {
        let triples = times.windows(3).filter(|triple| all || near(triple[1]));
        triples
            .map(|triple| (triple[2] - triple[1], triple[1] - triple[0]))
            .collect()
    };
    let (close, all) = (gaps(false), gaps(true));
    let mut gaps = if close.len() >= 8 { close } else { all };
    if let [.., from, to] = times {
        let order = |gap: i64| i64::from((gap.max(0) + 1).ilog2());
        gaps.sort_by_key(|(_, before)| (order(*before) - order(to - from)).abs());
        gaps.truncate((gaps.len() / 4).max(8));
    }
    let gap = gaps.choose(&mut random).map_or(HOUR, |(gap, _)| *gap);
    let jitter = (gap / 8).min(10 * 60);
    let to = last + (gap + random.random_range(-jitter..=jitter)).max(0);
    if to <= now || last >= now {
        to
    } else {
        random.random_range(last..=now)
    }
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
    let count = f64::from(u32::try_from(numbers.len()).unwrap_or(u32::MAX)).max(1.0);
    let mean = |of: fn(&(f64, f64)) -> f64| numbers.iter().map(of).sum::<f64>() / count;
    let (one, other) = (mean(|pair| pair.0), mean(|pair| pair.1));
    let (mut both, mut first, mut second) = (0.0, 0.0, 0.0);
    for (lead, apart) in &numbers {
        let (lead, apart) = (lead - one, apart - other);
        both += lead * apart;
        first += lead * lead;
        second += apart * apart;
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
