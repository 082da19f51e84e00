use proptest::prelude::*;
use serde_json::json;

use super::preview::preview;
use super::*;
use crate::contract::Rule;

fn compile(map: &TransformMap) -> Map {
    let constants = Constants {
        event_type: Some(EVENT_TYPE.to_owned()),
        notification: Some(json!({"channel": "mail", "level": {"min": 2}, "empty": " "})),
        default_country: Some("NL".to_owned()),
    };
    Map::compile(map, &constants).unwrap()
}

fn rule(target: &str, sources: &[&str], functions: &[&str], default: Option<&str>) -> Rule {
    Rule {
        target: target.to_owned(),
        sources: sources.iter().map(|source| (*source).to_owned()).collect(),
        functions: functions.iter().map(|name| (*name).to_owned()).collect(),
        default_value: default.map(str::to_owned),
        note: None,
    }
}

/// The identity rules and these.
fn map(rules: Vec<Rule>) -> TransformMap {
    let mut all = vec![
        rule("identityProviderId", &["id"], &[], None),
        rule("groupInfo[].idpGroup", &["groupInfo[].idpGroup"], &[], None),
    ];
    all.extend(rules);
    TransformMap {
        rules: all,
        ..maps::plain()
    }
}

fn user(text: &str) -> User<'_> {
    serde_json::from_str(text).unwrap()
}

const ADA: &str = r#"{"id":"u1","displayName":"Ada King Lovelace","givenName":"Ada","surname":"Lovelace",
    "mail":"ada@contoso.com","userPrincipalName":"ada@contoso.onmicrosoft.com","streetAddress":"1 St James's Sq",
    "country":"UK","jobTitle":"Analyst","preferredLanguage":"en-GB"}"#;

#[test]
fn the_default_map_gives_the_whole_user_document_in_the_order_of_its_rules() {
    assert_eq!(
        compile(&maps::plain()).user_document(&user(ADA)),
        concat!(
            r#"{"identityProviderId":"u1","externalId":"u1","userData":{"userDetails":{"externalId":"u1","#,
            r#""apiExternalId":"u1","emailId":"ada@contoso.com","userPrincipalName":"ada@contoso.onmicrosoft.com","#,
            r#""givenName":"Ada","lastName":"Lovelace","displayName":"Ada King Lovelace","#,
            r#""username":"Ada King Lovelace","address":"1 St James's Sq","country":"UK","title":"Analyst","#,
            r#""language":"en-GB"},"notification":{"channel":"mail","empty":" ","level":{"min":2}}},"eventType":"SYNC"}"#,
        )
    );
}

#[test]
fn the_default_map_gives_one_element_of_group_info_for_a_group() {
    let group: Group<'_> = serde_json::from_str(
        r#"{"id":"g1","displayName":"Sales","classification":"Low","uniqueName":"sales","description":"d"}"#,
    )
    .unwrap();
    assert_eq!(
        compile(&maps::plain()).group_document(&group, &["p1".to_owned(), "p2".to_owned()]),
        concat!(
            r#"{"idpGroup":"g1","qualysGroupUUID":["p1","p2"],"classification":"Low","#,
            r#""customAttributes":{"groupDisplayName":"Sales","uniqueName":"sales"}}"#
        )
    );
    let bare: Group<'_> = serde_json::from_str(r#"{"id":"g1","classification":null}"#).unwrap();
    assert_eq!(
        compile(&maps::plain()).group_document(&bare, &[]),
        r#"{"idpGroup":"g1"}"#
    );
}

