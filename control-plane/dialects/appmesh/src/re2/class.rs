//! Classes of characters: `[…]`, `\d`, `\p{…}`.

use super::size::Size;
use super::unicode;
use super::{Parser, Refusal};

/// Names inside `[:…:]`, each with the number of its ranges.
const POSIX: [(&str, u32); 14] = [
    ("alnum", 3),
    ("alpha", 2),
    ("ascii", 1),
    ("blank", 2),
    ("cntrl", 2),
    ("digit", 1),
    ("graph", 1),
    ("lower", 1),
    ("print", 1),
    ("punct", 4),
    ("space", 2),
    ("upper", 1),
    ("word", 4),
    ("xdigit", 3),
];

impl Parser<'_> {
    /// What follows a `[`, with its `]`.
    pub(super) fn class(&mut self) -> Result<Size, Refusal> {
        let negated = self.eat("^");
        let mut ascii = 0_u32;
        let mut wide = 0_u32;
        let mut named = Size::EMPTY;
        let mut first = true;
        loop {
            match self.peek() {
                None => return Err(Refusal::Bracket),
                Some(']') if !first => break,
                Some(_) => first = false,
            }
            if let Some(size) = self.posix_class()? {
                named = named.then(size);
                continue;
            }
            if self.rest().starts_with('\\') {
                self.at += 1;
                if let Some(size) = self.named_class()? {
                    named = named.then(size);
                    continue;
                }
                self.at -= 1;
            }
            if self.range()? {
                wide += 1;
            } else {
                ascii += 1;
            }
        }
        self.at += 1;
        Ok(Size::class(ascii, wide, negated, self.fold_case).then(named))
    }

    /// One character, or two with `-` between: whether it reaches beyond ASCII.
    fn range(&mut self) -> Result<bool, Refusal> {
        let start = self.at;
        let low = self.class_character()?;
        // A `-` before the end of the class, or of the pattern, stands for itself.
        let is_range = self
            .rest()
            .strip_prefix('-')
            .is_some_and(|rest| !rest.is_empty() && !rest.starts_with(']'));
        if !is_range {
            return Ok(!low.is_ascii());
        }
        self.at += 1;
        let high = self.class_character()?;
        if high < low {
            return Err(Refusal::Class(self.since(start)));
        }
        Ok(!high.is_ascii())
    }

    fn class_character(&mut self) -> Result<char, Refusal> {
        match self.next() {
            None => Err(Refusal::Bracket),
            Some('\\') => self.escaped_character(),
            Some(character) => Ok(character),
        }
    }

    /// `[:name:]` or `[:^name:]`.
    fn posix_class(&mut self) -> Result<Option<Size>, Refusal> {
        let Some((name, _)) = self
            .rest()
            .strip_prefix("[:")
            .and_then(|rest| rest.split_once(":]"))
        else {
            return Ok(None);
        };
        let (bare, negated) = match name.strip_prefix('^') {
            Some(bare) => (bare, true),
            None => (name, false),
        };
        match POSIX.iter().find(|(known, _)| *known == bare) {
            Some((_, ranges)) => {
                self.at += name.len() + 4;
                Ok(Some(Size::class(*ranges, 0, negated, self.fold_case)))
            }
            None => Err(Refusal::Class(format!("[:{name}:]"))),
        }
    }

    /// What follows a `\` if it names a class: `d`, `s`, `w`, `p` and their opposites.
    pub(super) fn named_class(&mut self) -> Result<Option<Size>, Refusal> {
        let (ranges, negated) = match self.peek() {
            Some('d') => (1, false),
            Some('D') => (1, true),
            Some('s') => (3, false),
            Some('S') => (3, true),
            Some('w') => (4, false),
            Some('W') => (4, true),
            Some('p' | 'P') => return self.unicode_class().map(Some),
            _ => return Ok(None),
        };
        self.at += 1;
        Ok(Some(Size::class(ranges, 0, negated, self.fold_case)))
    }

    /// `pN`, `p{Name}` or `p{^Name}`.
    fn unicode_class(&mut self) -> Result<Size, Refusal> {
        let start = self.at;
        self.at += 1;
        let unknown = |parser: &Self| Refusal::Class(format!("\\{}", parser.since(start)));
        let name = if self.eat("{") {
            let Some((name, _)) = self.rest().split_once('}') else {
                return Err(unknown(self));
            };
            self.at += name.len() + 1;
            name.strip_prefix('^').unwrap_or(name)
        } else {
            let from = self.at;
            self.next();
            &self.pattern[from..self.at]
        };
        unicode::instructions(name)
            .map(Size::of)
            .ok_or_else(|| unknown(self))
    }
}
