//! What the plugin says of itself.

use crate::contract::{Chapter, Choice, Description, Permission};
use crate::model::GroupKind;
use crate::{fields, settings, state, transform};

/// Static facts.
pub(crate) fn describe() -> Description {
    Description {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        vendor: "Microsoft".to_owned(),
        product: "Microsoft Entra ID".to_owned(),
        summary:
            "Keeps a copy of the users, groups and memberships of a Microsoft Entra ID tenant. \
                  The first run reads everything, later ones what changed."
                .to_owned(),
        category: "Assets (User Groups)".to_owned(),
        asset_types: vec!["User".to_owned(), "User group".to_owned()],
        finding_types: Vec::new(),
        supported_versions: vec!["Microsoft Graph v1.0".to_owned()],
        integration_method: "API (pull)".to_owned(),
        direction: "Inbound".to_owned(),
        incremental: true,
        unsupported: UNSUPPORTED.map(str::to_owned).to_vec(),
        settings: settings::catalogue(),
        permissions: permissions(),
        guide: guide(),
        group_kinds: GroupKind::ALL
            .iter()
            .map(|kind| Choice {
                value: kind.value().to_owned(),
                label: kind.label().to_owned(),
            })
            .collect(),
        hosts: settings::hosts(),
        source_model: fields::source_model(),
        target_model: fields::target_model(),
        maps: transform::maps::all(),
        checkpoint_version: state::VERSION,
    }
}

/// From the registration of an application to its consent, as the Entra admin center words it.
fn guide() -> Vec<Chapter> {
    let chapter = |title: &str, steps: &[&str]| Chapter {
        title: title.to_owned(),
        steps: steps.iter().map(|step| (*step).to_owned()).collect(),
    };
    vec![
        chapter(
            "Register the application",
            &[
                "In the Entra admin center, https://entra.microsoft.com/ (other clouds have one of their own), open *Entra ID › App registrations*, choose *New registration*.",
                "Give it a name, keep *this organizational directory only*, leave the redirect URI empty, choose *Register*.",
                "Its *Overview* shows *Application (client) ID* and *Directory (tenant) ID*.",
            ],
        ),
        chapter(
            "Create the client secret",
            &[
                "In the application open *Certificates & secrets › Client secrets*, choose *New client secret*.",
                "Copy the *Value*, not the *Secret ID*: it is shown only now. Note its last day here.",
            ],
        ),
        chapter(
            "Grant consent",
            &[
                "In the application open *API permissions › Add a permission › Microsoft Graph › Application permissions*.",
                "Add the permissions below.",
                "Choose *Grant admin consent*; this needs a Privileged Role Administrator.",
            ],
        ),
        chapter(
            "With a certificate in place of the secret",
            &[
                "In the application open *Certificates & secrets › Certificates*, choose *Upload certificate*, and give it the public part: a *.cer*, *.pem* or *.crt* file.",
                "Give the certificate together with its private key here, as a *.pem* or *.pfx* file. The key has to be RSA, of 2048 bits or more.",
                "The *Thumbprint* that is listed there may be the SHA-1 one; here it is that of SHA-256.",
            ],
        ),
        chapter(
            "With a federated token in place of the secret",
            &[
                "Where the host runs as a workload to which a token file is given (a Kubernetes service account, say), nothing secret has to be kept.",
                "In the application open *Certificates & secrets › Federated credentials*, choose *Add credential*, and give it the *Issuer* and the *Subject identifier* of the token, with the *Audience* *api://AzureADTokenExchange*.",
                "Name the token's file here. Whoever operates the host has to allow its folder.",
            ],
        ),
    ]
}

const UNSUPPORTED: [&str; 6] = [
    "Dynamic distribution groups: Microsoft Graph does not list them.",
    "Service principals as members: Microsoft Graph lists them in some answers and not in others, so they are left out of all.",
    "With configured groups: groups nested in these are kept as members, and their own members are not read unless they are configured too.",
    "Administrative units, owners of groups, licences and extension properties.",
    "Azure AD B2C and external tenants: Microsoft Graph has no change tracking there.",
    "Writing to the directory.",
];

fn permissions() -> Vec<Permission> {
    let permission = |name: &str, required, reason: &str| Permission {
        name: name.to_owned(),
        reason: reason.to_owned(),
        required,
    };
    vec![
        permission(
            "GroupMember.Read.All",
            true,
            "Reads groups, their members and changes to both. Without it nothing can be synced.",
        ),
        permission(
            "User.Read.All",
            true,
            "Reads users and changes to them. User.ReadBasic.All is not enough: it shows neither address, country nor job title, and no changes.",
        ),
        permission(
            "Member.Read.Hidden",
            false,
            "Reads members of groups with hidden membership. Without it these groups' members are kept as they are known, and runs that meet such a group are partial.",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::problems;

    #[test]
    fn the_ready_made_maps_have_no_problem() {
        for map in describe().maps {
            assert_eq!(problems(&map), [], "{}", map.name);
        }
    }

    #[test]
    fn hosts_are_names_and_cover_every_cloud() {
        let hosts = describe().hosts;
        assert_eq!(
            hosts,
            [
                "login.microsoftonline.com",
                "graph.microsoft.com",
                "login.microsoftonline.us",
                "graph.microsoft.us",
                "dod-graph.microsoft.us",
                "login.partner.microsoftonline.cn",
                "microsoftgraph.chinacloudapi.cn",
                "login.chinacloudapi.cn",
            ]
        );
    }

    #[test]
    fn no_permission_of_another_api_is_asked_for() {
        let names: Vec<String> = describe()
            .permissions
            .into_iter()
            .map(|permission| permission.name)
            .collect();
        assert_eq!(
            names,
            [
                "GroupMember.Read.All",
                "User.Read.All",
                "Member.Read.Hidden"
            ]
        );
    }
}
