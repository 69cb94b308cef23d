//! A beacon put into the operator's own document: office documents and PDF. Nothing else changes: other
//! members of an archive keep every byte, a PDF keeps all that was in it and gets an update at its end
//! (ISO 32000-1, section 7.5.6).

use lopdf::{Dictionary, Document, IncrementalDocument, Object, StringFormat};
use quick_xml::events::Event;
use rand::Rng;

use super::opc::{Relationships, escape};
use super::zip::Archive;
use super::{docx, pptx, xlsx};
use crate::dice::Dice;

/// Why a beacon cannot be put into a document.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InsertError {
    /// No beacon is put into documents of this format.
    #[error("no beacon can be put into a document of kind {0}; docx, xlsx, pptx and pdf take one")]
    Format(String),
    /// The document is not what its kind says, or damaged.
    #[error("the document cannot take a beacon: {0}")]
    Document(&'static str),
    /// The PDF cannot be read.
    #[error("the PDF cannot be read: {0}")]
    Pdf(#[from] lopdf::Error),
    /// The PDF cannot be written.
    #[error("the PDF cannot be written: {0}")]
    Write(#[from] std::io::Error),
}

/// A document with a beacon in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inserted {
    /// The new document.
    pub bytes: Vec<u8>,
    /// What was changed or added: names of members, or what was put into a PDF.
    pub changed: Vec<String>,
}

type Changes = Result<Vec<(String, Vec<u8>)>, InsertError>;

/// Puts a beacon's address into a document of this format. `open` opens a PDF's beacon with the document;
/// else it is a link across the first page's lower edge.
///
/// # Errors
/// A format that takes none, or a document that is damaged, encrypted or signed in a way that forbids it.
pub(super) fn insert(
    format: &str,
    document: &[u8],
    address: &str,
    open: bool,
    rng: &mut dyn Rng,
) -> Result<Inserted, InsertError> {
    let mut dice = Dice::new(rng);
    let into = match format {
        "docx" => into_docx,
        "xlsx" => into_xlsx,
        "pptx" => into_pptx,
        "pdf" => return into_pdf(document, address, open, &mut dice),
        _ => return Err(InsertError::Format(format.to_owned())),
    };
    let archive = Archive::read(document).map_err(InsertError::Document)?;
    let changed = into(&archive, address, &mut dice)?;
    let bytes = archive.with(&changed).map_err(InsertError::Document)?;
    let changed = changed.into_iter().map(|(name, _)| name).collect();
    Ok(Inserted { bytes, changed })
}

fn missing(what: &'static str) -> InsertError {
    InsertError::Document(what)
}

/// A linked picture at the end of the last paragraph.
fn into_docx(archive: &Archive<'_>, address: &str, dice: &mut Dice<'_>) -> Changes {
    const PART: &str = "word/document.xml";
    let xml = archive
        .text(PART)
        .ok_or(missing("it has no word/document.xml"))?;
    let at = xml.rfind("</w:p>").ok_or(missing(
        "it has no paragraph, or is written in an unusual way",
    ))?;
    let (links, id) = linked(archive, PART, "image", address);
    let xml = format!("{}{}{}", &xml[..at], docx::image(&id, dice), &xml[at..]);
    well_formed(&xml)?;
    Ok(vec![(PART.to_owned(), xml.into_bytes()), links])
}

/// A linked picture on the first sheet, in its drawing if it has one.
fn into_xlsx(archive: &Archive<'_>, address: &str, dice: &mut Dice<'_>) -> Changes {
    let part = first_of(archive, "xl/workbook.xml", "sheet")?;
    let xml = archive
        .text(&part)
        .ok_or(missing("its first sheet is missing"))?;
    let column = dice.between(8, 14);
    if let Some(id) = attribute_of(&xml, "drawing", "id") {
        let target = target_of(archive, &part, &id).ok_or(missing("a drawing of it is missing"))?;
        let drawing = archive
            .text(&target)
            .ok_or(missing("a drawing of it is missing"))?;
        let at = drawing
            .rfind("</xdr:wsDr>")
            .ok_or(missing("a drawing of it is written in an unusual way"))?;
        let (links, id) = linked(archive, &target, "image", address);
        let anchor = xlsx::anchor(&id, column, dice);
        let drawing = format!("{}{anchor}{}", &drawing[..at], &drawing[at..]);
        well_formed(&drawing)?;
        return Ok(vec![(target, drawing.into_bytes()), links]);
    }
    let number = (1..)
        .find(|number| {
            let name = format!("xl/drawings/drawing{number}.xml");
            archive.names().all(|known| known != name)
        })
        .unwrap_or(1);
    let drawing = format!("xl/drawings/drawing{number}.xml");
    let (links, id) = linked_part(
        archive,
        &part,
        "drawing",
        &format!("../drawings/drawing{number}.xml"),
    );
    let at = before_tail(&xml).ok_or(missing("its first sheet is no worksheet"))?;
    let element = format!(
        "<drawing xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\" r:id=\"{id}\"/>"
    );
    let sheet = format!("{}{element}{}", &xml[..at], &xml[at..]);
    well_formed(&sheet)?;
    let mut pictures = Relationships::default();
    let id = pictures.outside("image", address);
    let anchors = xlsx::anchor(&id, column, dice);
    Ok(vec![
        (part, sheet.into_bytes()),
        links,
        types_with(archive, &drawing, "drawing")?,
        (
            format!("xl/drawings/_rels/drawing{number}.xml.rels"),
            pictures.xml().into_bytes(),
        ),
        (drawing, xlsx::drawing(&anchors).into_bytes()),
    ])
}

/// A linked picture on the first slide.
fn into_pptx(archive: &Archive<'_>, address: &str, dice: &mut Dice<'_>) -> Changes {
    const DECK: &str = "ppt/presentation.xml";
    let part = first_of(archive, DECK, "sldId")?;
    let xml = archive
        .text(&part)
        .ok_or(missing("its first slide is missing"))?;
    let at = xml
        .rfind("</p:spTree>")
        .ok_or(missing("its first slide is written in an unusual way"))?;
    let deck = archive.text(DECK).unwrap_or_default();
    let number = |name: &str| attribute_of(&deck, "sldSz", name)?.parse::<usize>().ok();
    let size = (
        number("cx").unwrap_or(9_144_000),
        number("cy").unwrap_or(6_858_000),
    );
    let last = xml
        .match_indices("<p:cNvPr id=\"")
        .filter_map(|(at, start)| {
            let rest = &xml[at + start.len()..];
            rest[..rest.find('"')?].parse::<usize>().ok()
        });
    let shape = last.max().unwrap_or(1) + 1;
    let (links, id) = linked(archive, &part, "image", address);
    let xml = format!(
        "{}{}{}",
        &xml[..at],
        pptx::picture(&id, shape, size, dice),
        &xml[at..]
    );
    well_formed(&xml)?;
    Ok(vec![(part, xml.into_bytes()), links])
}

/// The relationships of a part with one more, to an address; and its id.
fn linked(
    archive: &Archive<'_>,
    part: &str,
    kind: &str,
    address: &str,
) -> ((String, Vec<u8>), String) {
    with_link(archive, part, kind, address, " TargetMode=\"External\"")
}

fn linked_part(
    archive: &Archive<'_>,
    part: &str,
    kind: &str,
    target: &str,
) -> ((String, Vec<u8>), String) {
    with_link(archive, part, kind, target, "")
}

fn with_link(
    archive: &Archive<'_>,
    part: &str,
    kind: &str,
    target: &str,
    mode: &str,
) -> ((String, Vec<u8>), String) {
    let name = links_of(part);
    let empty = || Relationships::default().xml();
    let xml = archive.text(&name).unwrap_or_else(empty);
    let id = (1..)
        .map(|number| format!("rId{number}"))
        .find(|id| !xml.contains(&format!("\"{id}\"")))
        .unwrap_or_default();
    let link = format!(
        "<Relationship Id=\"{id}\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}\" \
         Target=\"{}\"{mode}/>",
        escape(target)
    );
    // A list without any relationship may be an empty element.
    let xml = match xml.rfind("</Relationships>") {
        Some(at) => format!("{}{link}{}", &xml[..at], &xml[at..]),
        None => {
            let open = xml.trim_end().trim_end_matches("/>");
            format!("{open}>{link}</Relationships>")
        }
    };
    ((name, xml.into_bytes()), id)
}

/// `word/document.xml` to `word/_rels/document.xml.rels`.
fn links_of(part: &str) -> String {
    let (folder, file) = part.rsplit_once('/').unwrap_or(("", part));
    format!("{folder}/_rels/{file}.rels")
}

/// The part that the first element of this name leads to: the first sheet or slide.
fn first_of(archive: &Archive<'_>, part: &str, element: &str) -> Result<String, InsertError> {
    let xml = archive
        .text(part)
        .ok_or(missing("its main part is missing"))?;
    attribute_of(&xml, element, "r:id")
        .and_then(|id| target_of(archive, part, &id))
        .ok_or(missing(
            "it has no first sheet or slide, or is written in an unusual way",
        ))
}

/// An attribute of the first element of this name.
fn attribute_of(xml: &str, element: &str, attribute: &str) -> Option<String> {
    let mut reader = quick_xml::Reader::from_str(xml);
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) | Event::Empty(start) if start.local_name().as_ref() == element => {
                return start.attributes().flatten().find_map(|found| {
                    let key = found.key;
                    let same = key.as_ref() == attribute
                        || !attribute.contains(':') && key.local_name().as_ref() == attribute;
                    same.then(|| found.value.into_owned())
                });
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

/// Where a relationship of a part leads, as the name of a member.
fn target_of(archive: &Archive<'_>, part: &str, id: &str) -> Option<String> {
    let xml = archive.text(&links_of(part))?;
    let at = xml.find(&format!("Id=\"{id}\""))?;
    let start = xml[..at].rfind('<')?;
    let element = &xml[start..start + xml[start..].find('>')?];
    let target = element.split("Target=\"").nth(1)?.split('"').next()?;
    if let Some(absolute) = target.strip_prefix('/') {
        return Some(absolute.to_owned());
    }
    let mut folder: Vec<&str> = part.split('/').collect();
    folder.pop();
    for step in target.split('/') {
        match step {
            ".." => {
                folder.pop();
            }
            "." => {}
            step => folder.push(step),
        }
    }
    Some(folder.join("/"))
}

/// Where a drawing goes into a sheet (section 18.3.1.99 gives the order): before the first of what
/// follows it, or at the end.
fn before_tail(xml: &str) -> Option<usize> {
    const AFTER: &[&str] = &[
        "legacyDrawing",
        "legacyDrawingHF",
        "drawingHF",
        "picture",
        "oleObjects",
        "AlternateContent",
        "controls",
        "webPublishItems",
        "tableParts",
        "extLst",
    ];
    let mut reader = quick_xml::Reader::from_str(xml);
    let mut depth = 0_u32;
    loop {
        let at = usize::try_from(reader.buffer_position()).ok()?;
        match reader.read_event().ok()? {
            Event::Start(start) => {
                if depth == 1 && AFTER.contains(&start.local_name().as_ref()) {
                    return Some(at);
                }
                depth += 1;
            }
            Event::Empty(start) if depth == 1 && AFTER.contains(&start.local_name().as_ref()) => {
                return Some(at);
            }
            Event::End(_) => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

/// The list of types with one more part.
fn types_with(
    archive: &Archive<'_>,
    part: &str,
    of: &str,
) -> Result<(String, Vec<u8>), InsertError> {
    const NAME: &str = "[Content_Types].xml";
    let xml = archive
        .text(NAME)
        .ok_or(missing("it has no [Content_Types].xml"))?;
    let at = xml.rfind("</Types>").ok_or(missing(
        "its [Content_Types].xml is written in an unusual way",
    ))?;
    let element = format!(
        "<Override PartName=\"/{part}\" ContentType=\"application/vnd.openxmlformats-officedocument.{of}+xml\"/>"
    );
    let xml = format!("{}{element}{}", &xml[..at], &xml[at..]);
    Ok((NAME.to_owned(), xml.into_bytes()))
}

fn well_formed(xml: &str) -> Result<(), InsertError> {
    let mut reader = quick_xml::Reader::from_str(xml);
    loop {
        match reader.read_event() {
            Ok(Event::Eof) => return Ok(()),
            Ok(_) => {}
            Err(_) => return Err(missing("one of its parts is no well-formed XML")),
        }
    }
}

/// A link on the first page, or an address that is opened with the document.
fn into_pdf(
    document: &[u8],
    address: &str,
    open: bool,
    dice: &mut Dice<'_>,
) -> Result<Inserted, InsertError> {
    let before = Document::load_mem(document)?;
    if before.is_encrypted() {
        return Err(missing("it is encrypted"));
    }
    let catalogue = before.trailer.get(b"Root")?.as_reference()?;
    let page = *before
        .get_pages()
        .get(&1)
        .ok_or(missing("it has no page"))?;
    let uri = {
        let mut action = Dictionary::new();
        action.set("S", Object::Name(b"URI".to_vec()));
        action.set(
            "URI",
            Object::String(address.as_bytes().to_vec(), StringFormat::Literal),
        );
        action
    };
    let mut update = IncrementalDocument::create_from(document.to_vec(), before);
    let changed = if open {
        update.opt_clone_object_to_new_document(catalogue)?;
        let root = update
            .new_document
            .get_object_mut(catalogue)?
            .as_dict_mut()?;
        root.set("OpenAction", uri);
        "the document's open action"
    } else {
        let mut link = Dictionary::new();
        let number = |number: usize| Object::Integer(i64::try_from(number).unwrap_or_default());
        let (left, low) = (dice.between(30, 60), dice.between(20, 40));
        let rect = [
            left,
            low,
            left + dice.between(180, 480),
            low + dice.between(10, 24),
        ]
        .map(number);
        link.set("Type", Object::Name(b"Annot".to_vec()));
        link.set("Subtype", Object::Name(b"Link".to_vec()));
        link.set("Rect", rect.to_vec());
        link.set("Border", vec![Object::Integer(0); 3]);
        link.set("A", uri);
        let link = update.new_document.add_object(link);
        let mut annotations = annotations(update.get_prev_documents(), page)?;
        annotations.push(Object::Reference(link));
        update.opt_clone_object_to_new_document(page)?;
        let page = update.new_document.get_object_mut(page)?.as_dict_mut()?;
        page.set("Annots", annotations);
        "a link on the first page"
    };
    let mut bytes = Vec::new();
    update.save_to(&mut bytes)?;
    if !bytes.starts_with(document) {
        return Err(missing("it cannot be kept as it is"));
    }
    Ok(Inserted {
        bytes,
        changed: vec![changed.to_owned()],
    })
}

/// What a page is annotated with already.
fn annotations(document: &Document, page: lopdf::ObjectId) -> Result<Vec<Object>, InsertError> {
    let page = document.get_object(page)?.as_dict()?;
    Ok(match page.get(b"Annots") {
        Ok(Object::Reference(id)) => document.get_object(*id)?.as_array()?.clone(),
        Ok(Object::Array(list)) => list.clone(),
        _ => Vec::new(),
    })
}
