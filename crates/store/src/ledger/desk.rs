//! Who may speak to the desk, and which hosts have: names are sealed, of a credential's secret there is a
//! keyed digest only.

use std::collections::BTreeMap;

use lapwing_core::{Credential, Host, PlacementId, Timestamp};

use super::Ledger;
use crate::StoreError;
use crate::db::{Session, args};

impl Ledger {
    /// Adds a credential under its secret. On disk when this returns.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if one of that name is in use; otherwise as for any write.
    pub fn credential_add(&self, secret: &str, credential: &Credential) -> Result<(), StoreError> {
        let key = self.credential_key(secret);
        let sealed = self.seal("credential", &key, credential)?;
        self.db.write(|session| {
            let known = self.all_credentials(session)?;
            if known
                .iter()
                .any(|(_, it)| it.name == credential.name && it.revoked.is_none())
            {
                return Err(StoreError::Exists {
                    path: self.db.path().to_owned(),
                    what: format!("a credential named {:?}", credential.name),
                });
            }
            session.execute(
                "INSERT INTO credentials (key, made, sealed) VALUES (?1, ?2, ?3)",
                args![&key, credential.made.micros(), sealed.as_slice()],
            )?;
            Ok(())
        })
    }

    /// The credential with this secret, unless it was revoked.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn credential(&self, secret: &str) -> Result<Option<Credential>, StoreError> {
        let key = self.credential_key(secret);
        let found: Option<Credential> = self.db.read(|session| {
            session.one(
                "SELECT sealed FROM credentials WHERE key = ?1",
                args![&key],
                |row| self.unseal("credential", &key, row, 0),
            )
        })?;
        Ok(found.filter(|credential| credential.revoked.is_none()))
    }

    /// All credentials, the oldest first, revoked ones included.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn credentials(&self) -> Result<Vec<Credential>, StoreError> {
        let all = self.db.read(|session| self.all_credentials(session))?;
        Ok(all.into_iter().map(|(_, credential)| credential).collect())
    }

    /// Makes the credential of this name useless. Returns false if none of it is in use.
    ///
    /// # Errors
    /// As for any write.
    pub fn credential_revoke(&self, name: &str, at: Timestamp) -> Result<bool, StoreError> {
        self.db.write(|session| {
            let mut known = self.all_credentials(session)?.into_iter();
            let found = known.find(|(_, it)| it.name == name && it.revoked.is_none());
            let Some((key, mut credential)) = found else {
                return Ok(false);
            };
            credential.revoked = Some(at);
            let sealed = self.seal("credential", &key, &credential)?;
            session.execute(
                "UPDATE credentials SET sealed = ?2 WHERE key = ?1",
                args![key.as_slice(), sealed.as_slice()],
            )?;
            Ok(true)
        })
    }

    /// The row's key must not equal a handle's.
    fn credential_key(&self, secret: &str) -> [u8; 16] {
        self.keys
            .digest(format!("credential\0{secret}").as_bytes())
            .0
    }

    fn all_credentials(
        &self,
        session: &Session<'_>,
    ) -> Result<Vec<(Vec<u8>, Credential)>, StoreError> {
        session.all(
            "SELECT key, sealed FROM credentials ORDER BY made, key",
            &[],
            |row| {
                let key = row.bytes(0)?.to_vec();
                let credential = self.unseal("credential", &key, row, 1)?;
                Ok((key, credential))
            },
        )
    }

    /// A host has reported. What it said before of other placements stays, but for those that are
    /// `gone`. On disk when this returns.
    ///
    /// # Errors
    /// As for any write.
    pub fn host_heard(
        &self,
        name: &str,
        every: u32,
        conditions: &BTreeMap<PlacementId, String>,
        gone: &[PlacementId],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.db.write(|session| {
            let mut host = self.one_host(session, name)?.unwrap_or_else(|| Host {
                name: name.to_owned(),
                every,
                heard: at,
                silent: None,
                conditions: BTreeMap::new(),
            });
            host.every = every;
            host.heard = host.heard.max(at);
            host.conditions.extend(conditions.clone());
            host.conditions.retain(|id, _| !gone.contains(id));
            self.write_host(session, &host)
        })
    }

    /// Notes the report after which a host fell silent, or that it is back (`None`). Does nothing to a
    /// host that is not known.
    ///
    /// # Errors
    /// As for any write.
    pub fn host_silent(&self, name: &str, since: Option<Timestamp>) -> Result<(), StoreError> {
        self.db.write(|session| {
            let Some(mut host) = self.one_host(session, name)? else {
                return Ok(());
            };
            host.silent = since;
            self.write_host(session, &host)
        })
    }

    /// A host reports no more, and is not waited for. Returns false if it was not known.
    ///
    /// # Errors
    /// As for any write.
    pub fn host_forget(&self, name: &str) -> Result<bool, StoreError> {
        let key = self.host_key(name);
        let gone = self
            .db
            .write(|session| session.execute("DELETE FROM hosts WHERE key = ?1", args![&key]))?;
        Ok(gone > 0)
    }

    /// Every host that has reported, by name.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn hosts(&self) -> Result<Vec<Host>, StoreError> {
        let mut hosts: Vec<Host> = self.db.read(|session| {
            session.all("SELECT key, sealed FROM hosts", &[], |row| {
                self.unseal("host", row.bytes(0)?, row, 1)
            })
        })?;
        hosts.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(hosts)
    }

    fn host_key(&self, name: &str) -> [u8; 16] {
        self.keys.digest(format!("host\0{name}").as_bytes()).0
    }

    fn one_host(&self, session: &Session<'_>, name: &str) -> Result<Option<Host>, StoreError> {
        let key = self.host_key(name);
        session.one(
            "SELECT sealed FROM hosts WHERE key = ?1",
            args![&key],
            |row| self.unseal("host", &key, row, 0),
        )
    }

    fn write_host(&self, session: &Session<'_>, host: &Host) -> Result<(), StoreError> {
        let key = self.host_key(&host.name);
        let sealed = self.seal("host", &key, host)?;
        session.execute(
            "INSERT INTO hosts (key, sealed) VALUES (?1, ?2)
             ON CONFLICT (key) DO UPDATE SET sealed = ?2",
            args![&key, sealed.as_slice()],
        )?;
        Ok(())
    }
}
