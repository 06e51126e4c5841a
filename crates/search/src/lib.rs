//! cairn-search
