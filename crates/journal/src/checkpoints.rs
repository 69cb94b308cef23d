//! The file `checkpoints`: signed notes one after the other, and the thread that adds to it, so
//! that its syncs never hold up the records' own.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::disk::{Disk, Output};
use crate::error::{Broken, JournalError};
use crate::note::{NOTE_LINES, Note, NoteSigner};
use crate::segment::Lines;
use crate::state::Start;

/// Name of the file.
pub(crate) const FILE: &str = "checkpoints";

/// Longest note that is read, and how much of the file's end is looked at when a station starts.
const MAX_NOTE: u64 = 2048;
const TAIL: u64 = 16 << 10;

/// Notes read one after the other, each checked.
pub(crate) struct Notes {
    lines: Lines,
    path: PathBuf,
    public_key: [u8; 32],
    line_number: u64,
    last: Option<u64>,
    /// Length of the file when it was opened: later notes cover later records.
    limit: u64,
}

impl Notes {
    /// Whether any checkpoint was ever written here.
    pub(crate) fn exist(directory: &Path) -> bool {
        directory.join(FILE).exists()
    }

    pub(crate) fn open(directory: &Path, public_key: &[u8; 32]) -> Result<Self, JournalError> {
        let path = directory.join(FILE);
        let limit = length(&path).map_err(JournalError::io("open", &path))?;
        let lines = Lines::open(&path, 0).map_err(JournalError::io("open", &path))?;
        Ok(Self {
            lines,
            path,
            public_key: *public_key,
            line_number: 0,
            last: None,
            limit,
        })
    }

    /// The next note, which must be of a larger tree; `None` at the end. The first must be of the
    /// empty tree.
    pub(crate) fn next(&mut self) -> Result<Option<Note>, Broken> {
        self.lines.commit();
        let Some(bytes) = self.five_lines()? else {
            return Ok(None);
        };
        let note = Note::parse(&bytes, &self.public_key).map_err(|what| self.broken(what))?;
        match self.last {
            None if note.size != 0 => return Err(self.broken("the first checkpoint is missing")),
            Some(last) if note.size <= last => {
                return Err(self.broken("not of a larger journal than the checkpoint before"));
            }
            _ => {}
        }
        self.last = Some(note.size);
        self.line_number += NOTE_LINES as u64;
        Ok(Some(note))
    }

    fn five_lines(&mut self) -> Result<Option<Vec<u8>>, Broken> {
        let mut bytes = Vec::new();
        let mut patience = 5;
        let mut count = 0;
        while count < NOTE_LINES {
            match self.lines.next(self.limit) {
                Ok(Some(line)) => {
                    bytes.extend_from_slice(self.lines.bytes(&line));
                    bytes.push(b'\n');
                    count += 1;
                }
                Ok(None) if count == 0 && self.lines.rest() == 0 => return Ok(None),
                Ok(None) if patience > 0 => {
                    // A running station may be in the middle of writing it.
                    patience -= 1;
                    std::thread::sleep(Duration::from_millis(10));
                    self.limit = length(&self.path).unwrap_or(self.limit);
                }
                Ok(None) => return Err(self.broken("the last checkpoint is incomplete")),
                Err(error) => return Err(self.broken(&error.to_string())),
            }
            if bytes.len() as u64 > MAX_NOTE {
                return Err(self.broken("too long for a checkpoint"));
            }
        }
        Ok(Some(bytes))
    }

    /// Names the current note as broken; it is held against the record after the last good one.
    pub(crate) fn broken(&self, what: &str) -> Broken {
        Broken {
            segment: FILE.to_owned(),
            line: self.line_number + 1,
            sequence: Some(self.last.unwrap_or(0)),
            what: format!("checkpoint: {what}"),
        }
    }
}

/// The end of the file as a starting station finds it.
#[derive(Default)]
pub(crate) struct Tail {
    /// The newest notes, oldest first.
    pub(crate) notes: Vec<Note>,
    /// Bytes of complete notes in the file.
    pub(crate) length: u64,
}

