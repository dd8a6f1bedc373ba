//! Changed headers, faults and mirrors, as clients, applications and shadows meet them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tulle_tests::bed::Bed;
use tulle_tests::manifests::{document, kube_service, mesh, node, router, service, targets};
use tulle_tests::netns::Host;
use tulle_tests::sample::http_client::{Answer, Call};
use tulle_tests::stats;

use crate::matching::{COLOURS, colours, route};

const HOST: &str = "color.shop.svc.cluster.local";

/// The same object with annotations `(name below tulle.dev, value)`.
fn annotated(document: &str, annotations: &[(&str, &str)]) -> String {
    let list: Vec<String> = annotations
        .iter()
        .map(|(name, value)| format!("tulle.dev/{name}: {value:?}"))
        .collect();
    let to = format!(
        "namespace: shop, annotations: {{{}}}}}\nspec:",
        list.join(", ")
    );
    document.replacen("namespace: shop}\nspec:", &to, 1)
}

fn ask(from: &Host, to: SocketAddr, path: &str, headers: &[(&str, &str)], http2: bool) -> Answer {
    ask_times(from, to, path, headers, http2, 1).remove(0)
}

fn ask_times(
    from: &Host,
    to: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    http2: bool,
    times: usize,
) -> Vec<Answer> {
    let headers = headers.iter();
    let call = Call {
        id: path.to_owned(),
        to,
        host: HOST.to_owned(),
        method: "POST".to_owned(),
        path: path.to_owned(),
        headers: headers
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        http2,
    };
    stats::play(from, &vec![call; times])
}

/// A header that the application saw.
fn seen<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    let seen = answer.seen.as_ref();
    let seen = seen.unwrap_or_else(|| panic!("nobody answered: {answer:?}"));
    seen.headers.get(name).map(String::as_str)
}

fn got<'a>(headers: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    headers.get(name).map(String::as_str)
}

fn application(answer: &Answer) -> Option<&str> {
    answer.seen.as_ref().map(|seen| seen.name.as_str())
}

fn color(routes: &str, annotations: &[(&str, &str)]) -> String {
    annotated(&router("color", 8080, "http", routes), annotations)
        + &service("color", HOST, "virtualRouter", "color")
}

