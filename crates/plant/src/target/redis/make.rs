//! What was drawn for a group becomes a key and a value: written over a neighbour's, so that order, spacing
//! and empty fields are as theirs.

use std::collections::{BTreeMap, BTreeSet};

use rand::seq::IndexedRandom as _;

use super::form::{Form, Kind, Leaf, leaves};
use super::neighbours::{Echo, Neighbours, Slot, field};
use super::server::Found;
use crate::bait::Wish;
use crate::table::draw::Drawn;
use crate::table::fill::shaped;
use crate::table::learn::{Learned, Role};
use crate::table::{Cell, Value};

/// A longer value changes how the server stores a hash, and its fields lose their order.
const COMPACT: usize = 64;

/// A key and its value, made of what was drawn.
pub(super) struct Made {
    pub key: String,
    /// What stands for the last star.
    pub id: String,
    /// Fields and values, in order.
    pub cells: Vec<Cell>,
    /// Which of them hold what is the owner's.
    pub taken: Vec<bool>,
    /// The whole of a string; empty for a hash.
    pub text: String,
}

impl Neighbours {
    /// What would tell a key from its neighbours by how the server stores it.
    pub(super) fn stands_out(&self, made: &Made) -> Option<String> {
        let long = |text: &str| text.len() > COMPACT;
        let mut theirs = self.entries.iter().flat_map(|found| &found.fields);
        if self.form != Form::Hash || theirs.any(|leaf| long(&leaf.text)) {
            return None;
        }
        let mut ours = made
            .cells
            .iter()
            .filter(|cell| cell.value.text().is_some_and(long));
        ours.next().map(|cell| {
            format!(
                "{} is longer than the neighbours' values: the server keeps such a hash in another form, which shows its fields out of order",
                cell.column
            )
        })
    }

