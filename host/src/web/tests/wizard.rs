//! Making a connector step by step, and changing one.

use std::sync::Arc;

use serde_json::json;

use crate::access::{NewSession, Role};
use crate::api::testing::{Answer, Host, ask};
use crate::catalog::testing::{MadeUp, PLUGIN};

/// A host with plugins that are made up, and an administrator who is signed in.
pub(super) struct Bench {
    pub(super) host: Host,
    pub(super) admin: NewSession,
    types: Arc<MadeUp>,
}

impl Bench {
    pub(super) async fn new() -> Self {
        let types = Arc::<MadeUp>::default();
        let host = Host::with_types(types.clone()).await;
        let admin = host.session_of("ada", Role::Admin).await;
        Self { host, admin, types }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.get_as(&self.admin, path).await
    }

    pub(super) async fn get_as(&self, session: &NewSession, path: &str) -> Answer {
        let asked = ask("GET", path).page().session(session);
        self.host.call(asked).await
    }

    pub(super) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_as(&self.admin, path, fields).await
    }

    pub(super) async fn post_as(
        &self,
        session: &NewSession,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let asked = ask("POST", path).page().form(fields).session(session);
        self.host.call(asked).await
    }

    /// The path of a draft, without the step.
    async fn draft(&self) -> String {
        let begun = self
            .post(
                "/connectors/new",
                &[
                    ("name", "Contoso"),
                    ("plugin", PLUGIN),
                    ("version", "latest"),
                ],
            )
            .await;
        assert_eq!(begun.status, 303, "{}", begun.text());
        let (draft, step) = begun.location().rsplit_once('/').unwrap();
        assert_eq!(step, "authentication");
        draft.to_owned()
    }

    /// The same with settings and the secret.
    async fn authenticated(&self) -> String {
        let draft = self.draft().await;
        let saved = self
            .post(&format!("{draft}/authentication"), &AUTHENTICATION)
            .await;
        assert_eq!(saved.location(), format!("{draft}/groups"));
        draft
    }

    /// A saved connector.
    pub(super) async fn connector(&self) -> crate::catalog::Connector {
        let new = json!({
            "name": "Contoso", "plugin": PLUGIN, "settings": {"tenantId": "contoso.example"},
            "secrets": {"clientSecret": {"value": "hunter2"}},
        });
        let new = serde_json::from_value(new).unwrap();
        let catalog = &self.host.stage.plane.catalog;
        catalog
            .create_connector(&crate::catalog::testing::admin(), new)
            .await
            .unwrap()
    }
}

const AUTHENTICATION: [(&str, &str); 4] = [
    ("settings.tenantId", "contoso.example"),
    ("secrets.clientSecret", "hunter2"),
    ("secrets.clientSecret.expiresOn", "2030-01-01"),
    ("action", "save"),
];

pub(super) const PROFILE: [(&str, &str); 16] = [
    ("name", "Nightly"),
    ("active", "on"),
    ("schedule.rhythm.kind", "every"),
    ("schedule.rhythm.count", "1"),
    ("schedule.rhythm.unit", "days"),
    ("schedule.rhythm.start", "2026-01-01T02:00"),
    ("schedule.zone", "UTC"),
    ("schedule.jitterSeconds", "0"),
    ("baseline", "weekly"),
    ("guard.users.share", "20"),
    ("guard.users.count", "50"),
    ("guard.groups.share", "20"),
    ("guard.groups.count", "50"),
    ("guard.memberships.share", "20"),
    ("guard.memberships.count", "50"),
    ("action", "save"),
];

/// Fields with one of another value.
pub(super) fn with<'a>(
    fields: &[(&'a str, &'a str)],
    name: &'a str,
    value: &'a str,
) -> Vec<(&'a str, &'a str)> {
    let others = fields.iter().copied().filter(|(own, _)| *own != name);
    others.chain([(name, value)]).collect()
}

