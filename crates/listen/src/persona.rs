//! What a host without a decoy looks like: a dull site that somebody set up and forgot. One station
//! always shows the same one; different stations show different ones.

use std::borrow::Cow;

use bytes::Bytes;
use lapwing_catalog::Request;
use lapwing_core::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::system::System;
use crate::web::date;
use crate::web::head::Fault;
use crate::web::reply::Reply;

/// Earliest time the site was last changed: 2022-01-01.
const CHANGED_FROM: i64 = 1_640_995_200;

/// Over how many seconds the times of change are spread: three years.
const CHANGED_WITHIN: u64 = 3 * 365 * 86_400;

/// The servers that are imitated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Nginx,
    Apache,
    Caddy,
}

const TITLES: &[&str] = &[
    "It works",
    "Welcome",
    "Coming soon",
    "Nothing here yet",
    "Hello",
    "Under construction",
    "Default site",
    "Test page",
];

const SENTENCES: &[&str] = &[
    "This is the default page of this server.",
    "The web server is running, but no content has been added yet.",
    "This site is being set up. Please come back later.",
    "If you can see this page, the server is working.",
    "There is no website configured at this address.",
    "The site you are looking for has not been published yet.",
];

/// A dull site.
#[derive(Clone, Debug)]
pub struct Persona {
    style: Style,
    server: &'static str,
    index: Bytes,
    changed: i64,
    etag: String,
    /// The page of each status in [`WORDS`].
    errors: Vec<(u16, Bytes)>,
}

/// Statuses a persona answers with, and the words the imitated servers have for them.
const WORDS: &[(u16, &str, &str)] = &[
    (400, "Bad Request", "Bad Request"),
    (403, "Forbidden", "Forbidden"),
    (404, "Not Found", "Not Found"),
    (405, "Not Allowed", "Method Not Allowed"),
    (408, "Request Time-out", "Request Timeout"),
    (413, "Request Entity Too Large", "Request Entity Too Large"),
    (414, "Request-URI Too Large", "Request-URI Too Long"),
    (
        431,
        "Request Header Fields Too Large",
        "Request Header Fields Too Large",
    ),
    (501, "Not Implemented", "Not Implemented"),
];

