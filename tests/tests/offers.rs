//! What may be done with runs is told by the daemon. What is told is taken, up to the limits that are
//! told with it, and nothing beside it is.

#![allow(clippy::unwrap_used)] // how tests fail

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tonic::Code;
use vekha::access::Role;
use vekha_tests::foreign::*;
use vekha_tests::stranger::{Stranger, wrong_fields};

const OFFERS: &str = "OfferService.ListOffers";

/// `RunService.CancelRun` of `vekha.v1.RunService.CancelRun`.
fn method(offer: &Value) -> &str {
    text(offer, "method").strip_prefix("vekha.v1.").unwrap()
}

fn fields(offer: &Value) -> Vec<Value> {
    offer["fields"].as_array().cloned().unwrap_or_default()
}

fn number(field: &Value, limit: &str) -> usize {
    field[limit].as_u64().unwrap_or_default() as usize
}

/// The request that an offer describes: with what must be there, each text as long as it may be, each
/// date as early as it may be; `more` makes one text longer.
fn request(offer: &Value, more: Option<&str>) -> Value {
    let mut request = json!({ "validateOnly": true });
    let items = fields(offer).iter().find(|f| text(f, "path") == "recommendation.items").cloned();
    for field in fields(offer) {
        let path = text(&field, "path");
        let longer = usize::from(more == Some(path));
        let words = "я".repeat(number(&field, "maxLength") + longer);
        let value = match (text(&field, "value"), text(&field, "earliest")) {
            ("", "") => words,
            ("", earliest) => earliest.to_owned(),
            (value, _) => value.to_owned(),
        };
        // Nobody sees to it already: who does must be said.
        let wanted = field["required"] == true || longer == 1 || path == "keeper";
        match path {
            "names" if value.is_empty() => {}
            "names" => request["names"] = json!([value]),
            "recommendation.name" => request["recommendation"]["name"] = value.into(),
            "recommendation.items" => {}
            "recommendation.items.recommendation" => {
                let count = items.as_ref().map_or(0, |field| number(field, "maxCount"));
                let item = json!({ "recommendation": value });
                request["recommendation"]["items"] = vec![item; count].into();
            }
            "measures.text" if wanted => {
                let due = "2026-12-01";
                let measure = json!({ "text": value, "organisations": ["school-1"], "due": due });
                request["measures"] = json!([measure]);
            }
            "date" => request["date"] = "2026-10-06".into(),
            "answer" => request["answer"] = "ANSWER_PROCEED".into(),
            "answers" => request["answers"] = results(false),
            "file" => {
                request["file"] = json!({ "fileName": "Скан.pdf", "content": "JVBERi0xLjQK" })
            }
            path if wanted => request[path] = value.into(),
            _ => {}
        }
    }
    request
}

