//! Names of things. A trip is named by its place in a journal (`station-sequence`); incidents and
//! actors by their first trip, so that they come out the same whenever the index is rebuilt.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// A name that does not have its form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {expected}")]
pub struct IdError {
    text: String,
    expected: &'static str,
}

impl IdError {
    pub(crate) fn new(text: &str, expected: &'static str) -> Self {
        Self {
            text: text.to_owned(),
            expected,
        }
    }
}

macro_rules! text_serde {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl serde::de::Visitor<'_> for Text {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a string")
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, ordered by time (UUID version 7).
            #[must_use]
            pub fn fresh() -> Self {
                Self(Uuid::now_v7())
            }

            /// From its 16 bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// Its 16 bytes; they sort as the ids do.
            #[must_use]
            pub const fn bytes(self) -> [u8; 16] {
                self.0.into_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Uuid::parse_str(text).map(Self).map_err(|_| IdError {
                    text: text.to_owned(),
                    expected: "a UUID such as 01a2b3c4-d5e6-7f80-9a0b-1c2d3e4f5a6b",
                })
            }
        }
        text_serde!($name);
    };
}

uuid_id!(
    /// One canary.
    CanaryId
);
uuid_id!(
    /// One placement of a canary.
    PlacementId
);

fn hex_digits(number: u32) -> [u8; 8] {
    std::array::from_fn(|place| b"0123456789abcdef"[(number >> (28 - 4 * place)) as usize & 15])
}

fn text(ascii: &[u8]) -> &str {
    std::str::from_utf8(ascii).expect("digits are ASCII")
}

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);

        impl $name {
            /// From a number.
            #[must_use]
            pub const fn new(number: u32) -> Self {
                Self(number)
            }

            /// As a number.
            #[must_use]
            pub const fn number(self) -> u32 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(text(&hex_digits(self.0)))
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                match u32::from_str_radix(text, 16) {
                    Ok(number) if text.len() == 8 => Ok(Self(number)),
                    _ => Err(IdError {
                        text: text.to_owned(),
                        expected: $expected,
                    }),
                }
            }
        }
        text_serde!($name);
    };
}

hex_id!(
    /// One station: eight lower-case hex digits, drawn when its data directory is set up.
    StationId,
    "a station (eight hex digits)"
);
hex_id!(
    /// One mute: eight lower-case hex digits, drawn when it is set up.
    MuteId,
    "a mute (eight hex digits)"
);
hex_id!(
    /// One legal hold: eight lower-case hex digits, drawn when it is set up.
    HoldId,
    "a hold (eight hex digits)"
);
hex_id!(
    /// One erasure that was asked for: eight lower-case hex digits.
    EraseId,
    "an erasure (eight hex digits)"
);
hex_id!(
    /// One published report: eight lower-case hex digits, drawn when it is published and printed in it.
    ReportId,
    "a published report (eight hex digits)"
);

/// One trip: the record with this sequence number in this station's journal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TripId {
    /// Whose journal.
    pub station: StationId,
    /// Which record of it.
    pub sequence: u64,
}

impl fmt::Display for TripId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // By hand: an index is full of these.
        let mut out = [b'-'; 29];
        out[..8].copy_from_slice(&hex_digits(self.station.0));
        let mut digits = [0; 20];
        let (mut at, mut rest) = (digits.len(), self.sequence);
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        let end = 9 + digits.len() - at;
        out[9..end].copy_from_slice(&digits[at..]);
        f.write_str(text(&out[..end]))
    }
}

impl FromStr for TripId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let parsed = text.split_once('-').and_then(|(station, sequence)| {
            Some(Self {
                station: station.parse().ok()?,
                sequence: sequence.parse().ok()?,
            })
        });
        parsed.ok_or_else(|| IdError {
            text: text.to_owned(),
            expected: "a trip such as 0a1b2c3d-17",
        })
    }
}
text_serde!(TripId);

macro_rules! trip_derived_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub TripId);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($prefix)?;
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix($prefix)
                    .and_then(|rest| rest.parse().ok())
                    .map(Self)
                    .ok_or_else(|| IdError { text: text.to_owned(), expected: $expected })
            }
        }
        text_serde!($name);
    };
}

trip_derived_id!(
    /// An incident, named by its first trip: `i0a1b2c3d-17`.
    IncidentId, "i", "an incident such as i0a1b2c3d-17"
);
trip_derived_id!(
    /// An actor, named by its first trip: `a0a1b2c3d-17`.
    ActorId, "a", "an actor such as a0a1b2c3d-17"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        let trip = TripId {
            station: StationId::new(0x0a1b_2c3d),
            sequence: 17,
        };
        assert_eq!(trip.to_string(), "0a1b2c3d-17");
        assert_eq!("0a1b2c3d-17".parse(), Ok(trip));
        assert_eq!("i0a1b2c3d-17".parse(), Ok(IncidentId(trip)));
        assert_eq!("a0a1b2c3d-17".parse(), Ok(ActorId(trip)));
        assert!("0a1b2c3d".parse::<TripId>().is_err());
        let canary = CanaryId::fresh();
        assert_eq!(canary.to_string().parse(), Ok(canary));
    }
}
