//! A beacon in documents of the operator's own, as other programs wrote them: they still open, they trip,
//! and nothing else in them changes.

use std::fs;
use std::time::Duration;

use crate::desk::{Desk, Document};

#[test]
fn office_documents_of_others_take_a_beacon_and_still_open() {
    let desk = Desk::new();
    let own = desk.directory("own");
    desk.python("own.py", std::slice::from_ref(&own));
    let mut sources: Vec<_> = fs::read_dir(&own)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    sources.sort();
    // LibreOffice's own manner of writing them, too.
    let saved = desk.directory("saved");
    for form in ["docx", "xlsx", "pptx"] {
        let of: Vec<_> = sources
            .iter()
            .filter(|path| path.extension().is_some_and(|extension| extension == form))
            .cloned()
            .collect();
        desk.office(form, &saved, &of, Duration::from_secs(150));
        sources.extend(of.iter().map(|path| saved.join(path.file_name().unwrap())));
    }
    let office = sources
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension != "pdf"));
    let mut documents: Vec<Document> = Vec::new();
    for source in office {
        let before = fs::metadata(source).unwrap();
        let kind = source.extension().unwrap().to_str().unwrap();
        let document = desk.mint(kind, &["--into", source.to_str().unwrap()]);
        assert_ne!(document.path, *source);
        let after = fs::metadata(source).unwrap();
        assert_eq!(
            (before.len(), before.modified().unwrap()),
            (after.len(), after.modified().unwrap())
        );
        desk.python("unchanged.py", &[source.clone(), document.path.clone()]);
        documents.push(document);
    }
    assert!(documents.len() >= 8, "{}", documents.len());
    let paths: Vec<_> = documents
        .iter()
        .map(|document| document.path.clone())
        .collect();
    desk.python("validate.py", &paths);
    for (at, path) in paths.iter().enumerate() {
        let into = desk.directory(&format!("opened-{at}"));
        desk.office(
            "pdf",
            &into,
            std::slice::from_ref(path),
            Duration::from_secs(100),
        );
    }
    desk.assert_tripped(&documents.iter().collect::<Vec<_>>());
}

#[test]
fn pdfs_of_others_keep_every_byte_and_take_a_link() {
    let desk = Desk::new();
    let own = desk.directory("own");
    desk.python("own.py", std::slice::from_ref(&own));
    let mut tried = 0;
    for entry in fs::read_dir(&own).unwrap() {
        let source = entry.unwrap().path();
        if source
            .extension()
            .is_none_or(|extension| extension != "pdf")
        {
            continue;
        }
        let before = lapwing_core::bounded::read_file(&source, 1 << 24).unwrap();
        for (kind, word) in [("pdf", "link "), ("pdf-open", "open ")] {
            let document = desk.mint(kind, &["--into", source.to_str().unwrap()]);
            let after = lapwing_core::bounded::read_file(&document.path, 1 << 24).unwrap();
            assert!(after.starts_with(&before), "{}", source.display());
            let said = desk.python("validate.py", std::slice::from_ref(&document.path));
            let address = said.lines().rfind(|line| line.starts_with(word)).unwrap();
            assert_eq!(&address[word.len()..], document.minted.field("beacon.url"));
            tried += 1;
        }
    }
    assert!(tried >= 6, "{tried}");
}

#[test]
fn what_is_no_such_document_is_refused_and_left_alone() {
    let desk = Desk::new();
    let path = desk.home.path().join("report.docx");
    fs::write(&path, b"PK\x03\x04 not an archive").unwrap();
    let ran = desk.home.run(&["mint", "docx", "--into", "report.docx"]);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    assert!(ran.stderr.contains("hint:"), "{}", ran.stderr);
    assert_eq!(
        fs::read_dir(desk.home.path())
            .unwrap()
            .flatten()
            .filter(|entry| {
                entry
                    .path()
                    .extension()
                    .is_some_and(|extension| extension == "docx")
            })
            .count(),
        1,
        "no new file"
    );
    let canaries = desk.home.json(&["canaries"]);
    assert_eq!(
        canaries.as_array().unwrap().len(),
        0,
        "no canary without its document"
    );
    let svg = desk.home.run(&["mint", "svg", "--into", "report.docx"]);
    assert_eq!(svg.code, 1);
}
