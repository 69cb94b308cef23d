//! What a canary is, said in three parts: who, with what, and where. Formats that hold logins rather
//! than names and values (`.netrc`, git remotes, exports of password managers) are written from it.

use crate::bait::Wish;

/// An account at an address. Any part may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Login {
    pub user: Option<String>,
    pub secret: Option<String>,
    pub at: Option<Place>,
}

/// The parts of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub scheme: String,
    pub host: String,
    pub port: Option<String>,
    /// With its slash, and a query if there is one; may be empty.
    pub path: String,
}

const USERS: [&str; 10] = [
    "username",
    "user",
    "login",
    "account_sid",
    "access_key_id",
    "account",
    "client_id",
    "system_id",
    "bind_dn",
    "email",
];
const SECRETS: [&str; 12] = [
    "password",
    "token",
    "auth_token",
    "secret",
    "client_secret",
    "secret_access_key",
    "secret_key",
    "api_key",
    "access_token",
    "access_key",
    "api_secret",
    "key",
];
const ADDRESSES: [&str; 8] = [
    "beacon.url",
    "url",
    "base_url",
    "endpoint",
    "uri",
    "dsn",
    "connection_string",
    "link",
];

/// The user of a login that has a secret only: what people write who must write something.
const NOBODY: &str = "deploy";

impl Login {
    /// The login in a canary's fields, by the columns the kind has for a table, else by their names.
    pub(crate) fn of(wish: &Wish) -> Self {
        let url = fields(wish, &ADDRESSES)
            .chain(
                wish.env
                    .iter()
                    .filter_map(|(_, field)| wish.fields.get(field)),
            )
            .chain(wish.fields.values())
            .find_map(|value| split(value));
        let plain = |value: &&String| !value.contains("://") && !value.contains(['\n', '\r']);
        let secret = fields(wish, &SECRETS).find(plain).cloned();
        let user = fields(wish, &USERS)
            .filter(plain)
            .find(|value| Some(*value) != secret.as_ref())
            .cloned();
        let (shown, at) = url.map_or((None, None), |(login, at)| (login, Some(at)));
        match shown {
            Some((user, secret)) => Self {
                user: Some(user),
                secret: Some(secret),
                at,
            },
            None => Self {
                user,
                secret,
                at: at.or_else(|| named_host(wish)),
            },
        }
    }

    /// The user, or what stands where one is needed.
    pub(crate) fn who(&self) -> &str {
        self.user.as_deref().unwrap_or(NOBODY)
    }
}

impl Place {
    /// Host, and port if there is one.
    pub(crate) fn authority(&self) -> String {
        match &self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    /// The whole URL, with a login in front of the host if one is given.
    pub(crate) fn url(&self, login: Option<(&str, &str)>) -> String {
        let login = login.map_or_else(String::new, |(user, secret)| {
            format!("{}:{}@", percent(user), percent(secret))
        });
        format!("{}://{login}{}{}", self.scheme, self.authority(), self.path)
    }
}

/// Values of the fields that have these names, or stand in columns of them, in the order of the names.
fn fields<'a>(wish: &'a Wish, names: &'a [&str]) -> impl Iterator<Item = &'a String> {
    names.iter().flat_map(move |name| {
        let column = wish
            .row
            .iter()
            .filter(move |column| column.names.iter().any(|column| column == name))
            .map(|column| column.field.as_str());
        std::iter::once(*name)
            .chain(column)
            .filter_map(|field| wish.fields.get(field))
    })
}

/// A host without a URL: in a field of that name, or in a `.netrc` entry.
fn named_host(wish: &Wish) -> Option<Place> {
    let entry = |value: &String| {
        let mut words = value.split_whitespace();
        words.find(|word| *word == "machine")?;
        words.next().map(str::to_owned)
    };
    let host = fields(wish, &["hostname", "host", "server"])
        .find(|value| !value.contains(['/', ' ', '\n']) && value.contains('.'))
        .cloned()
        .or_else(|| wish.fields.values().find_map(entry))?;
    split(&format!("https://{host}")).map(|(_, place)| place)
}

type Shown = Option<(String, String)>;

/// A URL in its parts: the login in it, and the rest.
fn split(url: &str) -> Option<(Shown, Place)> {
    let (scheme, rest) = url.split_once("://")?;
    let wordy = |c: char| c.is_ascii_alphanumeric() || "+.-".contains(c);
    if scheme.is_empty() || !scheme.chars().all(wordy) || url.contains([' ', '\n', '"', '\'']) {
        return None;
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (login, authority) = match authority.rsplit_once('@') {
        Some((login, authority)) => (login.split_once(':'), authority),
        None => (None, authority),
    };
    let port = authority
        .rsplit_once(':')
        .filter(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    let host = port.map_or(authority, |(host, _)| host);
    if host.is_empty() {
        return None;
    }
    let place = Place {
        scheme: scheme.to_owned(),
        host: host.to_owned(),
        port: port.map(|(_, port)| port.to_owned()),
        path: path.to_owned(),
    };
    let login = login.map(|(user, secret)| (user.to_owned(), secret.to_owned()));
    Some((login.filter(|(user, _)| !user.is_empty()), place))
}

/// Percent-encoded as far as the user's part of a URL needs it.
fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_in_parts() {
        let (login, place) =
            split("postgresql://app_crm:x9@db.example.net:5432/crm").expect("a URL");
        assert_eq!(login, Some(("app_crm".into(), "x9".into())));
        assert_eq!(place.authority(), "db.example.net:5432");
        assert_eq!(place.path, "/crm");
        assert_eq!(
            place.url(Some(("a b", "c/d"))),
            "postgresql://a%20b:c%2Fd@db.example.net:5432/crm"
        );
        let (login, place) = split("https://relay.example.net/v1?a=b").expect("a URL");
        assert_eq!((login, place.port), (None, None));
        for none in ["no url", "://x", "http://", "https://:80/", "two words://x"] {
            assert_eq!(split(none), None, "{none}");
        }
    }
}
