//! How many instructions RE2 makes of an expression, estimated from above in both encodings.

use super::node::{Class, Member, Node};
use super::unicode;

/// Instructions that every program has.
const FIXED: u32 = 4;

/// Instructions for the part of a negated class or `.` beyond ASCII.
const BEYOND_ASCII: u32 = 8;

/// Instructions for one range of characters beyond ASCII, at most.
const WIDE_RANGE: u32 = 12;

/// Instructions for `*`, `+` or `?`, at most; they take most where what is repeated can be empty.
const LOOP: u32 = 4;

/// The size of the program of a whole expression.
pub(super) fn of_program(node: &Node) -> u32 {
    of(node).saturating_add(FIXED)
}

fn of(node: &Node) -> u32 {
    match node {
        Node::Empty => 0,
        Node::Literal {
            character,
            fold_case,
        } => of_literal(*character, *fold_case),
        Node::AnyCharacter { .. } => BEYOND_ASCII,
        Node::AnyByte | Node::Assertion(_) => 1,
        Node::Class(class) => of_class(class),
        Node::Repeat { part, least, most } => of_repeat(of(part), *least, *most),
        Node::Captured(part) => of(part).saturating_add(2),
        Node::Concatenation(parts) => sum(parts),
        Node::Alternation(parts) => {
            let between = u32::try_from(parts.len().saturating_sub(1)).unwrap_or(u32::MAX);
            sum(parts).saturating_add(between)
        }
    }
}

fn sum(parts: &[Node]) -> u32 {
    parts.iter().map(of).fold(0, u32::saturating_add)
}

/// One character, as many bytes as UTF-8 takes.
fn of_literal(character: char, fold_case: bool) -> u32 {
    let bytes = u32::try_from(character.len_utf8()).unwrap_or(u32::MAX);
    // Beyond ASCII up to three more characters are the same letter in another case; two ASCII
    // letters, k and s, have a relative there.
    let folded = !character.is_ascii() || matches!(character, 'k' | 'K' | 's' | 'S');
    if fold_case && folded {
        bytes.saturating_add(WIDE_RANGE)
    } else {
        bytes
    }
}

fn of_class(class: &Class) -> u32 {
    let (mut ascii, mut wide, mut named) = (0_u32, 0_u32, 0_u32);
    for member in &class.members {
        match *member {
            Member::Range(_, last) if last.is_ascii() => ascii += 1,
            Member::Range(..) => wide += 1,
            Member::Ascii { ranges, negated } => {
                let ranges = u32::try_from(ranges.len()).unwrap_or(u32::MAX);
                named = named.saturating_add(of_ranges(ranges, 0, negated, class.fold_case));
            }
            Member::Unicode { name, .. } => {
                named = named.saturating_add(unicode::instructions(name));
            }
        }
    }
    let plain = ascii != 0 || wide != 0 || class.negated;
    if plain {
        named.saturating_add(of_ranges(ascii, wide, class.negated, class.fold_case))
    } else {
        named
    }
}

/// `ascii` ranges inside ASCII and `wide` ranges that reach beyond.
fn of_ranges(ascii: u32, wide: u32, negated: bool, fold_case: bool) -> u32 {
    let ascii = if fold_case {
        ascii.saturating_mul(2).saturating_add(WIDE_RANGE)
    } else {
        ascii
    };
    let wide = wide.saturating_mul(if fold_case {
        3 * WIDE_RANGE
    } else {
        WIDE_RANGE
    });
    let rest = if negated { 1 + BEYOND_ASCII } else { 0 };
    ascii.saturating_add(wide).saturating_add(rest).max(1)
}

/// RE2 writes a counted repetition out, one copy a count.
fn of_repeat(part: u32, least: u32, most: Option<u32>) -> u32 {
    if matches!((least, most), (0 | 1, None) | (0, Some(1))) {
        return part.saturating_add(LOOP);
    }
    let needed = part.saturating_mul(least);
    let optional = match most {
        Some(most) => part.saturating_add(1).saturating_mul(most - least),
        None => part.saturating_add(1),
    };
    needed.saturating_add(optional)
}
