//! What a PostgreSQL table is, from its catalogue: types and domains, identity and sequences, keys,
//! checks, references, triggers and rules, row security, partitions, replication.

use super::{Connection, number};
use crate::table::address::Said;
use crate::table::session::{Child, Counter, Described, Raw, Session as _};
use crate::table::triggers::{Event, Trigger};
use crate::table::{Column, Foreign, Sort, Table, Value};

pub(super) fn text(raw: &Raw) -> String {
    let bytes = raw.as_deref().unwrap_or_default();
    String::from_utf8_lossy(bytes).into_owned()
}

pub(super) fn is_true(raw: &Raw) -> bool {
    raw.as_deref() == Some(b"true")
}

pub(super) fn argument(text: &str) -> [Value; 1] {
    [Value::Text(text.to_owned())]
}

pub(super) fn tables(session: &mut Connection) -> Result<Vec<String>, Said> {
    let rows = session.rows(
        "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
         AND has_table_privilege(c.oid, 'INSERT') ORDER BY 1 LIMIT 50",
        &[],
    )?;
    Ok(rows.iter().map(|row| text(&row[0])).collect())
}

pub(super) fn describe(session: &mut Connection, table: &str) -> Result<Option<Described>, Said> {
    let found = session.rows(
        "SELECT CAST(c.oid AS text), CAST(c.relkind AS text), n.nspname || '.' || c.relname,
           CAST(row_security_active(c.oid) AS text), CAST(c.relispartition AS text),
           CAST(c.relpersistence AS text),
           (SELECT string_agg(CAST(rulename AS text), ', ') FROM pg_rewrite r WHERE r.ev_class = c.oid AND r.ev_type IN ('3', '4')),
           (SELECT string_agg(p.pubname, ', ') FROM pg_publication_tables p WHERE p.schemaname = n.nspname AND p.tablename = c.relname)
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname || '.' || c.relname = $1",
        &argument(table),
    )?;
    let Some(row) = found.first() else {
        return Ok(None);
    };
    let id = argument(&text(&row[0]));
    let kind = text(&row[1]);
    let (secured, rules, published) = (is_true(&row[3]), text(&row[6]), text(&row[7]));
    let refusal = if kind != "r" && kind != "p" {
        let hint = "name an ordinary table";
        Some((
            "is no table, so no row can be planted in it".to_owned(),
            hint.to_owned(),
        ))
    } else if secured {
        let what = "row security applies to this account: it may see only some rows, and the row may be hidden from those it is for";
        Some((
            what.to_owned(),
            "connect as the owner of the table".to_owned(),
        ))
    } else if rules.is_empty() {
        None
    } else {
        let what = format!("the rules {rules} would run in place of the insertion or with it");
        Some((what, "choose another table".to_owned()))
    };
    let mut notes = Vec::new();
    if !published.is_empty() {
        notes.push(format!(
            "{table} is published for replication ({published}): the row goes to every subscriber"
        ));
    }
    if kind == "p" {
        notes.push(format!(
            "{table} is partitioned: the row goes where its values lead"
        ));
    }
    let (primary, uniques) = keys(session, &id)?;
    let mut columns = columns(session, &id)?;
    for column in &mut columns {
        let alone = |key: &Vec<String>| *key == [column.name.clone()];
        column.unique = uniques.iter().any(alone);
        column.primary = primary.contains(&column.name);
    }
    Ok(Some(Described {
        table: Table {
            name: table.to_owned(),
            columns,
            primary,
            foreign: foreign(session, &id)?,
            keys: several(uniques),
            ..Table::default()
        },
        triggers: triggers(session, &id)?,
        notes,
        refusal,
    }))
}

