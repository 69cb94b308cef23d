//! `lapwing recommend`: where bait belongs in a project, a home directory or a database. Reads only: every
//! proposal is worked out as `plant --dry-run` does, with values that are thrown away, so that what is
//! proposed is what `plant` takes.

mod cover;
mod sweeps;
mod walk;

use std::collections::BTreeSet;
use std::path::Path;

use lapwing_catalog::{Address, Catalog, Kind};
use lapwing_core::text::escape;
use lapwing_daemon::mint::mail_domain;
use lapwing_plant::{Bait, Options, Plan, PlantError};
use lapwing_store::Ledger;
use serde_json::json;

use self::cover::{Cover, Spot};
use self::sweeps::{FITS, TABLES};
use self::walk::Walk;
use super::mint::minter;
use super::plant::{diff_text, print_diff};
use crate::args::{Fresh, Global, Recommend};
use crate::context::Context;
use crate::failure::{Advice, Exit};
use crate::output;

/// So many in a hundred of a tree's sweeps are enough. Of a database every table that is dumped gets its row.
const ENOUGH: u32 = 90;
const ALL: u32 = 100;

pub(crate) fn run(global: &Global, args: &Recommend) -> anyhow::Result<Exit> {
    let Recommend { target, most } = args;
    let context = Context::open(global)?;
    let catalog = context.catalog()?;
    let ledger = context.ledger()?;
    let mut notes = Vec::new();
    let (candidates, enough) = if is_database(target) {
        (rows(target)?, ALL)
    } else {
        (files(target, context.directory.root(), &mut notes)?, ENOUGH)
    };
    let mut planner = Planner::new(&context, &catalog, &ledger)?;
    if planner.addresses.is_empty() {
        notes.push(
            "no address of this station is set, so nothing that leads to it is proposed: \
             lapwing init --address 'https://*.your-domain'"
                .to_owned(),
        );
    }
    let all = candidates.len();
    let chosen = planner.choose(candidates, *most, enough);
    if chosen.is_empty() && planner.passed.is_empty() {
        notes.push(format!(
            "{} holds no place that intruders are known to sweep",
            escape(target.as_bytes())
        ));
    }
    if context.json {
        output::json(&json!({
            "proposals": chosen.iter().map(Proposal::json).collect::<Vec<_>>(),
            "places": all, "covered": planner.cover.covered, "of": planner.of,
            "passed_over": planner.passed.iter().map(|(place, why)| json!({"target": place, "why": why})).collect::<Vec<_>>(),
            "notes": notes,
        }))?;
        return Ok(Exit::Fine);
    }
    for (number, proposal) in chosen.iter().enumerate() {
        proposal.print(number + 1)?;
    }
    for (place, why) in &planner.passed {
        output::say(&format!(
            "passed over {}: {}",
            escape(place.as_bytes()),
            escape(why.as_bytes())
        ));
    }
    for note in &notes {
        output::say(&format!("note: {note}"));
    }
    output::say(&format!(
        "{} of {all} places proposed, which {} in 100 of the sweeps come by; nothing was minted or written",
        chosen.len(),
        planner.cover.covered * 100 / planner.of.max(1)
    ));
    Ok(Exit::Fine)
}

fn is_database(target: &str) -> bool {
    target.starts_with("sqlite:") || target.contains("://")
}

/// A place where bait could go.
struct Candidate {
    /// As `plant` takes it; an address may hold a password.
    target: String,
    spot: Spot,
    why: String,
    kinds: Vec<&'static str>,
}

/// Files below a directory, and tables of databases among them.
fn files(root: &str, own: &Path, notes: &mut Vec<String>) -> anyhow::Result<Vec<Candidate>> {
    let walk = Walk::below(Path::new(root), own).map_err(|error| {
        Advice::error(
            format!("{root:?} cannot be walked: {error}"),
            "name a directory, or a database: sqlite:PATH, postgres://USER@HOST/DB, mariadb://..., redis://HOST/N",
        )
    })?;
    if walk.cut {
        notes.push("the tree is large and was not walked to its end: name a part of it".to_owned());
    }
    let company: String = walk.found.iter().map(|found| found.text.as_str()).collect();
    let mut candidates: Vec<Candidate> = Vec::new();
    for found in &walk.found {
        let place = found.place;
        let mut kinds = Vec::new();
        if place.open {
            // First by the file itself, then by those around it.
            for text in [&found.text, &company] {
                let fitting = FITS
                    .iter()
                    .filter(|(words, _)| words.iter().any(|word| text.contains(word)));
                let fitting = fitting.flat_map(|(_, kinds)| kinds.iter().copied());
                kinds.extend(fitting.filter(|kind| !is_there(kind, &company)));
            }
        }
        kinds.extend(place.kinds);
        candidates.push(Candidate {
            target: found.path.display().to_string(),
            spot: Spot {
                sweep: place.sweep,
                weight: place.weight,
                part: found.part.clone(),
            },
            why: format!(
                "intruders sweep {} (weight {} of 10)",
                place.sweep, place.weight
            ),
            kinds,
        });
    }
    for database in &walk.databases {
        match rows(&format!("sqlite:{}", database.display())) {
            Ok(tables) => candidates.extend(tables),
            Err(error) => notes.push(escape(error.to_string().as_bytes())),
        }
    }
    Ok(candidates)
}

