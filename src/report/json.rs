use crate::report::Report;
use std::io;
pub fn write(r: &Report, out: &mut impl io::Write) -> io::Result<()> {
    writeln!(out, "{:#?}", r.events)
}
