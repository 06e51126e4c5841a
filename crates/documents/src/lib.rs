//! cairn-documents
