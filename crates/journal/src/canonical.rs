//! Canonical JSON, RFC 8785 (JCS), for the subset the journal writes: objects with ASCII keys,
//! arrays, strings, booleans, null and integers below 2^53 in size. Floating point is refused
//! rather than formatted, so a short script in any language reproduces the bytes.

use serde_json::{Map, Number, Value};

use crate::error::JournalError;

/// Deepest nesting accepted; well below what `serde_json` reads back.
const MAX_DEPTH: usize = 64;

/// Largest integer all JSON readers agree on, 2^53 - 1.
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Appends the canonical form of `value` to `out`.
///
/// # Errors
/// [`JournalError::Entry`] for floats, integers of 2^53 and more, keys that are not ASCII, and
/// nesting past 64.
pub fn write_canonical(value: &Value, out: &mut Vec<u8>) -> Result<(), JournalError> {
    write_value(value, out, 0).map_err(|what| JournalError::Entry(what.to_owned()))
}

fn write_value(value: &Value, out: &mut Vec<u8>, depth: usize) -> Result<(), &'static str> {
    if depth > MAX_DEPTH {
        return Err("nested deeper than 64");
    }
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => write_number(number, out)?,
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_value(item, out, depth + 1)?;
            }
            out.push(b']');
        }
        Value::Object(map) => write_object(map, out, depth)?,
    }
    Ok(())
}

fn write_object(
    map: &Map<String, Value>,
    out: &mut Vec<u8>,
    depth: usize,
) -> Result<(), &'static str> {
    // Sorted already, unless another crate switched on serde_json's `preserve_order`.
    let mut members: Vec<(&String, &Value)> = map.iter().collect();
    if !members.is_sorted_by(|a, b| a.0 < b.0) {
        members.sort_unstable_by_key(|member| member.0);
    }
    out.push(b'{');
    for (index, (key, value)) in members.into_iter().enumerate() {
        if !key.is_ascii() {
            return Err("a key is not ASCII");
        }
        if index > 0 {
            out.push(b',');
        }
        write_string(key, out);
        out.push(b':');
        write_value(value, out, depth + 1)?;
    }
    out.push(b'}');
    Ok(())
}

fn write_number(number: &Number, out: &mut Vec<u8>) -> Result<(), &'static str> {
    let magnitude = match (number.as_u64(), number.as_i64()) {
        (Some(positive), _) => positive,
        (None, Some(negative)) => {
            out.push(b'-');
            negative.unsigned_abs()
        }
        (None, None) => return Err("a number is not an integer"),
    };
    if magnitude > MAX_INTEGER {
        return Err("an integer is 2^53 or more");
    }
    write_integer(magnitude, out);
    Ok(())
}

/// Appends decimal digits; `write!` is several times slower, and this runs for every record.
pub(crate) fn write_integer(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(number % 10).expect("a digit is below ten");
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// RFC 8785 section 3.2.2.2: only what JSON requires is escaped, in its shortest form.
pub(crate) fn write_string(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut copied = 0;
    for (index, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[copied..index]);
        copied = index + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            control => {
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(control >> 4)]);
                out.push(HEX[usize::from(control & 15)]);
            }
        }
    }
    out.extend_from_slice(&bytes[copied..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn canonical(value: &Value) -> Result<String, JournalError> {
        let mut out = Vec::new();
        write_canonical(value, &mut out)?;
        Ok(String::from_utf8(out).expect("JSON is UTF-8"))
    }

    #[test]
    fn follows_rfc_8785() {
        // Section 3.2.3's string, and the sorting of section 3.2.3 with ASCII keys.
        let text = "\u{20ac}$\u{f}\nA'B\"\\\\\"/";
        assert_eq!(
            canonical(&json!({ "string": text })).unwrap(),
            "{\"string\":\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"
        );
        assert_eq!(
            canonical(&json!({"b": [1, -2, 0], "a": {"1": null, "10": true, "\r": false}}))
                .unwrap(),
            r#"{"a":{"\r":false,"1":null,"10":true},"b":[1,-2,0]}"#
        );
        assert_eq!(
            canonical(&json!("\u{8}\t\n\u{c}\r\u{0}\u{1f}\u{7f}")).unwrap(),
            "\"\\b\\t\\n\\f\\r\\u0000\\u001f\u{7f}\""
        );
        assert_eq!(
            canonical(&json!([
                9_007_199_254_740_991_u64,
                -9_007_199_254_740_991_i64
            ]))
            .unwrap(),
            "[9007199254740991,-9007199254740991]"
        );
    }

    #[test]
    fn refuses_what_readers_disagree_on() {
        for value in [
            json!(1.5),
            json!(-0.0),
            json!(9_007_199_254_740_992_u64),
            json!(i64::MIN),
            json!({"ключ": 1}),
        ] {
            assert!(canonical(&value).is_err(), "{value}");
        }
        let mut deep = json!(1);
        for _ in 0..80 {
            deep = json!([deep]);
        }
        assert!(canonical(&deep).is_err());
    }

    #[test]
    fn escapes_as_serde_json_does() {
        let all: String = (0_u8..128).map(char::from).collect();
        assert_eq!(canonical(&json!(all)).unwrap(), json!(all).to_string());
    }
}
