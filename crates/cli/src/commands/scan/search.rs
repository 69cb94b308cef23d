//! Reading what is searched: files, directories, streams, what gzip packed; several threads a chunk.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use indicatif::{ProgressBar, ProgressStyle};
use lapwing_core::text::escape;
use lapwing_search::{Needles, Sighting};

use crate::output;

/// How much is searched at once by a thread.
const CHUNK: usize = 1 << 20;
/// How much of a chunk the next one begins with: a value may be written over so many bytes.
const OVERLAP: usize = 16 << 10;

/// Invisible where stderr is no terminal.
fn bar() -> ProgressBar {
    let bar = output::progress(0, "scanning");
    if let Ok(style) = ProgressStyle::with_template("{msg} {bytes} {bytes_per_sec} {elapsed}") {
        bar.set_style(style);
    }
    bar
}

/// A value that was seen.
pub(in crate::commands) struct Seen<'a> {
    /// The file, as it may be printed.
    pub(in crate::commands) name: &'a str,
    /// `gzip`, or empty.
    pub(in crate::commands) packed: &'a str,
    pub(in crate::commands) place: Place,
    pub(in crate::commands) sighting: &'a Sighting,
    /// Printing suspends it.
    pub(in crate::commands) bar: &'a ProgressBar,
}

/// What is done with what was seen.
pub(in crate::commands) type Sink<'a> = &'a mut dyn FnMut(&Seen<'_>) -> anyhow::Result<()>;

/// Reads files and streams in bounded memory, and tells the sink of every value it sees.
pub(in crate::commands) struct Search<'a> {
    threads: usize,
    /// What is read from a stream, as much as all threads take at once.
    buffer: Vec<u8>,
    needles: &'a Needles,
    sink: Sink<'a>,
    bar: ProgressBar,
    /// Bytes read.
    pub(in crate::commands) read: u64,
    /// Files and directories that could not be.
    pub(in crate::commands) unreadable: u64,
    /// Texts that unfold into more than was followed.
    pub(in crate::commands) cut: u64,
}

impl<'a> Search<'a> {
    pub(in crate::commands) fn new(needles: &'a Needles, sink: Sink<'a>) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            threads: threads.min(16),
            buffer: Vec::new(),
            needles,
            sink,
            bar: bar(),
            read: 0,
            unreadable: 0,
            cut: 0,
        }
    }

    /// Files, directories with all below them, and `-` for standard input.
    pub(in crate::commands) fn all(&mut self, paths: &[PathBuf]) -> anyhow::Result<()> {
        for path in paths {
            if path.as_os_str() == "-" {
                self.stream("-", io::stdin().lock())?;
            } else {
                self.path(path, true)?;
            }
        }
        self.bar.finish_and_clear();
        if self.cut > 0 {
            output::say("some text unfolds into so much more text that not all of it was followed");
        }
        Ok(())
    }

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
                    (self.sink)(&Seen {
                        name,
                        packed,
                        place: at,
                        sighting: &sighting,
                        bar: &self.bar,
                    })?;
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
        let needles = self.needles;
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
}

enum Opened {
    Directory(Vec<PathBuf>),
    File(File),
    /// A socket, a device, a link inside a directory.
    Other,
}

/// A place in a text; lines and columns count from 1, columns in bytes.
#[derive(Clone, Copy)]
pub(in crate::commands) struct Place {
    pub(in crate::commands) offset: u64,
    pub(in crate::commands) line: u64,
    pub(in crate::commands) column: u64,
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
pub(in crate::commands) fn shown(path: &Path) -> String {
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
