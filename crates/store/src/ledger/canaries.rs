//! Canaries and their handles.

use std::collections::BTreeMap;

use lapwing_core::{Canary, CanaryId, Digest, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Ledger, take_numbers};
use crate::StoreError;
use crate::db::{Row, Session, args, int};

/// At most so many canaries are looked at for one digest. Two already mean a defect in minting.
const SAME_DIGEST: i64 = 16;

/// A canary recognised by one of its handles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The canary as it is in the ledger now.
    pub canary: Canary,
    /// The field whose handle it was.
    pub field: String,
}

/// The sealed part of a canary.
#[derive(Serialize, Deserialize)]
struct Sealed<'a> {
    kind: std::borrow::Cow<'a, str>,
    memo: std::borrow::Cow<'a, str>,
    labels: std::borrow::Cow<'a, BTreeMap<String, String>>,
    fields: std::borrow::Cow<'a, BTreeMap<String, String>>,
    /// Fields that have handles; `handles.field` counts through it.
    handles: Vec<std::borrow::Cow<'a, str>>,
}

/// A canary ready to be written: sealed and digested.
pub(super) struct Prepared {
    pub(super) id: CanaryId,
    minted: Timestamp,
    retired: Option<Timestamp>,
    sealed: Vec<u8>,
    /// Different digests, each with the place of its field in the sealed list.
    pub(super) handles: Vec<(Digest, u16)>,
}

impl Ledger {
    /// Adds a canary with its handles (field, value as it will be looked up). On disk when this
    /// returns, and [`Ledger::generation`] has changed.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if its id is taken; otherwise as for any write.
    pub fn add(&self, canary: &Canary, handles: &[(String, String)]) -> Result<(), StoreError> {
        let prepared = self.prepare(canary, handles)?;
        self.change(|session| self.add_prepared(session, &prepared))
    }

    /// Adds a canary that must be new, with its handles.
    pub(super) fn add_prepared(
        &self,
        session: &Session<'_>,
        canary: &Prepared,
    ) -> Result<(), StoreError> {
        let taken = session.one(
            "SELECT 1 FROM canaries WHERE id = ?1",
            args![&canary.id.bytes()],
            |_| Ok(()),
        )?;
        if taken.is_some() {
            return Err(StoreError::Exists {
                path: self.db.path().to_owned(),
                what: format!("canary {}", canary.id),
            });
        }
        let serial = take_numbers(session, "canaries", 1)?;
        take_numbers(session, "handles", canary.handles.len() as u64)?;
        write_canary(session, serial, canary)?;
        for (digest, field) in &canary.handles {
            write_handle(session, digest, serial, *field)?;
        }
        Ok(())
    }

    /// Gives a canary another memo and other labels. On disk when this returns.
    ///
    /// # Errors
    /// [`StoreError::NoCanary`] if there is none with this id; otherwise as for any write.
    pub fn describe(
        &self,
        id: CanaryId,
        memo: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<(), StoreError> {
        use std::borrow::Cow::{Borrowed, Owned};
        self.change(|session| {
            let found = session.one(
                "SELECT id, minted, retired, sealed FROM canaries WHERE id = ?1",
                args![&id.bytes()],
                |row| self.read_canary(row, 0),
            )?;
            let (canary, handles) = found.ok_or_else(|| StoreError::NoCanary {
                text: id.to_string(),
            })?;
            let sealed = Sealed {
                kind: Borrowed(&canary.kind),
                memo: Borrowed(memo),
                labels: Borrowed(labels),
                fields: Borrowed(&canary.fields),
                handles: handles.into_iter().map(Owned).collect(),
            };
            let sealed = self.seal("canary", &id.bytes(), &sealed)?;
            session.execute(
                "UPDATE canaries SET sealed = ?2 WHERE id = ?1",
                args![&id.bytes(), sealed.as_slice()],
            )?;
            Ok(())
        })
    }

    /// The canary with this id.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn canary(&self, id: CanaryId) -> Result<Option<Canary>, StoreError> {
        self.db.read(|session| {
            session.one(
                "SELECT id, minted, retired, sealed FROM canaries WHERE id = ?1",
                args![&id.bytes()],
                |row| self.read_canary(row, 0).map(|(canary, _)| canary),
            )
        })
    }

