//! What requests are matched by.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::values::{exact_path, header, port, prefix, query, regex, text};
use super::{map, sometimes};

fn header_value() -> BoxedStrategy<Value> {
    let number = prop::sample::select(&[0_i64, 1, 10, -5, i64::MAX, i64::MIN][..]);
    prop_oneof![
        3 => text().prop_map(|text| json!({ "exact": text })),
        2 => text().prop_map(|text| json!({ "prefix": text })),
        2 => text().prop_map(|text| json!({ "suffix": text })),
        3 => regex().prop_map(|regex| json!({ "regex": regex })),
        2 => (number.clone(), number).prop_map(|(start, end)| json!({ "range": { "start": start, "end": end } })),
        1 => Just(json!({})),
    ]
    .boxed()
}

/// Conditions on headers or gRPC metadata.
pub(super) fn headers() -> BoxedStrategy<Value> {
    let one = (
        header(),
        sometimes(75, header_value()),
        sometimes(30, any::<bool>().prop_map(Value::from)),
    )
        .prop_map(|(name, matching, invert)| {
            map([
                ("name", Some(name)),
                ("match", matching),
                ("invert", invert),
            ])
        })
        .boxed();
    prop_oneof![8 => prop::collection::vec(one.clone(), 1..3), 1 => prop::collection::vec(one, 10)]
        .prop_map(Value::from)
        .boxed()
}

/// Conditions on query parameters.
pub(super) fn queries() -> BoxedStrategy<Value> {
    let exact =
        prop_oneof![8 => text().prop_map(|text| json!({ "exact": text })), 1 => Just(json!({}))];
    let one = (query(), sometimes(75, exact))
        .prop_map(|(name, matching)| map([("name", Some(name)), ("match", matching)]));
    prop::collection::vec(one, 1..3)
        .prop_map(Value::from)
        .boxed()
}

/// A method.
pub(super) fn method() -> BoxedStrategy<Value> {
    let methods = &[
        "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE",
    ][..];
    prop::sample::select(methods).prop_map(Value::from).boxed()
}

/// `prefix` or `path`; rarely neither or both.
pub(super) fn path() -> BoxedStrategy<(Option<Value>, Option<Value>)> {
    let path = || {
        prop_oneof![
            exact_path().prop_map(|path| json!({ "exact": path })),
            regex().prop_map(|path| json!({ "regex": path }))
        ]
    };
    prop_oneof![
        20 => prefix().prop_map(|prefix| (Some(prefix), None)),
        20 => path().prop_map(|path| (None, Some(path))),
        2 => Just((None, None)),
        1 => (prefix(), path()).prop_map(|(prefix, path)| (Some(prefix), Some(path))),
    ]
    .boxed()
}

/// The match of an http or http2 route.
pub(super) fn http() -> BoxedStrategy<Value> {
    let scheme = prop::sample::select(&["http", "https"][..]).prop_map(Value::from);
    (
        path(),
        sometimes(30, headers()),
        sometimes(20, method()),
        sometimes(20, queries()),
        sometimes(10, scheme),
        sometimes(5, port()),
    )
        .prop_map(|((prefix, path), headers, method, queries, scheme, port)| {
            map([
                ("prefix", prefix),
                ("path", path),
                ("headers", headers),
                ("method", method),
                ("queryParameters", queries),
                ("scheme", scheme),
                ("port", port),
            ])
        })
        .boxed()
}
