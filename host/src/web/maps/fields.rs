//! Both models beside a map: which fields there are, and which have a rule.

use crate::api::Plane;
use crate::api::problem::Problem;
use crate::catalog::{DataModelRecord, MapRecord, Side};
use crate::contract::{Field, Rule};

/// The models of a map's plugin.
#[derive(Debug, Default)]
pub(super) struct Models {
    /// What is read.
    pub(super) source: Option<Model>,
    /// What is made.
    pub(super) target: Option<Model>,
}

/// A model beside a map.
#[derive(Debug)]
pub(super) struct Model {
    /// Its identifier.
    pub(super) id: String,
    /// Its name.
    pub(super) name: String,
    /// Its fields.
    pub(super) fields: Vec<Listed>,
}

/// A field of a model.
#[derive(Debug)]
pub(super) struct Listed {
    /// The field.
    pub(super) field: Field,
    /// Whether a rule names it.
    pub(super) used: bool,
}

impl Models {
    /// The models of a map, as its plugin declares them.
    pub(super) async fn of(
        plane: &Plane,
        map: &MapRecord,
        rules: &[Rule],
    ) -> Result<Self, Problem> {
        let mut models = Self::default();
        for model in plane.catalog.data_models().await? {
            if model.plugin != map.plugin {
                continue;
            }
            match model.side {
                Side::Source => models.source = Some(Model::new(model, rules)),
                Side::Target => models.target = Some(Model::new(model, rules)),
            }
        }
        Ok(models)
    }

    /// Both, with the words by which they are told apart.
    pub(super) fn both(&self) -> impl Iterator<Item = (&'static str, &Model)> {
        let source = self.source.iter().map(|model| ("source", model));
        source.chain(self.target.iter().map(|model| ("target", model)))
    }
}

impl Model {
    fn new(model: DataModelRecord, rules: &[Rule]) -> Self {
        let used = |path: &str| match model.side {
            Side::Source => rules
                .iter()
                .any(|rule| rule.sources.iter().any(|source| source == path)),
            Side::Target => rules.iter().any(|rule| rule.target == path),
        };
        let fields = model.fields.into_iter().map(|record| Listed {
            used: used(&record.field.path),
            field: record.field,
        });
        Self {
            fields: fields.collect(),
            id: model.id,
            name: model.name,
        }
    }

    /// How many of its fields have a rule.
    pub(super) fn used(&self) -> usize {
        self.fields.iter().filter(|field| field.used).count()
    }
}
