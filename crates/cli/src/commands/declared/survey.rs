//! How what stands differs from what is declared: one row for each bait, and what is to be done.

use std::collections::{HashMap, HashSet};

use lapwing_core::{Placement, PlacementId, PlacementState, Timestamp};
use lapwing_plant::Condition;
use lapwing_store::Ledger;

use super::file::{Declaration, Item};
use crate::commands::elsewhere::Sites;
use crate::commands::rotate::{self, Trips};
use crate::context::Context;
use crate::planting::{Order, Planter, replaced, stands};

/// What is to be done about a bait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is not planted yet.
    Create,
    /// It stands as declared.
    Keep,
    /// It stands, and its rotation is due: why.
    Rotate(String),
    /// It stands, not as it is declared now, and makes room for a fresh one: how it differs.
    Redeclare(String),
    /// It stands; memo or labels are declared otherwise.
    Describe,
    /// It is gone or damaged, and a fresh one takes its place.
    Replant(Condition),
    /// It stands, altered; that is for the operator to look at.
    Drifted(String),
    /// A process died over it: it is finished first.
    Settle,
    /// It is no longer declared.
    Uproot,
    /// It cannot be: why.
    Refused(String),
}

impl Step {
    /// The word for it.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Keep => "keep",
            Self::Rotate(_) | Self::Redeclare(_) => "rotate",
            Self::Describe => "describe",
            Self::Replant(_) => "replant",
            Self::Drifted(_) => "drifted",
            Self::Settle => "settle",
            Self::Uproot => "uproot",
            Self::Refused(_) => "refused",
        }
    }

    /// The mark in front of it.
    pub(super) const fn mark(&self) -> char {
        match self {
            Self::Create | Self::Replant(_) => '+',
            Self::Keep => '=',
            Self::Rotate(_) | Self::Redeclare(_) | Self::Describe | Self::Settle => '~',
            Self::Uproot => '-',
            Self::Drifted(_) | Self::Refused(_) => '!',
        }
    }

    /// Why, if the word does not say it.
    pub(super) fn why(&self) -> String {
        match self {
            Self::Create | Self::Keep => String::new(),
            Self::Rotate(why) | Self::Redeclare(why) | Self::Drifted(why) | Self::Refused(why) => {
                why.clone()
            }
            Self::Describe => "memo or labels are declared otherwise".to_owned(),
            Self::Replant(condition) => format!("what was planted is {condition}"),
            Self::Settle => "a planting was not finished".to_owned(),
            Self::Uproot => "no longer declared".to_owned(),
        }
    }
}

/// One bait, declared or standing or both.
pub(super) struct Row {
    pub(super) bait: String,
    pub(super) step: Step,
    pub(super) placement: Option<Placement>,
    /// Its number among the declared.
    item: Option<usize>,
}

impl Row {
    /// The declaration it is for; of a row that has one.
    pub(super) fn item<'a>(&self, survey: &'a Survey<'_>) -> &'a Item {
        let at = self
            .item
            .expect("only declared bait is planted or described");
        &survey.declaration.items[at]
    }

    /// Whether something is planted for it.
    pub(super) const fn plants(&self) -> bool {
        matches!(
            self.step,
            Step::Create | Step::Rotate(_) | Step::Redeclare(_) | Step::Replant(_)
        )
    }

    /// What is planted for it.
    pub(super) fn order<'a>(&'a self, survey: &'a Survey<'_>, show: bool) -> Order<'a> {
        let replaces = match self.step {
            Step::Rotate(_) | Step::Redeclare(_) => self.placement.as_ref(),
            _ => None,
        };
        self.item(survey).order(replaces, show)
    }

    /// What to do about it, where it cannot be.
    pub(super) fn hint(&self) -> String {
        let what = self.placement.as_ref();
        what.map_or_else(String::new, |placement| {
            format!("`lapwing check {}` says more", placement.canary)
        })
    }

    /// Kind and target, declared or recorded.
    pub(super) fn place<'a>(&'a self, survey: &'a Survey<'_>) -> (&'a str, &'a str) {
        match (self.item, &self.placement) {
            (Some(at), _) => {
                let item = &survey.declaration.items[at];
                (&item.kind, &item.target)
            }
            (None, Some(placement)) => ("", &placement.target),
            (None, None) => ("", ""),
        }
    }
}

