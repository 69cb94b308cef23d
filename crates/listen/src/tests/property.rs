//! Whatever bytes come: nothing panics, and good requests are cut as hyper counts them.

use super::*;
use crate::proxy;
use crate::web::frames::Frames;
use crate::web::framing::Framing;
use crate::web::head::{Judged, judge, lenient};
use crate::web::hpack::Decoder;
use crate::web::huffman;
use proptest::prelude::*;

fn request() -> impl Strategy<Value = Vec<u8>> {
    let chunks = prop::collection::vec(
        (prop::collection::vec(any::<u8>(), 1..20), "(;[a-z]=[a-z])?"),
        0..4,
    );
    let path = "(/[a-z0-9]{0,9})?(\\?[a-z]=[a-z%]{0,4})?";
    let framed = prop_oneof![
        Just(b"\r\n".to_vec()),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(|body| {
            [
                format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes(),
                &body,
            ]
            .concat()
        }),
        (chunks, "(t: [a-z]{1,5}\r\n)?").prop_map(|(chunks, trailer)| {
            let mut out = b"Transfer-Encoding: chunked\r\n\r\n".to_vec();
            for (data, extension) in chunks {
                out.extend_from_slice(format!("{:X}{extension}\r\n", data.len()).as_bytes());
                out.extend_from_slice(&data);
                out.extend_from_slice(b"\r\n");
            }
            out.extend_from_slice(format!("0\r\n{trailer}\r\n").as_bytes());
            out
        }),
    ];
    (path, "(\r\n)?", framed).prop_map(|(path, blank, framed)| {
        let head = format!("{blank}POST /{HANDLE}{path} HTTP/1.1\r\nhOst: h\r\n");
        [head.as_bytes(), &framed].concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn good_requests_are_cut_as_sent(
        requests in prop::collection::vec(request(), 1..6),
        pieces in prop::collection::vec(1_usize..200, 0..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let running = start(Limits::default(), &[]);
            let last = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
            let sent = [requests.concat(), last.to_vec()].concat();
            let mut stream = running.connect().await;
            let mut rest = &sent[..];
            for piece in pieces {
                let (part, after) = rest.split_at(piece.min(rest.len()));
                stream.write_all(part).await.unwrap();
                tokio::task::yield_now().await;
                rest = after;
            }
            stream.write_all(rest).await.unwrap();
            let answers = read_all(&mut stream).await;
            assert_eq!(answers.matches("HTTP/1.1 ").count(), requests.len() + 1, "{answers}");
            let raw: Vec<_> = running.sightings().into_iter().map(|it| it.raw).collect();
            assert_eq!(raw, requests);
        });
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_parser_panic(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"\r\n :;0aGP/".to_vec())], 0..400),
        cut in 0_usize..400,
    ) {
        let mut scanned = 0;
        let cut = cut.min(bytes.len());
        let early = judge(&bytes[..cut], &mut scanned, 256);
        if matches!(early, Judged::Partial) {
            let late = judge(&bytes, &mut scanned, 256);
            let once = judge(&bytes, &mut 0, 256);
            prop_assert_eq!(format!("{late:?}"), format!("{once:?}"));
        }
        lenient(&bytes);
        let _ = Framing::chunked().advance(&bytes);
        let _ = Decoder::default().decode(&bytes, 1000, &mut Vec::new());
        let _ = huffman::decode(&bytes);
        let _ = proxy::read(&bytes);
    }

    #[test]
    fn no_frames_make_the_walker_panic(
        parts in prop::collection::vec((0_u8..11, any::<u8>(), 0_u32..6, prop::collection::vec(any::<u8>(), 0..60)), 0..20),
        junk in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let limits = Limits { raw_bytes: 100, header_bytes: 100, ..Limits::default() };
            let mut frames = Frames::new(Arc::new(SystemClock), &limits);
            frames.feed(crate::web::frames::PREFACE);
            for (kind, flags, id, payload) in &parts {
                let mut bytes = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
                bytes.extend_from_slice(&[*kind, *flags]);
                bytes.extend_from_slice(&id.to_be_bytes());
                bytes.extend_from_slice(payload);
                frames.feed(&bytes);
                frames.claim("GET", "/");
            }
            frames.feed(&junk);
            frames.finish(1);
            for orphan in frames.rest() {
                assert!(orphan.evidence.raw.len() <= 100 + (1 << 10));
            }
        });
    }
}
