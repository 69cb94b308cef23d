//! How each language writes an assignment, and how it reads one back. What is too much for a simple
//! value (a call, an expansion) is kept as its text.

use super::super::words::{Word, ends, escape, is_bare, is_identifier, quoted, unescape};
use super::{Assigned, Manner};

pub(super) fn shell(statement: &str) -> Option<Assigned> {
    let body = statement.trim_start();
    let exported = body
        .strip_prefix("export")
        .filter(|rest| rest.starts_with([' ', '\t']));
    let (name, value) = exported.unwrap_or(body).trim_start().split_once('=')?;
    if !is_identifier(name) {
        return None;
    }
    let word = ['\'', '"'].into_iter().find_map(|quote| {
        let (inside, rest) = quoted(value, quote, quote == '"')?;
        let plain = quote == '\'' || !inside.replace("\\$", "").contains(['$', '`']);
        (plain && ends(rest, &[';'], &["#", " #"])).then(|| Word {
            value: match quote {
                '"' => unescape(inside, "\"\\$`", false),
                _ => inside.to_owned(),
            },
            quote: Some(quote),
        })
    });
    Some(Assigned {
        name: name.to_owned(),
        word: word.unwrap_or_else(|| Word::raw(value)),
        lead: exported.is_some(),
        between: "=".to_owned(),
    })
}

pub(super) fn write_shell(manner: &Manner, name: &str, value: &str) -> Option<String> {
    let lead = if manner.lead { "export " } else { "" };
    let holds = |quote: &char| match quote {
        '\'' => !value.contains('\''),
        _ => !value.contains(['"', '$', '`', '\\', '!']),
    };
    if manner.quote.is_none() && is_bare(value) {
        return Some(format!("{lead}{name}={value}"));
    }
    let quote = manner.quote.into_iter().chain(['"', '\'']).find(holds)?;
    Some(format!("{lead}{name}={quote}{value}{quote}"))
}

pub(super) fn property(statement: &str) -> Option<Assigned> {
    let body = statement.trim_start();
    if body.starts_with(['#', '!']) {
        return None;
    }
    let mut joined = String::new();
    let mut lines = body.lines();
    joined.push_str(lines.next().unwrap_or_default());
    for line in lines {
        joined.truncate(joined.trim_end_matches('\r').len().saturating_sub(1));
        joined.push_str(line.trim_start());
    }
    let mut escaped = false;
    let end = joined.find(|c: char| {
        let stops = !escaped && (c == '=' || c == ':' || c.is_whitespace());
        escaped = !escaped && c == '\\';
        stops
    });
    let end = end.unwrap_or(joined.len());
    let (name, rest) = joined.split_at(end);
    let value = rest.trim_start();
    let value = value.strip_prefix(['=', ':']).unwrap_or(value).trim_start();
    (!name.is_empty()).then(|| Assigned {
        name: unescape(name, "=: #!\\", true),
        between: rest[..rest.len() - value.len()].to_owned(),
        word: Word {
            value: unescape(value.trim_end_matches('\r'), "=: #!\\", true),
            quote: None,
        },
        lead: false,
    })
}

pub(super) fn write_property(manner: &Manner, name: &str, value: &str) -> Option<String> {
    let between = manner
        .between
        .as_deref()
        .filter(|sign| sign.contains(['=', ':']));
    let blank = if value.starts_with([' ', '\t']) {
        "\\"
    } else {
        ""
    };
    let value = escape(value, "\\", true);
    Some(format!("{name}{}{blank}{value}", between.unwrap_or("=")))
}

pub(super) fn tfvar(statement: &str) -> Option<Assigned> {
    let (left, value) = statement.split_once('=')?;
    let name = left.trim();
    if !is_identifier(&name.replace('-', "_")) || value.starts_with('=') {
        return None;
    }
    let inside = quoted(value.trim_start(), '"', true)
        .filter(|(inside, rest)| {
            let text = inside.replace("$${", "").replace("%%{", "");
            !text.contains("${") && !text.contains("%{") && ends(rest, &[], &["#", "//"])
        })
        .map(|(inside, _)| Word {
            value: unescape(inside, "\"\\", true)
                .replace("$${", "${")
                .replace("%%{", "%{"),
            quote: Some('"'),
        });
    Some(Assigned {
        name: name.to_owned(),
        word: inside.unwrap_or_else(|| Word::raw(value)),
        lead: false,
        between: " = ".to_owned(),
    })
}

pub(super) fn write_tfvar(_: &Manner, name: &str, value: &str) -> Option<String> {
    Some(format!("{name} = {}", terraform_quoted(value)))
}

/// A text in Terraform's quotation.
pub(in crate::target) fn terraform_quoted(value: &str) -> String {
    let value = escape(value, "\"\\", true)
        .replace("${", "$${")
        .replace("%{", "%%{");
    format!("\"{value}\"")
}

pub(super) fn python(statement: &str) -> Option<Assigned> {
    let (left, value) = statement.split_once('=')?;
    let name = left.trim_end();
    if !is_identifier(name) || value.starts_with('=') {
        return None;
    }
    let blank = &value[..value.len() - value.trim_start().len()];
    let value = value.trim_start();
    let word = ['\'', '"'].into_iter().find_map(|quote| {
        let (inside, rest) = quoted(value, quote, true)?;
        ends(rest, &[';'], &["#"]).then(|| Word {
            value: unescape(inside, "'\"\\", true),
            quote: Some(quote),
        })
    });
    Some(Assigned {
        name: name.to_owned(),
        word: word.unwrap_or_else(|| Word::raw(value)),
        lead: false,
        between: format!("{}={blank}", &left[name.len()..]),
    })
}

