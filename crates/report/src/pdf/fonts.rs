//! The three of the standard Type 1 fonts that are used, which every reader has: what their bytes mean
//! (WinAnsiEncoding, ISO 32000-2 annex D) and how wide each is (Adobe's metrics of the core fonts); and a font of our
//! own for the signs of drawings, which those lack.

/// A font.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Font {
    /// Helvetica.
    Regular,
    /// Helvetica-Bold.
    Bold,
    /// Courier.
    Mono,
    /// Arrows and a triangle ([`SIGNS`]).
    Signs,
}

impl Font {
    /// All of them.
    pub(super) const ALL: [Self; 4] = [Self::Regular, Self::Bold, Self::Mono, Self::Signs];

    /// Its name among the standard fonts, if it is one.
    pub(super) const fn base(self) -> Option<&'static str> {
        match self {
            Self::Regular => Some("Helvetica"),
            Self::Bold => Some("Helvetica-Bold"),
            Self::Mono => Some("Courier"),
            Self::Signs => None,
        }
    }

    /// Its name on a page.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Regular => "F1",
            Self::Bold => "F2",
            Self::Mono => "F3",
            Self::Signs => "F4",
        }
    }

    /// How wide a text is at a size, in points.
    pub(super) fn width(self, text: &[u8], size: f32) -> f32 {
        let total: u32 = text.iter().map(|byte| self.advance(*byte)).sum();
        total as f32 * size / 1000.0
    }

    fn advance(self, byte: u8) -> u32 {
        let index = usize::from(byte.saturating_sub(32));
        match self {
            Self::Regular => REGULAR[index].into(),
            Self::Bold => BOLD[index].into(),
            Self::Mono | Self::Signs => SIGN,
        }
    }
}

/// A sign of [`Font::Signs`].
pub(super) struct Sign {
    /// What it is.
    pub(super) is: char,
    /// Its byte.
    pub(super) byte: u8,
    /// Its name in Adobe's glyph list, by which readers know what it is.
    pub(super) name: &'static str,
    /// Its outline, in thousandths of the size.
    pub(super) outline: &'static str,
}

/// The signs there are.
pub(super) const SIGNS: [Sign; 3] = [
    Sign {
        is: '▲',
        byte: b'a',
        name: "triagup",
        outline: "40 0 m 560 0 l 300 560 l h",
    },
    Sign {
        is: '↑',
        byte: b'b',
        name: "arrowup",
        outline: "265 -60 m 335 -60 l 335 520 l 450 400 l 500 450 l 300 660 l 100 450 l 150 400 l 265 520 l h",
    },
    Sign {
        is: '↓',
        byte: b'c',
        name: "arrowdown",
        outline: "265 660 m 335 660 l 335 80 l 450 200 l 500 150 l 300 -60 l 100 150 l 150 200 l 265 80 l h",
    },
];

/// How wide each sign is, and each letter of Courier.
pub(super) const SIGN: u32 = 600;

/// A text in a font, its signs in theirs.
pub(super) fn runs(text: &str, font: Font) -> Vec<(Font, Vec<u8>)> {
    let mut out: Vec<(Font, Vec<u8>)> = Vec::new();
    for piece in text.split_inclusive(|c| SIGNS.iter().any(|sign| sign.is == c)) {
        let last = piece.chars().next_back();
        let sign = SIGNS.iter().find(|sign| Some(sign.is) == last);
        let plain = encode(piece.trim_end_matches(|c| sign.is_some_and(|sign| sign.is == c)));
        out.extend((!plain.is_empty()).then_some((font, plain)));
        out.extend(sign.map(|sign| (Font::Signs, vec![sign.byte])));
    }
    out
}

