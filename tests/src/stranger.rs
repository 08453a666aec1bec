//! A client that knows nothing of Vekha's generated code: it asks the daemon what it offers, through
//! gRPC server reflection, and speaks to it in JSON. Whatever it can do any other system can.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use prost_reflect::prost_types::FileDescriptorProto;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor};
use serde_json::Value;
use tokio_stream::StreamExt as _;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};
use tonic_types::StatusExt as _;

/// A client that learnt the contract from the daemon.
#[derive(Clone)]
pub struct Stranger {
    channel: Channel,
    /// What the daemon says of itself.
    pub pool: DescriptorPool,
    /// Names of the services that it lists.
    pub services: Vec<String>,
    authorization: Option<String>,
}

impl Stranger {
    /// Learns the contract.
    ///
    /// # Panics
    /// When reflection does not answer, or its descriptors do not fit together.
    pub async fn meet(channel: Channel) -> Self {
        let mut reflection = ServerReflectionClient::new(channel.clone());
        let mut services = Vec::new();
        let listed = ask(&mut reflection, MessageRequest::ListServices(String::new())).await;
        match listed {
            MessageResponse::ListServicesResponse(list) => {
                services.extend(list.service.into_iter().map(|service| service.name));
            }
            other => panic!("no list of services: {other:?}"),
        }
        let mut wanted: Vec<MessageRequest> =
            services.iter().cloned().map(MessageRequest::FileContainingSymbol).collect();
        let mut asked = BTreeSet::new();
        let mut files = BTreeMap::new();
        while let Some(request) = wanted.pop() {
            let answer = ask(&mut reflection, request.clone()).await;
            let MessageResponse::FileDescriptorResponse(found) = answer else {
                panic!("{request:?}: {answer:?}");
            };
            for bytes in found.file_descriptor_proto {
                let file: FileDescriptorProto =
                    prost::Message::decode(bytes.as_slice()).expect("a file's descriptor");
                for name in &file.dependency {
                    if asked.insert(name.clone()) {
                        wanted.push(MessageRequest::FileByFilename(name.clone()));
                    }
                }
                files.insert(file.name().to_owned(), file);
            }
        }
        let mut pool = DescriptorPool::new();
        pool.add_file_descriptor_protos(files.into_values()).expect("files that fit together");
        Stranger { channel, pool, services, authorization: None }
    }

    /// The same with an `authorization` that goes with every call.
    #[must_use]
    pub fn with_authorization(self, value: &str) -> Self {
        Stranger { authorization: Some(value.to_owned()), ..self }
    }

    /// All methods of the services of a package.
    pub fn methods(&self, package: &str) -> Vec<MethodDescriptor> {
        let services: Vec<_> =
            self.pool.services().filter(|s| s.package_name() == package).collect();
        services.iter().flat_map(|s| s.methods().collect::<Vec<_>>()).collect()
    }

    /// A method of `vekha.v1` by `RunService.StartRun`.
    ///
    /// # Panics
    /// When there is none.
    pub fn method(&self, name: &str) -> MethodDescriptor {
        let wanted = format!("vekha.v1.{name}");
        let found = self.methods("vekha.v1").into_iter().find(|m| m.full_name() == wanted);
        found.unwrap_or_else(|| panic!("the daemon has no {wanted}"))
    }

    /// Calls a method that answers once. Requests and responses are protobuf's canonical JSON.
    ///
    /// # Errors
    /// What the daemon answered.
    ///
    /// # Panics
    /// When the request does not fit the contract.
    pub async fn call(&self, method: &str, request: Value) -> Result<Value, Status> {
        let method = self.method(method);
        let (mut grpc, request, path) = self.ready(&method, request).await;
        let response = grpc.unary(request, path, Dynamic(method.output())).await?.into_inner();
        Ok(serde_json::to_value(response).expect("JSON"))
    }

