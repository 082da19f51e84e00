//! The calls that the simulator answers, and the permissions each of them needs.

use super::schema::Kind;

/// A call, without its parameters: what statistics and costs are kept by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Groups,
    GroupsCount,
    GroupsDelta,
    Group,
    GroupMembers,
    GroupTransitiveMembers,
    GroupMemberOf,
    Users,
    UsersCount,
    UsersDelta,
    User,
    UserMemberOf,
    UserTransitiveMemberOf,
    GetByIds,
    Organization,
    Batch,
    Token,
    Other,
}

impl Route {
    pub(crate) const ALL: [Self; 18] = [
        Self::Groups,
        Self::GroupsCount,
        Self::GroupsDelta,
        Self::Group,
        Self::GroupMembers,
        Self::GroupTransitiveMembers,
        Self::GroupMemberOf,
        Self::Users,
        Self::UsersCount,
        Self::UsersDelta,
        Self::User,
        Self::UserMemberOf,
        Self::UserTransitiveMemberOf,
        Self::GetByIds,
        Self::Organization,
        Self::Batch,
        Self::Token,
        Self::Other,
    ];

    /// The name in statistics.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Groups => "/groups",
            Self::GroupsCount => "/groups/$count",
            Self::GroupsDelta => "/groups/delta",
            Self::Group => "/groups/{id}",
            Self::GroupMembers => "/groups/{id}/members",
            Self::GroupTransitiveMembers => "/groups/{id}/transitiveMembers",
            Self::GroupMemberOf => "/groups/{id}/memberOf",
            Self::Users => "/users",
            Self::UsersCount => "/users/$count",
            Self::UsersDelta => "/users/delta",
            Self::User => "/users/{id}",
            Self::UserMemberOf => "/users/{id}/memberOf",
            Self::UserTransitiveMemberOf => "/users/{id}/transitiveMemberOf",
            Self::GetByIds => "/directoryObjects/getByIds",
            Self::Organization => "/organization",
            Self::Batch => "/$batch",
            Self::Token => "/oauth2/v2.0/token",
            Self::Other => "other",
        }
    }

    /// The application permissions of which one is enough. Empty: none is needed.
    pub(crate) fn permissions(self) -> &'static [&'static str] {
        match self {
            Self::Groups | Self::GroupsCount | Self::GroupsDelta | Self::Group => &[
                "Group.ReadBasic.All",
                "GroupMember.Read.All",
                "Group.Read.All",
                "Directory.Read.All",
            ],
            Self::GroupMembers | Self::GroupTransitiveMembers => &[
                "GroupMember.ReadBasic.All",
                "Group.ReadBasic.All",
                "GroupMember.Read.All",
                "Group.Read.All",
                "Directory.Read.All",
            ],
            Self::GroupMemberOf => &[
                "GroupMember.Read.All",
                "Group.Read.All",
                "Directory.Read.All",
            ],
            Self::Users | Self::UsersCount | Self::User => {
                &["User.ReadBasic.All", "User.Read.All", "Directory.Read.All"]
            }
            Self::UsersDelta => &["User.Read.All", "Directory.Read.All"],
            Self::UserMemberOf | Self::UserTransitiveMemberOf => &[
                "User.Read.All",
                "GroupMember.Read.All",
                "Group.Read.All",
                "Directory.Read.All",
            ],
            Self::GetByIds => &["Directory.Read.All"],
            Self::Organization => &[
                "Organization.Read.All",
                "User.Read.All",
                "Directory.Read.All",
            ],
            Self::Batch | Self::Token | Self::Other => &[],
        }
    }
}

/// The permissions of which one lets an app read members of a kind; without, they come with their id only.
pub(crate) fn readers(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::User => &["User.ReadBasic.All", "User.Read.All", "Directory.Read.All"],
        Kind::Group => &[
            "Group.ReadBasic.All",
            "GroupMember.Read.All",
            "Group.Read.All",
            "Directory.Read.All",
        ],
        Kind::Device => &["Device.Read.All", "Directory.Read.All"],
        Kind::Contact => &["OrgContact.Read.All", "Directory.Read.All"],
        Kind::ServicePrincipal => &["Application.Read.All", "Directory.Read.All"],
    }
}

/// A parsed path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    pub(crate) route: Route,
    /// The object in the path.
    pub(crate) id: &'a str,
    /// The type that members are cast to.
    pub(crate) cast: Option<&'a str>,
    /// The path ends in `/$count`.
    pub(crate) count: bool,
}

impl<'a> Target<'a> {
    /// Reads a path behind the version. `None` is a path that the simulator does not know.
    pub(crate) fn parse(path: &'a str) -> Option<Self> {
        let segments: Vec<&str> = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .collect();
        let plain = |route, id| {
            Some(Self {
                route,
                id,
                cast: None,
                count: false,
            })
        };
        match segments.as_slice() {
            ["groups"] => plain(Route::Groups, ""),
            ["groups", "$count"] => plain(Route::GroupsCount, ""),
            ["groups", delta] if is_delta(delta) => plain(Route::GroupsDelta, ""),
            ["groups", id] => plain(Route::Group, id),
            ["groups", id, "members", rest @ ..] => Self::nested(Route::GroupMembers, id, rest),
            ["groups", id, "transitiveMembers", rest @ ..] => {
                Self::nested(Route::GroupTransitiveMembers, id, rest)
            }
            ["groups", id, "memberOf", rest @ ..] => Self::nested(Route::GroupMemberOf, id, rest),
            ["users"] => plain(Route::Users, ""),
            ["users", "$count"] => plain(Route::UsersCount, ""),
            ["users", delta] if is_delta(delta) => plain(Route::UsersDelta, ""),
            ["users", id] => plain(Route::User, id),
            ["users", id, "memberOf", rest @ ..] => Self::nested(Route::UserMemberOf, id, rest),
            ["users", id, "transitiveMemberOf", rest @ ..] => {
                Self::nested(Route::UserTransitiveMemberOf, id, rest)
            }
            ["directoryObjects", "getByIds" | "microsoft.graph.getByIds"] => {
                plain(Route::GetByIds, "")
            }
            ["organization"] => plain(Route::Organization, ""),
            ["$batch"] => plain(Route::Batch, ""),
            _ => None,
        }
    }

    fn nested(route: Route, id: &'a str, rest: &[&'a str]) -> Option<Self> {
        let (cast, count) = match rest {
            [] => (None, false),
            ["$count"] => (None, true),
            [cast] => (Some(*cast), false),
            [cast, "$count"] => (Some(*cast), true),
            _ => return None,
        };
        Some(Self {
            route,
            id,
            cast,
            count,
        })
    }
}

fn is_delta(segment: &str) -> bool {
    let segment = segment.strip_suffix("()").unwrap_or(segment);
    matches!(segment, "delta" | "microsoft.graph.delta")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delta_has_three_spellings_and_members_can_be_cast() {
        for path in [
            "/groups/delta",
            "/groups/delta()",
            "/groups/microsoft.graph.delta",
            "/groups/microsoft.graph.delta()",
        ] {
            assert_eq!(Target::parse(path).unwrap().route, Route::GroupsDelta);
        }
        let cast = Target::parse("/groups/x/members/microsoft.graph.user/$count").unwrap();
        assert_eq!(
            (cast.route, cast.cast, cast.count),
            (Route::GroupMembers, Some("microsoft.graph.user"), true)
        );
        assert!(Target::parse("/applications").is_none());
    }
}
