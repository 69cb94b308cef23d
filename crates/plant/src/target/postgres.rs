//! PostgreSQL rows, `postgres://user@host/db?table=schema.name`, over its own protocol. The password is
//! the address's, `PGPASSWORD`'s or `~/.pgpass`'s, as with `psql`; it is never recorded.

mod making;
mod schema;

use std::time::Duration;

use postgres::types::{ToSql, Type};
use postgres::{Client, Config, NoTls};

use super::server::Server;
use crate::error::PlantError;
use crate::table::address::{self, Address, Said, Scheme};
use crate::table::dialect::Dialect;
use crate::table::making::{Login, Making, View};
use crate::table::session::{self, Access, Child, Counter, Described, Raw, Session};
use crate::table::{Cell, Column, Sort, Table, Value};

/// The target.
pub(crate) static POSTGRES: Server = Server {
    name: "postgres",
    summary: "a row in a table of a PostgreSQL database",
    scheme: &SCHEME,
    dialect: Dialect::Postgres,
    open,
};

const SCHEME: Scheme = Scheme {
    names: &["postgres", "postgresql"],
    port: 5432,
    socket: "host",
    schema: "public",
    example: "postgres://user@host/db?table=public.users",
};
/// How long the server may take to accept the connection.
const PATIENCE: Duration = Duration::from_secs(10);
/// One way of writing values, nobody kept waiting for long.
const SETTINGS: &str = "SET datestyle = 'ISO, YMD'; SET timezone = 'UTC'; SET intervalstyle = 'postgres';
    SET bytea_output = 'hex'; SET extra_float_digits = 1; SET client_min_messages = 'error';
    SET lock_timeout = '5s'; SET statement_timeout = '60s'; SET idle_in_transaction_session_timeout = '60s'";

fn open(address: &Address, access: Access) -> Result<Box<dyn Session>, PlantError> {
    address.require_near()?;
    let mut config = Config::new();
    config
        .user(&address.user)
        .dbname(&address.database)
        .port(address.port)
        .connect_timeout(PATIENCE);
    match &address.socket {
        Some(directory) => config.host_path(directory),
        None if address.host.is_empty() => config.host("localhost"),
        None => config.host(&address.host),
    };
    if let Some(password) = password(address) {
        config.password(password);
    }
    let failed = address.failed("connect to the database");
    let mut client = config.connect(NoTls).map_err(said).map_err(&failed)?;
    client
        .batch_execute(SETTINGS)
        .map_err(said)
        .map_err(&failed)?;
    if access == Access::Read {
        let only = "SET default_transaction_read_only = on";
        client.batch_execute(only).map_err(said).map_err(&failed)?;
    }
    Ok(Box::new(Connection { client }))
}

/// The address's password, else where `psql` looks.
fn password(address: &Address) -> Option<String> {
    let environment = || address::variable("PGPASSWORD");
    let file = || {
        let path = std::env::var_os("PGPASSFILE")
            .map(Into::into)
            .or_else(|| Some(address::home()?.join(".pgpass")))?;
        passfile(&address::private_file(&path)?, address)
    };
    address.password.clone().or_else(environment).or_else(file)
}

/// The first line of a password file that fits: `host:port:database:user:password`.
fn passfile(text: &str, address: &Address) -> Option<String> {
    let host = if address.host.is_empty() {
        "localhost"
    } else {
        &address.host
    };
    let port = address.port.to_string();
    let wanted = [host, &port, &address.database, &address.user];
    text.lines().find_map(|line| {
        let fields = fields(line);
        let (password, names) = fields.split_last()?;
        let fits = |(name, wanted): (&String, &&str)| name == "*" || name == wanted;
        let all = names.len() == 4 && names.iter().zip(&wanted).all(fits);
        (all && !line.starts_with('#')).then(|| password.clone())
    })
}

/// Fields between colons; a backslash keeps the next character.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match c {
            ':' => fields.push(String::new()),
            c => {
                let c = if c == '\\' {
                    characters.next().unwrap_or(c)
                } else {
                    c
                };
                fields.last_mut().expect("never empty").push(c);
            }
        }
    }
    fields
}

/// The server's message; its detail quotes rows and is left out.
#[expect(clippy::needless_pass_by_value, reason = "it is a conversion")]
fn said(error: postgres::Error) -> Said {
    match error.as_db_error() {
        Some(said) => Said(said.message().to_owned()),
        None => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            Said(format!("{error}{}", cause.unwrap_or_default()))
        }
    }
}

struct Connection {
    client: Client,
}

