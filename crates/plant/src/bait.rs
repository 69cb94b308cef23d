//! What this crate takes from the catalogue: a canary's values and the shapes it has in each sort of
//! target. The only file that knows the catalogue's types.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use data_encoding::BASE64;
use lapwing_core::{Asked, CanaryId, Placement, PlacementId, PlacementState, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Bait;

/// Names and the fields whose values go under them, in order.
pub(crate) type Values = Vec<(String, String)>;

/// A section of an INI file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Section {
    /// Sibling file it goes into, or the one it is for alone ([`Wish::is_apart`]); empty for the target itself.
    pub file: String,
    /// Template of its name.
    pub name: String,
    pub values: Values,
}

/// A column of a table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Column {
    /// Names it may have, lower snake case.
    pub names: Vec<String>,
    pub field: String,
}

impl Column {
    /// Whether it is for e-mail addresses.
    pub(crate) fn takes_mail(&self) -> bool {
        self.names.iter().any(|name| name == "email")
    }
}

/// Everything planning needs of a canary and its kind, so that a host can plant which has no catalogue.
/// Holds the canary's values.
#[derive(Clone, Serialize, Deserialize)]
pub struct Wish {
    /// What the placement will be called, where that is settled elsewhere: digests are salted with it.
    #[serde(default)]
    pub(crate) placement: Option<PlacementId>,
    pub(crate) canary: CanaryId,
    pub(crate) kind: String,
    pub(crate) fields: BTreeMap<String, String>,
    /// Fields by which it is recognised; one of them at least must be planted.
    pub(crate) handles: Vec<String>,
    pub(crate) roles: Vec<String>,
    pub(crate) env: Values,
    pub(crate) tree: Option<(String, Values)>,
    pub(crate) ini: Vec<Section>,
    pub(crate) row: Vec<Column>,
    pub(crate) defaults: Vec<String>,
    /// Fields that may take another value to fit among neighbours: neither the operator's own words
    /// nor something that only the kind can make.
    pub(crate) free: BTreeSet<String>,
    /// Fields that stay out of alerts; they never yield.
    pub(crate) secret: BTreeSet<String>,
}

impl Wish {
    /// The view of a bait.
    #[must_use]
    pub fn of(bait: &Bait<'_>) -> Self {
        let hints = &bait.kind.plant;
        Self {
            placement: None,
            canary: bait.canary.id,
            kind: bait.kind.id.clone(),
            fields: bait.canary.fields.clone(),
            handles: bait
                .kind
                .handles(&bait.canary.fields)
                .into_iter()
                .map(|(field, _)| field.to_owned())
                .collect(),
            roles: hints.roles.clone(),
            env: hints.env.clone(),
            tree: hints
                .tree
                .as_ref()
                .map(|tree| (tree.key.clone(), tree.values.clone())),
            ini: hints
                .ini
                .iter()
                .map(|ini| Section {
                    file: ini.file.clone(),
                    name: ini.section.clone(),
                    values: ini.values.clone(),
                })
                .collect(),
            row: hints
                .row
                .iter()
                .map(|column| Column {
                    names: column.columns.clone(),
                    field: column.field.clone(),
                })
                .collect(),
            defaults: hints.defaults.clone(),
            free: bait.canary.fields.keys().cloned().collect(),
            secret: bait
                .canary
                .fields
                .keys()
                .filter(|field| bait.kind.is_secret(field))
                .cloned()
                .collect(),
        }
    }

    /// The same, with these fields as they are, whatever neighbours have.
    #[must_use]
    pub fn keeping(mut self, fields: &BTreeSet<String>) -> Self {
        self.free.retain(|field| !fields.contains(field));
        self
    }

    /// The same, for a placement that is recorded under this id.
    #[must_use]
    pub const fn named(mut self, placement: PlacementId) -> Self {
        self.placement = Some(placement);
        self
    }

    /// A wish for nothing in particular: a row that only makes another one possible.
    pub(crate) fn nothing() -> Self {
        Self {
            placement: None,
            canary: CanaryId::fresh(),
            kind: String::new(),
            fields: BTreeMap::new(),
            handles: Vec::new(),
            roles: Vec::new(),
            env: Vec::new(),
            tree: None,
            ini: Vec::new(),
            row: Vec::new(),
            defaults: Vec::new(),
            free: BTreeSet::new(),
            secret: BTreeSet::new(),
        }
    }

