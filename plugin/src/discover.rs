//! Groups to choose from.

use crate::contract::{Candidate, Candidates, Fault, Query, Request};
use crate::graph::transport::Transport;
use crate::graph::walk::check_link;
use crate::graph::{Area, Client, malformed, url};
use crate::model::{Listing, Text};
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

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    display_name: Text<'a>,
    #[serde(borrow, default)]
    description: Text<'a>,
    #[serde(borrow, default)]
    mail: Text<'a>,
    #[serde(borrow, default)]
    group_types: Option<Vec<Text<'a>>>,
    #[serde(borrow, default)]
    security_enabled: Text<'a>,
    #[serde(borrow, default)]
    mail_enabled: Text<'a>,
}

impl Found<'_> {
    /// Kind, address, description.
    fn detail(&self) -> String {
        let is = |text: &Text<'_>| text.get() == Some("true");
        let typed = |name: &str| {
            self.group_types
                .iter()
                .flatten()
                .any(|own| own.get().is_some_and(|own| own.eq_ignore_ascii_case(name)))
        };
        let kind = match (
            typed("Unified"),
            is(&self.security_enabled),
            is(&self.mail_enabled),
        ) {
            (true, ..) => "Microsoft 365 group",
            (_, true, true) => "mail-enabled security group",
            (_, false, true) => "distribution group",
            _ => "security group",
        };
        let dynamic = if typed("DynamicMembership") {
            ", dynamic"
        } else {
            ""
        };
        let mut detail = format!("{kind}{dynamic}");
        for text in [&self.mail, &self.description]
            .into_iter()
            .filter_map(Text::filled)
        {
            detail.push_str(" · ");
            detail.push_str(text);
        }
        detail
    }
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
    let listing: Listing<Found<'_>> =
        serde_json::from_slice(&response.body).map_err(|error| malformed(Area::Groups, &error))?;
    if let Some(next) = &listing.next {
        check_link(next, &settings.graph)?;
    }
    let groups = listing
        .value
        .iter()
        .filter_map(|group| {
            let id = group.id.filled()?;
            Some(Candidate {
                id: id.to_owned(),
                name: group.display_name.filled().unwrap_or(id).to_owned(),
                detail: group.detail(),
            })
        })
        .collect();
    Ok(Candidates {
        groups,
        next: listing.next,
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
                "Microsoft 365 group · a@x",
                "security group, dynamic",
                "distribution group · d"
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