/// All rows: the declared in their order, then what is no longer declared.
pub(super) struct Survey<'a> {
    pub(super) declaration: &'a Declaration,
    pub(super) rows: Vec<Row>,
}

impl<'a> Survey<'a> {
    /// Looks at every place. Changes nothing.
    pub(super) fn of(
        context: &Context,
        ledger: &Ledger,
        planter: &Planter<'_>,
        declaration: &'a Declaration,
        placements: Vec<Placement>,
    ) -> anyhow::Result<Self> {
        let mut standing = Standing::of(declaration, placements);
        let asks = |item: &Item| item.rotation.after_trip;
        let trips = declaration.items.iter().any(asks);
        let judge = Judge {
            ledger,
            planter,
            trips: trips.then(|| Trips::open(context)).transpose()?,
        };
        let mut rows = Vec::with_capacity(declaration.items.len());
        for (at, item) in declaration.items.iter().enumerate() {
            let placement = standing.take(&item.bait);
            let pending = |old: &Placement| standing.pending.contains(&old.id);
            let step = if placement.as_ref().is_some_and(pending) {
                Step::Settle
            } else {
                judge.step(item, placement.as_ref())?
            };
            rows.push(Row {
                bait: item.bait.clone(),
                step,
                placement,
                item: Some(at),
            });
        }
        for row in rows.iter_mut().filter(|row| row.step == Step::Create) {
            let Some(at) = row.item else { continue };
            let item = &declaration.items[at];
            if let Some(placement) = standing.adopt(item, ledger, planter.sites())? {
                row.step = judge.step(item, Some(&placement))?;
                row.placement = Some(placement);
            }
        }
        rows.extend(standing.left());
        Ok(Self { declaration, rows })
    }

    /// Whether all is as declared.
    pub(super) fn idle(&self) -> bool {
        self.rows.iter().all(|row| row.step == Step::Keep)
    }

    /// Whether something cannot be made as declared.
    pub(super) fn stuck(&self) -> bool {
        let stuck = |row: &Row| matches!(row.step, Step::Drifted(_) | Step::Refused(_));
        self.rows.iter().any(stuck)
    }

    /// Placements that stand as declared by a file that has moved since: their records follow it.
    pub(super) fn rebound(&self) -> impl Iterator<Item = Placement> {
        self.rows.iter().filter_map(|row| {
            let placement = row.placement.as_ref()?;
            let binding = row.item.map(|at| self.declaration.items[at].binding())?;
            let stays = matches!(row.step, Step::Keep | Step::Describe);
            (stays && placement.declared.as_ref() != Some(&binding)).then(|| Placement {
                declared: Some(binding),
                ..placement.clone()
            })
        })
    }
}

/// What stands for a file, by the name of the bait.
struct Standing {
    by_bait: HashMap<String, Vec<Placement>>,
    replaced: HashSet<PlacementId>,
    /// What a planting that was not finished was to replace.
    pending: HashSet<PlacementId>,
}

impl Standing {
    fn of(declaration: &Declaration, placements: Vec<Placement>) -> Self {
        let ours = |placement: &&Placement| declaration.made(placement);
        let replaced = replaced(placements.iter().filter(ours));
        let unfinished = |placement: &&Placement| placement.state == PlacementState::Intended;
        let pending = placements.iter().filter(unfinished);
        let pending = pending.filter_map(|placement| placement.replaces).collect();
        let mut by_bait: HashMap<String, Vec<Placement>> = HashMap::new();
        for placement in placements {
            if let Some(declared) = &placement.declared
                && declared.deception == declaration.name
                && stands(&placement)
            {
                let bait = declared.bait.clone();
                by_bait.entry(bait).or_default().push(placement);
            }
        }
        Self {
            by_bait,
            replaced,
            pending,
        }
    }

    /// The placement that counts for a bait: the newest that is settled, else any.
    fn take(&mut self, bait: &str) -> Option<Placement> {
        let all = self.by_bait.get_mut(bait)?;
        let replaced = &self.replaced;
        let settled = all
            .iter()
            .rposition(|placement| is_settled(placement, replaced));
        match settled {
            Some(at) => Some(all.remove(at)),
            None => all.pop(),
        }
    }

