//! Who cannot prove who they are is given nothing: real Envoys with bad tokens.

use std::time::{Duration, Instant};

use tulle_identity::{Identity, ProxyClaims};
use tulle_tests::loopback::{Bootstrap, Envoy, Loopback, block};
use tulle_tests::manifests::{mesh, node};
use tulle_tests::process::wait_for;
use tulle_tests::programs;

const DENIED: &str = "tulle_xds_denied_total";
const PROXY: &str = "virtualnode/shop/front";
/// Clocks may be this far apart, and a little more.
const LEEWAY: Duration = Duration::from_secs(32);

/// Envoy runs on these files and stays without config; `refused` says when it has been turned away.
fn stays_out(bed: &Loopback, bootstrap: &Bootstrap, what: &str, refused: impl Fn(&Envoy) -> bool) {
    let envoy = bed.envoy(&programs::envoy(), bootstrap);
    wait_for(
        &format!("{what} to be refused"),
        Duration::from_secs(30),
        || refused(&envoy).then_some(()),
    );
    wait_for(
        &format!("{what} to be unconnected"),
        Duration::from_secs(10),
        || {
            (bed.stats(&envoy, &["control_plane.connected_state"])
                .get("control_plane.connected_state")
                == Some(&0))
            .then_some(())
        },
    );
    for name in [
        "cluster_manager.cds.update_success",
        "listener_manager.lds.update_success",
        "listener_manager.total_listeners_active",
    ] {
        assert_eq!(bed.stat(&envoy, name), 0, "{what}: {name}");
    }
}

/// Takes the filter that adds the token out of the bootstrap.
fn without_token_filter(bootstrap: &Bootstrap) {
    let path = bootstrap.folder.join("envoy.yaml");
    let mut text = std::fs::read_to_string(&path).expect("readable");
    let at = |name: &str| {
        text.find(&format!("        - name: {name}\n"))
            .unwrap_or_else(|| panic!("no {name} in {text}"))
    };
    let filter =
        at("envoy.filters.http.credential_injector")..at("envoy.filters.http.upstream_codec");
    text.replace_range(filter, "");
    std::fs::write(&path, text).expect("writable");
}

#[test]
fn a_proxy_without_a_good_token_is_given_nothing() {
    let mut bed = Loopback::new();
    bed.save(
        "mesh.yaml",
        &(mesh("DROP_ALL") + &node("front", &[(8080, "http")], &[])),
    );
    bed.serve();
    let own = || bed.bootstrap(PROXY, block(), &bed.state());
    let stranger = bed.work().join("stranger");

    let expired = own();
    let identity = Identity::open(
        Some(&bed.state()),
        &"cluster.local".parse().expect("a domain"),
    )
    .expect("its state");
    let capture = "loopback=127.80.1.0/29".parse().expect("a capture");
    let claims = ProxyClaims {
        proxy: PROXY.parse().expect("a proxy"),
        capture,
    };
    expired.set_token(
        &identity
            .tokens
            .issue(&claims, Duration::from_secs(1))
            .expect("a token"),
    );
    let issued = Instant::now();

    let denied_more = |bed: &Loopback| {
        let before = bed.metric(DENIED);
        move |now: f64| now > before
    };
    let wrong = own();
    wrong.set_token("eyJhbGciOiJub25lIn0.e30.");
    let more = denied_more(&bed);
    stays_out(&bed, &wrong, "a wrong token", |_| more(bed.metric(DENIED)));

    let none = own();
    without_token_filter(&none);
    let more = denied_more(&bed);
    stays_out(&bed, &none, "no token", |_| more(bed.metric(DENIED)));

    // Of another control plane, with its own CA and keys.
    Identity::open(Some(&stranger), &"cluster.local".parse().expect("a domain"))
        .expect("a new identity");
    let foreign = bed.bootstrap(PROXY, block(), &stranger);
    let token = std::fs::read_to_string(foreign.folder.join("token")).expect("a token");
    let misled = own();
    misled.set_token(&token);
    let more = denied_more(&bed);
    stays_out(&bed, &misled, "a token of another CA", |_| {
        more(bed.metric(DENIED))
    });
    // With the other's root too it is Envoy that refuses the control plane, before it shows the token.
    let denied = bed.metric(DENIED);
    stays_out(&bed, &foreign, "a proxy of another CA", |envoy| {
        bed.stat(envoy, "cluster.xds.ssl.fail_verify_san")
            + bed.stat(envoy, "cluster.xds.ssl.fail_verify_error")
            > 0
    });
    assert_eq!(bed.metric(DENIED), denied);

    std::thread::sleep(LEEWAY.saturating_sub(issued.elapsed()));
    let more = denied_more(&bed);
    stays_out(&bed, &expired, "an expired token", |_| {
        more(bed.metric(DENIED))
    });

    let good = own();
    let envoy = bed.envoy(&programs::envoy(), &good);
    wait_for("a good token to be taken", Duration::from_secs(20), || {
        (bed.stat(&envoy, "listener_manager.total_listeners_active") == 1).then_some(())
    });
}
