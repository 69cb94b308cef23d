//! The lines of a segment: how a record and its parts are written and read back.
//!
//! All that can be done before a record knows its place in the chain is done by the caller
//! ([`Prepared`], on many threads): canonical JSON, sealing, and both hashes up to the first byte
//! that depends on the predecessor. The writer only adds the tail.

use std::collections::BTreeMap;
use std::ops::Range;

use data_encoding::{BASE64, HEXLOWER};
use lapwing_core::secret::NONCE;
use lapwing_core::{Keyring, StationId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::canonical::{write_canonical, write_integer, write_string};
use crate::error::JournalError;
use crate::merkle::Hash;

/// Version of the envelope.
pub(crate) const VERSION: u64 = 1;

/// Longest line, in bytes (16 MiB), and longest record with its parts (32 MiB).
pub(crate) const MAX_LINE: usize = 16 << 20;
pub(crate) const MAX_UNIT: usize = 32 << 20;

/// Most parts of one record.
const MAX_PARTS: usize = 16;

/// Longest name of a part.
const MAX_NAME: usize = 32;

/// Bytes of salt in front of a part.
pub(crate) const SALT: usize = 16;

/// Bytes that salting and sealing add to a part.
const SEALING: usize = SALT + NONCE + 16;

/// Types of record that only the journal writes.
const RESERVED: [&str; 3] = ["gap", "unmatched", "erasure"];

/// What a caller wants recorded.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What is recorded in the clear.
    pub body: Body,
    /// Raw bytes kept beside the record, at most 16, each under its own name (lower-case ASCII
    /// letters, digits, `_`, at most 32). Sealed on disk; the record holds their salted digests.
    pub parts: Vec<(&'static str, Vec<u8>)>,
    /// Who brought it, a short ASCII word: by this a record of a gap counts what is missing.
    pub via: String,
}

/// A JSON object with a text member "type", ASCII keys and integers below 2^53. The types `gap`,
/// `unmatched` and `erasure` are the journal's own.
#[derive(Clone, Debug)]
pub struct Body(Form);

#[derive(Clone, Debug)]
enum Form {
    Value(Value),
    /// In canonical form, and its type.
    Text(Vec<u8>, &'static str),
}

impl Body {
    /// Of a struct of type `kind` whose members, and theirs, are declared in the order of their
    /// names: written at once, which is several times faster than by way of a [`Value`]. Nobody looks
    /// whether that is so; [`Body::is_canonical`] does.
    #[must_use]
    pub fn sorted(kind: &'static str, body: &impl Serialize) -> Self {
        let mut text = Vec::with_capacity(1024);
        serde_json::to_writer(&mut text, body).expect("a plain struct serialises");
        Self(Form::Text(text, kind))
    }

    /// Whether it is what a reader will make of it again, byte for byte.
    #[must_use]
    pub fn is_canonical(&self) -> bool {
        let Form::Text(text, kind) = &self.0 else {
            return true;
        };
        let mut canonical = Vec::new();
        serde_json::from_slice(text).is_ok_and(|value: Value| {
            write_canonical(&value, &mut canonical).is_ok()
                && canonical == *text
                && value["type"] == *kind
        })
    }

    fn kind(&self) -> Option<&str> {
        match &self.0 {
            Form::Value(value) => value.get("type").and_then(Value::as_str),
            Form::Text(_, kind) => Some(kind),
        }
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), JournalError> {
        match &self.0 {
            Form::Value(value) => write_canonical(value, out),
            Form::Text(text, _) => {
                out.extend_from_slice(text);
                Ok(())
            }
        }
    }
}

impl From<Value> for Body {
    fn from(value: Value) -> Self {
        Self(Form::Value(value))
    }
}

/// A record but for its place in the chain.
pub(crate) struct Prepared {
    pub(crate) time: Timestamp,
    /// `{"body":..,` then `"parts":..,"previous":"` then the part lines.
    bytes: Vec<u8>,
    body_end: usize,
    record_end: usize,
    shape: Shape,
    /// See [`Entry::via`]; empty for the journal's own.
    pub(crate) via: String,
    /// SHA-256 after the first two pieces.
    digest: Sha256,
    /// SHA-256 after a zero byte, the first piece and `"digest":"`.
    leaf: Sha256,
}

impl Prepared {
    /// From a caller's entry, in an empty buffer.
    pub(crate) fn entry(
        entry: Entry,
        keys: &Keyring,
        buffer: Vec<u8>,
    ) -> Result<Self, JournalError> {
        match entry.body.kind() {
            None => return Err(refused("no text member \"type\"")),
            Some(kind) if RESERVED.contains(&kind) => {
                return Err(refused("that type of record is the journal's own"));
            }
            Some(_) => {}
        }
        let mut parts = entry.parts;
        parts.sort_unstable_by_key(|part| part.0);
        if parts.len() > MAX_PARTS || parts.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(refused("more than 16 parts, or one name twice"));
        }
        if !parts.iter().all(|part| is_part_name(part.0)) {
            return Err(refused("a part's name is not lower-case ASCII"));
        }
        let mut prepared = Self::new(&entry.body, &parts, keys, buffer)?;
        prepared.via = entry.via;
        Ok(prepared)
    }

    /// From a body that is known to be sound and parts in order.
    pub(crate) fn new(
        body: &Body,
        parts: &[(&str, Vec<u8>)],
        keys: &Keyring,
        mut bytes: Vec<u8>,
    ) -> Result<Self, JournalError> {
        let lengths = parts.iter().map(|part| part.1.len());
        bytes.reserve(
            2048 + lengths
                .clone()
                .map(|length| 400 + length * 4 / 3)
                .sum::<usize>(),
        );
        bytes.extend_from_slice(b"{\"body\":");
        body.write(&mut bytes)?;
        bytes.push(b',');
        let body_end = bytes.len();
        // The lines of the parts stand behind the record that holds their digests: first its room.
        let nothing: Vec<_> = (parts.iter())
            .map(|(name, _)| (*name, Hash::default(), Hash::default()))
            .collect();
        write_parts(&nothing, &mut bytes);
        bytes.extend_from_slice(b",\"previous\":\"");
        let record_end = bytes.len();
        let mut digests = nothing;
        let mut scratch = Vec::with_capacity(lengths.max().unwrap_or(0) + SEALING);
        for ((name, plain), (_, digest, line)) in parts.iter().zip(&mut digests) {
            let start = bytes.len();
            *digest = write_part(name, plain, keys, &mut scratch, &mut bytes);
            let written = &bytes[start..bytes.len() - 1];
            if written.len() > MAX_LINE {
                return Err(refused("a part is longer than the limit"));
            }
            *line = Sha256::digest(written).into();
        }
        // 512 bytes hold digest, previous and tail.
        if record_end + 512 > MAX_LINE || bytes.len() + 512 > MAX_UNIT {
            return Err(refused("longer than the limit"));
        }
        scratch.clear();
        write_parts(&digests, &mut scratch);
        bytes[body_end..body_end + scratch.len()].copy_from_slice(&scratch);
        let leaf = Sha256::new()
            .chain_update([0])
            .chain_update(&bytes[..body_end])
            .chain_update(b"\"digest\":\"");
        Ok(Self {
            time: Timestamp::from_micros(0),
            via: String::new(),
            digest: Sha256::new_with_prefix(&bytes[..record_end]),
            leaf,
            bytes,
            body_end,
            record_end,
            shape: Shape {
                body: body_end - 9,
                parts: parts.len(),
            },
        })
    }

    /// Something to write in place of a record of this shape, with parts of `size` bytes in all:
    /// as much work and as many bytes.
    pub(crate) fn dummy(
        shape: Shape,
        size: usize,
        keys: &Keyring,
        buffer: Vec<u8>,
    ) -> Result<Self, JournalError> {
        const NAMES: [&str; MAX_PARTS] = [
            "raw", "claims", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p",
        ];
        let pad = shape
            .body
            .saturating_sub(r#"{"pad":"","type":"pass"}"#.len());
        let body = json!({"type": "pass", "pad": "0".repeat(pad)});
        let count = shape.parts.clamp(1, MAX_PARTS);
        let share = size / count;
        let parts: Vec<_> = NAMES[..count]
            .iter()
            .zip(std::iter::once(size - share * (count - 1)).chain(std::iter::repeat(share)))
            .map(|(name, size)| (*name, vec![b'0'; size]))
            .collect();
        Self::new(&body.into(), &parts, keys, buffer)
    }

    /// Its buffer, to be used again.
    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.bytes
    }

    /// How many lines it takes: its own, and one a part.
    pub(crate) fn lines(&self) -> u64 {
        1 + self.shape.parts as u64
    }

    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }
}

