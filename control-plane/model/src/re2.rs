//! Regular expressions: the mesh's are RE2's, and this is the one reader of them.
//!
//! [`read`] takes exactly what every supported Envoy (1.38 to 1.40) takes. Rust's own regex crates do
//! not answer that: they take what RE2 refuses (`(?x)`, `a**`, `\u{41}`, `\p{Alphabetic}`, sets inside
//! classes) and refuse what it takes (`{id}` as plain text, `[a[b]`, `\Q…\E`, `\C`). So the grammar is
//! read here, from RE2's documented syntax in the Perl flavour.
//!
//! Envoy 1.38 gives RE2 its texts as UTF-8, 1.39 and later as Latin-1, byte by byte. What one of them
//! refuses is refused: above all characters written as numbers beyond `\xFF`.
//!
//! Envoy also refuses programs that are larger than its bootstrap says. Their size depends on how RE2
//! compiles, so it is estimated, from above for all but contrived expressions; how much is too much is
//! for the caller to say.

pub use self::node::{Assertion, Class, Member, Node};
pub use self::refusal::Refusal;
pub use self::unicode::names as unicode_classes;

mod class;
mod escape;
mod group;
mod node;
mod reader;
mod refusal;
mod repeat;
mod size;
mod unicode;

/// Reads an expression.
///
/// # Errors
/// A supported Envoy takes it for no expression, whatever the size of programs that it allows.
pub fn read(expression: &str) -> Result<Node, Refusal> {
    if expression.is_empty() {
        return Err(Refusal::Empty);
    }
    reader::read(expression)
}

/// The estimated size of an expression's program, in RE2 instructions.
///
/// # Errors
/// Those of [`read`].
pub fn program_size(expression: &str) -> Result<u32, Refusal> {
    read(expression).map(|node| size::of_program(&node))
}

/// Whether every supported Envoy takes the expression if it allows programs of `limit` instructions.
///
/// # Errors
/// Those of [`read`], and [`Refusal::ProgramSize`].
pub fn check(expression: &str, limit: u32) -> Result<(), Refusal> {
    match program_size(expression)? {
        size if size > limit => Err(Refusal::ProgramSize { size, limit }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
