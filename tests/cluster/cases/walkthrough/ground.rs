//! What every walkthrough stands on: its manifests applied, its pods asked, its proxies looked into.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use tulle_cluster::case::{Case, call};
use tulle_cluster::forward::Forwarded;
use tulle_sample::http_client::{Answer, Call};

/// How long a change may take from `kubectl apply` until it is seen.
pub(super) const SOON: Duration = Duration::from_secs(20);

/// A running walkthrough. Its name is that of its folder, its namespace and its mesh.
pub(super) struct Ground {
    pub(super) case: Case,
    pub(super) ns: &'static str,
}

impl Ground {
    /// Applies all manifests of the folder at once, as a reader does, and waits until every Deployment is available.
    pub(super) fn new(name: &'static str) -> Self {
        let ground = Self::before(name);
        ground.apply("");
        ground.ready(name);
        ground
    }

    /// The same with nothing applied yet.
    pub(super) fn before(name: &'static str) -> Self {
        Self::of(Case::shared(), name)
    }

    /// The same for a walkthrough that changes what holds for all: no other case runs meanwhile.
    pub(super) fn alone(name: &'static str) -> Self {
        Self::of(Case::alone(), name)
    }

    fn of(case: Case, name: &'static str) -> Self {
        case.owns(name);
        Self { case, ns: name }
    }

