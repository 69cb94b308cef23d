//! Numbered forward migrations. Each runs in one transaction together with the row that records it;
//! a checksum of its text shows if a file was made by other steps than ours.

use std::fmt::Write as _;

use lapwing_core::{Clock, SystemClock};
use sha2::{Digest, Sha256};

use super::{Layout, Session, args};
use crate::StoreError;

/// One step of the schema. Once released, a step's text never changes.
#[derive(Debug)]
pub(crate) struct Migration {
    /// 1, 2, 3, ... without gaps.
    pub(crate) version: i64,
    pub(crate) sql: &'static str,
}

impl Migration {
    fn checksum(&self) -> String {
        Sha256::digest(self.sql.as_bytes())
            .iter()
            .fold(String::new(), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            })
    }
}

/// Where the schema stands, and whether it is one of ours.
pub(super) struct Standing {
    version: i64,
}

impl Standing {
    /// Reads the schema table and checks every recorded step.
    pub(super) fn read(session: &Session<'_>, layout: &Layout) -> Result<Self, StoreError> {
        if !session.table_exists("lapwing_schema")? {
            if session.is_empty()? {
                return Ok(Self { version: 0 });
            }
            return Err(session.not_ours());
        }
        let known = layout.migrations.last().map_or(0, |last| last.version);
        let mut version = 0;
        session.query(
            "SELECT version, store, checksum FROM lapwing_schema ORDER BY version",
            &[],
            |row| {
                version = row.int(0)?;
                if row.text(1)? != layout.store {
                    return Err(session.not_ours());
                }
                let step = layout
                    .migrations
                    .iter()
                    .find(|step| step.version == version);
                match step {
                    Some(step) if step.checksum() != row.text(2)? => Err(StoreError::Altered {
                        path: session.path().to_owned(),
                        version,
                        next: layout.remedy,
                    }),
                    _ => Ok(()),
                }
            },
        )?;
        if version > known {
            return Err(StoreError::Newer {
                path: session.path().to_owned(),
                found: version,
                known,
            });
        }
        Ok(Self { version })
    }

    /// The next step to run, if any.
    pub(super) fn next(&self, layout: &Layout) -> Option<&'static Migration> {
        layout
            .migrations
            .iter()
            .find(|step| step.version > self.version)
    }
}

/// Runs one step; the caller holds the transaction.
pub(super) fn run(
    session: &Session<'_>,
    layout: &Layout,
    step: &Migration,
) -> Result<(), StoreError> {
    session.schema(
        "CREATE TABLE IF NOT EXISTS lapwing_schema (
            version BIGINT PRIMARY KEY, store TEXT NOT NULL, checksum TEXT NOT NULL,
            applied BIGINT NOT NULL)",
    )?;
    session.schema(step.sql)?;
    session.execute(
        "INSERT INTO lapwing_schema (version, store, checksum, applied) VALUES (?1, ?2, ?3, ?4)",
        args![
            step.version,
            layout.store,
            step.checksum().as_str(),
            SystemClock.now().micros()
        ],
    )?;
    Ok(())
}
