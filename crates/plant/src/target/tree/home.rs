//! JSON and YAML files whose programs look in one mapping and take entries of one form: registries of
//! container tools, tool servers of assistants, outputs of Terraform, variables of a pipeline.

use std::path::Path;

use data_encoding::BASE64;

use super::flat_ours;
use crate::bait::Values;
use crate::login::{Login, Place};
use crate::names::{self, Case};
use crate::text::{LITERAL, Ours, Request};

/// What a file's program keeps logins in.
#[derive(Clone, Copy)]
struct Home {
    /// The mapping.
    at: &'static str,
    /// The entry's key and content for a login; `None` if the kind has none that would do.
    entry: fn(&Login, &Place, &str) -> Option<(String, Values)>,
}

/// The mapping that holds entries in a file of this name: keys of the operator's choice apart.
pub(in crate::target) fn at(path: &Path) -> Option<Vec<String>> {
    let home = home(path).map(|home| home.at);
    let at = home.or_else(|| variables(path))?;
    // Some programs keep their entries at the top.
    Some(if at.is_empty() {
        Vec::new()
    } else {
        vec![at.to_owned()]
    })
}

/// The entries once a role, where the file has such a form and the kind a login; or variables for a
/// mapping that comes into being with them. `there` says whether the mapping exists.
pub(in crate::target) fn entries(
    path: &Path,
    request: &Request<'_>,
    there: bool,
) -> Option<Vec<Ours>> {
    if variables(path).is_some() {
        let at = at(path)?;
        let made = |role: &String| flat_ours(at.clone(), &request.wish.env, role, true);
        let wanted = !there && !request.wish.env.is_empty();
        return wanted.then(|| request.roles.iter().map(made).collect());
    }
    let home = home(path)?;
    let login = Login::of(request.wish);
    let place = login.at.as_ref()?;
    let at = at(path)?;
    let template = request.sheet.key.as_deref().unwrap_or("{role}");
    let one = |role: &String| {
        let name = names::fill(template, role);
        let (key, entries) = (home.entry)(&login, place, &name)?;
        Some(Ours {
            at: at.clone(),
            key: Some(key).filter(|key| !key.is_empty()),
            entries: entries
                .into_iter()
                .map(|(name, value)| (name, format!("{LITERAL}{value}")))
                .collect(),
            made: !there,
        })
    };
    request.roles.iter().map(one).collect()
}

fn home(path: &Path) -> Option<Home> {
    let name = path.file_name()?.to_str()?;
    let within = path
        .parent()
        .and_then(Path::file_name)
        .and_then(|name| name.to_str());
    let (at, entry): (_, fn(&Login, &Place, &str) -> _) = match (within.unwrap_or_default(), name) {
        (".docker", "config.json") | ("containers", "auth.json") | (_, ".dockercfg") => {
            ("auths", registry)
        }
        (".composer" | "composer", "auth.json") => ("http-basic", composer),
        (".vscode", "mcp.json") => ("servers", tools),
        (_, ".mcp.json" | "mcp.json" | ".claude.json" | "claude_desktop_config.json") => {
            ("mcpServers", tools)
        }
        (".mc" | "mc", "config.json") => ("aliases", minio),
        (".gem", "credentials") => ("", gem),
        (_, ".yarnrc.yml") => ("npmRegistries", yarn),
        (_, "credentials.tfrc.json") => ("credentials", terraform),
        (_, name) if name.ends_with(".tfstate") => ("outputs", output),
        _ => return None,
    };
    Some(Home { at, entry })
}

/// Where pipelines have their variables.
fn variables(path: &Path) -> Option<&'static str> {
    let name = path.file_name()?.to_str()?;
    let within = path.parent().and_then(Path::file_name);
    match name {
        ".gitlab-ci.yml" => Some("variables"),
        _ if within.is_some_and(|name| name == "workflows") => Some("env"),
        _ => None,
    }
}

fn pairs(list: &[(&str, &str)]) -> Values {
    list.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn is_web(place: &Place) -> bool {
    matches!(place.scheme.as_str(), "http" | "https")
}

fn registry(login: &Login, place: &Place, _: &str) -> Option<(String, Values)> {
    let plain = format!("{}:{}", login.who(), login.secret.as_deref()?);
    Some((
        place.authority(),
        pairs(&[("auth", &BASE64.encode(plain.as_bytes()))]),
    ))
}

fn composer(login: &Login, place: &Place, _: &str) -> Option<(String, Values)> {
    let secret = login.secret.as_deref()?;
    Some((
        place.host.clone(),
        pairs(&[("username", login.who()), ("password", secret)]),
    ))
}

fn tools(_: &Login, place: &Place, name: &str) -> Option<(String, Values)> {
    is_web(place).then(|| {
        let values = pairs(&[("type", "http"), ("url", &place.url(None))]);
        (Case::Kebab.write(name), values)
    })
}

fn minio(login: &Login, place: &Place, name: &str) -> Option<(String, Values)> {
    let (user, secret) = (login.user.as_deref()?, login.secret.as_deref()?);
    is_web(place).then(|| {
        let values = pairs(&[
            ("url", &place.url(None)),
            ("accessKey", user),
            ("secretKey", secret),
            ("api", "S3v4"),
            ("path", "auto"),
        ]);
        (Case::Kebab.write(name), values)
    })
}

/// RubyGems takes a host for a key's name.
fn gem(login: &Login, place: &Place, _: &str) -> Option<(String, Values)> {
    let secret = login.secret.as_deref()?;
    is_web(place).then(|| {
        let values = pairs(&[(&place.url(None), secret)]);
        (String::new(), values)
    })
}

fn yarn(login: &Login, place: &Place, _: &str) -> Option<(String, Values)> {
    let secret = login.secret.as_deref()?;
    is_web(place).then(|| {
        (
            format!("//{}", place.authority()),
            pairs(&[("npmAuthToken", secret)]),
        )
    })
}

fn terraform(login: &Login, place: &Place, _: &str) -> Option<(String, Values)> {
    let secret = login.secret.as_deref()?;
    Some((place.authority(), pairs(&[("token", secret)])))
}

fn output(login: &Login, place: &Place, name: &str) -> Option<(String, Values)> {
    let secret = login.secret.as_deref()?;
    let url = place.url(Some((login.who(), secret)));
    Some((
        Case::Snake.write(name),
        pairs(&[("value", &url), ("type", "string")]),
    ))
}
