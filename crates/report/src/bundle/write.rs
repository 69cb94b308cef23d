//! Putting a bundle together, in one pass over the journal and memory for one record.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use data_encoding::HEXLOWER;
use lapwing_core::{Keyring, text};
use lapwing_journal::{
    Choice, Extraction, SigningSeed, Source, Taken, extract, leaf_hash, path_sides, sshsig,
    write_canonical,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha512};

use super::pages::{self, Facts};
use super::shelf::{Shelf, Spool, Staged};
use super::stamp::{Stamp, stamp};
use super::{About, BundleError, NAMESPACE, SCRIPT, part_path};

/// The first line of `index.tsv`.
const HEAD: &str = "record\ttime\ttype\ttrip\tcanary\tkind\tparts\tabsent\n";
/// Longest line of what is kept for the proofs until the tree is known.
const MAX_PENDING: u64 = 4096;
/// Parts that are bytes as they came through the wire.
const AS_SENT: [&str; 2] = ["raw", "hello"];

/// Whether the bytes as sent are in a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raw {
    /// As they came.
    Opened,
    /// Only their digests.
    Withheld,
}

/// What is wanted.
pub struct Order<'a> {
    /// The directory of the journal.
    pub journal: &'a Path,
    /// What its parts are sealed with.
    pub keys: &'a Keyring,
    /// The key that signs the bundle, and has signed the journal.
    pub seed: &'a SigningSeed,
    /// Under which checkpoint, a signed note; `None`: the newest.
    pub checkpoint: Option<&'a str>,
    /// An RFC 3161 time stamp of that checkpoint.
    pub timestamp: Option<&'a [u8]>,
    /// Which records.
    pub choice: &'a Choice,
    /// Whether the bytes as sent are wanted.
    pub raw: Raw,
    /// What it says of itself.
    pub about: &'a About,
}

/// A bundle that is whole.
#[derive(Debug)]
pub struct Exported {
    /// It, to be published.
    pub staged: Staged,
    /// Records in it.
    pub records: u64,
    /// How many records its checkpoint is over.
    pub size: u64,
    /// Parts in it.
    pub parts: u64,
    /// Parts that were erased before.
    pub erased: u64,
    /// Parts that were left out.
    pub withheld: u64,
    /// Witnesses who have cosigned its checkpoint.
    pub witnesses: Vec<String>,
    /// When the checkpoint was stamped, by the authority's clock.
    pub stamped: Option<String>,
    /// Fingerprint of the key, `SHA256:...`.
    pub fingerprint: String,
    /// SHA-256 of the script in it.
    pub script: String,
}

/// Makes a bundle at `out`: a tar file if that ends in `.tar`, else a directory. It has its name only after
/// [`Staged::publish`]. `progress` is called with how many records of the journal were read, and out of how many.
///
/// # Errors
/// See [`BundleError`]; nothing is left then.
pub fn export(
    out: &Path,
    order: &Order<'_>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Exported, BundleError> {
    let about = order.about;
    let top = format!("evidence-{}-{}", about.station, about.number);
    let made = u64::try_from(about.made.seconds()).unwrap_or_default();
    let mut shelf = Shelf::create(out, &top, made)?;
    let mut writer = Writer {
        records: shelf.begin("records.jsonl")?,
        index: shelf.begin("index.tsv")?,
        pending: Spool::unnamed(&shelf.scratch("pending"), "")?,
        raw: order.raw,
        counts: Counts::default(),
    };
    writer.index.add(HEAD.as_bytes())?;
    let source = Source {
        directory: order.journal,
        public_key: &order.seed.public_key(),
        keys: order.keys,
        scratch: &shelf.scratch("tree"),
    };
    let extraction = extract(
        &source,
        order.checkpoint,
        order.choice,
        &mut |taken| writer.record(&mut shelf, &taken),
        progress,
    )?;
    let Writer {
        records,
        index,
        pending,
        counts,
        ..
    } = writer;
    if counts.records == 0 {
        return Err(BundleError::Nothing);
    }
    shelf.end(records)?;
    shelf.end(index)?;
    let proofs = write_proofs(&shelf, pending, &extraction)?;
    shelf.end(proofs)?;
    let stamped = put_checkpoint(&mut shelf, order, &extraction)?;
    let facts = facts(order, &counts, &extraction, stamped.as_ref());
    put_pages(&mut shelf, about, &facts)?;
    let Counts {
        records,
        parts,
        erased,
        withheld,
    } = counts;
    Ok(Exported {
        staged: shelf.seal(order.seed)?,
        records,
        size: extraction.checkpoint.size,
        parts,
        erased,
        withheld,
        witnesses: facts.witnesses,
        stamped: stamped.map(|stamp| stamp.time),
        fingerprint: facts.fingerprint,
        script: facts.script,
    })
}

