//! Planting, as every command does it: mint, plan, record the intent, write, confirm. `plant`, `apply`
//! and `rotate` go this one way.
//!
//! Rule: canary and intent are in the ledger before a target is touched, so that a value of ours that
//! stands anywhere is known, whenever the process dies. [`Settling`] finishes what was left half done.

mod away;
mod labels;
mod settle;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::rc::Rc;

use lapwing_catalog::{Catalog, Kind};
use lapwing_core::{
    Asked, Canary, Clock as _, Declared, Placement, PlacementState, SystemClock, Timestamp,
};
use lapwing_daemon::mint::{Minter, handles, mail_domain};
use lapwing_plant::{Bait, Condition, Diff, Options, Plan, Surroundings};
use lapwing_store::{Intent, Ledger};

use crate::args::Fresh;
use crate::commands::elsewhere::{Sites, reached};
use crate::commands::mint::minter;
use crate::commands::plant::Edit;
use crate::context::Context;
use crate::failure::Advice;

pub(crate) use self::settle::{Settling, altered, replaced, take_out};

/// One wish for bait in a place.
#[derive(Clone)]
pub(crate) struct Order<'a> {
    /// The kind's id.
    pub(crate) kind: &'a str,
    /// The target as it was typed or recorded.
    pub(crate) target: &'a str,
    /// The operator's words on it.
    pub(crate) memo: &'a str,
    /// The operator's labels; where it stands is added to them.
    pub(crate) labels: &'a BTreeMap<String, String>,
    /// How it is to be planted.
    pub(crate) asked: &'a Asked,
    /// The declaration it is for.
    pub(crate) declared: Option<Declared>,
    /// The placement that goes when this one stands.
    pub(crate) replaces: Option<&'a Placement>,
    /// Whether diffs show the owner's values.
    pub(crate) show: bool,
}

/// A canary that is minted and not stored, and how it is to be planted.
pub(crate) struct Minted<'a> {
    pub(crate) minter: Rc<Minter<'a>>,
    pub(crate) kind: &'a Kind,
    pub(crate) canary: Canary,
    pub(crate) options: Options,
}

/// A planting that is worked out. Nothing is stored or written yet.
pub(crate) struct Draft<'a> {
    minter: Rc<Minter<'a>>,
    kind: &'a Kind,
    canary: Canary,
    plan: Plan,
    old: Option<Placement>,
}

impl Draft<'_> {
    pub(crate) fn diff(&self) -> &Diff {
        self.plan.diff()
    }

    pub(crate) fn notes(&self) -> &[String] {
        self.plan.notes()
    }

    pub(crate) fn target(&self) -> &str {
        &self.plan.placement().target
    }
}

/// At most so many plantings share one write to the ledger before and one after.
const ROUND: usize = 32;

/// Plants, with ledger, catalogue and keys opened once.
pub(crate) struct Planter<'a> {
    context: &'a Context,
    catalog: &'a Catalog,
    ledger: &'a Ledger,
    minters: RefCell<HashMap<String, Rc<Minter<'a>>>>,
    surroundings: Surroundings,
    places: labels::Places,
    sites: Sites<'a>,
}

impl<'a> Planter<'a> {
    pub(crate) fn new(context: &'a Context, catalog: &'a Catalog, ledger: &'a Ledger) -> Self {
        Self {
            context,
            catalog,
            ledger,
            minters: RefCell::default(),
            surroundings: Surroundings::default(),
            places: labels::Places::new(),
            sites: Sites::new(context),
        }
    }

