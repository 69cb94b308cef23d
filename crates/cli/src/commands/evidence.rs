//! `lapwing evidence`: check the log, print its newest checkpoint.

use std::path::Path;

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use lapwing_core::bounded;
use lapwing_journal::{SigningSeed, verify, verify_against};
use serde_json::json;

use crate::args::{Evidence, Global};
use crate::context::Context;
use crate::failure::Exit;
use crate::output;

pub(crate) fn run(global: &Global, args: &Evidence) -> anyhow::Result<Exit> {
    match args {
        Evidence::Verify { checkpoint } => check(global, checkpoint.as_deref()),
        Evidence::Checkpoint => newest(global),
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
            "parts_checked": verified.parts_checked, "root": verified.root_hex,
            "checkpoint": verified.checkpoint, "public_key": public,
        }))?;
        return Ok(Exit::Fine);
    }
    output::line(&format!(
        "verified {} records and {} parts in {} segments",
        verified.records, verified.parts_checked, verified.segments
    ))?;
    output::line(&format!("root        {}", verified.root_hex))?;
    output::line(&format!("public key  {public}"))?;
    output::say(
        "this shows that the log was not changed since it was signed; only a checkpoint kept \
         elsewhere (every alert carries one) shows that it was not written anew: \
         lapwing evidence verify --checkpoint FILE",
    );
    Ok(Exit::Fine)
}

fn newest(global: &Global) -> anyhow::Result<Exit> {
    let context = Context::open(global)?;
    let checkpoint = lapwing_journal::newest_checkpoint(&context.directory.journal())?;
    match checkpoint {
        Some(text) if context.json => output::json(&json!({"checkpoint": text}))?,
        Some(text) => output::line(text.trim_end())?,
        None => output::say("no checkpoint is signed yet"),
    }
    Ok(Exit::Fine)
}
