//! `lapwing scan`: canary values in logs, dumps and what programs print, however they were written.
//!
//! Reports and records nothing: whoever wrote the log is not known, so a finding is no trip. The ledger
//! is read once; from then on the cost follows what is read, and memory does not grow with it.

use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use indicatif::{ProgressBar, ProgressStyle};
use lapwing_catalog::Catalog;
use lapwing_core::text::escape;
use lapwing_core::{Canary, CanaryId};
use lapwing_search::{Gatherer, Needles, Sighting};
use lapwing_store::Ledger;
use serde_json::{Value, json};

use crate::args::{Global, Scan};
use crate::context::Context;
use crate::failure::{Advice, Exit};
use crate::output;

/// How much is searched at once by a thread.
const CHUNK: usize = 1 << 20;
/// How much of a chunk the next one begins with: a value may be written over so many bytes.
const OVERLAP: usize = 16 << 10;
/// Canaries read from the ledger at once.
const STRIDE: usize = 4096;
/// A secret that is no handle may be a word with a number; shorter ones turn up by chance.
const SHORTEST_SECRET: usize = 12;

pub(crate) fn run(global: &Global, args: &Scan) -> anyhow::Result<Exit> {
    let Scan { paths } = args;
    let context = Context::open(global)?;
    let ledger = context.ledger()?;
    let known = Known::read(&ledger, &context.catalog()?)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut scan = Run {
        threads: threads.min(16),
        buffer: Vec::new(),
        ledger: &ledger,
        known: &known,
        json: global.json,
        bar: bar(),
        found: 0,
        canaries: BTreeSet::new(),
        read: 0,
        unreadable: 0,
        cut: 0,
    };
    for path in paths {
        if path.as_os_str() == "-" {
            scan.stream("-", io::stdin().lock())?;
        } else {
            scan.path(path, true)?;
        }
    }
    scan.bar.finish_and_clear();
    scan.conclude()
}

/// What the ledger knows, ready to be looked for.
struct Known {
    needles: Needles,
    /// Canary and field of each value, by tag.
    values: Vec<(CanaryId, u16)>,
    /// Names of fields, by number.
    fields: Vec<String>,
    skipped: u64,
}

impl Known {
    fn read(ledger: &Ledger, catalog: &Catalog) -> anyhow::Result<Self> {
        let mut gatherer = Gatherer::default();
        let (mut values, mut fields, mut skipped) = (Vec::new(), Vec::new(), 0);
        let mut after = None;
        loop {
            let canaries = ledger.canaries(after, STRIDE)?;
            let Some(last) = canaries.last() else {
                break;
            };
            after = Some(last.id);
            for canary in &canaries {
                for field in telling_fields(catalog, canary) {
                    let number = fields.iter().position(|known| known == field);
                    let number = number.unwrap_or_else(|| {
                        fields.push(field.to_owned());
                        fields.len() - 1
                    });
                    let tag = u32::try_from(values.len())?;
                    if gatherer.add(tag, &canary.fields[field]) {
                        values.push((canary.id, u16::try_from(number)?));
                    } else {
                        skipped += 1;
                    }
                }
            }
        }
        Ok(Self {
            needles: gatherer.finish(),
            values,
            fields,
            skipped,
        })
    }
}

/// The fields by which a canary is recognised, and secrets that hold none of those. Without its kind
/// nothing is known of its fields, and all are looked for.
fn telling_fields<'a>(catalog: &Catalog, canary: &'a Canary) -> Vec<&'a str> {
    let fields = canary.fields.iter();
    let Some(kind) = catalog.kind(&canary.kind) else {
        return fields.map(|(name, _)| name.as_str()).collect();
    };
    let handles = kind.handles(&canary.fields);
    let tells = |name: &str, value: &str| {
        handles.iter().any(|(handle, _)| *handle == name)
            || value.len() >= SHORTEST_SECRET
                && kind.is_secret(name)
                && !handles.iter().any(|(_, handle)| value.contains(handle))
    };
    fields
        .filter(|(name, value)| tells(name, value))
        .map(|(name, _)| name.as_str())
        .collect()
}

/// Invisible where stderr is no terminal.
fn bar() -> ProgressBar {
    let bar = output::progress(0, "scanning");
    if let Ok(style) = ProgressStyle::with_template("{msg} {bytes} {bytes_per_sec} {elapsed}") {
        bar.set_style(style);
    }
    bar
}

struct Run<'a> {
    threads: usize,
    /// What is read from a stream, as much as all threads take at once.
    buffer: Vec<u8>,
    ledger: &'a Ledger,
    known: &'a Known,
    json: bool,
    bar: ProgressBar,
    found: u64,
    canaries: BTreeSet<CanaryId>,
    read: u64,
    unreadable: u64,
    cut: u64,
}

