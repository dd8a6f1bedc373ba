//! What was read, in the intermediate form of the `regex` crates.

use regex_syntax::hir::{
    Class, ClassUnicode, ClassUnicodeRange, Dot, Hir, HirKind, Look, Repetition,
};
use tulle_model::re2::{self, Assertion, Member, Node};

/// The same language. Groups are gone: nothing here asks for what they matched.
pub(super) fn of(node: &Node) -> Hir {
    match node {
        Node::Empty => Hir::empty(),
        Node::Literal {
            character,
            fold_case: false,
        } => Hir::literal(character.encode_utf8(&mut [0; 4]).as_bytes()),
        Node::Literal {
            character,
            fold_case: true,
        } => {
            let mut class = range(*character, *character);
            class.case_fold_simple();
            Hir::class(Class::Unicode(class))
        }
        Node::AnyCharacter { line_feed: true } => Hir::dot(Dot::AnyChar),
        Node::AnyCharacter { line_feed: false } => Hir::dot(Dot::AnyCharExceptLF),
        Node::AnyByte => Hir::dot(Dot::AnyByte),
        Node::Class(class) => Hir::class(Class::Unicode(self::class(class))),
        Node::Assertion(assertion) => Hir::look(match assertion {
            Assertion::TextStart => Look::Start,
            Assertion::TextEnd => Look::End,
            Assertion::LineStart => Look::StartLF,
            Assertion::LineEnd => Look::EndLF,
            Assertion::WordBoundary => Look::WordAscii,
            Assertion::NoWordBoundary => Look::WordAsciiNegate,
        }),
        Node::Repeat { part, least, most } => Hir::repetition(Repetition {
            min: *least,
            max: *most,
            greedy: true,
            sub: Box::new(of(part)),
        }),
        Node::Captured(part) => of(part),
        Node::Concatenation(parts) => Hir::concat(parts.iter().map(of).collect()),
        Node::Alternation(parts) => Hir::alternation(parts.iter().map(of).collect()),
    }
}

fn class(class: &re2::Class) -> ClassUnicode {
    let mut all = ClassUnicode::empty();
    for member in &class.members {
        let (mut members, negated) = match *member {
            Member::Range(first, last) => (range(first, last), false),
            Member::Ascii { ranges, negated } => (ascii(ranges), negated),
            Member::Unicode { name, negated } => (unicode(name), negated),
        };
        if class.fold_case {
            members.case_fold_simple();
        }
        if negated {
            members.negate();
        }
        all.union(&members);
    }
    if class.negated {
        all.negate();
    }
    all
}

fn range(first: char, last: char) -> ClassUnicode {
    ClassUnicode::new([ClassUnicodeRange::new(first, last)])
}

fn ascii(ranges: &[(char, char)]) -> ClassUnicode {
    let ranges = ranges.iter();
    ClassUnicode::new(ranges.map(|(first, last)| ClassUnicodeRange::new(*first, *last)))
}

/// A category or script. The surrogates (`Cs`), which the crates do not know, are in no text.
fn unicode(name: &str) -> ClassUnicode {
    match regex_syntax::parse(&format!(r"\p{{{name}}}")).map(Hir::into_kind) {
        Ok(HirKind::Class(Class::Unicode(class))) => class,
        // A class of one character.
        Ok(HirKind::Literal(literal)) => {
            let text = String::from_utf8_lossy(&literal.0);
            let ranges = text.chars().map(|c| ClassUnicodeRange::new(c, c));
            ClassUnicode::new(ranges)
        }
        _ => ClassUnicode::empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unicode_class_is_known_to_the_crates() {
        for name in re2::unicode_classes() {
            assert_eq!(unicode(name).ranges().is_empty(), name == "Cs", "{name}");
        }
    }
}
