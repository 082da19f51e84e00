//! Makes a tenant from a [`TenantSpec`].

use fastrand::Rng;

use super::blob::{Blob, Field};
use super::directory::{Directory, Slot};
use super::names::{FAMILY, GIVEN, TEAMS, UNUSUAL};
use super::options::TenantSpec;
use super::records::{GroupSort, NewUser, group_blob, guid, pick, user_blob};
use super::schema::Kind;

/// Makes the directory of a tenant. Its change log starts empty.
pub(crate) fn directory(spec: &TenantSpec) -> Directory {
    let mut maker = Maker {
        directory: Directory::default(),
        rng: Rng::with_seed(spec.seed ^ 0x5eed_e47a),
        mails: Vec::new(),
    };
    let ghosts = if spec.users >= 20 {
        (spec.users / 200).max(1)
    } else {
        0
    };
    for index in 0..spec.users + ghosts {
        maker.user(index);
    }
    maker.devices(spec.devices.unwrap_or(spec.users / 10));
    maker.contacts(spec.contacts.unwrap_or(spec.users / 50));
    maker.service_principals(spec.service_principals.unwrap_or(spec.groups / 10));
    let lost = usize::from(spec.groups >= 20);
    for index in 0..spec.groups + lost {
        maker.group(index, index >= spec.groups);
    }
    maker.memberships(spec);
    maker.ghosts(ghosts, lost);
    maker.directory
}

struct Maker {
    directory: Directory,
    rng: Rng,
    mails: Vec<String>,
}

impl Maker {
    fn add(&mut self, kind: Kind, blob: Blob) -> Option<Slot> {
        let id = guid(&mut self.rng);
        self.directory.seed(id, kind, blob).ok()
    }

