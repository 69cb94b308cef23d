//! Files whose programs take no keys that they do not know: at their top, or in a mapping of variables.

use std::path::Path;

use super::View;
use crate::error::{PlantError, Problem};
use crate::text::File;

/// What programs keep at the top of their own sort of file, what that is, and which mapping of it would do.
const CLOSED: &[(&[&str], &str, &str)] = &[
    (
        &["apiVersion", "kind"],
        "a Kubernetes object",
        "name a mapping of variables in it with --key (data, stringData)",
    ),
    (&["jobs", "on"], "a workflow", ENV),
    (&["jobs", "true"], "a workflow", ENV),
    (&["jobs", "name"], "a workflow", ENV),
    (&["jobs", "workflows"], "a pipeline of CircleCI", KEY),
    (&["scrape_configs"], "a configuration of Prometheus", KEY),
    (
        &["route", "receivers"],
        "a configuration of Alertmanager",
        KEY,
    ),
    (
        &["AWSTemplateFormatVersion", "Resources"],
        "a template of CloudFormation",
        KEY,
    ),
    (
        &["version", "updates"],
        "a configuration of Dependabot",
        KEY,
    ),
];
const ENV: &str = "name a mapping of variables in it with --key (env)";
const KEY: &str = "name a mapping in it that takes any key with --key, or plant in another file";

/// Files that are closed whatever stands in them.
const NAMED: &[(&str, &str)] = &[
    ("prometheus.yml", "a configuration of Prometheus"),
    ("alertmanager.yml", "a configuration of Alertmanager"),
    ("azure-pipelines.yml", "a pipeline of Azure"),
    ("bitbucket-pipelines.yml", "a pipeline of Bitbucket"),
    ("dependabot.yml", "a configuration of Dependabot"),
];

/// What a Compose file has at its top, extensions apart.
const COMPOSE: [&str; 9] = [
    "services", "version", "volumes", "networks", "configs", "secrets", "name", "include", "models",
];

fn has(view: &View, key: &str) -> bool {
    view.top.iter().any(|top| top == key)
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.to_lowercase().replace(".yaml", ".yml")
}

/// Refuses files whose programs reject a key at the top that they do not know.
pub(super) fn refuse(file: &File<'_>, view: &View) -> Result<(), PlantError> {
    let by_keys = CLOSED
        .iter()
        .find(|(keys, ..)| keys.iter().all(|key| has(view, key)));
    let by_keys = by_keys.map(|(_, what, hint)| (*what, *hint));
    let own = name(file.path);
    let by_name = || {
        NAMED
            .iter()
            .find(|(name, _)| *name == own)
            .map(|(_, what)| (*what, KEY))
    };
    // A network's plan has nothing else at its top.
    let netplan = || {
        let directory = file.path.parent().and_then(Path::file_name);
        let planned = directory.is_some_and(|name| name == "netplan");
        (planned && has(view, "network")).then_some(("a plan of the network", KEY))
    };
    match by_keys.or_else(by_name).or_else(netplan) {
        Some((what, hint)) => Err(PlantError::Refused(
            Problem::at(
                file.path,
                format!("is {what}, which takes no keys of one's own at its top"),
            )
            .hint(hint),
        )),
        None => Ok(()),
    }
}

/// Whether the mapping is one of variables: single values under names, whatever its neighbours look like.
pub(super) fn variables(file: &File<'_>, view: &View) -> Result<bool, PlantError> {
    let at = &view.container.at;
    let last = at.last().map_or("", String::as_str);
    if has(view, "apiVersion") && has(view, "kind") {
        let secret = |line: &str| line.trim_end() == "kind: Secret";
        if last == "data" && at.len() == 1 && file.text.lines().any(secret) {
            return Err(PlantError::Refused(
                Problem::at(file.path, "keeps the data of a Secret in base 64")
                    .hint("name its stringData with --key, which takes values as they are"),
            ));
        }
        return Ok(at.len() == 1 && matches!(last, "data" | "stringData"));
    }
    Ok(match last {
        "env" => has(view, "jobs"),
        "variables" => name(file.path).ends_with(".gitlab-ci.yml"),
        "environment" => at.len() == 3 && at[0] == "services",
        _ => false,
    })
}

/// Compose files and API descriptions take unknown keys at the top only as `x-...`.
pub(super) fn wants_extension(file: &File<'_>, view: &View) -> bool {
    let own = name(file.path);
    let by_name = own.ends_with(".yml")
        && ["compose", "docker-compose"]
            .iter()
            .any(|start| own.starts_with(start));
    let known = |key: &String| COMPOSE.contains(&key.as_str()) || key.starts_with("x-");
    by_name
        || has(view, "services") && view.top.iter().all(known)
        || has(view, "openapi")
        || has(view, "swagger")
}
