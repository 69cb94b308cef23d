//! Presentations (ECMA-376 part 1, section 19), in the words of LibreOffice Impress. The beacon is an
//! image that is linked, not embedded, or a link.

use std::fmt::Write as _;

use super::opc::{HEAD, Package, Relationships, escape};
use super::{Artifact, Block, Content};
use crate::dice::Dice;

pub(crate) const PPTX: Artifact = Artifact {
    name: "pptx",
    means: &["image", "link"],
    write,
};

const A: &str = "http://schemas.openxmlformats.org/drawingml/2006/main";
const R: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const P: &str = "http://schemas.openxmlformats.org/presentationml/2006/main";
const TYPES: &[(&str, &str)] = &[
    ("ppt/presentation.xml", "presentationml.presentation.main"),
    ("ppt/slideMasters/", "presentationml.slideMaster"),
    ("ppt/slideLayouts/", "presentationml.slideLayout"),
    ("ppt/slides/", "presentationml.slide"),
    ("ppt/presProps.xml", "presentationml.presProps"),
    ("ppt/theme/", "theme"),
];
const FONTS: &[&str] = &[
    "Arial",
    "Liberation Sans",
    "Calibri",
    "Carlito",
    "Open Sans",
    "Segoe UI",
    "DejaVu Sans",
];
const INKS: &[&str] = &["000000", "1f497d", "333333", "262626", "244061", "3b3838"];
const ACCENTS: &[&str] = &[
    "4f81bd", "c0504d", "9bbb59", "8064a2", "4bacc6", "f79646", "18a303", "0369a3", "a33e03",
    "8e03a3", "c99c00", "c9211e",
];
/// Sizes of a slide: 16:9 and 4:3.
const SIZES: &[(usize, usize)] = &[
    (10_080_625, 5_670_550),
    (10_080_625, 7_559_675),
    (12_192_000, 6_858_000),
];

struct Look {
    font: &'static str,
    ink: &'static str,
    size: (usize, usize),
    title: usize,
    text: usize,
}

/// What stands on one slide.
#[derive(Default)]
struct Slide {
    title: String,
    lines: Vec<String>,
}

fn write(content: &Content, dice: &mut Dice<'_>) -> Vec<u8> {
    let look = Look {
        font: dice.pick(FONTS).copied().unwrap_or("Arial"),
        ink: dice.pick(INKS).copied().unwrap_or("000000"),
        size: dice.pick(SIZES).copied().unwrap_or(SIZES[0]),
        title: dice.between(32, 44) * 100,
        text: dice.between(16, 24) * 100,
    };
    let slides = slides(content);
    let layouts = [
        ("blank", "Blank Slide"),
        ("tx", "Title Slide"),
        ("obj", "Title, Content"),
    ];
    let mut deck = Relationships::default();
    deck.part("theme", "theme/theme1.xml");
    deck.part("slideMaster", "slideMasters/slideMaster1.xml");
    for nth in 1..=slides.len() {
        deck.part("slide", &format!("slides/slide{nth}.xml"));
    }
    deck.part("presProps", "presProps.xml");
    let mut master = Relationships::default();
    master.part("theme", "../theme/theme1.xml");
    for nth in 1..=layouts.len() {
        master.part(
            "slideLayout",
            &format!("../slideLayouts/slideLayout{nth}.xml"),
        );
    }

    let mut package = Package::default();
    package.root(&[
        ("core", "docProps/core.xml"),
        ("extended-properties", "docProps/app.xml"),
        ("officeDocument", "ppt/presentation.xml"),
    ]);
    package.properties(content, dice);
    package.add("ppt/presentation.xml", presentation(slides.len(), &look));
    package.add("ppt/slideMasters/_rels/slideMaster1.xml.rels", master.xml());
    package.add(
        "ppt/slideMasters/slideMaster1.xml",
        master_part(&look, layouts.len(), dice),
    );
    package.add("ppt/theme/theme1.xml", theme(&look, dice));
    package.add("ppt/_rels/presentation.xml.rels", deck.xml());
    for (nth, (kind, name)) in layouts.iter().enumerate() {
        let mut links = Relationships::default();
        links.part("slideMaster", "../slideMasters/slideMaster1.xml");
        let number = nth + 1;
        package.add(
            format!("ppt/slideLayouts/slideLayout{number}.xml"),
            layout(kind, name, &look, dice),
        );
        package.add(
            format!("ppt/slideLayouts/_rels/slideLayout{number}.xml.rels"),
            links.xml(),
        );
    }
    package.add("ppt/presProps.xml", pres_props());
    for (nth, slide) in slides.iter().enumerate() {
        let mut links = Relationships::default();
        links.part(
            "slideLayout",
            &format!(
                "../slideLayouts/slideLayout{}.xml",
                if nth == 0 { 2 } else { 3 }
            ),
        );
        let xml = slide_part(slide, nth == 0, content, &look, &mut links, dice);
        package.add(
            format!("ppt/slides/_rels/slide{}.xml.rels", nth + 1),
            links.xml(),
        );
        package.add(format!("ppt/slides/slide{}.xml", nth + 1), xml);
    }
    package.finish(TYPES, content)
}

