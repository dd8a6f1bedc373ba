//! Asking the API server about a token, where the cluster's keys cannot be had.
//!
//! Each token is asked about once at a time, and the answer kept: a good one for a minute (five while the API server is away), a bad
//! one for five seconds. Tokens are remembered by hash. Bad answers never push good ones out.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use kube::Client;
use parking_lot::Mutex as Cell;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

use super::claims::{Shape, subject};
use super::{AUDIENCE, ProofError, Verified};
use crate::api::{self, ApiError};
use crate::fault::TokenFault;
use crate::hash;

const PATH: &str = "/apis/authentication.k8s.io/v1/tokenreviews";

const GOOD: Duration = Duration::from_secs(60);
const GOOD_WHILE_AWAY: Duration = Duration::from_secs(300);
const BAD: Duration = Duration::from_secs(5);
const MAX_GOOD: usize = 16_384;
const MAX_BAD: usize = 4_096;
/// Questions under way at the same time. One token's are always in the same lane.
const LANES: usize = 16;
/// Questions that wait or are under way.
const MAX_WAITING: usize = 1_024;

type Hash = [u8; 32];

pub(super) struct Reviews {
    client: Client,
    lanes: [Mutex<()>; LANES],
    waiting: Arc<Semaphore>,
    good: Cell<Remembered<Verified>>,
    bad: Cell<Remembered<ProofError>>,
}

impl Reviews {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            lanes: Default::default(),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
            good: Cell::new(Remembered::new(MAX_GOOD)),
            bad: Cell::new(Remembered::new(MAX_BAD)),
        }
    }

    /// What the API server says of a token.
    pub(super) async fn review(
        self: &Arc<Self>,
        shape: &Shape<'_>,
        now: SystemTime,
    ) -> Result<Verified, ProofError> {
        // What is wrong on its face need not be asked about.
        let claims = shape.unproven_claims()?;
        let claimed = claims.verified(now)?;
        let sum = hash::sha256(shape.token().as_bytes());
        if let Some(answer) = self.remembered(&sum) {
            return answer;
        }
        let place = Arc::clone(&self.waiting)
            .try_acquire_owned()
            .map_err(|_| ProofError::Busy)?;
        // Goes on when the caller leaves: what was asked is answered and remembered.
        let (this, token) = (Arc::clone(self), shape.token().to_owned());
        let asked = tokio::spawn(async move {
            let _place = place;
            let _lane = this.lanes[usize::from(sum[0]) % LANES].lock().await;
            match this.remembered(&sum) {
                Some(answer) => answer,
                None => this.ask(token, claimed, sum).await,
            }
        });
        asked.await.unwrap_or(Err(ProofError::Busy))
    }

    fn remembered(&self, sum: &Hash) -> Option<Result<Verified, ProofError>> {
        if let Some(verified) = self.good.lock().get(sum, GOOD) {
            return Some(Ok(verified));
        }
        self.bad.lock().get(sum, BAD).map(Err)
    }

    async fn ask(
        &self,
        token: String,
        claimed: Verified,
        sum: Hash,
    ) -> Result<Verified, ProofError> {
        match self.call(token).await.map(|review| judge(review, claimed)) {
            Ok(Ok(verified)) => {
                self.good.lock().put(sum, verified.clone());
                Ok(verified)
            }
            Ok(Err(error)) => {
                // Whatever was believed before.
                self.good.lock().forget(&sum);
                self.bad.lock().put(sum, error.clone());
                Err(error)
            }
            // It is away, or refuses the question as one that just starts may do.
            Err(error) => self
                .good
                .lock()
                .get(&sum, GOOD_WHILE_AWAY)
                .ok_or(ProofError::Unavailable(error)),
        }
    }

    async fn call(&self, token: String) -> Result<TokenReview, ApiError> {
        let review = TokenReview {
            spec: TokenReviewSpec {
                audiences: Some(vec![AUDIENCE.to_owned()]),
                token: Some(token),
            },
            ..TokenReview::default()
        };
        let body = serde_json::to_vec(&review).map_err(|_| ApiError::Answer)?;
        let request = http::Request::post(PATH)
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(body)
            .map_err(|e| ApiError::Transport(e.to_string()))?;
        api::call(&self.client, request).await
    }
}

/// What the answer proves. The token's own words, accepted by the API server, must be the same.
fn judge(review: TokenReview, claimed: Verified) -> Result<Verified, ProofError> {
    let status = review.status.ok_or(ProofError::Refused)?;
    let fine = status.authenticated == Some(true) && status.error.is_none_or(|e| e.is_empty());
    if !fine {
        return Err(ProofError::Refused);
    }
    // A server that knows no audiences has not looked at them.
    let audiences = status.audiences.unwrap_or_default();
    if !audiences.iter().any(|audience| audience == AUDIENCE) {
        return Err(TokenFault::Audience.into());
    }
    let user = status.user.ok_or(ProofError::Refused)?;
    let pod_name = only(&user, "authentication.kubernetes.io/pod-name")?;
    let pod_uid = only(&user, "authentication.kubernetes.io/pod-uid")?;
    let node = only(&user, "authentication.kubernetes.io/node-name").ok();
    let name = subject(&claimed.namespace, &claimed.service_account);
    if user.username.as_deref() != Some(name.as_str())
        || user.uid.as_deref() != Some(claimed.service_account_uid.as_str())
        || pod_name != claimed.pod_name
        || pod_uid != claimed.pod_uid
    {
        return Err(ProofError::Subject);
    }
    Verified { node, ..claimed }.well_formed()
}

/// The one value of an extra field.
fn only(user: &UserInfo, key: &str) -> Result<String, ProofError> {
    match user
        .extra
        .as_ref()
        .and_then(|extra| extra.get(key))
        .map(Vec::as_slice)
    {
        Some([value]) if !value.is_empty() => Ok(value.clone()),
        _ => Err(ProofError::Unbound),
    }
}

/// Answers with their times, the oldest forgotten first.
struct Remembered<T> {
    answers: HashMap<Hash, Answer<T>>,
    /// With the number of the answer: a token that was answered again has two places.
    order: VecDeque<(Hash, u64)>,
    count: u64,
    most: usize,
}

struct Answer<T> {
    value: T,
    at: Instant,
    number: u64,
}

impl<T: Clone> Remembered<T> {
    fn new(most: usize) -> Self {
        Self {
            answers: HashMap::new(),
            order: VecDeque::new(),
            count: 0,
            most,
        }
    }

    fn get(&self, sum: &Hash, age: Duration) -> Option<T> {
        let answer = self.answers.get(sum)?;
        (answer.at.elapsed() < age).then(|| answer.value.clone())
    }

    fn put(&mut self, sum: Hash, value: T) {
        let at = Instant::now();
        self.count += 1;
        let number = self.count;
        self.answers.insert(sum, Answer { value, at, number });
        self.order.push_back((sum, number));
        while let Some((sum, number)) = self.order.front().copied() {
            let answer = self.answers.get(&sum).filter(|a| a.number == number);
            // Nothing is of use for longer than this.
            let of_use = answer.is_some_and(|a| a.at.elapsed() < GOOD_WHILE_AWAY);
            if of_use && self.order.len() <= self.most {
                break;
            }
            if answer.is_some() {
                self.answers.remove(&sum);
            }
            self.order.pop_front();
        }
    }

    fn forget(&mut self, sum: &Hash) {
        self.answers.remove(sum);
    }
}

#[cfg(test)]
mod tests;
