//! Graph's objects, as far as they are read.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::contract::MemberKind;

/// A property that should be a text.
///
/// One odd object must not stop a page of a thousand: a whole number or a flag becomes its
/// text, and anything else counts as absent. Borrowed from the page wherever it has no escapes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Text<'a>(Option<Cow<'a, str>>);

impl<'a> Text<'a> {
    pub(crate) fn borrowed(text: Option<&'a str>) -> Self {
        Self(text.map(Cow::Borrowed))
    }

    pub(crate) fn get(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The text, unless it is blank.
    pub(crate) fn filled(&self) -> Option<&str> {
        self.get().filter(|text| !text.trim().is_empty())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Owned(text.to_owned()))))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Text(None))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Owned(value.to_string()))))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Owned(value.to_string()))))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Owned(value.to_string()))))
    }

    fn visit_f64<E>(self, _value: f64) -> Result<Self::Value, E> {
        Ok(Text(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }
}

/// `@removed` of a delta entry; any content of it, even an odd one, means that the object is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Removed {
    /// Restorable: it went to the deleted items.
    pub(crate) soft: bool,
}

impl<'de> Deserialize<'de> for Removed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Reason<'a> {
            #[serde(borrow, default)]
            reason: Text<'a>,
        }
        let raw = <&RawValue>::deserialize(deserializer)?;
        let reason = serde_json::from_slice::<Reason<'_>>(raw.get().as_bytes()).ok();
        let soft = reason
            .as_ref()
            .and_then(|reason| reason.reason.get())
            .is_some_and(|reason| reason.eq_ignore_ascii_case("changed"));
        Ok(Self { soft })
    }
}

/// A user, out of a listing, a delta, a list of members or a lookup. Other members than users
/// come in this shape too, with an id and a type.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct User<'a> {
    #[serde(borrow, default)]
    pub(crate) id: Text<'a>,
    #[serde(borrow, default, rename = "@odata.type")]
    pub(crate) odata_type: Text<'a>,
    #[serde(default, rename = "@removed")]
    pub(crate) removed: Option<Removed>,
    #[serde(borrow, default)]
    pub(crate) display_name: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) given_name: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) surname: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) mail: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) user_principal_name: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) street_address: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) country: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) job_title: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) preferred_language: Text<'a>,
}

impl User<'_> {
    /// Every user has both of these; an entry of a delta that lacks one is only a hint that
    /// something happened.
    pub(crate) fn is_stub(&self) -> bool {
        self.display_name.filled().is_none() || self.user_principal_name.filled().is_none()
    }

    /// What to show and to search.
    pub(crate) fn label(&self) -> &str {
        [
            &self.display_name,
            &self.user_principal_name,
            &self.mail,
            &self.id,
        ]
        .into_iter()
        .find_map(Text::filled)
        .unwrap_or_default()
    }
}

/// A group, out of a listing, a delta or a lookup.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Group<'a> {
    #[serde(borrow, default)]
    pub(crate) id: Text<'a>,
    #[serde(default, rename = "@removed")]
    pub(crate) removed: Option<Removed>,
    #[serde(borrow, default)]
    pub(crate) display_name: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) classification: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) unique_name: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) description: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) mail: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) visibility: Text<'a>,
    #[serde(default)]
    pub(crate) group_types: Words,
    #[serde(borrow, default)]
    pub(crate) security_enabled: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) mail_enabled: Text<'a>,
    /// Absent where the group has no members or none of them changed.
    #[serde(borrow, default, rename = "members@delta")]
    pub(crate) members: Vec<Member<'a>>,
}

impl Group<'_> {
    /// Every group has all of these; an entry of a delta that lacks one is only a hint that something
    /// happened.
    pub(crate) fn is_stub(&self) -> bool {
        let always = [
            &self.display_name,
            &self.security_enabled,
            &self.mail_enabled,
        ];
        always.iter().any(|property| property.filled().is_none())
    }

    /// What kind of group it is; `None` where Graph didn't say enough, or something that no kind is.
    pub(crate) fn kind(&self) -> Option<GroupKind> {
        let flag = |property: &Text<'_>| property.get()?.parse::<bool>().ok();
        let types = self.group_types.0.as_deref()?;
        GroupKind::of(
            types,
            flag(&self.security_enabled),
            flag(&self.mail_enabled),
        )
    }

    pub(crate) fn label(&self) -> &str {
        [&self.display_name, &self.mail, &self.id]
            .into_iter()
            .find_map(Text::filled)
            .unwrap_or_default()
    }

    /// Members of such a group show only to who holds `Member.Read.Hidden`. Microsoft spells
    /// the value in two ways.
    pub(crate) fn hides_members(&self) -> bool {
        self.visibility
            .get()
            .is_some_and(|visibility| visibility.eq_ignore_ascii_case("HiddenMembership"))
    }
}

