//! Installing, approving, activating and removing plugins.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use connector_host::plugin::PluginError;
use connector_host::plugin::registry::{PluginId, PluginPolicy, Registry, RegistryError, Standing};
use harness::simulator::Simulator;
use harness::{artefacts, host, versions};
use serde_json::Value;
use tempfile::TempDir;

use crate::lab::{plugin, small};

const NAME: &str = "entra-directory-sync";

/// A registry in a folder of its own, on the engine that all tests share.
pub(crate) struct Installation {
    pub(crate) registry: Arc<Registry>,
    pub(crate) folder: TempDir,
    component: Vec<u8>,
}

impl Installation {
    pub(crate) async fn new(policy: PluginPolicy) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("plugins");
        Self {
            registry: Arc::new(Registry::open(plugin().await.engine(), &root, policy).unwrap()),
            component: fs::read(artefacts::component().unwrap()).unwrap(),
            folder,
        }
    }

    /// With version 0.1.0 installed, approved and active.
    pub(crate) async fn with_first(policy: PluginPolicy) -> Self {
        let installation = Self::new(policy).await;
        let first = installation.install("0.1.0").await;
        installation.registry.approve(&first).await.unwrap();
        installation.registry.activate(&first).await.unwrap();
        installation
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("plugins")
    }

    /// The component as another version.
    pub(crate) fn version(&self, version: &str) -> Vec<u8> {
        versions::with_version(&self.component, version).unwrap()
    }

    /// A version that can be loaded, but not do its work.
    pub(crate) fn broken(&self, version: &str) -> Vec<u8> {
        versions::patched(&self.version(version), "/delta?", "/dalta?").unwrap()
    }

    /// A version that wants to reach a host more.
    fn greedy(&self, version: &str) -> Vec<u8> {
        versions::patched(
            &self.version(version),
            "graph.microsoft.com",
            "graph.contosome.com",
        )
        .unwrap()
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    async fn install(&self, version: &str) -> PluginId {
        let file = self.write("plugin.wasm", &self.version(version));
        self.registry.install(&file, None).await.unwrap().id
    }

    async fn standing(&self, id: &PluginId) -> Standing {
        let entries = self.registry.list().await.unwrap();
        let entry = entries.into_iter().find(|entry| entry.id == *id);
        entry.unwrap().standing
    }

    async fn active(&self) -> String {
        let plugin = self.registry.resolve(&NAME.parse().unwrap()).await;
        plugin.unwrap().description().version.to_string()
    }

    /// Puts a file into the folder of a running host, and waits until the host may take it.
    fn drop_in(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.root().join(name);
        fs::write(&path, bytes).unwrap();
        age(&path, 2);
        path
    }
}

/// Makes a file as old as this many seconds.
fn age(path: &Path, seconds: u64) {
    let time = std::time::SystemTime::now() - std::time::Duration::from_secs(seconds);
    let file = fs::File::options().append(true).open(path).unwrap();
    file.set_modified(time).unwrap();
}

