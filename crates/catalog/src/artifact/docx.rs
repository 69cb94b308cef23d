//! Text documents (ECMA-376 part 1, section 17), in the words of LibreOffice Writer. The beacon is an
//! image that is linked, not embedded; a template the document was made from; or a link.

use std::fmt::Write as _;

use super::opc::{HEAD, Package, Relationships, escape};
use super::{Artifact, Block, Content};
use crate::dice::Dice;

pub(crate) const DOCX: Artifact = Artifact {
    name: "docx",
    means: &["image", "template", "link"],
    write,
};

const W: &str = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
const DRAWING: &str = "http://schemas.openxmlformats.org/drawingml/2006";
const TYPES: &[(&str, &str)] = &[
    ("word/document.xml", "wordprocessingml.document.main"),
    ("word/styles.xml", "wordprocessingml.styles"),
    ("word/footer", "wordprocessingml.footer"),
    ("word/fontTable.xml", "wordprocessingml.fontTable"),
    ("word/settings.xml", "wordprocessingml.settings"),
];
/// Fonts: name, what stands in for it, family.
const FONTS: &[(&str, &str, &str)] = &[
    ("Liberation Serif", "Times New Roman", "roman"),
    ("Liberation Sans", "Arial", "swiss"),
    ("Carlito", "Calibri", "swiss"),
    ("Calibri", "", "swiss"),
    ("Arial", "", "swiss"),
    ("Cambria", "", "roman"),
    ("Segoe UI", "", "swiss"),
    ("Open Sans", "", "swiss"),
    ("DejaVu Sans", "", "swiss"),
    ("Georgia", "", "roman"),
];
const COLOURS: &[&str] = &[
    "auto", "1F3864", "2E74B5", "355269", "44546A", "000000", "7B3F00", "1E6A39",
];
/// Empty lines and widths of a page: A4 and Letter, in twentieths of a point.
const PAGES: &[(u32, u32)] = &[(11_906, 16_838), (11_906, 16_838), (12_240, 15_840)];

