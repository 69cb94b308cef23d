//! From a wish to a proven edit: names, additions, proof, and the writing of it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use lapwing_core::Placement;

use super::uproot::{Cut, show_removal};
use super::{
    Addition, Decoded, Detail, Draft, File, Format, LITERAL, Ours, Record, Request, Sheet, show,
};
use crate::bait::Wish;
use crate::diff::{Change, Diff};
use crate::disk::{self, Seen};
use crate::error::{PlantError, Problem};
use crate::{Options, Plan, Work, names};

/// Plans an addition to the file at `path` (and siblings, where the format says so).
pub(crate) fn plan(
    format: &'static dyn Format,
    path: &Path,
    wish: &Wish,
    options: &Options,
) -> Result<Plan, PlantError> {
    let sheets = format.sheets(path, wish, options)?;
    let mut priors = priors(format, &sheets, options)?;
    let supersedes = !priors.is_empty();
    let made = made(options);
    let mut files: Vec<Open> = Vec::new();
    for sheet in sheets {
        if let Some(file) = files.last_mut().filter(|file| file.path == sheet.path) {
            file.sheets.push(sheet);
            continue;
        }
        let made = made.contains(&sheet.path);
        files.push(Open::new(format, sheet, priors.pop(), made)?);
    }
    let mut styled = choose_role(format, &files, path, wish, options)?.into_iter();
    let mut diff = Diff::default();
    let mut notes = Vec::new();
    let mut edits = Vec::with_capacity(files.len());
    for open in files {
        if open.seen.is_none() {
            let path = open.path.display();
            notes.push(format!("{path} does not exist and will be created"));
        }
        let ours = styled.by_ref().take(open.sheets.len()).collect();
        edits.push(open.edit(format, ours, options.show, &mut diff)?);
    }
    let records: Vec<Record> = edits.iter().map(|edit| edit.record.clone()).collect();
    let first = records.first().expect("every format gives a sheet");
    let (before, after) = (first.before.clone(), first.after.clone());
    let detail = serde_json::to_value(Detail { files: records }).expect("strings and numbers");
    let mut placement = wish.intend(&path.display().to_string(), format.name(), detail);
    placement.before = before;
    placement.after = after;
    placement.supersedes = supersedes;
    Ok(Plan {
        placement,
        diff,
        notes,
        refined: std::collections::BTreeMap::new(),
        files: edits.iter().map(|edit| edit.record.path.clone()).collect(),
        work: Box::new(Edits(edits)),
    })
}

/// The records of a placement whose place the new one takes: one, or none if the two are not in the
/// same file. Two files are not written in one step: there both stand for a moment, by other names.
fn priors(
    format: &dyn Format,
    sheets: &[Sheet],
    options: &Options,
) -> Result<Vec<Record>, PlantError> {
    let Some(old) = &options.replaces else {
        return Ok(Vec::new());
    };
    if old.target_kind != format.name() {
        return Ok(Vec::new());
    }
    let records = Detail::of(old)?.files;
    let ours = |record: &Record| sheets.iter().all(|sheet| sheet.path == record.path);
    let same = records.len() == 1 && records.iter().all(ours);
    Ok(if same { records } else { Vec::new() })
}

/// Files that came into being for the placement whose place is taken. They go with the last of ours.
fn made(options: &Options) -> HashSet<PathBuf> {
    // Of other targets than files the record has another form.
    let detail = options
        .replaces
        .as_ref()
        .and_then(|old| Detail::of(old).ok());
    let files = detail.into_iter().flat_map(|detail| detail.files);
    let made = files.filter(|record| record.created);
    made.map(|record| record.path).collect()
}

/// A file that is about to be edited, and what goes into it, one run a sheet.
struct Open {
    path: PathBuf,
    sheets: Vec<Sheet>,
    seen: Option<Seen>,
    /// Whether it is there for our sake alone.
    made: bool,
    /// What goes from it by the same edit.
    prior: Option<(Record, Option<Cut>)>,
    decoded: Decoded,
}

impl Open {
    fn new(
        format: &dyn Format,
        sheet: Sheet,
        prior: Option<Record>,
        made: bool,
    ) -> Result<Self, PlantError> {
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
        let prior = match (prior, &seen) {
            (Some(record), Some(seen)) => {
                let cut = Cut::of(format, &record, seen, false)?;
                Some((record, cut))
            }
            _ => None,
        };
        let decoded = Decoded::of(&sheet.path, base(&seen, &prior), format.any_bytes())?;
        refuse_sealed(&sheet.path, &decoded.text)?;
        Ok(Self {
            path: sheet.path.clone(),
            sheets: vec![sheet],
            made: made || seen.is_none(),
            seen,
            prior,
            decoded,
        })
    }

