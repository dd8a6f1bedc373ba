//! `tulle proxy status`: every proxy in a table.

use std::fmt::Write;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use tulle_model::Str;

use crate::refusal::{Refusal, RefusalKey};
use crate::report::{ProxyReport, TypeReport};

/// The types that have a column.
const COLUMNS: [&str; 5] = ["CDS", "LDS", "EDS", "RDS", "SDS"];

/// All proxies of all replicas that are heard.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyStatus {
    /// The proxies, by name.
    pub proxies: Vec<ProxyRow>,
    /// What is refused; the types by their short names.
    pub refusals: Vec<(RefusalKey, Refusal)>,
}

/// One proxy, and who serves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyRow {
    /// The control plane's replica.
    pub replica: Str,
    /// The proxy.
    #[serde(flatten)]
    pub proxy: ProxyReport,
}

impl ProxyStatus {
    /// The table for a person at the time `now`, a line a proxy, then a line a refusal.
    pub fn render(&self, now: SystemTime) -> String {
        let mut rows = vec![
            vec!["PROXY", "REPLICA", "ENVOY"]
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<String>>(),
        ];
        rows[0].extend(COLUMNS.map(str::to_owned));
        for ProxyRow { replica, proxy } in &self.proxies {
            let mut row = vec![
                proxy.name.to_string(),
                replica.to_string(),
                if proxy.envoy.is_empty() {
                    "-".to_owned()
                } else {
                    proxy.envoy.to_string()
                },
            ];
            row.extend(COLUMNS.map(|column| cell(proxy.types.get(column), now)));
            rows.push(row);
        }
        let mut text = aligned(&rows);
        if self.proxies.is_empty() {
            text.push_str("no proxy is connected\n");
        }
        for (at, (key, refusal)) in self.refusals.iter().enumerate() {
            if at == 0 {
                text.push('\n');
            }
            let objects: Vec<String> = refusal.objects.iter().map(ToString::to_string).collect();
            let blame = if objects.is_empty() {
                String::new()
            } else {
                format!(" ({})", objects.join(", "))
            };
            // writing to a String cannot fail
            let _ = writeln!(
                text,
                "{} refuses {} {} for {}{blame}: {}",
                key.scope,
                key.type_url,
                key.name,
                age(refusal.since, now),
                refusal.message
            );
        }
        text
    }
}

fn cell(report: Option<&TypeReport>, now: SystemTime) -> String {
    let Some(report) = report else {
        return "-".to_owned();
    };
    let since = |word: &str, since: Option<SystemTime>| match since {
        Some(since) => format!("{word} {}", age(since, now)),
        None => word.to_owned(),
    };
    if report.rejected > 0 {
        since("REJECTED", report.rejected_since)
    } else if report.pending > 0 {
        since("PENDING", report.pending_since)
    } else {
        "SYNCED".to_owned()
    }
}

/// How long ago, in the largest unit that says something: `5s`, `12m`, `3h`, `9d`.
fn age(since: SystemTime, now: SystemTime) -> String {
    let seconds = now.duration_since(since).unwrap_or_default().as_secs();
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Columns as wide as their widest cell, three spaces apart.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|at| width(at).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:<width$}   ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests;
