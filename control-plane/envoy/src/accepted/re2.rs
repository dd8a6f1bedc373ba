//! Whether RE2, Envoy's regular expression engine, takes an expression.
//!
//! This reads RE2's syntax (its documentation's page "Syntax", in the Perl flavour) rather than asking
//! Rust's `regex`, which takes other things: `[[a]` is a class in RE2 and an error there, `(?x)` the other
//! way round. Envoy 1.38 gives RE2 its texts as UTF-8 and 1.40 as Latin-1; what only one of them takes is
//! refused.

mod class;

use class::{named_class, parse_class};

/// Most that RE2 lets one repetition, or nested ones together, repeat.
const MOST_REPEATS: u32 = 1000;
/// How deep groups may nest here; nobody's do.
const DEEPEST: usize = 1000;
/// The largest program, in RE2 instructions, that every proxy's bootstrap lets Envoy run (runtime key
/// `re2.max_program_size.error_level`, whose own default of 100 refuses `[a-z]{3,40}`). RE2's memory for
/// programs ends at a few times as many.
pub const RE2_PROGRAM_SIZE: u32 = 32_768;
/// Instructions for "any character", which in UTF-8 is more than one byte.
const ANY_CHARACTER: usize = 10;
/// RE2 reads no number from here on as one.
const TOO_LARGE_A_NUMBER: u32 = 100_000_000;

/// Says why RE2 refuses the expression, if it does.
pub(super) fn check(pattern: &str) -> Result<(), String> {
    if pattern.is_empty() {
        return Err("it is empty".to_owned());
    }
    let mut parser = Parser { rest: pattern };
    let size = parser.alternation(0)?;
    if parser.rest.starts_with(')') {
        return Err("a `)` has no `(`".to_owned());
    }
    if size.instructions > u64::from(RE2_PROGRAM_SIZE) {
        return Err("it is too large when its repetitions are written out".to_owned());
    }
    Ok(())
}

/// What is still to be read.
struct Parser<'a> {
    rest: &'a str,
}

/// What a part of an expression amounts to.
#[derive(Debug, Clone, Copy)]
struct Size {
    /// An estimate from above.
    instructions: u64,
    /// The product of nested repetitions.
    repeats: u32,
}

impl Size {
    fn of(instructions: usize) -> Self {
        Self {
            instructions: instructions as u64,
            repeats: 1,
        }
    }

    fn add(&mut self, other: Self) {
        self.instructions = self.instructions.saturating_add(other.instructions);
        self.repeats = self.repeats.max(other.repeats);
    }

    fn repeated(self, (least, most): Bounds) -> Result<Self, String> {
        let copies = most.unwrap_or(least).max(1);
        let repeats = self.repeats.saturating_mul(copies);
        if repeats > MOST_REPEATS {
            let why = format!("nested repetitions repeat more than {MOST_REPEATS} times");
            return Err(why);
        }
        let instructions = self.instructions.saturating_add(3);
        Ok(Self {
            instructions: instructions.saturating_mul(u64::from(copies)),
            repeats,
        })
    }
}

/// How often at least and at most; without a most, for ever.
type Bounds = (u32, Option<u32>);

/// What was read, and what a repetition that comes next repeats.
enum Atom {
    /// This.
    Operand(Size),
    /// Nothing: it was `|`.
    Barrier,
    /// What came before: it was flags, or a quotation of nothing.
    Transparent,
}