    /// Finds the id that `text` is, or is the beginning of (at least 4 characters).
    ///
    /// # Errors
    /// [`StoreError::NotCanary`], [`StoreError::NoCanary`] or [`StoreError::Ambiguous`]; otherwise
    /// if the ledger cannot be read.
    pub fn resolve(&self, text: &str) -> Result<CanaryId, StoreError> {
        let (low, high) = id_range(text).ok_or_else(|| StoreError::NotCanary {
            text: text.to_owned(),
        })?;
        let found = self.db.read(|session| {
            session.all(
                "SELECT id FROM canaries WHERE id >= ?1 AND id <= ?2 ORDER BY id LIMIT 2",
                args![&low, &high],
                |row| row.array(0).map(CanaryId::from_bytes),
            )
        })?;
        match found[..] {
            [] => Err(StoreError::NoCanary {
                text: text.to_owned(),
            }),
            [id] => Ok(id),
            [first, second, ..] => Err(StoreError::Ambiguous {
                text: text.to_owned(),
                among: [first, second],
            }),
        }
    }

    /// Canaries in the order of their ids (that is, of minting), at most `limit` after `after`.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn canaries(
        &self,
        after: Option<CanaryId>,
        limit: usize,
    ) -> Result<Vec<Canary>, StoreError> {
        // An empty byte string sorts before every id.
        let after = after.map(CanaryId::bytes);
        let after = after.as_ref().map_or(&[][..], |bytes| &bytes[..]);
        self.db.read(|session| {
            session.all(
                "SELECT id, minted, retired, sealed FROM canaries WHERE id > ?1
                 ORDER BY id LIMIT ?2",
                args![after, int(limit as u64)],
                |row| self.read_canary(row, 0).map(|(canary, _)| canary),
            )
        })
    }

    /// Hands over canaries with a serial above `after`, in the order they were added, at most `limit`. Returns the last
    /// serial seen, `after` itself if there was none.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn canaries_after(
        &self,
        after: i64,
        limit: u64,
        mut each: impl FnMut(Canary),
    ) -> Result<i64, StoreError> {
        let mut last = after;
        self.db.read(|session| {
            session.query(
                "SELECT serial, id, minted, retired, sealed FROM canaries WHERE serial > ?1
                 ORDER BY serial LIMIT ?2",
                args![after, int(limit)],
                |row| {
                    last = row.int(0)?;
                    each(self.read_canary(row, 1)?.0);
                    Ok(())
                },
            )
        })?;
        Ok(last)
    }

    /// How many canaries there are, retired ones included.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn canary_count(&self) -> Result<u64, StoreError> {
        self.counter("canaries")
    }

    /// How many handles there are.
    pub(crate) fn handle_count(&self) -> Result<u64, StoreError> {
        self.counter("handles")
    }

    /// Marks a canary as retired. Returns false if it was already. It stays recognised for ever.
    ///
    /// # Errors
    /// [`StoreError::NoCanary`] if there is none with this id; otherwise as for any write.
    pub fn retire(&self, id: CanaryId, at: Timestamp) -> Result<bool, StoreError> {
        self.change(|session| {
            let changed = session.execute(
                "UPDATE canaries SET retired = ?2 WHERE id = ?1 AND retired IS NULL",
                args![&id.bytes(), at.micros()],
            )?;
            if changed > 0 {
                return Ok(true);
            }
            session
                .one(
                    "SELECT 1 FROM canaries WHERE id = ?1",
                    args![&id.bytes()],
                    |_| Ok(false),
                )?
                .ok_or_else(|| StoreError::NoCanary {
                    text: id.to_string(),
                })
        })
    }

    /// The canaries that have a handle with this digest, as they are now. Meant to be called for
    /// every hit from many threads.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn find(&self, digest: &Digest) -> Result<Vec<Found>, StoreError> {
        self.db.read_version(self.generation(), |session| {
            session.all(
                "SELECT handles.field, canaries.id, canaries.minted, canaries.retired,
                     canaries.sealed
                 FROM handles JOIN canaries ON canaries.serial = handles.serial
                 WHERE handles.digest = ?1 ORDER BY handles.serial LIMIT ?2",
                args![&digest.0, SAME_DIGEST],
                |row| {
                    let (canary, mut fields) = self.read_canary(row, 1)?;
                    let place = usize::try_from(row.count(0)?).unwrap_or(usize::MAX);
                    if place >= fields.len() {
                        return Err(row.damaged("a handle of no field"));
                    }
                    Ok(Found {
                        canary,
                        field: fields.swap_remove(place),
                    })
                },
            )
        })
    }

    /// Hands over the digests of all canaries with a serial above `after`, in order, at most `limit`
    /// canaries. Returns the last serial seen, `after` itself if there was none.
    pub(crate) fn digests_after(
        &self,
        after: i64,
        limit: u64,
        mut each: impl FnMut(Digest),
    ) -> Result<i64, StoreError> {
        let mut last = after;
        self.db.read(|session| {
            session.query(
                "SELECT serial, packed FROM digests WHERE serial > ?1 ORDER BY serial LIMIT ?2",
                args![after, int(limit)],
                |row| {
                    last = row.int(0)?;
                    let (digests, rest) = row.bytes(1)?.as_chunks::<16>();
                    if !rest.is_empty() {
                        return Err(row.damaged("digests cut short"));
                    }
                    digests.iter().copied().map(Digest).for_each(&mut each);
                    Ok(())
                },
            )
        })?;
        Ok(last)
    }

    /// Seals and digests a canary.
    pub(super) fn prepare(
        &self,
        canary: &Canary,
        handles: &[(String, String)],
    ) -> Result<Prepared, StoreError> {
        use std::borrow::Cow::Borrowed;
        let mut fields: Vec<&str> = Vec::new();
        let mut digests: Vec<(Digest, u16)> = Vec::with_capacity(handles.len());
        for (field, value) in handles {
            let digest = self.keys.digest(value.as_bytes());
            if digests.iter().any(|(known, _)| *known == digest) {
                continue;
            }
            let place = fields.iter().position(|known| known == field);
            let place = place.unwrap_or_else(|| {
                fields.push(field);
                fields.len() - 1
            });
            digests.push((digest, u16::try_from(place).unwrap_or(u16::MAX)));
        }
        let sealed = Sealed {
            kind: Borrowed(&canary.kind),
            memo: Borrowed(&canary.memo),
            labels: Borrowed(&canary.labels),
            fields: Borrowed(&canary.fields),
            handles: fields.into_iter().map(Borrowed).collect(),
        };
        Ok(Prepared {
            id: canary.id,
            minted: canary.minted,
            retired: canary.retired,
            sealed: self.seal("canary", &canary.id.bytes(), &sealed)?,
            handles: digests,
        })
    }

    /// Reads the columns id, minted, retired, sealed from `first` on.
    fn read_canary(
        &self,
        row: &Row<'_>,
        first: usize,
    ) -> Result<(Canary, Vec<String>), StoreError> {
        let id: [u8; 16] = row.array(first)?;
        let sealed: Sealed<'_> = self.unseal("canary", &id, row, first + 3)?;
        let canary = Canary {
            id: CanaryId::from_bytes(id),
            kind: sealed.kind.into_owned(),
            memo: sealed.memo.into_owned(),
            labels: sealed.labels.into_owned(),
            fields: sealed.fields.into_owned(),
            minted: Timestamp::from_micros(row.int(first + 1)?),
            retired: row.optional_int(first + 2)?.map(Timestamp::from_micros),
        };
        let handles = sealed.handles.into_iter().map(|field| field.into_owned());
        Ok((canary, handles.collect()))
    }

    fn counter(&self, name: &str) -> Result<u64, StoreError> {
        let value = self.db.read(|session| {
            session.one(
                "SELECT value FROM counters WHERE name = ?1",
                args![name],
                |row| row.count(0),
            )
        })?;
        value.ok_or_else(|| self.db.damaged(format!("the counter {name} is missing")))
    }
}

