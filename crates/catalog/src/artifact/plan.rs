//! `[artifact]` of a kind: what an artefact says, drawn afresh for every canary.

use std::collections::BTreeMap;

use lapwing_core::Timestamp;
use rand::Rng;
use serde::Deserialize;
use toml::Spanned;

use super::insert::{InsertError, Inserted, insert};
use super::{ARTIFACTS, Artifact, Block, Content};
use crate::dice::Dice;
use crate::error::CatalogError;
use crate::format::{Drawing, Format, Names};
use crate::kind::{Field, Kind, Tables};
use crate::schema::Source;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ArtifactTable {
    pub(crate) format: Spanned<String>,
    /// Forms of the file's name; one is drawn. `%Y`, `%m` and `%d` are of the day it was changed last.
    pub(crate) file: Vec<String>,
    /// Means to carry an address, and the field that holds it.
    #[serde(default)]
    pub(crate) loads: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) title: Vec<String>,
    #[serde(default)]
    pub(crate) author: Vec<String>,
    #[serde(default)]
    pub(crate) company: Vec<String>,
    /// Whether lines of a text end as on Windows.
    #[serde(default)]
    pub(crate) crlf: bool,
    /// Whether a text is UTF-16, as some programs of Windows write it.
    #[serde(default)]
    pub(crate) utf16: bool,
    #[serde(default)]
    pub(crate) block: Vec<BlockTable>,
}

/// A part of the body: a heading, some of a pool of paragraphs, or a table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BlockTable {
    #[serde(default)]
    heading: Vec<String>,
    #[serde(default)]
    text: Vec<String>,
    /// How many of `text`, in their order: `2` or `1-3`; all unless it is said.
    take: Option<String>,
    /// Whether the taken ones change places.
    #[serde(default)]
    shuffle: bool,
    #[serde(default)]
    columns: Vec<String>,
    #[serde(default)]
    cells: Vec<String>,
    /// How many rows: `5-12`.
    rows: Option<String>,
}

const DAY: i64 = 86_400;

/// A compiled `[artifact]`.
#[derive(Debug)]
pub(crate) struct Plan {
    artifact: &'static Artifact,
    files: Vec<Format>,
    loads: Vec<(String, String)>,
    title: Vec<Format>,
    author: Vec<Format>,
    company: Vec<Format>,
    crlf: bool,
    utf16: bool,
    blocks: Vec<BlockPlan>,
}

#[derive(Debug)]
struct BlockPlan {
    heading: Vec<Format>,
    text: Vec<Format>,
    take: (usize, usize),
    shuffle: bool,
    columns: Vec<String>,
    cells: Vec<Format>,
    rows: (usize, usize),
}

/// An artefact as it goes to disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// A name for the file; no path.
    pub file: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// When it was changed last, as it says itself; the file gets this time.
    pub modified: Timestamp,
}

