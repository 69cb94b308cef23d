//! PostgreSQL: a server that asks who it is, as its release does (SCRAM-SHA-256, or MD5 before 14), and behind it a
//! decoy database. (<https://www.postgresql.org/docs/current/protocol-flow.html>)
//!
//! Whose password is checked is told by the user's name. A user that is not there goes through the same exchange and is
//! refused in the same words, as PostgreSQL itself does it.

mod catalog;
mod command;
mod encode;
mod fault;
mod session;
mod wire;
mod world;

use data_encoding::HEXLOWER;
use lapwing_core::Carrier;
use md5::{Digest as _, Md5};
use rand::RngExt as _;

use crate::scram::{Exchange, Final, First, Hash};
use crate::visit::{Account, Act, Ended, Visit};
use fault::Fault;
use session::Session;
use wire::{Opening, Out};
use world::Postgres;

/// PostgreSQL: `scram_iterations`.
const ROUNDS: u32 = 4096;
/// Requests before the startup message that are answered: one for TLS, one for GSS.
const MOST_REQUESTS: usize = 3;

/// What the startup message says.
#[derive(Clone, Debug)]
struct Startup {
    parameters: Vec<(String, String)>,
    /// What was asked for before it, and the version: with the names of the parameters it tells one client from another.
    before: String,
    minor: u16,
}

/// Serves a connection.
pub(crate) async fn talk(visit: &mut Visit) -> Result<(), Ended> {
    let Some(startup) = start(visit).await? else {
        return Ok(());
    };
    let Some(account) = login(visit, &startup).await? else {
        return Ok(());
    };
    let Some(session) = Session::open(visit, &startup, account).await? else {
        return Ok(());
    };
    Box::new(session).run(visit).await
}

impl Startup {
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    fn user(&self) -> &str {
        self.get("user").unwrap_or_default()
    }

    fn database(&self) -> &str {
        self.get("database").unwrap_or(self.user())
    }

    /// What every record of the connection says.
    fn act(&self, method: &str) -> Act {
        let names: Vec<_> = self
            .parameters
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let shown =
            |(name, _): &&(String, String)| !matches!(name.as_str(), "user" | "application_name");
        Act {
            protocol: format!("postgresql/3.{}", self.minor),
            method: method.to_owned(),
            target: self.database().to_owned(),
            agent: self.get("application_name").unwrap_or_default().to_owned(),
            about: self.parameters.iter().filter(shown).cloned().collect(),
            traits: format!("{}{}", self.before, names.join(",")),
            ..Act::default()
        }
    }
}

/// Says why it ends, once that was counted.
async fn give_up(visit: &mut Visit, fault: &Fault) -> Result<Option<Startup>, Ended> {
    let act = Act {
        protocol: "postgresql".to_owned(),
        method: "STARTUP".to_owned(),
        ..Act::default()
    };
    visit.notice(Vec::new(), act).await;
    let mut out = Out::default();
    fault.write("FATAL", &mut out);
    visit.send(&out.0).await?;
    Ok(None)
}

/// Reads up to the startup message. TLS and GSS are asked for with eight bytes that are always the same: there is
/// nothing in them to record.
async fn start(visit: &mut Visit) -> Result<Option<Startup>, Ended> {
    let mut before = String::new();
    for _ in 0..MOST_REQUESTS {
        match wire::opening(visit).await? {
            Some(Opening::Tls) if visit.station().tls.is_set() && !visit.is_secure() => {
                before += "tls,";
                visit.send(b"S").await?;
                visit.secure().await?;
            }
            Some(Opening::Tls) => {
                before += "tls,";
                visit.send(b"N").await?;
            }
            Some(Opening::Gss) => {
                before += "gss,";
                visit.send(b"N").await?;
            }
            Some(Opening::Startup {
                major,
                minor,
                parameters,
            }) => {
                return begun(visit, major, minor, parameters, before).await;
            }
            // A server closes the connection of a cancelled query's messenger, and of what is no startup packet.
            Some(Opening::Cancel) | None => return Ok(None),
        }
    }
    Ok(None)
}

/// A version that the release does not speak.
async fn unsupported(visit: &mut Visit, major: u16, minor: u16) -> Result<Option<Startup>, Ended> {
    let release = Postgres::major(&visit.station().system);
    let first = if release < 14 { "2.0" } else { "3.0" };
    let message =
        format!("unsupported frontend protocol {major}.{minor}: server supports {first} to 3.0");
    if major < 3 {
        let act = Act {
            protocol: "postgresql".to_owned(),
            method: "STARTUP".to_owned(),
            ..Act::default()
        };
        visit.notice(Vec::new(), act).await;
        visit
            .send(format!("EFATAL:  {message}\n\0").as_bytes())
            .await?;
        return Ok(None);
    }
    // The lines by which scanners tell releases apart; where they know none, that of 15.18.
    let line = match release {
        13 => 2133,
        14 => 2138,
        _ => 2222,
    };
    let fault = Fault::new(
        "0A000",
        message,
        ("postmaster.c", line, "ProcessStartupPacket"),
    );
    give_up(visit, &fault).await
}

