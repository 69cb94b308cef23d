//! `lapwing agent` (not listed in the help): the end of it that runs on another host, where there is no
//! data directory, no catalogue and no key. It is told what to plant, and says how it went.
//!
//! Through ssh it takes tasks from standard input, one a line of JSON, and answers each with a line. From a
//! bundle it takes them from the bundle (`bundled`).

mod bundled;

use std::io::{BufRead, Read as _, Write as _};

use lapwing_core::{CanaryId, Clock as _, Placement, PlacementId, PlacementState, SystemClock};
use lapwing_plant::{Condition, Options, Plan, PlantError, Wish};
use serde::{Deserialize, Serialize};

pub(crate) use bundled::{Order, line_of};

use super::check::condition_word;
use super::plant::diff_text;
use crate::args::Agent;
use crate::failure::Exit;

/// Longest line of the conversation, in bytes.
pub(crate) const LINE: u64 = 16 << 20;

/// Something to do on the host.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "lowercase")]
pub(crate) enum Task {
    /// Put a canary into a target, after the word to go ahead.
    Plant(Box<Planting>),
    /// Say what stands there.
    Check {
        /// Its target as it is written on this host.
        placement: Box<Placement>,
    },
    /// Say how a target is written once links are followed.
    Canonical {
        /// As it was typed.
        target: String,
    },
    /// Say what taking it out would change.
    Rehearse {
        /// Its target as it is written on this host.
        placement: Box<Placement>,
    },
    /// Remove what a process that was killed in the moment of writing left beside it.
    Sweep {
        /// Its target as it is written on this host.
        placement: Box<Placement>,
    },
    /// Take it out.
    Uproot {
        /// Its target as it is written on this host.
        placement: Box<Placement>,
        /// Also if it was changed since.
        force: bool,
    },
}

/// A canary and where it is to be put.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Planting {
    /// What the placement is called where it is recorded.
    pub(crate) id: PlacementId,
    /// What is put there.
    pub(crate) canary: CanaryId,
    /// The target as it is written on this host.
    pub(crate) target: String,
    /// The values, and their shapes.
    pub(crate) wish: Wish,
    /// How.
    pub(crate) options: Options,
}

impl Planting {
    /// The record of it while nothing is known but where it is to go.
    pub(crate) fn placement(&self, state: PlacementState) -> Placement {
        Placement {
            id: self.id,
            state,
            ..self.wish.intend(&self.target, "", serde_json::Value::Null)
        }
    }
}

/// How a task went.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Outcome {
    /// The placement as it is now, its target as it is written on this host.
    pub(crate) placement: Option<Placement>,
    /// How the target is written.
    pub(crate) target: String,
    /// What stands there.
    pub(crate) condition: String,
    /// What changes, the owner's values masked.
    pub(crate) diff: String,
    /// What the operator should know.
    pub(crate) notes: Vec<String>,
    /// Why it was not done.
    pub(crate) error: Option<Complaint>,
}

/// An error that has to travel.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Complaint {
    pub(crate) what: String,
    pub(crate) hint: String,
}

impl From<PlantError> for Outcome {
    fn from(error: PlantError) -> Self {
        Self {
            error: Some(Complaint {
                what: error.to_string(),
                hint: error.hint().unwrap_or_default().to_owned(),
            }),
            ..Self::default()
        }
    }
}

pub(crate) fn run(args: &Agent) -> anyhow::Result<Exit> {
    if let Some(file) = &args.bundle {
        return bundled::run(file, args.action);
    }
    let mut input = std::io::stdin().lock();
    let mut planned: Option<Plan> = None;
    while let Some(line) = read_line(&mut input)? {
        // Any other task in between drops what was planned.
        let plan = planned.take();
        if line == GO {
            say(&plan.map_or_else(nothing_planned, apply))?;
            continue;
        }
        match serde_json::from_slice(&line)? {
            Task::Plant(planting) => planned = plan_for(&planting)?,
            Task::Check { placement } => say(&check(&placement))?,
            Task::Canonical { target } => say(&canonical(&target))?,
            Task::Rehearse { placement } => say(&rehearse(&placement))?,
            Task::Sweep { placement } => say(&sweep(&placement))?,
            Task::Uproot { placement, force } => say(&uproot(&placement, force))?,
        }
    }
    Ok(Exit::Fine)
}

