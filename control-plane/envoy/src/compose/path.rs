//! The path conditions and rewrites of two passes as those of one.

use std::borrow::Cow;
use std::fmt;

use tulle_model::Str;
use tulle_model::matching::{PathMatch, PathRewrite};
use tulle_model::re2::Refusal;

use super::algebra::{self, Obstacle};
use super::re2::{self, Re2Error};
use super::{PathCondition, PathHeader, Rewrite};

/// Why two conditions on the path have no exact joint form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PathError {
    /// Not even Envoy takes it.
    Refused(Str, Refusal),
    /// The algebra cannot take it apart.
    Shape(Str, Obstacle),
    /// What the path is to become is none.
    NoPath(Str),
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(regex, refusal) => {
                write!(f, "Envoy refuses the expression {regex:?}: {refusal}")
            }
            Self::Shape(regex, obstacle) => write!(
                f,
                "the expression {regex:?} {obstacle}, which one pass through Envoy cannot express"
            ),
            Self::NoPath(value) => write!(
                f,
                "{value:?}, which the path is to become, is no path: it has to begin with '/' and \
                 to hold ASCII alone, neither '?' nor '#'"
            ),
        }
    }
}

impl PathError {
    /// What stands in the way of reading an expression.
    pub(super) fn read(regex: &str, error: Re2Error) -> Self {
        match error {
            Re2Error::Refused(refusal) => Self::Refused(regex.into(), refusal),
            Re2Error::TooLarge => Self::Shape(regex.into(), Obstacle::Size),
        }
    }

    /// The way out.
    pub(super) fn help(&self) -> &'static str {
        match self {
            Self::Refused(_, refusal) => refusal.help(),
            Self::NoPath(_) => "give a path such as /colors/",
            Self::Shape(_, Obstacle::Size) => {
                "write a shorter expression, use a prefix, or switch the rewrite of the prefix off"
            }
            Self::Shape(..) => {
                "write the expression without it, use a prefix or an exact path, or switch the rewrite of the prefix off"
            }
        }
    }
}

/// What one Envoy route says of the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PathPart {
    pub(super) path: PathCondition,
    pub(super) headers: Vec<PathHeader>,
    pub(super) rewrite: Rewrite,
}

/// A gateway route's condition and rewrite, read once and joined with each of its service's routes.
#[derive(Debug)]
pub(super) struct GatewayPath<'a> {
    matches: &'a PathMatch,
    way: Way<'a>,
}

/// What the service's routes see.
#[derive(Debug)]
enum Way<'a> {
    /// Always this path.
    Known(&'a str),
    /// The path as it came.
    Kept,
    /// The path with another prefix.
    Swapped { prefix: &'a str, value: &'a str },
}

/// A prefix of the original path and what it becomes, `value`, in paths where what follows fits.
struct Case<'a> {
    prefix: Cow<'a, str>,
    /// What follows must not begin with a slash.
    no_slash: bool,
}

impl<'a> GatewayPath<'a> {
    /// Reads a gateway route's part.
    ///
    /// # Errors
    /// The condition is no RE2 expression, or the new path is none.
    pub(super) fn new(matches: &'a PathMatch, rewrite: &'a PathRewrite) -> Result<Self, PathError> {
        if let PathMatch::Regex(regex) = matches {
            re2::parse(regex).map_err(|error| PathError::read(regex, error))?;
        }
        if let PathRewrite::Prefix(value) | PathRewrite::Exact(value) = rewrite
            && (!value.starts_with('/') || !in_paths(value))
        {
            return Err(PathError::NoPath(value.clone()));
        }
        let way = match (matches, rewrite) {
            (_, PathRewrite::Exact(path)) => Way::Known(path),
            (PathMatch::Prefix(prefix), PathRewrite::Prefix(value)) => {
                if value == prefix {
                    Way::Kept
                } else {
                    Way::Swapped { prefix, value }
                }
            }
            // Where the whole path is matched, the whole path is replaced.
            (PathMatch::Exact(_) | PathMatch::Regex(_), PathRewrite::Prefix(value)) => {
                Way::Known(value)
            }
            (PathMatch::Exact(path), PathRewrite::Keep) => Way::Known(path),
            (_, PathRewrite::Keep) => Way::Kept,
        };
        Ok(Self { matches, way })
    }

    /// The condition alone, as Envoy's path specifier.
    pub(super) fn condition(&self) -> PathCondition {
        match self.matches {
            PathMatch::Prefix(prefix) => PathCondition::Prefix(prefix.clone()),
            PathMatch::Exact(path) => PathCondition::Exact(path.clone()),
            PathMatch::Regex(regex) => PathCondition::Regex(regex.clone()),
        }
    }

    /// Whether any path fits.
    pub(super) fn is_alive(&self) -> bool {
        match self.matches {
            PathMatch::Prefix(text) | PathMatch::Exact(text) => in_paths(text),
            PathMatch::Regex(_) => true,
        }
    }