/// What a record's length and cost depend on, but for the bytes of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Bytes of the body.
    pub(crate) body: usize,
    /// Number of parts.
    pub(crate) parts: usize,
}

/// Where the chain stands: what the next record needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) station: StationId,
    pub(crate) next: u64,
    pub(crate) previous: Hash,
}

impl Head {
    /// Writes one record with its part lines to `out`, moves on, and gives the leaf hash.
    pub(crate) fn chain(&mut self, prepared: &Prepared, out: &mut Vec<u8>) -> Hash {
        let Prepared {
            time,
            bytes,
            body_end,
            record_end,
            digest,
            leaf,
            shape: _,
            via: _,
        } = prepared;
        out.extend_from_slice(&bytes[..*body_end]);
        out.extend_from_slice(b"\"digest\":\"");
        let from_digest = out.len();
        out.extend_from_slice(&[b'0'; 64]);
        out.extend_from_slice(b"\",");
        out.extend_from_slice(&bytes[*body_end..*record_end]);
        let from_previous = out.len();
        out.extend_from_slice(&hex::<32, 64>(&self.previous));
        out.extend_from_slice(b"\",\"sequence\":");
        write_integer(self.next, out);
        out.extend_from_slice(b",\"station\":\"");
        out.extend_from_slice(&hex::<4, 8>(&self.station.number().to_be_bytes()));
        out.extend_from_slice(b"\",\"time\":");
        write_time(*time, out);
        out.extend_from_slice(b",\"version\":");
        write_integer(VERSION, out);
        out.push(b'}');
        let digest = digest.clone().chain_update(&out[from_previous..]);
        self.previous = digest.finalize().into();
        self.next += 1;
        out[from_digest..from_digest + 64].copy_from_slice(&hex::<32, 64>(&self.previous));
        let leaf = leaf.clone().chain_update(&out[from_digest..]).finalize();
        out.push(b'\n');
        out.extend_from_slice(&bytes[*record_end..]);
        leaf.into()
    }

