//! Declared bait: `lapwing plan`, `apply`, `drift`, `destroy`. A file (`deception.yaml`) says what is
//! to stand where; these commands say how what stands differs, and make it so.
//!
//! A placement is bound to its declaration by two names in its record, the file's and the bait's.

mod file;
mod show;
mod survey;

use lapwing_core::{Placement, PlacementState};
use lapwing_store::Ledger;
use serde_json::{Value, json};

use self::file::Declaration;
use self::survey::{Row, Step, Survey};
use super::elsewhere::Sites;
use super::plant::{confirm, summary};
use crate::args::{Apply, Declarations, Destroy, Drift, Global, PlanArgs};
use crate::context::Context;
use crate::failure::{Advice, Exit, tell};
use crate::output;
use crate::planting::{Order, Planter, Settling, altered, lock, stands, take_out};

pub(crate) fn plan(global: &Global, args: &PlanArgs) -> anyhow::Result<Exit> {
    let PlanArgs { declarations, show } = args;
    let declaration = read(declarations)?;
    let context = Context::open(global)?;
    let (catalog, ledger) = (context.catalog()?, context.ledger()?);
    declaration.check_kinds(&catalog)?;
    let placements = ledger.placements()?;
    refuse_namesake(&declaration, &placements)?;
    let planter = Planter::new(&context, &catalog, &ledger);
    let survey = Survey::of(&context, &ledger, &planter, &declaration, placements)?;
    let failed = show::plan(&context, &planter, &survey, *show)?;
    Ok(match (failed || survey.stuck(), survey.idle()) {
        (true, _) => Exit::Partial,
        (false, true) => Exit::Fine,
        (false, false) => Exit::Pending,
    })
}

pub(crate) fn apply(global: &Global, args: &Apply) -> anyhow::Result<Exit> {
    let Apply { declarations, yes } = args;
    let declaration = read(declarations)?;
    let context = Context::open_or_create(global)?;
    let (catalog, ledger) = (context.catalog()?, context.ledger()?);
    declaration.check_kinds(&catalog)?;
    let _lock = lock(&context)?;
    refuse_namesake(&declaration, &ledger.placements()?)?;
    let planter = Planter::new(&context, &catalog, &ledger);
    let asks = !yes && !context.json && output::can_ask();
    if asks {
        let placements = ledger.placements()?;
        let survey = Survey::of(&context, &ledger, &planter, &declaration, placements)?;
        show::plan(&context, &planter, &survey, false)?;
        if !survey.idle() && !confirm("Apply this?")? {
            output::say("nothing was minted or written");
            return Ok(Exit::Fine);
        }
    }
    let settling = Settling::run(&ledger, planter.sites(), &|placement| {
        declaration.made(placement)
    })?;
    settling.say();
    let placements = ledger.placements()?;
    let survey = Survey::of(&context, &ledger, &planter, &declaration, placements)?;
    let mut run = Run {
        ledger: &ledger,
        planter: &planter,
        survey: &survey,
        outcomes: vec![Value::Null; survey.rows.len()],
        failed: 0,
    };
    run.clear()?;
    run.plant()?;
    let Run {
        outcomes, failed, ..
    } = run;
    show::applied(&context, &declaration, &survey, &outcomes, failed)?;
    Ok(if failed + settling.failed.len() == 0 {
        Exit::Fine
    } else {
        Exit::Partial
    })
}

pub(crate) fn drift(global: &Global, args: &Drift) -> anyhow::Result<Exit> {
    let Drift { declarations } = args;
    let declaration = read(declarations)?;
    let context = Context::open(global)?;
    let (catalog, ledger) = (context.catalog()?, context.ledger()?);
    let placements = ledger.placements()?;
    refuse_namesake(&declaration, &placements)?;
    let planter = Planter::new(&context, &catalog, &ledger);
    let survey = Survey::of(&context, &ledger, &planter, &declaration, placements)?;
    show::drift(&context, &survey)
}

pub(crate) fn destroy(global: &Global, args: &Destroy) -> anyhow::Result<Exit> {
    let Destroy {
        declarations,
        force,
        yes,
    } = args;
    let declaration = read(declarations)?;
    let context = Context::open(global)?;
    let ledger = context.ledger()?;
    let _lock = lock(&context)?;
    let ours = |placement: &Placement| declaration.made(placement);
    let placements = ledger.placements()?;
    refuse_namesake(&declaration, &placements)?;
    let count = placements.iter().filter(|p| ours(p) && stands(p)).count();
    let question = format!("Uproot all {count} of {}?", declaration.name);
    if count > 0 && !yes && !context.json && output::can_ask() && !confirm(&question)? {
        output::say("nothing was uprooted");
        return Ok(Exit::Fine);
    }
    let sites = Sites::new(&context);
    let settling = Settling::run(&ledger, &sites, &ours)?;
    settling.say();
    let left = ledger.placements()?.into_iter();
    let left: Vec<Placement> = left.filter(|p| ours(p) && stands(p)).collect();
    let bar = output::progress(left.len() as u64, "uprooting");
    let (mut rows, mut failed) = (Vec::new(), 0);
    // The last planted first: each then finds the target as it left it.
    for placement in left.iter().rev() {
        bar.inc(1);
        match take_out(
            &ledger,
            &sites,
            placement,
            PlacementState::Abandoned,
            *force,
        ) {
            Ok(after) => rows.push(summary(&after)),
            Err(error) => {
                failed += 1;
                rows.push(json!({
                    "id": placement.id, "canary": placement.canary,
                    "target": placement.target, "error": error.to_string(),
                }));
                bar.suspend(|| tell(&error));
            }
        }
    }
    bar.finish_and_clear();
    if context.json {
        output::json(&rows)?;
    } else {
        let done = left.len() - failed;
        output::say(&format!(
            "{}: {done} uprooted, {failed} left",
            declaration.name
        ));
    }
    Ok(if failed == 0 {
        Exit::Fine
    } else {
        Exit::Partial
    })
}

