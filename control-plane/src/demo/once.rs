//! `tulle demo --once`: plays a tour of edits under load, without a terminal, and holds what was observed
//! against what was declared.

use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, bail};

use super::board::{Edge, Totals};
use super::envoy_admin::TYPES;
use super::load::{Bounds, Load};
use super::manifests::{self, COLOR_FILE, MESH_FILE};
use super::report::{Report, Row};
use super::stage::Stage;
use super::statistics::fits;
use super::watch::is_of;
use super::workloads::COLORS;

/// Requests to the colours by weight that each share is judged from.
const SAMPLE: u64 = 600;
/// Requests of a rarer kind that a statement about all of them is made from.
const RARE_SAMPLE: u64 = 20;
/// How long a sample, an edit on its way or a reconnection may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between the proxies' taking a change and counting: requests that were under way end.
const SETTLE: Duration = Duration::from_millis(250);
const POLL: Duration = Duration::from_millis(10);
/// The tour takes about 40 s at 300 requests/s; these bounds only keep a broken one from going on.
const BOUNDS: Bounds = Bounds {
    requests: 200_000,
    time: Duration::from_secs(300),
};

/// The weights that the manifests are shipped with.
const SHIPPED: [u64; COLORS.len()] = [60, 30, 10];

/// Plays the tour. True if everything was as declared and nothing was lost.
///
/// # Errors
/// A step could not be played to its end.
pub(crate) async fn play(stage: &mut Stage, rate: u32) -> Result<bool> {
    let load = Load::start(rate, BOUNDS, stage.board.clone());
    let mut tour = Tour {
        stage,
        report: Report::start(),
    };
    let played = tour.steps().await;
    load.stop().await;
    let proxies = tour.proxies_are_well().await;
    let Tour { stage, report } = tour;
    let totals = stage.board.totals();
    for loss in stage.board.losses() {
        report.note(&format!("lost: {loss}"));
    }
    if let Err(error) = &played {
        report.note(&format!("error: the tour broke off: {error:#}"));
    }
    for fault in &proxies {
        report.note(&format!("error: {fault}"));
    }
    report.end(totals.sent, totals.lost);
    Ok(report.all_as_declared()
        && played.is_ok()
        && proxies.is_empty()
        && totals.lost == 0
        && totals.sent > 0)
}

struct Tour<'a> {
    stage: &'a mut Stage,
    report: Report,
}

