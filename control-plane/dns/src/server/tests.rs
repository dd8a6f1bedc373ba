//! Over loopback, with sockets and, where it is installed, with `dig`.

use std::process::Command;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::*;
use crate::ZoneData;
use crate::counters::Counts;
use crate::testing::{A, Ask, TXT, ask, read, zones};

struct Bed {
    address: SocketAddr,
    zones: Arc<ArcSwap<Zones>>,
    counters: Arc<Counters>,
    task: JoinHandle<()>,
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Bed {
    async fn start(limits: Limits) -> Self {
        let zones = Arc::new(ArcSwap::from_pointee(zones()));
        let address = "127.0.0.1:0".parse().unwrap();
        let server = Server::bind(address, zones.clone(), limits).await.unwrap();
        Self {
            address: server.address(),
            zones,
            counters: server.counters(),
            task: tokio::spawn(server.serve()),
        }
    }

    fn counts(&self) -> Counts {
        self.counters.now()
    }

    async fn udp(&self, ask: &Ask) -> String {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.send_to(&ask.bytes(), self.address).await.unwrap();
        let mut buffer = [0; 2048];
        let limit = Duration::from_secs(5);
        let received = tokio::time::timeout(limit, socket.recv_from(&mut buffer)).await;
        let (length, from) = received.expect("in time").unwrap();
        assert_eq!(from, self.address);
        read(&buffer[..length])
    }
}

async fn say(stream: &mut TcpStream, message: &[u8]) {
    let mut bytes = u16::try_from(message.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(message);
    stream.write_all(&bytes).await.unwrap();
}

async fn hear(stream: &mut TcpStream) -> String {
    let length = stream.read_u16().await.unwrap();
    let mut message = vec![0; usize::from(length)];
    stream.read_exact(&mut message).await.unwrap();
    read(&message)
}

#[tokio::test]
async fn both_transports_answer_the_same_and_newer_zones_at_once() {
    let bed = Bed::start(Limits::default()).await;
    let asked = ask("both.shop.test", A);
    let expected = "NoError aa rd: both.shop.test 5 A 10.0.0.3 / ";
    assert_eq!(bed.udp(&asked).await, expected);
    let mut stream = TcpStream::connect(bed.address).await.unwrap();
    say(&mut stream, &asked.bytes()).await;
    assert_eq!(hear(&mut stream).await, expected);

    bed.zones.store(Arc::new(Zones::new(&ZoneData {
        nameserver: "ns".into(),
        zones: ["shop.test".into()].into(),
        names: [("both.shop.test".into(), vec!["10.9.9.9".parse().unwrap()])].into(),
    })));
    let expected = "NoError aa rd: both.shop.test 5 A 10.9.9.9 / ";
    assert_eq!(bed.udp(&asked).await, expected);
    // two at once on the connection that was there before
    say(&mut stream, &asked.bytes()).await;
    say(&mut stream, &ask("web.shop.test", A).bytes()).await;
    assert_eq!(hear(&mut stream).await, expected);
    assert!(hear(&mut stream).await.starts_with("NameError aa rd"));
    let counts = bed.counts();
    assert_eq!((counts.udp, counts.tcp), (2, 3));
    assert_eq!((counts.answered, counts.no_such_name), (4, 1));
}

#[tokio::test]
async fn connections_are_bounded_in_number_and_time() {
    let bed = Bed::start(Limits {
        connections: 4,
        connections_by_address: 2,
        idle: Duration::from_millis(400),
        message: Duration::from_millis(200),
    })
    .await;
    let mut first = TcpStream::connect(bed.address).await.unwrap();
    let mut second = TcpStream::connect(bed.address).await.unwrap();
    say(&mut first, &ask("web.shop.test", A).bytes()).await;
    hear(&mut first).await;
    // the third one is closed without a word
    let mut third = TcpStream::connect(bed.address).await.unwrap();
    assert_eq!(third.read(&mut [0; 1]).await.unwrap_or(0), 0);
    assert_eq!(bed.counts().connections_refused, 1);
    // half a message, and then nothing
    let started = Instant::now();
    second.write_all(&[0]).await.unwrap();
    assert_eq!(second.read(&mut [0; 1]).await.unwrap_or(0), 0);
    assert!(
        started.elapsed() < Duration::from_millis(390),
        "{:?}",
        started.elapsed()
    );
    // nothing at all
    assert_eq!(first.read(&mut [0; 1]).await.unwrap_or(0), 0);
    let mut again = TcpStream::connect(bed.address).await.unwrap();
    say(&mut again, &ask("web.shop.test", TXT).bytes()).await;
    assert!(hear(&mut again).await.starts_with("NoError aa rd:  / "));
    // what is no question ends a conversation
    say(&mut again, &[1, 2, 3]).await;
    assert_eq!(again.read(&mut [0; 1]).await.unwrap_or(0), 0);
    let mut huge = TcpStream::connect(bed.address).await.unwrap();
    huge.write_all(&[0xff, 0xff, 0]).await.unwrap();
    assert_eq!(huge.read(&mut [0; 1]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn noise_by_udp_changes_nothing() {
    let bed = Bed::start(Limits::default()).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut noise = vec![0; 5000];
    for round in 0..2000 {
        for byte in &mut noise {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = state as u8;
        }
        let length = (state as usize) % 300;
        let length = if round % 500 == 0 { 5000 } else { length };
        socket.send_to(&noise[..length], bed.address).await.unwrap();
        if round % 50 == 0 {
            let asked = bed.udp(&ask("both.shop.test", A)).await;
            assert_eq!(asked, "NoError aa rd: both.shop.test 5 A 10.0.0.3 / ");
        }
    }
    assert_eq!(bed.counts().panics, 0);
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = Server::bind(address, Arc::default(), Limits::default())
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains(&address.to_string()), "{error}");
    assert!(error.contains("TCP"), "{error}");
}

/// The same by the tool that people use.
#[tokio::test(flavor = "multi_thread")]
async fn dig_understands_every_answer() {
    let bed = Bed::start(Limits::default()).await;
    let port = bed.address.port().to_string();
    let dig = |words: &str| {
        let output = Command::new("dig")
            .args([
                "@127.0.0.1",
                "-p",
                &port,
                "+tries=1",
                "+time=5",
                "+norecurse",
            ])
            .args(words.split(' '))
            .output();
        output
            .ok()
            .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    if dig("-v").is_none() {
        eprintln!("dig is not installed: nothing was asked by it");
        return;
    }
    for (words, expected) in [
        ("+short both.shop.test", "10.0.0.3\n"),
        ("+short both.shop.test AAAA", "fd00::3\n"),
        ("+short +tcp both.shop.test", "10.0.0.3\n"),
        ("+short shop.test NS", "dns.system.svc.cluster.local.\n"),
        ("+short +notcp many.shop.test ANY", "\"RFC8482\" \"\"\n"),
    ] {
        assert_eq!(dig(words).unwrap(), expected, "{words}");
    }
    for (words, expected) in [
        (
            "web.shop.test TXT",
            ["status: NOERROR", "ANSWER: 0, AUTHORITY: 1"],
        ),
        (
            "web.shop.test HTTPS",
            ["status: NOERROR", "ANSWER: 0, AUTHORITY: 1"],
        ),
        (
            "web.shop.test SRV +tcp",
            ["status: NOERROR", "ANSWER: 0, AUTHORITY: 1"],
        ),
        (
            "nobody.shop.test MX",
            ["status: NXDOMAIN", "ANSWER: 0, AUTHORITY: 1"],
        ),
        (
            "-x 10.0.0.1",
            ["status: REFUSED", "ANSWER: 0, AUTHORITY: 0"],
        ),
        (
            "example.com +edns=1 +noednsneg",
            ["status: BADVERS", "ANSWER: 0"],
        ),
        ("shop.test AXFR", ["Transfer failed", ""]),
        (
            "many.shop.test +bufsize=512",
            ["status: NOERROR", "ANSWER: 8"],
        ),
    ] {
        let text = dig(words).unwrap();
        for word in expected {
            assert!(text.contains(word), "{words}: {text}");
        }
        assert!(
            !text.contains("malformed") && !text.contains("WARNING"),
            "{text}"
        );
    }
}
