//! The mesh's task's side of statuses: what is known of each App Mesh object, as it changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tulle_crds::{Kind, ObjectKey};
use tulle_model::fragment::{Fragment, Translated};
use tulle_model::{Finding, Name, ObjectId, Severity, Str, codes};
use tulle_runtime::mailbox::{Receiver, Sender};
use tulle_source::{Change, Problem, Records};
use tulle_status::{AppMeshStatus, ArnSpace, Board, Facts, Ledger, facts};
use tulle_xds::Server;

use super::reports::Reports;
use crate::engine::Engine;
use crate::translate::object_id;

/// Reports of this replica's proxies are made no more often than this.
const SPACING: Duration = Duration::from_secs(1);
/// And they take no more than one part in so many of the mesh's task's time,
const SHARE: u32 = 50;
/// unless they would be older than this: a refusal is told within five seconds.
const OLDEST: Duration = Duration::from_secs(3);

/// Most objects that are looked at, or told of, before the mesh's task turns to its proxies again: thousands take long enough for
/// a proxy to wait for.
const SLICE: usize = 256;

/// The uids of pods on which there is something to say; of other objects the source has records.
pub(super) type PodUids = Arc<Mutex<BTreeMap<ObjectId, Str>>>;

/// Owned by the mesh's task.
pub(in crate::wire) struct BoardKeeper {
    board: Board,
    records: Arc<Records>,
    /// Records that are different.
    recorded: Receiver<ObjectKey, ()>,
    statuses: Sender<ObjectId, Option<Arc<AppMeshStatus>>>,
    deleting: Sender<ObjectId, ()>,
    reports: Arc<Reports>,
    server: Server,
    /// App Mesh objects and what was made of them.
    members: BTreeMap<ObjectKey, Arc<Translated>>,
    /// App Mesh objects that cannot be read as they are written, whether or not an earlier version is a member.
    invalid: BTreeSet<ObjectKey>,
    problems: Arc<[Problem]>,
    aliases: Aliases,
    pods: PodUids,
    stale: Stale,
    /// When the next report may be made.
    next_report: Option<Instant>,
}

/// Names inside AWS.
#[derive(Debug, Default)]
struct Aliases {
    meshes: BTreeMap<Name, Str>,
    gateways: BTreeMap<Name, Str>,
}

/// What has to be looked at again.
#[derive(Debug, Default)]
struct Stale {
    members: BTreeSet<ObjectKey>,
    /// All members: names that others have in their ARNs are different.
    names: bool,
    findings: bool,
    refusals: bool,
    report: bool,
}

