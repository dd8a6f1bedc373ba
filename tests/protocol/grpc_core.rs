//! gRPC C-core's xDS client in state-of-the-world mode, over TLS, with a token: it subscribes by name and
//! needs API listeners, which this test serves from a store of its own.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::json;
use tulle_identity::{Identity, ProxyClaims, ServingCertificate, ServingNames, TrustDomain};
use tulle_xds::{
    Authenticator, Caller, Change, Denied, Resource, Role, Scope, Server, ServerSettings, Store,
    TypeTable, TypeUrl,
};

struct Tokens(Identity);

impl Authenticator for Tokens {
    fn authenticate<'a>(
        &'a self,
        bearer: Option<&'a str>,
        _peer: std::net::SocketAddr,
    ) -> BoxFuture<'a, Result<Caller, Denied>> {
        std::future::ready(self.prove(bearer)).boxed()
    }
}

impl Tokens {
    fn prove(&self, bearer: Option<&str>) -> Result<Caller, Denied> {
        let claims = self
            .0
            .tokens
            .verify(bearer.ok_or_else(|| Denied("no token".to_owned()))?)
            .map_err(|error| Denied(error.to_string()))?;
        Ok(Caller {
            scope: Scope::new("grpc"),
            own: None,
            name: claims.proxy.to_string().into(),
            expires: None,
            role: Role::Proxy,
        })
    }
}

fn resource(type_url: TypeUrl, name: &str, message: serde_json::Value) -> Arc<Resource> {
    let version = tulle_model::hash::version_of(&message.to_string());
    let bytes = tulle_proto::from_json(type_url.as_str(), message).expect("a message");
    Arc::new(Resource::new(type_url, name, version, &bytes))
}

fn cluster(name: &str) -> Arc<Resource> {
    resource(
        TypeUrl::CDS,
        name,
        json!({
            "name": name, "type": "EDS", "lb_policy": "ROUND_ROBIN",
            "eds_cluster_config": { "eds_config": { "ads": {}, "resource_api_version": "V3" } }
        }),
    )
}

fn endpoints(name: &str, port: u16) -> Arc<Resource> {
    resource(
        TypeUrl::EDS,
        name,
        json!({
            "cluster_name": name,
            "endpoints": [{
                "locality": { "region": "here" }, "load_balancing_weight": 1,
                "lb_endpoints": [{ "endpoint": { "address": { "socket_address": { "address": "127.0.0.1", "port_value": port } } } }]
            }]
        }),
    )
}

fn listener() -> Arc<Resource> {
    resource(
        TypeUrl::LDS,
        "hello.tulle",
        json!({
            "name": "hello.tulle",
            "api_listener": { "api_listener": {
                "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                "stat_prefix": "hello",
                "rds": { "route_config_name": "hello", "config_source": { "ads": {}, "resource_api_version": "V3" } },
                "http_filters": [{ "name": "router", "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" } }]
            } }
        }),
    )
}

fn routes(weights: &[(&str, u32)]) -> Arc<Resource> {
    let clusters: Vec<_> = weights
        .iter()
        .map(|(name, weight)| json!({ "name": name, "weight": weight }))
        .collect();
    resource(
        TypeUrl::RDS,
        "hello",
        json!({
            "name": "hello",
            "virtual_hosts": [{ "name": "hello", "domains": ["hello.tulle"], "routes": [
                { "match": { "prefix": "" }, "route": { "weighted_clusters": { "clusters": clusters } } }
            ] }]
        }),
    )
}

