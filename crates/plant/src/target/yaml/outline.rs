//! Where the mappings of a YAML file and their keys stand, as `yaml-edit` reads it.

use std::ops::Range;

use yaml_edit::{Mapping, YamlFile, YamlNode};
use yaml_serde::Value;

use super::super::tree::{Container, View};
use super::documents;
use crate::names;
use crate::text::Ours;

/// The documents' tops.
pub(super) struct Outline {
    roots: Vec<Option<YamlNode>>,
    /// No document holds anything.
    bare: bool,
}

/// A key of a mapping, where it begins, and where its value ends as far as the parser counts.
pub(super) struct Key {
    pub name: String,
    pub start: usize,
    pub end: usize,
}

/// A mapping that bait can go into.
pub(super) struct Place {
    pub flow: bool,
    /// Start and end of the mapping as far as the parser counts.
    pub span: Range<usize>,
    pub keys: Vec<Key>,
    pub top: bool,
}

impl Outline {
    pub(super) fn of(text: &str) -> Result<Self, String> {
        let parsed = YamlFile::parse(text);
        if let Some(error) = parsed.errors().first() {
            return Err(format!("is not YAML: {error}"));
        }
        let roots: Vec<Option<YamlNode>> = parsed
            .tree()
            .documents()
            .map(|document| {
                let mapping = document.as_mapping().map(YamlNode::Mapping);
                mapping.or_else(|| document.as_sequence().map(YamlNode::Sequence))
            })
            .collect();
        let bare = documents(text).is_ok_and(|documents| documents.iter().all(Value::is_null));
        Ok(Self { roots, bare })
    }

    pub(super) const fn empty(&self) -> bool {
        self.bare
    }

    fn mapping(&self, at: &[String]) -> Option<Mapping> {
        self.roots.iter().flatten().find_map(|root| {
            let node = at
                .iter()
                .try_fold(root.clone(), |node, part| step(&node, part))?;
            node.as_mapping().cloned()
        })
    }

    /// Whether a path leads to anything, a mapping or not.
    pub(super) fn holds(&self, at: &[String]) -> bool {
        self.roots.iter().flatten().any(|root| {
            let node = at
                .iter()
                .try_fold(root.clone(), |node, part| step(&node, part));
            node.is_some()
        })
    }

    pub(super) fn place(&self, at: &[String]) -> Option<Place> {
        let mapping = self.mapping(at)?;
        let range = mapping.byte_range();
        let keys = mapping
            .entries()
            .filter_map(|entry| {
                let key = entry.key_node()?;
                let range = key.byte_range();
                let value = entry.value_node().map(|value| value.byte_range());
                Some(Key {
                    name: name_of(&key)?,
                    start: range.start as usize,
                    end: value.unwrap_or(range).end as usize,
                })
            })
            .collect();
        Some(Place {
            flow: mapping.is_flow_style(),
            span: range.start as usize..range.end as usize,
            keys,
            top: at.is_empty(),
        })
    }

    /// The items of a list of variables, if a path leads to one: each its text, and where it begins.
    pub(super) fn list(&self, at: &[String]) -> Option<Vec<Key>> {
        let found = self.roots.iter().flatten().find_map(|root| {
            let node = at
                .iter()
                .try_fold(root.clone(), |node, part| step(&node, part));
            match node? {
                YamlNode::Sequence(items) => Some(items),
                _ => None,
            }
        });
        let one = |item: YamlNode| {
            let range = item.byte_range();
            Some(Key {
                name: name_of(&item)?,
                start: range.start as usize,
                end: range.end as usize,
            })
        };
        let items: Vec<Key> = found?.values().map(one).collect::<Option<_>>()?;
        let sets = |item: &Key| item.name.contains('=');
        (!items.is_empty() && items.iter().any(sets)).then_some(items)
    }