#[derive(Default)]
struct Counts {
    records: u64,
    parts: u64,
    erased: u64,
    withheld: u64,
}

/// Takes record after record.
struct Writer {
    records: Spool,
    index: Spool,
    /// For each record a line with its number, its leaf and its absent parts.
    pending: Spool,
    raw: Raw,
    counts: Counts,
}

impl Writer {
    fn record(&mut self, shelf: &mut Shelf, taken: &Taken<'_>) -> Result<(), BundleError> {
        self.counts.records += 1;
        self.records.add(taken.line)?;
        self.records.add(b"\n")?;
        let (mut present, mut absent) = (Vec::new(), Vec::new());
        for part in &taken.parts {
            let withheld = self.raw == Raw::Withheld && AS_SENT.contains(&part.name.as_str());
            match &part.salted {
                None => {
                    self.counts.erased += 1;
                    absent.push(format!("{}=erased", part.name));
                }
                Some(_) if withheld => {
                    self.counts.withheld += 1;
                    absent.push(format!("{}=withheld", part.name));
                }
                Some(salted) => {
                    self.counts.parts += 1;
                    shelf.put_part(&part_path(taken.sequence, &part.name), salted)?;
                    present.push(part.name.as_str());
                }
            }
        }
        let absent = absent.join(" ");
        self.index
            .add(index_line(taken, &present.join(" "), &absent).as_bytes())?;
        let leaf = HEXLOWER.encode(&leaf_hash(taken.line));
        let pending = format!("{}\t{leaf}\t{absent}\n", taken.sequence);
        self.pending.add(pending.as_bytes())
    }
}

/// A record as a person looks for it.
fn index_line(taken: &Taken<'_>, present: &str, absent: &str) -> String {
    let member = |name: &str| {
        let value = taken.body.get(name).and_then(Value::as_str);
        value.map_or_else(|| "-".to_owned(), |value| text::escape(value.as_bytes()))
    };
    let kind = member("type");
    let trip = match kind.as_str() {
        "trip" | "summary" => format!("{}-{}", taken.station, taken.sequence),
        _ => "-".to_owned(),
    };
    format!(
        "{}\t{}\t{kind}\t{trip}\t{}\t{}\t{present}\t{absent}\n",
        taken.sequence,
        taken.time,
        member("canary"),
        member("kind"),
    )
}

fn write_proofs(
    shelf: &Shelf,
    pending: Spool,
    extraction: &Extraction,
) -> Result<Spool, BundleError> {
    let mut proofs = shelf.begin("proofs.tsv")?;
    let mut lines = BufReader::new(pending.reread()?);
    loop {
        let mut line = Vec::new();
        let read = (&mut lines).take(MAX_PENDING).read_until(b'\n', &mut line);
        if read.map_err(BundleError::io("read", &shelf.scratch("pending")))? == 0 {
            return Ok(proofs);
        }
        let line = String::from_utf8_lossy(&line);
        let mut cells = line.trim_end_matches('\n').split('\t');
        let mut cell = || cells.next().unwrap_or_default();
        let (number, leaf, absent) = (cell(), cell(), cell());
        let sequence = number.parse().expect("written above");
        let path = extraction.path(sequence)?;
        let sides = path_sides(sequence, extraction.checkpoint.size).expect("it has a path");
        let path: Vec<String> = (sides.iter().zip(&path))
            .map(|(left, hash)| {
                format!("{}{}", if *left { 'L' } else { 'R' }, HEXLOWER.encode(hash))
            })
            .collect();
        proofs.add(format!("{number}\t{leaf}\t{}\t{absent}\n", path.join(" ")).as_bytes())?;
    }
}

