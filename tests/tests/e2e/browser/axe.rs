//! Whether a page can be used by everybody: axe's rules for WCAG 2.0, 2.1 and 2.2, levels A and AA.

use std::sync::OnceLock;

use harness::browser::Browser;
use serde::Deserialize;

use crate::runtimes::{node_with, once, source};

/// A rule that is broken, and where.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Violation {
    id: String,
    impact: Option<String>,
    help: String,
    help_url: String,
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    html: String,
    failure_summary: Option<String>,
}

fn rules() -> Option<&'static String> {
    static INSTALLED: OnceLock<Option<String>> = OnceLock::new();
    once(&INSTALLED, "axe", || {
        let folder = node_with(&source("axe"))?;
        Ok(std::fs::read_to_string(
            folder.join("node_modules/axe-core/axe.min.js"),
        )?)
    })
}

/// Every rule that the open page breaks, with the elements and how they are mended.
pub(super) async fn violations(browser: &Browser) -> Vec<String> {
    let Some(rules) = rules() else {
        return Vec::new();
    };
    let there = browser.execute("return Boolean(window.axe);", vec![]);
    if there.await.unwrap() == false {
        browser.execute(rules, vec![]).await.unwrap();
    }
    let found = browser.execute_async(include_str!("axe.js"), vec![]);
    let found: Vec<Violation> = serde_json::from_value(found.await.unwrap()).unwrap();
    found.iter().map(told).collect()
}

/// Fails with a list of the rules that the open page breaks.
pub(super) async fn accessible(browser: &Browser) {
    super::nothing_wrong(&violations(browser).await);
}

fn told(violation: &Violation) -> String {
    let impact = violation.impact.as_deref().unwrap_or("unknown");
    let mut told = format!(
        "{} ({impact}): {}, see {}",
        violation.id, violation.help, violation.help_url
    );
    for node in violation.nodes.iter().take(4) {
        let how = node.failure_summary.as_deref().unwrap_or_default();
        let how = how.replace('\n', "\n        ");
        told.push_str(&format!("\n      {}\n        {how}", node.html));
    }
    if let Some(more) = violation
        .nodes
        .len()
        .checked_sub(4)
        .filter(|more| *more > 0)
    {
        told.push_str(&format!("\n      and {more} more"));
    }
    told
}
