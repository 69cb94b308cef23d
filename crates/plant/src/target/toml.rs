//! TOML 1.0: a table of our own. Places come from cutting the file into statements, proof from the
//! `toml` crate.

use std::ops::Range;
use std::path::Path;

use toml::{Table, Value};

use super::env::{end_of_content, whole_lines};
use super::flat::lexis::{self, Lexis, Quote};
use super::tree;
use crate::Options;
use crate::bait::Wish;
use crate::error::{PlantError, Problem};
use crate::mask::{Mask, Syntax};
use crate::names::{self, Case};
use crate::text::{Draft, File, Format, Found, Ours, Request, Sheet, shapeless};

/// The format.
pub(crate) struct Toml;

const fn quote(mark: &'static str, escapes: bool, lines: bool) -> Quote {
    Quote {
        mark,
        escapes,
        lines,
    }
}

const LEXIS: Lexis = Lexis {
    comments: &["#"],
    trailing: true,
    block: None,
    quotes: &[
        quote("\"\"\"", true, true),
        quote("'''", false, true),
        quote("\"", true, false),
        quote("'", false, false),
    ],
    brackets: true,
    joined: false,
    here: false,
};

impl Format for Toml {
    fn name(&self) -> &'static str {
        "toml"
    }

    fn claims_name(&self, name: &str, _path: &Path) -> bool {
        name.ends_with(".toml")
    }

    fn claims_content(&self, _head: &[u8]) -> bool {
        false
    }

    fn any_bytes(&self) -> bool {
        false
    }

    /// The kind's section for a file of this name, else its tree.
    fn sheets(&self, path: &Path, wish: &Wish, _: &Options) -> Result<Vec<Sheet>, PlantError> {
        let name = file_name(path);
        let own = wish.ini.iter().find(|section| section.file == name);
        let (key, values) = match (own, &wish.tree) {
            (Some(section), _) => (section.name.clone(), section.values.clone()),
            (None, Some((key, values))) => (key.clone(), values.clone()),
            (None, None) => return Err(shapeless(wish, self.name(), path)),
        };
        Ok(vec![Sheet {
            path: path.to_owned(),
            key: Some(key),
            values,
            create: false,
        }])
    }

    fn style(&self, file: &File<'_>, request: &Request<'_>) -> Result<Vec<Ours>, PlantError> {
        let table =
            read(file.text).map_err(|what| file.syntax(0, format!("is not TOML: {what}")))?;
        let case = Case::most(keys(&table).iter().map(String::as_str)).unwrap_or(Case::Snake);
        let case = if case == Case::Screaming {
            Case::Snake
        } else {
            case
        };
        let template = request.sheet.key.as_deref().unwrap_or_default();
        let asked = tree::path(request.options.key.as_deref());
        let fixed = request
            .wish
            .ini
            .iter()
            .any(|section| section.file == file_name(file.path));
        let one = |role: &String| {
            let mut at: Vec<String> = match asked.split_last() {
                Some((_, parents)) => parents.to_vec(),
                None => home(file.path, &table),
            };
            let name = names::fill(template, role);
            let mut parts: Vec<&str> = name.split('.').collect();
            let last = parts.pop().unwrap_or_default();
            at.extend(
                parts
                    .into_iter()
                    .filter(|_| asked.is_empty())
                    .map(str::to_owned),
            );
            let written = |name: String| if fixed { name } else { case.write(&name) };
            Ours {
                at,
                key: Some(
                    asked
                        .last()
                        .cloned()
                        .unwrap_or_else(|| written(last.to_owned())),
                ),
                entries: request
                    .sheet
                    .values
                    .iter()
                    .map(|(name, field)| (written(names::fill(name, role)), field.clone()))
                    .collect(),
                made: false,
            }
        };
        Ok(request.roles.iter().map(one).collect())
    }

    fn taken(&self, text: &str, ours: &Ours) -> Option<String> {
        let table = read(text).ok()?;
        let key = ours.key.as_deref()?;
        let there = ours
            .at
            .iter()
            .try_fold(&table, |table, part| table.get(part)?.as_table())?;
        there
            .contains_key(key)
            .then(|| format!("[{}]", header(ours)))
    }

    fn drafts(&self, file: &File<'_>, ours: &Ours) -> Result<Vec<Draft>, PlantError> {
        let tables = tables(file.text)
            .map_err(|at| file.syntax(at, "opens something here that is never closed"))?;
        if let Some((name, _)) = ours.entries.iter().find(|(name, _)| name.is_empty()) {
            let what = format!("{name:?} cannot be a key");
            return Err(PlantError::Shape(Problem::at(file.path, what)));
        }
        let eol = file.eol();
        let single = file.text.matches("= '").count() > file.text.matches("= \"").count();
        let mut lines = vec![format!("[{}]", header(ours))];
        for (name, value) in &ours.entries {
            lines.push(format!("{} = {}", bare(name), string(value, single, eol)));
        }
        let block = lines.join(eol);
        let packed = tables
            .windows(2)
            .any(|pair| !file.text[pair[0].span.end..pair[1].span.start].contains('\n'));
        let gap = if packed { "" } else { eol };
        let family = names::family(ours.key.as_deref().unwrap_or_default());
        let related = tables.iter().rposition(|table| {
            table
                .path
                .last()
                .is_some_and(|name| names::family(name) == family)
        });
        let behind = |offset: usize| {
            let lead = if offset == 0 { "" } else { gap };
            whole_lines(file.text, offset, &format!("{lead}{block}"), eol)
        };
        let mut drafts: Vec<Draft> = Vec::new();
        if let Some(at) = related.filter(|at| at + 1 < tables.len()) {
            drafts.push(behind(tables[at].span.end));
        }
        drafts.push(behind(end_of_content(file.text)));
        Ok(drafts)
    }

    fn proves(&self, before: &str, after: &str, ours: &Ours) -> Result<(), String> {
        let (before, mut after) = (read(before)?, read(after)?);
        let wanted: Table = meant(ours);
        take(
            &mut after,
            &ours.at,
            ours.key.as_deref().unwrap_or_default(),
            &wanted,
            &before,
        )?;
        if before == after {
            Ok(())
        } else {
            Err("other values would change".to_owned())
        }
    }

    fn find(&self, text: &str, ours: &Ours) -> Found {
        let Ok(tables) = tables(text) else {
            return Found::Absent;
        };
        let path = || ours.at.iter().chain(&ours.key);
        let mut found = tables.iter().filter(|table| table.path.iter().eq(path()));
        let Some(table) = found.next() else {
            return Found::Absent;
        };
        let span = table.span.clone();
        let inner = read(&text[span.clone()]).ok();
        let inner = inner.and_then(|table| {
            let inner =
                path().try_fold(Value::Table(table), |value, part| value.get(part).cloned());
            inner?.as_table().cloned()
        });
        match (inner == Some(meant(ours)), found.next()) {
            (true, None) => Found::Whole(vec![span]),
            _ => Found::Partly(vec![span]),
        }
    }

    fn mask(&self, text: &str) -> Mask {
        let statements = lexis::statements(text, &LEXIS).unwrap_or_default();
        Mask {
            syntax: Syntax::Plain,
            opaque: statements,
        }
    }

    fn short_names(&self) -> bool {
        true
    }
}

