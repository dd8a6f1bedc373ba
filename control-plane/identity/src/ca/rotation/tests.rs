use proptest::prelude::*;

use super::*;
use crate::spiffe::TrustDomain;
use crate::testing::UsersCa;

const DAY: Duration = Duration::from_secs(86_400);
const LEAF: Duration = Duration::from_secs(3600);

fn policy() -> RotationPolicy {
    RotationPolicy::new(100 * DAY, 0.8, LEAF, Duration::from_secs(180)).unwrap()
}

fn begin() -> SystemTime {
    whole_seconds(SystemTime::now())
}

fn root(now: SystemTime) -> CaSlot {
    CaSlot::make(&TrustDomain::default(), now, 100 * DAY, LEAF).unwrap()
}

fn users() -> UsersCa {
    UsersCa::new(rcgen::KeyPair::generate().unwrap())
}

/// Everybody holds what the state says.
fn all(state: &CaState) -> Evidence {
    Evidence {
        complete: true,
        bundles: [state.bundle().version().clone()].into(),
        issuers: [state.signer().generation().clone()].into(),
    }
}

fn ours(state: &CaState, now: SystemTime, evidence: &Evidence) -> Transition {
    state.next(now, evidence, &policy(), Wanted::Ours, None)
}

fn order(state: &CaState, now: SystemTime, command: Command) -> Transition {
    state.next(now, &all(state), &policy(), Wanted::Ours, Some(command))
}

fn step(transition: Transition, wanted: Step) -> CaState {
    match transition {
        Transition::To(step, state) => {
            assert_eq!(step, wanted);
            *state
        }
        other => panic!("{other:?} instead of {wanted:?}"),
    }
}

fn waits(transition: Transition, wanted: Waiting) -> SystemTime {
    match transition {
        Transition::Stay { waiting, until } => {
            assert_eq!(waiting, wanted);
            until
        }
        other => panic!("{other:?} instead of waiting for {wanted:?}"),
    }
}

#[test]
fn a_root_is_replaced_in_the_course_of_its_life() {
    let now = begin();
    let state = CaState::new(root(now));
    let ripe = waits(ours(&state, now, &all(&state)), Waiting::Idle);
    let after = ripe.duration_since(now).unwrap();
    assert!(after < 80 * DAY && after > 80 * DAY - LEAF);
    assert_eq!(
        ours(&state, ripe, &all(&state)),
        Transition::NewRoot(Reason::Age)
    );

    let next = root(ripe);
    let prepared = state.prepare(next.clone(), ripe);
    assert_eq!(prepared.signer(), state.signer());
    assert!(prepared.bundle().contains(next.roots()));
    assert!(prepared.bundle().contains(state.signer().roots()));
    // All have it at once, but one may be away with a certificate that lasts.
    let over = waits(ours(&prepared, ripe, &all(&prepared)), Waiting::Absent);
    assert_eq!(over, ripe + LEAF);
    // One still has the old bundle.
    let mut one = all(&prepared);
    one.bundles.insert(state.bundle().version().clone());
    waits(ours(&prepared, over, &one), Waiting::Proxies);
    waits(
        ours(&prepared, over, &Evidence::default()),
        Waiting::Proxies,
    );

    let active = step(ours(&prepared, over, &all(&prepared)), Step::Activate);
    assert_eq!(active.signer().generation(), next.generation());
    assert_eq!(active.bundle(), prepared.bundle());
    let gone = waits(ours(&active, over, &all(&active)), Waiting::Absent);
    assert_eq!(gone, over + LEAF);
    let mut one = all(&active);
    one.issuers.insert(state.signer().generation().clone());
    waits(ours(&active, gone, &one), Waiting::Proxies);

    let retired = step(ours(&active, gone, &all(&active)), Step::Retire);
    assert_eq!(retired.bundle(), *next.roots());
    let forgotten = waits(ours(&retired, gone, &all(&retired)), Waiting::Absent);
    let stable = step(
        ours(&retired, forgotten, &Evidence::default()),
        Step::Forget,
    );
    assert_eq!(stable, CaState::new(next));
}

