//! cairn-onnx
