//! Cutting a file into statements: whole lines that belong together because a quotation, a bracket, a
//! here-document or a backslash at the end goes over the line end. Two readings that share nothing but
//! the description of the language: one by places, for the edit; one by lines, for the proof.

use std::ops::Range;

/// What a language's statements are made of.
#[derive(Clone, Copy)]
pub(in crate::target) struct Lexis {
    /// What begins a comment that goes to the line's end; in front of it stands a blank or nothing.
    pub comments: &'static [&'static str],
    /// Whether such a comment may begin behind other text.
    pub trailing: bool,
    /// Opening and closing mark of a comment over lines.
    pub block: Option<(&'static str, &'static str)>,
    pub quotes: &'static [Quote],
    /// Round, square and curly brackets go over lines.
    pub brackets: bool,
    /// A backslash at the end goes on in the next line.
    pub joined: bool,
    /// `<<WORD` takes the lines up to one that is the word.
    pub here: bool,
}

/// A sort of quotation.
#[derive(Clone, Copy)]
pub(in crate::target) struct Quote {
    pub mark: &'static str,
    /// A backslash takes the next character's meaning.
    pub escapes: bool,
    /// May go over lines; else an open one is an ordinary character.
    pub lines: bool,
}

/// The statements as ranges of whole lines, in order, without gaps.
///
/// # Errors
/// The offset of a quotation, bracket or here-document that is never closed.
pub(in crate::target) fn statements(text: &str, lexis: &Lexis) -> Result<Vec<Range<usize>>, usize> {
    let mut out = Vec::new();
    let mut scan = Scan {
        text,
        lexis,
        at: 0,
        depth: 0,
        here: Vec::new(),
    };
    let mut start = 0;
    while scan.at < text.len() {
        if scan.line()? && scan.depth == 0 {
            out.push(start..scan.at);
            start = scan.at;
        }
    }
    if start < text.len() {
        return Err(start);
    }
    Ok(out)
}

struct Scan<'a> {
    text: &'a str,
    lexis: &'a Lexis,
    at: usize,
    depth: usize,
    here: Vec<String>,
}

