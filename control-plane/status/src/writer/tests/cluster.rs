//! Statuses, events and finalizers on a real API server, the one that KUBECONFIG names, with App Mesh's CRDs:
//! `kubectl apply -f crds/yaml; cargo test -p tulle-status -- --ignored`.

use k8s_openapi::api::core::v1::{Event, Namespace};
use kube::Api;
use kube::api::{
    DeleteParams, DynamicObject, ListParams, ObjectMeta, Patch, PatchParams, PostParams,
};
use parking_lot::Mutex;
use serde_json::json;

use super::*;
use crate::finalizers::Finalizers;

type Seen = Arc<Mutex<BTreeMap<ObjectId, DynamicObject>>>;

struct Cluster {
    client: Client,
    namespace: String,
    seen: Seen,
}

impl Cluster {
    async fn new() -> Self {
        let client = Client::try_default().await.unwrap();
        let namespace = format!("status-{}", std::process::id());
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let new = Namespace {
            metadata: ObjectMeta {
                name: Some(namespace.clone()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        namespaces
            .create(&PostParams::default(), &new)
            .await
            .unwrap();
        Self {
            client,
            namespace,
            seen: Seen::default(),
        }
    }

    fn object(&self, kind: &str) -> ObjectId {
        let namespace = if kind == "Mesh" { "" } else { &self.namespace };
        let name = if kind == "Mesh" {
            &self.namespace
        } else {
            "it"
        };
        ObjectId::new(kind::APP_MESH, kind, namespace, name)
    }

    fn api(&self, object: &ObjectId) -> Api<DynamicObject> {
        let resource = kind::of(object).unwrap().resource();
        if object.namespace.is_empty() {
            Api::all_with(self.client.clone(), &resource)
        } else {
            Api::namespaced_with(self.client.clone(), &object.namespace, &resource)
        }
    }

    async fn create(&self, object: &ObjectId, finalizers: &[&str]) {
        let kind = kind::of(object).unwrap();
        let new = json!({
            "apiVersion": kind.api_version(), "kind": kind.kind,
            "metadata": { "name": object.name, "finalizers": finalizers }, "spec": {},
        });
        let new = serde_json::from_value(new).unwrap();
        self.api(object)
            .create(&PostParams::default(), &new)
            .await
            .unwrap();
    }

    /// What a source does: takes what the server has.
    async fn observe(&self, objects: &[ObjectId]) {
        for object in objects {
            let now = self.api(object).get_opt(&object.name).await.unwrap();
            match now {
                Some(now) => self.seen.lock().insert(object.clone(), now),
                None => self.seen.lock().remove(object),
            };
        }
    }

    fn records(&self) -> Arc<dyn Records> {
        let seen = self.seen.clone();
        Arc::new(move |object: &ObjectId| {
            let seen = seen.lock();
            let object = seen.get(object)?;
            let metadata = object.metadata.clone();
            Some(Record {
                uid: metadata.uid?.into(),
                resource_version: metadata.resource_version?.into(),
                finalizers: metadata
                    .finalizers
                    .into_iter()
                    .flatten()
                    .map(Str::from)
                    .collect(),
                deleting: metadata.deletion_timestamp.is_some(),
                status: object.data["status"].clone(),
            })
        })
    }

    fn version(&self, object: &ObjectId) -> String {
        self.seen.lock()[object]
            .metadata
            .resource_version
            .clone()
            .unwrap()
    }

    fn status(&self, object: &ObjectId) -> Value {
        self.seen.lock()[object].data["status"].clone()
    }

    /// Events on an object as `kubectl describe` looks for them.
    async fn events(&self, object: &ObjectId) -> Vec<Event> {
        let namespace = if object.namespace.is_empty() {
            "default"
        } else {
            &self.namespace
        };
        let api: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        let filter = format!(
            "involvedObject.name={},involvedObject.kind={}",
            object.name, object.kind
        );
        api.list(&ListParams::default().fields(&filter))
            .await
            .unwrap()
            .items
    }
}

fn replica(cluster: &Cluster, leads: bool) -> Replica {
    let client = cluster.client.clone();
    Replica::start(client, cluster.records(), leads, WriterOptions::default())
}

async fn looked(replica: &Replica, looks: u64) {
    let now = || replica.counters.now();
    eventually("all looked at", || {
        now().statuses + now().unchanged >= looks
    })
    .await;
    assert_eq!((now().failures, now().conflicts), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a Kubernetes API server with App Mesh's CRDs: KUBECONFIG"]
async fn statuses_on_a_real_api_server() {
    let cluster = Cluster::new().await;
    let objects: Vec<ObjectId> = KINDS.iter().map(|kind| cluster.object(kind)).collect();
    for object in &objects {
        cluster.create(object, &[]).await;
    }
    cluster.observe(&objects).await;

    // written once, for every kind
    let mut first = replica(&cluster, true);
    for object in &objects {
        first.observe(object, 1);
    }
    let node = cluster.object("VirtualNode");
    let mesh = cluster.object("Mesh");
    let errors = [
        finding(Severity::Error, &node, "duplicate"),
        finding(Severity::Warning, &node, "not-honoured-yet"),
        finding(Severity::Error, &mesh, "invalid-selector"),
    ];
    first.find(&errors);
    looked(&first, 6).await;
    assert_eq!(first.counters.now().statuses, 6);
    cluster.observe(&objects).await;
    for object in &objects {
        let status = cluster.status(object);
        let condition = &status["conditions"][0];
        let bad = [&node, &mesh].contains(&object);
        assert_eq!(condition["type"], format!("{}Active", object.kind));
        assert_eq!(condition["status"], if bad { "False" } else { "True" });
        assert_eq!(status["observedGeneration"], 1);
        let arn = status[kind::of(object).unwrap().arn_field()]
            .as_str()
            .unwrap();
        assert!(arn.starts_with("arn:aws:appmesh:us-west-2:000000000000:mesh/shop-mesh"));
    }
    sleep(Duration::from_secs(1)).await;
    for object in [&node, &mesh] {
        let [event] = &cluster.events(object).await[..] else {
            panic!("{object}")
        };
        assert_eq!(event.type_.as_deref(), Some("Warning"));
        let message = event.message.as_deref().unwrap();
        assert!(message.ends_with("; mend it"), "{message}");
    }

    // a restart, and a takeover, write nothing
    let versions: Vec<String> = objects
        .iter()
        .map(|object| cluster.version(object))
        .collect();
    let mut second = replica(&cluster, true);
    let mut third = replica(&cluster, false);
    for replica in [&mut second, &mut third] {
        for object in &objects {
            replica.observe(object, 1);
        }
        replica.find(&errors);
    }
    looked(&second, 6).await;
    lead(&second.leads, false);
    lead(&third.leads, true);
    looked(&third, 6).await;
    sleep(Duration::from_secs(2)).await;
    cluster.observe(&objects).await;
    let now: Vec<String> = objects
        .iter()
        .map(|object| cluster.version(object))
        .collect();
    assert_eq!(now, versions);
    assert_eq!(
        second.counters.now().statuses + third.counters.now().statuses,
        0
    );
    assert_eq!(cluster.events(&node).await.len(), 1);

    // an object that was made anew behind the source's back is not written to
    let api = cluster.api(&node);
    api.delete(&node.name, &DeleteParams::default())
        .await
        .unwrap();
    cluster.create(&node, &[]).await;
    third.find(&[]);
    eventually("refused", || third.counters.now().conflicts >= 1).await;
    let recreated = api.get(&node.name).await.unwrap();
    assert_eq!(recreated.data["status"], Value::Null);
    cluster.observe(&objects).await;
    third.written(2).await;
    // one that was touched since the source looked neither, until the source has seen it
    let label = json!({ "metadata": { "labels": { "a": "b" } } });
    api.patch(&node.name, &PatchParams::default(), &Patch::Merge(label))
        .await
        .unwrap();
    third.find(&errors[..2]);
    eventually("refused", || third.counters.now().conflicts >= 2).await;
    cluster.observe(&objects).await;
    third.written(3).await;
    cluster.observe(&objects).await;
    assert_eq!(cluster.status(&node)["conditions"][0]["status"], "False");

    freed(&cluster).await;
    let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
    cluster
        .api(&mesh)
        .delete(&mesh.name, &DeleteParams::default())
        .await
        .unwrap();
    namespaces
        .delete(&cluster.namespace, &DeleteParams::default())
        .await
        .unwrap();
}

/// Deletions that the old controller's finalizers hold up come to their end.
async fn freed(cluster: &Cluster) {
    let old = [
        "finalizers.appmesh.k8s.aws/mesh-members",
        "finalizers.appmesh.k8s.aws/virtualgateway-members",
        "finalizers.appmesh.k8s.aws/aws-appmesh-resources",
        "finalizers.appmesh.k8s.aws/aws-cloudmap-resources",
    ];
    let other = "example.com/keep";
    let named = |kind: &str, name: &str| {
        let namespace = if kind == "Mesh" {
            ""
        } else {
            &*cluster.namespace
        };
        ObjectId::new(
            kind::APP_MESH,
            kind,
            namespace,
            &format!("{name}-{}", cluster.namespace),
        )
    };
    let mut objects: Vec<ObjectId> = KINDS.iter().map(|kind| named(kind, "held")).collect();
    for object in &objects {
        cluster.create(object, &old).await;
    }
    let kept = named("VirtualNode", "kept");
    cluster.create(&kept, &[other, old[2]]).await;
    objects.push(kept.clone());

    let counters = Arc::new(Counters::default());
    let (door, inbox) = mailbox::mailbox();
    let (_trigger, watcher) = drain();
    let leads = leadership(true);
    let task = Finalizers::new(cluster.client.clone(), cluster.records(), counters.clone());
    tokio::spawn(task.run(inbox, leads.subscribe(), watcher.signal()));
    for object in &objects {
        let api = cluster.api(object);
        api.delete(&object.name, &DeleteParams::default())
            .await
            .unwrap();
    }
    cluster.observe(&objects).await;
    for object in &objects {
        door.send(object.clone(), ()).unwrap();
    }
    eventually("freed", || counters.now().finalizers == 7).await;
    cluster.observe(&objects).await;
    let left: Vec<ObjectId> = cluster
        .seen
        .lock()
        .keys()
        .filter(|object| objects.contains(object))
        .cloned()
        .collect();
    assert_eq!(left, std::slice::from_ref(&kept));
    let finalizers = cluster.seen.lock()[&kept].metadata.finalizers.clone();
    assert_eq!(finalizers.unwrap(), [other]);
    let open = json!({ "metadata": { "finalizers": null } });
    let api = cluster.api(&kept);
    api.patch(&kept.name, &PatchParams::default(), &Patch::Merge(open))
        .await
        .unwrap();
}
