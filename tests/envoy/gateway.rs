//! Gateway routes and their rewrites, composed with the routes of the services behind them, through a
//! real gateway Envoy in one pass.

use tulle_tests::bed::Bed;
use tulle_tests::manifests::{document, mesh, router, service};

use crate::matching::{colours, route};
use crate::table::{Expect, play};

fn gateway_route(name: &str, rest: &str, matching: &str, rewrite: &str, to: &str) -> String {
    let rewrite = if rewrite.is_empty() {
        String::new()
    } else {
        format!(", rewrite: {{{rewrite}}}")
    };
    document(
        "GatewayRoute",
        name,
        &format!(
            "  {rest}\n  httpRoute: {{match: {{{matching}}}, action: {{target: {{virtualService: {{virtualServiceRef: {{name: {to}}}}}}}{rewrite}}}}}\n"
        ),
    )
}

#[test]
fn matches_and_rewrites_choose_the_node_the_path_and_the_host() {
    let mut bed = Bed::new();
    let (client, edge, apps) = (bed.network.host(), bed.network.host(), bed.network.host());
    let mut text = mesh("DROP_ALL") + &colours(&mut bed, &apps, "http");
    text += &document(
        "VirtualGateway",
        "in",
        "  namespaceSelector: {}\n  podSelector: {}\n  listeners:\n  - portMapping: {port: 8088, protocol: http}\n",
    );
    let http = |name, matching, to| route("http", name, "", matching, to);
    text += &router(
        "color",
        8080,
        "http",
        &[
            http("red", "prefix: /red", "red"),
            http("blue", "prefix: /blue", "blue"),
            http("root", "path: {exact: /}", "yellow"),
            http("user", "path: {regex: '/user/[0-9]+'}", "green"),
            http("post", "prefix: /form, method: POST", "white"),
        ]
        .concat(),
    );
    let host = |name: &str| format!("{name}.shop.svc.cluster.local");
    text += &service("color", &host("color"), "virtualRouter", "color");
    text += &service("green", &host("green"), "virtualNode", "green");
    text += &service("white", &host("white"), "virtualNode", "white");
    text += &[
        gateway_route("paths", "", "prefix: /paths", "", "color"),
        gateway_route(
            "exact",
            "priority: 0",
            "path: {exact: /paths/green}",
            "",
            "green",
        ),
        gateway_route(
            "header",
            "",
            "prefix: /headers, headers: [{name: color_header, match: {exact: yellow}}]",
            "",
            "color",
        ),
        gateway_route(
            "query",
            "",
            "prefix: /query, queryParameters: [{name: color_type, match: {exact: white}}]",
            "",
            "white",
        ),
        gateway_route("method", "", "prefix: /method, method: DELETE", "", "green"),
        gateway_route("chapter", "", "prefix: /chapter", "", "white"),
        gateway_route(
            "value",
            "",
            "prefix: /test/",
            "prefix: {value: /red/}",
            "color",
        ),
        gateway_route(
            "kept",
            "",
            "prefix: /blue",
            "prefix: {defaultPrefix: DISABLED}",
            "color",
        ),
        gateway_route(
            "swap",
            "",
            "path: {exact: /rewrite/path/blue}",
            "path: {exact: /blue}",
            "color",
        ),
        gateway_route(
            "any",
            "",
            "path: {regex: '/any/.*'}",
            "path: {exact: /user/7}",
            "color",
        ),
        gateway_route(
            "regex",
            "",
            "path: {regex: '/(user|member)/.*'}",
            "",
            "color",
        ),
        gateway_route(
            "own-host",
            "",
            "prefix: /host/",
            "hostname: {defaultTargetHostname: DISABLED}",
            "white",
        ),
        gateway_route(
            "by-host",
            "priority: 5",
            "hostname: {exact: Green.example.com}",
            "",
            "green",
        ),
        gateway_route(
            "by-suffix",
            "priority: 6",
            "hostname: {suffix: .example.com}",
            "",
            "white",
        ),
    ]
    .concat();
    bed.save("mesh.yaml", &text);
    bed.serve();
    bed.sidecar(&edge, "virtualgateway/shop/in", &[]);
    use Expect::{Host, Path, Status};
    play(
        &client,
        (edge.address, 8088).into(),
        "anything.example.org",
        false,
        &[
            ("GET /paths/red", &[], Path("red", "/red")),
            (
                "GET /paths/blue/sky?a=b",
                &[],
                Path("blue", "/blue/sky?a=b"),
            ),
            ("GET /paths", &[], Path("yellow", "/")),
            ("GET /paths/", &[], Path("yellow", "/")),
            ("GET /paths?x=y", &[], Path("yellow", "/?x=y")),
            ("GET /pathsred", &[], Path("red", "/red")),
            ("GET /paths/user/12", &[], Path("green", "/user/12")),
            ("GET /paths/user/12?q=1", &[], Path("green", "/user/12?q=1")),
            ("GET /paths/user/x", &[], Status(404)),
            ("POST /paths/form/a", &[], Path("white", "/form/a")),
            ("GET /paths/form/a", &[], Status(404)),
            ("GET /paths/none", &[], Status(404)),
            ("GET /paths/green", &[], Path("green", "/paths/green")),
            (
                "GET /headers/blue",
                &[("color_header", "yellow")],
                Path("blue", "/blue"),
            ),
            ("GET /headers/blue", &[("color_header", "red")], Status(404)),
            (
                "GET /query/x?color_type=white",
                &[],
                Path("white", "/x?color_type=white"),
            ),
            ("GET /query/x?color_type=red", &[], Status(404)),
            ("DELETE /method/x", &[], Path("green", "/x")),
            ("GET /method/x", &[], Status(404)),
            ("GET /chapter1/page", &[], Path("white", "/1/page")),
            ("GET /chapter/page", &[], Path("white", "/page")),
            ("GET /test/deep", &[], Path("red", "/red/deep")),
            ("GET /blue/x", &[], Path("blue", "/blue/x")),
            ("GET /rewrite/path/blue?k=v", &[], Path("blue", "/blue?k=v")),
            ("GET /any/thing", &[], Path("green", "/user/7")),
            ("GET /user/5", &[], Path("green", "/user/5")),
            ("GET /user/five", &[], Status(404)),
            ("GET /member/5", &[], Status(404)),
            (
                "GET /paths/red",
                &[],
                Host("red", "color.shop.svc.cluster.local"),
            ),
            ("GET /host/x", &[], Host("white", "anything.example.org")),
            (
                "GET /x",
                &[("host", "green.example.com")],
                Host("green", "green.shop.svc.cluster.local"),
            ),
            (
                "GET /x",
                &[("host", "GREEN.example.com:8088")],
                Path("green", "/x"),
            ),
            (
                "GET /x",
                &[("host", "other.example.com")],
                Path("white", "/x"),
            ),
            ("GET /none", &[], Status(404)),
        ],
    );
    bed.assert_content();
}

