use super::*;
use crate::script::{self, Answer, G1, G2, Script, error, json, request, request_for};

fn lines(request: &Request, script: &mut Script) -> Vec<CheckLine> {
    let lines = check(request, script).unwrap();
    assert!(script.is_spent(), "not everything was asked for");
    lines
}

fn outcome(lines: &[CheckLine], item: &str) -> CheckOutcome {
    find(lines, item).outcome
}

fn find<'a>(lines: &'a [CheckLine], item: &str) -> &'a CheckLine {
    lines
        .iter()
        .find(|line| line.item == item)
        .unwrap_or_else(|| panic!("no line for {item}"))
}

fn one() -> Answer {
    json(
        200,
        r#"{"value":[{"id":"x"}],"@odata.deltaLink":"https://graph.microsoft.com/v1.0/x"}"#,
    )
}

#[test]
fn a_working_connection_passes_line_by_line() {
    let mut script = Script::new([one(), one(), one(), one(), one()]);
    let lines = lines(&request(), &mut script);
    let told: Vec<(&str, CheckOutcome)> = lines
        .iter()
        .map(|line| (line.item.as_str(), line.outcome))
        .collect();
    assert_eq!(
        told,
        [
            ("credential", CheckOutcome::Passed),
            ("permission GroupMember.Read.All", CheckOutcome::Passed),
            ("permission User.Read.All", CheckOutcome::Passed),
            ("permission Member.Read.Hidden", CheckOutcome::Skipped),
            ("list of groups", CheckOutcome::Passed),
            ("members of a group", CheckOutcome::Passed),
            ("list of users", CheckOutcome::Passed),
            ("changes to groups", CheckOutcome::Passed),
            ("changes to users", CheckOutcome::Passed),
        ]
    );
    let hidden = find(&lines, "permission Member.Read.Hidden");
    assert!(hidden.seen.contains("groups with hidden membership"));
    let remedy = hidden.remedy.as_deref().unwrap_or_default();
    assert!(remedy.contains("/adminconsent?client_id="), "{remedy}");
    assert!(script.urls()[1].contains("/groups/x/members?"));
}

#[test]
fn a_refused_credential_is_explained_and_nothing_else_tested() {
    let mut script = Script::new([]).refusing(401, "invalid_client", "AADSTS7000222: expired");
    let lines = lines(&request(), &mut script);
    assert_eq!(lines.len(), 9);
    assert_eq!(lines[0].outcome, CheckOutcome::Failed);
    assert!(lines[0].seen.contains("expired"));
    assert!(
        lines[1..]
            .iter()
            .all(|line| line.outcome == CheckOutcome::Skipped)
    );
}

#[test]
fn who_followed_the_vendors_page_is_told_what_to_grant_instead() {
    let denied = || error(403, "Authorization_RequestDenied");
    let mut script = Script::new([denied(), denied(), denied(), denied()])
        .granting(&["Vulnerability.Read.All", "Machine.Read.All"]);
    let lines = lines(&request(), &mut script);
    for name in ["GroupMember.Read.All", "User.Read.All"] {
        let line = find(&lines, &format!("permission {name}"));
        assert_eq!(line.outcome, CheckOutcome::Failed);
        assert!(line.seen.contains("Defender"), "{}", line.seen);
        let remedy = line.remedy.as_deref().unwrap();
        assert!(
            remedy.contains(name) && remedy.contains("/adminconsent?client_id="),
            "{remedy}"
        );
    }
    assert_eq!(outcome(&lines, "members of a group"), CheckOutcome::Skipped);
    assert_eq!(outcome(&lines, "list of groups"), CheckOutcome::Failed);
}

#[test]
fn a_token_that_names_nothing_is_judged_by_what_the_endpoints_say() {
    let mut script = Script::new([one(), one(), one(), one(), one()]).granting(&[]);
    let open = lines(&request(), &mut script);
    assert_eq!(
        outcome(&open, "permission User.Read.All"),
        CheckOutcome::Skipped
    );
    let denied = || error(403, "Authorization_RequestDenied");
    let mut script = Script::new([one(), one(), denied(), one(), denied()]).granting(&[]);
    let closed = lines(&request(), &mut script);
    assert_eq!(
        outcome(&closed, "permission GroupMember.Read.All"),
        CheckOutcome::Skipped
    );
    assert_eq!(
        outcome(&closed, "permission User.Read.All"),
        CheckOutcome::Failed
    );
}

