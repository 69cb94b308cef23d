//! Who wants in, and with what (RFC 4252): `publickey` and `password`, as Debian and Ubuntu set OpenSSH up. Whatever is
//! offered is recorded; only a planted key with its signature, or a planted login, gets in.

use std::time::Duration;

use lapwing_core::Carrier;
use rand::RngExt as _;
use tokio::time::{Instant, sleep_until};

use super::keys::Offered;
use super::transport::{PROTOCOL_ERROR, Transport};
use super::wire::{Message, Reader};
use crate::station::Recognised;
use crate::visit::{Account, Act, Ended};

const SERVICE_REQUEST: u8 = 5;
const SERVICE_ACCEPT: u8 = 6;
const REQUEST: u8 = 50;
const FAILURE: u8 = 51;
const SUCCESS: u8 = 52;
const KEY_OK: u8 = 60;

/// OpenSSH's `MaxAuthTries`.
const MOST_FAILURES: u32 = 6;
/// Longest key that is kept, in bytes: an RSA key of 16384 bits fits.
const LONGEST_KEY: usize = 4096;

/// What a request comes to.
enum Judged {
    /// In, with what was recognised.
    In(Vec<Recognised>, Box<Account>),
    /// The key would do, if its signature came.
    KeyOk,
    Refused,
    /// Refused after the pause of a wrong password.
    Slowly,
}

/// A request, taken apart.
struct Request<'a> {
    user: String,
    method: String,
    rest: Reader<'a>,
}

/// Lets a client try, until it is in; the user it is.
pub(super) async fn log_in(transport: &mut Transport<'_>) -> Result<(String, Account), Ended> {
    let mut failures = 0;
    let mut attempts = 0;
    let mut first: Option<(String, Vec<u8>)> = None;
    loop {
        let packet = transport.packet().await?;
        match packet.first() {
            Some(&SERVICE_REQUEST) => {
                serve(transport, &packet).await?;
                continue;
            }
            Some(&REQUEST) => {}
            _ => {
                transport.unimplemented().await?;
                continue;
            }
        }
        let started = Instant::now();
        let (request, service) = read(&packet).ok_or(Ended)?;
        attempts += 1;
        let who = (request.user.clone(), service.to_vec());
        if *first.get_or_insert_with(|| who.clone()) != who {
            another(transport, &request).await;
            let (user, service) = first.unwrap_or_default();
            let show = |it: &[u8]| String::from_utf8_lossy(it).into_owned();
            let why = format!(
                "Change of username or service not allowed: ({user},{}) -> ({},{})",
                show(&service),
                who.0,
                show(&who.1)
            );
            return transport.disconnect(PROTOCOL_ERROR, &why).await;
        }
        let none = request.method == "none";
        let judged = judge(transport, &request, &packet).await?;
        if !none {
            pause(transport, &request.user, started).await;
        }
        match judged {
            Judged::In(found, account) => {
                transport.push(&[SUCCESS]);
                transport.flush().await?;
                transport.logged_in();
                transport.visit.remember(&found);
                transport.visit.patient();
                return Ok((request.user, *account));
            }
            Judged::KeyOk => {
                let (algorithm, blob) = request.key().ok_or(Ended)?;
                transport.push(&Message::new(KEY_OK).string(algorithm).string(blob).0);
                transport.flush().await?;
                continue;
            }
            Judged::Slowly => transport.visit.pause(slowly()).await,
            Judged::Refused => {}
        }
        if attempts > 1 || !none {
            failures += 1;
        }
        if failures >= MOST_FAILURES {
            let why = "Too many authentication failures";
            return transport.disconnect(PROTOCOL_ERROR, why).await;
        }
        let message = Message::new(FAILURE)
            .string("publickey,password")
            .flag(false);
        transport.push(&message.0);
        transport.flush().await?;
    }
}

/// Records a request for a second user, which ends the connection whatever it offers: it may be bait all the same.
async fn another(transport: &mut Transport<'_>, request: &Request<'_>) {
    let mut act = act(transport, "LOGIN", &request.user);
    act.capture("login.method", request.method.as_str());
    let mut parts = vec![(Carrier::User, request.user.as_bytes())];
    let mut key = Vec::new();
    match request.method.as_str() {
        "password" => {
            let mut rest = request.rest;
            let password = rest.flag().and_then(|_| rest.string());
            parts.extend(password.map(|password| (Carrier::Password, password)));
        }
        "publickey" | "publickey-hostbound-v00@openssh.com" => {
            let offered = request
                .key()
                .filter(|(_, blob)| blob.len() <= LONGEST_KEY)
                .map(|(algorithm, blob)| Offered { algorithm, blob });
            key.extend(offered.map(|key| [key.digits(), key.fingerprint()]));
        }
        _ => {}
    }
    let key = key.iter().flatten();
    parts.extend(key.map(|value| (Carrier::Key, value.as_bytes())));
    let found = transport.visit.recognise(&parts);
    let account = transport.visit.account(&found);
    act.decoy = account.map(|account| account.decoy(false, "LOGIN", 0));
    transport.visit.notice(found, act).await;
}

async fn serve(transport: &mut Transport<'_>, packet: &[u8]) -> Result<(), Ended> {
    let name = Reader(&packet[1..]).string().ok_or(Ended)?.to_vec();
    let act = transport.act("SERVICE");
    transport.visit.notice(Vec::new(), act).await;
    if name != b"ssh-userauth" {
        let why = format!("bad service request {}", String::from_utf8_lossy(&name));
        return transport.disconnect(PROTOCOL_ERROR, &why).await;
    }
    transport.push(&Message::new(SERVICE_ACCEPT).string(name).0);
    transport.flush().await
}

