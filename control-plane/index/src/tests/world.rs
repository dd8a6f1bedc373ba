//! An index, what was put into it, and what can be asked of it in few words.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tulle_model::fragment::*;
use tulle_model::linked::{self, OutboundPort, ProxyView, Role, ViewCluster};
use tulle_model::settings::Settings;
use tulle_model::{Finding, ObjectId, ProxyId};

pub(super) use super::make::*;
use crate::{Delta, Index, build_all};

pub(super) const MESH: &str = "mesh";

/// An index with what was put into it.
pub(super) struct World {
    pub(super) index: Index,
    pub(super) settings: Settings,
    pub(super) inputs: BTreeMap<ObjectId, Arc<Translated>>,
}

impl World {
    /// Nothing at all.
    pub(super) fn empty() -> Self {
        Self {
            index: Index::new(Settings::default()),
            settings: Settings::default(),
            inputs: BTreeMap::new(),
        }
    }

    /// One mesh that selects every namespace.
    pub(super) fn new() -> Self {
        let mut world = Self::empty();
        world.put(mesh(MESH, Some(everything())));
        world
    }

    pub(super) fn put(&mut self, fragment: impl Declares) -> Delta {
        let fragment = fragment.fragment();
        self.put_as(object_of(&fragment), fragment)
    }

    pub(super) fn put_as(&mut self, object: ObjectId, fragment: impl Declares) -> Delta {
        let translated = Arc::new(Translated {
            fragments: vec![fragment.fragment()],
            findings: vec![],
        });
        self.apply(vec![(object, Some(translated))])
    }

    pub(super) fn put_all(&mut self, fragments: Vec<Fragment>) -> Delta {
        let batch = fragments.into_iter().map(|fragment| {
            let object = object_of(&fragment);
            let translated = Translated {
                fragments: vec![fragment],
                findings: vec![],
            };
            (object, Some(Arc::new(translated)))
        });
        let batch = batch.collect();
        self.apply(batch)
    }

    pub(super) fn remove(&mut self, fragment: impl Declares) -> Delta {
        let object = object_of(&fragment.fragment());
        self.apply(vec![(object, None)])
    }

    pub(super) fn apply(&mut self, batch: Vec<(ObjectId, Option<Arc<Translated>>)>) -> Delta {
        for (object, translated) in &batch {
            match translated {
                Some(translated) => self.inputs.insert(object.clone(), translated.clone()),
                None => self.inputs.remove(object),
            };
        }
        self.index.apply(batch)
    }

    pub(super) fn set(&mut self, change: impl FnOnce(&mut Settings)) -> Delta {
        change(&mut self.settings);
        self.index.set_settings(self.settings.clone())
    }

    pub(super) fn oracle(&self) -> Index {
        build_all(self.settings.clone(), &self.inputs)
    }

    pub(super) fn view(&self, proxy: &str) -> Arc<ProxyView> {
        let id: ProxyId = proxy.parse().unwrap();
        self.index
            .view(&id)
            .unwrap_or_else(|| panic!("{proxy} has no view"))
    }

    pub(super) fn has_view(&self, proxy: &str) -> bool {
        self.index.view(&proxy.parse().unwrap()).is_some()
    }

    /// What a sidecar's application may call.
    pub(super) fn outbound(&self, workload: &str) -> Vec<Arc<OutboundPort>> {
        match &self.view(&format!("virtualnode/{workload}")).role {
            Role::Sidecar(sidecar) => sidecar.outbound.clone(),
            Role::Gateway(_) => panic!("{workload} is a gateway"),
        }
    }

    /// `PORT HOST` and `PORT tcp HOST` of all that may be called.
    pub(super) fn calls(&self, workload: &str) -> Vec<String> {
        let mut calls = vec![];
        for port in self.outbound(workload) {
            let http = port.http.iter();
            calls.extend(http.map(|own| format!("{} {}", port.port, own.routes.host)));
            let tcp = port.tcp.iter();
            calls.extend(tcp.map(|own| format!("{} tcp {}", port.port, own.host)));
        }
        calls
    }

    /// The routes on a port to the only HTTP service there.
    pub(super) fn routes(&self, workload: &str, port: u16) -> Vec<linked::Route> {
        let outbound = self.outbound(workload);
        let port = outbound.iter().find(|own| own.port == port).unwrap();
        assert_eq!(port.http.len(), 1);
        port.http[0].routes.routes.clone()
    }

    pub(super) fn clusters(&self, proxy: &str) -> Arc<Vec<Arc<ViewCluster>>> {
        self.view(proxy).clusters.clone()
    }

    /// Every finding as `severity code OBJECT FIELD`.
    pub(super) fn findings(&self) -> Vec<String> {
        let told = |finding: &Finding| {
            let Finding {
                severity,
                code,
                object,
                field,
                ..
            } = finding;
            format!("{severity} {code} {object} {field}")
                .trim_end()
                .to_owned()
        };
        self.index.findings().map(told).collect()
    }

    pub(super) fn message(&self, code: &str) -> String {
        let mut found = self
            .index
            .findings()
            .filter(|finding| &*finding.code == code);
        let finding = found.next().unwrap_or_else(|| panic!("no {code}"));
        finding.message.to_string()
    }
}

/// Whatever can be put into a world.
pub(super) trait Declares {
    fn fragment(self) -> Fragment;
}

impl Declares for Fragment {
    fn fragment(self) -> Fragment {
        self
    }
}

macro_rules! declares {
    ($($kind:ident)*) => {$(
        impl Declares for $kind {
            fn fragment(self) -> Fragment {
                Fragment::from(self)
            }
        }
    )*};
}

declares! {
    Mesh Namespace Workload Service Router Gateway GatewayRoute BackendGroup KubeService EndpointSlice Pod Node
}

pub(super) fn object_of(fragment: &Fragment) -> ObjectId {
    match fragment {
        Fragment::Mesh(part) => part.object.clone(),
        Fragment::Namespace(part) => part.object.clone(),
        Fragment::Workload(part) => part.object.clone(),
        Fragment::Service(part) => part.object.clone(),
        Fragment::Router(part) => part.object.clone(),
        Fragment::Gateway(part) => part.object.clone(),
        Fragment::GatewayRoute(part) => part.object.clone(),
        Fragment::BackendGroup(part) => part.object.clone(),
        Fragment::KubeService(part) => part.object.clone(),
        Fragment::EndpointSlice(part) => part.object.clone(),
        Fragment::Pod(part) => part.object.clone(),
        Fragment::Node(part) => part.object.clone(),
    }
}

/// What `delta` says changed, as words.
pub(super) fn changed(delta: &Delta) -> (Vec<String>, usize, bool) {
    let views: &BTreeSet<ProxyId> = &delta.views;
    let views = views.iter().map(ProxyId::to_string).collect();
    (views, delta.endpoints.len(), delta.findings)
}
