//! A client's first TCP packet, its SYN: the options it carries and their order tell systems apart.
//!
//! Linux keeps the headers of that packet for a listening socket that asks for it (`TCP_SAVE_SYN`), and gives them
//! out once (`TCP_SAVED_SYN`, tcp(7)); no privilege is needed. They are written as p0f 3 writes a signature, so
//! that its tables can be searched for it; the method and the code are our own.

use std::fmt::Write as _;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::sockopt::GetOsString;
use nix::sys::socket::{getsockopt, setsockopt};
use nix::{getsockopt_impl, setsockopt_impl, sockopt_impl};

sockopt_impl!(SaveSyn, SetOnly, libc::IPPROTO_TCP, libc::TCP_SAVE_SYN, u32);
// Room for nothing.
sockopt_impl!(
    NoSyn,
    GetOnly,
    libc::IPPROTO_TCP,
    libc::TCP_SAVED_SYN,
    std::ffi::OsString,
    GetOsString<[u8; 0]>
);

/// Reads headers of each of these lengths, in bytes. A buffer that is too small the kernel refuses, and keeps the
/// packet: so the lengths are tried from the least, and the first that is enough is the right one.
macro_rules! lengths {
    ($($name:ident $length:literal),* $(,)?) => {
        $(sockopt_impl!($name, GetOnly, libc::IPPROTO_TCP, libc::TCP_SAVED_SYN, [u8; $length]);)*

        fn headers(socket: &impl AsFd) -> Option<Vec<u8>> {
            $(match getsockopt(socket, $name) {
                Ok(headers) => return Some(headers.to_vec()),
                Err(Errno::EINVAL) => {}
                Err(_) => return None,
            })*
            None
        }
    };
}

// Both headers are counted in words of four bytes: 20 to 60 bytes of IPv4 or 40 of IPv6 and what extends it, and 20
// to 60 of TCP.
lengths![
    Syn40 40,
    Syn44 44,
    Syn48 48,
    Syn52 52,
    Syn56 56,
    Syn60 60,
    Syn64 64,
    Syn68 68,
    Syn72 72,
    Syn76 76,
    Syn80 80,
    Syn84 84,
    Syn88 88,
    Syn92 92,
    Syn96 96,
    Syn100 100,
    Syn104 104,
    Syn108 108,
    Syn112 112,
    Syn116 116,
    Syn120 120,
];

/// Asks for the packets of connections to come. Where the system keeps none, there are none.
pub(crate) fn keep(listening: &impl AsFd) {
    if let Err(error) = setsockopt(listening, SaveSyn, &1) {
        tracing::debug!(%error, "the system keeps no SYN packets");
    }
}

/// The signature of the packet that a connection began with, the first time it is asked for.
pub(crate) fn signature(connection: &impl AsFd) -> Option<String> {
    // With nothing kept there is room enough for it.
    if getsockopt(connection, NoSyn).is_ok() {
        return None;
    }
    describe(&headers(connection)?)
}

/// `4:53+11:0:1460:64240,7:mss,sok,ts,nop,ws:df,id+:0`: version of IP; time to live, and hops so far as far as that can
/// be guessed; bytes of IP options; largest segment (0: not said); window and its scale; TCP options; what else is peculiar; `+`
/// if it carries data. `None` if these are no headers of a SYN.
fn describe(headers: &[u8]) -> Option<String> {
    let ip = Ip::read(headers)?;
    let tcp = headers.get(ip.length..)?;
    let (fixed, _) = tcp.split_first_chunk::<20>()?;
    let length = usize::from(fixed[12] >> 4) * 4;
    let options = Options::read(tcp.get(20..length)?);
    let flags = fixed[13];
    let word =
        |at: usize| u32::from_be_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
    let half = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
    let has = |flag: u8| flags & flag != 0;
    let peculiar = [
        ("df", ip.unbroken),
        ("id+", ip.unbroken && ip.numbered == Some(true)),
        ("id-", !ip.unbroken && ip.numbered == Some(false)),
        ("ecn", ip.congestion || has(ECE | CWR)),
        ("0+", ip.reserved || fixed[12] & 0x0f != 0),
        ("flow", ip.flow),
        ("seq-", word(4) == 0),
        ("ack+", word(8) != 0 && !has(ACK)),
        ("ack-", word(8) == 0 && has(ACK)),
        ("uptr+", half(18) != 0 && !has(URG)),
        ("urgf+", has(URG)),
        ("pushf+", has(PSH)),
        ("ts1-", matches!(options.clock, Some((true, _)))),
        ("ts2+", matches!(options.clock, Some((_, true)))),
        ("opt+", options.trailing),
        ("exws", options.scale > 14),
        ("bad", options.broken),
    ];
    let peculiar: Vec<&str> = { peculiar.into_iter() }
        .filter_map(|(name, is)| is.then_some(name))
        .collect();
    let hops = { FIRST.into_iter() }
        .filter_map(|first| first.checked_sub(ip.hops_left))
        .min()
        .filter(|hops| *hops <= FARTHEST)
        .map_or_else(|| "?".to_owned(), |hops| hops.to_string());
    Some(format!(
        "{}:{}+{hops}:{}:{}:{},{}:{}:{}:{}",
        ip.version,
        ip.hops_left,
        ip.options,
        options.segment,
        half(14),
        options.scale,
        options.layout,
        peculiar.join(","),
        if ip.total > ip.length + length {
            '+'
        } else {
            '0'
        },
    ))
}