    /// Joins with a service route's condition: Envoy routes in the order in which they have to be
    /// tried, none if no path fits both.
    ///
    /// # Errors
    /// There are paths that fit both, and no exact way to say which.
    pub(super) fn join(&self, service: &PathMatch) -> Result<Vec<PathPart>, PathError> {
        if let PathMatch::Prefix(text) | PathMatch::Exact(text) = service
            && !in_paths(text)
        {
            return Ok(Vec::new());
        }
        match self.way {
            Way::Known(path) => self.known(path, service),
            Way::Kept => kept(self.matches, service),
            Way::Swapped { prefix, value } => swapped(prefix, value, service),
        }
    }

    fn known(&self, path: &str, service: &PathMatch) -> Result<Vec<PathPart>, PathError> {
        let fits = match service {
            PathMatch::Prefix(prefix) => path.starts_with(&**prefix),
            PathMatch::Exact(wanted) => path == &**wanted,
            PathMatch::Regex(regex) => {
                re2::fits(regex, path).map_err(|error| PathError::read(regex, error))?
            }
        };
        if !fits {
            return Ok(Vec::new());
        }
        let rewrite = match self.matches {
            PathMatch::Exact(original) if &**original == path => Rewrite::Keep,
            PathMatch::Exact(_) | PathMatch::Regex(_) => Rewrite::Prefix(path.into()),
            PathMatch::Prefix(_) => Rewrite::Regex {
                pattern: "^.*$".into(),
                substitution: substitution(path),
            },
        };
        Ok(part(self.condition(), Vec::new(), rewrite))
    }
}

fn part(path: PathCondition, headers: Vec<PathHeader>, rewrite: Rewrite) -> Vec<PathPart> {
    vec![PathPart {
        path,
        headers,
        rewrite,
    }]
}

/// Whether a text can stand in a path as Envoy's matchers see it: the query string is cut off, Envoy
/// refuses `#`, and all but ASCII is percent-encoded.
fn in_paths(text: &str) -> bool {
    text.is_ascii() && !text.contains(['?', '#'])
}

/// Both conditions see the same path.
fn kept(gateway: &PathMatch, service: &PathMatch) -> Result<Vec<PathPart>, PathError> {
    use PathMatch::{Exact, Prefix, Regex};
    let both = |path, headers| Ok(part(path, headers, Rewrite::Keep));
    match (gateway, service) {
        (Prefix(a), Prefix(b)) if b.starts_with(&**a) => {
            both(PathCondition::Prefix(b.clone()), vec![])
        }
        (Prefix(a), Prefix(b)) if a.starts_with(&**b) => {
            both(PathCondition::Prefix(a.clone()), vec![])
        }
        (Prefix(prefix), Exact(path)) | (Exact(path), Prefix(prefix))
            if path.starts_with(&**prefix) =>
        {
            both(PathCondition::Exact(path.clone()), vec![])
        }
        (Exact(a), Exact(b)) if a == b => both(PathCondition::Exact(a.clone()), vec![]),
        (Prefix(_) | Exact(_), Prefix(_) | Exact(_)) => Ok(Vec::new()),
        (Prefix(prefix), Regex(regex)) | (Regex(regex), Prefix(prefix)) => {
            match beginning(regex, prefix)? {
                Beginning::Never => Ok(Vec::new()),
                Beginning::Always => both(PathCondition::Regex(regex.clone()), vec![]),
                Beginning::Perhaps => both(
                    PathCondition::Regex(regex.clone()),
                    vec![PathHeader::Prefix(prefix.clone())],
                ),
            }
        }
        (Exact(path), Regex(regex)) | (Regex(regex), Exact(path)) => {
            if re2::fits(regex, path).map_err(|error| PathError::read(regex, error))? {
                both(PathCondition::Exact(path.clone()), vec![])
            } else {
                Ok(Vec::new())
            }
        }
        (Regex(a), Regex(b)) if a == b => both(PathCondition::Regex(a.clone()), vec![]),
        (Regex(a), Regex(b)) => {
            // The one that stays as it is may hold anything, so either may be the one that cannot
            // be reshaped; what is no RE2 expression at all may be neither.
            let (plain, header) = match (before_query(b), before_query(a)) {
                (Ok(header), Ok(_) | Err(PathError::Shape(..))) => (a, header),
                (Err(PathError::Shape(..)), Ok(header)) => (b, header),
                (Err(error), _) | (_, Err(error)) => return Err(error),
            };
            match header {
                Some(header) => both(PathCondition::Regex(plain.clone()), vec![header]),
                None => Ok(Vec::new()),
            }
        }
    }
}

/// How paths that fit an expression begin.
enum Beginning {
    Always,
    Perhaps,
    Never,
}

