//! `lapwing evidence`: check the log, print its newest checkpoint, hand records out in bundles.

mod bundles;
mod export;

use std::path::Path;

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use lapwing_core::bounded;
use lapwing_daemon::directory::write_private;
use lapwing_journal::{Checkpoint, SigningSeed, verify, verify_against};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::args::{Evidence, Global, Newest};
use crate::context::Context;
use crate::failure::{Advice, Exit};
use crate::output;

pub(crate) fn run(global: &Global, args: &Evidence) -> anyhow::Result<Exit> {
    match args {
        Evidence::Verify { checkpoint } => check(global, checkpoint.as_deref()),
        Evidence::Checkpoint(args) => newest(global, args),
        Evidence::Export(args) => export::run(global, args),
        Evidence::Check(args) => bundles::check(global, args),
        Evidence::Script => bundles::script(),
    }
}

fn check(global: &Global, elsewhere: Option<&Path>) -> anyhow::Result<Exit> {
    let context = Context::open(global)?;
    let directory = &context.directory;
    let public = SigningSeed::new(directory.signing_seed()).public_key();
    let kept = elsewhere
        .map(|file| {
            bounded::read_text(file, 64 << 10)
                .with_context(|| format!("cannot read the checkpoint {}", file.display()))
        })
        .transpose()?;
    // Asked first: a running station indexes on.
    let indexed = context.index()?.position(directory.station())?;
    let bar = output::progress(0, "verifying records");
    let verified = verify(
        &directory.journal(),
        &public,
        Some(&directory.keyring()),
        &mut |done| {
            bar.set_position(done);
        },
    );
    bar.finish_and_clear();
    let broken = match verified {
        Ok(verified) if indexed.is_some_and(|last| last.sequence >= verified.records) => {
            format!(
                "the index knows more records than the {} there are",
                verified.records
            )
        }
        Ok(verified) => {
            let kept = kept.map(|kept| verify_against(&directory.journal(), &public, &kept));
            match kept {
                Some(Err(error)) => error.to_string(),
                _ => return report_fine(&context, &verified, &public),
            }
        }
        Err(broken) => broken.to_string(),
    };
    if context.json {
        output::json(&json!({"verified": false, "what": broken}))?;
    } else {
        output::line(&format!("BROKEN: {broken}"))?;
        output::say("keep the data directory as it is: it shows what was changed");
    }
    Ok(Exit::Broken)
}

fn report_fine(
    context: &Context,
    verified: &lapwing_journal::Verified,
    public: &[u8; 32],
) -> anyhow::Result<Exit> {
    let public = HEXLOWER.encode(public);
    if context.json {
        output::json(&json!({
            "verified": true, "records": verified.records, "segments": verified.segments,
            "parts_checked": verified.parts_checked, "parts_erased": verified.parts_erased,
            "erased": erased(verified), "root": verified.root_hex,
            "checkpoint": verified.checkpoint, "public_key": public,
        }))?;
        return Ok(Exit::Fine);
    }
    output::line(&format!(
        "verified {} records and {} parts in {} segments",
        verified.records, verified.parts_checked, verified.segments
    ))?;
    for one in erased(verified) {
        output::line(&format!(
            "erased      {} parts {}: {}, each on record",
            one.parts, one.part, one.cause
        ))?;
    }
    output::line(&format!("root        {}", verified.root_hex))?;
    output::line(&format!("public key  {public}"))?;
    output::say(
        "this shows that the log was not changed since it was signed; only a checkpoint kept \
         elsewhere (every alert carries one) shows that it was not written anew: \
         lapwing evidence verify --checkpoint FILE",
    );
    Ok(Exit::Fine)
}

/// Parts that were erased, by why and which.
#[derive(Serialize)]
struct Gone<'a> {
    cause: &'a str,
    part: &'a str,
    parts: u64,
}

fn erased(verified: &lapwing_journal::Verified) -> Vec<Gone<'_>> {
    let gone = verified.erased.iter();
    gone.map(|((cause, part), parts)| Gone {
        // Older journals do not say.
        cause: if cause.is_empty() { "unknown" } else { cause },
        part,
        parts: *parts,
    })
    .collect()
}

fn newest(global: &Global, args: &Newest) -> anyhow::Result<Exit> {
    let Newest {
        checkpoint,
        timestamp_request,
    } = args;
    let context = Context::open(global)?;
    let note = match checkpoint {
        Some(file) => Some(kept_note(&context, file)?),
        None => lapwing_journal::newest_checkpoint(&context.directory.journal())?,
    };
    let Some(note) = note else {
        output::say("no checkpoint is signed yet");
        return Ok(Exit::Fine);
    };
    if let Some(file) = timestamp_request {
        let question = lapwing_report::bundle::request(
            &Sha256::digest(note.as_bytes()).into(),
            rand::random(),
        );
        std::path::absolute(file)
            .and_then(|path| write_private(&path, &question))
            .with_context(|| format!("cannot write {} (it must not exist yet)", file.display()))?;
        output::say(&format!(
            "send {} to a time stamp authority of your choice; only a digest is in it. Keep what is printed \
             here: its answer is of these bytes",
            file.display()
        ));
    }
    if context.json {
        output::json(&json!({"checkpoint": note}))?;
    } else {
        output::line(note.trim_end())?;
    }
    Ok(Exit::Fine)
}

/// A checkpoint of this station that was kept elsewhere, as a bundle will hold it.
fn kept_note(context: &Context, file: &Path) -> anyhow::Result<String> {
    let public = SigningSeed::new(context.directory.signing_seed()).public_key();
    let read = Checkpoint::parse(&export::read_note(file)?, &public);
    let read = read.map_err(|what| {
        Advice::error(
            format!(
                "{} is no checkpoint of this station: {what}",
                file.display()
            ),
            "`lapwing evidence checkpoint` prints the newest; alerts carry one",
        )
    })?;
    Ok(read.text)
}