    /// Checks that `envelope` is the next record and moves on.
    pub(crate) fn follow(&mut self, envelope: &Envelope) -> Result<(), String> {
        if envelope.station != self.station {
            return Err(format!("of another station, {}", envelope.station));
        }
        if envelope.sequence != self.next {
            return Err(format!("holds sequence {}", envelope.sequence));
        }
        if envelope.previous != self.previous {
            return Err("does not follow its predecessor".to_owned());
        }
        self.next += 1;
        self.previous = envelope.digest;
        Ok(())
    }
}

/// A record line that was read and whose digest fits.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    /// Where in the line the body's text is.
    pub(crate) body: Range<usize>,
    pub(crate) digest: Hash,
    pub(crate) parts: Vec<PartDigest>,
    pub(crate) previous: Hash,
    pub(crate) sequence: u64,
    pub(crate) station: StationId,
    pub(crate) time: Timestamp,
}

/// What a record says of one of its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartDigest {
    pub(crate) name: String,
    /// SHA-256 over salt and plain bytes.
    pub(crate) digest: Hash,
    /// SHA-256 over the part's line.
    pub(crate) line: Hash,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEnvelope<'a> {
    #[serde(borrow)]
    body: &'a RawValue,
    digest: &'a str,
    #[serde(borrow)]
    parts: BTreeMap<&'a str, RawPart<'a>>,
    previous: &'a str,
    sequence: u64,
    station: &'a str,
    time: i64,
    version: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPart<'a> {
    digest: &'a str,
    line: &'a str,
}

