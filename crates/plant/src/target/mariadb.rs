//! MariaDB and MySQL rows, `mariadb://user@host/db?table=name`, over their own protocol. The password is
//! the address's, `MYSQL_PWD`'s or `~/.my.cnf`'s, as with `mariadb`; it is never recorded.

mod making;
mod schema;

use std::time::Duration;

use mysql::prelude::Queryable as _;
use mysql::{Conn, OptsBuilder, Params};

use super::server::Server;
use crate::error::PlantError;
use crate::table::address::{self, Address, Said, Scheme};
use crate::table::dialect::Dialect;
use crate::table::making::{Login, Making, View};
use crate::table::session::{self, Access, Child, Counter, Described, Raw, Session};
use crate::table::{Cell, Column, Sort, Table, Value};

/// The target.
pub(crate) static MARIADB: Server = Server {
    name: "mariadb",
    summary: "a row in a table of a MariaDB or MySQL database",
    scheme: &SCHEME,
    dialect: Dialect::Mariadb,
    open,
};

const SCHEME: Scheme = Scheme {
    names: &["mariadb", "mysql"],
    port: 3306,
    socket: "socket",
    schema: "",
    example: "mariadb://user@host/db?table=users",
};
/// How long the server may take to accept the connection, and to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where Debian's server has its socket.
const SOCKET: &str = "/run/mysqld/mysqld.sock";
/// Nothing is silently cut or zeroed; zero is a number; times in one zone.
const SETTINGS: [&str; 3] = [
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'",
    "SET NAMES utf8mb4",
    "SET SESSION lock_wait_timeout = 5, innodb_lock_wait_timeout = 5, time_zone = '+00:00'",
];

fn open(address: &Address, access: Access) -> Result<Box<dyn Session>, PlantError> {
    address.require_near()?;
    let here = address.host.is_empty() || address.host == "localhost";
    let socket = match &address.socket {
        Some(path) => Some(path.display().to_string()),
        None if here && address.port == SCHEME.port && std::path::Path::new(SOCKET).exists() => {
            Some(SOCKET.to_owned())
        }
        None => None,
    };
    let host = if here { "127.0.0.1" } else { &address.host };
    let options = OptsBuilder::new()
        .user(Some(&address.user))
        .pass(password(address))
        .db_name(Some(&address.database))
        .tcp_port(address.port)
        .ip_or_hostname(Some(host))
        .prefer_socket(false)
        .tcp_connect_timeout(Some(PATIENCE))
        .read_timeout(Some(PATIENCE * 6))
        .write_timeout(Some(PATIENCE))
        .local_infile_handler(None)
        .socket(socket);
    let failed = address.failed("connect to the database");
    let mut client = Conn::new(options).map_err(said).map_err(&failed)?;
    for setting in SETTINGS {
        client.query_drop(setting).map_err(said).map_err(&failed)?;
    }
    // MySQL keeps statistics of tables, the counter among them, for a day; MariaDB has no such setting.
    let _ = client.query_drop("SET SESSION information_schema_stats_expiry = 0");
    if access == Access::Read {
        let only = "SET SESSION TRANSACTION READ ONLY";
        client.query_drop(only).map_err(said).map_err(&failed)?;
    }
    Ok(Box::new(Connection { client }))
}

/// The address's password, else where `mariadb` looks.
fn password(address: &Address) -> Option<String> {
    let environment = || address::variable("MYSQL_PWD");
    let file = || {
        option(
            &address::private_file(&address::home()?.join(".my.cnf"))?,
            &address.user,
        )
    };
    address.password.clone().or_else(environment).or_else(file)
}

