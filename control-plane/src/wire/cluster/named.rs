//! The Kubernetes Secrets that TLS names: each is watched by its name alone and served to proxies of its namespace alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use tulle_envoy::{KubernetesSecret, secrets};
use tulle_model::{Finding, ObjectId, ProxyId, Severity, Str, codes};
use tulle_source::{Seen, watch_seen};
use tulle_xds::{Resource, TypeUrl};
use zeroize::Zeroizing;

/// Namespace and name.
type Key = (Str, Str);

/// What proxies want of Kubernetes Secrets, each with the object that says so.
pub(in crate::wire) type Wanted = BTreeMap<ProxyId, (ObjectId, BTreeSet<KubernetesSecret>)>;

/// The Secrets that are named by some object.
pub(super) struct NamedSecrets {
    watching: Client,
    /// Namespace and service account of the control plane.
    account: (Arc<str>, Arc<str>),
    wanted: Wanted,
    watches: BTreeMap<Key, Watch>,
    sender: mpsc::UnboundedSender<(Key, Seen<Secret>)>,
    news: mpsc::UnboundedReceiver<(Key, Seen<Secret>)>,
}

struct Watch {
    _task: AbortOnDropHandle<()>,
    seen: Seen<Secret>,
    /// What it was last good for; it is served until there is better.
    good: BTreeMap<KubernetesSecret, Arc<Resource>>,
    /// What it is no good for now, and why.
    wrong: BTreeMap<KubernetesSecret, String>,
}

impl NamedSecrets {
    pub(super) fn new(watching: Client, account: (Arc<str>, Arc<str>)) -> Self {
        let (sender, news) = mpsc::unbounded_channel();
        Self {
            watching,
            account,
            wanted: Wanted::new(),
            watches: BTreeMap::new(),
            sender,
            news,
        }
    }

    /// Takes what is wanted from now on; gives back what is no longer, by proxy.
    pub(super) fn want(&mut self, wanted: Wanted) -> BTreeMap<ProxyId, Vec<Arc<str>>> {
        let before = std::mem::replace(&mut self.wanted, wanted);
        let keys: BTreeSet<Key> = self
            .wanted
            .iter()
            .flat_map(|(proxy, (_, secrets))| secrets.iter().map(|own| key(proxy, own)))
            .collect();
        self.watches.retain(|key, _| keys.contains(key));
        for key in keys {
            if !self.watches.contains_key(&key) {
                let watch = self.watch(key.clone());
                self.watches.insert(key, watch);
            }
        }
        for (key, watch) in &mut self.watches {
            watch.judge(&parts(&self.wanted, key));
        }
        let gone = |(proxy, (_, secrets)): (ProxyId, (ObjectId, BTreeSet<KubernetesSecret>))| {
            let now = self.wanted.get(&proxy).map(|(_, now)| now);
            let gone = secrets
                .iter()
                .filter(|own| !now.is_some_and(|now| now.contains(*own)));
            let gone: Vec<Arc<str>> = gone.map(|own| own.name().into()).collect();
            (!gone.is_empty()).then_some((proxy, gone))
        };
        before.into_iter().filter_map(gone).collect()
    }

    fn watch(&self, key: Key) -> Watch {
        let mut seen = watch_seen::<Secret>(self.watching.clone(), &key.0, &key.1);
        let sender = self.sender.clone();
        let task = tokio::spawn(async move {
            while seen.changed().await.is_ok() {
                let now = seen.borrow_and_update().clone();
                if sender.send((key.clone(), now)).is_err() {
                    return;
                }
            }
        });
        Watch {
            _task: AbortOnDropHandle::new(task),
            seen: Seen::Unknown,
            good: BTreeMap::new(),
            wrong: BTreeMap::new(),
        }
    }

    /// Waits until there is something new of a Secret: the proxies that want it.
    pub(super) async fn news(&mut self) -> BTreeSet<ProxyId> {
        loop {
            // This holds a sender itself, so that the channel never ends.
            let Some((key, seen)) = self.news.recv().await else {
                return std::future::pending().await;
            };
            let wanted = parts(&self.wanted, &key);
            let Some(watch) = self.watches.get_mut(&key) else {
                continue;
            };
            watch.seen = seen;
            watch.judge(&wanted);
            let wants = |(proxy, (_, secrets)): (&ProxyId, &(_, BTreeSet<KubernetesSecret>))| {
                let named = secrets.iter().any(|own| self::key(proxy, own) == key);
                named.then(|| proxy.clone())
            };
            return self.wanted.iter().filter_map(wants).collect();
        }
    }

    /// What a proxy is served of those that it wants.
    pub(super) fn resources(&self, proxy: &ProxyId) -> Vec<Arc<Resource>> {
        let wanted = self.wanted.get(proxy).into_iter();
        let wanted = wanted.flat_map(|(_, secrets)| secrets);
        wanted
            .filter_map(|own| self.watches.get(&key(proxy, own))?.good.get(own).cloned())
            .collect()
    }

