//! Folding trips into incidents: one canary, one actor, one stretch of time.
//!
//! A pure function of its arguments, so that a rebuilt index comes to the same incidents under the
//! same names.

use lapwing_core::{
    ActorId, Incident, IncidentId, IncidentState, Judgement, Timestamp, Trip, Untold, Verdict,
};

/// What became of a trip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folded {
    /// The incident with the trip in it.
    pub incident: Incident,
    /// Whether it is announced for the first time, as [`lapwing_core::Occasion::Opened`]: the trip opened it,
    /// or is the first of it that is not muted.
    pub opened: bool,
    /// The number under which a follow-up is announced, as
    /// [`lapwing_core::Occasion::Continued`]: 10, 100, 1,000, ... uses, or the count at which a
    /// graver verdict or a use after closing came, or was told at last. Each number comes once in an
    /// incident.
    pub announce: Option<u64>,
}

/// Whether an incident goes on with this trip: it came at most `window_seconds` after the last one, or before the first.
#[must_use]
pub fn goes_on(incident: &Incident, trip: &Trip, window_seconds: i64) -> bool {
    incident.canary == trip.canary
        && trip.observed.time.seconds_since(incident.last) <= window_seconds
        && incident.first.seconds_since(last_use(trip)) <= window_seconds
}

/// Folds a trip into the newest incident of the same canary and actor, if the trip came at most
/// `window_seconds` after that incident's last one (or as long before its first: records of several
/// stations arrive out of order); else it opens an incident named after itself.
///
/// Which incident a trip belongs to does not depend on what the operator decided. A closed incident
/// that continues is open again and announced; replaying decisions, a close holds only for trips up
/// to its time. What would be announced of a `muted` trip is announced with the next that is not.
#[must_use]
pub fn fold(
    trip: &Trip,
    judgement: &Judgement,
    actor: ActorId,
    open: Option<&Incident>,
    muted: bool,
    window_seconds: i64,
) -> Folded {
    let uses = trip.count.max(1);
    let first = trip.observed.time;
    let last = last_use(trip);
    let open =
        open.filter(|incident| incident.actor == actor && goes_on(incident, trip, window_seconds));
    let Some(open) = open else {
        return Folded {
            incident: Incident {
                id: IncidentId(trip.id),
                canary: trip.canary,
                actor,
                verdict: judgement.verdict,
                first,
                last,
                count: uses,
                latest: trip.id,
                state: IncidentState::Open,
                untold: if muted { Untold::All } else { Untold::Nothing },
            },
            opened: !muted,
            announce: None,
        };
    };
    let count = open.count.saturating_add(uses);
    let graver = gravity(judgement.verdict) < gravity(open.verdict);
    let reopened = open.state == IncidentState::Closed;
    let newest = last >= open.last;
    let due = if graver || reopened {
        Some(count)
    } else {
        threshold(open.count, count)
    };
    let (untold, announce) = match (muted, open.untold) {
        (true, Untold::Nothing) if due.is_some() => (Untold::More, None),
        (true, untold) => (untold, None),
        (false, Untold::Nothing) => (Untold::Nothing, due),
        (false, Untold::All) => (Untold::Nothing, None),
        (false, Untold::More) => (Untold::Nothing, Some(count)),
    };
    let incident = Incident {
        verdict: if graver {
            judgement.verdict
        } else {
            open.verdict
        },
        first: open.first.min(first),
        last: open.last.max(last),
        count,
        latest: if newest { trip.id } else { open.latest },
        state: if reopened {
            IncidentState::Open
        } else {
            open.state
        },
        untold,
        ..open.clone()
    };
    Folded {
        incident,
        opened: !muted && open.untold == Untold::All,
        announce,
    }
}

/// When the last use a record stands for was.
fn last_use(trip: &Trip) -> Timestamp {
    trip.times
        .iter()
        .copied()
        .fold(trip.observed.time, Timestamp::max)
}

/// How grave a verdict is: 0 is gravest.
fn gravity(verdict: Verdict) -> usize {
    Verdict::ALL
        .iter()
        .position(|other| *other == verdict)
        .unwrap_or(0)
}

