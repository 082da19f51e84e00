//! What Entra says when it gives no token.
//!
//! Decided by the OAuth `error` and the status alone; the numbers in the description change and
//! only help to explain.

use crate::contract::{Fault, FaultKind};
use crate::fault::shown;
use crate::settings::{CERTIFICATE, Credential, SECRET, Settings, TOKEN_FILE};

/// What the authority answered instead of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) error: String,
    pub(crate) description: String,
}

/// What a token grants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Grant {
    pub(crate) roles: Vec<String>,
    pub(crate) expires_in: u32,
}

struct Explanation {
    message: &'static str,
    remedy: &'static str,
    setting: Option<&'static str>,
}

fn numbered(number: u32) -> Option<Explanation> {
    let (message, remedy, setting) = match number {
        7_000_215 => (
            "The client secret is wrong. Often the secret's ID was copied instead of its value.",
            "Under `Certificates & secrets`, copy the value, which is shown only when a secret is created; create a new one if it is lost.",
            Some(SECRET),
        ),
        7_000_222 => (
            "The client secret has expired.",
            "Create a new client secret under `Certificates & secrets` and enter its value.",
            Some(SECRET),
        ),
        7_000_218 | 7_000_216 => (
            "No client secret was sent.",
            "Enter the value of a client secret.",
            Some(SECRET),
        ),
        700_016 => (
            "The tenant does not know an application with this client ID.",
            "Compare `Application (client) ID` and `Directory (tenant) ID` with the application's overview; the application must be registered in, or consented to by, this very tenant.",
            Some("clientId"),
        ),
        7_000_112 => (
            "The application is disabled in the tenant.",
            "Enable it under `Enterprise applications` > `Properties` > `Enabled for users to sign-in`.",
            Some("clientId"),
        ),
        7_000_229 | 500_011 => (
            "The tenant has no service principal for the application or for Microsoft Graph, or the cloud is another one.",
            "Let an administrator consent to the application in this tenant, and check the cloud.",
            Some("cloud"),
        ),
        90_002 | 900_021 | 900_023 => (
            "There is no such tenant in this cloud.",
            "Copy `Directory (tenant) ID` from the Entra admin center, and check that the cloud is the tenant's.",
            Some("tenantId"),
        ),
        90_038 | 900_382 | 900_384 => (
            "The tenant lives in another Microsoft cloud.",
            "Choose the tenant's cloud, and use an application that is registered there.",
            Some("cloud"),
        ),
        70_011 | 1_002_012 => (
            "Entra does not know the scope that was asked for, as happens when the cloud is not the tenant's.",
            "Choose the tenant's cloud.",
            Some("cloud"),
        ),
        65_001 | 650_052 | 650_057 => (
            "Nobody has consented to the application's permissions in this tenant.",
            "Let an administrator grant consent.",
            None,
        ),
        53_003 => (
            "A Conditional Access policy of the tenant keeps the application out.",
            "Exclude the application's service principal from the policy, or run from an allowed network.",
            None,
        ),
        700_024 => (
            "The credential's assertion is outside of its validity, so the clock here or its lifetime is wrong.",
            "Set the host's clock right; where the assertion is a federated token, see that its file is replaced in time.",
            None,
        ),
        700_027 | 7_000_272 => (
            "The application does not know the certificate, or it has ended.",
            "Compare the thumbprint with those under `Certificates & secrets` > `Certificates`, and upload the certificate there (without its key).",
            Some(CERTIFICATE),
        ),
        700_021 | 700_023 => (
            "The assertion was made for another application or another token endpoint.",
            "Compare tenant, client ID, cloud and `loginEndpoint`; where the assertion is a federated token, compare its audience with `api://AzureADTokenExchange`.",
            Some("clientId"),
        ),
        50_013 => (
            "The assertion's signature is not that of a key that Entra knows.",
            "See that the issuer publishes the key that it signs with, and that Entra can read it there.",
            None,
        ),
        50_027 => (
            "Entra can't read the assertion.",
            "See that the file holds the identity provider's token; a certificate needs an RSA key.",
            None,
        ),
        700_211 => (
            "The application trusts no federated credential of the token's issuer.",
            "Compare `iss` of the token with `Issuer` under `Certificates & secrets` > `Federated credentials`, to the last slash.",
            Some(TOKEN_FILE),
        ),
        700_212 => (
            "The federated token was made for another audience.",
            "Let the identity provider issue it for `api://AzureADTokenExchange`, or for what `Audience` says under `Certificates & secrets` > `Federated credentials`.",
            Some(TOKEN_FILE),
        ),
        700_213 => (
            "The application trusts no federated credential of the token's subject.",
            "Compare `sub` of the token with `Subject identifier` under `Certificates & secrets` > `Federated credentials`; case counts.",
            Some(TOKEN_FILE),
        ),
        70_021 => (
            "The application trusts no federated credential like the token that was presented.",
            "Compare issuer, subject and audience of the token with those under `Certificates & secrets` > `Federated credentials`.",
            Some(TOKEN_FILE),
        ),
        90_055 => (
            "The tenant gets too many requests for tokens.",
            "Wait; if it stays, find who else asks this tenant for tokens.",
            None,
        ),
        _ => return None,
    };
    Some(Explanation {
        message,
        remedy,
        setting,
    })
}

