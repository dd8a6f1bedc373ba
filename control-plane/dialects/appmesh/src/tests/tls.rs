//! TLS on both ends: what each form becomes, and that nothing that cannot be used leads to plaintext.

use serde_json::json;
use tulle_model::fragment::Listener;
use tulle_model::policy::ClientPolicy;
use tulle_model::tls::{Certificate, ClientTls, TlsMode, Trust};

use super::*;

const CERTIFICATE: &str = "spec.listeners[0].tls.certificate";
const VALIDATION: &str = "spec.listeners[0].tls.validation";
const POLICY: &str = "spec.backendDefaults.clientPolicy.tls";

fn file() -> Value {
    json!({"file": {"certificateChain": "/c.pem", "privateKey": "/k.pem"}})
}

fn ca() -> Value {
    json!({"file": {"certificateChain": "/ca.pem"}})
}

fn sds(name: &str) -> Value {
    json!({"sds": {"secretName": name}})
}

fn names(names: &[&str]) -> Value {
    json!({"match": {"exact": names}})
}

/// The listeners of a node or gateway that has one with this `tls`.
fn listeners(kind: &str, tls: &Value) -> (Vec<Listener>, Translated) {
    let mut spec =
        json!({"listeners": [{"portMapping": {"port": 80, "protocol": "http"}, "tls": tls}]});
    if kind == "VirtualNode" {
        spec["serviceDiscovery"] = json!({"dns": {"hostname": "one.shop"}});
    }
    let translated = translated(kind, spec);
    let listeners = match translated.fragments[0].clone() {
        Fragment::Workload(workload) => workload.listeners,
        Fragment::Gateway(gateway) => gateway.listeners,
        other => panic!("{other:?}"),
    };
    (listeners, translated)
}

fn strict(certificate: Value) -> Value {
    json!({"mode": "STRICT", "certificate": certificate})
}

/// A client's policy and what is said of it.
fn policy(kind: &str, tls: &Value) -> (ClientTls, Translated) {
    let spec = json!({"backendDefaults": {"clientPolicy": {"tls": tls}}});
    let translated = translated(kind, spec);
    let policy: Option<ClientPolicy> = match translated.fragments[0].clone() {
        Fragment::Workload(workload) => workload.default_policy,
        Fragment::Gateway(gateway) => gateway.default_policy,
        other => panic!("{other:?}"),
    };
    (*policy.unwrap().tls.unwrap(), translated)
}

#[test]
fn every_form_of_a_listeners_certificate() {
    for kind in ["VirtualNode", "VirtualGateway"] {
        for (given, expected) in [
            (
                file(),
                Certificate::File {
                    chain: str("/c.pem"),
                    key: str("/k.pem"),
                },
            ),
            (
                sds("spiffe://shop/blue"),
                Certificate::Sds {
                    secret: str("spiffe://shop/blue"),
                },
            ),
            (
                sds("kubernetes://blue-tls.v2"),
                Certificate::Secret {
                    name: str("blue-tls.v2"),
                },
            ),
        ] {
            let (listeners, translated) = listeners(kind, &strict(given));
            assert_eq!(translated.findings, []);
            let tls = listeners[0].tls.clone().unwrap();
            assert_eq!((tls.mode, tls.certificate), (TlsMode::Strict, expected));
            assert_eq!(tls.validation, None);
        }
        let acm = json!({"acm": {"certificateARN": "arn:aws:acm:…"}});
        let (listeners, translated) = listeners(kind, &strict(acm));
        let field = "spec.listeners[0].tls.certificate.acm";
        let expected = [(Severity::Info, "acm-without-aws", field)];
        assert_eq!(findings(&translated), expected);
        let tls = listeners[0].tls.clone().unwrap();
        assert_eq!(tls.certificate, Certificate::Mesh);
    }
}

#[test]
fn the_modes_of_a_listener() {
    for (mode, expected) in [
        ("PERMISSIVE", TlsMode::Permissive),
        ("DISABLED", TlsMode::Disabled),
    ] {
        let tls = json!({"mode": mode, "certificate": file()});
        let (listeners, translated) = listeners("VirtualNode", &tls);
        assert_eq!(translated.findings, []);
        assert_eq!(listeners[0].tls.as_ref().unwrap().mode, expected);
    }
    // What is not used need not be right.
    let tls = json!({"mode": "DISABLED", "certificate": {}});
    let (listeners, translated) = listeners("VirtualNode", &tls);
    assert_eq!((listeners.len(), &*translated.findings), (1, &[][..]));
}

#[test]
fn a_listener_whose_tls_cannot_be_used_is_left_out() {
    let long = format!("/{}", "a".repeat(255));
    let mut both = file();
    both["sds"] = json!({"secretName": "x"});
    let chain = |chain: &str| json!({"file": {"certificateChain": chain, "privateKey": "/k"}});
    let of_chain = format!("{CERTIFICATE}.file.certificateChain");
    let of_secret = format!("{CERTIFICATE}.sds.secretName");
    for (certificate, code, field) in [
        (json!({}), "missing-field", CERTIFICATE),
        (both, "conflicting-fields", CERTIFICATE),
        (chain(""), "invalid-value", &*of_chain),
        (chain(&long), "invalid-value", &of_chain),
        (chain("/a\nb"), "invalid-value", &of_chain),
        (sds(""), "invalid-value", &of_secret),
        (sds("kubernetes://"), "invalid-value", &of_secret),
        (sds("kubernetes://Blue"), "invalid-value", &of_secret),
        (sds("kubernetes://a/b"), "invalid-value", &of_secret),
    ] {
        for kind in ["VirtualNode", "VirtualGateway"] {
            let (listeners, translated) = listeners(kind, &strict(certificate.clone()));
            let expected = [(Severity::Error, code, field)];
            assert_eq!(findings(&translated), expected, "{certificate}");
            assert_eq!(listeners.len(), 0, "{certificate}");
        }
    }
}

