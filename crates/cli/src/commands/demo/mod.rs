//! `lapwing demo`: the whole loop on this machine, in a temporary directory.
//!
//! Everything is real but the intruder: the station that `listen` runs, files and database of
//! `examples/sms-gateway` planted by `plant`, alerts over SMTP and a signed webhook to catchers on
//! loopback. The intruder's addresses are documentation ranges, said by the PROXY protocol; where
//! they seem to be is made up, and everything is marked as an exercise.

mod catcher;
mod intruder;
mod stage;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use lapwing_daemon::Station;
use tokio::sync::watch;

use self::catcher::Catchers;
use self::intruder::Loot;
use self::stage::Stage;
use crate::args::{self, Demo, Global};
use crate::context::Context;
use crate::failure::{Advice, Exit};
use crate::output::{self, colour};

/// How long an alert may take to arrive.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn run(global: &Global, args: &Demo) -> anyhow::Result<Exit> {
    let stage = Stage::build(args.out.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let catchers = runtime.block_on(Catchers::start())?;
    stage.write_settings(&catchers)?;
    let global = Global {
        data_dir: Some(stage.data()),
        config: None,
        setting: Vec::new(),
        geo_db: Vec::new(),
        json: false,
        no_color: global.no_color,
    };

    act(
        1,
        "Set up",
        "a data directory, and the address that bait will carry",
    );
    super::init::run(&global, &stage.init())?;

    act(2, "Plant", "bait in a copy of examples/sms-gateway");
    for (kind, target, memo) in stage.bait() {
        output::say(&format!("\n$ lapwing plant {kind} {target}"));
        super::plant::plant(&global, &stage::plant_args(kind, &target, memo))?;
    }

    act(3, "Listen", "the station, on loopback");
    let context = Context::open(&global)?;
    let settings = context.settings().clone();
    let station = runtime.block_on(Station::prepare(&context.directory, settings))?;
    let address = *station.addresses()?.first().context("no listener")?;
    let (stop, stopped) = watch::channel(false);
    let running = runtime.spawn(station.run(stopped));
    output::say(&format!("listening on {address}"));

    act(4, "Drill", "is anybody told, if it comes to it?");
    let drilled = context.ledger()?.placements()?;
    let first = drilled
        .first()
        .context("nothing is planted")?
        .canary
        .to_string();
    let drill = args::Drill {
        id: first,
        via: Some(address),
        timeout: 20,
    };
    super::drill::run(&global, &drill)?;

    act(
        5,
        "Break in",
        "somebody reads the files and tries what they find",
    );
    let loot = Loot::read(&stage)?;
    let begun = Instant::now();
    for deed in intruder::deeds(&loot) {
        let status = runtime.block_on(deed.commit(address))?;
        output::say(&format!(
            "{:<16} {:<58} -> {status}",
            deed.from.ip(),
            deed.what
        ));
    }

    act(6, "Hear of it", "alerts at the mail and webhook catchers");
    show_alerts(&runtime, &catchers, begun)?;

    act(7, "Look", "lapwing trips, lapwing actors, lapwing check");
    super::trips::list(&global, &stage::trips_args())?;
    output::line("")?;
    super::trips::actors(&global, &args::List { limit: 10 })?;
    output::line("")?;
    super::plant::check(&global, &args::Check { what: None })?;

    act(
        8,
        "Report and verify",
        "what can be handed on, and whether the log is whole",
    );
    for format in ["html", "md", "json", "csv"] {
        super::report::run(&global, &stage.report_args(format))?;
    }
    super::evidence::run(&global, &args::Evidence::Verify { checkpoint: None })?;

    act(9, "Uproot", "everything planted leaves as it came");
    for (_, target, _) in stage.bait() {
        let what = args::Uproot {
            what: target,
            force: false,
            yes: true,
        };
        super::plant::uproot(&global, &what)?;
    }
    stage.compare()?;
    let _ = stop.send(true);
    runtime.block_on(running)??;
    closing(&stage.report("html"))?;
    Ok(Exit::Fine)
}

fn act(number: u8, title: &str, what: &str) {
    let bold = colour(anstyle::AnsiColor::Cyan).bold();
    output::say(&format!("\n{bold}{number}. {title}{bold:#}: {what}"));
}

fn closing(report: &Path) -> anyhow::Result<()> {
    output::say("\nThis was an exercise: every address, place and person in it is made up.");
    output::line(&format!("report: {}", report.display()))?;
    Ok(())
}

fn show_alerts(
    runtime: &tokio::runtime::Runtime,
    catchers: &Catchers,
    begun: Instant,
) -> anyhow::Result<()> {
    let mails = runtime.block_on(catchers.mails(1, PATIENCE));
    let hooks = runtime.block_on(catchers.hooks(1, PATIENCE));
    let (Some(mail), Some(hook)) = (mails.last(), hooks.last()) else {
        return Err(Advice::new(
            "no alert arrived",
            "LAPWING_LOG=info shows what the station says",
        ));
    };
    let after = |arrived: Instant| arrived.saturating_duration_since(begun).as_millis();
    for mail in &mails {
        output::line(&format!(
            "mail     {} ms  {}",
            after(mail.arrived),
            mail.subject
        ))?;
    }
    for hook in &hooks {
        let signed = if hook.signed {
            "signature right"
        } else {
            "SIGNATURE WRONG"
        };
        output::line(&format!(
            "webhook  {} ms  {} ({signed})",
            after(hook.arrived),
            hook.subject
        ))?;
    }
    output::say(&format!(
        "\nthe newest mail, as it came:\n{}",
        indent(&mail.text)
    ));
    if !hook.signed {
        return Err(Advice::new(
            "a webhook came with a wrong signature",
            "this is a bug: report it",
        ));
    }
    Ok(())
}

fn indent(text: &str) -> String {
    text.lines()
        .map(|line| format!("    {}\n", line.trim_end()))
        .collect()
}

/// Writes a file below a directory that may not exist yet.
fn write(path: &PathBuf, content: &str) -> anyhow::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}
