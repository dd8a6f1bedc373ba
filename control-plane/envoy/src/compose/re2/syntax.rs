//! RE2's syntax in the words of the `regex` crates.

use super::Re2Error;
use super::class;

/// RE2's limit of a repetition's bounds.
const MAX_REPEAT: u32 = 1000;

/// ASCII classes, as RE2 understands `\d`, `\s`, `\w`; to be put between brackets.
pub(super) fn perl_class(letter: char) -> Option<(&'static str, bool)> {
    let members = match letter.to_ascii_lowercase() {
        'd' => r"0-9",
        's' => r"\t\n\x0C\r\x20",
        'w' => r"0-9A-Za-z_",
        _ => return None,
    };
    Some((members, letter.is_ascii_uppercase()))
}

/// What is still to be read of an expression.
pub(super) struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    /// A second reader at the same place, to look ahead with.
    pub(super) fn ahead(&self) -> Self {
        Self { ..*self }
    }

    /// Looks at the next character.
    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Takes the next character.
    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.rest = &self.rest[next.len_utf8()..];
        Some(next)
    }

    /// Takes this string if it comes next.
    pub(super) fn take(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes all up to this string, and the string itself.
    pub(super) fn take_until(&mut self, text: &str) -> Option<&'a str> {
        let (taken, rest) = self.rest.split_once(text)?;
        self.rest = rest;
        Some(taken)
    }

    /// Whether this string comes next.
    pub(super) fn sees(&self, text: &str) -> bool {
        self.rest.starts_with(text)
    }

    /// The error that the expression is none.
    pub(super) fn invalid(&self, reason: &str) -> Re2Error {
        Re2Error::Invalid(reason.to_owned())
    }
}

/// Writes one character so that it means itself, inside brackets and outside.
pub(super) fn literal(out: &mut String, c: char) {
    if c.is_ascii_alphanumeric() || c == '/' {
        out.push(c);
    } else {
        out.push_str(&format!(r"\x{{{:X}}}", u32::from(c)));
    }
}

/// Translates a whole expression. Captures become plain groups: nothing here asks for them.
pub(super) fn translate(pattern: &str) -> Result<String, Re2Error> {
    let mut reader = Reader { rest: pattern };
    let mut out = String::with_capacity(pattern.len() * 2);
    let mut repeated = false;
    while let Some(c) = reader.next() {
        let was_repeated = std::mem::take(&mut repeated);
        match c {
            '*' | '+' | '?' => {
                if was_repeated {
                    return Err(reader.invalid("two repetition operators in a row"));
                }
                out.push(c);
                repeated = true;
            }
            '{' => match bounds(&mut reader)? {
                Some(_) if was_repeated => {
                    return Err(reader.invalid("two repetition operators in a row"));
                }
                Some(text) => {
                    out.push_str(&text);
                    repeated = true;
                }
                None => literal(&mut out, '{'),
            },
            '(' => group(&mut reader, &mut out)?,
            '[' => class::translate(&mut reader, &mut out)?,
            '\\' => escape(&mut reader, &mut out)?,
            '|' | ')' | '.' | '^' | '$' => out.push(c),
            other => literal(&mut out, other),
        }
        // The mark of reluctance belongs to the operator; it changes nothing about full matches.
        if repeated && reader.take("?") {
            out.push('?');
        }
    }
    Ok(out)
}

/// Reads `n}`, `n,}` or `n,m}` after a brace; anything else leaves the brace an ordinary character.
fn bounds(reader: &mut Reader<'_>) -> Result<Option<String>, Re2Error> {
    let Some((inside, rest)) = reader.rest.split_once('}') else {
        return Ok(None);
    };
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (low, high) = match inside.split_once(',') {
        Some((low, high)) => (low, Some(high)),
        None => (inside, None),
    };
    if !number(low) || !high.is_none_or(|high| high.is_empty() || number(high)) {
        return Ok(None);
    }
    let value = |text: &str| text.parse::<u32>().ok().filter(|n| *n <= MAX_REPEAT);
    let in_order = match (value(low), high) {
        (Some(_), None | Some("")) => true,
        (Some(low), Some(high)) => value(high).is_some_and(|high| low <= high),
        (None, _) => false,
    };
    if !in_order {
        return Err(reader.invalid("bounds of a repetition out of order or above 1000"));
    }
    reader.rest = rest;
    Ok(Some(format!("{{{inside}}}")))
}

