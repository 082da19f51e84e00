//! Following links from page to page, across calls.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::contract::{Fault, FaultKind};
use crate::fault::shown;

use super::url;

/// How often a listing is started again after its link expired.
const RESTARTS: u8 = 5;
/// Links remembered word for word, so to say; longer loops are found by the anchor.
const RECENT: usize = 32;
/// Longest link that is taken; a checkpoint may have 64 KiB.
const LONGEST_LINK: usize = 48 * 1024;

/// Where a listing stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Walk {
    /// The link to follow, out of the last good answer; absent before the first page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    #[serde(default)]
    restarts: u8,
    #[serde(default)]
    trail: Trail,
    /// What the listing has to remember from page to page.
    #[serde(default)]
    pub(crate) found: bool,
}

impl Walk {
    /// At the beginning of a listing, whose first page is behind this link if it is given.
    pub(crate) fn new(link: Option<&str>) -> Self {
        Self {
            next: link.map(str::to_owned),
            restarts: 0,
            trail: Trail::default(),
            found: false,
        }
    }

    /// Where the checkpoint says.
    pub(crate) fn resume(checkpoint: &str) -> Result<Self, Fault> {
        decode("checkpoint", checkpoint)
    }

    pub(crate) fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }

    /// The page was good and this link follows.
    pub(crate) fn advance(&mut self, from: &str, link: &str, origin: &str) -> Result<(), Fault> {
        check_link(link, origin)?;
        self.trail.step(from)?;
        if hash(link) == hash(from) || self.trail.knows(link) {
            return Err(looped());
        }
        self.next = Some(link.to_owned());
        Ok(())
    }

    /// The link is too old: once more from the beginning, unless that has happened too often.
    pub(crate) fn restart(&mut self) -> Result<(), Fault> {
        if self.restarts >= RESTARTS {
            return Err(Fault::protocol(
                "graph.Directory_ExpiredPageToken",
                format!(
                    "A listing had to be started again more than {RESTARTS} times because its links expired."
                ),
            ));
        }
        self.restarts += 1;
        self.next = None;
        self.trail = Trail::default();
        Ok(())
    }

    pub(crate) fn checkpoint(&self) -> Result<String, Fault> {
        serde_json::to_string(self).map_err(|error| unreadable("checkpoint", &error))
    }
}

/// Links that were followed, in bounded space.
///
/// The recent ones find short loops at once. For loops of any length, one link is held fast as
/// an anchor, for twice as many steps each time (Brent's method): a loop comes back to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Trail {
    recent: Vec<u64>,
    anchor: Option<u64>,
    steps: u64,
    hold: u64,
}

impl Trail {
    fn step(&mut self, link: &str) -> Result<(), Fault> {
        let link = hash(link);
        if self.anchor == Some(link) {
            return Err(looped());
        }
        if self.steps >= self.hold {
            self.anchor = Some(link);
            self.hold = self.hold.saturating_mul(2).max(1);
            self.steps = 0;
        }
        self.steps += 1;
        if self.recent.len() >= RECENT {
            self.recent.remove(0);
        }
        self.recent.push(link);
        Ok(())
    }

    fn knows(&self, link: &str) -> bool {
        let link = hash(link);
        self.anchor == Some(link) || self.recent.contains(&link)
    }
}

fn looped() -> Fault {
    Fault::protocol(
        "graph.loop",
        "Microsoft Graph gave a link to a page that has been read already; following it would never end.",
    )
}

/// FNV-1a; the same in every build, as checkpoints outlive them.
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// A link may be followed only on Graph's own origin.
pub(crate) fn check_link(link: &str, origin: &str) -> Result<(), Fault> {
    if link.len() > LONGEST_LINK {
        return Err(Fault::protocol(
            "graph.link-too-long",
            "Microsoft Graph gave a link of more than 48 KiB.",
        ));
    }
    if url::origin(link).as_deref() == Some(origin) {
        return Ok(());
    }
    Err(Fault::protocol(
        "graph.foreign-link",
        format!(
            "A link leads away from {origin} and is not followed: {}",
            shown(link)
        ),
    )
    .with_remedy(
        "If Microsoft Graph is behind a proxy, it must rewrite the links in its answers too.",
    ))
}

