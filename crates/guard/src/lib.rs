//! cairn-guard