    fn file(&self) -> File<'_> {
        File {
            path: &self.path,
            text: &self.decoded.text,
        }
    }

    /// Adds one run after the other, each proven by itself to change nothing else: so do all of them.
    fn edit(
        self,
        format: &dyn Format,
        ours: Vec<Ours>,
        unmasked: bool,
        diff: &mut Diff,
    ) -> Result<FileEdit, PlantError> {
        let old = base(&self.seen, &self.prior);
        let mut bytes = old.to_vec();
        let mut decoded = self.decoded;
        let mut runs: Vec<Addition> = Vec::with_capacity(ours.len());
        for ours in ours {
            let draft = prove_one(format, &self.path, &decoded, &runs, &ours)?;
            let offset = decoded.byte(draft.offset);
            bytes.splice(offset..offset, draft.text.bytes());
            decoded = Decoded::of(&self.path, &bytes, format.any_bytes())?;
            for earlier in runs.iter_mut().filter(|run| run.offset >= offset) {
                earlier.offset += draft.text.len();
            }
            runs.push(Addition {
                offset,
                text: draft.text,
                ours,
            });
        }
        let path = self.path.display().to_string();
        match (&self.seen, &self.prior) {
            (Some(seen), Some((_, Some(cut)))) => show_removal(format, seen, cut, diff),
            (Some(_), _) => diff.file(&path, &path),
            (None, _) => diff.file("/dev/null", &path),
        }
        let spans = runs.iter().map(Addition::span).collect();
        show(format, &decoded, spans, Change::Comes, !unmasked, diff);
        let modified = match (&self.seen, &self.prior) {
            (Some(seen), Some((record, Some(cut)))) => cut.modified(record, seen),
            (seen, _) => seen.as_ref().and_then(Seen::modified),
        };
        let mut runs = runs.into_iter();
        let record = Record {
            path: self.path,
            run: runs.next().expect("every file has a sheet"),
            more: runs.collect(),
            before: disk::digest(old),
            after: disk::digest(&bytes),
            created: self.made,
            modified: modified.and_then(nanoseconds),
            mode: self.seen.as_ref().map(Seen::mode),
        };
        Ok(FileEdit {
            record,
            seen: self.seen,
            bytes,
        })
    }
}

/// Refuses what is encrypted as a whole or value by value: whoever decrypts it would find ours to be a fault.
fn refuse_sealed(path: &Path, text: &str) -> Result<(), PlantError> {
    let by = if text.starts_with("$ANSIBLE_VAULT;") {
        "Ansible Vault"
    } else if text.contains("RCLONE_ENCRYPT_V0:") {
        "rclone"
    } else if text.contains("ENC[AES256_GCM,") && text.contains("sops") {
        "sops"
    } else {
        return Ok(());
    };
    Err(PlantError::Refused(
        Problem::at(path, format!("is encrypted by {by}")).hint(
            "plant in the decrypted file and encrypt it again; it cannot be checked or uprooted while it is encrypted",
        ),
    ))
}

/// The first draft that another parser finds to change nothing else, and that parts no run of ours.
fn prove_one(
    format: &dyn Format,
    path: &Path,
    decoded: &Decoded,
    runs: &[Addition],
    ours: &Ours,
) -> Result<Draft, PlantError> {
    let before = &decoded.text;
    let mut why = "the format offers no place for it".to_owned();
    for draft in format.drafts(&File { path, text: before }, ours)? {
        let offset = decoded.byte(draft.offset);
        if runs
            .iter()
            .any(|run| run.offset < offset && offset < run.span().end)
        {
            continue;
        }
        match format.proves(before, &insert(before, &draft), ours) {
            Ok(()) => return Ok(draft),
            Err(reason) => why = reason,
        }
    }
    Err(PlantError::Unproven(
        Problem::at(
            path,
            format!("no edit could be proven to add the bait and change nothing else: {why}"),
        )
        .hint("nothing was written; try another --key, or another file"),
    ))
}

