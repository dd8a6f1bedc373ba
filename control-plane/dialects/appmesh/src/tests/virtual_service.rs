use serde_json::json;
use tulle_model::fragment::{Fragment, Provider, Ref, Service};

use super::*;
use crate::names::name;

fn service(fragment: Fragment) -> Service {
    match fragment {
        Fragment::Service(service) => *service,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_host_is_the_aws_name_in_lower_case() {
    for (given, host) in [
        (
            "Color.Shop.svc.cluster.local",
            "color.shop.svc.cluster.local",
        ),
        ("color_app", "color_app"),
        ("10.0.0.1", "10.0.0.1"),
        ("[FD00::1]", "[fd00::1]"),
    ] {
        let service = service(clean("VirtualService", json!({"awsName": given})));
        assert_eq!((&*service.alias, &*service.host), (given, host));
        assert_eq!(service.provider, None);
    }
}

#[test]
fn a_service_whose_name_is_no_host_is_left_out() {
    for given in [
        "*",
        "*.shop",
        "color:8080",
        "color shop",
        "${APP}",
        "a..b",
        ".a",
        "kö",
        "/",
        "fd00::1",
    ] {
        let fragment = one_finding(
            "VirtualService",
            json!({"awsName": given}),
            Severity::Error,
            "spec.awsName",
            "is no host name",
        );
        assert_eq!(fragment, None);
    }
}

#[test]
fn providers() {
    let arn = "arn:aws:appmesh:r:1:mesh/m/virtualRouter/r_shop";
    for (given, expected) in [
        (
            json!({"virtualNode": {"virtualNodeRef": {"name": "n"}}}),
            Provider::Workload(Ref::Name(name("shop", "n"))),
        ),
        (
            json!({"virtualRouter": {"virtualRouterRef": {"name": "r", "namespace": "x"}}}),
            Provider::Router(Ref::Name(name("x", "r"))),
        ),
        (
            json!({"virtualRouter": {"virtualRouterARN": arn}}),
            Provider::Router(Ref::Alias("r_shop".into())),
        ),
    ] {
        let service = service(clean("VirtualService", json!({"provider": given})));
        assert_eq!(service.provider, Some(expected));
    }
}

#[test]
fn without_a_usable_provider_nobody_answers() {
    let node = json!({"virtualNodeRef": {"name": "n"}});
    let router = json!({"virtualRouterRef": {"name": "r"}});
    for (provider, severity, field) in [
        (json!({}), Severity::Warning, "spec.provider"),
        (
            json!({"virtualNode": node, "virtualRouter": router}),
            Severity::Error,
            "spec.provider",
        ),
        (
            json!({"virtualNode": {}}),
            Severity::Error,
            "spec.provider.virtualNode",
        ),
    ] {
        let spec = json!({"provider": provider});
        let fragment = one_finding("VirtualService", spec, severity, field, "");
        assert_eq!(service(fragment.unwrap()).provider, None);
    }
}
