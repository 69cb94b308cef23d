//! Operators and functions that databases have in common.

use std::cmp::Ordering;

use regex_lite::RegexBuilder;

use super::value::{Type, Value};
use super::{Dialect, Wrong};

/// Functions over all rows of a group.
pub(super) const AGGREGATES: &[&str] = &[
    "count",
    "count_big",
    "sum",
    "min",
    "max",
    "avg",
    "string_agg",
    "group_concat",
    "array_agg",
    "bool_or",
    "bool_and",
    "json_agg",
    "jsonb_agg",
];
/// Longest text that is put together.
const LONGEST: usize = 1 << 16;

/// What an operator makes of two values.
pub(super) fn binary(
    symbol: &str,
    one: &Value,
    two: &Value,
    dialect: Dialect,
) -> Result<Value, Wrong> {
    let fold = dialect != Dialect::Postgres;
    if symbol == "<=>" {
        let same =
            one.is_null() && two.is_null() || one.compare(two, fold) == Some(Ordering::Equal);
        return Ok(Value::Bool(same));
    }
    if one.is_null() || two.is_null() {
        return Ok(Value::Null);
    }
    let order = |wanted: &[Ordering]| match one.compare(two, fold) {
        Some(order) => Value::Bool(wanted.contains(&order)),
        None => Value::Null,
    };
    let matched = |insensitive: bool, wanted: bool| {
        Value::Bool(regex(&one.show(), &two.show(), insensitive) == wanted)
    };
    let liked = |insensitive: bool, wanted: bool| {
        Value::Bool(like(&one.show(), &two.show(), insensitive) == wanted)
    };
    Ok(match symbol {
        "=" => order(&[Ordering::Equal]),
        "<>" | "!=" => order(&[Ordering::Less, Ordering::Greater]),
        "<" => order(&[Ordering::Less]),
        ">" => order(&[Ordering::Greater]),
        "<=" => order(&[Ordering::Less, Ordering::Equal]),
        ">=" => order(&[Ordering::Greater, Ordering::Equal]),
        "~" => matched(false, true),
        "!~" => matched(false, false),
        "~*" => matched(true, true),
        "!~*" => matched(true, false),
        "~~" => liked(false, true),
        "!~~" => liked(false, false),
        "~~*" => liked(true, true),
        "!~~*" => liked(true, false),
        "XOR" => match (one.truth(), two.truth()) {
            (Some(one), Some(two)) => Value::Bool(one != two),
            _ => Value::Null,
        },
        "||" => joined(&[one.clone(), two.clone()], ""),
        "+" if dialect == Dialect::Mssql
            && matches!((one, two), (Value::Text(_), Value::Text(_))) =>
        {
            joined(&[one.clone(), two.clone()], "")
        }
        "[" => {
            let at = two
                .as_int()
                .and_then(|at| usize::try_from(at.saturating_sub(1)).ok());
            at.and_then(|at| members(one).into_iter().nth(at))
                .unwrap_or(Value::Null)
        }
        "+" | "-" | "*" | "/" | "%" | "DIV" | "&" | "|" | "#" | "<<" | ">>" => {
            return arithmetic(symbol, one, two);
        }
        _ => Value::Null,
    })
}

