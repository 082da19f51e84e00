//! Charts, as inline SVG that is made on the server.
//!
//! Several charts share the instants of their points: [`Charts::over`] takes these, each chart adds a value for each
//! of them. The template `chart.html` shows them side by side, with one table of all values for those who read
//! instead of look. Sizes are in units of the view box, which are about as large as pixels where a chart has a third
//! of the page.

mod axis;

use jiff::Timestamp;

use axis::Axis;
pub(super) use axis::Unit;

/// The most points that a chart should have.
pub(super) const MOST_POINTS: u32 = 48;

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 132.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 8.0;
const RIGHT: f64 = 6.0;
/// About the width of a digit.
const DIGIT: f64 = 6.2;

/// Charts over the same instants.
#[derive(Debug, Clone)]
pub(super) struct Charts {
    at: Vec<Timestamp>,
    pub(super) charts: Vec<Chart>,
    /// Heads of the table's columns behind the first, and their values.
    columns: Vec<(String, Vec<String>)>,
}

/// A chart, as it is drawn.
#[derive(Debug, Clone)]
pub(super) struct Chart {
    pub(super) title: String,
    /// The last values: what they are of, how they are shown, and the class of it.
    pub(super) latest: Vec<Latest>,
    /// What it shows, for those who don't see it.
    pub(super) label: String,
    pub(super) ticks: Vec<Tick>,
    /// Where marks begin and end, from left to right.
    pub(super) left: f64,
    pub(super) right: f64,
    /// Height of zero, where it is a line of its own.
    pub(super) zero: Option<f64>,
    /// Strokes that join points.
    pub(super) line: Option<String>,
    pub(super) marks: Vec<Mark>,
}

/// The last value of a series, which stands beside the title.
#[derive(Debug, Clone)]
pub(super) struct Latest {
    pub(super) text: String,
    pub(super) class: &'static str,
}

/// A value on the axis.
#[derive(Debug, Clone)]
pub(super) struct Tick {
    pub(super) y: f64,
    pub(super) label: String,
}

/// What stands for one instant.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    /// What is said on hover.
    pub(super) says: String,
    /// The strip that is hovered over.
    pub(super) x: f64,
    pub(super) width: f64,
    pub(super) shapes: Vec<Shape>,
}

/// A drawn part of a mark.
#[derive(Debug, Clone)]
pub(super) enum Shape {
    /// A point of a line.
    Dot { x: f64, y: f64 },
    /// A bar, with its class.
    Bar {
        class: &'static str,
        x: f64,
        y: f64,
        width: f64,
        height: f64,
    },
    /// What tells that a bar is cut off: its value is beyond the axis.
    Cut { x: f64, y: f64, width: f64 },
}

impl Charts {
    /// Charts over these instants, the earliest first.
    pub(super) fn over(at: Vec<Timestamp>) -> Self {
        Self {
            at,
            charts: Vec::new(),
            columns: Vec::new(),
        }
    }

    /// With a line through values over time; where a value is missing, the line goes on to the next one.
    pub(super) fn line(mut self, title: &str, values: &[Option<u64>]) -> Self {
        let unit = Unit::Count;
        let known: Vec<(usize, f64)> = values
            .iter()
            .enumerate()
            .filter_map(|(at, value)| Some((at, float((*value)?))))
            .collect();
        let (low, high) = extent(known.iter().map(|(_, value)| *value));
        let axis = Axis::around(low, high, unit);
        let frame = Frame::new(&axis);
        let places = self.places(&frame);
        let points: Vec<(f64, f64, usize)> = known
            .iter()
            .filter_map(|(at, value)| Some((*places.get(*at)?, frame.y(*value), *at)))
            .collect();
        let mut line = String::new();
        for (index, (x, y, _)) in points.iter().enumerate() {
            let verb = if index == 0 { 'M' } else { 'L' };
            line.push_str(&format!("{verb}{x:.1} {y:.1}"));
        }
        let marks = points
            .iter()
            .enumerate()
            .map(|(index, (x, y, at))| {
                let before = index.checked_sub(1).and_then(|before| points.get(before));
                let from = before.map_or(frame.left, |(before, _, _)| f64::midpoint(*before, *x));
                let after = points.get(index + 1);
                let to = after.map_or(frame.right, |(after, _, _)| f64::midpoint(*after, *x));
                let value = values.get(*at).copied().flatten().unwrap_or_default();
                Mark {
                    says: self.said(*at, &unit.say(value)),
                    x: from,
                    width: to - from,
                    shapes: vec![Shape::Dot { x: *x, y: *y }],
                }
            })
            .collect();
        let last = values.iter().rev().find_map(|value| *value);
        let latest = last.map(|value| Latest {
            text: unit.say(value),
            class: "now",
        });
        let label = match (values.iter().find_map(|value| *value), last) {
            (Some(first), Some(last)) => format!(
                "{title} over {} runs: from {} to {}",
                points.len(),
                unit.say(first),
                unit.say(last)
            ),
            _ => format!("{title}: nothing is known yet"),
        };
        let cells = values
            .iter()
            .map(|value| value.map_or_else(|| "–".to_owned(), |value| unit.say(value)));
        self.columns.push((title.to_owned(), cells.collect()));
        self.charts.push(Chart {
            latest: latest.into_iter().collect(),
            line: Some(line),
            zero: None,
            marks,
            ..frame.chart(title, label, axis)
        });
        self
    }

