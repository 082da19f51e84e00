//! What is installed, approved and active: the registry's memory, and the only rules by which it changes.
//!
//! Nothing here touches a file or a component.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use semver::Version;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{PluginId, RegistryError};

/// Everything that the registry remembers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ledger {
    pub(super) plugins: BTreeMap<String, Line>,
}

/// One plugin: its versions and what the operator lets them do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Line {
    pub(super) approved: Asked,
    pub(super) releases: BTreeMap<Version, Release>,
    pub(super) active: Option<Version>,
    /// Versions that were active before, the latest last.
    earlier: Vec<Version>,
    /// Failed runs of the active version, as long as it has had no good one; absent once it has.
    on_trial: Option<u32>,
}

/// An installed version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Release {
    pub(super) sha256: String,
    pub(super) size: u64,
    /// Version of the contract.
    pub(super) contract: String,
    pub(super) checkpoint_version: u32,
    pub(super) asks: Asked,
    /// The trusted key that signed it, if one did.
    pub(super) signed_by: Option<String>,
    pub(super) installed_at: Timestamp,
    /// Why it was taken out of service by itself.
    pub(super) withdrawn: Option<String>,
}

/// What a plugin asks for, or an operator grants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Host names that it wants to reach.
    pub hosts: BTreeSet<String>,
    /// Permissions at the vendor's side.
    pub permissions: BTreeSet<String>,
}

impl Asked {
    /// What is asked here beyond `granted`.
    fn beyond(&self, granted: &Self) -> Self {
        Self {
            hosts: &self.hosts - &granted.hosts,
            permissions: &self.permissions - &granted.permissions,
        }
    }

    /// Whether nothing is asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty() && self.permissions.is_empty()
    }
}

impl std::fmt::Display for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |set: &BTreeSet<String>| {
            let names: Vec<&str> = set.iter().map(String::as_str).collect();
            names.join(", ")
        };
        match (self.hosts.is_empty(), self.permissions.is_empty()) {
            (true, true) => f.write_str("nothing"),
            (false, true) => write!(f, "hosts {}", list(&self.hosts)),
            (true, false) => write!(f, "permissions {}", list(&self.permissions)),
            (false, false) => write!(
                f,
                "hosts {}; permissions {}",
                list(&self.hosts),
                list(&self.permissions)
            ),
        }
    }
}

/// Where a version stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", tag = "state", content = "detail")]
// A connector has one too.
#[schema(as = PluginStanding)]
pub enum Standing {
    /// Runs use it.
    Active,
    /// It may be activated.
    Ready,
    /// It asks for more than the operator approved: this.
    Waiting(Asked),
    /// It was taken out of service by itself, for this reason.
    Withdrawn(String),
}

/// What became of a version after a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolledBack {
    /// The version that was given up.
    pub from: PluginId,
    /// The one that is active instead.
    pub to: PluginId,
}

impl Line {
    /// The version that rolling back leads to.
    pub(super) fn previous(&self) -> Option<&Version> {
        self.active.as_ref().and(self.earlier.last())
    }

    pub(super) fn standing(&self, version: &Version, release: &Release) -> Standing {
        if self.active.as_ref() == Some(version) {
            return Standing::Active;
        }
        let beyond = release.asks.beyond(&self.approved);
        match &release.withdrawn {
            _ if !beyond.is_empty() => Standing::Waiting(beyond),
            Some(reason) => Standing::Withdrawn(reason.clone()),
            None => Standing::Ready,
        }
    }
}

impl Ledger {
    /// Adds a version. Gives `false` where the very same file is installed already.
    pub(super) fn add(&mut self, id: &PluginId, release: Release) -> Result<bool, RegistryError> {
        let line = self.plugins.entry(id.name.clone()).or_default();
        match line.releases.get(&id.version) {
            Some(there) if there.sha256 == release.sha256 => Ok(false),
            Some(_) => Err(RegistryError::Taken { id: id.clone() }),
            None => {
                line.releases.insert(id.version.clone(), release);
                Ok(true)
            }
        }
    }

    /// Grants what a version asks for, to it and to later ones.
    pub(super) fn approve(&mut self, id: &PluginId) -> Result<(), RegistryError> {
        let asks = self.release(id)?.asks.clone();
        let line = self.line(&id.name)?;
        line.approved.hosts.extend(asks.hosts);
        line.approved.permissions.extend(asks.permissions);
        Ok(())
    }

