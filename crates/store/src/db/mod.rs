//! The thin database layer: sessions, rows, arguments, transactions, migrations.
//!
//! The domain files speak portable SQL through [`Session`]: `BIGINT`, `TEXT` and `BLOB` only, `?1`
//! placeholders, `ON CONFLICT`, `RETURNING`. In schemas `BIGINT PRIMARY KEY` is an ordered integer
//! key and `CLUSTERED` after a table's closing bracket asks for rows kept in the order of the
//! primary key; each engine puts these in its own words. What only one engine can do (files, locks,
//! caches, copies) stays in that engine's files.

mod migrate;
mod session;
mod sqlite;

pub(crate) use migrate::Migration;
pub(crate) use session::{Row, Session};
pub(crate) use sqlite::{Db, Writing, sync_file_and_directory};

/// A value bound to a placeholder.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Arg<'a> {
    Null,
    Int(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl From<i64> for Arg<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<Option<i64>> for Arg<'_> {
    fn from(value: Option<i64>) -> Self {
        value.map_or(Self::Null, Self::Int)
    }
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<Option<&'a str>> for Arg<'a> {
    fn from(value: Option<&'a str>) -> Self {
        value.map_or(Self::Null, Self::Text)
    }
}

impl<'a> From<&'a [u8]> for Arg<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Bytes(value)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Arg<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Self::Bytes(value)
    }
}

/// Makes an argument list out of values of different types.
macro_rules! args {
    ($($value:expr),* $(,)?) => { &[$($crate::db::Arg::from($value)),*] };
}
pub(crate) use args;

/// How far a commit reaches before it is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// On disk.
    Full,
    /// Consistent after a power cut, but the last commits may be gone: they can be derived again.
    Normal,
}

/// What sort of database a file is.
#[derive(Debug)]
pub(crate) struct Layout {
    /// `ledger` or `index`; written into the schema table, so that one is not taken for the other.
    pub(crate) store: &'static str,
    /// Its file in the data directory.
    pub(crate) file: &'static str,
    pub(crate) durability: Durability,
    /// At most so many connections read at once.
    pub(crate) readers: usize,
    /// Page cache of each reader and of the writer, in KiB.
    pub(crate) reader_cache: u32,
    pub(crate) writer_cache: u32,
    /// Pages of log before it is folded into the file: more let a page that changes often be written
    /// less often, fewer let a start after a crash be quicker.
    pub(crate) log_pages: u32,
    /// Whether what is deleted is overwritten.
    pub(crate) overwrites: bool,
    pub(crate) migrations: &'static [Migration],
    /// What to do if the file is damaged or something else.
    pub(crate) remedy: &'static str,
}

/// A count or sequence as the database holds it. All of ours are below 2^53.
pub(crate) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
