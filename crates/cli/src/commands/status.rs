//! `lapwing status`: whether a station runs here, and records; what it erases. Needs no key, and no disk that takes
//! anything.

use lapwing_daemon::erasing::{Account, Ended};
use lapwing_daemon::mark::{Running, running};
use lapwing_daemon::settings::Retention;
use serde_json::json;

use crate::args::Global;
use crate::context::{data_dir, load_config};
use crate::failure::Exit;
use crate::output;

pub(crate) fn run(global: &Global) -> anyhow::Result<Exit> {
    let root = data_dir(global)?;
    let running = running(&root);
    let account = Account::read(&root);
    let ages = ages(global, running, &account);
    if global.json {
        output::json(&json!({
            "data_dir": root,
            "running": running != Running::No,
            "recording": running == Running::Recording,
            "retention": {"ages": ages, "last": account.retention, "asked": account.asked},
            "erasing": account.now.filter(|_| running != Running::No),
        }))?;
    } else {
        output::line(match running {
            Running::Recording => "a station runs, and records what comes",
            Running::NotRecording => {
                "A STATION RUNS, AND DOES NOT RECORD: look at its log, and at the disk of the data directory"
            }
            Running::No => {
                "no station runs with this data directory: nothing is seen and nothing recorded"
            }
        })?;
        if let Some(ages) = ages {
            output::line(&forgetting(&ages, running, &account))?;
        }
    }
    Ok(match running {
        Running::Recording => Exit::Fine,
        Running::NotRecording | Running::No => Exit::Drift,
    })
}

/// The ages that hold: those the station was started with, or will be. `None`: the settings cannot be read.
fn ages(global: &Global, running: Running, account: &Account) -> Option<Retention> {
    let of_station = account.ages.clone().filter(|_| running != Running::No);
    let of_settings = || {
        let (_, config) = load_config(global).ok()?;
        Some(config.settings.retention)
    };
    of_station.or_else(of_settings)
}

/// What is erased by age, and what came of it.
fn forgetting(ages: &Retention, running: Running, account: &Account) -> String {
    let mut words = format!("retention: {}", ages.words());
    if let Some(Ended { time, outcome }) = &account.retention {
        words.push_str(&format!(
            "; last looked {}: {} parts erased, {} kept under holds",
            time.to_seconds_string(),
            outcome.parts,
            outcome.held_parts()
        ));
    } else if *ages != Retention::default() {
        words.push_str("; the station has not looked yet");
    }
    if let Some(now) = account.now.filter(|_| running != Running::No) {
        words.push_str(&format!(
            "; erasing now, {} of {} segments done",
            now.segment, now.segments
        ));
    }
    words
}
