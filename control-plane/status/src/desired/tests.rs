use tulle_model::codes;

use super::*;
use crate::fixture::{finding, object};
use crate::refusal::RefusalKey;

fn say(
    object: &ObjectId,
    facts: Option<&Facts>,
    findings: &[Finding],
    refused: &[Refused],
) -> AppMeshStatus {
    let space = ArnSpace::default();
    desired(object, Some(7), facts, findings, refused, &space).unwrap()
}

fn facts(gateway: Option<&str>, routes: &[&str]) -> Facts {
    Facts {
        mesh: "shop-mesh".into(),
        alias: "it_shop".into(),
        gateway: gateway.map(Into::into),
        routes: routes.iter().map(|&route| route.into()).collect(),
    }
}

fn refused(scope: &str, message: &str) -> Refused {
    Refused {
        key: RefusalKey {
            scope: scope.into(),
            type_url: "type.googleapis.com/envoy.config.cluster.v3.Cluster".into(),
            name: "cds_egress".into(),
        },
        message: message.into(),
    }
}

#[test]
fn every_kind_has_its_condition_and_its_arn() {
    let mesh = "arn:aws:appmesh:us-west-2:000000000000:mesh/shop-mesh";
    let gateway = Some("gate_shop");
    for (kind, gateway, arn) in [
        ("Mesh", None, ""),
        ("VirtualNode", None, "/virtualNode/it_shop"),
        ("VirtualService", None, "/virtualService/it_shop"),
        ("VirtualRouter", None, "/virtualRouter/it_shop"),
        ("VirtualGateway", None, "/virtualGateway/it_shop"),
        (
            "GatewayRoute",
            gateway,
            "/virtualGateway/gate_shop/gatewayRoute/it_shop",
        ),
    ] {
        let routes: &[&str] = if kind == "VirtualRouter" {
            &["a", "b"]
        } else {
            &[]
        };
        let status = say(&object(kind, "it"), Some(&facts(gateway, routes)), &[], &[]);
        let condition = status.condition.unwrap();
        assert_eq!(condition.type_, format!("{kind}Active"));
        assert!(condition.active);
        assert_eq!((&*condition.reason, &*condition.message), ("Active", ""));
        assert_eq!(status.generation, Some(7));
        assert_eq!(status.arn.unwrap(), format!("{mesh}{arn}"));
        assert!(status.notices.is_empty());
        let expected = (kind == "VirtualRouter").then(|| {
            ["a", "b"]
                .map(|route| {
                    let arn = format!("{mesh}/virtualRouter/it_shop/route/{route}");
                    (route.to_owned(), arn)
                })
                .into()
        });
        assert_eq!(status.routes, expected);
    }
}

#[test]
fn without_names_the_arn_is_left_alone() {
    let status = say(&object("VirtualRouter", "it"), None, &[], &[]);
    assert_eq!((status.arn, status.routes), (None, None));
    let lost = say(
        &object("GatewayRoute", "it"),
        Some(&facts(None, &[])),
        &[],
        &[],
    );
    assert_eq!(lost.arn, None);
}

#[test]
fn errors_make_it_false_worst_first() {
    let node = object("VirtualNode", "front");
    let findings = [
        finding(Severity::Info, &node, "route-without-port"),
        finding(Severity::Warning, &node, "not-honoured-yet"),
        finding(Severity::Error, &node, "dangling-reference"),
    ];
    let status = say(&node, None, &findings, &[]);
    let condition = status.condition.unwrap();
    assert!(!condition.active);
    assert_eq!(condition.reason, "DanglingReference");
    assert_eq!(
        condition.message,
        "error: spec.listeners: dangling-reference here; mend it\n\
         warning: spec.listeners: not-honoured-yet here; mend it\n\
         info: spec.listeners: route-without-port here; mend it"
    );
    assert_eq!(
        status.notices,
        [Notice {
            reason: "DanglingReference".into(),
            message: "spec.listeners: dangling-reference here; mend it".into()
        }]
    );
}

