//! The key for Secrets that a site keeps in a file of its own.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::cli::Work;
use crate::cli::exit;
use crate::cli::site;
use crate::engine::SiteKey;
use crate::error::Failure;
use crate::facts::Content;
use crate::inventory::Inventory;
use crate::profile::playbook::Playbook;
use crate::resource::key_ring::KeyRing;
use crate::resource::key_ring::checked;
use crate::secret::Secret;

/// What a key file may hold at most; an exported one has some hundred bytes.
const LONGEST: u64 = 64 * 1024;

/// The key that the command line names, else the one of the playbook.
pub(super) fn read(
    work: &Work,
    inventory: &Inventory,
    playbook: &Playbook,
) -> Result<Option<SiteKey>, Failure> {
    let of_playbook = playbook.encryption.as_ref().map(|encryption| {
        let path = site::playbook_path(&work.target, inventory, work.playbook.as_deref());
        let path = path.unwrap_or_else(|| work.target.inventory.clone());
        site::directory(&path).join(&encryption.key_file)
    });
    let file: Option<PathBuf> = work.encryption_key_file.clone().or(of_playbook);
    file.map(|file| of_file(&file)).transpose()
}

fn of_file(path: &Path) -> Result<SiteKey, Failure> {
    let file = path.display().to_string();
    let wrong = |why: String, hint: &str| Failure::new(exit::USAGE, format!("{file}: {why}"), hint);
    let unreadable = |error: io::Error| wrong(error.to_string(), "name the file that has the key");
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() || metadata.len() > LONGEST {
        return Err(wrong(
            "this is no key file".to_owned(),
            "name the file that has the key",
        ));
    }
    if metadata.mode() & 0o077 != 0 {
        let why = format!(
            "others may read the key (mode {:04o})",
            metadata.mode() & 0o7777
        );
        return Err(wrong(why, &format!("run `chmod 600 {file}`")));
    }
    let text = Zeroizing::new(fs::read(path).map_err(unreadable)?);
    let key = key_in(&text).map_err(|why| {
        wrong(
            why.to_owned(),
            "put 32 random bytes in base64 there: `head -c 32 /dev/urandom | base64`",
        )
    })?;
    Ok(SiteKey { file, key })
}

/// A bare key, or the first one of an exported encryption file.
fn key_in(text: &[u8]) -> Result<Secret, &'static str> {
    let bare = std::str::from_utf8(text).unwrap_or_default().trim();
    let key = match KeyRing::read(&Content::new(text.to_vec())) {
        Ok(ring) => ring.first().map(|key| key.secret.clone()),
        Err(_) => None,
    };
    let key = key.unwrap_or_else(|| Secret::from(bare.to_owned()));
    checked(std::str::from_utf8(key.expose()).unwrap_or_default())?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn read_back(text: &str, mode: u32) -> Result<Vec<u8>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
        let read = of_file(file.path()).map_err(|failure| failure.to_string());
        read.map(|site| site.key.expose().to_vec())
    }

    #[test]
    fn a_bare_key_and_an_exported_file_give_the_same_key() {
        let exported = include_str!("../../templates/encryption.yaml.hbs");
        let exported = exported.replace("{{encryption_key}}", KEY);

        assert_eq!(
            read_back(&format!("{KEY}\n"), 0o600).unwrap(),
            KEY.as_bytes()
        );
        assert_eq!(read_back(&exported, 0o400).unwrap(), KEY.as_bytes());
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        for mode in [0o640, 0o604, 0o620] {
            let error = read_back(KEY, mode).unwrap_err();
            assert!(error.contains("chmod 600"), "{error}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused_and_never_quoted() {
        for wrong in ["", "AAECAwQFBgcICQoLDA0ODw==", "no key at all", "\u{0}"] {
            let error = read_back(wrong, 0o600).unwrap_err();
            assert!(wrong.is_empty() || !error.contains(wrong), "{error}");
        }
    }
}
