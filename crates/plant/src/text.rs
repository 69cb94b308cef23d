//! Planting in text files, whatever their format: what formats and the steps on them share.
//! [`plant`] chooses names, drafts an addition and proves it; [`uproot`] finds it again and takes it
//! out. Formats (in `target/`) know only their own syntax.

mod exposed;
mod plant;
mod uproot;

use std::ops::Range;
use std::path::{Path, PathBuf};

use lapwing_core::Placement;
use serde::{Deserialize, Serialize};

use crate::Options;
use crate::bait::{Values, Wish};
use crate::diff::{Change, Diff, Edit};
use crate::error::{PlantError, Problem};
use crate::mask::Mask;

pub(crate) use exposed::exposed;
pub(crate) use plant::{plan, shapeless};
pub(crate) use uproot::{check, sweep, uproot};

/// Before values are put in the place of fields: what begins with it is a value already.
pub(crate) const LITERAL: char = '=';

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
    /// Whether the mapping that `at` ends in was not there and comes with it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub made: bool,
}

/// What is added to a tree: a value, or a mapping of such.
pub(crate) enum Branch<'a> {
    Value(&'a str),
    Mapping(Vec<(&'a str, Branch<'a>)>),
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks with a reference"
)]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl Ours {
    /// Keys that lead to the mapping that was there before.
    pub(crate) fn stem(&self) -> &[String] {
        match self.at.split_last() {
            Some((_, stem)) if self.made => stem,
            _ => &self.at,
        }
    }

    /// Ours as it goes into the mapping at [`Ours::stem`].
    pub(crate) fn branches(&self) -> Vec<(&str, Branch<'_>)> {
        let entries = self.entries.iter();
        let mut branches: Vec<_> = entries
            .map(|(name, value)| (name.as_str(), Branch::Value(value)))
            .collect();
        let made = self.at.last().filter(|_| self.made);
        for key in self.key.iter().chain(made) {
            branches = vec![(key.as_str(), Branch::Mapping(branches))];
        }
        branches
    }

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

impl Found {
    /// The same, standing in wider spans if there are such.
    pub(crate) fn within(self, wider: Option<Vec<Range<usize>>>) -> Self {
        match (self, wider) {
            (Self::Whole(_), Some(spans)) => Self::Whole(spans),
            (Self::Partly(_), Some(spans)) => Self::Partly(spans),
            (found, _) => found,
        }
    }
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
    fn sheets(&self, path: &Path, wish: &Wish, options: &Options)
    -> Result<Vec<Sheet>, PlantError>;
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
        let line = self.text[..offset.min(self.text.len())]
            .matches('\n')
            .count()
            + 1;
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
            return Err(refuse(
                "is not text (it holds zero bytes, as UTF-16 and binaries do)",
            ));
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

    /// The offset in the text of an offset in the file's bytes.
    fn text_offset(&self, byte: usize) -> usize {
        let within = byte.saturating_sub(self.mark);
        if !self.wide {
            return within;
        }
        let mut characters = self.text.char_indices();
        characters.nth(within).map_or(self.text.len(), |(at, _)| at)
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

/// One run of our bytes in a file as it was left, and what it says there.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Addition {
    offset: usize,
    text: String,
    ours: Ours,
}

impl Addition {
    fn span(&self) -> Range<usize> {
        self.offset..self.offset + self.text.len()
    }
}

/// What a placement remembers of one file. Our bytes and digests, nothing of the owner's.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Record {
    path: PathBuf,
    /// Flat, as in records from when there was only one run a file.
    #[serde(flatten)]
    run: Addition,
    /// Further runs, in the order in which they were added.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    more: Vec<Addition>,
    before: String,
    after: String,
    #[serde(default)]
    created: bool,
    /// When the file was last written before, nanoseconds since the Unix epoch.
    #[serde(default)]
    modified: Option<u64>,
    /// Who might do what with it then, as `chmod` counts.
    #[serde(default)]
    mode: Option<u32>,
}

impl Record {
    fn runs(&self) -> impl Iterator<Item = &Addition> {
        std::iter::once(&self.run).chain(&self.more)
    }
}

/// Adds runs of ours in `bytes` to a diff.
fn show(
    format: &dyn Format,
    decoded: &Decoded,
    mut runs: Vec<Range<usize>>,
    change: Change,
    masked: bool,
    diff: &mut Diff,
) {
    runs.sort_by_key(|run| run.start);
    let ours: Vec<Range<usize>> = runs
        .into_iter()
        .map(|run| decoded.text_offset(run.start)..decoded.text_offset(run.end))
        .collect();
    let mask = masked.then(|| format.mask(&decoded.text));
    diff.hunks(&Edit {
        with: &decoded.text,
        ours: &ours,
        change,
        mask: mask.as_ref(),
    });
}

#[derive(Serialize, Deserialize)]
struct Detail {
    files: Vec<Record>,
}

/// The files that a placement in text files wrote; none for others.
pub(crate) fn files(placement: &Placement) -> Vec<PathBuf> {
    let files = Detail::of(placement).map_or_else(|_| Vec::new(), |detail| detail.files);
    files.into_iter().map(|record| record.path).collect()
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