/// What ours is added to: the file as it is, without what goes.
fn base<'a>(seen: &'a Option<Seen>, prior: &'a Option<(Record, Option<Cut>)>) -> &'a [u8] {
    match prior {
        Some((_, Some(cut))) => &cut.bytes,
        _ => seen.as_ref().map_or(&[][..], |seen| &seen.bytes),
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

/// How many free names are looked for in the tree around at once.
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
    let rows_of = |roles: &[String]| rows(format, files, wish, options, roles);
    // What takes another's place keeps its names: nothing around refers to them but to the bait.
    if files.iter().any(|open| open.prior.is_some()) {
        let kept = rows_of(&roles)?
            .into_iter()
            .find(|row| keeps_names(files, row));
        if let Some(Ok(kept)) = kept.map(|row| settle(format, files, wish, options, row)) {
            return Ok(kept);
        }
    }
    let mut refusal = None;
    // Most often the first few names do; styling them all would cost the whole file for each.
    for roles in roles.chunks(2 * CANDIDATES) {
        for rows in rows_of(roles)?.chunks(CANDIDATES) {
            let mut candidates = Vec::new();
            for row in rows {
                match settle(format, files, wish, options, row.clone()) {
                    Ok(ours) => candidates.push(ours),
                    Err(error @ (PlantError::Exists(_) | PlantError::Refused(_))) => {
                        refusal.get_or_insert(error);
                    }
                    Err(error) => return Err(error),
                }
            }
            if let Some(found) = unmentioned(format, target, candidates, options) {
                return Ok(found);
            }
        }
    }
    Err(refusal.unwrap_or_else(|| {
        PlantError::Refused(
            Problem::at(target, "files around it refer to every name that was tried")
                .hint("choose another --role, or allow it with --danger-default"),
        )
    }))
}

/// Ours by each of the roles in turn, one for each sheet.
fn rows(
    format: &dyn Format,
    files: &[Open],
    wish: &Wish,
    options: &Options,
    roles: &[String],
) -> Result<Vec<Vec<Ours>>, PlantError> {
    let mut styled = Vec::new();
    for open in files {
        for sheet in &open.sheets {
            let request = Request {
                wish,
                sheet,
                roles,
                options,
            };
            styled.push(format.style(&open.file(), &request)?.into_iter());
        }
    }
    let row = || styled.iter_mut().map(Iterator::next).collect();
    Ok(std::iter::from_fn(row).collect())
}

/// Whether these are the names of the placement whose place is taken.
fn keeps_names(files: &[Open], row: &[Ours]) -> bool {
    let priors = files.iter().flat_map(|open| &open.prior);
    let before = priors.flat_map(|(record, _)| record.runs());
    before
        .map(|run| run.ours.names())
        .eq(row.iter().map(Ours::names))
}

/// The first candidate whose names nothing in the tree around refers to.
fn unmentioned(
    format: &dyn Format,
    target: &Path,
    candidates: Vec<Vec<Ours>>,
    options: &Options,
) -> Option<Vec<Ours>> {
    if options.danger_default || candidates.is_empty() {
        return candidates.into_iter().next();
    }
    let bare = |name: &str| name.strip_prefix("profile ").unwrap_or(name).to_owned();
    let all: HashSet<String> = candidates
        .iter()
        .flatten()
        .flat_map(Ours::names)
        .map(bare)
        .collect();
    let kept = options.surroundings.as_ref();
    let mentioned = names::mentioned(target, &all, format.short_names(), kept);
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
    let mut named = Vec::new();
    let opens = files
        .iter()
        .flat_map(|open| std::iter::repeat_n(open, open.sheets.len()));
    for (open, ours) in opens.zip(&mut all) {
        ours.entries
            .retain(|(_, value)| value.starts_with(LITERAL) || wish.fields.contains_key(value));
        for (_, value) in &mut ours.entries {
            *value = match value.strip_prefix(LITERAL) {
                Some(literal) => literal.to_owned(),
                None => wish.fields[value.as_str()].clone(),
            };
            planted.push(value.clone());
        }
        named.extend(ours.names().into_iter().map(str::to_owned));
        refuse_name(format, open, wish, options, ours)?;
    }
    if planted.is_empty() || !wish.shows(planted.iter().chain(&named).map(String::as_str)) {
        return Err(shapeless(wish, format.name(), &files[0].path));
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
            Problem::at(&open.path, format!("{name} is there already"))
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
                &open.path,
                format!("{name} is a name that programs read by default: one of yours could use the bait"),
            )
            .hint("choose another --role or --key, or allow it with --danger-default"),
        )),
        _ => Ok(()),
    }
}

/// The error for a kind without a shape for a sort of target, or for this file of that sort.
pub(crate) fn shapeless(wish: &Wish, target_kind: &str, path: &Path) -> PlantError {
    let (kind, mut shapes) = (&wish.kind, wish.shapes());
    let others = shapes.contains(&target_kind);
    shapes.retain(|shape| *shape != target_kind);
    let mut hint = format!("it can be planted in: {}", shapes.join(", "));
    if !others {
        let what = format!("{kind} has no form for a target of the sort {target_kind}");
        return PlantError::Shape(Problem::at(path, what).hint(hint));
    }
    let what =
        format!("{kind} has a form for files of the sort {target_kind}, but none for this one");
    let apart = wish.ini.iter().filter(|section| wish.is_apart(section));
    let files: Vec<&str> = apart.map(|section| section.file.as_str()).collect();
    let separator = if shapes.is_empty() { "" } else { ", " };
    let plain = wish.ini.iter().any(|section| section.file.is_empty());
    hint += &match target_kind {
        "ini" if !plain => format!("{separator}ini ({})", files.join(", ")),
        _ => format!("{separator}other files of the sort {target_kind}"),
    };
    PlantError::Shape(Problem::at(path, what).hint(hint))
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
        self.0
            .iter()
            .find_map(|edit| Some(edit.seen.as_ref()?.path.as_path()))
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
