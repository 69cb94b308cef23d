//! Checking a bundle, step by step as `verify.py` does, with the same words for what is wrong. Every file is
//! looked at whatever is wrong before; records only if what leads to them is as it was signed.

mod vouching;

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;

use data_encoding::HEXLOWER;
use lapwing_core::text;
use lapwing_journal::{Checkpoint, WitnessKey, leaf_hash, path_sides, root_of_path, sshsig};
use serde::Deserialize;
use sha2::{Digest as _, Sha256, Sha512};

use super::authority::Authorities;
use super::source::{Found, Sort};
use super::{BundleError, NAMESPACE, SUMS, SUMS_SIGNATURE, part_path};

pub use vouching::Vouched;

/// Longest small file and longest line, in bytes: a record's line has at most 16 MiB.
const SMALL: u64 = 1 << 20;
const MAX_LINE: u64 = 17 << 20;

/// What the receiver knows from elsewhere.
#[derive(Clone, Debug)]
pub struct Told {
    /// Fingerprint of the station's key, `SHA256:...`.
    pub fingerprint: String,
    /// SHA-256 of the list of files, 64 hex digits.
    pub manifest: Option<String>,
    /// Witnesses that are to have cosigned the checkpoint.
    pub witnesses: Vec<WitnessKey>,
    /// Certificates of the authority that is to have stamped it.
    pub authorities: Option<Authorities>,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// What is wrong, each with the file or record; empty: it is what the station signed.
    pub problems: Vec<String>,
    /// What is not there, or was not looked at, and why.
    pub notes: Vec<String>,
    /// Whether a time stamp authority vouches for the checkpoint.
    pub timestamp: Vouched,
    /// Whether witnesses do.
    pub witness: Vouched,
    /// Who signed it: `station-0a1b2c3d`. Empty if that could not be read.
    pub signer: String,
    /// Records that were proven.
    pub records: u64,
    /// Parts that are what their record says.
    pub parts: u64,
    /// Parts that were left out of the bundle on purpose.
    pub withheld: u64,
    /// How many records the checkpoint is over.
    pub size: u64,
}

/// Checks a bundle, a directory or a tar file. `progress` is called with how many files and records were looked at.
///
/// # Errors
/// It cannot be read, or is no bundle. What is wrong with one is in [`Checked::problems`].
pub fn check(
    bundle: &Path,
    told: &Told,
    progress: &mut dyn FnMut(u64),
) -> Result<Checked, BundleError> {
    let found = Found::look(bundle)?;
    let mut check = Check {
        bundle,
        found: &found,
        sums: BTreeMap::new(),
        out: Checked {
            problems: found.problems.clone(),
            ..Checked::default()
        },
        done: 0,
        progress,
    };
    check.files()?;
    let Some(signer) = check.signatures(told)? else {
        return Ok(check.out);
    };
    let elsewhere =
        |problem: &String| !problem.starts_with("records.jsonl") && !problem.starts_with("parts/");
    if check.out.problems.iter().any(elsewhere) {
        return Ok(check.out);
    }
    if let Some(checkpoint) = check.checkpoint(&signer, told)? {
        let proven = check.proofs(&checkpoint)?;
        check.records(&signer, proven)?;
    }
    Ok(check.out)
}

/// Who signed it.
struct Signer {
    name: String,
    key: [u8; 32],
}

/// What a proof leads to: by the hash of its leaf, which record, and its absent parts.
type Proven = HashMap<[u8; 32], (u64, String)>;

struct Check<'a> {
    bundle: &'a Path,
    found: &'a Found,
    /// Digests by file, as the list has them.
    sums: BTreeMap<String, String>,
    out: Checked,
    done: u64,
    progress: &'a mut dyn FnMut(u64),
}

