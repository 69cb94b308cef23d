//! Forms sent as `multipart/form-data` (RFC 7578), as name and value. Never fails: what is no part is
//! skipped.

/// Most parts looked at.
const MOST_PARTS: usize = 200;

/// The pairs of a body, by the boundary its content type names.
pub(crate) fn pairs(content_type: &str, body: &[u8]) -> Vec<(String, String)> {
    let Some(boundary) = parameter(content_type, "boundary") else {
        return Vec::new();
    };
    if boundary.is_empty() || boundary.len() > 70 {
        return Vec::new();
    }
    let mark = format!("--{boundary}");
    let mut found = Vec::new();
    let mut rest = body;
    // What is before the first mark is no part.
    let Some(start) = find(rest, mark.as_bytes()) else {
        return Vec::new();
    };
    rest = &rest[start + mark.len()..];
    let next = format!("\n{mark}");
    while found.len() < MOST_PARTS && !rest.starts_with(b"--") {
        let end = find(rest, next.as_bytes());
        let part = &rest[..end.unwrap_or(rest.len())];
        found.extend(pair(part.strip_suffix(b"\r").unwrap_or(part)));
        match end {
            Some(end) => rest = &rest[end + next.len()..],
            None => break,
        }
    }
    found
}

fn pair(part: &[u8]) -> Option<(String, String)> {
    let (head, value) = match find(part, b"\r\n\r\n") {
        Some(at) => (&part[..at], &part[at + 4..]),
        None => {
            let at = find(part, b"\n\n")?;
            (&part[..at], &part[at + 2..])
        }
    };
    let head = String::from_utf8_lossy(head);
    let disposition = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim()
            .eq_ignore_ascii_case("content-disposition")
            .then_some(value)
    })?;
    let name = parameter(disposition, "name")?.to_owned();
    Some((name, String::from_utf8_lossy(value).into_owned()))
}

/// The value of `name=value` or `name="value"` behind a semicolon.
fn parameter<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.split(';').skip(1).find_map(|part| {
        let (known, value) = part.trim().split_once('=')?;
        let value = value.trim().trim_matches('"');
        known.trim().eq_ignore_ascii_case(name).then_some(value)
    })
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_clients_send() {
        let body = "--b1\r\nContent-Disposition: form-data; name=\"to\"\r\n\r\n+12025550142\r\n\
                    --b1\r\ncontent-disposition: form-data; name=\"f\"; filename=\"a.txt\"\r\n\
                    Content-Type: text/plain\r\n\r\none\r\ntwo\r\n--b1--\r\n";
        let found = pairs("multipart/form-data; boundary=\"b1\"", body.as_bytes());
        let expected = [("to", "+12025550142"), ("f", "one\r\ntwo")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(found, expected);
    }

    #[test]
    fn anything_else_is_nothing() {
        for (content_type, body) in [
            ("multipart/form-data", "--b\r\n"),
            ("multipart/form-data; boundary=", "--\r\n--"),
            ("multipart/form-data; boundary=b", ""),
            ("multipart/form-data; boundary=b", "--b"),
            ("multipart/form-data; boundary=b", "--b\r\n\r\n\r\nx"),
            ("multipart/form-data; boundary=b", "--b--"),
        ] {
            assert_eq!(pairs(content_type, body.as_bytes()), [], "{body:?}");
        }
    }
}
