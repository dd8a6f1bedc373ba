//! Real Envoys of every version, in delta and in state-of-the-world mode, against the real control plane:
//! each change reaches them by the resource it is about and by nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tulle_tests::loopback::{Envoy, Loopback, block};
use tulle_tests::manifests::{kube_service, mesh, node, router, service, targets};
use tulle_tests::note::note;
use tulle_tests::process::wait_for;
use tulle_tests::programs;
use tulle_tests::sample::load::Load;

const SENT: &str = "tulle_xds_resources_sent_total";
const HOST: &str = "color.shop.svc.cluster.local";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Delta,
    StateOfTheWorld,
}

/// A proxy of node `front`, which calls `color` (a router over blue and green) and `solo`.
struct Scene {
    bed: Loopback,
    mode: Mode,
    front: Envoy,
    late: Envoy,
    apps: BTreeMap<&'static str, SocketAddr>,
}

fn weights(all: &[(&str, u32)]) -> String {
    let action = targets(all);
    router(
        "color",
        8080,
        "http",
        &format!(
            "  - {{name: split, httpRoute: {{match: {{prefix: /}}, action: {{{action}}}}}}}\n"
        ),
    )
}

impl Scene {
    fn new(envoy: &Path, mode: Mode) -> Self {
        let mut bed = Loopback::new();
        let mut apps = BTreeMap::new();
        for name in ["blue", "moved", "green", "red", "solo"] {
            let address = (block().inbound(), 8080).into();
            bed.application(name, address);
            apps.insert(name, address);
        }
        bed.save(
            "mesh.yaml",
            &(mesh("DROP_ALL") + &node("front", &[(9090, "http")], &["color", "solo"])),
        );
        bed.save(
            "color.yaml",
            &service("color", HOST, "virtualRouter", "color"),
        );
        bed.save("router.yaml", &weights(&[("blue", 1)]));
        for name in ["blue", "green", "solo"] {
            bed.save(&format!("{name}.yaml"), &node(name, &[(8080, "http")], &[]));
            bed.save(&format!("{name}-kube.yaml"), &kube(name, apps[name]));
        }
        bed.save(
            "solo-service.yaml",
            &service("solo", "solo.shop.svc.cluster.local", "virtualNode", "solo"),
        );
        bed.serve();
        let start = |proxy: &str| {
            let bootstrap = bed.bootstrap(proxy, block(), &bed.state());
            if mode == Mode::StateOfTheWorld {
                bootstrap.edit("api_type: DELTA_GRPC", "api_type: GRPC");
            }
            bed.envoy(envoy, &bootstrap)
        };
        let (front, late) = (
            start("virtualnode/shop/front"),
            start("virtualnode/shop/late"),
        );
        Self {
            bed,
            mode,
            front,
            late,
            apps,
        }
    }

    fn outbound(&self) -> SocketAddr {
        (self.front.block.outbound(), 8080).into()
    }

    /// Who answers one request.
    fn answer(&self) -> Option<String> {
        self.bed
            .ask(self.outbound(), HOST, "/")
            .seen
            .map(|seen| seen.name)
    }

    fn wait_answer(&self, name: &str) {
        wait_for(
            &format!("an answer from {name}"),
            Duration::from_secs(15),
            || (self.answer()? == name).then_some(()),
        );
    }

    fn updates(&self) -> BTreeMap<String, u64> {
        self.bed
            .stats(&self.front, &["update_attempt", "update_success"])
    }

    /// The kinds of resources by which something reaches the proxy while `edit` takes effect, and how many
    /// resources the control plane sends meanwhile.
    fn sent_by(&self, edit: impl FnOnce()) -> (BTreeSet<&'static str>, f64) {
        self.quiet();
        let (before, sent) = (self.updates(), self.bed.metric(SENT));
        edit();
        self.quiet();
        let changed = self
            .updates()
            .into_iter()
            .filter(|(name, value)| before.get(name) != Some(value))
            .map(|(name, _)| kind(&name))
            .collect();
        (changed, self.bed.metric(SENT) - sent)
    }

