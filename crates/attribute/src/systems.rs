//! Which system a client runs on: by its first packet (`data/systems.tsv`), and by its own word.
//!
//! The packet comes from the last machine that ends TCP: a SOCKS or company proxy shows its own, a router, a
//! carrier's address translation or a VPN the client's.

use std::sync::LazyLock;

use lapwing_core::Trip;

static SYSTEMS: LazyLock<Vec<System>> = LazyLock::new(|| {
    let lines = include_str!("../data/systems.tsv").lines();
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| system(line).expect("the table is checked by a test"))
        .collect()
});

/// One line of `systems.tsv`.
#[derive(Debug)]
pub(crate) struct System {
    pub(crate) name: &'static str,
    ttl: &'static str,
    layout: &'static str,
    words: Vec<&'static str>,
}

fn system(line: &'static str) -> Option<System> {
    let columns: Vec<&str> = line.split('\t').collect();
    let [name, ttl, layout, words, _] = columns[..] else {
        return None;
    };
    Some(System {
        name,
        ttl,
        layout,
        words: words.split(',').collect(),
    })
}

/// What a signature (`4:53+11:0:1460:64240,7:mss,sok,ts,nop,ws:df,id+:0`) says of the system itself, without what
/// the way there changes (hops, largest segment and the window, which follows it) or a proxy's cable.
pub(crate) fn lasting(signature: &str) -> Option<String> {
    let parts: Vec<&str> = signature.split(':').collect();
    let [version, ttl, options, _, window, layout, peculiar, _] = parts[..] else {
        return None;
    };
    let (left, hops) = ttl.split_once('+')?;
    let ttl = left.parse::<u16>().ok()? + hops.parse::<u8>().map_or(0, u16::from);
    let (_, scale) = window.split_once(',')?;
    Some(format!(
        "{version}:{ttl}:{options}:{scale}:{layout}:{peculiar}"
    ))
}

/// The system that a trip's first packet is of.
pub(crate) fn seen(trip: &Trip) -> Option<&'static System> {
    let signature = trip.observed.signals.get("syn")?;
    let lasting = lasting(signature)?;
    let mut parts = lasting.split(':').skip(1);
    let (ttl, layout) = (parts.next()?, parts.nth(2)?);
    SYSTEMS
        .iter()
        .find(|system| system.ttl == ttl && system.layout == layout)
}

/// The system that a User-Agent, in lower case, names.
pub(crate) fn said(agent: &[u8]) -> Option<&'static System> {
    let has = |word: &&str| {
        agent
            .windows(word.len())
            .any(|part| part == word.as_bytes())
    };
    SYSTEMS.iter().find(|system| system.words.iter().any(has))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::Sample;

    fn of(signature: &str) -> Option<&'static str> {
        let mut sample = Sample::new(1);
        let signals = [("syn".to_owned(), signature.to_owned())];
        sample.trip.observed.signals = signals.into();
        seen(&sample.trip).map(|system| system.name)
    }

    #[test]
    fn first_packets_are_told_apart() {
        for (signature, name) in [
            (
                "4:64+0:0:65495:65495,7:mss,sok,ts,nop,ws:df,id+:0",
                Some("Linux or Android"),
            ),
            (
                "6:55+9:0:1360:64800,10:mss,sok,ts,nop,ws:flow:0",
                Some("Linux or Android"),
            ),
            (
                "4:114+14:0:1460:64240,8:mss,nop,ws,nop,nop,sok:df,id+:0",
                Some("Windows"),
            ),
            (
                "4:61+3:0:1460:65535,6:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0",
                Some("an Apple system"),
            ),
            // Layouts that two systems have are told apart by the time to live.
            (
                "4:61+3:0:1460:65535,6:mss,nop,ws,sok,ts:df,id+:0",
                Some("FreeBSD"),
            ),
            (
                "4:125+3:0:1460:65535,8:mss,nop,ws,sok,ts:df,id+:0",
                Some("Windows"),
            ),
            ("4:252+3:0:1460:1024,0:mss::0", None),
            ("4:64:0", None),
            ("", None),
        ] {
            assert_eq!(of(signature), name, "{signature}");
        }
        assert_eq!(
            lasting("4:53+11:0:1380:64240,7:mss,sok,ts,nop,ws:df,id+:0"),
            lasting("4:61+3:0:1460:64860,7:mss,sok,ts,nop,ws:df,id+:0")
        );
    }
}
