//! What a proxy holds and asks for: responses in, requests out, nothing of the transport.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::answer::Count;
use super::marks::{Mark, Marks};
use super::names::{Held, NONE, NameId, Names, ResourceId, Wanted};

use crate::wire::Kind;
use crate::wire::fields::Malformed;
use crate::wire::request::{Delta, Node, Sotw};

/// A proxy's side of ADS. It outlives streams.
#[derive(Debug)]
pub(super) struct Session {
    names: Arc<Names>,
    sotw: bool,
    secrets: bool,
    types: [Type; 5],
    response: Response,
}

/// A type that may be subscribed to.
#[derive(Debug, Default)]
struct Type {
    /// There was a request on this stream.
    open: bool,
    /// There was a response, on this or an earlier stream.
    answered: bool,
    held: Held,
    /// The names that are subscribed to, unless all are.
    wanted: Wanted,
    /// How many of them are not held.
    missing: usize,
    /// State of the world: the version that is held, and the last nonce of this stream.
    version: String,
    nonce: String,
}

/// A response as far as it was read.
#[derive(Debug, Default)]
struct Response {
    url: Bytes,
    nonce: Bytes,
    version: Bytes,
    resources: Vec<(Kind, NameId, ResourceId)>,
    removed: Vec<Bytes>,
    resource_bytes: u64,
    marks: Vec<Arc<Mark>>,
}

/// What follows from a response.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) kind: Kind,
    pub(super) count: Count,
    /// Requests to send: the acknowledgement first.
    pub(super) requests: Vec<Bytes>,
    /// Changes that are acknowledged by it.
    pub(super) marks: Vec<Arc<Mark>>,
}

fn text(bytes: &Bytes) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed)
}

impl Session {
    pub(super) fn new(names: Arc<Names>, sotw: bool, secrets: bool) -> Self {
        Self {
            names,
            sotw,
            secrets,
            types: Default::default(),
            response: Response::default(),
        }
    }

    /// Forgets all that is held.
    pub(super) fn reset(&mut self) {
        self.types = Default::default();
    }

    fn of(&mut self, kind: Kind) -> &mut Type {
        &mut self.types[kind.index()]
    }

    /// All that was subscribed to is held, and clusters and listeners were answered.
    pub(super) fn complete(&self) -> bool {
        let answered = |kind: Kind| self.types[kind.index()].answered;
        answered(Kind::Cds) && answered(Kind::Lds) && self.types.iter().all(|of| of.missing == 0)
    }

    /// Resources that are held and their bytes, by type.
    pub(super) fn held(&self) -> BTreeMap<Kind, (u64, u64)> {
        Kind::ALL
            .into_iter()
            .map(|kind| {
                let held = self.names.versions(&self.types[kind.index()].held);
                let bytes = held.iter().map(|(.., bytes)| u64::from(*bytes)).sum();
                (kind, (held.len() as u64, bytes))
            })
            .collect()
    }

    /// The first requests of a stream.
    pub(super) fn open(&mut self, node: &Node) -> Vec<Bytes> {
        self.response = Response::default();
        let mut node = Some(node);
        let mut requests = Vec::new();
        for kind in Kind::ALL {
            let of = self.of(kind);
            of.nonce.clear();
            of.open = kind.wildcard() || !of.wanted.is_empty();
            if of.open {
                requests.push(self.subscription(kind, node.take()));
            }
        }
        requests
    }

    /// The first request of a type on this stream.
    fn subscription(&self, kind: Kind, node: Option<&Node>) -> Bytes {
        let of = &self.types[kind.index()];
        let names = self.names.texts(of.wanted.iter().copied());
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        if self.sotw {
            let (version, nonce) = (of.version.as_str(), "");
            return Sotw {
                node,
                version,
                names,
                nonce,
            }
            .frame(kind);
        }
        let held = self.names.versions(&of.held);
        let initial = held.iter().map(|(name, version, _)| (&**name, &**version));
        Delta {
            node,
            subscribe: names,
            initial: initial.collect(),
            ..Delta::default()
        }
        .frame(kind)
    }

    /// A request that acknowledges, or says that other names are wanted.
    fn sotw_request(&self, kind: Kind) -> Bytes {
        let of = &self.types[kind.index()];
        let names = self.names.texts(of.wanted.iter().copied());
        Sotw {
            node: None,
            version: &of.version,
            names: names.iter().map(|name| &**name).collect(),
            nonce: &of.nonce,
        }
        .frame(kind)
    }

    /// A field of a response.
    pub(super) fn field(
        &mut self,
        number: u32,
        bytes: Bytes,
        marks: &Marks,
    ) -> Result<(), Malformed> {
        let response = &mut self.response;
        match number {
            1 => response.version = bytes,
            2 => {
                if let Some((id, known)) = self.names.read(&bytes, self.sotw)? {
                    response.resource_bytes += u64::from(known.bytes);
                    response.resources.push((known.kind, known.name, id));
                    if marks.any() {
                        let name = self.names.name(known.name);
                        marks.met(known.kind, &name, Some(&bytes), &mut response.marks);
                    }
                }
            }
            4 => response.url = bytes,
            5 => response.nonce = bytes,
            6 if !self.sotw => response.removed.push(bytes),
            // `removed_resource_names`, with parameters that nobody sends, and `control_plane`
            _ => {}
        }
        Ok(())
    }