/// A property that should be a list of texts: absent where it is anything else, and without what is no text in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Words(pub(crate) Option<Vec<String>>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        let words = serde_json::from_slice::<Vec<Text<'_>>>(raw.get().as_bytes()).ok();
        Ok(Self(words.map(|words| {
            let words = words.iter().filter_map(Text::filled);
            words.map(str::to_owned).collect()
        })))
    }
}

/// A kind of group, as the admin center tells them apart, with whether its members follow from a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GroupKind {
    Microsoft365,
    Microsoft365Dynamic,
    Security,
    SecurityDynamic,
    MailEnabledSecurity,
    Distribution,
}

impl GroupKind {
    /// In the order in which to show them.
    pub(crate) const ALL: [Self; 6] = [
        Self::Microsoft365,
        Self::Microsoft365Dynamic,
        Self::Security,
        Self::SecurityDynamic,
        Self::MailEnabledSecurity,
        Self::Distribution,
    ];

    /// From `groupTypes`, `securityEnabled` and `mailEnabled`
    /// (<https://learn.microsoft.com/graph/api/resources/groups-overview#group-types-in-azure-ad-and-microsoft-graph>).
    pub(crate) fn of(types: &[String], security: Option<bool>, mail: Option<bool>) -> Option<Self> {
        let typed = |name: &str| types.iter().any(|own| own.eq_ignore_ascii_case(name));
        let is_dynamic = typed("DynamicMembership");
        if typed("Unified") {
            return Some(match is_dynamic {
                true => Self::Microsoft365Dynamic,
                false => Self::Microsoft365,
            });
        }
        match (security?, mail?) {
            (true, false) if is_dynamic => Some(Self::SecurityDynamic),
            (true, false) => Some(Self::Security),
            (true, true) => Some(Self::MailEnabledSecurity),
            (false, true) => Some(Self::Distribution),
            (false, false) => None,
        }
    }

    /// The value in `object.kind`. Never changed: hosts keep it.
    pub(crate) fn value(self) -> &'static str {
        match self {
            Self::Microsoft365 => "microsoft365",
            Self::Microsoft365Dynamic => "microsoft365-dynamic",
            Self::Security => "security",
            Self::SecurityDynamic => "security-dynamic",
            Self::MailEnabledSecurity => "mail-enabled-security",
            Self::Distribution => "distribution",
        }
    }

    /// What people see.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Microsoft365 => "Microsoft 365",
            Self::Microsoft365Dynamic => "Microsoft 365, dynamic",
            Self::Security => "Security",
            Self::SecurityDynamic => "Security, dynamic",
            Self::MailEnabledSecurity => "Mail-enabled security",
            Self::Distribution => "Distribution",
        }
    }
}

/// A page of a listing or of changes. Without `value`, or where it is no list, it is none.
#[derive(Debug, Deserialize)]
pub(crate) struct Listing<T> {
    pub(crate) value: Vec<T>,
    #[serde(default, rename = "@odata.nextLink")]
    pub(crate) next: Option<String>,
    #[serde(default, rename = "@odata.deltaLink")]
    pub(crate) delta: Option<String>,
}

/// A member by id.
#[derive(Debug, Deserialize)]
pub(crate) struct Member<'a> {
    #[serde(borrow, default)]
    pub(crate) id: Text<'a>,
    #[serde(borrow, default, rename = "@odata.type")]
    pub(crate) odata_type: Text<'a>,
    #[serde(default, rename = "@removed")]
    pub(crate) removed: Option<Removed>,
}