/// The Python process and its pipes; ended when dropped.
struct Client {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Client {
    fn start(bootstrap: &std::path::Path) -> (Self, BTreeMap<String, u16>) {
        let python =
            std::env::var_os("TULLE_PYTHON").expect("TULLE_PYTHON: run this layer with tests/run");
        let mut child = Command::new(python)
            .arg(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol/grpc_core.py"))
            .env("GRPC_XDS_BOOTSTRAP", bootstrap)
            .env("GRPC_EXPERIMENTAL_XDS_BOOTSTRAP_CALL_CREDS", "true")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python runs");
        let stdin = child.stdin.take().expect("piped");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut client = Self {
            child,
            stdin,
            stdout,
        };
        let ports = serde_json::from_str(&client.line()).expect("ports");
        (client, ports)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("a line");
        line
    }

    fn call(&mut self, count: u32) -> BTreeMap<String, u32> {
        writeln!(self.stdin, "call {count}").expect("it listens");
        serde_json::from_str(&self.line()).expect("answers")
    }

    /// Calls until the answers are as expected; what is said at first may still be the old way.
    fn calls_settle(&mut self, what: &str, right: impl Fn(&BTreeMap<String, u32>) -> bool) {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let answers = self.call(40);
            if right(&answers) {
                return;
            }
            assert!(Instant::now() < end, "{what}: {answers:?}");
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn only(name: &str) -> impl Fn(&BTreeMap<String, u32>) -> bool {
    move |answers| answers.len() == 1 && answers.contains_key(name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_of_grpc_follows_every_kind_of_change() {
    let domain: TrustDomain = "cluster.local".parse().expect("a domain");
    let identity = Identity::open(None, &domain).expect("in memory");
    let names = ServingNames {
        dns_names: vec![],
        addresses: vec!["127.0.0.1".parse().expect("an address")],
    };
    let certificate =
        ServingCertificate::new(identity.authority.clone(), names).expect("a certificate");
    let (store, mut feed) = Store::new(TypeTable::envoy());
    let tokens = Arc::new(Tokens(identity.clone()));
    let server = Server::new(
        store.clone(),
        tokens,
        certificate,
        ServerSettings::default(),
    )
    .expect("a server");
    let port = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = port.local_addr().expect("an address");
    tokio::spawn({
        let server = server.clone();
        async move { server.serve(port).await }
    });
    tokio::spawn(async move {
        loop {
            feed.next().await;
        }
    });

    let folder = tempfile::tempdir().expect("a folder");
    let claims = ProxyClaims {
        proxy: "virtualnode/shop/grpc".parse().expect("a proxy"),
        capture: "transparent".parse().expect("a capture"),
    };
    let token = identity
        .tokens
        .issue(&claims, Duration::from_secs(3600))
        .expect("a token");
    std::fs::write(folder.path().join("token"), token).expect("writable");
    std::fs::write(
        folder.path().join("root.pem"),
        identity.authority.root_pem(),
    )
    .expect("writable");
    let bootstrap = folder.path().join("bootstrap.json");
    let config = json!({
        "xds_servers": [{
            "server_uri": address.to_string(),
            "channel_creds": [{ "type": "tls", "config": { "ca_certificate_file": folder.path().join("root.pem") } }],
            "call_creds": [{ "type": "jwt_token_file", "config": { "jwt_token_file": folder.path().join("token") } }],
            "server_features": ["xds_v3"]
        }],
        "node": { "id": "grpc-client", "cluster": "tests" }
    });
    std::fs::write(&bootstrap, config.to_string()).expect("writable");

    let played = tokio::task::spawn_blocking(move || {
        let (mut client, ports) = Client::start(&bootstrap);
        let scope = Scope::new("grpc");
        let apply = |changes: Vec<Change>| store.apply(&scope, changes).expect("a filled scope");
        store.replace(
            &scope,
            vec![
                listener(),
                routes(&[("blue", 1)]),
                cluster("blue"),
                endpoints("blue", ports["blue"]),
            ],
        );
        client.calls_settle("the first config", only("blue"));
        // A new cluster together with the route that needs it.
        apply(vec![
            Change::Put(cluster("green")),
            Change::Put(endpoints("green", ports["green"])),
            Change::Put(routes(&[("green", 1)])),
        ]);
        client.calls_settle("a new cluster", only("green"));
        // Weights.
        apply(vec![Change::Put(routes(&[("blue", 1), ("green", 1)]))]);
        client.calls_settle("both", |answers| {
            answers.len() == 2 && answers.keys().all(|name| ports.contains_key(name))
        });
        // Endpoints alone.
        apply(vec![Change::Put(endpoints("blue", ports["green"]))]);
        client.calls_settle("moved endpoints", only("green"));
        // A removal, and the resource's return.
        apply(vec![
            Change::Put(routes(&[("green", 1)])),
            Change::Remove(TypeUrl::CDS, "blue".into()),
            Change::Remove(TypeUrl::EDS, "blue".into()),
        ]);
        client.calls_settle("without the other cluster", only("green"));
        apply(vec![
            Change::Put(cluster("blue")),
            Change::Put(endpoints("blue", ports["blue"])),
            Change::Put(routes(&[("blue", 1)])),
        ]);
        client.calls_settle("the cluster is back", only("blue"));
    });
    played.await.expect("every step holds");
    let counters = server.counters();
    assert_eq!(
        (counters.nacks, counters.denied, counters.panics),
        (0, 0, 0),
        "{counters:?}"
    );
    let streams = server.snapshot().streams;
    assert!(
        streams.iter().all(|stream| format!("{:?}", stream.variant)
            .to_lowercase()
            .contains("sotw")
            || format!("{:?}", stream.variant)
                .to_lowercase()
                .contains("state")),
        "{streams:?}"
    );
}
