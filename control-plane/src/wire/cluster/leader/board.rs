//! The mesh's task's side of statuses: what is known of each App Mesh object, as it changes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tulle_crds::{Kind, ObjectKey};
use tulle_model::fragment::{Fragment, Translated};
use tulle_model::{Name, ObjectId, Str};
use tulle_runtime::mailbox::Sender;
use tulle_source::{Change, Records};
use tulle_status::{AppMeshStatus, ArnSpace, Board, Facts, Ledger, facts};
use tulle_xds::Server;

use super::reports::Reports;
use crate::engine::Engine;

/// Reports of this replica's proxies are made no more often than this.
const SPACING: Duration = Duration::from_secs(1);

/// Owned by the mesh's task.
pub(in crate::wire) struct BoardKeeper {
    board: Board,
    records: Arc<Records>,
    statuses: Sender<ObjectId, Option<AppMeshStatus>>,
    deleting: Sender<ObjectId, ()>,
    reports: Arc<Reports>,
    server: Server,
    /// App Mesh objects and what was made of them.
    members: BTreeMap<ObjectId, (ObjectKey, Arc<Translated>)>,
    stale: Stale,
    reported: Option<Instant>,
}

/// What has to be looked at again.
#[derive(Debug, Default)]
struct Stale {
    members: bool,
    findings: bool,
    refusals: bool,
    report: bool,
}

impl BoardKeeper {
    pub(super) fn new(
        space: ArnSpace,
        records: Arc<Records>,
        statuses: Sender<ObjectId, Option<AppMeshStatus>>,
        deleting: Sender<ObjectId, ()>,
        reports: Arc<Reports>,
        server: Server,
    ) -> Self {
        Self {
            board: Board::new(space),
            records,
            statuses,
            deleting,
            reports,
            server,
            members: BTreeMap::new(),
            // A replica without proxies has something to say too: that it has none.
            stale: Stale {
                report: true,
                ..Stale::default()
            },
            reported: None,
        }
    }

    /// Region and account are different.
    pub(in crate::wire::cluster) fn set_space(&mut self, space: ArnSpace) {
        self.board.set_space(space);
    }

    /// An object came, changed or went.
    pub(in crate::wire::cluster) fn observe(
        &mut self,
        change: &Change,
        id: &ObjectId,
        translated: Option<&Arc<Translated>>,
    ) {
        let kind = change.key.kind;
        if kind.is_custom() {
            match translated {
                Some(translated) => {
                    let member = (change.key.clone(), translated.clone());
                    self.members.insert(id.clone(), member);
                }
                None => {
                    self.members.remove(id);
                    self.board.forget(id);
                }
            }
        }
        // A namespace's labels decide to which mesh its members belong.
        self.stale.members |= kind.is_custom() || kind == Kind::Namespace;
    }

    /// What the API server has on record of objects, or what other replicas' proxies say, is different.
    pub(in crate::wire::cluster) fn stir(&mut self) {
        self.stale.members = true;
        self.stale.refusals = true;
    }

    /// The findings are different.
    pub(in crate::wire) fn findings_changed(&mut self) {
        self.stale.findings = true;
    }

    /// What proxies of this replica hold or refuse is different.
    pub(in crate::wire) fn proxies_changed(&mut self) {
        self.stale.report = true;
    }

    /// How long until there is a report to make; `None` if nothing is different.
    pub(in crate::wire::cluster) fn wait(&self) -> Option<Duration> {
        self.stale.report.then(|| {
            self.reported.map_or(Duration::ZERO, |at| {
                (at + SPACING).saturating_duration_since(Instant::now())
            })
        })
    }

    /// Looks at all that is stale, and tells the writers.
    pub(in crate::wire::cluster) fn tell(&mut self, engine: &Engine, ledger: &Ledger) {
        if self.wait() == Some(Duration::ZERO) {
            self.stale.report = false;
            self.reported = Some(Instant::now());
            self.stale.refusals |= self.reports.own(&self.server, ledger);
        }
        let stale = Stale {
            report: self.stale.report,
            ..Stale::default()
        };
        let stale = std::mem::replace(&mut self.stale, stale);
        if stale.members {
            self.look_at_members(engine);
        }
        if stale.findings {
            self.board.set_findings(ledger.findings());
        }
        if stale.refusals {
            self.board.set_refused(self.reports.refused());
        }
        if stale.members || stale.findings || stale.refusals {
            for (object, status) in self.board.changes() {
                // The writer has gone: the process ends.
                let _ = self.statuses.send(object, status);
            }
        }
    }

    fn look_at_members(&mut self, engine: &Engine) {
        let mut meshes: BTreeMap<&Name, &Str> = BTreeMap::new();
        let mut gateways: BTreeMap<&Name, &Str> = BTreeMap::new();
        for fragment in self.members.values().flat_map(|(_, made)| &made.fragments) {
            match fragment {
                Fragment::Mesh(mesh) => meshes.insert(&mesh.name, &mesh.alias),
                Fragment::Gateway(gateway) => gateways.insert(&gateway.name, &gateway.alias),
                _ => None,
            };
        }
        let alias = |aliases: &BTreeMap<&Name, &Str>, name: Option<&Name>| {
            name.and_then(|name| aliases.get(name))
                .map(|alias| Str::clone(alias))
        };
        let known: Vec<(ObjectId, Option<i64>, Option<Facts>)> = self
            .members
            .iter()
            .map(|(id, (key, made))| {
                let record = self.records.get(key);
                if record
                    .as_ref()
                    .is_some_and(|record| record.deletion_timestamp.is_some())
                {
                    // The task has gone: the process ends.
                    let _ = self.deleting.send(id.clone(), ());
                }
                let facts = made.fragments.first().and_then(|fragment| {
                    let gateway = match fragment {
                        Fragment::GatewayRoute(route) => engine.gateway_of(&route.name),
                        _ => None,
                    };
                    facts(
                        fragment,
                        alias(&meshes, engine.mesh_of(fragment)).as_deref(),
                        alias(&gateways, gateway).as_deref(),
                    )
                });
                (
                    id.clone(),
                    record.and_then(|record| record.generation),
                    facts,
                )
            })
            .collect();
        for (id, generation, facts) in known {
            self.board.observe(&id, generation, facts);
        }
    }
}