/// The next line without its end; `None` when the other side has hung up.
pub(crate) fn read_line(input: &mut impl BufRead) -> anyhow::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    input.take(LINE).read_until(b'\n', &mut line)?;
    if line.pop() == Some(b'\n') {
        return Ok(Some(line));
    }
    anyhow::ensure!((line.len() as u64) < LINE - 1, "a line is too long");
    Ok(None)
}

fn say(outcome: &Outcome) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, outcome)?;
    out.write_all(b"\n")?;
    out.flush()?;
    Ok(())
}

/// Says what would be done, which is done if the next line says so.
fn plan_for(planting: &Planting) -> anyhow::Result<Option<Plan>> {
    let plan = match lapwing_plant::plan_wish(&planting.target, &planting.wish, &planting.options) {
        Ok(plan) => plan,
        Err(error) => {
            say(&error.into())?;
            return Ok(None);
        }
    };
    say(&Outcome {
        placement: Some(plan.placement().clone()),
        diff: diff_text(plan.diff()),
        notes: plan.notes().to_vec(),
        ..Outcome::default()
    })?;
    Ok(Some(plan))
}

fn nothing_planned() -> Outcome {
    Outcome {
        error: Some(Complaint {
            what: "nothing is planned here".to_owned(),
            hint: "run the command again".to_owned(),
        }),
        ..Outcome::default()
    }
}

fn canonical(target: &str) -> Outcome {
    match lapwing_plant::canonical_target(target) {
        Ok(target) => Outcome {
            target,
            ..Outcome::default()
        },
        Err(error) => error.into(),
    }
}

fn rehearse(placement: &Placement) -> Outcome {
    match lapwing_plant::rehearse_uproot(placement, false) {
        Ok(diff) => Outcome {
            diff: diff_text(&diff),
            ..Outcome::default()
        },
        Err(error) => error.into(),
    }
}

fn sweep(placement: &Placement) -> Outcome {
    match lapwing_plant::sweep(placement) {
        Ok(()) => Outcome::default(),
        Err(error) => error.into(),
    }
}

/// The word to go ahead.
pub(crate) const GO: &[u8] = b"go";

/// Writes. If that fails and nothing of ours is there, the placement is given up.
fn apply(plan: Plan) -> Outcome {
    let intended = plan.placement().clone();
    match plan.apply(SystemClock.now()) {
        Ok(placement) => Outcome {
            placement: Some(placement),
            condition: condition_word(Condition::Present).to_owned(),
            ..Outcome::default()
        },
        Err(error) => {
            let half = matches!(lapwing_plant::check(&intended), Ok(Condition::HalfPlanted));
            let state = if half {
                PlacementState::Intended
            } else {
                PlacementState::Abandoned
            };
            Outcome {
                placement: Some(Placement { state, ..intended }),
                ..error.into()
            }
        }
    }
}

fn check(placement: &Placement) -> Outcome {
    match lapwing_plant::check(placement) {
        Ok(condition) => Outcome {
            condition: condition_word(condition).to_owned(),
            ..Outcome::default()
        },
        Err(error) => Outcome {
            condition: "unreadable".to_owned(),
            ..error.into()
        },
    }
}

fn uproot(placement: &Placement, force: bool) -> Outcome {
    if force && matches!(lapwing_plant::check(placement), Ok(Condition::Missing)) {
        return Outcome {
            placement: Some(Placement {
                state: PlacementState::Abandoned,
                ..placement.clone()
            }),
            ..Outcome::default()
        };
    }
    match lapwing_plant::uproot(placement, force, SystemClock.now()) {
        Ok(uprooted) => Outcome {
            diff: diff_text(&uprooted.diff),
            placement: Some(uprooted.placement),
            ..Outcome::default()
        },
        Err(error) => error.into(),
    }
}
