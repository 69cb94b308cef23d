//! What can go wrong with kinds: each message says what, where, and what next.

use std::io;
use std::path::PathBuf;

/// An error of the catalogue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// A kind's file does not follow the schema.
    #[error("{what}\n  --> {file}:{line}\n  hint: {hint}")]
    Schema {
        /// The file, as it was found.
        file: String,
        /// Line, counted from 1.
        line: usize,
        /// What is wrong.
        what: String,
        /// What to do about it.
        hint: String,
    },
    /// A file or directory of the overlay cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No kind has this name.
    #[error("there is no kind {id:?}; {}", nearest_words(nearest))]
    UnknownKind {
        /// What was asked for.
        id: String,
        /// Kinds with a similar name, nearest first.
        nearest: Vec<String>,
    },
    /// The kind carries an address of ours, and none was given.
    #[error(
        "bait of kind {kind} carries an address that leads back here, and none is set; set it with `lapwing init --address https://...`"
    )]
    NeedsAddress {
        /// The kind.
        kind: String,
    },
    /// The kind carries an e-mail address, and no domain of the operator's is known.
    #[error(
        "bait of kind {kind} carries an e-mail address, and no mail domain is set; set one of your own with `lapwing init --mail-domain ...`"
    )]
    NeedsMailDomain {
        /// The kind.
        kind: String,
    },
    /// There are no lists for this locale.
    #[error("there is no locale {id:?}; there are {}", known.join(", "))]
    UnknownLocale {
        /// What was asked for.
        id: String,
        /// Those there are.
        known: Vec<&'static str>,
    },
    /// Not a telephone number a record can show.
    #[error(
        "{text:?} is no telephone number a record can show; write 5 to 15 digits without a `+` (a table program would take it for a formula), or `reserved`"
    )]
    Phone {
        /// What was given.
        text: String,
    },
    /// The locale's regulator keeps no numbers for fiction.
    #[error(
        "no telephone numbers are kept for fiction in {country}; give numbers of your own, or none"
    )]
    NoReservedPhones {
        /// The country, in its own words.
        country: String,
    },
    /// A field that was to be set is not there, or not to be set by hand.
    #[error(
        "field {field:?} of kind {kind} cannot be set; {}",
        settable_words(settable)
    )]
    CannotSet {
        /// The kind.
        kind: String,
        /// The field asked for.
        field: String,
        /// The fields that can be.
        settable: Vec<String>,
    },
    /// A value that was set does not have the field's form.
    #[error("the value given for {field} of kind {kind} does not have the form {format}")]
    BadValue {
        /// The kind.
        kind: String,
        /// The field.
        field: String,
        /// Its form.
        format: String,
    },
    /// No value that passes the rules came up.
    #[error("no acceptable value for {field} of kind {kind} in {tries} draws; loosen its rules")]
    Draw {
        /// The kind.
        kind: String,
        /// The field.
        field: String,
        /// How often it was tried.
        tries: u32,
    },
    /// Not an address that bait can carry.
    #[error(
        "{text:?} is not an address bait can carry: {why}; write https://host[:port][/prefix] or https://*.domain"
    )]
    Address {
        /// What was given.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

fn nearest_words(nearest: &[String]) -> String {
    if nearest.is_empty() {
        "`lapwing kinds` lists them".to_owned()
    } else {
        format!("did you mean {}?", nearest.join(", "))
    }
}

fn settable_words(settable: &[String]) -> String {
    if settable.is_empty() {
        "none of its fields can".to_owned()
    } else {
        format!("these can: {}", settable.join(", "))
    }
}
