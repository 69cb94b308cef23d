//! Tables, views and login roles of ours in PostgreSQL. A view is a function's rows, and the function
//! writes a line to the server's log: no setting, no extension and no rights are needed for that.

use std::fmt::Write as _;

use super::Connection;
use super::schema::{argument, is_true, text};
use crate::table::address::Said;
use crate::table::dialect::Dialect;
use crate::table::making::{Login, Making, View};
use crate::table::session::{Described, Session as _};
use crate::table::{Sort, Value};

const SQL: Dialect = Dialect::Postgres;

/// Whose a relation is, what is said of it, and who may do what with it.
struct Standing {
    owner: String,
    comment: Option<String>,
    /// Rights and who has them, as GRANT writes both.
    rights: Vec<(String, String)>,
}

/// Reads it, and refuses an owner that this account cannot make things for.
fn standing(session: &mut Connection, table: &str) -> Result<Standing, Said> {
    let rows = session.rows(
        "SELECT CAST(pg_get_userbyid(c.relowner) AS text), obj_description(c.oid, 'pg_class'), CAST(pg_has_role(c.relowner, 'MEMBER') AS text),
           CAST(has_schema_privilege(c.relnamespace, 'CREATE') AS text)
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname || '.' || c.relname = $1",
        &argument(table),
    )?;
    let row = rows
        .first()
        .ok_or_else(|| Said(format!("there is no table {table}")))?;
    let owner = text(&row[0]);
    if !is_true(&row[2]) {
        return Err(Said(format!(
            "{table} is owned by {owner}, and this account may not make things in its name"
        )));
    }
    if !is_true(&row[3]) {
        return Err(Said(format!(
            "this account may make nothing in the schema of {table}"
        )));
    }
    let comment = row[1].as_ref().map(|_| text(&row[1]));
    let rights = session.rows(
        "SELECT a.privilege_type, CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a
         WHERE n.nspname || '.' || c.relname = $1 AND a.grantee <> c.relowner ORDER BY 2, 1",
        &argument(table),
    )?;
    Ok(Standing {
        owner,
        comment,
        rights: rights
            .iter()
            .map(|row| (text(&row[0]), text(&row[1])))
            .collect(),
    })
}

/// The statements that give a relation its owner, its comment and those who may use it.
fn settle(
    create: &mut Vec<String>,
    like: &Standing,
    name: &str,
    sort: &str,
    may: fn(&str) -> bool,
) {
    if let Some(comment) = &like.comment {
        let comment = SQL.literal(&Value::Text(comment.clone()));
        create.push(format!("COMMENT ON {sort} {name} IS {comment}"));
    }
    for (right, who) in like.rights.iter().filter(|(right, _)| may(right)) {
        create.push(format!("GRANT {right} ON {name} TO {who}"));
    }
    let owner = SQL.quote(&like.owner);
    create.push(format!("ALTER {sort} {name} OWNER TO {owner}"));
}

/// An empty table like another. References are left out: they would hold the owner's rows.
pub(super) fn table_like(
    session: &mut Connection,
    name: &str,
    like: &Described,
) -> Result<Making, Said> {
    let found = standing(session, &like.table.name)?;
    let (new, old) = (SQL.quote_table(name), SQL.quote_table(&like.table.name));
    let mut create = vec![format!(
        "CREATE TABLE {new} (LIKE {old} INCLUDING COMMENTS INCLUDING CONSTRAINTS INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING IDENTITY INCLUDING INDEXES INCLUDING STORAGE)"
    )];
    let (schema, bare) = name.split_once('.').unwrap_or(("public", name));
    for column in &like.table.columns {
        let counts = column
            .default
            .as_ref()
            .is_some_and(|text| text.starts_with("nextval("));
        if !counts {
            continue;
        }
        // A count of its own: the other table's would be disturbed.
        let sequence = SQL.quote_table(&format!("{schema}.{bare}_{}_seq", column.name));
        let quoted = SQL.quote(&column.name);
        let whole = ["smallint", "integer", "bigint"].contains(&column.declared.as_str());
        let sort = if whole {
            column.declared.as_str()
        } else {
            "bigint"
        };
        create.push(format!(
            "CREATE SEQUENCE {sequence} AS {sort} OWNED BY {new}.{quoted}"
        ));
        let called = SQL.literal(&Value::Text(sequence));
        create.push(format!(
            "ALTER TABLE {new} ALTER COLUMN {quoted} SET DEFAULT nextval({called})"
        ));
    }
    settle(&mut create, &found, &new, "TABLE", |_| true);
    Ok(Making {
        create,
        remove: vec![format!("DROP TABLE {new}")],
        secret: None,
        notes: vec![audit(session, name)?],
    })
}

