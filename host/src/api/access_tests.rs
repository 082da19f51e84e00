//! Signing in and being recognised, over the API.

use serde_json::json;

use super::testing::{Answer, Host, ask};
use crate::access::testing::PASSWORD;
use crate::access::{AccessPolicy, CSRF_HEADER, OverTls, Role};

fn credentials(name: &str, password: &str) -> serde_json::Value {
    json!({"name": name, "password": password})
}

async fn sign_in(host: &Host) -> Answer {
    let request = ask("POST", "/api/v1/session").json(&credentials("root", PASSWORD));
    let answer = host.call(request).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer
}

mod setting_up {
    use super::*;
    use secrecy::ExposeSecret;

    #[tokio::test]
    async fn the_code_from_the_terminal_makes_an_admin_who_is_signed_in() {
        let host = Host::unconfigured().await;
        let access = &host.stage.plane.access;
        let code = access.setup_code().await.unwrap().unwrap();
        let body = json!({"code": code.expose_secret(), "name": "root", "password": PASSWORD});
        let answer = host.call(ask("POST", "/api/v1/setup").json(&body)).await;
        assert_eq!(answer.status, 201, "{}", answer.json());
        let cookie = answer.cookie().unwrap();
        let who = host
            .call(ask("GET", "/api/v1/session").cookie(&cookie))
            .await;
        assert_eq!(who.json()["by"], "setup");
        assert_eq!(who.json()["role"], "admin");
        let again = host.call(ask("POST", "/api/v1/setup").json(&body)).await;
        assert_eq!(
            (again.status.as_u16(), again.code().as_str()),
            (409, "access.already-set-up")
        );
        let actions: Vec<String> = access
            .deeds()
            .await
            .into_iter()
            .map(|deed| deed.0)
            .collect();
        assert_eq!(actions, ["user.create", "session.sign-in"]);
    }

    #[tokio::test]
    async fn a_wrong_code_is_refused() {
        let host = Host::unconfigured().await;
        let body = json!({"code": "x", "name": "root", "password": PASSWORD});
        let answer = host.call(ask("POST", "/api/v1/setup").json(&body)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (403, "access.setup-code")
        );
    }
}

mod sessions {
    use super::*;

    #[tokio::test]
    async fn the_cookie_is_out_of_reach_of_scripts_and_other_sites() {
        let host = Host::new().await;
        let set = sign_in(&host).await.headers["set-cookie"].clone();
        let set = set.to_str().unwrap();
        for part in [
            "connector_session=",
            "HttpOnly",
            "SameSite=Strict",
            "Path=/",
        ] {
            assert!(set.contains(part), "{set}");
        }
        assert!(!set.contains("Secure") && !set.contains("Domain"), "{set}");
        let request = ask("POST", "/api/v1/session").json(&credentials("root", PASSWORD));
        let answer = host.call(request.extension(OverTls)).await;
        let set = answer.headers["set-cookie"].to_str().unwrap();
        assert!(set.contains("Secure"), "{set}");
    }

    #[tokio::test]
    async fn whoever_signed_in_is_told_who_they_are_and_can_sign_out() {
        let host = Host::new().await;
        let answer = sign_in(&host).await;
        let cookie = answer.cookie().unwrap();
        let csrf = answer.json()["csrfToken"].as_str().unwrap().to_owned();
        let who = host
            .call(ask("GET", "/api/v1/session").cookie(&cookie))
            .await;
        assert_eq!(who.json(), answer.json());
        let out = ask("DELETE", "/api/v1/session").cookie(&cookie);
        let out = host.call(out.header(CSRF_HEADER, &csrf)).await;
        assert_eq!(out.status, 204);
        assert!(
            out.headers["set-cookie"]
                .to_str()
                .unwrap()
                .contains("Max-Age=0")
        );
        let after = host
            .call(ask("GET", "/api/v1/session").cookie(&cookie))
            .await;
        assert_eq!(after.status, 401);
        let actions: Vec<String> = host
            .stage
            .plane
            .access
            .deeds()
            .await
            .into_iter()
            .map(|deed| deed.0)
            .collect();
        assert_eq!(actions, ["session.sign-in", "session.sign-out"]);
    }

