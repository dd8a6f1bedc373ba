//! A small API server over loopback HTTP that lists and watches, and fails as it is told to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kube::{Client, Config};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};
use tulle_crds::Kind;

use super::KubeSource;

/// How the server fails.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    /// It takes no streaming lists: 422.
    pub(super) no_streaming: bool,
    /// It takes streaming lists for watches, as servers before 1.27 do.
    pub(super) ignores_streaming: bool,
    /// It closes every connection at once.
    pub(super) down: bool,
    /// It takes connections and says nothing, also on watches that are open.
    pub(super) hangs: bool,
    /// It answers everything so.
    pub(super) code: Option<u16>,
    /// These collections are forbidden.
    pub(super) forbidden: BTreeSet<Kind>,
    /// Objects of a page.
    pub(super) page: Option<usize>,
    /// The next event is cut in the middle.
    pub(super) cut: bool,
    /// The next event is no JSON.
    pub(super) garble: bool,
    /// Watches end without a bookmark, and never tell of anything.
    pub(super) mute: bool,
}

#[derive(Debug, Default)]
struct State {
    version: u64,
    uids: u64,
    collections: BTreeMap<String, Collection>,
    faults: Faults,
    requests: Vec<(Instant, String)>,
    /// Counts the times at which all connections were closed.
    resets: u64,
}

#[derive(Debug, Default)]
struct Collection {
    objects: BTreeMap<(String, String), Value>,
    log: Vec<(u64, &'static str, Value)>,
    compacted: u64,
}

/// The server. Ends when it is dropped.
pub(super) struct Api {
    state: Arc<Mutex<State>>,
    changed: watch::Sender<u64>,
    address: std::net::SocketAddr,
    _tasks: JoinSet<()>,
}

fn path(kind: Kind) -> String {
    match kind.group() {
        "" => format!("/api/{}/{}", kind.version(), kind.plural()),
        group => format!("/apis/{group}/{}/{}", kind.version(), kind.plural()),
    }
}

fn name_of(object: &Value) -> (String, String) {
    let text = |key: &str| {
        let text = object["metadata"][key].as_str();
        text.unwrap_or_default().to_owned()
    };
    (text("namespace"), text("name"))
}

impl Api {
    /// A server with the collections of these kinds, all empty.
    pub(super) async fn start(kinds: impl IntoIterator<Item = Kind>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State {
            version: 100,
            ..State::default()
        }));
        for kind in kinds {
            let empty = Collection::default();
            state.lock().collections.insert(path(kind), empty);
        }
        let changed = watch::Sender::new(0);
        let mut tasks = JoinSet::new();
        tasks.spawn({
            let (state, changed) = (Arc::clone(&state), changed.clone());
            async move {
                let mut connections = JoinSet::new();
                loop {
                    let (socket, _) = listener.accept().await.unwrap();
                    connections.spawn(serve(socket, Arc::clone(&state), changed.subscribe()));
                }
            }
        });
        Self {
            state,
            changed,
            address,
            _tasks: tasks,
        }
    }

    pub(super) fn client(&self) -> Client {
        let uri = format!("http://{}", self.address).parse().unwrap();
        KubeSource::client(Config::new(uri)).unwrap()
    }

    /// Makes or replaces an object, as a write by somebody would.
    pub(super) fn put(&self, kind: Kind, object: Value) {
        self.write(|state| state.put(kind, object));
    }

    pub(super) fn delete(&self, kind: Kind, namespace: &str, name: &str) {
        self.write(|state| state.delete(kind, namespace, name));
    }

    /// Brings a collection into being, or takes it away with all that is in it.
    pub(super) fn serve_kind(&self, kind: Kind, there: bool) {
        self.write(|state| {
            if there {
                state.collections.insert(path(kind), Collection::default());
            } else {
                state.collections.remove(&path(kind));
            }
        });
    }

    /// Forgets the history: who begins to watch from an older version must list again.
    pub(super) fn compact(&self) {
        self.write(|state| {
            state.version += 1;
            for collection in state.collections.values_mut() {
                collection.compacted = state.version;
            }
        });
    }

    /// Closes all connections.
    pub(super) fn reset(&self) {
        self.write(|state| state.resets += 1);
    }

    pub(super) fn fail(&self, change: impl FnOnce(&mut Faults)) {
        self.write(|state| change(&mut state.faults));
    }

    /// The requests whose target holds a text.
    pub(super) fn requests(&self, with: &str) -> Vec<(Instant, String)> {
        let state = self.state.lock();
        let requests = state.requests.iter();
        requests
            .filter(|(_, target)| target.contains(with))
            .cloned()
            .collect()
    }

    fn write(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock());
        self.changed.send_modify(|count| *count += 1);
    }
}