#[test]
fn grpc_and_http2_pass_a_gateway() {
    let mut bed = Bed::new();
    let (client, edge, apps) = (bed.network.host(), bed.network.host(), bed.network.host());
    let mut text = mesh("DROP_ALL") + &colours(&mut bed, &apps, "grpc");
    text += &document(
        "VirtualGateway",
        "in",
        "  namespaceSelector: {}\n  podSelector: {}\n  listeners:\n  - portMapping: {port: 9111, protocol: grpc}\n",
    );
    text += &router(
        "rpc",
        8080,
        "grpc",
        &[
            route(
                "grpc",
                "get",
                "",
                "serviceName: color.Color, methodName: Get",
                "blue",
            ),
            route("grpc", "rest", "", "serviceName: color.Color", "green"),
        ]
        .concat(),
    );
    text += &service("rpc", "rpc.shop.svc.cluster.local", "virtualRouter", "rpc");
    text += &service("red", "red.shop.svc.cluster.local", "virtualNode", "red");
    let grpc = |name: &str, matching: &str, rewrite: &str, to: &str| {
        document(
            "GatewayRoute",
            name,
            &format!(
                "  grpcRoute: {{match: {{{matching}}}, action: {{target: {{virtualService: {{virtualServiceRef: {{name: {to}}}}}}}{rewrite}}}}}\n"
            ),
        )
    };
    text += &grpc("color", "serviceName: color.Color", "", "rpc");
    text += &grpc(
        "other",
        "hostname: {suffix: .example.com}, metadata: [{name: tenant, match: {prefix: g}}]",
        ", rewrite: {hostname: {defaultTargetHostname: DISABLED}}",
        "red",
    );
    bed.save("mesh.yaml", &text);
    bed.serve();
    bed.sidecar(&edge, "virtualgateway/shop/in", &[]);
    const GRPC: (&str, &str) = ("content-type", "application/grpc");
    use Expect::{From, Grpc, Host};
    play(
        &client,
        (edge.address, 9111).into(),
        "api.example.com",
        true,
        &[
            ("POST /color.Color/Get", &[GRPC], From("blue")),
            (
                "POST /color.Color/Get",
                &[GRPC],
                Host("blue", "rpc.shop.svc.cluster.local"),
            ),
            ("POST /color.Color/Set", &[GRPC], From("green")),
            (
                "POST /other.Service/Do",
                &[GRPC, ("tenant", "gold")],
                Host("red", "api.example.com"),
            ),
            (
                "POST /other.Service/Do",
                &[GRPC, ("tenant", "tin")],
                Grpc("12"),
            ),
        ],
    );
    bed.assert_content();
}
