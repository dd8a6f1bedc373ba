//! TLS as users declare it: the table of App Mesh's reference (4.9), and that nothing less is done than asked for.

use tulle_model::linked::Role;
use tulle_model::policy::{ClientPolicy, MtlsMode, Protocol};
use tulle_model::tls::{
    Certificate, ClientTls, ClientValidation, ClusterTls, ServerTls, TlsMode, Trust,
};

use super::world::*;

const FRONT: &str = "virtualnode/shop/front";
const HOST: &str = "web.shop.svc.cluster.local";
const ID: &str = "spiffe://td/ns/shop/sa/web";

/// `shop/front` calls `shop/web` on port 80 under `policy`; `web` takes what `tls` says and has one pod.
fn world(tls: Option<ServerTls>, policy: Option<ClientPolicy>) -> World {
    let mut world = World::new();
    world.set(|settings| {
        settings.mtls = Some(MtlsMode::Permissive);
        settings.trust_domain = "td".to_owned();
    });
    let mut web = workload("shop/web", vec![listener(80, Protocol::Http)]);
    web.listeners[0].tls = tls;
    web.discovery = Some(dns(HOST));
    web.pods = Some(labelled("app", "web"));
    world.put(web);
    world.put(service("shop/web", of_workload("shop/web")));
    let mut front = client("shop/front", &["shop/web"]);
    front.default_policy = policy;
    world.put(front);
    world.put(kube_service("shop/web", &["10.0.0.1"], &[(80, "")]));
    world.put(meshed("shop/web-1", "shop/web", "web", &[80], "10.1.0.1"));
    world
}

fn server(mode: TlsMode, certificate: Certificate) -> Option<ServerTls> {
    Some(ServerTls {
        mode,
        certificate,
        validation: None,
    })
}

fn of_files() -> Certificate {
    server_tls().certificate
}

fn enforcing(enforce: bool) -> Option<ClientPolicy> {
    let mut policy = policy("/ca.pem");
    policy.as_mut().unwrap().tls.as_mut().unwrap().enforce = enforce;
    policy
}

fn tls(world: &World) -> Option<ClusterTls> {
    let clusters = world.clusters(FRONT);
    assert_eq!(clusters.len(), 1);
    clusters[0].tls.clone()
}

/// Trust and names, as text.
fn seen(world: &World) -> String {
    let Some(tls) = tls(world) else {
        return "plaintext".to_owned();
    };
    assert_eq!(world.clusters(FRONT)[0].mtls, None, "one of the two");
    let trust = match tls.trust {
        None => return "unchecked".to_owned(),
        Some(Trust::File { chain }) => chain.to_string(),
        Some(Trust::Mesh) => "mesh".to_owned(),
        Some(other) => format!("{other:?}"),
    };
    format!("{trust} {}", tls.names.join(","))
}

#[test]
fn the_table_of_clients_and_servers() {
    let by_policy = format!("/ca.pem {HOST}");
    let by_identity = format!("/ca.pem {ID}");
    let by_mesh = format!("mesh {ID}");
    let modes = [TlsMode::Strict, TlsMode::Permissive];
    let with_tls = |certificate: fn() -> Certificate| modes.map(|mode| server(mode, certificate()));
    let files = with_tls(of_files);
    let acm = with_tls(|| Certificate::Mesh);
    let off = [None, server(TlsMode::Disabled, Certificate::Mesh)];
    for (servers, enforced, lax, silent) in [
        (&files, &*by_policy, &*by_policy, "unchecked"),
        (&acm, &by_identity, &by_identity, &*by_mesh),
        (&off, &by_policy, "plaintext", "plaintext"),
    ] {
        for server in servers {
            let seen = |policy| seen(&world(server.clone(), policy));
            assert_eq!(seen(enforcing(true)), enforced, "{server:?}");
            assert_eq!(seen(enforcing(false)), lax, "{server:?}");
            assert_eq!(seen(tls_policy("/ca.pem", &[81])), silent, "{server:?}");
            assert_eq!(seen(None), silent, "{server:?}");
        }
    }
}

#[test]
fn mutual_tls_is_used_by_itself_only_where_nobody_says_anything() {
    let mtls = |tls, policy| world(tls, policy).clusters(FRONT)[0].mtls.is_some();
    assert!(mtls(None, None));
    assert!(mtls(None, tls_policy("/ca.pem", &[81])));
    assert!(!mtls(None, enforcing(false)));
    assert!(!mtls(server(TlsMode::Disabled, of_files()), None));
    assert!(!mtls(server(TlsMode::Permissive, Certificate::Mesh), None));
}

