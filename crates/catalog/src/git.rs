//! Objects of a small decoy repository, and packs of them, as `git` reads them (gitformat-pack(5)): blobs,
//! trees and commits, whole, without deltas.

use std::collections::BTreeMap;
use std::io::Write as _;

use data_encoding::HEXLOWER;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// A name of an object.
pub(crate) type Id = [u8; 20];

/// What an object is, by its number in packs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sort {
    Commit = 1,
    Tree = 2,
    Blob = 3,
}

impl Sort {
    const fn word(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Tree => "tree",
            Self::Blob => "blob",
        }
    }
}

/// A commit as it is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) author: String,
    pub(crate) message: String,
    /// Seconds since the epoch.
    pub(crate) time: i64,
    /// Every file there is after it: path and content.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

/// A history: its commits, the oldest first, and all objects they need.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) commits: Vec<Id>,
    objects: BTreeMap<Id, (Sort, Vec<u8>)>,
    /// What each commit needs.
    needs: Vec<Vec<Id>>,
}

impl History {
    /// Makes the objects of a line of commits.
    pub(crate) fn of(changes: &[Change]) -> Self {
        let mut history = Self::default();
        for change in changes {
            let mut needs = Vec::new();
            let files: Vec<(&str, &[u8])> = change
                .files
                .iter()
                .map(|(path, content)| (path.as_str(), content.as_slice()))
                .collect();
            let tree = history.tree(&files, &mut needs);
            let mut text = format!("tree {}\n", HEXLOWER.encode(&tree));
            if let Some(parent) = history.commits.last() {
                text.push_str(&format!("parent {}\n", HEXLOWER.encode(parent)));
            }
            let Change {
                author,
                message,
                time,
                files: _,
            } = change;
            text.push_str(&format!(
                "author {author} {time} +0000\ncommitter {author} {time} +0000\n\n{}\n",
                message.trim_end()
            ));
            let commit = history.put(Sort::Commit, text.into_bytes(), &mut needs);
            history.commits.push(commit);
            history.needs.push(needs);
        }
        history
    }

    fn put(&mut self, sort: Sort, content: Vec<u8>, needs: &mut Vec<Id>) -> Id {
        let mut whole = format!("{} {}\0", sort.word(), content.len()).into_bytes();
        whole.extend_from_slice(&content);
        let id = sha1(&whole);
        self.objects.insert(id, (sort, content));
        needs.push(id);
        id
    }

    /// The tree of files, sorted by path, of one directory.
    fn tree(&mut self, files: &[(&str, &[u8])], needs: &mut Vec<Id>) -> Id {
        let mut entries: Vec<(String, &str, Id)> = Vec::new();
        let mut below: BTreeMap<&str, Vec<(&str, &[u8])>> = BTreeMap::new();
        for (path, content) in files {
            match path.split_once('/') {
                Some((directory, rest)) => {
                    below.entry(directory).or_default().push((rest, content));
                }
                None => {
                    let mode = if path.ends_with(".sh") {
                        "100755"
                    } else {
                        "100644"
                    };
                    let id = self.put(Sort::Blob, content.to_vec(), needs);
                    entries.push(((*path).to_owned(), mode, id));
                }
            }
        }
        for (directory, files) in below {
            let id = self.tree(&files, needs);
            entries.push((directory.to_owned(), "40000", id));
        }
        // Directories sort as if their names ended with a slash.
        entries.sort_by_key(|(name, mode, _)| match *mode {
            "40000" => format!("{name}/"),
            _ => name.clone(),
        });
        let mut content = Vec::new();
        for (name, mode, id) in entries {
            content.extend_from_slice(format!("{mode} {name}\0").as_bytes());
            content.extend_from_slice(&id);
        }
        self.put(Sort::Tree, content, needs)
    }