    /// A placement that no declaration has taken and that is just what this one asks for: the bait
    /// was given another name.
    fn adopt(
        &mut self,
        item: &Item,
        ledger: &Ledger,
        sites: &Sites<'_>,
    ) -> anyhow::Result<Option<Placement>> {
        if self.by_bait.values().all(Vec::is_empty) {
            return Ok(None);
        }
        let Ok(target) = sites.canonical(&item.target) else {
            return Ok(None);
        };
        for all in self.by_bait.values_mut() {
            for at in 0..all.len() {
                let one = &all[at];
                if is_settled(one, &self.replaced)
                    && one.target == target
                    && one.asked == item.asked
                    && ledger
                        .canary(one.canary)?
                        .is_some_and(|it| it.kind == item.kind)
                {
                    return Ok(Some(all.remove(at)));
                }
            }
        }
        Ok(None)
    }

    /// What no declaration has taken.
    fn left(self) -> Vec<Row> {
        let Self {
            by_bait, replaced, ..
        } = self;
        let mut left: Vec<(String, Placement)> = by_bait
            .into_iter()
            .flat_map(|(bait, all)| all.into_iter().map(move |one| (bait.clone(), one)))
            .collect();
        left.sort_by_key(|(_, placement)| placement.id);
        let step = |placement: &Placement| {
            if is_settled(placement, &replaced) {
                Step::Uproot
            } else {
                Step::Settle
            }
        };
        left.into_iter()
            .map(|(bait, placement)| Row {
                bait,
                step: step(&placement),
                placement: Some(placement),
                item: None,
            })
            .collect()
    }
}

/// Whether no process died over it.
fn is_settled(placement: &Placement, replaced: &HashSet<PlacementId>) -> bool {
    placement.state == PlacementState::Planted && !replaced.contains(&placement.id)
}

/// Says what is to be done about a bait.
struct Judge<'a, 'p> {
    ledger: &'a Ledger,
    planter: &'a Planter<'p>,
    trips: Option<Trips>,
}

impl Judge<'_, '_> {
    fn step(&self, item: &Item, placement: Option<&Placement>) -> anyhow::Result<Step> {
        let Some(placement) = placement else {
            return Ok(Step::Create);
        };
        if placement.state == PlacementState::Intended {
            return Ok(Step::Settle);
        }
        match self.planter.sites().check(placement) {
            Ok(Condition::Present | Condition::Moved) => {}
            Ok(Condition::Changed) => {
                return Ok(Step::Drifted(
                    "what was planted has been altered".to_owned(),
                ));
            }
            Ok(condition) => return Ok(Step::Replant(condition)),
            Err(error) => return Ok(Step::Refused(error.to_string())),
        }
        let Some(canary) = self.ledger.canary(placement.canary)? else {
            return Ok(Step::Redeclare(
                "its canary is not in the ledger".to_owned(),
            ));
        };
        if canary.retired.is_some() {
            return Ok(Step::Redeclare("its canary was retired".to_owned()));
        }
        let order = item.order(None, false);
        if let Some(why) = self.otherwise(item, placement, &canary.kind) {
            return Ok(Step::Redeclare(why));
        }
        if let Some(why) = self.due(item, placement)? {
            return Ok(Step::Rotate(why));
        }
        let labels = self.planter.labels(&order, &placement.target);
        Ok(if canary.memo == item.memo && canary.labels == labels {
            Step::Keep
        } else {
            Step::Describe
        })
    }

    /// Why it is to be rotated now, if it is.
    fn due(&self, item: &Item, placement: &Placement) -> anyhow::Result<Option<String>> {
        if let Some(trips) = self.trips.as_ref().filter(|_| item.rotation.after_trip)
            && trips.of(placement.canary)?
        {
            return Ok(Some("it was used".to_owned()));
        }
        let before: Option<Timestamp> =
            item.rotation.age.as_deref().map(rotate::ago).transpose()?;
        Ok(before.and_then(|before| rotate::age(placement, before)))
    }

    /// What is declared otherwise than it was planted.
    fn otherwise(&self, item: &Item, placement: &Placement, kind: &str) -> Option<String> {
        let target = self.planter.sites().canonical(&item.target);
        if target.is_ok_and(|target| target != placement.target) {
            return Some(format!("it stands in {}", placement.target));
        }
        if kind != item.kind {
            return Some(format!("it is of kind {kind}"));
        }
        (placement.asked != item.asked).then(|| "it is declared otherwise".to_owned())
    }
}
