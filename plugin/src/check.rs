//! The connection test.

use crate::contract::{CheckLine, CheckOutcome, Fault, Request};
use crate::fault::shown;
use crate::graph::batch::{self, Verdict};
use crate::graph::transport::Transport;
use crate::graph::{Area, Client, Failure, malformed, url};
use crate::model::{Listing, User};
use crate::run::Run;
use crate::settings::Scope;
use crate::snapshot::size::latest_url;
use crate::state::Of;

/// A permission and those that include it.
struct Needed {
    name: &'static str,
    /// Without `.Read.All` or `.ReadWrite.All`.
    granted_by: &'static [&'static str],
    missing: &'static str,
    optional: bool,
}

const NEEDED: [Needed; 3] = [
    Needed {
        name: "GroupMember.Read.All",
        granted_by: &["GroupMember.", "Group.", "Directory."],
        missing: "groups and their members can't be read",
        optional: false,
    },
    Needed {
        name: "User.Read.All",
        granted_by: &["User.", "Directory."],
        missing: "users and changes to them can't be read",
        optional: false,
    },
    Needed {
        name: "Member.Read.Hidden",
        granted_by: &[],
        missing: "members of groups with hidden membership are left as they are",
        optional: true,
    },
];

impl Needed {
    fn is_granted(&self, roles: &[String]) -> bool {
        roles.iter().any(|role| {
            role == self.name
                || self.granted_by.iter().any(|beginning| {
                    role.strip_prefix(beginning)
                        .is_some_and(|rest| matches!(rest, "Read.All" | "ReadWrite.All"))
                })
        })
    }
}

fn line(item: impl Into<String>, outcome: CheckOutcome, seen: impl Into<String>) -> CheckLine {
    CheckLine {
        item: item.into(),
        outcome,
        seen: seen.into(),
        remedy: None,
    }
}

fn failed(item: impl Into<String>, fault: Fault) -> CheckLine {
    CheckLine {
        item: item.into(),
        outcome: CheckOutcome::Failed,
        seen: fault.message,
        remedy: fault.remedy,
    }
}

/// One line for the credential, for each permission and for each endpoint.
pub(crate) fn check(
    request: &Request,
    transport: &mut dyn Transport,
) -> Result<Vec<CheckLine>, Fault> {
    let settings = crate::run::checked(request)?;
    let run = Run::new(request, &settings)?;
    let client = &mut Client::new(transport, &settings);
    let grant = match client.grant() {
        Ok(grant) => grant.clone(),
        Err(fault) => {
            let mut lines = vec![failed("credential", fault)];
            let rest = NEEDED
                .iter()
                .map(|needed| format!("permission {}", needed.name))
                .chain(ENDPOINTS.map(str::to_owned));
            lines.extend(rest.map(|item| {
                line(
                    item,
                    CheckOutcome::Skipped,
                    "Not tested: there is no token.",
                )
            }));
            return Ok(lines);
        }
    };
    let mut lines = vec![line(
        "credential",
        CheckOutcome::Passed,
        format!(
            "Signed in to tenant {} as application {}; the token ends in {} seconds.",
            settings.tenant, settings.client, grant.expires_in
        ),
    )];
    let probes = endpoints(&run, client)?;
    let refused = |area: Area| {
        probes
            .iter()
            .any(|probe| probe.area == area && probe.refused)
    };
    for needed in &NEEDED {
        let refused = match needed.name {
            "User.Read.All" => refused(Area::Users),
            "GroupMember.Read.All" => refused(Area::Groups) || refused(Area::Members),
            _ => false,
        };
        lines.push(permission(
            needed,
            &grant.roles,
            refused,
            &settings.consent_url(),
        ));
    }
    lines.extend(probes.into_iter().map(|probe| probe.line));
    Ok(lines)
}

fn permission(needed: &Needed, roles: &[String], refused: bool, consent: &str) -> CheckLine {
    let item = format!("permission {}", needed.name);
    if needed.is_granted(roles) {
        return line(item, CheckOutcome::Passed, "Granted.");
    }
    let grant = format!(
        "Add the Microsoft Graph application permission {} to the registration and let an administrator consent: {consent}",
        needed.name
    );
    if needed.optional {
        let seen = format!("Not granted: {}.", needed.missing);
        return CheckLine {
            remedy: Some(grant),
            ..line(item, CheckOutcome::Skipped, seen)
        };
    }
    if roles.is_empty() && !refused {
        return line(
            item,
            CheckOutcome::Skipped,
            "The token names no permissions; the endpoints below tell.",
        );
    }
    let seen = if roles.is_empty() {
        format!(
            "The token grants nothing, so {}: no application permission of Microsoft Graph was consented to.",
            needed.missing
        )
    } else if of_another_api(roles) {
        format!(
            "The token grants {}. These are permissions for findings of Microsoft Defender and authorise nothing here, so {}.",
            shown(&roles.join(", ")),
            needed.missing
        )
    } else {
        format!(
            "The token grants only {}, so {}.",
            shown(&roles.join(", ")),
            needed.missing
        )
    };
    CheckLine {
        remedy: Some(grant),
        ..line(item, CheckOutcome::Failed, seen)
    }
}

/// What a vendor's page names by mistake for this connection.
fn of_another_api(roles: &[String]) -> bool {
    const OTHERS: [&str; 6] = [
        "Vulnerability.",
        "Machine.",
        "Software.",
        "SecurityRecommendation.",
        "Score.",
        "Alert.",
    ];
    roles
        .iter()
        .all(|role| OTHERS.iter().any(|beginning| role.starts_with(beginning)))
}

