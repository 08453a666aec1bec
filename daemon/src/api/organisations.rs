//! The registry of organisations, from the newest road map.

use tonic::{Request, Response, Status};
use vekha_proto::v1::{self, organisation_service_server::OrganisationService};
use vekha_roadmap::model::Organisation;

use super::filter::{Conditions, Kind, words};
use super::lists::paging;
use super::mutation::{Asked, Mutation};
use super::{Api, convert, names, status};
use crate::runtime::letters::returns::comparable;
use crate::runtime::views::addresses::{AddressState, Addresses, DeadAddress};
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
        Ok(Response::new(describe(&municipality, organisation, &address, dead)))
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
