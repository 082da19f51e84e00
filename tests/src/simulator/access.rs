//! The token endpoint and the access tokens that it gives out.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::assertion::{ASSERTION_TYPE, Presented};
use super::odata::Query;
use super::records::guid;
use super::refusal::Refusal;
use super::render::guid_text;
use super::state::{Call, Guarded, Reply, State};

/// Graph's names in the clouds; a scope must be one of them with `/.default` behind it.
const RESOURCES: [&str; 6] = [
    "https://graph.microsoft.com",
    "https://graph.microsoft.us",
    "https://dod-graph.microsoft.us",
    "https://microsoftgraph.chinacloudapi.cn",
    "00000003-0000-0000-c000-000000000000",
    "https://graph.microsoft.com/",
];

/// Tokens given out, with the second at which each ends.
#[derive(Debug)]
pub(crate) struct AccessTokens(pub(super) Guarded<HashMap<String, u64>>);

impl Default for AccessTokens {
    fn default() -> Self {
        Self(Guarded::new(HashMap::new()))
    }
}

impl AccessTokens {
    /// Checks an `Authorization` header.
    pub(crate) fn check(&self, header: Option<&str>, now: u64) -> Result<(), Refusal> {
        let token = header
            .and_then(|h| h.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let Some((_, token)) = token else {
            return Err(Refusal::unauthenticated("Access token is empty."));
        };
        match self.0.read().get(token.trim()) {
            Some(end) if *end > now => Ok(()),
            Some(_) => Err(Refusal::unauthenticated(
                "Lifetime validation failed, the token is expired.",
            )),
            None => Err(Refusal::unauthenticated(
                "Access token validation failure. Invalid signature.",
            )),
        }
    }

    /// Makes every token given out so far invalid.
    pub(crate) fn revoke(&self) {
        self.0.write().clear();
    }
}

pub(crate) struct Failure {
    status: u16,
    error: &'static str,
    number: u32,
    text: String,
}

pub(crate) fn failure(
    status: u16,
    error: &'static str,
    number: u32,
    text: impl Into<String>,
) -> Failure {
    Failure {
        status,
        error,
        number,
        text: text.into(),
    }
}

impl State {
    /// Answers `POST /{tenant}/oauth2/v2.0/token`.
    pub(crate) fn token(&self, tenant: &str, call: &Call, authorization: Option<&str>) -> Reply {
        let form = Query::parse(&String::from_utf8_lossy(&call.body));
        let endpoint = format!("{}/{tenant}/oauth2/v2.0/token", call.origin);
        let mut reply = match self.sign_in(tenant, &endpoint, &form, authorization) {
            Ok(body) => Reply::json(body.to_string().into_bytes()),
            Err(failure) => self.token_error(&failure),
        };
        reply
            .headers
            .push(("cache-control".into(), "no-store, no-cache".to_owned()));
        reply
    }

