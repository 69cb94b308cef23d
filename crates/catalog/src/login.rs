//! `[login]`: with which of its fields a canary logs in at servers that do not speak HTTP.

use serde::Deserialize;

/// The account that a canary pretends to be, as names of its fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
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
    /// The server's private key, where every canary has a server of its own.
    pub server_key: Option<String>,
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
            server_key,
        } = self;
        if protocols.is_empty() {
            return Some("[login] names no protocol".to_owned());
        }
        let named = [user, password, key, database, server_key];
        for name in named.into_iter().flatten() {
            if field(name).is_none() {
                return Some(format!(
                    "[login] names the field {name:?}, which is not declared"
                ));
            }
        }
        // A server has to know whose login it is before it can check the rest.
        let telling = [user, key, password].into_iter().flatten();
        let mut handles = telling.filter_map(|name| field(name));
        (!handles.any(|handle| handle))
            .then(|| "neither user, key nor password of [login] is a handle".to_owned())
    }
}
