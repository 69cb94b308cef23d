//! `lapwing mint`: fresh canaries, their values shown once.
//!
//! A canary is in the ledger before its values are printed, so no value is ever seen that would not
//! be recognised. A million are written in transactions of bounded size, so memory is bounded too.

mod lines;
mod warn;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, BufWriter, Write};

use indicatif::ProgressBar;

use lapwing_catalog::{Catalog, Kind};
use lapwing_core::Canary;
use lapwing_daemon::mint::{Fresh, Minter, handles};
use lapwing_store::Ledger;

use self::lines::Lines;
use self::warn::warn;
use crate::args::{self, Global, Mint, Out};
use crate::context::{Context, pairs};
use crate::failure::{Advice, Exit};
use crate::output;

pub(crate) fn run(global: &Global, args: &Mint) -> anyhow::Result<Exit> {
    let Mint {
        kind,
        fresh,
        count,
        out,
        // `Lines` reads these two.
        dialect: _,
        table: _,
        files,
    } = args;
    let context = Context::open_or_create(global)?;
    let catalog = context.catalog()?;
    let ledger = context.ledger()?;
    let kind = catalog.require(kind)?;
    let mint = minter(&context, &catalog, &ledger, kind, fresh)?;
    mint.bind(&ledger)?;
    if super::artifact::is_asked(kind, files) {
        let as_json = global.json || *out == Some(Out::Json);
        return super::artifact::mint(&mint, kind, &ledger, *count, files, as_json);
    }
    let default = if *count == 1 { Out::Env } else { Out::Csv };
    let format = out.unwrap_or(if global.json { Out::Json } else { default });
    let bar = output::progress(*count, &format!("minting {}", kind.id));
    if *count < 10_000 {
        bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
    }
    let mut lines = Lines::new(kind, format, args, mint.shows_phones())?;
    let mut out = BufWriter::new(io::stdout());
    if *count == 1 {
        let canary = mint.one_at(lines.next())?;
        ledger.add(&canary, &handles(kind, &canary))?;
        out.write_all(&lines.of(&canary)?)?;
    } else {
        mint_many(&mint, &ledger, *count, &mut lines, &mut out, &bar)?;
    }
    out.write_all(lines.end().as_bytes())?;
    out.flush()?;
    bar.finish_and_clear();
    if *count > 1 {
        output::say(&format!("minted {count} canaries of kind {}", kind.id));
    }
    Ok(Exit::Fine)
}

/// A canary and its handles: field, value.
type Minted = (Canary, Vec<(String, String)>);

/// Minting, writing and printing overlap; what is printed is on disk.
fn mint_many(
    mint: &Minter<'_>,
    ledger: &Ledger,
    count: u64,
    lines: &mut Lines<'_>,
    out: &mut impl Write,
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    let unwritten = RefCell::new(VecDeque::new());
    let mut left = count;
    let mut next = || -> anyhow::Result<Option<Minted>> {
        if left == 0 {
            return Ok(None);
        }
        left -= 1;
        let canary = mint.one_at(lines.next())?;
        let handles = handles(mint.kind(), &canary);
        unwritten.borrow_mut().push_back(lines.of(&canary)?);
        Ok(Some((canary, handles)))
    };
    let (mut done, mut printed) = (0, Ok(()));
    let added = ledger.add_many(&mut next, &mut |written| {
        for _ in done..written {
            let line = unwritten.borrow_mut().pop_front();
            if let (Some(line), true) = (line, printed.is_ok()) {
                printed = out.write_all(&line);
            }
        }
        done = written;
        bar.set_position(written);
    });
    added?;
    Ok(printed?)
}

/// What mints canaries of a kind as the operator described them. Says what the operator should know of
/// the kind.
pub(crate) fn minter<'a>(
    context: &Context,
    catalog: &Catalog,
    ledger: &Ledger,
    kind: &'a Kind,
    fresh: &args::Fresh,
) -> anyhow::Result<Minter<'a>> {
    let args::Fresh {
        memo,
        label,
        set,
        address,
        locale,
    } = fresh;
    if locale.is_some() && !kind.is_local() {
        return Err(Advice::error(
            format!("--locale: {} has nothing that differs by country", kind.id),
            "leave it out",
        ));
    }
    let set = pairs("set", set)?;
    let fresh = Fresh {
        memo: memo.clone(),
        labels: pairs("label", label)?,
        set: set.clone(),
        address: address.clone(),
        locale: locale.clone(),
    };
    let minter = Minter::new(context.settings(), catalog, ledger, kind, fresh)?;
    warn(catalog, kind, &set);
    if minter.shows_reserved() {
        output::say("note: numbers kept for fiction are publicly listed; a reader may know them");
    }
    Ok(minter)
}