pub(crate) fn id(version: &str) -> PluginId {
    format!("{NAME}@{version}").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_plugin_waits_until_the_operator_approves_what_it_asks_for() {
    let lab = Installation::new(PluginPolicy::default()).await;
    let first = lab.install("0.1.0").await;
    let Standing::Waiting(beyond) = lab.standing(&first).await else {
        panic!("nothing was approved yet");
    };
    assert!(beyond.hosts.contains("graph.microsoft.com"), "{beyond}");
    assert!(
        beyond.permissions.contains("GroupMember.Read.All"),
        "{beyond}"
    );
    for refused in [
        lab.registry.activate(&first).await.unwrap_err(),
        lab.registry
            .resolve(&first.clone().into())
            .await
            .unwrap_err(),
    ] {
        let text = refused.to_string();
        assert!(
            matches!(refused, RegistryError::NotApproved { .. }),
            "{text}"
        );
        assert!(
            text.contains("plugin approve entra-directory-sync@0.1.0"),
            "{text}"
        );
    }
    lab.registry.approve(&first).await.unwrap();
    lab.registry.activate(&first).await.unwrap();
    assert_eq!(lab.active().await, "0.1.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_asks_for_no_more_needs_no_new_approval_and_one_that_does_waits() {
    let lab = Installation::with_first(PluginPolicy::default()).await;
    let second = lab.install("0.1.1").await;
    assert_eq!(lab.standing(&second).await, Standing::Ready);
    let greedy = lab.write("greedy.wasm", &lab.greedy("0.1.2"));
    let third = lab.registry.install(&greedy, None).await.unwrap();
    let Standing::Waiting(beyond) = third.standing else {
        panic!("it asks for a host more");
    };
    assert_eq!(beyond.to_string(), "hosts graph.contosome.com");
    assert_eq!(lab.active().await, "0.1.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_activated_rolled_back_pinned_and_removed() {
    let lab = Installation::with_first(PluginPolicy::default()).await;
    let second = lab.install("0.1.1").await;
    lab.registry.activate(&second).await.unwrap();
    assert_eq!(lab.active().await, "0.1.1");
    let pinned = lab.registry.resolve(&id("0.1.0").into()).await.unwrap();
    assert_eq!(pinned.description().version.to_string(), "0.1.0");
    assert!(matches!(
        lab.registry.remove(&second).await,
        Err(RegistryError::InUse { .. })
    ));
    let back = lab.registry.roll_back(NAME).await.unwrap();
    assert_eq!((back.from, back.to), (id("0.1.1"), id("0.1.0")));
    assert_eq!(lab.active().await, "0.1.0");
    lab.registry.remove(&second).await.unwrap();
    let gone = lab.registry.resolve(&second.into()).await.unwrap_err();
    assert_eq!(
        gone.to_string(),
        "entra-directory-sync@0.1.1 is not installed; installed: entra-directory-sync@0.1.0"
    );
    assert_eq!(
        fs::read_dir(lab.root().join("content")).unwrap().count(),
        1,
        "its file is gone, too"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_contents_can_not_share_a_version() {
    let lab = Installation::with_first(PluginPolicy::default()).await;
    let other = lab.write("other.wasm", &lab.broken("0.1.0"));
    let refused = lab.registry.install(&other, None).await.unwrap_err();
    assert!(matches!(refused, RegistryError::Taken { .. }), "{refused}");
    let stored = fs::read_dir(lab.root().join("content")).unwrap().count();
    assert_eq!(stored, 1, "what was refused was not stored");
    let again = lab.write("again.wasm", &lab.version("0.1.0"));
    assert!(!lab.registry.install(&again, None).await.unwrap().new);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_component_that_was_changed_is_never_run() {
    let lab = Installation::with_first(PluginPolicy::default()).await;
    let content = fs::read_dir(lab.root().join("content")).unwrap();
    let file = content.flatten().next().unwrap().path();
    fs::write(&file, lab.broken("0.1.0")).unwrap();
    // Another process: this one has it in memory.
    let registry = Registry::open(
        plugin().await.engine(),
        &lab.root(),
        PluginPolicy::default(),
    )
    .unwrap();
    let refused = registry.resolve(&NAME.parse().unwrap()).await.unwrap_err();
    assert!(
        matches!(refused, RegistryError::Damaged { .. }),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_signed_plugins_are_let_in_where_the_operator_says_so() {
    let pair = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    let lab = Installation::new(PluginPolicy {
        require_signature: true,
        trusted_keys: vec![pair.pk.to_base64()],
        ..PluginPolicy::default()
    })
    .await;
    let bytes = lab.version("0.1.0");
    let file = lab.write("plugin.wasm", &bytes);
    let refused = lab.registry.install(&file, None).await.unwrap_err();
    assert!(
        matches!(refused, RegistryError::Unsigned { .. }),
        "{refused}"
    );

    let sign = |bytes: &[u8]| {
        minisign::sign(None, &pair.sk, bytes, None, None)
            .unwrap()
            .into_string()
    };
    let wrong = lab.write("wrong.minisig", sign(b"another").as_bytes());
    let refused = lab.registry.install(&file, Some(&wrong)).await.unwrap_err();
    assert!(
        matches!(refused, RegistryError::Signature { .. }),
        "{refused}"
    );

    lab.write("plugin.wasm.minisig", sign(&bytes).as_bytes());
    let installed = lab.registry.install(&file, None).await.unwrap();
    let entries = lab.registry.list().await.unwrap();
    assert_eq!(entries[0].signed_by, Some(pair.pk.to_base64()));
    lab.registry.approve(&installed.id).await.unwrap();
    lab.registry.activate(&installed.id).await.unwrap();
    assert_eq!(lab.active().await, "0.1.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_was_let_in_unsigned_is_not_loaded_once_signatures_are_required() {
    let lab = Installation::with_first(PluginPolicy::default()).await;
    let strict = PluginPolicy {
        require_signature: true,
        ..PluginPolicy::default()
    };
    let registry = Registry::open(plugin().await.engine(), &lab.root(), strict).unwrap();
    let refused = registry.resolve(&NAME.parse().unwrap()).await.unwrap_err();
    assert!(
        matches!(refused, RegistryError::Unsigned { .. }),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_version_in_the_folder_becomes_active_an_older_or_greedier_one_does_not() {
    let lab = Installation::with_first(PluginPolicy::default()).await;
    for (file, bytes, active) in [
        ("new.wasm", lab.version("0.1.2"), "0.1.2"),
        ("old.wasm", lab.version("0.1.1"), "0.1.2"),
        ("greedy.wasm", lab.greedy("0.1.3"), "0.1.2"),
    ] {
        let path = lab.drop_in(file, &bytes);
        let adopted = lab.registry.adopt().await.unwrap();
        assert!(adopted[0].outcome.is_ok(), "{file}");
        assert!(!path.exists(), "{file}");
        assert_eq!(lab.active().await, active, "{file}");
    }
    assert!(matches!(
        lab.standing(&id("0.1.3")).await,
        Standing::Waiting(_)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_still_being_copied_is_left_alone_and_a_bad_one_is_put_aside_with_the_reason()
 {
    let lab = Installation::with_first(PluginPolicy::default()).await;
    let bytes = lab.version("0.1.1");
    let half = &bytes[..bytes.len() / 2];
    let path = lab.root().join("new.wasm");
    fs::write(&path, half).unwrap();
    assert!(
        lab.registry.adopt().await.unwrap().is_empty(),
        "just written"
    );
    age(&path, 2);
    assert!(
        lab.registry.adopt().await.unwrap().is_empty(),
        "may be a pause"
    );
    assert!(path.exists());
    age(&path, 3600);
    let adopted = lab.registry.adopt().await.unwrap();
    assert!(matches!(
        adopted[0].outcome,
        Err(RegistryError::Plugin(PluginError::NotAComponent { .. }))
    ));
    assert!(lab.root().join("new.wasm.refused").exists());
    let reason = fs::read_to_string(lab.root().join("new.wasm.refused.txt")).unwrap();
    assert!(reason.contains("no WebAssembly component"), "{reason}");
    assert_eq!(lab.active().await, "0.1.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_installs_approves_lists_inspects_rolls_back_and_removes() {
    let lab = Installation::new(PluginPolicy::default()).await;
    let simulator = Simulator::start(small()).unwrap();
    let mut workplace = host::Workplace::new(
        &simulator,
        artefacts::tested_host().unwrap(),
        Path::new(NAME),
    )
    .unwrap();
    workplace.install_into(lab.root());
    let first = lab.write("first.wasm", &lab.version("0.1.0"));
    let second = lab.write("second.wasm", &lab.version("0.1.1"));
    let run = async |arguments: &[&str]| {
        let mut command = workplace.command("plugin");
        let output = command.args(arguments).output().await.unwrap();
        let text =
            String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code().unwrap(), text)
    };
    let (code, text) = run(&["list"]).await;
    assert_eq!(code, 0);
    assert!(
        text.contains("plugin install FILE"),
        "says what to do: {text}"
    );

    let (code, text) = run(&["install", first.to_str().unwrap()]).await;
    assert_eq!(code, 4, "{text}");
    assert!(
        text.contains("plugin approve entra-directory-sync@0.1.0"),
        "{text}"
    );
    let (code, text) = run(&["approve", "entra-directory-sync@0.1.0"]).await;
    assert_eq!((code, text.contains("active")), (0, true), "{text}");

    let synced = workplace.sync().args(["--report", "json"]).output().await;
    let report = host::report(&synced.unwrap()).unwrap();
    assert_eq!(report["plugin"], "entra-directory-sync@0.1.0");
    assert_eq!(report["state"], "processed");

    let (code, text) = run(&["install", second.to_str().unwrap(), "--activate"]).await;
    assert_eq!((code, text.contains(": active")), (0, true), "{text}");
    let (_, text) = run(&["list", "--json"]).await;
    let list: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(list[0]["standing"]["state"], "ready");
    assert_eq!(list[1]["standing"]["state"], "active");
    let (_, text) = run(&["inspect", NAME, "--json"]).await;
    let inspected: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(inspected["description"]["version"], "0.1.1");

    let (code, text) = run(&["rollback", NAME]).await;
    assert_eq!(
        (code, text.contains("0.1.0 is active again")),
        (0, true),
        "{text}"
    );
    let (code, _) = run(&["remove", "entra-directory-sync@0.1.1"]).await;
    assert_eq!(code, 0);
    let (code, text) = run(&["activate", "entra-directory-sync@0.1.1"]).await;
    assert_eq!(code, 1);
    assert!(text.contains("is not installed; installed:"), "{text}");
}
