//! Answers one Graph call: routing, throttling, permissions.

use std::time::Duration;

use super::options::RetryAfter;
use super::refusal::Refusal;
use super::render;
use super::route::{Route, Target};
use super::schema::Kind;
use super::state::{Call, Reply, State};
use super::throttle::cost;
use super::token::Tracked;

impl State {
    /// Answers a call of an app that has signed in. A batch counts as one call here; its parts come back one by one.
    pub(crate) fn graph(&self, call: &Call) -> Reply {
        let target = Target::parse(&call.path);
        let route = target.map_or(Route::Other, |target| target.route);
        self.stats.route(route);
        if route == Route::Batch {
            return self.batch(call);
        }
        let units = cost(route, &call.query);
        if let Err(wait) = self.throttle.take(units) {
            return self.throttled(call, wait);
        }
        self.stats.units(units);
        let mut reply = match target {
            Some(target) => self
                .answer(call, target)
                .unwrap_or_else(|refusal| self.refuse(&refusal, call)),
            None => {
                let segment = call
                    .path
                    .trim_matches('/')
                    .split('/')
                    .next()
                    .unwrap_or_default();
                self.refuse(
                    &Refusal::new(
                        400,
                        "BadRequest",
                        format!("Resource not found for the segment '{segment}'."),
                    ),
                    call,
                )
            }
        };
        reply
            .headers
            .push(("x-ms-resource-unit".into(), units.to_string()));
        reply
    }

    fn answer(&self, call: &Call, target: Target<'_>) -> Result<Reply, Refusal> {
        let post = target.route == Route::GetByIds;
        if (call.method == http::Method::POST) != post
            || !(post || call.method == http::Method::GET)
        {
            return Err(Refusal::new(
                405,
                "Request_BadRequest",
                "Specified HTTP method is not allowed for the request target.",
            ));
        }
        let needed = target.route.permissions();
        if !needed.is_empty() && !self.granted(needed) {
            return Err(Refusal::denied());
        }
        let json = |body: Vec<u8>| Reply::json(body);
        match target.route {
            Route::Groups => self.list_objects(call, Kind::Group).map(json),
            Route::Users => self.list_objects(call, Kind::User).map(json),
            Route::GroupsCount => self.count_objects(call, Kind::Group).map(Reply::text),
            Route::UsersCount => self.count_objects(call, Kind::User).map(Reply::text),
            Route::GroupsDelta => self.delta(call, Tracked::Groups),
            Route::UsersDelta => self.delta(call, Tracked::Users),
            Route::Group => self.single(call, target.id, Kind::Group).map(json),
            Route::User => self.single(call, target.id, Kind::User).map(json),
            _ if target.count => Err(Refusal::bad("$count is not currently supported.")),
            Route::GroupMembers => self.list_members(call, target, false).map(json),
            Route::GroupTransitiveMembers => self.list_members(call, target, true).map(json),
            Route::UserMemberOf | Route::GroupMemberOf => {
                self.list_member_of(call, target, false).map(json)
            }
            Route::UserTransitiveMemberOf => self.list_member_of(call, target, true).map(json),
            Route::GetByIds => self.get_by_ids(call).map(json),
            Route::Organization => Ok(json(self.organization(call))),
            Route::Batch | Route::Token | Route::Other => {
                Err(Refusal::bad("Not a Graph resource."))
            }
        }
    }

    fn organization(&self, call: &Call) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        render::open_page(
            &mut out,
            &format!("{}/v1.0/$metadata#organization", call.origin),
            None,
            None,
        );
        let domains = r#"[{"name":"contoso.example","isDefault":true},{"name":"contoso.onmicrosoft.com","isInitial":true}]"#;
        let body = format!(
            r#"{{"id":"{}","displayName":"Contoso","verifiedDomains":{domains}}}]}}"#,
            self.tenant_id
        );
        out.extend_from_slice(body.as_bytes());
        out
    }

    fn throttled(&self, call: &Call, wait: Duration) -> Reply {
        let mut reply = self.refuse(
            &Refusal::new(429, "TooManyRequests", "Too many requests"),
            call,
        );
        let style = match self.behaviour.read().retry_after {
            RetryAfter::Mixed => [
                RetryAfter::Always,
                RetryAfter::Fractional,
                RetryAfter::Never,
            ]
            .get(fastrand::usize(..3))
            .copied()
            .unwrap_or_default(),
            style => style,
        };
        match style {
            RetryAfter::Always | RetryAfter::Mixed => {
                reply
                    .headers
                    .push(("Retry-After".into(), wait.as_secs_f64().ceil().to_string()));
            }
            RetryAfter::Fractional => reply
                .headers
                .push(("Retry-After".into(), format!("{:.3}", wait.as_secs_f64()))),
            RetryAfter::Never => {}
        }
        let app = self.app.read();
        let scope = format!(
            "Tenant_Application/ReadWrite/{}/{}",
            app.client_id, self.tenant_id
        );
        reply.headers.push(("x-ms-throttle-scope".into(), scope));
        reply.headers.push((
            "x-ms-throttle-information".into(),
            "ResourceUnitLimitExceeded".into(),
        ));
        reply
    }
}
