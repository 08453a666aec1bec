//! Documents that take longer to make than a call usually takes.

use tonic::{Request, Response, Status};
use vekha_proto::v1::{self, document_service_server::DocumentService};

use super::downloads::{self, Made, Pieces};
use super::{Api, names, status};
use crate::console::year::evidence;
use crate::forms::DOCX;
use crate::reports;
use crate::runtime::documents::reports::published_by;

/// Years of which there may be something.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=2200;

#[tonic::async_trait]
impl DocumentService for Api {
    type DownloadArchiveStream = Pieces<v1::Download>;

    async fn download_archive(
        &self,
        request: Request<v1::DownloadArchiveRequest>,
    ) -> Result<Response<Self::DownloadArchiveStream>, Status> {
        let named = request.into_inner().name;
        let (parent, year) = names::split("name", &named, "archives")?;
        let municipality = names::municipality("name", parent)?;
        let year: i16 = year.parse().ok().filter(|year| YEARS.contains(year)).ok_or_else(|| {
            status::invalid("name", format!("«{named}»: нужен год, municipalities/m/archives/2027"))
        })?;
        let newest = self.runtime.road_maps().newest(&municipality);
        let newest = newest.ok_or_else(|| status::not_found(parent))?;
        let runtime = self.runtime.clone();
        Ok(Response::new(downloads::give(move |telling| async move {
            let told = |done, total, making: &str| telling.tell(done, total, making);
            let archive = evidence::packed(&runtime, &newest, year, &told).await;
            let archive = archive.map_err(status::unavailable)?;
            let bytes = tokio::task::spawn_blocking(move || archive.finish()).await;
            let failed = |e: &dyn std::fmt::Display| status::machine(&format!("архив: {e}"));
            let bytes = bytes.map_err(|e| failed(&e))?.map_err(|e| failed(&e))?;
            let name = format!("evidence-{municipality}-{year}.zip");
            Ok(Made { name, content_type: "application/zip", bytes })
        })))
    }

    type DownloadPublicationStream = Pieces<v1::Download>;

    async fn download_publication(
        &self,
        request: Request<v1::DownloadPublicationRequest>,
    ) -> Result<Response<Self::DownloadPublicationStream>, Status> {
        let r = request.into_inner();
        let (key, named) = names::run_or_stage("name", &r.name)?;
        let run = self.loaded(&key).await?.run;
        let version = self.runtime.road_maps().version(&key.municipality, run.road_map);
        let version = version.ok_or_else(|| status::not_found("версия дорожной карты"))?;
        let there = run.stages.iter().filter(|stage| !stage.location.is_empty());
        let mut there = there.filter(|stage| named.as_ref().is_none_or(|id| *id == stage.id));
        let newest = there.by_ref().max_by_key(|stage| stage.completed_at);
        let newest = newest.map(|stage| stage.id.clone());
        let stage = newest.ok_or_else(|| status::not_found(format!("публикация {}", r.name)))?;
        let format = r.format();
        let runtime = self.runtime.clone();
        Ok(Response::new(downloads::give(move |_| async move {
            let rendered = published_by(&runtime, &version, &run, &stage).await;
            let rendered = rendered.map_err(status::unavailable)?;
            let rendered =
                rendered.ok_or_else(|| status::not_found(format!("публикация {stage}")))?;
            let named = |ending: &str| reports::file_name(&key, &stage, None, ending);
            Ok(match format {
                v1::PublicationFormat::Html => Made {
                    name: named("html"),
                    content_type: "text/html; charset=utf-8",
                    bytes: rendered.html.into_bytes(),
                },
                v1::PublicationFormat::Docx | v1::PublicationFormat::Unspecified => {
                    Made { name: named("docx"), content_type: DOCX, bytes: rendered.docx }
                }
            })
        })))
    }
}
