//! Escapes.

use super::size::Size;
use super::{Parser, Refusal};

impl Parser<'_> {
    /// What follows a `\` outside a class.
    pub(super) fn escape(&mut self) -> Result<Vec<Size>, Refusal> {
        if self.eat("Q") {
            return Ok(self.quotation());
        }
        if ["A", "z", "b", "B"].into_iter().any(|name| self.eat(name)) {
            return Ok(vec![Size::assertion()]);
        }
        if self.eat("C") {
            return Ok(vec![Size::of(1)]);
        }
        if let Some(size) = self.named_class()? {
            return Ok(vec![size]);
        }
        let character = self.escaped_character()?;
        Ok(vec![Size::literal(character, self.fold_case)])
    }

    /// `\Q…\E`, or to the end: plain text.
    fn quotation(&mut self) -> Vec<Size> {
        let (text, end) = match self.rest().split_once("\\E") {
            Some((text, _)) => (text, text.len() + 2),
            None => (self.rest(), self.rest().len()),
        };
        self.at += end;
        text.chars()
            .map(|literal| Size::literal(literal, self.fold_case))
            .collect()
    }

    /// The character that the rest of an escape stands for, inside a class or outside.
    pub(super) fn escaped_character(&mut self) -> Result<char, Refusal> {
        let start = self.at;
        let unknown = |parser: &Self| Refusal::Escape(format!("\\{}", parser.since(start)));
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
        // RE2 takes surrogates; no UTF-8 text holds one, so any stand-in of that size will do.
        match char::from_u32(code) {
            Some(character) => Ok(character),
            None if (0xd800..0xe000).contains(&code) => Ok('\u{fffd}'),
            None => Err(unknown(self)),
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
        // Too many digits are beyond every character, unless they are zeros.
        let significant = digits.trim_start_matches('0');
        if significant.is_empty() {
            Some(0)
        } else {
            u32::from_str_radix(significant, 16).ok()
        }
    }
}
