//! Points in time as columns write them: text or numbers, moved without changing their form.

use jiff::Span;
use jiff::civil::DateTime;
use rand::RngExt as _;

use super::fill::shaped;
use super::{Column, Value};
use crate::names;

/// How a column writes points in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// `2026-01-31`, with a time of day behind it or not.
    Text,
    /// So many of these to a second since 1970.
    Number(i64),
}

impl Clock {
    pub(crate) fn of(column: &Column, values: &[&Value]) -> Option<Self> {
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
        let name = names::snake(&column.name);
        let timely = name.ends_with("_at")
            || name.ends_with("_on")
            || [
                "date", "time", "created", "updated", "seen", "login", "expires", "since", "ts",
            ]
            .iter()
            .any(|word| name.split('_').any(|part| part.contains(word)));
        let numbered = clock != Self::Text;
        let all = values.iter().all(|value| clock.seconds(value).is_some());
        (all && (timely || !numbered)).then_some(clock)
    }

    pub(crate) fn seconds(self, value: &Value) -> Option<i64> {
        match (self, value) {
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