impl State {
    fn put(&mut self, kind: Kind, mut object: Value) {
        self.version += 1;
        self.uids += 1;
        let name = name_of(&object);
        let collection = self.collections.get_mut(&path(kind)).unwrap();
        let before = collection.objects.get(&name);
        if object["metadata"]["uid"].is_null() {
            let uid = before.map_or_else(
                || json!(format!("uid-{}", self.uids)),
                |before| before["metadata"]["uid"].clone(),
            );
            object["metadata"]["uid"] = uid;
        }
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let type_ = if before.is_some() {
            "MODIFIED"
        } else {
            "ADDED"
        };
        collection.log.push((self.version, type_, object.clone()));
        collection.objects.insert(name, object);
    }

    fn delete(&mut self, kind: Kind, namespace: &str, name: &str) {
        self.version += 1;
        let collection = self.collections.get_mut(&path(kind)).unwrap();
        let key = (namespace.to_owned(), name.to_owned());
        if let Some(mut object) = collection.objects.remove(&key) {
            object["metadata"]["resourceVersion"] = json!(self.version.to_string());
            collection.log.push((self.version, "DELETED", object));
        }
    }
}

/// What a request asks for.
struct Asked {
    path: String,
    query: BTreeMap<String, String>,
    metadata: bool,
}

impl Asked {
    fn get(&self, key: &str) -> &str {
        self.query.get(key).map_or("", String::as_str)
    }

    fn object(&self, kind: &str, object: &Value) -> Value {
        let mut object = object.clone();
        if self.metadata {
            object = json!({
                "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
                "metadata": object["metadata"],
            });
        } else if kind == "item" {
            let root = object.as_object_mut().unwrap();
            root.remove("kind");
            root.remove("apiVersion");
        }
        object
    }

    fn wants(&self, object: &Value) -> bool {
        let (namespace, name) = name_of(object);
        let wanted = self.get("fieldSelector").strip_prefix("metadata.name%3D");
        let of = self.get("namespace");
        wanted.is_none_or(|wanted| wanted == name) && (of.is_empty() || of == namespace)
    }
}

/// Ends a connection.
struct Closed;

impl From<std::io::Error> for Closed {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}

async fn serve(mut socket: TcpStream, state: Arc<Mutex<State>>, changed: watch::Receiver<u64>) {
    let resets = state.lock().resets;
    while let Ok(asked) = read_request(&mut socket).await {
        if state.lock().faults.down {
            return;
        }
        let done = answer(&mut socket, &state, changed.clone(), resets, asked).await;
        if done.is_err() {
            return;
        }
    }
}

async fn read_request(socket: &mut TcpStream) -> Result<Asked, Closed> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let target = head.split(' ').nth(1).unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut query: BTreeMap<String, String> = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    // One object of a namespace is asked for below the namespace.
    let mut path = path.to_owned();
    if let Some((before, after)) = path.split_once("/namespaces/")
        && let Some((namespace, plural)) = after.split_once('/')
    {
        query.insert("namespace".to_owned(), namespace.to_owned());
        path = format!("{before}/{plural}");
    }
    Ok(Asked {
        path,
        query,
        metadata: head.contains("PartialObjectMetadata"),
    })
}

async fn answer(
    socket: &mut TcpStream,
    state: &Mutex<State>,
    mut changed: watch::Receiver<u64>,
    resets: u64,
    asked: Asked,
) -> Result<(), Closed> {
    let target = format!("{}?{:?}", asked.path, asked.query);
    state.lock().requests.push((Instant::now(), target));
    loop {
        changed.borrow_and_update();
        let (hangs, closed) = {
            let state = state.lock();
            (state.faults.hangs, state.resets != resets)
        };
        if closed {
            return Err(Closed);
        }
        if !hangs {
            break;
        }
        changed.changed().await.map_err(|_| Closed)?;
    }
    let (code, body) = {
        let state = state.lock();
        let faults = &state.faults;
        let forbidden = faults
            .forbidden
            .iter()
            .any(|kind| path(*kind) == asked.path);
        if let Some(code) = faults.code {
            (code, status(code, "as told"))
        } else if forbidden {
            (403, status(403, "no such right"))
        } else if !state.collections.contains_key(&asked.path) {
            (404, "404 page not found\n".to_owned())
        } else if asked.get("watch") != "true" {
            list(&state, &asked)
        } else if faults.no_streaming && asked.get("sendInitialEvents") == "true" {
            (422, status(422, "sendInitialEvents is forbidden"))
        } else {
            (0, String::new())
        }
    };
    if code == 0 {
        return stream(socket, state, changed, resets, asked).await;
    }
    let length = body.len();
    let head = format!("HTTP/1.1 {code} X\r\ncontent-length: {length}\r\n\r\n");
    socket.write_all(head.as_bytes()).await?;
    socket.write_all(body.as_bytes()).await?;
    Ok(())
}

