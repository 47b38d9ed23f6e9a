//! The contents of many files in one stream, as `head -v` prints them: each behind its name.

/// What stands before each name.
const MARK: &[u8] = b"\n==> ";

/// A stream of contents, read from the front in the order in which they were asked for.
#[derive(Debug)]
pub(super) struct Sections<'a> {
    /// Begins with the line end before the next name, which the stream's own first name lacks.
    rest: &'a [u8],
    is_first: bool,
    is_lost: bool,
}

impl<'a> Sections<'a> {
    pub(super) fn of(stream: &'a [u8]) -> Self {
        Self {
            rest: stream,
            is_first: true,
            is_lost: false,
        }
    }

    /// The content of a kernel value, whose size nobody knows: all up to the next name. It ends
    /// with a line end; what does not was not read.
    pub(super) fn value(&mut self, path: &str) -> Option<&'a [u8]> {
        self.open(path)?;
        let end = find(self.rest, MARK)?;
        let (value, rest) = self.rest.split_at(end);
        self.rest = rest;
        value.ends_with(b"\n").then_some(value)
    }

    /// The content of a file that has `size` bytes.
    ///
    /// # Errors
    ///
    /// Why there is none. Behind a file of another size nothing more is believed, because what is
    /// in it could pass for the name of the next.
    pub(super) fn file(&mut self, path: &str, size: usize) -> Result<&'a [u8], &'static str> {
        const CHANGED: &str = "it changed while it was read, or holds NUL bytes";
        if self.is_lost {
            return Err("a file before it changed while it was read");
        }
        self.open(path).ok_or("it could not be read")?;
        match self.rest.split_at_checked(size) {
            Some((content, rest)) if rest.starts_with(MARK) => {
                self.rest = rest;
                Ok(content)
            }
            _ => {
                self.is_lost = true;
                Err(CHANGED)
            }
        }
    }

    /// Passes over the name of `path`, if it comes next.
    fn open(&mut self, path: &str) -> Option<()> {
        let mark = if self.is_first { &MARK[1..] } else { MARK };
        let rest = self.rest.strip_prefix(mark)?;
        let rest = rest.strip_prefix(path.as_bytes())?;
        self.rest = rest.strip_prefix(b" <==\n")?;
        self.is_first = false;
        Some(())
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: &str = "\n==> standard input <==";

    #[test]
    fn contents_come_back_byte_for_byte() {
        let stream = format!("==> /a <==\none\n\n\n==> /b <==\n\n==> /c <==\ntwo{END}");
        let mut sections = Sections::of(stream.as_bytes());

        assert_eq!(sections.file("/a", 5), Ok(&b"one\n\n"[..]));
        assert_eq!(sections.file("/b", 0), Ok(&b""[..]));
        assert_eq!(sections.file("/c", 3), Ok(&b"two"[..]));
    }

    #[test]
    fn a_file_without_a_name_was_not_read_and_the_next_one_was() {
        let stream = format!("==> /b <==\ntwo{END}");
        let mut sections = Sections::of(stream.as_bytes());

        assert!(sections.file("/a", 5).is_err());
        assert_eq!(sections.file("/b", 3), Ok(&b"two"[..]));
        assert!(sections.file("/c", 0).is_err());
    }

    #[test]
    fn behind_a_file_of_another_size_nothing_is_believed() {
        let forged = "grown\n==> /b <==\nforged";
        let stream = format!("==> /a <==\n{forged}\n==> /b <==\ntwo{END}");
        let mut sections = Sections::of(stream.as_bytes());

        assert!(sections.file("/a", 4).is_err());
        assert!(sections.file("/b", 6).is_err());
        assert!(sections.file("/b", 3).is_err());
    }

    #[test]
    fn a_stream_that_broke_off_has_no_last_content() {
        let mut sections = Sections::of(b"==> /a <==\n10\n");
        assert_eq!(sections.value("/a"), None);

        let mut sections = Sections::of(b"==> /a <==\n10\n");
        assert!(sections.file("/a", 3).is_err());
    }

    #[test]
    fn a_value_that_could_not_be_read_is_no_empty_value() {
        let stream = format!("==> /p/x <==\n\n==> /p/y <==\n10\n{END}");
        let mut sections = Sections::of(stream.as_bytes());

        assert_eq!(sections.value("/p/w"), None);
        assert_eq!(sections.value("/p/x"), None);
        assert_eq!(sections.value("/p/y"), Some(&b"10\n"[..]));
    }
}
