//! Spreadsheets (ECMA-376 part 1, section 18), in the words of LibreOffice Calc. The beacon is an image
//! that is linked, not embedded, or the link of a cell.

use std::fmt::Write as _;

use super::opc::{HEAD, Package, Relationships, escape};
use super::{Artifact, Block, Content};
use crate::dice::Dice;

pub(crate) const XLSX: Artifact = Artifact {
    name: "xlsx",
    means: &["image", "link"],
    write,
};

const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const R: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const DRAWING: &str = "http://schemas.openxmlformats.org/drawingml/2006";
const TYPES: &[(&str, &str)] = &[
    ("xl/workbook.xml", "spreadsheetml.sheet.main"),
    ("xl/styles.xml", "spreadsheetml.styles"),
    ("xl/worksheets/sheet", "spreadsheetml.worksheet"),
    ("xl/sharedStrings.xml", "spreadsheetml.sharedStrings"),
    ("xl/drawings/drawing", "drawing"),
];
const FONTS: &[&str] = &[
    "Arial",
    "Arial",
    "Calibri",
    "Liberation Sans",
    "Carlito",
    "Segoe UI",
    "Verdana",
];
const FILLS: &[&str] = &[
    "FFDDDDDD", "FFB4C7DC", "FFDEE6EF", "FFFFF2CC", "FFE2EFDA", "FFD9E1F2", "FFF8CBAD",
];

/// Strings of all sheets, each once.
#[derive(Default)]
struct Strings(Vec<String>, usize);

impl Strings {
    fn add(&mut self, text: &str) -> usize {
        self.1 += 1;
        if let Some(at) = self.0.iter().position(|known| known == text) {
            return at;
        }
        self.0.push(text.to_owned());
        self.0.len() - 1
    }

    fn xml(&self) -> String {
        let mut out = format!(
            "{HEAD}<sst xmlns=\"{MAIN}\" count=\"{}\" uniqueCount=\"{}\">",
            self.1,
            self.0.len()
        );
        for text in &self.0 {
            let _ = write!(
                out,
                "<si><t xml:space=\"preserve\">{}</t></si>",
                escape(text)
            );
        }
        out + "</sst>"
    }
}

/// One sheet: its name, its cells, and how many head lines it has.
struct Sheet {
    name: String,
    rows: Vec<Vec<String>>,
    head: usize,
}

fn write(content: &Content, dice: &mut Dice<'_>) -> Vec<u8> {
    let sheets = sheets(content, dice);
    let mut strings = Strings::default();
    let mut book = Relationships::default();
    book.part("styles", "styles.xml");
    let mut parts = Vec::new();
    for (nth, sheet) in sheets.iter().enumerate() {
        let number = nth + 1;
        book.part("worksheet", &format!("worksheets/sheet{number}.xml"));
        parts.push(sheet_part(sheet, nth == 0, content, &mut strings, dice));
    }
    if !strings.0.is_empty() {
        book.part("sharedStrings", "sharedStrings.xml");
    }
    let mut package = Package::default();
    package.root(&[
        ("officeDocument", "xl/workbook.xml"),
        ("core", "docProps/core.xml"),
        ("extended-properties", "docProps/app.xml"),
    ]);
    package.add("xl/workbook.xml", workbook(&sheets, dice));
    package.add("xl/styles.xml", styles(dice));
    for (nth, (xml, links, drawing)) in parts.into_iter().enumerate() {
        let number = nth + 1;
        package.add(format!("xl/worksheets/sheet{number}.xml"), xml);
        if let Some(links) = links {
            package.add(
                format!("xl/worksheets/_rels/sheet{number}.xml.rels"),
                links.xml(),
            );
        }
        if let Some((xml, links)) = drawing {
            package.add("xl/drawings/_rels/drawing1.xml.rels", links.xml());
            package.add("xl/drawings/drawing1.xml", xml);
        }
    }
    package.add("xl/_rels/workbook.xml.rels", book.xml());
    package.add("xl/sharedStrings.xml", strings.xml());
    package.properties(content, dice);
    package.finish(TYPES, content)
}