    /// Makes a version the one that runs use from now on.
    pub(super) fn activate(&mut self, id: &PluginId) -> Result<(), RegistryError> {
        let release = self.release(id)?;
        let line = self.plugins.get(&id.name);
        let standing = line.map(|line| line.standing(&id.version, release));
        match standing {
            Some(Standing::Waiting(beyond)) => {
                return Err(RegistryError::NotApproved {
                    id: id.clone(),
                    beyond,
                });
            }
            Some(Standing::Active) => return Ok(()),
            _ => {}
        }
        let line = self.line(&id.name)?;
        if let Some(before) = line.active.replace(id.version.clone()) {
            line.earlier.retain(|earlier| *earlier != before);
            line.earlier.push(before);
        }
        line.earlier.retain(|earlier| *earlier != id.version);
        line.on_trial = Some(0);
        if let Some(release) = line.releases.get_mut(&id.version) {
            release.withdrawn = None;
        }
        Ok(())
    }

    /// Goes back to the version that was active before.
    pub(super) fn roll_back(&mut self, name: &str) -> Result<RolledBack, RegistryError> {
        let line = self.line(name)?;
        let nowhere = || RegistryError::NothingBefore { name: name.into() };
        let id = |version: &Version| PluginId {
            name: name.into(),
            version: version.clone(),
        };
        let from = line.active.clone().ok_or_else(nowhere)?;
        let to = line.earlier.pop().ok_or_else(nowhere)?;
        line.active = Some(to.clone());
        // It has served before.
        line.on_trial = None;
        Ok(RolledBack {
            from: id(&from),
            to: id(&to),
        })
    }

    /// Takes note of a run's end. A version that has failed `patience` runs and never had a good one
    /// gives way to the one before it, if there is one; 0 means never.
    pub(super) fn ran(&mut self, id: &PluginId, failed: bool, patience: u32) -> Option<RolledBack> {
        let line = self.plugins.get_mut(&id.name)?;
        let failures = line.on_trial?;
        if line.active.as_ref() != Some(&id.version) {
            return None;
        }
        if !failed {
            line.on_trial = None;
            return None;
        }
        let failures = failures.saturating_add(1);
        line.on_trial = Some(failures);
        if patience == 0 || failures < patience || line.earlier.is_empty() {
            return None;
        }
        if let Some(release) = line.releases.get_mut(&id.version) {
            release.withdrawn = Some(format!("its first {failures} runs failed"));
        }
        self.roll_back(&id.name).ok()
    }

    /// Removes a version that isn't active.
    pub(super) fn remove(&mut self, id: &PluginId) -> Result<Release, RegistryError> {
        self.release(id)?;
        let line = self.line(&id.name)?;
        if line.active.as_ref() == Some(&id.version) && line.releases.len() > 1 {
            return Err(RegistryError::InUse { id: id.clone() });
        }
        let removed = line.releases.remove(&id.version);
        line.earlier.retain(|earlier| *earlier != id.version);
        if line.releases.is_empty() {
            self.plugins.remove(&id.name);
        }
        removed.ok_or_else(|| self.unknown(&id.to_string()))
    }

    pub(super) fn release(&self, id: &PluginId) -> Result<&Release, RegistryError> {
        self.plugins
            .get(&id.name)
            .and_then(|line| line.releases.get(&id.version))
            .ok_or_else(|| self.unknown(&id.to_string()))
    }

    /// Whether any version has this content.
    pub(super) fn has_content(&self, sha256: &str) -> bool {
        self.plugins
            .values()
            .flat_map(|line| line.releases.values())
            .any(|release| release.sha256 == sha256)
    }

    fn line(&mut self, name: &str) -> Result<&mut Line, RegistryError> {
        let unknown = self.unknown(name);
        self.plugins.get_mut(name).ok_or(unknown)
    }

