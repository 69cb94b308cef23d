//! Planting in text files, whatever their format: choose names, draft an addition, prove it, write
//! it, find it again, take it out. Formats (in `target/`) know only their own syntax.

use std::collections::HashSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use lapwing_core::{Placement, PlacementState};
use serde::{Deserialize, Serialize};

use crate::bait::{Values, Wish};
use crate::diff::{Change, Diff, Edit};
use crate::disk::{self, Seen};
use crate::error::{PlantError, Problem};
use crate::mask::Mask;
use crate::{Condition, Options, Plan, Work, names};

/// What is added to one file, in that file's own style.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ours {
    /// Keys that lead to the mapping it goes into; empty for the top.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at: Vec<String>,
    /// The section or mapping that is new; `None` if the entries stand by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Names and values.
    pub entries: Vec<(String, String)>,
}

impl Ours {
    /// The names that must not exist or be referred to: the key, else the entries'.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.key.as_deref().map_or_else(
            || self.entries.iter().map(|(name, _)| name.as_str()).collect(),
            |key| vec![key],
        )
    }
}

/// An addition that may do.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub offset: usize,
    pub text: String,
}

/// Where ours is, found by name.
pub(crate) enum Found {
    Absent,
    /// All of it, values as planted.
    Whole(Vec<Range<usize>>),
    /// Some of it, or with other values.
    Partly(Vec<Range<usize>>),
}

/// What goes into one file: templates, before role and style.
#[derive(Clone, Debug)]
pub(crate) struct Sheet {
    pub path: PathBuf,
    pub key: Option<String>,
    pub values: Values,
    /// Whether the file may come into being.
    pub create: bool,
}

/// A text format.
pub(crate) trait Format: Sync {
    /// Its name in `TARGETS`.
    fn name(&self) -> &'static str;
    /// Whether a file of this name (lower case) is of this format.
    fn claims_name(&self, name: &str, path: &Path) -> bool;
    /// Whether a file that begins so is of this format, where the name does not tell.
    fn claims_content(&self, head: &[u8]) -> bool;
    /// Whether bytes that are not UTF-8 may stand in it (comments in old encodings).
    fn any_bytes(&self) -> bool;
    /// What goes where.
    fn sheets(&self, path: &Path, wish: &Wish, options: &Options) -> Result<Vec<Sheet>, PlantError>;
    /// The sheet in the style of the file, once a role. The values of entries are still fields.
    fn style(&self, file: &File<'_>, request: &Request<'_>) -> Result<Vec<Ours>, PlantError>;
    /// Whether a name of ours is there already; the place if so.
    fn taken(&self, text: &str, ours: &Ours) -> Option<String>;
    /// Additions that may do, the most natural first. Errors if the file has not this form.
    fn drafts(&self, file: &File<'_>, ours: &Ours) -> Result<Vec<Draft>, PlantError>;
    /// Reads both with another parser than drafts came from: is `after` = `before` + ours?
    fn proves(&self, before: &str, after: &str, ours: &Ours) -> Result<(), String>;
    /// Finds ours by name.
    fn find(&self, text: &str, ours: &Ours) -> Found;
    /// How its lines are masked.
    fn mask(&self, text: &str) -> Mask;
    /// Whether names are short words (sections), which only count as mentioned in some contexts.
    fn short_names(&self) -> bool {
        false
    }
}

/// A file's text and name.
#[derive(Clone, Copy)]
pub(crate) struct File<'a> {
    pub path: &'a Path,
    pub text: &'a str,
}

/// What is asked of a format for one file.
pub(crate) struct Request<'a> {
    pub wish: &'a Wish,
    pub sheet: &'a Sheet,
    pub roles: &'a [String],
    pub options: &'a Options,
}

impl File<'_> {
    /// The line end most lines have.
    pub(crate) fn eol(&self) -> &'static str {
        let all = self.text.matches('\n').count();
        let windows = self.text.matches("\r\n").count();
        if windows * 2 > all { "\r\n" } else { "\n" }
    }

    /// A syntax problem at a byte offset.
    pub(crate) fn syntax(&self, offset: usize, what: impl Into<String>) -> PlantError {
        let line = self.text[..offset.min(self.text.len())].matches('\n').count() + 1;
        PlantError::Syntax(
            Problem::new(format!("{}:{line}", self.path.display()), what)
                .hint("mend the file, or name its sort if it was taken for another"),
        )
    }
}

