//! AWS Signature Version 2 of S3, verified as the vendor documents it ("Signing and authenticating REST
//! requests (AWS signature version 2)"): HMAC-SHA1 over method, dates, `x-amz-` headers and resource.
//! Old tools and S3-compatible stores still use it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use data_encoding::BASE64;
use lapwing_core::Timestamp;
use ring::hmac;

use crate::credential::Fault;
use crate::request::Request;
use crate::sigv4::{SKEW, Signed, basic_time};

/// Parameters that belong to the resource that is signed.
const RESOURCES: &[&str] = &[
    "acl",
    "cors",
    "delete",
    "lifecycle",
    "location",
    "logging",
    "notification",
    "partNumber",
    "policy",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];

/// Reads the signature of a request, from its header or its query; `None` if it has none.
pub(crate) fn parse(request: &Request) -> Option<Signed> {
    let (key_id, signature, expires) = match request.authorization() {
        Some(("AWS", rest)) => {
            let (key_id, signature) = rest.split_once(':')?;
            (key_id, signature, None)
        }
        _ => {
            let expires = request.query_value("Expires")?;
            (
                request.query_value("AWSAccessKeyId")?,
                request.query_value("Signature")?,
                Some(expires.parse().unwrap_or(0)),
            )
        }
    };
    let date = request
        .header("x-amz-date")
        .or_else(|| request.header("date"))
        .unwrap_or_default();
    Some(Signed {
        version: 2,
        key_id: key_id.to_owned(),
        date: String::new(),
        region: String::new(),
        service: "s3".to_owned(),
        signed_headers: Vec::new(),
        signature: signature.trim().to_owned(),
        amz_date: date.to_owned(),
        expires,
    })
}

/// Verifies a signature against a secret.
pub(crate) fn verify(
    request: &Request,
    signed: &Signed,
    secret: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    let shown = BASE64
        .decode(signed.signature.as_bytes())
        .unwrap_or_default();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
    // The bucket may be in the path or in the host; a signature proves itself, so each is tried.
    let bucket = request.host.split('.').next().unwrap_or_default();
    let stands = [String::new(), format!("/{bucket}")].iter().any(|before| {
        let text = string_to_sign(request, signed, before);
        hmac::verify(&key, text.as_bytes(), &shown).is_ok()
    });
    if !stands {
        return Err(Fault::Mismatch);
    }
    match signed.expires {
        Some(lapses) if now.seconds() > lapses => Err(Fault::Expired),
        Some(_) => Ok(()),
        None => {
            let at = written_time(&signed.amz_date).ok_or(Fault::Skewed)?;
            let age = (now.seconds() - at).abs();
            if age > SKEW {
                Err(Fault::Skewed)
            } else {
                Ok(())
            }
        }
    }
}

fn string_to_sign(request: &Request, signed: &Signed, before: &str) -> String {
    let header = |name| request.header(name).unwrap_or_default();
    // An `x-amz-date` stands among the other headers; the place of the date is empty then.
    let lapses = signed.expires.map(|lapses| lapses.to_string());
    let date = match &lapses {
        Some(lapses) => lapses.as_str(),
        None if request.header("x-amz-date").is_some() => "",
        None => header("date"),
    };
    let mut out = format!(
        "{}\n{}\n{}\n{date}\n",
        request.method,
        header("content-md5"),
        header("content-type")
    );
    let mut amz: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in &request.headers {
        let name = name.to_ascii_lowercase();
        if name.starts_with("x-amz-") {
            let value = String::from_utf8_lossy(value).trim().to_owned();
            amz.entry(name).or_default().push(value);
        }
    }
    for (name, values) in amz {
        let _ = writeln!(out, "{name}:{}", values.join(","));
    }
    let _ = write!(out, "{before}{}", request.path());
    let mut parts: Vec<(&str, &str)> = request
        .query()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(|(name, _)| RESOURCES.contains(name))
        .collect();
    parts.sort_unstable();
    for (number, (name, value)) in parts.into_iter().enumerate() {
        out.push(if number == 0 { '?' } else { '&' });
        out.push_str(name);
        if !value.is_empty() {
            let _ = write!(out, "={value}");
        }
    }
    out
}

/// Seconds since the epoch of `Mon, 23 Nov 2026 02:39:00 +0000` or of the basic form of ISO 8601.
fn written_time(text: &str) -> Option<i64> {
    if let Ok(at) = jiff::fmt::rfc2822::parse(text) {
        return Some(at.timestamp().as_second());
    }
    basic_time(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> String {
        ["wJalrXUtnFEMI/K7MDENG", "/bPxRfiCYEXAMPLEKEY"].concat()
    }

    fn request(method: &str, target: &str, host: &str, headers: &[(&str, &str)]) -> Request {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
            .collect();
        Request::new(
            method.to_owned(),
            target.to_owned(),
            host.to_owned(),
            headers,
            Vec::new(),
        )
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("RFC 3339")
    }

    #[test]
    fn stands_by_the_published_examples() {
        // "Object GET" and "List" of the documentation, both with the bucket in the host.
        for (target, authorization, date, now) in [
            (
                "/photos/puppy.jpg",
                "AWS AKIAIOSFODNN7EXAMPLE:qgk2+6Sv9/oM7G3qLEjTH1a1l1g=",
                "Tue, 27 Mar 2007 19:36:42 +0000",
                "2007-03-27T19:40:00Z",
            ),
            (
                "/?prefix=photos&max-keys=50&marker=puppy",
                "AWS AKIAIOSFODNN7EXAMPLE:m0WP8eCtspQl5Ahe6L1SozdX9YA=",
                "Tue, 27 Mar 2007 19:42:41 +0000",
                "2007-03-27T19:40:00Z",
            ),
        ] {
            let headers = [("Authorization", authorization), ("Date", date)];
            let host = "awsexamplebucket1.us-west-1.s3.amazonaws.com";
            let request = request("GET", target, host, &headers);
            let signed = parse(&request).expect("signed");
            assert_eq!((signed.version, signed.service.as_str()), (2, "s3"));
            let verified = |secret: &str, now| verify(&request, &signed, secret, now);
            assert_eq!(verified(&secret(), at(now)), Ok(()), "{target}");
            assert_eq!(verified("other", at(now)), Err(Fault::Mismatch));
            let late = at(now).plus_seconds(2000);
            assert_eq!(verified(&secret(), late), Err(Fault::Skewed));
        }
    }

    #[test]
    fn addresses_lapse() {
        // "Query string request authentication alternative" of the documentation.
        let target = "/photos/puppy.jpg?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620";
        let request = request("GET", target, "johnsmith.s3.amazonaws.com", &[]);
        let signed = parse(&request).expect("signed");
        let verified = |now| verify(&request, &signed, &secret(), at(now));
        assert_eq!(verified("2007-03-28T12:00:00Z"), Ok(()));
        assert_eq!(verified("2007-03-30T12:00:00Z"), Err(Fault::Expired));
    }
}