#[tokio::test]
async fn a_connector_is_made_step_by_step() {
    let bench = Bench::new().await;
    let choice = bench.get("/connectors/new").await.text();
    assert!(choice.contains("Choose a plugin"), "{choice}");
    let first = bench.get("/connectors/new?plugin=entra").await.text();
    assert!(first.contains("aria-current=\"step\""), "{first}");

    let draft = bench.authenticated().await;
    let step = |name: &str| format!("{draft}/{name}");
    let groups = bench
        .post(&step("groups"), &[("scope", "all"), ("action", "save")])
        .await;
    assert_eq!(groups.location(), step("map"));
    let map = [("map", "default.entra.with-mail"), ("action", "save")];
    let map = bench.post(&step("map"), &map).await;
    assert_eq!(map.location(), step("profile"));
    let profile = bench.post(&step("profile"), &PROFILE).await;
    assert_eq!(profile.location(), step("review"), "{}", profile.text());

    let review = bench.get(&step("review")).await.text();
    for shown in [
        "Contoso",
        "contoso.example",
        "set, valid until 2030-01-01",
        "All groups of the source",
        "With mail",
        "every day at 02:00, UTC",
        "Never tested",
        "class=\"time-line\"",
    ] {
        assert!(review.contains(shown), "{shown} in {review}");
    }
    assert!(!review.contains("hunter2") && !review.contains("can't be created"));

    let made = bench.post(&step("review"), &[]).await;
    let id = draft.rsplit('/').next().unwrap();
    assert_eq!(made.location(), format!("/connectors/{id}"));
    let again = bench.post(&step("review"), &[]).await;
    assert_eq!(again.location(), made.location(), "pressed twice");
    let catalog = &bench.host.stage.plane.catalog;
    let id = id.parse().unwrap();
    let (profiles, _) = catalog.profiles(id, None, 10).await.unwrap();
    assert_eq!(profiles[0].map.id, "default.entra.with-mail");
    assert_eq!(catalog.connector(id).await.unwrap().name, "Contoso");
    assert_eq!(bench.get(&draft).await.status, 404);
}

#[tokio::test]
async fn only_administrators_make_connectors_and_only_the_owner_sees_a_draft() {
    let bench = Bench::new().await;
    let draft = bench.authenticated().await;
    for (name, role) in [("vic", Role::Viewer), ("olga", Role::Operator)] {
        let session = bench.host.session_of(name, role).await;
        for path in ["/connectors/new", &format!("{draft}/authentication")] {
            assert_eq!(bench.get_as(&session, path).await.status, 403);
            assert_eq!(bench.post_as(&session, path, &[]).await.status, 403);
        }
    }
    let other = bench.host.session_of("bob", Role::Admin).await;
    let list = bench.get_as(&other, "/connectors/new").await.text();
    assert!(!list.contains("Unfinished"), "{list}");
    for step in [
        "basic",
        "authentication",
        "groups",
        "map",
        "profile",
        "review",
        "discard",
    ] {
        let path = format!("{draft}/{step}");
        assert_eq!(bench.get_as(&other, &path).await.status, 404, "{step}");
    }
    let taken = bench.post_as(&other, &format!("{draft}/review"), &[]).await;
    assert_eq!(taken.status, 404);
}

#[tokio::test]
async fn unfinished_connectors_are_listed_to_be_continued_or_discarded() {
    let bench = Bench::new().await;
    let draft = bench.authenticated().await;
    let list = bench.get("/connectors/new").await.text();
    assert!(list.contains("Contoso") && list.contains("Groups") && list.contains("1 set"));
    let next = bench.get(&draft).await;
    assert_eq!(next.location(), format!("{draft}/groups"));
    let ask = bench.get(&format!("{draft}/discard")).await.text();
    assert!(ask.contains("1 secret that you entered"), "{ask}");
    let discarded = bench.post(&format!("{draft}/discard"), &[]).await;
    assert_eq!(discarded.location(), "/connectors");
    assert_eq!(bench.get(&draft).await.status, 404);
}

#[tokio::test]
async fn what_is_wrong_is_told_beside_the_fields_and_what_was_entered_stays() {
    let bench = Bench::new().await;
    let nameless = [("name", " "), ("plugin", PLUGIN), ("description", "Ours")];
    let again = bench.post("/connectors/new", &nameless).await;
    assert_eq!(again.status, 422);
    assert!(again.text().contains("id=\"name-error\"") && again.text().contains("Ours"));

    let draft = bench.draft().await;
    let path = format!("{draft}/authentication");
    let wrong = with(&AUTHENTICATION, "settings.tenantId", "common");
    let again = bench.post(&path, &wrong).await;
    assert_eq!(again.status, 422);
    let text = again.text();
    assert!(text.contains("id=\"settings.tenantId-error\""), "{text}");
    assert!(text.contains("value=\"common\""), "{text}");
    assert!(
        text.contains("Replace") && !text.contains("hunter2"),
        "{text}"
    );
    let list = bench.get("/connectors/new").await.text();
    assert!(
        list.contains("Authentication"),
        "the step is still to be done"
    );
}