impl Tour<'_> {
    async fn steps(&mut self) -> Result<()> {
        self.shares("as shipped", SHIPPED, None).await?;
        for (what, weights) in [
            ("all to blue", [100, 0, 0]),
            ("half and half", [50, 50, 0]),
            ("all to green", [0, 100, 0]),
        ] {
            let taken = self.weigh(weights).await?;
            self.shares(what, weights, Some(taken)).await?;
        }
        self.by_header().await?;
        self.bad_edit([0, 100, 0]).await?;
        self.restart([0, 100, 0]).await?;
        let taken = self.weigh(SHIPPED).await?;
        self.shares("back again", SHIPPED, Some(taken)).await?;
        self.retries();
        self.egress(false, None).await?;
        let taken = self.allow_egress(true).await?;
        self.egress(true, Some(taken)).await?;
        let taken = self.allow_egress(false).await?;
        self.egress(false, Some(taken)).await
    }

    /// Saves other weights and waits until the proxies have taken them.
    async fn weigh(&mut self, weights: [u64; COLORS.len()]) -> Result<Duration> {
        let saved = manifests::save(
            &self.stage.manifests().join(COLOR_FILE),
            &manifests::color_with(weights),
        )?;
        self.taken(saved).await
    }

    async fn allow_egress(&mut self, allow_all: bool) -> Result<Duration> {
        let saved = manifests::save(
            &self.stage.manifests().join(MESH_FILE),
            &manifests::mesh_with(allow_all),
        )?;
        self.taken(saved).await
    }

    /// How long after the save the last proxy had taken it.
    async fn taken(&mut self, saved: SystemTime) -> Result<Duration> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(served) = self.stage.control.served(&self.stage.client).await?
                && let Some(taken) = served.taken
                && is_of(served.saved, saved)
            {
                tokio::time::sleep(SETTLE).await;
                return Ok(taken);
            }
            tokio::time::sleep(POLL).await;
        }
        bail!(
            "an edit was not taken by every proxy within {} s",
            PATIENCE.as_secs()
        )
    }

    /// Counts until the edges have had so many requests between them.
    async fn sample(&self, edges: &[Edge], wanted: u64) -> Result<Totals> {
        let (began, before) = (Instant::now(), self.stage.board.totals());
        loop {
            tokio::time::sleep(POLL).await;
            let since = self.stage.board.totals().since(&before);
            if edges.iter().map(|edge| since.requests(*edge)).sum::<u64>() >= wanted {
                return Ok(since);
            }
            if began.elapsed() > PATIENCE {
                bail!("fewer than {wanted} requests in {} s", PATIENCE.as_secs());
            }
        }
    }

    async fn shares(
        &mut self,
        what: &str,
        weights: [u64; COLORS.len()],
        taken: Option<Duration>,
    ) -> Result<()> {
        let edges = [Edge::Color(0), Edge::Color(1), Edge::Color(2)];
        let since = self.sample(&edges, SAMPLE).await?;
        let counts = edges.map(|edge| since.requests(edge));
        let requests: u64 = counts.iter().sum();
        let per_cent = counts.map(|count| format!("{:.1}", 100.0 * count as f64 / requests as f64));
        self.report.row(Row {
            what: what.to_owned(),
            declared: weights.map(|weight| weight.to_string()).join("/"),
            observed: per_cent.join("/"),
            requests,
            lost: since.lost,
            taken,
            holds: fits(&weights, &counts),
        });
        Ok(())
    }

    async fn by_header(&mut self) -> Result<()> {
        let since = self.sample(&[Edge::ByHeader], RARE_SAMPLE).await?;
        let (requests, elsewhere) = (since.requests(Edge::ByHeader), since.errors(Edge::ByHeader));
        self.report.row(Row {
            what: "header x-color: red".to_owned(),
            declared: "all to red".to_owned(),
            observed: format!("{} of {requests} to red", requests - elsewhere),
            requests,
            lost: since.lost,
            taken: None,
            holds: elsewhere == 0,
        });
        Ok(())
    }

    /// A file that does not parse: its error is told, the traffic goes on as before.
    async fn bad_edit(&mut self, weights: [u64; COLORS.len()]) -> Result<()> {
        let path = self.stage.manifests().join(COLOR_FILE);
        let good = manifests::color_with(weights);
        manifests::save(&path, &good.replacen("  routes:\n", "  routes: [\n", 1))?;
        let began = Instant::now();
        let told = loop {
            let findings = self.stage.control.findings(&self.stage.client).await?;
            let told = findings
                .into_iter()
                .find(|finding| finding.is_error && finding.text.contains(COLOR_FILE));
            match told {
                Some(finding) => break finding.text,
                None if began.elapsed() > PATIENCE => {
                    bail!("nobody told of the error in {COLOR_FILE}")
                }
                None => tokio::time::sleep(POLL).await,
            }
        };
        self.shares("a bad edit", weights, None).await?;
        self.report.note(&format!("  told of it: {told}"));
        manifests::save(&path, &good)?;
        let began = Instant::now();
        while self
            .stage
            .control
            .findings(&self.stage.client)
            .await?
            .iter()
            .any(|finding| finding.text.contains(&told))
        {
            if began.elapsed() > PATIENCE {
                bail!("{COLOR_FILE} was mended, but its error is still told");
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// kill -9 and a new start: proxies go on meanwhile, reconnect, and need nothing again.
    async fn restart(&mut self, weights: [u64; COLORS.len()]) -> Result<()> {
        let before = self.updates().await;
        self.stage.kill_control_plane()?;
        tokio::time::sleep(Duration::from_millis(500)).await;
        let began = Instant::now();
        self.stage.start_control_plane().await?;
        while !self.all_connected().await {
            if began.elapsed() > PATIENCE {
                bail!(
                    "not every proxy came back to the restarted control plane in {} s",
                    PATIENCE.as_secs()
                );
            }
            tokio::time::sleep(POLL).await;
        }
        let back = began.elapsed();
        self.shares("control plane killed, back", weights, None)
            .await?;
        let after = self.updates().await;
        self.report.note(&format!(
            "  every proxy is connected again after {:.1} s; updates that they took since: {}",
            back.as_secs_f64(),
            newer(&before, &after)
        ));
        Ok(())
    }

    async fn all_connected(&mut self) -> bool {
        let proxies = self.stage.proxies().await;
        proxies
            .iter()
            .all(|(_, state)| state.as_ref().is_ok_and(|state| state.connected))
    }

    async fn updates(&mut self) -> Updates {
        let proxies = self.stage.proxies().await.into_iter();
        proxies
            .filter_map(|(name, state)| Some((name, state.ok()?.updates)))
            .collect()
    }

    /// The flaky service, over the whole tour.
    fn retries(&mut self) {
        let totals = self.stage.board.totals();
        let (requests, failed) = (totals.requests(Edge::Flaky), totals.errors(Edge::Flaky));
        self.report.row(Row {
            what: "retries heal the flaky".to_owned(),
            declared: "no request fails".to_owned(),
            observed: format!("{} tries failed, {failed} requests", totals.failed_tries),
            requests,
            lost: failed,
            taken: None,
            holds: failed == 0 && totals.failed_tries > 0,
        });
    }

    async fn egress(&mut self, allow_all: bool, taken: Option<Duration>) -> Result<()> {
        let since = self.sample(&[Edge::Undeclared], RARE_SAMPLE).await?;
        let (requests, blocked) = (
            since.requests(Edge::Undeclared),
            since.errors(Edge::Undeclared),
        );
        let (declared, expected) = if allow_all {
            ("passes", 0)
        } else {
            ("is blocked", requests)
        };
        let undeclared_payments = since.errors(Edge::Declared);
        self.report.row(Row {
            what: if allow_all {
                "egress ALLOW_ALL"
            } else {
                "egress DROP_ALL"
            }
            .to_owned(),
            declared: format!("undeclared host {declared}"),
            observed: format!("{blocked} of {requests} blocked"),
            requests,
            lost: since.lost,
            taken,
            holds: blocked == expected && undeclared_payments == 0,
        });
        Ok(())
    }

    /// What is wrong with the proxies, if anything.
    async fn proxies_are_well(&mut self) -> Vec<String> {
        let mut faults = Vec::new();
        for (name, state) in self.stage.proxies().await {
            match state {
                Err(why) => faults.push(format!("proxy {name}: {why}")),
                Ok(state) => {
                    if !state.connected {
                        faults.push(format!("proxy {name}: control_plane.connected_state is 0"));
                    }
                    let rejected = TYPES
                        .iter()
                        .zip(state.rejected)
                        .filter(|(_, count)| *count > 0);
                    faults.extend(rejected.map(|(kind, count)| {
                        format!("proxy {name}: {kind} update_rejected is {count}")
                    }));
                }
            }
        }
        faults
    }
}

/// How many updates of each type each proxy has taken.
type Updates = Vec<(&'static str, [u64; TYPES.len()])>;

/// What was taken between the two, such as `front 1 rds`; `none` if nothing was.
fn newer(before: &Updates, after: &Updates) -> String {
    let mut newer = Vec::new();
    for (name, counts) in after {
        let earlier = before
            .iter()
            .find(|(other, _)| other == name)
            .map_or([0; TYPES.len()], |(_, counts)| *counts);
        for ((kind, count), earlier) in TYPES.iter().zip(counts).zip(earlier) {
            if *count > earlier {
                newer.push(format!("{name} {} {kind}", count - earlier));
            }
        }
    }
    if newer.is_empty() {
        "none".to_owned()
    } else {
        newer.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_are_told_by_proxy_and_type() {
        let before = vec![("front", [1, 1, 1, 1]), ("blue", [1, 1, 1, 1])];
        assert_eq!(newer(&before, &before), "none");
        let after = vec![("front", [1, 1, 3, 2]), ("blue", [1, 1, 1, 1])];
        assert_eq!(newer(&before, &after), "front 2 rds, front 1 eds");
    }
}
