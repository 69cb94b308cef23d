//! What a side offers at the start of a key exchange (RFC 4253 section 7.1): ours is the one of the OpenSSH
//! of the station's release, name for name, and theirs tells one client program from another.

use data_encoding::HEXLOWER;
use md5::{Digest as _, Md5};
use rand::Rng as _;

use super::wire::{Message, Reader};
use crate::system::Release;

/// `SSH_MSG_KEXINIT`.
pub(super) const KEXINIT: u8 = 20;

/// OpenSSH's `KEX_SERVER_ENCRYPT`.
pub(super) const CIPHERS: [&str; 6] = [
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
];

/// OpenSSH's `KEX_SERVER_MAC`.
pub(super) const MACS: [&str; 10] = [
    "umac-64-etm@openssh.com",
    "umac-128-etm@openssh.com",
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha1-etm@openssh.com",
    "umac-64@openssh.com",
    "umac-128@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
    "hmac-sha1",
];

const COMPRESSIONS: &str = "none,zlib@openssh.com";
const STRICT: &str = "kex-strict-s-v00@openssh.com";
const CURVES: &str = "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521";
const GROUPS: &str = "diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,diffie-hellman-group14-sha256";
const SNTRUP: &str = "sntrup761x25519-sha512@openssh.com";

/// The version of OpenSSH, as `(9, 2)`.
pub(super) fn version(release: &Release) -> (u32, u32) {
    let number = release.openssh.trim_start_matches("OpenSSH_");
    let mut parts = number.split(|c: char| !c.is_ascii_digit());
    let mut part = || parts.next()?.parse().ok();
    (part().unwrap_or(9), part().unwrap_or(2))
}

/// The key exchanges it offers (`KEX_SERVER_KEX`). The distributions took strict key exchange over into older versions too;
/// Debian 12 also the name that sntrup has got since.
fn exchanges(release: &Release) -> String {
    match version(release) {
        (8, ..=4) => format!("{CURVES},{GROUPS},{STRICT}"),
        (8, _) => format!("{CURVES},{SNTRUP},{GROUPS},{STRICT}"),
        (9, 2) => format!("sntrup761x25519-sha512,{SNTRUP},{CURVES},{GROUPS},{STRICT}"),
        _ => format!("{SNTRUP},{CURVES},{GROUPS},ext-info-s,{STRICT}"),
    }
}

/// The signatures of its host keys. SHA-1 went with 8.8.
fn host_keys(release: &Release) -> String {
    let sha1 = if version(release) < (8, 8) {
        "ssh-rsa,"
    } else {
        ""
    };
    format!("rsa-sha2-512,rsa-sha2-256,{sha1}ecdsa-sha2-nistp256,ssh-ed25519")
}

/// Our offer: a whole message.
pub(super) fn ours(release: &Release) -> Vec<u8> {
    let mut cookie = [0; 16];
    rand::rng().fill_bytes(&mut cookie);
    let (ciphers, macs) = (CIPHERS.join(","), MACS.join(","));
    let lists = [
        &exchanges(release),
        &host_keys(release),
        &ciphers,
        &ciphers,
        &macs,
        &macs,
        COMPRESSIONS,
        COMPRESSIONS,
        "",
        "",
    ];
    let message = Message::new(KEXINIT).raw(&cookie);
    let message = lists.iter().fold(message, |message, it| message.string(it));
    message.flag(false).number(0).0
}

/// An offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// Key exchanges, host keys, ciphers, MACs and compressions to and from the server, languages.
    lists: [String; 10],
    /// Whether the next message is a guess at the key exchange.
    guessed: bool,
}

impl Offer {
    /// Reads a whole message.
    pub(super) fn read(message: &[u8]) -> Option<Self> {
        let mut reader = Reader(message);
        (reader.byte()? == KEXINIT).then_some(())?;
        reader.bytes(16)?;
        let mut lists: [String; 10] = Default::default();
        for list in &mut lists {
            *list = reader.text()?;
        }
        let guessed = reader.flag()?;
        reader.number()?;
        Some(Self { lists, guessed })
    }

    /// HASSH (github.com/salesforce/hassh): what a client offers, whoever uses it.
    pub(super) fn hassh(&self) -> String {
        HEXLOWER.encode(&Md5::digest(self.traits()))
    }

    /// The lists that HASSH is over.
    pub(super) fn traits(&self) -> String {
        let [exchanges, _, ciphers, _, macs, _, compressions, ..] = &self.lists;
        format!("{exchanges};{ciphers};{macs};{compressions}")
    }

