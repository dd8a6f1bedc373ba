//! What an expression says, flags applied.

/// An expression or a part of one.
///
/// How greedy a repetition is and how a group is called is left out: it decides nothing where the whole
/// text has to fit, as it does everywhere in Envoy's matchers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// The empty text.
    Empty,
    /// One character.
    Literal {
        /// The character.
        character: char,
        /// Upper and lower case are the same.
        fold_case: bool,
    },
    /// `.`
    AnyCharacter {
        /// Line feeds too.
        line_feed: bool,
    },
    /// `\C`: a byte, in UTF-8 perhaps a part of a character.
    AnyByte,
    /// One of several characters.
    Class(Class),
    /// Something about a place between characters.
    Assertion(Assertion),
    /// A part several times over.
    Repeat {
        /// The part.
        part: Box<Node>,
        /// How often at least; at most 1000.
        least: u32,
        /// How often at most; at least `least` and at most 1000. `None`: without end.
        most: Option<u32>,
    },
    /// A group that remembers what it matched.
    Captured(Box<Node>),
    /// One after the other.
    Concatenation(Vec<Node>),
    /// One or the other.
    Alternation(Vec<Node>),
}

/// A place between characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assertion {
    /// `\A`, and `^` unless it is about lines.
    TextStart,
    /// `\z`, and `$` unless it is about lines.
    TextEnd,
    /// `(?m:^)`
    LineStart,
    /// `(?m:$)`
    LineEnd,
    /// `\b`: of a word in ASCII.
    WordBoundary,
    /// `\B`
    NoWordBoundary,
}

/// One of several characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// Any but these.
    pub negated: bool,
    /// Upper and lower case are the same, in each member before it is negated and in the whole.
    pub fold_case: bool,
    /// The characters.
    pub members: Vec<Member>,
}

/// Some of a class's characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// From the first to the last.
    Range(char, char),
    /// A class of ASCII with a name, such as `\d` or `[:alpha:]`.
    Ascii {
        /// Its ranges, each with its first and its last character.
        ranges: &'static [(char, char)],
        /// Any character, also beyond ASCII, but these.
        negated: bool,
    },
    /// A class of Unicode.
    Unicode {
        /// A general category, a script, or `Any`; one of [`super::unicode_classes`].
        name: &'static str,
        /// Any but these.
        negated: bool,
    },
}
