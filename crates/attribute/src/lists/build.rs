//! Writes lists in the form they are searched in.

use std::net::IpAddr;

use ipnet::IpNet;
use lapwing_core::NetworkClass;

use super::{Head, List, ListSource, MAGIC};

/// A list to be written.
#[derive(Clone, Debug)]
pub struct NewList {
    /// What its networks are used for.
    pub class: NetworkClass,
    /// Whose they are.
    pub name: String,
    /// Its name at the source.
    pub origin: String,
    /// The networks.
    pub networks: Vec<IpNet>,
}

/// The bytes of a file of lists: at most 256 of them.
///
/// # Panics
/// If there are more lists, or more than four thousand million networks.
#[must_use]
pub fn build(source: ListSource, lists: &[NewList]) -> Vec<u8> {
    assert!(lists.len() <= 256, "a list's number is one byte");
    let head = Head {
        source,
        lists: (lists.iter())
            .map(|list| List {
                class: list.class,
                name: list.name.clone(),
                origin: list.origin.clone(),
                count: u32::try_from(list.networks.len()).expect("fewer networks than addresses"),
            })
            .collect(),
    };
    let head = serde_json::to_vec(&head).expect("plain data");
    let mut out = MAGIC.to_vec();
    out.extend(number(head.len()));
    out.extend(head);
    for width in [4, 16] {
        let mut networks: Vec<(u8, Vec<u8>, u8)> = Vec::new();
        for (index, list) in (0u8..=255).zip(lists) {
            for network in &list.networks {
                let start = match network.trunc().addr() {
                    IpAddr::V4(start) => start.octets().to_vec(),
                    IpAddr::V6(start) => start.octets().to_vec(),
                };
                if start.len() == width {
                    networks.push((network.prefix_len(), start, index));
                }
            }
        }
        networks.sort_unstable();
        networks.dedup();
        for length in 0..=8 * width + 1 {
            let before = |it: &(u8, Vec<u8>, u8)| usize::from(it.0) < length;
            out.extend(number(networks.partition_point(before)));
        }
        out.extend(networks.iter().flat_map(|(_, start, _)| start));
        out.extend(networks.iter().map(|(.., index)| index));
    }
    out
}

fn number(value: usize) -> [u8; 4] {
    u32::try_from(value)
        .expect("a size below 4 GiB")
        .to_be_bytes()
}
