//! The directory schema that the simulator knows: object kinds, their properties, and what a request without
//! `$select` gets of them.

/// The kinds of directory object that can be a member of a group.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// A member or guest user.
    User,
    /// A security, mail-enabled, dynamic or Microsoft 365 group.
    Group,
    /// A registered device.
    Device,
    /// An organisational contact.
    Contact,
    /// A service principal, which v1.0 member listings leave out and delta shows.
    ServicePrincipal,
}

impl Kind {
    /// Every kind, in the order of their discriminants.
    pub const ALL: [Self; 5] = [
        Self::User,
        Self::Group,
        Self::Device,
        Self::Contact,
        Self::ServicePrincipal,
    ];

    /// The type name in a cast segment, such as `microsoft.graph.orgContact`.
    #[must_use]
    pub fn type_name(self) -> &'static str {
        self.odata_type().trim_start_matches('#')
    }

    /// The value of `@odata.type`.
    #[must_use]
    pub fn odata_type(self) -> &'static str {
        match self {
            Self::User => "#microsoft.graph.user",
            Self::Group => "#microsoft.graph.group",
            Self::Device => "#microsoft.graph.device",
            Self::Contact => "#microsoft.graph.orgContact",
            Self::ServicePrincipal => "#microsoft.graph.servicePrincipal",
        }
    }

    /// The name that the truth export uses for a member of this kind.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Device => "device",
            Self::Contact => "contact",
            Self::ServicePrincipal => "servicePrincipal",
        }
    }

    /// The properties of this kind; a property's position here is its index everywhere.
    pub(crate) fn properties(self) -> &'static [Property] {
        match self {
            Self::User => USER,
            Self::Group => GROUP,
            Self::Device => DEVICE,
            Self::Contact => CONTACT,
            Self::ServicePrincipal => SERVICE_PRINCIPAL,
        }
    }

    /// The index of a property. Graph compares property names without regard to case.
    pub(crate) fn index_of(self, name: &str) -> Option<usize> {
        self.properties()
            .iter()
            .position(|p| p.name.eq_ignore_ascii_case(name))
    }

    /// Bit mask of the properties that come without `$select`.
    pub(crate) fn default_mask(self) -> u64 {
        mask_of(self.properties(), |p| p.returned == Returned::Always)
    }

    /// Bit mask of every property that has a value at all.
    pub(crate) fn full_mask(self) -> u64 {
        mask_of(self.properties(), |p| p.returned != Returned::Never)
    }
}

fn mask_of(properties: &[Property], wanted: impl Fn(&Property) -> bool) -> u64 {
    properties
        .iter()
        .enumerate()
        .filter(|(_, p)| wanted(p))
        .fold(0, |mask, (i, _)| mask | 1 << i)
}

/// When a property is part of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Returned {
    /// Without `$select` too.
    Always,
    /// Only when it is selected.
    Selected,
    /// Only when it is selected on a single object; a collection refuses it.
    Single,
    /// Never, not even when it is selected.
    Never,
}

/// The JSON shape of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Text,
    Flag,
    /// A collection of strings, never null: empty when unset.
    Texts,
}

/// One property of one kind.
#[derive(Debug)]
pub(crate) struct Property {
    pub(crate) name: &'static str,
    /// `,"name":`, ready to be written.
    pub(crate) label: &'static str,
    /// `,"name":null`, ready to be written.
    pub(crate) null: &'static str,
    pub(crate) returned: Returned,
    pub(crate) shape: Shape,
}

macro_rules! properties {
    ($($name:ident: $shape:ident $returned:ident,)*) => {
        &[$(Property {
            name: stringify!($name),
            label: concat!(",\"", stringify!($name), "\":"),
            null: concat!(",\"", stringify!($name), "\":null"),
            returned: Returned::$returned,
            shape: Shape::$shape,
        }),*]
    };
}

