use super::*;
use crate::script::{Answer, Script, error, json, request, with};

/// What one GET gives under a script, and the script afterwards.
fn get(script: Script) -> (Result<Response, Failure>, Script) {
    let mut script = script;
    let request = request();
    let settings = Settings::parse(&request.settings).unwrap();
    let result =
        Client::new(&mut script, &settings).get("https://graph.microsoft.com/v1.0/groups", 3);
    (result, script)
}

fn fault(script: Script) -> (Fault, Script) {
    match get(script) {
        (Err(Failure::Fault(fault)), script) => (fault, script),
        (other, _) => panic!("{other:?}"),
    }
}

const FINE: &str = r#"{"value":[]}"#;

#[test]
fn every_request_has_an_id_of_its_own_and_tells_its_cost() {
    let (result, script) = get(Script::new([error(503, "x"), json(200, FINE)]));
    result.unwrap();
    let ids: Vec<&str> = script
        .requests
        .iter()
        .map(|request| header(request, "client-request-id"))
        .collect();
    assert_ne!(ids[0], ids[1]);
    for id in ids {
        assert!(crate::settings::is_guid(id), "{id}");
        assert_eq!(&id[14..15], "4");
    }
    assert_eq!(header(&script.requests[0], "x-connector-cost"), "3");
    assert_eq!(header(&script.requests[0], "accept"), "application/json");
    assert!(
        script.requests[0]
            .headers
            .iter()
            .all(|(name, _)| *name != "authorization")
    );
}

fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request
        .headers
        .iter()
        .find(|(own, _)| *own == name)
        .map(|(_, value)| value.as_str())
        .unwrap()
}

#[test]
fn what_may_pass_by_itself_is_tried_again_on_the_same_link() {
    for status in [408, 500, 502, 503, 504, 509] {
        let (result, script) = get(Script::new([
            error(status, "x"),
            Answer::Broken,
            json(200, FINE),
        ]));
        result.unwrap();
        assert_eq!(
            script.urls(),
            ["https://graph.microsoft.com/v1.0/groups"; 3],
            "{status}"
        );
        assert_eq!(script.waits.len(), 2);
        assert!(
            script
                .waits
                .iter()
                .all(|wait| *wait <= Duration::from_secs(5) && *wait >= Duration::from_millis(200))
        );
    }
}

#[test]
fn a_409_is_tried_again_only_for_a_concurrency_violation() {
    let (result, _) = get(Script::new([
        error(409, "Directory_ConcurrencyViolation"),
        json(200, FINE),
    ]));
    result.unwrap();
    let (result, script) = get(Script::new([error(409, "Request_Conflict")]));
    assert!(matches!(result, Err(Failure::Graph(error)) if error.status == 409));
    assert!(script.is_spent());
}

#[test]
fn trouble_that_stays_is_a_transient_fault_after_a_few_tries() {
    let (fault, script) = fault(Script::new([
        error(503, "x"),
        error(504, "x"),
        error(500, "x"),
        error(503, "UnknownError"),
    ]));
    assert_eq!(fault.kind, FaultKind::Transient);
    assert_eq!(fault.code, "graph.UnknownError");
    assert!(script.is_spent());
}

#[test]
fn a_broken_line_is_a_transient_fault_after_a_few_tries() {
    let (fault, _) = fault(Script::new([
        Answer::Broken,
        Answer::Broken,
        Answer::Broken,
        Answer::Broken,
    ]));
    assert_eq!(
        (fault.kind, fault.code.as_str()),
        (FaultKind::Transient, "graph.unreachable")
    );
}

#[test]
fn a_429_is_tried_again_and_the_host_does_the_waiting() {
    let (result, script) = get(Script::new([
        with(429, &[("retry-after", "2.128")], "{}"),
        with(429, &[("retry-after", "1")], "{}"),
        json(200, FINE),
    ]));
    result.unwrap();
    assert_eq!(script.waits, []);
}

#[test]
fn a_429_without_retry_after_is_backed_off_from() {
    let (result, script) = get(Script::new([
        with(429, &[], ""),
        with(429, &[("retry-after", "soon")], ""),
        json(200, FINE),
    ]));
    result.unwrap();
    assert_eq!(script.waits.len(), 2);
}

#[test]
fn a_long_retry_after_is_left_to_the_host_at_once() {
    for status in [429, 503] {
        let (fault, script) = fault(Script::new([with(
            status,
            &[("retry-after", "42.5")],
            "{}",
        )]));
        assert_eq!(fault.kind, FaultKind::Throttled(Some(42_500)), "{status}");
        assert!(script.is_spent());
    }
}

#[test]
fn an_endless_429_ends_in_a_throttled_fault() {
    let (short, script) = fault(Script::new((0..8).map(|_| with(429, &[], ""))));
    assert_eq!(short.kind, FaultKind::Throttled(None));
    assert!(script.is_spent());
    let (long, script) = fault(Script::new(
        (0..4).map(|_| with(429, &[("retry-after", "10")], "")),
    ));
    assert_eq!(long.kind, FaultKind::Throttled(Some(10_000)));
    assert!(script.is_spent());
}

