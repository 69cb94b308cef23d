//! What others say of the checkpoint: a time stamp authority, and witnesses. Each comes to one line, whatever was
//! asked for, in the words of `verify.py`.

use std::fmt;

use lapwing_core::text;
use lapwing_journal::Checkpoint;
use sha2::{Digest as _, Sha256};

use super::{BundleError, Check, Told};
use crate::bundle::stamp::stamp;

/// Whether somebody else vouches for the checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Vouched {
    /// Nobody is said to in this bundle.
    Nobody,
    /// Why that is not verified.
    Unverified(String),
    /// What is.
    Verified(String),
    /// What leads there is not as it was signed.
    #[default]
    Unlooked,
}

impl Vouched {
    /// `none`, `not verified` or `verified`.
    #[must_use]
    pub const fn state(&self) -> &'static str {
        match self {
            Self::Nobody => "none",
            Self::Unverified(_) | Self::Unlooked => "not verified",
            Self::Verified(_) => "verified",
        }
    }

    /// The rest of the line.
    #[must_use]
    pub fn detail(&self) -> &str {
        match self {
            Self::Nobody => "none in this bundle",
            Self::Unverified(why) => why,
            Self::Verified(what) => what,
            Self::Unlooked => "what comes before it is broken",
        }
    }
}

impl fmt::Display for Vouched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str(self.detail()),
            Self::Verified(_) => write!(f, "verified: {}", self.detail()),
            Self::Unverified(_) | Self::Unlooked => {
                write!(f, "not verified because {}", self.detail())
            }
        }
    }
}

impl Check<'_> {
    /// Cosignatures are those of the checkpoint, and made by whom the receiver names.
    pub(super) fn witnesses(
        &mut self,
        checkpoint: &Checkpoint,
        told: &Told,
    ) -> Result<Vouched, BundleError> {
        let mut missing: Vec<String> = Vec::new();
        for (number, cosignature) in (1..).zip(&checkpoint.cosignatures) {
            let name = format!("cosignature-{number}");
            let whole = self.small(&name)? == cosignature.message.as_bytes()
                && self.small(&format!("{name}.sig"))? == cosignature.signature;
            if !whole {
                missing.push(format!("{name}: not what is in the checkpoint"));
            }
        }
        let mut seen = Vec::new();
        for witness in &told.witnesses {
            let mut cosigned = checkpoint.cosignatures.iter();
            let name = text::escape(witness.name.as_bytes());
            if cosigned.any(|cosignature| cosignature.is_by(witness)) {
                seen.push(name);
            } else {
                missing.push(format!("checkpoint: {name} has not cosigned it"));
            }
        }
        let count = checkpoint.cosignatures.len();
        Ok(if !missing.is_empty() {
            let why = missing.join("; ");
            self.out.problems.extend(missing);
            Vouched::Unverified(why)
        } else if !seen.is_empty() {
            Vouched::Verified(format!("cosigned by {}", seen.join(", ")))
        } else if count > 0 {
            Vouched::Unverified(format!(
                "no key of a witness was given (--witness); cosignatures in it: {count}"
            ))
        } else {
            Vouched::Nobody
        })
    }

    /// A time stamp is of this checkpoint, and signed by the authority whose certificates the receiver has.
    pub(super) fn timestamp(&mut self, note: &[u8], told: &Told) -> Result<Vouched, BundleError> {
        let answer = self.small("checkpoint.tsr")?;
        if answer.is_empty() && told.authorities.is_none() {
            return Ok(Vouched::Nobody);
        }
        let stamped = stamp(&answer).and_then(|stamp| {
            if stamp.digest[..] != Sha256::digest(note)[..] {
                return Err("not of this checkpoint");
            }
            if let Some(authorities) = &told.authorities {
                authorities.signed(&answer)?;
            }
            Ok(stamp.time)
        });
        Ok(match (stamped, &told.authorities) {
            (Ok(time), Some(_)) => {
                Vouched::Verified(format!("the authority stamped the checkpoint at {time}"))
            }
            (Ok(time), None) => Vouched::Unverified(format!(
                "no certificates of the authority were given (--tsa-certificates); it says {time}"
            )),
            (Err(what), _) => {
                let what = if answer.is_empty() {
                    "none in this bundle"
                } else {
                    what
                };
                let what = format!("checkpoint.tsr: {what}");
                self.problem(what.clone());
                Vouched::Unverified(what)
            }
        })
    }
}
