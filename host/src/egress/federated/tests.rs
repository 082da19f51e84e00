use std::fs;
use std::os::unix::fs::symlink;

use secrecy::ExposeSecret;

use super::*;

const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2lnbmF0dXJl";

/// A folder that is allowed, beside one that isn't.
fn places() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let (inside, outside) = (root.path().join("tokens"), root.path().join("other"));
    fs::create_dir(&inside).unwrap();
    fs::create_dir(&outside).unwrap();
    (root, inside, outside)
}

fn file(path: &Path, allowed: &Path) -> Result<TokenFile, TokenFileError> {
    TokenFile::new(path, &[allowed.to_owned()])
}

#[tokio::test]
async fn a_file_is_read_anew_each_time_through_the_links_by_which_it_is_replaced() {
    let (_root, inside, _) = places();
    // As Kubernetes lays it out.
    for (folder, token) in [("..1", TOKEN.to_owned()), ("..2", format!("{TOKEN}Mg"))] {
        fs::create_dir(inside.join(folder)).unwrap();
        fs::write(inside.join(folder).join("token"), token + "\n").unwrap();
    }
    symlink("..1", inside.join("..data")).unwrap();
    symlink("..data/token", inside.join("token")).unwrap();
    let file = file(&inside.join("token"), &inside).unwrap();
    assert_eq!(file.read().await.unwrap().expose_secret(), TOKEN);
    fs::remove_file(inside.join("..data")).unwrap();
    symlink("..2", inside.join("..data")).unwrap();
    assert_eq!(
        file.read().await.unwrap().expose_secret(),
        format!("{TOKEN}Mg")
    );
}

#[tokio::test]
async fn no_file_outside_of_the_allowed_folders_is_read_by_whatever_way() {
    let (root, inside, outside) = places();
    fs::write(outside.join("token"), TOKEN).unwrap();
    symlink(outside.join("token"), inside.join("link")).unwrap();
    symlink(&outside, inside.join("folder")).unwrap();
    for path in [
        outside.join("token"),
        inside.join("link"),
        inside.join("folder/token"),
        inside.join("../other/token"),
        // What isn't there looks the same.
        outside.join("none"),
        inside.join("../other/none"),
        root.path().join("tokens-of-others"),
    ] {
        let error = file(&path, &inside).unwrap_err();
        assert_eq!(error, TokenFileError::Outside, "{}", path.display());
        assert!(error.remedy().contains("tokenFolders"));
    }
    assert_eq!(
        file(Path::new("tokens/token"), &inside).unwrap_err(),
        TokenFileError::NotAbsolute
    );
    let none = TokenFile::new(&outside.join("token"), &[]).unwrap_err();
    assert_eq!(none, TokenFileError::NoFolder);
    // A link that comes later is no way out either.
    fs::write(inside.join("token"), TOKEN).unwrap();
    let later = file(&inside.join("token"), &inside).unwrap();
    fs::remove_file(inside.join("token")).unwrap();
    symlink(outside.join("token"), inside.join("token")).unwrap();
    assert_eq!(later.read().await.unwrap_err(), TokenFileError::Outside);
}

#[tokio::test]
async fn what_holds_no_token_is_not_sent() {
    let (_root, inside, _) = places();
    let path = inside.join("token");
    for (content, expected) in [
        ("x".repeat(70_000), TokenFileError::TooLarge),
        (
            "root:x:0:0:root:/root:/bin/bash".to_owned(),
            TokenFileError::NoToken,
        ),
        (String::new(), TokenFileError::NoToken),
        ("a.b.c".to_owned(), TokenFileError::NoToken),
        (format!("{TOKEN}\n{TOKEN}"), TokenFileError::NoToken),
    ] {
        fs::write(&path, &content).unwrap();
        let error = file(&path, &inside).unwrap().read().await.unwrap_err();
        assert_eq!(error, expected);
        assert!(content.is_empty() || !format!("{error:?} {error}").contains(&content));
    }
    assert_eq!(
        file(&inside, &inside).unwrap().read().await.unwrap_err(),
        TokenFileError::NoFile
    );
    fs::remove_file(&path).unwrap();
    let missing = file(&path, &inside).unwrap_err();
    assert!(matches!(missing, TokenFileError::Unreadable(_)) && missing.is_transient());
}
