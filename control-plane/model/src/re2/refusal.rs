//! Why an expression is none.

/// Why Envoy would refuse an expression. The text names the construct, [`Refusal::help`] the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is none.
    #[error("it is empty")]
    Empty,
    /// `(?=`, `(?!`, `(?<=`, `(?<!`.
    #[error("it has no look-around: {0}")]
    LookAround(String),
    /// `\1`, `(?P=`.
    #[error("it has no backreferences: {0}")]
    Backreference(String),
    /// A backslash before something that it gives no meaning.
    #[error("unknown escape {0}")]
    Escape(String),
    /// A character written as a number above 0xFF.
    #[error("{0} is beyond \\xFF, and Envoy 1.39 and later read expressions as Latin-1")]
    BeyondLatin1(String),
    /// A backslash with nothing behind.
    #[error("the backslash at the end escapes nothing")]
    TrailingBackslash,
    /// `(?` with something that is neither flags nor a name.
    #[error("unknown group {0}")]
    Group(String),
    /// A name that is empty, is not closed, or has other than letters, digits and `_` of ASCII.
    #[error("{0:?} is no name of a group")]
    GroupName(String),
    /// `(` or `)` alone.
    #[error("a '(' has no ')', or the other way round")]
    Parenthesis,
    /// `[` alone.
    #[error("a '[' has no ']'")]
    Bracket,
    /// A name that RE2 does not know.
    #[error("unknown class {0}")]
    Class(String),
    /// A range whose end comes before its begin.
    #[error("the range {0} runs backwards")]
    Range(String),
    /// Such a range only if each byte of UTF-8 is a character.
    #[error(
        "the range {0} runs backwards in Envoy 1.39 and later, which read expressions as Latin-1"
    )]
    Latin1Range(String),
    /// An operator at the begin of an alternative.
    #[error("{0} has nothing to repeat")]
    NothingToRepeat(String),
    /// Two operators in a row.
    #[error("{0} follows another repetition")]
    DoubleRepeat(String),
    /// `{1001}`, `{2,1}`, or too many of them inside each other.
    #[error(
        "{0} repeats more than 1000 times, alone or with those around it, or its bounds are reversed"
    )]
    RepeatSize(String),
    /// More groups inside each other than anyone writes.
    #[error("groups lie too deep inside each other")]
    Depth,
    /// Every part is fine, and the whole too large.
    #[error("it is too large: its program has about {size} instructions, and {limit} are allowed")]
    ProgramSize {
        /// The estimated size.
        size: u32,
        /// The largest that is allowed.
        limit: u32,
    },
}

impl Refusal {
    /// The way out, as an order to the author.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Empty => "leave the condition out, or write .* for any text",
            Self::LookAround(_) => {
                "say it without: list what is meant, or make it a route of its own before this one"
            }
            Self::Backreference(_) => "write out what is to stand there again",
            Self::Escape(_) => {
                "write a letter or digit without the backslash, and two digits after \\x"
            }
            Self::BeyondLatin1(_) => {
                "write the character itself; in a path its percent-encoding, such as %C3%A9"
            }
            Self::TrailingBackslash => "write \\\\ for a backslash",
            Self::Group(_) => "write (?:…) for a group; the flags are i, m, s and U",
            Self::GroupName(_) => "write (?P<name>…), the name in letters, digits and _ of ASCII",
            Self::Parenthesis => "close the group, or write \\( and \\) for the characters",
            Self::Bracket => "close the class, or write \\[ for the character",
            Self::Class(_) => {
                "name a general category or script as \\pL or \\p{Greek}, or a class as [:alpha:]"
            }
            Self::Range(_) => "put the lower character first, or - last in the class",
            Self::Latin1Range(_) => "list the characters with | between, outside the class",
            Self::NothingToRepeat(_) => "write a backslash before it for the character itself",
            Self::DoubleRepeat(_) => {
                "keep one of the two, or put a group around the first: (?:a{2}){3}"
            }
            Self::RepeatSize(_) => "repeat at most 1000 times, or without end, as in a{2,}",
            Self::Depth => "remove groups that only hold another group",
            Self::ProgramSize { .. } => {
                "repeat less often or without end, name smaller classes, or use a prefix"
            }
        }
    }
}
