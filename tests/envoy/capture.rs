//! The redirect rules in real network namespaces: who reaches whom, with and without them.
//!
//! Touches no namespace but its own two.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::net::sockopt::ip_original_dst;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tulle_injector::{CaptureSpec, Nft};

/// A network namespace of this test, gone with it.
struct Namespace(String);

impl Namespace {
    fn new(name: &str) -> Arc<Self> {
        // Cases run beside each other in one process.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tulle-capture-{}-{number}-{name}", std::process::id());
        ip(&["netns", "add", &name]);
        ip(&["-n", &name, "link", "set", "lo", "up"]);
        Arc::new(Self(name))
    }

    /// Runs something inside.
    fn run<T: Send>(&self, inside: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let file = std::fs::File::open(format!("/run/netns/{}", self.0)).unwrap();
                move_into_link_name_space(
                    std::os::fd::AsFd::as_fd(&file),
                    Some(LinkNameSpaceType::Network),
                )
                .unwrap();
                inside()
            });
            thread.join().unwrap()
        })
    }

    /// Answers every connection with a name.
    fn serve(&self, address: &str, name: &'static str) {
        let listener = self.run(|| TcpListener::bind(address).unwrap());
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = stream.write_all(name.as_bytes());
            }
        });
    }

    /// What answers at an address, seen from here; empty if nothing does.
    fn ask(&self, address: &str) -> String {
        let address: SocketAddr = address.parse().unwrap();
        self.run(|| {
            let mut answer = String::new();
            if let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(2)) {
                let _ = stream.read_to_string(&mut answer);
            }
            answer
        })
    }

    /// The same as another user and group.
    fn ask_as(&self, user: u32, group: u32, host: &str, port: u16) -> String {
        let output = self.run(|| {
            Command::new("bash")
                .args(["-c", &format!("exec 3<>/dev/tcp/{host}/{port} && cat <&3")])
                .gid(group)
                .uid(user)
                .output()
                .unwrap()
        });
        text(&output)
    }

    fn rules(&self) -> String {
        text(&self.run(|| {
            Command::new("nft")
                .args(["list", "ruleset"])
                .output()
                .unwrap()
        }))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        ip(&["netns", "del", &self.0]);
    }
}

