//! The gateways of App Mesh's walkthroughs, asked what their texts ask.

use tulle_model::linked::GatewayRoute;
use tulle_model::matching::{
    HeaderMatch, HttpMatch, PathMatch, PathRewrite, QueryMatch, ValueMatch,
};

use super::super::compose;
use super::envoy::one_pass;
use super::request::Request;
use super::two_pass::two_pass;
use super::{Outcome, gateway_route, on_path, service_route};

fn prefix(text: &str) -> HttpMatch {
    on_path(PathMatch::Prefix(text.into()))
}

fn exact(text: &str) -> HttpMatch {
    on_path(PathMatch::Exact(text.into()))
}

fn color_header(value: &str) -> HeaderMatch {
    HeaderMatch {
        name: "color_header".into(),
        invert: false,
        value: Some(ValueMatch::Exact(value.into())),
    }
}

fn to(text: &str) -> PathRewrite {
    PathRewrite::Prefix(text.into())
}

/// Gateway route and service route that take a request, by both ways.
fn taken(gateway: &[GatewayRoute], request: &Request) -> Option<String> {
    let expected = two_pass(gateway, request);
    let composed: Vec<_> = gateway
        .iter()
        .map(|route| (route.clone(), compose(route)))
        .collect();
    assert!(
        composed
            .iter()
            .all(|(_, composed)| composed.findings.is_empty())
    );
    assert_eq!(one_pass(&composed, request), expected);
    match expected {
        Outcome::Forward {
            gateway, service, ..
        } => Some(format!("{gateway}/{service}")),
        _ => None,
    }
}

/// howto-k8s-ingress-gateway: `/paths` with a route a colour, `/headers` with a route a header.
#[test]
fn ingress_gateway() {
    let colors = ["red", "blue", "yellow"];
    let by_path = colors.map(|color| service_route(color, prefix(&format!("/{color}"))));
    let by_header = colors.map(|color| {
        let matches = HttpMatch {
            headers: vec![color_header(color)],
            ..prefix("/")
        };
        service_route(color, matches)
    });
    let host = Some("color-paths.howto");
    let gateway = [
        gateway_route(
            "headers",
            prefix("/headers"),
            to("/"),
            host,
            by_header.into(),
        ),
        gateway_route("paths", prefix("/paths"), to("/"), host, by_path.into()),
    ];
    for color in ["red", "blue", "yellow"] {
        let request = Request::get(&format!("/paths/{color}"));
        assert_eq!(taken(&gateway, &request), Some(format!("paths/{color}")));
        let mut request = Request::get("/headers");
        request
            .headers
            .push(("color_header".to_owned(), color.to_owned()));
        assert_eq!(taken(&gateway, &request), Some(format!("headers/{color}")));
        assert_eq!(taken(&gateway, &Request::get("/headers")), None);
    }
    assert_eq!(taken(&gateway, &Request::get("/paths/green")), None);
}

/// howto-k8s-http-ingress-v2: every kind of match, priorities, rewrites.
#[test]
fn http_ingress_v2() {
    let service = || {
        ["red", "blue", "green"]
            .map(|color| service_route(color, prefix(&format!("/{color}"))))
            .to_vec()
    };
    let any = |name| vec![service_route(name, prefix("/"))];
    let header = HttpMatch {
        headers: vec![color_header("yellow")],
        ..prefix("/headers")
    };
    let query = HttpMatch {
        query: vec![QueryMatch {
            name: "color_type".into(),
            exact: Some("white".into()),
        }],
        ..exact("/query")
    };
    let method = HttpMatch {
        method: Some("POST".into()),
        ..prefix("/method")
    };
    let gateway = [
        gateway_route(
            "exact",
            exact("/paths/green"),
            PathRewrite::Keep,
            None,
            any("green"),
        ),
        gateway_route("header", header, to("/"), None, any("yellow")),
        gateway_route("query", query, PathRewrite::Keep, None, any("white")),
        gateway_route("method", method, to("/"), None, any("black")),
        gateway_route("test", prefix("/test/"), to("/red/"), None, service()),
        gateway_route(
            "rewrite",
            exact("/rewrite/path/blue"),
            PathRewrite::Exact("/blue".into()),
            None,
            service(),
        ),
        gateway_route("prefix", prefix("/paths"), to("/"), None, service()),
    ];
    let mut yellow = Request::get("/headers");
    yellow
        .headers
        .push(("color_header".to_owned(), "yellow".to_owned()));
    let mut black = Request::get("/method");
    black.method = "POST";
    let table = [
        (Request::get("/paths/red"), Some("prefix/red")),
        (Request::get("/paths/blue"), Some("prefix/blue")),
        (Request::get("/paths/green"), Some("exact/green")),
        (Request::get("/paths/pink"), None),
        (yellow, Some("header/yellow")),
        (Request::get("/headers"), None),
        (Request::get("/query?color_type=white"), Some("query/white")),
        (Request::get("/query?color_type=red"), None),
        (Request::get("/test/"), Some("test/red")),
        (Request::get("/rewrite/path/blue"), Some("rewrite/blue")),
        (black, Some("method/black")),
        (Request::get("/method"), None),
    ];
    for (request, wanted) in table {
        assert_eq!(taken(&gateway, &request).as_deref(), wanted, "{request:?}");
    }
}
