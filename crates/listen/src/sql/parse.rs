//! Reads statements. What is not understood is a syntax error where understanding ended.

mod expression;
mod primary;
mod query;

use super::syntax::{Expression, From, Item, Query, Select, Source};
use super::token::{Lexed, Token, words};
use super::{Dialect, Wrong};

/// How deep queries and brackets may stand in each other.
const DEEPEST: usize = 24;
/// Operators of one statement: chains of them are as deep as they are long.
const MOST_OPERATORS: usize = 150;
/// Parameters of one statement: their number is the peer's, and answers have an entry for each.
const MOST_PARAMETERS: usize = 1000;
/// Statements of one text.
const MOST_STATEMENTS: usize = 100;

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Statement {
    Query(Query),
    /// How many rows it would add.
    Insert {
        path: Vec<String>,
        rows: usize,
        at: usize,
    },
    /// `UPDATE` or `DELETE`: the query for its rows.
    Change {
        verb: &'static str,
        path: Vec<String>,
        rows: Query,
    },
    /// Anything else, by its words in upper case.
    Other(Vec<String>),
}

/// A statement of a text, and which part of it it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    pub(crate) statement: Statement,
    pub(crate) tokens: Vec<Lexed>,
    /// How many parameters it wants.
    pub(crate) parameters: usize,
}

/// The statements of a text, split at `;`.
pub(crate) fn statements(text: &str, dialect: Dialect) -> Result<Vec<Part>, Wrong> {
    let tokens = words(text, dialect)?;
    let parts = tokens.split(|lexed| lexed.token == Token::Symbol(";"));
    let parts = parts.filter(|part| !part.is_empty());
    let mut out = Vec::new();
    for tokens in parts {
        if out.len() >= MOST_STATEMENTS {
            return Err(Wrong::TooMuch);
        }
        let mut parser = Parser {
            text,
            tokens,
            at: 0,
            depth: 0,
            operators: 0,
            parameters: 0,
            dialect,
        };
        let statement = parser.statement()?;
        out.push(Part {
            statement,
            parameters: parser.parameters,
            tokens: tokens.to_vec(),
        });
    }
    Ok(out)
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Lexed],
    at: usize,
    depth: usize,
    operators: usize,
    parameters: usize,
    dialect: Dialect,
}

