//! What the process takes of its host (`/proc`, proc(5)), under the names that collectors expect of every program.

use std::path::Path;

use lapwing_console::{Family, Kind};
use lapwing_core::bounded;

/// Longest file of `/proc` that is read, in bytes.
const LONGEST: u64 = 64 << 10;

/// The figures; those that the system does not give are left out.
pub(super) fn families() -> Vec<Family> {
    let mut families = Vec::new();
    if let Some(Stat {
        cpu,
        resident,
        threads,
        start,
    }) = stat()
    {
        families.extend([
            Family::new(
                "process_cpu_seconds_total",
                "Processor time used.",
                Kind::Counter,
            )
            .with(&[], cpu),
            Family::gauge("process_resident_memory_bytes", "Memory in use.", resident),
            Family::gauge("process_threads", "Threads.", threads),
        ]);
        families.extend(start.map(|start| {
            Family::gauge(
                "process_start_time_seconds",
                "When it started, since 1970.",
                start,
            )
        }));
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        families.push(Family::gauge(
            "process_open_fds",
            "Open files and sockets.",
            open.count() as f64,
        ));
    }
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    if let Some(limit) = limit.current {
        families.push(Family::gauge(
            "process_max_fds",
            "How many there may be.",
            limit as f64,
        ));
    }
    families
}

struct Stat {
    cpu: f64,
    resident: f64,
    threads: f64,
    start: Option<f64>,
}

fn stat() -> Option<Stat> {
    let text = bounded::read_text(Path::new("/proc/self/stat"), LONGEST).ok()?;
    // The second field is a name in brackets, which may hold anything.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // Fields are counted from 1, and the first two are gone.
    let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    Some(Stat {
        cpu: (field(14)? + field(15)?) / ticks,
        threads: field(20)?,
        resident: field(24)? * rustix::param::page_size() as f64,
        start: field(22).map(|since_boot| boot() + since_boot / ticks),
    })
}

/// When the host started, in seconds since 1970.
fn boot() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    let up = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = |time: rustix::time::Timespec| time.tv_sec as f64 + time.tv_nsec as f64 / 1e9;
    seconds(now) - seconds(up)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_is_found() {
        let families = families();
        let value = |name: &str| {
            let found = families.iter().find(|family| family.name == name);
            found.unwrap_or_else(|| panic!("no {name}")).samples[0].value
        };
        assert!(value("process_resident_memory_bytes") > 1e6);
        assert!(value("process_open_fds") >= 3.0);
        assert!(value("process_threads") >= 1.0);
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        let age = now.as_secs_f64() - value("process_start_time_seconds");
        assert!((-2.0..86_400.0).contains(&age), "{age}");
    }
}
