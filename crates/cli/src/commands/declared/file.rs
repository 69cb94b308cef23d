//! The file of declarations: its schema, version 1. Unknown keys are errors that name the line and
//! what is allowed; docs/DECLARED.md says what each key means.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use lapwing_catalog::Catalog;
use lapwing_core::{Asked, Declared, Placement, Site, bounded};
use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};

use crate::commands::rotate;
use crate::failure::Advice;
use crate::planting::Order;

/// Largest file that is read, in bytes.
const LARGEST: u64 = 4 << 20;
/// Most canaries one declaration may ask for.
const MOST: u32 = 10_000;

/// A file of declarations, read and checked.
pub(super) struct Declaration {
    /// Its path, absolute.
    pub(super) file: String,
    /// The name that binds placements to it.
    pub(super) name: String,
    /// What is to stand, in the order of the file.
    pub(super) items: Vec<Item>,
    text: String,
}

/// One canary that is to stand.
pub(super) struct Item {
    /// Its name in the file, with a number if there are several.
    pub(super) bait: String,
    pub(super) kind: String,
    pub(super) target: String,
    pub(super) memo: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) asked: Asked,
    pub(super) rotation: Rotation,
    deception: String,
    file: String,
}

impl Item {
    /// The order it is, perhaps in the place of an older placement.
    pub(super) fn order<'a>(&'a self, replaces: Option<&'a Placement>, show: bool) -> Order<'a> {
        Order {
            kind: &self.kind,
            target: &self.target,
            memo: &self.memo,
            labels: &self.labels,
            asked: &self.asked,
            declared: Some(self.binding()),
            replaces,
            show,
        }
    }

    /// What its placement is bound by.
    pub(super) fn binding(&self) -> Declared {
        Declared {
            deception: self.deception.clone(),
            bait: self.bait.clone(),
            file: self.file.clone(),
        }
    }
}

