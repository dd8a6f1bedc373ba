//! Classes of characters, in brackets or by name.

use super::{ANY_CHARACTER, Parser, Size};

/// POSIX names.
const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// General categories of Unicode.
const CATEGORIES: [&str; 37] = [
    "Any", "C", "Cc", "Cf", "Co", "Cs", "L", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn",
    "N", "Nd", "Nl", "No", "P", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm",
    "So", "Z", "Zl", "Zp", "Zs",
];

/// Instructions for a class of ASCII.
const ASCII: usize = 16;
/// Instructions for a class of Unicode: what `\pL` takes in UTF-8.
const UNICODE: usize = 1250;

const UNCLOSED: &str = "a `[` has no `]`";

/// `\d` and its like, `\pL`, `\p{Greek}`; `None` for any other backslash.
pub(super) fn named_class(parser: &mut Parser<'_>) -> Result<Option<Size>, String> {
    match parser.rest[1..].chars().next() {
        Some('d' | 'D' | 's' | 'S' | 'w' | 'W') => {
            parser.skip(2);
            Ok(Some(Size::of(ASCII)))
        }
        Some('p' | 'P') => {
            parser.skip(2);
            property(parser)?;
            Ok(Some(Size::of(UNICODE)))
        }
        _ => Ok(None),
    }
}

fn property(parser: &mut Parser<'_>) -> Result<(), String> {
    let (name, rest) = if parser.take("{") {
        parser.rest.split_once('}').ok_or("a `\\p{` has no `}`")?
    } else {
        let length = parser.peek().map_or(0, char::len_utf8);
        parser.rest.split_at(length)
    };
    if !is_unicode_class(name.strip_prefix('^').unwrap_or(name)) {
        return Err(format!("RE2 knows no class of characters {name:?}"));
    }
    parser.rest = rest;
    Ok(())
}

/// Categories and scripts, in Unicode's own spelling.
fn is_unicode_class(name: &str) -> bool {
    if CATEGORIES.contains(&name) {
        return true;
    }
    // The scripts are the same in every library, but Rust's takes them in any spelling.
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().is_some_and(|c| c.is_ascii_uppercase())
            && letters.all(|c| c.is_ascii_lowercase())
    };
    let spelt = name == "SignWriting" || name.split('_').all(capital);
    spelt && regex_syntax::parse(&format!("\\p{{Script={name}}}")).is_ok()
}

/// From `[` to its `]`.
pub(super) fn parse_class(parser: &mut Parser<'_>) -> Result<Size, String> {
    parser.skip(1);
    let negated = parser.take("^");
    let mut size = Size::of(if negated { ANY_CHARACTER } else { 1 });
    let mut first = true;
    // A bracket in the first place means itself.
    while first || !parser.take("]") {
        first = false;
        if parser.rest.starts_with("[:") && posix(parser)? {
            size.add(Size::of(ASCII));
            continue;
        }
        let escaped = parser.rest.starts_with('\\');
        if let Some(named) = escaped.then(|| named_class(parser)).transpose()?.flatten() {
            size.add(named);
            continue;
        }
        let low = character(parser)?;
        let mut ahead = parser.rest.chars();
        if ahead.next() == Some('-') && ahead.next().is_some_and(|c| c != ']') {
            parser.skip(1);
            if character(parser)? < low {
                return Err("a range of a class runs backwards".to_owned());
            }
        }
        size.add(Size::of(4));
    }
    Ok(size)
}

fn character(parser: &mut Parser<'_>) -> Result<u32, String> {
    match parser.peek().ok_or(UNCLOSED)? {
        '\\' => parser.escape(),
        c => {
            parser.skip(c.len_utf8());
            Ok(u32::from(c))
        }
    }
}

/// `[:alpha:]`; whether it is one. Without `:]` behind it, `[` is itself.
fn posix(parser: &mut Parser<'_>) -> Result<bool, String> {
    let Some((name, rest)) = parser.rest[2..].split_once(":]") else {
        return Ok(false);
    };
    if !POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) {
        return Err(format!("RE2 knows no class of characters {name:?}"));
    }
    parser.rest = rest;
    Ok(true)
}