#[tokio::test]
async fn a_secret_is_kept_where_nothing_is_entered_and_never_shown() {
    let bench = Bench::new().await;
    let draft = bench.authenticated().await;
    let path = format!("{draft}/authentication");
    let without = with(&AUTHENTICATION, "secrets.clientSecret", "");
    let saved = bench.post(&path, &without).await;
    assert_eq!(saved.status, 303);
    let page = bench.get(&path).await.text();
    assert!(page.contains("Set</span>") && page.contains("value=\"2030-01-01\""));
    assert!(!page.contains("hunter2"));
}

#[tokio::test]
async fn a_connection_is_tested_with_what_was_entered() {
    let bench = Bench::new().await;
    let draft = bench.draft().await;
    let path = format!("{draft}/authentication");
    let test = with(&AUTHENTICATION, "action", "test");
    let tested = bench.post(&path, &test).await;
    assert_eq!(tested.location(), format!("{path}#tested"));
    let asked = bench.types.asked.lock().unwrap().len();
    assert_eq!(asked, 1);
    let page = bench.get(&path).await.text();
    assert!(
        page.contains("a token") && page.contains("Passed"),
        "{page}"
    );
    bench
        .post(&path, &with(&AUTHENTICATION, "settings.cloud", "china"))
        .await;
    let page = bench.get(&path).await.text();
    assert!(page.contains("were changed since"), "{page}");
}