/// The password of the client's section, if that is for this user or for anybody.
fn option(text: &str, user: &str) -> Option<String> {
    let (mut ours, mut named, mut password) = (false, None, None);
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            ours = ["client", "client-mariadb", "client-server"].contains(&section);
        } else if let (true, Some((name, value))) = (ours, line.split_once('=')) {
            let value = value.trim().trim_matches(['"', '\'']).to_owned();
            match name.trim() {
                "user" => named = Some(value),
                "password" => password = Some(value),
                _ => {}
            }
        }
    }
    password.filter(|_| named.is_none_or(|named| named == user))
}

/// The server's message. One that quotes a value is cut before it.
#[expect(clippy::needless_pass_by_value, reason = "it is a conversion")]
fn said(error: mysql::Error) -> Said {
    match &error {
        mysql::Error::MySqlError(said) => Said(unquoted(said.code, &said.message)),
        other => Said(other.to_string()),
    }
}

/// `Duplicate entry 'x' for key 'y'` and `Incorrect ... value: 'x' for column` hold what is in rows.
fn unquoted(code: u16, message: &str) -> String {
    const QUOTING: [u16; 4] = [1062, 1292, 1366, 1586];
    let mut parts: Vec<&str> = message.split('\'').collect();
    if QUOTING.contains(&code) && parts.len() > 2 {
        parts[1] = "…";
    }
    parts.join("'")
}

struct Connection {
    client: Conn,
}

fn parameters(values: &[Value]) -> Params {
    let one = |value: &Value| match value {
        Value::Null => mysql::Value::NULL,
        Value::Integer(number) => mysql::Value::Int(*number),
        Value::Real(number) => mysql::Value::Double(*number),
        Value::Text(text) => mysql::Value::Bytes(text.clone().into_bytes()),
        Value::Blob(bytes) => mysql::Value::Bytes(bytes.clone()),
    };
    if values.is_empty() {
        return Params::Empty;
    }
    Params::Positional(values.iter().map(one).collect())
}

impl Connection {
    /// A statement with values, in the protocol for them; one without, as text.
    fn ask(&mut self, sql: &str, values: &[Value]) -> Result<Vec<mysql::Row>, Said> {
        if values.is_empty() {
            return self.client.query(sql).map_err(said);
        }
        self.client.exec(sql, parameters(values)).map_err(said)
    }
}

impl Session for Connection {
    fn dialect(&self) -> Dialect {
        Dialect::Mariadb
    }

    fn shown(&self, column: &Column) -> String {
        let name = self.quote(&column.name);
        if column.sort == Sort::Binary {
            return name;
        }
        format!("CAST({name} AS CHAR)")
    }

    fn mark(&self, _column: &Column, _at: usize) -> String {
        "?".to_owned()
    }

    fn same(&self, column: &Column, _at: usize) -> String {
        let name = self.quote(&column.name);
        // A float is never equal to what it is written as.
        if column.declared.starts_with("float") || column.sort == Sort::Other {
            return format!("{} <=> ?", self.shown(column));
        }
        format!("{name} <=> ?")
    }

    fn run(&mut self, sql: &str, values: &[Value]) -> Result<u64, Said> {
        self.ask(sql, values)?;
        Ok(self.client.affected_rows())
    }

