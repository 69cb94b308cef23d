//! Signatures of Azure, verified as the vendor documents them: SharedKey and SharedKeyLite of the storage
//! services ("Authorize with Shared Key"), shared access signatures of accounts and of single resources
//! ("Create an account SAS", "Create a service SAS"), the tokens of Service Bus and Event Hubs, and the signed
//! headers of Communication Services ("Sign an HTTP request").
//!
//! The services sign slightly different texts, and so did older versions of them; a signature proves
//! itself, so each reading is tried.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use data_encoding::BASE64;
use lapwing_core::Timestamp;
use ring::hmac;

use crate::credential::Fault;
use crate::request::{Request, decode_base64, percent_decode, raw_pairs};
use crate::sigv4::SKEW;

/// Most headers of a signature, and most parts of a path, that are looked at.
const MOST_SIGNED: usize = 8;

/// `Authorization: SharedKey account:signature`.
pub(crate) struct SharedKey {
    pub(crate) account: String,
    signature: Vec<u8>,
    lite: bool,
}

/// A shared access signature.
pub(crate) enum Sas {
    /// In the query of a storage service.
    Query { signature: Vec<u8> },
    /// In `Authorization`, as Service Bus has it.
    Token {
        resource: String,
        expiry: String,
        signature: Vec<u8>,
    },
}

/// `Authorization: HMAC-SHA256 SignedHeaders=date;host;hash&Signature=...`.
pub(crate) struct SignedHeaders {
    names: Vec<String>,
    signature: Vec<u8>,
}

/// Reads a signature over headers; `None` if there is none.
pub(crate) fn signed_headers(request: &Request) -> Option<SignedHeaders> {
    let (scheme, rest) = request.authorization()?;
    if !scheme.eq_ignore_ascii_case("HMAC-SHA256") {
        return None;
    }
    let value = |wanted: &str| {
        let mut pairs = raw_pairs(rest.as_bytes());
        let (_, value) = pairs.find(|(name, _)| *name == wanted.as_bytes())?;
        Some(String::from_utf8_lossy(value).into_owned())
    };
    Some(SignedHeaders {
        names: value("SignedHeaders")?
            .split(';')
            .take(MOST_SIGNED)
            .map(str::to_owned)
            .collect(),
        signature: BASE64
            .decode(value("Signature")?.as_bytes())
            .unwrap_or_default(),
    })
}

/// Verifies a signature over headers; the key is base 64. Packages that are given an endpoint with a path
/// sign that as a part of the host.
pub(crate) fn verify_headers(
    request: &Request,
    shown: &SignedHeaders,
    key: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    let host = header(request, "host").unwrap_or(&request.host);
    let path = request.path().trim_end_matches('/');
    let ends = path.match_indices('/').map(|(at, _)| at);
    let texts: Vec<String> = ends
        .take(MOST_SIGNED)
        .map(|end| {
            let values = shown.names.iter().map(|name| {
                if name.eq_ignore_ascii_case("host") {
                    format!("{host}{}", &path[..end])
                } else {
                    header(request, name).unwrap_or_default().to_owned()
                }
            });
            let values: Vec<String> = values.collect();
            let target = &request.target;
            format!("{}\n{target}\n{}", request.method, values.join(";"))
        })
        .collect();
    stands(&storage_key(key), &texts, &shown.signature)?;
    let body = ring::digest::digest(&ring::digest::SHA256, &request.body);
    if header(request, "x-ms-content-sha256") != Some(&BASE64.encode(body.as_ref())) {
        return Err(Fault::Mismatch);
    }
    fresh(request, now)
}

/// Reads a SharedKey header; `None` if there is none.
pub(crate) fn shared_key(request: &Request) -> Option<SharedKey> {
    let (scheme, rest) = request.authorization()?;
    let lite = scheme.eq_ignore_ascii_case("SharedKeyLite");
    if !lite && !scheme.eq_ignore_ascii_case("SharedKey") {
        return None;
    }
    let (account, signature) = rest.split_once(':')?;
    Some(SharedKey {
        account: account.to_owned(),
        signature: BASE64.decode(signature.as_bytes()).unwrap_or_default(),
        lite,
    })
}

