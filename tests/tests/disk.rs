//! A disk that is full for a while: what is asked meanwhile is refused, and what is accepted before,
//! between and afterwards is there after a restart. The daemon is a process of its own; its disk ends
//! where the system's limit on the size of its files ends (`prlimit`).

#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stdout)] // how a test says what it counted

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sea_orm::{Database, EntityTrait as _};
use serde_json::json;
use tokio::process::{Child, Command};
use tonic::transport::Channel;
use vekha::api::convert;
use vekha::store::entities::submission;
use vekha_proto::v1;
use vekha_proto::v1::assignment_service_client::AssignmentServiceClient;
use vekha_proto::v1::status_service_client::StatusServiceClient;
use vekha_tests::smtp::SmtpServer;
use vekha_tests::town;
use vekha_tests::victim::{PATIENCE, Victim};

const RUN: &str = "municipalities/zarechny/activities/low-result-schools/runs/2025-26";

/// The daemon's files may grow to this size, in bytes; without one, as far as the disk goes.
async fn limit(child: &Child, bytes: Option<u64>) {
    let bytes = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
    let pid = child.id().expect("it lives").to_string();
    let limit = format!("--fsize={bytes}:unlimited");
    let status = Command::new("prlimit").args(["--pid", &pid, &limit]).status().await;
    assert!(status.unwrap().success(), "prlimit");
}

/// Answers for a school; the figure makes each answer one of its own.
async fn submit(channel: &Channel, school: u32, figure: u32) -> Result<u32, tonic::Status> {
    let row = json!({ "procedure": "ВПР", "grade": 5, "subject": "Математика",
        "participants": 500 + figure, "marks_2": 0, "marks_3": 500, "marks_4": figure,
        "marks_5": 0 });
    let answers = json!({ "procedures": [row] });
    let request = v1::SubmitAssignmentRequest {
        name: format!("{RUN}/assignments/collect.school-{school}"),
        answers: Some(convert::structure(answers.as_object().unwrap())),
        actor: "test".into(),
        ..Default::default()
    };
    let mut client = AssignmentServiceClient::new(channel.clone());
    Ok(client.submit_assignment(request).await?.into_inner().version)
}

/// Waits until what the daemon says of itself is so, ten seconds at most.
async fn troubles_become(channel: &Channel, wanted: impl Fn(&[v1::Trouble]) -> bool) {
    let mut service = StatusServiceClient::new(channel.clone());
    let begun = Instant::now();
    loop {
        let status = service.get_status(v1::GetStatusRequest {}).await.unwrap().into_inner();
        if wanted(&status.troubles) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", status.troubles);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_accepted_before_within_and_after_a_full_disk_is_there_after_a_restart() {
    let mail = SmtpServer::start().await;
    let victim = Victim::new(mail.port());
    let mut child = victim.start_starvable();
    victim.serves().await;
    let address = format!("http://127.0.0.1:{}", victim.port);
    let channel = Channel::from_shared(address).unwrap().connect_lazy();
    town::ask_schools(channel.clone()).await;

    let mut accepted: BTreeMap<(u32, u32), u32> = BTreeMap::new();
    let (mut figure, mut refused) = (0, 0);
    // Schools 1 to 5: the sixth stays silent, so that the stage stays open.
    for round in 0..6_u64 {
        let full = round % 2 == 1;
        if full {
            let mut log = victim.database().into_os_string();
            log.push("-wal");
            let size = std::fs::metadata(log).unwrap().len();
            // In the middle of a page, a little further than the log is now.
            limit(&child, Some(size + 30_000 * round + 123)).await;
        } else {
            limit(&child, None).await;
            // It comes to itself by itself, and soon.
            let begun = Instant::now();
            while submit(&channel, 1, 0)
                .await
                .map(|version| accepted.insert((1, version), 0))
                .is_err()
            {
                assert!(begun.elapsed() < Duration::from_secs(10), "it does not recover");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        for _ in 0..30 {
            figure += 1;
            let school = 1 + figure % 5;
            match submit(&channel, school, figure).await {
                Ok(version) => {
                    assert_eq!(accepted.insert((school, version), figure), None, "a version once");
                }
                Err(status) => {
                    assert!(full, "refused without a reason: {status}");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 0, "the disk was never full");
    // It is told while it lasts, and its end is noticed though nobody asks for anything.
    let told = troubles_become(&channel, |troubles| {
        troubles.iter().any(|t| t.words.contains("не принимает записей"))
    });
    told.await;
    limit(&child, None).await;
    troubles_become(&channel, <[v1::Trouble]>::is_empty).await;
    let asked = child.id().unwrap().to_string();
    assert!(Command::new("kill").arg(asked).status().await.unwrap().success());
    let ended = tokio::time::timeout(PATIENCE, child.wait()).await.expect("it ends").unwrap();
    assert!(ended.success(), "{ended}");

    let url = format!("sqlite:{}", victim.database().display());
    let disk = Database::connect(url).await.unwrap();
    let stored = submission::Entity::find().all(&disk).await.unwrap();
    let found: BTreeMap<(String, i32), String> =
        stored.into_iter().map(|row| ((row.assignment, row.version), row.answers)).collect();
    for ((school, version), figure) in &accepted {
        let assignment = format!("zarechny/low-result-schools/2025-26/collect.school-{school}");
        let answers = found.get(&(assignment, *version as i32));
        let answers = answers.unwrap_or_else(|| panic!("lost: school {school}, {version}"));
        assert!(answers.contains(&format!("\"marks_4\":{figure},")), "{answers}");
    }
    disk.close().await.unwrap();
    println!("accepted and stored {}, refused {refused}", accepted.len());
    let mut child = victim.start();
    victim.serves().await;
    child.kill().await.unwrap();
}
