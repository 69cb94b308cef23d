//! Writing what a batch has gathered: a trip at once, everything else once at the end.

use lapwing_core::{Actor, ActorId, CanaryId, Incident, IncidentId, StationId, TripId, Verdict};

use super::batch::{Caches, Chain, Link, Span};
use super::rows::{
    Before, Conclusions, address_bytes, name_columns, state_number, untold_number, verdict_number,
};
use super::{CanaryStats, Followed, Seen, Tally, TripRow};
use crate::StoreError;
use crate::db::{Session, args, int};

pub(super) fn insert_trip(
    session: &Session<'_>,
    trip: &TripRow,
    before: Before,
) -> Result<(), StoreError> {
    let conclusion = &trip.conclusion;
    let (station, sequence) = name_columns(conclusion.trip);
    let incident = name_columns(conclusion.incident.0);
    let actor = name_columns(conclusion.actor.0);
    let canary_before = before.canary.map(name_columns).unzip();
    let incident_before = before.incident.map(name_columns).unzip();
    let actor_before = before.actor.map(name_columns).unzip();
    let json = serde_json::to_string(&Conclusions::of(conclusion))
        .map_err(StoreError::encode("a conclusion"))?;
    let country = conclusion.network.country.as_deref();
    session.execute(
        "INSERT INTO trips (station, sequence, time, canary, verdict, address, port, country, asn,
             incident_station, incident_sequence, actor_station, actor_sequence, uses, segment,
             place, canary_before_station, canary_before_sequence, incident_before_station,
             incident_before_sequence, actor_before_station, actor_before_sequence, conclusions)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
             ?19, ?20, ?21, ?22, ?23)",
        args![
            station,
            sequence,
            trip.time.micros(),
            &trip.canary.bytes(),
            verdict_number(conclusion.judgement.verdict),
            address_bytes(trip.source.ip()).as_slice(),
            i64::from(trip.source.port()),
            country,
            conclusion.network.asn.map(i64::from),
            incident.0,
            incident.1,
            actor.0,
            actor.1,
            int(trip.count),
            int(trip.segment),
            int(trip.offset),
            canary_before.0,
            canary_before.1,
            incident_before.0,
            incident_before.1,
            actor_before.0,
            actor_before.1,
            json.as_str()
        ],
    )?;
    Ok(())
}

/// Writes the changed rows, table by table, each in the order of its key.
pub(super) fn flush(
    session: &Session<'_>,
    caches: Caches,
    followed: Followed,
) -> Result<(), StoreError> {
    let Caches {
        incidents,
        newest,
        actors,
        signals,
        canaries,
        chains,
        spans,
        verdicts,
        facts,
        notes,
        joins,
    } = caches;
    for (_, incident) in incidents.into_changed() {
        flush_incident(session, &incident)?;
    }
    for ((canary, actor), incident) in newest.into_changed() {
        flush_newest(session, canary, actor, incident)?;
    }
    for (_, actor) in actors.into_changed() {
        flush_actor(session, &actor)?;
    }
    for ((signal, value), seen) in signals.into_changed() {
        flush_signal(session, &signal, &value, &seen)?;
    }
    for (canary, stats) in canaries.into_changed() {
        flush_canary(session, canary, &stats)?;
    }
    for ((chain, name), link) in chains.into_changed() {
        flush_chain(session, chain, name, link)?;
    }
    for ((station, block), span) in spans.into_changed() {
        flush_span(session, station, block, span)?;
    }
    for (verdict, tally) in verdicts.into_changed() {
        flush_verdict(session, verdict, tally)?;
    }
    for (name, value) in facts.into_changed() {
        session.execute(
            "INSERT INTO facts (name, value) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            args![name.as_str(), value.as_str()],
        )?;
    }
    for (name, note) in notes.into_changed() {
        session.execute(
            "INSERT INTO notes (name, note) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET note = excluded.note",
            args![name.as_str(), note.as_str()],
        )?;
    }
    for (one, other) in joins {
        let (one, other) = (name_columns(one.0), name_columns(other.0));
        session.execute(
            "INSERT INTO joins (station, sequence, other_station, other_sequence)
             VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            args![one.0, one.1, other.0, other.1],
        )?;
    }
    flush_position(session, followed)
}

fn flush_incident(session: &Session<'_>, incident: &Incident) -> Result<(), StoreError> {
    let (station, sequence) = name_columns(incident.id.0);
    let actor = name_columns(incident.actor.0);
    let latest = name_columns(incident.latest);
    session.execute(
        "INSERT INTO incidents (station, sequence, canary, actor_station, actor_sequence, verdict,
             first_time, last_time, uses, latest_station, latest_sequence, state, untold)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         ON CONFLICT (station, sequence) DO UPDATE SET canary = excluded.canary,
             actor_station = excluded.actor_station, actor_sequence = excluded.actor_sequence,
             verdict = excluded.verdict, first_time = excluded.first_time,
             last_time = excluded.last_time, uses = excluded.uses,
             latest_station = excluded.latest_station,
             latest_sequence = excluded.latest_sequence, state = excluded.state,
             untold = excluded.untold",
        args![
            station,
            sequence,
            &incident.canary.bytes(),
            actor.0,
            actor.1,
            verdict_number(incident.verdict),
            incident.first.micros(),
            incident.last.micros(),
            int(incident.count),
            latest.0,
            latest.1,
            state_number(incident.state),
            untold_number(incident.untold)
        ],
    )?;
    Ok(())
}

