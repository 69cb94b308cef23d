//! What YAML and JSON share: choosing where in a tree the bait goes, and under which names.

mod closed;
pub(super) mod home;

use crate::bait::{Values, Wish};
use crate::error::{PlantError, Problem};
use crate::names::{self, Case};
use crate::text::{File, Ours, Request, Sheet, shapeless};

/// What is known of the tree before names are chosen.
pub(super) struct View {
    /// Keys at the top.
    pub top: Vec<String>,
    /// The mapping the bait goes into.
    pub container: Container,
    /// Names all over the file, for their style.
    pub names: Vec<String>,
}

/// A mapping of the file.
pub(super) struct Container {
    pub at: Vec<String>,
    /// The new key, where the operator has named it.
    pub new_key: Option<String>,
    /// Its keys; values that are single ones are marked.
    pub keys: Vec<(String, bool)>,
}

/// The sheet for a tree.
pub(super) fn sheet(
    target_kind: &str,
    path: &std::path::Path,
    wish: &Wish,
) -> Result<Sheet, PlantError> {
    let Some((key, values)) = &wish.tree else {
        return Err(shapeless(wish, target_kind, path));
    };
    Ok(Sheet {
        path: path.to_owned(),
        key: Some(key.clone()),
        values: values.clone(),
        create: false,
    })
}

/// The operator's path, in its parts.
pub(super) fn path(key: Option<&str>) -> Vec<String> {
    key.map_or_else(Vec::new, |key| {
        key.trim_matches('.')
            .split('.')
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    })
}

/// Names in the style of the neighbours, once a role.
pub(super) fn style(
    file: &File<'_>,
    request: &Request<'_>,
    view: &View,
) -> Result<Vec<Ours>, PlantError> {
    let container = &view.container;
    let top = container.at.is_empty();
    if top && container.new_key.is_none() {
        closed::refuse(file, view)?;
    }
    let variables = closed::variables(file, view)?;
    let named = container.new_key.is_some();
    if variables && (named || request.wish.env.is_empty()) {
        return Err(PlantError::Refused(
            Problem::at(file.path, "takes single variables there, and no mapping").hint(
                "name the mapping of variables itself with --key, and a kind that has variables",
            ),
        ));
    }
    let flat = variables || is_flat(container) && !request.wish.env.is_empty() && !named;
    if flat {
        return Ok(request
            .roles
            .iter()
            .map(|role| flat_ours(container.at.clone(), &request.wish.env, role, false))
            .collect());
    }
    let names = || view.names.iter().map(String::as_str);
    let inner = container.keys.iter().map(|(key, _)| key.as_str());
    let case = Case::most(inner)
        .or_else(|| Case::most(names()))
        .unwrap_or(Case::Snake);
    let values = Case::most(names())
        .filter(|c| *c != Case::Screaming)
        .unwrap_or(case);
    let template = request.sheet.key.as_deref().unwrap_or_default();
    let extension = top && closed::wants_extension(file, view);
    // Extensions of source maps begin so.
    let map = top
        && ["mappings", "sources"]
            .iter()
            .all(|key| view.top.iter().any(|top| top == key));
    let one = |role: &String| {
        let name = names::fill(template, role);
        let key = match &container.new_key {
            Some(key) => key.clone(),
            None if map => format!("x_{}", Case::Snake.write(&name)),
            None if extension => format!("x-{}", Case::Kebab.write(&name)),
            None => case.write(&name),
        };
        Ours {
            at: container.at.clone(),
            key: Some(key),
            entries: request
                .sheet
                .values
                .iter()
                .map(|(name, field)| (values.write(&names::fill(name, role)), field.clone()))
                .collect(),
            made: false,
        }
    };
    Ok(request.roles.iter().map(one).collect())
}

/// A mapping of variables: single values under capital names.
fn is_flat(container: &Container) -> bool {
    let screaming = |key: &str| {
        key.len() > 1
            && !key.chars().any(|c| c.is_ascii_lowercase())
            && key.chars().any(|c| c.is_ascii_uppercase())
    };
    !container.at.is_empty()
        && !container.keys.is_empty()
        && container
            .keys
            .iter()
            .all(|(key, single)| *single && screaming(key))
}

/// Variables of the environment in a mapping or list of them.
pub(super) fn flat_ours(at: Vec<String>, env: &Values, role: &str, made: bool) -> Ours {
    Ours {
        at,
        key: None,
        entries: env
            .iter()
            .map(|(name, field)| (names::fill(name, role), field.clone()))
            .collect(),
        made,
    }
}

/// The error for a path that leads nowhere.
pub(super) fn no_mapping(file: &File<'_>, at: &[String]) -> PlantError {
    let what = if at.is_empty() {
        "has no mapping at its top".to_owned()
    } else {
        format!("has no mapping at {}", at.join("."))
    };
    PlantError::Target(Problem::at(file.path, what).hint("name an existing mapping with --key"))
}