    /// Whether a field only makes the row plausible: what neighbours have is as good.
    pub(crate) fn yields(&self, field: &str) -> bool {
        let recognised = self
            .handles
            .iter()
            .filter_map(|handle| self.fields.get(handle));
        !self.secret.contains(field) && !self.holds_handle(field, recognised.map(String::as_str))
    }

    /// Whether a section is for one file alone: the file has a directory, or the kind no keys for any
    /// other that it could stand beside.
    pub(crate) fn is_apart(&self, section: &Section) -> bool {
        let plain = self.ini.iter().any(|section| section.file.is_empty());
        !section.file.is_empty() && (section.file.contains('/') || !plain)
    }

    /// The sorts of target it has a shape for.
    pub(crate) fn shapes(&self) -> Vec<&'static str> {
        let mut shapes = Vec::new();
        if !self.env.is_empty() {
            shapes.extend([
                "env",
                "shell",
                "tfvars",
                "terraform",
                "python",
                "php",
                "dockerfile",
                "systemd",
                "xml",
            ]);
        }
        if !self.ini.is_empty() {
            shapes.push("ini");
        }
        if self.tree.is_some() {
            shapes.extend(["json", "yaml", "toml", "properties"]);
        }
        if self.kubeconfig().is_some() {
            shapes.push("kubeconfig");
        }
        if !self.row.is_empty() {
            shapes.extend(["sqlite", "postgres", "mariadb"]);
        }
        if !self.row.is_empty() || !self.env.is_empty() || self.tree.is_some() {
            shapes.push("redis");
        }
        shapes
    }

    /// The kubeconfig among the fields, if the kind makes one.
    pub(crate) fn kubeconfig(&self) -> Option<&str> {
        let is = |value: &&String| value.contains("clusters:") && value.contains("kind: Config");
        self.fields.values().find(is).map(String::as_str)
    }

    /// Whether any of these fields makes the canary recognisable: it is a handle or, as a URL does,
    /// holds one.
    pub(crate) fn recognisable<'a>(&self, mut planted: impl Iterator<Item = &'a str>) -> bool {
        let handles = || {
            self.handles
                .iter()
                .filter_map(|handle| self.fields.get(handle))
        };
        self.handles.is_empty()
            || planted.any(|field| self.holds_handle(field, handles().map(String::as_str)))
    }

    fn holds_handle<'a>(&self, field: &str, mut handles: impl Iterator<Item = &'a str>) -> bool {
        self.fields
            .get(field)
            .is_some_and(|value| handles.any(|handle| value.contains(handle)))
    }

    /// Whether what is written holds a value by which the canary is recognised, as it is or in the
    /// base 64 of HTTP Basic.
    pub(crate) fn shows<'a>(&self, mut written: impl Iterator<Item = &'a str>) -> bool {
        let held = |text: &str| {
            self.handles
                .iter()
                .filter_map(|handle| self.fields.get(handle))
                .any(|value| text.contains(value.as_str()))
        };
        self.handles.is_empty()
            || written.any(|text| {
                let plain = || String::from_utf8(BASE64.decode(text.as_bytes()).ok()?).ok();
                held(text) || plain().is_some_and(|text| held(&text))
            })
    }

    /// Whether one field makes the canary recognisable.
    pub(crate) fn tells(&self, field: &str) -> bool {
        self.recognisable(std::iter::once(field))
    }

    /// A placement of it that is about to be made; `detail` is what its sort of target understands.
    #[must_use]
    pub fn intend(&self, target: &str, target_kind: &str, detail: serde_json::Value) -> Placement {
        let now = jiff::Timestamp::now().as_microsecond();
        Placement {
            id: self.placement.unwrap_or_else(PlacementId::fresh),
            canary: self.canary,
            target: target.to_owned(),
            target_kind: target_kind.to_owned(),
            detail,
            before: String::new(),
            after: String::new(),
            state: PlacementState::Intended,
            intended: Timestamp::from_micros(now),
            planted: None,
            checked: None,
            accepted: Vec::new(),
            uprooted: None,
            asked: Asked::default(),
            declared: None,
            replaces: None,
            supersedes: false,
        }
    }
}

impl fmt::Debug for Wish {
    /// Never prints a value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wish({}, {})", self.canary, self.kind)
    }
}