/// Reads a shared access signature; `None` if there is none.
pub(crate) fn sas(request: &Request) -> Option<Sas> {
    if let Some((scheme, rest)) = request.authorization()
        && scheme.eq_ignore_ascii_case("SharedAccessSignature")
    {
        let raw = |name: &str| {
            let mut pairs = raw_pairs(rest.as_bytes());
            let (_, value) = pairs.find(|(known, _)| *known == name.as_bytes())?;
            Some(String::from_utf8_lossy(value).into_owned())
        };
        let signature = raw("sig")?;
        return Some(Sas::Token {
            resource: raw("sr")?,
            expiry: raw("se")?,
            signature: decode_base64(&percent_decode(signature.as_bytes())).unwrap_or_default(),
        });
    }
    request.query_value("sv")?;
    let signature = request.query_value("sig")?;
    Some(Sas::Query {
        signature: decode_base64(signature.as_bytes()).unwrap_or_default(),
    })
}

/// Verifies a SharedKey signature against the account's key, which is base 64.
pub(crate) fn verify_key(
    request: &Request,
    shown: &SharedKey,
    key: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    let key = storage_key(key);
    let texts = if shown.lite {
        vec![lite(request, shown), table(request, shown)]
    } else {
        vec![
            full(request, shown, false),
            full(request, shown, true),
            table(request, shown),
        ]
    };
    stands(&key, &texts, &shown.signature)?;
    fresh(request, now)
}

/// Whether the request was made just now, by its own date.
fn fresh(request: &Request, now: Timestamp) -> Result<(), Fault> {
    let date = header(request, "x-ms-date").or_else(|| header(request, "date"));
    let at = date
        .and_then(|date| jiff::fmt::rfc2822::parse(date).ok())
        .ok_or(Fault::Skewed)?;
    if (now.seconds() - at.timestamp().as_second()).abs() > SKEW {
        return Err(Fault::Skewed);
    }
    Ok(())
}

/// Verifies a shared access signature. `key` is the key that signs, or, where only a finished signature
/// was planted, that one: alone, or as the query it comes in.
pub(crate) fn verify_sas(
    request: &Request,
    shown: &Sas,
    account: &str,
    key: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    match shown {
        Sas::Token {
            resource,
            expiry,
            signature,
        } => {
            let text = format!("{resource}\n{expiry}");
            let keys = [
                hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()),
                storage_key(key),
            ];
            let stands = keys
                .iter()
                .any(|key| hmac::verify(key, text.as_bytes(), signature).is_ok());
            let lapses: i64 = expiry.parse().unwrap_or(0);
            match stands {
                false => Err(Fault::Mismatch),
                true if lapses < now.seconds() => Err(Fault::Expired),
                true => Ok(()),
            }
        }
        Sas::Query { signature } => {
            let texts = sas_texts(request, account);
            let signed = stands(&storage_key(key), &texts, signature);
            if !finished(request, key) {
                signed?;
            }
            let time = |name| {
                let text = request.query_value(name)?;
                Some(
                    text.parse::<jiff::Timestamp>()
                        .map(jiff::Timestamp::as_second),
                )
            };
            match (time("st"), time("se")) {
                (_, Some(Ok(end))) if end < now.seconds() => Err(Fault::Expired),
                (Some(Ok(start)), _) if start > now.seconds() + SKEW => Err(Fault::Skewed),
                (_, Some(Err(_))) => date_only(request, now),
                _ => Ok(()),
            }
        }
    }
}

/// An expiry written as a date alone.
fn date_only(request: &Request, now: Timestamp) -> Result<(), Fault> {
    let text = request.query_value("se").unwrap_or_default();
    match Timestamp::parse(text) {
        Some(end) if end.seconds() >= now.seconds() => Ok(()),
        _ => Err(Fault::Expired),
    }
}

/// Whether what was planted is a finished signature, and the request has it unchanged.
fn finished(request: &Request, planted: &str) -> bool {
    if request.query_value("sig") == Some(planted) {
        return true;
    }
    let planted = planted.trim_start_matches('?');
    if !planted.contains("sig=") {
        return false;
    }
    raw_pairs(planted.as_bytes()).all(|(name, value)| {
        let name = String::from_utf8_lossy(name);
        let value = percent_decode(value);
        let shown = request.query_value(&name).unwrap_or_default();
        shown.as_bytes() == &*value
    })
}

