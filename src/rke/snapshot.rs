//! A snapshot of etcd by `rke`, from before anything is changed.

use std::path::Path;
use std::process::Stdio;

use crate::rke::Line;
use crate::rke::Rke;
use crate::rke::RkeError;

/// What RKE says when every etcd node has its snapshot; from v0.2 on with a word more.
const FINISHED: &str = "Finished saving";

impl Rke {
    /// Runs `rke etcd snapshot-save`, which leaves `name` in `/opt/rke/etcd-snapshots` on every
    /// etcd node. Everything else is as for [`Rke::up`].
    ///
    /// # Errors
    ///
    /// When it cannot be run, and when it did not say that it finished.
    pub async fn snapshot(
        &self,
        config: &Path,
        name: &str,
        log: &Path,
        stdin: Stdio,
        mut on_line: impl FnMut(&Line),
    ) -> Result<(), RkeError> {
        let mut is_finished = false;
        let mut last = None;
        let take = |text: &str| {
            let line = Line::parse(text);
            is_finished |= line.message.starts_with(FINISHED);
            on_line(&line);
            last = Some(line.message);
        };
        let arguments = ["etcd", "snapshot-save", "--name", name];
        let end = self.follow(&arguments, config, log, stdin, take).await?;
        let why = match end {
            Ok(()) if is_finished => return Ok(()),
            Ok(()) => "it ended early".to_owned(),
            Err(end) => end,
        };
        let said = last.map_or_else(String::new, |said| format!(", and said last: {said}"));
        Err(RkeError::Snapshot {
            why: format!("{why}{said}"),
            log: log.to_owned(),
        })
    }
}
