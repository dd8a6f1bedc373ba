//! A limit of the machine that a hundred Envoys go beyond: each has an inotify instance a thread, all of one user,
//! and a kernel that nobody has tuned allows a user 128. It is no namespace's own, so it is put back at the end.

use anyhow::Context;

use crate::run::Run;

const SETTING: &str = "/proc/sys/fs/inotify/max_user_instances";
const NEEDED: u64 = 2048;

fn now() -> anyhow::Result<u64> {
    let text = std::fs::read_to_string(SETTING).context(SETTING)?;
    text.trim().parse().context(SETTING)
}

/// Raises the limit if it is too low, and remembers what it was.
///
/// # Errors
/// It cannot be read or set.
pub fn raise(run: &Run) -> anyhow::Result<()> {
    let before = now()?;
    if before < NEEDED {
        std::fs::write(run.path("inotify-before"), before.to_string())?;
        std::fs::write(SETTING, NEEDED.to_string()).context(SETTING)?;
    }
    Ok(())
}

/// Puts the limit back if this cluster raised it, nobody has changed it since, and no other cluster needs it: else that
/// one inherits the duty.
///
/// # Errors
/// It cannot be read or set.
pub fn restore(run: &Run) -> anyhow::Result<()> {
    let remembered = run.path("inotify-before");
    let Ok(before) = std::fs::read_to_string(&remembered) else {
        return Ok(());
    };
    if let Some(heir) = run.others()?.into_iter().find(crate::lifecycle::is_up) {
        return std::fs::rename(remembered, heir.path("inotify-before")).context("handing over");
    }
    if now()? == NEEDED {
        std::fs::write(SETTING, before).context(SETTING)?;
    }
    Ok(())
}
