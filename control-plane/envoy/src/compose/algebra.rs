//! Languages as expressions: what is left of one behind a prefix, what of one avoids a character.
//!
//! All functions work on expressions that [`settle`] made: they describe whole paths, without anchors,
//! and hold ASCII alone. Nothing is lost by that: a path arrives normalised, other characters in
//! percent-encoding, and without line feeds, so that anchors of lines are anchors of the text. It is
//! needed because Envoy 1.39 and later read expressions as Latin-1, earlier ones as UTF-8. All
//! functions are exact; what they cannot express is refused.

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Look, Repetition};

/// Largest expression, counted in characters and classes with repetitions written out.
const MAX_SIZE: usize = 8192;

/// Why an expression cannot be reshaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// It looks at what is beside the place, other than the path's begin and end.
    WordBoundary,
    /// `^` or `$` where it cannot be said at compile time whether they hold.
    Anchor,
    /// It matches bytes that are no text.
    Bytes,
    /// Too large.
    Size,
}

impl std::fmt::Display for Obstacle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::WordBoundary => r"asks for a word's boundary (\b or \B)",
            Self::Anchor => "asks for the path's begin or end in a place that may be either",
            Self::Bytes => r"matches single bytes (\C)",
            Self::Size => "becomes too large",
        })
    }
}

/// Nothing fits.
pub(super) fn nothing() -> Hir {
    Hir::fail()
}

/// Whether nothing fits.
pub(super) fn is_nothing(hir: &Hir) -> bool {
    matches!(hir.kind(), HirKind::Class(class) if class.is_empty())
}

/// One after the other.
pub(super) fn concat(parts: Vec<Hir>) -> Hir {
    if parts.iter().any(is_nothing) {
        nothing()
    } else {
        Hir::concat(parts)
    }
}

/// One or the other.
pub(super) fn either(parts: impl IntoIterator<Item = Hir>) -> Hir {
    let mut kept: Vec<Hir> = Vec::new();
    for part in parts {
        if !is_nothing(&part) && !kept.contains(&part) {
            kept.push(part);
        }
    }
    Hir::alternation(kept)
}

/// A text.
pub(super) fn text(text: &str) -> Hir {
    Hir::literal(text.as_bytes())
}

fn class(class: ClassUnicode) -> Hir {
    Hir::class(Class::Unicode(class))
}

fn repeat(sub: Hir, min: u32, max: Option<u32>) -> Hir {
    if max == Some(0) || min == 0 && is_nothing(&sub) {
        Hir::empty()
    } else if is_nothing(&sub) {
        nothing()
    } else {
        Hir::repetition(Repetition {
            min,
            max,
            greedy: true,
            sub: Box::new(sub),
        })
    }
}

/// Whether the empty text fits.
pub(super) fn nullable(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Empty => true,
        HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => false,
        HirKind::Repetition(repetition) => repetition.min == 0 || nullable(&repetition.sub),
        HirKind::Capture(capture) => nullable(&capture.sub),
        HirKind::Concat(parts) => parts.iter().all(nullable),
        HirKind::Alternation(parts) => parts.iter().any(nullable),
    }
}

/// What is known of the text beside a place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    /// The path ends here.
    Here,
    /// It does not.
    Not,
    /// It depends.
    Maybe,
}

impl Edge {
    /// The edge as seen through a part that lies between.
    fn beyond(self, part: &Hir) -> Self {
        let properties = part.properties();
        if self == Self::Not || properties.minimum_len().is_none_or(|length| length > 0) {
            Self::Not
        } else if properties.maximum_len() == Some(0) {
            self
        } else {
            Self::Maybe
        }
    }
}

/// Prepares an expression for full matches. `^` and `$` go: where they hold they say nothing, where
/// they cannot hold nothing fits. So do characters that no path holds.
///
/// # Errors
/// It holds something that has no place in the algebra, or is too large.
pub(super) fn settle(hir: &Hir) -> Result<Hir, Obstacle> {
    within_size(settle_between(hir, Edge::Here, Edge::Here)?)
}

