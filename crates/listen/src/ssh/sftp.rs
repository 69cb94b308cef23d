//! SFTP version 3, for reading only, as OpenSSH's server speaks it. (draft-ietf-secsh-filexfer-02; OpenSSH's PROTOCOL
//! section 4)

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::offer;
use super::tree::{Node, Tree, absolute};
use super::wire::{Message, Reader};
use crate::system::Release;

/// Longest request, as OpenSSH's `SFTP_MAX_MSG_LENGTH`.
const LONGEST: usize = 256 << 10;
/// Open files and directories at once.
const MOST_HANDLES: usize = 100;
/// Entries in one answer.
const ENTRIES: usize = 100;
/// Longest read.
const READ: usize = 32 << 10;

const INIT: u8 = 1;
const OPEN: u8 = 3;
const CLOSE: u8 = 4;
const READ_FILE: u8 = 5;
const WRITE: u8 = 6;
const LSTAT: u8 = 7;
const FSTAT: u8 = 8;
const OPENDIR: u8 = 11;
const READDIR: u8 = 12;
const REALPATH: u8 = 16;
const STAT: u8 = 17;
const READLINK: u8 = 19;
const EXTENDED: u8 = 200;

/// `SSH_FX_...` and its words.
type Status = (u32, &'static str);
const EOF: Status = (1, "End of file");
const NO_SUCH_FILE: Status = (2, "No such file");
const DENIED: Status = (3, "Permission denied");
const FAILURE: Status = (4, "Failure");
const BAD_MESSAGE: Status = (5, "Bad message");
const UNSUPPORTED: Status = (8, "Operation unsupported");

pub(super) struct Sftp {
    tree: Tree,
    release: &'static Release,
    now: i64,
    inbox: Vec<u8>,
    handles: BTreeMap<u32, Handle>,
    next: u32,
}

struct Handle {
    path: String,
    /// What of a directory was not yet listed.
    entries: Option<Vec<(String, Node)>>,
}

impl Sftp {
    pub(super) fn new(tree: Tree, release: &'static Release, now: i64) -> Self {
        Self {
            tree,
            release,
            now,
            inbox: Vec::new(),
            handles: BTreeMap::new(),
            next: 0,
        }
    }

    /// The requests that are whole now; `None`: one is longer than any may be.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
        self.inbox.extend_from_slice(bytes);
        let mut requests = Vec::new();
        let mut rest = &self.inbox[..];
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
            if length > LONGEST || length == 0 {
                return None;
            }
            let Some((request, after)) = after.split_at_checked(length) else {
                break;
            };
            requests.push(request.to_vec());
            rest = after;
        }
        self.inbox = rest.to_vec();
        Some(requests)
    }

    /// A request in words, for the record.
    pub(super) fn describe(&self, request: &[u8]) -> String {
        let mut reader = Reader(request);
        let number = reader.byte().unwrap_or_default();
        reader.number();
        let name = match number {
            INIT => return "INIT".to_owned(),
            OPEN => "OPEN",
            CLOSE => "CLOSE",
            READ_FILE => "READ",
            WRITE => "WRITE",
            LSTAT => "LSTAT",
            FSTAT => "FSTAT",
            9 => "SETSTAT",
            10 => "FSETSTAT",
            OPENDIR => "OPENDIR",
            READDIR => "READDIR",
            13 => "REMOVE",
            14 => "MKDIR",
            15 => "RMDIR",
            REALPATH => "REALPATH",
            STAT => "STAT",
            18 => "RENAME",
            READLINK => "READLINK",
            20 => "SYMLINK",
            EXTENDED => "EXTENDED",
            _ => "UNKNOWN",
        };
        let first = reader.string().unwrap_or_default();
        let handled = matches!(number, CLOSE | READ_FILE | WRITE | FSTAT | 10 | READDIR);
        let path = match self.handle(first) {
            Some(handle) if handled => handle.path.clone(),
            _ => String::from_utf8_lossy(first).into_owned(),
        };
        let second = match number {
            18 | 20 | EXTENDED => reader.text().unwrap_or_default(),
            WRITE => {
                reader.long();
                let bytes = reader.string().unwrap_or_default();
                format!(
                    "{} bytes sha256:{}",
                    bytes.len(),
                    HEXLOWER.encode(&Sha256::digest(bytes))
                )
            }
            OPEN if reader.number().is_some_and(writes) => "for writing".to_owned(),
            _ => String::new(),
        };
        format!("{name} {path} {second}").trim_end().to_owned()
    }

    /// The answer, with its length.
    pub(super) fn answer(&mut self, request: &[u8]) -> Vec<u8> {
        let mut reader = Reader(request);
        let number = reader.byte().unwrap_or_default();
        let message = if number == INIT {
            self.version()
        } else {
            let id = reader.number().unwrap_or_default();
            self.request(number, id, &mut reader)
                .unwrap_or_else(|status| said(id, status))
        };
        Message::default().string(message.0).0
    }

    fn version(&self) -> Message {
        let version = offer::version(self.release);
        let known = [
            ((0, 0), "posix-rename@openssh.com", "1"),
            ((0, 0), "statvfs@openssh.com", "2"),
            ((0, 0), "fstatvfs@openssh.com", "2"),
            ((0, 0), "hardlink@openssh.com", "1"),
            ((0, 0), "fsync@openssh.com", "1"),
            ((8, 0), "lsetstat@openssh.com", "1"),
            ((8, 5), "limits@openssh.com", "1"),
            ((8, 7), "expand-path@openssh.com", "1"),
            ((9, 0), "copy-data", "1"),
            ((9, 1), "home-directory", "1"),
            ((9, 1), "users-groups-by-id@openssh.com", "1"),
        ];
        let message = Message::new(2).number(3);
        let had = known.iter().filter(|(since, ..)| *since <= version);
        had.fold(message, |message, (_, name, value)| {
            message.string(name).string(value)
        })
    }

    fn request(&mut self, number: u8, id: u32, reader: &mut Reader<'_>) -> Result<Message, Status> {
        let first = reader.string().ok_or(BAD_MESSAGE)?;
        let path = self.path(first);
        match number {
            OPEN => {
                let flags = reader.number().ok_or(BAD_MESSAGE)?;
                let node = self.tree.node(&path);
                if writes(flags) {
                    return Err(DENIED);
                }
                match node {
                    None => Err(NO_SUCH_FILE),
                    Some(node) if node.is_directory() => Err(FAILURE),
                    Some(node) if node.bytes.is_none() => Err(DENIED),
                    Some(_) => self.give(id, path, None),
                }
            }
            OPENDIR => {
                let node = self.tree.node(&path).ok_or(NO_SUCH_FILE)?;
                if !node.is_directory() && node.link.is_none() {
                    return Err(FAILURE);
                }
                if self.closed(node) {
                    return Err(DENIED);
                }
                let up = absolute("/", &path, "..");
                let own = [(".", path.clone()), ("..", up)];
                let own = own.into_iter().filter_map(|(name, path)| {
                    Some((name.to_owned(), self.tree.node(&path)?.clone()))
                });
                let inside = self.tree.inside(&path);
                let inside = inside.map(|(name, node)| (name.to_owned(), node.clone()));
                let mut entries: Vec<_> = own.chain(inside).collect();
                entries.reverse();
                self.give(id, path, Some(entries))
            }
            CLOSE => {
                let number = handle_number(first).ok_or(FAILURE)?;
                self.handles.remove(&number).ok_or(FAILURE)?;
                Ok(said(id, (0, "Success")))
            }
            READ_FILE => self.read(id, first, reader),
            READDIR => self.read_directory(id, first),
            FSTAT => {
                let path = self.handle(first).ok_or(FAILURE)?.path.clone();
                let node = self.tree.node(&path).ok_or(FAILURE)?;
                Ok(self.attributes(Message::new(105).number(id), node))
            }
            LSTAT | STAT => {
                let node = self.tree.node(&path).ok_or(NO_SUCH_FILE)?;
                let target = node.link.filter(|_| number == STAT);
                let target = target.and_then(|it| self.tree.node(&format!("/{it}")));
                let message = Message::new(105).number(id);
                Ok(self.attributes(message, target.unwrap_or(node)))
            }
            REALPATH => Ok(self.name(id, &path)),
            READLINK => {
                let node = self.tree.node(&path).ok_or(NO_SUCH_FILE)?;
                Ok(self.name(id, node.link.ok_or(FAILURE)?))
            }
            WRITE => Err(FAILURE),
            9 | 10 | 13..=15 | 18 | 20 => Err(DENIED),
            EXTENDED => self.extended(id, first, reader),
            _ => Err(UNSUPPORTED),
        }
    }

    fn extended(&self, id: u32, name: &[u8], reader: &mut Reader<'_>) -> Result<Message, Status> {
        let reply = Message::new(201).number(id);
        match name {
            b"limits@openssh.com" => {
                // Of a message, a read, a write; and open files.
                let lengths = [
                    LONGEST as u64,
                    LONGEST as u64 - 1024,
                    LONGEST as u64 - 1024,
                    1019,
                ];
                Ok(lengths.iter().fold(reply, |reply, it| reply.long(*it)))
            }
            b"expand-path@openssh.com" | b"home-directory" => {
                let path = reader.string().ok_or(BAD_MESSAGE)?;
                let home = name == b"home-directory";
                let path = if home {
                    self.tree.home.clone()
                } else {
                    self.path(path)
                };
                Ok(self.name(id, &path))
            }
            b"users-groups-by-id@openssh.com" => {
                let names = |wanted: &[u8]| {
                    let ids = wanted.chunks_exact(4);
                    ids.fold(Message::default(), |message, id| {
                        let id = Reader(id).number().unwrap_or_default();
                        message.string(match id {
                            0 => "root",
                            id if id == self.tree.id => &self.tree.user,
                            _ => "",
                        })
                    })
                };
                let users = names(reader.string().ok_or(BAD_MESSAGE)?);
                let groups = names(reader.string().ok_or(BAD_MESSAGE)?);
                Ok(reply.string(users.0).string(groups.0))
            }
            b"statvfs@openssh.com" | b"fstatvfs@openssh.com" => {
                // Block size twice; blocks, free, for users; the same of inodes; id, flags, longest name.
                let numbers = [
                    4096, 4096, 6_155_517, 4_021_380, 3_761_032, 1_572_864, 1_460_201, 1_460_201,
                    0x801, 0, 255,
                ];
                Ok(numbers.iter().fold(reply, |reply, it| reply.long(*it)))
            }
            b"posix-rename@openssh.com"
            | b"hardlink@openssh.com"
            | b"lsetstat@openssh.com"
            | b"fsync@openssh.com"
            | b"copy-data" => Err(DENIED),
            _ => Err(UNSUPPORTED),
        }
    }

    fn read(&self, id: u32, handle: &[u8], reader: &mut Reader<'_>) -> Result<Message, Status> {
        let path = &self.handle(handle).ok_or(FAILURE)?.path;
        let bytes = self.tree.node(path).and_then(|it| it.bytes.as_ref());
        let bytes = bytes.ok_or(FAILURE)?;
        let from = usize::try_from(reader.long().ok_or(BAD_MESSAGE)?).map_err(|_| EOF)?;
        let count = usize::try_from(reader.number().ok_or(BAD_MESSAGE)?).map_err(|_| EOF)?;
        let rest = bytes.get(from..).filter(|it| !it.is_empty()).ok_or(EOF)?;
        let count = count.min(READ).min(rest.len());
        Ok(Message::new(103).number(id).string(&rest[..count]))
    }

    fn read_directory(&mut self, id: u32, handle: &[u8]) -> Result<Message, Status> {
        let number = handle_number(handle).ok_or(FAILURE)?;
        let open = self.handles.get_mut(&number).ok_or(FAILURE)?;
        let entries = open.entries.as_mut().ok_or(FAILURE)?;
        let from = entries.len().saturating_sub(ENTRIES);
        let mut some = entries.split_off(from);
        some.reverse();
        if some.is_empty() {
            return Err(EOF);
        }
        let count = u32::try_from(some.len()).unwrap_or_default();
        let message = Message::new(104).number(id).number(count);
        Ok(some.iter().fold(message, |message, (name, node)| {
            let message = message.string(name).string(node.line(name, self.now));
            self.attributes(message, node)
        }))
    }

    fn give(
        &mut self,
        id: u32,
        path: String,
        entries: Option<Vec<(String, Node)>>,
    ) -> Result<Message, Status> {
        if self.handles.len() >= MOST_HANDLES {
            return Err(FAILURE);
        }
        let number = self.next;
        self.next = number.wrapping_add(1);
        self.handles.insert(number, Handle { path, entries });
        Ok(Message::new(102).number(id).string(number.to_be_bytes()))
    }

    fn handle(&self, handle: &[u8]) -> Option<&Handle> {
        self.handles.get(&handle_number(handle)?)
    }

    fn closed(&self, node: &Node) -> bool {
        self.tree.id != 0 && node.owner == "root" && node.mode & 0o004 == 0
    }

    fn path(&self, bytes: &[u8]) -> String {
        absolute(
            &self.tree.home,
            &self.tree.home,
            &String::from_utf8_lossy(bytes),
        )
    }

    fn name(&self, id: u32, path: &str) -> Message {
        let message = Message::new(104).number(id).number(1);
        message.string(path).string(path).number(0)
    }

    /// Size, owners, permissions and times.
    fn attributes(&self, message: Message, node: &Node) -> Message {
        let owner = |name: &str| if name == "root" { 0 } else { self.tree.id };
        let changed = u32::try_from(node.changed).unwrap_or_default();
        message
            .number(0xf)
            .long(node.size() as u64)
            .number(owner(&node.owner))
            .number(owner(&node.group))
            .number(node.mode)
            .number(changed)
            .number(changed)
    }
}

