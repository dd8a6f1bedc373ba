//! Random histories: whatever happens, what was told adds up to what is so.

use proptest::prelude::*;
use serde_json::value::to_raw_value;

use super::super::kept::Kept;
use super::super::letter::Content;
use super::*;

/// What happens to one of a few objects.
#[derive(Clone, Debug)]
enum Event {
    Put { name: usize, port: u16, uid: u8 },
    Wrong { name: usize, uid: u8 },
    Remove { name: usize },
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn event() -> impl Strategy<Value = Event> {
    let name = 0..NAMES.len();
    prop_oneof![
        4 => (name.clone(), 1..3_u16, 0..2_u8)
            .prop_map(|(name, port, uid)| Event::Put { name, port, uid }),
        1 => (name.clone(), 0..2_u8).prop_map(|(name, uid)| Event::Wrong { name, uid }),
        2 => name.prop_map(|name| Event::Remove { name }),
    ]
}

fn object(event: &Event) -> Value {
    match event {
        Event::Put { name, port, uid } => {
            let mut object = node(NAMES[*name], *port);
            object["metadata"]["uid"] = json!(uid.to_string());
            object
        }
        Event::Wrong { name, uid } => {
            let mut object = node(NAMES[*name], 1);
            object["metadata"]["uid"] = json!(uid.to_string());
            object["spec"] = json!([]);
            object
        }
        Event::Remove { name } => node(NAMES[*name], 1),
    }
}

fn listen(
    told: &mut BTreeMap<ObjectKey, (Arc<Observed>, Content)>,
    turns: impl IntoIterator<Item = (ObjectKey, Turn)>,
) {
    for (key, turn) in turns {
        assert!(turn.is_news());
        let said = told.get(&key).map(|(_, content)| *content);
        assert_eq!(turn.before, said);
        let before = match &turn.now {
            Some(now) => told.insert(key, now.clone()),
            None => told.remove(&key),
        };
        assert!(before.is_some() || turn.now.is_some());
        if let (Some((before, _)), Some((object, _))) = (before, turn.now) {
            assert!(!before.says_the_same(&object));
        }
    }
}

/// What is so: of each name the object of now, and the last good port with the uid that it was of.
#[derive(Clone, Debug, Default)]
struct Truth(BTreeMap<usize, (Event, Option<(u16, u8)>)>);

impl Truth {
    fn good(&self, name: usize, uid: u8) -> Option<(u16, u8)> {
        let (_, good) = self.0.get(&name)?;
        good.filter(|(_, of)| *of == uid)
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Put { name, port, uid } => {
                let good = Some((*port, *uid));
                self.0.insert(*name, (event.clone(), good));
            }
            Event::Wrong { name, uid } => {
                let good = self.good(*name, *uid);
                self.0.insert(*name, (event.clone(), good));
            }
            Event::Remove { name } => {
                self.0.remove(name);
            }
        }
    }

