//! The live view's one screen, drawn from figures that were gathered before.

mod traffic;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Stylize;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph, Wrap};

use super::board::EDGES;
use super::envoy_admin::ProxyState;
use super::manifests::Declared;
use super::meter::Lately;
use super::watch::Change;
use super::workloads::gateway_address;

/// Rows from which on everything fits.
const TALL: u16 = 28;

/// Everything on the screen.
#[derive(Debug)]
pub(crate) struct Picture {
    /// Version of the Envoys.
    pub(crate) envoy: String,
    /// Where the control plane's pages are.
    pub(crate) control_plane: SocketAddr,
    /// Where the YAML lies.
    pub(crate) manifests: PathBuf,
    /// What it asks for.
    pub(crate) declared: Declared,
    /// Figures of the edges, in the order of `EDGES`.
    pub(crate) lately: [Lately; EDGES.len()],
    /// Tries per second that the flaky application fails.
    pub(crate) failed_tries: f64,
    /// The last save.
    pub(crate) last_change: Option<Change>,
    /// What each proxy says of itself.
    pub(crate) proxies: Vec<(&'static str, Result<ProxyState, String>)>,
    /// What is wrong with the manifests, or with the control plane.
    pub(crate) error: Option<String>,
    /// Requests per second that the load aims at.
    pub(crate) rate: u32,
    /// Whether the load has stopped by itself.
    pub(crate) load_is_over: bool,
    /// Requests of the load so far.
    pub(crate) sent: u64,
    /// Of those, the lost ones.
    pub(crate) lost: u64,
    /// What happened to the last lost one that was described.
    pub(crate) last_loss: Option<String>,
}

/// Draws the whole screen.
pub(crate) fn draw(frame: &mut Frame<'_>, picture: &Picture) {
    // On a short terminal the figures matter more; the banner stands in the history, too.
    let short = frame.area().height < TALL;
    let mut banner = banner(picture);
    if short {
        banner.truncate(3);
    }
    let edges = u16::try_from(EDGES.len()).unwrap_or(u16::MAX);
    let [top, middle, bottom, keys] = Layout::vertical([
        Constraint::Length(u16::try_from(banner.len()).unwrap_or(u16::MAX)),
        Constraint::Length(edges + if short { 1 } else { 3 }),
        Constraint::Min(8),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(Paragraph::new(banner), top);
    let table = traffic::table(picture);
    frame.render_widget(
        if short {
            table
        } else {
            table.block(Block::bordered().title(" traffic "))
        },
        middle,
    );
    state(frame, bottom, picture);
    frame.render_widget(footer(picture), keys);
}

/// The gateway's address, the manifests' folder and three things to try, a line each.
pub(crate) fn banner_text(manifests: &Path) -> [String; 5] {
    let color = format!("http://{}/color", gateway_address());
    [
        format!("gateway    {color}"),
        format!("manifests  {}", manifests.display()),
        "try        1  change the weights in color.yaml, and save".to_owned(),
        format!("           2  curl -H 'x-color: red' {color}"),
        "           3  maxRetries: 0 in flaky.yaml, or type: ALLOW_ALL in mesh.yaml, or a mistake"
            .to_owned(),
    ]
}

fn banner(picture: &Picture) -> Vec<Line<'static>> {
    let (count, envoy, admin) = (picture.proxies.len(), &picture.envoy, picture.control_plane);
    let head =
        format!("  App Mesh manifests on {count} Envoys {envoy}, control plane http://{admin}");
    let mut lines = vec![Line::from(vec!["Tulle".bold(), head.into()])];
    lines.extend(banner_text(&picture.manifests).map(Line::from));
    lines.push(Line::default());
    lines
}

fn state(frame: &mut Frame<'_>, area: Rect, picture: &Picture) {
    let [left, right] =
        Layout::horizontal([Constraint::Percentage(40), Constraint::Percentage(60)]).areas(area);
    let proxies: Vec<Line<'static>> = picture
        .proxies
        .iter()
        .map(|(name, state)| proxy(name, state))
        .collect();
    frame.render_widget(
        Paragraph::new(proxies).block(Block::bordered().title(" proxies ")),
        left,
    );
    let mut lines = vec![change(picture.last_change.as_ref()), Line::default()];
    match &picture.error {
        Some(error) => lines.push(Line::from(vec![
            "error  ".red().bold(),
            error.clone().into(),
        ])),
        None => lines.push("no errors in the manifests".dim().into()),
    }
    if let (Some(loss), true) = (&picture.last_loss, picture.lost > 0) {
        lines.push(Line::from(vec![
            "lost   ".red().bold(),
            loss.clone().into(),
        ]));
    }
    let lines = Paragraph::new(lines).wrap(Wrap { trim: false });
    frame.render_widget(
        lines.block(Block::bordered().title(" configuration ")),
        right,
    );
}

fn proxy(name: &str, state: &Result<ProxyState, String>) -> Line<'static> {
    let name = Span::from(format!("{name:<9}"));
    match state {
        Ok(state) => {
            let rejected: u64 = state.rejected.iter().sum();
            let mut spans = vec![
                name,
                if state.live {
                    "live".green()
                } else {
                    "starting".yellow()
                },
                if state.connected {
                    ", connected".into()
                } else {
                    ", no control plane".yellow()
                },
                format!(", {} updates", state.updates.iter().sum::<u64>()).dim(),
            ];
            if rejected > 0 {
                spans.push(format!(", {rejected} refused").red());
            }
            Line::from(spans)
        }
        Err(why) => Line::from(vec![name, why.clone().red()]),
    }
}

fn change(change: Option<&Change>) -> Line<'static> {
    let Some(change) = change else {
        return "nothing edited yet".dim().into();
    };
    let ago = SystemTime::now()
        .duration_since(change.saved)
        .unwrap_or_default()
        .as_secs();
    let taken = match change.taken {
        Some(taken) => format!("{} ms from save to the last ACK", taken.as_millis()).green(),
        None => "no proxy has taken anything new".yellow(),
    };
    Line::from(vec![
        change.files.clone().bold(),
        format!(" saved {ago} s ago: ").into(),
        taken,
    ])
}