    /// Where a value of the canary names the key, gives it the neighbours' length and letters: the key
    /// would be told from them by any other.
    ///
    /// # Errors
    /// It may not be another.
    pub(super) fn fit(
        &self,
        learned: &Learned<'_>,
        wish: &Wish,
        drawn: &mut Drawn,
    ) -> Result<(), String> {
        let own = drawn.values[self.id].as_ref().and_then(Value::text);
        let Some(own) = own.filter(|_| drawn.canary[self.id]).map(str::to_owned) else {
            return Ok(());
        };
        let ids: Vec<&str> = learned
            .values(self.id)
            .into_iter()
            .filter_map(Value::text)
            .collect();
        let hex = |id: &str| {
            id.bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let build = |id: &str| (id.len(), hex(id));
        let Some(first) = ids.first().map(|id| build(id)) else {
            return Ok(());
        };
        let random = first.0 >= 16 && !own.contains('@');
        let uniform = ids.iter().all(|id| build(id) == first && !id.contains('-'));
        if !random || !uniform || build(&own) == first {
            return Ok(());
        }
        let mapped = learned.table.mapped(wish);
        let field = mapped
            .iter()
            .find(|(at, _)| *at == self.id)
            .map(|(_, field)| *field);
        let alone = |field: &str| {
            let mut others = wish.fields.iter().filter(|(name, _)| *name != field);
            others.all(|(_, value)| !value.contains(&own))
        };
        let Some(field) = field.filter(|field| wish.free.contains(*field) && alone(field)) else {
            return Err(format!(
                "its keys are named by {} characters each, and the value of the canary has {}",
                first.0,
                own.len()
            ));
        };
        let template = ids.choose(&mut rand::rng()).copied().unwrap_or_default();
        let fresh = shaped(template, 0);
        drawn.refined.insert(field.to_owned(), fresh.clone());
        drawn.values[self.id] = Some(Value::Text(fresh));
        Ok(())
    }

    /// The key and the value of a row; `None` if no neighbour's form takes it.
    pub(super) fn make(
        &self,
        learned: &Learned<'_>,
        drawn: &Drawn,
        next: Option<&str>,
    ) -> Option<Made> {
        let value = |at: usize| {
            drawn.values[at]
                .as_ref()
                .and_then(|value| self.written(learned, at, value, drawn))
        };
        let id = match next {
            Some(next) => next.to_owned(),
            None => value(self.id)?,
        };
        let mut parts = Vec::new();
        for star in 0..self.pattern.stars() - 1 {
            let at = self
                .slots
                .iter()
                .position(|slot| *slot == Slot::Part(star))?;
            parts.push(value(at)?);
        }
        parts.push(id.clone());
        let key = self.pattern.fill(&parts);
        self.pattern.parts(&key)?;
        let (mut values, mut canary) = (BTreeMap::new(), BTreeSet::new());
        let mut taken = BTreeSet::new();
        for (at, slot) in self.slots.iter().enumerate() {
            let Slot::Path(path) = slot else { continue };
            let text = value(at);
            if drawn.canary[at] {
                canary.insert(path.as_str());
            }
            let role = learned.columns[at].role;
            let shared = matches!(role, Role::Category | Role::Name(_) | Role::Time(_));
            let token = drawn.values[at].as_ref().map(Value::token);
            let theirs = token.is_some_and(|token| learned.columns[at].counts.contains_key(&token));
            if !drawn.canary[at] && !shared && theirs {
                taken.insert(path.as_str());
            }
            values.insert(path.as_str(), text);
        }
        for Echo { path, head, tail } in &self.echoes {
            values.insert(path, Some(format!("{head}{id}{tail}")));
        }
        let form = self.form_for(&values, &canary)?;
        let (fields, text) = self.write(form, &values)?;
        let cells = fields.iter().map(|leaf| {
            let own = canary.contains(leaf.path.as_str());
            Cell::new(&leaf.path, Value::Text(leaf.text.clone()), own)
        });
        Some(Made {
            key,
            id,
            taken: fields
                .iter()
                .map(|leaf| taken.contains(leaf.path.as_str()))
                .collect(),
            cells: cells.collect(),
            text,
        })
    }

    /// A value as text. A list that one neighbour alone has may say who that is: nobody's is taken over.
    fn written(
        &self,
        learned: &Learned<'_>,
        at: usize,
        value: &Value,
        drawn: &Drawn,
    ) -> Option<String> {
        let text = match value {
            Value::Null | Value::Blob(_) => return None,
            Value::Integer(number) => number.to_string(),
            Value::Real(number) => number.to_string(),
            Value::Text(text) => text.clone(),
        };
        let counts = &learned.columns[at].counts;
        let listed = text.starts_with(['[', '{']) && !drawn.canary[at];
        if !listed || counts.get(&text).is_none_or(|count| *count > 1) {
            return Some(text);
        }
        let most = counts.iter().max_by_key(|(_, count)| **count);
        let shared = most.filter(|(_, count)| **count > 1);
        let empty = if text.starts_with('[') { "[]" } else { "{}" };
        Some(shared.map_or_else(|| empty.to_owned(), |(text, _)| text.clone()))
    }

    /// A neighbour that has what ours has, and as little else as can be.
    fn form_for(
        &self,
        values: &BTreeMap<&str, Option<String>>,
        canary: &BTreeSet<&str>,
    ) -> Option<&Found> {
        let cost = |found: &&Found| {
            let known = found
                .fields
                .iter()
                .all(|leaf| values.contains_key(leaf.path.as_str()));
            let there = canary
                .iter()
                .all(|path| self.form == Form::Hash || field(found, path).is_some());
            (known && there).then(|| {
                let unlike = values.iter().filter(|(path, value)| {
                    let theirs = field(found, path).filter(|leaf| leaf.kind != Kind::Null);
                    theirs.is_some() != value.is_some()
                });
                unlike.count()
            })
        };
        let costs: Vec<(usize, &Found)> = self
            .entries
            .iter()
            .filter_map(|found| Some((cost(&found)?, found)))
            .collect();
        let least = costs.iter().map(|(cost, _)| *cost).min()?;
        let best: Vec<&Found> = costs
            .into_iter()
            .filter(|(cost, _)| *cost == least)
            .map(|(_, found)| found)
            .collect();
        best.choose(&mut rand::rng()).copied()
    }

    /// Writes values over a neighbour's.
    fn write(
        &self,
        form: &Found,
        values: &BTreeMap<&str, Option<String>>,
    ) -> Option<(Vec<Leaf>, String)> {
        match self.form {
            Form::Plain => {
                let text = values.get("").cloned().flatten()?;
                Some((vec![Leaf::plain("", &text)], text))
            }
            Form::Json => {
                let kinds = self.kinds.iter().map(|(path, kind)| (path.as_str(), *kind));
                let text = self
                    .style
                    .over(&form.text, &form.fields, values, &kinds.collect());
                Some((leaves(&text)?, text))
            }
            Form::Hash => {
                let mut fields: Vec<Leaf> = Vec::new();
                for leaf in &form.fields {
                    match values.get(leaf.path.as_str()).cloned().flatten() {
                        Some(text) => fields.push(Leaf::plain(&leaf.path, &text)),
                        None if leaf.kind == Kind::Null => fields.push(leaf.clone()),
                        None => {}
                    }
                }
                for (path, value) in values {
                    if let Some(text) = value
                        && field(form, path).is_none()
                    {
                        fields.push(Leaf::plain(path, text));
                    }
                }
                (!fields.is_empty()).then_some((fields, String::new()))
            }
        }
    }
}
