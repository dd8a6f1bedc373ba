//! Every match kind of a route, through a real Envoy.

use tulle_tests::bed::Bed;
use tulle_tests::manifests::{kube_service, mesh, node, router, service, targets};
use tulle_tests::netns::Host;

use crate::table::{Expect, play};

/// Applications that stand for the nodes of a routing test: one host, a port each.
pub(crate) const COLOURS: [(&str, u16); 5] = [
    ("blue", 9001),
    ("green", 9002),
    ("red", 9003),
    ("yellow", 9004),
    ("white", 9005),
];

/// Nodes and Services for every colour on `host`, and the applications themselves.
pub(crate) fn colours(bed: &mut Bed, host: &Host, protocol: &str) -> String {
    let mut text = String::new();
    for (name, port) in COLOURS {
        bed.application(host, name, &["--http", &format!("0.0.0.0:{port}")]);
        text += &node(name, &[(8080, protocol)], &[]);
        text += &kube_service(name, &[(8080, port)], host.address);
    }
    text
}

/// A route as a list item.
pub(crate) fn route(kind: &str, name: &str, rest: &str, matching: &str, to: &str) -> String {
    format!(
        "  - {{name: {name}, {rest}{kind}Route: {{match: {{{matching}}}, action: {{{}}}}}}}\n",
        targets(&[(to, 1)])
    )
}

#[test]
fn http_matches_choose_the_node() {
    let mut bed = Bed::new();
    let (client, apps) = (bed.network.host(), bed.network.host());
    let mut text =
        mesh("DROP_ALL") + &node("client", &[], &["color"]) + &colours(&mut bed, &apps, "http");
    let http = |name, matching, to| route("http", name, "", matching, to);
    let routes = [
        http("prefix", "prefix: /chapter", "blue"),
        http("longer", "prefix: /chapter/one", "green"),
        http("exact", "path: {exact: /chapter/one}", "red"),
        http("regex", "path: {regex: '/user/[0-9]+'}", "yellow"),
        http("method", "prefix: /m, method: POST", "red"),
        http("m-rest", "prefix: /m", "white"),
        http(
            "exact-header",
            "prefix: /h0, headers: [{name: Color, match: {exact: blue}}]",
            "blue",
        ),
        http(
            "regex-header",
            "prefix: /h1, headers: [{name: color, match: {regex: '.*green.*'}}]",
            "green",
        ),
        http(
            "prefix-header",
            "prefix: /h2, headers: [{name: color, match: {prefix: red}}]",
            "red",
        ),
        http(
            "suffix-header",
            "prefix: /h3, headers: [{name: color, match: {suffix: low}}]",
            "yellow",
        ),
        http(
            "present-header",
            "prefix: /h4, headers: [{name: color}]",
            "white",
        ),
        http(
            "range",
            "prefix: /h5, headers: [{name: num, match: {range: {start: -5, end: 20}}}]",
            "blue",
        ),
        http(
            "not-exact",
            "prefix: /h6, headers: [{name: color, invert: true, match: {exact: blue}}]",
            "green",
        ),
        http(
            "absent",
            "prefix: /h7, headers: [{name: color, invert: true}]",
            "red",
        ),
        http(
            "two",
            "prefix: /h8, headers: [{name: a, match: {exact: '1'}}, {name: b, match: {exact: '2'}}]",
            "yellow",
        ),
        http(
            "query",
            "prefix: /q, queryParameters: [{name: color, match: {exact: red}}]",
            "red",
        ),
        http(
            "query-present",
            "prefix: /q1, queryParameters: [{name: color}]",
            "green",
        ),
        http("scheme", "prefix: /s0, scheme: http", "blue"),
        http("no-scheme", "prefix: /s1, scheme: https", "blue"),
        route("http", "late", "priority: 20, ", "prefix: /p", "blue"),
        route("http", "first", "priority: 10, ", "prefix: /p", "green"),
        http("unordered", "path: {exact: /p}", "red"),
    ];
    text += &router("color", 8080, "http", &routes.concat());
    text += &service(
        "color",
        "color.shop.svc.cluster.local",
        "virtualRouter",
        "color",
    );
    bed.save("mesh.yaml", &text);
    bed.serve();
    bed.sidecar(&client, "virtualnode/shop/client", &[]);
    use Expect::{From, Path, Status};
    play(
        &client,
        "10.96.0.1:8080".parse().expect("an address"),
        "color.shop.svc.cluster.local",
        false,
        &[
            ("GET /chapter", &[], From("blue")),
            ("GET /chapter1/x?y=z", &[], Path("blue", "/chapter1/x?y=z")),
            ("GET /chapter/one", &[], From("red")),
            ("GET /chapter/one?x=1", &[], From("red")),
            ("GET /chapter/one/two", &[], From("green")),
            ("GET /chapter/ones", &[], From("green")),
            ("GET /Chapter", &[], Status(404)),
            ("GET /user/42", &[], From("yellow")),
            ("GET /user/42?a=b", &[], From("yellow")),
            ("GET /user/42/x", &[], Status(404)),
            ("GET /user/x", &[], Status(404)),
            ("POST /m", &[], From("red")),
            ("GET /m", &[], From("white")),
            ("GET /h0", &[("color", "blue")], From("blue")),
            ("GET /h0", &[("color", "Blue")], Status(404)),
            ("GET /h1", &[("color", "a-green-b")], From("green")),
            ("GET /h1", &[("color", "grey")], Status(404)),
            ("GET /h2", &[("color", "reddish")], From("red")),
            ("GET /h2", &[("color", "infrared")], Status(404)),
            ("GET /h3", &[("color", "yellow")], From("yellow")),
            ("GET /h3", &[("color", "yellows")], Status(404)),
            ("GET /h4", &[("color", "")], From("white")),
            ("GET /h4", &[], Status(404)),
            ("GET /h5", &[("num", "-5")], From("blue")),
            ("GET /h5", &[("num", "19")], From("blue")),
            ("GET /h5", &[("num", "20")], Status(404)),
            ("GET /h5", &[("num", "many")], Status(404)),
            ("GET /h6", &[("color", "red")], From("green")),
            ("GET /h6", &[("color", "blue")], Status(404)),
            ("GET /h7", &[], From("red")),
            ("GET /h7", &[("color", "x")], Status(404)),
            ("GET /h8", &[("a", "1"), ("b", "2")], From("yellow")),
            ("GET /h8", &[("a", "1"), ("b", "1")], Status(404)),
            ("GET /q?color=red", &[], From("red")),
            ("GET /q?x=y&color=red", &[], From("red")),
            ("GET /q?color=blue", &[], Status(404)),
            ("GET /q1?color", &[], From("green")),
            ("GET /q1?color=", &[], From("green")),
            ("GET /q1?colors=1", &[], Status(404)),
            ("GET /s0", &[], From("blue")),
            ("GET /s1", &[], Status(404)),
            ("GET /p", &[], From("green")),
            ("GET /none", &[], Status(404)),
        ],
    );
    bed.assert_content();
}

