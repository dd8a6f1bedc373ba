//! A network namespace of its own, in which every address of a mesh is at home: pods without a kubelet.

use std::fs::File;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Where Envoy takes what applications send, as sidecars do everywhere.
const OUTBOUND: u16 = 15_001;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;

/// A namespace; removed when this is dropped.
#[derive(Debug)]
pub struct Space {
    name: String,
    file: File,
}

impl Space {
    /// Whether this process may make one.
    pub fn is_possible() -> bool {
        cfg!(target_os = "linux") && rustix::process::geteuid().is_root()
    }

    /// A new one. `home`: addresses that are all its own, such as `10.0.0.0/8`; `captured`: those of them where what is sent to
    /// `port` is led to Envoy.
    ///
    /// # Errors
    /// The programs `ip` and `nft` are not there, or do not do it.
    pub fn new(home: &str, captured: &str, port: u16) -> anyhow::Result<Self> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tulle-bench-{}-{number}", std::process::id());
        ip(&format!("netns add {name}"))?;
        let file = File::open(PathBuf::from("/run/netns").join(&name));
        // From here on it is removed whatever happens.
        let space = match file {
            Ok(file) => Self { name, file },
            Err(error) => {
                let _ = ip(&format!("netns del {name}"));
                return Err(error).context(name);
            }
        };
        let name = &space.name;
        ip(&format!("-n {name} link set lo up"))?;
        ip(&format!("-n {name} route add local {home} dev lo"))?;
        let rules = format!(
            "table ip capture {{\nchain output {{\ntype nat hook output priority -100;\n\
             ip daddr {captured} tcp dport {port} redirect to :{OUTBOUND}\n}}\n}}\n"
        );
        let mut nft = space.command("nft");
        nft.args(["-f", "-"]).stdin(Stdio::piped());
        let mut nft = nft.spawn().context("nft")?;
        if let Some(mut input) = nft.stdin.take() {
            input.write_all(rules.as_bytes())?;
        }
        let status = nft.wait()?;
        anyhow::ensure!(status.success(), "nft refuses: {rules}");
        Ok(space)
    }

    /// A command that runs in it.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/run/netns/{}", self.name))
            .arg("--")
            .arg(program);
        command
    }

    /// A socket in it, wherever it is used.
    fn socket(&self) -> anyhow::Result<TcpSocket> {
        // A socket belongs to the namespace of the thread that makes it: this one is there for nothing else.
        std::thread::scope(|scope| {
            let made = scope.spawn(|| {
                move_into_link_name_space(self.file.as_fd(), Some(LinkNameSpaceType::Network))?;
                TcpSocket::new_v4()
            });
            made.join()
        })
        .map_err(|_| anyhow::anyhow!("no thread in {}", self.name))?
        .context("a socket")
    }

    /// Connects to an address in it.
    ///
    /// # Errors
    /// Nobody listens there.
    pub async fn connect(&self, address: SocketAddr) -> anyhow::Result<TcpStream> {
        let stream = self.socket()?.connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Listens on an address in it.
    ///
    /// # Errors
    /// It is not at home here, or taken.
    pub fn listen(&self, address: SocketAddr) -> anyhow::Result<TcpListener> {
        let socket = self.socket()?;
        socket.set_reuseaddr(true)?;
        let bound = socket.bind(address);
        bound.with_context(|| format!("{address} in {}", self.name))?;
        Ok(socket.listen(BACKLOG)?)
    }

    /// An address in it that leads to `target` outside, for as long as the task lives that is given back.
    ///
    /// # Errors
    /// There is no free port.
    pub fn door(
        &self,
        target: SocketAddr,
    ) -> anyhow::Result<(SocketAddr, tokio::task::JoinSet<()>)> {
        let listener = self.listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let mut task = tokio::task::JoinSet::new();
        task.spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((mut inside, _)) = listener.accept().await {
                open.spawn(async move {
                    if let Ok(mut outside) = TcpStream::connect(target).await {
                        let _ = inside.set_nodelay(true);
                        let _ = outside.set_nodelay(true);
                        let _ = tokio::io::copy_bidirectional(&mut inside, &mut outside).await;
                    }
                });
            }
        });
        Ok((address, task))
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        if let Err(error) = ip(&format!("netns del {}", self.name)) {
            eprintln!("{error:#}");
        }
    }
}

fn ip(arguments: &str) -> anyhow::Result<()> {
    let output = Command::new("ip")
        .args(arguments.split_whitespace())
        .output()
        .context("ip")?;
    anyhow::ensure!(
        output.status.success(),
        "ip {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