/// A slide for the title and one for each heading; tables become lines.
fn slides(content: &Content) -> Vec<Slide> {
    let mut slides = vec![Slide {
        title: content.title.clone(),
        lines: [&content.author, &content.company]
            .into_iter()
            .filter(|text| !text.is_empty())
            .cloned()
            .collect(),
    }];
    for block in &content.blocks {
        match block {
            Block::Heading(title) => slides.push(Slide {
                title: title.clone(),
                lines: Vec::new(),
            }),
            Block::Text(text) => slides
                .last_mut()
                .into_iter()
                .for_each(|slide| slide.lines.push(text.clone())),
            Block::Table(_, rows) => {
                let lines = rows.iter().take(9).map(|row| row.join("  "));
                slides
                    .last_mut()
                    .into_iter()
                    .for_each(|slide| slide.lines.extend(lines.clone()));
            }
        }
    }
    slides
}

fn root(tag: &str, more: &str) -> String {
    let microsoft = "http://schemas.microsoft.com/office/powerpoint";
    format!(
        "{HEAD}<p:{tag} xmlns:a=\"{A}\" xmlns:p=\"{P}\" xmlns:r=\"{R}\" xmlns:p14=\"{microsoft}/2010/main\" \
         xmlns:p15=\"{microsoft}/2012/main\" xmlns:mc=\"http://schemas.openxmlformats.org/markup-compatibility/2006\"{more}>"
    )
}

fn presentation(slides: usize, look: &Look) -> String {
    let mut out = root("presentation", "");
    out += "<p:sldMasterIdLst><p:sldMasterId id=\"2147483648\" r:id=\"rId2\"/></p:sldMasterIdLst><p:sldIdLst>";
    for nth in 0..slides {
        let _ = write!(
            out,
            "<p:sldId id=\"{}\" r:id=\"rId{}\"/>",
            256 + nth,
            nth + 3
        );
    }
    let (width, height) = look.size;
    let _ = write!(
        out,
        "</p:sldIdLst><p:sldSz cx=\"{width}\" cy=\"{height}\"/><p:notesSz cx=\"7559675\" cy=\"10691813\"/></p:presentation>"
    );
    out
}

fn pres_props() -> String {
    format!(
        "{HEAD}<p:presentationPr xmlns:a=\"{A}\" xmlns:r=\"{R}\" xmlns:p=\"{P}\"><p:showPr showNarration=\"1\"></p:showPr></p:presentationPr>"
    )
}

/// The head every tree of shapes has.
const TREE: &str = "<p:spTree><p:nvGrpSpPr>        <p:cNvPr id=\"1\" name=\"\"/>        <p:cNvGrpSpPr/>        \
    <p:nvPr/>      </p:nvGrpSpPr>      <p:grpSpPr>        <a:xfrm>          <a:off x=\"0\" y=\"0\"/>          \
    <a:ext cx=\"0\" cy=\"0\"/>          <a:chOff x=\"0\" y=\"0\"/>          <a:chExt cx=\"0\" cy=\"0\"/>        \
    </a:xfrm>      </p:grpSpPr>";

/// A placeholder for title or body with these lines; `id` is its number on the page.
fn holder(id: usize, kind: &str, lines: &[String], look: &Look) -> String {
    let (width, height) = look.size;
    let (left, wide) = (width / 20, width * 9 / 10);
    let title = kind.contains("title");
    let (top, tall) = if title {
        (height / 25, height / 6)
    } else {
        (height * 6 / 25, height * 29 / 50)
    };
    let size = if title { look.title } else { look.text };
    let (font, ink) = (look.font, look.ink);
    let properties = |tag: &str| {
        format!(
            "<a:{tag} b=\"0\" lang=\"en-US\" sz=\"{size}\" spc=\"-1\" strike=\"noStrike\"><a:solidFill>\
             <a:srgbClr val=\"{ink}\"/></a:solidFill><a:latin typeface=\"{font}\"/></a:{tag}>"
        )
    };
    let mut text = String::new();
    for line in lines {
        let _ = write!(
            text,
            "<a:p><a:pPr indent=\"0\"><a:buNone/></a:pPr><a:r>{}<a:t>{}</a:t></a:r>{}</a:p>",
            properties("rPr"),
            escape(line),
            properties("endParaRPr"),
        );
    }
    if lines.is_empty() {
        let _ = write!(
            text,
            "<a:p><a:pPr indent=\"0\"><a:buNone/></a:pPr>{}</a:p>",
            properties("endParaRPr")
        );
    }
    let anchor = if title { "ctr" } else { "t" };
    format!(
        "<p:sp><p:nvSpPr><p:cNvPr id=\"{id}\" name=\"PlaceHolder {}\"/><p:cNvSpPr><a:spLocks noGrp=\"1\"/></p:cNvSpPr>\
         <p:nvPr><p:ph{kind}/></p:nvPr></p:nvSpPr><p:spPr><a:xfrm><a:off x=\"{left}\" y=\"{top}\"/>\
         <a:ext cx=\"{wide}\" cy=\"{tall}\"/></a:xfrm><a:prstGeom prst=\"rect\"><a:avLst/></a:prstGeom><a:noFill/>\
         <a:ln w=\"0\"><a:noFill/></a:ln></p:spPr><p:txBody><a:bodyPr lIns=\"0\" rIns=\"0\" tIns=\"0\" bIns=\"0\" \
         anchor=\"{anchor}\"><a:normAutofit/></a:bodyPr>{text}</p:txBody></p:sp>",
        id - 1,
    )
}

