//! `lapwing demo`: the whole loop on this machine, in a temporary directory.
//!
//! Everything is real but the intruder: the station that `listen` runs, files and database of
//! `examples/sms-gateway` planted by `plant`, alerts over SMTP and a signed webhook to catchers on
//! loopback. The intruder's addresses are documentation ranges, said by the PROXY protocol; where
//! they seem to be is made up, and everything is marked as an exercise.

mod intruder;
mod mail;
mod stage;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use lapwing_daemon::confine::Standing;
use lapwing_daemon::{Doors, Passed, Station};
use lapwing_testkit::{MailCatcher, WebhookCatcher};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use self::intruder::Loot;
use self::stage::Stage;
use crate::args::{self, Demo, Global};
use crate::context::Context;
use crate::failure::{Advice, Exit};
use crate::output::{self, colour};

/// How long alerts may take to arrive.
const PATIENCE: Duration = Duration::from_secs(20);
/// After so long without a further one they are all there.
const QUIET: Duration = Duration::from_millis(600);

pub(crate) fn run(global: &Global, args: &Demo) -> anyhow::Result<Exit> {
    let stage = Stage::build(args.out.as_deref())?;
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let catchers = Catchers {
        mail: MailCatcher::start(),
        hook: WebhookCatcher::start(),
    };
    stage.write_settings(&catchers)?;
    let global = Global {
        data_dir: Some(stage.data()),
        config: None,
        setting: global.setting.clone(),
        geo_db: Vec::new(),
        json: false,
        no_color: global.no_color,
    };
    let show = Show {
        global,
        stage,
        catchers,
        runtime,
    };
    show.prepare()?;
    act(3, "Listen", "the station, on loopback");
    let context = Context::open(&show.global)?;
    let mut settings = context.settings().clone();
    let doors = Doors::open(&mut settings, Passed::default())?;
    let preparing = Station::prepare(&context.directory, settings, doors, Standing::default());
    let station = show.runtime.block_on(preparing)?;
    let (_, door) = *station.doors()?.first().context("no listener")?;
    let address = door.address;
    let (stop, stopped) = watch::channel(false);
    let running = show.runtime.spawn(station.run(stopped));
    output::say(&format!("listening on {address}"));
    show.drill(&context, address)?;
    show.break_in(address)?;
    show.look()?;
    show.report()?;
    show.uproot()?;
    let _ = stop.send(true);
    show.runtime.block_on(running)??;
    closing(&show.stage.report("html"))?;
    Ok(Exit::Fine)
}

/// What every act needs.
struct Show {
    global: Global,
    stage: Stage,
    catchers: Catchers,
    runtime: Runtime,
}

impl Show {
    fn prepare(&self) -> anyhow::Result<()> {
        act(
            1,
            "Set up",
            "a data directory, and the address that bait will carry",
        );
        super::init::run(&self.global, &self.stage.init())?;
        act(2, "Plant", "bait in a copy of examples/sms-gateway");
        for (kind, target, memo) in self.stage.bait() {
            output::say(&format!("\n$ lapwing plant {kind} {target}"));
            super::plant::plant(&self.global, &stage::plant_args(kind, &target, memo))?;
        }
        Ok(())
    }

    fn drill(&self, context: &Context, address: SocketAddr) -> anyhow::Result<()> {
        act(4, "Drill", "is anybody told, if it comes to it?");
        let placements = context.ledger()?.placements()?;
        let id = placements
            .first()
            .context("nothing is planted")?
            .canary
            .to_string();
        let drill = args::Drill {
            ids: vec![id],
            all: false,
            planted: false,
            parallel: 1,
            via: Some(address),
            timeout: 20,
        };
        super::drill::run(&self.global, &drill)?;
        Ok(())
    }