#[test]
fn a_wider_permission_includes_the_needed_one() {
    for (needed, role, granted) in [
        (0, "Group.Read.All", true),
        (0, "Group.ReadWrite.All", true),
        (0, "Directory.Read.All", true),
        (0, "GroupMember.ReadBasic.All", false),
        (0, "User.Read.All", false),
        (1, "User.ReadWrite.All", true),
        (1, "User.ReadBasic.All", false),
        (1, "Directory.ReadWrite.All", true),
        (2, "Member.Read.Hidden", true),
        (2, "Directory.Read.All", false),
    ] {
        assert_eq!(
            NEEDED[needed].is_granted(&[role.to_owned()]),
            granted,
            "{needed} {role}"
        );
    }
}

#[test]
fn configured_groups_that_do_not_exist_are_named() {
    let gone = r#"{"error":{"code":"Request_ResourceNotFound","message":"m"}}"#;
    let found = format!(r#"{{"id":"{G1}"}}"#);
    let batch = script::batch(&[(200, &found), (404, gone)]);
    let mut script = Script::new([batch, one(), one(), one(), one()]);
    let lines = lines(&request_for(&format!(r#"["{G1}","{G2}"]"#)), &mut script);
    let line = find(&lines, "configured groups");
    assert_eq!(line.outcome, CheckOutcome::Failed);
    assert!(line.seen.contains(G2) && !line.seen.contains(G1));
    assert!(script.urls()[1].contains(&format!("/groups/{G1}/members")));
}

#[test]
fn wrong_settings_leave_nothing_to_test() {
    let mut wrong = request();
    wrong.settings.values = r#"{"tenantId":"common"}"#.to_owned();
    assert_eq!(
        check(&wrong, &mut Script::new([])).unwrap_err().code,
        "settings.invalid"
    );
}

#[test]
fn each_stream_that_is_refused_names_its_permission_and_where_to_consent() {
    let denied = || error(403, "Authorization_RequestDenied");
    for (answers, endpoint, permission) in [
        (
            [one(), denied(), one(), one(), one()],
            "members of a group",
            "GroupMember.Read.All",
        ),
        (
            [one(), one(), denied(), one(), one()],
            "list of users",
            "User.Read.All",
        ),
        (
            [one(), one(), one(), denied(), one()],
            "changes to groups",
            "GroupMember.Read.All",
        ),
        (
            [one(), one(), one(), one(), denied()],
            "changes to users",
            "User.Read.All",
        ),
    ] {
        let mut script = Script::new(answers).granting(&["Application.Read.All"]);
        let lines = lines(&request(), &mut script);
        let named = format!("permission {permission}");
        for item in [endpoint, &named] {
            let line = find(&lines, item);
            assert_eq!(line.outcome, CheckOutcome::Failed, "{item}");
            let remedy = line.remedy.as_deref().unwrap_or_default();
            assert!(remedy.contains(permission), "{item}: {remedy}");
            assert!(remedy.contains("/adminconsent?client_id="), "{remedy}");
        }
    }
}

#[test]
fn each_common_refusal_is_explained_with_the_setting_to_look_at() {
    for (number, error, words, setting) in [
        (
            "7000215",
            "invalid_client",
            "secret is wrong",
            Some("clientSecret"),
        ),
        (
            "7000222",
            "invalid_client",
            "has expired",
            Some("clientSecret"),
        ),
        (
            "700016",
            "unauthorized_client",
            "does not know an application",
            Some("clientId"),
        ),
        (
            "7000112",
            "unauthorized_client",
            "disabled",
            Some("clientId"),
        ),
        (
            "90002",
            "invalid_request",
            "no such tenant",
            Some("tenantId"),
        ),
        (
            "90038",
            "invalid_request",
            "another Microsoft cloud",
            Some("cloud"),
        ),
        (
            "500011",
            "invalid_resource",
            "no service principal",
            Some("cloud"),
        ),
        ("65001", "invalid_grant", "consented", None),
        ("53003", "access_denied", "Conditional Access", None),
        ("700024", "invalid_client", "clock", None),
        ("90055", "server_error", "too many requests", None),
    ] {
        let said = format!("AADSTS{number}: Something. Trace ID: 1");
        let mut script = Script::new([]).refusing(400, error, &said);
        let lines = lines(&request(), &mut script);
        assert!(lines[0].seen.contains(words), "{}", lines[0].seen);
        assert!(lines[0].seen.contains(number), "{}", lines[0].seen);
        assert!(lines[0].remedy.is_some(), "{number}");
        let refusal = crate::graph::entra::Refusal {
            status: 400,
            error: error.to_owned(),
            description: said,
        };
        let settings = crate::run::checked(&request()).unwrap();
        let fault = crate::graph::entra::explain(&refusal, &settings);
        assert_eq!(fault.setting.as_deref(), setting, "{number}");
    }
}
