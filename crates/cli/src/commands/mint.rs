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
    let mut printer = Printer::new(kind, format, *count);
    if *count == 1 {
        let canary = mint.one()?;
        ledger.add(&canary, &handles(kind, &canary))?;
        printer.print(&canary)?;
    } else {
        mint_many(&mint, &ledger, *count, &mut printer, &bar)?;
    }
    printer.finish()?;
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
    printer: &mut Printer<'_>,
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
        unwritten.borrow_mut().push_back(canary.clone());
        Ok(Some((canary, handles)))
    };
    let (mut done, mut printed) = (0, Ok(()));
    let added = ledger.add_many(&mut next, &mut |written| {
        for _ in done..written {
            let canary = unwritten.borrow_mut().pop_front();
            if let (Some(canary), true) = (canary, printed.is_ok()) {
                printed = printer.print(&canary);
            }
        }
        done = written;
        bar.set_position(written);
    });
    printed.and(added.map(drop))
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

struct Printer<'a> {
    kind: &'a Kind,
    format: Out,
    many: bool,
    out: csv::Writer<Box<dyn Write>>,
    raw: BufWriter<io::Stdout>,
    head: Vec<String>,
}

impl<'a> Printer<'a> {
    fn new(kind: &'a Kind, format: Out, count: u64) -> Self {
        Self {
            kind,
            format,
            many: count > 1,
            out: csv::Writer::from_writer(Box::new(BufWriter::new(io::stdout()))),
            raw: BufWriter::new(io::stdout()),
            head: Vec::new(),
        }
    }

    fn print(&mut self, canary: &Canary) -> anyhow::Result<()> {
        match self.format {
            Out::Json => {
                let line = json!({
                    "id": canary.id, "kind": canary.kind, "memo": canary.memo,
                    "labels": canary.labels, "minted": canary.minted.to_string(),
                    "fields": canary.fields,
                });
                writeln!(self.raw, "{line}")?;
            }
            Out::Csv => {
                if self.head.is_empty() {
                    self.head = canary.fields.keys().cloned().collect();
                    self.out.write_field("id")?;
                    self.out.write_record(&self.head)?;
                }
                self.out.write_field(canary.id.to_string())?;
                self.out.write_record(
                    self.head
                        .iter()
                        .map(|name| canary.fields.get(name).map_or("", String::as_str)),
                )?;
            }
            Out::Env => self.print_env(canary)?,
        }
        Ok(())
    }

    fn print_env(&mut self, canary: &Canary) -> anyhow::Result<()> {
        writeln!(self.raw, "# {} {}", canary.kind, canary.id)?;
        let role = self
            .kind
            .plant
            .roles
            .first()
            .map_or("legacy", String::as_str)
            .to_uppercase();
        let hints = &self.kind.plant.env;
        if hints.is_empty() {
            for (name, value) in &canary.fields {
                writeln!(
                    self.raw,
                    "{}={value}",
                    name.to_uppercase().replace('.', "_")
                )?;
            }
        }
        for (name, field) in hints {
            if let Some(value) = canary.fields.get(field) {
                writeln!(self.raw, "{}={value}", name.replace("{ROLE}", &role))?;
            }
        }
        if self.many {
            writeln!(self.raw)?;
        }
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<()> {
        self.out.flush()?;
        self.raw.flush()?;
        Ok(())
    }
}
