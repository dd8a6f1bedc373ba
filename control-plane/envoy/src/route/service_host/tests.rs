use tulle_model::Capture;
use tulle_model::linked::{OutboundPort, ProxyView, Role};

use super::*;
use crate::fixture::{cluster, clusters, colour, prefix, route, view};
use crate::plan::{Compiled, called_ports};

fn service(routes: &Arc<HostRoutes>, policy: Option<&Arc<ClientPolicy>>) -> OutboundService {
    OutboundService {
        routes: routes.clone(),
        policy: policy.cloned(),
    }
}

/// One that leads to `blue`, as one of those of [`colour`] does.
fn plain() -> HostRoutes {
    HostRoutes {
        host: "plain.shop.svc.cluster.local".into(),
        routes: vec![route("all", prefix("/"), &[("blue", 1)])],
        ..colour()
    }
}

/// A sidecar that calls these services; `blue` under this policy is called otherwise.
fn caller(
    mesh: &str,
    services: [OutboundService; 2],
    other: Option<Option<&Arc<ClientPolicy>>>,
) -> ProxyView {
    let mut view = view();
    view.mesh = mesh.into();
    let mut list = Vec::clone(&clusters());
    if let Some(policy) = other {
        let mut suffixed = cluster(list[0].to.clone(), list[0].discovery.clone());
        suffixed.policy = policy.cloned();
        suffixed.suffix = Some("_other".into());
        list.push(Arc::new(suffixed));
    }
    view.clusters = Arc::new(list);
    let Role::Sidecar(part) = &mut view.role else {
        panic!("no sidecar");
    };
    part.outbound = vec![Arc::new(OutboundPort {
        port: 80,
        http_protocol: services[0].routes.protocol,
        http: services.into(),
        tcp: Vec::new(),
    })];
    view
}

fn compiled(view: &ProxyView, hosts: &mut VirtualHosts) -> Compiled {
    let mut ports = called_ports(view, Capture::Transparent);
    ports.next().unwrap().plan(hosts).compile()
}

#[test]
fn through_others_hosts_a_route_configuration_is_what_it_is_from_nothing() {
    let (colour, plain) = (Arc::new(colour()), Arc::new(plain()));
    let policy = Some(Arc::new(ClientPolicy::default()));
    let policy = policy.as_ref();
    let services = |first, second| [service(&colour, first), service(&plain, second)];
    let views = [
        caller("shop", services(None, None), None),
        caller("shop", services(policy, None), None),
        caller("shop", services(policy, None), Some(None)),
        caller("shop", services(None, policy), Some(policy)),
        caller("shop", services(policy, policy), Some(policy)),
        caller("other", services(None, None), None),
    ];
    let fresh = |view| compiled(view, &mut VirtualHosts::default());
    for first in &views {
        for second in &views {
            let mut hosts = VirtualHosts::default();
            for view in [first, second, first] {
                assert_eq!(compiled(view, &mut hosts), fresh(view));
            }
        }
    }
    let [.., last] = &views;
    for (at, a) in views.iter().enumerate() {
        let same: Vec<usize> = (0..views.len())
            .filter(|other| fresh(&views[*other]).version == fresh(a).version)
            .collect();
        // A policy by which nothing is called otherwise is none that counts.
        let expected = if at < 2 { vec![0, 1] } else { vec![at] };
        assert_eq!(same, expected);
    }
    assert!(
        fresh(last)
            .requires
            .iter()
            .any(|(_, name)| name.contains("_other_"))
    );
}

#[test]
fn all_who_call_a_service_have_one_virtual_host_and_it_goes_with_the_service() {
    let view = view();
    let names = ClusterNames::of(&view);
    let mut hosts = VirtualHosts::default();
    let routes = Arc::new(colour());
    let (called, also) = (service(&routes, None), service(&routes, None));
    let first = hosts.of(&called, &names).host;
    assert!(Arc::ptr_eq(&first, &hosts.of(&also, &names).host));
    let other = service(&Arc::new(plain()), None);
    assert_ne!(first.routes, hosts.of(&other, &names).host.routes);
    drop(other);
    hosts.forget_unused();
    assert_eq!(hosts.known.len(), 1);
    assert!(Arc::ptr_eq(&first, &hosts.of(&called, &names).host));
}
