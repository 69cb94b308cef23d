//! Moments as the programs of the host write them, in UTC.

use lapwing_core::Timestamp;

use crate::web::date;

/// `ls` shows the time of what is younger than half a year, the year of all else.
const HALF_A_YEAR: i64 = 31_556_952 / 2;

/// A moment in the words of [`date::http`]: weekday, day, month, year, time.
struct Words([String; 5]);

impl Words {
    fn of(seconds: i64) -> Self {
        let text = date::http(Timestamp::from_micros(seconds.saturating_mul(1_000_000)));
        let mut words = text.split([' ', ',']).filter(|it| !it.is_empty());
        Self(std::array::from_fn(|_| {
            words.next().unwrap_or_default().to_owned()
        }))
    }
}

/// `Nov 28 14:16`, or `Nov 28  2025`.
pub(super) fn listed(seconds: i64, now: i64) -> String {
    let Words([_, day, month, year, time]) = Words::of(seconds);
    let day = day.trim_start_matches('0');
    let recent = (0..HALF_A_YEAR).contains(&(now - seconds));
    let last = if recent {
        &time[..5.min(time.len())]
    } else {
        &year
    };
    format!("{month} {day:>2} {last:>5}")
}

/// `Sat Nov 28 14:16:15 UTC 2026`.
pub(super) fn date(seconds: i64) -> String {
    let Words([weekday, day, month, year, time]) = Words::of(seconds);
    let day = day.trim_start_matches('0');
    format!("{weekday} {month} {day:>2} {time} UTC {year}")
}

/// `14:16:15`.
pub(super) fn time(seconds: i64) -> String {
    let Words([.., time]) = Words::of(seconds);
    time
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_coreutils_does() {
        let at = 1_796_000_175;
        assert_eq!(date(at), "Mon Nov 30 00:56:15 UTC 2026");
        assert_eq!(listed(at, at + 60), "Nov 30 00:56");
        assert_eq!(listed(1_772_323_200, at), "Mar  1  2026");
        assert_eq!(time(at), "00:56:15");
    }
}
