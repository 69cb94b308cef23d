//! PDF, for printing, filing and handing on: the outline of a report on A4, set in the standard fonts,
//! without script, link, form or attachment. The same findings give the same bytes.

mod canvas;
mod figures;
mod fonts;
mod lines;
mod paper;

use lopdf::{Dictionary, Document, Object, Stream, dictionary, text_string};

use crate::findings::Findings;
use crate::outline::{self, Block};
use crate::{Format, Profile, Report, ReportError};
use fonts::{Font, SIGN, SIGNS};
use paper::Paper;

/// The format.
pub(crate) const FORMAT: Format = Format {
    name: "pdf",
    summary: "for printing and filing; the first page is for everybody",
    extension: "pdf",
    render,
};

fn render(report: &Report, profile: Profile) -> Result<Vec<u8>, ReportError> {
    let findings = Findings::derive(report, profile);
    let words = findings.words;
    let mut foot = findings.software.to_owned();
    foot.push_str(&format!(
        " · {}",
        words.said_by(&findings.generated, &findings.station)
    ));
    if let Some(id) = findings.correction {
        foot.push_str(&format!(" · {} {id}", words.correction_id));
    }
    let sheet = Sheet {
        title: outline::title(&findings),
        language: words.language.code(),
        made: &findings.generated,
        software: findings.software,
        head: if findings.exercise {
            words.exercise
        } else {
            ""
        },
        foot,
    };
    write(&sheet, &outline::report(&findings))
}

/// What a document says of itself.
pub(crate) struct Sheet<'a> {
    pub(crate) title: String,
    pub(crate) language: &'a str,
    /// UTC with seconds, RFC 3339.
    pub(crate) made: &'a str,
    pub(crate) software: &'a str,
    /// Stands at the top of each page; may be empty.
    pub(crate) head: &'a str,
    /// Stands at the bottom of each page, before its number.
    pub(crate) foot: String,
}

/// Writes an outline.
pub(crate) fn write(sheet: &Sheet<'_>, blocks: &[Block]) -> Result<Vec<u8>, ReportError> {
    let mut paper = Paper::new(sheet.head);
    for (index, block) in blocks.iter().enumerate() {
        paper.add(block, &blocks[index + 1..]);
    }
    let mut document = Document::with_version("1.7");
    let tree = document.new_object_id();
    let fonts: Dictionary = Font::ALL
        .iter()
        .map(|font| {
            let entry = match font.base() {
                Some(base) => dictionary! {
                    "Type" => "Font",
                    "Subtype" => "Type1",
                    "BaseFont" => base,
                    "Encoding" => "WinAnsiEncoding",
                },
                None => signs(&mut document),
            };
            let entry = document.add_object(entry);
            (font.name(), Object::Reference(entry))
        })
        .collect();
    let resources = document.add_object(dictionary! { "Font" => fonts });
    let mut pages: Vec<Object> = Vec::new();
    for content in paper.finish(&sheet.foot) {
        let content = document.add_object(Stream::new(dictionary! {}, content));
        let page = document.add_object(dictionary! {
            "Type" => "Page",
            "Parent" => tree,
            "MediaBox" => vec![0.into(), 0.into(), paper::WIDTH.into(), paper::HEIGHT.into()],
            "Resources" => resources,
            "Contents" => content,
        });
        pages.push(page.into());
    }
    let count = i64::try_from(pages.len()).unwrap_or(i64::MAX);
    document.set_object(
        tree,
        dictionary! { "Type" => "Pages", "Kids" => pages, "Count" => count },
    );
    let catalog = document.add_object(dictionary! {
        "Type" => "Catalog",
        "Pages" => tree,
        "Lang" => Object::string_literal(sheet.language),
        "ViewerPreferences" => dictionary! { "DisplayDocTitle" => true },
    });
    let digits: String = sheet.made.chars().filter(char::is_ascii_digit).collect();
    let information = document.add_object(dictionary! {
        "Title" => text_string(&sheet.title),
        "Producer" => text_string(sheet.software),
        "CreationDate" => Object::string_literal(format!("D:{digits}Z")),
    });
    document.trailer.set("Root", catalog);
    document.trailer.set("Info", information);
    document.compress();
    let mut out = Vec::new();
    document.save_to(&mut out)?;
    Ok(out)
}

/// The font of the signs (Type 3; ISO 32000-2, 9.6.4): its letters are drawings.
fn signs(document: &mut Document) -> Dictionary {
    let (first, last) = (SIGNS[0].byte, SIGNS[SIGNS.len() - 1].byte);
    let letters: Dictionary = SIGNS
        .iter()
        .map(|sign| {
            let drawing = format!("{SIGN} 0 0 -100 {SIGN} 700 d1 {} f", sign.outline);
            let drawing = Stream::new(dictionary! {}, drawing.into_bytes());
            (sign.name, Object::Reference(document.add_object(drawing)))
        })
        .collect();
    let mut names: Vec<Object> = vec![first.into()];
    names.extend(SIGNS.iter().map(|sign| Object::from(sign.name)));
    dictionary! {
        "Type" => "Font",
        "Subtype" => "Type3",
        "FontBBox" => vec![0.into(), (-100).into(), SIGN.into(), 700.into()],
        "FontMatrix" => vec![0.001.into(), 0.into(), 0.into(), 0.001.into(), 0.into(), 0.into()],
        "CharProcs" => letters,
        "Encoding" => dictionary! { "Type" => "Encoding", "Differences" => names },
        "FirstChar" => first,
        "LastChar" => last,
        "Widths" => SIGNS.iter().map(|_| SIGN.into()).collect::<Vec<Object>>(),
        "Resources" => dictionary! {},
    }
}