/// A file decoded so that its bytes can be had again: without byte order mark, and bytes that are
/// not UTF-8 as the characters of the same number.
struct Decoded {
    text: String,
    mark: usize,
    wide: bool,
}

impl Decoded {
    fn of(path: &Path, bytes: &[u8], any_bytes: bool) -> Result<Self, PlantError> {
        let refuse = |what: &str| {
            PlantError::Target(Problem::at(path, what).hint("convert it to UTF-8 first"))
        };
        if bytes.contains(&0) {
            return Err(refuse("is not text (it holds zero bytes, as UTF-16 and binaries do)"));
        }
        let body = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mark = bytes.len() - body.len();
        match std::str::from_utf8(body) {
            Ok(text) => Ok(Self {
                text: text.to_owned(),
                mark,
                wide: false,
            }),
            Err(_) if any_bytes => Ok(Self {
                text: body.iter().map(|byte| char::from(*byte)).collect(),
                mark,
                wide: true,
            }),
            Err(_) => Err(refuse("is not UTF-8")),
        }
    }

    /// The offset in the file's bytes of an offset in the text.
    fn byte(&self, offset: usize) -> usize {
        let within = if self.wide {
            self.text[..offset].chars().count()
        } else {
            offset
        };
        within + self.mark
    }
}

/// What a placement remembers of one file. Our bytes and digests, nothing of the owner's.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Record {
    path: PathBuf,
    offset: usize,
    text: String,
    ours: Ours,
    before: String,
    after: String,
    #[serde(default)]
    created: bool,
    /// When the file was last written before, nanoseconds since the Unix epoch.
    #[serde(default)]
    modified: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct Detail {
    files: Vec<Record>,
}

impl Detail {
    fn of(placement: &Placement) -> Result<Self, PlantError> {
        serde_json::from_value(placement.detail.clone()).map_err(|error| {
            PlantError::Record(
                Problem::new(
                    &placement.target,
                    format!("the record of this placement cannot be read: {error}"),
                )
                .hint("restore the ledger from a backup"),
            )
        })
    }
}

/// Plans an addition to the file at `path` (and siblings, where the format says so).
pub(crate) fn plan(
    format: &'static dyn Format,
    path: &Path,
    wish: &Wish,
    options: &Options,
) -> Result<Plan, PlantError> {
    let sheets = format.sheets(path, wish, options)?;
    let mut files = Vec::with_capacity(sheets.len());
    for sheet in sheets {
        files.push(Open::new(format, sheet)?);
    }
    let styled = choose_role(format, &files, path, wish, options)?;
    let mut diff = Diff::default();
    let mut notes = Vec::new();
    let mut edits = Vec::with_capacity(files.len());
    for (open, ours) in files.into_iter().zip(styled) {
        let draft = open.prove_one(format, &ours)?;
        open.show(format, &draft, options.show, &mut diff);
        if open.seen.is_none() {
            notes.push(format!("{} does not exist and will be created", open.sheet.path.display()));
        }
        edits.push(open.edit(&draft, ours));
    }
    let records: Vec<Record> = edits.iter().map(|edit| edit.record.clone()).collect();
    let first = records.first().expect("every format gives a sheet");
    let (before, after) = (first.before.clone(), first.after.clone());
    let detail = serde_json::to_value(Detail { files: records }).expect("strings and numbers");
    let mut placement = wish.intend(&path.display().to_string(), format.name(), detail);
    placement.before = before;
    placement.after = after;
    Ok(Plan {
        placement,
        diff,
        notes,
        work: Box::new(Edits(edits)),
    })
}

/// A file that is about to be edited.
struct Open {
    sheet: Sheet,
    seen: Option<Seen>,
    decoded: Decoded,
}

