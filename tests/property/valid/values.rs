//! Single values, at the edges of what is allowed too.

use serde_json::{Value, json};

use super::Dice;

/// A duration that is not 0.
pub(super) fn duration(dice: &mut Dice) -> Value {
    let (value, unit) = dice.pick(&[
        (1_i64, "ms"),
        (250, "ms"),
        (1, "s"),
        (15, "s"),
        (3600, "s"),
        (86_400, "s"),
        (2_147_483_647, "ms"),
    ]);
    json!({ "value": value, "unit": unit })
}

/// A timeout, which 0 turns off.
pub(super) fn timeout(dice: &mut Dice) -> Value {
    if dice.chance(15) {
        return json!({ "value": 0, "unit": dice.pick(&["s", "ms"]) });
    }
    duration(dice)
}

/// Timeouts of requests.
pub(super) fn http_timeout(dice: &mut Dice) -> Value {
    let request = dice.maybe(60, timeout);
    let idle = dice.maybe(60, timeout);
    super::map([("perRequest", request), ("idle", idle)])
}

/// A limit of a pool.
pub(super) fn limit(dice: &mut Dice) -> Value {
    dice.pick(&[1_i64, 2, 100, 1024, 2_147_483_647]).into()
}

/// What is logged of requests.
pub(super) fn logging(dice: &mut Dice) -> Value {
    let format = dice.maybe(70, |dice| match dice.below(2) {
        0 => json!({ "text": dice.pick(&[
            "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" %RESPONSE_CODE%\n",
            "%DURATION% %BYTES_SENT% %UPSTREAM_HOST%\n",
            "plain text",
            "100%% sure %REQ(user-agent):12%\n",
            "%START_TIME(%Y-%m-%dT%H:%M:%S%z)% ünï 日本\n",
        ]) }),
        _ => json!({ "json": dice.some(&[
            ("time", "%START_TIME%"),
            ("code", "%RESPONSE_CODE%"),
            ("user agent", "%REQ(USER-AGENT)%"),
            ("static", "value"),
            ("müßig", "%PROTOCOL% and %DURATION%"),
        ]).into_iter().map(|(key, value)| json!({ "key": key, "value": value })).collect::<Vec<_>>() }),
    });
    let path = dice.pick(&[
        "/dev/stdout",
        "/dev/stderr",
        "/tmp/access log",
        "/tmp/zugriff-ü.log",
    ]);
    let file = super::map([("path", Some(path.into())), ("format", format)]);
    json!({ "accessLog": { "file": file } })
}
