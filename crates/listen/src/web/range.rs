//! A part of what is answered, where the answer says that parts can be had: one range, as clients that go on with
//! a download ask for (RFC 9110 section 14). Several at once, or one that is not there, get the whole.

use lapwing_catalog::Request;

use crate::web::reply::Reply;

/// Leaves of a reply what was asked for.
pub(crate) fn cut(request: &Request, reply: &mut Reply) {
    let has = |name: &str| {
        let found = reply
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    };
    if request.method != "GET" || reply.status != 200 || has("accept-ranges") != Some("bytes") {
        return;
    }
    let changed = request
        .header("if-range")
        .is_some_and(|known| has("etag") != Some(known) && has("last-modified") != Some(known));
    let length = reply.body.len();
    let asked = request.header("range").filter(|_| !changed);
    let Some((first, last)) = asked.and_then(|asked| range(asked, length)) else {
        return;
    };
    reply.status = 206;
    reply.body = reply.body.slice(first..=last);
    let told = format!("bytes {first}-{last}/{length}");
    reply.headers.push(("Content-Range".into(), told));
}

/// First and last byte of `bytes=2-5`, `bytes=2-` or `bytes=-5`.
fn range(asked: &str, length: usize) -> Option<(usize, usize)> {
    let (first, last) = asked.strip_prefix("bytes=")?.trim().split_once('-')?;
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<usize>().unwrap_or(usize::MAX))
    };
    let end = length.checked_sub(1)?;
    let (first, last) = match (first, last) {
        ("", last) => (length.saturating_sub(number(last)?), end),
        (first, "") => (number(first)?, end),
        (first, last) => (number(first)?, number(last)?.min(end)),
    };
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_range_is_read() {
        for (asked, expect) in [
            ("bytes=1-2", Some((1, 2))),
            ("bytes=1-", Some((1, 9))),
            ("bytes=-3", Some((7, 9))),
            ("bytes=-30", Some((0, 9))),
            ("bytes=8-99999999999999999999999", Some((8, 9))),
            ("bytes=10-", None),
            ("bytes=-0", None),
            ("bytes=3-2", None),
            ("bytes=0-1,4-5", None),
            ("bytes=-", None),
            ("lines=1-2", None),
        ] {
            assert_eq!(range(asked, 10), expect, "{asked}");
        }
        assert_eq!(range("bytes=0-", 0), None);
    }

    proptest! {
        #[test]
        fn a_range_is_within(asked in "bytes=[0-9]{0,22}-[0-9]{0,22}", length in 0_usize..50) {
            if let Some((first, last)) = range(&asked, length) {
                prop_assert!(first <= last && last < length);
            }
        }
    }
}
