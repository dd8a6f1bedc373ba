//! Ports of pods' loopback, at ports of the node's.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};

use anyhow::Context;

use crate::kubectl::Kubectl;

/// A port of a pod, reached at [`Forwarded::address`] until this is dropped.
#[derive(Debug)]
pub struct Forwarded {
    kubectl: Child,
    /// It says a line of each connection, and ends when nobody takes it.
    _stdout: BufReader<ChildStdout>,
    address: String,
}

impl Forwarded {
    /// Begins to forward.
    ///
    /// # Errors
    /// `kubectl port-forward` did not begin: the pod does not run.
    pub fn to(kubectl: &Kubectl, namespace: &str, pod: &str, port: u16) -> anyhow::Result<Self> {
        let port = format!(":{port}");
        let mut command = kubectl.command(["port-forward", "-n", namespace, pod, &port]);
        let mut kubectl = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut said = String::new();
        let mut stdout = BufReader::new(kubectl.stdout.take().context("its words")?);
        let read = stdout.read_line(&mut said);
        // Forwarding from 127.0.0.1:40001 -> 15014
        let address = said.split_whitespace().find(|word| word.contains(':'));
        let forwarded = Self {
            kubectl,
            _stdout: stdout,
            address: address.unwrap_or_default().to_owned(),
        };
        read?;
        anyhow::ensure!(
            !forwarded.address.is_empty(),
            "nothing is forwarded to {namespace}/{pod}{port}: {said:?}"
        );
        Ok(forwarded)
    }

    /// Where it is, as `IP:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Forwarded {
    fn drop(&mut self) {
        let _ = self.kubectl.kill();
        let _ = self.kubectl.wait();
    }
}
