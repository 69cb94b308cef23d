//! Commands of SMTP as Postfix takes them apart (RFC 5321 section 4.1, RFC 3461).

/// A command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Command {
    /// Upper case.
    pub(super) verb: String,
    /// What stands behind it.
    pub(super) rest: String,
}

/// An address of an envelope with the parameters behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    /// Without the angle brackets; empty for `<>`.
    pub(super) address: String,
    /// Names in upper case.
    pub(super) parameters: Vec<(String, String)>,
}

/// Why a path is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// The command has another form.
    Syntax,
    /// The address has.
    Address,
}

/// Reads a line; `None` if there is nothing in it.
pub(super) fn read(line: &[u8]) -> Option<Command> {
    let text = String::from_utf8_lossy(line);
    let text = text.trim();
    let (verb, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    (!verb.is_empty()).then(|| Command {
        verb: verb.to_ascii_uppercase(),
        rest: rest.trim().to_owned(),
    })
}

/// Reads `FROM:<address> PARAMETER=VALUE`.
pub(super) fn path(rest: &str, word: &str) -> Result<Path, Wrong> {
    let head = rest.get(..word.len()).ok_or(Wrong::Syntax)?;
    let rest = rest[word.len()..].trim_start();
    let rest = rest.strip_prefix(':').ok_or(Wrong::Syntax)?.trim_start();
    if !head.eq_ignore_ascii_case(word) || rest.is_empty() {
        return Err(Wrong::Syntax);
    }
    let (address, behind) = match rest.strip_prefix('<') {
        Some(inner) => {
            let end = closing(inner).ok_or(Wrong::Address)?;
            (&inner[..end], &inner[end + 1..])
        }
        None => rest.split_once([' ', '\t']).unwrap_or((rest, "")),
    };
    // A source route is taken and ignored (RFC 5321 section 4.1.1.3).
    let address = match address.strip_prefix('@') {
        Some(route) => route.split_once(':').ok_or(Wrong::Address)?.1,
        None => address,
    };
    let plain = |c: char| !c.is_control() && !matches!(c, '<' | '>' | ',' | ' ' | ';');
    if !address.starts_with('"') && !address.chars().all(plain) {
        return Err(Wrong::Address);
    }
    let parameters = behind.split_ascii_whitespace().map(|one| {
        let (name, value) = one.split_once('=').unwrap_or((one, ""));
        (name.to_ascii_uppercase(), value.to_owned())
    });
    Ok(Path {
        address: address.to_owned(),
        parameters: parameters.collect(),
    })
}

/// Where the bracket closes that was opened; one within quotes does not.
fn closing(inner: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in inner.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '>' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// An address of which no more is shown than is needed to tell it from others: `j***@example.org`.
pub(super) fn masked(address: &str) -> String {
    let (user, domain) = address.rsplit_once('@').unwrap_or((address, ""));
    let first: String = user.chars().take(1).collect();
    format!("{first}***@{domain}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_are_taken_apart() {
        let of = |rest: &str| path(rest, "FROM").map(|path| path.address);
        let fine = |text: &str| Ok(text.to_owned());
        assert_eq!(of("FROM:<a@b.example>"), fine("a@b.example"));
        assert_eq!(of("from: <a@b.example> SIZE=5"), fine("a@b.example"));
        assert_eq!(of("FROM:a@b.example SIZE=5"), fine("a@b.example"));
        assert_eq!(of("FROM:<>"), fine(""));
        assert_eq!(of("FROM:<@relay.example:a@b.example>"), fine("a@b.example"));
        assert_eq!(
            of(r#"FROM:<"a > b"@b.example>"#),
            fine(r#""a > b"@b.example"#)
        );
        assert_eq!(of("FROM:"), Err(Wrong::Syntax));
        assert_eq!(of("TO:<a@b.example>"), Err(Wrong::Syntax));
        assert_eq!(of("FROM:<a@b.example"), Err(Wrong::Address));
        assert_eq!(of("FROM:<a b@b.example>"), Err(Wrong::Address));
        let path = path("TO:<a@b.example> notify=NEVER X", "TO").unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(path.parameters, [pair("NOTIFY", "NEVER"), pair("X", "")]);
        assert_eq!(masked("jane@b.example"), "j***@b.example");
    }

    proptest! {
        #[test]
        fn any_line_is_read(line in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(command) = read(&line) {
                let _ = path(&command.rest, "FROM");
                let _ = masked(&command.rest);
            }
        }

        #[test]
        fn any_path_is_read(rest in "(FROM|TO|fRom)?[: <>\"\\\\@a-zé=\t]{0,40}") {
            let _ = path(&rest, "FROM");
        }
    }
}
