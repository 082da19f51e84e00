//! `connector-host plugin inspect`.

use std::io::{self, Write};

use clap::Args;
use connector_host::contract::{DataModel, Description, SettingKind, TransformMap};
use connector_host::limits::Limits;
use connector_host::plugin::Facts;
use indicatif::{HumanBytes, HumanCount};

use super::options::{EngineOptions, PluginArgument};
use super::table::table;

/// Arguments of the command.
#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// The plugin: NAME, NAME@VERSION, or the path of a component.
    #[arg(value_name = "NAME|FILE")]
    plugin: PluginArgument,
    /// Write everything as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineOptions,
}

impl Inspect {
    pub(super) async fn run(self) -> anyhow::Result<u8> {
        let plugin = match &self.plugin {
            PluginArgument::File(file) => self.engine.load_file(file).await?,
            PluginArgument::Installed(wanted) => self.engine.registry()?.resolve(wanted).await?,
        };
        let mut out = io::stdout().lock();
        if self.json {
            let all = serde_json::json!({
                "description": plugin.description(),
                "file": plugin.facts(),
                "limits": plugin.limits(),
            });
            serde_json::to_writer_pretty(&mut out, &all)?;
            writeln!(out)?;
        } else {
            facts(&mut out, plugin.description(), plugin.facts())?;
            settings(&mut out, plugin.description())?;
            needs(&mut out, plugin.description())?;
            for model in [
                &plugin.description().source_model,
                &plugin.description().target_model,
            ] {
                fields(&mut out, model)?;
            }
            for map in &plugin.description().maps {
                rules(&mut out, map)?;
            }
            limits(&mut out, plugin.limits())?;
        }
        Ok(0)
    }
}

fn facts(out: &mut impl Write, d: &Description, file: &Facts) -> io::Result<()> {
    writeln!(out, "{}\n{}\n", d.id(), d.summary)?;
    let mut table = table(&[]);
    let rows = [
        ("Vendor", d.vendor.clone()),
        ("Product", d.product.clone()),
        ("Category", d.category.clone()),
        ("Asset types", list(&d.asset_types)),
        ("Finding types", list(&d.finding_types)),
        ("Supported versions", list(&d.supported_versions)),
        ("Integration method", d.integration_method.clone()),
        ("Direction", d.direction.clone()),
        ("Incremental", yes_no(d.incremental).into()),
        ("Kinds of groups", kinds(d)),
        ("Not supported", list(&d.unsupported)),
        ("Contract", format!("connector:plugin {}", file.contract)),
        ("Checkpoints", format!("version {}", d.checkpoint_version)),
        ("Size", HumanBytes(file.size).to_string()),
        ("SHA-256", file.sha256.clone()),
        ("Imports", file.imports.join("\n")),
    ];
    for (name, value) in rows {
        table.add_row([name.to_owned(), value]);
    }
    writeln!(out, "{table}\n")
}

fn kinds(d: &Description) -> String {
    let kinds = d.group_kinds.iter();
    let lines = kinds.map(|kind| format!("{}: {}", kind.value, kind.label));
    lines.collect::<Vec<_>>().join("\n")
}

fn settings(out: &mut impl Write, d: &Description) -> io::Result<()> {
    let mut table = table(&["Setting", "Kind", "Required", "Label", "Help"]);
    for setting in &d.settings {
        let kind = match &setting.kind {
            SettingKind::Text => "text".into(),
            SettingKind::Secret => "secret".into(),
            SettingKind::Flag => "true or false".into(),
            SettingKind::Items => "list or \"all\"".into(),
            SettingKind::Groups => "list of groups or \"all\"".into(),
            SettingKind::Document => "object".into(),
            SettingKind::Choice(choices) => {
                let values: Vec<&str> = choices.iter().map(|c| c.value.as_str()).collect();
                values.join(" | ")
            }
        };
        table.add_row([
            &setting.key,
            &kind,
            yes_no(setting.required),
            &setting.label,
            &setting.help,
        ]);
    }
    writeln!(out, "{table}\n")
}

fn needs(out: &mut impl Write, d: &Description) -> io::Result<()> {
    let mut permissions = table(&["Permission", "Required", "Why"]);
    for permission in &d.permissions {
        permissions.add_row([
            permission.name.as_str(),
            yes_no(permission.required),
            &permission.reason,
        ]);
    }
    writeln!(out, "{permissions}\n")?;
    writeln!(out, "Hosts\n {}\n", d.hosts.join("\n "))
}

fn fields(out: &mut impl Write, model: &DataModel) -> io::Result<()> {
    let mut table = table(&["Field", "Type", "Meaning"]);
    for field in &model.fields {
        table.add_row([&field.path, &field.kind, &field.meaning]);
    }
    writeln!(out, "Data model: {}\n{table}\n", model.name)
}

fn rules(out: &mut impl Write, map: &TransformMap) -> io::Result<()> {
    let mut table = table(&["Source", "", "Target", "Functions", "Default"]);
    for rule in &map.rules {
        table.add_row([
            rule.sources.join(", or "),
            "->".into(),
            rule.target.clone(),
            rule.functions.join(", "),
            rule.default_value.clone().unwrap_or_default(),
        ]);
    }
    writeln!(
        out,
        "Transform map: {} ({} -> {})\n{table}\n",
        map.name, map.source_model, map.target_model
    )
}

fn limits(out: &mut impl Write, limits: &Limits) -> anyhow::Result<()> {
    let mut table = table(&["Limit", "Value"]);
    if let serde_json::Value::Object(values) = serde_json::to_value(limits)? {
        for (name, value) in values {
            let value = HumanCount(value.as_u64().unwrap_or_default());
            table.add_row([name, value.to_string()]);
        }
    }
    if let Some(values) = table.column_mut(1) {
        values.set_cell_alignment(comfy_table::CellAlignment::Right);
    }
    writeln!(out, "Limits\n{table}")?;
    Ok(())
}

fn list(items: &[String]) -> String {
    if items.is_empty() {
        "none".into()
    } else {
        items.join("\n")
    }
}

fn yes_no(flag: bool) -> &'static str {
    if flag { "yes" } else { "no" }
}