#[test]
fn each_stage_can_be_taken_back() {
    let now = begin();
    let (old, new) = (root(now), root(now));
    let stable = CaState::new(old.clone());
    assert_eq!(
        order(&stable, now, Command::Rotate),
        Transition::NewRoot(Reason::Asked)
    );
    for nothing in [Command::Abort, Command::Advance] {
        waits(order(&stable, now, nothing), Waiting::Idle);
    }

    let prepared = stable.prepare(new.clone(), now);
    let aborted = step(order(&prepared, now, Command::Abort), Step::Abort);
    assert_eq!(aborted.phase(), &Phase::Stable);
    assert_eq!(aborted.signer(), &old);

    let active = step(order(&prepared, now, Command::Advance), Step::Activate);
    let back = step(order(&active, now, Command::Abort), Step::Rollback);
    assert_eq!(back.signer(), &old);
    assert_eq!(
        back.bundle(),
        active.bundle(),
        "certificates of both go round"
    );
    // And forward again.
    assert_eq!(
        step(order(&back, now, Command::Abort), Step::Rollback).signer(),
        &new
    );
    let over = waits(ours(&back, now, &all(&back)), Waiting::Absent);
    let without = step(ours(&back, over, &all(&back)), Step::Retire);
    assert_eq!(without.bundle(), *old.roots());

    let retired = step(order(&active, now, Command::Advance), Step::Retire);
    assert_eq!(retired.bundle(), *new.roots());
    let restored = step(order(&retired, now, Command::Abort), Step::Restore);
    assert_eq!(restored.signer(), &new);
    assert_eq!(restored.bundle(), active.bundle());
    assert_eq!(
        step(order(&restored, now, Command::Abort), Step::Rollback).signer(),
        &old
    );

    let forgotten = step(order(&retired, now, Command::Advance), Step::Forget);
    waits(order(&forgotten, now, Command::Abort), Waiting::Idle);
    waits(order(&prepared, now, Command::Rotate), Waiting::Absent);
}

#[test]
fn what_was_taken_back_does_not_begin_again_by_itself() {
    let now = begin();
    let state = CaState::new(root(now));
    let old = now + 85 * DAY;
    assert_eq!(
        ours(&state, old, &all(&state)),
        Transition::NewRoot(Reason::Age)
    );
    let prepared = state.prepare(root(old), old);
    let aborted = step(order(&prepared, old, Command::Abort), Step::Abort);
    let until = waits(ours(&aborted, old, &all(&aborted)), Waiting::Idle);
    assert_eq!(until, old + DAY);
    assert_eq!(
        ours(&aborted, until, &all(&aborted)),
        Transition::NewRoot(Reason::Age)
    );
    assert_eq!(
        order(&aborted, old, Command::Rotate),
        Transition::NewRoot(Reason::Asked)
    );
    // Unless its end is near.
    let end = now + 100 * DAY - LEAF;
    let late = CaState {
        hold_until: Some(end + DAY),
        ..state
    };
    assert_eq!(
        ours(&late, end, &all(&late)),
        Transition::NewRoot(Reason::Age)
    );
}

#[test]
fn nobody_waits_for_a_proxy_until_the_root_has_ended() {
    let now = begin();
    let state = CaState::new(root(now));
    let prepared = state.prepare(root(now + 85 * DAY), now + 85 * DAY);
    let silent = Evidence::default();
    waits(ours(&prepared, now + 99 * DAY, &silent), Waiting::Proxies);
    let near = now + 100 * DAY - LEAF;
    let active = step(ours(&prepared, near, &silent), Step::Activate);
    waits(ours(&active, near, &silent), Waiting::Absent);
    waits(
        ours(&active, now + 100 * DAY - Duration::from_secs(1), &silent),
        Waiting::Absent,
    );
    step(ours(&active, now + 101 * DAY, &silent), Step::Retire);
}

#[test]
fn a_next_one_that_has_ended_is_dropped() {
    let now = begin();
    let state = CaState::new(root(now + 200 * DAY));
    let prepared = state.prepare(root(now), now);
    step(
        ours(&prepared, now + 150 * DAY, &all(&prepared)),
        Step::Abort,
    );
    // Nor is one that has ended signed with again.
    let active = CaState {
        phase: Phase::Activate {
            previous: root(now),
            since: now,
        },
        ..state
    };
    let then = now + 150 * DAY;
    step(order(&active, then, Command::Abort), Step::Retire);
}