/// Text in WinAnsiEncoding; what it has no byte for comes out as `\u{4e2d}`.
pub(super) fn encode(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' '..='~' => out.push(c as u8),
            // What separates numbers, in one line with them.
            '\u{202f}' => out.push(0xa0),
            '\u{a0}'..='\u{ac}' | '\u{ae}'..='\u{ff}' => out.push(c as u8),
            _ => match HIGH.iter().position(|known| *known == c && c != '\0') {
                Some(place) => out.push(0x80 + place as u8),
                None => out.extend(format!("\\u{{{:x}}}", u32::from(c)).bytes()),
            },
        }
    }
    out
}

/// What the bytes 0x80 to 0x9f mean; NUL where they mean nothing.
const HIGH: [char; 32] = [
    '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', '\0', '‘',
    '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
];

/// Helvetica's.
#[rustfmt::skip]
const REGULAR: [u16; 224] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278,
    556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556,
    1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778,
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556,
    333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556,
    556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584, 350,
    556, 350, 222, 556, 333, 1000, 556, 556, 333, 1000, 667, 333, 1000, 350, 611, 350,
    350, 222, 222, 333, 333, 350, 556, 1000, 333, 1000, 500, 333, 944, 350, 500, 667,
    278, 333, 556, 556, 556, 556, 260, 556, 333, 737, 370, 556, 584, 333, 737, 333,
    400, 584, 333, 333, 333, 556, 537, 278, 333, 333, 365, 556, 834, 834, 834, 611,
    667, 667, 667, 667, 667, 667, 1000, 722, 667, 667, 667, 667, 278, 278, 278, 278,
    722, 722, 778, 778, 778, 778, 778, 584, 778, 722, 722, 722, 722, 667, 667, 611,
    556, 556, 556, 556, 556, 556, 889, 500, 556, 556, 556, 556, 278, 278, 278, 278,
    556, 556, 556, 556, 556, 556, 556, 584, 611, 556, 556, 556, 556, 500, 556, 500,
];

/// Helvetica-Bold's.
#[rustfmt::skip]
const BOLD: [u16; 224] = [
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278,
    556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 333, 333, 584, 584, 584, 611,
    975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833, 722, 778,
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556,
    333, 556, 611, 556, 611, 556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611,
    611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584, 350,
    556, 350, 278, 556, 500, 1000, 556, 556, 333, 1000, 667, 333, 1000, 350, 611, 350,
    350, 278, 278, 500, 500, 350, 556, 1000, 333, 1000, 556, 333, 944, 350, 500, 667,
    278, 333, 556, 556, 556, 556, 280, 556, 333, 737, 370, 556, 584, 333, 737, 333,
    400, 584, 333, 333, 333, 611, 556, 278, 333, 333, 365, 556, 834, 834, 834, 611,
    722, 722, 722, 722, 722, 722, 1000, 722, 667, 667, 667, 667, 278, 278, 278, 278,
    722, 722, 778, 778, 778, 778, 778, 584, 778, 722, 722, 722, 722, 667, 667, 611,
    556, 556, 556, 556, 556, 556, 889, 556, 556, 556, 556, 556, 278, 278, 278, 278,
    611, 611, 611, 611, 611, 611, 611, 584, 611, 611, 611, 611, 611, 556, 611, 556,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_and_measures() {
        assert_eq!(encode("aé…“”"), b"a\xe9\x85\x93\x94");
        assert_eq!(encode("中\0\n"), b"\\u{4e2d}\\u{0}\\u{a}");
        assert!((Font::Regular.width(b"AB", 10.0) - 13.34).abs() < 0.001);
        assert!((Font::Mono.width(b"AB", 10.0) - 12.0).abs() < 0.001);
    }

    #[test]
    fn signs_stand_in_a_font_of_their_own() {
        assert_eq!(
            runs("↓2 ↑↑ x", Font::Bold),
            [
                (Font::Signs, b"c".to_vec()),
                (Font::Bold, b"2 ".to_vec()),
                (Font::Signs, b"b".to_vec()),
                (Font::Signs, b"b".to_vec()),
                (Font::Bold, b" x".to_vec()),
            ]
        );
        assert!(runs("", Font::Regular).is_empty());
    }
}
