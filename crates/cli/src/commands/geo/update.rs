//! `lapwing geo update` and `restore`: the operator's sources, one after the other, each as a whole or not at all.

use indicatif::ProgressBar;
use lapwing_daemon::geography::kept::{DIRECTORY, Kept};
use lapwing_daemon::geography::update::{Taken, Updated, check, update as bring};
use lapwing_daemon::settings::GeoSource;
use serde_json::json;

use crate::args::Global;
use crate::context::Context;
use crate::failure::{Advice, Exit, tell};
use crate::output;

const HINT: &str =
    "`lapwing.toml` names sources: [[geo.sources]] with name, kind and url (docs/GEOGRAPHY.md)";

pub(super) fn update(global: &Global, names: &[String], force: bool) -> anyhow::Result<Exit> {
    let context = Context::open_or_create(global)?;
    let sources = chosen(&context, names)?;
    // What is wrong with the settings is said before anybody is asked.
    for source in &sources {
        check(source)?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (mut done, mut failed) = (Vec::new(), 0);
    for source in &sources {
        let bar = output::progress(0, &source.name);
        let mut progress = |have: u64, of: Option<u64>| {
            bar.set_length(of.unwrap_or(have));
            bar.set_position(have);
        };
        let root = context.directory.root();
        let updated = runtime.block_on(bring(root, source, force, &mut progress));
        ProgressBar::finish_and_clear(&bar);
        match updated {
            Ok(updated) => done.push((source.name.as_str(), updated)),
            Err(error) if sources.len() == 1 => return Err(error.into()),
            Err(error) => {
                failed += 1;
                tell(&anyhow::Error::from(error).context(format!("{}: not updated", source.name)));
            }
        }
    }
    show(&context, &done)?;
    Ok(if failed > 0 {
        Exit::Partial
    } else {
        Exit::Fine
    })
}

fn show(context: &Context, done: &[(&str, Updated)]) -> anyhow::Result<()> {
    if context.json {
        let lines: Vec<_> = done
            .iter()
            .map(|(name, updated)| {
                json!({
                    "name": name, "file": updated.path, "new": updated.taken == Taken::New,
                    "date": updated.provenance.date, "before": updated.before,
                    "from": updated.provenance.from, "sha256": updated.provenance.sha256,
                    "bytes": updated.provenance.bytes, "holds": updated.holds,
                })
            })
            .collect();
        return output::json(&lines);
    }
    for (name, updated) in done {
        let of = &updated.provenance;
        match updated.taken {
            Taken::Unchanged => output::line(&format!(
                "{name}: of {}, and nothing newer is there",
                of.date
            ))?,
            Taken::New => {
                let before = updated.before.as_ref();
                let before = before.map_or_else(String::new, |day| format!(", before {day}"));
                output::line(&format!(
                    "{name}: of {}{before}; {}",
                    of.date, updated.holds
                ))?;
                output::line(&format!(
                    "  sha256 {}  {} bytes  {}",
                    of.sha256, of.bytes, of.from
                ))?;
            }
        }
    }
    if done.iter().any(|(_, updated)| updated.taken == Taken::New) {
        output::say(
            "a running station uses it within seconds, and `lapwing reindex` for what came before; `lapwing geo \
             restore SOURCE` takes it back; `lapwing network` lists what was asked of whom",
        );
    }
    Ok(())
}

pub(super) fn restore(global: &Global, name: &str) -> anyhow::Result<Exit> {
    let context = Context::open(global)?;
    let sources = chosen(&context, &[name.to_owned()])?;
    for source in sources {
        let kept = Kept::of(&context.directory.root().join(DIRECTORY), source);
        if !kept.old().exists() {
            return Err(Advice::error(
                format!(
                    "{name}: there is no file from before, {}",
                    kept.old().display()
                ),
                "an update keeps the one before; nothing was changed",
            ));
        }
        kept.restore()?;
        let of = kept.provenance().map(|it| it.date).unwrap_or_default();
        output::line(&format!("{name}: {} is of {of} again", kept.path.display()))?;
    }
    Ok(Exit::Fine)
}

/// The sources of these names, or all.
fn chosen<'a>(context: &'a Context, names: &[String]) -> anyhow::Result<Vec<&'a GeoSource>> {
    let sources = &context.settings().geo.sources;
    for (index, source) in sources.iter().enumerate() {
        if sources[..index]
            .iter()
            .any(|other| other.name == source.name)
        {
            let what = format!("geo.sources: two are called {:?}", source.name);
            return Err(Advice::error(what, "give each a name of its own"));
        }
    }
    if sources.is_empty() {
        return Err(Advice::error(
            "no source of geography is named, so nothing is fetched",
            HINT,
        ));
    }
    if names.is_empty() {
        return Ok(sources.iter().collect());
    }
    let find = |name: &String| {
        let found = sources.iter().find(|source| source.name == *name);
        found.ok_or_else(|| {
            let known: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
            Advice::error(
                format!(
                    "geo.sources has none called {name:?}; it has {}",
                    known.join(", ")
                ),
                HINT,
            )
        })
    };
    names.iter().map(find).collect()
}
