//! All kinds: those compiled in, and the operator's own laid over them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::answer::{self, Answer, Asked};
use crate::error::CatalogError;
use crate::kind::Kind;
use crate::memory::Memory;
use crate::render::{self, NewTemplate};
use crate::schema::Source;
use crate::templates::Templates;
use flate2::{Decompress, FlushDecompress};
use lapwing_core::bounded;

/// The files of `canaries/` from the build script: name, length, deflated text.
const BUILTIN: &[(&str, usize, &[u8])] = include!(concat!(env!("OUT_DIR"), "/builtin.rs"));
/// Folders a kind's file may lie in.
pub(crate) const CLASSES: [&str; 4] = ["beacon", "credential", "document", "record"];
/// Largest kind file, in bytes.
const LARGEST_FILE: u64 = 1 << 20;
/// Most files of an overlay.
const MOST_FILES: usize = 10_000;

/// Every kind there is, ready to mint and to answer.
#[derive(Debug)]
pub struct Catalog {
    kinds: Vec<Kind>,
    templates: Templates,
    memory: Memory,
}

/// When the templates of a kind are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tried {
    /// While it is read.
    Now,
    /// By the battery, in the tests of this program.
    Already,
}

/// What the build script deflated.
fn inflated(deflated: &[u8], length: usize) -> String {
    let mut text = Vec::with_capacity(length);
    // It stops where the capacity ends.
    Decompress::new(false)
        .decompress_vec(deflated, &mut text, FlushDecompress::Finish)
        .expect("the build script deflated it");
    String::from_utf8(text).expect("kinds are text")
}

impl Catalog {
    /// The kinds compiled in.
    ///
    /// # Errors
    /// A file does not follow the schema (a mistake in this program, caught by its tests).
    pub fn builtin() -> Result<Self, CatalogError> {
        Self::compiled_in(Tried::Already)
    }

    fn compiled_in(tried: Tried) -> Result<Self, CatalogError> {
        let mut catalog = Self {
            kinds: Vec::new(),
            templates: Templates::default(),
            memory: Memory::default(),
        };
        for (file, length, deflated) in BUILTIN {
            let text = &inflated(deflated, *length);
            let path = Path::new(file);
            let class = path
                .parent()
                .and_then(Path::file_name)
                .map(|name| name.to_string_lossy())
                .unwrap_or_default();
            let stem = path
                .file_stem()
                .map(|name| name.to_string_lossy())
                .unwrap_or_default();
            catalog.add(&class, &stem, Source { file, text }, tried)?;
        }
        catalog.sort();
        Ok(catalog)
    }

    /// The kinds compiled in, and every `<class>/<id>.toml` below `overlay`; the same id replaces. A
    /// directory that is not there is fine.
    ///
    /// # Errors
    /// A file that cannot be read or does not follow the schema.
    pub fn load(overlay: Option<&Path>) -> Result<Self, CatalogError> {
        let mut catalog = Self::builtin()?;
        if let Some(overlay) = overlay {
            catalog.overlay(overlay)?;
        }
        catalog.sort();
        Ok(catalog)
    }

    /// As [`Catalog::load`], with every template tried.
    pub(crate) fn load_tried(overlay: Option<&Path>) -> Result<Self, CatalogError> {
        let mut catalog = Self::compiled_in(Tried::Now)?;
        if let Some(overlay) = overlay {
            catalog.overlay(overlay)?;
        }
        catalog.sort();
        Ok(catalog)
    }

    /// All kinds, by class, then id.
    pub fn kinds(&self) -> impl Iterator<Item = &Kind> {
        self.kinds.iter()
    }

    /// The kind of this name.
    #[must_use]
    pub fn kind(&self, id: &str) -> Option<&Kind> {
        self.kinds.iter().find(|kind| kind.id == id)
    }

    /// The kind of this name, or an error that lists similar ones.
    ///
    /// # Errors
    /// [`CatalogError::UnknownKind`].
    pub fn require(&self, id: &str) -> Result<&Kind, CatalogError> {
        self.kind(id).ok_or_else(|| CatalogError::UnknownKind {
            id: id.to_owned(),
            nearest: self.nearest(id),
        })
    }

    /// The decoy answer to a request; `None` if no kind bound to the host has one.
    #[must_use]
    pub fn answer(&self, asked: &Asked<'_>) -> Option<Answer> {
        let kinds: Vec<&Kind> = asked.kinds.iter().filter_map(|id| self.kind(id)).collect();
        answer::answer(&self.templates, &self.memory, &kinds, asked)
    }

    pub(crate) fn environment(&self) -> &Templates {
        &self.templates
    }

