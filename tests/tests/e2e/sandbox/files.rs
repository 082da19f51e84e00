//! Files that are no plugin, or not one for this host.

use connector_host::plugin::{Plugin, PluginError};
use harness::artefacts;

use super::engine;

async fn refused(bytes: impl Into<Vec<u8>>) -> String {
    let bytes = bytes.into();
    let outcome = Plugin::from_bytes(&engine().await, bytes, "it").await;
    outcome.unwrap_err().to_string()
}

async fn refused_text(component: &str) -> String {
    refused(wat::parse_str(component).unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_component_is_refused_in_words() {
    let whole = std::fs::read(artefacts::component().unwrap()).unwrap();
    for bytes in [
        b"hello".to_vec(),
        Vec::new(),
        wat::parse_str("(module)").unwrap(),
        whole[..whole.len() / 2].to_vec(),
    ] {
        let error = Plugin::from_bytes(&engine().await, bytes, "it")
            .await
            .unwrap_err();
        assert!(
            matches!(error, PluginError::NotAComponent { .. }),
            "{error}"
        );
        let text = error.to_string();
        assert!(
            text.starts_with("it is no WebAssembly component: "),
            "{text}"
        );
        assert!(
            text.ends_with("Build plugins for the target wasm32-wasip2"),
            "{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_without_the_hooks_is_no_connector() {
    assert_eq!(
        refused_text("(component)").await,
        "it is a component, but exports no `connector:plugin/hooks`: it is no connector, or was built for an unreleased contract"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_for_another_major_version_is_refused_with_both_versions() {
    let error = refused_text(
        r#"(component (instance $hooks) (export "connector:plugin/hooks@2.3.0" (instance $hooks)))"#,
    )
    .await;
    assert_eq!(
        error,
        "it was built for connector:plugin 2.3.0, this host speaks 1.0.0: use a plugin built for major version 1, or a host for theirs"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_names_with_the_wrong_types_do_not_fit() {
    let error = refused_text(
        r#"(component (instance $hooks) (export "connector:plugin/hooks@1.0.0" (instance $hooks)))"#,
    )
    .await;
    assert!(
        error.starts_with("it doesn't fit the contract connector:plugin 1.0.0: "),
        "{error}"
    );
    assert!(error.contains("describe"), "names what is missing: {error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_the_host_does_not_give_is_named() {
    let error = refused_text(
        r#"(component
            (import "contoso:backdoor/shell@1.0.0" (instance))
            (instance $hooks)
            (export "connector:plugin/hooks@1.0.0" (instance $hooks)))"#,
    )
    .await;
    assert_eq!(
        error,
        "it imports `contoso:backdoor/shell@1.0.0`, which this host doesn't give; see the world in wit/world.wit for what it gives"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_was_built_with_files_or_sockets_is_refused_by_that_import() {
    for (feature, interface) in [
        ("filesystem", "wasi:filesystem/"),
        ("sockets", "wasi:sockets/"),
    ] {
        let file = artefacts::evil(feature).unwrap();
        let error = Plugin::load(&engine().await, &file).await.unwrap_err();
        let PluginError::UnsupportedImport { import, .. } = error else {
            panic!("{error}");
        };
        assert!(import.starts_with(interface), "{import}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_too_large_is_refused() {
    let error = refused_text(
        r#"(component
            (core module $bomb (table 100001 funcref))
            (core instance (instantiate $bomb))
            (instance $hooks)
            (export "connector:plugin/hooks@1.0.0" (instance $hooks)))"#,
    )
    .await;
    assert_eq!(
        error,
        "it wants more than the limits give: module table does not fit in pooling allocator requirements: table index 0 has a minimum element size of 100001 which exceeds the limit of 100000. Raise `memory` or `tableElements`, or report it to the plugin's author"
    );
}