fn settle_between(hir: &Hir, before: Edge, after: Edge) -> Result<Hir, Obstacle> {
    Ok(match hir.kind() {
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
            Ok(text) if text.is_ascii() => hir.clone(),
            Ok(_) => nothing(),
            Err(_) => return Err(Obstacle::Bytes),
        },
        HirKind::Class(Class::Unicode(members)) => class(ascii(members)),
        HirKind::Class(Class::Bytes(bytes)) => match bytes.to_unicode_class() {
            Some(unicode) => class(ascii(&unicode)),
            None => return Err(Obstacle::Bytes),
        },
        HirKind::Look(look) => {
            let edge = match look {
                Look::Start | Look::StartLF | Look::StartCRLF => before,
                Look::End | Look::EndLF | Look::EndCRLF => after,
                _ => return Err(Obstacle::WordBoundary),
            };
            match edge {
                Edge::Here => Hir::empty(),
                Edge::Not => nothing(),
                Edge::Maybe => return Err(Obstacle::Anchor),
            }
        }
        HirKind::Repetition(repetition) => {
            let once = repetition.max == Some(1);
            let inner = |edge: Edge| match edge {
                _ if once => edge,
                Edge::Not => Edge::Not,
                // Another round may stand between.
                Edge::Here | Edge::Maybe => Edge::Maybe,
            };
            let sub = settle_between(&repetition.sub, inner(before), inner(after))?;
            repeat(sub, repetition.min, repetition.max)
        }
        HirKind::Capture(capture) => settle_between(&capture.sub, before, after)?,
        HirKind::Concat(parts) => {
            let mut settled = Vec::with_capacity(parts.len());
            for (index, part) in parts.iter().enumerate() {
                let before = parts[..index].iter().fold(before, Edge::beyond);
                let after = parts[index + 1..].iter().rev().fold(after, Edge::beyond);
                settled.push(settle_between(part, before, after)?);
            }
            concat(settled)
        }
        HirKind::Alternation(parts) => {
            let settled: Result<Vec<_>, _> = parts
                .iter()
                .map(|part| settle_between(part, before, after))
                .collect();
            either(settled?)
        }
    })
}

/// The texts of the language that are not empty, with their first character put through `first`,
/// which gets the class it is from.
///
/// # Errors
/// [`Obstacle::Size`].
fn head(hir: &Hir, first: &dyn Fn(&ClassUnicode) -> Hir) -> Result<Hir, Obstacle> {
    Ok(match hir.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Class(Class::Bytes(_)) => nothing(),
        HirKind::Class(Class::Unicode(class)) => first(class),
        HirKind::Literal(literal) => {
            let rest = std::str::from_utf8(&literal.0).unwrap_or_default();
            let mut chars = rest.chars();
            match chars.next() {
                Some(c) => concat(vec![first(&single(c)), text(chars.as_str())]),
                None => nothing(),
            }
        }
        HirKind::Capture(capture) => head(&capture.sub, first)?,
        HirKind::Repetition(Repetition { min, max, sub, .. }) => {
            if *max == Some(0) {
                return Ok(nothing());
            }
            // An empty round says nothing, so the first round may be taken for one that is not.
            let min = min.saturating_sub(1);
            let others = repeat((**sub).clone(), min, max.map(|max| max - 1));
            concat(vec![head(sub, first)?, others])
        }
        HirKind::Concat(parts) => {
            let mut found = Vec::new();
            let mut total = 0;
            for (index, part) in parts.iter().enumerate() {
                let begin = head(part, first)?;
                if !is_nothing(&begin) {
                    let others = &parts[index + 1..];
                    // Tails are copied once for each part that may be empty: looked at beforehand.
                    total += others
                        .iter()
                        .map(size)
                        .fold(size(&begin), usize::saturating_add);
                    if total > MAX_SIZE {
                        return Err(Obstacle::Size);
                    }
                    let mut from_here = vec![begin];
                    from_here.extend(others.iter().cloned());
                    found.push(concat(from_here));
                }
                if !nullable(part) {
                    break;
                }
            }
            either(found)
        }
        HirKind::Alternation(parts) => {
            let found: Result<Vec<_>, _> = parts.iter().map(|part| head(part, first)).collect();
            either(found?)
        }
    })
}