/// The checkpoint with its signatures, cosignatures and time stamp.
fn put_checkpoint(
    shelf: &mut Shelf,
    order: &Order<'_>,
    extraction: &Extraction,
) -> Result<Option<Stamp>, BundleError> {
    let checkpoint = &extraction.checkpoint;
    let note = checkpoint.text.as_bytes();
    let stamped = order
        .timestamp
        .map(stamp)
        .transpose()
        .map_err(BundleError::Stamp)?;
    if stamped
        .as_ref()
        .is_some_and(|stamp| stamp.digest[..] != Sha256::digest(note)[..])
    {
        let what = "it is of something else than the checkpoint: name that with --checkpoint";
        return Err(BundleError::Stamp(what));
    }
    shelf.put("checkpoint", note)?;
    let signature = sshsig::sign(order.seed, NAMESPACE, &Sha512::digest(note).into());
    shelf.put("checkpoint.sig", signature.as_bytes())?;
    if let Some(answer) = order.timestamp {
        shelf.put("checkpoint.tsr", answer)?;
    }
    for (number, cosignature) in (1..).zip(&checkpoint.cosignatures) {
        shelf.put(
            &format!("cosignature-{number}"),
            cosignature.message.as_bytes(),
        )?;
        shelf.put(&format!("cosignature-{number}.sig"), &cosignature.signature)?;
    }
    Ok(stamped)
}

fn facts(
    order: &Order<'_>,
    counts: &Counts,
    extraction: &Extraction,
    stamped: Option<&Stamp>,
) -> Facts {
    let (about, checkpoint) = (order.about, &extraction.checkpoint);
    let public_key = order.seed.public_key();
    Facts {
        about: about.clone(),
        signer: checkpoint.origin.clone(),
        fingerprint: sshsig::fingerprint(&public_key),
        key: sshsig::key_text(&public_key),
        script: HEXLOWER.encode(&Sha256::digest(SCRIPT)),
        records: counts.records,
        parts: counts.parts,
        erased: counts.erased,
        withheld: counts.withheld,
        size: checkpoint.size,
        root: HEXLOWER.encode(&checkpoint.root),
        note: HEXLOWER.encode(&Sha256::digest(&checkpoint.text)),
        witnesses: (checkpoint.cosignatures.iter())
            .map(|cosignature| cosignature.name.clone())
            .collect(),
        stamped: stamped.map(|stamp| stamp.time.clone()),
    }
}

fn put_pages(shelf: &mut Shelf, about: &About, facts: &Facts) -> Result<(), BundleError> {
    let mut json = Vec::new();
    write_canonical(&about_json(about, facts), &mut json)?;
    json.push(b'\n');
    shelf.put("about.json", &json)?;
    let signers = format!("{} {}\n", facts.signer, facts.key);
    shelf.put("allowed_signers", signers.as_bytes())?;
    shelf.put("verify.py", SCRIPT.as_bytes())?;
    for (name, page) in pages::pages(facts)? {
        shelf.put(name, page.as_bytes())?;
    }
    Ok(())
}

fn about_json(about: &About, facts: &Facts) -> Value {
    json!({
        "by": about.by,
        "checkpoint": {"root": facts.root, "sha256": facts.note, "size": facts.size},
        "executable_sha256": about.executable,
        "fingerprint": facts.fingerprint,
        "made": about.made.to_string(),
        "number": about.number,
        "parts": {"erased": facts.erased, "here": facts.parts, "withheld": facts.withheld},
        "records": facts.records,
        "settings_sha256": about.settings,
        "station": about.station,
        "to": about.to,
        "tool": about.tool,
        "type": "evidence-bundle",
        "version": 1,
        "what": about.what,
    })
}
