//! What the webhooks answer: pods are injected, App Mesh objects are completed and held against the rules.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::Instant;
use tulle_appmesh::admit::{self, AdmitRequest, DenialKind, Phase};
use tulle_crds::Kind;
use tulle_injector::inject::{InjectConfig, Namespace, PodRequest, Rejection, inject};
use tulle_injector::webhook::{
    Admission, AdmissionRequest, AdmissionResponse, Operation, Unavailable,
};

use super::directory::Directory;

/// How long something that is not found is waited for; well below the webhook's deadline.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// An answer, and whether a moment later it may be another.
enum Answer<T> {
    Final(T),
    NotFound(T),
}

/// Answers out of what is watched; asks nobody.
#[derive(Debug)]
pub(super) struct Webhooks {
    pub(super) directory: Arc<Directory>,
    pub(super) config: Arc<ArcSwap<InjectConfig>>,
    pub(super) system_namespace: Arc<str>,
}

impl Webhooks {
    /// What is not found may have been made a moment ago, in the same `kubectl apply`, and be on its way here.
    async fn patiently<T>(&self, mut answer: impl FnMut() -> Answer<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            match answer() {
                Answer::Final(answer) => return answer,
                Answer::NotFound(answer) if Instant::now() >= until => return answer,
                Answer::NotFound(_) => tokio::time::sleep(LOOK).await,
            }
        }
    }

    fn pod(&self, request: &AdmissionRequest) -> Answer<Result<AdmissionResponse, Unavailable>> {
        if request.operation != Operation::Create || !request.sub_resource.is_empty() {
            return Answer::Final(Ok(AdmissionResponse::allowed()));
        }
        let Some(selecting) = self.directory.selecting(&request.namespace) else {
            return Answer::NotFound(Err(Unavailable(format!(
                "namespace {} is not known yet",
                request.namespace
            ))));
        };
        let asked = PodRequest {
            namespace: Namespace {
                name: &request.namespace,
                labels: &selecting.labels,
            },
            pod: &request.object,
            candidates: &selecting.candidates,
            system_namespace: &self.system_namespace,
        };
        match inject(&asked, &self.config.load()) {
            Ok(outcome) => {
                let mut response = AdmissionResponse::patched(outcome.patch);
                response.warnings = outcome.warnings;
                Answer::Final(Ok(response))
            }
            Err(rejection) => {
                let response = Ok(AdmissionResponse::denied(rejection.to_string()));
                match rejection {
                    Rejection::NoMatch { .. } => Answer::NotFound(response),
                    _ => Answer::Final(response),
                }
            }
        }
    }

    fn object(&self, request: &AdmissionRequest, phase: Phase) -> Answer<AdmissionResponse> {
        let kind = Kind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == request.kind.kind);
        let operation = match request.operation {
            Operation::Create => admit::Operation::Create,
            Operation::Update => admit::Operation::Update,
            Operation::Delete => admit::Operation::Delete,
            Operation::Connect => return Answer::Final(AdmissionResponse::allowed()),
        };
        let Some(kind) = kind else {
            return Answer::Final(AdmissionResponse::allowed());
        };
        let asked = AdmitRequest {
            phase,
            operation,
            kind,
            namespace: &request.namespace,
            name: &request.name,
            subresource: &request.sub_resource,
            object: &request.object,
            old_object: &request.old_object,
        };
        let verdict = self
            .directory
            .listing(|listing| admit::admit(&asked, listing));
        let mut response = match &verdict.denied {
            Some(denial) => AdmissionResponse::denied(denial.to_string()),
            None => AdmissionResponse::patched(verdict.patch),
        };
        response.warnings = verdict.warnings;
        match verdict.denied {
            Some(denial) if denial.kind == DenialKind::Membership => Answer::NotFound(response),
            _ => Answer::Final(response),
        }
    }
}

impl Admission for Webhooks {
    async fn inject(&self, request: AdmissionRequest) -> Result<AdmissionResponse, Unavailable> {
        self.patiently(|| self.pod(&request)).await
    }

    async fn mutate(&self, request: AdmissionRequest) -> Result<AdmissionResponse, Unavailable> {
        let answer = self.patiently(|| self.object(&request, Phase::Mutating));
        Ok(answer.await)
    }

    async fn validate(&self, request: AdmissionRequest) -> Result<AdmissionResponse, Unavailable> {
        let answer = self.patiently(|| self.object(&request, Phase::Validating));
        Ok(answer.await)
    }
}
