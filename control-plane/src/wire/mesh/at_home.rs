//! Refusals that say nothing of others: a secret names files, and one proxy does not have them.
//!
//! Envoy goes on without such a secret and reads the files by itself once they appear in their folder, of which it says
//! nothing; and it answers a secret of the same content as before with an ACK, whatever became of the files. So what an ACK is
//! worth is known only of a content that is new to the proxy: as long as one is known to lack its files, the secret is sent
//! again now and then, its paths spelled otherwise.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tulle_envoy::secrets;
use tulle_status::RefusalKey;
use tulle_xds::{Change, Resource, Scope, StreamId, TypeUrl};

use super::Mesh;
use super::refusals::refusal_key;

/// When a refused secret is sent again first; later it takes twice as long each time.
const FIRST: Duration = Duration::from_secs(30);
/// But never longer than this.
const LONGEST: Duration = Duration::from_secs(600);
/// Whose last stream ended so long ago is gone, and was no renewal.
const GONE: Duration = Duration::from_secs(60);

/// Who refuses what.
#[derive(Debug)]
pub(super) struct AtHome<S = StreamId> {
    callers: HashMap<S, Arc<str>>,
    /// Since when a caller that refuses something has no stream.
    away: BTreeMap<Arc<str>, Instant>,
    refused: BTreeMap<RefusalKey, Refused>,
}

#[derive(Debug)]
struct Refused {
    /// By caller, with the version that it refused last.
    by: BTreeMap<Arc<str>, Arc<str>>,
    /// How often it was sent again.
    tries: u32,
    at: Instant,
}

impl<S> Default for AtHome<S> {
    fn default() -> Self {
        Self {
            callers: HashMap::new(),
            away: BTreeMap::new(),
            refused: BTreeMap::new(),
        }
    }
}

impl<S: Copy + Eq + Hash> AtHome<S> {
    pub(super) fn connected(&mut self, stream: S, caller: Arc<str>) {
        self.away.remove(&caller);
        self.callers.insert(stream, caller);
    }

    pub(super) fn disconnected(&mut self, stream: S, now: Instant) {
        let Some(caller) = self.callers.remove(&stream) else {
            return;
        };
        let refuses = self
            .refused
            .values()
            .any(|own| own.by.contains_key(&caller));
        if refuses && !self.callers.values().any(|own| *own == caller) {
            self.away.insert(caller, now);
        }
    }

    /// Whether nobody refuses anything.
    pub(super) fn is_empty(&self) -> bool {
        self.refused.is_empty()
    }

    /// A proxy refuses a version.
    pub(super) fn refused(&mut self, key: RefusalKey, stream: S, version: Arc<str>, now: Instant) {
        let Some(caller) = self.callers.get(&stream) else {
            return;
        };
        let refused = self.refused.entry(key).or_insert_with(|| Refused {
            by: BTreeMap::new(),
            tries: 0,
            at: now + FIRST,
        });
        refused.by.insert(caller.clone(), version);
    }

    /// A proxy takes a version. Whether nobody refuses any more.
    pub(super) fn taken(&mut self, key: &RefusalKey, stream: S, version: &str) -> bool {
        let caller = self.callers.get(&stream);
        if let (Some(refused), Some(caller)) = (self.refused.get_mut(key), caller)
            && refused.by.get(caller).is_some_and(|own| **own != *version)
        {
            refused.by.remove(caller);
        }
        self.settle(key)
    }

    /// Whether nobody refuses any more.
    fn settle(&mut self, key: &RefusalKey) -> bool {
        let settled = self.refused.get(key).is_none_or(|own| own.by.is_empty());
        if settled {
            self.refused.remove(key);
        }
        settled
    }

    /// It is served no more, or is another by now.
    pub(super) fn forget(&mut self, key: &RefusalKey) {
        self.refused.remove(key);
    }

    /// A scope is gone.
    pub(super) fn forget_scope(&mut self, scope: &str) {
        self.refused.retain(|key, _| &*key.scope != scope);
    }

    /// When there is something to do.
    pub(super) fn next(&self) -> Option<Instant> {
        let tries = self.refused.values().map(|own| own.at);
        tries
            .chain(self.away.values().map(|since| *since + GONE))
            .min()
    }

    /// What is to be sent again, with how often it was before; and what nobody refuses any more, for who did is gone.
    pub(super) fn due(&mut self, now: Instant) -> (Vec<(RefusalKey, u32)>, Vec<RefusalKey>) {
        let gone: BTreeSet<Arc<str>> = self
            .away
            .iter()
            .filter(|(_, since)| **since + GONE <= now)
            .map(|(caller, _)| caller.clone())
            .collect();
        self.away.retain(|caller, _| !gone.contains(caller));
        let mut settled = Vec::new();
        let mut again = Vec::new();
        self.refused.retain(|key, own| {
            own.by.retain(|caller, _| !gone.contains(caller));
            if own.by.is_empty() {
                settled.push(key.clone());
                return false;
            }
            if own.at <= now {
                own.tries += 1;
                own.at = now + (FIRST * 2_u32.pow(own.tries.min(10))).min(LONGEST);
                again.push((key.clone(), own.tries));
            }
            true
        });
        (again, settled)
    }
}

