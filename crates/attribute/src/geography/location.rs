//! IPFire's `location.db`: country, AS number, AS name and flags of every network (format 1 of libloc,
//! <https://www.ipfire.org/location>).
//!
//! All numbers are big-endian. Behind a header lie five sections: systems (number, name), networks (country, AS
//! number, flags), the tree's nodes (left, right, network), countries and a pool of texts that end with a zero.
//! The tree is walked bit by bit from the top of an IPv6 address; IPv4 lies below `::ffff:0:0/96`. The file may be
//! anything: every offset is checked where it is used, and a walk takes at most 128 steps.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;

use ipnet::Ipv6Net;
use lapwing_core::text::escape_short;
use lapwing_core::{NetworkClass, bounded};
use p521::PublicKey;
use p521::ecdsa::signature::hazmat::PrehashVerifier as _;
use p521::ecdsa::{Signature, VerifyingKey};
use sha2::{Digest as _, Sha256};

use super::announced::{MOST, is_public, leads_to_public};
use super::answer::Answer;
use super::file::{MAX_BYTES, MAX_TEXT, day};
use super::{GeographyError, Source};

pub(super) const MAGIC: &[u8] = b"LOCDBXX\x01";
/// What answers call it.
const KIND: &str = "IPFire location";
const HEADER: usize = 8 + 8 + 13 * 4 + 2 * 2 + 2 * SIGNATURE + 32;
/// Room for each of two signatures.
const SIGNATURE: usize = 2048;
/// Where the lengths of the signatures stand.
const LENGTHS: usize = 8 + 8 + 13 * 4;

const NODE: usize = 12;
const NETWORK: usize = 12;
const SYSTEM: usize = 8;
/// A node without a network.
const NONE: u32 = u32::MAX;
/// Networks whose fields are looked at to learn what a file holds.
const SAMPLE: usize = 4096;

/// Flags of a network.
const FLAGS: &[(u16, NetworkClass)] = &[
    (1 << 0, NetworkClass::Proxy),
    (1 << 1, NetworkClass::Satellite),
    (1 << 2, NetworkClass::Anycast),
    (1 << 3, NetworkClass::Drop),
];

/// Such a file.
pub(super) struct LocationFile {
    bytes: Vec<u8>,
    systems: Section,
    networks: Section,
    nodes: Section,
    pool: Section,
}

/// Where one of its parts lies: inside the file, as was checked.
#[derive(Clone, Copy)]
struct Section {
    start: usize,
    length: usize,
}

/// Reads a file.
pub(super) fn from_bytes(
    bytes: Vec<u8>,
    path: &Path,
) -> Result<(LocationFile, Source), GeographyError> {
    let damaged = |what: &str| GeographyError::Location {
        path: path.to_owned(),
        what: what.to_owned(),
    };
    if !bytes.starts_with(MAGIC) || bytes.len() < HEADER {
        return Err(damaged("it does not begin as one of format 1"));
    }
    let section = |index: usize| {
        let at = 28 + 8 * index;
        let start = number(&bytes, at)? as usize;
        let length = number(&bytes, at + 4)? as usize;
        (start.checked_add(length)? <= bytes.len()).then_some(Section { start, length })
    };
    let sections = || Some((section(0)?, section(1)?, section(2)?, section(4)?));
    let Some((systems, networks, nodes, pool)) = sections() else {
        return Err(damaged(
            "a part of it lies beyond its end: it was cut, or is damaged",
        ));
    };
    if nodes.length < NODE || networks.length < NETWORK {
        return Err(damaged("it holds no networks"));
    }
    let created = bytes[8..16].try_into().map_or(0, u64::from_be_bytes);
    let file = LocationFile {
        systems,
        networks,
        nodes,
        pool,
        bytes,
    };
    let fields = file.fields();
    if fields.is_empty() {
        return Err(damaged("no network in it has a country or an AS number"));
    }
    let source = file.source(path, created, fields);
    Ok((file, source))
}

impl LocationFile {
    fn source(&self, path: &Path, created: u64, fields: BTreeSet<&'static str>) -> Source {
        let said = |at: usize| number(&self.bytes, at).and_then(|offset| self.text(offset));
        let vendor = said(16).unwrap_or_else(|| "IPFire".to_owned());
        let licence = said(24).unwrap_or_default();
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        Source {
            name: format!("{KIND} ({})", escape_short(name, MAX_TEXT)),
            file: Some(path.to_owned()),
            kind: KIND.to_owned(),
            date: day(created),
            built: i64::try_from(created).unwrap_or_default(),
            attribution: format!("{vendor} location database, https://www.ipfire.org/location"),
            licence,
            records: (self.nodes.length / NODE) as u64,
            fields: fields.into_iter().map(str::to_owned).collect(),
            families: vec!["IPv4".to_owned(), "IPv6".to_owned()],
        }
    }

