//! What one does and sees in a browser, in the words of whoever sits before it.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, bail};
use fantoccini::Client;
use fantoccini::cookies::Cookie;
use fantoccini::elements::Element;
use fantoccini::error::{CmdError, ErrorStatus};
use serde_json::{Value, json};

use super::{Browser, PACE, PATIENCE, devtools};
use crate::server::Credentials;

/// What sits on a page, and how it is found.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Control,
    Field,
    Table,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Field => "field",
            Self::Table => "table",
        }
    }
}

impl Browser {
    /// The same page, of which only the parts with this selector are looked at.
    #[must_use]
    pub fn within(&self, selector: &str) -> Self {
        Self {
            part: selector.to_owned(),
            ..self.clone()
        }
    }

    /// Goes to a path of the server.
    ///
    /// # Errors
    /// Where no page comes.
    pub async fn open(&self, path: &str) -> anyhow::Result<()> {
        let url = format!("{}{path}", self.origin);
        self.client.goto(&url).await.context(url)
    }

    /// Goes back to the page before.
    ///
    /// # Errors
    /// Where the browser doesn't do it.
    pub async fn back(&self) -> anyhow::Result<()> {
        Ok(self.client.back().await?)
    }

    /// Path and query of the page that is open.
    ///
    /// # Errors
    /// Where the browser doesn't tell.
    pub async fn path(&self) -> anyhow::Result<String> {
        let url = self.client.current_url().await?;
        let query = url.query().map(|query| format!("?{query}"));
        Ok(format!("{}{}", url.path(), query.unwrap_or_default()))
    }

    /// Waits until a page at a path that begins so is open.
    ///
    /// # Errors
    /// Where another one stays.
    pub async fn arrive(&self, path: &str) -> anyhow::Result<()> {
        self.until(&format!("the page {path} is open"), async || {
            Ok(self.path().await?.starts_with(path).then_some(()))
        })
        .await
    }

    /// Shows these credentials from now on, which must be a session's.
    ///
    /// # Errors
    /// Where they are not, or the browser doesn't take them.
    pub async fn be(&self, credentials: &Credentials) -> anyhow::Result<()> {
        let Credentials::Session { cookie, .. } = credentials else {
            bail!("a browser shows nothing but a session");
        };
        let cookie = Cookie::parse(cookie.as_str())?;
        let cookie = json!({
            "name": cookie.name(),
            "value": cookie.value(),
            "url": self.origin,
            "httpOnly": true,
            "sameSite": "Strict",
        });
        devtools::call(&self.client, "Network.clearBrowserCookies", json!({})).await?;
        devtools::call(&self.client, "Network.setCookie", cookie).await?;
        Ok(())
    }

    /// Clicks the link, button or menu of this name.
    ///
    /// # Errors
    /// Where there is none; the error says which there are.
    pub async fn click(&self, name: &str) -> anyhow::Result<()> {
        self.with(Kind::Control, name, async |element| element.click().await)
            .await
    }

    /// Fills in the field with this label, in place of what it held.
    ///
    /// # Errors
    /// Where there is none, or it takes no text.
    pub async fn fill(&self, label: &str, value: &str) -> anyhow::Result<()> {
        self.with(Kind::Field, label, async |element| {
            let kind = element.prop("type").await?.unwrap_or_default();
            // What is typed into these depends on the language.
            if matches!(kind.as_str(), "date" | "time" | "datetime-local" | "color" | "range") {
                let given = vec![serde_json::to_value(element)?, json!(value)];
                let script = "arguments[0].value = arguments[1];
                    for (const name of ['input', 'change']) arguments[0].dispatchEvent(new Event(name, { bubbles: true }));";
                element.clone().client().execute(script, given).await?;
                return Ok(());
            }
            element.clear().await?;
            element.send_keys(value).await
        })
        .await
    }

    /// Chooses a file for the field with this label.
    ///
    /// # Errors
    /// Where there is none, or it takes no file.
    pub async fn attach(&self, label: &str, file: &Path) -> anyhow::Result<()> {
        let file = file.to_str().context("the file's name is no text")?;
        self.with(Kind::Field, label, async |element| {
            element.send_keys(file).await
        })
        .await
    }

