//! `lapwing listen`: binds the ports, gives up what that took, and runs the station until SIGTERM or SIGINT, then
//! drains.

use std::collections::BTreeMap;

use lapwing_daemon::confine::{self, Held, Standing};
use lapwing_daemon::{Directory, Doors, Key, KeySource, Passed, Settings, Station, Supervisor};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::allocator;
use crate::args::{Global, Listen};
use crate::context::{Context, load_config};
use crate::failure::Exit;
use crate::output;

/// How long work on other threads is waited for at the end.
const LEFT: std::time::Duration = std::time::Duration::from_secs(5);

pub(crate) fn run(global: &Global, args: &Listen) -> anyhow::Result<Exit> {
    let supervisor = Supervisor::from_environment();
    let passed = Passed::from_environment()?;
    let (root, config) = load_config(global)?;
    let mut settings = settings(&config.settings, args);
    // What only who started it may do comes first: reading the key, and binding ports.
    let key = Key::find(&root, settings.key_file.as_deref())?;
    let doors = Doors::open(&mut settings, passed)?;
    let (directory, standing) = allocator::without_threads(|| {
        let user = confine::drop_privileges(&root, &settings)?;
        let directory = Directory::open_with(&root, key)?;
        let mut held = vec![user];
        held.extend(confine::lock_in(&root, &settings));
        anyhow::Ok((directory, Standing(held)))
    })?;
    let context = Context {
        directory,
        config,
        json: global.json,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let ended = runtime.block_on(serve(&context, settings, doors, standing, supervisor));
    // Whatever still waits for a disk that does not answer is left behind.
    runtime.shutdown_timeout(LEFT);
    ended
}

/// The settings with what the arguments say.
fn settings(configured: &Settings, args: &Listen) -> Settings {
    let Listen {
        http,
        on,
        proxy,
        user,
    } = args;
    let mut settings = configured.clone();
    if !http.is_empty() {
        settings.listen.http = http.clone();
    }
    for (protocol, door) in on {
        let doors = settings.listen.protocols.entry(protocol.clone());
        doors.or_default().push(*door);
    }
    settings.listen.proxies.extend(proxy);
    if let Some(user) = user {
        settings.listen.user.clone_from(user);
    }
    settings
}

async fn serve(
    context: &Context,
    settings: Settings,
    doors: Doors,
    standing: Standing,
    supervisor: Supervisor,
) -> anyhow::Result<Exit> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let channels = settings.alert.channels.len();
    let station = Station::prepare(&context.directory, settings, doors, standing.clone()).await?;
    if standing.0.iter().any(|it| it.name == "user" && !it.held) {
        warn_of_root(context);
    }
    announce(context, &station, channels, &standing)?;
    let status = format!("listening at {} doors", station.doors()?.len());
    let mut reload = station.reload();
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(station.run(stopped));
    supervisor.ready(&status);
    tokio::spawn(supervisor.clone().stand());
    let told = supervisor.clone();
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            told.reloading();
            reload.now().await;
            told.ready(&status);
        }
    });
    tokio::pin!(running);
    let ended = tokio::select! {
        ended = &mut running => ended,
        _ = terminate.recv() => drain(&stop, &supervisor, running).await,
        _ = interrupt.recv() => drain(&stop, &supervisor, running).await,
    };
    ended??;
    output::say("stopped");
    Ok(Exit::Fine)
}

async fn drain<T>(
    stop: &watch::Sender<bool>,
    supervisor: &Supervisor,
    running: impl Future<Output = T>,
) -> T {
    output::say("stopping: finishing what is under way");
    supervisor.stopping();
    let _ = stop.send(true);
    running.await
}

/// Says what was set up and where it listens. The JSON line means: ready.
fn announce(
    context: &Context,
    station: &Station,
    channels: usize,
    standing: &Standing,
) -> anyhow::Result<()> {
    let directory = &context.directory;
    let doors = station.doors()?;
    if context.json {
        let mut listening: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (protocol, door) in doors {
            listening
                .entry(protocol)
                .or_default()
                .push(door.to_string());
        }
        let line = json!({
            "ready": true, "station": directory.station(), "data_dir": directory.root(),
            "http": listening.get("http"), "protocols": listening, "desk": station.desks()?,
            "confined": standing,
        });
        output::line(&line.to_string())?;
        return Ok(());
    }
    if directory.fresh() {
        output::say(&format!(
            "set up the data directory {}",
            directory.root().display()
        ));
        if let KeySource::DataDirectory(path) = directory.key_source() {
            output::say(&format!("drew a master key: {}", path.display()));
        }
    }
    if station.torn() > 0 {
        let bytes = station.torn();
        output::say(&format!(
            "cut {bytes} bytes of an unfinished, unanswered record"
        ));
    }
    output::say(&format!(
        "station {} in {}",
        directory.station(),
        directory.root().display()
    ));
    if doors.iter().any(|(_, door)| door.tls) && !station.speaks_tls() {
        output::say("there is no certificate: nothing is said at tls:// addresses (`lapwing tls`)");
    }
    for (protocol, door) in doors {
        output::say(&format!("listening for {protocol} on {door}"));
    }
    for address in station.desks()? {
        output::say(&format!("the desk is at {address}"));
        if !address.ip().is_loopback() {
            output::say(
                "note: the desk speaks no TLS; off loopback, everybody on the way reads its credentials",
            );
        }
    }
    announce_standing(standing);
    if context.settings().addresses.is_empty() {
        output::say("no public address is set yet: `lapwing init --address URL` before minting");
    }
    if channels == 0 {
        output::say("no alert channel is set: trips are only recorded (`lapwing alert channels`)");
    }
    Ok(())
}

/// Says what was given up, and what to do where nothing was.
fn announce_standing(standing: &Standing) {
    for Held { what, .. } in &standing.0 {
        output::say(what);
    }
}

fn warn_of_root(context: &Context) {
    let root = context.directory.root().display();
    output::say(&format!(
        "warning: it runs as root, which nothing needs once the ports are bound: whoever finds a fault in it has this \
         host. Make a user (`useradd --system --home-dir {root} --shell /usr/sbin/nologin lapwing`), give it the data \
         directory (`chown -R lapwing: {root}`), and set listen.user = \"lapwing\""
    ));
}
