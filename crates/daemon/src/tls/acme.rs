//! Certificates from a public authority (ACME, RFC 8555), one for each configured host name, renewed before they
//! end. The listeners answer its checks (`lapwing_listen::Challenges`); it is the only one that this talks to.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, BodyWrapper, BytesResponse, ChallengeHandle,
    ChallengeType, HttpClient, Identifier, NewAccount, NewOrder, Order, OrderStatus, RetryPolicy,
};
use lapwing_core::{Clock as _, SystemClock, bounded};
use lapwing_listen::Station;
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::authority::save;
use super::{Origin, Source, directory_of, file_of, is_host_name};
use crate::directory::{make_private_directory, replace_private};
use crate::guard::Siren;
use crate::settings::{Acme, AcmeChallenge};
use crate::{DaemonError, Settings};

/// How often it is looked whether a certificate is due.
const LOOK: Duration = Duration::from_secs(3600);

/// Pauses after failures, one longer than the other: authorities count them.
const PAUSES: [u64; 4] = [60, 900, 3600, 6 * 3600];

/// Bytes of an answer, at most.
const LONGEST: usize = 1 << 20;

/// How long an authority may take for its checks.
const PATIENCE: RetryPolicy = RetryPolicy::new().timeout(Duration::from_secs(120));

/// Why no certificate came.
#[derive(Debug, thiserror::Error)]
enum AcmeError {
    #[error(transparent)]
    Acme(#[from] instant_acme::Error),
    #[error("the authority does not check by {0}")]
    NoSuchCheck(&'static str),
    #[error("the authority's check failed: it ended as {0:?}. {1}")]
    Refused(OrderStatus, String),
    #[error(transparent)]
    Daemon(#[from] DaemonError),
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    #[error("the certificate for the check cannot be shown")]
    Show(#[from] lapwing_listen::CertificateError),
    #[error("cannot build the client: {0}")]
    Client(String),
    #[error("{path}: {1}", path = .0.display())]
    File(PathBuf, std::io::Error),
}

/// The account, as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    directory: String,
    credentials: AccountCredentials,
}

/// Gets and renews.
pub(crate) struct Obtainer {
    pub(super) root: PathBuf,
    pub(super) settings: Acme,
    pub(super) front: Arc<Station>,
    /// Told of every new certificate.
    pub(super) reload: Arc<Notify>,
}

/// Looks whether what is configured can be asked for.
pub(super) fn check(settings: &Settings, front: &Station) -> Result<(), DaemonError> {
    let Acme {
        hosts, challenge, ..
    } = &settings.tls.acme;
    let wrong = |what: String| DaemonError::Setting {
        key: "tls.acme.hosts".to_owned(),
        what,
    };
    if *challenge == AcmeChallenge::Dns01 && !hosts.is_empty() && front.zones.is_empty() {
        let what = "dns-01 needs the station to listen for DNS (listen.protocols.dns)".to_owned();
        return Err(wrong(what));
    }
    for host in hosts {
        if !is_host_name(host) {
            return Err(wrong(format!("{host:?} is no host name")));
        }
        if host.starts_with("*.") && *challenge != AcmeChallenge::Dns01 {
            let what = format!("{host} can be checked by dns-01 only (tls.acme.challenge)");
            return Err(wrong(what));
        }
    }
    Ok(())
}

impl Obtainer {
    /// Keeps certificates for all hosts until it is dropped.
    pub(crate) async fn stand(self, siren: Siren) {
        let mut failures = 0;
        loop {
            let mut failed = None;
            for host in self.due() {
                let mut texts = Vec::new();
                let obtained = self.obtain(&host, &mut texts).await;
                self.front.tls.challenges().clear();
                for text in texts {
                    self.front.zones.challenges().remove(&host, &text);
                }
                match obtained {
                    Ok(()) => self.reload.notify_one(),
                    Err(error) => failed = Some(format!("{host}: {}", chain(&error))),
                }
            }
            let Some(failed) = failed else {
                failures = 0;
                tokio::time::sleep(LOOK).await;
                continue;
            };
            let pause = PAUSES[failures.min(PAUSES.len() - 1)];
            failures += 1;
            tracing::warn!(%failed, pause, "no certificate came");
            // Once it has failed twice somebody has to look.
            if failures == 2 {
                let text = format!("No certificate comes for {failed}. It is tried again.");
                let next = [
                    "Check that the host's name leads here, on port 80 or 443 as \
                             tls.acme.challenge needs it.",
                ];
                siren.sound(&text, &next).await;
            }
            tokio::time::sleep(Duration::from_secs(pause)).await;
        }
    }

    /// The hosts that have no certificate, or one that ends soon.
    fn due(&self) -> Vec<String> {
        let soon = SystemClock.now().seconds() + i64::from(self.settings.renew_days) * 86_400;
        let is_due = |host: &&String| {
            let path = file_of(&self.root, Origin::Acme, host);
            let source = Source {
                origin: Origin::Acme,
                certificate: path.clone(),
                key: path,
            };
            source.load().map_or(true, |it| it.not_after < soon)
        };
        self.settings.hosts.iter().filter(is_due).cloned().collect()
    }

    /// Gets one. `texts` is given what stands in the zones meanwhile.
    async fn obtain(&self, host: &str, texts: &mut Vec<String>) -> Result<(), AcmeError> {
        let account = self.account().await?;
        let names = [Identifier::Dns(host.to_owned())];
        let mut order = account.new_order(&NewOrder::new(&names)).await?;
        self.answer(host, &mut order, texts).await?;
        let status = order.poll_ready(&PATIENCE).await?;
        if status != OrderStatus::Ready {
            return Err(AcmeError::Refused(status, why(&mut order).await));
        }
        let mut parameters = CertificateParams::new(vec![host.to_owned()])?;
        parameters.distinguished_name = DistinguishedName::new();
        let key = KeyPair::generate()?;
        let request = parameters.serialize_request(&key)?;
        order.finalize_csr(request.der()).await?;
        let chain = order.poll_certificate(&PATIENCE).await?;
        let path = file_of(&self.root, Origin::Acme, host);
        save(&path, &key.serialize_pem(), &chain)?;
        tracing::info!(host, "a certificate came");
        Ok(())
    }

    /// Puts up what the authority will look for, and tells it to look.
    async fn answer(
        &self,
        host: &str,
        order: &mut Order,
        texts: &mut Vec<String>,
    ) -> Result<(), AcmeError> {
        let (check, word) = match self.settings.challenge {
            AcmeChallenge::Http01 => (ChallengeType::Http01, "http-01"),
            AcmeChallenge::TlsAlpn01 => (ChallengeType::TlsAlpn01, "tls-alpn-01"),
            AcmeChallenge::Dns01 => (ChallengeType::Dns01, "dns-01"),
        };
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization?;
            if authorization.status != AuthorizationStatus::Pending {
                continue;
            }
            let challenge = authorization.challenge(check.clone());
            let mut challenge = challenge.ok_or(AcmeError::NoSuchCheck(word))?;
            texts.extend(self.put_up(host, &challenge)?);
            challenge.set_ready().await?;
        }
        Ok(())
    }

    /// Gives the text if it is one in the zones.
    fn put_up(
        &self,
        host: &str,
        challenge: &ChallengeHandle<'_>,
    ) -> Result<Option<String>, AcmeError> {
        let challenges = self.front.tls.challenges();
        let host = host.trim_start_matches("*.");
        let answer = challenge.key_authorization();
        match self.settings.challenge {
            AcmeChallenge::Http01 => challenges.file(&challenge.token, answer.as_str()),
            AcmeChallenge::Dns01 => {
                let text = answer.dns_value();
                self.front.zones.challenges().put(host, &text);
                return Ok(Some(text));
            }
            AcmeChallenge::TlsAlpn01 => {
                let mut parameters = CertificateParams::new(vec![host.to_owned()])?;
                let digest = answer.digest();
                parameters.custom_extensions =
                    vec![CustomExtension::new_acme_identifier(digest.as_ref())];
                let key = KeyPair::generate()?;
                let certificate = parameters.self_signed(&key)?.der().clone();
                challenges.certificate(host, certificate, key.serialize_der().into())?;
            }
        }
        Ok(None)
    }

    /// The account at this directory, made if there is none.
    async fn account(&self) -> Result<Account, AcmeError> {
        let path = directory_of(&self.root, Origin::Acme).join("account.json");
        let directory = &self.settings.directory;
        let kept = bounded::read_text(&path, LONGEST as u64).ok();
        let kept = kept.and_then(|text| serde_json::from_str::<Kept>(&text).ok());
        let builder = Account::builder_with_http(Box::new(self.client()?));
        if let Some(kept) = kept.filter(|kept| kept.directory == *directory) {
            return Ok(builder.from_credentials(kept.credentials).await?);
        }
        let contacts: Vec<String> = (self.settings.contacts.iter())
            .map(|address| format!("mailto:{address}"))
            .collect();
        let contacts: Vec<&str> = contacts.iter().map(String::as_str).collect();
        let wanted = NewAccount {
            contact: &contacts,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let (account, credentials) = builder.create(&wanted, directory.clone(), None).await?;
        let kept = Kept {
            directory: directory.clone(),
            credentials,
        };
        let text = serde_json::to_vec(&kept).expect("credentials are plain data");
        make_private_directory(&directory_of(&self.root, Origin::Acme))?;
        replace_private(&path, &text).map_err(|error| AcmeError::File(path, error))?;
        Ok(account)
    }

    fn client(&self) -> Result<Client, AcmeError> {
        let file = &self.settings.roots;
        let roots = match file.as_os_str().is_empty() {
            true => None,
            false => Some(read(file)?),
        };
        let tls = lapwing_alert::tls_client(roots.as_deref()).map_err(AcmeError::Client)?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60))
            .build();
        Ok(Client(
            client.map_err(|error| AcmeError::Client(error.to_string()))?,
        ))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, AcmeError> {
    let bytes = bounded::read_file(path, LONGEST as u64);
    bytes.map_err(|error| AcmeError::File(path.to_owned(), error))
}

/// What the authority says of a check that failed.
async fn why(order: &mut Order) -> String {
    let mut words = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(Ok(authorization)) = authorizations.next().await {
        let problems = authorization.challenges.iter();
        let problems = problems.filter_map(|challenge| challenge.error.as_ref());
        words.extend(problems.map(ToString::to_string));
    }
    words.join("; ")
}

/// An error with what caused it.
fn chain(error: &AcmeError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(one) = cause {
        text = format!("{text}: {one}");
        cause = one.source();
    }
    text
}

/// Its HTTP.
struct Client(reqwest::Client);

impl HttpClient for Client {
    fn request(
        &self,
        request: http::Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, instant_acme::Error>> + Send>> {
        let client = self.0.clone();
        let other = |error: reqwest::Error| instant_acme::Error::Other(Box::new(error));
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = match body.collect().await {
                Ok(body) => body.to_bytes(),
                Err(never) => match never {},
            };
            let request = http::Request::from_parts(parts, body);
            let request = reqwest::Request::try_from(request).map_err(other)?;
            let answer = client.execute(request).await.map_err(other)?;
            let answer: http::Response<reqwest::Body> = answer.into();
            Ok(BytesResponse::from(
                answer.map(|body| Limited::new(body, LONGEST)),
            ))
        })
    }
}
