//! The service as people build it: tonic, with the types and helpers of envoy-types. One port serves both protocols, with no middleware and no TLS.

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use anyhow::Result;
use envoy_types::ext_authz::v3::pb::{
    Authorization, AuthorizationServer, CheckRequest, CheckResponse, HeaderValue, HeaderValueOption,
};
use envoy_types::ext_authz::v3::{CheckRequestExt as _, CheckResponseExt as _, OkHttpResponseBuilder};
use envoy_types::pb::envoy::service::ext_proc::v3::external_processor_server::{
    ExternalProcessor, ExternalProcessorServer,
};
use envoy_types::pb::envoy::service::ext_proc::v3::{
    CommonResponse, HeaderMutation, HeadersResponse, HttpHeaders, ProcessingRequest, ProcessingResponse,
    processing_request, processing_response,
};
use jackstaff_service::identity::Headers;
use jackstaff_service::injector::Injector;
use tokio::net::TcpListener;
use tokio_stream::{Stream, StreamExt as _};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};

use super::decide;

pub async fn serve(listener: TcpListener, injector: Injector) -> Result<()> {
    let service = Service(Arc::new(Mutex::new(injector)));
    let services = Server::builder()
        .add_service(AuthorizationServer::new(service.clone()))
        .add_service(ExternalProcessorServer::new(service));
    Ok(services.serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true))).await?)
}

#[derive(Clone)]
struct Service(Arc<Mutex<Injector>>);

impl Service {
    fn decide(&self, headers: &Headers<'_>) -> Result<Vec<(String, Vec<u8>)>, Status> {
        let mut injector = self.0.lock().map_err(|_| Status::internal("a request before has failed"))?;
        Ok(decide(&mut injector, headers))
    }

    fn process(&self, request: ProcessingRequest) -> Result<ProcessingResponse, Status> {
        let Some(processing_request::Request::RequestHeaders(HttpHeaders { headers: Some(headers), .. })) =
            request.request
        else {
            return Err(Status::invalid_argument("no request headers, and nothing else is asked for"));
        };
        // Envoy writes the raw value.
        let pairs: Vec<_> =
            headers.headers.iter().map(|header| (header.key.as_bytes(), header.raw_value.as_slice())).collect();
        let set = |(key, raw_value)| HeaderValueOption {
            header: Some(HeaderValue { key, raw_value, ..Default::default() }),
            ..Default::default()
        };
        let set_headers = self.decide(&pairs)?.into_iter().map(set).collect();
        let mutation = HeaderMutation { set_headers, ..Default::default() };
        let response = CommonResponse { header_mutation: Some(mutation), ..Default::default() };
        let headers = HeadersResponse { response: Some(response) };
        Ok(ProcessingResponse {
            response: Some(processing_response::Response::RequestHeaders(headers)),
            ..Default::default()
        })
    }
}

#[tonic::async_trait]
impl Authorization for Service {
    async fn check(&self, request: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        let headers = request.get_ref().get_client_headers().ok_or_else(|| Status::invalid_argument("no headers"))?;
        let pairs: Vec<_> = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        let mut leave = OkHttpResponseBuilder::new();
        for (name, value) in self.decide(&pairs)? {
            let value = String::from_utf8(value).map_err(|_| Status::internal("a header that is no text"))?;
            leave.add_header(name, value, None, false);
        }
        let mut response = CheckResponse::with_status(Status::ok(""));
        response.set_http_response(leave);
        Ok(Response::new(response))
    }
}

#[tonic::async_trait]
impl ExternalProcessor for Service {
    type ProcessStream = Pin<Box<dyn Stream<Item = Result<ProcessingResponse, Status>> + Send>>;

    async fn process(
        &self,
        request: Request<Streaming<ProcessingRequest>>,
    ) -> Result<Response<Self::ProcessStream>, Status> {
        let service = self.clone();
        let responses = request.into_inner().map(move |request| service.process(request?));
        Ok(Response::new(Box::pin(responses)))
    }
}