/// What kind of object this type is; `None` for service principals, which v1.0 listings of
/// members never show and delta does: kept in neither, the two agree.
pub(crate) fn member_kind(odata_type: &Text<'_>) -> Option<MemberKind> {
    let name = odata_type.get().unwrap_or_default();
    let name = name.rsplit('.').next().unwrap_or_default();
    Some(match name.to_ascii_lowercase().as_str() {
        "user" => MemberKind::User,
        "group" => MemberKind::Group,
        "device" => MemberKind::Device,
        "orgcontact" => MemberKind::Contact,
        "serviceprincipal" => return None,
        _ => MemberKind::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_odd_property_does_not_stop_a_page() {
        let user: User<'_> = serde_json::from_str(
            r#"{"id":"u","displayName":7,"givenName":true,"surname":["x"],"mail":{"a":[1]},"country":null,"extra":{"deep":[{}]}}"#,
        )
        .unwrap();
        assert_eq!(user.display_name.get(), Some("7"));
        assert_eq!(user.given_name.get(), Some("true"));
        assert_eq!(user.surname.get(), None);
        assert_eq!(user.mail.get(), None);
        assert_eq!(user.country.get(), None);
    }

    #[test]
    fn text_without_escapes_is_borrowed_and_with_escapes_decoded() {
        let user: User<'_> =
            serde_json::from_str(r#"{"id":"plain","displayName":"J\u00f6rg \"J\""}"#).unwrap();
        assert!(matches!(user.id.0, Some(Cow::Borrowed("plain"))));
        assert_eq!(user.display_name.get(), Some("Jörg \"J\""));
    }

    #[test]
    fn removal_is_soft_only_when_it_says_changed() {
        let of = |text: &str| serde_json::from_str::<User<'_>>(text).unwrap().removed;
        assert_eq!(
            of(r#"{"id":"u","@removed":{"reason":"changed"}}"#),
            Some(Removed { soft: true })
        );
        assert_eq!(
            of(r#"{"id":"u","@removed":{"reason":"deleted"}}"#),
            Some(Removed { soft: false })
        );
        assert_eq!(
            of(r#"{"id":"u","@removed":{}}"#),
            Some(Removed { soft: false })
        );
        assert_eq!(
            of(r#"{"id":"u","@removed":true}"#),
            Some(Removed { soft: false })
        );
        assert_eq!(of(r#"{"id":"u"}"#), None);
    }

    #[test]
    fn service_principals_are_no_members() {
        let kind = |name: &str| member_kind(&Text(Some(Cow::Owned(name.to_owned()))));
        assert_eq!(kind("#microsoft.graph.servicePrincipal"), None);
        assert_eq!(kind("#microsoft.graph.user"), Some(MemberKind::User));
        assert_eq!(
            kind("#microsoft.graph.orgContact"),
            Some(MemberKind::Contact)
        );
        assert_eq!(kind("#microsoft.graph.agent"), Some(MemberKind::Other));
    }

    #[test]
    fn a_group_is_of_the_kind_that_its_types_and_flags_make() {
        let of = |types: &str, security: &str, mail: &str| {
            let text = format!(
                r#"{{"id":"g","groupTypes":{types},"securityEnabled":{security},"mailEnabled":{mail}}}"#
            );
            let group: Group<'_> = serde_json::from_str(&text).unwrap();
            group.kind().map(GroupKind::value)
        };
        for (types, security, mail, kind) in [
            (r#"["Unified"]"#, "false", "true", Some("microsoft365")),
            (r#"["Unified"]"#, "true", "true", Some("microsoft365")),
            (
                r#"["DynamicMembership","Unified"]"#,
                "false",
                "true",
                Some("microsoft365-dynamic"),
            ),
            ("[]", "true", "false", Some("security")),
            (
                r#"["DynamicMembership"]"#,
                "true",
                "false",
                Some("security-dynamic"),
            ),
            ("[]", "true", "true", Some("mail-enabled-security")),
            ("[]", "false", "true", Some("distribution")),
            ("[]", "false", "false", None),
            ("[]", "null", "false", None),
            ("null", "true", "false", None),
            (r#"{"odd":1}"#, "true", "false", None),
            (r#"["New",7]"#, "true", "false", Some("security")),
        ] {
            assert_eq!(of(types, security, mail), kind, "{types} {security} {mail}");
        }
    }

    #[test]
    fn an_entry_without_what_every_group_has_is_a_stub() {
        let is_stub = |text: &str| serde_json::from_str::<Group<'_>>(text).unwrap().is_stub();
        assert!(!is_stub(
            r#"{"id":"g","displayName":"G","securityEnabled":true,"mailEnabled":false}"#
        ));
        assert!(is_stub(
            r#"{"id":"g","displayName":"G","securityEnabled":true}"#
        ));
        assert!(is_stub(
            r#"{"id":"g","securityEnabled":true,"mailEnabled":false}"#
        ));
    }

    #[test]
    fn hidden_membership_is_known_in_any_case() {
        for spelling in ["HiddenMembership", "Hiddenmembership", "hiddenmembership"] {
            let text = format!(r#"{{"id":"g","visibility":"{spelling}"}}"#);
            assert!(
                serde_json::from_str::<Group<'_>>(&text)
                    .unwrap()
                    .hides_members()
            );
        }
        assert!(
            !serde_json::from_str::<Group<'_>>(r#"{"id":"g","visibility":null}"#)
                .unwrap()
                .hides_members()
        );
    }
}