    /// Of what was missed only the end is seen, so a good version in between is not known.
    fn happen_unseen(&mut self, events: &[Event]) {
        let seen = self.clone();
        for event in events {
            self.happen(event);
        }
        for (name, (event, good)) in &mut self.0 {
            if let Event::Wrong { uid, .. } = event {
                *good = seen.good(*name, *uid);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Watched events and lists, interrupted or complete, against the truth: of every object that is
    /// there, the last good version of it, if there was one.
    #[test]
    fn what_is_kept_is_what_is_so(
        rounds in prop::collection::vec(
            (
                prop::collection::vec(event(), 0..8),
                prop::collection::vec(event(), 0..4),
                any::<bool>(),
            ),
            1..6,
        ),
    ) {
        let records = Arc::new(Records::default());
        let mut kept = Kept::new(Kind::VirtualNode, Arc::clone(&records));
        let mut told = BTreeMap::new();
        let mut truth = Truth::default();
        let text = |event: &Event| to_raw_value(&object(event)).unwrap();
        kept.begin();
        for (watched, missed, interrupted) in rounds {
            for event in &watched {
                truth.happen(event);
                let change = match event {
                    Event::Remove { .. } => kept.remove(&text(event)),
                    _ => kept.put(&text(event)).1,
                };
                listen(&mut told, change);
            }
            truth.happen_unseen(&missed);
            if interrupted {
                kept.begin();
                for (event, _) in truth.0.values().take(1) {
                    listen(&mut told, kept.put(&text(event)).1);
                }
            }
            kept.begin();
            for (event, _) in truth.0.values() {
                listen(&mut told, kept.put(&text(event)).1);
            }
            listen(&mut told, kept.complete());

            let good = truth.0.iter().filter_map(|(name, (_, good))| {
                let (port, _) = (*good)?;
                Some((NAMES[*name].to_owned(), i64::from(port)))
            });
            let found = told.iter().map(|(key, (observed, _))| {
                let tulle_crds::Object::VirtualNode(node) = &observed.object else {
                    panic!("{observed:?}");
                };
                (key.name.clone(), node.spec.listeners[0].port_mapping.port)
            });
            prop_assert_eq!(found.collect::<Vec<_>>(), good.collect::<Vec<_>>());
            let objects = truth.0.values();
            let wrong = objects.filter(|(event, _)| matches!(event, Event::Wrong { .. }));
            if let Some(problems) = kept.problems() {
                prop_assert_eq!(problems.len(), wrong.count());
            }
            prop_assert_eq!(records.all().len(), truth.0.len());
        }
    }
}

/// What is done to a server.
#[derive(Clone, Debug)]
enum Act {
    Object(Event),
    Compact,
    Reset,
    Cut,
    Garble,
    Down(bool),
    Wait,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        12 => event().prop_map(Act::Object),
        2 => Just(Act::Compact),
        2 => Just(Act::Reset),
        1 => Just(Act::Cut),
        1 => Just(Act::Garble),
        2 => any::<bool>().prop_map(Act::Down),
        3 => Just(Act::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 24,
        max_shrink_iters: 20,
        ..ProptestConfig::default()
    })]

    /// Through a real client: objects and faults in any order, and in the end what is told is what
    /// another source that begins now is told.
    #[test]
    fn any_history_ends_in_what_is_so(acts in prop::collection::vec(act(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let api = Api::start([Kind::VirtualNode]).await;
            let mut seen = Seen::start(&api, [Kind::VirtualNode]);
            for act in acts {
                match act {
                    Act::Object(Event::Remove { name }) => {
                        api.delete(Kind::VirtualNode, "shop", NAMES[name]);
                    }
                    Act::Object(Event::Put { name, port, .. }) => {
                        api.put(Kind::VirtualNode, node(NAMES[name], port));
                    }
                    Act::Object(event @ Event::Wrong { .. }) => {
                        let mut wrong = object(&event);
                        wrong["metadata"]["uid"] = Value::Null;
                        api.put(Kind::VirtualNode, wrong);
                    }
                    Act::Compact => api.compact(),
                    Act::Reset => api.reset(),
                    Act::Cut => api.fail(|faults| faults.cut = true),
                    Act::Garble => api.fail(|faults| faults.garble = true),
                    Act::Down(down) => api.fail(|faults| faults.down = down),
                    Act::Wait => {
                        if let Ok(batch) =
                            timeout(Duration::from_millis(25), seen.updates.next()).await
                        {
                            seen.apply(&batch.unwrap());
                        }
                    }
                }
            }
            api.fail(|faults| faults.down = false);
            // What is wrong may have a last good version that only one of the two has seen.
            for name in NAMES {
                api.delete(Kind::VirtualNode, "shop", name);
            }
            api.put(Kind::VirtualNode, node("a", 8));
            api.put(Kind::VirtualNode, node("last", 9));
            let fresh = Seen::ready(&api, [Kind::VirtualNode]).await;
            let all = |seen: &Seen| -> Vec<(ObjectKey, Option<i64>)> {
                let keys = seen.objects.keys();
                keys.map(|key| (key.clone(), seen.port(&key.name))).collect()
            };
            seen.until(|seen| all(seen) == all(&fresh) && seen.problems.is_empty()).await;
            assert_eq!(seen.updates.records().all(), fresh.updates.records().all());
        });
    }
}