#[test]
fn headers_change_on_the_way_to_the_server_and_back() {
    let mut bed = Bed::new();
    let (client, edge, apps) = (bed.network.host(), bed.network.host(), bed.network.host());
    let mut text =
        mesh("DROP_ALL") + &node("client", &[], &["color"]) + &colours(&mut bed, &apps, "http");
    let http = |name, matching, to| route("http", name, "", matching, to);
    let routes = [
        http("first", "prefix: /first", "blue"),
        http(
            "tester",
            "prefix: /who, headers: [{name: x-user, match: {exact: tester}}]",
            "green",
        ),
        http(
            "nobody",
            "prefix: /bare, headers: [{name: x-secret, invert: true}]",
            "red",
        ),
        http("somebody", "prefix: /who", "yellow"),
        http("anybody", "prefix: /bare", "yellow"),
    ];
    text += &color(
        &routes.concat(),
        &[
            (
                "request-headers",
                "first: {set: {x-stage: beta, x-from: \"%REQ(user-agent)%\", x-load: 50%%, x-copy: \"%REQ(x-user)%\"}, \
                 add: {x-tag: [one, two]}, remove: [x-debug]}",
            ),
            (
                "response-headers",
                "\"*\": {set: {cache-control: no-store, x-served: mesh}, remove: [content-type]}",
            ),
        ],
    );
    text += &document(
        "VirtualGateway",
        "in",
        "  namespaceSelector: {}\n  podSelector: {}\n  listeners:\n  - portMapping: {port: 8088, protocol: http}\n",
    );
    let edges = document(
        "GatewayRoute",
        "edge",
        "  httpRoute: {match: {prefix: /edge}, action: {target: {virtualService: {virtualServiceRef: {name: color}}}}}\n",
    );
    text += &annotated(
        &edges,
        &[
            (
                "request-headers",
                "{set: {x-user: tester, x-stage: edge}, remove: [x-secret], add: {x-tag: edge}}",
            ),
            (
                "response-headers",
                "{set: {x-edge: \"yes\", x-served: \"%RESP(x-served)% at the edge\"}, \
                 remove: [cache-control, x-envoy-upstream-service-time]}",
            ),
        ],
    );
    bed.save("mesh.yaml", &text);
    bed.serve();
    bed.sidecar(&client, "virtualnode/shop/client", &[]);
    bed.sidecar(&edge, "virtualgateway/shop/in", &[]);

    let own: [(&str, &str); 4] = [
        ("x-debug", "1"),
        ("x-tag", "zero"),
        ("x-stage", "alpha"),
        ("user-agent", "me"),
    ];
    let answer = ask(
        &client,
        "10.96.0.1:8080".parse().unwrap(),
        "/first",
        &own,
        false,
    );
    assert_eq!(application(&answer), Some("blue"));
    assert_eq!(seen(&answer, "x-stage"), Some("beta"));
    assert_eq!(seen(&answer, "x-from"), Some("me"));
    assert_eq!(seen(&answer, "x-load"), Some("50%"));
    assert_eq!(seen(&answer, "x-tag"), Some("zero,one,two"));
    assert_eq!(seen(&answer, "x-debug"), None);
    assert_eq!(
        seen(&answer, "x-copy"),
        None,
        "an operator without a value sets nothing"
    );
    assert_eq!(got(&answer.headers, "cache-control"), Some("no-store"));
    assert_eq!(got(&answer.headers, "content-type"), None);

    let at_edge = |path: &str, headers: &[(&str, &str)]| {
        // From where no sidecar stands between.
        ask(&apps, (edge.address, 8088).into(), path, headers, false)
    };
    let answer = at_edge("/edge/first", &own);
    assert_eq!(application(&answer), Some("blue"));
    assert_eq!(
        seen(&answer, "x-stage"),
        Some("beta"),
        "the service's routes come last"
    );
    assert_eq!(
        seen(&answer, "x-copy"),
        Some("tester"),
        "they see what the gateway route made"
    );
    assert_eq!(seen(&answer, "x-tag"), Some("zero,edge,one,two"));
    assert_eq!(seen(&answer, "x-debug"), None);
    assert_eq!(got(&answer.headers, "x-edge"), Some("yes"));
    assert_eq!(got(&answer.headers, "x-served"), Some("mesh at the edge"));
    assert_eq!(
        got(&answer.headers, "cache-control"),
        None,
        "the gateway route comes last"
    );
    assert_eq!(got(&answer.headers, "x-envoy-upstream-service-time"), None);
    assert_eq!(got(&answer.headers, "content-type"), None);
    // The service's routes decide on what the gateway route made of the request.
    let answer = at_edge("/edge/who", &[("x-user", "somebody"), ("x-secret", "1")]);
    assert_eq!(application(&answer), Some("green"));
    assert_eq!(seen(&answer, "x-secret"), None);
    let answer = at_edge("/edge/bare", &[("x-secret", "1")]);
    assert_eq!(application(&answer), Some("red"));
    let answer = at_edge("/edge/none", &[]);
    assert_eq!(answer.status, 404);
    assert_eq!(got(&answer.headers, "x-edge"), Some("yes"));
    bed.assert_content();
}

