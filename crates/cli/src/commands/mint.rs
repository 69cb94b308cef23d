//! `lapwing mint`: fresh canaries, their values shown once.
//!
//! A canary is in the ledger before its values are printed, so no value is ever seen that would not
//! be recognised. A million are written in transactions of bounded size, so memory is bounded too.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufWriter, Write};

use indicatif::ProgressBar;

use lapwing_catalog::{Address, Catalog, Kind, MintOrder};
use lapwing_core::{Canary, CanaryId, Clock as _, SystemClock, Trigger};
use lapwing_store::Ledger;
use serde_json::json;

use crate::address;
use crate::args::{Fresh, Global, Mint, Out};
use crate::context::{Context, pairs};
use crate::failure::Exit;
use crate::output;

pub(crate) fn run(global: &Global, args: &Mint) -> anyhow::Result<Exit> {
    let Mint {
        kind,
        fresh,
        count,
        out,
    } = args;
    let context = Context::open_or_create(global)?;
    let catalog = context.catalog()?;
    let ledger = context.ledger()?;
    let kind = catalog.require(kind)?;
    let mint = Minter::new(&context, &catalog, &ledger, kind, fresh)?;
    mint.bind(&ledger)?;
    let default = if *count == 1 { Out::Env } else { Out::Csv };
    let format = out.unwrap_or(if global.json { Out::Json } else { default });
    let bar = output::progress(*count, &format!("minting {}", kind.id));
    if *count < 10_000 {
        bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
    }
    let mut lines = Lines::new(kind, format, *count);
    let mut out = BufWriter::new(io::stdout());
    if *count == 1 {
        let canary = mint.one()?;
        ledger.add(&canary, &handles(kind, &canary))?;
        out.write_all(&lines.of(&canary)?)?;
    } else {
        mint_many(&mint, &ledger, *count, &mut lines, &mut out, &bar)?;
    }
    out.flush()?;
    bar.finish_and_clear();
    if *count > 1 {
        output::say(&format!("minted {count} canaries of kind {}", kind.id));
    }
    Ok(Exit::Fine)
}

/// A canary and its handles: field, value.
type Minted = (Canary, Vec<(String, String)>);

/// Minting, writing and printing overlap; what is printed is on disk.
fn mint_many(
    mint: &Minter<'_>,
    ledger: &Ledger,
    count: u64,
    lines: &mut Lines<'_>,
    out: &mut impl Write,
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    let unwritten = RefCell::new(VecDeque::new());
    let mut left = count;
    let mut next = || -> anyhow::Result<Option<Minted>> {
        if left == 0 {
            return Ok(None);
        }
        left -= 1;
        let canary = mint.one()?;
        let handles = handles(mint.kind, &canary);
        unwritten.borrow_mut().push_back(lines.of(&canary)?);
        Ok(Some((canary, handles)))
    };
    let (mut done, mut printed) = (0, Ok(()));
    let added = ledger.add_many(&mut next, &mut |written| {
        for _ in done..written {
            let line = unwritten.borrow_mut().pop_front();
            if let (Some(line), true) = (line, printed.is_ok()) {
                printed = out.write_all(&line);
            }
        }
        done = written;
        bar.set_position(written);
    });
    added?;
    Ok(printed?)
}

/// A canary's handles as the ledger takes them.
pub(crate) fn handles(kind: &Kind, canary: &Canary) -> Vec<(String, String)> {
    kind.handles(&canary.fields)
        .into_iter()
        .map(|(field, value)| (field.to_owned(), value))
        .collect()
}

/// Mints canaries of one kind as the operator described them.
pub(crate) struct Minter<'a> {
    kind: &'a Kind,
    memo: String,
    labels: BTreeMap<String, String>,
    set: BTreeMap<String, String>,
    address: Option<Address>,
    mail_domain: Option<String>,
}

impl<'a> Minter<'a> {
    /// Chooses the address; warns where only a vendor would see a use.
    pub(crate) fn new(
        context: &Context,
        catalog: &Catalog,
        ledger: &Ledger,
        kind: &'a Kind,
        fresh: &Fresh,
    ) -> anyhow::Result<Self> {
        let Fresh {
            memo,
            label,
            set,
            address,
        } = fresh;
        let configured = &context.settings().addresses;
        let address = address::choose(kind, catalog, ledger, configured, address.as_deref())?;
        if kind.trigger == Trigger::Provider {
            output::say(&format!(
                "note: only the vendor would see a use of {}",
                kind.id
            ));
        }
        let mail_domain = mail_domain(context, address.as_ref());
        let labels = pairs("label", label)?;
        let set = pairs("set", set)?;
        Ok(Self {
            kind,
            memo: memo.clone(),
            labels,
            set,
            address,
            mail_domain,
        })
    }