fn file_name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

/// Where tables of one's own may stand in files whose programs know all others.
fn home(path: &Path, table: &Table) -> Vec<String> {
    let parts: &[&str] = match file_name(path) {
        "Cargo.toml" if table.contains_key("package") => &["package", "metadata"],
        "Cargo.toml" => &["workspace", "metadata"],
        "pyproject.toml" => &["tool"],
        _ => &[],
    };
    parts.iter().map(|part| (*part).to_owned()).collect()
}

fn read(text: &str) -> Result<Table, String> {
    text.parse::<Table>()
        .map_err(|error| error.message().to_owned())
}

fn meant(ours: &Ours) -> Table {
    ours.entries
        .iter()
        .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
        .collect()
}

/// Removes ours, and the tables above it that were not there before.
fn take(
    table: &mut Table,
    at: &[String],
    key: &str,
    wanted: &Table,
    before: &Table,
) -> Result<(), String> {
    let Some((first, rest)) = at.split_first() else {
        return match table.remove(key) {
            Some(Value::Table(found)) if found == *wanted => Ok(()),
            _ => Err("the bait does not read back as it was meant".to_owned()),
        };
    };
    let below = table.get_mut(first).and_then(Value::as_table_mut);
    let below = below.ok_or("the table it went into is gone")?;
    let nothing = Table::new();
    let was = before.get(first).and_then(Value::as_table);
    take(below, rest, key, wanted, was.unwrap_or(&nothing))?;
    if below.is_empty() && was.is_none() {
        table.remove(first);
    }
    Ok(())
}

fn keys(table: &Table) -> Vec<String> {
    let mut out = Vec::new();
    for (name, value) in table {
        out.push(name.clone());
        out.extend(value.as_table().map(keys).unwrap_or_default());
    }
    out
}

fn bare(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    if !name.is_empty() && name.chars().all(plain) {
        name.to_owned()
    } else {
        string(name, false, "")
    }
}

fn header(ours: &Ours) -> String {
    let parts: Vec<String> = ours
        .at
        .iter()
        .chain(&ours.key)
        .map(|part| bare(part))
        .collect();
    parts.join(".")
}

/// A value: basic, literal where the file has those, over lines where it has some and they can.
fn string(value: &str, single: bool, eol: &str) -> String {
    let printable = !value.chars().any(|c| c.is_control() && c != '\n');
    if eol == "\n" && value.contains('\n') && printable && !value.contains(['\\', '"']) {
        return format!("\"\"\"\n{value}\"\"\"");
    }
    if single && printable && !value.contains(['\'', '\n']) {
        return format!("'{value}'");
    }
    // JSON's escapes are among those of basic strings.
    let quoted = serde_json::Value::from(value).to_string();
    quoted.replace('\u{7f}', "\\u007f")
}

/// A table's header with what belongs to it.
struct Stretch {
    path: Vec<String>,
    /// From the header's line to the last line that is neither blank nor a comment.
    span: Range<usize>,
}

fn tables(text: &str) -> Result<Vec<Stretch>, usize> {
    let mut out: Vec<Stretch> = Vec::new();
    for span in lexis::statements(text, &LEXIS)? {
        let statement = text[span.clone()].trim();
        if statement.is_empty() || statement.starts_with('#') {
            continue;
        }
        if statement.starts_with('[') {
            let path = path_of(statement).unwrap_or_default();
            out.push(Stretch { path, span });
        } else if let Some(last) = out.last_mut() {
            last.span.end = span.end;
        }
    }
    Ok(out)
}

/// The keys of a header, as the header alone is read.
fn path_of(header: &str) -> Option<Vec<String>> {
    let mut path = Vec::new();
    let mut value = Value::Table(read(header).ok()?);
    loop {
        value = match value {
            Value::Table(table) => {
                let Some((key, below)) = table.into_iter().next() else {
                    return Some(path);
                };
                path.push(key);
                below
            }
            // An array of tables is never ours.
            _ => return None,
        };
    }
}
