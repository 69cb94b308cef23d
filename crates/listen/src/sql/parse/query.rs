//! Reads queries: what is chosen, from where, in which order.

use super::{Parser, is_reserved};
use crate::sql::syntax::{Expression, From, Item, Order, Query, Select, Source};
use crate::sql::token::Token;
use crate::sql::{Dialect, Wrong};

impl Parser<'_> {
    pub(super) fn query(&mut self) -> Result<Query, Wrong> {
        self.deeper(Self::query_here)
    }

    pub(super) fn query_here(&mut self) -> Result<Query, Wrong> {
        let mut with = Vec::new();
        if self.eat("WITH") {
            self.eat("RECURSIVE");
            with = self.list(|own| {
                let name = own.name()?;
                if own.symbol("(") {
                    own.list(Self::name)?;
                    own.want(")")?;
                }
                own.want_word("AS")?;
                own.eat("NOT");
                own.eat("MATERIALIZED");
                own.want("(")?;
                let query = own.query()?;
                own.want(")")?;
                Ok((name, query))
            })?;
        }
        let mut top = None;
        let first = self.select(&mut top)?;
        let mut more = Vec::new();
        while self.eat("UNION") {
            self.operator()?;
            let all = self.eat("ALL");
            self.eat("DISTINCT");
            more.push((all, self.select(&mut top)?));
        }
        let mut query = Query {
            with,
            first,
            more,
            order: Vec::new(),
            limit: top,
            offset: None,
        };
        self.tail(&mut query)?;
        Ok(query)
    }

    /// ORDER BY and how many rows.
    pub(super) fn tail(&mut self, query: &mut Query) -> Result<(), Wrong> {
        if self.is_then("ORDER", "BY") {
            self.at += 2;
            query.order = self.list(|own| {
                let by = own.expression(0)?;
                let descending = own.eat("DESC");
                own.eat("ASC");
                if own.eat("NULLS") {
                    own.at += 1;
                }
                Ok(Order { by, descending })
            })?;
        }
        loop {
            if self.eat("LIMIT") {
                if self.eat("ALL") {
                    continue;
                }
                let first = self.expression(0)?;
                if self.symbol(",") {
                    query.offset = Some(first);
                    query.limit = Some(self.expression(0)?);
                } else {
                    query.limit = Some(first);
                }
            } else if self.eat("OFFSET") {
                query.offset = Some(self.expression(0)?);
                let _ = self.eat("ROWS") || self.eat("ROW");
            } else if self.eat("FETCH") {
                let _ = self.eat("FIRST") || self.eat("NEXT");
                query.limit = Some(self.expression(0)?);
                let _ = self.eat("ROWS") || self.eat("ROW");
                self.want_word("ONLY")?;
            } else if self.is_then("FOR", "UPDATE") || self.is_then("FOR", "SHARE") {
                self.at += 2;
            } else {
                return Ok(());
            }
        }
    }

    pub(super) fn select(&mut self, top: &mut Option<Expression>) -> Result<Select, Wrong> {
        if self.symbol("(") {
            let query = self.query()?;
            self.want(")")?;
            return Ok(whole(query));
        }
        if self.eat("TABLE") {
            let at = self.position();
            let path = self.path()?;
            return Ok(all_of(From::Table { path, at }));
        }
        let mut select = Select::default();
        if self.eat("VALUES") {
            select.values = self.list(|own| {
                own.want("(")?;
                let row = own.list(|own| own.expression(0))?;
                own.want(")")?;
                Ok(row)
            })?;
            return Ok(select);
        }
        self.want_word("SELECT")?;
        loop {
            if self.eat("DISTINCT") {
                select.distinct = true;
            } else if self.eat("TOP") {
                let bracket = self.symbol("(");
                *top = Some(self.primary()?);
                if bracket {
                    self.want(")")?;
                }
            } else if ![
                "ALL",
                "SQL_NO_CACHE",
                "SQL_CALC_FOUND_ROWS",
                "HIGH_PRIORITY",
                "STRAIGHT_JOIN",
            ]
            .iter()
            .any(|word| self.eat(word))
            {
                break;
            }
        }
        select.items = self.list(Self::item)?;
        if self.eat("FROM") {
            self.sources(&mut select.from)?;
        }
        if self.eat("WHERE") {
            select.filter = Some(self.expression(0)?);
        }
        if self.is_then("GROUP", "BY") {
            self.at += 2;
            select.group = self.list(|own| own.expression(0))?;
        }
        if self.eat("HAVING") {
            select.having = Some(self.expression(0)?);
        }
        Ok(select)
    }

    pub(super) fn item(&mut self) -> Result<Item, Wrong> {
        let from = self.position();
        let what = self.expression(0)?;
        let end = self
            .tokens
            .get(self.at.saturating_sub(1))
            .map_or(from, |lexed| lexed.end);
        let text = self.text.get(from..end).unwrap_or_default().to_owned();
        let alias = self.alias()?;
        Ok(Item { what, alias, text })
    }

    pub(super) fn alias(&mut self) -> Result<Option<String>, Wrong> {
        if self.eat("AS") {
            if let Some(Token::Text(text)) = self.peek() {
                let text = text.clone();
                self.at += 1;
                return Ok(Some(text));
            }
            return self.name().map(Some);
        }
        match self.peek() {
            Some(Token::Word(word)) if !is_reserved(word) => self.name().map(Some),
            Some(Token::Name(_)) => self.name().map(Some),
            Some(Token::Text(text)) if self.dialect != Dialect::Postgres => {
                let text = text.clone();
                self.at += 1;
                Ok(Some(text))
            }
            _ => Ok(None),
        }
    }

    pub(super) fn sources(&mut self, from: &mut Vec<Source>) -> Result<(), Wrong> {
        self.source(from, false)?;
        loop {
            if self.symbol(",") {
                self.operator()?;
                self.source(from, false)?;
                continue;
            }
            self.eat("NATURAL");
            let left = self.is("LEFT") || self.is("FULL");
            let side = ["LEFT", "RIGHT", "FULL", "INNER", "CROSS"]
                .iter()
                .any(|word| self.eat(word));
            self.eat("OUTER");
            if !self.eat("JOIN") {
                if side {
                    return self.wrong();
                }
                return Ok(());
            }
            self.operator()?;
            let bracket = self.symbol("(");
            let first = from.len();
            if bracket {
                self.sources(from)?;
                self.want(")")?;
            } else {
                self.source(from, left)?;
            }
            let last = from.len() - 1;
            if self.eat("ON") {
                let on = self.expression(0)?;
                from[if bracket { last } else { first }].on = Some(on);
            } else if self.eat("USING") {
                self.want("(")?;
                from[first].using = self.list(Self::name)?;
                self.want(")")?;
            }
        }
    }

    pub(super) fn source(&mut self, from: &mut Vec<Source>, left: bool) -> Result<(), Wrong> {
        self.eat("LATERAL");
        self.eat("ONLY");
        let at = self.position();
        let (what, own_name) = if self.symbol("(") {
            if self.is("SELECT")
                || self.is("WITH")
                || self.is("VALUES")
                || self.peek() == Some(&Token::Symbol("("))
            {
                let query = self.query()?;
                self.want(")")?;
                (From::Query(Box::new(query)), String::new())
            } else {
                self.deeper(|own| own.sources(from))?;
                return self.want(")");
            }
        } else {
            if self.word_at(0).is_some_and(is_reserved) {
                return self.wrong();
            }
            let path = self.path()?;
            let own_name = path.last().cloned().unwrap_or_default();
            if self.symbol("(") {
                let arguments = self.arguments()?;
                (
                    From::Call {
                        name: own_name.clone(),
                        arguments,
                    },
                    own_name,
                )
            } else {
                (From::Table { path, at }, own_name)
            }
        };
        if self.is_then("WITH", "ORDINALITY") {
            self.at += 2;
        }
        let alias = self.alias()?.unwrap_or(own_name);
        if self.symbol("(") {
            self.list(Self::name)?;
            self.want(")")?;
        }
        // Locking hints: `WITH (NOLOCK)`.
        if self.is_call("WITH") {
            self.at += 2;
            self.list(Self::name)?;
            self.want(")")?;
        }
        from.push(Source {
            what,
            alias,
            left,
            on: None,
            using: Vec::new(),
        });
        Ok(())
    }
}

fn all_of(what: From) -> Select {
    let source = Source {
        what,
        alias: "t".to_owned(),
        left: false,
        on: None,
        using: Vec::new(),
    };
    let item = Item {
        what: Expression::Star(None),
        alias: None,
        text: "*".to_owned(),
    };
    Select {
        items: vec![item],
        from: vec![source],
        ..Select::default()
    }
}

/// A query in brackets as a member of a union.
fn whole(query: Query) -> Select {
    all_of(From::Query(Box::new(query)))
}
