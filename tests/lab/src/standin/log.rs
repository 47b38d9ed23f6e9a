//! The log of RKE v0.1: logrus text on stderr (section 3.2).

use std::io::Write;

use jiff::Timestamp;

/// Something happened.
pub fn info(message: &str) {
    line("info", message);
}

/// Something failed, and RKE goes on all the same.
pub fn warning(message: &str) {
    line("warning", message);
}

/// The last line of a run that failed.
pub fn fatal(message: &str) {
    line("fatal", message);
}

fn line(level: &str, message: &str) {
    let text = render(&Timestamp::now(), level, message);
    // Nobody is left to be told when stderr is gone.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

fn render(now: &Timestamp, level: &str, message: &str) -> String {
    let message = message
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!(
        "time=\"{}\" level={level} msg=\"{message}\"\n",
        now.strftime("%Y-%m-%dT%H:%M:%SZ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_looks_like_that_of_rke() {
        let line = render(&Timestamp::UNIX_EPOCH, "fatal", "Get \"https://x\"");

        assert_eq!(
            line,
            "time=\"1970-01-01T00:00:00Z\" level=fatal msg=\"Get \\\"https://x\\\"\"\n"
        );
    }
}
