//! `lapwing mint`: fresh canaries, their values shown once.
//!
//! A canary is in the ledger before its values are printed, so no value is ever seen that would not
//! be recognised. A million are written in transactions of bounded size, so memory is bounded too.

mod lines;
mod warn;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, BufWriter, Write};

use indicatif::ProgressBar;

use lapwing_catalog::{Address, Catalog, Kind, Locale, MintOrder, Scene};
use lapwing_core::{Canary, CanaryId, Clock as _, SystemClock};
use lapwing_store::Ledger;

use self::lines::{Lines, Row};
use self::warn::warn;
use crate::address;
use crate::args::{Fresh, Global, Mint, Out};
use crate::context::{Context, pairs};
use crate::failure::{Advice, Exit};
use crate::output;

pub(crate) fn run(global: &Global, args: &Mint) -> anyhow::Result<Exit> {
    let Mint {
        kind,
        fresh,
        count,
        out,
        // `Lines` reads these two.
        dialect: _,
        table: _,
        files,
    } = args;
    let context = Context::open_or_create(global)?;
    let catalog = context.catalog()?;
    let ledger = context.ledger()?;
    let kind = catalog.require(kind)?;
    let mint = Minter::new(&context, &catalog, &ledger, kind, fresh)?;
    mint.bind(&ledger)?;
    if super::artifact::is_asked(kind, files) {
        let as_json = global.json || *out == Some(Out::Json);
        return super::artifact::mint(&mint, kind, &ledger, *count, files, as_json);
    }
    let default = if *count == 1 { Out::Env } else { Out::Csv };
    let format = out.unwrap_or(if global.json { Out::Json } else { default });
    let bar = output::progress(*count, &format!("minting {}", kind.id));
    if *count < 10_000 {
        bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
    }
    let mut lines = Lines::new(kind, format, args, !mint.phones.is_empty())?;
    let mut out = BufWriter::new(io::stdout());
    if *count == 1 {
        let canary = mint.one_at(lines.next())?;
        ledger.add(&canary, &handles(kind, &canary))?;
        out.write_all(&lines.of(&canary)?)?;
    } else {
        mint_many(&mint, &ledger, *count, &mut lines, &mut out, &bar)?;
    }
    out.write_all(lines.end().as_bytes())?;
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
        let canary = mint.one_at(lines.next())?;
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
    locale: Option<&'static Locale>,
    phones: Vec<String>,
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
            locale,
        } = fresh;
        let configured = &context.settings().addresses;
        let address = address::choose(kind, catalog, ledger, configured, address.as_deref())?;
        let mail_domain = mail_domain(context, address.as_ref());
        let labels = pairs("label", label)?;
        let mut set = pairs("set", set)?;
        warn(catalog, kind, &set);
        let locale = chosen_locale(context, kind, locale.as_deref())?;
        let phones = chosen_phones(context, kind, locale, &mut set)?;
        Ok(Self {
            kind,
            memo: memo.clone(),
            labels,
            set,
            address,
            mail_domain,
            locale,
            phones,
        })
    }

    /// Makes the host of the address answer as this kind. Before anything is minted with it.
    pub(crate) fn bind(&self, ledger: &Ledger) -> anyhow::Result<()> {
        if let Some(address) = &self.address {
            ledger.bind(address.host(), &self.kind.id)?;
        }
        Ok(())
    }

    /// Fields whose values the operator has set.
    pub(crate) fn kept(&self) -> BTreeSet<String> {
        self.set.keys().cloned().collect()
    }

    /// One fresh canary, not stored yet.
    pub(crate) fn one(&self) -> anyhow::Result<Canary> {
        self.one_at(None)
    }

    /// One as a row of a table, or one by itself.
    fn one_at(&self, row: Option<Row>) -> anyhow::Result<Canary> {
        let now = SystemClock.now();
        let fields = self.kind.mint(&mut MintOrder {
            rng: &mut rand::rng(),
            address: self.address.as_ref(),
            mail_domain: self.mail_domain.as_deref(),
            set: &self.set,
            now: row.map_or(now, |row| row.written),
            scene: Scene {
                locale: self.locale,
                phones: &self.phones,
                created: row.map(|row| row.created),
                style: row.map(|row| row.style),
            },
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

/// Where the people of records live: by flag, else by setting, if the kind has any.
fn chosen_locale(
    context: &Context,
    kind: &Kind,
    asked: Option<&str>,
) -> anyhow::Result<Option<&'static Locale>> {
    if asked.is_some() && !kind.is_local() {
        return Err(Advice::error(
            format!("--locale: {} has nothing that differs by country", kind.id),
            "leave it out",
        ));
    }
    let set = Some(context.settings().locale.as_str()).filter(|set| !set.is_empty());
    match asked.or(set).filter(|_| kind.is_local()) {
        Some(id) => Ok(Some(Locale::named(id)?)),
        None => Ok(None),
    }
}

/// Telephone numbers records may show: `--set phone=...`, else the setting.
fn chosen_phones(
    context: &Context,
    kind: &Kind,
    locale: Option<&'static Locale>,
    set: &mut BTreeMap<String, String>,
) -> anyhow::Result<Vec<String>> {
    if !kind.shows_phone() {
        return Ok(Vec::new());
    }
    let phones = match set.remove("phone") {
        Some(text) => text.split(',').map(|one| one.trim().to_owned()).collect(),
        None => context.settings().phones.clone(),
    };
    let scene = Scene {
        locale,
        phones: &phones,
        ..Scene::default()
    };
    scene.check()?;
    if scene.shows_reserved() {
        output::say("note: numbers kept for fiction are publicly listed; a reader may know them");
    }
    Ok(phones)
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
