//! What passes on the wire of a host.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, eth, recv, socket_with};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::netns::Host;

/// Listens to every device of a host from now on. On the hub of a network, where no application and no
/// proxy of a test runs, that is what hosts say to each other and nothing that stays on one of them.
#[derive(Debug)]
pub struct Tap {
    stop: mpsc::Sender<()>,
    reader: JoinHandle<Vec<u8>>,
}

impl Tap {
    /// Begins to listen.
    pub fn new(host: &Host) -> Self {
        let namespace = std::fs::File::open(host.namespace_file()).expect("a namespace");
        let (stop, stopped) = mpsc::channel();
        let (opened, open) = mpsc::channel();
        let reader = std::thread::spawn(move || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                .expect("root may");
            let socket = socket_with(
                AddressFamily::PACKET,
                SocketType::RAW,
                SocketFlags::CLOEXEC,
                Some(eth::ALL),
            );
            let socket = socket.expect("root may");
            let patience = Some(Duration::from_millis(50));
            set_socket_timeout(&socket, Timeout::Recv, patience).expect("a socket has one");
            opened.send(()).expect("somebody waits");
            read(&socket, &stopped)
        });
        open.recv().expect("a socket");
        Self { stop, reader }
    }

    /// Every frame so far, one after the other.
    pub fn seen(self) -> Vec<u8> {
        let _ = self.stop.send(());
        self.reader.join().expect("it reads to its end")
    }
}

/// Reads until nothing comes any more after it was stopped.
fn read(socket: &OwnedFd, stopped: &mpsc::Receiver<()>) -> Vec<u8> {
    let mut seen = Vec::new();
    let mut frame = vec![0; 1 << 16];
    let mut stop = false;
    loop {
        match recv(socket, &mut frame[..], RecvFlags::empty()) {
            Ok((length, _)) => seen.extend_from_slice(&frame[..length.min(frame.len())]),
            Err(_) if stop => return seen,
            Err(_) => stop = stopped.try_recv().is_ok(),
        }
    }
}