async fn offers(stranger: &Stranger, filter: &str) -> Vec<Value> {
    let parent = format!("{TOWN}/activities/-/runs/-");
    walk(stranger, OFFERS, json!({ "parent": parent, "filter": filter }), 7).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_offered_is_taken_up_to_its_limits_and_nothing_beside_it_is() {
    let (_town, stranger) = busy().await;
    let all = offers(&stranger, "").await;
    let named = |offer: &Value| (method(offer).to_owned(), text(offer, "target").to_owned());
    let told: BTreeSet<(String, String)> = all.iter().map(named).collect();
    assert_eq!(told.len(), all.len(), "offered twice");
    let mut kinds: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for offer in &all {
        kinds.entry(method(offer)).or_default().push(offer);
    }
    for wanted in [
        "AssignmentService.ExtendAssignment",
        "AssignmentService.SubmitAssignment",
        "DecisionService.AttachFile",
        "DecisionService.RecordDecision",
        "RecommendationService.ApproveRecommendations",
        "RecommendationService.UpdateRecommendation",
        "RunService.CancelRun",
    ] {
        assert!(kinds.contains_key(wanted), "{wanted} is not offered: {:?}", kinds.keys());
    }

    for offer in &all {
        let (method, target) = (method(offer), text(offer, "target"));
        assert!(!text(offer, "title").is_empty());
        let taken = stranger.call(method, request(offer, None)).await;
        // Of what a form asks its own description tells.
        let by_form = fields(offer).iter().any(|field| text(field, "path") == "answers");
        if let Err(status) = taken {
            let told = wrong_fields(&status);
            assert!(
                by_form && status.code() == Code::InvalidArgument,
                "{offer}: {status} {told:?}"
            );
        }
        for field in fields(offer).iter().filter(|field| number(field, "maxLength") > 0) {
            let path = text(field, "path");
            let refused = stranger.call(method, request(offer, Some(path))).await;
            let refused = refused.err().unwrap_or_else(|| panic!("{method} {target}: {path}"));
            let last = path.rsplit('.').next().unwrap();
            let named = wrong_fields(&refused);
            assert!(named.keys().any(|name| name.ends_with(last)), "{method} {path}: {named:?}");
        }
        for field in fields(offer).iter().filter(|field| !text(field, "earliest").is_empty()) {
            let mut early = request(offer, None);
            let day: jiff::civil::Date = text(field, "earliest").parse().unwrap();
            early["due"] = day.yesterday().unwrap().to_string().into();
            let refused = stranger.call(method, early).await;
            assert!(wrong_fields(&refused.unwrap_err()).contains_key("due"), "{method} {target}");
        }
    }

    // What one thing is offered another one of its kind may not be: asked all the same.
    let mut refused = 0;
    let targets: BTreeSet<&str> = all.iter().map(|offer| text(offer, "target")).collect();
    let collection = |name: &str| name.rsplit('/').nth(1).unwrap_or_default().to_owned();
    for (kind, of_kind) in &kinds {
        // One of each kind asks for all others.
        let of_things = |offer: &&&Value| !text(offer, "target").contains("/stages/");
        let Some(offer) = of_kind.iter().find(of_things) else { continue };
        let own = text(offer, "target");
        let others = targets.iter().filter(|name| collection(name) == collection(own));
        for other in others.map(|name| (*name).to_owned()) {
            if told.contains(&((*kind).to_owned(), other.clone())) {
                continue;
            }
            let asked = serde_json::to_string(&request(offer, None)).unwrap();
            let asked = asked.replace(&format!("\"{own}\""), &format!("\"{other}\""));
            let answer = stranger.call(kind, serde_json::from_str(&asked).unwrap()).await;
            let code = answer.err().unwrap_or_else(|| panic!("{kind} took {other}")).code();
            let codes = [Code::FailedPrecondition, Code::NotFound, Code::InvalidArgument];
            assert!(codes.contains(&code), "{kind} of {other}: {code:?}");
            refused += 1;
        }
    }
    assert!(refused > 20, "only {refused} were tried");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_is_offered_what_their_role_allows() {
    let (_town, stranger) = busy().await;
    let role = |offer: &Value| match method(offer) {
        "RunService.CancelRun"
        | "RunService.SkipRun"
        | "RecommendationService.ApproveRecommendations"
        | "RecommendationService.DiscardRecommendation"
        | "DecisionService.RecordDecision"
        | "MeasureService.AcceptMeasure"
        | "MeasureService.ReturnMeasure"
        | "DecisionService.AcceptMeasure"
        | "DecisionService.ReturnMeasure" => Role::Approver,
        _ => Role::Operator,
    };
    let all = offers(&stranger, "").await;
    for held in [Role::Viewer, Role::Operator, Role::Approver] {
        let grant = json!({ "municipality": TOWN, "role": format!("ROLE_{}", held.as_str().to_uppercase()) });
        let token = json!({ "displayName": held.as_str(), "roles": [grant] });
        let made =
            stranger.call("TokenService.CreateToken", json!({ "token": token })).await.unwrap();
        let own = stranger.clone().with_authorization(&format!("Bearer {}", text(&made, "secret")));
        let seen = offers(&own, "").await;
        let expected: Vec<&Value> = all.iter().filter(|offer| role(offer) <= held).collect();
        assert_eq!(seen.iter().collect::<Vec<_>>(), expected, "{held:?}");
    }
    let cancel = offers(&stranger, "method = CancelRun").await;
    assert!(
        cancel.iter().all(|offer| method(offer) == "RunService.CancelRun") && !cancel.is_empty()
    );
    let whose = |offer: &Value| text(offer, "run").split('/').nth(3).unwrap().to_owned();
    let filters = ["activity = vpr AND period = 2025-26", "activity = vpr AND state = ACTIVE"];
    for filter in filters {
        let of_vpr = offers(&stranger, filter).await;
        assert!(!of_vpr.is_empty() && of_vpr.iter().all(|offer| whose(offer) == "vpr"), "{filter}");
    }
    assert_eq!(offers(&stranger, "activity = vpr AND state = completed").await, [json!(null); 0]);
    let of_one = offers(&stranger, "organisation = school-2").await;
    assert!(of_one.iter().any(|offer| text(offer, "target").ends_with("school-2")));
    assert!(!of_one.iter().any(|offer| text(offer, "target").ends_with("school-1")));
    // What is about no organisation is none of its.
    assert!(of_one.iter().all(|offer| text(offer, "target").ends_with("school-2")), "{of_one:?}");
}
