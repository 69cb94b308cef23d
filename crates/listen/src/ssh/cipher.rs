//! Packets sealed and opened: every cipher and MAC that OpenSSH offers. (RFC 4253 section 6, RFC 5647,
//! OpenSSH's PROTOCOL and PROTOCOL.chacha20poly1305)

use aes::cipher::{Array, BlockCipherEncrypt as _, KeyInit as _};
use aes::{Aes128, Aes192, Aes256};
use rand::Rng as _;
use ring::aead::chacha20_poly1305_openssh as chacha;
use ring::{aead, hmac};
use subtle::ConstantTimeEq as _;

use super::umac::Umac;

/// Longest packet, as OpenSSH's `PACKET_MAX_SIZE`.
pub(super) const LONGEST: usize = 256 << 10;

/// One direction of a connection. Small while there are no keys: then anybody may stall.
pub(super) enum Cipher {
    Clear,
    ChaCha {
        seal: Box<chacha::SealingKey>,
        open: Box<chacha::OpeningKey>,
    },
    Gcm {
        key: Box<aead::LessSafeKey>,
        nonce: [u8; 12],
    },
    Counter {
        aes: Box<Aes>,
        counter: u128,
        mac: Box<Mac>,
        /// Whether what is encrypted is authenticated, and the length is not encrypted.
        etm: bool,
    },
}

pub(super) enum Aes {
    Short(Aes128),
    Middle(Aes192),
    Long(Aes256),
}

pub(super) enum Mac {
    Hmac(hmac::Key),
    Umac(Box<Umac>),
}

/// How many bytes of key, IV and MAC key a choice needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Needs {
    pub(super) key: usize,
    pub(super) iv: usize,
    pub(super) mac: usize,
}

/// What the algorithms of these names need; `None` for names we do not offer.
pub(super) fn needs(cipher: &str, mac: &str) -> Option<Needs> {
    let (key, iv) = match cipher {
        "chacha20-poly1305@openssh.com" => (64, 0),
        "aes128-gcm@openssh.com" => (16, 12),
        "aes256-gcm@openssh.com" => (32, 12),
        "aes128-ctr" => (16, 16),
        "aes192-ctr" => (24, 16),
        "aes256-ctr" => (32, 16),
        _ => return None,
    };
    let mac = if iv != 16 {
        0
    } else {
        match mac
            .trim_end_matches("@openssh.com")
            .trim_end_matches("-etm")
        {
            "umac-64" | "umac-128" => 16,
            "hmac-sha2-256" => 32,
            "hmac-sha2-512" => 64,
            "hmac-sha1" => 20,
            _ => return None,
        }
    };
    Some(Needs { key, iv, mac })
}

