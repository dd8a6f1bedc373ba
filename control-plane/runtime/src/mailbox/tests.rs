use std::time::Duration;

use proptest::prelude::*;

use super::*;

#[tokio::test]
async fn newest_value_wins_in_key_order() {
    let (sender, mut receiver) = mailbox();
    sender.send("b", 1).unwrap();
    sender.send("a", 2).unwrap();
    sender.send("b", 3).unwrap();
    assert_eq!(receiver.len(), 2);
    let all: Vec<_> = receiver.recv().await.unwrap().into_iter().collect();
    assert_eq!(all, [("a", 2), ("b", 3)]);
    assert!(receiver.is_empty() && receiver.try_recv().is_empty());
}

#[tokio::test]
async fn changes_merge() {
    let (sender, mut receiver) = mailbox();
    for n in 1..=4 {
        sender
            .send_with((), |unread: Option<u32>| unread.unwrap_or(0) + n)
            .unwrap();
    }
    assert_eq!(receiver.recv().await.unwrap()[&()], 10);
}

#[tokio::test]
async fn ends_learn_of_each_other() {
    let (sender, mut receiver) = mailbox();
    let second = sender.clone();
    drop(sender);
    second.send(1, 1).unwrap();
    drop(second);
    assert_eq!(receiver.recv().await.unwrap().len(), 1);
    assert_eq!(receiver.recv().await, None);

    let (sender, receiver) = mailbox();
    drop(receiver);
    assert_eq!(sender.send(1, 1), Err(Closed));
}

#[tokio::test]
async fn waiting_receiver_wakes_for_letter_and_for_end() {
    let (sender, mut receiver) = mailbox();
    let reader = tokio::spawn(async move {
        let mut seen = Vec::new();
        while let Some(letters) = receiver.recv().await {
            seen.extend(letters);
        }
        seen
    });
    tokio::time::sleep(Duration::from_millis(10)).await;
    sender.send(7, "x").unwrap();
    tokio::time::sleep(Duration::from_millis(10)).await;
    drop(sender);
    assert_eq!(reader.await.unwrap(), [(7, "x")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn last_value_of_each_key_arrives_from_racing_senders() {
    const KEYS: u32 = 8;
    let (sender, mut receiver) = mailbox();
    let writers: Vec<_> = (0..KEYS)
        .map(|key| {
            let sender = sender.clone();
            tokio::spawn(async move {
                for n in 0..2_000 {
                    sender.send(key, n).unwrap();
                    if n % 64 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
            })
        })
        .collect();
    drop(sender);
    let mut last = BTreeMap::new();
    while let Some(letters) = receiver.recv().await {
        for (key, n) in letters {
            assert!(
                last.insert(key, n).is_none_or(|before| before < n),
                "an old value came back"
            );
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(last, (0..KEYS).map(|key| (key, 1_999)).collect());
}

#[derive(Debug, Clone)]
enum Step {
    Send(u8, u16),
    Take,
}

proptest! {
    /// However sends and reads interleave: each read is a map of the newest value of every key sent since the read before.
    #[test]
    fn reads_are_newest_since_last_read(
        steps in prop::collection::vec(
            prop_oneof![4 => (0..6u8, any::<u16>()).prop_map(|(k, v)| Step::Send(k, v)), 1 => Just(Step::Take)],
            0..200,
        )
    ) {
        let (sender, mut receiver) = mailbox();
        let mut expected = BTreeMap::new();
        for step in steps {
            match step {
                Step::Send(key, value) => {
                    sender.send(key, value).unwrap();
                    expected.insert(key, value);
                    prop_assert!(receiver.len() <= 6);
                }
                Step::Take => prop_assert_eq!(receiver.try_recv(), std::mem::take(&mut expected)),
            }
        }
        prop_assert_eq!(receiver.try_recv(), expected);
    }
}