impl Prepared {
    /// About how many bytes it takes in memory.
    pub(super) fn size(&self) -> usize {
        size_of::<Self>() + self.sealed.len() + self.handles.len() * size_of::<(Digest, u16)>()
    }
}

/// Writes a canary's own rows; its handles are written apart, so that bulk can sort them.
pub(super) fn write_canary(
    session: &Session<'_>,
    serial: i64,
    canary: &Prepared,
) -> Result<(), StoreError> {
    session.execute(
        "INSERT INTO canaries (serial, id, minted, retired, sealed) VALUES (?1, ?2, ?3, ?4, ?5)",
        args![
            serial,
            &canary.id.bytes(),
            canary.minted.micros(),
            canary.retired.map(Timestamp::micros),
            canary.sealed.as_slice()
        ],
    )?;
    let packed: Vec<u8> = canary
        .handles
        .iter()
        .flat_map(|(digest, _)| digest.0)
        .collect();
    session.execute(
        "INSERT INTO digests (serial, packed) VALUES (?1, ?2)",
        args![serial, packed.as_slice()],
    )?;
    Ok(())
}

pub(super) fn write_handle(
    session: &Session<'_>,
    digest: &Digest,
    serial: i64,
    field: u16,
) -> Result<(), StoreError> {
    session.execute(
        "INSERT INTO handles (digest, serial, field) VALUES (?1, ?2, ?3)",
        args![&digest.0, serial, i64::from(field)],
    )?;
    Ok(())
}

