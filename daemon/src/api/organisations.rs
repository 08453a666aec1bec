//! The registry of organisations, from the newest road map.

use tonic::{Request, Response, Status};
use vekha_proto::v1::{self, organisation_service_server::OrganisationService};
use vekha_roadmap::model::Organisation;

use super::filter::{Conditions, Kind, words};
use super::lists::paging;
use super::mutation::{Asked, Mutation};
use super::{Api, convert, names, status};
use crate::runtime::acts::calendars::NoCalendar;
use crate::runtime::letters::returns::comparable;
use crate::runtime::views::addresses::{AddressState, Addresses, DeadAddress};
use crate::store::entities;
use crate::store::read::calendars::Reader;
use crate::store::write::calendars::{Given, MOST};
use crate::wire::Twin as _;

fn describe(
    municipality: &str,
    o: &Organisation,
    address: &AddressState,
    dead: Vec<DeadAddress>,
) -> v1::Organisation {
    let (address_state, address_reason, address_at) = convert::address(address);
    v1::Organisation {
        name: format!("municipalities/{municipality}/organisations/{}", o.code),
        code: o.code.clone(),
        kind: o.kind.wire().into(),
        display_name: o.name.clone(),
        short: o.short.clone(),
        email: o.email.clone(),
        since: o.since.to_string(),
        until: o.until.map(|d| d.to_string()).unwrap_or_default(),
        contacts: o.contacts.iter().map(convert::contact).collect(),
        address_state: address_state.into(),
        address_reason,
        address_at,
        dead_addresses: dead.into_iter().map(convert::dead_address).collect(),
        calendars: vec![],
    }
}

fn calendar(row: &entities::calendar::Model) -> v1::Calendar {
    let entities::calendar::Model { municipality, organisation, id, .. } = row;
    v1::Calendar {
        name: format!("municipalities/{municipality}/organisations/{organisation}/calendars/{id}"),
        created_by: row.created_by.clone(),
        created_at: Some(convert::micros(row.created_at)),
        url: String::new(),
    }
}

#[tonic::async_trait]
impl OrganisationService for Api {
    async fn list_organisations(
        &self,
        request: Request<v1::ListOrganisationsRequest>,
    ) -> Result<Response<v1::ListOrganisationsResponse>, Status> {
        let r = request.into_inner();
        let municipality = names::municipality("parent", &r.parent)?;
        let fields = [
            words!("kind", "ORGANISATION_KIND_", OrganisationKind),
            ("active", Kind::Flag),
            words!("address_state", "ADDRESS_STATE_", AddressState),
        ];
        let conditions = Conditions::parse(&r.filter, &fields)?;
        let paging = paging!(r)?;
        let version = self.runtime.road_maps().newest(&municipality);
        let version = version.ok_or_else(|| status::not_found(&r.parent))?;
        let today = version.road_map.municipality.today(self.runtime.clock().now());
        let addresses = Addresses::load(&self.runtime, &version).await;
        let addresses = addresses.map_err(status::unavailable)?;
        let organisations = version.road_map.organisations.iter();
        let all = organisations
            .map(|o| (o, addresses.of(o)))
            .filter(|(o, address)| {
                conditions.allow("kind", o.kind.as_str())
                    && conditions.allow("address_state", address.as_str())
                    && conditions.flag("active").is_none_or(|active| active == o.active_on(today))
            })
            .map(|(o, address)| describe(&municipality, o, &address, addresses.dead(o)))
            .collect();
        let (organisations, next_page_token) =
            paging.slice(all, |o: &v1::Organisation| o.name.clone());
        Ok(Response::new(v1::ListOrganisationsResponse { organisations, next_page_token }))
    }

    async fn get_organisation(
        &self,
        request: Request<v1::GetOrganisationRequest>,
    ) -> Result<Response<v1::Organisation>, Status> {
        let name = request.into_inner().name;
        let not_found = || status::not_found(&name);
        let (parent, code) = names::split("name", &name, "organisations")?;
        let municipality = names::municipality("name", parent)?;
        let version = self.runtime.road_maps().newest(&municipality).ok_or_else(not_found)?;
        let organisation = version.road_map.organisation(code).ok_or_else(not_found)?;
        let addresses = Addresses::load_of(&self.runtime, &version, [code].into_iter()).await;
        let addresses = addresses.map_err(status::unavailable)?;
        let (address, dead) = (addresses.of(organisation), addresses.dead(organisation));
        let reader = Reader::Organisation(code);
        let calendars = self.runtime.store().calendars_of(&municipality, reader).await;
        let calendars = calendars.map_err(status::unavailable)?;
        let described = describe(&municipality, organisation, &address, dead);
        Ok(Response::new(v1::Organisation {
            calendars: calendars.iter().map(calendar).collect(),
            ..described
        }))
    }

