use tulle_model::linked::Sidecar;
use tulle_model::matching::{HostMatch, HttpMatch, PathMatch};
use tulle_model::policy::EgressPolicy;

use super::*;
use crate::fixture::{colour, gateway, gateway_route, http_port, prefix, route, sidecar, view};

fn bad_regex() -> HttpMatch {
    HttpMatch {
        path: PathMatch::Regex("a(".into()),
        ..Default::default()
    }
}

#[test]
fn a_view_that_compiles_as_written_has_no_findings() {
    let mut view = sidecar(EgressPolicy::AllowAll);
    assert_eq!(findings(&view, Capture::Transparent), []);
    view = gateway();
    let errors = findings(&view, Capture::Transparent);
    assert!(
        errors.iter().all(|f| f.severity != Severity::Error),
        "{errors:?}"
    );
}

#[test]
fn a_route_left_out_is_told_once_on_its_object() {
    let mut service = colour();
    service.routes = vec![route("bad", bad_regex(), &[("blue", 1)])];
    let port = |port| http_port(port, vec![service.clone()], Vec::new());
    let view = ProxyView {
        role: Role::Sidecar(Sidecar {
            inbound: Vec::new(),
            outbound: vec![port(80), port(81)],
            egress: EgressPolicy::DropAll,
        }),
        ..view()
    };
    let findings = findings(&view, Capture::Transparent);
    let expected = "error: VirtualRouter shop/colour: bad is left out: Envoy refuses its path regex \"a(\": a '(' has no ')', or the other way round [refused-by-envoy]; close the group, or write \\( and \\) for the characters";
    let told: Vec<_> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(told, [expected]);
}

#[test]
fn a_tcp_service_that_capture_hides_is_told() {
    let view = sidecar(EgressPolicy::DropAll);
    let loopback = findings(&view, "loopback=127.80.1.0/29".parse().unwrap());
    let codes: Vec<_> = loopback
        .iter()
        .map(|f| (&*f.code, &*f.object.name))
        .collect();
    assert_eq!(codes, [("port-shared", "cache"), ("port-shared", "other")]);
}

#[test]
fn a_gateway_route_left_out_is_told() {
    let mut view = gateway();
    let Role::Gateway(part) = &mut view.role else {
        panic!("no gateway");
    };
    let bad = gateway_route("bad", HostMatch::Any, bad_regex());
    part.listeners[0].routes.push(bad.into());
    let good = gateway_route("good", HostMatch::Any, prefix("/good/"));
    part.listeners[0].routes.push(good.into());
    let findings = findings(&view, Capture::Transparent);
    let refused = findings.iter().filter(|f| &*f.code == "refused-by-envoy");
    let objects: Vec<_> = refused.map(|f| &*f.object.name).collect();
    assert_eq!(objects, ["bad"]);
}
