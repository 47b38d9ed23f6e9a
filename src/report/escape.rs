//! Text from elsewhere on its way into a markup: it must stay text.

use std::fmt::Write as _;

use crate::report::words::escaped;

/// For XML and HTML, in text and in quoted attributes; control characters are shown, because XML
/// cannot hold them.
pub(super) fn xml(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for one in escaped(text).chars() {
        match one {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // Noncharacters that XML 1.0 forbids.
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}

/// For Markdown with tables, outside of code blocks: whatever could begin a construct is written
/// as a number, which no dialect takes for anything but the character.
pub(super) fn markdown(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for one in escaped(text).chars() {
        if one.is_ascii_punctuation() && !".,:;/()-+='".contains(one) {
            let _ = write!(safe, "&#{};", u32::from(one));
        } else {
            safe.push(one);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_xml_and_no_control_character_is_left() {
        assert_eq!(
            xml("<b a=\"1\" c='2'>&\u{0}\u{1b}\u{ffff}é"),
            "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;\\u{0}\\u{1b}\u{fffd}é"
        );
    }

    #[test]
    fn nothing_of_markdown_is_left() {
        let safe = markdown("| a `b` *c* _d_ [e](f) <g> @h #1 \\| ~~i~~\n");
        for one in "|`*_[]<>@\\~".chars() {
            assert!(!safe.contains(one), "{one} in {safe}");
        }
        assert!(!safe.contains(" #1"), "{safe}");
        assert!(!safe.contains('\n'), "{safe}");
    }
}
