use std::io; use crate::report::Report;
pub fn write(r: &Report, out: &mut impl io::Write) -> io::Result<()> { writeln!(out, "{:#?}", r.events) }
