//! The kept tree: mended after a power cut, and a way past reading everything.

use std::path::PathBuf;

use super::{Bench, entry, read, seed};
use crate::shortcut::shortcut;
use crate::{Mended, Reader, Tree, leaf_hash, mend, root_of_path, tree_beside};

/// A journal of 25 records under checkpoints over every ten, and its tree.
async fn grown() -> (Bench, PathBuf) {
    let mut bench = Bench::new();
    (
        bench.settings.segment_bytes,
        bench.settings.checkpoint_records,
    ) = (4096, 10);
    let (journal, _) = bench.open();
    for number in 0..25 {
        journal.append(entry(number)).await.unwrap();
    }
    journal.close().await;
    let path = tree_beside(bench.directory());
    grow(&bench);
    (bench, path)
}

fn grow(bench: &Bench) -> u64 {
    let mut reader = Reader::open(bench.directory(), &bench.keys, None).unwrap();
    while reader.next().unwrap().is_some() {}
    let mut tree = Tree::open(bench.directory(), &tree_beside(bench.directory())).unwrap();
    tree.follow(25, reader.end().unwrap()).unwrap();
    tree.records()
}

#[tokio::test]
async fn a_whole_tree_is_left_and_what_no_checkpoint_is_over_grows_again() {
    let (bench, path) = grown().await;
    let whole = read(&path);
    // At its end a station signs what there is.
    assert_eq!(mend(bench.directory(), &path).unwrap(), Mended::Whole(25));
    assert_eq!(read(&path), whole);
    // Another leaf that nobody signed, and the half of one.
    let mut longer = whole.clone();
    longer.extend([7; 32 + 9]);
    std::fs::write(&path, &longer).unwrap();
    mend(bench.directory(), &path).unwrap();
    assert_eq!(read(&path), whole);
    // A file that was cut anywhere goes back to the checkpoint before.
    for length in (0..whole.len()).step_by(13) {
        std::fs::write(&path, &whole[..length]).unwrap();
        let mended = mend(bench.directory(), &path).unwrap();
        assert!(
            matches!(mended, Mended::Whole(0..25)),
            "{length}: {mended:?}"
        );
        assert_eq!(grow(&bench), 25);
        assert_eq!(read(&path), whole, "{length}");
    }
    std::fs::remove_file(&path).unwrap();
    assert_eq!(mend(bench.directory(), &path).unwrap(), Mended::Missing);
}

#[tokio::test]
async fn damage_anywhere_is_noticed_and_made_good() {
    let (bench, path) = grown().await;
    let whole = read(&path);
    for at in (0..whole.len()).step_by(11) {
        let mut bytes = whole.clone();
        // As a page that was never written.
        let end = (at + 40).min(bytes.len());
        bytes[at..end].fill(0);
        std::fs::write(&path, &bytes).unwrap();
        let mended = mend(bench.directory(), &path).unwrap();
        assert_eq!(mended, Mended::Removed, "{at}");
        assert!(!path.exists());
        assert_eq!(grow(&bench), 25);
        assert_eq!(read(&path), whole, "{at}");
    }
    // A tree that fits together and is of other records.
    std::fs::remove_file(&path).unwrap();
    let mut other = crate::nodes::Nodes::open(&path).unwrap();
    (0..25_u8).for_each(|leaf| other.push(leaf_hash(&[leaf])).unwrap());
    other.flush().unwrap();
    assert_eq!(mend(bench.directory(), &path).unwrap(), Mended::Removed);
}

#[tokio::test]
async fn few_records_are_proven_without_reading_the_others() {
    let (bench, path) = grown().await;
    let tail = crate::checkpoints::Tail::read(bench.directory(), Some(&seed().public_key()));
    let note = tail.unwrap().notes.pop().unwrap();
    let root = (note.size, note.root);
    let few = |read_whole| shortcut(bench.directory(), root, &[3, 24].into(), read_whole).unwrap();
    let nodes = few(0).expect("it is proven");
    let record = crate::read_sequence(bench.directory(), &bench.keys, 3).unwrap();
    let audit = nodes.path(3, 25).unwrap();
    let leaf = record.unwrap().leaf;
    assert_eq!(root_of_path(leaf, 3, 25, &audit), Some(note.root));
    assert!(few(25).is_none(), "a small journal is read whole");
    let other_root = (note.size, [1; 32]);
    let other = shortcut(bench.directory(), other_root, &[3].into(), 0).unwrap();
    assert!(other.is_none(), "not under another root");
    // A part that is gone has its reason in another record.
    let (journal, _) = bench.open();
    journal.erase(24, "raw", "redaction").await.unwrap();
    journal.close().await;
    assert!(few(0).is_none());
    let mut bytes = read(&path);
    bytes[0] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let damaged = shortcut(bench.directory(), root, &[1].into(), 0).unwrap();
    assert!(damaged.is_none());
    std::fs::remove_file(&path).unwrap();
    assert!(few(0).is_none());
}