fn group(reader: &mut Reader<'_>, out: &mut String) -> Result<(), Re2Error> {
    if !reader.take("?") {
        out.push_str("(?:");
        return Ok(());
    }
    if reader.take("P<") || reader.take("<") {
        let name = reader.take_until(">").unwrap_or_default();
        if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
            return Err(reader.invalid("a group's name is missing or odd"));
        }
        out.push_str("(?:");
        return Ok(());
    }
    out.push_str("(?");
    while let Some(c) = reader.next() {
        match c {
            'i' | 'm' | 's' | 'U' | '-' => out.push(c),
            ':' | ')' => {
                out.push(c);
                return Ok(());
            }
            _ => break,
        }
    }
    Err(reader.invalid("a group of a kind that RE2 does not know"))
}

fn escape(reader: &mut Reader<'_>, out: &mut String) -> Result<(), Re2Error> {
    match reader.peek() {
        Some('Q') => {
            reader.next();
            let quoted = match reader.take_until(r"\E") {
                Some(quoted) => quoted,
                None => std::mem::take(&mut reader.rest),
            };
            quoted.chars().for_each(|c| literal(out, c));
        }
        Some('C') => {
            reader.next();
            out.push_str("(?s-u:.)");
        }
        // RE2's word is ASCII.
        Some(c @ ('b' | 'B')) => {
            reader.next();
            out.push_str(&format!(r"(?-u:\{c})"));
        }
        Some(c @ ('A' | 'z')) => {
            reader.next();
            out.push('\\');
            out.push(c);
        }
        Some('p' | 'P') => property(reader, out)?,
        Some(c) if perl_class(c).is_some() => {
            reader.next();
            if let Some((members, negated)) = perl_class(c) {
                out.push_str(if negated { "[^" } else { "[" });
                out.push_str(members);
                out.push(']');
            }
        }
        _ => {
            let c = character(reader)?;
            literal(out, c);
        }
    }
    Ok(())
}

/// `\pL`, `\p{Greek}`, `\P{Greek}`, `\p{^Greek}`, with the backslash already taken.
pub(super) fn property(reader: &mut Reader<'_>, out: &mut String) -> Result<(), Re2Error> {
    let mut negated = reader.next() == Some('P');
    let mut buffer = [0; 4];
    let name = match reader.next() {
        Some('{') => reader.take_until("}").unwrap_or_default(),
        Some(c) => c.encode_utf8(&mut buffer),
        None => "",
    };
    let name = match name.strip_prefix('^') {
        Some(name) => {
            negated = !negated;
            name
        }
        None => name,
    };
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(reader.invalid("the name of a Unicode class is missing or odd"));
    }
    out.push_str(if negated { r"\P{" } else { r"\p{" });
    out.push_str(name);
    out.push('}');
    Ok(())
}

/// The character that an escape stands for, with the backslash already taken.
pub(super) fn character(reader: &mut Reader<'_>) -> Result<char, Re2Error> {
    let bad = |reader: &Reader<'_>| reader.invalid("an escape that RE2 does not know");
    let octal = |c: &char| ('0'..='7').contains(c);
    let Some(c) = reader.next() else {
        return Err(reader.invalid("it ends with a backslash"));
    };
    let code = match c {
        'a' => 0x07,
        'f' => 0x0C,
        'n' => 0x0A,
        'r' => 0x0D,
        't' => 0x09,
        'v' => 0x0B,
        'x' => {
            let digits = if reader.take("{") {
                reader.take_until("}").unwrap_or_default()
            } else {
                let digits = reader.rest.get(..2).unwrap_or_default();
                reader.rest = reader.rest.get(2..).unwrap_or_default();
                digits
            };
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(bad(reader));
            }
            u32::from_str_radix(digits, 16).map_err(|_| bad(reader))?
        }
        // One digit that is not zero would be a reference to a group, which RE2 has not.
        '0'..='7' if c == '0' || reader.peek().as_ref().is_some_and(octal) => {
            let mut code = u32::from(c) - u32::from('0');
            for _ in 0..2 {
                let Some(digit) = reader.peek().filter(octal) else {
                    break;
                };
                reader.next();
                code = code * 8 + u32::from(digit) - u32::from('0');
            }
            code
        }
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => u32::from(c),
        _ => return Err(bad(reader)),
    };
    if code > 0xFF {
        return Err(reader.invalid(r"a character beyond \xFF, which Envoy 1.39 and later refuse"));
    }
    char::from_u32(code).ok_or_else(|| bad(reader))
}
