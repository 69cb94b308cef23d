//! Where a canary stands, and the record of its being put there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{CanaryId, PlacementId};
use crate::time::Timestamp;

/// How far a placement has come. Intent is recorded before the target is written, so that a crash
/// at any step is visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlacementState {
    /// About to be written: after a crash the target may or may not hold it.
    Intended,
    /// Written, re-read and confirmed.
    Planted,
    /// Taken out again.
    Uprooted,
    /// Never written, or given up.
    Abandoned,
}

/// A host other than this one on which bait stands, as targets are written: `ssh://[user@]host[:port]/path`
/// for one that is reached through ssh, `host://name/path` for one that plants and reports by itself. A
/// target that is no path stands behind the slash: `ssh://web1/sqlite:/srv/app.db?table=users`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Site {
    /// Reached through ssh, by `[user@]host[:port]`.
    Ssh(String),
    /// Known by a name that the operator gave.
    Host(String),
}

impl Site {
    /// How targets begin that are no paths.
    const SCHEMES: [&str; 9] = [
        "sqlite:",
        "postgres:",
        "postgresql:",
        "mariadb:",
        "mysql:",
        "redis:",
        "rediss:",
        "valkey:",
        "unix:",
    ];

    /// The host of a target and the target as that host writes it; `None` if it is on this one.
    #[must_use]
    pub fn of(target: &str) -> Option<(Self, String)> {
        let (site, rest): (fn(String) -> Self, _) = match target.strip_prefix("ssh://") {
            Some(rest) => (Self::Ssh, rest),
            None => (Self::Host, target.strip_prefix("host://")?),
        };
        let (name, path) = rest.split_at(rest.find('/')?);
        let special = &path[1..];
        let there = Self::SCHEMES
            .iter()
            .any(|scheme| special.starts_with(scheme));
        let there = if there { special } else { path };
        (!name.is_empty()).then(|| (site(name.to_owned()), there.to_owned()))
    }

    /// The host's name alone, without login and port.
    #[must_use]
    pub fn name(&self) -> &str {
        let (Self::Ssh(text) | Self::Host(text)) = self;
        let name = text.rsplit('@').next().unwrap_or(text);
        match name.rsplit_once(':') {
            // A second colon is an IPv6 address, unless that stands in brackets.
            Some((bare, _)) if !bare.contains(':') || bare.ends_with(']') => bare,
            _ => name,
        }
    }

    /// How a target of that host is written here.
    #[must_use]
    pub fn target(&self, there: &str) -> String {
        let slash = if there.starts_with('/') { "" } else { "/" };
        format!("{self}{slash}{there}")
    }

    /// Whether text can be a host's name in a target.
    #[must_use]
    pub fn is_name(text: &str) -> bool {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@:[]".contains(&byte);
        (1..=255).contains(&text.len()) && !text.starts_with('-') && text.bytes().all(plain)
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ssh(login) => write!(f, "ssh://{login}"),
            Self::Host(name) => write!(f, "host://{name}"),
        }
    }
}

/// What the operator asked for when it was planted: enough to plant another canary in the same way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// The sort of the target, if it was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Where in the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The role in names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Which of the operator's addresses it carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Where the people of a record live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Fields whose values were fixed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, String>,
    /// Whether names that programs read by default were allowed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub danger_default: bool,
    /// Triggers of the table that were allowed to run.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub danger_triggers: BTreeSet<String>,
}

impl Asked {
    /// Whether nothing in particular was asked for.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// The declaration a placement was made for. It is bound by two names, not by a path, so that the
/// file of declarations can move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// The name that the file of declarations gives itself.
    pub deception: String,
    /// The bait's name in it, with a number behind `#` where one declaration asks for several.
    pub bait: String,
    /// Where the file lay when it was last applied: two files of one name are told apart by it.
    pub file: String,
}

/// The record of a canary put in a place: our bytes and digests, never the owner's content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// Its name.
    pub id: PlacementId,
    /// What was put there.
    pub canary: CanaryId,
    /// Where, in the form the operator types: an absolute path, or `sqlite:/path?table=users`; on another
    /// host as [`Site`] says.
    pub target: String,
    /// Which sort of target wrote it (`env`, `ini`, `json`, `yaml`, `sqlite`).
    pub target_kind: String,
    /// What only that sort of target understands: our bytes, keys, row and primary key. Holds
    /// plaintext bait, so it is sealed wherever it is stored.
    pub detail: serde_json::Value,
    /// SHA-256 of the file before, lower hex; empty where that has no meaning (a database row).
    pub before: String,
    /// SHA-256 of the file after, lower hex; empty where that has no meaning.
    pub after: String,
    /// How far it has come.
    pub state: PlacementState,
    /// When the intent was recorded.
    pub intended: Timestamp,
    /// When it was confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planted: Option<Timestamp>,
    /// When it was last seen there as it was put.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked: Option<Timestamp>,
    /// Rules of what `check` remarks that the operator has accepted for this placement.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<String>,
    /// When it was taken out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uprooted: Option<Timestamp>,
    /// What the operator asked for.
    #[serde(default, skip_serializing_if = "Asked::is_nothing")]
    pub asked: Asked,
    /// The declaration it was made for, if it was declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<Declared>,
    /// The placement whose place it takes: once this one is confirmed, that one is taken out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<PlacementId>,
    /// Whether that one goes by the very write that puts this one there, under the same names.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub supersedes: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_elsewhere_read_back() {
        let (ssh, host) = (
            Site::Ssh("me@web1:2222".to_owned()),
            Site::Host("web1".to_owned()),
        );
        for (site, there, written) in [
            (&ssh, "/srv/.env", "ssh://me@web1:2222/srv/.env"),
            (&host, "/srv/.env", "host://web1/srv/.env"),
            (
                &host,
                "sqlite:/a.db?table=t",
                "host://web1/sqlite:/a.db?table=t",
            ),
            (
                &host,
                "redis://localhost/0?table=user:*",
                "host://web1/redis://localhost/0?table=user:*",
            ),
            (
                &ssh,
                "postgres://u@localhost/d?table=t",
                "ssh://me@web1:2222/postgres://u@localhost/d?table=t",
            ),
        ] {
            assert_eq!(site.target(there), written);
            assert_eq!(Site::of(written), Some((site.clone(), there.to_owned())));
        }
        assert_eq!(ssh.name(), "web1");
        assert_eq!(Site::Ssh("me@[::1]:22".to_owned()).name(), "[::1]");
        for here in [
            "/srv/.env",
            "sqlite:/a.db?table=t",
            "ssh://",
            "ssh:///x",
            "host://web1",
        ] {
            assert_eq!(Site::of(here), None, "{here}");
        }
    }
}