async fn begun(
    visit: &mut Visit,
    major: u16,
    minor: u16,
    parameters: Option<Vec<(String, String)>>,
    before: String,
) -> Result<Option<Startup>, Ended> {
    if major != 3 {
        return unsupported(visit, major, minor).await;
    }
    let Some(parameters) = parameters else {
        let message = "invalid startup packet layout: expected terminator as last byte";
        let fault = Fault::new(
            "08P01",
            message,
            ("postmaster.c", 2337, "ProcessStartupPacket"),
        );
        return give_up(visit, &fault).await;
    };
    let (options, mut parameters): (Vec<_>, Vec<_>) = parameters
        .into_iter()
        .partition(|(name, _)| name.starts_with("_pq_."));
    for (_, value) in &mut parameters {
        value.truncate(
            (0..=value.len().min(1024))
                .rev()
                .find(|at| value.is_char_boundary(*at))
                .unwrap_or(0),
        );
    }
    let startup = Startup {
        parameters,
        before,
        minor,
    };
    if startup.user().is_empty() {
        let message = "no PostgreSQL user name specified in startup packet";
        let fault = Fault::new(
            "28000",
            message,
            ("postmaster.c", 2351, "ProcessStartupPacket"),
        );
        return give_up(visit, &fault).await;
    }
    let parts = startup
        .parameters
        .iter()
        .map(|(name, value)| match name.as_str() {
            "user" => (Carrier::User, value.as_bytes()),
            "database" => (Carrier::Name, value.as_bytes()),
            _ => (Carrier::Message, value.as_bytes()),
        });
    let found = visit.recognise(&parts.collect::<Vec<_>>());
    let mut act = startup.act("STARTUP");
    act.capture("login.user", startup.user());
    act.capture("login.database", startup.database());
    visit.notice(found, act).await;
    if minor > 0 || !options.is_empty() {
        // `NegotiateProtocolVersion`: these releases know 3.0 only, and none of the options.
        let mut out = Out::default();
        out.message(b'v', |out| {
            out.extend_from_slice(&(3u32 << 16).to_be_bytes());
            out.extend_from_slice(&u32::try_from(options.len()).unwrap_or(0).to_be_bytes());
            options.iter().for_each(|(name, _)| wire::text(out, name));
        });
        visit.send(&out.0).await?;
    }
    Ok(Some(startup))
}

/// Lets in who proves the password of a canary that is in use.
async fn login(visit: &mut Visit, startup: &Startup) -> Result<Option<Account>, Ended> {
    let found = visit.recognise(&[(Carrier::User, startup.user().as_bytes())]);
    let account = visit.account(&found);
    if matches!(
        startup.get("replication"),
        Some("true" | "on" | "yes" | "1" | "database")
    ) {
        let fault = no_replication(visit, startup);
        return refuse(visit, &fault).await;
    }
    let password = account
        .as_ref()
        .and_then(|account| account.password.clone());
    // Nobody has this one, and checking it takes as long.
    let password =
        password.unwrap_or_else(|| HEXLOWER.encode(&visit.station().system.bytes("nobody")));
    let mut out = Out::default();
    let proof = if Postgres::major(&visit.station().system) < 14 {
        md5(visit, startup.user(), &password).await?
    } else {
        scram(visit, startup.user(), password).await?
    };
    let right = match proof {
        Proof::Malformed(fault) => {
            let mut act = startup.act("LOGIN");
            act.capture("login.user", startup.user());
            visit.notice(found, act).await;
            return refuse(visit, &fault).await;
        }
        Proof::Wrong => false,
        Proof::Right(last) => {
            if let Some(last) = last {
                out.authentication(12, format!("v={last}").as_bytes());
            }
            true
        }
    };
    let right = right && account.is_some();
    let accepted = right
        && account
            .as_ref()
            .is_some_and(|account| account.canary.retired.is_none());
    let mut act = startup.act("LOGIN");
    act.capture("login.user", startup.user());
    act.capture("login.database", startup.database());
    act.decoy = account
        .as_ref()
        .map(|account| account.decoy(right, "LOGIN", 0));
    visit.notice(found.clone(), act).await;
    let Some(account) = account.filter(|_| accepted) else {
        return refuse(visit, &fault::refused(startup.user())).await;
    };
    visit.remember(&found);
    out.authentication(0, b"");
    visit.send(&out.0).await?;
    Ok(Some(account))
}

