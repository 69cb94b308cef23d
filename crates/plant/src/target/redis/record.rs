//! What a placement remembers of a key, and what has become of it. Of the owner's values it holds digests.

use lapwing_core::{Placement, PlacementState};
use serde::{Deserialize, Serialize};

use super::beside::{Count, Listing};
use super::form::Form;
use super::server::{Found, Look, Server};
use super::wire::Reply;
use crate::Condition;
use crate::error::{PlantError, Problem};
use crate::table::Value;
use crate::table::life::record::{Kept, digest};

/// What a placement remembers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Detail {
    pub key: String,
    pub form: Form,
    /// The group it is one of; none for a key of our own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Its fields; of a plain string one without a name.
    pub kept: Vec<Kept>,
    /// Digest of a whole string; empty for a hash.
    pub text: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counters: Vec<Count>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listings: Vec<Listing>,
}

impl Detail {
    pub(super) fn of(placement: &Placement) -> Result<Self, PlantError> {
        serde_json::from_value(placement.detail.clone()).map_err(|error| {
            let what = format!("the record of this placement cannot be read: {error}");
            let problem = Problem::new(&placement.target, what);
            PlantError::Record(problem.hint("restore the ledger from a backup"))
        })
    }

    pub(super) fn write(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("strings and numbers")
    }

    /// Every key that a change of ours touches.
    pub(super) fn touched(&self) -> Vec<&str> {
        let counters = self.counters.iter().map(|count| count.key.as_str());
        let listings = self.listings.iter().map(|listing| listing.key.as_str());
        std::iter::once(self.key.as_str())
            .chain(counters)
            .chain(listings)
            .collect()
    }

    /// The counters that nobody has counted on.
    pub(super) fn uncounted(&self, server: &mut Server) -> Result<Vec<&Count>, PlantError> {
        let mut unused = Vec::new();
        for count in &self.counters {
            let reply = server.ask("look at a counter", &["GET", &count.key])?;
            if reply.text() == Some(count.after.to_string()) {
                unused.push(count);
            }
        }
        Ok(unused)
    }

    /// The sets that still list it.
    pub(super) fn listed(&self, server: &mut Server) -> Result<Vec<&Listing>, PlantError> {
        let mut listed = Vec::new();
        for listing in &self.listings {
            let words = ["SISMEMBER", &listing.key, &listing.member];
            // A key of another type lists nothing.
            if server.try_ask(&words) == Some(Reply::Integer(1)) {
                listed.push(listing);
            }
        }
        Ok(listed)
    }
}

/// The digest of a whole string.
pub(super) fn whole(placement: &Placement, form: Form, text: &str) -> String {
    match form {
        Form::Hash => String::new(),
        _ => digest(placement, "\0", &Value::Text(text.to_owned())),
    }
}

/// What has become of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is gone, or has become another's.
    Absent,
    Same,
    /// The canary's own values stand; something else was changed, or it expires now.
    Touched,
    /// The canary's own values were changed.
    Altered,
}

/// Looks for a placement's key.
pub(super) fn standing(
    server: &mut Server,
    placement: &Placement,
    detail: &Detail,
) -> Result<Standing, PlantError> {
    let found = match server.look(&[&detail.key])?.pop() {
        Some(Look::Held(found)) => found,
        Some(Look::Denied(said)) => return Err(server.refusal("read the key", &said)),
        _ => return Ok(Standing::Absent),
    };
    if (found.form == Form::Hash) != (detail.form == Form::Hash) {
        return Ok(Standing::Absent);
    }
    let lasts = server.life(&detail.key)? < 0;
    Ok(judge(&found, lasts, placement, detail))
}

fn judge(found: &Found, lasts: bool, placement: &Placement, detail: &Detail) -> Standing {
    let value = |path: &str| {
        let leaf = found.fields.iter().find(|leaf| leaf.path == path);
        leaf.map(|leaf| Value::Text(leaf.text.clone()))
    };
    let like = |kept: &&Kept| {
        value(&kept.column)
            .is_some_and(|value| digest(placement, &kept.column, &value) == kept.digest)
    };
    let alike = detail.kept.iter().filter(like).count();
    let mut canary = detail.kept.iter().filter(|kept| kept.canary.is_some());
    let stands = canary.all(|kept| value(&kept.column) == kept.canary);
    let all = detail.kept.len();
    let text = whole(placement, detail.form, &found.text) == detail.text;
    if stands && alike == all && found.fields.len() == all && text && lasts {
        return Standing::Same;
    }
    let own = detail.group.is_none();
    let superseding = placement.supersedes && placement.state == PlacementState::Intended;
    if stands && alike > 0 {
        Standing::Touched
    } else if alike * 5 >= all * 3 || (own && !(superseding && alike == 0)) {
        Standing::Altered
    } else {
        // A key that another's value has come to bear.
        Standing::Absent
    }
}

/// Says what stands.
pub(super) fn condition(
    server: &mut Server,
    placement: &Placement,
    detail: &Detail,
) -> Result<Condition, PlantError> {
    let standing = standing(server, placement, detail)?;
    let listed = detail.listed(server)?.len();
    Ok(match standing {
        Standing::Absent if listed > 0 => Condition::HalfPlanted,
        Standing::Absent => Condition::Missing,
        _ if placement.state == PlacementState::Intended => Condition::HalfPlanted,
        Standing::Altered => Condition::Changed,
        Standing::Same if listed == detail.listings.len() => Condition::Present,
        Standing::Same | Standing::Touched => Condition::Moved,
    })
}