/// A sheet for each heading; tables and paragraphs below one another.
fn sheets(content: &Content, dice: &mut Dice<'_>) -> Vec<Sheet> {
    let first = ["Sheet1", "Overview", "Data", "Export", "List", "Current"];
    let mut sheets = vec![Sheet {
        name: dice.pick(&first).copied().unwrap_or("Sheet1").to_owned(),
        rows: Vec::new(),
        head: 0,
    }];
    for block in &content.blocks {
        let last = sheets.len() - 1;
        match block {
            Block::Heading(name) => {
                let name: String = name
                    .chars()
                    .filter(|c| !"[]*?:/\\'".contains(*c) && !c.is_control())
                    .take(31)
                    .collect();
                if sheets[last].rows.is_empty() {
                    sheets[last].name = name;
                } else if sheets.iter().all(|sheet| sheet.name != name) {
                    sheets.push(Sheet {
                        name,
                        rows: Vec::new(),
                        head: 0,
                    });
                }
            }
            Block::Text(text) => sheets[last].rows.push(vec![text.clone()]),
            Block::Table(head, rows) => {
                sheets[last].head = sheets[last].rows.len() + 1;
                sheets[last].rows.push(head.clone());
                sheets[last].rows.extend(rows.iter().cloned());
            }
        }
    }
    sheets.retain(|sheet| !sheet.rows.is_empty());
    if sheets.is_empty() {
        sheets.push(Sheet {
            name: "Sheet1".to_owned(),
            rows: vec![vec![content.title.clone()]],
            head: 0,
        });
    }
    sheets
}

type SheetPart = (
    String,
    Option<Relationships>,
    Option<(String, Relationships)>,
);

fn sheet_part(
    sheet: &Sheet,
    first: bool,
    content: &Content,
    strings: &mut Strings,
    dice: &mut Dice<'_>,
) -> SheetPart {
    let columns = sheet.rows.iter().map(Vec::len).max().unwrap_or(1).max(1);
    let mut links = Relationships::default();
    let height = [12.8, 13.8, 15.0, 14.5][dice.below(4)];
    let mut out = sheet_head(sheet, first, columns, height, dice);
    out.push_str("<sheetData>");
    for (nth, row) in sheet.rows.iter().enumerate() {
        let number = nth + 1;
        let _ = write!(
            out,
            "<row r=\"{number}\" customFormat=\"false\" ht=\"{height}\" hidden=\"false\" customHeight=\"false\" \
             outlineLevel=\"0\" collapsed=\"false\">"
        );
        for (column, cell) in row.iter().enumerate() {
            let style = usize::from(number == sheet.head);
            let place = format!("{}{number}", letters(column));
            let number_cell = style == 0
                && cell.len() < 12
                && cell.parse::<f64>().is_ok_and(f64::is_finite)
                && (cell == "0" || !cell.starts_with('0') || cell.starts_with("0."));
            let _ = if number_cell {
                write!(
                    out,
                    "<c r=\"{place}\" s=\"{style}\" t=\"n\"><v>{cell}</v></c>"
                )
            } else {
                let at = strings.add(cell);
                write!(
                    out,
                    "<c r=\"{place}\" s=\"{style}\" t=\"s\"><v>{at}</v></c>"
                )
            };
        }
        out.push_str("</row>");
    }
    out.push_str("</sheetData>");
    let link = content.load("link").filter(|_| first);
    if let Some(address) = link {
        let id = links.outside("hyperlink", address);
        let row = dice.between(1, sheet.rows.len().max(1));
        let _ = write!(
            out,
            "<hyperlinks><hyperlink ref=\"A{row}\" r:id=\"{id}\" display=\"{}\"/></hyperlinks>",
            escape(address)
        );
    }
    page(&mut out, dice);
    let drawing = content.load("image").filter(|_| first).map(|address| {
        let id = links.part("drawing", "../drawings/drawing1.xml");
        let _ = write!(out, "<drawing r:id=\"{id}\"/>");
        let mut pictures = Relationships::default();
        let id = pictures.outside("image", address);
        (drawing(&anchor(&id, columns, dice)), pictures)
    });
    out.push_str("</worksheet>");
    let links = (link.is_some() || drawing.is_some()).then_some(links);
    (out, links, drawing)
}

