//! Format strings: what Envoy's command operators are, and which texts every supported Envoy (1.38 to 1.40) takes.
//!
//! One operator that Envoy refuses refuses the listener that the log stands in. So texts are read here as Envoy reads them: a
//! `%` begins `%%`, which is a plain one, or `%COMMAND%`, `%COMMAND(PARAMETERS)%`, `%COMMAND:LENGTH%` or both. What a command
//! takes is in the table of [`commands`]. Where the versions differ, what one of them refuses is refused. Commands that are
//! programs of their own (`CEL`, `TYPED_CEL`, `COALESCE`) are not taken: nobody but Envoy can tell whether they are right.

mod commands;

use thiserror::Error;

use commands::{Command, Length, Parameters};

/// Why Envoy would refuse a format.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FormatError {
    /// A percent sign that begins nothing.
    #[error("the % at byte {0} begins no command operator")]
    NoCommand(usize),
    /// A command that not every supported version knows.
    #[error("not every supported Envoy knows the command {0}")]
    Unknown(String),
    /// A command that stands for a program.
    #[error(
        "the command {0} is not offered: whether its program is right can be told by Envoy alone"
    )]
    Program(String),
    /// Parameters that the command cannot do without.
    #[error("{0} needs parameters, as in %{0}(…)%")]
    ParametersMissing(String),
    /// Parameters of a command that takes none.
    #[error("{0} takes no parameters")]
    ParametersUnwanted(String),
    /// A length of a command that takes none.
    #[error("{0} takes no length")]
    LengthUnwanted(String),
    /// Parameters that mean nothing to the command.
    #[error("{command} does not take the parameters ({parameters}): {why}")]
    Parameters {
        /// The command.
        command: String,
        /// What stands between its parentheses.
        parameters: String,
        /// What is wrong with them.
        why: &'static str,
    },
}

impl FormatError {
    /// The way out.
    pub fn help(&self) -> &'static str {
        match self {
            Self::NoCommand(_) => {
                "write %% for a percent sign, and operators as %COMMAND%, %COMMAND(PARAMETERS)% or %COMMAND(PARAMETERS):LENGTH%"
            }
            Self::Unknown(_) => "see the command operators of Envoy 1.38's access logs",
            Self::Program(_) => "use a plain command operator",
            Self::ParametersMissing(_)
            | Self::ParametersUnwanted(_)
            | Self::LengthUnwanted(_)
            | Self::Parameters { .. } => "correct the operator, or remove it",
        }
    }
}

/// Whether every supported Envoy takes a text as an access log's format, or as a value of one.
///
/// # Errors
/// One of them refuses it.
pub fn check(text: &str) -> Result<(), FormatError> {
    let mut at = 0;
    while let Some(found) = text[at..].find('%') {
        at += found;
        if text[at + 1..].starts_with('%') {
            at += 2;
            continue;
        }
        let Some(operator) = Operator::read(&text[at + 1..]) else {
            return Err(FormatError::NoCommand(at));
        };
        operator.check()?;
        at += 1 + operator.length;
    }
    Ok(())
}

/// A command operator as it is written.
struct Operator<'a> {
    command: &'a str,
    parameters: &'a str,
    has_length: bool,
    /// Bytes behind the first percent sign, the last one included.
    length: usize,
}

impl<'a> Operator<'a> {
    /// Reads what follows a percent sign. Parameters end at the first parenthesis behind which the operator may end; they hold
    /// no line feed.
    fn read(text: &'a str) -> Option<Self> {
        let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let name_end = text.find(|c| !is_name(c)).filter(|end| *end > 0)?;
        let (command, rest) = text.split_at(name_end);
        if let Some((has_length, end)) = tail(rest) {
            return Some(Self {
                command,
                parameters: "",
                has_length,
                length: name_end + end,
            });
        }
        let inside = rest.strip_prefix('(')?;
        let line = inside.split('\n').next().unwrap_or_default();
        line.match_indices(')').find_map(|(close, _)| {
            let (has_length, end) = tail(&inside[close + 1..])?;
            Some(Self {
                command,
                parameters: &inside[..close],
                has_length,
                length: name_end + 1 + close + 1 + end,
            })
        })
    }

    fn check(&self) -> Result<(), FormatError> {
        let Some(Command { parameters, length }) = commands::find(self.command) else {
            return Err(match commands::is_program(self.command) {
                true => FormatError::Program(self.command.to_owned()),
                false => FormatError::Unknown(self.command.to_owned()),
            });
        };
        match (parameters, self.parameters.is_empty()) {
            (Parameters::None, false) => {
                return Err(FormatError::ParametersUnwanted(self.command.to_owned()));
            }
            (Parameters::Required(_), true) => {
                return Err(FormatError::ParametersMissing(self.command.to_owned()));
            }
            (Parameters::Optional(check) | Parameters::Required(check), false) => {
                check(self.parameters).map_err(|why| FormatError::Parameters {
                    command: self.command.to_owned(),
                    parameters: self.parameters.to_owned(),
                    why,
                })?;
            }
            (Parameters::None | Parameters::Optional(_), true) => {}
        }
        if self.has_length && length == Length::Refused {
            return Err(FormatError::LengthUnwanted(self.command.to_owned()));
        }
        Ok(())
    }
}

/// The end of an operator, `%` or `:LENGTH%`: whether there is a length, and how many bytes it takes.
fn tail(text: &str) -> Option<(bool, usize)> {
    if text.starts_with('%') {
        return Some((false, 1));
    }
    let digits = text.strip_prefix(':')?;
    let end = digits.find(|c: char| !c.is_ascii_digit())?;
    let fits = digits[..end].parse::<u64>().is_ok();
    (fits && digits[end..].starts_with('%')).then_some((true, end + 2))
}

#[cfg(test)]
mod tests;