fn read(packet: &[u8]) -> Option<(Request<'_>, &[u8])> {
    let mut rest = Reader(packet.get(1..)?);
    let user = rest.text()?;
    let service = rest.string()?;
    let method = rest.text()?;
    Some((Request { user, method, rest }, service))
}

impl<'a> Request<'a> {
    /// Algorithm and key, of a request with a key.
    fn key(&self) -> Option<(String, &'a [u8])> {
        let mut rest = self.rest;
        rest.flag()?;
        Some((rest.text()?, rest.string()?))
    }
}

/// Records a request, and says what comes of it.
async fn judge(
    transport: &mut Transport<'_>,
    request: &Request<'_>,
    packet: &[u8],
) -> Result<Judged, Ended> {
    match request.method.as_str() {
        "password" => password(transport, request).await,
        "publickey" | "publickey-hostbound-v00@openssh.com" => {
            public_key(transport, request, packet).await
        }
        // "none" asks what there is; "keyboard-interactive" is not offered.
        method => {
            let mut act = act(transport, "LOGIN", &request.user);
            act.capture("login.method", method);
            let user = request.user.as_bytes();
            let found = transport.visit.recognise(&[(Carrier::User, user)]);
            transport.visit.notice(found, act).await;
            Ok(Judged::Refused)
        }
    }
}

async fn password(transport: &mut Transport<'_>, request: &Request<'_>) -> Result<Judged, Ended> {
    let mut rest = request.rest;
    let change = rest.flag().ok_or(Ended)?;
    let password = rest.string().ok_or(Ended)?;
    let user = request.user.as_bytes();
    let visit = &mut *transport.visit;
    let found = visit.recognise(&[(Carrier::User, user), (Carrier::Password, password)]);
    let account = visit.account(&found);
    let mut act = act(transport, "LOGIN", &request.user);
    act.capture("login.method", "password");
    let mut opened = None;
    if let Some(account) = account {
        let right = !change && account.is_user(user) && account.knows(password);
        act.decoy = Some(account.decoy(right, "LOGIN", 0));
        opened = (right && account.opens(password)).then_some(account);
    }
    transport.visit.notice(found.clone(), act).await;
    Ok(match opened {
        Some(account) => Judged::In(found, Box::new(account)),
        None => Judged::Slowly,
    })
}

async fn public_key(
    transport: &mut Transport<'_>,
    request: &Request<'_>,
    packet: &[u8],
) -> Result<Judged, Ended> {
    let mut rest = request.rest;
    let signed = rest.flag().ok_or(Ended)?;
    let algorithm = rest.text().ok_or(Ended)?;
    let blob = rest.string().ok_or(Ended)?;
    if request.method.starts_with("publickey-hostbound") {
        rest.string().ok_or(Ended)?;
    }
    // The signature is over all that stands before it (RFC 4252 section 7).
    let before = packet.len() - rest.0.len();
    let signature = rest.string().unwrap_or_default();
    if blob.len() > LONGEST_KEY {
        return Err(Ended);
    }
    let key = Offered { algorithm, blob };
    let (digits, fingerprint) = (key.digits(), key.fingerprint());
    let user = request.user.as_bytes();
    let found = transport.visit.recognise(&[
        (Carrier::User, user),
        (Carrier::Key, digits.as_bytes()),
        (Carrier::Key, fingerprint.as_bytes()),
    ]);
    let account = transport.visit.account(&found);
    let method = if signed { "LOGIN" } else { "OFFER" };
    let mut act = act(transport, method, &request.user);
    act.capture("login.method", "publickey");
    act.capture("login.key", format!("{} {fingerprint}", key.algorithm));
    act.about.push(("public_key".to_owned(), digits.clone()));
    let mut known = None;
    if let Some(account) = account {
        let message = Message::default()
            .string(&transport.session)
            .raw(&packet[..before]);
        let right = account.key.as_deref() == Some(&digits)
            && account.is_user(user)
            && (!signed || key.signed(&message.0, signature));
        act.decoy = Some(account.decoy(right, method, 0));
        known = (right && account.canary.retired.is_none()).then_some(account);
    }
    transport.visit.notice(found.clone(), act).await;
    Ok(match (known, signed) {
        (Some(account), true) => Judged::In(found, Box::new(account)),
        (Some(_), false) => Judged::KeyOk,
        (None, _) => Judged::Refused,
    })
}

fn act(transport: &Transport<'_>, method: &str, user: &str) -> Act {
    let mut act = transport.act(method);
    act.target = user.to_owned();
    act.capture("login.user", user);
    act
}

/// OpenSSH takes at least 5 ms, and up to 4 more that are a user's own always, so that answers tell nothing.
async fn pause(transport: &Transport<'_>, user: &str, started: Instant) {
    let system = &transport.visit.station().system;
    let own = system.number(&format!("ssh delay {user}"), 5000, 9200);
    sleep_until(started + Duration::from_micros(own)).await;
}

/// The pause of a wrong password: two seconds, more or less (`pam_fail_delay`).
fn slowly() -> Duration {
    let mut rng = rand::rng();
    Duration::from_micros(
        rng.random_range(500_000..1_500_000) + rng.random_range(500_000..1_500_000),
    )
}