impl Envelope {
    /// Reads a record line (without its line feed): it must have exactly the written layout, and
    /// its digest must fit.
    pub(crate) fn parse(line: &[u8]) -> Result<Self, &'static str> {
        let raw: RawEnvelope<'_> =
            serde_json::from_slice(line).map_err(|_| "the line is not a record")?;
        if raw.version != VERSION {
            return Err("of a version this program does not know");
        }
        let envelope = Self {
            body: 8..8 + raw.body.get().len(),
            digest: hash_of(raw.digest)?,
            parts: part_digests(&raw.parts)?,
            previous: hash_of(raw.previous)?,
            sequence: raw.sequence,
            station: raw.station.parse().map_err(|_| "bad station")?,
            time: Timestamp::from_micros(raw.time),
        };
        let (head, tail) = envelope.layout(line, raw.body.get())?;
        let digest: Hash = Sha256::new()
            .chain_update(head)
            .chain_update(tail)
            .finalize()
            .into();
        if digest != envelope.digest {
            return Err("the digest does not fit the line");
        }
        Ok(envelope)
    }

    /// Splits the line around its digest member, if it is laid out as the writer does.
    fn layout<'a>(&self, line: &'a [u8], body: &str) -> Result<(&'a [u8], &'a [u8]), &'static str> {
        const LAYOUT: &str = "the line is not in canonical form";
        let mut tail = Vec::with_capacity(512);
        tail.extend_from_slice(b"\"digest\":\"");
        tail.extend_from_slice(&hex::<32, 64>(&self.digest));
        tail.extend_from_slice(b"\",");
        let digest_len = tail.len();
        let parts: Vec<_> = self
            .parts
            .iter()
            .map(|part| (part.name.as_str(), part.digest, part.line))
            .collect();
        write_parts(&parts, &mut tail);
        tail.extend_from_slice(b",\"previous\":\"");
        tail.extend_from_slice(&hex::<32, 64>(&self.previous));
        tail.extend_from_slice(b"\",\"sequence\":");
        write_integer(self.sequence, &mut tail);
        tail.extend_from_slice(format!(",\"station\":\"{}\",\"time\":", self.station).as_bytes());
        write_time(self.time, &mut tail);
        tail.extend_from_slice(format!(",\"version\":{VERSION}}}").as_bytes());
        let (head, rest) = line.split_at_checked(self.body.end + 1).ok_or(LAYOUT)?;
        let fits = head.starts_with(b"{\"body\":{")
            && head[self.body.clone()] == *body.as_bytes()
            && head.ends_with(b",")
            && rest == tail;
        fits.then(|| (head, &rest[digest_len..])).ok_or(LAYOUT)
    }

    /// The body of the line this was read from.
    pub(crate) fn body_value(&self, line: &[u8]) -> Result<Value, &'static str> {
        serde_json::from_slice(&line[self.body.clone()]).map_err(|_| "the body is not JSON")
    }

    /// Whether the line's body is, or might be, a record of erasure; spares parsing all others.
    pub(crate) fn may_be_erasure(&self, line: &[u8]) -> bool {
        str::from_utf8(&line[self.body.clone()])
            .is_ok_and(|body| body.contains("\"type\":\"erasure\""))
    }
}

fn part_digests(raw: &BTreeMap<&str, RawPart<'_>>) -> Result<Vec<PartDigest>, &'static str> {
    if raw.len() > MAX_PARTS || !raw.keys().all(|name| is_part_name(name)) {
        return Err("bad parts");
    }
    raw.iter()
        .map(|(name, part)| {
            Ok(PartDigest {
                name: (*name).to_owned(),
                digest: hash_of(part.digest)?,
                line: hash_of(part.line)?,
            })
        })
        .collect()
}

/// What a part's line turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartLine {
    /// As written.
    Present,
    /// Blanked by an erasure, which must be recorded later in the journal.
    Erased,
}