#[tokio::test]
async fn groups_are_looked_for_chosen_and_removed() {
    let bench = Bench::new().await;
    let draft = bench.authenticated().await;
    let path = format!("{draft}/groups");
    let found = bench.get(&format!("{path}?search=Fin")).await.text();
    assert!(found.contains("[&#34;g&#34;,&#34;Fin&#34;]"), "{found}");
    assert!(found.contains("page=more"), "{found}");
    let add = [
        ("scope", "all"),
        ("add", r#"["g","Finance"]"#),
        ("ids", "h\r\n"),
        ("search", "Fin"),
        ("action", "add"),
    ];
    let added = bench.post(&path, &add).await;
    assert_eq!(added.location(), format!("{path}?search=Fin"));
    let page = bench.get(&path).await.text();
    assert!(
        page.contains("Chosen (2)") && page.contains("Finance"),
        "{page}"
    );
    bench
        .post(&path, &[("scope", "some"), ("remove", "h")])
        .await;
    let page = bench.get(&path).await.text();
    assert!(page.contains("Chosen (1)"), "{page}");
    let saved = bench
        .post(&path, &[("scope", "some"), ("action", "save")])
        .await;
    assert_eq!(saved.location(), format!("{draft}/map"));
    bench
        .post(&path, &[("scope", "some"), ("remove", "g")])
        .await;
    let none = bench
        .post(&path, &[("scope", "some"), ("action", "save")])
        .await;
    assert_eq!(none.status, 422);
    assert!(none.text().contains("No group is chosen"));
}

#[tokio::test]
async fn groups_are_not_looked_for_before_the_source_can_be_asked() {
    let bench = Bench::new().await;
    let draft = bench.draft().await;
    let page = bench.get(&format!("{draft}/groups")).await.text();
    assert!(page.contains("once settings and secrets are in order"));
    assert!(bench.types.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_map_is_cloned_and_chosen_at_once() {
    let bench = Bench::new().await;
    let draft = bench.authenticated().await;
    let path = format!("{draft}/map");
    let page = bench.get(&path).await.text();
    assert!(page.contains("Rules of Default"), "{page}");
    let other = format!("{path}?show=default.entra.with-mail");
    let page = bench.get(&other).await.text();
    assert!(page.contains("userData.emailId"), "{page}");
    let clone = [
        ("map", "default.entra.default"),
        ("name", "Ours"),
        ("action", "clone"),
    ];
    let cloned = bench.post(&path, &clone).await;
    assert_eq!(cloned.location(), path);
    let page = bench.get(&path).await.text();
    assert!(page.contains("Rules of Ours"), "{page}");
    let again = bench.post(&path, &clone).await;
    assert_eq!(again.status, 422);
    assert!(again.text().contains("id=\"name-error\""));
    let stranger = [("map", "default.scim.default"), ("action", "save")];
    assert_eq!(bench.post(&path, &stranger).await.status, 422);
}

#[tokio::test]
async fn a_schedule_is_previewed_without_being_kept() {
    let bench = Bench::new().await;
    let draft = bench.authenticated().await;
    let path = format!("{draft}/profile");
    let preview = with(&PROFILE, "action", "preview");
    let shown = bench.post(&path, &preview).await;
    assert_eq!(shown.status, 200);
    assert_eq!(shown.text().matches("<ol class=\"runs\">").count(), 1);
    assert!(shown.text().contains("Every day at 02:00, UTC"));
    let wrong = with(&preview, "schedule.zone", "Europe/Atlantis");
    let wrong = bench.post(&path, &wrong).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text().contains("id=\"schedule.zone-error\""));
    assert!(wrong.text().contains("Shown once the schedule is in order"));
    let review = bench.get(&format!("{draft}/review")).await.text();
    assert!(review.contains("Not filled in yet"), "{review}");
}

#[tokio::test]
async fn what_is_missing_is_told_at_the_end_with_the_step_that_mends_it() {
    let bench = Bench::new().await;
    let draft = bench.draft().await;
    let review = bench.get(&format!("{draft}/review")).await.text();
    assert!(review.contains("can't be created yet") || review.contains("can&#39;t be created yet"));
    assert!(review.contains(&format!(
        "href=\"{draft}/authentication\">Authentication</a>"
    )));
    assert!(review.contains(&format!("href=\"{draft}/profile\">Profile</a>")));
    let made = bench.post(&format!("{draft}/review"), &[]).await;
    assert_eq!(made.status, 422);
    assert_eq!(bench.get(&draft).await.status, 303, "the draft stays");
}

#[tokio::test]
async fn a_connector_is_changed_and_its_secret_stays_where_none_is_entered() {
    let bench = Bench::new().await;
    let connector = bench.connector().await;
    let path = format!("/connectors/{}/edit", connector.id);
    let page = bench.get(&path).await.text();
    assert!(page.contains("value=\"contoso.example\"") && !page.contains("hunter2"));
    let fields = [
        ("revision", "1"),
        ("name", "Contoso Entra"),
        ("version", "1.0.0"),
        ("settings.tenantId", "fabrikam.example"),
        ("action", "save"),
    ];
    let saved = bench.post(&path, &fields).await;
    assert_eq!(saved.location(), format!("/connectors/{}", connector.id));
    let catalog = &bench.host.stage.plane.catalog;
    let now = catalog.connector(connector.id).await.unwrap();
    assert_eq!((now.name.as_str(), now.revision), ("Contoso Entra", 2));
    assert_eq!(now.settings["tenantId"], "fabrikam.example");
    assert_eq!(now.version.to_string(), "1.0.0");
    assert_eq!(now.secrets[0].set_at, connector.secrets[0].set_at);
}

#[tokio::test]
async fn who_was_slower_is_told_and_may_save_once_more() {
    let bench = Bench::new().await;
    let connector = bench.connector().await;
    let path = format!("/connectors/{}/edit", connector.id);
    let fields = |name| {
        [
            ("revision", "1"),
            ("name", name),
            ("settings.tenantId", "contoso.example"),
            ("action", "save"),
        ]
    };
    assert_eq!(bench.post(&path, &fields("First")).await.status, 303);
    let second = bench.post(&path, &fields("Second")).await;
    assert_eq!(second.status, 412);
    let text = second.text();
    assert!(text.contains("Load what is saved now") && text.contains("value=\"Second\""));
    assert!(text.contains("name=\"revision\" value=\"2\""), "{text}");
}

#[tokio::test]
async fn settings_are_tested_before_they_are_saved() {
    let bench = Bench::new().await;
    let connector = bench.connector().await;
    let path = format!("/connectors/{}/edit", connector.id);
    let fields = [
        ("revision", "1"),
        ("name", "Contoso"),
        ("settings.tenantId", "fabrikam.example"),
        ("secrets.clientSecret", "other"),
        ("action", "test"),
    ];
    let tested = bench.post(&path, &fields).await;
    assert_eq!(tested.status, 200);
    let text = tested.text();
    assert!(
        text.contains("a token") && text.contains("Enter it again"),
        "{text}"
    );
    assert!(!text.contains("value=\"other\""));
    let catalog = &bench.host.stage.plane.catalog;
    assert_eq!(catalog.connector(connector.id).await.unwrap().revision, 1);
    let viewer = bench.host.session_of("vic", Role::Viewer).await;
    assert_eq!(bench.get_as(&viewer, &path).await.status, 403);
    assert_eq!(bench.post_as(&viewer, &path, &fields).await.status, 403);
}

#[tokio::test]
async fn the_guide_and_the_page_for_consent_are_those_of_the_plugin() {
    let bench = Bench::new().await;
    let draft = bench.draft().await;
    let path = format!("{draft}/authentication");
    let page = bench.get(&path).await.text();
    assert!(
        page.contains("<summary>Register the application</summary>"),
        "{page}"
    );
    assert!(page.contains(
        "<li>Open <em>Applications</em> at <a href=\"https://idp.example/apps\" rel=\"noreferrer\">"
    ), "{page}");
    assert!(!page.contains("/consent\""), "settings don't tell it yet");
    let draft = bench.authenticated().await;
    let page = bench.get(&format!("{draft}/authentication")).await.text();
    assert!(
        page.contains("href=\"https://idp.example/contoso.example/consent\""),
        "{page}"
    );
}

#[tokio::test]
async fn groups_of_a_connector_are_chosen_on_a_page_of_their_own_without_a_script() {
    let bench = Bench::new().await;
    let connector = bench.connector().await;
    let edit = format!("/connectors/{}/edit", connector.id);
    let path = format!("{edit}/groups");
    let page = bench.get(&edit).await.text();
    assert!(
        page.contains(&format!("href=\"{path}\"")) && page.contains("All groups of the source")
    );
    assert!(!page.contains("name=\"settings.groups\""), "{page}");
    let page = bench.get(&path).await.text();
    assert!(page.contains("value=\"all\" checked"), "{page}");
    // What is ticked is not lost while others are looked for.
    let fields = [
        ("revision", "1"),
        ("scope", "some"),
        ("add", r#"["g1","Finance"]"#),
        ("ids", "h\r\n"),
        ("search", "Sal"),
        ("action", "search"),
    ];
    let found = bench.post(&path, &fields).await;
    assert_eq!(found.status, 200);
    let text = found.text();
    assert!(
        text.contains("Chosen (2)") && text.contains("Finance"),
        "{text}"
    );
    assert!(text.contains("[&#34;g&#34;,&#34;Sal&#34;]"), "{text}");
    let catalog = &bench.host.stage.plane.catalog;
    assert_eq!(catalog.connector(connector.id).await.unwrap().revision, 1);
    let none = [("revision", "1"), ("scope", "some"), ("action", "save")];
    let refused = bench.post(&path, &none).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("No group is chosen"));
    let some = [
        ("revision", "1"),
        ("scope", "some"),
        ("add", r#"["g1","Finance"]"#),
        ("add", r#"["h",""]"#),
        ("action", "save"),
    ];
    let saved = bench.post(&path, &some).await;
    assert_eq!(saved.location(), format!("/connectors/{}", connector.id));
    let now = catalog.connector(connector.id).await.unwrap();
    assert_eq!(now.settings["groups"], serde_json::json!(["g1", "h"]));
    assert_eq!(
        now.settings["tenantId"], "contoso.example",
        "the rest stays"
    );
    // Other settings are changed without a word about groups.
    let other = [
        ("revision", "2"),
        ("name", "Contoso"),
        ("settings.tenantId", "fabrikam.example"),
        ("action", "save"),
    ];
    bench.post(&edit, &other).await;
    let now = catalog.connector(connector.id).await.unwrap();
    assert_eq!(now.settings["groups"], serde_json::json!(["g1", "h"]));
    assert_eq!(now.settings["tenantId"], "fabrikam.example");
    let late = bench.post(&path, &some).await;
    assert_eq!(late.status, 412);
    let text = late.text();
    assert!(
        text.contains("Load what is saved now") && text.contains("Chosen (2)"),
        "{text}"
    );
    let viewer = bench.host.session_of("vic", Role::Viewer).await;
    assert_eq!(bench.get_as(&viewer, &path).await.status, 403);
    assert_eq!(bench.post_as(&viewer, &path, &some).await.status, 403);
}