/// The numbers after `AADSTS`, in order.
fn numbers(description: &str) -> impl Iterator<Item = u32> {
    description.split("AADSTS").skip(1).filter_map(|rest| {
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        rest.get(..end)?.parse().ok()
    })
}

/// The fault for a refused token.
pub(crate) fn explain(refusal: &Refusal, settings: &Settings) -> Fault {
    let error = shown(&refusal.error);
    let (kind, message, remedy, setting) = by_error(refusal, settings);
    let explained = numbers(&refusal.description).find_map(numbered);
    let first = numbers(&refusal.description).next();
    let evidence = match first {
        Some(number) => format!(" (AADSTS{number}, {error})"),
        None => format!(" ({error})"),
    };
    let (message, remedy, setting) = match explained {
        Some(known) => (
            known.message.to_owned(),
            known.remedy.to_owned(),
            known.setting,
        ),
        None => (message, remedy, setting),
    };
    let mut text = message;
    if text.ends_with('.') {
        text.pop();
    }
    let mut fault = Fault::new(kind, format!("oauth.{error}"), format!("{text}{evidence}."))
        .with_remedy(if remedy.ends_with("consent.") {
            format!("{remedy} {}", settings.consent_url())
        } else {
            remedy
        });
    fault.setting = setting.map(str::to_owned);
    fault
}

fn by_error(
    refusal: &Refusal,
    settings: &Settings,
) -> (FaultKind, String, String, Option<&'static str>) {
    let said = shown(&refusal.description);
    let compare =
        "Compare tenant, client ID, credential and cloud with the application's registration."
            .to_owned();
    match (refusal.error.as_str(), refusal.status) {
        ("unreachable", _) => (
            FaultKind::Transient,
            format!("{} could not be reached: {said}", settings.login),
            "Check the network, the proxy and `loginEndpoint`.".to_owned(),
            None,
        ),
        ("denied", _) => (
            FaultKind::Configuration,
            format!(
                "The host does not let requests out to {}: {said}",
                settings.login
            ),
            "Let the operator allow this origin.".to_owned(),
            None,
        ),
        ("malformed", _) => (
            FaultKind::Protocol,
            format!(
                "{} answered with something that is not a token: {said}",
                settings.login
            ),
            "Check `loginEndpoint` and any proxy on the way.".to_owned(),
            Some("loginEndpoint"),
        ),
        ("unproven", _) => (
            FaultKind::Configuration,
            format!(
                "The host could not make the {} ready: {said}",
                settings.credential.name()
            ),
            "Mend what it says, or let the operator do it.".to_owned(),
            Some(settings.credential.key()),
        ),
        ("temporarily_unavailable" | "server_error", _) | (_, 500..=599) => (
            FaultKind::Transient,
            format!("Entra can't issue tokens at the moment: {said}"),
            "Wait.".to_owned(),
            None,
        ),
        ("slow_down", _) | (_, 429) => (
            FaultKind::Throttled(None),
            "Entra gets too many requests for tokens.".to_owned(),
            "Wait.".to_owned(),
            None,
        ),
        ("invalid_client", _) => (
            FaultKind::Authentication,
            format!(
                "Entra does not accept the {}: {said}",
                settings.credential.name()
            ),
            match settings.credential {
                Credential::Secret => "Enter the value of a valid client secret.".to_owned(),
                Credential::Certificate | Credential::TokenFile => {
                    "Compare it with what is registered under `Certificates & secrets`.".to_owned()
                }
            },
            Some(settings.credential.key()),
        ),
        ("unauthorized_client", _) => (
            FaultKind::Configuration,
            format!("Entra does not let this application sign in to this tenant: {said}"),
            compare,
            Some("clientId"),
        ),
        ("invalid_tenant" | "invalid_request", _) => (
            FaultKind::Configuration,
            format!("Entra does not understand the request for a token: {said}"),
            compare,
            Some("tenantId"),
        ),
        ("invalid_scope" | "invalid_resource", _) => (
            FaultKind::Configuration,
            format!("Entra does not issue tokens for this cloud's Microsoft Graph: {said}"),
            "Choose the tenant's cloud.".to_owned(),
            Some("cloud"),
        ),
        ("consent_required" | "interaction_required", _) => (
            FaultKind::Authentication,
            format!("Entra asks for something that an administrator must do first: {said}"),
            "Let an administrator grant consent.".to_owned(),
            None,
        ),
        _ => (
            FaultKind::Authentication,
            format!("Entra gave no token: {said}"),
            compare,
            None,
        ),
    }
}

#[cfg(test)]
mod tests;
