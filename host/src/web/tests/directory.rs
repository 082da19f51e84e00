//! User groups and users.

use std::sync::Arc;

use secrecy::ExposeSecret;
use serde_json::json;
use uuid::Uuid;

use crate::access::{Means, NewSession, Role};
use crate::api::testing::brought::{group, group_of, joined, left, user};
use crate::api::testing::{Answer, Host, ask};
use crate::catalog::testing::{MadeUp, PLUGIN};

const PLATFORM: &str = "11111111-1111-1111-1111-111111111111";

/// A host with a connector, and somebody who looks at its pages.
struct Desk {
    host: Host,
    session: NewSession,
    connector: Uuid,
}

impl Desk {
    async fn new(role: Role) -> Self {
        let host = Host::with_types(Arc::<MadeUp>::default()).await;
        let admin = host.session_of("ada", Role::Admin).await;
        let new = json!({
            "name": "Contoso", "plugin": PLUGIN, "settings": {"tenantId": "contoso.example"},
            "secrets": {"clientSecret": {"value": "hunter2"}},
        });
        let made = ask("POST", "/api/v1/connectors").session(&admin).json(&new);
        let made = host.call(made).await.json();
        let session = host.session_of("eve", role).await;
        Self {
            connector: made["id"].as_str().unwrap().parse().unwrap(),
            host,
            session,
        }
    }

    /// With groups in groups: all > EMEA > Finance.
    async fn with_groups(role: Role) -> Self {
        let desk = Self::new(role).await;
        let changes = vec![
            group("g1", "Contoso All"),
            group("g2", "EMEA"),
            group("g/3", "Finance"),
            user("u1", "Ada Lovelace"),
            user("u2", "Grace Hopper"),
            joined("g1", &["g2", "u2"]),
            joined("g2", &["g/3"]),
            joined("g/3", &["u1"]),
        ];
        desk.host.bring(desk.connector, changes).await;
        desk
    }

