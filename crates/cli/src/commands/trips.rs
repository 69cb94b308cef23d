//! `lapwing trips`, `trip`, `watch`: what happened.
//!
//! Rows come from the index; what the peer said comes from the journal and is escaped.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use data_encoding::HEXLOWER;
use lapwing_core::{
    ActorId, Canary, CanaryId, Claimed, Conclusion, Hands, NetworkFacts, Trip, TripId, Verdict,
    mutes, text,
};
use lapwing_daemon::record;
use lapwing_journal::{Position, Record};
use lapwing_store::{Index, Ledger, TripFilter, TripRow};
use serde_json::json;

use super::forget::erased_words;
use crate::args::{Global, One, Trips};
use crate::context::{Context, parse_since, resolve};
use crate::failure::{Advice, Exit};
use crate::output::{self, colour};

/// Why the CLI opens claims: it shows them, escaped.
const SHOWN: &str = "shown to the operator, escaped";

pub(crate) fn list(global: &Global, args: &Trips) -> anyhow::Result<Exit> {
    let Trips {
        list,
        since,
        canary,
        actor,
    } = args;
    let desk = Desk::open(global)?;
    let filter = TripFilter {
        since: since.as_deref().map(parse_since).transpose()?,
        canary: canary
            .as_deref()
            .map(|text| resolve(&desk.ledger, text))
            .transpose()?,
        actor: actor.as_deref().map(parse_actor).transpose()?,
        limit: list.limit,
        ..TripFilter::default()
    };
    let rows = desk.index.trips_as(&filter, desk.hands()?)?.rows;
    if desk.context.json {
        let trips = rows
            .iter()
            .map(|row| desk.as_json(row))
            .collect::<anyhow::Result<Vec<_>>>()?;
        output::json(&trips)?;
        return Ok(Exit::Fine);
    }
    let mut table = output::table(&["trip", "time", "verdict", "bait", "from", "what"]);
    for row in &rows {
        table.add_row([
            row.id().to_string(),
            row.time.to_seconds_string(),
            row.conclusion.judgement.verdict.word().to_owned(),
            desk.title(row.canary)?,
            format!(
                "{} {}",
                row.source.ip(),
                network_short(&row.conclusion.network)
            ),
            desk.what(row)?,
        ]);
    }
    output::print_table(&table)?;
    if rows.is_empty() {
        output::say("no trips");
    }
    Ok(Exit::Fine)
}

/// An actor's id as typed.
pub(crate) fn parse_actor(text: &str) -> anyhow::Result<ActorId> {
    text.parse()
        .map_err(|error| Advice::error(format!("{error}"), "`lapwing actors` lists them"))
}

/// A trip's id as typed.
pub(crate) fn parse_trip(desk: &Desk, text: &str) -> anyhow::Result<TripId> {
    match text.parse::<u64>() {
        // The number alone means this station's.
        Ok(sequence) => Ok(TripId {
            station: desk.context.directory.station(),
            sequence,
        }),
        Err(_) => text
            .parse()
            .map_err(|error| Advice::error(format!("{error}"), "`lapwing trips` lists them")),
    }
}

/// Index, ledger and journal, read together.
pub(crate) struct Desk {
    pub(crate) context: Context,
    pub(crate) index: Index,
    pub(crate) ledger: std::sync::Arc<Ledger>,
    titles: std::cell::RefCell<HashMap<CanaryId, String>>,
    hands: std::cell::OnceCell<Hands>,
}

impl Desk {
    pub(crate) fn open(global: &Global) -> anyhow::Result<Self> {
        let context = Context::open(global)?;
        let (index, ledger) = (context.index()?, context.ledger()?);
        Ok(Self {
            context,
            index,
            ledger,
            titles: Default::default(),
            hands: std::cell::OnceCell::new(),
        })
    }

    /// Which actors are one or apart, as it stood when it was first asked for.
    pub(crate) fn hands(&self) -> anyhow::Result<&Hands> {
        if let Some(hands) = self.hands.get() {
            return Ok(hands);
        }
        let hands = self.index.hands(&self.ledger.decisions()?)?;
        Ok(self.hands.get_or_init(|| hands))
    }