#[test]
fn longer_leaves_are_noted_and_waited_for() {
    let now = begin();
    let state = CaState::new(root(now));
    let long = RotationPolicy::new(1000 * DAY, 0.8, 2 * DAY, Duration::from_secs(180)).unwrap();
    let next =
        |state: &CaState, now, policy| state.next(now, &all(state), policy, Wanted::Ours, None);
    let noted = step(next(&state, now, &long), Step::Note);
    waits(next(&noted, now, &long), Waiting::Idle);
    let prepared = noted.prepare(root(now), now);
    // Shorter again: those that were made before still go round.
    assert_eq!(
        waits(next(&prepared, now, &policy()), Waiting::Absent),
        now + 2 * DAY
    );
}

#[test]
fn the_users_own_wins_and_comes_by_the_same_way() {
    let now = begin();
    let ca = users();
    let slot = ca.slot();
    let state = CaState::new(root(now));
    let next = |state: &CaState, now, wanted: Wanted<'_>| {
        state.next(now, &all(state), &policy(), wanted, None)
    };
    let prepared = step(next(&state, now, Wanted::Users(&slot)), Step::Prepare);
    assert!(prepared.bundle().contains(slot.roots()));
    assert_eq!(prepared.signer(), state.signer());
    // Taken back by the user, or damaged by them.
    step(next(&prepared, now, Wanted::Ours), Step::Abort);
    waits(next(&prepared, now, Wanted::Refused), Waiting::Absent);
    // Replaced before it ever signed.
    let other = users().slot();
    let again = step(next(&prepared, now, Wanted::Users(&other)), Step::Prepare);
    assert!(!again.bundle().contains(slot.roots()));

    let over = waits(next(&prepared, now, Wanted::Users(&slot)), Waiting::Absent);
    let active = step(next(&prepared, over, Wanted::Users(&slot)), Step::Activate);
    assert_eq!(active.signer().generation(), slot.generation());
    // One after the other.
    waits(next(&active, over, Wanted::Users(&other)), Waiting::Absent);
    // Below the same root a new one signs at once, at any stage.
    let renewed = ca.renewed();
    let renewed_slot = renewed.slot();
    let with = step(
        next(&active, over, Wanted::Users(&renewed_slot)),
        Step::Renew,
    );
    assert_eq!(with.signer().generation(), renewed_slot.generation());
    assert_eq!(with.phase(), active.phase());
    assert_eq!(with.bundle(), active.bundle());

    // Nothing of theirs is replaced by us while it is there.
    let stable = CaState::new(renewed_slot.clone());
    let old = renewed_slot.aged(0.95);
    for wanted in [Wanted::Users(&renewed_slot), Wanted::Refused] {
        waits(next(&stable, old, wanted), Waiting::User);
        assert!(matches!(
            stable.next(now, &all(&stable), &policy(), wanted, Some(Command::Rotate)),
            Transition::Stay { .. }
        ));
    }
    assert_eq!(
        next(&stable, old, Wanted::Ours),
        Transition::NewRoot(Reason::Age)
    );
}

#[test]
fn the_users_roots_may_grow_and_shrink() {
    let now = begin();
    let (ca, other) = (users(), users());
    let both = ca.root_pem.clone() + &other.root_pem;
    let slot = |ca: &UsersCa, roots: &str| {
        CaSlot::parse(
            ca.certificate_pem.as_bytes(),
            ca.key_pem.as_bytes(),
            Some(roots.as_bytes()),
            Origin::User,
            LEAF,
            &TrustDomain::default(),
            now,
        )
        .unwrap()
    };
    let next = |state: &CaState, wanted: &CaSlot| {
        state.next(now, &all(state), &policy(), Wanted::Users(wanted), None)
    };
    let state = CaState::new(ca.slot());
    // Another root is published with it: at once.
    let wide = step(next(&state, &slot(&ca, &both)), Step::Renew);
    assert_eq!(wide.bundle().roots().len(), 2);
    // The one below the other root signs: everybody believes it already.
    let moved = step(next(&wide, &slot(&other, &both)), Step::Renew);
    assert_eq!(moved.stage(), Stage::Stable);
    // The first root goes: not before those that hold its certificates have new ones.
    let narrow = step(next(&moved, &slot(&other, &other.root_pem)), Step::Activate);
    assert_eq!(narrow.bundle().roots().len(), 2);
    waits(
        next(&narrow, &slot(&other, &other.root_pem)),
        Waiting::Absent,
    );
}

