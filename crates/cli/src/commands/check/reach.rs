//! Do the addresses that bait carries still lead to this station?
//!
//! Each address is asked once for its front page, which holds no handle: the station answers it like any
//! stranger's request, records no trip, and raises no alert. What it would answer is worked out here from
//! the same seed and catalogue, and compared. Only addresses of our own canaries are ever asked.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use lapwing_catalog::{Asked, Catalog, Request};
use lapwing_core::{Clock as _, SystemClock};
use lapwing_listen::Persona;
use lapwing_store::Ledger;
use reqwest::Client;
use tokio::task::JoinSet;
use url::Url;

use super::Row;
use crate::context::Context;
use crate::failure::Advice;

/// How long one address may take.
const LIMIT: Duration = Duration::from_secs(10);
/// Addresses asked at once.
const PARALLEL: usize = 16;
/// Most of an answer that is read, in bytes.
const MOST: usize = 64 << 10;

/// How an address fared.
#[derive(Clone, Debug)]
pub(super) enum Reached {
    /// The answer is ours.
    Yes { milliseconds: u128 },
    /// There is none, or somebody else's.
    No { what: String, next: &'static str },
    /// This host has no network to ask over.
    Unknown { what: String },
}

impl Reached {
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Yes { .. } => "yes",
            Self::No { .. } => "no",
            Self::Unknown { .. } => "unknown",
        }
    }

    pub(super) fn what(&self) -> Option<&str> {
        match self {
            Self::Yes { .. } => None,
            Self::No { what, .. } | Self::Unknown { what } => Some(what),
        }
    }

    pub(super) const fn milliseconds(&self) -> Option<u128> {
        match self {
            Self::Yes { milliseconds } => Some(*milliseconds),
            Self::No { .. } | Self::Unknown { .. } => None,
        }
    }
}

/// What the station answers a request for `/`.
struct Expected {
    status: u16,
    /// `None` where parts of it are drawn anew for each request.
    body: Option<Vec<u8>>,
    changed: Option<String>,
}

pub(super) struct Routes<'a> {
    catalog: &'a Catalog,
    bindings: BTreeMap<String, Vec<String>>,
    persona: Persona,
    seed: [u8; 32],
    via: Option<SocketAddr>,
}

impl<'a> Routes<'a> {
    pub(super) fn new(
        context: &Context,
        ledger: &Ledger,
        catalog: &'a Catalog,
        via: Option<SocketAddr>,
    ) -> anyhow::Result<Self> {
        let mut bindings = BTreeMap::<String, Vec<String>>::new();
        for (host, kind) in ledger.bindings()? {
            bindings.entry(host).or_default().push(kind);
        }
        let seed = context.directory.persona_seed();
        Ok(Self {
            catalog,
            bindings,
            persona: Persona::of(&lapwing_daemon::persona::system(
                &context.directory,
                ledger,
            )?),
            seed,
            via,
        })
    }