fn footer(picture: &Picture) -> Line<'static> {
    let lost = format!("{} lost", picture.lost);
    let rate = if picture.load_is_over {
        "the load has reached its bounds and stopped".to_owned()
    } else {
        format!("load {}/s", picture.rate)
    };
    Line::from(vec![
        format!("{} requests, ", picture.sent).into(),
        if picture.lost > 0 {
            lost.red().bold()
        } else {
            lost.green()
        },
        format!("   {rate}   ").into(),
        "+ - rate   k kill -9 the control plane   q end".dim(),
    ])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn picture() -> Picture {
        Picture {
            envoy: "1.40.0".to_owned(),
            control_plane: SocketAddr::from(([127, 0, 0, 1], 18013)),
            manifests: "/home/me/tulle-demo/manifests".into(),
            declared: Declared {
                weights: [60, 30, 10],
                allow_all: false,
            },
            lately: EDGES.map(|_| Lately {
                rate: 20.0,
                ..Lately::default()
            }),
            failed_tries: 6.5,
            last_change: Some(Change {
                files: "color.yaml".to_owned(),
                saved: SystemTime::now(),
                taken: Some(Duration::from_millis(12)),
            }),
            proxies: vec![(
                "front",
                Ok(ProxyState {
                    live: true,
                    connected: true,
                    ..ProxyState::default()
                }),
            )],
            error: Some("color.yaml:7:3: expected a map".to_owned()),
            rate: 200,
            load_is_over: false,
            sent: 1000,
            lost: 0,
            last_loss: None,
        }
    }

    fn drawn(width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, &picture())).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn everything_that_matters_is_on_a_usual_terminal() {
        let screen = drawn(120, 32);
        for part in [
            "http://127.80.1.2:18000/color",
            "/home/me/tulle-demo/manifests",
            "front → color → blue",
            "33.3 %",
            "60.0 %",
            "12 ms from save to the last ACK",
            "color.yaml:7:3: expected a map",
            "front    live, connected",
            "1000 requests, 0 lost",
        ] {
            assert!(screen.contains(part), "{part} is missing:\n{screen}");
        }
    }

    #[test]
    fn a_tiny_terminal_is_no_reason_to_panic() {
        for (width, height) in [(1, 1), (20, 5), (80, 24)] {
            drawn(width, height);
        }
    }
}
