//! What somebody's browser is like.

use serde_json::json;

use super::{Browser, devtools};

/// Width and height of a window on a desk.
pub const DESKTOP: (u32, u32) = (1280, 900);
/// Width and height of a phone.
pub const PHONE: (u32, u32) = (390, 844);

/// Which colours somebody prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Theme {
    /// Its name, as style sheets call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// What somebody's browser is like. Nothing moves: what is measured must not be on its way.
#[derive(Debug, Clone)]
pub struct Look {
    size: (u32, u32),
    theme: Theme,
    scripts: bool,
    zone: String,
}

impl Look {
    /// A window on a desk, light, with scripts, in UTC.
    #[must_use]
    pub fn desktop() -> Self {
        Self {
            size: DESKTOP,
            theme: Theme::Light,
            scripts: true,
            zone: "UTC".to_owned(),
        }
    }

    /// A phone, otherwise the same.
    #[must_use]
    pub fn phone() -> Self {
        Self::desktop().size(PHONE)
    }

    /// Of this size; as narrow as a phone, it is one.
    #[must_use]
    pub fn size(mut self, size: (u32, u32)) -> Self {
        self.size = size;
        self
    }

    /// In this theme.
    #[must_use]
    pub fn theme(mut self, theme: Theme) -> Self {
        self.theme = theme;
        self
    }

    /// With scripts turned off.
    #[must_use]
    pub fn without_scripts(mut self) -> Self {
        self.scripts = false;
        self
    }

    /// In this time zone, as `Asia/Tokyo`.
    #[must_use]
    pub fn zone(mut self, zone: &str) -> Self {
        zone.clone_into(&mut self.zone);
        self
    }
}

impl Browser {
    /// Changes what the browser is like, for the page that is open and those to come.
    ///
    /// # Errors
    /// Where the browser doesn't do it.
    pub async fn look(&self, look: &Look) -> anyhow::Result<()> {
        let (width, height) = look.size;
        let metrics = json!({
            "width": width,
            "height": height,
            "deviceScaleFactor": 1,
            "mobile": width < 600,
        });
        let media = json!({
            "features": [
                { "name": "prefers-color-scheme", "value": look.theme.name() },
                { "name": "prefers-reduced-motion", "value": "reduce" },
            ],
        });
        let scripts = json!({ "value": !look.scripts });
        for (command, parameters) in [
            ("Emulation.setDeviceMetricsOverride", metrics),
            ("Emulation.setEmulatedMedia", media),
            ("Emulation.setScriptExecutionDisabled", scripts),
            (
                "Emulation.setTimezoneOverride",
                json!({ "timezoneId": look.zone }),
            ),
        ] {
            devtools::call(&self.client, command, parameters).await?;
        }
        Ok(())
    }
}
