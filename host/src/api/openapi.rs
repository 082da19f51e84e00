//! The OpenAPI document, made from the handlers.

use axum::Router;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{Modify, OpenApi as _};
use utoipa_axum::router::OpenApiRouter;

use super::Plane;
use super::problem::{FieldError, Problem};

/// Media type of a problem.
const PROBLEM: &str = "application/problem+json";

/// Cookie of a signed-in user's session.
pub(crate) const SESSION_COOKIE: &str = "connector_session";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Connector host",
        description = "Keeps directory connectors, runs them on time, and shows what they brought.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    components(schemas(Problem, FieldError)),
    modifiers(&Schemes)
)]
struct Frame;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "An API token. The role in brackets is the least that is needed.",
            ))
            .build();
        let session = ApiKeyValue::with_description(
            SESSION_COOKIE,
            "The session of a signed-in user. Requests that change something also carry the session's \
             token in `X-CSRF-Token`.",
        );
        components.add_security_scheme("token", SecurityScheme::Http(token));
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(session)));
    }
}

/// The document of the API, as it is served.
#[must_use]
pub fn document() -> String {
    build(super::resources()).1
}

/// The router of all resources, and their document.
pub(super) fn build(resources: OpenApiRouter<Plane>) -> (Router<Plane>, String) {
    let (router, mut document) = OpenApiRouter::with_openapi(Frame::openapi())
        .nest("/api/v1", resources)
        .split_for_parts();
    complete(&mut document);
    // Plain data.
    let text = document.to_pretty_json().unwrap_or_default();
    (router, text)
}

/// What holds for every operation is said once.
fn complete(document: &mut OpenApi) {
    let problem = ResponseBuilder::new()
        .description("The request was not carried out")
        .content(
            PROBLEM,
            Content::new(Some(Ref::from_schema_name("Problem"))),
        )
        .build();
    for (path, item) in &mut document.paths.paths {
        let operations = [
            ("get", &mut item.get),
            ("put", &mut item.put),
            ("post", &mut item.post),
            ("patch", &mut item.patch),
            ("delete", &mut item.delete),
        ];
        for (method, operation) in operations {
            let Some(operation) = operation else { continue };
            operation.operation_id = Some(identifier(method, path));
            if let Some(security) = &mut operation.security {
                offer_sessions(security);
            }
            let responses = &mut operation.responses.responses;
            responses.values_mut().for_each(declare_problem);
            responses
                .entry("default".into())
                .or_insert_with(|| problem.clone().into());
        }
    }
}

/// An answer that is a problem has the media type of one, which a handler need not repeat.
fn declare_problem(response: &mut RefOr<Response>) {
    const JSON: &str = "application/json";
    let RefOr::T(response) = response else { return };
    let is_problem = |content: &RefOr<Content>| match content {
        RefOr::T(Content {
            schema: Some(RefOr::Ref(schema)),
            ..
        }) => schema.ref_location.ends_with("/Problem"),
        _ => false,
    };
    if response.content.get(JSON).is_some_and(is_problem)
        && let Some(content) = response.content.shift_remove(JSON)
    {
        response.content.insert(PROBLEM.into(), content);
    }
}

/// What programs made from the document call an operation. Handlers' names won't do: many modules have a `list`.
fn identifier(method: &str, path: &str) -> String {
    let below = path.trim_start_matches("/api/v1");
    let words = below.split(|c: char| !c.is_ascii_alphanumeric());
    let mut identifier = method.to_owned();
    for word in words.filter(|word| !word.is_empty()) {
        identifier.push('_');
        identifier.push_str(word);
    }
    identifier
}

/// Whoever may come with a token may come with a session too.
fn offer_sessions(security: &mut Vec<SecurityRequirement>) {
    let roles = security.iter().find_map(|requirement| {
        // Its fields are private.
        let schemes = serde_json::to_value(requirement).ok()?;
        let roles = schemes.get("token")?.as_array()?.clone();
        serde_json::from_value::<Vec<String>>(roles.into()).ok()
    });
    let offered = roles.map(|roles| SecurityRequirement::new("session", roles));
    security.extend(offered);
}