fn master_part(look: &Look, layouts: usize, dice: &mut Dice<'_>) -> String {
    let outline = [
        "Click to edit the outline text format",
        "Second Outline Level",
        "Third Outline Level",
    ];
    let outline: Vec<String> = outline[..dice.between(1, 3)]
        .iter()
        .map(|text| (*text).to_owned())
        .collect();
    let mut out = root("sldMaster", "");
    let _ = write!(
        out,
        "<p:cSld>{TREE}{}{}</p:spTree></p:cSld><p:clrMap bg1=\"lt1\" tx1=\"dk1\" bg2=\"lt2\" tx2=\"dk2\" accent1=\"accent1\" \
         accent2=\"accent2\" accent3=\"accent3\" accent4=\"accent4\" accent5=\"accent5\" accent6=\"accent6\" hlink=\"hlink\" \
         folHlink=\"folHlink\"/><p:sldLayoutIdLst>",
        holder(
            2,
            " type=\"title\"",
            &["Click to edit the title text format".to_owned()],
            look
        ),
        holder(3, " type=\"body\"", &outline, look),
    );
    for nth in 0..layouts {
        let _ = write!(
            out,
            "<p:sldLayoutId id=\"{}\" r:id=\"rId{}\"/>",
            2_147_483_649_usize + nth,
            nth + 2
        );
    }
    out + "</p:sldLayoutIdLst></p:sldMaster>"
}

fn layout(kind: &str, name: &str, look: &Look, dice: &mut Dice<'_>) -> String {
    let mut out = root("sldLayout", &format!(" type=\"{kind}\" preserve=\"1\""));
    let id: [u8; 16] = dice.bytes();
    let id = uuid::Builder::from_random_bytes(id).into_uuid();
    let holders = match kind {
        "blank" => String::new(),
        "tx" => {
            holder(2, " type=\"title\"", &[], look) + &holder(3, " type=\"subTitle\"", &[], look)
        }
        _ => holder(2, " type=\"title\"", &[], look) + &holder(3, "", &[], look),
    };
    let _ = write!(
        out,
        "<p:cSld name=\"{name}\">{TREE}{holders}<p:sp><p:nvSpPr><p:cNvPr id=\"4\" name=\"PlaceHolder 3\"/><p:cNvSpPr>\
         <a:spLocks noGrp=\"1\"/></p:cNvSpPr><p:nvPr><p:ph type=\"sldNum\" idx=\"3\"/></p:nvPr></p:nvSpPr><p:spPr></p:spPr>\
         <p:txBody><a:bodyPr/><a:p><a:fld id=\"{{{}}}\" type=\"slidenum\"><a:t>&lt;#&gt;</a:t></a:fld></a:p></p:txBody></p:sp>\
         </p:spTree></p:cSld></p:sldLayout>",
        id.to_string().to_uppercase(),
    );
    out
}

