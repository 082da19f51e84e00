//! What a form asks for.

use crate::contract::{Choice, Setting, SettingKind};

use super::credential::CERTIFICATE_PASSWORD;
use super::{CERTIFICATE, CLOUDS, Priority, SECRET, TOKEN_FILE};

/// Every setting, in the order in which to ask for it.
pub(crate) fn catalogue() -> Vec<Setting> {
    let setting = |key: &str, label: &str, kind, required, help: &str| Setting {
        key: key.to_owned(),
        label: label.to_owned(),
        kind,
        required,
        help: help.to_owned(),
        default_value: None,
    };
    let clouds = CLOUDS
        .iter()
        .map(|cloud| Choice {
            value: cloud.name.to_owned(),
            label: cloud.label.to_owned(),
        })
        .collect();
    let strategies = Priority::ALL
        .iter()
        .map(|(_, value, label)| Choice {
            value: (*value).to_owned(),
            label: (*label).to_owned(),
        })
        .collect();
    vec![
        setting(
            "tenantId",
            "Directory (tenant) ID",
            SettingKind::Text,
            true,
            "GUID or domain name of the tenant, from the application's overview in the Entra admin center.",
        ),
        setting(
            "clientId",
            "Application (client) ID",
            SettingKind::Text,
            true,
            "GUID of the registered application, from the same overview.",
        ),
        setting(
            SECRET,
            "Client secret",
            SettingKind::Secret,
            false,
            "The secret's value (not its ID) from `Certificates & secrets`. It is shown only once, when it is created. One credential is needed: this one, a certificate or a federated token.",
        ),
        setting(
            CERTIFICATE,
            "Client certificate",
            SettingKind::Secret,
            false,
            "In place of a client secret: the certificate whose public part is registered under `Certificates & secrets`, with its private key (RSA, 2048 bits or more), as PEM text or as a PFX file.",
        ),
        setting(
            CERTIFICATE_PASSWORD,
            "Password of the certificate",
            SettingKind::Secret,
            false,
            "The password of the PFX file or of the encrypted private key, where there is one.",
        ),
        setting(
            TOKEN_FILE,
            "File with a federated token",
            SettingKind::Text,
            false,
            "In place of a client secret: absolute path of a file on the host to which another identity provider writes its token, as `AZURE_FEDERATED_TOKEN_FILE` names it. The host's operator must allow its folder.",
        ),
        Setting {
            default_value: Some("\"all\"".to_owned()),
            ..setting(
                "groups",
                "Groups",
                SettingKind::Groups,
                false,
                "All groups, or the object ids of some.",
            )
        },
        Setting {
            default_value: Some("false".to_owned()),
            ..setting(
                "keepUsersWithoutGroups",
                "Keep users without groups",
                SettingKind::Flag,
                false,
                "Whether users who are direct members of none of these groups are kept. With some groups, nobody else is read, so this keeps those who have left their last group.",
            )
        },
        Setting {
            default_value: Some("\"fastest\"".to_owned()),
            ..setting(
                "snapshotStrategy",
                "Snapshots of all groups",
                SettingKind::Choice(strategies),
                false,
                "What a snapshot is to save: time, or resource units of Microsoft Graph's quota, which other applications may need. The report of a run says how it was read and why.",
            )
        },
        Setting {
            default_value: Some("\"global\"".to_owned()),
            ..setting(
                "cloud",
                "Microsoft cloud",
                SettingKind::Choice(clouds),
                false,
                "The cloud in which the tenant lives and the application is registered.",
            )
        },
        setting(
            "loginEndpoint",
            "Login endpoint",
            SettingKind::Text,
            false,
            "Origin to get tokens from instead of the cloud's, such as `https://login.chinacloudapi.cn`.",
        ),
        setting(
            "graphEndpoint",
            "Graph endpoint",
            SettingKind::Text,
            false,
            "Origin to read from instead of the cloud's Microsoft Graph. The token's scope stays that of the cloud.",
        ),
        setting(
            "notification",
            "Notification",
            SettingKind::Document,
            false,
            "Copied to `notification` of every user record, from where a transform map may take it.",
        ),
        setting(
            "defaultCountry",
            "Default country",
            SettingKind::Text,
            false,
            "The map `Platform defaults` uses it for users without a country; usually the country of the platform's subscription.",
        ),
    ]
}