impl Scan<'_> {
    /// Goes behind the end of the line; whether the statement can end here.
    fn line(&mut self) -> Result<bool, usize> {
        let (text, lexis) = (self.text, self.lexis);
        let mut alone = true;
        let mut before = ' ';
        while self.at < text.len() {
            let rest = &text[self.at..];
            if rest.starts_with('\n') {
                self.at += 1;
                return self.here_documents().map(|()| true);
            }
            let apart = alone || (lexis.trailing && (before.is_whitespace() || before == ';'));
            if apart && lexis.comments.iter().any(|mark| rest.starts_with(mark)) {
                self.at += rest.find('\n').unwrap_or(rest.len());
                continue;
            }
            if let Some((open, close)) = lexis.block
                && rest.starts_with(open)
            {
                let end = rest[open.len()..].find(close).ok_or(self.at)?;
                self.at += open.len() + end + close.len();
                (alone, before) = (false, '/');
                continue;
            }
            if let Some(length) = self.quotation(rest)? {
                self.at += length;
                (alone, before) = (false, '"');
                continue;
            }
            if let Some(length) = self.here_mark(rest) {
                self.at += length;
                (alone, before) = (false, '<');
                continue;
            }
            let c = rest.chars().next().unwrap_or('\n');
            if lexis.joined && c == '\\' {
                let next = rest[1..].strip_prefix('\r').unwrap_or(&rest[1..]);
                if next.starts_with('\n') {
                    self.at += rest.len() - next.len() + 1;
                    return Ok(false);
                }
                self.at += 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
                (alone, before) = (false, '\\');
                continue;
            }
            match c {
                '(' | '[' | '{' if lexis.brackets => self.depth += 1,
                ')' | ']' | '}' if lexis.brackets => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            alone &= c.is_whitespace();
            before = c;
            self.at += c.len_utf8();
        }
        self.here_documents().map(|()| true)
    }

    /// The length of a quotation that begins here.
    fn quotation(&self, rest: &str) -> Result<Option<usize>, usize> {
        let Some(quote) = self.lexis.quotes.iter().find(|q| rest.starts_with(q.mark)) else {
            return Ok(None);
        };
        let mut escaped = false;
        let open = quote.mark.len();
        for (at, c) in rest[open..].char_indices() {
            if escaped {
                escaped = false;
            } else if c == '\\' && quote.escapes {
                escaped = true;
            } else if rest[open + at..].starts_with(quote.mark) {
                return Ok(Some(open + at + quote.mark.len()));
            } else if c == '\n' && !quote.lines {
                return Ok(None);
            }
        }
        if quote.lines { Err(self.at) } else { Ok(None) }
    }

    fn here_mark(&mut self, rest: &str) -> Option<usize> {
        let (word, length) = here_word(rest).filter(|_| self.lexis.here)?;
        self.here.push(word);
        Some(length)
    }

    fn here_documents(&mut self) -> Result<(), usize> {
        for word in std::mem::take(&mut self.here) {
            let from = self.at;
            loop {
                if self.at >= self.text.len() {
                    return Err(from);
                }
                let rest = &self.text[self.at..];
                let end = rest.find('\n').map_or(rest.len(), |at| at + 1);
                self.at += end;
                if rest[..end].trim() == word {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// The word of `<<WORD`, `<<-WORD`, `<<~WORD`, `<<'WORD'`, and the length of it all.
fn here_word(rest: &str) -> Option<(String, usize)> {
    let body = rest.strip_prefix("<<")?;
    if body.starts_with('<') {
        return None;
    }
    let body = body.trim_start_matches(['-', '~']);
    let body = body.trim_start_matches([' ', '\t']);
    let quote = body.chars().next().filter(|c| matches!(c, '\'' | '"'));
    let inner = &body[quote.map_or(0, char::len_utf8)..];
    let word: String = inner
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect();
    if word.is_empty() || word.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let behind = &inner[word.len()..];
    let behind = quote.map_or(Some(behind), |quote| behind.strip_prefix(quote))?;
    Some((word, rest.len() - behind.len()))
}

/// The second reading: statements as text, line by line through a machine that knows no places. What
/// is left open at the end makes one statement of all that follows it.
pub(in crate::target) fn read(text: &str, lexis: &Lexis) -> Vec<String> {
    let mut machine = Machine::default();
    let mut out = Vec::new();
    let mut open = String::new();
    for line in text.split_inclusive('\n') {
        open.push_str(line);
        machine.line(line, lexis);
        if machine.neutral() {
            out.push(std::mem::take(&mut open));
        }
    }
    if !open.is_empty() {
        out.push(open);
    }
    out
}

#[derive(Default)]
struct Machine {
    inside: Inside,
    depth: usize,
    joined: bool,
    here: std::collections::VecDeque<String>,
}

#[derive(Clone, Copy, Default)]
enum Inside {
    #[default]
    Nothing,
    Quote(Quote),
    Block(&'static str),
}

impl Machine {
    fn neutral(&self) -> bool {
        matches!(self.inside, Inside::Nothing)
            && self.depth == 0
            && !self.joined
            && self.here.is_empty()
    }

    fn line(&mut self, line: &str, lexis: &Lexis) {
        if let Some(word) = self.here.front() {
            if line.trim() == word {
                self.here.pop_front();
            }
            return;
        }
        self.joined = false;
        let mut words = std::collections::VecDeque::new();
        let mut rest = line;
        let mut before = ' ';
        while let Some(c) = rest.chars().next() {
            let step = match self.inside {
                Inside::Quote(quote) => self.within_quote(rest, c, quote),
                Inside::Block(close) if rest.starts_with(close) => {
                    self.inside = Inside::Nothing;
                    close.len()
                }
                Inside::Block(_) => c.len_utf8(),
                Inside::Nothing => {
                    let begins = lexis.comments.iter().any(|mark| rest.starts_with(mark));
                    if begins && self.may_comment(line, rest, before, lexis) {
                        break;
                    }
                    match here_word(rest).filter(|_| lexis.here) {
                        Some((word, length)) => {
                            words.push_back(word);
                            length
                        }
                        None => self.outside(rest, c, lexis),
                    }
                }
            };
            before = c;
            rest = &rest[step..];
        }
        if let Inside::Quote(quote) = self.inside
            && !quote.lines
        {
            self.inside = Inside::Nothing;
        }
        if self.neutral() || !words.is_empty() {
            self.here = words;
        }
    }

    /// Blank in front, or between statements.
    fn may_comment(&self, line: &str, rest: &str, before: char, lexis: &Lexis) -> bool {
        let alone = line[..line.len() - rest.len()].trim().is_empty();
        alone || (lexis.trailing && (before.is_whitespace() || before == ';'))
    }

    fn within_quote(&mut self, rest: &str, c: char, quote: Quote) -> usize {
        if c == '\\' && quote.escapes {
            return 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
        }
        if rest.starts_with(quote.mark) {
            self.inside = Inside::Nothing;
            return quote.mark.len();
        }
        c.len_utf8()
    }

    fn outside(&mut self, rest: &str, c: char, lexis: &Lexis) -> usize {
        if let Some((open, close)) = lexis.block
            && rest.starts_with(open)
        {
            self.inside = Inside::Block(close);
            return open.len();
        }
        if let Some(quote) = lexis.quotes.iter().find(|q| rest.starts_with(q.mark)) {
            // One that may not go over lines counts only if it is closed on this one.
            let body = &rest[quote.mark.len()..];
            if quote.lines || closed(body, *quote) {
                self.inside = Inside::Quote(*quote);
                return quote.mark.len();
            }
        }
        if lexis.joined && c == '\\' {
            let next = rest[1..].chars().next();
            self.joined = rest[1..].trim_start_matches('\r').starts_with('\n');
            return 1 + next.map_or(0, char::len_utf8);
        }
        match c {
            '(' | '[' | '{' if lexis.brackets => self.depth += 1,
            ')' | ']' | '}' if lexis.brackets => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        c.len_utf8()
    }
}

fn closed(body: &str, quote: Quote) -> bool {
    let mut rest = body;
    while let Some(c) = rest.chars().next() {
        if c == '\\' && quote.escapes {
            rest = &rest[1..];
            rest = &rest[rest.chars().next().map_or(0, char::len_utf8)..];
            continue;
        }
        if rest.starts_with(quote.mark) {
            return true;
        }
        rest = &rest[c.len_utf8()..];
    }
    false
}
