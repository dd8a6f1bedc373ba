//! The walk through an expression.

use super::node::{Assertion, Node};
use super::refusal::Refusal;

/// How deep groups may lie inside each other. RE2 allows 1000; no expression that people write comes
/// near either.
pub(super) const MAX_DEPTH: u32 = 200;

/// Reads a whole expression.
pub(super) fn read(expression: &str) -> Result<Node, Refusal> {
    let mut reader = Reader {
        expression,
        at: 0,
        depth: 0,
        flags: Flags::default(),
    };
    let node = reader.alternation()?;
    if !reader.rest().is_empty() {
        return Err(Refusal::Parenthesis);
    }
    Ok(node)
}

/// What holds from where it is set to the end of the group. `U` is read and means nothing here.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flags {
    /// `i`
    pub(super) fold_case: bool,
    /// `m`
    pub(super) lines: bool,
    /// `s`
    pub(super) line_feed: bool,
}

/// A place in an expression.
pub(super) struct Reader<'a> {
    pub(super) expression: &'a str,
    /// Byte offset of what is read next.
    pub(super) at: usize,
    pub(super) depth: u32,
    pub(super) flags: Flags,
}

impl<'a> Reader<'a> {
    pub(super) fn rest(&self) -> &'a str {
        &self.expression[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Steps over `text` if it stands here.
    pub(super) fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    /// What was read since `start`.
    pub(super) fn since(&self, start: usize) -> String {
        self.expression[start..self.at].to_owned()
    }

    /// Branches with `|` between, up to the end or the `)` of the group around.
    pub(super) fn alternation(&mut self) -> Result<Node, Refusal> {
        let first = self.concatenation()?;
        if self.peek() != Some('|') {
            return Ok(first);
        }
        let mut branches = vec![first];
        while self.eat("|") {
            branches.push(self.concatenation()?);
        }
        Ok(Node::Alternation(branches))
    }

    /// One branch: what stands in a row.
    fn concatenation(&mut self) -> Result<Node, Refusal> {
        let mut parts: Vec<Node> = Vec::new();
        // Whether a repetition was applied to the last part right before.
        let mut repeated = false;
        while let Some(next) = self.peek() {
            let start = self.at;
            if matches!(next, '|' | ')') {
                break;
            }
            let Some(bounds) = self.bounds() else {
                repeated = false;
                self.atoms(&mut parts)?;
                continue;
            };
            let operator = self.since(start);
            if repeated {
                return Err(Refusal::DoubleRepeat(operator));
            }
            let Some(part) = parts.pop() else {
                return Err(Refusal::NothingToRepeat(operator));
            };
            parts.push(part.repeated(bounds, operator)?);
            repeated = true;
        }
        Ok(match parts.pop() {
            None => Node::Empty,
            Some(only) if parts.is_empty() => only,
            Some(last) => {
                parts.push(last);
                Node::Concatenation(parts)
            }
        })
    }

    /// What stands here: mostly one part that can be repeated; none for flags and for an empty
    /// quotation, several for a longer one.
    fn atoms(&mut self, parts: &mut Vec<Node>) -> Result<(), Refusal> {
        let Some(next) = self.next() else {
            return Ok(());
        };
        let lines = self.flags.lines;
        let part = match next {
            '(' => {
                parts.extend(self.group()?);
                return Ok(());
            }
            '\\' => return self.escape(parts),
            '[' => Node::Class(self.class()?),
            '.' => Node::AnyCharacter {
                line_feed: self.flags.line_feed,
            },
            '^' if lines => Node::Assertion(Assertion::LineStart),
            '$' if lines => Node::Assertion(Assertion::LineEnd),
            '^' => Node::Assertion(Assertion::TextStart),
            '$' => Node::Assertion(Assertion::TextEnd),
            character => self.literal(character),
        };
        parts.push(part);
        Ok(())
    }

    /// A character that means itself.
    pub(super) fn literal(&self, character: char) -> Node {
        Node::Literal {
            character,
            fold_case: self.flags.fold_case,
        }
    }
}
