//! How many instructions RE2 makes of the parts of an expression, estimated from above.

use super::Refusal;
use super::repeat::Repeat;

/// Instructions that every program has.
pub(super) const FIXED: u32 = 4;

/// Most times that something may be repeated, nested repetitions multiplied.
const MAX_REPEAT: u32 = 1000;

/// Instructions for the part of a negated class or `.` beyond ASCII.
const BEYOND_ASCII: u32 = 8;

/// Instructions for one range of characters beyond ASCII, at most.
const WIDE_RANGE: u32 = 12;

/// Instructions for `*`, `+` or `?`, at most; they take most where what is repeated can be empty.
const LOOP: u32 = 4;

/// The size of a part of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    /// Instructions.
    pub(super) instructions: u32,
    /// Product of the counts of the repetitions inside each other.
    repeats: u32,
}

impl Size {
    pub(super) const EMPTY: Self = Self::of(0);

    pub(super) const fn of(instructions: u32) -> Self {
        Self {
            instructions,
            repeats: 1,
        }
    }

    /// One character, as many bytes as UTF-8 takes.
    pub(super) fn literal(character: char, fold_case: bool) -> Self {
        let bytes = u32::try_from(character.len_utf8()).unwrap_or(u32::MAX);
        // Beyond ASCII up to three more characters are the same letter in another case; two ASCII
        // letters, k and s, have a relative there.
        let folded = !character.is_ascii() || matches!(character, 'k' | 'K' | 's' | 'S');
        Self::of(if fold_case && folded {
            bytes.saturating_add(WIDE_RANGE)
        } else {
            bytes
        })
    }

    pub(super) const fn any_character() -> Self {
        Self::of(BEYOND_ASCII)
    }

    pub(super) const fn assertion() -> Self {
        Self::of(1)
    }

    /// A class of `ascii` ranges inside ASCII and `wide` ranges that reach beyond.
    pub(super) fn class(ascii: u32, wide: u32, negated: bool, fold_case: bool) -> Self {
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
        Self::of(ascii.saturating_add(wide).saturating_add(rest).max(1))
    }

    /// A group that remembers what it matched.
    pub(super) fn captured(self) -> Self {
        self.plus(2)
    }

    pub(super) fn then(self, next: Self) -> Self {
        Self {
            instructions: self.instructions.saturating_add(next.instructions),
            repeats: self.repeats.max(next.repeats),
        }
    }

    pub(super) fn or(self, other: Self) -> Self {
        self.then(other).plus(1)
    }

    /// RE2 writes a counted repetition out, one copy a count.
    pub(super) fn repeat(self, repeat: Repeat, text: &str) -> Result<Self, Refusal> {
        let Repeat::Count { least, most } = repeat else {
            return Ok(self.plus(LOOP));
        };
        let too_many = || Refusal::RepeatSize(text.to_owned());
        if least > MAX_REPEAT || most.is_some_and(|most| most > MAX_REPEAT || most < least) {
            return Err(too_many());
        }
        let count = most.unwrap_or(least);
        let repeats = self.repeats.saturating_mul(count.max(1));
        if count >= 2 && repeats > MAX_REPEAT {
            return Err(too_many());
        }
        let needed = self.instructions.saturating_mul(least);
        let optional = match most {
            Some(most) => self
                .instructions
                .saturating_add(1)
                .saturating_mul(most - least),
            None => self.instructions.saturating_add(1),
        };
        Ok(Self {
            instructions: needed.saturating_add(optional),
            repeats,
        })
    }

    fn plus(self, instructions: u32) -> Self {
        Self {
            instructions: self.instructions.saturating_add(instructions),
            ..self
        }
    }
}
