//! Holding the journal against a checkpoint that was kept elsewhere: the only means that catches a
//! journal which was rewritten from scratch by somebody who has the signing key.

use std::path::Path;

use crate::checkpoints::Tail;
use crate::cosigned::Checkpoint;
use crate::segment::segments;
use crate::state::Start;
use crate::walk::walk;
use crate::{Broken, JournalError};

/// The newest checkpoint that was signed, a C2SP signed note; `None` before the first.
///
/// # Errors
/// The file of checkpoints cannot be read, or its end is not one.
pub fn newest_checkpoint(directory: &Path) -> Result<Option<String>, JournalError> {
    let tail = Tail::read(directory, None)?;
    Ok(tail.newest().map(|note| note.text.clone()))
}

/// Whether the journal still begins with the records that `checkpoint`, a signed note kept
/// elsewhere (witnesses may have cosigned it), was signed over. Returns how many those are.
///
/// # Errors
/// Not a checkpoint signed by `public_key`, records missing, or other records than it was signed
/// over.
pub fn verify_against(
    directory: &Path,
    public_key: &[u8; 32],
    checkpoint: &str,
) -> Result<u64, JournalError> {
    let note = Checkpoint::parse(checkpoint, public_key).map_err(|what| kept(0, what))?;
    let mut found = note.size == 0;
    walk(
        directory,
        &segments(directory)?,
        Start::default(),
        None,
        &mut |step| {
            let frontier = &step.after.frontier;
            if frontier.size() == note.size {
                if frontier.root() != note.root {
                    return Err(step.broken(
                        "the checkpoint kept elsewhere was signed over other records up to here",
                    ));
                }
                found = true;
            }
            Ok(())
        },
    )?;
    if found {
        return Ok(note.size);
    }
    Err(kept(
        note.size,
        "the journal is shorter than the checkpoint kept elsewhere says",
    )
    .into())
}

fn kept(sequence: u64, what: &str) -> Broken {
    Broken {
        segment: "checkpoint kept elsewhere".to_owned(),
        line: 0,
        sequence: Some(sequence),
        what: what.to_owned(),
    }
}
