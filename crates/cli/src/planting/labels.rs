//! Labels that say where a canary stands: host, repository, table. An alert then tells without a look
//! into the ledger which machine or project was read.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use lapwing_core::{Site, bounded};

/// Knows host and repositories, each looked up once.
pub(super) struct Places {
    host: Option<String>,
    repositories: RefCell<HashMap<PathBuf, Option<String>>>,
}

impl Places {
    pub(super) fn new() -> Self {
        let named = |path: &str| bounded::read_text(path.as_ref(), 1024).ok();
        let host = named("/proc/sys/kernel/hostname").or_else(|| named("/etc/hostname"));
        Self {
            host: host
                .map(|name| name.trim().to_owned())
                .filter(|name| !name.is_empty()),
            repositories: RefCell::default(),
        }
    }

    /// Labels for a target in its canonical form.
    pub(super) fn of(&self, target: &str) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::new();
        let mut put = |name: &str, value: Option<String>| {
            labels.extend(value.map(|value| (name.to_owned(), value)));
        };
        if let Some((site, there)) = Site::of(target) {
            put("host", Some(site.name().to_owned()));
            put("table", table(&there));
            return labels;
        }
        put("host", self.host.clone());
        put("table", table(target));
        if !target.contains("://") {
            let path = target.strip_prefix("sqlite:").unwrap_or(target);
            let path = path.split_once('?').map_or(path, |(path, _)| path);
            put("repository", self.repository(Path::new(path)));
        }
        labels
    }

    fn repository(&self, file: &Path) -> Option<String> {
        let directory = file.parent()?;
        let mut known = self.repositories.borrow_mut();
        let entry = known.entry(directory.to_owned());
        entry.or_insert_with(|| repository(directory)).clone()
    }
}

/// The table that a target names.
fn table(target: &str) -> Option<String> {
    let (head, query) = target.split_once('?')?;
    let pairs = head.contains(':').then(|| query.split('&'))?;
    let named = pairs.filter_map(|pair| pair.strip_prefix("table="));
    named.map(str::to_owned).next()
}

/// The repository a directory is in: where its origin is, or the name of its root.
fn repository(directory: &Path) -> Option<String> {
    let root = directory.ancestors().find(|up| up.join(".git").exists())?;
    let config = bounded::read_text(&root.join(".git/config"), 1 << 20).unwrap_or_default();
    origin(&config).or_else(|| Some(root.file_name()?.to_str()?.to_owned()))
}

/// Host and path of the remote `origin`.
fn origin(config: &str) -> Option<String> {
    let mut lines = config.lines().map(str::trim);
    lines.find(|line| *line == "[remote \"origin\"]")?;
    let url = lines
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once('='))
        .find(|(name, _)| name.trim() == "url")?
        .1;
    Some(without_credentials(url.trim())).filter(|name| !name.is_empty())
}

/// A remote without scheme, login, query and ending: `git.example.org/team/app`.
fn without_credentials(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = match (scheme.is_empty(), rest.split_once(':')) {
        // As scp writes it: login@host:path.
        (true, Some((authority, path))) if !authority.contains('/') => (authority, path),
        _ => rest.split_once('/').unwrap_or((rest, "")),
    };
    let host = authority.rsplit('@').next().unwrap_or_default();
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let parts = [host, path].into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remotes_lose_their_logins() {
        for (url, name) in [
            (
                "https://git.example.org/team/app.git",
                "git.example.org/team/app",
            ),
            (
                "https://me:pw@git.example.org/team/app.git",
                "git.example.org/team/app",
            ),
            (
                "https://me:p@w@git.example.org/team/app?t=x",
                "git.example.org/team/app",
            ),
            (
                "git@git.example.org:team/app.git",
                "git.example.org/team/app",
            ),
            (
                "ssh://git@git.example.org:22/team/app",
                "git.example.org:22/team/app",
            ),
            ("/srv/git/app.git", "srv/git/app"),
        ] {
            assert_eq!(without_credentials(url), name, "{url}");
        }
    }

    #[test]
    fn the_origin_is_read_and_no_other_remote() {
        let config = "[core]\n\tbare = false\n[remote \"backup\"]\n\turl = https://a.example/x\n\
            [remote \"origin\"]\n\turl = https://u:p@b.example/y.git\n\tfetch = +refs\n";
        assert_eq!(origin(config).as_deref(), Some("b.example/y"));
        assert_eq!(origin("[remote \"other\"]\nurl = x\n"), None);
    }

    #[test]
    fn a_table_is_named_by_a_database_only() {
        assert_eq!(table("sqlite:/a.db?table=users").as_deref(), Some("users"));
        let server = "postgres://app@localhost/db?host=/run&table=public.users";
        assert_eq!(table(server).as_deref(), Some("public.users"));
        assert_eq!(table("/srv/what?table=x"), None);
    }
}
