//! cairn-services
