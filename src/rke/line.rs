//! A line that `rke` said, taken apart.

/// How serious a line is, by logrus.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// Not a log line: the output of a library, a stack trace, an empty line.
    Raw,
    Debug,
    Info,
    Warning,
    Error,
    Fatal,
}

/// One line of `rke`'s output.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Line {
    pub level: Level,
    /// The message, unquoted; the whole line where the level is [`Level::Raw`].
    pub message: String,
}

impl Line {
    /// Takes a line apart, in the form for files (`time=… level=… msg=…`) and in the one for
    /// terminals (`INFO[0000] …`), rke.md 3.2.
    pub fn parse(line: &str) -> Self {
        let line = without_colour(line.trim_end_matches(['\r', '\n']));
        let parsed = fields(&line).or_else(|| short(&line));
        let (level, message) = parsed.unwrap_or((Level::Raw, line));
        Self { level, message }
    }
}

fn fields(line: &str) -> Option<(Level, String)> {
    let rest = line.strip_prefix("time=")?;
    let (_, rest) = rest.split_once(" level=")?;
    let (level, rest) = rest.split_once(' ')?;
    let level = match level {
        "trace" | "debug" => Level::Debug,
        "info" => Level::Info,
        "warning" => Level::Warning,
        "error" => Level::Error,
        "fatal" | "panic" => Level::Fatal,
        _ => return None,
    };
    Some((level, unquoted(rest.strip_prefix("msg=")?)))
}

fn short(line: &str) -> Option<(Level, String)> {
    let (level, rest) = line.split_once('[')?;
    let level = match level {
        "TRAC" | "DEBU" => Level::Debug,
        "INFO" => Level::Info,
        "WARN" => Level::Warning,
        "ERRO" => Level::Error,
        "FATA" | "PANI" => Level::Fatal,
        _ => return None,
    };
    let (seconds, message) = rest.split_once(']')?;
    let counted = !seconds.is_empty() && seconds.bytes().all(|byte| byte.is_ascii_digit());
    counted.then(|| (level, message.trim().to_owned()))
}

/// The text of a value that Go may have quoted; fields behind it are left out.
fn unquoted(value: &str) -> String {
    let Some(quoted) = value.strip_prefix('"') else {
        return value.to_owned();
    };
    let mut text = String::new();
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => match chars.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some(c @ ('"' | '\\')) => text.push(c),
                Some(other) => text.extend(['\\', other]),
                None => text.push('\\'),
            },
            c => text.push(c),
        }
    }
    text
}

/// `line` without the escape sequences that colour it.
fn without_colour(line: &str) -> String {
    let mut pieces = line.split('\u{1b}');
    let mut text = pieces.next().unwrap_or("").to_owned();
    for piece in pieces {
        let after = piece
            .strip_prefix('[')
            .and_then(|rest| rest.split_once('m'));
        text.push_str(after.map_or(piece, |(_, rest)| rest));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> (Level, String) {
        let line = Line::parse(line);
        (line.level, line.message)
    }

    #[test]
    fn both_forms_of_a_log_line_are_understood() {
        for line in [
            "time=\"2018-10-16T10:00:00Z\" level=warning msg=\"say \\\"no\\\"\"\n",
            "WARN[0012] say \"no\"   ",
            "\u{1b}[33mWARN\u{1b}[0m[0012] say \"no\"",
            "time=\"2018-10-16T10:00:00Z\" level=warning msg=\"say \\\"no\\\"\" host=a",
        ] {
            assert_eq!(
                parsed(line),
                (Level::Warning, "say \"no\"".to_owned()),
                "{line}"
            );
        }
        assert_eq!(
            parsed("time=\"x\" level=info msg=done"),
            (Level::Info, "done".to_owned())
        );
    }

    #[test]
    fn anything_else_is_kept_as_it_is() {
        for line in [
            "",
            "panic: runtime error",
            "INFO no brackets",
            "time=x level=loud msg=y",
            "goroutine 1 [running]:",
        ] {
            assert_eq!(parsed(line), (Level::Raw, line.to_owned()));
        }
    }
}