    /// The end of a response of `len` bytes.
    pub(super) fn end(&mut self, len: u64, marks: &Marks) -> Result<Answer, Malformed> {
        let mut response = std::mem::take(&mut self.response);
        let kind = Kind::of(&response.url).ok_or(Malformed)?;
        let resources = response.resources.len() as u64;
        let removed = if self.sotw {
            self.take_all(kind, &response)?
        } else {
            self.take_some(kind, &response)?
        };
        if marks.any() {
            for name in &removed {
                let name = self.names.name(*name);
                marks.met(kind, &name, None, &mut response.marks);
            }
        }
        let nonce = text(&response.nonce)?;
        let ack = if self.sotw {
            self.sotw_request(kind)
        } else {
            Delta {
                nonce,
                ..Delta::default()
            }
            .frame(kind)
        };
        let mut requests = vec![ack];
        let named: &[Kind] = match kind {
            Kind::Cds if self.secrets => &[Kind::Eds, Kind::Sds],
            Kind::Lds if self.secrets => &[Kind::Rds, Kind::Sds],
            Kind::Cds => &[Kind::Eds],
            Kind::Lds => &[Kind::Rds],
            Kind::Eds | Kind::Rds | Kind::Sds => &[],
        };
        if resources > 0 || !removed.is_empty() {
            requests.extend(named.iter().filter_map(|of| self.want(*of)));
        }
        Ok(Answer {
            kind,
            count: Count {
                messages: 1,
                resources,
                removed: removed.len() as u64,
                resource_bytes: response.resource_bytes,
                message_bytes: len,
                acks: 1,
            },
            requests,
            marks: response.marks,
        })
    }

    /// Takes a delta response. The names it removes.
    fn take_some(&mut self, kind: Kind, response: &Response) -> Result<Vec<NameId>, Malformed> {
        let removed: Result<Vec<NameId>, Malformed> = response
            .removed
            .iter()
            .map(|name| Ok(self.names.id(text(name)?)))
            .collect();
        let removed = removed?;
        let of = self.of(kind);
        of.answered = true;
        let resources = response.resources.iter().map(|(_, name, id)| (*name, *id));
        if kind.wildcard() {
            of.held.extend(resources);
            removed.iter().for_each(|name| {
                of.held.remove(name);
            });
        } else {
            of.hold(resources);
            of.hold(removed.iter().map(|name| (*name, NONE)));
        }
        Ok(removed)
    }

    /// Takes a state-of-the-world response. The names that are gone by it: of clusters and listeners it is all there is.
    fn take_all(&mut self, kind: Kind, response: &Response) -> Result<Vec<NameId>, Malformed> {
        let (version, nonce) = (
            text(&response.version)?.to_owned(),
            text(&response.nonce)?.to_owned(),
        );
        let of = self.of(kind);
        of.answered = true;
        of.version = version;
        of.nonce = nonce;
        let resources = response.resources.iter().map(|(_, name, id)| (*name, *id));
        if !kind.wildcard() {
            of.hold(resources);
            return Ok(Vec::new());
        }
        let before = std::mem::take(&mut of.held);
        of.held = resources.collect();
        let mut gone: Vec<NameId> = before
            .into_keys()
            .filter(|name| !of.held.contains_key(name))
            .collect();
        gone.sort_unstable();
        Ok(gone)
    }

    /// Subscribes to what is named now, and no more to what is not. The request, if there is a difference.
    fn want(&mut self, kind: Kind) -> Option<Bytes> {
        let by: &[Kind] = match kind {
            Kind::Eds => &[Kind::Cds],
            Kind::Rds => &[Kind::Lds],
            Kind::Sds => &[Kind::Cds, Kind::Lds],
            Kind::Cds | Kind::Lds => &[],
        };
        let held = by.iter().map(|kind| &self.types[kind.index()].held);
        let wanted = self.names.named(kind, held);
        let of = &mut self.types[kind.index()];
        if of.wanted == wanted {
            return None;
        }
        let before = std::mem::replace(&mut of.wanted, wanted);
        of.held.retain(|name, _| of.wanted.contains(name));
        of.missing = of
            .wanted
            .iter()
            .filter(|name| !of.held.contains_key(*name))
            .count();
        let opened = !std::mem::replace(&mut of.open, true);
        if opened {
            return Some(self.subscription(kind, None));
        }
        if self.sotw {
            return Some(self.sotw_request(kind));
        }
        let of = &self.types[kind.index()];
        let added = self.names.texts(of.wanted.difference(&before).copied());
        let gone = self.names.texts(before.difference(&of.wanted).copied());
        let delta = Delta {
            subscribe: added.iter().map(|name| &**name).collect(),
            unsubscribe: gone.iter().map(|name| &**name).collect(),
            ..Delta::default()
        };
        Some(delta.frame(kind))
    }
}

impl Type {
    /// Takes what was sent of the names that are subscribed to.
    fn hold(&mut self, resources: impl Iterator<Item = (NameId, ResourceId)>) {
        for (name, id) in resources {
            if self.wanted.contains(&name) && self.held.insert(name, id).is_none() {
                self.missing -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests;