/// What systems begin the time to live with.
const FIRST: [u8; 4] = [32, 64, 128, 255];
/// Hops that no way through the Internet has more of.
const FARTHEST: u8 = 35;

const PSH: u8 = 0x08;
const ACK: u8 = 0x10;
const URG: u8 = 0x20;
const ECE: u8 = 0x40;
const CWR: u8 = 0x80;

/// The header of IP (RFC 791, RFC 8200).
struct Ip {
    version: u8,
    /// Where TCP begins.
    length: usize,
    /// Bytes of options of IPv4.
    options: usize,
    /// Bytes of the whole packet.
    total: usize,
    hops_left: u8,
    /// Must not be cut in pieces.
    unbroken: bool,
    /// Whether its identification is not zero; IPv6 has none.
    numbered: Option<bool>,
    congestion: bool,
    /// Bits are set that must not be.
    reserved: bool,
    flow: bool,
}

impl Ip {
    fn read(headers: &[u8]) -> Option<Self> {
        match headers.first()? >> 4 {
            4 => {
                let (fixed, _) = headers.split_first_chunk::<20>()?;
                let length = usize::from(fixed[0] & 0x0f) * 4;
                Some(Self {
                    version: 4,
                    length,
                    options: length.checked_sub(20)?,
                    total: usize::from(u16::from_be_bytes([fixed[2], fixed[3]])),
                    hops_left: fixed[8],
                    unbroken: fixed[6] & 0x40 != 0,
                    numbered: Some(fixed[4..6] != [0, 0]),
                    congestion: fixed[1] & 0x03 != 0,
                    reserved: fixed[6] & 0x80 != 0,
                    flow: false,
                })
            }
            6 => {
                let (fixed, _) = headers.split_first_chunk::<40>()?;
                Some(Self {
                    version: 6,
                    length: after_extensions(fixed[6], headers)?,
                    options: 0,
                    total: 40 + usize::from(u16::from_be_bytes([fixed[4], fixed[5]])),
                    hops_left: fixed[7],
                    unbroken: false,
                    numbered: None,
                    congestion: fixed[1] & 0x30 != 0,
                    reserved: false,
                    flow: fixed[1] & 0x0f != 0 || fixed[2..4] != [0, 0],
                })
            }
            _ => None,
        }
    }
}

/// Where TCP begins behind the headers that extend one of IPv6, the first of which is `next`.
fn after_extensions(mut next: u8, headers: &[u8]) -> Option<usize> {
    const TCP: u8 = 6;
    let mut at = 40;
    while next != TCP {
        let [following, length] = *headers.get(at..)?.first_chunk::<2>()?;
        next = following;
        at += (usize::from(length) + 1) * 8;
    }
    Some(at)
}

/// The options of TCP (RFC 9293, section 3.1).
#[derive(Default)]
struct Options {
    /// Their names, in order.
    layout: String,
    segment: u16,
    scale: u8,
    /// Whether its own clock reads zero, and whether the other one's does not (RFC 7323).
    clock: Option<(bool, bool)>,
    /// Something stands behind their end.
    trailing: bool,
    /// They do not end where they should.
    broken: bool,
}

impl Options {
    fn read(bytes: &[u8]) -> Self {
        let mut options = Self::default();
        let mut rest = bytes;
        while let Some((&kind, behind)) = rest.split_first() {
            if !options.layout.is_empty() {
                options.layout.push(',');
            }
            match kind {
                0 => {
                    let _ = write!(options.layout, "eol+{}", behind.len());
                    options.trailing = behind.iter().any(|byte| *byte != 0);
                    break;
                }
                1 => {
                    options.layout.push_str("nop");
                    rest = behind;
                    continue;
                }
                _ => {}
            }
            let length = behind.first().map_or(0, |length| usize::from(*length));
            let value = rest.get(2..length);
            options.name(kind, value.unwrap_or_default());
            match rest.get(length..) {
                Some(after) if value.is_some() => rest = after,
                _ => {
                    options.broken = true;
                    break;
                }
            }
        }
        options
    }

