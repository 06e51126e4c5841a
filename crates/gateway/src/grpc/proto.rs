//! The messages and the service's trait, generated from `proto/inference.proto`.
#![expect(
    unreachable_pub,
    clippy::allow_attributes_without_reason,
    clippy::enum_variant_names,
    reason = "the generator writes them so"
)]

tonic::include_proto!("inference");
