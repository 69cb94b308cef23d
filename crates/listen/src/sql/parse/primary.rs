//! Reads what operators stand between: literals, columns, calls, cases, queries in brackets.

use super::{Parser, is_reserved};
use crate::sql::syntax::Expression;
use crate::sql::token::Token;
use crate::sql::value::Value;
use crate::sql::{Dialect, Wrong};

impl Parser<'_> {
    pub(super) fn primary(&mut self) -> Result<Expression, Wrong> {
        let at = self.position();
        let Some(token) = self.peek().cloned() else {
            return self.wrong();
        };
        match token {
            Token::Text(text) => {
                self.at += 1;
                // Literals that stand side by side are one.
                let mut text = text;
                while let Some(Token::Text(more)) = self.peek() {
                    text.push_str(more);
                    self.at += 1;
                }
                Ok(Expression::Value(Value::Text(text)))
            }
            Token::Number(number) => {
                self.at += 1;
                Ok(Expression::Value(as_number(&number)))
            }
            Token::Parameter(number) => {
                self.at += 1;
                let number = self.parameter(number)?;
                Ok(Expression::Parameter(number - 1))
            }
            Token::Variable(name) => {
                self.at += 1;
                Ok(Expression::Variable(name))
            }
            Token::Symbol("*") => {
                self.at += 1;
                Ok(Expression::Star(None))
            }
            Token::Symbol("(") => {
                self.at += 1;
                if self.is("SELECT") || self.is("WITH") || self.is("VALUES") {
                    let query = self.query()?;
                    self.want(")")?;
                    return Ok(Expression::Scalar(Box::new(query)));
                }
                let mut list = self.list(|own| own.expression(0))?;
                self.want(")")?;
                Ok(if list.len() == 1 {
                    list.remove(0)
                } else {
                    Expression::Array(list)
                })
            }
            Token::Word(word) => self.word(&word, at),
            Token::Name(_) => self.column(at),
            Token::Symbol(_) => self.wrong(),
        }
    }

    pub(super) fn word(&mut self, word: &str, at: usize) -> Result<Expression, Wrong> {
        let upper = word.to_ascii_uppercase();
        let literal = match upper.as_str() {
            "NULL" | "DEFAULT" => Some(Value::Null),
            "TRUE" => Some(Value::Bool(true)),
            "FALSE" => Some(Value::Bool(false)),
            _ => None,
        };
        if let Some(literal) = literal {
            self.at += 1;
            return Ok(Expression::Value(literal));
        }
        match upper.as_str() {
            "CASE" => return self.case(),
            "EXISTS" if self.is_call("EXISTS") => {
                self.at += 2;
                let query = self.query()?;
                self.want(")")?;
                return Ok(Expression::Exists(Box::new(query)));
            }
            "ARRAY" => return self.array(),
            "ROW" if self.is_call("ROW") => {
                self.at += 2;
                return self.arguments().map(Expression::Array);
            }
            "CAST" | "TRY_CAST" | "CONVERT" if self.is_call(word) => return self.cast(&upper),
            "INTERVAL" => {
                self.at += 1;
                // `INTERVAL INTERVAL ..`: each is one deeper.
                let value = self.deeper(Self::primary)?;
                if self.word_at(0).is_some_and(|word| !is_reserved(word)) {
                    self.at += 1;
                }
                return Ok(value);
            }
            "DATE" | "TIMESTAMP" | "TIME" | "BINARY" | "_UTF8MB4" | "_UTF8" | "_BINARY"
                if !matches!(
                    self.tokens.get(self.at + 1).map(|lexed| &lexed.token),
                    Some(Token::Symbol(_)) | None
                ) =>
            {
                self.at += 1;
                return self.deeper(Self::primary);
            }
            "CURRENT_USER" | "SESSION_USER" | "USER" | "CURRENT_DATE" | "CURRENT_TIMESTAMP"
            | "CURRENT_CATALOG" | "CURRENT_SCHEMA" | "CURRENT_ROLE" | "LOCALTIMESTAMP"
            | "SYSTEM_USER"
                if !self.is_call(word) =>
            {
                self.at += 1;
                let name = word.to_ascii_lowercase();
                return Ok(Expression::Call {
                    name,
                    arguments: Vec::new(),
                    distinct: false,
                    at,
                });
            }
            upper
                if is_reserved(upper)
                    && !(self.is_call(word)
                        && matches!(upper, "LEFT" | "RIGHT" | "VALUES" | "MOD")) =>
            {
                return self.wrong();
            }
            _ => {}
        }
        self.column(at)
    }

    /// A column, `table.*`, or a call.
    pub(super) fn column(&mut self, at: usize) -> Result<Expression, Wrong> {
        let mut path = vec![self.name()?];
        while self.symbol(".") {
            if self.symbol("*") {
                return Ok(Expression::Star(path.pop()));
            }
            path.push(self.name()?);
        }
        if !self.symbol("(") {
            return Ok(Expression::Column { path, at });
        }
        let name = path.pop().unwrap_or_default().to_ascii_lowercase();
        // `extract(epoch from x)`: the first word is none of ours.
        let distinct = self.eat("DISTINCT");
        let arguments = if name == "extract" {
            let part = self.name()?.to_ascii_lowercase();
            self.want_word("FROM")?;
            let mut rest = self.arguments()?;
            rest.insert(0, Expression::Value(Value::Text(part)));
            rest
        } else {
            self.arguments()?
        };
        if self.is_call("OVER") || self.is_call("FILTER") {
            return self.wrong();
        }
        Ok(Expression::Call {
            name,
            arguments,
            distinct,
            at,
        })
    }

    pub(super) fn case(&mut self) -> Result<Expression, Wrong> {
        self.at += 1;
        let of = if self.is("WHEN") {
            None
        } else {
            Some(Box::new(self.expression(0)?))
        };
        let mut when = Vec::new();
        while self.eat("WHEN") {
            self.operator()?;
            let condition = self.expression(0)?;
            self.want_word("THEN")?;
            when.push((condition, self.expression(0)?));
        }
        let otherwise = if self.eat("ELSE") {
            Some(Box::new(self.expression(0)?))
        } else {
            None
        };
        self.want_word("END")?;
        Ok(Expression::Case {
            of,
            when,
            otherwise,
        })
    }

    pub(super) fn array(&mut self) -> Result<Expression, Wrong> {
        self.at += 1;
        if self.symbol("(") {
            let query = self.query()?;
            self.want(")")?;
            return Ok(Expression::ArrayQuery(Box::new(query)));
        }
        self.want("[")?;
        if self.symbol("]") {
            return Ok(Expression::Array(Vec::new()));
        }
        let list = self.list(|own| own.expression(0))?;
        self.want("]")?;
        Ok(Expression::Array(list))
    }

    /// `CAST(x AS type)`, `CONVERT(type, x)`, `CONVERT(x USING charset)`.
    pub(super) fn cast(&mut self, name: &str) -> Result<Expression, Wrong> {
        self.at += 2;
        if name == "CONVERT" && self.dialect == Dialect::Mssql {
            let kind = self.type_name()?;
            self.want(",")?;
            let mut rest = self.arguments()?;
            if rest.is_empty() {
                return self.wrong();
            }
            return Ok(Expression::Cast(Box::new(rest.remove(0)), kind));
        }
        let what = Box::new(self.expression(0)?);
        if !(self.eat("AS") || self.eat("USING") || self.symbol(",")) {
            return self.wrong();
        }
        let kind = self.type_name()?;
        self.want(")")?;
        Ok(Expression::Cast(what, kind))
    }
}

fn as_number(text: &str) -> Value {
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return i64::from_str_radix(hex, 16).map_or(Value::Null, Value::Int);
    }
    match text.parse() {
        Ok(number) => Value::Int(number),
        // Kept as written: 1.50 is not 1.5.
        Err(_) => Value::Text(text.to_owned()),
    }
}