    fn overlay(&mut self, root: &Path) -> Result<(), CatalogError> {
        for path in toml_files(root)? {
            let file = path.display().to_string();
            let text =
                bounded::read_text(&path, LARGEST_FILE).map_err(|source| CatalogError::Read {
                    path: path.clone(),
                    source,
                })?;
            let class = path
                .parent()
                .and_then(Path::file_name)
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            let stem = path
                .file_stem()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            self.add(
                &class,
                &stem,
                Source {
                    file: &file,
                    text: &text,
                },
                Tried::Now,
            )?;
        }
        Ok(())
    }

    /// Compiles one file and takes it in, in place of a kind of the same name.
    fn add(
        &mut self,
        class: &str,
        stem: &str,
        source: Source<'_>,
        tried: Tried,
    ) -> Result<(), CatalogError> {
        if !CLASSES.contains(&class) {
            return Err(source.wrong(
                0,
                format!("{class:?} is no class of kinds"),
                format!("put the file into a folder {}", CLASSES.join("/, ")),
            ));
        }
        let (kind, templates) = Kind::compile(class, stem, source)?;
        let names: Vec<(String, usize)> = templates
            .iter()
            .map(|template| (template.name.clone(), template.offset))
            .collect();
        if tried == Tried::Now {
            for template in &templates {
                Templates::try_one(template)
                    .map_err(|error| wrong_syntax(source, template, &error))?;
            }
        }
        self.templates.replace(&kind.id, templates);
        if tried == Tried::Now {
            self.check_names(&kind, &names, source)?;
            self.templates.forget(&kind.id);
        }
        self.kinds.retain(|known| known.id != kind.id);
        self.kinds.push(kind);
        Ok(())
    }

    /// Whether templates use only what they are given.
    fn check_names(
        &self,
        kind: &Kind,
        names: &[(String, usize)],
        source: Source<'_>,
    ) -> Result<(), CatalogError> {
        let fields: Vec<&str> = kind
            .fields
            .iter()
            .map(|field| field.name.as_str())
            .collect();
        for (name, offset) in names {
            let wrong = render::undeclared(&self.templates, name, &fields);
            if !wrong.is_empty() {
                return Err(source.wrong(
                    *offset,
                    format!(
                        "a template uses {}, which it is not given",
                        wrong.join(", ")
                    ),
                    "use declared fields and the names listed in crates/catalog/src/render.rs",
                ));
            }
        }
        Ok(())
    }

    fn sort(&mut self) {
        self.kinds
            .sort_by(|a, b| (&a.class, &a.id).cmp(&(&b.class, &b.id)));
    }

    /// Kinds with a similar name: those that share a part of it, else the closest by letters.
    fn nearest(&self, id: &str) -> Vec<String> {
        let mut scored: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for kind in &self.kinds {
            let shares = !id.is_empty() && (kind.id.contains(id) || id.contains(kind.id.as_str()));
            let distance = if shares { 0 } else { distance(id, &kind.id) };
            if distance <= id.len().max(3) / 2 {
                scored.entry(distance).or_default().push(kind.id.clone());
            }
        }
        scored.into_values().flatten().take(8).collect()
    }
}

fn wrong_syntax(
    source: Source<'_>,
    template: &NewTemplate,
    error: &minijinja::Error,
) -> CatalogError {
    source.wrong(
        template.offset,
        format!(
            "line {} of a template: {}",
            error.line().unwrap_or(1),
            error.detail().unwrap_or("syntax error")
        ),
        "correct the template",
    )
}

/// Every `.toml` below a directory, sorted; none if it is not there. Links are not followed.
fn toml_files(root: &Path) -> Result<Vec<PathBuf>, CatalogError> {
    let mut files = Vec::new();
    let mut open = vec![(root.to_owned(), 0)];
    while let Some((directory, depth)) = open.pop() {
        let failed = |source| CatalogError::Read {
            path: directory.clone(),
            source,
        };
        let entries = match fs::read_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && depth == 0 => {
                return Ok(files);
            }
            entries => entries.map_err(failed)?,
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            let path = entry.path();
            if kind.is_dir() && depth < 4 {
                open.push((path, depth + 1));
            } else if kind.is_file()
                && path
                    .extension()
                    .is_some_and(|extension| extension == "toml")
                && files.len() < MOST_FILES
            {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Levenshtein's distance, in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().take(64).enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let best = (corner + usize::from(from != *to))
                .min(row[j] + 1)
                .min(row[j + 1] + 1);
            corner = row[j + 1];
            row[j + 1] = best;
        }
    }
    row[b.len()]
}