async fn refuse(visit: &mut Visit, fault: &Fault) -> Result<Option<Account>, Ended> {
    let mut out = Out::default();
    fault.write("FATAL", &mut out);
    visit.send(&out.0).await?;
    Ok(None)
}

/// `pg_hba.conf` of a server that replicates to nobody.
fn no_replication(visit: &Visit, startup: &Startup) -> Fault {
    let release = Postgres::major(&visit.station().system);
    let how = match (release < 14, visit.is_secure()) {
        (true, true) => "SSL on",
        (true, false) => "SSL off",
        (false, true) => "SSL encryption",
        (false, false) => "no encryption",
    };
    let peer = visit.place.peer.ip();
    let message = format!(
        "no pg_hba.conf entry for replication connection from host \"{peer}\", user \"{}\", {how}",
        startup.user()
    );
    Fault::new("28000", message, ("auth.c", 490, "ClientAuthentication"))
}

/// What came of asking for the password.
enum Proof {
    /// It is the right one; what shows the client that the server knows it too.
    Right(Option<String>),
    Wrong,
    Malformed(Fault),
}

/// What a client answers: a `p` message.
async fn answer(visit: &mut Visit) -> Result<Result<Vec<u8>, Fault>, Ended> {
    Ok(match wire::message(visit).await? {
        Some((b'p', body)) => Ok(body),
        Some((kind, _)) => {
            let message = format!("expected SASL response, got message type {kind}");
            Err(Fault::new(
                "08P01",
                message,
                ("auth-sasl.c", 100, "CheckSASLAuth"),
            ))
        }
        None => return Err(Ended),
    })
}

async fn scram(visit: &mut Visit, user: &str, password: String) -> Result<Proof, Ended> {
    let malformed = |message: &str, detail, line, function| {
        let fault = Fault::new("08P01", message, ("auth-scram.c", line, function));
        Ok(Proof::Malformed(Fault { detail, ..fault }))
    };
    let mut out = Out::default();
    out.authentication(10, b"SCRAM-SHA-256\0\0");
    visit.send(&out.0).await?;
    let body = match answer(visit).await? {
        Ok(body) => body,
        Err(fault) => return Ok(Proof::Malformed(fault)),
    };
    let mut reader = wire::Reader(&body);
    if reader.text().as_deref() != Some("SCRAM-SHA-256") {
        return malformed(
            "client selected an invalid SASL authentication mechanism",
            None,
            256,
            "scram_init",
        );
    }
    let first = reader
        .long()
        .and_then(|_| First::parse(&String::from_utf8_lossy(reader.0)));
    let Some(first) = first.filter(|first| !first.header.starts_with('p')) else {
        let detail = "Expected attribute \"r\" but found end of string.";
        return malformed(
            "malformed SCRAM message",
            Some(detail),
            711,
            "read_attr_value",
        );
    };
    let salt = visit
        .station()
        .system
        .bytes(&format!("postgres salt {user}"));
    let nonce: [u8; 18] = rand::rng().random();
    let exchange = Exchange::begin(Hash::Sha256, first, &salt[..16], ROUNDS, &nonce);
    let mut out = Out::default();
    out.authentication(11, exchange.answer.as_bytes());
    visit.send(&out.0).await?;
    let body = match answer(visit).await? {
        Ok(body) => body,
        Err(fault) => return Ok(Proof::Malformed(fault)),
    };
    let Some(end) = Final::parse(&String::from_utf8_lossy(&body)) else {
        let detail = "Malformed proof in client-final-message.";
        return malformed(
            "malformed SCRAM message",
            Some(detail),
            1353,
            "read_client_final_message",
        );
    };
    if !exchange.continues(&end) {
        let detail = "Nonce does not match.";
        return malformed(
            "invalid SCRAM response",
            Some(detail),
            436,
            "scram_exchange",
        );
    }
    Ok(exchange
        .proved(end, password)
        .await
        .map_or(Proof::Wrong, |last| Proof::Right(Some(last))))
}

/// `md5` and the digest of the digest of password and user, with the salt.
async fn md5(visit: &mut Visit, user: &str, password: &str) -> Result<Proof, Ended> {
    let salt: [u8; 4] = rand::rng().random();
    let mut out = Out::default();
    out.authentication(5, &salt);
    visit.send(&out.0).await?;
    let body = match answer(visit).await? {
        Ok(body) => body,
        Err(fault) => return Ok(Proof::Malformed(fault)),
    };
    let digest = |parts: [&[u8]; 2]| {
        HEXLOWER.encode(
            &Md5::new()
                .chain_update(parts[0])
                .chain_update(parts[1])
                .finalize(),
        )
    };
    let stored = digest([password.as_bytes(), user.as_bytes()]);
    let expect = format!("md5{}\0", digest([stored.as_bytes(), &salt]));
    Ok(if body == expect.as_bytes() {
        Proof::Right(None)
    } else {
        Proof::Wrong
    })
}
