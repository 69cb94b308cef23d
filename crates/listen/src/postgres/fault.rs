//! Errors in PostgreSQL's words, with their codes and the place in its source where they are made.
//! (<https://www.postgresql.org/docs/current/errcodes-appendix.html>)

use super::wire::{Out, text};
use crate::sql::{Type, Wrong};

/// An error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) hint: Option<&'static str>,
    pub(super) detail: Option<&'static str>,
    /// Where in the statement, in characters from 1.
    pub(super) position: Option<u32>,
    /// File, line and function. The lines are those of release 15.18; other releases differ by a few.
    pub(super) made: (&'static str, u32, &'static str),
}

impl Fault {
    pub(super) fn new(
        code: &'static str,
        message: impl Into<String>,
        made: (&'static str, u32, &'static str),
    ) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
            detail: None,
            position: None,
            made,
        }
    }

    /// Writes it. What is `FATAL` ends the connection.
    pub(super) fn write(&self, severity: &str, out: &mut Out) {
        out.message(b'E', |out| {
            let mut field = |sign: u8, value: &str| {
                out.push(sign);
                text(out, value);
            };
            field(b'S', severity);
            field(b'V', severity);
            field(b'C', self.code);
            field(b'M', &self.message);
            if let Some(detail) = self.detail {
                field(b'D', detail);
            }
            if let Some(hint) = self.hint {
                field(b'H', hint);
            }
            if let Some(position) = self.position {
                field(b'P', &position.to_string());
            }
            let (file, line, function) = self.made;
            field(b'F', file);
            field(b'L', &line.to_string());
            field(b'R', function);
            out.push(0);
        });
    }
}

/// The user or the password is wrong, or retired: it is said in the same words.
pub(super) fn refused(user: &str) -> Fault {
    let message = format!("password authentication failed for user \"{user}\"");
    Fault::new("28P01", message, ("auth.c", 334, "auth_failed"))
}

pub(super) fn no_database(name: &str) -> Fault {
    Fault::new(
        "3D000",
        format!("database \"{name}\" does not exist"),
        ("postinit.c", 948, "InitPostgres"),
    )
}

pub(super) fn denied(what: &str, name: &str) -> Fault {
    Fault::new(
        "42501",
        format!("permission denied for {what} {name}"),
        ("aclchk.c", 3650, "aclcheck_error"),
    )
}

pub(super) fn no_relation(name: &str, position: Option<u32>) -> Fault {
    let message = format!("relation \"{name}\" does not exist");
    let fault = Fault::new(
        "42P01",
        message,
        ("parse_relation.c", 1392, "parserOpenTable"),
    );
    Fault { position, ..fault }
}

pub(super) fn aborted() -> Fault {
    let message = "current transaction is aborted, commands ignored until end of transaction block";
    Fault::new("25P02", message, ("postgres.c", 1081, "exec_simple_query"))
}

pub(super) fn violation(message: &str) -> Fault {
    Fault::new("08P01", message, ("postgres.c", 4500, "PostgresMain"))
}

/// The number of the character at a byte, from 1.
pub(super) fn character(statement: &str, at: usize) -> Option<u32> {
    let before = statement
        .get(..at)
        .map_or(0, |before| before.chars().count());
    u32::try_from(before + 1).ok()
}

/// What is wrong with a statement, said as PostgreSQL says it.
pub(super) fn of(wrong: Wrong, statement: &str) -> Fault {
    let position = |at: usize| character(statement, at);
    match wrong {
        Wrong::Syntax { near, at } => {
            let message = match near.as_str() {
                "" => "syntax error at end of input".to_owned(),
                near => format!("syntax error at or near \"{near}\""),
            };
            let fault = Fault::new("42601", message, ("scan.l", 1188, "scanner_yyerror"));
            Fault {
                position: position(at),
                ..fault
            }
        }
        Wrong::Open { at } => {
            let rest = statement.get(at..).unwrap_or_default();
            let message = format!("unterminated quoted string at or near \"{rest}\"");
            let fault = Fault::new("42601", message, ("scan.l", 1188, "scanner_yyerror"));
            Fault {
                position: position(at),
                ..fault
            }
        }
        Wrong::Table { schema, name, at } => match name.as_str() {
            "pg_authid" => denied("table", &name),
            "pg_shadow" => denied("view", &name),
            _ => {
                let full = schema.map_or(name.clone(), |schema| format!("{schema}.{name}"));
                no_relation(&full, position(at))
            }
        },
        Wrong::Column { table, name, at } => {
            let message = match table {
                Some(table) => format!("column {table}.{name} does not exist"),
                None => format!("column \"{name}\" does not exist"),
            };
            let fault = Fault::new(
                "42703",
                message,
                ("parse_relation.c", 3665, "errorMissingColumn"),
            );
            Fault {
                position: position(at),
                ..fault
            }
        }
        Wrong::Function {
            name,
            arguments,
            at,
        } => {
            let arguments: Vec<_> = arguments.into_iter().map(type_name).collect();
            let message = format!("function {name}({}) does not exist", arguments.join(", "));
            let fault = Fault::new("42883", message, ("parse_func.c", 629, "ParseFuncOrColumn"));
            Fault {
                hint: Some(
                    "No function matches the given name and argument types. You might need to add explicit type casts.",
                ),
                position: position(at),
                ..fault
            }
        }
        Wrong::Zero => Fault::new("22012", "division by zero", ("int.c", 869, "int4div")),
        Wrong::TooMuch => {
            let message = "canceling statement due to statement timeout";
            Fault::new("57014", message, ("postgres.c", 3388, "ProcessInterrupts"))
        }
    }
}

/// A type's full name.
pub(super) fn type_name(kind: Type) -> String {
    match kind {
        Type::Bool => "boolean",
        Type::Int => "integer",
        Type::Big => "bigint",
        Type::Double => "double precision",
        Type::Amount => "numeric",
        Type::Text(None) => "text",
        Type::Text(Some(_)) => "character varying",
        Type::Moment => "timestamp without time zone",
        Type::Zoned => "timestamp with time zone",
        Type::Date => "date",
        Type::Oid => "oid",
        Type::Name => "name",
        Type::Char => "\"char\"",
        Type::Array => "text[]",
        Type::Unknown => "unknown",
    }
    .to_owned()
}
