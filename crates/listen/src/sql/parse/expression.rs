//! Reads expressions: operators by how strongly they bind.

use super::Parser;
use crate::sql::syntax::Expression;
use crate::sql::token::Token;
use crate::sql::{Dialect, Wrong};

impl Parser<'_> {
    pub(super) fn expression(&mut self, least: u8) -> Result<Expression, Wrong> {
        self.deeper(|own| own.expression_here(least))
    }

    pub(super) fn expression_here(&mut self, least: u8) -> Result<Expression, Wrong> {
        let mut left = self.prefix()?;
        loop {
            let Some((symbol, power)) = self.infix() else {
                return Ok(left);
            };
            if power < least {
                return Ok(left);
            }
            self.operator()?;
            left = self.rest(left, symbol, power)?;
        }
    }

    pub(super) fn prefix(&mut self) -> Result<Expression, Wrong> {
        if self.eat("NOT") || self.symbol("!") {
            self.operator()?;
            return Ok(Expression::Not(Box::new(self.expression(30)?)));
        }
        if self.symbol("-") {
            self.operator()?;
            return Ok(Expression::Minus(Box::new(self.expression(70)?)));
        }
        if self.symbol("+") || self.symbol("~") {
            self.operator()?;
            return self.expression(70);
        }
        self.primary()
    }

    /// The operator that comes next, and how strongly it binds.
    pub(super) fn infix(&self) -> Option<(&'static str, u8)> {
        match self.peek()? {
            Token::Symbol(symbol) => Some(match *symbol {
                "||" if self.dialect == Dialect::Mysql => ("OR", 10),
                "&&" if self.dialect == Dialect::Mysql => ("AND", 20),
                "=" | "<" | ">" | "<=" | ">=" | "<>" | "!=" | "<=>" => (symbol, 40),
                "~" | "!~" | "~*" | "!~*" | "~~" | "!~~" | "~~*" | "!~~*" | "||" | "->" | "->>"
                | "&" | "|" | "<<" | ">>" | "#" => (symbol, 50),
                "+" | "-" => (symbol, 60),
                "*" | "/" | "%" => (symbol, 65),
                "::" => ("::", 90),
                "[" => ("[", 90),
                _ => return None,
            }),
            Token::Word(word) => Some(match word.to_ascii_uppercase().as_str() {
                "OR" => ("OR", 10),
                "XOR" => ("XOR", 10),
                "AND" => ("AND", 20),
                "IS" => ("IS", 35),
                "NOT" if self.word_at(1).is_some() => ("NOT", 45),
                "IN" => ("IN", 45),
                "LIKE" => ("LIKE", 45),
                "ILIKE" => ("ILIKE", 45),
                "RLIKE" | "REGEXP" => ("~*", 45),
                "BETWEEN" => ("BETWEEN", 45),
                "COLLATE" => ("COLLATE", 85),
                "OPERATOR" => ("OPERATOR", 50),
                "DIV" => ("DIV", 65),
                "MOD" => ("%", 65),
                "AT" if self
                    .word_at(1)
                    .is_some_and(|word| word.eq_ignore_ascii_case("TIME")) =>
                {
                    ("AT", 80)
                }
                _ => return None,
            }),
            _ => None,
        }
    }

    pub(super) fn rest(
        &mut self,
        left: Expression,
        symbol: &'static str,
        power: u8,
    ) -> Result<Expression, Wrong> {
        self.at += 1;
        let left = Box::new(left);
        Ok(match symbol {
            "NOT" => {
                let Some((symbol @ ("IN" | "LIKE" | "ILIKE" | "BETWEEN" | "~*"), power)) =
                    self.infix()
                else {
                    return self.wrong();
                };
                self.operator()?;
                Expression::Not(Box::new(self.rest(*left, symbol, power)?))
            }
            "IS" => self.is_what(left)?,
            "IN" => self.in_what(left)?,
            "LIKE" | "ILIKE" => {
                let pattern = Box::new(self.expression(power + 1)?);
                if self.eat("ESCAPE") {
                    self.deeper(Self::primary)?;
                }
                let fold = symbol == "ILIKE" || self.dialect != Dialect::Postgres;
                Expression::Like {
                    what: left,
                    pattern,
                    fold,
                }
            }
            "BETWEEN" => {
                let low = Box::new(self.expression(power + 1)?);
                self.want_word("AND")?;
                let high = Box::new(self.expression(power + 1)?);
                // One node: as two comparisons the left side would stand twice, and double with each BETWEEN in it.
                Expression::Between(left, low, high)
            }
            "COLLATE" => {
                self.path()?;
                *left
            }
            "AT" => {
                self.at += 2;
                self.deeper(Self::primary)?;
                *left
            }
            "OPERATOR" => {
                self.want("(")?;
                while self.word_at(0).is_some() || self.peek() == Some(&Token::Symbol(".")) {
                    self.at += 1;
                }
                let Some((symbol, _)) = self.infix() else {
                    return self.wrong();
                };
                self.at += 1;
                self.want(")")?;
                Expression::Binary(symbol, left, Box::new(self.expression(power + 1)?))
            }
            "::" => Expression::Cast(left, self.type_name()?),
            "[" => {
                let index = self.expression(0)?;
                self.want("]")?;
                Expression::Binary("[", left, Box::new(index))
            }
            symbol => {
                let any = ["ANY", "ALL", "SOME"].iter().any(|word| self.is_call(word));
                if any {
                    self.at += 2;
                    let list = if self.is("SELECT") {
                        Expression::ArrayQuery(Box::new(self.query()?))
                    } else {
                        self.expression(0)?
                    };
                    self.want(")")?;
                    return Ok(Expression::Any(symbol, left, Box::new(list)));
                }
                Expression::Binary(symbol, left, Box::new(self.expression(power + 1)?))
            }
        })
    }

    pub(super) fn is_what(&mut self, left: Box<Expression>) -> Result<Expression, Wrong> {
        let not = self.eat("NOT");
        if not {
            self.operator()?;
        }
        let is = if self.eat("NULL") || self.eat("UNKNOWN") {
            Expression::IsNull(left)
        } else if self.eat("TRUE") {
            Expression::Is(left, true)
        } else if self.eat("FALSE") {
            Expression::Is(left, false)
        } else if self.is_then("DISTINCT", "FROM") {
            self.at += 2;
            self.operator()?;
            let same = Expression::Binary("<=>", left, Box::new(self.expression(41)?));
            Expression::Not(Box::new(same))
        } else {
            return self.wrong();
        };
        Ok(if not {
            Expression::Not(Box::new(is))
        } else {
            is
        })
    }

    pub(super) fn in_what(&mut self, left: Box<Expression>) -> Result<Expression, Wrong> {
        self.want("(")?;
        if self.is("SELECT") || self.is("WITH") {
            let query = self.query()?;
            self.want(")")?;
            return Ok(Expression::InQuery(left, Box::new(query)));
        }
        let list = self.list(|own| own.expression(0))?;
        self.want(")")?;
        Ok(Expression::In(left, list))
    }

    /// A type's name, without its schema and measures.
    pub(super) fn type_name(&mut self) -> Result<String, Wrong> {
        let mut name = self.path()?.pop().unwrap_or_default().to_ascii_lowercase();
        for more in ["PRECISION", "VARYING", "UNSIGNED", "SIGNED", "INTEGER"] {
            if self.eat(more) {
                name += " ";
                name += &more.to_ascii_lowercase();
            }
        }
        if self.symbol("(") {
            self.arguments()?;
        }
        if self.is("WITH") || self.is("WITHOUT") {
            self.at += 3;
        }
        while self.symbol("[") {
            self.want("]")?;
            name += "[]";
        }
        Ok(name)
    }

    /// Arguments up to the closing bracket.
    pub(super) fn arguments(&mut self) -> Result<Vec<Expression>, Wrong> {
        if self.symbol(")") {
            return Ok(Vec::new());
        }
        let list = self.list(|own| {
            if own.symbol("*") {
                return Ok(Expression::Star(None));
            }
            let argument = own.expression(0)?;
            // `substring(a from 1 for 2)`, `trim(both from a)`, `group_concat(a separator ',')`
            Ok(argument)
        })?;
        let mut list = list;
        loop {
            if self.symbol(")") {
                return Ok(list);
            }
            if self.is_then("ORDER", "BY") {
                self.at += 2;
                self.list(|own| {
                    own.expression(0)?;
                    let _ = own.eat("DESC") || own.eat("ASC");
                    Ok(())
                })?;
                continue;
            }
            if !["FROM", "FOR", "IN", "USING", "SEPARATOR", "AS"]
                .iter()
                .any(|word| self.eat(word))
            {
                return self.wrong();
            }
            list.push(self.expression(0)?);
        }
    }
}
