//! Finding what was planted, by its bytes or by its names, and taking exactly that out.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use lapwing_core::{Placement, PlacementState, bounded};

use super::{Decoded, Detail, File, Format, Found, Record};
use crate::diff::{Change, Diff, Edit};
use crate::disk::{self, Seen};
use crate::error::{PlantError, Problem};
use crate::{Condition, Run};

/// Where ours is in one file.
enum Standing {
    Absent,
    /// The file is as we left it.
    AsLeft,
    /// Our bytes are there once; the rest has changed.
    Intact(usize),
    /// Our names and values are there, in other bytes.
    Reworded(Vec<Range<usize>>),
    /// Our names are there with other values, or some only, or more than once.
    Altered(Vec<Range<usize>>),
}

fn standing(format: &dyn Format, record: &Record, seen: Option<&Seen>) -> Standing {
    let Some(seen) = seen else {
        return Standing::Absent;
    };
    let bytes = &seen.bytes;
    if disk::digest(bytes) == record.after {
        return Standing::AsLeft;
    }
    let ours = record.text.as_bytes();
    let mut places = occurrences(bytes, ours);
    if let (Some(at), None) = (places.next(), places.next()) {
        return Standing::Intact(at);
    }
    let Ok(decoded) = Decoded::of(&record.path, bytes, format.any_bytes()) else {
        return Standing::Absent;
    };
    let bytes_of = |spans: Vec<Range<usize>>| {
        spans
            .into_iter()
            .map(|span| decoded.byte(span.start)..decoded.byte(span.end))
            .collect()
    };
    match format.find(&decoded.text, &record.ours) {
        Found::Absent => Standing::Absent,
        Found::Whole(spans) => Standing::Reworded(bytes_of(spans)),
        Found::Partly(spans) => Standing::Altered(bytes_of(spans)),
    }
}

/// Where `needle` stands in `bytes`. Overlaps are found too.
fn occurrences<'a>(bytes: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let first = needle.first().copied();
    bytes
        .iter()
        .enumerate()
        .filter(move |(_, byte)| Some(**byte) == first)
        .map(|(at, _)| at)
        .filter(move |at| bytes[*at..].starts_with(needle))
}

/// What stands at a placement's files.
pub(crate) fn check(format: &dyn Format, placement: &Placement) -> Result<Condition, PlantError> {
    let detail = Detail::of(placement)?;
    let mut conditions = Vec::with_capacity(detail.files.len());
    for record in &detail.files {
        let seen = disk::read(&record.path)?;
        conditions.push(match standing(format, record, seen.as_ref()) {
            Standing::Absent => Condition::Missing,
            Standing::AsLeft => Condition::Present,
            Standing::Intact(_) | Standing::Reworded(_) => Condition::Moved,
            Standing::Altered(_) => Condition::Changed,
        });
    }
    let missing = conditions
        .iter()
        .filter(|c| **c == Condition::Missing)
        .count();
    if missing == conditions.len() {
        let half = detail
            .files
            .iter()
            .any(|record| !orphans(record).is_empty());
        return Ok(if half {
            Condition::HalfPlanted
        } else {
            Condition::Missing
        });
    }
    if missing > 0 || placement.state == PlacementState::Intended {
        return Ok(Condition::HalfPlanted);
    }
    let worst = [Condition::Changed, Condition::Moved]
        .into_iter()
        .find(|condition| conditions.contains(condition));
    Ok(worst.unwrap_or(Condition::Present))
}

/// What a process killed in the moment of writing left beside the file: copies with ours in them, or
/// of the file as it was before or after.
fn orphans(record: &Record) -> Vec<PathBuf> {
    let mut found = disk::leftovers(&record.path);
    found.retain(|path| {
        let Ok(bytes) = bounded::read_file(path, bounded::MAX_FILE) else {
            return false;
        };
        let digest = disk::digest(&bytes);
        digest == record.before
            || digest == record.after
            || occurrences(&bytes, record.text.as_bytes()).next().is_some()
    });
    found
}

/// Takes ours out of every file of a placement. All removals are worked out before the first write.
pub(crate) fn uproot(
    format: &dyn Format,
    placement: &Placement,
    force: bool,
    run: Run,
) -> Result<Diff, PlantError> {
    let detail = Detail::of(placement)?;
    let mut diff = Diff::default();
    let mut removals = Vec::new();
    let mut left = Vec::new();
    for record in &detail.files {
        left.extend(orphans(record));
        if let Some(seen) = disk::read(&record.path)?
            && let Some(cut) = Cut::of(format, record, &seen, force)?
        {
            left.extend(copies(&record.path, &cut.bytes));
            show_removal(format, &seen, &cut.spans, &mut diff);
            removals.push((record, seen, cut));
        }
    }
    if run == Run::Rehearse && !(removals.is_empty() && left.is_empty()) {
        return Ok(diff);
    }
    remove(&left)?;
    if removals.is_empty() && left.is_empty() {
        return Err(PlantError::NotOurs(
            Problem::new(
                &placement.target,
                "nothing of this canary stands there any more",
            )
            .hint("`--force` gives the placement up"),
        ));
    }
    for (record, seen, cut) in removals {
        if record.created && cut.bytes.iter().all(u8::is_ascii_whitespace) {
            seen.remove()?;
        } else {
            seen.replace(&cut.bytes, cut.modified(record, &seen))?;
        }
    }
    Ok(diff)
}