impl Plan {
    pub(crate) fn compile(
        table: ArtifactTable,
        fields: &[Field],
        tables: &Tables,
        source: Source<'_>,
    ) -> Result<Self, CatalogError> {
        let at = table.format.span().start;
        let wrong = |what: String| source.wrong(at, what, "correct [artifact]");
        let format = table.format.get_ref();
        let artifact = ARTIFACTS
            .iter()
            .find(|artifact| artifact.name == format)
            .ok_or_else(|| {
                let known: Vec<&str> = ARTIFACTS.iter().map(|artifact| artifact.name).collect();
                wrong(format!(
                    "{format:?} is no format; there are {}",
                    known.join(", ")
                ))
            })?;
        for (means, field) in &table.loads {
            if !artifact.means.contains(&means.as_str()) {
                let known = artifact.means.join(", ");
                return Err(wrong(format!(
                    "{format} does not load by {means:?}, but by {known}"
                )));
            }
            if fields.iter().all(|known| known.name != *field) {
                return Err(wrong(format!(
                    "`loads` names the field {field:?}, which is not declared"
                )));
            }
        }
        let names: Vec<String> = fields.iter().map(|field| field.name.clone()).collect();
        let names = Names {
            fields: &names,
            tables,
        };
        let formats = |texts: &[String]| -> Result<Vec<Format>, CatalogError> {
            texts
                .iter()
                .map(|text| Format::compile(text, names).map_err(&wrong))
                .collect()
        };
        if table.file.is_empty() {
            return Err(wrong("`file` names no file".to_owned()));
        }
        let block = |block: &BlockTable| -> Result<BlockPlan, CatalogError> {
            let range = |text: &Option<String>, all: usize| match text {
                None => Ok((all, all)),
                Some(text) => range(text)
                    .ok_or_else(|| wrong(format!("{text:?} is no number; write 3 or 2-5"))),
            };
            Ok(BlockPlan {
                heading: formats(&block.heading)?,
                text: formats(&block.text)?,
                take: range(&block.take, block.text.len())?,
                shuffle: block.shuffle,
                columns: block.columns.clone(),
                cells: formats(&block.cells)?,
                rows: range(&block.rows, 0)?,
            })
        };
        Ok(Self {
            artifact,
            files: formats(&table.file)?,
            title: formats(&table.title)?,
            author: formats(&table.author)?,
            company: formats(&table.company)?,
            blocks: table.block.iter().map(block).collect::<Result<_, _>>()?,
            loads: table.loads.into_iter().collect(),
            crlf: table.crlf,
            utf16: table.utf16,
        })
    }

    /// Draws what it says and writes it.
    pub(crate) fn write(
        &self,
        drawing: &mut Drawing<'_>,
        fields: &BTreeMap<String, String>,
    ) -> Written {
        let (created, modified) = dates(drawing);
        let mut content = Content::new(created, modified);
        content.crlf = self.crlf;
        content.utf16 = self.utf16;
        // Whatever the artefact speaks of was there when it was changed last.
        drawing.now = modified;
        content.company = one(&self.company, drawing);
        content.author = one(&self.author, drawing);
        content.editor = match drawing.dice.below(3) {
            0 => afresh(drawing, |drawing| one(&self.author, drawing)),
            _ => content.author.clone(),
        };
        content.title = dated(&one(&self.title, drawing), modified);
        let file = dated(&one(&self.files, drawing), modified);
        content.loads = self
            .loads
            .iter()
            .filter_map(|(means, field)| Some((means.clone(), fields.get(field)?.clone())))
            .collect();
        for block in &self.blocks {
            block.draw(drawing, &mut content.blocks);
        }
        Written {
            file: plain(&file),
            bytes: (self.artifact.write)(&content, &mut drawing.dice),
            modified,
        }
    }

    /// The name of its format.
    pub(crate) fn format(&self) -> &'static str {
        self.artifact.name
    }
}

impl BlockPlan {
    fn draw(&self, drawing: &mut Drawing<'_>, out: &mut Vec<Block>) {
        if !self.heading.is_empty() {
            out.push(Block::Heading(one(&self.heading, drawing)));
        }
        let wanted = drawing
            .dice
            .between(self.take.0, self.take.1)
            .min(self.text.len());
        let mut taken: Vec<usize> = (0..self.text.len()).collect();
        while taken.len() > wanted {
            taken.remove(drawing.dice.below(taken.len()));
        }
        if self.shuffle {
            for at in (1..taken.len()).rev() {
                taken.swap(at, drawing.dice.below(at + 1));
            }
        }
        for index in taken {
            out.push(Block::Text(draw(&self.text[index], drawing)));
        }
        if self.cells.is_empty() {
            return;
        }
        let rows = drawing.dice.between(self.rows.0, self.rows.1);
        let mut row = || {
            afresh(drawing, |drawing| {
                self.cells.iter().map(|cell| draw(cell, drawing)).collect()
            })
        };
        let rows: Vec<Vec<String>> = (0..rows).map(|_| row()).collect();
        out.push(Block::Table(self.columns.clone(), rows));
    }
}

