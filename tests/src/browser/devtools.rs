//! What chromedriver can do beyond WebDriver: commands of the devtools, and the console's log.

use fantoccini::Client;
use fantoccini::wd::WebDriverCompatibleCommand;
use serde_json::{Value, json};
use url::{ParseError, Url};

/// A command of chromedriver's own.
#[derive(Debug)]
struct Own {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Own {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        let session = session.unwrap_or_default();
        base.join(&format!("session/{session}/{}", self.path))
    }

    fn method_and_body(&self, _: &Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}

/// A command of the devtools.
pub(super) async fn call(
    client: &Client,
    command: &str,
    parameters: Value,
) -> anyhow::Result<Value> {
    let own = Own {
        path: "goog/cdp/execute",
        body: json!({ "cmd": command, "params": parameters }),
    };
    Ok(client.issue_cmd(own).await?)
}

/// What was told on the console since it was asked last.
pub(super) async fn console(client: &Client) -> anyhow::Result<Vec<Value>> {
    let own = Own {
        path: "se/log",
        body: json!({ "type": "browser" }),
    };
    let told = client.issue_cmd(own).await?;
    Ok(told.as_array().cloned().unwrap_or_default())
}
