//! PDF documents (ISO 32000-1), in the words of FPDF, which back offices use for their reports: standard
//! fonts, one compressed stream a page. The beacon is a link of the first page, or the address that is
//! opened with the document.

use std::fmt::Write as _;
use std::io::Read as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use super::{Artifact, Block, Content};
use crate::dice::Dice;

pub(crate) const PDF: Artifact = Artifact {
    name: "pdf",
    means: &["link", "open"],
    write,
};

/// Releases of FPDF that are in use.
const PRODUCERS: &[&str] = &[
    "FPDF 1.81",
    "FPDF 1.82",
    "FPDF 1.84",
    "FPDF 1.85",
    "FPDF 1.86",
];
/// Families of the standard fonts: regular and bold, and the mean width of a letter per em.
const FAMILIES: &[(&str, &str, f64)] = &[
    ("Helvetica", "Helvetica-Bold", 0.52),
    ("Times-Roman", "Times-Bold", 0.46),
    ("Courier", "Courier-Bold", 0.6),
];

/// A page being filled from top to bottom.
struct Pages {
    done: Vec<String>,
    page: String,
    y: f64,
    size: (f64, f64),
    margin: f64,
    text: f64,
    width: f64,
}

impl Pages {
    fn draw(dice: &mut Dice<'_>, width: f64) -> Self {
        let size = [(595.28, 841.89), (595.28, 841.89), (612.0, 792.0)][dice.below(3)];
        let margin = number(dice, 280, 720) / 10.0;
        Self {
            done: Vec::new(),
            page: String::new(),
            y: margin,
            size,
            margin,
            text: number(dice, 9, 12),
            width,
        }
    }

    /// A line of text in font 1 (regular) or 2 (bold).
    fn line(&mut self, font: u8, size: f64, x: f64, text: &str) {
        let _ = write!(
            self.page,
            "BT /F{font} {size:.2} Tf ET\nBT {:.2} {:.2} Td ({}) Tj ET\n",
            self.margin + x,
            self.size.1 - self.y - size * 0.8,
            escape(text)
        );
    }

    fn down(&mut self, by: f64) {
        self.y += by;
        if self.y > self.size.1 - self.margin - 20.0 {
            self.break_page();
        }
    }

    fn break_page(&mut self) {
        self.done.push(std::mem::take(&mut self.page));
        self.y = self.margin;
    }