#[test]
fn faults_delay_and_abort_their_share() {
    let mut bed = Bed::new();
    let (client, apps) = (bed.network.host(), bed.network.host());
    let mut text = mesh("DROP_ALL")
        + &node("client", &[], &["color", "rpc"])
        + &colours(&mut bed, &apps, "http");
    let http = |name, matching| route("http", name, "", matching, "blue");
    let routes = [
        http("gone", "prefix: /gone"),
        http("slow", "prefix: /slow"),
        http("both", "prefix: /both"),
        http("half", "prefix: /half"),
        http("well", "prefix: /well"),
    ]
    .concat();
    let faults = "{gone: {abort: {percent: 100, httpStatus: 503}}, slow: {delay: {percent: 100, duration: 700ms}}, \
         both: {delay: {percent: 100, duration: 500ms}, abort: {percent: 100, httpStatus: 418}}, \
         half: {abort: {percent: 50, httpStatus: 429}}}";
    text += &node("rpc", &[(9000, "grpc")], &[]);
    text += &kube_service("rpc", &[(9000, COLOURS[0].1)], apps.address);
    text += &annotated(
        &router(
            "rpc",
            9000,
            "grpc",
            &route("grpc", "get", "", "serviceName: color.Color", "rpc"),
        ),
        &[("fault", "get: {abort: {percent: 100, grpcStatus: 14}}")],
    );
    text += &service("rpc", "rpc.shop.svc.cluster.local", "virtualRouter", "rpc");
    bed.save("mesh.yaml", &text);
    bed.save("color.yaml", &color(&routes, &[("fault", faults)]));
    bed.serve();
    bed.sidecar(&client, "virtualnode/shop/client", &[]);
    let to: SocketAddr = "10.96.0.1:8080".parse().unwrap();
    let count = || {
        let all = stats::stats(&client, "http.egress.fault");
        let read = |name: &str| all.get(&format!("http.egress.fault.{name}")).copied();
        (
            read("aborts_injected").unwrap_or_default(),
            read("delays_injected").unwrap_or_default(),
        )
    };
    let timed = |path: &str| {
        let start = Instant::now();
        let answer = ask(&client, to, path, &[], false);
        (answer, start.elapsed())
    };
    let (answer, _) = timed("/gone");
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (503, "fault filter abort")
    );
    // The route retries 503, and this one comes before its retries.
    assert_eq!(count(), (1, 0));
    let (answer, took) = timed("/slow");
    assert_eq!(application(&answer), Some("blue"));
    assert!(took >= Duration::from_millis(700), "{took:?}");
    let (answer, took) = timed("/both");
    assert_eq!(answer.status, 418);
    assert!(took >= Duration::from_millis(500), "{took:?}");
    assert_eq!(count(), (2, 2));
    let (answer, took) = timed("/well");
    assert_eq!(application(&answer), Some("blue"));
    assert!(took < Duration::from_millis(500), "{took:?}");
    let answers = ask_times(&client, to, "/half", &[], false, 200);
    let lost = answers.iter().filter(|answer| answer.status == 429).count();
    assert!(answers.iter().all(|a| a.status == 429 || a.status == 200));
    // Six standard deviations around the half.
    assert!((58..=142).contains(&lost), "{lost} of 200");
    let grpc = [("content-type", "application/grpc")];
    let rpc = Call {
        id: "grpc".to_owned(),
        to: "10.96.0.1:9000".parse().unwrap(),
        host: "rpc.shop.svc.cluster.local".to_owned(),
        method: "POST".to_owned(),
        path: "/color.Color/Get".to_owned(),
        headers: grpc.map(|(a, b)| (a.to_owned(), b.to_owned())).into(),
        http2: true,
    };
    let answer = stats::play(&client, &[rpc]).remove(0);
    assert_eq!(answer.grpc_status.as_deref(), Some("14"), "{answer:?}");
    // Without the annotation nothing fails, and no listener has the filter any more.
    bed.save("color.yaml", &color(&routes, &[]));
    tulle_tests::process::wait_for("the fault to end", Duration::from_secs(10), || {
        let answer = ask(&client, to, "/gone", &[], false);
        (application(&answer) == Some("blue")).then_some(())
    });
    bed.assert_content();
}

#[test]
fn a_mirror_gets_copies_and_nobody_waits_for_it() {
    let mut bed = Bed::new();
    let (client, apps, shadows) = (bed.network.host(), bed.network.host(), bed.network.host());
    let mut text = mesh("DROP_ALL") + &node("client", &[], &["color"]);
    for (name, host) in [("blue", &apps), ("green", &shadows)] {
        text += &node(name, &[(8080, "http")], &[]);
        text += &kube_service(name, &[(8080, 9001)], host.address);
    }
    bed.application(&apps, "blue", &["--http", "0.0.0.0:9001"]);
    // It takes its time, and nobody shall notice.
    bed.application(
        &shadows,
        "green",
        &["--http", "0.0.0.0:9001", "--delay-ms", "300"],
    );
    let http = |name: &str, path: &str| {
        format!(
            "  - {{name: {name}, httpRoute: {{match: {{prefix: {path}}}, action: {{{}}}}}}}\n",
            targets(&[("blue", 1)])
        )
    };
    text += &color(
        &[
            http("all", "/all"),
            http("half", "/half"),
            http("none", "/none"),
        ]
        .concat(),
        &[(
            "mirror",
            "{all: {virtualNode: green}, half: [{virtualNode: {name: green, namespace: shop}, port: 8080, percent: 50}]}",
        )],
    );
    bed.save("mesh.yaml", &text);
    bed.serve();
    bed.sidecar(&client, "virtualnode/shop/client", &[]);
    let to: SocketAddr = "10.96.0.1:8080".parse().unwrap();
    // How many requests the shadow has had, this one not counted.
    let copies = || {
        let answer = ask(&apps, (shadows.address, 9001).into(), "/", &[], false);
        answer.seen.expect("the shadow answers").number - 1
    };
    let since = |path: &str, times: usize| {
        let before = copies();
        let start = Instant::now();
        let answers = ask_times(&client, to, path, &[], false, times);
        let took = start.elapsed();
        assert!(
            answers
                .iter()
                .all(|answer| application(answer) == Some("blue"))
        );
        assert!(
            took < Duration::from_millis(250) * u32::try_from(times).unwrap(),
            "{took:?}"
        );
        // The last copies are under way.
        std::thread::sleep(Duration::from_millis(800));
        copies() - before - 1
    };
    assert_eq!(since("/all", 20), 20);
    assert_eq!(since("/none", 20), 0);
    let half = since("/half", 100);
    // Six standard deviations around the half.
    assert!((20..=80).contains(&half), "{half} of 100");
    bed.assert_content();
}
