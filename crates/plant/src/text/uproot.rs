//! Finding what was planted, by its bytes or by its names, and taking exactly that out.

use std::cell::OnceCell;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use lapwing_core::{Placement, PlacementState, bounded};

use super::{Addition, Decoded, Detail, File, Format, Found, Record, show};
use crate::diff::{Change, Diff};
use crate::disk::{self, Seen};
use crate::error::{PlantError, Problem};
use crate::{Condition, Run};

/// Where one run of ours is.
enum Standing {
    Absent,
    /// Its bytes are where they were left, and so is the rest of the file.
    AsLeft(Range<usize>),
    /// Its bytes are there once; the rest has changed.
    Intact(Range<usize>),
    /// Its names and values are there, in other bytes.
    Reworded(Vec<Range<usize>>),
    /// Its names are there with other values, or some only, or more than once.
    Altered(Vec<Range<usize>>),
}

/// A run of ours and where it stands.
type Stood<'a> = (&'a Addition, Vec<Range<usize>>);

/// Where every run of a file is.
fn standing(format: &dyn Format, record: &Record, seen: Option<&Seen>) -> Vec<Standing> {
    let Some(seen) = seen else {
        return record.runs().map(|_| Standing::Absent).collect();
    };
    if disk::digest(&seen.bytes) == record.after {
        let left = record.runs().map(|run| Standing::AsLeft(run.span()));
        return left.collect();
    }
    let decoded = OnceCell::new();
    let decode = || Decoded::of(&record.path, &seen.bytes, format.any_bytes()).ok();
    record
        .runs()
        .map(|run| {
            let mut places = occurrences(&seen.bytes, run.text.as_bytes());
            if let (Some(at), None) = (places.next(), places.next()) {
                return Standing::Intact(at..at + run.text.len());
            }
            match decoded.get_or_init(decode) {
                Some(decoded) => by_name(format, decoded, run),
                None => Standing::Absent,
            }
        })
        .collect()
}

fn by_name(format: &dyn Format, decoded: &Decoded, run: &Addition) -> Standing {
    let bytes_of = |spans: Vec<Range<usize>>| {
        spans
            .into_iter()
            .map(|span| decoded.byte(span.start)..decoded.byte(span.end))
            .collect()
    };
    match format.find(&decoded.text, &run.ours) {
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
        let runs = standing(format, record, seen.as_ref());
        conditions.extend(runs.into_iter().map(|run| match run {
            Standing::Absent => Condition::Missing,
            Standing::AsLeft(_) => Condition::Present,
            Standing::Intact(_) | Standing::Reworded(_) => Condition::Moved,
            Standing::Altered(_) => Condition::Changed,
        }));
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
            || record
                .runs()
                .any(|run| occurrences(&bytes, run.text.as_bytes()).next().is_some())
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
            show_removal(format, &seen, &cut, &mut diff);
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
    /// Where ours stands, in order.
    spans: Vec<Range<usize>>,
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
        let mut altered = false;
        let mut found: Vec<Stood<'_>> = Vec::new();
        for (run, standing) in record.runs().zip(standing(format, record, Some(seen))) {
            let spans = match standing {
                Standing::Absent => continue,
                Standing::AsLeft(span) | Standing::Intact(span) => vec![span],
                Standing::Reworded(spans) => spans,
                Standing::Altered(spans) => {
                    altered = true;
                    spans
                }
            };
            found.push((run, spans));
        }
        if found.is_empty() {
            return Ok(None);
        }
        if altered && !force {
            return Err(PlantError::NotOurs(
                Problem::at(&seen.path, "what was planted has been altered")
                    .hint("look at it, then take it out with --force"),
            ));
        }
        let mut bytes = cut(&seen.bytes, &found);
        let back = disk::digest(&bytes) == record.before;
        if !back
            && !altered
            && let Err(error) = prove_removal(format, record, &seen.bytes, &found)
        {
            // What parts it from something that was added beside it goes with it.
            match named(format, record, &seen.bytes, &found) {
                Some(named) => {
                    found = named;
                    bytes = cut(&seen.bytes, &found);
                }
                None if force => {}
                None => return Err(error),
            }
        }
        if force {
            gone(format, record, &bytes, &found)?;
        }
        Ok(Some(Self {
            spans: spans(&found),
            bytes,
            back,
        }))
    }

    /// The time that belongs to what is left.
    pub(super) fn modified(&self, record: &Record, seen: &Seen) -> Option<SystemTime> {
        match record.modified.map(Duration::from_nanos) {
            Some(since) if self.back => SystemTime::UNIX_EPOCH.checked_add(since),
            _ => seen.modified(),
        }
    }
}

