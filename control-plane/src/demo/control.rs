//! The demo's side of the control plane: its settings, its commands, and what it says on its admin port.

use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::folder::Folder;
use super::http_client::HttpClient;
use super::workloads::Workload;

/// Where the search for free ports begins: below the range from which outgoing connections get theirs, so that
/// none of those takes the control plane's port while it restarts.
const FIRST_PORT: u16 = 18_012;

/// How to run the control plane and how to reach it.
#[derive(Debug, Clone)]
pub(crate) struct Control {
    folder: Folder,
    admin: SocketAddr,
}

/// Something the control plane has to say about the manifests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Whether a part of the manifests has no effect because of it.
    pub(crate) is_error: bool,
    /// Where, what and why, on one line.
    pub(crate) text: String,
}

/// The newest change of the manifests that concerned a proxy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Served {
    /// When it was saved.
    pub(crate) saved: SystemTime,
    /// From then until the last proxy had taken it; None while one has not.
    pub(crate) taken: Option<Duration>,
}

impl Control {
    /// Chooses free ports and writes the settings document.
    pub(crate) fn new(folder: &Folder) -> Result<Self> {
        let [xds, admin] = free_ports()?;
        let document = format!(
            "apiVersion: tulle.dev/v1alpha1\nkind: MeshConfig\nspec:\n  listen:\n    address: 127.0.0.1\n    \
             xds: {xds}\n    admin: {admin}\n"
        );
        let path = folder.config();
        fs::write(&path, document).with_context(|| format!("cannot write {}", path.display()))?;
        let admin = SocketAddr::from((Ipv4Addr::LOCALHOST, admin));
        Ok(Self {
            folder: folder.clone(),
            admin,
        })
    }

    /// Where its metrics and debug pages are.
    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The command that serves.
    pub(crate) fn serve(&self) -> Result<Vec<OsString>> {
        let mut command = vec![this_program()?.into(), "serve".into(), "--manifests".into()];
        command.push(self.folder.manifests().into());
        command.extend(self.common());
        Ok(command)
    }

    /// The command that writes a proxy's bootstrap.
    pub(crate) fn bootstrap(&self, workload: Workload) -> Result<Vec<OsString>> {
        let mut command = vec![this_program()?.into(), "bootstrap".into()];
        command.extend([
            "--proxy".into(),
            workload.proxy().into(),
            "--capture".into(),
            workload.capture().into(),
        ]);
        command.extend(["--out".into(), self.folder.bootstrap(workload.name).into()]);
        command.extend(self.common());
        Ok(command)
    }

    fn common(&self) -> [OsString; 4] {
        [
            "--state".into(),
            self.folder.state().into(),
            "--config".into(),
            self.folder.config().into(),
        ]
    }

    /// Whether it serves.
    pub(crate) async fn is_ready(&self, client: &HttpClient) -> bool {
        let answer = client.get(self.admin, "/readyz", HeaderMap::new()).await;
        answer.is_ok_and(|answer| answer.status == StatusCode::OK)
    }

    /// What it has to say about the manifests, errors first.
    ///
    /// # Errors
    /// It does not answer.
    pub(crate) async fn findings(&self, client: &HttpClient) -> Result<Vec<Finding>> {
        let page = self.page(client, "/debug/findings").await?;
        let mut findings = Vec::new();
        collect(&page, &mut findings);
        findings.sort_by_key(|finding| !finding.is_error);
        Ok(findings)
    }

    /// The newest change that it has served, if there was any.
    ///
    /// # Errors
    /// It does not answer.
    pub(crate) async fn served(&self, client: &HttpClient) -> Result<Option<Served>> {
        Ok(served(&self.page(client, "/debug/changes").await?))
    }

    async fn page(&self, client: &HttpClient, path: &str) -> Result<Value> {
        let answer = client.get(self.admin, path, HeaderMap::new()).await?;
        ensure!(
            answer.status == StatusCode::OK,
            "the control plane answered {} to {path}",
            answer.status
        );
        serde_json::from_slice(&answer.body)
            .with_context(|| format!("the control plane's {path} is no JSON"))
    }
}

