//! Verdicts on trips of which was erased what they were drawn from: as the record of the erasure has them. An
//! index that is built again would else judge by what is left, and take a drill for an intruder.

use std::collections::HashMap;
use std::path::Path;

use lapwing_core::{Judgement, Keyring, Verdict};
use lapwing_journal::{Reader, Record};

use crate::DaemonError;

/// By the sequence of the trip; read when the first of them is met.
#[derive(Default)]
pub(crate) struct Verdicts(Option<HashMap<u64, Verdict>>);

impl Verdicts {
    /// Sees to it that the verdict on a trip is known whose parts are gone: their erasure stands behind it in
    /// the journal.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub(crate) fn know(
        &mut self,
        journal: &Path,
        keys: &Keyring,
        sequence: u64,
    ) -> Result<(), DaemonError> {
        // Trips are indexed in their order, and before they lose anything: one reading has them all.
        if self.0.is_some() {
            return Ok(());
        }
        let mut known = HashMap::new();
        let mut reader = Reader::open(journal, keys, Some(sequence))?.opening(&[]);
        while let Some(record) = reader.next()? {
            known.extend(noted(&record));
        }
        self.0 = Some(known);
        Ok(())
    }

    /// Puts the verdict in the place of what was concluded without what is gone.
    pub(crate) fn lay_over(&self, sequence: u64, judgement: &mut Judgement) {
        let Some(verdict) = self.0.as_ref().and_then(|known| known.get(&sequence)) else {
            return;
        };
        judgement.verdict = *verdict;
        judgement.reasons = vec![
            "Judged before what the peer said was erased; the log has the verdict beside the erasure."
                .to_owned(),
        ];
    }
}

/// What a record of an erasure says of the trips it is about.
fn noted(record: &Record) -> Vec<(u64, Verdict)> {
    if record.body["type"] != "erasure" {
        return Vec::new();
    }
    let parts = record.body["parts"].as_array().into_iter().flatten();
    parts
        .filter_map(|part| {
            let word = part["note"].as_str()?;
            let verdict = Verdict::ALL.into_iter().find(|it| it.word() == word)?;
            Some((part["record"].as_u64()?, verdict))
        })
        .collect()
}
