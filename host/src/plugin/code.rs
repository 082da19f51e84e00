//! Compiled code, kept between processes.
//!
//! Compiling a plugin takes about a second, loading its code a few milliseconds. But whoever can write
//! compiled code can make the host run anything, so a piece of code is loaded only if this host wrote
//! it: the folder belongs to its user and nobody else may write to it, and each file carries a digest over its
//! code, the component that it was compiled from and the settings of the compiler.

use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use super::load::hex;

/// A folder with compiled code.
#[derive(Debug)]
pub(super) struct CodeCache {
    folder: PathBuf,
    /// Which compiler with which settings.
    key: String,
}

impl CodeCache {
    /// Opens a folder, made where it doesn't exist.
    pub(super) fn open(folder: &Path, engine: &wasmtime::Engine) -> io::Result<Self> {
        make_private(folder)?;
        let mut key = Digester(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut key);
        let key = hex(key.0.finalize().get(..8).unwrap_or_default());
        Ok(Self {
            folder: folder.to_owned(),
            key,
        })
    }

    /// The component of these bytes: from the folder if its code is there and sound, else compiled and
    /// then kept.
    pub(super) fn component(
        &self,
        engine: &wasmtime::Engine,
        bytes: &[u8],
        sha256: &str,
    ) -> wasmtime::Result<Component> {
        let path = self.path(sha256);
        match fs::read(&path) {
            Ok(file) => match self.sound(&file, sha256) {
                Some(code) => match load(engine, code) {
                    Ok(component) => return Ok(component),
                    Err(error) => tracing::warn!("{}: {error:#}", path.display()),
                },
                None => tracing::warn!(
                    "{} was damaged or not written by this host; the plugin is compiled anew",
                    path.display()
                ),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!("{}: {error}", path.display()),
        }
        let component = Component::new(engine, bytes)?;
        if let Err(error) = self.keep(&component.serialize()?, sha256) {
            tracing::warn!("compiled code is not kept: {}: {error}", path.display());
        }
        Ok(component)
    }

    fn path(&self, sha256: &str) -> PathBuf {
        self.folder.join(format!("{sha256}.{}", self.key))
    }

    fn seal(&self, code: &[u8], sha256: &str) -> [u8; 32] {
        Sha256::new()
            .chain_update(self.key.as_bytes())
            .chain_update(sha256.as_bytes())
            .chain_update(code)
            .finalize()
            .into()
    }

    /// The code in a file, if the file is what this host wrote for this component.
    fn sound<'a>(&self, file: &'a [u8], sha256: &str) -> Option<&'a [u8]> {
        let (seal, code) = file.split_first_chunk::<32>()?;
        (*seal == self.seal(code, sha256)).then_some(code)
    }

    /// Writes a file whole or not at all: another process may read it at any time.
    fn keep(&self, code: &[u8], sha256: &str) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(&self.seal(code, sha256))?;
        file.write_all(code)?;
        file.persist(self.path(sha256))?;
        Ok(())
    }

    /// Forgets a component's code, that of other compilers included.
    pub(super) fn forget(&self, sha256: &str) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(sha256) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

#[expect(
    unsafe_code,
    reason = "loading code that this host compiled; the seal and the folder's owner were checked before"
)]
fn load(engine: &wasmtime::Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `code` was read into memory once, and its seal shows that this host's compiler made
    // it, as far as nobody else can write to the folder, which `make_private` refuses.
    unsafe { Component::deserialize(engine, code) }
}

/// Makes a folder that only this user may write to, or refuses one that others may.
pub(crate) fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};

    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let metadata = File::open(folder)?.metadata()?;
    let refuse = |reason: String| {
        Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("{} {reason}", folder.display()),
        ))
    };
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return refuse("belongs to another user".into());
    }
    let mode = metadata.permissions().mode();
    if mode & 0o022 != 0 {
        return refuse(format!(
            "may be written to by others (mode {:o}); run chmod go-w on it",
            mode & 0o777
        ));
    }
    Ok(())
}

/// Feeds a hash into a digest that does not change from one release of the compiler to the next.
struct Digester(Sha256);

impl Hasher for Digester {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        // Nobody asks a digest of 32 bytes for eight of them.
        0
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// The smallest component there is, and its digest.
    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    fn cache() -> (tempfile::TempDir, wasmtime::Engine, CodeCache) {
        let folder = tempfile::tempdir().unwrap();
        let engine = wasmtime::Engine::default();
        let cache = CodeCache::open(&folder.path().join("code"), &engine).unwrap();
        (folder, engine, cache)
    }

    fn sealed(cache: &CodeCache, sha256: &str) -> Vec<u8> {
        fs::read(cache.path(sha256)).unwrap()
    }

    #[test]
    fn code_is_kept_and_is_found_again() {
        let (_folder, engine, cache) = cache();
        cache.component(&engine, EMPTY, "abc").unwrap();
        let file = sealed(&cache, "abc");
        assert!(cache.sound(&file, "abc").is_some());
        // Nothing to compile from: it can only come from the folder.
        cache.component(&engine, b"", "abc").unwrap();
    }

    #[test]
    fn code_that_was_tampered_with_is_compiled_anew_and_never_loaded() {
        let (_folder, engine, cache) = cache();
        cache.component(&engine, EMPTY, "abc").unwrap();
        let good = sealed(&cache, "abc");
        for at in [0, 40, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(cache.path("abc"), &bad).unwrap();
            assert!(cache.sound(&bad, "abc").is_none(), "byte {at}");
            cache.component(&engine, EMPTY, "abc").unwrap();
            assert_eq!(sealed(&cache, "abc"), good, "written anew");
        }
        fs::write(cache.path("abc"), &good[..20]).unwrap();
        cache.component(&engine, EMPTY, "abc").unwrap();
        assert_eq!(sealed(&cache, "abc"), good);
    }

    #[test]
    fn code_of_one_component_can_not_pass_for_anothers() {
        let (_folder, engine, cache) = cache();
        cache.component(&engine, EMPTY, "abc").unwrap();
        fs::copy(cache.path("abc"), cache.path("def")).unwrap();
        assert!(cache.sound(&sealed(&cache, "def"), "def").is_none());
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let error = CodeCache::open(folder.path(), &wasmtime::Engine::default()).unwrap_err();
        assert!(error.to_string().contains("chmod go-w"), "{error}");
    }

    #[test]
    fn other_settings_of_the_compiler_have_other_code() {
        let (folder, _engine, cache) = cache();
        let mut config = wasmtime::Config::new();
        config.epoch_interruption(true);
        let other = wasmtime::Engine::new(&config).unwrap();
        let other = CodeCache::open(&folder.path().join("code"), &other).unwrap();
        assert_ne!(cache.key, other.key);
    }

    #[test]
    fn forgotten_code_is_gone() {
        let (_folder, engine, cache) = cache();
        cache.component(&engine, EMPTY, "abc").unwrap();
        cache.forget("abc").unwrap();
        assert!(!cache.path("abc").exists());
    }
}