impl Open {
    fn new(format: &dyn Format, sheet: Sheet) -> Result<Self, PlantError> {
        let seen = disk::read(&sheet.path)?;
        match &seen {
            Some(seen) => seen.replaceable()?,
            None if sheet.create => {}
            None => {
                return Err(PlantError::Target(
                    Problem::at(&sheet.path, "does not exist")
                        .hint("bait goes into files that are in use; name one of those"),
                ));
            }
        }
        let bytes = seen.as_ref().map_or(&[][..], |seen| &seen.bytes);
        let decoded = Decoded::of(&sheet.path, bytes, format.any_bytes())?;
        Ok(Self {
            sheet,
            seen,
            decoded,
        })
    }

    fn file(&self) -> File<'_> {
        File {
            path: &self.sheet.path,
            text: &self.decoded.text,
        }
    }

    /// The first draft that another parser finds to change nothing else.
    fn prove_one(&self, format: &dyn Format, ours: &Ours) -> Result<Draft, PlantError> {
        let before = self.file().text;
        let mut why = "the format offers no place for it".to_owned();
        for draft in format.drafts(&self.file(), ours)? {
            let after = insert(before, &draft);
            match format.proves(before, &after, ours) {
                Ok(()) => return Ok(draft),
                Err(reason) => why = reason,
            }
        }
        Err(PlantError::Unproven(
            Problem::at(
                &self.sheet.path,
                format!("no edit could be proven to add the bait and change nothing else: {why}"),
            )
            .hint("nothing was written; try another --key, or another file"),
        ))
    }

    fn show(&self, format: &dyn Format, draft: &Draft, show: bool, diff: &mut Diff) {
        let after = insert(&self.decoded.text, draft);
        let path = self.sheet.path.display().to_string();
        let before = if self.seen.is_some() { path.as_str() } else { "/dev/null" };
        diff.file(before, &path);
        let mask = format.mask(&after);
        diff.hunk(&Edit {
            with: &after,
            ours: draft.offset..draft.offset + draft.text.len(),
            change: Change::Comes,
            mask: (!show).then_some(&mask),
        });
    }

    fn edit(self, draft: &Draft, ours: Ours) -> FileEdit {
        let old = self.seen.as_ref().map_or(&[][..], |seen| &seen.bytes);
        let offset = self.decoded.byte(draft.offset);
        let mut bytes = Vec::with_capacity(old.len() + draft.text.len());
        bytes.extend_from_slice(&old[..offset]);
        bytes.extend_from_slice(draft.text.as_bytes());
        bytes.extend_from_slice(&old[offset..]);
        let record = Record {
            path: self.sheet.path,
            offset,
            text: draft.text.clone(),
            ours,
            before: disk::digest(old),
            after: disk::digest(&bytes),
            created: self.seen.is_none(),
            modified: self.seen.as_ref().and_then(Seen::modified).and_then(nanoseconds),
        };
        FileEdit {
            record,
            seen: self.seen,
            bytes,
        }
    }
}

fn insert(text: &str, draft: &Draft) -> String {
    let (head, tail) = text.split_at(draft.offset);
    [head, &draft.text, tail].concat()
}

fn nanoseconds(time: SystemTime) -> Option<u64> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    u64::try_from(since.as_nanos()).ok()
}

/// How many free names are looked for in the tree around.
const CANDIDATES: usize = 8;

