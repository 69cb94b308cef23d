//! The request that trips a canary.

use std::net::SocketAddr;
use std::time::Duration;

use lapwing_catalog::Catalog;
use lapwing_core::{Canary, Trigger};
use lapwing_daemon::mint::handles;
use reqwest::Client;

/// What is sent for one canary.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) url: String,
    handle: String,
    nonce: String,
}

impl Request {
    /// For a canary that this station would see used; otherwise why it would not, to be read behind its
    /// name.
    pub(super) fn new(catalog: &Catalog, canary: &Canary, nonce: String) -> Result<Self, String> {
        let Some(kind) = catalog.kind(&canary.kind) else {
            return Err(format!(
                "cannot be drilled: its kind {} is no longer in the catalogue",
                canary.kind
            ));
        };
        let Some(url) = canary.fields.get("beacon.url").cloned() else {
            let why = match kind.trigger {
                Trigger::Provider => "only its vendor sees a use, and nobody asks the vendor",
                Trigger::Local => "a use is seen in place and not by a listener",
                _ if kind.login.is_some() => {
                    "a drill speaks HTTP, and it logs in over another protocol"
                }
                Trigger::Endpoint | Trigger::Inbound => "it carries no address of this station",
            };
            return Err(format!("cannot be drilled: {why} ({})", kind.id));
        };
        let handle = handles(kind, canary).into_iter().next();
        let Some((_, handle)) = handle else {
            return Err("cannot be drilled: it has no handle".to_owned());
        };
        Ok(Self { url, handle, nonce })
    }

    /// Sends it; the answer's status.
    pub(super) async fn send(
        &self,
        client: &Client,
        via: Option<SocketAddr>,
    ) -> anyhow::Result<u16> {
        let mut url = url::Url::parse(&self.url)?;
        let authority = url.authority().to_owned();
        if let Some(via) = via {
            // Straight to the listener, which speaks no TLS, under the name the canary carries.
            let _ = url.set_scheme("http");
            let _ = url.set_port(Some(via.port()));
            let _ = url.set_ip_host(via.ip());
        }
        let mut request = client
            .get(url)
            .header("host", authority)
            .header("x-request-id", &self.nonce);
        if !self.url.contains(&self.handle) {
            request = request.bearer_auth(&self.handle);
        }
        // The address is said beside the error, where it may be.
        let answer = request.send().await.map_err(reqwest::Error::without_url)?;
        Ok(answer.status().as_u16())
    }
}

/// Follows no redirect and no proxy of the environment: the request goes where the canary leads.
pub(super) fn client(limit: Duration) -> anyhow::Result<Client> {
    Ok(Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(limit)
        .build()?)
}
