//! From a wish to a key: drawn or named, taken by the server up to the point of running it, written in one
//! transaction that fails if anybody else has touched what it touches.

use std::collections::{BTreeMap, HashSet};

use lapwing_core::Placement;

use super::address::{Address, Named};
use super::facts;
use super::group::{self, Pattern};
use super::make::Made;
use super::own::{Manner, Own};
use super::reading::{Group, groups_of, singular};
use super::record::{Detail, whole};
use super::server::Server;
use super::write::{Writing, show};
use crate::bait::Wish;
use crate::error::PlantError;
use crate::table::draw::{self, Drawn, Whose};
use crate::table::learn::Learned;
use crate::table::life::record::kept;
use crate::table::likely::Likely;
use crate::table::{Cell, Value, planning};
use crate::text::shapeless;
use crate::{Options, Plan, names};

/// How often a key is drawn again when it is unlikely or there already.
const DRAWS: usize = 24;

pub(super) fn plan(
    address: Address,
    sort: &str,
    wish: &Wish,
    options: &Options,
) -> Result<Plan, PlantError> {
    let place = address.place();
    let named = address.named.clone();
    let shapeless = || shapeless(wish, sort, place.as_ref());
    let mut server = match &named {
        Named::Group(_) if wish.row.is_empty() => return Err(shapeless()),
        Named::Group(_) => Server::open(&address)?,
        _ if wish.tree.is_none() && wish.env.is_empty() && wish.row.is_empty() => {
            return Err(shapeless());
        }
        _ => Server::open(&address)?,
    };
    let mut notes = facts::notes(&mut server, &place)?;
    let (prepared, drawn) = match &named {
        Named::Group(pattern) => {
            let (prepared, drawn) = row(&mut server, &address, pattern, wish, options)?;
            (prepared, Some(drawn))
        }
        Named::Key(name) => {
            let prepared = own(&mut server, &address, wish, options, Some(name))?;
            (prepared, None)
        }
        Named::Base => {
            let name = options.key.as_deref();
            (own(&mut server, &address, wish, options, name)?, None)
        }
    };
    let Prepared {
        mut work,
        cells,
        taken,
        group,
        notes: more,
    } = prepared;
    let mut placement = wish.intend(&place, sort, serde_json::Value::Null);
    placement.supersedes = work.old.is_some();
    work.detail.kept = kept(&cells, &placement);
    work.detail.text = whole(&placement, work.detail.form, &work.text);
    work.detail.group = group;
    placement.detail = work.detail.write();
    let diff = show(&place, &work, &cells, &taken, options.show);
    notes.extend(more);
    let mut refined = BTreeMap::new();
    if let Some(drawn) = drawn {
        notes.extend(drawn.notes);
        refined = drawn.refined;
        if let Some((score, threshold)) = drawn.score {
            notes.push(format!(
                "the key is as likely as its neighbours: {score:.1}, and 99 in 100 of them reach {threshold:.1}"
            ));
        }
    }
    Ok(Plan {
        placement,
        diff,
        notes,
        refined,
        files: Vec::new(),
        work: Box::new(work),
    })
}

/// A key that the server would take.
struct Prepared {
    work: Writing,
    cells: Vec<Cell>,
    taken: Vec<bool>,
    group: Option<String>,
    notes: Vec<String>,
}

/// One more key of a group.
fn row(
    server: &mut Server,
    address: &Address,
    pattern: &Pattern,
    wish: &Wish,
    options: &Options,
) -> Result<(Prepared, Drawn), PlantError> {
    let place = address.place();
    let glob = format!("*{}*", group::glob(singular(pattern.stem())));
    let names = server.names(Some(&glob))?;
    let Group {
        neighbours,
        numbers,
        indexes,
        mut notes,
    } = Group::read(server, address, pattern, &names, wish)?;
    planning::require_column(&neighbours.table, wish, &place)?;
    let known: HashSet<&str> = names.keys.iter().map(String::as_str).collect();
    let learned = Learned::of(&neighbours.table, &neighbours.rows);
    let judge = Likely::of(&learned);
    let next = numbers.as_ref().map(|numbers| numbers.next.as_str());
    let mut refusal = None;
    let mut whose = Whose::Minted;
    for _ in 0..DRAWS {
        let mut drawn = draw::draw(&learned, wish, options, whose)
            .map_err(|problem| PlantError::Refused(address.problem(problem.0).hint(problem.1)))?;
        if let Err(what) = planning::likely(&judge, wish, &mut drawn) {
            whose = Whose::Another;
            let problem = address.problem(what).hint(planning::UNLIKELY);
            refusal.get_or_insert(PlantError::Refused(problem));
            continue;
        }
        if let Err(what) = neighbours.fit(&learned, wish, &mut drawn) {
            return Err(PlantError::Refused(
                address
                    .problem(what)
                    .hint("leave the value to be drawn, or choose another group"),
            ));
        }
        let Some(made) = neighbours.make(&learned, &drawn, next) else {
            continue;
        };
        if known.contains(made.key.as_str()) {
            continue;
        }
        let stands_out = neighbours.stands_out(&made);
        let Made {
            key,
            id,
            cells,
            taken,
            text,
        } = made;
        let listings = indexes.iter().map(|index| index.listing(&key, &id));
        let detail = Detail {
            form: neighbours.form,
            listings: listings.collect(),
            counters: numbers
                .as_ref()
                .map_or_else(Vec::new, |numbers| numbers.counters.clone()),
            group: None,
            kept: Vec::new(),
            text: String::new(),
            key,
        };
        let work = Writing::new(address, detail, &cells, text, None);
        if work.is_there(server)? {
            continue;
        }
        work.rehearse(server)?;
        notes.extend(numbers.and_then(|numbers| numbers.note));
        notes.extend(stands_out);
        let prepared = Prepared {
            work,
            cells,
            taken,
            group: Some(pattern.text()),
            notes,
        };
        return Ok((prepared, drawn));
    }
    Err(refusal.unwrap_or_else(|| {
        let problem = address.problem("every key that could be drawn is there already");
        PlantError::Exists(problem.hint("choose another group"))
    }))
}