/// Reads a state or checkpoint that is an object.
pub(crate) fn decode<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, Fault> {
    if !text.starts_with('{') {
        // A list would pass for an object whose members are all absent.
        return Err(unreadable(
            what,
            &serde::de::Error::custom("it is no object"),
        ));
    }
    serde_json::from_slice(text.as_bytes()).map_err(|error| unreadable(what, &error))
}

/// The fault for a state or checkpoint that isn't one of ours.
pub(crate) fn unreadable(what: &str, error: &serde_json::Error) -> Fault {
    Fault::new(
        FaultKind::Permanent,
        "state.unreadable",
        format!("The {what} is not one that this version of the plugin wrote: {error}."),
    )
    .with_remedy("Start a new run.")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: &str = "https://graph.microsoft.com";

    fn link(number: usize) -> String {
        format!("{ORIGIN}/v1.0/groups?$skiptoken={number}")
    }

    #[test]
    fn a_link_seen_before_is_a_loop() {
        let mut walk = Walk::new(None);
        walk.advance("https://graph.microsoft.com/v1.0/groups", &link(1), ORIGIN)
            .unwrap();
        walk.advance(&link(1), &link(2), ORIGIN).unwrap();
        let fault = walk.advance(&link(2), &link(1), ORIGIN).unwrap_err();
        assert_eq!(fault.code, "graph.loop");
        assert_eq!(fault.kind, FaultKind::Protocol);
    }

    #[test]
    fn a_link_to_the_page_itself_is_a_loop() {
        let mut walk = Walk::new(None);
        assert_eq!(
            walk.advance(&link(1), &link(1), ORIGIN).unwrap_err().code,
            "graph.loop"
        );
    }

    #[test]
    fn a_loop_much_longer_than_the_memory_is_found_and_the_checkpoint_stays_small() {
        let mut walk = Walk::new(None);
        let mut from = link(usize::MAX);
        let mut steps = 0;
        let fault = loop {
            let to = link(steps % 5_000);
            match walk.advance(&from, &to, ORIGIN) {
                Ok(()) => from = to,
                Err(fault) => break fault,
            }
            walk = Walk::resume(&walk.checkpoint().unwrap()).unwrap();
            steps += 1;
            assert!(steps < 30_000, "not found");
        };
        assert_eq!(fault.code, "graph.loop");
        assert!(walk.checkpoint().unwrap().len() < 2_000);
    }

    #[test]
    fn a_long_straight_way_is_no_loop() {
        let mut walk = Walk::new(None);
        for step in 0..3_000 {
            walk.advance(&link(step), &link(step + 1), ORIGIN).unwrap();
        }
    }

    #[test]
    fn a_link_to_another_origin_is_refused() {
        for foreign in [
            "https://evil.example/v1.0/groups",
            "http://graph.microsoft.com/v1.0/groups",
            "https://graph.microsoft.com:8443/v1.0/groups",
            "https://graph.microsoft.com@evil.example/",
            "https://graph.microsoft.com.evil.example/",
            "/v1.0/groups?$skiptoken=1",
            "",
        ] {
            let mut walk = Walk::new(None);
            let fault = walk.advance(&link(0), foreign, ORIGIN).unwrap_err();
            assert_eq!(fault.code, "graph.foreign-link", "{foreign}");
        }
    }

    #[test]
    fn restarts_are_bounded() {
        let mut walk = Walk::new(Some("x"));
        for _ in 0..RESTARTS {
            walk.restart().unwrap();
            assert_eq!(walk.next(), None);
            walk = Walk::resume(&walk.checkpoint().unwrap()).unwrap();
        }
        assert_eq!(walk.restart().unwrap_err().kind, FaultKind::Protocol);
    }

    #[test]
    fn a_checkpoint_that_is_garbage_is_a_permanent_fault() {
        for garbage in ["", "7", "[]", "{\"next\":4}", "\u{0}"] {
            let fault = Walk::resume(garbage).unwrap_err();
            assert_eq!(fault.kind, FaultKind::Permanent, "{garbage}");
        }
    }
}