impl Declaration {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let path = std::path::absolute(path)?;
        let text = match bounded::read_text(&path, LARGEST) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Advice::error(
                    format!("there is no {}", path.display()),
                    "name the file of declarations with --file; docs/DECLARED.md says what it holds",
                ));
            }
            read => read.with_context(|| format!("cannot read {}", path.display()))?,
        };
        Self::parse(&path, text)
    }

    fn parse(path: &Path, text: String) -> anyhow::Result<Self> {
        let shown = path.display();
        let file: File = yaml_serde::from_str(&text).map_err(|error| {
            let line = error.location().map_or(1, |location| location.line());
            let said = error.to_string();
            let what = said.split(" at line ").next().unwrap_or(&said);
            Advice::error(format!("{what}\n  --> {shown}:{line}"), KEYS)
        })?;
        let File {
            version: _,
            name,
            defaults,
            bait,
        } = file;
        let mut declaration = Self {
            file: shown.to_string(),
            name: name.0,
            items: Vec::new(),
            text,
        };
        let directory = path.parent().unwrap_or(Path::new("/"));
        let mut names = BTreeSet::new();
        for entry in bait {
            if !names.insert(entry.name.0.clone()) {
                let what = format!("two baits are called {}", entry.name.0);
                let hint = "a name binds bait to its record: give each its own";
                return Err(declaration.mistake(&entry.name.0, what, hint));
            }
            declaration.add(directory, &defaults, entry)?;
        }
        Ok(declaration)
    }

    fn add(&mut self, directory: &Path, defaults: &Defaults, entry: Entry) -> anyhow::Result<()> {
        let Entry {
            name: Name(name),
            kind,
            target,
            format,
            key,
            role,
            address,
            locale,
            set,
            memo,
            labels,
            owner,
            rotation,
            count,
            danger_default,
            danger_triggers,
        } = entry;
        let target = resolve(directory, &target);
        let away = Site::of(&target);
        let reached = match &away {
            Some((Site::Ssh(login), _)) => Site::is_name(login),
            Some((Site::Host(_), _)) => false,
            None => !["ssh://", "host://"]
                .iter()
                .any(|it| target.starts_with(it)),
        };
        if !reached {
            let what = format!("{name}: {target} is no target on a host that is reached from here");
            let hint = "write ssh://[user@]host[:port]/path; other hosts are planted on by `lapwing bundle`";
            return Err(self.mistake(&name, what, hint));
        }
        let count = count.unwrap_or(1);
        let there = away.as_ref().map_or(target.as_str(), |(_, there)| there);
        let table = there.starts_with("sqlite:") || there.contains("://");
        if count != 1 && !table || !(1..=MOST).contains(&count) {
            let what = format!("{name}: count is for rows of tables, from 1 to {MOST}");
            let hint = "declare each of several baits in a file by itself, under a name of its own";
            return Err(self.mistake(&name, what, hint));
        }
        let mut all = defaults.labels.clone();
        if let Some(owner) = owner.as_ref().or(defaults.owner.as_ref()) {
            all.insert("owner".to_owned(), owner.clone());
        }
        all.extend(labels);
        let asked = Asked {
            format,
            key,
            role: role.or_else(|| defaults.role.clone()),
            address: address.or_else(|| defaults.address.clone()),
            locale: locale.or_else(|| defaults.locale.clone()),
            set,
            danger_default,
            danger_triggers,
        };
        for number in 1..=count {
            let bait = match number {
                1 => name.clone(),
                _ => format!("{name}#{number}"),
            };
            self.items.push(Item {
                bait,
                kind: kind.clone(),
                target: target.clone(),
                memo: memo
                    .clone()
                    .or_else(|| defaults.memo.clone())
                    .unwrap_or_default(),
                labels: all.clone(),
                asked: asked.clone(),
                rotation: rotation
                    .clone()
                    .unwrap_or_else(|| defaults.rotation.clone()),
                deception: self.name.clone(),
                file: self.file.clone(),
            });
        }
        Ok(())
    }

    /// Refuses kinds that are not in the catalogue, and settles which addresses may be named.
    pub(super) fn check_kinds(&self, catalog: &Catalog) -> anyhow::Result<()> {
        let mut known = BTreeSet::new();
        for item in &self.items {
            if known.insert(&item.kind)
                && let Err(error) = catalog.require(&item.kind)
            {
                let hint = "`lapwing kinds` lists them";
                return Err(self.mistake(&item.bait, error.to_string(), hint));
            }
        }
        Ok(())
    }

    /// Whether a placement was made from this file, or one of its name.
    pub(super) fn made(&self, placement: &Placement) -> bool {
        let declared = placement.declared.as_ref();
        declared.is_some_and(|declared| declared.deception == self.name)
    }

    /// An error that names the line of a bait.
    fn mistake(&self, bait: &str, what: String, hint: &str) -> anyhow::Error {
        let names = |line: &str| {
            let line = line.trim_start().trim_start_matches("- ");
            let value = line.strip_prefix("name:").map(str::trim);
            value.is_some_and(|value| value.trim_matches(['"', '\'']) == bait)
        };
        let lines = self.text.lines().enumerate();
        // Of two of one name, the second is the mistake.
        let line = lines.filter(|(_, line)| names(line)).last();
        let line = line.map_or(1, |(at, _)| at + 1);
        Advice::error(format!("{what}\n  --> {}:{line}", self.file), hint)
    }
}

const KEYS: &str = "docs/DECLARED.md lists every key and what it means";

/// A target of the file: what is relative is relative to the file.
fn resolve(directory: &Path, target: &str) -> String {
    let from = |path: &str| -> PathBuf {
        let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
        match (path.strip_prefix("~/"), home) {
            (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
            _ => directory.join(path),
        }
    };
    match target.strip_prefix("sqlite:") {
        Some(rest) => {
            let rest = rest.strip_prefix("//").unwrap_or(rest);
            format!("sqlite:{}", from(rest).display())
        }
        None if target.contains("://") => target.to_owned(),
        None => from(target).display().to_string(),
    }
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[expect(dead_code, reason = "checked while it is read")]
    version: Version,
    name: Name,
    #[serde(default)]
    defaults: Defaults,
    bait: Vec<Entry>,
}

/// What holds for every bait that does not say otherwise.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Defaults {
    memo: Option<String>,
    labels: BTreeMap<String, String>,
    owner: Option<String>,
    rotation: Rotation,
    role: Option<String>,
    address: Option<String>,
    locale: Option<String>,
}

/// One bait, or rows of one sort.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Name,
    kind: String,
    target: String,
    format: Option<String>,
    key: Option<String>,
    role: Option<String>,
    address: Option<String>,
    locale: Option<String>,
    #[serde(default)]
    set: BTreeMap<String, String>,
    memo: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    owner: Option<String>,
    rotation: Option<Rotation>,
    count: Option<u32>,
    #[serde(default, rename = "danger-default")]
    danger_default: bool,
    #[serde(default, rename = "danger-triggers")]
    danger_triggers: BTreeSet<String>,
}

