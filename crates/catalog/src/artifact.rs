//! Artefacts: files that carry a beacon. A kind's `[artifact]` names a format and says what varies
//! (titles, paragraphs, tables, people, file names); a format here turns that into bytes.
//!
//! Rule: two files of one kind share nothing but what the genuine program writes into every file.
//! Sizes, dates, names, styles and order are drawn; the dates inside agree with the file's own.

mod calendar;
mod docx;
mod examine;
mod folder;
mod html;
mod insert;
mod lnk;
mod mail;
mod opc;
mod pdf;
mod plan;
mod pptx;
mod qr;
mod svg;
mod text;
mod xlsx;
mod zip;

use std::collections::BTreeMap;

use lapwing_core::Timestamp;

use crate::dice::Dice;

pub(crate) use examine::examine;
pub use insert::{InsertError, Inserted};
pub use plan::Written;
pub(crate) use plan::{ArtifactTable, Plan};

/// A format of file that carries a beacon.
#[derive(Debug)]
pub(crate) struct Artifact {
    /// Its name in `[artifact]`.
    pub(crate) name: &'static str,
    /// How a beacon gets into it: the keys of `loads`.
    pub(crate) means: &'static [&'static str],
    /// Writes one.
    pub(crate) write: fn(&Content, &mut Dice<'_>) -> Vec<u8>,
}

/// Every format there is.
pub(crate) const ARTIFACTS: &[Artifact] = &[
    docx::DOCX,
    xlsx::XLSX,
    pptx::PPTX,
    pdf::PDF,
    svg::SVG,
    html::HTML,
    mail::EML,
    calendar::ICS,
    folder::FOLDER,
    lnk::LNK,
    qr::PNG,
    qr::SVG,
    text::TEXT,
];

/// What goes into an artefact.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    /// Its heading.
    pub(crate) title: String,
    /// Who made it.
    pub(crate) author: String,
    /// Who changed it last.
    pub(crate) editor: String,
    /// Whose it is; may be empty.
    pub(crate) company: String,
    /// When it was made; in office hours.
    pub(crate) created: Timestamp,
    /// When it was changed last; the file has this time too.
    pub(crate) modified: Timestamp,
    /// Its body.
    pub(crate) blocks: Vec<Block>,
    /// Addresses that lead to us, by means.
    pub(crate) loads: BTreeMap<String, String>,
    /// Whether lines of a text end in CR LF.
    pub(crate) crlf: bool,
    /// Whether a text is UTF-16 with a byte order mark; else UTF-8.
    pub(crate) utf16: bool,
}

impl Content {
    /// Nothing yet, of these moments.
    fn new(created: Timestamp, modified: Timestamp) -> Self {
        Self {
            title: String::new(),
            author: String::new(),
            editor: String::new(),
            company: String::new(),
            created,
            modified,
            blocks: Vec::new(),
            loads: BTreeMap::new(),
            crlf: false,
            utf16: false,
        }
    }

    /// The address to be carried by this means.
    pub(crate) fn load(&self, means: &str) -> Option<&str> {
        self.loads.get(means).map(String::as_str)
    }
}

/// A part of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    /// A heading.
    Heading(String),
    /// A paragraph, or a line.
    Text(String),
    /// A table: its head, and its rows.
    Table(Vec<String>, Vec<Vec<String>>),
}

