//! Writes the MaxMind DB format, version 2.0 (maxmind.github.io/MaxMind-DB): search tree with 24-
//! or 28-bit records, 16 zero bytes, data section in which every string is stored once, metadata.

use std::collections::HashMap;

use crate::Outcome;
use crate::sources::Sources;
use crate::tree::{Branch, Tree};

const TYPE_STRING: u8 = 2;
const TYPE_UINT16: u8 = 5;
const TYPE_UINT32: u8 = 6;
const TYPE_MAP: u8 = 7;
const TYPE_UINT64: u8 = 9;
const TYPE_ARRAY: u8 = 11;

/// Writes a whole database.
pub(crate) fn write(sources: &Sources, tree: &Tree, epoch: u64) -> Outcome<Vec<u8>> {
    let (data, offsets) = data_section(sources, tree);
    let nodes = tree.nodes.len();
    let highest = nodes + 16 + data.len();
    let record_bits: u16 = if highest < 1 << 24 { 24 } else { 28 };
    if highest >= 1 << 28 {
        return Err("too large for 28-bit records".into());
    }
    let number = |branch: Branch| match branch {
        Branch::Nothing => nodes,
        Branch::Record(index) => nodes + 16 + offsets[index as usize],
        // the root, built last, has to be node 0
        Branch::Node(index) => nodes - 1 - index as usize,
    };
    let mut out = Vec::with_capacity(nodes * 7 + data.len() + 1024);
    for pair in tree.nodes.iter().rev() {
        let [left, right] = pair.map(|branch| (number(branch) as u32).to_be_bytes());
        out.extend_from_slice(&left[1..]);
        if record_bits == 28 {
            out.push(left[0] << 4 | right[0]);
        }
        out.extend_from_slice(&right[1..]);
    }
    out.extend_from_slice(&[0; 16]);
    out.extend_from_slice(&data);
    out.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
    metadata(&mut out, nodes as u32, record_bits, epoch);
    Ok(out)
}

/// The records, one map each, and where each begins.
fn data_section(sources: &Sources, tree: &Tree) -> (Vec<u8>, Vec<usize>) {
    let mut data = Vec::new();
    let mut strings = Strings::default();
    // keys and countries first: pointers to the first 2 KiB are the shortest
    let keys = [
        "country_code",
        "autonomous_system_number",
        "autonomous_system_organization",
    ];
    for text in keys
        .into_iter()
        .chain(sources.codes.iter().map(String::as_str))
    {
        strings.store(&mut data, text);
    }
    for (_, name) in &sources.systems {
        strings.store(&mut data, name);
    }
    let mut offsets = Vec::with_capacity(tree.values.len());
    for (country, system) in &tree.values {
        offsets.push(data.len());
        let country = country.map(|index| &sources.codes[index as usize]);
        let system = system.map(|index| &sources.systems[index as usize]);
        let name = system.map(|(_, name)| name).filter(|name| !name.is_empty());
        let entries = [country.is_some(), system.is_some(), name.is_some()];
        control(
            &mut data,
            TYPE_MAP,
            entries.into_iter().filter(|is| *is).count(),
        );
        if let Some(country) = country {
            strings.point(&mut data, keys[0]);
            strings.point(&mut data, country);
        }
        if let Some((number, _)) = system {
            strings.point(&mut data, keys[1]);
            unsigned(&mut data, TYPE_UINT32, u64::from(*number));
        }
        if let Some(name) = name {
            strings.point(&mut data, keys[2]);
            strings.point(&mut data, name);
        }
    }
    (data, offsets)
}

#[derive(Default)]
struct Strings<'a>(HashMap<&'a str, usize>);

impl<'a> Strings<'a> {
    fn store(&mut self, data: &mut Vec<u8>, text: &'a str) {
        self.0.entry(text).or_insert_with(|| {
            let offset = data.len();
            string(data, text);
            offset
        });
    }

    fn point(&self, data: &mut Vec<u8>, text: &str) {
        let offset = self.0[text];
        if offset < 2048 {
            data.push(0b0010_0000 | (offset >> 8) as u8);
            data.push(offset as u8);
        } else if offset < 526_336 {
            let bytes = ((offset - 2048) as u32).to_be_bytes();
            data.push(0b0010_1000 | bytes[1]);
            data.extend_from_slice(&bytes[2..]);
        } else {
            let bytes = ((offset - 526_336) as u32).to_be_bytes();
            data.push(0b0011_0000 | bytes[0]);
            data.extend_from_slice(&bytes[1..]);
        }
    }
}

fn metadata(out: &mut Vec<u8>, nodes: u32, record_bits: u16, epoch: u64) {
    control(out, TYPE_MAP, 9);
    string(out, "binary_format_major_version");
    unsigned(out, TYPE_UINT16, 2);
    string(out, "binary_format_minor_version");
    unsigned(out, TYPE_UINT16, 0);
    string(out, "build_epoch");
    unsigned(out, TYPE_UINT64, epoch);
    string(out, "database_type");
    string(out, "lapwing-networks");
    string(out, "description");
    control(out, TYPE_MAP, 1);
    string(out, "en");
    string(
        out,
        "Country (DB-IP), AS number and name (RouteViews, NRO, DB-IP), merged and reduced; \
         CC BY 4.0, see LICENSE.md beside this file",
    );
    string(out, "ip_version");
    unsigned(out, TYPE_UINT16, 6);
    string(out, "languages");
    control(out, TYPE_ARRAY, 1);
    string(out, "en");
    string(out, "node_count");
    unsigned(out, TYPE_UINT32, u64::from(nodes));
    string(out, "record_size");
    unsigned(out, TYPE_UINT16, u64::from(record_bits));
}

fn string(out: &mut Vec<u8>, text: &str) {
    control(out, TYPE_STRING, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn unsigned(out: &mut Vec<u8>, kind: u8, value: u64) {
    let bytes = value.to_be_bytes();
    let used = &bytes[value.leading_zeros() as usize / 8..];
    control(out, kind, used.len());
    out.extend_from_slice(used);
}

/// Control byte(s): type in the top three bits (0 and a further byte for extended types), size in
/// the rest or, from 29 on, in the bytes that follow.
fn control(out: &mut Vec<u8>, kind: u8, size: usize) {
    let (in_byte, further): (u8, Vec<u8>) = match size {
        0..29 => (size as u8, vec![]),
        29..285 => (29, vec![(size - 29) as u8]),
        _ => (30, ((size - 285) as u16).to_be_bytes().to_vec()),
    };
    if kind <= 7 {
        out.push(kind << 5 | in_byte);
    } else {
        out.push(in_byte);
        out.push(kind - 7);
    }
    out.extend_from_slice(&further);
}
