//! Style and scripts, which are part of the program.
//!
//! Their address holds a digest of all of them, so that browsers keep them for good and take new ones at once
//! where the program was changed. Modules import each other by relative addresses, which stay below it.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::api::Plane;

/// The style: one file for the browser, one for each kind of thing for those who write it.
const STYLE: &str = concat!(
    include_str!("assets/css/base.css"),
    include_str!("assets/css/layout.css"),
    include_str!("assets/css/controls.css"),
    include_str!("assets/css/tables.css"),
    include_str!("assets/css/states.css"),
    include_str!("assets/css/runs.css"),
    include_str!("assets/css/admin.css"),
    include_str!("assets/css/connectors.css"),
    include_str!("assets/css/maps.css"),
    include_str!("assets/css/directory.css"),
    include_str!("assets/css/wizard.css"),
);

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Name, media type and content.
const FILES: [(&str, &str, &str); 10] = [
    ("style.css", "text/css; charset=utf-8", STYLE),
    ("icon.svg", "image/svg+xml", include_str!("assets/icon.svg")),
    ("app.js", SCRIPT, include_str!("assets/app.js")),
    ("file.js", SCRIPT, include_str!("assets/file.js")),
    ("filter.js", SCRIPT, include_str!("assets/filter.js")),
    ("live.js", SCRIPT, include_str!("assets/live.js")),
    ("maps.js", SCRIPT, include_str!("assets/maps.js")),
    ("menu.js", SCRIPT, include_str!("assets/menu.js")),
    ("preview.js", SCRIPT, include_str!("assets/preview.js")),
    ("time.js", SCRIPT, include_str!("assets/time.js")),
];

/// Names this set of files.
static DIGEST: LazyLock<String> = LazyLock::new(|| {
    let mut digest = Sha256::new();
    for (name, _, content) in FILES {
        digest.update(name);
        digest.update(content);
    }
    let mut name = URL_SAFE_NO_PAD.encode(digest.finalize());
    name.truncate(16);
    name
});

/// The path below which they are.
pub(super) fn root() -> String {
    format!("/assets/{}", *DIGEST)
}

pub(super) fn routes() -> Router<Plane> {
    Router::new().route("/assets/{digest}/{name}", get(file))
}

async fn file(Path((digest, name)): Path<(String, String)>) -> Response {
    let found = FILES.iter().find(|file| file.0 == name);
    let Some((_, kind, content)) = found.filter(|_| digest == *DIGEST) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, *kind),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, *content).into_response()
}