struct Version;

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            1 => Ok(Self),
            other => Err(de::Error::custom(format!(
                "version {other} is not known; this program reads version 1"
            ))),
        }
    }
}

/// Small letters, digits and `-`, `_`, `.`, at most 64.
struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
        if !name.is_empty() && name.len() <= 64 && name.chars().all(fits) {
            return Ok(Self(name));
        }
        Err(de::Error::custom(format!(
            "{name:?} is no name: small letters, digits, '-', '_' and '.', at most 64"
        )))
    }
}

/// When a canary makes room for a fresh one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rotation {
    /// When it is so old (`90d`).
    pub(super) age: Option<String>,
    /// When it was used, other than by a drill.
    pub(super) after_trip: bool,
}

impl Rotation {
    fn add<E: de::Error>(&mut self, word: &str) -> Result<(), E> {
        match word {
            "never" => *self = Self::default(),
            "after-trip" => self.after_trip = true,
            age if rotate::ago(age).is_ok() => self.age = Some(age.to_owned()),
            other => {
                return Err(E::custom(format!(
                    "{other:?} is no rotation: write an age such as 90d, after-trip, never, or a list of them"
                )));
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Rotation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl<'de> Visitor<'de> for Words {
            type Value = Rotation;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an age such as 90d, after-trip, never, or a list of them")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Rotation, E> {
                let mut rotation = Rotation::default();
                rotation.add(word)?;
                Ok(rotation)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut words: A) -> Result<Rotation, A::Error> {
                let mut rotation = Rotation::default();
                while let Some(word) = words.next_element::<String>()? {
                    rotation.add(&word)?;
                }
                Ok(rotation)
            }
        }
        deserializer.deserialize_any(Words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> anyhow::Result<Declaration> {
        Declaration::parse(Path::new("/srv/deception.yaml"), text.to_owned())
    }

    const HEAD: &str = "version: 1\nname: shop\ndefaults:\n  owner: ops\n  rotation: 90d\nbait:\n";

    #[test]
    fn defaults_hold_unless_a_bait_says_otherwise() {
        let text = format!(
            "{HEAD}  - {{name: a, kind: twilio, target: app/.env, rotation: [after-trip, 30d]}}\n  \
             - {{name: b, kind: person, target: 'sqlite:a.db?table=users', owner: me, count: 3}}\n"
        );
        let declaration = parse(&text).expect("reads");
        let items = &declaration.items;
        let names: Vec<&str> = items.iter().map(|item| item.bait.as_str()).collect();
        assert_eq!(names, ["a", "b", "b#2", "b#3"]);
        assert_eq!(items[0].target, "/srv/app/.env");
        assert_eq!(items[1].target, "sqlite:/srv/a.db?table=users");
        assert_eq!(items[0].labels["owner"], "ops");
        assert_eq!(items[3].labels["owner"], "me");
        assert_eq!(items[0].rotation.age.as_deref(), Some("30d"));
        assert!(items[0].rotation.after_trip && !items[1].rotation.after_trip);
        assert_eq!(items[1].rotation.age.as_deref(), Some("90d"));
    }

    #[test]
    fn mistakes_name_line_and_what_is_allowed() {
        for (more, line, words) in [
            ("  - name: a\n    kind: twilio\n    targt: x\n", 9, "target"),
            (
                "  - name: a\n    kind: twilio\n    target: x\n    rotation: soon\n",
                10,
                "after-trip",
            ),
            (
                "  - name: A b\n    kind: twilio\n    target: x\n",
                7,
                "small letters",
            ),
            (
                "  - name: a\n    kind: twilio\n    target: x\n    count: 2\n",
                7,
                "rows",
            ),
            (
                "  - name: a\n    kind: k\n    target: x\n  - name: a\n    kind: k\n    target: y\n",
                10,
                "two baits",
            ),
        ] {
            let error = parse(&format!("{HEAD}{more}")).err().expect("a mistake");
            let said = error.to_string();
            assert!(said.contains(words), "{said}");
            assert!(
                said.ends_with(&format!("/srv/deception.yaml:{line}")),
                "{said}"
            );
        }
        let error = parse("version: 2\nname: a\nbait: []\n")
            .err()
            .expect("a version");
        assert!(error.to_string().contains("version 2"), "{error}");
    }
}
