//! What a plugin says of itself.

use super::super::CallError;
use super::{TEXT_BYTES, bad, few, id, json, label, text, texts, wit};
use crate::contract::{
    Chapter, Choice, DataModel, Description, Field, Permission, Rule, Setting, SettingKind,
    TransformMap,
};

pub(in crate::plugin) fn description(d: wit::Description) -> Result<Description, CallError> {
    let name_is_plain = !d.name.is_empty()
        && d.name.len() <= 64
        && d.name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !name_is_plain {
        return Err(bad("name", "1 to 64 of a-z, 0-9 and -"));
    }
    let version = Some(&d.version)
        .filter(|version| version.len() <= 64)
        .and_then(|version| semver::Version::parse(version).ok())
        .ok_or_else(|| bad("version", "a semantic version such as 1.2.3"))?;
    if d.maps.is_empty() {
        return Err(bad("maps", "at least one transform map, the default"));
    }
    few("settings", &d.settings)?;
    few("permissions", &d.permissions)?;
    few("maps", &d.maps)?;
    few("hosts", &d.hosts)?;
    few("guide", &d.guide)?;
    let of_groups = d.settings.iter();
    let of_groups = of_groups.filter(|s| matches!(s.kind, wit::SettingKind::Groups));
    if of_groups.count() > 1 {
        return Err(bad("settings", "at most one of the kind `groups`"));
    }
    Ok(Description {
        vendor: label(&d.vendor),
        product: label(&d.product),
        summary: text(&d.summary),
        category: label(&d.category),
        asset_types: texts("asset-types", &d.asset_types)?,
        finding_types: texts("finding-types", &d.finding_types)?,
        supported_versions: texts("supported-versions", &d.supported_versions)?,
        integration_method: label(&d.integration_method),
        direction: label(&d.direction),
        incremental: d.incremental,
        unsupported: texts("unsupported", &d.unsupported)?,
        settings: d
            .settings
            .into_iter()
            .map(setting)
            .collect::<Result<_, _>>()?,
        permissions: d
            .permissions
            .iter()
            .map(|p| Permission {
                name: label(&p.name),
                reason: text(&p.reason),
                required: p.required,
            })
            .collect(),
        guide: d
            .guide
            .iter()
            .map(|chapter| {
                Ok(Chapter {
                    title: label(&chapter.title),
                    steps: texts("guide.steps", &chapter.steps)?,
                })
            })
            .collect::<Result<_, CallError>>()?,
        group_kinds: group_kinds(d.group_kinds)?,
        hosts: d
            .hosts
            .into_iter()
            .map(|host| id("hosts", host))
            .collect::<Result<_, _>>()?,
        source_model: model("source-model", d.source_model)?,
        target_model: model("target-model", d.target_model)?,
        maps: d.maps.into_iter().map(map_in).collect::<Result<_, _>>()?,
        checkpoint_version: d.checkpoint_version,
        name: d.name,
        version,
    })
}

/// Each with an identifier of its own, by which groups name it.
fn group_kinds(kinds: Vec<wit::Choice>) -> Result<Vec<Choice>, CallError> {
    few("group-kinds", &kinds)?;
    let mut known: Vec<Choice> = Vec::with_capacity(kinds.len());
    for kind in kinds {
        let value = id("group-kinds", kind.value)?;
        if value.contains(',') || known.iter().any(|known| known.value == value) {
            return Err(bad("group-kinds", "values that differ and have no comma"));
        }
        let label = label(&kind.label);
        known.push(Choice { value, label });
    }
    Ok(known)
}

fn setting(s: wit::Setting) -> Result<Setting, CallError> {
    let kind = match s.kind {
        wit::SettingKind::Text => SettingKind::Text,
        wit::SettingKind::Secret => SettingKind::Secret,
        wit::SettingKind::Flag => SettingKind::Flag,
        wit::SettingKind::Items => SettingKind::Items,
        wit::SettingKind::Groups => SettingKind::Groups,
        wit::SettingKind::Document => SettingKind::Document,
        wit::SettingKind::Choice(choices) => {
            few("settings.choice", &choices)?;
            SettingKind::Choice(
                choices
                    .iter()
                    .map(|c| Choice {
                        value: label(&c.value),
                        label: label(&c.label),
                    })
                    .collect(),
            )
        }
    };
    if let Some(value) = &s.default_value {
        default_value("settings.default-value", value)?;
    }
    Ok(Setting {
        key: id("settings.key", s.key)?,
        label: label(&s.label),
        kind,
        required: s.required,
        help: text(&s.help),
        default_value: s.default_value,
    })
}

fn model(field: &str, m: wit::DataModel) -> Result<DataModel, CallError> {
    few(field, &m.fields)?;
    Ok(DataModel {
        name: label(&m.name),
        fields: m
            .fields
            .iter()
            .map(|f| Field {
                path: label(&f.path),
                kind: label(&f.kind),
                meaning: text(&f.meaning),
            })
            .collect(),
        groups_path: m.groups_path.map(|path| label(&path)),
    })
}

fn map_in(m: wit::TransformMap) -> Result<TransformMap, CallError> {
    few("maps.rules", &m.rules)?;
    Ok(TransformMap {
        name: label(&m.name),
        source_model: label(&m.source_model),
        target_model: label(&m.target_model),
        rules: m
            .rules
            .into_iter()
            .map(|r| {
                if let Some(value) = &r.default_value {
                    default_value("maps.rules.default-value", value)?;
                }
                Ok(Rule {
                    target: label(&r.target),
                    sources: texts("maps.rules.sources", &r.sources)?,
                    functions: texts("maps.rules.functions", &r.functions)?,
                    default_value: r.default_value,
                    note: r.note.as_deref().map(text),
                })
            })
            .collect::<Result<_, CallError>>()?,
    })
}

fn default_value(field: &str, value: &str) -> Result<(), CallError> {
    if value.len() > TEXT_BYTES {
        return Err(bad(field, "too long"));
    }
    json(field, value)
}