fn arithmetic(symbol: &str, one: &Value, two: &Value) -> Result<Value, Wrong> {
    if let (Value::Int(one), Value::Int(two)) = (one, two) {
        let (one, two) = (*one, *two);
        if two == 0 && matches!(symbol, "/" | "%" | "DIV") {
            return Err(Wrong::Zero);
        }
        return Ok(Value::Int(match symbol {
            "+" => one.wrapping_add(two),
            "-" => one.wrapping_sub(two),
            "*" => one.wrapping_mul(two),
            "/" | "DIV" => one.wrapping_div(two),
            "%" => one.wrapping_rem(two),
            "&" => one & two,
            "|" => one | two,
            "#" => one ^ two,
            "<<" => one.wrapping_shl(u32::try_from(two).unwrap_or(0)),
            _ => one.wrapping_shr(u32::try_from(two).unwrap_or(0)),
        }));
    }
    let (Some(one), Some(two)) = (one.as_number(), two.as_number()) else {
        return Ok(Value::Null);
    };
    if two == 0.0 && matches!(symbol, "/" | "%" | "DIV") {
        return Err(Wrong::Zero);
    }
    Ok(Value::Float(match symbol {
        "+" => one + two,
        "-" => one - two,
        "*" => one * two,
        "/" => one / two,
        "%" => one % two,
        "DIV" => (one / two).trunc(),
        _ => return Ok(Value::Null),
    }))
}

/// Whether a regular expression matches; one that is none, or too large, does not.
fn regex(text: &str, pattern: &str, insensitive: bool) -> bool {
    let built = RegexBuilder::new(pattern)
        .size_limit(1 << 16)
        .nest_limit(16)
        .case_insensitive(insensitive)
        .build();
    built.is_ok_and(|regex| regex.is_match(text))
}

