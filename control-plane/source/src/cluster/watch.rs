//! Follows one collection of the API server: lists it, watches it, and goes on for ever.

mod event;
mod failure;
mod lines;
mod pace;
mod timing;

use std::time::Duration;

use kube::Client;
use kube::core::params::{ListParams, WatchParams};
use kube::core::request::Request;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout, timeout_at};

pub(super) use self::event::version_of;
use self::event::{Event, event, page};
use self::failure::Failure;
use self::lines::Lines;
use self::pace::Pace;
pub use self::timing::Timing;

/// How long a streaming list lasts at most, as the server is asked; kube allows 295.
const LIST_SECONDS: u32 = 290;

/// Objects in a page of a list.
const PAGE: u32 = 250;

/// Watches in a row that end without a word, not even the bookmark that a server sends before the
/// end. Then the server may be one that was restored from a backup and is behind the version that
/// is watched from: such a watch is silent for ever.
const SILENT_WATCHES: u32 = 8;

/// A collection of the API server.
#[derive(Clone, Debug)]
pub(super) struct Collection {
    /// Its path, such as `/api/v1/pods`.
    pub(super) path: String,
    /// A field selector.
    pub(super) fields: Option<String>,
    /// Whether the objects' metadata are enough.
    pub(super) metadata_only: bool,
}

/// Who is told of a collection.
pub(super) trait Listener: Send {
    /// All objects follow, until [`Listener::complete`]. A list that fails is begun again.
    fn begin(&mut self);
    /// An object is so, as JSON. Gives the version of the collection in which it became so, as the listener reads it anyway.
    fn put(&mut self, object: &RawValue) -> Option<String>;
    /// An object is gone.
    fn gone(&mut self, object: &RawValue);
    /// All objects that there are have been put since [`Listener::begin`].
    fn complete(&mut self);
    /// There is no such collection.
    fn absent(&mut self);
    /// The collection cannot be followed at the moment: why, and how often in a row it has failed
    /// before.
    fn trouble(&mut self, why: &str, failures: u32);
    /// The server answers as it should.
    fn well(&mut self);
}

/// Follows a collection. Never ends by itself.
pub(super) async fn follow(
    client: Client,
    collection: Collection,
    timing: Timing,
    listener: &mut impl Listener,
) {
    let mut follower = Follower {
        request: Request::new(collection.path.clone()),
        client,
        collection,
        pace: Pace::new(&timing),
        timing,
        listener,
        version: None,
        streaming: true,
        listed: None,
        absent_since: None,
        silent: 0,
    };
    loop {
        follower.step().await;
    }
}

struct Follower<'a, L> {
    client: Client,
    request: Request,
    collection: Collection,
    timing: Timing,
    pace: Pace,
    listener: &'a mut L,
    /// The version from which to watch; `None`: the collection must be listed.
    version: Option<String>,
    /// Whether the server may do streaming lists.
    streaming: bool,
    /// When the last list was complete.
    listed: Option<Instant>,
    /// Since when the server has said that there is no such collection.
    absent_since: Option<Instant>,
    /// Watches in a row that ended without a word.
    silent: u32,
}