/// A moment as a text, in UTC; `form` as for `strftime`. A form that is none is left as it is.
pub(crate) fn moment(at: Timestamp, form: &str) -> String {
    jiff::Timestamp::from_second(at.seconds())
        .map(|at| at.to_zoned(jiff::tz::TimeZone::UTC))
        .and_then(|at| jiff::fmt::strtime::format(form, &at))
        .unwrap_or_else(|_| form.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn content(artifact: &Artifact, seed: usize) -> Content {
        let day = Timestamp::parse("2026-02-03T09:14:00Z").expect("a date");
        let address =
            |means: &&str| format!("https://files.example.org/{means}/k3{seed}x.png?a=1&b=2");
        let row = |n: usize| vec![format!("srv-{n} <&> \"x\""), format!("{}", n * 7 + seed)];
        Content {
            title: format!("Plan (draft) {seed} & <more> \"quoted\" ü"),
            author: "Ann Lee".to_owned(),
            editor: "Bob Ray".to_owned(),
            company: "Hale & Co".to_owned(),
            created: day,
            modified: day.plus_seconds(86_400 + i64::try_from(seed).expect("small")),
            blocks: vec![
                Block::Heading("Overview \\ (1)".to_owned()),
                Block::Text("A paragraph that is long enough to be wrapped. ".repeat(5)),
                Block::Table(
                    vec!["Host".to_owned(), "Count".to_owned()],
                    (0..5 + seed % 7).map(row).collect(),
                ),
                Block::Text(format!("Last words {seed}")),
            ],
            loads: artifact
                .means
                .iter()
                .map(|means| ((*means).to_owned(), address(means)))
                .collect(),
            crlf: seed.is_multiple_of(2),
            utf16: seed.is_multiple_of(3),
        }
    }

    fn write(artifact: &Artifact, seed: usize, content: &Content) -> Vec<u8> {
        let mut rng = StdRng::seed_from_u64(seed as u64);
        (artifact.write)(content, &mut Dice::new(&mut rng))
    }

    /// Everything in it, unpacked.
    fn unpacked(artifact: &Artifact, bytes: &[u8]) -> Vec<u8> {
        let mut all = bytes.to_vec();
        if let Ok(archive) = zip::Archive::read(bytes) {
            for name in archive.names() {
                all.extend(archive.get(name).expect("a sound member"));
            }
        }
        // Folded lines are one line, as whoever reads them sees it.
        let text = String::from_utf8_lossy(&all);
        let unfolded = text
            .replace("=\r\n", "")
            .replace("\r\n ", "")
            .replace("=3D", "=");
        all.extend(unfolded.into_bytes());
        if artifact.name == "pdf" {
            all.extend(pdf::streams(bytes).concat());
        }
        all
    }

    fn holds(bytes: &[u8], address: &str) -> bool {
        let path = folder::unc(address);
        let wide: Vec<u8> = path.encode_utf16().flat_map(u16::to_le_bytes).collect();
        [address.to_owned(), address.replace('&', "&amp;")]
            .iter()
            .any(|text| {
                bytes
                    .windows(text.len())
                    .any(|part| part == text.as_bytes())
            })
            || bytes.windows(wide.len()).any(|part| part == wide)
    }

    #[test]
    fn every_format_passes() {
        for artifact in ARTIFACTS {
            let name = artifact.name;
            let mut sizes = BTreeSet::new();
            let mut files = BTreeSet::new();
            for seed in 0..40 {
                let content = content(artifact, seed);
                let bytes = write(artifact, seed, &content);
                assert_eq!(
                    bytes,
                    write(artifact, seed, &content),
                    "{name}: the dice decide all"
                );
                assert!(
                    (20..400_000).contains(&bytes.len()),
                    "{name}: {}",
                    bytes.len()
                );
                let all = unpacked(artifact, &bytes);
                for (means, address) in &content.loads {
                    let unseen = name.starts_with("qr") || name == "text";
                    assert!(
                        unseen || holds(&all, address),
                        "{name}: {means} is not in it"
                    );
                }
                sizes.insert(bytes.len());
                files.insert(bytes);
            }
            assert_eq!(files.len(), 40, "{name}: no two are alike");
            assert!(
                sizes.len() > 1 || name.starts_with("qr"),
                "{name}: one size only"
            );
        }
    }

    #[test]
    fn only_named_means_are_used() {
        for artifact in ARTIFACTS {
            let mut content = content(artifact, 1);
            content.loads.clear();
            let all = unpacked(artifact, &write(artifact, 1, &content));
            assert!(!holds(&all, "files.example.org"), "{}", artifact.name);
        }
    }
}