impl BoardKeeper {
    pub(super) fn new(
        space: ArnSpace,
        records: Arc<Records>,
        statuses: Sender<ObjectId, Option<Arc<AppMeshStatus>>>,
        deleting: Sender<ObjectId, ()>,
        pods: PodUids,
        reports: Arc<Reports>,
        server: Server,
    ) -> Self {
        Self {
            board: Board::new(space),
            recorded: records.subscribe(),
            records,
            statuses,
            deleting,
            reports,
            server,
            members: BTreeMap::new(),
            invalid: BTreeSet::new(),
            problems: Arc::default(),
            aliases: Aliases::default(),
            pods,
            // A replica without proxies has something to say too: that it has none.
            stale: Stale {
                report: true,
                ..Stale::default()
            },
            next_report: None,
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
        let key = &change.key;
        if key.kind.is_custom() {
            match translated {
                Some(translated) => self.members.insert(key.clone(), translated.clone()),
                None => self.members.remove(key),
            };
            self.stale.members.insert(key.clone());
        }
        if key.kind == Kind::Pod {
            self.note_pod(change, id, translated);
        }
        // A namespace's labels decide to which mesh its members belong.
        self.stale.names |= matches!(
            key.kind,
            Kind::Namespace | Kind::Mesh | Kind::VirtualGateway
        );
    }

    fn note_pod(&self, change: &Change, id: &ObjectId, translated: Option<&Arc<Translated>>) {
        let error = |finding: &Finding| finding.severity == Severity::Error;
        let uid = change
            .object
            .as_ref()
            .filter(|_| translated.is_some_and(|made| made.findings.iter().any(error)))
            .and_then(|observed| observed.object.metadata().uid.as_deref().map(Str::from));
        let mut pods = self.pods.lock();
        match uid {
            Some(uid) => pods.insert(id.clone(), uid),
            None => pods.remove(id),
        };
    }

    /// What is wrong with objects as they are written; all of it, each time.
    pub(in crate::wire::cluster) fn set_problems(&mut self, problems: &Arc<[Problem]>) {
        if *problems == self.problems {
            return;
        }
        self.problems = problems.clone();
        let invalid: BTreeSet<ObjectKey> = problems
            .iter()
            .filter_map(|problem| problem.object.clone())
            .filter(|object| object.kind.is_custom())
            .collect();
        let differing = invalid.symmetric_difference(&self.invalid);
        self.stale.members.extend(differing.cloned());
        self.invalid = invalid;
        self.board
            .set_problems(problems.iter().filter_map(as_finding));
    }

    /// What the API server has on record of objects, or what other replicas' proxies say, is different.
    pub(in crate::wire::cluster) fn stir(&mut self) {
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

    /// How long until there is something to do; `None` if nothing is to come.
    pub(in crate::wire::cluster) fn wait(&self) -> Option<Duration> {
        if !self.stale.members.is_empty() || self.board.has_changes() {
            return Some(Duration::ZERO);
        }
        let now = Instant::now();
        let report = self.stale.report.then(|| self.next_report.unwrap_or(now));
        let due = report.into_iter().chain(self.reports.expiry()).min()?;
        Some(due.saturating_duration_since(now))
    }

    /// Looks at what is stale, then tells the writers, a slice of the objects at a time.
    pub(in crate::wire::cluster) fn tell(&mut self, engine: &Engine, ledger: &Ledger) {
        let started = Instant::now();
        if self.stale.report && self.next_report.is_none_or(|at| at <= started) {
            self.stale.report = false;
            self.stale.refusals |= self.reports.own(&self.server, ledger);
            let now = Instant::now();
            let cost = now - started;
            self.next_report = Some(now + (cost * SHARE).clamp(SPACING, OLDEST));
        }
        self.stale.refusals |= self.reports.expire();
        for key in self.recorded.try_recv().into_keys() {
            self.note_record(key);
        }
        if std::mem::take(&mut self.stale.names) {
            self.aliases = Aliases::of(self.members.values());
            self.stale.members.extend(self.members.keys().cloned());
        }
        for _ in 0..SLICE {
            let Some(key) = self.stale.members.pop_first() else {
                break;
            };
            self.look_at(&key, engine);
        }
        // Half of it would be a status that nobody means.
        if !self.stale.members.is_empty() {
            return;
        }
        if std::mem::take(&mut self.stale.findings) {
            self.board.set_findings(ledger.findings());
        }
        if std::mem::take(&mut self.stale.refusals) {
            self.board.set_refused(self.reports.refused());
        }
        for (object, status) in self.board.some_changes(SLICE) {
            // The writer has gone: the process ends.
            let _ = self.statuses.send(object, status);
        }
    }

    /// The record of an object is different, whether or not the object can be read.
    fn note_record(&mut self, key: ObjectKey) {
        if !key.kind.is_custom() {
            return;
        }
        let deleting = self
            .records
            .get(&key)
            .is_some_and(|record| record.deletion_timestamp.is_some());
        if deleting {
            // The task has gone: the process ends.
            let _ = self.deleting.send(object_id(&key), ());
        }
        self.stale.members.insert(key);
    }

    fn look_at(&mut self, key: &ObjectKey, engine: &Engine) {
        let id = object_id(key);
        let member = self.members.get(key);
        let record = self.records.get(key);
        // One that could never be read is there as long as it is on record.
        if member.is_none() && !(self.invalid.contains(key) && record.is_some()) {
            self.board.forget(&id);
            return;
        }
        let fragment = member.and_then(|made| made.fragments.first());
        let facts = fragment.and_then(|fragment| self.aliases.facts(fragment, engine));
        let generation = record.and_then(|record| record.in_force);
        self.board.observe(&id, generation, facts);
    }
}

impl Aliases {
    fn of<'a>(members: impl Iterator<Item = &'a Arc<Translated>>) -> Self {
        let mut all = Self::default();
        for fragment in members.flat_map(|made| &made.fragments) {
            match fragment {
                Fragment::Mesh(mesh) => all.meshes.insert(mesh.name.clone(), mesh.alias.clone()),
                Fragment::Gateway(gateway) => all
                    .gateways
                    .insert(gateway.name.clone(), gateway.alias.clone()),
                _ => None,
            };
        }
        all
    }

    fn facts(&self, fragment: &Fragment, engine: &Engine) -> Option<Facts> {
        let gateway = match fragment {
            Fragment::GatewayRoute(route) => engine.gateway_of(&route.name),
            _ => None,
        };
        let mesh = engine.mesh_of(fragment);
        facts(
            fragment,
            mesh.and_then(|name| self.meshes.get(name))
                .map(|alias| &**alias),
            gateway
                .and_then(|name| self.gateways.get(name))
                .map(|alias| &**alias),
        )
    }
}

/// A problem of an object as a finding on it.
fn as_finding(problem: &Problem) -> Option<Finding> {
    let severity = match problem.severity {
        tulle_source::Severity::Error => Severity::Error,
        tulle_source::Severity::Warning => Severity::Warning,
    };
    let object = object_id(problem.object.as_ref()?);
    let field = problem.field.as_deref().unwrap_or_default();
    let finding = Finding::new(
        severity,
        codes::INVALID_OBJECT,
        &object,
        field,
        &problem.message,
    );
    Some(finding.help(problem.help.as_deref().unwrap_or_default()))
}
