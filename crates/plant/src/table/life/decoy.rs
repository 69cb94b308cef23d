//! The life of a view or login that exists for nothing but bait: made by statements, found again by its
//! name, and still ours if the database says of it what it said when it was made.

use lapwing_core::{Placement, PlacementState};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::insert::NEIGHBOURS;
use super::{Site, described};
use crate::bait::Wish;
use crate::diff::{Diff, Sign};
use crate::error::{PlantError, Problem};
use crate::table::address::{Object, Said};
use crate::table::draw::{self, Whose};
use crate::table::learn::Learned;
use crate::table::making::{Login, Making, View};
use crate::table::session::{self, Access, Described, Session};
use crate::table::{Value, planning};
use crate::{Condition, Options, Plan, Run, Work};

/// What a placement remembers.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Detail {
    remove: Vec<String>,
    /// Of what the database said of it; empty until it is made.
    digest: String,
}

impl Detail {
    fn of(placement: &Placement) -> Result<Self, PlantError> {
        serde_json::from_value(placement.detail.clone()).map_err(|error| {
            let what = format!("the record of this placement cannot be read: {error}");
            let problem = Problem::new(&placement.target, what);
            PlantError::Record(problem.hint("restore the ledger from a backup"))
        })
    }
}

/// What the database says of a thing of ours.
fn text(session: &mut dyn Session, site: &Site) -> Result<Option<String>, Said> {
    match site.object {
        Object::Role => session.login_text(&site.table),
        _ => session.view_text(&site.table),
    }
}

