//! Classes of characters: `[…]`, `\d`, `\p{…}`.

use super::node::{Class, Member};
use super::reader::Reader;
use super::refusal::Refusal;
use super::unicode;

type Ranges = &'static [(char, char)];

const DIGIT: Ranges = &[('0', '9')];
/// `\s`, which is not `[:space:]`: it lacks the vertical tab.
const PERL_SPACE: Ranges = &[('\t', '\n'), ('\x0c', '\r'), (' ', ' ')];
const WORD: Ranges = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];

/// Names inside `[:…:]`.
const POSIX: [(&str, Ranges); 14] = [
    ("alnum", &[('0', '9'), ('A', 'Z'), ('a', 'z')]),
    ("alpha", &[('A', 'Z'), ('a', 'z')]),
    ("ascii", &[('\0', '\x7f')]),
    ("blank", &[('\t', '\t'), (' ', ' ')]),
    ("cntrl", &[('\0', '\x1f'), ('\x7f', '\x7f')]),
    ("digit", DIGIT),
    ("graph", &[('!', '~')]),
    ("lower", &[('a', 'z')]),
    ("print", &[(' ', '~')]),
    ("punct", &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')]),
    ("space", &[('\t', '\r'), (' ', ' ')]),
    ("upper", &[('A', 'Z')]),
    ("word", WORD),
    ("xdigit", &[('0', '9'), ('A', 'F'), ('a', 'f')]),
];

impl Reader<'_> {
    /// What follows a `[`, with its `]`.
    pub(super) fn class(&mut self) -> Result<Class, Refusal> {
        let negated = self.eat("^");
        let mut members = Vec::new();
        loop {
            match self.peek() {
                None => return Err(Refusal::Bracket),
                // In the first place it means itself.
                Some(']') if !members.is_empty() => break,
                Some(_) => members.push(self.member()?),
            }
        }
        self.at += 1;
        Ok(Class {
            negated,
            fold_case: self.flags.fold_case,
            members,
        })
    }

    fn member(&mut self) -> Result<Member, Refusal> {
        if let Some(member) = self.posix_class()? {
            return Ok(member);
        }
        if self.eat("\\") {
            if let Some(member) = self.named_class()? {
                return Ok(member);
            }
            self.at -= 1;
        }
        self.range()
    }

    /// One character, or two with `-` between.
    fn range(&mut self) -> Result<Member, Refusal> {
        let start = self.at;
        let first = self.class_character()?;
        // A `-` before the end of the class, or of the expression, stands for itself.
        let is_range = self
            .rest()
            .strip_prefix('-')
            .is_some_and(|rest| !rest.is_empty() && !rest.starts_with(']'));
        if !is_range {
            return Ok(Member::Range(first.character, first.character));
        }
        self.at += 1;
        let last = self.class_character()?;
        if last.character < first.character {
            return Err(Refusal::Range(self.since(start)));
        }
        // In Latin-1 the `-` stands between single bytes.
        if last.first_byte < first.last_byte {
            return Err(Refusal::Latin1Range(self.since(start)));
        }
        Ok(Member::Range(first.character, last.character))
    }

    fn class_character(&mut self) -> Result<ClassCharacter, Refusal> {
        match self.next() {
            None => Err(Refusal::Bracket),
            Some('\\') => self.escaped_character().map(ClassCharacter::escaped),
            Some(character) => Ok(ClassCharacter::plain(character)),
        }
    }

    /// `[:name:]` or `[:^name:]`. Without a `:]` the `[` is itself.
    fn posix_class(&mut self) -> Result<Option<Member>, Refusal> {
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
        let Some((_, ranges)) = POSIX.iter().find(|(known, _)| *known == bare) else {
            return Err(Refusal::Class(format!("[:{name}:]")));
        };
        self.at += name.len() + 4;
        Ok(Some(Member::Ascii { ranges, negated }))
    }

    /// What follows a `\` if it names a class: `d`, `s`, `w`, `p` and their opposites.
    pub(super) fn named_class(&mut self) -> Result<Option<Member>, Refusal> {
        let (ranges, negated) = match self.peek() {
            Some('d') => (DIGIT, false),
            Some('D') => (DIGIT, true),
            Some('s') => (PERL_SPACE, false),
            Some('S') => (PERL_SPACE, true),
            Some('w') => (WORD, false),
            Some('W') => (WORD, true),
            Some('p') => return self.unicode_class(false).map(Some),
            Some('P') => return self.unicode_class(true).map(Some),
            _ => return Ok(None),
        };
        self.at += 1;
        Ok(Some(Member::Ascii { ranges, negated }))
    }

    /// `pN`, `p{Name}` or `p{^Name}`, or the same with `P`.
    fn unicode_class(&mut self, negated: bool) -> Result<Member, Refusal> {
        let start = self.at;
        self.at += 1;
        let unknown = |reader: &Self| Refusal::Class(format!("\\{}", reader.since(start)));
        let name = if self.eat("{") {
            let Some((name, _)) = self.rest().split_once('}') else {
                return Err(unknown(self));
            };
            self.at += name.len() + 1;
            name
        } else {
            let from = self.at;
            self.next();
            &self.expression[from..self.at]
        };
        let bare = name.strip_prefix('^');
        let negated = negated != bare.is_some();
        match unicode::known(bare.unwrap_or(name)) {
            Some(name) => Ok(Member::Unicode { name, negated }),
            None => Err(unknown(self)),
        }
    }
}

/// A character of a class, and what stands at its ends if it is read as Latin-1.
struct ClassCharacter {
    character: char,
    first_byte: u8,
    last_byte: u8,
}

impl ClassCharacter {
    /// Written as it is: in Latin-1 each byte of UTF-8 is a character.
    fn plain(character: char) -> Self {
        let mut buffer = [0; 4];
        let length = character.encode_utf8(&mut buffer).len();
        Self {
            character,
            first_byte: buffer[0],
            last_byte: buffer[length - 1],
        }
    }

    /// Written as an escape: the same character either way, none is beyond Latin-1.
    fn escaped(character: char) -> Self {
        let byte = u8::try_from(character).unwrap_or(u8::MAX);
        Self {
            character,
            first_byte: byte,
            last_byte: byte,
        }
    }
}
