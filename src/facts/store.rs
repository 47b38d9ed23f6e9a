//! What the nodes of a fleet say alike, kept once for all of them.

use std::collections::BTreeMap;

use crate::facts::Content;
use crate::facts::File;
use crate::facts::Observed;
use crate::facts::container::Bind;
use crate::secret::Secret;
use crate::shared::Pool;
use crate::shared::Shared;

/// The parts of facts that are rarely of one node alone; times and free space always are.
#[derive(Debug, Default)]
pub struct Store {
    pub(super) texts: Pool<str>,
    pub(super) kernel: Pool<BTreeMap<String, Observed<String>>>,
    pub(super) binds: Pool<Vec<Bind>>,
    pub(super) mounts: Pool<BTreeMap<String, String>>,
    files: Pool<File>,
    contents: Pool<Secret>,
}

impl Store {
    /// The file, which is one with all that are like it; one that only changed at another time has
    /// its names and its content in common with them.
    pub(super) fn file(&mut self, mut file: File) -> Shared<File> {
        file.content = file.content.map(|Content(bytes)| {
            let bytes = self.contents.share(bytes);
            Content(bytes)
        });
        self.files.share(file)
    }
}
