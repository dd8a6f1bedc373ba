//! More hosts of a service, said by applications in `Host`.

use tulle_tests::bed::Bed;
use tulle_tests::manifests::{kube_service, mesh, node, service};

use crate::table::{Expect, play};

#[test]
fn a_service_is_called_by_its_aliases() {
    let mut bed = Bed::new();
    let (client, server) = (bed.network.host(), bed.network.host());
    let host = "web.shop.svc.cluster.local";
    let mut text = mesh("DROP_ALL") + &node("client", &[], &["web", "other"]);
    text += &node("app", &[(8080, "http")], &[]);
    text += &kube_service("app", &[(8080, 8080)], server.address);
    text += &service("web", host, "virtualNode", "app").replace(
        "name: web, namespace: shop",
        "name: web, namespace: shop, annotations: {tulle.dev/host-aliases: 'web, web.shop, other.shop'}",
    );
    text += &node("other", &[(8080, "http")], &[]);
    text += &kube_service("other", &[(8080, 8085)], server.address);
    text += &service("other", "other.shop", "virtualNode", "other");
    bed.save("mesh.yaml", &text);
    bed.serve();
    bed.application(&server, "app", &["--http", "0.0.0.0:8080"]);
    bed.application(&server, "other", &["--http", "0.0.0.0:8085"]);
    bed.sidecar(&server, "virtualnode/shop/app", &[8080]);
    bed.sidecar(&client, "virtualnode/shop/client", &[]);
    play(
        &client,
        "10.96.7.7:8080".parse().expect("an address"),
        host,
        false,
        &[
            ("GET /", &[], Expect::From("app")),
            ("GET /", &[("host", "web")], Expect::Host("app", "web")),
            ("GET /", &[("host", "WEB:8080")], Expect::From("app")),
            ("GET /", &[("host", "web.shop")], Expect::From("app")),
            ("GET /", &[("host", "web.shop.svc")], Expect::Status(404)),
            // Another service's own host.
            ("GET /", &[("host", "other.shop")], Expect::From("other")),
        ],
    );
    bed.assert_content();
}