impl PartDigest {
    /// Checks the line of this part without keys.
    pub(crate) fn check(&self, line: &[u8]) -> Result<PartLine, &'static str> {
        let digest: Hash = Sha256::digest(line).into();
        if digest == self.line {
            Ok(PartLine::Present)
        } else if erased_line(&self.name, line.len()).is_some_and(|erased| erased == line) {
            Ok(PartLine::Erased)
        } else {
            Err("the line of a part is not what was written")
        }
    }

    /// Opens the line of this part: salt and plain bytes. Both digests are checked.
    pub(crate) fn open(
        &self,
        line: &[u8],
        keys: &Keyring,
    ) -> Result<([u8; SALT], Vec<u8>), &'static str> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct RawLine<'a> {
            #[serde(rename = "epoch")]
            _epoch: u32,
            part: &'a str,
            sealed: &'a str,
        }
        let raw: RawLine<'_> =
            serde_json::from_slice(line).map_err(|_| "the line is not a part")?;
        let sealed = BASE64
            .decode(raw.sealed.as_bytes())
            .map_err(|_| "the line is not a part")?;
        let mut salted = keys
            .open(&context(raw.part, &self.digest), &sealed)
            .map_err(|_| "a part cannot be opened: another key, or damaged")?;
        let digest: Hash = Sha256::digest(&salted).into();
        if raw.part != self.name || digest != self.digest || salted.len() < SALT {
            return Err("a part does not fit the digest in its record");
        }
        let plain = salted.split_off(SALT);
        Ok((salted.try_into().expect("just cut to a salt"), plain))
    }
}

/// What stands in place of an erased part: as long as its line was, so that every other line keeps
/// its offset. `None` if that is shorter than the shortest such line.
pub(crate) fn erased_line(name: &str, length: usize) -> Option<Vec<u8>> {
    let mut line = format!("{{\"erased\":\"{name}\",\"pad\":\"").into_bytes();
    let pad = length.checked_sub(line.len() + 2)?;
    line.resize(line.len() + pad, b'0');
    line.extend_from_slice(b"\"}");
    Some(line)
}

/// Whether a name can be a part's.
fn is_part_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_NAME
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// Writes the line of one part, gives SHA-256 over salt and plain bytes. `sealed` is scratch.
fn write_part(
    name: &str,
    plain: &[u8],
    keys: &Keyring,
    sealed: &mut Vec<u8>,
    out: &mut Vec<u8>,
) -> Hash {
    sealed.clear();
    sealed.resize(NONCE + SALT, 0);
    rand::fill(&mut sealed[NONCE..]);
    sealed.extend_from_slice(plain);
    let digest: Hash = Sha256::digest(&sealed[NONCE..]).into();
    keys.seal_in_place(&context(name, &digest), sealed);
    out.extend_from_slice(b"{\"epoch\":");
    write_integer(u64::from(keys.epoch()), out);
    out.extend_from_slice(b",\"part\":");
    write_string(name, out);
    out.extend_from_slice(b",\"sealed\":\"");
    let start = out.len();
    out.resize(start + BASE64.encode_len(sealed.len()), 0);
    BASE64.encode_mut(sealed, &mut out[start..]);
    out.extend_from_slice(b"\"}\n");
    digest
}

/// What a part is sealed as. Its digest is in the record, so it opens nowhere else.
fn context(name: &str, digest: &Hash) -> Vec<u8> {
    [&b"part "[..], name.as_bytes(), b" ", digest].concat()
}

fn write_parts(parts: &[(&str, Hash, Hash)], out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"parts\":{");
    for (index, (name, digest, line)) in parts.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(name, out);
        out.extend_from_slice(b":{\"digest\":\"");
        out.extend_from_slice(&hex::<32, 64>(digest));
        out.extend_from_slice(b"\",\"line\":\"");
        out.extend_from_slice(&hex::<32, 64>(line));
        out.extend_from_slice(b"\"}");
    }
    out.push(b'}');
}

fn write_time(time: Timestamp, out: &mut Vec<u8>) {
    if time.micros() < 0 {
        out.push(b'-');
    }
    write_integer(time.micros().unsigned_abs(), out);
}

fn hex<const N: usize, const M: usize>(bytes: &[u8; N]) -> [u8; M] {
    let mut out = [0; M];
    HEXLOWER.encode_mut(bytes, &mut out);
    out
}

/// Reads 64 lower-case hex digits.
pub(crate) fn hash_of(text: &str) -> Result<Hash, &'static str> {
    HEXLOWER
        .decode(text.as_bytes())
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or("a digest is not 64 hex digits")
}

fn refused(what: &str) -> JournalError {
    JournalError::Entry(what.to_owned())
}