/// Words that end an expression, so that none of them is taken for an alias.
const RESERVED: &[&str] = &[
    "FROM",
    "WHERE",
    "GROUP",
    "ORDER",
    "HAVING",
    "LIMIT",
    "OFFSET",
    "UNION",
    "JOIN",
    "LEFT",
    "RIGHT",
    "INNER",
    "OUTER",
    "CROSS",
    "FULL",
    "NATURAL",
    "ON",
    "USING",
    "AS",
    "AND",
    "OR",
    "NOT",
    "THEN",
    "ELSE",
    "END",
    "WHEN",
    "FETCH",
    "FOR",
    "IS",
    "IN",
    "LIKE",
    "ILIKE",
    "BETWEEN",
    "ASC",
    "DESC",
    "INTERSECT",
    "EXCEPT",
    "SELECT",
    "INTO",
    "WINDOW",
    "OPTION",
    "COLLATE",
    "SET",
    "VALUES",
    "RLIKE",
    "REGEXP",
    "DIV",
    "MOD",
    "LOCK",
    "PROCEDURE",
    "WITH",
];

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|lexed| &lexed.token)
    }

    fn position(&self) -> usize {
        let end = self.tokens.last().map_or(0, |lexed| lexed.end);
        self.tokens.get(self.at).map_or(end, |lexed| lexed.at)
    }

    fn wrong<T>(&self) -> Result<T, Wrong> {
        let near = self.tokens.get(self.at);
        let near = near.map(|lexed| self.text[lexed.at..lexed.end].to_owned());
        Err(Wrong::Syntax {
            near: near.unwrap_or_default(),
            at: self.position(),
        })
    }

    fn word_at(&self, ahead: usize) -> Option<&str> {
        match self.tokens.get(self.at + ahead).map(|lexed| &lexed.token) {
            Some(Token::Word(word)) => Some(word),
            _ => None,
        }
    }

    fn is(&self, word: &str) -> bool {
        self.word_at(0)
            .is_some_and(|own| own.eq_ignore_ascii_case(word))
    }

    fn is_then(&self, word: &str, next: &str) -> bool {
        self.is(word)
            && self
                .word_at(1)
                .is_some_and(|own| own.eq_ignore_ascii_case(next))
    }

    fn is_call(&self, word: &str) -> bool {
        let next = self.tokens.get(self.at + 1).map(|lexed| &lexed.token);
        self.is(word) && next == Some(&Token::Symbol("("))
    }

    fn eat(&mut self, word: &str) -> bool {
        let is = self.is(word);
        self.at += usize::from(is);
        is
    }

    fn symbol(&mut self, symbol: &str) -> bool {
        let is = matches!(self.peek(), Some(Token::Symbol(own)) if *own == symbol);
        self.at += usize::from(is);
        is
    }

    fn want(&mut self, symbol: &str) -> Result<(), Wrong> {
        if self.symbol(symbol) {
            Ok(())
        } else {
            self.wrong()
        }
    }

    fn want_word(&mut self, word: &str) -> Result<(), Wrong> {
        if self.eat(word) { Ok(()) } else { self.wrong() }
    }

    /// A name; one without quotes in small letters where the dialect folds it.
    fn name(&mut self) -> Result<String, Wrong> {
        let name = match self.peek() {
            Some(Token::Word(word)) if self.dialect == Dialect::Postgres => word.to_lowercase(),
            Some(Token::Word(word)) => word.clone(),
            Some(Token::Name(name)) => name.clone(),
            _ => return self.wrong(),
        };
        self.at += 1;
        Ok(name)
    }

    fn path(&mut self) -> Result<Vec<String>, Wrong> {
        let mut path = vec![self.name()?];
        while self.symbol(".") {
            // `master..sysdatabases`: the schema in between is the default one.
            if self.dialect == Dialect::Mssql && self.peek() == Some(&Token::Symbol(".")) {
                path.push("dbo".to_owned());
                continue;
            }
            path.push(self.name()?);
        }
        Ok(path)
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Wrong>) -> Result<T, Wrong> {
        if self.depth >= DEEPEST {
            return Err(Wrong::TooMuch);
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn operator(&mut self) -> Result<(), Wrong> {
        self.operators += 1;
        if self.operators > MOST_OPERATORS {
            Err(Wrong::TooMuch)
        } else {
            Ok(())
        }
    }

    /// The number of a parameter, at least 1, of which the statement then has as many.
    fn parameter(&mut self, number: usize) -> Result<usize, Wrong> {
        // 0: the next one.
        let number = if number == 0 {
            self.parameters + 1
        } else {
            number
        };
        if number > MOST_PARAMETERS {
            return Err(Wrong::TooMuch);
        }
        self.parameters = self.parameters.max(number);
        Ok(number)
    }

    fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, Wrong>,
    ) -> Result<Vec<T>, Wrong> {
        let mut list = vec![read(self)?];
        while self.symbol(",") {
            list.push(read(self)?);
        }
        Ok(list)
    }

    fn statement(&mut self) -> Result<Statement, Wrong> {
        let first = self.word_at(0).map(str::to_ascii_uppercase);
        match first.as_deref() {
            Some("SELECT" | "WITH" | "VALUES" | "TABLE") | None => {
                let query = self.query()?;
                if self.at < self.tokens.len() {
                    return self.wrong();
                }
                Ok(Statement::Query(query))
            }
            Some("INSERT" | "REPLACE") => self.insert(),
            Some("UPDATE") => self.change("UPDATE"),
            Some("DELETE") => self.change("DELETE"),
            Some(_) => Ok(Statement::Other(self.all_words())),
        }
    }

    fn all_words(&self) -> Vec<String> {
        let word = |lexed: &Lexed| match &lexed.token {
            Token::Word(word) => word.to_ascii_uppercase(),
            _ => self.text[lexed.at..lexed.end].to_owned(),
        };
        self.tokens.iter().map(word).collect()
    }

    /// `INSERT INTO t (..) VALUES (..), (..)`: how many rows there are is told by the brackets.
    fn insert(&mut self) -> Result<Statement, Wrong> {
        self.at += 1;
        while ["INTO", "IGNORE", "LOW_PRIORITY", "DELAYED"]
            .iter()
            .any(|word| self.eat(word))
        {}
        let at = self.position();
        let path = self.path()?;
        let tokens = self.tokens;
        let rest = &tokens[self.at..];
        let word = |lexed: &Lexed, is: &str| matches!(&lexed.token, Token::Word(own) if own.eq_ignore_ascii_case(is));
        let values = rest
            .iter()
            .position(|lexed| word(lexed, "VALUES") || word(lexed, "VALUE"));
        let (mut rows, mut depth) = (0, 0usize);
        for lexed in values.map_or(&[][..], |values| &rest[values..]) {
            match lexed.token {
                Token::Symbol("(") => {
                    rows += usize::from(depth == 0);
                    depth += 1;
                }
                Token::Symbol(")") => depth = depth.saturating_sub(1),
                Token::Parameter(number) => {
                    self.parameter(number)?;
                }
                _ if depth == 0 && (word(lexed, "ON") || word(lexed, "RETURNING")) => break,
                _ => {}
            }
        }
        let set = rest
            .iter()
            .any(|lexed| word(lexed, "SET") || word(lexed, "DEFAULT"));
        if values.is_none() && !set && !rest.iter().any(|lexed| word(lexed, "SELECT")) {
            self.at = self.tokens.len();
            return self.wrong();
        }
        Ok(Statement::Insert {
            path,
            rows: rows.max(usize::from(set && rows == 0)),
            at,
        })
    }

    fn change(&mut self, verb: &'static str) -> Result<Statement, Wrong> {
        self.at += 1;
        while ["FROM", "ONLY", "IGNORE", "LOW_PRIORITY", "QUICK"]
            .iter()
            .any(|word| self.eat(word))
        {}
        let at = self.position();
        let path = self.path()?;
        self.eat("AS");
        let alias = match self.word_at(0) {
            Some(word) if !is_reserved(word) => self.name()?,
            _ => path.last().cloned().unwrap_or_default(),
        };
        let mut select = Select {
            items: vec![Item {
                what: Expression::Star(None),
                alias: None,
                text: String::new(),
            }],
            from: vec![Source {
                what: From::Table {
                    path: path.clone(),
                    at,
                },
                alias,
                left: false,
                on: None,
                using: Vec::new(),
            }],
            ..Select::default()
        };
        if verb == "UPDATE" {
            self.want_word("SET")?;
            self.list(|own| {
                own.path()?;
                own.want("=")?;
                own.expression(0)
            })?;
        }
        if self.eat("WHERE") {
            select.filter = Some(self.expression(0)?);
        }
        // ORDER BY, LIMIT and RETURNING: nothing is done anyway.
        Ok(Statement::Change {
            verb,
            path,
            rows: simple(select),
        })
    }
}

fn is_reserved(word: &str) -> bool {
    RESERVED.iter().any(|own| own.eq_ignore_ascii_case(word))
}

fn simple(first: Select) -> Query {
    Query {
        with: Vec::new(),
        first,
        more: Vec::new(),
        order: Vec::new(),
        limit: None,
        offset: None,
    }
}
