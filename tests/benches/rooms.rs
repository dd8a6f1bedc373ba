//! What one change costs in each room, in meshes of 100, 1,000 and 10,000 services: `cargo bench -p tulle-tests --bench rooms`,
//! with the name of a room behind `--` to run that one alone.
//!
//! In every mesh ten workloads of a hundred call the service that changes, and twenty services each: a time that rises with the
//! size of the mesh is spent on what did not change. Only `all` grows with it, as it takes in the whole mesh.

#![allow(missing_docs, reason = "criterion's macro makes a public function")]

mod world;

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use tulle_control_plane::engine::{Changes, Engine, Group, Resources, Update};
use tulle_control_plane::translate::translate;
use tulle_index::Index;
use tulle_model::Capture;
use tulle_model::settings::Settings;
use tulle_xds::{Store, TypeTable};
use world::{Calls, Linked, World, observe, router, slice};

const SIZES: [usize; 3] = [100, 1_000, 10_000];
/// The service that changes: workloads 41 to 50 call it last, or among others.
const CHANGING: usize = 50;

fn mesh(services: usize) -> World {
    World {
        services,
        groups: 100,
        calls: Calls::Next(10),
    }
}

/// A change that is another one each time.
struct Turns {
    states: [Linked; 2],
    next: usize,
}

impl Turns {
    fn of(states: [serde_json::Value; 2]) -> Self {
        Self {
            states: states.map(|state| translate(&observe([state])[0])),
            next: 0,
        }
    }

    fn route() -> Self {
        Self::of([router(CHANGING, 20), router(CHANGING, 30)])
    }

    fn endpoint() -> Self {
        Self::of([slice(CHANGING, 2), slice(CHANGING, 3)])
    }

    fn next(&mut self) -> Vec<Linked> {
        self.next += 1;
        vec![self.states[self.next % 2].clone()]
    }
}

fn bench_translate(criterion: &mut Criterion) {
    let mut room = criterion.benchmark_group("translate");
    let change = observe([router(CHANGING, 20)]);
    room.bench_function("route", |bencher| {
        bencher.iter(|| translate(black_box(&change[0])))
    });
    for size in SIZES {
        let objects = mesh(size).objects();
        room.bench_function(BenchmarkId::new("all", size), |bencher| {
            bencher.iter(|| objects.iter().map(translate).collect::<Vec<_>>());
        });
    }
}

fn bench_index(criterion: &mut Criterion) {
    let mut room = criterion.benchmark_group("index");
    for size in SIZES {
        let linked = mesh(size).linked();
        room.bench_function(BenchmarkId::new("all", size), |bencher| {
            let build = |batch| {
                let mut index = Index::new(Settings::default());
                index.apply(batch);
                index
            };
            bencher.iter_batched(|| linked.clone(), build, BatchSize::PerIteration);
        });
        let mut index = Index::new(Settings::default());
        index.apply(linked);
        for (name, mut turns) in [("route", Turns::route()), ("endpoint", Turns::endpoint())] {
            room.bench_function(BenchmarkId::new(name, size), |bencher| {
                bencher.iter(|| index.apply(turns.next()));
            });
        }
    }
}

fn bench_envoy(criterion: &mut Criterion) {
    let mut room = criterion.benchmark_group("envoy");
    let settings = Settings::default();
    for size in SIZES {
        for (name, calls) in [("some", Calls::Next(10)), ("all", Calls::All)] {
            let world = World {
                groups: 1,
                calls,
                ..mesh(size)
            };
            let mut index = Index::new(settings.clone());
            index.apply(world.linked());
            let proxy = world.proxies().next().expect("a group");
            let view = index.view(&proxy).expect("a view");
            room.bench_function(BenchmarkId::new(format!("plan-{name}"), size), |bencher| {
                bencher.iter(|| tulle_envoy::plan(&view, Capture::Transparent, &settings));
            });
            let plan = tulle_envoy::plan(&view, Capture::Transparent, &settings);
            room.bench_function(
                BenchmarkId::new(format!("compile-{name}"), size),
                |bencher| {
                    bencher.iter(|| {
                        for planned in &plan.resources {
                            black_box(planned.compile());
                        }
                    });
                },
            );
        }
    }
}

fn bench_fan_out(criterion: &mut Criterion) {
    let mut room = criterion.benchmark_group("fan-out");
    for size in SIZES {
        let world = mesh(size);
        let mut engine = Engine::new(Settings::default());
        engine.apply(world.linked());
        let (store, _feed) = Store::new(TypeTable::envoy());
        for proxy in world.proxies() {
            let capture = Capture::Transparent;
            let group = Group { proxy, capture };
            let Resources { layer, own } = engine.open(&group).expect("a view");
            store.replace_over(&group.scope(), &layer, own);
        }
        for (name, mut turns) in [("route", Turns::route()), ("endpoint", Turns::endpoint())] {
            room.bench_function(BenchmarkId::new(name, size), |bencher| {
                bencher.iter(|| {
                    let updates = engine.apply(turns.next()).updates;
                    for (group, update) in updates {
                        match update {
                            Update::Fill(Resources { layer, own }) => {
                                store.replace_over(&group.scope(), &layer, own)
                            }
                            Update::Change(Changes { layer, list }) => {
                                store.apply_over(&group.scope(), &layer, list).unwrap_or(0)
                            }
                        };
                    }
                });
            });
        }
    }
}

criterion_group! {
    name = rooms;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = bench_translate, bench_index, bench_envoy, bench_fan_out
}
criterion_main!(rooms);