    /// Waits until nothing has been sent for half a second.
    fn quiet(&self) {
        let mut last = (self.bed.metric(SENT), self.updates());
        wait_for("silence", Duration::from_secs(15), || {
            std::thread::sleep(Duration::from_millis(500));
            let now = (self.bed.metric(SENT), self.updates());
            let same = now == last;
            last = now;
            same.then_some(())
        });
    }

    fn content(&self, envoy: &Envoy) {
        for (name, count) in self.bed.stats(
            envoy,
            &["update_rejected", "init_fetch_timeout", "update_failure"],
        ) {
            // A killed control plane is a failed update.
            assert!(
                count == 0 || name.ends_with("update_failure"),
                "{name}: {count}"
            );
        }
    }

    fn clusters(&self) -> BTreeSet<String> {
        let page = self
            .bed
            .get(
                self.front.admin,
                "/config_dump?resource=dynamic_active_clusters&mask=cluster.name",
            )
            .unwrap_or_default();
        let page: serde_json::Value = serde_json::from_str(&page).unwrap_or_default();
        let configs = page["configs"].as_array().cloned().unwrap_or_default();
        configs
            .iter()
            .filter_map(|config| Some(config["cluster"]["name"].as_str()?.to_owned()))
            .collect()
    }
}

fn kube(name: &str, at: SocketAddr) -> String {
    let SocketAddr::V4(at) = at else {
        panic!("loopback blocks are IPv4")
    };
    kube_service(name, &[(8080, 8080)], *at.ip())
}

fn kind(stat: &str) -> &'static str {
    match stat {
        _ if stat.starts_with("cluster_manager.cds.") => "CDS",
        _ if stat.starts_with("listener_manager.lds.") => "LDS",
        _ if stat.contains(".rds.") => "RDS",
        _ if stat.starts_with("cluster.") => "EDS",
        _ => "?",
    }
}

/// The whole story, told once for each version and mode.
fn play(version: &str, envoy: &Path, mode: Mode) {
    let mut scene = Scene::new(envoy, mode);
    scene.starts();
    scene.takes_each_change_by_its_own_type();
    scene.survives_a_restart(version);
    scene.takes_a_new_cluster_without_loss();
    scene.loses_what_is_deleted();
    scene.is_given_its_config_late();
    for envoy in [&scene.front, &scene.late] {
        scene.content(envoy);
    }
    for counter in [
        "tulle_xds_nacks_total",
        "tulle_xds_panics_total",
        "tulle_xds_denied_total",
    ] {
        assert_eq!(scene.bed.metric(counter), 0.0, "{counter}");
    }
    assert!(scene.front.runs() && scene.late.runs());
}

impl Scene {
    fn starts(&self) {
        wait_for("front to be ready", Duration::from_secs(40), || {
            self.bed.get(self.front.admin, "/ready")
        });
        self.wait_answer("blue");
        self.content(&self.front);
        for name in [
            "cluster_manager.cds.update_success",
            "listener_manager.lds.update_success",
        ] {
            assert!(self.bed.stat(&self.front, name) > 0, "{name}");
        }
        // One for calls out to port 8080, one for calls in.
        assert_eq!(
            self.bed
                .stat(&self.front, "listener_manager.total_listeners_active"),
            2
        );
        assert_eq!(
            self.bed.stat(&self.front, "control_plane.connected_state"),
            1
        );
    }

    fn takes_each_change_by_its_own_type(&self) {
        let (by, sent) = self.sent_by(|| {
            self.bed
                .save("blue-kube.yaml", &kube("blue", self.apps["moved"]));
            self.wait_answer("moved");
        });
        assert_eq!(
            (by, sent),
            (BTreeSet::from(["EDS"]), 1.0),
            "an endpoint edit"
        );
        // A second cluster first, so that the next edit is about weights alone.
        self.bed
            .save("router.yaml", &weights(&[("blue", 1), ("green", 0)]));
        self.quiet();
        let (by, sent) = self.sent_by(|| {
            self.bed
                .save("router.yaml", &weights(&[("blue", 0), ("green", 1)]));
            self.wait_answer("green");
        });
        assert_eq!((by, sent), (BTreeSet::from(["RDS"]), 1.0), "a route edit");
    }