fn flush_newest(
    session: &Session<'_>,
    canary: CanaryId,
    actor: ActorId,
    incident: IncidentId,
) -> Result<(), StoreError> {
    let actor = name_columns(actor.0);
    let incident = name_columns(incident.0);
    session.execute(
        "INSERT INTO newest_incidents (canary, actor_station, actor_sequence, incident_station,
             incident_sequence)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (canary, actor_station, actor_sequence) DO UPDATE SET
             incident_station = excluded.incident_station,
             incident_sequence = excluded.incident_sequence",
        args![&canary.bytes(), actor.0, actor.1, incident.0, incident.1],
    )?;
    Ok(())
}

fn flush_actor(session: &Session<'_>, actor: &Actor) -> Result<(), StoreError> {
    let (station, sequence) = name_columns(actor.id.0);
    let json = serde_json::to_string(actor).map_err(StoreError::encode("an actor"))?;
    session.execute(
        "INSERT INTO actors (station, sequence, first_time, last_time, uses, actor)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (station, sequence) DO UPDATE SET first_time = excluded.first_time,
             last_time = excluded.last_time, uses = excluded.uses, actor = excluded.actor",
        args![
            station,
            sequence,
            actor.first.micros(),
            actor.last.micros(),
            int(actor.count),
            json.as_str()
        ],
    )?;
    Ok(())
}

fn flush_signal(
    session: &Session<'_>,
    signal: &str,
    value: &str,
    seen: &Seen,
) -> Result<(), StoreError> {
    let actor = name_columns(seen.actor.0);
    let trip = name_columns(seen.trip);
    session.execute(
        "INSERT INTO signals (signal, value, actor_station, actor_sequence, trip_station,
             trip_sequence, time)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (signal, value) DO UPDATE SET actor_station = excluded.actor_station,
             actor_sequence = excluded.actor_sequence, trip_station = excluded.trip_station,
             trip_sequence = excluded.trip_sequence, time = excluded.time",
        args![
            signal,
            value,
            actor.0,
            actor.1,
            trip.0,
            trip.1,
            seen.time.micros()
        ],
    )?;
    Ok(())
}

fn flush_canary(
    session: &Session<'_>,
    canary: CanaryId,
    stats: &CanaryStats,
) -> Result<(), StoreError> {
    let latest = name_columns(stats.latest);
    session.execute(
        "INSERT INTO canary_stats (canary, first_time, last_time, trips, uses, latest_station,
             latest_sequence)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (canary) DO UPDATE SET first_time = excluded.first_time,
             last_time = excluded.last_time, trips = excluded.trips, uses = excluded.uses,
             latest_station = excluded.latest_station,
             latest_sequence = excluded.latest_sequence",
        args![
            &canary.bytes(),
            stats.first.micros(),
            stats.last.micros(),
            int(stats.tally.trips),
            int(stats.tally.uses),
            latest.0,
            latest.1
        ],
    )?;
    Ok(())
}

fn flush_chain(
    session: &Session<'_>,
    chain: Chain,
    name: TripId,
    link: Link,
) -> Result<(), StoreError> {
    let (station, sequence) = name_columns(name);
    let latest = name_columns(link.latest);
    session.execute(
        "INSERT INTO chains (chain, station, sequence, trips, latest_station, latest_sequence)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (chain, station, sequence) DO UPDATE SET trips = excluded.trips,
             latest_station = excluded.latest_station,
             latest_sequence = excluded.latest_sequence",
        args![
            chain as i64,
            station,
            sequence,
            int(link.trips),
            latest.0,
            latest.1
        ],
    )?;
    Ok(())
}

fn flush_span(
    session: &Session<'_>,
    station: StationId,
    block: u64,
    span: Span,
) -> Result<(), StoreError> {
    session.execute(
        "INSERT INTO spans (station, block, first_time, last_time, trips)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (station, block) DO UPDATE SET first_time = excluded.first_time,
             last_time = excluded.last_time, trips = excluded.trips",
        args![
            i64::from(station.number()),
            int(block),
            span.first.micros(),
            span.last.micros(),
            int(span.trips)
        ],
    )?;
    Ok(())
}

fn flush_verdict(session: &Session<'_>, verdict: Verdict, tally: Tally) -> Result<(), StoreError> {
    session.execute(
        "INSERT INTO verdicts (verdict, trips, uses) VALUES (?1, ?2, ?3)
         ON CONFLICT (verdict) DO UPDATE SET trips = excluded.trips, uses = excluded.uses",
        args![verdict_number(verdict), int(tally.trips), int(tally.uses)],
    )?;
    Ok(())
}

fn flush_position(session: &Session<'_>, followed: Followed) -> Result<(), StoreError> {
    session.execute(
        "INSERT INTO positions (station, sequence, segment, place) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (station) DO UPDATE SET sequence = excluded.sequence,
             segment = excluded.segment, place = excluded.place",
        args![
            i64::from(followed.station.number()),
            int(followed.sequence),
            int(followed.segment),
            int(followed.offset)
        ],
    )?;
    Ok(())
}