/// Whether the vendor of a kind is in use already. Addresses of databases are as good beside others.
fn is_there(kind: &str, text: &str) -> bool {
    let vendor = kind.split('-').next().unwrap_or(kind);
    let general = ["uri", "compatible", "login", "dsn"];
    !general.iter().any(|word| kind.ends_with(word)) && text.contains(vendor)
}

/// Tables of a database that are worth a row.
fn rows(database: &str) -> anyhow::Result<Vec<Candidate>> {
    let mut candidates = Vec::new();
    for table in lapwing_plant::tables(database)? {
        let name = table.name.to_lowercase();
        // `public.users`; of a group of keys the last word that is no star: `shop:user:*`.
        let mut parts = name.rsplit(['.', ':', '/', '|']);
        let bare = parts.find(|part| !part.contains('*')).unwrap_or(&name);
        let begins = |word: &&str| bare.starts_with(*word) || bare.contains(&format!("_{word}"));
        let known = TABLES.iter().find(|rows| rows.words.iter().any(&begins));
        let mail = table
            .columns
            .iter()
            .any(|column| column.to_lowercase().contains("mail"));
        // Every sort of table is a sweep of its own: none is dumped for what another holds.
        let (sweep, weight, kinds) = match known {
            Some(rows) => (rows.words[0], rows.weight, rows.kinds),
            None if mail => ("mail", 4, &["person"][..]),
            None => continue,
        };
        candidates.push(Candidate {
            target: table.target,
            spot: Spot {
                sweep,
                weight,
                part: format!("{database} {name}"),
            },
            why: format!(
                "intruders dump tables such as {} (weight {weight} of 10)",
                escape(table.name.as_bytes())
            ),
            kinds: kinds.to_vec(),
        });
    }
    Ok(candidates)
}

/// Finds for each place the kind that can be planted there.
struct Planner<'a> {
    context: &'a Context,
    catalog: &'a Catalog,
    ledger: &'a Ledger,
    addresses: Vec<Address>,
    /// Kinds proposed so far.
    used: BTreeSet<String>,
    cover: Cover,
    /// What all places that take bait cover together.
    of: u32,
    /// Places that take none, and why.
    passed: Vec<(String, String)>,
}

impl<'a> Planner<'a> {
    fn new(context: &'a Context, catalog: &'a Catalog, ledger: &'a Ledger) -> anyhow::Result<Self> {
        let addresses = context.settings().addresses.iter();
        Ok(Self {
            context,
            catalog,
            ledger,
            addresses: addresses
                .map(|text| Address::parse(text))
                .collect::<Result<_, _>>()?,
            used: BTreeSet::new(),
            cover: Cover::default(),
            of: 0,
            passed: Vec::new(),
        })
    }

    /// The greedy cover: each time the place that adds most, until enough is covered.
    fn choose(
        &mut self,
        mut candidates: Vec<Candidate>,
        most: usize,
        enough: u32,
    ) -> Vec<Proposal> {
        candidates.sort_by(|one, other| {
            one.target
                .len()
                .cmp(&other.target.len())
                .then(one.target.cmp(&other.target))
        });
        let mut chosen = Vec::new();
        let mut taken: Vec<Spot> = Vec::new();
        while chosen.len() < most && !candidates.is_empty() {
            let open = candidates.iter().map(|candidate| &candidate.spot);
            self.of = Cover::of(taken.iter().chain(open));
            if self.cover.covered * 100 >= self.of * enough {
                break;
            }
            // Of equals the first, which is the shortest: `max_by_key` gives the last.
            let gains = candidates.iter().enumerate().rev();
            let best = gains.max_by_key(|(_, candidate)| self.cover.gain(&candidate.spot));
            let Some(at) = best.map(|(at, _)| at) else {
                break;
            };
            let candidate = candidates.remove(at);
            if let Some(proposal) = self.propose(&candidate) {
                self.cover.add(&candidate.spot);
                chosen.push(proposal);
                taken.push(candidate.spot);
            }
        }
        let open = candidates.iter().map(|candidate| &candidate.spot);
        self.of = Cover::of(taken.iter().chain(open));
        chosen
    }