/// Whether a file is opened to be changed: `WRITE`, `APPEND`, `CREAT`, `TRUNC` or `EXCL`.
fn writes(flags: u32) -> bool {
    flags & 0x3e != 0
}

fn handle_number(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

fn said(id: u32, (code, words): Status) -> Message {
    let message = Message::new(101).number(id).number(code);
    message.string(words).string("")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::system::System;

    fn sftp() -> Sftp {
        let system = System::from_seed(&[1; 32]);
        let tree = Tree::of(&system, "web1.example.org", "deploy", 1_790_000_000);
        Sftp::new(tree, system.release, 1_790_000_000)
    }

    proptest! {
        #[test]
        fn any_requests_are_answered(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..6), number in 0u8..22) {
            let mut sftp = sftp();
            for piece in pieces {
                let request = [&[number][..], &piece].concat();
                sftp.describe(&request);
                let answer = sftp.answer(&request);
                prop_assert!(answer.len() > 4);
                let _ = sftp.feed(&piece);
            }
        }
    }

    #[test]
    fn requests_come_in_pieces() {
        let mut sftp = sftp();
        assert_eq!(sftp.feed(&[0, 0, 0]), Some(Vec::new()));
        assert_eq!(sftp.feed(&[2, 1, 2, 0]), Some(vec![vec![1, 2]]));
        assert_eq!(sftp.feed(&[0, 0, 1, 9]), Some(vec![vec![9]]));
        assert_eq!(sftp.feed(&[0xff; 4]), None);
    }
}
