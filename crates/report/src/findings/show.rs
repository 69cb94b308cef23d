//! How a single value is shown under a profile: masked, escaped, with live links taken apart.

use std::net::{IpAddr, SocketAddr};

use lapwing_core::Timestamp;
use lapwing_core::text::{escape, escape_lines, escape_short, mask};
use sha2::{Digest as _, Sha256};

use crate::Profile;
use crate::words::Words;

/// Longest single value from a peer that is shown, in characters.
const LONG: usize = 2_000;
/// Longest raw request that is shown, in bytes before escaping.
const RAW: usize = 64 << 10;

/// Shows values under one profile.
#[derive(Clone, Copy)]
pub(super) struct Show {
    pub(super) profile: Profile,
    pub(super) words: &'static Words,
}

impl Show {
    pub(super) fn full(self) -> bool {
        self.profile == Profile::Full
    }

    /// The operator's or our own text.
    pub(super) fn own(self, text: &str) -> String {
        defang(&escape(text.as_bytes()), &[])
    }

    /// What another part said of a trip, which may quote an address or number, in the report's language.
    pub(super) fn said(self, english: &str) -> String {
        let text = self.own(&self.words.say(english));
        if self.full() { text } else { self.scrub(&text) }
    }

    /// What says where a network is: a database and its date.
    pub(super) fn source(self, label: &str) -> String {
        self.own(&self.words.say(label))
    }

    /// A peer's text; `None` in the masked profile.
    pub(super) fn peer(self, text: &str, hosts: &[String]) -> Option<String> {
        (self.full() && !text.is_empty())
            .then(|| defang(&escape_short(text.as_bytes(), LONG), hosts))
    }

    /// A raw request as lines; `None` in the masked profile.
    pub(super) fn raw(self, bytes: &[u8], hosts: &[String]) -> Option<String> {
        self.full().then(|| {
            let kept = &bytes[..bytes.len().min(RAW)];
            let mut text = defang(&escape_lines(kept), hosts);
            if kept.len() < bytes.len() {
                let cut = self.words.count(bytes.len() as u64, self.words.cut_raw);
                text.push_str(&format!("\n{cut}"));
            }
            text
        })
    }

    /// Masks what a sentence of ours may quote: addresses, mail addresses, long numbers.
    fn scrub(self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for token in text.split_inclusive(|c: char| c.is_whitespace()) {
            let word = token.trim_end();
            let core = word.trim_matches(|c: char| "\"'`,;()<>“”‘’«»".contains(c));
            let core = core.trim_end_matches(['.', ':', '!', '?']);
            let masked = parsed_address(core).map_or_else(
                || looks_private(core).then(|| mask(core)),
                |address| Some(self.address(address)),
            );
            match masked {
                Some(masked) if !core.is_empty() => out.push_str(&token.replacen(core, &masked, 1)),
                _ => out.push_str(token),
            }
        }
        out
    }

    /// An address: whole, or its /24 or /48.
    pub(super) fn address(self, address: IpAddr) -> String {
        let address = address.to_canonical();
        if self.full() {
            return address.to_string();
        }
        match address {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                format!("{a}.{b}.{c}.0/24")
            }
            IpAddr::V6(v6) => {
                let [a, b, c, ..] = v6.segments();
                let prefix = std::net::Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0);
                format!("{prefix}/48")
            }
        }
    }

    /// A telephone number or mail address of a third party.
    pub(super) fn party(self, value: &str) -> String {
        let value = escape_short(value.as_bytes(), 120);
        if self.full() {
            defang(&value, &[])
        } else {
            mask(&value)
        }
    }

    /// The peer's own name for its program: as sent, or only a plain `name/version`.
    pub(super) fn program(self, agent: &str, hosts: &[String]) -> Option<String> {
        if self.full() {
            return self.peer(agent, hosts);
        }
        let token = agent.split([' ', ';', '(']).next()?;
        let (name, version) = token.split_once('/')?;
        let plain_name = (2..=24).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
        let plain_version = (1..=4).contains(&version.split('.').count())
            && version.split('.').all(|part| {
                (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
            });
        (plain_name && plain_version).then(|| token.to_owned())
    }
}

/// UTC with seconds.
pub(crate) fn at(time: Timestamp) -> String {
    time.to_seconds_string()
}

/// A time of [`at`] for a table whose head says UTC: `2026-11-20 22:41:13`.
pub(crate) fn clock(iso: &str) -> String {
    iso.trim_end_matches('Z').replace('T', " ")
}

/// The first 16 hex digits of a SHA-256.
pub(super) fn short_digest(bytes: &[u8]) -> String {
    digest(bytes)[..16].to_owned()
}

/// A SHA-256 in hex digits.
pub(super) fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The host names of a request whose dots are taken apart wherever they stand: what the peer named
/// as Host, and the raw request's own Host line (the claims may have been erased).
pub(super) fn hosts(claimed: Option<&str>, raw: Option<&[u8]>) -> Vec<String> {
    let line = raw.and_then(|bytes| {
        let head = String::from_utf8_lossy(&bytes[..bytes.len().min(16 << 10)]).into_owned();
        head.split('\n').find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim()
                .eq_ignore_ascii_case("host")
                .then(|| value.trim().to_owned())
        })
    });
    let mut out: Vec<String> = claimed
        .map(str::to_owned)
        .into_iter()
        .chain(line)
        .map(|host| {
            host.rsplit_once(':')
                .map_or(host.clone(), |(name, _)| name.to_owned())
        })
        .map(|host| escape(host.trim_end_matches('.').to_ascii_lowercase().as_bytes()))
        .filter(|host| host.len() >= 4 && host.len() <= 255 && host.trim_matches('.').contains('.'))
        .collect();
    out.dedup();
    out
}

