//! How long linking takes, and what memory.

use std::time::Instant;

use crate::scenario::Scenario;
use crate::{generate, world};

/// Links `count` trips of worlds of every family, one behind the other, into one memory.
pub(crate) fn run(
    families: &[(String, Scenario)],
    count: usize,
    seed: u64,
) -> Result<(), Box<dyn std::error::Error>> {
    let linker = world::linker();
    let mut kept = world::Kept::default();
    let (mut linked, mut sessions, mut seconds) = (0_usize, 0_usize, 0.0);
    let mut number = seed;
    'all: loop {
        for (_, family) in families {
            let offset = i64::try_from(number - seed)? * 3600;
            let mut events = generate::world(family, number);
            number += 1;
            for event in &mut events {
                event.trip.id.sequence += linked as u64;
                event.trip.observed.time = world::later(event.trip.observed.time, offset);
            }
            let begun = Instant::now();
            for event in &events {
                let (_, session) = kept.take(event, &linker);
                sessions += usize::from(session == event.trip.id);
            }
            seconds += begun.elapsed().as_secs_f64();
            linked += events.len();
            if linked >= count {
                break 'all;
            }
        }
    }
    let memory = lapwing_core::bounded::read_text("/proc/self/status".as_ref(), 64 << 10)?;
    let peak = memory.lines().find(|line| line.starts_with("VmHWM"));
    println!(
        "{linked} trips in {sessions} sessions: {seconds:.1} s, {:.1} us a trip, {:.1} us a session; notes {} MB; {}",
        seconds * 1e6 / linked as f64,
        seconds * 1e6 / sessions as f64,
        kept.size() >> 20,
        peak.unwrap_or_default()
    );
    Ok(())
}
