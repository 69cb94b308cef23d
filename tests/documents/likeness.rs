//! Two hundred documents of a kind beside two hundred that LibreOffice itself wrote of the same content.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::desk::Desk;

const COUNT: usize = 200;

/// Shares in per cent, and sizes in bytes.
struct Likeness {
    same: f64,
    sizes: u64,
    spread: f64,
}

fn measure(desk: &Desk, directory: &Path) -> Likeness {
    let said = desk.python("likeness.py", &[directory.to_owned()]);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["documents"], COUNT);
    assert_eq!(said["constant names of ours"], 0, "{said}");
    Likeness {
        same: said["identical members"].as_f64().unwrap(),
        sizes: said["different sizes"].as_u64().unwrap(),
        spread: said["spread"].as_f64().unwrap(),
    }
}

fn compare(kind: &str) {
    let desk = Desk::new();
    let ours = desk.directory("ours");
    let theirs = desk.directory("theirs");
    let count = COUNT.to_string();
    desk.home.ok(&[
        "mint",
        kind,
        "--count",
        &count,
        "--output",
        ours.to_str().unwrap(),
    ]);
    let paths: Vec<PathBuf> = std::fs::read_dir(&ours)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    for some in paths.chunks(25) {
        desk.office(kind, &theirs, some, Duration::from_secs(230));
    }
    let (ours, theirs) = (measure(&desk, &ours), measure(&desk, &theirs));
    assert!(
        ours.same <= theirs.same + 5.0,
        "{kind}: {:.1} % of members are the same, LibreOffice's {:.1} %",
        ours.same,
        theirs.same
    );
    assert!(ours.sizes > 100, "{kind}: {} sizes", ours.sizes);
    assert!(
        ours.spread > theirs.spread / 2.0,
        "{kind}: sizes spread by {:.3}, LibreOffice's by {:.3}",
        ours.spread,
        theirs.spread
    );
}

#[test]
fn text_documents_are_no_more_alike_than_libreoffices() {
    compare("docx");
}

#[test]
fn workbooks_are_no_more_alike_than_libreoffices() {
    compare("xlsx");
}

#[test]
fn presentations_are_no_more_alike_than_libreoffices() {
    compare("pptx");
}

#[test]
fn pdfs_share_no_object_that_fpdf_does_not_write_into_every_file() {
    let desk = Desk::new();
    let directory = desk.directory("ours");
    let count = COUNT.to_string();
    desk.home.ok(&[
        "mint",
        "pdf",
        "--count",
        &count,
        "--output",
        directory.to_str().unwrap(),
    ]);
    let measured = measure(&desk, &directory);
    // Fonts and resources are the same in any two files of the library with the same fonts.
    assert!(measured.same < 45.0, "{:.1} %", measured.same);
    assert!(measured.sizes > 100);
}