impl Persona {
    /// The site of a system: always the same.
    #[must_use]
    pub fn of(system: &System) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"persona\n");
        hash.update(system.seed());
        let dice: [u8; 32] = hash.finalize().into();
        let number = |at: usize| {
            let bytes: [u8; 4] = [dice[at], dice[at + 1], dice[at + 2], dice[at + 3]];
            u64::from(u32::from_be_bytes(bytes))
        };
        let pick = |at: usize, count: usize| {
            usize::try_from(number(at) % count.max(1) as u64).unwrap_or_default()
        };
        // With or without its version, as the rest of the system has it.
        let release = system.release;
        let servers = [
            (Style::Nginx, release.nginx),
            (Style::Nginx, release.nginx),
            (Style::Apache, release.apache),
            (Style::Apache, release.apache),
            (Style::Nginx, "nginx"),
            (Style::Apache, "Apache"),
            (Style::Caddy, "Caddy"),
        ];
        let (style, server) = servers[pick(0, servers.len())];
        let title = TITLES[pick(4, TITLES.len())];
        let sentence = SENTENCES[pick(8, SENTENCES.len())];
        let index = match dice[12] % 3 {
            0 => format!(
                "<html><head><title>{title}</title></head>\n<body><h1>{title}</h1>\n<p>{sentence}</p>\n</body></html>\n"
            ),
            1 => format!(
                "<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n</head>\n<body>\n<h1>{title}</h1>\n<p>{sentence}</p>\n</body>\n</html>\n"
            ),
            _ => format!("<html><body><h1>{title}</h1><p>{sentence}</p></body></html>\n"),
        };
        let spread = i64::try_from(number(16) % CHANGED_WITHIN).unwrap_or_default();
        let changed = CHANGED_FROM + spread;
        let micros = number(20) % 1_000_000;
        let etag = match style {
            Style::Nginx => format!("\"{changed:x}-{:x}\"", index.len()),
            Style::Apache => {
                let stamp = changed.unsigned_abs() * 1_000_000 + micros;
                format!("\"{:x}-{stamp:x}\"", index.len())
            }
            Style::Caddy => {
                let stamp = changed.unsigned_abs() * 1_000_000_000 + micros * 1000;
                format!("\"{}{}\"", base36(stamp), base36(index.len() as u64))
            }
        };
        let mut persona = Self {
            style,
            server,
            index: Bytes::from(index),
            changed,
            etag,
            errors: Vec::new(),
        };
        let statuses = WORDS.iter().map(|(status, ..)| *status);
        persona.errors = statuses
            .map(|status| (status, persona.error_page(status)))
            .collect();
        persona
    }

    /// Its front page.
    #[must_use]
    pub fn page(&self) -> &[u8] {
        &self.index
    }

    /// When the front page says it was changed last, as HTTP writes it.
    #[must_use]
    pub fn last_modified(&self) -> String {
        date::http(Timestamp::from_micros(self.changed * 1_000_000))
    }

    /// Answers a request as a server of static files does.
    pub(crate) fn answer(&self, request: &Request, close: bool, now: Timestamp) -> Reply {
        let index = matches!(request.path(), "" | "/" | "/index.html");
        let mut reply = match request.method.as_str() {
            "GET" | "HEAD" if index && self.unchanged(request) => self.not_modified(now),
            "GET" | "HEAD" if index => self.index_page(now),
            "GET" | "HEAD" => self.error(404, now),
            "POST" if !index => self.error(404, now),
            _ => self.error(405, now),
        };
        reply.close |= close;
        self.connection(reply)
    }

    /// Answers what is not answered by a handler, and ends the connection. `None`: as the imitated
    /// server does, without a word.
    pub(crate) fn refuse(&self, fault: Fault, now: Timestamp) -> Option<Reply> {
        let status = match (fault, self.style) {
            (Fault::Gone, _) | (Fault::TooSlow, Style::Nginx | Style::Caddy) => return None,
            (Fault::TooSlow, Style::Apache) => 408,
            (Fault::Malformed, _) => 400,
            (Fault::TargetTooLong, Style::Nginx | Style::Apache) => 414,
            (Fault::HeaderTooLarge, Style::Nginx | Style::Apache) => 400,
            (Fault::TargetTooLong | Fault::HeaderTooLarge, Style::Caddy) => 431,
            (Fault::UnknownCoding, _) => 501,
        };
        Some(self.closing(status, now))
    }

    /// The server's name for itself.
    pub(crate) fn server(&self) -> &'static str {
        self.server
    }

    /// The error of a file that is there but not to be had, or not there.
    pub(crate) fn error_of_site(&self, status: u16, close: bool, now: Timestamp) -> Reply {
        let mut reply = self.error(status, now);
        reply.close |= close;
        self.connection(reply)
    }

    /// An error that ends the connection.
    pub(crate) fn closing(&self, status: u16, now: Timestamp) -> Reply {
        let mut reply = self.error(status, now);
        reply.close = true;
        self.connection(reply)
    }

    fn unchanged(&self, request: &Request) -> bool {
        if let Some(tags) = request.header("if-none-match") {
            return tags.split(',').any(|tag| {
                let tag = tag.trim();
                tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.etag
            });
        }
        request.header("if-modified-since") == Some(self.last_modified().as_str())
    }

    fn index_page(&self, now: Timestamp) -> Reply {
        let (body, length) = (self.index.clone(), self.index.len().to_string());
        let (date, server) = (date::http(now), self.server.to_owned());
        let (changed, etag) = (self.last_modified(), self.etag.clone());
        let html = || "text/html".to_owned();
        let headers = match self.style {
            Style::Nginx => fields([
                ("Server", server),
                ("Date", date),
                ("Content-Type", html()),
                ("Content-Length", length),
                ("Last-Modified", changed),
                ("Connection", "keep-alive".to_owned()),
                ("ETag", etag),
                ("Accept-Ranges", "bytes".to_owned()),
            ]),
            Style::Apache => fields([
                ("Date", date),
                ("Server", server),
                ("Last-Modified", changed),
                ("ETag", etag),
                ("Accept-Ranges", "bytes".to_owned()),
                ("Content-Length", length),
                ("Vary", "Accept-Encoding".to_owned()),
                ("Content-Type", html()),
            ]),
            Style::Caddy => fields([
                ("Accept-Ranges", "bytes".to_owned()),
                ("Content-Length", length),
                ("Content-Type", "text/html; charset=utf-8".to_owned()),
                ("Etag", etag),
                ("Last-Modified", changed),
                ("Server", server),
                ("Vary", "Accept-Encoding".to_owned()),
                ("Date", date),
            ]),
        };
        self.reply(200, headers, body)
    }

    fn not_modified(&self, now: Timestamp) -> Reply {
        let (date, server) = (date::http(now), self.server.to_owned());
        let (changed, etag) = (self.last_modified(), self.etag.clone());
        let headers = match self.style {
            Style::Nginx => fields([
                ("Server", server),
                ("Date", date),
                ("Last-Modified", changed),
                ("Connection", "keep-alive".to_owned()),
                ("ETag", etag),
            ]),
            Style::Apache => fields([
                ("Date", date),
                ("Server", server),
                ("Last-Modified", changed),
                ("ETag", etag),
                ("Accept-Ranges", "bytes".to_owned()),
            ]),
            Style::Caddy => fields([
                ("Etag", etag),
                ("Server", server),
                ("Vary", "Accept-Encoding".to_owned()),
                ("Date", date),
            ]),
        };
        self.reply(304, headers, Bytes::new())
    }

    fn error(&self, status: u16, now: Timestamp) -> Reply {
        let (date, server) = (date::http(now), self.server.to_owned());
        let made = self.errors.iter().find(|(known, _)| *known == status);
        let body = made.map_or_else(|| self.error_page(status), |(_, page)| page.clone());
        let length = body.len().to_string();
        let mut headers = match self.style {
            Style::Nginx => fields([
                ("Server", server),
                ("Date", date),
                ("Content-Type", "text/html".to_owned()),
                ("Content-Length", length),
                ("Connection", "keep-alive".to_owned()),
            ]),
            Style::Apache => fields([
                ("Date", date),
                ("Server", server),
                ("Content-Length", length),
                ("Content-Type", "text/html; charset=iso-8859-1".to_owned()),
            ]),
            // Go's own refusals, before its handler is asked, carry no more than this.
            Style::Caddy if matches!(status, 400 | 431 | 501) => fields([
                ("Content-Type", "text/plain; charset=utf-8".to_owned()),
                ("Connection", "close".to_owned()),
            ]),
            Style::Caddy => fields([
                ("Content-Type", "text/plain; charset=utf-8".to_owned()),
                ("Server", server),
                ("Date", date),
                ("Content-Length", length),
            ]),
        };
        if status == 405 {
            match self.style {
                Style::Nginx => {}
                Style::Apache => {
                    headers.insert(2, ("Allow".into(), "GET,POST,OPTIONS,HEAD".into()))
                }
                Style::Caddy => headers.insert(0, ("Allow".into(), "GET, HEAD".into())),
            }
        }
        self.reply(status, headers, body)
    }

    fn error_page(&self, status: u16) -> Bytes {
        let words = self.words(status).unwrap_or("Error");
        Bytes::from(match self.style {
            Style::Nginx => {
                let server = self.server;
                format!(
                    "<html>\r\n<head><title>{status} {words}</title></head>\r\n<body>\r\n<center><h1>{status} {words}</h1></center>\r\n<hr><center>{server}</center>\r\n</body>\r\n</html>\r\n"
                )
            }
            Style::Apache => {
                let sentence = match status {
                    403 => "You don't have permission to access this resource.",
                    404 => "The requested URL was not found on this server.",
                    405 => "The requested method is not allowed for this URL.",
                    408 => "Server timeout waiting for the HTTP request from the client.",
                    413 => {
                        "The requested resource does not allow request data with this request, or the amount of data exceeds the capacity limit."
                    }
                    414 => "The requested URL's length exceeds the capacity limit for this server.",
                    501 => "The request could not be processed by this server.",
                    _ => "Your browser sent a request that this server could not understand.",
                };
                format!(
                    "<!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2.0//EN\">\n<html><head>\n<title>{status} {words}</title>\n</head><body>\n<h1>{words}</h1>\n<p>{sentence}</p>\n</body></html>\n"
                )
            }
            // Its own errors as a site words them (`handle_errors`): it has none by itself.
            Style::Caddy => format!("{status} {words}"),
        })
    }

    fn words(&self, status: u16) -> Option<&'static str> {
        let (_, nginx, others) = WORDS.iter().find(|(known, ..)| *known == status)?;
        Some(if self.style == Style::Nginx {
            nginx
        } else {
            others
        })
    }

    fn reply(&self, status: u16, headers: Vec<(Cow<'static, str>, String)>, body: Bytes) -> Reply {
        Reply {
            status,
            reason: self.words(status),
            headers,
            body,
            close: false,
        }
    }

    fn connection(&self, mut reply: Reply) -> Reply {
        if !reply.close {
            return reply;
        }
        for (name, value) in &mut reply.headers {
            if name == "Connection" {
                "close".clone_into(value);
                return reply;
            }
        }
        let at = match self.style {
            // Apache writes it ahead of the content's type.
            Style::Apache => reply.headers.len().saturating_sub(1),
            Style::Nginx | Style::Caddy => reply.headers.len(),
        };
        reply
            .headers
            .insert(at, ("Connection".into(), "close".into()));
        reply
    }
}

