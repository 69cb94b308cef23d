//! The handshake from the server's side and the keys that come of it: Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s as
//! WireGuard has it, without a pre-shared key. (<https://www.wireguard.com/papers/wireguard.pdf> section 5.4)

use blake2::digest::consts::U16;
use blake2::digest::{KeyInit as _, Mac as _};
use blake2::{Blake2s256, Blake2sMac, Digest as _};
use curve25519_dalek::MontgomeryPoint;
use hmac::SimpleHmac;
use ring::aead::{self, Aad, CHACHA20_POLY1305, LessSafeKey, UnboundKey};
use subtle::ConstantTimeEq as _;

/// Bytes of a first message (section 5.4.2).
pub(super) const INITIATION: usize = 148;
/// Bytes of the answer to it (section 5.4.3).
pub(super) const RESPONSE: usize = 92;
/// Bytes of what proves that a sealed text is as it was sealed.
pub(super) const TAG: usize = 16;
/// Bytes at the end of a message of a handshake: `mac1` and `mac2`.
const MACS: usize = 32;

const CONSTRUCTION: &[u8] = b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
const IDENTIFIER: &[u8] = b"WireGuard v1 zx2c4 Jason@zx2c4.com";
const LABEL_MAC1: &[u8] = b"mac1----";

/// A key of Curve25519, or one that is derived.
pub(super) type Key = [u8; 32];

/// A server's keys, and the state of the hash that messages to it carry.
#[derive(Clone)]
pub(super) struct Server {
    private: Key,
    pub(super) public: Key,
    mac1: Mac1,
}

/// The hash that whoever knows a public key can make (section 5.4.4).
#[derive(Clone)]
struct Mac1(Blake2sMac<U16>);

/// What a first message says.
pub(super) struct Initiation {
    /// The client's public key, if the message was made for this server at all.
    pub(super) client: Option<Key>,
    /// The rest, if the client has the key to it.
    pub(super) proof: Option<Proof>,
}

/// What an answer is made of.
pub(super) struct Proof {
    client: Key,
    ephemeral: Key,
    sender: [u8; 4],
    /// When the client says it sent this: TAI64N.
    pub(super) stamp: [u8; 12],
    chain: Chain,
}

/// The keys of a session.
#[derive(Clone)]
pub(super) struct Keys {
    pub(super) receive: Key,
    pub(super) send: Key,
    /// What the client calls the session.
    pub(super) theirs: [u8; 4],
}

impl Server {
    pub(super) fn new(private: Key) -> Self {
        let public = MontgomeryPoint::mul_base_clamped(private).to_bytes();
        Self {
            private,
            public,
            mac1: Mac1::of(&public),
        }
    }

    /// Whether this is the server's own.
    pub(super) fn has(&self, private: &Key) -> bool {
        self.private.ct_eq(private).into()
    }

    /// Whether a message is for this server: who made it knows its public key.
    pub(super) fn is_asked(&self, message: &[u8]) -> bool {
        let Some((rest, macs)) = message.split_last_chunk::<MACS>() else {
            return false;
        };
        self.mac1.over(rest)[..].ct_eq(&macs[..16]).into()
    }

    /// Reads a first message to this server.
    pub(super) fn read(&self, message: &[u8; INITIATION]) -> Initiation {
        let mut read = Initiation {
            client: None,
            proof: None,
        };
        let ephemeral: Key = array(&message[8..40]);
        let mut chain = Chain::new(&self.public);
        chain.hash(&ephemeral);
        chain.mix(&ephemeral);
        let Some(shared) = shared(&self.private, &ephemeral) else {
            return read;
        };
        let key = chain.mix_key(&shared);
        let Some(client) = chain.open(&key, &message[40..88]) else {
            return read;
        };
        let client: Key = array(&client);
        read.client = Some(client);
        read.proof = (|| {
            let key = chain.mix_key(&self::shared(&self.private, &client)?);
            let stamp = chain.open(&key, &message[88..116])?;
            Some(Proof {
                client,
                ephemeral,
                sender: array(&message[4..8]),
                stamp: array(&stamp),
                chain,
            })
        })();
        read
    }
}