fn digest(placement: &Placement, text: &str) -> String {
    let hash = Sha256::new_with_prefix(placement.id.to_string()).chain_update(text);
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

/// Works out the statements for a view, and rehearses them where that can be taken back.
pub(crate) fn plan_view(
    site: Site,
    kind: &str,
    wish: &Wish,
    options: &Options,
) -> Result<Plan, PlantError> {
    let mut session = site.open(Access::Write)?;
    let session = session.as_mut();
    let failed = site.failed("read the schema");
    refuse_existing(session, &site)?;
    let like = site.require_like(session)?;
    let mut described = described(session, &site, &like)?;
    planning::find_mail(session, &mut described.table, &like, wish).map_err(&failed)?;
    planning::require_column(&described.table, wish, &site.place)?;
    let Described { table, .. } = described;
    let sample = session::sample(session, &table, NEIGHBOURS).map_err(&failed)?;
    let learned = Learned::of(&table, &sample);
    let drawn = draw::draw(&learned, wish, options, Whose::Minted)
        .map_err(|problem| PlantError::Refused(site.problem(problem.0).hint(problem.1)))?;
    let mut row = Vec::new();
    let mut handle = String::new();
    for (at, column) in table.columns.iter().enumerate() {
        let value = match &drawn.values[at] {
            Some(value) => value.clone(),
            None if column.counted => {
                let number = session.uncounted(&table, column).map_err(&failed)?;
                Value::Integer(number)
            }
            None => continue,
        };
        if let (true, Value::Text(text)) = (drawn.canary[at], &value) {
            let field = table.mapped(wish).into_iter().find(|(to, _)| *to == at);
            let tells = field.is_some_and(|(_, field)| wish.tells(field));
            if tells && handle.is_empty() {
                handle.clone_from(text);
            }
        }
        row.push((column, value));
    }
    let view = View {
        name: &site.table,
        like: &table.name,
        row,
        handle: &handle,
    };
    let making = session.view(&view).map_err(|said| refused(&site, &said))?;
    if session.undoes_making() {
        rehearse(session, &site, &making)?;
    }
    let mut plan = planned(site, kind, wish, making);
    plan.refined = drawn.refined;
    plan.notes.extend(drawn.notes);
    Ok(plan)
}

/// Works out the statements for a login whose password is the canary's.
pub(crate) fn plan_role(
    site: Site,
    kind: &str,
    wish: &Wish,
    database: &str,
) -> Result<Plan, PlantError> {
    let password = wish
        .fields
        .get("password")
        .filter(|_| wish.tells("password"));
    let Some(password) = password else {
        let what = format!("{} has no password by which it is recognised", wish.kind);
        let hint = "a login takes a kind that is one, such as postgres-uri or mysql-uri";
        return Err(PlantError::Shape(site.problem(what).hint(hint)));
    };
    let mut session = site.open(Access::Write)?;
    refuse_existing(session.as_mut(), &site)?;
    let login = Login {
        name: &site.table,
        password,
        database,
    };
    let making = session
        .login(&login)
        .map_err(|said| refused(&site, &said))?;
    let mut refined = std::collections::BTreeMap::new();
    let name = site.table.clone();
    if let Some(old) = wish.fields.get("username").filter(|old| **old != name) {
        if let Some(uri) = wish.fields.get("uri") {
            refined.insert("uri".to_owned(), uri.replacen(old.as_str(), &name, 1));
        }
        refined.insert("username".to_owned(), name);
    }
    let mut plan = planned(site, kind, wish, making);
    plan.refined = refined;
    Ok(plan)
}

pub(super) fn refused(site: &Site, said: &Said) -> PlantError {
    let hint = "connect as an account that may, or choose another place";
    PlantError::Refused(site.problem(format!("cannot be made: {said}")).hint(hint))
}

/// What the database says that will not let go of a thing of ours.
pub(super) fn in_use(site: &Site, said: &Said) -> PlantError {
    let problem = site.problem(format!("cannot be removed: {said}"));
    PlantError::Refused(problem.hint("remove what depends on it first"))
}

fn refuse_existing(session: &mut dyn Session, site: &Site) -> Result<(), PlantError> {
    let failed = site.failed("read the schema");
    let mut there = text(session, site).map_err(&failed)?.is_some();
    if site.object != Object::Role {
        there |= session.describe(&site.table).map_err(&failed)?.is_some();
    }
    if !there {
        return Ok(());
    }
    let problem = site.problem("exists already");
    Err(PlantError::Exists(
        problem.hint("choose a name that nothing has"),
    ))
}

fn rehearse(session: &mut dyn Session, site: &Site, making: &Making) -> Result<(), PlantError> {
    let failed = site.failed("rehearse the statements");
    session.begin().map_err(&failed)?;
    let result = making
        .create
        .iter()
        .try_for_each(|sql| session.run(sql, &[]).map(drop))
        .and_then(|()| text(session, site).map(drop));
    session.run("ROLLBACK", &[]).map_err(&failed)?;
    result.map_err(|said| refused(site, &said))
}

fn planned(site: Site, kind: &str, wish: &Wish, making: Making) -> Plan {
    let mut diff = Diff::default();
    diff.file(&site.place, &site.place);
    for statement in making.shown() {
        for line in statement.lines() {
            diff.push(Sign::Added, line);
        }
    }
    let detail = Detail {
        remove: making.remove.clone(),
        digest: String::new(),
    };
    let detail = serde_json::to_value(detail).expect("strings");
    Plan {
        placement: wish.intend(&site.place, kind, detail),
        diff,
        notes: making.notes.clone(),
        refined: std::collections::BTreeMap::new(),
        files: Vec::new(),
        work: Box::new(Statements { site, making }),
    }
}

struct Statements {
    site: Site,
    making: Making,
}

impl Work for Statements {
    fn write(&self, placement: &mut Placement) -> Result<(), PlantError> {
        let Self { site, making } = self;
        let failed = site.failed("make it");
        let mut session = site.open(Access::Write)?;
        session.begin().map_err(&failed)?;
        for sql in &making.create {
            session.run(sql, &[]).map_err(|said| refused(site, &said))?;
        }
        session.run("COMMIT", &[]).map_err(&failed)?;
        let said = text(session.as_mut(), site).map_err(&failed)?;
        let mut detail = Detail::of(placement)?;
        detail.digest = digest(placement, &said.unwrap_or_default());
        placement.detail = serde_json::to_value(detail).expect("strings");
        Ok(())
    }
}

/// Says what stands.
pub(crate) fn check(site: &Site, placement: &Placement) -> Result<Condition, PlantError> {
    let detail = Detail::of(placement)?;
    let mut session = site.open(Access::Read)?;
    let said = text(session.as_mut(), site).map_err(site.failed("look for it"))?;
    Ok(match said {
        None => Condition::Missing,
        Some(_) if placement.state == PlacementState::Intended => Condition::HalfPlanted,
        Some(said) if digest(placement, &said) == detail.digest => Condition::Present,
        Some(_) => Condition::Changed,
    })
}

/// Takes it away, if it is as it was made; the database refuses if anything has come to depend on it.
pub(crate) fn uproot(
    site: &Site,
    placement: &Placement,
    force: bool,
    run: Run,
) -> Result<Diff, PlantError> {
    match check(site, placement)? {
        Condition::Missing => {
            let problem = site.problem("nothing of this canary stands there any more");
            return Err(PlantError::NotOurs(
                problem.hint("`--force` gives the placement up"),
            ));
        }
        Condition::Changed if !force => {
            let problem = site.problem("has been changed since it was made");
            return Err(PlantError::NotOurs(
                problem.hint("look at it, then take it out with --force"),
            ));
        }
        _ => {}
    }
    let remove = Detail::of(placement)?.remove;
    let mut diff = Diff::default();
    diff.file(&site.place, &site.place);
    for sql in &remove {
        diff.push(Sign::Removed, sql);
    }
    if run == Run::Rehearse {
        return Ok(diff);
    }
    let failed = site.failed("remove it");
    let mut session = site.open(Access::Write)?;
    session.begin().map_err(&failed)?;
    for sql in &remove {
        session.run(sql, &[]).map_err(|said| in_use(site, &said))?;
    }
    session.run("COMMIT", &[]).map_err(&failed)?;
    Ok(diff)
}
