//! XML of a request's body as a list of its elements, in the order they begin. Bounded: what is past the bounds is not
//! read, and entities of a document's own are not known.

use quick_xml::NsReader;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;

/// Most elements read of one body.
const MOST: usize = 512;
/// Most text kept of one element, in bytes.
const LONGEST: usize = 2048;

/// An element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    /// Its name without a prefix.
    pub(crate) name: String,
    /// Its namespace; empty for none.
    pub(crate) space: String,
    /// Which element of the list it stands in.
    pub(crate) parent: Option<usize>,
    /// The text in it and in what it holds.
    pub(crate) text: String,
}

/// A document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Document {
    /// Its elements, the root first. Never none.
    pub(crate) elements: Vec<Element>,
    /// The namespaces it declares, in order, each once.
    pub(crate) spaces: Vec<String>,
}

/// Reads a document; `None` if it is not well-formed, or is none at all.
pub(crate) fn read(bytes: &[u8]) -> Option<Document> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut reader = NsReader::from_str(text.trim_start_matches('\u{feff}'));
    let (mut all, mut open): (Vec<Element>, Vec<usize>) = (Vec::new(), Vec::new());
    let mut spaces: Vec<String> = Vec::new();
    loop {
        let (space, event) = reader.read_resolved_event().ok()?;
        match &event {
            Event::Start(start) | Event::Empty(start) => {
                if all.len() >= MOST {
                    return None;
                }
                let space = match space {
                    ResolveResult::Bound(space) => space.into_inner().to_owned(),
                    ResolveResult::Unbound => String::new(),
                    ResolveResult::Unknown(_) => return None,
                };
                if open.is_empty() && !all.is_empty() {
                    return None;
                }
                declare(start, &mut spaces);
                all.push(Element {
                    name: start.local_name().into_inner().to_owned(),
                    space,
                    parent: open.last().copied(),
                    text: String::new(),
                });
                if matches!(event, Event::Start(_)) {
                    open.push(all.len() - 1);
                }
            }
            Event::End(_) => {
                open.pop();
            }
            Event::Text(text) => append(&mut all, &open, &text.xml10_content()),
            Event::CData(text) => append(&mut all, &open, &text.xml10_content()),
            Event::GeneralRef(name) => {
                let one = match name.resolve_char_ref() {
                    Ok(Some(one)) => one.to_string(),
                    Ok(None) => predefined(name)?.to_owned(),
                    Err(_) => return None,
                };
                append(&mut all, &open, &one);
            }
            Event::DocType(_) => return None,
            Event::Eof if open.is_empty() && !all.is_empty() => {
                return Some(Document {
                    elements: all,
                    spaces,
                });
            }
            Event::Eof => return None,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

/// Keeps the namespaces that an element declares.
fn declare(start: &BytesStart<'_>, spaces: &mut Vec<String>) {
    for attribute in start.attributes().flatten() {
        let name = attribute.key.into_inner();
        if name != "xmlns" && !name.starts_with("xmlns:") {
            continue;
        }
        let space = attribute.value.into_owned();
        if !space.is_empty() && space.len() <= LONGEST && !spaces.contains(&space) {
            spaces.push(space);
        }
    }
}

fn predefined(name: &str) -> Option<&'static str> {
    Some(match name {
        "lt" => "<",
        "gt" => ">",
        "amp" => "&",
        "apos" => "'",
        "quot" => "\"",
        _ => return None,
    })
}

/// Adds text to all elements it is in.
fn append(all: &mut [Element], open: &[usize], text: &str) {
    for at in open {
        let kept = &mut all[*at].text;
        let room = LONGEST.saturating_sub(kept.len());
        kept.push_str(&text[..text.floor_char_boundary(room)]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn elements_have_their_namespace_and_text() {
        let body = br#"<?xml version="1.0"?><lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope>
            <x:owner xmlns:x="DAV:"><x:href>CORP\ann &amp; co&#33;</x:href></x:owner><none xmlns=""/></lockinfo>"#;
        let Document { elements, spaces } = read(body).expect("well-formed");
        assert_eq!(spaces, ["DAV:"]);
        let names: Vec<_> = (elements.iter())
            .map(|it| (it.space.as_str(), it.name.as_str(), it.parent))
            .collect();
        let expect = [
            ("DAV:", "lockinfo", None),
            ("DAV:", "lockscope", Some(0)),
            ("DAV:", "exclusive", Some(1)),
            ("DAV:", "owner", Some(0)),
            ("DAV:", "href", Some(3)),
            ("", "none", Some(0)),
        ];
        assert_eq!(names, expect);
        assert_eq!(elements[3].text, "CORP\\ann & co!");
    }

    #[test]
    fn what_is_no_document_is_none() {
        for bad in [
            "",
            "text",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<p:a/>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
            "<a>&b;</a>",
        ] {
            assert_eq!(read(bad.as_bytes()), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_it_is_bounded(body in "(<[a-c:/ ]{0,4}>|[a-z&;\"]|<a xmlns='b'>){0,80}", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let short = |read: Document| read.elements.iter().all(|it| it.text.len() <= LONGEST);
            prop_assert!(read(body.as_bytes()).is_none_or(short));
            read(&bytes);
        }
    }
}
