//! MySQL and MariaDB: a server that greets, asks for a password in its release's way (`mysql_native_password`, or
//! `caching_sha2_password`), and behind it a decoy database.
//!
//! The password is never sent: it is proved, and whose it is is told by the user's name. MySQL's
//! `caching_sha2_password` is answered as by a server that has seen the account lately: the right proof is enough.
//! A wrong one leads to the full exchange, as there; what comes of it is wrong already, and only searched for bait.
//! (<https://dev.mysql.com/doc/dev/mysql-server/latest/page_caching_sha2_authentication_exchanges.html>)

mod session;
mod show;
mod wire;
mod world;

use data_encoding::BASE64;
use lapwing_core::Carrier;
use rand::RngExt as _;
use ring::digest;
use subtle::ConstantTimeEq as _;

use crate::system::System;
use crate::visit::{Account, Act, Ended, Visit};
use session::Session;
use wire::{Hello, Out};

/// What MariaDB's servers before 11 say of themselves to old replicas.
const REPLICATION_PREFIX: &str = "5.5.5-";

/// An error: its number, its state, its words.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fault(u16, &'static str, String);

impl Fault {
    fn write(&self, out: &mut Out) {
        let mut body = vec![0xff];
        body.extend_from_slice(&self.0.to_le_bytes());
        body.push(b'#');
        body.extend_from_slice(self.1.as_bytes());
        body.extend_from_slice(self.2.as_bytes());
        out.packet(&body);
    }
}

/// Whether the release has MariaDB.
fn is_mariadb(system: &System) -> bool {
    system.release.mysql.contains("MariaDB")
}

fn plugin(system: &System) -> &'static str {
    if is_mariadb(system) {
        "mysql_native_password"
    } else {
        "caching_sha2_password"
    }
}

/// The client as the server names it.
fn host(visit: &Visit) -> String {
    let address = visit.place.peer.ip().to_canonical();
    if address.is_loopback() {
        "localhost".to_owned()
    } else {
        address.to_string()
    }
}

/// Serves a connection.
pub(crate) async fn talk(visit: &mut Visit) -> Result<(), Ended> {
    let salt: [u8; 20] = std::array::from_fn(|_| rand::rng().random_range(33..127));
    let thread = visit.station().system.next_thread();
    let greeting = greeting(visit, &salt, thread);
    visit.send(&greeting).await?;
    let Some((mut number, mut body)) = wire::packet(visit).await? else {
        return Ok(());
    };
    let asks_tls = body.len() == 32 && body[1] & (wire::SSL >> 8) as u8 != 0;
    if asks_tls && visit.station().tls.is_set() && !visit.is_secure() {
        visit.secure().await?;
        let Some(packet) = wire::packet(visit).await? else {
            return Ok(());
        };
        (number, body) = packet;
    }
    let more = extended(&visit.station().system);
    let hello = wire::hello(&body).map(|hello| Hello {
        more: hello.more & more,
        ..hello
    });
    let hello = hello.filter(|hello| hello.flags & wire::PROTOCOL_41 != 0);
    let Some(hello) = hello else {
        let act = Act {
            protocol: "mysql".to_owned(),
            method: "LOGIN".to_owned(),
            ..Act::default()
        };
        visit.notice(Vec::new(), act).await;
        let mut out = Out::after(number, &Hello::default());
        Fault(1043, "08S01", "Bad handshake".to_owned()).write(&mut out);
        return visit.send(&out.bytes).await;
    };
    let Some((account, number)) = login(visit, &hello, &salt, number).await? else {
        return Ok(());
    };
    let session = Session::open(visit, hello, account, thread).await;
    Box::new(session).run(visit, number).await
}

/// What MariaDB says of itself beside MySQL's flags: progress, bulk and types from 10.5 on, cached definitions from 10.6 on.
fn extended(system: &System) -> u32 {
    match (is_mariadb(system), system.release.mysql.starts_with("10.5")) {
        (false, _) => 0,
        (true, true) => 0x0d,
        (true, false) => 0x0d | wire::CACHE_METADATA,
    }
}

/// `HandshakeV10`.
fn greeting(visit: &Visit, salt: &[u8; 20], thread: u32) -> Vec<u8> {
    let system = &visit.station().system;
    let mariadb = is_mariadb(system);
    let prefix = if mariadb { REPLICATION_PREFIX } else { "" };
    let mut body = vec![10];
    body.extend_from_slice(format!("{prefix}{}\0", system.release.mysql).as_bytes());
    body.extend_from_slice(&thread.to_le_bytes());
    body.extend_from_slice(&salt[..8]);
    let tls = if visit.station().tls.is_set() {
        wire::SSL
    } else {
        0
    };
    // What the releases' own servers say: MariaDB leaves CLIENT_MYSQL out and has flags of its own. Neither can
    // compress here.
    let (flags, charset) = if mariadb {
        (0x81ff_f7de, 45)
    } else {
        (0xdfff_f7df, 255)
    };
    let [a, b, c, d] = u32::to_le_bytes(flags | tls);
    body.extend_from_slice(&[0, a, b, charset, 2, 0, c, d, 21]);
    body.extend_from_slice(&[0; 6]);
    let extended = extended(system);
    body.extend_from_slice(&extended.to_le_bytes());
    body.extend_from_slice(&salt[8..]);
    body.push(0);
    body.extend_from_slice(format!("{}\0", plugin(system)).as_bytes());
    let mut out = Out {
        bytes: Vec::new(),
        number: 0,
        flags: 0,
        more: 0,
        charset,
    };
    out.packet(&body);
    out.bytes
}

