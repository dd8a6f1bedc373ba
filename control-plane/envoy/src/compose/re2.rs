//! RE2 expressions: read, evaluated and written as Envoy's own engine understands them.
//!
//! The syntax is that of RE2 (`re2/syntax.txt`). The engine here is the `regex` crates, whose syntax
//! differs in classes, quoting, braces and what is Unicode; [`syntax`] translates. All expressions are
//! meant for full matches, as everywhere in Envoy's matchers.

mod class;
mod print;
mod syntax;

use regex::bytes::RegexBuilder;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::Hir;

pub(super) use print::{print, quote};

/// Why an expression cannot be worked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Re2Error {
    /// RE2 does not take it either; the reason.
    Invalid(String),
    /// Too large for the engine.
    TooLarge,
}

/// Reads an RE2 expression.
///
/// # Errors
/// It is not one.
pub(super) fn parse(pattern: &str) -> Result<Hir, Re2Error> {
    let translated = syntax::translate(pattern)?;
    ParserBuilder::new()
        .utf8(false)
        .build()
        .parse(&translated)
        .map_err(|error| invalid(&error))
}

/// Whether the whole text fits the expression.
///
/// # Errors
/// It is no RE2 expression, or is too large for the engine.
pub(super) fn fits(pattern: &str, text: &str) -> Result<bool, Re2Error> {
    let translated = syntax::translate(pattern)?;
    // Read alone first: what is wrong in it must not be balanced by what is put around it.
    parse(pattern)?;
    let whole = RegexBuilder::new(&format!(r"\A(?:{translated})\z"))
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => Re2Error::TooLarge,
            other => invalid(&other),
        })?;
    Ok(whole.is_match(text.as_bytes()))
}

fn invalid(error: &dyn std::fmt::Display) -> Re2Error {
    // The crates' messages show the expression over several lines; the last one is the reason.
    let text = error.to_string();
    let reason = text.lines().last().unwrap_or_default();
    let reason = reason.strip_prefix("error: ").unwrap_or(reason);
    Re2Error::Invalid(reason.to_owned())
}

#[cfg(test)]
mod tests;