fn status(code: u16, message: &str) -> String {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
        "message": message, "reason": if code == 410 { "Expired" } else { "Told" }})
    .to_string()
}

fn list(state: &State, asked: &Asked) -> (u16, String) {
    let collection = &state.collections[&asked.path];
    let objects: Vec<&Value> = collection
        .objects
        .values()
        .filter(|object| asked.wants(object))
        .collect();
    let from: usize = asked.get("continue").parse().unwrap_or(0);
    let page = state.faults.page.unwrap_or(usize::MAX);
    let items: Vec<Value> = objects
        .iter()
        .skip(from)
        .take(page)
        .map(|object| asked.object("item", object))
        .collect();
    let mut metadata = json!({"resourceVersion": state.version.to_string()});
    if from + items.len() < objects.len() {
        metadata["continue"] = json!((from + items.len()).to_string());
    }
    (
        200,
        json!({"metadata": metadata, "items": items}).to_string(),
    )
}

async fn chunk(socket: &mut TcpStream, text: &str) -> Result<(), Closed> {
    let chunk = format!("{:x}\r\n{text}\r\n", text.len());
    socket.write_all(chunk.as_bytes()).await?;
    Ok(())
}

async fn stream(
    socket: &mut TcpStream,
    state: &Mutex<State>,
    mut changed: watch::Receiver<u64>,
    resets: u64,
    asked: Asked,
) -> Result<(), Closed> {
    socket
        .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        .await?;
    let seconds: u64 = asked.get("timeoutSeconds").parse().unwrap();
    let end = Instant::now() + Duration::from_secs(seconds);
    let given = asked.get("resourceVersion");
    let streaming = asked.get("sendInitialEvents") == "true";
    let mut lines = Vec::new();
    let mut cursor: u64 = given.parse().unwrap_or(0);
    if given.is_empty() {
        let state = state.lock();
        let objects = state.collections[&asked.path].objects.values();
        for object in objects.filter(|object| asked.wants(object)) {
            let object = asked.object("object", object);
            lines.push(json!({"type": "ADDED", "object": object}).to_string());
        }
        if streaming && !state.faults.ignores_streaming {
            lines.push(bookmark(state.version, true));
        }
        cursor = state.version;
    } else if cursor < state.lock().collections[&asked.path].compacted {
        let gone: Value = serde_json::from_str(&status(410, "too old")).unwrap();
        chunk(
            socket,
            &format!("{}\n", json!({"type": "ERROR", "object": gone})),
        )
        .await?;
        socket.write_all(b"0\r\n\r\n").await?;
        return Ok(());
    }
    loop {
        for line in lines.drain(..) {
            let (cut, garble) = {
                let mut state = state.lock();
                let faults = &mut state.faults;
                (
                    std::mem::take(&mut faults.cut),
                    std::mem::take(&mut faults.garble),
                )
            };
            if cut {
                chunk(socket, &line[..line.len() / 2]).await?;
                return Err(Closed);
            }
            let line = if garble { "{\"type\": \"ADD" } else { &line };
            chunk(socket, &format!("{line}\n")).await?;
        }
        {
            changed.borrow_and_update();
            let state = state.lock();
            if state.resets != resets {
                return Err(Closed);
            }
            let Some(collection) = state.collections.get(&asked.path) else {
                return Err(Closed);
            };
            if !state.faults.hangs && !state.faults.mute {
                for (version, type_, object) in &collection.log {
                    if *version > cursor && asked.wants(object) {
                        let object = asked.object("object", object);
                        lines.push(json!({"type": type_, "object": object}).to_string());
                    }
                }
                cursor = state.version;
            }
        }
        if lines.is_empty() && timeout_at(end, changed.changed()).await.is_err() {
            let state = state.lock();
            if !state.faults.mute && !state.faults.hangs {
                lines.push(bookmark(state.version, false));
            }
            break;
        }
    }
    // What hangs does not end either.
    while state.lock().faults.hangs {
        if state.lock().resets != resets {
            return Err(Closed);
        }
        sleep(Duration::from_millis(5)).await;
    }
    for line in lines {
        chunk(socket, &format!("{line}\n")).await?;
    }
    socket.write_all(b"0\r\n\r\n").await?;
    Ok(())
}

fn bookmark(version: u64, ends_list: bool) -> String {
    let mut metadata = json!({"resourceVersion": version.to_string()});
    if ends_list {
        metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
    }
    json!({"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": metadata}}).to_string()
}
