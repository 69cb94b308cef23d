//! Where keys of Redis are: `redis://[user[:password]@]host[:port]/DB?table=user:*` for a key in a group,
//! `key=NAME` for one of our own, neither for one whose name is drawn; a socket by `socket=/file` or
//! `unix:///file?db=N`. A password is used and forgotten: what a placement records never holds one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use url::Url;

use super::group::Pattern;
use super::wire::Door;
use crate::error::{PlantError, Problem};
use crate::table::address::{decoded, encoded_but, require_near, variable, without_password};

/// What the operator types.
pub(super) const EXAMPLE: &str = "redis://localhost/0?table=user:*";
const PORT: u16 = 6379;
/// What names of keys are made of, and is written as it is. A plus would be read as a blank.
const PLAIN: &[u8] = b"-._~/:*@|{}[],";

/// What a target names.
#[derive(Clone, Debug)]
pub(super) enum Named {
    /// A group of keys: one more like them.
    Group(Pattern),
    /// A key of our own.
    Key(String),
    /// The database: a key of our own, its name drawn.
    Base,
}

/// A database of a server, and what is named in it.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub user: String,
    pub password: Option<String>,
    host: String,
    port: u16,
    socket: Option<PathBuf>,
    pub database: u32,
    pub named: Named,
    /// The group that a key of our own takes after.
    pub like: Option<Pattern>,
}

impl Address {
    /// Schemes that are understood, or refused with a reason.
    const SCHEMES: [&str; 4] = ["redis", "valkey", "unix", "rediss"];

    pub(super) fn claims(target: &str) -> bool {
        let scheme = target.split_once("://").map(|(scheme, _)| scheme);
        scheme.is_some_and(|scheme| Self::SCHEMES.contains(&scheme))
    }

    pub(super) fn parse(target: &str) -> Result<Self, PlantError> {
        let shown = without_password(target);
        let bad = |what: &str| {
            PlantError::Target(Problem::new(&shown, what).hint(format!("write {EXAMPLE}")))
        };
        if target.starts_with("rediss://") {
            let problem = Problem::new(&shown, "is encrypted, which is not spoken here");
            let hint = "run lapwing on that host, or forward a port with `ssh -L`, and name redis://localhost";
            return Err(PlantError::Refused(problem.hint(hint)));
        }
        let url = Url::parse(target).map_err(|_| bad("is no address of a database"))?;
        let plain = |text: &str| decoded(text).ok_or_else(|| bad("has a broken %-escape"));
        let parameter = |name: &str| {
            let pair = url.query_pairs().find(|(key, _)| key == name);
            pair.map(|(_, value)| value.into_owned())
                .filter(|value| !value.is_empty())
        };
        let path = plain(url.path())?;
        let (number, socket) = if url.scheme() == "unix" {
            let number = parameter("db").or_else(|| parameter("database"));
            (number.unwrap_or_default(), Some(path))
        } else {
            (path.trim_matches('/').to_owned(), parameter("socket"))
        };
        let database = if number.is_empty() {
            Some(0)
        } else {
            number.parse().ok()
        };
        let group = |text: String| {
            Pattern::parse(&text).ok_or_else(|| {
                bad("names no group: * stands for what differs, and is not all of it")
            })
        };
        let named = match (parameter("table"), parameter("key")) {
            (Some(_), Some(_)) => return Err(bad("names a group and a key")),
            (Some(text), None) => Named::Group(group(text)?),
            (None, Some(name)) => Named::Key(name),
            (None, None) => Named::Base,
        };
        let host = plain(url.host_str().unwrap_or_default())?;
        Ok(Self {
            user: plain(url.username())?,
            password: url.password().map(plain).transpose()?,
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(PORT),
            socket: socket.map(PathBuf::from),
            database: database
                .ok_or_else(|| bad("names a database by something else than a number"))?,
            named,
            like: parameter("like").map(group).transpose()?,
        })
    }

    /// As it is recorded and shown: without the password.
    pub(super) fn place(&self) -> String {
        let named = match &self.named {
            Named::Group(pattern) => Some(format!("table={}", encoded(&pattern.text()))),
            Named::Key(name) => Some(format!("key={}", encoded(name))),
            Named::Base => None,
        };
        self.written(&encoded(&self.user), named)
    }

    /// The database alone.
    pub(super) fn base(&self) -> String {
        self.written(&encoded(&self.user), None)
    }