impl Mesh {
    /// Whether the refusal is of something that every client judges for itself; if so, it is dealt with.
    pub(super) fn refused_at_home(
        &mut self,
        scope: &Scope,
        stream: StreamId,
        type_url: TypeUrl,
        names: &[Arc<str>],
        message: &str,
    ) -> bool {
        let stored = names
            .iter()
            .filter_map(|name| self.store.get(scope, type_url, name));
        let local: Vec<_> = stored.filter(|own| own.is_judged_locally()).collect();
        if local.is_empty() {
            return false;
        }
        // One by one they would be sent after this, but Envoy takes what it has seen already, so that its first words have to
        // tell whose fault it is. If they do not, all are sent again later.
        let mut culprits = local.clone();
        culprits.retain(|own| secrets::is_blamed(own.name(), message));
        if culprits.is_empty() {
            culprits = local;
        }
        for resource in culprits {
            let name = resource.name();
            let key = refusal_key(scope, type_url, name);
            let version = resource.version().clone();
            self.at_home.refused(key, stream, version, Instant::now());
            let message = match resource.is_secret() {
                true => message.to_owned(),
                false => format!(
                    "the proxy cannot use these files of its own container, and closes connections that need them ({message}); \
                     mount them there, with the annotation appmesh.k8s.aws/secretMounts"
                ),
            };
            self.refused(scope, type_url, std::slice::from_ref(name), &message);
        }
        true
    }

    /// The same where a client takes something.
    pub(super) fn taken_at_home(
        &mut self,
        scope: &Scope,
        stream: StreamId,
        type_url: TypeUrl,
        name: &Arc<str>,
        version: Option<&str>,
    ) -> bool {
        let stored = self.store.get(scope, type_url, name);
        let (Some(stored), Some(version)) = (stored, version) else {
            return false;
        };
        if !stored.is_judged_locally() {
            return false;
        }
        let key = refusal_key(scope, type_url, name);
        if self.at_home.taken(&key, stream, version)
            && let Some(refusal) = self.ledger.clear(&key)
        {
            tracing::info!(%scope, %name, "no longer refused: {}", refusal.message);
        }
        true
    }

    /// Sends again what somebody lacks the files for, spelled otherwise.
    pub(super) fn send_again(&mut self) {
        let (again, settled) = self.at_home.due(Instant::now());
        for key in settled {
            self.ledger.clear(&key);
        }
        for (key, tries) in again {
            let scope = Scope::new(key.scope.to_string());
            let Some(stored) = self.store.get(&scope, TypeUrl::SDS, &key.name) else {
                continue;
            };
            let Some(bytes) = secrets::respelled(&stored.message(), tries) else {
                continue;
            };
            let version = stored.version();
            let version = version
                .split_once('~')
                .map_or(&**version, |(first, _)| first);
            let version = format!("{version}~{tries}");
            let resource = Resource::new(TypeUrl::SDS, key.name.clone(), version, &bytes);
            let change = Change::Put(Arc::new(resource.judged_locally()));
            self.store.apply(&scope, vec![change]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> RefusalKey {
        RefusalKey {
            scope: "virtualnode/shop/web transparent".into(),
            type_url: "secret".into(),
            name: "file-root:/ca.pem".into(),
        }
    }

    fn home(now: Instant) -> AtHome<u64> {
        let mut home = AtHome::default();
        home.connected(1, "one".into());
        home.connected(2, "two".into());
        home.refused(key(), 1, "v".into(), now);
        home
    }

    #[test]
    fn only_who_refused_can_take_it_and_only_what_is_new() {
        let mut home = home(Instant::now());
        assert!(!home.taken(&key(), 2, "v"), "another proxy");
        assert!(!home.taken(&key(), 1, "v"), "the same content");
        assert!(home.taken(&key(), 1, "v~1"));
        assert_eq!(home.next(), None);
    }

    #[test]
    fn it_is_sent_again_ever_more_seldom() {
        let start = Instant::now();
        let mut home = home(start);
        assert_eq!(home.next(), Some(start + FIRST));
        assert!(home.due(start).0.is_empty());
        let mut waits = Vec::new();
        for tries in 1..8 {
            let now = home.next().unwrap();
            let (again, settled) = home.due(now);
            assert_eq!((again, settled.len()), (vec![(key(), tries)], 0));
            waits.push(home.next().unwrap().duration_since(now).as_secs());
        }
        assert_eq!(waits, [60, 120, 240, 480, 600, 600, 600]);
    }

    #[test]
    fn a_renewed_stream_changes_nothing_and_a_proxy_that_is_gone_refuses_nothing() {
        let start = Instant::now();
        let mut home = home(start);
        home.disconnected(1, start);
        home.connected(3, "one".into());
        assert!(!home.taken(&key(), 3, "v"));
        home.disconnected(3, start);
        let (_, settled) = home.due(start + GONE);
        assert_eq!(settled, [key()]);
    }
}
