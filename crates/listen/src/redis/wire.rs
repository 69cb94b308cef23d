//! What goes over a Redis connection: commands as arrays or inline, answers in RESP2 or RESP3.
//! (<https://redis.io/docs/latest/develop/reference/protocol-spec/>)

use crate::visit::{Ended, Visit};

/// Most arguments of one command, and most bytes of one of them, that are taken. Redis takes more, but
/// nobody needs them to log in.
const MOST_ARGUMENTS: usize = 1024;
const LONGEST_ARGUMENT: usize = 512 << 10;
/// Redis: `PROTO_INLINE_MAX_SIZE`.
const LONGEST_LINE: usize = 64 << 10;

/// A command, its name first; or what is wrong with it, after which a server hangs up.
pub(super) type Command = Result<Vec<Vec<u8>>, &'static str>;

/// Reads the next command. An empty one is none: Redis says nothing to it.
pub(super) async fn command(visit: &mut Visit) -> Result<Command, Ended> {
    if visit.peek().is_empty() {
        visit.more().await?;
    }
    if visit.peek().first() != Some(&b'*') {
        return inline(visit).await;
    }
    let Some(count) = length(visit, b'*').await? else {
        return Ok(Err("Protocol error: invalid multibulk length"));
    };
    let Ok(count) = usize::try_from(count) else {
        return Ok(Ok(Vec::new()));
    };
    if count > MOST_ARGUMENTS {
        return Ok(Err("Protocol error: invalid multibulk length"));
    }
    let (mut arguments, mut room) = (Vec::new(), LONGEST_ARGUMENT);
    for _ in 0..count {
        visit.at_least(1).await?;
        if visit.peek()[0] != b'$' {
            return Ok(Err("Protocol error: expected '$', got something else"));
        }
        let size = length(visit, b'$').await?;
        let Some(size) = size
            .and_then(|size| usize::try_from(size).ok())
            .filter(|size| *size <= room)
        else {
            return Ok(Err("Protocol error: invalid bulk length"));
        };
        room -= size;
        let mut argument = visit.exact(size + 2).await?;
        argument.truncate(size);
        arguments.push(argument);
    }
    Ok(Ok(arguments))
}

/// The number in `*3\r\n`.
async fn length(visit: &mut Visit, sign: u8) -> Result<Option<i64>, Ended> {
    let line = visit.line(32).await?;
    let digits = line.strip_prefix(&[sign]).unwrap_or_default();
    let text = digits.strip_suffix(b"\r\n");
    Ok(text.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok()))
}

async fn inline(visit: &mut Visit) -> Result<Command, Ended> {
    let line = visit.line(LONGEST_LINE).await?;
    if !line.ends_with(b"\n") {
        return Ok(Err("Protocol error: too big inline request"));
    }
    Ok(words(line.trim_ascii()).ok_or("Protocol error: unbalanced quotes in request"))
}

/// A line's words, quoted ones as Redis' `sdssplitargs` takes them.
fn words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line.trim_ascii_start();
    while let Some(&first) = rest.first() {
        let mut word = Vec::new();
        if matches!(first, b'"' | b'\'') {
            let mut at = 1;
            loop {
                match (*rest.get(at)?, rest.get(at + 1)) {
                    (byte, _) if byte == first => break,
                    (b'\\', Some(next)) => {
                        word.push(match next {
                            b'n' => b'\n',
                            b'r' => b'\r',
                            b't' => b'\t',
                            byte => *byte,
                        });
                        at += 2;
                    }
                    (byte, _) => {
                        word.push(byte);
                        at += 1;
                    }
                }
            }
            rest = &rest[at + 1..];
            if rest.first().is_some_and(|byte| !byte.is_ascii_whitespace()) {
                return None;
            }
        } else {
            let end = rest.iter().position(u8::is_ascii_whitespace);
            let end = end.unwrap_or(rest.len());
            word.extend_from_slice(&rest[..end]);
            rest = &rest[end..];
        }
        words.push(word);
        rest = rest.trim_ascii_start();
    }
    Some(words)
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Simple(&'static str),
    /// Without the `-`.
    Error(String),
    Number(i64),
    Bulk(Vec<u8>),
    Null,
    List(Vec<Self>),
    /// A list of keys and values in turn where there are no maps.
    Map(Vec<(Self, Self)>),
}

impl Reply {
    pub(super) fn text(text: &str) -> Self {
        Self::Bulk(text.as_bytes().to_vec())
    }

    /// Appends it as version 2 or 3 of the protocol writes it.
    pub(super) fn write(&self, version: u8, out: &mut Vec<u8>) {
        let mut line = |sign: char, text: &str| {
            // An error may hold what the peer sent: Redis replaces line ends too.
            let text: String = text
                .chars()
                .map(|c| if matches!(c, '\r' | '\n') { ' ' } else { c })
                .collect();
            out.extend_from_slice(format!("{sign}{text}\r\n").as_bytes());
        };
        match self {
            Self::Simple(text) => line('+', text),
            Self::Error(text) => line('-', text),
            Self::Number(number) => line(':', &number.to_string()),
            Self::Null if version == 3 => line('_', ""),
            Self::Null => line('$', "-1"),
            Self::Bulk(bytes) => {
                line('$', &bytes.len().to_string());
                out.extend_from_slice(bytes);
                out.extend_from_slice(b"\r\n");
            }
            Self::List(items) => {
                line('*', &items.len().to_string());
                items.iter().for_each(|item| item.write(version, out));
            }
            Self::Map(pairs) => {
                if version == 3 {
                    line('%', &pairs.len().to_string());
                } else {
                    line('*', &(2 * pairs.len()).to_string());
                }
                for (key, value) in pairs {
                    key.write(version, out);
                    value.write(version, out);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split_as_redis_does() {
        let split = |line: &str| words(line.as_bytes());
        let of = |list: &[&str]| Some(list.iter().map(|it| it.as_bytes().to_vec()).collect());
        assert_eq!(split(" AUTH  secret "), of(&["AUTH", "secret"]));
        assert_eq!(split(r#"SET "a b" 'c\'d'"#), of(&["SET", "a b", "c'd"]));
        assert_eq!(split(""), of(&[]));
        assert_eq!(split(r#"SET "a"#), None);
        assert_eq!(split(r#"SET "a"b"#), None);
    }
}