    /// With two bars for each instant, one up and one down from zero. One that is far beyond all others, as that of
    /// a first snapshot is, is cut off, so that these can be seen.
    pub(super) fn diverging(
        mut self,
        title: &str,
        (up, down): (&str, &str),
        values: &[(u64, u64)],
    ) -> Self {
        let unit = Unit::Count;
        let most_up = reach(values.iter().map(|value| value.0));
        let most_down = reach(values.iter().map(|value| value.1));
        let axis = Axis::of(-float(most_down), float(most_up), unit);
        let frame = Frame::new(&axis);
        let zero = frame.y(0.0);
        let marks = self.slots(&frame).zip(values).enumerate();
        let marks = marks.map(|(at, ((x, width), (joined, left)))| {
            let mut shapes = Vec::new();
            for (class, value) in [("up", float(*joined)), ("down", -float(*left))] {
                if value != 0.0 {
                    frame.bar(class, (x, width), value, &mut shapes);
                }
            }
            let says = format!("+{} {up}, −{} {down}", unit.say(*joined), unit.say(*left));
            Mark {
                says: self.said(at, &says),
                x,
                width,
                shapes,
            }
        });
        let marks = marks.collect();
        let latest = values.last().map(|(joined, left)| {
            let latest = |text, class| Latest { text, class };
            [
                latest(format!("+{} {up}", unit.say(*joined)), "plus"),
                latest(format!("−{} {down}", unit.say(*left)), "minus"),
            ]
        });
        let sum = |side: fn(&(u64, u64)) -> u64| unit.say(values.iter().map(side).sum());
        let label = format!(
            "{title} in {} runs: {} {up}, {} {down} in all",
            values.len(),
            sum(|value| value.0),
            sum(|value| value.1)
        );
        let column = |name: &str, side: fn(&(u64, u64)) -> u64| {
            let cells = values.iter().map(|value| unit.say(side(value)));
            (format!("{title}: {name}"), cells.collect())
        };
        self.columns.push(column(up, |value| value.0));
        self.columns.push(column(down, |value| value.1));
        self.charts.push(Chart {
            latest: latest.into_iter().flatten().collect(),
            line: None,
            zero: Some(zero),
            marks,
            ..frame.chart(title, label, axis)
        });
        self
    }

    /// With a bar for each instant; one that is far beyond all others is cut off.
    pub(super) fn bars(mut self, title: &str, unit: Unit, values: &[u64]) -> Self {
        let most = values.iter().copied().max().unwrap_or_default();
        let reach = reach(values.iter().copied());
        let axis = Axis::of(0.0, float(reach), unit);
        let frame = Frame::new(&axis);
        let marks = self.slots(&frame).zip(values).enumerate();
        let marks = marks.map(|(at, ((x, width), value))| {
            let mut shapes = Vec::new();
            frame.bar("bar", (x, width), float(*value), &mut shapes);
            Mark {
                says: self.said(at, &unit.say(*value)),
                x,
                width,
                shapes,
            }
        });
        let marks = marks.collect();
        let latest = values.last().map(|value| Latest {
            text: unit.say(*value),
            class: "now",
        });
        let label = format!(
            "{title} of {} runs: {} at most",
            values.len(),
            unit.say(most)
        );
        let cells = values.iter().map(|value| unit.say(*value)).collect();
        self.columns.push((title.to_owned(), cells));
        self.charts.push(Chart {
            latest: latest.into_iter().collect(),
            line: None,
            zero: None,
            marks,
            ..frame.chart(title, label, axis)
        });
        self
    }

    /// Whether there is anything to be seen.
    pub(super) fn is_empty(&self) -> bool {
        self.at.is_empty()
    }