    /// What it says of an address; `None` if nothing.
    pub(super) fn lookup(&self, address: IpAddr) -> Option<Answer> {
        let bits = match address {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        Some(self.answer(self.find(bits)?))
    }

    /// The number of the narrowest network that covers an address.
    fn find(&self, address: Ipv6Addr) -> Option<u32> {
        let bits = address.to_bits();
        let (mut node, mut found) = (0, None);
        for depth in 0..=128 {
            let at = self.entry(self.nodes, node, NODE)?;
            if let Some(network) = number(at, 8).filter(|network| *network != NONE) {
                found = Some(network);
            }
            if depth == 128 {
                break;
            }
            let right = bits >> (127 - depth) & 1 == 1;
            node = number(at, if right { 4 } else { 0 })?;
            if node == 0 {
                break;
            }
        }
        found
    }

    /// Hands over the public IPv6 networks it holds. What is damaged is passed over.
    pub(super) fn networks(&self, each: &mut dyn FnMut(Ipv6Net)) {
        let mut left = MOST;
        let mut branches = vec![(0, Ipv6Net::default())];
        while let Some((node, network)) = branches.pop() {
            let Some(at) = self.entry(self.nodes, node, NODE).filter(|_| left > 0) else {
                continue;
            };
            left -= 1;
            if number(at, 8).is_some_and(|network| network != NONE) && is_public(network) {
                each(network);
            }
            let Ok(halves) = network.subnets(network.prefix_len().saturating_add(1)) else {
                continue;
            };
            for (half, offset) in halves.zip([0, 4]) {
                let below = number(at, offset).filter(|below| *below != 0);
                let below = below.filter(|_| leads_to_public(half));
                branches.extend(below.map(|below| (below, half)));
            }
        }
    }

    fn answer(&self, network: u32) -> Answer {
        let Some(at) = self.entry(self.networks, network, NETWORK) else {
            return Answer::default();
        };
        let code = &at[..2];
        let is_code = code.iter().all(u8::is_ascii_uppercase) && !matches!(code, b"ZZ" | b"XX");
        let asn = number(at, 4).filter(|asn| *asn != 0);
        let flags = u16::from_be_bytes([at[8], at[9]]);
        let flagged = FLAGS.iter().filter(|(flag, _)| flags & flag != 0);
        Answer {
            country: is_code.then(|| String::from_utf8_lossy(code).into_owned()),
            asn,
            as_name: asn.and_then(|asn| self.system(asn)),
            classes: flagged.map(|(_, class)| *class).collect(),
            ..Answer::default()
        }
    }

    /// The name of a system; they lie in the order of their numbers.
    fn system(&self, asn: u32) -> Option<String> {
        let (mut low, mut high) = (0, u32::try_from(self.systems.length / SYSTEM).ok()?);
        while low < high {
            let middle = low.midpoint(high);
            let at = self.entry(self.systems, middle, SYSTEM)?;
            match number(at, 0)?.cmp(&asn) {
                std::cmp::Ordering::Equal => return self.text(number(at, 4)?),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    fn entry(&self, section: Section, index: u32, size: usize) -> Option<&[u8]> {
        let start = (index as usize).checked_mul(size)?;
        let end = start.checked_add(size)?;
        let part = self.bytes.get(section.start..)?.get(..section.length)?;
        part.get(start..end)
    }

    /// A text of the pool, escaped and cut.
    fn text(&self, offset: u32) -> Option<String> {
        let pool = self.bytes.get(self.pool.start..)?.get(..self.pool.length)?;
        let text = pool.get(offset as usize..)?;
        // Escaping cuts to fewer; no text of a hostile file is walked to the end of the pool.
        let text = &text[..text.len().min(4 * MAX_TEXT)];
        let end = text.iter().position(|byte| *byte == 0);
        let text = text[..end.unwrap_or(text.len())].trim_ascii();
        (!text.is_empty()).then(|| escape_short(text, MAX_TEXT))
    }

    /// The fields that its networks have, by a sample spread over all of them.
    fn fields(&self) -> BTreeSet<&'static str> {
        let count = self.networks.length / NETWORK;
        let step = (count / SAMPLE).max(1);
        let sample = (0..count).step_by(step).take(SAMPLE);
        sample
            .filter_map(|index| u32::try_from(index).ok())
            .flat_map(|index| self.answer(index).fields())
            .collect()
    }
}

/// Whether one of the two signatures in a file is by this key (PEM, P-521): over the file, its signatures blank
/// (ECDSA with SHA-256: libloc leaves the digest to OpenSSL).
///
/// # Errors
/// The file cannot be read, the key is none, the file has no signature, or none is by this key.
pub fn verify_location(path: &Path, key: &str) -> Result<(), GeographyError> {
    let damaged = |what: &str| GeographyError::Location {
        path: path.to_owned(),
        what: what.to_owned(),
    };
    let key: PublicKey = key
        .parse()
        .map_err(|_| damaged("the key to verify it by is no P-521 public key in PEM"))?;
    let key = VerifyingKey::from(key);
    let bytes = bounded::read_file(path, MAX_BYTES).map_err(|source| GeographyError::Read {
        path: path.to_owned(),
        source,
    })?;
    if !bytes.starts_with(MAGIC) || bytes.len() < HEADER {
        return Err(damaged("it does not begin as one of format 1"));
    }
    let mut head = bytes[..HEADER].to_vec();
    head[LENGTHS..LENGTHS + 4 + 2 * SIGNATURE].fill(0);
    let digest = padded(
        Sha256::new_with_prefix(&head)
            .chain_update(&bytes[HEADER..])
            .finalize()
            .as_slice(),
    );
    let signatures = (0..2).filter_map(|index| {
        let at = LENGTHS + 2 * index;
        let length = usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
        let start = LENGTHS + 4 + index * SIGNATURE;
        bytes[start..start + SIGNATURE].get(..length)
    });
    let by_key = |signature: &[u8]| {
        let signature = Signature::from_der(signature);
        signature.is_ok_and(|signature| key.verify_prehash(&digest, &signature).is_ok())
    };
    if signatures.into_iter().any(by_key) {
        return Ok(());
    }
    Err(damaged(
        "no signature in it is by the key given: do not use it, and get file and key again",
    ))
}

/// A digest as a number of the curve's size. The library takes none that is shorter than half of that, as this one is
/// by a byte.
fn padded(digest: &[u8]) -> [u8; 66] {
    let mut padded = [0; 66];
    padded[66 - digest.len()..].copy_from_slice(digest);
    padded
}

/// Four bytes as a number.
fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(four.try_into().ok()?))
}

#[cfg(test)]
mod tests;
