//! A group of keys as a table: what names a key and the fields of its value are the columns. What was
//! drawn for it becomes a key and a value again, written over a neighbour's.

use std::collections::{BTreeMap, BTreeSet};

use super::form::{Form, Kind, Leaf, Style};
use super::group::{Pattern, is_id};
use super::server::Found;
use crate::bait::Wish;
use crate::names;
use crate::table::roles::mail_column;
use crate::table::{Column, Foreign, Sort, Table, Value};

/// Most columns.
const COLUMNS: usize = 64;
/// The column of what names a key. No kind has a field for it.
const STAR: &str = "*";
/// Fewer keys do not tell that none of their values may repeat.
const ENOUGH: usize = 5;

/// What a column is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// What a star stands for, by its number.
    Part(usize),
    /// A field.
    Path(String),
}

/// A field that repeats what names the key, with something before and behind.
pub(super) struct Echo {
    pub path: String,
    pub head: String,
    pub tail: String,
}

/// A group that has been read.
pub(super) struct Neighbours {
    pub pattern: Pattern,
    pub form: Form,
    pub table: Table,
    /// A value a column, newest first where keys are numbered.
    pub rows: Vec<Vec<Value>>,
    pub slots: Vec<Slot>,
    /// The keys of the rows.
    pub entries: Vec<Found>,
    pub echoes: Vec<Echo>,
    /// The column whose value names the key.
    pub id: usize,
    pub style: Style,
    pub kinds: BTreeMap<String, Kind>,
}

/// How often each form occurs; the most frequent.
pub(super) fn most(found: &[Found]) -> Option<Form> {
    let count = |form: Form| found.iter().filter(|one| one.form == form).count();
    let forms = [Form::Plain, Form::Json, Form::Hash];
    let most = forms.into_iter().max_by_key(|form| count(*form))?;
    (count(most) > 0).then_some(most)
}

impl Neighbours {
    /// Reads a group of one form. `numbered` says that keys are counted.
    pub(super) fn of(
        pattern: &Pattern,
        form: Form,
        mut entries: Vec<Found>,
        numbered: bool,
        wish: &Wish,
    ) -> Self {
        entries.retain(|found| found.form == form && pattern.parts(&found.key).is_some());
        if numbered {
            let number = |found: &Found| last(pattern, &found.key).parse::<i64>().unwrap_or(0);
            entries.sort_by_key(|found| std::cmp::Reverse(number(found)));
        }
        let mut new = Self {
            pattern: pattern.clone(),
            form,
            table: Table {
                name: pattern.text(),
                ..Table::default()
            },
            rows: Vec::new(),
            slots: Vec::new(),
            echoes: Vec::new(),
            id: pattern.stars() - 1,
            style: Style::of(entries.iter().map(|found| found.text.as_str())),
            kinds: BTreeMap::new(),
            entries,
        };
        new.slots = (0..pattern.stars()).map(Slot::Part).collect();
        new.take_fields(numbered);
        new.describe(numbered, wish);
        new
    }

    /// Whether most of what the keys hold are fields that most of them have.
    pub(super) fn are_alike(&self) -> bool {
        let filled = |at: usize| {
            self.rows
                .iter()
                .filter(|row| row[at] != Value::Null)
                .count()
        };
        let fields = (0..self.slots.len()).filter(|at| matches!(self.slots[*at], Slot::Path(_)));
        let counts: Vec<usize> = fields.map(filled).collect();
        let common = counts.iter().filter(|count| **count * 2 > self.rows.len());
        common.sum::<usize>() * 2 >= counts.iter().sum()
    }

