//! What can be measured of a page.

use anyhow::ensure;
use serde::Deserialize;
use serde_json::Value;

use super::{Browser, devtools};

/// What was measured of the page that is open.
#[derive(Debug, Clone, Deserialize)]
pub struct Page {
    /// Its whole address.
    pub url: String,
    /// Path and query.
    pub path: String,
    /// Status of the answer.
    pub status: u16,
    /// Bytes of HTML, as they are without compression.
    pub bytes: usize,
    /// Its title.
    pub title: String,
    /// Its headings of the first level.
    pub headings: Vec<String>,
    /// Where one can go from it.
    pub links: Vec<Link>,
    /// Width of the window.
    pub width: u32,
    /// Width that the content needs.
    pub needs: u32,
    /// What makes it wider than the window.
    pub wide: Vec<String>,
    /// Identifiers that more than one element has.
    pub twice: Vec<String>,
}

/// A link.
#[derive(Debug, Clone, Deserialize)]
pub struct Link {
    /// What one reads.
    pub text: String,
    /// Where it leads, without a place on the page.
    pub href: String,
    /// Whether it leads to another server.
    pub external: bool,
    /// Whether it is to be kept as a file.
    pub file: bool,
    /// Whether it leads to a place of this page that isn't there.
    #[serde(deserialize_with = "truth")]
    pub lost: bool,
}

/// What JavaScript takes for true.
fn truth<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value.as_bool() == Some(true))
}

impl Browser {
    /// Measures the page that is open.
    ///
    /// # Errors
    /// Where the browser doesn't do it.
    pub async fn page(&self) -> anyhow::Result<Page> {
        let measured = self.execute(include_str!("page.js"), vec![]).await?;
        Ok(serde_json::from_value(measured)?)
    }

    /// What went wrong on the console since it was asked last: exceptions, what could not be loaded, violations of
    /// the policy of content. That a page itself was refused is not among it.
    ///
    /// # Errors
    /// Where the browser doesn't do it.
    pub async fn complaints(&self) -> anyhow::Result<Vec<String>> {
        let told = devtools::console(&self.client).await?;
        let told = told.iter().filter_map(complaint);
        Ok(told.filter(|told| !is_refused_page(told)).collect())
    }

    /// Says that nothing went wrong on the console since it was asked last.
    ///
    /// # Errors
    /// Where something did.
    pub async fn no_complaints(&self) -> anyhow::Result<()> {
        let complaints = self.complaints().await?;
        ensure!(
            complaints.is_empty(),
            "the browser complains:\n{}",
            complaints.join("\n")
        );
        Ok(())
    }
}

/// What a line of the console's log complains of.
fn complaint(line: &Value) -> Option<String> {
    let text = |name: &str| line.get(name).and_then(Value::as_str);
    let (source, message) = (text("source")?, text("message")?);
    (text("level")? == "SEVERE").then(|| format!("{source}: {message}"))
}

/// Whether it is about a page with a status of 4xx, which Chromium tells of as of something that is missing.
fn is_refused_page(told: &str) -> bool {
    told.starts_with("network: ")
        && told.contains(" with a status of 4")
        && !["/api/", "/assets/"].iter().any(|part| told.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_page_is_no_complaint_but_a_refused_script_is() {
        let refused = |url: &str| {
            format!(
                "network: http://127.0.0.1{url} - Failed to load resource: the server responded with a status of 404 (Not Found)"
            )
        };
        assert!(is_refused_page(&refused("/runs/1")));
        assert!(!is_refused_page(&refused("/assets/x/app.js")));
        assert!(!is_refused_page(&refused("/api/v1/events")));
    }
}