    fn propose(&mut self, candidate: &Candidate) -> Option<Proposal> {
        let shown = lapwing_plant::canonical_target(&candidate.target);
        let shown = shown.unwrap_or_else(|_| candidate.target.clone());
        // A kind that was not proposed yet covers more than a second of one that was.
        let fresh = candidate
            .kinds
            .iter()
            .filter(|kind| !self.used.contains(**kind));
        let again = candidate
            .kinds
            .iter()
            .filter(|kind| self.used.contains(**kind));
        let mut why = None;
        for id in fresh.chain(again) {
            let Some(kind) = self.catalog.kind(id).filter(|kind| self.has_address(kind)) else {
                continue;
            };
            match self.plan(kind, &candidate.target) {
                Ok(plan) => {
                    let proposal = Proposal::of(kind, shown, candidate, &plan);
                    self.used.insert(kind.id.clone());
                    return Some(proposal);
                }
                Err(error) => {
                    let problem = error
                        .downcast_ref::<PlantError>()
                        .and_then(PlantError::problem);
                    why.get_or_insert(
                        problem.map_or_else(|| error.to_string(), |p| p.what.clone()),
                    );
                }
            }
        }
        let why = why.unwrap_or_else(|| "no kind that fits has an address".to_owned());
        self.passed.push((shown, why));
        None
    }

    /// Whether a kind has an address to lead to. A host answers as one API only, so without a wildcard
    /// there are as many such kinds as hosts.
    fn has_address(&self, kind: &Kind) -> bool {
        let Some(wants) = &kind.address else {
            return false;
        };
        let exclusive = |id: &&String| {
            let kind = self.catalog.kind(id).and_then(|kind| kind.address.as_ref());
            kind.is_some_and(|address| address.exclusive)
        };
        let claimed = self.used.iter().filter(exclusive).count();
        let free =
            self.addresses.iter().any(Address::is_wildcard) || claimed < self.addresses.len();
        !self.addresses.is_empty() && (!wants.exclusive || self.used.contains(&kind.id) || free)
    }

    /// Works a planting out, with values that are thrown away.
    fn plan(&self, kind: &Kind, target: &str) -> anyhow::Result<Plan> {
        let fresh = Fresh {
            memo: String::new(),
            label: Vec::new(),
            set: Vec::new(),
            address: None,
            locale: None,
        };
        let minter = minter(self.context, self.catalog, self.ledger, kind, &fresh)?;
        let canary = minter.one()?;
        let bait = Bait {
            kind,
            canary: &canary,
        };
        let options = Options {
            mail_domain: mail_domain(self.context.settings(), None),
            ..Options::default()
        };
        let plan: Result<Plan, PlantError> = lapwing_plant::plan(target, &bait, &options);
        Ok(plan?)
    }
}

/// One decoy that is proposed.
struct Proposal {
    kind: String,
    name: String,
    target: String,
    why: String,
    attack: Vec<String>,
    diff: lapwing_plant::Diff,
    notes: Vec<String>,
}

impl Proposal {
    fn of(kind: &Kind, target: String, candidate: &Candidate, plan: &Plan) -> Self {
        Self {
            kind: kind.id.clone(),
            name: kind.name.clone(),
            target,
            why: candidate.why.clone(),
            attack: kind.attack.clone(),
            diff: plan.diff().clone(),
            notes: plan.notes().to_vec(),
        }
    }

    fn command(&self) -> String {
        format!("lapwing plant {} {}", self.kind, quoted(&self.target))
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "kind": self.kind, "target": self.target, "reason": self.why, "attack": self.attack,
            "command": self.command(), "diff": diff_text(&self.diff), "notes": self.notes,
        })
    }

    /// As part of one diff: programs that read diffs pass over what stands ahead of a head.
    fn print(&self, number: usize) -> anyhow::Result<()> {
        output::line(&format!("# {number}. {}: {}", self.name, self.why))?;
        output::line(&format!("#    evidence of {}", self.attack.join(", ")))?;
        for note in &self.notes {
            output::line(&format!("#    {}", escape(note.as_bytes())))?;
        }
        output::line(&format!("#    {}", escape(self.command().as_bytes())))?;
        print_diff(&self.diff)?;
        output::line("")?;
        Ok(())
    }
}

/// As a shell takes it for one word.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:@=+%,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