    #[tokio::test]
    async fn a_session_that_is_over_is_refused_and_forgotten_but_does_not_stand_in_the_way() {
        let host = Host::new().await;
        let old = ask("GET", "/api/v1/audit").cookie("of-a-session-that-is-over");
        let answer = host.call(old).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (401, "access.sign-in")
        );
        assert!(
            answer.headers["set-cookie"]
                .to_str()
                .unwrap()
                .contains("Max-Age=0")
        );
        let again = ask("POST", "/api/v1/session").cookie("of-a-session-that-is-over");
        let again = host.call(again.json(&credentials("root", PASSWORD))).await;
        assert_eq!(again.status, 200);
    }

    #[tokio::test]
    async fn a_change_needs_the_sessions_token_and_a_look_does_not() {
        let host = Host::new().await;
        let session = host.session_of("anna", Role::Admin).await;
        let other = host.session_of("bert", Role::Admin).await;
        let cookie = secrecy::ExposeSecret::expose_secret(&session.cookie);
        let tokens = "/api/v1/tokens";
        let body = json!({"name": "x", "role": "viewer"});
        let looks = host.call(ask("GET", tokens).cookie(cookie)).await;
        assert_eq!(looks.status, 200);
        let without = host
            .call(ask("POST", tokens).cookie(cookie).json(&body))
            .await;
        assert_eq!(
            (without.status.as_u16(), without.code().as_str()),
            (403, "access.csrf")
        );
        let others = ask("POST", tokens)
            .session(&other)
            .cookie(cookie)
            .json(&body);
        assert_eq!(host.call(others).await.status, 403);
        let with = ask("POST", tokens).session(&session).json(&body);
        assert_eq!(host.call(with).await.status, 201);
    }

    #[tokio::test]
    async fn another_site_can_neither_change_something_nor_sign_somebody_in() {
        let host = Host::new().await;
        let session = host.session_of("anna", Role::Admin).await;
        let from_elsewhere = [
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://evil.example"),
        ];
        for (header, value) in from_elsewhere {
            let change = ask("DELETE", "/api/v1/sessions").session(&session);
            let change = host.call(change.header(header, value)).await;
            assert_eq!(
                (change.status.as_u16(), change.code().as_str()),
                (403, "access.csrf")
            );
            let sign_in = ask("POST", "/api/v1/session").json(&credentials("root", PASSWORD));
            let sign_in = host.call(sign_in.header(header, value)).await;
            assert_eq!(
                (sign_in.status.as_u16(), sign_in.code().as_str()),
                (403, "access.csrf")
            );
        }
        let own = ask("DELETE", "/api/v1/sessions").session(&session);
        let own = host
            .call(own.header("origin", "https://sync.contoso.example"))
            .await;
        assert_eq!(own.status, 200);
    }

    #[tokio::test]
    async fn changing_ones_own_password_needs_the_old_one_and_begins_a_new_session() {
        let host = Host::new().await;
        let session = host.session_of("anna", Role::Viewer).await;
        let change = |old: &str| {
            let body = json!({"oldPassword": old, "newPassword": "another password"});
            ask("PUT", "/api/v1/session/password")
                .session(&session)
                .json(&body)
        };
        let wrong = host.call(change("not the old password")).await;
        assert_eq!(wrong.status, 422);
        assert_eq!(wrong.json()["errors"][0]["path"], "oldPassword");
        let changed = host.call(change(PASSWORD)).await;
        assert_eq!(changed.status, 200, "{}", changed.json());
        let old = host
            .call(ask("GET", "/api/v1/session").session(&session))
            .await;
        assert_eq!(old.status, 401);
        let cookie = changed.cookie().unwrap();
        let new = host
            .call(ask("GET", "/api/v1/session").cookie(&cookie))
            .await;
        assert_eq!(new.status, 200);
        let again = ask("POST", "/api/v1/session").json(&credentials("anna", "another password"));
        assert_eq!(host.call(again).await.status, 200);
    }

    #[tokio::test]
    async fn own_sessions_are_listed_with_the_one_that_asks_marked() {
        let host = Host::new().await;
        let session = host.session_of("anna", Role::Viewer).await;
        let access = &host.stage.plane.access;
        access.test_session(&session.caller.user).await;
        let list = host
            .call(ask("GET", "/api/v1/sessions").session(&session))
            .await;
        let list = list.json();
        let current: Vec<bool> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["current"].as_bool().unwrap())
            .collect();
        assert_eq!(current, [false, true]);
    }

    #[tokio::test]
    async fn too_many_attempts_are_told_to_wait() {
        let host = Host::new().await;
        let attempt = async |password| {
            let request = ask("POST", "/api/v1/session").json(&credentials("root", password));
            host.call(request.from("203.0.113.1")).await
        };
        for _ in 0..5 {
            assert_eq!(attempt("not that password").await.status, 401);
        }
        let answer = attempt(PASSWORD).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (429, "access.throttled")
        );
        assert_eq!(answer.headers["retry-after"], "60");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
    }
}