    /// Ticks the checkbox or radio button with this label, or takes the tick away.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn tick(&self, label: &str, on: bool) -> anyhow::Result<()> {
        self.with(Kind::Field, label, async |element| {
            if element.is_selected().await? != on {
                element.click().await?;
            }
            Ok(())
        })
        .await
    }

    /// Chooses an option of the list, or of the radio buttons, with this label.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn choose(&self, label: &str, option: &str) -> anyhow::Result<()> {
        let what = format!("there is {option:?} to choose at {label:?}");
        let given = vec![json!("option"), json!(label), json!(option)];
        self.doing(&what, given, async |element| element.click().await)
            .await
    }

    /// Presses keys where the focus is; for those without a letter see [`fantoccini::key::Key`].
    ///
    /// # Errors
    /// Where nothing takes them.
    pub async fn press(&self, keys: &str) -> anyhow::Result<()> {
        let element = self.client.active_element().await?;
        Ok(element.send_keys(keys).await?)
    }

    /// Waits until this text is seen, in whichever case and broken however.
    ///
    /// # Errors
    /// Where it isn't for long; the error has what is seen instead.
    pub async fn see(&self, text: &str) -> anyhow::Result<()> {
        let wanted = words(text);
        self.until(&format!("{text:?} is seen"), async || {
            let seen = words(&self.text().await?);
            Ok(seen.contains(&wanted).then_some(()))
        })
        .await
    }

    /// Waits until this text is not seen.
    ///
    /// # Errors
    /// Where it still is after long.
    pub async fn see_no(&self, text: &str) -> anyhow::Result<()> {
        let unwanted = words(text);
        self.until(&format!("{text:?} is not seen"), async || {
            let seen = words(&self.text().await?);
            Ok((!seen.contains(&unwanted)).then_some(()))
        })
        .await
    }

    /// Whether there is a link, button or menu of this name now.
    ///
    /// # Errors
    /// Where the browser doesn't tell.
    pub async fn has(&self, control: &str) -> anyhow::Result<bool> {
        let given = vec![json!(Kind::Control.name()), json!(control)];
        Ok(self.find(&given).await?.is_ok())
    }

    /// What is seen.
    ///
    /// # Errors
    /// Where the browser doesn't tell.
    pub async fn text(&self) -> anyhow::Result<String> {
        let script = "return [...document.querySelectorAll(arguments[0])].map((part) => part.innerText).join('\\n');";
        let text = self.execute(script, vec![json!(self.part)]).await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// What the table of this caption shows, in the rows of its body.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn rows(&self, caption: &str) -> anyhow::Result<Vec<Vec<String>>> {
        let what = format!("there is a table {caption:?}");
        let given = vec![json!(Kind::Table.name()), json!(caption)];
        let rows = self
            .until(&what, async || {
                let Ok(table) = self.find(&given).await? else {
                    return Ok(None);
                };
                let script = "return [...arguments[0].tBodies].flatMap((body) => [...body.rows])
                    .map((row) => [...row.cells].map((cell) => cell.innerText.trim()));";
                let table = serde_json::to_value(table)?;
                Ok(Some(self.execute(script, vec![table]).await?))
            })
            .await?;
        Ok(serde_json::from_value(rows)?)
    }

    /// A picture of the window, as PNG.
    ///
    /// # Errors
    /// Where the browser doesn't do it.
    pub async fn screenshot(&self) -> anyhow::Result<Vec<u8>> {
        Ok(self.client.screenshot().await?)
    }

    /// Runs a script of the test's own, which the page's policy doesn't concern.
    ///
    /// # Errors
    /// Where it throws.
    pub async fn execute(&self, script: &str, given: Vec<Value>) -> anyhow::Result<Value> {
        Ok(self.client.execute(script, given).await?)
    }

    /// The same of a script that calls its last argument with what it gives.
    ///
    /// # Errors
    /// Where it throws.
    pub async fn execute_async(&self, script: &str, given: Vec<Value>) -> anyhow::Result<Value> {
        Ok(self.client.execute_async(script, given).await?)
    }

    async fn with(
        &self,
        kind: Kind,
        name: &str,
        act: impl AsyncFn(&Element) -> Result<(), CmdError>,
    ) -> anyhow::Result<()> {
        let what = format!("there is a {} {name:?}", kind.name());
        let given = vec![json!(kind.name()), json!(name)];
        self.doing(&what, given, act).await
    }

    /// Does something with what is found, again where the page was changed meanwhile.
    async fn doing(
        &self,
        what: &str,
        given: Vec<Value>,
        act: impl AsyncFn(&Element) -> Result<(), CmdError>,
    ) -> anyhow::Result<()> {
        let mut instead = String::new();
        let done = self.until(what, async || match self.find(&given).await? {
            Ok(element) => match act(&element).await {
                Ok(()) => Ok(Some(())),
                Err(error) if may_pass(&error) => {
                    instead = error.to_string();
                    Ok(None)
                }
                Err(error) => Err(error.into()),
            },
            Err(names) => {
                instead = names;
                Ok(None)
            }
        });
        match done.await {
            Ok(()) => Ok(()),
            Err(error) => Err(error.context(format!("there is: {instead}"))),
        }
    }

    /// The element, or the names of those that there are instead.
    async fn find(&self, given: &[Value]) -> anyhow::Result<Result<Element, String>> {
        let given = [&[json!(self.part)], given].concat();
        let found = self.execute(include_str!("find.js"), given).await?;
        Ok(match found.get("element") {
            Some(element) => Ok(element_of(&self.client, element)?),
            None => Err(found
                .get("names")
                .map(ToString::to_string)
                .unwrap_or_default()),
        })
    }

    /// Looks again and again until there is something.
    async fn until<T>(
        &self,
        what: &str,
        mut look: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let begun = Instant::now();
        loop {
            // While a page is on its way, the one before may be gone in the middle of a command.
            let found = look().await;
            if let Ok(Some(found)) = found {
                return Ok(found);
            }
            if begun.elapsed() > PATIENCE {
                let at = self.path().await.unwrap_or_default();
                let text = self.text().await.unwrap_or_default();
                let text: String = text.chars().take(1500).collect();
                let why = found.err().map(|error| format!(" ({error:#})"));
                bail!(
                    "waited in vain until {what}{}; at {at} one sees:\n{text}",
                    why.unwrap_or_default()
                );
            }
            tokio::time::sleep(PACE).await;
        }
    }
}

/// The element that a script gave.
fn element_of(client: &Client, given: &Value) -> anyhow::Result<Element> {
    let mut ids = given.as_object().into_iter().flatten();
    let id = ids.find_map(|(_, id)| id.as_str());
    let id = id.context("an element has an identifier")?.to_owned();
    Ok(Element::from_element_id(client.clone(), id.into()))
}

/// Whether it may go better in a moment: the page was changed, or something moved.
fn may_pass(error: &CmdError) -> bool {
    matches!(error, CmdError::Standard(error) if matches!(
        error.error,
        ErrorStatus::StaleElementReference
            | ErrorStatus::ElementClickIntercepted
            | ErrorStatus::ElementNotInteractable
            | ErrorStatus::NoSuchElement
    ))
}

/// A text without what depends on style alone.
fn words(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ").to_lowercase()
}
