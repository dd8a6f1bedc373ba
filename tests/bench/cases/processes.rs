//! Client and floor as processes of their own, driven as scenarios drive them.

use std::path::Path;
use std::time::Duration;

use tulle_bench::client::{self, Fleet, Kind, Launch, Stuck, Tls, Watch, With};
use tulle_bench::floor::{self, Event, Floor, Speaks};
use tulle_bench::lines::LineError;
use tulle_bench::record::Process;
use tulle_bench::wire::{dump, synthetic};

const PATIENCE: Duration = Duration::from_secs(30);

fn launch() -> Launch {
    Launch {
        binary: Some(env!("CARGO_BIN_EXE_tulle-bench").into()),
        lifetime: Duration::from_secs(120),
        ..Launch::default()
    }
}

fn write(folder: &Path, proxies: usize) {
    dump::write(&folder.join("dump"), synthetic::resources(10, 3)).expect("a dump");
    let lines: String = (0..proxies)
        .map(|at| format!("{{\"id\":\"p{at}\"}}\n"))
        .collect();
    std::fs::write(folder.join("proxies"), lines).expect("a file");
}

#[tokio::test]
async fn a_storm_an_event_and_a_return() {
    let folder = tempfile::tempdir().unwrap();
    let in_folder = |name: &str| folder.path().join(name);
    write(folder.path(), 10);
    let set_up = Floor {
        dump: in_folder("dump"),
        speaks: Speaks::Ads,
        listen: "127.0.0.1:0".parse().unwrap(),
        tls: Some(in_folder("ca")),
    };
    let mut floor = floor::Driver::launch(&launch(), &set_up).await.unwrap();
    assert_eq!(floor.ready().resources, 22);
    let mut client = client::Driver::launch(&launch()).await.unwrap();

    let mut fleet = Fleet::new(floor.ready().address, in_folder("proxies"), 10);
    fleet.tls = Some(Tls {
        ca: in_folder("ca"),
        name: "localhost".into(),
        resume: true,
    });
    let server = Process::of(floor.pid().unwrap());
    let before = server.sample().unwrap();
    let t0 = client.start(&fleet).await.unwrap();
    let all = client.complete(10, PATIENCE).await.unwrap();
    assert_eq!(all.after(t0).len(), 10);
    assert_eq!(floor.streams().await.unwrap(), 10);
    let usage = server.sample().unwrap().since(&before);
    assert!(usage.cpu() > Duration::ZERO && usage.wall >= all.last_after(t0).unwrap());

    let watch = Watch::new(Kind::Eds, "svc-3.", With::Any);
    let watch = client.watch(&watch).await.unwrap();
    let name = "svc-3.bench.svc.cluster.local:8080".to_owned();
    let event = Event {
        kind: Kind::Eds,
        name,
        streams: 4,
    };
    let t0 = floor.event(&event).await.unwrap();
    let seen = client.seen(watch, 4, PATIENCE).await.unwrap();
    assert_eq!((seen.after(t0).len(), seen.others.messages), (4, 0));

    assert_eq!(client.stick(2, Stuck::Socket).await.unwrap(), 2);
    client.unstick().await.unwrap();
    let before = client.report().await.unwrap();
    client.disconnect().await.unwrap();
    client.reconnect(true).await.unwrap();
    let all = client.complete(10, PATIENCE).await.unwrap();
    assert_eq!(all.complete.len(), 10);
    let after = client.report().await.unwrap();
    assert_eq!(after.since(&before).total().resources, 0);
    client.clear().await.unwrap();
    assert_eq!(client.report().await.unwrap().proxies, 0);
    client.stop().await.unwrap();
    floor.stop().await.unwrap();
}

#[tokio::test]
async fn what_goes_wrong_is_told() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 1);
    let mut client = client::Driver::launch(&launch()).await.unwrap();
    let target = "127.0.0.1:1".parse().unwrap();
    let fleet = Fleet::new(target, folder.path().join("proxies"), 2);
    let error = client.start(&fleet).await.unwrap_err();
    assert!(matches!(&error, LineError::Refused(..)), "{error}");
    assert!(
        error
            .to_string()
            .contains("has 1 proxies from line 1, not 2"),
        "{error}"
    );
    let error = client.seen(7, 1, PATIENCE).await.unwrap_err().to_string();
    assert!(error.contains("no watch 7"), "{error}");
    let error = client.dump(folder.path()).await.unwrap_err().to_string();
    assert!(error.contains("no resources were kept"), "{error}");

    let set_up = Floor {
        dump: folder.path().join("none"),
        speaks: Speaks::Raw,
        listen: "127.0.0.1:0".parse().unwrap(),
        tls: None,
    };
    let error = floor::Driver::launch(&launch(), &set_up).await.unwrap_err();
    assert!(matches!(error, LineError::Ended(_)), "{error}");
    let short = Launch {
        lifetime: Duration::from_secs(1),
        ..launch()
    };
    let mut client = client::Driver::launch(&short).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(client.report().await.is_err(), "its lifetime is over");
}
