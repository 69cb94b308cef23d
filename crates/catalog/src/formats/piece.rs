//! Reading one piece of a format: what stands between `{` and `}`.

use crate::format::{ALPHABETS, LONGEST, Names, Piece};
use crate::formats::checksum::{self, Sum};
use crate::formats::filter;
use crate::formats::made::Made;
use crate::locale::Part;

/// Pieces that are no alphabet, as they are written in messages.
const OTHERS: &str = "words, uuid, upper-uuid, uuid7, object-id, snowflake, unix, number, date, pick, row, \
    field, url, scheme, host, port, authority, mail-domain, checksum, crc32-base62, aws-account, aws-key, \
    person, place, phone, amount, moment, azure-key, azure-cask, azure-sp, azure-devops, gitlab-routable, rsa-pkcs1, rsa-pkcs8, ec-sec1, \
    ec-pkcs8, openssh, openssh-public, openssh-blob, openssh-fingerprint, public-pem, wireguard-private, \
    wireguard-public, jwt, x509, x509-sha256, x509-key-sha256, rclone-obscured, pypi-macaroon, vault-hvs, fly-macaroon";

/// Reads a piece; an error is what is wrong, in words.
pub(crate) fn piece(inner: &str, names: Names<'_>) -> Result<Piece, String> {
    let (name, argument) = inner.split_once(':').unwrap_or((inner, ""));
    if let Some((_, alphabet)) = ALPHABETS.iter().find(|(known, _)| *known == name) {
        let (min, max) = range(argument)?;
        return Ok(Piece::Draw { alphabet, min, max });
    }
    let known_field = |name: &str| {
        let at = names.fields.iter().position(|field| field == name);
        at.ok_or_else(|| format!("it refers to field {name:?}, which is not declared above it"))
    };
    if let Some(part) = Part::parse(name, argument) {
        return part.map(Piece::Part);
    }
    if let Some(made) = Made::parse(name, argument, known_field) {
        return made.map(Piece::Made);
    }
    Ok(match name {
        "words" => {
            let (min, max) = range(argument)?;
            Piece::Words { min, max }
        }
        "word" => Piece::Words { min: 1, max: 1 },
        "uuid" => Piece::Uuid,
        "date" => Piece::Date(date_format(argument)?.into()),
        "pick" => {
            let list = names.tables.list(argument);
            Piece::Pick(list.ok_or_else(|| format!("there is no [list] {argument:?}"))?)
        }
        "row" => {
            let cell = argument.split_once('.');
            let (table, column) = cell.ok_or("`{row:..}` wants table.column")?;
            let found = names.tables.column(table, column);
            let (table, column) =
                found.ok_or_else(|| format!("there is no column {argument:?} in a [[table]]"))?;
            Piece::Row { table, column }
        }
        "field" => {
            let (field, filters) = match argument.split_once('|') {
                Some((field, filters)) => (field, filter::named(filters)?),
                None => (argument, Box::default()),
            };
            Piece::Field {
                index: known_field(field)?,
                filters,
            }
        }
        "url" => Piece::Url,
        "scheme" => Piece::Scheme,
        "host" => Piece::Host,
        "port" => Piece::Port,
        "authority" => Piece::Authority,
        "mail-domain" => Piece::MailDomain,
        "aws-account" => Piece::AwsAccount,
        "aws-key" => Piece::AwsKey {
            account: known_field(argument)?,
        },
        "checksum" => Piece::Sum(checksum::named(argument)?),
        "crc32-base62" => {
            let (width, _) = range(argument)?;
            if width > 11 {
                return Err("a checksum is at most 11 characters wide".to_owned());
            }
            Piece::Sum(Sum::Base62 { width })
        }
        _ => {
            let alphabets: Vec<&str> = ALPHABETS.iter().map(|(name, _)| *name).collect();
            return Err(format!(
                "`{{{inner}}}` is no piece of a format; alphabets are {}; others are {OTHERS}",
                alphabets.join(", ")
            ));
        }
    })
}

fn range(argument: &str) -> Result<(usize, usize), String> {
    let (min, max) = argument.split_once('-').unwrap_or((argument, argument));
    match (min.parse(), max.parse()) {
        (Ok(min), Ok(max)) if min <= max && (1..=LONGEST).contains(&max) => Ok((min, max)),
        _ => Err(format!("{argument:?} is no length; write 32 or 20-26")),
    }
}

/// A form of `strftime` with the parts that may stand in it.
pub(crate) fn date_format(format: &str) -> Result<&str, String> {
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        if !rest[at + 1..].starts_with(['Y', 'm', 'd', 'H', 'M', 'S', 'q']) {
            return Err("a date has only %Y %m %d %H %M %S".to_owned());
        }
        rest = &rest[at + 2..];
    }
    if format.contains('%') {
        Ok(format)
    } else {
        Err("a date wants a form, {date:%Y-%m}".to_owned())
    }
}
