//! Where a table of a database server is: `scheme://user@host:port/database?table=NAME`, a socket by
//! `host=/directory` (PostgreSQL) or `socket=/file` (MariaDB). A password in it is used and forgotten:
//! what a placement records never holds one.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use url::Url;

use crate::error::{PlantError, Problem};

/// What a target names, and so what is planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Object {
    /// A row in a table that is there.
    Row,
    /// A table of ours and a row in it.
    NewTable,
    /// A view of ours.
    View,
    /// A login of ours.
    Role,
}

/// What a target's parameters name.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub object: Object,
    pub name: String,
    /// The table to take after, where that is another one.
    pub like: Option<String>,
}

impl Named {
    /// Parameters that name something, and what they name.
    const PARAMETERS: [(&str, Object); 6] = [
        ("table", Object::Row),
        ("new-table", Object::NewTable),
        ("view", Object::View),
        ("new-view", Object::View),
        ("role", Object::Role),
        ("new-role", Object::Role),
    ];

    /// Reads them; `None` if there is nothing or more than one thing named.
    pub(crate) fn read(parameter: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let mut named = Self::PARAMETERS
            .iter()
            .filter_map(|(key, object)| Some((*object, parameter(key)?)));
        let (Some((object, name)), None) = (named.next(), named.next()) else {
            return None;
        };
        let like = parameter("like");
        Some(Self { object, name, like })
    }

    /// The one parameter that is recorded.
    pub(crate) const fn parameter(&self) -> &'static str {
        match self.object {
            Object::Row | Object::NewTable => "table",
            Object::View => "view",
            Object::Role => "role",
        }
    }
}

/// What differs between servers.
pub(crate) struct Scheme {
    /// The one that is recorded, and others that are understood.
    pub names: &'static [&'static str],
    pub port: u16,
    /// The parameter that names a socket.
    pub socket: &'static str,
    /// The schema of a table that names none; empty if tables have none.
    pub schema: &'static str,
    pub example: &'static str,
}

impl Scheme {
    /// Whether a target is written in this scheme.
    pub(crate) fn claims(&self, target: &str) -> bool {
        let scheme = target.split_once("://").map(|(scheme, _)| scheme);
        scheme.is_some_and(|scheme| self.names.contains(&scheme))
    }
}

/// A table of a server.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub scheme: &'static str,
    pub user: String,
    pub host: String,
    pub port: u16,
    pub socket: Option<PathBuf>,
    pub database: String,
    /// With its schema, where tables have one.
    pub named: Named,
    pub password: Option<String>,
    standard: u16,
    parameter: &'static str,
}

impl Address {
    pub(crate) fn parse(target: &str, scheme: &Scheme) -> Result<Self, PlantError> {
        let hint = format!("write {}", scheme.example);
        let shown = without_password(target);
        let bad = |what: &str| PlantError::Target(Problem::new(&shown, what).hint(&hint));
        let url = Url::parse(target).map_err(|_| bad("is no address of a table"))?;
        let plain = |text: &str| decoded(text).ok_or_else(|| bad("has a broken %-escape"));
        let parameter = |name: &str| {
            let pair = url.query_pairs().find(|(key, _)| key == name);
            pair.map(|(_, value)| value.into_owned())
                .filter(|value| !value.is_empty())
        };
        let mut named =
            Named::read(parameter).ok_or_else(|| bad("names no table, or more than one thing"))?;
        let database = plain(url.path().trim_start_matches('/'))?;
        if database.is_empty() || database.contains('/') {
            return Err(bad("names no database"));
        }
        let user = plain(url.username())?;
        if user.is_empty() {
            return Err(bad("names no user"));
        }
        let host = plain(url.host_str().unwrap_or_default())?;
        let (host, socket) = if host.starts_with('/') {
            (String::new(), Some(PathBuf::from(host)))
        } else {
            (host, parameter(scheme.socket).map(PathBuf::from))
        };
        let qualified = |name: String| {
            if scheme.schema.is_empty() || name.contains('.') {
                return name;
            }
            format!("{}.{name}", scheme.schema)
        };
        if named.object != Object::Role {
            named.name = qualified(named.name);
        }
        named.like = named.like.map(qualified);
        Ok(Self {
            scheme: scheme.names[0],
            user,
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(scheme.port),
            socket,
            database,
            named,
            password: url.password().map(plain).transpose()?,
            standard: scheme.port,
            parameter: scheme.socket,
        })
    }

    /// As it is recorded and shown: without the password.
    pub(crate) fn place(&self) -> String {
        let port = if self.port == self.standard {
            String::new()
        } else {
            format!(":{}", self.port)
        };
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        let host = if host.is_empty() && (!port.is_empty() || self.socket.is_some()) {
            "localhost".to_owned()
        } else {
            host
        };
        let socket = self.socket.as_ref().map_or_else(String::new, |path| {
            format!(
                "{}={}&",
                self.parameter,
                encoded(&path.display().to_string())
            )
        });
        format!(
            "{}://{}@{host}{port}/{}?{socket}{}={}",
            self.scheme,
            encoded(&self.user),
            encoded(&self.database),
            self.named.parameter(),
            encoded(&self.named.name)
        )
    }