fn this_program() -> Result<PathBuf> {
    std::env::current_exe().context("cannot find this program's own file")
}

fn free_ports() -> Result<[u16; 2]> {
    let is_free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    let mut free = (FIRST_PORT..FIRST_PORT + 1000).filter(|port| is_free(*port));
    match (free.next(), free.next()) {
        (Some(first), Some(second)) => Ok([first, second]),
        _ => anyhow::bail!("no free port from {FIRST_PORT} on for the control plane"),
    }
}

fn served(page: &Value) -> Option<Served> {
    let saved = Duration::from_millis(page["last"]["saved"].as_u64()?);
    let taken = page["last"]["millis"]
        .as_f64()
        .filter(|millis| (0.0..1e9).contains(millis));
    Some(Served {
        saved: SystemTime::UNIX_EPOCH + saved,
        taken: taken.map(|millis| Duration::from_secs_f64(millis / 1000.0)),
    })
}

/// Every object of the page that has a message is a finding, whatever lies around it.
fn collect(page: &Value, findings: &mut Vec<Finding>) {
    match page {
        Value::Array(items) => items.iter().for_each(|item| collect(item, findings)),
        Value::Object(fields) if fields.get("message").is_some_and(Value::is_string) => {
            findings.push(one(page))
        }
        Value::Object(fields) => fields.values().for_each(|value| collect(value, findings)),
        _ => {}
    }
}

fn one(finding: &Value) -> Finding {
    let place = finding["file"].as_str().map(|file| {
        let name = Path::new(file)
            .file_name()
            .map_or(file.into(), |name| name.to_string_lossy());
        // 0 stands for the whole file, or the whole line.
        let number = |key: &str| finding[key].as_u64().filter(|number| *number > 0);
        match (number("line"), number("column")) {
            (Some(line), Some(column)) => format!("{name}:{line}:{column}"),
            (Some(line), None) => format!("{name}:{line}"),
            _ => name.into_owned(),
        }
    });
    let field = finding["field"]
        .as_str()
        .filter(|field| !field.is_empty())
        .map(str::to_owned);
    let message = finding["message"].as_str().map(str::to_owned);
    let help = finding["help"]
        .as_str()
        .filter(|help| !help.is_empty())
        .map(str::to_owned);
    let parts = [place, object(&finding["object"]), field, message];
    let mut text = parts.into_iter().flatten().collect::<Vec<_>>().join(": ");
    if let Some(help) = help {
        text = format!("{text}; {help}");
    }
    Finding {
        is_error: finding["severity"] != "warning" && finding["severity"] != "info",
        text: text.replace('\n', " "),
    }
}

fn object(object: &Value) -> Option<String> {
    if let Some(text) = object.as_str() {
        return Some(text.to_owned()).filter(|text| !text.is_empty());
    }
    let parts = ["kind", "namespace", "name"].map(|key| object[key].as_str().unwrap_or_default());
    let text = parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("/");
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_read_with_their_place_or_their_object() {
        let page = serde_json::json!({
            "findings": [
                {"severity": "warning", "object": {"kind": "Mesh", "namespace": "", "name": "demo"},
                 "field": "spec.x", "message": "not honoured yet: spec.x", "help": ""},
            ],
            "files": [
                {"file": "/tmp/m/color.yaml", "line": 7, "column": 3, "severity": "error",
                 "message": "expected a map", "help": "mend it"},
                {"file": "/tmp/m/huge.yaml", "line": 0, "column": 0, "severity": "error", "message": "too large"},
            ],
        });
        let mut findings = Vec::new();
        collect(&page, &mut findings);
        findings.sort_by_key(|finding| !finding.is_error);
        assert_eq!(findings[0].text, "color.yaml:7:3: expected a map; mend it");
        assert_eq!(findings[1].text, "huge.yaml: too large");
        assert_eq!(
            findings[2].text,
            "Mesh/demo: spec.x: not honoured yet: spec.x"
        );
        assert!(findings[0].is_error && !findings[2].is_error);
    }
}
