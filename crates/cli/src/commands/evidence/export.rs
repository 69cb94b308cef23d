//! `lapwing evidence export`: chosen records in a bundle for others, and a note of it in the ledger.
//!
//! The ledger holds that note, not the journal: what is handed out is the operator's doing, the journal is
//! what a station saw and is written by that station alone, which mostly runs meanwhile. Every bundle repeats
//! the list under the station's signature, so that those who were given one hold it too.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use lapwing_core::{
    Clock as _, Decision, Handout, IncidentId, SystemClock, TripId, Verb, bounded, handouts,
};
use lapwing_journal::{Choice, JournalError, SigningSeed};
use lapwing_report::bundle::{self, About, BundleError, Exported, Order, Raw};
use lapwing_store::TripFilter;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::args::{ExportEvidence, Global};
use crate::commands::config;
use crate::commands::trips::{Desk, parse_actor};
use crate::context::{parse_since, resolve};
use crate::failure::{Advice, Exit};
use crate::operator::{said, who};
use crate::output;

/// Trips asked for at once.
const PAGE: usize = 10_000;
/// Longest note and longest answer of an authority that are read, in bytes.
const MAX_NOTE: u64 = 64 << 10;
const MAX_STAMP: u64 = 512 << 10;

pub(crate) fn run(global: &Global, args: &ExportEvidence) -> anyhow::Result<Exit> {
    let desk = Desk::open(global)?;
    let directory = &desk.context.directory;
    let by = who(&args.by)?;
    let to = args.to.as_deref().map(|to| said("to", to)).transpose()?;
    let choice = choose(&desk, args)?;
    let note = args.checkpoint.as_deref().map(read_note).transpose()?;
    let timestamp = args.timestamp.as_deref().map(read_stamp).transpose()?;
    if note.is_none() {
        await_checkpoint(&desk, &choice)?;
    }
    let earlier = handouts(&desk.ledger.decisions()?);
    let about = About {
        station: directory.station(),
        made: SystemClock.now(),
        number: earlier.len() as u64 + 1,
        tool: format!("lapwing {}", env!("CARGO_PKG_VERSION")),
        executable: executable_digest(),
        settings: HEXLOWER.encode(&Sha256::digest(config::as_json(global)?)),
        by,
        to: to.unwrap_or_default(),
        what: asked_for(args),
        earlier,
    };
    let order = Order {
        journal: &directory.journal(),
        keys: &directory.keyring(),
        seed: &SigningSeed::new(directory.signing_seed()),
        checkpoint: note.as_deref(),
        timestamp: timestamp.as_deref(),
        choice: &choice,
        raw: if args.without_raw {
            Raw::Withheld
        } else {
            Raw::Opened
        },
        about: &about,
    };
    let bar = output::progress(0, "reading records");
    let exported = bundle::export(&args.out, &order, &mut |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let exported = exported.map_err(advise)?;
    desk.ledger.decide(&Decision {
        time: about.made,
        verb: Verb::Handout(Handout {
            by: about.by.clone(),
            to: about.to.clone(),
            what: about.what.clone(),
            records: exported.records,
            size: exported.size,
            manifest: exported.staged.manifest.clone(),
        }),
    })?;
    tell(&desk, exported)
}

/// Which records are meant.
fn choose(desk: &Desk, args: &ExportEvidence) -> anyhow::Result<Choice> {
    let station = desk.context.directory.station();
    if !args.trip.is_empty() {
        let mut records = BTreeSet::new();
        for text in &args.trip {
            let hint = "`lapwing trips` lists them";
            let id = match text.parse::<u64>() {
                Ok(sequence) => TripId { station, sequence },
                Err(_) => text
                    .parse()
                    .map_err(|error| Advice::error(format!("{error}"), hint))?,
            };
            if id.station != station || desk.index.trip(id)?.is_none() {
                return Err(Advice::error(format!("no trip {id} of this station"), hint));
            }
            records.insert(id.sequence);
        }
        return Ok(Choice::Records(records));
    }
    let since = args.since.as_deref().map(parse_since).transpose()?;
    let until = args.until.as_deref().map(parse_since).transpose()?;
    if args.incident.is_none() && args.actor.is_none() && args.canary.is_none() {
        return Ok(Choice::Times(since, until));
    }
    let mut filter = TripFilter {
        since,
        until,
        incident: args.incident.as_deref().map(parse_incident).transpose()?,
        actor: args.actor.as_deref().map(parse_actor).transpose()?,
        canary: (args.canary.as_deref())
            .map(|text| resolve(&desk.ledger, text))
            .transpose()?,
        // Trips of an actor come all at once.
        limit: args.actor.as_ref().map_or(PAGE, |_| usize::MAX),
        ..TripFilter::default()
    };
    let mut records = BTreeSet::new();
    loop {
        let page = desk.index.trips_as(&filter, desk.hands()?)?;
        let own = page
            .rows
            .iter()
            .map(|row| row.id())
            .filter(|id| id.station == station);
        records.extend(own.map(|id| id.sequence));
        match page.next {
            None => break,
            next => filter.before = next,
        }
    }
    Ok(Choice::Records(records))
}

fn parse_incident(text: &str) -> anyhow::Result<IncidentId> {
    text.parse()
        .map_err(|error| Advice::error(format!("{error}"), "`lapwing incidents` lists them"))
}

/// The choice in the words of the command line.
fn asked_for(args: &ExportEvidence) -> String {
    let ExportEvidence {
        out: _,
        trip,
        incident,
        actor,
        canary,
        since,
        until,
        all,
        without_raw,
        checkpoint: _,
        timestamp: _,
        to: _,
        by: _,
    } = args;
    let mut words: Vec<String> = trip.iter().map(|id| format!("trip {id}")).collect();
    let named = [
        ("incident", incident),
        ("actor", actor),
        ("canary", canary),
        ("since", since),
        ("until", until),
    ];
    for (name, value) in named {
        words.extend(value.as_ref().map(|value| format!("{name} {value}")));
    }
    if *all {
        words.push("all".to_owned());
    }
    if *without_raw {
        words.push("without raw".to_owned());
    }
    words.join(", ")
}

/// A note, as others keep it.
pub(super) fn read_note(file: &Path) -> anyhow::Result<String> {
    bounded::read_text(file, MAX_NOTE)
        .with_context(|| format!("cannot read the checkpoint {}", file.display()))
}

fn read_stamp(file: &Path) -> anyhow::Result<Vec<u8>> {
    bounded::read_file(file, MAX_STAMP)
        .with_context(|| format!("cannot read the time stamp {}", file.display()))
}

/// A running station signs what came within seconds: waits for that, if something newer was chosen.
fn await_checkpoint(desk: &Desk, choice: &Choice) -> anyhow::Result<()> {
    let journal = desk.context.directory.journal();
    let wanted = match choice {
        Choice::Records(records) => records.last().copied(),
        Choice::Times(..) => {
            lapwing_journal::durable_records(&journal).and_then(|records| records.checked_sub(1))
        }
    };
    let Some(wanted) = wanted else {
        return Ok(());
    };
    let patience = desk.context.settings().journal.checkpoint_seconds.min(60) + 10;
    let deadline = Instant::now() + Duration::from_secs(patience);
    loop {
        let newest = lapwing_journal::newest_checkpoint(&journal)?.unwrap_or_default();
        // Second line of a checkpoint: how many records it is over.
        let size = newest
            .lines()
            .nth(1)
            .and_then(|size| size.parse::<u64>().ok());
        if size.is_some_and(|size| size > wanted) || Instant::now() >= deadline {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// SHA-256 of this program's file; empty if it cannot be read.
fn executable_digest() -> String {
    let digest = || -> std::io::Result<String> {
        let mut file = File::open(std::env::current_exe()?)?;
        let mut digest = Sha256::new();
        let mut buffer = vec![0; 256 << 10];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(HEXLOWER.encode(&digest.finalize())),
                read => digest.update(&buffer[..read]),
            }
        }
    };
    digest().unwrap_or_default()
}

fn advise(error: BundleError) -> anyhow::Error {
    let hint = match &error {
        BundleError::Exists(_) => "name another place with --out: nothing is ever replaced",
        BundleError::Nothing => "`lapwing trips` lists what there is",
        BundleError::Journal(JournalError::NotCovered { .. }) => {
            "a running station signs a checkpoint within seconds, and one that stops in order does so \
             at its end; a checkpoint named with --checkpoint must be newer than the records"
        }
        BundleError::Journal(JournalError::Broken(_)) => {
            "the log is not what was signed: `lapwing evidence verify` says more; keep the data \
             directory as it is"
        }
        BundleError::Journal(JournalError::Checkpoint(_)) => {
            "`lapwing evidence checkpoint` prints the newest; alerts carry one"
        }
        BundleError::Stamp(_) => {
            "name the checkpoint that was stamped with --checkpoint; `lapwing evidence checkpoint \
             --timestamp-request` writes the question"
        }
        _ => return error.into(),
    };
    Advice::error(error.to_string(), hint)
}

fn tell(desk: &Desk, exported: Exported) -> anyhow::Result<Exit> {
    let Exported {
        staged,
        records,
        size,
        parts,
        erased,
        withheld,
        witnesses,
        stamped,
        fingerprint,
        script,
    } = exported;
    let journal = desk.context.directory.journal();
    let later = lapwing_journal::durable_records(&journal).unwrap_or(size);
    if later > size {
        output::say(&format!(
            "note: the log has {later} records; those from {size} on are under no checkpoint, or a later \
             one, and not in the bundle"
        ));
    }
    let (manifest, archive) = (staged.manifest.clone(), staged.archive.clone());
    let out = staged.publish()?;
    if desk.context.json {
        output::json(&json!({
            "bundle": out, "records": records, "size": size, "parts": parts, "erased": erased,
            "withheld": withheld, "fingerprint": fingerprint, "manifest": manifest,
            "script": script, "archive": archive, "witnesses": witnesses, "stamped": stamped,
        }))?;
        return Ok(Exit::Fine);
    }
    output::line(&format!("wrote        {}", out.display()))?;
    output::line(&format!(
        "records      {records} of a log of {size}; {parts} parts, {erased} erased, {withheld} left out"
    ))?;
    output::line(&format!("fingerprint  {fingerprint}"))?;
    output::line(&format!("SHA256SUMS   {manifest}"))?;
    output::line(&format!("verify.py    {script}"))?;
    if let Some(archive) = archive {
        output::line(&format!("tar file     {archive}"))?;
    }
    output::say(
        "tell the receiver these on another way than the bundle: it cannot vouch for itself. Nothing in \
         it is masked; it is for authorities, not for publication",
    );
    if witnesses.is_empty() && stamped.is_none() {
        output::say(
            "only this station has signed the checkpoint, which proves the order of records to you alone. \
             A time stamp (`evidence checkpoint --timestamp-request`), a witness, or a checkpoint that the \
             receiver already holds (--checkpoint) proves it to others",
        );
    }
    Ok(Exit::Fine)
}