fn sheet_head(
    sheet: &Sheet,
    first: bool,
    columns: usize,
    height: f64,
    dice: &mut Dice<'_>,
) -> String {
    let last = format!("{}{}", letters(columns - 1), sheet.rows.len());
    let (row, column) = (dice.between(1, sheet.rows.len()), dice.below(columns));
    let active = format!("{}{row}", letters(column));
    let zoom = [75, 80, 90, 100, 100, 110, 120][dice.below(7)];
    let mut out = format!(
        "{HEAD}<worksheet xmlns=\"{MAIN}\" xmlns:r=\"{R}\" xmlns:xdr=\"{DRAWING}/spreadsheetDrawing\" \
         xmlns:x14=\"http://schemas.microsoft.com/office/spreadsheetml/2009/9/main\" \
         xmlns:xr2=\"http://schemas.microsoft.com/office/spreadsheetml/2015/revision2\" \
         xmlns:mc=\"http://schemas.openxmlformats.org/markup-compatibility/2006\"><sheetPr filterMode=\"false\">\
         <pageSetUpPr fitToPage=\"false\"/></sheetPr><dimension ref=\"A1:{last}\"/><sheetViews>\
         <sheetView showFormulas=\"false\" showGridLines=\"true\" showRowColHeaders=\"true\" showZeros=\"true\" \
         rightToLeft=\"false\" tabSelected=\"{first}\" showOutlineSymbols=\"true\" defaultGridColor=\"true\" \
         view=\"normal\" topLeftCell=\"A1\" colorId=\"64\" zoomScale=\"{zoom}\" zoomScaleNormal=\"{zoom}\" \
         zoomScalePageLayoutView=\"60\" workbookViewId=\"0\"><selection pane=\"topLeft\" activeCell=\"{active}\" \
         activeCellId=\"0\" sqref=\"{active}\"/></sheetView></sheetViews>\
         <sheetFormatPr defaultColWidth=\"11.53515625\" defaultRowHeight=\"{height}\" zeroHeight=\"false\" \
         outlineLevelRow=\"0\" outlineLevelCol=\"0\"></sheetFormatPr><cols>"
    );
    for column in 0..columns {
        let longest = sheet.rows.iter().filter(|row| row.len() > 1);
        let longest = longest
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count());
        let width = longest.max().unwrap_or(10).clamp(6, 60) * 100 + dice.between(20, 320);
        let number = column + 1;
        let _ = write!(
            out,
            "<col collapsed=\"false\" customWidth=\"true\" hidden=\"false\" outlineLevel=\"0\" max=\"{number}\" \
             min=\"{number}\" style=\"0\" width=\"{}.{:02}\"/>",
            width / 100,
            width % 100
        );
    }
    out + "</cols>"
}

fn page(out: &mut String, dice: &mut Dice<'_>) {
    let paper = [9, 9, 1][dice.below(3)];
    let way = ["portrait", "landscape"][dice.below(2)];
    let _ = write!(
        out,
        "<printOptions headings=\"false\" gridLines=\"false\" gridLinesSet=\"true\" horizontalCentered=\"false\" \
         verticalCentered=\"false\"/><pageMargins left=\"0.7875\" right=\"0.7875\" top=\"1.05277777777778\" \
         bottom=\"1.05277777777778\" header=\"0.7875\" footer=\"0.7875\"/><pageSetup paperSize=\"{paper}\" \
         scale=\"100\" fitToWidth=\"1\" fitToHeight=\"1\" pageOrder=\"downThenOver\" orientation=\"{way}\" \
         blackAndWhite=\"false\" draft=\"false\" cellComments=\"none\" firstPageNumber=\"1\" \
         useFirstPageNumber=\"true\" horizontalDpi=\"300\" verticalDpi=\"300\" copies=\"1\"/>\
         <headerFooter differentFirst=\"false\" differentOddEven=\"false\">\
         <oddHeader>&amp;C&amp;&quot;Times New Roman,Regular&quot;&amp;12&amp;A</oddHeader>\
         <oddFooter>&amp;C&amp;&quot;Times New Roman,Regular&quot;&amp;12Page &amp;P</oddFooter></headerFooter>"
    );
}

