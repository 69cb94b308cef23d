//! `lapwing lists`: published lists of networks and crawlers, with their date and licence, and newer ones in their place.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use lapwing_attribute::lists::{build, read_misp, source_of_misp};
use lapwing_attribute::{Crawlers, crawlers};

use crate::args::{Global, ListsAction, ListsArgs};
use crate::context::{CRAWLERS, Context, LISTS, load_config};
use crate::failure::Exit;
use crate::output;

pub(crate) fn run(global: &Global, args: &ListsArgs) -> anyhow::Result<Exit> {
    match &args.action {
        None => show(global),
        Some(ListsAction::Update { directory }) => update(global, directory),
    }
}

fn show(global: &Global) -> anyhow::Result<Exit> {
    let (_, config) = load_config(global)?;
    let geography = lapwing_daemon::geography::geography(&config.settings.geo)?;
    let lists = geography.lists();
    let crawlers = lapwing_daemon::geography::crawlers(&config.settings.geo)?;
    if global.json {
        output::json(&serde_json::json!({
            "source": lists.source(),
            "lists": lists.lists(),
            "crawlers": { "names": crawlers.count(), "date": crawlers.date(), "licence": "MIT" },
        }))?;
        return Ok(Exit::Fine);
    }
    let mut table = output::table(&["class", "whose", "networks", "list at the source"]);
    for list in lists.lists() {
        table.add_row([
            list.class.word(),
            &list.name,
            &list.count.to_string(),
            &list.origin,
        ]);
    }
    output::print_table(&table)?;
    let source = lists.source();
    output::say(&format!(
        "{}, {}, {} ({})",
        source.name, source.date, source.licence, source.url
    ));
    output::say(&format!(
        "and {} names that crawlers give themselves: crawler-user-agents, {}, MIT (https://github.com/monperrus/crawler-user-agents)",
        crawlers.count(),
        crawlers.date()
    ));
    output::say("a list says what a network is used for, never who used it");
    Ok(Exit::Fine)
}

/// Builds lists from a directory and puts them into the data directory; the old ones stay until the new
/// ones are whole.
fn update(global: &Global, directory: &Path) -> anyhow::Result<Exit> {
    let context = Context::open_or_create(global)?;
    let root = context.directory.root();
    if crawlers::is_published(directory) {
        let target = root.join(CRAWLERS);
        replace(&target, crawlers::build(directory)?.as_bytes())?;
        let made = Crawlers::open(&target)?;
        taken(
            &target,
            &format!("{} names of crawlers, {}", made.count(), made.date()),
        );
        return Ok(Exit::Fine);
    }
    let (lists, date) = read_misp(directory)?;
    let target = root.join(LISTS);
    replace(&target, &build(source_of_misp(&date), &lists))?;
    let networks: usize = lists.iter().map(|list| list.networks.len()).sum();
    let count = lists.len();
    taken(
        &target,
        &format!("{count} lists of {networks} networks, {date}"),
    );
    Ok(Exit::Fine)
}

fn taken(target: &Path, what: &str) {
    output::say(&format!(
        "{what}, are in {}; a running station uses them from its next start, and `lapwing reindex` for what came \
         before",
        target.display()
    ));
}

fn replace(target: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let fresh = target.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut options = std::fs::OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&fresh, target)
    };
    write().with_context(|| format!("cannot write {}", target.display()))
}
