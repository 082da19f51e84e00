//! The mass-change guard, as it is given on the command line.

use std::str::FromStr;

use serde_json::{Map, Value, json};

/// A threshold: `30%`, `30%,100`, or `groups=10%,5` for one of the streams.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Threshold {
    stream: Option<&'static str>,
    share: f64,
    count: Option<u64>,
}

const STREAMS: [&str; 3] = ["users", "groups", "memberships"];

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "write PERCENT[,COUNT], such as 30%,100, or with users=, groups= or memberships= before it";
        let (stream, rest) = match text.split_once('=') {
            Some((stream, rest)) => {
                let known = STREAMS.into_iter().find(|known| *known == stream);
                (Some(known.ok_or(FORM)?), rest)
            }
            None => (None, text),
        };
        let (percent, count) = match rest.split_once(',') {
            Some((percent, count)) => (percent, Some(count)),
            None => (rest, None),
        };
        let percent = percent.trim().trim_end_matches('%').trim_end();
        let percent: f64 = percent.parse().map_err(|_| FORM)?;
        if !(0.0..=100.0).contains(&percent) {
            return Err("a share is between 0 and 100 percent".into());
        }
        let count = match count {
            Some(count) => Some(count.trim().parse().map_err(|_| FORM)?),
            None => None,
        };
        Ok(Self {
            stream,
            share: percent / 100.0,
            count,
        })
    }
}

/// A guard with thresholds put in the place of its own.
pub(super) fn with(guard: Option<&Value>, thresholds: &[Threshold]) -> Value {
    let mut guard: Map<String, Value> = guard
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    // Those of one stream win over those of all, wherever they stand.
    let mut ordered: Vec<&Threshold> = thresholds.iter().collect();
    ordered.sort_by_key(|threshold| threshold.stream.is_some());
    for threshold in ordered {
        for stream in STREAMS {
            if threshold.stream.is_some_and(|only| only != stream) {
                continue;
            }
            let place = guard.entry(stream).or_insert_with(|| json!({}));
            if let Some(members) = place.as_object_mut() {
                members.insert("share".into(), json!(threshold.share));
                if let Some(count) = threshold.count {
                    members.insert("count".into(), json!(count));
                }
            }
        }
    }
    guard.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_for_all_streams_or_for_one_and_leaves_the_rest() {
        let given = ["groups=10%,5", "25"].map(|text| text.parse().unwrap());
        let before = json!({"users": {"share": 0.2, "count": 50}});
        assert_eq!(
            with(Some(&before), &given),
            json!({
                "users": {"share": 0.25, "count": 50},
                "groups": {"share": 0.1, "count": 5},
                "memberships": {"share": 0.25},
            })
        );
        for wrong in ["", "x", "101%", "-1", "10%,x", "things=10%", "nan"] {
            assert!(wrong.parse::<Threshold>().is_err(), "{wrong}");
        }
    }
}
