//! Values as PostgreSQL writes them, in text and in binary.

use super::wire::{Out, text};
use crate::sql::{Answer, Column, Type, Value, micros};

/// The number of a type, its size, and its modifier. (`pg_type.dat`)
pub(super) fn type_of(kind: Type) -> (u32, i16, i32) {
    match kind {
        Type::Bool => (16, 1, -1),
        Type::Int => (23, 4, -1),
        Type::Big => (20, 8, -1),
        Type::Double => (701, 8, -1),
        // numeric(12,2)
        Type::Amount => (1700, -1, ((12 << 16) | 2) + 4),
        Type::Text(Some(most)) => (1043, -1, i32::from(most) + 4),
        Type::Text(None) | Type::Unknown => (25, -1, -1),
        Type::Moment => (1114, 8, -1),
        Type::Zoned => (1184, 8, -1),
        Type::Date => (1082, 4, -1),
        Type::Oid => (26, 4, -1),
        Type::Name => (19, 64, -1),
        Type::Char => (18, 1, -1),
        Type::Array => (1009, -1, -1),
    }
}

/// Format of a column: one for all, or one each. 1: binary.
fn format(formats: &[u16], at: usize, kind: Type) -> u16 {
    let asked = match formats {
        [] => 0,
        [one] => *one,
        all => all.get(at).copied().unwrap_or(0),
    };
    // Arrays come as text whatever was asked for: nobody asks for them in binary here.
    if kind == Type::Array { 0 } else { asked.min(1) }
}

/// `RowDescription`.
pub(super) fn description(columns: &[Column], formats: &[u16], out: &mut Out) {
    out.message(b'T', |out| {
        out.extend_from_slice(
            &u16::try_from(columns.len())
                .unwrap_or(u16::MAX)
                .to_be_bytes(),
        );
        for (at, column) in columns.iter().enumerate() {
            let (oid, size, modifier) = type_of(column.kind);
            text(out, &column.name);
            out.extend_from_slice(&[0; 6]);
            out.extend_from_slice(&oid.to_be_bytes());
            out.extend_from_slice(&size.to_be_bytes());
            out.extend_from_slice(&modifier.to_be_bytes());
            out.extend_from_slice(&format(formats, at, column.kind).to_be_bytes());
        }
    });
}

/// `DataRow`s, `count` of them from `from` on.
pub(super) fn rows(answer: &Answer, formats: &[u16], from: usize, count: usize, out: &mut Out) {
    for row in answer.rows.iter().skip(from).take(count) {
        out.message(b'D', |out| {
            out.extend_from_slice(&u16::try_from(row.len()).unwrap_or(u16::MAX).to_be_bytes());
            for (at, value) in row.iter().enumerate() {
                let kind = answer
                    .columns
                    .get(at)
                    .map_or(Type::Text(None), |column| column.kind);
                let bytes = match (value, format(formats, at, kind)) {
                    (Value::Null, _) => None,
                    (value, 0) => Some(shown(value, kind).into_bytes()),
                    (value, _) => Some(binary(value, kind)),
                };
                let length = bytes
                    .as_ref()
                    .map_or(u32::MAX, |bytes| u32::try_from(bytes.len()).unwrap_or(0));
                out.extend_from_slice(&length.to_be_bytes());
                out.extend_from_slice(&bytes.unwrap_or_default());
            }
        });
    }
}

/// A value as text.
pub(super) fn shown(value: &Value, kind: Type) -> String {
    match (value, kind) {
        (Value::Bool(truth), _) => if *truth { "t" } else { "f" }.to_owned(),
        (Value::Int(number), Type::Bool) => if *number != 0 { "t" } else { "f" }.to_owned(),
        (value, _) => value.show(),
    }
}

fn binary(value: &Value, kind: Type) -> Vec<u8> {
    match kind {
        Type::Bool => vec![u8::from(value.truth() == Some(true))],
        Type::Int | Type::Oid => {
            let number = value.as_int().unwrap_or(0);
            (number as u32).to_be_bytes().to_vec()
        }
        Type::Big => value.as_int().unwrap_or(0).to_be_bytes().to_vec(),
        Type::Double => value.as_number().unwrap_or(0.0).to_be_bytes().to_vec(),
        Type::Amount => numeric(&value.show()),
        Type::Moment | Type::Zoned => micros(&value.show()).to_be_bytes().to_vec(),
        Type::Date => i32::try_from(micros(&value.show()) / 86_400_000_000)
            .unwrap_or(0)
            .to_be_bytes()
            .to_vec(),
        _ => shown(value, kind).into_bytes(),
    }
}

/// `numeric`: digits of base 10,000, the weight of the first, sign, and digits behind the point.
fn numeric(text: &str) -> Vec<u8> {
    let (sign, text) = text
        .strip_prefix('-')
        .map_or((0u16, text), |text| (0x4000, text));
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let pad = (4 - whole.len() % 4) % 4;
    let scale = part.len();
    let mut digits = "0".repeat(pad) + whole + part;
    digits += &"0".repeat((4 - scale % 4) % 4);
    let groups: Vec<u16> = digits
        .as_bytes()
        .chunks(4)
        .map(|group| {
            group.iter().fold(0, |sum, byte| {
                sum * 10 + u16::from(byte.wrapping_sub(b'0') % 10)
            })
        })
        .collect();
    let weight = (whole.len() + pad) / 4;
    let mut out = Vec::new();
    let short = |number: usize| u16::try_from(number).unwrap_or(0);
    for number in [
        short(groups.len()),
        short(weight).wrapping_sub(1),
        sign,
        short(scale),
    ] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    out.extend(groups.iter().flat_map(|group| group.to_be_bytes()));
    out
}

/// A parameter's value, from text or from binary.
pub(super) fn parameter(format: u16, bytes: Option<&[u8]>, oid: u32) -> Value {
    let Some(bytes) = bytes else {
        return Value::Null;
    };
    if format == 0 {
        let text = String::from_utf8_lossy(bytes).into_owned();
        return match oid {
            16 => Value::Bool(matches!(text.as_str(), "t" | "true" | "1" | "on")),
            20 | 21 | 23 | 26 => text.parse().map_or(Value::Text(text), Value::Int),
            _ => Value::Text(text),
        };
    }
    match (oid, bytes) {
        (16, [truth]) => Value::Bool(*truth != 0),
        (21, [a, b]) => Value::Int(i16::from_be_bytes([*a, *b]).into()),
        (23 | 26, [a, b, c, d]) => Value::Int(i32::from_be_bytes([*a, *b, *c, *d]).into()),
        (20, bytes) if bytes.len() == 8 => Value::Int(
            bytes
                .first_chunk()
                .map_or(0, |bytes| i64::from_be_bytes(*bytes)),
        ),
        (701, bytes) if bytes.len() == 8 => Value::Float(
            bytes
                .first_chunk()
                .map_or(0.0, |bytes| f64::from_be_bytes(*bytes)),
        ),
        (_, bytes) => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_values() {
        assert_eq!(micros("2000-01-01 00:00:00"), 0);
        assert_eq!(
            micros("2000-03-01 00:00:01"),
            60 * 86_400_000_000 + 1_000_000
        );
        assert_eq!(micros("2025-03-31 14:05:59"), 796_745_159_000_000);
        assert_eq!(
            numeric("12.50"),
            [0, 2, 0, 0, 0, 0, 0, 2, 0, 12, 0x13, 0x88]
        );
        assert_eq!(numeric("10000"), [0, 2, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0]);
    }
}