const ENDPOINTS: [&str; 5] = [
    "list of groups",
    "members of a group",
    "list of users",
    "changes to groups",
    "changes to users",
];

struct Probe {
    line: CheckLine,
    area: Area,
    /// 403, or anything else that a missing permission brings about.
    refused: bool,
}

fn endpoints(run: &Run<'_>, client: &mut Client<'_>) -> Result<Vec<Probe>, Fault> {
    let [groups, members, users, group_changes, user_changes] = ENDPOINTS;
    let mut probes = Vec::new();
    let mut some_group = None;
    match &run.settings.scope {
        Scope::All => {
            let link = client.url(&format!("/groups?{}&$top=1", run.select_groups()));
            probes.push(probe(client, groups, Area::Groups, &link, &mut |body| {
                let listing: Listing<User<'_>> =
                    serde_json::from_slice(body).map_err(|e| malformed(Area::Groups, &e))?;
                some_group = listing
                    .value
                    .first()
                    .and_then(|entry| entry.id.filled())
                    .map(str::to_owned);
                Ok(if some_group.is_some() {
                    "There are groups."
                } else {
                    "There is no group."
                }
                .to_owned())
            }));
        }
        Scope::Groups(ids) => {
            let (probe, present) = configured(run, client, ids);
            probes.push(probe);
            some_group = present;
        }
    }
    match some_group {
        Some(id) => {
            let link = client.url(&format!(
                "/groups/{}/members?$select=id&$top=1",
                url::segment(&id)
            ));
            probes.push(probe(client, members, Area::Members, &link, &mut |body| {
                count(body, Area::Members)
            }));
        }
        None => probes.push(Probe {
            line: line(
                members,
                CheckOutcome::Skipped,
                "Not tested: no group was seen.",
            ),
            area: Area::Members,
            refused: false,
        }),
    }
    let link = client.url(&format!("/users?{}&$top=1", run.select_users()));
    probes.push(probe(client, users, Area::Users, &link, &mut |body| {
        count(body, Area::Users)
    }));
    for (item, of, area) in [
        (group_changes, Of::Groups, Area::Groups),
        (user_changes, Of::Users, Area::Users),
    ] {
        let link = latest_url(run, client, of);
        probes.push(probe(client, item, area, &link, &mut |body| {
            count(body, area).map(|_| "Changes can be followed.".to_owned())
        }));
    }
    Ok(probes)
}

fn count(body: &[u8], area: Area) -> Result<String, Fault> {
    let listing: Listing<User<'_>> =
        serde_json::from_slice(body).map_err(|error| malformed(area, &error))?;
    Ok(format!(
        "Answers, with {} entries on a page of one.",
        listing.value.len()
    ))
}

fn probe(
    client: &mut Client<'_>,
    item: &str,
    area: Area,
    link: &str,
    judge: &mut dyn FnMut(&[u8]) -> Result<String, Fault>,
) -> Probe {
    let (seen, refused) = match client.get(link, 1) {
        Ok(response) => (judge(&response.body), false),
        Err(failure) => {
            let refused = matches!(&failure, Failure::Graph(error) if error.status == 403);
            (Err(client.fault(failure, area)), refused)
        }
    };
    let line = match seen {
        Ok(seen) => line(item, CheckOutcome::Passed, seen),
        Err(fault) => failed(item, fault),
    };
    Probe {
        line,
        area,
        refused,
    }
}

/// Whether the configured groups exist, as far as one batch tells; and one that does.
fn configured(run: &Run<'_>, client: &mut Client<'_>, ids: &[String]) -> (Probe, Option<String>) {
    let item = "configured groups";
    let some: Vec<&String> = ids.iter().take(batch::MOST).collect();
    let select = run.select_groups();
    let paths: Vec<String> = some
        .iter()
        .map(|id| format!("/groups/{}?{select}", url::segment(id)))
        .collect();
    let mut missing = Vec::new();
    let mut troubles = Vec::new();
    let mut present = None;
    let mut refused = false;
    let answered =
        batch::send(client, &paths, 1).map_err(|failure| client.fault(failure, Area::Groups));
    let taken = answered.and_then(|response| {
        for (id, part) in some
            .iter()
            .zip(batch::parts(client, &response, paths.len(), 1)?)
        {
            match part.map(|part| part.verdict()) {
                Some(Verdict::Good(_)) => present = Some((*id).clone()),
                Some(Verdict::Bad(error)) if error.not_found() => missing.push(id.as_str()),
                Some(Verdict::Bad(error)) => {
                    refused |= error.status == 403;
                    troubles.push(client.fault(Failure::Graph(error), Area::Groups));
                }
                _ => troubles.push(Fault::protocol(
                    "graph.groups",
                    format!("Group {id} could not be read just now."),
                )),
            }
        }
        Ok(())
    });
    let line = match (taken, troubles.pop()) {
        (Err(fault), _) | (Ok(()), Some(fault)) => failed(item, fault),
        (Ok(()), None) if missing.is_empty() => line(
            item,
            CheckOutcome::Passed,
            format!("{} of {} were looked for and found.", some.len(), ids.len()),
        ),
        (Ok(()), None) => CheckLine {
            remedy: Some("Remove these ids from `groups`, or correct them.".to_owned()),
            ..line(
                item,
                CheckOutcome::Failed,
                format!("No such group: {}.", missing.join(", ")),
            )
        },
    };
    (
        Probe {
            line,
            area: Area::Groups,
            refused,
        },
        present,
    )
}

#[cfg(test)]
mod tests;