/// The highest power of ten, from 10 on, that a count passed on its way.
fn threshold(before: u64, after: u64) -> Option<u64> {
    let power = 10u64.checked_pow(after.checked_ilog10()?)?;
    (power >= 10 && before < power).then_some(power)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    const WINDOW: i64 = 1800;

    fn actor() -> ActorId {
        ActorId(samples::trip(1).id)
    }

    fn at(sequence: u64, seconds: i64, count: u64) -> Trip {
        let mut trip = samples::trip(sequence);
        trip.observed.time = samples::TIME.plus_seconds(seconds);
        trip.count = count;
        trip
    }

    fn run(trips: &[(Trip, Verdict)]) -> Vec<Folded> {
        let mut out: Vec<Folded> = Vec::new();
        for (trip, verdict) in trips {
            let open = out.last().map(|folded| folded.incident.clone());
            let judgement = samples::judgement(*verdict);
            out.push(fold(
                trip,
                &judgement,
                actor(),
                open.as_ref(),
                false,
                WINDOW,
            ));
        }
        out
    }

    #[test]
    fn the_first_opens_and_later_ones_are_counted() {
        let trips: Vec<_> = (1..=1000)
            .map(|n| (at(n, 0, 1), Verdict::Intruder))
            .collect();
        let folded = run(&trips);
        assert!(folded[0].opened);
        assert_eq!(folded[0].incident.id, IncidentId(trips[0].0.id));
        let announced: Vec<_> = folded.iter().filter_map(|f| f.announce).collect();
        assert_eq!(announced, [10, 100, 1000]);
        assert_eq!(folded.iter().filter(|f| f.opened).count(), 1);
        let last = &folded[999].incident;
        assert_eq!((last.count, last.latest), (1000, trips[999].0.id));
        assert_eq!(folded, run(&trips), "comes out the same again");
    }

    #[test]
    fn a_summary_announces_the_highest_threshold_it_passes() {
        for (before, jump, announced) in [
            (1, 5, None),
            (1, 9, Some(10)),
            (1, 1499, Some(1000)),
            (10, 1, None),
            (10, 90, Some(100)),
            (99, 1, Some(100)),
            (100, 899, None),
            (5_000, 1_000_000, Some(1_000_000)),
        ] {
            let folded = run(&[
                (at(1, 0, before), Verdict::Intruder),
                (at(2, 1, jump), Verdict::Intruder),
            ]);
            assert_eq!(folded[0].announce, None);
            assert_eq!(folded[1].announce, announced, "{before} + {jump}");
        }
    }

    #[test]
    fn the_window_starts_at_the_last_use() {
        for (seconds, opened) in [(WINDOW, false), (WINDOW + 1, true)] {
            let folded = run(&[
                (at(1, 0, 1), Verdict::Intruder),
                (at(2, 1000, 1), Verdict::Intruder),
                (at(3, 1000 + seconds, 1), Verdict::Intruder),
            ]);
            assert!(!folded[1].opened);
            assert_eq!(folded[2].opened, opened, "after {seconds} s");
        }
        let mut summary = at(2, 10, 3);
        summary.times = vec![samples::TIME.plus_seconds(1700)];
        let folded = run(&[
            (at(1, 0, 1), Verdict::Intruder),
            (summary, Verdict::Intruder),
            (at(3, 3400, 1), Verdict::Intruder),
        ]);
        assert!(!folded[2].opened, "a summary's last use counts");
    }

    #[test]
    fn late_records_of_another_station_join_but_long_past_ones_do_not() {
        let folded = run(&[
            (at(1, 0, 1), Verdict::Intruder),
            (at(2, -60, 1), Verdict::Intruder),
        ]);
        assert!(!folded[1].opened);
        let incident = &folded[1].incident;
        assert_eq!(incident.first, samples::TIME.plus_seconds(-60));
        assert_eq!(incident.last, samples::TIME);
        assert_eq!(incident.latest, at(1, 0, 1).id);
        let folded = run(&[
            (at(1, 0, 1), Verdict::Intruder),
            (at(2, -86_400, 1), Verdict::Intruder),
        ]);
        assert!(folded[1].opened);
    }

    #[test]
    fn a_graver_verdict_is_announced_at_once() {
        let order = Verdict::ALL;
        for (graver, a) in order.iter().enumerate() {
            for (milder, b) in order.iter().enumerate().skip(graver + 1) {
                let folded = run(&[(at(1, 0, 1), *b), (at(2, 1, 1), *a)]);
                assert_eq!(folded[1].announce, Some(2), "{milder} then {graver}");
                assert_eq!(folded[1].incident.verdict, *a);
                let folded = run(&[(at(1, 0, 1), *a), (at(2, 1, 1), *b)]);
                assert_eq!(folded[1].announce, None);
                assert_eq!(folded[1].incident.verdict, *a, "the gravest stays");
            }
        }
    }

    #[test]
    fn another_actor_or_canary_opens_its_own() {
        let first = fold(
            &at(1, 0, 1),
            &samples::judgement(Verdict::Intruder),
            actor(),
            None,
            false,
            WINDOW,
        );
        let other = ActorId(samples::trip(9).id);
        let judgement = samples::judgement(Verdict::Intruder);
        assert!(
            fold(
                &at(2, 1, 1),
                &judgement,
                other,
                Some(&first.incident),
                false,
                WINDOW
            )
            .opened
        );
        let mut trip = at(2, 1, 1);
        trip.canary = lapwing_core::CanaryId::from_bytes([9; 16]);
        assert!(
            fold(
                &trip,
                &judgement,
                actor(),
                Some(&first.incident),
                false,
                WINDOW
            )
            .opened
        );
    }

    #[test]
    fn a_closed_incident_that_continues_is_announced() {
        let judgement = samples::judgement(Verdict::Intruder);
        let mut first = fold(&at(1, 0, 1), &judgement, actor(), None, false, WINDOW).incident;
        first.state = IncidentState::Acknowledged;
        let next = fold(
            &at(2, 1, 1),
            &judgement,
            actor(),
            Some(&first),
            false,
            WINDOW,
        );
        assert_eq!(next.incident.state, IncidentState::Acknowledged);
        assert_eq!(next.announce, None);
        first.state = IncidentState::Closed;
        let next = fold(
            &at(2, 1, 1),
            &judgement,
            actor(),
            Some(&first),
            false,
            WINDOW,
        );
        assert_eq!((next.opened, next.announce), (false, Some(2)));
        assert_eq!(next.incident.state, IncidentState::Open);
    }

    /// Folds uses of one canary, each (verdict, muted); of each: the count and how it is announced.
    fn with_mutes(uses: &[(Verdict, bool)]) -> Vec<(u64, bool, Option<u64>)> {
        let mut open: Option<Incident> = None;
        let step = |(verdict, muted): &(Verdict, bool)| {
            let judgement = samples::judgement(*verdict);
            let trip = at(open.as_ref().map_or(1, |incident| incident.count + 1), 0, 1);
            let folded = fold(&trip, &judgement, actor(), open.as_ref(), *muted, WINDOW);
            open = Some(folded.incident.clone());
            (folded.incident.count, folded.opened, folded.announce)
        };
        uses.iter().map(step).collect()
    }

    #[test]
    fn the_first_use_that_nobody_muted_is_announced_as_the_first() {
        use Verdict::Intruder;
        let told = with_mutes(&[
            (Intruder, true),
            (Intruder, true),
            (Intruder, false),
            (Intruder, false),
        ]);
        assert_eq!(
            told,
            [
                (1, false, None),
                (2, false, None),
                (3, true, None),
                (4, false, None)
            ]
        );
    }

    #[test]
    fn what_grew_graver_while_muted_is_told_afterwards() {
        use Verdict::{Automated, Intruder};
        let told = with_mutes(&[
            (Automated, false),
            (Intruder, true),
            (Automated, true),
            (Automated, false),
            (Automated, false),
        ]);
        assert_eq!(told[0], (1, true, None));
        assert_eq!(
            told[1..],
            [
                (2, false, None),
                (3, false, None),
                (4, false, Some(4)),
                (5, false, None)
            ]
        );
    }
}