/// The direction with these keys, as long as [`needs`] says.
pub(super) fn keyed(
    cipher: &str,
    mac: &str,
    key: &[u8],
    iv: &[u8],
    mac_key: &[u8],
) -> Option<Cipher> {
    let aes = match cipher {
        "chacha20-poly1305@openssh.com" => {
            let key: &[u8; 64] = key.try_into().ok()?;
            return Some(Cipher::ChaCha {
                seal: Box::new(chacha::SealingKey::new(key)),
                open: Box::new(chacha::OpeningKey::new(key)),
            });
        }
        "aes128-gcm@openssh.com" | "aes256-gcm@openssh.com" => {
            let algorithm = if key.len() == 16 {
                &aead::AES_128_GCM
            } else {
                &aead::AES_256_GCM
            };
            let key = aead::UnboundKey::new(algorithm, key).ok()?;
            return Some(Cipher::Gcm {
                key: Box::new(aead::LessSafeKey::new(key)),
                nonce: iv.try_into().ok()?,
            });
        }
        "aes128-ctr" => Aes::Short(Aes128::new_from_slice(key).ok()?),
        "aes192-ctr" => Aes::Middle(Aes192::new_from_slice(key).ok()?),
        "aes256-ctr" => Aes::Long(Aes256::new_from_slice(key).ok()?),
        _ => return None,
    };
    let plain = mac.trim_end_matches("@openssh.com");
    let of = |algorithm| Mac::Hmac(hmac::Key::new(algorithm, mac_key));
    let made = match plain.trim_end_matches("-etm") {
        "umac-64" => Mac::Umac(Box::new(Umac::new(mac_key.try_into().ok()?, 8))),
        "umac-128" => Mac::Umac(Box::new(Umac::new(mac_key.try_into().ok()?, 16))),
        "hmac-sha2-256" => of(hmac::HMAC_SHA256),
        "hmac-sha2-512" => of(hmac::HMAC_SHA512),
        _ => of(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
    };
    Some(Cipher::Counter {
        aes: Box::new(aes),
        counter: u128::from_be_bytes(iv.try_into().ok()?),
        mac: Box::new(made),
        etm: plain.ends_with("-etm"),
    })
}

impl Cipher {
    /// Bytes that have to be there before the length can be read.
    pub(super) fn head(&self) -> usize {
        match self {
            Self::Counter { etm: false, .. } => 16,
            _ => 4,
        }
    }

    /// Bytes of a packet with its length and tag, from its first bytes; `None` if it cannot be right.
    pub(super) fn whole(&self, sequence: u32, head: &[u8]) -> Option<usize> {
        let first: [u8; 4] = *head.first_chunk()?;
        let length = match self {
            Self::ChaCha { open, .. } => open.decrypt_packet_length(sequence, first),
            Self::Counter {
                aes,
                counter,
                etm: false,
                ..
            } => {
                let mut block = *head.first_chunk::<16>()?;
                aes.apply(*counter, &mut block);
                *block.first_chunk()?
            }
            _ => first,
        };
        let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
        let aligned = match self {
            Self::Clear => (length + 4).is_multiple_of(8),
            Self::ChaCha { .. } => length.is_multiple_of(8),
            Self::Counter { etm: false, .. } => (length + 4).is_multiple_of(16),
            Self::Gcm { .. } | Self::Counter { .. } => length.is_multiple_of(16),
        };
        let fits = (5..=LONGEST).contains(&length) && aligned;
        fits.then(|| 4 + length + self.tag_length())
    }

    /// The payload of a packet of which all bytes are there; `None` if it was tampered with.
    pub(super) fn open(&mut self, sequence: u32, mut packet: Vec<u8>) -> Option<Vec<u8>> {
        let length = packet.len().checked_sub(self.tag_length())?;
        match self {
            Self::Clear => {}
            Self::ChaCha { open, .. } => {
                let (body, tag) = packet.split_at_mut_checked(length)?;
                let tag: &[u8; 16] = (&*tag).try_into().ok()?;
                open.open_in_place(sequence, body, tag).ok()?;
            }
            Self::Gcm { key, nonce } => {
                let (head, body) = packet.split_at_mut_checked(4)?;
                let nonce = aead::Nonce::assume_unique_for_key(next(nonce));
                key.open_in_place(nonce, aead::Aad::from(&*head), body)
                    .ok()?;
            }
            Self::Counter {
                aes,
                counter,
                mac,
                etm,
            } => {
                let tag = packet.split_off(length);
                let start = if *etm { 4 } else { 0 };
                let right = |packet: &[u8]| {
                    let equal = bool::from(mac.tag(sequence, packet).ct_eq(&tag));
                    equal.then_some(())
                };
                if *etm {
                    right(&packet)?;
                }
                *counter = aes.apply(*counter, &mut packet[start..]);
                if !*etm {
                    right(&packet)?;
                }
            }
        }
        let padding = usize::from(*packet.get(4)?);
        let end = length.checked_sub(padding)?;
        (padding >= 4 && end >= 6).then(|| packet[5..end].to_vec())
    }

    /// A packet of a payload, with its length and tag.
    pub(super) fn seal(&mut self, sequence: u32, payload: &[u8]) -> Vec<u8> {
        let (block, counted) = match self {
            Self::Clear => (8, 5),
            Self::ChaCha { .. } => (8, 1),
            Self::Counter { etm: false, .. } => (16, 5),
            Self::Gcm { .. } | Self::Counter { .. } => (16, 1),
        };
        let over = (counted + payload.len() + 4).next_multiple_of(block);
        let padding = over - counted - payload.len();
        let length = 1 + payload.len() + padding;
        let mut packet = Vec::with_capacity(4 + length + 64);
        packet.extend(u32::try_from(length).unwrap_or_default().to_be_bytes());
        packet.push(u8::try_from(padding).unwrap_or_default());
        packet.extend_from_slice(payload);
        packet.resize(4 + length, 0);
        if !matches!(self, Self::Clear) {
            rand::rng().fill_bytes(&mut packet[5 + payload.len()..]);
        }
        match self {
            Self::Clear => {}
            Self::ChaCha { seal, .. } => {
                let mut tag = [0; 16];
                seal.seal_in_place(sequence, &mut packet, &mut tag);
                packet.extend(tag);
            }
            Self::Gcm { key, nonce } => {
                let (head, body) = packet.split_at_mut(4);
                let nonce = aead::Nonce::assume_unique_for_key(next(nonce));
                if let Ok(tag) =
                    key.seal_in_place_separate_tag(nonce, aead::Aad::from(&*head), body)
                {
                    packet.extend_from_slice(tag.as_ref());
                }
            }
            Self::Counter {
                aes,
                counter,
                mac,
                etm: true,
            } => {
                *counter = aes.apply(*counter, &mut packet[4..]);
                let tag = mac.tag(sequence, &packet);
                packet.extend(tag);
            }
            Self::Counter {
                aes, counter, mac, ..
            } => {
                let tag = mac.tag(sequence, &packet);
                *counter = aes.apply(*counter, &mut packet);
                packet.extend(tag);
            }
        }
        packet
    }

    fn tag_length(&self) -> usize {
        match self {
            Self::Clear => 0,
            Self::ChaCha { .. } | Self::Gcm { .. } => 16,
            Self::Counter { mac, .. } => match &**mac {
                Mac::Hmac(key) => key.algorithm().digest_algorithm().output_len(),
                Mac::Umac(umac) => umac.length(),
            },
        }
    }
}

impl Aes {
    /// Encrypts or decrypts, and gives the counter after it.
    fn apply(&self, mut counter: u128, bytes: &mut [u8]) -> u128 {
        for block in bytes.chunks_mut(16) {
            let mut stream = Array(counter.to_be_bytes());
            match self {
                Self::Short(aes) => aes.encrypt_block(&mut stream),
                Self::Middle(aes) => aes.encrypt_block(&mut stream),
                Self::Long(aes) => aes.encrypt_block(&mut stream),
            }
            counter = counter.wrapping_add(1);
            for (byte, key) in block.iter_mut().zip(stream) {
                *byte ^= key;
            }
        }
        counter
    }
}

impl Mac {
    fn tag(&self, sequence: u32, packet: &[u8]) -> Vec<u8> {
        match self {
            Self::Hmac(key) => {
                let mut context = hmac::Context::with_key(key);
                context.update(&sequence.to_be_bytes());
                context.update(packet);
                context.sign().as_ref().to_vec()
            }
            // Its nonce is the number of the packet.
            Self::Umac(umac) => umac.tag(u64::from(sequence), packet),
        }
    }
}

/// The nonce to use now; the one kept goes on (RFC 5647 section 7.1).
fn next(nonce: &mut [u8; 12]) -> [u8; 12] {
    let used = *nonce;
    for byte in nonce[4..].iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            break;
        }
    }
    used
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ssh::offer::{CIPHERS, MACS};

    fn both(cipher: &str, mac: &str) -> (Cipher, Cipher) {
        let needs = needs(cipher, mac).unwrap();
        let of = || {
            let key = |length: usize, byte: u8| vec![byte; length];
            keyed(
                cipher,
                mac,
                &key(needs.key, 1),
                &key(needs.iv, 255),
                &key(needs.mac, 3),
            )
            .unwrap()
        };
        (of(), of())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// With every pair that is offered: what is sealed opens, and nothing else does.
        #[test]
        fn packets_come_back(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..200), 1..4), flip in any::<prop::sample::Index>()) {
            for cipher in CIPHERS {
                for mac in MACS {
                    let (mut seal, mut open) = both(cipher, mac);
                    for (sequence, payload) in (0..).zip(&payloads) {
                        let packet = seal.seal(sequence, payload);
                        prop_assert_eq!(open.whole(sequence, &packet), Some(packet.len()));
                        let opened = open.open(sequence, packet);
                        prop_assert_eq!(opened.as_ref(), Some(payload));
                    }
                    let (mut seal, mut open) = both(cipher, mac);
                    let mut packet = seal.seal(0, &payloads[0]);
                    let at = flip.index(packet.len());
                    packet[at] ^= 1;
                    prop_assert_eq!(open.open(0, packet), None);
                }
            }
        }

        #[test]
        fn any_bytes_are_no_packet(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(Cipher::Clear.open(0, bytes.clone()).is_none_or(|it| it.len() < bytes.len()));
            for cipher in CIPHERS {
                for mac in MACS {
                    let (_, mut open) = both(cipher, mac);
                    let _ = open.whole(7, &bytes);
                    prop_assert_eq!(open.open(7, bytes.clone()), None);
                }
            }
        }
    }
}
