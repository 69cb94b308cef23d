//! `lapwing status`: whether a station runs here, and records. Needs no key, and no disk that takes anything.

use lapwing_daemon::mark::{Running, running};
use serde_json::json;

use crate::args::Global;
use crate::context::data_dir;
use crate::failure::Exit;
use crate::output;

pub(crate) fn run(global: &Global) -> anyhow::Result<Exit> {
    let root = data_dir(global)?;
    let running = running(&root);
    if global.json {
        output::json(&json!({
            "data_dir": root,
            "running": running != Running::No,
            "recording": running == Running::Recording,
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
    }
    Ok(match running {
        Running::Recording => Exit::Fine,
        Running::NotRecording | Running::No => Exit::Drift,
    })
}
