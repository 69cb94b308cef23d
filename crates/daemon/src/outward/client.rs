//! The HTTP client that fetches what the operator named: HTTPS only, but to this host itself; to public addresses
//! only, unless the operator's own setting leads elsewhere; redirects under the same rules, each listed like the
//! first; streamed, with a bound on bytes and a deadline.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use lapwing_alert::Guard;
use lapwing_core::{Clock as _, SystemClock, bounded, text};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ETAG, HeaderMap, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use reqwest::{Response, StatusCode, Url, redirect};

use super::{Asked, Outward, Unlisted};

/// Redirects that are followed.
const MOST_REDIRECTS: usize = 5;
/// For a connection, and between two pieces of an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// For all of it.
const DEADLINE: Duration = Duration::from_secs(1800);
/// Largest file of certificates, in bytes.
const ROOTS: u64 = 1 << 20;

/// Why something could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The URL is none to fetch from.
    #[error("{url}: {what}")]
    Url {
        /// It, escaped.
        url: String,
        /// What is wrong, and what to do.
        what: String,
    },
    /// The certificates that the operator named.
    #[error("{path}: {what}")]
    Roots {
        /// Which file.
        path: String,
        /// What is wrong.
        what: String,
    },
    /// Nobody answered, or not to the end.
    #[error("{host} could not be fetched from: {why}; look whether it is reachable, and try again")]
    Unreached {
        /// Whom was asked.
        host: String,
        /// What was met.
        why: String,
    },
    /// An answer that is no file.
    #[error("{host} answered {status}: {hint}")]
    Status {
        /// Who was asked.
        host: String,
        /// What it said.
        status: u16,
        /// What to do.
        hint: &'static str,
    },
    /// More than expected.
    #[error("{host} sends more than {limit} bytes: nothing was kept")]
    TooLarge {
        /// Who.
        host: String,
        /// The bound.
        limit: u64,
    },
    /// The file it is written to.
    #[error("cannot write what is fetched: {0}")]
    Write(#[from] std::io::Error),
    /// The list of look-ups.
    #[error(transparent)]
    Unlisted(#[from] Unlisted),
}

/// Who fetches, and why.
#[derive(Clone, Debug)]
pub struct Errand {
    /// Where it is listed.
    pub outward: Outward,
    /// Why: `geo update ipfire`.
    pub purpose: String,
    /// The address it is about. It is never connected to.
    pub about: Option<IpAddr>,
}

/// A client for one URL and what it redirects to.
pub struct Client {
    http: reqwest::Client,
    errand: Errand,
    rules: Rules,
}

/// What may be connected to.
#[derive(Clone, Copy, Debug)]
struct Rules {
    /// The operator's URL names this host itself: then plain HTTP is as good.
    local: bool,
    guard: Guard,
    never: Option<IpAddr>,
}

/// What an earlier fetch learnt, to be asked with.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// `ETag` of what is at hand.
    pub etag: Option<String>,
    /// `Last-Modified` of it.
    pub modified: Option<String>,
}

/// An answer that is there to be read.
pub struct Answer {
    response: Response,
    host: String,
    /// How long it says it is.
    pub length: Option<u64>,
    /// `ETag`.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub modified: Option<String>,
}

impl Client {
    /// For what the operator named; `roots` may be empty.
    ///
    /// # Errors
    /// A URL that is not fetched from, or certificates that cannot be used.
    pub fn new(
        url: &Url,
        roots: &Path,
        allow_private: bool,
        errand: Errand,
    ) -> Result<Self, FetchError> {
        let local = is_local(url);
        let rules = Rules {
            local,
            guard: Guard {
                allow_private: allow_private || local,
            },
            never: errand.about,
        };
        rules.check(url)?;
        let unusable = |what: String| FetchError::Roots {
            path: roots.display().to_string(),
            what,
        };
        let pem = match roots.as_os_str().is_empty() {
            true => None,
            false => Some(bounded::read_file(roots, ROOTS).map_err(|it| unusable(it.to_string()))?),
        };
        let tls = lapwing_alert::tls_client(pem.as_deref()).map_err(unusable)?;
        let followed = errand.clone();
        let policy = redirect::Policy::custom(move |attempt| {
            if attempt.previous().len() > MOST_REDIRECTS {
                return attempt.error("too many redirects");
            }
            if let Err(error) = rules.check(attempt.url()) {
                return attempt.error(error);
            }
            match followed.list(attempt.url()) {
                Ok(()) => attempt.follow(),
                Err(error) => attempt.error(error),
            }
        });
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(policy)
            .dns_resolver(rules)
            .connect_timeout(PATIENCE)
            .read_timeout(PATIENCE)
            .timeout(DEADLINE)
            .build()
            .map_err(|error| unusable(error.to_string()))?;
        Ok(Self {
            http,
            errand,
            rules,
        })
    }

