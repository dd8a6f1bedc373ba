//! What RE2 takes, so that Envoy is never sent an expression that it refuses.
//!
//! Rust's own regex crates do not answer that: they take what RE2 refuses (`(?x)`, `a**`,
//! `\u{41}`, `\p{Alphabetic}`, sets inside classes) and refuse what it takes (`{id}` as plain text,
//! `[a[b]`, `\Q…\E`, `\C`). So the grammar is read here, from RE2's documented syntax.
//!
//! Envoy also refuses programs that are too large. Their size depends on how RE2 compiles, so it is
//! estimated, from above for all but contrived expressions.

use self::size::Size;

mod class;
mod escape;
mod group;
mod repeat;
mod size;
mod unicode;

/// The largest program, in RE2 instructions, that Envoy is expected to take.
///
/// Envoy's own limit is its runtime key `re2.max_program_size.error_level`, 100 unless set; every
/// bootstrap has to raise it to this number or more. App Mesh's image set it to exactly this, so no
/// expression that worked there is larger.
pub const MAX_PROGRAM_SIZE: u32 = 1000;

/// How deep groups may lie inside each other. RE2 allows 1000; no expression of a manifest, which
/// has at most 255 characters, comes near either.
const MAX_DEPTH: u32 = 200;

/// Why RE2 refuses an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("it has no look-around: {0}")]
    LookAround(String),
    #[error("it has no backreferences: {0}")]
    Backreference(String),
    #[error("unknown escape {0}")]
    Escape(String),
    #[error("the backslash at the end escapes nothing")]
    TrailingBackslash,
    #[error("unknown group {0}")]
    Group(String),
    #[error("{0:?} is no name of a group")]
    GroupName(String),
    #[error("a '(' has no ')', or the other way round")]
    Parenthesis,
    #[error("a '[' has no ']'")]
    Bracket,
    #[error("unknown class or range {0}")]
    Class(String),
    #[error("{0} has nothing to repeat")]
    NothingToRepeat(String),
    #[error("{0} follows another repetition")]
    DoubleRepeat(String),
    #[error(
        "{0} repeats more than 1000 times, alone or with those around it, or its bounds are reversed"
    )]
    RepeatSize(String),
    #[error("groups lie too deep inside each other")]
    Depth,
    #[error(
        "it is too large: its program has about {0} instructions, and Envoy takes {MAX_PROGRAM_SIZE}"
    )]
    ProgramSize(u32),
}

/// Whether RE2 takes the expression and Envoy its program.
pub(crate) fn check(pattern: &str) -> Result<(), Refusal> {
    let size = program_size(pattern)?;
    if size > MAX_PROGRAM_SIZE {
        return Err(Refusal::ProgramSize(size));
    }
    Ok(())
}

/// The estimated size of the program.
fn program_size(pattern: &str) -> Result<u32, Refusal> {
    let mut parser = Parser::new(pattern);
    let size = parser.alternation()?;
    if !parser.rest().is_empty() {
        return Err(Refusal::Parenthesis);
    }
    Ok(size.instructions.saturating_add(size::FIXED))
}

/// A walk through an expression.
struct Parser<'a> {
    pattern: &'a str,
    /// Byte offset of what is read next.
    at: usize,
    depth: u32,
    /// Flag `i`: letters stand for both cases.
    fold_case: bool,
}

impl<'a> Parser<'a> {
    fn new(pattern: &'a str) -> Self {
        Self {
            pattern,
            at: 0,
            depth: 0,
            fold_case: false,
        }
    }

    fn rest(&self) -> &'a str {
        &self.pattern[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Steps over `text` if it stands here.
    fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    /// What was read since `start`.
    fn since(&self, start: usize) -> String {
        self.pattern[start..self.at].to_owned()
    }

    /// Branches with `|` between, up to the end or the `)` of the group around.
    fn alternation(&mut self) -> Result<Size, Refusal> {
        let mut size = self.concatenation()?;
        while self.eat("|") {
            size = size.or(self.concatenation()?);
        }
        Ok(size)
    }

    /// One branch: what stands in a row.
    fn concatenation(&mut self) -> Result<Size, Refusal> {
        let mut size = Size::EMPTY;
        // What a repetition would apply to, and whether one was applied right before.
        let mut last: Option<Size> = None;
        let mut repeated = false;
        while let Some(next) = self.peek() {
            let start = self.at;
            if matches!(next, '|' | ')') {
                break;
            }
            if let Some(repeat) = self.repeat()? {
                if repeated {
                    return Err(Refusal::DoubleRepeat(self.since(start)));
                }
                let operand = last
                    .take()
                    .ok_or_else(|| Refusal::NothingToRepeat(self.since(start)))?;
                last = Some(operand.repeat(repeat, &self.since(start))?);
                repeated = true;
                continue;
            }
            repeated = false;
            for atom in self.atoms()? {
                if let Some(done) = last.replace(atom) {
                    size = size.then(done);
                }
            }
        }
        Ok(last.map_or(size, |last| size.then(last)))
    }

    /// What stands here: mostly one thing that can be repeated; none for flags and for an empty
    /// quotation, several for a longer one.
    fn atoms(&mut self) -> Result<Vec<Size>, Refusal> {
        match self.next() {
            Some('(') => Ok(self.group()?.into_iter().collect()),
            Some('[') => Ok(vec![self.class()?]),
            Some('\\') => self.escape(),
            Some('.') => Ok(vec![Size::any_character()]),
            Some('^' | '$') => Ok(vec![Size::assertion()]),
            Some(literal) => Ok(vec![Size::literal(literal, self.fold_case)]),
            None => Ok(Vec::new()),
        }
    }
}

#[cfg(test)]
mod tests;
