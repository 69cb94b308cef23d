//! Whether an address was an exit of the Tor network at a time: a history of exit lists, each with the time it was
//! made, kept as what changed from one to the next.
//!
//! Reads the two forms that the Tor Project publishes: the bulk list (addresses, a line each), and exit lists with
//! times (`ExitNode`, `Published`, `LastStatus`, `ExitAddress ADDRESS DATE TIME`; several in one file, each behind
//! `Downloaded DATE TIME`, <https://metrics.torproject.org/collector.html>).
//!
//! Rule: a list speaks for a day before and after it. Yes: the newest list before that time or the oldest one after it
//! has the address. No: it does not, in neither. Unknown: there is no list within a day.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use lapwing_core::{Timestamp, TorExit, WasExit, bounded};

use crate::special::plain;

/// Largest history or list that is read, in bytes.
const LARGEST: u64 = 64 << 20;
/// Addresses in one list: the network has a few thousand exits.
const MOST: usize = 100_000;
/// How long before and after its time a list speaks for, in seconds.
const SPEAKS: i64 = 86_400;
const HEAD: &str = "lapwing-exits 1";

/// Why exit lists cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExitsError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no list of exits, or no history of such lists.
    #[error("{}: {what}", path.display())]
    Format {
        /// Which.
        path: PathBuf,
        /// What is wrong, and what to do.
        what: String,
    },
}

/// The exits at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExitList {
    /// When the list was made, to the second.
    pub time: Timestamp,
    /// The addresses that exits were seen to use.
    pub addresses: BTreeSet<IpAddr>,
}

/// Lists over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exits {
    /// Seconds since 1970 of each list, in order.
    times: Vec<i64>,
    /// The lists each address is in: the first of a run, and the one behind its last.
    runs: HashMap<IpAddr, Vec<(u32, u32)>>,
}

impl Exits {
    /// Reads a history that [`Exits::to_text`] wrote.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub fn open(path: &Path) -> Result<Self, ExitsError> {
        Self::parse(&read(path)?).map_err(|what| ExitsError::Format {
            path: path.to_owned(),
            what: format!("{what}; `lapwing geo restore` brings the one before back"),
        })
    }

    /// Reads the text of a history.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        if lines.next() != Some(HEAD) {
            return Err("no history of exit lists".to_owned());
        }
        let mut exits = Self::default();
        let mut open: HashMap<IpAddr, u32> = HashMap::new();
        for (number, line) in (2..).zip(lines) {
            let wrong = || format!("line {number} is none of a history of exit lists");
            let (sign, value) = line.split_once(' ').ok_or_else(wrong)?;
            if sign == "=" {
                let time = Timestamp::parse(value).ok_or_else(wrong)?.seconds();
                if exits.times.last().is_some_and(|last| *last >= time) {
                    return Err(format!("line {number} goes back in time"));
                }
                exits.times.push(time);
                continue;
            }
            let address: IpAddr = value.parse().map_err(|_| wrong())?;
            let list = exits.times.len().checked_sub(1).ok_or_else(wrong)?;
            let list = u32::try_from(list).map_err(|_| wrong())?;
            match sign {
                "+" => {
                    open.entry(address).or_insert(list);
                }
                "-" => {
                    let first = open.remove(&address).ok_or_else(wrong)?;
                    exits.runs.entry(address).or_default().push((first, list));
                }
                _ => return Err(wrong()),
            }
        }
        let end = u32::try_from(exits.times.len()).map_err(|_| "too many lists".to_owned())?;
        for (address, first) in open {
            exits.runs.entry(address).or_default().push((first, end));
        }
        Ok(exits)
    }

    /// With these lists too. One of a time that is already there is passed over: what was known then stays.
    #[must_use]
    pub fn with(&self, lists: Vec<ExitList>) -> Self {
        let mut all: BTreeMap<i64, BTreeSet<IpAddr>> = (0..)
            .zip(&self.times)
            .map(|(index, time)| (*time, self.list(index)))
            .collect();
        for list in lists {
            let addresses = list.addresses.into_iter().map(plain).collect();
            all.entry(list.time.seconds()).or_insert(addresses);
        }
        let mut exits = Self::default();
        let mut open: HashMap<IpAddr, u32> = HashMap::new();
        for (index, (time, addresses)) in (0..).zip(&all) {
            exits.times.push(*time);
            let runs = &mut exits.runs;
            open.retain(|address, first| {
                let stays = addresses.contains(address);
                if !stays {
                    runs.entry(*address).or_default().push((*first, index));
                }
                stays
            });
            for address in addresses {
                open.entry(*address).or_insert(index);
            }
        }
        let end = u32::try_from(exits.times.len()).unwrap_or(u32::MAX);
        for (address, first) in open {
            exits.runs.entry(address).or_default().push((first, end));
        }
        exits
    }

    /// The history as text: of each list its time, and what came and went since the one before.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut changes: BTreeMap<u32, BTreeSet<(char, IpAddr)>> = BTreeMap::new();
        for (address, runs) in &self.runs {
            for (first, end) in runs {
                changes.entry(*first).or_default().insert(('+', *address));
                changes.entry(*end).or_default().insert(('-', *address));
            }
        }
        let mut text = format!("{HEAD}\n");
        for (index, time) in (0..).zip(&self.times) {
            let time = Timestamp::from_micros(time.saturating_mul(1_000_000));
            let _ = writeln!(text, "= {}", time.to_seconds_string());
            for (sign, address) in changes.get(&index).into_iter().flatten() {
                let _ = writeln!(text, "{sign} {address}");
            }
        }
        text
    }

    /// Whether an address was an exit at a time.
    #[must_use]
    pub fn at(&self, address: IpAddr, time: Timestamp) -> TorExit {
        let time = time.seconds();
        let after = self.times.partition_point(|list| *list <= time);
        let near = [after.checked_sub(1), Some(after)].into_iter().flatten();
        let mut near = near.filter_map(|index| {
            let list = *self.times.get(index)?;
            let is_near = list.abs_diff(time) <= SPEAKS.unsigned_abs();
            is_near.then_some((u32::try_from(index).ok()?, list))
        });
        let address = plain(address);
        let told = |was, list: Option<i64>| TorExit {
            was,
            list: list.map(|list| Timestamp::from_micros(list.saturating_mul(1_000_000))),
        };
        let Some(first) = near.next() else {
            return told(WasExit::Unknown, None);
        };
        let runs = self.runs.get(&address).map_or(&[][..], Vec::as_slice);
        let has = |index: u32| runs.iter().any(|(from, to)| (*from..*to).contains(&index));
        let yes = std::iter::once(first)
            .chain(near)
            .find(|(index, _)| has(*index));
        match yes {
            Some((_, list)) => told(WasExit::Yes, Some(list)),
            None => told(WasExit::No, Some(first.1)),
        }
    }

    /// How many lists there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.times.len()
    }

    /// How many addresses the newest list has.
    #[must_use]
    pub fn newest_size(&self) -> usize {
        let last = self
            .times
            .len()
            .checked_sub(1)
            .and_then(|last| u32::try_from(last).ok());
        last.map_or(0, |last| self.list(last).len())
    }

    /// The times of the oldest and the newest list.
    #[must_use]
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let time = |seconds: &i64| Timestamp::from_micros(seconds.saturating_mul(1_000_000));
        Some((time(self.times.first()?), time(self.times.last()?)))
    }

    fn list(&self, index: u32) -> BTreeSet<IpAddr> {
        let has =
            |runs: &Vec<(u32, u32)>| runs.iter().any(|(from, to)| (*from..*to).contains(&index));
        let runs = self.runs.iter().filter(|(_, runs)| has(runs));
        runs.map(|(address, _)| *address).collect()
    }
}