    fn sign_in(
        &self,
        tenant: &str,
        endpoint: &str,
        form: &Query,
        authorization: Option<&str>,
    ) -> Result<Value, Failure> {
        if !tenant.eq_ignore_ascii_case(&self.tenant_id)
            && !tenant.eq_ignore_ascii_case("contoso.onmicrosoft.com")
        {
            let text = format!(
                "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant."
            );
            return Err(failure(400, "invalid_request", 90_002, text));
        }
        let grant = form.get("grant_type").unwrap_or_default();
        if grant != "client_credentials" {
            return Err(failure(
                400,
                "unsupported_grant_type",
                70_003,
                format!("The app requested an unsupported grant type '{grant}'."),
            ));
        }
        let basic = authorization.and_then(basic_credentials);
        let client = basic
            .as_ref()
            .map(|(client, _)| client.as_str())
            .or(form.get("client_id"))
            .unwrap_or_default();
        let app = self.app.read();
        if !client.eq_ignore_ascii_case(&app.client_id) {
            let text = format!(
                "Application with identifier '{client}' was not found in the directory 'Contoso'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant."
            );
            return Err(failure(400, "unauthorized_client", 700_016, text));
        }
        let secret = basic
            .as_ref()
            .map(|(_, secret)| secret.as_str())
            .or(form.get("client_secret"));
        match (secret, form.get("client_assertion")) {
            (_, Some(assertion)) => {
                if form.get("client_assertion_type") != Some(ASSERTION_TYPE) {
                    let text = format!(
                        "The request body must contain the following parameter: 'client_assertion_type' with value '{ASSERTION_TYPE}'."
                    );
                    return Err(failure(400, "invalid_request", 900_144, text));
                }
                let presented = Presented {
                    app: &app,
                    client,
                    endpoint,
                    now: self.now(),
                    seen: &self.assertions,
                };
                presented.check(assertion)?;
            }
            (None, None) => {
                let text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
                return Err(failure(401, "invalid_client", 7_000_218, text));
            }
            (Some(secret), None) if secret != app.client_secret => {
                let text = format!(
                    "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{client}'."
                );
                return Err(failure(401, "invalid_client", 7_000_215, text));
            }
            (Some(_), None) if app.secret_expired => {
                let text = format!(
                    "The provided client secret keys for app '{client}' are expired. Visit the Azure portal to create new keys for your app."
                );
                return Err(failure(401, "invalid_client", 7_000_222, text));
            }
            (Some(_), None) => {}
        }
        let scope = form.get("scope").unwrap_or_default();
        let resource = scope.strip_suffix("/.default").filter(|resource| !resource.contains(' ')).ok_or_else(|| {
            failure(400, "invalid_scope", 70_011, format!("The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid."))
        })?;
        if !RESOURCES.contains(&resource) {
            let text = format!(
                "The resource principal named {resource} was not found in the tenant named Contoso."
            );
            return Err(failure(400, "invalid_resource", 500_011, text));
        }
        let roles: Vec<&str> = app.permissions.iter().map(String::as_str).collect();
        let lifetime = self.behaviour.read().access_token_lifetime;
        let now = self.now();
        let mut claims = json!({
            "aud": resource, "iss": format!("https://sts.windows.net/{}/", self.tenant_id), "iat": now, "nbf": now,
            "exp": now + lifetime, "appid": app.client_id, "appidacr": if form.get("client_assertion").is_some() { "2" } else { "1" },
            "idtyp": "app", "tid": self.tenant_id, "uti": guid_text(guid(&mut fastrand::Rng::new())), "ver": "1.0",
        });
        // An app without consent gets a token without roles, not an error.
        if let Some(claims) = claims.as_object_mut().filter(|_| !roles.is_empty()) {
            claims.insert("roles".to_owned(), json!(roles));
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signature: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..))
            .take(32)
            .collect();
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": "simulated"});
        let token = format!(
            "{}.{}.{}",
            part(&header),
            part(&claims),
            URL_SAFE_NO_PAD.encode(signature)
        );
        self.access.0.write().insert(token.clone(), now + lifetime);
        Ok(
            json!({"token_type": "Bearer", "expires_in": lifetime.saturating_sub(1), "ext_expires_in": lifetime.saturating_sub(1), "access_token": token}),
        )
    }

    fn token_error(&self, failure: &Failure) -> Reply {
        let mut rng = fastrand::Rng::new();
        let (trace, correlation) = (guid_text(guid(&mut rng)), guid_text(guid(&mut rng)));
        let stamp = jiff::Timestamp::from_second(i64::try_from(self.now()).unwrap_or_default())
            .unwrap_or_default();
        let stamp = stamp.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        let (number, text) = (failure.number, &failure.text);
        let body = json!({
            "error": failure.error,
            "error_description": format!("AADSTS{number}: {text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}"),
            "error_codes": [number], "timestamp": stamp, "trace_id": trace, "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={number}"),
        });
        Reply {
            status: failure.status,
            ..Reply::json(body.to_string().into_bytes())
        }
    }
}

fn basic_credentials(header: &str) -> Option<(String, String)> {
    let encoded = header.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (client, secret) = text.split_once(':')?;
    Some((super::odata::decode(client), super::odata::decode(secret)))
}