    fn name(&mut self, kind: u8, value: &[u8]) {
        match (kind, value) {
            (2, [high, low]) => {
                self.segment = u16::from_be_bytes([*high, *low]);
                self.layout.push_str("mss");
            }
            (3, [scale]) => {
                self.scale = *scale;
                self.layout.push_str("ws");
            }
            (4, []) => self.layout.push_str("sok"),
            (5, _) => self.layout.push_str("sack"),
            (8, value) if value.len() == 8 => {
                let (own, other) = value.split_at(4);
                self.clock = Some((own == [0; 4], other != [0; 4]));
                self.layout.push_str("ts");
            }
            (kind, _) => {
                self.broken |= matches!(kind, 2 | 3 | 4 | 8);
                let _ = write!(self.layout, "?{kind}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener, TcpStream};

    use proptest::prelude::*;

    use super::*;

    /// A SYN over IPv4 with these options, as Linux sends it from nine routers away.
    fn packet(options: &[u8]) -> Vec<u8> {
        let length = 40 + options.len();
        let mut packet = vec![
            0x45,
            0,
            0,
            u8::try_from(length).unwrap(),
            0x12,
            0x34,
            0x40,
            0,
            55,
            6,
            0,
            0,
        ];
        packet.extend([
            198, 51, 100, 7, 192, 0, 2, 1, 0x9c, 0x40, 0, 80, 1, 2, 3, 4, 0, 0, 0, 0,
        ]);
        packet.extend([
            u8::try_from(5 + options.len() / 4).unwrap() << 4,
            2,
            0xfa,
            0xf0,
            0,
            0,
            0,
            0,
        ]);
        packet.extend(options);
        packet
    }

    const LINUX: [u8; 20] = [
        2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7,
    ];

    #[test]
    fn a_signature_says_what_was_sent() {
        let of = |bytes: &[u8]| describe(bytes).unwrap_or_default();
        assert_eq!(
            of(&packet(&LINUX)),
            "4:55+9:0:1460:64240,7:mss,sok,ts,nop,ws:df,id+:0"
        );
        // Its own clock at zero and the other's not, something behind the end, and an option that is new.
        let odd = [34, 4, 1, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 1, 0, 7];
        assert_eq!(
            of(&packet(&odd)),
            "4:55+9:0:0:64240,0:?34,ts,eol+1:df,id+,ts1-,ts2+,opt+:0"
        );
        assert_eq!(
            of(&packet(&[2, 9, 1, 1])),
            "4:55+9:0:0:64240,0:?2:df,id+,bad:0"
        );
        let mut far = packet(&[]);
        far[8] = 200;
        assert_eq!(of(&far), "4:200+?:0:0:64240,0::df,id+:0");
        let mut reset = packet(&[]);
        (reset[6], reset[4], reset[5], reset[33]) = (0x80, 0, 0, 0x02 | URG | PSH | ECE);
        reset[3] += 5;
        assert_eq!(of(&reset), "4:55+9:0:0:64240,0::id-,ecn,0+,urgf+,pushf+:+");
        let mut six = vec![0x60, 1, 2, 3, 0, 32, 0, 128];
        six.extend([0; 32]);
        // Hop-by-hop options stand between.
        six.extend([6, 0, 1, 2, 0, 0, 0, 0]);
        six.extend(&packet(&[2, 4, 5, 0xa0])[20..]);
        assert_eq!(of(&six), "6:128+0:0:1440:64240,0:mss:flow:0");
        for cut in 0..60 {
            assert_eq!(of(&packet(&LINUX)[..cut]), "", "{cut}");
        }
    }

    #[test]
    fn the_system_keeps_it_for_who_asks() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let meet = || {
                let to: SocketAddr = listener.local_addr().unwrap();
                let client = TcpStream::connect(to).unwrap();
                (client, listener.accept().unwrap().0)
            };
            let (_client, accepted) = meet();
            assert_eq!(signature(&accepted), None, "before it was asked for");
            keep(&listener);
            let (_client, accepted) = meet();
            let found = signature(&accepted).expect("a signature");
            let version = if address.starts_with('[') { '6' } else { '4' };
            assert!(
                found.starts_with(&format!("{version}:64+0:0:654")),
                "{found}"
            );
            assert_eq!(signature(&accepted), None, "given out once");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_described_or_not(mut bytes in proptest::collection::vec(any::<u8>(), 0..128), v6: bool) {
            if let Some(first) = bytes.first_mut() {
                *first = *first & 0x0f | if v6 { 0x60 } else { 0x40 };
            }
            if let Some(signature) = describe(&bytes) {
                prop_assert_eq!(signature.split(':').count(), 8);
            }
        }
    }
}