    fn survives_a_restart(&mut self, version: &str) {
        let before = self.updates();
        self.bed.kill();
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(
            self.answer().as_deref(),
            Some("green"),
            "without a control plane"
        );
        self.bed.serve();
        wait_for("both to come back", Duration::from_secs(30), || {
            (self.bed.metric("tulle_xds_streams") >= 2.0).then_some(())
        });
        self.quiet();
        let success = |updates: BTreeMap<String, u64>| -> BTreeMap<String, u64> {
            updates
                .into_iter()
                .filter(|(name, _)| name.ends_with("update_success"))
                .collect()
        };
        let (before, after) = (success(before), success(self.updates()));
        let changed: BTreeSet<_> = after
            .iter()
            .filter(|(name, value)| before.get(*name) != Some(value))
            .map(|(name, _)| kind(name))
            .collect();
        note(&format!(
            "Envoy {version}, {:?}: {} resources resent after a restart, by {changed:?}",
            self.mode,
            self.bed.metric(SENT)
        ));
        match self.mode {
            Mode::Delta => assert_eq!((self.bed.metric(SENT), before), (0.0, after)),
            Mode::StateOfTheWorld => assert!(
                !changed.contains("CDS") && !changed.contains("LDS"),
                "{changed:?}"
            ),
        }
    }

    fn takes_a_new_cluster_without_loss(&self) {
        let load = Load {
            to: self.outbound(),
            host: HOST.to_owned(),
            path: "/".to_owned(),
            connections: 4,
            rate: 200,
            duration: Duration::from_secs(4),
        };
        let outcome = self.bed.under_load(load, || {
            std::thread::sleep(Duration::from_millis(500));
            let all = node("red", &[(8080, "http")], &[])
                + &kube("red", self.apps["red"])
                + &weights(&[("red", 1)]);
            self.bed.save("router.yaml", &all);
        });
        assert_eq!(outcome.lost, 0, "{outcome:?}");
        assert_eq!(
            outcome.answers.keys().collect::<Vec<_>>(),
            ["green", "red"],
            "{outcome:?}"
        );
    }

    fn loses_what_is_deleted(&self) {
        let solo =
            |clusters: &BTreeSet<String>| clusters.iter().any(|name| name.contains("_solo_"));
        assert!(solo(&self.clusters()), "{:?}", self.clusters());
        self.bed.delete("solo-service.yaml");
        wait_for(
            "the cluster of a deleted service to go",
            Duration::from_secs(8),
            || (!solo(&self.clusters())).then_some(()),
        );
        assert_eq!(self.answer().as_deref(), Some("red"));
    }

    fn is_given_its_config_late(&self) {
        assert_eq!(
            self.bed.stat(&self.late, "control_plane.connected_state"),
            1
        );
        assert_eq!(
            self.bed
                .stat(&self.late, "listener_manager.total_listeners_active"),
            0
        );
        self.bed
            .save("late.yaml", &node("late", &[(7070, "http")], &["color"]));
        let to = (self.late.block.outbound(), 8080).into();
        wait_for("the late proxy to work", Duration::from_secs(15), || {
            self.bed
                .ask(to, HOST, "/")
                .seen
                .filter(|seen| seen.name == "red")
        });
        assert_eq!(
            self.bed
                .stat(&self.late, "listener_manager.total_listeners_active"),
            2
        );
    }
}

fn every_version(mode: Mode) {
    let envoys = programs::envoys();
    assert!(
        envoys.len() >= 3,
        "expected three versions of Envoy, found {envoys:?}"
    );
    for (version, envoy) in envoys {
        play(&version, &envoy, mode);
    }
}

#[test]
fn envoys_of_every_version_live_in_delta_mode() {
    every_version(Mode::Delta);
}

#[test]
fn envoys_of_every_version_live_in_state_of_the_world_mode() {
    every_version(Mode::StateOfTheWorld);
}
