use super::csrf_of;
use crate::access::Role;
use crate::api::testing::{Host, ask};

#[tokio::test]
async fn before_there_is_a_user_every_page_leads_to_setting_up() {
    let host = Host::unconfigured().await;
    let answer = host.call(ask("GET", "/connectors").page()).await;
    assert_eq!((answer.status.as_u16(), answer.location()), (303, "/setup"));
    let form = host.call(ask("GET", "/setup").page()).await;
    assert!(form.text().contains("Create the first administrator"));
}

#[tokio::test]
async fn a_wrong_code_is_told_on_the_form_and_the_right_one_signs_in() {
    use secrecy::ExposeSecret;
    let host = Host::unconfigured().await;
    let code = host.stage.plane.access.setup_code().await.unwrap().unwrap();
    let send = async |code: &str| {
        let fields = [
            ("code", code),
            ("name", "root"),
            ("password", "correct horse battery"),
        ];
        host.call(ask("POST", "/setup").page().form(&fields)).await
    };
    let wrong = send("AAAAA-AAAAA-AAAAA-AAAAA").await;
    assert_eq!(wrong.status, 422);
    assert!(
        wrong.text().contains("access.setup-code"),
        "{}",
        wrong.text()
    );
    assert!(!wrong.text().contains("correct horse"));
    let right = send(code.expose_secret()).await;
    assert_eq!((right.status.as_u16(), right.location()), (303, "/"));
    let session = right.cookie().unwrap();
    let home = host.call(ask("GET", "/").page().cookie(&session)).await;
    assert_eq!(home.location(), "/connectors");
}

#[tokio::test]
async fn who_is_not_signed_in_signs_in_and_comes_back_to_the_page() {
    let host = Host::new().await;
    let answer = host.call(ask("GET", "/groups?text=a").page()).await;
    assert_eq!(answer.location(), "/sign-in?back=%2Fgroups%3Ftext%3Da");
    let form = host.call(ask("GET", answer.location()).page()).await;
    assert!(form.text().contains("value=\"/groups?text=a\""));
}

#[tokio::test]
async fn signing_in_never_leads_to_another_site() {
    let host = Host::new().await;
    let form = host
        .call(ask("GET", "/sign-in?back=//contoso.example").page())
        .await;
    assert!(
        form.text().contains("name=\"back\" value=\"/\""),
        "{}",
        form.text()
    );
}

#[tokio::test]
async fn a_link_of_another_site_is_followed_once_more_so_that_the_session_comes_along() {
    let host = Host::new().await;
    let asked = ask("GET", "/groups")
        .page()
        .header("sec-fetch-site", "cross-site");
    let answer = host.call(asked).await;
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("content=\"0;url=/groups\""));
}

#[tokio::test]
async fn pages_may_load_nothing_of_others_and_hold_no_script_or_style() {
    let host = Host::new().await;
    let page = host.call(ask("GET", "/sign-in").page()).await;
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"));
    assert!(!page.text().contains("style=") && !page.text().contains("<style"));
    assert!(!page.text().contains("onclick=") && !page.text().contains("<script>"));
}

#[tokio::test]
async fn style_and_scripts_are_kept_for_good_under_an_address_of_their_content() {
    let host = Host::unconfigured().await;
    let page = host.call(ask("GET", "/setup").page()).await.text();
    let address = page
        .split('"')
        .find(|part| part.ends_with("/style.css"))
        .unwrap();
    let style = host.call(ask("GET", address)).await;
    assert_eq!(style.status, 200);
    let kept = style.headers["cache-control"].to_str().unwrap();
    assert!(kept.contains("immutable"));
    let old = host.call(ask("GET", "/assets/0000/style.css")).await;
    assert_eq!(old.status, 404);
}

#[tokio::test]
async fn a_form_without_the_sessions_token_is_refused_with_a_page() {
    let host = Host::new().await;
    let session = host.session_of("ann", Role::Viewer).await;
    use secrecy::ExposeSecret;
    let cookie = session.cookie.expose_secret();
    let answer = host
        .call(ask("POST", "/sign-out").page().cookie(cookie).form(&[]))
        .await;
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("load the page again"));
    let fields = [("csrf", csrf_of(&session))];
    let fields = fields
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let answer = host
        .call(ask("POST", "/sign-out").page().cookie(cookie).form(&fields))
        .await;
    assert_eq!(answer.location(), "/sign-in");
}

#[tokio::test]
async fn a_program_gets_problems_as_json() {
    let host = Host::new().await;
    let answer = host.call(ask("POST", "/sign-out")).await;
    assert_eq!(answer.code(), "access.sign-in");
}
