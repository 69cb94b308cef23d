//! Published lists of address ranges: who scans, crawls, previews, forwards mail, rents out machines or hides
//! others. Offline, dated, with their licence; the operator can build newer ones.
//!
//! Rule: a list says what a network is used for, never who used it. Lists hint; what was presented decides.
//!
//! The lists stay in the program's file and are searched where they lie: for each length of prefix, the
//! starts of its networks in order, and beside each the number of its list.

mod build;
mod misp;

use std::borrow::Cow;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use lapwing_core::{Listed, NetworkClass, bounded};
use serde::{Deserialize, Serialize};

use crate::special::plain;
pub use build::{NewList, build};
pub use misp::{read_list, read_misp, source_of_misp};

static EMBEDDED: &[u8] = include_bytes!("../data/lists.bin");

const MAGIC: &[u8; 4] = b"LWL1";
/// Largest file of lists that is read, in bytes.
const LARGEST: u64 = 64 << 20;

/// Where lists come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListSource {
    /// `MISP warning lists`.
    pub name: String,
    /// The day they are of, `2026-08-20`.
    pub date: String,
    /// Their licence.
    pub licence: String,
    /// Where they are published.
    pub url: String,
}

/// One list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    /// What its networks are used for.
    pub class: NetworkClass,
    /// Whose they are, `Censys`.
    pub name: String,
    /// Its name at the source.
    pub origin: String,
    /// Networks in it.
    pub count: u32,
}

#[derive(Serialize, Deserialize)]
struct Head {
    source: ListSource,
    lists: Vec<List>,
}

/// Why lists cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListsError {
    /// A file cannot be read or written.
    #[error("cannot use {path}: {source}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It holds no lists, or is damaged.
    #[error("{path}: {what}", path = path.display())]
    Format {
        /// Which.
        path: PathBuf,
        /// What is wrong, and what to do.
        what: String,
    },
}

/// The lists in use.
pub struct Lists {
    bytes: Cow<'static, [u8]>,
    head: Head,
    v4: Family,
    v6: Family,
}

/// Where the networks of one family lie in the file.
#[derive(Clone, Copy)]
struct Family {
    /// Bytes of an address.
    width: usize,
    /// Of the table of offsets: one more than there are lengths of prefix.
    table: usize,
    starts: usize,
    numbers: usize,
}

impl Lists {
    /// Those that are part of the program.
    ///
    /// # Errors
    /// Only if the program was built from damaged data.
    pub fn embedded() -> Result<Self, ListsError> {
        Self::parse(Cow::Borrowed(EMBEDDED), Path::new("the embedded lists"))
    }

    /// Those of a file that [`build`] wrote.
    ///
    /// # Errors
    /// It cannot be read, or is damaged.
    pub fn open(path: &Path) -> Result<Self, ListsError> {
        let bytes = bounded::read_file(path, LARGEST).map_err(|source| ListsError::File {
            path: path.to_owned(),
            source,
        })?;
        Self::read(bytes, path)
    }

    /// Those of a file that was read; `path` is what errors name.
    ///
    /// # Errors
    /// It is damaged.
    pub fn read(bytes: Vec<u8>, path: &Path) -> Result<Self, ListsError> {
        Self::parse(Cow::Owned(bytes), path)
    }

    fn parse(bytes: Cow<'static, [u8]>, path: &Path) -> Result<Self, ListsError> {
        let damaged = || ListsError::Format {
            path: path.to_owned(),
            what: "no lists, or damaged ones: build them again with `lapwing lists update`"
                .to_owned(),
        };
        let number = |at: usize| {
            let four = bytes.get(at..at + 4)?;
            Some(u32::from_be_bytes(four.try_into().ok()?) as usize)
        };
        let length = number(4)
            .filter(|_| bytes.starts_with(MAGIC))
            .ok_or_else(damaged)?;
        let head = bytes.get(8..8 + length).ok_or_else(damaged)?;
        let head: Head = serde_json::from_slice(head).map_err(|_| damaged())?;
        let family = |table: usize, width: usize| {
            let count = number(table + 4 * (8 * width + 1))?;
            let starts = table + 4 * (8 * width + 2);
            let numbers = starts + count * width;
            (bytes.len() >= numbers + count).then_some((
                Family {
                    width,
                    table,
                    starts,
                    numbers,
                },
                numbers + count,
            ))
        };
        let (v4, end) = family(8 + length, 4).ok_or_else(damaged)?;
        let (v6, _) = family(end, 16).ok_or_else(damaged)?;
        Ok(Self {
            bytes,
            head,
            v4,
            v6,
        })
    }

    /// Where they come from.
    #[must_use]
    pub fn source(&self) -> &ListSource {
        &self.head.source
    }

    /// Each of them.
    #[must_use]
    pub fn lists(&self) -> &[List] {
        &self.head.lists
    }

    /// The lists an address is in, the narrowest network first.
    #[must_use]
    pub fn lookup(&self, address: IpAddr) -> Vec<Listed> {
        let mut found: Vec<Listed> = Vec::new();
        let numbers = match plain(address) {
            IpAddr::V4(address) => self.search(self.v4, &address.octets()),
            IpAddr::V6(address) => self.search(self.v6, &address.octets()),
        };
        for list in numbers
            .iter()
            .filter_map(|number| self.head.lists.get(usize::from(*number)))
        {
            let listed = Listed {
                class: list.class,
                name: list.name.clone(),
            };
            if !found.contains(&listed) {
                found.push(listed);
            }
        }
        found
    }

    fn search(&self, family: Family, address: &[u8]) -> Vec<u8> {
        let bytes = &self.bytes;
        let offset = |length: usize| {
            let at = family.table + 4 * length;
            let four: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
            Some(u32::from_be_bytes(four) as usize)
        };
        let start = |index: usize| {
            let at = family.starts + index * family.width;
            bytes.get(at..at + family.width).unwrap_or_default()
        };
        let mut found = Vec::new();
        let mut masked = address.to_vec();
        for length in (0..=8 * family.width).rev() {
            mask(&mut masked, length);
            let (Some(mut low), Some(end)) = (offset(length), offset(length + 1)) else {
                break;
            };
            let mut high = end;
            while low < high {
                let middle = low.midpoint(high);
                if start(middle) < &masked[..] {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            while low < end && start(low) == masked {
                found.extend(bytes.get(family.numbers + low));
                low += 1;
            }
        }
        found
    }
}

/// Clears the bits behind a length of prefix.
fn mask(address: &mut [u8], length: usize) {
    for (index, byte) in address.iter_mut().enumerate() {
        let kept = length.saturating_sub(8 * index).min(8);
        *byte &= u8::try_from(0xff00u16 >> kept & 0xff).unwrap_or(0);
    }
}

impl std::fmt::Debug for Lists {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lists")
            .field("source", &self.head.source)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
