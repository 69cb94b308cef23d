//! The index's schema. A released step never changes; add another.

use crate::db::{Durability, Layout, Migration};

pub(super) static LAYOUT: Layout = Layout {
    store: "index",
    file: "index.db",
    durability: Durability::Normal,
    readers: 3,
    reader_cache: 2 << 10,
    writer_cache: 8 << 10,
    log_pages: 4000,
    overwrites: true,
    migrations: &[
        Migration {
            version: 1,
            sql: FIRST,
        },
        Migration {
            version: 2,
            sql: UNTOLD,
        },
        Migration {
            version: 3,
            sql: LINKS,
        },
    ],
    remedy: "nothing is lost: run `lapwing reindex`, which makes it again from the journals",
};

/// Empties every table.
pub(super) const WIPE: &[&str] = &[
    "DELETE FROM trips",
    "DELETE FROM spans",
    "DELETE FROM chains",
    "DELETE FROM canary_stats",
    "DELETE FROM incidents",
    "DELETE FROM newest_incidents",
    "DELETE FROM actors",
    "DELETE FROM signals",
    "DELETE FROM verdicts",
    "DELETE FROM positions",
    "DELETE FROM facts",
    "DELETE FROM notes",
    "DELETE FROM joins",
];

/// What the linker remembers, as text under names; and which actors it found to be one.
const LINKS: &str = "
CREATE TABLE notes (
    name TEXT NOT NULL PRIMARY KEY,
    note TEXT NOT NULL
) CLUSTERED;

CREATE TABLE joins (
    station BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    other_station BIGINT NOT NULL,
    other_sequence BIGINT NOT NULL,
    PRIMARY KEY (station, sequence, other_station, other_sequence)
) CLUSTERED;
";

/// What mutes kept back of an incident: 0 nothing, 1 all, 2 more.
const UNTOLD: &str = "ALTER TABLE incidents ADD COLUMN untold BIGINT NOT NULL DEFAULT 0";

/// A trip, and an incident or actor named by its first trip, is two columns: station and sequence.
/// `conclusions` is JSON: network, judgement and evidence.
const FIRST: &str = "
CREATE TABLE facts (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) CLUSTERED;

CREATE TABLE positions (
    station BIGINT PRIMARY KEY,
    sequence BIGINT NOT NULL,
    segment BIGINT NOT NULL,
    place BIGINT NOT NULL
);

CREATE TABLE trips (
    station BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    time BIGINT NOT NULL,
    canary BLOB NOT NULL,
    verdict BIGINT NOT NULL,
    address BLOB NOT NULL,
    port BIGINT NOT NULL,
    country TEXT,
    asn BIGINT,
    incident_station BIGINT NOT NULL,
    incident_sequence BIGINT NOT NULL,
    actor_station BIGINT NOT NULL,
    actor_sequence BIGINT NOT NULL,
    uses BIGINT NOT NULL,
    segment BIGINT NOT NULL,
    place BIGINT NOT NULL,
    canary_before_station BIGINT,
    canary_before_sequence BIGINT,
    incident_before_station BIGINT,
    incident_before_sequence BIGINT,
    actor_before_station BIGINT,
    actor_before_sequence BIGINT,
    conclusions TEXT NOT NULL,
    PRIMARY KEY (station, sequence)
) CLUSTERED;

CREATE TABLE spans (
    station BIGINT NOT NULL,
    block BIGINT NOT NULL,
    first_time BIGINT NOT NULL,
    last_time BIGINT NOT NULL,
    trips BIGINT NOT NULL,
    PRIMARY KEY (station, block)
) CLUSTERED;

CREATE TABLE chains (
    chain BIGINT NOT NULL,
    station BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    trips BIGINT NOT NULL,
    latest_station BIGINT NOT NULL,
    latest_sequence BIGINT NOT NULL,
    PRIMARY KEY (chain, station, sequence)
) CLUSTERED;

CREATE TABLE canary_stats (
    canary BLOB NOT NULL PRIMARY KEY,
    first_time BIGINT NOT NULL,
    last_time BIGINT NOT NULL,
    trips BIGINT NOT NULL,
    uses BIGINT NOT NULL,
    latest_station BIGINT NOT NULL,
    latest_sequence BIGINT NOT NULL
) CLUSTERED;

CREATE TABLE incidents (
    station BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    canary BLOB NOT NULL,
    actor_station BIGINT NOT NULL,
    actor_sequence BIGINT NOT NULL,
    verdict BIGINT NOT NULL,
    first_time BIGINT NOT NULL,
    last_time BIGINT NOT NULL,
    uses BIGINT NOT NULL,
    latest_station BIGINT NOT NULL,
    latest_sequence BIGINT NOT NULL,
    state BIGINT NOT NULL,
    PRIMARY KEY (station, sequence)
) CLUSTERED;

CREATE TABLE newest_incidents (
    canary BLOB NOT NULL,
    actor_station BIGINT NOT NULL,
    actor_sequence BIGINT NOT NULL,
    incident_station BIGINT NOT NULL,
    incident_sequence BIGINT NOT NULL,
    PRIMARY KEY (canary, actor_station, actor_sequence)
) CLUSTERED;

CREATE TABLE actors (
    station BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    first_time BIGINT NOT NULL,
    last_time BIGINT NOT NULL,
    uses BIGINT NOT NULL,
    actor TEXT NOT NULL,
    PRIMARY KEY (station, sequence)
) CLUSTERED;

CREATE TABLE signals (
    signal TEXT NOT NULL,
    value TEXT NOT NULL,
    actor_station BIGINT NOT NULL,
    actor_sequence BIGINT NOT NULL,
    trip_station BIGINT NOT NULL,
    trip_sequence BIGINT NOT NULL,
    time BIGINT NOT NULL,
    PRIMARY KEY (signal, value)
) CLUSTERED;

CREATE TABLE verdicts (
    verdict BIGINT PRIMARY KEY,
    trips BIGINT NOT NULL,
    uses BIGINT NOT NULL
);
";
