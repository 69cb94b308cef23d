//! Fetches a source, or copies it, into a file beside the one in use, and takes the sum of what came.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use data_encoding::HEXLOWER;
use lapwing_core::{Clock as _, SystemClock, Timestamp, bounded, text};
use reqwest::Url;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::kept::{Kept, Provenance};
use super::update::{LARGEST, LARGEST_LIST, Progress, UpdateError, write_failed};
use crate::outward::Outward;
use crate::outward::client::{Client, Errand, Known};
use crate::settings::{GeoKind, GeoSource};

/// Names of what a URL asks by that would be a secret.
const SECRETS: &[&str] = &[
    "license_key",
    "key",
    "apikey",
    "api_key",
    "token",
    "access_token",
];

/// Fetches or copies it; `None` if what is in use is the newest there is.
pub(super) async fn fetch(
    root: &Path,
    source: &GeoSource,
    kept: &Kept,
    part: &Path,
    progress: Progress<'_>,
) -> Result<Option<Provenance>, UpdateError> {
    let mut out = Hashed::create(part).map_err(|error| write_failed(part, error))?;
    let limit = match source.kind {
        GeoKind::TorExits => LARGEST_LIST,
        _ => LARGEST,
    };
    let mut provenance = Provenance {
        fetched: SystemClock.now().micros(),
        ..Provenance::default()
    };
    let mut wanted = source.sha256.trim().to_ascii_lowercase();
    if source.url.is_empty() {
        provenance.from = source.file.display().to_string();
        copy(&source.file, &mut out, limit).map_err(|error| UpdateError::Setting {
            name: source.name.clone(),
            what: format!("cannot copy {}: {error}", source.file.display()),
        })?;
        let made = fs::metadata(&source.file).and_then(|it| it.modified()).ok();
        let since = made.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        provenance.modified = since.map(|since| {
            let micros = i64::try_from(since.as_micros()).unwrap_or_default();
            Timestamp::from_micros(micros).to_seconds_string()
        });
    } else {
        let url = address(source, &source.url)?;
        provenance.from = shown(&url);
        let client = Client::new(
            &url,
            &source.roots,
            source.allow_private,
            errand(root, source),
        )?;
        let key = key(source)?;
        let login = key.as_ref().map(|key| (source.user.as_str(), key.as_str()));
        let known = known(kept, &provenance.from);
        let Some(answer) = client.get(&url, login, "*/*", &known).await? else {
            return Ok(None);
        };
        provenance.etag.clone_from(&answer.etag);
        provenance.modified.clone_from(&answer.modified);
        let (length, mut so_far) = (answer.length, 0);
        let take = |chunk: &[u8]| {
            so_far += chunk.len() as u64;
            progress(so_far, length);
            out.write(chunk)
        };
        answer.read(limit, take).await?;
        if !source.sha256_url.is_empty() {
            wanted = said_digest(root, source, login).await?;
        }
    }
    (provenance.sha256, provenance.bytes) =
        out.finish().map_err(|error| write_failed(part, error))?;
    if !wanted.is_empty() && wanted != provenance.sha256 {
        return Err(UpdateError::Digest {
            is: provenance.sha256,
            wanted: text::escape_short(wanted.as_bytes(), 80),
        });
    }
    Ok(Some(provenance))
}

fn errand(root: &Path, source: &GeoSource) -> Errand {
    Errand {
        outward: Outward::of(root),
        purpose: format!("geo update {}", source.name),
        about: None,
    }
}

/// A URL as it is written down: without what it asks by.
fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.to_string()
}

/// What is known of the file in use, if it came from there.
fn known(kept: &Kept, from: &str) -> Known {
    let provenance = kept
        .provenance()
        .filter(|it| kept.exists() && it.from == from);
    provenance.map_or_else(Known::default, |it| Known {
        etag: it.etag,
        modified: it.modified,
    })
}

fn key(source: &GeoSource) -> Result<Option<Zeroizing<String>>, UpdateError> {
    if source.user.is_empty() {
        return Ok(None);
    }
    let wrong = |what: String| UpdateError::Setting {
        name: source.name.clone(),
        what,
    };
    let key = if source.key_env.is_empty() {
        let path = &source.key_file;
        bounded::read_text(path, 4096)
            .map_err(|error| wrong(format!("cannot read key_file {}: {error}", path.display())))?
    } else {
        std::env::var(&source.key_env)
            .map_err(|_| wrong(format!("the environment has no {}", source.key_env)))?
    };
    let key = Zeroizing::new(key);
    Ok(Some(Zeroizing::new(key.trim().to_owned())))
}

/// The sum that the publisher has beside the file.
async fn said_digest(
    root: &Path,
    source: &GeoSource,
    login: Option<(&str, &str)>,
) -> Result<String, UpdateError> {
    let url = address(source, &source.sha256_url)?;
    let client = Client::new(
        &url,
        &source.roots,
        source.allow_private,
        errand(root, source),
    )?;
    let mut said = Vec::new();
    if let Some(answer) = client.get(&url, login, "*/*", &Known::default()).await? {
        let take = |chunk: &[u8]| {
            said.extend_from_slice(chunk);
            Ok(())
        };
        answer.read(1 << 16, take).await?;
    }
    let word = String::from_utf8_lossy(&said);
    let word = word
        .split_ascii_whitespace()
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    if word.len() != 64 || !word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(UpdateError::Setting {
            name: source.name.clone(),
            what: "what is at sha256_url does not begin with a SHA-256 in hexadecimal".to_owned(),
        });
    }
    Ok(word)
}

/// A URL of a source, of today.
pub(super) fn address(source: &GeoSource, url: &str) -> Result<Url, UpdateError> {
    let wrong = |what: &str| UpdateError::Setting {
        name: source.name.clone(),
        what: what.to_owned(),
    };
    let today = SystemClock.now().to_seconds_string();
    let url = url
        .replace("{year}", today.get(..4).unwrap_or_default())
        .replace("{month}", today.get(5..7).unwrap_or_default());
    let url: Url = url
        .parse()
        .map_err(|_| wrong("`url` or `sha256_url` is no URL"))?;
    let asks_by = |name: &str| {
        url.query_pairs()
            .any(|(key, _)| key.eq_ignore_ascii_case(name))
    };
    if SECRETS.iter().any(|name| asks_by(name)) {
        return Err(wrong(
            "the URL holds a key: take it out, and put it into a file that `key_file` names, with its `user`",
        ));
    }
    Ok(url)
}

fn copy(from: &Path, into: &mut Hashed, limit: u64) -> io::Result<()> {
    let mut from = File::open(from)?.take(limit + 1);
    let (mut buffer, mut bytes) = (vec![0; 1 << 16], 0);
    loop {
        let read = from.read(&mut buffer)?;
        bytes += read as u64;
        if bytes > limit {
            let what = format!("it has more than {limit} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
        }
        if read == 0 {
            return Ok(());
        }
        into.write(&buffer[..read])?;
    }
}

pub(super) fn create(path: &Path) -> io::Result<File> {
    // What a process of the same number left when it was killed.
    let _ = fs::remove_file(path);
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// A file and the sum of what is written to it.
struct Hashed {
    file: File,
    sum: Sha256,
    bytes: u64,
}

impl Hashed {
    fn create(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: create(path)?,
            sum: Sha256::new(),
            bytes: 0,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    fn finish(mut self) -> io::Result<(String, u64)> {
        self.file.flush()?;
        Ok((HEXLOWER.encode(&self.sum.finalize()), self.bytes))
    }
}