    /// What is wrong with those that are wanted.
    pub(super) fn findings(&self) -> BTreeSet<Finding> {
        let mut findings = BTreeSet::new();
        for (proxy, (object, secrets)) in &self.wanted {
            for own in secrets {
                let watch = self.watches.get(&key(proxy, own));
                if let Some((why, watch)) = watch.and_then(|it| Some((it.wrong.get(own)?, it))) {
                    findings.insert(self.finding(object, &proxy.namespace, own, why, watch));
                }
            }
        }
        findings
    }

    fn finding(
        &self,
        object: &ObjectId,
        namespace: &str,
        own: &KubernetesSecret,
        why: &str,
        watch: &Watch,
    ) -> Finding {
        let name = own.secret();
        let until = match watch.good.contains_key(own) {
            true => "proxies go on with what it held before",
            false => "connections that need it are closed",
        };
        let message = format!("Secret {namespace}/{name}: {why}; {until}");
        let help = match &watch.seen {
            Seen::Unreadable(_) => {
                let (system, account) = &self.account;
                format!(
                    "list it under secretAccess in the chart's values, or: kubectl -n {namespace} create role tulle-{name} \
                     --verb=list,watch --resource=secrets --resource-name={name} && kubectl -n {namespace} create rolebinding \
                     tulle-{name} --role=tulle-{name} --serviceaccount={system}:{account}"
                )
            }
            _ => match own {
                KubernetesSecret::Certificate(_) => {
                    "it has to hold tls.crt and tls.key, in PEM, the leaf first".to_owned()
                }
                KubernetesSecret::Roots(_) => "it has to hold ca.crt, in PEM".to_owned(),
            },
        };
        Finding::new(Severity::Error, codes::NO_SECRET, object, "", message).help(&help)
    }
}

fn key(proxy: &ProxyId, own: &KubernetesSecret) -> Key {
    (proxy.namespace.clone(), own.secret().clone())
}

/// The parts of a Secret that anybody wants.
fn parts(wanted: &Wanted, key: &Key) -> BTreeSet<KubernetesSecret> {
    let of_namespace = wanted.iter().filter(|(proxy, _)| proxy.namespace == key.0);
    let secrets = of_namespace.flat_map(|(_, (_, secrets))| secrets);
    secrets
        .filter(|own| *own.secret() == key.1)
        .cloned()
        .collect()
}

impl Watch {
    fn judge(&mut self, wanted: &BTreeSet<KubernetesSecret>) {
        self.good.retain(|own, _| wanted.contains(own));
        self.wrong.clear();
        for own in wanted {
            let made = match &self.seen {
                Seen::Unknown => continue,
                Seen::Unreadable(why) => Err(format!("it cannot be read: {why}")),
                Seen::Absent => Err("it does not exist".to_owned()),
                Seen::There(secret) => resource(own, secret),
            };
            match made {
                Ok(resource) => {
                    self.good.insert(own.clone(), Arc::new(resource));
                }
                Err(why) => {
                    self.wrong.insert(own.clone(), why);
                }
            }
        }
    }
}

/// What proxies are served of a Secret, if it is fit for that.
fn resource(own: &KubernetesSecret, secret: &Secret) -> Result<Resource, String> {
    let name = own.name();
    let value = |key: &str| {
        let data = secret.data.as_ref();
        let value = data.and_then(|data| data.get(key));
        let value = value.map(|value| value.0.as_slice());
        value.ok_or_else(|| format!("it has no {key}"))
    };
    let bytes = match own {
        KubernetesSecret::Certificate(_) => {
            let (chain, key) = (value("tls.crt")?, value("tls.key")?);
            check_pair(chain, key)?;
            secrets::tls_certificate(&name, chain, key)
        }
        KubernetesSecret::Roots(_) => {
            let roots = value("ca.crt")?;
            certificates(roots).map_err(|why| format!("its ca.crt {why}"))?;
            secrets::validation_context(&name, roots)
        }
    };
    // Its content is never changed without these, and they say nothing of it.
    let meta = &secret.metadata;
    let version = format!(
        "{}-{}",
        meta.uid.as_deref().unwrap_or_default(),
        meta.resource_version.as_deref().unwrap_or_default()
    );
    let bytes = Zeroizing::new(bytes);
    Ok(Resource::secret(TypeUrl::SDS, name, version, &bytes).judged_locally())
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => Err("holds no certificate in PEM".to_owned()),
        Err(error) => Err(format!("is no PEM: {error}")),
    }
}

/// A chain and the key of its leaf.
fn check_pair(chain: &[u8], key: &[u8]) -> Result<(), String> {
    let chain = certificates(chain).map_err(|why| format!("its tls.crt {why}"))?;
    // What the parser says of a key may hold a piece of it.
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|_| "its tls.key holds no private key in PEM".to_owned())?;
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
        .map(|_| ())
        .map_err(|error| format!("its tls.crt and tls.key are not a pair: {error}"))
}

#[cfg(test)]
mod tests;