    fn user(&mut self, index: usize) {
        let roll = self.rng.u16(..1000);
        let (given, family, display) = if index % 23 == 5 {
            let unusual = pick(&mut self.rng, &UNUSUAL);
            (unusual.0, unusual.1, unusual.2.to_owned())
        } else {
            let (given, family) = (pick(&mut self.rng, &GIVEN), pick(&mut self.rng, &FAMILY));
            (given, family, format!("{given} {family}"))
        };
        let guest = index % 17 == 3;
        let service = index % 31 == 7;
        let display = if service {
            format!("svc-{index}")
        } else {
            display
        };
        let plain: String = format!("{given}.{family}")
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '.')
            .collect();
        let plain = plain.trim_matches('.').to_ascii_lowercase();
        let local = format!("{plain}{}{index}", if plain.is_empty() { "u" } else { "" });
        let (upn, mail) = if guest {
            (
                format!("{local}_partner.example#EXT#@contoso.onmicrosoft.com"),
                format!("{local}@partner.example"),
            )
        } else {
            (
                format!("{local}@contoso.example"),
                format!("{local}@contoso.example"),
            )
        };
        let shared = self.mails.last().filter(|_| roll >= 995).cloned();
        let mail = shared.unwrap_or(mail);
        let blob = user_blob(
            &mut self.rng,
            &NewUser {
                display: &display,
                given: if service {
                    Field::Unset
                } else {
                    Field::Text(given)
                },
                family: if service {
                    Field::Unset
                } else {
                    Field::Text(family)
                },
                mail: match roll {
                    0..50 => Field::Unset,
                    50..70 => Field::Null,
                    _ => Field::Text(&mail),
                },
                upn: &upn,
                guest,
                number: index,
            },
        );
        if index.is_multiple_of(100) {
            self.mails.push(mail);
        }
        self.add(Kind::User, blob);
    }

    fn devices(&mut self, count: usize) {
        for index in 0..count {
            let id = format!("device-{index:06}");
            let name = format!("LAPTOP-{:06X}", self.rng.u32(..0xff_ffff));
            let fields = [
                Field::Flag(true),
                Field::Text(&id),
                Field::Text(&name),
                Field::Text("Windows"),
                Field::Text("10.0.26100"),
                Field::Text("AzureAd"),
            ];
            self.add(Kind::Device, Blob::build(Kind::Device, &fields));
        }
    }

    fn contacts(&mut self, count: usize) {
        for index in 0..count {
            let (given, family) = (pick(&mut self.rng, &GIVEN), pick(&mut self.rng, &FAMILY));
            let (name, mail) = (
                format!("{given} {family} (external)"),
                format!("contact{index}@fabrikam.example"),
            );
            let fields = [
                Field::Text("Fabrikam"),
                Field::Text(&name),
                Field::Text(given),
                Field::Unset,
                Field::Text(&mail),
                Field::Text(family),
            ];
            self.add(Kind::Contact, Blob::build(Kind::Contact, &fields));
        }
    }

    fn service_principals(&mut self, count: usize) {
        for index in 0..count {
            let (name, app) = (
                format!("app-{index}"),
                format!("00000000-0000-4000-8000-{index:012}"),
            );
            let fields = [
                Field::Flag(true),
                Field::Text(&name),
                Field::Text(&app),
                Field::Text(&name),
                Field::Text("Application"),
            ];
            self.add(
                Kind::ServicePrincipal,
                Blob::build(Kind::ServicePrincipal, &fields),
            );
        }
    }

    fn group(&mut self, index: usize, restorable: bool) {
        let sort = match index % 20 {
            _ if restorable => GroupSort::Unified,
            3 => GroupSort::DynamicSecurity,
            5 | 6 => GroupSort::MailEnabledSecurity,
            7 => GroupSort::Distribution,
            8..=12 => GroupSort::Unified,
            13 => GroupSort::DynamicUnified,
            14 if index % 40 == 14 => GroupSort::HiddenUnified,
            _ => GroupSort::Security,
        };
        let team = pick(&mut self.rng, &TEAMS);
        // One name in twelve is shared by several groups: display names are not unique.
        let name = match index % 12 {
            4 => team.to_owned(),
            9 => format!("{team} {} 🔐 {index}", pick(&mut self.rng, &UNUSUAL).2),
            _ => format!("{team} {index}"),
        };
        let blob = group_blob(&mut self.rng, index, &name, sort);
        self.add(Kind::Group, blob);
    }

    fn memberships(&mut self, spec: &TenantSpec) {
        let groups: Vec<Slot> = self.directory.of_kind(Kind::Group).to_vec();
        let nested = nested_edges(&self.directory, &groups, &mut self.rng);
        let users = self.directory.of_kind(Kind::User).len();
        // A few groups stay empty; of the others the first is very big, the rest shrink along a power law.
        let mut order: Vec<usize> = (0..groups.len())
            .filter(|index| groups.len() < 8 || index % 13 != 11)
            .collect();
        self.rng.shuffle(&mut order);
        #[expect(clippy::cast_precision_loss, reason = "a share, not an amount")]
        let weights: Vec<f64> = (0..order.len())
            .map(|rank| 1.0 / (rank as f64 + 2.0).powf(0.85))
            .collect();
        let mut weight: f64 = weights.iter().sum();
        let mut left = spec
            .memberships
            .saturating_sub(nested.iter().map(Vec::len).sum());
        let mut sizes = vec![0; groups.len()];
        for (index, share) in order.iter().zip(weights) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a share"
            )]
            let wanted = (left as f64 * (share / weight)).ceil() as usize;
            let size = wanted.min(users * 9 / 10 + 1).min(left);
            weight -= share;
            left -= size;
            if let Some(place) = sizes.get_mut(*index) {
                *place = size;
            }
        }
        for ((group, size), children) in groups.iter().zip(sizes).zip(nested) {
            let mut members = self.sample(*group, size);
            members.extend(children);
            members.sort_unstable();
            members.dedup();
            self.directory.seed_members(*group, members);
        }
    }

    /// `size` different members of the kinds that a group may hold.
    fn sample(&mut self, group: Slot, size: usize) -> Vec<Slot> {
        let unified = self.directory.is_unified(group);
        let pools = [
            Kind::User,
            Kind::Device,
            Kind::Contact,
            Kind::ServicePrincipal,
        ]
        .map(|kind| self.directory.of_kind(kind));
        let [users, others @ ..] = pools;
        let mut members = Vec::with_capacity(size + size / 8);
        if !unified {
            for (pool, share) in others.into_iter().zip([20, 60, 100]) {
                for _ in 0..(size + self.rng.usize(..share)) / share {
                    members.extend(self.rng.choice(pool));
                }
            }
            members.sort_unstable();
            members.dedup();
            members.truncate(size);
        }
        if size > users.len() / 2 {
            let wanted = size.saturating_sub(members.len()).min(users.len());
            let mut pool = users.to_vec();
            self.rng.shuffle(&mut pool);
            members.extend(pool.into_iter().take(wanted));
            return members;
        }
        while members.len() < size && !users.is_empty() {
            for _ in members.len()..size {
                members.extend(self.rng.choice(users));
            }
            members.sort_unstable();
            members.dedup();
        }
        members
    }

    /// Some users and a group that were deleted before anyone looked.
    fn ghosts(&mut self, users: usize, groups: usize) {
        for (kind, count) in [(Kind::User, users), (Kind::Group, groups)] {
            let last: Vec<Slot> = self
                .directory
                .of_kind(kind)
                .iter()
                .rev()
                .take(count)
                .copied()
                .collect();
            for slot in last {
                self.directory.seed_deleted(slot);
            }
        }
    }
}