/// Columns that can be written. A domain counts as the type under it, and is cast to by name.
fn columns(session: &mut Connection, id: &[Value]) -> Result<Vec<Column>, Said> {
    let rows = session.rows(
        "SELECT a.attname, format_type(a.atttypid, a.atttypmod), format_type(b.oid, NULL), CAST(b.typcategory AS text),
           CAST(a.attnotnull OR t.typnotnull AS text), pg_get_expr(d.adbin, d.adrelid), CAST(a.attidentity AS text),
           CAST(CASE WHEN b.typname IN ('varchar', 'bpchar') AND greatest(a.atttypmod, t.typtypmod) > 4
             THEN greatest(a.atttypmod, t.typtypmod) - 4 END AS text),
           CASE WHEN b.typtype = 'e' THEN (SELECT string_agg(e.enumlabel, chr(1) ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = b.oid) END,
           (SELECT string_agg(pg_get_constraintdef(k.oid), chr(1)) FROM pg_constraint k
             WHERE k.contype = 'c' AND ((k.conrelid = a.attrelid AND k.conkey = ARRAY[a.attnum]) OR (k.contypid = t.oid AND k.contypid <> 0)))
         FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
         JOIN pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
         LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         WHERE a.attrelid = CAST($1 AS oid) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
         ORDER BY a.attnum",
        id,
    )?;
    Ok(rows
        .iter()
        .map(|row| {
            let default = row[5].as_ref().map(|_| text(&row[5]));
            let sequence = default
                .as_ref()
                .is_some_and(|default| default.starts_with("nextval("));
            let listed = match (&row[8], &row[9]) {
                (Some(_), _) => text(&row[8]).split('\u{1}').map(str::to_owned).collect(),
                (None, Some(_)) => listed(&text(&row[9])),
                (None, None) => Vec::new(),
            };
            Column {
                name: text(&row[0]),
                declared: text(&row[1]),
                sort: if listed.is_empty() {
                    sort(&text(&row[2]), &text(&row[3]))
                } else {
                    Sort::Listed(listed)
                },
                length: text(&row[7]).parse().ok(),
                not_null: is_true(&row[4]),
                default,
                unique: false,
                counted: sequence || !text(&row[6]).is_empty(),
                primary: false,
            }
        })
        .collect())
}

fn sort(name: &str, category: &str) -> Sort {
    match (name, category) {
        ("smallint" | "integer" | "bigint", _) => Sort::Integer,
        ("boolean", _) => Sort::Listed(vec!["true".to_owned(), "false".to_owned()]),
        ("bytea", _) => Sort::Binary,
        ("interval" | "json" | "jsonb" | "xml" | "tsvector" | "tsquery", _) => Sort::Other,
        (_, "N") => Sort::Number,
        (_, "D" | "T") => Sort::Time,
        ("uuid" | "inet" | "citext", _) | (_, "S") => Sort::Text,
        _ => Sort::Other,
    }
}

/// Values that `CHECK (x = ANY (ARRAY['a'::text, ...]))` or `x IN (...)` leaves.
fn listed(check: &str) -> Vec<String> {
    let list = check.split_once("ARRAY[").map_or("", |(_, rest)| rest);
    let list = list.split_once(']').map_or("", |(list, _)| list);
    let quoted = list.split('\'').skip(1).step_by(2);
    quoted.map(str::to_owned).collect()
}

/// Those of several columns.
fn several(uniques: Vec<Vec<String>>) -> Vec<Vec<String>> {
    let several = uniques.into_iter().filter(|key| key.len() > 1);
    several.collect()
}

/// The primary key and everything that must be unique; partial indexes do not count.
fn keys(session: &mut Connection, id: &[Value]) -> Result<(Vec<String>, Vec<Vec<String>>), Said> {
    let rows = session.rows(
        "SELECT CAST(i.indisprimary AS text), (SELECT string_agg(a.attname, chr(1) ORDER BY k.at)
           FROM unnest(CAST(i.indkey AS int2[])) WITH ORDINALITY AS k(num, at) JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.num
           WHERE k.at <= i.indnkeyatts)
         FROM pg_index i WHERE i.indrelid = CAST($1 AS oid) AND i.indisunique AND i.indpred IS NULL",
        id,
    )?;
    let (mut primary, mut uniques) = (Vec::new(), Vec::new());
    for row in &rows {
        let names: Vec<String> = text(&row[1]).split('\u{1}').map(str::to_owned).collect();
        if is_true(&row[0]) {
            primary.clone_from(&names);
        }
        uniques.push(names);
    }
    Ok((primary, uniques))
}

const KEY_NAMES: &str = "(SELECT string_agg(a.attname, chr(1) ORDER BY k.at) FROM unnest(";

fn names_of(array: &str, relation: &str) -> String {
    format!(
        "{KEY_NAMES}{array}) WITH ORDINALITY AS k(num, at) JOIN pg_attribute a ON a.attrelid = {relation} AND a.attnum = k.num)"
    )
}

fn split(raw: &Raw) -> Vec<String> {
    text(raw).split('\u{1}').map(str::to_owned).collect()
}

fn foreign(session: &mut Connection, id: &[Value]) -> Result<Vec<Foreign>, Said> {
    let sql = format!(
        "SELECT n.nspname || '.' || p.relname, {}, {} FROM pg_constraint c JOIN pg_class p ON p.oid = c.confrelid
         JOIN pg_namespace n ON n.oid = p.relnamespace WHERE c.contype = 'f' AND c.conrelid = CAST($1 AS oid) ORDER BY c.conname",
        names_of("c.conkey", "c.conrelid"),
        names_of("c.confkey", "c.confrelid")
    );
    let rows = session.rows(&sql, id)?;
    Ok(rows
        .iter()
        .map(|row| Foreign {
            table: text(&row[0]),
            columns: split(&row[1]),
            to: split(&row[2]),
        })
        .collect())
}

