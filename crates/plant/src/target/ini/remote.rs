//! A remote in the configuration of a git repository.

use std::path::Path;

use crate::Options;
use crate::bait::Wish;
use crate::login::Login;
use crate::text::{LITERAL, Sheet};

/// Whether it is the configuration of one repository.
pub(super) fn is_repository(path: &Path) -> bool {
    let within = path.parent().and_then(Path::file_name);
    within.is_some_and(|name| name == ".git")
        && path.file_name().is_some_and(|name| name == "config")
}

/// A further remote, which a fetch of all of them leaves out, for a login that git would take.
pub(super) fn remote(path: &Path, wish: &Wish, options: &Options) -> Option<Sheet> {
    let login = Login::of(wish);
    let (at, secret) = (login.at.as_ref()?, login.secret.as_deref()?);
    let web = matches!(at.scheme.as_str(), "http" | "https");
    if !is_repository(path) || !web {
        return None;
    }
    let mut place = at.clone();
    if !place.path.ends_with(".git") {
        let kept = place.path.find(['?', '#']).unwrap_or(place.path.len());
        place.path.truncate(kept);
        let directory = path
            .parent()
            .and_then(Path::parent)
            .and_then(Path::file_name);
        let name = directory.and_then(|name| name.to_str()).unwrap_or("app");
        place.path = format!("{}/{name}.git", place.path.trim_end_matches('/'));
    }
    let name = options.key.clone().unwrap_or_else(|| "{role}".to_owned());
    let value = |name: &str, value: &str| (name.to_owned(), format!("{LITERAL}{value}"));
    Some(Sheet {
        path: path.to_owned(),
        key: Some(format!("remote \"{name}\"")),
        values: vec![
            value("url", &place.url(Some((login.who(), secret)))),
            value("fetch", &format!("+refs/heads/*:refs/remotes/{name}/*")),
            value("skipFetchAll", "true"),
        ],
        create: false,
    })
}
