//! Towards the guest.

use super::wit;
use crate::contract::{GroupLink, TransformMap};
use crate::directory::{Cursor, Mode, Partition};
use crate::settings::PluginSettings;

pub(in crate::plugin) fn settings(settings: &PluginSettings) -> wit::Settings {
    wit::Settings {
        values: settings.values.clone(),
        secrets: settings.secrets.clone(),
    }
}

pub(in crate::plugin) fn map_out(map: &TransformMap) -> wit::TransformMap {
    wit::TransformMap {
        name: map.name.clone(),
        source_model: map.source_model.clone(),
        target_model: map.target_model.clone(),
        rules: map
            .rules
            .iter()
            .map(|r| wit::Rule {
                target: r.target.clone(),
                sources: r.sources.clone(),
                functions: r.functions.clone(),
                default_value: r.default_value.clone(),
                note: r.note.clone(),
            })
            .collect(),
    }
}

pub(in crate::plugin) fn request(
    plugin_settings: &PluginSettings,
    map: &TransformMap,
    links: &[GroupLink],
    mode: Mode,
    cursor: Option<&Cursor>,
) -> wit::Request {
    wit::Request {
        settings: settings(plugin_settings),
        map: map_out(map),
        links: links
            .iter()
            .map(|link| wit::GroupLink {
                group: link.group.clone(),
                platform_groups: link.platform_groups.clone(),
            })
            .collect(),
        mode: match mode {
            Mode::Snapshot => wit::Mode::Snapshot,
            Mode::Incremental => wit::Mode::Incremental,
        },
        cursor: match (mode, cursor) {
            (Mode::Incremental, Some(cursor)) => cursor
                .parts
                .iter()
                .map(|part| wit::CursorPart {
                    key: part.key.clone(),
                    value: part.value.clone(),
                })
                .collect(),
            _ => Vec::new(),
        },
    }
}

pub(in crate::plugin) fn partition_out(partition: &Partition) -> wit::Partition {
    wit::Partition {
        key: partition.key.clone(),
        stage: partition.stage,
        title: partition.title.clone(),
        state: partition.state.clone(),
    }
}