#[test]
fn grpc_and_http2_matches_choose_the_node() {
    let mut bed = Bed::new();
    let (client, apps) = (bed.network.host(), bed.network.host());
    let mut text =
        mesh("DROP_ALL") + &node("client", &[], &["rpc"]) + &colours(&mut bed, &apps, "grpc");
    let grpc = |name, matching, to| route("grpc", name, "", matching, to);
    text += &router(
        "rpc",
        8080,
        "grpc",
        &[
            grpc(
                "method",
                "serviceName: color.Color, methodName: Get",
                "blue",
            ),
            grpc("service", "serviceName: color.Color", "green"),
            grpc(
                "metadata",
                "metadata: [{name: tenant, match: {exact: gold}}]",
                "red",
            ),
        ]
        .concat(),
    );
    text += &service("rpc", "rpc.shop.svc.cluster.local", "virtualRouter", "rpc");
    bed.save("mesh.yaml", &text);
    bed.serve();
    bed.sidecar(&client, "virtualnode/shop/client", &[]);
    const GRPC: (&str, &str) = ("content-type", "application/grpc+proto");
    use Expect::{From, Grpc, Status};
    play(
        &client,
        "10.96.0.1:8080".parse().expect("an address"),
        "rpc.shop.svc.cluster.local",
        true,
        &[
            ("POST /color.Color/Get", &[GRPC], From("blue")),
            ("POST /color.Color/GetAll", &[GRPC], From("green")),
            ("POST /color.Colors/Get", &[GRPC], Grpc("12")),
            (
                "POST /other.Service/Do",
                &[GRPC, ("tenant", "gold")],
                From("red"),
            ),
            (
                "POST /other.Service/Do",
                &[GRPC, ("tenant", "tin")],
                Grpc("12"),
            ),
            (
                "POST /color.Color/Get",
                &[("content-type", "text/plain")],
                Status(404),
            ),
        ],
    );
    bed.assert_content();
}
