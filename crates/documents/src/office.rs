//! Files of office programs: Word, PowerPoint and Excel ([`ooxml`], with those of 97 to 2003),
//! OpenDocument ([`odf`]) and rich text ([`rtf`]).

pub(crate) mod odf;
pub(crate) mod ooxml;
pub(crate) mod rtf;
