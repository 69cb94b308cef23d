//! A statement's words.

use super::{Dialect, Wrong};

/// Most tokens of one text.
const MOST: usize = 20_000;

/// A word of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A keyword or a name, as written.
    Word(String),
    /// A name in quotes.
    Name(String),
    /// A literal.
    Text(String),
    Number(String),
    /// `$1`, `?`: its number, 0 for the next one.
    Parameter(usize),
    /// `@@name`, `@name`, with its signs.
    Variable(String),
    Symbol(&'static str),
}

/// A token, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lexed {
    pub(crate) token: Token,
    pub(crate) at: usize,
    pub(crate) end: usize,
}

/// Longest first.
const SYMBOLS: &[&str] = &[
    "!~~*", "->>", "!~~", "!~*", "~~*", "<=>", "::", ":=", "!~", "~~", "~*", "->", "<>", "!=",
    "<=", ">=", "||", "&&", "<<", ">>", "+", "-", "*", "/", "%", "(", ")", "[", "]", ",", ".", ";",
    "=", "<", ">", "~", "!", "&", "|", "^", "{", "}", ":", "#", "@", "?", "$", "\\", "`", "\"",
];

/// Splits a text into its words. What is no symbol of SQL is a syntax error.
pub(crate) fn words(text: &str, dialect: Dialect) -> Result<Vec<Lexed>, Wrong> {
    let mut lexer = Lexer {
        text,
        bytes: text.as_bytes(),
        at: 0,
        dialect,
    };
    let mut out = Vec::new();
    while let Some(lexed) = lexer.next()? {
        if out.len() >= MOST {
            return Err(Wrong::TooMuch);
        }
        out.push(lexed);
    }
    Ok(out)
}

struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    dialect: Dialect,
}

