//! `lapwing scan`: canary values in logs, dumps and what programs print, however they were written.
//!
//! Reports and records nothing: whoever wrote the log is not known, so a finding is no trip. The ledger
//! is read once; from then on the cost follows what is read, and memory does not grow with it.

pub(super) mod search;

use std::collections::BTreeSet;

use lapwing_catalog::Catalog;
use lapwing_core::text::escape;
use lapwing_core::{Canary, CanaryId};
use lapwing_search::{Gatherer, Needles};
use lapwing_store::Ledger;
use serde_json::{Value, json};

use self::search::{Search, Seen};
use crate::args::{Global, Scan};
use crate::context::Context;
use crate::failure::{Advice, Exit};
use crate::output;

/// Canaries read from the ledger at once.
const STRIDE: usize = 4096;
/// A secret that is no handle may be a word with a number; shorter ones turn up by chance.
const SHORTEST_SECRET: usize = 12;

pub(crate) fn run(global: &Global, args: &Scan) -> anyhow::Result<Exit> {
    let Scan { paths } = args;
    let context = Context::open(global)?;
    let ledger = context.ledger()?;
    let known = Known::read(&ledger, &context.catalog()?, &[])?;
    let mut findings = Findings {
        ledger: &ledger,
        known: &known,
        json: global.json,
        found: 0,
        canaries: BTreeSet::new(),
    };
    let mut sink = |seen: &Seen<'_>| findings.report(seen);
    let mut search = Search::new(&known.needles, &mut sink);
    search.all(paths)?;
    let (read, unreadable) = (search.read, search.unreadable);
    findings.conclude(read, unreadable)
}

/// What a value that is looked for belongs to.
#[derive(Clone, Copy)]
pub(super) enum Owner {
    /// A canary, and the number of the field.
    Canary(CanaryId, u16),
    /// A host of ours, by its number.
    Host(usize),
}

/// What the ledger knows, ready to be looked for.
pub(super) struct Known {
    pub(super) needles: Needles,
    /// Whose each value is, by tag.
    owners: Vec<Owner>,
    /// Names of fields, by number.
    fields: Vec<String>,
    skipped: u64,
}

impl Known {
    /// The values of all canaries, and these hosts.
    pub(super) fn read(
        ledger: &Ledger,
        catalog: &Catalog,
        hosts: &[String],
    ) -> anyhow::Result<Self> {
        let mut gatherer = Gatherer::default();
        let (mut owners, mut fields, mut skipped) = (Vec::new(), Vec::new(), 0);
        let mut after = None;
        loop {
            let canaries = ledger.canaries(after, STRIDE)?;
            let Some(last) = canaries.last() else {
                break;
            };
            after = Some(last.id);
            for canary in &canaries {
                for field in telling_fields(catalog, canary) {
                    let number = fields.iter().position(|known| known == field);
                    let number = number.unwrap_or_else(|| {
                        fields.push(field.to_owned());
                        fields.len() - 1
                    });
                    let tag = u32::try_from(owners.len())?;
                    if gatherer.add(tag, &canary.fields[field]) {
                        owners.push(Owner::Canary(canary.id, u16::try_from(number)?));
                    } else {
                        skipped += 1;
                    }
                }
            }
        }
        for (number, host) in hosts.iter().enumerate() {
            let tag = u32::try_from(owners.len())?;
            if gatherer.add(tag, host) {
                owners.push(Owner::Host(number));
            }
        }
        Ok(Self {
            needles: gatherer.finish(),
            owners,
            fields,
            skipped,
        })
    }

    pub(super) fn owner(&self, tag: u32) -> Option<Owner> {
        self.owners.get(tag as usize).copied()
    }

    /// The name of a field.
    pub(super) fn field(&self, number: u16) -> &str {
        self.fields
            .get(usize::from(number))
            .map_or("", String::as_str)
    }

    /// Says how many values are not looked for, if any.
    pub(super) fn tell_skipped(&self) {
        if self.skipped > 0 {
            output::say(&format!(
                "{} values of the ledger are too short or too long to be looked for",
                self.skipped
            ));
        }
    }
}

/// The fields by which a canary is recognised, and secrets that hold none of those. Without its kind
/// nothing is known of its fields, and all are looked for.
fn telling_fields<'a>(catalog: &Catalog, canary: &'a Canary) -> Vec<&'a str> {
    let fields = canary.fields.iter();
    let Some(kind) = catalog.kind(&canary.kind) else {
        return fields.map(|(name, _)| name.as_str()).collect();
    };
    let handles = kind.handles(&canary.fields);
    let tells = |name: &str, value: &str| {
        handles.iter().any(|(handle, _)| *handle == name)
            || value.len() >= SHORTEST_SECRET
                && kind.is_secret(name)
                && !handles.iter().any(|(_, handle)| value.contains(handle))
    };
    fields
        .filter(|(name, value)| tells(name, value))
        .map(|(name, _)| name.as_str())
        .collect()
}

/// Prints what is seen, and counts.
struct Findings<'a> {
    ledger: &'a Ledger,
    known: &'a Known,
    json: bool,
    found: u64,
    canaries: BTreeSet<CanaryId>,
}

impl Findings<'_> {
    fn report(&mut self, seen: &Seen<'_>) -> anyhow::Result<()> {
        let Seen {
            name,
            packed,
            place,
            sighting,
            bar,
        } = seen;
        let Some(Owner::Canary(id, field)) = self.known.owner(sighting.tag) else {
            return Ok(());
        };
        let Some(canary) = self.ledger.canary(id)? else {
            return Ok(());
        };
        self.found += 1;
        self.canaries.insert(id);
        let field = self.known.field(field);
        let words = sighting.encodings.iter().map(|encoding| encoding.word());
        let words: Vec<&str> = Some(*packed)
            .into_iter()
            .filter(|packed| !packed.is_empty())
            .chain(words)
            .collect();
        let line = if self.json {
            let finding: Value = json!({
                "file": name, "line": place.line, "column": place.column, "offset": place.offset,
                "canary": id, "kind": canary.kind, "memo": canary.memo, "field": field,
                "encoding": words, "retired": canary.retired.is_some(),
            });
            output::printable(&finding.to_string())
        } else {
            let encoding = if words.is_empty() {
                "plain".to_owned()
            } else {
                words.join(" > ")
            };
            let retired = if canary.retired.is_some() {
                ", retired"
            } else {
                ""
            };
            let memo = match canary.memo.as_str() {
                "" => String::new(),
                memo => format!("  {}", escape(memo.as_bytes())),
            };
            format!(
                "{name}:{}:{}: {id} {} {field} ({encoding}{retired}){memo}",
                place.line, place.column, canary.kind
            )
        };
        Ok(bar.suspend(|| output::line(&line))?)
    }

    fn conclude(&self, read: u64, unreadable: u64) -> anyhow::Result<Exit> {
        self.known.tell_skipped();
        let found = match (self.found, self.canaries.len()) {
            (0, _) => "no canary value".to_owned(),
            (1, _) => "1 canary value".to_owned(),
            (found, 1) => format!("{found} values of 1 canary"),
            (found, canaries) => format!("{found} values of {canaries} canaries"),
        };
        output::say(&format!(
            "{found} found in {read} bytes; {} values were looked for; no trip was recorded",
            self.known.needles.len()
        ));
        match (self.found, unreadable) {
            (0, 0) => Ok(Exit::Fine),
            (0, count) => Err(Advice::error(
                format!("{count} files or directories could not be read"),
                "run it as a user who may read them",
            )),
            _ => Ok(Exit::Found),
        }
    }
}