static USER: &[Property] = properties![
    businessPhones: Texts Always,
    displayName: Text Always,
    givenName: Text Always,
    jobTitle: Text Always,
    mail: Text Always,
    mobilePhone: Text Always,
    officeLocation: Text Always,
    preferredLanguage: Text Always,
    surname: Text Always,
    userPrincipalName: Text Always,
    accountEnabled: Flag Selected,
    city: Text Selected,
    companyName: Text Selected,
    country: Text Selected,
    createdDateTime: Text Selected,
    deletedDateTime: Text Selected,
    department: Text Selected,
    employeeId: Text Selected,
    mailNickname: Text Selected,
    onPremisesSyncEnabled: Flag Selected,
    postalCode: Text Selected,
    state: Text Selected,
    streetAddress: Text Selected,
    usageLocation: Text Selected,
    userType: Text Selected,
    aboutMe: Text Single,
];

static GROUP: &[Property] = properties![
    classification: Text Always,
    createdDateTime: Text Always,
    deletedDateTime: Text Always,
    description: Text Always,
    displayName: Text Always,
    expirationDateTime: Text Always,
    groupTypes: Texts Always,
    isAssignableToRole: Flag Always,
    mail: Text Always,
    mailEnabled: Flag Always,
    mailNickname: Text Always,
    membershipRule: Text Always,
    membershipRuleProcessingState: Text Always,
    onPremisesDomainName: Text Always,
    onPremisesLastSyncDateTime: Text Always,
    onPremisesNetBiosName: Text Always,
    onPremisesSamAccountName: Text Always,
    onPremisesSecurityIdentifier: Text Always,
    onPremisesSyncEnabled: Flag Always,
    proxyAddresses: Texts Always,
    renewedDateTime: Text Always,
    securityEnabled: Flag Always,
    securityIdentifier: Text Always,
    visibility: Text Always,
    uniqueName: Text Selected,
    isManagementRestricted: Flag Selected,
    allowExternalSenders: Flag Single,
    autoSubscribeNewMembers: Flag Single,
    hideFromAddressLists: Flag Single,
    hideFromOutlookClients: Flag Single,
    isSubscribedByMail: Flag Single,
    unseenCount: Text Single,
    hasMembersWithLicenseErrors: Flag Never,
    isArchived: Flag Never,
];

static DEVICE: &[Property] = properties![
    accountEnabled: Flag Always,
    deviceId: Text Always,
    displayName: Text Always,
    operatingSystem: Text Always,
    operatingSystemVersion: Text Always,
    trustType: Text Always,
];

static CONTACT: &[Property] = properties![
    companyName: Text Always,
    displayName: Text Always,
    givenName: Text Always,
    jobTitle: Text Always,
    mail: Text Always,
    surname: Text Always,
];

static SERVICE_PRINCIPAL: &[Property] = properties![
    accountEnabled: Flag Always,
    appDisplayName: Text Always,
    appId: Text Always,
    displayName: Text Always,
    servicePrincipalType: Text Always,
];

/// User properties that live outside the main directory store; a collection answers 501 when one is selected.
pub(crate) const OUTSIDE_MAIN_STORE: [&str; 10] = [
    "birthday",
    "hireDate",
    "interests",
    "mySite",
    "pastProjects",
    "preferredName",
    "responsibilities",
    "schools",
    "skills",
    "mailboxSettings",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nine_mapped_user_properties_are_known_and_two_of_them_need_select() {
        let default = Kind::User.default_mask();
        for (name, always) in [
            ("displayName", true),
            ("streetAddress", false),
            ("country", false),
            ("jobTitle", true),
        ] {
            let index = Kind::User.index_of(name).unwrap();
            assert_eq!(default >> index & 1 == 1, always, "{name}");
        }
    }

    #[test]
    fn a_unique_name_is_not_returned_by_default() {
        let index = Kind::Group.index_of("uniquename").unwrap();
        assert_eq!(Kind::Group.default_mask() >> index & 1, 0);
    }
}