    /// The journal record behind a row.
    pub(crate) fn record(&self, row: &TripRow) -> anyhow::Result<Record> {
        let directory = &self.context.directory;
        let position = Position {
            segment: row.segment,
            offset: row.offset,
        };
        Ok(lapwing_journal::read_at(
            &directory.journal(),
            &directory.keyring(),
            position,
            row.id().sequence,
        )?)
    }

    /// The trip behind a row, as recorded.
    pub(crate) fn trip(&self, row: &TripRow) -> anyhow::Result<Trip> {
        record::trip(&self.record(row)?).ok_or_else(|| {
            Advice::error(
                format!("the index points to a record that is no trip: {}", row.id()),
                "rebuild it: lapwing reindex",
            )
        })
    }

    /// What a person calls a canary.
    pub(crate) fn title(&self, id: CanaryId) -> anyhow::Result<String> {
        if let Some(title) = self.titles.borrow().get(&id) {
            return Ok(title.clone());
        }
        let canary = self.ledger.canary(id)?;
        let title = canary.as_ref().map_or_else(|| id.to_string(), title_of);
        self.titles.borrow_mut().insert(id, title.clone());
        Ok(title)
    }

    /// What was done, in a few words.
    fn what(&self, row: &TripRow) -> anyhow::Result<String> {
        let trip = self.trip(row)?;
        let mut what = String::new();
        if row.count > 1 {
            let _ = write!(what, "{} uses: ", row.count);
        }
        if !trip.decoy.rule.is_empty() && !trip.decoy.rule.starts_with('*') {
            what.push_str(&trip.decoy.rule);
        } else if let Some(claims) = &trip.claims {
            what.push_str(&text::escape_short(
                claims.method.open(SHOWN).as_bytes(),
                16,
            ));
            let found: Vec<&str> = trip
                .fields
                .iter()
                .map(|found| found.field.as_str())
                .collect();
            let _ = write!(what, " with {}", found.join(", "));
        }
        Ok(what)
    }

    fn as_json(&self, row: &TripRow) -> anyhow::Result<serde_json::Value> {
        let trip = self.trip(row)?;
        let tool = lapwing_attribute::tool(&trip);
        let time = row.time.to_string();
        Ok(json!({ "trip": trip, "time": time, "conclusion": row.conclusion, "tool": tool }))
    }
}

fn title_of(canary: &Canary) -> String {
    if canary.memo.is_empty() {
        canary.kind.clone()
    } else {
        format!("{} ({})", canary.memo, canary.kind)
    }
}

fn verdict_style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Intruder | Verdict::Own => colour(AnsiColor::Red).bold(),
        Verdict::Drill => colour(AnsiColor::Green),
        Verdict::Automated | Verdict::Preview | Verdict::Echo => colour(AnsiColor::Yellow),
    }
}

/// `NL, AS64500 Example`
fn network_short(facts: &NetworkFacts) -> String {
    let mut parts = Vec::new();
    parts.extend(facts.country.clone());
    parts.extend(facts.asn.map(|asn| format!("AS{asn}")));
    parts.extend(facts.special.clone());
    parts.join(", ")
}

/// A place in words.
pub(crate) fn place(facts: &NetworkFacts) -> String {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(facts.city.clone());
    parts.extend(facts.country.clone());
    if let Some(special) = &facts.special {
        parts.push(format!("none ({special} address)"));
    }
    if parts.is_empty() {
        parts.push("unknown".to_owned());
    }
    if facts.exercise {
        parts.push("made up for an exercise".to_owned());
    }
    parts.join(", ")
}

/// An autonomous system in words.
pub(crate) fn network(facts: &NetworkFacts) -> String {
    match (facts.asn, &facts.as_name) {
        (Some(asn), Some(name)) => format!("AS{asn} {name}"),
        (Some(asn), None) => format!("AS{asn}"),
        _ => "unknown".to_owned(),
    }
}

/// The lists that a network is in, in words; `None` if in none.
pub(crate) fn listed(facts: &NetworkFacts) -> Option<String> {
    (!facts.lists.is_empty()).then(|| facts.listed().join(", "))
}

