//! The source and the target model, as maps see them.

use crate::contract::{DataModel, Field as ModelField};

/// Name of the source model.
pub(crate) const SOURCE_MODEL: &str = "Identity Provider group";
/// Name of the target model.
pub(crate) const TARGET_MODEL: &str = "Qualys Group";
/// Where the documents of a user's groups go.
pub(crate) const GROUPS_PATH: &str = "groupInfo";

/// Which document a field belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    User,
    Group,
}

/// A field of the source model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Id,
    DisplayName,
    GivenName,
    Surname,
    Mail,
    UserPrincipalName,
    StreetAddress,
    Country,
    JobTitle,
    PreferredLanguage,
    FirstName,
    LastName,
    EventType,
    Notification,
    DefaultCountry,
    GroupId,
    PlatformGroups,
    Classification,
    GroupDisplayName,
    GroupUniqueName,
    GroupDescription,
    GroupMail,
    GroupTypes,
    SecurityEnabled,
    MailEnabled,
    GroupKind,
}

/// What there is to know about a field of the source model.
pub(crate) struct FieldFacts {
    pub(crate) field: Field,
    pub(crate) path: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) side: Side,
    /// Graph's property that it is read from, empty where it isn't.
    pub(crate) property: &'static str,
    pub(crate) meaning: &'static str,
}

const fn user(
    field: Field,
    path: &'static str,
    property: &'static str,
    meaning: &'static str,
) -> FieldFacts {
    FieldFacts {
        field,
        path,
        kind: "string",
        side: Side::User,
        property,
        meaning,
    }
}

const fn group(
    field: Field,
    path: &'static str,
    property: &'static str,
    meaning: &'static str,
) -> FieldFacts {
    FieldFacts {
        field,
        path,
        kind: "string",
        side: Side::Group,
        property,
        meaning,
    }
}

/// Every field of the source model.
pub(crate) const SOURCE_FIELDS: [FieldFacts; 26] = [
    user(
        Field::Id,
        "id",
        "id",
        "Object id of the user; never used again for another user.",
    ),
    user(
        Field::DisplayName,
        "displayName",
        "displayName",
        "Name as shown in the directory.",
    ),
    user(Field::GivenName, "givenName", "givenName", "First name."),
    user(Field::Surname, "surname", "surname", "Last name."),
    user(
        Field::Mail,
        "mail",
        "mail",
        "SMTP address; many users have none.",
    ),
    user(
        Field::UserPrincipalName,
        "userPrincipalName",
        "userPrincipalName",
        "Sign-in name; for guests it is derived from their address at home.",
    ),
    user(
        Field::StreetAddress,
        "streetAddress",
        "streetAddress",
        "Street address of the place of business.",
    ),
    user(Field::Country, "country", "country", "Country or region."),
    user(Field::JobTitle, "jobTitle", "jobTitle", "Job title."),
    user(
        Field::PreferredLanguage,
        "preferredLanguage",
        "preferredLanguage",
        "Language as an ISO 639-1 code, such as `en-US`.",
    ),
    user(
        Field::FirstName,
        "nameParts.first",
        "displayName",
        "First word of `displayName`.",
    ),
    user(
        Field::LastName,
        "nameParts.last",
        "displayName",
        "Last word of `displayName`.",
    ),
    user(
        Field::EventType,
        "eventType",
        "",
        "Always `SYNC`, so that a document depends on its user alone and not on how it was read.",
    ),
    FieldFacts {
        field: Field::Notification,
        path: "notification.*",
        kind: "object",
        side: Side::User,
        property: "",
        meaning: "The setting `notification`, as a whole; name a member of it for a part.",
    },
    user(
        Field::DefaultCountry,
        "defaultCountry",
        "",
        "The setting of that name.",
    ),
    group(
        Field::GroupId,
        "groupInfo[].idpGroup",
        "id",
        "Object id of the group; never used again for another group.",
    ),
    FieldFacts {
        field: Field::PlatformGroups,
        path: "groupInfo[].qualysGroups",
        kind: "array",
        side: Side::Group,
        property: "",
        meaning: "Ids of the platform's groups that an administrator linked to the group.",
    },
    group(
        Field::Classification,
        "classification",
        "classification",
        "The group's classification, such as `Confidential`.",
    ),
    group(
        Field::GroupDisplayName,
        "groupDisplayName",
        "displayName",
        "The group's name; not unique.",
    ),
    group(
        Field::GroupUniqueName,
        "groupUniqueName",
        "uniqueName",
        "The group's alternate key, where one was given.",
    ),
    group(
        Field::GroupDescription,
        "groupDescription",
        "description",
        "The group's description.",
    ),
    group(
        Field::GroupMail,
        "groupMail",
        "mail",
        "The group's SMTP address.",
    ),
    FieldFacts {
        kind: "array",
        ..group(
            Field::GroupTypes,
            "groupTypes",
            "groupTypes",
            "`Unified` of a Microsoft 365 group, `DynamicMembership` where a rule gives the members.",
        )
    },
    FieldFacts {
        kind: "boolean",
        ..group(
            Field::SecurityEnabled,
            "securityEnabled",
            "securityEnabled",
            "Whether it can secure access to something.",
        )
    },
    FieldFacts {
        kind: "boolean",
        ..group(
            Field::MailEnabled,
            "mailEnabled",
            "mailEnabled",
            "Whether it gets mail.",
        )
    },
    group(
        Field::GroupKind,
        "groupKind",
        "",
        "What the three of these make it: `microsoft365`, `security`, `mail-enabled-security` or `distribution`, the first two also with `-dynamic` behind.",
    ),
];

