//! What was done by the request before, said once on the page that comes after it.

use std::convert::Infallible;

use axum::response::{IntoResponseParts, ResponseParts};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const COOKIE: &str = "connector_notice";
/// Bytes of a text that a cookie takes.
const LONGEST: usize = 1500;

/// A sentence that is shown once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Notice(pub(super) String);

impl Notice {
    pub(super) fn done(what: impl Into<String>) -> Self {
        let mut what = what.into();
        if what.len() > LONGEST {
            let end = what.floor_char_boundary(LONGEST);
            what.truncate(end);
            what.push('…');
        }
        Self(what)
    }

    /// The one that a browser brought.
    pub(super) fn of(jar: &CookieJar) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(jar.get(COOKIE)?.value()).ok()?;
        String::from_utf8(bytes).ok().map(Self)
    }

    /// Makes the browser forget it.
    pub(super) fn forgotten() -> CookieJar {
        CookieJar::new().add(Cookie::build((COOKIE, "")).path("/").removal().build())
    }
}

impl IntoResponseParts for Notice {
    type Error = Infallible;

    fn into_response_parts(self, response: ResponseParts) -> Result<ResponseParts, Infallible> {
        let cookie = Cookie::build((COOKIE, URL_SAFE_NO_PAD.encode(self.0)))
            .http_only(true)
            .same_site(SameSite::Strict)
            .path("/");
        CookieJar::new().add(cookie).into_response_parts(response)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, header};
    use axum::response::IntoResponse;

    use super::*;

    #[test]
    fn a_notice_comes_back_as_it_was_said() {
        let response = (Notice::done("„Contoso“ wurde angelegt; <b>"), ()).into_response();
        let set = response.headers()[header::SET_COOKIE].to_str().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(
            header::COOKIE,
            set.split(';').next().unwrap().parse().unwrap(),
        );
        let read = Notice::of(&CookieJar::from_headers(&headers));
        assert_eq!(read.unwrap().0, "„Contoso“ wurde angelegt; <b>");
    }

    #[test]
    fn a_long_one_is_cut_between_characters() {
        let notice = Notice::done("ä".repeat(LONGEST));
        assert!(notice.0.len() <= LONGEST + '…'.len_utf8());
        assert!(notice.0.ends_with("ä…"));
    }
}