    /// Finds the fields, and those that only repeat what names the key.
    fn take_fields(&mut self, numbered: bool) {
        let (mut order, mut counts) = (Vec::new(), BTreeMap::new());
        for leaf in self.entries.iter().flat_map(|found| &found.fields) {
            let count = counts.entry(leaf.path.clone()).or_insert(0_usize);
            *count += 1;
            if *count == 1 {
                order.push(leaf.path.clone());
            }
        }
        for path in order {
            if counts[&path] * 50 < self.entries.len() || self.slots.len() >= COLUMNS {
                continue;
            }
            match self.echo(&path) {
                // An address or a login that names the key is drawn as what it is.
                Some(echo) if !numbered && echo.head.is_empty() && echo.tail.is_empty() => {
                    self.id = self.slots.len();
                    self.slots.push(Slot::Path(path));
                }
                Some(echo) => self.echoes.push(echo),
                None => self.slots.push(Slot::Path(path)),
            }
        }
        let last = self.pattern.stars() - 1;
        if self.id != last {
            self.slots.remove(last);
            self.id -= 1;
        }
    }

    /// How a field repeats what names the key, in nineteen of twenty.
    fn echo(&self, path: &str) -> Option<Echo> {
        let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
        let mut all = 0;
        for found in &self.entries {
            let id = last(&self.pattern, &found.key);
            let Some(leaf) = field(found, path).filter(|leaf| leaf.kind != Kind::Null) else {
                continue;
            };
            all += 1;
            // A short number is in many things by chance.
            let affixed = if id.len() >= 3 || leaf.text == id || leaf.text == found.key {
                leaf.text.split_once(id)
            } else {
                None
            };
            if let Some((head, tail)) = affixed {
                let affixes = (head.to_owned(), tail.to_owned());
                *counts.entry(affixes).or_default() += 1;
            }
        }
        let ((head, tail), count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
        let short = self
            .entries
            .iter()
            .any(|found| last(&self.pattern, &found.key).len() < 3);
        let sure = if short && !(head.is_empty() && tail.is_empty()) {
            // Judged by the longer ones alone.
            count > 2 && count * 2 > all
        } else {
            count > 2 && count * 20 >= all * 19
        };
        sure.then(|| Echo {
            path: path.to_owned(),
            head,
            tail,
        })
    }

    /// Says what the columns are, and fills the rows.
    fn describe(&mut self, numbered: bool, wish: &Wish) {
        let slots = self.slots.clone();
        let mut texts: Vec<Vec<Option<String>>> = vec![Vec::new(); self.entries.len()];
        for (at, slot) in slots.iter().enumerate() {
            let of: Vec<Option<String>> = self
                .entries
                .iter()
                .map(|found| self.text(found, slot))
                .collect();
            let column = self.column(at, &of, numbered, wish);
            if column.sort != Sort::Other && is_reference(&column, wish) {
                self.table.foreign.push(Foreign {
                    columns: vec![column.name.clone()],
                    ..Foreign::default()
                });
            }
            self.table.columns.push(column);
            for (row, text) in texts.iter_mut().zip(of) {
                row.push(text);
            }
        }
        let columns = &self.table.columns;
        self.table.primary = vec![columns[self.id].name.clone()];
        let value = |(column, text): (&Column, Option<String>)| match text {
            None => Value::Null,
            Some(text) if column.sort == Sort::Integer => {
                text.parse().map_or(Value::Text(text), Value::Integer)
            }
            Some(text) => Value::Text(text),
        };
        let rows = texts.into_iter();
        self.rows = rows
            .map(|row| columns.iter().zip(row).map(value).collect())
            .collect();
        self.table.mail = mail_column(&self.table, &self.rows);
    }

    /// What a key has for a column.
    fn text(&self, found: &Found, slot: &Slot) -> Option<String> {
        match slot {
            Slot::Part(star) => {
                let parts = self.pattern.parts(&found.key)?;
                parts.get(*star).map(|part| (*part).to_owned())
            }
            Slot::Path(path) => field(found, path)
                .filter(|leaf| leaf.kind != Kind::Null)
                .map(|leaf| leaf.text.clone()),
        }
    }

    fn column(
        &mut self,
        at: usize,
        texts: &[Option<String>],
        numbered: bool,
        wish: &Wish,
    ) -> Column {
        let names_key = at == self.id;
        let filled: Vec<&str> = texts.iter().flatten().map(String::as_str).collect();
        let all = |test: &dyn Fn(&str) -> bool| {
            !filled.is_empty() && filled.iter().all(|text| test(text))
        };
        let mut column = Column {
            not_null: filled.len() == texts.len(),
            ..Column::default()
        };
        match &self.slots[at] {
            Slot::Part(star) if names_key => {
                column.counted = numbered;
                column.name =
                    key_field(&self.pattern, &filled, wish).unwrap_or_else(|| STAR.to_owned());
                debug_assert_eq!(*star, self.pattern.stars() - 1);
            }
            Slot::Part(star) => column.name = format!("{STAR}{star}"),
            Slot::Path(path) => column.name = self.short(path),
        }
        if let Slot::Path(path) = &self.slots[at] {
            let leaves = self.entries.iter().filter_map(|found| field(found, path));
            let kinds: BTreeSet<Kind> = leaves
                .map(|leaf| leaf.kind)
                .filter(|kind| *kind != Kind::Null)
                .collect();
            let kind = match kinds.len() {
                1 => kinds.into_iter().next().unwrap_or(Kind::Text),
                _ => Kind::Other,
            };
            if !filled.is_empty() {
                self.kinds.insert(path.clone(), kind);
            }
            if kind == Kind::Other && !filled.is_empty() {
                column.sort = Sort::Other;
                return column;
            }
        } else if !names_key {
            column.sort = Sort::Other;
            return column;
        }
        if all(&is_integer) && (numbered || !names_key) {
            column.sort = Sort::Integer;
        } else if all(&is_decimal) {
            column.sort = Sort::Number;
        }
        let distinct: BTreeSet<&str> = filled.iter().copied().collect();
        let apart = distinct.len() == texts.len() && texts.len() >= ENOUGH;
        column.unique =
            names_key || (apart && (column.sort == Sort::Text || numbers_something(&column.name)));
        column.primary = names_key;
        column
    }

    /// A field's name without the objects it stands in, if no other has it.
    fn short(&self, path: &str) -> String {
        if path.is_empty() {
            return self.pattern.facet().unwrap_or("value").to_owned();
        }
        let bare = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
        let name = bare(path);
        let same = |slot: &&Slot| matches!(slot, Slot::Path(other) if bare(other) == name);
        if self.slots.iter().filter(same).count() > 1 {
            path.to_owned()
        } else {
            name
        }
    }
}

/// A field of a key.
pub(super) fn field<'f>(found: &'f Found, path: &str) -> Option<&'f Leaf> {
    found.fields.iter().find(|leaf| leaf.path == path)
}

