//! The contract and the component, as files.

use connector_host::plugin::CONTRACT_VERSION;
use harness::artefacts;
use sha2::{Digest, Sha256};

use crate::lab::plugin;

/// What `wit/` was when a version of the contract was published.
const PUBLISHED: &[(&str, &str)] = &[
    (
        "1.0.0",
        "dfb5a221d9af2de17633e14ab9d400712dbb829eab08eb22686154308f52ac21",
    ),
    (
        "2.0.0",
        "96283e44bae2a49e3a76e6fb6a0e76c662c446b31ed134a51cdf5e117bf490fb",
    ),
];

#[test]
fn wit_never_changes_without_its_version() {
    let mut hash = Sha256::new();
    for file in ["contract.wit", "host.wit", "world.wit"] {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit/").to_owned() + file;
        hash.update(std::fs::read(path).unwrap());
    }
    let digest: String = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
    let published = PUBLISHED
        .iter()
        .find(|(version, _)| *version == CONTRACT_VERSION)
        .expect("this version is not in the list: add it with its digest");
    assert_eq!(
        digest, published.1,
        "wit/ changed: give the package a new version and add it to the list"
    );
}

#[test]
fn the_component_is_small() {
    let size = std::fs::metadata(artefacts::component().unwrap())
        .unwrap()
        .len();
    assert!(size < 760 << 10, "{size} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_component_imports_only_what_the_world_documents() {
    let world = include_str!("../../../wit/world.wit");
    for import in &plugin().await.facts().imports {
        let name = import.split('@').next().unwrap();
        let own = name.starts_with("connector:plugin/");
        assert!(own || world.contains(&format!("`{name}`")), "{import}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_map_is_validated_and_previewed_by_the_plugin() {
    let plugin = plugin().await;
    let mut instance = plugin.open(None).await.unwrap();
    for map in &plugin.description().maps {
        assert_eq!(instance.validate(map).await.unwrap(), []);
    }
    let mut map = plugin.description().maps[0].clone();
    assert_eq!(map.rules.len(), 21);
    let sample = r#"{"id":"5f0f6a0e-0000-4000-8000-000000000001","mail":"megan@contoso.example"}"#;
    let document = instance.preview(&map, sample).await.unwrap().unwrap();
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!(
        document["userData"]["userDetails"]["emailId"],
        "megan@contoso.example"
    );
    map.rules[3].sources = vec!["shoeSize".into()];
    let problems = instance.validate(&map).await.unwrap();
    assert!(problems[0].path.starts_with("rules[3]"), "{problems:?}");
}
