//! Messages of MongoDB. (<https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/>)

use super::bson::{self, Bson, Document};
use crate::visit::{Ended, LONGEST, Visit};

const OP_REPLY: i32 = 1;
const OP_QUERY: i32 = 2004;
const OP_MSG: i32 = 2013;
/// Documents of one message.
const MOST_DOCUMENTS: usize = 1000;

/// A command as it was sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Command {
    pub(super) request: i32,
    /// Whether it came the way that drivers begin with, `OP_QUERY`.
    pub(super) old: bool,
    pub(super) database: String,
    pub(super) body: Document,
    /// Whether no answer is wanted.
    pub(super) silent: bool,
}

impl Command {
    /// Its name: the first of its body.
    pub(super) fn name(&self) -> &str {
        self.body.first().map_or("", |(name, _)| name)
    }
}

/// Reads the next message. `None`: it is none.
pub(super) async fn command(visit: &mut Visit) -> Result<Option<Command>, Ended> {
    visit.at_least(4).await?;
    let length = visit
        .peek()
        .first_chunk()
        .map_or(0, |bytes| i32::from_le_bytes(*bytes));
    let Some(length) = usize::try_from(length)
        .ok()
        .filter(|length| (16..LONGEST).contains(length))
    else {
        return Ok(None);
    };
    let message = visit.exact(length).await?;
    Ok(parse(&message))
}

/// A message with its header.
pub(super) fn parse(message: &[u8]) -> Option<Command> {
    let long = |at: usize| Some(i32::from_le_bytes(*message.get(at..)?.first_chunk()?));
    let (request, code) = (long(4)?, long(12)?);
    let rest = message.get(16..)?;
    match code {
        OP_QUERY => {
            let (name, rest) = bson::text(rest.get(4..)?)?;
            let (body, _) = bson::read(rest.get(8..)?)?;
            let (database, collection) = name.split_once('.')?;
            (collection == "$cmd").then_some(())?;
            // Wrapped by drivers that send a read preference.
            let body = match bson::get(&body, "$query") {
                Some(Bson::Document(inner)) => inner.clone(),
                _ => body,
            };
            Some(Command {
                request,
                old: true,
                database: database.to_owned(),
                body,
                silent: false,
            })
        }
        OP_MSG => {
            let flags = u32::from_le_bytes(*rest.first_chunk()?);
            let rest = if flags & 1 != 0 {
                rest.get(4..rest.len().checked_sub(4)?)?
            } else {
                rest.get(4..)?
            };
            let body = sections(rest)?;
            let database = bson::get(&body, "$db")
                .and_then(Bson::as_text)
                .unwrap_or("admin")
                .to_owned();
            Some(Command {
                request,
                old: false,
                database,
                body,
                silent: flags & 2 != 0,
            })
        }
        _ => None,
    }
}

/// The body, with the documents of other sections as its members.
fn sections(mut rest: &[u8]) -> Option<Document> {
    let (mut body, mut more) = (None, Document::new());
    while let Some((kind, after)) = rest.split_first() {
        match kind {
            0 => {
                let (own, after) = bson::read(after)?;
                body = Some(own);
                rest = after;
            }
            1 => {
                let length = usize::try_from(i32::from_le_bytes(*after.first_chunk()?)).ok()?;
                let (own, after) = after.split_at_checked(length)?;
                let (name, mut own) = bson::text(own.get(4..)?)?;
                let mut documents = Vec::new();
                while !own.is_empty() && documents.len() < MOST_DOCUMENTS {
                    let (document, left) = bson::read(own)?;
                    documents.push(Bson::Document(document));
                    own = left;
                }
                more.push((name, Bson::Array(documents)));
                rest = after;
            }
            _ => return None,
        }
    }
    let mut body = body?;
    body.extend(more);
    Some(body)
}

/// The message that answers a command.
pub(super) fn reply(command: &Command, number: i32, body: &Document) -> Vec<u8> {
    let mut out = vec![0; 4];
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&command.request.to_le_bytes());
    if command.old {
        out.extend_from_slice(&OP_REPLY.to_le_bytes());
        out.extend_from_slice(&8i32.to_le_bytes());
        out.extend_from_slice(&[0; 12]);
        out.extend_from_slice(&1i32.to_le_bytes());
    } else {
        out.extend_from_slice(&OP_MSG.to_le_bytes());
        out.extend_from_slice(&[0; 5]);
    }
    bson::write(body, &mut out);
    let length = i32::try_from(out.len()).unwrap_or(i32::MAX).to_le_bytes();
    out[..4].copy_from_slice(&length);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_breaks_the_reader(mut bytes in prop::collection::vec(any::<u8>(), 0..200), code: bool) {
            if bytes.len() > 16 {
                let code = if code { OP_MSG } else { OP_QUERY };
                bytes[12..16].copy_from_slice(&code.to_le_bytes());
            }
            parse(&bytes);
        }
    }

    #[test]
    fn a_command_comes_either_way() {
        let body = bson::document([("ping", Bson::Int(1)), ("$db", Bson::text("admin"))]);
        let mut message = vec![0; 16];
        message[4] = 7;
        message[12..16].copy_from_slice(&OP_MSG.to_le_bytes());
        message.extend_from_slice(&[0; 5]);
        bson::write(&body, &mut message);
        let command = parse(&message).unwrap();
        assert_eq!(
            (command.name(), command.database.as_str(), command.request),
            ("ping", "admin", 7)
        );
        let mut message = vec![0; 16];
        message[12..16].copy_from_slice(&OP_QUERY.to_le_bytes());
        message.extend_from_slice(&[0; 4]);
        message.extend_from_slice(b"admin.$cmd\0\0\0\0\0\xff\xff\xff\xff");
        bson::write(&body, &mut message);
        let command = parse(&message).unwrap();
        assert!(command.old);
        assert_eq!(command.name(), "ping");
    }
}
