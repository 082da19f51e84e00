//! The pages as somebody sees them who has a browser: Chromium without a window, by WebDriver.
//!
//! A [`Chromium`] is a browser of its own; [`Chromium::visit`] makes a [`Browser`] of it, which is a fresh visit of a
//! server: without cookies, and with the [`Look`] that was asked for. What one does there is in the words of whoever
//! does it: open a page, click what is called so, fill in the field with that label, see a text.

mod chromium;
mod devtools;
mod look;
mod page;
mod words;

use std::time::Duration;

use fantoccini::Client;

pub use chromium::Chromium;
pub use look::{DESKTOP, Look, PHONE, Theme};
pub use page::Page;

/// How long something may take to be seen.
pub const PATIENCE: Duration = Duration::from_secs(15);
/// How often it is looked for.
const PACE: Duration = Duration::from_millis(40);

/// A visit of a server, in the whole page or a part of it.
#[derive(Debug, Clone)]
pub struct Browser {
    client: Client,
    origin: String,
    /// A selector of the part that one looks at.
    part: String,
}
