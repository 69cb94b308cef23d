//! The ledger's schema. A released step never changes; add another.

use crate::db::{Durability, Layout, Migration};

pub(super) static LAYOUT: Layout = Layout {
    store: "ledger",
    file: "ledger.db",
    durability: Durability::Full,
    readers: 4,
    reader_cache: 4 << 10,
    writer_cache: 4 << 10,
    log_pages: 1000,
    overwrites: false,
    migrations: &[
        Migration {
            version: 1,
            sql: FIRST,
        },
        Migration {
            version: 2,
            sql: DESK,
        },
    ],
    remedy: "move it away and bring back a backup with `lapwing restore`",
};

/// `digests` repeats what `handles` holds, by serial: a filter over all handles is then built from
/// one narrow table read in order, and brought up to date from where it was left.
const FIRST: &str = "
CREATE TABLE facts (
    name TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) CLUSTERED;

CREATE TABLE counters (
    name TEXT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
) CLUSTERED;
INSERT INTO counters (name, value) VALUES ('canaries', 0), ('handles', 0), ('decisions', 0);

CREATE TABLE canaries (
    serial BIGINT PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    minted BIGINT NOT NULL,
    retired BIGINT,
    sealed BLOB NOT NULL
);

CREATE TABLE digests (
    serial BIGINT PRIMARY KEY,
    packed BLOB NOT NULL
);

CREATE TABLE handles (
    digest BLOB NOT NULL,
    serial BIGINT NOT NULL,
    field BIGINT NOT NULL,
    PRIMARY KEY (digest, serial)
) CLUSTERED;

CREATE TABLE placements (
    id BLOB NOT NULL PRIMARY KEY,
    canary BLOB NOT NULL,
    state BIGINT NOT NULL,
    intended BIGINT NOT NULL,
    planted BIGINT,
    uprooted BIGINT,
    sealed BLOB NOT NULL
);
CREATE INDEX placements_of ON placements (canary);

CREATE TABLE deliveries (
    key TEXT NOT NULL PRIMARY KEY,
    state BIGINT NOT NULL,
    queued BIGINT NOT NULL,
    due BIGINT NOT NULL,
    sealed BLOB NOT NULL
);
CREATE INDEX deliveries_due ON deliveries (state, due);
CREATE INDEX deliveries_queued ON deliveries (queued);

CREATE TABLE bindings (
    key BLOB NOT NULL PRIMARY KEY,
    sealed BLOB NOT NULL
);

CREATE TABLE decisions (
    serial BIGINT PRIMARY KEY,
    time BIGINT NOT NULL,
    sealed BLOB NOT NULL
);
";

/// Who may speak to the desk, and which hosts have.
const DESK: &str = "
CREATE TABLE credentials (
    key BLOB NOT NULL PRIMARY KEY,
    made BIGINT NOT NULL,
    sealed BLOB NOT NULL
);

CREATE TABLE hosts (
    key BLOB NOT NULL PRIMARY KEY,
    sealed BLOB NOT NULL
);
";