    pub(crate) const fn sites(&self) -> &Sites<'a> {
        &self.sites
    }

    /// Mints. Touches nothing.
    pub(crate) fn mint(&self, order: &Order<'_>) -> anyhow::Result<Minted<'a>> {
        let kind = self.catalog.require(order.kind)?;
        let minter = self.minter(kind, order.asked)?;
        let mut canary = minter.one()?;
        canary.memo = order.memo.to_owned();
        let kept = minter.kept();
        self.refuse_known(kind, &canary, &kept)?;
        let options = Options {
            format: order.asked.format.clone(),
            key: order.asked.key.clone(),
            role: order.asked.role.clone(),
            danger_default: order.asked.danger_default,
            show: order.show,
            mail_domain: mail_domain(self.context.settings(), None),
            kept,
            danger_triggers: order.asked.danger_triggers.clone(),
            replaces: None,
            surroundings: None,
        };
        Ok(Minted {
            minter,
            kind,
            canary,
            options,
        })
    }

    /// The edit an order would be, and what is to be known of it. Touches nothing.
    pub(crate) fn preview(&self, order: &Order<'_>) -> anyhow::Result<(Edit, Vec<String>)> {
        if let Some((_, login, _)) = reached(order.target)? {
            let held = self.hold(&login, order)?;
            return Ok((Edit::There(held.diff().to_owned()), held.notes().to_vec()));
        }
        let draft = self.prepare(order)?;
        let edit = Edit::Here(draft.diff().clone());
        Ok((edit, draft.notes().to_vec()))
    }

    /// Mints and plans on this host. Touches nothing.
    pub(crate) fn prepare(&self, order: &Order<'_>) -> anyhow::Result<Draft<'a>> {
        let Minted {
            minter,
            kind,
            mut canary,
            mut options,
        } = self.mint(order)?;
        let canonical = lapwing_plant::canonical_target(order.target)?;
        options.replaces = order
            .replaces
            .filter(|old| old.target == canonical)
            .cloned();
        options.surroundings = Some(self.surroundings.clone());
        let bait = Bait {
            kind,
            canary: &canary,
        };
        let mut plan = lapwing_plant::plan(order.target, &bait, &options)?;
        canary.fields.extend(plan.refined().clone());
        canary.labels = self.labels(order, &plan.placement().target);
        let placement = plan.placement_mut();
        placement.asked = order.asked.clone();
        placement.declared.clone_from(&order.declared);
        placement.replaces = order.replaces.map(|old| old.id);
        Ok(Draft {
            minter,
            kind,
            canary,
            plan,
            old: order.replaces.cloned(),
        })
    }

    /// The labels of a canary: where it stands, and the operator's own, which win.
    pub(crate) fn labels(&self, order: &Order<'_>, target: &str) -> BTreeMap<String, String> {
        let mut labels = self.places.of(target);
        if let Some(Declared {
            deception, bait, ..
        }) = &order.declared
        {
            labels.insert("deception".to_owned(), format!("{deception}/{bait}"));
        }
        labels.extend(order.labels.clone());
        labels
    }

    /// Minters are kept: choosing an address and saying what a kind will not do is done once.
    fn minter(&self, kind: &'a Kind, asked: &Asked) -> anyhow::Result<Rc<Minter<'a>>> {
        let key = serde_json::to_string(&(&kind.id, &asked.set, &asked.address, &asked.locale))?;
        if let Some(minter) = self.minters.borrow().get(&key) {
            return Ok(minter.clone());
        }
        let fresh = Fresh {
            memo: String::new(),
            label: Vec::new(),
            set: asked
                .set
                .iter()
                .map(|(field, value)| format!("{field}={value}"))
                .collect(),
            address: asked.address.clone(),
            locale: asked.locale.clone(),
        };
        let minter = minter(self.context, self.catalog, self.ledger, kind, &fresh)?;
        let minter = Rc::new(minter);
        self.minters.borrow_mut().insert(key, minter.clone());
        Ok(minter)
    }

    /// One canary, one place: a value that the operator has fixed must not be another canary's.
    fn refuse_known(
        &self,
        kind: &Kind,
        canary: &Canary,
        kept: &BTreeSet<String>,
    ) -> anyhow::Result<()> {
        let keys = self.context.directory.keyring();
        for (field, value) in handles(kind, canary) {
            if !kept.contains(&field) {
                continue;
            }
            if let Some(found) = self.ledger.find(&keys.digest(value.as_bytes()))?.first() {
                return Err(Advice::error(
                    format!(
                        "the value set for {field} is canary {} already: a use of it could not be told from a use of that one",
                        found.canary.id
                    ),
                    "one canary, one place: leave it to be drawn, or set another value",
                ));
            }
        }
        Ok(())
    }

    /// Plants one on this host.
    pub(crate) fn plant(&self, draft: Draft<'a>) -> anyhow::Result<Placement> {
        let mut outcomes = self.plant_round(vec![draft])?;
        outcomes.pop().expect("one draft, one outcome")
    }

    /// Plants many; `each` is told the number of the order and how it went. What lies in one file or
    /// database goes in one after the other.
    pub(crate) fn plant_many(
        &self,
        orders: &[Order<'_>],
        each: &mut dyn FnMut(usize, anyhow::Result<Placement>),
    ) -> anyhow::Result<()> {
        let lanes: Vec<String> = orders.iter().map(|order| lane(order.target)).collect();
        let mut left: VecDeque<usize> = VecDeque::new();
        for (at, order) in orders.iter().enumerate() {
            match reached(order.target) {
                Ok(None) => left.push_back(at),
                Ok(Some((_, login, _))) => {
                    let held = self.hold(&login, order);
                    each(at, held.and_then(|held| self.plant_held(held)));
                }
                Err(error) => each(at, Err(error)),
            }
        }
        while !left.is_empty() {
            let (mut numbers, mut drafts) = (Vec::new(), Vec::new());
            let (mut taken, mut written) = (HashSet::new(), HashSet::<PathBuf>::new());
            let mut later = Vec::new();
            while drafts.len() < ROUND
                && let Some(at) = left.pop_front()
            {
                if !taken.insert(&lanes[at]) {
                    later.push(at);
                    continue;
                }
                match self.prepare(&orders[at]) {
                    Ok(draft) if draft.plan.files().iter().any(|file| written.contains(file)) => {
                        later.push(at);
                    }
                    Ok(draft) => {
                        written.extend(draft.plan.files().iter().cloned());
                        numbers.push(at);
                        drafts.push(draft);
                    }
                    Err(error) => each(at, Err(error)),
                }
            }
            for at in later.into_iter().rev() {
                left.push_front(at);
            }
            for (at, outcome) in numbers.into_iter().zip(self.plant_round(drafts)?) {
                each(at, outcome);
            }
        }
        Ok(())
    }

    /// Intent, write, confirmation: the ledger is written once before and once after all of them.
    fn plant_round(
        &self,
        drafts: Vec<Draft<'a>>,
    ) -> anyhow::Result<Vec<anyhow::Result<Placement>>> {
        for draft in &drafts {
            draft.minter.bind(self.ledger)?;
        }
        let intents: Vec<Intent<'_>> = drafts.iter().map(Draft::intent).collect();
        self.ledger.intend(&intents)?;
        let now = SystemClock.now();
        let (mut settled, mut retired) = (Vec::new(), Vec::new());
        let mut outcomes = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let intended = draft.plan.placement().clone();
            let supersedes = intended.supersedes;
            match draft.plan.apply(now) {
                Ok(planted) => {
                    settled.push(planted.clone());
                    if let Some(old) = draft.old.as_ref().filter(|_| supersedes) {
                        settled.push(uprooted(old, now));
                        retired.push(old.canary);
                    }
                    outcomes.push(Ok((planted, draft.old.filter(|_| !supersedes))));
                }
                Err(error) => {
                    retired.push(intended.canary);
                    settled.extend(given_up(intended));
                    outcomes.push(Err(error.into()));
                }
            }
        }
        self.ledger.settle(&settled, &retired, now)?;
        let finish = |outcome: anyhow::Result<(Placement, Option<Placement>)>| {
            let (planted, old) = outcome?;
            if let Some(old) = old {
                take_out(
                    self.ledger,
                    &self.sites,
                    &old,
                    PlacementState::Uprooted,
                    false,
                )?;
            }
            Ok(planted)
        };
        Ok(outcomes.into_iter().map(finish).collect())
    }
}

impl Draft<'_> {
    fn intent(&self) -> Intent<'_> {
        Intent {
            canary: &self.canary,
            handles: known_by(self.kind, &self.canary),
            placement: self.plan.placement(),
        }
    }
}

