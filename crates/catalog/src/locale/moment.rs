//! Moments in a record's life, in the order in which they happen: born, hired, created, changed, seen;
//! paid within three days of being created, due some weeks after it; expires after now.

use lapwing_core::Timestamp;

use crate::dice::Dice;

const DAY: i64 = 86_400;

/// One of the moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Born,
    Hired,
    Created,
    Changed,
    Seen,
    Paid,
    Due,
    Expires,
}

impl Which {
    pub(crate) const NAMES: [(&'static str, Self); 8] = [
        ("born", Self::Born),
        ("hired", Self::Hired),
        ("created", Self::Created),
        ("changed", Self::Changed),
        ("seen", Self::Seen),
        ("paid", Self::Paid),
        ("due", Self::Due),
        ("expires", Self::Expires),
    ];

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, which)| *which)
    }
}

/// Whether a text is a form of dates: `%Y %m %d %H %M %S` and what stands between them.
pub(super) fn check_form(form: &str) -> Result<(), String> {
    let known = |rest: &str| rest.starts_with(['Y', 'm', 'd', 'H', 'M', 'S']);
    if form.contains('%') && form.split('%').skip(1).all(known) {
        Ok(())
    } else {
        Err(format!(
            "{form:?} is no form of a date; write %Y-%m-%d %H:%M:%S"
        ))
    }
}

/// All of them, in seconds of Unix time.
pub(super) struct Moments {
    born: i64,
    hired: i64,
    created: i64,
    changed: i64,
    seen: i64,
    paid: i64,
    due: i64,
    expires: i64,
}

impl Moments {
    /// Draws them: created in the `days` before `now` unless it is given.
    pub(super) fn draw(
        created: Option<Timestamp>,
        days: u32,
        now: Timestamp,
        dice: &mut Dice<'_>,
    ) -> Self {
        let now = now.seconds();
        let span = i64::from(days.max(1)) * DAY;
        let created = match created {
            Some(at) => at.seconds().min(now),
            None if days > 60 => by_day(now - below(span, dice) - 1, dice).min(now),
            None => now - below(span, dice) - 1,
        };
        let changed = created + below(now - created, dice);
        let seen = changed + below(now - changed, dice);
        let hired = created - below(8 * 365 * DAY, dice);
        let born = hired - 19 * 365 * DAY - below(38 * 365 * DAY, dice);
        let paid = created + below((now - created).min(3 * DAY), dice);
        let due = created + [14, 30, 30, 45][dice.below(4)] * DAY;
        let expires = now
            + (span / 2)
                .clamp(DAY, 400 * DAY)
                .min(below(span, dice) + 600);
        Self {
            born,
            hired,
            created,
            changed,
            seen,
            paid,
            due,
            expires,
        }
    }

    pub(super) fn of(&self, which: Which) -> i64 {
        match which {
            Which::Born => self.born,
            Which::Hired => self.hired,
            Which::Created => self.created,
            Which::Changed => self.changed,
            Which::Seen => self.seen,
            Which::Paid => self.paid,
            Which::Due => self.due,
            Which::Expires => self.expires,
        }
    }
}

fn below(bound: i64, dice: &mut Dice<'_>) -> i64 {
    let bound = usize::try_from(bound.max(0)).unwrap_or_default();
    i64::try_from(dice.below(bound)).unwrap_or_default()
}

/// People seldom sign up at night: most moments between one and six o'clock move to the day.
fn by_day(at: i64, dice: &mut Dice<'_>) -> i64 {
    let hour = at.rem_euclid(DAY) / 3600;
    if (1..6).contains(&hour) && dice.below(6) != 0 {
        // Later on the same day, so that the order of rows hardly suffers.
        at + 6 * 3600
    } else {
        at
    }
}