    pub(super) fn unknown(&self, wanted: &str) -> RegistryError {
        let installed = self
            .plugins
            .iter()
            .flat_map(|(name, line)| {
                line.releases
                    .keys()
                    .map(move |version| format!("{name}@{version}"))
            })
            .collect();
        RegistryError::Unknown {
            wanted: wanted.into(),
            installed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(version: &str) -> PluginId {
        format!("contoso@{version}").parse().unwrap()
    }

    fn release(sha256: &str, hosts: &[&str]) -> Release {
        Release {
            sha256: sha256.into(),
            size: 1,
            contract: "1.0.0".into(),
            checkpoint_version: 1,
            asks: Asked {
                hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
                permissions: BTreeSet::new(),
            },
            signed_by: None,
            installed_at: Timestamp::UNIX_EPOCH,
            withdrawn: None,
        }
    }

    /// Versions 1.0.0, 1.1.0 and 1.2.0, the first of which is active.
    fn three() -> Ledger {
        let mut ledger = Ledger::default();
        for version in ["1.0.0", "1.1.0", "1.2.0"] {
            ledger
                .add(&id(version), release(version, &["a.example"]))
                .unwrap();
        }
        ledger.approve(&id("1.0.0")).unwrap();
        ledger.activate(&id("1.0.0")).unwrap();
        ledger
    }

    fn active(ledger: &Ledger) -> String {
        ledger.plugins["contoso"]
            .active
            .clone()
            .unwrap()
            .to_string()
    }

    #[test]
    fn a_version_number_stands_for_one_content() {
        let mut ledger = three();
        let same = release("1.0.0", &["a.example"]);
        assert!(!ledger.add(&id("1.0.0"), same).unwrap());
        let other = release("other", &["a.example"]);
        assert!(matches!(
            ledger.add(&id("1.0.0"), other),
            Err(RegistryError::Taken { .. })
        ));
    }

    #[test]
    fn a_version_that_asks_for_more_waits_and_tells_the_difference() {
        let mut ledger = three();
        ledger
            .add(&id("2.0.0"), release("2", &["a.example", "b.example"]))
            .unwrap();
        let Err(RegistryError::NotApproved { beyond, .. }) = ledger.activate(&id("2.0.0")) else {
            panic!("it must wait");
        };
        assert_eq!(beyond.to_string(), "hosts b.example");
        assert_eq!(active(&ledger), "1.0.0");
        ledger.approve(&id("2.0.0")).unwrap();
        ledger.activate(&id("2.0.0")).unwrap();
        assert_eq!(active(&ledger), "2.0.0");
    }

    #[test]
    fn rolling_back_goes_through_the_versions_that_were_active() {
        let mut ledger = three();
        ledger.activate(&id("1.1.0")).unwrap();
        ledger.activate(&id("1.2.0")).unwrap();
        assert_eq!(ledger.roll_back("contoso").unwrap().to, id("1.1.0"));
        assert_eq!(ledger.roll_back("contoso").unwrap().to, id("1.0.0"));
        assert!(matches!(
            ledger.roll_back("contoso"),
            Err(RegistryError::NothingBefore { .. })
        ));
    }

    #[test]
    fn a_version_whose_first_runs_fail_gives_way_to_the_one_before() {
        let mut ledger = three();
        ledger.activate(&id("1.1.0")).unwrap();
        assert_eq!(ledger.ran(&id("1.1.0"), true, 2), None);
        let back = ledger.ran(&id("1.1.0"), true, 2).unwrap();
        assert_eq!((back.from, back.to), (id("1.1.0"), id("1.0.0")));
        let line = &ledger.plugins["contoso"];
        assert!(matches!(
            line.standing(&id("1.1.0").version, ledger.release(&id("1.1.0")).unwrap()),
            Standing::Withdrawn(_)
        ));
    }

    #[test]
    fn a_version_that_has_had_a_good_run_stays() {
        let mut ledger = three();
        ledger.activate(&id("1.1.0")).unwrap();
        ledger.ran(&id("1.1.0"), false, 1);
        assert_eq!(ledger.ran(&id("1.1.0"), true, 1), None);
        assert_eq!(active(&ledger), "1.1.0");
    }

    #[test]
    fn a_late_run_of_another_version_says_nothing_about_the_active_one() {
        let mut ledger = three();
        ledger.activate(&id("1.1.0")).unwrap();
        assert_eq!(ledger.ran(&id("1.0.0"), true, 1), None);
        assert_eq!(active(&ledger), "1.1.0");
    }

    #[test]
    fn without_a_version_before_it_a_failing_one_stays() {
        let mut ledger = three();
        assert_eq!(ledger.ran(&id("1.0.0"), true, 1), None);
        assert_eq!(active(&ledger), "1.0.0");
    }

    #[test]
    fn the_active_version_can_not_be_removed_from_under_its_successors() {
        let mut ledger = three();
        assert!(matches!(
            ledger.remove(&id("1.0.0")),
            Err(RegistryError::InUse { .. })
        ));
        ledger.activate(&id("1.1.0")).unwrap();
        ledger.remove(&id("1.0.0")).unwrap();
        assert!(
            ledger.roll_back("contoso").is_err(),
            "what is removed is nothing to go back to"
        );
    }

    #[test]
    fn the_last_version_takes_its_approval_with_it() {
        let mut ledger = three();
        ledger.remove(&id("1.1.0")).unwrap();
        ledger.remove(&id("1.2.0")).unwrap();
        ledger.remove(&id("1.0.0")).unwrap();
        assert_eq!(ledger, Ledger::default());
    }

    #[test]
    fn what_is_not_installed_is_named_with_what_is() {
        let error = three().activate(&id("9.9.9")).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("contoso@9.9.9") && text.contains("contoso@1.2.0"),
            "{text}"
        );
    }
}
