//! That a request which changes something was made by this server's own pages.

mod multipart;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, ORIGIN};
use axum::http::{HeaderMap, Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::policy::AccessPolicy;
use super::secret;
use super::visitor::Visitor;
use crate::api::problem::Problem;

/// Header that carries a session's token in requests that change something.
pub const CSRF_HEADER: &str = "x-csrf-token";
/// Field of an HTML form that carries it instead.
pub const CSRF_FIELD: &str = "csrf";
/// Bytes of a form in which the field is looked for.
const LONGEST_FORM: usize = 1024 * 1024;

/// Whether requests of this method may be made from anywhere, since they change nothing.
pub(super) fn is_safe(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE
    )
}

/// The token of the session with this cookie. It can't be had from what is stored.
pub(super) fn token(cookie: &str) -> SecretString {
    secret::derived("csrf", cookie)
}

/// Refuses what a browser says that another site made it send.
pub(super) fn check_site(
    headers: &HeaderMap,
    visitor: &Visitor,
    policy: &AccessPolicy,
) -> Result<(), Problem> {
    let site = headers
        .get("sec-fetch-site")
        .and_then(|site| site.to_str().ok());
    if site == Some("cross-site") {
        return Err(foreign());
    }
    match headers.get(ORIGIN) {
        None => Ok(()),
        Some(origin) => {
            let origin = origin.to_str().unwrap_or_default();
            let own = visitor
                .host
                .as_deref()
                .is_some_and(|host| is_at(origin, host));
            let known = || {
                let mut known = policy.origins.iter();
                known.any(|known| known.eq_ignore_ascii_case(origin))
            };
            if own || known() {
                Ok(())
            } else {
                Err(foreign())
            }
        }
    }
}

/// Whether an origin is that of this host. Behind a proxy its scheme can't be known.
fn is_at(origin: &str, host: &str) -> bool {
    let Ok(url) = Url::parse(origin) else {
        return false;
    };
    let same = Url::parse(&format!("{}://{host}", url.scheme()));
    matches!(url.scheme(), "http" | "https")
        && same.is_ok_and(|same| {
            same.host_str() == url.host_str()
                && same.port_or_known_default() == url.port_or_known_default()
        })
}

/// Refuses a request that doesn't carry the session's token, in the header or in a form's field; where the form
/// uploads a file, that is its first one. Hands the request back with its body.
pub(super) async fn check_token(
    request: Request,
    expected: &SecretString,
) -> Result<Request, Problem> {
    if let Some(given) = request.headers().get(CSRF_HEADER) {
        let given = given.to_str().unwrap_or_default();
        return if secret::same(given, expected.expose_secret()) {
            Ok(request)
        } else {
            Err(missing())
        };
    }
    let (parts, body) = request.into_parts();
    let kind = parts.headers.get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.starts_with("multipart/form-data") {
        let (given, body) = multipart::token(kind, body).await;
        return match given {
            Some(given) if secret::same(&given, expected.expose_secret()) => {
                Ok(Request::from_parts(parts, body))
            }
            _ => Err(missing()),
        };
    }
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return Err(missing());
    }
    let body = to_bytes(body, LONGEST_FORM).await.map_err(|_| missing())?;
    let carried = url::form_urlencoded::parse(&body)
        .any(|(name, value)| name == CSRF_FIELD && secret::same(&value, expected.expose_secret()));
    if carried {
        Ok(Request::from_parts(parts, Body::from(body)))
    } else {
        Err(missing())
    }
}

fn foreign() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "access.csrf",
        "The browser says that another site made it send this.",
    )
    .remedy(
        "Use this server's own pages. Behind a reverse proxy that changes `Host`, name the outer address in \
         `access.origins`.",
    )
}

fn missing() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "access.csrf",
        "A change with a session's cookie must carry the session's token, and this one doesn't.",
    )
    .remedy("Send `csrfToken` of `GET /api/v1/session` in `X-CSRF-Token`.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(headers: &[(&'static str, &str)]) -> bool {
        let visitor = Visitor {
            host: Some("sync.contoso.example".into()),
            ..Visitor::default()
        };
        let policy = AccessPolicy {
            origins: vec!["https://outer.contoso.example".into()],
            ..AccessPolicy::default()
        };
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        check_site(&headers, &visitor, &policy).is_ok()
    }

    #[test]
    fn a_browser_tells_that_another_site_sent_it() {
        assert!(allowed(&[]), "no browser");
        assert!(allowed(&[("sec-fetch-site", "same-origin")]));
        assert!(allowed(&[("sec-fetch-site", "none")]));
        assert!(!allowed(&[("sec-fetch-site", "cross-site")]));
    }

    #[test]
    fn only_own_origins_are_let_in() {
        assert!(allowed(&[("origin", "https://sync.contoso.example")]));
        assert!(allowed(&[("origin", "https://sync.contoso.example:443")]));
        assert!(allowed(&[("origin", "https://outer.contoso.example")]));
        for foreign in [
            "https://evil.example",
            "https://sync.contoso.example.evil.example",
            "https://sync.contoso.example:8443",
            "https://contoso.example",
            "null",
            "",
        ] {
            assert!(!allowed(&[("origin", foreign)]), "{foreign}");
        }
    }

    #[tokio::test]
    async fn a_form_carries_the_token_in_a_field_and_keeps_its_body() {
        let expected = SecretString::from("expected");
        let form = |body: &'static str| {
            Request::post("/")
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(Body::from(body))
                .unwrap()
        };
        let passed = check_token(form("name=x&csrf=expected"), &expected)
            .await
            .unwrap();
        let body = to_bytes(passed.into_body(), 100).await.unwrap();
        assert_eq!(body, "name=x&csrf=expected");
        assert!(
            check_token(form("name=x&csrf=other"), &expected)
                .await
                .is_err()
        );
        assert!(check_token(form("name=expected"), &expected).await.is_err());
    }

    #[tokio::test]
    async fn a_form_with_a_file_carries_the_right_token_first() {
        let expected = SecretString::from("expected");
        let form = |token: &str| {
            let body = format!(
                "--line\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{token}\r\n--line--\r\n"
            );
            Request::post("/")
                .header(CONTENT_TYPE, "multipart/form-data; boundary=line")
                .body(Body::from(body))
                .unwrap()
        };
        assert!(check_token(form("expected"), &expected).await.is_ok());
        assert!(check_token(form("other"), &expected).await.is_err());
        assert!(check_token(form(""), &expected).await.is_err());
    }
}
