//! What `LOCK` answers: the lock that it made, as the client asked for it (RFC 4918 section 9.10).

use std::fmt::Write as _;

use super::{DAV, escaped};
use crate::request::Request;
use crate::xml::{Document, Element};

/// The answer to `LOCK`: what the lock is, under the name it was given.
pub(crate) fn lock(request: &Request, token: &str) -> Option<Vec<u8>> {
    let Document { elements, .. } = request.xml()?;
    let is = |name: &str| elements.iter().any(|it| it.space == DAV && it.name == name);
    let scope = if is("shared") { "shared" } else { "exclusive" };
    let depth = match request.header("depth") {
        Some("0") => "0",
        _ => "infinity",
    };
    let timeouts = request.header("timeout").unwrap_or("Infinite");
    let timeout = timeouts.split(',').next().unwrap_or_default().trim();
    let seconds = timeout
        .strip_prefix("Second-")
        .and_then(|it| it.parse::<u32>().ok());
    let timeout = seconds.map_or_else(|| "Infinite".to_owned(), |it| format!("Second-{it}"));
    let mut owner = String::new();
    let own = |it: &Element| it.parent == Some(0) && it.space == DAV && it.name == "owner";
    if let Some(at) = elements.iter().position(own) {
        owner = repeated(elements, at, true);
    }
    let mut out =
        String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:prop xmlns:D=\"DAV:\">\n");
    let _ = write!(
        out,
        "<D:lockdiscovery>\n<D:activelock>\n<D:locktype><D:write/></D:locktype>\n\
         <D:lockscope><D:{scope}/></D:lockscope>\n<D:depth>{depth}</D:depth>\n\
         {owner}<D:timeout>{timeout}</D:timeout>\n<D:locktoken>\n\
         <D:href>opaquelocktoken:{}</D:href>\n</D:locktoken>\n</D:activelock>\n\n\
         </D:lockdiscovery>\n</D:prop>\n",
        escaped(token)
    );
    Some(out.into_bytes())
}

/// An element as it came, with prefixes of the server's.
fn repeated(elements: &[Element], at: usize, first: bool) -> String {
    let one = &elements[at];
    let (prefix, declared) = match (one.space.as_str(), first) {
        (DAV, true) => ("ns0:", format!(" xmlns:ns0=\"{DAV}\"")),
        (DAV, false) => ("ns0:", String::new()),
        _ => ("", String::new()),
    };
    let name = escaped(&one.name);
    let held = (at + 1..elements.len()).filter(|inner| elements[*inner].parent == Some(at));
    let held: String = held.map(|inner| repeated(elements, inner, false)).collect();
    let inner = if held.is_empty() {
        escaped(&one.text)
    } else {
        held
    };
    if inner.is_empty() {
        return format!("<{prefix}{name}{declared}/>");
    }
    format!("<{prefix}{name}{declared}>{inner}</{prefix}{name}>")
}