impl Run<'_> {
    /// A file, or all files below a directory. Links are followed only where the operator named them.
    fn path(&mut self, path: &Path, named: bool) -> anyhow::Result<()> {
        let about = if named {
            std::fs::metadata(path)
        } else {
            std::fs::symlink_metadata(path)
        };
        let opened = about.and_then(|about| {
            if about.is_dir() {
                let mut entries = std::fs::read_dir(path)?
                    .map(|entry| Ok(entry?.path()))
                    .collect::<io::Result<Vec<PathBuf>>>()?;
                entries.sort();
                Ok(Opened::Directory(entries))
            } else if about.is_file() || named {
                Ok(Opened::File(File::open(path)?))
            } else {
                Ok(Opened::Other)
            }
        });
        match opened {
            Ok(Opened::Directory(entries)) => {
                for entry in entries {
                    self.path(&entry, false)?;
                }
                Ok(())
            }
            Ok(Opened::File(file)) => self.stream(&shown(path), file),
            Ok(Opened::Other) => Ok(()),
            Err(error) => {
                self.unreadable(&shown(path), &error);
                Ok(())
            }
        }
    }

    fn unreadable(&mut self, name: &str, error: &io::Error) {
        self.unreadable += 1;
        self.bar
            .suspend(|| output::say(&format!("cannot read {name}: {error}")));
    }

    /// Searches a stream; what gzip packed is unpacked.
    fn stream(&mut self, name: &str, mut from: impl Read) -> anyhow::Result<()> {
        let mut head = [0; 2];
        let count = match fill(&mut from, &mut head) {
            Ok(count) => count,
            Err(error) => {
                self.unreadable(name, &error);
                return Ok(());
            }
        };
        let whole = io::Cursor::new(head).take(count as u64).chain(from);
        if head == [0x1f, 0x8b] {
            self.text(name, "gzip", MultiGzDecoder::new(whole))
        } else {
            self.text(name, "", whole)
        }
    }

    /// Searches text, as many chunks at once as there are processors.
    fn text(&mut self, name: &str, packed: &str, from: impl Read) -> anyhow::Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(self.threads * CHUNK + OVERLAP, 0);
        let done = self.chunks(name, packed, from, &mut buffer);
        self.buffer = buffer;
        done
    }

    fn chunks(
        &mut self,
        name: &str,
        packed: &str,
        mut from: impl Read,
        buffer: &mut [u8],
    ) -> anyhow::Result<()> {
        let (mut kept, mut place) = (0, Place::default());
        let mut seen = HashSet::new();
        loop {
            let count = match fill(&mut from, &mut buffer[kept..]) {
                Ok(count) => count,
                Err(error) => {
                    self.unreadable(name, &error);
                    return Ok(());
                }
            };
            if count == 0 {
                return Ok(());
            }
            self.read += count as u64;
            self.bar.set_position(self.read);
            let text = &buffer[..kept + count];
            let found = self.search(text);
            let mut at = place;
            for sighting in found {
                let start = place.offset + sighting.start as u64;
                if seen.insert((start, sighting.tag)) {
                    at = at.forward(text, place.offset, sighting.start);
                    self.report(name, packed, at, &sighting)?;
                }
            }
            // The next round begins with the end of this one, and finds what is there again.
            let next = text.len() - OVERLAP.min(text.len());
            let end = place.forward(text, place.offset, next);
            seen.retain(|(start, _)| *start >= end.offset);
            kept = text.len() - next;
            let length = text.len();
            buffer.copy_within(next..length, 0);
            place = end;
        }
    }

    /// Findings of all chunks in order, each once.
    fn search(&mut self, text: &[u8]) -> Vec<Sighting> {
        let size = text.len().div_ceil(self.threads).max(1 << 16);
        let starts: Vec<usize> = (0..text.len()).step_by(size).collect();
        let needles = &self.known.needles;
        let parts = std::thread::scope(|scope| {
            let running: Vec<_> = starts
                .iter()
                .map(|start| {
                    let part = &text[*start..(start + size + OVERLAP).min(text.len())];
                    scope.spawn(move || needles.search(part))
                })
                .collect();
            let done = running.into_iter().zip(&starts);
            done.map(|(part, start)| {
                let part = part
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                (*start, part)
            })
            .collect::<Vec<_>>()
        });
        let mut found = Vec::new();
        for (start, part) in parts {
            self.cut += u64::from(part.cut);
            found.extend(part.found.into_iter().map(|sighting| Sighting {
                start: start + sighting.start,
                ..sighting
            }));
        }
        found.sort_by_key(|found| (found.start, found.tag, found.encodings.len()));
        found.dedup_by_key(|found| (found.start, found.tag));
        found
    }

    fn report(
        &mut self,
        name: &str,
        packed: &str,
        place: Place,
        sighting: &Sighting,
    ) -> anyhow::Result<()> {
        let Some((id, field)) = self.known.values.get(sighting.tag as usize) else {
            return Ok(());
        };
        let Some(canary) = self.ledger.canary(*id)? else {
            return Ok(());
        };
        self.found += 1;
        self.canaries.insert(*id);
        let field = &self.known.fields[usize::from(*field)];
        let words = sighting.encodings.iter().map(|encoding| encoding.word());
        let words: Vec<&str> = Some(packed)
            .into_iter()
            .filter(|packed| !packed.is_empty())
            .chain(words)
            .collect();
        let line = if self.json {
            let finding: Value = json!({
                "file": name, "line": place.line, "column": place.column, "offset": place.offset,
                "canary": id, "kind": canary.kind, "memo": canary.memo, "field": field,
                "encoding": words, "retired": canary.retired.is_some(),
            });
            output::printable(&finding.to_string())
        } else {
            let encoding = if words.is_empty() {
                "plain".to_owned()
            } else {
                words.join(" > ")
            };
            let retired = if canary.retired.is_some() {
                ", retired"
            } else {
                ""
            };
            let memo = match canary.memo.as_str() {
                "" => String::new(),
                memo => format!("  {}", escape(memo.as_bytes())),
            };
            format!(
                "{name}:{}:{}: {id} {} {field} ({encoding}{retired}){memo}",
                place.line, place.column, canary.kind
            )
        };
        Ok(self.bar.suspend(|| output::line(&line))?)
    }

    fn conclude(&self) -> anyhow::Result<Exit> {
        if self.known.skipped > 0 {
            output::say(&format!(
                "{} values of the ledger are too short or too long to be looked for",
                self.known.skipped
            ));
        }
        if self.cut > 0 {
            output::say("some text unfolds into so much more text that not all of it was followed");
        }
        let found = match (self.found, self.canaries.len()) {
            (0, _) => "no canary value".to_owned(),
            (1, _) => "1 canary value".to_owned(),
            (found, 1) => format!("{found} values of 1 canary"),
            (found, canaries) => format!("{found} values of {canaries} canaries"),
        };
        output::say(&format!(
            "{found} found in {} bytes; {} values were looked for; no trip was recorded",
            self.read,
            self.known.needles.len()
        ));
        match (self.found, self.unreadable) {
            (0, 0) => Ok(Exit::Fine),
            (0, count) => Err(Advice::error(
                format!("{count} files or directories could not be read"),
                "run it as a user who may read them",
            )),
            _ => Ok(Exit::Found),
        }
    }
}