pub(super) fn children(session: &mut Connection, table: &Table) -> Result<Vec<Child>, Said> {
    let sql = format!(
        "SELECT n.nspname || '.' || r.relname, {}, {} FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
         JOIN pg_namespace n ON n.oid = r.relnamespace WHERE c.contype = 'f' AND c.conparentid = 0
         AND c.confrelid = CAST(CAST($1 AS regclass) AS oid) ORDER BY 1, c.conname",
        names_of("c.conkey", "c.conrelid"),
        names_of("c.confkey", "c.confrelid")
    );
    let name = session.quote_table(&table.name);
    let rows = session.rows(&sql, &argument(&name))?;
    Ok(rows
        .iter()
        .map(|row| Child {
            table: text(&row[0]),
            columns: split(&row[1]),
            parent: split(&row[2]),
        })
        .collect())
}

/// Triggers on insertion and deletion, and what they run.
fn triggers(session: &mut Connection, id: &[Value]) -> Result<Vec<Trigger>, Said> {
    let rows = session.rows(
        "SELECT t.tgname, CAST(t.tgtype & 4 <> 0 AS text), CAST(t.tgtype & 8 <> 0 AS text), l.lanname, p.prosrc
         FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_language l ON l.oid = p.prolang
         WHERE t.tgrelid = CAST($1 AS oid) AND NOT t.tgisinternal AND t.tgenabled <> 'D' ORDER BY t.tgname",
        id,
    )?;
    let mut triggers = Vec::new();
    for row in &rows {
        for (event, at) in [(Event::Insert, 1), (Event::Delete, 2)] {
            if is_true(&row[at]) {
                triggers.push(Trigger {
                    name: text(&row[0]),
                    event,
                    language: text(&row[3]),
                    body: text(&row[4]),
                });
            }
        }
    }
    Ok(triggers)
}

/// The sequences behind a table's columns, held until the transaction ends, if they are this account's
/// to hold: others cannot count meanwhile.
pub(super) fn counters(session: &mut Connection, table: &Table) -> Result<Vec<Counter>, Said> {
    let name = session.quote_table(&table.name);
    let mut counters = Vec::new();
    for column in table.columns.iter().filter(|column| column.counted) {
        let rows = session.rows(
            "SELECT n.nspname || '.' || c.relname, CAST(s.seqincrement AS text) FROM pg_class c
             JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_sequence s ON s.seqrelid = c.oid
             WHERE c.oid = CAST(pg_get_serial_sequence($1, $2) AS regclass) AND pg_has_role(c.relowner, 'USAGE')",
            &[Value::Text(name.clone()), Value::Text(column.name.clone())],
        )?;
        let Some(row) = rows.first() else { continue };
        let sequence = text(&row[0]);
        counters.push(hold(session, &sequence, &text(&row[1]))?);
    }
    Ok(counters)
}

/// Setting a sequence to the increment it has changes nothing and takes the lock that counting needs.
fn hold(session: &mut Connection, sequence: &str, increment: &str) -> Result<Counter, Said> {
    let quoted = session.quote_table(sequence);
    let increment: i64 = increment
        .parse()
        .map_err(|_| Said("no increment".to_owned()))?;
    session.run(
        &format!("ALTER SEQUENCE {quoted} INCREMENT BY {increment}"),
        &[],
    )?;
    let sql = format!("SELECT CAST(last_value AS text), CAST(is_called AS text) FROM {quoted}");
    let rows = session.rows(&sql, &[])?;
    Ok(Counter {
        name: sequence.to_owned(),
        value: number(&rows).unwrap_or_default(),
        called: rows.first().is_some_and(|row| is_true(&row[1])),
    })
}

pub(super) fn count_back(
    session: &mut Connection,
    table: &Table,
    before: &Counter,
    after: &Counter,
) -> Result<(), Said> {
    let now = counters(session, table)?;
    if now.contains(after) {
        let sql = "SELECT CAST(setval(CAST($1 AS regclass), CAST($2 AS bigint), CAST($3 AS boolean)) AS text)";
        let name = session.quote_table(&before.name);
        let values = [
            Value::Text(name),
            Value::Text(before.value.to_string()),
            Value::Text(before.called.to_string()),
        ];
        session.rows(sql, &values)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_a_check() {
        let check = "CHECK ((status = ANY (ARRAY['new'::text, 'old one'::text])))";
        assert_eq!(listed(check), ["new", "old one"]);
        assert!(listed("CHECK ((amount > 0))").is_empty());
    }
}
