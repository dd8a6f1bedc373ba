//! Groups, names of groups and flags.

use super::size::Size;
use super::{MAX_DEPTH, Parser, Refusal};

impl Parser<'_> {
    /// What follows a `(`. `None` for flags that hold for the rest of the group around.
    pub(super) fn group(&mut self) -> Result<Option<Size>, Refusal> {
        let start = self.at;
        for look in ["?=", "?!", "?<=", "?<!"] {
            if self.eat(look) {
                return Err(Refusal::LookAround(format!("({look}")));
            }
        }
        if self.eat("?P=") {
            return Err(Refusal::Backreference("(?P=".to_owned()));
        }
        if self.eat("?P<") || self.eat("?<") {
            self.group_name()?;
            return self
                .inside(self.fold_case)
                .map(|size| Some(size.captured()));
        }
        if !self.eat("?") {
            return self
                .inside(self.fold_case)
                .map(|size| Some(size.captured()));
        }
        let (fold_case, closed) = self.flags(start)?;
        if closed {
            self.fold_case = fold_case;
            return Ok(None);
        }
        self.inside(fold_case).map(Some)
    }

    /// The expression inside a group and its `)`. Flags set inside end there.
    fn inside(&mut self, fold_case: bool) -> Result<Size, Refusal> {
        if self.depth == MAX_DEPTH {
            return Err(Refusal::Depth);
        }
        let outside = std::mem::replace(&mut self.fold_case, fold_case);
        self.depth += 1;
        let size = self.alternation()?;
        self.depth -= 1;
        self.fold_case = outside;
        if self.eat(")") {
            Ok(size)
        } else {
            Err(Refusal::Parenthesis)
        }
    }

    fn group_name(&mut self) -> Result<(), Refusal> {
        let Some((name, _)) = self.rest().split_once('>') else {
            return Err(Refusal::GroupName(self.rest().to_owned()));
        };
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(word) {
            return Err(Refusal::GroupName(name.to_owned()));
        }
        self.at += name.len() + 1;
        Ok(())
    }

    /// Flags up to `:` or `)`: whether cases are folded from here on, and whether it was the `)`.
    fn flags(&mut self, start: usize) -> Result<(bool, bool), Refusal> {
        let mut fold_case = self.fold_case;
        let mut negated = false;
        let mut flag_after_minus = false;
        loop {
            match self.next() {
                Some('i') => {
                    fold_case = !negated;
                    flag_after_minus = true;
                }
                Some('m' | 's' | 'U') => flag_after_minus = true,
                Some('-') if !negated => {
                    negated = true;
                    flag_after_minus = false;
                }
                Some(end @ (':' | ')')) if !negated || flag_after_minus => {
                    return Ok((fold_case, end == ')'));
                }
                _ => return Err(Refusal::Group(format!("({}", self.since(start)))),
            }
        }
    }
}
