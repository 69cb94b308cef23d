//! Beacons as a client sees them.

use crate::Minted;

/// A beacon: where its address leads, and the value by which it is recognised.
#[derive(Clone, Debug)]
pub struct Beacon {
    /// The canary's id.
    pub id: String,
    /// The host to ask.
    pub host: String,
    /// What to ask it for.
    pub target: String,
    /// The value that makes it a beacon.
    pub segment: String,
}

impl Beacon {
    /// Reads where a minted beacon leads.
    ///
    /// # Panics
    /// If it is no beacon.
    #[must_use]
    pub fn of(minted: &Minted) -> Self {
        let rest = minted
            .field("beacon.url")
            .strip_prefix("http://")
            .expect("an http URL");
        let slash = rest.find('/').expect("a path");
        Self {
            id: minted.id.clone(),
            host: rest[..slash].to_owned(),
            target: rest[slash..].to_owned(),
            segment: minted.field("beacon.segment").to_owned(),
        }
    }
}