fn read(declarations: &Declarations) -> anyhow::Result<Declaration> {
    let Declarations { file } = declarations;
    Declaration::read(file)
}

/// Two files of one name would take each other's bait out. The file that planted has moved, unless it
/// is still there.
fn refuse_namesake(declaration: &Declaration, placements: &[Placement]) -> anyhow::Result<()> {
    let files = placements
        .iter()
        .filter(|placement| stands(placement) && declaration.made(placement))
        .filter_map(|placement| Some(placement.declared.as_ref()?.file.as_str()));
    let others: std::collections::BTreeSet<&str> =
        files.filter(|file| *file != declaration.file).collect();
    for other in others {
        let named = Declaration::read(other.as_ref()).is_ok_and(|it| it.name == declaration.name);
        if named {
            return Err(Advice::error(
                format!(
                    "{} and {other} both call themselves {}, and bait of that name was planted from the latter",
                    declaration.file, declaration.name
                ),
                "give one of them another `name`, or remove the file that is no longer used",
            ));
        }
    }
    Ok(())
}

/// The work of `apply` on a survey.
struct Run<'a> {
    ledger: &'a Ledger,
    planter: &'a Planter<'a>,
    survey: &'a Survey<'a>,
    /// What became of each row, for `--json`.
    outcomes: Vec<Value>,
    failed: usize,
}

impl Run<'_> {
    /// What is no longer declared goes, and what is left of bait that was damaged, so that names are
    /// free; what needs no write is recorded.
    fn clear(&mut self) -> anyhow::Result<()> {
        let survey = self.survey;
        // The last planted first: each then finds the target as it left it.
        for (at, row) in survey.rows.iter().enumerate().rev() {
            let outcome = match (&row.step, &row.placement) {
                (Step::Uproot | Step::Replant(_), Some(old)) => {
                    let sites = self.planter.sites();
                    take_out(self.ledger, sites, old, PlacementState::Abandoned, false).map(Some)
                }
                (Step::Describe, Some(placement)) => self.describe(row, placement).map(Some),
                (Step::Drifted(_), Some(placement)) => Err(altered(placement)),
                (Step::Refused(error), _) => Err(Advice::error(error.clone(), row.hint())),
                _ => Ok(None),
            };
            match outcome {
                Ok(Some(after)) if !matches!(row.step, Step::Replant(_)) => {
                    self.outcomes[at] = summary(&after);
                }
                Ok(_) => {}
                Err(error) => self.fail(at, &error),
            }
        }
        let moved: Vec<Placement> = survey.rebound().collect();
        self.ledger
            .settle(&moved, &[], lapwing_core::Timestamp::from_micros(0))?;
        Ok(())
    }

    fn describe(&self, row: &Row, placement: &Placement) -> anyhow::Result<Placement> {
        let item = row.item(self.survey);
        let order = item.order(None, false);
        let labels = self.planter.labels(&order, &placement.target);
        self.ledger
            .describe(placement.canary, order.memo, &labels)?;
        Ok(placement.clone())
    }

    fn plant(&mut self) -> anyhow::Result<()> {
        let survey = self.survey;
        let plants = |at: &usize| survey.rows[*at].plants() && self.outcomes[*at].is_null();
        let due: Vec<usize> = (0..survey.rows.len()).filter(plants).collect();
        let orders: Vec<Order<'_>> = due
            .iter()
            .map(|at| survey.rows[*at].order(survey, false))
            .collect();
        let bar = output::progress(due.len() as u64, "planting");
        let planter = self.planter;
        planter.plant_many(&orders, &mut |number, outcome| {
            bar.inc(1);
            match outcome {
                Ok(placement) => self.outcomes[due[number]] = summary(&placement),
                Err(error) => bar.suspend(|| self.fail(due[number], &error)),
            }
        })?;
        bar.finish_and_clear();
        Ok(())
    }

    fn fail(&mut self, at: usize, error: &anyhow::Error) {
        self.failed += 1;
        output::say(&format!("{}:", self.survey.rows[at].bait));
        tell(error);
        self.outcomes[at] = json!({"error": error.to_string()});
    }
}
