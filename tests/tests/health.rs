//! Health tells the truth: a database that has frozen is told within seconds, nobody waits for it for
//! ever, not even a daemon that is to end, and its return is noticed without anybody asking.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use tempfile::TempDir;
use tokio::time::timeout;
use tonic::Code;
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use vekha_proto::v1;
use vekha_proto::v1::run_service_client::RunServiceClient;
use vekha_proto::v1::status_service_client::StatusServiceClient;
use vekha_tests::database;
use vekha_tests::gate::Gate;
use vekha_tests::smtp::SmtpServer;
use vekha_tests::town::Town;

/// How long anything may take that must happen.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_database_is_told_within_seconds_and_its_return_is_noticed() {
    let url = database::postgres().await;
    let (scheme, rest) = url.split_once("://").unwrap();
    let (before, rest) = rest.rsplit_once('@').unwrap();
    let (server, name) = rest.split_once('/').unwrap();
    let gate = Gate::to(server.to_owned()).await;
    let url = format!("{scheme}://{before}@{}/{name}", gate.address);
    let folder = TempDir::new().unwrap();
    let town = Town::start_on("2026-10-06T09:30", folder, url, SmtpServer::start().await).await;
    let channel = town.channel().await;
    let mut health = HealthClient::new(channel.clone());
    let all = HealthCheckRequest { service: String::new() };
    let mut watched = health.watch(all).await.unwrap().into_inner();
    let mut next = async || {
        let next = timeout(PATIENCE, watched.message()).await.expect("health says something");
        next.unwrap().unwrap().status()
    };
    assert_eq!(next().await, ServingStatus::Serving.into());
    let list = async || {
        let parent = "municipalities/zarechny".to_owned();
        let request = v1::ListRunsRequest { parent, ..Default::default() };
        timeout(PATIENCE, RunServiceClient::new(channel.clone()).list_runs(request)).await
    };
    list().await.unwrap().unwrap();

    gate.shut();
    // One that is asked before anybody knows, and one that is asked afterwards.
    let early = list().await.expect("an answer").unwrap_err();
    assert_eq!(early.code(), Code::Unavailable, "{early}");
    assert_eq!(next().await, ServingStatus::NotServing.into());
    let late = list().await.expect("an answer").unwrap_err();
    assert_eq!(late.code(), Code::Unavailable, "{late}");
    let page = async |path: &str| {
        let page = reqwest::get(format!("{}{path}", town.url()));
        timeout(PATIENCE, page).await.expect("an answer").unwrap().status().as_u16()
    };
    assert_eq!((page("/").await, page("/healthz").await), (503, 503));
    let mut status = StatusServiceClient::new(channel.clone());
    let said = timeout(PATIENCE, status.get_status(v1::GetStatusRequest {})).await.unwrap();
    let troubles = said.unwrap().into_inner().troubles;
    assert_eq!(troubles[0].kind(), v1::TroubleKind::DatabaseAway, "{troubles:?}");
    assert!(troubles[0].words.contains("не отвечает"), "{troubles:?}");

    gate.open();
    assert_eq!(next().await, ServingStatus::Serving.into());
    list().await.unwrap().unwrap();
    assert_eq!(page("/healthz").await, 200);

    gate.shut();
    // Whether it could say good-bye to the database or not.
    timeout(PATIENCE, town.daemon.stop()).await.expect("it ends all the same").ok();
}