/// Takes live links apart: `hxxps://host[.]example`, also percent-encoded, and the given host names
/// wherever they stand.
pub(super) fn defang(text: &str, hosts: &[String]) -> String {
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = 0;
    while rest < text.len() {
        let here = &lower[rest..];
        if let Some(length) = scheme(here) {
            out.push_str(&text[rest..=rest]);
            out.push_str("xx");
            out.push_str(&text[rest + 3..rest + length]);
            rest += length;
            let end = lower[rest..]
                .find(ends_host)
                .map_or(text.len(), |found| rest + found);
            out.push_str(&text[rest..end].replace('.', "[.]"));
            rest = end;
        } else if let Some(host) = hosts.iter().find(|host| here.starts_with(host.as_str())) {
            out.push_str(&text[rest..rest + host.len()].replace('.', "[.]"));
            rest += host.len();
        } else {
            let step = here.chars().next().map_or(1, char::len_utf8);
            out.push_str(&text[rest..rest + step]);
            rest += step;
        }
    }
    out
}

/// Length of `http://`, `https://` or their percent-encoded form at the start of a lower-case text.
fn scheme(lower: &str) -> Option<usize> {
    let after = lower.strip_prefix("http")?;
    let after = after.strip_prefix('s').unwrap_or(after);
    let after = ["://", "%3a%2f%2f", ":\\\\/\\\\/"]
        .iter()
        .find_map(|separator| after.strip_prefix(separator))?;
    Some(lower.len() - after.len())
}

fn ends_host(c: char) -> bool {
    matches!(
        c,
        '/' | '?' | '#' | '%' | '\\' | '"' | '\'' | '<' | '>' | ',' | ')' | '&'
    ) || c.is_whitespace()
}

fn parsed_address(word: &str) -> Option<IpAddr> {
    let bare = word.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>()
        .ok()
        .or_else(|| word.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
        .or_else(|| {
            let (address, length) = word.split_once('/')?;
            let _: u8 = length.parse().ok()?;
            address.parse().ok()
        })
        .or_else(|| word.rsplit_once('=')?.1.parse().ok())
}

/// A mail address, or a run of digits long enough for a telephone number.
fn looks_private(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let phone = word
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.()".contains(&byte));
    word.split_once('@')
        .is_some_and(|(_, host)| host.contains('.'))
        || (phone && digits >= 9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_links_apart() {
        let hosts = hosts(Some("Bait.Example.org:8080"), None);
        for (text, expect) in [
            (
                "see https://a.b.example/x.y",
                "see hxxps://a[.]b[.]example/x.y",
            ),
            ("HTTP://A.B", "HxxP://A[.]B"),
            ("u=http%3A%2F%2Fa.b%2Fc", "u=hxxp%3A%2F%2Fa[.]b%2Fc"),
            ("Host: bait.example.ORG", "Host: bait[.]example[.]ORG"),
            ("httpé https:", "httpé https:"),
        ] {
            assert_eq!(defang(text, &hosts), expect);
        }
    }

    #[test]
    fn finds_the_host_line() {
        let raw = b"GET / HTTP/1.1\r\nHOST: x.bait.test\r\n\r\n";
        assert_eq!(hosts(None, Some(raw)), ["x.bait.test"]);
        assert!(hosts(Some("."), None).is_empty());
    }

    #[test]
    fn says_times() {
        assert_eq!(clock("2026-11-03T22:41:13Z"), "2026-11-03 22:41:13");
    }

    fn masked() -> Show {
        Show {
            profile: Profile::Masked,
            words: Words::of(crate::Language::Es),
        }
    }

    #[test]
    fn scrubs_sentences() {
        let scrub = |text| masked().scrub(text);
        assert_eq!(
            scrub("same address 203.0.113.77, then [2001:db8:1:2::3]:443."),
            "same address 203.0.113.0/24, then 2001:db8:1::/48."
        );
        assert_eq!(
            scrub("number +12025550142 on 2026-06-01"),
            "number +1…42 on 2026-06-01"
        );
        assert_eq!(scrub("mail bob@corp.example"), "mail bo…le");
        assert_eq!(scrub("dijo «203.0.113.77»"), "dijo «203.0.113.0/24»");
    }

    #[test]
    fn what_others_said_is_masked_in_the_language_of_the_report() {
        assert_eq!(
            masked().said("same address 203.0.113.77, 3 minutes after trip 0a1b2c3d-5"),
            "la misma dirección 203.0.113.0/24, 3 minutos después de la activación 0a1b2c3d-5"
        );
        assert_eq!(
            masked().said("who knows 203.0.113.77"),
            "who knows 203.0.113.0/24"
        );
    }

    #[test]
    fn keeps_only_plain_program_names() {
        let program = |agent| masked().program(agent, &[]);
        assert_eq!(program("curl/8.14.1"), Some("curl/8.14.1".to_owned()));
        assert_eq!(
            program("Mozilla/5.0 (X11; +12025550142)"),
            Some("Mozilla/5.0".to_owned())
        );
        assert_eq!(program("AC0123456789abcdef/1"), None);
        assert_eq!(program("x/12025550142"), None);
        assert_eq!(program("<script>"), None);
    }
}