/// A field of the target model.
pub(crate) struct TargetField {
    pub(crate) path: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) meaning: &'static str,
}

const fn target(path: &'static str, meaning: &'static str) -> TargetField {
    TargetField {
        path,
        kind: "string",
        meaning,
    }
}

/// Beginning of the targets of group rules.
pub(crate) const GROUP_PREFIX: &str = "groupInfo[].";
/// Any name may follow this one.
pub(crate) const OPEN_TARGET: &str = "groupInfo[].customAttributes.";
/// Without these, the platform can't tell one user or group from another.
pub(crate) const IDENTITY_TARGETS: [(&str, Field); 2] = [
    ("identityProviderId", Field::Id),
    ("groupInfo[].idpGroup", Field::GroupId),
];

/// Every field of the target model.
pub(crate) const TARGET_FIELDS: [TargetField; 21] = [
    target(
        "identityProviderId",
        "Id of the user at the identity provider.",
    ),
    target("externalId", "Id of the user outside of the platform."),
    target(
        "userData.userDetails.externalId",
        "The same, among the user's details.",
    ),
    target(
        "userData.userDetails.apiExternalId",
        "The same, for the platform's API.",
    ),
    target(
        "userData.userDetails.emailId",
        "E-mail address; the platform insists on a valid one.",
    ),
    target("userData.userDetails.userPrincipalName", "Sign-in name."),
    target("userData.userDetails.givenName", "First name."),
    target("userData.userDetails.lastName", "Last name."),
    target("userData.userDetails.displayName", "Name to show."),
    target(
        "userData.userDetails.username",
        "Name of the platform's user.",
    ),
    target("userData.userDetails.address", "Street address."),
    target("userData.userDetails.country", "Country."),
    target("userData.userDetails.title", "Job title."),
    target("userData.userDetails.language", "Language."),
    target("eventType", "What the record is about."),
    TargetField {
        path: "userData.notification",
        kind: "object",
        meaning: "How to notify about the record.",
    },
    target(
        "groupInfo[].idpGroup",
        "Id of the group at the identity provider.",
    ),
    TargetField {
        path: "groupInfo[].qualysGroupUUID",
        kind: "array",
        meaning: "Ids of the platform's groups that the group feeds.",
    },
    target("groupInfo[].classification", "The group's classification."),
    target(
        "groupInfo[].customAttributes.groupDisplayName",
        "The group's name. Any other name may stand in its place for an attribute of one's own.",
    ),
    target(
        "groupInfo[].customAttributes.uniqueName",
        "The group's alternate key.",
    ),
];

/// The source model, for display.
pub(crate) fn source_model() -> DataModel {
    DataModel {
        name: SOURCE_MODEL.to_owned(),
        fields: SOURCE_FIELDS
            .iter()
            .map(|f| model_field(f.path, f.kind, f.meaning))
            .collect(),
        groups_path: None,
    }
}

/// The target model, for display.
pub(crate) fn target_model() -> DataModel {
    DataModel {
        name: TARGET_MODEL.to_owned(),
        fields: TARGET_FIELDS
            .iter()
            .map(|f| model_field(f.path, f.kind, f.meaning))
            .collect(),
        groups_path: Some(GROUPS_PATH.to_owned()),
    }
}

fn model_field(path: &str, kind: &str, meaning: &str) -> ModelField {
    ModelField {
        path: path.to_owned(),
        kind: kind.to_owned(),
        meaning: meaning.to_owned(),
    }
}