/// How this document looks.
struct Look {
    body: (&'static str, &'static str, &'static str),
    heads: (&'static str, &'static str, &'static str),
    size: usize,
    head_size: usize,
    colour: &'static str,
    page: (u32, u32),
    margin: u32,
    line: usize,
    after: usize,
    footer: bool,
    borders: bool,
}

impl Look {
    fn draw(dice: &mut Dice<'_>) -> Self {
        let size = dice.between(20, 24);
        let margins = [1134, 1134, 1417, 1440, 1000, 850, 1247];
        Self {
            body: dice.pick(FONTS).copied().unwrap_or(FONTS[0]),
            heads: dice.pick(FONTS).copied().unwrap_or(FONTS[1]),
            size,
            head_size: size + dice.between(6, 14),
            colour: dice.pick(COLOURS).copied().unwrap_or("auto"),
            page: dice.pick(PAGES).copied().unwrap_or(PAGES[0]),
            margin: dice.pick(&margins).copied().unwrap_or(1134),
            line: [240, 252, 259, 264, 276, 288][dice.below(6)],
            after: dice.between(4, 10) * 20,
            footer: dice.below(2) == 0,
            borders: dice.below(3) > 0,
        }
    }

    fn width(&self) -> u32 {
        self.page.0 - 2 * self.margin
    }
}

fn write(content: &Content, dice: &mut Dice<'_>) -> Vec<u8> {
    let look = Look::draw(dice);
    let mut links = Relationships::default();
    links.part("styles", "styles.xml");
    let mut body = String::new();
    title(&mut body, content, &mut links, dice);
    for block in &content.blocks {
        match block {
            Block::Heading(text) => paragraph(&mut body, "Heading1", &run(text)),
            Block::Text(text) => paragraph(&mut body, "TextBody", &run(text)),
            Block::Table(head, rows) => table(&mut body, head, rows, &look),
        }
    }
    if let Some(address) = content.load("link") {
        let id = links.outside("hyperlink", address);
        let words = [
            "Details",
            "Source",
            "See the current version",
            "Attachments",
            "Full list",
        ];
        let words = dice.pick(&words).copied().unwrap_or("Details");
        let link = format!(
            "<w:hyperlink r:id=\"{id}\"><w:r><w:rPr><w:rStyle w:val=\"InternetLink\"/></w:rPr>\
             <w:t>{words}</w:t></w:r></w:hyperlink>"
        );
        paragraph(&mut body, "TextBody", &link);
    }
    paragraph(&mut body, "Normal", "<w:r><w:rPr></w:rPr></w:r>");
    let footer = look.footer.then(|| links.part("footer", "footer1.xml"));
    links.part("fontTable", "fontTable.xml");
    links.part("settings", "settings.xml");
    section(&mut body, &look, footer.as_deref());

    let mut package = Package::default();
    package.root(&[
        ("core", "docProps/core.xml"),
        ("extended-properties", "docProps/app.xml"),
        ("officeDocument", "word/document.xml"),
    ]);
    package.properties(content, dice);
    package.add("word/_rels/document.xml.rels", links.xml());
    package.add("word/document.xml", document(&body));
    package.add("word/styles.xml", styles(&look));
    if look.footer {
        package.add("word/footer1.xml", footer_part(content, dice));
    }
    package.add("word/fontTable.xml", font_table(&look));
    let (settings, template) = settings(content, dice);
    if let Some(template) = template {
        package.add("word/_rels/settings.xml.rels", template.xml());
    }
    package.add("word/settings.xml", settings);
    package.finish(TYPES, content)
}

/// The document's title, with the linked image above it if there is one.
fn title(body: &mut String, content: &Content, links: &mut Relationships, dice: &mut Dice<'_>) {
    if let Some(address) = content.load("image") {
        let id = links.outside("image", address);
        paragraph(body, "Normal", &image(&id, dice));
    }
    if !content.title.is_empty() {
        paragraph(body, "Title", &run(&content.title));
    }
    if !content.author.is_empty() && dice.below(2) == 0 {
        let form = ["%d %B %Y", "%B %-d, %Y", "%Y-%m-%d", "%d.%m.%Y"][dice.below(4)];
        let line = format!(
            "{}, {}",
            content.author,
            super::moment(content.modified, form)
        );
        paragraph(body, "TextBody", &run(&line));
    }
}

/// A linked picture in the line, of a logo's size.
pub(super) fn image(id: &str, dice: &mut Dice<'_>) -> String {
    let side = dice.between(24, 90) * 9525;
    let number = dice.between(1, 9);
    format!(
        "<w:r><w:rPr></w:rPr><w:drawing>\
         <wp:inline xmlns:wp=\"{DRAWING}/wordprocessingDrawing\" distT=\"0\" distB=\"0\" distL=\"0\" distR=\"0\">\
         <wp:extent cx=\"{side}\" cy=\"{side}\"/><wp:effectExtent l=\"0\" t=\"0\" r=\"0\" b=\"0\"/>\
         <wp:docPr id=\"{number}\" name=\"Image{number}\" descr=\"\"></wp:docPr><wp:cNvGraphicFramePr>\
         <a:graphicFrameLocks xmlns:a=\"{DRAWING}/main\" noChangeAspect=\"1\"/></wp:cNvGraphicFramePr>\
         <a:graphic xmlns:a=\"{DRAWING}/main\"><a:graphicData uri=\"{DRAWING}/picture\">\
         <pic:pic xmlns:pic=\"{DRAWING}/picture\"><pic:nvPicPr>\
         <pic:cNvPr id=\"{number}\" name=\"Image{number}\" descr=\"\"></pic:cNvPr>\
         <pic:cNvPicPr><a:picLocks noChangeAspect=\"1\" noChangeArrowheads=\"1\"/></pic:cNvPicPr></pic:nvPicPr>\
         <pic:blipFill><a:blip xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\" \
         r:link=\"{id}\"></a:blip><a:stretch><a:fillRect/></a:stretch></pic:blipFill>\
         <pic:spPr bwMode=\"auto\"><a:xfrm><a:off x=\"0\" y=\"0\"/><a:ext cx=\"{side}\" cy=\"{side}\"/></a:xfrm>\
         <a:prstGeom prst=\"rect\"><a:avLst/></a:prstGeom></pic:spPr></pic:pic></a:graphicData></a:graphic>\
         </wp:inline></w:drawing></w:r>"
    )
}

fn run(text: &str) -> String {
    format!(
        "<w:r><w:rPr></w:rPr><w:t xml:space=\"preserve\">{}</w:t></w:r>",
        escape(text)
    )
}

fn paragraph(body: &mut String, style: &str, runs: &str) {
    let _ = write!(
        body,
        "<w:p><w:pPr><w:pStyle w:val=\"{style}\"/><w:bidi w:val=\"0\"/><w:jc w:val=\"left\"/>\
         <w:rPr></w:rPr></w:pPr>{runs}</w:p>"
    );
}

fn table(body: &mut String, head: &[String], rows: &[Vec<String>], look: &Look) {
    let columns = head.len().max(1);
    let width = look.width() as usize / columns;
    let line = |side: &str| {
        if look.borders {
            format!("<w:{side} w:val=\"single\" w:sz=\"4\" w:space=\"0\" w:color=\"000000\"/>")
        } else {
            String::new()
        }
    };
    let borders: String = ["top", "left", "bottom", "right"].map(line).concat();
    let _ = write!(
        body,
        "<w:tbl><w:tblPr><w:tblW w:w=\"{}\" w:type=\"dxa\"/><w:jc w:val=\"left\"/>\
         <w:tblInd w:w=\"0\" w:type=\"dxa\"/><w:tblLayout w:type=\"fixed\"/><w:tblCellMar>\
         <w:top w:w=\"55\" w:type=\"dxa\"/><w:left w:w=\"55\" w:type=\"dxa\"/><w:bottom w:w=\"55\" w:type=\"dxa\"/>\
         <w:right w:w=\"55\" w:type=\"dxa\"/></w:tblCellMar></w:tblPr><w:tblGrid>",
        width * columns
    );
    for _ in 0..columns {
        let _ = write!(body, "<w:gridCol w:w=\"{width}\"/>");
    }
    body.push_str("</w:tblGrid>");
    for (nth, row) in std::iter::once(head)
        .chain(rows.iter().map(Vec::as_slice))
        .enumerate()
    {
        body.push_str("<w:tr><w:trPr></w:trPr>");
        for column in 0..columns {
            let _ = write!(
                body,
                "<w:tc><w:tcPr><w:tcW w:w=\"{width}\" w:type=\"dxa\"/><w:tcBorders>{borders}</w:tcBorders></w:tcPr>"
            );
            let style = if nth == 0 {
                "TableHeading"
            } else {
                "TableContents"
            };
            paragraph(
                body,
                style,
                &run(row.get(column).map_or("", String::as_str)),
            );
            body.push_str("</w:tc>");
        }
        body.push_str("</w:tr>");
    }
    body.push_str("</w:tbl>");
    paragraph(body, "TextBody", "<w:r><w:rPr></w:rPr></w:r>");
}

fn section(body: &mut String, look: &Look, footer: Option<&str>) {
    let reference = footer.map_or(String::new(), |id| {
        format!("<w:footerReference w:type=\"default\" r:id=\"{id}\"/>")
    });
    let ((width, height), margin) = (look.page, look.margin);
    let _ = write!(
        body,
        "<w:sectPr>{reference}<w:type w:val=\"nextPage\"/><w:pgSz w:w=\"{width}\" w:h=\"{height}\"/>\
         <w:pgMar w:left=\"{margin}\" w:right=\"{margin}\" w:gutter=\"0\" w:header=\"0\" w:top=\"{margin}\" \
         w:footer=\"{}\" w:bottom=\"{margin}\"/><w:pgNumType w:fmt=\"decimal\"/><w:formProt w:val=\"false\"/>\
         <w:textDirection w:val=\"lrTb\"/><w:docGrid w:type=\"default\" w:linePitch=\"{}\" w:charSpace=\"0\"/></w:sectPr>",
        if footer.is_some() { margin / 2 } else { 0 },
        look.line + 60,
    );
}

fn document(body: &str) -> String {
    let office = "urn:schemas-microsoft-com";
    let microsoft = "http://schemas.microsoft.com/office/word";
    format!(
        "{HEAD}<w:document xmlns:o=\"{office}:office:office\" \
         xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\" \
         xmlns:v=\"{office}:vml\" xmlns:w=\"{W}\" xmlns:w10=\"{office}:office:word\" \
         xmlns:wp=\"{DRAWING}/wordprocessingDrawing\" xmlns:wps=\"{microsoft}/2010/wordprocessingShape\" \
         xmlns:wpg=\"{microsoft}/2010/wordprocessingGroup\" \
         xmlns:mc=\"http://schemas.openxmlformats.org/markup-compatibility/2006\" \
         xmlns:wp14=\"{microsoft}/2010/wordprocessingDrawing\" xmlns:w14=\"{microsoft}/2010/wordml\" \
         xmlns:w15=\"{microsoft}/2012/wordml\" mc:Ignorable=\"w14 wp14 w15\"><w:body>{body}</w:body></w:document>"
    )
}

fn styles(look: &Look) -> String {
    let base = base(look, "");
    let mut out = format!(
        "{HEAD}<w:styles xmlns:w=\"{W}\" xmlns:w14=\"http://schemas.microsoft.com/office/word/2010/wordml\" \
         xmlns:mc=\"http://schemas.openxmlformats.org/markup-compatibility/2006\" mc:Ignorable=\"w14\">\
         <w:docDefaults><w:rPrDefault><w:rPr>{base}</w:rPr></w:rPrDefault><w:pPrDefault><w:pPr>\
         <w:suppressAutoHyphens w:val=\"true\"/></w:pPr></w:pPrDefault></w:docDefaults>"
    );
    for (id, name, parent, next, paragraph, run) in style_list(look) {
        let named = |tag: &str, of: &str| match of {
            "" => String::new(),
            of => format!("<w:{tag} w:val=\"{of}\"/>"),
        };
        let _ = write!(
            out,
            "<w:style w:type=\"paragraph\" w:styleId=\"{id}\"><w:name w:val=\"{name}\"/>{}{}<w:qFormat/>\
             <w:pPr>{paragraph}</w:pPr><w:rPr>{run}</w:rPr></w:style>",
            named("basedOn", parent),
            named("next", next),
        );
    }
    out + "<w:style w:type=\"character\" w:styleId=\"InternetLink\"><w:name w:val=\"Hyperlink\"/><w:rPr>\
           <w:color w:val=\"000080\"/><w:u w:val=\"single\"/></w:rPr></w:style></w:styles>"
}

fn font(name: &str) -> String {
    format!(
        "<w:rFonts w:ascii=\"{name}\" w:hAnsi=\"{name}\" w:eastAsia=\"DejaVu Sans\" w:cs=\"DejaVu Sans\"/>"
    )
}

fn sized(size: usize) -> String {
    format!("<w:sz w:val=\"{size}\"/><w:szCs w:val=\"{size}\"/>")
}

/// What every text has unless its style says otherwise.
fn base(look: &Look, colour: &str) -> String {
    format!(
        "{}{colour}<w:kern w:val=\"2\"/>{}<w:lang w:val=\"en-US\" w:eastAsia=\"zh-CN\" w:bidi=\"hi-IN\"/>",
        font(look.body.0),
        sized(look.size)
    )
}

/// A style: id, name, parent, what follows it, properties of paragraph and text.
type Style = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    String,
    String,
);

fn style_list(look: &Look) -> Vec<Style> {
    let (line, after, colour) = (look.line, look.after, look.colour);
    let strong =
        |size: usize| format!("<w:b/><w:bCs/><w:color w:val=\"{colour}\"/>{}", sized(size));
    let heads = format!("{}{}", font(look.heads.0), sized(look.head_size));
    let plain = base(look, "<w:color w:val=\"auto\"/>");
    let spaced = format!(
        "<w:spacing w:lineRule=\"auto\" w:line=\"{line}\" w:before=\"0\" w:after=\"{after}\"/>"
    );
    let apart = "<w:spacing w:before=\"240\" w:after=\"120\"/>";
    let mute = "<w:suppressLineNumbers/>".to_owned();
    let top = format!("{apart}<w:outlineLvl w:val=\"0\"/>");
    let keep = format!("<w:keepNext w:val=\"true\"/>{apart}");
    let caption = format!("{mute}<w:spacing w:before=\"120\" w:after=\"120\"/>");
    let slanted = format!("<w:i/><w:iCs/>{}", sized(look.size));
    let cell = format!("<w:widowControl w:val=\"false\"/>{mute}");
    let none = String::new;
    vec![
        (
            "Normal",
            "Normal",
            "",
            "",
            "<w:widowControl/><w:bidi w:val=\"0\"/>".to_owned(),
            plain,
        ),
        (
            "Heading1",
            "Heading 1",
            "Heading",
            "TextBody",
            top,
            strong(look.head_size),
        ),
        ("Heading", "Heading", "Normal", "TextBody", keep, heads),
        ("TextBody", "Body Text", "Normal", "", spaced, none()),
        ("List", "List", "TextBody", "", none(), none()),
        ("Caption", "Caption", "Normal", "", caption, slanted),
        ("Index", "Index", "Normal", "", mute.clone(), none()),
        (
            "Title",
            "Title",
            "Heading",
            "TextBody",
            "<w:jc w:val=\"left\"/>".to_owned(),
            strong(look.head_size + 12),
        ),
        (
            "TableContents",
            "Table Contents",
            "Normal",
            "",
            cell,
            none(),
        ),
        (
            "TableHeading",
            "Table Heading",
            "TableContents",
            "",
            mute.clone(),
            "<w:b/><w:bCs/>".to_owned(),
        ),
        ("Footer", "Footer", "Normal", "", mute, none()),
    ]
}

fn footer_part(content: &Content, dice: &mut Dice<'_>) -> String {
    let owner = if content.company.is_empty() {
        &content.author
    } else {
        &content.company
    };
    let words = [
        "internal",
        "confidential",
        "for internal use",
        "draft",
        "do not forward",
    ];
    let words = dice.pick(&words).copied().unwrap_or("internal");
    let mut out = format!(
        "{HEAD}<w:ftr xmlns:w=\"{W}\" \
         xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\">"
    );
    paragraph(&mut out, "Footer", &run(&format!("{owner} - {words}")));
    out + "</w:ftr>"
}

fn font_table(look: &Look) -> String {
    let mut out = format!(
        "{HEAD}<w:fonts xmlns:w=\"{W}\" \
         xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\">"
    );
    let mut known = vec![
        ("Times New Roman", "", "roman"),
        ("Symbol", "", "roman"),
        ("Arial", "", "swiss"),
    ];
    for font in [look.body, look.heads] {
        if known.iter().all(|(name, _, _)| *name != font.0) {
            known.push(font);
        }
    }
    for (name, other, family) in known {
        let charset = match (name, other) {
            ("Symbol", _) => "02",
            (_, "") => "00",
            _ => "01",
        };
        let other = if other.is_empty() {
            String::new()
        } else {
            format!("<w:altName w:val=\"{other}\"/>")
        };
        let _ = write!(
            out,
            "<w:font w:name=\"{name}\">{other}<w:charset w:val=\"{charset}\"/><w:family w:val=\"{family}\"/>\
             <w:pitch w:val=\"variable\"/></w:font>"
        );
    }
    out + "</w:fonts>"
}

/// Settings, and their relationships if the document was made from a template.
fn settings(content: &Content, dice: &mut Dice<'_>) -> (String, Option<Relationships>) {
    let mut links = Relationships::default();
    let template = content.load("template").map(|address| {
        let id = links.outside("attachedTemplate", address);
        format!(
            "<w:attachedTemplate xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\" \
             r:id=\"{id}\"/>"
        )
    });
    let zoom = [80, 90, 100, 100, 110, 120, 140][dice.below(7)] + dice.below(4);
    let stop = [708, 709, 720, 567, 1134][dice.below(5)];
    let xml = format!(
        "{HEAD}<w:settings xmlns:w=\"{W}\"><w:zoom w:percent=\"{zoom}\"/>{}<w:defaultTabStop w:val=\"{stop}\"/>\
         <w:autoHyphenation w:val=\"true\"/><w:compat><w:compatSetting w:name=\"compatibilityMode\" \
         w:uri=\"http://schemas.microsoft.com/office/word\" w:val=\"15\"/></w:compat></w:settings>",
        template.as_deref().unwrap_or_default(),
    );
    let links = template.is_some().then_some(links);
    (xml, links)
}