#[test]
fn bundles_are_sets() {
    let (one, two) = (root(begin()), root(begin()));
    let roots = |slot: &CaSlot| slot.roots().roots()[0].clone();
    let (a, b) = (roots(&one), roots(&two));
    let bundle = TrustBundle::of([&a, &b]);
    assert_eq!(bundle, TrustBundle::of([&b, &a, &b]));
    assert_ne!(bundle.version(), one.roots().version());
    assert_eq!(bundle.pem().matches("BEGIN CERTIFICATE").count(), 2);
}

#[test]
fn times_must_fit() {
    let leaf = |leaf| RotationPolicy::with_leaf_lifetime(leaf);
    assert!(leaf(Duration::from_secs(60)).is_ok() && leaf(90 * DAY).is_ok());
    assert!(matches!(leaf(400 * DAY), Err(PolicyError::Lifetime { .. })));
    let three = Duration::from_secs(180);
    for fraction in [0.0, 1.0, f64::NAN, -1.0] {
        assert!(matches!(
            RotationPolicy::new(DAY, fraction, LEAF, three),
            Err(PolicyError::Fraction(_))
        ));
    }
}

use crate::ca::PolicyError;

/// What can happen to a state.
#[derive(Debug, Clone)]
enum Happens {
    Time(u32),
    Evidence(bool),
    Command(Command),
    Users(Option<usize>),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => (0u32..200_000).prop_map(Happens::Time),
        1 => (0u32..9_000_000).prop_map(Happens::Time),
        3 => any::<bool>().prop_map(Happens::Evidence),
        1 => prop_oneof![Just(Command::Rotate), Just(Command::Advance), Just(Command::Abort)]
            .prop_map(Happens::Command),
        1 => prop::option::of(0usize..3).prop_map(Happens::Users),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever happens (but somebody's `advance`): what signs is in the bundle, nobody is asked to believe a certificate by a
    /// root published after its bearer could have learned of it, and what still goes round stays believed.
    #[test]
    fn nobody_is_left_behind(events in prop::collection::vec(happens(), 1..40)) {
        let offered: Vec<CaSlot> = (0..3).map(|_| users().slot()).collect();
        let policy = policy();
        let mut now = begin();
        let mut state = CaState::new(root(now));
        let mut ready = true;
        let mut brought: Option<usize> = None;
        let mut hasty = false;
        for event in events {
            let mut command = None;
            match event {
                Happens::Time(seconds) => now += Duration::from_secs(seconds.into()),
                Happens::Evidence(complete) => ready = complete,
                Happens::Command(ordered) => { hasty |= ordered == Command::Advance; command = Some(ordered); }
                Happens::Users(which) => brought = which,
            }
            for _ in 0..10 {
                let evidence = Evidence { complete: ready, ..all(&state) };
                let wanted = brought.map_or(Wanted::Ours, |which| Wanted::Users(&offered[which]));
                let next = match state.next(now, &evidence, &policy, wanted, command.take()) {
                    Transition::Stay { until, .. } => { prop_assert!(until >= now); break }
                    Transition::NewRoot(_) => state.prepare(root(now), now),
                    Transition::To(_, next) => *next,
                };
                prop_assert!(next.bundle().roots().contains(next.signer().anchor()));
                if next.signer() != state.signer() && !hasty {
                    // Who signs now was believed before.
                    prop_assert!(state.bundle().roots().contains(next.signer().anchor()));
                    // Who signed before is believed after.
                    prop_assert!(next.bundle().roots().contains(state.signer().anchor()));
                }
                state = next;
            }
        }
    }
}