/// All spans in order, those that overlap joined.
fn spans(found: &[Stood<'_>]) -> Vec<Range<usize>> {
    let mut all: Vec<Range<usize>> = found.iter().flat_map(|(_, spans)| spans).cloned().collect();
    all.sort_by_key(|span| span.start);
    let mut out: Vec<Range<usize>> = Vec::with_capacity(all.len());
    for span in all {
        match out.last_mut().filter(|last| span.start < last.end) {
            Some(last) => last.end = last.end.max(span.end),
            None => out.push(span),
        }
    }
    out
}

fn cut(bytes: &[u8], found: &[Stood<'_>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut from = 0;
    for span in spans(found) {
        out.extend_from_slice(&bytes[from..span.start]);
        from = span.end;
    }
    out.extend_from_slice(&bytes[from..]);
    out
}

/// The same runs where their names say that they are, if taking those out is proven.
fn named<'a>(
    format: &dyn Format,
    record: &Record,
    now: &[u8],
    found: &[Stood<'a>],
) -> Option<Vec<Stood<'a>>> {
    let decoded = Decoded::of(&record.path, now, format.any_bytes()).ok()?;
    let by_name = |run: &'a Addition| match by_name(format, &decoded, run) {
        Standing::Reworded(spans) => Some((run, spans)),
        _ => None,
    };
    let named: Vec<_> = found
        .iter()
        .map(|(run, _)| by_name(run))
        .collect::<Option<_>>()?;
    prove_removal(format, record, now, &named).ok()?;
    Some(named)
}

/// What is taken out by force is no longer there.
fn gone(
    format: &dyn Format,
    record: &Record,
    left: &[u8],
    found: &[Stood<'_>],
) -> Result<(), PlantError> {
    let Ok(decoded) = Decoded::of(&record.path, left, format.any_bytes()) else {
        return Ok(());
    };
    let stands = |run: &Addition| matches!(format.find(&decoded.text, &run.ours), Found::Whole(_));
    if found.iter().any(|(run, _)| stands(run)) {
        return Err(PlantError::NotOurs(
            Problem::at(
                &record.path,
                "what was planted cannot be told from what stands around it",
            )
            .hint("take it out by hand; `lapwing uproot --force` then gives the placement up"),
        ));
    }
    Ok(())
}

/// After the owner's own edits: what stays must be what is there now without ours, one run after the
/// other. A file that the owner has left unreadable is not held against our bytes.
fn prove_removal(
    format: &dyn Format,
    record: &Record,
    now: &[u8],
    found: &[Stood<'_>],
) -> Result<(), PlantError> {
    let decode = |bytes: &[u8]| Decoded::of(&record.path, bytes, format.any_bytes());
    let mut then = decode(&cut(now, found))?.text;
    for (at, (run, _)) in found.iter().enumerate() {
        let with = decode(&cut(now, &found[at + 1..]))?.text;
        if let Err(reason) = format.proves(&then, &with, &run.ours) {
            let file = File {
                path: &record.path,
                text: &with,
            };
            let readable = format.drafts(&file, &run.ours).is_ok()
                && !matches!(format.find(&with, &run.ours), Found::Absent);
            if !readable {
                return Ok(());
            }
            return Err(PlantError::Unproven(
                Problem::at(
                    &record.path,
                    format!("taking the bait out would change something else: {reason}"),
                )
                .hint("take it out by hand, or all the same with --force"),
            ));
        }
        then = with;
    }
    Ok(())
}

/// Adds what goes from a file to a diff.
pub(super) fn show_removal(format: &dyn Format, seen: &Seen, cut: &Cut, diff: &mut Diff) {
    let Ok(decoded) = Decoded::of(&seen.path, &seen.bytes, format.any_bytes()) else {
        return;
    };
    let path = seen.path.display().to_string();
    diff.file(&path, &path);
    show(
        format,
        &decoded,
        cut.spans.clone(),
        Change::Goes,
        true,
        diff,
    );
}
