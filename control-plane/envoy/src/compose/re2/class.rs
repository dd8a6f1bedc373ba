//! RE2's bracketed classes in the words of the `regex` crates, which nest brackets and know set
//! operators where RE2 sees plain characters.

use super::Re2Error;
use super::syntax::{Reader, character, literal, perl_class, property};

/// POSIX names that RE2 knows.
const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// Translates a class whose opening bracket has been taken.
pub(super) fn translate(reader: &mut Reader<'_>, out: &mut String) -> Result<(), Re2Error> {
    out.push('[');
    if reader.take("^") {
        out.push('^');
    }
    let mut first = true;
    // A bracket in the first place means itself.
    while first || !reader.sees("]") {
        first = false;
        if reader.sees("[:") && posix(reader, out)? || named(reader, out)? {
            continue;
        }
        let low = member(reader)?;
        literal(out, low);
        let mut ahead = reader.ahead();
        if ahead.take("-") && ahead.peek().is_some_and(|c| c != ']') {
            reader.take("-");
            let high = member(reader)?;
            if high < low {
                return Err(reader.invalid("a range of a class is upside down"));
            }
            out.push('-');
            literal(out, high);
        }
    }
    reader.take("]");
    out.push(']');
    Ok(())
}

/// `[:name:]`; without a closing `:]` the bracket is an ordinary character.
fn posix(reader: &mut Reader<'_>, out: &mut String) -> Result<bool, Re2Error> {
    let mut ahead = reader.ahead();
    ahead.take("[:");
    let Some(name) = ahead.take_until(":]") else {
        return Ok(false);
    };
    if !POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) {
        return Err(reader.invalid("a class of a name that RE2 does not know"));
    }
    out.push_str("[:");
    out.push_str(name);
    out.push_str(":]");
    *reader = ahead;
    Ok(true)
}

/// `\d`, `\pL` and the like.
fn named(reader: &mut Reader<'_>, out: &mut String) -> Result<bool, Re2Error> {
    let mut ahead = reader.ahead();
    if !ahead.take("\\") {
        return Ok(false);
    }
    match ahead.peek() {
        Some('p' | 'P') => property(&mut ahead, out)?,
        Some(c) => match perl_class(c) {
            Some((members, negated)) => {
                ahead.next();
                out.push_str(if negated { "[^" } else { "[" });
                out.push_str(members);
                out.push(']');
            }
            None => return Ok(false),
        },
        None => return Ok(false),
    }
    *reader = ahead;
    Ok(true)
}

fn member(reader: &mut Reader<'_>) -> Result<char, Re2Error> {
    match reader.next() {
        Some('\\') => character(reader),
        Some(c) => Ok(c),
        None => Err(reader.invalid("a class is not closed")),
    }
}