impl Proof {
    /// The answer, with our name for the session and a fresh private key, and the keys of the session.
    pub(super) fn answer(self, ours: u32, private: Key) -> Option<([u8; RESPONSE], Keys)> {
        let Self {
            client,
            ephemeral,
            sender,
            mut chain,
            ..
        } = self;
        let public = MontgomeryPoint::mul_base_clamped(private).to_bytes();
        chain.hash(&public);
        chain.mix(&public);
        chain.mix(&shared(&private, &ephemeral)?);
        chain.mix(&shared(&private, &client)?);
        let [next, psk, key] = derive(&chain.key, &[0; 32]);
        chain.key = next;
        chain.hash(&psk);
        let nothing = chain.seal(&key, &[]);
        let mut message = [0; RESPONSE];
        message[0] = 2;
        message[4..8].copy_from_slice(&ours.to_le_bytes());
        message[8..12].copy_from_slice(&sender);
        message[12..44].copy_from_slice(&public);
        message[44..60].copy_from_slice(&nothing);
        let mac1 = Mac1::of(&client).over(&message[..60]);
        message[60..76].copy_from_slice(&mac1);
        let [receive, send] = derive(&chain.key, &[]);
        let keys = Keys {
            receive,
            send,
            theirs: sender,
        };
        Some((message, keys))
    }
}

impl Mac1 {
    fn of(public: &Key) -> Self {
        let key = digest(&[LABEL_MAC1, public]);
        Self(Blake2sMac::new_from_slice(&key).expect("a key of 32 bytes is none too long"))
    }

    fn over(&self, bytes: &[u8]) -> [u8; 16] {
        let mut mac = self.0.clone();
        mac.update(bytes);
        mac.finalize().into_bytes().into()
    }
}

/// What both sides have hashed so far, and the key that comes of what they agreed on.
struct Chain {
    key: Key,
    transcript: Key,
}

impl Chain {
    fn new(server: &Key) -> Self {
        let key = digest(&[CONSTRUCTION]);
        let mut chain = Self {
            key,
            transcript: digest(&[&key, IDENTIFIER]),
        };
        chain.hash(server);
        chain
    }

    fn hash(&mut self, bytes: &[u8]) {
        self.transcript = digest(&[&self.transcript, bytes]);
    }

    fn mix(&mut self, input: &[u8]) {
        [self.key] = derive(&self.key, input);
    }

    /// Mixes, and gives a key to seal with.
    fn mix_key(&mut self, input: &[u8]) -> Key {
        let [next, key] = derive(&self.key, input);
        self.key = next;
        key
    }

    fn open(&mut self, key: &Key, sealed: &[u8]) -> Option<Vec<u8>> {
        let plain = open(key, 0, &self.transcript, sealed)?;
        self.hash(sealed);
        Some(plain)
    }

    fn seal(&mut self, key: &Key, plain: &[u8]) -> Vec<u8> {
        let sealed = seal(key, 0, &self.transcript, plain);
        self.hash(&sealed);
        sealed
    }
}

/// Opens what was sealed under a key as the message of this number.
pub(super) fn open(key: &Key, counter: u64, with: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = sealed.to_vec();
    let length = cipher(key)
        .open_in_place(nonce(counter), Aad::from(with), &mut bytes)
        .ok()?
        .len();
    bytes.truncate(length);
    Some(bytes)
}

/// Seals under a key as the message of this number.
pub(super) fn seal(key: &Key, counter: u64, with: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut bytes = plain.to_vec();
    cipher(key)
        .seal_in_place_append_tag(nonce(counter), Aad::from(with), &mut bytes)
        .expect("no message is too long for it");
    bytes
}

fn cipher(key: &Key) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key).expect("a key of 32 bytes"))
}

fn nonce(counter: u64) -> aead::Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&counter.to_le_bytes());
    aead::Nonce::assume_unique_for_key(bytes)
}

/// What two keys agree on. `None` if that is nothing: the public one is no point that anybody has a key for.
fn shared(private: &Key, public: &Key) -> Option<Key> {
    let shared = MontgomeryPoint(*public).mul_clamped(*private).to_bytes();
    (shared != [0; 32]).then_some(shared)
}

fn digest(parts: &[&[u8]]) -> Key {
    let mut digest = Blake2s256::new();
    for part in parts {
        digest.update(part);
    }
    digest.finalize().into()
}

/// `Kdf1` to `Kdf3` of the paper: HKDF with HMAC-BLAKE2s.
fn derive<const N: usize>(key: &Key, input: &[u8]) -> [Key; N] {
    let keyed = |key: &[u8], parts: &[&[u8]]| -> Key {
        let mut hmac = SimpleHmac::<Blake2s256>::new_from_slice(key).expect("takes any key");
        for part in parts {
            hmac.update(part);
        }
        hmac.finalize().into_bytes().into()
    };
    let secret = keyed(key, &[input]);
    let mut last: Vec<u8> = Vec::new();
    let mut number = 0;
    [(); N].map(|()| {
        number += 1;
        let next = keyed(&secret, &[&last, &[number]]);
        last = next.to_vec();
        next
    })
}

/// Bytes whose number is known.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("as many bytes as were cut")
}

/// The client's side, for tests.
#[cfg(test)]
pub(crate) mod client {
    use super::*;