/// Styles every file's sheet for the first role that collides with nothing.
fn choose_role(
    format: &dyn Format,
    files: &[Open],
    target: &Path,
    wish: &Wish,
    options: &Options,
) -> Result<Vec<Ours>, PlantError> {
    let roles = names::roles(&wish.roles, options.role.as_deref());
    let mut styled = Vec::with_capacity(files.len());
    for open in files {
        let request = Request {
            wish,
            sheet: &open.sheet,
            roles: &roles,
            options,
        };
        styled.push(format.style(&open.file(), &request)?.into_iter());
    }
    let mut candidates = Vec::new();
    let mut refusal = None;
    while let Some(ours) = styled.iter_mut().map(Iterator::next).collect::<Option<Vec<_>>>() {
        match settle(format, files, wish, options, ours) {
            Ok(ours) => candidates.push(ours),
            Err(error @ (PlantError::Exists(_) | PlantError::Refused(_))) => {
                refusal.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
        if candidates.len() == CANDIDATES {
            break;
        }
    }
    unmentioned(format, target, candidates, options).ok_or_else(|| {
        refusal.unwrap_or_else(|| {
            PlantError::Refused(
                Problem::at(target, "files around it refer to every name that was tried")
                    .hint("choose another --role, or allow it with --danger-default"),
            )
        })
    })
}

/// The first candidate whose names nothing in the tree around refers to.
fn unmentioned(
    format: &dyn Format,
    target: &Path,
    candidates: Vec<Vec<Ours>>,
    options: &Options,
) -> Option<Vec<Ours>> {
    if options.danger_default {
        return candidates.into_iter().next();
    }
    let bare = |name: &str| name.strip_prefix("profile ").unwrap_or(name).to_owned();
    let all: HashSet<String> = candidates
        .iter()
        .flatten()
        .flat_map(Ours::names)
        .map(bare)
        .collect();
    let mentioned = names::mentioned(target, &all, format.short_names());
    candidates.into_iter().find(|files| {
        files
            .iter()
            .flat_map(Ours::names)
            .all(|name| !mentioned.contains(&bare(name)))
    })
}

/// Puts values in the place of fields and refuses names that cannot be used.
fn settle(
    format: &dyn Format,
    files: &[Open],
    wish: &Wish,
    options: &Options,
    mut all: Vec<Ours>,
) -> Result<Vec<Ours>, PlantError> {
    let mut planted = Vec::new();
    for (open, ours) in files.iter().zip(&mut all) {
        ours.entries.retain(|(_, field)| wish.fields.contains_key(field));
        for (_, field) in &mut ours.entries {
            let value = wish.fields[field.as_str()].clone();
            planted.push(std::mem::replace(field, value));
        }
        refuse_name(format, open, wish, options, ours)?;
    }
    if planted.is_empty() || !wish.recognisable(planted.iter().map(String::as_str)) {
        return Err(shapeless(wish, format.name(), &files[0].sheet.path));
    }
    Ok(all)
}

fn refuse_name(
    format: &dyn Format,
    open: &Open,
    wish: &Wish,
    options: &Options,
    ours: &Ours,
) -> Result<(), PlantError> {
    if let Some(name) = format.taken(&open.decoded.text, ours) {
        return Err(PlantError::Exists(
            Problem::at(&open.sheet.path, format!("{name} is there already"))
                .hint("choose another --role or --key"),
        ));
    }
    let default = ours
        .names()
        .into_iter()
        .find(|name| names::is_default(name, &wish.defaults));
    match default {
        Some(name) if !options.danger_default => Err(PlantError::Refused(
            Problem::at(
                &open.sheet.path,
                format!("{name} is a name that programs read by default: one of yours could use the bait"),
            )
            .hint("choose another --role or --key, or allow it with --danger-default"),
        )),
        _ => Ok(()),
    }
}

/// The error for a kind without a shape for a sort of target.
pub(crate) fn shapeless(wish: &Wish, target_kind: &str, path: &Path) -> PlantError {
    PlantError::Shape(
        Problem::at(
            path,
            format!("{} has no form for a target of the sort {target_kind}", wish.kind),
        )
        .hint(format!("it can be planted in: {}", wish.shapes())),
    )
}

struct FileEdit {
    record: Record,
    seen: Option<Seen>,
    bytes: Vec<u8>,
}

struct Edits(Vec<FileEdit>);

impl Work for Edits {
    fn write(&self, _placement: &mut Placement) -> Result<(), PlantError> {
        for (at, edit) in self.0.iter().enumerate() {
            if let Err(error) = edit.write(self.neighbour()) {
                for done in &self.0[..at] {
                    // What was written before the failure goes again; if that fails as well, the
                    // placement is half-planted and `check` says so.
                    let _ = done.undo();
                }
                return Err(error);
            }
        }
        Ok(())
    }
}

impl Edits {
    /// A file of the owner's that a new one is made like.
    fn neighbour(&self) -> Option<&Path> {
        self.0.iter().find_map(|edit| Some(edit.seen.as_ref()?.path.as_path()))
    }
}

impl FileEdit {
    fn write(&self, neighbour: Option<&Path>) -> Result<(), PlantError> {
        match (&self.seen, neighbour) {
            (Some(seen), _) => seen.replace(&self.bytes, disk::plausible_time(seen))?,
            (None, Some(like)) => disk::create(&self.record.path, &self.bytes, like)?,
            (None, None) => unreachable!("the target itself always exists"),
        }
        let now = disk::read(&self.record.path)?;
        if now.is_some_and(|now| now.bytes == self.bytes) {
            return Ok(());
        }
        Err(PlantError::Raced(
            Problem::at(&self.record.path, "does not hold what was just written")
                .hint("another program wrote to it at the same moment; look at it and try again"),
        ))
    }

    fn undo(&self) -> Result<(), PlantError> {
        let Some(now) = disk::read(&self.record.path)? else {
            return Ok(());
        };
        match &self.seen {
            Some(seen) => now.replace(&seen.bytes, seen.modified()),
            None => now.remove(),
        }
    }
}

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
pub(crate) fn check(
    format: &dyn Format,
    placement: &Placement,
) -> Result<Condition, PlantError> {
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
    let missing = conditions.iter().filter(|c| **c == Condition::Missing).count();
    if missing == conditions.len() {
        return Ok(Condition::Missing);
    }
    if missing > 0 || placement.state == PlacementState::Intended {
        return Ok(Condition::HalfPlanted);
    }
    let worst = [Condition::Changed, Condition::Moved]
        .into_iter()
        .find(|condition| conditions.contains(condition));
    Ok(worst.unwrap_or(Condition::Present))
}

/// Takes ours out of every file of a placement. All removals are worked out before the first write.
pub(crate) fn uproot(
    format: &dyn Format,
    placement: &Placement,
    force: bool,
) -> Result<Diff, PlantError> {
    let detail = Detail::of(placement)?;
    let mut diff = Diff::default();
    let mut removals = Vec::new();
    for record in &detail.files {
        if let Some(seen) = disk::read(&record.path)? {
            removals.extend(Removal::of(format, record, seen, force, &mut diff)?);
        }
    }
    if removals.is_empty() {
        return Err(PlantError::NotOurs(
            Problem::new(&placement.target, "nothing of this canary stands there any more")
                .hint("the placement can be given up"),
        ));
    }
    for removal in removals {
        removal.write()?;
    }
    Ok(diff)
}

struct Removal {
    seen: Seen,
    bytes: Vec<u8>,
    time: Option<SystemTime>,
    whole_file: bool,
}

impl Removal {
    /// `None` if nothing of ours is in this file.
    fn of(
        format: &dyn Format,
        record: &Record,
        seen: Seen,
        force: bool,
        diff: &mut Diff,
    ) -> Result<Option<Self>, PlantError> {
        let one = |at: usize| vec![at..at + record.text.len()];
        let (spans, altered) = match standing(format, record, Some(&seen)) {
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
        if !back && !altered {
            prove_removal(format, record, &seen.bytes, &bytes)?;
        }
        show_removal(format, &seen, &spans, diff);
        let modified = record.modified.map(Duration::from_nanos);
        let time = match modified {
            Some(since) if back => SystemTime::UNIX_EPOCH.checked_add(since),
            _ => seen.modified(),
        };
        Ok(Some(Self {
            whole_file: record.created && bytes.iter().all(u8::is_ascii_whitespace),
            seen,
            bytes,
            time,
        }))
    }

    fn write(&self) -> Result<(), PlantError> {
        if self.whole_file {
            return self.seen.remove();
        }
        self.seen.replace(&self.bytes, self.time)
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
        format.drafts(&file, &record.ours).is_ok() && !matches!(format.find(text, &record.ours), Found::Absent)
    };
    if !readable(&now) {
        return Ok(());
    }
    Err(PlantError::Unproven(
        Problem::at(
            &record.path,
            format!("taking the bait out would change something else: {reason}"),
        )
        .hint("take it out by hand; `check` says when it is gone"),
    ))
}

fn show_removal(format: &dyn Format, seen: &Seen, spans: &[Range<usize>], diff: &mut Diff) {
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
                decoded.text.char_indices().nth(byte).map_or(decoded.text.len(), |(at, _)| at)
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