    /// Calls a method that takes a stream and answers once.
    ///
    /// # Errors
    /// What the daemon answered.
    ///
    /// # Panics
    /// When a request does not fit the contract.
    pub async fn send_all(&self, method: &str, requests: Vec<Value>) -> Result<Value, Status> {
        let method = self.method(method);
        let (mut grpc, request, path) = self.ready(&method, serde_json::json!({})).await;
        let input = method.input();
        let messages = requests.into_iter().map(move |one| {
            DynamicMessage::deserialize(input.clone(), one).expect("a message of the contract")
        });
        let request = request.map(|_| tokio_stream::iter(messages));
        let codec = Dynamic(method.output());
        let response = grpc.client_streaming(request, path, codec).await?.into_inner();
        Ok(serde_json::to_value(response).expect("JSON"))
    }

    /// The same within a time that the daemon is told.
    ///
    /// # Errors
    /// What the daemon answered.
    pub async fn watch_for(
        &self,
        method: &str,
        request: Value,
        time: Duration,
    ) -> Result<Streaming<DynamicMessage>, Status> {
        let method = self.method(method);
        let (mut grpc, mut request, path) = self.ready(&method, request).await;
        request.set_timeout(time);
        let codec = Dynamic(method.output());
        Ok(grpc.server_streaming(request, path, codec).await?.into_inner())
    }

    /// Calls a method that answers with a stream.
    ///
    /// # Errors
    /// What the daemon answered.
    ///
    /// # Panics
    /// When the request does not fit the contract.
    pub async fn watch(
        &self,
        method: &str,
        request: Value,
    ) -> Result<Streaming<DynamicMessage>, Status> {
        let method = self.method(method);
        let (mut grpc, request, path) = self.ready(&method, request).await;
        let codec = Dynamic(method.output());
        Ok(grpc.server_streaming(request, path, codec).await?.into_inner())
    }

    async fn ready(
        &self,
        method: &MethodDescriptor,
        request: Value,
    ) -> (tonic::client::Grpc<Channel>, Request<DynamicMessage>, http::uri::PathAndQuery) {
        let message = DynamicMessage::deserialize(method.input(), request.clone())
            .unwrap_or_else(|e| panic!("{}: {e}: {request}", method.full_name()));
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let mut grpc =
            tonic::client::Grpc::new(self.channel.clone()).max_decoding_message_size(64 << 20);
        grpc.ready().await.expect("a connection");
        let mut request = Request::new(message);
        if let Some(value) = &self.authorization {
            let value = value.parse().expect("a header's value");
            request.metadata_mut().insert("authorization", value);
        }
        (grpc, request, path.parse().expect("a path"))
    }
}

async fn ask(
    reflection: &mut ServerReflectionClient<Channel>,
    request: MessageRequest,
) -> MessageResponse {
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(request) };
    let answers = reflection.server_reflection_info(tokio_stream::once(request)).await;
    let mut answers: Streaming<ServerReflectionResponse> =
        answers.expect("reflection answers").into_inner();
    let answer = answers.next().await.expect("an answer").expect("a good answer");
    answer.message_response.expect("something in it")
}

/// The fields that a refusal names, as google.rpc.BadRequest has them.
pub fn wrong_fields(status: &Status) -> BTreeMap<String, String> {
    let violations = status.get_details_bad_request().map(|bad| bad.field_violations);
    violations.into_iter().flatten().map(|v| (v.field, v.description)).collect()
}

/// The stable reason of a refusal, as google.rpc.ErrorInfo has it; none unless it is one of Vekha's.
pub fn reason(status: &Status) -> String {
    let info = status.get_details_error_info().filter(|info| info.domain == "vekha");
    info.map(|info| info.reason).unwrap_or_default()
}

/// Messages of which only the descriptor is known: the one decoded is of this type.
struct Dynamic(MessageDescriptor);

impl Codec for Dynamic {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = Dynamic;
    type Decoder = Dynamic;

    fn encoder(&mut self) -> Dynamic {
        Dynamic(self.0.clone())
    }

    fn decoder(&mut self) -> Dynamic {
        Dynamic(self.0.clone())
    }
}

impl Encoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, item: DynamicMessage, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        prost::Message::encode(&item, to).map_err(|e| Status::internal(e.to_string()))
    }
}

impl Decoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        DynamicMessage::decode(self.0.clone(), from)
            .map(Some)
            .map_err(|e| Status::internal(e.to_string()))
    }
}
