//! What office documents share (ECMA-376 part 2): relationships, content types and properties, in the
//! words and the order of LibreOffice.

use std::fmt::Write as _;

use super::Content;
use super::zip;
use crate::dice::Dice;

/// First line of a part.
pub(crate) const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";

/// Releases and builds of LibreOffice as it names itself, by system.
const BUILDS: &[(&str, &str)] = &[
    ("7.3.7.2", "30$Build-2"),
    ("7.4.7.2", "40$Build-2"),
    ("7.5.9.2", "cdeefe45c17511d326101eed8008ac4092f278a9"),
    ("7.6.4.1", "e19e193f88cd6c0525a17fb7a176ed8e6a3e2aa1"),
    ("7.6.7.2", "dd47e4b30cb7dab30588d6c79c651f218165e3c5"),
    ("24.2.5.2", "bffef4ea93e59bebbeaf7f431bb02b1a39ee8a59"),
    ("24.2.7.2", "420$Build-2"),
    ("24.8.4.2", "bb3cfa12c7b1bf994ecc5649a80400d06cd71002"),
];
const SYSTEMS: &[&str] = &[
    "Linux_X86_64",
    "Linux_X86_64",
    "Windows_X86_64",
    "MacOSX_AARCH64",
];

/// The relationships of one part.
#[derive(Debug, Default)]
pub(crate) struct Relationships(Vec<(String, String, bool)>);

impl Relationships {
    /// One to another part, by its kind's last word; gives its id.
    pub(crate) fn part(&mut self, kind: &str, target: &str) -> String {
        self.add(format!("{OFFICE}/{kind}"), target, false)
    }

    /// One to an address outside; gives its id.
    pub(crate) fn outside(&mut self, kind: &str, target: &str) -> String {
        self.add(format!("{OFFICE}/{kind}"), target, true)
    }

    fn add(&mut self, kind: String, target: &str, outside: bool) -> String {
        self.0.push((kind, target.to_owned(), outside));
        format!("rId{}", self.0.len())
    }

    pub(crate) fn xml(&self) -> String {
        let mut out = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Relationships xmlns=\"{PACKAGE}/relationships\">"
        );
        for (nth, (kind, target, outside)) in self.0.iter().enumerate() {
            let _ = write!(
                out,
                "<Relationship Id=\"rId{}\" Type=\"{kind}\" Target=\"{}\"{}/>",
                nth + 1,
                escape(target),
                if *outside {
                    " TargetMode=\"External\""
                } else {
                    ""
                }
            );
        }
        out + "\n</Relationships>"
    }
}

/// A document being put together.
#[derive(Debug, Default)]
pub(crate) struct Package(Vec<(String, String)>);

impl Package {
    pub(crate) fn add(&mut self, name: impl Into<String>, xml: impl Into<String>) {
        self.0.push((name.into(), xml.into()));
    }

    /// The relationships of the package itself, in the order the program writes them.
    pub(crate) fn root(&mut self, order: &[(&str, &str)]) {
        let mut root = Relationships::default();
        for (kind, target) in order {
            let kind = match *kind {
                "core" => format!("{PACKAGE}/relationships/metadata/core-properties"),
                kind => format!("{OFFICE}/{kind}"),
            };
            root.add(kind, target, false);
        }
        self.add("_rels/.rels", root.xml());
    }

    /// Who wrote it, when, and with what.
    pub(crate) fn properties(&mut self, content: &Content, dice: &mut Dice<'_>) {
        self.add("docProps/core.xml", core(content, dice));
        self.add("docProps/app.xml", app(content, dice));
    }