    /// Makes the host of the address answer as this kind. Before anything is minted with it.
    pub(crate) fn bind(&self, ledger: &Ledger) -> anyhow::Result<()> {
        if let Some(address) = &self.address {
            ledger.bind(address.host(), &self.kind.id)?;
        }
        Ok(())
    }

    /// One fresh canary, not stored yet.
    pub(crate) fn one(&self) -> anyhow::Result<Canary> {
        let now = SystemClock.now();
        let fields = self.kind.mint(&mut MintOrder {
            rng: &mut rand::rng(),
            address: self.address.as_ref(),
            mail_domain: self.mail_domain.as_deref(),
            set: &self.set,
            now,
        })?;
        Ok(Canary {
            id: CanaryId::fresh(),
            kind: self.kind.id.clone(),
            memo: self.memo.clone(),
            labels: self.labels.clone(),
            fields,
            minted: now,
            retired: None,
        })
    }
}

/// The operator's own mail domain, or the domain of the address bait carries.
pub(crate) fn mail_domain(context: &Context, address: Option<&Address>) -> Option<String> {
    let set = &context.settings().mail_domain;
    if !set.is_empty() {
        return Some(set.clone());
    }
    let host = match address {
        Some(address) => address.host().to_owned(),
        None => Address::parse(context.settings().addresses.first()?)
            .ok()?
            .host()
            .to_owned(),
    };
    let is_name = host.parse::<std::net::IpAddr>().is_err() && host.contains('.');
    is_name.then(|| host.trim_start_matches("*.").to_owned())
}

/// Writes a canary's values as the operator asked for them.
struct Lines<'a> {
    kind: &'a Kind,
    format: Out,
    many: bool,
    /// The columns, once the head of the table is written.
    columns: Vec<String>,
}

impl<'a> Lines<'a> {
    fn new(kind: &'a Kind, format: Out, count: u64) -> Self {
        Self {
            kind,
            format,
            many: count > 1,
            columns: Vec::new(),
        }
    }

    fn of(&mut self, canary: &Canary) -> anyhow::Result<Box<[u8]>> {
        let mut out = Vec::with_capacity(256);
        match self.format {
            Out::Json => {
                let line = json!({
                    "id": canary.id, "kind": canary.kind, "memo": canary.memo,
                    "labels": canary.labels, "minted": canary.minted.to_string(),
                    "fields": canary.fields,
                });
                writeln!(out, "{line}")?;
            }
            Out::Csv => self.row(canary, &mut out)?,
            Out::Env => self.env(canary, &mut out)?,
        }
        Ok(out.into())
    }

    fn row(&mut self, canary: &Canary, out: &mut Vec<u8>) -> anyhow::Result<()> {
        let mut csv = csv::WriterBuilder::new()
            .buffer_capacity(256)
            .from_writer(out);
        if self.columns.is_empty() {
            self.columns = canary.fields.keys().cloned().collect();
            csv.write_field("id")?;
            csv.write_record(&self.columns)?;
        }
        let value = |name: &String| canary.fields.get(name).map_or("", String::as_str);
        csv.write_field(canary.id.to_string())?;
        csv.write_record(self.columns.iter().map(value))?;
        csv.flush()?;
        Ok(())
    }

    fn env(&self, canary: &Canary, out: &mut Vec<u8>) -> anyhow::Result<()> {
        writeln!(out, "# {} {}", canary.kind, canary.id)?;
        let plant = &self.kind.plant;
        let role = plant
            .roles
            .first()
            .map_or("legacy", String::as_str)
            .to_uppercase();
        if plant.env.is_empty() {
            for (name, value) in &canary.fields {
                writeln!(out, "{}={value}", name.to_uppercase().replace('.', "_"))?;
            }
        }
        for (name, field) in &plant.env {
            if let Some(value) = canary.fields.get(field) {
                writeln!(out, "{}={value}", name.replace("{ROLE}", &role))?;
            }
        }
        if self.many {
            writeln!(out)?;
        }
        Ok(())
    }
}