/// Values as text, which the statement casts.
fn texts(values: &[Value]) -> Vec<Option<String>> {
    let text = |value: &Value| match value {
        Value::Null => None,
        Value::Integer(number) => Some(number.to_string()),
        Value::Real(number) => Some(number.to_string()),
        Value::Text(text) => Some(text.clone()),
        Value::Blob(bytes) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            Some(format!("\\x{hex}"))
        }
    };
    values.iter().map(text).collect()
}

impl Session for Connection {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn shown(&self, column: &Column) -> String {
        let name = self.quote(&column.name);
        if column.sort == Sort::Binary {
            return format!("encode({name}, 'hex')");
        }
        format!("CAST({name} AS text)")
    }

    fn mark(&self, column: &Column, at: usize) -> String {
        format!("CAST(CAST(${at} AS text) AS {})", column.declared)
    }

    fn same(&self, column: &Column, at: usize) -> String {
        // Some types (JSON, points) have no equality; their text has.
        let name = self.quote(&column.name);
        if column.sort == Sort::Other {
            return format!("CAST({name} AS text) IS NOT DISTINCT FROM CAST(${at} AS text)");
        }
        format!("{name} IS NOT DISTINCT FROM {}", self.mark(column, at))
    }

    fn run(&mut self, sql: &str, values: &[Value]) -> Result<u64, Said> {
        if values.is_empty() {
            return self.client.batch_execute(sql).map(|()| 0).map_err(said);
        }
        let texts = texts(values);
        let values: Vec<&(dyn ToSql + Sync)> = texts.iter().map(|text| text as _).collect();
        self.client.execute(sql, &values).map_err(said)
    }

    fn rows(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Vec<Raw>>, Said> {
        let texts = texts(values);
        let values: Vec<(&(dyn ToSql + Sync), Type)> =
            texts.iter().map(|text| (text as _, Type::TEXT)).collect();
        let rows = self.client.query_typed(sql, &values).map_err(said)?;
        rows.iter()
            .map(|row| {
                let field = |at: usize| {
                    let text: Option<&str> = row.try_get(at).map_err(said)?;
                    Ok(text.map(|text| text.as_bytes().to_vec()))
                };
                (0..row.len()).map(field).collect()
            })
            .collect()
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

    fn received(&self, column: &Column, raw: Raw) -> Raw {
        decoded(column, raw)
    }

    fn insert(&mut self, table: &Table, cells: &[Cell]) -> Result<Vec<Cell>, Said> {
        let (mut sql, values) = session::insertion(self, table, cells, " OVERRIDING SYSTEM VALUE");
        if table.primary.is_empty() {
            self.run(&sql, &values)?;
            return Ok(Vec::new());
        }
        let columns: Vec<&Column> = table
            .primary
            .iter()
            .filter_map(|n| table.column(n))
            .collect();
        let shown: Vec<String> = columns.iter().map(|c| self.shown(c)).collect();
        sql.push_str(" RETURNING ");
        sql.push_str(&shown.join(", "));
        let row = self.rows(&sql, &values)?.pop().unwrap_or_default();
        let cells = columns.iter().zip(row);
        Ok(cells
            .map(|(column, raw)| {
                Cell::new(
                    &column.name,
                    session::value(column, decoded(column, raw)),
                    false,
                )
            })
            .collect())
    }

    fn uncounted(&mut self, table: &Table, column: &Column) -> Result<i64, Said> {
        let name = self.quote(&column.name);
        let from = self.quote_table(&table.name);
        let sql = format!("SELECT CAST(coalesce(max({name}), 0) + 1 AS text) FROM {from}");
        let rows = self.rows(&sql, &[])?;
        Ok(number(&rows).unwrap_or(1))
    }

    fn counters(&mut self, table: &Table) -> Result<Vec<Counter>, Said> {
        schema::counters(self, table)
    }

    fn count_back(&mut self, table: &Table, before: &Counter, after: &Counter) -> Result<(), Said> {
        schema::count_back(self, table, before, after)
    }

    fn count_back_late(&mut self, _before: &Counter, _after: &Counter) -> Result<(), Said> {
        Ok(())
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
}

/// Bytes of a `bytea` column, which travels as hex.
fn decoded(column: &Column, raw: Raw) -> Raw {
    if column.sort != Sort::Binary {
        return raw;
    }
    let hex = String::from_utf8(raw?).ok()?;
    let pairs = hex.as_bytes().chunks_exact(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
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
    fn password_files_are_read_as_psql_does() {
        let address =
            Address::parse("postgres://app@localhost/shop?table=users", &SCHEME).expect("read");
        let text =
            "# host:port\nother:*:*:*:no\nlocalhost:5432:shop:app:a\\:b\\\\c\n*:*:*:*:last\n";
        assert_eq!(passfile(text, &address).as_deref(), Some("a:b\\c"));
        assert_eq!(passfile("localhost:1:shop:app:x", &address), None);
    }
}