    async fn create_calendar(
        &self,
        request: Request<v1::CreateCalendarRequest>,
    ) -> Result<Response<v1::Calendar>, Status> {
        let r = Asked::of(request);
        let mutation = Mutation::read(&r)?;
        let r = r.message;
        let not_found = || status::not_found(&r.parent);
        let (above, code) = names::split("parent", &r.parent, "organisations")?;
        let municipality = names::municipality("parent", above)?;
        let version = self.runtime.road_maps().newest(&municipality).ok_or_else(not_found)?;
        version.road_map.organisation(code).ok_or_else(not_found)?;
        // Which it was is not kept with the request, and its address is told once.
        if self.before(&mutation).await?.is_some() {
            return Ok(Response::new(v1::Calendar::default()));
        }
        let reader = Reader::Organisation(code);
        let enough = || {
            let why = format!("календарей уже {MOST}: сначала отзовите лишние");
            status::invalid("parent", why)
        };
        if mutation.validate_only {
            let known = self.runtime.store().calendars_of(&municipality, reader).await;
            let known = known.map_err(status::unavailable)?;
            return match (known.len() as u64) < MOST {
                true => Ok(Response::new(v1::Calendar {
                    created_by: mutation.actor,
                    ..Default::default()
                })),
                false => Err(enough()),
            };
        }
        let request =
            mutation.request.as_ref().map(|request| self.runtime.noted(request, String::new()));
        match self.runtime.give_calendar(&municipality, reader, request, &mutation.actor).await {
            Ok(new) => Ok(Response::new(v1::Calendar { url: new.url, ..calendar(&new.row) })),
            Err(NoCalendar::Before) => {
                self.before(&mutation).await?;
                Ok(Response::new(v1::Calendar::default()))
            }
            Err(NoCalendar::Enough) => Err(enough()),
            Err(NoCalendar::Away(e)) => Err(status::unavailable(e)),
        }
    }

    async fn revoke_calendar(
        &self,
        request: Request<v1::RevokeCalendarRequest>,
    ) -> Result<Response<v1::Calendar>, Status> {
        let r = Asked::of(request);
        let mutation = Mutation::read(&r)?;
        let r = r.message;
        let not_found = || status::not_found(&r.name);
        let (above, id) = names::split("name", &r.name, "calendars")?;
        let (above, code) = names::split("name", above, "organisations")?;
        let municipality = names::municipality("name", above)?;
        // Repeated, it is not there any more, and its name is all that is left to tell.
        let gone = || v1::Calendar { name: r.name.clone(), ..Default::default() };
        if self.before(&mutation).await?.is_some() {
            return Ok(Response::new(gone()));
        }
        let reader = Reader::Organisation(code);
        let known = self.runtime.store().calendars_of(&municipality, reader).await;
        let known = known.map_err(status::unavailable)?;
        let row = known.into_iter().find(|row| row.id == id).ok_or_else(not_found)?;
        if !mutation.validate_only {
            let request =
                mutation.request.as_ref().map(|request| self.runtime.noted(request, String::new()));
            let actor = &mutation.actor;
            let back =
                self.runtime.take_calendar_back(&municipality, reader, id, request, actor).await;
            match back.map_err(status::unavailable)? {
                // Somebody else was faster: that is what was wanted.
                Given::Now | Given::Not => {}
                Given::Before => {
                    self.before(&mutation).await?;
                }
            }
        }
        Ok(Response::new(calendar(&row)))
    }

    async fn confirm_address(
        &self,
        request: Request<v1::ConfirmAddressRequest>,
    ) -> Result<Response<v1::Organisation>, Status> {
        let r = Asked::of(request);
        let mutation = Mutation::read(&r)?;
        let r = r.message;
        let not_found = || status::not_found(&r.name);
        let (parent, code) = names::split("name", &r.name, "organisations")?;
        let municipality = names::municipality("name", parent)?;
        let version = self.runtime.road_maps().newest(&municipality).ok_or_else(not_found)?;
        let organisation = version.road_map.organisation(code).ok_or_else(not_found)?;
        let wanted = comparable(&r.address);
        let meant = |email: &str| r.address.is_empty() || comparable(email) == wanted;
        if !organisation.addressees().iter().any(|(_, email)| meant(email)) {
            let why = format!("у организации «{code}» нет такого адреса в реестре");
            return Err(status::invalid("address", &why));
        }
        let before = self.before(&mutation).await?.is_some();
        if !mutation.validate_only && !before {
            let request =
                mutation.request.as_ref().map(|request| self.runtime.noted(request, String::new()));
            let address = Some(r.address.as_str()).filter(|address| !address.is_empty());
            let (whose, actor) = ((municipality.as_str(), code), &mutation.actor);
            let confirmed = self.runtime.confirm_addresses(whose, address, request, actor).await;
            // A call of the same id was faster, with what it asked.
            if confirmed.map_err(status::unavailable)?.is_none() {
                self.before(&mutation).await?;
            }
        }
        let addresses = Addresses::load_of(&self.runtime, &version, [code].into_iter()).await;
        let mut addresses = addresses.map_err(status::unavailable)?;
        if mutation.validate_only && !before {
            addresses.would_live(organisation, meant);
        }
        let (address, dead) = (addresses.of(organisation), addresses.dead(organisation));
        Ok(Response::new(describe(&municipality, organisation, &address, dead)))
    }
}
