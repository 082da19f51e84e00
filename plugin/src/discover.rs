//! Groups to choose from.

use serde_json::Value;

use crate::contract::{Candidate, Candidates, Fault, Query, Request};
use crate::graph::transport::Transport;
use crate::graph::walk::check_link;
use crate::graph::{Area, Client, malformed, url};
use crate::model::GroupKind;
use crate::run::checked;

const FIELDS: [&str; 7] = [
    "id",
    "displayName",
    "description",
    "mail",
    "groupTypes",
    "securityEnabled",
    "mailEnabled",
];

/// Kind, address, description.
fn detail(group: &Value) -> String {
    let flag = |name: &str| group.get(name).and_then(Value::as_bool);
    let types = group.get("groupTypes").and_then(Value::as_array);
    let types = types.into_iter().flatten().filter_map(Value::as_str);
    let types: Vec<String> = types.map(str::to_owned).collect();
    let kind = GroupKind::of(&types, flag("securityEnabled"), flag("mailEnabled"));
    let texts = ["mail", "description"].map(|name| filled(group, name));
    let parts = kind.map(GroupKind::label).into_iter();
    let parts: Vec<&str> = parts.chain(texts.into_iter().flatten()).collect();
    parts.join(" · ")
}

fn filled<'a>(group: &'a Value, name: &str) -> Option<&'a str> {
    group
        .get(name)
        .and_then(Value::as_str)
        .filter(|text| !text.trim().is_empty())
}

/// A page of groups whose name begins with the query's.
pub(crate) fn discover(
    request: &Request,
    query: &Query,
    transport: &mut dyn Transport,
) -> Result<Candidates, Fault> {
    let settings = checked(request)?;
    let client = &mut Client::new(transport, &settings);
    let link = match &query.page {
        Some(page) => {
            check_link(page, &settings.graph)?;
            page.clone()
        }
        None => {
            let filter = match query
                .name
                .as_deref()
                .map(str::trim)
                .filter(|name| !name.is_empty())
            {
                Some(name) => {
                    let condition = format!("startswith(displayName,{})", url::literal(name));
                    format!("$filter={}&", url::query(&condition))
                }
                None => String::new(),
            };
            client.url(&format!("/groups?{filter}{}&$top=50", url::select(&FIELDS)))
        }
    };
    let response = client
        .get(&link, 1)
        .map_err(|failure| client.fault(failure, Area::Groups))?;
    let body: Value =
        serde_json::from_slice(&response.body).map_err(|error| malformed(Area::Groups, &error))?;
    let next = filled(&body, "@odata.nextLink");
    if let Some(next) = next {
        check_link(next, &settings.graph)?;
    }
    let Some(value) = body.get("value").and_then(Value::as_array) else {
        return Err(Fault::protocol(
            "graph.malformed",
            "A page of groups has no list of them.",
        ));
    };
    let groups = value
        .iter()
        .filter_map(|group| {
            let id = filled(group, "id")?;
            Some(Candidate {
                id: id.to_owned(),
                name: filled(group, "displayName").unwrap_or(id).to_owned(),
                detail: detail(group),
            })
        })
        .collect();
    Ok(Candidates {
        groups,
        next: next.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::{Script, json, request};

    fn ask(name: Option<&str>, page: Option<&str>) -> Query {
        Query {
            name: name.map(str::to_owned),
            page: page.map(str::to_owned),
        }
    }

    #[test]
    fn a_name_with_a_quote_is_looked_for_as_it_is() {
        let mut script = Script::new([json(200, r#"{"value":[]}"#)]);
        discover(&request(), &ask(Some(" O'Neil & co "), None), &mut script).unwrap();
        assert!(
            script.urls()[0].contains("$filter=startswith(displayName,'O''Neil%20%26%20co')&"),
            "{}",
            script.urls()[0]
        );
    }

    #[test]
    fn candidates_tell_what_kind_of_group_they_are() {
        let mut script = Script::new([json(
            200,
            r#"{"value":[{"id":"1","displayName":"A","groupTypes":["Unified"],"mail":"a@x"},
                {"id":"2","displayName":"B","groupTypes":["DynamicMembership"],"securityEnabled":true,"mailEnabled":false},
                {"id":"3","groupTypes":[],"securityEnabled":false,"mailEnabled":true,"description":"d"}],
               "@odata.nextLink":"https://graph.microsoft.com/v1.0/groups?$skiptoken=x"}"#,
        )]);
        let found = discover(&request(), &ask(None, None), &mut script).unwrap();
        let details: Vec<&str> = found
            .groups
            .iter()
            .map(|group| group.detail.as_str())
            .collect();
        assert_eq!(
            details,
            [
                "Microsoft 365 · a@x",
                "Security, dynamic",
                "Distribution · d"
            ]
        );
        assert_eq!(found.groups[2].name, "3");
        assert!(found.next.is_some());
    }

    #[test]
    fn a_page_of_another_origin_is_not_asked_for() {
        let mut script = Script::new([]);
        let fault = discover(
            &request(),
            &ask(None, Some("https://evil.example/")),
            &mut script,
        )
        .unwrap_err();
        assert_eq!(fault.code, "graph.foreign-link");
        assert!(script.urls().is_empty());
    }
}
