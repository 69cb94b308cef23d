//! Taking out of the index what stands for something that is erased. The tables that held it are written anew and
//! their pages overwritten: the bytes are gone once [`Index::fold_log`] says that no log holds them either.

use std::collections::BTreeSet;

use lapwing_core::TripId;

use super::batch::load_note;
use super::rows::{name_columns, read_name};
use super::{Index, Signal};
use crate::StoreError;
use crate::db::{args, int};

/// What is taken out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Notes by their names, each with what stands there from now on; `None`: nothing.
    pub notes: Vec<(String, Option<String>)>,
    /// Signals that go, if they are still where they were seen.
    pub signals: Vec<Signal>,
}

impl Index {
    /// Notes in the order of their names: those that begin with `prefix` and come after `after`, at most so many,
    /// each with its name.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn notes(
        &self,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<(String, String)>, StoreError> {
        // No name has such a character, which comes after all others.
        let end = format!("{prefix}\u{10ffff}");
        self.db.read(|session| {
            session.all(
                "SELECT name, note FROM notes WHERE name >= ?1 AND name > ?2 AND name < ?3
                 ORDER BY name LIMIT ?4",
                args![prefix, after, end.as_str(), int(limit as u64)],
                |row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned())),
            )
        })
    }

    /// The values of a signal that were last seen in one of these sessions.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn seen_in(
        &self,
        signal: &str,
        sessions: &BTreeSet<TripId>,
    ) -> Result<Vec<Signal>, StoreError> {
        let mut found = Vec::new();
        self.db.read(|session| {
            session.query(
                "SELECT value, trip_station, trip_sequence FROM signals WHERE signal = ?1",
                args![signal],
                |row| {
                    let seen = read_name(row, 1)?;
                    if sessions.contains(&seen) {
                        found.push(Signal {
                            signal: signal.to_owned(),
                            value: row.text(0)?.to_owned(),
                            session: seen,
                        });
                    }
                    Ok(())
                },
            )
        })?;
        Ok(found)
    }

    /// Takes out what `work` says, all at once, which takes as long as there are notes. It is given a look at notes as they are; nobody changes them
    /// meanwhile.
    ///
    /// # Errors
    /// What `work` fails with, or as for any write; then nothing is changed.
    pub fn forget(
        &self,
        work: impl FnOnce(
            &dyn Fn(&str) -> Result<Option<String>, StoreError>,
        ) -> Result<Forgotten, StoreError>,
    ) -> Result<(), StoreError> {
        self.db.write(|session| {
            let Forgotten { notes, signals } = work(&|name| load_note(session, name))?;
            for (name, note) in &notes {
                match note {
                    Some(note) => session.execute(
                        "UPDATE notes SET note = ?2 WHERE name = ?1",
                        args![name.as_str(), note.as_str()],
                    )?,
                    None => session
                        .execute("DELETE FROM notes WHERE name = ?1", args![name.as_str()])?,
                };
            }
            for Signal {
                signal,
                value,
                session: seen,
            } in &signals
            {
                let seen = name_columns(*seen);
                session.execute(
                    "DELETE FROM signals WHERE signal = ?1 AND value = ?2 AND trip_station = ?3
                         AND trip_sequence = ?4",
                    args![signal.as_str(), value.as_str(), seen.0, seen.1],
                )?;
            }
            // These two hold what stands for words.
            session.rewrite("notes")?;
            session.rewrite("signals")
        })
    }

    /// Writes the log into the file and cuts it to nothing, so that no older state of a row is left in it. Says
    /// whether that was possible: whoever reads for long is in the way.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn fold_log(&self) -> Result<bool, StoreError> {
        self.db.fold_log()
    }
}
