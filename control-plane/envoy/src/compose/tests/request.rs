//! A request, and conditions on it other than on the path.

use regex::Regex;
use tulle_model::extras::HeaderEdits;
use tulle_model::matching::{HeaderMatch, HttpMatch, ValueMatch};

#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) scheme: &'static str,
    pub(super) host: String,
    /// With the query string.
    pub(super) path: String,
    /// Each name once; several values are joined by commas, as Envoy's conditions see them.
    pub(super) headers: Vec<(String, String)>,
}

impl Request {
    pub(super) fn get(path: &str) -> Self {
        Self {
            method: "GET",
            scheme: "http",
            host: "edge.example:8088".to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
        }
    }

    /// The path, and the query string with its question mark.
    pub(super) fn split(&self) -> (&str, &str) {
        self.path
            .split_at(self.path.find('?').unwrap_or(self.path.len()))
    }

    fn header(&self, name: &str) -> Option<&str> {
        match name {
            "host" | ":authority" => Some(&self.host),
            ":path" => Some(&self.path),
            ":method" => Some(self.method),
            name => self
                .headers
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, value)| value.as_str()),
        }
    }

    /// The request with other headers.
    pub(super) fn changed(mut self, edits: &HeaderEdits) -> Self {
        self.headers
            .retain(|(name, _)| edits.remove.iter().all(|removed| **removed != **name));
        for (name, value) in &edits.set {
            self.headers.retain(|(other, _)| **other != **name);
            self.headers.push((name.to_string(), value.to_string()));
        }
        for (name, value) in &edits.add {
            match self.headers.iter_mut().find(|(other, _)| **other == **name) {
                Some((_, values)) => *values = format!("{values},{value}"),
                None => self.headers.push((name.to_string(), value.to_string())),
            }
        }
        self
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        let query = self.split().1.strip_prefix('?')?;
        query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .find(|(n, _)| *n == name)
            .map(|(_, value)| value)
    }

    /// Whether all conditions but that on the path hold.
    pub(super) fn fits(&self, matches: &HttpMatch) -> bool {
        matches
            .method
            .as_deref()
            .is_none_or(|method| method == self.method)
            && matches
                .scheme
                .as_deref()
                .is_none_or(|scheme| scheme == self.scheme)
            && (!matches.grpc || self.header("content-type") == Some("application/grpc"))
            && matches
                .headers
                .iter()
                .all(|header| self.fits_header(header))
            && matches.query.iter().all(|parameter| {
                self.parameter(&parameter.name).is_some_and(|value| {
                    parameter
                        .exact
                        .as_deref()
                        .is_none_or(|exact| exact == value)
                })
            })
    }

    fn fits_header(&self, header: &HeaderMatch) -> bool {
        let plain = match (self.header(&header.name), &header.value) {
            (value, None) => value.is_some(),
            // As in Envoy, no condition on a value holds where there is none.
            (None, Some(_)) => return false,
            (Some(value), Some(ValueMatch::Exact(text))) => value == &**text,
            (Some(value), Some(ValueMatch::Prefix(text))) => value.starts_with(&**text),
            (Some(value), Some(ValueMatch::Suffix(text))) => value.ends_with(&**text),
            (Some(value), Some(ValueMatch::Regex(regex))) => full_match(regex, value),
            (Some(value), Some(ValueMatch::Range { start, end })) => {
                value.parse().is_ok_and(|n: i64| *start <= n && n < *end)
            }
        };
        plain != header.invert
    }
}

/// Whether the whole text fits. The tests' expressions mean the same in RE2 and here.
pub(super) fn full_match(regex: &str, text: &str) -> bool {
    // Any byte of a request that holds ASCII alone.
    let regex = regex.replace(r"\C", "(?s:.)");
    Regex::new(&format!("^(?:{regex})$"))
        .unwrap()
        .is_match(text)
}
