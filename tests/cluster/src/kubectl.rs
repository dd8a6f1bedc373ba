//! `kubectl`, run inside the cluster's network.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;
use serde_json::Value;

use crate::command::{output_of, run};
use crate::run::Run;

/// The administrator's `kubectl`.
#[derive(Debug, Clone)]
pub struct Kubectl {
    enter: PathBuf,
}

impl Kubectl {
    /// For this cluster.
    pub fn new(run: &Run) -> Self {
        Self { enter: run.enter() }
    }

    /// A command that runs inside the cluster's network.
    pub fn inside(&self, program: &str) -> Command {
        let mut command = Command::new(&self.enter);
        command.arg(program);
        command
    }

    /// `kubectl` with these arguments.
    pub fn command<I: AsRef<str>>(&self, arguments: impl IntoIterator<Item = I>) -> Command {
        let mut command = self.inside("kubectl");
        command.args(arguments.into_iter().map(|one| one.as_ref().to_owned()));
        command
    }

    /// Runs `kubectl` with arguments separated by spaces and returns what it printed.
    ///
    /// # Errors
    /// It failed, in its own words.
    pub fn run(&self, words: &str) -> anyhow::Result<String> {
        run(&mut self.command(words.split_whitespace()))
    }

    /// `kubectl apply` of a manifest, as a user does it.
    ///
    /// # Errors
    /// As [`Kubectl::run`].
    pub fn apply(&self, manifest: &str) -> anyhow::Result<String> {
        let mut command = self.command(["apply", "-f", "-"]);
        output_of(&mut command, manifest.as_bytes()).with_context(|| manifest.to_owned())
    }

    /// An object, or a list of them, as JSON. `words` are what follows `kubectl get`.
    ///
    /// # Errors
    /// As [`Kubectl::run`].
    pub fn get(&self, words: &str) -> anyhow::Result<Value> {
        let text = self.run(&format!("get {words} -o json"))?;
        serde_json::from_str(&text).context("kubectl's JSON")
    }

    /// The items of a list.
    ///
    /// # Errors
    /// As [`Kubectl::run`].
    pub fn list(&self, words: &str) -> anyhow::Result<Vec<Value>> {
        let mut list = self.get(words)?;
        match list["items"].take() {
            Value::Array(items) => Ok(items),
            _ => anyhow::bail!("kubectl get {words}: no list"),
        }
    }

    /// A path of the API server.
    ///
    /// # Errors
    /// As [`Kubectl::run`].
    pub fn raw(&self, path: &str) -> anyhow::Result<String> {
        run(&mut self.command(["get", "--raw", path]))
    }
}
