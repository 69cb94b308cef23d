//! The languages that people are told things in.

use serde::{Deserialize, Serialize};

/// The language of what is not a name, a quotation or a word of the evidence's own.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Spanish.
    Es,
}

impl Language {
    /// All there are.
    pub const ALL: &'static [Self] = &[Self::En, Self::Es];

    /// Its code, as BCP 47 has it: `en`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Es => "es",
        }
    }
}