    /// Refuses to send a password and rows in the clear across a network.
    pub(crate) fn require_near(&self) -> Result<(), PlantError> {
        if self.socket.is_some() {
            return Ok(());
        }
        require_near(&self.place(), &self.host, self.port)
    }

    /// An error of the server's.
    pub(crate) fn failed(&self, doing: &'static str) -> impl Fn(Said) -> PlantError + use<> {
        let place = self.place();
        move |said| PlantError::Database {
            place: place.clone(),
            doing,
            source: Box::new(said),
        }
    }
}

/// Refuses a server on another host: what is said to it would not be encrypted.
pub(crate) fn require_near(place: &str, host: &str, port: u16) -> Result<(), PlantError> {
    let loopback = || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    if host.is_empty() || host == "localhost" || loopback() {
        return Ok(());
    }
    let hint = format!(
        "run lapwing on that host, or forward a port (`ssh -L {port}:localhost:{port} {host}`) and name localhost"
    );
    let what = "is on another host, and this connection would not be encrypted";
    Err(PlantError::Refused(Problem::new(place, what).hint(hint)))
}

/// What a server said, without the details that quote rows.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Said(pub String);

/// A small file of the operator's with a password in it; only if nobody else can read it.
pub(crate) fn private_file(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(path).ok()?.permissions().mode();
    if mode & 0o077 != 0 {
        return None;
    }
    let bytes = lapwing_core::bounded::read_file(path, 1 << 20).ok()?;
    String::from_utf8(bytes).ok()
}

/// A variable of the environment that is set to something.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

pub(crate) fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from)
}

/// A target as it may be shown.
pub(crate) fn without_password(target: &str) -> String {
    let Ok(mut url) = Url::parse(target) else {
        return target
            .split_once("://")
            .map_or_else(|| target.to_owned(), |(scheme, _)| format!("{scheme}://…"));
    };
    let _ = url.set_password(None);
    url.into()
}

fn encoded(text: &str) -> String {
    encoded_but(text, b"-._~/")
}

/// Percent-encodes everything but letters, figures and these.
pub(crate) fn encoded_but(text: &str, plain: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Takes percent-encoding away; `None` if it is broken.
pub(crate) fn decoded(text: &str) -> Option<String> {
    let (mut out, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let hex = std::str::from_utf8(after.get(..2)?).ok()?;
            out.push(u8::from_str_radix(hex, 16).ok()?);
            rest = &after[2..];
        } else {
            out.push(*first);
            rest = after;
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PG: Scheme = Scheme {
        names: &["postgres", "postgresql"],
        port: 5432,
        socket: "host",
        schema: "public",
        example: "postgres://user@host/db?table=public.users",
    };

    #[test]
    fn addresses_are_recorded_one_way_and_without_a_password() {
        for (typed, place) in [
            (
                "postgresql://app:s%40cret@localhost:5432/shop?table=users",
                "postgres://app@localhost/shop?table=public.users",
            ),
            (
                "postgres://app@[::1]:6000/shop?table=crm.people",
                "postgres://app@[::1]:6000/shop?table=crm.people",
            ),
            (
                "postgres://app@%2Frun%2Fpg/shop?table=users",
                "postgres://app@localhost/shop?host=/run/pg&table=public.users",
            ),
        ] {
            let address = Address::parse(typed, &PG).expect(typed);
            assert_eq!(address.place(), place);
            let again = Address::parse(place, &PG).expect(place);
            assert_eq!(again.place(), place, "it stays as it is");
            assert!(again.password.is_none());
        }
        let address =
            Address::parse("postgres://a:s%40cret@127.0.0.1/b?table=c", &PG).expect("read");
        assert_eq!(address.password.as_deref(), Some("s@cret"));
        assert!(address.require_near().is_ok());
        let far = Address::parse("postgres://a@db.example.net/b?table=c", &PG).expect("read");
        let error = far.require_near().expect_err("refused");
        assert!(error.hint().is_some_and(|hint| hint.contains("ssh -L")));
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for bad in [
            "postgres://app:hunter2@localhost/shop",
            "postgres://app:hunter2@localhost/?table=users",
            "postgres://:hunter2@localhost/shop?table=users",
            "postgres://app:hunter2@local host/shop?table=users",
        ] {
            let error = Address::parse(bad, &PG).expect_err(bad);
            assert!(!error.to_string().contains("hunter2"), "{error}");
            assert!(error.hint().is_some());
        }
    }
}
