//! cairn-monitor
