//! The Open Inference Protocol v2 over gRPC, as Triton's clients speak it.
//!
//! Methods convert and call what [`crate::oip`] calls; [`attend`] is what happens to
//! every call. The service's definition is `proto/inference.proto`.

mod attend;
mod convert;
mod proto;

use axum::middleware::{from_fn, from_fn_with_state};
use cairn_kernel::{Kind, Result, ResultExt as _, Shutdown};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio::net::TcpListener;
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};
use tower_http::catch_panic::CatchPanicLayer;

use crate::App;
use crate::oip::execute::{self, Target};
use crate::oip::{about, describe, repository, statistics};
use attend::{Call, Door};
use proto::grpc_inference_service_server::{GrpcInferenceService, GrpcInferenceServiceServer};

/// Requests of one stream that are worked on at once; their answers keep their order.
const STREAM_AHEAD: usize = 8;

/// Answers gRPC on `listener` until `shutdown`; then accepts no more and returns when the
/// calls in flight are answered. The caller bounds how long that may take.
///
/// # Errors
/// `Internal` when the listener fails.
pub async fn serve_grpc(listener: TcpListener, app: App, shutdown: Shutdown) -> Result<()> {
    let limits = &app.services.limits;
    let body = usize::try_from(limits.body_bytes).unwrap_or(usize::MAX);
    let streams = u32::try_from(limits.concurrent_requests).unwrap_or(u32::MAX);
    let door = Door::new(app, shutdown.clone());
    let service = GrpcInferenceServiceServer::new(door.clone())
        .max_decoding_message_size(body)
        .accept_compressed(CompressionEncoding::Gzip);
    let routes = Routes::new(service)
        .into_axum_router()
        .layer(from_fn_with_state(door, attend::knock))
        .layer(from_fn(attend::hasten))
        .layer(CatchPanicLayer::custom(attend::panicked));
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    tonic::transport::Server::builder()
        .max_concurrent_streams(streams)
        .add_routes(routes.into())
        .serve_with_incoming_shutdown(incoming, async move { shutdown.requested().await })
        .await
        .or_internal("serving gRPC")
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl GrpcInferenceService for Door {
    async fn server_live(
        &self,
        request: Request<proto::ServerLiveRequest>,
    ) -> Answer<proto::ServerLiveResponse> {
        self.open("ServerLive", request, |_| Ok(proto::ServerLiveResponse { live: true })).await
    }

    async fn server_ready(
        &self,
        request: Request<proto::ServerReadyRequest>,
    ) -> Answer<proto::ServerReadyResponse> {
        let ready = |services: &cairn_services::Services| proto::ServerReadyResponse {
            ready: services.is_ready(),
        };
        self.open("ServerReady", request, |services| Ok(ready(services))).await
    }

    async fn server_metadata(
        &self,
        request: Request<proto::ServerMetadataRequest>,
    ) -> Answer<proto::ServerMetadataResponse> {
        self.open("ServerMetadata", request, |_| Ok(convert::about(about()))).await
    }

    async fn model_ready(
        &self,
        request: Request<proto::ModelReadyRequest>,
    ) -> Answer<proto::ModelReadyResponse> {
        Box::pin(self.attend("ModelReady", request, model_ready)).await
    }

    async fn model_metadata(
        &self,
        request: Request<proto::ModelMetadataRequest>,
    ) -> Answer<proto::ModelMetadataResponse> {
        self.attend("ModelMetadata", request, |call, asked| async move {
            let target = Target::new(asked.name, Some(&asked.version))?;
            let found = describe::metadata(&call.services, &call.scope, &target).await?;
            Ok(convert::metadata(found))
        })
        .await
    }

    async fn model_infer(
        &self,
        request: Request<proto::ModelInferRequest>,
    ) -> Answer<proto::ModelInferResponse> {
        Box::pin(self.attend("ModelInfer", request, infer)).await
    }

    type ModelStreamInferStream =
        BoxStream<'static, Result<proto::ModelStreamInferResponse, Status>>;

    async fn model_stream_infer(
        &self,
        request: Request<Streaming<proto::ModelInferRequest>>,
    ) -> Answer<Self::ModelStreamInferStream> {
        let (door, shutdown) = (self.clone(), self.shutdown());
        let (metadata, _, messages) = request.into_parts();
        self.admit(&metadata).await?;
        let stopped = Box::pin(async move { shutdown.requested().await });
        let answers = messages.take_until(stopped).map(move |message| {
            let (door, metadata) = (door.clone(), metadata.clone());
            async move {
                let message = message?;
                let failed = convert::failed(&message);
                let done =
                    Box::pin(door.perform("ModelStreamInfer", &metadata, message, infer)).await;
                Ok::<_, Status>(match done {
                    Ok((_, answer)) => convert::streamed(answer),
                    Err(status) => failed(status.message()),
                })
            }
        });
        Ok(Response::new(answers.buffered(STREAM_AHEAD).boxed()))
    }

    async fn model_config(
        &self,
        request: Request<proto::ModelConfigRequest>,
    ) -> Answer<proto::ModelConfigResponse> {
        self.attend("ModelConfig", request, |call, asked| async move {
            let target = Target::new(asked.name, Some(&asked.version))?;
            let found = describe::config(&call.services, &call.scope, &target).await?;
            Ok(proto::ModelConfigResponse { config: Some(convert::config(found)) })
        })
        .await
    }

    async fn model_statistics(
        &self,
        request: Request<proto::ModelStatisticsRequest>,
    ) -> Answer<proto::ModelStatisticsResponse> {
        self.attend("ModelStatistics", request, |call, asked| async move {
            let found = if asked.name.is_empty() {
                statistics::of_all(&call.services, &call.scope).await?
            } else {
                let target = Target::new(asked.name, Some(&asked.version))?;
                statistics::of_one(&call.services, &call.scope, &target).await?
            };
            let model_stats = found.into_iter().map(convert::statistics).collect();
            Ok(proto::ModelStatisticsResponse { model_stats })
        })
        .await
    }

    async fn repository_index(
        &self,
        request: Request<proto::RepositoryIndexRequest>,
    ) -> Answer<proto::RepositoryIndexResponse> {
        self.attend("RepositoryIndex", request, |call, asked| async move {
            let found = repository::listed(&call.services, &call.scope, asked.ready).await?;
            let models = found.into_iter().map(convert::indexed).collect();
            Ok(proto::RepositoryIndexResponse { models })
        })
        .await
    }

    async fn repository_model_load(
        &self,
        request: Request<proto::RepositoryModelLoadRequest>,
    ) -> Answer<proto::RepositoryModelLoadResponse> {
        self.attend("RepositoryModelLoad", request, |call, asked| async move {
            let names = asked.parameters.keys().map(String::as_str);
            repository::bring_in(&call.services, &call.scope, &asked.model_name, names).await?;
            Ok(proto::RepositoryModelLoadResponse {})
        })
        .await
    }

    async fn repository_model_unload(
        &self,
        request: Request<proto::RepositoryModelUnloadRequest>,
    ) -> Answer<proto::RepositoryModelUnloadResponse> {
        self.attend("RepositoryModelUnload", request, |call, asked| async move {
            let names = asked.parameters.keys().map(String::as_str);
            repository::take_out(&call.services, &call.scope, &asked.model_name, names).await?;
            Ok(proto::RepositoryModelUnloadResponse {})
        })
        .await
    }

    async fn system_shared_memory_status(
        &self,
        _: Request<proto::NotServed>,
    ) -> Answer<proto::NotServed> {
        Err(no_shared_memory())
    }

    async fn system_shared_memory_register(
        &self,
        _: Request<proto::NotServed>,
    ) -> Answer<proto::NotServed> {
        Err(no_shared_memory())
    }

    async fn system_shared_memory_unregister(
        &self,
        _: Request<proto::NotServed>,
    ) -> Answer<proto::NotServed> {
        Err(no_shared_memory())
    }

    async fn cuda_shared_memory_status(
        &self,
        _: Request<proto::NotServed>,
    ) -> Answer<proto::NotServed> {
        Err(no_shared_memory())
    }

    async fn cuda_shared_memory_register(
        &self,
        _: Request<proto::NotServed>,
    ) -> Answer<proto::NotServed> {
        Err(no_shared_memory())
    }

    async fn cuda_shared_memory_unregister(
        &self,
        _: Request<proto::NotServed>,
    ) -> Answer<proto::NotServed> {
        Err(no_shared_memory())
    }

    async fn trace_setting(&self, _: Request<proto::NotServed>) -> Answer<proto::NotServed> {
        Err(Status::unimplemented("traces are not set over the network"))
    }

    async fn log_settings(&self, _: Request<proto::NotServed>) -> Answer<proto::NotServed> {
        Err(Status::unimplemented("the log is set in the configuration: log.filter, log.format"))
    }
}

fn no_shared_memory() -> Status {
    Status::unimplemented("shared memory is not served; send tensors in the request")
}

/// Whether a model can serve; asking loads it. One that cannot is not ready, whatever
/// the reason, as Triton has it.
async fn model_ready(
    call: Call,
    asked: proto::ModelReadyRequest,
) -> Result<proto::ModelReadyResponse> {
    let target = Target::new(asked.name, Some(&asked.version))?;
    let served =
        call.services.models.serve(&call.scope, &target.model, target.version.as_deref()).await;
    match served {
        Ok(_) => Ok(proto::ModelReadyResponse { ready: true }),
        Err(error) if error.kind() == Kind::Internal => Err(error),
        Err(_) => Ok(proto::ModelReadyResponse { ready: false }),
    }
}

async fn infer(
    call: Call,
    mut asked: proto::ModelInferRequest,
) -> Result<proto::ModelInferResponse> {
    let target = Target::new(asked.model_name.clone(), Some(&asked.model_version))?;
    // A model that is not there is told before anything about the tensors.
    let Call { services, scope, id, sticky } = call;
    let picked = services.models.pick(&scope, &target.asked(sticky, &id)).await?;
    let work = convert::work(&mut asked)?;
    let version = picked.version.version;
    let outputs = execute::run(&services, &scope, id, &picked, work).await?;
    Ok(convert::answer(asked, version, outputs))
}