/// A drawing of these anchors.
pub(super) fn drawing(anchors: &str) -> String {
    format!(
        "{HEAD}<xdr:wsDr xmlns:xdr=\"{DRAWING}/spreadsheetDrawing\" xmlns:a=\"{DRAWING}/main\" \
         xmlns:r=\"{R}\">{anchors}</xdr:wsDr>"
    )
}

/// A linked picture beside the columns in use.
pub(super) fn anchor(id: &str, column: usize, dice: &mut Dice<'_>) -> String {
    let side = dice.between(20, 60) * 9525;
    let (from, top) = (dice.between(20_000, 400_000), dice.between(0, 90_000));
    let number = dice.between(1, 5);
    format!(
        "<xdr:oneCellAnchor xmlns:xdr=\"{DRAWING}/spreadsheetDrawing\"><xdr:from><xdr:col>{column}</xdr:col>\
         <xdr:colOff>{from}</xdr:colOff>\
         <xdr:row>0</xdr:row><xdr:rowOff>{top}</xdr:rowOff></xdr:from><xdr:ext cx=\"{side}\" cy=\"{side}\"/>\
         <xdr:pic><xdr:nvPicPr><xdr:cNvPr id=\"{number}\" name=\"Image {number}\" descr=\"\"></xdr:cNvPr>\
         <xdr:cNvPicPr/></xdr:nvPicPr><xdr:blipFill><a:blip xmlns:a=\"{DRAWING}/main\" xmlns:r=\"{R}\" \
         r:link=\"{id}\"></a:blip><a:stretch xmlns:a=\"{DRAWING}/main\"><a:fillRect/></a:stretch></xdr:blipFill>\
         <xdr:spPr><a:xfrm xmlns:a=\"{DRAWING}/main\"><a:off x=\"{from}\" y=\"{top}\"/>\
         <a:ext cx=\"{side}\" cy=\"{side}\"/></a:xfrm><a:prstGeom xmlns:a=\"{DRAWING}/main\" prst=\"rect\"><a:avLst/></a:prstGeom>\
         <a:ln xmlns:a=\"{DRAWING}/main\" w=\"0\"><a:noFill/></a:ln></xdr:spPr></xdr:pic><xdr:clientData/></xdr:oneCellAnchor>"
    )
}

fn workbook(sheets: &[Sheet], dice: &mut Dice<'_>) -> String {
    let ratio = dice.between(400, 900);
    let mut out = format!(
        "{HEAD}<workbook xmlns=\"{MAIN}\" xmlns:r=\"{R}\"><fileVersion appName=\"Calc\"/>\
         <workbookPr backupFile=\"false\" showObjects=\"all\" dateCompatibility=\"false\"/><workbookProtection/>\
         <bookViews><workbookView showHorizontalScroll=\"true\" showVerticalScroll=\"true\" showSheetTabs=\"true\" \
         xWindow=\"0\" yWindow=\"0\" windowWidth=\"16384\" windowHeight=\"8192\" tabRatio=\"{ratio}\" firstSheet=\"0\" \
         activeTab=\"0\"/></bookViews><sheets>"
    );
    for (nth, sheet) in sheets.iter().enumerate() {
        let _ = write!(
            out,
            "<sheet name=\"{}\" sheetId=\"{}\" state=\"visible\" r:id=\"rId{}\"/>",
            escape(&sheet.name),
            nth + 1,
            nth + 2
        );
    }
    out + "</sheets><calcPr iterateCount=\"100\" refMode=\"A1\" iterate=\"false\" iterateDelta=\"0.001\"/><extLst>\
           <ext xmlns:loext=\"http://schemas.libreoffice.org/\" uri=\"{7626C862-2A13-11E5-B345-FEFF819CDC9F}\">\
           <loext:extCalcPr stringRefSyntax=\"CalcA1\"/></ext></extLst></workbook>"
}

