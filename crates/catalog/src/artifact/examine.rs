//! What the battery of kinds asks of a kind that is a file.

use std::collections::{BTreeMap, BTreeSet};

use lapwing_core::Timestamp;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::kind::Kind;

/// Largest artefact, in bytes.
const LARGEST: usize = 4 << 20;

/// What is wrong with the files these canaries of a kind become, and what to do about it.
pub(crate) fn examine(
    kind: &Kind,
    minted: &[BTreeMap<String, String>],
    now: Timestamp,
) -> Option<(String, &'static str)> {
    let mut rng = StdRng::seed_from_u64(0x6172_7469);
    let mut files = BTreeSet::new();
    for fields in minted {
        let written = kind.write(&mut rng, fields, now)?;
        let size = written.bytes.len();
        if !(1..=LARGEST).contains(&size) {
            let what = format!("{} is {size} bytes long", written.file);
            return Some((what, "say more, or less, in [[artifact.block]]"));
        }
        if written.modified > now {
            let what = format!("{} is of a time to come", written.file);
            return Some((what, "this is a mistake of the format"));
        }
        if !files.insert(written.bytes) {
            let what = format!("two files are the same: {}", written.file);
            return Some((what, "let more of it vary"));
        }
    }
    None
}
