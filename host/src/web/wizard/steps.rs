//! The steps, and what is around each of them.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use uuid::Uuid;

use super::super::settings_form::group_choice;
use super::super::shell::{Administers, Shell};
use crate::access::Principal;
use crate::api::Plane;
use crate::api::extract::Signed;
use crate::api::problem::Problem;
use crate::catalog::{Answers, CatalogError, ConnectorDraft, SecretChanges};
use crate::contract::Description;

/// A step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Basic,
    Authentication,
    Groups,
    Map,
    Profile,
    Review,
}

impl Step {
    pub(super) const ALL: [Self; 6] = [
        Self::Basic,
        Self::Authentication,
        Self::Groups,
        Self::Map,
        Self::Profile,
        Self::Review,
    ];

    /// Its word, in addresses and in drafts.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Authentication => "authentication",
            Self::Groups => "groups",
            Self::Map => "map",
            Self::Profile => "profile",
            Self::Review => "review",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Basic => "Basic details",
            Self::Authentication => "Authentication",
            Self::Groups => "Groups",
            Self::Map => "Transform map",
            Self::Profile => "Profile",
            Self::Review => "Review and confirm",
        }
    }

    pub(super) fn address(self, draft: Uuid) -> String {
        format!("/connectors/new/{draft}/{}", self.word())
    }

    /// The step that asks for the field of this path.
    pub(super) fn of_field(path: &str) -> Self {
        match path.split('.').next().unwrap_or_default() {
            "settings" | "secrets" => Self::Authentication,
            "profile" if path == "profile.map" => Self::Map,
            "profile" => Self::Profile,
            _ => Self::Basic,
        }
    }
}

/// Who makes a connector: an administrator, whose drafts nobody else sees.
#[derive(Debug)]
pub(super) struct Author {
    pub(super) shell: Shell,
    pub(super) by: Principal,
    pub(super) owner: Uuid,
}

impl FromRequestParts<Plane> for Author {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, plane: &Plane) -> Result<Self, Problem> {
        let Administers { shell, by } = Administers::from_request_parts(parts, plane).await?;
        let Signed(caller) = Signed::from_request_parts(parts, plane).await?;
        Ok(Self {
            shell,
            by,
            owner: caller.user.id,
        })
    }
}

impl Author {
    /// One of the author's drafts.
    pub(super) async fn draft(&self, plane: &Plane, id: Uuid) -> Result<ConnectorDraft, Problem> {
        Ok(plane.catalog.draft(self.owner, id).await?)
    }

    /// A draft with what its plugin declares.
    pub(super) async fn work(
        &self,
        plane: &Plane,
        id: Uuid,
    ) -> Result<(ConnectorDraft, Arc<Description>), Problem> {
        let draft = self.draft(plane, id).await?;
        let types = plane.catalog.types();
        let description = types.description(&draft.wanted()).await?;
        Ok((draft, description))
    }

    /// Changes answers.
    pub(super) async fn change(
        &self,
        plane: &Plane,
        id: Uuid,
        change: impl FnOnce(&mut Answers),
    ) -> Result<ConnectorDraft, Problem> {
        let none = SecretChanges::default();
        Ok(self.change_with(plane, id, none, change).await?)
    }

    /// Changes answers and secrets.
    pub(super) async fn change_with(
        &self,
        plane: &Plane,
        id: Uuid,
        secrets: SecretChanges,
        change: impl FnOnce(&mut Answers),
    ) -> Result<ConnectorDraft, CatalogError> {
        let place = (self.owner, id);
        let catalog = &plane.catalog;
        catalog.change_draft(&self.by, place, secrets, change).await
    }

    /// Marks a step as done, or as one to look at again.
    pub(super) async fn mark(
        &self,
        plane: &Plane,
        id: Uuid,
        step: Step,
        is_done: bool,
    ) -> Result<(), Problem> {
        self.change(plane, id, |answers| mark(answers, step, is_done))
            .await?;
        Ok(())
    }
}

/// Marks a step as done, or as one to look at again.
pub(super) fn mark(answers: &mut Answers, step: Step, is_done: bool) {
    if is_done {
        answers.done.insert(step.word().to_owned());
    } else {
        answers.done.remove(step.word());
    }
}

/// What is around a step.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) title: &'static str,
    /// Name of the connector.
    pub(super) name: String,
    pub(super) links: Vec<StepLink>,
    /// Address of the step before.
    pub(super) back: String,
    /// Address of the step after.
    pub(super) next: String,
    /// Where the draft is discarded; empty while there is none.
    pub(super) discard: String,
}

/// The way to a step.
#[derive(Debug)]
pub(super) struct StepLink {
    pub(super) number: usize,
    pub(super) title: &'static str,
    /// Empty while there is no draft.
    pub(super) address: String,
    pub(super) is_done: bool,
    pub(super) is_current: bool,
}

impl StepLink {
    /// Classes of the entry.
    pub(super) fn class(&self) -> &'static str {
        if self.is_done { "done" } else { "open" }
    }
}

impl Frame {
    /// Around a step of a draft. A plugin that lets nobody choose groups has no such step.
    pub(super) fn new(draft: &ConnectorDraft, description: &Description, step: Step) -> Self {
        let steps = steps(Some(description));
        let at = steps.iter().position(|own| *own == step).unwrap_or(0);
        let address = |at: Option<usize>, otherwise: &str| {
            let step = at.and_then(|at| steps.get(at));
            step.map_or_else(|| otherwise.to_owned(), |step| step.address(draft.id))
        };
        Self {
            title: step.title(),
            name: draft.answers.name.clone(),
            back: address(at.checked_sub(1), "/connectors/new"),
            next: address(at.checked_add(1), "/connectors"),
            discard: format!("/connectors/new/{}/discard", draft.id),
            links: links(&steps, step, Some(draft)),
        }
    }

    /// Around the first step, while there is no draft.
    pub(super) fn first(description: &Description) -> Self {
        Self {
            title: Step::Basic.title(),
            name: String::new(),
            back: "/connectors".into(),
            next: String::new(),
            discard: String::new(),
            links: links(&steps(Some(description)), Step::Basic, None),
        }
    }
}

fn steps(description: Option<&Description>) -> Vec<Step> {
    let has_groups = description.is_none_or(|description| group_choice(description).is_some());
    let steps = Step::ALL.into_iter();
    steps
        .filter(|step| has_groups || *step != Step::Groups)
        .collect()
}

fn links(steps: &[Step], current: Step, draft: Option<&ConnectorDraft>) -> Vec<StepLink> {
    let links = (1..).zip(steps);
    links
        .map(|(number, step)| StepLink {
            number,
            title: step.title(),
            address: draft.map_or_else(String::new, |draft| step.address(draft.id)),
            is_done: draft.is_some_and(|draft| draft.answers.done.contains(step.word())),
            is_current: *step == current,
        })
        .collect()
}

/// The first step of a draft that is still to be done.
pub(super) fn undone(draft: &ConnectorDraft, description: Option<&Description>) -> Step {
    let done = &draft.answers.done;
    let mut steps = steps(description).into_iter();
    steps
        .find(|step| !done.contains(step.word()))
        .unwrap_or(Step::Review)
}