    async fn get(&self, path: &str) -> Answer {
        let cookie = self.session.cookie.expose_secret();
        let answer = self.host.call(ask("GET", path).page().cookie(cookie)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer
    }

    async fn send(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let Means::Session { csrf, .. } = &self.session.caller.means else {
            panic!("no session");
        };
        let mut all = vec![("csrf", csrf.expose_secret())];
        all.extend(fields);
        let cookie = self.session.cookie.expose_secret();
        let sent = ask("POST", path).page().cookie(cookie).form(&all);
        self.host.call(sent).await
    }

    fn group(&self, id: &str) -> String {
        format!("/groups/{}/{id}", self.connector)
    }
}

/// The names in the rows of the page's table, in order.
fn names(page: &Answer) -> Vec<String> {
    let text = page.text();
    let rows = text.split("<th scope=\"row\">").skip(1);
    let name = |row: &str| {
        let cell = row.split("</th>").next().unwrap();
        let cell = cell.split("</a>").next().unwrap();
        cell.rsplit('>').next().unwrap().to_owned()
    };
    rows.map(name).collect()
}

/// What an address is that stands before a text.
fn link_to(page: &Answer, text: &str) -> String {
    let whole = page.text();
    let end = whole
        .find(&format!(">{text}</a>"))
        .unwrap_or_else(|| panic!("{text}: {whole}"));
    let start = whole[..end].rfind("href=\"").unwrap() + 6;
    let address = whole[start..end].split('"').next().unwrap();
    address.replace("&#38;", "&").replace("&amp;", "&")
}

#[tokio::test]
async fn before_anything_was_brought_the_lists_lead_to_the_connectors() {
    let host = Host::new().await;
    let session = host.session_of("eve", Role::Viewer).await;
    let cookie = session.cookie.expose_secret();
    let page = host.call(ask("GET", "/groups").page().cookie(cookie)).await;
    assert!(page.text().contains("There is no connector yet"));
    let desk = Desk::new(Role::Viewer).await;
    for path in ["/groups", "/users"] {
        let page = desk.get(path).await;
        assert!(page.text().contains("No run has brought"));
        assert!(
            page.text()
                .contains("class=\"button primary\" href=\"/connectors\"")
        );
    }
}

#[tokio::test]
async fn groups_are_listed_with_their_count_and_sorted_by_their_columns() {
    let desk = Desk::with_groups(Role::Viewer).await;
    let page = desk.get("/groups").await;
    assert_eq!(names(&page), ["Contoso All", "EMEA", "Finance"]);
    assert!(
        page.text()
            .contains("<caption role=\"status\">3 groups</caption>")
    );
    assert!(page.text().contains("aria-sort=\"ascending\""));
    let by_members = link_to(&page, "Direct members");
    let sorted = desk.get(&by_members).await;
    assert!(
        sorted
            .text()
            .contains("class=\"num\" aria-sort=\"descending\"")
    );
    assert_eq!(names(&sorted)[0], "Contoso All");
    let other_way = link_to(&sorted, "Direct members");
    assert_eq!(names(&desk.get(&other_way).await)[2], "Contoso All");
    let address = link_to(&page, "Finance");
    assert_eq!(
        address,
        desk.group("g%2F3"),
        "identifiers stay one part of the path"
    );
    assert!(desk.get(&address).await.text().contains("<h1>Finance</h1>"));
}

#[tokio::test]
async fn groups_are_narrowed_to_a_kind_which_their_plugin_names() {
    let desk = Desk::new(Role::Viewer).await;
    let changes = vec![
        group_of("team", "g1", "Finance"),
        group_of("list", "g2", "EMEA"),
        group_of("of-another-version", "g3", "Sales"),
        group("g4", "Board"),
    ];
    desk.host.bring(desk.connector, changes).await;
    let page = desk.get("/groups").await;
    let text = page.text();
    assert!(
        text.contains("<option value=\"list\">Mailing list</option>"),
        "{text}"
    );
    assert!(text.contains("<td data-label=\"Kind\">Mailing list</td>"));
    assert!(text.contains("<td data-label=\"Kind\">of-another-version</td>"));
    let by_kind = desk.get(&link_to(&page, "Kind")).await;
    assert_eq!(names(&by_kind), ["Board", "EMEA", "Sales", "Finance"]);
    let teams = desk.get("/groups?kind=team").await;
    assert_eq!(names(&teams), ["Finance"]);
    assert!(teams.text().contains("<option value=\"team\" selected>"));
    let file = desk.get(&link_to(&teams, "As CSV")).await;
    assert!(file.text().contains("Finance") && !file.text().contains("EMEA"));
    let group = desk.get(&desk.group("g2")).await;
    assert!(group.text().contains("<dt>Kind</dt><dd>Mailing list</dd>"));
    let none = desk.get("/groups?kind=team&text=x").await;
    assert!(none.text().contains("List all"));
}

#[tokio::test]
async fn users_are_sorted_by_how_many_groups_they_are_in() {
    let desk = Desk::with_groups(Role::Viewer).await;
    let more = vec![group("g4", "Board"), joined("g4", &["u2"])];
    desk.host.bring(desk.connector, more).await;
    let page = desk.get("/users").await;
    let sorted = desk.get(&link_to(&page, "Direct groups")).await;
    assert_eq!(names(&sorted), ["Grace Hopper", "Ada Lovelace"]);
    let left = vec![left("g4", &["u2"]), left("g1", &["u2"])];
    desk.host.bring(desk.connector, left).await;
    let sorted = desk.get(&link_to(&page, "Direct groups")).await;
    assert_eq!(names(&sorted), ["Ada Lovelace", "Grace Hopper"]);
}

#[tokio::test]
async fn a_name_that_none_begins_with_can_be_looked_for_anywhere() {
    let desk = Desk::with_groups(Role::Viewer).await;
    let page = desk
        .get("/groups?text=contoso&match=&connector=&link=&since=")
        .await;
    assert_eq!(names(&page), ["Contoso All"]);
    let page = desk.get("/groups?text=nance").await;
    assert!(
        page.text().contains("name begins with “nance”"),
        "{}",
        page.text()
    );
    let anywhere = link_to(&page, "Look anywhere in the names");
    assert_eq!(names(&desk.get(&anywhere).await), ["Finance"]);
    let page = desk.get("/users?text=nobody&match=substring").await;
    assert!(!page.text().contains("Look anywhere"));
}

#[tokio::test]
async fn lists_go_on_by_pages_and_keep_their_count() {
    let desk = Desk::new(Role::Viewer).await;
    let users = (0..51).map(|n| user(&format!("u{n}"), &format!("User {n:02}")));
    desk.host.bring(desk.connector, users.collect()).await;
    let first = desk.get("/users?sort=name&order=desc").await;
    assert_eq!(names(&first).len(), 50);
    let second = desk.get(&link_to(&first, "Next page")).await;
    assert_eq!(names(&second), ["User 00"]);
    assert!(second.text().contains("51 users"));
    let back = desk.get(&link_to(&second, "First page")).await;
    assert_eq!(names(&back), names(&first));
}

#[tokio::test]
async fn filters_that_cant_be_read_are_told_and_passed_over() {
    let desk = Desk::with_groups(Role::Viewer).await;
    let page = desk.get("/groups?platform=x&since=yesterday").await;
    assert!(page.text().contains("Platform group: It is no UUID."));
    assert!(page.text().contains("Changed since: It is no day."));
    assert_eq!(names(&page).len(), 3);
    let page = desk.get("/groups?since=2099-01-01").await;
    assert!(page.text().contains("No group is as wanted."));
}

#[tokio::test]
async fn effective_members_are_beside_the_groups_that_make_them_so() {
    let desk = Desk::with_groups(Role::Viewer).await;
    let direct = desk.get(&desk.group("g1")).await;
    assert_eq!(names(&direct), ["EMEA", "Grace Hopper"]);
    let effective = desk.get(&link_to(&direct, "Effective members")).await;
    assert_eq!(
        names(&effective),
        ["Ada Lovelace", "EMEA", "Finance", "Grace Hopper"]
    );
    assert!(effective.text().contains("Contoso All › EMEA › Finance"));
    let found = desk
        .get(&format!("{}?show=effective&text=love", desk.group("g1")))
        .await;
    assert_eq!(names(&found), ["Ada Lovelace"]);
    let why = desk.get(&format!("{}/members/u1", desk.group("g1"))).await;
    assert!(why.text().contains("Why Ada Lovelace is in Contoso All"));
    assert!(
        why.text()
            .contains(&format!("href=\"{}\">Finance</a>", desk.group("g%2F3")))
    );
    let not = desk.get(&format!("{}/members/u2", desk.group("g2"))).await;
    assert!(not.text().contains("is no member of EMEA"));
    let inside = desk.get(&format!("{}?show=in", desk.group("g%2F3"))).await;
    assert_eq!(names(&inside), ["Contoso All", "EMEA"]);
}

#[tokio::test]
async fn a_users_groups_are_told_with_the_way_to_the_user() {
    let desk = Desk::with_groups(Role::Viewer).await;
    let page = desk.get("/users?text=ada").await;
    let address = link_to(&page, "Ada Lovelace");
    let page = desk.get(&address).await;
    assert_eq!(names(&page), ["Finance"]);
    let effective = desk.get(&link_to(&page, "Effective groups")).await;
    assert_eq!(names(&effective), ["Contoso All", "EMEA", "Finance"]);
    assert!(effective.text().contains("Contoso All › EMEA › Finance"));
}

#[tokio::test]
async fn who_joined_and_left_is_told_newest_first() {
    let desk = Desk::with_groups(Role::Viewer).await;
    desk.host
        .bring(desk.connector, vec![left("g1", &["u2"])])
        .await;
    let page = desk
        .get(&format!("{}?show=changes", desk.group("g1")))
        .await;
    assert_eq!(names(&page), ["Grace Hopper", "EMEA", "Grace Hopper"]);
    assert!(
        page.text()
            .contains("<caption>2 joined, 1 left, newest first</caption>")
    );
    let text = page.text();
    assert!(text.find("− Left").unwrap() < text.find("+ Joined").unwrap());
    let user = format!("/users/{}/u2?show=changes", desk.connector);
    assert_eq!(
        names(&desk.get(&user).await),
        ["Contoso All", "Contoso All"]
    );
}

#[tokio::test]
async fn a_mapped_record_is_beside_the_source_of_its_fields() {
    let desk = Desk::with_groups(Role::Viewer).await;
    let user = format!("/users/{}/u1?show=record", desk.connector);
    let text = desk.get(&user).await.text();
    assert!(text.contains("<code>externalId</code>") && text.contains("<code>id</code>"));
    assert!(text.contains("u1@contoso.example") && text.contains("no rule in force"));
    let text = desk
        .get(&format!("{}?show=record", desk.group("g2")))
        .await
        .text();
    assert!(text.contains("<code>idpGroup</code>"));
}

#[tokio::test]
async fn an_admin_links_a_group_and_removes_the_link_after_a_question() {
    let desk = Desk::with_groups(Role::Admin).await;
    let path = desk.group("g2");
    let links = format!("{path}/links");
    let wrong = desk.send(&links, &[("platformGroups", "nonsense")]).await;
    assert_eq!(wrong.status, 422);
    assert!(
        wrong.text().contains("“nonsense”: It is no UUID."),
        "{}",
        wrong.text()
    );
    assert!(wrong.text().contains(">nonsense</textarea>"));
    let two = format!("{PLATFORM}\r\n22222222-2222-2222-2222-222222222222");
    let done = desk.send(&links, &[("platformGroups", &two)]).await;
    assert_eq!(
        (done.status.as_u16(), done.location()),
        (303, path.as_str())
    );
    assert_eq!(names(&desk.get("/groups?link=any").await), ["EMEA"]);
    let to_it = format!("/groups?platform={PLATFORM}");
    assert_eq!(names(&desk.get(&to_it).await), ["EMEA"]);
    assert_eq!(
        names(&desk.get("/groups?link=none").await),
        ["Contoso All", "Finance"]
    );
    let question = desk.get(&format!("{links}/remove")).await;
    assert!(question.text().contains(PLATFORM) && question.text().contains("stay"));
    let done = desk.send(&format!("{links}/remove"), &[]).await;
    assert_eq!(done.location(), path);
    assert!(desk.get(&path).await.text().contains("feeds no group"));
}

#[tokio::test]
async fn a_viewer_and_an_operator_neither_see_how_to_link_a_group_nor_may_do_it() {
    for role in [Role::Viewer, Role::Operator] {
        let desk = Desk::with_groups(role).await;
        let path = desk.group("g2");
        assert!(
            !desk
                .get(&path)
                .await
                .text()
                .contains("<form method=\"post\" action=\"/groups")
        );
        assert!(!desk.get(&path).await.text().contains("platformGroups"));
        let links = format!("{path}/links");
        let sent = desk.send(&links, &[("platformGroups", PLATFORM)]).await;
        assert_eq!(sent.status, 403);
        assert_eq!(desk.send(&format!("{links}/remove"), &[]).await.status, 403);
    }
}

#[tokio::test]
async fn names_from_the_source_are_text() {
    let desk = Desk::new(Role::Viewer).await;
    let name = "<script>alert(1)</script> & \"x\"";
    let changes = vec![group("g<1>", name), joined("g<1>", &["u\"1"])];
    desk.host.bring(desk.connector, changes).await;
    for path in [
        "/groups",
        &desk.group("g%3C1%3E"),
        &format!("{}?show=changes", desk.group("g%3C1%3E")),
    ] {
        let text = desk.get(path).await.text();
        assert!(!text.contains("<script>alert"), "{path}");
        assert!(!text.contains("u\"1"), "{path}");
    }
}

#[tokio::test]
async fn exports_carry_what_the_list_is_narrowed_to() {
    let desk = Desk::with_groups(Role::Viewer).await;
    let page = desk.get("/groups?text=e&sort=members&order=desc").await;
    let csv = link_to(&page, "As CSV");
    let file = desk.get(&csv).await;
    assert!(file.text().contains("EMEA") && !file.text().contains("Finance"));
    let page = desk
        .get(&format!("{}?show=effective", desk.group("g1")))
        .await;
    let file = desk.get(&link_to(&page, "As NDJSON")).await;
    assert_eq!(file.text().lines().count(), 4);
    let user = Uuid::nil();
    let cookie = desk.session.cookie.expose_secret();
    let missing = ask("GET", &format!("/users/{user}/x"))
        .page()
        .cookie(cookie);
    assert_eq!(desk.host.call(missing).await.status, 404);
}
