//! `[login]`: with which of its fields a canary logs in at servers that do not speak HTTP.

use serde::Deserialize;

/// The account that a canary pretends to be, as names of its fields.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The listeners it is one at, by their names (`postgres`).
    pub protocols: Vec<String>,
    /// The user. Without one the password alone tells whose it is.
    pub user: Option<String>,
    /// The password.
    pub password: Option<String>,
    /// The public key, as the protocol writes it.
    pub key: Option<String>,
    /// The database, directory or path it leads to.
    pub database: Option<String>,
}

impl Login {
    /// What is wrong with it. `field`: whether a field is there, and is a handle.
    pub(crate) fn wrong(&self, field: impl Fn(&str) -> Option<bool>) -> Option<String> {
        let Self {
            protocols,
            user,
            password,
            key,
            database,
        } = self;
        if protocols.is_empty() {
            return Some("[login] names no protocol".to_owned());
        }
        for name in [user, password, key, database].into_iter().flatten() {
            if field(name).is_none() {
                return Some(format!(
                    "[login] names the field {name:?}, which is not declared"
                ));
            }
        }
        let telling = user.as_ref().or(key.as_ref()).or(password.as_ref());
        let Some(telling) = telling else {
            return Some("[login] has neither user, key nor password".to_owned());
        };
        // A server has to know whose login it is before it can check the rest.
        (field(telling) != Some(true))
            .then(|| format!("[login] goes by the field {telling:?}, which is no handle"))
    }
}