#[test]
fn names_that_are_listed_are_checked_and_spiffe_ids_are_what_mesh_certificates_bear() {
    let named = |names: &[&str], certificate: Certificate| {
        let mut policy = enforcing(true);
        let tls = policy.as_mut().unwrap().tls.as_mut().unwrap();
        tls.names = Some(names.iter().map(|&name| name.into()).collect());
        seen(&world(server(TlsMode::Strict, certificate), policy))
    };
    assert_eq!(named(&["a", "b"], of_files()), "/ca.pem a,b");
    assert_eq!(named(&["a"], Certificate::Mesh), format!("/ca.pem {ID}"));
    let one = "spiffe://td/ns/shop/sa/other";
    assert_eq!(named(&[one], Certificate::Mesh), format!("/ca.pem {one}"));
}

#[test]
fn nobody_answers_for_a_mesh_certificate_while_there_is_no_pod() {
    let mut world = world(server(TlsMode::Strict, Certificate::Mesh), None);
    world.remove(meshed("shop/web-1", "shop/web", "web", &[80], "10.1.0.1"));
    assert_eq!(seen(&world), format!("mesh {HOST}"));
}

#[test]
fn who_is_called_by_an_address_is_told_no_name() {
    let mut world = world(server(TlsMode::Strict, of_files()), enforcing(true));
    assert_eq!(&*tls(&world).unwrap().server_name, HOST);
    let mut web = workload("shop/web", vec![listener(80, Protocol::Http)]);
    web.listeners[0].tls = server(TlsMode::Strict, of_files());
    web.discovery = Some(dns("10.0.0.7"));
    world.put(web);
    let tls = tls(&world).unwrap();
    assert_eq!(
        (&*tls.server_name, &*tls.names),
        ("", &["10.0.0.7".into()][..])
    );
}

#[test]
fn a_policy_that_cannot_be_used_makes_calls_fail() {
    let mut policy = enforcing(true);
    policy.as_mut().unwrap().tls.as_mut().unwrap().trust = Trust::Nobody;
    assert_eq!(seen(&world(None, policy)), "Nobody ");
}

#[test]
fn without_a_cluster_nothing_is_had_that_only_a_cluster_has() {
    let mut world = world(server(TlsMode::Strict, Certificate::Mesh), None);
    world.set(|settings| settings.mtls = None);
    let listeners = |world: &World| match &world.view("virtualnode/shop/web").role {
        Role::Sidecar(sidecar) => sidecar.inbound.len(),
        Role::Gateway(_) => panic!("no sidecar"),
    };
    assert_eq!(listeners(&world), 0, "left out");
    assert!(world.clusters(FRONT).is_empty());
    let told = "error no-certificates VirtualNode shop/web";
    assert!(
        world.findings().iter().any(|line| line.starts_with(told)),
        "{:?}",
        world.findings()
    );
    // A listener that does not use it stays.
    let mut web = workload("shop/web", vec![listener(80, Protocol::Http)]);
    web.listeners[0].tls = server(TlsMode::Disabled, Certificate::Mesh);
    web.discovery = Some(dns(HOST));
    world.put(web);
    assert_eq!(listeners(&world), 1);
    // A client that needs it trusts nobody.
    let mut front = client("shop/front", &["shop/web"]);
    front.default_policy = Some(ClientPolicy {
        tls: Some(Box::new(ClientTls {
            trust: Trust::Secret { name: "ca".into() },
            ..*enforcing(true).unwrap().tls.unwrap()
        })),
    });
    world.put(front);
    assert_eq!(seen(&world), "Nobody ");
    let told = "error no-certificates VirtualNode shop/front";
    assert!(
        world.findings().iter().any(|line| line.starts_with(told)),
        "{:?}",
        world.findings()
    );
}

#[test]
fn calls_that_cannot_succeed_are_told() {
    let told = |world: World| -> Vec<String> {
        let told = world.findings().into_iter();
        told.filter(|line| line.contains("shop/front")).collect()
    };
    let plain = told(world(None, enforcing(true)));
    assert!(
        plain
            .iter()
            .any(|line| line.starts_with("warning tls-to-plaintext")),
        "{plain:?}"
    );
    assert_eq!(told(world(None, enforcing(false))), [""; 0]);
    let mut elsewhere = world(None, enforcing(true));
    let mut web = workload("shop/web", vec![listener(80, Protocol::Http)]);
    web.discovery = Some(dns("api.example.com"));
    elsewhere.put(web);
    assert_eq!(told(elsewhere), [""; 0], "it may well take TLS");
    let mut asking = server(TlsMode::Strict, of_files());
    asking.as_mut().unwrap().validation = Some(ClientValidation {
        trust: Trust::File {
            chain: "/ca.pem".into(),
        },
        names: vec![],
    });
    let without = told(world(asking.clone(), enforcing(true)));
    assert!(
        without
            .iter()
            .any(|line| line.starts_with("warning no-client-certificate")),
        "{without:?}"
    );
    let mut policy = enforcing(true);
    policy.as_mut().unwrap().tls.as_mut().unwrap().certificate = Some(of_files());
    assert_eq!(told(world(asking, policy)), [""; 0]);
}
