//! Points in time as columns write them: text or numbers, moved without changing their form.

use jiff::Span;
use jiff::civil::DateTime;
use rand::RngExt as _;

use super::fill::shaped;
use super::layout::Layout;
use super::{Column, Sort, Value};
use crate::names;

/// How a column writes points in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// `2026-01-31`, with a time of day behind it or not.
    Text,
    /// So many of these to a second since 1970.
    Number(i64),
    /// In another layout, as text or as a number of its figures.
    Layout(Layout),
}

impl Clock {
    pub(crate) fn of(column: &Column, values: &[&Value]) -> Option<Self> {
        let clock = Self::known(column, values);
        let laid = || {
            let timely = is_timely(column) || column.sort == Sort::Time;
            let layout = Layout::of(values, timely)?;
            // A time column without dates may hold how long something takes, and a number that is nobody
            // else's may name something.
            let unclear = column.sort == Sort::Time && !layout.is_dated()
                || column.unique && layout.is_compact() && !timely;
            (!unclear).then_some(Self::Layout(layout))
        };
        clock.or_else(laid)
    }

    /// The forms that databases have.
    fn known(column: &Column, values: &[&Value]) -> Option<Self> {
        let first = values.first()?;
        let clock = match first {
            Value::Text(_) => Self::Text,
            Value::Integer(number) => Self::Number(match number {
                600_000_000..4_000_000_000 => 1,
                600_000_000_000..4_000_000_000_000 => 1_000,
                600_000_000_000_000..4_000_000_000_000_000 => 1_000_000,
                _ => return None,
            }),
            _ => return None,
        };
        let numbered = clock != Self::Text;
        let all = values.iter().all(|value| clock.seconds(value).is_some());
        (all && (is_timely(column) || !numbered)).then_some(clock)
    }

    /// Whether it tells the day; else it tells a time of day.
    pub(crate) const fn is_dated(self) -> bool {
        match self {
            Self::Layout(layout) => layout.is_dated(),
            _ => true,
        }
    }

    pub(crate) fn seconds(self, value: &Value) -> Option<i64> {
        match (self, value) {
            (Self::Layout(layout), value) => layout.seconds(value),
            (Self::Number(unit), Value::Integer(number)) => Some(number.div_euclid(unit)),
            (Self::Text, Value::Text(text)) => {
                let at = civil(text)?;
                at.to_zoned(jiff::tz::TimeZone::UTC)
                    .ok()
                    .map(|at| at.timestamp().as_second())
            }
            _ => None,
        }
    }

    /// The template, so many seconds later, in its own form; fractions are drawn anew.
    pub(crate) fn write(self, template: &Value, seconds: i64) -> Value {
        let mut random = rand::rng();
        match (self, template) {
            (Self::Layout(layout), template) => layout.write(template, seconds),
            (Self::Number(unit), Value::Integer(number)) => {
                let whole = number.rem_euclid(unit) == 0;
                let rest = if whole {
                    0
                } else {
                    random.random_range(0..unit)
                };
                Value::Integer((number.div_euclid(unit) + seconds) * unit + rest)
            }
            (Self::Text, Value::Text(text)) => Value::Text(later(text, seconds)),
            (_, other) => other.clone(),
        }
    }
}

/// Whether a column's name says that it holds points in time.
fn is_timely(column: &Column) -> bool {
    let name = names::snake(&column.name);
    let words = [
        "date", "time", "created", "updated", "seen", "login", "expires", "since", "ts", "birth",
        "born", "dob", "day",
    ];
    let ends = ["_at", "_on"].iter().any(|end| name.ends_with(end));
    ends || words
        .iter()
        .any(|word| name.split('_').any(|part| part.contains(word)))
}

/// Date and time at the front of a text.
fn civil(text: &str) -> Option<DateTime> {
    let bytes = text.as_bytes();
    let shape = |pattern: &[u8]| {
        bytes.len() >= pattern.len()
            && pattern.iter().zip(bytes).all(|(p, b)| {
                if *p == b'0' {
                    b.is_ascii_digit()
                } else {
                    p == b
                }
            })
    };
    if shape(b"0000-00-00 00:00:00") || shape(b"0000-00-00T00:00:00") {
        let normal = format!("{}T{}", &text[..10], &text[11..19]);
        return normal.parse().ok();
    }
    let date: jiff::civil::Date = (shape(b"0000-00-00") && text.len() == 10)
        .then(|| text.parse().ok())
        .flatten()?;
    Some(date.to_datetime(jiff::civil::Time::midnight()))
}

fn later(text: &str, seconds: i64) -> String {
    let Some(moved) = civil(text).and_then(|at| at.checked_add(Span::new().seconds(seconds)).ok())
    else {
        return text.to_owned();
    };
    if text.len() == 10 {
        return moved.strftime("%Y-%m-%d").to_string();
    }
    let (separator, rest) = (&text[10..11], &text[19..]);
    let fraction = rest.strip_prefix('.').map_or(0, |digits| {
        digits.bytes().take_while(u8::is_ascii_digit).count()
    });
    let mut tail = rest.to_owned();
    if fraction > 0 && rest[1..=fraction].bytes().any(|byte| byte != b'0') {
        tail = format!(
            ".{}{}",
            shaped(&rest[1..=fraction], 0),
            &rest[fraction + 1..]
        );
    }
    format!(
        "{}{separator}{}{tail}",
        moved.strftime("%Y-%m-%d"),
        moved.strftime("%H:%M:%S")
    )
}