#[test]
fn a_token_that_graph_refuses_is_renewed_once() {
    let (result, script) = get(Script::new([
        error(401, "InvalidAuthenticationToken"),
        json(200, FINE),
    ]));
    result.unwrap();
    assert_eq!(script.renewed, 1);
    let (fault, script) = fault(Script::new([
        error(401, "x"),
        error(401, "InvalidAuthenticationToken"),
    ]));
    assert_eq!(
        (fault.kind, fault.code.as_str()),
        (
            FaultKind::Authentication,
            "graph.InvalidAuthenticationToken"
        )
    );
    assert_eq!(script.renewed, 1);
}

#[test]
fn a_refused_renewal_is_explained() {
    let script =
        Script::new([error(401, "x")]).refusing(401, "invalid_client", "AADSTS7000222: expired");
    let (fault, _) = fault(script);
    assert_eq!(fault.kind, FaultKind::Authentication);
    assert_eq!(fault.setting.as_deref(), Some("clientSecret"));
}

#[test]
fn a_request_that_failed_for_want_of_a_token_names_the_reason() {
    for answer in [Answer::Broken, Answer::Denied] {
        let script =
            Script::new([answer]).refusing(400, "unauthorized_client", "AADSTS700016: not found");
        let (fault, script) = fault(script);
        assert_eq!(
            (fault.kind, fault.setting.as_deref()),
            (FaultKind::Configuration, Some("clientId"))
        );
        assert_eq!(script.waits, []);
    }
}

#[test]
fn a_request_that_the_host_denies_is_not_repeated() {
    let (fault, script) = fault(Script::new([Answer::Denied]));
    assert_eq!(
        (fault.kind, fault.code.as_str()),
        (FaultKind::Configuration, "graph.denied")
    );
    assert!(script.is_spent());
}

#[test]
fn an_answer_that_is_cut_off_or_not_json_is_tried_again_and_then_a_protocol_fault() {
    let html = || with(200, &[("content-type", "text/html")], "<html>{}</html>");
    let cut = || json(200, r#"{"value":[{"id":"#);
    let (result, _) = get(Script::new([
        html(),
        cut(),
        json(200, "\n{\"value\":[]} \n"),
    ]));
    result.unwrap();
    let (fault, script) = fault(Script::new([html(), cut(), json(204, ""), html()]));
    assert_eq!(
        (fault.kind, fault.code.as_str()),
        (FaultKind::Protocol, "graph.unreadable")
    );
    assert!(script.is_spent());
}

#[test]
fn a_redirect_is_not_followed() {
    let (fault, script) = fault(Script::new([with(302, &[], "")]));
    assert_eq!(
        (fault.kind, fault.code.as_str()),
        (FaultKind::Protocol, "graph.redirect")
    );
    assert!(script.is_spent());
}

#[test]
fn a_conclusive_answer_is_not_repeated() {
    for status in [400, 403, 404, 410, 501] {
        let (result, script) = get(Script::new([error(status, "Some_Code")]));
        assert!(
            matches!(result, Err(Failure::Graph(error)) if error.status == status && error.is("some_code"))
        );
        assert!(script.is_spent());
    }
}

#[test]
fn a_403_names_the_permission_and_where_to_consent() {
    let request = request();
    let settings = Settings::parse(&request.settings).unwrap();
    for (roles, part) in [
        (&[][..], "names no permission"),
        (&["Vulnerability.Read.All"], "grants Vulnerability.Read.All"),
        (&["User.Read.All"], "names the permission"),
    ] {
        let mut script = Script::new([error(403, "Authorization_RequestDenied")]).granting(roles);
        let mut client = Client::new(&mut script, &settings);
        let failure = client
            .get("https://graph.microsoft.com/v1.0/users", 1)
            .unwrap_err();
        let fault = client.fault(failure, Area::Users);
        assert_eq!(fault.kind, FaultKind::Permission);
        assert_eq!(fault.code, "graph.Authorization_RequestDenied");
        assert!(
            fault.message.contains("User.Read.All") && fault.message.contains(part),
            "{}",
            fault.message
        );
        assert!(fault.remedy.unwrap().contains("/adminconsent?client_id="));
    }
}

#[test]
fn retry_after_is_read_with_and_without_a_fraction() {
    for (text, milliseconds) in [
        ("2", Some(2_000)),
        (" 2.128 ", Some(2_128)),
        ("0", Some(0)),
        ("0.5", Some(500)),
        ("1.23456", Some(1_234)),
        ("7.", Some(7_000)),
        ("999999999999999999999999", Some(86_400_000)),
        ("-1", None),
        ("1e3", None),
        (".5", None),
        ("", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
    ] {
        assert_eq!(
            retry_after(Some(text)),
            milliseconds.map(Duration::from_millis),
            "{text:?}"
        );
    }
    assert_eq!(retry_after(None), None);
}
