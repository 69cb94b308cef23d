//! QR codes (ISO/IEC 18004) as PNG or SVG. The beacon is the address in it.

use std::fmt::Write as _;
use std::io::Write as _;

use fast_qr::qr::QRBuilder;
use fast_qr::{ECL, QRCode};
use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::{Artifact, Content};
use crate::dice::Dice;

pub(crate) const PNG: Artifact = Artifact {
    name: "qr-png",
    means: &["link"],
    write: png,
};

pub(crate) const SVG: Artifact = Artifact {
    name: "qr-svg",
    means: &["link"],
    write: svg,
};

/// The code, and how wide a module and how many modules of margin there are.
fn code(content: &Content, dice: &mut Dice<'_>) -> Option<(QRCode, usize, usize)> {
    let text = content.load("link").unwrap_or(&content.title);
    let level = [ECL::L, ECL::M, ECL::Q][dice.below(3)];
    let code = QRBuilder::new(text).ecl(level).build().ok()?;
    Some((code, dice.between(4, 14), dice.between(2, 5)))
}

fn is_dark(code: &QRCode, margin: usize, column: usize, row: usize) -> bool {
    let inside = |at: usize| at.checked_sub(margin).filter(|at| *at < code.size);
    match (inside(column), inside(row)) {
        (Some(column), Some(row)) => code[row][column].value(),
        _ => false,
    }
}

fn png(content: &Content, dice: &mut Dice<'_>) -> Vec<u8> {
    let Some((code, scale, margin)) = code(content, dice) else {
        return Vec::new();
    };
    let side = (code.size + 2 * margin) * scale;
    let mut pixels = Vec::with_capacity(side * (side / 8 + 2));
    for y in 0..side {
        pixels.push(0);
        for byte in 0..side.div_ceil(8) {
            let bits = (0..8).fold(0_u8, |bits, bit| {
                let x = byte * 8 + bit;
                let light = !is_dark(&code, margin, x / scale, y / scale);
                (bits << 1) | u8::from(light)
            });
            pixels.push(bits);
        }
    }
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    let packed = encoder.write_all(&pixels).and_then(|()| encoder.finish());
    let packed = packed.expect("memory takes all that is written");
    let side = u32::try_from(side).unwrap_or_default().to_be_bytes();
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    // One bit a pixel, grey.
    chunk(
        &mut out,
        b"IHDR",
        &[side, side]
            .concat()
            .into_iter()
            .chain([1, 0, 0, 0, 0])
            .collect::<Vec<u8>>(),
    );
    chunk(&mut out, b"IDAT", &packed);
    chunk(&mut out, b"IEND", &[]);
    out
}

fn chunk(out: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) {
    out.extend(u32::try_from(data.len()).unwrap_or_default().to_be_bytes());
    let start = out.len();
    out.extend_from_slice(name);
    out.extend_from_slice(data);
    let sum = crc32fast::hash(&out[start..]);
    out.extend(sum.to_be_bytes());
}

fn svg(content: &Content, dice: &mut Dice<'_>) -> Vec<u8> {
    let Some((code, scale, margin)) = code(content, dice) else {
        return Vec::new();
    };
    let side = code.size + 2 * margin;
    let width = side * scale;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{width}\" viewBox=\"0 0 {side} {side}\" \
         shape-rendering=\"crispEdges\"><path fill=\"#ffffff\" d=\"M0 0h{side}v{side}H0z\"/><path fill=\"#000000\" d=\""
    );
    for row in margin..side - margin {
        for column in margin..side - margin {
            if is_dark(&code, margin, column, row) {
                let _ = write!(out, "M{column} {row}h1v1h-1z");
            }
        }
    }
    out += "\"/></svg>\n";
    out.into_bytes()
}