mod tokens {
    use super::*;

    #[tokio::test]
    async fn a_token_is_shown_once_and_works_without_any_cookie() {
        let host = Host::new().await;
        let session = host.session_of("anna", Role::Operator).await;
        let body =
            json!({"name": "nightly", "role": "viewer", "expiresAt": "2026-04-01T00:00:00Z"});
        let made = ask("POST", "/api/v1/tokens").session(&session).json(&body);
        let made = host.call(made).await;
        assert_eq!(made.status, 201, "{}", made.json());
        let token = made.json()["token"].as_str().unwrap().to_owned();
        assert!(token.starts_with("ch_"), "{token}");
        let list = host.call(ask("GET", "/api/v1/tokens").token(&token)).await;
        assert_eq!(list.json()["items"][0]["name"], "nightly");
        assert!(list.json()["items"][0].get("token").is_none());
        let who = host.call(ask("GET", "/api/v1/session").token(&token)).await;
        assert_eq!(who.json()["by"], "token");
        assert_eq!(who.json()["role"], "viewer");
        assert_eq!(who.json()["user"]["role"], "operator");
        assert!(who.json().get("csrfToken").is_none());
        let id = made.json()["id"].as_str().unwrap().to_owned();
        let revoke = ask("DELETE", &format!("/api/v1/tokens/{id}")).token(&token);
        assert_eq!(host.call(revoke).await.status, 204);
        let after = host.call(ask("GET", "/api/v1/session").token(&token)).await;
        assert_eq!(after.status, 401);
    }

    #[tokio::test]
    async fn a_token_that_is_wrong_in_any_way_gets_the_same_answer_as_none() {
        let host = Host::new().await;
        let session = host.session_of("anna", Role::Viewer).await;
        let token = host
            .stage
            .plane
            .access
            .test_token(&session.caller.user)
            .await;
        let none = host.call(ask("GET", "/api/v1/audit")).await;
        for wrong in [format!("{token}x"), "ch_x".into(), String::new()] {
            // Not even a good cookie helps.
            let answer = ask("GET", "/api/v1/audit").session(&session).token(&wrong);
            let answer = host.call(answer).await;
            assert_eq!(answer.status, 401);
            assert_eq!(answer.body, none.body);
        }
        let other = ask("GET", "/api/v1/audit").header("authorization", "Basic eDp5");
        assert_eq!(host.call(other).await.status, 401);
    }

    #[tokio::test]
    async fn what_is_about_a_session_tells_a_token_that_it_has_none() {
        let host = Host::new().await;
        let session = host.session_of("anna", Role::Viewer).await;
        let token = host
            .stage
            .plane
            .access
            .test_token(&session.caller.user)
            .await;
        let answer = host
            .call(ask("DELETE", "/api/v1/session").token(&token))
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (409, "access.no-session")
        );
    }
}

