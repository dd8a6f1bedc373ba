//! What several cases begin with: a client, two coloured servers, and a router between them.

use tulle_cluster::case::Case;
use tulle_cluster::load::{Load, Plan};
use tulle_cluster::manifests::{
    App, address, client_node, kube_service, mesh, node, service, split,
};

/// A mesh and namespace of one name with `blue` and `green` behind `color`, and a `client`.
pub(crate) struct Scene {
    pub(crate) case: Case,
    pub(crate) ns: &'static str,
}

impl Scene {
    /// Brings it up, all weight on blue, with so many pods of blue and green. Blue answers by then: that its pods are ready
    /// is the API server's word, which proxies are told a moment later.
    pub(crate) fn new(case: Case, ns: &'static str, blue: u32, green: u32) -> Self {
        case.owns(ns);
        let mut text = mesh(ns);
        text += &client_node(ns, "client", &["color"]);
        for name in ["blue", "green"] {
            text += &node(ns, name, &[]);
            text += &kube_service(ns, name);
        }
        text += &split(ns, "color", &[("blue", 100), ("green", 0)]);
        text += &service(ns, "color", "virtualRouter", "color");
        // Only its address is needed: a captured connection goes where the mesh says.
        text += &address(ns, "color");
        case.apply(&text);
        case.run(&format!(
            "wait --for=create serviceaccount/default -n {ns} --timeout=60s"
        ));
        let app = |name, replicas| App {
            replicas,
            ..App::new(ns, name)
        };
        case.apply(
            &(app("blue", blue).yaml() + &app("green", green).yaml() + &app("client", 1).yaml()),
        );
        let patience = 90 + 5 * (blue + green);
        case.ready_within(ns, &["blue", "green", "client"], patience);
        let scene = Self { case, ns };
        scene.answered_by(&["blue"]);
        scene
    }

    /// The router with other weights.
    pub(crate) fn weights(&self, blue: u32, green: u32) {
        self.case.apply(&split(
            self.ns,
            "color",
            &[("blue", blue), ("green", green)],
        ));
    }

    /// The name of `color` as the mesh knows it.
    pub(crate) fn host(&self) -> String {
        format!("color.{}.svc.cluster.local", self.ns)
    }

    /// A load from a pod of the mesh to `color`.
    pub(crate) fn load(&self, pod: &str, rate: u32, seconds: u32) -> Load<'_> {
        let plan = Plan {
            namespace: self.ns,
            pod,
            app: "client",
            to: "color:80",
            host: &self.host(),
            rate,
            seconds,
            injected: true,
        };
        Load::start(&self.case, &plan)
    }

    /// A short load from the client's pod; who answered how often.
    pub(crate) fn shares(&self) -> tulle_sample::load::Outcome {
        let host = self.host();
        let words = [
            "/usr/local/bin/tulle-sample",
            "load",
            "--to",
            "color:80",
            "--host",
            &host,
            "--seconds",
            "1.5",
            "--rate",
            "200",
        ];
        let mut command = self.case.exec(self.ns, "deployment/client", "app", &words);
        let report = tulle_cluster::case::must(&mut command);
        serde_json::from_str(&report).unwrap_or_else(|error| panic!("{error}: {report}"))
    }

    /// Waits until only these colours answer.
    pub(crate) fn answered_by(&self, colours: &[&str]) {
        let limit = std::time::Duration::from_secs(20);
        self.case
            .eventually(&format!("{colours:?} to answer"), limit, || {
                let outcome = self.shares();
                let who: Vec<&str> = outcome.answers.keys().map(String::as_str).collect();
                anyhow::ensure!(who == colours && outcome.lost == 0, "{outcome:?}");
                Ok(())
            });
    }
}