/// Draws with rows of tables chosen anew.
fn afresh<'a, T>(drawing: &mut Drawing<'a>, draw: impl FnOnce(&mut Drawing<'a>) -> T) -> T {
    let none = vec![None; drawing.rows.len()];
    let kept = std::mem::replace(&mut drawing.rows, none);
    let drawn = draw(drawing);
    drawing.rows = kept;
    drawn
}

fn one(formats: &[Format], drawing: &mut Drawing<'_>) -> String {
    match drawing.dice.pick(formats) {
        Some(format) => draw(format, drawing),
        None => String::new(),
    }
}

fn draw(format: &Format, drawing: &mut Drawing<'_>) -> String {
    let mut out = String::new();
    format.draw(drawing, &mut out, &mut Vec::new());
    out
}

/// With `%Y-%m` and the like for the day it was changed last.
fn dated(text: &str, modified: Timestamp) -> String {
    if text.contains('%') {
        super::moment(modified, text)
    } else {
        text.to_owned()
    }
}

/// A name of a file without anything that could lead out of a directory.
fn plain(name: &str) -> String {
    let name: String = name
        .chars()
        .map(|c| {
            if c.is_control() || "/\\:*?\"<>|".contains(c) {
                '-'
            } else {
                c
            }
        })
        .collect();
    let name = name.trim_start_matches(['-', ' ']).trim_end();
    match name {
        "" | "." | ".." => "file".to_owned(),
        name => name.to_owned(),
    }
}

/// When it was made and last changed: on working days, in working hours, the last weeks likelier.
fn dates(drawing: &mut Drawing<'_>) -> (Timestamp, Timestamp) {
    let today = drawing.now.seconds().div_euclid(DAY);
    let dice = &mut drawing.dice;
    let far = [10, 45, 200][dice.below(3)];
    let changed = 1 + dice.below(far);
    let made = changed + dice.below(2 * far);
    let changed = at_work(today - whole(changed), dice);
    let made = at_work(today - whole(made), dice).min(changed - 60 * whole(dice.between(11, 190)));
    let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
    (at(made), at(changed))
}

/// A second of this day between seven and six; of the Friday before if it is a week-end.
fn at_work(day: i64, dice: &mut Dice<'_>) -> i64 {
    // Day 0 was a Thursday.
    let late = match (day + 3).rem_euclid(7) {
        5 => 1,
        6 => 2,
        _ => 0,
    };
    (day - late) * DAY + whole(dice.between(7 * 3600, 18 * 3600))
}

fn whole(number: usize) -> i64 {
    i64::try_from(number).unwrap_or_default()
}

fn range(text: &str) -> Option<(usize, usize)> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let (low, high) = (low.parse().ok()?, high.parse().ok()?);
    (low <= high && high <= 10_000).then_some((low, high))
}

impl Kind {
    /// The format of the file this kind is, if it is one.
    #[must_use]
    pub fn artifact(&self) -> Option<&'static str> {
        self.plan.as_ref().map(Plan::format)
    }

    /// Writes a canary's artefact; nothing if the kind is no file.
    #[must_use]
    pub fn write(
        &self,
        rng: &mut dyn Rng,
        fields: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> Option<Written> {
        let plan = self.plan.as_ref()?;
        Some(plan.write(&mut self.drawing(rng, fields, now), fields))
    }

    /// Puts a canary's beacon into a document of the operator's own.
    ///
    /// # Errors
    /// The kind is no file, or the document cannot take a beacon.
    pub fn insert(
        &self,
        rng: &mut dyn Rng,
        fields: &BTreeMap<String, String>,
        document: &[u8],
    ) -> Result<Inserted, InsertError> {
        let Some(plan) = &self.plan else {
            return Err(InsertError::Format(self.id.clone()));
        };
        let open = plan.loads.iter().any(|(means, _)| means == "open");
        let address = ["image", "open", "link"]
            .iter()
            .find_map(|wanted| plan.loads.iter().find(|(means, _)| means == wanted))
            .and_then(|(_, field)| fields.get(field))
            .ok_or_else(|| InsertError::Format(plan.artifact.name.to_owned()))?;
        insert(plan.artifact.name, document, address, open, rng)
    }
}