mod users {
    use super::*;

    #[tokio::test]
    async fn an_admin_makes_changes_and_deletes_users() {
        let host = Host::new().await;
        let admin = host.session_of("boss", Role::Admin).await;
        let body = json!({"name": "anna", "role": "viewer", "password": PASSWORD});
        let made = ask("POST", "/api/v1/users").session(&admin).json(&body);
        let made = host.call(made).await;
        assert_eq!(made.status, 201, "{}", made.json());
        let (place, etag) = (&made.headers["location"], &made.headers["etag"]);
        let (place, etag) = (place.to_str().unwrap(), etag.to_str().unwrap());
        assert!(!String::from_utf8_lossy(&made.body).contains("argon2"));
        let body =
            json!({"name": "anna", "displayName": "Anna", "role": "operator", "disabled": false});
        let change = || ask("PUT", place).session(&admin).json(&body);
        assert_eq!(host.call(change()).await.status, 428);
        let changed = host.call(change().header("if-match", etag)).await;
        assert_eq!(changed.status, 200, "{}", changed.json());
        let stale = host.call(change().header("if-match", etag)).await;
        assert_eq!(
            (stale.status.as_u16(), stale.code().as_str()),
            (412, "request.changed-meanwhile")
        );
        let gone = ask("DELETE", place).session(&admin).header("if-match", "*");
        assert_eq!(host.call(gone).await.status, 204);
        let audit = host
            .call(ask("GET", "/api/v1/audit?action=user.").session(&admin))
            .await;
        let audit = audit.json();
        assert_eq!(
            audit["items"][1]["details"],
            json!({"displayName": ["anna", "Anna"], "role": ["viewer", "operator"]})
        );
        assert_eq!(audit["items"][0]["actor"]["name"], "boss");
    }

    #[tokio::test]
    async fn users_are_listed_by_name_a_page_at_a_time() {
        let host = Host::new().await;
        let admin = host.session_of("Boss", Role::Admin).await;
        let mut names = Vec::new();
        let mut path = "/api/v1/users?limit=1".to_owned();
        loop {
            let page = host.call(ask("GET", &path).session(&admin)).await.json();
            names.push(page["items"][0]["name"].as_str().unwrap().to_owned());
            let Some(next) = page["next"].as_str() else {
                break;
            };
            path = format!("/api/v1/users?limit=1&cursor={next}");
        }
        assert_eq!(names, ["Boss", "root"]);
    }

    #[tokio::test]
    async fn a_viewer_sees_itself_and_nobody_else() {
        let host = Host::new().await;
        let anna = host.session_of("anna", Role::Viewer).await;
        let bert = host.session_of("bert", Role::Viewer).await;
        let show = async |id: uuid::Uuid| {
            let request = ask("GET", &format!("/api/v1/users/{id}"));
            host.call(request.session(&anna)).await.status
        };
        assert_eq!(show(anna.caller.user.id).await, 200);
        assert_eq!(show(bert.caller.user.id).await, 404);
        assert_eq!(show(uuid::Uuid::now_v7()).await, 404);
    }
}

#[tokio::test]
async fn a_trusted_proxys_word_on_the_address_is_what_is_written_down() {
    let host = Host::under(AccessPolicy {
        trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
        ..AccessPolicy::default()
    })
    .await;
    host.stage.plane.access.test_user("root", Role::Admin).await;
    let request = ask("POST", "/api/v1/session").json(&credentials("root", "not that password"));
    let request = request
        .from("10.0.0.1")
        .header("x-forwarded-for", "203.0.113.9");
    assert_eq!(host.call(request).await.status, 401);
    let filter = crate::audit::Filter::default();
    let lines = crate::audit::read(&host.stage.plane.database, &filter, 1)
        .await
        .unwrap();
    assert_eq!(lines[0].address.as_deref(), Some("203.0.113.9"));
}
