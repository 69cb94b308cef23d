//! Names in what Windows sends to log in over HTTP: NTLM's last message (MS-NLMP section 2.2.1.3), bare or
//! inside SPNEGO, holds user, domain and machine in UTF-16. The proof in it is not looked at.

/// What every message begins with.
const SIGNATURE: &[u8] = b"NTLMSSP\0";
/// Where length and place of domain, user and machine stand.
const NAMES: [usize; 3] = [28, 36, 44];
/// Longest name, in bytes.
const LONGEST: usize = 512;

/// User, domain and machine of a decoded `Authorization`, as far as they are there.
pub(crate) fn names(message: &[u8]) -> Vec<String> {
    let starts = |part: &[u8]| part == SIGNATURE;
    let Some(at) = message.windows(SIGNATURE.len()).position(starts) else {
        return Vec::new();
    };
    let message = &message[at..];
    if message.get(8..12) != Some(&[3, 0, 0, 0]) {
        return Vec::new();
    }
    let name = |at: usize| {
        let length = u16::from_le_bytes(*message.get(at..)?.first_chunk()?);
        let place = u32::from_le_bytes(*message.get(at + 4..)?.first_chunk()?);
        let length = usize::from(length).min(LONGEST);
        let place = usize::try_from(place).ok()?;
        let bytes = message.get(place..place.checked_add(length)?)?;
        text(bytes).or_else(|| Some(std::str::from_utf8(bytes).ok()?.to_owned()))
    };
    NAMES.into_iter().filter_map(name).collect()
}

/// A text in UTF-16 of little-endian order, if it is one that can be printed.
pub(crate) fn text(bytes: &[u8]) -> Option<String> {
    let (units, rest) = bytes.as_chunks::<2>();
    let units = units.iter().map(|unit| u16::from_le_bytes(*unit));
    let text: Result<String, _> = char::decode_utf16(units).collect();
    let text = text.ok()?;
    (rest.is_empty() && !text.contains(char::is_control)).then_some(text)
}

/// As [`text`], if it is in Latin script. Most bytes are not, and cost no memory.
pub(crate) fn latin(bytes: &[u8]) -> Option<String> {
    let (units, _) = bytes.as_chunks::<2>();
    let latin = |unit: &[u8; 2]| u16::from_le_bytes(*unit) < 0x250;
    units.iter().all(latin).then(|| text(bytes)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, user: &str) -> Vec<u8> {
        let user: Vec<u8> = user.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut out = SIGNATURE.to_vec();
        out.extend([kind, 0, 0, 0]);
        out.resize(64, 0);
        let length = u16::try_from(user.len()).expect("short").to_le_bytes();
        out[36..38].copy_from_slice(&length);
        out[40] = 64;
        out.extend(user);
        out
    }

    #[test]
    fn the_user_of_the_last_message_is_found() {
        let last = message(3, "adm-k3x9");
        assert!(names(&last).contains(&"adm-k3x9".to_owned()));
        let inside = [&[0x60, 0x40, 1, 2][..], &last].concat();
        assert!(names(&inside).contains(&"adm-k3x9".to_owned()));
        assert!(names(&message(1, "adm-k3x9")).is_empty());
        assert!(names(b"no message").is_empty());
    }

    #[test]
    fn a_login_over_http_is_searched_for_its_names() {
        let base64 = |bytes: &[u8]| data_encoding::BASE64.encode(bytes);
        let wide: Vec<u8> = "AD\\adm-k3x9"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        for (name, value) in [
            (
                "Authorization",
                format!("NTLM {}", base64(&message(3, "adm-k3x9"))),
            ),
            (
                "Authorization",
                format!("Negotiate {}", base64(&message(3, "adm-k3x9"))),
            ),
            ("RDG-User-Id", base64(&wide)),
        ] {
            let headers = vec![(name.to_owned(), value.clone().into_bytes())];
            let request = crate::Request::new(
                "RDG_OUT_DATA".to_owned(),
                "/".to_owned(),
                "example.org".to_owned(),
                headers,
                Vec::new(),
            );
            let found = request.candidates();
            let user = |candidate: &crate::Candidate<'_>| *candidate.value == *b"adm-k3x9";
            assert!(found.iter().any(user), "{name}: {value}");
        }
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let last = message(3, "adm-k3x9");
        for end in 0..last.len() {
            let _ = names(&last[..end]);
        }
        for at in 0..last.len() {
            for value in [0, 0x7f, 0xff] {
                let mut bytes = last.clone();
                bytes[at] = value;
                let _ = names(&bytes);
            }
        }
    }

    #[test]
    fn texts_in_utf16() {
        assert_eq!(text(b"a\0b\0"), Some("ab".to_owned()));
        assert_eq!(text(b"a\0b"), None);
        assert_eq!(text(&[0, 0xd8, b'a', 0]), None, "half a pair");
        assert_eq!(text(b"\n\0"), None);
    }
}