/// What plantings must follow one another for: the file or the database of a target.
fn lane(target: &str) -> String {
    let canonical = lapwing_plant::canonical_target(target).unwrap_or_else(|_| target.to_owned());
    match canonical.split_once('?') {
        Some((database, _)) if database.contains(':') => database.to_owned(),
        _ => canonical,
    }
}

fn uprooted(placement: &Placement, at: Timestamp) -> Placement {
    Placement {
        state: PlacementState::Uprooted,
        uprooted: Some(at),
        ..placement.clone()
    }
}

/// The target could not be written. If nothing of ours is in it, the record says so.
fn given_up(mut placement: Placement) -> Option<Placement> {
    if matches!(lapwing_plant::check(&placement), Ok(Condition::HalfPlanted)) {
        return None;
    }
    placement.state = PlacementState::Abandoned;
    Some(placement)
}

/// A canary's handles. An address fitted to neighbours in capitals also comes back in small letters.
pub(crate) fn known_by(kind: &Kind, canary: &Canary) -> Vec<(String, String)> {
    let mut known = handles(kind, canary);
    let small: Vec<(String, String)> = known
        .iter()
        .filter(|(_, value)| value.contains('@'))
        .map(|(field, value)| (field.clone(), value.to_lowercase()))
        .filter(|small| !known.contains(small))
        .collect();
    known.extend(small);
    known
}

/// Whether it is, or may be, in its place.
pub(crate) fn stands(placement: &Placement) -> bool {
    matches!(
        placement.state,
        PlacementState::Planted | PlacementState::Intended
    )
}

/// Keeps two commands that change many placements apart, until it is dropped.
pub(crate) fn lock(context: &Context) -> anyhow::Result<File> {
    let path = context.directory.root().join("planting.lock");
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(false).write(true).mode(0o600);
    let file = file.open(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Advice::error(
            "another apply, rotate or destroy is running on this data directory",
            "wait for it to end",
        )),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}