/// Lowest and highest id that begin with `text`; `None` if it is no beginning of an id.
fn id_range(text: &str) -> Option<([u8; 16], [u8; 16])> {
    if text.len() < 4 {
        return None;
    }
    let (mut low, mut high) = ([0; 16], [0xff; 16]);
    let mut digits = 0;
    for (place, character) in text.char_indices() {
        if matches!(place, 8 | 13 | 18 | 23) {
            if character != '-' {
                return None;
            }
            continue;
        }
        let digit = u8::try_from(character.to_digit(16)?).ok()?;
        let (bytes, shift) = (digits / 2, if digits % 2 == 0 { 4 } else { 0 });
        if bytes >= 16 {
            return None;
        }
        low[bytes] |= digit << shift;
        high[bytes] &= !(0x0f << shift) | (digit << shift);
        digits += 1;
    }
    Some((low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_spans_the_ids_that_have_it() {
        let id: CanaryId = "01a2b3c4-d5e6-7f80-9a0b-1c2d3e4f5a6b".parse().unwrap();
        let text = id.to_string();
        for end in 4..=text.len() {
            let (low, high) = id_range(&text[..end]).expect("a beginning");
            assert!(low <= id.bytes() && id.bytes() <= high, "{end}");
        }
        assert_eq!(id_range(&text), Some((id.bytes(), id.bytes())));
        assert_eq!(
            id_range("01A2").map(|(low, _)| low[..2].to_vec()),
            Some(vec![1, 0xa2])
        );
        for bad in [
            "",
            "01a",
            "01a2b3c4d5",
            "zzzz",
            "01a2-",
            "ü123",
            &format!("{text}0"),
        ] {
            assert_eq!(id_range(bad), None, "{bad}");
        }
    }
}
