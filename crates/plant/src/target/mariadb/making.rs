//! Tables, views and accounts of ours in MariaDB and MySQL. Every statement here commits by itself. No
//! means of the server's own tells who reads a table or view; a plugin does.

use super::schema::{argument, text};
use super::{Connection, number};
use crate::table::Value;
use crate::table::address::Said;
use crate::table::dialect::Dialect;
use crate::table::making::{Login, Making, View};
use crate::table::session::{Described, Session as _};

const SQL: Dialect = Dialect::Mariadb;

/// An empty table like another. References are left out, as the server does by itself.
pub(super) fn table_like(
    session: &mut Connection,
    name: &str,
    like: &Described,
) -> Result<Making, Said> {
    let (new, old) = (SQL.quote(name), SQL.quote(&like.table.name));
    Ok(Making {
        create: vec![format!("CREATE TABLE {new} LIKE {old}")],
        remove: vec![format!("DROP TABLE {new}")],
        secret: None,
        notes: vec![audit(session, name)?],
    })
}

/// What of this server tells who reads a table or view.
fn audit(session: &mut Connection, name: &str) -> Result<String, Said> {
    let rows = session.rows(
        "SELECT plugin_status FROM information_schema.plugins WHERE plugin_name = 'SERVER_AUDIT'",
        &[],
    )?;
    let active = rows.first().is_some_and(|row| text(&row[0]) == "ACTIVE");
    Ok(if active {
        format!(
            "server_audit is active: with TABLE among server_audit_events its log names every read of {name}"
        )
    } else {
        format!(
            "the server itself does not tell who reads {name}; its plugin server_audit does, with TABLE among server_audit_events"
        )
    })
}

/// A view of one row.
pub(super) fn view(session: &mut Connection, view: &View<'_>) -> Result<Making, Said> {
    let name = SQL.quote(view.name);
    let values: Vec<String> = view
        .row
        .iter()
        .map(|(column, value)| format!("{} AS {}", SQL.literal(value), SQL.quote(&column.name)))
        .collect();
    Ok(Making {
        create: vec![format!(
            "CREATE VIEW {name} AS SELECT {}",
            values.join(", ")
        )],
        remove: vec![format!("DROP VIEW {name}")],
        secret: None,
        notes: vec![audit(session, view.name)?],
    })
}

/// What a view says; `None` if there is no such view.
pub(super) fn view_text(session: &mut Connection, name: &str) -> Result<Option<String>, Said> {
    let rows = session.rows(
        "SELECT view_definition FROM information_schema.views WHERE table_schema = database() AND table_name = ?",
        &argument(name),
    )?;
    Ok(rows.first().map(|row| text(&row[0])))
}

/// An account that may log in and do nothing.
pub(super) fn login(session: &mut Connection, login: &Login<'_>) -> Result<Making, Said> {
    let rows = session.rows(
        "SELECT CAST(count(*) AS CHAR) FROM information_schema.user_privileges WHERE privilege_type = 'CREATE USER'",
        &[],
    )?;
    if number(&rows).unwrap_or_default() == 0 {
        return Err(Said("this account may not make accounts".to_owned()));
    }
    let name = SQL.literal(&Value::Text(login.name.to_owned()));
    // The server leaves passwords out of its logs.
    let password = SQL.literal(&Value::Text(login.password.to_owned()));
    Ok(Making {
        create: vec![format!("CREATE USER {name}@'%' IDENTIFIED BY {password}")],
        remove: vec![format!("DROP USER {name}@'%'")],
        secret: None,
        notes: Vec::new(),
    })
}

/// What an account is and may do; `None` if there is none of that name.
pub(super) fn login_text(session: &mut Connection, name: &str) -> Result<Option<String>, Said> {
    let account = format!("{}@'%'", SQL.literal(&Value::Text(name.to_owned())));
    let there = session.rows(
        "SELECT grantee FROM information_schema.user_privileges WHERE grantee = ?",
        &argument(&format!("'{name}'@'%'")),
    )?;
    if there.is_empty() {
        return Ok(None);
    }
    let mut said = String::new();
    for question in [
        format!("SHOW CREATE USER {account}"),
        format!("SHOW GRANTS FOR {account}"),
    ] {
        for row in session.rows(&question, &[])? {
            said.push_str(&row.first().map_or_else(String::new, text));
            said.push('\n');
        }
    }
    Ok(Some(said))
}
