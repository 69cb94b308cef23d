//! Statements that are prepared and executed, with values in binary.

use super::{LONGEST_KEPT, MOST_KEPT, Outcome, Prepared, Session};
use crate::mysql::Fault;
use crate::mysql::wire::{self, Out, Reader};
use crate::sql::{Dialect, Run, Statement, Value, statements};

impl Session {
    pub(super) fn prepare(&mut self, text: &str, out: &mut Out) {
        let kept: usize = self.prepared.values().map(|it| it.text.len()).sum();
        if self.prepared.len() >= MOST_KEPT || kept + text.len() > LONGEST_KEPT {
            let words =
                "Can't create more than max_prepared_stmt_count statements (current value: 16382)";
            return Fault(1461, "42000", words.to_owned()).write(out);
        }
        let mut parts = match statements(text, Dialect::Mysql) {
            Ok(parts) => parts,
            Err(wrong) => return self.fault(wrong, text).write(out),
        };
        let Some(part) = parts.pop().filter(|_| parts.is_empty()) else {
            return self.world.wrong_syntax(text, 1).write(out);
        };
        // What it gives for no values tells its columns.
        let columns = match &part.statement {
            Statement::Query(query) => match Run::new(&self.world, &[], &self.budget).answer(query)
            {
                Ok(answer) => answer.columns,
                Err(wrong) => return self.fault(wrong, text).write(out),
            },
            Statement::Other(words) => match self.world.show(words) {
                Some(Ok(answer)) => answer.columns,
                _ => Vec::new(),
            },
            _ => Vec::new(),
        };
        let id = self.next;
        self.next += 1;
        let mut body = vec![0];
        body.extend_from_slice(&id.to_le_bytes());
        let short = |count: usize| u16::try_from(count).unwrap_or(u16::MAX).to_le_bytes();
        body.extend_from_slice(&short(columns.len()));
        body.extend_from_slice(&short(part.parameters));
        body.extend_from_slice(&[0, 0, 0]);
        out.packet(&body);
        if part.parameters > 0 {
            let mark = crate::sql::Column::new("?", crate::sql::Type::Text(None));
            out.definitions(&vec![mark; part.parameters], "", "", false);
            self.end_of_definitions(out);
        }
        if !columns.is_empty() {
            let (schema, table) = self.origin(&part);
            out.definitions(&columns, &schema, &table, false);
            self.end_of_definitions(out);
        }
        self.prepared.insert(
            id,
            Prepared {
                text: text.to_owned(),
                part,
                types: Vec::new(),
            },
        );
    }

    pub(super) fn end_of_definitions(&self, out: &mut Out) {
        if !out.ends_without_eof() {
            out.eof(self.status);
        }
    }

    pub(super) fn execute(&mut self, rest: &[u8], out: &mut Out) -> (Option<String>, Vec<Value>) {
        let mut reader = Reader(rest);
        let id = reader.long().unwrap_or(0);
        let Some(mut prepared) = self.prepared.remove(&id) else {
            let words = format!("Unknown prepared statement handler ({id}) given to EXECUTE");
            Fault(1243, "HY000", words).write(out);
            return (None, Vec::new());
        };
        let flags = reader.byte().unwrap_or(0);
        reader.long();
        let attributes = self.hello.flags & wire::QUERY_ATTRIBUTES != 0;
        let mut count = prepared.part.parameters;
        if attributes && flags & 8 != 0 {
            count = reader
                .packed()
                .and_then(|count| usize::try_from(count).ok())
                .unwrap_or(0);
        }
        let values = wire::bound(&mut reader, count, &mut prepared.types, attributes);
        let text = prepared.text.clone();
        let Some(values) = values else {
            Fault(
                1210,
                "HY000",
                "Incorrect arguments to mysqld_stmt_execute".to_owned(),
            )
            .write(out);
            self.prepared.insert(id, prepared);
            return (Some(text), Vec::new());
        };
        match self.perform(&prepared.part, &text, &values) {
            Ok(Outcome::Rows(answer)) => {
                let (schema, table) = self.origin(&prepared.part);
                out.answer(&answer, (&schema, &table), self.status, true);
            }
            Ok(Outcome::Done(rows)) => out.ok(rows, self.status),
            Err(fault) => fault.write(out),
        }
        self.prepared.insert(id, prepared);
        (Some(text), values)
    }
}