    /// Asks, once it is on the list; `None`: what is known is still so.
    ///
    /// # Errors
    /// It may not be asked, nobody answers, or the answer is none.
    pub async fn get(
        &self,
        url: &Url,
        login: Option<(&str, &str)>,
        accept: &'static str,
        known: &Known,
    ) -> Result<Option<Answer>, FetchError> {
        self.rules.check(url)?;
        self.errand.list(url)?;
        let mut request = self.http.get(url.clone()).header("accept", accept);
        if let Some((user, key)) = login {
            request = request.basic_auth(user, Some(key));
        }
        if let Some(etag) = &known.etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        if let Some(modified) = &known.modified {
            request = request.header(IF_MODIFIED_SINCE, modified);
        }
        let host = host(url);
        let response = request.send().await;
        let response = response.map_err(|error| unreached(&host, error))?;
        let status = response.status();
        if status == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        if !status.is_success() {
            return Err(FetchError::Status {
                host,
                status: status.as_u16(),
                hint: hint(status),
            });
        }
        let said = |name| said(response.headers(), name);
        Ok(Some(Answer {
            length: response.content_length(),
            etag: said(ETAG),
            modified: said(LAST_MODIFIED),
            host,
            response,
        }))
    }
}

impl Answer {
    /// Reads it to its end, at most so many bytes, piece by piece.
    ///
    /// # Errors
    /// It ends early, is longer, or a piece cannot be taken.
    pub async fn read(
        mut self,
        limit: u64,
        mut take: impl FnMut(&[u8]) -> std::io::Result<()>,
    ) -> Result<u64, FetchError> {
        let too_large = |host| FetchError::TooLarge { host, limit };
        if self.length.is_some_and(|length| length > limit) {
            return Err(too_large(self.host));
        }
        let mut bytes = 0;
        loop {
            let chunk = self.response.chunk().await;
            let Some(chunk) = chunk.map_err(|error| unreached(&self.host, error))? else {
                return Ok(bytes);
            };
            bytes += chunk.len() as u64;
            if bytes > limit {
                return Err(too_large(self.host));
            }
            take(&chunk)?;
        }
    }
}

impl Errand {
    fn list(&self, url: &Url) -> Result<(), Unlisted> {
        let mut shown = url.clone();
        // What is asked may hold a key, and signed addresses do.
        shown.set_query(None);
        shown.set_fragment(None);
        self.outward.add(&Asked {
            time: SystemClock.now(),
            purpose: self.purpose.clone(),
            to: text::escape_short(shown.as_str().as_bytes(), 500),
            about: self.about,
        })
    }
}

impl Rules {
    fn check(self, url: &Url) -> Result<(), FetchError> {
        let refuse = |what: &str| FetchError::Url {
            url: text::escape_short(host(url).as_bytes(), 200),
            what: what.to_owned(),
        };
        match url.scheme() {
            "https" => {}
            "http" if self.local && is_local(url) => {}
            _ => {
                return Err(refuse(
                    "only https:// is fetched from, but on this host itself",
                ));
            }
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse(
                "the URL holds a user or a password: use `user` and `key_file`",
            ));
        }
        match literal(url) {
            Some(address) if Some(address) == self.never => Err(refuse(
                "that is the address it is about, which is never asked",
            )),
            Some(address) if !self.guard.allows(address) => Err(refuse(
                "that is no public address; for a mirror of your own set allow_private = true",
            )),
            _ => Ok(()),
        }
    }
}

