//! Two people at one link write at the same instant: neither loses what he typed. On both databases,
//! on PostgreSQL each through a daemon of his own.

#![allow(clippy::unwrap_used)] // how tests fail

use std::path::Path;

use tempfile::TempDir;
use vekha::clock::Clock;
use vekha::server::Daemon;
use vekha_proto::v1;
use vekha_proto::v1::assignment_service_client::AssignmentServiceClient;
use vekha_proto::v1::run_service_client::RunServiceClient;
use vekha_tests::school::{Page, School};
use vekha_tests::smtp::SmtpServer;
use vekha_tests::town::{instant, settings};
use vekha_tests::{database, small};

/// How often each pair of buttons is pressed at once.
const ROUNDS: usize = 8;

/// Daemons over one database.
struct Place {
    daemons: Vec<Daemon>,
    _mail: SmtpServer,
    _folder: TempDir,
}

impl Place {
    async fn sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        let database = format!("sqlite:{}", folder.path().join("vekha.db").display());
        Place::of(folder, database, 1).await
    }

    async fn postgres() -> Self {
        Place::of(TempDir::new().unwrap(), database::postgres().await, 2).await
    }

    async fn of(folder: TempDir, database: String, daemons: usize) -> Self {
        let mail = SmtpServer::start().await;
        let clock = Clock::manual(instant("2027-03-01T10:00"));
        let road_map = folder.path().join("road-map");
        write(&road_map);
        let mut place = Place { daemons: vec![], _mail: mail, _folder: folder };
        for _ in 0..daemons {
            let mut settings = settings(&place._folder, database.clone(), place._mail.port());
            settings.road_maps = vec![road_map.clone()];
            place.daemons.push(Daemon::start_at(settings, Some(clock.clone())).await.unwrap());
        }
        place
    }

    fn url(&self, writer: usize) -> String {
        format!("http://{}", self.daemons[writer % self.daemons.len()].address)
    }

    /// A run of its own: the path of the school's link, and the assignment's id.
    async fn asked(&self, part: &str) -> (String, String) {
        let parent = format!("municipalities/{}/activities/{}", small::MUNICIPALITY, small::SURVEY);
        let channel = tonic::transport::Channel::from_shared(self.url(0)).unwrap();
        let channel = channel.connect().await.unwrap();
        let part = part.to_owned();
        let start =
            v1::StartRunRequest { parent, period: "2027".into(), part, ..Default::default() };
        let run = RunServiceClient::new(channel.clone()).start_run(start).await.unwrap();
        let name = run.into_inner().name;
        let list = v1::ListAssignmentsRequest {
            parent: name,
            page_size: 10,
            show_link: true,
            ..Default::default()
        };
        let listed = AssignmentServiceClient::new(channel).list_assignments(list).await.unwrap();
        let mut listed = listed.into_inner().assignments;
        listed.retain(|assignment| assignment.name.ends_with(".school-1"));
        let assignment = listed.remove(0);
        let link = assignment.link[assignment.link.find("/a/").unwrap()..].to_owned();
        let id = assignment.name.replace("municipalities/", "").replace("activities/", "");
        (link, id.replace("runs/", "").replace("assignments/", ""))
    }
}

fn write(road_map: &Path) {
    let mut files = small::files();
    // One who never answers keeps the collection open.
    files.0.get_mut("organisations.toml").unwrap().push_str(
        "\n[[organisation]]\ncode = \"school-2\"\nkind = \"school\"\nname = \"Школа № 2\"\n\
         email = \"school-2@example.org\"\n",
    );
    for (path, text) in &files.0 {
        let path = road_map.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

fn typed(pupils: usize, button: &str) -> Vec<(String, String)> {
    let mut fields = vec![
        ("pupils".to_owned(), pupils.to_string()),
        ("low".to_owned(), (pupils / 2).to_string()),
    ];
    if button == "save" {
        fields.push(("_save".to_owned(), "1".to_owned()));
    }
    fields
}

/// Whether a page shows what both typed: the writer's in its field, the other's beside it.
fn shows_both(page: &Page, mine: usize, theirs: usize) -> bool {
    page.html.contains(&format!("name=\"pupils\" value=\"{mine}\""))
        && page.html.contains(&format!("У другого человека: {theirs}"))
}

async fn two_writers_at_once_never_lose_what_either_typed(place: Place) {
    let mut asked = 0;
    for round in 0..ROUNDS {
        for buttons in [["save", "save"], ["save", "send"], ["send", "send"]] {
            let what = format!("round {round}, {buttons:?}");
            let (path, id) = place.asked(&format!("r{round}-{}-{}", buttons[0], buttons[1])).await;
            let links = [0, 1].map(|writer| format!("{}{path}", place.url(writer)));
            let schools = [School::default(), School::default()];
            let opened = [schools[0].open(&links[0]).await, schools[1].open(&links[1]).await];
            let pupils = [1000 + round, 2000 + round];
            let fields = [typed(pupils[0], buttons[0]), typed(pupils[1], buttons[1])];
            let pages: [Page; 2] = tokio::join!(
                schools[0].send_from(&opened[0], &links[0], &fields[0]),
                schools[1].send_from(&opened[1], &links[1], &fields[1]),
            )
            .into();
            let accepted: Vec<usize> =
                (0..2).filter(|n| pages[*n].status.as_u16() == 200).collect();
            match accepted.as_slice() {
                [winner] => {
                    asked += 1;
                    let loser = 1 - winner;
                    let page = &pages[loser];
                    assert_eq!(page.status.as_u16(), 409, "{what}: {}", page.html);
                    let both = shows_both(page, pupils[loser], pupils[*winner]);
                    assert!(both, "{what}: {}", page.html);
                    // Having seen both, he decides.
                    let page = schools[loser].send_from(page, &links[loser], &fields[loser]).await;
                    assert_eq!(page.status.as_u16(), 200, "{what}: {}", page.html);
                }
                // The draft came while the answer was on its way: the answer stands, and the draft is
                // shown upon it.
                [0, 1] if buttons == ["save", "send"] => {
                    let page = schools[1].open(&links[1]).await;
                    let draft = format!("name=\"pupils\" value=\"{}\"", pupils[0]);
                    assert!(page.html.contains(&draft), "{what}: {}", page.html);
                }
                _ => panic!("{what}: {}\n{}", pages[0].html, pages[1].html),
            }
            // What was told «accepted» is there, each answer once.
            let store = place.daemons[0].runtime.store();
            let answers = store.submissions(&id).await.unwrap();
            let sent = buttons.iter().filter(|button| **button == "send").count();
            assert_eq!(answers.len(), sent, "{what}");
        }
    }
    assert!(asked >= 2 * ROUNDS, "of two equal buttons one always asks: {asked}");
    for daemon in place.daemons {
        daemon.stop().await.unwrap();
    }
}

mod sqlite {
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn two_writers_at_once_never_lose_what_either_typed() {
        super::two_writers_at_once_never_lose_what_either_typed(super::Place::sqlite().await).await;
    }
}

mod postgres {
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn two_writers_at_once_never_lose_what_either_typed() {
        let place = super::Place::postgres().await;
        super::two_writers_at_once_never_lose_what_either_typed(place).await;
    }
}
