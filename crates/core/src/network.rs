//! What is said of a network beside its place: how far sources agree, whether an address left the Tor network at a
//! time, and what was asked of others about it. Describes an endpoint, never a person.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::link::Confidence;
use crate::phrase::network as phrase;
use crate::time::Timestamp;

/// How far the sources agree about the country of an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// So many sources name the country that is given.
    pub agree: u32,
    /// So many name a country at all.
    pub of: u32,
    /// What the others name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Dissent>,
}

/// A source that names another country.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dissent {
    /// Which country, ISO 3166-1 alpha-2.
    pub country: String,
    /// The source: name and date.
    pub source: String,
}

impl Agreement {
    /// How well founded the country is: high where two sources or more name it and no other does, moderate where
    /// there is only one source or most agree, else low.
    #[must_use]
    pub const fn confidence(&self) -> Confidence {
        match (self.agree, self.of) {
            (_, 0) => Confidence::None,
            (1, 1) => Confidence::Moderate,
            (agree, of) if agree == of => Confidence::High,
            (agree, of) if agree * 2 > of => Confidence::Moderate,
            _ => Confidence::Low,
        }
    }

    /// In words: `2 of 3 sources agree; another says PL`.
    #[must_use]
    pub fn words(&self) -> String {
        let agree = match (self.agree, self.of) {
            (1, 1) => phrase::ONE_SOURCE.text(),
            (agree, of) => phrase::AGREE.count(i64::from(of), &[("agree", &agree)]),
        };
        let mut others: Vec<&str> = self.others.iter().map(|one| one.country.as_str()).collect();
        others.sort_unstable();
        others.dedup();
        if others.is_empty() {
            return agree;
        }
        phrase::OTHERS_SAY.with(&[("AGREE", &agree), ("countries", &others.join(", "))])
    }
}

/// Whether an address was an exit of the Tor network at the time of a trip, as the lists at hand have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TorExit {
    /// The answer.
    pub was: WasExit,
    /// The time of the list that says so; none where no list is near that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<Timestamp>,
}

/// An answer that may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WasExit {
    /// A list within a day of that time has it.
    Yes,
    /// Lists within a day before and after, or the newest one, do not have it.
    No,
    /// No list covers that time.
    Unknown,
}

impl WasExit {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }
}

/// What others said of an address when the operator had them asked, as they said it then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Which address.
    pub address: IpAddr,
    /// When it was asked.
    pub taken: Timestamp,
    /// Who was asked: `the resolver 192.0.2.53`, `https://rdap.db.ripe.net/ip/192.0.2.1`.
    pub asked: Vec<String>,
    /// What they said.
    pub found: Found,
}

/// What a look-up found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "lookup", rename_all = "lowercase")]
pub enum Found {
    /// Reverse DNS: the names, each with whether it leads back to the address; none where there is none.
    Rdns {
        /// The names, at most 16.
        names: Vec<ReverseName>,
    },
    /// The registry's record of the network (RDAP, RFC 9083).
    Rdap(Box<Registration>),
}

impl Found {
    /// Which look-up it was: `rdns`, `rdap`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Rdns { .. } => "rdns",
            Self::Rdap(_) => "rdap",
        }
    }
}

/// A name that the owner of an address's reverse zone gives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReverseName {
    /// The name: hostile text, escaped.
    pub name: String,
    /// Whether the name itself leads to the address: without that it is only the zone owner's word.
    pub confirmed: bool,
}

/// What a registry has on a network. Names of people are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The registry's own name for the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<String>,
    /// The network's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// First and last address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<(IpAddr, IpAddr)>,
    /// The country it is registered in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// `ALLOCATED PA`, `DIRECT ALLOCATION`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<String>,
    /// Organisations it is registered to. A person is never named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub organisations: Vec<String>,
    /// Mailboxes for reports of abuse.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub abuse: Vec<String>,
    /// When the record was last changed, as the registry writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disagreement_lowers_confidence() {
        let agreement = |agree, of| Agreement {
            agree,
            of,
            others: Vec::new(),
        };
        for (agree, of, expected) in [
            (0, 0, Confidence::None),
            (1, 1, Confidence::Moderate),
            (2, 2, Confidence::High),
            (3, 4, Confidence::Moderate),
            (2, 4, Confidence::Low),
            (1, 3, Confidence::Low),
        ] {
            assert_eq!(agreement(agree, of).confidence(), expected, "{agree}/{of}");
        }
    }

    #[test]
    fn agreement_in_words() {
        let dissent = |country: &str| Dissent {
            country: country.to_owned(),
            source: "x 2026-01-01".to_owned(),
        };
        let agreement = Agreement {
            agree: 2,
            of: 4,
            others: vec![dissent("PL"), dissent("AT")],
        };
        assert_eq!(agreement.words(), "2 of 4 sources agree; others say AT, PL");
    }
}
