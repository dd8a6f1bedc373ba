use super::*;

fn acked(stream: u64, names: &[&str]) -> Event {
    Event::Acked {
        scope: Scope::new("s"),
        stream: StreamId(stream),
        type_url: TypeUrl::CDS,
        names: names
            .iter()
            .map(|name| (Arc::from(*name), Some(Arc::from("1"))))
            .collect(),
        total: names.len(),
        at: Instant::now(),
    }
}

#[test]
fn news_of_one_kind_and_stream_is_one() {
    let (sender, mut feed) = feed(10);
    for batch in 0..100 {
        sender.push(Event::Converged {
            scope: Scope::new("s"),
            stream: StreamId(1),
            batch,
            withheld: 0,
            at: Instant::now(),
        });
    }
    assert!(matches!(
        feed.try_next(),
        Some(Event::Converged { batch: 99, .. })
    ));
    assert_eq!(feed.try_next(), None);
}

#[test]
fn acknowledgements_add_up() {
    let (sender, mut feed) = feed(10);
    sender.push(acked(1, &["a", "b"]));
    sender.push(acked(1, &["b", "c"]));
    let Some(Event::Acked { names, total, .. }) = feed.try_next() else {
        panic!()
    };
    let names: Vec<&str> = names.iter().map(|(name, _)| &**name).collect();
    assert_eq!((names, total), (vec!["a", "b", "c"], 3));
}

#[test]
fn names_are_bounded() {
    let (sender, mut feed) = feed(10);
    for n in 0..1_000 {
        sender.push(acked(1, &[&n.to_string()]));
    }
    let Some(Event::Acked { names, total, .. }) = feed.try_next() else {
        panic!()
    };
    assert_eq!((names.len(), total), (Event::MOST_NAMES, 1_000));
}

#[test]
fn a_reader_that_is_away_costs_no_more_than_the_room() {
    let (sender, mut feed) = feed(10);
    for stream in 0..1_000 {
        sender.push(acked(stream, &["a"]));
    }
    // scopes have room all the same: the control plane must hear of them
    sender.push(Event::Interest {
        scope: Scope::new("s"),
    });
    assert_eq!(feed.lost(), 990);
    let mut read = 0;
    let mut interest = false;
    while let Some(event) = feed.try_next() {
        read += 1;
        interest |= matches!(event, Event::Interest { .. });
    }
    assert_eq!((read, interest), (11, true));
    sender.push(acked(5_000, &["a"]));
    assert!(feed.try_next().is_some(), "room again");
}

#[tokio::test]
async fn a_waiting_reader_is_woken() {
    let (sender, mut feed) = feed(10);
    let reader = tokio::spawn(async move { (feed.next().await, feed.next().await) });
    tokio::task::yield_now().await;
    sender.push(acked(1, &["a"]));
    sender.push(acked(2, &["a"]));
    let (first, second) = reader.await.unwrap();
    assert!(matches!(
        first,
        Event::Acked {
            stream: StreamId(1),
            ..
        }
    ));
    assert!(matches!(
        second,
        Event::Acked {
            stream: StreamId(2),
            ..
        }
    ));
}
