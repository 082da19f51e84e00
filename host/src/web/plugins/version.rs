//! A version of a plugin, as it is shown.

use semver::Version;

use super::super::filters::counted;
use super::super::size::size;
use crate::catalog::PluginUse;
use crate::plugin::registry::{Entry, Standing};

/// A line of the table of versions.
pub(super) struct Row {
    pub(super) entry: Entry,
    /// Connectors that are pinned to it.
    pub(super) pinned: u64,
}

impl Row {
    pub(super) fn new(entry: Entry, uses: &[PluginUse]) -> Self {
        let pinned = uses
            .iter()
            .filter(|one| one.plugin == entry.id.name)
            .filter(|one| one.version.0.as_ref() == Some(&entry.id.version))
            .map(|one| one.connectors)
            .sum();
        Self { entry, pinned }
    }

    pub(super) fn version(&self) -> &Version {
        &self.entry.id.version
    }

    /// Where its page is.
    pub(super) fn address(&self) -> String {
        super::address(&self.entry.id.name, self.version())
    }

    /// Below it are the changes of it.
    pub(super) fn path(&self) -> String {
        // A version may hold a plus.
        let version = self.version().to_string().replace('+', "%2B");
        format!("/plugins/{}/{version}", self.entry.id.name)
    }

    pub(super) fn is_active(&self) -> bool {
        self.entry.standing == Standing::Active
    }

    pub(super) fn waits(&self) -> bool {
        matches!(self.entry.standing, Standing::Waiting(_))
    }

    /// Where it stands, in a word or two.
    pub(super) fn word(&self) -> &'static str {
        match self.entry.standing {
            Standing::Active => "Active",
            Standing::Ready => "Ready",
            Standing::Waiting(_) => "Waits for approval",
            Standing::Withdrawn(_) => "Withdrawn",
        }
    }

    /// The class of its state.
    pub(super) fn class(&self) -> &'static str {
        match self.entry.standing {
            Standing::Active => "active",
            Standing::Ready => "ready",
            Standing::Waiting(_) => "held",
            Standing::Withdrawn(_) => "failed",
        }
    }

    /// What that means.
    pub(super) fn meaning(&self) -> String {
        match &self.entry.standing {
            Standing::Active => {
                "Connectors without a pinned version use it for every run that begins.".into()
            }
            Standing::Ready => {
                "All that it asks for is approved. Runs use it once it is activated; connectors that are \
                 pinned to it use it already."
                    .into()
            }
            Standing::Waiting(beyond) => {
                let (permissions, hosts) = (beyond.permissions.len(), beyond.hosts.len());
                let parts = [(permissions, "permission"), (hosts, "host")].into_iter();
                let parts = parts.filter(|(count, _)| *count > 0);
                let parts: Vec<String> = parts.map(|(count, what)| counted(count, what)).collect();
                format!(
                    "It asks for {} beyond what was approved, and never runs until that is approved too.",
                    parts.join(" and ")
                )
            }
            Standing::Withdrawn(reason) => {
                format!("It was taken out of service by itself: {reason}. Activating it tries again.")
            }
        }
    }

    /// How large the component is.
    pub(super) fn size(&self) -> String {
        size(self.entry.size)
    }

    /// What is said of its signature.
    pub(super) fn signed(&self) -> &'static str {
        match self.entry.signed_by {
            Some(_) => "by a trusted key",
            None => "no",
        }
    }
}