fn read(path: &Path) -> Result<String, ExitsError> {
    bounded::read_text(path, LARGEST).map_err(|source| ExitsError::File {
        path: path.to_owned(),
        source,
    })
}

/// Reads the lists in a file, of either form. A bulk list does not say its time, which is then `made`.
///
/// # Errors
/// It cannot be read, or a line of it belongs to no such list.
pub fn read_exit_lists(path: &Path, made: Timestamp) -> Result<Vec<ExitList>, ExitsError> {
    parse_lists(&read(path)?, made).map_err(|what| ExitsError::Format {
        path: path.to_owned(),
        what: format!(
            "{what}. It should be a list of addresses, a line each, or of ExitNode and ExitAddress lines, as \
             check.torproject.org and collector.torproject.org have them"
        ),
    })
}

/// Reads the text of lists, as [`read_exit_lists`].
///
/// # Errors
/// What is wrong.
pub fn parse_lists(text: &str, made: Timestamp) -> Result<Vec<ExitList>, String> {
    let mut lists: Vec<ExitList> = Vec::new();
    let mut list = Reading::default();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', '@']) {
            continue;
        }
        if let Some(time) = line.strip_prefix("Downloaded ") {
            lists.extend(std::mem::take(&mut list).finish(made));
            list.time = Some(moment(time).ok_or_else(|| format!("line {number} has no time"))?);
            continue;
        }
        if !list.take(line) {
            return Err(format!("line {number} is none of a list of exits"));
        }
        if list.addresses.len() > MOST {
            return Err(format!("more than {MOST} exits, which nobody has"));
        }
    }
    lists.extend(list.finish(made));
    if lists.is_empty() {
        return Err("no address in it".to_owned());
    }
    Ok(lists)
}

/// A list under way.
#[derive(Default)]
struct Reading {
    /// As `Downloaded` says.
    time: Option<Timestamp>,
    /// The newest time in it.
    newest: Option<Timestamp>,
    addresses: BTreeSet<IpAddr>,
}

impl Reading {
    /// Takes a line; false if it is none of a list.
    fn take(&mut self, line: &str) -> bool {
        if let Ok(address) = line.parse::<IpAddr>() {
            self.addresses.insert(plain(address));
            return true;
        }
        let Some((word, rest)) = line.split_once(' ') else {
            return false;
        };
        match word {
            "ExitNode" => true,
            "Published" | "LastStatus" => self.saw(rest),
            "ExitAddress" | "ExitAddress6" => {
                let Some((address, time)) = rest.split_once(' ') else {
                    return false;
                };
                let Ok(address) = address.trim_matches(['[', ']']).parse::<IpAddr>() else {
                    return false;
                };
                self.addresses.insert(plain(address));
                self.saw(time)
            }
            _ => false,
        }
    }

    fn saw(&mut self, time: &str) -> bool {
        let time = moment(time);
        self.newest = self.newest.max(time);
        time.is_some()
    }

    fn finish(self, made: Timestamp) -> Option<ExitList> {
        let time = self.time.or(self.newest).unwrap_or(made);
        (!self.addresses.is_empty()).then_some(ExitList {
            time: Timestamp::from_micros(time.seconds().saturating_mul(1_000_000)),
            addresses: self.addresses,
        })
    }
}

/// `2026-11-28 12:02:00`, UTC.
fn moment(text: &str) -> Option<Timestamp> {
    let (day, time) = text.trim().split_once(' ')?;
    Timestamp::parse(&format!("{day}T{time}Z"))
}

#[cfg(test)]
mod tests;
