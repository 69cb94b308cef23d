//! Kinds of bait: what they look like, how they are minted, recognised and answered. Everything a
//! kind is lies in one TOML file of `canaries/`; this crate reads those files and holds no kind in code.
//!
//! Reads files of the operator's overlay; knows no socket and no store.

mod address;
mod answer;
mod artifact;
mod aws;
mod aws_rest;
mod azure;
mod battery;
mod candidates;
mod catalog;
mod clean;
mod compile;
mod context;
mod credential;
mod dav;
mod decoy;
mod dice;
mod dump;
mod error;
mod fit;
mod fitting;
mod format;
mod formats;
mod git;
mod judge;
mod jwt;
mod keys;
mod kind;
mod locale;
mod login;
mod memory;
mod multipart;
mod ntlm;
mod parts;
mod rehearsal;
mod render;
mod request;
mod route;
mod schema;
mod sigv2;
mod sigv4;
mod smart;
mod templates;
mod unpack;
mod ways;
mod words;
mod xml;

pub use address::Address;
pub use answer::{Answer, Asked, Matched};
pub use artifact::{InsertError, Inserted, Written};
pub use battery::{Finding, check};
pub use candidates::{Candidate, candidates};
pub use catalog::Catalog;

pub use dump::{Dialect, Dump, DumpOrder, Sort};
pub use error::CatalogError;
pub use judge::Judgement;
pub use keys::rsa_key;
pub use kind::{AddressUse, ColumnHint, Field, IniHint, Kind, MintOrder, PlantHints, TreeHint};
pub use locale::{Locale, Scene, somebody_else};
pub use login::Login;
pub use request::{Request, ShownCertificate};
pub use ways::{Basis, Refusal};
