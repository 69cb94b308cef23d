//! Terraform's `.tf` files: a `locals` block of its own, which nothing refers to and which changes no
//! plan. A module may have any number of them. Other files in HCL are comments: their programs know
//! every block by name.
//! <https://developer.hashicorp.com/terraform/language/values/locals>

use std::ops::Range;
use std::path::Path;

use super::env::{end_of_content, whole_lines};
use super::flat::{TFVARS, lexis, terraform_quoted, terraform_text};
use crate::Options;
use crate::bait::Wish;
use crate::error::PlantError;
use crate::mask::{Mask, Syntax};
use crate::names;
use crate::text::{Draft, File, Format, Found, Ours, Request, Sheet, shapeless};

/// The format.
pub(crate) struct Terraform;

const HEAD: &str = "locals {";

impl Format for Terraform {
    fn name(&self) -> &'static str {
        "terraform"
    }

    fn claims_name(&self, name: &str, _path: &Path) -> bool {
        name.ends_with(".tf") || name.ends_with(".tofu")
    }

    fn claims_content(&self, _head: &[u8]) -> bool {
        false
    }

    fn any_bytes(&self) -> bool {
        false
    }

    fn sheets(&self, path: &Path, wish: &Wish, _: &Options) -> Result<Vec<Sheet>, PlantError> {
        if wish.env.is_empty() {
            return Err(shapeless(wish, self.name(), path));
        }
        Ok(vec![Sheet {
            path: path.to_owned(),
            key: None,
            values: wish.env.clone(),
            create: false,
        }])
    }

    fn style(&self, _: &File<'_>, request: &Request<'_>) -> Result<Vec<Ours>, PlantError> {
        let one = |role: &String| Ours {
            at: Vec::new(),
            key: None,
            entries: request
                .sheet
                .values
                .iter()
                .map(|(name, field)| (names::fill(name, role).to_lowercase(), field.clone()))
                .collect(),
            made: false,
        };
        Ok(request.roles.iter().map(one).collect())
    }

    fn taken(&self, text: &str, ours: &Ours) -> Option<String> {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let there: std::collections::HashSet<&str> = text.split(|c| !word(c)).collect();
        let names = ours.names();
        let taken = names.into_iter().find(|name| there.contains(name));
        taken.map(str::to_owned)
    }

    fn drafts(&self, file: &File<'_>, ours: &Ours) -> Result<Vec<Draft>, PlantError> {
        let text = file.text;
        let statements = lexis::statements(text, TFVARS.lexis())
            .map_err(|at| file.syntax(at, "opens something here that is never closed"))?;
        let width = ours.entries.iter().map(|(name, _)| name.len()).max();
        let width = width.unwrap_or_default();
        let mut lines = vec![HEAD.to_owned()];
        lines.extend(
            ours.entries
                .iter()
                .map(|(name, value)| format!("  {name:<width$} = {}", terraform_quoted(value))),
        );
        lines.push("}".to_owned());
        let block = lines.join(file.eol());
        // Behind other locals, else at the end.
        let locals = statements
            .iter()
            .rfind(|span| text[(*span).clone()].trim_start().starts_with("locals"));
        let ends = locals.map(|span| span.end).into_iter();
        Ok(ends
            .chain([end_of_content(text)])
            .map(|end| {
                let lead = if end == 0 { "" } else { file.eol() };
                whole_lines(text, end, &format!("{lead}{block}"), file.eol())
            })
            .collect())
    }

    fn proves(&self, before: &str, after: &str, ours: &Ours) -> Result<(), String> {
        let (before, mut after) = (read(before), read(after));
        let at = after
            .iter()
            .position(|statement| locals(statement).as_deref() == Some(ours.entries.as_slice()))
            .ok_or("the bait does not read back as it was meant")?;
        after.remove(at);
        if before == after {
            Ok(())
        } else {
            Err("other blocks would change their meaning".to_owned())
        }
    }

    fn find(&self, text: &str, ours: &Ours) -> Found {
        let Ok(statements) = lexis::statements(text, TFVARS.lexis()) else {
            return Found::Absent;
        };
        let (mut spans, mut same) = (Vec::new(), 0);
        for span in statements {
            let Some(entries) = locals(&text[span.clone()]) else {
                continue;
            };
            let is_ours = |name: &String| ours.entries.iter().any(|(own, _)| own == name);
            same += entries
                .iter()
                .filter(|entry| ours.entries.contains(entry))
                .count();
            if entries.iter().all(|(name, _)| is_ours(name)) && !entries.is_empty() {
                spans.push(span);
            } else {
                spans.extend(lines(text, span, &is_ours));
            }
        }
        match (spans.is_empty(), same == ours.entries.len()) {
            (true, _) => Found::Absent,
            (_, true) => Found::Whole(spans),
            _ => Found::Partly(spans),
        }
    }

    fn mask(&self, text: &str) -> Mask {
        Mask {
            syntax: Syntax::Plain,
            opaque: lexis::statements(text, TFVARS.lexis()).unwrap_or_default(),
        }
    }
}

/// Statements as text, the blank ones left out.
fn read(text: &str) -> Vec<String> {
    lexis::read(text, TFVARS.lexis())
        .into_iter()
        .map(|statement| statement.trim().to_owned())
        .filter(|statement| !statement.is_empty())
        .collect()
}

/// Names and values of a `locals` block that holds nothing but text.
fn locals(statement: &str) -> Option<Vec<(String, String)>> {
    let body = statement.trim().strip_prefix("locals")?.trim_start();
    let body = body.strip_prefix('{')?.strip_suffix('}')?;
    let lines = body.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(terraform_text).collect()
}

/// Whole lines within a block that assign to a name of ours.
fn lines(text: &str, block: Range<usize>, is_ours: &dyn Fn(&String) -> bool) -> Vec<Range<usize>> {
    let mut at = block.start;
    let mut out = Vec::new();
    for line in text[block].split_inclusive('\n') {
        let span = at..at + line.len();
        at = span.end;
        if terraform_text(line.trim()).is_some_and(|(name, _)| is_ours(&name)) {
            out.push(span);
        }
    }
    out
}
