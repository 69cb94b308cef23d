//! Statements that are no queries: they are answered as if they were done. And what is wrong, in the server's words.

use super::{IN_TRANSACTION, Outcome, Session};
use crate::mysql::Fault;
use crate::sql::{Part, Wrong};

impl Session {
    pub(super) fn other(
        &mut self,
        words: &[String],
        part: &Part,
        text: &str,
    ) -> Result<Outcome, Fault> {
        if let Some(answer) = self.world.show(words) {
            return answer.map(Outcome::Rows);
        }
        let word = |at: usize| words.get(at).map_or("", String::as_str);
        let denied = |right: &str| {
            let words = format!(
                "Access denied; you need (at least one of) the {right} privilege(s) for this operation"
            );
            Err(Fault(1227, "42000", words))
        };
        match word(0) {
            "USE" => {
                let name = part
                    .tokens
                    .get(1)
                    .map(|lexed| text[lexed.at..lexed.end].trim_matches('`').to_owned());
                self.enter(&name.unwrap_or_default())?;
            }
            "BEGIN" | "START" => self.status |= IN_TRANSACTION,
            "COMMIT" | "ROLLBACK" => self.status &= !IN_TRANSACTION,
            "SET" if word(1) == "GLOBAL" || word(1) == "PASSWORD" => return denied("SUPER"),
            "LOAD" => {
                // The server asks for a file of the client's only if it is set up to; this one never is.
                let words = if words.iter().any(|word| word == "LOCAL") {
                    let server = if self.world.mariadb() {
                        "MariaDB server"
                    } else {
                        "MySQL server"
                    };
                    return Err(match self.world.mariadb() {
                        true => Fault(4166, "HY000", format!("The used command is not allowed because the {server} or client has disabled the local infile capability")),
                        false => Fault(3948, "42000", "Loading local data is disabled; this must be enabled on both the client and server sides".to_owned()),
                    });
                } else {
                    format!(
                        "Access denied for user '{}'@'%' (using password: YES)",
                        self.world.user
                    )
                };
                return Err(Fault(1045, "28000", words));
            }
            "CREATE" | "DROP" | "ALTER" | "GRANT" | "REVOKE"
                if words.iter().any(|word| word == "USER")
                    || matches!(word(0), "GRANT" | "REVOKE") =>
            {
                return denied("CREATE USER");
            }
            "CREATE" | "DROP" if matches!(word(1), "DATABASE" | "SCHEMA") => {
                let name = words
                    .last()
                    .map_or("", String::as_str)
                    .trim_matches('`')
                    .to_lowercase();
                return Err(self.world.no_database(&name));
            }
            "DROP" if word(1) == "TABLE" && word(2) != "IF" => {
                let name = word(2).trim_matches('`').to_lowercase();
                if !self.world.here().iter().any(|table| table.name == name) {
                    let database = self.world.database.clone().unwrap_or_default();
                    return Err(Fault(
                        1051,
                        "42S02",
                        format!("Unknown table '{database}.{name}'"),
                    ));
                }
            }
            "SET" | "CREATE" | "DROP" | "ALTER" | "TRUNCATE" | "RENAME" | "LOCK" | "UNLOCK"
            | "FLUSH" | "ANALYZE" | "OPTIMIZE" | "CHECK" | "REPAIR" | "SAVEPOINT" | "RELEASE"
            | "DO" | "CALL" | "HANDLER" | "PREPARE" | "EXECUTE" | "DEALLOCATE" | "XA" => {}
            "KILL" | "SHUTDOWN" | "INSTALL" | "UNINSTALL" | "CHANGE" | "RESET" | "PURGE" => {
                return denied("SUPER");
            }
            _ => {
                let at = part.tokens.first().map_or(0, |lexed| lexed.at);
                return Err(self.world.wrong_syntax(&text[at..], 1));
            }
        }
        Ok(Outcome::Done(0))
    }

    /// What is wrong, in the server's words.
    pub(super) fn fault(&self, wrong: Wrong, text: &str) -> Fault {
        let world = &self.world;
        match wrong {
            Wrong::Syntax { at, .. } | Wrong::Open { at } => {
                let line = text
                    .get(..at)
                    .map_or(1, |before| before.matches('\n').count() + 1);
                world.wrong_syntax(text.get(at..).unwrap_or_default(), line)
            }
            Wrong::Table { schema, name, .. } => match schema.or_else(|| world.database.clone()) {
                None => Fault(1046, "3D000", "No database selected".to_owned()),
                Some(database) if database == world.own.name => world.no_table(&database, &name),
                Some(database) if database.eq_ignore_ascii_case("information_schema") => Fault(
                    1109,
                    "42S02",
                    format!("Unknown table '{name}' in information_schema"),
                ),
                Some(database) => {
                    let about = if world.mariadb() {
                        format!("`{database}`.`{name}`")
                    } else {
                        format!("'{name}'")
                    };
                    let words = format!(
                        "SELECT command denied to user '{}'@'{}' for table {about}",
                        world.user, world.host
                    );
                    Fault(1142, "42000", words)
                }
            },
            Wrong::Column { table, name, .. } => {
                let full = table.map_or(name.clone(), |table| format!("{table}.{name}"));
                let place = if world.system.release.mysql.starts_with("10.11") {
                    "SELECT"
                } else {
                    "field list"
                };
                Fault(
                    1054,
                    "42S22",
                    format!("Unknown column '{full}' in '{place}'"),
                )
            }
            Wrong::Function { name, .. } => {
                let database = world.database.clone().unwrap_or_default();
                Fault(
                    1305,
                    "42000",
                    format!("FUNCTION {database}.{name} does not exist"),
                )
            }
            Wrong::Zero => Fault(1365, "22012", "Division by 0".to_owned()),
            Wrong::TooMuch => Fault(1317, "70100", "Query execution was interrupted".to_owned()),
        }
    }
}
