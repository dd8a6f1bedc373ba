//! From the text of a file to one tree, or one error, for each of its documents.

use std::borrow::Cow;
use std::thread;

use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{
    DuplicateKeyPolicy, Error, Localizer, Location, MessageFormatter, Options, UserMessageFormatter,
};

use super::split::Chunk;
use super::tree::{Mark, Node};

/// Most values in all documents of a file, aliases counted each time they are used.
const MAX_VALUES: usize = 2_000_000;
/// Deepest nesting; Kubernetes' deepest schemas need about 40.
const MAX_DEPTH: usize = 64;
/// Most parser events that aliases may repeat in a document.
const MAX_ALIAS_EVENTS: usize = 100_000;
/// Enough for `MAX_DEPTH` levels of the parser's recursion in a build without optimisation, which
/// overflows the 2 MiB that threads have by default.
const STACK_BYTES: usize = 32 << 20;

/// Why a document could not be parsed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ParseError {
    pub(super) at: Mark,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl ParseError {
    /// Says of a document that holds variables of a template that these may be the reason.
    fn of_template(mut self, text: &str) -> Self {
        if self.help.is_none() && (text.contains("${") || text.contains("{{")) {
            let help = "it looks like a template: fill in its variables first";
            self.help = Some(help.to_owned());
        }
        self
    }
}

/// Parses documents of one file in their order, with positions that count from the beginning of
/// each. `values_before` is what documents of the file that are not parsed again hold.
pub(super) fn parse(chunks: &[Chunk<'_>], values_before: usize) -> Vec<Result<Node, ParseError>> {
    if chunks.is_empty() {
        return Vec::new();
    }
    thread::scope(|scope| {
        let parser = thread::Builder::new()
            .name("tulle-parse".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, || parse_here(chunks, values_before));
        let parsed = parser
            .map_err(|error| error.to_string())
            .and_then(|thread| {
                thread
                    .join()
                    .map_err(|_| "the parser failed; please report this file".to_owned())
            });
        parsed.unwrap_or_else(|message| {
            let failed = |_| {
                Err(ParseError {
                    at: Mark { line: 1, column: 1 },
                    message: message.clone(),
                    help: None,
                })
            };
            chunks.iter().map(failed).collect()
        })
    })
}

fn parse_here(chunks: &[Chunk<'_>], values_before: usize) -> Vec<Result<Node, ParseError>> {
    let mut values_left = MAX_VALUES.saturating_sub(values_before);
    chunks
        .iter()
        .map(|chunk| {
            let parsed =
                serde_saphyr::from_str_with_options::<Node>(chunk.text, options(values_left))
                    .map_err(|error| explain(&error).of_template(chunk.text));
            let used = parsed.as_ref().map_or(0, Node::size);
            values_left = values_left.saturating_sub(used);
            parsed
        })
        .collect()
}

/// Where and why a text stops being JSON.
pub(super) fn explain_json(error: &serde_json::Error) -> ParseError {
    let small = |number: usize| u32::try_from(number.max(1)).unwrap_or(u32::MAX);
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    ParseError {
        at: Mark {
            line: small(error.line()),
            column: small(error.column()),
        },
        message: format!("not valid JSON: {message}"),
        help: None,
    }
}

fn options(max_values: usize) -> Options {
    let budget = serde_saphyr::budget! {
        max_depth: MAX_DEPTH,
        max_nodes: max_values,
        max_events: 3 * MAX_VALUES,
        max_recorded_anchor_events: MAX_ALIAS_EVENTS,
        // Many uses of one anchor are no attack; what they unfold to is limited.
        enforce_alias_anchor_ratio: false,
    };
    serde_saphyr::options! {
        budget: budget,
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_ALIAS_EVENTS,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        // kubectl reads YAML 1.1: `0755` is octal, `yes` is true.
        legacy_octal_numbers: true,
        emit_comments: false,
        with_snippet: false,
    }
}

fn explain(error: &Error) -> ParseError {
    let at = error
        .location()
        .map_or(Mark { line: 1, column: 1 }, Mark::from);
    let mut error = error.without_snippet();
    while let Error::AliasError { error: inner, .. } = error {
        error = inner;
    }
    let (message, help) = match error {
        Error::Budget {
            breach: BudgetBreach::Depth { .. },
            ..
        } => (too_deep(), None),
        Error::Budget { .. } => (
            "more values or aliases than a manifest can need: the document is refused".to_owned(),
            None,
        ),
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasReplayCounterOverflow { .. } => (
            "aliases that unfold to too much: the document is refused".to_owned(),
            None,
        ),
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            ("an alias inside of what it stands for".to_owned(), None)
        }
        other => {
            let formatter = UserMessageFormatter.with_localizer(&Bare);
            let message = formatter.format_message(other);
            // The scanner, which reads ahead, has a limit of its own.
            if message.contains("recursion limit exceeded") {
                (too_deep(), None)
            } else {
                (format!("not valid YAML: {message}"), hint(&message))
            }
        }
    };
    ParseError { at, message, help }
}

/// A way out of the parser's most common complaints.
fn hint(message: &str) -> Option<String> {
    let hints = [
        ("tabs disallowed", "indent with spaces"),
        (
            "expected string scalar",
            "a key must be text; if this is a template variable such as {{NAME}}, fill it in first",
        ),
        (
            "mapping values are not allowed",
            "put text that holds \": \" in quotes, or mend the indentation",
        ),
    ];
    let (_, hint) = hints.into_iter().find(|(part, _)| message.contains(part))?;
    Some(hint.to_owned())
}

fn too_deep() -> String {
    format!("nested more than {MAX_DEPTH} levels deep: the document is refused")
}

/// Messages without the position, which a problem has in its place.
struct Bare;

impl Localizer for Bare {
    fn attach_location<'a>(&self, base: Cow<'a, str>, _: Location) -> Cow<'a, str> {
        base
    }
}