enum Opened {
    Directory(Vec<PathBuf>),
    File(File),
    /// A socket, a device, a link inside a directory.
    Other,
}

/// A place in a text; lines and columns count from 1, columns in bytes.
#[derive(Clone, Copy)]
struct Place {
    offset: u64,
    line: u64,
    column: u64,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            offset: 0,
            line: 1,
            column: 1,
        }
    }
}

impl Place {
    /// The place at `to` of `text`, which begins at `start` of the whole.
    fn forward(self, text: &[u8], start: u64, to: usize) -> Self {
        let from = usize::try_from(self.offset - start).unwrap_or(to).min(to);
        let passed = &text[from..to];
        let ends = passed.iter().filter(|byte| **byte == b'\n').count() as u64;
        let column = match passed.iter().rposition(|byte| *byte == b'\n') {
            Some(last) => (passed.len() - last) as u64,
            None => self.column + passed.len() as u64,
        };
        Self {
            offset: self.offset + passed.len() as u64,
            line: self.line + ends,
            column,
        }
    }
}

/// A path as it may be printed.
fn shown(path: &Path) -> String {
    escape(path.as_os_str().as_encoded_bytes())
}

/// Reads until the buffer is full or the stream ends.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while count < buffer.len() {
        match from.read(&mut buffer[count..]) {
            Ok(0) => break,
            Ok(read) => count += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_go_on_over_chunks() {
        let text = b"ab\ncd\n\nefg";
        let at = |offset| Place::default().forward(text, 0, offset);
        let check = |place: Place, line, column| {
            assert_eq!(
                (place.line, place.column),
                (line, column),
                "{}",
                place.offset
            );
        };
        check(at(0), 1, 1);
        check(at(4), 2, 2);
        check(at(6), 3, 1);
        check(at(9), 4, 3);
        // The text from 4 on, which begins in the second line's second column.
        check(at(4).forward(&text[4..], 4, 5), 4, 3);
    }
}