    /// The instants at the two ends.
    pub(super) fn ends(&self) -> Option<(Timestamp, Timestamp)> {
        Some((*self.at.first()?, *self.at.last()?))
    }

    /// Heads of the table behind the one for the instant.
    pub(super) fn heads(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(head, _)| head.as_str())
    }

    /// Rows of the table, the latest first.
    pub(super) fn rows(&self) -> impl Iterator<Item = (Timestamp, Vec<&str>)> {
        let rows = self.at.iter().enumerate().rev();
        rows.map(|(at, instant)| {
            let cells = self.columns.iter();
            let cells = cells.map(|(_, cells)| cells.get(at).map_or("", String::as_str));
            (*instant, cells.collect())
        })
    }

    fn said(&self, at: usize, what: &str) -> String {
        match self.at.get(at) {
            Some(at) => format!("{}: {what}", at.strftime("%Y-%m-%d %H:%M UTC")),
            None => what.to_owned(),
        }
    }

    /// From left to right by time; all in the middle where there is only one.
    fn places(&self, frame: &Frame) -> Vec<f64> {
        let Some((first, last)) = self.ends() else {
            return Vec::new();
        };
        let all = last.duration_since(first).as_secs_f64();
        let place = |at: &Timestamp| {
            let share = match all > 0.0 {
                true => at.duration_since(first).as_secs_f64() / all,
                false => 0.5,
            };
            // The dots of the first and the last one need room too.
            frame.left + 4.0 + share * (frame.right - frame.left - 8.0)
        };
        self.at.iter().map(place).collect()
    }

    /// From left to right by number: where each begins, and how wide it is.
    fn slots(&self, frame: &Frame) -> impl Iterator<Item = (f64, f64)> + use<> {
        let count = self.at.len();
        let width = (frame.right - frame.left) / float(count.max(1) as u64);
        let left = frame.left;
        (0..count).map(move |at| (left + float(at as u64) * width, width))
    }
}

/// The place in which marks are drawn.
struct Frame {
    left: f64,
    right: f64,
    low: f64,
    high: f64,
}

impl Frame {
    fn new(axis: &Axis) -> Self {
        let labels = axis.ticks.iter().map(|(_, label)| label.chars().count());
        let longest = labels.max().unwrap_or_default() as u64;
        Self {
            left: 10.0 + DIGIT * float(longest),
            right: WIDTH - RIGHT,
            low: axis.low,
            high: axis.high,
        }
    }

    fn y(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
    }

    /// From zero to a value; one that is not zero is seen, and one beyond the axis is cut off.
    fn bar(
        &self,
        class: &'static str,
        (x, width): (f64, f64),
        value: f64,
        shapes: &mut Vec<Shape>,
    ) {
        let shown = value.clamp(self.low, self.high);
        let (zero, end) = (self.y(0.0), self.y(shown));
        let height = (zero - end).abs();
        let height = if value == 0.0 { 0.0 } else { height.max(1.5) };
        let gap = (width * 0.2).min(2.0);
        let (x, width) = (x + gap / 2.0, (width - gap).min(16.0));
        shapes.push(Shape::Bar {
            class,
            x,
            y: if value < 0.0 { zero } else { zero - height },
            width,
            height,
        });
        if value > self.high {
            let y = end + 9.0;
            shapes.push(Shape::Cut { x, y, width });
        } else if value < self.low {
            let y = end - 9.0;
            shapes.push(Shape::Cut { x, y, width });
        }
    }

    fn chart(&self, title: &str, label: String, axis: Axis) -> Chart {
        let ticks = axis.ticks.into_iter().map(|(value, label)| Tick {
            y: self.y(value),
            label,
        });
        Chart {
            title: title.to_owned(),
            latest: Vec::new(),
            label,
            ticks: ticks.collect(),
            left: self.left,
            right: self.right,
            zero: None,
            line: None,
            marks: Vec::new(),
        }
    }
}

/// The least and the greatest; zero where there are none.
fn extent(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values
        .map(|value| (value, value))
        .reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))
        .unwrap_or_default()
}

/// How far an axis reaches: to the greatest value, or to the next one where that is far beyond it.
fn reach(values: impl Iterator<Item = u64>) -> u64 {
    const FAR: u64 = 4;
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable_by(|one, other| other.cmp(one));
    match values.as_slice() {
        [greatest, next, _, ..] if *next > 0 && *greatest > next.saturating_mul(FAR) => *next,
        [greatest, ..] => *greatest,
        [] => 0,
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn float(value: u64) -> f64 {
    value as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, and the value is not negative"
)]
fn whole(value: f64) -> u64 {
    value.round() as u64
}

#[cfg(test)]
mod tests;