/// What may follow `prefix` in texts of the language (its left quotient, by Brzozowski).
///
/// # Errors
/// [`Obstacle::Size`].
pub(super) fn behind(hir: &Hir, prefix: &str) -> Result<Hir, Obstacle> {
    prefix
        .chars()
        .try_fold(hir.clone(), |left, c| behind_one(&left, c))
}

fn behind_one(hir: &Hir, c: char) -> Result<Hir, Obstacle> {
    let first = |class: &ClassUnicode| {
        if contains(class, c) {
            Hir::empty()
        } else {
            nothing()
        }
    };
    within_size(head(hir, &first)?)
}

/// The texts of the language that do not begin with `avoided`, the empty one included.
///
/// # Errors
/// [`Obstacle::Size`].
pub(super) fn not_beginning(hir: &Hir, avoided: char) -> Result<Hir, Obstacle> {
    let longer = head(hir, &|members| class(except(members, avoided)))?;
    let empty = nullable(hir).then(Hir::empty);
    within_size(either(empty.into_iter().chain([longer])))
}

/// Whether every text of the language begins with `prefix`; may say no where a yes is hard to see.
pub(super) fn always_begins(hir: &Hir, prefix: &str) -> bool {
    let mut left = hir.clone();
    for c in prefix.chars() {
        let others = head(&left, &|members| class(except(members, c)));
        if nullable(&left) || !others.is_ok_and(|others| is_nothing(&others)) {
            return false;
        }
        match behind_one(&left, c) {
            Ok(next) => left = next,
            Err(_) => return false,
        }
    }
    true
}

/// The texts of the language without `avoided` in them.
pub(super) fn without(hir: &Hir, avoided: char) -> Hir {
    match hir.kind() {
        HirKind::Class(Class::Unicode(members)) => class(except(members, avoided)),
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).unwrap_or_default();
            if text.contains(avoided) {
                nothing()
            } else {
                hir.clone()
            }
        }
        HirKind::Repetition(repetition) => repeat(
            without(&repetition.sub, avoided),
            repetition.min,
            repetition.max,
        ),
        HirKind::Capture(capture) => without(&capture.sub, avoided),
        HirKind::Concat(parts) => concat(parts.iter().map(|part| without(part, avoided)).collect()),
        HirKind::Alternation(parts) => either(parts.iter().map(|part| without(part, avoided))),
        HirKind::Empty | HirKind::Look(_) | HirKind::Class(Class::Bytes(_)) => hir.clone(),
    }
}

fn single(c: char) -> ClassUnicode {
    ClassUnicode::new([ClassUnicodeRange::new(c, c)])
}

fn contains(class: &ClassUnicode, c: char) -> bool {
    class
        .ranges()
        .iter()
        .any(|range| range.start() <= c && c <= range.end())
}

fn ascii(class: &ClassUnicode) -> ClassUnicode {
    let mut class = class.clone();
    class.intersect(&ClassUnicode::new([ClassUnicodeRange::new('\0', '\x7f')]));
    class
}

fn except(class: &ClassUnicode, c: char) -> ClassUnicode {
    let mut class = class.clone();
    class.difference(&single(c));
    class
}

/// Refuses what is too large.
///
/// # Errors
/// [`Obstacle::Size`].
pub(super) fn within_size(hir: Hir) -> Result<Hir, Obstacle> {
    if size(&hir) > MAX_SIZE {
        Err(Obstacle::Size)
    } else {
        Ok(hir)
    }
}

fn size(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len(),
        HirKind::Class(Class::Unicode(class)) => class.ranges().len(),
        HirKind::Class(Class::Bytes(class)) => class.ranges().len(),
        HirKind::Repetition(repetition) => {
            let rounds = repetition.max.unwrap_or(repetition.min).max(1);
            size(&repetition.sub).saturating_mul(rounds as usize)
        }
        HirKind::Capture(capture) => size(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().map(size).fold(1, usize::saturating_add)
        }
    }
}

#[cfg(test)]
mod tests;