    /// Asks each address of the rows' canaries once, and notes in the rows how that went.
    pub(super) fn ask(&self, ledger: &Ledger, rows: &mut [Row]) -> anyhow::Result<()> {
        let mut addresses = BTreeMap::<Url, Option<Reached>>::new();
        let mut of_rows = Vec::new();
        for row in &*rows {
            let canary = ledger.canary(row.placement.canary)?;
            let url = canary.and_then(|canary| canary.fields.get("beacon.url").cloned());
            let front = url.as_deref().map(front).transpose()?.flatten();
            if let Some(front) = &front {
                addresses.insert(front.clone(), None);
            }
            of_rows.push(front);
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(self.ask_all(&mut addresses))?;
        for (row, front) in rows.iter_mut().zip(of_rows) {
            row.reached = front.and_then(|front| addresses.get(&front).cloned().flatten());
        }
        Ok(())
    }

    async fn ask_all(&self, addresses: &mut BTreeMap<Url, Option<Reached>>) -> anyhow::Result<()> {
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(LIMIT)
            .build()?;
        let all: Vec<Url> = addresses.keys().cloned().collect();
        let (mut under_way, mut left) = (JoinSet::new(), all.into_iter());
        loop {
            while under_way.len() < PARALLEL
                && let Some(url) = left.next()
            {
                let (client, via) = (client.clone(), self.via);
                let expected = self.expected(&url);
                under_way.spawn(async move {
                    let reached = one(&client, &url, via, &expected).await;
                    (url, reached)
                });
            }
            let Some(ended) = under_way.join_next().await else {
                return Ok(());
            };
            let (url, reached) = ended?;
            addresses.insert(url, Some(reached));
        }
    }

    /// As the listener decides: a kind that is bound to the host, else the persona.
    fn expected(&self, url: &Url) -> Expected {
        let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
        let kinds = self.bindings.get(&host).map_or(&[][..], Vec::as_slice);
        let request = Request::new(
            "GET".to_owned(),
            "/".to_owned(),
            host,
            vec![("accept".to_owned(), b"*/*".to_vec())],
            Vec::new(),
        );
        let answer = |seconds| {
            self.catalog.answer(&Asked {
                request: &request,
                kinds,
                matched: &[],
                now: SystemClock.now().plus_seconds(seconds),
                seed: &self.seed,
            })
        };
        match (!kinds.is_empty())
            .then(|| answer(0).zip(answer(3600)))
            .flatten()
        {
            Some((first, second)) => Expected {
                status: first.status,
                body: (first.body == second.body && !first.body.is_empty()).then_some(first.body),
                changed: None,
            },
            None => Expected {
                status: 200,
                body: Some(self.persona.page().to_vec()),
                changed: Some(self.persona.last_modified()),
            },
        }
    }
}

/// The front page of an address; `None` if it is not spoken HTTP to.
fn front(url: &str) -> anyhow::Result<Option<Url>> {
    let mut url = Url::parse(url).map_err(|_| {
        Advice::error(
            format!("the ledger holds an address that is none: {url:?}"),
            "restore the ledger from a backup",
        )
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Ok(None);
    }
    url.set_path("/");
    url.set_query(None);
    url.set_fragment(None);
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Ok(Some(url))
}

async fn one(client: &Client, url: &Url, via: Option<SocketAddr>, expected: &Expected) -> Reached {
    let begun = Instant::now();
    let host = url.host_str().unwrap_or_default();
    if via.is_none()
        && let Some(trouble) = unresolved(url).await
    {
        return trouble;
    }
    let mut to = url.clone();
    if let Some(via) = via {
        // Straight to the listener, which speaks no TLS, under the name the canary carries.
        let _ = to.set_scheme("http");
        let _ = to.set_port(Some(via.port()));
        let _ = to.set_ip_host(via.ip());
    }
    let answer = client.get(to).header("host", url.authority()).send().await;
    let mut answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let reason = cause(&error);
            return no_or_offline(
                format!("{host} cannot be reached: {reason}"),
                "look at certificate, firewall, proxy and station (`lapwing listen`); --via asks the listener",
            );
        }
    };
    let status = answer.status().as_u16();
    let changed = answer.headers().get("last-modified").cloned();
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        body.extend_from_slice(&chunk[..chunk.len().min(MOST - body.len())]);
        if body.len() >= MOST {
            break;
        }
    }
    let same = status == expected.status
        && expected.body.as_ref().is_none_or(|known| *known == body)
        && expected
            .changed
            .as_ref()
            .is_none_or(|known| changed.is_some_and(|said| said.as_bytes() == known.as_bytes()));
    if same {
        return Reached::Yes {
            milliseconds: begun.elapsed().as_millis(),
        };
    }
    Reached::No {
        what: format!("{host} answers ({status}), but not as this station does"),
        next: "look where DNS and proxy lead to: somebody else, or a station with another key",
    }
}

/// What is wrong if a name has no address.
async fn unresolved(url: &Url) -> Option<Reached> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(443);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let error = match tokio::time::timeout(LIMIT, tokio::net::lookup_host((bare, port))).await {
        Ok(Ok(mut found)) => match found.next() {
            Some(_) => return None,
            None => "it has no address".to_owned(),
        },
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} s", LIMIT.as_secs()),
    };
    Some(no_or_offline(
        format!("{host} does not resolve: {error}"),
        "mend the name in your DNS (a wildcard record covers all bait), or the resolver of this host",
    ))
}

fn no_or_offline(what: String, next: &'static str) -> Reached {
    if has_route() {
        Reached::No { what, next }
    } else {
        Reached::Unknown {
            what: format!("this host has no network; {what}"),
        }
    }
}

/// Whether packets could leave this host at all. A connected datagram socket asks the routing table and
/// sends nothing; the addresses are those kept for documentation (RFC 5737, RFC 3849).
fn has_route() -> bool {
    [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")]
        .iter()
        .any(|(from, to)| UdpSocket::bind(from).is_ok_and(|socket| socket.connect(to).is_ok()))
}

/// The system's own reason.
fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
