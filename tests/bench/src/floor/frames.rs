//! What a floor sends, encoded once.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};

use crate::wire::Kind;
use crate::wire::dump::Resource;
use crate::wire::fields::{put_bytes, put_text};
use crate::wire::request::frame;

/// A response as it goes out, in both forms of ADS.
#[derive(Clone, Debug)]
pub(super) struct Both {
    pub(super) delta: Bytes,
    pub(super) sotw: Bytes,
}

/// All that a floor may send.
#[derive(Debug)]
pub(super) struct Frames {
    resources: Vec<Resource>,
    initial: BTreeMap<Kind, Both>,
}

/// The nonce and version of what is sent first.
const FIRST: &str = "1";

impl Both {
    fn of(kind: Kind, version: &str, resources: &[&Resource], new: bool) -> Self {
        let delta = frame(|out| {
            put_text(4, kind.url(), out);
            put_text(5, version, out);
            for resource in resources {
                let of = if new { version } else { &resource.version };
                put_bytes(2, &resource.message(of), out);
            }
        });
        let sotw = frame(|out| {
            put_text(1, version, out);
            put_text(4, kind.url(), out);
            put_text(5, version, out);
            for resource in resources {
                put_bytes(2, &resource.any(), out);
            }
        });
        Self { delta, sotw }
    }
}

impl Frames {
    pub(super) fn new(resources: Vec<Resource>) -> Self {
        let initial = Kind::ALL
            .into_iter()
            .map(|kind| {
                let of: Vec<&Resource> = resources.iter().filter(|of| of.kind == kind).collect();
                (kind, Both::of(kind, FIRST, &of, false))
            })
            .collect();
        Self { resources, initial }
    }

    pub(super) fn initial(&self, kind: Kind) -> &Both {
        &self.initial[&kind]
    }

    /// All types but secrets, in one piece.
    pub(super) fn greeting(&self) -> Bytes {
        let mut all = BytesMut::new();
        for kind in [Kind::Cds, Kind::Eds, Kind::Lds, Kind::Rds] {
            all.extend_from_slice(&self.initial[&kind].delta);
        }
        all.freeze()
    }

    /// How many resources there are, and their bytes.
    pub(super) fn size(&self) -> (usize, u64) {
        let bytes = self.resources.iter().map(|of| of.body.len() as u64).sum();
        (self.resources.len(), bytes)
    }

    /// A resource again, under another version. `None` where there is no such resource.
    pub(super) fn update(&self, kind: Kind, name: &str, version: &str) -> Option<Both> {
        let resource = self
            .resources
            .iter()
            .find(|of| of.kind == kind && (name.is_empty() || of.name == name))?;
        // a state-of-the-world update of a type that is sent in full is all of it
        let all: Vec<&Resource> = self.resources.iter().filter(|of| of.kind == kind).collect();
        let one = Both::of(kind, version, &[resource], true);
        if kind.wildcard() {
            let sotw = Both::of(kind, version, &all, true).sotw;
            return Some(Both { sotw, ..one });
        }
        Some(one)
    }
}