impl Check<'_> {
    fn problem(&mut self, what: String) {
        self.out.problems.push(what);
    }

    fn step(&mut self) {
        self.done += 1;
        if self.done.is_multiple_of(256) {
            (self.progress)(self.done);
        }
    }

    fn small(&self, name: &str) -> Result<Vec<u8>, BundleError> {
        let bytes = lapwing_core::bounded::read(self.found.open(name)?, SMALL);
        bytes.map_err(BundleError::io("read", &self.bundle.join(name)))
    }

    /// Calls `each` with the lines of a file, line feeds included.
    fn lines(
        &mut self,
        name: &str,
        mut each: impl FnMut(&mut Self, &[u8]) -> Result<(), BundleError>,
    ) -> Result<(), BundleError> {
        let found = self.found;
        let mut reader = BufReader::with_capacity(256 << 10, found.open(name)?);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = (&mut reader).take(MAX_LINE).read_until(b'\n', &mut line);
            if read.map_err(BundleError::io("read", &self.bundle.join(name)))? == 0 {
                return Ok(());
            }
            each(self, &line)?;
        }
    }

    /// 1. Every file is in the list, and as it says.
    fn files(&mut self) -> Result<(), BundleError> {
        self.lines(SUMS, |check, line| {
            let line = String::from_utf8_lossy(line);
            // Whatever stands there: that it is as written, the signature says.
            let digest = line.get(..64).unwrap_or_default();
            let name = line.get(66..line.len() - 1).unwrap_or_default();
            check.sums.insert(name.to_owned(), digest.to_owned());
            Ok(())
        })?;
        let sums = std::mem::take(&mut self.sums);
        let skipped = |name: &str| name == SUMS || name == SUMS_SIGNATURE;
        let found = self.found;
        let added = found
            .names
            .keys()
            .filter(|name| !sums.contains_key(*name) && !skipped(name));
        for name in added {
            self.problem(format!(
                "{}: not in SHA256SUMS",
                text::escape(name.as_bytes())
            ));
        }
        for (name, digest) in &sums {
            self.step();
            match found.names.get(name) {
                None => self.problem(format!("{}: missing", text::escape(name.as_bytes()))),
                Some(Sort::Plain) if self.digest(name)? == *digest => {}
                Some(_) => self.problem(format!("{name}: changed")),
            }
        }
        self.sums = sums;
        Ok(())
    }

    fn digest(&self, name: &str) -> Result<String, BundleError> {
        let (short, _) = self.digests(name)?;
        Ok(HEXLOWER.encode(&short))
    }

    fn digests(&self, name: &str) -> Result<([u8; 32], [u8; 64]), BundleError> {
        let mut content = self.found.open(name)?;
        let (mut short, mut long) = (Sha256::new(), Sha512::new());
        let both = name == SUMS;
        let mut buffer = vec![0; 64 << 10];
        loop {
            let read = content.read(&mut buffer);
            let read = read.map_err(BundleError::io("read", &self.bundle.join(name)))?;
            if read == 0 {
                return Ok((short.finalize().into(), long.finalize().into()));
            }
            short.update(&buffer[..read]);
            if both {
                long.update(&buffer[..read]);
            }
        }
    }

    /// 2. List and checkpoint are signed by the key whose fingerprint was told.
    fn signatures(&mut self, told: &Told) -> Result<Option<Signer>, BundleError> {
        let Some(signer) = signer(&self.small("allowed_signers")?) else {
            self.problem("allowed_signers: not as written".to_owned());
            return Ok(None);
        };
        self.out.signer.clone_from(&signer.name);
        let fingerprint = sshsig::fingerprint(&signer.key);
        if fingerprint != told.fingerprint {
            self.problem(format!("allowed_signers: {fingerprint} is another key"));
        }
        let (manifest, long) = self.digests(SUMS)?;
        let note = Sha512::digest(self.small("checkpoint")?).into();
        for (name, digest) in [(SUMS, long), ("checkpoint", note)] {
            let signature = self.small(&format!("{name}.sig"))?;
            if !sshsig::holds(&signature, &signer.key, NAMESPACE, &digest) {
                self.problem(format!(
                    "{name}: {name}.sig is not its signature by that key"
                ));
            }
        }
        let manifest = HEXLOWER.encode(&manifest);
        if told.manifest.as_ref().is_some_and(|told| *told != manifest) {
            self.problem("SHA256SUMS: not as told".to_owned());
        }
        Ok(Some(signer))
    }

    /// 3. The checkpoint is the station's; witnesses have seen it, and a time stamp is of it.
    fn checkpoint(
        &mut self,
        signer: &Signer,
        told: &Told,
    ) -> Result<Option<Checkpoint>, BundleError> {
        let note = self.small("checkpoint")?;
        let parsed = Checkpoint::parse(&String::from_utf8_lossy(&note), &signer.key);
        let checkpoint = match parsed {
            Ok(checkpoint) if checkpoint.origin == signer.name => checkpoint,
            Ok(_) => {
                self.problem("checkpoint: of another station".to_owned());
                return Ok(None);
            }
            Err(what) => {
                self.problem(format!("checkpoint: {what}"));
                return Ok(None);
            }
        };
        self.out.witness = self.witnesses(&checkpoint, told)?;
        self.out.timestamp = self.timestamp(&note, told)?;
        self.out.size = checkpoint.size;
        Ok(Some(checkpoint))
    }

    /// 4. Every proof leads to the checkpoint's root.
    fn proofs(&mut self, checkpoint: &Checkpoint) -> Result<Proven, BundleError> {
        let mut proven = Proven::new();
        self.lines("proofs.tsv", |check, line| {
            check.step();
            let line = String::from_utf8_lossy(line);
            let cells: Vec<&str> = line.trim_end_matches('\n').split('\t').collect();
            let Some((sequence, leaf, path)) = proof(&cells) else {
                check.problem("proofs.tsv: holds a line that is no proof".to_owned());
                return Ok(());
            };
            if proven_root(sequence, leaf, &path, checkpoint.size) != Some(checkpoint.root) {
                check.problem(format!("record {sequence}: its proof leads elsewhere"));
            }
            proven.insert(leaf, (sequence, cells[3].to_owned()));
            Ok(())
        })?;
        Ok(proven)
    }

    /// 5. Every record is the leaf of a proof, every part what its record says.
    fn records(&mut self, signer: &Signer, mut proven: Proven) -> Result<(), BundleError> {
        self.lines("records.jsonl", |check, line| {
            check.step();
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            match proven.remove(&leaf_hash(line)) {
                Some((sequence, absent)) => check.record(signer, sequence, &absent, line),
                None => {
                    let what = "records.jsonl: holds a line that is no record under the checkpoint";
                    check.problem(what.to_owned());
                }
            }
            Ok(())
        })?;
        let mut missing: Vec<u64> = proven.into_values().map(|(sequence, _)| sequence).collect();
        missing.sort_unstable();
        for sequence in missing {
            self.problem(format!("record {sequence}: missing or changed"));
        }
        Ok(())
    }

    fn record(&mut self, signer: &Signer, sequence: u64, absent: &str, line: &[u8]) {
        let Ok(record) = serde_json::from_slice::<Line>(line) else {
            self.problem(format!("record {sequence}: not a record of a journal"));
            return;
        };
        if record.sequence != sequence || format!("station-{}", record.station) != signer.name {
            self.problem(format!("record {sequence}: calls itself another"));
        }
        self.out.records += 1;
        for (name, part) in record.parts {
            let path = part_path(sequence, &name);
            match self.sums.get(&path) {
                Some(digest) if *digest == part.digest => self.out.parts += 1,
                Some(_) => self.problem(format!("{path}: not what record {sequence} says")),
                None => {
                    let items = absent.split(' ').filter_map(|item| item.split_once('='));
                    let mut of_this = items.filter(|item| item.0 == name);
                    let why = of_this.next().map(|item| item.1);
                    if why == Some("withheld") {
                        self.out.withheld += 1;
                    } else {
                        let why = why.unwrap_or("nobody says why");
                        let note = format!("record {sequence}: part {name} is not here: {why}");
                        self.out.notes.push(note);
                    }
                }
            }
        }
    }
}