#[test]
fn absent_null_and_blank_all_mean_no_value() {
    let plain = compile(&maps::plain());
    let absent = plain.user_document(&user(r#"{"id":"u"}"#));
    assert_eq!(
        plain.user_document(&user(
            r#"{"id":"u","mail":null,"country":"","jobTitle":" \t"}"#
        )),
        absent
    );
    assert!(!absent.contains("emailId") && !absent.contains("null"));
}

#[test]
fn the_order_of_properties_in_the_answer_does_not_matter() {
    let map = compile(&maps::filled());
    assert_eq!(
        map.user_document(&user(r#"{"id":"u","mail":"a@b","displayName":"A"}"#)),
        map.user_document(&user(
            r#"{"displayName":"\u0041","other":[1],"mail":"a@b","id":"u"}"#
        )),
    );
}

#[test]
fn platform_defaults_fill_in_what_is_missing() {
    let map = compile(&maps::filled());
    let document: Value = serde_json::from_str(
        &map.user_document(&user(r#"{"id":"u","displayName":"Ada King Lovelace"}"#)),
    )
    .unwrap();
    let details = &document["userData"]["userDetails"];
    assert_eq!(details["givenName"], "Ada");
    assert_eq!(details["lastName"], "Lovelace");
    assert_eq!(details["address"], "NA");
    assert_eq!(details["title"], "NA");
    assert_eq!(details["country"], "NL");
    assert_eq!(details["language"], "en");
    assert!(details.get("emailId").is_none());
}

#[test]
fn platform_defaults_leave_what_is_there() {
    let own = compile(&maps::plain()).user_document(&user(ADA));
    assert_eq!(compile(&maps::filled()).user_document(&user(ADA)), own);
}

#[test]
fn a_name_of_one_word_is_both_first_and_last() {
    let document =
        compile(&maps::filled()).user_document(&user(r#"{"id":"u","displayName":"Cher"}"#));
    assert!(
        document.contains(r#""givenName":"Cher","lastName":"Cher""#),
        "{document}"
    );
}

#[test]
fn without_the_setting_no_country_is_made_up() {
    let map = Map::compile(&maps::filled(), &Constants::default()).unwrap();
    assert!(
        !map.user_document(&user(r#"{"id":"u"}"#))
            .contains("country")
    );
}

#[test]
fn sources_are_tried_in_order_and_functions_apply_to_the_one_found() {
    let map = compile(&map(vec![rule(
        "userData.userDetails.username",
        &["mail", "userPrincipalName"],
        &["local-part", "lower"],
        Some("\"nobody\""),
    )]));
    let name = |text: &str| {
        let document: Value = serde_json::from_str(&map.user_document(&user(text))).unwrap();
        document["userData"]["userDetails"]["username"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        name(r#"{"id":"u","mail":"Ada@x","userPrincipalName":"B@x"}"#),
        "ada"
    );
    assert_eq!(
        name(r#"{"id":"u","mail":" ","userPrincipalName":"B@x"}"#),
        "b"
    );
    assert_eq!(
        name(r#"{"id":"u","mail":"@x","userPrincipalName":"B@x"}"#),
        "b",
        "nothing is left of the first"
    );
    assert_eq!(name(r#"{"id":"u"}"#), "nobody");
}

#[test]
fn a_rule_without_sources_is_a_constant() {
    let map = compile(&map(vec![
        rule("eventType", &[], &[], Some("  \"IMPORT\" ")),
        rule(
            "userData.notification",
            &[],
            &[],
            Some("{ \"b\": [1, 2],\n \"a\": null }"),
        ),
    ]));
    assert_eq!(
        map.user_document(&user(r#"{"id":"u"}"#)),
        r#"{"identityProviderId":"u","eventType":"IMPORT","userData":{"notification":{"a":null,"b":[1,2]}}}"#
    );
}

#[test]
fn a_part_of_the_notification_can_be_taken() {
    let map = compile(&map(vec![
        rule(
            "userData.userDetails.title",
            &["notification.channel"],
            &["upper"],
            None,
        ),
        rule(
            "userData.userDetails.address",
            &["notification.empty", "notification.absent.more"],
            &[],
            None,
        ),
        rule("userData.notification", &["notification.level"], &[], None),
    ]));
    assert_eq!(
        map.user_document(&user(r#"{"id":"u"}"#)),
        r#"{"identityProviderId":"u","userData":{"userDetails":{"title":"MAIL"},"notification":{"min":2}}}"#
    );
}

#[test]
fn only_the_fields_that_the_map_reads_are_asked_for() {
    let map = compile(&map(vec![rule(
        "userData.userDetails.country",
        &["country"],
        &[],
        None,
    )]));
    assert_eq!(
        map.user_fields(),
        ["id", "displayName", "userPrincipalName", "country"]
    );
    assert_eq!(
        map.group_fields().join(","),
        "id,displayName,visibility,groupTypes,securityEnabled,mailEnabled"
    );
    let plain = compile(&maps::plain());
    assert_eq!(
        plain.user_fields().join(","),
        "id,displayName,userPrincipalName,givenName,surname,mail,streetAddress,country,jobTitle,preferredLanguage"
    );
    assert_eq!(
        plain.group_fields().join(","),
        "id,displayName,visibility,groupTypes,securityEnabled,mailEnabled,classification,uniqueName"
    );
}

#[test]
fn a_select_stays_within_what_graph_takes() {
    let all_user = SOURCE_FIELDS
        .iter()
        .filter(|facts| facts.side == Side::User && !facts.property.is_empty());
    let fields: Vec<&str> = all_user.map(|facts| facts.property).collect();
    assert!(fields.len() < 20 && fields.join(",").len() < 500);
}

#[test]
fn the_fingerprint_follows_what_shapes_documents_and_nothing_else() {
    let plain = compile(&maps::plain()).fingerprint();
    let mut noted = maps::plain();
    noted.name = "Mine".to_owned();
    noted.rules[0].note = Some("why".to_owned());
    assert_eq!(compile(&noted).fingerprint(), plain);
    assert_ne!(compile(&maps::filled()).fingerprint(), plain);
    let mut fewer = maps::plain();
    fewer.rules.pop();
    assert_ne!(compile(&fewer).fingerprint(), plain);
}

#[test]
fn each_problem_of_a_map_has_its_path() {
    for (rules, path, part) in [
        (
            vec![rule("userData.userDetails.mail", &["mail"], &[], None)],
            "rules[2].target",
            "no field",
        ),
        (
            vec![rule("", &["mail"], &[], None)],
            "rules[2].target",
            "no field",
        ),
        (
            vec![rule(
                "groupInfo[].customAttributes.a.b",
                &["classification"],
                &[],
                None,
            )],
            "rules[2].target",
            "no field",
        ),
        (
            vec![rule(
                "groupInfo[].customAttributes.",
                &["classification"],
                &[],
                None,
            )],
            "rules[2].target",
            "no field",
        ),
        (
            vec![rule("identityProviderId", &["mail"], &[], None)],
            "rules[2].target",
            "same target",
        ),
        (
            vec![rule("eventType", &["Mail"], &[], None)],
            "rules[2].sources[0]",
            "no field",
        ),
        (
            vec![rule("eventType", &["notification."], &[], None)],
            "rules[2].sources[0]",
            "no field",
        ),
        (
            vec![rule("eventType", &["notification.a.*"], &[], None)],
            "rules[2].sources[0]",
            "no field",
        ),
        (
            vec![rule("eventType", &["classification"], &[], None)],
            "rules[2].sources[0]",
            "field of groups",
        ),
        (
            vec![rule("groupInfo[].classification", &["country"], &[], None)],
            "rules[2].sources[0]",
            "field of users",
        ),
        (
            vec![rule("eventType", &["mail", "mail"], &[], None)],
            "rules[2].sources[1]",
            "already",
        ),
        (
            vec![rule("eventType", &["notification.*"], &[], None)],
            "rules[2].sources[0]",
            "type object",
        ),
        (
            vec![rule("userData.notification", &["mail"], &[], None)],
            "rules[2].sources[0]",
            "type string",
        ),
        (
            vec![rule(
                "groupInfo[].qualysGroupUUID",
                &["groupInfo[].qualysGroups"],
                &["trim"],
                None,
            )],
            "rules[2].sources[0]",
            "Functions",
        ),
        (
            vec![rule("eventType", &["mail"], &["trim", "shout"], None)],
            "rules[2].functions[1]",
            "no function",
        ),
        (
            vec![rule("eventType", &[], &[], None)],
            "rules[2].sources",
            "neither",
        ),
        (
            vec![rule("eventType", &[], &[], Some("NA"))],
            "rules[2].default-value",
            "not JSON",
        ),
        (
            vec![rule("eventType", &[], &[], Some("null"))],
            "rules[2].default-value",
            "null",
        ),
        (
            vec![rule("eventType", &[], &[], Some("7"))],
            "rules[2].default-value",
            "type number",
        ),
    ] {
        let found = problems(&map(rules.clone()));
        assert_eq!(found.len(), 1, "{rules:?}: {found:?}");
        assert_eq!(found[0].path, path, "{rules:?}");
        assert!(found[0].message.contains(part), "{}", found[0].message);
        assert!(!found[0].remedy.is_empty());
    }
}

#[test]
fn a_target_that_only_begins_like_another_is_no_conflict() {
    let map = map(vec![
        rule(
            "groupInfo[].customAttributes.a",
            &["classification"],
            &[],
            None,
        ),
        rule(
            "groupInfo[].customAttributes.ab",
            &["classification"],
            &[],
            None,
        ),
    ]);
    assert_eq!(problems(&map), []);
}

#[test]
fn a_map_without_identity_or_of_other_models_is_a_problem() {
    let mut other = map(vec![]);
    other.rules.clear();
    other.source_model = "Other".to_owned();
    other.target_model = "Other".to_owned();
    let paths: Vec<String> = problems(&other)
        .into_iter()
        .map(|problem| problem.path)
        .collect();
    assert_eq!(paths, ["source-model", "target-model", "rules", "rules"]);
    let mut renamed = map(vec![]);
    renamed.rules[0].sources = vec!["mail".to_owned()];
    assert!(problems(&renamed)[0].message.contains("identityProviderId"));
}

#[test]
fn a_name_close_to_a_known_one_is_suggested() {
    let found = problems(&map(vec![rule(
        "userDetails.emailID",
        &["user.Mail"],
        &[],
        None,
    )]));
    assert!(
        found[0].remedy.contains("userData.userDetails.emailId"),
        "{}",
        found[0].remedy
    );
    assert!(found[1].remedy.contains("`mail`"), "{}", found[1].remedy);
}

#[test]
fn a_preview_joins_the_user_with_its_groups() {
    let sample = r#"{"id":"u","notification":{"a":1},"groupDisplayName":"Shared","classification":"Low",
        "groupInfo":[{"idpGroup":"g1","qualysGroups":["p1"]},{"idpGroup":"g2","groupDisplayName":"Own"}]}"#;
    assert_eq!(
        preview(&maps::plain(), sample).unwrap(),
        concat!(
            r#"{"identityProviderId":"u","externalId":"u","userData":{"userDetails":{"externalId":"u","apiExternalId":"u"},"#,
            r#""notification":{"a":1}},"eventType":"SYNC","groupInfo":["#,
            r#"{"idpGroup":"g1","qualysGroupUUID":["p1"],"classification":"Low","customAttributes":{"groupDisplayName":"Shared"}},"#,
            r#"{"idpGroup":"g2","classification":"Low","customAttributes":{"groupDisplayName":"Own"}}]}"#,
        )
    );
    assert_eq!(
        preview(&maps::plain(), "{}").unwrap(),
        r#"{"eventType":"SYNC"}"#
    );
}

#[test]
fn a_map_may_take_a_groups_types_flags_and_kind() {
    let attribute = |name: &str, source: &str| {
        let target = format!("groupInfo[].customAttributes.{name}");
        rule(&target, &[source], &[], None)
    };
    let map = map(vec![
        attribute("types", "groupTypes"),
        attribute("security", "securityEnabled"),
        attribute("mail", "mailEnabled"),
        attribute("kind", "groupKind"),
    ]);
    let sample = r#"{"groupInfo":[
        {"idpGroup":"g","groupTypes":["Unified"],"securityEnabled":false,"mailEnabled":true},
        {"idpGroup":"h","groupTypes":[],"securityEnabled":true,"mailEnabled":false},
        {"idpGroup":"i"}]}"#;
    assert_eq!(
        preview(&map, sample).unwrap(),
        r#"{"groupInfo":[{"idpGroup":"g","customAttributes":{"types":["Unified"],"security":false,"mail":true,"kind":"microsoft365"}},{"idpGroup":"h","customAttributes":{"types":[],"security":true,"mail":false,"kind":"security"}},{"idpGroup":"i"}]}"#
    );
}

#[test]
fn a_preview_of_something_else_than_a_record_is_a_problem() {
    for sample in ["", "[]", "7", "{", r#"{"groupInfo":7}"#] {
        assert_eq!(
            preview(&maps::plain(), sample).unwrap_err().len(),
            1,
            "{sample}"
        );
    }
    let mut wrong = maps::plain();
    wrong.rules[0].target = "x".to_owned();
    assert!(!preview(&wrong, "{}").unwrap_err().is_empty());
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
        Just(json!(["x", {"y": 1}])),
    ]
}

proptest! {
    /// Whatever the directory holds, the document is JSON, has no nulls and no empty objects, and
    /// depends on the values alone.
    #[test]
    fn any_record_gives_a_document_that_can_be_read(values in prop::collection::vec(value(), 10)) {
        let names = ["id", "displayName", "givenName", "surname", "mail", "userPrincipalName", "streetAddress", "country", "jobTitle", "preferredLanguage"];
        let members: Vec<(String, Value)> = names.iter().map(|name| (*name).to_owned()).zip(values).collect();
        let write = |members: &[(String, Value)]| {
            let members: Vec<String> = members.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
            format!("{{{}}}", members.join(","))
        };
        let forward = write(&members);
        let backward = write(&members.iter().rev().cloned().collect::<Vec<_>>());
        for map in maps::all() {
            let map = compile(&map);
            let document = map.user_document(&user(&forward));
            prop_assert_eq!(&document, &map.user_document(&user(&backward)));
            let read: Value = serde_json::from_str(&document).unwrap();
            prop_assert!(!document.contains("null,") || members.iter().any(|(_, value)| value.to_string().contains("null,")));
            for (name, value) in &members {
                if let (Some(text), "mail") = (value.as_str().filter(|text| !text.trim().is_empty()), name.as_str()) {
                    prop_assert_eq!(read["userData"]["userDetails"]["emailId"].as_str(), Some(text));
                }
            }
        }
    }

    /// Paths, functions and defaults of an administrator's can be anything and never stop the plugin.
    #[test]
    fn any_map_is_judged_without_a_panic(target in ".*", source in ".*", function in ".*", default in proptest::option::of(".*")) {
        let map = map(vec![rule(&target, &[&source], &[&function], default.as_deref())]);
        prop_assert!(!problems(&map).is_empty());
        let _ = preview(&map, "{}");
    }

    #[test]
    fn any_sample_is_previewed_without_a_panic(sample in ".*") {
        let _ = preview(&maps::plain(), &sample);
    }
}