    fn break_in(&self, address: SocketAddr) -> anyhow::Result<()> {
        act(
            5,
            "Break in",
            "somebody reads the files and tries what they find",
        );
        let loot = Loot::read(&self.stage)?;
        let begun = Instant::now();
        for deed in intruder::deeds(&loot) {
            let status = self.runtime.block_on(deed.commit(address))?;
            output::say(&format!(
                "{:<16} {:<46} -> {status}",
                deed.from.ip(),
                deed.what
            ));
        }
        act(6, "Hear of it", "alerts at the mail and webhook catchers");
        show_alerts(&self.catchers, begun)
    }

    fn look(&self) -> anyhow::Result<()> {
        act(7, "Look", "lapwing trips, lapwing actors, lapwing check");
        super::trips::list(&self.global, &stage::trips_args())?;
        output::line("")?;
        super::actors::list(&self.global, &args::List { limit: 10 })?;
        output::line("")?;
        let check = args::Check {
            what: None,
            reach: false,
            via: None,
            accept: false,
        };
        super::check::run(&self.global, &check)?;
        Ok(())
    }

    fn report(&self) -> anyhow::Result<()> {
        act(
            8,
            "Report and verify",
            "what can be handed on, and whether the log is whole",
        );
        for format in ["html", "pdf", "md", "json", "csv"] {
            super::report::run(&self.global, &self.stage.report_args(format))?;
        }
        super::evidence::run(&self.global, &args::Evidence::Verify { checkpoint: None })?;
        Ok(())
    }

    fn uproot(&self) -> anyhow::Result<()> {
        act(9, "Uproot", "everything planted leaves as it came");
        for (_, target, _) in self.stage.bait() {
            let what = args::Uproot {
                what: target,
                force: false,
                yes: true,
            };
            super::plant::uproot(&self.global, &what)?;
        }
        self.stage.compare()
    }
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

/// Where the demonstration's alerts go.
struct Catchers {
    mail: MailCatcher,
    hook: WebhookCatcher,
}

/// Waits until alerts have come through both channels and no more do.
fn settle(catchers: &Catchers, begun: Instant) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let fresh = |arrived: Instant| arrived >= begun;
    let mut last = 0;
    while Instant::now() < deadline {
        std::thread::sleep(QUIET);
        let mails = catchers
            .mail
            .mails()
            .into_iter()
            .filter(|mail| fresh(mail.arrived))
            .count();
        let hooks = catchers
            .hook
            .hooks()
            .into_iter()
            .filter(|hook| fresh(hook.arrived))
            .count();
        if mails > 0 && hooks > 0 && mails + hooks == last {
            return Ok(());
        }
        last = mails + hooks;
    }
    let hint = "LAPWING_LOG=info shows what the station says";
    Err(Advice::error("the alerts did not arrive", hint))
}

fn show_alerts(catchers: &Catchers, begun: Instant) -> anyhow::Result<()> {
    settle(catchers, begun)?;
    let after = |arrived: Instant| arrived.saturating_duration_since(begun).as_millis();
    let mut first = None;
    // The drill's alert came before.
    for mail in catchers
        .mail
        .mails()
        .into_iter()
        .filter(|mail| mail.arrived >= begun)
    {
        let (subject, text) = mail::read(&mail.raw);
        output::line(&format!(
            "mail     {:>4} ms  {subject}",
            after(mail.arrived)
        ))?;
        first.get_or_insert(text);
    }
    for hook in catchers
        .hook
        .hooks()
        .into_iter()
        .filter(|hook| hook.arrived >= begun)
    {
        if !hook.signed {
            let hint = "this is a defect: please report it";
            return Err(Advice::error("a webhook came with a wrong signature", hint));
        }
        let subject = hook.body["subject"].as_str().unwrap_or_default();
        let ms = after(hook.arrived);
        output::line(&format!("webhook  {ms:>4} ms  {subject} (signature right)"))?;
    }
    let first = first.unwrap_or_default();
    output::say(&format!(
        "\nthe first mail, as it came:\n{}",
        indent(&first)
    ));
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
