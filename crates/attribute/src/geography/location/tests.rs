//! Files written here by the description of the format, read, damaged and signed.

use ipnet::IpNet;
use p521::ecdsa::SigningKey;
use p521::ecdsa::signature::hazmat::PrehashSigner as _;
use proptest::prelude::*;

use super::super::Geography;
use super::*;

/// 2026-03-04
const BUILT: u64 = 1_772_582_400;

/// A network: country, AS number, flags.
type Network<'a> = (&'a str, &'a str, u32, u16);

/// Writes a file as the format has it.
fn database(networks: &[Network<'_>], systems: &[(u32, &str)]) -> Vec<u8> {
    let mut pool = b"\0A vendor\0CC BY-SA 4.0\0".to_vec();
    let mut as_part = Vec::new();
    for (number, name) in systems {
        as_part.extend(number.to_be_bytes());
        as_part.extend(u32::try_from(pool.len()).unwrap().to_be_bytes());
        pool.extend(name.as_bytes());
        pool.push(0);
    }
    let mut nodes = vec![[0u32, 0, NONE]];
    let mut data = Vec::new();
    for (index, (network, country, asn, flags)) in (0u32..).zip(networks) {
        let network: IpNet = network.parse().unwrap();
        let (bits, length) = match network {
            IpNet::V4(net) => (
                net.network().to_ipv6_mapped().to_bits(),
                96 + net.prefix_len(),
            ),
            IpNet::V6(net) => (net.network().to_bits(), net.prefix_len()),
        };
        let mut at = 0;
        for depth in 0..length {
            let side = usize::from(bits >> (127 - depth) & 1 == 1);
            if nodes[at][side] == 0 {
                nodes[at][side] = u32::try_from(nodes.len()).unwrap();
                nodes.push([0, 0, NONE]);
            }
            at = nodes[at][side] as usize;
        }
        nodes[at][2] = index;
        data.extend(country.as_bytes());
        data.extend([0; 2]);
        data.extend(asn.to_be_bytes());
        data.extend(flags.to_be_bytes());
        data.extend([0; 2]);
    }
    let tree: Vec<u8> = nodes
        .iter()
        .flatten()
        .flat_map(|number| number.to_be_bytes())
        .collect();
    let mut bytes = MAGIC.to_vec();
    bytes.extend(BUILT.to_be_bytes());
    for text in [1u32, 0, 10] {
        bytes.extend(text.to_be_bytes());
    }
    let mut start = HEADER;
    for length in [as_part.len(), data.len(), tree.len(), 0, pool.len()] {
        bytes.extend(u32::try_from(start).unwrap().to_be_bytes());
        bytes.extend(u32::try_from(length).unwrap().to_be_bytes());
        start += length;
    }
    bytes.resize(HEADER, 0);
    bytes.extend([as_part, data, tree, pool].concat());
    bytes
}

fn sample() -> Vec<u8> {
    database(
        &[
            ("193.0.0.0/21", "NL", 3333, 0),
            ("193.0.6.0/24", "NL", 3333, 1 << 2),
            ("2001:67c:2e8::/48", "NL", 3333, 0),
            ("185.220.101.0/24", "DE", 60729, 1 | 1 << 3),
            ("193.0.14.0/24", "ZZ", 25152, 1 << 1),
            ("193.0.16.0/24", "\0\0", 0, 0),
        ],
        &[
            (3333, "RIPE NCC"),
            (25152, "K root"),
            (60729, "Zwiebel\u{1b}[31mfreunde"),
        ],
    )
}

fn open(bytes: Vec<u8>) -> (LocationFile, Source) {
    from_bytes(bytes, Path::new("location.db")).unwrap()
}

fn asked(file: &LocationFile, address: &str) -> Option<Answer> {
    file.lookup(address.parse().unwrap())
}

#[test]
fn countries_systems_and_flags_are_read() {
    let (file, source) = open(sample());
    let ripe = Answer {
        country: Some("NL".to_owned()),
        asn: Some(3333),
        as_name: Some("RIPE NCC".to_owned()),
        ..Answer::default()
    };
    assert_eq!(asked(&file, "193.0.0.1"), Some(ripe.clone()));
    assert_eq!(asked(&file, "2001:67c:2e8::1"), Some(ripe.clone()));
    // The narrowest network counts.
    let anycast = Answer {
        classes: vec![NetworkClass::Anycast],
        ..ripe
    };
    assert_eq!(asked(&file, "193.0.6.139"), Some(anycast));
    let exit = asked(&file, "185.220.101.1").unwrap();
    assert_eq!(exit.classes, [NetworkClass::Proxy, NetworkClass::Drop]);
    assert!(!exit.as_name.unwrap().contains('\u{1b}'));
    let root = asked(&file, "193.0.14.129").unwrap();
    assert_eq!(
        (root.country, root.asn, root.classes),
        (None, Some(25152), vec![NetworkClass::Satellite])
    );
    assert_eq!(asked(&file, "193.0.16.1"), Some(Answer::default()));
    assert_eq!(asked(&file, "8.8.8.8"), None);
    assert_eq!(
        (source.date.as_str(), source.licence.as_str()),
        ("2026-03-04", "CC BY-SA 4.0")
    );
    assert_eq!(source.kind, "IPFire location");
    assert_eq!(source.fields, ["as_name", "asn", "classes", "country"]);
    assert!(
        source.attribution.starts_with("A vendor location database"),
        "{source:?}"
    );
}

#[test]
fn flags_become_classes_and_take_the_place_away() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("location.db");
    std::fs::write(&path, sample()).unwrap();
    let mut geography = Geography::embedded().unwrap();
    geography.add_file(&path).unwrap();
    let facts = geography.lookup("185.220.101.1".parse().unwrap());
    assert!(
        facts.is_listed(NetworkClass::Proxy) && facts.is_listed(NetworkClass::Drop),
        "{facts:?}"
    );
    assert_eq!(facts.country.as_deref(), Some("DE"));
    assert!(facts.unplaced_because.is_some());
    assert_eq!(facts.confidence(), lapwing_core::Confidence::Low);
    let agreement = facts.agreement.unwrap();
    assert_eq!(agreement.of, 2);
}

