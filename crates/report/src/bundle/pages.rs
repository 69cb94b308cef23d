//! The pages of a bundle that people read: how to check it, and forms to fill in (templates in
//! `templates/bundle`). Every word of the operator's is made fit for one line of Markdown.

use askama::Template;
use lapwing_core::{Timestamp, text};

use super::About;

/// What the pages tell.
pub(super) struct Facts {
    pub(super) about: About,
    /// `station-0a1b2c3d`.
    pub(super) signer: String,
    pub(super) fingerprint: String,
    /// `ssh-ed25519 AAAA..`.
    pub(super) key: String,
    /// SHA-256 of the script.
    pub(super) script: String,
    pub(super) records: u64,
    pub(super) parts: u64,
    pub(super) erased: u64,
    pub(super) withheld: u64,
    /// Records under the checkpoint, the root of their tree, SHA-256 of the note.
    pub(super) size: u64,
    pub(super) root: String,
    pub(super) note: String,
    pub(super) witnesses: Vec<String>,
    pub(super) stamped: Option<String>,
}

#[derive(Template)]
#[template(path = "bundle/VERIFY.md", escape = "none")]
struct Verify<'a> {
    about: &'a About,
    made: String,
    by: String,
    to: String,
    what: String,
    signer: &'a str,
    fingerprint: &'a str,
    records: u64,
    size: u64,
    parts: u64,
    erased: u64,
    withheld: u64,
    witnesses: &'a [String],
    stamped: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "bundle/certification.md", escape = "none")]
struct Certification<'a> {
    about: &'a About,
    made: String,
    by: String,
    what: String,
    executable: &'a str,
    signer: &'a str,
    fingerprint: &'a str,
    records: u64,
    size: u64,
    parts: u64,
    erased: u64,
    withheld: u64,
    root: &'a str,
    note: &'a str,
}

#[derive(Template)]
#[template(path = "bundle/custody.md", escape = "none")]
struct Custody<'a> {
    about: &'a About,
    made: String,
    by: String,
    to: String,
    what: String,
    signer: &'a str,
    fingerprint: &'a str,
    records: u64,
    size: u64,
    rows: Vec<Row>,
}

/// An earlier bundle.
struct Row {
    number: usize,
    made: String,
    by: String,
    to: String,
    what: String,
    records: u64,
    size: u64,
    manifest: String,
}

/// The pages by the names of their files.
pub(super) fn pages(facts: &Facts) -> Result<[(&'static str, String); 3], askama::Error> {
    Ok([
        ("VERIFY.md", verify(facts)?),
        ("certification.md", certification(facts)?),
        ("custody.md", custody(facts)?),
    ])
}

fn verify(facts: &Facts) -> Result<String, askama::Error> {
    let about = &facts.about;
    let page = Verify {
        about,
        made: time(about.made),
        by: words(&about.by),
        to: words(&about.to),
        what: words(&about.what),
        signer: &facts.signer,
        fingerprint: &facts.fingerprint,
        records: facts.records,
        size: facts.size,
        parts: facts.parts,
        erased: facts.erased,
        withheld: facts.withheld,
        witnesses: &facts.witnesses,
        stamped: facts.stamped.as_deref(),
    };
    ended(page.render()?)
}

fn certification(facts: &Facts) -> Result<String, askama::Error> {
    let about = &facts.about;
    let page = Certification {
        about,
        made: time(about.made),
        by: words(&about.by),
        what: words(&about.what),
        executable: match about.executable.as_str() {
            "" => "____________________________________________________________",
            known => known,
        },
        signer: &facts.signer,
        fingerprint: &facts.fingerprint,
        records: facts.records,
        size: facts.size,
        parts: facts.parts,
        erased: facts.erased,
        withheld: facts.withheld,
        root: &facts.root,
        note: &facts.note,
    };
    ended(page.render()?)
}

fn custody(facts: &Facts) -> Result<String, askama::Error> {
    let about = &facts.about;
    let rows = (1..)
        .zip(&about.earlier)
        .map(|(number, (made, handout))| Row {
            number,
            made: time(*made),
            by: words(&handout.by),
            to: words(&handout.to),
            what: words(&handout.what),
            records: handout.records,
            size: handout.size,
            manifest: words(&handout.manifest),
        });
    let page = Custody {
        about,
        made: time(about.made),
        by: words(&about.by),
        to: words(&about.to),
        what: words(&about.what),
        signer: &facts.signer,
        fingerprint: &facts.fingerprint,
        records: facts.records,
        size: facts.size,
        rows: rows.collect(),
    };
    ended(page.render()?)
}

fn ended(page: String) -> Result<String, askama::Error> {
    Ok(format!("{}\n", page.trim_end()))
}

fn time(time: Timestamp) -> String {
    time.to_seconds_string()
}

/// One line, with what Markdown would take for its own taken apart.
fn words(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text::escape(text.as_bytes()).chars() {
        if matches!(
            character,
            '|' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '&'
        ) {
            out.push('\\');
        }
        out.push(character);
    }
    out
}
