//! Envoy's verdict on configuration, many proxies' in one run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The names in one proxy's configuration, as `offline::sections` shows it.
#[derive(Debug, Default)]
pub struct Names {
    /// Clusters that are there.
    pub clusters: BTreeSet<String>,
    /// Clusters that listeners and routes name.
    pub clusters_named: BTreeSet<String>,
    /// Route configurations that are there.
    pub routes: BTreeSet<String>,
    /// Route configurations that listeners name.
    pub routes_named: BTreeSet<String>,
    /// Endpoints that are there.
    pub endpoints: BTreeSet<String>,
    /// Endpoints that clusters name.
    pub endpoints_named: BTreeSet<String>,
    /// Names of the listeners on each address.
    pub listeners: BTreeMap<String, Vec<String>>,
    /// Routes in all virtual hosts.
    pub route_count: usize,
}

fn list<'a>(of: &'a Value, key: &str) -> &'a [Value] {
    of[key].as_array().map_or(&[], Vec::as_slice)
}

fn text(of: &Value) -> String {
    of.as_str().unwrap_or_default().to_owned()
}

impl Names {
    /// Reads them out of the sections.
    pub fn of(sections: &Value) -> Self {
        let mut names = Self::default();
        for cluster in list(sections, "clusters") {
            names.clusters.insert(text(&cluster["name"]));
            let eds = &cluster["eds_cluster_config"];
            if eds.is_object() {
                let service = if eds["service_name"].is_string() {
                    &eds["service_name"]
                } else {
                    &cluster["name"]
                };
                names.endpoints_named.insert(text(service));
            }
        }
        for endpoints in list(sections, "endpoints") {
            names.endpoints.insert(text(&endpoints["cluster_name"]));
        }
        for listener in list(sections, "listeners") {
            names
                .listeners
                .entry(listener["address"].to_string())
                .or_default()
                .push(text(&listener["name"]));
            names.walk(listener);
        }
        for routes in list(sections, "routes") {
            names.routes.insert(text(&routes["name"]));
            names.route_count += list(routes, "virtual_hosts")
                .iter()
                .map(|host| list(host, "routes").len())
                .sum::<usize>();
            names.walk(routes);
        }
        names
    }

    fn walk(&mut self, value: &Value) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    match (key.as_str(), value) {
                        ("cluster", Value::String(name)) => {
                            self.clusters_named.extend([name.clone()])
                        }
                        ("route_config_name", Value::String(name)) => {
                            self.routes_named.extend([name.clone()])
                        }
                        ("weighted_clusters", weighted) => {
                            self.clusters_named.extend(
                                list(weighted, "clusters")
                                    .iter()
                                    .map(|cluster| text(&cluster["name"])),
                            );
                        }
                        (_, value) => self.walk(value),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.walk(item)),
            _ => {}
        }
    }
}

/// Static bootstraps of several proxies, to be judged together: clusters and listeners of each are given
/// names and addresses of its own. If they are refused, those that are to blame are looked for.
#[derive(Debug, Default)]
pub struct Bundle {
    parts: Vec<(String, Value)>,
}

impl Bundle {
    /// Adds a proxy's bootstrap.
    pub fn add(&mut self, whose: &str, bootstrap: Value) {
        self.parts.push((whose.to_owned(), bootstrap));
    }

    fn merged(parts: &[(String, Value)]) -> Value {
        let mut merged = Value::Null;
        for (n, (_, part)) in parts.iter().enumerate() {
            let mut part = part.clone();
            rename(&mut part["static_resources"], n);
            if n == 0 {
                merged = part;
                continue;
            }
            for key in ["clusters", "listeners", "secrets"] {
                let more = list(&part["static_resources"], key).iter();
                match &mut merged["static_resources"][key] {
                    // Secrets keep their names, so that those of several proxies may be one.
                    Value::Array(all) => {
                        for one in more {
                            if key != "secrets" || !all.contains(one) {
                                all.push(one.clone());
                            }
                        }
                    }
                    none => *none = more.cloned().collect(),
                }
            }
        }
        merged
    }

    /// Envoy's verdict.
    ///
    /// # Errors
    /// What Envoy says of each bootstrap that it refuses.
    pub fn validate(&self, envoy: &Path) -> Result<(), String> {
        let refused = Self::refused(envoy, &self.parts);
        if refused.is_empty() {
            return Ok(());
        }
        Err(refused.join("\n"))
    }

    /// What is refused, found by halves: most often nothing is, or little.
    fn refused(envoy: &Path, parts: &[(String, Value)]) -> Vec<String> {
        let (whose, alone) = match parts {
            [] => return Vec::new(),
            [(whose, part)] => (whose, Some(part)),
            [(whose, _), ..] => (whose, None),
        };
        if let Some(part) = alone {
            let refused = validate(envoy, part).err();
            let refused = refused.map(|why| format!("Envoy refuses {whose}: {why}"));
            return refused.into_iter().collect();
        }
        let Err(together) = validate(envoy, &Self::merged(parts)) else {
            return Vec::new();
        };
        let (first, second) = parts.split_at(parts.len() / 2);
        let mut refused = Self::refused(envoy, first);
        refused.extend(Self::refused(envoy, second));
        if refused.is_empty() {
            let of = format!("from {whose} on");
            return vec![format!(
                "Envoy takes each proxy's configuration {of}, and not all in one: {together}"
            )];
        }
        refused
    }
}

/// Runs `envoy --mode validate` on a bootstrap.
///
/// # Errors
/// What Envoy says.
pub fn validate(envoy: &Path, bootstrap: &Value) -> Result<(), String> {
    let file = tempfile::Builder::new()
        .suffix(".json")
        .tempfile()
        .expect("a file");
    std::fs::write(file.path(), bootstrap.to_string()).expect("writable");
    let output = Command::new(envoy)
        .args([
            "--mode",
            "validate",
            "--use-dynamic-base-id",
            "-l",
            "error",
            "-c",
        ])
        .arg(file.path())
        .output()
        .expect("Envoy runs");
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

fn rename(resources: &mut Value, n: usize) {
    let prefix = format!("{n}.");
    let mut addresses: BTreeMap<String, usize> = BTreeMap::new();
    for listener in resources["listeners"].as_array_mut().into_iter().flatten() {
        prepend(&mut listener["name"], &prefix);
        let address = &mut listener["address"]["socket_address"]["address"];
        let next = addresses.len() + 1;
        let number = *addresses.entry(text(address)).or_insert(next);
        // The same family again; that of IPv4 inside IPv6 may be listened on for both.
        let family = if text(address).contains(':') {
            "::ffff:"
        } else {
            ""
        };
        *address = format!("{family}127.{}.{}.{number}", 100 + n / 250, n % 250).into();
        rename_clusters(listener, &prefix);
    }
    for cluster in resources["clusters"].as_array_mut().into_iter().flatten() {
        prepend(&mut cluster["name"], &prefix);
    }
}

fn prepend(name: &mut Value, prefix: &str) {
    *name = format!("{prefix}{}", text(name)).into();
}

fn rename_clusters(value: &mut Value, prefix: &str) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match (key.as_str(), &mut *value) {
                    ("cluster", name @ Value::String(_)) => prepend(name, prefix),
                    ("weighted_clusters", weighted) => {
                        for cluster in weighted["clusters"].as_array_mut().into_iter().flatten() {
                            prepend(&mut cluster["name"], prefix);
                        }
                    }
                    (_, value) => rename_clusters(value, prefix),
                }
            }
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| rename_clusters(item, prefix)),
        _ => {}
    }
}