    pub(super) fn view(&self, asked: &[String]) -> Option<View> {
        if asked.is_empty() && self.bare {
            return Some(View {
                top: Vec::new(),
                container: Container {
                    at: Vec::new(),
                    new_key: None,
                    keys: Vec::new(),
                },
                names: Vec::new(),
            });
        }
        let (at, new_key, mapping) = match self.mapping(asked) {
            Some(mapping) => (asked.to_vec(), None, mapping),
            None => {
                let (last, parents) = asked.split_last()?;
                (parents.to_vec(), Some(last.clone()), self.mapping(parents)?)
            }
        };
        let keys = mapping.entries().filter_map(|entry| {
            let single = !matches!(
                entry.value_node(),
                Some(YamlNode::Mapping(_) | YamlNode::Sequence(_))
            );
            Some((name_of(&entry.key_node()?)?, single))
        });
        let mut all = Vec::new();
        self.roots
            .iter()
            .flatten()
            .for_each(|root| gather(root, 0, &mut all));
        let top = self.mapping(&[]).map(|top| {
            top.entries()
                .filter_map(|e| name_of(&e.key_node()?))
                .collect()
        });
        Some(View {
            top: top.unwrap_or_default(),
            container: Container {
                at,
                new_key,
                keys: keys.collect(),
            },
            names: all,
        })
    }
}

fn name_of(node: &YamlNode) -> Option<String> {
    node.as_scalar().map(yaml_edit::Scalar::as_string)
}

fn step(node: &YamlNode, part: &str) -> Option<YamlNode> {
    match node {
        YamlNode::Mapping(mapping) => mapping.get(part),
        YamlNode::Sequence(items) => items.get(part.parse().ok()?),
        _ => None,
    }
}

/// Keys of the upper levels, for their style.
fn gather(node: &YamlNode, depth: usize, out: &mut Vec<String>) {
    if depth > 3 || out.len() > 500 {
        return;
    }
    match node {
        YamlNode::Mapping(mapping) => {
            for entry in mapping.entries() {
                out.extend(entry.key_node().as_ref().and_then(name_of));
                if let Some(value) = entry.value_node() {
                    gather(&value, depth + 1, out);
                }
            }
        }
        YamlNode::Sequence(items) => items
            .values()
            .for_each(|item| gather(&item, depth + 1, out)),
        _ => {}
    }
}

impl Place {
    pub(super) fn family_slot(&self, ours: &Ours) -> Option<usize> {
        let family = names::family(ours.branches().first()?.0);
        self.keys
            .iter()
            .rposition(|key| names::family(&key.name) == family)
            .map(|at| at + 1)
    }

    /// Whole lines of the entry at `at`, up to the next one or the mapping's end.
    pub(super) fn span(&self, text: &str, at: usize) -> Range<usize> {
        let start = self.keys[at].start;
        if self.flow {
            return self.span_in_flow(text, at);
        }
        let line = line_start(text, start);
        let column = start - line;
        let end = block_end(text, start, column);
        line..self
            .keys
            .get(at + 1)
            .map_or(end, |next| end.min(line_start(text, next.start)))
    }
}

impl Place {
    /// The entry at `at` with the comma that parts it from the next, or else from the one before.
    fn span_in_flow(&self, text: &str, at: usize) -> Range<usize> {
        let end_of = |key: &Key| key.start + text[key.start..key.end].trim_end().len();
        let key = &self.keys[at];
        if let Some(next) = self.keys.get(at + 1) {
            return key.start..next.start;
        }
        if let Some(before) = at.checked_sub(1) {
            return end_of(&self.keys[before])..end_of(key);
        }
        let end = end_of(key);
        let rest = text[end..].trim_start();
        let comma = rest.strip_prefix(',').map(str::len);
        key.start..comma.map_or(end, |rest| text.len() - rest)
    }
}

pub(super) fn line_start(text: &str, offset: usize) -> usize {
    text[..offset].rfind('\n').map_or(0, |at| at + 1)
}

/// Behind the last line that belongs to the entry whose key stands at `start` in `column`.
pub(super) fn block_end(text: &str, start: usize, column: usize) -> usize {
    let mut end = text.len();
    let mut at = start;
    for (index, line) in text[start..].split_inclusive('\n').enumerate() {
        let body = line.trim_start_matches(' ');
        let indent = line.len() - body.len();
        let body = body.trim_end();
        let blank = body.is_empty() || body.starts_with('#');
        let item = body == "-" || body.starts_with("- ");
        let ends = !blank && (indent < column || (indent == column && !item));
        if index > 0 && !blank && (ends || (indent == column && is_marker(body))) {
            return end;
        }
        at += line.len();
        if !blank || index == 0 {
            end = at;
        }
    }
    end
}

pub(super) fn is_marker(line: &str) -> bool {
    matches!(line, "---" | "...") || line.starts_with("--- ")
}