#[test]
fn what_a_listener_asks_of_clients() {
    let mut tls = strict(file());
    tls["validation"] = json!({"trust": ca(), "subjectAlternativeNames": names(&["b", "a", "b"])});
    let (found, translated) = listeners("VirtualNode", &tls);
    assert_eq!(translated.findings, []);
    let validation = found[0].tls.clone().unwrap().validation.unwrap();
    assert_eq!(validation.names, [str("a"), str("b")]);
    assert_eq!(
        validation.trust,
        Trust::File {
            chain: str("/ca.pem")
        }
    );
    let of_names = format!("{VALIDATION}.subjectAlternativeNames.match.exact");
    let first = format!("{of_names}[0]");
    let of_trust = format!("{VALIDATION}.trust");
    let long = "a".repeat(255);
    for (validation, code, field) in [
        (json!({"trust": {}}), "missing-field", &*of_trust),
        (
            json!({"trust": ca(), "subjectAlternativeNames": names(&[])}),
            "missing-field",
            &of_names,
        ),
        (
            json!({"trust": ca(), "subjectAlternativeNames": names(&[&long, "b"])}),
            "invalid-value",
            &first,
        ),
    ] {
        let mut tls = strict(file());
        tls["validation"] = validation;
        let (found, translated) = listeners("VirtualNode", &tls);
        assert_eq!(findings(&translated), [(Severity::Error, code, field)]);
        assert_eq!(found.len(), 0);
    }
}

#[test]
fn a_gateways_trust_by_acm_which_never_worked_is_tulles_authority() {
    let mut tls = strict(file());
    tls["validation"] = json!({"trust": {"acm": {"certificateAuthorityARNs": ["arn"]}}});
    let (found, translated) = listeners("VirtualGateway", &tls);
    let field = format!("{VALIDATION}.trust.acm");
    let expected = [(Severity::Info, "acm-without-aws", &*field)];
    assert_eq!(findings(&translated), expected);
    let validation = found[0].tls.clone().unwrap().validation.unwrap();
    assert_eq!(validation.trust, Trust::Mesh);
}

#[test]
fn a_client_policy_as_it_is_written() {
    let tls = json!({
        "certificate": sds("kubernetes://own"), "enforce": false, "ports": [443, 80],
        "validation": {"trust": sds("spiffe://shop"), "subjectAlternativeNames": names(&["b", "a"])},
    });
    for kind in ["VirtualNode", "VirtualGateway"] {
        let (tls, translated) = policy(kind, &tls);
        assert_eq!(translated.findings, []);
        let expected = ClientTls {
            enforce: false,
            ports: [80, 443].into(),
            certificate: Some(Certificate::Secret { name: str("own") }),
            trust: Trust::Sds {
                secret: str("spiffe://shop"),
            },
            names: Some(vec![str("a"), str("b")]),
        };
        assert_eq!(tls, expected);
    }
    let tls = json!({"validation": {"trust": {"acm": {"certificateAuthorityARNs": ["x"]}}}});
    let (tls, translated) = policy("VirtualNode", &tls);
    let field = format!("{POLICY}.validation.trust.acm");
    let expected = [(Severity::Info, "acm-without-aws", &*field)];
    assert_eq!(findings(&translated), expected);
    assert_eq!(
        (tls.enforce, tls.trust, tls.names),
        (true, Trust::Mesh, None)
    );
}

#[test]
fn a_client_policy_that_cannot_be_used_trusts_nobody() {
    let with = |key: &str, value: Value| {
        let mut tls = json!({"validation": {"trust": ca()}});
        tls[key] = value;
        tls
    };
    let mut both = ca();
    both["acm"] = json!({"certificateAuthorityARNs": ["x"]});
    let of_trust = format!("{POLICY}.validation.trust");
    let of_certificate = format!("{POLICY}.certificate");
    let of_names = format!("{POLICY}.validation.subjectAlternativeNames.match.exact");
    let no_names = json!({"trust": ca(), "subjectAlternativeNames": names(&[])});
    for (tls, code, field) in [
        (
            json!({"validation": {"trust": {}}}),
            "missing-field",
            &of_trust,
        ),
        (
            json!({"validation": {"trust": both}}),
            "conflicting-fields",
            &of_trust,
        ),
        (
            with("certificate", json!({})),
            "missing-field",
            &of_certificate,
        ),
        (with("validation", no_names), "missing-field", &of_names),
    ] {
        let (made, translated) = policy("VirtualNode", &tls);
        let expected = [(Severity::Error, code, field.as_str())];
        assert_eq!(findings(&translated), expected, "{tls}");
        assert_eq!((made.enforce, made.trust), (true, Trust::Nobody), "{tls}");
    }
}

#[test]
fn ports_that_are_none_do_not_narrow_a_policy_to_nothing() {
    let tls = json!({"ports": [70000], "validation": {"trust": ca()}});
    let (made, translated) = policy("VirtualNode", &tls);
    let field = format!("{POLICY}.ports[0]");
    let expected = [(Severity::Error, "invalid-value", &*field)];
    assert_eq!(findings(&translated), expected);
    assert!(made.covers(80));
}
