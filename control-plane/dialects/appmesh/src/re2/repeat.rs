//! `*`, `+`, `?` and counts.

use super::{Parser, Refusal};

/// How often something may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// `*`, `+` or `?`.
    Mark,
    /// `{least}`, `{least,}` or `{least,most}`.
    Count {
        least: u32,
        /// `None`: without end.
        most: Option<u32>,
    },
}

impl Parser<'_> {
    /// A repetition, with the `?` that makes it lazy. What only looks like a count is plain text.
    pub(super) fn repeat(&mut self) -> Result<Option<Repeat>, Refusal> {
        let repeat = match self.peek() {
            Some('*' | '+' | '?') => {
                self.at += 1;
                Repeat::Mark
            }
            Some('{') => match self.count() {
                Some(count) => count,
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        self.eat("?");
        Ok(Some(repeat))
    }

    fn count(&mut self) -> Option<Repeat> {
        let (inside, _) = self.rest().strip_prefix('{')?.split_once('}')?;
        let (least, most) = match inside.split_once(',') {
            None => (number(inside)?, Some(number(inside)?)),
            Some((least, "")) => (number(least)?, None),
            Some((least, most)) => (number(least)?, Some(number(most)?)),
        };
        self.at += inside.len() + 2;
        Some(Repeat::Count { least, most })
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
