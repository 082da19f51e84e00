//! Progress bars on a terminal, silence in a pipe.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use connector_host::run::{Progress, Reading};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Bars that follow a run until they are cleared.
pub(super) struct Bars(Option<(tokio::task::JoinHandle<()>, MultiProgress)>);

/// Shows a run's progress on standard error, if that is a terminal.
pub(super) fn show(progress: Arc<Progress>) -> Bars {
    if !std::io::stderr().is_terminal() {
        return Bars(None);
    }
    let all = MultiProgress::new();
    let streams = ["users", "groups", "memberships", "partitions"].map(|name| {
        let bar = all.add(ProgressBar::no_length());
        bar.set_style(style(false));
        bar.set_prefix(name);
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    });
    let follow = tokio::spawn(async move {
        loop {
            update(&streams, &progress.read());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    Bars(Some((follow, all)))
}

impl Bars {
    /// Takes the bars away.
    pub(super) async fn clear(self) {
        if let Some((follow, all)) = self.0 {
            follow.abort();
            let _ = follow.await;
            let _ = all.clear();
        }
    }
}

fn update(bars: &[ProgressBar; 4], reading: &Reading) {
    let [users, groups, members, partitions] = bars;
    let expected = reading.expected;
    for (bar, position, length) in [
        (users, reading.users, expected.users),
        (groups, reading.groups, expected.groups),
        (members, reading.members, expected.members),
        (partitions, reading.ended, Some(reading.partitions)),
    ] {
        if let Some(length) = length
            && bar.length() != Some(length)
        {
            bar.set_length(length);
            bar.set_style(style(true));
        }
        bar.set_position(position);
    }
}

fn style(known: bool) -> ProgressStyle {
    let template = if known {
        "{prefix:12} [{bar:30}] {human_pos}/{human_len} {per_sec}"
    } else {
        "{prefix:12} {spinner} {human_pos} {per_sec}"
    };
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}
