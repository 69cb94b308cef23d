//! What the operator said: which host answers as which kind, and decisions on what was concluded; and what a
//! station was drawn to be.

use lapwing_core::{Decision, StationId};

use super::{Ledger, take_numbers};
use crate::StoreError;
use crate::db::args;

impl Ledger {
    /// Lets `host` (lower case, no port) answer as `kind`. Doing it again changes nothing.
    ///
    /// # Errors
    /// As for any write.
    pub fn bind(&self, host: &str, kind: &str) -> Result<(), StoreError> {
        // The row's key must not tell a guesser which host and kind it is, nor equal a handle's.
        let key = self
            .keys
            .digest(format!("binding\0{host}\0{kind}").as_bytes());
        let sealed = self.seal("binding", &key.0, &(host, kind))?;
        let new = self.db.write(|session| {
            session.execute(
                "INSERT INTO bindings (key, sealed) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING",
                args![&key.0, sealed.as_slice()],
            )
        })?;
        if new > 0 {
            self.generation.bump()?;
        }
        Ok(())
    }

    /// Every host with every kind it answers as, sorted.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn bindings(&self) -> Result<Vec<(String, String)>, StoreError> {
        let mut bindings: Vec<(String, String)> = self.db.read(|session| {
            session.all("SELECT key, sealed FROM bindings", &[], |row| {
                self.unseal("binding", row.bytes(0)?, row, 1)
            })
        })?;
        bindings.sort();
        Ok(bindings)
    }

    /// What a station pretends to be; `None` if that was never kept.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn persona(&self, station: StationId) -> Result<Option<String>, StoreError> {
        let name = persona_name(station);
        self.db.read(|session| {
            session.one(
                "SELECT value FROM facts WHERE name = ?1",
                args![name.as_str()],
                |row| self.unseal("persona", name.as_bytes(), row, 0),
            )
        })
    }

    /// Keeps what a station pretends to be. What was kept before holds.
    ///
    /// # Errors
    /// As for any write.
    pub fn keep_persona(&self, station: StationId, persona: &str) -> Result<(), StoreError> {
        let name = persona_name(station);
        let sealed = self.seal("persona", name.as_bytes(), &persona)?;
        self.db.write(|session| {
            session.execute(
                "INSERT INTO facts (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING",
                args![name.as_str(), sealed.as_slice()],
            )
        })?;
        Ok(())
    }

    /// Records a decision. On disk when this returns.
    ///
    /// # Errors
    /// As for any write.
    pub fn decide(&self, decision: &Decision) -> Result<(), StoreError> {
        self.change(|session| {
            let serial = take_numbers(session, "decisions", 1)?;
            let sealed = self.seal("decision", &serial.to_be_bytes(), decision)?;
            session.execute(
                "INSERT INTO decisions (serial, time, sealed) VALUES (?1, ?2, ?3)",
                args![serial, decision.time.micros(), sealed.as_slice()],
            )?;
            Ok(())
        })
    }

    /// All decisions in the order they were taken.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn decisions(&self) -> Result<Vec<Decision>, StoreError> {
        self.db.read(|session| {
            session.all(
                "SELECT serial, sealed FROM decisions ORDER BY serial",
                &[],
                |row| self.unseal("decision", &row.int(0)?.to_be_bytes(), row, 1),
            )
        })
    }
}

fn persona_name(station: StationId) -> String {
    format!("persona of {station}")
}
