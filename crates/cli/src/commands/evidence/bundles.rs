//! `lapwing evidence check` and `script`: what a receiver does.

use std::path::Path;

use anyhow::Context as _;
use lapwing_core::{bounded, text};
use lapwing_journal::{SigningSeed, WitnessKey, sshsig};
use lapwing_report::bundle::{self, Authorities, BundleError, Checked, Told, Vouched};
use serde_json::json;

use crate::args::{CheckBundle, Global};
use crate::context::{Context, data_dir};
use crate::failure::{Advice, Exit};
use crate::output;

pub(crate) fn check(global: &Global, args: &CheckBundle) -> anyhow::Result<Exit> {
    let CheckBundle {
        bundle,
        fingerprint,
        manifest,
        tsa_certificates,
        witness,
    } = args;
    let told = Told {
        fingerprint: match fingerprint {
            Some(told) => told.clone(),
            None => own_fingerprint(global)?,
        },
        manifest: manifest.as_ref().map(|told| told.to_lowercase()),
        witnesses: witness
            .iter()
            .map(|key| parse_witness(key))
            .collect::<anyhow::Result<_>>()?,
        authorities: match tsa_certificates {
            Some(file) => Some(parse_authorities(file)?),
            None => None,
        },
    };
    let bar = output::progress(0, "checking files and records");
    let checked = bundle::check(bundle, &told, &mut |done| bar.set_position(done));
    bar.finish_and_clear();
    let checked = checked.map_err(|error| match error {
        BundleError::NoBundle { .. } => Advice::error(
            error.to_string(),
            "name the directory or tar file that `lapwing evidence export` wrote",
        ),
        other => other.into(),
    })?;
    let exit = if checked.problems.is_empty() {
        Exit::Fine
    } else {
        Exit::Broken
    };
    if global.json {
        let Checked {
            problems,
            notes,
            timestamp,
            witness,
            signer,
            records,
            parts,
            withheld,
            size,
        } = &checked;
        let said = |of: &Vouched| json!({ "state": of.state(), "detail": of.detail() });
        output::json(&json!({
            "verified": problems.is_empty(), "problems": problems, "notes": notes,
            "timestamp": said(timestamp), "witness": said(witness), "signer": signer,
            "records": records, "parts": parts, "withheld": withheld, "size": size,
        }))?;
        return Ok(exit);
    }
    print(&checked)?;
    Ok(exit)
}

fn print(checked: &Checked) -> anyhow::Result<()> {
    for problem in &checked.problems {
        output::line(&format!("BROKEN: {problem}"))?;
    }
    for note in &checked.notes {
        output::line(&format!("note: {}", text::escape(note.as_bytes())))?;
    }
    for (name, said) in [
        ("timestamp", &checked.timestamp),
        ("witness", &checked.witness),
    ] {
        let said = said.to_string();
        output::line(&format!("{name}: {}", text::escape(said.as_bytes())))?;
    }
    if checked.problems.is_empty() {
        output::line(&format!(
            "verified {} records and {} parts out of a log of {}, signed by {}; {} parts were left out",
            checked.records, checked.parts, checked.size, checked.signer, checked.withheld
        ))?;
    } else {
        output::say("keep the bundle as it is, and ask for it again on another way");
    }
    Ok(())
}

/// Of the station in the data directory, if there is one.
fn own_fingerprint(global: &Global) -> anyhow::Result<String> {
    if !data_dir(global)?.join("station.json").exists() {
        return Err(Advice::error(
            "no fingerprint to compare with, and no station of your own here",
            "name the one that you were told, on another way than the bundle: --fingerprint SHA256:...",
        ));
    }
    let context = Context::open(global).context("whose bundle it must be")?;
    let public_key = SigningSeed::new(context.directory.signing_seed()).public_key();
    Ok(sshsig::fingerprint(&public_key))
}

/// As much of a file as a chain of certificates may have, in bytes.
const CERTIFICATES: u64 = 1 << 20;

fn parse_authorities(file: &Path) -> anyhow::Result<Authorities> {
    let hint = "give the certificates that you got from the authority, in PEM: its root, and what is between";
    let told = |why: &str| {
        Advice::error(
            format!("--tsa-certificates {}: {why}", file.display()),
            hint,
        )
    };
    let pem = bounded::read_file(file, CERTIFICATES).map_err(|error| told(&error.to_string()))?;
    Authorities::parse(&pem).map_err(told)
}

fn parse_witness(text: &str) -> anyhow::Result<WitnessKey> {
    WitnessKey::parse(text).ok_or_else(|| {
        Advice::error(
            format!("--witness {text:?} is no key of a witness"),
            "write NAME+ID+KEY, as the witness publishes it (C2SP, cosignature/v1)",
        )
    })
}

pub(crate) fn script() -> anyhow::Result<Exit> {
    output::raw(bundle::SCRIPT.as_bytes())?;
    Ok(Exit::Fine)
}
