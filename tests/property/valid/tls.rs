//! TLS of listeners and of clients.

use serde_json::{Value, json};

use super::{Dice, map};

fn file(dice: &mut Dice) -> (&'static str, &'static str) {
    dice.pick(&[
        ("/certs/tls.crt", "/certs/tls.key"),
        ("/etc/with space/ü.pem", "/etc/with space/ü.key"),
        ("relative.pem", "relative.key"),
    ])
}

fn secret(dice: &mut Dice) -> &'static str {
    dice.pick(&[
        "spiffe://cluster.local/ns/one/sa/default",
        "plain",
        "with space/ü",
    ])
}

/// An SDS server knows a name as a certificate or as roots.
fn roots(dice: &mut Dice) -> &'static str {
    dice.pick(&["spiffe://cluster.local", "roots", "roots with space/ü"])
}

fn names(dice: &mut Dice) -> Value {
    let names = dice.some(&[
        "server.one.svc.cluster.local",
        "spiffe://cluster.local/ns/one/sa/default",
        "10.0.0.1",
        "*.example.com",
        "with space",
    ]);
    json!({ "match": { "exact": names } })
}

fn certificate(dice: &mut Dice, with_acm: bool) -> Value {
    match dice.below(if with_acm { 3 } else { 2 }) {
        0 => {
            let (chain, key) = file(dice);
            json!({ "file": { "certificateChain": chain, "privateKey": key } })
        }
        1 => json!({ "sds": { "secretName": secret(dice) } }),
        _ => {
            json!({ "acm": { "certificateARN": "arn:aws:acm:us-west-2:123456789012:certificate/abc" } })
        }
    }
}

fn trust(dice: &mut Dice, with_acm: bool) -> Value {
    match dice.below(if with_acm { 3 } else { 2 }) {
        0 => json!({ "file": { "certificateChain": file(dice).0 } }),
        1 => json!({ "sds": { "secretName": roots(dice) } }),
        _ => {
            json!({ "acm": { "certificateAuthorityARNs": ["arn:aws:acm-pca:us-west-2:123456789012:certificate-authority/abc"] } })
        }
    }
}

fn validation(dice: &mut Dice, with_acm: bool) -> Value {
    let trust = trust(dice, with_acm);
    let names = dice.maybe(50, names);
    map([("trust", Some(trust)), ("subjectAlternativeNames", names)])
}

/// How a listener ends TLS.
pub(super) fn listener(dice: &mut Dice) -> Value {
    let mode = dice.pick(&["STRICT", "PERMISSIVE", "DISABLED"]);
    let certificate = certificate(dice, true);
    let validation = dice.maybe(40, |dice| validation(dice, false));
    map([
        ("mode", Some(mode.into())),
        ("certificate", Some(certificate)),
        ("validation", validation),
    ])
}

/// How a client's calls are secured.
pub(super) fn client_policy(dice: &mut Dice) -> Value {
    if dice.chance(10) {
        return json!({});
    }
    let enforce = dice.maybe(60, |dice| dice.chance(50).into());
    let ports = dice.maybe(40, |dice| dice.some(&[80_u16, 8080, 9090, 65535]).into());
    let certificate = dice.maybe(40, |dice| certificate(dice, false));
    let validation = validation(dice, true);
    let tls = map([
        ("enforce", enforce),
        ("ports", ports),
        ("certificate", certificate),
        ("validation", Some(validation)),
    ]);
    json!({ "tls": tls })
}
