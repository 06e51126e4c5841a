//! cairn-serving