    /// A handshake that a client began.
    pub(crate) struct Begun {
        pub(crate) message: [u8; INITIATION],
        private: Key,
        ephemeral: Key,
        chain: Chain,
    }

    /// A session as the client has it.
    pub(crate) struct Keys {
        pub(crate) receive: Key,
        pub(crate) send: Key,
        pub(crate) theirs: [u8; 4],
    }

    pub(crate) fn begin(private: Key, server: &Key, sender: u32, stamp: [u8; 12]) -> Begun {
        let public = MontgomeryPoint::mul_base_clamped(private).to_bytes();
        let ephemeral: Key = rand::random();
        let shown = MontgomeryPoint::mul_base_clamped(ephemeral).to_bytes();
        let mut chain = Chain::new(server);
        chain.hash(&shown);
        chain.mix(&shown);
        let key = chain.mix_key(&shared(&ephemeral, server).unwrap());
        let mut message = [0; INITIATION];
        message[0] = 1;
        message[4..8].copy_from_slice(&sender.to_le_bytes());
        message[8..40].copy_from_slice(&shown);
        message[40..88].copy_from_slice(&chain.seal(&key, &public));
        let key = chain.mix_key(&shared(&private, server).unwrap());
        message[88..116].copy_from_slice(&chain.seal(&key, &stamp));
        let mac1 = Mac1::of(server).over(&message[..116]);
        message[116..132].copy_from_slice(&mac1);
        Begun {
            message,
            private,
            ephemeral,
            chain,
        }
    }

    impl Begun {
        pub(crate) fn finish(mut self, answer: &[u8]) -> Keys {
            assert_eq!((answer.len(), answer[0]), (RESPONSE, 2));
            let public = MontgomeryPoint::mul_base_clamped(self.private).to_bytes();
            assert_eq!(Mac1::of(&public).over(&answer[..60]), answer[60..76]);
            assert_eq!(answer[76..], [0; 16]);
            let theirs: Key = array(&answer[12..44]);
            self.chain.hash(&theirs);
            self.chain.mix(&theirs);
            self.chain.mix(&shared(&self.ephemeral, &theirs).unwrap());
            self.chain.mix(&shared(&self.private, &theirs).unwrap());
            let [next, psk, key] = derive(&self.chain.key, &[0; 32]);
            self.chain.key = next;
            self.chain.hash(&psk);
            assert_eq!(self.chain.open(&key, &answer[44..60]), Some(Vec::new()));
            let [send, receive] = derive(&self.chain.key, &[]);
            Keys {
                receive,
                send,
                theirs: array(&answer[4..8]),
            }
        }
    }

    /// A message of a session.
    pub(crate) fn data(keys: &Keys, counter: u64, plain: &[u8]) -> Vec<u8> {
        let counted = counter.to_le_bytes();
        let sealed = seal(&keys.send, counter, &[], plain);
        [&[4, 0, 0, 0][..], &keys.theirs, &counted, &sealed].concat()
    }

    /// What is in the first message of the server.
    pub(crate) fn opened(keys: &Keys, message: &[u8]) -> Option<Vec<u8>> {
        assert_eq!(message[8..16], [0; 8]);
        open(&keys.receive, 0, &[], &message[16..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_come_to_the_same_keys() {
        let (server, private): (Server, Key) = (Server::new(rand::random()), rand::random());
        let begun = client::begin(private, &server.public, 7, [9; 12]);
        assert!(server.is_asked(&begun.message));
        assert!(!Server::new(rand::random()).is_asked(&begun.message));
        let Initiation {
            client: Some(client),
            proof: Some(proof),
        } = server.read(&begun.message)
        else {
            panic!("it is a right one");
        };
        assert_eq!(
            client,
            MontgomeryPoint::mul_base_clamped(private).to_bytes()
        );
        assert_eq!(proof.stamp, [9; 12]);
        let (answer, keys) = proof.answer(5, rand::random()).expect("answers");
        assert_eq!(answer[8..12], 7_u32.to_le_bytes());
        let client = begun.finish(&answer);
        assert_eq!((keys.receive, keys.send), (client.send, client.receive));
        assert_eq!(client.theirs, 5_u32.to_le_bytes());
    }

    /// Who has the server's key only can name a client, and no more.
    #[test]
    fn a_client_that_lacks_its_key_is_named_and_proves_nothing() {
        let server = Server::new(rand::random());
        let mut message = client::begin(rand::random(), &server.public, 7, [9; 12]).message;
        message[90] ^= 1;
        let read = server.read(&message);
        assert!(read.client.is_some() && read.proof.is_none());
        message[50] ^= 1;
        let read = server.read(&message);
        assert!(read.client.is_none() && read.proof.is_none());
        message[8..40].fill(0);
        assert!(server.read(&message).client.is_none());
    }
}
