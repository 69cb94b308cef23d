//! `lapwing report`: gathers what a report is made from.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use lapwing_core::{
    CanaryId, Clock as _, Incident, PlacementState, SystemClock, Timestamp, Verdict,
};
use lapwing_daemon::record;
use lapwing_journal::SigningSeed;
use lapwing_report::{FORMATS, Format, Integrity, Profile, Report, ReportCanary, ReportTrip};
use lapwing_store::TripFilter;

use super::incidents::decided;
use super::trips::{Desk, parse_actor};
use crate::args;
use crate::context::{parse_since, resolve};
use crate::failure::{Advice, Exit};
use crate::output;

/// Trips in one report at most; the rest is said, not shown.
const TRIPS: usize = 100_000;

pub(crate) fn run(global: &args::Global, args: &args::Report) -> anyhow::Result<Exit> {
    let args::Report {
        since,
        actor,
        canary,
        format,
        full,
        out,
    } = args;
    let format = FORMATS
        .iter()
        .find(|known| known.name == format)
        .ok_or_else(|| {
            let known: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
            Advice::error(
                format!("no report format {format:?}"),
                format!("there are {}", known.join(", ")),
            )
        })?;
    let desk = Desk::open(global)?;
    let filter = TripFilter {
        since: since.as_deref().map(parse_since).transpose()?,
        actor: actor.as_deref().map(parse_actor).transpose()?,
        canary: canary
            .as_deref()
            .map(|text| resolve(&desk.ledger, text))
            .transpose()?,
        limit: TRIPS,
        ..TripFilter::default()
    };
    let profile = if *full {
        Profile::Full
    } else {
        Profile::Masked
    };
    let report = gather(&desk, &filter, profile)?;
    let bytes = (format.render)(&report, profile)?;
    match destination(format, out.clone()) {
        None => std::io::stdout().write_all(&bytes)?,
        Some(file) => {
            let mut options = OpenOptions::new();
            let mut opened = options
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&file)
                .with_context(|| format!("cannot write the report {}", file.display()))?;
            opened.write_all(&bytes)?;
            output::say(&format!(
                "wrote {} ({} trips)",
                file.display(),
                report.trips.len()
            ));
        }
    }
    Ok(Exit::Fine)
}

/// A page is no use in a terminal.
fn destination(format: &Format, out: Option<PathBuf>) -> Option<PathBuf> {
    let page = format.name == "html" && std::io::stdout().is_terminal();
    out.or_else(|| page.then(|| PathBuf::from(format!("report.{}", format.extension))))
}

fn gather(desk: &Desk, filter: &TripFilter, profile: Profile) -> anyhow::Result<Report> {
    let rows = desk.index.trips(filter)?.rows;
    if rows.len() == TRIPS {
        output::say(&format!(
            "note: only the newest {TRIPS} trips are in the report"
        ));
    }
    let bar = output::progress(rows.len() as u64, "reading trips");
    let mut trips = Vec::with_capacity(rows.len());
    for row in &rows {
        // A record that cannot be read is what the integrity statement is about.
        let mut record = match desk.record(row) {
            Ok(record) => record,
            Err(error) => {
                output::say(&format!("left out trip {}: {error:#}", row.id()));
                continue;
            }
        };
        let trip = record::trip(&record).with_context(|| format!("no trip at {}", row.id()))?;
        let raw = record
            .parts
            .remove(record::RAW)
            .filter(|_| profile == Profile::Full);
        trips.push(ReportTrip {
            tool: lapwing_attribute::tool(&trip),
            trip,
            conclusion: row.conclusion.clone(),
            raw,
        });
        bar.inc(1);
    }
    bar.finish_and_clear();
    let named = filter.canary.is_some() || filter.actor.is_some();
    let touched: BTreeSet<CanaryId> = trips
        .iter()
        .map(|trip| trip.trip.canary)
        .chain(filter.canary)
        .collect();
    let geography = lapwing_daemon::geography::geography(&desk.context.settings().geo)?;
    Ok(Report {
        generated: SystemClock.now(),
        station: desk.context.directory.station(),
        range: (filter.since, filter.until),
        exercise: desk.context.settings().exercise,
        operator: desk.context.settings().operator.clone(),
        canaries: canaries(desk, &touched, named)?,
        incidents: incidents(desk, &trips)?,
        actors: actors(desk, &trips)?,
        trips,
        integrity: integrity(desk)?,
        sources: geography
            .sources()
            .iter()
            .map(|source| source.attribution.to_string())
            .collect(),
    })
}