fn stands(key: &hmac::Key, texts: &[String], signature: &[u8]) -> Result<(), Fault> {
    let stands = texts
        .iter()
        .any(|text| hmac::verify(key, text.as_bytes(), signature).is_ok());
    if stands { Ok(()) } else { Err(Fault::Mismatch) }
}

fn storage_key(key: &str) -> hmac::Key {
    let bytes = decode_base64(key.as_bytes()).unwrap_or_else(|| key.as_bytes().to_vec());
    hmac::Key::new(hmac::HMAC_SHA256, &bytes)
}

fn header<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    request.header(name).filter(|value| !value.is_empty())
}

/// Blob, Queue and File. Before version 2015-02-21 an empty body had the length 0.
fn full(request: &Request, shown: &SharedKey, zero: bool) -> String {
    let mut out = format!("{}\n", request.method);
    for name in [
        "content-encoding",
        "content-language",
        "content-length",
        "content-md5",
        "content-type",
        "date",
        "if-modified-since",
        "if-match",
        "if-none-match",
        "if-unmodified-since",
        "range",
    ] {
        let value = match header(request, name).unwrap_or_default() {
            "0" | "" if name == "content-length" => {
                if zero {
                    "0"
                } else {
                    ""
                }
            }
            _ if name == "date" && header(request, "x-ms-date").is_some() => "",
            value => value,
        };
        let _ = writeln!(out, "{value}");
    }
    out.push_str(&headers(request));
    let _ = write!(out, "/{}{}", shown.account, request.path());
    let mut parameters: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, value) in request.query() {
        parameters
            .entry(name.to_ascii_lowercase())
            .or_default()
            .push(value);
    }
    for (name, mut values) in parameters {
        values.sort_unstable();
        let _ = write!(out, "\n{name}:{}", values.join(","));
    }
    out
}

fn lite(request: &Request, shown: &SharedKey) -> String {
    let value = |name| header(request, name).unwrap_or_default();
    let date = if header(request, "x-ms-date").is_some() {
        ""
    } else {
        value("date")
    };
    format!(
        "{}\n{}\n{}\n{date}\n{}{}",
        request.method,
        value("content-md5"),
        value("content-type"),
        headers(request),
        resource(request, shown)
    )
}

/// The Table service, which signs no headers but the date.
fn table(request: &Request, shown: &SharedKey) -> String {
    let value = |name| header(request, name).unwrap_or_default();
    let date = header(request, "x-ms-date").unwrap_or(value("date"));
    let resource = resource(request, shown);
    if shown.lite {
        return format!("{date}\n{resource}");
    }
    format!(
        "{}\n{}\n{}\n{date}\n{resource}",
        request.method,
        value("content-md5"),
        value("content-type")
    )
}

fn resource(request: &Request, shown: &SharedKey) -> String {
    let part = request
        .query_value("comp")
        .map(|part| format!("?comp={part}"))
        .unwrap_or_default();
    format!("/{}{}{part}", shown.account, request.path())
}

/// The `x-ms-` headers, sorted, one a line.
fn headers(request: &Request) -> String {
    let mut found: Vec<(String, String)> = request
        .headers
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value).trim().to_owned();
            (name.to_ascii_lowercase(), value)
        })
        .filter(|(name, _)| name.starts_with("x-ms-"))
        .collect();
    found.sort();
    found
        .into_iter()
        .fold(String::new(), |mut out, (name, value)| {
            let _ = writeln!(out, "{name}:{value}");
            out
        })
}

