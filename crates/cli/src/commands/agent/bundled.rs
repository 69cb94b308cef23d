//! The agent as a bundle starts it: what to plant lies at the end of the bundle's own file.
//!
//! A bundle that stays keeps beside it what it has planted (`.places`, for its owner only): who has all
//! rights on this host can read there what is bait. One that does not stay leaves nothing but the bait.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use lapwing_console::Report;
use lapwing_core::{Placement, PlacementState, bounded};
use serde::{Deserialize, Serialize};

use super::{Outcome, Planting, apply, check, uproot};
use crate::args::Action;
use crate::failure::{Advice, Exit};
use crate::output;

/// What a bundle carries.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// The name of the host it is for.
    pub(crate) host: String,
    /// Where reports go; empty: to standard output.
    pub(crate) url: String,
    /// What lets it report, and nothing else.
    pub(crate) secret: String,
    /// In how many seconds the next report is due; 0: there will be none.
    pub(crate) every: u32,
    /// Whether it stays on the host, to check and uproot.
    pub(crate) keep: bool,
    /// What to plant.
    pub(crate) plantings: Vec<Planting>,
}

/// Digits of the order's length, which ends a bundle.
const LENGTH: usize = 20;

impl Order {
    /// The end of a bundle.
    pub(crate) fn write(&self) -> anyhow::Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec(self)?;
        let length = bytes.len();
        write!(bytes, "{length:0LENGTH$}")?;
        Ok(bytes)
    }

    fn read(file: &Path) -> anyhow::Result<Self> {
        let damaged = || Advice::error("the bundle is damaged", "copy it again, whole");
        let mut file = File::open(file)?;
        let end = file.seek(SeekFrom::End(-(LENGTH as i64)))?;
        let mut digits = [0; LENGTH];
        file.read_exact(&mut digits)?;
        let length: u64 = std::str::from_utf8(&digits)
            .ok()
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(damaged)?;
        let start = end.checked_sub(length).ok_or_else(damaged)?;
        file.seek(SeekFrom::Start(start))?;
        let bytes = bounded::read(file.take(length), bounded::MAX_FILE)?;
        serde_json::from_slice(&bytes).map_err(|_| damaged())
    }
}

/// What is copied back by hand where the desk cannot be reached.
#[derive(Serialize, Deserialize)]
struct Line {
    secret: String,
    report: Report,
}

/// Secret and report of a line that a bundle printed.
pub(crate) fn line_of(text: &str) -> Option<(String, Report)> {
    let bytes = BASE64URL_NOPAD.decode(text.trim().as_bytes()).ok()?;
    let Line { secret, report } = serde_json::from_slice(&bytes).ok()?;
    Some((secret, report))
}

/// Runs what the bundle was asked for.
pub(super) fn run(file: &Path, action: Action) -> anyhow::Result<Exit> {
    let order = Order::read(file)?;
    let mut name = file.as_os_str().to_owned();
    name.push(".places");
    let kept = Kept(PathBuf::from(name));
    match action {
        Action::Plant => plant(&order, &kept),
        Action::Check => examine(&order, &kept),
        Action::Uproot => take_out(&order, &kept),
    }
}

/// What was planted, beside a bundle that stays.
struct Kept(PathBuf);

