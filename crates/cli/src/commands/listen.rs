//! `lapwing listen`: runs the station until SIGTERM or SIGINT, then drains.

use std::collections::BTreeMap;

use lapwing_daemon::{KeySource, Station};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::args::{Global, Listen};
use crate::context::Context;
use crate::failure::Exit;
use crate::output;

/// How long work on other threads is waited for at the end.
const LEFT: std::time::Duration = std::time::Duration::from_secs(5);

pub(crate) fn run(global: &Global, args: &Listen) -> anyhow::Result<Exit> {
    let Listen { http, on, proxy } = args;
    let context = Context::open_or_create(global)?;
    let mut settings = context.settings().clone();
    if !http.is_empty() {
        settings.listen.http = http.clone();
    }
    for (protocol, door) in on {
        let doors = settings.listen.protocols.entry(protocol.clone());
        doors.or_default().push(*door);
    }
    settings.listen.proxies.extend(proxy);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let ended = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let channels = settings.alert.channels.len();
        let station = Station::prepare(&context.directory, settings).await?;
        announce(&context, &station, channels)?;
        let reload = station.reload();
        tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                reload.notify_one();
            }
        });
        let (stop, stopped) = watch::channel(false);
        let running = tokio::spawn(station.run(stopped));
        tokio::pin!(running);
        let ended = tokio::select! {
            ended = &mut running => ended,
            _ = terminate.recv() => drain(&stop, running).await,
            _ = interrupt.recv() => drain(&stop, running).await,
        };
        ended??;
        output::say("stopped");
        Ok(Exit::Fine)
    });
    // Whatever still waits for a disk that does not answer is left behind.
    runtime.shutdown_timeout(LEFT);
    ended
}

async fn drain<T>(stop: &watch::Sender<bool>, running: impl Future<Output = T>) -> T {
    output::say("stopping: finishing what is under way");
    let _ = stop.send(true);
    running.await
}

/// Says what was set up and where it listens. The JSON line means: ready.
fn announce(context: &Context, station: &Station, channels: usize) -> anyhow::Result<()> {
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
    if context.settings().addresses.is_empty() {
        output::say("no public address is set yet: `lapwing init --address URL` before minting");
    }
    if channels == 0 {
        output::say("no alert channel is set: trips are only recorded (`lapwing alert channels`)");
    }
    Ok(())
}