    /// The address of a group of the same database, with the password.
    pub(super) fn of_group(&self, pattern: &str) -> String {
        let mut login = encoded(&self.user);
        if let Some(password) = &self.password {
            login.push(':');
            login.push_str(&encoded_but(password, b""));
        }
        self.written(&login, Some(format!("table={}", encoded(pattern))))
    }

    fn written(&self, login: &str, named: Option<String>) -> String {
        let at = if login.is_empty() { "" } else { "@" };
        let port = if self.port == PORT || self.socket.is_some() {
            String::new()
        } else {
            format!(":{}", self.port)
        };
        let host = match self.host.as_str() {
            "" => "localhost".to_owned(),
            host if host.contains(':') => format!("[{host}]"),
            host => host.to_owned(),
        };
        let socket = self.socket.as_ref();
        let socket = socket.map(|path| format!("socket={}", encoded(&path.display().to_string())));
        let parameters: Vec<String> = socket.into_iter().chain(named).collect();
        let query = if parameters.is_empty() { "" } else { "?" };
        format!(
            "redis://{login}{at}{host}{port}/{}{query}{}",
            self.database,
            parameters.join("&")
        )
    }

    /// The password of the address, else where `redis-cli` looks.
    pub(super) fn password(&self) -> Option<String> {
        let environment = || variable("REDISCLI_AUTH");
        self.password.clone().or_else(environment)
    }

    /// Where to connect, which is on this host.
    pub(super) fn door<T>(&self, connect: impl FnOnce(&Door<'_>) -> T) -> Result<T, PlantError> {
        if let Some(path) = &self.socket {
            return Ok(connect(&Door::Socket(path)));
        }
        require_near(&self.place(), &self.host, self.port)?;
        let ip = self.host.parse::<IpAddr>();
        let both = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        let addresses: Vec<SocketAddr> = ip
            .map_or_else(|_| both.to_vec(), |ip| vec![ip])
            .into_iter()
            .map(|ip| SocketAddr::new(ip, self.port))
            .collect();
        Ok(connect(&Door::Port(&addresses)))
    }

    pub(super) fn problem(&self, what: impl Into<String>) -> Box<Problem> {
        Problem::new(self.place(), what)
    }
}

fn encoded(text: &str) -> String {
    encoded_but(text, PLAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_recorded_one_way_and_without_a_password() {
        for (typed, place) in [
            ("redis://localhost", "redis://localhost/0"),
            (
                "redis://:s%40cret@localhost:6379/2?table=user:*",
                "redis://localhost/2?table=user:*",
            ),
            (
                "valkey://app:pw@[::1]:7000/1?key=cfg:a%20b&like=cfg:*",
                "redis://app@[::1]:7000/1?key=cfg:a%20b",
            ),
            (
                "unix:///run/redis/r.sock?db=3&table=user:%2a",
                "redis://localhost/3?socket=/run/redis/r.sock&table=user:*",
            ),
            (
                "redis://localhost/0?table=a%2Bb:*",
                "redis://localhost/0?table=a%2Bb:*",
            ),
        ] {
            let address = Address::parse(typed).expect(typed);
            assert_eq!(address.place(), place);
            let again = Address::parse(place).expect(place);
            assert_eq!(again.place(), place, "it stays as it is");
            assert!(again.password.is_none());
        }
        let address = Address::parse("redis://a:s%40cret@127.0.0.1/0").expect("read");
        assert_eq!(address.password.as_deref(), Some("s@cret"));
        let group = address.of_group("user:*");
        assert_eq!(group, "redis://a:s%40cret@127.0.0.1/0?table=user:*");
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for bad in [
            "redis://:hunter2@localhost/shop",
            "redis://:hunter2@localhost/0?table=*",
            "redis://:hunter2@localhost/0?table=user",
            "redis://:hunter2@localhost/0?table=user:*&key=a",
            "rediss://:hunter2@localhost/0?table=user:*",
            "redis://:hunter2@local host/0",
        ] {
            let error = Address::parse(bad).expect_err(bad);
            assert!(!error.to_string().contains("hunter2"), "{error}");
            assert!(error.hint().is_some());
        }
        let far = Address::parse("redis://cache.example.net/0?table=user:*").expect("read");
        let error = far.door(|_| ()).expect_err("refused");
        assert!(error.hint().is_some_and(|hint| hint.contains("ssh -L")));
    }
}
