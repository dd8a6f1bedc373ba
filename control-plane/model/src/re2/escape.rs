//! Escapes.

use super::node::{Assertion, Class, Node};
use super::reader::Reader;
use super::refusal::Refusal;

impl Reader<'_> {
    /// What follows a `\` outside a class.
    pub(super) fn escape(&mut self, parts: &mut Vec<Node>) -> Result<(), Refusal> {
        let simple = match self.peek() {
            Some('Q') => {
                self.at += 1;
                parts.extend(self.quotation());
                return Ok(());
            }
            Some('A') => Some(Node::Assertion(Assertion::TextStart)),
            Some('z') => Some(Node::Assertion(Assertion::TextEnd)),
            Some('b') => Some(Node::Assertion(Assertion::WordBoundary)),
            Some('B') => Some(Node::Assertion(Assertion::NoWordBoundary)),
            Some('C') => Some(Node::AnyByte),
            _ => None,
        };
        let part = if let Some(part) = simple {
            self.at += 1;
            part
        } else if let Some(member) = self.named_class()? {
            Node::Class(Class {
                negated: false,
                fold_case: self.flags.fold_case,
                members: vec![member],
            })
        } else {
            let character = self.escaped_character()?;
            self.literal(character)
        };
        parts.push(part);
        Ok(())
    }

    /// `\Q…\E`, or to the end: plain text.
    fn quotation(&mut self) -> Vec<Node> {
        let (text, end) = match self.rest().split_once("\\E") {
            Some((text, _)) => (text, text.len() + 2),
            None => (self.rest(), self.rest().len()),
        };
        self.at += end;
        text.chars().map(|c| self.literal(c)).collect()
    }

    /// The character that the rest of an escape stands for, inside a class or outside.
    pub(super) fn escaped_character(&mut self) -> Result<char, Refusal> {
        let start = self.at;
        let unknown = |reader: &Self| Refusal::Escape(format!("\\{}", reader.since(start)));
        let Some(first) = self.next() else {
            return Err(Refusal::TrailingBackslash);
        };
        let code = match first {
            // A digit other than 0 begins an octal number only if another octal digit follows.
            '0' => self.octal(first),
            '1'..='7' if self.peek().is_some_and(|next| next.is_digit(8)) => self.octal(first),
            '1'..='9' => return Err(Refusal::Backreference(format!("\\{first}"))),
            'x' => self.hexadecimal().ok_or_else(|| unknown(self))?,
            'a' => 0x07,
            'f' => 0x0c,
            'n' => 0x0a,
            'r' => 0x0d,
            't' => 0x09,
            'v' => 0x0b,
            other if other.is_ascii() && !other.is_ascii_alphanumeric() => u32::from(other),
            _ => return Err(unknown(self)),
        };
        match u8::try_from(code) {
            Ok(byte) => Ok(char::from(byte)),
            Err(_) => Err(Refusal::BeyondLatin1(format!("\\{}", self.since(start)))),
        }
    }

    /// Up to two more octal digits.
    fn octal(&mut self, first: char) -> u32 {
        let mut code = first.to_digit(8).unwrap_or(0);
        for _ in 0..2 {
            match self.peek().and_then(|digit| digit.to_digit(8)) {
                Some(digit) => {
                    self.at += 1;
                    code = code * 8 + digit;
                }
                None => break,
            }
        }
        code
    }

    /// Two digits, or any number of them in braces.
    fn hexadecimal(&mut self) -> Option<u32> {
        let digits = if self.eat("{") {
            let (digits, _) = self.rest().split_once('}')?;
            self.at += digits.len() + 1;
            digits
        } else {
            let digits = self.rest().get(..2)?;
            self.at += 2;
            digits
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        // More digits than fit are a number beyond every character.
        let significant = digits.trim_start_matches('0');
        if significant.is_empty() {
            return Some(0);
        }
        Some(u32::from_str_radix(significant, 16).unwrap_or(u32::MAX))
    }
}
