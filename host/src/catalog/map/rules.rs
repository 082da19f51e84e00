//! The rules of a map, checked by their form and by the plugin.

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::catalog::input::{Findings, TEXT_CHARACTERS, is_shallow};
use crate::catalog::{Catalog, CatalogError};
use crate::contract::{DataModel, Problem, Rule, TransformMap};
use crate::plugin::registry::Wanted;

/// Most rules of a map.
const MOST_RULES: usize = 500;
/// Most sources, and most functions, of a rule.
const MOST_PARTS: usize = 20;
/// Longest path or name of a function, in bytes.
const PATH_BYTES: usize = 512;
/// Longest default, in bytes of its JSON.
const DEFAULT_BYTES: usize = 4 << 10;

/// Rules that are not saved.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RulesDraft {
    /// Name of an installed plugin.
    pub plugin: String,
    /// Name of the source model; the plugin's where absent.
    #[serde(default)]
    pub source_model: Option<String>,
    /// Name of the target model; the plugin's where absent.
    #[serde(default)]
    pub target_model: Option<String>,
    /// The rules in order.
    pub rules: Vec<Rule>,
}

impl Catalog {
    /// Every problem of a draft, also such as `rules[3].target`.
    ///
    /// # Errors
    /// [`CatalogError::Fault`] where the plugin failed.
    pub async fn validate_rules(&self, draft: RulesDraft) -> Result<Vec<Problem>, CatalogError> {
        let mut findings = Findings::default();
        self.examine_rules(draft, &mut findings).await?;
        Ok(findings.into_problems())
    }

    /// What a plugin says about the functions that rules may name. It declares no list of them, and tells which
    /// there are to whoever names one that isn't there.
    ///
    /// # Errors
    /// Where the plugin can't be had or fails.
    pub async fn known_functions(&self, plugin: &str) -> Result<Option<String>, CatalogError> {
        let wanted = active(plugin);
        let description = self.types.description(&wanted).await?;
        let first = |model: &DataModel| model.fields.first().map(|field| field.path.clone());
        let rule = Rule {
            target: first(&description.target_model).unwrap_or_default(),
            sources: first(&description.source_model).into_iter().collect(),
            functions: vec!["?".to_owned()],
            default_value: None,
            note: None,
        };
        let map = TransformMap {
            name: String::new(),
            source_model: description.source_model.name.clone(),
            target_model: description.target_model.name.clone(),
            rules: vec![rule],
        };
        let problems = self.types.validate(&wanted, &map).await?;
        let about_it = problems
            .into_iter()
            .find(|problem| problem.path == "rules[0].functions[0]");
        Ok(about_it.map(|problem| problem.remedy))
    }

    /// The map of a draft, where its plugin can be had; whatever is wrong with it is found.
    pub(super) async fn examine_rules(
        &self,
        draft: RulesDraft,
        findings: &mut Findings,
    ) -> Result<Option<TransformMap>, CatalogError> {
        let wanted = active(&draft.plugin);
        let Some(description) = self.declared(&wanted, findings).await? else {
            return Ok(None);
        };
        let source = description.source_model.name.clone();
        let target = description.target_model.name.clone();
        let map = TransformMap {
            name: String::new(),
            source_model: draft.source_model.unwrap_or(source),
            target_model: draft.target_model.unwrap_or(target),
            rules: draft.rules,
        };
        self.examine_map(&wanted, &map, findings).await?;
        Ok(Some(map))
    }

    /// Finds whatever is wrong with a map.
    pub(super) async fn examine_map(
        &self,
        wanted: &Wanted,
        map: &TransformMap,
        findings: &mut Findings,
    ) -> Result<(), CatalogError> {
        let mut form = Findings::default();
        check(map, &mut form);
        if form.is_empty() {
            // The plugin is given nothing that it should not have to read.
            let problems = self.types.validate(wanted, map).await?;
            findings.all(problems.into_iter().map(located));
        } else {
            findings.all(form.into_problems());
        }
        Ok(())
    }
}

/// The active version of a plugin.
pub(super) fn active(plugin: &str) -> Wanted {
    Wanted {
        name: plugin.to_owned(),
        version: None,
    }
}

fn check(map: &TransformMap, findings: &mut Findings) {
    for (path, name) in [
        ("sourceModel", &map.source_model),
        ("targetModel", &map.target_model),
    ] {
        if name.is_empty() || name.len() > PATH_BYTES {
            findings.add(
                path,
                format!("A name has 1 to {PATH_BYTES} bytes."),
                "Give the name of one of the plugin's models.",
            );
        }
    }
    if map.rules.len() > MOST_RULES {
        findings.add(
            "rules",
            format!("There are {} rules, at most {MOST_RULES}.", map.rules.len()),
            "Give fewer.",
        );
        return;
    }
    for (index, rule) in map.rules.iter().enumerate() {
        check_rule(&format!("rules[{index}]"), rule, findings);
        if findings.is_full() {
            return;
        }
    }
}

fn check_rule(path: &str, rule: &Rule, findings: &mut Findings) {
    check_path(&format!("{path}.target"), &rule.target, findings);
    for (name, parts) in [("sources", &rule.sources), ("functions", &rule.functions)] {
        if parts.len() > MOST_PARTS {
            findings.add(
                format!("{path}.{name}"),
                format!("There are {}, at most {MOST_PARTS}.", parts.len()),
                "Give fewer.",
            );
            continue;
        }
        for (index, part) in parts.iter().enumerate() {
            check_path(&format!("{path}.{name}[{index}]"), part, findings);
        }
    }
    if let Some(value) = &rule.default_value {
        let json = Some(value)
            .filter(|text| text.len() <= DEFAULT_BYTES)
            .and_then(|text| serde_json::from_str::<Value>(text).ok());
        if !json.as_ref().is_some_and(is_shallow) {
            findings.add(
                format!("{path}.defaultValue"),
                format!("It is not JSON text of at most {DEFAULT_BYTES} bytes and few levels."),
                "Write a text in double quotes: `\"NA\"`.",
            );
        }
    }
    let note = rule.note.as_deref().unwrap_or_default();
    if note.chars().count() > TEXT_CHARACTERS {
        findings.add(
            format!("{path}.note"),
            format!("It is longer than {TEXT_CHARACTERS} characters."),
            "Shorten it.",
        );
    }
}

fn check_path(path: &str, text: &str, findings: &mut Findings) {
    if text.is_empty() || text.len() > PATH_BYTES || text.chars().any(char::is_control) {
        findings.add(
            path,
            format!("It has not 1 to {PATH_BYTES} bytes without control characters."),
            "Give a path or name as the plugin describes it.",
        );
    }
}

/// A plugin names the members of a map as the contract does; here they are those of the request.
pub(super) fn located(problem: Problem) -> Problem {
    let path = ["default-value", "source-model", "target-model"]
        .into_iter()
        .zip(["defaultValue", "sourceModel", "targetModel"])
        .fold(problem.path, |path, (theirs, ours)| {
            match path.strip_suffix(theirs) {
                Some(head) => format!("{head}{ours}"),
                None => path,
            }
        });
    Problem { path, ..problem }
}