impl Tail {
    /// Reads the newest notes. An incomplete last note is left out; anything else that is not a
    /// good note is an error.
    pub(crate) fn read(
        directory: &Path,
        public_key: Option<&[u8; 32]>,
    ) -> Result<Self, JournalError> {
        let path = directory.join(FILE);
        let (bytes, from) = match read_tail(&path) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(JournalError::io("read", &path)(error)),
        };
        let mut tail = Self {
            notes: Vec::new(),
            length: from,
        };
        let mut lines: Vec<&[u8]> = bytes.split_inclusive(|b| *b == b'\n').collect();
        // A tail may start within a note: the first whole one follows a signature line.
        if from > 0 {
            let signature = lines
                .iter()
                .position(|line| line.starts_with("\u{2014} ".as_bytes()));
            let cut = signature.map_or(lines.len(), |at| at + 1);
            tail.length += lines
                .drain(..cut)
                .map(|line| line.len() as u64)
                .sum::<u64>();
        }
        for note in lines.chunks(NOTE_LINES) {
            let text = note.concat();
            if note.len() < NOTE_LINES || !text.ends_with(b"\n") {
                break;
            }
            let parsed = Note::read(&text, public_key).map_err(|what| Broken {
                segment: FILE.to_owned(),
                line: 0,
                sequence: tail.notes.last().map(|last| last.size),
                what: format!("checkpoint: {what}"),
            })?;
            tail.length += text.len() as u64;
            tail.notes.push(parsed);
        }
        Ok(tail)
    }

    pub(crate) fn newest(&self) -> Option<&Note> {
        self.notes.last()
    }
}

fn length(path: &Path) -> io::Result<u64> {
    std::fs::metadata(path).map(|metadata| metadata.len())
}

fn read_tail(path: &Path) -> io::Result<(Vec<u8>, u64)> {
    let mut file = File::open(path)?;
    let from = file.metadata()?.len().saturating_sub(TAIL);
    file.seek(SeekFrom::Start(from))?;
    let bytes = lapwing_core::bounded::read(file.by_ref().take(TAIL), TAIL)?;
    Ok((bytes, from))
}

/// Signs checkpoints and adds them to the file.
pub(crate) struct Notary {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) directory: PathBuf,
    pub(crate) signer: NoteSigner,
    /// Good bytes in the file; what follows is cut before the next note.
    pub(crate) length: u64,
    /// Records under the newest note; `None` before the first.
    pub(crate) size: Option<u64>,
    pub(crate) newest: Arc<Mutex<String>>,
}

impl Notary {
    /// Signs each state that arrives, the newest only if several wait.
    pub(crate) fn run(mut self, states: &Receiver<Start>) {
        while let Ok(first) = states.recv() {
            let state = states.try_iter().last().unwrap_or(first);
            if let Err(error) = self.sign(&state) {
                tracing::error!(%error, "checkpoint not written");
            }
        }
    }

    /// Writes the checkpoint of a state that is durable, then the `frontier` that goes with it.
    pub(crate) fn sign(&mut self, state: &Start) -> Result<(), JournalError> {
        let size = state.frontier.size();
        if self.size.is_none_or(|last| size > last) {
            let note = self.signer.sign(size, &state.frontier.root());
            let path = self.directory.join(FILE);
            self.append(&path, &note)
                .map_err(JournalError::io("write", &path))?;
            self.length += note.len() as u64;
            self.size = Some(size);
            *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = note;
        }
        let path = self.directory.join("frontier");
        self.write_frontier(&path, state)
            .map_err(JournalError::io("write", &path))
    }

    fn append(&self, path: &Path, note: &str) -> io::Result<()> {
        let mut file = self.disk.open(path)?;
        // What a failed or torn write left behind the last good note.
        file.cut(self.length)?;
        file.append(note.as_bytes())?;
        file.sync_all()?;
        if self.size.is_none() {
            self.disk.sync_directory(&self.directory)?;
        }
        Ok(())
    }

    fn write_frontier(&self, path: &Path, state: &Start) -> io::Result<()> {
        let new = path.with_extension("new");
        self.disk.remove(&new)?;
        let mut file: Box<dyn Output> = self.disk.create(&new)?;
        file.append(state.encode().as_bytes())?;
        file.sync()?;
        std::fs::rename(&new, path)
    }
}
