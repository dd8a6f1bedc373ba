//! Gateways: what they take, where they send it, and what they make of host and path.

use tulle_cluster::run::NODE_IP;
use tulle_sample::grpc::{self, HelloReply, HelloRequest};
use tulle_sample::http_client::Call;

use super::ground::{Ground, SOON, with};

#[test]
fn ingress_gateway() {
    let ground = Ground::new("ingress-gateway");
    let service = ground.case.get("service ingress -n ingress-gateway");
    let port = service["spec"]["ports"][0]["nodePort"].as_u64().unwrap();
    let at = |path: &str| {
        tulle_cluster::case::call(&format!("{NODE_IP}:{port}"), "shop.example.com", path)
    };
    for color in ["red", "blue", "yellow"] {
        ground.answers(&at(&format!("/paths/{color}")), 200, color);
    }
    let headers = at("/headers");
    ground.answers(&headers, 200, "white");
    ground.answers(&with(&headers, "color_header", "blue"), 200, "blue");
    ground.answers(&with(&headers, "color_header", "so-green"), 200, "green");
    assert_eq!(ground.ask(&at("/paths/black")).status, 404);
    assert_eq!(ground.ask(&at("/nothing")).status, 404);
    let answer = ground.ask(&headers);
    assert_eq!(answer.headers["server"], "envoy");
    // the prefix becomes `/`, and the host the service's
    assert_eq!(answer.headers["x-seen-path"], "/");
    let host = &answer.headers["x-seen-host"];
    assert_eq!(host, "headers.ingress-gateway.svc.cluster.local");
    ground.all_is_well();
}

#[test]
fn http_ingress() {
    let ground = Ground::new("http-ingress");
    let at = |path: &str| ground.question("ingress", 8088, path);
    let host = |question: Call, host: &str| Call {
        host: host.to_owned(),
        ..question
    };
    let post = |question: Call| Call {
        method: "POST".to_owned(),
        ..question
    };
    ground.answers(&at("/paths/red"), 200, "red");
    let service = |name: &str| format!("{name}.http-ingress.svc.cluster.local");
    let yellow = |question: Call| with(&question, "color_header", "yellow");
    let rows = [
        (
            at("/paths/blue/1?x=y"),
            "blue",
            "/blue/1?x=y",
            service("paths"),
        ),
        (
            at("/paths/green"),
            "green",
            "/paths/green",
            service("green"),
        ),
        (
            yellow(at("/paths/red")),
            "yellow",
            "/paths/red",
            service("yellow"),
        ),
        (
            at("/query?color_type=white"),
            "white",
            "/?color_type=white",
            service("white"),
        ),
        (post(at("/method")), "green", "/", service("green")),
        (at("/items/42"), "white", "/items/42", service("white")),
        (
            host(at("/any"), "yellow.example.com"),
            "yellow",
            "/any",
            service("yellow"),
        ),
        (
            host(at("/any"), "yellow.example.com:8088"),
            "yellow",
            "/any",
            service("yellow"),
        ),
        (
            host(at("/any"), "very.green.example.com"),
            "green",
            "/any",
            "very.green.example.com".to_owned(),
        ),
        (at("/test/1"), "red", "/red/1", service("paths")),
        (at("/red/1"), "red", "/red/1", service("paths")),
        (at("/rewrite/path/blue"), "blue", "/blue", service("paths")),
    ];
    for (question, color, path, host) in rows {
        let answer = ground.answer(&question, 200, color);
        let what = format!("{question:?}: {answer:?}");
        assert_eq!(answer.headers["x-seen-path"], path, "{what}");
        assert_eq!(answer.headers["x-seen-host"], host, "{what}");
    }
    for question in [
        at("/query?color_type=black"),
        at("/method"),
        at("/items/none"),
        at("/nobody"),
    ] {
        let answer = ground.ask(&question);
        assert_eq!(answer.status, 404, "{question:?}: {answer:?}");
    }
    let refused = ground.case.kubectl().run(&format!(
        "apply -f {}",
        ground.file("then/not-selected.yaml").display()
    ));
    let refused = format!("{:#}", refused.unwrap_err());
    assert!(refused.contains("virtualGateway"), "{refused}");
    ground.all_is_well();
}

#[test]
fn multiple_listeners() {
    let ground = Ground::new("multiple-listeners");
    for port in [8080, 8090] {
        let question = ground.question("ingress", port, "/");
        ground.answers(&question, 200, &format!("color on {port}"));
    }
    let figures = ground.figures("ingress", "downstream_rq_2xx").unwrap();
    for port in [8080, 8090] {
        let name = format!("http.ingress.http.{port}.downstream_rq_2xx");
        assert!(
            figures.get(&name).is_some_and(|count| *count > 0),
            "{figures:?}"
        );
    }
    ground.all_is_well();
}

#[test]
fn grpc_ingress() {
    let ground = Ground::new("grpc-ingress");
    let to = ground.address("ingress", 9111).parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let name = HelloRequest {
        name: "mesh".to_owned(),
    };
    let call = |method: &str| {
        runtime.block_on(grpc::unary::<HelloReply>(
            to,
            "shop.example.com",
            method,
            &name,
        ))
    };
    ground.case.eventually("a greeting", SOON, || {
        let reply = call("/helloworld.Greeter/SayHello");
        anyhow::ensure!(
            reply
                .as_ref()
                .is_ok_and(|reply| reply.message == "Hello mesh"),
            "{reply:?}"
        );
        Ok(())
    });
    let other = call("/helloworld.Stranger/SayHello").unwrap_err();
    assert_eq!(other.code, grpc::UNIMPLEMENTED, "{other:?}");
    ground.all_is_well();
}
