//! Files that are a list: of assignments, records or comments, each on lines of its own. Ours is one
//! run of such lines; what a line looks like, and behind which lines ours may stand, is the dialect's.

mod assign;
mod comment;
mod history;
pub(super) mod lexis;
mod record;
mod table;
mod words;

use std::ops::Range;
use std::path::Path;

use super::env::{end_of_content, whole_lines};
use crate::Options;
use crate::bait::{Values, Wish};
use crate::error::{PlantError, Problem};
use crate::mask::{Mask, Syntax};
use crate::names;
use crate::text::{Draft, File, Format, Found, Ours, Request, Sheet, shapeless};

pub(super) use assign::{
    DOCKERFILE, PHP, PROPERTIES, PYTHON, SHELL, SYSTEMD, TFVARS, terraform_quoted, terraform_text,
};
pub(super) use comment::{HASH, MARKUP, SEMICOLONS, SLASHES};
pub(super) use history::HISTORY;
pub(super) use record::{GIT_CREDENTIALS, NETRC, NPMRC, PGPASS};
pub(super) use table::CSV;

/// A format made of a dialect.
pub(super) struct Flat<D>(pub D);

/// One thing of the list with its whole lines. What has no name is only kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    pub name: String,
    pub value: String,
    pub span: Range<usize>,
    /// Whether another may stand right behind it.
    pub top: bool,
}

/// A file and what is in it.
pub(super) struct Page<'a> {
    pub file: &'a File<'a>,
    pub units: Vec<Unit>,
}

/// What differs from one list to the next.
pub(super) trait Dialect: Sync {
    /// Its name in `TARGETS`.
    fn name(&self) -> &'static str;
    /// Whether a file of this name (lower case) has this form.
    fn claims_name(&self, name: &str, path: &Path) -> bool;
    /// Whether a file that begins so has this form, where the name does not tell.
    fn claims_content(&self, _head: &str) -> bool {
        false
    }
    /// Names and the fields under them, before role and style; empty if the kind has no such form.
    fn values(&self, wish: &Wish) -> Values;
    /// Names in the style of the file. Entries may hold fields, or literals.
    fn ours(&self, page: &Page<'_>, request: &Request<'_>, role: &str) -> Ours;
    /// The list, with places; else where something is left open.
    fn units(&self, text: &str) -> Result<Vec<Unit>, usize>;
    /// The second reading: name and value of each, in order. What has no name is its own text.
    fn read(&self, text: &str) -> Vec<(String, String)>;
    /// Our lines, without the last line end; `Err` names what has no form in it.
    fn block(&self, page: &Page<'_>, ours: &Ours) -> Result<String, String>;
    /// Where ours may stand, the most natural first.
    fn slots(&self, page: &Page<'_>, ours: &Ours) -> Vec<Slot> {
        page.usual_slots(ours)
    }
    /// Whether no part of the owner's lines can be shown.
    fn secret_lines(&self) -> bool {
        false
    }
}

/// A place for our lines.
pub(super) struct Slot {
    pub offset: usize,
    /// Whether a blank line comes first, in files that have such.
    pub apart: bool,
}

impl Slot {
    pub(super) const fn at(offset: usize) -> Self {
        Self {
            offset,
            apart: false,
        }
    }
}

impl Page<'_> {
    /// Behind the last relative of ours, at the end, behind the last that has a name, at the start.
    pub(super) fn usual_slots(&self, ours: &Ours) -> Vec<Slot> {
        let mut slots: Vec<Slot> = self.relative(ours).into_iter().collect();
        slots.push(self.end());
        slots.extend(self.last_named());
        slots.push(Slot::at(0));
        slots
    }

    /// Behind the last that shares its first word with ours.
    pub(super) fn relative(&self, ours: &Ours) -> Option<Slot> {
        let family = names::family(ours.entries.first()?.0.as_str());
        let related = |unit: &&Unit| unit.top && !unit.name.is_empty();
        self.units
            .iter()
            .rev()
            .filter(related)
            .find(|unit| names::family(&unit.name) == family)
            .map(|unit| Slot::at(unit.span.end))
    }

    pub(super) fn last_named(&self) -> Option<Slot> {
        let named = |unit: &&Unit| unit.top && !unit.name.is_empty();
        let last = self.units.iter().rev().find(named)?;
        Some(Slot::at(last.span.end))
    }

    /// Behind all content.
    pub(super) fn end(&self) -> Slot {
        Slot {
            offset: end_of_content(self.file.text),
            apart: true,
        }
    }

