//! What `PROPFIND` answers: properties of a resource and of what it holds (RFC 4918 section 9.1).

use std::fmt::Write as _;

use super::{DAV, Resource, Tree, content_type, escaped};
use crate::answer::LONGEST_NAME;
use crate::render::LARGEST_BODY;
use crate::request::Request;
use crate::xml::{Document, Element};

const APACHE: &str = "http://apache.org/dav/props/";
/// Most properties that are looked for in one request.
const MOST_ASKED: usize = 64;

/// What there is to be asked for, in the order it is told.
const PROPERTIES: &[(&str, &str)] = &[
    (DAV, "resourcetype"),
    (DAV, "creationdate"),
    (DAV, "getcontentlength"),
    (DAV, "getlastmodified"),
    (DAV, "getetag"),
    (APACHE, "executable"),
    (DAV, "supportedlock"),
    (DAV, "lockdiscovery"),
    (DAV, "getcontenttype"),
];

/// Both kinds of locks.
const SUPPORTED: &str = "\n\
<D:lockentry>\n<D:lockscope><D:exclusive/></D:lockscope>\n<D:locktype><D:write/></D:locktype>\n</D:lockentry>\n\
<D:lockentry>\n<D:lockscope><D:shared/></D:lockscope>\n<D:locktype><D:write/></D:locktype>\n</D:lockentry>\n";

impl Tree {
    /// The answer to `PROPFIND`: what is asked of a resource and, with depth 1, of what it holds.
    pub(crate) fn properties(&self, path: &str, request: &Request) -> Option<Vec<u8>> {
        let document = request.xml();
        let asked = Asked::of(document);
        let mut out = String::from(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:multistatus xmlns:D=\"DAV:\"",
        );
        if let Some(document) = document {
            let others = document.spaces.iter().filter(|space| *space != DAV);
            let mut spaces = vec![DAV];
            spaces.extend(others.map(String::as_str));
            for (number, space) in spaces.iter().enumerate().rev() {
                let _ = write!(out, " xmlns:ns{number}=\"{}\"", escaped(space));
            }
        }
        out.push_str(">\n");
        self.response(path, self.all.get(path)?, &asked, &mut out);
        if request.header("depth") == Some("1") {
            for (path, resource) in self.below(path) {
                self.response(path, resource, &asked, &mut out);
            }
        }
        out.push_str("</D:multistatus>\n");
        (out.len() <= LARGEST_BODY).then(|| out.into_bytes())
    }

    /// What a collection holds itself; nothing of a file.
    fn below(&self, path: &str) -> impl Iterator<Item = (&str, &Resource)> {
        let start = if path.is_empty() {
            String::new()
        } else {
            format!("{path}/")
        };
        self.all.iter().filter_map(move |(name, resource)| {
            let rest = name.strip_prefix(start.as_str())?;
            (!rest.is_empty() && !rest.contains('/')).then_some((name.as_str(), resource))
        })
    }

    fn response(&self, path: &str, resource: &Resource, asked: &Asked<'_>, out: &mut String) {
        let (mut found, mut missing, mut spaces) = (String::new(), String::new(), Vec::new());
        let mut live = false;
        match asked {
            Asked::All | Asked::Names => {
                live = true;
                for (space, name) in PROPERTIES {
                    let Some(value) = resource.property(path, space, name) else {
                        continue;
                    };
                    let value = matches!(asked, Asked::All).then_some(value);
                    found.push_str(&element(space, name, value.as_deref().unwrap_or_default()));
                }
            }
            Asked::Some(names) => {
                for (space, name) in names {
                    if let Some(value) = resource.property(path, space, name) {
                        live |= prefix(space, name) != "D";
                        found.push_str(&element(space, name, &value));
                    } else if space.is_empty() {
                        let _ = writeln!(missing, "<{}/>", escaped(name));
                    } else {
                        let number = spaces.iter().position(|known| known == space);
                        let number = number.unwrap_or_else(|| {
                            spaces.push(*space);
                            spaces.len() - 1
                        });
                        let _ = writeln!(missing, "<g{number}:{}/>", escaped(name));
                    }
                }
            }
        }
        out.push_str("<D:response");
        if live {
            let _ = write!(out, " xmlns:lp1=\"{DAV}\" xmlns:lp2=\"{APACHE}\"");
        }
        for (number, space) in spaces.iter().enumerate() {
            let _ = write!(out, " xmlns:g{number}=\"{}\"", escaped(space));
        }
        let href = escaped(&self.href(path, resource));
        let _ = writeln!(out, ">\n<D:href>{href}</D:href>");
        for (properties, status) in [(&found, "200 OK"), (&missing, "404 Not Found")] {
            if properties.is_empty() && (status != "200 OK" || !missing.is_empty()) {
                continue;
            }
            let _ = write!(
                out,
                "<D:propstat>\n<D:prop>\n{properties}</D:prop>\n<D:status>HTTP/1.1 {status}</D:status>\n</D:propstat>\n"
            );
        }
        out.push_str("</D:response>\n");
    }
}

impl Resource {
    /// The value of a property, as XML; `None` if it has none of this name.
    fn property(&self, path: &str, space: &str, name: &str) -> Option<String> {
        let is_file = self.content.is_some();
        Some(match (space, name) {
            (DAV, "resourcetype") if is_file => String::new(),
            (DAV, "resourcetype") => "<D:collection/>".to_owned(),
            (DAV, "creationdate") => self.at("%Y-%m-%dT%H:%M:%SZ"),
            (DAV, "getcontentlength") => self.content.as_ref()?.len().to_string(),
            (DAV, "getlastmodified") => self.at("%a, %d %b %Y %T GMT"),
            (DAV, "getetag") => self.etag(),
            (APACHE, "executable") if is_file => "F".to_owned(),
            (DAV, "supportedlock") => SUPPORTED.to_owned(),
            (DAV, "lockdiscovery") => String::new(),
            (DAV, "getcontenttype") => content_type(path, self).to_owned(),
            _ => return None,
        })
    }
}

/// What a `PROPFIND` asks for.
enum Asked<'d> {
    All,
    Names,
    /// Namespace and name of each.
    Some(Vec<(&'d str, &'d str)>),
}

impl<'d> Asked<'d> {
    fn of(document: Option<&'d Document>) -> Self {
        let Some(Document { elements, .. }) = document else {
            return Self::All;
        };
        let top = |name: &str| {
            let own = |it: &Element| it.parent == Some(0) && it.space == DAV && it.name == name;
            elements.iter().position(own)
        };
        match (top("prop"), top("propname")) {
            (Some(prop), _) => {
                let asked = elements.iter().filter(|it| it.parent == Some(prop));
                let asked = asked.map(|it| (it.space.as_str(), it.name.as_str()));
                let short = |(space, name): &(&str, &str)| space.len() + name.len() <= LONGEST_NAME;
                Self::Some(asked.filter(short).take(MOST_ASKED).collect())
            }
            (None, Some(_)) => Self::Names,
            (None, None) => Self::All,
        }
    }
}

fn prefix(space: &str, name: &str) -> &'static str {
    match (space, name) {
        (APACHE, _) => "lp2",
        (_, "supportedlock" | "lockdiscovery" | "getcontenttype") => "D",
        _ => "lp1",
    }
}

fn element(space: &str, name: &str, value: &str) -> String {
    let prefix = prefix(space, name);
    if value.is_empty() {
        return format!("<{prefix}:{name}/>\n");
    }
    format!("<{prefix}:{name}>{value}</{prefix}:{name}>\n")
}
