//! Erasing many parts at once, and dying in the middle of it.

use std::path::{Path, PathBuf};

use super::{Bench, entry, files, read};
use crate::{JournalError, StandingPart, Survey};

/// Every part of this name that stands in a segment.
fn standing(directory: &Path, segment: u64, name: &str) -> Vec<StandingPart> {
    let mut survey = Survey::open(directory, segment).unwrap();
    let mut parts = Vec::new();
    while let Some(record) = survey.next().unwrap() {
        parts.extend(record.parts.into_iter().filter(|part| part.name == name));
    }
    parts
}

fn key(cause: &str, part: &str) -> (String, String) {
    (cause.to_owned(), part.to_owned())
}

#[tokio::test]
async fn many_parts_go_with_few_records_and_one_new_file() {
    let mut bench = Bench::new();
    bench.settings.segment_bytes = 50_000;
    let (journal, _) = bench.open();
    for number in 0..300 {
        journal.append(entry(number)).await.unwrap();
    }
    let before = bench.records();
    let segments = Survey::segments(bench.directory()).unwrap();
    assert!(
        segments.len() > 2,
        "several segments are meant: {segments:?}"
    );
    let mut count = 0;
    for segment in &segments {
        let parts = standing(bench.directory(), *segment, "raw");
        count += parts.len() as u64;
        journal
            .erase_parts(*segment, parts, "retention")
            .await
            .unwrap();
        assert!(standing(bench.directory(), *segment, "raw").is_empty());
    }
    assert_eq!(count, 300);
    let after = bench.records();
    let erasures = after.len() - before.len();
    assert_eq!(erasures, segments.len(), "one record a segment");
    for (one, other) in before.iter().zip(&after) {
        assert_eq!((&one.body, one.position), (&other.body, other.position));
        assert_eq!(other.parts.keys().collect::<Vec<_>>(), ["claims"]);
        assert_eq!(other.erased, ["raw"]);
    }
    // Trips go on, and a start reads them all.
    journal.append(entry(300)).await.unwrap();
    journal.close().await;
    let (journal, recovery) = bench.open();
    assert_eq!(recovery.torn_bytes, 0);
    journal.close().await;
    let verified = bench.verify().unwrap();
    assert_eq!(verified.parts_erased, 300);
    assert_eq!(verified.erased[&key("retention", "raw")], 300);
    assert_eq!(verified.parts_checked, 302);
}

#[tokio::test]
async fn a_process_that_dies_at_any_step_leaves_a_journal_that_verifies() {
    let bench = Bench::new();
    let (journal, _) = bench.open();
    for number in 0..20 {
        journal.append(entry(number)).await.unwrap();
    }
    let parts = standing(bench.directory(), 0, "raw");
    let first = bench.directory().join(crate::segment::segment_name(0));
    let whole = read(&first);
    journal.erase_parts(0, parts, "retention").await.unwrap();
    journal.close().await;
    // On record, and not done: as if it had died before the rename.
    let undone = bench.copy("undone");
    std::fs::write(undone.join(first.file_name().unwrap()), &whole).unwrap();
    // In the middle of the copy.
    let half: PathBuf = undone
        .join(first.file_name().unwrap())
        .with_extension("new");
    std::fs::write(&half, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(bench.verify_in(&undone).unwrap().parts_erased, 0);

    // The next one sweeps up, and does it again.
    let (journal, _) = bench.open_in(undone.clone()).unwrap();
    assert!(!half.exists());
    let parts = standing(&undone, 0, "raw");
    assert_eq!(parts.len(), 20);
    journal.erase_parts(0, parts, "retention").await.unwrap();
    journal.close().await;
    let verified = bench.verify_in(&undone).unwrap();
    assert_eq!((verified.parts_erased, verified.parts_checked), (20, 20));
}

#[tokio::test]
async fn a_part_that_is_not_where_it_was_stops_it() {
    let bench = Bench::new();
    let (journal, _) = bench.open();
    journal.append(entry(0)).await.unwrap();
    journal.append(entry(1)).await.unwrap();
    let mut parts = standing(bench.directory(), 0, "raw");
    parts[1].bytes -= 1;
    let before = read(&files(bench.directory())[0]);
    let error = journal
        .erase_parts(0, parts, "retention")
        .await
        .unwrap_err();
    assert!(matches!(error, JournalError::Broken(_)), "{error}");
    assert_eq!(read(&files(bench.directory())[0]), before);
    // Named as a part, and none: the line of a record.
    let mut parts = standing(bench.directory(), 0, "raw");
    parts[0].name = "claims".to_owned();
    assert!(journal.erase_parts(0, parts, "retention").await.is_err());
    journal.close().await;
    bench.verify().unwrap();
}

#[tokio::test]
async fn what_is_erased_while_it_is_verified_is_explained() {
    let mut bench = Bench::new();
    bench.settings.segment_bytes = 20_000;
    let (journal, _) = bench.open();
    for number in 0..2_000 {
        journal.append(entry(number)).await.unwrap();
    }
    let segments = Survey::segments(bench.directory()).unwrap();
    let directory = bench.directory().to_owned();
    let eraser = tokio::spawn(async move {
        // From the end: verification meets blanks whose records it has listed no segment for.
        for segment in segments.into_iter().rev() {
            let parts = standing(&directory, segment, "raw");
            journal
                .erase_parts(segment, parts, "retention")
                .await
                .unwrap();
        }
        journal
    });
    let mut rounds = 0;
    while !eraser.is_finished() {
        let directory = bench.directory().to_owned();
        let key = super::seed().public_key();
        let verified =
            tokio::task::spawn_blocking(move || crate::verify(&directory, &key, None, &mut |_| {}));
        verified.await.unwrap().unwrap();
        rounds += 1;
    }
    assert!(rounds > 0);
    eraser.await.unwrap().close().await;
    assert_eq!(bench.verify().unwrap().parts_erased, 2_000);
}