fn slide_part(
    slide: &Slide,
    first: bool,
    content: &Content,
    look: &Look,
    links: &mut Relationships,
    dice: &mut Dice<'_>,
) -> String {
    let mut out = root("sld", "");
    let body = if first { " type=\"subTitle\"" } else { "" };
    let _ = write!(
        out,
        "<p:cSld>{TREE}{}{}",
        holder(
            2,
            " type=\"title\"",
            std::slice::from_ref(&slide.title),
            look
        ),
        holder(3, body, &slide.lines, look),
    );
    if let Some(address) = content.load("image").filter(|_| first) {
        let id = links.outside("image", address);
        out += &picture(&id, 4, look.size, dice);
    }
    if let Some(address) = content.load("link").filter(|_| first) {
        let id = links.outside("hyperlink", address);
        let words = ["Source", "Details", "Working copy", "Full report"];
        let words = dice.pick(&words).copied().unwrap_or("Source");
        let _ = write!(
            out,
            "<p:sp><p:nvSpPr><p:cNvPr id=\"5\" name=\"\"></p:cNvPr><p:cNvSpPr txBox=\"1\"/><p:nvPr/></p:nvSpPr><p:spPr>\
             <a:xfrm><a:off x=\"{}\" y=\"{}\"/><a:ext cx=\"2880000\" cy=\"360000\"/></a:xfrm><a:prstGeom prst=\"rect\">\
             <a:avLst/></a:prstGeom><a:noFill/></p:spPr><p:txBody><a:bodyPr/><a:p><a:r><a:rPr lang=\"en-US\" sz=\"1400\">\
             <a:hlinkClick r:id=\"{id}\"/></a:rPr><a:t>{words}</a:t></a:r></a:p></p:txBody></p:sp>",
            look.size.0 / 20,
            look.size.1 * 22 / 25,
        );
    }
    out + "</p:spTree></p:cSld></p:sld>"
}

/// A linked picture in the lower right corner.
pub(super) fn picture(link: &str, id: usize, size: (usize, usize), dice: &mut Dice<'_>) -> String {
    let side = dice.between(30, 90) * 9525;
    let left = size.0.saturating_sub(side + dice.between(100_000, 500_000));
    let top = size.1.saturating_sub(side + dice.between(100_000, 400_000));
    format!(
        "<p:pic xmlns:p=\"{P}\" xmlns:a=\"{A}\" xmlns:r=\"{R}\"><p:nvPicPr><p:cNvPr id=\"{id}\" name=\"\" descr=\"\"></p:cNvPr>\
         <p:cNvPicPr/><p:nvPr/></p:nvPicPr><p:blipFill><a:blip r:link=\"{link}\"></a:blip><a:stretch><a:fillRect/></a:stretch></p:blipFill>\
         <p:spPr><a:xfrm><a:off x=\"{left}\" y=\"{top}\"/><a:ext cx=\"{side}\" cy=\"{side}\"/></a:xfrm><a:prstGeom prst=\"rect\">\
         <a:avLst/></a:prstGeom><a:ln w=\"0\"><a:noFill/></a:ln></p:spPr></p:pic>"
    )
}

fn theme(look: &Look, dice: &mut Dice<'_>) -> String {
    let mut out = format!(
        "{HEAD}<a:theme xmlns:a=\"{A}\" name=\"Office Theme\"><a:themeElements><a:clrScheme name=\"Office\">\
         <a:dk1><a:srgbClr val=\"{}\"/></a:dk1><a:lt1><a:srgbClr val=\"ffffff\"/></a:lt1>\
         <a:dk2><a:srgbClr val=\"1f497d\"/></a:dk2><a:lt2><a:srgbClr val=\"eeece1\"/></a:lt2>",
        look.ink
    );
    for nth in 1..=6 {
        let colour = dice.pick(ACCENTS).copied().unwrap_or("4f81bd");
        let _ = write!(
            out,
            "<a:accent{nth}><a:srgbClr val=\"{colour}\"/></a:accent{nth}>"
        );
    }
    let font = format!(
        "<a:latin typeface=\"{}\"/><a:ea typeface=\"DejaVu Sans\"/><a:cs typeface=\"DejaVu Sans\"/>",
        look.font
    );
    let fill = "<a:solidFill><a:schemeClr val=\"phClr\"/></a:solidFill>";
    let line = |width: usize| {
        format!(
            "<a:ln w=\"{width}\" cap=\"flat\" cmpd=\"sng\" algn=\"ctr\">{fill}<a:prstDash val=\"solid\"/><a:miter/></a:ln>"
        )
    };
    let effect = "<a:effectStyle><a:effectLst/></a:effectStyle>";
    let _ = write!(
        out,
        "<a:hlink><a:srgbClr val=\"0000ff\"/></a:hlink><a:folHlink><a:srgbClr val=\"800080\"/></a:folHlink></a:clrScheme>\
         <a:fontScheme name=\"Office\"><a:majorFont>{font}</a:majorFont><a:minorFont>{font}</a:minorFont></a:fontScheme>\
         <a:fmtScheme name=\"Office\"><a:fillStyleLst>{}</a:fillStyleLst><a:lnStyleLst>{}{}{}</a:lnStyleLst>\
         <a:effectStyleLst>{}</a:effectStyleLst><a:bgFillStyleLst>{}</a:bgFillStyleLst></a:fmtScheme></a:themeElements></a:theme>",
        fill.repeat(3),
        line(6350),
        line(12_700),
        line(19_050),
        effect.repeat(3),
        fill.repeat(3),
    );
    out
}