impl Hello {
    fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// What every record of the connection says. Flags, character set and attributes' names tell clients apart.
    fn act(&self, method: &str) -> Act {
        let names: Vec<_> = self
            .attributes
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let of = |name| self.attribute(name).unwrap_or_default();
        let agent = match (
            of("program_name"),
            of("_client_name"),
            of("_client_version"),
        ) {
            ("", name, version) => format!("{name} {version}"),
            (program, name, version) => format!("{program} ({name} {version})"),
        };
        let plugin = self.plugin.clone().unwrap_or_default();
        Act {
            protocol: "mysql/10".to_owned(),
            method: method.to_owned(),
            target: self.database.clone().unwrap_or_default(),
            agent: if agent == " " { String::new() } else { agent },
            about: self.attributes.clone(),
            traits: format!(
                "{:08x},{},{plugin},{}",
                self.flags & !wire::CONNECT_WITH_DB,
                self.charset,
                names.join(",")
            ),
            ..Act::default()
        }
    }
}

/// Lets in who proves the password of a canary that is in use.
async fn login(
    visit: &mut Visit,
    hello: &Hello,
    salt: &[u8; 20],
    mut number: u8,
) -> Result<Option<(Account, u8)>, Ended> {
    let system = visit.station().system.clone();
    let wanted = plugin(&system);
    let mut parts = vec![(Carrier::User, hello.user.as_bytes())];
    parts.extend(
        hello
            .database
            .iter()
            .map(|name| (Carrier::Name, name.as_bytes())),
    );
    parts.extend(
        hello
            .attributes
            .iter()
            .map(|(_, value)| (Carrier::Message, value.as_bytes())),
    );
    let all = visit.recognise(&parts);
    let found = visit.recognise(&parts[..1]);
    let account = visit.account(&found);
    let describe = |method: &str| {
        let mut act = hello.act(method);
        act.capture("login.user", hello.user.clone());
        if let Some(name) = &hello.database {
            act.capture("login.database", name.clone());
        }
        act
    };
    let mut answer = hello.answer.clone();
    if hello.plugin.as_deref().is_some_and(|own| own != wanted) {
        // `AuthSwitchRequest`
        visit.notice(all.clone(), describe("HANDSHAKE")).await;
        let mut out = Out::after(number, hello);
        out.packet(&[&[0xfe], wanted.as_bytes(), &[0], &salt[..], &[0]].concat());
        visit.send(&out.bytes).await?;
        let Some(packet) = wire::packet(visit).await? else {
            return Ok(None);
        };
        (number, answer) = packet;
    }
    let password = account
        .as_ref()
        .and_then(|account| account.password.clone());
    let nobody = password.is_none();
    let password = password.unwrap_or_else(|| BASE64.encode(&system.bytes("nobody")));
    let right = !nobody && proves(wanted, &answer, password.as_bytes(), salt) && account.is_some();
    let accepted = right
        && account
            .as_ref()
            .is_some_and(|account| account.canary.retired.is_none());
    let mut act = describe("LOGIN");
    act.decoy = account
        .as_ref()
        .map(|account| account.decoy(right, "LOGIN", 0));
    visit.notice(all, act).await;
    let mut out = Out::after(number, hello);
    let Some(account) = account.filter(|_| accepted) else {
        let using = if answer.is_empty() { "NO" } else { "YES" };
        if !is_mariadb(&system) && !answer.is_empty() {
            let Some(last) = full(visit, hello, number).await? else {
                return Ok(None);
            };
            out.number = last.wrapping_add(1);
        }
        let words = format!(
            "Access denied for user '{}'@'{}' (using password: {using})",
            hello.user,
            host(visit)
        );
        Fault(1045, "28000", words).write(&mut out);
        visit.send(&out.bytes).await?;
        return Ok(None);
    };
    visit.remember(&found);
    if !is_mariadb(&system) {
        out.packet(&[1, 3]);
    }
    // The last packet, OK or an error, is the session's.
    visit.send(&out.bytes).await?;
    Ok(Some((account, out.number.wrapping_sub(1))))
}

