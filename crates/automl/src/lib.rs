//! cairn-automl