    /// A pack of what the last `depth` commits need, and of none that those of `have` need.
    pub(crate) fn pack(&self, depth: usize, have: &[Id]) -> Pack {
        let known: Vec<&Id> = self
            .commits
            .iter()
            .zip(&self.needs)
            .enumerate()
            .filter(|(at, _)| self.commits[*at..].iter().any(|id| have.contains(id)))
            .flat_map(|(_, (_, needs))| needs)
            .collect();
        let first = self.commits.len().saturating_sub(depth);
        let mut wanted: Vec<(Sort, Id)> = self.needs[first..]
            .iter()
            .flatten()
            .filter(|id| !known.contains(id))
            .filter_map(|id| Some((self.objects.get(id)?.0, *id)))
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        let mut bytes = b"PACK\0\0\0\x02".to_vec();
        let count = u32::try_from(wanted.len()).unwrap_or_default();
        bytes.extend_from_slice(&count.to_be_bytes());
        for (sort, id) in &wanted {
            let content = self.objects.get(id).map(|(_, content)| content.as_slice());
            let content = content.unwrap_or_default();
            header(*sort, content.len(), &mut bytes);
            bytes.extend_from_slice(&deflated(content));
        }
        let sum = sha1(&bytes);
        bytes.extend_from_slice(&sum);
        Pack {
            objects: wanted.len(),
            bytes,
        }
    }
}

/// A pack, and how many objects are in it.
pub(crate) struct Pack {
    pub(crate) objects: usize,
    pub(crate) bytes: Vec<u8>,
}

/// Type and size: four bits of size, then seven a byte.
fn header(sort: Sort, size: usize, out: &mut Vec<u8>) {
    let low = |bits: usize| u8::try_from(bits & 0x7f).unwrap_or_default();
    let mut byte = (sort as u8) << 4 | low(size & 0x0f);
    let mut left = size >> 4;
    while left > 0 {
        out.push(byte | 0x80);
        byte = low(left);
        left >>= 7;
    }
    out.push(byte);
}

fn deflated(content: &[u8]) -> Vec<u8> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    packed
        .write_all(content)
        .and_then(|()| packed.finish())
        .unwrap_or_default()
}

fn sha1(bytes: &[u8]) -> Id {
    let mut id = [0; 20];
    id.copy_from_slice(digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref());
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_have_the_names_git_gives_them() {
        let mut history = History::default();
        let mut needs = Vec::new();
        let blob = history.put(Sort::Blob, b"hello\n".to_vec(), &mut needs);
        // `echo hello | git hash-object --stdin`.
        assert_eq!(
            HEXLOWER.encode(&blob),
            "ce013625030ba8dba906f756967f9e9ca394464a"
        );
        // `git mktree </dev/null`.
        let tree = history.tree(&[], &mut needs);
        assert_eq!(
            HEXLOWER.encode(&tree),
            "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
        );
    }

    #[test]
    fn sizes_are_written_as_packs_have_them() {
        let check = |size, expect: &[u8]| {
            let mut out = Vec::new();
            header(Sort::Blob, size, &mut out);
            assert_eq!(out, expect, "{size}");
        };
        check(0, &[0x30]);
        check(15, &[0x3f]);
        check(16, &[0xb0, 0x01]);
        check(2100, &[0xb4, 0x83, 0x01]);
    }

    #[test]
    fn a_pack_leaves_out_what_is_there_already() {
        let change = |text: &str| Change {
            author: "A <a@example.org>".to_owned(),
            message: text.to_owned(),
            time: 1,
            files: BTreeMap::from([
                ("a".to_owned(), text.as_bytes().to_vec()),
                ("d/b".to_owned(), b"same".to_vec()),
            ]),
        };
        let history = History::of(&[change("one"), change("two")]);
        // Two commits, two roots, one directory, three blobs.
        assert_eq!(history.pack(9, &[]).objects, 8);
        assert_eq!(history.pack(1, &[]).objects, 5);
        assert_eq!(history.pack(9, &history.commits[..1]).objects, 3);
        assert_eq!(history.pack(9, &history.commits[1..]).objects, 0);
    }
}