    /// The archive, with the list of types behind all.
    pub(crate) fn finish(mut self, types: &[(&str, &str)], content: &Content) -> Vec<u8> {
        let mut list = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Types xmlns=\"{PACKAGE}/content-types\">"
        );
        let defaults = [
            ("xml", "application/xml"),
            (
                "rels",
                "application/vnd.openxmlformats-package.relationships+xml",
            ),
            ("png", "image/png"),
            ("jpeg", "image/jpeg"),
        ];
        for (extension, of) in defaults {
            let _ = write!(
                list,
                "<Default Extension=\"{extension}\" ContentType=\"{of}\"/>"
            );
        }
        for (name, _) in &self.0 {
            if let Some(of) = content_type(name, types) {
                let _ = write!(
                    list,
                    "<Override PartName=\"/{name}\" ContentType=\"{of}\"/>"
                );
            }
        }
        list += "\n</Types>";
        self.add("[Content_Types].xml", list);
        let members: Vec<(String, Vec<u8>)> = self
            .0
            .into_iter()
            .map(|(name, xml)| (name, xml.into_bytes()))
            .collect();
        zip::write(&members, zip::LIBREOFFICE, content.modified)
    }
}

/// The type of a part: by the start of its name.
fn content_type(name: &str, types: &[(&str, &str)]) -> Option<String> {
    let of = if name.ends_with(".rels") {
        "application/vnd.openxmlformats-package.relationships+xml".to_owned()
    } else if name == "docProps/core.xml" {
        "application/vnd.openxmlformats-package.core-properties+xml".to_owned()
    } else if name == "docProps/app.xml" {
        "application/vnd.openxmlformats-officedocument.extended-properties+xml".to_owned()
    } else {
        let (_, of) = types.iter().find(|(start, _)| name.starts_with(start))?;
        format!("application/vnd.openxmlformats-officedocument.{of}+xml")
    };
    Some(of)
}

fn core(content: &Content, dice: &mut Dice<'_>) -> String {
    let moment = |at: lapwing_core::Timestamp| super::moment(at, "%Y-%m-%dT%H:%M:%SZ");
    let schema = "http://purl.org/dc";
    format!(
        "{HEAD}<cp:coreProperties xmlns:cp=\"{PACKAGE}/metadata/core-properties\" \
         xmlns:dc=\"{schema}/elements/1.1/\" xmlns:dcterms=\"{schema}/terms/\" \
         xmlns:dcmitype=\"{schema}/dcmitype/\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
         <dcterms:created xsi:type=\"dcterms:W3CDTF\">{}</dcterms:created><dc:creator>{}</dc:creator>\
         <dc:description></dc:description><dc:language>en-US</dc:language>\
         <cp:lastModifiedBy>{}</cp:lastModifiedBy>\
         <dcterms:modified xsi:type=\"dcterms:W3CDTF\">{}</dcterms:modified>\
         <cp:revision>{}</cp:revision><dc:subject></dc:subject><dc:title>{}</dc:title></cp:coreProperties>",
        moment(content.created),
        escape(&content.author),
        escape(&content.editor),
        moment(content.modified),
        dice.between(2, 40),
        escape(&content.title),
    )
}

fn app(content: &Content, dice: &mut Dice<'_>) -> String {
    let (release, build) = dice.pick(BUILDS).copied().unwrap_or(BUILDS[0]);
    let system = dice.pick(SYSTEMS).copied().unwrap_or(SYSTEMS[0]);
    // Distributions number their builds; The Document Foundation's carry a commit.
    let system = if build.contains("$Build") {
        SYSTEMS[0]
    } else {
        system
    };
    let company = if content.company.is_empty() {
        String::new()
    } else {
        format!("<Company>{}</Company>", escape(&content.company))
    };
    format!(
        "{HEAD}<Properties xmlns=\"http://schemas.openxmlformats.org/officeDocument/2006/extended-properties\" \
         xmlns:vt=\"http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes\">\
         <Template></Template><TotalTime>{}</TotalTime>\
         <Application>LibreOffice/{release}${system} LibreOffice_project/{build}</Application>\
         {company}<AppVersion>15.0000</AppVersion></Properties>",
        dice.between(3, 600),
    )
}

/// A text between tags or in quotes; characters that XML forbids are left out.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(' '),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}