/// `LIKE`: `%`, `_`, and a backslash before either. Time is bounded by the product of the lengths.
pub(crate) fn like(text: &str, pattern: &str, fold: bool) -> bool {
    let letters = |text: &str| -> Vec<char> {
        if fold {
            text.to_lowercase().chars().collect()
        } else {
            text.chars().collect()
        }
    };
    let (text, pattern) = (letters(text), letters(pattern));
    let (mut at, mut of, mut star) = (0, 0, None);
    while of < text.len() {
        let here = pattern.get(at);
        let escaped = here == Some(&'\\') && at + 1 < pattern.len();
        let letter = if escaped {
            pattern[at + 1]
        } else {
            here.copied().unwrap_or('\0')
        };
        if !escaped && here == Some(&'%') {
            star = Some((at, of));
            at += 1;
        } else if here.is_some() && (!escaped && letter == '_' || letter == text[of]) {
            at += 1 + usize::from(escaped);
            of += 1;
        } else if let Some((before, from)) = star {
            at = before + 1;
            of = from + 1;
            star = Some((before, from + 1));
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|letter| *letter == '%')
}

/// Values as PostgreSQL writes an array.
pub(super) fn array(values: impl Iterator<Item = Value>) -> Value {
    let member = |value: Value| match value {
        Value::Null => "NULL".to_owned(),
        Value::Text(text) if text.is_empty() || text.contains([',', '{', '}', '"', '\\', ' ']) => {
            format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
        }
        Value::Bool(truth) => if truth { "t" } else { "f" }.to_owned(),
        other => other.show(),
    };
    let mut text = String::from("{");
    for (number, value) in values.enumerate() {
        if text.len() > LONGEST {
            break;
        }
        text += if number > 0 { "," } else { "" };
        text += &member(value);
    }
    Value::Text(text + "}")
}

/// The members of what `array` wrote.
pub(super) fn members(value: &Value) -> Vec<Value> {
    let Value::Text(text) = value else {
        return Vec::new();
    };
    let Some(inner) = text
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'))
    else {
        return vec![value.clone()];
    };
    let (mut out, mut member, mut quoted, mut escaped) = (Vec::new(), String::new(), false, false);
    for letter in inner.chars() {
        match letter {
            letter if escaped => {
                member.push(letter);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => out.push(Value::Text(std::mem::take(&mut member))),
            letter => member.push(letter),
        }
    }
    if !inner.is_empty() {
        out.push(Value::Text(member));
    }
    out
}

fn joined(values: &[Value], joint: &str) -> Value {
    let parts: Vec<_> = values
        .iter()
        .filter(|it| !it.is_null())
        .map(Value::show)
        .collect();
    let mut text = parts.join(joint);
    if text.len() > LONGEST {
        text.truncate(
            (0..=LONGEST)
                .rev()
                .find(|at| text.is_char_boundary(*at))
                .unwrap_or(0),
        );
    }
    Value::Text(text)
}

/// What a function over rows makes of their values, none of which is nothing.
pub(super) fn aggregate(name: &str, mut values: Vec<Value>, joint: &str, fold: bool) -> Value {
    let sum = || values.iter().filter_map(Value::as_number).sum::<f64>();
    match name {
        "count" | "count_big" => return Value::count(values.len()),
        "array_agg" => return array(values.into_iter()),
        _ if values.is_empty() => return Value::Null,
        "sum" if values.iter().all(|it| matches!(it, Value::Int(_))) => {
            return Value::Int(
                values
                    .iter()
                    .filter_map(Value::as_int)
                    .fold(0, i64::wrapping_add),
            );
        }
        "sum" => return Value::Text(format!("{:.2}", sum())),
        "avg" => return Value::Text(format!("{:.16}", sum() / values.len() as f64)),
        "string_agg" | "group_concat" => return joined(&values, joint),
        "json_agg" | "jsonb_agg" => {
            return Value::Text(format!("[{}]", joined(&values, ", ").show()));
        }
        "bool_or" => return Value::Bool(values.iter().any(|it| it.truth() == Some(true))),
        "bool_and" => return Value::Bool(values.iter().all(|it| it.truth() == Some(true))),
        _ => {}
    }
    values.sort_by(|one, two| one.ordered(two, fold));
    let found = if name == "min" {
        values.into_iter().next()
    } else {
        values.pop()
    };
    found.unwrap_or(Value::Null)
}

/// What a function gives.
pub(super) fn kind(name: &str) -> Type {
    match name {
        "length" | "char_length" | "octet_length" | "instr" | "strpos" | "ascii" | "floor"
        | "ceil" | "ceiling" | "len" | "position" | "sign" | "datalength" => Type::Int,
        "sum" | "avg" | "round" | "abs" => Type::Amount,
        "array_agg" => Type::Array,
        "bool_or" | "bool_and" => Type::Bool,
        "count_big" => Type::Big,
        _ => Type::Text(None),
    }
}

/// A function that databases have in common; `None` if it is none of these.
pub(super) fn call(name: &str, values: &[Value]) -> Option<Value> {
    let first = values.first();
    let text = || first.map(Value::show).unwrap_or_default();
    let int = |at: usize| values.get(at).and_then(Value::as_int);
    if first.is_some_and(Value::is_null)
        && matches!(
            name,
            "lower"
                | "upper"
                | "length"
                | "char_length"
                | "md5"
                | "trim"
                | "abs"
                | "round"
                | "left"
                | "right"
                | "substr"
                | "substring"
                | "replace"
                | "hex"
        )
    {
        return Some(Value::Null);
    }
    Some(match name {
        "lower" | "lcase" => Value::Text(text().to_lowercase()),
        "upper" | "ucase" => Value::Text(text().to_uppercase()),
        "length" | "char_length" | "character_length" | "len" => {
            Value::count(text().chars().count())
        }
        "octet_length" | "datalength" => Value::count(text().len()),
        "trim" | "btrim" => Value::Text(text().trim().to_owned()),
        "ltrim" => Value::Text(text().trim_start().to_owned()),
        "rtrim" => Value::Text(text().trim_end().to_owned()),
        "reverse" => Value::Text(text().chars().rev().collect()),
        "concat" => joined(values, ""),
        "concat_ws" => joined(values.get(1..)?, &text()),
        "replace" => {
            let [_, from, to] = values else { return None };
            let (from, to) = (from.show(), to.show());
            if from.is_empty() || to.len() > 256 {
                first?.clone()
            } else {
                joined(&[Value::Text(text().replace(&from, &to))], "")
            }
        }
        "substr" | "substring" | "mid" => {
            let from = usize::try_from(int(1)?.max(1) - 1).ok()?;
            let count = int(2).map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(0));
            Value::Text(text().chars().skip(from).take(count).collect())
        }
        "left" => Value::Text(
            text()
                .chars()
                .take(usize::try_from(int(1)?).unwrap_or(0))
                .collect(),
        ),
        "right" => {
            let text = text();
            let skip = text
                .chars()
                .count()
                .saturating_sub(usize::try_from(int(1)?).unwrap_or(0));
            Value::Text(text.chars().skip(skip).collect())
        }
        "instr" | "strpos" => {
            Value::count(text().find(&values.get(1)?.show()).map_or(0, |at| at + 1))
        }
        name => return choice(name, values),
    })
}

/// One that chooses, counts or puts lists together.
fn choice(name: &str, values: &[Value]) -> Option<Value> {
    let first = values.first();
    let text = || first.map(Value::show).unwrap_or_default();
    let int = |at: usize| values.get(at).and_then(Value::as_int);
    Some(match name {
        "ascii" | "ord" => Value::Int(
            text()
                .chars()
                .next()
                .map_or(0, |letter| i64::from(u32::from(letter))),
        ),
        "char" | "chr" => Value::Text(
            u32::try_from(int(0)?)
                .ok()
                .and_then(char::from_u32)
                .map(String::from)
                .unwrap_or_default(),
        ),
        "nullif" => {
            let [one, two] = values else { return None };
            if one.compare(two, false) == Some(Ordering::Equal) {
                Value::Null
            } else {
                one.clone()
            }
        }
        "if" | "iif" => {
            let [condition, one, two] = values else {
                return None;
            };
            if condition.truth() == Some(true) {
                one.clone()
            } else {
                two.clone()
            }
        }
        "coalesce" | "ifnull" => first?.clone(),
        "greatest" | "least" => {
            let wanted = if name == "greatest" {
                Ordering::Greater
            } else {
                Ordering::Less
            };
            let mut best = first?.clone();
            for value in values {
                if value.compare(&best, false) == Some(wanted) {
                    best = value.clone();
                }
            }
            best
        }
        "abs" => match first? {
            Value::Int(number) => Value::Int(number.wrapping_abs()),
            other => Value::Float(other.as_number()?.abs()),
        },
        "floor" => Value::Int(first?.as_number()?.floor() as i64),
        "ceil" | "ceiling" => Value::Int(first?.as_number()?.ceil() as i64),
        "round" => {
            let digits = usize::try_from(int(1).unwrap_or(0)).unwrap_or(0).min(12);
            Value::Text(format!("{:.digits$}", first?.as_number()?))
        }
        "array_to_string" => {
            let [list, joint, ..] = values else {
                return None;
            };
            if list.is_null() {
                Value::Null
            } else {
                joined(&members(list), &joint.show())
            }
        }
        "array_upper" | "array_length" | "cardinality" => Value::count(members(first?).len()),
        "string_to_array" => array(text().split(&values.get(1)?.show()).map(Value::text)),
        _ => return None,
    })
}

/// A value as another type.
pub(super) fn cast(value: Value, name: &str) -> Value {
    match (value, name) {
        (Value::Null, _) => Value::Null,
        (
            value,
            "int" | "int2" | "int4" | "int8" | "integer" | "bigint" | "smallint" | "signed"
            | "unsigned" | "oid",
        ) => value.as_int().map_or(value, Value::Int),
        (value, "bool" | "boolean") => value.truth().map_or(Value::Null, Value::Bool),
        (Value::Bool(truth), "text" | "varchar" | "character varying") => {
            Value::text(if truth { "true" } else { "false" })
        }
        (Value::Text(text), "date") => Value::Text(text.chars().take(10).collect()),
        (value @ Value::Text(_), _) => value,
        (value, "text" | "varchar" | "char" | "nvarchar" | "character varying" | "name") => {
            Value::Text(value.show())
        }
        (value, _) => value,
    }
}
