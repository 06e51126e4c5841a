//! cairn-tables
