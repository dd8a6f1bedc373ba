//! Handing rules to the kernel through the program `nft`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use nftables::schema::Nftables;

use super::{CaptureError, CaptureSpec, rules, transaction};

/// The program `nft`; it works on the network namespace of the thread that calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nft {
    program: PathBuf,
}

/// `nft` did not do it.
#[derive(Debug, thiserror::Error)]
pub enum NftError {
    /// There is no such program.
    #[error("{0:?} is not installed: it comes with the package nftables")]
    Missing(PathBuf),
    /// The caller may not change rules.
    #[error(
        "changing redirect rules needs root (the capability NET_ADMIN) in this network namespace: {0}"
    )]
    NotPermitted(String),
    /// The rules could not be written down for it.
    #[error("nft: {0}")]
    Encode(#[from] serde_json::Error),
    /// The program could not be run.
    #[error("{program:?}: {source}")]
    Run {
        /// The program.
        program: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The kernel or the program refused.
    #[error("nft refused the rules; is the kernel built with nftables, NAT and fib? It says: {0}")]
    Refused(String),
}

impl Default for Nft {
    /// `nft` of the search path.
    fn default() -> Self {
        Self::at("nft")
    }
}

impl Nft {
    /// A certain `nft`.
    pub fn at(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
        }
    }

    /// Installs the rules in place of those that Tulle installed before, in one step. Doing it twice changes nothing.
    ///
    /// # Errors
    /// A specification that makes no sense; `nft` is missing, not permitted or refuses. The rules are then as they were.
    pub fn install(&self, spec: &CaptureSpec) -> Result<(), CaptureError> {
        spec.check()?;
        Ok(self.run(&transaction::install(&rules::chains(spec)))?)
    }

    /// Takes all rules of Tulle away, if there are any. Connections that were redirected stay so until they end.
    ///
    /// # Errors
    /// `nft` is missing, not permitted or refuses.
    pub fn remove(&self) -> Result<(), CaptureError> {
        Ok(self.run(&transaction::remove())?)
    }

    fn run(&self, commands: &Nftables<'_>) -> Result<(), NftError> {
        let commands = serde_json::to_vec(commands)?;
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => NftError::Missing(self.program.clone()),
            _ => NftError::Run {
                program: self.program.clone(),
                source,
            },
        };
        let mut child = Command::new(&self.program)
            .args(["-j", "-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        // A program that ends before it has read everything says why on stderr, which tells more than a broken pipe.
        let written = child
            .stdin
            .take()
            .map_or(Ok(()), |mut stdin| stdin.write_all(&commands));
        let output = child.wait_with_output().map_err(failed)?;
        if output.status.success() {
            return written.map_err(failed);
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if said.contains("Operation not permitted") || said.contains("must be root") {
            Err(NftError::NotPermitted(said))
        } else {
            Err(NftError::Refused(said))
        }
    }
}