/// Whether an answer proves the password.
fn proves(plugin: &str, answer: &[u8], password: &[u8], salt: &[u8; 20]) -> bool {
    let (hash, salt_first) = match plugin {
        "mysql_native_password" => (&digest::SHA1_FOR_LEGACY_USE_ONLY, true),
        _ => (&digest::SHA256, false),
    };
    let once = digest::digest(hash, password);
    let twice = digest::digest(hash, once.as_ref());
    let mut salted = digest::Context::new(hash);
    if salt_first {
        salted.update(salt);
    }
    salted.update(twice.as_ref());
    if !salt_first {
        salted.update(salt);
    }
    let salted = salted.finish();
    let expect: Vec<u8> = once
        .as_ref()
        .iter()
        .zip(salted.as_ref())
        .map(|(one, two)| one ^ two)
        .collect();
    bool::from(answer.ct_eq(&expect))
}

/// The full exchange of `caching_sha2_password` with somebody whose proof was wrong: the password itself, through TLS
/// or under the server's key. Gives the number of the client's last packet.
async fn full(visit: &mut Visit, hello: &Hello, number: u8) -> Result<Option<u8>, Ended> {
    let mut out = Out::after(number, hello);
    out.packet(&[1, 4]);
    visit.send(&out.bytes).await?;
    let Some((mut number, mut body)) = wire::packet(visit).await? else {
        return Ok(None);
    };
    if body == [2] {
        let mut out = Out::after(number, hello);
        out.packet(&[&[1], public_key(&visit.station().system).as_bytes()].concat());
        visit.send(&out.bytes).await?;
        let Some(packet) = wire::packet(visit).await? else {
            return Ok(None);
        };
        (number, body) = packet;
    }
    let password = body.strip_suffix(b"\0").unwrap_or(&body);
    let found = visit.recognise(&[(Carrier::Password, password)]);
    let mut act = hello.act("PASSWORD");
    act.capture("login.user", hello.user.clone());
    visit.notice(found, act).await;
    Ok(Some(number))
}

/// The server's RSA key as it shows it: PEM of a SubjectPublicKeyInfo, 2048 bits, the same at every connection. What is
/// encrypted under it comes from somebody whose password is known to be wrong, and is never decrypted: the modulus is a
/// number that nobody has factors of, without small ones.
fn public_key(system: &System) -> String {
    let mut modulus: Vec<u8> = (0..8)
        .flat_map(|part| system.bytes(&format!("mysql key {part}")))
        .collect();
    modulus[0] |= 0xc0;
    modulus[255] |= 1;
    let remainder = |bytes: &[u8], by: u32| {
        bytes
            .iter()
            .fold(0u32, |rest, byte| (rest * 256 + u32::from(*byte)) % by)
    };
    let small = |bytes: &[u8]| (3..2000u32).step_by(2).any(|by| remainder(bytes, by) == 0);
    while small(&modulus) {
        let low = u32::from_be_bytes([modulus[252], modulus[253], modulus[254], modulus[255]])
            .wrapping_add(2);
        modulus[252..].copy_from_slice(&low.to_be_bytes());
    }
    const HEAD: &[u8] = &[
        0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01,
        0x01, 0x01, 0x05, 0x00, 0x03, 0x82, 0x01, 0x0f, 0x00, 0x30, 0x82, 0x01, 0x0a, 0x02, 0x82,
        0x01, 0x01, 0x00,
    ];
    let der = [HEAD, &modulus, &[0x02, 0x03, 0x01, 0x00, 0x01]].concat();
    let text = BASE64.encode(&der);
    let lines: Vec<_> = text
        .as_bytes()
        .chunks(64)
        .map(String::from_utf8_lossy)
        .collect();
    format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        lines.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with Python's hashlib as the plugins' documentation says.
    #[test]
    fn a_password_is_proved() {
        let salt = b"F1c}m*&}eeK(\"q6U*qz4";
        for (plugin, proof) in [
            (
                "mysql_native_password",
                "e35f69c74ebab825f0e9fc7b3d19c8f1a7162227",
            ),
            (
                "caching_sha2_password",
                "02b63b0f7eeb67d8a0c09f34cdee1c065483d3e009af760097fe2056745da09d",
            ),
        ] {
            let proof = data_encoding::HEXLOWER.decode(proof.as_bytes()).unwrap();
            assert!(proves(plugin, &proof, b"pw1", salt));
            assert!(!proves(plugin, &proof, b"pw2", salt));
            assert!(!proves(plugin, &proof[1..], b"pw1", salt));
            assert!(!proves(plugin, b"", b"pw1", salt));
        }
    }

    #[test]
    fn the_key_is_one_that_clients_read() {
        let key = public_key(&System::from_seed(&[3; 32]));
        assert_eq!(key, public_key(&System::from_seed(&[3; 32])));
        let body: String = key.lines().filter(|line| !line.starts_with('-')).collect();
        assert_eq!(BASE64.decode(body.as_bytes()).unwrap().len(), 294);
    }
}
