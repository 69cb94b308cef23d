//! What a line means to a shell: commands, what joins them, and where their output goes. (As much of POSIX's shell command
//! language as visitors type.)

/// Commands of one line, at most.
const MOST: usize = 64;

/// When a command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Join {
    Always,
    And,
    Or,
}

/// Commands that feed each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) join: Join,
    pub(super) pipeline: Vec<Vec<String>>,
    /// A file its output goes to.
    pub(super) writes: Option<String>,
    /// Whether its errors go nowhere.
    pub(super) quiet: bool,
}

enum Token {
    Word(String),
    Mark(&'static str),
}

/// Takes a line apart. Any text gives something.
pub(super) fn parse(line: &str, variable: impl Fn(&str) -> String) -> Vec<Step> {
    let empty = |join| Step {
        join,
        pipeline: vec![Vec::new()],
        writes: None,
        quiet: false,
    };
    let mut steps = vec![empty(Join::Always)];
    let mut target = None;
    for token in tokens(line, variable) {
        let Some(step) = steps.last_mut() else { break };
        match token {
            Token::Word(word) => match target.take() {
                Some("2>") => step.quiet |= word == "/dev/null",
                Some("<") => {}
                Some(_) if word == "/dev/null" || word.starts_with('&') => {}
                Some(_) => step.writes = Some(word),
                None => step.pipeline.last_mut().map_or((), |it| it.push(word)),
            },
            Token::Mark(mark @ (">" | "2>" | "<")) => target = Some(mark),
            Token::Mark("|") => step.pipeline.push(Vec::new()),
            Token::Mark(_) if steps.len() >= MOST => break,
            Token::Mark("&&") => steps.push(empty(Join::And)),
            Token::Mark("||") => steps.push(empty(Join::Or)),
            Token::Mark(_) => steps.push(empty(Join::Always)),
        }
    }
    for step in &mut steps {
        step.pipeline.retain(|words| !words.is_empty());
        step.pipeline.truncate(MOST);
    }
    steps.retain(|step| !step.pipeline.is_empty() || step.writes.is_some());
    steps
}

fn tokens(line: &str, variable: impl Fn(&str) -> String) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut rest = line;
    while let Some(letter) = rest.chars().next() {
        let after = &rest[letter.len_utf8()..];
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') if !after.is_empty() => {
                let next = after.chars().next().unwrap_or('\\');
                word.get_or_insert_default().push(next);
                rest = &after[next.len_utf8()..];
                continue;
            }
            (None | Some('"'), '$') => {
                let (name, left) = name(after);
                if name.is_empty() {
                    word.get_or_insert_default().push('$');
                } else {
                    word.get_or_insert_default().push_str(&variable(name));
                }
                rest = left;
                continue;
            }
            (None, ' ' | '\t' | '\r') => tokens.extend(word.take().map(Token::Word)),
            (None, '#') if word.is_none() => break,
            (None, ';' | '\n' | '|' | '&' | '<' | '>') => {
                let (mark, length) = mark(rest);
                // A number before it says which stream.
                let stream = word.take_if(|it| mark == ">" && matches!(it.as_str(), "1" | "2"));
                tokens.extend(word.take().map(Token::Word));
                let errors = stream.is_some_and(|it| it == "2");
                tokens.push(Token::Mark(if errors { "2>" } else { mark }));
                rest = &rest[length..];
                if mark == ">" && rest.starts_with('&') {
                    word = Some("&".to_owned());
                    rest = &rest[1..];
                }
                continue;
            }
            _ => word.get_or_insert_default().push(letter),
        }
        rest = after;
    }
    tokens.extend(word.map(Token::Word));
    tokens
}

/// The name of a variable, and what stands behind it.
fn name(text: &str) -> (&str, &str) {
    if let Some(inner) = text.strip_prefix('{') {
        return inner.split_once('}').unwrap_or((inner, ""));
    }
    let special = text.starts_with(['?', '$']);
    let other = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    let end = text.find(other).unwrap_or(text.len());
    text.split_at(if special { 1 } else { end })
}

/// An operator at the beginning of a text, and its length.
fn mark(text: &str) -> (&'static str, usize) {
    const MARKS: [(&str, &str); 10] = [
        ("&&", "&&"),
        ("||", "||"),
        (">>", ">"),
        ("&>", ">"),
        ("|", "|"),
        (">", ">"),
        ("<", "<"),
        (";", ";"),
        ("&", ";"),
        ("\n", ";"),
    ];
    let found = MARKS.iter().find(|(written, _)| text.starts_with(written));
    found.map_or((";", 1), |(written, mark)| (*mark, written.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(line: &str) -> String {
        let steps = parse(line, |name| format!("<{name}>"));
        let shown = steps.iter().map(|step| {
            let commands: Vec<String> = step.pipeline.iter().map(|it| it.join(",")).collect();
            format!(
                "{:?} {} {:?} {}",
                step.join,
                commands.join("|"),
                step.writes,
                step.quiet
            )
        });
        shown.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn lines_are_taken_apart() {
        for (line, expect) in [
            ("id", "Always id None false"),
            ("a b;c", "Always a,b None false; Always c None false"),
            (
                "a && b || c",
                "Always a None false; And b None false; Or c None false",
            ),
            (
                "cat x | grep 'a b' 2>/dev/null",
                "Always cat,x|grep,a b None true",
            ),
            (
                "echo \"$HOME/${X}\" '$Y' \\$Z",
                "Always echo,<HOME>/<X>,$Y,$Z None false",
            ),
            ("a > /tmp/x 2>&1", "Always a Some(\"/tmp/x\") false"),
            (
                "a >/dev/null 2>&1; b",
                "Always a None false; Always b None false",
            ),
            ("# nothing", ""),
            ("echo 'open", "Always echo,open None false"),
        ] {
            assert_eq!(parsed(line), expect, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_taken_apart(line in "\\PC{0,200}", marks in "[ ;|&<>'\"$\\\\{}#\n2a]{0,60}") {
            parsed(&line);
            parsed(&marks);
        }
    }
}
