//! The public address that bait carries: where a request comes back to.

use std::fmt;

use url::{Host, Url};

use crate::error::CatalogError;

/// A base address `http(s)://host[:port][/prefix]`. The host may start with `*.`: then every canary
/// gets a label of its own kind in that place.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    text: String,
    host: std::ops::Range<usize>,
    literal: bool,
}

impl Address {
    /// Reads an address. The host is lower-cased, a slash at the end is dropped.
    ///
    /// # Errors
    /// [`CatalogError::Address`] if it is not http(s), has no host, or holds a user, query or fragment.
    pub fn parse(text: &str) -> Result<Self, CatalogError> {
        let wrong = |why| CatalogError::Address {
            text: text.to_owned(),
            why,
        };
        let trimmed = text.trim();
        // `*` is no host character for the URL parser: read the rest with a stand-in label.
        let wildcard = trimmed.contains("://*.");
        let plain = if wildcard {
            trimmed.replacen("://*.", "://any-label.", 1)
        } else {
            trimmed.to_owned()
        };
        let url = Url::parse(&plain).map_err(|_| wrong("not an absolute URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("neither http nor https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("it holds a user or password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it holds a query or fragment"));
        }
        let (host, literal) = match url.host() {
            Some(Host::Domain(domain)) => (domain.to_ascii_lowercase(), false),
            Some(ip) => (ip.to_string(), true),
            None => return Err(wrong("it has no host")),
        };
        if wildcard && literal {
            return Err(wrong("an IP address has no labels"));
        }
        let host = host
            .strip_prefix("any-label.")
            .filter(|_| wildcard)
            .map_or(host.clone(), |rest| format!("*.{rest}"));
        let scheme = url.scheme();
        let port = url
            .port()
            .map(|port| format!(":{port}"))
            .unwrap_or_default();
        let prefix = url.path().trim_end_matches('/');
        let start = scheme.len() + 3;
        Ok(Self {
            host: start..start + host.len(),
            text: format!("{scheme}://{host}{port}{prefix}"),
            literal,
        })
    }

    /// Whether the host starts with `*.`.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        self.host().starts_with("*.")
    }

    /// This address with `label` in place of the `*`; unchanged if it is no wildcard.
    #[must_use]
    pub fn with_label(&self, label: &str) -> Self {
        if !self.is_wildcard() {
            return self.clone();
        }
        let label = label.to_ascii_lowercase();
        let start = self.host.start;
        Self {
            text: format!("{}{label}{}", &self.text[..start], &self.text[start + 1..]),
            host: start..self.host.end - 1 + label.len(),
            literal: false,
        }
    }

    /// The host, lower case, without port; an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.text[self.host.clone()]
    }

    /// The scheme, `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.text[..self.host.start - 3]
    }

    /// The host, with its port if that is not the scheme's own.
    #[must_use]
    pub fn authority(&self) -> &str {
        let rest = &self.text[self.host.start..];
        rest.split_once('/')
            .map_or(rest, |(authority, _)| authority)
    }

    /// The port, the scheme's own if none is written.
    #[must_use]
    pub fn port(&self) -> &str {
        let behind = &self.authority()[self.host.len()..];
        match (behind.strip_prefix(':'), self.scheme()) {
            (Some(port), _) => port,
            (None, "https") => "443",
            (None, _) => "80",
        }
    }

    /// Whether the host is an IP address.
    #[must_use]
    pub fn is_ip(&self) -> bool {
        self.literal
    }

    /// The address with a path behind it (a slash in between).
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}/{}", self.text, path.trim_start_matches('/'))
    }

    /// The address, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_port_and_prefix_and_drops_the_last_slash() {
        let check = |text: &str, expect: &str, host: &str| {
            let address = Address::parse(text).expect(text);
            assert_eq!((address.as_str(), address.host()), (expect, host), "{text}");
        };
        check(
            "http://127.0.0.1:8080/",
            "http://127.0.0.1:8080",
            "127.0.0.1",
        );
        check(
            "https://Trap.Example.ORG/a/",
            "https://trap.example.org/a",
            "trap.example.org",
        );
        check(
            "https://*.example.org:8443",
            "https://*.example.org:8443",
            "*.example.org",
        );
        check("http://[::1]:80/x", "http://[::1]/x", "[::1]");
        for (text, port) in [
            ("http://[::1]/x", "80"),
            ("https://example.org:443", "443"),
            ("https://*.example.org:8443/x", "8443"),
        ] {
            assert_eq!(Address::parse(text).expect(text).port(), port);
        }
    }

    #[test]
    fn a_label_takes_the_place_of_the_star() {
        let address = Address::parse("https://*.example.org:8443/p").expect("parses");
        assert!(address.is_wildcard());
        let with = address.with_label("SMS-gw");
        assert_eq!(with.as_str(), "https://sms-gw.example.org:8443/p");
        assert_eq!(with.host(), "sms-gw.example.org");
        assert_eq!(with.url("/v1/x"), "https://sms-gw.example.org:8443/p/v1/x");
        assert_eq!(with.with_label("other"), with);
    }

    #[test]
    fn refuses_what_is_no_address() {
        for text in [
            "",
            "example.org",
            "ftp://x.org",
            "https://a:b@x.org",
            "https://x.org?a",
            "https://*.127.0.0.1",
            "https://x.org/#a",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }
}
