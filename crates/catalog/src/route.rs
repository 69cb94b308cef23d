//! Path patterns of decoy rules: `/2010-04-01/Accounts/{account_sid}/Messages.json`, `/**/{name}.png`.

use std::borrow::Cow;

use crate::request::percent_decode;

/// Most segments of a path that are looked at.
const MOST_SEGMENTS: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Parameter(Box<Parameter>),
    /// `**`: any number of segments.
    Rest,
}

/// `before{name}after`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Parameter {
    before: String,
    name: String,
    after: String,
}

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    segments: Box<[Segment]>,
}

/// The decoded segments of a request's path.
pub(crate) fn segments(path: &str) -> Vec<Cow<'_, str>> {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.split('/')
        .take(MOST_SEGMENTS)
        .map(|segment| match percent_decode(segment.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(segment),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        })
        .collect()
}

impl Route {
    /// Compiles a pattern; an error is what is wrong, in words.
    pub(crate) fn compile(pattern: &str) -> Result<Self, String> {
        let Some(path) = pattern.strip_prefix('/') else {
            return Err("a path starts with `/`".to_owned());
        };
        let segments = path.split('/').map(|segment| {
            if segment == "**" {
                return Ok(Segment::Rest);
            }
            let Some((before, rest)) = segment.split_once('{') else {
                return Ok(Segment::Literal(segment.to_owned()));
            };
            let (name, after) = rest.split_once('}').ok_or("a `{` without its `}`")?;
            if name.is_empty() || after.contains('{') {
                return Err("one `{name}` a segment");
            }
            Ok(Segment::Parameter(Box::new(Parameter {
                before: before.to_owned(),
                name: name.to_owned(),
                after: after.to_owned(),
            })))
        });
        Ok(Self {
            segments: segments.collect::<Result<Box<[_]>, _>>()?,
        })
    }

    /// The parameters of a path that matches: name and value.
    pub(crate) fn matches<'p>(&'p self, path: &[Cow<'_, str>]) -> Option<Vec<(&'p str, String)>> {
        let mut found = Vec::new();
        follow(&self.segments, path, &mut found).then_some(found)
    }
}

fn follow<'p>(
    pattern: &'p [Segment],
    path: &[Cow<'_, str>],
    found: &mut Vec<(&'p str, String)>,
) -> bool {
    let Some((segment, rest)) = pattern.split_first() else {
        return path.is_empty();
    };
    if *segment == Segment::Rest {
        // One `**` and what follows it: at most as many tries as segments.
        let kept = found.len();
        return (0..=path.len()).any(|skip| {
            found.truncate(kept);
            follow(rest, &path[skip..], found)
        });
    }
    let Some((actual, others)) = path.split_first() else {
        return false;
    };
    match segment {
        Segment::Literal(literal) if literal == actual => {}
        Segment::Parameter(parameter) => {
            let Parameter {
                before,
                name,
                after,
            } = &**parameter;
            let inner = actual
                .strip_prefix(before.as_str())
                .and_then(|inner| inner.strip_suffix(after.as_str()));
            match inner {
                Some(inner) if !inner.is_empty() => found.push((name, inner.to_owned())),
                _ => return false,
            }
        }
        Segment::Literal(_) | Segment::Rest => return false,
    }
    follow(rest, others, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_literals_parameters_and_rests() {
        let check = |pattern: &str, path: &str, expect: Option<&[(&str, &str)]>| {
            let route = Route::compile(pattern).expect(pattern);
            let found = route.matches(&segments(path));
            let found: Option<Vec<(&str, &str)>> = found.as_ref().map(|found| {
                found
                    .iter()
                    .map(|(name, value)| (*name, value.as_str()))
                    .collect()
            });
            assert_eq!(found.as_deref(), expect, "{pattern} {path}");
        };
        check("/", "/", Some(&[]));
        check("/a/{x}.json", "/a/b%20c.json", Some(&[("x", "b c")]));
        check("/a/{x}.json", "/a/.json", None);
        check("/a/{x}", "/a/b/", None);
        check("/**", "/", Some(&[]));
        check("/**/{f}.png", "/a/b/c.png", Some(&[("f", "c")]));
        check("/**/{f}.png", "/c.png", Some(&[("f", "c")]));
        check("/**/{f}.png", "/c.gif", None);
    }

    #[test]
    fn refuses_what_is_no_pattern() {
        for pattern in ["a", "/{", "/{}", "/{a}{b}"] {
            assert!(Route::compile(pattern).is_err(), "{pattern}");
        }
    }
}
