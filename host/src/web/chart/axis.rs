//! The axis of a chart: few ticks, at round values.

use super::super::filters::{grouped, span};
use super::{BOTTOM, HEIGHT, TOP, float, whole};

/// Between two ticks there is at least this.
const TICK_GAP: f64 = 28.0;

/// What a chart counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::web) enum Unit {
    /// Things.
    Count,
    /// Milliseconds.
    Milliseconds,
}

/// The values of an axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) ticks: Vec<(f64, String)>,
}

impl Unit {
    pub(super) fn say(self, value: u64) -> String {
        match self {
            Self::Count => grouped(value),
            Self::Milliseconds => span(value),
        }
    }

    /// A value on an axis, a multiple of its step.
    fn tick(self, value: f64, step: f64) -> String {
        let amount = whole(value.abs());
        match (self, whole(step)) {
            (Self::Count, _) if value < 0.0 => format!("−{}", self.say(amount)),
            (Self::Count, _) => self.say(amount),
            (Self::Milliseconds, _) if amount == 0 => "0".into(),
            (Self::Milliseconds, 0..1_000) => format!("{amount} ms"),
            (Self::Milliseconds, 1_000..60_000) => format!("{} s", amount / 1_000),
            (Self::Milliseconds, 60_000..3_600_000) => format!("{} min", amount / 60_000),
            (Self::Milliseconds, _) => format!("{} h", amount / 3_600_000),
        }
    }

    /// The smallest round step that is not smaller than this.
    fn step(self, least: f64) -> f64 {
        const TIMES: [f64; 17] = [
            1e3, 2e3, 5e3, 1e4, 1.5e4, 3e4, 6e4, 1.2e5, 3e5, 6e5, 9e5, 1.8e6, 3.6e6, 7.2e6, 2.16e7,
            4.32e7, 8.64e7,
        ];
        if self == Self::Milliseconds
            && least > 500.0
            && let Some(step) = TIMES.into_iter().find(|step| *step >= least)
        {
            return step;
        }
        let power = 10_f64.powf(least.max(1.0).log10().floor());
        [1.0, 2.0, 5.0]
            .into_iter()
            .map(|digit| digit * power)
            .find(|step| *step >= least)
            .unwrap_or(10.0 * power)
    }
}

impl Axis {
    /// An axis that has both of these, which are on either side of zero or zero.
    pub(super) fn of(low: f64, high: f64, unit: Unit) -> Self {
        let most_ticks = ((HEIGHT - TOP - BOTTOM) / TICK_GAP).floor();
        let (low, high) = if low == high {
            (low, low + 1.0)
        } else {
            (low, high)
        };
        let step = unit.step((high - low) / most_ticks);
        let first = (low / step).floor();
        let last = (high / step).ceil();
        let count = whole(last - first);
        Self {
            low: first * step,
            high: last * step,
            ticks: (0..=count)
                .map(|at| (first + float(at)) * step)
                .map(|value| (value, unit.tick(value, step)))
                .collect(),
        }
    }

    /// An axis about these, which need not have zero: what changes little is seen to change.
    pub(super) fn around(low: f64, high: f64, unit: Unit) -> Self {
        if low == high {
            return Self::of((low - 1.0).max(0.0), low + 1.0, unit);
        }
        Self::of(low, high, unit)
    }
}