    /// Its lists under their names.
    pub(super) fn about(&self) -> Vec<(String, String)> {
        const NAMES: [&str; 10] = [
            "kex_algorithms",
            "server_host_key_algorithms",
            "encryption_algorithms_client_to_server",
            "encryption_algorithms_server_to_client",
            "mac_algorithms_client_to_server",
            "mac_algorithms_server_to_client",
            "compression_algorithms_client_to_server",
            "compression_algorithms_server_to_client",
            "languages_client_to_server",
            "languages_server_to_client",
        ];
        let named = NAMES.iter().zip(&self.lists);
        let said = named.filter(|(_, list)| !list.is_empty());
        said.map(|(name, list)| ((*name).to_owned(), list.clone()))
            .collect()
    }

    fn offers(&self, exchange: &str) -> bool {
        self.lists[0].split(',').any(|name| name == exchange)
    }
}

/// What both sides can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Agreed {
    pub(super) exchange: String,
    pub(super) host_key: String,
    /// To us and from us.
    pub(super) ciphers: [String; 2],
    pub(super) macs: [String; 2],
    pub(super) compressions: [String; 2],
    /// Whether a message comes that was a wrong guess.
    pub(super) wrong_guess: bool,
    /// Whether the client wants to be told of extensions (RFC 8308).
    pub(super) extensions: bool,
    pub(super) strict: bool,
}

/// What is chosen (RFC 4253 section 7.1): of each list, the client's first that the server has. `Err`: which list had none,
/// as OpenSSH calls it.
pub(super) fn agree(theirs: &Offer, ours: &Offer) -> Result<Agreed, &'static str> {
    let pick = |at: usize| {
        let known = |name: &&str| ours.lists[at].split(',').any(|own| own == *name);
        let mut names = theirs.lists[at].split(',');
        names.find(known).map(str::to_owned)
    };
    let [exchange, host_key] = [(0, "key exchange method"), (1, "host key type")]
        .map(|(at, what)| pick(at).filter(|it| !it.is_empty()).ok_or(what));
    let ciphers = [2, 3].map(|at| pick(at).ok_or("cipher"));
    let [to, from] = ciphers;
    let (to, from) = (to?, from?);
    // Ciphers that authenticate need none.
    let mac = |at: usize, cipher: &str| match pick(at) {
        Some(mac) => Ok(mac),
        None if cipher.ends_with("-ctr") => Err("MAC"),
        None => Ok(String::new()),
    };
    let (exchange, host_key) = (exchange?, host_key?);
    let macs = [mac(4, &to)?, mac(5, &from)?];
    let [inward, outward] = [6, 7].map(|at| pick(at).ok_or("compression method"));
    let same = |at: usize| theirs.lists[at].split(',').next() == ours.lists[at].split(',').next();
    Ok(Agreed {
        exchange,
        host_key,
        ciphers: [to, from],
        macs,
        compressions: [inward?, outward?],
        wrong_guess: theirs.guessed && !(same(0) && same(1)),
        extensions: theirs.offers("ext-info-c"),
        strict: theirs.offers("kex-strict-c-v00@openssh.com"),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::system::RELEASES;

    #[test]
    fn what_is_offered_is_what_can_be_done() {
        for release in RELEASES {
            let ours = Offer::read(&ours(release)).unwrap();
            let all = agree(&ours, &ours).unwrap();
            assert_eq!(all.ciphers, [CIPHERS[0]; 2]);
            for exchange in ours.lists[0].split(',') {
                let marker = exchange.starts_with("kex-strict") || exchange == "ext-info-s";
                assert!(
                    marker || crate::ssh::kex::method(exchange).is_some(),
                    "{exchange}"
                );
            }
        }
    }

    #[test]
    fn hassh_is_the_digest_of_four_lists() {
        let lists = ["a,b", "ssh-rsa", "c", "x", "d,e", "x", "none", "x", "", ""];
        let message = Message::new(KEXINIT).raw(&[0; 16]);
        let message = lists.iter().fold(message, |message, it| message.string(it));
        let offer = Offer::read(&message.flag(false).number(0).0).unwrap();
        assert_eq!(offer.traits(), "a,b;c;d,e;none");
        assert_eq!(
            offer.hassh(),
            HEXLOWER.encode(&Md5::digest(b"a,b;c;d,e;none"))
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Offer::read(&bytes);
            let led = [&[KEXINIT][..], &bytes].concat();
            if let Some(offer) = Offer::read(&led) {
                let ours = Offer::read(&ours(&RELEASES[0])).unwrap();
                let _ = agree(&offer, &ours);
            }
        }
    }
}