impl Kept {
    fn write(&self, placements: &[Placement]) -> anyhow::Result<()> {
        let new = self.0.with_extension("places.new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        serde_json::to_writer(&mut file, placements)?;
        file.sync_all()?;
        fs::rename(new, &self.0)?;
        Ok(())
    }

    fn read(&self) -> anyhow::Result<Vec<Placement>> {
        let bytes = bounded::read_file(&self.0, bounded::MAX_FILE).map_err(|error| {
            Advice::error(
                format!("{}: {error}", self.0.display()),
                "run the bundle without arguments first: it plants, and keeps that file (if it was made \
                 with --keep or --every)",
            )
        })?;
        Ok(serde_json::from_slice(&bytes)?)
    }
}

fn plant(order: &Order, kept: &Kept) -> anyhow::Result<Exit> {
    if order.keep && kept.0.exists() {
        return Err(Advice::error(
            format!(
                "{} exists: this bundle has planted already",
                kept.0.display()
            ),
            "give it `check` or `uproot`",
        ));
    }
    let mut report = Report {
        every: order.every,
        last: !order.keep,
        ..Report::default()
    };
    let mut failed = false;
    for planting in &order.plantings {
        let Planting {
            target,
            wish,
            options,
            ..
        } = planting;
        let plan = match lapwing_plant::plan_wish(target, wish, options) {
            Ok(plan) => plan,
            Err(error) => {
                failed = true;
                complain(&error.into());
                report
                    .placements
                    .push(planting.placement(PlacementState::Abandoned));
                continue;
            }
        };
        if order.keep {
            // Its intent is on disk before it writes.
            let intended = plan.placement().clone();
            kept.write(&[report.placements.clone(), vec![intended]].concat())?;
        }
        let outcome = apply(plan);
        failed |= outcome.error.is_some();
        complain(&outcome);
        let Some(placement) = outcome.placement else {
            continue;
        };
        if placement.state == PlacementState::Planted {
            output::say(&format!("planted in {}", placement.target));
            report.conditions.insert(placement.id, outcome.condition);
        }
        report.placements.push(placement);
    }
    if order.keep {
        kept.write(&report.placements)?;
    }
    send(order, report)?;
    Ok(if failed { Exit::Drift } else { Exit::Fine })
}

fn examine(order: &Order, kept: &Kept) -> anyhow::Result<Exit> {
    let mut report = Report {
        every: order.every,
        ..Report::default()
    };
    let mut drift = false;
    for placement in standing(kept.read()?) {
        let outcome = check(&placement);
        drift |= !matches!(outcome.condition.as_str(), "unchanged" | "present");
        complain(&outcome);
        output::say(&format!("{}: {}", placement.target, outcome.condition));
        report.conditions.insert(placement.id, outcome.condition);
    }
    send(order, report)?;
    Ok(if drift { Exit::Drift } else { Exit::Fine })
}

fn take_out(order: &Order, kept: &Kept) -> anyhow::Result<Exit> {
    let mut all = kept.read()?;
    let mut report = Report::default();
    let mut failed = false;
    // The last planted first: each then finds the target as it left it.
    for placement in all.iter_mut().rev() {
        if !stands(placement) {
            continue;
        }
        let outcome = uproot(placement, false);
        failed |= outcome.error.is_some();
        complain(&outcome);
        if let Some(uprooted) = outcome.placement {
            output::say(&format!("uprooted from {}", uprooted.target));
            *placement = uprooted;
            report.placements.push(placement.clone());
        }
    }
    report.last = !failed;
    if failed {
        report.every = order.every;
        kept.write(&all)?;
    } else {
        fs::remove_file(&kept.0)?;
    }
    send(order, report)?;
    Ok(if failed { Exit::Drift } else { Exit::Fine })
}

fn standing(placements: Vec<Placement>) -> impl Iterator<Item = Placement> {
    placements.into_iter().filter(stands)
}

fn stands(placement: &Placement) -> bool {
    matches!(
        placement.state,
        PlacementState::Planted | PlacementState::Intended
    )
}

fn complain(outcome: &Outcome) {
    if let Some(error) = &outcome.error {
        output::say(&format!("error: {}", error.what));
        if !error.hint.is_empty() {
            output::say(&format!("hint: {}", error.hint));
        }
    }
    for note in &outcome.notes {
        output::say(&format!("note: {note}"));
    }
}

/// Posts a report to the desk; where there is none, or it does not answer, prints it as a line.
fn send(order: &Order, report: Report) -> anyhow::Result<()> {
    if !order.url.is_empty() {
        match post(order, &report) {
            Ok(()) => return Ok(()),
            Err(error) => output::say(&format!("error: the desk at {}: {error}", order.url)),
        }
    }
    let line = Line {
        secret: order.secret.clone(),
        report,
    };
    output::say("hint: give this line to `lapwing placements import`, where the bundle was made:");
    output::line(&BASE64URL_NOPAD.encode(&serde_json::to_vec(&line)?))?;
    Ok(())
}

fn post(order: &Order, report: &Report) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(20))
        .build()?;
    let url = format!("{}/v1/report", order.url.trim_end_matches('/'));
    let request = client.post(url).bearer_auth(&order.secret).json(report);
    let answer = runtime.block_on(async { request.send().await })?;
    anyhow::ensure!(answer.status().is_success(), "answered {}", answer.status());
    Ok(())
}
