//! What requests are matched by.

use serde_json::{Value, json};

use super::{Dice, map};

const REGEXES: [&str; 12] = [
    ".*",
    "/user/[0-9]+",
    "a|b|c",
    "(?i)abc",
    "\\d+\\s\\w",
    "[[:alpha:]]+",
    "\\p{Greek}+",
    "a{2,5}",
    "^/a$",
    "(/[^/]+){1,3}",
    "日本.*",
    "/v[12]/(items|users)(/.*)?",
];

/// Another name for each, so that no two entries are about one header.
pub(super) fn headers(dice: &mut Dice) -> Value {
    let names = dice.some(&[
        "x-a",
        "X-B",
        "Accept",
        "cookie",
        "user-agent",
        "x_under",
        "x-long-name-of-fifty-characters-and-no-more-ok-001",
    ]);
    let entries: Vec<Value> = names
        .into_iter()
        .map(|name| {
            let condition = dice.maybe(80, |dice| match dice.below(5) {
                0 => json!({ "exact": dice.pick(&["a", "with space", "ü", "%REQ(x)%", "\"quoted\""]) }),
                1 => json!({ "prefix": dice.pick(&["a", "Bearer ", "日"]) }),
                2 => json!({ "suffix": dice.pick(&["a", ".png", "}"]) }),
                3 => json!({ "regex": dice.pick(&REGEXES) }),
                _ => {
                    let start = dice.pick(&[0_i64, -10, 5]);
                    json!({ "range": { "start": start, "end": start + dice.pick(&[1_i64, 100]) } })
                }
            });
            let invert = dice.maybe(30, |dice| dice.chance(50).into());
            map([
                ("name", Some(name.into())),
                ("match", condition),
                ("invert", invert),
            ])
        })
        .collect();
    entries.into()
}

/// Conditions on the query.
pub(super) fn queries(dice: &mut Dice) -> Value {
    let names = dice.some(&["q", "page", "a.b", "ü", "with space"]);
    let entries: Vec<Value> = names
        .into_iter()
        .map(|name| {
            let condition = dice.maybe(
                70,
                |dice| json!({ "exact": dice.pick(&["1", "", "a b", "%20", "日本"]) }),
            );
            map([("name", Some(name.into())), ("match", condition)])
        })
        .collect();
    entries.into()
}

/// A method.
pub(super) fn method(dice: &mut Dice) -> Value {
    dice.pick(&[
        "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE",
    ])
    .into()
}

/// A prefix.
pub(super) fn prefix(dice: &mut Dice) -> Value {
    dice.pick(&[
        "/",
        "/a",
        "/a/",
        "/a/b",
        "/with%20escapes",
        "/ü",
        "/a.b-c_d~e",
    ])
    .into()
}

/// A path, whole or as an expression.
pub(super) fn path(dice: &mut Dice) -> Value {
    match dice.below(2) {
        0 => json!({ "exact": dice.pick(&["/", "/a", "/a/b.html", "/ü"]) }),
        _ => json!({ "regex": dice.pick(&REGEXES) }),
    }
}

/// A gRPC service and perhaps its method.
pub(super) fn grpc(dice: &mut Dice) -> (Value, Option<Value>) {
    let service = dice.pick(&["shop.Cart", "Cart", "a.b.C_d"]);
    let method = dice.maybe(40, |dice| dice.pick(&["Add", "get_all"]).into());
    (service.into(), method)
}
