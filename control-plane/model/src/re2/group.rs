//! Groups, names of groups and flags.

use super::node::Node;
use super::reader::{Flags, MAX_DEPTH, Reader};
use super::refusal::Refusal;

impl Reader<'_> {
    /// What follows a `(`. `None` for flags that hold for the rest of the group around.
    pub(super) fn group(&mut self) -> Result<Option<Node>, Refusal> {
        let start = self.at;
        for look in ["?=", "?!", "?<=", "?<!"] {
            if self.eat(look) {
                return Err(Refusal::LookAround(format!("({look}")));
            }
        }
        if self.eat("?P=") {
            return Err(Refusal::Backreference("(?P=".to_owned()));
        }
        let captured = if self.eat("?P<") || self.eat("?<") {
            self.group_name()?;
            true
        } else {
            !self.eat("?")
        };
        if captured {
            let part = self.inside(self.flags)?;
            return Ok(Some(Node::Captured(Box::new(part))));
        }
        let (flags, closed) = self.read_flags(start)?;
        if closed {
            self.flags = flags;
            return Ok(None);
        }
        self.inside(flags).map(Some)
    }

    /// The expression inside a group and its `)`. Flags set inside end there.
    fn inside(&mut self, flags: Flags) -> Result<Node, Refusal> {
        if self.depth == MAX_DEPTH {
            return Err(Refusal::Depth);
        }
        let outside = std::mem::replace(&mut self.flags, flags);
        self.depth += 1;
        let node = self.alternation()?;
        self.depth -= 1;
        self.flags = outside;
        if self.eat(")") {
            Ok(node)
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

    /// Flags up to `:` or `)`: what they make of those around, and whether it was the `)`.
    fn read_flags(&mut self, start: usize) -> Result<(Flags, bool), Refusal> {
        let mut flags = self.flags;
        let mut negated = false;
        let mut flag_after_minus = false;
        loop {
            match self.next() {
                Some(flag @ ('i' | 'm' | 's' | 'U')) => {
                    flag_after_minus = true;
                    match flag {
                        'i' => flags.fold_case = !negated,
                        'm' => flags.lines = !negated,
                        's' => flags.line_feed = !negated,
                        _ => {}
                    }
                }
                Some('-') if !negated => {
                    negated = true;
                    flag_after_minus = false;
                }
                Some(end @ (':' | ')')) if !negated || flag_after_minus => {
                    return Ok((flags, end == ')'));
                }
                _ => return Err(Refusal::Group(format!("({}", self.since(start)))),
            }
        }
    }
}