fn styles(dice: &mut Dice<'_>) -> String {
    let font = dice.pick(FONTS).copied().unwrap_or("Arial");
    let fill = dice.pick(FILLS).copied().unwrap_or("FFDDDDDD");
    let size = dice.between(9, 12);
    let plain = |family: u8| {
        format!("<font><sz val=\"{size}\"/><name val=\"{font}\"/><family val=\"{family}\"/></font>")
    };
    let none = "<xf numFmtId=\"0\" fontId=\"1\" fillId=\"0\" borderId=\"0\" applyFont=\"true\" applyBorder=\"false\" \
                applyAlignment=\"false\" applyProtection=\"false\"></xf>";
    let second = none.replace("fontId=\"1\"", "fontId=\"2\"");
    let third = none.replace("fontId=\"1\"", "fontId=\"0\"");
    let numbered = |format: u8| none.replacen("\"0\"", &format!("\"{format}\""), 1);
    let align = "<alignment horizontal=\"general\" vertical=\"bottom\" textRotation=\"0\" wrapText=\"false\" \
                 indent=\"0\" shrinkToFit=\"false\"/><protection locked=\"true\" hidden=\"false\"/>";
    let fills = if fill == "FFDDDDDD" { 2 } else { 3 };
    let head = if fills == 3 {
        format!(
            "<fill><patternFill patternType=\"solid\"><fgColor rgb=\"{fill}\"/><bgColor rgb=\"FFCCFFFF\"/></patternFill></fill>"
        )
    } else {
        String::new()
    };
    format!(
        "{HEAD}<styleSheet xmlns=\"{MAIN}\"><numFmts count=\"1\"><numFmt numFmtId=\"164\" formatCode=\"General\"/></numFmts>\
         <fonts count=\"5\">{}{}{}{}<font><b val=\"true\"/><sz val=\"{size}\"/><name val=\"{font}\"/><family val=\"2\"/></font></fonts>\
         <fills count=\"{fills}\"><fill><patternFill patternType=\"none\"/></fill><fill><patternFill patternType=\"gray125\"/></fill>{head}</fills>\
         <borders count=\"1\"><border diagonalUp=\"false\" diagonalDown=\"false\"><left/><right/><top/><bottom/><diagonal/></border></borders>\
         <cellStyleXfs count=\"20\"><xf numFmtId=\"164\" fontId=\"0\" fillId=\"0\" borderId=\"0\" applyFont=\"true\" applyBorder=\"true\" \
         applyAlignment=\"true\" applyProtection=\"true\">{align}</xf>{}{}{}{}{}{}{}{}</cellStyleXfs><cellXfs count=\"2\">\
         <xf numFmtId=\"164\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyFont=\"false\" applyBorder=\"false\" \
         applyAlignment=\"false\" applyProtection=\"false\">{align}</xf>\
         <xf numFmtId=\"164\" fontId=\"4\" fillId=\"{}\" borderId=\"0\" xfId=\"0\" applyFont=\"true\" applyBorder=\"false\" \
         applyAlignment=\"false\" applyProtection=\"false\">{align}</xf></cellXfs><cellStyles count=\"6\">\
         <cellStyle name=\"Normal\" xfId=\"0\" builtinId=\"0\"/><cellStyle name=\"Comma\" xfId=\"15\" builtinId=\"3\"/>\
         <cellStyle name=\"Comma [0]\" xfId=\"16\" builtinId=\"6\"/><cellStyle name=\"Currency\" xfId=\"17\" builtinId=\"4\"/>\
         <cellStyle name=\"Currency [0]\" xfId=\"18\" builtinId=\"7\"/><cellStyle name=\"Percent\" xfId=\"19\" builtinId=\"5\"/></cellStyles></styleSheet>",
        plain(2),
        plain(0),
        plain(0),
        plain(0),
        none.repeat(2),
        second.repeat(2),
        third.repeat(10),
        numbered(43),
        numbered(41),
        numbered(44),
        numbered(42),
        numbered(9),
        fills - 1 - usize::from(fills == 2),
    )
}

/// A column's letters: A, Z, AA.
fn letters(mut column: usize) -> String {
    let mut out = String::new();
    loop {
        let letter = u8::try_from(column % 26).unwrap_or_default();
        out.insert(0, char::from(b'A' + letter));
        if column < 26 {
            return out;
        }
        column = column / 26 - 1;
    }
}
