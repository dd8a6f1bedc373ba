//! Expressions about paths written in RE2's syntax, so that it means the same whether they are read as
//! UTF-8 or as Latin-1.

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Look, Repetition};

/// A text that means itself in RE2.
pub(in super::super) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    text.chars().for_each(|c| character(&mut out, c));
    out
}

/// An expression for full matches.
pub(in super::super) fn print(hir: &Hir) -> String {
    let mut out = String::new();
    write(&mut out, hir, Place::Alone);
    out
}

/// What stands around an expression, which says whether it needs a group.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Alone,
    InConcat,
    Repeated,
}

fn write(out: &mut String, hir: &Hir, place: Place) {
    let many = match hir.kind() {
        HirKind::Literal(literal) => {
            std::str::from_utf8(&literal.0).is_ok_and(|text| text.chars().nth(1).is_some())
        }
        HirKind::Concat(_) | HirKind::Repetition(_) | HirKind::Empty => true,
        _ => false,
    };
    let alternation = matches!(hir.kind(), HirKind::Alternation(_));
    let group = place == Place::Repeated && many || place != Place::Alone && alternation;
    if group {
        out.push_str("(?:");
    }
    match hir.kind() {
        HirKind::Empty if group => {}
        HirKind::Empty => out.push_str("(?:)"),
        HirKind::Literal(literal) => {
            out.push_str(&quote(&String::from_utf8_lossy(&literal.0)));
        }
        HirKind::Class(Class::Unicode(class)) => write_class(out, class),
        HirKind::Class(Class::Bytes(class)) => {
            let class = class.to_unicode_class();
            write_class(out, &class.unwrap_or_else(ClassUnicode::empty));
        }
        HirKind::Look(look) => out.push_str(anchor(*look)),
        HirKind::Repetition(repetition) => {
            write(out, &repetition.sub, Place::Repeated);
            out.push_str(&bounds(repetition));
        }
        HirKind::Capture(capture) => write(out, &capture.sub, place),
        HirKind::Concat(parts) => {
            for part in parts {
                write(out, part, Place::InConcat);
            }
        }
        HirKind::Alternation(parts) => {
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    out.push('|');
                }
                write(out, part, Place::InConcat);
            }
        }
    }
    if group {
        out.push(')');
    }
}

fn bounds(repetition: &Repetition) -> String {
    match (repetition.min, repetition.max) {
        (0, None) => "*".to_owned(),
        (1, None) => "+".to_owned(),
        (0, Some(1)) => "?".to_owned(),
        (min, None) => format!("{{{min},}}"),
        (min, Some(max)) if min == max => format!("{{{min}}}"),
        (min, Some(max)) => format!("{{{min},{max}}}"),
    }
}

fn anchor(look: Look) -> &'static str {
    match look {
        Look::Start => r"\A",
        Look::End => r"\z",
        Look::StartLF | Look::StartCRLF => "(?m:^)",
        Look::EndLF | Look::EndCRLF => "(?m:$)",
        Look::WordAsciiNegate | Look::WordUnicodeNegate => r"\B",
        _ => r"\b",
    }
}

/// Writes a class of ASCII characters. If it holds the last of them it is written as what it leaves
/// out, which is shorter and differs in characters that no path holds.
fn write_class(out: &mut String, class: &ClassUnicode) {
    let mut shown = class.clone();
    let negated = class
        .ranges()
        .last()
        .is_some_and(|last| last.end() >= '\x7f');
    if negated {
        shown.negate();
        shown.intersect(&ClassUnicode::new([ClassUnicodeRange::new('\0', '\x7f')]));
    }
    match (negated, shown.ranges()) {
        (true, []) => return out.push_str("(?s:.)"),
        (true, [only]) if (only.start(), only.end()) == ('\n', '\n') => return out.push('.'),
        (false, []) => return out.push_str(r"[^\x00-\xFF]"),
        (false, [only]) if only.start() == only.end() => return character(out, only.start()),
        _ => {}
    }
    out.push_str(if negated { "[^" } else { "[" });
    for range in shown.ranges() {
        character(out, range.start());
        if range.start() != range.end() {
            if range.len() > 2 {
                out.push('-');
            }
            character(out, range.end());
        }
    }
    out.push(']');
}

/// One character, outside brackets or between them.
fn character(out: &mut String, c: char) {
    match c {
        '/' | '_' | '%' | '=' | ',' | ';' | ':' | '@' | '!' | '"' | '\'' | '<' | '>' | '`' => {
            out.push(c);
        }
        c if c.is_ascii_alphanumeric() => out.push(c),
        c if c.is_ascii_punctuation() => {
            out.push('\\');
            out.push(c);
        }
        c => out.push_str(&format!(r"\x{{{:x}}}", u32::from(c))),
    }
}