    fn rows(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Vec<Raw>>, Said> {
        let rows = self.ask(sql, values)?;
        let field = |value: mysql::Value| match value {
            mysql::Value::NULL => None,
            mysql::Value::Bytes(bytes) => Some(bytes),
            mysql::Value::Int(number) => Some(number.to_string().into_bytes()),
            mysql::Value::UInt(number) => Some(number.to_string().into_bytes()),
            other => Some(other.as_sql(true).trim_matches('\'').as_bytes().to_vec()),
        };
        Ok(rows
            .into_iter()
            .map(|row| row.unwrap().into_iter().map(field).collect())
            .collect())
    }

    fn describe(&mut self, table: &str) -> Result<Option<Described>, Said> {
        schema::describe(self, table)
    }

    fn tables(&mut self) -> Result<Vec<String>, Said> {
        schema::tables(self)
    }

    fn children(&mut self, table: &Table) -> Result<Vec<Child>, Said> {
        schema::children(self, table)
    }

    fn received(&self, _column: &Column, raw: Raw) -> Raw {
        raw
    }

    fn insert(&mut self, table: &Table, cells: &[Cell]) -> Result<Vec<Cell>, Said> {
        let (sql, values) = session::insertion(self, table, cells, "");
        self.run(&sql, &values)?;
        let counted = self.client.last_insert_id();
        let key = table.primary.iter().map(|name| {
            let given = cells.iter().find(|cell| cell.column == *name);
            let number = i64::try_from(counted).ok().map(Value::Integer);
            let value = given.map(|cell| cell.value.clone()).or(number);
            Cell::new(name, value.unwrap_or(Value::Null), false)
        });
        Ok(key.collect())
    }

    /// A number below those in use: one above would be counted past.
    fn uncounted(&mut self, table: &Table, column: &Column) -> Result<i64, Said> {
        let name = self.quote(&column.name);
        let from = self.quote(&table.name);
        let sql = format!(
            "SELECT CAST(coalesce((SELECT CASE WHEN min({name}) > 1 THEN min({name}) - 1 END FROM {from}),
               (SELECT min(a.{name}) + 1 FROM {from} a LEFT JOIN {from} b ON b.{name} = a.{name} + 1
                WHERE b.{name} IS NULL AND a.{name} < (SELECT max({name}) FROM {from})), 0) AS CHAR)"
        );
        let rows = self.rows(&sql, &[])?;
        Ok(number(&rows).unwrap_or(0))
    }

    /// Each such statement commits by itself.
    fn undoes_making(&self) -> bool {
        false
    }

    fn table_like(&mut self, name: &str, like: &Described) -> Result<Making, Said> {
        making::table_like(self, name, like)
    }

    fn view(&mut self, view: &View<'_>) -> Result<Making, Said> {
        making::view(self, view)
    }

    fn view_text(&mut self, name: &str) -> Result<Option<String>, Said> {
        making::view_text(self, name)
    }

    fn login(&mut self, login: &Login<'_>) -> Result<Making, Said> {
        making::login(self, login)
    }

    fn login_text(&mut self, name: &str) -> Result<Option<String>, Said> {
        making::login_text(self, name)
    }

    fn counters(&mut self, table: &Table) -> Result<Vec<Counter>, Said> {
        schema::counters(self, table)
    }

    fn count_back(&mut self, _table: &Table, _: &Counter, _: &Counter) -> Result<(), Said> {
        Ok(())
    }

    /// The server itself never counts back below what is in use, so nothing can be given out twice that
    /// still stands.
    fn count_back_late(&mut self, before: &Counter, after: &Counter) -> Result<(), Said> {
        if schema::counter(self, &before.name)?.is_some_and(|now| now == *after) {
            let name = self.quote(&before.name);
            self.run(
                &format!("ALTER TABLE {name} AUTO_INCREMENT = {}", before.value),
                &[],
            )?;
        }
        Ok(())
    }
}

/// The one number a question has for an answer.
fn number(rows: &[Vec<Raw>]) -> Option<i64> {
    let bytes = rows.first()?.first()?.clone()?;
    String::from_utf8(bytes).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn option_files_are_read_as_the_client_does() {
        let text = "[mysqld]\npassword=no\n[client]\nuser = app\npassword = \"a b\"\n";
        assert_eq!(option(text, "app").as_deref(), Some("a b"));
        assert_eq!(option(text, "root"), None);
    }

    #[test]
    fn messages_quote_no_rows() {
        let said = unquoted(1062, "Duplicate entry 'a@b.example' for key 'email'");
        assert_eq!(said, "Duplicate entry '…' for key 'email'");
        let kept = "CONSTRAINT 'c' failed for 'app.t'";
        assert_eq!(unquoted(4025, kept), kept);
    }
}