/// What is read of a record.
#[derive(Deserialize)]
struct Line {
    parts: BTreeMap<String, Part>,
    sequence: u64,
    station: String,
}

#[derive(Deserialize)]
struct Part {
    digest: String,
}

fn signer(text: &[u8]) -> Option<Signer> {
    let text = str::from_utf8(text).ok()?.strip_suffix('\n')?;
    let (name, key) = text.split_once(' ')?;
    let number = name.strip_prefix("station-")?;
    let known = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (number.len() == 8 && number.bytes().all(known)).then_some(())?;
    Some(Signer {
        name: name.to_owned(),
        key: sshsig::parse_key(key)?,
    })
}

/// A path with the side that each hash stands on: whether that is left.
type Steps = Vec<(bool, [u8; 32])>;

fn proof(cells: &[&str]) -> Option<(u64, [u8; 32], Steps)> {
    let [sequence, leaf, path, _] = cells else {
        return None;
    };
    let path = path.split(' ').filter(|step| !step.is_empty()).map(|step| {
        let (side, digest) = step.split_at_checked(1)?;
        let left = match side {
            "L" => true,
            "R" => false,
            _ => return None,
        };
        Some((left, hash(digest)?))
    });
    Some((
        sequence.parse().ok()?,
        hash(leaf)?,
        path.collect::<Option<_>>()?,
    ))
}

fn hash(text: &str) -> Option<[u8; 32]> {
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

fn proven_root(sequence: u64, leaf: [u8; 32], path: &Steps, size: u64) -> Option<[u8; 32]> {
    let (sides, hashes): (Vec<bool>, Vec<[u8; 32]>) = path.iter().copied().unzip();
    let fits = path_sides(sequence, size)? == sides;
    root_of_path(leaf, sequence, size, &hashes).filter(|_| fits)
}