impl Resolve for Rules {
    fn resolve(&self, name: Name) -> Resolving {
        let rules = *self;
        Box::pin(async move {
            let found = rules.guard.resolve(name).await?;
            let allowed: Vec<_> = found
                .filter(|address| Some(address.ip().to_canonical()) != rules.never)
                .collect();
            if allowed.is_empty() {
                return Err("leads to the address it is about, which is never asked".into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Whether a URL names this host by its loopback address or name.
pub(super) fn is_local(url: &Url) -> bool {
    url.host_str() == Some("localhost") || literal(url).is_some_and(|address| address.is_loopback())
}

/// The address that stands in a URL in the place of a name.
fn literal(url: &Url) -> Option<IpAddr> {
    let host = url
        .host_str()?
        .trim_start_matches('[')
        .trim_end_matches(']');
    Some(host.parse::<IpAddr>().ok()?.to_canonical())
}

fn host(url: &Url) -> String {
    text::escape_short(url.host_str().unwrap_or_default().as_bytes(), 200)
}

fn said(headers: &HeaderMap, name: reqwest::header::HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    (value.len() <= 200).then(|| value.to_owned())
}

fn hint(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            "it wants `user` and `key_file` (or `key_env`), or knows them no more"
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            "there is no such file: look up the address with its publisher"
        }
        StatusCode::TOO_MANY_REQUESTS => "it was asked too often: try again tomorrow",
        _ => "try again later",
    }
}

/// An attempt without an answer. The URL stays out of it: it may hold a key.
fn unreached(host: &str, error: reqwest::Error) -> FetchError {
    let error = error.without_url();
    let mut why = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(current) = cause {
        let more = current.to_string();
        if !why.ends_with(&more) {
            why = format!("{why}: {more}");
        }
        cause = current.source();
    }
    FetchError::Unreached {
        host: host.to_owned(),
        why: text::escape_short(why.as_bytes(), 300),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(url: &str, about: Option<&str>, allow_private: bool) -> Result<Client, FetchError> {
        let errand = Errand {
            outward: Outward::of(Path::new("/nonexistent")),
            purpose: "test".to_owned(),
            about: about.map(|it| it.parse().unwrap()),
        };
        Client::new(&url.parse().unwrap(), Path::new(""), allow_private, errand)
    }

    #[test]
    fn only_what_may_be_fetched_from_is() {
        for (url, private, fine) in [
            ("https://location.example/x", false, true),
            ("http://location.example/x", false, false),
            ("ftp://location.example/x", false, false),
            ("http://127.0.0.1:8080/x", false, true),
            ("http://[::1]:8080/x", false, true),
            ("http://localhost/x", false, true),
            ("https://10.0.0.1/x", false, false),
            ("https://10.0.0.1/x", true, true),
            ("http://10.0.0.1/x", true, false),
            ("https://169.254.169.254/x", false, false),
            ("https://user:word@location.example/x", false, false),
        ] {
            assert_eq!(client(url, None, private).is_ok(), fine, "{url}");
        }
        assert!(client("https://8.8.8.8/ip/8.8.8.8", Some("8.8.8.8"), false).is_err());
        assert!(client("https://8.8.4.4/ip/8.8.8.8", Some("8.8.8.8"), false).is_ok());
    }

    #[test]
    fn a_redirect_off_this_host_is_under_the_same_rules() {
        let away = client("https://location.example/x", None, false)
            .ok()
            .unwrap();
        let here = client("http://127.0.0.1:1/x", None, false).ok().unwrap();
        for url in [
            "http://127.0.0.1/",
            "http://location.example/",
            "https://[::1]/",
        ] {
            assert!(away.rules.check(&url.parse().unwrap()).is_err(), "{url}");
        }
        assert!(
            here.rules
                .check(&"http://location.example/".parse().unwrap())
                .is_err()
        );
        assert!(
            here.rules
                .check(&"http://127.0.0.1:2/".parse().unwrap())
                .is_ok()
        );
    }

    #[tokio::test]
    async fn nothing_is_asked_that_cannot_be_listed() {
        let url: Url = "http://127.0.0.1:1/x".parse().unwrap();
        let client = client(url.as_str(), None, false).ok().unwrap();
        let asked = client.get(&url, None, "*/*", &Known::default()).await;
        assert!(matches!(asked, Err(FetchError::Unlisted(_))));
    }
}