#[test]
fn what_is_cut_or_no_database_is_refused_or_survived() {
    for bytes in [
        Vec::new(),
        MAGIC.to_vec(),
        vec![0; HEADER],
        b"LOCDBXX\x02".to_vec(),
    ] {
        assert!(from_bytes(bytes, Path::new("x")).is_err());
    }
    let whole = sample();
    for end in (0..whole.len()).step_by(13) {
        assert!(
            from_bytes(whole[..end].to_vec(), Path::new("x")).is_err(),
            "{end}"
        );
    }
    assert!(
        from_bytes(database(&[], &[]), Path::new("x")).is_err(),
        "nothing in it"
    );
    let nothing = database(&[("193.0.0.0/21", "\0\0", 0, 0)], &[]);
    let error = from_bytes(nothing, Path::new("x"))
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("no network in it has a country"), "{error}");
}

#[test]
fn a_tree_that_leads_in_circles_ends() {
    let mut bytes = sample();
    let tree = u32::from_be_bytes(bytes[44..48].try_into().unwrap()) as usize;
    let length = u32::from_be_bytes(bytes[48..52].try_into().unwrap()) as usize;
    for node in bytes[tree..tree + length].chunks_mut(NODE) {
        node[..8].copy_from_slice(&[0, 0, 0, 1, 0, 0, 0, 1]);
    }
    let (file, _) = open(bytes);
    let _ = asked(&file, "193.0.6.139");
    file.networks(&mut |network| assert!(is_public(network)));
}

#[test]
fn public_networks_of_ipv6_are_handed_over() {
    let networks = [
        ("2a00::/12", "NL", 3333, 0),
        ("2a00:1450:4000::/37", "IE", 15169, 0),
        ("2002:c100:600::/40", "NL", 3333, 0),
        ("193.0.0.0/21", "NL", 3333, 0),
        ("2001:67c:2e8::/48", "NL", 3333, 0),
    ];
    let (file, _) = open(database(&networks, &[]));
    let mut found = Vec::new();
    file.networks(&mut |network| found.push(network.to_string()));
    found.sort();
    assert_eq!(
        found,
        ["2001:67c:2e8::/48", "2a00:1450:4000::/37", "2a00::/12"]
    );
}

/// With a signature by a key that is made here, and that key in PEM.
fn signed(mut bytes: Vec<u8>) -> (Vec<u8>, String) {
    let key = SigningKey::from_slice(&[&[0u8; 2][..], &[7; 64]].concat()).unwrap();
    let digest = padded(&Sha256::digest(&bytes));
    let signature: Signature = key.sign_prehash(&digest).unwrap();
    let signature = signature.to_der();
    let signature = signature.as_bytes();
    bytes[LENGTHS..LENGTHS + 2]
        .copy_from_slice(&u16::try_from(signature.len()).unwrap().to_be_bytes());
    bytes[LENGTHS + 4..LENGTHS + 4 + signature.len()].copy_from_slice(signature);
    let point = key.verifying_key().to_sec1_point(false);
    // SubjectPublicKeyInfo of a P-521 key (RFC 5480): what stands before the point never changes.
    let mut der = vec![
        0x30, 0x81, 0x9b, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
        0x05, 0x2b, 0x81, 0x04, 0x00, 0x23, 0x03, 0x81, 0x86, 0x00,
    ];
    der.extend(point.as_bytes());
    let text = base64(&der);
    (
        bytes,
        format!("Made for a test\n-----BEGIN PUBLIC KEY-----\n{text}-----END PUBLIC KEY-----\n"),
    )
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0u32, |bits, at| {
            bits << 8 | u32::from(three.get(at).copied().unwrap_or(0))
        });
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at) & 63) as usize];
            text.push(if at > three.len() {
                '='
            } else {
                char::from(digit)
            });
        }
    }
    let lines: Vec<String> = text
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    lines.join("\n") + "\n"
}

#[test]
fn a_signature_is_by_the_key_given_or_the_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("location.db");
    let (bytes, key) = signed(sample());
    std::fs::write(&path, &bytes).unwrap();
    verify_location(&path, &key).unwrap();
    let mut changed = bytes.clone();
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(&path, &changed).unwrap();
    let error = verify_location(&path, &key).unwrap_err().to_string();
    assert!(
        error.contains("no signature in it is by the key given"),
        "{error}"
    );
    std::fs::write(&path, sample()).unwrap();
    assert!(verify_location(&path, &key).is_err(), "unsigned");
    assert!(verify_location(&path, "no key").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn damage_anywhere_is_survived(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..24), head in any::<bool>()) {
        let mut bytes = sample();
        let range = if head { LENGTHS } else { bytes.len() };
        for (place, byte) in changes {
            let place = place.index(range);
            bytes[place] = byte;
        }
        if let Ok((file, _)) = from_bytes(bytes, Path::new("damaged.db")) {
            for address in ["8.8.8.8", "193.0.6.139", "0.0.0.1", "::", "2001:67c:2e8::1", "ffff::"] {
                let _ = asked(&file, address);
            }
        }
    }
}
