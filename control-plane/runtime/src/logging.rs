//! Logs: to stderr, as text for people or as JSON lines for collectors.

use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

/// What is logged when nobody says otherwise: Tulle's own doings, and only warnings of the libraries.
pub const DEFAULT_FILTER: &str = "tulle=info,warn";

/// The shape of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// One readable line an event; coloured if stderr is a terminal and the user has not forbidden colour (`NO_COLOR`).
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = LogError;

    fn from_str(text: &str) -> Result<Self, LogError> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(LogError::Format(other.to_owned())),
        }
    }
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The format is neither of the two.
    #[error("log format {0:?} is not known: use text or json")]
    Format(String),
    /// The filter is not one that tracing understands.
    #[error("log filter {filter:?}: {source}; write for example {DEFAULT_FILTER} or tulle=debug")]
    Filter {
        /// As it was given.
        filter: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Somebody else set up logging before.
    #[error("logging is set up already: {0}")]
    AlreadySet(#[from] tracing_subscriber::util::TryInitError),
}

/// Sends this process' logs to stderr from now on.
///
/// `filter` is in tracing's own language (`target=level,…`); `None` means [`DEFAULT_FILTER`].
///
/// # Errors
/// A filter that does not parse, or a second call.
pub fn init(filter: Option<&str>, format: LogFormat) -> Result<(), LogError> {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(parse_filter(filter.unwrap_or(DEFAULT_FILTER))?)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => {
            let colour =
                anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
            builder.with_ansi(colour).finish().try_init()?;
        }
        LogFormat::Json => builder.json().flatten_event(true).finish().try_init()?,
    }
    Ok(())
}

fn parse_filter(filter: &str) -> Result<EnvFilter, LogError> {
    EnvFilter::builder()
        .parse(filter)
        .map_err(|source| LogError::Filter {
            filter: filter.to_owned(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_filter_covers_every_tulle_crate_only() {
        let filter = parse_filter(DEFAULT_FILTER).unwrap();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::sink)
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            assert!(tracing::enabled!(target: "tulle_xds::stream", tracing::Level::INFO));
            assert!(!tracing::enabled!(target: "tulle_xds::stream", tracing::Level::DEBUG));
            assert!(tracing::enabled!(target: "h2", tracing::Level::WARN));
            assert!(!tracing::enabled!(target: "h2", tracing::Level::INFO));
        });
    }

    #[test]
    fn bad_input_is_named() {
        let error = parse_filter("tulle=loud").unwrap_err().to_string();
        assert!(error.contains("tulle=loud"), "{error}");
        let error = "xml".parse::<LogFormat>().unwrap_err().to_string();
        assert!(error.contains("xml"), "{error}");
    }
}