#[test]
fn warnings_keep_it_true_and_are_told() {
    let node = object("VirtualNode", "front");
    let warning = [finding(Severity::Warning, &node, "not-honoured-yet")];
    let condition = say(&node, None, &warning, &[]).condition.unwrap();
    assert!(condition.active);
    assert_eq!(condition.reason, "NotHonouredYet");
    assert!(condition.message.starts_with("warning: spec.listeners: "));
    let hint = [finding(Severity::Info, &node, "route-without-port")];
    let condition = say(&node, None, &hint, &[]).condition.unwrap();
    assert_eq!(condition.reason, "Active");
    assert!(condition.message.starts_with("info: "));
}

#[test]
fn refusals_come_first_with_envoys_words_and_whose_they_are() {
    let node = object("VirtualNode", "front");
    let findings = [finding(Severity::Error, &node, "invalid-value")];
    let refusals = [
        refused("virtualnode/shop/z", "no\nsuch thing"),
        refused("virtualnode/shop/a", "no such thing"),
    ];
    let status = say(&node, None, &findings, &refusals);
    let condition = status.condition.unwrap();
    assert!(!condition.active);
    assert_eq!(condition.reason, REJECTED_BY_ENVOY);
    let lines: Vec<&str> = condition.message.lines().collect();
    assert_eq!(
        lines[0],
        "error: Envoy refuses Cluster cds_egress of virtualnode/shop/a, and keeps what it had: no such thing"
    );
    assert!(lines[1].contains("virtualnode/shop/z"));
    assert_eq!(lines.len(), 3);
    assert_eq!(status.notices.len(), 3);
}

#[test]
fn what_another_namespaces_proxy_refuses_is_a_warning_in_words_of_ours() {
    let router = object("VirtualRouter", "prices");
    let foreign = [refused(
        "virtualnode/evil/pod transparent",
        "click here: evil",
    )];
    let findings = [
        finding(Severity::Error, &router, "dangling-reference"),
        finding(Severity::Warning, &router, "not-honoured-yet"),
    ];
    let status = say(&router, None, &findings[1..], &foreign);
    assert!(status.notices.is_empty());
    let condition = status.condition.unwrap();
    assert!(condition.active);
    assert_eq!(condition.reason, REJECTED_ELSEWHERE);
    assert!(!condition.message.contains("evil"), "{}", condition.message);
    let lines: Vec<&str> = condition.message.lines().collect();
    assert!(lines[0].starts_with("warning: a proxy of another namespace does not accept"));
    assert_eq!(lines.len(), 2);

    let condition = say(&router, None, &findings, &foreign).condition.unwrap();
    assert_eq!(
        (condition.active, &*condition.reason),
        (false, "DanglingReference")
    );
    assert!(condition.message.starts_with("error: ") && !condition.message.contains("evil"));
    let mesh = say(&object("Mesh", "m"), None, &[], &foreign)
        .condition
        .unwrap();
    assert!(mesh.active && mesh.message.starts_with("warning: a proxy does not accept"));
}

#[test]
fn any_amount_is_bounded() {
    let node = object("VirtualNode", "front");
    let many: Vec<Finding> = (0..1000)
        .map(|at| {
            let message = "ä".repeat(at);
            Finding::new(
                Severity::Error,
                codes::INVALID_VALUE,
                &node,
                "spec",
                message,
            )
        })
        .collect();
    let status = say(
        &node,
        None,
        &many,
        &[refused("virtualnode/shop/a", &"x".repeat(1 << 20))],
    );
    let condition = status.condition.unwrap();
    assert!(condition.message.len() <= message::MOST_BYTES);
    assert!(condition.message.contains(" more"));
    assert_eq!(status.notices.len(), MOST_NOTICES);
}

#[test]
fn kinds_without_conditions_only_have_notices() {
    let space = ArnSpace::default();
    let group = object("BackendGroup", "all");
    assert_eq!(desired(&group, Some(1), None, &[], &[], &space), None);
    let error = [finding(Severity::Error, &group, "invalid-reference")];
    let status = desired(&group, Some(1), None, &error, &[], &space).unwrap();
    assert_eq!((status.condition, status.notices.len()), (None, 1));
    let secret = ObjectId::new("", "Secret", "shop", "x");
    assert_eq!(desired(&secret, None, None, &error, &[], &space), None);
}
