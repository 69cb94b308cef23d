//! Going through all records of a journal in order, checking the chain: used when a station
//! starts, by verification and by proofs.

use std::path::Path;

use lapwing_core::StationId;

use crate::error::{Broken, JournalError};
use crate::line::{Head, PartLine};
use crate::merkle::leaf_hash;
use crate::segment::{Unit, Units, segment_name};
use crate::state::Start;

/// What a walk came to.
pub(crate) struct End {
    /// The state after the last complete record.
    pub(crate) start: Start,
    /// Bytes after it.
    pub(crate) torn: u64,
}

/// One record met on a walk.
pub(crate) struct Step<'a> {
    pub(crate) units: &'a Units,
    pub(crate) unit: &'a Unit,
    /// For each part, whether its line stands.
    pub(crate) parts: &'a [PartLine],
    /// The state after this record.
    pub(crate) after: &'a Start,
}

impl Step<'_> {
    /// Names this record as broken.
    pub(crate) fn broken(&self, what: impl Into<String>) -> Broken {
        Broken {
            segment: segment_name(self.units.first()),
            line: self.unit.line_number,
            sequence: Some(self.unit.envelope.sequence),
            what: what.into(),
        }
    }
}

/// Walks from `start` over the segments in `list` to the end, calling `visit` for each record.
/// `station` is the one all records must be of; `None` takes that of the first.
pub(crate) fn walk(
    directory: &Path,
    list: &[u64],
    start: Start,
    station: Option<StationId>,
    visit: &mut dyn FnMut(&Step<'_>) -> Result<(), Broken>,
) -> Result<End, JournalError> {
    let mut end = End { start, torn: 0 };
    let mut station = station;
    let from = list.partition_point(|first| *first < end.start.segment);
    if end.start.frontier.size() > 0 && list.get(from) != Some(&end.start.segment) {
        return Err(missing(end.start.segment, end.start.frontier.size()).into());
    }
    for (index, first) in list.iter().enumerate().skip(from) {
        let state = &mut end.start;
        if *first != state.segment || state.frontier.size() == 0 {
            if *first != state.frontier.size() {
                return Err(missing(*first, state.frontier.size()).into());
            }
            (state.segment, state.offset, state.lines) = (*first, 0, 0);
        }
        let mut units = Units::open(directory, *first, state.offset, state.lines)?;
        walk_segment(&mut units, state, &mut station, visit)?;
        end.torn = units.rest();
        if end.torn > 0 && index + 1 < list.len() {
            let next = end.start.frontier.size();
            return Err(units.broken(0, next, "the record is incomplete").into());
        }
    }
    Ok(end)
}

fn walk_segment(
    units: &mut Units,
    state: &mut Start,
    station: &mut Option<StationId>,
    visit: &mut dyn FnMut(&Step<'_>) -> Result<(), Broken>,
) -> Result<(), Broken> {
    loop {
        let sequence = state.frontier.size();
        let Some(unit) = units.next(u64::MAX, sequence)? else {
            return Ok(());
        };
        let broken = |line, what: String| Broken {
            segment: segment_name(units.first()),
            line,
            sequence: Some(sequence),
            what,
        };
        let mut head = Head {
            station: *station.get_or_insert(unit.envelope.station),
            next: sequence,
            previous: state.previous,
        };
        head.follow(&unit.envelope)
            .map_err(|what| broken(unit.line_number, what))?;
        let mut parts = Vec::with_capacity(unit.parts.len());
        for (at, (part, range)) in (1..).zip(unit.envelope.parts.iter().zip(&unit.parts)) {
            let found = part
                .check(units.bytes(range))
                .map_err(|what| broken(unit.line_number + at, format!("{what} ({})", part.name)))?;
            parts.push(found);
        }
        state.previous = head.previous;
        state.frontier.push(leaf_hash(units.bytes(&unit.line)));
        (state.offset, state.lines) = units.position();
        visit(&Step {
            units,
            unit: &unit,
            parts: &parts,
            after: state,
        })?;
    }
}

fn missing(segment: u64, sequence: u64) -> Broken {
    Broken {
        segment: segment_name(segment),
        line: 0,
        sequence: Some(sequence),
        what: "the segment that should hold this record is missing".to_owned(),
    }
}