    /// A file of the folder.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        root.join("walkthroughs").join(self.ns).join(name)
    }

    /// Applies a file of the folder (`then/…`: a later step), or with `""` all but the later steps.
    pub(super) fn apply(&self, file: &str) {
        self.case
            .run(&format!("apply -f {}", self.file(file).display()));
    }

    /// Waits until every Deployment of a namespace is available.
    pub(super) fn ready(&self, namespace: &str) {
        self.case.run(&format!(
            "wait deployment --all -n {namespace} --for=condition=Available --timeout=120s"
        ));
    }

    /// The pod of an application that is not being ended.
    pub(super) fn pod(&self, app: &str) -> Value {
        let pods = self.case.list(&format!("pods -n {} -l app={app}", self.ns));
        pods.into_iter()
            .find(|pod| pod["metadata"]["deletionTimestamp"].is_null())
            .unwrap_or_else(|| panic!("no pod of {app}"))
    }

    /// Where a port of an application's pod is.
    pub(super) fn address(&self, app: &str, port: u16) -> String {
        let address = self.pod(app)["status"]["podIP"].clone();
        let address = address.as_str().unwrap_or_else(|| panic!("{app}: no IP"));
        format!("{address}:{port}")
    }

    /// A question to an application, or to a gateway, from outside of the mesh; its Host is one of the outside world.
    pub(super) fn question(&self, app: &str, port: u16, path: &str) -> Call {
        call(&self.address(app, port), "shop.example.com", path)
    }

    /// Asks.
    pub(super) fn ask(&self, question: &Call) -> Answer {
        let mut answers = self.case.play_outside(std::slice::from_ref(question));
        answers.remove(0)
    }

    /// Asks until the answer has this status and text.
    pub(super) fn answers(&self, question: &Call, status: u16, words: &str) {
        self.until(question, |answer| {
            answer.status == status && answer.text.contains(words)
        });
    }

    /// Asks until exactly this comes back, and returns it whole. A pod that is ready is known to its clients a moment later,
    /// each of them by itself.
    pub(super) fn answer(&self, question: &Call, status: u16, text: &str) -> Answer {
        self.until(question, |answer| {
            (answer.status, answer.text.as_str()) == (status, text)
        })
    }

    fn until(&self, question: &Call, is_right: impl Fn(&Answer) -> bool) -> Answer {
        let what = format!("the answer to {question:?}");
        self.case.eventually(&what, SOON, || {
            let answer = self.ask(question);
            anyhow::ensure!(is_right(&answer), "{answer:?}");
            Ok(answer)
        })
    }

    /// Asks again until an Envoy has counted one of such at least.
    pub(super) fn counted(&self, question: &Call, app: &str, name: &str) {
        self.case.eventually(name, SOON, || {
            if self.figure(app, name)? == 0 {
                let answer = self.ask(question);
                anyhow::bail!("none yet: {answer:?}");
            }
            Ok(())
        });
    }

    /// Asks so many times; how often each came back: the text of a 200, else the status.
    pub(super) fn count(&self, question: &Call, times: usize) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        let questions = vec![question.clone(); times];
        for answer in self.case.play_outside(&questions) {
            let key = match answer.status {
                200 => answer.text,
                other => other.to_string(),
            };
            *counts.entry(key).or_default() += 1;
        }
        counts
    }

    /// A page of the admin interface of the Envoy in an application's pod or in a gateway's.
    pub(super) fn admin(&self, app: &str, path: &str) -> anyhow::Result<String> {
        self.page(&self.pod(app), path)
    }

    fn page(&self, pod: &Value, path: &str) -> anyhow::Result<String> {
        let name = pod["metadata"]["name"].as_str().context("a name")?;
        let containers = pod["spec"]["containers"].as_array();
        if containers.is_some_and(|all| all.iter().any(|one| one["name"] == "app")) {
            return self.case.envoy(self.ns, name, path);
        }
        // A gateway's pod holds Envoy alone, which has no client.
        let port = Forwarded::to(self.case.kubectl(), self.ns, name, 9901)?;
        let answer = self.ask(&call(port.address(), "localhost", path));
        anyhow::ensure!(answer.status == 200, "{path}: {answer:?}");
        Ok(answer.text)
    }

    /// Figures of an application's Envoy whose name holds this text.
    pub(super) fn figures(&self, app: &str, part: &str) -> anyhow::Result<BTreeMap<String, u64>> {
        Ok(parse(&self.admin(app, &format!("/stats?filter={part}"))?))
    }

    /// One figure by its whole name.
    pub(super) fn figure(&self, app: &str, name: &str) -> anyhow::Result<u64> {
        let found = self.figures(app, name)?;
        found
            .get(name)
            .copied()
            .with_context(|| format!("{app} has no figure {name}: {found:?}"))
    }

    /// The name of the cluster by which this mesh's proxies call a node over a port.
    pub(super) fn egress(&self, node: &str, protocol: &str, port: u16) -> String {
        let ns = self.ns;
        format!("cds_egress_{ns}_{node}_{ns}_{protocol}_{port}")
    }

    /// The name of the cluster of a node's own application.
    pub(super) fn ingress(&self, node: &str, protocol: &str, port: u16) -> String {
        let ns = self.ns;
        format!("cds_ingress_{ns}_{node}_{ns}_{protocol}_{port}")
    }

    /// What the Envoy of an application has logged.
    pub(super) fn log(&self, app: &str) -> String {
        let pod = self.pod(app);
        let name = pod["metadata"]["name"].as_str().unwrap();
        self.case
            .run(&format!("logs {name} -n {} -c envoy --tail=-1", self.ns))
    }

    /// Every object of the mesh is in use, and no proxy has refused anything.
    pub(super) fn all_is_well(&self) {
        let kinds = "virtualnodes,virtualservices,virtualrouters,virtualgateways,gatewayroutes";
        self.case.eventually("every object to be active", SOON, || {
            let objects = self.case.list(&format!("{kinds} -n {}", self.ns));
            for object in &objects {
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                let status = &object["status"]["conditions"][0];
                anyhow::ensure!(
                    status["status"] == "True",
                    "{} {name}: {status}",
                    object["kind"]
                );
            }
            anyhow::ensure!(!objects.is_empty(), "no objects");
            Ok(())
        });
        for pod in self.case.list(&format!("pods -n {}", self.ns)) {
            let running = pod["metadata"]["deletionTimestamp"].is_null();
            if !running || pod["metadata"]["annotations"]["tulle.dev/proxy"].is_null() {
                continue;
            }
            let name = &pod["metadata"]["name"];
            let page = self.page(&pod, "/stats?filter=update_rejected").unwrap();
            let figures = parse(&page);
            assert!(figures.len() > 1, "{name}: {page}");
            assert!(figures.values().all(|count| *count == 0), "{name}: {page}");
        }
    }
}

fn parse(page: &str) -> BTreeMap<String, u64> {
    page.lines()
        .filter_map(|line| {
            let (name, value) = line.rsplit_once(": ")?;
            Some((name.to_owned(), value.parse().ok()?))
        })
        .collect()
}

/// A question with a header.
pub(super) fn with(question: &Call, name: &str, value: &str) -> Call {
    let mut question = question.clone();
    question.headers.insert(name.to_owned(), value.to_owned());
    question
}

/// That a count lies between two, both included.
pub(super) fn between(
    counts: &BTreeMap<String, usize>,
    key: &str,
    least: usize,
    most: usize,
) -> anyhow::Result<()> {
    let found = counts.get(key).copied().unwrap_or_default();
    anyhow::ensure!(
        (least..=most).contains(&found),
        "{found} of {key}, not {least} to {most}: {counts:?}"
    );
    Ok(())
}
