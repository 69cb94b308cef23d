//! Elements of an XML file and where they stand. Takes any text; what is not XML gives an offset.

use std::ops::Range;

/// An element.
#[derive(Debug)]
pub(super) struct Node {
    pub name: String,
    pub parent: Option<usize>,
    /// Its opening tag.
    pub open: Range<usize>,
    /// Where its closing tag begins; the opening tag's end if that is all of it.
    pub close: usize,
    /// Behind it all.
    pub end: usize,
}

/// The elements in the order of their opening tags.
///
/// # Errors
/// The offset of something that is never closed, or closed without having been opened.
pub(super) fn scan(text: &str) -> Result<Vec<Node>, usize> {
    let mut nodes: Vec<Node> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find('<') {
        let start = at + found;
        let rest = &text[start..];
        let skipped = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")]
            .into_iter()
            .find(|(mark, _)| rest.starts_with(mark));
        if let Some((mark, close)) = skipped {
            let end = rest[mark.len()..].find(close).ok_or(start)?;
            at = start + mark.len() + end + close.len();
            continue;
        }
        let length = tag(rest).ok_or(start)?;
        at = start + length;
        let inside = &rest[1..length - 1];
        if inside.starts_with('!') {
            continue;
        }
        let word = |text: &str| -> String {
            text.chars()
                .take_while(|c| !c.is_whitespace() && *c != '/')
                .collect()
        };
        if let Some(name) = inside.strip_prefix('/') {
            let node = open.pop().ok_or(start)?;
            if nodes[node].name != word(name) {
                return Err(start);
            }
            nodes[node].close = start;
            nodes[node].end = at;
            continue;
        }
        nodes.push(Node {
            name: word(inside),
            parent: open.last().copied(),
            open: start..at,
            close: at,
            end: at,
        });
        if !inside.ends_with('/') {
            open.push(nodes.len() - 1);
        }
    }
    match open.pop() {
        Some(node) => Err(nodes[node].open.start),
        None => Ok(nodes),
    }
}

/// The length of a tag or declaration, quotations and an internal subset minded.
fn tag(rest: &str) -> Option<usize> {
    let mut quote = None;
    let mut depth = 0_usize;
    for (at, c) in rest.char_indices().skip(1) {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '[') => depth += 1,
            (None, ']') => depth = depth.saturating_sub(1),
            (None, '>') if depth == 0 => return Some(at + 1),
            _ => {}
        }
    }
    None
}