fn beginning(regex: &str, prefix: &str) -> Result<Beginning, PathError> {
    let hir = match reshapeable(regex) {
        Ok(hir) => hir,
        // Envoy can tell, and every path begins with a slash.
        Err(PathError::Shape(..)) if prefix == "/" => return Ok(Beginning::Always),
        Err(PathError::Shape(..)) => return Ok(Beginning::Perhaps),
        Err(error) => return Err(error),
    };
    Ok(match algebra::behind(&hir, prefix) {
        Ok(rest) if algebra::is_nothing(&rest) => Beginning::Never,
        _ if prefix == "/" || algebra::always_begins(&hir, prefix) => Beginning::Always,
        _ => Beginning::Perhaps,
    })
}

/// An expression for `:path` that looks at the path alone; none if no path fits.
fn before_query(regex: &str) -> Result<Option<PathHeader>, PathError> {
    let path = algebra::without(&reshapeable(regex)?, '?');
    Ok((!algebra::is_nothing(&path)).then(|| {
        let path = re2::print(&path);
        // A query string may hold bytes that are no text.
        PathHeader::Regex(format!(r"(?:{path})(?:\?\C*)?").into())
    }))
}

/// The service sees `value` where the request had `prefix`; where both would bring a slash, one.
fn swapped(prefix: &str, value: &str, service: &PathMatch) -> Result<Vec<PathPart>, PathError> {
    let case = |prefix: Cow<'static, str>, no_slash| Case { prefix, no_slash };
    let whole = || Cow::Owned(prefix.to_owned());
    // Envoy merges slashes on arrival: nothing that follows a slash begins with one.
    let cases = if prefix.ends_with('/') {
        vec![case(whole(), true)]
    } else if value.ends_with('/') {
        vec![
            case(format!("{prefix}/").into(), false),
            case(whole(), true),
        ]
    } else {
        vec![case(whole(), false)]
    };
    match service {
        PathMatch::Prefix(wanted) => Ok(cases
            .iter()
            .filter_map(|case| {
                let (rest, becomes) = match wanted.strip_prefix(value) {
                    Some(rest) => (rest, &**wanted),
                    None if value.starts_with(&**wanted) => ("", value),
                    None => return None,
                };
                case.part(rest, becomes, PathCondition::Prefix)
            })
            .collect()),
        PathMatch::Exact(wanted) => Ok(cases
            .iter()
            .filter_map(|case| {
                let rest = wanted.strip_prefix(value)?;
                case.part(rest, wanted, PathCondition::Exact)
            })
            .collect()),
        PathMatch::Regex(regex) => {
            let rest = algebra::behind(&reshapeable(regex)?, value)
                .map_err(|obstacle| shape(regex, obstacle))?;
            let mut ways = Vec::new();
            for case in &cases {
                let rest = if case.no_slash {
                    algebra::not_beginning(&rest, '/').map_err(|obstacle| shape(regex, obstacle))?
                } else {
                    rest.clone()
                };
                ways.push(algebra::concat(vec![algebra::text(&case.prefix), rest]));
            }
            let whole = algebra::within_size(algebra::either(ways))
                .map_err(|obstacle| shape(regex, obstacle))?;
            if algebra::is_nothing(&whole) {
                return Ok(Vec::new());
            }
            let slash = if cases.len() > 1 { "/?" } else { "" };
            Ok(part(
                PathCondition::Regex(re2::print(&whole).into()),
                Vec::new(),
                Rewrite::Regex {
                    pattern: format!("^{}{slash}", re2::quote(prefix)).into(),
                    substitution: substitution(value),
                },
            ))
        }
    }
}

impl Case<'_> {
    /// The Envoy route for paths in which `rest` follows the prefix.
    fn part(
        &self,
        rest: &str,
        becomes: &str,
        condition: fn(Str) -> PathCondition,
    ) -> Option<PathPart> {
        if self.no_slash && rest.starts_with('/') {
            return None;
        }
        let original = format!("{}{rest}", self.prefix);
        let rewrite = if original == becomes {
            Rewrite::Keep
        } else {
            Rewrite::Prefix(becomes.into())
        };
        Some(PathPart {
            path: condition(original.into()),
            headers: Vec::new(),
            rewrite,
        })
    }
}

/// A text as the substitution of Envoy's `regex_rewrite`, in which a backslash refers to groups.
fn substitution(text: &str) -> Str {
    text.replace('\\', r"\\").into()
}

fn reshapeable(regex: &str) -> Result<regex_syntax::hir::Hir, PathError> {
    let hir = re2::parse(regex).map_err(|error| PathError::read(regex, error))?;
    algebra::settle(&hir).map_err(|obstacle| shape(regex, obstacle))
}

fn shape(regex: &str, obstacle: Obstacle) -> PathError {
    PathError::Shape(regex.into(), obstacle)
}
