//! `lapwing report`: gathers what a report is made from, and writes it.

mod publish;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::{IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use lapwing_core::{
    CanaryId, Clock as _, Decision, Handled, Handling, Handlings, Incident, IncidentId,
    PlacementState, SystemClock, Timestamp, Verdict, why_erased,
};
use lapwing_daemon::record;
use lapwing_journal::SigningSeed;
use lapwing_report::{
    Erased, FORMATS, Integrity, Language, Profile, Report, ReportCanary, ReportError, ReportTrip,
    letters,
};
use lapwing_store::TripFilter;

use self::publish::Wish;
use super::trips::{Desk, parse_actor};
use crate::args::{self, Global, ReportAction, ReportProfile};
use crate::context::{parse_since, resolve};
use crate::failure::{Advice, Exit};
use crate::output;

/// A journal of so many records is verified whole for any report: that takes a second, and shows more.
const READ_WHOLE: u64 = 100_000;
/// Trips in one report at most; the rest is said, not shown.
const TRIPS: usize = 100_000;

pub(crate) fn run(global: &Global, args: &args::Report) -> anyhow::Result<Exit> {
    match &args.action {
        None => write(global, args),
        Some(ReportAction::List) => publish::list(global),
        Some(ReportAction::Withdraw { id, reason, out }) => {
            publish::withdraw(global, id, reason, out.as_deref())
        }
    }
}

fn write(global: &Global, args: &args::Report) -> anyhow::Result<Exit> {
    let args::Report {
        action: _,
        since,
        actor,
        canary,
        format,
        profile,
        full,
        language,
        publish: published,
        confirm,
        danger_embargo,
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
    let profile = match (profile, full) {
        (Some(ReportProfile::Authorities), _) | (None, true) => Profile::Full,
        _ => Profile::Masked,
    };
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
    let language = parse_language(language.as_deref(), &desk)?;
    if *published {
        publish::allowed(format, profile)?;
    }
    let mut report = gather(&desk, &filter, profile, *published)?;
    report.language = language;
    if *published {
        let wish = Wish {
            format,
            filter: narrowed(args),
            confirm: confirm.as_deref(),
            danger_embargo: *danger_embargo,
            out: out.as_deref(),
        };
        return publish::publish(&desk, &mut report, &wish);
    }
    match out {
        Some(directory) if format.name == "letter" && directory.is_dir() => {
            write_letters(&report, profile, directory)
        }
        _ => {
            let bytes = (format.render)(&report, profile).map_err(advised)?;
            let what = format!("{} trips", report.trips.len());
            save(
                &bytes,
                destination(format.name, "report", format.extension, out.as_deref()),
                &what,
            )
        }
    }
}

fn parse_language(flag: Option<&str>, desk: &Desk) -> anyhow::Result<Language> {
    let code = flag.unwrap_or(&desk.context.settings().report.language);
    let mut known = Language::ALL.iter().copied();
    known.find(|one| one.code() == code).ok_or_else(|| {
        let codes: Vec<&str> = Language::ALL.iter().map(|one| one.code()).collect();
        Advice::error(
            format!("no report is written in {code:?}"),
            format!(
                "write {} with --language or in the setting report.language",
                codes.join(" or ")
            ),
        )
    })
}

/// What the report was narrowed to, as it was asked for.
fn narrowed(args: &args::Report) -> Vec<String> {
    let parts = [
        ("since", &args.since),
        ("actor", &args.actor),
        ("canary", &args.canary),
    ];
    parts
        .iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", value.as_deref()?)))
        .collect()
}

/// A letter to each network, in a file of its own.
fn write_letters(report: &Report, profile: Profile, directory: &Path) -> anyhow::Result<Exit> {
    for letter in letters(report, profile).map_err(advised)? {
        let file = directory.join(format!("{}.eml", letter.network));
        save(
            &letter.message,
            Some(file),
            "a letter, without sender and recipient",
        )?;
    }
    output::say("who answers for an address is for its registry to say: whois ADDRESS");
    Ok(Exit::Fine)
}

/// What to do where a format cannot be had of this report.
fn advised(error: ReportError) -> anyhow::Error {
    let hint = match error {
        ReportError::LetterMasked | ReportError::XarfMasked => {
            "ask for it with --profile authorities, and send it to nobody else"
        }
        ReportError::Contact { .. } => "set contact = \"abuse@your.domain\" in lapwing.toml",
        ReportError::LetterExercise => "turn the setting exercise off where it is none",
        ReportError::LetterNobody => "`lapwing trips` lists how each use was judged, and why",
        _ => return error.into(),
    };
    Advice::error(error.to_string(), hint)
}

/// Writes to a file that only the owner may read, or to stdout.
fn save(bytes: &[u8], file: Option<PathBuf>, what: &str) -> anyhow::Result<Exit> {
    let Some(file) = file else {
        std::io::stdout().write_all(bytes)?;
        return Ok(Exit::Fine);
    };
    let mut options = OpenOptions::new();
    let mut opened = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&file)
        .with_context(|| format!("cannot write {}", file.display()))?;
    opened.write_all(bytes)?;
    output::say(&format!("wrote {} ({what})", file.display()));
    Ok(Exit::Fine)
}

/// A page is no use in a terminal.
fn destination(format: &str, stem: &str, extension: &str, out: Option<&Path>) -> Option<PathBuf> {
    let page = ["html", "pdf", "svg"].contains(&format) && std::io::stdout().is_terminal();
    out.map(Path::to_owned)
        .or_else(|| page.then(|| PathBuf::from(format!("{stem}.{extension}"))))
}

/// `whole`: the journal is verified from end to end, not only where the report rests on it.
fn gather(
    desk: &Desk,
    filter: &TripFilter,
    profile: Profile,
    whole: bool,
) -> anyhow::Result<Report> {
    let rows = desk.index.trips_as(filter, desk.hands()?)?.rows;
    if rows.len() == TRIPS {
        output::say(&format!(
            "note: only the newest {TRIPS} trips are in the report"
        ));
    }
    let bar = output::progress(rows.len() as u64, "reading trips");
    let decisions = desk.ledger.decisions()?;
    let mut erased = BTreeMap::new();
    let mut trips = Vec::with_capacity(rows.len());
    let mut leaves = BTreeMap::new();
    for row in &rows {
        // A record that cannot be read is what the integrity statement is about.
        let mut record = match desk.record(row) {
            Ok(record) => record,
            Err(error) => {
                output::say(&format!("left out trip {}: {error:#}", row.id()));
                continue;
            }
        };
        leaves.insert(record.sequence, record.leaf);
        let trip = record::trip(&record).with_context(|| format!("no trip at {}", row.id()))?;
        if !record.erased.is_empty() {
            let source = trip.observed.source().ip();
            let why = why_erased(&decisions, trip.id, record.time, source);
            let parts = record.erased.clone();
            erased.insert(trip.id, Erased { parts, why });
        }
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
    let (incidents, handling) = incidents(desk, &trips, &decisions)?;
    let geography = lapwing_daemon::geography::geography(&desk.context.settings().geo)?;
    // That an erasure is on record, too, is seen only where all is read; and a record that could not be read
    // is to be named.
    let whole = whole || !erased.is_empty() || trips.len() < rows.len();
    Ok(Report {
        generated: SystemClock.now(),
        station: desk.context.directory.station(),
        range: (filter.since, filter.until),
        exercise: desk.context.settings().exercise,
        operator: desk.context.settings().operator.clone(),
        contact: desk.context.settings().contact.clone(),
        canaries: canaries(desk, &touched, named)?,
        incidents,
        handling,
        erased,
        actors: actors(desk, &trips)?,
        cases: cases(desk, &trips)?,
        trips,
        integrity: integrity(desk, (!whole).then_some(&leaves))?,
        sources: geography
            .sources()
            .iter()
            .map(|source| source.attribution.to_string())
            .collect(),
        language: Language::default(),
        correction: None,
    })
}

/// The incidents of these trips as they stand, and what the operator made of them.
fn incidents(
    desk: &Desk,
    trips: &[ReportTrip],
    decisions: &[Decision],
) -> anyhow::Result<(Vec<Incident>, BTreeMap<IncidentId, Handling>)> {
    let ids: BTreeSet<_> = trips.iter().map(|trip| trip.conclusion.incident).collect();
    let handlings = Handlings::of(decisions);
    let (mut found, mut handled) = (Vec::new(), BTreeMap::new());
    for id in ids {
        if let Some(mut incident) = desk.index.incident(id)? {
            let of_it = { trips.iter() }.find(|trip| trip.conclusion.incident == id);
            incident.actor = of_it.map_or(incident.actor, |trip| trip.conclusion.actor);
            let Handled { incident, handling } = handlings.lay_over(incident);
            handled.insert(id, handling);
            found.push(incident);
        }
    }
    Ok((found, handled))
}

fn actors(desk: &Desk, trips: &[ReportTrip]) -> anyhow::Result<Vec<lapwing_core::Actor>> {
    let ids: BTreeSet<_> = trips.iter().map(|trip| trip.conclusion.actor).collect();
    let mut found = Vec::new();
    for id in ids {
        found.extend(super::actors::as_it_is(desk, id)?);
    }
    Ok(found)
}

/// What each actor rests on.
fn cases(desk: &Desk, trips: &[ReportTrip]) -> anyhow::Result<Vec<lapwing_core::Case>> {
    let ids: BTreeSet<_> = trips.iter().map(|trip| trip.conclusion.actor).collect();
    ids.into_iter()
        .map(|id| super::actors::case(desk, id))
        .collect()
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
            kind_names: kind.map(|kind| kind.names.clone()).unwrap_or_default(),
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

/// What holds the records with these leaves together, or all records.
fn integrity(desk: &Desk, leaves: Option<&BTreeMap<u64, [u8; 32]>>) -> anyhow::Result<Integrity> {
    let directory = &desk.context.directory;
    let public = SigningSeed::new(directory.signing_seed()).public_key();
    let journal = directory.journal();
    let public_key = HEXLOWER.encode(&public);
    let large = lapwing_journal::durable_records(&journal).is_some_and(|all| all > READ_WHOLE);
    if large
        && let Some(leaves) = leaves
        && let Ok(Some(proven)) =
            lapwing_journal::prove_records(&journal, &public, &directory.tree(), leaves)
    {
        return Ok(Integrity {
            verified: true,
            proven: Some(leaves.len() as u64),
            records: proven.records,
            checkpoint: proven.checkpoint,
            public_key,
            message: String::new(),
        });
    }
    let bar = output::progress(0, "verifying the evidence log");
    let keys = directory.keyring();
    let verified = lapwing_journal::verify(&journal, &public, Some(&keys), &mut |done| {
        bar.set_position(done);
    });
    bar.finish_and_clear();
    Ok(match verified {
        Ok(verified) => Integrity {
            verified: true,
            proven: None,
            records: verified.records,
            checkpoint: verified.checkpoint,
            public_key,
            message: String::new(),
        },
        Err(broken) => Integrity {
            verified: false,
            proven: None,
            records: 0,
            checkpoint: lapwing_journal::newest_checkpoint(&journal)?.unwrap_or_default(),
            public_key,
            message: broken.to_string(),
        },
    })
}
