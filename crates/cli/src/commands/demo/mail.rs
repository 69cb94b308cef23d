//! Reads the mails of the demonstration, so that they can be shown.

use data_encoding::BASE64;

/// Subject and plain text of a mail as it came.
pub(super) fn read(raw: &str) -> (String, String) {
    let lines: Vec<&str> = raw.lines().collect();
    let head = lines.iter().take_while(|line| !line.is_empty());
    let unfolded = head.fold(String::new(), |all, line| {
        if line.starts_with([' ', '\t']) {
            all + line
        } else {
            all + "\n" + line
        }
    });
    let subject = unfolded
        .lines()
        .find_map(|line| line.strip_prefix("Subject: "));
    let subject = decode_words(subject.unwrap_or_default());
    // The first part is the plain text.
    let body = lines
        .iter()
        .skip_while(|line| !line.starts_with("Content-Type: text/plain"))
        .skip_while(|line| !line.is_empty())
        .skip(1)
        .take_while(|line| !line.starts_with("--"));
    let text = decode_quoted(&body.fold(String::new(), |all, line| all + line + "\n"));
    (subject, text.trim().to_owned())
}

/// Quoted-printable (RFC 2045).
fn decode_quoted(text: &str) -> String {
    let text = text.replace("=\n", "");
    let mut parts = text.split('=');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part
            .split_at_checked(2)
            .map(|(hex, rest)| (u8::from_str_radix(hex, 16), rest))
        {
            Some((Ok(byte), rest)) => {
                bytes.push(byte);
                bytes.extend_from_slice(rest.as_bytes());
            }
            _ => bytes.extend_from_slice(format!("={part}").as_bytes()),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Encoded words (RFC 2047), of the base64 sort that this program's mails use.
fn decode_words(text: &str) -> String {
    let mut decoded = String::new();
    let mut rest = text;
    while let Some((before, word)) = rest.split_once("=?utf-8?b?") {
        // Blanks between two encoded words are not part of the text.
        if decoded.is_empty() || !before.trim().is_empty() {
            decoded.push_str(before);
        }
        let Some((word, after)) = word.split_once("?=") else {
            break;
        };
        let bytes = BASE64.decode(word.as_bytes()).unwrap_or_default();
        decoded.push_str(&String::from_utf8_lossy(&bytes));
        rest = after;
    }
    decoded + rest
}