/// What stands for the last star of a key.
fn last<'k>(pattern: &Pattern, key: &'k str) -> &'k str {
    let parts = pattern.parts(key);
    parts
        .and_then(|parts| parts.last().copied())
        .unwrap_or_default()
}

/// Where keys are named by secrets (`token:4f1c...`), the name that a kind's field for them has.
fn key_field(pattern: &Pattern, ids: &[&str], wish: &Wish) -> Option<String> {
    let random = |id: &&&str| id.len() >= 16 && is_id(id) && !id.contains('@');
    if ids.is_empty() || ids.iter().filter(random).count() * 10 < ids.len() * 9 {
        return None;
    }
    let bare = |name: &str| names::snake(name).replace('_', "");
    let stem = bare(pattern.stem());
    let stem = stem.strip_suffix('s').unwrap_or(&stem);
    let named = |name: &&String| {
        let name = bare(name);
        name == stem || name == format!("{stem}id")
    };
    let hints = wish.row.iter().filter(|hint| wish.tells(&hint.field));
    hints.flat_map(|hint| &hint.names).find(named).cloned()
}

/// Whether a column names something else: the template's is as good as any.
fn is_reference(column: &Column, wish: &Wish) -> bool {
    let name = names::snake(&column.name);
    let wanted = wish.row.iter().any(|hint| hint.names.contains(&name));
    name.ends_with("_id") && !column.unique && !wanted
}