/// A key of our own.
fn own(
    server: &mut Server,
    address: &Address,
    wish: &Wish,
    options: &Options,
    name: Option<&str>,
) -> Result<Prepared, PlantError> {
    if wish.tree.is_none() && wish.env.is_empty() {
        let what = format!(
            "{} is one of many, and no group of keys is named",
            wish.kind
        );
        let hint = format!("add table=GROUP; {}", groups_of(server)?);
        return Err(PlantError::Target(address.problem(what).hint(hint)));
    }
    let names = server.names(None)?;
    let old = replaced(address, options)?;
    let kept_name = old.as_ref().map(|(_, detail)| detail.key.clone());
    let name = kept_name.as_deref().or(name);
    let manner = Manner::of(server, &names, address.like.as_ref(), name)?;
    let known: HashSet<&str> = names.keys.iter().map(String::as_str).collect();
    for role in names::roles(&wish.roles, options.role.as_deref()) {
        let Own {
            key,
            form,
            fields,
            text,
        } = manner.own(wish, &role, name);
        let there = old.is_none() && known.contains(key.as_str());
        if let (Some(_), true) = (name, there) {
            let problem = address.problem(format!("the key {key} is there already"));
            return Err(PlantError::Exists(problem.hint("name another with --key")));
        }
        if there {
            continue;
        }
        refuse_default(address, wish, options, &key)?;
        let cells: Vec<Cell> = fields
            .iter()
            .map(|(field, value)| Cell::new(field, Value::Text(value.clone()), true))
            .collect();
        if !wish.shows(fields.iter().map(|(_, value)| value.as_str())) {
            return Err(shapeless(wish, "redis", address.place().as_ref()));
        }
        let detail = Detail {
            key,
            form,
            group: None,
            kept: Vec::new(),
            text: String::new(),
            counters: Vec::new(),
            listings: Vec::new(),
        };
        let work = Writing::new(address, detail, &cells, text, old.clone());
        if old.is_none() && work.is_there(server)? {
            continue;
        }
        work.rehearse(server)?;
        let taken = vec![false; cells.len()];
        return Ok(Prepared {
            work,
            cells,
            taken,
            group: None,
            notes: Vec::new(),
        });
    }
    let problem = address.problem("a key of every role is there already");
    Err(PlantError::Exists(problem.hint("name one with --key")))
}

/// The placement whose key ours takes over, and what it remembers.
fn replaced(
    address: &Address,
    options: &Options,
) -> Result<Option<(Placement, Detail)>, PlantError> {
    let old = options
        .replaces
        .as_ref()
        .filter(|old| old.target == address.place());
    let old = old
        .map(|old| Ok((old.clone(), Detail::of(old)?)))
        .transpose()?;
    Ok(old.filter(|(_, detail)| detail.group.is_none()))
}

fn refuse_default(
    address: &Address,
    wish: &Wish,
    options: &Options,
    key: &str,
) -> Result<(), PlantError> {
    let last = key.rsplit([':', '/', '|', '.']).next().unwrap_or(key);
    let default = [key, last]
        .iter()
        .any(|name| names::is_default(name, &wish.defaults));
    if !default || options.danger_default {
        return Ok(());
    }
    let problem = address.problem(format!("{key} is a name that programs read by default"));
    let hint = "name another with --key, or allow it with --danger-default";
    Err(PlantError::Refused(problem.hint(hint)))
}