fn incidents(desk: &Desk, trips: &[ReportTrip]) -> anyhow::Result<Vec<Incident>> {
    let ids: BTreeSet<_> = trips.iter().map(|trip| trip.conclusion.incident).collect();
    let decisions = desk.ledger.decisions()?;
    let mut found = Vec::new();
    for id in ids {
        found.extend(
            desk.index
                .incident(id)?
                .map(|incident| decided(incident, &decisions)),
        );
    }
    Ok(found)
}

fn actors(desk: &Desk, trips: &[ReportTrip]) -> anyhow::Result<Vec<lapwing_core::Actor>> {
    let ids: BTreeSet<_> = trips.iter().map(|trip| trip.conclusion.actor).collect();
    let mut found = Vec::new();
    for id in ids {
        found.extend(desk.index.actor(id)?);
    }
    Ok(found)
}

/// The touched canaries; of a report on everything also what stands untouched.
fn canaries(
    desk: &Desk,
    touched: &BTreeSet<CanaryId>,
    named: bool,
) -> anyhow::Result<Vec<ReportCanary>> {
    let mut wanted = touched.clone();
    if !named {
        let placements = desk.ledger.placements()?;
        wanted.extend(
            placements
                .iter()
                .filter(|placement| placement.state == PlacementState::Planted)
                .map(|placement| placement.canary),
        );
    }
    let catalog = desk.context.catalog()?;
    let mut canaries = Vec::new();
    for id in wanted {
        let Some(canary) = desk.ledger.canary(id)? else {
            continue;
        };
        let kind = catalog.kind(&canary.kind);
        let placement = desk
            .ledger
            .placements_of(id)?
            .into_iter()
            .rfind(|placement| placement.state != PlacementState::Abandoned);
        canaries.push(ReportCanary {
            canary_id: id,
            kind_name: kind.map_or_else(|| canary.kind.clone(), |kind| kind.name.clone()),
            attack: kind.map(|kind| kind.attack.clone()).unwrap_or_default(),
            title: canary.title().to_owned(),
            kind: canary.kind,
            labels: canary.labels,
            place: placement.as_ref().map(|placement| placement.target.clone()),
            planted: placement.as_ref().and_then(|placement| placement.planted),
            last_checked: placement.as_ref().and_then(|placement| placement.checked),
            uprooted: placement.as_ref().and_then(|placement| placement.uprooted),
            minted: canary.minted,
            retired: canary.retired,
            first_used: first_use(desk, id)?,
        });
    }
    Ok(canaries)
}

/// First use ever, drills apart.
fn first_use(desk: &Desk, id: CanaryId) -> anyhow::Result<Option<Timestamp>> {
    let filter = TripFilter {
        canary: Some(id),
        limit: TRIPS,
        ..TripFilter::default()
    };
    let rows = desk.index.trips(&filter)?.rows;
    if rows.len() == TRIPS {
        // Too many to look at each: then a drill may be the first.
        return Ok(desk.index.canary_stats(id)?.map(|stats| stats.first));
    }
    Ok(rows
        .iter()
        .filter(|row| row.conclusion.judgement.verdict != Verdict::Drill)
        .map(|row| row.time)
        .min())
}

fn integrity(desk: &Desk) -> anyhow::Result<Integrity> {
    let directory = &desk.context.directory;
    let public = SigningSeed::new(directory.signing_seed()).public_key();
    let bar = output::progress(0, "verifying the evidence log");
    let journal = directory.journal();
    let keys = directory.keyring();
    let verified = lapwing_journal::verify(&journal, &public, Some(&keys), &mut |done| {
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let public_key = HEXLOWER.encode(&public);
    Ok(match verified {
        Ok(verified) => Integrity {
            verified: true,
            records: verified.records,
            checkpoint: verified.checkpoint,
            public_key,
            message: String::new(),
        },
        Err(broken) => Integrity {
            verified: false,
            records: 0,
            checkpoint: lapwing_journal::newest_checkpoint(&journal)?.unwrap_or_default(),
            public_key,
            message: broken.to_string(),
        },
    })
}