/// Whether a number names its row, so that another has to follow it.
fn numbers_something(name: &str) -> bool {
    let name = names::snake(name);
    let last = name.rsplit('_').next().unwrap_or_default();
    ["id", "number", "no", "ref"].contains(&last)
}

/// As an integer is written by a program.
pub(super) fn is_integer(text: &str) -> bool {
    text.parse::<i64>()
        .is_ok_and(|number| number.to_string() == text)
}

fn is_decimal(text: &str) -> bool {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"-.".contains(&byte));
    let padded = text.starts_with('0') && !text.starts_with("0.") && text != "0";
    plain && !padded && text.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::form::leaves;
    use super::*;
    use crate::Options;
    use crate::table::draw::{self, Whose};
    use crate::table::learn::Learned;

    fn hash(key: &str, fields: &[(&str, String)]) -> Found {
        Found {
            key: key.to_owned(),
            form: Form::Hash,
            fields: fields
                .iter()
                .map(|(path, text)| Leaf::plain(path, text))
                .collect(),
            text: String::new(),
        }
    }

    fn columns(neighbours: &Neighbours) -> Vec<&str> {
        let columns = neighbours.table.columns.iter();
        columns.map(|column| column.name.as_str()).collect()
    }

    #[test]
    fn fields_that_repeat_the_key_follow_it() {
        let entries = (100..160).map(|id: i32| {
            let fields = [
                ("id", id.to_string()),
                ("self", format!("/users/{id}")),
                ("balance", format!("{}.50", id * 7)),
                (
                    "note",
                    if id % 2 == 0 {
                        String::new()
                    } else {
                        "called".to_owned()
                    },
                ),
            ];
            hash(&format!("user:{id}"), &fields)
        });
        let pattern = Pattern::parse("user:*").expect("a pattern");
        let neighbours = Neighbours::of(
            &pattern,
            Form::Hash,
            entries.collect(),
            true,
            &Wish::nothing(),
        );
        assert_eq!(columns(&neighbours), ["*", "balance", "note"]);
        let learned = Learned::of(&neighbours.table, &neighbours.rows);
        let drawn = draw::draw(
            &learned,
            &Wish::nothing(),
            &Options::default(),
            Whose::Minted,
        )
        .expect("drawn");
        let made = neighbours
            .make(&learned, &drawn, Some("160"))
            .expect("made");
        assert_eq!(made.key, "user:160");
        let names: Vec<&str> = made.cells.iter().map(|cell| cell.column.as_str()).collect();
        assert_eq!(names, ["id", "self", "balance", "note"]);
        assert_eq!(made.cells[1].value, Value::Text("/users/160".to_owned()));
    }

    #[test]
    fn keys_named_by_a_field_are_named_by_it() {
        let given = ["ana", "ben", "cleo", "dan", "eve", "finn"];
        let entries = given.iter().enumerate().map(|(at, name)| {
            let text = format!(r#"{{"login": "{name}", "tags": [{at}], "plan": "free"}}"#);
            Found {
                key: format!("login:{name}"),
                form: Form::Json,
                fields: leaves(&text).expect("an object"),
                text,
            }
        });
        let pattern = Pattern::parse("login:*").expect("a pattern");
        let neighbours = Neighbours::of(
            &pattern,
            Form::Json,
            entries.collect(),
            false,
            &Wish::nothing(),
        );
        assert_eq!(columns(&neighbours), ["login", "tags", "plan"]);
        let learned = Learned::of(&neighbours.table, &neighbours.rows);
        let drawn = draw::draw(
            &learned,
            &Wish::nothing(),
            &Options::default(),
            Whose::Minted,
        )
        .expect("drawn");
        let made = neighbours.make(&learned, &drawn, None).expect("made");
        let login = made.key.strip_prefix("login:").expect("the group's");
        assert!(!given.contains(&login), "{login}");
        assert_eq!(
            made.text,
            format!(r#"{{"login": "{login}", "tags": [], "plan": "free"}}"#)
        );
    }
}
