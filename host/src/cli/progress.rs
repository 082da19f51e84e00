//! Progress bars on a terminal, silence in a pipe.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use connector_host::run::{Progress, Reading};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Bars that follow a run until they are cleared.
pub(super) struct Bars(Option<(tokio::task::JoinHandle<()>, Streams)>);

/// Shows a run's progress on standard error, if that is a terminal.
pub(super) fn show(progress: Arc<Progress>) -> Bars {
    if !std::io::stderr().is_terminal() {
        return Bars(None);
    }
    let streams = Streams::draw();
    let drawn = streams.clone();
    let follow = tokio::spawn(async move {
        loop {
            drawn.set(counts(&progress.read()));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    Bars(Some((follow, streams)))
}

impl Bars {
    /// Takes the bars away.
    pub(super) async fn clear(self) {
        if let Some((follow, streams)) = self.0 {
            follow.abort();
            let _ = follow.await;
            streams.clear();
        }
    }
}

fn counts(reading: &Reading) -> [Count; 4] {
    let expected = reading.expected;
    [
        (reading.users, expected.users),
        (reading.groups, expected.groups),
        (reading.members, expected.members),
        (reading.ended, Some(reading.partitions)),
    ]
}

/// How many there are so far, and how many there will be, where that is known.
pub(super) type Count = (u64, Option<u64>);

/// A bar for users, groups, memberships and partitions each, on standard error.
#[derive(Clone)]
pub(super) struct Streams {
    all: MultiProgress,
    bars: [ProgressBar; 4],
}

impl Streams {
    pub(super) fn draw() -> Self {
        let all = MultiProgress::new();
        let bars = ["users", "groups", "memberships", "partitions"].map(|name| {
            let bar = all.add(ProgressBar::no_length());
            bar.set_style(style(false));
            bar.set_prefix(name);
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { all, bars }
    }

    pub(super) fn set(&self, counts: [Count; 4]) {
        for (bar, (position, length)) in self.bars.iter().zip(counts) {
            if let Some(length) = length
                && bar.length() != Some(length)
            {
                bar.set_length(length);
                bar.set_style(style(true));
            }
            bar.set_position(position);
        }
    }

    /// Takes the bars away.
    pub(super) fn clear(&self) {
        let _ = self.all.clear();
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
