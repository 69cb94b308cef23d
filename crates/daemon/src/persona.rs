//! What the station pretends to be.

use lapwing_listen::System;
use lapwing_store::Ledger;

use crate::{DaemonError, Directory};

/// Drawn once and kept in the ledger: a later version that knows more releases makes no other host of it.
///
/// # Errors
/// The ledger fails.
pub fn system(directory: &Directory, ledger: &Ledger) -> Result<System, DaemonError> {
    let (seed, station) = (directory.persona_seed(), directory.station());
    let kept = ledger.persona(station)?;
    if let Some(system) = kept.as_deref().and_then(|kept| System::named(&seed, kept)) {
        return Ok(system);
    }
    let drawn = System::from_seed(&seed);
    match kept {
        None => ledger.keep_persona(station, drawn.release())?,
        Some(kept) => tracing::warn!(
            kept,
            drawn = drawn.release(),
            "this version does not know the system the station pretends to be, and shows another"
        ),
    }
    Ok(drawn)
}