pub(crate) fn show(global: &Global, args: &One) -> anyhow::Result<Exit> {
    let desk = Desk::open(global)?;
    let id = parse_trip(&desk, &args.id)?;
    let row = desk
        .index
        .trip(id)?
        .ok_or_else(|| Advice::error(format!("no trip {id}"), "`lapwing trips` lists them"))?;
    let record = desk.record(&row)?;
    let trip = desk.trip(&row)?;
    let raw = record.parts.get(record::RAW);
    let erased = erased_words(&desk.ledger.decisions()?, &record, row.source.ip());
    if desk.context.json {
        let mut value = desk.as_json(&row)?;
        value["raw"] = json!(raw.map(|raw| text::escape_lines(raw)));
        value["erased"] = json!(record.erased);
        value["erased_because"] = json!(erased);
        if let Some(hello) = record.parts.get(record::HELLO) {
            value["hello"] = json!(HEXLOWER.encode(hello));
        }
        output::json(&value)?;
        return Ok(Exit::Fine);
    }
    print_trip(&desk, &row, &trip)?;
    if let Some(hello) = record.parts.get(record::HELLO) {
        heading("ClientHello as sent")?;
        output::line(&format!("  {} bytes; --json shows them", hello.len()))?;
    }
    heading("Request as sent (control characters escaped)")?;
    match raw {
        Some(raw) => {
            for line in text::escape_lines(raw).lines() {
                output::line(&format!("  {line}"))?;
            }
        }
        None => {
            let why = erased.as_deref().unwrap_or("not kept: past the quota");
            output::line(&format!("  {why}"))?;
        }
    }
    if let Some(erased) = erased.filter(|_| raw.is_some()) {
        output::line(&format!("  {erased}"))?;
    }
    output::say("\nan address and its place describe a network endpoint, not a person");
    Ok(Exit::Fine)
}

fn heading(title: &str) -> std::io::Result<()> {
    let cyan = colour(AnsiColor::Cyan);
    output::line(&format!("\n{cyan}{title}{cyan:#}"))
}

fn item(name: &str, value: &str) -> std::io::Result<()> {
    output::line(&format!("  {name:<12} {value}"))
}

/// Who muted it, and why.
fn print_mute(desk: &Desk, conclusion: &Conclusion) -> anyhow::Result<()> {
    if let Some(id) = conclusion.mute {
        let mutes = mutes(&desk.ledger.decisions()?);
        if let Some((_, mute)) = mutes.iter().find(|(_, mute)| mute.mute == id) {
            output::line(&format!(
                "  muted by {} ({id}): {}",
                mute.owner, mute.reason
            ))?;
        }
    }
    Ok(())
}

fn print_trip(desk: &Desk, row: &TripRow, trip: &Trip) -> anyhow::Result<()> {
    let conclusion = &row.conclusion;
    let verdict = conclusion.judgement.verdict;
    let style = verdict_style(verdict);
    output::line(&format!(
        "trip {}  {style}{}{style:#}",
        trip.id,
        verdict.word()
    ))?;
    for reason in &conclusion.judgement.reasons {
        output::line(&format!("  {reason}"))?;
    }
    print_mute(desk, conclusion)?;
    heading("Bait")?;
    item("canary", &trip.canary.to_string())?;
    item("bait", &desk.title(trip.canary)?)?;
    for placement in desk.ledger.placements_of(trip.canary)? {
        item("place", &placement.target)?;
    }
    let found: Vec<String> = trip
        .fields
        .iter()
        .map(|found| format!("{} in {}", found.field, found.carrier.word()))
        .collect();
    item("found", &found.join(", "))?;
    heading("Observed")?;
    item("time", &trip.observed.time.to_string())?;
    item("peer", &trip.observed.peer.to_string())?;
    if trip.observed.is_relayed() {
        item(
            "asked by",
            "a DNS resolver, on behalf of somebody who is not seen",
        )?;
    }
    if let Some(forwarded) = trip.observed.forwarded {
        let by = match &trip.observed.observer {
            Some(_) => "by the word of the application",
            None => "by the PROXY protocol of a configured proxy",
        };
        item("client", &format!("{forwarded} ({by})"))?;
    }
    if let Some(observer) = &trip.observed.observer {
        item("shown to", &format!("your application {observer}"))?;
    }
    item("protocol", &trip.observed.protocol)?;
    item("program", &trip.observed.fingerprint)?;
    for (name, value) in &trip.observed.signals {
        item(name, &text::escape_short(value.as_bytes(), 400))?;
    }
    if trip.count > 1 {
        item("uses", &trip.count.to_string())?;
    }
    heading("Concluded")?;
    item("place", &place(&conclusion.network))?;
    for (name, value) in super::geo::how_sure(&conclusion.network) {
        item(name, &value)?;
    }
    item("network", &network(&conclusion.network))?;
    if let Some(listed) = listed(&conclusion.network) {
        item("listed as", &listed)?;
    }
    item("sources", &conclusion.network.sources.join("; "))?;
    print_tool(trip)?;
    item("incident", &conclusion.incident.to_string())?;
    item("actor", &conclusion.actor.to_string())?;
    for evidence in &conclusion.evidence {
        item("", &format!("{} ({:?})", evidence.detail, evidence.grade))?;
    }
    heading("Answered")?;
    let outcome = json!(trip.decoy.outcome);
    item("decoy", &format!("{} {}", trip.decoy.kind, trip.decoy.rule))?;
    item(
        "answer",
        &format!(
            "{} ({})",
            trip.decoy.status,
            outcome.as_str().unwrap_or_default()
        ),
    )?;
    print_claims(trip)?;
    Ok(())
}

