//! What the pieces of a format are made of: parsing them, filters, checksums, moments and whole tokens.

pub(crate) mod azure;
pub(crate) mod checksum;
pub(crate) mod filter;
pub(crate) mod made;
pub(crate) mod piece;
