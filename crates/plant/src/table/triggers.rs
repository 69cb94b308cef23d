//! What a trigger could do. Its body is read, not trusted: whatever reaches beyond the row, or cannot
//! be read, is named and refused, because it could send mail or money.

/// A trigger of a table.
#[derive(Clone, Debug)]
pub(crate) struct Trigger {
    pub name: String,
    pub event: Event,
    /// `sql` and `plpgsql` can be read here; others run what is not.
    pub language: String,
    /// What it runs.
    pub body: String,
}

/// What a trigger waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Insert,
    Delete,
}

/// Functions of the database's own that only fill in the row.
const HARMLESS: [&str; 3] = [
    "tsvector_update_trigger_byid",
    "tsvector_update_trigger_bycolumn",
    "suppress_redundant_updates_trigger",
];

/// Words that lead out of the database.
const OUTWARD: [(&str, &str); 15] = [
    ("pg_notify", "it notifies listeners"),
    ("notify", "it notifies listeners"),
    ("dblink", "it reaches another database"),
    ("http", "it may make web requests"),
    ("curl", "it may make web requests"),
    ("webhook", "it may make web requests"),
    ("program", "it may run programs"),
    ("sys_exec", "it may run programs"),
    ("sys_eval", "it may run programs"),
    ("mail", "it may send mail"),
    ("smtp", "it may send mail"),
    ("sms", "it may send messages"),
    ("payment", "it may move money"),
    ("invoice", "it may move money"),
    ("charge", "it may move money"),
];

impl Trigger {
    /// Why it must not run unseen; `None` if all it does is to fill in the row.
    pub(crate) fn danger(&self) -> Option<String> {
        if HARMLESS.contains(&self.body.trim()) {
            return None;
        }
        if !["sql", "plpgsql"].contains(&self.language.as_str()) {
            return Some(format!(
                "it is written in {}, which is not read",
                self.language
            ));
        }
        let words = words(&self.body);
        for (word, why) in OUTWARD {
            let within =
                |found: &String| found.split('_').any(|part| part == word) || found == word;
            if words.iter().any(within) {
                return Some(why.to_owned());
            }
        }
        let writes = words.windows(2).find(|pair| {
            let pair = (pair[0].as_str(), pair[1].as_str());
            matches!(
                pair,
                ("insert", "into") | ("delete", "from") | ("replace", "into")
            )
        });
        if writes.is_some() || words.iter().any(|word| word == "update" || word == "merge") {
            return Some("it writes to tables".to_owned());
        }
        let calls = ["call", "perform", "execute", "prepare"];
        if words.iter().any(|word| calls.contains(&word.as_str())) {
            return Some("it runs other code".to_owned());
        }
        None
    }
}

/// Bare words, lower case; comments are left out, quoted texts are not: `EXECUTE 'insert ...'`.
fn words(body: &str) -> Vec<String> {
    let mut text = String::new();
    let mut rest = body;
    while !rest.is_empty() {
        let length = if rest.starts_with("--") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |at| at + 2)
        } else {
            let first = rest.chars().next().map_or(1, char::len_utf8);
            text.push_str(&rest[..first]);
            rest = &rest[first..];
            continue;
        };
        text.push(' ');
        rest = &rest[length..];
    }
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reaches_beyond_the_row_is_told() {
        for (language, body, danger) in [
            (
                "plpgsql",
                "BEGIN NEW.last_update = CURRENT_TIMESTAMP; RETURN NEW; END",
                false,
            ),
            ("internal", "tsvector_update_trigger_byid", false),
            ("sql", "SET NEW.create_date = NOW()", false),
            (
                "plpgsql",
                "BEGIN INSERT INTO outbox VALUES (NEW.id); RETURN NEW; END",
                true,
            ),
            (
                "plpgsql",
                "BEGIN PERFORM pg_notify('a', NEW.email); RETURN NEW; END",
                true,
            ),
            (
                "plpgsql",
                "BEGIN EXECUTE 'x' || NEW.id; RETURN NEW; END",
                true,
            ),
            (
                "plpgsql",
                "BEGIN PERFORM send_mail(NEW.email); RETURN NEW; END",
                true,
            ),
            (
                "plpgsql",
                "BEGIN UPDATE stats SET n = n + 1; RETURN NEW; END",
                true,
            ),
            ("plpython3u", "pass", true),
            ("c", "other_function", true),
            ("sql", "BEGIN CALL audit(NEW.id); END", true),
            (
                "plpgsql",
                "BEGIN -- INSERT INTO nothing\n NEW.a = lower(NEW.a); RETURN NEW; END",
                false,
            ),
        ] {
            let trigger = Trigger {
                name: "t".into(),
                event: Event::Insert,
                language: language.into(),
                body: body.into(),
            };
            assert_eq!(trigger.danger().is_some(), danger, "{body}");
        }
    }
}
