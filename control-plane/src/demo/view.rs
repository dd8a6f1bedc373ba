//! The live view: the loop that reads keys, gathers figures and draws.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::DefaultTerminal;

use super::board::{EDGES, Totals};
use super::load::{Bounds, Load};
use super::manifests::{self, Declared};
use super::screen::{self, Picture};
use super::stage::Stage;
use super::watch::Watch;

/// How often keys and the manifests' folder are looked at.
const LOOK: Duration = Duration::from_millis(50);
/// How often figures are gathered and drawn.
const DRAW: Duration = Duration::from_millis(250);
/// A demo that somebody forgot stops sending after a while.
const BOUNDS: Bounds = Bounds {
    requests: 20_000_000,
    time: Duration::from_secs(12 * 3600),
};
/// How long the control plane stays away before it is started again.
const ABSENCE: Duration = Duration::from_secs(3);
/// By how much a key changes the rate, in requests per second.
const RATE_STEP: u32 = 50;

/// Shows the mesh until the user has seen enough.
///
/// # Errors
/// The terminal cannot be drawn on.
pub(crate) async fn show(stage: &mut Stage, rate: u32) -> Result<()> {
    // Kept in the terminal's own history, where it is still to be read when the view is gone.
    for line in screen::banner_text(&stage.manifests()) {
        anstream::eprintln!("{line}");
    }
    let load = Load::start(rate, BOUNDS, stage.board.clone());
    let outcome = watch(stage, &load).await;
    load.stop().await;
    outcome
}

/// The terminal in the state that drawing needs; dropping it gives it back, and so does a panic.
struct Terminal(DefaultTerminal);

impl Drop for Terminal {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

async fn watch(stage: &mut Stage, load: &Load) -> Result<()> {
    let mut terminal = Terminal(ratatui::try_init().context("cannot draw on this terminal")?);
    let mut edits = Watch::new(stage.manifests());
    let mut declared = manifests::declared(&stage.manifests()).unwrap_or_default();
    let mut tries = Tries::new(stage.board.totals());
    let mut absence = Absence::default();
    let mut drawn: Option<Instant> = None;
    loop {
        while event::poll(Duration::ZERO).context("cannot read keys")? {
            match wish(&event::read().context("cannot read keys")?) {
                Some(Wish::End) => return Ok(()),
                Some(Wish::Faster) => load.set_rate(load.rate() + RATE_STEP),
                Some(Wish::Slower) => load.set_rate(load.rate().saturating_sub(RATE_STEP)),
                Some(Wish::Redraw) => drawn = None,
                Some(Wish::Kill) => stage.kill_control_plane()?,
                None => {}
            }
        }
        absence.end_in_time(stage).await;
        if edits.look() {
            declared = manifests::declared(&stage.manifests()).unwrap_or(declared);
            drawn = None;
        }
        if drawn.is_none_or(|drawn| drawn.elapsed() >= DRAW) {
            let picture = picture(stage, load, &mut edits, &mut tries, declared, &absence).await;
            terminal
                .0
                .draw(|frame| screen::draw(frame, &picture))
                .context("cannot draw on this terminal")?;
            drawn = Some(Instant::now());
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn picture(
    stage: &mut Stage,
    load: &Load,
    edits: &mut Watch,
    tries: &mut Tries,
    declared: Declared,
    absence: &Absence,
) -> Picture {
    let proxies = stage.proxies().await;
    if let Ok(Some(served)) = stage.control.served(&stage.client).await
        && edits.learn(served)
    {
        stage.board.changed();
    }
    let error = match &absence.0 {
        Some((_, why)) => Some(why.clone()),
        None => match stage.control.findings(&stage.client).await {
            Ok(findings) => findings
                .into_iter()
                .find(|finding| finding.is_error)
                .map(|finding| finding.text),
            Err(error) => Some(format!("the control plane does not answer: {error:#}")),
        },
    };
    let totals = stage.board.totals();
    Picture {
        envoy: stage.envoy().version.to_string(),
        control_plane: stage.control.admin(),
        manifests: stage.manifests(),
        declared,
        lately: EDGES.map(|edge| stage.board.lately(edge)),
        failed_tries: tries.per_second(&totals),
        last_change: edits.last().cloned(),
        proxies,
        error,
        rate: load.rate(),
        load_is_over: load.is_over(),
        sent: totals.sent,
        lost: totals.lost,
        last_loss: stage.board.losses().pop(),
    }
}

/// Since when there is no control plane, and why.
#[derive(Debug, Default)]
struct Absence(Option<(Instant, String)>);

impl Absence {
    /// Starts the control plane again a while after it ended, as an orchestrator would: long enough to see that
    /// the proxies go on without it.
    async fn end_in_time(&mut self, stage: &mut Stage) {
        if self.0.is_none()
            && let Some(how) = stage.control_plane_ended()
        {
            let why = format!("the control plane has ended ({how}); proxies go on as they are");
            self.0 = Some((Instant::now(), why));
        }
        if let Some((since, _)) = &self.0
            && since.elapsed() >= ABSENCE
        {
            let started = stage.start_control_plane().await;
            self.0 = started
                .err()
                .map(|error| (Instant::now(), format!("{error:#}")));
        }
    }
}

/// How fast tries of the flaky application fail.
struct Tries {
    at: Instant,
    failed: u64,
    per_second: f64,
}

impl Tries {
    fn new(totals: Totals) -> Self {
        Self {
            at: Instant::now(),
            failed: totals.failed_tries,
            per_second: 0.0,
        }
    }

    fn per_second(&mut self, totals: &Totals) -> f64 {
        let elapsed = self.at.elapsed();
        if elapsed >= Duration::from_secs(2) {
            self.per_second = (totals.failed_tries - self.failed) as f64 / elapsed.as_secs_f64();
            (self.at, self.failed) = (Instant::now(), totals.failed_tries);
        }
        self.per_second
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    End,
    Faster,
    Slower,
    Redraw,
    Kill,
}

fn wish(event: &Event) -> Option<Wish> {
    match event {
        Event::Resize(..) => Some(Wish::Redraw),
        Event::Key(key) if key.kind == KeyEventKind::Press => match key.code {
            KeyCode::Char('q') | KeyCode::Esc => Some(Wish::End),
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Wish::End),
            KeyCode::Char('+') => Some(Wish::Faster),
            KeyCode::Char('-') => Some(Wish::Slower),
            KeyCode::Char('k') => Some(Wish::Kill),
            _ => None,
        },
        _ => None,
    }
}
