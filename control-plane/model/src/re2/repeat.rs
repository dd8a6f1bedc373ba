//! `*`, `+`, `?` and counts.

use super::node::Node;
use super::reader::Reader;
use super::refusal::Refusal;

/// Most times that something may be repeated, nested repetitions multiplied.
const MAX_REPEAT: u32 = 1000;

/// How often something may stand at least and at most; without a most, without end.
type Bounds = (u32, Option<u32>);

impl Reader<'_> {
    /// A repetition, with the `?` that makes it lazy. What only looks like a count is plain text.
    pub(super) fn bounds(&mut self) -> Option<Bounds> {
        let bounds = match self.peek()? {
            '*' => self.mark((0, None)),
            '+' => self.mark((1, None)),
            '?' => self.mark((0, Some(1))),
            '{' => self.count()?,
            _ => return None,
        };
        self.eat("?");
        Some(bounds)
    }

    /// Steps over an operator of one character.
    fn mark(&mut self, bounds: Bounds) -> Bounds {
        self.at += 1;
        bounds
    }

    fn count(&mut self) -> Option<Bounds> {
        let (inside, _) = self.rest().strip_prefix('{')?.split_once('}')?;
        let bounds = match inside.split_once(',') {
            None => (number(inside)?, Some(number(inside)?)),
            Some((least, "")) => (number(least)?, None),
            Some((least, most)) => (number(least)?, Some(number(most)?)),
        };
        self.at += inside.len() + 2;
        Some(bounds)
    }
}

/// Digits without a leading zero, as many as RE2 reads.
fn number(text: &str) -> Option<u32> {
    let plain = !text.is_empty()
        && text.len() <= 9
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

impl Node {
    /// The part repeated by this operator.
    pub(super) fn repeated(self, (least, most): Bounds, operator: String) -> Result<Self, Refusal> {
        if least > MAX_REPEAT || most.is_some_and(|most| most > MAX_REPEAT || most < least) {
            return Err(Refusal::RepeatSize(operator));
        }
        let count = most.unwrap_or(least);
        if count >= 2 && self.repeats().saturating_mul(count) > MAX_REPEAT {
            return Err(Refusal::RepeatSize(operator));
        }
        Ok(Self::Repeat {
            part: Box::new(self),
            least,
            most,
        })
    }

    /// The largest product of the counts of repetitions inside each other.
    fn repeats(&self) -> u32 {
        match self {
            Self::Repeat { part, least, most } => {
                part.repeats().saturating_mul(most.unwrap_or(*least).max(1))
            }
            Self::Captured(part) => part.repeats(),
            Self::Concatenation(parts) | Self::Alternation(parts) => {
                parts.iter().map(Self::repeats).max().unwrap_or(1)
            }
            Self::Empty
            | Self::Literal { .. }
            | Self::AnyCharacter { .. }
            | Self::AnyByte
            | Self::Class(_)
            | Self::Assertion(_) => 1,
        }
    }
}
