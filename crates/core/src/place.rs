//! Where a canary stands, and the record of its being put there.

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
    const SCHEMES: [&str; 5] = ["sqlite:", "postgres:", "postgresql:", "mariadb:", "mysql:"];

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
                &ssh,
                "postgres://u@localhost/d?table=t",
                "ssh://me@web1:2222/postgres://u@localhost/d?table=t",
            ),
        ] {
            assert_eq!(site.target(there), written);
            assert_eq!(Site::of(written), Some((site.clone(), there.to_owned())));
        }
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