/// What of this server tells who reads a table.
fn audit(session: &mut Connection, name: &str) -> Result<String, Said> {
    let rows = session.rows(
        "SELECT current_setting('pgaudit.log', true), current_setting('pgaudit.role', true)",
        &[],
    )?;
    let loaded = rows.first().is_some_and(|row| row[0].is_some());
    let role = rows.first().map_or_else(String::new, |row| text(&row[1]));
    if !loaded {
        return Ok(format!(
            "PostgreSQL itself does not tell who reads {name}; a view does (new-view=), and so does pgaudit if it is loaded"
        ));
    }
    let table = SQL.quote_table(name);
    Ok(if role.is_empty() {
        format!(
            "pgaudit is loaded: `CREATE ROLE auditor; GRANT SELECT ON {table} TO auditor; ALTER SYSTEM SET pgaudit.role = 'auditor'` and a reload make it log every read of {name}"
        )
    } else {
        format!(
            "pgaudit is loaded: `GRANT SELECT ON {table} TO {}` makes it log every read of {name}; revoke that before uprooting",
            SQL.quote(&role)
        )
    })
}

/// The function behind a view.
fn function(name: &str) -> String {
    format!("{name}_rows")
}

/// A view of one row whose reading writes a line to the log.
pub(super) fn view(session: &mut Connection, view: &View<'_>) -> Result<Making, Said> {
    let found = standing(session, view.like)?;
    let (name, rows) = (
        SQL.quote_table(view.name),
        SQL.quote_table(&function(view.name)),
    );
    let (mut head, mut names, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for (column, value) in &view.row {
        let quoted = SQL.quote(&column.name);
        let declared = own_type(session, column)?;
        head.push(format!("{quoted} {declared}"));
        values.push(format!("CAST({} AS {declared})", SQL.literal(value)));
        names.push(quoted);
    }
    let handle = SQL.literal(&Value::Text(view.handle.to_owned()));
    let label = SQL.literal(&Value::Text(view.name.to_owned()));
    let mut body = String::from("\nBEGIN\n");
    let _ = write!(
        body,
        "  RAISE LOG 'relation %: entry of % read by % from %', {label}, {handle}, session_user,\n    coalesce(pg_catalog.host(pg_catalog.inet_client_addr()), 'local');\n  RETURN QUERY SELECT {};\nEND\n",
        values.join(", ")
    );
    let mut create = vec![
        format!(
            "CREATE FUNCTION {rows}() RETURNS TABLE ({}) LANGUAGE plpgsql AS {}",
            head.join(", "),
            SQL.literal(&Value::Text(body))
        ),
        format!(
            "CREATE VIEW {name} AS SELECT {} FROM {rows}()",
            names.join(", ")
        ),
    ];
    let owner = SQL.quote(&found.owner);
    create.push(format!("ALTER FUNCTION {rows}() OWNER TO {owner}"));
    settle(&mut create, &found, &name, "VIEW", |right| {
        right == "SELECT"
    });
    Ok(Making {
        create,
        remove: vec![
            format!("DROP VIEW {name}"),
            format!("DROP FUNCTION {rows}()"),
        ],
        secret: None,
        notes: vec![logged(session)?],
    })
}

/// A column's type; one that somebody here has made becomes text, so that it can still be changed.
fn own_type(session: &mut Connection, column: &crate::table::Column) -> Result<String, Said> {
    if matches!(column.sort, Sort::Listed(_)) && column.declared != "boolean" {
        return Ok("text".to_owned());
    }
    let rows = session.rows(
        "SELECT CAST(typnamespace = CAST('pg_catalog' AS regnamespace) AS text) FROM pg_type WHERE oid = CAST(to_regtype($1) AS oid)",
        &argument(&column.declared),
    )?;
    let built_in = rows.first().is_some_and(|row| is_true(&row[0]));
    Ok(if built_in {
        column.declared.clone()
    } else {
        "text".to_owned()
    })
}

/// Whether the log takes the line.
fn logged(session: &mut Connection) -> Result<String, Said> {
    let rows = session.rows("SELECT current_setting('log_min_messages')", &[])?;
    let level = rows.first().map_or_else(String::new, |row| text(&row[0]));
    Ok(if ["fatal", "panic"].contains(&level.as_str()) {
        format!(
            "log_min_messages is {level}, so the server leaves the line out that a read writes; set it to warning"
        )
    } else {
        "every read of the view writes a line to the server's log: `lapwing scan` finds it there"
            .to_owned()
    })
}

/// What a view and its function say; `None` if there is no such view.
pub(super) fn view_text(session: &mut Connection, name: &str) -> Result<Option<String>, Said> {
    let rows = session.rows(
        "SELECT pg_get_viewdef(c.oid), (SELECT p.prosrc FROM pg_proc p WHERE p.oid = CAST(to_regproc($2) AS oid))
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname || '.' || c.relname = $1",
        &[
            Value::Text(name.to_owned()),
            Value::Text(SQL.quote_table(&function(name))),
        ],
    )?;
    Ok(rows
        .first()
        .map(|row| format!("{}{}", text(&row[0]), text(&row[1]))))
}

/// A role that may log in and do nothing. Its password goes over as the server keeps it, so that no log
/// of statements holds it.
pub(super) fn login(session: &mut Connection, login: &Login<'_>) -> Result<Making, Said> {
    let rows = session.rows(
        "SELECT CAST(rolsuper OR rolcreaterole AS text), CAST(has_database_privilege('public', current_database(), 'CONNECT') AS text),
           current_setting('password_encryption') FROM pg_roles WHERE rolname = current_user",
        &[],
    )?;
    let Some(row) = rows.first().filter(|row| is_true(&row[0])) else {
        return Err(Said("this account may not make roles".to_owned()));
    };
    let name = SQL.quote(login.name);
    let kept = if text(&row[2]) == "md5" {
        postgres_protocol::password::md5(login.password.as_bytes(), login.name)
    } else {
        postgres_protocol::password::scram_sha_256(login.password.as_bytes())
    };
    let mut making = Making {
        create: vec![format!("CREATE ROLE {name} LOGIN PASSWORD '{kept}'")],
        remove: vec![format!("DROP ROLE {name}")],
        secret: Some((kept, login.password.to_owned())),
        notes: vec![
            "what every role may do (PUBLIC), this one may too; with log_connections on, the server's log names its logins"
                .to_owned(),
        ],
    };
    if !is_true(&row[1]) {
        let database = SQL.quote(login.database);
        making
            .create
            .push(format!("GRANT CONNECT ON DATABASE {database} TO {name}"));
        making.remove.insert(
            0,
            format!("REVOKE CONNECT ON DATABASE {database} FROM {name}"),
        );
    }
    Ok(making)
}

/// What a role is; `None` if there is none of that name.
pub(super) fn login_text(session: &mut Connection, name: &str) -> Result<Option<String>, Said> {
    let rows = session.rows(
        "SELECT concat_ws(',', rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, rolconnlimit, rolvaliduntil,
             (SELECT string_agg(pg_get_userbyid(m.roleid), ',' ORDER BY m.roleid) FROM pg_auth_members m WHERE m.member = r.oid)),
           (SELECT CAST(rolsuper AS text) FROM pg_roles WHERE rolname = current_user)
         FROM pg_roles r WHERE rolname = $1",
        &argument(name),
    )?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let mut said = text(&row[0]);
    if is_true(&row[1]) {
        let kept = session.rows(
            "SELECT rolpassword FROM pg_authid WHERE rolname = $1",
            &argument(name),
        )?;
        said.push_str(&kept.first().map_or_else(String::new, |row| text(&row[0])));
    }
    Ok(Some(said))
}
