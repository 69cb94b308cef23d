//! What a message says of who sent it. Attachments are hashed and never opened; links are kept and never
//! followed.

use data_encoding::HEXLOWER;
use mail_parser::{Message, MessageParser, MimeHeaders as _};
use sha2::{Digest as _, Sha256};

/// How many header fields, links and attachments are kept, and how long each may be.
const MOST: usize = 40;
const LONGEST: usize = 400;
/// How many beginnings of links are looked at: a body may consist of nothing else.
const MOST_MATCHES: usize = 4096;

/// What is worth reading of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Described {
    /// Names and values of what is captured.
    pub(super) captured: Vec<(&'static str, String)>,
    /// Header fields, in order.
    pub(super) headers: Vec<(String, String)>,
    /// What wrote it, as it says.
    pub(super) agent: String,
    /// What stays the same between messages of one program.
    pub(super) traits: String,
}

/// Reads a message.
pub(super) fn describe(bytes: &[u8]) -> Described {
    let mut described = Described::default();
    let Some(message) = MessageParser::default().parse(bytes) else {
        return described;
    };
    headers(&mut described, bytes, &message);
    let mut keep = |name, value: &str| {
        if !value.is_empty() {
            described.captured.push((name, short(value)));
        }
    };
    keep("mail.subject", message.subject().unwrap_or_default());
    keep("mail.message_id", message.message_id().unwrap_or_default());
    if let Some(date) = message.date() {
        keep("mail.date", &date.to_rfc3339());
        let sign = if date.tz_before_gmt { '-' } else { '+' };
        keep(
            "mail.zone",
            &format!("{sign}{:02}{:02}", date.tz_hour, date.tz_minute),
        );
    }
    for text in links(&message) {
        keep("mail.link", &text);
    }
    for part in message.attachments().take(MOST) {
        let contents = part.contents();
        let kind = part.content_type();
        let kind = kind.map(|kind| match &kind.c_subtype {
            Some(subtype) => format!("{}/{subtype}", kind.c_type),
            None => kind.c_type.to_string(),
        });
        let name = part.attachment_name().unwrap_or("(no name)");
        let kind = kind.unwrap_or_else(|| "message/rfc822".to_owned());
        let digest = HEXLOWER.encode(&Sha256::digest(contents));
        let size = contents.len();
        keep(
            "mail.attachment",
            &format!("{}; {kind}; {size} bytes; sha256 {digest}", cut(name, 120)),
        );
    }
    described
}

fn headers(described: &mut Described, bytes: &[u8], message: &Message<'_>) {
    let mut names = Vec::new();
    for header in message.headers().iter().take(MOST) {
        let name = header.name();
        let from = usize::try_from(header.offset_start()).unwrap_or(usize::MAX);
        let to = usize::try_from(header.offset_end()).unwrap_or(0);
        let value = String::from_utf8_lossy(bytes.get(from..to).unwrap_or_default());
        let value = short(value.trim());
        match name.to_ascii_lowercase().as_str() {
            "from" => described.captured.push(("mail.header.from", value.clone())),
            "x-mailer" | "user-agent" if described.agent.is_empty() => {
                described.agent.clone_from(&value);
            }
            _ => {}
        }
        names.push(name.to_owned());
        described.headers.push((name.to_owned(), value));
    }
    // What relays put in front is theirs.
    names.retain(|name| {
        !matches!(
            name.to_ascii_lowercase().as_str(),
            "received" | "return-path"
        )
    });
    described.traits = names.join(" ");
}

/// The links in texts, each once.
fn links(message: &Message<'_>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let plain = (0..message.text_body_count().min(MOST)).filter_map(|at| message.body_text(at));
    let marked = (0..message.html_body_count().min(MOST)).filter_map(|at| message.body_html(at));
    let mut left = MOST_MATCHES;
    for text in plain.chain(marked) {
        for start in ["http://", "https://"] {
            for (at, _) in text.match_indices(start).take(left) {
                left -= 1;
                // No more than what is kept, at four bytes a character: there may be no end for megabytes.
                let rest = &text[at..];
                let rest = &rest[..rest.floor_char_boundary(4 * LONGEST)];
                let end =
                    rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>'));
                let link = short(&rest[..end.unwrap_or(rest.len())]);
                if found.len() < MOST && !found.contains(&link) {
                    found.push(link);
                }
            }
        }
    }
    found
}

fn short(text: &str) -> String {
    cut(text, LONGEST).to_owned()
}

fn cut(text: &str, limit: usize) -> &str {
    text.char_indices()
        .nth(limit)
        .map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAIL: &str = "Received: from x\r\nFrom: \"Eve\" <eve@sender.example>\r\nSubject: =?utf-8?q?Your_invoice?=\r\n\
        Date: Tue, 3 Mar 2026 09:12:01 +0330\r\nMessage-ID: <1@sender.example>\r\nX-Mailer: Sender 2.1\r\n\
        MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\n\
        See https://pay.example/a?b=1 now\r\n--x\r\nContent-Type: application/pdf\r\n\
        Content-Disposition: attachment; filename=\"invoice.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n\
        JVBERi0=\r\n--x--\r\n";

    #[test]
    fn a_message_is_described() {
        let described = describe(MAIL.as_bytes());
        let captured: Vec<_> = (described.captured.iter())
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let digest = HEXLOWER.encode(&Sha256::digest(b"%PDF-"));
        let attachment = format!("invoice.pdf; application/pdf; 5 bytes; sha256 {digest}");
        assert_eq!(
            captured,
            [
                ("mail.header.from", "\"Eve\" <eve@sender.example>"),
                ("mail.subject", "Your invoice"),
                ("mail.message_id", "1@sender.example"),
                ("mail.date", "2026-03-03T09:12:01+03:30"),
                ("mail.zone", "+0330"),
                ("mail.link", "https://pay.example/a?b=1"),
                ("mail.attachment", attachment.as_str()),
            ]
        );
        assert_eq!(described.agent, "Sender 2.1");
        assert!(
            described.traits.starts_with("From Subject Date"),
            "{}",
            described.traits
        );
    }

    #[test]
    fn a_body_of_nothing_but_links_takes_no_time() {
        let mut mail = b"Subject: x\r\n\r\n".to_vec();
        mail.extend(b"http://".repeat(1 << 17));
        let started = std::time::Instant::now();
        let described = describe(&mail);
        // The quadratic search took minutes; the rest is the parser's time, without optimisation.
        assert!(started.elapsed().as_secs() < 20);
        let links = described.captured.iter();
        let links: Vec<_> = links.filter(|(name, _)| *name == "mail.link").collect();
        assert!(!links.is_empty() && links.iter().all(|(_, link)| link.len() <= LONGEST));
    }

    proptest! {
        #[test]
        fn any_bytes_are_described(bytes in prop::collection::vec(any::<u8>(), 0..800)) {
            let _ = describe(&bytes);
        }

        #[test]
        fn any_damage_to_a_message_is_described(at in 0..MAIL.len(), byte in any::<u8>(), end in 0..MAIL.len()) {
            let mut bytes = MAIL.as_bytes().to_vec();
            bytes[at] = byte;
            bytes.truncate(end);
            let _ = describe(&bytes);
        }
    }
}