/// The texts a signature in the query may be over.
fn sas_texts(request: &Request, account: &str) -> Vec<String> {
    let value = |name| request.query_value(name).unwrap_or_default();
    let label = request.host.split('.').next().unwrap_or_default();
    let account = if account.is_empty() { label } else { account };
    if request.query_value("ss").is_some() {
        let old = ["sp", "ss", "srt", "st", "se", "sip", "spr", "sv"].map(value);
        let old = format!("{account}\n{}\n", old.join("\n"));
        return vec![format!("{old}{}\n", value("ses")), old];
    }
    let path = String::from_utf8_lossy(&percent_decode(request.path().as_bytes())).into_owned();
    let path = path.trim_start_matches('/');
    let within = path
        .strip_prefix(account)
        .and_then(|path| path.strip_prefix('/'))
        .unwrap_or(path);
    let container = within.split('/').next().unwrap_or_default();
    let more = ["rscc", "rscd", "rsce", "rscl", "rsct"]
        .map(value)
        .join("\n");
    let mut texts = Vec::new();
    for service in ["blob", "file", "queue", "table"] {
        for place in [within, container] {
            let resource = format!("/{service}/{account}/{place}");
            let start = [value("sp"), value("st"), value("se")].join("\n");
            let middle = ["si", "sip", "spr", "sv"].map(value).join("\n");
            let start = format!("{start}\n{resource}\n{middle}");
            let (sr, time, scope) = (value("sr"), value("snapshot"), value("ses"));
            texts.push(format!("{start}\n{sr}\n{time}\n{scope}\n{more}"));
            texts.push(format!("{start}\n{sr}\n{time}\n{more}"));
            texts.push(format!("{start}\n{more}"));
            texts.push(start);
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published key of the storage emulator, in two halves so that no scanner takes it for one.
    fn key() -> String {
        [
            "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsu",
            "Fq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
        ]
        .concat()
    }

    fn now() -> Timestamp {
        Timestamp::parse("2026-06-01T12:00:00Z").expect("RFC 3339")
    }

    fn request(method: &str, target: &str, headers: &[(&str, &str)]) -> Request {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
            .collect();
        Request::new(
            method.to_owned(),
            target.to_owned(),
            "acme.blob.example.org".to_owned(),
            headers,
            Vec::new(),
        )
    }

    fn sign(text: &str) -> String {
        let key = BASE64.decode(key().as_bytes()).expect("base 64");
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        BASE64.encode(hmac::sign(&key, text.as_bytes()).as_ref())
    }

    const DATE: &str = "Mon, 01 Jun 2026 12:00:00 GMT";

    fn signed(target: &str, scheme: &str, text: &str) -> Request {
        let authorization = format!("{scheme} acme:{}", sign(text));
        request(
            "GET",
            target,
            &[
                ("x-ms-version", "2023-11-03"),
                ("x-ms-date", DATE),
                ("Authorization", &authorization),
            ],
        )
    }

    #[test]
    fn shared_keys_stand_as_documented() {
        let headers = format!("x-ms-date:{DATE}\nx-ms-version:2023-11-03\n");
        let list = format!("GET\n\n\n\n\n\n\n\n\n\n\n\n{headers}/acme/\ncomp:list\nprefix:a b");
        let lite = format!("GET\n\n\n\n{headers}/acme/?comp=list");
        let table = format!("GET\n\n\n{DATE}\n/acme/Tables");
        for (target, scheme, text) in [
            ("/?comp=list&prefix=a%20b", "SharedKey", list.as_str()),
            ("/?comp=list", "SharedKeyLite", &lite),
            ("/Tables", "SharedKey", &table),
        ] {
            let request = signed(target, scheme, text);
            let shown = shared_key(&request).expect("signed");
            assert_eq!(shown.account, "acme");
            assert_eq!(
                verify_key(&request, &shown, &key(), now()),
                Ok(()),
                "{text}"
            );
            let other = verify_key(&request, &shown, "AAAA", now());
            assert_eq!(other, Err(Fault::Mismatch));
            let late = verify_key(&request, &shown, &key(), now().plus_seconds(1000));
            assert_eq!(late, Err(Fault::Skewed));
            let mut changed = request;
            changed.method = "PUT".to_owned();
            let changed = verify_key(&changed, &shown, &key(), now());
            assert_eq!(changed, Err(Fault::Mismatch));
        }
    }

    #[test]
    fn signed_headers_stand_with_and_without_a_path_in_the_host() {
        let body = br#"{"message":"hello"}"#;
        let hash = BASE64.encode(ring::digest::digest(&ring::digest::SHA256, body).as_ref());
        let target = "/acme/sms?api-version=2021-03-07";
        for host in ["acme.example.org", "acme.example.org/acme"] {
            let text = format!("POST\n{target}\n{DATE};{host};{hash}");
            let names = "SignedHeaders=x-ms-date;host;x-ms-content-sha256";
            let authorization = format!("HMAC-SHA256 {names}&Signature={}", sign(&text));
            let headers = [
                ("Host", "acme.example.org"),
                ("x-ms-date", DATE),
                ("x-ms-content-sha256", &hash),
                ("Authorization", &authorization),
            ];
            let mut request = request("POST", target, &headers);
            request.body = body.to_vec();
            let shown = signed_headers(&request).expect("signed");
            let verified =
                |request: &Request, key: &str, now| verify_headers(request, &shown, key, now);
            assert_eq!(verified(&request, &key(), now()), Ok(()), "{host}");
            assert_eq!(verified(&request, "AAAA", now()), Err(Fault::Mismatch));
            let late = now().plus_seconds(1000);
            assert_eq!(verified(&request, &key(), late), Err(Fault::Skewed));
            request.body.push(b' ');
            assert_eq!(verified(&request, &key(), now()), Err(Fault::Mismatch));
        }
    }

    #[test]
    fn signatures_in_the_query_stand_until_they_lapse() {
        let (end, version) = ("2026-07-01T00:00:00Z", "2022-11-02");
        let account = format!("acme\nrl\nb\nsco\n\n{end}\n\nhttps\n{version}\n\n");
        let account_query = format!("sp=rl&ss=b&srt=sco&se={end}&spr=https&sv={version}");
        let blob =
            format!("r\n\n{end}\n/blob/acme/box/a b.txt\n\n\nhttps\n{version}\nb\n\n\n\n\n\n\n");
        let blob_query = format!("sp=r&sr=b&se={end}&spr=https&sv={version}");
        for (path, query, text) in [
            ("/?comp=list", account_query, account),
            ("/box/a%20b.txt?", blob_query, blob),
        ] {
            let signature = sign(&text).replace('+', "%2B");
            let request = request("GET", &format!("{path}&{query}&sig={signature}"), &[]);
            let shown = sas(&request).expect("signed");
            let verified = |key: &str, now| verify_sas(&request, &shown, "acme", key, now);
            assert_eq!(verified(&key(), now()), Ok(()), "{text:?}");
            assert_eq!(verified("AAAA", now()), Err(Fault::Mismatch));
            let late = now().plus_seconds(40 * 86_400);
            assert_eq!(verified(&key(), late), Err(Fault::Expired));
        }
    }

    #[test]
    fn a_finished_signature_stands_unchanged_only() {
        let planted = "?sv=2022-11-02&ss=b&se=2026-07-01T00%3A00%3A00Z&sp=r&sig=abc%2Bdef%3D";
        let verified = |query: &str| {
            let request = request("GET", &format!("/box?comp=list&{query}"), &[]);
            let shown = sas(&request).expect("signed");
            verify_sas(&request, &shown, "", planted, now())
        };
        assert_eq!(verified(&planted[1..]), Ok(()));
        assert_eq!(
            verified(&planted[1..].replace("sp=r", "sp=rwd")),
            Err(Fault::Mismatch)
        );
    }

    #[test]
    fn tokens_of_service_bus_stand() {
        let resource = "https%3A%2F%2Facme.example.org%2Fqueue";
        let secret = "c2VjcmV0";
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let text = format!("{resource}\n1790000000");
        let signature = BASE64.encode(hmac::sign(&key, text.as_bytes()).as_ref());
        let signature = crate::sigv4::encode(signature.as_bytes(), false);
        let authorization =
            format!("SharedAccessSignature sr={resource}&sig={signature}&se=1790000000&skn=Root");
        let request = request("GET", "/queue", &[("Authorization", &authorization)]);
        let shown = sas(&request).expect("signed");
        let verified = |key, now| verify_sas(&request, &shown, "", key, now);
        assert_eq!(verified(secret, now()), Ok(()));
        assert_eq!(verified("other", now()), Err(Fault::Mismatch));
        let late = now().plus_seconds(365 * 86_400);
        assert_eq!(verified(secret, late), Err(Fault::Expired));
    }
}