fn print_tool(trip: &Trip) -> std::io::Result<()> {
    let Some(tool) = lapwing_attribute::tool(trip) else {
        return Ok(());
    };
    let name = tool.name.as_deref().unwrap_or("unknown");
    let belied = match tool.claimed.filter(|_| tool.contradicts) {
        Some(claimed) => format!(", which contradicts its word that it is {claimed}"),
        None => String::new(),
    };
    item("tool", &format!("{name}{belied}"))?;
    for reason in &tool.reasons {
        item("", reason)?;
    }
    Ok(())
}

fn print_claims(trip: &Trip) -> anyhow::Result<()> {
    let Some(claims) = &trip.claims else {
        return Ok(());
    };
    heading("Claimed by the peer")?;
    let shown = |claim: &Claimed<String>| text::escape_short(claim.open(SHOWN).as_bytes(), 400);
    item(
        "request",
        &format!("{} {}", shown(&claims.method), shown(&claims.target)),
    )?;
    item("host", &shown(&claims.host))?;
    item("agent", &shown(&claims.agent))?;
    for (name, value) in &claims.forwarding {
        item(
            "forwarding",
            &format!("{}: {}", text::escape(name.as_bytes()), shown(value)),
        )?;
    }
    for (name, values) in &claims.captured {
        for value in values.open(SHOWN) {
            let name = text::escape_short(name.as_bytes(), 40);
            item(&name, &text::escape_short(value.as_bytes(), 400))?;
        }
    }
    Ok(())
}

/// How often `watch` looks.
const WATCH: Duration = Duration::from_millis(250);

pub(crate) fn watch(global: &Global) -> anyhow::Result<Exit> {
    let desk = Desk::open(global)?;
    let newest = |limit| {
        let filter = TripFilter {
            limit,
            ..TripFilter::default()
        };
        Ok::<_, anyhow::Error>(desk.index.trips(&filter)?.rows)
    };
    let mut last = newest(1)?.first().map(TripRow::id);
    output::say("waiting for trips; ctrl-c ends");
    loop {
        let rows = newest(200)?;
        let fresh = rows.iter().take_while(|row| Some(row.id()) != last);
        for row in fresh.collect::<Vec<_>>().into_iter().rev() {
            if desk.context.json {
                output::line(&output::printable(&desk.as_json(row)?.to_string()))?;
                continue;
            }
            let verdict = row.conclusion.judgement.verdict;
            let style = verdict_style(verdict);
            output::line(&format!(
                "{} {style}{}{style:#} {} from {} {}: {}",
                row.time.to_seconds_string(),
                verdict.word(),
                desk.title(row.canary)?,
                row.source.ip(),
                network_short(&row.conclusion.network),
                desk.what(row)?,
            ))?;
        }
        last = rows.first().map(TripRow::id).or(last);
        std::thread::sleep(WATCH);
    }
}
