//! Kinds of bait: what they look like, how they are minted, recognised and answered. Everything a
//! kind is lies in one TOML file of `canaries/`; this crate reads those files and holds no kind in code.
//!
//! Reads files of the operator's overlay; knows no socket and no store.

mod address;
mod answer;
mod aws;
mod battery;
mod candidates;
mod catalog;
mod clean;
mod compile;
mod credential;
mod decoy;
mod dice;
mod error;
mod fit;
mod format;
mod kind;
mod parts;
mod render;
mod request;
mod route;
mod schema;
mod sigv4;
mod words;

pub use address::Address;
pub use answer::{Answer, Asked, Matched};
pub use battery::{Finding, check};
pub use candidates::Candidate;
pub use catalog::Catalog;
pub use error::CatalogError;
pub use kind::{AddressUse, ColumnHint, Field, IniHint, Kind, MintOrder, PlantHints, TreeHint};
pub use request::Request;
