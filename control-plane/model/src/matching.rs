//! Conditions on requests, and what is done to the path and the host on the way.

use serde::{Deserialize, Serialize};

use crate::id::Str;

/// All conditions of a route on an HTTP or gRPC request; every one must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HttpMatch {
    /// Condition on the path, query string excluded.
    pub path: PathMatch,
    /// The request's method, in capitals.
    pub method: Option<Str>,
    /// `http` or `https`.
    pub scheme: Option<Str>,
    /// Conditions on headers (gRPC metadata are headers).
    pub headers: Vec<HeaderMatch>,
    /// Conditions on query parameters.
    pub query: Vec<QueryMatch>,
    /// Only requests whose content type is gRPC's.
    pub grpc: bool,
}

/// Condition on the path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PathMatch {
    /// The path begins with this string; segments mean nothing, `/chapter` also fits `/chapter1`.
    Prefix(Str),
    /// The path is this string.
    Exact(Str),
    /// The whole path fits this RE2 expression.
    Regex(Str),
}

impl Default for PathMatch {
    /// Every path.
    fn default() -> Self {
        Self::Prefix("/".into())
    }
}

/// Condition on one header.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HeaderMatch {
    /// The header's name, in lower case.
    pub name: Str,
    /// Turns the condition round.
    pub invert: bool,
    /// What must hold of the value; none: the header has to be present.
    pub value: Option<ValueMatch>,
}

/// Condition on a header's value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ValueMatch {
    /// The value is this string.
    Exact(Str),
    /// The value begins with this string.
    Prefix(Str),
    /// The value ends with this string.
    Suffix(Str),
    /// The whole value fits this RE2 expression.
    Regex(Str),
    /// The value is an integer with `start <= value < end`.
    Range {
        /// First value inside.
        start: i64,
        /// First value beyond.
        end: i64,
    },
}

/// Condition on one query parameter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct QueryMatch {
    /// The parameter's name.
    pub name: Str,
    /// Its value; none: the parameter has to be present.
    pub exact: Option<Str>,
}

/// Condition on the Host of a request (its port left out), compared without regard to case.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum HostMatch {
    /// Every host.
    #[default]
    Any,
    /// The host is this name.
    Exact(Str),
    /// The host ends with this string.
    Suffix(Str),
}

/// What a gateway route does to the path.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PathRewrite {
    /// Nothing.
    #[default]
    Keep,
    /// The matched prefix is replaced by this string, which begins and ends with `/`; never makes a
    /// double slash.
    Prefix(Str),
    /// The whole path becomes this string; the query string stays.
    Exact(Str),
}