/// Nested groups by group: a deep chain that closes into a cycle, diamonds, a pair holding each other, and random edges.
fn nested_edges(directory: &Directory, groups: &[Slot], rng: &mut Rng) -> Vec<Vec<Slot>> {
    let mut edges = vec![Vec::new(); groups.len()];
    let holders: Vec<usize> = groups
        .iter()
        .enumerate()
        .filter(|(_, group)| !directory.is_unified(**group))
        .map(|(index, _)| index)
        .collect();
    let mut add = |parent: Option<&usize>, child: Option<&usize>| {
        if let Some((parent, child)) = parent.zip(child).filter(|(parent, child)| parent != child)
            && let Some((list, child)) = edges.get_mut(*parent).zip(groups.get(*child))
        {
            list.push(*child);
        }
    };
    let at = |index: usize| holders.get(index);
    if holders.len() >= 4 {
        for (parent, child) in [(0, 1), (0, 2), (1, 3), (2, 3)] {
            add(at(parent), at(child));
        }
    }
    if holders.len() >= 6 {
        add(at(4), at(5));
        add(at(5), at(4));
    }
    let chain = holders.len().saturating_sub(6).min(12);
    for step in 0..chain {
        add(at(6 + step), at(6 + (step + 1) % chain));
    }
    for _ in 0..groups.len() / 8 {
        let child = rng.usize(..groups.len());
        add(rng.choice(&holders), Some(&child));
    }
    for list in &mut edges {
        list.sort_unstable();
        list.dedup();
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_specs_make_equal_tenants() {
        let spec = TenantSpec::sized(200, 40, 2_000, 7);
        let (one, two) = (directory(&spec), directory(&spec));
        for kind in Kind::ALL {
            for (a, b) in one.of_kind(kind).iter().zip(two.of_kind(kind)) {
                assert_eq!(one.head(*a).unwrap().id, two.head(*b).unwrap().id);
                assert_eq!(one.members(*a), two.members(*b));
            }
        }
        let other = directory(&TenantSpec { seed: 8, ..spec });
        assert_ne!(one.head(0).unwrap().id, other.head(0).unwrap().id);
    }

    #[test]
    fn the_tenant_has_the_numbers_that_were_asked_for() {
        let directory = directory(&TenantSpec::sized(3_000, 300, 30_000, 1));
        assert_eq!(directory.live_count(Kind::User), 3_000);
        assert_eq!(directory.live_count(Kind::Group), 300);
        let sizes: Vec<usize> = directory
            .of_kind(Kind::Group)
            .iter()
            .map(|group| directory.members(*group).len())
            .collect();
        assert_eq!(sizes.iter().sum::<usize>(), 30_000);
        assert!(
            sizes.iter().filter(|size| **size == 0).count() > 5,
            "some groups are empty"
        );
        assert!(
            sizes.iter().filter(|size| **size > 999).count() >= 2,
            "some groups need several pages"
        );
    }

    #[test]
    fn groups_nest_in_cycles_and_microsoft_365_groups_hold_only_users() {
        let directory = directory(&TenantSpec::sized(100, 60, 800, 3));
        let groups = directory.of_kind(Kind::Group);
        let looped = groups.iter().any(|a| {
            directory
                .members(*a)
                .iter()
                .any(|b| directory.is_member(*b, *a))
        });
        assert!(looped, "two groups hold each other");
        for group in groups.iter().filter(|group| directory.is_unified(**group)) {
            for member in directory.members(*group) {
                assert_eq!(directory.head(*member).unwrap().kind, Kind::User);
            }
        }
        assert!(groups.iter().any(|group| directory.is_hidden(*group)));
    }
}
