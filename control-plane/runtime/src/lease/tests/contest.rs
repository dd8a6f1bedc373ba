//! Several contenders, disturbed again and again: there are never two leaders, and there is always one again.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::*;

/// Stops and continues a task, as SIGSTOP and SIGCONT do a process: while closed, nothing of it runs, and time goes on.
#[derive(Debug, Clone, Default)]
pub(super) struct Gate(Arc<Mutex<(bool, Option<Waker>)>>);

struct Gated<F> {
    inner: Pin<Box<F>>,
    gate: Gate,
}

impl Gate {
    pub(super) fn stop(&self) {
        self.0.lock().0 = true;
    }

    pub(super) fn go_on(&self) {
        let mut state = self.0.lock();
        state.0 = false;
        if let Some(waker) = state.1.take() {
            waker.wake();
        }
    }
}

impl<F: Future<Output = ()>> Future for Gated<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        {
            let mut state = self.gate.0.lock();
            state.1 = Some(context.waker().clone());
            if state.0 {
                return Poll::Pending;
            }
        }
        self.inner.as_mut().poll(context)
    }
}

/// A part in the contest that a gate stops.
pub(super) fn gated(client: Client, options: LeaseOptions) -> (Lease, Gate) {
    let gate = Gate::default();
    let release = CancellationToken::new();
    let (candidate, leadership) = Candidate::new(client, options);
    let task = tokio::spawn(Gated {
        inner: Box::pin(candidate.run(release.clone())),
        gate: gate.clone(),
    });
    let lease = Lease {
        leadership,
        release,
        task,
    };
    (lease, gate)
}

struct Contender {
    name: String,
    lease: Option<Lease>,
    link: Link,
    gate: Gate,
}

impl Contender {
    fn new(server: &Server, name: String) -> Self {
        let mut contender = Self {
            name,
            lease: None,
            link: Link::default(),
            gate: Gate::default(),
        };
        contender.start(server);
        contender
    }

    fn start(&mut self, server: &Server) {
        let client = server.client(self.link.clone());
        let (lease, gate) = gated(client, options(&self.name));
        self.lease = Some(lease);
        self.gate = gate;
    }

    fn leads(&self) -> bool {
        let lease = self.lease.as_ref();
        lease.is_some_and(|lease| lease.leadership().borrow().is_leader())
    }
}

/// A small generator: the same seed, the same contest.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % most
    }

    fn seconds(&mut self, most: u64) -> Duration {
        Duration::from_millis(self.below(most * 1000))
    }
}

/// Lets time pass and holds that nobody leads beside another.
async fn watched(contenders: &[Contender], time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        let leaders: Vec<&str> = contenders
            .iter()
            .filter(|contender| contender.leads())
            .map(|contender| contender.name.as_str())
            .collect();
        assert!(leaders.len() <= 1, "two leaders: {leaders:?}");
        sleep(Duration::from_millis(10)).await;
    }
}

async fn contest(number: usize, rounds: usize, seed: u64) {
    let server = Server::default();
    let mut chance = Chance(seed);
    let mut contenders: Vec<Contender> = (0..number)
        .map(|at| Contender::new(&server, format!("tulle-{at}")))
        .collect();
    let mut changes = 0;
    let mut last = None;
    for round in 0..rounds {
        // mostly the leader is disturbed, sometimes somebody else
        let leader = contenders.iter().position(Contender::leads);
        let at = match leader {
            Some(leader) if chance.below(5) > 0 => leader,
            _ => chance.below(number as u64) as usize,
        };
        let pause = chance.seconds(60);
        match chance.below(6) {
            0 | 1 => {
                contenders[at].gate.stop();
                watched(&contenders, pause).await;
                contenders[at].gate.go_on();
            }
            2 => {
                contenders[at].link.cut(true);
                watched(&contenders, pause).await;
                contenders[at].link.cut(false);
            }
            3 => {
                contenders[at].link.lose_answers(true);
                watched(&contenders, pause).await;
                contenders[at].link.lose_answers(false);
            }
            4 => {
                drop(contenders[at].lease.take());
                watched(&contenders, pause).await;
                contenders[at].start(&server);
            }
            _ => {
                let lease = contenders[at].lease.take().unwrap();
                lease.release().await;
                contenders[at].start(&server);
            }
        }
        for contender in &contenders {
            let (there, back) = (chance.seconds(2), chance.seconds(2));
            contender.link.delay(there / 4, back / 4);
        }
        watched(&contenders, Duration::from_secs(25)).await;
        let now = contenders.iter().position(Contender::leads);
        assert!(now.is_some(), "round {round}: nobody leads");
        changes += usize::from(now != last);
        last = now;
    }
    assert!(changes > rounds / 10);
}

#[tokio::test(start_paused = true)]
async fn two_contenders_are_never_two_leaders() {
    contest(2, 100, 1).await;
}

#[tokio::test(start_paused = true)]
async fn three_contenders_are_never_two_leaders() {
    contest(3, 100, 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_leader_stopped_for_a_minute_writes_nothing_when_it_goes_on() {
    for seed in 0..100 {
        let server = Server::default();
        let first = Contender::new(&server, "tulle-a".into());
        sleep(Duration::from_secs(1)).await;
        let second = Contender::new(&server, "tulle-b".into());
        let pair = [first, second];
        watched(
            &pair,
            Duration::from_secs(10) + Duration::from_millis(61 * seed),
        )
        .await;
        assert!(pair[0].leads());
        pair[0].gate.stop();
        watched(&pair, Duration::from_secs(60)).await;
        assert!(pair[1].leads());
        let transitions = server.record().unwrap()["spec"]["leaseTransitions"].clone();
        pair[0].gate.go_on();
        watched(&pair, Duration::from_secs(60)).await;
        assert!(pair[1].leads() && !pair[0].leads());
        let record = server.record().unwrap();
        assert_eq!(record["spec"]["leaseTransitions"], transitions);
        assert_eq!(record["spec"]["holderIdentity"], "tulle-b");
    }
}