impl<'a> Parser<'a> {
    /// Up to a `)` that is not its own, or the end.
    fn alternation(&mut self, depth: usize) -> Result<Size, String> {
        if depth > DEEPEST {
            return Err("its groups nest too deeply".to_owned());
        }
        // What stands around every program.
        let mut whole = Size::of(4);
        let mut operand = None;
        let mut repeated = false;
        while let Some(c) = self.peek().filter(|c| *c != ')') {
            if let Some((operator, bounds)) = self.repetition()? {
                let Some(size) = operand.take() else {
                    let wrong = if repeated {
                        "follows another"
                    } else {
                        "has nothing to repeat"
                    };
                    return Err(format!("the repetition `{operator}` {wrong}"));
                };
                whole.add(Size::repeated(size, bounds)?);
                repeated = true;
                continue;
            }
            let next = match self.atom(c, depth)? {
                Atom::Transparent => continue,
                Atom::Operand(size) => Some(size),
                Atom::Barrier => {
                    whole.add(Size::of(1));
                    None
                }
            };
            repeated = false;
            if let Some(size) = std::mem::replace(&mut operand, next) {
                whole.add(size);
            }
        }
        if let Some(size) = operand {
            whole.add(size);
        }
        Ok(whole)
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Takes this many bytes.
    fn skip(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
    }

    /// Takes this text if it comes next.
    fn take(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// `*`, `+`, `?`, `{n}`, `{n,}`, `{n,m}`, each with an optional `?`.
    fn repetition(&mut self) -> Result<Option<(&'a str, Bounds)>, String> {
        let start = self.rest;
        let (length, bounds) = match start.as_bytes().first() {
            Some(b'*') => (1, (0, None)),
            Some(b'+') => (1, (1, None)),
            Some(b'?') => (1, (0, Some(1))),
            Some(b'{') => match counted(start) {
                Some(found) => found,
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        self.skip(length);
        self.take("?");
        let operator = &start[..start.len() - self.rest.len()];
        let (least, most) = bounds;
        if least > MOST_REPEATS || most.is_some_and(|most| most > MOST_REPEATS || most < least) {
            return Err(format!("the repetition `{operator}` is out of range"));
        }
        Ok(Some((operator, bounds)))
    }

    fn atom(&mut self, c: char, depth: usize) -> Result<Atom, String> {
        match c {
            '|' => {
                self.skip(1);
                Ok(Atom::Barrier)
            }
            '(' => self.group(depth),
            '[' => parse_class(self).map(Atom::Operand),
            '\\' => self.escaped(),
            '.' => {
                self.skip(1);
                Ok(Atom::Operand(Size::of(ANY_CHARACTER)))
            }
            _ => {
                self.skip(c.len_utf8());
                Ok(Atom::Operand(Size::of(c.len_utf8())))
            }
        }
    }

    fn group(&mut self, depth: usize) -> Result<Atom, String> {
        self.skip(1);
        if self.take("?") && !self.special_group()? {
            return Ok(Atom::Transparent);
        }
        let mut size = self.alternation(depth + 1)?;
        if !self.take(")") {
            return Err("a `(` has no `)`".to_owned());
        }
        size.add(Size::of(2));
        Ok(Atom::Operand(size))
    }

    /// Behind `(?`; whether a group follows, else it was flags alone.
    fn special_group(&mut self) -> Result<bool, String> {
        if ["=", "!", "<=", "<!"]
            .iter()
            .any(|look| self.rest.starts_with(look))
        {
            return Err("RE2 cannot look ahead or behind".to_owned());
        }
        if self.take("P<") || self.take("<") {
            let (name, rest) = self
                .rest
                .split_once('>')
                .ok_or("a group's name has no `>`")?;
            let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty() || !name.chars().all(word) {
                return Err(format!("{name:?} is no name for a group"));
            }
            self.rest = rest;
            return Ok(true);
        }
        let (mut negated, mut complete) = (false, true);
        while let Some(c) = self.peek() {
            self.skip(c.len_utf8());
            match c {
                'i' | 'm' | 's' | 'U' => complete = true,
                '-' if !negated => (negated, complete) = (true, false),
                ':' | ')' if complete => return Ok(c == ':'),
                _ => break,
            }
        }
        Err("RE2 does not know this kind of `(?`".to_owned())
    }

    /// What begins with a backslash outside a class.
    fn escaped(&mut self) -> Result<Atom, String> {
        match self.rest[1..].chars().next() {
            Some('Q') => {
                self.skip(2);
                let (text, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
                self.rest = rest;
                if text.is_empty() {
                    return Ok(Atom::Transparent);
                }
                Ok(Atom::Operand(Size::of(text.len())))
            }
            Some('A' | 'z' | 'b' | 'B' | 'C') => {
                self.skip(2);
                Ok(Atom::Operand(Size::of(1)))
            }
            _ => {
                let named = named_class(self)?;
                let size = named.map_or_else(|| self.escape().map(|_| Size::of(1)), Ok);
                size.map(Atom::Operand)
            }
        }
    }

    /// A character written with a backslash; its number.
    fn escape(&mut self) -> Result<u32, String> {
        self.skip(1);
        let c = self.peek().ok_or("it ends with a backslash")?;
        self.skip(c.len_utf8());
        let octal = |text: &str| {
            let digits = text.bytes().take(2);
            digits.take_while(|b| (b'0'..=b'7').contains(b)).count()
        };
        match c {
            '0' if octal(self.rest) == 0 => Ok(0),
            '0' => self.number(octal(self.rest), 8, 0),
            // With another octal digit behind it a character, alone a reference to a group.
            '1'..='7' if octal(self.rest) > 0 => {
                let digits = octal(self.rest);
                let first = u32::from(c) - u32::from('0');
                self.number(digits, 8, first << (3 * digits))
            }
            'x' if self.take("{") => {
                let end = self.rest.find('}').ok_or("a `\\x{` has no `}`")?;
                let number = self.number(end, 16, 0);
                self.take("}");
                number
            }
            'x' => self.number(2, 16, 0),
            'a' | 'f' | 'n' | 'r' | 't' | 'v' => Ok(u32::from(c)),
            _ if c.is_ascii() && !c.is_ascii_alphanumeric() => Ok(u32::from(c)),
            _ => Err(format!("RE2 does not know `\\{c}`")),
        }
    }

    /// So many digits added to `high`: a character in both encodings.
    fn number(&mut self, digits: usize, radix: u32, high: u32) -> Result<u32, String> {
        let bad = "an escaped number is no character of Latin-1";
        let (number, rest) = self.rest.split_at_checked(digits).ok_or(bad)?;
        self.rest = rest;
        let plain = number.bytes().all(|b| b.is_ascii_hexdigit());
        let low = u32::from_str_radix(number, radix).ok().filter(|_| plain);
        let code = low.and_then(|low| low.checked_add(high));
        code.filter(|code| *code <= 0xff)
            .ok_or_else(|| bad.to_owned())
    }
}

/// `{n}`, `{n,}` or `{n,m}` at the start of the text, and its length; anything else is text.
fn counted(text: &str) -> Option<(usize, Bounds)> {
    let end = text.find('}')?;
    let number = |digits: &str| {
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let number = digits
            .parse()
            .ok()
            .filter(|n| plain && *n < TOO_LARGE_A_NUMBER)?;
        Some(number)
    };
    let bounds = match text[1..end].split_once(',') {
        None => {
            let count = number(&text[1..end])?;
            (count, Some(count))
        }
        Some((least, "")) => (number(least)?, None),
        Some((least, most)) => (number(least)?, Some(number(most)?)),
    };
    Some((end + 1, bounds))
}