impl Lexer<'_> {
    fn byte(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn skip(&mut self) {
        loop {
            match (self.byte(0), self.byte(1)) {
                (byte, _) if byte.is_ascii_whitespace() => self.at += 1,
                (b'-', b'-') => self.line(),
                (b'#', _) if self.dialect == Dialect::Mysql => self.line(),
                // What stands in `/*!40101 .. */` is meant for MySQL.
                (b'/', b'*') if self.dialect == Dialect::Mysql && self.byte(2) == b'!' => {
                    self.at += 3;
                    while self.byte(0).is_ascii_digit() {
                        self.at += 1;
                    }
                }
                (b'*', b'/') if self.dialect == Dialect::Mysql => self.at += 2,
                (b'/', b'*') => {
                    let rest = &self.bytes[self.at + 2..];
                    let end = rest.windows(2).position(|pair| pair == b"*/");
                    self.at = end.map_or(self.bytes.len(), |end| self.at + end + 4);
                }
                _ => return,
            }
        }
    }

    fn line(&mut self) {
        while self.at < self.bytes.len() && self.byte(0) != b'\n' {
            self.at += 1;
        }
    }

    fn next(&mut self) -> Result<Option<Lexed>, Wrong> {
        self.skip();
        let at = self.at;
        if at >= self.bytes.len() {
            return Ok(None);
        }
        let token = self.token()?;
        let end = self.at;
        Ok(Some(Lexed { token, at, end }))
    }

    fn token(&mut self) -> Result<Token, Wrong> {
        use Dialect::{Mssql, Mysql, Postgres};
        let (first, second, dialect) = (self.byte(0), self.byte(1), self.dialect);
        Ok(match first {
            b'\'' => self.quoted(b'\'', dialect == Mysql).map(Token::Text)?,
            b'"' if dialect == Mysql => self.quoted(b'"', true).map(Token::Text)?,
            b'"' => self.quoted(b'"', false).map(Token::Name)?,
            b'`' if dialect == Mysql => self.quoted(b'`', false).map(Token::Name)?,
            b'[' if dialect == Mssql => self.quoted(b']', false).map(Token::Name)?,
            b'e' | b'E' if second == b'\'' && dialect == Postgres => {
                self.at += 1;
                self.quoted(b'\'', true).map(Token::Text)?
            }
            b'n' | b'N' if second == b'\'' => {
                self.at += 1;
                self.quoted(b'\'', dialect == Mysql).map(Token::Text)?
            }
            b'$' if dialect == Postgres => self.dollar()?,
            b'?' if dialect == Mysql => {
                self.at += 1;
                Token::Parameter(0)
            }
            b'@' if dialect != Postgres => {
                let from = self.at;
                while self.byte(0) == b'@' {
                    self.at += 1;
                }
                self.while_name(true);
                Token::Variable(self.text[from..self.at].to_owned())
            }
            b'0'..=b'9' => self.number(),
            b'.' if second.is_ascii_digit() => self.number(),
            byte if is_name(byte) => {
                let from = self.at;
                self.while_name(false);
                Token::Word(self.text[from..self.at].to_owned())
            }
            _ => self.symbol()?,
        })
    }

    fn while_name(&mut self, dots: bool) {
        while is_name(self.byte(0)) || self.byte(0).is_ascii_digit() || dots && self.byte(0) == b'.'
        {
            self.at += 1;
        }
    }

    fn symbol(&mut self) -> Result<Token, Wrong> {
        let rest = &self.bytes[self.at..];
        let symbol = SYMBOLS
            .iter()
            .find(|symbol| rest.starts_with(symbol.as_bytes()));
        let Some(symbol) = symbol else {
            return Err(Wrong::Syntax {
                near: self.text[self.at..].chars().take(1).collect(),
                at: self.at,
            });
        };
        self.at += symbol.len();
        Ok(Token::Symbol(symbol))
    }

    fn number(&mut self) -> Token {
        let from = self.at;
        if self.byte(0) == b'0' && matches!(self.byte(1), b'x' | b'X') {
            self.at += 2;
            while self.byte(0).is_ascii_hexdigit() {
                self.at += 1;
            }
            return Token::Number(self.text[from..self.at].to_owned());
        }
        while self.byte(0).is_ascii_digit() || self.byte(0) == b'.' {
            self.at += 1;
        }
        if matches!(self.byte(0), b'e' | b'E') && self.byte(1).is_ascii_digit() {
            self.at += 1;
            while self.byte(0).is_ascii_digit() {
                self.at += 1;
            }
        }
        Token::Number(self.text[from..self.at].to_owned())
    }

    /// What stands between quotes, of which two are one.
    fn quoted(&mut self, close: u8, escapes: bool) -> Result<String, Wrong> {
        let from = self.at;
        self.at += 1;
        let mut out = Vec::new();
        loop {
            let Some(&byte) = self.bytes.get(self.at) else {
                return Err(Wrong::Open { at: from });
            };
            self.at += 1;
            match byte {
                byte if byte == close && self.byte(0) == close => {
                    self.at += 1;
                    out.push(close);
                }
                byte if byte == close => break,
                b'\\' if escapes && self.at < self.bytes.len() => {
                    out.push(match self.byte(0) {
                        b'n' => b'\n',
                        b't' => b'\t',
                        b'r' => b'\r',
                        b'0' => 0,
                        other => other,
                    });
                    self.at += 1;
                }
                byte => out.push(byte),
            }
        }
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    /// `$1`, or `$tag$..$tag$`.
    fn dollar(&mut self) -> Result<Token, Wrong> {
        let from = self.at;
        self.at += 1;
        if self.byte(0).is_ascii_digit() {
            let start = self.at;
            while self.byte(0).is_ascii_digit() {
                self.at += 1;
            }
            let number = self.text[start..self.at].parse().unwrap_or(usize::MAX);
            return Ok(Token::Parameter(number));
        }
        self.while_name(false);
        if self.byte(0) != b'$' {
            return Err(Wrong::Syntax {
                near: "$".to_owned(),
                at: from,
            });
        }
        self.at += 1;
        let tag = &self.text[from..self.at];
        let rest = &self.text[self.at..];
        let end = rest.find(tag).ok_or(Wrong::Open { at: from })?;
        self.at += end + tag.len();
        Ok(Token::Text(rest[..end].to_owned()))
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}