fn ip(arguments: &[&str]) {
    let output = Command::new("ip").args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "ip {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A workload with a sidecar's two ports, and a peer on the same wire.
fn pair() -> (Arc<Namespace>, Arc<Namespace>) {
    let (workload, peer) = (Namespace::new("workload"), Namespace::new("peer"));
    ip(&[
        "link",
        "add",
        "eth0",
        "netns",
        &workload.0,
        "type",
        "veth",
        "peer",
        "name",
        "eth0",
        "netns",
        &peer.0,
    ]);
    for (namespace, addresses) in [
        (&workload, &["10.123.0.1/24", "fd12::1/64"][..]),
        (
            &peer,
            &[
                "10.123.0.2/24",
                "10.123.0.3/24",
                "169.254.169.254/32",
                "fd12::2/64",
                "fd12::3/64",
            ],
        ),
    ] {
        for address in addresses {
            let mut command = vec!["-n", &namespace.0, "addr", "add", address, "dev", "eth0"];
            if address.contains(':') {
                command.push("nodad");
            }
            ip(&command);
        }
        ip(&["-n", &namespace.0, "link", "set", "eth0", "up"]);
    }
    ip(&[
        "-n",
        &workload.0,
        "route",
        "add",
        "169.254.169.254/32",
        "dev",
        "eth0",
    ]);

    workload.serve("[::]:15001", "outbound");
    workload.serve("[::]:15000", "inbound");
    workload.serve("[::]:8080", "application");
    workload.serve("[::]:9090", "metrics");
    for port in ["80", "22", "443", "8080"] {
        peer.serve(&format!("[::]:{port}"), "peer");
    }
    (workload, peer)
}

fn spec() -> CaptureSpec {
    CaptureSpec {
        app_ports: [8080].into(),
        ignored_groups: [4242].into(),
        ignored_ports: [443].into(),
        ignored_destinations: ["169.254.169.254", "10.123.0.3", "fd12::3"]
            .map(|s| s.parse().unwrap())
            .into(),
        ..CaptureSpec::default()
    }
}

#[test]
fn traffic_goes_where_the_rules_say() {
    let (workload, peer) = pair();
    let nft = Nft::default();

    let direct = || {
        assert_eq!(workload.ask("10.123.0.2:80"), "peer");
        assert_eq!(workload.ask("[fd12::2]:80"), "peer");
        assert_eq!(peer.ask("10.123.0.1:8080"), "application");
    };
    direct();

    workload.run(|| nft.install(&spec())).unwrap();
    assert_eq!(workload.ask("10.123.0.2:80"), "outbound");
    assert_eq!(workload.ask("10.123.0.2:8080"), "outbound");
    assert_eq!(
        workload.ask("10.99.0.1:80"),
        "",
        "no route: the kernel says so before any rule"
    );
    assert_eq!(
        workload.ask("10.123.0.2:22"),
        "peer",
        "22 is always left alone"
    );
    assert_eq!(workload.ask("10.123.0.2:443"), "peer", "ignored port");
    assert_eq!(workload.ask("10.123.0.3:80"), "peer", "ignored destination");
    assert_eq!(
        workload.ask("169.254.169.254:80"),
        "peer",
        "ignored destination"
    );
    assert_eq!(
        workload.ask_as(1337, 1337, "10.123.0.2", 80),
        "peer",
        "ignored user"
    );
    assert_eq!(
        workload.ask_as(1338, 4242, "10.123.0.2", 80),
        "peer",
        "ignored group"
    );
    assert_eq!(workload.ask_as(1338, 1338, "10.123.0.2", 80), "outbound");
    assert_eq!(workload.ask("127.0.0.1:8080"), "application", "loopback");
    assert_eq!(
        workload.ask("10.123.0.1:8080"),
        "application",
        "its own address"
    );
    assert_eq!(workload.ask("[fd12::2]:80"), "peer", "IPv6 is left alone");
    assert_eq!(peer.ask("10.123.0.1:8080"), "inbound");
    assert_eq!(
        peer.ask("10.123.0.1:9090"),
        "metrics",
        "not a port of the application"
    );
    assert_eq!(
        peer.ask("[fd12::1]:8080"),
        "application",
        "IPv6 is left alone"
    );

    workload
        .run(|| {
            nft.install(&CaptureSpec {
                ipv6: true,
                ..spec()
            })
        })
        .unwrap();
    assert_eq!(workload.ask("[fd12::2]:80"), "outbound");
    assert_eq!(workload.ask("[fd12::3]:80"), "peer", "ignored destination");
    assert_eq!(workload.ask("[::1]:8080"), "application");
    assert_eq!(workload.ask("[fd12::1]:8080"), "application");
    assert_eq!(peer.ask("[fd12::1]:8080"), "inbound");
    assert_eq!(workload.ask("10.123.0.2:80"), "outbound");

    workload.run(|| nft.remove()).unwrap();
    assert_eq!(workload.rules(), "");
    direct();
}

#[test]
fn original_destination_is_kept() {
    let (workload, _peer) = pair();
    let listener = workload.run(|| TcpListener::bind("0.0.0.0:15099").unwrap());
    workload
        .run(|| {
            Nft::default().install(&CaptureSpec {
                outbound_port: 15099,
                ..spec()
            })
        })
        .unwrap();
    let client = workload.run(|| TcpStream::connect("10.123.0.2:80").unwrap());
    let (stream, _) = listener.accept().unwrap();
    assert_eq!(
        ip_original_dst(&stream).unwrap().to_string(),
        "10.123.0.2:80"
    );
    drop(client);
}

#[test]
fn installing_twice_or_as_text_gives_the_same_rules() {
    let namespace = Namespace::new("rules");
    let nft = Nft::default();
    namespace.run(|| {
        Command::new("nft")
            .args(["add", "table", "inet", "other"])
            .status()
            .unwrap();
        nft.remove().unwrap();
    });
    let many = CaptureSpec {
        ipv6: true,
        ignored_destinations: [
            "0.0.0.0/1",
            "10.0.0.0/8",
            "10.0.0.1",
            "169.254.169.254",
            "fd00::/8",
            "::/0",
        ]
        .map(|s| s.parse().unwrap())
        .into(),
        ignored_users: [0, 1337, u32::MAX - 1].into(),
        app_ports: (8000..8040).collect(),
        ..spec()
    };
    let everything = CaptureSpec {
        ignored_destinations: ["0.0.0.0/0".parse().unwrap()].into(),
        ..spec()
    };
    for spec in [spec(), CaptureSpec::default(), many, everything] {
        namespace.run(|| nft.install(&spec).unwrap());
        let once = namespace.rules();
        namespace.run(|| nft.install(&spec).unwrap());
        assert_eq!(namespace.rules(), once);
        assert!(
            once.contains("table inet other"),
            "others' tables stay: {once}"
        );
        assert!(once.contains("redirect to :15001"), "{once}");

        namespace.run(|| nft.remove().unwrap());
        let loaded = namespace.run(|| {
            let mut child = Command::new("nft")
                .args(["-f", "-"])
                .stdin(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            child
                .stdin
                .take()
                .unwrap()
                .write_all(spec.render().unwrap().as_bytes())
                .unwrap();
            child.wait().unwrap()
        });
        assert!(loaded.success());
        assert_eq!(namespace.rules(), once, "the text means the same");
    }
}

#[test]
fn without_permission_the_way_out_is_told() {
    let namespace = Namespace::new("permission");
    let script = tempfile::tempdir().unwrap();
    let program = script.path().join("nft");
    std::fs::write(
        &program,
        "#!/bin/sh\nexec setpriv --bounding-set=-net_admin --inh-caps=-all nft \"$@\"\n",
    )
    .unwrap();
    Command::new("chmod")
        .arg("755")
        .arg(&program)
        .status()
        .unwrap();
    let error = namespace
        .run(|| Nft::at(&program).install(&spec()))
        .unwrap_err()
        .to_string();
    assert!(error.contains("NET_ADMIN"), "{error}");
}
