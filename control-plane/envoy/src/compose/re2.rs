//! RE2 expressions: read, evaluated and written as Envoy's own engine understands them.
//!
//! [`tulle_model::re2`] reads; the engine here is the `regex` crates, which get what was read in their
//! own intermediate form. All expressions are meant for full matches, as everywhere in Envoy's matchers.

mod hir;
mod print;

use regex_automata::meta::Regex;
use regex_syntax::hir::{Hir, Look};
use tulle_model::re2::{self, Refusal};

pub(super) use print::{print, quote};

/// Why an expression cannot be worked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Re2Error {
    /// Envoy does not take it either.
    Refused(Refusal),
    /// Too large for the engine.
    TooLarge,
}

/// Reads an RE2 expression.
///
/// # Errors
/// It is not one.
pub(super) fn parse(pattern: &str) -> Result<Hir, Re2Error> {
    let node = re2::read(pattern).map_err(Re2Error::Refused)?;
    Ok(hir::of(&node))
}

/// Whether the whole text fits the expression.
///
/// # Errors
/// It is no RE2 expression, or is too large for the engine.
pub(super) fn fits(pattern: &str, text: &str) -> Result<bool, Re2Error> {
    let whole = Hir::concat(vec![
        Hir::look(Look::Start),
        parse(pattern)?,
        Hir::look(Look::End),
    ]);
    // What has been read is always an expression, so that it can only be too large.
    let whole = Regex::builder()
        .configure(Regex::config().utf8_empty(false))
        .build_from_hir(&whole)
        .map_err(|_| Re2Error::TooLarge)?;
    Ok(whole.is_match(text))
}

#[cfg(test)]
mod tests;
