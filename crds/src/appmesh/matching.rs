//! What routes and gateway routes match requests by.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::string_enum::string_enum;

/// Matches a header of a request, or an entry of gRPC metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeaderMatcher {
    /// Whether the match is turned round; false where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invert: Option<bool>,
    /// What the value must be; where absent the header only has to be present.
    #[serde(rename = "match", default, skip_serializing_if = "Option::is_none")]
    pub match_: Option<HeaderValueMatch>,
    /// Name of the header.
    #[schemars(length(min = 1, max = 50))]
    pub name: String,
}

/// What a header's value must be: at most one of the members.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeaderValueMatch {
    /// The whole value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub exact: Option<String>,
    /// How the value begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub prefix: Option<String>,
    /// Bounds of the value read as an integer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<MatchRange>,
    /// An RE2 expression that the whole value must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub regex: Option<String>,
    /// How the value ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub suffix: Option<String>,
}

/// A half-open range: `start` ≤ value < `end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MatchRange {
    /// First value outside the range.
    pub end: i64,
    /// First value inside the range.
    pub start: i64,
}

/// Matches a query parameter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueryParameterMatcher {
    /// What the value must be; where absent the parameter only has to be present.
    #[serde(rename = "match", default, skip_serializing_if = "Option::is_none")]
    pub match_: Option<QueryParameterMatch>,
    /// Name of the parameter.
    pub name: String,
}

/// What a query parameter's value must be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueryParameterMatch {
    /// The whole value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exact: Option<String>,
}

/// Matches the path of a request: `exact` or `regex`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpPathMatch {
    /// The whole path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub exact: Option<String>,
    /// An RE2 expression that the whole path, without the query string, must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub regex: Option<String>,
}

string_enum! {
    /// Method of an HTTP request.
    pub enum HttpMethod {
        /// CONNECT.
        Connect = "CONNECT",
        /// DELETE.
        Delete = "DELETE",
        /// GET.
        Get = "GET",
        /// HEAD.
        Head = "HEAD",
        /// OPTIONS.
        Options = "OPTIONS",
        /// PATCH.
        Patch = "PATCH",
        /// POST.
        Post = "POST",
        /// PUT.
        Put = "PUT",
        /// TRACE.
        Trace = "TRACE",
    }
}

string_enum! {
    /// Scheme of an HTTP request.
    pub enum HttpScheme {
        /// Plaintext.
        Http = "http",
        /// TLS.
        Https = "https",
    }
}