pub(super) fn write_python(manner: &Manner, name: &str, value: &str) -> Option<String> {
    let quote = manner.mark.unwrap_or('"');
    let marks = if quote == '"' { "\"\\" } else { "'\\" };
    let between = manner.between.as_deref().unwrap_or(" = ");
    Some(format!(
        "{name}{between}{quote}{}{quote}",
        escape(value, marks, true)
    ))
}

pub(super) fn php(statement: &str) -> Option<Assigned> {
    let body = statement
        .strip_prefix("define")?
        .trim_start()
        .strip_prefix('(')?;
    let blank = &body[..body.len() - body.trim_start().len()];
    let body = body.trim_start();
    let mut quotes = ['\'', '"'].into_iter();
    let (name, rest) = quotes.find_map(|quote| quoted(body, quote, true))?;
    let value = rest.trim_start().strip_prefix(',')?.trim_start();
    let word = ['\'', '"'].into_iter().find_map(|quote| {
        let (inside, rest) = quoted(value, quote, true)?;
        let rest = rest
            .trim_start()
            .strip_prefix(')')?
            .trim_start()
            .strip_prefix(';')?;
        let plain = quote == '\'' || !inside.contains('$');
        (plain && ends(rest, &[], &["//", "#", "/*"])).then(|| Word {
            value: match quote {
                '\'' => unescape(inside, "'\\", false),
                _ => unescape(inside, "\"\\$", true),
            },
            quote: Some(quote),
        })
    });
    let closes = value.trim_end().contains(");");
    closes.then(|| Assigned {
        name: name.to_owned(),
        word: word.unwrap_or_else(|| Word::raw(value)),
        lead: false,
        between: blank.to_owned(),
    })
}

pub(super) fn write_php(manner: &Manner, name: &str, value: &str) -> Option<String> {
    let blank = manner
        .between
        .as_deref()
        .filter(|blank| *blank == " ")
        .unwrap_or_default();
    let quoted = |text: &str| match manner.mark {
        Some('"') if !text.contains('$') => format!("\"{}\"", escape(text, "\"\\", true)),
        _ => format!("'{}'", escape(text, "'\\", false)),
    };
    if manner.windows && value.contains('\n') && manner.mark != Some('"') {
        return None;
    }
    Some(format!(
        "define({blank}{}, {}{blank});",
        quoted(name),
        quoted(value)
    ))
}

pub(super) fn dockerfile(statement: &str) -> Option<Assigned> {
    let word = statement
        .get(..4)
        .filter(|word| word.eq_ignore_ascii_case("env "))?;
    let rest = statement[word.len()..].trim();
    let (name, value) = rest.split_once(['=', ' '])?;
    let sign = &rest[name.len()..=name.len()];
    if !is_identifier(name) {
        return None;
    }
    let inside = quoted(value, '"', true).filter(|(_, rest)| rest.trim().is_empty());
    let word = inside.map(|(inside, _)| Word {
        value: unescape(inside, "\"\\$", false),
        quote: Some('"'),
    });
    Some(Assigned {
        name: name.to_owned(),
        word: word.unwrap_or_else(|| Word::raw(value)),
        lead: false,
        between: sign.to_owned(),
    })
}

pub(super) fn write_dockerfile(manner: &Manner, name: &str, value: &str) -> Option<String> {
    let between = manner.between.as_deref().unwrap_or("=");
    if value.contains(['"', '\\', '$', '\n', '\r', '\'']) || value.trim() != value {
        return None;
    }
    if is_bare(value) && manner.quote.is_none() {
        return Some(format!("ENV {name}{between}{value}"));
    }
    Some(format!("ENV {name}={}{value}{0}", '"'))
}

/// One variable of a service: `Environment=NAME=value`, or the same in quotation marks.
pub(super) fn environment(statement: &str) -> Option<Assigned> {
    let body = statement.trim_start().strip_prefix("Environment")?;
    let body = body.trim_start().strip_prefix('=')?.trim();
    let (quote, body) = match quoted(body, '"', true) {
        Some((inside, rest)) if rest.trim().is_empty() => (Some('"'), inside),
        _ if body.contains(char::is_whitespace) || body.contains(['"', '\'']) => return None,
        _ => (None, body),
    };
    let (name, value) = body.split_once('=')?;
    is_identifier(name).then(|| Assigned {
        name: name.to_owned(),
        word: Word {
            value: unescape(value, "\"\\", true).replace("%%", "%"),
            quote,
        },
        lead: false,
        between: "=".to_owned(),
    })
}

pub(super) fn write_environment(manner: &Manner, name: &str, value: &str) -> Option<String> {
    if value.contains(['\n', '\r']) {
        return None;
    }
    let written = value.replace('%', "%%");
    if manner.quote.is_none() && is_bare(value) {
        return Some(format!("Environment={name}={written}"));
    }
    Some(format!(
        "Environment=\"{name}={}\"",
        escape(&written, "\"\\", false)
    ))
}
