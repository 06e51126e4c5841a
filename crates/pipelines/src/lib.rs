//! cairn-pipelines