impl<L: Listener> Follower<'_, L> {
    /// One request, and the wait after it.
    async fn step(&mut self) {
        let started = Instant::now();
        let listing = self.version.is_none();
        let outcome = match self.version.clone() {
            Some(version) => self.watch(&version).await,
            None => {
                self.pace.list().await;
                if self.streaming {
                    self.streaming_list().await
                } else {
                    self.paged_list().await
                }
            }
        };
        if !matches!(outcome, Err(Failure::Absent)) {
            self.absent_since = None;
        }
        match outcome {
            // A list leads to a watch at once; a watch that ends at once, again and again, must not.
            Ok(()) if listing || started.elapsed() >= self.timing.retry_first => {}
            Ok(()) => self.pace.failed(None).await,
            Err(Failure::Absent) => self.absent().await,
            Err(Failure::Expired) => {
                self.version = None;
                let fresh = self
                    .listed
                    .is_some_and(|listed| listed.elapsed() < self.timing.retry_most);
                if listing || fresh {
                    self.pace.failed(None).await;
                }
            }
            Err(Failure::Refused(why)) => {
                if listing && self.streaming {
                    tracing::debug!(path = self.collection.path, why, "no streaming lists");
                    self.streaming = false;
                } else {
                    self.version = None;
                    self.broken(&why, None).await;
                }
            }
            Err(Failure::Broken(why, wait)) => self.broken(&why, wait).await,
        }
    }

    async fn broken(&mut self, why: &str, wait: Option<Duration>) {
        self.listener.trouble(why, self.pace.failures());
        self.pace.failed(wait).await;
    }

    /// A collection counts as absent when the server has said so for a while: a server that starts
    /// may not know its own collections yet.
    async fn absent(&mut self) {
        let since = *self.absent_since.get_or_insert_with(Instant::now);
        let enough = match self.listed {
            None => self.timing.absent_at_start,
            Some(_) => self.timing.absent_later,
        };
        let sure = since.elapsed() >= enough;
        if sure {
            self.listener.absent();
            self.version = None;
        }
        let wait = if sure {
            self.timing.absent_poll
        } else {
            self.timing.absent_poll.min(enough)
        };
        // Jitter only shortens, and `enough` must have passed at the second look.
        let wait = if sure { self.pace.jittered(wait) } else { wait };
        tokio::time::sleep(wait).await;
    }

    /// Lists by a watch whose first events are all objects, and goes on with that watch.
    async fn streaming_list(&mut self) -> Result<(), Failure> {
        let params = WatchParams {
            send_initial_events: true,
            ..self.watch_params(LIST_SECONDS)
        };
        // No version: the answer is as new as can be, never older than what is held.
        let mut lines = self.open(&params, "").await?;
        self.listener.begin();
        let mut begun = Instant::now();
        loop {
            let line = match timeout(self.timing.list, lines.next()).await {
                Ok(Ok(Some(line))) => line,
                Ok(Ok(None)) => return Err(Failure::broken("the list ended before its end")),
                Ok(Err(error)) => return Err(Failure::broken(error.to_string())),
                Err(_) => {
                    // A server that knows no streaming lists takes this for a watch.
                    self.streaming = false;
                    return Err(Failure::broken(format!(
                        "the API server said nothing for {:?} within a list",
                        begun.elapsed()
                    )));
                }
            };
            match event(line)? {
                Event::Put(object) => {
                    self.listener.put(object);
                }
                Event::Gone(object, _) => self.listener.gone(object),
                Event::Bookmark {
                    version,
                    ends_list: true,
                } => {
                    self.listed(version)?;
                    break;
                }
                Event::Bookmark { .. } => {}
            }
            begun = Instant::now();
        }
        let life = self.pace.jittered(self.timing.watch);
        self.read(lines, Instant::now() + life).await
    }

    /// Lists page by page.
    async fn paged_list(&mut self) -> Result<(), Failure> {
        let mut next = None;
        let mut begun = false;
        loop {
            let params = ListParams {
                field_selector: self.collection.fields.clone(),
                limit: Some(PAGE),
                continue_token: next,
                ..ListParams::default()
            };
            let request = if self.collection.metadata_only {
                self.request.list_metadata(&params)
            } else {
                self.request.list(&params)
            };
            let text = timeout(
                self.timing.list,
                self.client
                    .request_text(request.map_err(kube::Error::BuildRequest)?),
            )
            .await
            .map_err(|_| Failure::broken("the API server does not answer a list"))??;
            let page = page(&text)?;
            if !begun {
                self.listener.begin();
                begun = true;
            }
            for item in page.items {
                self.listener.put(item);
            }
            next = page.next;
            if next.is_none() {
                return self.listed(page.version);
            }
        }
    }

    fn listed(&mut self, version: Option<String>) -> Result<(), Failure> {
        let version = version.ok_or_else(|| Failure::broken("the list has no version"))?;
        self.version = Some(version);
        self.listed = Some(Instant::now());
        self.silent = 0;
        self.listener.complete();
        self.well();
        Ok(())
    }

    fn well(&mut self) {
        self.pace.well();
        self.listener.well();
    }

    /// Watches from a version on.
    async fn watch(&mut self, version: &str) -> Result<(), Failure> {
        let whole = u32::try_from(self.timing.watch.as_secs()).unwrap_or(LIST_SECONDS);
        let lives = self.pace.jittered(Duration::from_secs(whole.into()));
        let seconds = u32::try_from(lives.as_secs()).unwrap_or(whole).max(1);
        let params = self.watch_params(seconds);
        let lines = self.open(&params, version).await?;
        let end = Duration::from_secs(seconds.into()) + self.timing.overdue;
        self.read(lines, Instant::now() + end).await
    }

    fn watch_params(&self, seconds: u32) -> WatchParams {
        WatchParams {
            field_selector: self.collection.fields.clone(),
            timeout: Some(seconds),
            bookmarks: true,
            ..WatchParams::default()
        }
    }

    async fn open(&mut self, params: &WatchParams, version: &str) -> Result<Lines, Failure> {
        let request = if self.collection.metadata_only {
            self.request.watch_metadata(params, version)
        } else {
            self.request.watch(params, version)
        };
        let mut request = request.map_err(kube::Error::BuildRequest)?;
        // Some servers compress each event by itself, which is not undone by every client.
        request.headers_mut().insert(
            http::header::ACCEPT_ENCODING,
            http::HeaderValue::from_static("identity"),
        );
        let answer = timeout(self.timing.answer, self.client.request_stream(request)).await;
        let body = answer.map_err(|_| Failure::broken("the API server does not answer"))??;
        Ok(Lines::new(body))
    }

    /// Reads a watch until its end, but not beyond a moment.
    async fn read(&mut self, mut lines: Lines, until: Instant) -> Result<(), Failure> {
        let mut silent = true;
        // A watch that is quiet for a while is a good one, too.
        let mut quiet = Some(until.min(Instant::now() + self.timing.retry_most));
        let ended = loop {
            let line = match timeout_at(quiet.unwrap_or(until), lines.next()).await {
                Ok(Ok(Some(line))) => line,
                Ok(Ok(None)) => break Ok(()),
                Ok(Err(error)) => break Err(Failure::broken(error.to_string())),
                Err(_) if quiet.take().is_some() => {
                    self.well();
                    continue;
                }
                Err(_) => break Ok(()),
            };
            let event = match event(line) {
                Ok(event) => event,
                Err(failure) => break Err(failure),
            };
            if silent {
                silent = false;
                self.silent = 0;
                quiet = None;
                self.well();
            }
            let version = match event {
                Event::Put(object) => self.listener.put(object),
                Event::Gone(object, version) => {
                    self.listener.gone(object);
                    version
                }
                Event::Bookmark { version, .. } => version,
            };
            if version.is_some() {
                self.version = version;
            }
        };
        if silent && ended.is_ok() {
            self.silent += 1;
            if self.silent >= SILENT_WATCHES {
                self.silent = 0;
                self.version = None;
            }
        }
        ended
    }
}
