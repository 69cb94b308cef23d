//! `lapwing filter`: a file that an application asks without a network whether a value may be bait.
//!
//! Format, all numbers little endian: 8 bytes `KBLOOM01`, the number of bits `m` (8 bytes), of probes `k`
//! (4 bytes), of values (8 bytes), then the bits, the first of each byte being its lowest. A value is
//! digested by HMAC-SHA-256 under the key beside the file; `a` and `b` are the first and the second 8 bytes
//! of that, `b` made odd; bit `(a + i * b mod 2^64) mod m` is set for `i` from 0 to `k - 1`.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit as _, Mac as _};
use lapwing_core::{CanaryId, bounded};
use lapwing_daemon::mint::handles;
use serde_json::json;
use sha2::Sha256;

use crate::args::{Filter, Global};
use crate::context::Context;
use crate::failure::{Advice, Exit};
use crate::output;

const MAGIC: &[u8; 8] = b"KBLOOM01";
/// Bits a value, and probes: one value in a million that is no bait is taken for it.
const BITS: u64 = 29;
const PROBES: u32 = 20;
/// Canaries read at once.
const STRIDE: usize = 1000;

pub(crate) fn run(global: &Global, args: &Filter) -> anyhow::Result<Exit> {
    let Filter { out, key } = args;
    let context = Context::open(global)?;
    let catalog = context.catalog()?;
    let ledger = context.ledger()?;
    let key_file = key.clone().unwrap_or_else(|| beside(out));
    let key = load_key(&key_file)?;
    let mut digests: Vec<(u64, u64)> = Vec::new();
    let mut after: Option<CanaryId> = None;
    loop {
        let canaries = ledger.canaries(after, STRIDE)?;
        let Some(last) = canaries.last() else {
            break;
        };
        after = Some(last.id);
        for canary in &canaries {
            let Some(kind) = catalog.kind(&canary.kind) else {
                output::say(&format!(
                    "note: no kind {}; {} is left out",
                    canary.kind, canary.id
                ));
                continue;
            };
            for (_, value) in handles(kind, canary) {
                digests.push(digest(&key, value.as_bytes()));
                let small = value.to_lowercase();
                if value.contains('@') && small != value {
                    digests.push(digest(&key, small.as_bytes()));
                }
            }
        }
    }
    write(out, &filter(&digests))?;
    if context.json {
        output::json(&json!({"file": out, "key": key_file, "values": digests.len()}))?;
        return Ok(Exit::Fine);
    }
    output::line(&format!("{}: {} values", out.display(), digests.len()))?;
    output::say(&format!(
        "whoever has it together with {} can test whether a value is bait; what is minted later is not in it",
        key_file.display()
    ));
    Ok(Exit::Fine)
}

fn beside(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".key");
    PathBuf::from(name)
}

/// The key that is there, so that an application need not be told of a new one; else a fresh one.
fn load_key(path: &Path) -> anyhow::Result<Vec<u8>> {
    if path.exists() {
        let text = bounded::read_text(path, 4096)?;
        let key = HEXLOWER.decode(text.trim().as_bytes()).ok();
        return key.filter(|key| key.len() == 32).ok_or_else(|| {
            Advice::error(
                format!("{} is no key of a filter", path.display()),
                "name another file with --key; a missing one is made",
            )
        });
    }
    let key = rand::random::<[u8; 32]>().to_vec();
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    writeln!(file, "{}", HEXLOWER.encode(&key))?;
    file.sync_all()?;
    Ok(key)
}

fn digest(key: &[u8], value: &[u8]) -> (u64, u64) {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(value);
    let full = mac.finalize().into_bytes();
    let word = |at: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&full[at..at + 8]);
        u64::from_le_bytes(bytes)
    };
    (word(0), word(8) | 1)
}

fn filter(digests: &[(u64, u64)]) -> Vec<u8> {
    let count = digests.len() as u64;
    let bits = (count * BITS).max(64).next_multiple_of(8);
    let mut out = MAGIC.to_vec();
    out.extend(bits.to_le_bytes());
    out.extend(PROBES.to_le_bytes());
    out.extend(count.to_le_bytes());
    let head = out.len();
    out.resize(head + usize::try_from(bits / 8).unwrap_or(usize::MAX), 0);
    for (first, step) in digests {
        for probe in 0..u64::from(PROBES) {
            let bit = first.wrapping_add(probe.wrapping_mul(*step)) % bits;
            let byte = usize::try_from(bit / 8).unwrap_or(usize::MAX);
            out[head + byte] |= 1 << (bit % 8);
        }
    }
    out
}

/// Replaces the file in one step: an application may be reading it.
fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600);
    let mut file: File = file.open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    Ok(())
}
