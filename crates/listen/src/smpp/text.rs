//! The text of a short message. (SMPP 3.4, 5.2.19; 3GPP TS 23.038, section 6.2.1.)

/// The GSM alphabet, one octet a character, as SMPP carries it.
const GSM: [char; 128] = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å', 'Δ', '_',
    'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', '\u{1b}', 'Æ', 'æ', 'ß', 'É', ' ', '!', '"', '#',
    '¤', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/', '0', '1', '2', '3', '4', '5', '6',
    '7', '8', '9', ':', ';', '<', '=', '>', '?', '¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I',
    'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö',
    'Ñ', 'Ü', '§', '¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o',
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à',
];

/// Behind an escape.
const GSM_MORE: &[(u8, char)] = &[
    (0x0a, '\u{c}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2f, '\\'),
    (0x3c, '['),
    (0x3d, '~'),
    (0x3e, ']'),
    (0x40, '|'),
    (0x65, '€'),
];

/// Decodes a message; `headed`: a user data header stands before the text.
pub(super) fn decode(bytes: &[u8], coding: u8, headed: bool) -> String {
    let bytes = match bytes.split_first() {
        Some((length, rest)) if headed => rest.get(usize::from(*length)..).unwrap_or_default(),
        _ => bytes,
    };
    match coding {
        0 => gsm(bytes),
        8 => {
            let units = bytes.chunks(2).map(|pair| match *pair {
                [high, low] => u16::from_be_bytes([high, low]),
                _ => 0xfffd,
            });
            char::decode_utf16(units)
                .map(|it| it.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect()
        }
        // ASCII, Latin 1, and what is taken for them.
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
        },
    }
}

fn gsm(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    let mut bytes = bytes.iter();
    while let Some(byte) = bytes.next() {
        if *byte == 0x1b {
            let next = bytes.next();
            let more = GSM_MORE.iter().find(|(code, _)| Some(code) == next);
            out.extend(more.map(|(_, character)| *character));
            continue;
        }
        // Clients that know no GSM alphabet send Latin 1 under the same number.
        out.push(match GSM.get(usize::from(*byte)) {
            Some(character) => *character,
            None => char::from(*byte),
        });
    }
    out
}