fn fields<const N: usize>(list: [(&'static str, String); N]) -> Vec<(Cow<'static, str>, String)> {
    list.into_iter()
        .map(|(name, value)| (Cow::Borrowed(name), value))
        .collect()
}

fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        let digit = u32::try_from(number % 36).unwrap_or(0);
        digits.push(char::from_digit(digit, 36).unwrap_or('0'));
        number /= 36;
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::head::lenient;

    const NOW: Timestamp = Timestamp::from_micros(1_795_401_540_000_000);

    fn ask(persona: &Persona, request: &str) -> Reply {
        let (head, body) = lenient(request.as_bytes());
        let request = Request::new(head.method, head.target, String::new(), head.headers, body);
        persona.answer(&request, false, NOW)
    }

    #[test]
    fn every_persona_behaves_like_a_static_site() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..64 {
            let persona = Persona::of(&System::from_seed(&[seed; 32]));
            seen.insert(persona.server);
            let index = ask(&persona, "GET /?a=b HTTP/1.1\r\n\r\n");
            assert_eq!(index.status, 200);
            let etag = index
                .headers
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case("etag"));
            let again = format!(
                "GET / HTTP/1.1\r\nIf-None-Match: {}\r\n\r\n",
                etag.unwrap().1
            );
            assert_eq!(ask(&persona, &again).status, 304);
            assert_eq!(
                ask(&persona, "GET /robots.txt HTTP/1.1\r\n\r\n").status,
                404
            );
            assert_eq!(ask(&persona, "POST / HTTP/1.1\r\n\r\n").status, 405);
            assert_eq!(ask(&persona, "TRACE / HTTP/1.1\r\n\r\n").status, 405);
            assert_eq!(
                Persona::of(&System::from_seed(&[seed; 32])).index,
                persona.index
            );
            for reply in [index, persona.closing(400, NOW), persona.closing(413, NOW)] {
                let wire = reply.to_wire().to_ascii_lowercase();
                assert!(!wire.windows(7).any(|part| part == b"lapwing"));
            }
        }
        assert!(seen.len() > 5, "{seen:?}");
    }
}
