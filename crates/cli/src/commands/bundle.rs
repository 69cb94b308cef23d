//! `lapwing bundle`: one file that plants on another host: a header for any POSIX shell, this program, and
//! the canaries to plant.
//!
//! All canaries are in the ledger, and all placements announced, before the file is written: what it plants
//! is recognised even if it never reports.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use lapwing_core::{May, Placement, PlacementState, Site, bounded};
use lapwing_daemon::mint::mail_domain;
use lapwing_plant::Options;
use lapwing_store::{Intent, Ledger};
use serde_json::json;

use super::agent::{Order, Planting};
use super::credential;
use super::elsewhere::{Program, prepare};
use super::mint::minter;
use crate::args::{Bundle, Global};
use crate::context::Context;
use crate::failure::{Advice, Exit};
use crate::output;
use crate::planting::known_by;

/// What the shell runs.
const HEADER: &str = include_str!("bundle/header.sh");

/// Largest program that is carried, in bytes.
const PROGRAM: u64 = 1 << 30;

pub(crate) fn run(global: &Global, args: &Bundle) -> anyhow::Result<Exit> {
    let Bundle {
        what: _,
        host,
        out,
        every,
        keep,
        report,
        binary,
        fresh: _,
        role: _,
    } = args;
    let context = Context::open_or_create(global)?;
    if !Site::is_name(host) {
        return Err(Advice::error(
            format!("--host {host}: cannot be a name"),
            "use letters, digits, dots and dashes",
        ));
    }
    let every = every.as_deref().map_or(Ok(0), seconds)?;
    let url = report
        .clone()
        .unwrap_or_else(|| context.settings().desk.url.clone());
    if every > 0 && url.is_empty() {
        return Err(Advice::error(
            "--every: reports need a desk that the host reaches",
            "name its URL with --report URL or in the setting desk.url",
        ));
    }
    let program = Program::choose(&context, binary.as_ref())?;
    let mut file = create(out)?;
    let ledger = context.ledger()?;
    let plantings = announce(&context, &ledger, args).inspect_err(|_| {
        // Err: it is empty, and tells nothing.
        let _ = fs::remove_file(out);
    })?;
    let stem = uuid::Uuid::new_v4().simple().to_string();
    let name = format!("bundle-{host}-{}", &stem[..8]);
    let order = Order {
        host: host.clone(),
        url,
        secret: credential::make(&ledger, &name, May::Plant, Some(host), &[])?,
        every,
        keep: *keep || every > 0,
        plantings,
    };
    file.write_all(header(&program, order.keep).as_bytes())?;
    file.write_all(&bounded::read_file(&program.path, PROGRAM)?)?;
    file.write_all(&order.write()?)?;
    file.sync_all()?;
    announce_written(&context, args, &order, &name)
}

fn announce_written(
    context: &Context,
    args: &Bundle,
    order: &Order,
    name: &str,
) -> anyhow::Result<Exit> {
    let out = args.out.display();
    if context.json {
        output::json(&json!({
            "file": args.out, "host": order.host, "credential": name,
            "placements": order.plantings.iter().map(|it| json!({
                "id": it.id, "target": it.target})).collect::<Vec<_>>(),
        }))?;
        return Ok(Exit::Fine);
    }
    output::line(&format!(
        "{out} plants {} canaries on {}",
        order.plantings.len(),
        order.host
    ))?;
    output::say(&format!(
        "copy it there and run `sh {}` as the owner of the files; it holds the values to plant: delete it here",
        args.out.file_name().unwrap_or_default().display()
    ));
    if order.url.is_empty() {
        output::say("no desk is set: it prints a line for `lapwing placements import`");
    } else if order.url.starts_with("http://") {
        output::say("note: reports go in the clear; put TLS in front of the desk");
    }
    Ok(Exit::Fine)
}

/// Mints and records what is to be planted, and where.
fn announce(context: &Context, ledger: &Ledger, args: &Bundle) -> anyhow::Result<Vec<Planting>> {
    let catalog = context.catalog()?;
    let site = Site::Host(args.host.clone());
    // All are minted before any is recorded: a mistake in the last argument then leaves nothing.
    let mut minted = Vec::new();
    for what in &args.what {
        let (kind, target) = what.split_once(':').ok_or_else(|| {
            Advice::error(format!("{what:?} names no target"), "write KIND:TARGET")
        })?;
        let absolute = target.starts_with('/')
            || Site::of(&site.target(target)).is_some_and(|(_, there)| there == target);
        if !absolute {
            return Err(Advice::error(
                format!("{target:?} is no place on another host"),
                "write an absolute path, or sqlite:/path?table=NAME and the like",
            ));
        }
        let kind = catalog.require(kind)?;
        let minter = minter(context, &catalog, ledger, kind, &args.fresh)?;
        let canary = minter.one()?;
        let options = Options {
            role: args.role.clone(),
            mail_domain: mail_domain(context.settings(), None),
            ..Options::default()
        };
        let planting = prepare(kind, &canary, target, options);
        minted.push((minter, kind, canary, planting));
    }
    let mut placements = Vec::new();
    for (minter, _, _, planting) in &minted {
        minter.bind(ledger)?;
        placements.push(Placement {
            target: site.target(&planting.target),
            ..planting.placement(PlacementState::Intended)
        });
    }
    let intents: Vec<Intent<'_>> = minted
        .iter()
        .zip(&placements)
        .map(|((_, kind, canary, _), placement)| Intent {
            canary,
            handles: known_by(kind, canary),
            placement,
        })
        .collect();
    ledger.intend(&intents)?;
    Ok(minted.into_iter().map(|(.., planting)| planting).collect())
}

/// A new file that only its owner reads.
fn create(path: &Path) -> anyhow::Result<std::fs::File> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o700).open(path);
    file.map_err(|error| {
        Advice::error(
            format!("cannot write {}: {error}", path.display()),
            "name a new file with --out; nothing is replaced",
        )
    })
}

fn header(program: &Program, keep: bool) -> String {
    let fill = |start: usize| {
        HEADER
            .replace("@RUNS_ON@", program.runs_on)
            .replace("@KEEP@", if keep { "1" } else { "0" })
            .replace("@START@", &format!("{start:010}"))
    };
    // `tail -c +N` counts from one.
    let length = fill(0).len();
    fill(length + 1)
}

/// `90s`, `15m`, `6h`, `1d` in seconds.
fn seconds(text: &str) -> anyhow::Result<u32> {
    let parsed = text
        .split_at_checked(text.len().saturating_sub(1))
        .and_then(|(number, unit)| {
            let unit = match unit {
                "s" => 1,
                "m" => 60,
                "h" => 3600,
                "d" => 86_400,
                _ => return None,
            };
            number.parse::<u32>().ok()?.checked_mul(unit)
        });
    parsed.filter(|seconds| *seconds > 0).ok_or_else(|| {
        Advice::error(
            format!("--every {text}: not a time"),
            "write 15m, 6h or 1d: how often the host's timer runs the bundle with `check`",
        )
    })
}
