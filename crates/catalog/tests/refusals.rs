//! What the answer of each built-in kind to an unknown credential rests on is said, and docs list it.

use std::path::Path;

use lapwing_catalog::{Basis, Catalog};
use lapwing_core::bounded::{self, MAX_FILE};

#[test]
fn every_refusal_says_what_it_rests_on_and_docs_list_it() {
    let catalog = Catalog::builtin().expect("compiles");
    let mut rows = Vec::new();
    for kind in catalog.kinds().filter(|kind| kind.is_api()) {
        let refusal = kind.refusal.as_ref();
        let refusal = refusal.unwrap_or_else(|| panic!("{}: no `refusal` in [api]", kind.file));
        let source = match refusal.source.as_deref() {
            None => String::new(),
            Some(source) => format!("<{source}>"),
        };
        let found = refusal.basis != Basis::Inferred;
        assert!(
            !found || source.starts_with("<https://"),
            "{}: no source",
            kind.file
        );
        rows.push(format!(
            "| `{}` | {} | {source} |",
            kind.id,
            refusal.basis.word()
        ));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/REFUSALS.md");
    let bytes = bounded::read_file(&path, MAX_FILE).expect("docs/REFUSALS.md");
    let text = String::from_utf8(bytes).expect("UTF-8");
    let mut listed: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    listed.sort_unstable();
    rows.sort_unstable();
    assert_eq!(listed, rows, "docs/REFUSALS.md lists something else");
}
