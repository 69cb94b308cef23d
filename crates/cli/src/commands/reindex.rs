//! `lapwing reindex`: the index anew from journal and ledger. Sends nothing.

use std::sync::Arc;

use anyhow::Context as _;
use indicatif::ProgressBar;
use lapwing_daemon::indexer::Indexer;
use lapwing_store::Index;
use serde_json::json;

use crate::args::Global;
use crate::context::Context;
use crate::failure::{Advice, Exit};
use crate::output;

pub(crate) fn run(global: &Global) -> anyhow::Result<Exit> {
    let context = Context::open(global)?;
    let directory = &context.directory;
    // Whoever writes the journal also writes the index.
    let _alone = lapwing_journal::lock(&directory.journal()).map_err(|_| {
        Advice::error(
            "the station is running",
            "stop it first: it follows the index that is rebuilt",
        )
    })?;
    let tree = directory.tree();
    if tree.exists() {
        std::fs::remove_file(&tree).with_context(|| format!("cannot remove {}", tree.display()))?;
    }
    let catalog = Arc::new(context.catalog()?);
    let mut indexer = Indexer::anew(directory, context.settings(), catalog, context.ledger()?)?;
    let there = lapwing_journal::durable_records(&directory.journal()).unwrap_or_default();
    let bar = output::progress(there, "indexing records");
    let indexed = index(&mut indexer, &bar);
    bar.finish_and_clear();
    if indexed.is_ok() {
        indexer.finish(directory)?;
    } else {
        // The index that there was stays.
        drop(indexer);
        Index::remove_unfinished(directory.root())?;
    }
    let records = indexed?;
    if context.json {
        output::json(&json!({"records": records}))?;
    } else {
        output::line(&format!(
            "indexed {records} records again; nothing was sent"
        ))?;
    }
    Ok(Exit::Fine)
}

/// Indexes everything and says how many records that was.
fn index(indexer: &mut Indexer, bar: &ProgressBar) -> anyhow::Result<u64> {
    let mut records = 0;
    loop {
        let step = indexer.step()?;
        if step == 0 {
            return Ok(records);
        }
        records += step as u64;
        bar.set_position(records);
    }
}