/// Removes what a killed process left beside the files of a placement.
pub(crate) fn sweep(placement: &Placement) -> Result<(), PlantError> {
    let detail = Detail::of(placement)?;
    remove(&detail.files.iter().flat_map(orphans).collect::<Vec<_>>())
}

/// Files with the name of a moment's copy and just these bytes.
fn copies(target: &Path, bytes: &[u8]) -> Vec<PathBuf> {
    let mut found = disk::leftovers(target);
    found
        .retain(|path| bounded::read_file(path, bounded::MAX_FILE).is_ok_and(|held| held == bytes));
    found
}

fn remove(files: &[PathBuf]) -> Result<(), PlantError> {
    for file in files {
        match std::fs::remove_file(file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(PlantError::io(file, "remove", error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// A file without ours.
pub(super) struct Cut {
    /// Where ours stands.
    pub(super) spans: Vec<Range<usize>>,
    /// What is left.
    pub(super) bytes: Vec<u8>,
    /// Whether that is what was there before the planting.
    back: bool,
}

impl Cut {
    /// `None` if nothing of ours is in this file.
    pub(super) fn of(
        format: &dyn Format,
        record: &Record,
        seen: &Seen,
        force: bool,
    ) -> Result<Option<Self>, PlantError> {
        let one = |at: usize| std::iter::once(at..at + record.text.len()).collect();
        let (spans, altered) = match standing(format, record, Some(seen)) {
            Standing::Absent => return Ok(None),
            Standing::AsLeft => (one(record.offset), false),
            Standing::Intact(at) => (one(at), false),
            Standing::Reworded(spans) => (spans, false),
            Standing::Altered(spans) => (spans, true),
        };
        if altered && !force {
            return Err(PlantError::NotOurs(
                Problem::at(&seen.path, "what was planted has been altered")
                    .hint("look at it, then take it out with --force"),
            ));
        }
        let bytes = cut(&seen.bytes, &spans);
        let back = disk::digest(&bytes) == record.before;
        if !back && !altered && !force {
            prove_removal(format, record, &seen.bytes, &bytes)?;
        }
        Ok(Some(Self { spans, bytes, back }))
    }

    /// The time that belongs to what is left.
    pub(super) fn modified(&self, record: &Record, seen: &Seen) -> Option<SystemTime> {
        match record.modified.map(Duration::from_nanos) {
            Some(since) if self.back => SystemTime::UNIX_EPOCH.checked_add(since),
            _ => seen.modified(),
        }
    }
}

fn cut(bytes: &[u8], spans: &[Range<usize>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut from = 0;
    for span in spans {
        out.extend_from_slice(&bytes[from..span.start]);
        from = span.end;
    }
    out.extend_from_slice(&bytes[from..]);
    out
}

/// After the owner's own edits: what stays must be what is there now without ours. A file that the
/// owner has left unreadable is not held against our bytes.
fn prove_removal(
    format: &dyn Format,
    record: &Record,
    now: &[u8],
    then: &[u8],
) -> Result<(), PlantError> {
    let decode = |bytes: &[u8]| Decoded::of(&record.path, bytes, format.any_bytes());
    let (now, then) = (decode(now)?.text, decode(then)?.text);
    let Err(reason) = format.proves(&then, &now, &record.ours) else {
        return Ok(());
    };
    let readable = |text: &str| {
        let file = File {
            path: &record.path,
            text,
        };
        format.drafts(&file, &record.ours).is_ok()
            && !matches!(format.find(text, &record.ours), Found::Absent)
    };
    if !readable(&now) {
        return Ok(());
    }
    Err(PlantError::Unproven(
        Problem::at(
            &record.path,
            format!("taking the bait out would change something else: {reason}"),
        )
        .hint("take it out by hand, or all the same with --force"),
    ))
}

pub(super) fn show_removal(
    format: &dyn Format,
    seen: &Seen,
    spans: &[Range<usize>],
    diff: &mut Diff,
) {
    let Ok(decoded) = Decoded::of(&seen.path, &seen.bytes, format.any_bytes()) else {
        return;
    };
    let path = seen.path.display().to_string();
    diff.file(&path, &path);
    let mask = format.mask(&decoded.text);
    for span in spans {
        let text_offset = |byte: usize| {
            let byte = byte.saturating_sub(decoded.mark);
            if decoded.wide {
                decoded
                    .text
                    .char_indices()
                    .nth(byte)
                    .map_or(decoded.text.len(), |(at, _)| at)
            } else {
                byte
            }
        };
        diff.hunk(&Edit {
            with: &decoded.text,
            ours: text_offset(span.start)..text_offset(span.end),
            change: Change::Goes,
            mask: Some(&mask),
        });
    }
}