    fn paragraph(&mut self, text: &str) {
        let most = ((self.size.0 - 2.0 * self.margin) / (self.text * self.width)) as usize;
        let mut line = String::new();
        for word in text.split_whitespace() {
            if !line.is_empty() && line.chars().count() + word.chars().count() >= most {
                self.line(1, self.text, 0.0, &line);
                self.down(self.text * 1.35);
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.line(1, self.text, 0.0, &line);
        self.down(self.text * 1.8);
    }

    fn table(&mut self, head: &[String], rows: &[Vec<String>]) {
        let wide = self.size.0 - 2.0 * self.margin;
        let step = wide / head.len().max(1) as f64;
        let height = self.text * 1.6;
        let most = (step / (self.text * self.width)) as usize;
        for (nth, row) in std::iter::once(head)
            .chain(rows.iter().map(Vec::as_slice))
            .enumerate()
        {
            for (column, cell) in row.iter().enumerate() {
                let x = step * column as f64;
                let _ = writeln!(
                    self.page,
                    "{:.2} {:.2} {step:.2} {:.2} re S",
                    self.margin + x,
                    self.size.1 - self.y + self.text * 0.3,
                    -height
                );
                let cell: String = cell.chars().take(most.max(4)).collect();
                self.line(if nth == 0 { 2 } else { 1 }, self.text, x + 3.0, &cell);
            }
            self.down(height);
        }
        self.down(self.text);
    }
}

fn number(dice: &mut Dice<'_>, low: u32, high: u32) -> f64 {
    let drawn = dice.between(low as usize, high as usize);
    f64::from(u32::try_from(drawn).unwrap_or(low))
}

fn write(content: &Content, dice: &mut Dice<'_>) -> Vec<u8> {
    let family = dice.pick(FAMILIES).copied().unwrap_or(FAMILIES[0]);
    let mut pages = Pages::draw(dice, family.2);
    let head = pages.text + number(dice, 4, 10);
    pages.line(2, head, 0.0, &content.title);
    pages.down(head * 1.8);
    let link = content.load("link").map(|address| {
        let words = [
            "Online version",
            "Open the current version",
            "Download the attachment",
            "Details",
        ];
        let words = dice.pick(&words).copied().unwrap_or("Details");
        pages.line(1, pages.text, 0.0, words);
        let width = words.len() as f64 * pages.text * family.2;
        let top = pages.size.1 - pages.y;
        let rect = format!(
            "{:.2} {top:.2} {:.2} {:.2}",
            pages.margin,
            pages.margin + width,
            top - pages.text * 1.3
        );
        pages.down(pages.text * 2.0);
        (rect, address)
    });
    for block in &content.blocks {
        match block {
            Block::Heading(text) => {
                pages.down(4.0);
                pages.line(2, pages.text + 2.0, 0.0, text);
                pages.down(pages.text * 2.0);
            }
            Block::Text(text) => pages.paragraph(text),
            Block::Table(head, rows) => pages.table(head, rows),
        }
    }
    pages.break_page();
    assemble(content, &pages, link, family, dice)
}

/// Objects in the order FPDF writes them: pages, page tree, fonts, resources, info, catalogue.
fn assemble(
    content: &Content,
    pages: &Pages,
    link: Option<(String, &str)>,
    family: (&str, &str, f64),
    dice: &mut Dice<'_>,
) -> Vec<u8> {
    let producer = dice.pick(PRODUCERS).copied().unwrap_or("FPDF 1.86");
    let mut file = File {
        out: b"%PDF-1.3\n".to_vec(),
        offsets: vec![0; 3],
    };
    let mut kids = String::new();
    for (nth, page) in pages.done.iter().enumerate() {
        let annotations = match (&link, nth) {
            (Some((rect, address)), 0) => format!(
                "/Annots [<</Type /Annot /Subtype /Link /Rect [{rect}] /Border [0 0 0] /A <</S /URI /URI ({})>>>>]\n",
                escape(address)
            ),
            _ => String::new(),
        };
        let number = file.next();
        let _ = write!(kids, "{number} 0 R ");
        file.add(&format!(
            "<</Type /Page\n/Parent 1 0 R\n/Resources 2 0 R\n{annotations}/Contents {} 0 R>>",
            number + 1
        ));
        file.stream(&format!("2 J\n0.57 w\n{page}"));
    }
    let (width, height) = pages.size;
    file.put(
        1,
        &format!(
            "<</Type /Pages\n/Kids [{kids}]\n/Count {}\n/MediaBox [0 0 {width:.2} {height:.2}]\n>>",
            pages.done.len()
        ),
    );
    let first = file.next();
    for font in [family.0, family.1] {
        file.add(&format!(
            "<</Type /Font\n/BaseFont /{font}\n/Subtype /Type1\n/Encoding /WinAnsiEncoding\n>>"
        ));
    }
    file.put(2, &format!(
        "<<\n/ProcSet [/PDF /Text /ImageB /ImageC /ImageI]\n/Font <<\n/F1 {first} 0 R\n/F2 {} 0 R\n>>\n/XObject <<\n>>\n>>",
        first + 1
    ));
    let info = file.next();
    file.add(&format!(
        "<<\n/Producer ({producer})\n/Title ({})\n/Author ({})\n/CreationDate (D:{})\n>>",
        escape(&content.title),
        escape(&content.author),
        super::moment(content.modified, "%Y%m%d%H%M%S")
    ));
    let open = match content.load("open") {
        Some(address) => format!("/OpenAction <</S /URI /URI ({})>>\n", escape(address)),
        None => "/OpenAction [3 0 R /FitH null]\n".to_owned(),
    };
    let catalogue = file.next();
    file.add(&format!(
        "<<\n/Type /Catalog\n/Pages 1 0 R\n{open}/PageLayout /OneColumn\n>>"
    ));
    file.finish(catalogue, info)
}

/// Objects as they come, and where they are.
struct File {
    out: Vec<u8>,
    offsets: Vec<usize>,
}

impl File {
    fn next(&self) -> usize {
        self.offsets.len()
    }

    fn add(&mut self, body: &str) {
        self.offsets.push(0);
        self.put(self.offsets.len() - 1, body);
    }

    fn put(&mut self, number: usize, body: &str) {
        self.offsets[number] = self.out.len();
        self.out
            .extend(format!("{number} 0 obj\n{body}\nendobj\n").into_bytes());
    }

    fn stream(&mut self, text: &str) {
        let packed = deflate(text.as_bytes());
        self.offsets.push(self.out.len());
        let number = self.offsets.len() - 1;
        let head = format!(
            "{number} 0 obj\n<</Filter /FlateDecode /Length {}>>\nstream\n",
            packed.len()
        );
        self.out.extend(head.into_bytes());
        self.out.extend(packed);
        self.out.extend(b"\nendstream\nendobj\n");
    }

    fn finish(mut self, catalogue: usize, info: usize) -> Vec<u8> {
        let at = self.out.len();
        let count = self.offsets.len();
        let mut tail = format!("xref\n0 {count}\n0000000000 65535 f \n");
        for offset in &self.offsets[1..] {
            let _ = writeln!(tail, "{offset:010} 00000 n ");
        }
        let _ = write!(
            tail,
            "trailer\n<<\n/Size {count}\n/Root {catalogue} 0 R\n/Info {info} 0 R\n>>\nstartxref\n{at}\n%%EOF\n"
        );
        self.out.extend(tail.into_bytes());
        self.out
    }
}

fn deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(data).and_then(|()| encoder.finish());
    written.expect("memory takes all that is written")
}

/// A text in brackets, in the letters of WinAnsi; others become a question mark, as FPDF's do.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '(' | ')' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            ' '..='~' => out.push(c),
            '\u{a0}'..='\u{ff}' => {
                let _ = write!(out, "\\{:03o}", u32::from(c));
            }
            _ => out.push('?'),
        }
    }
    out
}

/// The streams of a document that hold text, unpacked; for looking into one.
#[cfg_attr(not(test), expect(dead_code, reason = "tests look into documents"))]
pub(super) fn streams(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = find(&bytes[at..], b"stream\n") {
        let data = &bytes[at + start + 7..];
        let mut text = Vec::new();
        #[expect(clippy::disallowed_methods, reason = "limited by `take`")]
        let _ = ZlibDecoder::new(data).take(1 << 24).read_to_end(&mut text);
        found.push(text);
        at += start + 7;
    }
    found
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|part| part == what)
}