    fn draft(&self, slot: &Slot, block: &str) -> Draft {
        let text = self.file.text;
        let blocks = text.trim().lines().any(|line| line.trim().is_empty());
        let apart = slot.apart && blocks && slot.offset > 0;
        let lead = if apart { self.file.eol() } else { "" };
        whole_lines(
            text,
            slot.offset,
            &format!("{lead}{block}"),
            self.file.eol(),
        )
    }
}

fn page<'a>(dialect: &dyn Dialect, file: &'a File<'a>) -> Result<Page<'a>, PlantError> {
    let units = dialect
        .units(file.text)
        .map_err(|at| file.syntax(at, "opens something here that is never closed"))?;
    Ok(Page { file, units })
}

impl<D: Dialect> Format for Flat<D> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn claims_name(&self, name: &str, path: &Path) -> bool {
        self.0.claims_name(name, path)
    }

    fn claims_content(&self, head: &[u8]) -> bool {
        std::str::from_utf8(head).is_ok_and(|head| self.0.claims_content(head))
    }

    fn any_bytes(&self) -> bool {
        true
    }

    fn sheets(&self, path: &Path, wish: &Wish, _: &Options) -> Result<Vec<Sheet>, PlantError> {
        let values = self.0.values(wish);
        if values.is_empty() {
            return Err(shapeless(wish, self.name(), path));
        }
        Ok(vec![Sheet {
            path: path.to_owned(),
            key: None,
            values,
            create: false,
        }])
    }

    fn style(&self, file: &File<'_>, request: &Request<'_>) -> Result<Vec<Ours>, PlantError> {
        let page = page(&self.0, file)?;
        let asked = request.options.key.as_ref().map(|key| [key.to_lowercase()]);
        let roles: &[String] = match (&asked, &request.options.role) {
            (Some(key), None) => key,
            _ => request.roles,
        };
        Ok(roles
            .iter()
            .map(|role| self.0.ours(&page, request, role))
            .collect())
    }

    fn taken(&self, text: &str, ours: &Ours) -> Option<String> {
        let there: std::collections::HashSet<String> = self
            .0
            .units(text)
            .ok()?
            .into_iter()
            .map(|unit| unit.name.to_lowercase())
            .collect();
        ours.names()
            .into_iter()
            .find(|name| there.contains(&name.to_lowercase()))
            .map(str::to_owned)
    }

    fn drafts(&self, file: &File<'_>, ours: &Ours) -> Result<Vec<Draft>, PlantError> {
        let page = page(&self.0, file)?;
        let block = self.0.block(&page, ours).map_err(|name| {
            let what = format!("the value of {name} has no form in a {} file", self.name());
            let hint = "use `lapwing mint`, and a file of its own";
            PlantError::Shape(Problem::at(file.path, what).hint(hint))
        })?;
        let slots = self.0.slots(&page, ours);
        Ok(slots.iter().map(|slot| page.draft(slot, &block)).collect())
    }

    fn proves(&self, before: &str, after: &str, ours: &Ours) -> Result<(), String> {
        let (before, mut after) = (self.0.read(before), self.0.read(after));
        let count = ours.entries.len();
        let at = after
            .windows(count)
            .position(|window| window == ours.entries.as_slice())
            .ok_or("the bait does not read back as it was meant")?;
        after.drain(at..at + count);
        if before == after {
            Ok(())
        } else {
            Err("other lines would change their meaning".to_owned())
        }
    }

    fn find(&self, text: &str, ours: &Ours) -> Found {
        let Ok(units) = self.0.units(text) else {
            return Found::Absent;
        };
        let mut spans = Vec::new();
        let mut same = 0;
        for unit in units {
            if let Some((_, value)) = ours.entries.iter().find(|(name, _)| *name == unit.name) {
                same += usize::from(*value == unit.value);
                spans.push(unit.span);
            }
        }
        let all = same == ours.entries.len() && spans.len() == same;
        match (spans.is_empty(), all) {
            (true, _) => Found::Absent,
            (_, true) => Found::Whole(spans),
            _ => Found::Partly(spans),
        }
    }

    fn mask(&self, text: &str) -> Mask {
        let units = self.0.units(text).unwrap_or_default();
        Mask {
            syntax: if self.0.secret_lines() {
                Syntax::Hidden
            } else {
                Syntax::Plain
            },
            opaque: units.into_iter().map(|unit| unit.span).collect(),
        }
    }
}
