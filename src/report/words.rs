//! Text for people: numbers, lists, and what came from elsewhere made harmless.

/// `1 node`, `3 nodes`.
pub(super) fn counted(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// What is done to a node driver: `activate` or `deactivate`; a `d` behind it says that it is done.
pub(super) fn switching(activates: bool) -> &'static str {
    if activates { "activate" } else { "deactivate" }
}

/// `text` with what a terminal would obey, or hide, or show in another order, made visible.
///
/// A host name or a file on a node may hold anything; printed as it is, it could repaint the
/// screen of the operator.
pub(crate) fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for one in text.chars() {
        if is_treacherous(one) {
            shown.extend(one.escape_default());
        } else {
            shown.push(one);
        }
    }
    shown
}

/// True for control characters, and for those that turn the direction of text or have no width.
pub(super) fn is_treacherous(one: char) -> bool {
    one.is_control()
        || matches!(one, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(one, '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// `text` in lines of at most `width` characters, broken at spaces; a longer word is not broken.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut length = 0;
    for word in text.split(' ') {
        let more = word.chars().count();
        if length > 0 && length + 1 + more > width {
            lines.push(std::mem::take(&mut line));
            length = 0;
        }
        if length > 0 {
            line.push(' ');
            length += 1;
        }
        line.push_str(word);
        length += more;
    }
    lines.push(line);
    lines
}

/// `message` with the name of its node in front, unless it begins with it.
pub(super) fn named(node: Option<&str>, message: &str) -> String {
    match node {
        Some(node) if !begins_with(message, node) => format!("{node}: {message}"),
        Some(_) | None => message.to_owned(),
    }
}

fn begins_with(message: &str, node: &str) -> bool {
    message
        .strip_prefix(node)
        .is_some_and(|rest| rest.starts_with([':', ' ']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(counted(1, "node"), "1 node");
        assert_eq!(counted(0, "node"), "0 nodes");
    }

    #[test]
    fn what_a_terminal_would_obey_is_shown_instead() {
        assert_eq!(
            escaped("a\u{1b}[2Jb\r\n\u{9b}1m\u{202e}é→"),
            "a\\u{1b}[2Jb\\r\\n\\u{9b}1m\\u{202e}é→"
        );
    }

    #[test]
    fn lines_break_at_spaces_and_never_within_a_word() {
        assert_eq!(
            wrapped("one two /a/very/long/path three", 9),
            ["one two", "/a/very/long/path", "three"]
        );
    }

    #[test]
    fn a_node_is_named_once() {
        assert_eq!(named(Some("cp-1"), "refused"), "cp-1: refused");
        assert_eq!(named(Some("cp-1"), "cp-1: refused"), "cp-1: refused");
        assert_eq!(
            named(Some("cp-1"), "cp-11: refused"),
            "cp-1: cp-11: refused"
        );
    }
}
